/* The scalar loop on one thread is what the numbers mean; SIMD, and chunks run in any order, must give the same bits and the
 * same first failure. The input makes a tensor (dtype, shape, numbers), a granularity and the descs of mask and quant. */
#include "fuzz.h"

typedef struct stream { const uint8_t *data; size_t bytes, at; } stream;
static uint32_t take(stream *s) { return s->at < s->bytes ? s->data[s->at++] : 0; }

/* ---- chunks in odd orders ---- */
static uint32_t order;
static void shuffled(void *user, size_t count, void (*fn)(void *arg, size_t index), void *arg)
{
    size_t i, step = 1, a, b;
    (void)user;
    for (i = 0; i < count; i++) {
        if (i == 0) {                                           /* any step that has no divisor in common with count visits all */
            for (step = order % count + 1;; step++) {
                for (a = step, b = count; b; ) { size_t rest = a % b; a = b; b = rest; }
                if (a == 1) break;
            }
        }
        fn(arg, (i * step + order) % count);
    }
}

/* The ways to run one call; the first one is the meaning. */
enum { WAYS = 3 };
static smash_ctx ways[WAYS];

/* One output for each way, of the same size at the same odd place, filled with the same bytes. */
typedef struct output { char *base[WAYS]; smash_tensor t[WAYS]; size_t bytes; } output;

static output make(smash_dtype dtype, uint32_t ndim, const size_t *shape, const void *data, size_t shift)
{
    output o;
    smash_tensor t = smash_tensor_view(dtype, NULL, 0, ndim, shape);
    size_t unit = (smash_dtype_bits(dtype) + 7) / 8;
    int k;
    FUZZ_CHECK(!smash_tensor_bytes(&t, &o.bytes), "shape");
    shift *= unit;
    for (k = 0; k < WAYS; k++) {
        o.base[k] = (char *)malloc(o.bytes + shift + 1);
        FUZZ_CHECK(o.base[k], "no memory");
        t.data = o.base[k] + shift;
        t.bytes = o.bytes;
        memset(t.data, 0x01, o.bytes);
        if (data) memcpy(t.data, data, o.bytes);
        o.t[k] = t;
    }
    return o;
}

static void drop(output *o)
{
    int k;
    for (k = 0; k < WAYS; k++) free(o->base[k]);
}

/* Run `call` every way, k; the codes, the indexes and, without a failure, the outputs must agree. `good` says if it worked. */
#define SAME(what, call, out, good) do { \
    smash_err first_err = SMASH_OK, way_err; \
    for (k = 0; k < WAYS; k++) { \
        smash_ctx_reset(&ways[k]); \
        way_err = (call); \
        if (!k) first_err = way_err; \
        FUZZ_CHECK(way_err == first_err && ways[k].err == way_err, what " way %d: %s, not %s: %s", k, smash_err_name(way_err), smash_err_name(first_err), ways[k].message); \
        FUZZ_CHECK(ways[k].index == ways[0].index && !strcmp(ways[k].message, ways[0].message), what " way %d: \"%s\", not \"%s\"", k, ways[k].message, ways[0].message); \
        if (!way_err && k) same_bytes(what, k, (out)); \
    } \
    (good) = !first_err; \
} while (0)

static void same_bytes(const char *what, int k, const output *o)
{
    const unsigned char *a = (const unsigned char *)o->t[0].data, *b = (const unsigned char *)o->t[k].data;
    size_t i = 0;
    while (i < o->bytes && a[i] == b[i]) i++;
    FUZZ_CHECK(i == o->bytes, "%s way %d: byte %lu of %lu is %02x, not %02x", what, k, (unsigned long)i, (unsigned long)o->bytes, b[i], a[i]);
}

static double number(uint32_t how, uint64_t *rng, const stream *s, size_t i)
{
    const uint64_t r = smash_random(rng);
    double x = (double)(int64_t)(r >> 11) / 4503599627370496.0 - 1.0;
    uint32_t u = 0, k;
    float f;
    switch (how % 8) {
    case 0: return x;
    case 1: return (double)(r % 5) - 2.0;                       /* ties */
    case 2: return r % 9 ? 0.0 : x;
    case 3: return x * 1e-40;                                   /* subnormal as float */
    case 4: return x * 3e38;
    case 5: return (double)(r % 513) / 2.0 - 128.0;             /* halves: rounding both ways */
    case 6: return r % 2 ? -0.0 : 0.0;
    default:                                                    /* the bits of the input, NaN and Inf with them */
        for (k = 0; k < 4; k++) u |= (uint32_t)(s->bytes ? s->data[(4 * i + k) % s->bytes] : 0) << 8 * k;
        memcpy(&f, &u, sizeof f);
        return (double)f;
    }
}

static size_t divisor(size_t n, uint32_t pick)
{
    size_t d = n ? pick % n + 1 : 1;
    while (n % d) d--;
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const smash_dtype floats[4] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };
    static const smash_dtype all[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16, SMASH_I8, SMASH_U8, SMASH_I16, SMASH_U16, SMASH_I32, SMASH_U32,
                                       SMASH_I64, SMASH_U64, SMASH_BOOL, SMASH_I4, SMASH_U4, SMASH_I2, SMASH_U2 };
    stream s;
    size_t shape[SMASH_MAX_DIMS] = { 0 }, n = 1, i, shift, most;
    uint32_t dtype, ndim, how, bad, target;
    smash_mask_desc prune = SMASH_ZERO;
    smash_quant_desc quant = SMASH_ZERO;
    smash_grid grid;
    smash_arena arena;
    smash_tensor from;
    double *numbers;
    uint64_t rng = 1;
    output w, out, mask, metric, scale, zero, q, back;
    smash_mask_stats mask_stats[WAYS];
    smash_quant_stats quant_stats[WAYS];
    smash_distance distance[WAYS];
    int good, k;
    s.data = data;
    s.bytes = bytes;
    s.at = 0;
    for (k = 0; k < WAYS; k++) fuzz_begin(&ways[k], &arena);
    ways[0].no_simd = 1;
    ways[2].parallel = shuffled;
    order = take(&s);
    most = order < 240 ? 70000 : 140000;                        /* past one chunk, and now and then past what is sampled */
    ways[2].no_simd = order & 1;
    dtype = take(&s);
    ndim = take(&s) % 4 + 1;
    for (i = 0; i < ndim; i++) {
        shape[i] = take(&s) % 70;
        if (shape[i] == 69) shape[i] = 257 + take(&s) * 517;    /* past the chunks of 65,536 numbers */
        if (n * shape[i] > most) shape[i] = most / n;
        n *= shape[i];
    }
    how = take(&s);
    bad = take(&s);
    shift = take(&s) % 5;
    numbers = (double *)malloc((n + 1) * sizeof *numbers);
    FUZZ_CHECK(numbers, "no memory");
    for (i = 0; i < n; i++) numbers[i] = number(how, &rng, &s, i);
    if (bad > 200 && n) numbers[(size_t)bad * 7919 % n] = bad & 1 ? 1e308 * 10 : 1e308 * 10 - 1e308 * 10;
    w = make(floats[dtype % 4], ndim, shape, floats[dtype % 4] == SMASH_F64 ? (void *)numbers : NULL, shift);
    from = smash_tensor_view(SMASH_F64, numbers, n * sizeof *numbers, ndim, shape);
    if (w.t[0].dtype != SMASH_F64) SAME("convert", smash_tensor_convert(&ways[k], &from, &w.t[k]), &w, good);
    free(numbers);

    switch (take(&s) % 5) {
    case 0: break;
    case 1: prune.grain = smash_grain_tensor(); break;
    case 2: prune.grain = smash_grain_axis(take(&s) % ndim); break;
    case 3: prune.grain = smash_grain_element(); break;
    default:
        prune.grain.kind = SMASH_GRAIN_BLOCK;
        prune.grain.block_count = ndim;
        for (i = 0; i < ndim; i++) prune.grain.block[i] = (int32_t)divisor(shape[i], take(&s));
    }
    quant.grain = prune.grain;
    if (prune.grain.kind == SMASH_GRAIN_DEFAULT) prune.grain = smash_grain_element();
    prune.metric = (smash_metric)(take(&s) % 4);
    prune.use_threshold = take(&s) % 4 == 3;
    if (prune.use_threshold) prune.threshold = (double)take(&s) / 64.0;
    else prune.ratio = (double)take(&s) / 255.0;
    if (take(&s) % 4 == 3) prune.min_ratio = (double)take(&s) / 256.0;
    if (take(&s) % 4 == 3) prune.max_ratio = (double)(take(&s) + 1) / 256.0;
    quant.bits = take(&s) % 16;
    if (quant.bits == 1) quant.bits = 16;
    quant.is_unsigned = take(&s) % 2;
    quant.scheme = (smash_scheme)(take(&s) % 2);
    target = take(&s);

    if (!smash_grid_make(NULL, &prune.grain, &w.t[0], &grid)) {
        if (grid.blocks * n > 300000 && prune.metric == SMASH_METRIC_FPGM) prune.metric = SMASH_METRIC_L2;
        mask = make(SMASH_BOOL, ndim, grid.count, NULL, shift);
        metric = make(SMASH_F64, ndim, grid.count, NULL, 0);
        SAME("mask_metric", smash_mask_metric(&ways[k], &prune, &w.t[k], &metric.t[k]), &metric, good);
        if (good) SAME("mask_allocate", smash_mask_allocate(&ways[k], &prune, &metric.t[k], smash_dtype_bits(w.t[k].dtype), &mask.t[k], &mask_stats[k]), &mask, good);
        memset(mask_stats, 0, sizeof mask_stats);
        SAME("mask_make", smash_mask_make(&ways[k], &prune, &w.t[k], &mask.t[k], &mask_stats[k]), &mask, good);
        if (good) for (k = 1; k < WAYS; k++) FUZZ_CHECK(!memcmp(&mask_stats[0], &mask_stats[k], sizeof *mask_stats), "mask statistics of way %d", k);
        for (k = 0; !good && k < WAYS; k++) for (i = 0; i < grid.blocks; i++) ((unsigned char *)mask.t[k].data)[i] = i % 3 != 1;
        out = make(SMASH_BOOL, ndim, shape, NULL, shift);
        SAME("mask_expand", smash_mask_expand(&ways[k], &prune.grain, &mask.t[k], &out.t[k]), &out, good);
        drop(&out);
        out = make(w.t[0].dtype, ndim, shape, w.t[0].data, shift);
        SAME("mask_apply", smash_mask_apply(&ways[k], &prune.grain, &mask.t[k], &out.t[k]), &out, good);
        SAME("distance", smash_tensor_distance(&ways[k], &w.t[k], &out.t[k], &distance[k]), &out, good);
        if (good) for (k = 1; k < WAYS; k++) FUZZ_CHECK(!memcmp(&distance[0], &distance[k], sizeof *distance), "distance of way %d", k);
        drop(&out); drop(&mask); drop(&metric);
    }
    if (!smash_grid_make(NULL, &quant.grain, &w.t[0], &grid)) {
        scale = make(SMASH_F32, ndim, grid.count, NULL, 0);
        zero = make(SMASH_I32, ndim, grid.count, NULL, 0);
        SAME("quant_fit", smash_quant_fit(&ways[k], &quant, &w.t[k], &scale.t[k], &zero.t[k]), &scale, good);
        if (good) {
            for (k = 1; k < WAYS; k++) same_bytes("zero points", k, &zero);
            q = make(smash_quant_dtype(&quant), ndim, shape, NULL, shift);
            SAME("quantize", smash_quantize(&ways[k], &quant, &w.t[k], &scale.t[k], &zero.t[k], &q.t[k]), &q, good);
            if (good) {
                back = make(floats[target % 4], ndim, shape, NULL, shift);
                SAME("dequantize", smash_dequantize(&ways[k], &quant, &q.t[k], &scale.t[k], &zero.t[k], &back.t[k]), &back, good);
                memset(quant_stats, 0, sizeof quant_stats);
                SAME("measure", smash_quant_measure(&ways[k], &quant, &w.t[k], &scale.t[k], &zero.t[k], &q.t[k], &quant_stats[k]), &back, good);
                if (good) for (k = 1; k < WAYS; k++) FUZZ_CHECK(!memcmp(&quant_stats[0], &quant_stats[k], sizeof *quant_stats), "measure of way %d", k);
                drop(&back);
                back = make(all[target % 17], ndim, shape, NULL, shift);
                SAME("convert integers", smash_tensor_convert(&ways[k], &q.t[k], &back.t[k]), &back, good);
                if (good) {
                    SAME("distance of integers", smash_tensor_distance(&ways[k], &q.t[k], &back.t[k], &distance[k]), &back, good);
                    FUZZ_CHECK(good && (target % 17 < 4 || distance[0].mse == 0.0), "an exact conversion is off by %g", distance[0].mse);
                }
                drop(&back);
            }
            drop(&q);
        }
        drop(&scale); drop(&zero);
    }
    back = make(all[target % 17], ndim, shape, NULL, shift);
    SAME("convert floats", smash_tensor_convert(&ways[k], &w.t[k], &back.t[k]), &back, good);
    drop(&back); drop(&w);
    for (k = 0; k < WAYS; k++) fuzz_end(&ways[k], &arena);
    return 0;
}
