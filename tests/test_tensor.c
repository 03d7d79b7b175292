/* Dtypes, views, conversion, distance, granularity. */
#include "../smash.h"
#include "test.h"
#include "golden/halves.h"

/* ---- dtypes and views ---- */

static void test_dtypes(void)
{
    static const struct { smash_dtype dtype; uint32_t bits; const char *name; } rows[] = {
        { SMASH_F32, 32, "F32" }, { SMASH_F64, 64, "F64" }, { SMASH_F16, 16, "F16" }, { SMASH_BF16, 16, "BF16" }, { SMASH_I8, 8, "I8" }, { SMASH_U8, 8, "U8" },
        { SMASH_I16, 16, "I16" }, { SMASH_U16, 16, "U16" }, { SMASH_I32, 32, "I32" }, { SMASH_U32, 32, "U32" }, { SMASH_I64, 64, "I64" }, { SMASH_U64, 64, "U64" },
        { SMASH_BOOL, 8, "BOOL" }, { SMASH_I4, 4, "I4" }, { SMASH_U4, 4, "U4" }, { SMASH_I2, 2, "I2" }, { SMASH_U2, 2, "U2" }, { SMASH_F8_E4M3, 8, "F8_E4M3" },
        { SMASH_F8_E5M2, 8, "F8_E5M2" }, { SMASH_F8_E8M0, 8, "F8_E8M0" }, { SMASH_F8_E4M3FNUZ, 8, "F8_E4M3FNUZ" }, { SMASH_F8_E5M2FNUZ, 8, "F8_E5M2FNUZ" },
        { SMASH_F6_E2M3, 6, "F6_E2M3" }, { SMASH_F6_E3M2, 6, "F6_E3M2" }, { SMASH_F4, 4, "F4" }, { SMASH_C64, 64, "C64" },
    };
    static const char *const wrong[] = { "", "F3", "F322", "f32", "none", "BF1", "INT8" };
    size_t i;
    CHECK(COUNT_OF(rows) == SMASH_DTYPE_COUNT - 1, "a dtype has no row");
    for (i = 0; i < COUNT_OF(rows); i++) {
        CHECK(smash_dtype_bits(rows[i].dtype) == rows[i].bits && !strcmp(smash_dtype_name(rows[i].dtype), rows[i].name), "%s", rows[i].name);
        CHECK(smash_dtype_from_name(rows[i].name, strlen(rows[i].name)) == rows[i].dtype, "%s", rows[i].name);
    }
    for (i = 0; i < COUNT_OF(wrong); i++) CHECK(smash_dtype_from_name(wrong[i], strlen(wrong[i])) == SMASH_DTYPE_NONE, "\"%s\"", wrong[i]);
    CHECK(smash_dtype_from_name("F32xxx", 3) == SMASH_F32, "the length counts, not a terminator");
    CHECK(smash_dtype_bits(SMASH_DTYPE_NONE) == 0 && smash_dtype_bits((smash_dtype)99) == 0 && smash_dtype_bits((smash_dtype)-1) == 0, "no dtype");
}

static void test_sizes(void)
{
    static const size_t half = SIZE_MAX / 2 + 1;
    static const struct { smash_dtype dtype; uint32_t ndim; size_t shape[3]; smash_err err; size_t count, bytes; } rows[] = {
        { SMASH_F32, 0, { 0, 0, 0 }, SMASH_OK, 1, 4 },          { SMASH_F32, 3, { 2, 3, 4 }, SMASH_OK, 24, 96 },        { SMASH_F32, 2, { 5, 0, 0 }, SMASH_OK, 0, 0 },
        { SMASH_I4, 1, { 1, 0, 0 }, SMASH_OK, 1, 1 },           { SMASH_I4, 1, { 7, 0, 0 }, SMASH_OK, 7, 4 },           { SMASH_U2, 2, { 3, 3, 0 }, SMASH_OK, 9, 3 },
        { SMASH_F6_E2M3, 1, { 5, 0, 0 }, SMASH_OK, 5, 4 },      { SMASH_F6_E3M2, 1, { 8, 0, 0 }, SMASH_OK, 8, 6 },      { SMASH_F4, 1, { 3, 0, 0 }, SMASH_OK, 3, 2 },
        { SMASH_I8, 2, { SIZE_MAX, 1, 0 }, SMASH_OK, SIZE_MAX, SIZE_MAX }, { SMASH_I2, 1, { SIZE_MAX, 0, 0 }, SMASH_OK, SIZE_MAX, SIZE_MAX / 4 + 1 },
        { SMASH_I8, 2, { half, 2, 0 }, SMASH_ERR_OVERFLOW, 0, 0 }, { SMASH_I8, 3, { half, 2, 0 }, SMASH_OK, 0, 0 },     { SMASH_I8, 3, { 0, half, 2 }, SMASH_OK, 0, 0 },
        { SMASH_I8, 3, { SIZE_MAX, SIZE_MAX, SIZE_MAX }, SMASH_ERR_OVERFLOW, 0, 0 },
    };
    size_t i, n = 7, shape[9] = { 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    smash_tensor t;
    for (i = 0; i < COUNT_OF(rows); i++) {
        size_t count = 77, bytes = 77;
        t = smash_tensor_view(rows[i].dtype, NULL, 0, rows[i].ndim, rows[i].shape);
        CHECK(smash_tensor_count(&t, &count) == rows[i].err && smash_tensor_bytes(&t, &bytes) == rows[i].err, "row %d", (int)i);
        CHECK(rows[i].err ? count == 77 && bytes == 77 : count == rows[i].count && bytes == rows[i].bytes, "row %d: %lu numbers, %lu bytes", (int)i, (unsigned long)count, (unsigned long)bytes);
    }
    t = smash_tensor_view(SMASH_F64, NULL, 0, 1, rows[9].shape);
    CHECK(smash_tensor_count(&t, &n) == SMASH_OK && smash_tensor_bytes(&t, &n) == SMASH_ERR_OVERFLOW, "the count fits, the bytes do not");
    t = smash_tensor_view(SMASH_F32, NULL, 0, 9, shape);
    CHECK(smash_tensor_count(&t, &n) == SMASH_ERR_ARG && smash_tensor_bytes(&t, &n) == SMASH_ERR_ARG, "9 dims");
    CHECK(smash_tensor_count(NULL, &n) == SMASH_ERR_ARG && smash_tensor_bytes(NULL, &n) == SMASH_ERR_ARG, "NULL");
    t = smash_tensor_view(SMASH_F32, NULL, 0, 8, shape);
    CHECK(smash_tensor_count(&t, NULL) == SMASH_ERR_ARG && smash_tensor_bytes(&t, NULL) == SMASH_ERR_ARG, "no place");
}

/* ---- half floats ---- */

/* sign, exponent and fraction put together with exact powers of two */
static double half_value(uint32_t h, int mantissa, int bias)
{
    int exponent = (int)(h & 0x7FFFu) >> mantissa;
    double m = (double)(h & ((1u << mantissa) - 1u));
    if (exponent) m += (double)(1u << mantissa);
    else exponent = 1;
    for (exponent -= bias + mantissa; exponent > 0; exponent--) m *= 2;
    for (; exponent < 0; exponent++) m *= 0.5;
    return h & 0x8000u ? -m : m;
}

static void test_halves(void)
{
    uint32_t h;
    size_t i, bad16 = 0, badb = 0;
    for (h = 0; h < 65536; h++) {
        float a = smash_f16_to_f32((uint16_t)h), b = smash_bf16_to_f32((uint16_t)h);
        if ((h & 0x7FFFu) > 0x7C00u) bad16 += a == a || smash_f32_to_f16(a) != (h | 0x200u) || smash_f64_to_f16((double)a) != (h | 0x200u);      /* NaN, made quiet */
        else {
            if ((h & 0x7FFFu) == 0x7C00u) bad16 += bits_of(a) != (h & 0x8000u ? 0xFF800000u : 0x7F800000u);
            else bad16 += (double)a != half_value(h, 10, 15) || bits_of(a) >> 31 != h >> 15;
            bad16 += smash_f32_to_f16(a) != h || smash_f64_to_f16((double)a) != h;
        }
        if ((h & 0x7FFFu) > 0x7F80u) badb += b == b || smash_f32_to_bf16(b) != (h | 0x40u) || smash_f64_to_bf16((double)b) != (h | 0x40u);
        else badb += bits_of(b) != h << 16 || smash_f32_to_bf16(b) != h || smash_f64_to_bf16((double)b) != h;
    }
    CHECK(!bad16, "%d f16 numbers", (int)bad16);
    CHECK(!badb, "%d bf16 numbers", (int)badb);
    for (i = 0; i < COUNT_OF(golden_halves); i++) {
        double x = double_of(golden_halves[i].x);
        CHECK(smash_f64_to_f16(x) == golden_halves[i].f16, "f16 of %.17g: %04X for %04X", x, smash_f64_to_f16(x), golden_halves[i].f16);
        CHECK(smash_f64_to_bf16(x) == golden_halves[i].bf16, "bf16 of %.17g: %04X for %04X", x, smash_f64_to_bf16(x), golden_halves[i].bf16);
        if ((double)(float)x == x) {
            CHECK(smash_f32_to_f16((float)x) == golden_halves[i].f16, "f16 of float %.17g", x);
            CHECK(smash_f32_to_bf16((float)x) == golden_halves[i].bf16, "bf16 of float %.17g", x);
        }
    }
    CHECK(smash_f64_to_f16(double_of(0x7FF0000000000001u)) == 0x7E00 && smash_f64_to_bf16(double_of(0xFFF0000000000001u)) == 0xFFC0, "a NaN with only low bits stays a NaN");
    CHECK(smash_f64_to_f16(double_of(0x7FF0000000000000u)) == 0x7C00 && smash_f64_to_bf16(double_of(0xFFF0000000000000u)) == 0xFF80, "Inf");
}

/* ---- conversion ---- */

static const smash_dtype all[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16, SMASH_I8, SMASH_U8, SMASH_I16, SMASH_U16, SMASH_I32, SMASH_U32, SMASH_I64, SMASH_U64,
                                   SMASH_BOOL, SMASH_I4, SMASH_U4, SMASH_I2, SMASH_U2 };

/* Whole numbers as sign and magnitude. 1 if the dtype holds it exactly. */
typedef struct whole { uint64_t magnitude; int negative; } whole;

static int holds(smash_dtype dtype, whole v)
{
    unsigned bits = smash_dtype_bits(dtype), digits = 0;
    uint64_t m = v.magnitude;
    switch (dtype) {
    case SMASH_BOOL: return !v.negative && m <= 1;
    case SMASH_U8: case SMASH_U16: case SMASH_U32: case SMASH_U64: case SMASH_U4: case SMASH_U2: return !v.negative && (bits == 64 || m >> bits == 0);
    case SMASH_F32: digits = 24; break;
    case SMASH_F64: digits = 53; break;
    case SMASH_F16: digits = 11; if (m > 65504) return 0; break;
    case SMASH_BF16: digits = 8; break;
    default: return m <= ((uint64_t)1 << (bits - 1)) - (v.negative ? 0 : 1);
    }
    while (m && m % 2 == 0) m /= 2;
    return m >> digits == 0;
}

static void put(smash_dtype dtype, void *data, size_t i, whole v)
{
    uint64_t u = v.negative ? (uint64_t)0 - v.magnitude : v.magnitude;
    double x = v.negative ? -(double)v.magnitude : (double)v.magnitude;
    unsigned bits = smash_dtype_bits(dtype);
    uint8_t *p = (uint8_t *)data;
    switch (dtype) {
    case SMASH_F32: ((float *)data)[i] = (float)x; return;
    case SMASH_F64: ((double *)data)[i] = x; return;
    case SMASH_F16: ((uint16_t *)data)[i] = smash_f64_to_f16(x); return;
    case SMASH_BF16: ((uint16_t *)data)[i] = smash_f64_to_bf16(x); return;
    default: break;
    }
    if (bits == 64) ((uint64_t *)data)[i] = u;
    else if (bits == 32) ((uint32_t *)data)[i] = (uint32_t)u;
    else if (bits == 16) ((uint16_t *)data)[i] = (uint16_t)u;
    else if (bits == 8) p[i] = (uint8_t)u;
    else {
        size_t at = i * bits;
        unsigned k;
        for (k = 0; k < bits; k++, at++) p[at / 8] = (uint8_t)((p[at / 8] & ~(1u << at % 8)) | (unsigned)(u >> k & 1) << at % 8);
    }
}

/* Every number that both dtypes hold arrives; every other one is an error with its index, or rounded. */
static void test_convert_whole(smash_ctx *ctx)
{
    static const uint64_t magnitudes[] = { 0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 127, 128, 129, 255, 256, 257, 2047, 2048, 2049, 32767, 32768, 32769, 65504, 65535, 65536, 16777215, 16777216,
        16777217, 2147483647u, 2147483648u, 2147483649u, 4294967295u, 4294967296u, 9007199254740991u, 9007199254740992u, 9007199254740993u, 18014398509481985u, 18014398509481983u,
        9223372036854775807u, 9223372036854775808u, 9223372036854775809u, 18446744073709551615u };
    size_t a, b, m, n, i;
    int negative;
    for (a = 0; a < COUNT_OF(all); a++)
        for (b = 0; b < COUNT_OF(all); b++) {
            smash_dtype from = all[a], to = all[b];
            int to_float = to == SMASH_F32 || to == SMASH_F64 || to == SMASH_F16 || to == SMASH_BF16;
            for (m = 0; m < COUNT_OF(magnitudes); m++)
                for (negative = 0; negative < 2; negative++) {
                    whole v, one = { 1, 0 };
                    v.magnitude = magnitudes[m];
                    v.negative = negative && v.magnitude;
                    if (!holds(from, v)) continue;
                    for (n = 1; n <= 9; n += 4)                     /* one number of interest at the end of n */
                    {
                        void *x, *y, *want;
                        smash_tensor src = test_view(from, NULL, 1, &n), dst = test_view(to, NULL, 1, &n);
                        smash_err err = to_float || holds(to, v) ? SMASH_OK : SMASH_ERR_RANGE;
                        src.data = x = test_exact(src.bytes);
                        dst.data = y = test_exact(dst.bytes);
                        want = test_exact(dst.bytes);
                        ((uint8_t *)want)[dst.bytes - 1] = 0;
                        for (i = 0; i < n; i++) { put(from, x, i, i + 1 < n ? one : v); put(to, want, i, i + 1 < n ? one : v); }
                        CHECK_ERR(ctx, smash_tensor_convert(ctx, &src, &dst), err, "%s to %s: %s%llu", smash_dtype_name(from), smash_dtype_name(to), v.negative ? "-" : "", (unsigned long long)v.magnitude);
                        if (err) CHECK(ctx->index == n - 1, "%s to %s: index %d", smash_dtype_name(from), smash_dtype_name(to), (int)ctx->index);
                        else if (v.magnitude >> 53 == 0 || to == SMASH_F64 || !to_float)
                            CHECK(!memcmp(y, want, dst.bytes), "%s to %s: %s%llu", smash_dtype_name(from), smash_dtype_name(to), v.negative ? "-" : "", (unsigned long long)v.magnitude);
                        else if (to == SMASH_F32)
                            CHECK(((float *)y)[n - 1] == (v.negative ? -(float)v.magnitude : (float)v.magnitude), "%s to F32: %llu", smash_dtype_name(from), (unsigned long long)v.magnitude);
                        free(x); free(y); free(want);
                    }
                }
        }
}

static void test_convert_float(smash_ctx *ctx)
{
    /* fractions, specials and what integers make of them */
    static const struct { uint64_t x; smash_dtype to; smash_err err; } rows[] = {
        { 0x3FE0000000000000u, SMASH_I32, SMASH_ERR_RANGE },      /* 0.5 */
        { 0x7FF8000000000000u, SMASH_I64, SMASH_ERR_RANGE },      /* NaN */
        { 0x7FF0000000000000u, SMASH_U64, SMASH_ERR_RANGE },      /* Inf */
        { 0xFFF0000000000000u, SMASH_I8, SMASH_ERR_RANGE },
        { 0x8000000000000000u, SMASH_U8, SMASH_OK },              /* -0 */
        { 0x0000000000000001u, SMASH_U8, SMASH_ERR_RANGE },
        { 0x43F0000000000000u, SMASH_U64, SMASH_ERR_RANGE },      /* 2^64 */
        { 0x43EFFFFFFFFFFFFFu, SMASH_U64, SMASH_OK },
        { 0xC3E0000000000000u, SMASH_I64, SMASH_OK },             /* -2^63 */
        { 0x43E0000000000000u, SMASH_I64, SMASH_ERR_RANGE },
        { 0x7FEFFFFFFFFFFFFFu, SMASH_U64, SMASH_ERR_RANGE },
        { 0x4000000000000000u, SMASH_BOOL, SMASH_ERR_RANGE },     /* 2 */
    };
    /* integers beyond 2^53 to 16 bits: ties and just above, rounded once */
    static const struct { uint64_t v; uint16_t bf16; uint32_t f32; uint64_t f64; } wide[] = {
        { 0x1010000000000000u, 0x5D80, 0x5D808000u, 0x43B0100000000000u },      /* 2^60 + 2^52: a tie of bf16, down to even */
        { 0x1010000000000001u, 0x5D81, 0x5D808000u, 0x43B0100000000000u },      /* one more: up; f64 cannot tell */
        { 0x1030000000000000u, 0x5D82, 0x5D818000u, 0x43B0300000000000u },      /* a tie, up to even */
        { 0x102FFFFFFFFFFFFFu, 0x5D81, 0x5D818000u, 0x43B0300000000000u },      /* one less: down */
        { 0x1000001000000000u, 0x5D80, 0x5D800000u, 0x43B0000010000000u },      /* a tie of f32 */
        { 0x1000001000000001u, 0x5D80, 0x5D800001u, 0x43B0000010000000u },
        { 0x1000003000000000u, 0x5D80, 0x5D800002u, 0x43B0000030000000u },
        { 0x0040000000000001u, 0x5A80, 0x5A800000u, 0x4350000000000000u },      /* 2^54 + 1: nearest even, not odd */
        { 0x0020000000000001u, 0x5A00, 0x5A000000u, 0x4340000000000000u },
        { 0x0020000000000003u, 0x5A00, 0x5A000000u, 0x4340000000000002u },
        { 0xFFFFFFFFFFFFFFFFu, 0x5F80, 0x5F800000u, 0x43F0000000000000u },
    };
    size_t i, k, n = 40;
    for (i = 0; i < COUNT_OF(rows); i++)
        for (k = 0; k < n; k += 13) {
            double x[40];
            uint64_t y[40];
            smash_tensor src = test_view(SMASH_F64, x, 1, &n), dst = test_view(rows[i].to, y, 1, &n);
            size_t j;
            for (j = 0; j < n; j++) x[j] = j == k ? double_of(rows[i].x) : 1;
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &src, &dst), rows[i].err, "row %d at %d", (int)i, (int)k);
            if (rows[i].err) CHECK(ctx->index == k && ctx->message[0], "row %d: index %d", (int)i, (int)ctx->index);
        }
    for (i = 0; i < COUNT_OF(wide); i++) {
        size_t one = 1;
        uint16_t b = 0;
        float f = 0;
        double d = 0;
        uint64_t u = 0;
        smash_tensor src = test_view(SMASH_U64, &wide[i].v, 1, &one), dst = test_view(SMASH_BF16, &b, 1, &one);
        CHECK_ERR(ctx, smash_tensor_convert(ctx, &src, &dst), SMASH_OK, "row %d", (int)i);
        dst = test_view(SMASH_F32, &f, 1, &one);
        CHECK_ERR(ctx, smash_tensor_convert(ctx, &src, &dst), SMASH_OK, "row %d", (int)i);
        dst = test_view(SMASH_F64, &d, 1, &one);
        CHECK_ERR(ctx, smash_tensor_convert(ctx, &src, &dst), SMASH_OK, "row %d", (int)i);
        memcpy(&u, &d, 8);
        CHECK(b == wide[i].bf16 && bits_of(f) == wide[i].f32 && u == wide[i].f64, "row %d: %04X %08X %016llX", (int)i, b, (unsigned)bits_of(f), (unsigned long long)u);
    }
    for (i = 0; i < COUNT_OF(golden_halves); i++) {                 /* f64 to 16 bits: once, not through f32 */
        double x = double_of(golden_halves[i].x);
        uint16_t y = 0;
        smash_tensor src = test_view(SMASH_F64, &x, 0, NULL), dst = test_view(SMASH_F16, &y, 0, NULL);
        CHECK_ERR(ctx, smash_tensor_convert(ctx, &src, &dst), SMASH_OK, "%.17g", x);
        CHECK(y == golden_halves[i].f16, "f16 of %.17g", x);
        dst.dtype = SMASH_BF16;
        CHECK_ERR(ctx, smash_tensor_convert(ctx, &src, &dst), SMASH_OK, "%.17g", x);
        CHECK(y == golden_halves[i].bf16, "bf16 of %.17g", x);
    }
    {
        double x[2];
        float y[2];
        size_t two = 2;
        smash_tensor src = test_view(SMASH_F64, x, 1, &two), dst = test_view(SMASH_F32, y, 1, &two);
        x[0] = 1e300; x[1] = double_of(0x7FF0000000000001u);
        CHECK_ERR(ctx, smash_tensor_convert(ctx, &src, &dst), SMASH_OK, "overflow and NaN");
        CHECK(bits_of(y[0]) == 0x7F800000u && y[1] != y[1], "overflow is Inf, NaN stays NaN");
    }
}

static void test_packed(smash_ctx *ctx)
{
    static const struct { smash_dtype dtype; int least, most; } rows[] = { { SMASH_I4, -8, 7 }, { SMASH_U4, 0, 15 }, { SMASH_I2, -2, 1 }, { SMASH_U2, 0, 3 } };
    size_t r, n, i;
    for (r = 0; r < COUNT_OF(rows); r++)
        for (n = 0; n <= 70; n++) {
            unsigned bits = smash_dtype_bits(rows[r].dtype);
            int32_t x[70], y[70];
            smash_tensor plain = test_view(SMASH_I32, x, 1, &n), packed = test_view(rows[r].dtype, NULL, 1, &n), back = test_view(SMASH_I32, y, 1, &n);
            uint8_t *bytes = (uint8_t *)test_exact(packed.bytes);
            packed.data = bytes;
            for (i = 0; i < n; i++) x[i] = rows[r].least + (int)((i * 5 + n) % (size_t)(rows[r].most - rows[r].least + 1));
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &plain, &packed), SMASH_OK, "%s, %d", smash_dtype_name(rows[r].dtype), (int)n);
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &packed, &back), SMASH_OK, "%s, %d", smash_dtype_name(rows[r].dtype), (int)n);
            CHECK(n == 0 || !memcmp(x, y, n * sizeof *x), "%s, %d numbers", smash_dtype_name(rows[r].dtype), (int)n);
            for (i = 0; i < n; i++)                                 /* low bits first */
                if (((unsigned)bytes[i * bits / 8] >> i * bits % 8 & ((1u << bits) - 1u)) != ((unsigned)x[i] & ((1u << bits) - 1u))) break;
            CHECK(i == n, "%s, %d numbers: number %d", smash_dtype_name(rows[r].dtype), (int)n, (int)i);
            if (n * bits % 8) CHECK(bytes[packed.bytes - 1] >> n * bits % 8 == 0, "%s, %d numbers: spare bits", smash_dtype_name(rows[r].dtype), (int)n);
            for (i = 0; i < 2 && n; i++) {
                x[n / 2] = i ? rows[r].most + 1 : rows[r].least - 1;
                CHECK_ERR(ctx, smash_tensor_convert(ctx, &plain, &packed), SMASH_ERR_RANGE, "%s: %d", smash_dtype_name(rows[r].dtype), (int)x[n / 2]);
                CHECK(ctx->index == n / 2, "%s: index %d", smash_dtype_name(rows[r].dtype), (int)ctx->index);
            }
            free(bytes);
        }
}

/* What every call refuses; the output stays as it was. */
static void test_misuse(smash_ctx *ctx)
{
    enum { NO_SRC, NO_DST, NO_DATA, RANK, DTYPE, DTYPE_NONE, DTYPE_WILD, CARRIED, DEVICE, CONST_DST, SMALL, SMALL_SRC, MISALIGNED, SHAPE, NDIM, ALIAS, TOUCH, OVERFLOW, ROWS };
    static const struct { const char *name; smash_err convert, distance; } rows[ROWS] = {
        { "no src", SMASH_ERR_ARG, SMASH_ERR_ARG }, { "no dst", SMASH_ERR_ARG, SMASH_ERR_ARG }, { "no data", SMASH_ERR_ARG, SMASH_ERR_ARG }, { "9 dims", SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "F8 of another bias", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE }, { "none", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE }, { "no such dtype", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE },
        { "F4", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE }, { "device", SMASH_ERR_DEVICE, SMASH_ERR_DEVICE }, { "constant", SMASH_ERR_ARG, SMASH_OK }, { "dst too small", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "src too small", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE }, { "misaligned", SMASH_ERR_ARG, SMASH_ERR_ARG }, { "other shape", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "other rank", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE }, { "alias", SMASH_ERR_ARG, SMASH_OK }, { "one byte shared", SMASH_ERR_ARG, SMASH_OK }, { "overflow", SMASH_ERR_OVERFLOW, SMASH_ERR_OVERFLOW },
    };
    static const size_t shape[2] = { 2, 3 }, turned[2] = { 3, 2 };
    int r;
    for (r = 0; r < ROWS; r++) {
        double room[16];
        float *x = (float *)room, y[6];
        smash_tensor src = test_view(SMASH_F32, x, 2, shape), dst = test_view(SMASH_F32, y, 2, shape);
        smash_distance out;
        size_t i;
        memset(room, 0, sizeof room);
        memset(&out, 0x77, sizeof out);
        for (i = 0; i < 6; i++) y[i] = 7;
        switch (r) {
        case NO_DATA: dst.data = NULL; break;
        case RANK: dst.ndim = 9; break;
        case DTYPE: src.dtype = SMASH_F8_E4M3FNUZ; break;
        case DTYPE_NONE: dst.dtype = SMASH_DTYPE_NONE; break;
        case DTYPE_WILD: src.dtype = (smash_dtype)1000; break;
        case CARRIED: dst.dtype = SMASH_F4; break;
        case DEVICE: src.flags = SMASH_TENSOR_DEVICE; break;
        case CONST_DST: dst.flags = SMASH_TENSOR_CONST; break;
        case SMALL: dst.bytes--; break;
        case SMALL_SRC: src.bytes--; break;
        case MISALIGNED: src.data = (char *)room + 2; break;
        case SHAPE: dst = test_view(SMASH_F32, y, 2, turned); break;
        case NDIM: dst = test_view(SMASH_F32, y, 1, shape); break;
        case ALIAS: src.data = y; break;
        case TOUCH: src = test_view(SMASH_U8, (uint8_t *)y + 23, 2, shape); src.bytes = 6; break;
        case OVERFLOW: src.shape[0] = SIZE_MAX / 2; break;
        default: break;
        }
        CHECK_ERR(ctx, smash_tensor_convert(ctx, r == NO_SRC ? NULL : &src, r == NO_DST ? NULL : &dst), rows[r].convert, "%s", rows[r].name);
        CHECK(rows[r].convert == SMASH_OK || ctx->message[0], "%s: no message", rows[r].name);
        for (i = 0; i < 6; i++) CHECK(y[i] == 7, "%s: output %d was touched", rows[r].name, (int)i);
        if (r == TOUCH) continue;                                   /* reads beyond y, which only convert may not do */
        CHECK_ERR(ctx, smash_tensor_distance(ctx, r == NO_SRC ? NULL : &src, r == NO_DST ? NULL : &dst, &out), rows[r].distance, "%s", rows[r].name);
        if (rows[r].distance) CHECK(((unsigned char *)&out)[0] == 0x77, "%s: output was touched", rows[r].name);
    }
    {
        float x = 1;
        smash_tensor t = test_view(SMASH_F32, &x, 0, NULL);
        CHECK_ERR(ctx, smash_tensor_distance(ctx, &t, &t, NULL), SMASH_ERR_ARG, "no place");
    }
}

/* ---- distance ---- */

static void test_distance(smash_ctx *ctx)
{
    static const size_t sizes[] = { 1, 2, 7, 8, 9, 31, 64, 100, 1023, 65535, 65536, 65537, 150001 };
    static const smash_dtype floats[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16, SMASH_I8 };
    uint64_t rng = 11;
    size_t s, i, d;
    int run;
    for (s = 0; s < COUNT_OF(sizes); s++)
        for (d = 0; d < COUNT_OF(floats); d++) {
            size_t n = sizes[s], zeros_a = 0, zeros_b = 0;
            float *a = (float *)test_exact(n * 4);
            double *wide = (double *)test_exact(n * 8), error2 = 0, a2 = 0, b2 = 0, ab = 0, worst = 0;
            void *b = test_exact(n * 8);
            smash_tensor x = test_view(SMASH_F32, a, 1, &n), y = test_view(floats[d], b, 1, &n), w = test_view(SMASH_F64, wide, 1, &n);
            smash_distance out, first;
            for (i = 0; i < n; i++) {
                int64_t r = (int64_t)(smash_random(&rng) >> 40);
                a[i] = r % 5 == 0 ? 0.0f : (float)(r - 8388608) / 70000.0f;
                wide[i] = r % 7 == 0 ? 0.0 : floats[d] == SMASH_I8 ? (double)(r % 256 - 128) : (double)a[i] + (double)(r % 100) / 1000;
            }
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &w, &y), SMASH_OK, "%d", (int)n);
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &y, &w), SMASH_OK, "%d", (int)n);
            for (i = 0; i < n; i++) {
                double fa = (double)a[i], fb = (double)(float)wide[i], e = (double)(float)(fa - wide[i]);
                error2 += e * e; a2 += fa * fa; b2 += fb * fb; ab += fa * fb;
                if (e < 0) e = -e;
                if (e > worst) worst = e;
                zeros_a += a[i] == 0; zeros_b += wide[i] == 0;
            }
            for (run = 0; run < 4; run++) {
                double cosine = a2 == 0 && b2 == 0 ? 1 : a2 == 0 || b2 == 0 ? 0 : ab / (smash_sqrt(a2) * smash_sqrt(b2)), tolerance = 1e-10 * (double)(n < 10 ? 10 : n) * 1e-3;
                ctx->no_simd = (uint32_t)run & 1;
                ctx->parallel = run & 2 ? test_backwards : NULL;
                CHECK_ERR(ctx, smash_tensor_distance(ctx, &x, &y, &out), SMASH_OK, "%d", (int)n);
                if (run == 0) first = out;
                CHECK(!memcmp(&out, &first, sizeof out), "%d of %s, run %d: other bits", (int)n, smash_dtype_name(floats[d]), run);
                /* n sums in another order: n roundings of 2^-53 each, here 1e-13 for each number */
                CHECK(out.count == n && out.zeros_a == zeros_a && out.zeros_b == zeros_b && out.max_abs_error == worst, "%d of %s", (int)n, smash_dtype_name(floats[d]));
                CHECK(out.mse * (double)n >= error2 * (1 - tolerance) && out.mse * (double)n <= error2 * (1 + tolerance), "%d of %s: mse %.17g for %.17g", (int)n, smash_dtype_name(floats[d]), out.mse, error2 / (double)n);
                CHECK(out.cosine >= cosine - tolerance - 1e-15 && out.cosine <= cosine + tolerance + 1e-15, "%d of %s: cosine %.17g for %.17g", (int)n, smash_dtype_name(floats[d]), out.cosine, cosine);
                if (a2 > 0 && error2 > 0) {                         /* 10^(snr/10) = a2 / error2 */
                    double ratio = smash_exp(out.snr_db * 0.23025850929940458) * error2 / a2;
                    CHECK(ratio > 1 - 1e-8 && ratio < 1 + 1e-8, "%d of %s: snr %.17g", (int)n, smash_dtype_name(floats[d]), out.snr_db);
                }
            }
            free(a); free(b); free(wide);
        }
    ctx->no_simd = 0;
    ctx->parallel = NULL;
}

static void test_distance_special(smash_ctx *ctx)
{
    static const struct { float a[3], b[3]; double mse, max, cosine; int snr; } rows[] = {      /* snr: 1 Inf, -1 -Inf, 0 a number */
        { { 1, 2, 3 }, { 1, 2, 3 }, 0, 0, 1, 1 }, { { 0, 0, 0 }, { 0, 0, 0 }, 0, 0, 1, 1 }, { { 0, 0, 0 }, { 1, 2, 2 }, 3, 2, 0, -1 }, { { 3, 0, 0 }, { 0, 0, 0 }, 3, 3, 0, 0 },
        { { 3, 4, 0 }, { -3, -4, 0 }, 100.0 / 3, 8, -1, 0 },
    };
    size_t i, three = 3, none = 0;
    smash_distance out;
    smash_tensor x, y;
    for (i = 0; i < COUNT_OF(rows); i++) {
        x = test_view(SMASH_F32, rows[i].a, 1, &three);
        y = test_view(SMASH_F32, rows[i].b, 1, &three);
        CHECK_ERR(ctx, smash_tensor_distance(ctx, &x, &y, &out), SMASH_OK, "row %d", (int)i);
        CHECK(out.mse == rows[i].mse && out.max_abs_error == rows[i].max && out.cosine == rows[i].cosine, "row %d: %g %g %g", (int)i, out.mse, out.max_abs_error, out.cosine);
        CHECK(rows[i].snr > 0 ? out.snr_db > 1e300 : rows[i].snr < 0 ? out.snr_db < -1e300 : out.snr_db < 1 && out.snr_db > -10, "row %d: snr %g", (int)i, out.snr_db);
    }
    for (i = 0; i < 20; i++) {                                      /* NaN and Inf show, wherever they are */
        float a[20], b[20];
        size_t n = 20, k;
        for (k = 0; k < n; k++) a[k] = b[k] = (float)k;
        a[i] = float_of(0x7FC00000u);
        x = test_view(SMASH_F32, a, 1, &n);
        y = test_view(SMASH_F32, b, 1, &n);
        CHECK_ERR(ctx, smash_tensor_distance(ctx, &x, &y, &out), SMASH_OK, "NaN");
        CHECK(out.mse != out.mse && out.max_abs_error != out.max_abs_error && out.cosine != out.cosine, "NaN at %d: %g %g %g", (int)i, out.mse, out.max_abs_error, out.cosine);
        a[i] = float_of(0x7F800000u);
        CHECK_ERR(ctx, smash_tensor_distance(ctx, &x, &y, &out), SMASH_OK, "Inf");
        CHECK(out.mse > 1e300 && out.max_abs_error > 1e300, "Inf at %d", (int)i);
    }
    x = test_view(SMASH_F32, NULL, 1, &none);
    CHECK_ERR(ctx, smash_tensor_distance(ctx, &x, &x, &out), SMASH_OK, "empty");
    CHECK(out.count == 0 && out.mse == 0 && out.cosine == 1, "empty");
    CHECK(smash_tensor_distance(NULL, &x, &x, &out) == SMASH_OK, "empty needs no scratch");
}

/* ---- granularity ---- */

static void test_grid(smash_ctx *ctx)
{
    enum { D = SMASH_GRAIN_DEFAULT, E = SMASH_GRAIN_ELEMENT, T = SMASH_GRAIN_TENSOR, A = SMASH_GRAIN_AXIS, B = SMASH_GRAIN_BLOCK };
    static const struct { int kind; uint32_t axis, block_count; int32_t block[3]; uint32_t pad_back; int32_t pad_value; uint32_t ndim; size_t shape[4];
                          smash_err err; size_t index; size_t size[4], count[4]; const char *says; } rows[] = {
        { D, 0, 0, { 0, 0, 0 }, 0, 0, 4, { 8, 3, 3, 3 }, SMASH_OK, 0, { 8, 3, 3, 3 }, { 1, 1, 1, 1 }, NULL },
        { T, 0, 0, { 0, 0, 0 }, 0, 0, 2, { 5, 7, 0, 0 }, SMASH_OK, 0, { 5, 7, 0, 0 }, { 1, 1, 0, 0 }, NULL },
        { E, 0, 0, { 0, 0, 0 }, 0, 0, 2, { 5, 7, 0, 0 }, SMASH_OK, 0, { 1, 1, 0, 0 }, { 5, 7, 0, 0 }, NULL },
        { A, 0, 0, { 0, 0, 0 }, 0, 0, 4, { 8, 3, 3, 3 }, SMASH_OK, 0, { 1, 3, 3, 3 }, { 8, 1, 1, 1 }, NULL },
        { A, 1, 0, { 0, 0, 0 }, 0, 0, 4, { 8, 3, 3, 3 }, SMASH_OK, 0, { 8, 1, 3, 3 }, { 1, 3, 1, 1 }, NULL },
        { B, 0, 1, { 1, 0, 0 }, 1, -1, 4, { 8, 3, 3, 3 }, SMASH_OK, 0, { 1, 3, 3, 3 }, { 8, 1, 1, 1 }, NULL },          /* out_channel of NNI */
        { B, 0, 2, { -1, 1, 0 }, 1, -1, 4, { 8, 3, 3, 3 }, SMASH_OK, 0, { 8, 1, 3, 3 }, { 1, 3, 1, 1 }, NULL },         /* in_channel */
        { B, 0, 2, { 1, 2, 0 }, 0, 0, 2, { 3, 4, 0, 0 }, SMASH_OK, 0, { 1, 2, 0, 0 }, { 3, 2, 0, 0 }, NULL },           /* [1,2] on 3x4: [3,2] */
        { B, 0, 2, { 3, 2, 0 }, 0, 0, 2, { 3, 4, 0, 0 }, SMASH_OK, 0, { 3, 2, 0, 0 }, { 1, 2, 0, 0 }, NULL },           /* [3,2]: [1,2] */
        { B, 0, 2, { 2, 2, 0 }, 0, 0, 4, { 8, 3, 4, 6 }, SMASH_OK, 0, { 1, 1, 2, 2 }, { 8, 3, 2, 3 }, NULL },           /* missing axes in front are 1 */
        { B, 0, 2, { 2, 3, 0 }, 1, 0, 4, { 8, 3, 4, 6 }, SMASH_OK, 0, { 2, 3, 1, 1 }, { 4, 1, 4, 6 }, NULL },           /* behind: 1, too */
        { B, 0, 1, { 2, 0, 0 }, 0, 2, 2, { 4, 6, 0, 0 }, SMASH_OK, 0, { 2, 2, 0, 0 }, { 2, 3, 0, 0 }, NULL },
        { B, 0, 0, { 0, 0, 0 }, 0, -1, 2, { 4, 6, 0, 0 }, SMASH_OK, 0, { 4, 6, 0, 0 }, { 1, 1, 0, 0 }, NULL },
        { T, 0, 0, { 0, 0, 0 }, 0, 0, 0, { 0, 0, 0, 0 }, SMASH_OK, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, NULL },           /* scalar */
        { E, 0, 0, { 0, 0, 0 }, 0, 0, 0, { 0, 0, 0, 0 }, SMASH_OK, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, NULL },
        { B, 0, 1, { 4, 0, 0 }, 0, 0, 2, { 5, 6, 0, 0 }, SMASH_ERR_SHAPE, 1, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "1, 2, 3, 6" },
        { B, 0, 2, { 3, 1, 0 }, 0, 0, 2, { 5, 6, 0, 0 }, SMASH_ERR_SHAPE, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "1, 5" },
        { B, 0, 1, { 7, 0, 0 }, 0, 0, 1, { 6, 0, 0, 0 }, SMASH_ERR_SHAPE, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "is 6" },
        { B, 0, 3, { 1, 1, 1 }, 0, 0, 2, { 5, 6, 0, 0 }, SMASH_ERR_SHAPE, 3, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "2 dims" },
        { A, 2, 0, { 0, 0, 0 }, 0, 0, 2, { 5, 6, 0, 0 }, SMASH_ERR_SHAPE, 2, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "axis 2" },
        { A, 0, 0, { 0, 0, 0 }, 0, 0, 0, { 0, 0, 0, 0 }, SMASH_ERR_SHAPE, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "no axis 0" },
        { B, 0, 1, { 0, 0, 0 }, 0, 0, 1, { 6, 0, 0, 0 }, SMASH_ERR_RANGE, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "-1" },
        { B, 0, 1, { -2, 0, 0 }, 0, 0, 1, { 6, 0, 0, 0 }, SMASH_ERR_RANGE, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "-2" },
        { T, 0, 0, { 0, 0, 0 }, 0, 0, 2, { 5, 0, 0, 0 }, SMASH_ERR_SHAPE, 1, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, "dim 1" },
        { T, 0, 0, { 0, 0, 0 }, 0, 0, 2, { SIZE_MAX, 2, 0, 0 }, SMASH_ERR_OVERFLOW, 1, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, NULL },
        { E, 0, 0, { 0, 0, 0 }, 0, 0, 2, { SIZE_MAX, 2, 0, 0 }, SMASH_ERR_OVERFLOW, 1, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, NULL },
        { 5, 0, 0, { 0, 0, 0 }, 0, 0, 2, { 5, 6, 0, 0 }, SMASH_ERR_ARG, 0, { 0, 0, 0, 0 }, { 0, 0, 0, 0 }, NULL },
    };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_grain grain = SMASH_ZERO;
        smash_tensor t = smash_tensor_view(SMASH_F32, NULL, 0, rows[i].ndim, rows[i].shape);
        smash_grid grid;
        size_t blocks = 1, elements = 1;
        memset(&grid, 0x77, sizeof grid);
        grain.kind = (smash_grain_kind)rows[i].kind;
        grain.axis = rows[i].axis;
        grain.block_count = rows[i].block_count;
        memcpy(grain.block, rows[i].block, sizeof rows[i].block);
        grain.pad_back = rows[i].pad_back;
        grain.pad_value = rows[i].pad_value;
        t.name = "fc.weight";
        CHECK_ERR(ctx, smash_grid_make(ctx, &grain, &t, &grid), rows[i].err, "row %d", (int)i);
        if (rows[i].err) {
            CHECK(ctx->index == rows[i].index && ctx->message[0], "row %d: index %d", (int)i, (int)ctx->index);
            CHECK(!rows[i].says || strstr(ctx->message, rows[i].says), "row %d: %s", (int)i, ctx->message);
            CHECK(((unsigned char *)&grid)[0] == 0x77 && grid.blocks == grid.block_elements, "row %d: grid was touched", (int)i);
            continue;
        }
        CHECK(grid.ndim == rows[i].ndim, "row %d", (int)i);
        for (k = 0; k < rows[i].ndim; k++) {
            CHECK(grid.block[k] == rows[i].size[k] && grid.count[k] == rows[i].count[k], "row %d, axis %d: block %d, count %d", (int)i, (int)k, (int)grid.block[k], (int)grid.count[k]);
            blocks *= rows[i].count[k];
            elements *= rows[i].size[k];
        }
        CHECK(grid.blocks == blocks && grid.block_elements == elements, "row %d", (int)i);
    }
    {
        static const int32_t block[SMASH_MAX_DIMS] = { 3, -1, 1, 1, 1, 1, 1, 1 };
        static const size_t shape[2] = { 6, 6 };
        smash_grain g[5];
        smash_tensor t = smash_tensor_view(SMASH_F32, NULL, 0, 2, shape);
        static const size_t blocks[5] = { 36, 1, 6, 6, 2 };
        smash_grid grid;
        g[0] = smash_grain_element();
        g[1] = smash_grain_tensor();
        g[2] = smash_grain_out_channel();
        g[3] = smash_grain_in_channel();
        g[4] = smash_grain_block(block, 2);
        for (i = 0; i < 5; i++) {
            CHECK_ERR(ctx, smash_grid_make(ctx, &g[i], &t, &grid), SMASH_OK, "helper %d", (int)i);
            CHECK(grid.blocks == blocks[i], "helper %d: %d blocks", (int)i, (int)grid.blocks);
        }
        CHECK(g[2].axis == 0 && g[3].axis == 1 && smash_grain_axis(5).axis == 5, "axes");
        g[4] = smash_grain_block(block, 9);
        CHECK_ERR(ctx, smash_grid_make(ctx, &g[4], &t, &grid), SMASH_ERR_SHAPE, "9 block sizes: the first 8 are read, and refused");
        CHECK_ERR(ctx, smash_grid_make(ctx, NULL, &t, &grid), SMASH_ERR_ARG, "no grain");
        CHECK_ERR(ctx, smash_grid_make(ctx, &g[0], NULL, &grid), SMASH_ERR_ARG, "no tensor");
        CHECK_ERR(ctx, smash_grid_make(ctx, &g[0], &t, NULL), SMASH_ERR_ARG, "no grid");
        t.ndim = 9;
        CHECK_ERR(ctx, smash_grid_make(ctx, &g[0], &t, &grid), SMASH_ERR_ARG, "9 dims");
    }
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_dtypes();
    test_sizes();
    test_halves();
    test_convert_whole(&ctx);
    test_convert_float(&ctx);
    test_packed(&ctx);
    test_misuse(&ctx);
    test_distance(&ctx);
    test_distance_special(&ctx);
    test_grid(&ctx);
    return test_done();
}
