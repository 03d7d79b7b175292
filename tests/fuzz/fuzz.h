/* fuzz.h - what every fuzz target uses. A target is one function, LLVMFuzzerTestOneInput, and asks more of the library
 * than not to crash: a property that does not hold prints itself and ends the program. libFuzzer drives it in `make fuzz`,
 * fuzz_main.c replays the corpus in `make test`. */
#ifndef SMASH_FUZZ_H
#define SMASH_FUZZ_H
#undef NDEBUG
#include "../../smash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define FUZZ_CHECK(condition, ...) do { \
    if (!(condition)) { fprintf(stderr, "%s:%d: FAILED %s: ", __FILE__, __LINE__, #condition); fprintf(stderr, __VA_ARGS__); fputc('\n', stderr); abort(); } \
} while (0)

/* Memory from malloc, so that a sanitizer sees every byte of it, and never more than FUZZ_CAP at once: an input of a few
 * kilobytes has no business with more, and running out of it must be as harmless as any other failure. */
enum { FUZZ_CAP = 64 << 20 };
static size_t fuzz_live;
static void *fuzz_alloc(void *user, size_t bytes, size_t align)
{
    void *p = NULL;
    (void)user; (void)align;
    if (bytes <= FUZZ_CAP - fuzz_live) p = malloc(bytes ? bytes : 1);
    if (p) fuzz_live += bytes;
    return p;
}
static void fuzz_release(void *user, void *p, size_t bytes) { (void)user; fuzz_live -= bytes; free(p); }
static const smash_allocator fuzz_allocator = { fuzz_alloc, NULL, fuzz_release, NULL };

/* The input again in a piece of memory of exactly its size, so that one byte over is seen. */
static char *fuzz_copy(const void *data, size_t bytes)
{
    char *copy = (char *)malloc(bytes ? bytes : 1);
    FUZZ_CHECK(copy, "no memory");
    if (bytes) memcpy(copy, data, bytes);
    return copy;
}

/* ... and as a terminated text, up to its first 0 */
static char *fuzz_text(const void *data, size_t bytes)
{
    const void *zero = bytes ? memchr(data, 0, bytes) : NULL;
    char *copy;
    if (zero) bytes = (size_t)((const char *)zero - (const char *)data);
    copy = (char *)malloc(bytes + 1);
    FUZZ_CHECK(copy, "no memory");
    if (bytes) memcpy(copy, data, bytes);
    copy[bytes] = '\0';
    return copy;
}

static void fuzz_begin(smash_ctx *ctx, smash_arena *arena)
{
    smash_ctx_init(ctx);
    smash_arena_init(&ctx->scratch, NULL, 0, &fuzz_allocator);
    smash_arena_init(arena, NULL, 0, &fuzz_allocator);
    (void)fuzz_copy; (void)fuzz_text;
}

/* Scratch must be back at its start, and nothing may be left of arena but what it knows of. */
static void fuzz_end(smash_ctx *ctx, smash_arena *arena)
{
    FUZZ_CHECK(!ctx->scratch.block && !ctx->scratch.used, "scratch was not given back");
    smash_arena_release(arena);
    FUZZ_CHECK(fuzz_live == 0, "%lu bytes leaked", (unsigned long)fuzz_live);
}
#endif
