/* Distillation: losses against recordings of NNI v3 and against sums written out here, gradients against differences in double, and
 * projections. Exponentials and logarithms here are those of the core section, which the losses do not use for their own: theirs are within 2.5e-12. */
#include "../smash.h"
#include "test.h"
#include "golden/config_list_distill.h"

static const smash_dtype floats[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };
static const char *const kinds[] = { "mse", "kl", "cosine", "attention" };

static double draw(uint64_t *rng) { return (double)(smash_random(rng) >> 11) / 9007199254740992.0 * 2 - 1; }
static double apart(double a, double b) { return a > b ? a - b : b - a; }

/* ---- the formulas, in doubles ---- */

static double lse(const double *x, size_t n, double temperature)
{
    double most = x[0], sum = 0;
    size_t i;
    for (i = 1; i < n; i++) if (x[i] > most) most = x[i];
    for (i = 0; i < n; i++) sum += smash_exp((x[i] - most) / temperature);
    return most / temperature + smash_log(sum);
}

/* outer x columns; for attention outer samples of channels cx, cy and `columns` places */
static double formula(const smash_loss_desc *d, const double *x, const double *y, size_t dim0, size_t rows, size_t columns, size_t cx, size_t cy)
{
    const double lambda = d->lambda == 0 ? 1 : d->lambda, t = d->temperature == 0 ? 2 : d->temperature;
    double sum = 0;
    size_t r, i, c;
    if (d->kind == SMASH_LOSS_MSE) {
        for (i = 0; i < rows * columns; i++) sum += (x[i] - y[i]) * (x[i] - y[i]);
        return lambda * sum / (double)(rows * columns);
    }
    for (r = 0; r < rows; r++) {
        const double *a = x + r * columns, *b = y + r * columns;
        if (d->kind == SMASH_LOSS_KL) {
            const double la = lse(a, columns, t), lb = lse(b, columns, t);
            for (i = 0; i < columns; i++) sum += smash_exp(b[i] / t - lb) * ((b[i] / t - lb) - (a[i] / t - la));
        } else if (d->kind == SMASH_LOSS_COSINE) {
            double aa = 0, bb = 0, ab = 0;
            for (i = 0; i < columns; i++) { aa += a[i] * a[i]; bb += b[i] * b[i]; ab += a[i] * b[i]; }
            sum += 1 - (aa > 0 && bb > 0 ? ab / smash_sqrt(aa * bb) : aa == 0 && bb == 0 ? 1 : 0);
        } else {
            double ma[64], mb[64], aa = 0, bb = 0;
            for (i = 0; i < columns; i++) {
                for (ma[i] = 0, c = 0; c < cx; c++) ma[i] += x[(r * cx + c) * columns + i] * x[(r * cx + c) * columns + i];
                for (mb[i] = 0, c = 0; c < cy; c++) mb[i] += y[(r * cy + c) * columns + i] * y[(r * cy + c) * columns + i];
                aa += ma[i] * ma[i];
                bb += mb[i] * mb[i];
            }
            for (i = 0; i < columns; i++) {
                const double e = (aa > 0 ? ma[i] / smash_sqrt(aa) : 0) - (bb > 0 ? mb[i] / smash_sqrt(bb) : 0);
                sum += e * e;
            }
        }
    }
    if (d->kind == SMASH_LOSS_KL) return lambda * t * t * sum / (double)(d->all_rows ? rows : dim0);
    return lambda * sum / (double)(d->kind == SMASH_LOSS_COSINE ? rows : rows * columns);
}

/* T^2 times what the exponentials may be off by, of student and teacher */
static double kl_limit(const smash_loss_desc *d)
{
    const double t = d->temperature == 0 ? 2 : d->temperature;
    return 5e-12 * t * t + 1e-12;
}

/* ---- what NNI computed ---- */

static void test_golden(smash_ctx *ctx)
{
    size_t i;
    for (i = 0; i < COUNT_OF(golden_distill); i++) {
        smash_tensor s = test_view(SMASH_F32, golden_distill[i].student, 2, golden_distill[i].shape), t = test_view(SMASH_F32, golden_distill[i].teacher, 2, golden_distill[i].shape);
        smash_loss_desc d = SMASH_ZERO;
        double loss = -1;
        CHECK_ERR(ctx, smash_loss(ctx, NULL, &s, &t, &loss, NULL), SMASH_OK, "row %d", (int)i);
        CHECK(apart(loss, golden_distill[i].mse) < 1e-6 * golden_distill[i].mse, "row %d: mse %.9g", (int)i, loss);       /* they summed in float */
        d.kind = SMASH_LOSS_KL;
        CHECK_ERR(ctx, smash_loss(ctx, &d, &s, &t, &loss, NULL), SMASH_OK, "row %d", (int)i);
        CHECK(apart(loss, golden_distill[i].kl) < 1e-6 * golden_distill[i].kl, "row %d: kl %.9g", (int)i, loss);
        d.lambda = 0.5;
        CHECK_ERR(ctx, smash_loss(ctx, &d, &s, &t, &loss, NULL), SMASH_OK, "row %d", (int)i);
        CHECK(apart(2 * loss, golden_distill[i].kl) < 1e-6 * golden_distill[i].kl, "row %d: kl, lambda 0.5, %.9g", (int)i, loss);
    }
}

/* ---- losses and gradients of every kind, dtype and shape ---- */

enum { MOST = 1400 };
static const struct { uint32_t ndim; size_t shape[4], channels; } shapes[] = {
    { 1, { 1 }, 0 }, { 1, { 9 }, 0 }, { 2, { 5, 1 }, 0 }, { 2, { 4, 16 }, 0 }, { 2, { 3, 15 }, 0 }, { 2, { 2, 17 }, 0 }, { 2, { 1, 200 }, 0 }, { 3, { 2, 3, 33 }, 0 }, { 0, { 0 }, 0 },
    { 3, { 2, 3, 5 }, 1 }, { 4, { 2, 3, 3, 3 }, 5 }, { 4, { 1, 1, 4, 4 }, 1 }, { 4, { 3, 2, 1, 1 }, 2 }, { 4, { 2, 4, 3, 7 }, 4 } };

static void test_formulas(smash_ctx *ctx)
{
    static double x[MOST], y[MOST], raw_x[MOST], raw_y[MOST];
    static float g[MOST], again[MOST];
    uint64_t rng = 5;
    size_t k, s, f, i, n, m;
    for (k = 0; k < 4; k++)
        for (s = 0; s < COUNT_OF(shapes); s++)
            for (f = 0; f < 8; f++) {
                const uint32_t ndim = shapes[s].ndim;
                size_t other[4], rows, columns, cx = 0, cy = 0, dim0;
                smash_loss_desc d = SMASH_ZERO;
                smash_tensor tx, ty, tg;
                double loss = 0, plain = 0, want, limit;
                if ((k == SMASH_LOSS_ATTENTION) != (shapes[s].channels != 0)) continue;
                memcpy(other, shapes[s].shape, sizeof other);
                if (k == SMASH_LOSS_ATTENTION) other[1] = shapes[s].channels;
                tx = test_view(floats[f % 4], raw_x, ndim, shapes[s].shape);
                ty = test_view(floats[f < 4 ? f % 4 : (f + 1) % 4], raw_y, ndim, other);
                tg = test_view(SMASH_F32, g, ndim, shapes[s].shape);
                smash_tensor_count(&tx, &n);
                smash_tensor_count(&ty, &m);
                d.kind = (smash_loss_kind)k;
                d.lambda = f & 1 ? 0.7 : 0;
                d.temperature = f % 3 == 1 ? 1 : f % 3 == 2 ? 5.5 : 0;
                d.all_rows = f & 2 ? 1 : 0;
                for (i = 0; i < n; i++) { set_number(tx.dtype, raw_x, i, 3 * draw(&rng)); x[i] = number_at(tx.dtype, raw_x, i); }
                for (i = 0; i < m; i++) { set_number(ty.dtype, raw_y, i, 3 * draw(&rng)); y[i] = number_at(ty.dtype, raw_y, i); }
                if (k == SMASH_LOSS_ATTENTION) {
                    rows = shapes[s].shape[0];
                    cx = shapes[s].shape[1];
                    cy = other[1];
                    columns = n / rows / cx;
                } else {
                    columns = ndim ? shapes[s].shape[ndim - 1] : 1;
                    rows = n / columns;
                }
                dim0 = ndim ? shapes[s].shape[0] : 1;
                want = formula(&d, x, y, dim0, rows, columns, cx, cy);
                memset(g, 0x5A, sizeof g);
                CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_OK, "%s, shape %d, dtypes %d", kinds[k], (int)s, (int)f);
                limit = k == SMASH_LOSS_KL ? kl_limit(&d) * (want + 1) : 1e-13 * (want + 1);
                CHECK(apart(loss, want) <= limit, "%s, shape %d, dtypes %d: %.17g, want %.17g", kinds[k], (int)s, (int)f, loss, want);
                CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &plain, NULL), SMASH_OK, "%s", kinds[k]);
                CHECK(bits64_of(plain) == bits64_of(loss), "%s, shape %d, dtypes %d: the gradient changes the loss", kinds[k], (int)s, (int)f);
                for (i = 0; i < n; i++) {                           /* central differences: (f(x+h) - f(x-h)) / 2h, off by h^2 and 1e-16 / h */
                    const double h = 1e-5, at = x[i];
                    double up, down, slope;
                    x[i] = at + h;
                    up = formula(&d, x, y, dim0, rows, columns, cx, cy);
                    x[i] = at - h;
                    down = formula(&d, x, y, dim0, rows, columns, cx, cy);
                    x[i] = at;
                    slope = (up - down) / (2 * h);
                    limit = 1e-8 + 1e-6 * (slope < 0 ? -slope : slope);
                    CHECK(apart((double)g[i], slope) <= limit, "%s, shape %d, dtypes %d, number %d: gradient %.9g, difference %.9g", kinds[k], (int)s, (int)f, (int)i, (double)g[i], slope);
                }
                ctx->no_simd = 1;
                tg.data = again;
                CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &plain, &tg), SMASH_OK, "%s", kinds[k]);
                CHECK(bits64_of(plain) == bits64_of(loss) && !memcmp(g, again, n * sizeof *g), "%s, shape %d, dtypes %d: scalar code differs", kinds[k], (int)s, (int)f);
                ctx->no_simd = 0;
            }
}

/* A student that is its teacher, rows of zeros, extremes */
static void test_edges(smash_ctx *ctx)
{
    static const size_t shape[3] = { 2, 2, 3 };
    static const double temperatures[] = { 1e-6, 0.01, 1, 100, 1e6 };
    double x[12] = { 0 }, y[12] = { 0 }, loss, want;
    float g[12] = { 0 };
    smash_tensor tx = test_view(SMASH_F64, x, 3, shape), ty = test_view(SMASH_F64, y, 3, shape), tg = test_view(SMASH_F32, g, 3, shape);
    uint64_t rng = 8;
    size_t k, i;
    for (k = 0; k < 4; k++) {
        smash_loss_desc d = SMASH_ZERO;
        d.kind = (smash_loss_kind)k;
        for (i = 0; i < 12; i++) y[i] = x[i] = 1e4 * draw(&rng);
        loss = -1;
        CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_OK, "%s", kinds[k]);
        CHECK(loss >= 0 && loss < 1e-15, "%s of equal tensors: %.9g", kinds[k], loss);
        for (i = 0; i < 12; i++) CHECK(apart((double)g[i], 0) < 1e-18, "%s of equal tensors, gradient %d: %.9g", kinds[k], (int)i, (double)g[i]);
        for (i = 0; i < 12; i++) x[i] = y[i] = 0;
        CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_OK, "%s", kinds[k]);
        CHECK(loss == 0, "%s of zeros: %.9g", kinds[k], loss);
        for (i = 0; i < 12; i++) y[i] = 1;
        CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_OK, "%s", kinds[k]);
        want = k == SMASH_LOSS_MSE ? 1 : k == SMASH_LOSS_KL ? 0 : k == SMASH_LOSS_COSINE ? 1 : 1.0 / 3;
        CHECK(apart(loss, want) < (k == SMASH_LOSS_KL ? kl_limit(&d) : 1e-15), "%s of zeros and ones: %.9g", kinds[k], loss);
        if (k >= SMASH_LOSS_COSINE) for (i = 0; i < 12; i++) CHECK(g[i] == 0, "%s of zeros, gradient %d: %.9g", kinds[k], (int)i, (double)g[i]);
    }
    for (k = 0; k < COUNT_OF(temperatures); k++) {
        smash_loss_desc d = SMASH_ZERO;
        d.kind = SMASH_LOSS_KL;
        d.temperature = temperatures[k];
        for (i = 0; i < 12; i++) { x[i] = 3 * draw(&rng); y[i] = 3 * draw(&rng); }
        CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_OK, "temperature %g", temperatures[k]);
        want = formula(&d, x, y, 2, 4, 3, 0, 0);
        CHECK(apart(loss, want) < 1e-12 * want + kl_limit(&d), "temperature %g: %.17g, want %.17g", temperatures[k], loss, want);
        for (i = 0; i < 12; i++) CHECK(smash_is_finite(g[i]), "temperature %g: gradient %d", temperatures[k], (int)i);
    }
    {                                                               /* what is beyond f32 becomes its largest number; a loss beyond double is refused */
        smash_loss_desc d = SMASH_ZERO;
        d.lambda = 1e30;
        for (i = 0; i < 12; i++) { x[i] = i & 1 ? 1e20 : -1e20; y[i] = 0; }
        CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_OK, "large");
        CHECK(bits_of(g[1]) == 0x7F7FFFFFu && bits_of(g[0]) == 0xFF7FFFFFu, "gradients %g %g", (double)g[0], (double)g[1]);
        for (i = 0; i < 12; i++) x[i] = 1e200;
        CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, NULL), SMASH_ERR_RANGE, "overflow");
        CHECK(!strcmp(ctx->message, "the loss of \"tensor\" is beyond what a double holds"), "%s", ctx->message);
    }
}

/* Logits of +-1e4, 256 Ki of them; many rows; one and several pieces of work in any order */
static void test_large(smash_ctx *ctx)
{
    enum { VOCABULARY = 262144 };
    static const size_t shapes_of[3][2] = { { 1, VOCABULARY }, { 2, VOCABULARY / 2 }, { VOCABULARY / 7, 7 } };
    float *x = (float *)test_exact(VOCABULARY * sizeof *x), *y = (float *)test_exact(VOCABULARY * sizeof *y), *g = (float *)test_exact(VOCABULARY * sizeof *g), *again = (float *)test_exact(VOCABULARY * sizeof *again);
    double *dx = (double *)test_exact(VOCABULARY * sizeof *dx), *dy = (double *)test_exact(VOCABULARY * sizeof *dy);
    uint64_t rng = 3;
    size_t s, k, i, n;
    for (s = 0; s < 3; s++)
        for (k = 0; k < 3; k++) {
            smash_tensor tx = test_view(SMASH_F32, x, 2, shapes_of[s]), ty = test_view(SMASH_F32, y, 2, shapes_of[s]), tg = test_view(SMASH_F32, g, 2, shapes_of[s]);
            smash_loss_desc d = SMASH_ZERO;
            double loss = 0, other = 0, want;
            int way;
            d.kind = (smash_loss_kind)k;
            n = shapes_of[s][0] * shapes_of[s][1];
            for (i = 0; i < n; i++) {
                x[i] = (float)(draw(&rng) * (s == 1 ? 1e4 : 4));
                y[i] = (float)(draw(&rng) * (s == 1 ? 1e4 : 4));
                dx[i] = (double)x[i];
                dy[i] = (double)y[i];
            }
            CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_OK, "%s, shape %d", kinds[k], (int)s);
            want = formula(&d, dx, dy, shapes_of[s][0], shapes_of[s][0], shapes_of[s][1], 0, 0);
            CHECK(apart(loss, want) < 2e-12 * want, "%s, shape %d: %.17g, want %.17g", kinds[k], (int)s, loss, want);
            for (way = 1; way < 4; way++) {
                ctx->no_simd = (uint32_t)way & 1;
                ctx->parallel = way & 2 ? test_backwards : NULL;
                tg.data = again;
                CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &other, &tg), SMASH_OK, "%s, shape %d", kinds[k], (int)s);
                CHECK(bits64_of(loss) == bits64_of(other) && !memcmp(g, again, n * sizeof *g), "%s, shape %d, way %d: other bytes", kinds[k], (int)s, way);
            }
            ctx->no_simd = 0;
            ctx->parallel = NULL;
        }
    free(x); free(y); free(g); free(again); free(dx); free(dy);
}

/* Two logits: every exponential there is, near 0 and far from it, and where one becomes the other */
static void test_exponentials(smash_ctx *ctx)
{
    static const size_t shape[2] = { 1, 2 };
    static const double bases[] = { 0, 20, 177.44567822334599, -177.44567822334599, 178, -178, 700, -700, 1e4, -1e4, 1e6, 1e15, -1e300 };
    double x[2] = { 0, 0 }, y[2] = { 0, 0 }, worst = 0;
    smash_tensor tx = test_view(SMASH_F64, x, 2, shape), ty = test_view(SMASH_F64, y, 2, shape);
    smash_loss_desc d = SMASH_ZERO;
    uint64_t rng = 21;
    size_t b, i;
    d.kind = SMASH_LOSS_KL;
    d.temperature = 1;
    for (b = 0; b < COUNT_OF(bases); b++)
        for (i = 0; i < 4000; i++) {
            const double wide = i % 4 == 0 ? 0.1 : i % 4 == 1 ? 3 : i % 4 == 2 ? 40 : 2000;
            double loss = 0, want, off;
            x[0] = bases[b] + (i & 64 ? 0 : wide * draw(&rng));
            x[1] = x[0] + wide * draw(&rng);
            y[0] = (i & 128 ? -bases[b] : bases[b]) + wide * draw(&rng);
            y[1] = i & 256 ? y[0] : y[0] + wide * draw(&rng);
            ctx->no_simd = (uint32_t)(i % 3);
            CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, NULL), SMASH_OK, "%g", bases[b]);
            x[1] -= x[0]; x[0] = 0;                                 /* exact, or as near as the two are */
            y[1] -= y[0]; y[0] = 0;
            want = formula(&d, x, y, 1, 1, 2, 0, 0);
            off = apart(loss, want) / (1 + apart(x[1], y[1]));
            if (off > worst) worst = off;
            CHECK(off < 5e-12, "at %g: logits 0 %.17g and 0 %.17g: %.17g, want %.17g", bases[b], x[1], y[1], loss, want);
        }
    CHECK(worst > 1e-13, "%g: what is measured here?", worst);
    ctx->no_simd = 0;
}

/* Rows of every length, at every address, moderate and extreme, with ties: the same bytes from each kind of code */
static void test_ways(smash_ctx *ctx)
{
    enum { LONGEST = 83 };
    static double x[LONGEST + 3], y[LONGEST + 3];
    static float g[LONGEST + 3], again[LONGEST + 3];
    static const double sizes[] = { 1, 30, 500, 1e4, 3e38 };
    uint64_t rng = 2;
    size_t n, at, k, i;
    uint32_t way;
    for (n = 1; n <= LONGEST; n++)
        for (k = 0; k < 2 * COUNT_OF(sizes); k++) {
            const smash_dtype dtype = k & 1 ? SMASH_F64 : SMASH_F32;
            const size_t shape[2] = { 1, n }, width = k & 1 ? 8 : 4;
            at = n % 3;
            for (i = 0; i < n + at; i++) {
                set_number(dtype, x, i, sizes[k / 2] * draw(&rng));
                set_number(dtype, y, i, i % 5 == 1 ? sizes[k / 2] : sizes[k / 2] * draw(&rng));
            }
            for (way = 0; way < 3; way++) {
                static double first;
                double loss = 0;
                smash_tensor tx = test_view(dtype, (char *)x + at * width, 2, shape), ty = test_view(dtype, (char *)y + at * width, 2, shape), tg = test_view(SMASH_F32, (way ? again : g) + at, 2, shape);
                smash_loss_desc d = SMASH_ZERO;
                d.kind = SMASH_LOSS_KL;
                ctx->no_simd = way;
                CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_OK, "%d numbers", (int)n);
                if (!way) first = loss;
                else CHECK(bits64_of(loss) == bits64_of(first) && !memcmp(g + at, again + at, n * sizeof *g), "%d numbers of up to %g, way %d: %.17g, not %.17g", (int)n, sizes[k / 2], (int)way, loss, first);
            }
        }
    ctx->no_simd = 0;
}

/* ---- projection ---- */

static void test_projection(smash_ctx *ctx)
{
    enum { I = 19, O = 5, R = 6 };
    static const size_t xs[3] = { 2, 3, I }, ws[2] = { O, I }, os[3] = { 2, 3, O };
    double raw[R * I];
    float w[O * I] = { 0 }, b[O] = { 0 }, out[R * O], again[R * O], go[R * O] = { 0 }, gx[R * I], gw[O * I], gb[O];
    const size_t five = O;
    smash_tensor tw = test_view(SMASH_F32, w, 2, ws), tb = test_view(SMASH_F32, b, 1, &five), to = test_view(SMASH_F32, out, 3, os), tgo = test_view(SMASH_F32, go, 3, os);
    smash_tensor tgx = test_view(SMASH_F32, gx, 3, xs), tgw = test_view(SMASH_F32, gw, 2, ws), tgb = test_view(SMASH_F32, gb, 1, &five);
    uint64_t rng = 77;
    size_t f, r, o, i;
    for (f = 0; f < 4; f++) {
        smash_tensor tx = test_view(floats[f], raw, 3, xs);
        CHECK_ERR(ctx, smash_loss_projection_init(ctx, f, &tw, &tb), SMASH_OK, "init");
        for (i = 0; i < R * I; i++) set_number(floats[f], raw, i, draw(&rng));
        for (i = 0; i < R * O; i++) go[i] = (float)draw(&rng);
        CHECK_ERR(ctx, smash_loss_project(ctx, &tx, &tw, &tb, &to), SMASH_OK, "project");
        memcpy(again, out, sizeof out);
        for (r = 0; r < R; r++)
            for (o = 0; o < O; o++) {
                double sum = (double)b[o];
                for (i = 0; i < I; i++) sum += number_at(floats[f], raw, r * I + i) * (double)w[o * I + i];
                CHECK(apart((double)out[r * O + o], sum) < 1e-7, "dtype %d: out %d %d: %.9g, want %.9g", (int)f, (int)r, (int)o, (double)out[r * O + o], sum);
            }
        CHECK_ERR(ctx, smash_loss_project_backward(ctx, &tx, &tw, &tgo, &tgx, &tgw, &tgb), SMASH_OK, "backward");
        for (r = 0; r < R; r++)
            for (i = 0; i < I; i++) {
                double sum = 0;
                for (o = 0; o < O; o++) sum += (double)go[r * O + o] * (double)w[o * I + i];
                CHECK(apart((double)gx[r * I + i], sum) < 1e-7, "dtype %d: student's gradient %d %d", (int)f, (int)r, (int)i);
            }
        for (o = 0; o < O; o++) {
            double bias = 0;
            for (r = 0; r < R; r++) bias += (double)go[r * O + o];
            CHECK(apart((double)gb[o], bias) < 1e-6, "dtype %d: bias's gradient %d", (int)f, (int)o);
            for (i = 0; i < I; i++) {
                double sum = 0;
                for (r = 0; r < R; r++) sum += (double)go[r * O + o] * number_at(floats[f], raw, r * I + i);
                CHECK(apart((double)gw[o * I + i], sum) < 1e-6, "dtype %d: weight's gradient %d %d", (int)f, (int)o, (int)i);
            }
        }
        ctx->no_simd = 1;
        ctx->parallel = test_backwards;
        CHECK_ERR(ctx, smash_loss_project(ctx, &tx, &tw, &tb, &to), SMASH_OK, "project");
        CHECK(!memcmp(out, again, sizeof out), "dtype %d: scalar code, backwards: other bytes", (int)f);
        ctx->no_simd = 0;
        ctx->parallel = NULL;
        CHECK_ERR(ctx, smash_loss_project(NULL, &tx, &tw, NULL, &to), SMASH_OK, "no ctx, no bias");
        for (i = 0; i < O; i++) CHECK(apart((double)out[i] + (double)b[i], (double)again[i]) < 1e-6, "no bias: %d", (int)i);
        CHECK_ERR(ctx, smash_loss_project_backward(ctx, &tx, &tw, &tgo, NULL, NULL, NULL), SMASH_OK, "nothing asked for");
        CHECK_ERR(ctx, smash_loss_project(ctx, &tx, &tw, &tb, &tgx), SMASH_ERR_SHAPE, "shape");
        CHECK_ERR(ctx, smash_loss_project(ctx, &tx, &tw, &tw, &to), SMASH_ERR_SHAPE, "bias");
        CHECK_ERR(ctx, smash_loss_project(ctx, &to, &tw, &tb, &to), SMASH_ERR_SHAPE, "student");
        CHECK(!strcmp(ctx->message, "weight \"tensor\" has shape [5, 19], student \"tensor\" [2, 3, 5]; it must be [outputs, last dim of the student]"), "%s", ctx->message);
        CHECK_ERR(ctx, smash_loss_project_backward(ctx, &tx, &tw, &tgo, NULL, &tw, NULL), SMASH_ERR_ARG, "shared memory");
        CHECK_ERR(ctx, smash_loss_projection_init(ctx, 1, &tb, NULL), SMASH_ERR_SHAPE, "init");
    }
    {                                                               /* uniform in +-1/sqrt(64) */
        static float many[64 * 64];
        static const size_t square[2] = { 64, 64 };
        smash_tensor tm = test_view(SMASH_F32, many, 2, square);
        double sum = 0, squares = 0;
        CHECK_ERR(ctx, smash_loss_projection_init(ctx, 9, &tm, NULL), SMASH_OK, "init");
        for (i = 0; i < 4096; i++) {
            CHECK(many[i] >= -0.125f && many[i] <= 0.125f, "number %d: %g", (int)i, (double)many[i]);
            sum += (double)many[i];
            squares += (double)many[i] * (double)many[i];
        }
        CHECK(apart(sum / 4096, 0) < 0.006 && apart(squares / 4096, 0.125 * 0.125 / 3) < 3e-4, "mean %g, squares %g", sum / 4096, squares / 4096);   /* 5 sigma */
    }
}

/* Student, weight and bias of a projection in front of each loss: gradients against differences in double of both formulas together */
static double projected_loss(const smash_loss_desc *d, const double *v, const double *y, size_t rows, size_t in, size_t outs)
{
    double out[64];
    const double *w = v + rows * in, *b = w + outs * in;
    size_t r, o, i;
    for (r = 0; r < rows; r++)
        for (o = 0; o < outs; o++) {
            out[r * outs + o] = b[o];
            for (i = 0; i < in; i++) out[r * outs + o] += v[r * in + i] * w[o * in + i];
        }
    if (d->kind == SMASH_LOSS_ATTENTION) return formula(d, out, y, rows, 1, outs, rows, rows);      /* the rows are channels of one sample */
    return formula(d, out, y, rows, rows, outs, 0, 0);
}

static void test_projected(smash_ctx *ctx)
{
    enum { I = 7, O = 5, R = 3, ALL = R * I + O * I + O };
    static const size_t xs[3] = { 1, R, I }, os[3] = { 1, R, O }, ws[2] = { O, I }, five = O;
    float f[ALL], g[ALL], y[R * O], out[R * O], go[R * O];
    double v[ALL], dy[R * O];
    uint64_t rng = 31;
    size_t kind, trial, i;
    for (kind = 0; kind < 4; kind++)
        for (trial = 0; trial < 20; trial++) {
            const uint32_t dims = kind == SMASH_LOSS_ATTENTION ? 3 : 2, skip = 3 - dims;
            const smash_tensor tx = test_view(SMASH_F32, f, dims, xs + skip), tw = test_view(SMASH_F32, f + R * I, 2, ws), tb = test_view(SMASH_F32, f + R * I + O * I, 1, &five);
            const smash_tensor gx = test_view(SMASH_F32, g, dims, xs + skip), gw = test_view(SMASH_F32, g + R * I, 2, ws), gb = test_view(SMASH_F32, g + R * I + O * I, 1, &five);
            const smash_tensor to = test_view(SMASH_F32, out, dims, os + skip), tgo = test_view(SMASH_F32, go, dims, os + skip), ty = test_view(SMASH_F32, y, dims, os + skip);
            smash_loss_desc d = SMASH_ZERO;
            double loss;
            d.kind = (smash_loss_kind)kind;
            d.lambda = 1 + (double)trial / 8;
            for (i = 0; i < ALL; i++) v[i] = (double)(f[i] = (float)draw(&rng));
            for (i = 0; i < R * O; i++) dy[i] = (double)(y[i] = (float)(2 * draw(&rng)));
            CHECK_ERR(ctx, smash_loss_project(ctx, &tx, &tw, &tb, &to), SMASH_OK, "project");
            CHECK_ERR(ctx, smash_loss(ctx, &d, &to, &ty, &loss, &tgo), SMASH_OK, "loss");
            CHECK_ERR(ctx, smash_loss_project_backward(ctx, &tx, &tw, &tgo, &gx, &gw, &gb), SMASH_OK, "backward");
            CHECK(apart(loss, projected_loss(&d, v, dy, R, I, O)) < 1e-5, "%s: loss %g, want %g", kinds[kind], loss, projected_loss(&d, v, dy, R, I, O));
            for (i = 0; i < ALL; i++) {
                const double h = 1e-5, at = v[i];
                double want;
                v[i] = at + h;
                want = projected_loss(&d, v, dy, R, I, O);
                v[i] = at - h;
                want = (want - projected_loss(&d, v, dy, R, I, O)) / (2 * h);
                v[i] = at;
                CHECK(apart((double)g[i], want) < 2e-5, "%s, trial %d: gradient %d is %.9g, want %.9g", kinds[kind], (int)trial, (int)i, (double)g[i], want);
            }
        }
}

/* ---- what is refused ---- */

static void test_refused(smash_ctx *ctx)
{
    static const size_t shape[2] = { 2, 20 }, other[2] = { 2, 1 }, empty[2] = { 0, 20 }, maps[3] = { 2, 4, 5 }, fewer[3] = { 2, 2, 5 }, places[3] = { 2, 4, 4 };
    static const struct { double lambda, temperature; } ranges[] = { { -1, 0 }, { 1e31, 0 }, { 0, -1 }, { 0, 1e-7 }, { 0, 2e6 } };
    float x[40] = { 0 }, y[40] = { 0 }, g[40] = { 0 };
    double loss = 7;
    size_t i, k;
    smash_tensor tx = test_view(SMASH_F32, x, 2, shape), ty = test_view(SMASH_F32, y, 2, shape), tg = test_view(SMASH_F32, g, 2, shape), bad;
    smash_loss_desc d = SMASH_ZERO;
    for (i = 0; i < 40; i++) { x[i] = (float)i; y[i] = (float)(40 - i); g[i] = 3; }
    d.kind = SMASH_LOSS_KL;
    for (i = 0; i < COUNT_OF(ranges); i++) {
        d.lambda = ranges[i].lambda;
        d.temperature = ranges[i].temperature;
        CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_ERR_RANGE, "row %d", (int)i);
    }
    d.lambda = double_of((uint64_t)0x7FF8 << 48);
    d.temperature = 0;
    CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_ERR_RANGE, "NaN");
    CHECK(!strcmp(ctx->message, "lambda must be above 0 and at most 1e30; 0 stands for 1"), "%s", ctx->message);
    d.lambda = 0;
    d.kind = (smash_loss_kind)test_int(4);
    CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_ERR_ARG, "kind");
    CHECK_ERR(ctx, smash_loss(ctx, NULL, &tx, &ty, NULL, &tg), SMASH_ERR_ARG, "no loss");
    CHECK_ERR(ctx, smash_loss(ctx, NULL, NULL, &ty, &loss, &tg), SMASH_ERR_ARG, "no student");
    bad = ty;
    bad.dtype = SMASH_I32;
    CHECK_ERR(ctx, smash_loss(ctx, NULL, &tx, &bad, &loss, &tg), SMASH_ERR_DTYPE, "i32");
    bad = test_view(SMASH_F32, y, 2, other);
    CHECK_ERR(ctx, smash_loss(ctx, NULL, &tx, &bad, &loss, &tg), SMASH_ERR_SHAPE, "broadcast");
    CHECK(!strcmp(ctx->message, "teacher \"tensor\" has shape [2, 1], student \"tensor\" [2, 20]; they must be the same: nothing is broadcast"), "%s", ctx->message);
    bad = tg;
    bad.dtype = SMASH_F64;
    CHECK_ERR(ctx, smash_loss(ctx, NULL, &tx, &ty, &loss, &bad), SMASH_ERR_DTYPE, "f64 gradient");
    bad = test_view(SMASH_F32, g, 2, other);
    CHECK_ERR(ctx, smash_loss(ctx, NULL, &tx, &ty, &loss, &bad), SMASH_ERR_SHAPE, "gradient");
    CHECK_ERR(ctx, smash_loss(ctx, NULL, &tx, &ty, &loss, &tx), SMASH_ERR_ARG, "in place");
    CHECK_ERR(ctx, smash_loss(ctx, NULL, &tx, &ty, &loss, &ty), SMASH_ERR_ARG, "over the teacher");
    d.kind = SMASH_LOSS_ATTENTION;
    CHECK_ERR(ctx, smash_loss(ctx, &d, &tx, &ty, &loss, &tg), SMASH_ERR_SHAPE, "attention of a matrix");
    CHECK(!strcmp(ctx->message, "student \"tensor\" has shape [2, 20]; attention needs samples, channels, and at least one axis of places"), "%s", ctx->message);
    {
        smash_tensor a = test_view(SMASH_F32, x, 3, maps), b = test_view(SMASH_F32, y, 3, places);
        CHECK_ERR(ctx, smash_loss(ctx, &d, &a, &b, &loss, NULL), SMASH_ERR_SHAPE, "places");
        CHECK(!strcmp(ctx->message, "teacher \"tensor\" has shape [2, 4, 4], student \"tensor\" [2, 4, 5]; all but the channels must be the same"), "%s", ctx->message);
        CHECK(loss == 7 && g[0] == 3 && g[39] == 3, "outputs were touched");
        b = test_view(SMASH_F32, y, 3, fewer);
        CHECK_ERR(ctx, smash_loss(ctx, &d, &a, &b, &loss, NULL), SMASH_OK, "channels");
    }
    for (k = 0; k < 4; k++)
        for (i = 0; i < 40; i += 13) {
            const uint32_t wrong[3] = { 0x7FC00000u, 0x7F800000u, 0xFF800000u };
            smash_tensor a = tx, b = ty;
            size_t w, side;
            d.kind = (smash_loss_kind)k;
            if (k == SMASH_LOSS_ATTENTION) { a = test_view(SMASH_F32, x, 3, maps); b = test_view(SMASH_F32, y, 3, maps); }
            for (w = 0; w < 3; w++)
                for (side = 0; side < 2; side++) {
                    float *at = side ? &y[i] : &x[i], was = *at;
                    *at = float_of(wrong[w]);
                    loss = 7;
                    CHECK_ERR(ctx, smash_loss(ctx, &d, &a, &b, &loss, NULL), SMASH_ERR_NONFINITE, "%s, element %d", kinds[k], (int)i);
                    CHECK(ctx->index == i && loss == 7, "%s: index %d, not %d; loss %g", kinds[k], (int)ctx->index, (int)i, loss);
                    *at = was;
                }
        }
    d.kind = SMASH_LOSS_KL;
    {                                                               /* empty, and no room for the sums */
        smash_tensor a = test_view(SMASH_F32, x, 2, empty);
        unsigned char room[64];
        smash_ctx small;
        CHECK_ERR(ctx, smash_loss(ctx, &d, &a, &a, &loss, &a), SMASH_OK, "empty");
        CHECK(loss == 0, "empty: %g", loss);
        loss = 7;
        smash_ctx_init(&small);
        smash_arena_init(&small.scratch, (void *)((uintptr_t)(room + 15) & ~(uintptr_t)15), 7, NULL);
        CHECK_ERR(&small, smash_loss(&small, &d, &tx, &ty, &loss, &tg), SMASH_ERR_NOMEM, "one byte too small");
        CHECK(small.need == 1 && loss == 7 && g[0] == 3, "need %d", (int)small.need);
        smash_arena_init(&small.scratch, (void *)((uintptr_t)(room + 15) & ~(uintptr_t)15), 8, NULL);
        CHECK_ERR(&small, smash_loss(&small, &d, &tx, &ty, &loss, &tg), SMASH_OK, "just enough");
    }
    CHECK(smash_loss(NULL, &d, &tx, &ty, &loss, NULL) == SMASH_ERR_NOMEM, "no ctx");
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_golden(&ctx);
    test_formulas(&ctx);
    test_edges(&ctx);
    test_large(&ctx);
    test_exponentials(&ctx);
    test_ways(&ctx);
    test_projection(&ctx);
    test_projected(&ctx);
    test_refused(&ctx);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "memory is lost");
    return test_done();
}
