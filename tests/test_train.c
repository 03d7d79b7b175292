/* Trained quantizers and folding: against recordings of NNI v3, against central differences in double, and against the layers they fold. */
#include "../smash.h"
#include "test.h"
#include "golden/config_list_train.h"

static float float_of(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
static uint32_t bits_of(float x) { uint32_t u; memcpy(&u, &x, 4); return u; }
static const uint32_t INF = 0x7F800000u, NOT_A_NUMBER = 0x7FC00001u;
static double size_of(double x) { return x < 0 ? -x : x; }
static int near_to(double a, double b, double relative) { const double most = size_of(a) > size_of(b) ? size_of(a) : size_of(b); return size_of(a - b) <= relative * most + 1e-12; }
static void floats_of(const uint32_t *bits, float *x, size_t n) { size_t i; for (i = 0; i < n; i++) x[i] = float_of(bits[i]); }

static smash_quant_desc desc_of(uint32_t bits, uint32_t is_unsigned, smash_scheme scheme)
{
    smash_quant_desc d = SMASH_ZERO;
    d.bits = bits;
    d.is_unsigned = is_unsigned;
    d.scheme = scheme;
    return d;
}

static double uniform(uint64_t *rng) { return (double)(smash_random(rng) >> 11) / 9007199254740992.0 * 2 - 1; }

static smash_tensor row_of(const void *data, smash_dtype dtype, size_t n) { return test_view(dtype, data, 1, &n); }

/* ---- what NNI did ---- */

static void test_golden(smash_ctx *ctx)
{
    enum { N = 32 };
    float x[N], g[N], y[N], dx[N];
    const smash_tensor tx = row_of(x, SMASH_F32, N), tg = row_of(g, SMASH_F32, N), ty = row_of(y, SMASH_F32, N), tdx = row_of(dx, SMASH_F32, N);
    size_t i, j;
    for (i = 0; i < COUNT_OF(golden_lsq); i++) {
        const smash_quant_desc d = desc_of(golden_lsq[i].bits, golden_lsq[i].is_unsigned, SMASH_SYMMETRIC);
        float s = float_of(golden_lsq[i].scale), z = float_of(golden_lsq[i].zero);
        double ds = 0, dz = 0;
        const smash_tensor scale = row_of(&s, SMASH_F32, 1), zero = row_of(&z, SMASH_F32, 1), dscale = row_of(&ds, SMASH_F64, 1), dzero = row_of(&dz, SMASH_F64, 1);
        const smash_tensor *tz = golden_lsq[i].plus ? &zero : NULL, *tdz = golden_lsq[i].plus ? &dzero : NULL;
        floats_of(golden_lsq[i].x, x, N);
        floats_of(golden_lsq[i].gy, g, N);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, &d, &tx, &scale, tz, &ty), SMASH_OK, "row %d", (int)i);
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, &d, &tx, &scale, tz, &tg, &tdx, &dscale, tdz), SMASH_OK, "row %d", (int)i);
        for (j = 0; j < N; j++) {
            CHECK(bits_of(y[j]) == golden_lsq[i].y[j], "row %d, number %d: %.9g gave %.9g", (int)i, (int)j, (double)x[j], (double)y[j]);
            CHECK(bits_of(dx[j]) == golden_lsq[i].gx[j], "row %d, number %d: %.9g", (int)i, (int)j, (double)dx[j]);
        }
        CHECK(near_to(ds, (double)float_of(golden_lsq[i].gscale), 1e-5), "row %d: %.9g", (int)i, ds);
        CHECK(near_to(dz, (double)float_of(golden_lsq[i].gzero), 1e-5), "row %d: %.9g", (int)i, dz);
    }
    for (i = 0; i < COUNT_OF(golden_dorefa); i++) {
        const smash_quant_desc d = desc_of(golden_dorefa[i].bits, golden_dorefa[i].is_unsigned, SMASH_AFFINE);
        const smash_dorefa what = golden_dorefa[i].outputs ? SMASH_DOREFA_OUTPUTS : SMASH_DOREFA_WEIGHTS;
        floats_of(golden_dorefa[i].x, x, N);
        floats_of(golden_dorefa[i].gy, g, N);
        CHECK_ERR(ctx, smash_quant_dorefa(ctx, &d, what, &tx, &ty), SMASH_OK, "row %d", (int)i);
        CHECK_ERR(ctx, smash_quant_dorefa_backward(ctx, &d, what, &tx, &tg, &tdx), SMASH_OK, "row %d", (int)i);
        for (j = 0; j < N; j++) {
            CHECK(y[j] == float_of(golden_dorefa[i].y[j]), "row %d, number %d: %.9g gave %.9g", (int)i, (int)j, (double)x[j], (double)y[j]);
            CHECK(near_to((double)dx[j], (double)float_of(golden_dorefa[i].gx[j]), 1e-5), "row %d, number %d: %.9g", (int)i, (int)j, (double)dx[j]);
        }
    }
    for (i = 0; i < COUNT_OF(golden_bnn); i++) {
        floats_of(golden_bnn[i].x, x, N);
        floats_of(golden_bnn[i].gy, g, N);
        CHECK_ERR(ctx, smash_quant_bnn(ctx, &tx, &ty), SMASH_OK, "row %d", (int)i);
        CHECK_ERR(ctx, smash_quant_gate(ctx, -1, 1, &tx, &tg, &tdx), SMASH_OK, "row %d", (int)i);
        CHECK_ERR(ctx, smash_quant_clip(ctx, -1, 1, &tx, &tx), SMASH_OK, "row %d", (int)i);
        for (j = 0; j < N; j++) {
            const float was = float_of(golden_bnn[i].x[j]);
            CHECK(y[j] == float_of(golden_bnn[i].y[j]) && bits_of(dx[j]) == golden_bnn[i].gx[j], "row %d, number %d: %.9g, %.9g", (int)i, (int)j, (double)y[j], (double)dx[j]);
            CHECK(x[j] == (was > 1 ? 1 : was < -1 ? -1 : was), "row %d, number %d: %.9g", (int)i, (int)j, (double)x[j]);
        }
    }
}

/* x onto the grid of a target and back, of the recorded range; scales and zero points as recorded */
static void as_target(smash_ctx *ctx, const golden_target *t, float *x, uint32_t ndim, const size_t *shape, const int32_t *grain, size_t row)
{
    smash_quant_desc d = desc_of(t->bits, t->is_unsigned, t->affine ? SMASH_AFFINE : SMASH_SYMMETRIC);
    float scale[6];
    int32_t zero[6], ints[12];
    smash_tensor w = test_view(SMASH_F32, x, ndim, shape), q = test_view(SMASH_I32, ints, ndim, shape), ts, tz;
    smash_grid grid;
    size_t i;
    if (!t->quantized) return;
    if (grain) d.grain = smash_grain_block(grain, 2);
    for (i = 0; i < t->count; i++) {
        CHECK_ERR(ctx, smash_quant_params(ctx, &d, float_of(t->lo[i]), float_of(t->hi[i]), &scale[i], &zero[i]), SMASH_OK, "row %d", (int)row);
        CHECK(bits_of(scale[i]) == t->scale[i] && zero[i] == t->zero[i], "row %d: scale %.9g, zero %d", (int)row, (double)scale[i], (int)zero[i]);
    }
    CHECK_ERR(ctx, smash_grid_make(ctx, &d.grain, &w, &grid), SMASH_OK, "row %d", (int)row);
    ts = test_view(SMASH_F32, scale, grid.ndim, grid.count);
    tz = test_view(SMASH_I32, zero, grid.ndim, grid.count);
    CHECK_ERR(ctx, smash_quantize(ctx, &d, &w, &ts, &tz, &q), SMASH_OK, "row %d", (int)row);
    CHECK_ERR(ctx, smash_dequantize(ctx, &d, &q, &ts, &tz, &w), SMASH_OK, "row %d", (int)row);
}

static void linear(const float *w, const float *b, const float *x, float *y)
{
    size_t r, o, k;
    for (r = 0; r < 2; r++)
        for (o = 0; o < 3; o++) {
            double sum = (double)b[o];
            for (k = 0; k < 4; k++) sum += (double)x[r * 4 + k] * (double)w[o * 4 + k];
            y[r * 3 + o] = (float)sum;
        }
}

static void test_linear(smash_ctx *ctx)
{
    static const size_t ws[2] = { 3, 4 }, xs[2] = { 2, 4 }, ys[2] = { 2, 3 };
    size_t i, j, k;
    for (i = 0; i < COUNT_OF(golden_linear); i++) {
        float w[12], b[3], x[8], y[6], lo[2] = { 0, 0 }, hi[2] = { 0, 0 };
        floats_of(golden_linear[i].w, w, 12);
        floats_of(golden_linear[i].b, b, 3);
        for (j = 0; j < 3; j++) {                                   /* ranges are seen on floats everywhere */
            floats_of(golden_linear[i].x[j], x, 8);
            linear(w, b, x, y);
            for (k = 0; k < 8; k++) { if (x[k] < lo[0]) lo[0] = x[k]; if (x[k] > hi[0]) hi[0] = x[k]; }
            for (k = 0; k < 6; k++) { if (y[k] < lo[1]) lo[1] = y[k]; if (y[k] > hi[1]) hi[1] = y[k]; }
        }
        if (golden_linear[i].input.quantized) CHECK(bits_of(lo[0]) == golden_linear[i].input.lo[0] && bits_of(hi[0]) == golden_linear[i].input.hi[0], "row %d", (int)i);
        if (golden_linear[i].output.quantized)
            CHECK(near_to((double)lo[1], (double)float_of(golden_linear[i].output.lo[0]), 1e-5) && near_to((double)hi[1], (double)float_of(golden_linear[i].output.hi[0]), 1e-5), "row %d", (int)i);
        floats_of(golden_linear[i].x[0], x, 8);
        as_target(ctx, &golden_linear[i].input, x, 2, xs, NULL, i);
        as_target(ctx, &golden_linear[i].weight, w, 2, ws, golden_linear[i].grain, i);
        linear(w, b, x, y);
        as_target(ctx, &golden_linear[i].output, y, 2, ys, NULL, i);
        for (j = 0; j < 6; j++) CHECK(near_to((double)y[j], (double)float_of(golden_linear[i].y[j]), 1e-5), "row %d, number %d: %.9g", (int)i, (int)j, (double)y[j]);
    }
}

/* ---- LSQ ---- */

/* What LSQ takes for its derivative: rounding moves a number by a constant. u0: where it was rounded */
static double smooth(double x, double s, double z, double u0, double low, double high)
{
    const double moved = (double)smash_round_half_even_f64(u0) - u0;
    if (u0 < low) return (low - z) * s;
    if (u0 > high) return (high - z) * s;
    return (x / s + z + moved - z) * s;
}

static size_t block_of(const size_t at[3], const size_t shape[3], const int32_t block[3])
{
    size_t i, b = 0;
    for (i = 0; i < 3; i++) {
        const size_t size = block[i] < 0 ? shape[i] : (size_t)block[i];
        b = b * (shape[i] / size) + at[i] / size;
    }
    return b;
}

static void test_lsq(smash_ctx *ctx)
{
    enum { N = 4 * 3 * 35 };
    static const size_t shape[3] = { 4, 3, 35 };
    static const int32_t blocks[][3] = { { -1, -1, -1 }, { 1, -1, -1 }, { -1, 1, -1 }, { -1, -1, 1 }, { 2, 1, 7 }, { 1, 1, 1 }, { 2, -1, 5 } };
    static const struct { uint32_t bits, is_unsigned; } grids[] = { { 8, 0 }, { 2, 0 }, { 4, 1 }, { 16, 1 } };
    static const smash_dtype dtypes[] = { SMASH_F32, SMASH_F16, SMASH_BF16 };
    static float x[N], g[N], y[N], dx[N], s[N], z[N];
    static double ds[N], dz[N], want_s[N], want_z[N];
    static float ds32[N], start[N], most[N], least[N];
    static double sum[N];
    static uint16_t half[5][N];
    size_t b, k, i, way, dt;
    uint64_t rng = 5;
    for (b = 0; b < COUNT_OF(blocks); b++) for (k = 0; k < COUNT_OF(grids); k++) for (way = 0; way < 2; way++) for (dt = 0; dt < COUNT_OF(dtypes); dt++) {
        const int plus = (int)way;
        const smash_dtype type = dtypes[dt];
        smash_quant_desc d = desc_of(grids[k].bits, grids[k].is_unsigned, SMASH_SYMMETRIC);
        int32_t qmin, qmax;
        smash_grid grid;
        smash_tensor tx = test_view(SMASH_F32, x, 3, shape), tg = tx, ty = tx, tdx = tx, wide, ts, tz, tds, tdz;
        const smash_tensor *pz = plus ? &tz : NULL, *pdz = plus ? &tdz : NULL;
        double low, high, gamma = 1;
        d.grain = smash_grain_block(blocks[b], 3);
        smash_grid_make(NULL, &d.grain, &tx, &grid);
        smash_quant_limits(NULL, &d, &qmin, &qmax);
        low = qmin;
        high = qmax;
        for (i = 0; i < N; i++) {
            x[i] = (float)(uniform(&rng) * 3);
            g[i] = (float)uniform(&rng);
            s[i] = (float)(4.0 / (high - low) * (1.2 + uniform(&rng)));
            z[i] = plus ? (float)((low + high) / 2 + uniform(&rng) * (high - low) * 0.3) : 0;
            ds[i] = dz[i] = want_s[i] = want_z[i] = -7;
        }
        tg.data = g;
        ty.data = y;
        tdx.data = dx;
        if (type != SMASH_F32) {                                    /* the same numbers, as halves */
            smash_tensor h[4];
            const smash_tensor from[2] = { tx, tg };
            for (i = 0; i < 4; i++) h[i] = test_view(type, half[i], 3, shape);
            for (i = 0; i < 2; i++) { smash_tensor_convert(NULL, &from[i], &h[i]); smash_tensor_convert(NULL, &h[i], &from[i]); }
            tx = h[0]; tg = h[1]; ty = h[2]; tdx = h[3];
        }
        ts = test_view(SMASH_F32, s, 3, grid.count);
        tz = test_view(SMASH_F32, z, 3, grid.count);
        tds = test_view(SMASH_F64, ds, 3, grid.count);
        tdz = test_view(SMASH_F64, dz, 3, grid.count);
        for (i = 0; i < grid.blocks; i++) { want_s[i] = want_z[i] = sum[i] = 0; most[i] = least[i] = 0; }
        { double a = 1, n = high * N; int t; for (t = 0; t < 200; t++) a = 0.5 * (a + n / a); gamma = 1 / a; }
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, &d, &tx, &ts, pz, &tg, &tdx, &tds, pdz), SMASH_OK, "block %d, grid %d, way %d", (int)b, (int)k, (int)way);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, &d, &tx, &ts, pz, &ty), SMASH_OK, "block %d, grid %d, way %d", (int)b, (int)k, (int)way);
        for (i = 0; i < 2 && type != SMASH_F32; i++) {
            wide = test_view(SMASH_F32, i ? dx : y, 3, shape);
            smash_tensor_convert(NULL, i ? &tdx : &ty, &wide);
        }
        for (i = 0; i < N; i++) {
            const size_t at[3] = { i / 105, i / 35 % 3, i % 35 }, bl = block_of(at, shape, blocks[b]);
            const float ratio = x[i] / s[bl];
            float u = ratio + z[bl], want, q;
            const double e = 1e-4, u0 = (double)u, S = (double)s[bl], Z = (double)z[bl], X = (double)x[i];
            const double slope_s = (smooth(X, S * (1 + e), Z, u0, low, high) - smooth(X, S * (1 - e), Z, u0, low, high)) / (2 * e * S);
            const double slope_z = (smooth(X, S, Z + e, u0, low, high) - smooth(X, S, Z - e, u0, low, high)) / (2 * e);
            const double slope_x = (smooth(X + e * S, S, Z, u0, low, high) - smooth(X - e * S, S, Z, u0, low, high)) / (2 * e * S);
            want_s[bl] += (double)g[i] * slope_s;
            want_z[bl] += (double)g[i] * slope_z;
            sum[bl] += size_of(X);
            if (x[i] > most[bl]) most[bl] = x[i];
            if (x[i] < least[bl]) least[bl] = x[i];
            q = (float)smash_round_half_even(u < (float)qmin ? (float)qmin : u > (float)qmax ? (float)qmax : u);
            want = (q - z[bl]) * s[bl];
            if (type == SMASH_F16) want = smash_f16_to_f32(smash_f32_to_f16(want));
            if (type == SMASH_BF16) want = smash_bf16_to_f32(smash_f32_to_bf16(want));
            CHECK(y[i] == want, "block %d, grid %d, way %d, number %d: %.9g, not %.9g", (int)b, (int)k, (int)way, (int)i, (double)y[i], (double)want);
            CHECK(size_of((double)dx[i] - (double)g[i] * slope_x) < 1e-6, "block %d, grid %d, way %d, number %d: %.9g", (int)b, (int)k, (int)way, (int)i, (double)dx[i]);
        }
        for (i = 0; i < grid.blocks; i++) {
            /* the scale's slope also moves u / s where it is not rounded anew: its error is that of a float ratio, times the numbers */
            const double room = 2e-6 * high * (double)grid.block_elements;
            CHECK(size_of(ds[i] - gamma * want_s[i]) <= gamma * room, "block %d, grid %d, way %d: scale %d: %.9g, not %.9g", (int)b, (int)k, (int)way, (int)i, ds[i], gamma * want_s[i]);
            if (plus) CHECK(size_of(dz[i] - want_z[i]) <= 1e-7 * (1 + size_of(want_z[i])), "block %d, grid %d, way %d: zero %d: %.9g, not %.9g", (int)b, (int)k, (int)way, (int)i, dz[i], want_z[i]);
        }
        tds = test_view(SMASH_F32, ds32, 3, grid.count);            /* the same sums, as floats */
        if (!plus) {
            CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, &d, &tx, &ts, NULL, &tg, &tdx, &tds, NULL), SMASH_OK, "f32");
            for (i = 0; i < grid.blocks; i++) CHECK(ds32[i] == (float)ds[i], "scale %d", (int)i);
        }
        ts.data = start;
        CHECK_ERR(ctx, smash_quant_lsq_start(ctx, &d, &tx, &ts, pz), SMASH_OK, "block %d", (int)b);
        for (i = 0; i < grid.blocks; i++) {
            float want;
            int32_t zero = 0;
            d.scheme = SMASH_AFFINE;
            smash_quant_params(NULL, &d, least[i], most[i], &want, &zero);
            if (!plus) {                                            /* (s / (2 mean))^2 * qmax = 1 */
                const double mean = sum[i] / (double)grid.block_elements, r = (double)start[i] / (2 * mean);
                CHECK(near_to(r * r * high, 1, 1e-6), "block %d, start %d: %g", (int)b, (int)i, (double)start[i]);
            } else CHECK(start[i] == want && z[i] == (float)zero, "block %d, start %d: %g, %g", (int)b, (int)i, (double)start[i], (double)z[i]);
        }
    }
    for (way = 0; way < 3; way++) {                                 /* in place: y over x, dx over dy, dx over x */
        smash_tensor tx = row_of(x, SMASH_F32, N), tg = row_of(g, SMASH_F32, N), ty = row_of(y, SMASH_F32, N), tdx = row_of(dx, SMASH_F32, N);
        smash_tensor ts = row_of(s, SMASH_F32, 1), tds = row_of(ds, SMASH_F64, 1);
        for (i = 0; i < N; i++) { x[i] = (float)uniform(&rng); g[i] = (float)uniform(&rng); }
        s[0] = 0.005f;
        smash_quant_lsq(NULL, NULL, &tx, &ts, NULL, &ty);
        smash_quant_lsq_backward(NULL, NULL, &tx, &ts, NULL, &tg, &tdx, &tds, NULL);
        ds[1] = ds[0];
        if (way == 0) CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, NULL, &tx), SMASH_OK, "in place");
        else CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, way == 1 ? &tg : &tx, &tds, NULL), SMASH_OK, "in place");
        CHECK(!memcmp(way == 0 ? y : dx, way == 1 ? g : x, sizeof x) && ds[0] == ds[1], "in place, way %d", (int)way);
    }
}

static void test_lsq_edges(smash_ctx *ctx)
{
    float x[4] = { 0, 0, 0, 0 }, y[4] = { 9, 9, 9, 9 }, g[4] = { 1, 2, 3, 4 }, dx[4] = { 9, 9, 9, 9 }, s = 0, z = 0;
    double ds = 9, dz = 9;
    uint16_t h[4] = { 0x7BFFu, 0, 0, 0 }, hy[4] = { 1, 1, 1, 1 };
    const smash_tensor tx = row_of(x, SMASH_F32, 4), ty = row_of(y, SMASH_F32, 4), tg = row_of(g, SMASH_F32, 4), tdx = row_of(dx, SMASH_F32, 4), ts = row_of(&s, SMASH_F32, 1), tz = row_of(&z, SMASH_F32, 1);
    const smash_tensor tds = row_of(&ds, SMASH_F64, 1), tdz = row_of(&dz, SMASH_F64, 1), one = row_of(x, SMASH_F32, 1), th = row_of(h, SMASH_F16, 4), thy = row_of(hy, SMASH_F16, 4);
    const smash_quant_desc d16 = desc_of(16, 0, SMASH_SYMMETRIC), d2 = desc_of(2, 0, SMASH_SYMMETRIC);
    static const struct { uint32_t scale, zero; const char *message; } bad[] = {
        { 0, 0, "scale 0 of \"tensor\" is not a finite number above 0; clip scales behind each step of the optimizer" },
        { 0xBC23D70Au, 0, "scale 0 of \"tensor\" is not a finite number above 0; clip scales behind each step of the optimizer" },
        { 0x7F800000u, 0, "scale 0 of \"tensor\" is not a finite number above 0; clip scales behind each step of the optimizer" },
        { 0x7FC00001u, 0, "scale 0 of \"tensor\" is not a finite number above 0; clip scales behind each step of the optimizer" },
        { 0x7F7FFFFFu, 0, "scale 0 of \"tensor\" is so large that the ends of its grid are not finite" },
        { 0x3F800000u, 0x7FC00001u, "zero point 0 of \"tensor\" is not finite" },
        { 0x3F800000u, 0xFF800000u, "zero point 0 of \"tensor\" is not finite" },
    };
    size_t i;
    for (i = 0; i < COUNT_OF(bad); i++) {
        s = float_of(bad[i].scale);
        z = float_of(bad[i].zero);
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, &tz, &tg, &tdx, &tds, &tdz), SMASH_ERR_RANGE, "row %d", (int)i);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, &tz, &ty), SMASH_ERR_RANGE, "row %d", (int)i);
        CHECK(!strcmp(ctx->message, bad[i].message) && y[0] == 9 && dx[0] == 9 && ds == 9 && dz == 9, "row %d: %s", (int)i, ctx->message);
    }
    s = -0.5f;                                                       /* what the comment says to do */
    CHECK_ERR(ctx, smash_quant_clip(ctx, 1.1920928955078125e-7, 3.4028234663852886e38, &ts, &ts), SMASH_OK, "clip");
    CHECK(bits_of(s) == 0x34000000u, "%g", (double)s);
    z = 0;
    CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, &tz, &ty), SMASH_OK, "clipped");
    /* all zero, constant, denormal, huge, one number */
    CHECK_ERR(ctx, smash_quant_lsq_start(ctx, NULL, &tx, &ts, NULL), SMASH_OK, "zeros");
    CHECK(bits_of(s) == 0x34000000u, "%g", (double)s);
    CHECK_ERR(ctx, smash_quant_lsq_start(ctx, NULL, &tx, &ts, &tz), SMASH_OK, "zeros");
    CHECK(bits_of(s) == 0x34000000u && z == -127, "%g %g", (double)s, (double)z);
    CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, &tdx, &tds, NULL), SMASH_OK, "zeros");
    CHECK(ds == 0 && dx[3] == 4, "%g", ds);
    for (i = 0; i < 4; i++) x[i] = float_of(3u + (uint32_t)i);
    CHECK_ERR(ctx, smash_quant_lsq_start(ctx, NULL, &tx, &ts, NULL), SMASH_OK, "denormal");
    CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, NULL, &ty), SMASH_OK, "denormal");
    CHECK(bits_of(s) == 0x34000000u && y[0] == 0, "%g", (double)s);
    for (i = 0; i < 4; i++) x[i] = i & 1 ? -3.4028234663852886e38f : 3.4028234663852886e38f;
    for (i = 0; i < 3; i++) {
        const smash_quant_desc *d = i == 0 ? NULL : i == 1 ? &d16 : &d2;
        CHECK_ERR(ctx, smash_quant_lsq_start(ctx, d, &tx, &ts, NULL), SMASH_OK, "huge");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, d, &tx, &ts, NULL, &ty), SMASH_OK, "huge");
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, d, &tx, &ts, NULL, &tg, &tdx, &tds, NULL), SMASH_OK, "huge");
        CHECK_ERR(ctx, smash_quant_lsq_start(ctx, d, &tx, &ts, &tz), SMASH_OK, "huge");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, d, &tx, &ts, &tz, &ty), SMASH_OK, "huge");
    }
    for (i = 0; i < 4; i++) g[i] = 3.4028234663852886e38f;
    {
        float small;
        const smash_tensor t = row_of(&small, SMASH_F32, 1);
        s = 1e30f;
        x[1] = x[0];
        x[3] = x[0];
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, &tdx, &t, NULL), SMASH_ERR_NONFINITE, "sum beyond f32");
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, &tdx, &tds, NULL), SMASH_OK, "sum in f64");
    }
    s = 600;
    CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &th, &ts, NULL, &thy), SMASH_OK, "65400 is a half");
    CHECK(smash_f16_to_f32(hy[0]) == 65408, "%g", (double)smash_f16_to_f32(hy[0]));
    s = 65504.0f / 1.5f;
    CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &th, &ts, NULL, &thy), SMASH_ERR_NONFINITE, "rounded to 2 steps, which F16 does not hold");
    x[0] = 0.7f;
    CHECK_ERR(ctx, smash_quant_lsq_start(ctx, &d2, &one, &ts, NULL), SMASH_OK, "one");
    CHECK(s == 1.4f, "%g", (double)s);
    /* refused */
    s = 1;
    x[0] = x[1] = x[2] = x[3] = 0;
    g[0] = 1;
    for (i = 0; i < 2; i++) {
        x[2] = float_of(i ? INF : NOT_A_NUMBER);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, NULL, &ty), SMASH_ERR_NONFINITE, "x");
        CHECK(ctx->index == 2 && !strcmp(ctx->message, "element 2 of \"tensor\" is NaN or Inf; clean the data before quantizing it"), "%s", ctx->message);
        CHECK_ERR(ctx, smash_quant_lsq_start(ctx, NULL, &tx, &ts, NULL), SMASH_ERR_NONFINITE, "x");
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, &tdx, &tds, NULL), SMASH_ERR_NONFINITE, "x");
        CHECK(ctx->index == 2, "%d", (int)ctx->index);
        x[2] = 0;
        g[3] = float_of(i ? INF : NOT_A_NUMBER);
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, &tdx, &tds, NULL), SMASH_ERR_NONFINITE, "dy");
        CHECK(ctx->index == 3, "%d", (int)ctx->index);
        g[3] = 1;
    }
    {
        smash_tensor t;
        smash_quant_desc d = SMASH_ZERO;
        const int32_t three = 3;
        const size_t none = 0, huge[2] = { SIZE_MAX / 2, 8 };
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, &tz, &tg, &tdx, &tds, NULL), SMASH_ERR_ARG, "dzero is missing");
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, &tdx, &tds, &tdz), SMASH_ERR_ARG, "no zero");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, NULL, &ts), SMASH_ERR_SHAPE, "shape");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &one, &ts, NULL, &ts), SMASH_ERR_ARG, "y is the scale");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, NULL, &ts, NULL, &ty), SMASH_ERR_ARG, "no x");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, NULL, NULL, &ty), SMASH_ERR_ARG, "no scale");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, NULL, NULL), SMASH_ERR_ARG, "no y");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &tds, NULL, &ty), SMASH_ERR_DTYPE, "scale is f64");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tds, &ts, NULL, &tds), SMASH_ERR_DTYPE, "x is f64");
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, NULL, &thy), SMASH_ERR_DTYPE, "y of another dtype");
        t = ty; t.bytes--;
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, NULL, &t), SMASH_ERR_SHAPE, "a byte too few");
        t = ty; t.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &tx, &ts, NULL, &t), SMASH_ERR_ARG, "const");
        t = tx; t.data = x + 1; t.shape[0] = 3; t.bytes = 12;
        { smash_tensor first = tx; first.shape[0] = 3; CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &first, &ts, NULL, &t), SMASH_ERR_ARG, "half over itself"); }
        t = test_view(SMASH_F32, x, 1, &none);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &t, &ts, NULL, &t), SMASH_ERR_SHAPE, "empty");
        t = smash_tensor_view(SMASH_F32, x, 16, 2, huge);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &t, &ts, NULL, &t), SMASH_ERR_OVERFLOW, "huge shape");
        d.grain = smash_grain_block(&three, 1);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, &d, &tx, &ts, NULL, &ty), SMASH_ERR_SHAPE, "3 does not divide 4");
        d = desc_of(17, 0, SMASH_SYMMETRIC);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, &d, &tx, &ts, NULL, &ty), SMASH_ERR_RANGE, "bits");
        d = desc_of(8, 0, SMASH_SYMMETRIC);
        d.zero_end = 1;
        CHECK_ERR(ctx, smash_quant_lsq(ctx, &d, &tx, &ts, NULL, &ty), SMASH_ERR_ARG, "desc");
        t = tx; t.flags = SMASH_TENSOR_DEVICE;
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &t, &ts, NULL, &ty), SMASH_ERR_DEVICE, "device");
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, &tdx, &ts, NULL), SMASH_ERR_ARG, "dscale is the scale");
        CHECK_ERR(ctx, smash_quant_lsq_start(ctx, NULL, &one, &one, NULL), SMASH_ERR_ARG, "the scale is x");
    }
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_golden(&ctx);
    test_linear(&ctx);
    test_lsq(&ctx);
    test_lsq_edges(&ctx);
    return test_done();
}
