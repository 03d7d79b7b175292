/* main.c - the self test without a C library, a heap or an operating system: prints what `smash selftest` prints, then what
 * it took. run.sh builds it for boards (layer 0) and for other CPUs (everything). Exit status: 0 done, 1 failed. */
#define SMASH_IMPLEMENTATION
#include "../../smash.h"
#include "port.h"

#ifndef SCRATCH_BYTES
#define SCRATCH_BYTES 8192
#endif

static unsigned char scratch[SCRATCH_BYTES];

static void selftest_line(void *user, const char *section, uint64_t digest)
{
    char line[] = "                      0000000000000000\n";         /* "%-20s  %016x\n" */
    int i;
    (void)user;
    for (i = 0; section[i]; i++) line[i] = section[i];
    for (i = 0; i < 16; i++) line[22 + i] = "0123456789abcdef"[digest >> (60 - 4 * i) & 15];
    port_write(line);
}

static void write_bytes(const char *before, size_t n, const char *after)
{
    char digits[24];
    int i = (int)sizeof digits - 1;
    digits[i] = '\0';
    do { digits[--i] = (char)('0' + (int)(n % 10)); n /= 10; } while (n);
    port_write(before);
    port_write(digits + i);
    port_write(after);
}

int main(void)
{
    smash_ctx ctx;
    smash_err err;

    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, scratch, sizeof scratch, NULL);
    err = smash_selftest(&ctx, selftest_line, NULL);
    if (err) {
        port_write(smash_err_name(err));
        port_write(": ");
        port_write(ctx.message);
        port_write("\n");
    }
    write_bytes("# scratch ", ctx.scratch.peak, " bytes\n");
    if (port_stack_used()) write_bytes("# stack ", port_stack_used(), " bytes\n");
    return err ? 1 : 0;
}
