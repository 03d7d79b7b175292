/* Memory, ctx, rounding, exp and its friends, digest, random. */
#include "../smash.h"
#include "test.h"
#include "golden/digest.h"
#include "golden/math_values.h"

/* ---- arena ---- */

static void test_arena_buffer(smash_ctx *ctx)
{
    static const struct { size_t room, first, second; int fits; } rows[] = {
        { 64, 64, 0, 1 }, { 64, 65, 0, 0 }, { 64, 16, 48, 1 }, { 64, 16, 49, 0 }, { 64, 1, 48, 1 }, { 64, 1, 49, 0 }, { 64, 17, 32, 1 }, { 64, 17, 33, 0 },
        { 16, 16, 0, 1 }, { 1, 1, 0, 1 }, { 10, 10, 1, 0 }, { 64, SIZE_MAX, 0, 0 }, { 64, 8, SIZE_MAX, 0 },
    };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        unsigned char *room = (unsigned char *)malloc(rows[i].room), *a, *b;
        smash_arena arena;
        smash_arena_mark mark;
        size_t before;
        smash_ctx_reset(ctx);
        smash_arena_init(&arena, room, rows[i].room, NULL);
        a = (unsigned char *)smash_arena_alloc(ctx, &arena, rows[i].first);
        mark = smash_arena_get_mark(&arena);
        before = arena.used;
        b = a && rows[i].second ? (unsigned char *)smash_arena_alloc(ctx, &arena, rows[i].second) : NULL;
        CHECK((a && (b || !rows[i].second)) == rows[i].fits, "row %d", (int)i);
        if (a) { CHECK((uintptr_t)a % 16 == 0 && a >= room && a + rows[i].first <= room + rows[i].room, "row %d", (int)i); memset(a, 1, rows[i].first); }
        if (b) { CHECK((uintptr_t)b % 16 == 0 && b >= a + rows[i].first && b + rows[i].second <= room + rows[i].room, "row %d", (int)i); memset(b, 2, rows[i].second); }
        if (rows[i].fits) {
            CHECK(ctx->err == SMASH_OK && arena.peak == arena.used, "row %d", (int)i);
            smash_arena_rewind(&arena, mark);
            CHECK(arena.used == before && arena.peak >= arena.used, "row %d", (int)i);
            if (b) CHECK(smash_arena_alloc(ctx, &arena, rows[i].second) == b, "row %d: a rewind gives the same place again", (int)i);
        } else {
            CHECK(ctx->err == SMASH_ERR_NOMEM && ctx->need && ctx->message[0] && arena.used == before, "row %d", (int)i);
            /* what it says is missing is what it takes */
            if (ctx->need < 1000 && !rows[i].second) {
                size_t more = rows[i].room + ctx->need;
                void *larger = malloc(more);
                smash_arena again;
                smash_arena_init(&again, larger, more, NULL);
                CHECK(smash_arena_alloc(ctx, &again, rows[i].first) != NULL, "row %d: need %d is not enough", (int)i, (int)ctx->need);
                free(larger);
            }
        }
        smash_arena_release(&arena);
        CHECK(arena.used == 0 && arena.bytes == rows[i].room, "row %d", (int)i);
        free(room);
    }
    {   /* need counts the gap to the next 16 */
        unsigned char room[112] = { 0 };
        size_t need, odd = (16 - (uintptr_t)room % 16) % 16;
        smash_arena arena;
        smash_ctx_reset(ctx);
        smash_arena_init(&arena, room + odd, 10, NULL);
        CHECK(smash_arena_alloc(ctx, &arena, 10) != NULL && smash_arena_alloc(ctx, &arena, 20) == NULL, "10 of 10, then 20");
        need = ctx->need;
        CHECK(need == 26, "need %d", (int)need);
        smash_arena_init(&arena, room + odd, 10 + need, NULL);
        CHECK(smash_arena_alloc(ctx, &arena, 10) != NULL && smash_arena_alloc(ctx, &arena, 20) != NULL, "need %d is enough", (int)need);
    }
    {   /* a buffer that starts anywhere */
        unsigned char room[96];
        size_t shift;
        for (shift = 0; shift < 17; shift++) {
            smash_arena arena;
            unsigned char *p;
            smash_arena_init(&arena, room + shift, sizeof room - shift, NULL);
            p = (unsigned char *)smash_arena_alloc(NULL, &arena, 48);
            CHECK(p && (uintptr_t)p % 16 == 0 && p >= room + shift && p + 48 <= room + sizeof room, "shift %d", (int)shift);
        }
    }
    smash_ctx_reset(ctx);
    CHECK(smash_arena_alloc(ctx, NULL, 1) == NULL && ctx->err == SMASH_ERR_ARG, "no arena");
    smash_ctx_reset(ctx);
    CHECK(smash_arena_array(ctx, &ctx->scratch, SIZE_MAX / 2, 3) == NULL && ctx->err == SMASH_ERR_OVERFLOW, "array");
    {
        smash_arena none;
        smash_ctx_reset(ctx);
        smash_arena_init(&none, NULL, 100, NULL);
        CHECK(smash_arena_alloc(ctx, &none, 40) == NULL && ctx->err == SMASH_ERR_NOMEM && ctx->need == 55, "need %d: 40 and the worst alignment", (int)ctx->need);
    }
}

/* Blocks from the allocator: growth, nested marks, failure at every call, nothing left. */
static void test_arena_allocator(smash_ctx *ctx)
{
    static const size_t sizes[] = { 100, 65536, 10, 200000, 1, 65536, 65000, 500 };
    unsigned char buffer[256], *p[COUNT_OF(sizes)];
    size_t fail, i, j, calls;
    for (fail = 0; fail < 8; fail++) {
        smash_arena arena;
        smash_arena_mark marks[COUNT_OF(sizes)];
        size_t used[COUNT_OF(sizes)], total = 0;
        smash_ctx_reset(ctx);
        test_alloc_calls = 0;
        test_fail_at = fail;
        smash_arena_init(&arena, buffer, sizeof buffer, &test_allocator);
        for (i = 0; i < COUNT_OF(sizes); i++) {
            marks[i] = smash_arena_get_mark(&arena);
            used[i] = arena.outside + arena.used;
            p[i] = (unsigned char *)smash_arena_alloc(ctx, &arena, sizes[i]);
            if (!p[i]) break;
            CHECK((uintptr_t)p[i] % 16 == 0, "fail %d, block %d", (int)fail, (int)i);
            memset(p[i], (int)i + 1, sizes[i]);
            total += sizes[i];
            CHECK(arena.outside + arena.used >= total && arena.peak == arena.outside + arena.used, "fail %d, block %d", (int)fail, (int)i);
        }
        calls = test_alloc_calls;
        if (fail && fail <= calls) CHECK(i < COUNT_OF(sizes) && ctx->err == SMASH_ERR_NOMEM && ctx->need == sizes[i], "fail %d: need %d", (int)fail, (int)ctx->need);
        else CHECK(i == COUNT_OF(sizes) && ctx->err == SMASH_OK, "fail %d", (int)fail);
        for (j = 0; j < i; j++) CHECK(p[j][0] == j + 1 && p[j][sizes[j] - 1] == j + 1, "fail %d: block %d was overwritten", (int)fail, (int)j);
        while (i-- > 0) {
            smash_arena_rewind(&arena, marks[i]);
            CHECK(arena.outside + arena.used == used[i], "fail %d: mark %d", (int)fail, (int)i);
        }
        CHECK(test_alloc_live == 0 && arena.used == 0, "fail %d: %d blocks are left", (int)fail, (int)test_alloc_live);
        smash_arena_release(&arena);
    }
    test_fail_at = 0;
    {   /* no buffer; release instead of rewind */
        smash_arena arena;
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        for (i = 0; i < 100; i++) CHECK(smash_arena_array(NULL, &arena, i + 1, 1000) != NULL, "array %d", (int)i);
        smash_arena_release(&arena);
        CHECK(test_alloc_live == 0 && arena.used == 0 && arena.outside == 0 && arena.peak > 5000000, "peak %d", (int)arena.peak);
        CHECK(smash_arena_alloc(NULL, &arena, SIZE_MAX - 4) == NULL && smash_arena_alloc(NULL, &arena, 0) != NULL, "too much, and nothing");
        smash_arena_release(&arena);
    }
    {
        smash_arena arena;
        smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
        CHECK(smash_arena_alloc(NULL, &arena, 100000) != NULL, "malloc");
        smash_arena_release(&arena);
    }
}

/* ---- ctx ---- */

static void test_ctx_rules(void)
{
    static const struct { smash_err err; const char *name; } names[] = {
        { SMASH_OK, "SMASH_OK" }, { SMASH_ERR_ARG, "SMASH_ERR_ARG" }, { SMASH_ERR_DTYPE, "SMASH_ERR_DTYPE" }, { SMASH_ERR_SHAPE, "SMASH_ERR_SHAPE" },
        { SMASH_ERR_RANGE, "SMASH_ERR_RANGE" }, { SMASH_ERR_NONFINITE, "SMASH_ERR_NONFINITE" }, { SMASH_ERR_NOMEM, "SMASH_ERR_NOMEM" },
        { SMASH_ERR_OVERFLOW, "SMASH_ERR_OVERFLOW" }, { SMASH_ERR_SYNTAX, "SMASH_ERR_SYNTAX" }, { SMASH_ERR_FORMAT, "SMASH_ERR_FORMAT" },
        { SMASH_ERR_LIMIT, "SMASH_ERR_LIMIT" }, { SMASH_ERR_UNSUPPORTED, "SMASH_ERR_UNSUPPORTED" }, { SMASH_ERR_CONFIG, "SMASH_ERR_CONFIG" },
        { SMASH_ERR_NOTFOUND, "SMASH_ERR_NOTFOUND" }, { SMASH_ERR_IO, "SMASH_ERR_IO" }, { SMASH_ERR_VERSION, "SMASH_ERR_VERSION" },
        { SMASH_ERR_DEVICE, "SMASH_ERR_DEVICE" }, { (smash_err)-17, "SMASH_ERR_?" }, { (smash_err)1, "SMASH_ERR_?" },
    };
    static const struct { uint32_t version; int size_off; } stale[] = { { SMASH_VERSION + 1, 0 }, { 0, 0 }, { SMASH_VERSION, 8 }, { SMASH_VERSION, -8 } };
    const size_t shape[1] = { 4 };
    float data[4] = { 1, 2, 3, 4 };
    smash_tensor bad = smash_tensor_view(SMASH_F32, data, 15, 1, shape), device = bad, good = smash_tensor_view(SMASH_F32, data, 16, 1, shape);
    smash_distance distance;
    smash_ctx ctx;
    char room[64];
    size_t i;
    for (i = 0; i < COUNT_OF(names); i++) CHECK(!strcmp(smash_err_name(names[i].err), names[i].name) && (i == 17 || i == 18 || (int)names[i].err == -(int)i), "%s", names[i].name);
    CHECK(smash_version() == SMASH_VERSION, "%d", (int)smash_version());

    memset(&ctx, 0xAA, sizeof ctx);
    smash_ctx_init(&ctx);
    CHECK(ctx.err == SMASH_OK && !ctx.message[0] && !ctx.where && !ctx.need && !ctx.scratch.base && !ctx.parallel && !ctx.no_simd, "init");
    smash_ctx_init(NULL);
    smash_ctx_reset(NULL);

    bad.name = "conv1.weight";
    device.flags = SMASH_TENSOR_DEVICE;
    CHECK(smash_tensor_convert(&ctx, &bad, &good) == SMASH_ERR_SHAPE, "15 of 16 bytes");
    CHECK(ctx.err == SMASH_ERR_SHAPE && ctx.where && strstr(ctx.message, "\"conv1.weight\"") && strstr(ctx.message, "16") && strstr(ctx.message, "15"), "%s", ctx.message);
    CHECK(smash_tensor_convert(&ctx, &device, &good) == SMASH_ERR_DEVICE, "the code of the second failure is returned");
    CHECK(ctx.err == SMASH_ERR_SHAPE && strstr(ctx.message, "conv1.weight"), "but the first one is kept: %s", ctx.message);
    CHECK(smash_tensor_distance(&ctx, &good, &good, &distance) == SMASH_ERR_NOMEM && ctx.need == 0 && ctx.err == SMASH_ERR_SHAPE, "without a place to work");
    smash_ctx_reset(&ctx);
    CHECK(ctx.err == SMASH_OK && !ctx.message[0] && !ctx.where && !ctx.index, "reset");
    CHECK(smash_tensor_convert(NULL, &bad, &good) == SMASH_ERR_SHAPE, "no ctx");

    for (i = 0; i < COUNT_OF(stale); i++) {                         /* a stale ctx counts as none, and is not written to */
        smash_ctx copy;
        smash_ctx_init(&ctx);
        smash_arena_init(&ctx.scratch, room, sizeof room, NULL);
        ctx.version = stale[i].version;
        ctx.size = (uint32_t)((int)ctx.size + stale[i].size_off);
        memcpy(&copy, &ctx, sizeof ctx);
        CHECK(smash_tensor_convert(&ctx, &bad, &good) == SMASH_ERR_SHAPE, "row %d", (int)i);
        CHECK(smash_tensor_distance(&ctx, &good, &good, &distance) == SMASH_ERR_NOMEM, "row %d", (int)i);
        smash_ctx_reset(&ctx);
        CHECK(!memcmp(&copy, &ctx, sizeof ctx), "row %d", (int)i);
    }
    memset(&ctx, 0, sizeof ctx);
    smash_ctx_init_version(&ctx, SMASH_VERSION, sizeof ctx - 1);
    CHECK(ctx.version == 0, "a header of another size leaves the object invalid");

    {   /* messages are cut, terminated and free of control characters */
        static char name[1000];
        memset(name, 'n', sizeof name - 1);
        memcpy(name, "a\nb\x1b\x7f", 5);
        smash_ctx_init(&ctx);
        bad.name = name;
        CHECK(smash_tensor_convert(&ctx, &bad, &good) == SMASH_ERR_SHAPE, "long name");
        CHECK(strlen(ctx.message) == SMASH_MESSAGE_BYTES - 1 && strstr(ctx.message, "a?b??nnn"), "%s", ctx.message);
    }
}

/* ---- rounding ---- */

/* x < 2^52: the fraction is exact. Beyond, x is whole. */
static int64_t round_reference(double x, int away, int64_t least, int64_t most)
{
    double whole, rest;
    int64_t n;
    if (x != x) return 0;
    if (x >= 9223372036854775808.0 || (most == INT32_MAX && x >= 2147483648.0)) return most;
    if (x < -9223372036854775808.0 || (most == INT32_MAX && x < -2147483649.0)) return least;
    n = (int64_t)x;                                                 /* toward zero */
    whole = (double)n;
    rest = x < 0 ? whole - x : x - whole;
    if (rest > 0.5 || (rest == 0.5 && (away || n % 2 != 0))) n += x < 0 ? -1 : 1;
    return n > most ? most : n < least ? least : n;
}

static void check_round(double x)
{
    float f = (float)x;
    CHECK(smash_round_half_even_f64(x) == round_reference(x, 0, INT64_MIN, INT64_MAX), "half even %.17g", x);
    CHECK(smash_round_half_away_f64(x) == round_reference(x, 1, INT64_MIN, INT64_MAX), "half away %.17g", x);
    CHECK(smash_round_half_even(f) == round_reference((double)f, 0, INT32_MIN, INT32_MAX), "half even float %.9g: %d", (double)f, (int)smash_round_half_even(f));
    CHECK(smash_round_half_away(f) == round_reference((double)f, 1, INT32_MIN, INT32_MAX), "half away float %.9g", (double)f);
}

static void test_round(void)
{
    static const struct { double x; int64_t even, away; } rows[] = {
        { 0.5, 0, 1 }, { 1.5, 2, 2 }, { 2.5, 2, 3 }, { -0.5, 0, -1 }, { -1.5, -2, -2 }, { -2.5, -2, -3 }, { 0.49999999999999994, 0, 0 }, { (double)0.49999997f, 0, 0 },
        { 0.5000000000000001, 1, 1 }, { 0.0, 0, 0 }, { -0.0, 0, 0 }, { 5e-324, 0, 0 }, { 4503599627370495.5, 4503599627370496, 4503599627370496 },
        { 4503599627370494.5, 4503599627370494, 4503599627370495 }, { 9007199254740993.0, 9007199254740992, 9007199254740992 },
        { 4611686018427387904.0, 4611686018427387904, 4611686018427387904 }, { 9223372036854774784.0, 9223372036854774784, 9223372036854774784 },
        { -9223372036854774784.0, -9223372036854774784, -9223372036854774784 }, { 9223372036854775808.0, INT64_MAX, INT64_MAX }, { -9223372036854775808.0, INT64_MIN, INT64_MIN },
        { 1e300, INT64_MAX, INT64_MAX }, { -1e300, INT64_MIN, INT64_MIN }, { 8388607.5, 8388608, 8388608 }, { 8388608.0, 8388608, 8388608 }, { 16777216.0, 16777216, 16777216 },
    };
    static const uint64_t special[] = { 0x7FF0000000000000u, 0xFFF0000000000000u, 0x7FF8000000000000u, 0xFFFFFFFFFFFFFFFFu, 0x7FF0000000000001u };
    uint64_t rng = 3;
    size_t i;
    int k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        CHECK(smash_round_half_even_f64(rows[i].x) == rows[i].even && smash_round_half_away_f64(rows[i].x) == rows[i].away, "row %d: %.17g", (int)i, rows[i].x);
        check_round(rows[i].x);
        check_round(-rows[i].x);
    }
    CHECK(smash_round_half_even(2147483520.0f) == 2147483520 && smash_round_half_even(2147483648.0f) == INT32_MAX && smash_round_half_even(-2147483648.0f) == INT32_MIN &&
          smash_round_half_even(-3e9f) == INT32_MIN, "limits of int32");
    for (i = 0; i < COUNT_OF(special); i++) check_round(double_of(special[i]));
    for (k = -300; k <= 300; k++)                                   /* halves and their neighbours */
        for (i = 0; i < 3; i++) check_round(double_of(bits64_of((double)k + 0.5) + i - 1));
    for (k = 0; k < 63; k++)
        for (i = 0; i < 5; i++) check_round(double_of(bits64_of((double)((uint64_t)1 << k) + 0.5) + i - 2));
    for (i = 0; i < 20000; i++) {
        uint64_t r = smash_random(&rng);
        check_round(double_of(r));
        check_round((double)(int64_t)r / (double)((uint64_t)1 << (r >> 58)));
        check_round((double)((int64_t)(r >> 40) - 8388608) / 2);
    }
}

static void test_finite(void)
{
    static const struct { uint32_t bits; int finite; } rows[] = {
        { 0, 1 }, { 0x80000000u, 1 }, { 1, 1 }, { 0x7F7FFFFFu, 1 }, { 0xFF7FFFFFu, 1 }, { 0x7F800000u, 0 }, { 0xFF800000u, 0 }, { 0x7F800001u, 0 }, { 0x7FC00000u, 0 }, { 0xFFFFFFFFu, 0 },
    };
    static const struct { uint64_t bits; int finite; } wide[] = {
        { 0, 1 }, { 1, 1 }, { 0x7FEFFFFFFFFFFFFFu, 1 }, { 0x7FF0000000000000u, 0 }, { 0xFFF0000000000000u, 0 }, { 0x7FF0000000000001u, 0 }, { 0xFFFFFFFFFFFFFFFFu, 0 },
    };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) CHECK(smash_is_finite(float_of(rows[i].bits)) == rows[i].finite, "%08X", (unsigned)rows[i].bits);
    for (i = 0; i < COUNT_OF(wide); i++) CHECK(smash_is_finite_f64(double_of(wide[i].bits)) == wide[i].finite, "row %d", (int)i);
}

/* ---- exp, log, tanh, sqrt ---- */

/* Bits to an integer that counts doubles in order. */
static int64_t order(double x) { uint64_t u = bits64_of(x); return u >> 63 ? -(int64_t)(u & INT64_MAX) : (int64_t)u; }

static void test_math(void)
{
    /* bound: the documented one, in units in the last place of the exact value */
    static const struct { const char *name; double (*f)(double); const math_row *rows; size_t count; double bound; } tables[] = {
        { "exp", smash_exp, golden_exp, COUNT_OF(golden_exp), 1.0 }, { "log", smash_log, golden_log, COUNT_OF(golden_log), 1.0 },
        { "tanh", smash_tanh, golden_tanh, COUNT_OF(golden_tanh), 3.0 }, { "sqrt", smash_sqrt, golden_sqrt, COUNT_OF(golden_sqrt), 0.500001 },
    };
    static const struct { int f; uint64_t x, y; } edges[] = {
        { 0, 0x7FF0000000000000u, 0x7FF0000000000000u }, { 0, 0xFFF0000000000000u, 0 }, { 0, 0x40862E42FEFA39F0u, 0x7FF0000000000000u },      /* just above ln DBL_MAX */
        { 0, 0x40862E42FEFA39EFu, 0x7FEFFFFFFFFFFF2Au }, { 0, 0xC0874910D52D3052u, 0 }, { 0, 0xC0874910D52D3051u, 1 }, { 0, 0xC090000000000000u, 0 },
        { 0, 0xFFEFFFFFFFFFFFFFu, 0 }, { 0, 0x8000000000000000u, 0x3FF0000000000000u },
        { 1, 0, 0xFFF0000000000000u }, { 1, 0x8000000000000000u, 0xFFF0000000000000u }, { 1, 0x7FF0000000000000u, 0x7FF0000000000000u }, { 1, 0x3FF0000000000000u, 0 },
        { 2, 0x7FF0000000000000u, 0x3FF0000000000000u }, { 2, 0xFFF0000000000000u, 0xBFF0000000000000u }, { 2, 0, 0 }, { 2, 0x8000000000000000u, 0x8000000000000000u },
        { 3, 0x7FF0000000000000u, 0x7FF0000000000000u }, { 3, 0, 0 }, { 3, 0x8000000000000000u, 0x8000000000000000u },
    };
    static const struct { int f; uint64_t x; } nans[] = {
        { 0, 0x7FF8000000000000u }, { 1, 0x7FF8000000000000u }, { 2, 0x7FF8000000000000u }, { 3, 0x7FF8000000000000u }, { 0, 0xFFF8000000000000u }, { 2, 0xFFF8000000000000u },
        { 1, 0xBFF0000000000000u }, { 1, 0xFFF0000000000000u }, { 1, 0x8000000000000001u }, { 3, 0xBFF0000000000000u }, { 3, 0xFFF0000000000000u }, { 3, 0x8000000000000001u },
    };
    uint64_t rng = 5;
    size_t t, i;
    for (t = 0; t < COUNT_OF(tables); t++) {
        double worst = 0;
        for (i = 0; i < tables[t].count; i++) {
            double x = double_of(tables[t].rows[i].x), y = tables[t].f(x), want = double_of(tables[t].rows[i].y);
            double error = (double)(order(y) - order(want)) - (double)tables[t].rows[i].rest;
            if (error < 0) error = -error;
            if (error > worst) worst = error;
            CHECK(error < tables[t].bound, "%s(%.17g) = %.17g, exact is %.17g: %.3f ulp", tables[t].name, x, y, want, error);
        }
        if (getenv("TEST_VERBOSE")) printf("%s: %.4f ulp\n", tables[t].name, worst);
    }
    for (i = 0; i < COUNT_OF(edges); i++)
        CHECK(bits64_of(tables[edges[i].f].f(double_of(edges[i].x))) == edges[i].y, "%s, edge %d: %.17g", tables[edges[i].f].name, (int)i, tables[edges[i].f].f(double_of(edges[i].x)));
    for (i = 0; i < COUNT_OF(nans); i++) { double y = tables[nans[i].f].f(double_of(nans[i].x)); CHECK(y != y, "%s, NaN row %d: %.17g", tables[nans[i].f].name, (int)i, y); }
    for (i = 0; i < 2000; i++) {                                    /* correctly rounded: the midpoints to the neighbours, squared, enclose x. 27-bit roots are exact */
        uint64_t root = smash_random(&rng) >> 38;
        CHECK(smash_sqrt((double)(root * root)) == (double)root, "sqrt of the square of %d", (int)root);
    }
}

/* ---- digest and random ---- */

static void test_digest(void)
{
    static unsigned char data[100000];
    static const size_t cuts[] = { 1, 3, 7, 31, 32, 33, 100 };
    size_t i, c, at;
    smash_digest d;
    for (i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * 167 + i / 256 * 31 + 13);
    for (i = 0; i < COUNT_OF(golden_digest); i++) {
        size_t n = golden_digest[i].bytes;
        CHECK(smash_digest_of(data, n) == golden_digest[i].digest, "%d bytes", (int)n);
        for (c = 0; c < COUNT_OF(cuts) && n < 5000; c++) {
            smash_digest_init(&d);
            for (at = 0; at < n; at += cuts[c]) {
                smash_digest_add(&d, data + at, cuts[c] < n - at ? cuts[c] : n - at);
                smash_digest_add(&d, NULL, 0);
            }
            CHECK(smash_digest_end(&d) == golden_digest[i].digest, "%d bytes in pieces of %d", (int)n, (int)cuts[c]);
            CHECK(smash_digest_end(&d) == golden_digest[i].digest, "asking twice");
        }
        if (n < 200) {                                              /* at any address */
            unsigned char moved[208];
            memcpy(moved + 1 + i % 7, data, n);
            CHECK(smash_digest_of(moved + 1 + i % 7, n) == golden_digest[i].digest, "%d bytes, misaligned", (int)n);
        }
    }
}

static void test_random(void)
{
    /* seed 1234567: Rosetta Code, "Pseudo-random numbers/Splitmix64"; seed 0: the reference C code of S. Vigna */
    static const uint64_t from_1234567[] = { 6457827717110365317u, 3203168211198807973u, 9817491932198370423u, 4593380528125082431u, 16408922859458223821u };
    uint64_t rng = 1234567, zero = 0;
    size_t i;
    for (i = 0; i < COUNT_OF(from_1234567); i++) CHECK(smash_random(&rng) == from_1234567[i], "number %d", (int)i);
    CHECK(smash_random(&zero) == 0xE220A8397B1DCDAFu, "seed 0");
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_arena_buffer(&ctx);
    test_arena_allocator(&ctx);
    test_ctx_rules();
    test_round();
    test_finite();
    test_math();
    test_digest();
    test_random();
    return test_done();
}
