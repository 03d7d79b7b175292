/* test_formats.c - everything that a quantizer may store a tensor as: 8-bit floats, halves, fractional zero points, codebooks, scales
 * that are codes. Numbers are computed here once more, in double and without the library; files go there and back. */
#include "../smash.h"
#include "test.h"
#include <float.h>
#include <math.h>             /* fabs, signbit, HUGE_VAL: nothing that must be linked */

static smash_ctx ctx;
static smash_arena arena;
static smash_diags diags;
static smash_config config;
static smash_plan plan;
static smash_model model;
static test_buffer source, out;

static float float_of(uint32_t bits) { float f; memcpy(&f, &bits, sizeof f); return f; }
static uint32_t bits_of(float f) { uint32_t u; memcpy(&u, &f, sizeof u); return u; }
static uint32_t seed = 7;
static uint32_t any(void) { seed = seed * 1664525u + 1013904223u; return seed >> 8 ^ seed << 16; }

static double times(double x, int power) { for (; power > 0; power--) x *= 2; for (; power < 0; power++) x /= 2; return x; }
static double beside(double x, int up) { uint64_t u; memcpy(&u, &x, 8); u += (uint64_t)(int64_t)((up != 0) == (x > 0) ? 1 : -1); memcpy(&x, &u, 8); return x; }
static double beside_float(double x, int up) { return (double)float_of(bits_of((float)x) + (uint32_t)((up != 0) == (x > 0) ? 1 : -1)); }
static double half_even(double x) { const double r = (double)(long)(x < 0 ? x - 0.5 : x + 0.5); return fabs(r - x) >= 0.5 && ((long)r & 1) ? r - (x < 0 ? -1 : 1) : r; }

/* ---- one 8-bit float ---- */

typedef struct format { smash_dtype dtype; int mantissa, bias; double most; const char *word; float (*wide)(uint8_t); uint8_t (*from32)(float), (*from64)(double); } format;
static const format formats[2] = {
    { SMASH_F8_E4M3, 3, 7, 448, "float8_e4m3fn", smash_f8_e4m3_to_f32, smash_f32_to_f8_e4m3, smash_f64_to_f8_e4m3 },
    { SMASH_F8_E5M2, 2, 15, 57344, "float8_e5m2", smash_f8_e5m2_to_f32, smash_f32_to_f8_e5m2, smash_f64_to_f8_e5m2 } };

/* What a code stands for, by the definition of the format; HUGE_VAL: Inf, -1: NaN. Codes 0..127 */
static double meaning(const format *f, unsigned code)
{
    const unsigned e = code >> f->mantissa, m = code & ((1u << f->mantissa) - 1), top = (1u << (7 - f->mantissa)) - 1;
    if (f->dtype == SMASH_F8_E4M3 ? code == 0x7F : e == top && m) return -1;
    if (f->dtype == SMASH_F8_E5M2 && e == top) return HUGE_VAL;
    return e ? times(1 + (double)m / (double)(1u << f->mantissa), (int)e - f->bias) : times((double)m / (double)(1u << f->mantissa), 1 - f->bias);
}

/* The code nearest to |x|, of two the one whose last bit is 0; beyond the largest as if there were one more step */
static unsigned nearest(const format *f, double x)
{
    unsigned code, best = 0;
    double error = HUGE_VAL;
    if (x > f->most) {
        const double step = f->most - meaning(f, (f->dtype == SMASH_F8_E4M3 ? 0x7Eu : 0x7Bu) - 1);
        return x < f->most + step / 2 || (f->dtype == SMASH_F8_E4M3 && x <= f->most + step / 2) ? (f->dtype == SMASH_F8_E4M3 ? 0x7Eu : 0x7Bu) : f->dtype == SMASH_F8_E4M3 ? 0x7Fu : 0x7Cu;
    }
    for (code = 0; code < 128 && meaning(f, code) >= 0 && meaning(f, code) <= f->most; code++) {
        const double e = fabs(meaning(f, code) - x);
        if (e < error || (e <= error && code % 2 == 0)) { error = e; best = code; }
    }
    return best;
}

static void one(const format *f, double x)
{
    const unsigned want = nearest(f, fabs(x)) | (signbit(x) ? 0x80u : 0u);
    unsigned got = f->from64(x);
    CHECK(got == want, "%s of %.17g: %02x, must be %02x", f->word, x, got, want);
    if ((double)(float)x < x || (double)(float)x > x) return;
    got = f->from32((float)x);
    CHECK(got == want, "%s of float %.9g: %02x, must be %02x", f->word, x, got, want);
}

static void test_scalars(void)
{
    size_t k;
    for (k = 0; k < 2; k++) {
        const format *f = &formats[k];
        unsigned code, i;
        for (code = 0; code < 256; code++) {
            const double want = meaning(f, code & 127);
            const float got = f->wide((uint8_t)code);
            const uint32_t sign = code & 128 ? 0x80000000u : 0;
            if (want < 0) { CHECK(bits_of(got) >> 22 == (0x7FC00000u | sign) >> 22, "%s %02x: %08x is no quiet NaN", f->word, code, (unsigned)bits_of(got)); continue; }
            CHECK(fabs((double)got) >= want && fabs((double)got) <= want && (bits_of(got) & 0x80000000u) == sign, "%s %02x: %.9g, must be %.9g", f->word, code, (double)got, want);
            if (want < HUGE_VAL) CHECK(f->from32(got) == code && f->from64((double)got) == code, "%s %02x does not come back", f->word, code);
        }
        for (code = 0; code < 127 && meaning(f, code + 1) >= 0 && meaning(f, code + 1) < HUGE_VAL; code++) {     /* the middles, and what lies just beside them */
            const double middle = (meaning(f, code) + meaning(f, code + 1)) / 2;
            for (i = 0; i < 2; i++) {
                const double x = i ? -middle : middle;
                one(f, x);
                one(f, beside(x, 1)); one(f, beside(x, 0));
                one(f, beside_float(x, 1)); one(f, beside_float(x, 0));
                one(f, x * (1 + times(1, -40)));                                /* to float this would be the middle: rounded twice */
            }
        }
        for (i = 0; i < 40000; i++) one(f, (double)float_of((any() & 0x807FFFFFu) | (100u + any() % 48) << 23));
        one(f, 0.0); one(f, -0.0); one(f, f->most); one(f, -f->most); one(f, 1e300); one(f, -1e300); one(f, 5e-324); one(f, (double)FLT_MAX); one(f, 1e-45);
        one(f, f->dtype == SMASH_F8_E4M3 ? 464 : 61440); one(f, f->dtype == SMASH_F8_E4M3 ? 464.0000001 : 61439.9999); one(f, 480); one(f, 65536);
        CHECK(f->from32(float_of(0x7F800000u)) == (k ? 0x7C : 0x7F) && f->from32(float_of(0xFF800000u)) == (k ? 0xFC : 0xFF), "%s: Inf", f->word);
        CHECK((f->from32(float_of(0x7FC00000u)) & 0x7F) > 0x7C && (f->from32(float_of(0xFFC00001u)) & 0xFF) > 0xFC && (f->from64((double)NAN) & 0x7F) > 0x7C, "%s: NaN", f->word);
    }
}

/* From and to every dtype, by way of one number at a time */
static void test_convert(void)
{
    static const smash_dtype others[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16, SMASH_I8, SMASH_U8, SMASH_I16, SMASH_I32, SMASH_I64, SMASH_U64, SMASH_I4, SMASH_U2, SMASH_F8_E4M3, SMASH_F8_E5M2 };
    static const size_t shape[1] = { 128 };
    size_t k, j, i;
    for (k = 0; k < 2; k++) {
        const format *f = &formats[k];
        for (j = 0; j < COUNT_OF(others); j++) {
            uint8_t q[128], back[128];
            double room[128];
            smash_tensor a = test_view(f->dtype, q, 1, shape), b = test_view(others[j], room, 1, shape), c = test_view(f->dtype, back, 1, shape);
            for (i = 0; i < 128; i++) q[i] = (uint8_t)(others[j] == SMASH_I4 || others[j] == SMASH_U2 || others[j] == SMASH_U8 || others[j] == SMASH_U64 || others[j] == SMASH_F8_E5M2 ? f->from32((float)(i % 3)) : f->from32((float)((int)i % 33 - 16)));
            CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &a, &b), SMASH_OK, "%s to %s", f->word, smash_dtype_name(others[j]));
            CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &b, &c), SMASH_OK, "%s from %s", f->word, smash_dtype_name(others[j]));
            CHECK(!memcmp(q, back, sizeof q), "%s by %s is another", f->word, smash_dtype_name(others[j]));
        }
        {
            static const int64_t whole[4] = { 17, 300, -449, 1000000 };
            static const size_t four[1] = { 4 };
            uint8_t q[4];
            int32_t ints[4];
            smash_tensor w = test_view(SMASH_I64, whole, 1, four), t = test_view(f->dtype, q, 1, four), n = test_view(SMASH_I32, ints, 1, four);
            CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &w, &t), SMASH_OK, "whole numbers");
            for (i = 0; i < 4; i++) CHECK(q[i] == (nearest(f, fabs((double)whole[i])) | (whole[i] < 0 ? 0x80u : 0)), "%s of %d: %02x", f->word, (int)whole[i], q[i]);
            q[2] = f->from32(0.5f);
            CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &t, &n), SMASH_ERR_RANGE, "a half is no integer");
            CHECK(ctx.index == 2, "index %d", (int)ctx.index);
        }
    }
}

/* ---- grids of 8-bit floats, and zero points that are floats ---- */

static void fill(float *x, size_t n, float size) { size_t i; for (i = 0; i < n; i++) x[i] = (float)((int)(any() % 20001) - 10000) * (size / 10000.0f); }

/* Every call on a grid, number for number: the integers and floats that come out are those of plain float arithmetic. */
static void test_grids(void)
{
    static const size_t shapes[][2] = { { 1, 1 }, { 3, 5 }, { 7, 64 }, { 5, 100 }, { 2, 70000 } };
    static const smash_dtype floats[] = { SMASH_F32, SMASH_F16, SMASH_BF16, SMASH_F64 };
    static float x[140000], y[140000], stored[140000];
    static double wide[140000];
    static uint8_t q[140000];
    size_t s, d, g, i, kind;
    for (kind = 0; kind < 4; kind++)                                     /* e4m3, e5m2, int8 and uint4 with fractional zero points */
        for (s = 0; s < COUNT_OF(shapes); s++)
            for (d = 0; d < COUNT_OF(floats); d++)
                for (g = 0; g < 2; g++) {
                    const size_t n = shapes[s][0] * shapes[s][1], blocks = g ? shapes[s][0] : 1, grid[2] = { blocks, 1 };
                    const format *f = kind < 2 ? &formats[kind] : NULL;
                    const int lo = kind == 2 ? -127 : 0, hi = kind == 2 ? 127 : 15;
                    const double edge = f ? f->most + (kind ? 4096 : 16) : 0;
                    smash_quant_desc desc = SMASH_ZERO;
                    smash_quant_stats stats;
                    smash_distance distance;
                    float scale[8], zero[8];
                    smash_tensor t32 = test_view(SMASH_F32, x, 2, shapes[s]), w = test_view(floats[d], floats[d] == SMASH_F32 ? (void *)x : (void *)wide, 2, shapes[s]);
                    smash_tensor back = test_view(SMASH_F32, y, 2, shapes[s]), like = test_view(floats[d], stored, 2, shapes[s]);
                    smash_tensor sc = test_view(SMASH_F32, scale, 2, grid), ze = test_view(SMASH_F32, zero, 2, grid), qt = test_view(f ? f->dtype : kind == 2 ? SMASH_I8 : SMASH_U4, q, 2, shapes[s]);
                    size_t clipped = 0, zeros = 0, bad[3] = { 0, 0, 0 };
                    if (floats[d] == SMASH_F64 && n > 1000) continue;        /* stored[] is too small */
                    if (f) desc.format = f->dtype;
                    else { desc.bits = kind == 2 ? 8 : 4; desc.is_unsigned = kind == 3; }
                    if (g) desc.grain = smash_grain_out_channel();
                    fill(x, n, 3.0f);
                    if (n > 20) { x[3] = 0; x[4] = -0.0f; x[5] = 1e-42f; }
                    if (floats[d] != SMASH_F32) CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &t32, &w), SMASH_OK, "convert");
                    for (i = 0; i < blocks; i++) { scale[i] = 3.0f / (f ? (float)(f->most * 0.9) : (float)hi * 0.9f) * (1.0f + 0.1f * (float)i); zero[i] = f ? 0 : kind == 2 ? 0.37f + (float)i : 7.53125f - (float)i; }
                    CHECK_ERR(&ctx, smash_quantize(&ctx, &desc, &w, &sc, f ? NULL : &ze, &qt), SMASH_OK, "quantize");
                    CHECK_ERR(&ctx, smash_dequantize(&ctx, &desc, &qt, &sc, f ? NULL : &ze, &back), SMASH_OK, "dequantize");
                    CHECK_ERR(&ctx, smash_quant_measure(&ctx, &desc, &w, &sc, f ? NULL : &ze, &qt, &stats), SMASH_OK, "measure");
                    CHECK_ERR(&ctx, smash_tensor_distance(&ctx, &w, &back, &distance), SMASH_OK, "distance");
                    CHECK_ERR(&ctx, smash_fake_quantize(&ctx, &desc, &w, &sc, f ? NULL : &ze, &like), SMASH_OK, "fake");
                    for (i = 0; i < n; i++) {
                        const size_t b = g ? i / shapes[s][1] : 0;
                        const double v = floats[d] == SMASH_F64 ? wide[i] : floats[d] == SMASH_F32 ? (double)x[i] : floats[d] == SMASH_F16 ? (double)smash_f16_to_f32(((uint16_t *)wide)[i])
                                                                                                                                                  : (double)smash_bf16_to_f32(((uint16_t *)wide)[i]);
                        volatile float u32 = (float)v / scale[b];
                        volatile double u = floats[d] == SMASH_F64 ? v / (double)scale[b] : (double)u32;
                        volatile float product;
                        float want;
                        if (f) {
                            unsigned code = nearest(f, fabs(u) > f->most ? f->most : fabs(u)) | (signbit(u) ? 0x80u : 0);
                            bad[0] += q[i] != code;
                            product = f->wide((uint8_t)code) * scale[b];
                            clipped += fabs(u) >= edge;
                        } else {
                            int code, is;
                            volatile float t32b = zero[b] + u32;
                            double t;
                            u = (double)zero[b] + u;
                            t = floats[d] == SMASH_F64 ? u : (double)t32b;
                            clipped += t <= lo - 0.5 || t >= hi + 0.5;
                            t = t < lo ? lo : t > hi ? hi : t;
                            code = (int)half_even(t);
                            is = kind == 2 ? (int8_t)q[i] : q[i / 2] >> i % 2 * 4 & 15;
                            bad[0] += is != code;
                            product = (float)code - zero[b];
                            product = product * scale[b];
                        }
                        want = product;
                        zeros += want >= 0 && want <= 0;
                        bad[1] += y[i] < want || y[i] > want;
                        if (floats[d] == SMASH_F32) bad[2] += stored[i] < want || stored[i] > want;
                        else if (floats[d] == SMASH_F64) bad[2] += ((double *)stored)[i] < (double)want || ((double *)stored)[i] > (double)want;
                        else bad[2] += ((uint16_t *)stored)[i] << 1 != (floats[d] == SMASH_F16 ? smash_f32_to_f16(want) : smash_f32_to_bf16(want)) << 1;
                    }
                    CHECK(!bad[0] && !bad[1] && !bad[2], "kind %d, %s, shape %d, %d blocks: %d codes, %d numbers, %d fake ones differ", (int)kind, smash_dtype_name(floats[d]), (int)s, (int)blocks, (int)bad[0], (int)bad[1], (int)bad[2]);
                    CHECK(stats.saturated == clipped && stats.zeros == zeros, "kind %d, %s: saturated %d, must be %d; zeros %d, must be %d", (int)kind, smash_dtype_name(floats[d]), (int)stats.saturated, (int)clipped, (int)stats.zeros, (int)zeros);
                    CHECK(!memcmp(&stats.mse, &distance.mse, sizeof stats.mse) && !memcmp(&stats.snr_db, &distance.snr_db, sizeof stats.snr_db) && !memcmp(&stats.max_abs_error, &distance.max_abs_error, sizeof stats.max_abs_error), "kind %d: error", (int)kind);
                }
}

/* Whole zero points as F32 give the bits that they give as I32, whatever path takes them. */
static void test_whole_zeros(void)
{
    static const struct { uint32_t bits, is_unsigned; smash_dtype q; } rows[] = { { 8, 0, SMASH_I8 }, { 8, 1, SMASH_U8 }, { 4, 1, SMASH_U4 }, { 2, 0, SMASH_I2 }, { 16, 0, SMASH_I16 }, { 16, 1, SMASH_U16 }, { 12, 0, SMASH_I32 } };
    static const size_t shape[2] = { 6, 333 }, grid[2] = { 6, 1 };
    static float x[6 * 333], y[2][6 * 333], g[2][6 * 333];
    static uint32_t q[2][6 * 333];
    size_t r, k, i;
    for (r = 0; r < 2 * COUNT_OF(rows); r++) {
        smash_quant_desc d = SMASH_ZERO;
        float scale[6], fraction[6];
        int32_t zero[6];
        smash_quant_stats stats[2];
        smash_tensor w = test_view(SMASH_F32, x, 2, shape), sc = test_view(SMASH_F32, scale, 2, grid), z[2];
        const int32_t most = rows[r / 2].is_unsigned ? (1 << rows[r / 2].bits) - 1 : (1 << (rows[r / 2].bits - 1)) - 1;
        d.bits = rows[r / 2].bits;
        d.is_unsigned = rows[r / 2].is_unsigned;
        d.rounding = r % 2 ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
        d.grain = smash_grain_out_channel();
        fill(x, 6 * 333, 2.0f);
        for (i = 0; i < 6; i++) { scale[i] = 4.0f / (float)most / (float)(i + 1); zero[i] = most - (int32_t)i % (most + 1); fraction[i] = (float)zero[i]; }
        z[0] = test_view(SMASH_I32, zero, 2, grid);
        z[1] = test_view(SMASH_F32, fraction, 2, grid);
        for (k = 0; k < 2; k++) {
            smash_tensor qt = test_view(rows[r / 2].q, q[k], 2, shape), yt = test_view(SMASH_F32, y[k], 2, shape), gt = test_view(SMASH_F32, g[k], 2, shape);
            memset(q[k], 0, sizeof q[k]);
            CHECK_ERR(&ctx, smash_quantize(&ctx, &d, &w, &sc, &z[k], &qt), SMASH_OK, "quantize");
            CHECK_ERR(&ctx, smash_dequantize(&ctx, &d, &qt, &sc, &z[k], &yt), SMASH_OK, "dequantize");
            CHECK_ERR(&ctx, smash_quant_measure(&ctx, &d, &w, &sc, &z[k], &qt, &stats[k]), SMASH_OK, "measure");
            CHECK_ERR(&ctx, smash_fake_quantize_gradient(&ctx, &d, SMASH_GRADIENT_CLAMPED, &w, &sc, &z[k], &w, &gt), SMASH_OK, "gradient");
        }
        CHECK(!memcmp(q[0], q[1], sizeof q[0]) && !memcmp(y[0], y[1], sizeof y[0]) && !memcmp(g[0], g[1], sizeof g[0]), "row %d: F32 zero points give other bits", (int)r);
        CHECK(!memcmp(&stats[0].mse, &stats[1].mse, sizeof stats[0].mse) && stats[0].saturated == stats[1].saturated && stats[0].zeros == stats[1].zeros, "row %d: other errors", (int)r);
    }
}

/* Scales of 8-bit floats, what is refused, and that nothing overflows */
static void test_f8_calls(void)
{
    static const size_t shape[2] = { 3, 4 }, grid[2] = { 3, 1 }, one_one[2] = { 1, 1 };
    size_t k, i;
    for (k = 0; k < 2; k++) {
        const format *f = &formats[k];
        float x[12] = { 1, -2, 0.5f, 3, 0, 0, -0.0f, 0, 0, 0, 0, 0 }, scale[3], y[12];
        int32_t zero[3] = { 5, 5, 5 }, lo, hi;
        uint8_t q[12];
        smash_quant_desc d = SMASH_ZERO;
        smash_quant_stats stats;
        smash_observer_desc od = SMASH_ZERO;
        smash_observer o;
        double room[1100];
        smash_tensor w = test_view(SMASH_F32, x, 2, shape), sc = test_view(SMASH_F32, scale, 2, grid), ze = test_view(SMASH_I32, zero, 2, grid), qt = test_view(f->dtype, q, 2, shape), yt = test_view(SMASH_F32, y, 2, shape), s1 = test_view(SMASH_F32, scale, 2, one_one);
        float e[2];
        int32_t z;
        d.format = f->dtype;
        d.grain = smash_grain_out_channel();
        x[8] = FLT_MAX; x[9] = -1e-45f; x[10] = 1e30f;
        CHECK(smash_quant_dtype(&d) == f->dtype, "dtype");
        CHECK_ERR(&ctx, smash_quant_limits(&ctx, &d, &lo, &hi), SMASH_OK, "limits");
        CHECK(hi == (int32_t)f->most && lo == -hi, "limits %d..%d", (int)lo, (int)hi);
        CHECK_ERR(&ctx, smash_quant_fit(&ctx, &d, &w, &sc, &ze), SMASH_OK, "fit");
        CHECK(scale[0] >= 3.0f / (float)f->most && scale[0] <= 3.0f / (float)f->most && scale[1] >= FLT_EPSILON && scale[1] <= FLT_EPSILON && !zero[0] && !zero[1] && !zero[2], "%s: scales %g %g", f->word, (double)scale[0], (double)scale[1]);
        CHECK(scale[2] * (float)f->most <= FLT_MAX && scale[2] >= FLT_MAX / (float)f->most * 0.999999f, "%s: the largest scale is %g", f->word, (double)scale[2]);
        CHECK_ERR(&ctx, smash_quantize(&ctx, &d, &w, &sc, &ze, &qt), SMASH_OK, "quantize");
        CHECK(q[3] == (k ? 0x7B : 0x7E) && q[8] == q[3] && q[6] == 0x80 && q[9] == 0x80, "%s: %02x %02x %02x %02x", f->word, q[3], q[8], q[6], q[9]);
        CHECK_ERR(&ctx, smash_dequantize(&ctx, &d, &qt, &sc, NULL, &yt), SMASH_OK, "dequantize");
        for (i = 0; i < 12; i++) CHECK(y[i] - y[i] >= 0, "%s: number %d is not finite", f->word, (int)i);
        scale[0] = scale[1] = scale[2] = 1e-30f;                          /* far too small: held at the end */
        CHECK_ERR(&ctx, smash_quantize(&ctx, &d, &w, &sc, NULL, &qt), SMASH_OK, "quantize");
        CHECK(q[0] == q[3] && q[1] == (q[3] | 0x80) && q[8] == q[3], "%s: %02x %02x", f->word, q[0], q[1]);
        CHECK_ERR(&ctx, smash_quant_measure(&ctx, &d, &w, &sc, NULL, &qt, &stats), SMASH_OK, "measure");
        CHECK(stats.saturated == 6, "saturated %d", (int)stats.saturated);
        CHECK_ERR(&ctx, smash_quant_params(&ctx, &d, -1.0f, 2.0f, e, &z), SMASH_OK, "params");
        CHECK(e[0] >= 2.0f / (float)f->most && e[0] <= 2.0f / (float)f->most && z == 0, "params %g", (double)e[0]);
        /* refused */
        x[7] = float_of(0x7FC00000u);
        CHECK_ERR(&ctx, smash_quantize(&ctx, &d, &w, &sc, NULL, &qt), SMASH_ERR_NONFINITE, "NaN");
        CHECK(ctx.index == 7, "index %d", (int)ctx.index);
        CHECK_ERR(&ctx, smash_fake_quantize(&ctx, &d, &w, &sc, NULL, &yt), SMASH_ERR_NONFINITE, "NaN");
        CHECK(ctx.index == 7, "index %d", (int)ctx.index);
        CHECK_ERR(&ctx, smash_quant_fit(&ctx, &d, &w, &sc, NULL), SMASH_ERR_NONFINITE, "NaN");
        x[7] = 0;
        qt.dtype = formats[1 - k].dtype;
        CHECK_ERR(&ctx, smash_quantize(&ctx, &d, &w, &sc, NULL, &qt), SMASH_ERR_DTYPE, "the other format");
        qt.dtype = SMASH_U8;
        CHECK_ERR(&ctx, smash_dequantize(&ctx, &d, &qt, &sc, NULL, &yt), SMASH_ERR_DTYPE, "bytes");
        scale[1] = 0;
        qt.dtype = f->dtype;
        CHECK_ERR(&ctx, smash_quantize(&ctx, &d, &w, &sc, NULL, &qt), SMASH_ERR_RANGE, "scale 0");
        CHECK(ctx.index == 1, "index %d", (int)ctx.index);
        d.scheme = SMASH_AFFINE;
        CHECK_ERR(&ctx, smash_quant_fit(&ctx, &d, &w, &sc, &ze), SMASH_ERR_ARG, "affine");
        d.scheme = SMASH_SYMMETRIC;
        d.rounding = SMASH_HALF_AWAY;
        CHECK_ERR(&ctx, smash_quant_fit(&ctx, &d, &w, &sc, &ze), SMASH_ERR_ARG, "half away");
        d.rounding = SMASH_HALF_EVEN;
        d.format = SMASH_F16;
        CHECK_ERR(&ctx, smash_quant_fit(&ctx, &d, &w, &sc, &ze), SMASH_ERR_ARG, "float16");
        CHECK(smash_quant_dtype(&d) == SMASH_F16, "float16");
        d.format = f->dtype;
        d.grain = smash_grain_tensor();
        CHECK_ERR(&ctx, smash_quant_fit_mse(&ctx, &d, &w, &s1, NULL), SMASH_ERR_ARG, "fit_mse");
        CHECK_ERR(&ctx, smash_quant_lsq_start(&ctx, &d, &w, &s1, NULL), SMASH_ERR_ARG, "lsq");
        CHECK_ERR(&ctx, smash_quant_dorefa(&ctx, &d, SMASH_DOREFA_WEIGHTS, &w, &yt), SMASH_ERR_ARG, "dorefa");
        od.kind = SMASH_OBSERVE_ENTROPY;
        od.bins = 1024;
        CHECK_ERR(&ctx, smash_observer_init(&ctx, &od, 1, room, sizeof room, &o), SMASH_OK, "observer");
        CHECK_ERR(&ctx, smash_observe(&ctx, &o, &w), SMASH_OK, "observe");
        CHECK_ERR(&ctx, smash_observer_range(&ctx, &o, &d, 0, &e[0], &e[1]), SMASH_ERR_ARG, "entropy of a float");
    }
}

int main(void)
{
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    test_scalars();
    test_convert();
    test_grids();
    test_whole_zeros();
    test_f8_calls();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%d blocks are still out", (int)test_alloc_live);
    (void)config; (void)plan; (void)model; (void)source; (void)out; (void)diags;
    return test_done();
}
