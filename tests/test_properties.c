/* test_properties.c - what must hold whatever the numbers are: exactly as many blocks go as were asked for, those with the smallest scores, of
 * equals the first ones; the mask of a smaller ratio is part of that of a larger one; budgets of groups are met and never exceeded; threads,
 * SIMD and the order of modules change nothing. Every answer is compared with sorting, or, where there are many numbers, with what only the
 * sorted answer fulfils: that the last one dropped stands before the first one kept. */
#include "../smash.h"
#include "test.h"
#include "../tools/pool.h"

static smash_ctx ctx;
static uint64_t rng = 11;
#include "random.h"

/* 1, 2 and 7 threads, each with every choice of SIMD: all must give the same bytes. */
enum { CREWS = 3, MODES = 3 * CREWS };
static pool pools[CREWS];
static smash_ctx crews[CREWS];
static unsigned turn;

static void set_mode(unsigned mode)
{
    ctx.no_simd = mode % 3;
    ctx.parallel = crews[mode / 3 % CREWS].parallel;
    ctx.parallel_user = crews[mode / 3 % CREWS].parallel_user;
}

static void *room(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p) abort();
    memset(p, 0x55, bytes);
    return p;
}

/* trunc(n * ratio), with the product rounded to double before */
static size_t share(size_t n, double ratio)
{
    volatile double product = (double)n * ratio;
    return ratio < 1 ? (size_t)product : n;
}

/* ---- numbers ---- */

static const smash_dtype floats[4] = { SMASH_F32, SMASH_F16, SMASH_BF16, SMASH_F64 };
static const double tiny[4] = { 1e-41, 2e-6, 1e-39, 1e-310 }, huge[4] = { 3.4e38, 65504, 3.38e38, 1.79e308 }, low[4] = { 1e-30, 1e-4, 1e-30, 1e-200 }, high[4] = { 1e30, 1e4, 1e30, 1e200 };

static void put(size_t type, void *data, size_t i, double x)
{
    if (type == 0)      ((float *)data)[i] = (float)x;
    else if (type == 1) ((uint16_t *)data)[i] = smash_f64_to_f16(x);
    else if (type == 2) ((uint16_t *)data)[i] = smash_f64_to_bf16(x);
    else                ((double *)data)[i] = x;
}

static double get(size_t type, const void *data, size_t i)
{
    if (type == 0) return (double)((const float *)data)[i];
    if (type == 1) return (double)smash_f16_to_f32(((const uint16_t *)data)[i]);
    if (type == 2) return (double)smash_bf16_to_f32(((const uint16_t *)data)[i]);
    return ((const double *)data)[i];
}

enum { BELL, FEW, UP, DOWN, HALF_ZEROS, CONSTANT, INT8_GRID, TWO_VALUED, DENORMALS, ZEROS, ZEROS_AND_DENORMALS, HUGE_NUMBERS, ONE_SMALLER, ONE_LARGER, ONE_GIANT,
       SAW_16, SAW_32, SAW_256, TILE_FIRST, TILE_LAST, STRIDES, SAMPLED, UNSAMPLED, CLUSTERS, GEOMETRIC, PIPE, NEIGHBOURS, SIGNS, ENDS, SHUFFLED, KINDS };
static const char *const kinds[KINDS] = { "bell", "few values", "up", "down", "half zeros", "constant", "int8 grid", "two values", "denormals", "zeros", "zeros and denormals", "huge",
    "one smaller", "one larger", "one giant", "sawtooth 16", "sawtooth 32", "sawtooth 256", "first of a tile", "last of a tile", "strides", "sampled tiles", "unsampled tiles", "clusters", "geometric",
    "organ pipe", "neighbours", "signs", "ends", "shuffled" };

static double bell(void) { return uniform() + uniform() + uniform() + uniform() - 2; }

static void fill(int kind, size_t type, void *data, size_t n)
{
    const size_t place = below(3) ? below(n) : below(2) ? 0 : n - 1, tiles = n / 32, step = tiles / 256 ? tiles / 256 : 1;
    uint64_t seed = 1;
    size_t i, sample = 0, next = 0;
    for (i = 0; i < n; i++) {
        const double u = uniform();
        double x = 0;
        int special = 0;
        switch (kind) {
        case BELL: x = bell(); break;
        case FEW: x = (double)below(5) - 2; break;
        case UP: x = (double)(i + 1) / (double)n; break;
        case DOWN: x = (double)(n - i) / (double)n; break;
        case HALF_ZEROS: x = u < 0.5 ? 0 : bell(); break;
        case CONSTANT: x = -0.75; break;
        case INT8_GRID: x = (double)((int)(bell() * 60)) / 64; break;
        case TWO_VALUED: x = u < 0.3 ? 1 : -0.5; break;
        case DENORMALS: x = bell() * tiny[type]; break;
        case ZEROS: x = u < 0.5 ? -0.0 : 0.0; break;
        case ZEROS_AND_DENORMALS: x = u < 0.4 ? -0.0 : u < 0.8 ? 0.0 : bell() * tiny[type]; break;
        case HUGE_NUMBERS: x = (u < 0.5 ? -1 : 1) * huge[type] * (0.5 + u / 2); break;
        case ONE_SMALLER: x = i == place ? 0.5 : -1; break;
        case ONE_LARGER: x = i == place ? -2 : 1; break;
        case ONE_GIANT: x = i == place ? huge[type] : bell() / 1024; break;
        case SAW_16: x = (double)(i % 16 + 1) / 16; break;
        case SAW_32: x = (double)(i % 32 + 1) / 32; break;
        case SAW_256: x = (double)(256 - i % 256) / 256; break;
        case TILE_FIRST: x = i % 32 == 0 ? 100 + u : u / 1024; break;
        case TILE_LAST: x = i % 32 == 31 ? u / 1024 : 100 + u; break;
        case STRIDES: x = i / 32 % 8 == 0 ? 100 + u : u / 1024; break;
        case SAMPLED: case UNSAMPLED:                                        /* tiles at random places of equal steps */
            if (i % 32 == 0) {
                if (i / 32 % step == 0) { next = sample * step + (size_t)(smash_random(&seed) % step); sample++; }
            }
            special = i / 32 == next;
            x = special == (kind == SAMPLED) ? 100 + u : u / 1024;
            break;
        case CLUSTERS: x = u < 0.5 ? low[type] * (1 + u) : high[type] * (1 + u); break;
        case GEOMETRIC: x = smash_exp(-(double)i / (double)n * (type == 1 ? 16 : 80)); break;
        case PIPE: x = (double)(i < n / 2 ? i : n - i) / (double)n; break;
        case NEIGHBOURS: x = 0; break;
        case SIGNS: x = i * 7 % 3 ? 0.125 : -0.125; break;
        case ENDS: x = i < 4096 || n - i <= 4096 ? low[type] * (1 + u) : 1 + u; break;
        default: x = (double)(i * 7919 % n + 1) / (double)n; break;
        }
        put(type, data, i, x);
        if (kind == NEIGHBOURS) {                                            /* numbers that differ in their last bits only */
            const uint32_t near = (uint32_t)(i * 7919 % n);
            if (type == 0) { const uint32_t bits = 0x3F800000u + near; memcpy((float *)data + i, &bits, 4); }
            else if (type == 3) { const uint64_t bits = 0x3FF0000000000000u + near; memcpy((double *)data + i, &bits, 8); }
            else ((uint16_t *)data)[i] = (uint16_t)(0x3C00u + near % 64);
        }
    }
}

/* ---- what is right ---- */

typedef struct place { double score; size_t member, index; } place;
static int before(const place *a, const place *b)
{
    if (a->score < b->score || a->score > b->score) return a->score < b->score;
    return a->member != b->member ? a->member < b->member : a->index < b->index;
}
static int by_place(const void *a, const void *b)
{
    const place *x = (const place *)a, *y = (const place *)b;
    return before(x, y) ? -1 : before(y, x);
}

/* 1 if exactly the k smallest go; to 1,100 scores by sorting them, too. */
static int right(const double *score, const uint8_t *keep, size_t n, size_t k)
{
    place last, first;
    size_t i, gone = 0;
    int odd = 0;
    last.member = first.member = last.index = first.index = 0;
    last.score = first.score = 0;
    for (i = 0; i < n; i++) {
        odd |= keep[i] > 1;
        if (keep[i]) { if (i - gone == 0 || score[i] < first.score) { first.score = score[i]; first.index = i; } }
        else { if (!gone || score[i] >= last.score) { last.score = score[i]; last.index = i; } gone++; }
    }
    if (odd || gone != k || (k && k < n && !before(&last, &first))) return 0;
    if (n <= 1100) {
        static place order[1100];
        for (i = 0; i < n; i++) { order[i].score = score[i]; order[i].member = 0; order[i].index = i; }
        qsort(order, n, sizeof *order, by_place);
        for (i = 0; i < n; i++) if (keep[order[i].index] != (i >= k)) return 0;
    }
    return 1;
}

/* 1 if all that is kept now was kept before */
static int nested(const uint8_t *earlier, const uint8_t *now, size_t n)
{
    unsigned back = 0;
    size_t i;
    for (i = 0; i < n; i++) back |= now[i] & (unsigned)!earlier[i];
    return !back;
}

/* The share that means k of n, and the smallest that does */
static double ratio_of(size_t k, size_t n)
{
    double ratio = k >= n ? 1 : ((double)k + 0.5) / (double)n;
    return below(2) && k < n && share(n, (double)k / (double)n) == k ? (double)k / (double)n : ratio;
}

/* ---- single numbers ---- */

static const size_t primes[] = { 73, 127, 251, 509, 1021, 2039, 4093, 8191, 65521, 131071 };
static const size_t edges[] = { 95, 96, 97, 1023, 1024, 1025, 4095, 4096, 4097, 32767, 32769, 65535, 65536, 65537, 100000, 131072, 131073, 196613, 262143, 262144, 262145, 524287, 1000000, 1000003 };
enum { SIZES = 70 + COUNT_OF(primes) + COUNT_OF(edges) };
static size_t size_at(size_t i)
{
    if (i < 70) return i + 1;
    i -= 70;
    return i < COUNT_OF(primes) ? primes[i] : edges[i - COUNT_OF(primes)];
}

/* Scores of n numbers through all amounts: of their magnitudes (smash_mask_make), or with their signs (smash_mask_allocate). */
static void check_amounts(int kind, size_t type, size_t n, int is_signed)
{
    const smash_dtype dtype = is_signed ? SMASH_F64 : floats[type];
    void *data = room(n * smash_dtype_bits(dtype) / 8);
    double *score = (double *)room(n * sizeof *score);
    uint8_t *keep = (uint8_t *)room(n), *earlier = (uint8_t *)room(n), *again = (uint8_t *)room(n);
    const smash_tensor w = smash_tensor_view(dtype, data, n * smash_dtype_bits(dtype) / 8, 1, &n);
    smash_tensor mask = smash_tensor_view(SMASH_BOOL, keep, n, 1, &n), other = smash_tensor_view(SMASH_U8, again, n, 1, &n);
    const size_t some[] = { 0, 1, n / 10, n / 3 + below(n / 3 + 1), n - n / 10, n - 1, n };
    size_t i, amount, k = 0;
    fill(kind, is_signed ? 3 : type, data, n);
    for (i = 0; i < n; i++) score[i] = is_signed ? ((double *)data)[i] * (kind == UP || kind == CLUSTERS ? -1 : 1) : magnitude(get(type, data, i));
    if (is_signed) memcpy(data, score, n * sizeof *score);
    for (amount = 0; amount < COUNT_OF(some); amount++) {
        const int large = n > 150000;
        smash_mask_desc d = SMASH_ZERO;
        smash_mask_stats stats = SMASH_ZERO;
        unsigned mode, modes = turn % 32 == 0 && n < 150000 ? MODES : 1;
        k = amount && some[amount] < k ? k : some[amount];                   /* of a few numbers these are not in order */
        if (large && (amount == 0 || amount == 6 || (amount + turn / 3) % 3 == 0)) continue;
        d.ratio = ratio_of(k, n);
        set_mode(turn++);
        CHECK_ERR(&ctx, is_signed ? smash_mask_allocate(&ctx, &d, &w, 64, &mask, &stats) : smash_mask_make(&ctx, &d, &w, &mask, &stats), SMASH_OK, "%s, %s, n %zu, k %zu", kinds[kind], smash_dtype_name(dtype), n, k);
        CHECK(stats.blocks == n && stats.dropped == k && stats.elements == k && right(score, keep, n, k), "%s, %s%s, n %zu, k %zu, mode %u", kinds[kind], smash_dtype_name(dtype), is_signed ? " signed" : "", n, k, turn - 1);
        CHECK(amount == 0 || (large && k <= 1) || nested(earlier, keep, n), "%s, %s, n %zu, k %zu: what went at a smaller ratio is back", kinds[kind], smash_dtype_name(dtype), n, k);
        for (mode = 0; mode < modes; mode++) {
            set_mode(modes == 1 ? turn + 4 : mode);
            memset(again, 0x55, n);
            CHECK_ERR(&ctx, is_signed ? smash_mask_allocate(&ctx, &d, &w, 64, &other, NULL) : smash_mask_make(&ctx, &d, &w, &other, NULL), SMASH_OK, "again");
            CHECK(memcmp(keep, again, n) == 0, "%s, %s, n %zu, k %zu: mode %u gives another mask than mode %u", kinds[kind], smash_dtype_name(dtype), n, k, modes == 1 ? turn + 4 : mode, turn - 1);
        }
        memcpy(earlier, keep, n);
    }
    free(data); free(score); free(keep); free(earlier); free(again);
}

static void test_numbers(void)
{
    size_t s, type;
    int kind;
    for (s = 0; s < SIZES; s++) for (kind = 0; kind < KINDS; kind++) {
        const size_t n = size_at(s);
        if (n > 5000 && (s + (size_t)kind) % test_count(1, 8)) continue;
        for (type = 0; type < 4; type++) {
            if (n > 8 && (type + s + (size_t)kind) % 4 > (n < 5000)) continue;
            if (n > 150000 ? (s + (size_t)kind) % 3 != 0 : n > 30000 && n != 131072 && (s + (size_t)kind) % 2) continue;
            check_amounts(kind, type, n, 0);
        }
        if (n <= 70 ? s % 5 == 0 : (s + (size_t)kind) % (n > 150000 ? 7 : 4) == 1) check_amounts(kind, 3, n, 1);
    }
}

/* The floor rule itself, with the double rounding of its product */
static void test_floor(void)
{
    static const struct { size_t n; double ratio; size_t k; } rows[] = { { 100, 0.29, 28 }, { 100, 0.57, 56 }, { 7, 0.1, 0 }, { 48, 0.999, 47 }, { 10, 0.7, 7 }, { 10, 0.1, 1 }, { 3, 0.3333333333333333, 1 },
        { 3, 0.33333333333333326, 0 }, { 1000003, 0.5, 500001 }, { 1, 0.9999999999999999, 0 }, { 1, 1, 1 }, { 49, 0.9999999999999999, 48 }, { 6, 0.6666666666666666, 4 }, { 200, 5e-324, 0 }, { 131073, 0.999999, 131072 } };
    size_t i, j;
    for (i = 0; i < COUNT_OF(rows); i++) {
        float *x = (float *)room(rows[i].n * sizeof *x);
        uint8_t *keep = (uint8_t *)room(rows[i].n);
        const smash_tensor w = smash_tensor_view(SMASH_F32, x, rows[i].n * sizeof *x, 1, &rows[i].n), mask = smash_tensor_view(SMASH_U8, keep, rows[i].n, 1, &rows[i].n);
        smash_mask_desc d = SMASH_ZERO;
        smash_mask_stats stats = SMASH_ZERO;
        size_t zeros = 0;
        fill(BELL, 0, x, rows[i].n);
        d.ratio = rows[i].ratio;
        CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, &stats), SMASH_OK, "row %zu", i);
        for (j = 0; j < rows[i].n; j++) zeros += !keep[j];
        CHECK(zeros == rows[i].k && stats.dropped == zeros && share(rows[i].n, rows[i].ratio) == zeros, "%zu of %.17g: %zu go, want %zu", rows[i].n, rows[i].ratio, zeros, rows[i].k);
        free(x);
        free(keep);
    }
}

/* One number that is none, wherever it stands, is refused with its index and nothing written. */
static void test_not_finite(void)
{
    static const size_t sizes[] = { 1, 31, 33, 4097, 65537, 131071, 131073, 300007 };
    static const uint16_t bad16[3] = { 0x7C00, 0xFC00, 0x7E01 }, bad_brain[3] = { 0x7F80, 0xFF80, 0xFFC1 };
    static const uint32_t bad32[3] = { 0x7F800000u, 0xFF800000u, 0x7FC00001u };
    static const uint64_t bad64[3] = { 0x7FF0000000000000u, 0xFFF0000000000000u, 0xFFF8000000000001u };
    static const int what[] = { CONSTANT, BELL, ZEROS, TILE_FIRST };
    size_t s, type, p, i;
    for (s = 0; s < COUNT_OF(sizes); s++) for (type = 0; type < 4; type++) for (p = 0; p < 4; p++) {
        const size_t n = sizes[s], width = smash_dtype_bits(floats[type]) / 8, at = p == 0 ? 0 : p == 1 ? n - 1 : p == 2 ? n / 2 : below(n);
        unsigned char *data;
        uint8_t *keep;
        smash_tensor w, mask;
        smash_mask_desc d = SMASH_ZERO;
        if (n > 5000 && (s + type + p) % 3) continue;
        data = (unsigned char *)room(n * width);
        keep = (uint8_t *)room(n);
        w = smash_tensor_view(floats[type], data, n * width, 1, &n);
        mask = smash_tensor_view(SMASH_BOOL, keep, n, 1, &n);
        fill(what[turn % 4], type, data, n);
        memcpy(data + at * width, type == 0 ? (const void *)&bad32[turn % 3] : type == 1 ? (const void *)&bad16[turn % 3] : type == 2 ? (const void *)&bad_brain[turn % 3] : (const void *)&bad64[turn % 3], width);
        for (i = 0; i < 4; i++) {
            size_t j, touched = 0;
            set_mode(turn++);
            d.ratio = i == 3 ? 0 : ratio_of(i == 0 ? 0 : i == 1 ? n / 2 : n, n);
            d.use_threshold = i == 3;
            d.threshold = 0.01;
            CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, NULL), SMASH_ERR_NONFINITE, "%s, n %zu, at %zu", smash_dtype_name(floats[type]), n, at);
            for (j = 0; j < n; j++) touched += keep[j] != 0x55;
            CHECK(ctx.index == at && touched == 0, "%s, n %zu: index %zu, want %zu; %zu mask values written", smash_dtype_name(floats[type]), n, ctx.index, at, touched);
        }
        free(data);
        free(keep);
    }
}

/* ---- blocks ---- */

/* Block of an element, from coordinates */
static size_t block_of(const smash_grid *g, size_t at)
{
    size_t block = 0, stride = 1;
    uint32_t d;
    for (d = g->ndim; d--; ) {
        const size_t size = g->count[d] * g->block[d];
        block += at % size / g->block[d] * stride;
        stride *= g->count[d];
        at /= size;
    }
    return block;
}

/* Numbers on a grid of 1/64, so that sums are exact in any order: scores are worked out here. */
static void check_grain(const smash_grain *grain, uint32_t ndim, const size_t *shape, size_t type)
{
    smash_tensor w = smash_tensor_view(floats[type], NULL, 0, ndim, shape), mask, full;
    smash_grid grid;
    size_t n = 0, i, q, part, parts;
    void *data, *after;
    double *score;
    uint8_t *keep, *earlier, *wide;
    const int metric = 1 + (int)below(2), tied = below(2) == 0;
    CHECK_ERR(&ctx, smash_tensor_count(&w, &n), SMASH_OK, "shape");
    w.data = data = room(n * smash_dtype_bits(floats[type]) / 8);
    after = room(n * smash_dtype_bits(floats[type]) / 8);
    w.bytes = n * smash_dtype_bits(floats[type]) / 8;
    CHECK_ERR(&ctx, smash_grid_make(&ctx, grain, &w, &grid), SMASH_OK, "grid");
    CHECK(grid.blocks * grid.block_elements == n, "%zu blocks of %zu in %zu", grid.blocks, grid.block_elements, n);
    score = (double *)room(grid.blocks * sizeof *score);
    keep = (uint8_t *)room(grid.blocks);
    earlier = (uint8_t *)room(grid.blocks);
    wide = (uint8_t *)room(n);
    mask = smash_tensor_view(SMASH_BOOL, keep, grid.blocks, grid.ndim, grid.count);
    full = smash_tensor_view(SMASH_BOOL, wide, n, ndim, shape);
    for (i = 0; i < grid.blocks; i++) score[i] = 0;
    for (i = 0; i < n; i++) {
        const double x = tied ? (double)below(3) - 1 : (double)((int)(bell() * 60)) / 64;
        put(type, data, i, x);
        score[block_of(&grid, i)] += metric == SMASH_METRIC_L1 ? magnitude(x) : x * x;       /* roots have the same order, and no two of these have the same root */
    }
    for (parts = 1 + below(5); grid.blocks % parts; parts--) { }
    for (q = 0; q < 5; q++) {
        static const double ratios[5] = { 0, 0.15, 0.5, 0.81, 1 };
        const size_t each = grid.blocks / parts, k = share(each, ratios[q]);
        smash_mask_desc d = SMASH_ZERO;
        smash_mask_stats stats = SMASH_ZERO;
        size_t wrong = 0, zeros = 0;
        d.metric = (smash_metric)metric;
        d.grain = *grain;
        d.ratio = ratios[q];
        d.parts = (uint32_t)parts;
        set_mode(turn++);
        CHECK_ERR(&ctx, smash_mask_make(&ctx, &d, &w, &mask, &stats), SMASH_OK, "%zu blocks", grid.blocks);
        for (part = 0; part < parts; part++) wrong += !right(score + part * each, keep + part * each, each, k);
        CHECK(!wrong && stats.blocks == grid.blocks && stats.dropped == k * parts && stats.elements == stats.dropped * grid.block_elements, "%s, metric %d, %zu blocks of %zu in %zu parts, ratio %g, mode %u: %zu parts wrong, %zu dropped",
              smash_dtype_name(floats[type]), metric, grid.blocks, grid.block_elements, parts, ratios[q], turn - 1, wrong, stats.dropped);
        CHECK(!q || nested(earlier, keep, grid.blocks), "%zu blocks, ratio %g: blocks come back", grid.blocks, ratios[q]);
        memcpy(earlier, keep, grid.blocks);
        CHECK_ERR(&ctx, smash_mask_expand(&ctx, grain, &mask, &full), SMASH_OK, "expand");
        for (i = wrong = 0; i < n; i++) { wrong += wide[i] != keep[block_of(&grid, i)]; zeros += !wide[i]; }
        CHECK(!wrong && zeros == stats.elements, "%zu blocks: %zu numbers of the expanded mask differ", grid.blocks, wrong);
        memcpy(after, data, w.bytes);
        w.data = after;
        CHECK_ERR(&ctx, smash_mask_apply(&ctx, grain, &mask, &w), SMASH_OK, "apply");
        w.data = data;
        for (i = wrong = 0; i < n; i++) wrong += get(type, after, i) != (wide[i] ? get(type, data, i) : 0);
        CHECK(!wrong, "%zu blocks: %zu numbers differ once it is applied", grid.blocks, wrong);
    }
    free(data); free(after); free(score); free(keep); free(earlier); free(wide);
}

static void test_grains(void)
{
    static const size_t dims[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 33 };
    static const struct { uint32_t ndim; size_t shape[4]; int32_t block[4]; } large[] = {
        { 2, { 131073, 3 }, { 1, -1 } }, { 2, { 3, 131072 }, { -1, 1 } }, { 2, { 4097, 33 }, { 1, -1 } }, { 2, { 4096, 64 }, { 1, 1 } }, { 2, { 1024, 1028 }, { 4, 4 } }, { 2, { 1021, 509 }, { -1, 1 } },
        { 4, { 257, 31, 5, 5 }, { 1, 1, -1, -1 } }, { 4, { 64, 129, 3, 3 }, { 2, 3, 1, 3 } }, { 3, { 7, 262144, 1 }, { -1, 2, 1 } }, { 1, { 1000000 }, { 5 } } };
    size_t i, k;
    uint32_t d, ndim;
    for (i = 0; i < test_count(500, 100); i++) {
        size_t shape[SMASH_MAX_DIMS];
        int32_t block[SMASH_MAX_DIMS];
        smash_grain grain;
        ndim = 1 + (uint32_t)below(5);
        for (d = 0; d < ndim; d++) {
            shape[d] = dims[below(ndim > 3 ? 7 : COUNT_OF(dims))];
            do block[d] = (int32_t)(1 + below(shape[d])); while (shape[d] % (size_t)block[d]);
            if (below(3) == 0) block[d] = -1;
        }
        grain = i % 5 == 0 ? smash_grain_axis((uint32_t)below(ndim)) : i % 5 == 1 ? smash_grain_element() : i % 5 == 2 ? smash_grain_tensor() : smash_grain_block(block, ndim);
        check_grain(&grain, ndim, shape, i % 4);
    }
    for (i = 0; i < COUNT_OF(large); i++) {
        const smash_grain grain = smash_grain_block(large[i].block, large[i].ndim);
        check_grain(&grain, large[i].ndim, large[i].shape, i % 3);
    }
    for (i = 0; i < 12; i++) {                                               /* distances to all others: as many as asked for, nested, the same in every mode */
        const size_t shape[2] = { 3 + 17 * i, 1 + 5 * i };
        float *x = (float *)room(shape[0] * shape[1] * sizeof *x);
        double *score = (double *)room(shape[0] * sizeof *score);
        uint8_t *keep = (uint8_t *)room(shape[0]), *earlier = (uint8_t *)room(shape[0]);
        const size_t grid[2] = { shape[0], 1 };
        const smash_tensor w = smash_tensor_view(SMASH_F32, x, shape[0] * shape[1] * sizeof *x, 2, shape), metric = smash_tensor_view(SMASH_F64, score, shape[0] * sizeof *score, 2, grid),
                           mask = smash_tensor_view(SMASH_BOOL, keep, shape[0], 2, grid);
        smash_mask_desc desc = SMASH_ZERO;
        desc.metric = SMASH_METRIC_FPGM;
        desc.grain = smash_grain_axis(0);
        fill(i % 3 ? BELL : FEW, 0, x, shape[0] * shape[1]);
        set_mode(0);
        CHECK_ERR(&ctx, smash_mask_metric(&ctx, &desc, &w, &metric), SMASH_OK, "fpgm");
        for (k = 0; k <= shape[0]; k += 1 + shape[0] / 9) {
            desc.ratio = ratio_of(k, shape[0]);
            set_mode(turn++);
            CHECK_ERR(&ctx, smash_mask_make(&ctx, &desc, &w, &mask, NULL), SMASH_OK, "fpgm");
            CHECK(right(score, keep, shape[0], k) && (!k || nested(earlier, keep, shape[0])), "fpgm, %zu rows, k %zu, mode %u", shape[0], k, turn - 1);
            memcpy(earlier, keep, shape[0]);
        }
        free(x); free(score); free(keep); free(earlier);
    }
}

/* ---- groups ---- */

enum { MEMBERS = 6 };
static smash_mask_member members[MEMBERS];

static smash_err allocate_global(double ratio, smash_mask_member *m, size_t count)
{
    smash_budget_desc budget = SMASH_ZERO;
    budget.ratio = ratio;
    return smash_mask_allocate_global(&ctx, &budget, m, count);
}


/* Minima and maxima are kept; beyond the minima the smallest go, wherever they are; the budget is never exceeded, and what would go next does not fit. */
static void check_budget(size_t count, double ratio, const char *what)
{
    place last, first;
    size_t m, i, elements = 0, spent = 0, least = 0, budget, next_weight = 0, right_order = 0;
    int any = 0, more = 0;
    memset(&last, 0, sizeof last);
    memset(&first, 0, sizeof first);
    for (m = 0; m < count; m++) {
        const smash_mask_member *g = &members[m];
        const size_t n = g->metric.shape[0], weight = g->block_elements ? g->block_elements : 1, dropped = g->stats.dropped;
        const size_t high_k = g->max_ratio > 0 ? share(n, g->max_ratio) : n, low_k = share(n, g->min_ratio) < high_k ? share(n, g->min_ratio) : high_k;
        const uint8_t *keep = (const uint8_t *)g->mask.data;
        const double *score = (const double *)g->metric.data;
        elements += n * weight;
        spent += dropped * weight;
        least += low_k * weight;
        right_order += right(score, keep, n, dropped) && dropped >= low_k && dropped <= high_k && g->stats.elements == dropped * weight && g->stats.blocks == n;
        if (dropped > low_k) {                                               /* its last one that went by choice */
            place p;
            p.member = m; p.index = 0; p.score = 0;
            for (i = 0, p.index = n; i < n; i++) if (!keep[i] && (p.index == n || score[i] >= p.score)) { p.score = score[i]; p.index = i; }
            if (!any || before(&last, &p)) last = p;
            any = 1;
        }
        if (dropped < high_k) {                                              /* its next one */
            place p;
            p.member = m; p.score = 0;
            for (i = 0, p.index = n; i < n; i++) if (keep[i] && (p.index == n || score[i] < p.score)) { p.score = score[i]; p.index = i; }
            if (!more || before(&p, &first)) { first = p; next_weight = weight; }
            more = 1;
        }
    }
    budget = share(elements, ratio);
    CHECK(right_order == count, "%s, ratio %g: %zu of %zu members lose what they must", what, ratio, right_order, count);
    CHECK(spent <= budget || (spent == least && !any), "%s, ratio %g: %zu numbers go, the budget is %zu", what, ratio, spent, budget);
    CHECK(!any || !more || before(&last, &first), "%s, ratio %g: a larger score goes before a smaller one", what, ratio);
    CHECK(!more || spent + next_weight > budget, "%s, ratio %g: %zu of %zu go, and the next one has %zu", what, ratio, spent, budget, next_weight);
}

static void test_groups(void)
{
    static const double ratios[] = { 0, 0.01, 0.29, 0.5, 0.75, 0.999, 1 };
    size_t i, m, q, k;
    for (i = 0; i < 160; i++) {
        const size_t count = 1 + below(MEMBERS);
        const int kind = (int)(i % KINDS), large = i % 40 == 39, distinct = kind == BELL || kind == GEOMETRIC;
        uint8_t *earlier[MEMBERS], *swapped[MEMBERS];
        for (m = 0; m < count; m++) {
            const size_t n = large && m < 2 ? 131073 - 61000 * m : 1 + below(m % 2 ? 40 : 1500);
            smash_mask_member *g = &members[m];
            memset(g, 0, sizeof *g);
            g->metric = smash_tensor_view(SMASH_F64, room(n * sizeof(double)), n * sizeof(double), 1, &n);
            g->mask = smash_tensor_view(SMASH_U8, room(n), n, 1, &n);
            g->block_elements = below(3) ? below(12) : 1;
            if (below(3) == 0) g->min_ratio = uniform() / 2;
            if (below(3) == 0) g->max_ratio = uniform() + 1e-9;
            fill(kind == BELL && m ? GEOMETRIC : kind, 3, g->metric.data, n);
            if (distinct) for (k = 0; k < n; k++) ((double *)g->metric.data)[k] = (double)(k * 7919 % n * MEMBERS + m);
            earlier[m] = (uint8_t *)room(n);
            swapped[m] = (uint8_t *)room(n);
        }
        for (q = 0; q < COUNT_OF(ratios); q++) {
            size_t back = 0, other = 0;
            set_mode(turn++);
            CHECK_ERR(&ctx, allocate_global(ratios[q], members, count), SMASH_OK, "group %zu", i);
            check_budget(count, ratios[q], kinds[kind]);
            for (m = 0; m < count; m++) {
                back += q && !nested(earlier[m], (const uint8_t *)members[m].mask.data, members[m].mask.bytes);
                memcpy(earlier[m], members[m].mask.data, members[m].mask.bytes);
            }
            CHECK(!back, "%s, ratio %g: blocks of %zu members come back", kinds[kind], ratios[q], back);
            if (distinct && !large) {                                        /* the members backwards: the same masks */
                smash_mask_member turned[MEMBERS];
                for (m = 0; m < count; m++) { turned[m] = members[count - 1 - m]; turned[m].mask.data = swapped[count - 1 - m]; }
                CHECK_ERR(&ctx, allocate_global(ratios[q], turned, count), SMASH_OK, "group %zu", i);
                for (m = 0; m < count; m++) other += memcmp(swapped[m], members[m].mask.data, members[m].mask.bytes) != 0;
                CHECK(!other, "group %zu, ratio %g: %zu masks depend on the order of members", i, ratios[q], other);
            }
        }
        for (m = 0; m < count; m++) { free(members[m].metric.data); free(members[m].mask.data); free(earlier[m]); free(swapped[m]); }
    }
}

/* The same positions in all members; whole numbers, so that means are exact in any order. */
static void test_dependent(void)
{
    size_t i, m, k, q, part, parts;
    for (i = 0; i < 120; i++) {
        const size_t count = 1 + below(MEMBERS), n = i % 40 == 39 ? 131074 : 1 + below(i % 3 ? 60 : 3000);
        double *sum = (double *)room(n * sizeof *sum);
        uint8_t *earlier = (uint8_t *)room(n), *turned_mask = (uint8_t *)room(n);
        for (parts = 1 + below(6); n % parts; parts--) { }
        memset(sum, 0, n * sizeof *sum);
        for (m = 0; m < count; m++) {
            memset(&members[m], 0, sizeof members[m]);
            members[m].metric = smash_tensor_view(SMASH_F64, room(n * sizeof(double)), n * sizeof(double), 1, &n);
            members[m].mask = smash_tensor_view(SMASH_U8, room(n), n, 1, &n);
            members[m].block_elements = below(9);
            for (k = 0; k < n; k++) {
                ((double *)members[m].metric.data)[k] = (double)below(i % 2 ? 4 : 100000) * (double)(count == 3 || count > 4 ? 60 : 1);     /* the count divides the sum, or is a power of two */
                sum[k] += ((double *)members[m].metric.data)[k];
            }
        }
        for (q = 0; q < 6; q++) {
            static const double ratios[6] = { 0, 0.1, 0.34, 0.57, 0.9, 1 };
            smash_mask_desc d = SMASH_ZERO;
            smash_mask_member turned[MEMBERS];
            size_t wrong = 0, differ = 0;
            const size_t each = n / parts, gone = share(each, ratios[q]);
            d.ratio = ratios[q];
            d.parts = (uint32_t)parts;
            set_mode(turn++);
            CHECK_ERR(&ctx, smash_mask_allocate_shared(&ctx, &d, members, count, 32), SMASH_OK, "group %zu", i);
            for (part = 0; part < parts; part++) wrong += !right(sum + part * each, (const uint8_t *)members[0].mask.data + part * each, each, gone);
            for (m = 0; m < count; m++) {
                differ += memcmp(members[m].mask.data, members[0].mask.data, n) != 0 || members[m].stats.dropped != gone * parts;
                turned[m] = members[count - 1 - m];
                turned[m].mask.data = m ? members[m].mask.data : turned_mask;
            }
            CHECK(!wrong && !differ, "group %zu of %zu, %zu blocks in %zu parts, ratio %g: %zu parts wrong, %zu members differ", i, count, n, parts, ratios[q], wrong, differ);
            CHECK(!q || nested(earlier, (const uint8_t *)members[0].mask.data, n), "group %zu, ratio %g: blocks come back", i, ratios[q]);
            memcpy(earlier, members[0].mask.data, n);
            CHECK_ERR(&ctx, smash_mask_allocate_shared(&ctx, &d, turned, count, 32), SMASH_OK, "turned");
            CHECK(memcmp(turned_mask, earlier, n) == 0, "group %zu, ratio %g: it depends on the order of members", i, ratios[q]);
        }
        for (m = 0; m < count; m++) { free(members[m].metric.data); free(members[m].mask.data); }
        free(sum); free(earlier); free(turned_mask);
    }
}

/* ---- models ---- */

enum { PARAMS = 11 };
static const struct { const char *name; uint32_t ndim; size_t shape[4]; } params[PARAMS] = { { "a.weight", 2, { 24, 36 } }, { "a.bias", 1, { 24 } }, { "b.weight", 2, { 24, 17 } }, { "b.bias", 1, { 24 } },
    { "conv.weight", 4, { 12, 5, 3, 3 } }, { "conv.bias", 1, { 12 } }, { "deep.er.conv.weight", 4, { 12, 7, 1, 3 } }, { "norm.weight", 1, { 12 } }, { "norm.bias", 1, { 12 } }, { "z.weight", 2, { 7, 30 } }, { "y.weight", 2, { 30, 8 } } };
static float numbers[PARAMS][1024];
static test_buffer file, mask_file, first_file, first_masks;

/* A model whose modules come in this order, through a config; what is written */
static void run_model(const char *config_text, const size_t *order, smash_arena *arena)
{
    smash_diags diags = SMASH_ZERO;
    smash_config config;
    smash_model model;
    smash_plan plan;
    smash_run_desc desc = SMASH_ZERO;
    smash_io out = SMASH_ZERO, masks = SMASH_ZERO;
    smash_result result;
    size_t i;
    diags.arena = arena;
    smash_model_init(&model, arena);
    for (i = 0; i < PARAMS; i++) {
        smash_tensor t = test_view(SMASH_F32, numbers[order[i]], params[order[i]].ndim, params[order[i]].shape);
        t.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, params[order[i]].name, &t, 0), SMASH_OK, "%s", params[order[i]].name);
    }
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "model");
    smash_config_init(&config, smash_builtins(), arena, &diags);
    CHECK_ERR(&ctx, smash_config_load(&ctx, &config, config_text, strlen(config_text), NULL, NULL), SMASH_OK, "%s: %s", config_text, diags.first ? diags.first->message : "");
    memset(&plan, 0, sizeof plan);
    CHECK_ERR(&ctx, smash_config_resolve(&ctx, &config, &model, &plan), SMASH_OK, "%s: %s", config_text, diags.first ? diags.first->message : "");
    out.write = masks.write = test_buffer_write;
    out.user = &file;
    masks.user = &mask_file;
    file.used = mask_file.used = 0;
    desc.out = &out;
    desc.masks = &masks;
    CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &result), SMASH_OK, "%s", config_text);
}

/* How many tensors of one file are not in the other with the same bytes */
static size_t differences(const test_buffer *x, const test_buffer *y, smash_arena *arena)
{
    smash_io from_x = smash_io_memory(x->data, x->used), from_y = smash_io_memory(y->data, y->used);
    smash_model a, b;
    size_t i, bytes, n = 0;
    if (smash_safetensors_read(&ctx, NULL, &from_x, arena, NULL, &a) || smash_safetensors_read(&ctx, NULL, &from_y, arena, NULL, &b) || a.param_count != b.param_count) return SIZE_MAX;
    for (i = 0; i < a.param_count; i++) {
        const ptrdiff_t at = smash_model_find_param(&b, a.params[i].name);
        smash_tensor s, t;
        if (at < 0 || smash_model_load(&ctx, &a, i, arena, &s) || smash_model_load(&ctx, &b, (size_t)at, arena, &t)) { n++; continue; }
        smash_tensor_bytes(&s, &bytes);
        n += s.dtype != t.dtype || s.ndim != t.ndim || memcmp(s.shape, t.shape, s.ndim * sizeof *s.shape) != 0 || memcmp(s.data, t.data, bytes) != 0;
    }
    return n;
}

static void test_order_of_modules(void)
{
    static const char *const configs[] = {
        "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.43}",
        "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.37, \"level_global_group_id\": \"all\"}",
        "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"a\", \"b\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": 1, \"internal_metric_block\": 4}, {\"op_names\": [\"z\", \"y\"], \"sparse_ratio\": 0.4, \"global_group_id\": \"g\"}]}",
        "{\"pruner\": \"l2_norm\", \"l2_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"norm\"], \"target_names\": [\"weight\", \"bias\"], \"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [0]}}, {\"op_names_re\": [\"deep\"], \"sparse_ratio\": 0.25}, {\"op_names\": [\"y\"], \"align\": {\"module_name\": \"z\", \"target_name\": \"weight\", \"dims\": [1]}}, {\"op_names\": [\"z\"], \"sparse_ratio\": 0.3, \"granularity\": \"in_channel\"}]}",
        "{\"pruner\": \"fpgm\", \"fpgm_sparse_ratio\": 0.3, \"pack_sparse\": true, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int5\", \"ptq_granularity\": \"out_channel\"}",
        "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"a\"], \"granularity\": \"2:4\"}, {\"op_names\": [\"conv\", \"deep.er.conv\"], \"sparse_threshold\": 300, \"max_sparse_ratio\": 0.4, \"granularity\": [2, 1, 1, 3]}]}" };
    size_t i, k, c, n, order[PARAMS];
    smash_arena arena;
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    for (i = k = 0; i < PARAMS; i++) {
        const smash_tensor t = test_view(SMASH_F32, numbers[i], params[i].ndim, params[i].shape);
        CHECK_ERR(&ctx, smash_tensor_count(&t, &n), SMASH_OK, "%s", params[i].name);
        for (c = 0; c < n; c++, k++) numbers[i][c] = (float)(k * 7919 % 65521 + 1) * (k % 3 ? 1.0f : -1.0f) / 64;        /* no two alike, and sums are exact */
    }
    for (c = 0; c < COUNT_OF(configs); c++) {
        for (i = 0; i < PARAMS; i++) order[i] = i;
        set_mode(0);
        run_model(configs[c], order, &arena);
        first_file = file;
        first_masks = mask_file;
        CHECK(first_masks.used > 100, "%s: no masks", configs[c]);
        for (k = 0; k < 9; k++) {
            set_mode((unsigned)k);                                           /* the same file in every mode, */
            for (i = 0; i < PARAMS; i++) order[i] = i;
            run_model(configs[c], order, &arena);
            CHECK(file.used == first_file.used && !memcmp(file.data, first_file.data, file.used) && mask_file.used == first_masks.used && !memcmp(mask_file.data, first_masks.data, mask_file.used), "%s: mode %zu gives another file", configs[c], k);
            for (i = PARAMS; i-- > 1; ) {                                    /* the same tensors in every order */
                const size_t j = k == 0 ? 0 : below(i + 1), at = order[i];
                order[i] = order[j];
                order[j] = at;
            }
            run_model(configs[c], order, &arena);
            CHECK(differences(&first_file, &file, &arena) == 0 && differences(&first_masks, &mask_file, &arena) == 0, "%s: order %zu: %zu tensors and %zu masks differ", configs[c], k, differences(&first_file, &file, &arena),
                  differences(&first_masks, &mask_file, &arena));
        }
        smash_arena_release(&arena);
    }
}

int main(void)
{
    static const size_t threads[CREWS] = { 1, 2, 7 };
    size_t i;
    test_ctx(&ctx);
    for (i = 0; i < CREWS; i++) { smash_ctx_init(&crews[i]); pool_start(&pools[i], &crews[i], threads[i]); }
    test_floor();
    test_numbers();
    test_not_finite();
    test_grains();
    test_groups();
    test_dependent();
    test_order_of_modules();
    for (i = 0; i < CREWS; i++) pool_stop(&pools[i], &crews[i]);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
    return test_done();
}
