/* Quantization: against recordings of NNI v3, and against a brute force that walks coordinates one by one. */
#include "../smash.h"
#include "test.h"
#include "golden/config_list_quant.h"

static const uint32_t INF = 0x7F800000u, NOT_A_NUMBER = 0x7FC00001u;

/* ---- what NNI did ---- */

static void test_golden(smash_ctx *ctx)
{
    size_t i, j;
    for (i = 0; i < COUNT_OF(golden_qparams); i++) {
        smash_quant_desc d = test_quant_desc(golden_qparams[i].bits, golden_qparams[i].is_unsigned, golden_qparams[i].scheme);
        float scale = -1;
        int32_t zero = -1, qmin = 1, qmax = 1;
        CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_OK, "row %d", (int)i);
        CHECK(qmin == golden_qparams[i].qmin && qmax == golden_qparams[i].qmax, "row %d: %d..%d", (int)i, (int)qmin, (int)qmax);
        CHECK_ERR(ctx, smash_quant_params(ctx, &d, float_of(golden_qparams[i].lo), float_of(golden_qparams[i].hi), &scale, &zero), SMASH_OK, "row %d", (int)i);
        CHECK(bits_of(scale) == golden_qparams[i].scale && zero == golden_qparams[i].zero, "row %d: scale %.9g zero %d", (int)i, (double)scale, (int)zero);
    }
    for (i = 0; i < COUNT_OF(golden_fakequant); i++) {
        smash_quant_desc d = test_quant_desc(golden_fakequant[i].bits, golden_fakequant[i].is_unsigned, SMASH_AFFINE);
        size_t n = golden_fakequant[i].count, one = 1;
        float x[64], y[64], scale_value = float_of(golden_fakequant[i].scale);
        int8_t q[64];
        smash_tensor w, ints, back, scale = test_view(SMASH_F32, &scale_value, 1, &one), zero = test_view(SMASH_I32, &golden_fakequant[i].zero, 1, &one);
        CHECK(n <= COUNT_OF(x), "row %d has %d numbers", (int)i, (int)n);
        for (j = 0; j < n; j++) x[j] = float_of(golden_fakequant[i].x[j]);
        w = test_view(SMASH_F32, x, 1, &n);
        ints = test_view(smash_quant_dtype(&d), q, 1, &n);
        back = test_view(SMASH_F32, y, 1, &n);
        CHECK_ERR(ctx, smash_quantize(ctx, &d, &w, &scale, &zero, &ints), SMASH_OK, "row %d", (int)i);
        CHECK_ERR(ctx, smash_dequantize(ctx, &d, &ints, &scale, &zero, &back), SMASH_OK, "row %d", (int)i);
        for (j = 0; j < n; j++)                                     /* == and not bits: an integer grid has no -0 */
            CHECK(y[j] == float_of(golden_fakequant[i].y[j]), "row %d, number %d: %.9g gave %.9g", (int)i, (int)j, (double)x[j], (double)y[j]);
    }
    for (i = 0; i < COUNT_OF(golden_ptq); i++) {
        smash_quant_desc d = test_quant_desc(golden_ptq[i].bits, golden_ptq[i].is_unsigned, golden_ptq[i].scheme);
        float x[64], s[64];
        int32_t z[64];
        smash_tensor w, scale, zero;
        smash_grid grid;
        if (golden_ptq[i].grain_count) d.grain = smash_grain_block(golden_ptq[i].grain, golden_ptq[i].grain_count);
        for (j = 0; j < golden_ptq[i].shape[0] * golden_ptq[i].shape[1]; j++) x[j] = float_of(golden_ptq[i].w[j]);
        w = test_view(SMASH_F32, x, 2, golden_ptq[i].shape);
        CHECK_ERR(ctx, smash_grid_make(ctx, &d.grain, &w, &grid), SMASH_OK, "row %d", (int)i);
        CHECK(grid.blocks == golden_ptq[i].blocks, "row %d", (int)i);
        scale = test_view(SMASH_F32, s, 2, grid.count);
        zero = test_view(SMASH_I32, z, 2, grid.count);
        CHECK_ERR(ctx, smash_quant_fit(ctx, &d, &w, &scale, &zero), SMASH_OK, "row %d", (int)i);
        for (j = 0; j < golden_ptq[i].blocks; j++)
            CHECK(bits_of(s[j]) == golden_ptq[i].scale[j] && z[j] == golden_ptq[i].zero[j], "row %d, block %d: %.9g %d", (int)i, (int)j, (double)s[j], (int)z[j]);
    }
}

/* ---- brute force ---- */

/* Half to even by comparing fractions; |x| < 2^31 */
static int32_t half_even(double x)
{
    double low = (double)(int64_t)x;
    if (low > x) low -= 1;
    if (x - low > 0.5 || (x - low == 0.5 && (int64_t)low % 2 != 0)) low += 1;
    return (int32_t)low;
}

/* Half away from zero, the same way */
static int32_t half_away(double x) { return x < 0 ? -(int32_t)(int64_t)(0.5 - x) : (int32_t)(int64_t)(x + 0.5); }
static int32_t rounded(const smash_quant_desc *d, double x) { return d->rounding == SMASH_HALF_AWAY ? half_away(x) : half_even(x); }

typedef struct layout { const char *name; uint32_t ndim; size_t shape[3], block[3]; smash_grain_kind kind; uint32_t axis; } layout;
static const layout layouts[] = {
    { "scalar",            0, { 0, 0, 0 },     { 0, 0, 0 },     SMASH_GRAIN_TENSOR, 0 },
    { "one",               1, { 1, 0, 0 },     { 1, 0, 0 },     SMASH_GRAIN_DEFAULT, 0 },
    { "tensor 7",          1, { 7, 0, 0 },     { 7, 0, 0 },     SMASH_GRAIN_TENSOR, 0 },
    { "tensor 63",         1, { 63, 0, 0 },    { 63, 0, 0 },    SMASH_GRAIN_TENSOR, 0 },
    { "tensor 64",         1, { 64, 0, 0 },    { 64, 0, 0 },    SMASH_GRAIN_TENSOR, 0 },
    { "tensor 321",        2, { 3, 107, 0 },   { 3, 107, 0 },   SMASH_GRAIN_TENSOR, 0 },
    { "element",           2, { 5, 13, 0 },    { 1, 1, 0 },     SMASH_GRAIN_ELEMENT, 0 },
    { "out channel 9",     3, { 11, 3, 3 },    { 1, 3, 3 },     SMASH_GRAIN_AXIS, 0 },
    { "out channel 100",   2, { 5, 100, 0 },   { 1, 100, 0 },   SMASH_GRAIN_AXIS, 0 },
    { "out channel 65",    2, { 3, 65, 0 },    { 1, 65, 0 },    SMASH_GRAIN_AXIS, 0 },
    { "in channel",        3, { 4, 5, 9 },     { 4, 1, 9 },     SMASH_GRAIN_AXIS, 1 },
    { "last axis",         2, { 9, 7, 0 },     { 9, 1, 0 },     SMASH_GRAIN_AXIS, 1 },
    { "blocks 1x32",       2, { 3, 96, 0 },    { 1, 32, 0 },    SMASH_GRAIN_BLOCK, 0 },
    { "blocks 2x3",        2, { 6, 9, 0 },     { 2, 3, 0 },     SMASH_GRAIN_BLOCK, 0 },
    { "blocks 2x2x35",     3, { 4, 2, 70 },    { 2, 2, 35 },    SMASH_GRAIN_BLOCK, 0 },
};
enum { MOST = 640 };

static size_t layout_count(const layout *l)
{
    size_t n = 1, i;
    for (i = 0; i < l->ndim; i++) n *= l->shape[i];
    return n;
}

static size_t block_of(const layout *l, size_t element)
{
    size_t at[3], block = 0, i;
    for (i = l->ndim; i--; ) { at[i] = element % l->shape[i]; element /= l->shape[i]; }
    for (i = 0; i < l->ndim; i++) block = block * (l->shape[i] / l->block[i]) + at[i] / l->block[i];
    return block;
}

static smash_grain grain_of(const layout *l)
{
    int32_t block[3];
    smash_grain g = SMASH_ZERO;
    uint32_t i;
    if (l->kind == SMASH_GRAIN_AXIS) return smash_grain_axis(l->axis);
    if (l->kind == SMASH_GRAIN_BLOCK) {
        for (i = 0; i < l->ndim; i++) block[i] = (int32_t)l->block[i];
        return smash_grain_block(block, l->ndim);
    }
    g.kind = l->kind;
    return g;
}

/* Numbers of many kinds: ordinary, tiny, zero, huge. Each row of the loop below gets another mixture. */
static double draw(uint64_t *rng, int kind)
{
    uint64_t r = smash_random(rng);
    double u = (double)(r >> 11) / 9007199254740992.0 * 2 - 1;
    switch (kind) {
    case 0:  return u * 3;
    case 1:  return r % 3 ? 0.0 : u * 1e-3;
    case 2:  return u * 1e-44;                                   /* f32 denormals */
    case 3:  return u * 60000;
    case 4:  return 0;
    case 5:  return (u + 1) * 0.7;                               /* one sign only */
    default: return (double)((int)(r % 41) - 20) * 0.125;        /* many ties */
    }
}

static void check_case(smash_ctx *ctx, const layout *l, smash_quant_desc d, smash_dtype from, smash_dtype to, int kind, uint64_t *rng)
{
    const uint32_t bits = d.bits, is_unsigned = d.is_unsigned;
    const smash_scheme scheme = d.scheme;
    size_t n = layout_count(l), blocks, i, bytes, bad = 0, clipped = 0, zeros = 0;
    size_t count[3];
    float lo[MOST], hi[MOST], want_scale[MOST], steps, half, y;
    int32_t want_zero[MOST], want[MOST], qmin, qmax, run;
    double error2 = 0, worst = 0, a2, b2, ab, cosine;
    static unsigned char taken[65536];
    size_t dead;
    void *data = test_exact(n * 8), *ints, *back;
    float *s;
    int32_t *z;
    smash_tensor w, scale, zero, q, x;
    smash_quant_stats stats;
    d.grain = grain_of(l);
    for (blocks = 1, i = 0; i < l->ndim; i++) { count[i] = l->shape[i] / l->block[i]; blocks *= count[i]; }
    qmin = is_unsigned ? 0 : -((1 << (bits - 1)) - 1) - (int32_t)d.full_range;
    qmax = is_unsigned ? (1 << bits) - 1 : (1 << (bits - 1)) - 1;
    steps = (float)(qmax - qmin);
    half = (float)((double)(qmax - qmin) / 2.0);
    for (i = 0; i < blocks; i++) lo[i] = hi[i] = 0;
    for (i = 0; i < n; i++) {
        float v;
        set_number(from, data, i, draw(rng, kind));
        v = (float)number_at(from, data, i);
        if (v < lo[block_of(l, i)]) lo[block_of(l, i)] = v;
        if (v > hi[block_of(l, i)]) hi[block_of(l, i)] = v;
    }
    for (i = 0; i < blocks; i++) {
        float width = hi[i] - lo[i];
        want_scale[i] = scheme == SMASH_AFFINE ? width / steps : (hi[i] > -lo[i] ? hi[i] : -lo[i]) / half;
        if (want_scale[i] < 1.1920928955078125e-07f) want_scale[i] = 1.1920928955078125e-07f;
        want_zero[i] = is_unsigned ? 1 << (bits - 1) : 0;
        if (scheme == SMASH_AFFINE) {
            float at = lo[i] / want_scale[i];
            want_zero[i] = qmin - rounded(&d, (double)at);
            if (want_zero[i] < qmin) want_zero[i] = qmin;
            if (want_zero[i] > qmax) want_zero[i] = qmax;
        }
    }
    w = test_view(from, data, l->ndim, l->shape);
    x = test_view(from, NULL, l->ndim, l->shape);
    x.data = back = test_exact(x.bytes);
    q = test_view(to, NULL, l->ndim, l->shape);
    for (run = 0; run < 4; run++) {
        ctx->no_simd = (uint32_t)run & 1;
        ctx->parallel = run & 2 ? test_backwards : NULL;
        bytes = q.bytes;
        s = (float *)test_exact(blocks * sizeof *s);
        z = (int32_t *)test_exact(blocks * sizeof *z);
        ints = test_exact(bytes);
        scale = test_view(SMASH_F32, s, l->ndim, count);
        zero = test_view(SMASH_I32, z, l->ndim, count);
        q.data = ints;
        CHECK_ERR(ctx, smash_quant_fit(ctx, &d, &w, &scale, &zero), SMASH_OK, "%s", l->name);
        for (bad = i = 0; i < blocks; i++) bad += bits_of(s[i]) != bits_of(want_scale[i]) || z[i] != want_zero[i];
        CHECK(!bad, "%s, %u bits %s %s, %s, kind %d, run %d: %d parameters differ, such as %.9g %d for %.9g %d", l->name, bits, is_unsigned ? "uint" : "int",
              scheme ? "affine" : "symmetric", smash_dtype_name(from), kind, (int)run, (int)bad, (double)s[0], (int)z[0], (double)want_scale[0], (int)want_zero[0]);
        CHECK_ERR(ctx, smash_quantize(ctx, &d, &w, &scale, &zero, &q), SMASH_OK, "%s", l->name);
        CHECK_ERR(ctx, smash_dequantize(ctx, &d, &q, &scale, &zero, &x), SMASH_OK, "%s", l->name);
        CHECK_ERR(ctx, smash_quant_measure(ctx, &d, &w, &scale, &zero, &q, &stats), SMASH_OK, "%s", l->name);
        error2 = worst = a2 = b2 = ab = 0;
        memset(taken, 0, (size_t)(qmax - qmin + 1));
        for (bad = clipped = zeros = i = 0; i < n; i++) {
            size_t b = block_of(l, i);
            double v = number_at(from, data, i), t, got, should;
            if (from == SMASH_F64) t = (double)want_zero[b] + v / (double)want_scale[b];
            else {
                float f = (float)v / want_scale[b];
                f = (float)want_zero[b] + f;
                t = (double)f;
            }
            clipped += t <= qmin - 0.5 || t >= qmax + 0.5;
            want[i] = rounded(&d, t < qmin ? qmin : t > qmax ? qmax : t);
            y = (float)(want[i] - want_zero[b]) * want_scale[b];
            zeros += y == 0;
            taken[want[i] - qmin] = 1;
            a2 += (double)(float)v * (double)(float)v;
            b2 += (double)y * (double)y;
            ab += (double)(float)v * (double)y;
            got = number_at(from, back, i);
            switch (from) {                                         /* y as the destination holds it */
            case SMASH_F16:  should = (double)smash_f16_to_f32(smash_f32_to_f16(y)); break;
            case SMASH_BF16: should = (double)smash_bf16_to_f32(smash_f32_to_bf16(y)); break;
            default:         should = (double)y; break;
            }
            bad += int_at(to, ints, i) != want[i] || memcmp(&got, &should, sizeof got) != 0;
            v = (double)(float)(v - (double)y);
            error2 += v * v;
            if ((v < 0 ? -v : v) > worst) worst = v < 0 ? -v : v;
        }
        CHECK(!bad, "%s, %u bits %s %s, %s to %s, kind %d, run %d: %d integers differ", l->name, bits, is_unsigned ? "uint" : "int",
              scheme ? "affine" : "symmetric", smash_dtype_name(from), smash_dtype_name(to), kind, (int)run, (int)bad);
        if (smash_dtype_bits(to) < 8 && n * smash_dtype_bits(to) % 8)
            CHECK(((uint8_t *)ints)[bytes - 1] >> n * smash_dtype_bits(to) % 8 == 0, "%s: spare bits are not 0", l->name);
        /* sums of at most 640 squares in another order: 640 roundings of 2^-53 each */
        CHECK(stats.max_abs_error == worst && stats.saturated == clipped && stats.zeros == zeros &&
              stats.mse * (double)n >= error2 * (1 - 1e-12) && stats.mse * (double)n <= error2 * (1 + 1e-12),
              "%s, %u bits, %s, kind %d: mse %.17g for %.17g, max %.9g for %.9g, %d clipped for %d, %d zeros for %d", l->name, bits, smash_dtype_name(from), kind, stats.mse,
              error2 / (double)n, stats.max_abs_error, worst, (int)stats.saturated, (int)clipped, (int)stats.zeros, (int)zeros);
        for (dead = (size_t)(qmax - qmin + 1), i = 0; i <= (size_t)(qmax - qmin); i++) dead -= taken[i];
        if (bits > 8) dead = SIZE_MAX;                              /* too many to ask for */
        cosine = a2 == 0 && b2 == 0 ? 1 : a2 == 0 || b2 == 0 ? 0 : ab / (smash_sqrt(a2) * smash_sqrt(b2));
        CHECK(stats.dead == dead && stats.cosine >= cosine - 1e-12 && stats.cosine <= cosine + 1e-12 && stats.cosine <= 1, "%s, %u bits, %s, kind %d: %d dead levels for %d, cosine %.17g for %.17g",
              l->name, bits, smash_dtype_name(from), kind, (int)stats.dead, (int)dead, stats.cosine, cosine);
        free(s);
        free(z);
        free(ints);
    }
    ctx->parallel = NULL;
    ctx->no_simd = 0;
    free(back);
    free(data);
}

static void test_brute(smash_ctx *ctx)
{
    static const smash_dtype floats[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };
    uint64_t rng = 1;
    uint32_t bits, sign;
    size_t l, f;
    int kind = 0, scheme;
    for (bits = 1; bits <= 16; bits++)
        for (sign = bits == 1; sign < 2; sign++)
            for (scheme = 0; scheme < 2; scheme++)
                for (l = 0; l < COUNT_OF(layouts); l++)
                    for (f = 0; f < COUNT_OF(floats); f++, kind = (kind + 1) % 7) {
                        smash_quant_desc d = test_quant_desc(bits, sign, (smash_scheme)scheme);
                        check_case(ctx, &layouts[l], d, floats[f], smash_quant_dtype(&d), kind, &rng);
                        d.full_range = !sign && kind % 2;
                        d.rounding = kind % 3 ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
                        check_case(ctx, &layouts[l], d, floats[f], smash_quant_dtype(&d), kind, &rng);
                        check_case(ctx, &layouts[l], d, floats[f], smash_quant_dtype(&d), 6, &rng);
                        if (kind == 0) check_case(ctx, &layouts[l], d, floats[f], SMASH_I32, kind, &rng);
                        if (kind == 1 && bits < 16) check_case(ctx, &layouts[l], d, floats[f], SMASH_I16, kind, &rng);
                        if (kind == 2 && sign) check_case(ctx, &layouts[l], d, floats[f], SMASH_U16, kind, &rng);
                    }
}

/* Every tie of every grid: k + 1/2 goes to the even neighbour, or away from zero, whatever the zero point; the floats beside it go where they must. */
static void test_ties(smash_ctx *ctx)
{
    static const float scales[] = { 1.0f, 0.0078125f, 4096.0f };
    uint32_t bits, sign, way;
    size_t s;
    for (bits = 1; bits <= 16; bits++)
        for (sign = bits == 1; sign < 2; sign++)
            for (s = 0; s < COUNT_OF(scales); s++) for (way = 0; way < 8; way++) {
                smash_quant_desc d = test_quant_desc(bits, sign, SMASH_AFFINE);
                size_t n = ((size_t)1 << bits) + 3, one = 1, i, bad = 0;
                int32_t qmin, qmax, zero_value, *q = (int32_t *)test_exact(n * sizeof *q);
                float *x = (float *)test_exact(n * sizeof *x);
                smash_tensor w = test_view(SMASH_F32, x, 1, &n), ints = test_view(SMASH_I32, q, 1, &n), scale = test_view(SMASH_F32, &scales[s], 1, &one), zero;
                d.full_range = way & 1;
                d.rounding = way & 2 ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
                ctx->no_simd = way / 4;
                CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_OK, "%u bits", bits);
                CHECK(qmax - qmin == (int32_t)(1u << bits) - (sign || d.full_range ? 1 : 2), "%u bits, sign %u, way %u: %d..%d", bits, sign, way, (int)qmin, (int)qmax);
                zero_value = s == 2 ? qmax : (qmin + qmax) / 2 + (int32_t)s;
                zero = test_view(SMASH_I32, &zero_value, 1, &one);
                for (i = 0; i < n; i++) x[i] = ((float)(qmin - zero_value - 1 + (int32_t)i) + 0.5f) * scales[s];
                CHECK_ERR(ctx, smash_quantize(ctx, &d, &w, &scale, &zero, &ints), SMASH_OK, "%u bits", bits);
                for (i = 0; i < n; i++) {
                    int32_t low = qmin - 1 + (int32_t)i, even = low % 2 == 0 ? low : low + 1, to = d.rounding ? (low < 0 ? low : low + 1) : even;
                    bad += q[i] != (to < qmin ? qmin : to > qmax ? qmax : to);
                }
                CHECK(!bad, "%u bits, sign %u, scale %g, way %u: %d ties", bits, sign, (double)scales[s], way, (int)bad);
                if (s == 0 && !zero_value)
                    for (i = 0; i < 2; i++) {                       /* the floats next to each tie, both ways */
                        size_t j;
                        for (j = 0; j < n; j++) x[j] = float_of(bits_of((float)(qmin - 1 + (int32_t)j) + 0.5f) + (i ? 1u : 0xFFFFFFFFu));
                        CHECK_ERR(ctx, smash_quantize(ctx, &d, &w, &scale, &zero, &ints), SMASH_OK, "%u bits", bits);
                        for (j = 0; j < n; j++) {
                            int32_t want = half_even((double)x[j]);
                            bad += q[j] != (want < qmin ? qmin : want > qmax ? qmax : want);
                        }
                        CHECK(!bad, "%u bits, sign %u, way %u: %d beside ties", bits, sign, way, (int)bad);
                    }
                free(x);
                free(q);
            }
    ctx->no_simd = 0;
}

/* More than one chunk: threads in reverse, scalar kernels and one thread must write the same bytes. */
static void test_chunks(smash_ctx *ctx)
{
    static const struct { size_t shape[2]; int32_t block[2]; uint32_t bits; smash_dtype from; } rows[] = {
        { { 1, 200003 }, { -1, -1 }, 8, SMASH_F32 },   { { 1, 200003 }, { -1, -1 }, 4, SMASH_F32 },   { { 1, 200003 }, { -1, -1 }, 2, SMASH_F32 },
        { { 999, 211 }, { 1, -1 }, 8, SMASH_F32 },     { { 999, 211 }, { 1, -1 }, 3, SMASH_BF16 },    { { 999, 211 }, { 1, -1 }, 2, SMASH_F16 },
        { { 2000, 96 }, { 1, 32 }, 4, SMASH_F32 },     { { 2000, 96 }, { -1, 1 }, 4, SMASH_F32 },     { { 2000, 96 }, { 40, 24 }, 16, SMASH_F64 },
        { { 3, 70001 }, { 1, -1 }, 2, SMASH_F32 },     { { 40, 5000 }, { -1, 8 }, 8, SMASH_F32 },     { { 66, 1000 }, { 2, 1 }, 12, SMASH_F32 },
    };
    size_t r, i;
    for (r = 0; r < COUNT_OF(rows); r++) {
        size_t n = rows[r].shape[0] * rows[r].shape[1];
        uint64_t rng = 7, want = 0;
        void *data = test_exact(n * 8), *back = test_exact(n * 4), *ints = test_exact(n * 4);
        smash_quant_desc d = test_quant_desc(rows[r].bits, (uint32_t)r & 1, SMASH_AFFINE);
        smash_rounding rounding = r % 3 == 1 ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
        smash_tensor w = test_view(rows[r].from, data, 2, rows[r].shape), q = test_view(smash_quant_dtype(&d), ints, 2, rows[r].shape), x = test_view(SMASH_F32, back, 2, rows[r].shape), scale, zero;
        smash_grid grid;
        smash_quant_stats stats;
        smash_distance distance;
        static unsigned char taken[65536];
        size_t dead;
        int run;
        float *s;
        int32_t *z, qmin, qmax;
        d.grain = smash_grain_block(rows[r].block, 2);
        d.rounding = rounding;
        d.full_range = rounding;
        CHECK_ERR(ctx, smash_grid_make(ctx, &d.grain, &w, &grid), SMASH_OK, "row %d", (int)r);
        s = (float *)test_exact(grid.blocks * sizeof *s);
        z = (int32_t *)test_exact(grid.blocks * sizeof *z);
        scale = test_view(SMASH_F32, s, 2, grid.count);
        zero = test_view(SMASH_I32, z, 2, grid.count);
        for (i = 0; i < n; i++) set_number(rows[r].from, data, i, draw(&rng, i % 5 == 0 ? 6 : 0));
        for (run = 0; run < 4; run++) {
            smash_digest digest;
            ctx->no_simd = (uint32_t)run & 1;
            ctx->parallel = run & 2 ? test_backwards : NULL;
            CHECK_ERR(ctx, smash_quant_fit(ctx, &d, &w, &scale, &zero), SMASH_OK, "row %d", (int)r);
            CHECK_ERR(ctx, smash_quantize(ctx, &d, &w, &scale, &zero, &q), SMASH_OK, "row %d", (int)r);
            CHECK_ERR(ctx, smash_dequantize(ctx, &d, &q, &scale, &zero, &x), SMASH_OK, "row %d", (int)r);
            CHECK_ERR(ctx, smash_quant_measure(ctx, &d, &w, &scale, &zero, &q, &stats), SMASH_OK, "row %d", (int)r);
            CHECK_ERR(ctx, smash_tensor_distance(ctx, &w, &x, &distance), SMASH_OK, "row %d", (int)r);
            CHECK(stats.mse == distance.mse && stats.max_abs_error == distance.max_abs_error && stats.snr_db == distance.snr_db && stats.cosine == distance.cosine && stats.zeros == distance.zeros_b,
                  "row %d: %g %g %g against %g %g %g", (int)r, stats.mse, stats.max_abs_error, stats.snr_db, distance.mse, distance.max_abs_error, distance.snr_db);
            smash_quant_limits(ctx, &d, &qmin, &qmax);
            memset(taken, 0, sizeof taken);
            for (i = 0; i < n; i++) taken[int_at(q.dtype, ints, i) - qmin] = 1;
            for (dead = (size_t)(qmax - qmin + 1), i = 0; i <= (size_t)(qmax - qmin); i++) dead -= taken[i];
            CHECK(stats.dead == (d.bits > 8 ? SIZE_MAX : dead), "row %d: %d dead levels for %d", (int)r, (int)stats.dead, (int)dead);
            smash_digest_init(&digest);
            smash_digest_add(&digest, s, scale.bytes);
            smash_digest_add(&digest, z, zero.bytes);
            smash_digest_add(&digest, ints, q.bytes);
            smash_digest_add(&digest, back, x.bytes);
            smash_digest_add(&digest, &stats.saturated, sizeof stats.saturated);
            if (run == 0) want = smash_digest_end(&digest);
            CHECK(smash_digest_end(&digest) == want, "row %d, run %d", (int)r, run);
        }
        /* the same scales from a plain walk */
        for (i = 0; i < grid.blocks; i++) {
            float lo = 0, hi = 0, one_scale;
            int32_t one_zero;
            size_t a, b, row = i / grid.count[1] * grid.block[0], column = i % grid.count[1] * grid.block[1];
            for (a = row; a < row + grid.block[0]; a++)
                for (b = column; b < column + grid.block[1]; b++) {
                    float v = (float)number_at(rows[r].from, data, a * rows[r].shape[1] + b);
                    if (v < lo) lo = v;
                    if (v > hi) hi = v;
                }
            smash_quant_params(ctx, &d, lo, hi, &one_scale, &one_zero);
            if (bits_of(one_scale) != bits_of(s[i]) || one_zero != z[i]) break;
        }
        CHECK(i == grid.blocks, "row %d: block %d", (int)r, (int)i);
        ctx->parallel = NULL;
        ctx->no_simd = 0;
        free(data); free(back); free(ints); free(s); free(z);
    }
}

/* ---- limits, parameters, failures ---- */

static void test_limits(smash_ctx *ctx)
{
    static const struct { uint32_t bits, is_unsigned; int32_t qmin, qmax; smash_dtype dtype; } rows[] = {
        { 0, 0, -127, 127, SMASH_I8 },   { 0, 1, 0, 255, SMASH_U8 },     { 2, 0, -1, 1, SMASH_I2 },      { 2, 1, 0, 3, SMASH_U2 },
        { 3, 0, -3, 3, SMASH_I4 },       { 3, 1, 0, 7, SMASH_U4 },       { 4, 0, -7, 7, SMASH_I4 },      { 4, 1, 0, 15, SMASH_U4 },
        { 5, 0, -15, 15, SMASH_I8 },     { 8, 1, 0, 255, SMASH_U8 },     { 9, 0, -255, 255, SMASH_I16 }, { 9, 1, 0, 511, SMASH_U16 },
        { 16, 0, -32767, 32767, SMASH_I16 }, { 16, 1, 0, 65535, SMASH_U16 }, { 1, 1, 0, 1, SMASH_U2 },
    };
    static const uint32_t wrong[] = { 1, 17, 32, 0xFFFFFFFFu };
    smash_quant_desc d;
    int32_t qmin, qmax;
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        d = test_quant_desc(rows[i].bits, rows[i].is_unsigned, SMASH_SYMMETRIC);
        CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_OK, "row %d", (int)i);
        CHECK(qmin == rows[i].qmin && qmax == rows[i].qmax && smash_quant_dtype(&d) == rows[i].dtype, "row %d: %d..%d", (int)i, (int)qmin, (int)qmax);
    }
    for (i = 2; i <= 16; i++) {
        d = test_quant_desc((uint32_t)i, 0, SMASH_SYMMETRIC);
        d.full_range = 1;
        CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_OK, "%d bits, full", (int)i);
        CHECK(qmin == -(1 << (i - 1)) && qmax == (1 << (i - 1)) - 1, "%d bits, full: %d..%d", (int)i, (int)qmin, (int)qmax);
    }
    CHECK_ERR(ctx, smash_quant_limits(ctx, NULL, &qmin, &qmax), SMASH_OK, "NULL is the default");
    CHECK(qmin == -127 && qmax == 127 && smash_quant_dtype(NULL) == SMASH_I8, "int8 is the default");
    for (i = 0; i < COUNT_OF(wrong); i++) {
        d = test_quant_desc(wrong[i], 0, SMASH_SYMMETRIC);
        qmin = 77;
        CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_ERR_RANGE, "%u bits", wrong[i]);
        CHECK(ctx->index == wrong[i] && qmin == 77 && smash_quant_dtype(&d) == SMASH_DTYPE_NONE, "%u bits", wrong[i]);
    }
    d = test_quant_desc(1, 0, SMASH_SYMMETRIC);
    CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_ERR_RANGE, "int1");
    CHECK(!strcmp(ctx->message, "int1 has no number above 0, so there is no step to scale by; int2 has -1, 0 and 1, uint1 has 0 and 1"), "%s", ctx->message);
    d = test_quant_desc(17, 1, SMASH_SYMMETRIC);
    CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_ERR_RANGE, "uint17");
    CHECK(!strcmp(ctx->message, "17 bits asked for; a grid has 1 to 16, and 0 stands for 8"), "%s", ctx->message);
    d = test_quant_desc(8, 0, (smash_scheme)test_int(2));
    CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_ERR_ARG, "no such scheme");
    d = test_quant_desc(8, 0, SMASH_AFFINE);
    d.rounding = (smash_rounding)test_int(2);
    CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_ERR_ARG, "no such rounding");
    CHECK(!strcmp(ctx->message, "there is no rounding 2"), "%s", ctx->message);
    d = test_quant_desc(8, 0, SMASH_AFFINE);
    d.zero_end = 1;
    CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_ERR_ARG, "fence");
    CHECK_ERR(ctx, smash_quant_limits(ctx, NULL, NULL, &qmax), SMASH_ERR_ARG, "no place");
}

static void test_params(smash_ctx *ctx)
{
    /* scale as float bits, from numpy float32: np.float32(hi) / np.float32(steps) and so on */
    static const struct { uint32_t lo, hi, bits, is_unsigned; smash_scheme scheme; uint32_t scale; int32_t zero; } rows[] = {
        { 0x00000000u, 0x00000000u, 8, 0, SMASH_SYMMETRIC, 0x34000000u, 0 },       /* all zero: FLT_EPSILON */
        { 0x00000000u, 0x00000000u, 8, 1, SMASH_SYMMETRIC, 0x34000000u, 128 },
        { 0x00000000u, 0x00000000u, 8, 0, SMASH_AFFINE,    0x34000000u, -127 },
        { 0x80000000u, 0x80000000u, 8, 1, SMASH_AFFINE,    0x34000000u, 0 },       /* -0 */
        { 0x80000001u, 0x00000001u, 8, 1, SMASH_AFFINE,    0x34000000u, 0 },       /* denormals */
        { 0x3F800000u, 0x40000000u, 8, 1, SMASH_AFFINE,    0x3C008081u, 0 },       /* 1..2 becomes 0..2 */
        { 0xC0000000u, 0xBF800000u, 8, 1, SMASH_AFFINE,    0x3C008081u, 255 },     /* -2..-1 becomes -2..0 */
        { 0xFF7FFFFFu, 0x7F7FFFFFu, 8, 0, SMASH_SYMMETRIC, 0x7C010203u, 0 },       /* the largest floats: FLT_MAX / 127 */
        { 0xFF7FFFFFu, 0x7F7FFFFFu, 8, 0, SMASH_AFFINE,    0x7C010203u, 0 },       /* hi - lo is beyond float */
        { 0xFF7FFFFFu, 0x7F7FFFFFu, 2, 0, SMASH_AFFINE,    0x7F7FFFFFu, 0 },
        { 0xFF7FFFFFu, 0x7F7FFFFFu, 2, 0, SMASH_SYMMETRIC, 0x7F7FFFFFu, 0 },
    };
    size_t i;
    float scale = 5;
    int32_t zero = 6;
    smash_quant_desc d = SMASH_ZERO;
    for (i = 0; i < COUNT_OF(rows); i++) {
        d = test_quant_desc(rows[i].bits, rows[i].is_unsigned, rows[i].scheme);
        CHECK_ERR(ctx, smash_quant_params(ctx, &d, float_of(rows[i].lo), float_of(rows[i].hi), &scale, &zero), SMASH_OK, "row %d", (int)i);
        CHECK(bits_of(scale) == rows[i].scale && zero == rows[i].zero, "row %d: %.9g (0x%08X) %d", (int)i, (double)scale, (unsigned)bits_of(scale), (int)zero);
    }
    scale = 5;
    zero = 6;
    CHECK_ERR(ctx, smash_quant_params(ctx, NULL, 1.0f, -1.0f, &scale, &zero), SMASH_ERR_ARG, "lo above hi");
    CHECK_ERR(ctx, smash_quant_params(ctx, NULL, float_of(NOT_A_NUMBER), 1.0f, &scale, &zero), SMASH_ERR_NONFINITE, "NaN");
    CHECK_ERR(ctx, smash_quant_params(ctx, NULL, 0.0f, float_of(INF), &scale, &zero), SMASH_ERR_NONFINITE, "Inf");
    CHECK_ERR(ctx, smash_quant_params(ctx, NULL, 0.0f, 1.0f, NULL, &zero), SMASH_ERR_ARG, "no scale");
    CHECK_ERR(ctx, smash_quant_params(ctx, NULL, 0.0f, 1.0f, &scale, NULL), SMASH_ERR_ARG, "no zero");
    CHECK(smash_quant_params(NULL, NULL, 0.0f, float_of(INF), &scale, &zero) == SMASH_ERR_NONFINITE, "no ctx");
    d = test_quant_desc(1, 0, SMASH_SYMMETRIC);
    CHECK_ERR(ctx, smash_quant_params(ctx, &d, 0.0f, 1.0f, &scale, &zero), SMASH_ERR_RANGE, "1 bit");
    CHECK(scale == 5 && zero == 6, "outputs were touched");
}

/* Each row spoils one thing of a good call of 4 x 6 numbers with one scale per row. */
static void test_errors(smash_ctx *ctx)
{
    enum { GOOD, NO_W, NO_SCALE, NO_Q, INT_W, SHAPE_Q, SHAPE_SCALE, SHAPE_ZERO, RANK, SMALL_Q, CONST_OUT, DEVICE, MISALIGNED, ALIAS, ALIAS_SCALE, FENCE, BITS, SCHEME, GRAIN,
           SCALE_ZERO, SCALE_NEGATIVE, SCALE_NAN, SCALE_INF, ZERO_LOW, ZERO_HIGH, ZERO_I16, ZERO_F32, ZERO_NAN, ZERO_INF, Q_NARROW, Q_FLOAT, Q_I64, EMPTY, OVERFLOW, NULL_ZERO, ROWS };
    static const struct { const char *name; smash_err fit, quantize, dequantize; } rows[ROWS] = {
        { "good", SMASH_OK, SMASH_OK, SMASH_OK },
        { "no w", SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "no scale", SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "no q", SMASH_OK, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "w of integers", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE, SMASH_ERR_DTYPE },
        { "shape of q", SMASH_OK, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "shape of scale", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "shape of zero", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "9 dims", SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "buffers too small", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "constant output", SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "device", SMASH_ERR_DEVICE, SMASH_ERR_DEVICE, SMASH_ERR_DEVICE },
        { "misaligned", SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "alias", SMASH_OK, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "alias of scale", SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "fence", SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "bits", SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "scheme", SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "granularity", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "scale 0", SMASH_OK, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "scale < 0", SMASH_OK, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "scale NaN", SMASH_OK, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "scale Inf", SMASH_OK, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "zero point low", SMASH_OK, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "zero point high", SMASH_OK, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "zero point i16", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE, SMASH_ERR_DTYPE },
        { "zero point f32", SMASH_ERR_DTYPE, SMASH_OK, SMASH_OK },
        { "zero point NaN", SMASH_ERR_DTYPE, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "zero point -Inf", SMASH_ERR_DTYPE, SMASH_ERR_RANGE, SMASH_ERR_RANGE },
        { "q too narrow", SMASH_OK, SMASH_ERR_DTYPE, SMASH_OK },
        { "q float", SMASH_OK, SMASH_ERR_DTYPE, SMASH_ERR_DTYPE },
        { "q i64", SMASH_OK, SMASH_ERR_DTYPE, SMASH_ERR_DTYPE },
        { "empty", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "overflow", SMASH_ERR_OVERFLOW, SMASH_ERR_OVERFLOW, SMASH_ERR_OVERFLOW },
        { "no zero points", SMASH_OK, SMASH_OK, SMASH_OK },
    };
    static const size_t shape[2] = { 4, 6 }, other[2] = { 6, 4 }, grid[2] = { 4, 1 }, empty[2] = { 4, 0 }, huge[2] = { SIZE_MAX / 2, 3 };
    int row, call;
    for (row = 0; row < ROWS; row++)
        for (call = 0; call < 4; call++) {
            double space[64];
            float x[24], s[4];
            int32_t z[4];
            uint32_t before[2];
            size_t i;
            int8_t *ints = (int8_t *)space + 256;
            smash_quant_desc d = SMASH_ZERO;
            smash_quant_stats stats = { 1, 2, 3, 4, 5, 6, 7 };
            smash_tensor w, q, scale, zero;
            smash_err want = call == 0 ? rows[row].fit : call == 1 ? rows[row].quantize : rows[row].dequantize;
            memset(space, 0, sizeof space);
            for (i = 0; i < 24; i++) x[i] = (float)i;
            for (i = 0; i < 4; i++) { s[i] = 0.25f; z[i] = 0; }
            d.grain = smash_grain_out_channel();
            w = test_view(SMASH_F32, x, 2, shape);
            q = test_view(SMASH_I8, ints, 2, shape);
            scale = test_view(SMASH_F32, s, 2, grid);
            zero = test_view(SMASH_I32, z, 2, grid);
            switch (row) {
            case INT_W: w.dtype = SMASH_I32; break;
            case SHAPE_Q: q = test_view(SMASH_I8, ints, 2, other); break;
            case SHAPE_SCALE: scale = test_view(SMASH_F32, s, 1, grid); break;
            case SHAPE_ZERO: zero = test_view(SMASH_I32, z, 1, grid); break;
            case RANK: w.ndim = 9; break;
            case SMALL_Q: if (call == 0) scale.bytes--; else if (call == 1) q.bytes--; else w.bytes--; break;
            case CONST_OUT: if (call == 3) continue; if (call == 0) scale.flags = SMASH_TENSOR_CONST; else if (call == 1) q.flags = SMASH_TENSOR_CONST; else w.flags = SMASH_TENSOR_CONST; break;
            case DEVICE: w.flags = SMASH_TENSOR_DEVICE; break;
            case MISALIGNED: w.data = (char *)space + 2; break;
            case ALIAS: if (call == 3) continue; q.data = x; break;
            case ALIAS_SCALE: if (call == 3) continue; scale.data = call == 1 ? (void *)(ints + 8) : (void *)(x + 2); for (i = 0; i < 4; i++) ((float *)scale.data)[i] = 1; break;
            case FENCE: d.zero_begin = 1; break;
            case BITS: d.bits = 17; break;
            case SCHEME: d.scheme = (smash_scheme)test_int(7); break;
            case GRAIN: d.grain = smash_grain_axis(2); break;
            case SCALE_ZERO: s[3] = 0; break;
            case SCALE_NEGATIVE: s[3] = -1; break;
            case SCALE_NAN: s[3] = float_of(NOT_A_NUMBER); break;
            case SCALE_INF: s[3] = float_of(INF); break;
            case ZERO_LOW: z[3] = -128; break;
            case ZERO_HIGH: z[3] = 128; break;
            case ZERO_I16: zero.dtype = SMASH_I16; break;
            case ZERO_F32: case ZERO_NAN: case ZERO_INF: {
                const uint32_t bits[3] = { 0x42C8E000u, NOT_A_NUMBER, INF | 0x80000000u };      /* 100.4375 */
                zero.dtype = SMASH_F32;
                memcpy(&z[3], &bits[row - ZERO_F32], sizeof *bits);
                break;
            }
            case Q_NARROW: q = test_view(SMASH_I4, ints, 2, shape); break;
            case Q_FLOAT: q.dtype = SMASH_F32; break;
            case Q_I64: q = test_view(SMASH_I64, (int64_t *)space + 32, 2, shape); break;
            case EMPTY: w = test_view(SMASH_F32, x, 2, empty); q = test_view(SMASH_I8, ints, 2, empty); break;
            case OVERFLOW: w.shape[0] = huge[0]; w.shape[1] = huge[1]; break;
            default: break;
            }
            memcpy(before, x, sizeof before);
            if (call == 0) CHECK_ERR(ctx, smash_quant_fit(ctx, &d, row == NO_W ? NULL : &w, row == NO_SCALE ? NULL : &scale, row == NULL_ZERO ? NULL : &zero), want, "%s", rows[row].name);
            if (call == 1) CHECK_ERR(ctx, smash_quantize(ctx, &d, row == NO_W ? NULL : &w, row == NO_SCALE ? NULL : &scale, row == NULL_ZERO ? NULL : &zero, row == NO_Q ? NULL : &q), want, "%s", rows[row].name);
            if (call == 2) CHECK_ERR(ctx, smash_dequantize(ctx, &d, row == NO_Q ? NULL : &q, row == NO_SCALE ? NULL : &scale, row == NULL_ZERO ? NULL : &zero, row == NO_W ? NULL : &w), want, "%s", rows[row].name);
            if (call == 3) CHECK_ERR(ctx, smash_quant_measure(ctx, &d, row == NO_W ? NULL : &w, row == NO_SCALE ? NULL : &scale, row == NULL_ZERO ? NULL : &zero, row == NO_Q ? NULL : &q, &stats), want, "%s", rows[row].name);
            if (want) {
                CHECK(ctx->message[0] && ctx->where, "%s: no message", rows[row].name);
                if (want == SMASH_ERR_RANGE && row != BITS) CHECK(ctx->index == 3, "%s: index %d", rows[row].name, (int)ctx->index);
                for (i = 0; i < 24; i++) if (row != ALIAS_SCALE) CHECK(x[i] == (float)i && (row == ALIAS || ints[i] == 0), "%s, call %d: output %d was touched", rows[row].name, call, (int)i);
                if (call == 0) for (i = 0; i < 3; i++) CHECK(s[i] == 0.25f && z[i] == 0, "%s: scale %d was touched", rows[row].name, (int)i);
                CHECK(stats.mse == 1 && stats.saturated == 5 && stats.dead == 7, "%s: stats were touched", rows[row].name);
            }
        }
    {
        smash_quant_desc d = SMASH_ZERO;
        float x[2] = { 1, 2 }, s;
        size_t two = 2, one = 1;
        smash_tensor w = test_view(SMASH_F32, x, 1, &two), scale = test_view(SMASH_F32, &s, 1, &one);
        d.scheme = SMASH_AFFINE;
        CHECK_ERR(ctx, smash_quant_fit(ctx, &d, &w, &scale, NULL), SMASH_ERR_ARG, "affine needs zero points");
        CHECK_ERR(ctx, smash_quant_measure(ctx, NULL, &w, &scale, NULL, &w, NULL), SMASH_ERR_ARG, "no place for stats");
    }
}

/* Dead levels and cosine where they can be told by hand; integers as they may stand in a file, outside the grid, too. */
static void test_dead(smash_ctx *ctx)
{
    static const struct { const char *name; uint32_t bits, is_unsigned; smash_dtype to; size_t n; float w[5]; int32_t q[5]; size_t dead; double cosine; } rows[] = {
        { "all zero", 8, 0, SMASH_I8, 5, { 0, 0, 0, 0, 0 }, { 0, 0, 0, 0, 0 }, 254, 1 },
        { "one number", 8, 0, SMASH_I8, 1, { 3, 0, 0, 0, 0 }, { 3, 0, 0, 0, 0 }, 254, 1 },
        { "zeros from what is not", 8, 0, SMASH_I8, 2, { 0.25f, 0.25f, 0, 0, 0 }, { 0, 0, 0, 0, 0 }, 254, 0 },
        { "turned round", 8, 0, SMASH_I8, 2, { 1, -2, 0, 0, 0 }, { -1, 2, 0, 0, 0 }, 253, -1 },
        { "at right angles", 8, 0, SMASH_I8, 2, { 1, 1, 0, 0, 0 }, { 1, -1, 0, 0, 0 }, 253, 0 },
        { "outside the grid", 8, 0, SMASH_I8, 2, { -128, 127, 0, 0, 0 }, { -128, 127, 0, 0, 0 }, 254, 1 },
        { "all of them", 2, 0, SMASH_I2, 5, { -1, 0, 1, 1, 1 }, { -1, 0, 1, 1, 1 }, 0, 1 },
        { "last number of an odd byte", 2, 0, SMASH_I2, 5, { 1, 1, 1, 1, -1 }, { 1, 1, 1, 1, -1 }, 1, 1 },
        { "spare bits", 4, 1, SMASH_U4, 3, { 1, 1, 15, 0, 0 }, { 1, 1, 15, 0, 0 }, 14, 1 },
        { "3 bits in 4", 3, 0, SMASH_I4, 3, { -3, 3, 2, 0, 0 }, { -3, 3, 2, 0, 0 }, 4, 1 },
        { "uint1", 1, 1, SMASH_U2, 3, { 1, 1, 1, 0, 0 }, { 1, 1, 1, 0, 0 }, 1, 1 },
        { "4 bits in I16", 4, 0, SMASH_I16, 3, { -7, 7, 300, 0, 0 }, { -7, 7, 300, 0, 0 }, 13, 1 },
        { "8 bits in I32", 8, 1, SMASH_I32, 3, { 0, 255, 65536, 0, 0 }, { 0, 255, 65536, 0, 0 }, 254, 1 },
        { "9 bits", 9, 0, SMASH_I16, 3, { 1, 2, 3, 0, 0 }, { 1, 2, 3, 0, 0 }, SIZE_MAX, 1 },
    };
    static const size_t one[1] = { 1 };
    size_t r;
    for (r = 0; r < COUNT_OF(rows); r++) {
        smash_quant_desc d = test_quant_desc(rows[r].bits, rows[r].is_unsigned, SMASH_SYMMETRIC);
        float step = 1, w[5];
        int32_t none = 0, wide[5];
        unsigned char ints[32];
        smash_quant_stats stats;
        smash_tensor x = test_view(SMASH_F32, w, 1, &rows[r].n), from = test_view(SMASH_I32, wide, 1, &rows[r].n), q = test_view(rows[r].to, ints, 1, &rows[r].n),
                     scale = test_view(SMASH_F32, &step, 1, one), zero = test_view(SMASH_I32, &none, 1, one);
        memcpy(w, rows[r].w, sizeof w);
        memcpy(wide, rows[r].q, sizeof wide);
        CHECK_ERR(ctx, smash_tensor_convert(ctx, &from, &q), SMASH_OK, "%s", rows[r].name);
        CHECK_ERR(ctx, smash_quant_measure(ctx, &d, &x, &scale, &zero, &q, &stats), SMASH_OK, "%s", rows[r].name);
        CHECK(stats.dead == rows[r].dead, "%s: %d dead levels for %d", rows[r].name, (int)stats.dead, (int)rows[r].dead);
        CHECK(stats.cosine >= rows[r].cosine - 1e-15 && stats.cosine <= rows[r].cosine + 1e-15, "%s: cosine %.17g for %g", rows[r].name, stats.cosine, rows[r].cosine);
    }
}

/* Without zero points: 0 for int and affine, the middle for symmetric uint. */
static void test_no_zero(smash_ctx *ctx)
{
    static const struct { uint32_t is_unsigned; smash_scheme scheme; int32_t zero; } rows[] = {
        { 0, SMASH_SYMMETRIC, 0 }, { 1, SMASH_SYMMETRIC, 128 }, { 0, SMASH_AFFINE, 0 }, { 1, SMASH_AFFINE, 0 },
    };
    size_t r, n = 5, one = 1;
    for (r = 0; r < COUNT_OF(rows); r++) {
        smash_quant_desc d = test_quant_desc(8, rows[r].is_unsigned, rows[r].scheme);
        float x[5] = { -1, -0.5f, 0, 0.5f, 1 }, y[2][5], s = 0.01f;
        int16_t q[2][5];
        smash_tensor w = test_view(SMASH_F32, x, 1, &n), scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(SMASH_I32, &rows[r].zero, 1, &one), a, b;
        a = test_view(SMASH_I16, q[0], 1, &n);
        b = test_view(SMASH_I16, q[1], 1, &n);
        CHECK_ERR(ctx, smash_quantize(ctx, &d, &w, &scale, &zero, &a), SMASH_OK, "row %d", (int)r);
        CHECK_ERR(ctx, smash_quantize(ctx, &d, &w, &scale, NULL, &b), SMASH_OK, "row %d", (int)r);
        CHECK(!memcmp(q[0], q[1], sizeof q[0]), "row %d", (int)r);
        w.data = y[0];
        CHECK_ERR(ctx, smash_dequantize(ctx, &d, &a, &scale, &zero, &w), SMASH_OK, "row %d", (int)r);
        w.data = y[1];
        CHECK_ERR(ctx, smash_dequantize(ctx, &d, &b, &scale, NULL, &w), SMASH_OK, "row %d", (int)r);
        CHECK(!memcmp(y[0], y[1], sizeof y[0]), "row %d", (int)r);
    }
}

static void test_nonfinite(smash_ctx *ctx)
{
    static const struct { size_t n, at; smash_dtype dtype; } rows[] = {
        { 1, 0, SMASH_F32 }, { 5, 4, SMASH_F32 }, { 64, 63, SMASH_F32 }, { 300, 0, SMASH_F32 }, { 300, 129, SMASH_F32 }, { 300, 299, SMASH_F32 }, { 70000, 65536, SMASH_F32 },
        { 33, 32, SMASH_F16 }, { 200, 101, SMASH_BF16 }, { 9, 3, SMASH_F64 }, { 70000, 69999, SMASH_F64 },
    };
    static const uint32_t values[] = { 0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFC00000u, 0x7F800001u, 0xFFFFFFFFu };
    size_t r, v, i, one = 1;
    int run;
    for (r = 0; r < COUNT_OF(rows); r++)
        for (v = 0; v < COUNT_OF(values); v++)
            for (run = 0; run < 4; run++) {
                size_t n = rows[r].n;
                void *data = test_exact(n * 8);
                int8_t *ints = (int8_t *)test_exact(n);
                float s = 0.5f;
                int32_t z = 0;
                smash_tensor w = test_view(rows[r].dtype, data, 1, &n), q = test_view(SMASH_I8, ints, 1, &n), scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(SMASH_I32, &z, 1, &one);
                for (i = 0; i < n; i++) set_number(rows[r].dtype, data, i, (double)(i % 7));
                if (rows[r].dtype == SMASH_F32) memcpy((float *)data + rows[r].at, &values[v], 4);
                else set_number(rows[r].dtype, data, rows[r].at, (double)float_of(values[v]));
                ctx->no_simd = (uint32_t)run & 1;
                ctx->parallel = run & 2 ? test_backwards : NULL;
                w.name = "fc.weight";
                CHECK_ERR(ctx, smash_quantize(ctx, NULL, &w, &scale, &zero, &q), SMASH_ERR_NONFINITE, "row %d", (int)r);
                CHECK(ctx->index == rows[r].at && strstr(ctx->message, "fc.weight"), "row %d: %s", (int)r, ctx->message);
                CHECK_ERR(ctx, smash_quant_fit(ctx, NULL, &w, &scale, &zero), SMASH_ERR_NONFINITE, "row %d", (int)r);
                CHECK(ctx->index == rows[r].at, "row %d: index %d", (int)r, (int)ctx->index);
                free(ints);
                free(data);
            }
    ctx->no_simd = 0;
    ctx->parallel = NULL;
    {   /* beside a NaN the range makes no sense, and nothing may be computed from it that overflows */
        size_t two = 2;
        float x[2] = { -1e30f, 0 }, s;
        int32_t z;
        smash_tensor w = test_view(SMASH_F32, x, 1, &two), scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(SMASH_I32, &z, 1, &one);
        smash_quant_desc affine = SMASH_ZERO;
        affine.scheme = SMASH_AFFINE;
        for (v = 0; v < COUNT_OF(values); v++) {
            x[1] = float_of(values[v]);
            CHECK_ERR(ctx, smash_quant_fit(ctx, &affine, &w, &scale, &zero), SMASH_ERR_NONFINITE, "value %d", (int)v);
        }
    }
    {   /* f64 beyond f32: no scale can be found, but a given scale clips it */
        static const double x[3] = { 1, -1e300, 2 };
        size_t three = 3;
        float s = 1e-30f;
        int8_t ints[3];
        int32_t z = 0;
        smash_tensor w = test_view(SMASH_F64, x, 1, &three), q = test_view(SMASH_I8, ints, 1, &three), scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(SMASH_I32, &z, 1, &one);
        CHECK_ERR(ctx, smash_quant_fit(ctx, NULL, &w, &scale, &zero), SMASH_ERR_NONFINITE, "1e300");
        CHECK(ctx->index == 1, "index %d", (int)ctx->index);
        s = 1e-30f;
        CHECK_ERR(ctx, smash_quantize(ctx, NULL, &w, &scale, NULL, &q), SMASH_OK, "1e300");
        CHECK(ints[0] == 127 && ints[1] == -127 && ints[2] == 127, "%d %d %d", ints[0], ints[1], ints[2]);
    }
}

/* Extremes of x and scale: quotients that overflow float stay within the grid. */
static void test_extremes(smash_ctx *ctx)
{
    static const uint32_t xs[] = { 0x7F7FFFFFu, 0xFF7FFFFFu, 0x00000001u, 0x80000001u, 0x00000000u, 0x80000000u, 0x4B000000u, 0xCB000001u };
    static const uint32_t scales[] = { 0x00000001u, 0x7F7FFFFFu, 0x3F800000u };
    static const int32_t want[3][8] = { { 127, -127, 1, -1, 0, 0, 127, -127 }, { 1, -1, 0, 0, 0, 0, 0, 0 }, { 127, -127, 0, 0, 0, 0, 127, -127 } };
    float x[40];
    int8_t ints[40];
    size_t s, i, n = 40, one = 1;
    for (i = 0; i < n; i++) x[i] = float_of(xs[i % 8]);
    for (s = 0; s < COUNT_OF(scales); s++) {
        float scale_value = float_of(scales[s]);
        smash_tensor w = test_view(SMASH_F32, x, 1, &n), q = test_view(SMASH_I8, ints, 1, &n), scale = test_view(SMASH_F32, &scale_value, 1, &one);
        CHECK_ERR(ctx, smash_quantize(ctx, NULL, &w, &scale, NULL, &q), SMASH_OK, "scale %d", (int)s);
        for (i = 0; i < n; i++) CHECK(ints[i] == want[s][i % 8], "scale %g, x %g: %d", (double)scale_value, (double)x[i], ints[i]);
    }
    {   /* int32 minus zero point needs 33 bits */
        static const int32_t big[3] = { INT32_MIN, INT32_MAX, 16777217 };
        smash_quant_desc d = test_quant_desc(8, 0, SMASH_AFFINE);
        size_t three = 3;
        int32_t z = 127;
        float s1 = 1, back[3];
        smash_tensor q = test_view(SMASH_I32, big, 1, &three), y = test_view(SMASH_F32, back, 1, &three), scale = test_view(SMASH_F32, &s1, 1, &one), zero = test_view(SMASH_I32, &z, 1, &one);
        CHECK_ERR(ctx, smash_dequantize(ctx, &d, &q, &scale, &zero, &y), SMASH_OK, "i32");
        CHECK(back[0] == -2147483648.0f && back[1] == 2147483520.0f && back[2] == 16777090.0f, "%g %g %g", (double)back[0], (double)back[1], (double)back[2]);
    }
    {   /* what a dtype cannot hold is Inf; what an 8-bit float has of NaN and Inf stays */
        static const struct { smash_dtype from, to; uint32_t scale; uint8_t q[2]; uint32_t want[2]; } rows[] = {
            { SMASH_I8, SMASH_F32, 0x7F000000u, { 2, 0xFE }, { 0x7F800000u, 0xFF800000u } }, { SMASH_I8, SMASH_F16, 0x47000000u, { 2, 0xFE }, { 0x7F800000u, 0xFF800000u } },
            { SMASH_F8_E4M3, SMASH_F32, 0x3F800000u, { 0x7F, 0x38 }, { 0x7FC00000u, 0x3F800000u } }, { SMASH_F8_E5M2, SMASH_F32, 0x3F800000u, { 0x7C, 0xFC }, { 0x7F800000u, 0xFF800000u } } };
        for (s = 0; s < COUNT_OF(rows); s++) {
            smash_quant_desc d = SMASH_ZERO;
            const size_t two = 2;
            double back[2];
            float scale_value = float_of(rows[s].scale);
            const smash_tensor q = test_view(rows[s].from, rows[s].q, 1, &two), y = test_view(rows[s].to, back, 1, &two), scale = test_view(SMASH_F32, &scale_value, 1, &one);
            if (rows[s].from != SMASH_I8) d.format = rows[s].from;
            CHECK_ERR(ctx, smash_dequantize(ctx, &d, &q, &scale, NULL, &y), SMASH_OK, "row %d", (int)s);
            for (i = 0; i < 2; i++) {
                const uint32_t got = bits_of((float)number_at(rows[s].to, back, i));
                CHECK(got == rows[s].want[i] || (got << 1 > 0xFF000000u && rows[s].want[i] << 1 > 0xFF000000u), "row %d: 0x%08X", (int)s, (unsigned)got);
            }
        }
    }
}

/* 32 MB of floats and more go past the caches: the same bytes, wherever they lie */
static void test_past(smash_ctx *ctx)
{
    static const struct { size_t shape[2]; int32_t block[2]; size_t shift; uint32_t bits; } rows[] = {
        { { 1, 8388609 }, { -1, -1 }, 0, 8 }, { { 2011, 4177 }, { 1, -1 }, 4, 8 }, { { 2011, 4177 }, { 1, -1 }, 1, 8 }, { { 2050, 4098 }, { 1, -1 }, 3, 4 },
    };
    size_t i, k, most = 0;
    uint8_t *q;
    float *x, *expected, *scales;
    for (i = 0; i < sizeof rows / sizeof *rows; i++) if (rows[i].shape[0] * rows[i].shape[1] > most) most = rows[i].shape[0] * rows[i].shape[1];
    q = (uint8_t *)malloc(most);
    x = (float *)malloc((most + 16) * sizeof *x);
    expected = (float *)malloc(most * sizeof *x);
    scales = (float *)malloc(4096 * sizeof *x);
    CHECK(q && x && expected && scales, "memory");
    if (q && x && expected && scales) {
        for (k = 0; k < most; k++) q[k] = (uint8_t)(k * 2654435761u >> 11);
        for (k = 0; k < 4096; k++) scales[k] = 0.001f * (float)(k + 1);
        for (i = 0; i < sizeof rows / sizeof *rows; i++) {
            const size_t n = rows[i].shape[0] * rows[i].shape[1], count[2] = { rows[i].block[0] < 0 ? 1 : rows[i].shape[0], 1 };
            smash_quant_desc d = SMASH_ZERO;
            float *at = x + rows[i].shift;
            smash_tensor from = smash_tensor_view(rows[i].bits == 8 ? SMASH_I8 : SMASH_I4, q, n * rows[i].bits / 8, 2, rows[i].shape), to = smash_tensor_view(SMASH_F32, at, n * 4, 2, rows[i].shape);
            smash_tensor scale = smash_tensor_view(SMASH_F32, scales, count[0] * 4, 2, count);
            d.bits = rows[i].bits;
            d.grain = smash_grain_block(rows[i].block, 2);
            at[n] = 77;
            CHECK_ERR(ctx, smash_dequantize(ctx, &d, &from, &scale, NULL, &to), SMASH_OK, "past");
            for (k = 0; k < n; k++) {
                const int b = q[k * rows[i].bits / 8] >> (rows[i].bits == 8 ? 0 : 4 * (k % 2)), half = 1 << (rows[i].bits - 1), v = ((b & (2 * half - 1)) ^ half) - half;
                expected[k] = (float)v * scales[count[0] == 1 ? 0 : k / rows[i].shape[1]];
            }
            CHECK(memcmp(at, expected, n * 4) == 0 && at[n] == 77, "row %lu", (unsigned long)i);
        }
    }
    free(q); free(x); free(expected); free(scales);
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_golden(&ctx);
    test_limits(&ctx);
    test_params(&ctx);
    test_brute(&ctx);
    test_ties(&ctx);
    test_chunks(&ctx);
    test_dead(&ctx);
    test_errors(&ctx);
    test_no_zero(&ctx);
    test_nonfinite(&ctx);
    test_extremes(&ctx);
    test_past(&ctx);
    return test_done();
}
