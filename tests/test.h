/* test.h - the few macros every test file uses. A test is a table and a loop; a failing row prints itself.
 * Each file is a program of its own: main() runs its tests and returns test_done(). */
#ifndef SMASH_TEST_H
#define SMASH_TEST_H
#undef NDEBUG
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_passed, test_failed;

/* One check. On failure prints place, condition and the printf-style row that follows. */
#define CHECK(condition, ...) do { \
    if (condition) test_passed++; \
    else { test_failed++; printf("%s:%d: FAILED %s: ", __FILE__, __LINE__, #condition); printf(__VA_ARGS__); printf("\n"); fflush(stdout); } \
} while (0)

/* The call must return this code; on failure prints what came instead and the message in ctx. */
#define CHECK_ERR(ctx, call, want, ...) do { \
    smash_err test_got; \
    smash_ctx_reset(ctx); \
    test_got = (call); \
    if (test_got == (want)) test_passed++; \
    else { test_failed++; printf("%s:%d: FAILED %s: got %s, want %s (%s): ", __FILE__, __LINE__, #call, smash_err_name(test_got), \
                                 smash_err_name(want), (ctx)->message); printf(__VA_ARGS__); printf("\n"); fflush(stdout); } \
} while (0)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int test_done(void)
{
    printf("%d passed, %d failed\n", test_passed, test_failed);
    return test_failed != 0 || test_passed == 0;
}

/* A malloc allocator that fails at call number test_fail_at (0 = never) and counts what is still out. */
static size_t test_alloc_calls, test_alloc_live, test_fail_at;
static void *test_alloc(void *user, size_t bytes, size_t align)
{
    (void)user; (void)align;
    if (++test_alloc_calls == test_fail_at) return NULL;
    test_alloc_live++;
    return malloc(bytes ? bytes : 1);
}
static void test_release(void *user, void *p, size_t bytes) { (void)user; (void)bytes; test_alloc_live--; free(p); }
static const smash_allocator test_allocator = { test_alloc, NULL, test_release, NULL };

/* A ctx with all the scratch it wants. */
static void test_ctx(smash_ctx *ctx)
{
    smash_ctx_init(ctx);
    smash_arena_init(&ctx->scratch, NULL, 0, &test_allocator);
    (void)test_done; (void)test_ctx;
}
#endif
