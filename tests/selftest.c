/* selftest.c - the digests of this compiler, for those that do not compile the command: C++, small C compilers */
#define SMASH_IMPLEMENTATION
#include "../smash.h"

static void line(void *user, const char *section, uint64_t digest)
{
    (void)user;
    printf("%-20s  %08lx%08lx\n", section, (unsigned long)(digest >> 32), (unsigned long)(digest & 0xFFFFFFFFu));
}

int main(void)
{
    smash_ctx ctx;
    smash_err err;
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, NULL, 0, smash_allocator_libc());
    err = smash_selftest(&ctx, line, NULL);
    if (err) puts(ctx.message);
    smash_arena_release(&ctx.scratch);
    return err ? 1 : 0;
}
