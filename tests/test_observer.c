/* Observers: against ranges found from their definition in exact fractions (golden/observer.py), against recordings of NNI v3, and
 * against themselves in another order; the search for the least squared error against a brute force. */
#include "../smash.h"
#include "test.h"
#include "golden/observer.h"

static const uint32_t INF = 0x7F800000u, NOT_A_NUMBER = 0xFFC00001u;

enum { MOST = 70000, BLOCKS = 12 };
static uint64_t memory[4][BLOCKS * (4 + 8192)];
static float numbers[MOST];

static smash_observer_desc desc_of(smash_observer_kind kind, uint32_t bins)
{
    smash_observer_desc d = SMASH_ZERO;
    d.kind = kind;
    d.bins = bins;
    return d;
}

static smash_observer observer(smash_ctx *ctx, const smash_observer_desc *desc, size_t blocks, int room)
{
    smash_observer o = SMASH_ZERO;
    CHECK_ERR(ctx, smash_observer_init(ctx, desc, blocks, memory[room], sizeof memory[room], &o), SMASH_OK, "room %d", room);
    return o;
}

/* The whole state */
static int same(const smash_observer *a, const smash_observer *b)
{
    return a->tensors == b->tensors && a->blocks == b->blocks && !memcmp(a->block, b->block, a->blocks * sizeof *a->block)
        && (!a->bins || !memcmp(a->bins, b->bins, a->blocks * a->desc.bins * sizeof *a->bins));
}

static void fill(float *x, size_t n, uint64_t seed, int binades)
{
    size_t i;
    for (i = 0; i < n; i++) {
        uint64_t r = smash_random(&seed);
        uint32_t e = binades ? (uint32_t)(r % (uint64_t)binades) : 0;
        x[i] = ((float)(int32_t)(r >> 40) / 8388608.0f - 1.0f) * float_of((127u - e) << 23);
    }
}

/* ---- what the definition and NNI say ---- */

static void test_golden(smash_ctx *ctx)
{
    size_t i, j;
    smash_observer_desc moving = desc_of(SMASH_OBSERVE_MOVING_AVERAGE, 0);
    smash_quant_desc int8 = SMASH_ZERO;
    smash_observer o;
    int8.scheme = SMASH_AFFINE;
    for (i = 0; i < COUNT_OF(observer_ranges); i++) {
        smash_observer_desc d = desc_of(observer_ranges[i].kind, observer_ranges[i].bins);
        smash_quant_desc q = SMASH_ZERO;
        size_t n = observer_sets[observer_ranges[i].set].count;
        const char *name = observer_sets[observer_ranges[i].set].name;
        float lo = -1, hi = -1, s = 0, want;
        int32_t z = 0, want_z;
        size_t one = 1;
        smash_tensor x = test_view(SMASH_F32, numbers, 1, &n), scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(SMASH_I32, &z, 1, &one);
        d.outside = observer_ranges[i].outside;
        q.bits = observer_ranges[i].bits;
        q.is_unsigned = observer_ranges[i].is_unsigned;
        q.scheme = observer_ranges[i].scheme;
        for (j = 0; j < n; j++) numbers[j] = float_of(observer_sets[observer_ranges[i].set].x[j]);
        o = observer(ctx, &d, 1, 0);
        CHECK_ERR(ctx, smash_observe(ctx, &o, &x), SMASH_OK, "%s", name);
        CHECK(o.block[0].exponent == observer_ranges[i].exponent && o.block[0].first == observer_ranges[i].first && o.block[0].count == n,
              "row %d, %s: 2^%d from %d", (int)i, name, (int)o.block[0].exponent, (int)o.block[0].first);
        CHECK_ERR(ctx, smash_observer_range(ctx, &o, &q, 0, &lo, &hi), SMASH_OK, "%s", name);
        CHECK(lo == float_of(observer_ranges[i].lo) && hi == float_of(observer_ranges[i].hi), "row %d, %s, kind %d, %d bins, %d bits: %.9g %.9g, want %.9g %.9g", (int)i, name,
              (int)d.kind, (int)d.bins, (int)q.bits, (double)lo, (double)hi, (double)float_of(observer_ranges[i].lo), (double)float_of(observer_ranges[i].hi));
        CHECK_ERR(ctx, smash_observer_fit(ctx, &o, &q, &scale, &zero), SMASH_OK, "%s", name);
        CHECK_ERR(ctx, smash_quant_params(ctx, &q, lo, hi, &want, &want_z), SMASH_OK, "%s", name);
        CHECK(bits_of(s) == bits_of(want) && z == want_z, "row %d", (int)i);
    }
    o = observer(ctx, &moving, 1, 0);
    CHECK(COUNT_OF(golden_qat_ema) == 5, "%d steps", (int)COUNT_OF(golden_qat_ema));
    for (i = 0; i < COUNT_OF(golden_qat_ema); i++) {
        static const size_t shape[2] = { 2, 4 };
        size_t one = 1;
        float s = 0;
        int32_t z = 0;
        smash_tensor x = test_view(SMASH_F32, golden_qat_ema[i].x, 2, shape), scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(SMASH_I32, &z, 1, &one);
        CHECK_ERR(ctx, smash_observe(ctx, &o, &x), SMASH_OK, "step %d", (int)i);
        CHECK(bits_of(o.block[0].lo) == golden_qat_ema[i].lo && bits_of(o.block[0].hi) == golden_qat_ema[i].hi, "step %d: %.9g %.9g", (int)i, (double)o.block[0].lo, (double)o.block[0].hi);
        CHECK_ERR(ctx, smash_observer_fit(ctx, &o, &int8, &scale, &zero), SMASH_OK, "step %d", (int)i);
        CHECK(bits_of(s) == golden_qat_ema[i].scale && z == golden_qat_ema[i].zero, "step %d: %.9g %d", (int)i, (double)s, (int)z);
    }
}

/* ---- the state depends on the numbers only ---- */

static void test_order(smash_ctx *ctx)
{
    static const size_t cuts[] = { 1, 2, 31, 32, 33, 1000, 65537, MOST };
    static const uint32_t bins[] = { 64, 2048, 8192 };
    int binades, kind;
    size_t b, c, i, n, k;
    for (binades = 0; binades <= 60; binades += 60)
        for (b = 0; b < COUNT_OF(bins); b++)
            for (kind = SMASH_OBSERVE_MIN_MAX; kind <= SMASH_OBSERVE_MSE; kind++) {
                smash_observer_desc d = desc_of((smash_observer_kind)kind, bins[b]);
                smash_observer whole, back, one, all;
                smash_tensor x;
                if (kind == SMASH_OBSERVE_MOVING_AVERAGE) continue;
                fill(numbers, MOST, 7 + (uint64_t)kind, binades);
                n = MOST;
                x = test_view(SMASH_F32, numbers, 1, &n);
                whole = observer(ctx, &d, 1, 0);
                CHECK_ERR(ctx, smash_observe(ctx, &whole, &x), SMASH_OK, "whole");
                if (whole.bins) {                                    /* counted one by one, in double, which is exact here */
                    double width = 1;
                    int e;
                    for (e = whole.block[0].exponent; e < 0; e++) width /= 2;
                    for (; e > 0; e--) width *= 2;
                    memset(memory[3], 0, sizeof memory[3]);
                    for (i = 0; i < n; i++) {
                        double at = (double)numbers[i] / width;
                        int64_t bin = (int64_t)at;
                        if ((double)bin > at) bin--;
                        memory[3][bin - whole.block[0].first]++;
                    }
                    CHECK(!memcmp(memory[3], whole.bins, bins[b] * sizeof(uint64_t)), "%d bins", (int)bins[b]);
                }
                for (c = 0; c < COUNT_OF(cuts); c++) {
                    size_t parts = (MOST + cuts[c] - 1) / cuts[c];
                    if (cuts[c] < 31 && (b || kind > SMASH_OBSERVE_PERCENTILE)) continue;
                    back = observer(ctx, &d, 1, 1);                  /* last piece first, by one observer */
                    for (i = parts; i-- > 0;) {
                        n = i + 1 == parts ? MOST - i * cuts[c] : cuts[c];
                        x = test_view(SMASH_F32, numbers + i * cuts[c], 1, &n);
                        if (smash_observe(ctx, &back, &x)) CHECK(0, "piece %d", (int)i);
                    }
                    back.tensors = 1;
                    CHECK(same(&whole, &back), "kind %d, %d bins, pieces of %d, backwards", kind, (int)bins[b], (int)cuts[c]);
                    if (cuts[c] < 1000) continue;
                    all = observer(ctx, &d, 1, 1);                   /* every piece by an observer of its own, odd ones first */
                    for (k = 0; k < 2; k++)
                        for (i = 1 - k; i < parts; i += 2) {
                            n = i + 1 == parts ? MOST - i * cuts[c] : cuts[c];
                            x = test_view(SMASH_F32, numbers + i * cuts[c], 1, &n);
                            one = observer(ctx, &d, 1, 2);
                            CHECK_ERR(ctx, smash_observe(ctx, &one, &x), SMASH_OK, "piece %d", (int)i);
                            CHECK_ERR(ctx, smash_observer_merge(ctx, i & 2 ? &one : &all, i & 2 ? &all : &one), SMASH_OK, "piece %d", (int)i);
                            if (i & 2) {                             /* the other way round */
                                memcpy(memory[1], memory[2], sizeof memory[1]);
                                all.tensors = one.tensors;
                            }
                        }
                    all.tensors = 1;
                    CHECK(same(&whole, &all), "kind %d, %d bins, pieces of %d, merged", kind, (int)bins[b], (int)cuts[c]);
                }
            }
}

/* ---- every dtype, granularity, path and thread ---- */

static void test_blocks(smash_ctx *ctx)
{
    static const size_t shape[3] = { 4, 6, 101 };
    static const smash_dtype dtypes[] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };
    static double store[4 * 6 * 101];
    static float plain[4 * 6 * 101];
    const size_t count = COUNT_OF(plain);
    smash_grain grains[4];
    size_t d, g, i, b;
    int kind, path;
    grains[0] = smash_grain_tensor();
    grains[1] = smash_grain_axis(0);
    grains[2] = smash_grain_axis(1);
    { static const int32_t block[3] = { 2, 1, -1 }; grains[3] = smash_grain_block(block, 3); }
    for (d = 0; d < COUNT_OF(dtypes); d++)
        for (g = 0; g < COUNT_OF(grains); g++)
            for (kind = SMASH_OBSERVE_MIN_MAX; kind <= SMASH_OBSERVE_MSE; kind++) {
                smash_observer_desc desc = desc_of((smash_observer_kind)kind, 64);
                smash_tensor from = test_view(SMASH_F32, plain, 3, shape), x = test_view(dtypes[d], store, 3, shape);
                smash_observer o, first;
                smash_grid grid;
                desc.grain = grains[g];
                fill(plain, count, d + 1, 5);
                CHECK_ERR(ctx, smash_tensor_convert(ctx, &from, &x), SMASH_OK, "dtype %d", (int)d);
                if (dtypes[d] != SMASH_F32) CHECK_ERR(ctx, smash_tensor_convert(ctx, &x, &from), SMASH_OK, "dtype %d", (int)d);
                CHECK_ERR(ctx, smash_grid_make(ctx, &desc.grain, &x, &grid), SMASH_OK, "grain %d", (int)g);
                first = observer(ctx, &desc, grid.blocks, 0);
                CHECK_ERR(ctx, smash_observe(ctx, &first, &x), SMASH_OK, "grain %d", (int)g);
                for (path = 0; path < 3; path++) {
                    ctx->no_simd = path == 0 ? 1 : path == 1 ? 2 : 0;
                    ctx->parallel = path == 2 ? test_backwards : NULL;
                    o = observer(ctx, &desc, grid.blocks, 1);
                    CHECK_ERR(ctx, smash_observe(ctx, &o, &x), SMASH_OK, "path %d", path);
                    CHECK(same(&o, &first), "dtype %d, grain %d, kind %d, path %d", (int)d, (int)g, kind, path);
                }
                ctx->parallel = NULL;
                for (b = 0; b < grid.blocks; b++) {                  /* its numbers, looked for one by one */
                    float lo = 1e30f, hi = -1e30f;
                    size_t seen = 0;
                    static float own[4 * 6 * 101];
                    for (i = 0; i < count; i++) {
                        size_t at[3], k, block = 0;
                        at[0] = i / 606; at[1] = i / 101 % 6; at[2] = i % 101;
                        for (k = 0; k < 3; k++) block = block * grid.count[k] + at[k] / grid.block[k];
                        if (block != b) continue;
                        own[seen++] = plain[i];
                        if (plain[i] < lo) lo = plain[i];
                        if (plain[i] > hi) hi = plain[i];
                    }
                    CHECK(first.block[b].lo == lo && first.block[b].hi == hi && first.block[b].count == seen, "block %d: %.9g %.9g", (int)b, (double)lo, (double)hi);
                    if (first.bins) {
                        smash_observer_desc flat = desc_of((smash_observer_kind)kind, 64);
                        smash_tensor t = test_view(SMASH_F32, own, 1, &seen);
                        o = observer(ctx, &flat, 1, 1);
                        CHECK_ERR(ctx, smash_observe(ctx, &o, &t), SMASH_OK, "block %d", (int)b);
                        CHECK(!memcmp(o.bins, first.bins + b * 64, 64 * sizeof(uint64_t)) && !memcmp(o.block, first.block + b, sizeof *o.block), "block %d", (int)b);
                    }
                }
            }
}

/* ---- what is refused ---- */

static void test_refused(smash_ctx *ctx)
{
    static const size_t sizes[] = { 1, 31, 32, 33, 70000 };
    static const size_t none[2] = { 0, 4 };
    smash_observer_desc d = desc_of(SMASH_OBSERVE_PERCENTILE, 64), e;
    smash_quant_desc q = SMASH_ZERO, wrong = SMASH_ZERO;
    smash_observer o, other, untouched;
    size_t n = 40, i, k, two = 2, bytes = 7;
    float lo = 5, hi = 5, s[2] = { 9, 9 };
    int32_t z[2] = { 9, 9 }, ints[40];
    smash_tensor x = test_view(SMASH_F32, numbers, 1, &n), scale, zero, bad;
    fill(numbers, MOST, 3, 0);

    CHECK_ERR(ctx, smash_observer_bytes(ctx, &d, 3, &bytes), SMASH_OK, "bytes");
    CHECK(bytes == 3 * (32 + 64 * 8), "%d bytes", (int)bytes);
    CHECK_ERR(ctx, smash_observer_bytes(ctx, NULL, 3, &bytes), SMASH_OK, "bytes");
    CHECK(bytes == 3 * 32, "%d bytes", (int)bytes);
    CHECK_ERR(ctx, smash_observer_bytes(ctx, &d, 0, &bytes), SMASH_ERR_ARG, "no blocks");
    CHECK_ERR(ctx, smash_observer_bytes(ctx, &d, (size_t)-1 / 100, &bytes), SMASH_ERR_OVERFLOW, "many blocks");
    CHECK_ERR(ctx, smash_observer_bytes(ctx, &d, 1, NULL), SMASH_ERR_ARG, "no place");
    e = d; e.bins = 100;           CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_RANGE, "bins");
    e = d; e.bins = 32;            CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_RANGE, "bins");
    e = d; e.bins = 16384;         CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_RANGE, "bins");
    e = d; e.outside = 1000000001; CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_RANGE, "outside");
    e = d; e.rate = 1.5f;          CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_RANGE, "rate");
    e = d; e.rate = -0.5f;         CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_RANGE, "rate");
    e = d; e.rate = float_of(NOT_A_NUMBER); CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_RANGE, "rate");
    e = d; e.kind = (smash_observer_kind)test_int(5); CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_ARG, "kind");
    e = d; e.zero_end = 1;         CHECK_ERR(ctx, smash_observer_bytes(ctx, &e, 1, &bytes), SMASH_ERR_ARG, "fence");
    CHECK(bytes == 3 * 32, "untouched");

    memset(memory[0], 0x5A, sizeof memory[0]);
    memset(&o, 0x5A, sizeof o);
    untouched = o;
    CHECK_ERR(ctx, smash_observer_init(ctx, &d, 1, memory[0], 32 + 64 * 8 - 1, &o), SMASH_ERR_SHAPE, "a byte less");
    CHECK(!strcmp(ctx->message, "the observer needs 544 bytes of memory, it was given 543"), "%s", ctx->message);
    CHECK_ERR(ctx, smash_observer_init(ctx, &d, 1, (char *)memory[0] + 4, sizeof memory[0] - 4, &o), SMASH_ERR_ARG, "not aligned");
    CHECK_ERR(ctx, smash_observer_init(ctx, &d, 1, NULL, 1000, &o), SMASH_ERR_ARG, "no memory");
    CHECK_ERR(ctx, smash_observer_init(ctx, &d, 1, memory[0], 1000, NULL), SMASH_ERR_ARG, "no observer");
    CHECK(!memcmp(&o, &untouched, sizeof o) && memory[0][0] == 0x5A5A5A5A5A5A5A5Au, "untouched");
    { void *exact = test_exact(32 + 64 * 8);
      CHECK_ERR(ctx, smash_observer_init(ctx, &d, 1, exact, 32 + 64 * 8, &o), SMASH_OK, "exactly enough");
      CHECK_ERR(ctx, smash_observe(ctx, &o, &x), SMASH_OK, "exactly enough");
      free(exact); }
    memset(&other, 0, sizeof other);
    CHECK_ERR(ctx, smash_observe(ctx, &other, &x), SMASH_ERR_ARG, "not initialised");

    o = observer(ctx, &d, 1, 0);
    CHECK_ERR(ctx, smash_observer_range(ctx, &o, &q, 0, &lo, &hi), SMASH_ERR_ARG, "nothing seen");
    CHECK(!strcmp(ctx->message, "the observer has seen nothing yet"), "%s", ctx->message);
    scale = test_view(SMASH_F32, s, 1, &two);
    zero = test_view(SMASH_I32, z, 1, &two);
    CHECK_ERR(ctx, smash_observer_fit(ctx, &o, &q, &scale, &zero), SMASH_ERR_SHAPE, "two scales");
    scale.shape[0] = 1;
    CHECK_ERR(ctx, smash_observer_fit(ctx, &o, &q, &scale, &zero), SMASH_ERR_SHAPE, "two zero points");
    zero.shape[0] = 1;
    CHECK_ERR(ctx, smash_observer_fit(ctx, &o, &q, &scale, &zero), SMASH_ERR_ARG, "nothing seen");
    bad = scale;
    bad.dtype = SMASH_I32;
    CHECK_ERR(ctx, smash_observer_fit(ctx, &o, &q, &bad, &zero), SMASH_ERR_DTYPE, "scale of integers");
    zero.data = s;
    CHECK_ERR(ctx, smash_observer_fit(ctx, &o, &q, &scale, &zero), SMASH_ERR_ARG, "shared");
    wrong.bits = 17;
    CHECK_ERR(ctx, smash_observer_range(ctx, &o, &wrong, 0, &lo, &hi), SMASH_ERR_RANGE, "bits");
    CHECK_ERR(ctx, smash_observer_range(ctx, &o, &q, 1, &lo, &hi), SMASH_ERR_RANGE, "block");
    CHECK_ERR(ctx, smash_observer_range(ctx, &o, &q, 0, NULL, &hi), SMASH_ERR_ARG, "no place");
    CHECK(lo == 5 && hi == 5 && s[0] == 9 && z[0] == 9, "untouched");

    CHECK_ERR(ctx, smash_observe(ctx, &o, &x), SMASH_OK, "seen");
    memcpy(memory[3], memory[0], sizeof memory[0]);
    for (i = 0; i < COUNT_OF(sizes); i++)                            /* NaN and Inf, first, last and between; what was seen stays */
        for (k = 0; k < 6; k++) {
            size_t at = k % 3 == 0 ? 0 : k % 3 == 1 ? sizes[i] - 1 : sizes[i] / 2;
            float keep = numbers[at];
            bad = test_view(SMASH_F32, numbers, 1, &sizes[i]);
            numbers[at] = float_of(k < 3 ? INF : NOT_A_NUMBER);
            CHECK_ERR(ctx, smash_observe(ctx, &o, &bad), SMASH_ERR_NONFINITE, "size %d", (int)sizes[i]);
            CHECK(ctx->index == at, "index %d, want %d", (int)ctx->index, (int)at);
            numbers[at] = keep;
        }
    bad = test_view(SMASH_I32, ints, 1, &n);
    CHECK_ERR(ctx, smash_observe(ctx, &o, &bad), SMASH_ERR_DTYPE, "integers");
    bad = test_view(SMASH_F32, numbers, 2, none);
    CHECK_ERR(ctx, smash_observe(ctx, &o, &bad), SMASH_ERR_SHAPE, "empty");
    CHECK_ERR(ctx, smash_observe(ctx, &o, NULL), SMASH_ERR_ARG, "no tensor");
    CHECK_ERR(ctx, smash_observe(ctx, NULL, &x), SMASH_ERR_ARG, "no observer");
    e = d;
    e.grain = smash_grain_axis(0);
    other = observer(ctx, &e, 2, 1);
    CHECK_ERR(ctx, smash_observe(ctx, &other, &x), SMASH_ERR_SHAPE, "40 channels");
    CHECK(!strcmp(ctx->message, "the granularity makes 40 blocks of \"(unnamed)\", the observer has 2") || strstr(ctx->message, "the observer has 2"), "%s", ctx->message);
    CHECK_ERR(ctx, smash_observer_merge(ctx, &o, &other), SMASH_ERR_SHAPE, "other blocks");
    CHECK_ERR(ctx, smash_observer_merge(ctx, &o, &o), SMASH_ERR_ARG, "itself");
    CHECK_ERR(ctx, smash_observer_merge(ctx, &o, NULL), SMASH_ERR_ARG, "nothing");
    e = desc_of(SMASH_OBSERVE_PERCENTILE, 128);
    other = observer(ctx, &e, 1, 1);
    CHECK_ERR(ctx, smash_observer_merge(ctx, &o, &other), SMASH_ERR_ARG, "other bins");
    e = desc_of(SMASH_OBSERVE_ENTROPY, 64);
    other = observer(ctx, &e, 1, 1);
    CHECK_ERR(ctx, smash_observer_merge(ctx, &o, &other), SMASH_ERR_ARG, "other kind");
    CHECK(o.tensors == 1 && o.block[0].count == 40 && !memcmp(&((uint64_t *)memory[3])[4], o.bins, 64 * 8), "what was seen stays");
    other = observer(ctx, &d, 1, 1);
    CHECK_ERR(ctx, smash_observer_merge(ctx, &o, &other), SMASH_OK, "one that saw nothing");
    CHECK(o.block[0].count == 40, "same");
    CHECK_ERR(ctx, smash_observer_merge(ctx, &other, &o), SMASH_OK, "into one that saw nothing");
    CHECK(!memcmp(other.block, o.block, 32 + 64 * 8), "same");
    e = desc_of(SMASH_OBSERVE_MOVING_AVERAGE, 0);
    o = observer(ctx, &e, 1, 0);
    other = observer(ctx, &e, 1, 1);
    CHECK_ERR(ctx, smash_observer_merge(ctx, &o, &other), SMASH_ERR_UNSUPPORTED, "moving averages");
}

/* ---- the least squared error ---- */

static double error_of(smash_ctx *ctx, const smash_quant_desc *d, const float *x, size_t n, float s, int32_t z)
{
    static int16_t ints[MOST];
    static float back[MOST];
    size_t one = 1, i;
    double sum = 0;
    smash_quant_desc flat = *d;
    smash_tensor w = test_view(SMASH_F32, x, 1, &n), q = test_view(d->is_unsigned ? SMASH_U16 : SMASH_I16, ints, 1, &n), y = test_view(SMASH_F32, back, 1, &n);
    smash_tensor scale = test_view(SMASH_F32, &s, 1, &one), zero = test_view(SMASH_I32, &z, 1, &one);
    flat.grain = smash_grain_tensor();
    CHECK_ERR(ctx, smash_quantize(ctx, &flat, &w, &scale, &zero, &q), SMASH_OK, "quantize");
    CHECK_ERR(ctx, smash_dequantize(ctx, &flat, &q, &scale, &zero, &y), SMASH_OK, "dequantize");
    for (i = 0; i < n; i++) { double e = (double)(float)((double)x[i] - (double)back[i]); sum += e * e; }
    return sum;
}

static void test_mse(smash_ctx *ctx)
{
    static const size_t shapes[][2] = { { 1, 1 }, { 3, 5 }, { 4, 96 }, { 2, 333 } };
    static float scales[3][400], own[400];
    static int32_t zeros[3][400];
    size_t i, b, j, path;
    uint32_t bits, k;
    int grain;
    for (i = 0; i < COUNT_OF(shapes); i++)
        for (bits = 2; bits <= 8; bits += 2)
            for (k = 0; k < 4; k++)
                for (grain = 0; grain < 3; grain++) {
                    smash_quant_desc d = SMASH_ZERO;
                    smash_grid grid;
                    smash_tensor w = test_view(SMASH_F32, numbers, 2, shapes[i]), scale, zero;
                    d.bits = bits;
                    d.is_unsigned = k & 1;
                    d.scheme = k & 2 ? SMASH_AFFINE : SMASH_SYMMETRIC;
                    d.grain = grain == 0 ? smash_grain_tensor() : smash_grain_axis((uint32_t)grain - 1);
                    fill(numbers, shapes[i][0] * shapes[i][1], bits + k, 8);
                    CHECK_ERR(ctx, smash_grid_make(ctx, &d.grain, &w, &grid), SMASH_OK, "grid");
                    for (path = 0; path < 3; path++) {
                        ctx->no_simd = path == 1;
                        ctx->parallel = path == 2 ? test_backwards : NULL;
                        scale = test_view(SMASH_F32, scales[path], 2, grid.count);
                        zero = test_view(SMASH_I32, zeros[path], 2, grid.count);
                        CHECK_ERR(ctx, smash_quant_fit_mse(ctx, &d, &w, &scale, &zero), SMASH_OK, "path %d", (int)path);
                    }
                    ctx->no_simd = 0;
                    ctx->parallel = NULL;
                    CHECK(!memcmp(scales[0], scales[1], sizeof scales[0]) && !memcmp(scales[0], scales[2], sizeof scales[0]) && !memcmp(zeros[0], zeros[1], sizeof zeros[0]), "paths");
                    for (b = 0; b < grid.blocks; b += 7) {
                        size_t n = 0;
                        float lo = 0, hi = 0;
                        double best = -1, got;
                        int c;
                        for (j = 0; j < shapes[i][0] * shapes[i][1]; j++) {
                            if (grain && (grain == 1 ? j / shapes[i][1] : j % shapes[i][1]) != b) continue;
                            own[n % 400] = numbers[j];
                            if (++n == 400) break;
                        }
                        if (n == 400) continue;                      /* the largest row as one tensor: the others are enough */
                        for (j = 0; j < n; j++) { if (own[j] < lo) lo = own[j]; if (own[j] > hi) hi = own[j]; }
                        for (c = 128; c >= 32; c--) {
                            float s;
                            int32_t z;
                            double e;
                            smash_quant_params(ctx, &d, lo * ((float)c / 128), hi * ((float)c / 128), &s, &z);
                            e = error_of(ctx, &d, own, n, s, z);
                            if (best < 0 || e < best) best = e;
                        }
                        got = error_of(ctx, &d, own, n, scales[0][b], zeros[0][b]);
                        CHECK(got <= best * (1 + 1e-14), "%d bits, block %d: %.17g, best %.17g", (int)bits, (int)b, got, best);      /* sums in another order */
                    }
                }
    {   float zero_data[40] = { 0 }, s = 0;
        size_t n = 40, one = 1;
        smash_tensor w = test_view(SMASH_F32, zero_data, 1, &n), scale = test_view(SMASH_F32, &s, 1, &one);
        CHECK_ERR(ctx, smash_quant_fit_mse(ctx, NULL, &w, &scale, NULL), SMASH_OK, "zeros");
        CHECK(bits_of(s) == 0x34000000u, "%.9g", (double)s);
        zero_data[33] = float_of(INF);
        CHECK_ERR(ctx, smash_quant_fit_mse(ctx, NULL, &w, &scale, NULL), SMASH_ERR_NONFINITE, "Inf");
        CHECK(ctx->index == 33, "%d", (int)ctx->index);
    }
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_golden(&ctx);
    test_order(&ctx);
    test_blocks(&ctx);
    test_refused(&ctx);
    test_mse(&ctx);
    return test_done();
}
