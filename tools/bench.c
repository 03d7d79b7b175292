/* bench.c - how fast smash.h is, beside what the memory of this machine allows.
 * cc -std=c99 -O2 -I. tools/bench.c -o bench -pthread && ./bench [LARGEST]     LARGEST: numbers in the largest tensor, default 64 Mi
 *
 * Each cell is GB/s of the bytes that the call must at least move (what it reads plus what it writes, each once), the median
 * of several runs on touched buffers; behind it the share of the limit: the bandwidth of a plain copy, or of a plain read for
 * calls that only read, measured in the same run with the same buffers and number of threads. */
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
#if !defined(_WIN32)
#include <sys/mman.h>
#endif

#ifndef BENCH_FLAGS
#define BENCH_FLAGS "not told"
#endif

enum { REPS = 9, ROWS_OF = 1024, STRIPES = 64 };   /* ROWS_OF: numbers in an output channel */
#define SLOT_SECONDS 2e-3                          /* a run repeats its call for at least this long */

typedef struct bench {
    smash_ctx    ctx;
    size_t       count;                    /* numbers in the tensor */
    smash_tensor w, copy, q, scale, zero, mask, metric;
    smash_quant_desc quant;
    smash_mask_desc  prune;
    size_t       stripes;                  /* into which the machine's own copy and read are cut */
    uint64_t     sums[STRIPES];            /* so that no read is optimised away */
} bench;

static double now(void)
{
#if defined(_WIN32)
    return (double)clock() / CLOCKS_PER_SEC;
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
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

static void copy_stripe(void *arg, size_t i)
{
    bench *b = (bench *)arg;
    size_t bytes = b->count * 4 / b->stripes;
    memcpy((char *)b->copy.data + i * bytes, (const char *)b->w.data + i * bytes, bytes);
}

/* One pass that does nothing but load. */
#if defined(__GNUC__)
typedef uint64_t wide __attribute__((vector_size(32), aligned(8), may_alias));
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

/* bytes: moved per number. A limit stands before the calls that are measured against it. */
enum { NO_LIMIT, READ_LIMIT, COPY_LIMIT };
typedef struct row {
    const char *name;
    smash_err (*call)(bench *b);
    int         limit;             /* NO_LIMIT: the row is a limit itself */
    double      bytes;
    uint32_t    bits;              /* quantizers */
    int         per_channel;       /* grain: 0 tensor, 1 output channel, 2 element */
    smash_metric metric;
} row;

static const row rows[] = {
    { "read (machine)",             do_read,       NO_LIMIT,   4,    0, 0, SMASH_METRIC_DEFAULT },
    { "copy (machine)",             do_copy,       NO_LIMIT,   8,    0, 0, SMASH_METRIC_DEFAULT },
    { "fit int8, per tensor",       do_fit,        READ_LIMIT, 4,    8, 0, SMASH_METRIC_DEFAULT },
    { "fit int8, per channel",      do_fit,        READ_LIMIT, 4,    8, 1, SMASH_METRIC_DEFAULT },
    { "observe, min and max",       do_observe,    READ_LIMIT, 4,    0, 0, SMASH_METRIC_DEFAULT },
    { "observe, 2048 bins",         do_histogram,  READ_LIMIT, 4,    0, 0, SMASH_METRIC_DEFAULT },
    { "quantize int8, per tensor",  do_quantize,   COPY_LIMIT, 5,    8, 0, SMASH_METRIC_DEFAULT },
    { "quantize int8, per channel", do_quantize,   COPY_LIMIT, 5,    8, 1, SMASH_METRIC_DEFAULT },
    { "quantize int4, packed",      do_quantize,   COPY_LIMIT, 4.5,  4, 1, SMASH_METRIC_DEFAULT },
    { "dequantize int8",            do_dequantize, COPY_LIMIT, 5,    8, 1, SMASH_METRIC_DEFAULT },
    { "dequantize int4, packed",    do_dequantize, COPY_LIMIT, 4.5,  4, 1, SMASH_METRIC_DEFAULT },
    { "quantize int8, half away",   do_away,       COPY_LIMIT, 5,    8, 0, SMASH_METRIC_DEFAULT },
    { "fake-quantize",              do_fake,       COPY_LIMIT, 8,    8, 1, SMASH_METRIC_DEFAULT },
    { "fake-quantize, in place",    do_fake_in,    COPY_LIMIT, 8,    8, 1, SMASH_METRIC_DEFAULT },
    { "fake-quantize, gradient",    do_fake_back,  COPY_LIMIT, 12,   8, 1, SMASH_METRIC_DEFAULT },
    { "L1 of every row",            do_metric,     READ_LIMIT, 4,    0, 1, SMASH_METRIC_L1 },
    { "L2 of every row",            do_metric,     READ_LIMIT, 4,    0, 1, SMASH_METRIC_L2 },
    { "mask, smallest 50 %",        do_mask,       COPY_LIMIT, 5,    0, 2, SMASH_METRIC_L1 },
    { "mask, weakest 50 % of rows", do_mask,       READ_LIMIT, 4,    0, 1, SMASH_METRIC_L1 },
    { "apply mask, elements",       do_apply,      COPY_LIMIT, 9,    0, 2, SMASH_METRIC_L1 },
    { "distance",                   do_distance,   READ_LIMIT, 8,    0, 0, SMASH_METRIC_DEFAULT }
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
    if (r->call == do_copy || r->call == do_read) return SMASH_OK;
    memcpy(b->copy.data, b->w.data, b->count * 4);
    if (r->bits) {
        if ((err = do_fit(b)) != SMASH_OK) return err;
        return do_quantize(b);
    }
    if (r->call == do_apply) return do_mask(b);
    return SMASH_OK;
}

static int order(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return x < y ? -1 : x > y; }

/* Median seconds of one call. */
static double measure(bench *b, smash_err (*call)(bench *b))
{
    double times[REPS], start, spent;
    size_t repeat = 1, i;
    int rep;

    for (;;) {
        start = now();
        for (i = 0; i < repeat; i++) if (call(b)) { fprintf(stderr, "bench: %s\n", b->ctx.message); exit(1); }
        spent = now() - start;
        if (spent >= SLOT_SECONDS) break;
        repeat = spent > 0 ? (size_t)((double)repeat * 1.2 * SLOT_SECONDS / spent) + 1 : 10 * repeat;
    }
    for (rep = 0; rep < REPS; rep++) {
        start = now();
        for (i = 0; i < repeat; i++) call(b);
        times[rep] = (now() - start) / (double)repeat;
    }
    qsort(times, REPS, sizeof(times[0]), order);
    return times[REPS / 2];
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
    printf("GB/s of the bytes that must move, median of %d; in brackets: share of the bandwidth of this machine (a read, or a copy)\n", REPS);
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

    b->ctx.no_simd = 0;
    b->stripes = 1;
    printf("\njobs, one thread\n");
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
    size_t largest = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : sizes[2], s, m, r, shape[2];
    bench *b = (bench *)calloc(1, sizeof(bench));
    pool *p = (pool *)calloc(1, sizeof(pool));
    float *w, *copy;
    void *q, *scale, *zero, *mask, *metric;

    if (!b || !p) return 1;
    for (s = 0; s < 3 && sizes[s] <= largest; s++) shape[0] = sizes[s];
    if (s == 0) { fprintf(stderr, "usage: bench [LARGEST], at least %lu\n", (unsigned long)sizes[0]); return 2; }
    smash_ctx_init(&b->ctx);
    smash_arena_init(&b->ctx.scratch, NULL, 0, smash_allocator_libc());
    w = (float *)big(shape[0] * 4);
    copy = (float *)big(shape[0] * 4);
    q = big(shape[0]);
    mask = big(shape[0]);
    scale = big(shape[0] / ROWS_OF * 8 + 64);
    zero = big(shape[0] / ROWS_OF * 8 + 64);
    metric = big(shape[0] / ROWS_OF * 8 + 64);
    fill_bell(w, shape[0]);
    print_machine();
    for (s = 0; s < 3 && sizes[s] <= largest; s++) {
        double limit[3][MODES];
        printf("\n%lu numbers, %.2f MB as float\n%-28s", (unsigned long)sizes[s], 4e-6 * (double)sizes[s], "");
        for (m = 0; m < MODES; m++) printf("%20s", modes[m].name);
        printf("\n");
        b->count = sizes[s];
        shape[0] = sizes[s] / ROWS_OF;
        shape[1] = ROWS_OF;
        b->w = smash_tensor_view(SMASH_F32, w, sizes[s] * 4, 2, shape);
        b->copy = smash_tensor_view(SMASH_F32, copy, sizes[s] * 4, 2, shape);
        for (r = 0; r < ROWS; r++) {
            printf("%-28s", rows[r].name);
            for (m = 0; m < MODES; m++) {
                double rate;
                pool_start(p, &b->ctx, modes[m].threads);
                b->ctx.no_simd = modes[m].no_simd;
                if (prepare(b, &rows[r], q, scale, zero, mask, metric)) { fprintf(stderr, "bench: %s\n", b->ctx.message); return 1; }
                b->stripes = STRIPES;
                rate = 1e-9 * rows[r].bytes * (double)sizes[s] / measure(b, rows[r].call);
                if (rows[r].limit == NO_LIMIT) {   /* large pieces may be copied past the caches: the better way is the limit */
                    double other;
                    b->stripes = modes[m].threads;
                    other = 1e-9 * rows[r].bytes * (double)sizes[s] / measure(b, rows[r].call);
                    if (other > rate) rate = other;
                }
                pool_stop(p, &b->ctx);
                if (rows[r].limit == NO_LIMIT) {
                    limit[rows[r].call == do_copy ? COPY_LIMIT : READ_LIMIT][m] = rate;
                    printf("%12.1f        ", rate);
                } else printf("%12.1f (%3.0f %%)", rate, 100.0 * rate / limit[rows[r].limit][m]);
                fflush(stdout);
            }
            printf("\n");
        }
    }
    print_jobs(b, mask, metric, b->count);
    smash_arena_release(&b->ctx.scratch);
    free(w); free(copy); free(q); free(mask); free(scale); free(zero); free(metric);
    free(b); free(p);
    return 0;
}
