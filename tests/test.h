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
    smash_arena_mark test_mark = smash_arena_get_mark(&(ctx)->scratch); \
    smash_ctx_reset(ctx); \
    test_got = (call); \
    if (test_got && test_mark.block == (ctx)->scratch.block && test_mark.used != (ctx)->scratch.used) { test_failed++; printf("%s:%d: FAILED %s keeps scratch\n", __FILE__, __LINE__, #call); } \
    if (test_got == (want)) test_passed++; \
    else { test_failed++; printf("%s:%d: FAILED %s: got %s, want %s (%s): ", __FILE__, __LINE__, #call, smash_err_name(test_got), \
                                 smash_err_name(want), (ctx)->message); printf(__VA_ARGS__); printf("\n"); fflush(stdout); } \
} while (0)

/* make test does the whole; make check has sanitizers and valgrind repeat it with TEST_SHORT in the environment. What takes long by the number
 * of its rounds does fewer then: of each kind some, each way through the code, and no check is another. The examples that train know it too. */
static inline size_t test_count(size_t whole, size_t few) { return getenv("TEST_SHORT") ? few : whole; }

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int test_done(void)
{
    printf("%d passed, %d failed\n", test_passed, test_failed);
    return test_failed != 0 || test_passed == 0;
}

/* An allocator over malloc that fails at call number test_fail_at (0 = never), or at that one and all later ones. It counts
 * the failures, what is still out, and the blocks that come back as another size than was asked for. */
static size_t test_alloc_calls, test_alloc_live, test_alloc_failed, test_alloc_wrong, test_fail_at;
static int test_fail_later;
enum { TEST_ALLOC_HEAD = 16 };
static void *test_alloc(void *user, size_t bytes, size_t align)
{
    unsigned char *p;
    (void)user; (void)align;
    test_alloc_calls++;
    if (test_fail_at && (test_alloc_calls == test_fail_at || (test_fail_later && test_alloc_calls > test_fail_at))) { test_alloc_failed++; return NULL; }
    p = (unsigned char *)malloc(bytes + TEST_ALLOC_HEAD);
    if (!p) abort();
    memcpy(p, &bytes, sizeof bytes);
    test_alloc_live++;
    return p + TEST_ALLOC_HEAD;
}
static void *test_resize(void *user, void *p, size_t old_bytes, size_t bytes, size_t align)
{
    unsigned char *q = (unsigned char *)p - TEST_ALLOC_HEAD, *moved = (unsigned char *)test_alloc(user, bytes, align);
    test_alloc_wrong += memcmp(q, &old_bytes, sizeof old_bytes) != 0;
    if (!moved) return NULL;
    memcpy(moved, p, old_bytes < bytes ? old_bytes : bytes);
    memset(q, 0x5A, TEST_ALLOC_HEAD + old_bytes);
    free(q);
    test_alloc_live--;
    return moved;
}
static void test_release(void *user, void *p, size_t bytes)
{
    (void)user;
    test_alloc_wrong += memcmp((unsigned char *)p - TEST_ALLOC_HEAD, &bytes, sizeof bytes) != 0;
    test_alloc_live--;
    free((unsigned char *)p - TEST_ALLOC_HEAD);
}
static const smash_allocator test_allocator = { test_alloc, test_resize, test_release, NULL };

/* A ctx with all the scratch it wants. */
static void test_ctx(smash_ctx *ctx)
{
    smash_ctx_init(ctx);
    smash_arena_init(&ctx->scratch, NULL, 0, &test_allocator);
    (void)test_done; (void)test_ctx;
}

/* Bits of numbers, and back */
static inline float    float_of(uint32_t bits)  { float x; memcpy(&x, &bits, sizeof x); return x; }
static inline uint32_t bits_of(float x)         { uint32_t bits; memcpy(&bits, &x, sizeof bits); return bits; }
static inline void     floats_of(const uint32_t *bits, float *x, size_t n) { size_t i; for (i = 0; i < n; i++) x[i] = float_of(bits[i]); }
static inline double   double_of(uint64_t bits) { double x; memcpy(&x, &bits, sizeof x); return x; }
static inline uint64_t bits64_of(double x)      { uint64_t bits; memcpy(&bits, &x, sizeof bits); return bits; }

/* A number that no compiler knows, for casts to enums that do not have it */
static inline int test_int(int n)
{
    volatile int unknown = n;
    return unknown;
}

static inline double magnitude(double x) { return x < 0 ? -x : x; }

/* A view whose capacity is what its shape takes. */
static inline smash_tensor test_view(smash_dtype dtype, const void *data, uint32_t ndim, const size_t *shape)
{
    smash_tensor t = smash_tensor_view(dtype, data, 0, ndim, shape);
    smash_tensor_bytes(&t, &t.bytes);
    return t;
}

static inline smash_tensor row_view(const void *data, smash_dtype dtype, size_t n) { return test_view(dtype, data, 1, &n); }

static inline smash_quant_desc test_quant_desc(uint32_t bits, uint32_t is_unsigned, smash_scheme scheme)
{
    smash_quant_desc d = SMASH_ZERO;
    d.bits = bits;
    d.is_unsigned = is_unsigned;
    d.scheme = scheme;
    return d;
}

/* Numbers and integers of any dtype, one at a time */
static inline double number_at(smash_dtype dtype, const void *data, size_t i)
{
    switch (dtype) {
    case SMASH_F32: return (double)((const float *)data)[i];
    case SMASH_F64: return ((const double *)data)[i];
    case SMASH_F16: return (double)smash_f16_to_f32(((const uint16_t *)data)[i]);
    default:        return (double)smash_bf16_to_f32(((const uint16_t *)data)[i]);
    }
}

static inline void set_number(smash_dtype dtype, void *data, size_t i, double x)
{
    switch (dtype) {
    case SMASH_F32: ((float *)data)[i] = (float)x; break;
    case SMASH_F64: ((double *)data)[i] = x; break;
    case SMASH_F16: ((uint16_t *)data)[i] = smash_f64_to_f16(x); break;
    default:        ((uint16_t *)data)[i] = smash_f64_to_bf16(x); break;
    }
}

static inline int32_t int_at(smash_dtype dtype, const void *data, size_t i)
{
    unsigned bits = smash_dtype_bits(dtype), u;
    int is_signed = dtype == SMASH_I4 || dtype == SMASH_I2;
    switch (dtype) {
    case SMASH_I8:  return ((const int8_t *)data)[i];
    case SMASH_U8:  return ((const uint8_t *)data)[i];
    case SMASH_I16: return ((const int16_t *)data)[i];
    case SMASH_U16: return ((const uint16_t *)data)[i];
    case SMASH_I32: return ((const int32_t *)data)[i];
    default: break;
    }
    u = (unsigned)((const uint8_t *)data)[i * bits / 8] >> i * bits % 8 & ((1u << bits) - 1u);
    return is_signed && u >> (bits - 1) ? (int32_t)u - (1 << bits) : (int32_t)u;
}

/* A buffer of exactly this many bytes, so that the sanitizer sees one byte over. */
static inline void *test_exact(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p) abort();
    memset(p, 0x5A, bytes);
    return p;
}

/* A parallel_for that takes the last piece of work first. */
static inline void test_backwards(void *user, size_t count, void (*fn)(void *arg, size_t index), void *arg)
{
    (void)user;
    while (count) fn(arg, --count);
}

/* A file in memory, whose callbacks fail at call number fail_at (0 = never). */
typedef struct test_buffer { unsigned char data[262144]; size_t used, calls, fail_at; } test_buffer;
static inline int test_buffer_write(void *user, uint64_t offset, const void *data, size_t bytes)
{
    test_buffer *f = (test_buffer *)user;
    if (++f->calls == f->fail_at || offset + bytes > sizeof f->data) return 1;
    memcpy(f->data + offset, data, bytes);
    if (offset + bytes > f->used) f->used = (size_t)(offset + bytes);
    return 0;
}
static inline int test_buffer_read(void *user, uint64_t offset, void *data, size_t bytes)
{
    test_buffer *f = (test_buffer *)user;
    if (++f->calls == f->fail_at || offset + bytes > f->used) return 1;
    memcpy(data, f->data + offset, bytes);
    return 0;
}
#endif
