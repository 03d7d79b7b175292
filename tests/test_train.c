/* Trained quantizers and folding: against recordings of NNI v3, against central differences in double, and against the layers they fold. */
#include "../smash.h"
#include "test.h"
#include "golden/config_list_train.h"

static const uint32_t INF = 0x7F800000u, NOT_A_NUMBER = 0x7FC00001u;
static int near_to(double a, double b, double relative) { const double most = magnitude(a) > magnitude(b) ? magnitude(a) : magnitude(b); return magnitude(a - b) <= relative * most + 1e-12; }

static double uniform(uint64_t *rng) { return (double)(smash_random(rng) >> 11) / 9007199254740992.0 * 2 - 1; }

/* ---- what NNI did ---- */

static void test_golden(smash_ctx *ctx)
{
    enum { N = 32 };
    float x[N] = { 0 }, g[N], y[N], dx[N];
    const smash_tensor tx = row_view(x, SMASH_F32, N), tg = row_view(g, SMASH_F32, N), ty = row_view(y, SMASH_F32, N), tdx = row_view(dx, SMASH_F32, N);
    size_t i, j;
    for (i = 0; i < COUNT_OF(golden_lsq); i++) {
        const smash_quant_desc d = test_quant_desc(golden_lsq[i].bits, golden_lsq[i].is_unsigned, SMASH_SYMMETRIC);
        float s = float_of(golden_lsq[i].scale), z = float_of(golden_lsq[i].zero);
        double ds = 0, dz = 0;
        const smash_tensor scale = row_view(&s, SMASH_F32, 1), zero = row_view(&z, SMASH_F32, 1), dscale = row_view(&ds, SMASH_F64, 1), dzero = row_view(&dz, SMASH_F64, 1);
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
        const smash_quant_desc d = test_quant_desc(golden_dorefa[i].bits, golden_dorefa[i].is_unsigned, SMASH_AFFINE);
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
    smash_quant_desc d = test_quant_desc(t->bits, t->is_unsigned, t->affine ? SMASH_AFFINE : SMASH_SYMMETRIC);
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
        smash_quant_desc d = test_quant_desc(grids[k].bits, grids[k].is_unsigned, SMASH_SYMMETRIC);
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
            const volatile float ratio = x[i] / s[bl], sum_of = ratio + z[bl];       /* each rounded to float, on x87, too */
            const float u = sum_of;
            volatile float want, q;
            const double e = 1e-4, u0 = (double)u, S = (double)s[bl], Z = (double)z[bl], X = (double)x[i];
            const double slope_s = (smooth(X, S * (1 + e), Z, u0, low, high) - smooth(X, S * (1 - e), Z, u0, low, high)) / (2 * e * S);
            const double slope_z = (smooth(X, S, Z + e, u0, low, high) - smooth(X, S, Z - e, u0, low, high)) / (2 * e);
            const double slope_x = (smooth(X + e * S, S, Z, u0, low, high) - smooth(X - e * S, S, Z, u0, low, high)) / (2 * e * S);
            want_s[bl] += (double)g[i] * slope_s;
            want_z[bl] += (double)g[i] * slope_z;
            sum[bl] += magnitude(X);
            if (x[i] > most[bl]) most[bl] = x[i];
            if (x[i] < least[bl]) least[bl] = x[i];
            q = (float)smash_round_half_even(u < (float)qmin ? (float)qmin : u > (float)qmax ? (float)qmax : u);
            want = q - z[bl];
            want = want * s[bl];
            if (type == SMASH_F16) want = smash_f16_to_f32(smash_f32_to_f16(want));
            if (type == SMASH_BF16) want = smash_bf16_to_f32(smash_f32_to_bf16(want));
            CHECK(y[i] == want, "block %d, grid %d, way %d, number %d: %.9g, not %.9g", (int)b, (int)k, (int)way, (int)i, (double)y[i], (double)want);
            CHECK(magnitude((double)dx[i] - (double)g[i] * slope_x) < 1e-6, "block %d, grid %d, way %d, number %d: %.9g", (int)b, (int)k, (int)way, (int)i, (double)dx[i]);
        }
        for (i = 0; i < grid.blocks; i++) {
            /* the scale's slope also moves u / s where it is not rounded anew: its error is that of a float ratio, times the numbers */
            const double room = 2e-6 * high * (double)grid.block_elements;
            CHECK(magnitude(ds[i] - gamma * want_s[i]) <= gamma * room, "block %d, grid %d, way %d: scale %d: %.9g, not %.9g", (int)b, (int)k, (int)way, (int)i, ds[i], gamma * want_s[i]);
            if (plus) CHECK(magnitude(dz[i] - want_z[i]) <= 1e-7 * (1 + magnitude(want_z[i])), "block %d, grid %d, way %d: zero %d: %.9g, not %.9g", (int)b, (int)k, (int)way, (int)i, dz[i], want_z[i]);
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
        smash_tensor tx = row_view(x, SMASH_F32, N), tg = row_view(g, SMASH_F32, N), ty = row_view(y, SMASH_F32, N), tdx = row_view(dx, SMASH_F32, N);
        smash_tensor ts = row_view(s, SMASH_F32, 1), tds = row_view(ds, SMASH_F64, 1);
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
    const smash_tensor tx = row_view(x, SMASH_F32, 4), ty = row_view(y, SMASH_F32, 4), tg = row_view(g, SMASH_F32, 4), tdx = row_view(dx, SMASH_F32, 4), ts = row_view(&s, SMASH_F32, 1), tz = row_view(&z, SMASH_F32, 1);
    const smash_tensor tds = row_view(&ds, SMASH_F64, 1), tdz = row_view(&dz, SMASH_F64, 1), one = row_view(x, SMASH_F32, 1), th = row_view(h, SMASH_F16, 4), thy = row_view(hy, SMASH_F16, 4);
    const smash_quant_desc d16 = test_quant_desc(16, 0, SMASH_SYMMETRIC), d2 = test_quant_desc(2, 0, SMASH_SYMMETRIC);
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
        const smash_tensor t = row_view(&small, SMASH_F32, 1);
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
    CHECK(bits_of(s) == 0x3FB33333u, "%g", (double)s);               /* 1.4 */
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
        d = test_quant_desc(17, 0, SMASH_SYMMETRIC);
        CHECK_ERR(ctx, smash_quant_lsq(ctx, &d, &tx, &ts, NULL, &ty), SMASH_ERR_RANGE, "bits");
        d = test_quant_desc(8, 0, SMASH_SYMMETRIC);
        d.zero_end = 1;
        CHECK_ERR(ctx, smash_quant_lsq(ctx, &d, &tx, &ts, NULL, &ty), SMASH_ERR_ARG, "desc");
        t = tx; t.flags = SMASH_TENSOR_DEVICE;
        CHECK_ERR(ctx, smash_quant_lsq(ctx, NULL, &t, &ts, NULL, &ty), SMASH_ERR_DEVICE, "device");
        CHECK_ERR(ctx, smash_quant_lsq_backward(ctx, NULL, &tx, &ts, NULL, &tg, &tdx, &ts, NULL), SMASH_ERR_ARG, "dscale is the scale");
        CHECK_ERR(ctx, smash_quant_lsq_start(ctx, NULL, &one, &one, NULL), SMASH_ERR_ARG, "the scale is x");
    }
}

/* ---- DoReFa ---- */

/* tanh: a continued fraction of a small part of x, doubled as often */
static double tanh_of(double x)
{
    const double size = magnitude(x);
    double part = size > 32 ? 32 : size, t;
    int doubled = 0, k;
    for (; part > 0.25; doubled++) part /= 2;
    for (t = 19, k = 17; k > 0; k -= 2) t = k + part * part / t;
    t = part / t;
    for (; doubled; doubled--) t = 2 * t / (1 + t * t);
    return x < 0 ? -t : t;
}

/* Sum of dy times what WEIGHTS gives without rounding */
static double dorefa_loss(const double *x, const float *g, size_t n)
{
    double most = 0, sum = 0;
    size_t i;
    for (i = 0; i < n; i++) if (magnitude(tanh_of(x[i])) > most) most = magnitude(tanh_of(x[i]));
    for (i = 0; i < n; i++) sum += (double)g[i] * (2 * (tanh_of(x[i]) / (2 * most) + 0.5) - 1);
    return sum;
}

static void test_dorefa(smash_ctx *ctx)
{
    enum { N = 41 };
    float x[N] = { 0 }, g[N], y[N], dx[N];
    double wide[N];
    uint16_t half[N];
    const smash_tensor tx = row_view(x, SMASH_F32, N), tg = row_view(g, SMASH_F32, N), ty = row_view(y, SMASH_F32, N), tdx = row_view(dx, SMASH_F32, N), th = row_view(half, SMASH_BF16, N);
    smash_quant_desc d = test_quant_desc(4, 1, SMASH_AFFINE);
    uint64_t rng = 3, before;
    size_t i, round;
    for (round = 0; round < 20; round++) {
        for (i = 0; i < N; i++) { x[i] = (float)(uniform(&rng) * 2); g[i] = (float)uniform(&rng); wide[i] = (double)x[i]; }
        CHECK_ERR(ctx, smash_quant_dorefa_backward(ctx, &d, SMASH_DOREFA_WEIGHTS, &tx, &tg, &tdx), SMASH_OK, "round %d", (int)round);
        for (i = 0; i < N; i++) {
            const double e = 1e-6, was = wide[i];
            double up, down;
            wide[i] = was + e;
            up = dorefa_loss(wide, g, N);
            wide[i] = was - e;
            down = dorefa_loss(wide, g, N);
            wide[i] = was;
            CHECK(magnitude((up - down) / (2 * e) - (double)dx[i]) < 1e-5, "round %d, number %d: %.9g, not %.9g", (int)round, (int)i, (double)dx[i], (up - down) / (2 * e));
        }
        CHECK_ERR(ctx, smash_quant_dorefa(ctx, &d, SMASH_DOREFA_WEIGHTS, &tx, &ty), SMASH_OK, "round %d", (int)round);
        for (i = 0; i < N; i++) {
            const double level = ((double)y[i] + 1) / 2 * 15, least = level - (double)smash_round_half_even_f64(level);
            CHECK(magnitude(least) < 1e-5 && level > -1e-5 && level < 15 + 1e-5, "round %d, number %d: %.9g", (int)round, (int)i, (double)y[i]);
        }
    }
    /* all zero: what NNI makes NaN of. m counts as 1 */
    for (i = 0; i < N; i++) x[i] = i & 1 ? 0.0f : -0.0f;
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &ty), SMASH_OK, "zeros");
    CHECK_ERR(ctx, smash_quant_dorefa_backward(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &tg, &tdx), SMASH_OK, "zeros");
    for (i = 0; i < N; i++) CHECK(y[i] == 0 && dx[i] == g[i], "number %d: %g, %g", (int)i, (double)y[i], (double)dx[i]);
    /* constant, denormal, huge, one */
    for (i = 0; i < N; i++) x[i] = -0.3f;
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &ty), SMASH_OK, "constant");
    CHECK(y[0] == -1 && y[40] == -1, "%g", (double)y[0]);
    for (i = 0; i < N; i++) { x[i] = float_of((uint32_t)i & 1 ? 1u : 0x80000001u); g[i] = i < 1 ? 1.0f : 0.0f; }
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &ty), SMASH_OK, "denormal");
    CHECK(y[0] == -1 && y[1] == 1, "%g", (double)y[0]);
    CHECK_ERR(ctx, smash_quant_dorefa_backward(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &tg, &tdx), SMASH_ERR_NONFINITE, "1 / denormal");
    CHECK(ctx->index == 0 && !strcmp(ctx->message, "element 0 of \"tensor\" becomes larger than F32 can hold"), "%s", ctx->message);
    for (i = 0; i < N; i++) { x[i] = i & 1 ? 3e38f : -3e38f; g[i] = 1e30f; }
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &tx), SMASH_OK, "huge, in place");
    CHECK(x[0] == -1 && x[1] == 1, "%g", (double)x[0]);
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, SMASH_DOREFA_OUTPUTS, &tx, &ty), SMASH_OK, "outputs");
    CHECK(y[0] == 0 && y[1] == 1, "%g", (double)y[0]);
    /* gradients: the mean is the number, every level is one of the grid, samples have their own maximum, draws are counted */
    for (round = 0; round < 2; round++) {
        const size_t shape[2] = { 2, 3 };
        const float in[6] = { 0.5f, -1.0f, 0.123f, 0, 0, 0 };
        float out[6];
        double mean[6] = { 0 };
        const smash_tensor a = test_view(SMASH_F32, in, 2, shape), b = test_view(SMASH_F32, out, 2, shape);
        int t;
        d = test_quant_desc(round ? 8 : 2, 1, SMASH_AFFINE);
        rng = 9;
        for (t = 0; t < 20000; t++) {
            CHECK_ERR(ctx, smash_quant_dorefa_gradient(ctx, &d, &rng, &a, &b), SMASH_OK, "gradient");
            for (i = 0; i < 6; i++) {
                const double level = ((double)out[i] + 1) / 2 * (round ? 255 : 3);
                mean[i] += (double)out[i] / 20000;
                if (i < 3 && t < 20) CHECK(magnitude(level - (double)smash_round_half_even_f64(level)) < 1e-4, "number %d: %.9g", (int)i, (double)out[i]);
            }
        }
        for (i = 0; i < 6; i++) CHECK(magnitude(mean[i] - (double)in[i]) < 0.02, "number %d: mean %.9g", (int)i, mean[i]);
        CHECK(out[3] == 0 && out[5] == 0, "a sample of zeros");
        before = 9;
        for (i = 0; i < 120000; i++) smash_random(&before);
        CHECK(before == rng, "one draw for each number");
    }
    /* refused */
    before = rng;
    x[5] = float_of(NOT_A_NUMBER);
    g[7] = float_of(INF);
    y[0] = 7;
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &ty), SMASH_ERR_NONFINITE, "x");
    CHECK(ctx->index == 5, "%d", (int)ctx->index);
    CHECK_ERR(ctx, smash_quant_dorefa_gradient(ctx, NULL, &rng, &tg, &ty), SMASH_ERR_NONFINITE, "g");
    CHECK(ctx->index == 7 && rng == before && y[0] == 7, "%d", (int)ctx->index);
    x[5] = 0;
    CHECK_ERR(ctx, smash_quant_dorefa_backward(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &tg, &ty), SMASH_ERR_NONFINITE, "dy");
    CHECK_ERR(ctx, smash_quant_dorefa_backward(ctx, NULL, SMASH_DOREFA_OUTPUTS, &tx, &tg, &ty), SMASH_ERR_NONFINITE, "dy");
    g[7] = 0;
    CHECK_ERR(ctx, smash_quant_dorefa_gradient(ctx, NULL, NULL, &tg, &ty), SMASH_ERR_ARG, "no state");
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, (smash_dorefa)test_int(2), &tx, &ty), SMASH_ERR_ARG, "kind");
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, SMASH_DOREFA_WEIGHTS, &tx, &th), SMASH_ERR_DTYPE, "dtype");
    d.grain = smash_grain_axis(0);
    CHECK_ERR(ctx, smash_quant_dorefa(ctx, &d, SMASH_DOREFA_WEIGHTS, &tx, &ty), SMASH_ERR_UNSUPPORTED, "grain");
    CHECK_ERR(ctx, smash_quant_dorefa_gradient(ctx, &d, &rng, &tg, &ty), SMASH_ERR_UNSUPPORTED, "grain");
    {
        const size_t none = 0;
        const smash_tensor empty = test_view(SMASH_F32, x, 1, &none);
        CHECK_ERR(ctx, smash_quant_dorefa(ctx, NULL, SMASH_DOREFA_WEIGHTS, &empty, &empty), SMASH_OK, "empty");
        CHECK_ERR(ctx, smash_quant_dorefa_gradient(ctx, NULL, &rng, &empty, &empty), SMASH_OK, "empty");
        CHECK_ERR(ctx, smash_quant_bnn(ctx, &empty, &empty), SMASH_OK, "empty");
    }
}

/* ---- DoReFa and BNN, number by number, from their formulas ---- */

static float f32(double x) { volatile float y = (float)x; return y; }              /* rounded, on x87, too */

/* To a whole number, by its fraction */
static double whole(double x, int away, size_t *ties)
{
    double low = (double)(int64_t)x;
    if (low > x) low -= 1;
    if (x - low < 0.5) return low;
    if (x - low > 0.5) return low + 1;
    ++*ties;
    if (away) return x > 0 ? low + 1 : low;
    return (int64_t)low % 2 ? low + 1 : low;
}

static void test_formulas(smash_ctx *ctx)
{
    enum { N = 241 };
    static const smash_dtype dtypes[] = { SMASH_F32, SMASH_F16, SMASH_BF16 };
    static const uint32_t edges[] = { 0, 0x80000000u, 1u, 0x80000001u, 0x00800000u, 0x807FFFFFu, 0x3F800000u, 0xBF800000u, 0x3F800001u, 0x3F7FFFFFu, 0x3F000000u, 0xBF000000u, 0x7F7FFFFFu, 0xFF7FFFFFu };
    static double x[N], y[N], out[N], t[N];
    uint64_t rng = 23;
    size_t i, k, dt, ties = 0, runs = 0;
    uint32_t bits, sign, full, away, what, huge;
    for (bits = 1; bits <= 16; bits++) for (sign = 0; sign < 2; sign++) for (full = 0; full < 2; full++) for (away = 0; away < 2; away++) for (what = 0; what < 2; what++)
        for (dt = 0; dt < COUNT_OF(dtypes); dt++) for (huge = 0; huge < 2; huge++) {
            const smash_tensor tx = row_view(x, dtypes[dt], N), ty = row_view(y, dtypes[dt], N);
            smash_quant_desc d = test_quant_desc(bits, !sign, bits & 1 ? SMASH_AFFINE : SMASH_SYMMETRIC);
            const double qmin = !sign ? 0 : (full ? 0 : 1) - (double)(1 << (bits - 1)), qmax = !sign ? (double)((1 << bits) - 1) : (double)((1 << (bits - 1)) - 1);
            const float scale = f32(1 / (qmax - qmin));
            double most = 0;
            size_t bad = 0;
            if (sign && bits == 1) continue;
            d.full_range = full;
            d.rounding = away ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
            for (i = 0; i < N; i++) {                                /* anything; numbers half way between two levels, and the next ones on either side; edges */
                const double level = qmin + (double)(smash_random(&rng) % (uint64_t)(qmax - qmin)) + 0.5;
                double v = uniform(&rng) * (i % 5 ? 1 : 4);
                if (i % 3 == 1) v = (level - qmin) * (double)scale;
                if (i % 9 == 1) v = (double)float_of(bits_of((float)v) + 1);
                if (i % 9 == 4) v = (double)float_of(bits_of((float)v) - 1);
                if (i < COUNT_OF(edges)) v = (double)float_of(edges[i]);
                if (i == 12 || i == 13) v = (i == 12 ? 1 : -1) * (!huge ? 0.25 : dtypes[dt] == SMASH_F16 ? 65504.0 : dtypes[dt] == SMASH_BF16 ? 3e38 : v < 0 ? -v : v);
                set_number(dtypes[dt], x, i, v);
            }
            for (i = 0; i < N; i++) {
                t[i] = (double)f32(tanh_of(number_at(dtypes[dt], x, i)));
                if (magnitude(t[i]) > most) most = magnitude(t[i]);
            }
            CHECK_ERR(ctx, smash_quant_dorefa(ctx, &d, what ? SMASH_DOREFA_OUTPUTS : SMASH_DOREFA_WEIGHTS, &tx, &ty), SMASH_OK, "%u bits", (unsigned)bits);
            for (i = 0; i < N; i++) {
                const double v = number_at(dtypes[dt], x, i);
                const float u = what ? f32(v < 0 ? 0 : v > 1 ? 1 : v) : f32((double)f32(t[i] / (double)f32(2 * most)) + 0.5), r = f32(qmin + (double)f32((double)u / (double)scale));
                const double q = whole((double)r < qmin ? qmin : (double)r > qmax ? qmax : (double)r, (int)away, &ties);
                float want = f32((q - qmin) * (double)scale);
                if (!what) want = f32(2 * (double)want - 1);
                set_number(dtypes[dt], out, i, (double)want);
                bad += bits64_of(number_at(dtypes[dt], y, i)) != bits64_of(number_at(dtypes[dt], out, i));
            }
            runs++;
            CHECK(!bad, "%u bits, sign %u, full %u, away %u, outputs %u, %s, huge %u: %d numbers", (unsigned)bits, (unsigned)sign, (unsigned)full, (unsigned)away, (unsigned)what, smash_dtype_name(dtypes[dt]), (unsigned)huge, (int)bad);
            if (what || dtypes[dt] != SMASH_F32) continue;
            {   /* gradients: the same draws, the same levels; two samples */
                const size_t shape[2] = { 2, N / 2 };
                const smash_tensor tg = test_view(SMASH_F32, x, 2, shape), tq = test_view(SMASH_F32, y, 2, shape);
                uint64_t mine = 100 + runs, its = mine;
                CHECK_ERR(ctx, smash_quant_dorefa_gradient(ctx, &d, &its, &tg, &tq), SMASH_OK, "%u bits", (unsigned)bits);
                for (bad = i = 0; i < N / 2 * 2; i++) {
                    const double steps = qmax - qmin, g = (double)((const float *)x)[i];
                    double noise, level, m = 0;
                    for (k = i / (N / 2) * (N / 2); k < (i / (N / 2) + 1) * (N / 2); k++) if (magnitude((double)((const float *)x)[k]) > m) m = magnitude((double)((const float *)x)[k]);
                    noise = (double)(smash_random(&mine) >> 11) / 9007199254740992.0 - 0.5;
                    level = steps * (g / (2 * m) + 0.5) + noise;
                    level = whole(level < 0 ? 0 : level > steps ? steps : level, (int)away, &ties);
                    bad += magnitude((double)((const float *)y)[i] - m * (2 * level / steps - 1)) > 1e-7 * m;
                }
                CHECK(!bad && its == mine, "%u bits, sign %u, full %u, away %u, huge %u: %d gradients", (unsigned)bits, (unsigned)sign, (unsigned)full, (unsigned)away, (unsigned)huge, (int)bad);
            }
        }
    CHECK(ties > 2000 && runs == 31 * 2 * 2 * 2 * 3 * 2, "%d ties, %d runs", (int)ties, (int)runs);
    for (dt = 0; dt < 4; dt++) {                                     /* BNN: sign, its gate, its clip */
        const smash_dtype type = dt < 3 ? dtypes[dt] : SMASH_F64;
        static double g[N], dx[N], clipped[N];
        const smash_tensor tx = row_view(x, type, N), ty = row_view(y, type, N), tg = row_view(g, type, N), tdx = row_view(dx, type, N), tc = row_view(clipped, type, N);
        for (i = 0; i < N; i++) {
            double v = i < COUNT_OF(edges) ? (double)float_of(edges[i]) : uniform(&rng) * 2;
            if (type != SMASH_F32 && magnitude(v) > 60000) v = v < 0 ? -60000 : 60000;
            if (type == SMASH_F64 && i >= 20 && i < 24) v = (i & 1 ? -1 : 1) * (i < 22 ? double_of(1) : double_of(0x7FEFFFFFFFFFFFFFu));
            set_number(type, x, i, v);
            set_number(type, g, i, uniform(&rng));
        }
        CHECK_ERR(ctx, smash_quant_bnn(ctx, &tx, &ty), SMASH_OK, "dtype %d", (int)dt);
        CHECK_ERR(ctx, smash_quant_gate(ctx, -1, 1, &tx, &tg, &tdx), SMASH_OK, "dtype %d", (int)dt);
        CHECK_ERR(ctx, smash_quant_clip(ctx, -1, 1, &tx, &tc), SMASH_OK, "dtype %d", (int)dt);
        for (i = 0; i < N; i++) {
            const double v = number_at(type, x, i);
            CHECK(number_at(type, y, i) == (v >= 0 ? 1 : -1) && number_at(type, dx, i) == (magnitude(v) <= 1 ? number_at(type, g, i) : 0) && number_at(type, clipped, i) == (v > 1 ? 1 : v < -1 ? -1 : v),
                  "dtype %d, number %d: %g gives %g, %g, %g", (int)dt, (int)i, v, number_at(type, y, i), number_at(type, dx, i), number_at(type, clipped, i));
        }
    }
}

/* ---- clip, gate, sign ---- */

static void test_ends(smash_ctx *ctx)
{
    static const smash_dtype dtypes[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };
    static const float xs[7] = { -1.5f, -1, -0.0f, 0, 0.5f, 1, 1.015625f };
    size_t k, i;
    double buffer[3][7], back[7];
    for (k = 0; k < 4; k++) {
        const smash_tensor from = row_view(xs, SMASH_F32, 7), wide = row_view(back, SMASH_F64, 7);
        const smash_tensor x = row_view(buffer[0], dtypes[k], 7), g = row_view(buffer[1], dtypes[k], 7), y = row_view(buffer[2], dtypes[k], 7);
        smash_tensor_convert(NULL, &from, &x);
        smash_tensor_convert(NULL, &from, &g);
        CHECK_ERR(ctx, smash_quant_bnn(ctx, &x, &y), SMASH_OK, "dtype %d", (int)k);
        smash_tensor_convert(NULL, &y, &wide);
        for (i = 0; i < 7; i++) CHECK(back[i] == (i < 2 ? -1 : 1), "dtype %d, number %d: %g", (int)k, (int)i, back[i]);
        CHECK_ERR(ctx, smash_quant_clip(ctx, -1, 1, &x, &y), SMASH_OK, "dtype %d", (int)k);
        smash_tensor_convert(NULL, &y, &wide);
        for (i = 0; i < 7; i++) CHECK(back[i] == (i == 0 ? -1 : i == 6 ? 1 : (double)xs[i]), "dtype %d, number %d: %g", (int)k, (int)i, back[i]);
        CHECK_ERR(ctx, smash_quant_gate(ctx, -1, 1, &x, &g, &g), SMASH_OK, "dtype %d", (int)k);
        smash_tensor_convert(NULL, &g, &wide);
        for (i = 0; i < 7; i++) CHECK(back[i] == (i == 0 || i == 6 ? 0 : (double)xs[i]), "dtype %d, number %d: %g", (int)k, (int)i, back[i]);
    }
    {
        float a[3] = { 1, 2, 3 }, b[3] = { 7, 7, 7 };
        uint16_t h[3] = { 0, 0, 0 };
        const smash_tensor x = row_view(a, SMASH_F32, 3), y = row_view(b, SMASH_F32, 3), half = row_view(h, SMASH_F16, 3), less = row_view(b, SMASH_F32, 2);
        CHECK_ERR(ctx, smash_quant_clip(ctx, 1, -1, &x, &y), SMASH_ERR_RANGE, "order");
        CHECK_ERR(ctx, smash_quant_clip(ctx, (double)float_of(NOT_A_NUMBER), 1, &x, &y), SMASH_ERR_RANGE, "NaN");
        CHECK_ERR(ctx, smash_quant_gate(ctx, 0, (double)float_of(INF), &x, &x, &y), SMASH_ERR_RANGE, "Inf");
        CHECK_ERR(ctx, smash_quant_clip(ctx, 0, 70000, &half, &half), SMASH_ERR_NONFINITE, "F16 has no 70000");
        CHECK_ERR(ctx, smash_quant_clip(ctx, 0, 1, &x, &less), SMASH_ERR_SHAPE, "shape");
        CHECK_ERR(ctx, smash_quant_gate(ctx, 0, 1, &x, &less, &y), SMASH_ERR_SHAPE, "shape");
        CHECK_ERR(ctx, smash_quant_bnn(ctx, &x, &half), SMASH_ERR_DTYPE, "dtype");
        a[1] = float_of(INF);
        CHECK_ERR(ctx, smash_quant_bnn(ctx, &x, &y), SMASH_ERR_NONFINITE, "Inf");
        CHECK(ctx->index == 1 && b[0] == 7, "%d", (int)ctx->index);
        CHECK_ERR(ctx, smash_quant_clip(ctx, 0, 1, &x, &x), SMASH_ERR_NONFINITE, "Inf");
        CHECK_ERR(ctx, smash_quant_gate(ctx, 0, 1, &y, &x, &y), SMASH_ERR_NONFINITE, "Inf");
    }
}

/* ---- biases ---- */

static void test_bias(smash_ctx *ctx)
{
    float s[4] = { 0.5f, 0.25f, 1, 2 }, b[4] = { 1, -1.0625f, 2.5f, -7 }, bs[4] = { 7, 7, 7, 7 }, big[4] = { 536870911.75f, 0, 0, 0 };
    int32_t q[4] = { 9, 9, 9, 9 };
    const smash_tensor ts = row_view(s, SMASH_F32, 4), t1 = row_view(s, SMASH_F32, 1), tb = row_view(b, SMASH_F32, 4), tq = row_view(q, SMASH_I32, 4), tbs = row_view(bs, SMASH_F32, 4), t3 = row_view(s, SMASH_F32, 3);
    const smash_tensor tbig = row_view(big, SMASH_F32, 4);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 0.5f, &ts, &tb, &tq, &tbs), SMASH_OK, "channels");
    CHECK(q[0] == 4 && q[1] == -8 && q[2] == 5 && q[3] == -7, "%d %d %d %d", q[0], q[1], q[2], q[3]);       /* -8.5 goes to even */
    CHECK(bs[0] == 0.25f && bs[3] == 1, "%g", (double)bs[0]);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 1, &t1, &tb, &tq, NULL), SMASH_OK, "one scale");
    CHECK(q[0] == 2 && q[1] == -2 && q[2] == 5 && q[3] == -14, "%d %d %d %d", q[0], q[1], q[2], q[3]);
    s[0] = float_of(0x00000003u);                                    /* a product far below float: exact in double */
    b[0] = 0;
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, float_of(1), &ts, &tb, &tq, NULL), SMASH_ERR_RANGE, "bias 1");
    CHECK(ctx->index == 1 && q[0] == 2, "%d", (int)ctx->index);
    b[0] = 1; s[0] = 1;
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 0.125f, &t1, &tbig, &tq, NULL), SMASH_ERR_RANGE, "2^32");
    CHECK(ctx->index == 0 && !strcmp(ctx->message, "bias \"tensor\": number 0 does not fit I32 at input scale * weight scale; a larger scale of channel 0 would do"), "%s", ctx->message);
    big[0] = -536870912.0f;
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 0.25f, &t1, &tbig, &tq, NULL), SMASH_OK, "-2^31");
    CHECK(q[0] == INT32_MIN, "%d", q[0]);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 0, &t1, &tb, &tq, NULL), SMASH_ERR_RANGE, "scale 0");
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 1, &t3, &tb, &tq, NULL), SMASH_ERR_SHAPE, "3 scales");
    s[2] = -1;
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 1, &ts, &tb, &tq, NULL), SMASH_ERR_RANGE, "scale -1");
    CHECK(ctx->index == 2, "%d", (int)ctx->index);
    s[2] = 1;
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 1, &ts, &tb, &tb, NULL), SMASH_ERR_DTYPE, "dtype");
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 1, &ts, &tb, &tq, &ts), SMASH_ERR_ARG, "scale over scale");
    b[3] = float_of(NOT_A_NUMBER);
    CHECK_ERR(ctx, smash_quant_bias(ctx, SMASH_HALF_EVEN, 1, &ts, &tb, &tq, NULL), SMASH_ERR_NONFINITE, "NaN");
    CHECK(ctx->index == 3, "%d", (int)ctx->index);
}

static void test_correction(smash_ctx *ctx)
{
    static const struct { uint32_t axis, ndim; size_t shape[4], channels; } layers[] = { { 1, 2, { 5, 3 }, 3 }, { 1, 4, { 2, 3, 4, 5 }, 3 }, { 2, 3, { 2, 7, 4 }, 4 }, { 0, 1, { 6 }, 6 } };
    float a[120], b[120], bias[8];
    double sum[8], want[8];
    uint64_t rng = 17, count, seen;
    size_t k, i, c, inner, n, batch;
    uint32_t d;
    for (k = 0; k < COUNT_OF(layers); k++) {
        const smash_tensor ta = test_view(SMASH_F32, a, layers[k].ndim, layers[k].shape), tb = test_view(SMASH_F32, b, layers[k].ndim, layers[k].shape);
        const smash_tensor ts = row_view(sum, SMASH_F64, layers[k].channels), tbias = row_view(bias, SMASH_F32, layers[k].channels);
        for (n = 1, d = 0; d < layers[k].ndim; d++) n *= layers[k].shape[d];
        for (inner = 1, d = layers[k].axis + 1; d < layers[k].ndim; d++) inner *= layers[k].shape[d];
        for (c = 0; c < 8; c++) { sum[c] = want[c] = 0; bias[c] = (float)c; }
        count = seen = 0;
        for (batch = 0; batch < 3; batch++) {
            for (i = 0; i < n; i++) {
                a[i] = (float)uniform(&rng);
                b[i] = (float)uniform(&rng);
                want[i / inner % layers[k].channels] += (double)a[i] - (double)b[i];
            }
            seen += n / layers[k].channels;
            CHECK_ERR(ctx, smash_quant_add_error(ctx, layers[k].axis, &ta, &tb, &ts, &count), SMASH_OK, "layer %d", (int)k);
        }
        CHECK(count == seen, "layer %d: %d", (int)k, (int)count);
        CHECK_ERR(ctx, smash_quant_correct_bias(ctx, &ts, count, &tbias, &tbias), SMASH_OK, "layer %d", (int)k);
        for (c = 0; c < layers[k].channels; c++) CHECK(near_to((double)bias[c], (double)c + want[c] / (double)seen, 1e-6), "layer %d, channel %d: %g", (int)k, (int)c, (double)bias[c]);
        if (k) continue;
        CHECK_ERR(ctx, smash_quant_add_error(ctx, 2, &ta, &tb, &ts, &count), SMASH_ERR_RANGE, "axis");
        CHECK_ERR(ctx, smash_quant_add_error(ctx, 0, &ta, &tb, &ts, &count), SMASH_ERR_SHAPE, "sum");
        CHECK_ERR(ctx, smash_quant_add_error(ctx, 1, &ta, &tb, &ts, NULL), SMASH_ERR_ARG, "count");
        CHECK_ERR(ctx, smash_quant_correct_bias(ctx, &ts, 0, &tbias, &tbias), SMASH_ERR_RANGE, "count 0");
        b[4] = float_of(INF);
        CHECK_ERR(ctx, smash_quant_add_error(ctx, 1, &ta, &tb, &ts, &count), SMASH_ERR_NONFINITE, "Inf");
        CHECK(ctx->index == 4 && count == seen, "%d", (int)ctx->index);
        sum[1] = 1e300;
        CHECK_ERR(ctx, smash_quant_correct_bias(ctx, &ts, 1, &tbias, &tbias), SMASH_ERR_NONFINITE, "beyond f32");
        CHECK(ctx->index == 1, "%d", (int)ctx->index);
    }
}

/* A convolution by its coordinates, in double: x [2, c, 5, 6], w [4, c / groups, kh, kw], zeros where it looks beyond the input. Returns outputs of a channel. */
typedef struct plane { size_t inputs, groups, kernel[2], stride, dilation, pad[2]; } plane;
static size_t convolve(const plane *p, const float *x, const float *w, const float *bias, float *y, size_t *high, size_t *wide)
{
    const size_t oh = (5 + 2 * p->pad[0] - (p->kernel[0] - 1) * p->dilation - 1) / p->stride + 1, ow = (6 + 2 * p->pad[1] - (p->kernel[1] - 1) * p->dilation - 1) / p->stride + 1;
    const size_t per = p->inputs / p->groups;
    size_t n, o, i, j, c, a, b;
    for (n = 0; n < 2; n++) for (o = 0; o < 4; o++) for (i = 0; i < oh; i++) for (j = 0; j < ow; j++) {
        double sum = (double)bias[o];
        for (c = 0; c < per; c++) for (a = 0; a < p->kernel[0]; a++) for (b = 0; b < p->kernel[1]; b++) {
            const size_t row = i * p->stride + a * p->dilation, column = j * p->stride + b * p->dilation, from = o / (4 / p->groups) * per + c;
            if (row < p->pad[0] || row >= 5 + p->pad[0] || column < p->pad[1] || column >= 6 + p->pad[1]) continue;
            sum += (double)w[((o * per + c) * p->kernel[0] + a) * p->kernel[1] + b] * (double)x[((n * p->inputs + from) * 5 + row - p->pad[0]) * 6 + column - p->pad[1]];
        }
        y[((n * 4 + o) * oh + i) * ow + j] = (float)sum;
    }
    *high = oh;
    *wide = ow;
    return 2 * oh * ow;
}

/* What is taken back is the mean of the outputs as they are: at padded borders, behind strides, too */
static void test_padded(smash_ctx *ctx)
{
    static const plane planes[] = { { 2, 1, { 1, 1 }, 1, 1, { 0, 0 } }, { 2, 1, { 3, 3 }, 1, 1, { 0, 0 } }, { 2, 1, { 3, 3 }, 1, 1, { 1, 1 } }, { 4, 2, { 3, 2 }, 2, 1, { 1, 0 } },
                                    { 4, 4, { 5, 5 }, 1, 1, { 2, 2 } },       { 2, 1, { 3, 3 }, 1, 2, { 2, 2 } },       { 2, 2, { 3, 3 }, 3, 1, { 4, 4 } } };
    static float x[2 * 4 * 30], w[200], q[200], a[2 * 4 * 200], b[2 * 4 * 200];
    static int8_t ints[200];
    uint64_t rng = 31, count;
    size_t k, i, o, batch, high = 0, wide = 0;
    for (k = 0; k < COUNT_OF(planes); k++) {
        const plane *p = &planes[k];
        const size_t shape[4] = { 4, p->inputs / p->groups, p->kernel[0], p->kernel[1] }, grid[4] = { 4, 1, 1, 1 }, n = 4 * shape[1] * shape[2] * shape[3];
        smash_quant_desc d = test_quant_desc(3, 0, SMASH_SYMMETRIC);
        float scale[4], bias[4], corrected[4];
        double sum[4] = { 0 }, left[4] = { 0 }, most = 0;
        const smash_tensor tw = test_view(SMASH_F32, w, 4, shape), tq = test_view(SMASH_F32, q, 4, shape), ti = test_view(SMASH_I8, ints, 4, shape), ts = test_view(SMASH_F32, scale, 4, grid);
        const smash_tensor tsum = row_view(sum, SMASH_F64, 4), tb = row_view(bias, SMASH_F32, 4), tc = row_view(corrected, SMASH_F32, 4);
        static float seen[3][2 * 4 * 30];
        d.grain = smash_grain_out_channel();
        for (i = 0; i < n; i++) w[i] = (float)uniform(&rng);
        for (o = 0; o < 4; o++) bias[o] = (float)uniform(&rng);
        CHECK_ERR(ctx, smash_quant_fit(ctx, &d, &tw, &ts, NULL), SMASH_OK, "plane %d", (int)k);
        CHECK_ERR(ctx, smash_quantize(ctx, &d, &tw, &ts, NULL, &ti), SMASH_OK, "plane %d", (int)k);
        CHECK_ERR(ctx, smash_dequantize(ctx, &d, &ti, &ts, NULL, &tq), SMASH_OK, "plane %d", (int)k);
        for (batch = 0, count = 0; batch < 3; batch++) {
            for (i = 0; i < 2 * p->inputs * 30; i++) seen[batch][i] = (float)(uniform(&rng) + 1.5);
            memcpy(x, seen[batch], sizeof x);
            convolve(p, x, w, bias, a, &high, &wide);
            convolve(p, x, q, bias, b, &high, &wide);
            {
                const size_t ys[4] = { 2, 4, high, wide };
                const smash_tensor ta = test_view(SMASH_F32, a, 4, ys), tb2 = test_view(SMASH_F32, b, 4, ys);
                CHECK_ERR(ctx, smash_quant_add_error(ctx, 1, &ta, &tb2, &tsum, &count), SMASH_OK, "plane %d", (int)k);
            }
        }
        CHECK(count == 3 * 2 * high * wide, "plane %d: %d", (int)k, (int)count);
        for (o = 0; o < 4; o++) if (magnitude(sum[o]) / (double)count > most) most = magnitude(sum[o]) / (double)count;
        CHECK(most > 0.01, "plane %d: nothing to correct, %g", (int)k, most);
        CHECK_ERR(ctx, smash_quant_correct_bias(ctx, &tsum, count, &tb, &tc), SMASH_OK, "plane %d", (int)k);
        for (batch = 0; batch < 3; batch++) {
            convolve(p, seen[batch], w, bias, a, &high, &wide);
            convolve(p, seen[batch], q, corrected, b, &high, &wide);
            for (i = 0; i < 2 * 4 * high * wide; i++) left[i / (high * wide) % 4] += (double)a[i] - (double)b[i];
        }
        for (o = 0; o < 4; o++) CHECK(magnitude(left[o]) / (double)count < 1e-6, "plane %d, channel %d: %g is left on average", (int)k, (int)o, left[o] / (double)count);
    }
}

/* ---- folding ---- */

static void test_fold(smash_ctx *ctx)
{
    size_t i, j, k;
    for (i = 0; i < COUNT_OF(golden_fold); i++) {
        static const size_t shape[2] = { 3, 4 };
        float w[12] = { 0 }, b[3] = { 0 }, v[4][3] = { { 0 } };
        const uint32_t *from[4];
        smash_tensor tw = test_view(SMASH_F32, w, 2, shape), tb = row_view(b, SMASH_F32, 3), t[4];
        smash_fold_desc d = SMASH_ZERO;
        from[0] = golden_fold[i].mean; from[1] = golden_fold[i].variance; from[2] = golden_fold[i].gamma; from[3] = golden_fold[i].beta;
        for (j = 0; j < 4; j++) { floats_of(from[j], v[j], 3); t[j] = row_view(v[j], SMASH_F32, 3); }
        floats_of(golden_fold[i].w, w, 12);
        floats_of(golden_fold[i].b, b, 3);
        d.epsilon = golden_fold[i].epsilon;
        CHECK_ERR(ctx, smash_quant_fold(ctx, &d, &t[0], &t[1], &t[2], &t[3], &tw, &tb, &tw, &tb), SMASH_OK, "row %d", (int)i);
        for (j = 0; j < 12; j++) CHECK(near_to((double)w[j], (double)float_of(golden_fold[i].folded_w[j]), 1e-6), "row %d, weight %d: %.9g", (int)i, (int)j, (double)w[j]);
        for (j = 0; j < 3; j++) CHECK(near_to((double)b[j], (double)float_of(golden_fold[i].folded_b[j]), 1e-6), "row %d, bias %d: %.9g", (int)i, (int)j, (double)b[j]);
    }
    {   /* every axis and groups: a folded number times the root is the number times gamma, by its place */
        static const struct { uint32_t axis, groups; size_t channels; } ways[] = { { 0, 0, 4 }, { 0, 2, 4 }, { 1, 0, 3 }, { 1, 1, 3 }, { 1, 2, 6 }, { 1, 4, 12 } };
        static const size_t shape[3] = { 4, 3, 5 };
        double w[60], out[60], bias[12], out_bias[12], v[4][12];
        uint64_t rng = 8;
        for (k = 0; k < COUNT_OF(ways); k++) for (i = 0; i < 4; i++) {
            const size_t C = ways[k].channels;
            const smash_tensor tw = test_view(SMASH_F64, w, 3, shape), to = test_view(SMASH_F64, out, 3, shape), tb = row_view(bias, SMASH_F64, C), tob = row_view(out_bias, SMASH_F64, C);
            const smash_tensor m = row_view(v[0], SMASH_F64, C), s = row_view(v[1], SMASH_F64, C), g = row_view(v[2], SMASH_F64, C), be = row_view(v[3], SMASH_F64, C);
            smash_fold_desc d = SMASH_ZERO;
            d.axis = ways[k].axis;
            d.groups = ways[k].groups;
            for (j = 0; j < 60; j++) w[j] = uniform(&rng);
            for (j = 0; j < C; j++) { bias[j] = uniform(&rng); v[0][j] = uniform(&rng); v[1][j] = 1 + uniform(&rng); v[2][j] = uniform(&rng); v[3][j] = uniform(&rng); }
            CHECK_ERR(ctx, smash_quant_fold(ctx, &d, &m, &s, i & 1 ? &g : NULL, i & 1 ? &be : NULL, &tw, i & 2 ? &tb : NULL, &to, &tob), SMASH_OK, "way %d", (int)k);
            for (j = 0; j < 60; j++) {
                const size_t row = j / 15, column = j / 5 % 3, c = ways[k].axis == 0 ? row : ways[k].groups > 1 ? row / (4 / ways[k].groups) * 3 + column : column;
                const double r = w[j] == 0 ? 0 : out[j] / w[j], gamma = i & 1 ? v[2][c] : 1;
                CHECK(near_to(r * r * (v[1][c] + 1e-5), gamma * gamma, 1e-12) && (r < 0) == (gamma < 0), "way %d, number %d: %g", (int)k, (int)j, out[j]);
                CHECK(near_to(out_bias[c], ((i & 2 ? bias[c] : 0) - v[0][c]) * r + (i & 1 ? v[3][c] : 0), 1e-10), "way %d, channel %d: %g", (int)k, (int)c, out_bias[c]);
            }
        }
    }
    {   /* refused */
        static const size_t shape[2] = { 2, 2 };
        float w[4] = { 1, 2, 3, 4 }, b[2] = { 0, 0 }, m[2] = { 0, 0 }, v[2] = { 0, 1 }, out[4] = { 7, 7, 7, 7 }, ob[2] = { 7, 7 };
        const smash_tensor tw = test_view(SMASH_F32, w, 2, shape), to = test_view(SMASH_F32, out, 2, shape), tb = row_view(b, SMASH_F32, 2), tob = row_view(ob, SMASH_F32, 2), tm = row_view(m, SMASH_F32, 2), tv = row_view(v, SMASH_F32, 2);
        const smash_tensor short1 = row_view(b, SMASH_F32, 1);
        smash_fold_desc d = SMASH_ZERO;
        CHECK_ERR(ctx, smash_quant_fold(ctx, NULL, &tm, &tv, NULL, NULL, &tw, NULL, &to, &tob), SMASH_OK, "a variance of 0");
        CHECK(near_to((double)out[0] * (double)out[0], 1e5, 1e-6) && ob[0] == 0, "%g", (double)out[0]);
        out[0] = ob[0] = 7;
        v[1] = -1e-9f;
        CHECK_ERR(ctx, smash_quant_fold(ctx, NULL, &tm, &tv, NULL, NULL, &tw, &tb, &to, &tob), SMASH_ERR_RANGE, "variance");
        CHECK(ctx->index == 1 && !strcmp(ctx->message, "element 1 of \"tensor\" is below 0, and a variance never is"), "%s", ctx->message);
        v[1] = 0;
        w[3] = 3e38f;
        CHECK_ERR(ctx, smash_quant_fold(ctx, NULL, &tm, &tv, NULL, NULL, &tw, &tb, &to, &tob), SMASH_ERR_NONFINITE, "too large");
        CHECK(ctx->index == 3 && out[0] == 7 && ob[0] == 7, "%d", (int)ctx->index);
        w[3] = float_of(NOT_A_NUMBER);
        CHECK_ERR(ctx, smash_quant_fold(ctx, NULL, &tm, &tv, NULL, NULL, &tw, &tb, &to, &tob), SMASH_ERR_NONFINITE, "NaN");
        w[3] = 4;
        d.axis = 2;
        CHECK_ERR(ctx, smash_quant_fold(ctx, &d, &tm, &tv, NULL, NULL, &tw, &tb, &to, &tob), SMASH_ERR_RANGE, "axis");
        d.axis = 1;
        d.groups = 3;
        CHECK_ERR(ctx, smash_quant_fold(ctx, &d, &tm, &tv, NULL, NULL, &tw, &tb, &to, &tob), SMASH_ERR_RANGE, "groups");
        d.groups = 0;
        d.epsilon = -1;
        CHECK_ERR(ctx, smash_quant_fold(ctx, &d, &tm, &tv, NULL, NULL, &tw, &tb, &to, &tob), SMASH_ERR_RANGE, "epsilon");
        d.epsilon = 0;
        d.zero_begin = 1;
        CHECK_ERR(ctx, smash_quant_fold(ctx, &d, &tm, &tv, NULL, NULL, &tw, &tb, &to, &tob), SMASH_ERR_ARG, "desc");
        CHECK_ERR(ctx, smash_quant_fold(ctx, NULL, &short1, &tv, NULL, NULL, &tw, &tb, &to, &tob), SMASH_ERR_SHAPE, "mean");
        CHECK_ERR(ctx, smash_quant_fold(ctx, NULL, &tm, &tv, NULL, &tob, &tw, &tb, &to, &tob), SMASH_ERR_ARG, "beta is the bias");
        CHECK_ERR(ctx, smash_quant_fold(ctx, NULL, &tm, &tv, NULL, NULL, &tw, &tb, &to, NULL), SMASH_ERR_ARG, "no bias");
    }
}

static void test_moments(smash_ctx *ctx)
{
    /* by hand: channels of 1 2 3 4 | 5 5 5 9 */
    static const size_t shape[3] = { 2, 2, 2 }, one[2] = { 1, 2 };
    float y[8] = { 1, 2, 5, 5, 3, 4, 5, 9 }, m[2], v[2];
    uint16_t h[2];
    const smash_tensor ty = test_view(SMASH_F32, y, 3, shape), tm = row_view(m, SMASH_F32, 2), tv = row_view(v, SMASH_F32, 2), t1 = test_view(SMASH_F32, y, 2, one), th = row_view(h, SMASH_F16, 2);
    CHECK_ERR(ctx, smash_quant_moments(ctx, 1, 1, &ty, &tm, &tv), SMASH_OK, "biased");
    CHECK(m[0] == 2.5f && m[1] == 6 && v[0] == 1.25f && v[1] == 3, "%g %g %g %g", (double)m[0], (double)m[1], (double)v[0], (double)v[1]);
    CHECK_ERR(ctx, smash_quant_moments(ctx, 1, 0, &ty, &tm, &tv), SMASH_OK, "unbiased");
    CHECK(v[0] == (float)(5.0 / 3) && v[1] == 4, "%g %g", (double)v[0], (double)v[1]);
    CHECK_ERR(ctx, smash_quant_moments(ctx, 1, 0, &t1, &tm, &tv), SMASH_ERR_RANGE, "one number");
    CHECK_ERR(ctx, smash_quant_moments(ctx, 1, 1, &t1, &tm, &tv), SMASH_OK, "one number");
    CHECK(m[1] == 2 && v[1] == 0, "%g %g", (double)m[1], (double)v[1]);
    CHECK_ERR(ctx, smash_quant_moments(ctx, 3, 1, &ty, &tm, &tv), SMASH_ERR_RANGE, "axis");
    CHECK_ERR(ctx, smash_quant_moments(ctx, 1, 1, &ty, &tm, &tm), SMASH_ERR_ARG, "the same");
    y[0] = 1e6f;
    CHECK_ERR(ctx, smash_quant_moments(ctx, 1, 1, &ty, &tm, &th), SMASH_ERR_NONFINITE, "F16");
    y[7] = float_of(INF);
    CHECK_ERR(ctx, smash_quant_moments(ctx, 1, 1, &ty, &tm, &tv), SMASH_ERR_NONFINITE, "Inf");
    CHECK(ctx->index == 7, "%d", (int)ctx->index);
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_golden(&ctx);
    test_linear(&ctx);
    test_lsq(&ctx);
    test_lsq_edges(&ctx);
    test_dorefa(&ctx);
    test_formulas(&ctx);
    test_ends(&ctx);
    test_bias(&ctx);
    test_correction(&ctx);
    test_padded(&ctx);
    test_fold(&ctx);
    test_moments(&ctx);
    return test_done();
}
