/* test_mask.c - metrics, allocation, masks. Every answer is compared with numpy's, with NNI's recorded numbers, or with
 * a slow one worked out here by sorting and by coordinates. */
#include "../smash.h"
#include "test.h"
#include "golden/apply_add.h"
#include "golden/config_list_mask.h"
#include "golden/config_list_schedule.h"
#include "golden/mask_cases.h"
#include "golden/trained.h"

static uint64_t rng = 7;
#include "random.h"

/* A caller's threads, as a loop in a strange order: backwards, or in steps of `parts`. */
static void odd_order(void *user, size_t count, void (*fn)(void *arg, size_t index), void *arg)
{
    size_t parts = *(const size_t *)user, first, i;
    if (parts % 2) for (i = count; i--; ) fn(arg, i);
    else for (first = 0; first < parts; first++) for (i = first; i < count; i += parts) fn(arg, i);
}

/* The ways to run a call that must all give the same bytes: SIMD, scalar, parts 1..7 of each */
enum { MODES = 16 };
static size_t mode_parts;
static void set_mode(smash_ctx *ctx, int mode)
{
    mode_parts = (size_t)mode / 2;
    ctx->no_simd = (uint32_t)mode % 2;
    ctx->parallel = mode_parts ? odd_order : NULL;
    ctx->parallel_user = &mode_parts;
}

static const smash_dtype floats[4] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };

static size_t width(smash_dtype dtype) { return smash_dtype_bits(dtype) / 8; }

static void put(smash_dtype dtype, void *data, size_t i, double x)
{
    if (dtype == SMASH_F32)      ((float *)data)[i] = (float)x;
    else if (dtype == SMASH_F64) ((double *)data)[i] = x;
    else if (dtype == SMASH_F16) ((uint16_t *)data)[i] = smash_f64_to_f16(x);
    else                         ((uint16_t *)data)[i] = smash_f64_to_bf16(x);
}

static double get(smash_dtype dtype, const void *data, size_t i)
{
    if (dtype == SMASH_F32) return (double)((const float *)data)[i];
    if (dtype == SMASH_F64) return ((const double *)data)[i];
    if (dtype == SMASH_F16) return (double)smash_f16_to_f32(((const uint16_t *)data)[i]);
    return (double)smash_bf16_to_f32(((const uint16_t *)data)[i]);
}

/* A tensor over fresh memory of exactly its size */
static smash_tensor make(smash_dtype dtype, uint32_t ndim, const size_t *shape)
{
    smash_tensor t = smash_tensor_view(dtype, NULL, 0, ndim, shape);
    size_t bytes = 0;
    smash_tensor_bytes(&t, &bytes);
    t.data = malloc(bytes ? bytes : 1);
    t.bytes = bytes;
    memset(t.data, 0x55, bytes);
    t.name = "t";
    return t;
}

/* Block of an element, from coordinates */
static size_t block_of(const smash_grid *g, size_t at)
{
    size_t coordinate[SMASH_MAX_DIMS] = { 0 }, block = 0;
    uint32_t i;
    for (i = g->ndim; i--; ) {
        coordinate[i] = at % (g->count[i] * g->block[i]);
        at /= g->count[i] * g->block[i];
    }
    for (i = 0; i < g->ndim; i++) block = block * g->count[i] + coordinate[i] / g->block[i];
    return block;
}

typedef struct pair { double score; size_t index; } pair;
static int by_score(const void *a, const void *b)
{
    const pair *x = (const pair *)a, *y = (const pair *)b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static pair *sorted(const double *score, size_t n)
{
    pair *p = (pair *)malloc(n * sizeof *p);
    size_t i;
    for (i = 0; i < n; i++) { p[i].score = score[i]; p[i].index = i; }
    qsort(p, n, sizeof *p, by_score);
    return p;
}

static void keep_all_but(const pair *order, size_t n, size_t k, uint8_t *keep)
{
    size_t i;
    for (i = 0; i < n; i++) keep[order[i].index] = i >= k;
}

/* ---- tables ---- */

static void test_recorded(void)
{
    static const smash_metric kinds[3] = { SMASH_METRIC_L1, SMASH_METRIC_L2, SMASH_METRIC_FPGM };
    smash_ctx ctx;
    size_t i, j, n, kind;
    test_ctx(&ctx);
    for (i = 0; i < COUNT_OF(golden_metrics); i++) {
        smash_tensor w = smash_tensor_view(SMASH_F32, golden_metrics[i].weight, 4096, golden_metrics[i].ndim, golden_metrics[i].shape);
        for (kind = 0; kind < 3; kind++) {
            double score[16];
            size_t grid[SMASH_MAX_DIMS] = { 1, 1, 1, 1, 1, 1, 1, 1 };
            smash_tensor metric;
            smash_mask_desc d = SMASH_ZERO;
            grid[0] = golden_metrics[i].blocks;
            metric = smash_tensor_view(SMASH_F64, score, sizeof score, w.ndim, grid);
            d.metric = kinds[kind];
            d.grain = smash_grain_out_channel();
            smash_tensor_count(&w, &n);
            w.bytes = 4 * n;
            CHECK_ERR(&ctx, smash_mask_metric(&ctx, &d, &w, &metric), SMASH_OK, "%s metric %d", golden_metrics[i].module, (int)kind);
            for (j = 0; j < golden_metrics[i].blocks; j++) {            /* 1e-5: the recorded sums are float32, in another order */
                double want = golden_metrics[i].metric[kind][j];
                CHECK(magnitude(score[j] - want) <= 1e-5 * want, "%s metric %d block %d: %.17g, want %.17g", golden_metrics[i].module, (int)kind, (int)j, score[j], want);
            }
        }
    }
    for (i = 0; i < COUNT_OF(golden_scalings); i++) {
        smash_grain grain = smash_grain_block(golden_scalings[i].block, golden_scalings[i].block_count);
        float x[64];
        double score[64];
        uint8_t mask[64], full[64];
        smash_tensor w = smash_tensor_view(SMASH_F32, x, sizeof x, golden_scalings[i].ndim, golden_scalings[i].shape);
        smash_tensor metric = smash_tensor_view(SMASH_F64, score, sizeof score, w.ndim, golden_scalings[i].grid);
        smash_tensor m = smash_tensor_view(SMASH_BOOL, mask, sizeof mask, w.ndim, golden_scalings[i].grid);
        smash_tensor f = smash_tensor_view(SMASH_BOOL, full, sizeof full, w.ndim, golden_scalings[i].shape);
        smash_grid grid;
        smash_mask_desc d = SMASH_ZERO;
        grain.pad_back = golden_scalings[i].pad_back;
        grain.pad_value = golden_scalings[i].pad_value;
        d.grain = grain;
        smash_tensor_count(&w, &n);
        for (j = 0; j < n; j++) x[j] = (float)j;
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &grain, &w, &grid), SMASH_OK, "scaling %d", (int)i);
        CHECK_ERR(&ctx, smash_mask_metric(&ctx, &d, &w, &metric), SMASH_OK, "scaling %d", (int)i);
        for (j = 0; j < grid.blocks; j++)
            CHECK(score[j] / (double)grid.block_elements == golden_scalings[i].shrunk[j], "scaling %d block %d: %g", (int)i, (int)j, score[j]);
        for (kind = 0; kind < grid.blocks; kind++) {                    /* one kept block at a time shows where each one lies */
            memset(mask, 0, sizeof mask);
            mask[kind] = 1;
            CHECK_ERR(&ctx, smash_mask_expand(&ctx, &grain, &m, &f), SMASH_OK, "scaling %d", (int)i);
            for (j = 0; j < n; j++)
                CHECK(full[j] == (golden_scalings[i].expanded[j] == golden_scalings[i].shrunk[kind]), "scaling %d block %d element %d", (int)i, (int)kind, (int)j);
        }
    }
}

static void test_numpy(void)
{
    smash_ctx ctx;
    size_t i, j, t;
    int mode;
    test_ctx(&ctx);
    for (i = 0; i < COUNT_OF(mask_cases); i++) for (t = 0; t < 4; t++) {
        smash_tensor w = make(floats[t], mask_cases[i].ndim, mask_cases[i].shape);
        smash_tensor metric = make(SMASH_F64, mask_cases[i].ndim, mask_cases[i].grid), mask = make(SMASH_BOOL, mask_cases[i].ndim, mask_cases[i].grid);
        smash_mask_desc d = SMASH_ZERO;
        smash_mask_stats stats;
        d.metric = (smash_metric)mask_cases[i].metric;
        d.grain = smash_grain_block(mask_cases[i].block, mask_cases[i].ndim);
        d.ratio = mask_cases[i].ratio;
        for (j = 0; j < mask_cases[i].count; j++) put(floats[t], w.data, j, mask_cases[i].w[j] / 64.0);
        for (mode = 0; mode < 4; mode++) {
            set_mode(&ctx, mode * 3);
            CHECK_ERR(&ctx, smash_mask_metric(&ctx, &d, &w, &metric), SMASH_OK, "case %d %s", (int)i, smash_dtype_name(floats[t]));
            CHECK(!memcmp(metric.data, mask_cases[i].score, mask_cases[i].blocks * 8), "case %d %s mode %d metric", (int)i, smash_dtype_name(floats[t]), mode);
            CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, &stats), SMASH_OK, "case %d %s", (int)i, smash_dtype_name(floats[t]));
            CHECK(!memcmp(mask.data, mask_cases[i].keep, mask_cases[i].blocks), "case %d %s mode %d mask", (int)i, smash_dtype_name(floats[t]), mode);
            CHECK(stats.blocks == mask_cases[i].blocks && stats.dropped == mask_cases[i].dropped
                  && stats.elements == stats.dropped * (mask_cases[i].count / mask_cases[i].blocks)
                  && stats.ratio == (double)stats.dropped / (double)stats.blocks, "case %d stats", (int)i);
            memset(mask.data, 0x55, mask.bytes);
            CHECK_ERR(&ctx, smash_mask_allocate(&ctx, &d, &metric, smash_dtype_bits(floats[t]), &mask, NULL), SMASH_OK, "case %d", (int)i);
            CHECK(!memcmp(mask.data, mask_cases[i].keep, mask_cases[i].blocks), "case %d %s mode %d allocate", (int)i, smash_dtype_name(floats[t]), mode);
        }
        free(w.data);
        free(metric.data);
        free(mask.data);
    }
}

/* ---- selection against sorting ---- */

enum { NORMAL, HALF_ZEROS, TERNARY, SAME, DENORMAL, SIGNED_ZEROS, WIDE, ASCENDING, DISTRIBUTIONS };
static double draw(int distribution, size_t i)
{
    double x = uniform() + uniform() + uniform() - 1.5;
    switch (distribution) {
    case HALF_ZEROS:   return uniform() < 0.5 ? 0 : x;
    case TERNARY:      return (double)below(3) - 1;
    case SAME:         return -0.75;
    case DENORMAL:     return x * 1e-44;
    case SIGNED_ZEROS: return uniform() < 0.3 ? x * 1e-44 : uniform() < 0.5 ? -0.0 : 0.0;
    case WIDE:         return (uniform() < 0.5 ? -1 : 1) * smash_exp(80 * uniform() - 75);
    case ASCENDING:    return (double)i * 0.001;
    default:           return x;
    }
}

static void check_selection(smash_ctx *ctx, const smash_tensor *w, const pair *order, size_t n, size_t k, int modes, const char *what)
{
    smash_tensor mask = make(SMASH_BOOL, w->ndim, w->shape);
    uint8_t *want = (uint8_t *)malloc(n);
    smash_mask_desc d = SMASH_ZERO;
    smash_mask_stats stats;
    double magnitude = -1;
    int mode;
    d.ratio = k == n ? 1.0 : ((double)k + 0.5) / (double)n;
    keep_all_but(order, n, k, want);
    for (mode = 0; mode < modes; mode++) {
        set_mode(ctx, mode);
        memset(mask.data, 0x55, n);
        CHECK_ERR(ctx, smash_mask_make(ctx, &d, w, &mask, &stats), SMASH_OK, "%s %s n %zu k %zu", what, smash_dtype_name(w->dtype), n, k);
        CHECK(stats.dropped == k && !memcmp(mask.data, want, n), "%s %s n %zu k %zu mode %d", what, smash_dtype_name(w->dtype), n, k, mode);
        CHECK_ERR(ctx, smash_kth_magnitude(ctx, w, k, &magnitude), k ? SMASH_OK : SMASH_ERR_RANGE, "%s %s n %zu k %zu", what, smash_dtype_name(w->dtype), n, k);
        CHECK(magnitude == (k ? order[k - 1].score : -1), "%s %s n %zu k %zu mode %d: %g", what, smash_dtype_name(w->dtype), n, k, mode, magnitude);
    }
    set_mode(ctx, 0);
    free(mask.data);
    free(want);
}

static void test_selection(void)
{
    static const size_t sizes[] = { 1, 2, 3, 7, 31, 32, 33, 64, 100, 1000, 65535, 65536, 70001, 131072, 200003 };
    static const char *const names[DISTRIBUTIONS] = { "normal", "half zeros", "ternary", "same", "denormal", "signed zeros", "wide", "ascending" };
    smash_ctx ctx;
    size_t s, t, i, k;
    int distribution;
    test_ctx(&ctx);
    for (t = 0; t < 4; t++) for (s = 0; s < COUNT_OF(sizes); s++) for (distribution = 0; distribution < DISTRIBUTIONS; distribution++) {
        size_t n = sizes[s];
        smash_tensor w;
        double *score;
        pair *order;
        if (n > 1000 && (s + t + (size_t)distribution) % test_count(3, 12)) continue;
        w = make(floats[t], 1, &n);
        score = (double *)malloc(n * sizeof *score);
        for (i = 0; i < n; i++) {
            put(floats[t], w.data, i, draw(distribution, i));
            score[i] = magnitude(get(floats[t], w.data, i));
        }
        order = sorted(score, n);
        if (n <= 100) for (k = 0; k <= n; k++) check_selection(&ctx, &w, order, n, k, 2, names[distribution]);
        else {
            const size_t some[] = { 0, 1, 1 + below(n - 2), n / 2, n * 9 / 10, n - 1, n };
            for (i = 0; i < COUNT_OF(some); i++) check_selection(&ctx, &w, order, n, some[i], n > 65536 && i == 2 ? MODES : 3, names[distribution]);
        }
        free(order);
        free(score);
        free(w.data);
    }
}

/* Samples that mislead: some tiles hold large numbers only. Kinds 3 and 4 pick just those tiles that the sample of this
 * size looks at, so that its bracket lies wholly above or below the answer. */
static void test_misleading_sample(void)
{
    size_t n = 300000, i, k;
    smash_tensor w = make(SMASH_F32, 1, &n);
    double *score = (double *)malloc(n * sizeof *score);
    smash_ctx ctx;
    pair *order;
    uint8_t *sampled = (uint8_t *)calloc(n / 32 + 1, 1);
    uint64_t seed = 1;
    int kind, negate;
    test_ctx(&ctx);
    for (i = 0; i < 256; i++) sampled[i * (n / 32 / 256) + (size_t)(smash_random(&seed) % (n / 32 / 256))] = 1;
    for (kind = 0; kind < 5; kind++) {
        for (i = 0; i < n; i++) {
            int special = kind == 0 ? i / 32 % 2 == 1 : kind == 1 ? i >= n - n / 100 : kind == 2 ? i < 1000 : sampled[i / 32] == (kind == 3);
            ((float *)w.data)[i] = (float)(special ? 100 + uniform() : uniform() * 1e-3);
            score[i] = (double)((float *)w.data)[i];
        }
        order = sorted(score, n);
        for (k = 1; k < 12; k += test_count(1, 5)) check_selection(&ctx, &w, order, n, n * k / 12 + (k == 6 ? below(100) : 0), 2, "misleading");
        check_selection(&ctx, &w, order, n, n - n / 100, 4, "misleading");
        free(order);
        for (negate = 0; negate < 2; negate++) {                /* the same with scores that are negative */
            smash_tensor metric = smash_tensor_view(SMASH_F64, score, n * sizeof *score, 1, &n), mask = make(SMASH_BOOL, 1, &n);
            uint8_t *want = (uint8_t *)malloc(n);
            smash_mask_desc d = SMASH_ZERO;
            for (i = 0; i < n; i++) score[i] = negate ? 50 - score[i] - 200 : score[i] - 50;
            order = sorted(score, n);
            for (k = 1; k < 4; k++) {
                d.ratio = (double)k / 4;
                keep_all_but(order, n, n * k / 4, want);
                CHECK_ERR(&ctx, smash_mask_allocate(&ctx, &d, &metric, 64, &mask, NULL), SMASH_OK, "misleading, negative");
                CHECK(!memcmp(mask.data, want, n), "misleading, negative: kind %d k %zu", kind, n * k / 4);
            }
            free(order);
            free(want);
            free(mask.data);
        }
    }
    free(sampled);
    free(score);
    free(w.data);
}

/* Scores of the caller may be negative; thresholds compare as floats or doubles. */
static void test_allocate(void)
{
    static const double values[] = { -1e300, -1.000000178813934326171875, -1.00000011920928955078125, -1.000000059604644775390625, -3.5e38, -2, -1.0000000001, -1, -1e-40, -1e-50, -0.0, 0.0, 1e-50, 7e-46, 7.1e-46, 1e-40, 0.1, 0.1000000001, 0.7, 1, 1.000000059604644775390625, 1.00000011920928955078125, 1.000000178813934326171875, 1.00000005,
                                     1.00000006, 1.0000001, 1.00000018, 2, 3.4028235e38, 3.40282356e38, 3.40282357e38, 3.5e38, 1e300 };
    enum { N = 300 };
    static double score[N];
    uint8_t keep[N], want[N];
    size_t n = N, i, j, k;
    smash_tensor metric = smash_tensor_view(SMASH_F64, score, sizeof score, 1, &n), mask = smash_tensor_view(SMASH_U8, keep, sizeof keep, 1, &n);
    smash_mask_desc d = SMASH_ZERO;
    smash_mask_stats stats;
    smash_ctx ctx;
    pair *order;
    test_ctx(&ctx);
    for (i = 0; i < N; i++) score[i] = i < 200 ? values[below(COUNT_OF(values))] : (uniform() - 0.5) * 4;
    order = sorted(score, N);
    for (k = 0; k <= N; k++) {
        d.ratio = k == N ? 1.0 : ((double)k + 0.5) / (double)n;
        keep_all_but(order, N, k, want);
        for (i = 0; i < 4; i++) {
            set_mode(&ctx, (int)i);
            CHECK_ERR(&ctx, smash_mask_allocate(&ctx, &d, &metric, 32, &mask, &stats), SMASH_OK, "k %zu", k);
            CHECK(stats.dropped == k && stats.blocks == N && !memcmp(keep, want, N), "k %zu mode %d", k, (int)i);
        }
    }
    d.ratio = 0;
    d.use_threshold = 1;
    for (j = 0; j < COUNT_OF(values); j++) for (i = 0; i < 2; i++) {
        size_t at, dropped = 0;
        const double most = 3.4028235677973366e38;                       /* from here on a float is Inf */
        d.threshold = values[j];
        CHECK_ERR(&ctx, smash_mask_allocate(&ctx, &d, &metric, i ? 64 : 32, &mask, &stats), SMASH_OK, "threshold %g", values[j]);
        for (at = 0; at < N; at++) {
            double a = score[at], b = d.threshold;
            if (!i) {
                a = a >= most ? 1e300 : a <= -most ? -1e300 : (double)(float)a;
                b = b >= most ? 1e300 : b <= -most ? -1e300 : (double)(float)b;
            }
            dropped += !(a >= b);
            CHECK(keep[at] == (a >= b), "score %.17g threshold %.17g as %s", score[at], d.threshold, i ? "double" : "float");
        }
        CHECK(stats.dropped == dropped, "threshold %g", values[j]);
    }
    free(order);
}

static void test_min_max(void)
{
    static const struct { double ratio, threshold, min, max; uint32_t use; size_t dropped; } rows[] = {   /* scores 0..99 */
        { 0.5, 0, 0, 0, 0, 50 }, { 0.5, 0, 0.6, 0, 0, 60 }, { 0.5, 0, 0, 0.2, 0, 20 }, { 0.5, 0, 0.7, 0.3, 0, 30 }, { 0.29, 0, 0, 0, 0, 28 },
        { 0.57, 0, 0, 0, 0, 56 }, { 1, 0, 0, 0, 0, 100 }, { 0, 0, 0, 0, 0, 0 }, { 0, 0, 0.1, 0, 0, 10 }, { 1, 0, 0, 0.999, 0, 99 }, { 0, 0, 1, 0, 0, 100 },
        { 0, 40, 0, 0, 1, 40 }, { 0, 40, 0.5, 0, 1, 50 }, { 0, 40, 0, 0.25, 1, 25 }, { 0, 40, 0.8, 0.6, 1, 60 }, { 0, 40, 0.3, 0.5, 1, 40 },
        { 0, -5, 0, 0, 1, 0 }, { 0, 1000, 0, 0, 1, 100 }, { 0, 1000, 0, 0.5, 1, 50 }, { 0, -5, 1, 0, 1, 100 }, { 0, 39.5, 0, 0, 1, 40 }, { 0, 0, 0, 0, 1, 0 },
        { 0, 40, 0, 0.001, 1, 0 }
    };
    size_t i, j, t, n = 100;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (i = 0; i < COUNT_OF(rows); i++) for (t = 0; t < 5; t++) {         /* t 4: in blocks of one along a row of two */
        size_t shape[2] = { 100, 2 };
        smash_dtype dtype = floats[t % 4];
        smash_tensor w = make(dtype, t == 4 ? 2 : 1, shape), mask;
        smash_mask_desc d = SMASH_ZERO;
        smash_mask_stats stats;
        size_t wrong = 0;
        shape[1] = 1;
        mask = make(SMASH_BOOL, w.ndim, shape);
        d.ratio = rows[i].ratio;
        d.use_threshold = rows[i].use;
        d.threshold = rows[i].threshold;
        d.min_ratio = rows[i].min;
        d.max_ratio = rows[i].max;
        if (t == 4) d.grain = smash_grain_out_channel();
        for (j = 0; j < n; j++) {
            if (t < 4) put(dtype, w.data, 99 - j, j % 2 ? -(double)j : (double)j);
            else { put(dtype, w.data, 2 * (99 - j), (double)j / 2); put(dtype, w.data, 2 * (99 - j) + 1, -(double)j / 2); }
        }
        CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, &stats), SMASH_OK, "row %d dtype %s", (int)i, smash_dtype_name(dtype));
        for (j = 0; j < n; j++) wrong += ((uint8_t *)mask.data)[99 - j] != (j >= rows[i].dropped);
        CHECK(stats.dropped == rows[i].dropped && !wrong, "row %d %s: %zu dropped, %zu wanted", (int)i, smash_dtype_name(dtype), stats.dropped, rows[i].dropped);
        free(w.data);
        free(mask.data);
    }
}

/* Element thresholds, in the number next to each element, too */
static void test_element_threshold(void)
{
    enum { N = 400 };
    size_t n = N, t, i, j;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (t = 0; t < 4; t++) {
        smash_tensor w = make(floats[t], 1, &n), mask = make(SMASH_BOOL, 1, &n);
        smash_mask_desc d = SMASH_ZERO;
        d.use_threshold = 1;
        for (i = 0; i < N; i++) put(floats[t], w.data, i, i < 300 ? uniform() - 0.5 : i < 350 ? (uniform() - 0.5) * 1e-7 : (uniform() - 0.5) * 2e4);
        for (j = 0; j < 3 * N; j++) {
            double x = magnitude(get(floats[t], w.data, j / 3)), threshold, compared;
            size_t wrong = 0;
            d.threshold = j % 3 == 0 ? x : j % 3 == 1 ? x * (1 + 1e-9) : x * (1 - 1e-9);
            threshold = floats[t] == SMASH_F64 ? d.threshold : (double)(float)d.threshold;
            CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, NULL), SMASH_OK, "threshold %g", d.threshold);
            for (i = 0; i < N; i++) {
                compared = magnitude(get(floats[t], w.data, i));
                wrong += ((uint8_t *)mask.data)[i] != (compared >= threshold);
            }
            CHECK(!wrong, "%s threshold %.17g: %zu wrong", smash_dtype_name(floats[t]), d.threshold, wrong);
        }
        free(w.data);
        free(mask.data);
    }
}

/* ---- metrics against sums in the documented order, and against long double ---- */

static double lane_tree(const double *terms, size_t n)
{
    double total = 0;
    size_t chunk, i, half;
    for (chunk = 0; chunk < n; chunk += 65536) {
        double lane[32] = { 0 };
        for (i = chunk; i < n && i < chunk + 65536; i++) lane[i % 32] += terms[i];
        for (half = 16; half; half /= 2) for (i = 0; i < half; i++) lane[i] += lane[i + half];
        total += lane[0];
    }
    return total;
}

static void test_metric_bits(void)
{
    static const struct { uint32_t ndim; size_t shape[4]; int32_t block[4]; } rows[] = {
        { 1, { 1, 0, 0, 0 }, { 1, 0, 0, 0 } },          { 1, { 77, 0, 0, 0 }, { -1, 0, 0, 0 } },      { 1, { 140001, 0, 0, 0 }, { -1, 0, 0, 0 } },
        { 2, { 6, 1000, 0, 0 }, { 1, -1, 0, 0 } },      { 2, { 3, 70000, 0, 0 }, { 1, -1, 0, 0 } },   { 2, { 500, 700, 0, 0 }, { -1, 1, 0, 0 } },
        { 2, { 64, 96, 0, 0 }, { 4, 4, 0, 0 } },        { 2, { 64, 96, 0, 0 }, { 2, 1, 0, 0 } },      { 2, { 64, 96, 0, 0 }, { 1, 2, 0, 0 } },
        { 4, { 16, 24, 3, 3 }, { -1, 1, -1, -1 } },     { 4, { 16, 24, 3, 3 }, { 1, 1, -1, -1 } },    { 4, { 16, 24, 3, 3 }, { -1, -1, 1, 1 } },
        { 4, { 16, 24, 3, 3 }, { 4, 8, 1, 3 } },        { 4, { 2, 4, 65536, 1 }, { -1, 2, 1, 1 } },   { 3, { 40, 1, 1, 0 }, { 1, 1, 1, 0 } }
    };
    size_t r, t, i, b, n;
    int metric, mode;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (r = 0; r < COUNT_OF(rows); r++) for (t = r % test_count(1, 3); t < 4; t += test_count(1, 3)) for (metric = 1; metric <= 2; metric++) {
        smash_tensor w = make(floats[t], rows[r].ndim, rows[r].shape), out;
        smash_mask_desc d = SMASH_ZERO;
        smash_grid g;
        double *want, *terms, *got;
        size_t run, far = 0;
        long double *exact;
        uint32_t axis;
        d.metric = (smash_metric)metric;
        d.grain = smash_grain_block(rows[r].block, rows[r].ndim);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &d.grain, &w, &g), SMASH_OK, "row %d", (int)r);
        n = g.blocks * g.block_elements;
        for (i = 0; i < n; i++) put(floats[t], w.data, i, draw(r % 2 ? NORMAL : WIDE, i));
        want = (double *)calloc(g.blocks, sizeof *want);
        exact = (long double *)calloc(g.blocks, sizeof *exact);
        terms = (double *)malloc(n * sizeof *terms);
        run = 1;
        for (axis = g.ndim; axis && g.count[axis - 1] == 1; axis--) run *= g.block[axis - 1];
        if (axis) run *= g.block[axis - 1];
        for (i = 0; i < n; i++) {
            double x = get(floats[t], w.data, i);
            volatile double square = x * x;
            terms[i] = metric == 1 || g.block_elements == 1 ? magnitude(x) : square;
            exact[block_of(&g, i)] += metric == 1 || g.block_elements == 1 ? (long double)magnitude(x) : (long double)x * (long double)x;
        }
        for (i = 0; i < n; i += run) want[block_of(&g, i)] += lane_tree(terms + i, run);
        if (metric == 2 && g.block_elements > 1) for (b = 0; b < g.blocks; b++) want[b] = smash_sqrt(want[b]);
        out = make(SMASH_F64, g.ndim, g.count);
        got = (double *)out.data;
        for (mode = 0; mode < MODES; mode += n > 100000 ? 5 : 1) {
            set_mode(&ctx, mode);
            memset(out.data, 0x55, out.bytes);
            CHECK_ERR(&ctx, smash_mask_metric(&ctx, &d, &w, &out), SMASH_OK, "row %d", (int)r);
            CHECK(!memcmp(got, want, g.blocks * sizeof *got), "row %d %s metric %d mode %d: first %.17g, want %.17g", (int)r, smash_dtype_name(floats[t]), metric, mode, got[0], want[0]);
        }
        for (b = 0; b < g.blocks; b++) {
            long double v = metric == 2 && g.block_elements > 1 ? (long double)got[b] * (long double)got[b] : (long double)got[b], e = v - exact[b];
            if (e < 0) e = -e;
            far += e > exact[b] * 4e-13L + 1e-300L;                       /* bound of the contract: 1e-12 */
        }
        CHECK(!far, "row %d %s metric %d: %zu blocks are off", (int)r, smash_dtype_name(floats[t]), metric, far);
        free(w.data);
        free(out.data);
        free(want);
        free(exact);
        free(terms);
    }
}

/* The contract's sum of squared differences of floats, written out */
static double near_sum(const double *x, const double *y, size_t n)
{
    double sum[4] = { 0, 0, 0, 0 };
    size_t at, j, k;
    for (at = 0; at < n; at += 512) {
        float lanes[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
        for (j = at; j < n && j < at + 512; j++) {
            float e = (float)x[j] - (float)y[j];
            volatile float square = e * e, total;
            uint32_t bits;
            e = square;
            memcpy(&bits, &e, 4);
            bits &= ~(uint32_t)1;
            memcpy(&e, &bits, 4);
            total = lanes[j % 16] + e;
            lanes[j % 16] = total;
        }
        for (j = 0; j < 16; j += 8) for (k = 0; k < 4; k++) sum[k] += (double)lanes[j + k] + (double)lanes[j + k + 4];
    }
    return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

static void test_fpgm(void)
{
    /* scale: of the numbers; the squares of the small and of the large ones are no floats. twins: so many blocks are all the same */
    static const struct { size_t shape[3]; int32_t block[3]; double scale; size_t twins; } rows[] = {
        { { 5, 7, 3 }, { 1, -1, -1 }, 1, 0 }, { { 20, 16, 9 }, { 1, -1, -1 }, 1, 0 }, { { 6, 10, 3 }, { -1, 1, -1 }, 1, 0 }, { { 1, 33, 1 }, { 1, 1, 1 }, 1, 0 },
        { { 4, 4, 4 }, { -1, -1, -1 }, 1, 0 }, { { 9, 8, 5 }, { 3, 2, -1 }, 1, 0 }, { { 3, 1, 70001 }, { 1, -1, -1 }, 1, 0 }, { { 13, 1, 512 }, { 1, -1, -1 }, 1, 0 },
        { { 17, 1, 513 }, { 1, -1, -1 }, 1, 5 }, { { 8, 1, 1040 }, { 1, -1, -1 }, 1, 8 }, { { 7, 1, 15 }, { 1, -1, -1 }, 1, 2 }, { { 9, 1, 16 }, { 1, -1, -1 }, 1, 0 },
        { { 11, 37, 1 }, { 1, -1, -1 }, 1e-20, 3 }, { { 11, 37, 1 }, { 1, -1, -1 }, 1e-13, 0 }, { { 11, 37, 1 }, { 1, -1, -1 }, 1e-14, 0 },
        { { 10, 600, 1 }, { 1, -1, -1 }, 1e17, 0 }, { { 10, 600, 1 }, { 1, -1, -1 }, 1e30, 4 }, { { 10, 600, 1 }, { 1, -1, -1 }, 1e-44, 0 }
    };
    size_t r, t, i, j, k;
    int mode;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (r = 0; r < COUNT_OF(rows); r++) for (t = 0; t < 4; t++) {
        smash_tensor w, out;
        smash_mask_desc d = SMASH_ZERO;
        smash_grid g;
        double *block, *terms, *want, *got;
        size_t n, *used, far = 0;
        if (floats[t] == SMASH_F16 && rows[r].scale != 1) continue;
        w = make(floats[t], 3, rows[r].shape);
        d.metric = SMASH_METRIC_FPGM;
        d.grain = smash_grain_block(rows[r].block, 3);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &d.grain, &w, &g), SMASH_OK, "row %d", (int)r);
        n = g.blocks * g.block_elements;
        block = (double *)malloc(n * sizeof *block);
        terms = (double *)malloc(g.block_elements * sizeof *terms);
        want = (double *)calloc(g.blocks, sizeof *want);
        used = (size_t *)calloc(g.blocks, sizeof *used);
        for (i = 0; i < n; i++) {
            size_t b = block_of(&g, i);
            put(floats[t], w.data, i, b < rows[r].twins ? rows[r].scale * (double)(used[b] % 7) : draw(NORMAL, i) * rows[r].scale);
            block[b * g.block_elements + used[b]++] = get(floats[t], w.data, i);
        }
        out = make(SMASH_F64, 3, g.count);
        got = (double *)out.data;
        for (i = 0; i < g.blocks; i++) {
            double exact = 0;
            for (j = 0; j < g.blocks; j++) {
                double sum, all = 0;
                int near;
                for (k = 0; k < g.block_elements; k++) {
                    double e = block[i * g.block_elements + k] - block[j * g.block_elements + k];
                    volatile double square;
                    all += e * e;
                    if (floats[t] != SMASH_F64) e = (double)(float)e;
                    square = e * e;
                    terms[k] = square;
                }
                sum = near_sum(block + i * g.block_elements, block + j * g.block_elements, g.block_elements);
                near = floats[t] != SMASH_F64 && sum > 1e-27 && sum < 1e36;
                want[i] += smash_sqrt(near ? sum : lane_tree(terms, g.block_elements));
                exact += smash_sqrt(all);
            }
            far += magnitude(exact - want[i]) > exact * 1e-7;              /* the contract: mostly < 1e-7 */
        }
        CHECK(!far, "row %d %s: squares of floats cost too much", (int)r, smash_dtype_name(floats[t]));
        for (mode = 0; mode < MODES; mode += 1 + (int)(n / 100000)) {
            set_mode(&ctx, mode);
            CHECK_ERR(&ctx, smash_mask_metric(&ctx, &d, &w, &out), SMASH_OK, "row %d", (int)r);
            CHECK(!memcmp(got, want, g.blocks * sizeof *got), "row %d %s mode %d: first %.17g, want %.17g", (int)r, smash_dtype_name(floats[t]), mode, got[0], want[0]);
        }
        free(w.data);
        free(out.data);
        free(block);
        free(terms);
        free(want);
        free(used);
    }
}

/* ---- expand, apply, align against coordinates ---- */

static int32_t random_block(size_t dim)
{
    size_t b = 1 + below(dim);
    while (dim % b) b--;
    return b == dim && below(2) ? -1 : (int32_t)b;
}

static void test_expand_apply(void)
{
    size_t round, i, t;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (round = 0; round < 300; round++) {
        static const size_t dims[] = { 1, 2, 3, 4, 6, 8, 12, 30 };
        uint32_t ndim = (uint32_t)below(5), axis;
        size_t shape[SMASH_MAX_DIMS] = { 0 }, n = 1, wrong = 0;
        int32_t block[SMASH_MAX_DIMS] = { 0 };
        smash_grain grain;
        smash_grid g;
        smash_tensor w, before, mask, full;
        t = below(4);
        for (axis = 0; axis < ndim; axis++) {
            shape[axis] = dims[below(COUNT_OF(dims))];
            if (round % 25 == 0 && axis == ndim - 1) shape[axis] *= 140001 / n;          /* long runs are cut in pieces */
            block[axis] = random_block(shape[axis]);
            n *= shape[axis];
        }
        grain = round % 7 ? smash_grain_block(block, ndim) : smash_grain_element();
        w = make(floats[t], ndim, shape);
        before = make(floats[t], ndim, shape);
        full = make(SMASH_BOOL, ndim, shape);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &grain, &w, &g), SMASH_OK, "round %d", (int)round);
        mask = make(round % 2 ? SMASH_BOOL : SMASH_U8, ndim, g.count);
        for (i = 0; i < g.blocks; i++) ((uint8_t *)mask.data)[i] = (uint8_t)below(2);
        for (i = 0; i < w.bytes; i++) ((uint8_t *)w.data)[i] = (uint8_t)below(256);      /* any bits, NaN too, are left alone */
        memcpy(before.data, w.data, w.bytes);
        set_mode(&ctx, (int)below(MODES));
        CHECK_ERR(&ctx, smash_mask_expand(&ctx, &grain, &mask, &full), SMASH_OK, "round %d", (int)round);
        CHECK_ERR(&ctx, smash_mask_apply(&ctx, round % 14 ? &grain : NULL, &mask, &w), SMASH_OK, "round %d", (int)round);
        for (i = 0; i < n; i++) {
            static const uint8_t zeros[8] = { 0 };
            int keep = ((uint8_t *)mask.data)[block_of(&g, i)];
            const uint8_t *is = (const uint8_t *)w.data + i * width(floats[t]), *was = (const uint8_t *)before.data + i * width(floats[t]);
            wrong += ((uint8_t *)full.data)[i] != keep;
            wrong += memcmp(is, keep ? was : zeros, width(floats[t])) != 0;
        }
        CHECK(!wrong, "round %d %s: %zu of %zu wrong", (int)round, smash_dtype_name(floats[t]), wrong, n);
        free(w.data);
        free(before.data);
        free(mask.data);
        free(full.data);
    }
}

static uint64_t bits_at(const smash_tensor *t, size_t i)
{
    if (width(t->dtype) == 2) return ((const uint16_t *)t->data)[i];
    return width(t->dtype) == 4 ? ((const uint32_t *)t->data)[i] : ((const uint64_t *)t->data)[i];
}

static void set_bits(const smash_tensor *t, size_t i, uint64_t u)
{
    if (width(t->dtype) == 2) ((uint16_t *)t->data)[i] = (uint16_t)u;
    else if (width(t->dtype) == 4) ((uint32_t *)t->data)[i] = (uint32_t)u;
    else ((uint64_t *)t->data)[i] = u;
}

/* Every sum of the golden table: all numbers masked, by an element mask, by one block, by bits; in place and to a copy */
static void test_add(void)
{
    size_t first, end, i;
    int way, mode;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (first = 0; first < COUNT_OF(apply_add); first = end) {
        size_t n, wrong = 0, first_wrong = 0;
        for (end = first; end < COUNT_OF(apply_add) && apply_add[end].dtype == apply_add[first].dtype && memcmp(&apply_add[end].value, &apply_add[first].value, sizeof(double)) == 0; end++) {}
        n = end - first;
        for (way = 0; way < 6; way++) for (mode = 0; mode < 4; mode++) {
            const size_t blocks = way % 3 == 1 ? 1 : n, bytes = (blocks + 7) / 8;
            smash_tensor src = make(apply_add[first].dtype, 1, &n), dst = way < 3 ? src : make(src.dtype, 1, &n);
            smash_tensor mask = way % 3 == 2 ? make(SMASH_U8, 1, &bytes) : make(SMASH_BOOL, 1, &blocks);
            smash_apply_desc desc = SMASH_ZERO;
            memset(mask.data, 0, mask.bytes);
            desc.method = SMASH_APPLY_ADD;
            desc.bits = way % 3 == 2;
            desc.value = apply_add[first].value;
            if (desc.value <= -1000 && desc.value >= -1000) desc.value = 0;              /* the default */
            if (way % 3 == 1) desc.grain = smash_grain_tensor();
            for (i = 0; i < n; i++) set_bits(&src, i, apply_add[first + i].x);
            ctx.no_simd = (uint32_t)mode % 2;
            CHECK_ERR(&ctx, smash_mask_apply_to(&ctx, &desc, &mask, &src, &dst), SMASH_OK, "row %d", (int)first);
            for (i = 0; i < n; i++)
                if (bits_at(&dst, i) != apply_add[first + i].want && !wrong++) first_wrong = i;
            CHECK(!wrong, "%s + %g, way %d: %d wrong, first 0x%llX gives 0x%llX, want 0x%llX", smash_dtype_name(src.dtype), apply_add[first].value, way, (int)wrong,
                  (unsigned long long)apply_add[first + first_wrong].x, (unsigned long long)bits_at(&dst, first_wrong), (unsigned long long)apply_add[first + first_wrong].want);
            if (way >= 3) free(dst.data);
            free(src.data); free(mask.data);
        }
    }
}

/* The value of an f32 tensor is rounded by the bits: as the machine does it, subnormals, ties and what is too large included */
static void test_add_value(void)
{
    const size_t one = 1;
    size_t i, wrong = 0;
    for (i = 0; i < 100000; i++) {
        const uint64_t tie = (uint64_t)1 << 28;
        uint64_t u = (smash_random(&rng) & 0x800FFFFFFFFFFFFFu) | (uint64_t)(800 + below(330)) << 52;
        float x = 0, want;
        unsigned char keep = 0;
        smash_tensor t = test_view(SMASH_F32, &x, 1, &one), mask = test_view(SMASH_BOOL, &keep, 1, &one);
        smash_apply_desc desc = SMASH_ZERO;
        smash_err err;
        if (i % 3 == 0) u &= ~(2 * tie - 1);
        if (i % 5 == 0) u = (u & ~(2 * tie - 1)) | tie;
        memcpy(&desc.value, &u, sizeof u);
        desc.method = SMASH_APPLY_ADD;
        want = 0.0f + (float)desc.value;
        err = smash_mask_apply_to(NULL, &desc, &mask, &t, &t);
        wrong += smash_is_finite(want) ? err || memcmp(&x, &want, sizeof x) : err != SMASH_ERR_RANGE;
    }
    CHECK(!wrong, "%d values are rounded wrongly", (int)wrong);
}

/* What the golden table does not say, worked out in double: exact for halves, and one rounding for the others */
static double add_here(smash_dtype dtype, double x, double value)
{
    volatile float narrow = (float)x + (float)value;
    return dtype == SMASH_F32 ? (double)narrow : x + value;
}

/* All ways at once, on random shapes and bits: which numbers are touched, and that nothing else is */
static void test_apply_to(void)
{
    size_t round, i;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (round = 0; round < 400; round++) {
        static const size_t dims[] = { 1, 2, 3, 4, 6, 8, 12, 30 };
        const smash_dtype dtype = floats[below(4)];
        uint32_t ndim = (uint32_t)below(5), axis;
        size_t shape[SMASH_MAX_DIMS] = { 0 }, n = 1, wrong = 0, bytes;
        int32_t block[SMASH_MAX_DIMS] = { 0 };
        int in_place = (int)below(2), finite = (int)below(2);
        smash_apply_desc desc = SMASH_ZERO;
        smash_grid g;
        smash_tensor src, dst, before, mask, packed, back;
        for (axis = 0; axis < ndim; axis++) {
            shape[axis] = dims[below(COUNT_OF(dims))];
            if (round % 25 == 0 && axis == ndim - 1) shape[axis] *= 140001 / n;
            block[axis] = random_block(shape[axis]);
            n *= shape[axis];
        }
        desc.method = finite ? SMASH_APPLY_ADD : (smash_apply_method)(below(2) * below(4));
        if (!finite && desc.method == SMASH_APPLY_ADD) desc.method = SMASH_APPLY_BYPASS;
        desc.value = (double)below(3) * -4.5;
        desc.bits = (uint32_t)below(2);
        desc.grain = round % 7 ? smash_grain_block(block, ndim) : smash_grain_element();
        src = make(dtype, ndim, shape);
        before = make(dtype, ndim, shape);
        dst = in_place ? src : make(dtype, ndim, shape);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &desc.grain, &src, &g), SMASH_OK, "round %d", (int)round);
        mask = make(round % 2 ? SMASH_BOOL : SMASH_U8, ndim, g.count);
        back = make(round % 3 ? SMASH_BOOL : SMASH_U8, ndim, g.count);
        for (i = 0; i < g.blocks; i++) ((uint8_t *)mask.data)[i] = (uint8_t)(below(2) * (mask.dtype == SMASH_U8 ? 1 + below(255) : 1));
        bytes = (g.blocks + 7) / 8;
        packed = make(SMASH_U8, 1, &bytes);
        CHECK_ERR(&ctx, smash_mask_pack(&ctx, &mask, &packed), SMASH_OK, "round %d", (int)round);
        CHECK_ERR(&ctx, smash_mask_unpack(&ctx, &packed, &back), SMASH_OK, "round %d", (int)round);
        for (i = 0; i < 8 * bytes; i++) {
            const int kept = i < g.blocks && ((uint8_t *)mask.data)[i] != 0;
            wrong += (((uint8_t *)packed.data)[i / 8] >> i % 8 & 1) != kept;
            if (i < g.blocks) wrong += ((uint8_t *)back.data)[i] != kept;
        }
        CHECK(!wrong, "round %d: %d of %d bits wrong", (int)round, (int)wrong, (int)g.blocks);
        for (i = 0; i < src.bytes; i++) ((uint8_t *)src.data)[i] = (uint8_t)below(256);
        for (i = 0; i < n && finite; i++) put(dtype, src.data, i, 4 * uniform() - 2);
        memcpy(before.data, src.data, src.bytes);
        set_mode(&ctx, (int)below(MODES));
        CHECK_ERR(&ctx, smash_mask_apply_to(&ctx, round % 14 || desc.bits || desc.method || desc.value < 0 ? &desc : NULL, desc.bits ? &packed : &mask, &src, &dst), SMASH_OK, "round %d", (int)round);
        for (i = 0, wrong = 0; i < n; i++) {
            smash_tensor expected = before;
            uint64_t want = bits_at(&before, i);
            if (!((uint8_t *)mask.data)[block_of(&g, i)]) {
                if (desc.method <= SMASH_APPLY_MUL) want = 0;
                else if (desc.method == SMASH_APPLY_ADD) {
                    put(dtype, expected.data, i, add_here(dtype, get(dtype, before.data, i), desc.value < 0 ? desc.value : -1000.0));
                    want = bits_at(&expected, i);
                }
            }
            wrong += bits_at(&dst, i) != want;
        }
        CHECK(!wrong, "round %d %s, method %d, bits %u: %d of %d wrong", (int)round, smash_dtype_name(dtype), (int)desc.method, desc.bits, (int)wrong, (int)n);
        if (!in_place) { free(dst.data); }
        free(src.data); free(before.data); free(mask.data); free(packed.data); free(back.data);
    }
}

static void test_apply_errors(void)
{
    static const struct { const char *what; smash_err want; const char *message; } rows[] = {
        { "fine", SMASH_OK, "" }, { "in place", SMASH_OK, "" }, { "bits", SMASH_OK, "" },
        { "fence", SMASH_ERR_ARG, "desc was not zeroed: use smash_apply_desc d = SMASH_ZERO;" }, { "method 4", SMASH_ERR_ARG, "desc.method is 4; it is one of MUL, ADD, BYPASS" },
        { "bits 2", SMASH_ERR_ARG, "desc.bits is 2; it is 0 or 1" }, { "no src", SMASH_ERR_ARG, NULL }, { "no dst", SMASH_ERR_ARG, NULL }, { "no mask", SMASH_ERR_ARG, NULL },
        { "src i8", SMASH_ERR_DTYPE, NULL }, { "dst f64", SMASH_ERR_DTYPE, NULL }, { "dst shape", SMASH_ERR_SHAPE, NULL }, { "const", SMASH_ERR_ARG, NULL }, { "shifted", SMASH_ERR_ARG, NULL },
        { "mask shape", SMASH_ERR_SHAPE, NULL }, { "mask f32", SMASH_ERR_DTYPE, NULL }, { "mask on dst", SMASH_ERR_ARG, NULL }, { "bits long", SMASH_ERR_SHAPE, NULL }, { "bits bool", SMASH_ERR_DTYPE, NULL },
        { "bits behind", SMASH_ERR_FORMAT, "mask \"m\" has bits behind its last one" }, { "block 0", SMASH_ERR_RANGE, NULL }, { "block 5", SMASH_ERR_SHAPE, NULL }, { "empty", SMASH_ERR_SHAPE, NULL },
        { "huge", SMASH_ERR_OVERFLOW, NULL }, { "value nan", SMASH_ERR_RANGE, "the value that a mask adds must be finite in F32" }, { "value -inf", SMASH_ERR_RANGE, NULL },
        { "value 1e39", SMASH_ERR_RANGE, NULL }, { "mul 1e39", SMASH_OK, "" }, { "device", SMASH_ERR_DEVICE, NULL }
    };
    size_t r, i;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (r = 0; r < COUNT_OF(rows); r++) {
        const char *what = rows[r].what;
        float x[16], y[16];
        uint8_t keep[12];
        const size_t shape[2] = { 3, 4 }, bytes = 2;
        smash_apply_desc desc = SMASH_ZERO;
        smash_tensor src = test_view(SMASH_F32, x, 2, shape), dst = test_view(SMASH_F32, y, 2, shape), mask = test_view(SMASH_BOOL, keep, 2, shape), *s = &src, *d = &dst, *m = &mask;
        mask.name = "m";
        for (i = 0; i < 16; i++) { x[i] = (float)i + 1; y[i] = -7; }
        memset(keep, 0, sizeof keep);
        desc.method = SMASH_APPLY_ADD;
#define IS(word) (strcmp(what, word) == 0)
        if (IS("in place")) d = s;
        if (strncmp(what, "bits", 4) == 0) { desc.bits = 1; mask = test_view(SMASH_U8, keep, 1, &bytes); mask.name = "m"; }
        if (IS("bits 2")) desc.bits = 2;
        if (IS("bits long")) mask.shape[0] = mask.bytes = 3;
        if (IS("bits bool")) mask.dtype = SMASH_BOOL;
        if (IS("bits behind")) keep[1] = 0x10;
        if (IS("fence")) desc.zero_end = 1;
        if (IS("method 4")) desc.method = (smash_apply_method)4;
        if (IS("no src")) s = NULL;
        if (IS("no dst")) d = NULL;
        if (IS("no mask")) m = NULL;
        if (IS("src i8")) src.dtype = SMASH_I8;
        if (IS("dst f64")) { dst.dtype = SMASH_F64; dst.bytes = sizeof y; dst.shape[0] = 2; }
        if (IS("dst shape")) { dst.shape[0] = 4; dst.shape[1] = 3; }
        if (IS("const")) dst.flags = SMASH_TENSOR_CONST;
        if (IS("shifted")) { dst.data = x + 1; }
        if (IS("mask shape")) mask.shape[1] = 1;
        if (IS("mask f32")) mask.dtype = SMASH_F32;
        if (IS("mask on dst")) mask.data = y;
        if (IS("block 0") || IS("block 5")) { const int32_t b = IS("block 0") ? 0 : 5; desc.grain = smash_grain_block(&b, 1); }
        if (IS("empty")) { src.shape[0] = dst.shape[0] = mask.shape[0] = 0; }
        if (IS("huge")) { src.shape[0] = dst.shape[0] = SIZE_MAX / 2; }
        if (IS("value nan")) desc.value = strtod("nan", NULL);
        if (IS("value -inf")) desc.value = strtod("-inf", NULL);
        if (IS("value 1e39") || IS("mul 1e39")) desc.value = 1e39;
        if (IS("mul 1e39")) desc.method = SMASH_APPLY_MUL;
        if (IS("device")) src.flags = SMASH_TENSOR_DEVICE;
#undef IS
        CHECK_ERR(&ctx, smash_mask_apply_to(&ctx, &desc, m, s, d), rows[r].want, "%s", what);
        if (rows[r].message) CHECK(strcmp(ctx.message, rows[r].message) == 0, "%s: %s", what, ctx.message);
        for (i = 0; rows[r].want && i < 16; i++)
            CHECK(x[i] == (float)i + 1 && y[i] == -7.0f, "%s: number %d was touched", what, (int)i);
    }
    {
        uint8_t keep[9] = { 0, 1, 2, 255, 0, 0, 1, 0, 7 }, bits[2] = { 0x5A, 0x5A };
        const size_t nine = 9, two = 2, none = 0, huge[2] = { SIZE_MAX / 2, 4 };
        smash_tensor mask = test_view(SMASH_U8, keep, 1, &nine), packed = test_view(SMASH_U8, bits, 1, &two), nothing = test_view(SMASH_U8, NULL, 1, &none);
        CHECK_ERR(&ctx, smash_mask_pack(&ctx, &mask, &packed), SMASH_OK, "nine");
        CHECK(bits[0] == 0x4E && bits[1] == 1, "nine bits are %02x %02x", bits[0], bits[1]);
        CHECK_ERR(&ctx, smash_mask_pack(&ctx, &nothing, &nothing), SMASH_OK, "none");
        CHECK_ERR(&ctx, smash_mask_unpack(&ctx, &nothing, &nothing), SMASH_OK, "none");
        CHECK_ERR(&ctx, smash_mask_pack(&ctx, &mask, &nothing), SMASH_ERR_SHAPE, "no bits");
        CHECK_ERR(&ctx, smash_mask_pack(&ctx, NULL, &packed), SMASH_ERR_ARG, "no mask");
        CHECK_ERR(&ctx, smash_mask_unpack(&ctx, NULL, &mask), SMASH_ERR_ARG, "no bits");
        bits[1] = 0x82;
        CHECK_ERR(&ctx, smash_mask_unpack(&ctx, &packed, &mask), SMASH_ERR_FORMAT, "behind");
        CHECK(ctx.index == 1 && keep[3] == 255, "index %d, or touched", (int)ctx.index);
        packed.data = keep + 3;
        CHECK_ERR(&ctx, smash_mask_pack(&ctx, &mask, &packed), SMASH_ERR_ARG, "in one place");
        CHECK_ERR(&ctx, smash_mask_unpack(&ctx, &packed, &mask), SMASH_ERR_ARG, "in one place");
        packed.dtype = SMASH_BOOL;
        CHECK_ERR(&ctx, smash_mask_pack(&ctx, &mask, &packed), SMASH_ERR_DTYPE, "bool");
        mask = smash_tensor_view(SMASH_BOOL, keep, sizeof keep, 2, huge);
        CHECK_ERR(&ctx, smash_mask_pack(&ctx, &mask, &packed), SMASH_ERR_OVERFLOW, "huge");
    }
}

static void test_align(void)
{
    size_t round, i;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (round = 0; round < 600; round++) {
        static const size_t dims[] = { 1, 2, 3, 4, 6, 8 };
        uint32_t ndim = 1 + (uint32_t)below(4), axis, count = 0;
        size_t shape[SMASH_MAX_DIMS] = { 0 }, small[SMASH_MAX_DIMS] = { 0 }, n = 1, stride[SMASH_MAX_DIMS];
        int32_t block[SMASH_MAX_DIMS] = { 0 }, small_block[SMASH_MAX_DIMS] = { 0 }, keep_dims[SMASH_MAX_DIMS];
        uint32_t kept_axis[SMASH_MAX_DIMS];
        smash_grain from, to;
        smash_grid g, h;
        smash_tensor shaped, reduced, src, dst;
        uint8_t *want;
        for (axis = 0; axis < ndim; axis++) {
            shape[axis] = dims[below(COUNT_OF(dims))];
            block[axis] = random_block(shape[axis]);
            n *= shape[axis];
            if (below(2)) {
                kept_axis[count] = axis;
                small[count] = shape[axis];
                small_block[count] = random_block(shape[axis]);
                keep_dims[count++] = below(2) ? (int32_t)axis : (int32_t)axis - (int32_t)ndim;
            }
        }
        from = round % 3 ? smash_grain_block(block, ndim) : smash_grain_element();
        to = round % 4 ? smash_grain_block(small_block, count) : smash_grain_element();
        shaped = smash_tensor_view(SMASH_F32, NULL, 0, ndim, shape);
        reduced = smash_tensor_view(SMASH_F32, NULL, 0, count, small);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &from, &shaped, &g), SMASH_OK, "round %d", (int)round);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &to, &reduced, &h), SMASH_OK, "round %d", (int)round);
        src = make(SMASH_BOOL, ndim, g.count);
        dst = make(SMASH_BOOL, count, h.count);
        want = (uint8_t *)calloc(h.blocks, 1);
        for (i = 0; i < g.blocks; i++) ((uint8_t *)src.data)[i] = below(4) == 0;
        for (i = 0; i < n; i++) {
            size_t at = i, inside = 0;
            for (axis = ndim; axis--; ) { stride[axis] = at % shape[axis]; at /= shape[axis]; }
            for (axis = 0; axis < count; axis++) inside = inside * small[axis] + stride[kept_axis[axis]];
            if (((uint8_t *)src.data)[block_of(&g, i)]) want[block_of(&h, inside)] = 1;
        }
        CHECK_ERR(&ctx, smash_mask_align(&ctx, &src, &from, &shaped, keep_dims, count, &to, &dst), SMASH_OK, "round %d", (int)round);
        CHECK(!memcmp(dst.data, want, h.blocks), "round %d: %u of %u dims", (int)round, count, ndim);
        free(src.data);
        free(dst.data);
        free(want);
    }
    {                                                       /* dims that name every axis reduce nothing: a bias follows its weight */
        uint8_t src[4] = { 1, 0, 1, 0 }, dst[4] = { 9, 9, 9, 9 };
        size_t shape[1] = { 4 };
        int32_t dim = 0;
        smash_tensor s = smash_tensor_view(SMASH_BOOL, src, 4, 1, shape), d = smash_tensor_view(SMASH_BOOL, dst, 4, 1, shape);
        CHECK_ERR(&ctx, smash_mask_align(&ctx, &s, NULL, &s, &dim, 1, NULL, &d), SMASH_OK, "all dims");
        CHECK(!memcmp(src, dst, 4), "all dims");
    }
}

/* ---- what goes wrong ---- */

static void test_errors(void)
{
    enum { NONE, METRIC, ALLOCATE, MAKE, ALIGN, EXPAND, APPLY, BYTES };
    static const struct { const char *what; int call; smash_err want; } rows[] = {
        { "fine", METRIC, SMASH_OK }, { "fine", ALLOCATE, SMASH_OK }, { "fine", MAKE, SMASH_OK }, { "fine", ALIGN, SMASH_OK }, { "fine", EXPAND, SMASH_OK },
        { "fine", APPLY, SMASH_OK }, { "fine", BYTES, SMASH_OK },
        { "fence", METRIC, SMASH_ERR_ARG }, { "fence", ALLOCATE, SMASH_ERR_ARG }, { "fence", MAKE, SMASH_ERR_ARG }, { "fence", BYTES, SMASH_ERR_ARG },
        { "metric 4", METRIC, SMASH_ERR_ARG }, { "metric 4", MAKE, SMASH_ERR_ARG }, { "metric 4", BYTES, SMASH_ERR_ARG },
        { "no w", METRIC, SMASH_ERR_ARG }, { "no w", MAKE, SMASH_ERR_ARG }, { "no w", APPLY, SMASH_ERR_ARG }, { "no w", BYTES, SMASH_ERR_ARG },
        { "no mask", MAKE, SMASH_ERR_ARG }, { "no mask", ALLOCATE, SMASH_ERR_ARG }, { "no mask", EXPAND, SMASH_ERR_ARG }, { "no mask", APPLY, SMASH_ERR_ARG }, { "no mask", ALIGN, SMASH_ERR_ARG },
        { "no metric", METRIC, SMASH_ERR_ARG }, { "no metric", ALLOCATE, SMASH_ERR_ARG }, { "no full", EXPAND, SMASH_ERR_ARG }, { "no full", ALIGN, SMASH_ERR_ARG },
        { "no data", METRIC, SMASH_ERR_ARG }, { "no data", MAKE, SMASH_ERR_ARG }, { "no data", APPLY, SMASH_ERR_ARG }, { "no data", BYTES, SMASH_OK },
        { "no bytes", BYTES, SMASH_ERR_ARG }, { "w i32", METRIC, SMASH_ERR_DTYPE }, { "w i32", MAKE, SMASH_ERR_DTYPE }, { "w i32", APPLY, SMASH_ERR_DTYPE },
        { "w i32", BYTES, SMASH_ERR_DTYPE }, { "w i32", ALIGN, SMASH_OK }, { "mask f32", MAKE, SMASH_ERR_DTYPE }, { "mask f32", ALLOCATE, SMASH_ERR_DTYPE },
        { "mask f32", EXPAND, SMASH_ERR_DTYPE }, { "mask f32", APPLY, SMASH_ERR_DTYPE }, { "mask f32", ALIGN, SMASH_ERR_DTYPE }, { "full f32", EXPAND, SMASH_ERR_DTYPE },
        { "metric f32", METRIC, SMASH_ERR_DTYPE }, { "metric f32", ALLOCATE, SMASH_ERR_DTYPE }, { "mask shape", MAKE, SMASH_ERR_SHAPE }, { "mask shape", ALLOCATE, SMASH_ERR_SHAPE },
        { "mask shape", EXPAND, SMASH_ERR_SHAPE }, { "mask shape", APPLY, SMASH_ERR_SHAPE }, { "mask shape", ALIGN, SMASH_ERR_SHAPE }, { "metric shape", METRIC, SMASH_ERR_SHAPE },
        { "mask short", MAKE, SMASH_ERR_SHAPE }, { "w short", MAKE, SMASH_ERR_SHAPE }, { "w short", APPLY, SMASH_ERR_SHAPE }, { "empty", MAKE, SMASH_ERR_SHAPE },
        { "empty", METRIC, SMASH_ERR_SHAPE }, { "empty", APPLY, SMASH_ERR_SHAPE }, { "empty", EXPAND, SMASH_ERR_SHAPE }, { "empty", BYTES, SMASH_ERR_SHAPE }, { "empty", ALLOCATE, SMASH_ERR_SHAPE },
        { "block 3", METRIC, SMASH_ERR_SHAPE }, { "block 3", MAKE, SMASH_ERR_SHAPE }, { "block 3", BYTES, SMASH_ERR_SHAPE }, { "block 3", APPLY, SMASH_ERR_SHAPE }, { "block 3", EXPAND, SMASH_ERR_SHAPE },
        { "huge", METRIC, SMASH_ERR_OVERFLOW }, { "huge", MAKE, SMASH_ERR_OVERFLOW }, { "huge", APPLY, SMASH_ERR_OVERFLOW }, { "huge", EXPAND, SMASH_ERR_OVERFLOW },
        { "huge", BYTES, SMASH_ERR_OVERFLOW }, { "huge", ALIGN, SMASH_ERR_OVERFLOW }, { "large fpgm", BYTES, SMASH_ERR_OVERFLOW },
        { "mask on w", MAKE, SMASH_ERR_ARG }, { "mask on w", APPLY, SMASH_ERR_ARG }, { "metric on w", METRIC, SMASH_ERR_ARG }, { "mask on metric", ALLOCATE, SMASH_ERR_ARG },
        { "full on mask", EXPAND, SMASH_ERR_ARG }, { "full on mask", ALIGN, SMASH_ERR_ARG }, { "const", APPLY, SMASH_ERR_ARG }, { "const", MAKE, SMASH_OK }, { "const mask", MAKE, SMASH_ERR_ARG },
        { "device", MAKE, SMASH_ERR_DEVICE }, { "ratio -", MAKE, SMASH_ERR_RANGE }, { "ratio 2", MAKE, SMASH_ERR_RANGE }, { "ratio nan", MAKE, SMASH_ERR_RANGE }, { "ratio 2", ALLOCATE, SMASH_ERR_RANGE },
        { "min 2", MAKE, SMASH_ERR_RANGE }, { "max nan", MAKE, SMASH_ERR_RANGE }, { "min -", ALLOCATE, SMASH_ERR_RANGE }, { "max 2", ALLOCATE, SMASH_ERR_RANGE },
        { "threshold nan", MAKE, SMASH_ERR_RANGE }, { "threshold and ratio", MAKE, SMASH_ERR_ARG }, { "use 2", MAKE, SMASH_ERR_ARG }, { "threshold nan", ALLOCATE, SMASH_ERR_RANGE },
        { "nan", METRIC, SMASH_ERR_NONFINITE }, { "nan", MAKE, SMASH_ERR_NONFINITE }, { "nan", ALLOCATE, SMASH_ERR_NONFINITE }, { "-inf", ALLOCATE, SMASH_ERR_NONFINITE }, { "dims null", ALIGN, SMASH_ERR_ARG },
        { "dim 2", ALIGN, SMASH_ERR_RANGE }, { "dim -3", ALIGN, SMASH_ERR_RANGE }, { "dim twice", ALIGN, SMASH_ERR_RANGE }, { "dim order", ALIGN, SMASH_ERR_RANGE }, { "dims 3", ALIGN, SMASH_ERR_RANGE }
    };
    static const double inf = 1e308 * 10;
    size_t r;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (r = 0; r < COUNT_OF(rows); r++) {
        const char *what = rows[r].what;
        float x[32];
        double score[32];
        uint8_t keep[256], all[32], was[256];
        size_t shape[2] = { 4, 8 }, out[2] = { 4, 1 }, i, bytes = 0;
        int32_t dims[3] = { 0, 1, 1 }, block[2] = { 3, -1 };
        uint32_t dim_count = 1;
        smash_tensor w = smash_tensor_view(SMASH_F32, x, sizeof x, 2, shape), metric = smash_tensor_view(SMASH_F64, score, sizeof score, 2, out);
        smash_tensor mask = smash_tensor_view(SMASH_BOOL, keep, 32, 2, out), full = smash_tensor_view(SMASH_BOOL, all, sizeof all, 2, shape);
        smash_tensor *pw = &w, *pmetric = &metric, *pmask = &mask, *pfull = &full;
        smash_mask_desc d = SMASH_ZERO;
        smash_mask_stats stats;
        smash_err got = SMASH_OK;
        memset(keep, 1, sizeof keep);
        memset(was, 1, sizeof was);
        memset(all, 1, sizeof all);
        memset(&stats, 0x55, sizeof stats);
        for (i = 0; i < 32; i++) { x[i] = (float)i; score[i] = (double)i; }
        d.grain = smash_grain_out_channel();
        d.ratio = 0.5;
        if (rows[r].call == ALIGN) { full.ndim = 1; full.shape[0] = 4; }
#define IS(name) (!strcmp(what, name))
        if (IS("fence")) { if (r % 2) d.zero_begin = 1; else d.zero_end = 1; }
#ifndef __cplusplus                                                     /* C++ compilers may take it that an enum never holds 4 */
        if (IS("metric 4")) d.metric = (smash_metric)4;
#else
        if (IS("metric 4")) continue;
#endif
        if (IS("no w")) pw = NULL;
        if (IS("no mask")) pmask = NULL;
        if (IS("no metric")) pmetric = NULL;
        if (IS("no full")) pfull = NULL;
        if (IS("no data")) w.data = NULL;
        if (IS("w i32")) w.dtype = SMASH_I32;
        if (IS("mask f32")) mask.dtype = SMASH_F32;
        if (IS("full f32")) full.dtype = SMASH_F32;
        if (IS("metric f32")) metric.dtype = SMASH_F32;
        if (IS("mask shape")) mask.shape[0] = 2;
        if (IS("metric shape")) metric.shape[1] = 2;
        if (IS("mask short")) mask.bytes = 3;
        if (IS("w short")) w.bytes = 127;
        if (IS("empty")) { w.shape[1] = 0; full.shape[1] = 0; metric.shape[0] = mask.shape[0] = 0; }
        if (IS("block 3")) d.grain = smash_grain_block(block, 2);
        if (IS("huge")) { w.shape[0] = full.shape[0] = SIZE_MAX / 2; }
        if (IS("large fpgm")) { w.shape[0] = SIZE_MAX / 32 - 3; w.shape[1] = 1; d.metric = SMASH_METRIC_FPGM; }
        if (IS("mask on w")) mask.data = x;
        if (IS("metric on w")) metric.data = x;
        if (IS("mask on metric")) mask.data = score;
        if (IS("full on mask")) full.data = keep;
        if (IS("const")) w.flags = SMASH_TENSOR_CONST;
        if (IS("const mask")) mask.flags = SMASH_TENSOR_CONST;
        if (IS("device")) w.flags = SMASH_TENSOR_DEVICE;
        if (IS("ratio -")) d.ratio = -0.01;
        if (IS("ratio 2")) d.ratio = 1.01;
        if (IS("ratio nan")) d.ratio = inf - inf;
        if (IS("min 2")) d.min_ratio = 2;
        if (IS("min -")) d.min_ratio = -1;
        if (IS("max 2")) d.max_ratio = 2;
        if (IS("max nan")) d.max_ratio = inf - inf;
        if (IS("threshold nan")) { d.ratio = 0; d.use_threshold = 1; d.threshold = inf - inf; }
        if (IS("threshold and ratio")) d.use_threshold = 1;
        if (IS("use 2")) d.use_threshold = 2;
        if (IS("nan")) { x[13] = (float)(inf - inf); x[20] = (float)inf; score[2] = -inf; score[3] = inf; }
        if (IS("-inf")) score[2] = -inf;
        if (IS("dim 2")) dims[0] = 2;
        if (IS("dim -3")) dims[0] = -3;
        if (IS("dim twice")) { dims[1] = 0; dim_count = 2; }
        if (IS("dim order")) { dims[0] = 1; dims[1] = -2; dim_count = 2; }
        if (IS("dims 3")) dim_count = 3;
        smash_ctx_reset(&ctx);
        switch (rows[r].call) {
        case METRIC:   got = smash_mask_metric(&ctx, &d, pw, pmetric); break;
        case ALLOCATE: got = smash_mask_allocate(&ctx, &d, pmetric, 32, pmask, &stats); break;
        case MAKE:     got = smash_mask_make(&ctx, &d, pw, pmask, &stats); break;
        case ALIGN:    got = smash_mask_align(&ctx, pmask, &d.grain, pw, IS("dims null") ? NULL : dims, dim_count, NULL, pfull); break;
        case EXPAND:   got = smash_mask_expand(&ctx, &d.grain, pmask, pfull); break;
        case APPLY:    got = smash_mask_apply(&ctx, &d.grain, pmask, pw); break;
        case BYTES:    got = smash_mask_bytes(&ctx, &d, pw, IS("no bytes") ? NULL : &bytes); break;
        }
        CHECK(got == rows[r].want, "%s, call %d: %s (%s)", what, rows[r].call, smash_err_name(got), ctx.message);
        CHECK(ctx.err == got && (got == SMASH_OK) == (ctx.message[0] == '\0'), "%s, call %d: message \"%s\"", what, rows[r].call, ctx.message);
        if (IS("nan")) CHECK(ctx.index == (rows[r].call == ALLOCATE ? 2u : 13u), "%s, call %d: index %zu", what, rows[r].call, ctx.index);
        if (got && !IS("mask on w") && !IS("full on mask")) {
            size_t changed = 0, byte;
            for (byte = 0; byte < sizeof stats; byte++) changed += ((unsigned char *)&stats)[byte] != 0x55;
            for (i = 0; i < 32; i++) changed += all[i] != 1;
            CHECK(!memcmp(keep, was, sizeof keep) && !changed && bytes == 0, "%s, call %d: outputs touched", what, rows[r].call);
        }
        CHECK(test_alloc_live == 0 || ctx.scratch.block, "%s: leak", what);
    }
#undef IS
    smash_arena_release(&ctx.scratch);
}

/* NaN and Inf at every place that a kernel treats differently, for every metric and dtype */
static void test_nonfinite(void)
{
    static const size_t places[] = { 0, 5, 31, 32, 4095, 65535, 65536, 140000, 140799 };
    static const double inf = 1e308 * 10;
    size_t shape[2] = { 8, 17600 }, p, t, g;
    int metric, mode, ratio;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (t = 0; t < 4; t++) {
        smash_tensor w = make(floats[t], 2, shape), mask;
        size_t i, n = shape[0] * shape[1];
        for (i = 0; i < n; i++) put(floats[t], w.data, i, uniform() - 0.5);
        for (p = 0; p < COUNT_OF(places); p++) for (g = 0; g < 2; g++) for (metric = 1; metric <= 3; metric++) for (ratio = 0; ratio < 4; ratio++) {
            smash_mask_desc d = SMASH_ZERO;
            size_t grid[2], b, changed = 0;
            double was = get(floats[t], w.data, places[p]), bad = p % 3 == 0 ? inf : p % 3 == 1 ? -inf : inf - inf;
            if (metric == 3 && g == 0) continue;
            grid[0] = shape[0];
            grid[1] = g ? 1 : shape[1];
            mask = make(SMASH_BOOL, 2, grid);
            d.metric = (smash_metric)metric;
            d.ratio = ratio == 3 ? 0 : ratio * 0.5;
            d.use_threshold = ratio == 3;
            if (g) d.grain = smash_grain_out_channel();
            put(floats[t], w.data, places[p], bad);
            for (mode = 0; mode < 5; mode += 2) {
                set_mode(&ctx, mode);
                CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, NULL), SMASH_ERR_NONFINITE, "%s place %zu metric %d", smash_dtype_name(floats[t]), places[p], metric);
                CHECK(ctx.index == places[p], "%s place %zu metric %d: index %zu", smash_dtype_name(floats[t]), places[p], metric, ctx.index);
                for (b = 0; b < mask.bytes; b++) changed += ((uint8_t *)mask.data)[b] != 0x55;
                CHECK(!changed, "%s place %zu: mask touched", smash_dtype_name(floats[t]), places[p]);
            }
            put(floats[t], w.data, places[p], was);
            free(mask.data);
        }
        free(w.data);
    }
    {                                                           /* finite numbers whose sum is not */
        double x[4] = { 1, 2, 1e308, 1e308 };
        size_t two[2] = { 2, 2 }, grid[2] = { 2, 1 };
        smash_tensor w = smash_tensor_view(SMASH_F64, x, sizeof x, 2, two);
        smash_mask_desc d = SMASH_ZERO;
        double score[2];
        smash_tensor metric_out = smash_tensor_view(SMASH_F64, score, sizeof score, 2, grid);
        d.grain = smash_grain_out_channel();
        CHECK_ERR(&ctx, smash_mask_metric(&ctx, &d, &w, &metric_out), SMASH_ERR_NONFINITE, "sum overflows");
        CHECK(ctx.index == 1 && strstr(ctx.message, "overflows"), "block %zu: %s", ctx.index, ctx.message);
    }
}

/* Scratch of exactly the size that was asked for is enough, one byte less is refused. */
/* A tensor that fits the address space, whose scratch does not */
static void test_scratch_overflow(void)
{
    const size_t many = SIZE_MAX / 8;
    smash_tensor w = smash_tensor_view(SMASH_F32, NULL, 0, 1, &many);
    smash_mask_desc d = SMASH_ZERO;
    smash_ctx ctx;
    size_t bytes = 77;
    smash_ctx_init(&ctx);
    d.metric = SMASH_METRIC_FPGM;
    CHECK_ERR(&ctx, smash_mask_bytes(&ctx, &d, &w, &bytes), SMASH_ERR_OVERFLOW, "64 bytes a block");
    CHECK(bytes == 77, "bytes were set");
}

static void test_scratch(void)
{
    static const struct { size_t shape[2]; int32_t block[2]; } rows[] = {
        { { 1, 1 }, { 1, 1 } }, { { 10, 30 }, { 1, 1 } }, { { 10, 30 }, { 1, -1 } }, { { 10, 30 }, { -1, 1 } }, { { 9, 33 }, { 3, 3 } }, { { 300, 500 }, { 1, 1 } }, { { 300, 500 }, { 1, 2 } }, { { 130, 33 }, { 1, -1 } }
    };
    size_t r, t, i;
    int metric;
    for (r = 0; r < COUNT_OF(rows); r++) for (t = 0; t < 4; t++) for (metric = 1; metric <= 3; metric++) {
        smash_tensor w = make(floats[t], 2, rows[r].shape), doubles, mask, out;
        smash_mask_desc d = SMASH_ZERO;
        smash_grid g;
        smash_ctx ctx;
        size_t bytes = 0, wrong = 0;
        unsigned char *buffer;
        if (metric == 3 && r > 4 && r < 7) { free(w.data); continue; }
        smash_ctx_init(&ctx);
        d.metric = (smash_metric)metric;
        d.ratio = 0.5;
        d.grain = smash_grain_block(rows[r].block, 2);
        smash_grid_make(&ctx, &d.grain, &w, &g);
        mask = make(SMASH_BOOL, 2, g.count);
        out = make(SMASH_F64, 2, g.count);
        for (i = 0; i < g.blocks * g.block_elements; i++) put(floats[t], w.data, i, uniform());
        CHECK_ERR(&ctx, smash_mask_bytes(&ctx, &d, &w, &bytes), SMASH_OK, "row %d", (int)r);
        buffer = (unsigned char *)malloc(bytes);                        /* malloc aligns to 16 */
        smash_arena_init(&ctx.scratch, buffer, bytes - 1, NULL);
        CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, NULL), SMASH_ERR_NOMEM, "row %d %s metric %d: %zu bytes", (int)r, smash_dtype_name(floats[t]), metric, bytes);
        CHECK(ctx.need == 1, "row %d: need %zu", (int)r, ctx.need);
        for (i = 0; i < g.blocks; i++) wrong += ((uint8_t *)mask.data)[i] != 0x55;
        smash_arena_init(&ctx.scratch, buffer, bytes, NULL);
        CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, NULL), SMASH_OK, "row %d %s metric %d: %zu bytes", (int)r, smash_dtype_name(floats[t]), metric, bytes);
        CHECK(ctx.scratch.used == 0 && ctx.scratch.peak == bytes, "row %d: %zu left, peak %zu of %zu", (int)r, ctx.scratch.used, ctx.scratch.peak, bytes);
        CHECK_ERR(&ctx, smash_mask_metric(&ctx, &d, &w, &out), SMASH_OK, "row %d", (int)r);
        free(buffer);
        doubles = w;                                                    /* scores are f64, also those of single elements */
        doubles.dtype = SMASH_F64;
        doubles.data = NULL;
        CHECK_ERR(&ctx, smash_mask_bytes(&ctx, &d, &doubles, &bytes), SMASH_OK, "row %d", (int)r);
        buffer = (unsigned char *)malloc(bytes);
        smash_arena_init(&ctx.scratch, buffer, bytes, NULL);
        CHECK_ERR(&ctx, smash_mask_allocate(&ctx, &d, &out, 32, &mask, NULL), SMASH_OK, "row %d", (int)r);
        CHECK(ctx.scratch.used == 0, "row %d", (int)r);
        free(buffer);
        CHECK(!wrong, "row %d: mask touched", (int)r);
        free(w.data);
        free(mask.data);
        free(out.data);
    }
}

static void test_kth_errors(void)
{
    float x[4] = { 3, -1, 2, -4 };
    static const double inf = 1e308 * 10;
    double got = 7;
    size_t shape[2] = { 2, 2 };
    unsigned char memory[4096];
    smash_tensor w = smash_tensor_view(SMASH_F32, x, sizeof x, 2, shape);
    smash_ctx ctx;
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, memory, sizeof memory, NULL);
    w.name = "fc.weight";
    CHECK_ERR(&ctx, smash_kth_magnitude(&ctx, &w, 3, &got), SMASH_OK, "third");
    CHECK(got == 3, "third: %g", got);
    CHECK_ERR(&ctx, smash_kth_magnitude(&ctx, &w, 3, NULL), SMASH_ERR_ARG, "nowhere");
    CHECK_ERR(&ctx, smash_kth_magnitude(&ctx, NULL, 3, &got), SMASH_ERR_ARG, "no tensor");
    CHECK_ERR(&ctx, smash_kth_magnitude(&ctx, &w, 5, &got), SMASH_ERR_RANGE, "fifth of four");
    CHECK(!strcmp(ctx.message, "\"fc.weight\" has no magnitude number 5: they go from 1 to 4") && ctx.index == 5, "%s", ctx.message);
    smash_arena_init(&ctx.scratch, memory, 100, NULL);
    CHECK_ERR(&ctx, smash_kth_magnitude(&ctx, &w, 1, &got), SMASH_ERR_NOMEM, "no memory");
    smash_arena_init(&ctx.scratch, memory, sizeof memory, NULL);
    x[2] = (float)inf;
    CHECK_ERR(&ctx, smash_kth_magnitude(&ctx, &w, 1, &got), SMASH_ERR_NONFINITE, "inf");
    CHECK(ctx.index == 2 && got == 3 && ctx.scratch.used == 0, "index %zu, %g", ctx.index, got);
    w.dtype = SMASH_I32;
    CHECK_ERR(&ctx, smash_kth_magnitude(&ctx, &w, 1, &got), SMASH_ERR_DTYPE, "integers");
}

/* Without a desc: magnitudes of single elements, nothing dropped. */
static void test_defaults(void)
{
    float x[6] = { 1, -2, 3, -4, 5, 0 };
    double score[6];
    uint8_t keep[6];
    size_t shape[2] = { 2, 3 }, i;
    smash_tensor w = smash_tensor_view(SMASH_F32, x, sizeof x, 2, shape), metric = smash_tensor_view(SMASH_F64, score, sizeof score, 2, shape);
    smash_tensor mask = smash_tensor_view(SMASH_BOOL, keep, sizeof keep, 2, shape);
    smash_mask_stats stats;
    smash_ctx ctx;
    test_ctx(&ctx);
    CHECK_ERR(&ctx, smash_mask_metric(NULL, NULL, &w, &metric), SMASH_OK, "no ctx, no desc");
    CHECK_ERR(&ctx, smash_mask_make(&ctx, NULL, &w, &mask, &stats), SMASH_OK, "no desc");
    for (i = 0; i < 6; i++) CHECK(score[i] == magnitude((double)x[i]) && keep[i] == 1, "element %zu", i);
    CHECK(stats.blocks == 6 && stats.dropped == 0 && stats.elements == 0 && stats.ratio == 0, "stats");
    keep[1] = 0;
    keep[3] = 0;
    CHECK_ERR(&ctx, smash_mask_apply(NULL, NULL, &mask, &w), SMASH_OK, "no ctx, no grain");
    for (i = 0; i < 6; i++) CHECK(x[i] == (i == 1 || i == 3 ? 0.0f : (float)(i + 1) * (i < 5 ? 1.0f : 0.0f)), "element %zu is %g", i, (double)x[i]);
    {
        double tiny[2] = { -1e-200, 1e300 };
        size_t two = 2;
        smash_mask_desc d = SMASH_ZERO;
        smash_tensor t = smash_tensor_view(SMASH_F64, tiny, sizeof tiny, 1, &two), m = smash_tensor_view(SMASH_F64, score, sizeof tiny, 1, &two);
        d.metric = SMASH_METRIC_L2;
        CHECK_ERR(&ctx, smash_mask_metric(&ctx, &d, &t, &m), SMASH_OK, "L2 of single elements");
        CHECK(score[0] == 1e-200 && score[1] == 1e300, "L2 of single elements is their magnitude: %g %g", score[0], score[1]);
    }
    {
        uint32_t bits;
        memcpy(&bits, &x[1], 4);
        CHECK(bits == 0, "a dropped negative number becomes +0");
    }
}

/* ---- parts and groups, against sorting ---- */

typedef struct scored { double score; size_t member, index; } scored;
static int by_place(const void *a, const void *b)
{
    const scored *x = (const scored *)a, *y = (const scored *)b;
    if (x->score < y->score || x->score > y->score) return x->score < y->score ? -1 : 1;
    if (x->member != y->member) return x->member < y->member ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* trunc(n * share) of the blocks, whatever their number: at least min, at most max */
static size_t wanted(size_t n, double ratio, double min, double max)
{
    size_t k = ratio < 1 ? (size_t)((double)n * ratio) : n, low = (size_t)((double)n * min), high = max > 0 && max < 1 ? (size_t)((double)n * max) : n;
    if (k < low) k = low;
    return k < high ? k : high;
}

/* The nearest whole number of blocks: all eighths, counted in integers, of parts that are small and large, from numbers and from scores. */
static void test_nearest(void)
{
    static const struct { size_t n; double ratio, min, max; size_t want; } rows[] = {       /* 7 * 0.1 is 0.7; shares that are not met are left alone */
        { 7, 0.1, 0, 0, 1 }, { 7, 0.05, 0, 0, 0 }, { 7, 0.5, 0, 0.5, 3 }, { 7, 0.1, 0.3, 0, 2 }, { 7, 0.95, 0, 0, 7 }, { 7, 1, 0, 0, 7 }, { 2, 0.75, 0, 0, 2 }, { 100, 0.29, 0, 0, 29 }, { 48, 0.999, 0, 0, 48 }, { 1, 0.5, 0, 0, 0 }, { 3, 0.5, 0, 0, 2 } };
    static const size_t sizes[] = { 1, 2, 3, 5, 7, 12, 31, 64, 65, 130, 301 };
    static float numbers[4 * 301];
    static double scores[4 * 301];
    static unsigned char keep[4 * 301], both[4 * 301];
    smash_ctx ctx;
    size_t i, e, k;
    test_ctx(&ctx);
    for (k = 0; k < COUNT_OF(numbers); k++) scores[k] = numbers[k] = (float)(COUNT_OF(numbers) - k);
    for (i = 0; i < COUNT_OF(sizes); i++) for (e = 0; e <= 8; e++) {
        const size_t parts = i % 3 + 1, part = sizes[i], n = parts * part, floor = part * e / 8, rest = part * e % 8, want = floor + (rest > 4 || (rest == 4 && floor % 2));
        smash_tensor w = test_view(SMASH_F32, numbers, 1, &n), metric = test_view(SMASH_F64, scores, 1, &n), mask = test_view(SMASH_BOOL, keep, 1, &n), other = test_view(SMASH_BOOL, both, 1, &n);
        smash_mask_desc desc = SMASH_ZERO;
        smash_mask_stats stats;
        smash_mask_member member = SMASH_ZERO;
        desc.ratio = (double)e / 8;
        desc.nearest = 1;
        desc.parts = (uint32_t)parts;
        member.metric = metric;
        member.mask = other;
        CHECK_ERR(&ctx, smash_mask_make(&ctx, &desc, &w, &mask, &stats), SMASH_OK, "%d of %d", (int)e, (int)part);
        CHECK(stats.dropped == want * parts, "%d eighths of %d: %d, want %d", (int)e, (int)part, (int)stats.dropped, (int)(want * parts));
        for (k = 0; k < n; k++) CHECK(keep[k] == (k % part < part - want), "%d eighths of %d: number %d", (int)e, (int)part, (int)k);
        CHECK_ERR(&ctx, smash_mask_allocate_shared(&ctx, &desc, &member, 1, 32), SMASH_OK, "%d of %d", (int)e, (int)part);
        CHECK(!memcmp(keep, both, n), "%d eighths of %d: others in a group", (int)e, (int)part);
        desc.nearest = 2;
        CHECK_ERR(&ctx, smash_mask_allocate(&ctx, &desc, &metric, 32, &mask, NULL), SMASH_ERR_ARG, "nearest 2");
    }
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_tensor metric = test_view(SMASH_F64, scores, 1, &rows[i].n), mask = test_view(SMASH_BOOL, keep, 1, &rows[i].n);
        smash_mask_desc desc = SMASH_ZERO;
        smash_mask_stats stats;
        desc.ratio = rows[i].ratio;
        desc.min_ratio = rows[i].min;
        desc.max_ratio = rows[i].max;
        desc.nearest = 1;
        CHECK_ERR(&ctx, smash_mask_allocate(&ctx, &desc, &metric, 32, &mask, &stats), SMASH_OK, "row %d", (int)i);
        CHECK(stats.dropped == rows[i].want, "row %d: %d", (int)i, (int)stats.dropped);
    }
    smash_arena_release(&ctx.scratch);
}

/* Every part by itself: as if it were a tensor of its own. Small parts, large ones, N:M. */
static void test_parts(void)
{
    static const struct { size_t rows, columns; uint32_t parts; double ratio, threshold, min, max; int by_row; } rows[] = {
        { 4, 8, 8, 0.5, 0, 0, 0, 0 }, { 16, 64, 256, 0.5, 0, 0, 0, 0 }, { 16, 64, 128, 0.5, 0, 0, 0, 0 }, { 16, 64, 1024, 0.5, 0, 0, 0, 0 }, { 16, 64, 1, 0.3, 0, 0, 0, 0 },
        { 30, 64, 10, 0.37, 0, 0, 0, 0 }, { 30, 64, 10, 0, 0.4, 0.2, 0.5, 0 }, { 8, 4096, 4, 0.61, 0, 0, 0, 0 }, { 8, 4096, 256, 0, 0.3, 0, 0.25, 0 }, { 3, 50000, 3, 0.9, 0, 0, 0, 0 },
        { 24, 9, 4, 0.5, 0, 0, 0, 1 }, { 24, 9, 2, 0, 2.2, 0.1, 0.7, 1 }, { 1024, 3, 8, 0.25, 0, 0, 0, 1 }, { 6, 6, 6, 1.0, 0, 0, 0, 0 }, { 6, 6, 3, 0, 0, 0, 0, 0 } };
    size_t i, p, k;
    int tied, mode;
    for (i = 0; i < COUNT_OF(rows); i++) for (tied = 0; tied < 2; tied++) {
        const size_t shape[2] = { rows[i].rows, rows[i].columns };
        smash_mask_desc desc = SMASH_ZERO;
        smash_tensor w = make(SMASH_F32, 2, shape), mask, first;
        smash_grid grid;
        smash_mask_stats stats;
        smash_ctx ctx;
        size_t n, bad = 0, dropped = 0;
        scored *order;
        test_ctx(&ctx);
        desc.parts = rows[i].parts;
        desc.ratio = rows[i].ratio;
        desc.use_threshold = rows[i].threshold > 0;
        desc.threshold = (double)(float)rows[i].threshold;
        desc.min_ratio = rows[i].min;
        desc.max_ratio = rows[i].max;
        desc.grain = rows[i].by_row ? smash_grain_axis(0) : smash_grain_element();
        for (k = 0; k < shape[0] * shape[1]; k++) ((float *)w.data)[k] = tied ? (float)below(3) / 4 : (float)uniform();
        smash_grid_make(&ctx, &desc.grain, &w, &grid);
        mask = make(SMASH_BOOL, grid.ndim, grid.count);
        first = make(SMASH_BOOL, grid.ndim, grid.count);
        n = grid.blocks / rows[i].parts;
        order = (scored *)malloc(n * sizeof *order);
        if (!order) abort();
        for (mode = 0; mode < MODES; mode++) {
            set_mode(&ctx, mode);
            CHECK_ERR(&ctx, smash_mask_make(&ctx, &desc, &w, mode ? &first : &mask, &stats), SMASH_OK, "row %d", (int)i);
            if (mode) CHECK(memcmp(first.data, mask.data, grid.blocks) == 0, "row %d, mode %d: another mask", (int)i, mode);
        }
        for (p = 0; p < rows[i].parts; p++) {
            size_t gone = 0, under = 0;
            for (k = 0; k < n; k++) {
                size_t e;
                order[k].member = 0;
                order[k].index = p * n + k;
                order[k].score = 0;
                for (e = 0; e < grid.block_elements; e++) order[k].score += magnitude((double)((float *)w.data)[order[k].index * grid.block_elements + e]);
                under += (float)order[k].score < (float)rows[i].threshold;
            }
            qsort(order, n, sizeof *order, by_place);
            gone = rows[i].threshold > 0 ? wanted(n, (double)under / (double)n, 0, 0) : wanted(n, rows[i].ratio, 0, 0);
            if (rows[i].threshold > 0) gone = under;
            if (gone < wanted(n, 0, rows[i].min, 0)) gone = wanted(n, 0, rows[i].min, 0);
            if (gone > wanted(n, 1, 0, rows[i].max)) gone = wanted(n, 1, 0, rows[i].max);
            for (k = 0; k < n; k++) bad += ((unsigned char *)mask.data)[order[k].index] != (k >= gone);
            dropped += gone;
        }
        CHECK(bad == 0 && stats.dropped == dropped && stats.blocks == grid.blocks, "row %d, ties %d: %d blocks differ, %d gone, want %d", (int)i, tied, (int)bad, (int)stats.dropped, (int)dropped);
        free(order); free(w.data); free(mask.data); free(first.data);
        smash_arena_release(&ctx.scratch);
    }
}

enum { MEMBERS = 4 };
typedef struct group { smash_mask_member members[MEMBERS]; size_t count; } group;

static void make_group(group *g, const size_t *blocks, const size_t *weights, size_t count, int tied)
{
    size_t m, i;
    memset(g, 0, sizeof *g);
    g->count = count;
    for (m = 0; m < count; m++) {
        g->members[m].metric = make(SMASH_F64, 1, &blocks[m]);
        g->members[m].mask = make(SMASH_U8, 1, &blocks[m]);
        g->members[m].block_elements = weights[m];
        for (i = 0; i < blocks[m]; i++) ((double *)g->members[m].metric.data)[i] = tied ? (double)below(4) - 1 : uniform() * 2 - 0.5;
    }
}
static void free_group(group *g)
{
    size_t m;
    for (m = 0; m < g->count; m++) { free(g->members[m].metric.data); free(g->members[m].mask.data); }
}

/* What goes if all goes that may */
static size_t all_cost(const group *g, const size_t *high, const size_t *cost)
{
    size_t m, sum = 0;
    for (m = 0; m < g->count; m++) sum += high[m] * cost[m];
    return sum;
}

/* A budget for all: sorted, the minima first, then one by one. A ratio is never exceeded, an amount is reached with the fewest blocks,
 * and masks are nested. */
static void test_global(void)
{
    static const struct { size_t count, blocks[MEMBERS], weights[MEMBERS]; double min[MEMBERS], max[MEMBERS]; size_t costs[MEMBERS]; } rows[] = {
        { 2, { 9, 9 }, { 2, 2 }, { 0 }, { 0 }, { 100, 1 } }, { 3, { 30, 50, 40 }, { 4, 0, 9 }, { 0, 0.1, 0 }, { 0.5, 0, 0.9 }, { 1, 70, 0 } }, { 2, { 5000, 3000 }, { 1, 1 }, { 0.01, 0 }, { 0 }, { 49, 3 } },
        { 1, { 10 }, { 0 }, { 0 }, { 0 }, { 0 } }, { 2, { 36, 24 }, { 1, 1 }, { 0 }, { 0 }, { 0 } }, { 2, { 6, 4 }, { 6, 6 }, { 0 }, { 0 }, { 0 } },
        { 3, { 48, 36, 24 }, { 1, 1, 1 }, { 0 }, { 0.25 }, { 0 } }, { 3, { 7, 11, 3 }, { 5, 2, 9 }, { 0 }, { 0 }, { 0 } },
        { 4, { 40, 1, 60, 13 }, { 3, 100, 1, 7 }, { 0.1, 0, 0.3, 0 }, { 0.5, 0, 0.8, 1 }, { 0 } }, { 2, { 20, 20 }, { 1, 1 }, { 0.9, 0 }, { 0.4, 0.3 }, { 0 } },
        { 4, { 1000, 3000, 2, 500 }, { 9, 1, 1, 4 }, { 0, 0.02, 0.5, 0 }, { 0.7, 0.7, 0.7, 0.7 }, { 0 } }, { 2, { 200000, 70000 }, { 1, 3 }, { 0 }, { 0 }, { 0 } } };
    static const double ratios[] = { 0, 0.001, 0.1, 0.25, 0.333, 0.5, 0.501, 0.75, 0.9, 0.999, 1 };
    size_t i, q, m, k;
    int tied;
    for (i = 0; i < COUNT_OF(rows); i++) for (tied = 0; tied < 2; tied++) {
        group g;
        smash_ctx ctx;
        scored *order;
        size_t all = 0, elements = 0, n = 0, cost[MEMBERS] = { 0 };
        unsigned char *before[MEMBERS];
        test_ctx(&ctx);
        make_group(&g, rows[i].blocks, rows[i].weights, rows[i].count, tied);
        for (m = 0; m < g.count; m++) {
            g.members[m].min_ratio = rows[i].min[m];
            g.members[m].max_ratio = rows[i].max[m];
            g.members[m].cost = rows[i].costs[m];
            cost[m] = rows[i].costs[m] ? rows[i].costs[m] : rows[i].weights[m] ? rows[i].weights[m] : 1;
            all += rows[i].blocks[m];
            elements += rows[i].blocks[m] * cost[m];
            before[m] = (unsigned char *)malloc(rows[i].blocks[m]);
            if (!before[m]) abort();
            memset(before[m], 1, rows[i].blocks[m]);
        }
        order = (scored *)malloc(all * sizeof *order);
        if (!order) abort();
        for (m = 0; m < g.count; m++) for (k = 0; k < rows[i].blocks[m]; k++, n++) {
            order[n].score = ((double *)g.members[m].metric.data)[k];
            order[n].member = m;
            order[n].index = k;
        }
        qsort(order, all, sizeof *order, by_place);
        for (q = 0; q < 2 * COUNT_OF(ratios); q++) {                         /* ratios, then the same as amounts, the last of them too large */
            const int amount = q >= COUNT_OF(ratios);
            const double ratio = ratios[q % COUNT_OF(ratios)];
            smash_budget_desc desc = SMASH_ZERO;
            size_t budget = ratio < 1 ? (size_t)((double)elements * ratio) : elements + (amount ? 7u : 0u), gone[MEMBERS] = { 0 }, low[MEMBERS], high[MEMBERS], bad = 0, back = 0, sum = 0, least = 0;
            unsigned char *drop = (unsigned char *)calloc(all, 1);
            int full = 0;
            if (!drop) abort();
            if (q == COUNT_OF(ratios)) for (m = 0; m < g.count; m++) memset(before[m], 1, rows[i].blocks[m]);
            desc.use_amount = (uint32_t)amount;
            if (amount) desc.amount = budget; else desc.ratio = ratio;
            CHECK_ERR(&ctx, smash_mask_allocate_global(&ctx, &desc, g.members, g.count), SMASH_OK, "row %d", (int)i);
            for (m = 0; m < g.count; m++) {
                const size_t weight = cost[m];
                high[m] = wanted(rows[i].blocks[m], 1, 0, rows[i].max[m]);
                low[m] = wanted(rows[i].blocks[m], 0, rows[i].min[m], rows[i].max[m]);
                least += low[m] * weight;
                budget -= budget < low[m] * weight ? budget : low[m] * weight;
            }
            for (k = 0; k < all; k++) if (gone[order[k].member] < low[order[k].member]) { drop[k] = 1; gone[order[k].member]++; }       /* minima: the first of each */
            for (k = 0; k < all && !full; k++) {
                const size_t weight = cost[order[k].member];
                m = order[k].member;
                if (drop[k] || gone[m] >= high[m]) continue;
                if (amount ? budget == 0 : weight > budget) full = 1;
                else { drop[k] = 1; gone[m]++; budget -= weight < budget ? weight : budget; }
            }
            for (k = 0; k < all; k++) {
                const unsigned char keep = ((unsigned char *)g.members[order[k].member].mask.data)[order[k].index];
                bad += keep == drop[k];
                back += keep && !before[order[k].member][order[k].index];
                before[order[k].member][order[k].index] = keep;
            }
            for (m = 0; m < g.count; m++) { bad += g.members[m].stats.dropped != gone[m] || g.members[m].stats.blocks != rows[i].blocks[m]; sum += g.members[m].stats.dropped * cost[m]; bad += g.members[m].stats.elements != gone[m] * (rows[i].weights[m] ? rows[i].weights[m] : 1); }
            CHECK(bad == 0, "row %d, ties %d, ratio %g, amount %d: %d blocks differ", (int)i, tied, ratio, amount, (int)bad);
            CHECK(back == 0, "row %d, ties %d, ratio %g, amount %d: %d blocks come back", (int)i, tied, ratio, amount, (int)back);
            if (!amount) CHECK((double)sum <= (double)elements * ratio || sum <= least, "row %d, ratio %g: %d of %d go", (int)i, ratio, (int)sum, (int)elements);
            else CHECK(sum >= desc.amount || sum == all_cost(&g, high, cost), "row %d, ratio %g: %d of %d go", (int)i, ratio, (int)sum, (int)desc.amount);
            free(drop);
        }
        free(order);
        for (m = 0; m < g.count; m++) free(before[m]);
        free_group(&g);
        smash_arena_release(&ctx.scratch);
    }
}

/* The same positions in all: the mean is worked out here, and allocated as one. */
static void test_shared(void)
{
    static const struct { size_t count, blocks; uint32_t parts; double ratio, threshold, min[MEMBERS], max[MEMBERS]; } rows[] = {
        { 1, 9, 0, 0.5, 0, { 0 }, { 0 } }, { 2, 8, 2, 0.5, 0, { 0 }, { 0 } }, { 3, 64, 0, 0.3, 0, { 0 }, { 0 } }, { 4, 1000, 8, 0.77, 0, { 0 }, { 0 } }, { 2, 100, 0, 0.5, 0, { 0 }, { 0.4, 0.3 } },
        { 2, 100, 0, 0.1, 0, { 0.2, 0.25 }, { 0 } }, { 3, 50, 0, 0, 0.45, { 0 }, { 0 } }, { 3, 50, 5, 0, 0.6, { 0 }, { 0, 0.3, 0 } }, { 2, 200, 1, 1, 0, { 0 }, { 0 } }, { 2, 200, 1, 0, 0, { 0 }, { 0 } } };
    size_t i, m, k, p;
    for (i = 0; i < COUNT_OF(rows); i++) {
        size_t blocks[MEMBERS], weights[MEMBERS] = { 2, 1, 5, 0 }, n, bad = 0;
        double min = 0, max = 0;
        smash_mask_desc desc = SMASH_ZERO;
        scored *order;
        group g;
        smash_ctx ctx;
        test_ctx(&ctx);
        for (m = 0; m < MEMBERS; m++) blocks[m] = rows[i].blocks;
        make_group(&g, blocks, weights, rows[i].count, 0);
        for (m = 0; m < g.count; m++) {
            g.members[m].min_ratio = rows[i].min[m];
            g.members[m].max_ratio = rows[i].max[m];
            if (rows[i].min[m] > min) min = rows[i].min[m];
            if (rows[i].max[m] > 0 && (max <= 0 || rows[i].max[m] < max)) max = rows[i].max[m];
        }
        desc.ratio = rows[i].ratio;
        desc.use_threshold = rows[i].threshold > 0;
        desc.threshold = rows[i].threshold;
        desc.parts = rows[i].parts;
        CHECK_ERR(&ctx, smash_mask_allocate_shared(&ctx, &desc, g.members, g.count, 64), SMASH_OK, "row %d", (int)i);
        n = rows[i].blocks / (rows[i].parts ? rows[i].parts : 1);
        order = (scored *)malloc(n * sizeof *order);
        if (!order) abort();
        for (p = 0; p < rows[i].blocks / n; p++) {
            size_t gone, under = 0;
            for (k = 0; k < n; k++) {
                order[k].member = 0;
                order[k].index = p * n + k;
                order[k].score = 0;
                for (m = 0; m < g.count; m++) order[k].score += ((double *)g.members[m].metric.data)[p * n + k];
                order[k].score /= (double)g.count;
                under += order[k].score < rows[i].threshold;
            }
            qsort(order, n, sizeof *order, by_place);
            gone = rows[i].threshold > 0 ? under : wanted(n, rows[i].ratio, 0, 0);
            if (gone < wanted(n, 0, min, 0)) gone = wanted(n, 0, min, 0);
            if (gone > wanted(n, 1, 0, max)) gone = wanted(n, 1, 0, max);
            for (k = 0; k < n; k++) for (m = 0; m < g.count; m++) bad += ((unsigned char *)g.members[m].mask.data)[order[k].index] != (k >= gone);
        }
        CHECK(bad == 0, "row %d: %d differ", (int)i, (int)bad);
        free(order);
        free_group(&g);
        smash_arena_release(&ctx.scratch);
    }
}

/* What groups and parts refuse, with everything untouched. */
static void test_group_errors(void)
{
    enum { FENCE, BOTH, USE, HUGE_COST, GOOD, NO_MEMBERS, NULL_MEMBERS, RATIO, NEGATIVE, NAN_RATIO, MIN, MAX, NOT_F64, SHAPE, EMPTY, NAN_SCORE, INF_SCORE, ALIAS_MASKS, ALIAS_METRIC, HUGE_WEIGHT, UNEQUAL, PARTS, WAYS };
    static const smash_err want[2][WAYS] = {
        { SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_OVERFLOW,
          SMASH_OK, SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_DTYPE, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE,
          SMASH_ERR_NONFINITE, SMASH_ERR_NONFINITE, SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_OVERFLOW, SMASH_OK, SMASH_OK },
        { SMASH_ERR_ARG, SMASH_OK, SMASH_OK, SMASH_ERR_OVERFLOW,
          SMASH_OK, SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_RANGE, SMASH_ERR_DTYPE, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE,
          SMASH_ERR_NONFINITE, SMASH_ERR_NONFINITE, SMASH_ERR_ARG, SMASH_ERR_ARG, SMASH_ERR_OVERFLOW, SMASH_ERR_SHAPE, SMASH_ERR_SHAPE } };
    int way, shared;
    for (shared = 0; shared < 2; shared++) for (way = 0; way < WAYS; way++) {
        static const size_t even[2] = { 8, 8 }, uneven[2] = { 8, 6 }, weights[2] = { 1, 2 };
        group g;
        smash_ctx ctx;
        smash_mask_desc desc = SMASH_ZERO;
        smash_budget_desc budget = SMASH_ZERO;
        smash_mask_member *members = g.members;
        size_t count = 2, i, touched = 0;
        double ratio = 0.5, *scores;
        void *first, *second, *metric;
        smash_err err;
        test_ctx(&ctx);
        make_group(&g, way == UNEQUAL ? uneven : even, weights, 2, 0);
        first = g.members[0].mask.data;
        second = g.members[1].mask.data;
        metric = g.members[1].metric.data;
        scores = (double *)metric;
        for (i = 0; i < 2; i++) memset(g.members[i].mask.data, 0x5A, g.members[i].mask.bytes);
        switch (way) {
        case FENCE: budget.zero_end = desc.zero_begin = 1; break;
        case BOTH: budget.use_amount = 1; break;
        case USE: budget.use_amount = 2; ratio = 0; break;
        case HUGE_COST: g.members[1].cost = SIZE_MAX / 7; break;
        case NO_MEMBERS: count = 0; break;
        case NULL_MEMBERS: members = NULL; break;
        case RATIO: ratio = 1.5; break;
        case NEGATIVE: ratio = -0.1; break;
        case NAN_RATIO: ratio = strtod("nan", NULL); break;
        case MIN: g.members[1].min_ratio = 2; break;
        case MAX: g.members[0].max_ratio = -1; break;
        case NOT_F64: g.members[1].metric.dtype = SMASH_F32; break;
        case SHAPE: g.members[1].mask.shape[0] = 7; break;
        case EMPTY: g.members[1].metric.shape[0] = g.members[1].mask.shape[0] = 0; break;
        case NAN_SCORE: scores[3] = strtod("nan", NULL); break;
        case INF_SCORE: scores[7] = -strtod("inf", NULL); break;
        case ALIAS_MASKS: g.members[1].mask.data = g.members[0].mask.data; break;
        case ALIAS_METRIC: g.members[0].mask.data = g.members[1].metric.data; break;
        case HUGE_WEIGHT: g.members[0].block_elements = SIZE_MAX / 4; break;
        case PARTS: desc.parts = 3; break;
        default: break;
        }
        desc.ratio = budget.ratio = ratio;
        err = shared ? smash_mask_allocate_shared(&ctx, &desc, members, count, 32) : smash_mask_allocate_global(&ctx, &budget, members, count);
        CHECK(err == want[shared][way], "%s, way %d: %s (%s)", shared ? "shared" : "global", way, smash_err_name(err), ctx.message);
        g.members[0].mask.data = first;
        g.members[1].mask.data = second;
        if (err && way != ALIAS_METRIC && way != ALIAS_MASKS) for (i = 0; i < g.members[0].mask.bytes; i++) touched += ((unsigned char *)g.members[0].mask.data)[i] != 0x5A;
        CHECK(!touched, "%s, way %d: %d bytes touched", shared ? "shared" : "global", way, (int)touched);
        free_group(&g);
        smash_arena_release(&ctx.scratch);
    }
}

/* Without zeros and back: every dtype, every count, -0 kept; and what is refused. */
static void test_sparse(void)
{
    static const smash_dtype dtypes[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16, SMASH_I8, SMASH_U8, SMASH_I16, SMASH_U16, SMASH_I32, SMASH_U32, SMASH_I64, SMASH_U64, SMASH_BOOL };
    static const smash_dtype refused[] = { SMASH_DTYPE_NONE, SMASH_I4, SMASH_U4, SMASH_I2, SMASH_U2, SMASH_F6_E2M3, SMASH_F6_E3M2, SMASH_F4, SMASH_C64, SMASH_DTYPE_COUNT };
    static const size_t counts[] = { 0, 1, 2, 7, 8, 9, 15, 16, 17, 64, 1000, 4097 };
    size_t d, c, i, nonzero;
    int share;
    for (d = 0; d < COUNT_OF(dtypes); d++) for (c = 0; c < COUNT_OF(counts); c++) for (share = 0; share < 4; share++) {
        const size_t n = counts[c], bytes = (n + 7) / 8, unit = width(dtypes[d]);
        smash_tensor t = make(dtypes[d], 1, &n), back = make(dtypes[d], 1, &n), bits = make(SMASH_U8, 1, &bytes), values;
        smash_ctx ctx;
        size_t left = 0, bad = 0;
        test_ctx(&ctx);
        memset(t.data, 0, n * unit);
        for (i = 0; i < n; i++) {
            if (share == 0 || (share == 1 && below(10)) || (share == 2 && below(2))) continue;
            ((unsigned char *)t.data)[i * unit + below(unit)] = (unsigned char)(dtypes[d] == SMASH_BOOL ? 1 : below(2) ? 0x80 : 1 + below(255));      /* 0x80 alone: -0 of floats */
            left++;
        }
        CHECK_ERR(&ctx, smash_sparse_count(&ctx, &t, &nonzero), SMASH_OK, "%s", smash_dtype_name(dtypes[d]));
        CHECK(nonzero == left, "%s, %d numbers: %d are not zero, want %d", smash_dtype_name(dtypes[d]), (int)n, (int)nonzero, (int)left);
        values = make(dtypes[d], 1, &left);
        CHECK_ERR(&ctx, smash_sparse_pack(&ctx, &t, &bits, &values), SMASH_OK, "%s", smash_dtype_name(dtypes[d]));
        for (i = left = 0; i < 8 * bytes; i++) {
            size_t k;
            int is = 0;
            for (k = 0; i < n && k < unit; k++) is |= ((unsigned char *)t.data)[i * unit + k] != 0;
            bad += (((unsigned char *)bits.data)[i / 8] >> i % 8 & 1) != is;
            if (is) bad += memcmp((unsigned char *)values.data + left++ * unit, (unsigned char *)t.data + i * unit, unit) != 0;
        }
        CHECK(bad == 0, "%s, %d numbers: %d wrong", smash_dtype_name(dtypes[d]), (int)n, (int)bad);
        memset(back.data, 0x5A, n * unit);
        CHECK_ERR(&ctx, smash_sparse_unpack(&ctx, &bits, &values, &back), SMASH_OK, "%s", smash_dtype_name(dtypes[d]));
        CHECK(memcmp(back.data, t.data, n * unit) == 0, "%s, %d numbers do not come back", smash_dtype_name(dtypes[d]), (int)n);
        if (n % 8) {
            memset(back.data, 0x5A, n * unit);
            ((unsigned char *)bits.data)[bytes - 1] = (unsigned char)(((unsigned char *)bits.data)[bytes - 1] | 0x80);
            CHECK_ERR(&ctx, smash_sparse_unpack(&ctx, &bits, &values, &back), SMASH_ERR_FORMAT, "a bit behind the end");
            CHECK(!n || ((unsigned char *)back.data)[0] == 0x5A, "touched");
        }
        if (left) {
            values.shape[0]--;
            CHECK_ERR(&ctx, smash_sparse_pack(&ctx, &t, &bits, &values), SMASH_ERR_SHAPE, "one too few");
        }
        bits.shape[0]++;
        bits.bytes++;
        CHECK_ERR(&ctx, smash_sparse_pack(&ctx, &t, &bits, &values), SMASH_ERR_SHAPE, "one byte too many");
        free(t.data); free(back.data); free(bits.data); free(values.data);
        smash_arena_release(&ctx.scratch);
    }
    {
        static unsigned char room[64];
        const size_t n = 8, one = 1;
        smash_tensor t = smash_tensor_view(SMASH_I8, room, 8, 1, &n), bits = smash_tensor_view(SMASH_U8, room + 8, 1, 1, &one), values = smash_tensor_view(SMASH_I8, room + 16, 8, 1, &n);
        for (i = 0; i < COUNT_OF(refused); i++) {                        /* not of whole bytes, or too wide */
            values.dtype = t.dtype = refused[i];
            CHECK(smash_sparse_count(NULL, &t, &nonzero) == SMASH_ERR_DTYPE && smash_sparse_pack(NULL, &t, &bits, &values) == SMASH_ERR_DTYPE &&
                  smash_sparse_unpack(NULL, &bits, &values, &t) == SMASH_ERR_DTYPE, "dtype %d", (int)refused[i]);
        }
        values.dtype = SMASH_I8;
        t = smash_tensor_view(SMASH_I8, room + 16, 8, 1, &n);
        CHECK(smash_sparse_pack(NULL, &t, &bits, &values) == SMASH_ERR_ARG, "values over the tensor");
        values = smash_tensor_view(SMASH_I16, room + 32, 16, 1, &n);
        CHECK(smash_sparse_pack(NULL, &t, &bits, &values) == SMASH_ERR_DTYPE, "values of another dtype");
        CHECK(smash_sparse_count(NULL, &t, NULL) == SMASH_ERR_ARG && smash_sparse_count(NULL, NULL, &nonzero) == SMASH_ERR_ARG, "nothing there");
    }
}

/* Any dtype by its bits, one bit at a time: nothing of the library's own reading */
static uint64_t raw(const smash_tensor *t, size_t i)
{
    const size_t bits = smash_dtype_bits(t->dtype);
    const uint16_t order = 1;
    uint64_t u = 0;
    size_t b, at;
    for (b = 0; b < bits; b++) {
        at = i * bits + b;
        if (*(const unsigned char *)&order == 0 && bits > 8) at = (at & ~(size_t)7) ^ ((bits / 8 - 1) * 8 & ~(size_t)7) ^ (at & 7);
        u |= (uint64_t)(((const unsigned char *)t->data)[at / 8] >> at % 8 & 1) << b;
    }
    return u;
}

static void set_raw(const smash_tensor *t, size_t i, uint64_t u)
{
    const size_t bits = smash_dtype_bits(t->dtype);
    size_t b, at;
    if (bits == 16) { ((uint16_t *)t->data)[i] = (uint16_t)u; return; }
    if (bits == 32) { ((uint32_t *)t->data)[i] = (uint32_t)u; return; }
    if (bits == 64) { ((uint64_t *)t->data)[i] = u; return; }
    for (b = 0; b < bits; b++) {
        unsigned char *byte = (unsigned char *)t->data + (at = i * bits + b) / 8;
        *byte = (unsigned char)((*byte & ~(1u << at % 8)) | (unsigned)(u >> b & 1) << at % 8);
    }
}

/* A number that is not 0: often only its top bit, -0 of floats */
static uint64_t not_zero(smash_dtype dtype)
{
    const uint32_t bits = smash_dtype_bits(dtype);
    const uint64_t top = (uint64_t)1 << (bits - 1), u = smash_random(&rng) & (top | (top - 1));
    return dtype == SMASH_BOOL ? 1 : u && below(3) ? u : top;
}

static const smash_dtype layouts[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16, SMASH_I8, SMASH_U8, SMASH_I16, SMASH_U16, SMASH_I32, SMASH_U32, SMASH_I64, SMASH_U64, SMASH_BOOL,
                                       SMASH_I4, SMASH_U4, SMASH_I2, SMASH_U2, SMASH_F8_E4M3, SMASH_F8_E8M0, SMASH_F4 };

static void give(smash_tensor *t) { t->data = malloc(t->bytes ? t->bytes : 1); memset(t->data, 0x5A, t->bytes); t->name = "t"; }
static int is_filled(const smash_tensor *t)
{
    size_t i;
    for (i = 0; i < t->bytes; i++) if (((unsigned char *)t->data)[i] != 0x5A) return 0;
    return 1;
}

/* N:M there and back: every dtype, axis and rest, worked out here line by line; a group with one too many; places that are not what they should be. */
static void test_nm(void)
{
    static const uint32_t sizes[] = { 2, 3, 4, 4, 5, 8, 16, 17, 256 };
    static const size_t dims[] = { 1, 2, 3, 4, 5, 7, 8, 16, 19 };
    size_t round, i;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (round = 0; round < 1000; round++) {
        const smash_dtype dtype = layouts[round % COUNT_OF(layouts)];
        const uint32_t ndim = 1 + (uint32_t)below(3), axis = (uint32_t)below(ndim), m = sizes[below(COUNT_OF(sizes))], n = 1 + (uint32_t)below(m);
        size_t shape[3], outer = 1, inner = 1, length, kept, o, c, g, k, wrong = 0, full = SIZE_MAX, count = 1;
        smash_tensor t, back, values, places;
        uint32_t d;
        for (d = 0; d < ndim; d++) {
            shape[d] = round % 200 == 199 && d ? 0 : dims[below(COUNT_OF(dims))];
            if (d == axis && round % 5 == 0) shape[d] = shape[d] ? m * (1 + below(3)) + below(m) : 0;
            count *= shape[d];
            if (d < axis) outer *= shape[d];
            if (d > axis) inner *= shape[d];
        }
        length = shape[axis];
        kept = length / m * n + (length % m < n ? length % m : n);
        t = make(dtype, ndim, shape);
        back = make(dtype, ndim, shape);
        memset(t.data, 0, t.bytes);
        memset(back.data, 0x5A, back.bytes);
        CHECK_ERR(&ctx, smash_sparse_shape_nm(&ctx, n, m, axis, &t, &values, &places), SMASH_OK, "round %d", (int)round);
        CHECK(values.dtype == dtype && values.ndim == ndim && !values.data && places.dtype == (m > 16 ? SMASH_U8 : m > 4 ? SMASH_U4 : SMASH_U2) && places.ndim == ndim, "round %d", (int)round);
        for (d = 0; d < ndim; d++) wrong += values.shape[d] != (d == axis ? kept : shape[d]) || places.shape[d] != values.shape[d];
        CHECK(!wrong, "round %d: another shape", (int)round);
        give(&values);
        give(&places);
        for (o = 0; o < outer && count; o++) for (c = 0; c < inner; c++) for (g = 0; g < length; g += m) {
            const size_t size = length - g < m ? length - g : m, some = below((size < n ? size : n) + 1);
            for (k = 0; k < some; k++) set_raw(&t, (o * length + g + below(size)) * inner + c, not_zero(dtype));
            if (size > n) full = (o * length + g) * inner + c;
        }
        CHECK_ERR(&ctx, smash_sparse_pack_nm(&ctx, n, m, axis, &t, &values, &places), SMASH_OK, "round %d", (int)round);
        for (o = 0; o < outer && count; o++) for (c = 0; c < inner; c++) for (g = 0; g < length; g += m) {
            const size_t size = length - g < m ? length - g : m, room = size < n ? size : n;
            char stays[256] = { 0 };
            size_t left = 0, p;
            for (p = 0; p < size; p++) if (raw(&t, (o * length + g + p) * inner + c)) { stays[p] = 1; left++; }
            for (p = 0; p < size && left < room; p++) if (!stays[p]) { stays[p] = 1; left++; }
            for (p = k = 0; p < size; p++) if (stays[p]) {
                const size_t at = (o * kept + g / m * n + k++) * inner + c;
                wrong += raw(&places, at) != p || raw(&values, at) != raw(&t, (o * length + g + p) * inner + c);
            }
        }
        for (i = count ? outer * kept * inner : 0; i < 8 * values.bytes / smash_dtype_bits(dtype); i++) wrong += raw(&values, i) != 0;
        CHECK(!wrong, "round %d, %s, %u:%u along %u of %d: %d wrong", (int)round, smash_dtype_name(dtype), n, m, axis, (int)length, (int)wrong);
        values.flags = places.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_sparse_unpack_nm(&ctx, n, m, axis, &values, &places, &back), SMASH_OK, "round %d", (int)round);
        CHECK(memcmp(back.data, t.data, t.bytes) == 0, "round %d, %s: does not come back", (int)round, smash_dtype_name(dtype));
        for (k = 0; k < 4 && places.bytes; k++) {                        /* places of somebody else */
            smash_tensor shape_only = back;
            size_t bad = SIZE_MAX;
            ((unsigned char *)places.data)[below(places.bytes)] = (unsigned char)below(256);
            for (o = 0; o < outer; o++) for (c = 0; c < inner; c++) for (g = 0; g < length; g += m) {
                const size_t size = length - g < m ? length - g : m, room = size < n ? size : n;
                size_t p, at, least = 0;
                for (p = 0; p < room; p++) {
                    at = (o * kept + g / m * n + p) * inner + c;
                    if ((raw(&places, at) < least || raw(&places, at) >= size) && at < bad) bad = at;
                    least = (size_t)raw(&places, at) + 1;
                }
            }
            shape_only.data = NULL;
            shape_only.bytes = 0;
            CHECK_ERR(&ctx, smash_sparse_check_nm(&ctx, n, m, axis, &shape_only, &values, &places), bad < SIZE_MAX ? SMASH_ERR_FORMAT : SMASH_OK, "round %d", (int)round);
            CHECK(bad == SIZE_MAX || ctx.index < count, "round %d: place %d", (int)round, (int)ctx.index);
            memset(back.data, 0x5A, back.bytes);
            CHECK_ERR(&ctx, smash_sparse_unpack_nm(&ctx, n, m, axis, &values, &places, &back), bad < SIZE_MAX ? SMASH_ERR_FORMAT : SMASH_OK, "round %d", (int)round);
            CHECK(bad == SIZE_MAX || is_filled(&back), "round %d: touched", (int)round);
        }
        values.flags = places.flags = 0;
        if (full < SIZE_MAX) {
            size_t first = SIZE_MAX;
            for (k = 0; k < m && full + k * inner < count; k++) if ((full / inner % length + k) < length && k <= n) set_raw(&t, full + k * inner, not_zero(dtype));
            for (o = 0; o < outer; o++) for (c = 0; c < inner; c++) for (g = 0; g < length; g += m) {
                size_t p, left = 0;
                for (p = g; p < length && p < g + m; p++) left += raw(&t, (o * length + p) * inner + c) != 0;
                if (left > n && (o * length + g) * inner + c < first) first = (o * length + g) * inner + c;
            }
            memset(values.data, 0x5A, values.bytes);
            memset(places.data, 0x5A, places.bytes);
            CHECK_ERR(&ctx, smash_sparse_pack_nm(&ctx, n, m, axis, &t, &values, &places), SMASH_ERR_RANGE, "round %d", (int)round);
            CHECK(ctx.index == first && is_filled(&values) && is_filled(&places), "round %d: index %d, want %d", (int)round, (int)ctx.index, (int)first);
        }
        free(t.data); free(back.data); free(values.data); free(places.data);
    }
}

static void test_nm_errors(void)
{
    static const struct { const char *what; smash_err want; } rows[] = {
        { "fine", SMASH_OK }, { "m 1", SMASH_ERR_RANGE }, { "m 257", SMASH_ERR_RANGE }, { "n 0", SMASH_ERR_RANGE }, { "n 5", SMASH_ERR_RANGE }, { "axis 2", SMASH_ERR_RANGE }, { "scalar", SMASH_ERR_RANGE },
        { "f6", SMASH_ERR_DTYPE }, { "c64", SMASH_ERR_DTYPE }, { "values f64", SMASH_ERR_DTYPE }, { "places u4", SMASH_ERR_DTYPE }, { "values wide", SMASH_ERR_SHAPE }, { "places flat", SMASH_ERR_SHAPE },
        { "values short", SMASH_ERR_SHAPE }, { "places short", SMASH_ERR_SHAPE }, { "t huge", SMASH_ERR_OVERFLOW }, { "no t", SMASH_ERR_ARG }, { "no values", SMASH_ERR_ARG }, { "no places", SMASH_ERR_ARG },
        { "on t", SMASH_ERR_ARG }, { "together", SMASH_ERR_ARG }, { "const", SMASH_ERR_ARG }, { "device", SMASH_ERR_DEVICE }
    };
    static const float numbers[2][6] = { { 0, 5, 0, -1, 0, 2 }, { 7, 0, 0, 0, 3, 0 } };
    size_t r;
    int unpack;
    for (r = 0; r < COUNT_OF(rows); r++) for (unpack = 0; unpack < 2; unpack++) {
        const size_t shape[2] = { 2, 6 }, part[2] = { 2, 4 };
        float w[12], kept[8];
        unsigned char at[2], before[2];
        const char *what = rows[r].what;
        smash_tensor t = test_view(SMASH_F32, w, 2, shape), values = test_view(SMASH_F32, kept, 2, part), places = test_view(SMASH_U2, at, 2, part), *p[3];
        uint32_t n = 2, m = 4, axis = 1, i;
        smash_err err;
        smash_ctx ctx;
        test_ctx(&ctx);
        p[0] = &t; p[1] = &values; p[2] = &places;
        memcpy(w, numbers, sizeof w);
        smash_sparse_pack_nm(NULL, 2, 4, 1, &t, &values, &places);
        if (unpack) memset(w, 0x5A, sizeof w);
        memcpy(before, at, 2);
#define IS(word) (strcmp(what, word) == 0)
        if (IS("m 1")) m = n = 1;
        if (IS("m 257")) m = 257;
        if (IS("n 0")) n = 0;
        if (IS("n 5")) n = 5;
        if (IS("axis 2")) axis = 2;
        if (IS("scalar")) t.ndim = axis = 0;
        if (IS("f6")) t.dtype = SMASH_F6_E2M3;
        if (IS("c64")) t.dtype = SMASH_C64;
        if (IS("values f64")) values.dtype = SMASH_F64;
        if (IS("places u4")) places.dtype = SMASH_U4;
        if (IS("values wide")) values.shape[1] = 6;
        if (IS("places flat")) { places.ndim = 1; places.shape[0] = 8; }
        if (IS("values short")) values.bytes--;
        if (IS("places short")) places.bytes--;
        if (IS("t huge")) { t.shape[0] = SIZE_MAX / 2; }
        for (i = 0; i < 3; i++) if (IS(i == 0 ? "no t" : i == 1 ? "no values" : "no places")) p[i] = NULL;
        if (IS("on t")) { memcpy(&w[11], at, 2); places.data = &w[11]; }
        if (IS("together")) { memcpy(&kept[7], at, 2); places.data = &kept[7]; }
        if (IS("const")) { t.flags = values.flags = SMASH_TENSOR_CONST; }
        if (IS("device")) places.flags = SMASH_TENSOR_DEVICE;
        err = unpack ? smash_sparse_unpack_nm(&ctx, n, m, axis, p[1], p[2], p[0]) : smash_sparse_pack_nm(&ctx, n, m, axis, p[0], p[1], p[2]);
        CHECK(err == rows[r].want, "%s, unpack %d: %s (%s)", what, unpack, smash_err_name(err), ctx.message);
        CHECK(memcmp(at, before, 2) == 0, "%s: places %02X %02X", what, at[0], at[1]);
        if (err == SMASH_OK) CHECK(memcmp(w, numbers, sizeof w) == 0 && at[0] == (1 | 3 << 2 | 0 << 4 | 1 << 6) && at[1] == (0 | 1 << 2 | 0 << 4 | 1 << 6), "places %02X %02X", at[0], at[1]);
        if (r && IS("m 257")) CHECK(strcmp(ctx.message, "groups of 257 numbers: they have 2 to 256") == 0, "%s", ctx.message);
        if (!strncmp(what, "m ", 2) || !strncmp(what, "n ", 2) || IS("axis 2") || IS("f6") || IS("t huge") || IS("no t")) {
            smash_tensor out[2];
            memset(out, 0x5A, sizeof out);
            CHECK_ERR(&ctx, smash_sparse_shape_nm(&ctx, n, m, axis, p[0], &out[0], &out[1]), rows[r].want, "%s", what);
            CHECK(out[0].bytes == out[1].bytes && out[0].ndim == 0x5A5A5A5Au, "%s: touched", what);
            CHECK_ERR(&ctx, smash_sparse_check_nm(&ctx, n, m, axis, p[0], p[1], p[2]), rows[r].want, "%s", what);
        }
#undef IS
    }
    {
        float w[6] = { 0, 1, 2, 3, 0, 0 };
        const size_t six = 6, four = 4;
        float kept[4];
        unsigned char at[1];
        smash_tensor t = test_view(SMASH_F32, w, 1, &six), values = test_view(SMASH_F32, kept, 1, &four), places = test_view(SMASH_U2, at, 1, &four);
        smash_ctx ctx;
        test_ctx(&ctx);
        t.name = "fc.weight";
        CHECK_ERR(&ctx, smash_sparse_pack_nm(&ctx, 2, 4, 0, &t, &values, &places), SMASH_ERR_RANGE, "3 of 4");
        CHECK(strcmp(ctx.message, "3 of the 4 numbers of \"fc.weight\" from number 0 on, along axis 0, are not zero; 2 of each 4 may be") == 0, "%s", ctx.message);
        w[1] = 0;
        CHECK_ERR(&ctx, smash_sparse_pack_nm(&ctx, 2, 4, 0, &t, &values, &places), SMASH_OK, "2 of 4");
        at[0] = 0x4A;                                                    /* 2, 2 */
        CHECK_ERR(&ctx, smash_sparse_unpack_nm(&ctx, 2, 4, 0, &values, &places, &t), SMASH_ERR_FORMAT, "twice");
        CHECK(ctx.index == 1 && strcmp(ctx.message, "place 1 of \"fc.weight\" is 2; it must be 3 or more, as places ascend, and less than 4") == 0, "%s", ctx.message);
        at[0] = 0x84;                                                    /* 0, 1, 0, 2: behind the end of the last group */
        CHECK_ERR(&ctx, smash_sparse_unpack_nm(&ctx, 2, 4, 0, &values, &places, &t), SMASH_ERR_FORMAT, "outside");
        CHECK(ctx.index == 3, "index %d", (int)ctx.index);
        CHECK_ERR(&ctx, smash_sparse_shape_nm(&ctx, 2, 4, 0, &t, NULL, &places), SMASH_ERR_ARG, "no place");
    }
}

/* Rows of blocks there and back, worked out here block by block from coordinates; and index tables that are not what they should be. */
static void test_bsr(void)
{
    static const size_t dims[] = { 1, 2, 3, 4, 6, 8, 12 };
    size_t round, i;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (round = 0; round < 1000; round++) {
        const smash_dtype dtype = layouts[round % COUNT_OF(layouts)];
        const uint32_t ndim = (uint32_t)below(5);
        const int large = round == 77;                                   /* more than 65,535 blocks */
        size_t shape[SMASH_MAX_DIMS] = { 0 }, count = 1, kept = 0, seen = 0, wrong = 0, b, columns_count, rows_count, k;
        int32_t block[SMASH_MAX_DIMS];
        smash_grain grain;
        smash_grid g;
        smash_tensor t, back, rows, columns, values;
        unsigned char *stays;
        uint32_t d;
        for (d = 0; d < ndim; d++) {
            shape[d] = dims[below(COUNT_OF(dims))];
            if (large) shape[d] = d ? 1 : 70000;
            block[d] = large ? 1 : random_block(shape[d]);
            count *= shape[d];
        }
        grain = round % 3 || large ? smash_grain_block(block, ndim) : smash_grain_element();
        t = make(dtype, ndim, shape);
        back = make(dtype, ndim, shape);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &grain, &t, &g), SMASH_OK, "round %d", (int)round);
        stays = (unsigned char *)calloc(g.blocks, 1);
        memset(t.data, 0, t.bytes);
        memset(back.data, 0x5A, back.bytes);
        for (b = 0; b < g.blocks; b++) stays[b] = (unsigned char)(below(1 + round % 4) == 0);
        for (i = 0; i < count; i++) if (stays[block_of(&g, i)] && below(3)) set_raw(&t, i, not_zero(dtype));
        memset(stays, 0, g.blocks);
        for (i = 0; i < count; i++) if (raw(&t, i)) stays[block_of(&g, i)] = 1;
        for (b = 0; b < g.blocks; b++) kept += stays[b];
        rows_count = ndim ? g.count[0] : 1;
        columns_count = g.blocks / rows_count;
        CHECK_ERR(&ctx, smash_sparse_shape_bsr(&ctx, round % 3 || large || round % 2 ? &grain : NULL, &t, &rows, &columns, &values), SMASH_OK, "round %d", (int)round);
        CHECK(rows.dtype == (g.blocks > 65535 ? SMASH_U32 : SMASH_U16) && columns.dtype == rows.dtype && values.dtype == dtype && rows.ndim == 1 && columns.ndim == 1 && values.ndim == 2 &&
              rows.shape[0] == rows_count + 1 && columns.shape[0] == kept && values.shape[0] == kept && values.shape[1] == g.block_elements && !rows.data && !columns.data && !values.data,
              "round %d: %d blocks, want %d", (int)round, (int)columns.shape[0], (int)kept);
        give(&rows); give(&columns); give(&values);
        CHECK_ERR(&ctx, smash_sparse_pack_bsr(&ctx, &grain, &t, &rows, &columns, &values), SMASH_OK, "round %d", (int)round);
        for (b = 0; b < g.blocks; b++) {
            size_t inside = 0;
            if (b % columns_count == 0) wrong += raw(&rows, b / columns_count) != seen;
            if (!stays[b]) continue;
            wrong += raw(&columns, seen) != b % columns_count;
            for (i = 0; i < count && g.blocks <= 4096; i++) if (block_of(&g, i) == b) wrong += raw(&values, seen * g.block_elements + inside++) != raw(&t, i);
            seen++;
        }
        wrong += raw(&rows, rows_count) != kept;
        for (i = kept * g.block_elements; i < 8 * values.bytes / smash_dtype_bits(dtype); i++) wrong += raw(&values, i) != 0;
        CHECK(!wrong, "round %d, %s, %d blocks: %d wrong", (int)round, smash_dtype_name(dtype), (int)g.blocks, (int)wrong);
        rows.flags = columns.flags = values.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_sparse_unpack_bsr(&ctx, &grain, &rows, &columns, &values, &back), SMASH_OK, "round %d", (int)round);
        CHECK(memcmp(back.data, t.data, t.bytes) == 0, "round %d, %s: does not come back", (int)round, smash_dtype_name(dtype));
        for (k = 0; k < 6 && !large; k++) {                              /* index tables of somebody else */
            const smash_tensor *victim = kept && below(2) ? &columns : &rows;
            smash_tensor shape_only = back;
            size_t bad = 0, at, last, begin;
            const size_t index = below(victim->shape[0]), was = (size_t)raw(victim, index);
            set_raw(victim, index, below(3) ? below(kept + columns_count + 2) : below(65536));
            bad += raw(&rows, 0) != 0 || raw(&rows, rows_count) != kept;
            for (b = 0; b < rows_count; b++) bad += raw(&rows, b + 1) < raw(&rows, b);
            for (b = 0; b < rows_count && !bad; b++) {
                begin = (size_t)raw(&rows, b);
                for (at = begin, last = 0; at < raw(&rows, b + 1); at++) {
                    bad += raw(&columns, at) >= columns_count || (at > begin && raw(&columns, at) <= last);
                    last = (size_t)raw(&columns, at);
                }
            }
            shape_only.data = NULL;
            shape_only.bytes = 0;
            CHECK_ERR(&ctx, smash_sparse_check_bsr(&ctx, &grain, &shape_only, &rows, &columns, &values), bad ? SMASH_ERR_FORMAT : SMASH_OK, "round %d", (int)round);
            memset(back.data, 0x5A, back.bytes);
            CHECK_ERR(&ctx, smash_sparse_unpack_bsr(&ctx, &grain, &rows, &columns, &values, &back), bad ? SMASH_ERR_FORMAT : SMASH_OK, "round %d", (int)round);
            CHECK(!bad || is_filled(&back), "round %d: touched", (int)round);
            if (below(2)) set_raw(victim, index, was);
        }
        free(t.data); free(back.data); free(rows.data); free(columns.data); free(values.data); free(stays);
    }
}

static void test_bsr_errors(void)
{
    static const struct { const char *what; smash_err want, unpack; } rows_[] = {
        { "fine", SMASH_OK, SMASH_OK }, { "block 0", SMASH_ERR_RANGE, SMASH_ERR_RANGE }, { "block 3", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE }, { "empty", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE },
        { "f6", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE }, { "rows u32", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE }, { "columns i16", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE }, { "values f16", SMASH_ERR_DTYPE, SMASH_ERR_DTYPE },
        { "rows short", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE }, { "one column less", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE }, { "one block less", SMASH_ERR_SHAPE, SMASH_ERR_FORMAT },
        { "values flat", SMASH_ERR_SHAPE, SMASH_ERR_SHAPE }, { "values huge", SMASH_ERR_OVERFLOW, SMASH_ERR_OVERFLOW }, { "no rows", SMASH_ERR_ARG, SMASH_ERR_ARG }, { "no columns", SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "no values", SMASH_ERR_ARG, SMASH_ERR_ARG }, { "no t", SMASH_ERR_ARG, SMASH_ERR_ARG }, { "on t", SMASH_ERR_ARG, SMASH_ERR_ARG }, { "const", SMASH_ERR_ARG, SMASH_ERR_ARG },
        { "device", SMASH_ERR_DEVICE, SMASH_ERR_DEVICE }
    };
    static const float numbers[4][4] = { { 0, 0, 1, 2 }, { 0, 0, 3, 4 }, { 0, 5, 0, 0 }, { 0, 0, 0, 6 } };
    size_t r;
    int unpack;
    for (r = 0; r < COUNT_OF(rows_); r++) for (unpack = 0; unpack < 2; unpack++) {
        const size_t shape[2] = { 4, 4 }, three = 3, values_shape[2] = { 3, 4 };
        int32_t block[2] = { 2, 2 };
        float w[16], kept[12];
        uint16_t begins[3], at[3];
        const char *what = rows_[r].what;
        const smash_err want = unpack ? rows_[r].unpack : rows_[r].want;
        smash_tensor t = test_view(SMASH_F32, w, 2, shape), rows = test_view(SMASH_U16, begins, 1, &three), columns = test_view(SMASH_U16, at, 1, &three), values = test_view(SMASH_F32, kept, 2, values_shape);
        smash_tensor *p[4];
        smash_grain grain = smash_grain_block(block, 2);
        smash_err err;
        smash_ctx ctx;
        uint32_t i;
        test_ctx(&ctx);
        p[0] = &t; p[1] = &rows; p[2] = &columns; p[3] = &values;
        memcpy(w, numbers, sizeof w);
        CHECK(smash_sparse_pack_bsr(NULL, &grain, &t, &rows, &columns, &values) == SMASH_OK && begins[0] == 0 && begins[1] == 1 && begins[2] == 3 && at[0] == 1 && at[1] == 0 && at[2] == 1, "by hand");
        if (unpack) memset(w, 0x5A, sizeof w);
        if (strcmp(what, "block 0") == 0) grain.block[1] = 0;
        if (strcmp(what, "block 3") == 0) grain.block[0] = 3;
        if (strcmp(what, "empty") == 0) t.shape[0] = 0;
        if (strcmp(what, "f6") == 0) t.dtype = SMASH_F6_E3M2;
        if (strcmp(what, "rows u32") == 0) rows.dtype = SMASH_U32;
        if (strcmp(what, "columns i16") == 0) columns.dtype = SMASH_I16;
        if (strcmp(what, "values f16") == 0) values.dtype = SMASH_F16;
        if (strcmp(what, "rows short") == 0) rows.shape[0] = 2;
        if (strcmp(what, "one column less") == 0) columns.shape[0] = 2;
        if (strcmp(what, "one block less") == 0) columns.shape[0] = values.shape[0] = 2;
        if (strcmp(what, "values flat") == 0) { values.ndim = 1; values.shape[0] = 12; }
        if (strcmp(what, "values huge") == 0) values.shape[0] = SIZE_MAX / 2;
        for (i = 0; i < 4; i++) if (strcmp(what, i == 0 ? "no t" : i == 1 ? "no rows" : i == 2 ? "no columns" : "no values") == 0) p[i] = NULL;
        if (strcmp(what, "on t") == 0) values.data = &w[4];
        if (strcmp(what, "const") == 0) t.flags = columns.flags = SMASH_TENSOR_CONST;
        if (strcmp(what, "device") == 0) columns.flags = SMASH_TENSOR_DEVICE;
        err = unpack ? smash_sparse_unpack_bsr(&ctx, &grain, p[1], p[2], p[3], p[0]) : smash_sparse_pack_bsr(&ctx, &grain, p[0], p[1], p[2], p[3]);
        CHECK(err == want, "%s, unpack %d: %s (%s)", what, unpack, smash_err_name(err), ctx.message);
        CHECK(err || memcmp(w, numbers, sizeof w) == 0, "does not come back");
        if (strcmp(what, "one block less") == 0 && unpack) CHECK(ctx.index == 2 && strcmp(ctx.message, "row 2 of \"tensor\" begins at block 3 of 2; rows begin at 0, never go back and end at the last block") == 0, "%s", ctx.message);
        if (strcmp(what, "one block less") == 0 && !unpack) CHECK(strcmp(ctx.message, "\"tensor\" has 3 blocks that are not zero, and the columns have room for 2") == 0, "%s", ctx.message);
        if (strncmp(what, "block ", 6) == 0 || strcmp(what, "empty") == 0 || strcmp(what, "f6") == 0 || strcmp(what, "no t") == 0) {
            smash_tensor out[3];
            memset(out, 0x5A, sizeof out);
            CHECK_ERR(&ctx, smash_sparse_shape_bsr(&ctx, &grain, p[0], &out[0], &out[1], &out[2]), rows_[r].want, "%s", what);
            CHECK(out[0].ndim == 0x5A5A5A5Au && out[2].ndim == 0x5A5A5A5Au, "%s: touched", what);
            CHECK_ERR(&ctx, smash_sparse_check_bsr(&ctx, &grain, p[0], p[1], p[2], p[3]), rows_[r].want, "%s", what);
        }
    }
    {                                                                    /* columns: twice, outside */
        static const struct { uint16_t begins[3], at[3]; size_t index; const char *message; } bad[] = {
            { { 0, 1, 3 }, { 1, 1, 1 }, 2, "block 2 of \"tensor\" is in column 1; it must be 2 or more, as columns ascend, and less than 2" },
            { { 0, 1, 3 }, { 2, 0, 1 }, 0, "block 0 of \"tensor\" is in column 2; it must be 0 or more, as columns ascend, and less than 2" },
            { { 0, 4, 3 }, { 1, 0, 1 }, 1, "row 1 of \"tensor\" begins at block 4 of 3; rows begin at 0, never go back and end at the last block" },
            { { 1, 1, 3 }, { 1, 0, 1 }, 0, "row 0 of \"tensor\" begins at block 1 of 3; rows begin at 0, never go back and end at the last block" },
            { { 0, 3, 3 }, { 0, 1, 1 }, 2, "block 2 of \"tensor\" is in column 1; it must be 2 or more, as columns ascend, and less than 2" },
            { { 0, 2, 1 }, { 0, 1, 1 }, 2, "row 2 of \"tensor\" begins at block 1 of 3; rows begin at 0, never go back and end at the last block" }
        };
        const size_t shape[2] = { 4, 4 }, three = 3, values_shape[2] = { 3, 4 };
        const int32_t block[2] = { 2, 2 };
        const smash_grain grain = smash_grain_block(block, 2);
        float w[16] = { 0 }, kept[12] = { 0 };
        smash_ctx ctx;
        test_ctx(&ctx);
        for (r = 0; r < COUNT_OF(bad); r++) {
            uint16_t begins[3], at[3];
            smash_tensor t = test_view(SMASH_F32, w, 2, shape), rows = test_view(SMASH_U16, begins, 1, &three), columns = test_view(SMASH_U16, at, 1, &three), values = test_view(SMASH_F32, kept, 2, values_shape);
            memcpy(begins, bad[r].begins, sizeof begins);
            memcpy(at, bad[r].at, sizeof at);
            CHECK_ERR(&ctx, smash_sparse_unpack_bsr(&ctx, &grain, &rows, &columns, &values, &t), SMASH_ERR_FORMAT, "row %d", (int)r);
            CHECK(ctx.index == bad[r].index && strcmp(ctx.message, bad[r].message) == 0, "row %d: %d, %s", (int)r, (int)ctx.index, ctx.message);
        }
    }
    {                                                                    /* more blocks than an index can count */
        const size_t shape[2] = { 65536, 65536 };
        smash_tensor t = smash_tensor_view(SMASH_U8, NULL, 0, 2, shape), none = t;
        smash_ctx ctx;
        test_ctx(&ctx);
        if (SIZE_MAX > 0xFFFFFFFFu) CHECK_ERR(&ctx, smash_sparse_check_bsr(&ctx, NULL, &t, &none, &none, &none), SMASH_ERR_LIMIT, "2^32 blocks");
    }
}

/* The loops of the comments, as somebody would write them in a runtime, against the whole matrix */
static void test_layout_kernels(void)
{
    enum { ROWS = 6, COLUMNS = 22, N = 2, M = 4, K = COLUMNS / M * N + (COLUMNS % M < N ? COLUMNS % M : N), A = 3, B = 2 };
    const size_t shape[2] = { ROWS, COLUMNS };
    const int32_t block[2] = { A, B };
    const smash_grain grain = smash_grain_block(block, 2);
    int32_t w[ROWS * COLUMNS], x[COLUMNS], want[ROWS], y[ROWS];
    smash_tensor t = test_view(SMASH_I32, w, 2, shape), values, places, rows, columns;
    size_t r, k, i, j;
    int way;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (way = 0; way < 2; way++) {
        memset(want, 0, sizeof want);
        memset(y, 0, sizeof y);
        for (i = 0; i < COLUMNS; i++) x[i] = (int32_t)below(2001) - 1000;
        for (r = 0; r < ROWS; r++) for (i = 0; i < COLUMNS; i++) {
            const int stays = way ? (r / A + i / B) % 3 == 0 : i % M == r % M || i % M == 2;
            w[r * COLUMNS + i] = stays ? (int32_t)below(2001) - 1000 : 0;
            want[r] += w[r * COLUMNS + i] * x[i];
        }
        if (way == 0) {
            CHECK_ERR(&ctx, smash_sparse_shape_nm(&ctx, N, M, 1, &t, &values, &places), SMASH_OK, "shape");
            CHECK(values.shape[1] == K, "%d numbers stay, want %d", (int)values.shape[1], K);
            give(&values); give(&places);
            CHECK_ERR(&ctx, smash_sparse_pack_nm(&ctx, N, M, 1, &t, &values, &places), SMASH_OK, "pack");
            for (r = 0; r < ROWS; r++) for (k = 0; k < K; k++) {
                const size_t at = r * K + k;
                const unsigned place = ((const unsigned char *)places.data)[at / 4] >> at % 4 * 2 & 3;
                y[r] += ((const int32_t *)values.data)[at] * x[k / N * M + place];
            }
            free(values.data); free(places.data);
        } else {
            const uint16_t *begin, *column;
            CHECK_ERR(&ctx, smash_sparse_shape_bsr(&ctx, &grain, &t, &rows, &columns, &values), SMASH_OK, "shape");
            give(&rows); give(&columns); give(&values);
            CHECK_ERR(&ctx, smash_sparse_pack_bsr(&ctx, &grain, &t, &rows, &columns, &values), SMASH_OK, "pack");
            begin = (const uint16_t *)rows.data;
            column = (const uint16_t *)columns.data;
            for (r = 0; r < ROWS / A; r++) for (k = begin[r]; k < begin[r + 1]; k++)
                for (i = 0; i < A; i++) for (j = 0; j < B; j++) y[r * A + i] += ((const int32_t *)values.data)[(k * A + i) * B + j] * x[column[k] * B + j];
            free(rows.data); free(columns.data); free(values.data);
        }
        CHECK(memcmp(y, want, sizeof y) == 0, "way %d", way);
    }
}

/* Recorded values of NNI v3 (t = 1 .. 4), of its movement pruner, and of NNI 2.0; the exact form is worked out with long double. */
static void test_schedules(void)
{
    static const double movement[] = { 0, 0, 0, 0.289062, 0.4375, 0.492188, 0.5, 0.5, 0.5 };                                /* goal 0.5, warmup 2, cooldown 6 */
    static const double epochs[] = { 0, 0.2381, 0.4236, 0.563, 0.6628, 0.7298, 0.7704, 0.7912, 0.7989, 0.8, 0.8 };         /* 0 to 0.8 over 10 */
    static const double lottery[] = { 0, 0.2752, 0.4747, 0.6193, 0.7241, 0.8 };                                             /* 0.8 in 5 rounds */
    uint64_t t, total;
    double least = 0;
    size_t i;
    for (i = 0; i < COUNT_OF(golden_schedule); i++)
        for (t = 1; t <= golden_schedule[i].times; t++)
            CHECK(smash_schedule_linear(t, golden_schedule[i].times) == golden_schedule[i].linear[t - 1] && smash_schedule_agp(t, golden_schedule[i].times) == golden_schedule[i].agp[t - 1], "row %d, t = %d", (int)i, (int)t);
    for (t = 0; t < COUNT_OF(movement); t++) CHECK(magnitude(0.5 * smash_schedule_movement(t, 2, 6) - movement[t]) < 6e-7, "movement, step %d: %g", (int)t, smash_schedule_movement(t, 2, 6));
    for (t = 0; t < COUNT_OF(epochs); t++) CHECK(magnitude(smash_schedule_agp_epoch(0, 0.8, t, 0, 10, 1) - epochs[t]) < 6e-5, "agp, epoch %d: %g", (int)t, smash_schedule_agp_epoch(0, 0.8, t, 0, 10, 1));
    for (t = 0; t < COUNT_OF(lottery); t++) CHECK(magnitude(smash_schedule_lottery(0.8, t, 5) - lottery[t]) < 6e-5, "lottery, round %d: %g", (int)t, smash_schedule_lottery(0.8, t, 5));
    for (total = 0; total < 40; total++) for (t = 0, least = 0; t < total + 3; t++) {                                       /* rising, from 0 to 1, and what the formulas say */
        const double a = smash_schedule_agp(t, total), x = t < total ? 1.0 - (double)t / (double)total : 0;
        CHECK(a >= least && a <= 1 && (t < total || a >= 1) && magnitude(a - (1 - x * x * x)) < 1e-15, "agp %d of %d: %g", (int)t, (int)total, a);
        CHECK(magnitude(smash_schedule_movement(t + 5, 5, 5 + total) - (t ? a : 0)) <= 0, "movement %d of %d", (int)t, (int)total);
        least = a;
    }
    CHECK(smash_schedule_agp_epoch(0.2, 0.8, 7, 5, 20, 4) == 0.2 && smash_schedule_agp_epoch(0.2, 0.8, 5, 5, 20, 4) == 0.2, "an epoch in between stands still");
    CHECK(smash_schedule_agp_epoch(0.2, 0.8, 17, 5, 20, 4) == 0.8 && smash_schedule_agp_epoch(0.2, 0.8, 3, 5, 4, 1) == 0.8 && smash_schedule_agp_epoch(0.9, 0.8, 3, 0, 9, 1) == 0.8 && smash_schedule_agp_epoch(0, 0.8, 3, 0, 9, 0) == 0.8, "ends");
    CHECK(smash_schedule_lottery(1, 3, 7) == 1 && smash_schedule_lottery(0, 3, 7) == 0 && smash_schedule_lottery(0.5, 3, 0) == 0.5, "ends of the lottery");
    for (t = 0; t <= 10; t++) {                                                                                             /* all goals: from 0 to the goal itself */
        const double goal = (double)t / 10;
        CHECK(magnitude(smash_schedule_lottery(goal, 0, 7)) <= 0 && magnitude(smash_schedule_lottery(goal, 7, 7) - goal) <= 0, "a lottery of %g begins at %g", goal, smash_schedule_lottery(goal, 0, 7));
        for (total = 0; total < t; total++) CHECK(magnitude(smash_schedule_agp_epoch((double)total / 10, goal, 9, 0, 10, 1) - goal) <= 0, "agp from %g to %g ends at %.17g", (double)total / 10, goal, smash_schedule_agp_epoch((double)total / 10, goal, 9, 0, 10, 1));
    }
}

/* ---- scores from data: sums worked out by coordinates ---- */

static int near(double a, double b) { return magnitude(a - b) <= 1e-12 * (magnitude(a) + magnitude(b)) + 1e-300; }

static void test_taylor(void)
{
    static const struct { uint32_t ndim; size_t shape[4]; int32_t block[4]; } rows[] = { { 1, { 7 }, { 1 } }, { 2, { 6, 8 }, { 1, -1 } }, { 2, { 6, 8 }, { 2, 4 } }, { 4, { 4, 3, 2, 5 }, { 1, -1, -1, -1 } }, { 4, { 4, 6, 2, 2 }, { -1, 2, 1, -1 } } };
    size_t i, k;
    int d, step;
    for (i = 0; i < COUNT_OF(rows); i++) for (d = 0; d < 4; d++) {
        smash_tensor w = make(floats[d], rows[i].ndim, rows[i].shape), g = make(floats[(d + 1) % 4], rows[i].ndim, rows[i].shape), sum, other;
        smash_grain grain = smash_grain_block(rows[i].block, rows[i].ndim);
        smash_grid grid;
        smash_ctx ctx;
        double expected[64] = { 0 };
        size_t n = 0, bad = 0;
        test_ctx(&ctx);
        smash_tensor_count(&w, &n);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &grain, &w, &grid), SMASH_OK, "row %d", (int)i);
        sum = make(SMASH_F64, grid.ndim, grid.count);
        other = make(SMASH_F64, grid.ndim, grid.count);
        memset(sum.data, 0, grid.blocks * sizeof(double));
        memset(other.data, 0, grid.blocks * sizeof(double));
        for (step = 0; step < 5; step++) {
            for (k = 0; k < n; k++) { put(w.dtype, w.data, k, uniform() - 0.5); put(g.dtype, g.data, k, uniform() - 0.5); }
            CHECK_ERR(&ctx, smash_score_add_taylor(&ctx, &grain, &w, &g, step % 2 ? &other : &sum), SMASH_OK, "row %d", (int)i);
            for (k = 0; k < n; k++) {
                size_t at = k, block = 0, stride = 1, axis;
                double p = get(w.dtype, w.data, k) * get(g.dtype, g.data, k);
                for (axis = rows[i].ndim; axis--; ) {
                    size_t size = rows[i].block[axis] < 0 ? rows[i].shape[axis] : (size_t)rows[i].block[axis];
                    block += at % rows[i].shape[axis] / size * stride;
                    stride *= rows[i].shape[axis] / size;
                    at /= rows[i].shape[axis];
                }
                expected[block] += p * p;
            }
        }
        CHECK_ERR(&ctx, smash_score_merge(&ctx, &other, &sum), SMASH_OK, "merge");
        CHECK_ERR(&ctx, smash_score_divide(&ctx, 5, &sum), SMASH_OK, "divide");
        for (k = 0; k < grid.blocks; k++) bad += !near(((double *)sum.data)[k], expected[k] / 5);
        CHECK(bad == 0, "row %d, %s: %d scores differ", (int)i, smash_dtype_name(w.dtype), (int)bad);
        if (n) {
            put(g.dtype, g.data, n - 1, strtod("nan", NULL));
            CHECK_ERR(&ctx, smash_score_add_taylor(&ctx, &grain, &w, &g, &sum), SMASH_ERR_NONFINITE, "a NaN");
            CHECK(ctx.index == grid.blocks - 1, "index %d", (int)ctx.index);
            smash_ctx_reset(&ctx);
        }
        g.shape[0]++;
        g.bytes = SIZE_MAX;
        CHECK(smash_score_add_taylor(&ctx, &grain, &w, &g, &sum) == SMASH_ERR_SHAPE, "another shape");
        free(w.data); free(g.data); free(sum.data); free(other.data);
        smash_arena_release(&ctx.scratch);
    }
}

static void test_channels(void)
{
    static const size_t shape[4] = { 3, 5, 4, 2 };
    double sums[3][5];
    uint32_t axis;
    int d, what;
    for (d = 0; d < 4; d++) for (axis = 0; axis < 4; axis++) {
        smash_tensor x = make(floats[d], 4, shape), sum = make(SMASH_F64, 1, &shape[axis]), metric, w;
        smash_ctx ctx;
        size_t k, stride = 1, i;
        test_ctx(&ctx);
        memset(sums, 0, sizeof sums);
        for (i = axis + 1; i < 4; i++) stride *= shape[i];
        for (k = 0; k < 120; k++) {
            const size_t c = k / stride % shape[axis];
            double v;
            put(x.dtype, x.data, k, below(3) ? 0 : uniform());
            v = get(x.dtype, x.data, k);
            sums[0][c] += v != 0;
            sums[1][c] += v;
            sums[2][c] += v * v;
        }
        for (what = 0; what < 3; what++) {
            size_t bad = 0;
            memset(sum.data, 0, shape[axis] * sizeof(double));
            CHECK_ERR(&ctx, smash_score_add_channels(&ctx, (smash_channel_sum)what, &x, axis, &sum), SMASH_OK, "axis %u", axis);
            for (k = 0; k < shape[axis]; k++) bad += !near(((double *)sum.data)[k], sums[what][k]);
            CHECK(bad == 0, "%s, axis %u, sum %d: %d differ", smash_dtype_name(x.dtype), axis, what, (int)bad);
        }
        /* the squares are those that wanda takes */
        {
            const size_t matrix[2] = { 6, shape[axis] };
            size_t bad = 0;
            w = make(floats[d], 2, matrix);
            metric = make(SMASH_F64, 2, matrix);
            for (k = 0; k < 6 * shape[axis]; k++) put(w.dtype, w.data, k, uniform() - 0.5);
            CHECK_ERR(&ctx, smash_score_wanda(&ctx, &w, &sum, &metric), SMASH_OK, "wanda");
            for (k = 0; k < 6 * shape[axis]; k++) {
                const double got = ((double *)metric.data)[k], v = get(w.dtype, w.data, k);
                bad += !near(got * got, v * v * ((double *)sum.data)[k % shape[axis]]);
            }
            CHECK(bad == 0, "wanda: %d differ", (int)bad);
            ((double *)sum.data)[0] = -1;
            CHECK_ERR(&ctx, smash_score_wanda(&ctx, &w, &sum, &metric), SMASH_ERR_NONFINITE, "a square below 0");
            free(w.data); free(metric.data);
        }
        smash_ctx_reset(&ctx);
        CHECK(smash_score_add_channels(&ctx, SMASH_CHANNEL_SUM, &x, 4, &sum) == SMASH_ERR_RANGE, "no such axis");
        CHECK(smash_score_add_channels(&ctx, (smash_channel_sum)3, &x, axis, &sum) == SMASH_ERR_ARG, "no such sum");
        CHECK(smash_score_divide(&ctx, 0, &sum) == SMASH_ERR_RANGE && smash_score_divide(&ctx, -2, &sum) == SMASH_ERR_RANGE && smash_score_divide(&ctx, strtod("nan", NULL), &sum) == SMASH_ERR_RANGE, "division");
        put(x.dtype, x.data, 7, strtod("inf", NULL));
        CHECK(smash_score_add_channels(&ctx, SMASH_CHANNEL_NONZERO, &x, axis, &sum) == SMASH_ERR_NONFINITE, "an Inf among the counted");
        free(x.data); free(sum.data);
        smash_arena_release(&ctx.scratch);
    }
}

static void test_lamp(void)
{
    static const size_t counts[] = { 1, 2, 3, 10, 57, 400 };
    size_t c, i, j;
    int tied;
    for (c = 0; c < COUNT_OF(counts); c++) for (tied = 0; tied < 3; tied++) {
        const size_t n = counts[c];
        smash_tensor w = make(SMASH_F32, 1, &n), metric = make(SMASH_F64, 1, &n);
        smash_ctx ctx;
        size_t bad = 0;
        test_ctx(&ctx);
        for (i = 0; i < n; i++) ((float *)w.data)[i] = tied == 2 ? 0.0f : tied ? (float)below(4) - 1.5f : (float)(uniform() - 0.5);
        CHECK_ERR(&ctx, smash_score_lamp(&ctx, &w, &metric), SMASH_OK, "%d", (int)n);
        for (i = 0; i < n; i++) {
            const double own = (double)((float *)w.data)[i] * (double)((float *)w.data)[i];
            double sum = 0;
            for (j = 0; j < n; j++) {
                const double other = (double)((float *)w.data)[j] * (double)((float *)w.data)[j];
                if (other > own || (other >= own && j >= i)) sum += other;
            }
            bad += !near(((double *)metric.data)[i], sum > 0 ? own / sum : 0);
        }
        CHECK(bad == 0, "%d numbers, ties %d: %d differ", (int)n, tied, (int)bad);
        ((float *)w.data)[n / 2] = (float)strtod("inf", NULL);
        CHECK_ERR(&ctx, smash_score_lamp(&ctx, &w, &metric), SMASH_ERR_NONFINITE, "an Inf");
        CHECK(ctx.index == n / 2, "index %d", (int)ctx.index);
        CHECK(smash_score_lamp(NULL, &w, &metric) == SMASH_ERR_NOMEM, "no ctx");
        free(w.data); free(metric.data);
        smash_arena_release(&ctx.scratch);
    }
    {   /* each square fits a double, their sum does not: no score of 0 for the second largest */
        static const size_t shape[1] = { 3 };
        static const double numbers[3] = { 1, -1.2e154, 1.2e154 };
        double scores[3];
        smash_tensor w = test_view(SMASH_F64, numbers, 1, shape), metric = test_view(SMASH_F64, scores, 1, shape);
        smash_ctx ctx;
        test_ctx(&ctx);
        w.name = "w";
        CHECK_ERR(&ctx, smash_score_lamp(&ctx, &w, &metric), SMASH_ERR_NONFINITE, "a sum of Inf");
        CHECK(ctx.index == 1 && !strcmp(ctx.message, "the squares of \"w\" add up to Inf; its numbers are too large"), "%d: %s", (int)ctx.index, ctx.message);
        smash_arena_release(&ctx.scratch);
    }
}

/* Sums of products beside those of squares: expected[block] in the same order, exact products of two numbers up to 32 bits */
static void test_product(void)
{
    static const size_t shape[3] = { 4, 6, 35 };
    static const int32_t blocks[4][3] = { { 1, 1, 1 }, { 1, -1, -1 }, { 2, 3, 7 }, { -1, -1, 5 } };
    size_t b, i;
    int d, e;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (d = 0; d < 4; d++) for (e = 0; e < 4; e++) for (b = 0; b < COUNT_OF(blocks); b++) {
        const smash_grain grain = smash_grain_block(blocks[b], 3);
        smash_tensor w = make(floats[d], 3, shape), g = make(floats[e], 3, shape), sum;
        smash_grid grid;
        double *expected;
        size_t wrong = 0;
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &grain, &w, &grid), SMASH_OK, "grid");
        sum = make(SMASH_F64, 3, grid.count);
        expected = (double *)calloc(grid.blocks, sizeof *expected);
        if (!expected) abort();
        for (i = 0; i < 840; i++) { put(floats[d], w.data, i, uniform() - 0.5); put(floats[e], g.data, i, uniform() * 8 - 4); }
        for (i = 0; i < grid.blocks; i++) ((double *)sum.data)[i] = expected[i] = (double)i / 3;
        for (i = 0; i < 840; i++) {
            const volatile double product = get(floats[d], w.data, i) * get(floats[e], g.data, i);
            expected[block_of(&grid, i)] += product;
        }
        CHECK_ERR(&ctx, smash_score_add_product(&ctx, b ? &grain : NULL, &w, &g, &sum), SMASH_OK, "block %d", (int)b);
        for (i = 0; i < grid.blocks; i++) wrong += memcmp((double *)sum.data + i, &expected[i], sizeof(double)) != 0;
        CHECK(!wrong, "%s and %s, block %d: %d sums differ", smash_dtype_name(floats[d]), smash_dtype_name(floats[e]), (int)b, (int)wrong);
        put(floats[e], g.data, 839, strtod("inf", NULL));
        CHECK_ERR(&ctx, smash_score_add_product(&ctx, &grain, &w, &g, &sum), SMASH_ERR_NONFINITE, "an Inf");
        CHECK(ctx.index == grid.blocks - 1, "index %d", (int)ctx.index);
        CHECK_ERR(&ctx, smash_score_add_product(&ctx, &grain, &w, &sum, &sum), b ? SMASH_ERR_SHAPE : SMASH_ERR_ARG, "in one place");
        free(w.data); free(g.data); free(sum.data); free(expected);
    }
}

/* Within `units` of the last place of want */
static int within(double got, double want, double units) { return magnitude(got - want) <= units * 2.220446049250313e-16 * magnitude(want) + 5e-324; }

static void test_penalty(void)
{
    size_t r, i;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (r = 0; r < COUNT_OF(golden_sigmoid); r++) {
        const size_t one = 1;
        double x = golden_sigmoid[r].x, y = 0, slope = 0;
        smash_tensor state = test_view(SMASH_F64, &x, 1, &one), metric = test_view(SMASH_F64, &y, 1, &one), gradient = test_view(SMASH_F64, &slope, 1, &one);
        CHECK_ERR(&ctx, smash_score_sigmoid(&ctx, &state, &metric), SMASH_OK, "%g", x);
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_SIGMOID, 1, 1, &state, &gradient, NULL), SMASH_OK, "%g", x);
        CHECK(within(y, golden_sigmoid[r].sigmoid, 4) && within(slope, golden_sigmoid[r].slope, 4), "sigmoid(%g) = %.17g, want %.17g, slope %.17g, want %.17g", x, y, golden_sigmoid[r].sigmoid, slope, golden_sigmoid[r].slope);
    }
    for (r = 0; r < COUNT_OF(golden_penalty); r++) {
        const size_t shape[2] = { 7, 1 };
        double gradient[7] = { 0, 0, 0, 0, 0, 0, 0 }, loss = -1, again = -1;
        const double before = 0.125;
        smash_tensor state = test_view(SMASH_F64, golden_penalty[r].state, 2, shape), g = test_view(SMASH_F64, gradient, 2, shape);
        const smash_penalty kind = (smash_penalty)golden_penalty[r].kind;
        state.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, kind, golden_penalty[r].scale, golden_penalty[r].targets, &state, &g, &loss), SMASH_OK, "row %d", (int)r);
        CHECK(within(loss, golden_penalty[r].loss, 16), "row %d: penalty %.17g, want %.17g", (int)r, loss, golden_penalty[r].loss);
        for (i = 0; i < 7; i++) CHECK(within(gradient[i], golden_penalty[r].gradient[i], 8), "row %d, %d: %.17g, want %.17g", (int)r, (int)i, gradient[i], golden_penalty[r].gradient[i]);
        for (i = 0; i < 7; i++) gradient[i] = before;
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, kind, golden_penalty[r].scale, golden_penalty[r].targets, &state, NULL, &again), SMASH_OK, "no gradient");
        CHECK(again >= loss && again <= loss, "row %d: another penalty without a gradient", (int)r);
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, kind, golden_penalty[r].scale, golden_penalty[r].targets, &state, &g, NULL), SMASH_OK, "no loss");
        for (i = 0; i < 7; i++) CHECK(magnitude(gradient[i] - before - golden_penalty[r].gradient[i]) < 1e-15 * (1 + magnitude(golden_penalty[r].gradient[i])), "row %d, %d: is not added", (int)r, (int)i);
    }
    {
        static const double bad[3] = { 1, 2, 1e308 * 10 };
        double two[3] = { 1e308, 1e308, 1 }, gradient[3] = { 5, 6, 7 }, loss = 3, other[3] = { 1, 2, 3 };
        const size_t n = 3, none = 0, less = 2;
        smash_tensor state = test_view(SMASH_F64, other, 1, &n), g = test_view(SMASH_F64, gradient, 1, &n), inf = test_view(SMASH_F64, bad, 1, &n), large = test_view(SMASH_F64, two, 1, &n);
        smash_tensor empty = test_view(SMASH_F64, NULL, 1, &none), small = test_view(SMASH_F64, gradient, 1, &less), single = test_view(SMASH_F32, gradient, 1, &n);
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, (smash_penalty)2, 1, 1, &state, &g, &loss), SMASH_ERR_ARG, "kind 2");
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, -1, 1, &state, &g, &loss), SMASH_ERR_RANGE, "scale -1");
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, strtod("nan", NULL), 1, &state, &g, &loss), SMASH_ERR_RANGE, "scale NaN");
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, 1, 0, &state, &g, &loss), SMASH_ERR_RANGE, "no targets");
        CHECK(strcmp(ctx.message, "a penalty is shared by 1 target or more, not 0") == 0, "%s", ctx.message);
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, 1, 1, &inf, &g, &loss), SMASH_ERR_NONFINITE, "Inf");
        CHECK(ctx.index == 2, "index %d", (int)ctx.index);
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, 1, 1, &large, &g, &loss), SMASH_ERR_NONFINITE, "beyond double");
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, 1, 1, &state, &state, &loss), SMASH_ERR_ARG, "in one place");
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, 1, 1, &state, &small, &loss), SMASH_ERR_SHAPE, "too few");
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, 1, 1, &state, &single, &loss), SMASH_ERR_DTYPE, "f32");
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_ABS, 1, 1, NULL, &g, &loss), SMASH_ERR_ARG, "no state");
        CHECK_ERR(&ctx, smash_score_sigmoid(&ctx, &state, &state), SMASH_ERR_ARG, "in one place");
        CHECK_ERR(&ctx, smash_score_sigmoid(&ctx, &inf, &g), SMASH_ERR_NONFINITE, "Inf");
        CHECK_ERR(&ctx, smash_score_sigmoid(&ctx, &state, &small), SMASH_ERR_SHAPE, "too few");
        CHECK(loss >= 3 && loss <= 3 && gradient[0] >= 5 && gradient[0] <= 5 && gradient[2] >= 7 && gradient[2] <= 7, "touched");
        CHECK_ERR(&ctx, smash_score_add_penalty(&ctx, SMASH_PENALTY_SIGMOID, 1, 1, &empty, &empty, &loss), SMASH_OK, "none");
        CHECK(loss >= 0 && loss <= 0, "none: %g", loss);
    }
}

/* Errors relative to the largest number that goes into the step */
static double largest(double a, double b) { return magnitude(a) > magnitude(b) ? magnitude(a) : magnitude(b); }

static void test_adam(void)
{
    size_t r, i;
    const size_t one = 1;
    double g = 0, m = 0, v = 0, x = 0;
    smash_tensor gradient = test_view(SMASH_F64, &g, 1, &one), mean = test_view(SMASH_F64, &m, 1, &one), squares = test_view(SMASH_F64, &v, 1, &one), state = test_view(SMASH_F64, &x, 1, &one);
    smash_ctx ctx;
    test_ctx(&ctx);
    gradient.flags = SMASH_TENSOR_CONST;
    for (r = 0; r < COUNT_OF(golden_adam); r++) {
        smash_adam_desc desc = SMASH_ZERO;
        const int plain = r % 3 != 0;
        desc.rate = golden_adam[r].rate;
        desc.beta1 = golden_adam[r].beta1;
        desc.beta2 = golden_adam[r].beta2;
        desc.epsilon = golden_adam[r].epsilon;
        g = golden_adam[r].gradient;
        m = golden_adam[r].mean;
        v = golden_adam[r].squares;
        x = golden_adam[r].state;
        CHECK_ERR(&ctx, smash_score_adam(&ctx, plain ? NULL : &desc, golden_adam[r].step, &gradient, &mean, &squares, &state), SMASH_OK, "row %d", (int)r);
        CHECK(magnitude(m - golden_adam[r].mean_then) <= 4e-16 * largest(g, golden_adam[r].mean), "row %d: mean %.17g, want %.17g", (int)r, m, golden_adam[r].mean_then);
        CHECK(within(v, golden_adam[r].squares_then, 3), "row %d: squares %.17g, want %.17g", (int)r, v, golden_adam[r].squares_then);
        CHECK(magnitude(x - golden_adam[r].state_then) <= 1e-12 * largest(golden_adam[r].state, golden_adam[r].state_then), "row %d: state %.17g, want %.17g", (int)r, x, golden_adam[r].state_then);
    }
    for (r = 0, m = v = x = 0; r < COUNT_OF(golden_adam_walk); r++) {
        g = golden_adam_walk[r].gradient;
        CHECK_ERR(&ctx, smash_score_adam(&ctx, NULL, r + 1, &gradient, &mean, &squares, &state), SMASH_OK, "step %d", (int)r + 1);
        CHECK(magnitude(m - golden_adam_walk[r].mean) < 1e-14 && magnitude(v - golden_adam_walk[r].squares) < 1e-14 && magnitude(x - golden_adam_walk[r].state) < 1e-14,
              "step %d: %.17g %.17g %.17g, want %.17g %.17g %.17g", (int)r + 1, m, v, x, golden_adam_walk[r].mean, golden_adam_walk[r].squares, golden_adam_walk[r].state);
    }
    for (i = 0; i < 4; i++) {                                            /* one gradient all the time: each step moves by the rate, whatever the betas are */
        static const double betas[4] = { 0.9999, 0.99999, 0.99999999, 0.9999999999 };
        smash_adam_desc desc = SMASH_ZERO;
        const double bound = i ? 1e-16 / (1 - betas[i]) : 1e-12;
        desc.beta1 = desc.beta2 = betas[i];
        desc.epsilon = 1e-300;
        for (r = 1, m = v = x = 0, g = 1; r <= 300; r++) {
            const double before = x;
            CHECK_ERR(&ctx, smash_score_adam(&ctx, &desc, r, &gradient, &mean, &squares, &state), SMASH_OK, "beta %g, step %d", betas[i], (int)r);
            CHECK(magnitude(before - 0.01 - x) <= 0.01 * bound + 1e-15, "beta %g, step %d: %.17g", betas[i], (int)r, before - x);
        }
    }
    {
        static const struct { const char *what; smash_err want; size_t index; } rows[] = {
            { "fine", SMASH_OK, 0 }, { "none", SMASH_OK, 0 }, { "fence", SMASH_ERR_ARG, 0 }, { "step 0", SMASH_ERR_RANGE, 0 }, { "rate -1", SMASH_ERR_RANGE, 0 }, { "rate nan", SMASH_ERR_RANGE, 0 },
            { "beta1 1", SMASH_ERR_RANGE, 0 }, { "beta2 -1", SMASH_ERR_RANGE, 0 }, { "epsilon inf", SMASH_ERR_RANGE, 0 }, { "g nan", SMASH_ERR_NONFINITE, 1 }, { "m inf", SMASH_ERR_NONFINITE, 2 },
            { "v nan", SMASH_ERR_NONFINITE, 0 }, { "s nan", SMASH_ERR_NONFINITE, 2 }, { "v -1", SMASH_ERR_NONFINITE, 1 }, { "g f32", SMASH_ERR_DTYPE, 1 }, { "m short", SMASH_ERR_SHAPE, 0 },
            { "v shape", SMASH_ERR_SHAPE, 0 }, { "s const", SMASH_ERR_ARG, 0 }, { "m on v", SMASH_ERR_ARG, 0 }, { "g on s", SMASH_ERR_ARG, 0 }, { "g on m", SMASH_ERR_ARG, 0 }, { "no g", SMASH_ERR_ARG, 0 },
            { "no s", SMASH_ERR_ARG, 0 }, { "s huge", SMASH_ERR_OVERFLOW, 0 }
        };
        for (r = 0; r < COUNT_OF(rows); r++) {
            const char *what = rows[r].what;
            double n[4][3];
            const size_t three = 3, none = 0, huge[2] = { SIZE_MAX / 2, 3 };
            smash_tensor t[4], *p[4];
            smash_adam_desc desc = SMASH_ZERO;
            uint64_t step = 2;
            const double nan = strtod("nan", NULL), inf = strtod("inf", NULL);
            for (i = 0; i < 12; i++) n[i / 3][i % 3] = 0.5;
            for (i = 0; i < 4; i++) { t[i] = test_view(SMASH_F64, n[i], 1, strcmp(what, "none") ? &three : &none); p[i] = &t[i]; }
#define IS(word) (strcmp(what, word) == 0)
            if (IS("fence")) desc.zero_begin = 7;
            if (IS("step 0")) step = 0;
            if (IS("rate -1")) desc.rate = -1;
            if (IS("rate nan")) desc.rate = nan;
            if (IS("beta1 1")) desc.beta1 = 1;
            if (IS("beta2 -1")) desc.beta2 = -1;
            if (IS("epsilon inf")) desc.epsilon = inf;
            if (IS("g nan")) n[0][1] = nan;
            if (IS("m inf")) n[1][2] = inf;
            if (IS("v nan")) n[2][0] = nan;
            if (IS("v -1")) n[2][1] = -1;
            if (IS("s nan")) n[3][2] = nan;
            if (IS("g f32")) t[0].dtype = SMASH_F32;
            if (IS("m short")) t[1].bytes--;
            if (IS("v shape")) t[2].shape[0] = 2;
            if (IS("s const")) t[3].flags = SMASH_TENSOR_CONST;
            if (IS("m on v")) t[1].data = &n[2][1];
            if (IS("g on s")) t[0].data = n[3];
            if (IS("g on m")) t[0].data = n[1];
            if (IS("no g")) p[0] = NULL;
            if (IS("no s")) p[3] = NULL;
            if (IS("s huge")) t[3] = smash_tensor_view(SMASH_F64, n[3], sizeof n[3], 2, huge);
#undef IS
            CHECK_ERR(&ctx, smash_score_adam(&ctx, &desc, step, p[0], p[1], p[2], p[3]), rows[r].want, "%s", what);
            CHECK(!rows[r].want || ctx.index == rows[r].index, "%s: index %d", what, (int)ctx.index);
            CHECK(rows[r].want || strcmp(what, "none") == 0 || (n[3][0] < 0.5 && n[3][2] < 0.5), "%s: did not move", what);
            for (i = 3; rows[r].want && strcmp(what, "v -1") && i < 12; i++) CHECK(!(n[i / 3][i % 3] < 0.5) && !(n[i / 3][i % 3] > 0.5 && n[i / 3][i % 3] < inf), "%s: %d was touched", what, (int)i);
        }
    }
}

static void test_scale(void)
{
    size_t round, i;
    smash_ctx ctx;
    test_ctx(&ctx);
    for (round = 0; round < 200; round++) {
        static const size_t dims[] = { 1, 2, 3, 4, 6, 8, 12, 30 };
        const smash_dtype dtype = floats[below(4)];
        uint32_t ndim = (uint32_t)below(5), axis;
        size_t shape[SMASH_MAX_DIMS] = { 0 }, n = 1, wrong = 0;
        int32_t block[SMASH_MAX_DIMS] = { 0 };
        const int in_place = (int)below(2);
        smash_grain grain;
        smash_grid g;
        smash_tensor src, before, dst, factors;
        for (axis = 0; axis < ndim; axis++) {
            shape[axis] = dims[below(COUNT_OF(dims))];
            block[axis] = random_block(shape[axis]);
            n *= shape[axis];
        }
        grain = round % 3 ? smash_grain_block(block, ndim) : smash_grain_element();
        src = make(dtype, ndim, shape);
        before = make(dtype, ndim, shape);
        dst = in_place ? src : make(dtype, ndim, shape);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &grain, &src, &g), SMASH_OK, "round %d", (int)round);
        factors = make(SMASH_F64, g.ndim, g.count);
        for (i = 0; i < g.blocks; i++) ((double *)factors.data)[i] = uniform() * 2 - 0.5;
        for (i = 0; i < n; i++) put(dtype, src.data, i, (uniform() - 0.5) * (below(9) ? 1 : 1e-7));
        memcpy(before.data, src.data, src.bytes);
        CHECK_ERR(&ctx, smash_mask_scale(&ctx, round % 3 ? &grain : NULL, &factors, &src, &dst), SMASH_OK, "round %d", (int)round);
        for (i = 0; i < n; i++) {
            const volatile double product = get(dtype, before.data, i) * ((double *)factors.data)[block_of(&g, i)];
            smash_tensor one = before;
            put(dtype, one.data, i, product);
            wrong += bits_at(&dst, i) != bits_at(&one, i);
        }
        CHECK(!wrong, "round %d %s: %d of %d wrong", (int)round, smash_dtype_name(dtype), (int)wrong, (int)n);
        ((double *)factors.data)[g.blocks - 1] = strtod("nan", NULL);
        memcpy(before.data, dst.data, dst.bytes);
        CHECK_ERR(&ctx, smash_mask_scale(&ctx, &grain, &factors, &src, &dst), SMASH_ERR_NONFINITE, "a NaN");
        CHECK(ctx.index == g.blocks - 1 && memcmp(before.data, dst.data, dst.bytes) == 0, "round %d: index %d, or touched", (int)round, (int)ctx.index);
        ((double *)factors.data)[g.blocks - 1] = 1e300;
        put(dtype, src.data, n - 1, 1e9);
        CHECK_ERR(&ctx, smash_mask_scale(&ctx, &grain, &factors, &src, &dst), SMASH_ERR_NONFINITE, "too large");
        CHECK(ctx.index < n, "index %d", (int)ctx.index);
        if (!in_place) {
            CHECK_ERR(&ctx, smash_mask_scale(&ctx, &grain, &src, &src, &dst), dtype == SMASH_F64 ? ctx.err : SMASH_ERR_DTYPE, "factors of another dtype");
            dst.shape[ndim ? ndim - 1 : 0]++;
            dst.ndim = ndim ? ndim : 1;
            dst.bytes = SIZE_MAX;
            CHECK_ERR(&ctx, smash_mask_scale(&ctx, &grain, &factors, &src, &dst), SMASH_ERR_SHAPE, "another shape");
            free(dst.data);
        }
        free(src.data); free(before.data); free(factors.data);
    }
}

int main(void)
{
    test_recorded();
    test_numpy();
    test_selection();
    test_misleading_sample();
    test_allocate();
    test_min_max();
    test_element_threshold();
    test_metric_bits();
    test_fpgm();
    test_expand_apply();
    test_add();
    test_add_value();
    test_apply_to();
    test_apply_errors();
    test_align();
    test_errors();
    test_nonfinite();
    test_scratch_overflow();
    test_scratch();
    test_kth_errors();
    test_defaults();
    test_nearest();
    test_parts();
    test_global();
    test_shared();
    test_group_errors();
    test_sparse();
    test_nm();
    test_nm_errors();
    test_bsr();
    test_bsr_errors();
    test_layout_kernels();
    test_schedules();
    test_taylor();
    test_channels();
    test_lamp();
    test_product();
    test_penalty();
    test_adam();
    test_scale();
    return test_done();
}
