/* Fake quantization: against recordings of NNI v3, against quantize and dequantize, and against differences in double. */
#include "../smash.h"
#include "test.h"
#include "golden/fake_quantize.h"

/* ---- what NNI did ---- */

static void test_golden(smash_ctx *ctx)
{
    size_t i, j, one = 1;
    for (i = 0; i < COUNT_OF(golden_fake); i++) {
        smash_quant_desc d = SMASH_ZERO;
        size_t n = golden_fake[i].count;
        float x[64], y[64], gy[64], gx[64], scale_value = float_of(golden_fake[i].scale);
        smash_tensor tx = test_view(SMASH_F32, x, 1, &n), ty = test_view(SMASH_F32, y, 1, &n), tgy = test_view(SMASH_F32, gy, 1, &n), tgx = test_view(SMASH_F32, gx, 1, &n);
        smash_tensor scale = test_view(SMASH_F32, &scale_value, 1, &one), zero = test_view(SMASH_I32, &golden_fake[i].zero, 1, &one);
        int run;
        d.bits = golden_fake[i].bits;
        d.is_unsigned = golden_fake[i].is_unsigned;
        d.scheme = SMASH_AFFINE;
        for (run = 0; run < 4; run++) {
            ctx->no_simd = (uint32_t)run & 1;
            memcpy(x, golden_fake[i].x, n * 4);
            memcpy(gy, golden_fake[i].gy, n * 4);
            CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_PASS, &tx, &scale, &zero, &tgy, &tgx), SMASH_OK, "row %d", (int)i);
            CHECK(!memcmp(gx, golden_fake[i].gx_pass, n * 4), "row %d: gradient, pass", (int)i);
            CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_CLAMPED, &tx, &scale, &zero, &tgy, run & 2 ? &tgy : &tgx), SMASH_OK, "row %d", (int)i);
            for (j = 0; j < n; j++)
                CHECK(bits_of((run & 2 ? gy : gx)[j]) == golden_fake[i].gx_clamped[j], "row %d, number %d: gradient %.9g", (int)i, (int)j, (double)(run & 2 ? gy : gx)[j]);
            CHECK_ERR(ctx, smash_fake_quantize(ctx, &d, &tx, &scale, &zero, run & 2 ? &tx : &ty), SMASH_OK, "row %d", (int)i);
            for (j = 0; j < n; j++)                                 /* bits: signed zeros survive */
                CHECK(bits_of((run & 2 ? x : y)[j]) == golden_fake[i].y[j], "row %d, number %d: %.9g", (int)i, (int)j, (double)(run & 2 ? x : y)[j]);
        }
    }
    ctx->no_simd = 0;
}

/* ---- against the two calls it stands for, on every dtype, layout, grid, rounding, path ---- */

enum { MOST = 700 };
static const struct { size_t shape[2]; int32_t block[2]; } layouts[] = {
    { { 1, 1 }, { -1, -1 } },   { { 1, 31 }, { -1, -1 } }, { { 1, 32 }, { -1, -1 } },  { { 1, 33 }, { -1, -1 } }, { { 1, 321 }, { -1, -1 } }, { { 5, 13 }, { 1, 1 } },
    { { 7, 100 }, { 1, -1 } },  { { 3, 65 }, { 1, -1 } },  { { 9, 7 }, { -1, 1 } },    { { 3, 96 }, { 1, 32 } },  { { 6, 9 }, { 2, 3 } },     { { 4, 140 }, { 2, 35 } },
};
static const smash_dtype floats[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };

static double draw(uint64_t *rng, int kind)
{
    uint64_t r = smash_random(rng);
    double u = (double)(r >> 11) / 9007199254740992.0 * 2 - 1;
    switch (kind) {
    case 0:  return u * 3;
    case 1:  return r % 3 ? (r & 4 ? 0.0 : -0.0) : u * 1e-3;
    case 2:  return u * 1e-44;                                   /* f32 denormals */
    case 3:  return u * 60000;
    case 4:  return 0;
    case 5:  return 0.75;                                        /* constant */
    default: return (double)((int)(r % 41) - 20) * 0.125;        /* many ties */
    }
}

static void check_case(smash_ctx *ctx, size_t l, smash_dtype dtype, smash_quant_desc d, int kind, uint64_t *rng)
{
    size_t n = layouts[l].shape[0] * layouts[l].shape[1], i, each = smash_dtype_bits(dtype) / 8, offset;
    char *x = (char *)test_exact(n * each + 8), *y = (char *)test_exact(n * each), *g = (char *)test_exact(n * each), *out = (char *)test_exact(n * each);
    double back[MOST];
    float s[MOST];
    int32_t z[MOST];
    int32_t q[MOST], qmin, qmax;
    smash_tensor tx, ty = test_view(dtype, y, 2, layouts[l].shape), tq = test_view(SMASH_I32, q, 2, layouts[l].shape), tb = test_view(dtype, back, 2, layouts[l].shape), scale, zero;
    smash_tensor tg = test_view(dtype, g, 2, layouts[l].shape), tout = test_view(dtype, out, 2, layouts[l].shape);
    smash_grid grid;
    int run;
    d.grain = smash_grain_block(layouts[l].block, 2);
    CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_OK, "limits");
    for (run = 0; run < 8; run++) {
        offset = run & 4 ? (each < 8 ? each : 0) : 0;               /* misaligned for the wide registers */
        tx = test_view(dtype, x + offset, 2, layouts[l].shape);
        for (i = 0; i < n; i++) { set_number(dtype, tx.data, i, draw(rng, kind)); set_number(dtype, g, i, draw(rng, 0)); }
        CHECK_ERR(ctx, smash_grid_make(ctx, &d.grain, &tx, &grid), SMASH_OK, "grid");
        scale = test_view(SMASH_F32, s, 2, grid.count);
        zero = test_view(SMASH_I32, z, 2, grid.count);
        CHECK_ERR(ctx, smash_quant_fit(ctx, &d, &tx, &scale, &zero), SMASH_OK, "layout %d", (int)l);
        for (i = 0; i < grid.blocks; i++) s[i] *= i % 2 || kind == 2 ? 1.0f : 0.7f;         /* so that some numbers are clipped */
        ctx->no_simd = (uint32_t)run & 1;
        ctx->parallel = run & 2 ? test_backwards : NULL;
        CHECK_ERR(ctx, smash_quantize(ctx, &d, &tx, &scale, &zero, &tq), SMASH_OK, "layout %d", (int)l);
        CHECK_ERR(ctx, smash_dequantize(ctx, &d, &tq, &scale, &zero, &tb), SMASH_OK, "layout %d", (int)l);
        CHECK_ERR(ctx, smash_fake_quantize(ctx, &d, &tx, &scale, &zero, &ty), SMASH_OK, "layout %d", (int)l);
        CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_CLAMPED, &tx, &scale, &zero, &tg, &tout), SMASH_OK, "layout %d", (int)l);
        for (i = 0; i < n; i++) {
            size_t column = i % layouts[l].shape[1], row = i / layouts[l].shape[1], b = row / grid.block[0] * grid.count[1] + column / grid.block[1];
            double v = number_at(dtype, tx.data, i), got = number_at(dtype, y, i), want = number_at(dtype, back, i), t, gradient = number_at(dtype, g, i);
            float f = (float)v / s[b];
            f = (float)z[b] + f;
            t = dtype == SMASH_F64 ? (double)z[b] + v / (double)s[b] : (double)f;
            CHECK(got == want, "layout %d, %s, %u bits, way %u%u, number %d: %.9g, want %.9g", (int)l, smash_dtype_name(dtype), d.bits, d.full_range, d.rounding, (int)i, got, want);
            if (got == 0) {
                int negative = z[b] == 0 && t < 0 && !d.is_unsigned;
                got = 1 / got;
                CHECK((got < 0) == negative, "layout %d, %s, number %d of %.9g: wrong sign of zero", (int)l, smash_dtype_name(dtype), (int)i, v);
            }
            if (t < qmin || t > qmax) gradient = 0;
            CHECK(number_at(dtype, out, i) == gradient, "layout %d, %s, number %d: gradient %.9g, want %.9g", (int)l, smash_dtype_name(dtype), (int)i, number_at(dtype, out, i), gradient);
        }
        CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_CLAMPED, &tx, &scale, &zero, &tg, &tg), SMASH_OK, "layout %d", (int)l);
        CHECK(!memcmp(g, out, n * each), "layout %d, %s: a gradient in place differs", (int)l, smash_dtype_name(dtype));
        CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_PASS, &tx, &scale, &zero, &tg, &tout), SMASH_OK, "layout %d", (int)l);
        CHECK(!memcmp(g, out, n * each), "layout %d, %s: pass changed a gradient", (int)l, smash_dtype_name(dtype));
        CHECK_ERR(ctx, smash_fake_quantize(ctx, &d, &tx, &scale, &zero, &tx), SMASH_OK, "layout %d", (int)l);
        CHECK(!memcmp(tx.data, y, n * each), "layout %d, %s: in place differs", (int)l, smash_dtype_name(dtype));
    }
    ctx->no_simd = 0;
    ctx->parallel = NULL;
    free(x); free(y); free(g); free(out);
}

static void test_brute(smash_ctx *ctx)
{
    static const struct { uint32_t bits, is_unsigned; smash_scheme scheme; } grids[] = {
        { 1, 1, SMASH_SYMMETRIC }, { 1, 1, SMASH_AFFINE }, { 2, 0, SMASH_SYMMETRIC }, { 3, 1, SMASH_AFFINE }, { 4, 0, SMASH_AFFINE }, { 8, 0, SMASH_SYMMETRIC }, { 8, 1, SMASH_AFFINE },
        { 16, 0, SMASH_AFFINE }, { 16, 1, SMASH_SYMMETRIC },
    };
    uint64_t rng = 3;
    size_t g, l, f;
    int kind = 0;
    for (g = 0; g < COUNT_OF(grids); g++)
        for (l = 0; l < COUNT_OF(layouts); l++)
            for (f = 0; f < COUNT_OF(floats); f++, kind = (kind + 1) % 7) {
                smash_quant_desc d = SMASH_ZERO;
                d.bits = grids[g].bits;
                d.is_unsigned = grids[g].is_unsigned;
                d.scheme = grids[g].scheme;
                d.rounding = kind % 3 == 1 ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
                d.full_range = kind % 2 == 1;
                check_case(ctx, l, floats[f], d, kind, &rng);
            }
}

/* The clamped gradient is the derivative of what remains without the rounding, (clamp(zero + x/s) - zero) * s: central differences in double. */
static void test_differences(smash_ctx *ctx)
{
    enum { N = 200 };
    size_t n = N, one = 1, i;
    double x[N] = { 0 }, gy[N] = { 0 }, gx[N] = { 0 };
    float s = 0.037f;
    int32_t z;
    smash_tensor tx = test_view(SMASH_F64, x, 1, &n), tgy = test_view(SMASH_F64, gy, 1, &n), tgx = test_view(SMASH_F64, gx, 1, &n), scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(SMASH_I32, &z, 1, &one);
    for (z = -5; z <= 5; z += 5) {
        smash_quant_desc d = SMASH_ZERO;
        int32_t qmin, qmax;
        d.bits = 4;
        d.scheme = SMASH_AFFINE;
        CHECK_ERR(ctx, smash_quant_limits(ctx, &d, &qmin, &qmax), SMASH_OK, "limits");
        for (i = 0; i < n; i++) { x[i] = ((double)i - 100) * 0.00731; gy[i] = 1 + (double)i / 16; }
        CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_CLAMPED, &tx, &scale, &zero, &tgy, &tgx), SMASH_OK, "zero %d", (int)z);
        for (i = 0; i < n; i++) {
            const double h = 1e-6;
            double y[2], slope, edge_low = (qmin - z) * (double)s, edge_high = (qmax - z) * (double)s;
            int side;
            if ((x[i] > edge_low - h && x[i] < edge_low + h) || (x[i] > edge_high - h && x[i] < edge_high + h)) continue;      /* no derivative there */
            for (side = 0; side < 2; side++) {
                double t = z + (x[i] + (side ? h : -h)) / (double)s;
                y[side] = ((t < qmin ? qmin : t > qmax ? qmax : t) - z) * (double)s;
            }
            slope = (y[1] - y[0]) / (2 * h) * gy[i];
            CHECK(gx[i] > slope - 1e-6 && gx[i] < slope + 1e-6, "zero %d, x %.9g: %.9g, difference %.9g", (int)z, x[i], gx[i], slope);       /* roundings of 1e-16 / 2e-6, times 13 */
        }
    }
}

/* ---- failures ---- */

static void test_errors(smash_ctx *ctx)
{
    enum { GOOD, NO_X, NO_Y, NO_SCALE, INT_X, DTYPE_Y, SHAPE_Y, SHAPE_SCALE, OVERLAP, ALIAS_SCALE, CONST_Y, SCALE_ZERO, ZERO_HIGH, BITS, ROUNDING, GRAIN, EMPTY, ROWS };
    static const struct { const char *name; smash_err want; } rows[ROWS] = {
        { "good", SMASH_OK }, { "no x", SMASH_ERR_ARG }, { "no y", SMASH_ERR_ARG }, { "no scale", SMASH_ERR_ARG }, { "x of integers", SMASH_ERR_DTYPE }, { "y of another dtype", SMASH_ERR_DTYPE },
        { "shape of y", SMASH_ERR_SHAPE }, { "shape of scale", SMASH_ERR_SHAPE }, { "y overlaps x", SMASH_ERR_ARG }, { "y is scale", SMASH_ERR_ARG }, { "constant y", SMASH_ERR_ARG },
        { "scale 0", SMASH_ERR_RANGE }, { "zero point too high", SMASH_ERR_RANGE }, { "int1", SMASH_ERR_RANGE }, { "rounding 2", SMASH_ERR_ARG }, { "blocks that do not divide", SMASH_ERR_SHAPE },
        { "empty", SMASH_ERR_SHAPE },
    };
    int row, call;
    for (row = 0; row < ROWS; row++)
        for (call = 0; call < 2; call++) {
            static const size_t shape[2] = { 2, 3 }, grid[2] = { 2, 1 };
            smash_quant_desc d = SMASH_ZERO;
            float x[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, y[6] = { 9, 9, 9, 9, 9, 9 }, g[6] = { 0, 1, 2, 3, 4, 5 }, s[6] = { 0.1f, 0.1f };
            int32_t z[2] = { 0, 1 }, i;
            smash_err err;
            smash_tensor tx = test_view(SMASH_F32, x, 2, shape), ty = test_view(SMASH_F32, y, 2, shape), tg = test_view(SMASH_F32, g, 2, shape);
            smash_tensor scale = test_view(SMASH_F32, s, 2, grid), zero = test_view(SMASH_I32, z, 2, grid);
            d.grain = smash_grain_out_channel();
            switch (row) {
            case INT_X: tx.dtype = SMASH_I32; break;
            case DTYPE_Y: ty.dtype = SMASH_F16; break;
            case SHAPE_Y: ty.shape[0] = 3; ty.shape[1] = 2; break;
            case SHAPE_SCALE: scale.shape[0] = 1; break;
            case OVERLAP: if (call) ty.data = g + 1, ty.bytes = 20, ty.shape[0] = 1, tg.shape[0] = tx.shape[0] = 1, scale.shape[0] = zero.shape[0] = 1; else { ty.data = x + 1; } break;
            case ALIAS_SCALE: ty.data = s; break;
            case CONST_Y: ty.flags = SMASH_TENSOR_CONST; break;
            case SCALE_ZERO: s[1] = 0; break;
            case ZERO_HIGH: z[1] = 128; break;
            case BITS: d.bits = 1; break;
            case ROUNDING: d.rounding = (smash_rounding)test_int(2); break;
            case GRAIN: d.grain.kind = SMASH_GRAIN_BLOCK; d.grain.block_count = 2; d.grain.block[0] = 1; d.grain.block[1] = 2; break;
            case EMPTY: tx.shape[1] = ty.shape[1] = tg.shape[1] = 0; break;
            default: break;
            }
            if (call == 0) err = smash_fake_quantize(ctx, &d, row == NO_X ? NULL : &tx, row == NO_SCALE ? NULL : &scale, &zero, row == NO_Y ? NULL : &ty);
            else err = smash_fake_quantize_gradient(ctx, &d, SMASH_GRADIENT_CLAMPED, row == NO_X ? NULL : &tx, row == NO_SCALE ? NULL : &scale, &zero, &tg, row == NO_Y ? NULL : &ty);
            CHECK(err == rows[row].want && (!err || ctx->message[0]), "%s, call %d: %s, %s", rows[row].name, call, smash_err_name(err), ctx->message);
            if (err) for (i = 0; i < 6; i++) CHECK(y[i] == 9 && x[i] == (float)(i + 1) && g[i] == (float)i, "%s: output %d was touched", rows[row].name, (int)i);
            smash_ctx_reset(ctx);
        }
    {
        size_t one = 1;
        float x = 1, s = 1;
        smash_tensor t = test_view(SMASH_F32, &x, 1, &one), scale = test_view(SMASH_F32, &s, 1, &one);
        CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, NULL, (smash_gradient)test_int(2), &t, &scale, NULL, &t, &t), SMASH_ERR_ARG, "gradient 2");
        CHECK_ERR(ctx, smash_fake_quantize_gradient(ctx, NULL, SMASH_GRADIENT_PASS, &t, &scale, NULL, &t, &t), SMASH_ERR_ARG, "a gradient on top of x");
        CHECK(smash_fake_quantize(NULL, NULL, &t, &scale, NULL, &t) == SMASH_OK && x == 1, "no ctx");
    }
}

/* NaN and Inf are told by their index, in place as well, x before gradients. */
static void test_nonfinite(smash_ctx *ctx)
{
    static const struct { size_t n, at; smash_dtype dtype; } rows[] = {
        { 1, 0, SMASH_F32 }, { 5, 4, SMASH_F32 }, { 64, 63, SMASH_F32 }, { 300, 129, SMASH_F32 }, { 70000, 65536, SMASH_F32 }, { 33, 32, SMASH_F16 }, { 200, 101, SMASH_BF16 }, { 9, 3, SMASH_F64 },
    };
    static const uint32_t values[] = { 0x7F800000u, 0xFF800000u, 0x7FC00000u, 0xFFC00000u };
    size_t r, v, i, one = 1;
    int run, call;
    for (r = 0; r < COUNT_OF(rows); r++)
        for (v = 0; v < COUNT_OF(values); v++)
            for (run = 0; run < 4; run++)
                for (call = 0; call < 4; call++) {                   /* forward, forward in place, backward with a bad x, with a bad gradient in place */
                    size_t n = rows[r].n;
                    void *x = test_exact(n * 8), *y = test_exact(n * 8), *g = test_exact(n * 8);
                    float s = 0.5f;
                    smash_tensor tx = test_view(rows[r].dtype, x, 1, &n), ty = test_view(rows[r].dtype, y, 1, &n), tg = test_view(rows[r].dtype, g, 1, &n), scale = test_view(SMASH_F32, &s, 1, &one);
                    smash_err err;
                    for (i = 0; i < n; i++) { set_number(rows[r].dtype, x, i, (double)(i % 700)); set_number(rows[r].dtype, g, i, (double)(i % 7)); }
                    set_number(rows[r].dtype, call == 3 ? g : x, rows[r].at, (double)float_of(values[v]));
                    tx.name = "x";
                    tg.name = "g";
                    smash_ctx_reset(ctx);
                    ctx->no_simd = (uint32_t)run & 1;
                    ctx->parallel = run & 2 ? test_backwards : NULL;
                    if (call < 2) err = smash_fake_quantize(ctx, NULL, &tx, &scale, NULL, call ? &tx : &ty);
                    else          err = smash_fake_quantize_gradient(ctx, NULL, SMASH_GRADIENT_CLAMPED, &tx, &scale, NULL, &tg, call == 3 ? &tg : &ty);
                    CHECK(err == SMASH_ERR_NONFINITE && ctx->index == rows[r].at && strstr(ctx->message, call == 3 ? "of \"g\"" : "of \"x\""), "row %d, value %d, call %d: %s", (int)r, (int)v, call, ctx->message);
                    free(x); free(y); free(g);
                }
    ctx->no_simd = 0;
    ctx->parallel = NULL;
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_golden(&ctx);
    test_brute(&ctx);
    test_differences(&ctx);
    test_errors(&ctx);
    test_nonfinite(&ctx);
    return test_done();
}
