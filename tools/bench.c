/* bench.c - how fast smash.h is, beside what the memory of this machine allows.
 * cc -std=c99 -O2 -I. tools/bench.c -o bench -pthread && ./bench [LARGEST]     LARGEST: numbers in the largest tensor, default 64 Mi
 *
 * Each cell is GB/s of the bytes that the call must at least move (what it reads plus what it writes, each once), the best
 * of several runs on touched buffers; behind it the share of the limit: the bandwidth of a loop that reads as many bytes and
 * writes as many and does nothing else, run in turns with the call on the same buffers with the same number of threads. Of its
 * forms (whole or in stripes, ordinary stores or past the caches) the limit is the fastest. */
#if !defined(_WIN32)
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#endif
#define SMASH_IMPLEMENTATION
#include "../smash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "pool.h"
#if defined(__GNUC__) && defined(__x86_64__)
#include <immintrin.h>
#endif
#if !defined(_WIN32)
#include <sys/mman.h>
#endif

#ifndef BENCH_FLAGS
#define BENCH_FLAGS "not told"
#endif

enum { REPS = 11, ROWS_OF = 1024, STRIPES = 64 };   /* ROWS_OF: numbers in an output channel */
#define SLOT_SECONDS 1e-3                          /* a run repeats its call for at least this long */

typedef struct bench {
    smash_ctx    ctx;
    size_t       count;                    /* numbers in the tensor */
    smash_tensor w, copy, q, scale, zero, mask, metric;
    smash_quant_desc quant;
    smash_mask_desc  prune;
    size_t       stripes;                  /* into which the machine's own loops are cut */
    int          shape, past;              /* which of them: a shape; past the caches */
    uint64_t     sums[STRIPES];            /* so that no read is optimised away */
} bench;

/* With one thread its own time, in which nobody else runs */
static int alone = 1;
static double now(void)
{
#if defined(_WIN32)
    return (double)clock() / CLOCKS_PER_SEC;
#else
    struct timespec t;
    clock_gettime(alone ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
#endif
}

static void *big(size_t bytes)
{
    void *p = NULL;
#if defined(_WIN32)
    p = malloc(bytes);
#else
    if (posix_memalign(&p, (size_t)2 << 20, bytes)) p = NULL;
#if defined(MADV_HUGEPAGE)
    if (p) madvise(p, bytes, MADV_HUGEPAGE);
#endif
#endif
    if (!p) { fprintf(stderr, "bench: out of memory\n"); exit(1); }
    memset(p, 0, bytes);
    return p;
}

/* ---- the machine ---- */

/* Loops that only move: R vectors in, W out. They end in a store that waits for nothing, or in one past the caches. */
#if defined(__GNUC__)
typedef uint64_t wide __attribute__((vector_size(32), aligned(8), may_alias));
#if defined(__x86_64__)
#define WIDE_TARGET __attribute__((target("avx2")))
#define PAST(p, v) _mm256_stream_si256((__m256i *)(void *)(p), (__m256i)(v))
#define HAS_WIDE __builtin_cpu_supports("avx2")
#else
#define WIDE_TARGET
#define PAST(p, v) PUT(p, v)
#define HAS_WIDE 1
#endif
#define PUT(p, v) (*(p) = (v))
#define MOVE(name, R, W, body) \
WIDE_TARGET static void name(const wide *from, wide *to, size_t steps) \
{ \
    for (; steps; steps--, from += R, to += W) { \
        wide v; \
        __builtin_prefetch((const void *)((uintptr_t)from + 4096)); \
        if (R > 2) __builtin_prefetch((const void *)((uintptr_t)from + 4160)); \
        if (R > 4) { __builtin_prefetch((const void *)((uintptr_t)from + 4224)); __builtin_prefetch((const void *)((uintptr_t)from + 4288)); } \
        body \
        (void)v; \
    } \
}
#define MOVES(name, put) \
MOVE(name##_1_to_1, 2, 2, v = from[0]; put(to, v); v = from[1]; put(to + 1, v);) \
MOVE(name##_2_to_1, 4, 2, v = from[0] ^ from[1]; put(to, v); v = from[2] ^ from[3]; put(to + 1, v);) \
MOVE(name##_4_to_1, 4, 1, v = from[0] ^ from[1] ^ from[2] ^ from[3]; put(to, v);) \
MOVE(name##_8_to_1, 8, 1, v = from[0] ^ from[1] ^ from[2] ^ from[3] ^ from[4] ^ from[5] ^ from[6] ^ from[7]; put(to, v);) \
MOVE(name##_1_to_4, 1, 4, v = from[0]; put(to, v); put(to + 1, v); put(to + 2, v); put(to + 3, v);) \
MOVE(name##_1_to_8, 1, 8, v = from[0]; put(to, v); put(to + 1, v); put(to + 2, v); put(to + 3, v); put(to + 4, v); put(to + 5, v); put(to + 6, v); put(to + 7, v);)
MOVES(kept, PUT)
MOVES(past, PAST)
typedef void move_fn(const wide *from, wide *to, size_t steps);
#else
typedef void move_fn(void);
#endif

/* What calls are measured against. READ has no loop here; a compiler without vectors copies instead. */
typedef enum { READ, COPY, TWO_TO_1, FOUR_TO_1, EIGHT_TO_1, ONE_TO_4, ONE_TO_8, SHAPES } traffic;
static const struct { const char *name; size_t in, out; double bytes; move_fn *kept, *past; } shapes[SHAPES] = {      /* vectors of a step; bytes of a number of the wider side */
    { "read", 0, 0, 4, NULL, NULL },
#if defined(__GNUC__)
    { "copy", 2, 2, 8, kept_1_to_1, past_1_to_1 },         { "read 2, write 1", 4, 2, 6, kept_2_to_1, past_2_to_1 },
    { "read 4, write 1", 4, 1, 5, kept_4_to_1, past_4_to_1 }, { "read 8, write 1", 8, 1, 4.5, kept_8_to_1, past_8_to_1 },
    { "read 1, write 4", 1, 4, 5, kept_1_to_4, past_1_to_4 }, { "read 1, write 8", 1, 8, 4.5, kept_1_to_8, past_1_to_8 }
#else
    { "copy", 0, 0, 8, NULL, NULL }, { "copy", 0, 0, 8, NULL, NULL }, { "copy", 0, 0, 8, NULL, NULL }, { "copy", 0, 0, 8, NULL, NULL }, { "copy", 0, 0, 8, NULL, NULL },
    { "copy", 0, 0, 8, NULL, NULL }
#endif
};

static void copy_stripe(void *arg, size_t i)
{
    bench *b = (bench *)arg;
    size_t bytes = b->count * 4 / b->stripes;
    memcpy((char *)b->copy.data + i * bytes, (const char *)b->w.data + i * bytes, bytes);
}

static void move_stripe(void *arg, size_t i)
{
#if defined(__GNUC__)
    bench *b = (bench *)arg;
    const size_t in = shapes[b->shape].in, out = shapes[b->shape].out, steps = b->count * 4 / 32 / (in > out ? in : out) / b->stripes;
    (b->past ? shapes[b->shape].past : shapes[b->shape].kept)((const wide *)b->w.data + i * steps * in, (wide *)b->copy.data + i * steps * out, steps);
#else
    copy_stripe(arg, i);
#endif
}

/* One pass that does nothing but load. */
#if defined(__GNUC__)
#define READ_WORDS(name) static uint64_t name(const uint64_t *p, size_t words) { \
    wide s0 = { 0 }, s1 = { 0 }, s2 = { 0 }, s3 = { 0 }; \
    size_t k; \
    for (k = 0; k + 16 <= words; k += 16) { \
        s0 ^= *(const wide *)(p + k);     s1 ^= *(const wide *)(p + k + 4); \
        s2 ^= *(const wide *)(p + k + 8); s3 ^= *(const wide *)(p + k + 12); \
    } \
    s0 ^= s1 ^ s2 ^ s3; \
    return s0[0] ^ s0[1] ^ s0[2] ^ s0[3]; \
}
READ_WORDS(read_plain)
#if defined(__x86_64__)
__attribute__((target("avx2"))) READ_WORDS(read_avx2)
static uint64_t read_words(const uint64_t *p, size_t words) { return __builtin_cpu_supports("avx2") ? read_avx2(p, words) : read_plain(p, words); }
#else
#define read_words read_plain
#endif
#else
static uint64_t read_words(const uint64_t *p, size_t words)
{
    uint64_t s[4] = { 0, 0, 0, 0 };
    size_t k;
    for (k = 0; k + 4 <= words; k += 4) { s[0] ^= p[k]; s[1] ^= p[k + 1]; s[2] ^= p[k + 2]; s[3] ^= p[k + 3]; }
    return s[0] ^ s[1] ^ s[2] ^ s[3];
}
#endif

static void read_stripe(void *arg, size_t i)
{
    bench *b = (bench *)arg;
    size_t words = b->count * 4 / b->stripes / 8;
    b->sums[i] ^= read_words((const uint64_t *)(const void *)((const char *)b->w.data + i * words * 8), words);
}

static void in_stripes(bench *b, void (*fn)(void *, size_t))
{
    size_t i;
    if (b->ctx.parallel) b->ctx.parallel(b->ctx.parallel_user, b->stripes, fn, b);
    else for (i = 0; i < b->stripes; i++) fn(b, i);
}

static smash_err do_copy(bench *b) { in_stripes(b, copy_stripe); return SMASH_OK; }
static smash_err do_move(bench *b) { in_stripes(b, move_stripe); return SMASH_OK; }
static smash_err do_read(bench *b) { in_stripes(b, read_stripe); return SMASH_OK; }

/* ---- the calls; prepare() sets the tensors up so that each of them finds what it needs ---- */

static smash_err do_fit(bench *b)        { return smash_quant_fit(&b->ctx, &b->quant, &b->w, &b->scale, &b->zero); }
static smash_err do_quantize(bench *b)   { return smash_quantize(&b->ctx, &b->quant, &b->w, &b->scale, &b->zero, &b->q); }
static smash_err do_dequantize(bench *b) { return smash_dequantize(&b->ctx, &b->quant, &b->q, &b->scale, &b->zero, &b->copy); }
static smash_err do_away(bench *b)       { b->quant.rounding = SMASH_HALF_AWAY; return do_quantize(b); }
static smash_err do_fake(bench *b)       { return smash_fake_quantize(&b->ctx, &b->quant, &b->w, &b->scale, &b->zero, &b->copy); }
static smash_err do_fake_in(bench *b)    { return smash_fake_quantize(&b->ctx, &b->quant, &b->copy, &b->scale, &b->zero, &b->copy); }
static smash_err do_fake_back(bench *b)  { return smash_fake_quantize_gradient(&b->ctx, &b->quant, SMASH_GRADIENT_CLAMPED, &b->w, &b->scale, &b->zero, &b->copy, &b->copy); }

static uint64_t observed[4 + 2048];
static smash_err observe(bench *b, smash_observer_kind kind)
{
    smash_observer_desc d = SMASH_ZERO;
    smash_observer o;
    smash_err err;
    d.kind = kind;
    if ((err = smash_observer_init(&b->ctx, &d, 1, observed, sizeof(observed), &o)) != SMASH_OK) return err;
    return smash_observe(&b->ctx, &o, &b->w);
}
static smash_err do_observe(bench *b)    { return observe(b, SMASH_OBSERVE_MIN_MAX); }
static smash_err do_histogram(bench *b)  { return observe(b, SMASH_OBSERVE_PERCENTILE); }

static smash_err do_metric(bench *b)     { return smash_mask_metric(&b->ctx, &b->prune, &b->w, &b->metric); }
static smash_err do_mask(bench *b)       { return smash_mask_make(&b->ctx, &b->prune, &b->w, &b->mask, NULL); }
static smash_err do_apply(bench *b)      { return smash_mask_apply(&b->ctx, &b->prune.grain, &b->mask, &b->copy); }
static smash_err do_distance(bench *b)
{
    smash_distance d;
    return smash_tensor_distance(&b->ctx, &b->w, &b->copy, &d);
}

/* Logits of a vocabulary of 32,000 */
static smash_err do_kl(bench *b)
{
    const size_t shape[2] = { b->count < 32000 ? 1 : b->count / 32000, b->count < 32000 ? b->count : 32000 };
    const smash_tensor student = smash_tensor_view(SMASH_F32, b->w.data, b->w.bytes, 2, shape), teacher = smash_tensor_view(SMASH_F32, b->copy.data, b->copy.bytes, 2, shape);
    smash_loss_desc d = SMASH_ZERO;
    double loss;
    d.kind = SMASH_LOSS_KL;
    return smash_loss(&b->ctx, &d, &student, &teacher, &loss, NULL);
}

/* bytes: moved per number. */
typedef struct row {
    const char *name;
    smash_err (*call)(bench *b);
    traffic     limit;
    double      bytes;
    uint32_t    bits;              /* quantizers */
    int         per_channel;       /* grain: 0 tensor, 1 output channel, 2 element */
    smash_metric metric;
} row;

static const row rows[] = {
    { "fit int8, per tensor",       do_fit,        READ,       4,    8, 0, SMASH_METRIC_DEFAULT },
    { "fit int8, per channel",      do_fit,        READ,       4,    8, 1, SMASH_METRIC_DEFAULT },
    { "observe, min and max",       do_observe,    READ,       4,    0, 0, SMASH_METRIC_DEFAULT },
    { "observe, 2048 bins",         do_histogram,  READ,       4,    0, 0, SMASH_METRIC_DEFAULT },
    { "quantize int8, per tensor",  do_quantize,   FOUR_TO_1,  5,    8, 0, SMASH_METRIC_DEFAULT },
    { "quantize int8, per channel", do_quantize,   FOUR_TO_1,  5,    8, 1, SMASH_METRIC_DEFAULT },
    { "quantize int8, half away",   do_away,       FOUR_TO_1,  5,    8, 0, SMASH_METRIC_DEFAULT },
    { "quantize int4, packed",      do_quantize,   EIGHT_TO_1, 4.5,  4, 1, SMASH_METRIC_DEFAULT },
    { "dequantize int8",            do_dequantize, ONE_TO_4,   5,    8, 1, SMASH_METRIC_DEFAULT },
    { "dequantize int4, packed",    do_dequantize, ONE_TO_8,   4.5,  4, 1, SMASH_METRIC_DEFAULT },
    { "fake-quantize",              do_fake,       COPY,       8,    8, 1, SMASH_METRIC_DEFAULT },
    { "fake-quantize, in place",    do_fake_in,    COPY,       8,    8, 1, SMASH_METRIC_DEFAULT },
    { "fake-quantize, gradient",    do_fake_back,  TWO_TO_1,   12,   8, 1, SMASH_METRIC_DEFAULT },
    { "L1 of every row",            do_metric,     READ,       4,    0, 1, SMASH_METRIC_L1 },
    { "L2 of every row",            do_metric,     READ,       4,    0, 1, SMASH_METRIC_L2 },
    { "mask, smallest 50 %",        do_mask,       FOUR_TO_1,  5,    0, 2, SMASH_METRIC_L1 },
    { "mask, weakest 50 % of rows", do_mask,       READ,       4,    0, 1, SMASH_METRIC_L1 },
    { "apply mask, elements",       do_apply,      COPY,       9,    0, 2, SMASH_METRIC_L1 },
    { "distance",                   do_distance,   READ,       8,    0, 0, SMASH_METRIC_DEFAULT },
    { "KL loss",                    do_kl,         READ,       8,    0, 0, SMASH_METRIC_DEFAULT }
};

static smash_tensor view(smash_dtype dtype, void *data, const smash_grid *grid)
{
    return smash_tensor_view(dtype, data, grid->blocks * smash_dtype_bits(dtype) / 8, grid->ndim, grid->count);
}

static smash_err prepare(bench *b, const row *r, void *q, void *scale, void *zero, void *mask, void *metric)
{
    smash_grain grain = r->per_channel == 2 ? smash_grain_element() : r->per_channel ? smash_grain_out_channel() : smash_grain_tensor();
    smash_grid grid;
    smash_err err;

    memset(&b->quant, 0, sizeof(b->quant));
    memset(&b->prune, 0, sizeof(b->prune));
    b->quant.bits = r->bits;
    b->quant.grain = b->prune.grain = grain;
    b->prune.metric = r->metric;
    b->prune.ratio = 0.5;
    if ((err = smash_grid_make(&b->ctx, &grain, &b->w, &grid)) != SMASH_OK) return err;
    b->q = b->w;
    b->q.dtype = smash_quant_dtype(&b->quant);
    b->q.data = q;
    if ((err = smash_tensor_bytes(&b->q, &b->q.bytes)) != SMASH_OK) return err;
    b->scale = view(SMASH_F32, scale, &grid);
    b->zero = view(SMASH_I32, zero, &grid);
    b->mask = view(SMASH_BOOL, mask, &grid);
    b->metric = view(SMASH_F64, metric, &grid);
    memcpy(b->copy.data, b->w.data, b->count * 4);
    if (r->bits) {
        if ((err = do_fit(b)) != SMASH_OK) return err;
        return do_quantize(b);
    }
    if (r->call == do_apply) return do_mask(b);
    return SMASH_OK;
}

/* How often a call is repeated in a run, so that the run takes long enough */
static size_t repeats(bench *b, smash_err (*call)(bench *b))
{
    size_t repeat = 1, i;
    for (;;) {
        double start = now(), spent;
        for (i = 0; i < repeat; i++) if (call(b)) { fprintf(stderr, "bench: %s\n", b->ctx.message); exit(1); }
        spent = now() - start;
        if (spent >= SLOT_SECONDS) return repeat;
        repeat = spent > 0 ? (size_t)((double)repeat * 1.2 * SLOT_SECONDS / spent) + 1 : 10 * repeat;
    }
}

static double run_once(bench *b, smash_err (*call)(bench *b), size_t repeat)
{
    const double start = now();
    size_t i;
    for (i = 0; i < repeat; i++) call(b);
    return (now() - start) / (double)repeat;
}

/* Seconds of one call, the best of several runs */
static double measure(bench *b, smash_err (*call)(bench *b))
{
    const size_t repeat = repeats(b, call);
    double best = run_once(b, call, repeat);
    int rep;
    for (rep = 1; rep < REPS; rep++) {
        const double t = run_once(b, call, repeat);
        if (t < best) best = t;
    }
    return best;
}

/* The machine's own loops of a shape: each way to run them. 0 if there is no such way */
enum { WAYS = 6 };
static int set_way(bench *b, traffic limit, int way, size_t threads)
{
    b->shape = (int)limit;
    b->stripes = way & 1 ? threads : STRIPES;
    b->past = way >> 1 == 1;
    if (limit == READ) return way < 2;
#if defined(__GNUC__)
    if (way < 4) return HAS_WIDE;
#endif
    return limit == COPY && way >= 4;                                /* memcpy */
}
static smash_err (*way_call(traffic limit, int way))(bench *b) { return limit == READ ? do_read : way < 4 ? do_move : do_copy; }

/* The same of a call and of the fastest of those loops, in turns */
static double measure_both(bench *b, smash_err (*call)(bench *b), traffic limit, size_t threads, double *limit_time)
{
    size_t repeat = repeats(b, call), way_repeat[WAYS];
    double best = 1e9;
    int rep, way;
    *limit_time = 1e9;
    for (way = 0; way < WAYS; way++) way_repeat[way] = set_way(b, limit, way, threads) ? repeats(b, way_call(limit, way)) : 0;
    for (rep = 0; rep < REPS; rep++)
        for (way = 0; way < WAYS; way++) {                              /* as many tries for the call as for its limit */
            double t;
            if (!way_repeat[way]) continue;
            t = run_once(b, call, repeat);
            if (t < best) best = t;
            set_way(b, limit, way, threads);
            t = run_once(b, way_call(limit, way), way_repeat[way]);
            if (t < *limit_time) *limit_time = t;
        }
    return best;
}

static void print_machine(void)
{
    char line[256], cpu[256] = "unknown";
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (f && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "model name", 10) != 0 || !strchr(line, ':')) continue;
        sprintf(cpu, "%.200s", strchr(line, ':') + 2);
        cpu[strcspn(cpu, "\n")] = 0;
        break;
    }
    if (f) fclose(f);
#if defined(__clang__)
    printf("CPU %s; clang %s; flags %s; smash.h %s\n", cpu, __clang_version__, BENCH_FLAGS, SMASH_VERSION_TEXT);
#elif defined(__GNUC__)
    printf("CPU %s; gcc %s; flags %s; smash.h %s\n", cpu, __VERSION__, BENCH_FLAGS, SMASH_VERSION_TEXT);
#else
    printf("CPU %s; flags %s; smash.h %s\n", cpu, BENCH_FLAGS, SMASH_VERSION_TEXT);
#endif
    printf("GB/s of the bytes that must move, the best of %d; in brackets: share of what this machine reads and writes in the same proportion\n", REPS);
}

/* ---- jobs: what users wait for, beside what they know. One thread, the best this CPU has ---- */

enum { FPGM_ROWS = 512, FPGM_LENGTH = 4608 };

static smash_err do_kth(bench *b) { double magnitude; return smash_kth_magnitude(&b->ctx, &b->w, b->count / 2, &magnitude); }

/* Near a bell curve, as weights are */
static void fill_bell(float *w, size_t n)
{
    uint64_t rng = 1;
    size_t i;
    for (i = 0; i < n; i++) {
        uint64_t x = smash_random(&rng);
        w[i] = (float)((int64_t)((x & 0xFFFF) + (x >> 16 & 0xFFFF) + (x >> 32 & 0xFFFF) + (x >> 48)) - 131070) / 1048576.0f;
    }
}

static const char *const inputs[] = { "bell curve", "half of it zeros", "all the same", "two values", "on an int8 grid", "sorted up", "sorted down", "sawtooth" };
enum { INPUTS = sizeof(inputs) / sizeof(inputs[0]) };

static void fill(float *w, size_t n, int input)
{
    size_t i;
    fill_bell(w, n);
    for (i = 0; i < n; i++)
        switch (input) {
        case 1: if (i * 2654435761u >> 7 & 1) w[i] = 0; break;
        case 2: w[i] = 0.5f; break;
        case 3: w[i] = w[i] > 0 ? 2.0f : 1.0f; break;
        case 4: w[i] = (float)(int)(w[i] * 1000); break;
        case 5: w[i] = (float)i; break;
        case 6: w[i] = (float)(n - i); break;
        case 7: w[i] = (float)(i % 1000); break;
        default: break;
        }
}

/* The geometric median's scores, as anyone would write them */
static double naive_fpgm(const float *w, double *score)
{
    const double start = now();
    size_t i, k, x;
    for (i = 0; i < FPGM_ROWS; i++)
        for (score[i] = 0, k = 0; k < FPGM_ROWS; k++) {
            double sum = 0;
            for (x = 0; x < FPGM_LENGTH; x++) {
                double e = (double)w[i * FPGM_LENGTH + x] - (double)w[k * FPGM_LENGTH + x];
                sum += e * e;
            }
            score[i] += smash_sqrt(sum);
        }
    return now() - start;
}

static void set_tensor(bench *b, size_t height, size_t width)
{
    size_t shape[2];
    shape[0] = height;
    shape[1] = width;
    b->count = height * width;
    b->w = smash_tensor_view(SMASH_F32, b->w.data, b->count * 4, 2, shape);
    b->copy = smash_tensor_view(SMASH_F32, b->copy.data, b->count * 4, 2, shape);
    memset(&b->prune, 0, sizeof(b->prune));
}

static void print_jobs(bench *b, void *mask, void *metric, size_t largest)
{
    const double mb = 1e-6;
    double limit, time, other, first = 0;
    int input;
    size_t i, shape[2];
    float *w = (float *)b->w.data;
    double *score = (double *)metric, naive[FPGM_ROWS], worst = 0;

    alone = 1;
    b->ctx.no_simd = 0;
    b->stripes = 1;
    printf("\njobs, one thread\n");
    limit = measure(b, do_read) / (4e-9 * (double)b->count);                     /* seconds of a GB */
    if (largest >= (size_t)64 * 32000) {
        set_tensor(b, 64, 32000);
        fill_bell(w, b->count);
        memcpy(b->copy.data, w, b->count * 4);
        b->ctx.no_simd = 1;
        other = measure(b, do_kl);
        b->ctx.no_simd = 0;
        time = measure(b, do_kl);
        printf("  KL of [64, 32000]                          %8.2f ms, scalar %.2f ms: %.2f of a read of all %.0f M numbers\n", time * 1e3, other * 1e3,
               8e-9 * (double)b->count * limit / time, (double)largest * mb);
    }
    if (largest >= (size_t)4096 * 4096) {
        set_tensor(b, 4096, 4096);
        fill_bell(w, b->count);
        b->prune.ratio = 0.5;
        b->mask = smash_tensor_view(SMASH_BOOL, mask, b->count, 2, b->w.shape);
        limit = measure(b, do_copy);
        time = measure(b, do_mask);
        printf("  mask of the smallest 50 %% of 4096 x 4096  %8.2f ms, %.2f times a copy of the tensor\n", time * 1e3, time / limit);
    }
    set_tensor(b, largest / ROWS_OF, ROWS_OF);
    for (input = 0; input < INPUTS; input++) {
        fill(w, b->count, input);
        b->stripes = STRIPES;
        limit = measure(b, do_read);
        b->stripes = 1;
        other = measure(b, do_read);
        if (other < limit) limit = other;
        b->ctx.scratch.peak = 0;
        time = measure(b, do_kth);
        if (input == 0) first = time;
        printf("  median of %.0f M magnitudes, %-18s %6.2f ms, %.2f of a read, %.2f times the first, scratch %.2f %%\n", (double)b->count * mb, inputs[input],
               time * 1e3, limit / time, time / first, 25.0 * (double)b->ctx.scratch.peak / (double)b->count);
    }
    if (largest >= (size_t)FPGM_ROWS * FPGM_LENGTH) {
        set_tensor(b, FPGM_ROWS, FPGM_LENGTH);
        fill_bell(w, b->count);
        shape[0] = FPGM_ROWS;
        shape[1] = 1;
        b->metric = smash_tensor_view(SMASH_F64, metric, FPGM_ROWS * sizeof(double), 2, shape);
        b->prune.metric = SMASH_METRIC_FPGM;
        b->prune.grain = smash_grain_out_channel();
        limit = naive_fpgm(w, naive);
        time = measure(b, do_metric);
        for (i = 0; i < FPGM_ROWS; i++) {
            const double off = (score[i] > naive[i] ? score[i] - naive[i] : naive[i] - score[i]) / naive[i];
            if (off > worst) worst = off;
        }
        printf("  FPGM scores of %d x %d                   %8.2f ms, three loops %.0f ms: %.1f times as fast, differs by %.0e\n", FPGM_ROWS, FPGM_LENGTH, time * 1e3,
               limit * 1e3, limit / time, worst);
    }
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = { (size_t)64 << 10, (size_t)1 << 20, (size_t)64 << 20 };
    static const struct { const char *name; uint32_t no_simd; size_t threads; } modes[] = {
        { "scalar", 1, 1 }, { "best", 0, 1 }, { "scalar, 2 threads", 1, 2 }, { "best, 2 threads", 0, 2 }
    };
    enum { MODES = sizeof(modes) / sizeof(modes[0]), ROWS = sizeof(rows) / sizeof(rows[0]) };
    size_t largest = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : sizes[2], s, m, r, dims[2];
    const char *only = argc > 2 ? argv[2] : "";
    bench *b = (bench *)calloc(1, sizeof(bench));
    pool *p = (pool *)calloc(1, sizeof(pool));
    float *w, *copy;
    void *q, *scale, *zero, *mask, *metric;

    if (!b || !p) return 1;
    for (s = 0; s < 3 && sizes[s] <= largest; s++) dims[0] = sizes[s];
    if (s == 0) { fprintf(stderr, "usage: bench [LARGEST [NAME]], LARGEST at least %lu; NAME: only lines that have it in them, or jobs\n", (unsigned long)sizes[0]); return 2; }
    smash_ctx_init(&b->ctx);
    smash_arena_init(&b->ctx.scratch, NULL, 0, smash_allocator_libc());
    w = (float *)big(dims[0] * 4);
    copy = (float *)big(dims[0] * 4);
    q = big(dims[0]);
    mask = big(dims[0]);
    scale = big(dims[0] / ROWS_OF * 8 + 64);
    zero = big(dims[0] / ROWS_OF * 8 + 64);
    metric = big(dims[0] / ROWS_OF * 8 + 64);
    fill_bell(w, dims[0]);
    print_machine();
    for (s = 0; s < 3 && sizes[s] <= largest; s++) {
        double limits[SHAPES][MODES];
        traffic k;
        for (k = READ; k < SHAPES; k = (traffic)(k + 1)) for (m = 0; m < MODES; m++) limits[k][m] = 0;
        printf("\n%lu numbers, %.2f MB as float\n%-28s", (unsigned long)sizes[s], 4e-6 * (double)sizes[s], "");
        for (m = 0; m < MODES; m++) printf("%20s", modes[m].name);
        printf("\n");
        b->count = sizes[s];
        dims[0] = sizes[s] / ROWS_OF;
        dims[1] = ROWS_OF;
        b->w = smash_tensor_view(SMASH_F32, w, sizes[s] * 4, 2, dims);
        b->copy = smash_tensor_view(SMASH_F32, copy, sizes[s] * 4, 2, dims);
        for (r = 0; r < ROWS; r++) {
            if (!strstr(rows[r].name, only)) continue;
            printf("%-28s", rows[r].name);
            for (m = 0; m < MODES; m++) {
                double rate, limit, time, limit_time;
                alone = modes[m].threads == 1;
                pool_start(p, &b->ctx, modes[m].threads);
                b->ctx.no_simd = modes[m].no_simd;
                if (prepare(b, &rows[r], q, scale, zero, mask, metric)) { fprintf(stderr, "bench: %s\n", b->ctx.message); return 1; }
                time = measure_both(b, rows[r].call, rows[r].limit, modes[m].threads, &limit_time);
                pool_stop(p, &b->ctx);
                rate = 1e-9 * rows[r].bytes * (double)sizes[s] / time;
                limit = 1e-9 * shapes[rows[r].limit].bytes * (double)sizes[s] / limit_time;
                if (limit > limits[rows[r].limit][m]) limits[rows[r].limit][m] = limit;
                printf("%12.1f (%3.0f %%)", rate, 100.0 * rate / limit);
                fflush(stdout);
            }
            printf("\n");
        }
        for (k = READ; k < SHAPES; k = (traffic)(k + 1)) {
            if (limits[k][0] == 0) continue;
            printf("%-28s", shapes[k].name);
            for (m = 0; m < MODES; m++) printf("%12.1f        ", limits[k][m]);
            printf("\n");
        }
    }
    if (!*only || !strcmp(only, "jobs")) print_jobs(b, mask, metric, b->count);
    smash_arena_release(&b->ctx.scratch);
    free(w); free(copy); free(q); free(mask); free(scale); free(zero); free(metric);
    free(b); free(p);
    return 0;
}
