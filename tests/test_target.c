/* Integers as targets compute them: against tables of exact rational numbers (golden/requant.py), frexp, the divisions of gemmlowp,
 * and a brute force over layers that knows nothing of shapes but their coordinates. */
#include "../smash.h"
#include "test.h"
#include "golden/requant.h"
#include <float.h>
#include <math.h>

static uint64_t rng = 6;
static uint32_t below(uint32_t n) { return (uint32_t)(smash_random(&rng) % n); }
static int32_t between(int32_t a, int32_t b) { return a + (int32_t)below((uint32_t)(b - a + 1)); }

static const smash_requant_form DOUBLE = SMASH_REQUANT_DOUBLE_ROUNDING, SINGLE = SMASH_REQUANT_SINGLE_ROUNDING;

/* ---- multipliers ---- */

static void test_multiplier(smash_ctx *ctx)
{
    static const struct { float scale; int32_t multiplier, shift; } spots[] = {
        { 0.5f, 1073741824, 0 }, { 0.75f, 1610612736, 0 }, { 1.0f, 1073741824, 1 }, { 0.0009765625f, 1073741824, -9 }, { 1e-10f, 0, 0 }, { 0.0f, 0, 0 } };
    static const struct { float in, w, out; int form; smash_err want; const char *message; } bad[] = {
        { -1.0f, 1, 1, 0, SMASH_ERR_RANGE, "input: scale 0 must be at least 0" }, { 1, -1.0f, 1, 0, SMASH_ERR_RANGE, "weight: scale 0 must be at least 0" },
        { 1, 1, 0.0f, 0, SMASH_ERR_RANGE, "output: scale 0 must be above 0" }, { 1, 1, 1, 2, SMASH_ERR_ARG, "there is no form 2 of requantization" } };
    int32_t m, s;
    size_t i, carried = 0;
    for (i = 0; i < COUNT_OF(spots); i++) {
        CHECK_ERR(ctx, smash_requant_multiplier_of(ctx, DOUBLE, spots[i].scale, &m, &s), SMASH_OK, "spot %d", (int)i);
        CHECK(m == spots[i].multiplier && s == spots[i].shift, "spot %d: %d, %d", (int)i, (int)m, (int)s);
    }
    for (i = 0; i < COUNT_OF(golden_multiplier); i++) {
        float a = float_of(golden_multiplier[i].input), b = float_of(golden_multiplier[i].weight), c = float_of(golden_multiplier[i].output);
        CHECK_ERR(ctx, smash_requant_multiplier(ctx, DOUBLE, a, b, c, &m, &s), SMASH_OK, "row %d", (int)i);
        CHECK(m == golden_multiplier[i].multiplier && s == golden_multiplier[i].shift, "row %d: %d, %d", (int)i, (int)m, (int)s);
        CHECK_ERR(ctx, smash_requant_multiplier(ctx, SINGLE, a, b, c, &m, &s), SMASH_OK, "row %d", (int)i);
        CHECK(m == golden_multiplier[i].single_multiplier && s == golden_multiplier[i].single_shift, "row %d: %d, %d", (int)i, (int)m, (int)s);
    }
    for (i = 0; i < 4; i++) {
        m = s = -7;
        CHECK_ERR(ctx, smash_requant_multiplier(ctx, (smash_requant_form)bad[i].form, bad[i].in, bad[i].w, bad[i].out, &m, &s), bad[i].want, "row %d", (int)i);
        CHECK(m == -7 && s == -7 && !strcmp(ctx->message, bad[i].message), "row %d: %s", (int)i, ctx->message);
    }
    for (i = 0; i < 3; i++) {
        float v[3] = { 1, 1, 1 };
        v[i] = float_of(i ? 0x7F800000u : 0x7FC00001u);
        CHECK_ERR(ctx, smash_requant_multiplier(ctx, DOUBLE, v[0], v[1], v[2], &m, &s), SMASH_ERR_NONFINITE, "scale %d", (int)i);
    }
    CHECK_ERR(ctx, smash_requant_multiplier(ctx, DOUBLE, 1, 1, 1, NULL, &s), SMASH_ERR_ARG, "no place");
    CHECK(!smash_requant_multiplier_of(NULL, DOUBLE, 1, &m, &s), "no ctx");
#if FLT_EVAL_METHOD == 0
    {                                                                   /* the double path itself: any floats, common ones, and quotients near a power of two */
        size_t wrong = 0;
        for (i = 0; i < 3000000; i++) {
            uint64_t r = smash_random(&rng), t = smash_random(&rng);
            uint32_t ia = (uint32_t)r & 0x7FFFFFFFu, ib = (uint32_t)(r >> 32) & 0x7FFFFFFFu, ic = (uint32_t)t & 0x7FFFFFFFu;
            float a, b, c;
            double d, q;
            int want_s;
            int64_t want;
            if (i % 3 == 1) { ia = 0x38000000u + ia % 0x08000000u; ib = 0x38000000u + ib % 0x08000000u; ic = 0x38000000u + ic % 0x08000000u; }
            if (i % 3 == 2) {
                uint32_t x = (ia & 0x7FFFFFu) | 0x800000u, y = (uint32_t)(((uint64_t)1 << 47) / x);
                ia = 0x3F000000u | (x & 0x7FFFFFu);
                ib = 0x3F000000u | (y & 0x7FFFFFu);
                ic = 0x3F000000u | (ic & 1);
            }
            if (i % 64 == 0) ia &= 0x7FFFFFu;                           /* denormal */
            if (ia >= 0x7F800000u || ib >= 0x7F800000u || ic >= 0x7F800000u || !ic) continue;
            a = float_of(ia); b = float_of(ib); c = float_of(ic);
            d = (double)a * (double)b / (double)c;
            q = frexp(d, &want_s);
            want = (int64_t)(q * 2147483648.0 + 0.5);
            if (d == 0) want_s = 0;
            if (want == (int64_t)1 << 31) { want /= 2; want_s++; carried++; }
            if (want_s < -31) { want = 0; want_s = 0; }
            if (smash_requant_multiplier(NULL, DOUBLE, a, b, c, &m, &s) || m != want || s != want_s) wrong++;
            if (want_s > 30) { want = INT32_MAX; want_s = 30; }
            if (smash_requant_multiplier(NULL, SINGLE, a, b, c, &m, &s) || m != want || s != want_s) wrong++;
        }
        CHECK(!wrong, "%d of 3000000 triples differ from frexp", (int)wrong);
        CHECK(carried > 10, "only %d carries", (int)carried);
    }
#else
    (void)carried;
#endif
}

static void test_multipliers(smash_ctx *ctx)
{
    enum { N = 5 };
    static const float w[N] = { 0.5f, 0.25f, 0.0f, 1e-30f, 3.0f };
    size_t n = N, less = N - 1, i;
    int32_t m[N], s[N], one_m, one_s;
    float bad[N] = { 1, 1, 1, -1.0f, 1 };
    smash_tensor scale = test_view(SMASH_F32, w, 1, &n), tm = test_view(SMASH_I32, m, 1, &n), ts = test_view(SMASH_I32, s, 1, &n), t;
    CHECK_ERR(ctx, smash_requant_multipliers(ctx, DOUBLE, 0.1f, &scale, 0.3f, &tm, &ts), SMASH_OK, "good");
    for (i = 0; i < N; i++) {
        smash_requant_multiplier(ctx, DOUBLE, 0.1f, w[i], 0.3f, &one_m, &one_s);
        CHECK(m[i] == one_m && s[i] == one_s, "channel %d", (int)i);
    }
    memset(m, 7, sizeof m);
    memset(s, 7, sizeof s);
    t = test_view(SMASH_F32, bad, 1, &n);
    CHECK_ERR(ctx, smash_requant_multipliers(ctx, DOUBLE, 0.1f, &t, 0.3f, &tm, &ts), SMASH_ERR_RANGE, "negative");
    CHECK(ctx->index == 3 && m[0] == 0x07070707 && s[4] == 0x07070707, "index %d", (int)ctx->index);
    bad[3] = float_of(0x7F800000u);
    CHECK_ERR(ctx, smash_requant_multipliers(ctx, DOUBLE, 0.1f, &t, 0.3f, &tm, &ts), SMASH_ERR_NONFINITE, "Inf");
    CHECK_ERR(ctx, smash_requant_multipliers(ctx, (smash_requant_form)test_int(9), 0.1f, &scale, 0.3f, &tm, &ts), SMASH_ERR_ARG, "form");
    CHECK_ERR(ctx, smash_requant_multipliers(ctx, DOUBLE, 0.1f, &scale, 0.3f, &tm, &tm), SMASH_ERR_ARG, "alias");
    CHECK_ERR(ctx, smash_requant_multipliers(ctx, DOUBLE, 0.1f, &scale, 0.0f, &tm, &ts), SMASH_ERR_RANGE, "output");
    t = test_view(SMASH_I32, s, 1, &less);
    CHECK_ERR(ctx, smash_requant_multipliers(ctx, DOUBLE, 0.1f, &scale, 0.3f, &tm, &t), SMASH_ERR_SHAPE, "short");
    t = test_view(SMASH_F32, s, 1, &n);
    CHECK_ERR(ctx, smash_requant_multipliers(ctx, DOUBLE, 0.1f, &scale, 0.3f, &tm, &t), SMASH_ERR_DTYPE, "dtype");
    CHECK(m[0] == 0x07070707 && s[4] == 0x07070707, "refused calls wrote");
}

/* ---- apply ---- */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* gemmlowp: SaturatingRoundingDoublingHighMul, whose nudge has the sign of the product and whose division truncates, then
 * RoundingDivideByPOT as a division of magnitudes. 0 if a number leaves 32 bits. */
static int reference_requant(int form, int64_t x, int64_t m, int s, int64_t *y)
{
    int64_t power = (int64_t)1 << (s < 0 ? -s : s), ab, high;
    if (form == 2) {
        const int64_t reduced = m < 0x7FFF0000 ? (m + 32768) / 65536 : 32767;
        *y = floor_div(x * reduced + ((int64_t)1 << (15 - s)) / 2, (int64_t)1 << (15 - s));
    } else if (form == 1) *y = floor_div(x * m + ((int64_t)1 << (31 - s)) / 2, (int64_t)1 << (31 - s));
    else {
        if (s > 0) x *= power;
        if (x != (int32_t)x) return 0;
        ab = x * m;
        high = (ab + (ab >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30))) / ((int64_t)1 << 31);
        if (s < 0) high = high < 0 ? -((-high + power / 2) / power) : (high + power / 2) / power;
        *y = high;
    }
    return *y >= INT32_MIN && *y <= INT32_MAX;
}

static int32_t apply(int form, int64_t x, int32_t m, int32_t s)
{
    return form == 2 ? smash_requant_apply_i64(x, m, s) : smash_requant_apply((smash_requant_form)form, (int32_t)x, m, s);
}

static void test_apply(void)
{
    static const int32_t ms[] = { 0, 1 << 30, (1 << 30) + 1, 0x7FFEFFFF, 0x7FFF0000, INT32_MAX - 1, INT32_MAX, 1518500250 };
    static const int64_t xs[] = { 0, 1, -1, 2, -2, 3, -3, 127, -128, 1 << 15, -(1 << 15), 1 << 30, -(1 << 30), INT32_MAX, INT32_MIN, INT32_MAX - 1, INT32_MIN + 1 };
    size_t i, j, wrong, n, apart;
    int form, s;
    int64_t y = 0;
    for (i = 0; i < COUNT_OF(golden_requant); i++)
        CHECK(apply(golden_requant[i].form, golden_requant[i].x, golden_requant[i].multiplier, golden_requant[i].shift) == golden_requant[i].y, "row %d: %d", (int)i,
              (int)apply(golden_requant[i].form, golden_requant[i].x, golden_requant[i].multiplier, golden_requant[i].shift));
    for (form = 0; form < 3; form++) {
        for (s = -31; s <= (form == 2 ? 14 : 30); s++)
            for (i = 0; i < COUNT_OF(ms); i++)
                for (j = 0; j < COUNT_OF(xs); j++) {
                    int32_t got = apply(form, xs[j], ms[i], s);
                    int fits = reference_requant(form, xs[j], ms[i], s, &y);
                    if (fits) CHECK(got == y, "form %d: %d * %d, %d: %d", form, (int)xs[j], (int)ms[i], s, (int)got);
                    else if (form) CHECK(got == (xs[j] < 0 ? INT32_MIN : INT32_MAX), "form %d: %d * %d, %d: %d", form, (int)xs[j], (int)ms[i], s, (int)got);
                }
        for (i = n = wrong = 0; i < 2000000; i++) {
            uint64_t r = smash_random(&rng), t = smash_random(&rng);
            int64_t x = (int32_t)(uint32_t)r >= 0 ? (int64_t)(r & 0x7FFFFFFF) >> (t >> 40) % 31 : -((int64_t)(r & 0x7FFFFFFF) >> (t >> 40) % 31);
            int32_t m = (int32_t)((r >> 32 & 0x3FFFFFFF) | 0x40000000);
            if (form == 2) x = (x * 65536 + (int64_t)(t >> 50)) >> (t >> 45) % 17;
            s = (int)(t % (form == 2 ? 46 : 62)) - 31;
            if (!reference_requant(form, x, m, s, &y)) continue;
            n++;
            if (apply(form, x, m, s) != y) wrong++;
        }
        CHECK(!wrong && n > 1000000, "form %d: %d of %d differ", form, (int)wrong, (int)n);
    }
    for (i = n = apart = 0; i < 1000000; i++) {                         /* the two forms are at most 1 apart, and not seldom */
        int32_t x = (int32_t)below(1u << 24) - (1 << 23), m = (int32_t)(below(1u << 30) | 1u << 30);
        int64_t d;
        s = -5 - (int)below(10);
        d = (int64_t)apply(0, x, m, s) - apply(1, x, m, s);
        n += d != 0;
        apart += d > 1 || d < -1;
    }
    CHECK(!apart && n > 1000 && n < 60000, "%d of 1000000 differ, %d by more than 1", (int)n, (int)apart);
    CHECK(apply(0, 1000, 1 << 30, -100) == apply(0, 1000, 1 << 30, -31) && apply(1, 3, 1 << 30, INT32_MAX) == apply(1, 3, 1 << 30, 30), "shifts beyond the ends");
    CHECK(smash_requant_apply_i64(INT64_MIN, INT32_MAX, INT32_MIN) == smash_requant_apply_i64(-((int64_t)1 << 47), INT32_MAX, -31), "x beyond the ends");
    CHECK(smash_requant_apply(SMASH_REQUANT_DOUBLE_ROUNDING, INT32_MIN, INT32_MIN, 0) == INT32_MAX, "the product that SQRDMULH saturates");
}

/* ---- clamps, biases ---- */

static void test_activation(smash_ctx *ctx)
{
    const struct { smash_fused fused; float scale; int32_t zero, qmin, qmax; smash_err err; int32_t low, high; } rows[] = {
        { SMASH_FUSED_NONE, 0.5f, 3, -128, 127, SMASH_OK, -128, 127 },
        { SMASH_FUSED_RELU, 0.5f, 3, -128, 127, SMASH_OK, 3, 127 },
        { SMASH_FUSED_RELU, 1e-38f, -128, -128, 127, SMASH_OK, -128, 127 },
        { SMASH_FUSED_RELU6, 0.5f, -128, -128, 127, SMASH_OK, -128, -116 },
        { SMASH_FUSED_RELU6, 0.0235294122f, -128, -128, 127, SMASH_OK, -128, 127 },         /* 6/255: just the grid */
        { SMASH_FUSED_RELU6, 0.01f, 0, -128, 127, SMASH_OK, 0, 127 },
        { SMASH_FUSED_RELU6, 4.0f, 0, -128, 127, SMASH_OK, 0, 2 },                          /* 1.5: away from zero */
        { SMASH_FUSED_RELU_N1_TO_1, 2.0f, 0, -128, 127, SMASH_OK, -1, 1 },                  /* -0.5 and 0.5 */
        { SMASH_FUSED_RELU_N1_TO_1, 0.0078125f, 100, -128, 127, SMASH_OK, -28, 127 },
        { SMASH_FUSED_RELU6, 0.0001f, 0, -32768, 32767, SMASH_OK, 0, 32767 },
        { SMASH_FUSED_RELU6, 2e-9f, 0, -128, 127, SMASH_ERR_RANGE, -7, -7 },
        { SMASH_FUSED_RELU6, 1e-45f, 0, -128, 127, SMASH_ERR_RANGE, -7, -7 },
        { SMASH_FUSED_NONE, 0.0f, 0, -128, 127, SMASH_ERR_RANGE, -7, -7 },
        { SMASH_FUSED_NONE, 1.0f, 128, -128, 127, SMASH_ERR_RANGE, -7, -7 },
        { (smash_fused)test_int(4), 1.0f, 0, -128, 127, SMASH_ERR_ARG, -7, -7 } };
    size_t i;
    int32_t low, high;
    for (i = 0; i < COUNT_OF(rows); i++) {
        low = high = -7;
        CHECK_ERR(ctx, smash_quant_activation_range(ctx, rows[i].fused, rows[i].scale, rows[i].zero, rows[i].qmin, rows[i].qmax, &low, &high), rows[i].err, "row %d", (int)i);
        CHECK(low == rows[i].low && high == rows[i].high, "row %d: %d..%d", (int)i, (int)low, (int)high);
    }
    CHECK_ERR(ctx, smash_quant_activation_range(ctx, SMASH_FUSED_NONE, float_of(0x7FC00001u), 0, 0, 1, &low, &high), SMASH_ERR_NONFINITE, "NaN");
    CHECK_ERR(ctx, smash_quant_activation_range(ctx, SMASH_FUSED_NONE, 1, 0, 0, 1, &low, NULL), SMASH_ERR_ARG, "no place");
}

static void test_bias(smash_ctx *ctx)
{
    size_t i, one = 1, three = 3, two = 2;
    float b[3] = { 1, 2, 3 }, s[3] = { 0.5f, 0.25f, 0.125f };
    int32_t q[3];
    smash_tensor tb = test_view(SMASH_F32, b, 1, &three), ts = test_view(SMASH_F32, s, 1, &three), tq = test_view(SMASH_I32, q, 1, &three), t;
    for (i = 0; i < COUNT_OF(golden_bias); i++) {
        float bias = float_of(golden_bias[i].bias), w = float_of(golden_bias[i].weight), in = float_of(golden_bias[i].input);
        int32_t q32 = -7;
        int64_t q64 = -7;
        smash_tensor x = test_view(SMASH_F32, &bias, 1, &one), scale = test_view(SMASH_F32, &w, 1, &one);
        t = test_view(SMASH_I32, &q32, 1, &one);
        CHECK_ERR(ctx, smash_quant_bias(ctx, (smash_rounding)golden_bias[i].away, in, &scale, &x, &t, NULL), golden_bias[i].fits32 ? SMASH_OK : SMASH_ERR_RANGE, "row %d", (int)i);
        CHECK(q32 == (golden_bias[i].fits32 ? golden_bias[i].q : -7), "row %d: %d", (int)i, (int)q32);
        t = test_view(SMASH_I64, &q64, 1, &one);
        CHECK_ERR(ctx, smash_quant_bias(ctx, (smash_rounding)golden_bias[i].away, in, &scale, &x, &t, NULL), golden_bias[i].fits64 ? SMASH_OK : SMASH_ERR_RANGE, "row %d", (int)i);
        CHECK(q64 == (golden_bias[i].fits64 ? golden_bias[i].q : -7), "row %d: %ld", (int)i, (long)q64);
    }
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.5f, &ts, &tb, &tq, NULL), SMASH_OK, "per channel");
    CHECK(q[0] == 4 && q[1] == 16 && q[2] == 48, "%d %d %d", (int)q[0], (int)q[1], (int)q[2]);
    t = test_view(SMASH_F32, s, 1, &one);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.5f, &t, &tb, &tq, NULL), SMASH_OK, "per tensor");
    CHECK(q[0] == 4 && q[1] == 8 && q[2] == 12, "%d %d %d", (int)q[0], (int)q[1], (int)q[2]);
    t = test_view(SMASH_F32, s, 1, &two);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.5f, &t, &tb, &tq, NULL), SMASH_ERR_SHAPE, "2 scales for 3");
    b[1] = 1e30f;
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.5f, &ts, &tb, &tq, NULL), SMASH_ERR_RANGE, "too large");
    CHECK(ctx->index == 1 && q[0] == 4 && !strcmp(ctx->message, "bias \"tensor\": number 1 does not fit I32 at input scale * weight scale; a larger scale of channel 1 would do"), "%s", ctx->message);
    b[1] = float_of(0xFF800000u);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.5f, &ts, &tb, &tq, NULL), SMASH_ERR_NONFINITE, "Inf");
    b[1] = 1;
    s[2] = 0;
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.5f, &ts, &tb, &tq, NULL), SMASH_ERR_RANGE, "scale 0");
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.0f, &ts, &tb, &tq, NULL), SMASH_ERR_RANGE, "input scale 0");
    t = test_view(SMASH_I32, b, 1, &three);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.5f, &ts, &tb, &t, NULL), SMASH_ERR_ARG, "alias");
    {
        /* 3.5, 2.5 and -2.5 steps in every dtype; a double just beside a half is not one */
        static const struct { smash_dtype dtype; uint16_t bits[3]; } halves[] = { { SMASH_F16, { 0x4300, 0x4100, 0xC100 } }, { SMASH_BF16, { 0x4060, 0x4020, 0xC020 } } };
        const uint64_t beside[3] = { 0x4003FFFFFFFFFFFFu, 0xC004000000000000u, 0x4004000000000001u };
        double wide[3];
        float unit = 1;
        const smash_tensor tu = test_view(SMASH_F32, &unit, 1, &one), tw = test_view(SMASH_F64, wide, 1, &three);
        for (i = 0; i < 4; i++) {
            const int away = (int)(i & 1);
            t = test_view(halves[i / 2].dtype, halves[i / 2].bits, 1, &three);
            CHECK_ERR(ctx, smash_quant_bias(ctx, away ? SMASH_HALF_AWAY : SMASH_HALF_EVEN, 1, &tu, &t, &tq, NULL), SMASH_OK, "%d", (int)i);
            CHECK(q[0] == 4 && q[1] == (away ? 3 : 2) && q[2] == (away ? -3 : -2), "%d: %d %d %d", (int)i, (int)q[0], (int)q[1], (int)q[2]);
        }
        memcpy(wide, beside, sizeof wide);
        CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 1, &tu, &tw, &tq, NULL), SMASH_OK, "beside a half");
        CHECK(q[0] == 2 && q[1] == -2 && q[2] == 3, "%d %d %d", (int)q[0], (int)q[1], (int)q[2]);
        wide[0] = 0;
        wide[1] = 5e-324;
        unit = float_of(1);
        CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, float_of(0x00800000u), &tu, &tw, &tq, NULL), SMASH_ERR_RANGE, "2.5 / 2^-275");
        CHECK(ctx->index == 2, "%d", (int)ctx->index);
        CHECK_ERR(ctx, smash_quant_bias(ctx, (smash_rounding)test_int(2), 1, &tu, &tw, &tq, NULL), SMASH_ERR_ARG, "rounding 2");
    }
    q[0] = 4;
    t = test_view(SMASH_I16, q, 1, &three);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_AWAY, 0.5f, &ts, &tb, &t, NULL), SMASH_ERR_DTYPE, "I16");
    CHECK(q[0] == 4, "refused calls wrote");
}

/* ---- layers ---- */

typedef struct layer {
    size_t n, h, w, c, kh, kw, o, groups, oh, ow;
    int depthwise, is_i16, is_i4, wide, has_bias, per_channel, same;
    smash_simulate_desc desc;
    int64_t *acc;
    void *x, *y, *weight, *bias;
    int32_t *m, *s;
} layer;

static int64_t weight_at(const layer *l, size_t i)
{
    int v;
    if (!l->is_i4) return ((const int8_t *)l->weight)[i];
    v = ((const uint8_t *)l->weight)[i / 2];
    v = i & 1 ? v / 16 : v % 16;
    return v > 7 ? v - 16 : v;
}

/* Every input number is sent to all outputs that see it: the other way round than a layer is computed */
static void scatter(const layer *l)
{
    size_t b, iy, ix, ic, oc, d = l->depthwise ? 1 : l->c / l->groups;
    int64_t ky, kx, sy = l->desc.stride[0] ? l->desc.stride[0] : 1, sx = l->desc.stride[1] ? l->desc.stride[1] : 1;
    int64_t dy = l->desc.dilation[0] ? l->desc.dilation[0] : 1, dx = l->desc.dilation[1] ? l->desc.dilation[1] : 1, py = l->desc.pad_before[0], px = l->desc.pad_before[1];
    if (l->same) {
        py = ((int64_t)l->oh - 1) * sy + ((int64_t)l->kh - 1) * dy + 1 - (int64_t)l->h;
        px = ((int64_t)l->ow - 1) * sx + ((int64_t)l->kw - 1) * dx + 1 - (int64_t)l->w;
        py = py < 0 ? 0 : py / 2;
        px = px < 0 ? 0 : px / 2;
    }
    memset(l->acc, 0, l->n * l->oh * l->ow * l->o * sizeof *l->acc);
    for (b = 0; b < l->n; b++)
        for (iy = 0; iy < l->h; iy++)
            for (ix = 0; ix < l->w; ix++)
                for (ic = 0; ic < l->c; ic++) {
                    size_t at = ((b * l->h + iy) * l->w + ix) * l->c + ic;
                    int64_t x = l->is_i16 ? ((const int16_t *)l->x)[at] : ((const int8_t *)l->x)[at];
                    for (oc = 0; oc < l->o; oc++)
                        for (ky = 0; ky < (int64_t)l->kh; ky++)
                            for (kx = 0; kx < (int64_t)l->kw; kx++) {
                                int64_t oy = (int64_t)iy + py - ky * dy, ox = (int64_t)ix + px - kx * dx;
                                size_t k = (size_t)(ky * (int64_t)l->kw + kx), from;
                                if (oy % sy || ox % sx || oy < 0 || ox < 0 || oy / sy >= (int64_t)l->oh || ox / sx >= (int64_t)l->ow) continue;
                                if (oc * l->groups / l->o != ic / d) continue;
                                from = l->depthwise ? k * l->o + oc : (oc * l->kh * l->kw + k) * d + ic % d;
                                l->acc[((b * l->oh + (size_t)(oy / sy)) * l->ow + (size_t)(ox / sx)) * l->o + oc] += weight_at(l, from) * (x - l->desc.input_zero);
                            }
                }
}

static void test_layers(smash_ctx *ctx)
{
    int turn, wrong, refused = 0;
    for (turn = 0; turn < 3000; turn++) {
        layer l;
        size_t xs[4], ws[4], ys[4], inputs, outputs, weights, i, k, bytes;
        int kind = turn % 3;                                            /* fully connected, convolution, depthwise */
        int32_t lo, hi;
        smash_tensor x, w, b, m, s, y;
        smash_err err, want = SMASH_OK;
        memset(&l, 0, sizeof l);
        l.n = below(3) + (turn % 50 != 0);
        l.h = l.w = l.kh = l.kw = l.groups = 1;
        l.is_i16 = turn % 4 == 3;
        l.is_i4 = !l.is_i16 && below(3) == 0;
        l.has_bias = below(4) != 0;
        l.wide = l.is_i16 && l.has_bias && below(2);
        l.per_channel = (int)below(2);
        l.depthwise = kind == 2;
        if (kind) {
            l.kh = 1 + below(3);
            l.kw = 1 + below(4);
            l.h = 1 + below(7);
            l.w = 1 + below(6);
            for (i = 0; i < 2; i++) {
                l.desc.stride[i] = below(4);
                l.desc.dilation[i] = below(3);
                l.desc.pad_before[i] = below(3);
                l.desc.pad_after[i] = below(4);
            }
            if (below(3) == 0) {
                l.same = 1;
                l.desc.same = 1;
                memset(l.desc.pad_before, 0, sizeof l.desc.pad_before);
                memset(l.desc.pad_after, 0, sizeof l.desc.pad_after);
            }
        }
        l.groups = kind == 1 ? 1 + below(3) : 1;
        l.c = (1 + below(kind ? 5 : 600)) * l.groups;
        if (kind == 2) l.groups = l.c;
        l.o = (1 + below(4)) * l.groups;
        for (i = 0; i < 2; i++) {                                       /* count the places where a filter fits */
            size_t in = i ? l.w : l.h, reach = ((i ? l.kw : l.kh) - 1) * (l.desc.dilation[i] ? l.desc.dilation[i] : 1) + 1, at, out = 0;
            size_t step = l.desc.stride[i] ? l.desc.stride[i] : 1, all = in + l.desc.pad_before[i] + l.desc.pad_after[i];
            if (l.same) for (at = 0; at < in; at += step) out++;
            else for (at = 0; at + reach <= all; at += step) out++;
            if (i) l.ow = out; else l.oh = out;
        }
        if (!l.oh || !l.ow) { want = SMASH_ERR_SHAPE; l.oh = l.ow = 1; }
        l.desc.form = (smash_requant_form)below(2);
        lo = l.is_i16 ? INT16_MIN : INT8_MIN;
        hi = -1 - lo;
        if (!l.is_i16) { l.desc.input_zero = between(-128, 127); l.desc.output_zero = between(-128, 127); }
        if (below(2)) { l.desc.low = between(lo, hi); l.desc.high = between(l.desc.low, hi); }
        inputs = l.n * l.h * l.w * l.c;
        outputs = l.n * l.oh * l.ow * l.o;
        weights = l.kh * l.kw * (l.depthwise ? l.o : l.o * (l.c / l.groups));
        l.x = test_exact(inputs * (l.is_i16 ? 2 : 1));
        l.y = test_exact(outputs * (l.is_i16 ? 2 : 1));
        l.weight = test_exact(l.is_i4 ? (weights + 1) / 2 : weights);
        l.bias = test_exact(l.o * 8);
        l.m = (int32_t *)test_exact(l.o * 4);
        l.s = (int32_t *)test_exact(l.o * 4);
        l.acc = (int64_t *)test_exact(outputs * 8);
        for (i = 0; i < inputs * (l.is_i16 ? 2 : 1); i++) ((uint8_t *)l.x)[i] = (uint8_t)(turn % 7 ? below(256) : l.is_i16 ? (i & 1 ? 128 : 0) : 128);
        bytes = l.is_i4 ? (weights + 1) / 2 : weights;
        for (i = 0; i < bytes; i++) ((uint8_t *)l.weight)[i] = (uint8_t)(turn % 11 ? below(256) : l.is_i4 ? 0x88 : 128);
        for (i = 0; i < l.o; i++) {
            int32_t bias = between(-20000, 20000);
            if (l.wide) ((int64_t *)l.bias)[i] = (int64_t)bias * 1000000; else ((int32_t *)l.bias)[i] = below(20) ? bias : bias < 0 ? -2147483000 : 2147483000;
            l.m[i] = below(16) ? between(1 << 30, INT32_MAX) : l.m[0] >= 0 && i ? INT32_MAX : 0;
            l.s[i] = below(8) ? -between(4, 14) - (l.is_i16 ? 8 : 0) : between(-31, 5);
        }
        xs[0] = l.n; xs[1] = l.h; xs[2] = l.w; xs[3] = l.c;
        ys[0] = l.n; ys[1] = l.oh; ys[2] = l.ow; ys[3] = l.o;
        ws[0] = l.depthwise ? 1 : l.o; ws[1] = l.kh; ws[2] = l.kw; ws[3] = l.depthwise ? l.o : l.c / l.groups;
        if (!kind) { xs[1] = ys[1] = l.c; ys[1] = l.o; ws[1] = l.c; }
        k = l.per_channel ? l.o : 1;
        x = test_view(l.is_i16 ? SMASH_I16 : SMASH_I8, l.x, kind ? 4 : 2, xs);
        w = test_view(l.is_i4 ? SMASH_I4 : SMASH_I8, l.weight, kind ? 4 : 2, ws);
        b = test_view(l.wide ? SMASH_I64 : SMASH_I32, l.bias, 1, &l.o);
        m = test_view(SMASH_I32, l.m, 1, &k);
        s = test_view(SMASH_I32, l.s, 1, &k);
        y = test_view(x.dtype, l.y, kind ? 4 : 2, ys);
        scatter(&l);
        for (i = 0; i < outputs && !want; i++) {
            int64_t acc = l.acc[i], q = 0;
            size_t c = i % l.o, at = l.per_channel ? c : 0;
            if (l.has_bias) acc += l.wide ? ((int64_t *)l.bias)[c] : ((int32_t *)l.bias)[c];
            if (!l.wide && acc != (int32_t)acc) want = SMASH_ERR_RANGE;
            else if (!reference_requant(l.wide ? 2 : (int)l.desc.form, acc, l.m[at], l.s[at], &q)) want = SMASH_ERR_RANGE;
            else if (q + l.desc.output_zero != (int32_t)(q + l.desc.output_zero)) want = SMASH_ERR_RANGE;
            q += l.desc.output_zero;
            if (!l.desc.low && !l.desc.high) q = q < lo ? lo : q > hi ? hi : q;
            else q = q < l.desc.low ? l.desc.low : q > l.desc.high ? l.desc.high : q;
            l.acc[i] = q;
        }
        smash_ctx_reset(ctx);
        err = (kind == 0 ? smash_quant_simulate_fully_connected : kind == 1 ? smash_quant_simulate_convolution : smash_quant_simulate_depthwise)
              (ctx, &l.desc, &x, &w, l.has_bias ? &b : NULL, &m, &s, &y);
        CHECK(err == want, "layer %d: %s, %s", turn, smash_err_name(err), ctx->message);
        if (err == SMASH_ERR_RANGE && want == err) { refused++; CHECK(ctx->index == i - 1, "layer %d: index %d", turn, (int)ctx->index); }
        for (i = 0, wrong = 0; i < outputs && !err; i++) wrong += l.acc[i] != (l.is_i16 ? ((int16_t *)l.y)[i] : ((int8_t *)l.y)[i]);
        CHECK(!wrong, "layer %d: %d of %d wrong", turn, wrong, (int)outputs);
        free(l.x); free(l.y); free(l.weight); free(l.bias); free(l.m); free(l.s); free(l.acc);
    }
    CHECK(refused > 20 && refused < 1000, "%d layers left their bits", refused);
}

static void test_layer_errors(smash_ctx *ctx)
{
    static const size_t xs[4] = { 1, 3, 3, 2 }, ws[4] = { 4, 2, 2, 2 }, ys[4] = { 1, 2, 2, 4 }, ds[4] = { 1, 2, 2, 4 };
    size_t four = 4, three = 3;
    int8_t x[18], w[64], y[16];
    int32_t b[4] = { 0, 0, 0, 0 }, m[4] = { 1 << 30, 1 << 30, 1 << 30, 1 << 30 }, s[4] = { 0, 0, 0, 0 };
    int row;
    memset(x, 1, sizeof x);
    memset(w, 1, sizeof w);
    for (row = 0; row < 42; row++) {
        smash_simulate_desc desc = SMASH_ZERO;
        smash_tensor tx = test_view(SMASH_I8, x, 4, xs), tw = test_view(SMASH_I8, w, 4, ws), tb = test_view(SMASH_I32, b, 1, &four), tm = test_view(SMASH_I32, m, 1, &four);
        smash_tensor ts = test_view(SMASH_I32, s, 1, &four), ty = test_view(SMASH_I8, y, 4, ys);
        const smash_tensor *px = &tx, *pm = &tm;
        smash_err want = SMASH_ERR_SHAPE;
        int depthwise = 0, connected = 0;
        const char *message = NULL;
        memset(y, 0x55, sizeof y);
        m[1] = 1 << 30;
        s[2] = 0;
        switch (row) {
        case 0: want = SMASH_OK; break;
        case 1: desc.zero_end = 1; want = SMASH_ERR_ARG; break;
        case 2: desc.form = (smash_requant_form)test_int(2); want = SMASH_ERR_ARG; break;
        case 3: tx.dtype = SMASH_U8; want = SMASH_ERR_DTYPE; break;
        case 4: tw.dtype = SMASH_I16; want = SMASH_ERR_DTYPE; break;
        case 5: ty.dtype = SMASH_I16; want = SMASH_ERR_DTYPE; break;
        case 6: tb.dtype = SMASH_I64; want = SMASH_ERR_DTYPE; break;
        case 7: tm.dtype = SMASH_F32; want = SMASH_ERR_DTYPE; break;
        case 8: ts.dtype = SMASH_I8; want = SMASH_ERR_DTYPE; break;
        case 9: desc.input_zero = 128; want = SMASH_ERR_RANGE; message = "zero points 128 and 0 of input and output; they must lie in -128..127"; break;
        case 10: desc.output_zero = -129; want = SMASH_ERR_RANGE; break;
        case 11: desc.low = 5; desc.high = 4; want = SMASH_ERR_RANGE; message = "the clamp 5..4 is none within -128..127"; break;
        case 12: desc.high = 128; want = SMASH_ERR_RANGE; break;
        case 13: desc.low = -129; want = SMASH_ERR_RANGE; break;
        case 14: m[1] = -1; want = SMASH_ERR_RANGE; message = "multiplier -1 of channel 1; it must be at least 0"; break;
        case 15: s[2] = 31; want = SMASH_ERR_RANGE; message = "shift 31 of channel 2; it must lie in -31..30"; break;
        case 16: s[2] = -32; want = SMASH_ERR_RANGE; break;
        case 17: tx.ndim = 3; break;
        case 18: tw.shape[3] = 3; tw.shape[0] = 2; break;
        case 19: ty.shape[1] = 3; ty.shape[0] = 0; message = "output \"tensor\" has shape [0, 3, 2, 4], it must be [1, 2, 2, 4]"; break;
        case 20: tb = test_view(SMASH_I32, b, 1, &three); message = "bias \"tensor\" has 3 numbers, it must have 4"; break;
        case 21: tm = test_view(SMASH_I32, m, 1, &three); message = "multiplier \"tensor\" has 3 numbers, it must have 1 or 4"; break;
        case 22: desc.dilation[0] = 4; message = "the filter reaches over 5 numbers along axis 1 of input \"tensor\", which has 3 with its padding"; break;
        case 23: desc.dilation[1] = UINT32_MAX; want = sizeof(size_t) == 4 ? SMASH_ERR_OVERFLOW : SMASH_ERR_SHAPE; break;
        case 24: desc.same = 1; desc.pad_after[1] = 1; want = SMASH_ERR_ARG; break;
        case 25: ty.data = x; want = SMASH_ERR_ARG; break;
        case 26: ty.data = w; want = SMASH_ERR_ARG; break;
        case 27: ty.flags = SMASH_TENSOR_CONST; want = SMASH_ERR_ARG; break;
        case 28: tx.bytes--; break;
        case 29: tw.bytes = 31; break;
        case 30: px = NULL; want = SMASH_ERR_ARG; break;
        case 31: pm = NULL; want = SMASH_ERR_ARG; break;
        case 32: depthwise = 1; tw = test_view(SMASH_I8, w, 4, ds); want = SMASH_OK; break;
        case 33: depthwise = 1; message = "weight \"tensor\" must be [1, height, width, out], and out a multiple of the 2 channels of input \"tensor\""; break;
        case 34: depthwise = 1; tw = test_view(SMASH_I8, w, 4, ds); tw.shape[3] = 3; break;
        case 35: connected = 1; message = "weight \"tensor\" has 4 dims; it must be [out, in], neither of them 0"; break;
        case 36: connected = 1; tw.ndim = 2; tw.shape[1] = 18; ty.ndim = 2; ty.shape[1] = 4; want = SMASH_OK; break;
        case 37: connected = 1; tw.ndim = 2; tw.shape[1] = 18; ty.ndim = 2; ty.shape[1] = 4; desc.stride[0] = 1; want = SMASH_ERR_ARG; break;
        case 38: connected = 1; tw.ndim = 2; tw.shape[1] = 7; ty.ndim = 2; ty.shape[1] = 4; message = "input \"tensor\" has 18 numbers; weight \"tensor\" and output \"tensor\" need 1 rows of 7"; tw.bytes = 28; break;
        case 39: connected = 1; tw.ndim = 2; tw.shape[1] = 18; ty.ndim = 2; ty.shape[1] = 5; break;
        case 40: tx.flags = SMASH_TENSOR_DEVICE; want = SMASH_ERR_DEVICE; break;
        default: tw.shape[1] = 0; break;
        }
        if (row == 36 || row == 37 || row == 39) tw.bytes = 64, tw.shape[0] = 3, ty.shape[1] = row == 39 ? 5 : 3, tb = test_view(SMASH_I32, b, 1, &three), tm = tb, tm.data = m, ts = tb, ts.data = s;
        CHECK_ERR(ctx, (connected ? smash_quant_simulate_fully_connected : depthwise ? smash_quant_simulate_depthwise : smash_quant_simulate_convolution)
                       (ctx, &desc, px, &tw, &tb, pm, &ts, &ty), want, "row %d", row);
        if (message) CHECK(!strcmp(ctx->message, message), "row %d: %s", row, ctx->message);
        if (want) CHECK(y[0] == 0x55 && y[15] == 0x55, "row %d wrote", row);
        else CHECK(y[0] == (connected ? 9 : depthwise ? 2 : 4), "row %d: %d", row, y[0]);
    }
    {                                                                   /* 16-bit activations: no zero points, no 4-bit weights, a shift of at most 14 */
        static const size_t fs[2] = { 1, 2 }, os[2] = { 1, 1 };
        int16_t in[2] = { 30000, -3 }, out[1] = { 99 };
        int8_t fw[2] = { 2, 5 };
        int64_t fb[1] = { (int64_t)1 << 47 };
        int32_t fm[1] = { 1 << 30 }, fsh[1] = { 15 };
        size_t one = 1;
        smash_simulate_desc desc = SMASH_ZERO;
        smash_tensor tx = test_view(SMASH_I16, in, 2, fs), tw = test_view(SMASH_I8, fw, 2, fs), tb = test_view(SMASH_I64, fb, 1, &one), tm = test_view(SMASH_I32, fm, 1, &one);
        smash_tensor ts = test_view(SMASH_I32, fsh, 1, &one), ty = test_view(SMASH_I16, out, 2, os);
        CHECK_ERR(ctx, smash_quant_simulate_fully_connected(ctx, NULL, &tx, &tw, &tb, &tm, &ts, &ty), SMASH_ERR_RANGE, "shift 15");
        CHECK(!strcmp(ctx->message, "shift 15 of channel 0; it must lie in -31..14"), "%s", ctx->message);
        fsh[0] = -20;
        CHECK_ERR(ctx, smash_quant_simulate_fully_connected(ctx, NULL, &tx, &tw, &tb, &tm, &ts, &ty), SMASH_ERR_RANGE, "48 bits");
        CHECK(!strcmp(ctx->message, "output \"tensor\": number 0, of channel 0, leaves 48 or 32 bits on its way, so a device may answer anything"), "%s", ctx->message);
        fb[0] = INT64_MAX;
        CHECK_ERR(ctx, smash_quant_simulate_fully_connected(ctx, NULL, &tx, &tw, &tb, &tm, &ts, &ty), SMASH_ERR_RANGE, "63 bits");
        fb[0] = -59985 + 7;
        fsh[0] = 1;
        CHECK_ERR(ctx, smash_quant_simulate_fully_connected(ctx, NULL, &tx, &tw, &tb, &tm, &ts, &ty), SMASH_OK, "good");
        CHECK(out[0] == 7, "%d", out[0]);
        desc.input_zero = 1;
        CHECK_ERR(ctx, smash_quant_simulate_fully_connected(ctx, &desc, &tx, &tw, &tb, &tm, &ts, &ty), SMASH_ERR_RANGE, "zero point");
        tw.dtype = SMASH_I4;
        CHECK_ERR(ctx, smash_quant_simulate_fully_connected(ctx, NULL, &tx, &tw, &tb, &tm, &ts, &ty), SMASH_ERR_DTYPE, "I4");
        tw.dtype = SMASH_I8;
        tx.shape[0] = SIZE_MAX;
        CHECK_ERR(ctx, smash_quant_simulate_fully_connected(ctx, NULL, &tx, &tw, &tb, &tm, &ts, &ty), SMASH_ERR_OVERFLOW, "sizes");
    }
}

/* ---- accumulators, axes ---- */

static void test_bound(smash_ctx *ctx)
{
    int turn;
    size_t one = 1, two = 2, i;
    smash_accumulator_bound worst;
    for (turn = 0; turn < 300; turn++) {                                /* all inputs of 4 steps through filters of 4 weights */
        size_t shape[3], c, n;
        uint32_t axis = below(3);
        int8_t w[12];
        int32_t bias[3], lo = between(-9, 0), hi = lo + 3;
        int64_t bounds[3], most = -1;
        smash_tensor tw, tb, tn;
        int has_bias = (int)below(2);
        shape[0] = shape[1] = shape[2] = 2;
        shape[axis] = 3;
        n = 3;
        for (i = 0; i < 12; i++) w[i] = (int8_t)between(-128, 127);
        for (i = 0; i < 3; i++) bias[i] = between(-2000, 2000);
        tw = test_view(SMASH_I8, w, 3, shape);
        tb = test_view(SMASH_I32, bias, 1, &n);
        tn = test_view(SMASH_I64, bounds, 1, &n);
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, axis, has_bias ? &tb : NULL, lo, hi, &tn, &worst), SMASH_OK, "%d", turn);
        for (c = 0; c < 3; c++) {
            int64_t want = has_bias ? bias[c] < 0 ? -bias[c] : bias[c] : 0, top = 0;
            int v[4], k = 0, code;
            for (i = 0; i < 12; i++) {
                size_t at[3];
                at[2] = i % shape[2];
                at[1] = i / shape[2] % shape[1];
                at[0] = i / shape[2] / shape[1];
                if (at[axis] == c) { CHECK(k < 4, "%d", k); v[k++] = w[i]; }
            }
            for (i = 0; i < 4; i++) {
                int a = abs(v[i] * lo), z = abs(v[i] * hi);
                want += a > z ? a : z;
            }
            for (code = 0; code < 256; code++) {
                int64_t acc = has_bias ? bias[c] : 0;
                for (i = 0; i < 4; i++) {
                    acc += v[i] * (lo + (code >> 2 * i & 3));
                    if (llabs(acc) > top) top = llabs(acc);             /* partial sums, too */
                }
            }
            CHECK(bounds[c] == want && top <= want, "turn %d: %ld, largest %ld", turn, (long)bounds[c], (long)top);
            if (bounds[c] > most) { most = bounds[c]; CHECK(worst.channel >= c, "turn %d: channel %d", turn, (int)worst.channel); }
        }
        CHECK(worst.bound == most && worst.fits == 1 && bounds[worst.channel] == most, "turn %d", turn);
    }
    {                                                                   /* 2^31 is where int32 ends */
        size_t n = 66052, shape[2];
        int8_t *w = (int8_t *)test_exact(n);
        int32_t b[1] = { 0 };
        int64_t wide[1] = { INT64_MIN };
        smash_tensor tw, tb = test_view(SMASH_I32, b, 1, &one), tn = test_view(SMASH_I64, wide, 1, &one);
        memset(w, 127, n);
        shape[0] = 1;
        shape[1] = 66052;
        tw = test_view(SMASH_I8, w, 2, shape);
        b[0] = INT32_MAX - 66052 * 127 * 255;
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, &tb, -255, 0, NULL, &worst), SMASH_OK, "just fits");
        CHECK(worst.fits && worst.bound == INT32_MAX, "%ld", (long)worst.bound);
        b[0]++;
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, &tb, -255, 0, NULL, &worst), SMASH_OK, "one more");
        CHECK(!worst.fits && worst.bound == (int64_t)1 << 31, "%ld", (long)worst.bound);
        tb = tn;
        tb.data = wide;
        tb.dtype = SMASH_I64;
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, &tb, -255, 0, NULL, &worst), SMASH_OK, "the largest bias");
        CHECK(!worst.fits && worst.bound == INT64_MAX, "%ld", (long)worst.bound);
        wide[0] = 5;
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, &tb, -32768, 32767, NULL, &worst), SMASH_OK, "wide");
        CHECK(worst.fits && worst.bound == 5 + (int64_t)66052 * 127 * 32768, "%ld", (long)worst.bound);
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, &tb, -1, 1, &tn, &worst), SMASH_ERR_ARG, "alias");
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 1, &tb, -1, 1, NULL, &worst), SMASH_ERR_SHAPE, "bias of another axis");
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 2, NULL, -1, 1, NULL, &worst), SMASH_ERR_SHAPE, "no such axis");
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, NULL, 1, -1, NULL, &worst), SMASH_ERR_RANGE, "no range");
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, NULL, -1, 1, NULL, NULL), SMASH_ERR_ARG, "no place");
        tw.dtype = SMASH_F32;
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, NULL, -1, 1, NULL, &worst), SMASH_ERR_DTYPE, "floats");
        tw.dtype = SMASH_I8;
        tw.shape[1] = 0;
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, NULL, -1, 1, NULL, &worst), SMASH_ERR_SHAPE, "empty");
        free(w);
    }
    {                                                                   /* odd rows of packed weights: 1 -2 3 | -4 5 -8 */
        static const uint8_t packed[3] = { 0xE1, 0xC3, 0x85 };
        static const size_t shape[2] = { 2, 3 };
        int64_t bounds[2];
        smash_tensor tw = test_view(SMASH_I4, packed, 2, shape), tn = test_view(SMASH_I64, bounds, 1, &two);
        CHECK_ERR(ctx, smash_quant_accumulator_bound(ctx, &tw, 0, NULL, -10, 7, &tn, &worst), SMASH_OK, "I4");
        CHECK(bounds[0] == 60 && bounds[1] == 170 && worst.channel == 1, "%d %d", (int)bounds[0], (int)bounds[1]);
    }
}

static uint64_t raw_at(const uint8_t *p, size_t i, uint32_t bits)
{
    uint64_t v = 0;
    uint32_t b;
    for (b = 0; b < bits; b++) v |= (uint64_t)(p[(i * bits + b) / 8] >> (i * bits + b) % 8 & 1) << b;
    return v;
}

static void test_permute(smash_ctx *ctx)
{
    int dtype, turn;
    static const size_t six[4] = { 2, 3, 1, 1 }, moved[4] = { 2, 1, 1, 3 };
    static const uint32_t order[4] = { 0, 2, 3, 1 }, twice[4] = { 0, 2, 2, 1 }, none[4] = { 0, 2, 4, 1 };
    uint8_t a[6], b[6];
    smash_tensor src, dst;
    for (dtype = 1; dtype < SMASH_DTYPE_COUNT; dtype++)
        for (turn = 0; turn < 40; turn++) {
            size_t shape[SMASH_MAX_DIMS], to[SMASH_MAX_DIMS], n = 1, i, wrong = 0, bytes;
            uint32_t perm[SMASH_MAX_DIMS], ndim = below(6), d, bits = smash_dtype_bits((smash_dtype)dtype);
            uint8_t *x, *y;
            for (d = 0; d < ndim; d++) { n *= shape[d] = 1 + below(4) - (turn == 39); perm[d] = d; }
            for (d = 0; d + 1 < ndim; d++) { uint32_t k = d + below(ndim - d), swap = perm[d]; perm[d] = perm[k]; perm[k] = swap; }
            for (d = 0; d < ndim; d++) to[d] = shape[perm[d]];
            bytes = (n * bits + 7) / 8;
            x = (uint8_t *)test_exact(bytes);
            y = (uint8_t *)test_exact(bytes);
            for (i = 0; i < bytes; i++) x[i] = (uint8_t)below(256);
            src = test_view((smash_dtype)dtype, x, ndim, shape);
            dst = test_view((smash_dtype)dtype, y, ndim, to);
            CHECK_ERR(ctx, smash_tensor_permute(ctx, &src, perm, &dst), bits == 6 ? SMASH_ERR_DTYPE : SMASH_OK, "%s", smash_dtype_name((smash_dtype)dtype));
            for (i = 0; i < n && bits != 6; i++) {                      /* coordinates in src, then the index they have in dst */
                size_t at[SMASH_MAX_DIMS], rest = i, k = 0;
                for (d = ndim; d--; rest /= shape[d]) at[d] = rest % shape[d];
                for (d = 0; d < ndim; d++) k = k * to[d] + at[perm[d]];
                wrong += raw_at(x, i, bits) != raw_at(y, k, bits);
            }
            if (bits < 6 && n * bits % 8) wrong += y[bytes - 1] >> n * bits % 8 != 0;
            CHECK(!wrong, "%s, turn %d: %d wrong", smash_dtype_name((smash_dtype)dtype), turn, (int)wrong);
            free(x);
            free(y);
        }
    memcpy(a, "abcdef", 6);
    memset(b, 0, 6);
    src = test_view(SMASH_I8, a, 4, six);
    dst = test_view(SMASH_I8, b, 4, moved);
    CHECK_ERR(ctx, smash_tensor_permute(ctx, &src, twice, &dst), SMASH_ERR_RANGE, "twice");
    CHECK(ctx->index == 2 && !strcmp(ctx->message, "the order names axis 2 twice"), "%s", ctx->message);
    CHECK_ERR(ctx, smash_tensor_permute(ctx, &src, none, &dst), SMASH_ERR_RANGE, "none");
    CHECK_ERR(ctx, smash_tensor_permute(ctx, &src, NULL, &dst), SMASH_ERR_ARG, "no order");
    dst.data = a;
    CHECK_ERR(ctx, smash_tensor_permute(ctx, &src, order, &dst), SMASH_ERR_ARG, "alias");
    dst = test_view(SMASH_I8, b, 4, six);
    CHECK_ERR(ctx, smash_tensor_permute(ctx, &src, order, &dst), SMASH_ERR_SHAPE, "shape");
    dst = test_view(SMASH_U8, b, 4, moved);
    CHECK_ERR(ctx, smash_tensor_permute(ctx, &src, order, &dst), SMASH_ERR_DTYPE, "dtype");
    CHECK(!b[0] && !b[5], "refused calls wrote");
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_multiplier(&ctx);
    test_multipliers(&ctx);
    test_apply();
    test_activation(&ctx);
    test_bias(&ctx);
    test_layers(&ctx);
    test_layer_errors(&ctx);
    test_bound(&ctx);
    test_permute(&ctx);
    return test_done();
}
