/* test_formats.c - everything that a quantizer may store a tensor as: 8-bit floats, halves, fractional zero points, codebooks, scales
 * that are codes. Numbers are computed here once more, in double and without the library; files go there and back. */
#include "../smash.h"
#include "test.h"
#include "config_test.h"
#include <float.h>
#include <math.h>             /* fabs, signbit, HUGE_VAL: nothing that must be linked */

static smash_model model;
static test_buffer source, out;

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
static double define(const format *f, unsigned code)
{
    const unsigned e = code >> f->mantissa, m = code & ((1u << f->mantissa) - 1), top = (1u << (7 - f->mantissa)) - 1;
    if (f->dtype == SMASH_F8_E4M3 ? code == 0x7F : e == top && m) return -1;
    if (f->dtype == SMASH_F8_E5M2 && e == top) return HUGE_VAL;
    return e ? times(1 + (double)m / (double)(1u << f->mantissa), (int)e - f->bias) : times((double)m / (double)(1u << f->mantissa), 1 - f->bias);
}

static double known[2][128];                 /* define() of all codes */
static double meaning(const format *f, unsigned code) { return known[f == &formats[1]][code]; }

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
    static const size_t shapes[][2] = { { 1, 1 }, { 3, 5 }, { 7, 64 }, { 5, 100 }, { 2, 33000 } };
    static const smash_dtype floats[] = { SMASH_F32, SMASH_F16, SMASH_BF16, SMASH_F64 };
    static float x[66000], y[66000], stored[66000];
    static double wide[66000];
    static uint8_t q[66000];
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

/* ---- a model there and back ---- */

enum { TENSORS = 7 };
static const struct { const char *name; smash_dtype dtype; uint32_t ndim; size_t shape[4]; } tensors[TENSORS] = {
    { "fc.weight", SMASH_F32, 2, { 6, 32 } }, { "conv.weight", SMASH_F32, 4, { 4, 3, 3, 3 } }, { "conv.bias", SMASH_F32, 1, { 4 } }, { "tok_emb.weight", SMASH_F16, 2, { 8, 5 } },
    { "wide.weight", SMASH_F64, 2, { 3, 8 } }, { "bn.running_var", SMASH_F32, 1, { 4 } }, { "bn.weight", SMASH_BF16, 1, { 4 } } };
static float numbers[TENSORS][256];
static double wide_numbers[TENSORS][256];
static smash_tensor views[TENSORS];
static smash_model back;

static void start(const smash_registry *registry)
{
    size_t i, n;
    start_config(registry ? registry : smash_builtins());
    smash_model_init(&model, &arena);
    seed = 11;
    for (i = 0; i < TENSORS; i++) {
        smash_tensor f = test_view(SMASH_F32, numbers[i], tensors[i].ndim, tensors[i].shape);
        smash_tensor_count(&f, &n);
        fill(numbers[i], n, 1.5f);
        if (n > 8) { numbers[i][2] = 0; numbers[i][7] = 2.75f; }
        views[i] = f;
        if (tensors[i].dtype != SMASH_F32) {
            views[i] = test_view(tensors[i].dtype, wide_numbers[i], tensors[i].ndim, tensors[i].shape);
            CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &f, &views[i]), SMASH_OK, "source");
        }
        views[i].flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, tensors[i].name, &views[i], 0), SMASH_OK, "source");
    }
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "source");
}

/* What is in model, as text says, through a file into back */
static smash_err compress(const char *text)
{
    smash_run_desc desc = SMASH_ZERO;
    smash_result result;
    static smash_io io;
    smash_io to = SMASH_ZERO;
    smash_err err = smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL);
    if (!err) err = smash_config_resolve(&ctx, &config, &model, &plan);
    if (err) return err;
    out.used = out.calls = 0;
    to.write = test_buffer_write;
    to.user = &out;
    desc.out = &to;
    err = smash_run(&ctx, &plan, &desc, &result);
    if (err) return err;
    CHECK(result.bytes == out.used, "%s: %d bytes, not %d", text, (int)out.used, (int)result.bytes);
    io = smash_io_memory(out.data, out.used);
    return smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &back);
}

/* "packed,scale,zero_point": the parts of X but its numbers when they have its own name */
static const char *parts_of(const char *name, char text[128])
{
    ptrdiff_t at[SMASH_PART_COUNT];
    size_t i;
    text[0] = 0;
    CHECK_ERR(&ctx, smash_model_find_parts(&ctx, &back, name, at), SMASH_OK, "%s", name);
    for (i = 1; i < SMASH_PART_COUNT; i++) if (at[i] >= 0) sprintf(text + strlen(text), "%s%s", *text ? "," : "", smash_part_suffix((smash_part)i) + 1);
    return text;
}

typedef enum formula { RANGE, LSQ, LSQPLUS, DOREFA, BNN, HALF } formula;

/* Every algorithm and dtype: what comes back is what the calls on tensors give, to the bit, and the report says how far that is. */
static void test_files(void)
{
    static const struct { const char *text; formula formula; smash_dtype stored; uint32_t bits, is_unsigned, full; smash_scheme scheme; smash_dtype format; int grain; const char *parts, *word; } rows[] = {
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int8\"}", RANGE, SMASH_I8, 8, 0, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "scale", "int8" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"uint1\", \"ptq_quant_scheme\": \"affine\"}", RANGE, SMASH_U2, 1, 1, 0, SMASH_AFFINE, SMASH_DTYPE_NONE, 0, NULL, "uint1" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"float8_e4m3fn\"}", RANGE, SMASH_F8_E4M3, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F8_E4M3, 0, "scale", "float8_e4m3fn" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"fp8_e4m3\", \"ptq_granularity\": \"out_channel\"}", RANGE, SMASH_F8_E4M3, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F8_E4M3, 1, "scale", "float8_e4m3fn" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"fp8_e4m3fn\"}", RANGE, SMASH_F8_E4M3, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F8_E4M3, 0, "scale", "float8_e4m3fn" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"float8_e5m2\", \"ptq_granularity\": \"out_channel\"}", RANGE, SMASH_F8_E5M2, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F8_E5M2, 1, "scale", "float8_e5m2" },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"fp8_e5m2\"}", RANGE, SMASH_F8_E5M2, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F8_E5M2, 0, "scale", "float8_e5m2" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"float16\"}", HALF, SMASH_F16, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F16, 0, "", "float16" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"f16\"}", HALF, SMASH_F16, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F16, 0, "", "float16" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"bf16\"}", HALF, SMASH_BF16, 0, 0, 0, SMASH_SYMMETRIC, SMASH_BF16, 0, "", "bfloat16" },
        { "{\"quantizer\": \"half\"}", HALF, SMASH_F16, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F16, 0, "", "float16" },
        { "{\"quantizer\": \"half\", \"half_weight_dtype\": \"bfloat16\"}", HALF, SMASH_BF16, 0, 0, 0, SMASH_SYMMETRIC, SMASH_BF16, 0, "", "bfloat16" },
        { "{\"quantizer\": \"qat\"}", RANGE, SMASH_I8, 8, 0, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "scale", "int8" },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"uint4\", \"qat_quant_scheme\": \"affine\", \"qat_granularity\": \"out_channel\"}", RANGE, SMASH_U4, 4, 1, 0, SMASH_AFFINE, SMASH_DTYPE_NONE, 1, "packed,scale,zero_point,shape", "uint4" },
        { "{\"quantizer\": \"naive\"}", RANGE, SMASH_I8, 8, 0, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "scale", "int8" },
        { "{\"quantizer\": \"observer\"}", RANGE, SMASH_I8, 8, 0, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "scale", "int8" },
        { "{\"quantizer\": \"lsq\"}", LSQ, SMASH_I8, 8, 0, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "scale", "int8" },
        { "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\", \"lsq_granularity\": \"out_channel\"}", LSQ, SMASH_I4, 4, 0, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 1, "packed,scale,shape", "int4" },
        { "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"uint8\"}", LSQ, SMASH_U8, 8, 1, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "scale", "uint8" },
        { "{\"quantizer\": \"lsqplus\"}", LSQPLUS, SMASH_I8, 8, 0, 0, SMASH_AFFINE, SMASH_DTYPE_NONE, 0, "scale,zero_point", "int8" },
        { "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\", \"lsqplus_granularity\": \"out_channel\"}", LSQPLUS, SMASH_U4, 4, 1, 0, SMASH_AFFINE, SMASH_DTYPE_NONE, 1, "packed,scale,zero_point,shape", "uint4" },
        { "{\"quantizer\": \"dorefa\"}", DOREFA, SMASH_I8, 8, 0, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "scale", "int8" },
        { "{\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"uint2\"}", DOREFA, SMASH_U2, 2, 1, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "packed,scale,zero_point,shape", "uint2" },
        { "{\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int4\", \"dorefa_quant_range\": \"full\"}", DOREFA, SMASH_I4, 4, 0, 1, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "packed,scale,zero_point,shape", "int4" },
        { "{\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int16\"}", DOREFA, SMASH_I16, 16, 0, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "scale", "int16" },
        { "{\"quantizer\": \"bnn\"}", BNN, SMASH_U2, 1, 1, 0, SMASH_SYMMETRIC, SMASH_DTYPE_NONE, 0, "packed,scale,zero_point,shape", "uint1" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.9, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"float8_e4m3fn\", \"pack_sparse\": true}", RANGE, SMASH_F8_E4M3, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F8_E4M3, 0, "scale", "float8_e4m3fn" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.9, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"float8_e4m3fn\"}", RANGE, SMASH_F8_E4M3, 0, 0, 0, SMASH_SYMMETRIC, SMASH_F8_E4M3, 0, "scale", "float8_e4m3fn" } };
    size_t r, i, k, n, bytes;
    for (r = 0; r < COUNT_OF(rows); r++) {
        const int pruned = strstr(rows[r].text, "pruner") != NULL;
        size_t done = 0;
        start(NULL);
        CHECK_ERR(&ctx, compress(rows[r].text), SMASH_OK, "%s: %s", rows[r].text, said());
        if (ctx.err) continue;
        for (i = 0; i < plan.count; i++) {
            const smash_row *row = &plan.rows[i];
            const smash_quant_stats *got = &row->quant_stats;
            static float room[4][256];
            double pad[256];
            smash_quant_desc d = SMASH_ZERO;
            smash_quant_stats stats = SMASH_ZERO;
            smash_distance distance;
            smash_dtype stored;
            smash_tensor w, x, f, y, s, z, q, restored;
            smash_grid grid;
            char text[128], word[16];
            const char *name;
            double most = 0;
            if (row->algo->group == SMASH_QUANTIZER && row->skip && !strcmp(row->target, "bias"))
                CHECK(row->note && (strstr(row->note, "in -1..1") != NULL) == (rows[r].formula == DOREFA || rows[r].formula == BNN) && !strncmp(row->note, "stays float: ", 13), "%s: %s", rows[r].text, row->note);
            if (row->algo->group != SMASH_QUANTIZER || row->skip) continue;
            done++;
            name = model.params[row->param].name;
            for (k = 0; k < TENSORS && strcmp(tensors[k].name, name); k++) { }
            w = views[k];
            if (pruned) {                                                /* what the quantizer saw is in no file: where zeros are, they are */
                CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, name, &arena, &restored, &stored), SMASH_OK, "%s %s", rows[r].text, name);
                CHECK(stored == rows[r].stored && got->zeros * 10 >= 8 * (restored.bytes / 4), "%s %s: %s, %d zeros", rows[r].text, name, smash_dtype_name(stored), (int)got->zeros);
                continue;
            }
            smash_tensor_count(&w, &n);
            d.bits = rows[r].bits;
            d.is_unsigned = rows[r].is_unsigned;
            d.full_range = rows[r].full;
            d.scheme = rows[r].scheme;
            d.format = rows[r].format;
            if (rows[r].grain) d.grain = smash_grain_out_channel();
            CHECK_ERR(&ctx, smash_grid_make(&ctx, &d.grain, &w, &grid), SMASH_OK, "grid");
            s = test_view(SMASH_F32, room[0], grid.ndim, grid.count);
            z = test_view(rows[r].formula == RANGE || rows[r].formula == LSQ ? SMASH_I32 : SMASH_F32, room[1], grid.ndim, grid.count);
            f = test_view(SMASH_F32, room[2], w.ndim, w.shape);
            y = test_view(rows[r].formula == HALF ? rows[r].stored : SMASH_F32, room[3], w.ndim, w.shape);
            q = test_view(rows[r].stored, pad, w.ndim, w.shape);
            memset(room[1], 0, sizeof room[1]);
            x = w;
            if (w.dtype == SMASH_F64 && rows[r].formula != RANGE && rows[r].formula != HALF) { x = f; CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &w, &x), SMASH_OK, "f32"); }
            switch (rows[r].formula) {
            case HALF:
                CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &w, &y), SMASH_OK, "cast");
                CHECK_ERR(&ctx, smash_tensor_distance(&ctx, &w, &y, &distance), SMASH_OK, "distance");
                stats.mse = distance.mse;
                stats.max_abs_error = distance.max_abs_error;
                stats.snr_db = distance.snr_db;
                stats.zeros = distance.zeros_b;
                break;
            case RANGE: CHECK_ERR(&ctx, smash_quant_fit(&ctx, &d, &x, &s, &z), SMASH_OK, "fit"); break;
            case LSQ:   CHECK_ERR(&ctx, smash_quant_lsq_start(&ctx, &d, &x, &s, NULL), SMASH_OK, "lsq"); break;
            case LSQPLUS: CHECK_ERR(&ctx, smash_quant_lsq_start(&ctx, &d, &x, &s, &z), SMASH_OK, "lsq+"); break;
            case DOREFA: case BNN: {
                int32_t lo, hi;
                CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &w, &y), w.dtype == SMASH_F32 ? SMASH_OK : SMASH_OK, "f32");
                if (rows[r].formula == BNN) CHECK_ERR(&ctx, smash_quant_bnn(&ctx, &y, &y), SMASH_OK, "bnn");
                else CHECK_ERR(&ctx, smash_quant_dorefa(&ctx, &d, SMASH_DOREFA_WEIGHTS, &y, &y), SMASH_OK, "dorefa");
                smash_quant_limits(&ctx, &d, &lo, &hi);
                room[0][0] = 2.0f / (float)(hi - lo);
                room[1][0] = (float)(lo + hi) * 0.5f;
                break; }
            }
            if (rows[r].formula != HALF) {
                if (rows[r].formula == DOREFA || rows[r].formula == BNN) CHECK_ERR(&ctx, smash_quantize(&ctx, &d, &y, &s, &z, &q), SMASH_OK, "quantize");
                else CHECK_ERR(&ctx, smash_quantize(&ctx, &d, &w, &s, &z, &q), SMASH_OK, "quantize");
                CHECK_ERR(&ctx, smash_quant_measure(&ctx, &d, &w, &s, &z, &q, &stats), SMASH_OK, "measure");
                if (rows[r].formula == DOREFA || rows[r].formula == BNN) {
                    float made[256];
                    memcpy(made, y.data, n * sizeof *made);
                    CHECK_ERR(&ctx, smash_dequantize(&ctx, &d, &q, &s, &z, &y), SMASH_OK, "dequantize");
                    for (k = 0; k < n; k++) if (fabs((double)made[k] - (double)((float *)y.data)[k]) > most) most = fabs((double)made[k] - (double)((float *)y.data)[k]);
                    CHECK(rows[r].formula == BNN ? most <= 0 : most < 2.5e-7, "%s %s: %g away from the formula", rows[r].text, name, most);    /* two roundings of numbers up to 1 */
                    stats.saturated = 0;
                } else CHECK_ERR(&ctx, smash_dequantize(&ctx, &d, &q, &s, &z, &y), SMASH_OK, "dequantize");
            }
            CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, name, &arena, &restored, &stored), SMASH_OK, "%s %s", rows[r].text, name);
            smash_tensor_bytes(&y, &bytes);
            CHECK(stored == rows[r].stored && restored.dtype == y.dtype && !memcmp(restored.data, y.data, bytes), "%s %s: %s comes back otherwise", rows[r].text, name, smash_dtype_name(stored));
            CHECK(!memcmp(&got->mse, &stats.mse, 8) && !memcmp(&got->snr_db, &stats.snr_db, 8) && !memcmp(&got->max_abs_error, &stats.max_abs_error, 8) && got->zeros == stats.zeros && got->saturated == stats.saturated,
                  "%s %s: mse %g, must be %g; %d zeros, must be %d; %d saturated, must be %d", rows[r].text, name, got->mse, stats.mse, (int)got->zeros, (int)stats.zeros, (int)got->saturated, (int)stats.saturated);
            CHECK_ERR(&ctx, smash_tensor_distance(&ctx, &w, &restored, &distance), SMASH_OK, "diff");
            CHECK(!memcmp(&got->mse, &distance.mse, 8), "%s %s: the file is another error away", rows[r].text, name);
            if (rows[r].parts) CHECK(strcmp(parts_of(name, text), rows[r].parts) == 0, "%s %s: parts %s, must be %s", rows[r].text, name, text, rows[r].parts);
            CHECK(strcmp(smash_row_word(row, word), rows[r].word) == 0 && smash_row_is_grid(row) == (rows[r].format == SMASH_DTYPE_NONE), "%s %s: %s", rows[r].text, name, smash_row_word(row, word));
            CHECK(row->bytes_after > 0 && row->bytes_after < (uint64_t)row->bytes_before + 40, "bytes");
        }
        CHECK(done == (strstr(rows[r].text, "\"half\"") ? TENSORS : rows[r].formula == HALF ? 5u : 4u), "%s: %d rows", rows[r].text, (int)done);
        if (rows[r].formula != HALF || !strstr(rows[r].text, "\"half\"")) continue;
        for (k = 0; k < back.param_count; k++) CHECK(back.params[k].tensor.dtype == rows[r].stored, "%s is %s", back.params[k].name, smash_dtype_name(back.params[k].tensor.dtype));
    }
    /* once more, from what the file says it was made with: the same bytes */
    for (r = 0; r < COUNT_OF(rows); r++) {
        static unsigned char first[sizeof out.data];
        size_t used;
        const char *text = NULL;
        start(NULL);
        if (compress(rows[r].text)) continue;
        used = out.used;
        memcpy(first, out.data, used);
        for (k = 0; k < back.metadata_count; k++) if (!strcmp(back.metadata[k].key, "smash.config")) text = back.metadata[k].value;
        memset(&diags, 0, sizeof diags);
        diags.arena = &arena;
        smash_config_init(&config, smash_builtins(), &arena, &diags);
        CHECK_ERR(&ctx, compress(text ? text : ""), SMASH_OK, "%s: %s", text, said());
        CHECK(!diags.first, "%s: %s", text, said());
        for (k = 0; k < back.param_count; k++) {
            ptrdiff_t p;
            smash_model was;
            smash_io io = smash_io_memory(first, used);
            smash_tensor a, b;
            CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &was), SMASH_OK, "read");
            p = smash_model_find_param(&was, back.params[k].name);
            CHECK(p >= 0, "%s: %s is new", text, back.params[k].name);
            if (p < 0 || smash_model_load(&ctx, &was, (size_t)p, &arena, &a) || smash_model_load(&ctx, &back, k, &arena, &b)) continue;
            smash_tensor_bytes(&a, &bytes);
            CHECK(a.dtype == b.dtype && !memcmp(a.data, b.data, bytes), "%s: %s is another", text, back.params[k].name);
        }
    }
}

/* half leaves scales alone, and what 16 bits cannot hold is refused */
static void test_half(void)
{
    static const struct { const char *text; uint32_t bits; smash_err want; const char *says; } rows[] = {
        { "{\"quantizer\": \"half\"}", 0x477FF000u, SMASH_ERR_RANGE, "element 5 of \"fc.weight\" lies beyond float16, which ends at 65504; bfloat16 holds it" },      /* 65520, to Inf */
        { "{\"quantizer\": \"half\"}", 0x477FEF00u, SMASH_OK, NULL },                                                                                                  /* 65519, to 65504 */
        { "{\"quantizer\": \"half\"}", 0xFF7FFFFFu, SMASH_ERR_RANGE, "element 5 of \"fc.weight\" lies beyond float16, which ends at 65504; bfloat16 holds it" },
        { "{\"quantizer\": \"half\", \"half_weight_dtype\": \"bfloat16\"}", 0x7F7F7FFFu, SMASH_OK, NULL },
        { "{\"quantizer\": \"half\", \"half_weight_dtype\": \"bfloat16\"}", 0x7F7FFFFFu, SMASH_ERR_RANGE, "element 5 of \"fc.weight\" lies beyond bfloat16, which ends where float32 does" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"float16\"}", 0x48000000u, SMASH_ERR_RANGE, "element 5 of \"fc.weight\" lies beyond float16, which ends at 65504; bfloat16 holds it" },
        { "{\"quantizer\": \"half\"}", 0x7FC00000u, SMASH_ERR_NONFINITE, "element 5 of \"fc.weight\" is NaN or Inf; clean the data before quantizing it" },
        { "{\"quantizer\": \"half\"}", 0xFF800000u, SMASH_ERR_NONFINITE, "element 5 of \"fc.weight\" is NaN or Inf; clean the data before quantizing it" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"float8_e5m2\"}", 0x7F800000u, SMASH_ERR_NONFINITE, "element 5 of \"fc.weight\" is NaN or Inf; clean the data before quantizing it" },
        { "{\"quantizer\": \"half\"}", 0x00000001u, SMASH_OK, NULL } };
    size_t r, k, bytes;
    for (r = 0; r < COUNT_OF(rows); r++) {
        start(NULL);
        numbers[0][5] = float_of(rows[r].bits);
        CHECK_ERR(&ctx, compress(rows[r].text), rows[r].want, "row %d", (int)r);
        if (rows[r].says) CHECK(strcmp(ctx.message, rows[r].says) == 0 && ctx.index == 5, "row %d: %s", (int)r, ctx.message);
    }
    {
        smash_tensor before[TENSORS], after;
        smash_dtype stored;
        start(NULL);
        CHECK_ERR(&ctx, compress("{\"quantizer\": \"qat\", \"qat_granularity\": \"out_channel\"}"), SMASH_OK, "%s", said());
        for (k = 0; k < TENSORS; k++) CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, tensors[k].name, &arena, &before[k], NULL), SMASH_OK, "%s", tensors[k].name);
        source = out;
        model = back;
        {
            smash_io io = smash_io_memory(source.data, source.used);
            CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &model), SMASH_OK, "again");
            memset(&diags, 0, sizeof diags);
            diags.arena = &arena;
            smash_config_init(&config, smash_builtins(), &arena, &diags);
            CHECK_ERR(&ctx, compress("{\"quantizer\": \"half\"}"), SMASH_OK, "%s", said());
        }
        for (k = 0; k < TENSORS; k++) {
            CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, tensors[k].name, &arena, &after, &stored), SMASH_OK, "%s", tensors[k].name);
            smash_tensor_bytes(&after, &bytes);
            if (strstr(tensors[k].name, "weight") && strcmp(tensors[k].name, "bn.weight")) CHECK(stored == SMASH_I8 && !memcmp(before[k].data, after.data, bytes), "%s changes", tensors[k].name);
            else CHECK(stored == SMASH_F16, "%s is %s", tensors[k].name, smash_dtype_name(stored));
        }
        CHECK(back.params[smash_model_find_param(&back, "fc.weight_scale")].tensor.dtype == SMASH_F32, "a scale was halved");
        CHECK(plan.count == 3, "%d rows", (int)plan.count);
    }
}

/* What algorithms and formats do not take, to the word */
static void test_refused(void)
{
    static const struct { const char *text, *code, *says; } rows[] = {
        { "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"float8_e4m3fn\", \"quant_scheme\": \"affine\"}]}", "not_taken",
          "float8_e4m3fn takes no quant_scheme \"affine\": a float has no zero point; leave the key out, or write \"symmetric\"" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"bf16\", \"ptq_quant_scheme\": \"affine\"}", "not_taken", "bfloat16 takes no quant_scheme \"affine\": a float has no zero point; leave the key out, or write \"symmetric\"" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"fp8_e5m2\", \"ptq_quant_range\": \"full\"}", "not_taken", "float8_e5m2 takes no quant_range \"full\": its ends are those of the format" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"fp8_e5m2\", \"ptq_quant_rounding\": \"half_away\"}", "not_taken", "float8_e5m2 takes no quant_rounding \"half_away\": floats round halves to even" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"f16\", \"ptq_granularity\": \"out_channel\"}", "not_taken", "float16 takes no granularity: it has no scale that blocks of numbers could share" },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int1\"}", "illegal_value",
          "\"ptq_quant_dtype\" is \"int1\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2; int1 has no number above 0, uint1 has 0 and 1" },
        { "{\"quantizer\": \"dorefa\", \"dorefa_config_list\": [{\"op_names\": [\"fc\"], \"quant_dtype\": \"int1\"}]}", "illegal_value",
          "\"quant_dtype\" is \"int1\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2; int1 has no number above 0, uint1 has 0 and 1" },
        { "{\"quantizer\": \"dorefa\", \"dorefa_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"granularity\": \"out_channel\"}]}", "not_taken",
          "dorefa takes no granularity: its grid is -1..1, whatever the weights are, so there is one for the whole tensor" },
        { "{\"quantizer\": \"dorefa\", \"dorefa_granularity\": \"out_channel\"}", "unknown_key",
          "there is no key \"dorefa_granularity\": its grid is -1..1, whatever the weights are, so there is one for the whole tensor" },
        { "{\"quantizer\": \"half\", \"half_quant_dtype\": \"bfloat16\"}", "unknown_key", "there is no key \"half_quant_dtype\": half_weight_dtype says float16 or bfloat16" },
        { "{\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"float16\"}", "not_taken", "dorefa takes no quant_dtype \"float16\": its steps are those of integers" },
        { "{\"quantizer\": \"bnn\", \"bnn_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int8\"}]}", "not_taken", "bnn takes no quant_dtype: it makes uint1, for -1 and 1" },
        { "{\"quantizer\": \"bnn\", \"bnn_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"granularity\": [1, -1]}]}", "not_taken",
          "bnn takes no granularity: its numbers are -1 and 1, so there is one scale for the whole tensor" },
        { "{\"quantizer\": \"bnn\", \"bnn_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_rounding\": \"half_away\"}]}", "not_taken", "bnn takes no quant_rounding: it takes the sign" },
        { "{\"quantizer\": \"naive\", \"naive_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int4\"}]}", "not_taken", "naive takes no quant_dtype: it makes int8" },
        { "{\"quantizer\": \"observer\", \"observer_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_scheme\": \"affine\"}]}", "not_taken", "observer takes no quant_scheme: weights are symmetric, inputs and outputs affine" },
        { "{\"quantizer\": \"observer\", \"observer_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"granularity\": \"out_channel\"}]}", "not_taken",
          "observer takes no granularity: it has one scale for the whole tensor" },
        { "{\"quantizer\": \"lsq\", \"lsq_quant_scheme\": \"affine\"}", "not_taken", "lsq takes no quant_scheme \"affine\": it has no zero point; lsqplus trains one" },
        { "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"float8_e5m2\"}", "not_taken", "lsq takes no quant_dtype \"float8_e5m2\": its steps are those of integers" },
        { "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"bfloat16\"}", "not_taken", "lsqplus takes no quant_dtype \"bfloat16\": its steps are those of integers" },
        { "{\"quantizer\": \"half\", \"half_config_list\": [{\"op_names\": [\"fc\"], \"quant_dtype\": \"bfloat16\"}]}", "not_taken", "half takes no quant_dtype: half_weight_dtype says float16 or bfloat16" },
        { "{\"quantizer\": \"half\", \"half_weight_dtype\": \"float8\"}", "illegal_value", NULL } };
    size_t r;
    for (r = 0; r < COUNT_OF(rows); r++) {
        const smash_diag *d;
        int seen = 0;
        start(NULL);
        CHECK_ERR(&ctx, compress(rows[r].text), SMASH_ERR_CONFIG, "%s", rows[r].text);
        for (d = diags.first; d; d = d->next) seen |= !strcmp(d->code, rows[r].code) && (!rows[r].says || !strcmp(d->message, rows[r].says));
        CHECK(seen, "%s: %s: %s", rows[r].text, diags.last ? diags.last->code : "", said());
    }
}

/* ---- forms that algorithms of other people may choose ---- */

enum { BOOK_4 = 0, BOOK_EACH, BOOK_SCALED, BOOK_8, BOOK_DOUBLED, BOOK_EACH_SCALED, GRID_DOUBLED, GRID_FRACTION, MISSING, OTHER_SHAPE, FORMS };
static int form;

static smash_err form_resolve(smash_ctx *c, const smash_job *job, smash_row *row)
{
    smash_form *f = &row->form;
    (void)c; (void)job;
    row->quant.grain = smash_grain_out_channel();
    if (form == GRID_DOUBLED || form == GRID_FRACTION) row->quant.bits = 4;
    else { f->codes = form == BOOK_8 ? 200 : form == BOOK_EACH ? 3 : 16; f->dtype = form == BOOK_8 ? SMASH_U8 : form == BOOK_EACH ? SMASH_U2 : SMASH_U4; f->no_zero = 1; f->word = "mine"; }
    f->no_scale = form == BOOK_4 || form == BOOK_EACH || form == BOOK_8 || form == MISSING || form == OTHER_SHAPE;
    f->code_blocks = form == BOOK_EACH || form == BOOK_EACH_SCALED;
    if (form == BOOK_DOUBLED || form == GRID_DOUBLED) f->scale_codes = 7;
    if (form == GRID_FRACTION) f->zero = SMASH_F32;
    return SMASH_OK;
}

/* Data that is easy to make again: number i of the indexes is i * 5 % codes, and so on */
static float made_code(size_t i) { return (float)i * 0.25f - 1.5f; }
static float made_scale(size_t i) { return form == BOOK_DOUBLED || form == GRID_DOUBLED ? (float)((double)(0.5f + (float)(i * 3 % 7) * 0.1f) * (double)(1.25f + (float)(i / 256)) + 0.3f) : 0.125f * (float)(i + 1); }

static void *room_for(smash_ctx *c, smash_dtype dtype, uint32_t ndim, const size_t *shape, smash_tensor *t)
{
    size_t bytes;
    *t = smash_tensor_view(dtype, NULL, 0, ndim, shape);
    smash_tensor_bytes(t, &bytes);
    t->data = smash_arena_alloc(c, &c->scratch, bytes);
    t->bytes = bytes;
    return t->data;
}

static smash_err form_apply(smash_ctx *c, smash_work *work)
{
    const smash_form *f = &work->row->form;
    smash_tensor wide;
    smash_grid grid;
    size_t shape[SMASH_MAX_DIMS + 1], n, i;
    int32_t *v;
    smash_err err = smash_grid_make(c, &work->row->quant.grain, &work->tensor, &grid);
    if (err) return err;
    smash_tensor_count(&work->tensor, &n);
    if (!room_for(c, SMASH_I32, work->tensor.ndim, work->tensor.shape, &wide) || !room_for(c, f->dtype, work->tensor.ndim, work->tensor.shape, &work->quantized)) return SMASH_ERR_NOMEM;
    v = (int32_t *)wide.data;
    for (i = 0; i < n; i++) v[i] = f->codes ? (int32_t)(i * 5 % f->codes) : (int32_t)(i * 5 % 15) - 7;
    err = smash_tensor_convert(c, &wide, &work->quantized);
    if (err) return err;
    if (!f->no_scale && !f->scale_codes) { float *s = (float *)room_for(c, SMASH_F32, grid.ndim, grid.count, &work->scale); for (i = 0; s && i < grid.blocks; i++) s[i] = made_scale(i); }
    if (f->scale_codes) {
        const size_t one = 1, codes = f->scale_codes, some = (grid.blocks + 255) / 256;
        uint8_t *q = (uint8_t *)room_for(c, SMASH_U8, grid.ndim, grid.count, &work->scale_codes);
        float *book = (float *)room_for(c, SMASH_F32, 1, &codes, &work->scale_codebook), *s = (float *)room_for(c, SMASH_F32, 1, &some, &work->scale_scale), *o = (float *)room_for(c, SMASH_F32, 1, &one, &work->scale_offset);
        if (!q || !book || !s || !o) return SMASH_ERR_NOMEM;
        for (i = 0; i < grid.blocks; i++) q[i] = (uint8_t)(i * 3 % 7);
        for (i = 0; i < codes; i++) book[i] = 0.5f + (float)i * 0.1f;
        for (i = 0; i < some; i++) s[i] = 1.25f + (float)i;
        *o = 0.3f;
    }
    if (form == GRID_FRACTION) { float *z = (float *)room_for(c, SMASH_F32, grid.ndim, grid.count, &work->zero); for (i = 0; z && i < grid.blocks; i++) z[i] = 0.5f * (float)i; }
    if (f->codes && form != MISSING) {
        size_t ndim = 0, all = f->codes;
        float *b;
        if (f->code_blocks) for (; ndim < grid.ndim; ndim++) { shape[ndim] = grid.count[ndim]; all *= grid.count[ndim]; }
        shape[ndim] = f->codes - (form == OTHER_SHAPE);
        b = (float *)room_for(c, SMASH_F32, (uint32_t)ndim + 1, shape, &work->codebook);
        if (!b) return SMASH_ERR_NOMEM;
        for (i = 0; i < all - (form == OTHER_SHAPE); i++) b[i] = made_code(i);
    }
    return SMASH_OK;
}

static void test_forms(void)
{
    static const char *const types[] = { "Linear", NULL };
    static const smash_targets rows_of_mine = { types, SMASH_METRIC_DEFAULT, SMASH_GRAIN_TENSOR, form_apply, form_resolve, NULL, 0, 0 };
    static const char *const parts[FORMS] = { "packed,codebook,shape", "packed,codebook,shape", "packed,scale,codebook,shape", "codebook", "packed,scale,codebook,scale_codebook,scale_scale,scale_offset,shape",
        "packed,scale,codebook,shape", "packed,scale,scale_codebook,scale_scale,scale_offset,shape", "packed,scale,zero_point,shape", NULL, NULL };
    static const smash_dtype dtypes[FORMS] = { SMASH_U4, SMASH_U2, SMASH_U4, SMASH_U8, SMASH_U4, SMASH_U4, SMASH_I4, SMASH_I4, SMASH_U4, SMASH_U4 };
    const smash_algo *room[32];
    smash_registry registry;
    smash_algo mine;
    size_t i;
    int again;
    memset(&mine, 0, sizeof mine);
    mine.name = "mine";
    mine.group = SMASH_QUANTIZER;
    mine.summary = "a test";
    mine.targets = &rows_of_mine;
    for (form = 0; form < FORMS; form++) {
        smash_tensor t;
        smash_dtype stored;
        size_t bad = 0, n;
        char text[128];
        smash_registry_init(&registry, room, COUNT_OF(room));
        CHECK_ERR(&ctx, smash_register_builtins(&ctx, &registry), SMASH_OK, "builtins");
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &mine), SMASH_OK, "mine");
        start(&registry);
        CHECK_ERR(&ctx, compress("{\"quantizer\": \"mine\", \"mine_config_list\": [{\"op_names\": [\"fc\", \"wide\"]}]}"), parts[form] ? SMASH_OK : SMASH_ERR_ARG, "form %d: %s", form, said());
        if (!parts[form]) { CHECK(!strcmp(ctx.message, "mine has not made \"fc.weight_codebook\", which the form of its row has, or made another"), "%s", ctx.message); continue; }
        CHECK(!strcmp(parts_of("fc.weight", text), parts[form]), "form %d: parts %s", form, text);
        for (again = 0; again < 2; again++) {                            /* and once more behind a run that leaves them alone */
            CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, "fc.weight", &arena, &t, &stored), SMASH_OK, "form %d", form);
            CHECK(stored == dtypes[form] && t.dtype == SMASH_F32 && t.ndim == 2 && t.shape[0] == 6 && t.shape[1] == 32, "form %d: %s", form, smash_dtype_name(stored));
            smash_tensor_count(&t, &n);
            for (i = 0; i < n; i++) {
                const size_t block = i / 32, codes = form == BOOK_8 ? 200 : form == BOOK_EACH ? 3 : 16;
                volatile float want = form < GRID_DOUBLED ? made_code(i * 5 % codes + (form == BOOK_EACH || form == BOOK_EACH_SCALED ? block * codes : 0)) : (float)((int)(i * 5 % 15) - 7) - (form == GRID_FRACTION ? 0.5f * (float)block : 0);
                if (form == BOOK_SCALED || form >= BOOK_DOUBLED) want = want * made_scale(block);
                bad += ((float *)t.data)[i] < want || ((float *)t.data)[i] > want;
            }
            CHECK(!bad, "form %d, time %d: %d numbers differ", form, again, (int)bad);
            if (again) break;
            source = out;
            {
                static smash_io io;
                io = smash_io_memory(source.data, source.used);
                CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &model), SMASH_OK, "again");
                smash_config_init(&config, &registry, &arena, &diags);
                CHECK_ERR(&ctx, compress("{\"quantizer\": \"half\", \"half_config_list\": [{\"op_names\": [\"conv\"]}]}"), SMASH_OK, "%s", said());
                if (form < GRID_DOUBLED) {
                    const char *words = NULL;
                    for (i = 0; i < back.metadata_count; i++) if (!strcmp(back.metadata[i].key, "smash.quant_dtypes")) words = back.metadata[i].value;
                    CHECK(words && strstr(words, "\"fc.weight\":\"mine\""), "%s", words ? words : "no words");
                }
            }
        }
    }
}

/* ---- files that lie ---- */

/* Parts of "w", [2, 4]: integers 0, 1, 2 ..., floats 1; %: a part of another dtype or shape */
typedef struct part { const char *name; smash_dtype dtype; uint32_t ndim; size_t shape[3]; } part;
#define CODES { "w_packed", SMASH_U8, 1, { 4, 0, 0 } }, { "w_shape", SMASH_I64, 1, { 2, 0, 0 } }
#define BYTES { "w", SMASH_U8, 2, { 2, 4, 0 } }
#define F8S { "w", SMASH_F8_E4M3, 2, { 2, 4, 0 } }
#define SCALE { "w_scale", SMASH_F32, 2, { 2, 1, 0 } }
#define DOUBLED { "w_scale", SMASH_U8, 2, { 2, 1, 0 } }
#define BOOK { "w_codebook", SMASH_F32, 1, { 16, 0, 0 } }
#define SCALE_BOOK { "w_scale_codebook", SMASH_F32, 1, { 3, 0, 0 } }
#define SCALE_SCALE { "w_scale_scale", SMASH_F32, 1, { 1, 0, 0 } }
#define SCALE_OFFSET { "w_scale_offset", SMASH_F32, 1, { 1, 0, 0 } }

static void test_lies(void)
{
    static const struct { part parts[8]; const char *odd; uint32_t bits; smash_err want; const char *says; } rows[] = {
        { { CODES, BOOK }, NULL, 0, SMASH_OK, NULL }, { { CODES, BOOK, SCALE }, NULL, 0, SMASH_OK, NULL }, { { BYTES, BOOK }, NULL, 0, SMASH_OK, NULL },
        { { CODES, BOOK, DOUBLED, SCALE_BOOK, SCALE_SCALE, SCALE_OFFSET }, NULL, 0, SMASH_OK, NULL }, { { F8S, SCALE }, NULL, 0, SMASH_OK, NULL }, { { F8S }, NULL, 0, SMASH_OK, NULL },
        { { BYTES, SCALE, { "w_zero_point", SMASH_F32, 2, { 2, 1, 0 } } }, NULL, 0, SMASH_OK, NULL }, { { F8S, { "w_scale", SMASH_F32, 0, { 0, 0, 0 } } }, NULL, 0, SMASH_OK, NULL },
        { { { "w_packed", SMASH_U8, 1, { 4, 0, 0 } }, BOOK }, NULL, 0, SMASH_ERR_FORMAT, "\"w_packed\" needs to be a row of U8 bytes, with I64 \"w_shape\" beside it" },
        { { CODES }, NULL, 0, SMASH_ERR_NOTFOUND, "the model has no tensor \"w\"" },
        { { CODES, { "w_codebook", SMASH_F64, 1, { 16, 0, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "\"w_codebook\" needs to be there, and F32, and not empty" },
        { { CODES, { "w_codebook", SMASH_F32, 1, { 0, 0, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "\"w_codebook\" needs to be there, and F32, and not empty" },
        { { CODES, { "w_codebook", SMASH_F32, 0, { 0, 0, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "\"w_codebook\" is a single number" },
        { { CODES, { "w_codebook", SMASH_F32, 1, { 7, 0, 0 } } }, NULL, 0, SMASH_ERR_RANGE, "number 7 of \"w\" is index 7, but the codebook has 7" },
        { { CODES, { "w_codebook", SMASH_F32, 1, { 4, 0, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "the 4 bytes of \"w_packed\" do not fit the numbers of \"w_shape\"" },
        { { CODES, { "w_codebook", SMASH_F32, 2, { 2, 16, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "\"w_codebook\" has 1 dim, the tensor has 2" },
        { { CODES, { "w_codebook", SMASH_F32, 3, { 2, 3, 16 } } }, NULL, 0, SMASH_ERR_FORMAT, "dim 1: 3 blocks of \"w_codebook\" do not divide 4 numbers" },
        { { CODES, { "w_codebook", SMASH_F32, 3, { 1, 2, 16 } }, SCALE }, NULL, 0, SMASH_ERR_FORMAT, "\"w_codebook\" and \"w_scale\" have other blocks" },
        { { CODES, BOOK }, "w_codebook", 0x7FC00000u, SMASH_ERR_RANGE, "number 0 of \"w_codebook\" is NaN or Inf" },
        { { CODES, BOOK, SCALE }, "w_scale", 0x7F800000u, SMASH_ERR_RANGE, "scale 0 of \"w_scale\" is not a finite number" },
        { { CODES, BOOK, { "w_scale", SMASH_F16, 2, { 2, 1, 0 } } }, NULL, 0, SMASH_ERR_DTYPE, "scale \"w_scale\" is F16, which is not taken here" },
        { { CODES, BOOK, { "w_scale", SMASH_F32, 2, { 3, 1, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "dim 0: 3 blocks of \"w_scale\" do not divide 2 numbers" },
        { { { "w", SMASH_I8, 2, { 2, 4, 0 } }, BOOK }, "w", 0xFFFFFFFFu, SMASH_ERR_DTYPE, "indexes \"w\" is I8, which is not taken here" },
        { { CODES, BOOK, DOUBLED, SCALE_SCALE, SCALE_OFFSET }, NULL, 0, SMASH_ERR_FORMAT, "\"w_scale_codebook\" needs to be there, and F32, and not empty" },
        { { CODES, BOOK, DOUBLED, SCALE_BOOK, SCALE_OFFSET }, NULL, 0, SMASH_ERR_FORMAT, "\"w_scale_scale\" needs to be there, and F32, with 1 number" },
        { { CODES, BOOK, DOUBLED, SCALE_BOOK, { "w_scale_scale", SMASH_F32, 1, { 2, 0, 0 } }, SCALE_OFFSET }, NULL, 0, SMASH_ERR_FORMAT, "\"w_scale_scale\" needs to be there, and F32, with 1 number" },
        { { CODES, BOOK, DOUBLED, SCALE_BOOK, SCALE_SCALE }, NULL, 0, SMASH_ERR_FORMAT, "\"w_scale_offset\" needs to be there, and F32, with 1 number" },
        { { CODES, BOOK, DOUBLED, SCALE_BOOK, SCALE_SCALE, { "w_scale_offset", SMASH_F64, 1, { 1, 0, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "\"w_scale_offset\" needs to be there, and F32, with 1 number" },
        { { CODES, BOOK, DOUBLED, SCALE_BOOK, SCALE_SCALE, SCALE_OFFSET }, "w_scale_offset", 0xFF800000u, SMASH_ERR_RANGE, "number 0 of \"w_scale_offset\" is NaN or Inf" },
        { { CODES, BOOK, DOUBLED, { "w_scale_codebook", SMASH_F32, 1, { 1, 0, 0 } }, SCALE_SCALE, SCALE_OFFSET }, NULL, 0, SMASH_ERR_RANGE, "number 1 of \"w_scale\" is index 1, but the codebook has 1" },
        { { CODES, BOOK, DOUBLED, { "w_scale_codebook", SMASH_F32, 2, { 3, 1, 0 } }, SCALE_SCALE, SCALE_OFFSET }, NULL, 0, SMASH_ERR_SHAPE, "codebook \"w_scale_codebook\" of scales must have one axis" },
        { { F8S, SCALE }, "w_scale", 0, SMASH_ERR_RANGE, "scale 0 of \"w_scale\" is not a finite number above 0" },
        { { F8S, SCALE }, "w_scale", 0x7FC00000u, SMASH_ERR_RANGE, "scale 0 of \"w_scale\" is not a finite number above 0" },
        { { F8S, { "w_scale", SMASH_F32, 2, { 2, 3, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "dim 1: 3 blocks of \"w_scale\" do not divide 4 numbers" },
        { { F8S, { "w_scale", SMASH_F32, 1, { 2, 0, 0 } } }, NULL, 0, SMASH_ERR_FORMAT, "\"w_scale\" has 1 dim, the tensor has 2" },
        { { F8S, { "w_scale", SMASH_BF16, 2, { 2, 1, 0 } } }, NULL, 0, SMASH_ERR_DTYPE, "scale \"w_scale\" is BF16, which is not taken here" },
        { { F8S, DOUBLED }, NULL, 0, SMASH_ERR_FORMAT, "\"w_scale_codebook\" needs to be there, and F32, and not empty" },
        { { BYTES, SCALE, { "w_zero_point", SMASH_F32, 2, { 2, 1, 0 } } }, "w_zero_point", 0x7FC00000u, SMASH_ERR_RANGE, "zero point 0 of \"w_zero_point\" is NaN or Inf" },
        { { BYTES, SCALE, { "w_zero_point", SMASH_F32, 2, { 1, 1, 0 } } }, NULL, 0, SMASH_ERR_SHAPE, "zero point \"w_zero_point\" has shape [1, 1], it must be [2, 1]" },
        { { BYTES, SCALE, { "w_zero_point", SMASH_F64, 2, { 2, 1, 0 } } }, NULL, 0, SMASH_OK, NULL },
        { { { "w_compressed", SMASH_F8_E4M3, 1, { 4, 0, 0 } }, { "w_shape", SMASH_I64, 1, { 2, 0, 0 } }, SCALE }, NULL, 0, SMASH_ERR_FORMAT, "\"w_compressed\" needs to be a row, with U8 \"w_bitmask\" and I64 \"w_shape\" beside it" } };
    size_t r, i, k, n;
    for (r = 0; r < COUNT_OF(rows); r++) {
        static double room[8][64];
        smash_tensor t, got = SMASH_ZERO;
        smash_model m;
        smash_dtype stored;
        smash_arena_release(&arena);
        smash_model_init(&m, &arena);
        for (i = 0; i < 8 && rows[r].parts[i].name; i++) {
            const part *p = &rows[r].parts[i];
            t = test_view(p->dtype, room[i], p->ndim, p->shape);
            smash_tensor_count(&t, &n);
            memset(room[i], 0, sizeof room[i]);
            if (p->dtype == SMASH_I64) { ((int64_t *)room[i])[0] = 2; ((int64_t *)room[i])[1] = 4; }
            else for (k = 0; k < n; k++) {
                if (p->dtype == SMASH_F32) ((float *)room[i])[k] = 1;
                else if (p->dtype == SMASH_F64) room[i][k] = 1;
                else if (p->dtype == SMASH_F16 || p->dtype == SMASH_BF16) ((uint16_t *)room[i])[k] = 0x3C00;
                else ((uint8_t *)room[i])[k] = (uint8_t)(strcmp(p->name, "w_packed") ? k : (2 * k + 1) << 4 | 2 * k);
            }
            if (rows[r].odd && !strcmp(rows[r].odd, p->name)) memcpy(room[i], &rows[r].bits, sizeof rows[r].bits);
            CHECK_ERR(&ctx, smash_model_add(&ctx, &m, p->name, &t, 0), SMASH_OK, "row %d", (int)r);
        }
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &m), SMASH_OK, "row %d", (int)r);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &m, "w", &arena, &got, &stored), rows[r].want, "row %d", (int)r);
        CHECK(!rows[r].says || !strcmp(ctx.message, rows[r].says), "row %d: %s", (int)r, ctx.message);
        CHECK((got.data != NULL) == (rows[r].want == SMASH_OK), "row %d: output", (int)r);
        if (got.data && got.dtype == SMASH_F32) CHECK(got.ndim == 2 && got.shape[1] == 4, "row %d: shape", (int)r);
    }
}

/* What belongs to what */
static void test_parts(void)
{
    static const struct { part parts[8]; smash_err want; const char *found; } rows[] = {
        { { { "w", SMASH_F32, 2, { 2, 4, 0 } }, SCALE, { "w_shape", SMASH_I64, 1, { 2, 0, 0 } } }, SMASH_OK, "w" }, { { BYTES, SCALE, BOOK }, SMASH_OK, "w w_scale w_codebook" }, { { BYTES }, SMASH_OK, "w" },
        { { BYTES, { "w_zero_point", SMASH_U8, 2, { 2, 1, 0 } } }, SMASH_OK, "w" }, { { CODES, SCALE }, SMASH_OK, "w_packed w_scale w_shape" }, { { CODES }, SMASH_ERR_NOTFOUND, "" },
        { { { "w_packed", SMASH_U8, 1, { 4, 0, 0 } }, SCALE }, SMASH_ERR_NOTFOUND, "" }, { { SCALE }, SMASH_ERR_NOTFOUND, "" },
        { { CODES, BOOK, DOUBLED, SCALE_BOOK, SCALE_SCALE, SCALE_OFFSET }, SMASH_OK, "w_packed w_scale w_codebook w_scale_codebook w_scale_scale w_scale_offset w_shape" },
        { { { "w_compressed", SMASH_F32, 1, { 4, 0, 0 } }, { "w_shape", SMASH_I64, 1, { 2, 0, 0 } }, { "w_bitmask", SMASH_U8, 1, { 1, 0, 0 } }, SCALE }, SMASH_OK, "w_compressed w_shape w_bitmask" },
        { { { "w_compressed", SMASH_F32, 1, { 4, 0, 0 } }, { "w_shape", SMASH_I64, 1, { 2, 0, 0 } } }, SMASH_ERR_NOTFOUND, "" } };
    size_t r, i;
    CHECK(!strcmp(smash_part_suffix(SMASH_PART_MAIN), "") && !strcmp(smash_part_suffix(SMASH_PART_BITMASK), "_bitmask") && !smash_part_suffix(SMASH_PART_COUNT) && !smash_part_suffix((smash_part)test_int(-1)), "suffixes");
    for (r = 0; r < COUNT_OF(rows); r++) {
        ptrdiff_t at[SMASH_PART_COUNT];
        char text[256] = "";
        smash_model m;
        smash_arena_release(&arena);
        smash_model_init(&m, &arena);
        for (i = 0; i < 8 && rows[r].parts[i].name; i++) {
            smash_tensor t = smash_tensor_view(rows[r].parts[i].dtype, NULL, 0, rows[r].parts[i].ndim, rows[r].parts[i].shape);
            CHECK_ERR(&ctx, smash_model_add(&ctx, &m, rows[r].parts[i].name, &t, 0), SMASH_OK, "row %d", (int)r);
        }
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &m), SMASH_OK, "row %d", (int)r);
        for (i = 0; i < SMASH_PART_COUNT; i++) at[i] = -7;
        CHECK_ERR(&ctx, smash_model_find_parts(&ctx, &m, "w", at), rows[r].want, "row %d", (int)r);
        CHECK(!ctx.message[0], "row %d: %s", (int)r, ctx.message);
        for (i = 0; i < SMASH_PART_COUNT; i++) {
            if (rows[r].want) CHECK(at[i] == -7, "row %d: touched", (int)r);
            else if (at[i] >= 0) sprintf(text + strlen(text), "%s%s", *text ? " " : "", m.params[at[i]].name);
        }
        CHECK(!strcmp(text, rows[r].found), "row %d: %s", (int)r, text);
        CHECK_ERR(&ctx, smash_model_find_parts(&ctx, &m, NULL, at), SMASH_ERR_ARG, "no name");
        CHECK_ERR(&ctx, smash_model_find_parts(&ctx, NULL, "w", at), SMASH_ERR_ARG, "no model");
        CHECK_ERR(&ctx, smash_model_find_parts(&ctx, &m, "w", NULL), SMASH_ERR_ARG, "no room");
    }
}

int main(void)
{
    int k;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    for (k = 0; k < 256; k++) known[k / 128][k % 128] = define(&formats[k / 128], (unsigned)k % 128);
    test_scalars();
    test_convert();
    for (k = 0; k < 6; k++) {                                            /* every kernel there is, threads from the back */
        ctx.no_simd = (uint32_t)k % 3;
        ctx.parallel = k < 3 ? NULL : test_backwards;
        test_grids();
        test_whole_zeros();
    }
    ctx.no_simd = 0;
    ctx.parallel = NULL;
    test_f8_calls();
    test_files();
    test_half();
    test_refused();
    test_forms();
    test_lies();
    test_parts();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
