/* Every call of the quant section in one table, put through the same cases: odd sizes, one number, none, memory that is shared, shapes whose product
 * leaves size_t, NaN and Inf at either end and in the middle, scratch to the byte, wrong dtypes, shapes, pointers and descs. What goes wrong is one
 * of the codes that the call's comment names, and the outputs stay as they were. A call without a row fails. */
#include "../smash.h"
#include "test.h"

static uint64_t rng;
#include "random.h"

/* ---- what a call gets: tensors in the middle of regions of memory, single numbers, descs ---- */

enum { TENSORS = 9, REGION = 2560, MIDDLE = 1280, BLOCKS = 5, BINS = 64, SCRATCH = 8192 };
enum { ODD, ONE, EMPTY };                                            /* sizes */

typedef struct outs {                                                /* all that a call can write to but its ctx */
    uint64_t pool[TENSORS][REGION / 8], seen[2][BLOCKS * (4 + BINS)];
    float f[2];
    int32_t i[2];
    size_t n;
    uint64_t u;
    smash_quant_stats stats;
    smash_distance distance;
    smash_accumulator_bound worst;
    smash_observer o[2];
} outs;

typedef struct state {
    outs out;
    smash_tensor t[TENSORS];
    const smash_tensor *p[TENSORS];
    int none;                                                        /* 1 + the single output whose pointer is NULL */
    int no_desc;
    smash_quant_desc quant;
    smash_codebook_desc code;
    smash_fold_desc fold;
    smash_observer_desc watch;
    smash_simulate_desc layer;
    uint32_t axis;
    int kind;
    double lo, hi;
    float a, b, c;
    int32_t qmin, qmax, zero;
    size_t blocks, bytes;
    uint64_t count;
    size_t scratch;                                                  /* bytes of it that the comment promises to be enough */
} state;

#define T(i) s->p[i]
#define PLACE(k, pointer) (s->none == (k) + 1 ? NULL : (pointer))
#define DESC(field) (s->no_desc ? NULL : &s->field)

static unsigned char *region(state *s, int i) { return (unsigned char *)s->out.pool[i]; }

static void put(state *s, int i, smash_dtype type, uint32_t ndim, const size_t *shape)
{
    s->t[i] = test_view(type, region(s, i) + MIDDLE, ndim, shape);
    s->p[i] = &s->t[i];
}

static void put_row(state *s, int i, smash_dtype type, size_t n) { put(s, i, type, 1, &n); }

static const size_t shapes[3][3] = { { 3, 5, 7 }, { 1, 1, 1 }, { 3, 0, 7 } };
static void put_cube(state *s, int i, smash_dtype type, int size) { put(s, i, type, 3, shapes[size]); }

static size_t count_of(const smash_tensor *t) { size_t n = 0; smash_tensor_count(t, &n); return n; }

static void numbers(state *s, int i, double lo, double hi)
{
    size_t k, n = count_of(&s->t[i]);
    for (k = 0; k < n; k++) set_number(s->t[i].dtype, s->t[i].data, k, lo + (hi - lo) * uniform());
}

static void integers(state *s, int i, int32_t lo, int32_t hi)
{
    size_t k, n = count_of(&s->t[i]);
    const unsigned bits = smash_dtype_bits(s->t[i].dtype);
    unsigned char *p = (unsigned char *)s->t[i].data;
    if (bits < 8) memset(p, 0, s->t[i].bytes);
    for (k = 0; k < n; k++) {
        const int32_t v = lo + (int32_t)below((size_t)(hi - lo) + 1);
        if (bits == 64) ((int64_t *)s->t[i].data)[k] = v;
        else if (bits == 32) ((int32_t *)s->t[i].data)[k] = v;
        else if (bits == 16) ((uint16_t *)s->t[i].data)[k] = (uint16_t)((uint32_t)v & 0xFFFFu);
        else if (bits == 8) p[k] = (unsigned char)((uint32_t)v & 0xFFu);
        else p[k * bits / 8] = (unsigned char)(p[k * bits / 8] | ((uint32_t)v & ((1u << bits) - 1)) << k * bits % 8);
    }
}

/* Granularities over 3 x 5 x 7 and the grids they make */
enum { GRAINS = 4 };
static const size_t grids[GRAINS][3] = { { 1, 1, 1 }, { 1, 5, 1 }, { 3, 5, 1 }, { 2, 1, 2 } };
static smash_grain grain_of(int variant)
{
    static const int32_t rows[3] = { 1, 1, -1 }, parts[3] = { 2, -1, 4 };
    smash_grain g = SMASH_ZERO;
    if (variant == 1) g = smash_grain_axis(1);
    if (variant == 2) g = smash_grain_block(rows, 3);
    if (variant == 3) { g = smash_grain_block(parts, 3); g.partial = 1; }
    return g;
}
static void put_grid(state *s, int i, smash_dtype type, int size, int variant) { put(s, i, type, 3, grids[size == ODD ? variant : 0]); }

/* ---- the rows ---- */

enum { IN = 1, OUT = 2, IO = 3 };                                    /* ways */
enum { OPT = 1, FREE = 2, COUNTED = 4 };                             /* may be NULL; of any shape; one number more along the last axis is too many, another rank is not */
enum { LOOSE = 1 };                                                  /* NONFINITE may come when the outputs were written */
enum { NO_EMPTY = 1, DONE = 1 };                                     /* no code: the call has no tensor that could be empty; no more twists */

#define BIT(d) (1u << (unsigned)(d))
#define F32S BIT(SMASH_F32)
#define F64S BIT(SMASH_F64)
#define I32S BIT(SMASH_I32)
#define FLOATS (F32S | F64S | BIT(SMASH_F16) | BIT(SMASH_BF16))
#define TRAINED (F32S | BIT(SMASH_F16) | BIT(SMASH_BF16))
#define PACKED (BIT(SMASH_I4) | BIT(SMASH_U4) | BIT(SMASH_I2) | BIT(SMASH_U2))
#define QUANTS (BIT(SMASH_I8) | BIT(SMASH_U8) | BIT(SMASH_I16) | BIT(SMASH_U16) | I32S | PACKED)
#define CODES (BIT(SMASH_U2) | BIT(SMASH_U4) | BIT(SMASH_U8))
#define F8S (BIT(SMASH_F8_E4M3) | BIT(SMASH_F8_E5M2))
#define SAME 0u                                                      /* the dtype it has, and no other */
#define NF SMASH_ERR_NONFINITE
#define RG SMASH_ERR_RANGE
#define ANY SMASH_OK                                                 /* NaN and Inf are not looked for, or it has none */

typedef struct operand { const char *name; int way; uint32_t dtypes; smash_err finite; int flags; } operand;

typedef struct row {
    const char *name;
    void (*build)(state *s, int size, smash_dtype type, int variant);
    smash_err (*run)(smash_ctx *ctx, state *s);
    int (*twist)(state *s, int k, const char **what);                /* spoils something else; the code that this must give, or DONE */
    uint32_t types;                                                  /* dtypes that it is built for; 0: it has no such choice */
    int variants, empty, places, flags;                              /* places: single outputs, which may not be NULL */
    const char *in_place;                                            /* "10": tensor 1 may be written over tensor 0 */
    operand o[TENSORS + 1];
} row;

/* Descs of grids; 1 is the first with a granularity */
static int twist_grid(state *s, int k, const char **what)
{
    static const int32_t zero[3] = { 0, 1, 1 }, two[3] = { 2, 2, 2 };
    switch (k) {
    case 0: *what = "fence"; s->quant.zero_begin = 1; return SMASH_ERR_ARG;
    case 1: *what = "other fence"; s->quant.zero_end = 1; return SMASH_ERR_ARG;
    case 2: *what = "17 bits"; s->quant.bits = 17; return RG;
    case 3: *what = "int1"; s->quant.bits = 1; s->quant.is_unsigned = 0; return RG;
    case 4: *what = "scheme"; s->quant.scheme = (smash_scheme)test_int(2); return SMASH_ERR_ARG;
    case 5: *what = "rounding"; s->quant.rounding = (smash_rounding)test_int(2); return SMASH_ERR_ARG;
    case 6: *what = "F16"; s->quant.format = SMASH_F16; return SMASH_ERR_ARG;
    case 7: *what = "block of 0"; s->quant.grain = smash_grain_block(zero, 3); return RG;
    case 8: *what = "axis"; s->quant.grain = smash_grain_axis(3); return SMASH_ERR_SHAPE;
    case 9: *what = "does not divide"; s->quant.grain = smash_grain_block(two, 3); return SMASH_ERR_SHAPE;
    default: return DONE;
    }
}
static int twist_levels(state *s, int k, const char **what) { return k < 7 ? twist_grid(s, k, what) : DONE; }
/* ... of integers alone */
static int twist_ints(state *s, int k, const char **what)
{
    if (k < 10) return twist_grid(s, k, what);
    if (k > 10) return DONE;
    *what = "E4M3";
    s->quant.format = SMASH_F8_E4M3;
    return SMASH_ERR_ARG;
}

/* limits, dtype, params, group */
static void build_none(state *s, int size, smash_dtype type, int variant) { (void)size; (void)type; (void)variant; s->a = -1; s->b = 2; }
static smash_err run_limits(smash_ctx *ctx, state *s) { return smash_quant_limits(ctx, DESC(quant), PLACE(0, &s->out.i[0]), PLACE(1, &s->out.i[1])); }
static smash_err run_dtype(smash_ctx *ctx, state *s) { (void)ctx; s->out.i[0] = smash_quant_dtype(DESC(quant)); return s->out.i[0] == SMASH_I8 ? SMASH_OK : SMASH_ERR_ARG; }
static smash_err run_group(smash_ctx *ctx, state *s) { (void)ctx; s->out.n = smash_quant_group(s->blocks + 1, 0) + smash_quant_group(0, 7) + smash_quant_group(SIZE_MAX, SIZE_MAX); return s->out.n == s->blocks ? SMASH_OK : SMASH_ERR_ARG; }
static smash_err run_params(smash_ctx *ctx, state *s) { return smash_quant_params(ctx, DESC(quant), s->a, s->b, PLACE(0, &s->out.f[0]), PLACE(1, &s->out.i[0])); }
static int twist_params(state *s, int k, const char **what)
{
    if (k < 7) return twist_grid(s, k, what);
    switch (k) {
    case 7: *what = "NaN"; s->a = float_of(0x7FC00000u); return NF;
    case 8: *what = "Inf"; s->b = float_of(0x7F800000u); return NF;
    case 9: *what = "-Inf"; s->a = float_of(0xFF800000u); return NF;
    case 10: *what = "order"; s->a = 3; return SMASH_ERR_ARG;
    default: return DONE;
    }
}

/* fit, fit_mse, fit_hqq, lsq_start */
static void build_fit(state *s, int size, smash_dtype type, int variant)
{
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    s->quant.grain = grain_of(variant);
    put_grid(s, 1, SMASH_F32, size, variant);
    put_grid(s, 2, SMASH_I32, size, variant);
}
static void build_affine(state *s, int size, smash_dtype type, int variant) { build_fit(s, size, type, variant); s->quant.scheme = SMASH_AFFINE; s->no_desc = -1; }
static void build_fraction(state *s, int size, smash_dtype type, int variant) { build_fit(s, size, type, variant); put_grid(s, 2, SMASH_F32, size, variant); }
static smash_err run_fit(smash_ctx *ctx, state *s) { return smash_quant_fit(ctx, DESC(quant), T(0), T(1), T(2)); }
static smash_err run_fit_mse(smash_ctx *ctx, state *s) { return smash_quant_fit_mse(ctx, DESC(quant), T(0), T(1), T(2)); }
static smash_err run_hqq(smash_ctx *ctx, state *s) { return smash_quant_fit_hqq(ctx, DESC(quant), T(0), T(1), T(2)); }
static smash_err run_lsq_start(smash_ctx *ctx, state *s) { return smash_quant_lsq_start(ctx, DESC(quant), T(0), T(1), T(2)); }

/* quantize, dequantize, measure, fake quantization: 0 numbers, 1 scale, 2 zero, 3 q, y or gy, 4 gx. Variants beyond the granularities are grids */
static const struct { uint32_t bits, is_unsigned; smash_dtype to, format; } packs[] = {
    { 8, 0, SMASH_I8, SMASH_DTYPE_NONE },  { 8, 0, SMASH_I8, SMASH_DTYPE_NONE },  { 8, 0, SMASH_I8, SMASH_DTYPE_NONE },  { 8, 0, SMASH_I8, SMASH_DTYPE_NONE },
    { 1, 1, SMASH_U2, SMASH_DTYPE_NONE },  { 2, 0, SMASH_I2, SMASH_DTYPE_NONE },  { 3, 1, SMASH_U4, SMASH_DTYPE_NONE },  { 4, 0, SMASH_I4, SMASH_DTYPE_NONE },
    { 8, 1, SMASH_U8, SMASH_DTYPE_NONE },  { 8, 1, SMASH_I16, SMASH_DTYPE_NONE }, { 16, 0, SMASH_I16, SMASH_DTYPE_NONE }, { 16, 1, SMASH_U16, SMASH_DTYPE_NONE },
    { 12, 0, SMASH_I32, SMASH_DTYPE_NONE } };
enum { PACKS = sizeof packs / sizeof *packs };
static void build_quantize(state *s, int size, smash_dtype type, int variant)
{
    const int grain = variant < GRAINS ? variant : variant % 2;
    int32_t qmin, qmax;
    s->quant.bits = packs[variant].bits;
    s->quant.is_unsigned = packs[variant].is_unsigned;
    s->quant.rounding = variant % 3 == 1 ? SMASH_HALF_AWAY : SMASH_HALF_EVEN;
    smash_quant_limits(NULL, &s->quant, &qmin, &qmax);
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    s->quant.grain = grain_of(grain);
    put_grid(s, 1, SMASH_F32, size, grain);
    numbers(s, 1, 4.0 / (double)(qmax - qmin), 6.0 / (double)(qmax - qmin));
    put_grid(s, 2, variant & 1 ? SMASH_F32 : SMASH_I32, size, grain);
    if (variant & 1) numbers(s, 2, qmin, qmax);
    else integers(s, 2, qmin, qmax);
    put_cube(s, 3, packs[variant].to, size);
    s->scratch = s->quant.bits > 8 ? 64 : 96;
}
static void no_scratch(state *s) { s->scratch = 0; }
static void build_quantize_only(state *s, int size, smash_dtype type, int variant) { build_quantize(s, size, type, variant); no_scratch(s); }
static void build_dequantize(state *s, int size, smash_dtype type, int variant)
{
    int32_t qmin, qmax;
    build_quantize(s, size, type, variant);
    smash_quant_limits(NULL, &s->quant, &qmin, &qmax);
    integers(s, 3, qmin, qmax);
}
static void build_dequantize_only(state *s, int size, smash_dtype type, int variant) { build_dequantize(s, size, type, variant); no_scratch(s); }
static void build_fake(state *s, int size, smash_dtype type, int variant)
{
    build_quantize(s, size, type, variant);
    put_cube(s, 3, type, size);
    put_cube(s, 4, type, size);
    numbers(s, 3, -1, 1);
    no_scratch(s);
}
static void build_float8(state *s, int size, smash_dtype type, int variant)
{
    s->quant.format = variant & 1 ? SMASH_F8_E5M2 : SMASH_F8_E4M3;
    s->quant.grain = grain_of(variant / 2);
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    put_grid(s, 1, SMASH_F32, size, variant / 2);
    numbers(s, 1, 0.1, 0.01);
    put_cube(s, 3, s->quant.format, size);
    integers(s, 3, 0, 120);                                          /* numbers of both */
    s->no_desc = -1;
}
static smash_err run_quantize(smash_ctx *ctx, state *s) { return smash_quantize(ctx, DESC(quant), T(0), T(1), T(2), T(3)); }
static smash_err run_dequantize(smash_ctx *ctx, state *s) { return smash_dequantize(ctx, DESC(quant), T(3), T(1), T(2), T(0)); }
static smash_err run_measure(smash_ctx *ctx, state *s) { return smash_quant_measure(ctx, DESC(quant), T(0), T(1), T(2), T(3), PLACE(0, &s->out.stats)); }
static smash_err run_fake(smash_ctx *ctx, state *s) { return smash_fake_quantize(ctx, DESC(quant), T(0), T(1), T(2), T(3)); }
static smash_err run_fake_gradient(smash_ctx *ctx, state *s) { return smash_fake_quantize_gradient(ctx, DESC(quant), (smash_gradient)s->kind, T(0), T(1), T(2), T(3), T(4)); }
static int twist_scales(state *s, int k, const char **what)
{
    if (k < 10) return twist_grid(s, k, what);
    switch (k) {
    case 10: *what = "scale 0"; ((float *)s->t[1].data)[0] = 0; return RG;
    case 11: *what = "scale -0"; ((float *)s->t[1].data)[0] = -0.0f; return RG;
    case 12: *what = "scale below 0"; ((float *)s->t[1].data)[0] = -1; return RG;
    case 13: *what = "zero outside"; if (s->t[2].dtype == SMASH_F32) return -100; ((int32_t *)s->t[2].data)[0] = 70000; return RG;
    case 14: *what = "affine float"; s->quant.format = SMASH_F8_E4M3; s->quant.scheme = SMASH_AFFINE; return SMASH_ERR_ARG;
    default: return DONE;
    }
}
static int twist_fake_gradient(state *s, int k, const char **what)
{
    if (k < 15) return twist_scales(s, k, what);
    if (k == 15) { *what = "kind"; s->kind = test_int(2); return SMASH_ERR_ARG; }
    return DONE;
}

/* observers */
static void build_observer(state *s, int size, smash_dtype type, int variant)
{
    const smash_observer_kind kinds[5] = { SMASH_OBSERVE_MIN_MAX, SMASH_OBSERVE_MOVING_AVERAGE, SMASH_OBSERVE_PERCENTILE, SMASH_OBSERVE_ENTROPY, SMASH_OBSERVE_MSE };
    int i;
    s->watch.kind = kinds[variant % 5];
    s->watch.bins = BINS;
    s->watch.grain = grain_of(variant < 5 ? 0 : 1);
    s->blocks = variant < 5 || size == ONE ? 1 : 5;
    s->bytes = s->blocks * (s->watch.kind < SMASH_OBSERVE_PERCENTILE ? 32 : 32 + 8 * BINS);
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    put_grid(s, 1, SMASH_F32, size, variant < 5 ? 0 : 1);
    put_grid(s, 2, SMASH_I32, size, variant < 5 ? 0 : 1);
    for (i = 0; i < 2; i++) {
        smash_observer_init(NULL, &s->watch, s->blocks, s->out.seen[i], s->bytes, &s->out.o[i]);
        if (size != EMPTY) smash_observe(NULL, &s->out.o[i], &s->t[0]);
    }
}
static void build_mergers(state *s, int size, smash_dtype type, int variant) { build_observer(s, size, type, variant + (variant > 0) + (variant > 4)); }      /* no moving averages */
static smash_err run_observer_bytes(smash_ctx *ctx, state *s) { const smash_err err = smash_observer_bytes(ctx, DESC(watch), s->blocks, PLACE(0, &s->out.n)); return err ? err : s->no_desc || s->out.n == s->bytes ? SMASH_OK : SMASH_ERR_ARG; }
static smash_err run_observer_init(smash_ctx *ctx, state *s) { return smash_observer_init(ctx, DESC(watch), s->blocks, PLACE(1, (void *)s->out.seen[1]), s->bytes, PLACE(0, &s->out.o[1])); }
static smash_err run_observe(smash_ctx *ctx, state *s) { return smash_observe(ctx, PLACE(0, &s->out.o[0]), T(0)); }
static smash_err run_merge(smash_ctx *ctx, state *s) { return smash_observer_merge(ctx, PLACE(0, &s->out.o[0]), PLACE(1, &s->out.o[1])); }
static smash_err run_range(smash_ctx *ctx, state *s) { return smash_observer_range(ctx, PLACE(2, &s->out.o[0]), DESC(quant), s->blocks - 1, PLACE(0, &s->out.f[0]), PLACE(1, &s->out.f[1])); }
static smash_err run_observer_fit(smash_ctx *ctx, state *s) { return smash_observer_fit(ctx, PLACE(0, &s->out.o[0]), DESC(quant), T(1), T(2)); }
static int twist_watch(state *s, int k, const char **what)
{
    switch (k) {
    case 0: *what = "fence"; s->watch.zero_begin = 1; return SMASH_ERR_ARG;
    case 1: *what = "kind"; s->watch.kind = (smash_observer_kind)test_int(5); return SMASH_ERR_ARG;
    case 2: *what = "no blocks"; s->blocks = 0; return SMASH_ERR_ARG;
    case 3: *what = "rate"; s->watch.rate = 1.5f; return RG;
    case 4: *what = "rate below 0"; s->watch.rate = -1; return RG;
    case 5: *what = "rate NaN"; s->watch.rate = float_of(0x7FC00000u); return RG;
    case 6: *what = "outside"; s->watch.outside = 1000000001u; return RG;
    case 7: *what = "bins"; s->watch.bins = 65; return RG;
    case 8: *what = "few bins"; s->watch.bins = 32; return RG;
    case 9: *what = "many bins"; s->watch.bins = 16384; return RG;
    case 10: *what = "blocks beyond size_t"; s->blocks = SIZE_MAX / 8; return SMASH_ERR_OVERFLOW;
    default: return DONE;
    }
}
static int twist_init(state *s, int k, const char **what)
{
    if (k < 11) return twist_watch(s, k, what);
    if (k == 11) { *what = "a byte less"; s->bytes--; return SMASH_ERR_SHAPE; }
    return DONE;
}
static int twist_observe(state *s, int k, const char **what)
{
    if (k == 0) { *what = "grain"; s->out.o[0].desc.grain = smash_grain_axis(2); return SMASH_ERR_SHAPE; }
    if (k == 1) { *what = "block of 0"; s->out.o[0].desc.grain = smash_grain_axis(0); s->out.o[0].desc.grain.kind = SMASH_GRAIN_BLOCK; s->out.o[0].desc.grain.block_count = 1; s->out.o[0].desc.grain.block[0] = 0; return RG; }
    return DONE;
}
static int twist_merge(state *s, int k, const char **what)
{
    switch (k) {
    case 0: *what = "kinds"; smash_observer_init(NULL, NULL, s->blocks, s->out.seen[1], sizeof s->out.seen[1], &s->out.o[1]); s->out.o[1].desc.bins *= 2; return SMASH_ERR_ARG;
    case 1: *what = "with itself"; s->out.o[1] = s->out.o[0]; return SMASH_ERR_ARG;
    case 2: *what = "averages"; s->watch.kind = SMASH_OBSERVE_MOVING_AVERAGE; smash_observer_init(NULL, &s->watch, s->blocks, s->out.seen[0], sizeof s->out.seen[0], &s->out.o[0]);
            smash_observer_init(NULL, &s->watch, s->blocks, s->out.seen[1], sizeof s->out.seen[1], &s->out.o[1]); return SMASH_ERR_UNSUPPORTED;
    case 3: *what = "blocks"; smash_observer_init(NULL, &s->watch, s->blocks == 1 ? 2 : 1, s->out.seen[1], sizeof s->out.seen[1], &s->out.o[1]); return SMASH_ERR_SHAPE;
    default: return DONE;
    }
}
static int twist_seen(state *s, int k, const char **what)
{
    if (k < 7) return twist_grid(s, k, what);
    if (k == 7) { *what = "nothing seen"; smash_observer_init(NULL, &s->watch, s->blocks, s->out.seen[0], sizeof s->out.seen[0], &s->out.o[0]); return SMASH_ERR_ARG; }
    if (k == 8) { *what = "E4M3"; s->quant.format = SMASH_F8_E4M3; return SMASH_ERR_ARG; }
    return DONE;
}

/* LSQ: 0 x, 1 scale, 2 zero, 3 y or dy, 4 dx, 5 dscale, 6 dzero */
static void build_lsq(state *s, int size, smash_dtype type, int variant)
{
    const int grain = variant % GRAINS;
    s->quant.grain = grain_of(grain);
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    put_grid(s, 1, SMASH_F32, size, grain);
    numbers(s, 1, 0.01, 0.02);
    if (variant < GRAINS) { put_grid(s, 2, SMASH_F32, size, grain); numbers(s, 2, -5, 5); }
    put_cube(s, 3, type, size);
    numbers(s, 3, -1, 1);
    put_cube(s, 4, type, size);
    put_grid(s, 5, variant & 1 ? SMASH_F32 : SMASH_F64, size, grain);
    if (variant < GRAINS) put_grid(s, 6, variant & 1 ? SMASH_F64 : SMASH_F32, size, grain);
}
static void build_lsq_plain(state *s, int size, smash_dtype type, int variant) { build_lsq(s, size, type, variant + GRAINS); }
static smash_err run_lsq(smash_ctx *ctx, state *s) { return smash_quant_lsq(ctx, DESC(quant), T(0), T(1), T(2), T(3)); }
static smash_err run_lsq_backward(smash_ctx *ctx, state *s) { return smash_quant_lsq_backward(ctx, DESC(quant), T(0), T(1), T(2), T(3), T(4), T(5), T(6)); }
static int twist_lsq(state *s, int k, const char **what)
{
    if (k < 11) return twist_ints(s, k, what);
    switch (k) {
    case 11: *what = "scale 0"; ((float *)s->t[1].data)[0] = 0; return RG;
    case 12: *what = "scale below 0"; ((float *)s->t[1].data)[0] = -1; return RG;
    case 13: *what = "scale whose grid ends beyond F32"; ((float *)s->t[1].data)[0] = 1e37f; return RG;
    default: return DONE;
    }
}

/* Ends, BNN, DoReFa: 0 x, 1 y or dy, 2 dx */
static void build_plain(state *s, int size, smash_dtype type, int variant)
{
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    put_cube(s, 1, type, size);
    numbers(s, 1, -1, 1);
    put_cube(s, 2, type, size);
    s->lo = -1;
    s->hi = 1;
    s->kind = variant;
}
static smash_err run_clip(smash_ctx *ctx, state *s) { return smash_quant_clip(ctx, s->lo, s->hi, T(0), T(1)); }
static smash_err run_gate(smash_ctx *ctx, state *s) { return smash_quant_gate(ctx, s->lo, s->hi, T(0), T(1), T(2)); }
static smash_err run_bnn(smash_ctx *ctx, state *s) { return smash_quant_bnn(ctx, T(0), T(1)); }
static smash_err run_dorefa(smash_ctx *ctx, state *s) { return smash_quant_dorefa(ctx, DESC(quant), (smash_dorefa)s->kind, T(0), T(1)); }
static smash_err run_dorefa_backward(smash_ctx *ctx, state *s) { return smash_quant_dorefa_backward(ctx, DESC(quant), (smash_dorefa)s->kind, T(0), T(1), T(2)); }
static smash_err run_dorefa_gradient(smash_ctx *ctx, state *s) { return smash_quant_dorefa_gradient(ctx, DESC(quant), PLACE(0, &s->out.u), T(0), T(1)); }
static int twist_ends(state *s, int k, const char **what)
{
    switch (k) {
    case 0: *what = "order"; s->lo = 2; return RG;
    case 1: *what = "NaN"; s->lo = double_of(0x7FF8000000000000u); return RG;
    case 2: *what = "Inf"; s->hi = double_of(0x7FF0000000000000u); return RG;
    default: return DONE;
    }
}
static int twist_clip(state *s, int k, const char **what)
{
    if (k < 3) return twist_ends(s, k, what);
    if (k > 3) return DONE;
    *what = "an end that the dtype cannot hold";
    if (s->t[0].dtype == SMASH_F64) return -100;
    s->hi = 1e300;
    return NF;
}
static int twist_dorefa(state *s, int k, const char **what)
{
    if (k < 7) return twist_grid(s, k, what);
    switch (k) {
    case 7: *what = "axis"; s->quant.grain = smash_grain_axis(0); return SMASH_ERR_UNSUPPORTED;
    case 8: *what = "E5M2"; s->quant.format = SMASH_F8_E5M2; return SMASH_ERR_ARG;
    default: return DONE;
    }
}
static int twist_dorefa_kind(state *s, int k, const char **what)
{
    if (k < 9) return twist_dorefa(s, k, what);
    if (k == 9) { *what = "kind"; s->kind = test_int(2); return SMASH_ERR_ARG; }
    return DONE;
}

/* Bias correction: 0 expected, 1 got, 2 sum; 0 bias, 1 corrected, 2 sum */
static void build_errors(state *s, int size, smash_dtype type, int variant)
{
    s->axis = (uint32_t)variant;
    put_cube(s, 0, type, size);
    put_cube(s, 1, type == SMASH_F32 ? SMASH_F64 : SMASH_F32, size);
    put_row(s, 2, SMASH_F64, shapes[size][variant]);
    numbers(s, 0, -3, 2);
    numbers(s, 1, -3, 2);
    numbers(s, 2, -3, 2);
    s->out.u = 5;
}
static void build_correct(state *s, int size, smash_dtype type, int variant)
{
    const size_t n = size == ODD ? 7 : size == ONE;
    (void)variant;
    put_row(s, 0, type, n);
    put_row(s, 1, type, n);
    put_row(s, 2, SMASH_F64, n);
    numbers(s, 0, -3, 2);
    numbers(s, 2, -3, 2);
    s->count = 3;
}
static smash_err run_errors(smash_ctx *ctx, state *s) { return smash_quant_add_error(ctx, s->axis, T(0), T(1), T(2), PLACE(0, &s->out.u)); }
static smash_err run_correct(smash_ctx *ctx, state *s) { return smash_quant_correct_bias(ctx, T(2), s->count, T(0), T(1)); }
static int twist_errors(state *s, int k, const char **what)
{
    if (k == 0) { *what = "axis"; s->axis = 3; return RG; }
    if (k == 1) { *what = "a count that is full"; s->out.u = UINT64_MAX - 1; return SMASH_ERR_OVERFLOW; }
    return DONE;
}
static int twist_correct(state *s, int k, const char **what)
{
    if (k == 0) { *what = "count"; s->count = 0; return RG; }
    if (k == 1 && s->t[0].dtype != SMASH_F64) { *what = "a bias that the dtype cannot hold"; ((double *)s->t[2].data)[2] = 1e300; return NF; }
    return DONE;
}

/* Folding: 0 w, 1 folded_w, 2 mean, 3 variance, 4 gamma, 5 beta, 6 bias, 7 folded_bias. Moments: 0 y, 1 mean, 2 variance */
static void build_fold(state *s, int size, smash_dtype type, int variant)
{
    static const smash_dtype mixed[4] = { SMASH_F32, SMASH_F64, SMASH_F16, SMASH_BF16 };
    const size_t groups = variant == 2 && size == ODD ? 3 : 1, channels = groups * shapes[size][variant ? 1 : 0];
    int i;
    s->fold.axis = variant ? 1 : 0;
    s->fold.groups = (uint32_t)groups;
    put_cube(s, 0, type, size);
    put_cube(s, 1, type, size);
    numbers(s, 0, -3, 2);
    for (i = 2; i < 6; i++) { put_row(s, i, mixed[(i + variant) % 4], channels); numbers(s, i, 0.5, 2); }
    put_row(s, 6, type, channels);
    put_row(s, 7, type, channels);
    numbers(s, 6, -3, 2);
}
static void build_moments(state *s, int size, smash_dtype type, int variant)
{
    s->axis = (uint32_t)variant % 3;
    s->kind = variant / 3 || size == ONE;                            /* of one number there is no unbiased variance */
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    put_row(s, 1, SMASH_F32, shapes[size][s->axis]);
    put_row(s, 2, variant & 1 ? SMASH_F64 : SMASH_F32, shapes[size][s->axis]);
}
static smash_err run_fold(smash_ctx *ctx, state *s) { return smash_quant_fold(ctx, DESC(fold), T(2), T(3), T(4), T(5), T(0), T(6), T(1), T(7)); }
static smash_err run_moments(smash_ctx *ctx, state *s) { return smash_quant_moments(ctx, s->axis, s->kind, T(0), T(1), T(2)); }
static int twist_fold(state *s, int k, const char **what)
{
    switch (k) {
    case 0: *what = "fence"; s->fold.zero_end = 1; return SMASH_ERR_ARG;
    case 1: *what = "axis"; s->fold.axis = 3; return RG;
    case 2: *what = "groups"; s->fold.axis = 1; s->fold.groups = 2; return RG;
    case 3: *what = "epsilon"; s->fold.epsilon = -1; return RG;
    case 4: *what = "epsilon Inf"; s->fold.epsilon = double_of(0x7FF0000000000000u); return RG;
    case 5: *what = "a variance below 0"; set_number(s->t[3].dtype, s->t[3].data, 0, -1); return RG;
    default: return DONE;
    }
}
static int twist_moments(state *s, int k, const char **what)
{
    if (k == 0) { *what = "axis"; s->axis = 3; return RG; }
    return DONE;
}

/* Codebooks: 0 numbers, 1 codebook, 2 scale, 3 q */
static void build_codes(state *s, int size, smash_dtype type, int variant)
{
    static const size_t own[2] = { 27, 13 };                         /* 105 numbers in runs of 4 */
    const smash_dtype to = variant == 1 ? SMASH_U2 : variant == 2 ? SMASH_U4 : SMASH_U8;
    const size_t codes = variant == 1 ? 3 : variant == 2 ? 16 : variant == 3 ? 13 : 200;
    put_cube(s, 0, type, size);
    put_cube(s, 3, to, size);
    numbers(s, 0, -3, 2);
    integers(s, 3, 0, (int32_t)codes - 1);
    if (variant == 3) {                                              /* codes of each run */
        const size_t one[2] = { 1, 13 };
        s->code.run = 4;
        put(s, 1, SMASH_F32, 2, size == ODD ? own : one);
        put_row(s, 2, SMASH_F32, size == ODD ? 27 : size == ONE);
    } else {
        s->code.grain = grain_of(variant % 3);                       /* variant 0: the default */
        put_row(s, 1, SMASH_F32, codes);
        put_grid(s, 2, SMASH_F32, size, variant % 3);
    }
    numbers(s, 1, -1, 1);
    numbers(s, 2, -2, 3);
    s->scratch = 1280;
}
static void build_codes_only(state *s, int size, smash_dtype type, int variant) { build_codes(s, size, type, variant); no_scratch(s); }
static void build_largest(state *s, int size, smash_dtype type, int variant)
{
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    if (variant == 3) { s->code.run = 4; put_row(s, 1, SMASH_F32, size == ODD ? 27 : size == ONE); }
    else { s->code.grain = grain_of(variant); put_grid(s, 1, SMASH_F32, size, variant); }
}
static void build_table(state *s, int size, smash_dtype type, int variant)
{
    (void)size; (void)type;
    s->kind = variant;
    put_row(s, 0, SMASH_F32, variant == SMASH_CODEBOOK_DYNAMIC ? 256 : 16);
}
static void build_scales(state *s, int size, smash_dtype type, int variant)      /* 0 scale, 1 codebook, 2 q, 3 block_scale, 4 offset */
{
    const size_t n = size == ODD ? 259 : size == ONE;
    (void)type; (void)variant;
    put_row(s, 0, SMASH_F32, n);
    put_row(s, 1, SMASH_F32, 200);
    put_row(s, 2, SMASH_U8, n);
    put_row(s, 3, SMASH_F32, size == ODD ? 2 : size == ONE);
    put_row(s, 4, SMASH_F32, 1);
    numbers(s, 0, 0.5, 2);
    numbers(s, 1, -1, 1);
    integers(s, 2, 0, 199);
    numbers(s, 3, 0.5, 2);
    numbers(s, 4, 0.5, 2);
    s->scratch = 1280;
}
static void build_scales_only(state *s, int size, smash_dtype type, int variant) { build_scales(s, size, type, variant); no_scratch(s); }
static void build_kmeans(state *s, int size, smash_dtype type, int variant)
{
    static const size_t own[4] = { 1, 5, 1, 4 };
    s->code.bits = 2;
    s->code.start = variant & 1 ? SMASH_START_QUANTILE : SMASH_START_LINEAR;
    s->no_desc = -1;
    put_cube(s, 0, type, size);
    numbers(s, 0, -3, 2);
    if (variant >= 2) s->code.grain = grain_of(1);
    if (variant >= 2 && size == ODD) put(s, 1, SMASH_F32, 4, own);
    else put_row(s, 1, SMASH_F32, 4);
    s->scratch = 1296 + 4 * (variant & 1 ? 32 + 144 : 32);
}
static smash_err run_code_dequantize(smash_ctx *ctx, state *s) { return smash_codebook_dequantize(ctx, DESC(code), T(3), T(1), T(2), T(0)); }
static smash_err run_code_quantize(smash_ctx *ctx, state *s) { return smash_codebook_quantize(ctx, DESC(code), T(0), T(1), T(2), T(3)); }
static smash_err run_code_measure(smash_ctx *ctx, state *s) { return smash_codebook_measure(ctx, DESC(code), T(0), T(1), T(2), T(3), PLACE(0, &s->out.distance)); }
static smash_err run_code_fit(smash_ctx *ctx, state *s) { return smash_codebook_fit(ctx, DESC(code), T(0), T(1)); }
static smash_err run_table(smash_ctx *ctx, state *s) { return smash_codebook_table(ctx, (smash_codebook_kind)s->kind, T(0)); }
static smash_err run_pack(smash_ctx *ctx, state *s) { return smash_codebook_pack_scales(ctx, T(0), T(1), T(2), T(3), T(4)); }
static smash_err run_unpack(smash_ctx *ctx, state *s) { return smash_codebook_unpack_scales(ctx, T(2), T(1), T(3), T(4), T(0)); }
static smash_err run_kmeans(smash_ctx *ctx, state *s) { return smash_codebook_kmeans(ctx, DESC(code), T(0), T(1)); }
static int twist_code(state *s, int k, const char **what)
{
    static const int32_t zero[3] = { 0, 1, 1 };
    switch (k) {
    case 0: *what = "fence"; s->code.zero_begin = 1; return SMASH_ERR_ARG;
    case 1: *what = "axis"; s->code.run = 0; s->code.grain = smash_grain_axis(3); return SMASH_ERR_SHAPE;
    case 2: *what = "block of 0"; s->code.run = 0; s->code.grain = smash_grain_block(zero, 3); return RG;
    case 3: *what = "run and grain"; s->code.run = 4; s->code.grain = smash_grain_axis(1); return SMASH_ERR_ARG;
    case 4: *what = "partial blocks"; s->code.run = 0; s->code.grain = grain_of(3); return RG;
    default: return DONE;
    }
}
static int twist_index(state *s, int k, const char **what)
{
    if (k < 5) return twist_code(s, k, what);
    if (k > 5) return DONE;
    *what = "an index of no code";
    if (s->t[1].shape[s->t[1].ndim - 1] == 16) return -100;
    ((unsigned char *)s->t[3].data)[0] = 0xFF;
    return RG;
}
static int twist_table(state *s, int k, const char **what) { if (k) return DONE; *what = "kind"; s->kind = test_int(3); return SMASH_ERR_ARG; }
static int twist_pack(state *s, int k, const char **what)
{
    size_t i;
    if (k) return DONE;
    *what = "a difference from the mean beyond F32";
    for (i = 0; i < count_of(&s->t[0]); i++) ((float *)s->t[0].data)[i] = i == 7 ? -3.4e38f : 3.4e38f;
    return NF;
}
static int twist_unpack(state *s, int k, const char **what)
{
    if (k == 0) { *what = "an index of no code"; ((unsigned char *)s->t[2].data)[1] = 200; return RG; }
    return DONE;
}
static int twist_kmeans(state *s, int k, const char **what)
{
    if (k < 5) return twist_code(s, k, what);
    if (k == 5) { *what = "9 bits"; s->code.bits = 9; return RG; }
    if (k == 6) { *what = "start"; s->code.start = (smash_codebook_start)test_int(2); return SMASH_ERR_ARG; }
    return DONE;
}

/* Integers as targets have them: 0 weight_scale, 1 multiplier, 2 shift; bias 0 bias, 1 weight_scale, 2 q, 3 scale; layers 0 input, 1 weight, 2 bias, 3 multiplier, 4 shift, 5 output */
static void build_multipliers(state *s, int size, smash_dtype type, int variant)
{
    (void)type; (void)variant;
    put_cube(s, 0, SMASH_F32, size);
    put_row(s, 1, SMASH_I32, count_of(&s->t[0]));
    put_cube(s, 2, SMASH_I32, size);
    numbers(s, 0, 0.001, 2);
    s->a = 0.5f;
    s->b = 0.25f;
    s->c = 0.125f;
    s->kind = variant;
}
static void build_bias(state *s, int size, smash_dtype type, int variant)
{
    const size_t n = size == ODD ? 7 : size == ONE;
    put_row(s, 0, type, n);
    put_row(s, 1, SMASH_F32, variant & 1 ? 1 : n);
    put_row(s, 2, variant & 2 ? SMASH_I64 : SMASH_I32, n);
    put_row(s, 3, SMASH_F32, variant & 1 ? 1 : n);
    numbers(s, 0, -3, 2);
    numbers(s, 1, 0.01, 0.02);
    s->a = 0.01f;
    s->kind = variant & 1;
}
static smash_err run_multiplier(smash_ctx *ctx, state *s) { return smash_requant_multiplier(ctx, (smash_requant_form)s->kind, s->a, s->b, s->c, PLACE(0, &s->out.i[0]), PLACE(1, &s->out.i[1])); }
static smash_err run_multiplier_of(smash_ctx *ctx, state *s) { return smash_requant_multiplier_of(ctx, (smash_requant_form)s->kind, s->a, PLACE(0, &s->out.i[0]), PLACE(1, &s->out.i[1])); }
static smash_err run_multipliers(smash_ctx *ctx, state *s) { return smash_requant_multipliers(ctx, (smash_requant_form)s->kind, s->a, T(0), s->c, T(1), T(2)); }
/* 1000 * 2^30 * 2^(-2 - 31) is 125; what is beyond their ranges is held */
static smash_err run_apply(smash_ctx *ctx, state *s)
{
    const smash_requant_form form = (smash_requant_form)s->kind;
    (void)ctx;
    s->out.i[0] = smash_requant_apply(form, 1000, 1 << 30, -2);
    return s->out.i[0] == 125 && smash_requant_apply(form, INT32_MAX, INT32_MAX, INT32_MAX) >= INT32_MAX - 1 && smash_requant_apply(form, INT32_MIN, INT32_MAX, INT32_MIN) <= 0 ? SMASH_OK : SMASH_ERR_ARG;
}
static smash_err run_apply_i64(smash_ctx *ctx, state *s)
{
    (void)ctx;
    s->out.i[0] = smash_requant_apply_i64(1000, 1 << 30, -2);
    return s->out.i[0] == 125 && smash_requant_apply_i64(INT64_MAX, INT32_MAX, INT32_MAX) == INT32_MAX && smash_requant_apply_i64(INT64_MIN, INT32_MAX, INT32_MIN) <= 0 ? SMASH_OK : SMASH_ERR_ARG;
}
static void build_activation(state *s, int size, smash_dtype type, int variant) { (void)size; (void)type; s->a = 0.05f; s->qmin = -128; s->qmax = 127; s->zero = -5; s->kind = variant; }
static smash_err run_activation(smash_ctx *ctx, state *s) { return smash_quant_activation_range(ctx, (smash_fused)s->kind, s->a, s->zero, s->qmin, s->qmax, PLACE(0, &s->out.i[0]), PLACE(1, &s->out.i[1])); }
static smash_err run_bias(smash_ctx *ctx, state *s) { return smash_quant_bias(ctx, (smash_rounding)s->kind, s->a, T(1), T(0), T(2), T(3)); }
static int twist_scale(state *s, int k, const char **what)
{
    switch (k) {
    case 0: *what = "kind"; s->kind = test_int(9); return SMASH_ERR_ARG;
    case 1: *what = "NaN"; s->a = float_of(0x7FC00000u); return NF;
    case 2: *what = "Inf"; s->a = float_of(0x7F800000u); return NF;
    case 3: *what = "below 0"; s->a = -1; return RG;
    default: return DONE;
    }
}
static int twist_multiplier(state *s, int k, const char **what)
{
    if (k < 4) return twist_scale(s, k, what);
    switch (k) {
    case 4: *what = "output 0"; s->c = 0; return RG;
    case 5: *what = "output NaN"; s->c = float_of(0x7FC00000u); return NF;
    default: return DONE;
    }
}
static int twist_multipliers(state *s, int k, const char **what)
{
    if (k < 6) return twist_multiplier(s, k, what);
    if (k == 6) { *what = "weights below 0"; ((float *)s->t[0].data)[0] = -1; return RG; }
    return DONE;
}
static int twist_activation(state *s, int k, const char **what)
{
    if (k < 4) return twist_scale(s, k, what);
    switch (k) {
    case 4: *what = "0"; s->a = 0; return RG;
    case 5: *what = "zero point"; s->zero = 128; return RG;
    case 6: *what = "2^31 steps"; if (s->kind < 2) return -100; s->a = 1e-30f; return RG;
    default: return DONE;
    }
}
static int twist_bias(state *s, int k, const char **what)
{
    if (k < 4) return twist_scale(s, k, what);
    switch (k) {
    case 4: *what = "input 0"; s->a = 0; return RG;
    case 5: *what = "weight 0"; ((float *)s->t[1].data)[0] = 0; return RG;
    case 6: *what = "does not fit"; if (s->t[2].dtype == SMASH_I64) return -100; s->a = ((float *)s->t[1].data)[0] = 1e-10f; return RG;
    case 7: *what = "a product below F32"; s->a = ((float *)s->t[1].data)[0] = 1e-30f; memset(s->t[0].data, 0, s->t[0].bytes); return RG;
    case 8: *what = "a product beyond F32"; s->a = ((float *)s->t[1].data)[0] = 1e30f; return RG;
    default: return DONE;
    }
}

static void build_layer(state *s, int size, smash_dtype type, size_t channels)
{
    put_row(s, 2, type == SMASH_I16 ? SMASH_I64 : SMASH_I32, channels);
    put_row(s, 3, SMASH_I32, size == ODD ? channels : 1);
    put_row(s, 4, SMASH_I32, size == ODD ? channels : 1);
    integers(s, 0, -120, 120);
    integers(s, 1, -7, 7);
    integers(s, 2, -500, 500);
    integers(s, 3, 1 << 30, INT32_MAX - 1);
    integers(s, 4, -9, -5);
    if (type == SMASH_I8) { s->layer.input_zero = 3; s->layer.output_zero = -4; }
    s->no_desc = type == SMASH_I8 ? 0 : -1;
}
static void build_connected(state *s, int size, smash_dtype type, int variant)
{
    const size_t rows = size == ODD ? 3 : size == ONE, in = size == ODD ? 7 : 1, out = size == ODD ? 5 : 1, x[2] = { rows, in }, w[2] = { out, in }, y[2] = { rows, out };
    put(s, 0, type, 2, x);
    put(s, 1, type == SMASH_I8 && variant ? SMASH_I4 : SMASH_I8, 2, w);
    put(s, 5, type, 2, y);
    build_layer(s, size, type, out);
    s->layer.form = variant ? SMASH_REQUANT_SINGLE_ROUNDING : SMASH_REQUANT_DOUBLE_ROUNDING;
}
static void build_plane(state *s, int size, smash_dtype type, int variant, int depthwise)
{
    const size_t odd = size == ODD, n = odd ? 2 : size == ONE, out = !odd ? 1 : depthwise ? 6 : 5;
    const size_t x[4] = { n, odd ? 5 : 1, odd ? 4 : 1, odd ? 3 : 1 }, y[4] = { n, odd ? 5 : 1, odd ? 4 : 1, out };
    const size_t w[4] = { depthwise ? 1 : out, odd ? 3 : 1, odd ? 2 : 1, depthwise ? out : odd ? 3 : 1 };
    put(s, 0, type, 4, x);
    put(s, 1, type == SMASH_I8 && variant ? SMASH_I4 : SMASH_I8, 4, w);
    put(s, 5, type, 4, y);
    build_layer(s, size, type, out);
    s->layer.same = 1;
    s->no_desc = -1;
}
static void build_convolution(state *s, int size, smash_dtype type, int variant) { build_plane(s, size, type, variant, 0); }
static void build_depthwise(state *s, int size, smash_dtype type, int variant) { build_plane(s, size, type, variant, 1); }
static smash_err run_connected(smash_ctx *ctx, state *s) { return smash_quant_simulate_fully_connected(ctx, DESC(layer), T(0), T(1), T(2), T(3), T(4), T(5)); }
static smash_err run_convolution(smash_ctx *ctx, state *s) { return smash_quant_simulate_convolution(ctx, DESC(layer), T(0), T(1), T(2), T(3), T(4), T(5)); }
static smash_err run_depthwise(smash_ctx *ctx, state *s) { return smash_quant_simulate_depthwise(ctx, DESC(layer), T(0), T(1), T(2), T(3), T(4), T(5)); }
static int twist_layer(state *s, int k, const char **what)
{
    switch (k) {
    case 0: *what = "fence"; s->layer.zero_begin = 1; return SMASH_ERR_ARG;
    case 1: *what = "form"; s->layer.form = (smash_requant_form)test_int(2); return SMASH_ERR_ARG;
    case 2: *what = "input zero"; s->layer.input_zero = 128; return RG;
    case 3: *what = "output zero"; s->layer.output_zero = -129; return RG;
    case 4: *what = "clamp"; s->layer.low = 5; s->layer.high = 4; return RG;
    case 5: *what = "multiplier"; ((int32_t *)s->t[3].data)[0] = -1; return RG;
    case 6: *what = "shift"; ((int32_t *)s->t[4].data)[0] = 31; return RG;
    case 7: *what = "shift below"; ((int32_t *)s->t[4].data)[0] = -32; return RG;
    default: return DONE;
    }
}
static int twist_connected(state *s, int k, const char **what)
{
    if (k < 8) return twist_layer(s, k, what);
    if (k == 8) { *what = "stride"; s->layer.stride[1] = 1; return SMASH_ERR_ARG; }
    return DONE;
}
static int twist_plane(state *s, int k, const char **what)
{
    const int wide = sizeof(size_t) > 4;
    if (k < 8) return twist_layer(s, k, what);
    switch (k) {
    case 8: *what = "same and pads"; s->layer.pad_before[0] = 1; return SMASH_ERR_ARG;
    case 9: *what = "dilation"; s->layer.same = 0; s->layer.dilation[0] = UINT32_MAX; return wide ? SMASH_ERR_SHAPE : SMASH_ERR_OVERFLOW;
    case 10: *what = "padding"; s->layer.same = 0; s->layer.pad_after[1] = UINT32_MAX; return wide ? SMASH_ERR_SHAPE : SMASH_ERR_OVERFLOW;
    case 11: *what = "stride"; s->layer.stride[0] = 2; return SMASH_ERR_SHAPE;
    default: return DONE;
    }
}
static void build_bound(state *s, int size, smash_dtype type, int variant)      /* 0 weight, 1 bias, 2 bounds */
{
    put_cube(s, 0, type, size);
    integers(s, 0, 0, 1);
    s->axis = (uint32_t)variant;
    put_row(s, 1, variant & 1 ? SMASH_I64 : SMASH_I32, shapes[size][variant]);
    put_row(s, 2, SMASH_I64, shapes[size][variant]);
    integers(s, 1, -500, 500);
    s->qmin = -128;
    s->qmax = 127;
}
static smash_err run_bound(smash_ctx *ctx, state *s) { return smash_quant_accumulator_bound(ctx, T(0), s->axis, T(1), s->qmin, s->qmax, T(2), PLACE(0, &s->out.worst)); }
static int twist_bound(state *s, int k, const char **what)
{
    if (k == 0) { *what = "axis"; s->axis = 3; return SMASH_ERR_SHAPE; }
    if (k == 1) { *what = "order"; s->qmin = 128; return RG; }
    return DONE;
}

#define NONE { NULL, 0, 0, ANY, 0 }
#define X(types, finite) { "x", IN, types, finite, 0 }
#define SHAPE SMASH_ERR_SHAPE
static const row rows[] = {
    { "smash_quant_limits", build_none, run_limits, twist_levels, 0, 1, NO_EMPTY, 2, 0, "", { NONE } },
    { "smash_quant_dtype", build_none, run_dtype, NULL, 0, 1, NO_EMPTY, 0, 0, "", { NONE } },
    { "smash_quant_params", build_none, run_params, twist_params, 0, 1, NO_EMPTY, 2, 0, "", { NONE } },
    { "smash_quant_fit", build_fit, run_fit, twist_grid, FLOATS, 4, SHAPE, 0, LOOSE, "", { { "x", IN, FLOATS, NF, FREE }, { "scale", OUT, F32S, ANY, 0 }, { "zero", OUT, I32S, ANY, OPT }, NONE } },
    { "smash_quant_fit", build_affine, run_fit, twist_grid, FLOATS, 4, SHAPE, 0, LOOSE, "", { { "x", IN, FLOATS, NF, FREE }, { "scale", OUT, F32S, ANY, 0 }, { "zero", OUT, I32S, ANY, 0 }, NONE } },
    { "smash_quantize", build_quantize_only, run_quantize, twist_scales, FLOATS, PACKS, SHAPE, 0, LOOSE, "",
      { X(FLOATS, NF), { "scale", IN, F32S, RG, 0 }, { "zero", IN, I32S | F32S, RG, OPT }, { "q", OUT, QUANTS, ANY, 0 }, NONE } },
    { "smash_quantize", build_float8, run_quantize, NULL, FLOATS, 8, SHAPE, 0, LOOSE, "", { X(FLOATS, NF), { "scale", IN, F32S, RG, 0 }, NONE, { "q", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_dequantize", build_dequantize_only, run_dequantize, twist_scales, FLOATS, PACKS, SHAPE, 0, 0, "",
      { { "x", OUT, FLOATS, ANY, 0 }, { "scale", IN, F32S, RG, 0 }, { "zero", IN, I32S | F32S, RG, OPT }, { "q", IN, QUANTS, ANY, 0 }, NONE } },
    { "smash_dequantize", build_float8, run_dequantize, NULL, FLOATS, 8, SHAPE, 0, 0, "", { { "x", OUT, FLOATS, ANY, 0 }, { "scale", IN, F32S, RG, 0 }, NONE, { "q", IN, SAME, ANY, 0 }, NONE } },
    { "smash_quant_measure", build_dequantize, run_measure, twist_scales, FLOATS, PACKS, SHAPE, 1, 0, "",
      { X(FLOATS, ANY), { "scale", IN, F32S, RG, 0 }, { "zero", IN, I32S | F32S, RG, OPT }, { "q", IN, QUANTS, ANY, 0 }, NONE } },
    { "smash_fake_quantize", build_fake, run_fake, twist_scales, FLOATS, PACKS, SHAPE, 0, LOOSE, "30",
      { X(FLOATS, NF), { "scale", IN, F32S, RG, 0 }, { "zero", IN, I32S | F32S, RG, OPT }, { "y", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_fake_quantize_gradient", build_fake, run_fake_gradient, twist_fake_gradient, FLOATS, PACKS, SHAPE, 0, LOOSE, "43",
      { X(FLOATS, NF), { "scale", IN, F32S, RG, 0 }, { "zero", IN, I32S | F32S, RG, OPT }, { "gy", IN, SAME, NF, 0 }, { "gx", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_observer_bytes", build_observer, run_observer_bytes, twist_watch, 0, 5, NO_EMPTY, 1, 0, "", { NONE } },
    { "smash_observer_init", build_observer, run_observer_init, twist_init, 0, 5, NO_EMPTY, 2, 0, "", { NONE } },
    { "smash_observe", build_observer, run_observe, twist_observe, FLOATS, 10, SHAPE, 1, 0, "", { { "x", IN, FLOATS, NF, FREE }, NONE } },
    { "smash_observer_merge", build_mergers, run_merge, twist_merge, 0, 8, NO_EMPTY, 2, 0, "", { NONE } },
    { "smash_observer_range", build_observer, run_range, twist_seen, 0, 10, NO_EMPTY, 3, 0, "", { NONE } },
    { "smash_observer_fit", build_observer, run_observer_fit, twist_seen, 0, 10, NO_EMPTY, 1, 0, "", { NONE, { "scale", OUT, F32S, ANY, COUNTED }, { "zero", OUT, I32S, ANY, OPT | COUNTED }, NONE } },
    { "smash_quant_fit_mse", build_fit, run_fit_mse, twist_grid, FLOATS, 4, SHAPE, 0, LOOSE, "", { { "x", IN, FLOATS, NF, FREE }, { "scale", OUT, F32S, ANY, 0 }, { "zero", OUT, I32S, ANY, OPT }, NONE } },
    { "smash_quant_lsq_start", build_fraction, run_lsq_start, twist_ints, TRAINED, 4, SHAPE, 0, 0, "", { { "x", IN, TRAINED, NF, FREE }, { "scale", OUT, F32S, ANY, 0 }, { "zero", OUT, F32S, ANY, OPT }, NONE } },
    { "smash_quant_lsq", build_lsq, run_lsq, twist_lsq, TRAINED, 4, SHAPE, 0, 0, "30",
      { X(TRAINED, NF), { "scale", IN, F32S, RG, 0 }, { "zero", IN, F32S, RG, OPT }, { "y", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_lsq_backward", build_lsq, run_lsq_backward, twist_lsq, TRAINED, 4, SHAPE, 0, 0, "40 43",
      { X(TRAINED, NF), { "scale", IN, F32S, RG, 0 }, { "zero", IN, F32S, RG, 0 }, { "dy", IN, SAME, NF, 0 }, { "dx", OUT, SAME, ANY, 0 }, { "dscale", OUT, F32S | F64S, ANY, 0 }, { "dzero", OUT, F32S | F64S, ANY, 0 }, NONE } },
    { "smash_quant_lsq_backward", build_lsq_plain, run_lsq_backward, twist_lsq, TRAINED, 4, SHAPE, 0, 0, "40 43",
      { X(TRAINED, NF), { "scale", IN, F32S, RG, 0 }, NONE, { "dy", IN, SAME, NF, 0 }, { "dx", OUT, SAME, ANY, 0 }, { "dscale", OUT, F32S | F64S, ANY, 0 }, NONE } },
    { "smash_quant_clip", build_plain, run_clip, twist_clip, FLOATS, 1, SMASH_OK, 0, 0, "10", { X(FLOATS, NF), { "y", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_gate", build_plain, run_gate, twist_ends, FLOATS, 1, SMASH_OK, 0, 0, "20 21", { X(FLOATS, NF), { "dy", IN, SAME, NF, 0 }, { "dx", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_bnn", build_plain, run_bnn, NULL, FLOATS, 1, SMASH_OK, 0, 0, "10", { X(FLOATS, NF), { "y", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_dorefa", build_plain, run_dorefa, twist_dorefa_kind, TRAINED, 2, SMASH_OK, 0, 0, "10", { X(TRAINED, NF), { "y", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_dorefa_backward", build_plain, run_dorefa_backward, twist_dorefa_kind, TRAINED, 2, SMASH_OK, 0, 0, "20 21", { X(TRAINED, NF), { "dy", IN, SAME, NF, 0 }, { "dx", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_dorefa_gradient", build_plain, run_dorefa_gradient, twist_dorefa, TRAINED, 1, SMASH_OK, 1, 0, "10", { X(TRAINED, NF), { "quantized", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_add_error", build_errors, run_errors, twist_errors, FLOATS, 3, SHAPE, 1, 0, "", { X(FLOATS, NF), { "got", IN, FLOATS, NF, 0 }, { "sum", IO, F64S, NF, 0 }, NONE } },
    { "smash_quant_correct_bias", build_correct, run_correct, twist_correct, FLOATS, 1, SMASH_OK, 0, 0, "10", { { "bias", IN, FLOATS, NF, 0 }, { "corrected", OUT, SAME, ANY, 0 }, { "sum", IN, F64S, NF, 0 }, NONE } },
    { "smash_quant_fold", build_fold, run_fold, twist_fold, FLOATS, 3, SMASH_OK, 0, 0, "10 76",
      { { "w", IN, FLOATS, NF, COUNTED }, { "folded_w", OUT, SAME, ANY, 0 }, { "mean", IN, FLOATS, NF, 0 }, { "variance", IN, FLOATS, NF, 0 }, { "gamma", IN, FLOATS, NF, OPT }, { "beta", IN, FLOATS, NF, OPT },
        { "bias", IN, FLOATS, NF, OPT }, { "folded_bias", OUT, FLOATS, ANY, 0 }, NONE } },
    { "smash_quant_moments", build_moments, run_moments, twist_moments, FLOATS, 6, SHAPE, 0, 0, "", { { "y", IN, FLOATS, NF, FREE }, { "mean", OUT, FLOATS, ANY, 0 }, { "variance", OUT, FLOATS, ANY, 0 }, NONE } },
    { "smash_codebook_dequantize", build_codes_only, run_code_dequantize, twist_index, FLOATS, 4, SHAPE, 0, 0, "",
      { { "x", OUT, FLOATS, ANY, 0 }, { "codebook", IN, F32S, RG, FREE }, { "scale", IN, F32S, RG, OPT }, { "q", IN, CODES, ANY, 0 }, NONE } },
    { "smash_codebook_table", build_table, run_table, twist_table, 0, 3, NO_EMPTY, 0, 0, "", { { "codebook", OUT, F32S, ANY, 0 }, NONE } },
    { "smash_codebook_fit", build_largest, run_code_fit, twist_code, FLOATS, 4, SHAPE, 0, LOOSE, "", { { "x", IN, FLOATS, NF, FREE }, { "scale", OUT, F32S, ANY, 0 }, NONE } },
    { "smash_codebook_quantize", build_codes, run_code_quantize, twist_code, FLOATS, 4, SHAPE, 0, LOOSE, "",
      { X(FLOATS, NF), { "codebook", IN, F32S, RG, FREE }, { "scale", IN, F32S, RG, OPT }, { "q", OUT, CODES, ANY, 0 }, NONE } },
    { "smash_codebook_measure", build_codes_only, run_code_measure, twist_index, FLOATS, 4, SHAPE, 1, 0, "",
      { X(FLOATS, ANY), { "codebook", IN, F32S, RG, FREE }, { "scale", IN, F32S, RG, OPT }, { "q", IN, CODES, ANY, 0 }, NONE } },
    { "smash_codebook_pack_scales", build_scales, run_pack, twist_pack, 0, 1, SMASH_OK, 0, 0, "",
      { { "scale", IN, F32S, NF, COUNTED }, { "codebook", IN, F32S, RG, FREE }, { "q", OUT, BIT(SMASH_U8), ANY, COUNTED }, { "block_scale", OUT, F32S, ANY, COUNTED }, { "offset", OUT, F32S, ANY, COUNTED }, NONE } },
    { "smash_codebook_unpack_scales", build_scales_only, run_unpack, twist_unpack, 0, 1, SMASH_OK, 0, 0, "",
      { { "scale", OUT, F32S, ANY, COUNTED }, { "codebook", IN, F32S, RG, FREE }, { "q", IN, BIT(SMASH_U8), ANY, COUNTED }, { "block_scale", IN, F32S, RG, COUNTED }, { "offset", IN, F32S, RG, COUNTED }, NONE } },
    { "smash_codebook_kmeans", build_kmeans, run_kmeans, twist_kmeans, FLOATS, 4, SHAPE, 0, 0, "", { { "x", IN, FLOATS, NF, FREE }, { "codebook", OUT, F32S, ANY, 0 }, NONE } },
    { "smash_quant_group", build_none, run_group, NULL, 0, 1, NO_EMPTY, 0, 0, "", { NONE } },
    { "smash_quant_fit_hqq", build_fraction, run_hqq, twist_ints, FLOATS, 3, SHAPE, 0, 0, "", { { "x", IN, FLOATS, NF, FREE }, { "scale", OUT, F32S, ANY, 0 }, { "zero", OUT, F32S, ANY, 0 }, NONE } },
    { "smash_requant_multiplier", build_multipliers, run_multiplier, twist_multiplier, 0, 2, NO_EMPTY, 2, 0, "", { NONE } },
    { "smash_requant_multiplier_of", build_multipliers, run_multiplier_of, twist_scale, 0, 2, NO_EMPTY, 2, 0, "", { NONE } },
    { "smash_requant_multipliers", build_multipliers, run_multipliers, twist_multipliers, 0, 2, SMASH_OK, 0, 0, "",
      { { "weight_scale", IN, F32S, NF, COUNTED }, { "multiplier", OUT, I32S, ANY, COUNTED }, { "shift", OUT, I32S, ANY, COUNTED }, NONE } },
    { "smash_requant_apply", build_multipliers, run_apply, NULL, 0, 2, NO_EMPTY, 0, 0, "", { NONE } },
    { "smash_requant_apply_i64", build_multipliers, run_apply_i64, NULL, 0, 1, NO_EMPTY, 0, 0, "", { NONE } },
    { "smash_quant_activation_range", build_activation, run_activation, twist_activation, 0, 4, NO_EMPTY, 2, 0, "", { NONE } },
    { "smash_quant_bias", build_bias, run_bias, twist_bias, FLOATS, 4, SMASH_OK, 0, 0, "",
      { { "bias", IN, FLOATS, NF, COUNTED }, { "weight_scale", IN, F32S, NF, COUNTED }, { "q", OUT, I32S | BIT(SMASH_I64), ANY, COUNTED }, { "scale", OUT, F32S, ANY, OPT | COUNTED }, NONE } },
    { "smash_quant_simulate_fully_connected", build_connected, run_connected, twist_connected, BIT(SMASH_I8) | BIT(SMASH_I16), 2, SMASH_OK, 0, 0, "",
      { { "input", IN, BIT(SMASH_I8) | BIT(SMASH_I16), ANY, COUNTED }, { "weight", IN, BIT(SMASH_I8) | BIT(SMASH_I4), ANY, 0 }, { "bias", IN, I32S | BIT(SMASH_I64), ANY, OPT | COUNTED },
        { "multiplier", IN, I32S, ANY, COUNTED }, { "shift", IN, I32S, ANY, COUNTED }, { "output", OUT, SAME, ANY, COUNTED }, NONE } },
    { "smash_quant_simulate_convolution", build_convolution, run_convolution, twist_plane, BIT(SMASH_I8) | BIT(SMASH_I16), 2, SMASH_OK, 0, 0, "",
      { { "input", IN, BIT(SMASH_I8) | BIT(SMASH_I16), ANY, 0 }, { "weight", IN, BIT(SMASH_I8) | BIT(SMASH_I4), ANY, 0 }, { "bias", IN, I32S | BIT(SMASH_I64), ANY, OPT | COUNTED },
        { "multiplier", IN, I32S, ANY, COUNTED }, { "shift", IN, I32S, ANY, COUNTED }, { "output", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_simulate_depthwise", build_depthwise, run_depthwise, twist_plane, BIT(SMASH_I8) | BIT(SMASH_I16), 2, SMASH_OK, 0, 0, "",
      { { "input", IN, BIT(SMASH_I8) | BIT(SMASH_I16), ANY, 0 }, { "weight", IN, BIT(SMASH_I8) | BIT(SMASH_I4), ANY, 0 }, { "bias", IN, I32S | BIT(SMASH_I64), ANY, OPT | COUNTED },
        { "multiplier", IN, I32S, ANY, COUNTED }, { "shift", IN, I32S, ANY, COUNTED }, { "output", OUT, SAME, ANY, 0 }, NONE } },
    { "smash_quant_accumulator_bound", build_bound, run_bound, twist_bound, QUANTS, 3, SHAPE, 1, 0, "",
      { { "weight", IN, QUANTS, ANY, FREE }, { "bias", IN, I32S | BIT(SMASH_I64), ANY, OPT | COUNTED }, { "bounds", OUT, BIT(SMASH_I64), ANY, OPT | COUNTED }, NONE } },
};

/* ---- what the comments say ---- */

static char *header;
static const char *section, *section_end;

static void read_header(void)
{
    FILE *f = fopen("smash.h", "rb");
    size_t most = (size_t)1 << 20, n;
    header = (char *)test_exact(most + 1);                           /* the declarations come first */
    CHECK(f != NULL, "smash.h is read from the root of the repository");
    if (!f) exit(test_done());
    n = fread(header, 1, most, f);
    header[n] = 0;
    fclose(f);
    section = strstr(header, " * MARK: - Quantization ");
    section_end = strstr(header, " * MARK: - Distillation ");
    CHECK(section && section_end && section < section_end, "the banners of the sections");
    if (!section || !section_end) exit(test_done());
    header[section_end - header] = 0;
}

/* Every declaration of the section has a row */
static void test_rows(void)
{
    const char *p = section;
    size_t i, calls = 0;
    while ((p = strstr(p, "\nSMASH_API ")) != NULL && p < section_end) {
        const char *name = strchr(p, '('), *end = name;
        size_t n;
        p++;
        while (name > p && name[-1] != ' ' && name[-1] != '*') name--;
        n = (size_t)(end - name);
        for (i = 0; i < COUNT_OF(rows); i++) if (strlen(rows[i].name) == n && !memcmp(rows[i].name, name, n)) break;
        CHECK(i < COUNT_OF(rows), "%.*s has no row", (int)n, name);
        calls++;
    }
    CHECK(calls >= 50, "%d calls", (int)calls);
}

/* The codes that the comment above a declaration names, a bit for each. A tensor on a device every call refuses. */
static uint32_t codes_of(const char *name)
{
    char call[80];
    const char *p, *end, *fails = NULL;
    uint32_t codes = 1u << -SMASH_ERR_DEVICE;
    int err;
    sprintf(call, " %s(", name);
    end = strstr(section, call);
    for (p = section; end && (p = strstr(p, "fails")) != NULL && p < end; p++) fails = p;
    end = fails ? strstr(fails, "*/") : NULL;
    for (err = SMASH_ERR_DEVICE; end && err < 0; err++) {
        p = strstr(fails, smash_err_name((smash_err)err) + strlen("SMASH_ERR_"));
        if (p && p < end) codes |= 1u << -err;
    }
    return codes;
}

/* ---- the cases ---- */

static state *now, *then;                                            /* in memory of their own, which is aligned for all on 32 bits, too */
static smash_ctx ctx;
static unsigned char scratch[SCRATCH + 16];
static char title[200];
static uint32_t named;                                               /* codes in the comment of the call at hand */

/* By words, as memcmp is slow under a sanitizer */
static int same_words(const uint64_t *a, const uint64_t *b, size_t n)
{
    while (n && a[n - 1] == b[n - 1]) n--;
    return !n;
}
static int same(const outs *a, const outs *b)
{
    return same_words(a->pool[0], b->pool[0], TENSORS * REGION / 8) && same_words(a->seen[0], b->seen[0], 2 * BLOCKS * (4 + BINS)) && !memcmp(a->f, b->f, sizeof *a - offsetof(outs, f));
}

static void build(const row *r, int size, smash_dtype type, int variant)
{
    int i;
    memset(now, 0, sizeof *now);
    memset(now->out.pool, 0xA5, sizeof now->out.pool);
    rng = 20261122;
    r->build(now, size, type, variant);
    for (i = 0; i < TENSORS; i++) if (!r->o[i].way) now->p[i] = NULL;
    if (now->no_desc < 0) now->no_desc = 0;                            /* what is built needs its desc */
}

static void lend(size_t bytes)
{
    unsigned char *p = scratch + (16 - (uintptr_t)scratch % 16) % 16;
    smash_arena_init(&ctx.scratch, p, bytes, NULL);
}

static int is_out(const row *r, int i) { return (r->o[i].way & OUT) && now->p[i]; }

/* Outputs back to what they were, so that only the rest is compared */
static void forget_outputs(const row *r)
{
    int i;
    for (i = 0; i < TENSORS; i++) if (is_out(r, i)) memcpy(now->t[i].data, (unsigned char *)then->out.pool + ((unsigned char *)now->t[i].data - (unsigned char *)now->out.pool), now->t[i].bytes);
}

/* The call must give this code; nothing may have been written, but where loose is set to outputs */
static void refuse(const row *r, const char *what, int want, int loose)
{
    smash_err err;
    memcpy(then, now, sizeof *now);
    err = (smash_ctx_reset(&ctx), r->run(&ctx, now));
    CHECK((int)err == want, "%s, %s: %s (%s), not %s", title, what, smash_err_name(err), ctx.message, smash_err_name((smash_err)want));
    CHECK(named >> -(int)err & 1 || !err, "%s, %s: %s is not in the comment", title, what, smash_err_name(err));
    CHECK(!err || (ctx.err == err && ctx.message[0] && ctx.where), "%s, %s: no message", title, what);
    CHECK(ctx.scratch.used == 0, "%s, %s: scratch is kept", title, what);
    if (loose) forget_outputs(r);
    CHECK(same(&then->out, &now->out), "%s, %s: an output was touched", title, what);
}

static void accept(const row *r, const char *what)
{
    smash_err err;
    err = (smash_ctx_reset(&ctx), r->run(&ctx, now));
    CHECK(err == SMASH_OK, "%s, %s: %s (%s)", title, what, smash_err_name(err), ctx.message);
    CHECK(ctx.scratch.used == 0, "%s, %s: scratch is kept", title, what);
}

static void case_good(const row *r, int size, smash_dtype type, int variant)
{
    const char *name = size == ODD ? "odd" : size == ONE ? "one" : "empty";
    static outs first;
    int i, way;
    if (size == EMPTY) {
        build(r, size, type, variant);
        lend(now->scratch);
        if (r->empty != SMASH_OK) { refuse(r, name, r->empty, 0); return; }
    }
    for (way = 0; way < 3; way++) {
        build(r, size, type, variant);
        ctx.no_simd = (uint32_t)way;
        ctx.parallel = way == 2 && !now->scratch ? test_backwards : NULL;
        lend(now->scratch);
        for (i = 0; i < TENSORS; i++) if (r->o[i].way == OUT && now->p[i]) memset(now->t[i].data, way == 1 ? 0x3C : 0x5A, now->t[i].bytes);      /* every byte is written */
        memcpy(then, now, sizeof *now);
        accept(r, name);
        CHECK(way == 0 || same(&first, &now->out), "%s, %s, way %d: other bytes", title, name, way);
        if (way == 0) first = now->out;
        forget_outputs(r);
        if (!r->places) CHECK(same_words(then->out.pool[0], now->out.pool[0], TENSORS * REGION / 8), "%s, %s: more than the outputs was written", title, name);
    }
    ctx.no_simd = 0;
    ctx.parallel = NULL;
    if (size != ODD || variant || !r->types) return;
    build(r, size, type, variant);
    lend(now->scratch);
    now->no_desc = 1;
    if (r->o[0].way && r->build != build_affine && r->build != build_kmeans && r->build != build_float8 && r->build != build_convolution && r->build != build_depthwise) accept(r, "no desc");
}

static void case_alias(const row *r, smash_dtype type, int variant)
{
    static unsigned char apart[REGION];
    int o, i, way;
    for (o = 0; o < TENSORS; o++) for (i = 0; i < TENSORS; i++) for (way = 0; way < 3; way++) {
        const char pair[3] = { (char)('0' + o), (char)('0' + i), 0 };
        char what[80];
        size_t element, shift;
        build(r, ODD, type, variant);
        if (o == i || !is_out(r, o) || !now->p[i] || (r->o[i].way == OUT && i < o)) continue;
        lend(now->scratch);
        element = smash_dtype_bits(now->t[o].dtype) < 8 ? 1 : smash_dtype_bits(now->t[o].dtype) / 8;
        sprintf(what, "%s over %s, way %d", r->o[o].name, r->o[i].name, way);
        if (way == 0 && strstr(r->in_place, pair)) {
            accept(r, "apart");
            memcpy(apart, now->t[o].data, now->t[o].bytes);
            build(r, ODD, type, variant);
            now->t[o].data = now->t[i].data;
            accept(r, what);
            CHECK(!memcmp(apart, now->t[o].data, now->t[o].bytes), "%s, %s: other bytes", title, what);
            continue;
        }
        shift = way == 0 ? 0 : way == 1 ? element : (now->t[o].bytes - 1) / element * element;
        if (way == 1 && shift >= now->t[i].bytes) continue;
        if (way && !shift) continue;
        now->t[o].data = way == 2 ? (unsigned char *)now->t[i].data - shift : (unsigned char *)now->t[i].data + shift;
        refuse(r, what, SMASH_ERR_ARG, 0);
    }
}

static void case_shapes(const row *r, smash_dtype type, int variant)
{
    const size_t half = SIZE_MAX / 2 + 1;
    int i;
    for (i = 0; i < TENSORS; i++) {
        const operand *o = &r->o[i];
        char what[80];
        uint32_t rank, d;
        int wide;
        if (!o->way) continue;
        build(r, ODD, type, variant);
        if (!now->p[i]) continue;
        lend(now->scratch);
        wide = smash_dtype_bits(now->t[i].dtype) >= 16;
        rank = now->t[i].ndim;
        sprintf(what, "%s: product beyond size_t", o->name);
        now->t[i].ndim = 2; now->t[i].shape[0] = half; now->t[i].shape[1] = 3;
        refuse(r, what, SMASH_ERR_OVERFLOW, 0);
        sprintf(what, "%s: bytes beyond size_t", o->name);
        now->t[i].ndim = 1;
        refuse(r, what, wide ? SMASH_ERR_OVERFLOW : SMASH_ERR_SHAPE, 0);
        sprintf(what, "%s: nothing, of a shape beyond size_t", o->name);
        now->t[i].ndim = 3; now->t[i].shape[0] = 0; now->t[i].shape[1] = now->t[i].shape[2] = SIZE_MAX;
        memcpy(then, now, sizeof *now);
        { const smash_err err = (smash_ctx_reset(&ctx), r->run(&ctx, now)); CHECK(err == SMASH_ERR_SHAPE || err == SMASH_ERR_RANGE || err == SMASH_ERR_OVERFLOW, "%s, %s: %s", title, what, smash_err_name(err)); }
        CHECK(same(&then->out, &now->out), "%s, %s: an output was touched", title, what);
        build(r, ODD, type, variant);
        sprintf(what, "%s: 9 axes", o->name);
        now->t[i].ndim = 9;
        refuse(r, what, SMASH_ERR_ARG, 0);
        now->t[i].ndim = rank;
        sprintf(what, "%s: one number more along the last axis", o->name);
        now->t[i].shape[rank - 1]++;
        smash_tensor_bytes(&now->t[i], &now->t[i].bytes);
        if (!(o->flags & FREE)) refuse(r, what, SMASH_ERR_SHAPE, 0);
        build(r, ODD, type, variant);
        sprintf(what, "%s: one axis more", o->name);
        now->t[i].ndim++;
        for (d = rank; d; d--) now->t[i].shape[d] = now->t[i].shape[d - 1];
        now->t[i].shape[0] = 1;
        if (!(o->flags & (FREE | COUNTED))) refuse(r, what, SMASH_ERR_SHAPE, 0);
        build(r, ODD, type, variant);
        sprintf(what, "%s: a byte less", o->name);
        now->t[i].bytes--;
        refuse(r, what, SMASH_ERR_SHAPE, 0);
    }
    build(r, EMPTY, type, variant);                                  /* all of one shape, empty and beyond size_t */
    if (r->empty == SMASH_OK && now->p[0] && now->t[0].ndim > 1 && !strstr(r->name, "simulate")) {
        lend(now->scratch);
        for (i = TENSORS; i--;)
            if (now->p[i] && now->t[i].ndim == now->t[0].ndim) { now->t[i].shape[0] = 0; for (rng = 1; rng < now->t[i].ndim; rng++) now->t[i].shape[rng] = SIZE_MAX; }
            else if (now->p[i] && r->build == build_fold) now->t[i].shape[0] = now->fold.axis ? SIZE_MAX : 0;
        memcpy(then, now, sizeof *now);
        smash_ctx_reset(&ctx);
        { const smash_err err = r->run(&ctx, now); CHECK(err == SMASH_OK || err == SMASH_ERR_SHAPE || err == SMASH_ERR_OVERFLOW, "%s: nothing, beyond size_t: %s", title, smash_err_name(err)); }
        CHECK(same_words(then->out.pool[0], now->out.pool[0], TENSORS * REGION / 8), "%s: nothing, beyond size_t: written", title);
    }
}

static void case_pointers(const row *r, smash_dtype type, int variant)
{
    int i, d;
    for (i = 0; i < TENSORS; i++) {
        const operand *o = &r->o[i];
        char what[80];
        if (!o->way) continue;
        build(r, ODD, type, variant);
        if (!now->p[i]) continue;
        lend(now->scratch);
        now->p[i] = NULL;
        sprintf(what, "no %s", o->name);
        if (o->flags & OPT) accept(r, what);
        else refuse(r, what, SMASH_ERR_ARG, 0);
        build(r, ODD, type, variant);
        sprintf(what, "%s without data", o->name);
        now->t[i].data = NULL;
        refuse(r, what, SMASH_ERR_ARG, 0);
        build(r, ODD, type, variant);
        sprintf(what, "%s on a device", o->name);
        now->t[i].flags = SMASH_TENSOR_DEVICE;
        refuse(r, what, SMASH_ERR_DEVICE, 0);
        if (smash_dtype_bits(now->t[i].dtype) >= 16) {
            build(r, ODD, type, variant);
            sprintf(what, "%s not aligned", o->name);
            now->t[i].data = (unsigned char *)now->t[i].data + 1;
            refuse(r, what, SMASH_ERR_ARG, 0);
        }
        build(r, ODD, type, variant);
        sprintf(what, "%s constant", o->name);
        now->t[i].flags = SMASH_TENSOR_CONST;
        if (o->way & OUT) refuse(r, what, SMASH_ERR_ARG, 0);
        else accept(r, what);
        for (d = 0; d <= SMASH_DTYPE_COUNT; d++) {
            build(r, ODD, type, variant);
            if ((o->dtypes != SAME && d < SMASH_DTYPE_COUNT && o->dtypes >> d & 1) || d == (int)now->t[i].dtype) continue;
            now->t[i].dtype = (smash_dtype)test_int(d);
            sprintf(what, "%s: dtype %d", o->name, d);
            refuse(r, what, SMASH_ERR_DTYPE, 0);
        }
    }
    for (i = 1; i <= r->places; i++) {
        build(r, ODD, type, variant);
        lend(now->scratch);
        now->none = i;
        refuse(r, "NULL for a single output", SMASH_ERR_ARG, 0);
    }
}

static void set_bits(const smash_tensor *t, size_t at, int value)
{
    static const uint64_t wide[3] = { 0x7FF8000000000000u, 0x7FF0000000000000u, 0xFFF0000000000000u };
    static const uint32_t narrow[3] = { 0x7FC00000u, 0x7F800000u, 0xFF800000u };
    static const uint16_t half[2][3] = { { 0x7E00, 0x7C00, 0xFC00 }, { 0x7FC0, 0x7F80, 0xFF80 } };
    const size_t size = smash_dtype_bits(t->dtype) / 8;
    memcpy((unsigned char *)t->data + at * size, size == 8 ? (const void *)&wide[value] : size == 4 ? (const void *)&narrow[value] : (const void *)&half[t->dtype == SMASH_BF16][value], size);
}

/* "7" as a word */
static int tells(const char *message, size_t index)
{
    char digits[24];
    const char *p = message;
    const size_t n = (size_t)sprintf(digits, "%lu", (unsigned long)index);
    while ((p = strstr(p, digits)) != NULL) {
        if (p > message && p[-1] == ' ' && (p[n] == ' ' || p[n] == 0 || p[n] == ',')) return 1;
        p++;
    }
    return 0;
}

static void case_finite(const row *r, smash_dtype type, int variant)
{
    int i, place, value;
    for (i = 0; i < TENSORS; i++) for (place = 0; place < 3; place++) for (value = 0; value < 3; value++) {
        const operand *o = &r->o[i];
        char what[80];
        size_t n, at;
        if (!(o->way & IN)) continue;
        build(r, ODD, type, variant);
        if (!now->p[i] || !(FLOATS >> now->t[i].dtype & 1)) continue;
        lend(now->scratch);
        n = count_of(&now->t[i]);
        at = place == 0 ? 0 : place == 1 ? n / 2 : n - 1;
        set_bits(&now->t[i], at, value);
        sprintf(what, "%s: value %d at %d", o->name, value, (int)at);
        if (o->finite == ANY) { accept(r, what); continue; }
        refuse(r, what, (int)o->finite, (r->flags & LOOSE) && o->finite == NF);
        CHECK(ctx.index == at && tells(ctx.message, at), "%s, %s: index %d, %s", title, what, (int)ctx.index, ctx.message);
    }
}

static void case_scratch(const row *r, smash_dtype type, int variant)
{
    build(r, ODD, type, variant);
    if (!now->scratch) return;
    lend(now->scratch - 1);
    refuse(r, "a byte of scratch less", SMASH_ERR_NOMEM, 0);
    CHECK(ctx.need > 0, "%s: need %d", title, (int)ctx.need);
    build(r, ODD, type, variant);
    lend(0);
    refuse(r, "no scratch", SMASH_ERR_NOMEM, 0);
    lend(now->scratch);
    accept(r, "scratch to the byte");
    CHECK(ctx.scratch.peak == now->scratch, "%s: %d bytes of scratch, %d are documented", title, (int)ctx.scratch.peak, (int)now->scratch);
}

static void case_twists(const row *r, smash_dtype type, int variant)
{
    const char *what = "";
    int k, want;
    for (k = 0; r->twist; k++) {
        build(r, ODD, type, variant);
        lend(now->scratch);
        want = r->twist(now, k, &what);
        if (want == DONE) break;
        if (want != -100) refuse(r, what, want, 0);                  /* -100: not for this variant */
    }
}

int main(void)
{
    size_t i;
    int d, variant;
    now = (state *)test_exact(sizeof *now);
    then = (state *)test_exact(sizeof *then);
    test_ctx(&ctx);
    read_header();
    test_rows();
    for (i = 0; i < COUNT_OF(rows); i++) for (d = 0; d < SMASH_DTYPE_COUNT; d++) for (variant = 0; variant < rows[i].variants; variant++) {
        const row *r = &rows[i];
        const smash_dtype type = (smash_dtype)(r->types ? d : SMASH_F32);
        if (r->types ? !(r->types >> d & 1) : d) continue;
        named = codes_of(r->name);
        sprintf(title, "%s, %s, variant %d", r->name, smash_dtype_name(type), variant);
        case_good(r, ODD, type, variant);
        if (r->o[0].way || r->o[1].way) case_good(r, ONE, type, variant);
        if (r->empty != NO_EMPTY) case_good(r, EMPTY, type, variant);
        case_finite(r, type, variant);
        case_scratch(r, type, variant);
        if (variant && r->types >> d > 1) continue;                  /* all variants of one dtype, all dtypes of one variant */
        case_alias(r, type, variant);
        case_shapes(r, type, variant);
        case_pointers(r, type, variant);
        case_twists(r, type, variant);
    }
    free(now);
    free(then);
    free(header);
    return test_done();
}
