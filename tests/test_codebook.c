/* Codebooks, scales of one byte, k-means and half-quadratic zero points: against searches by brute force, and lists and losses from the formulas. */
#include "../smash.h"
#include "test.h"
#include "../tools/pool.h"
#include "golden/codebook.h"

static const uint32_t INF = 0x7F800000u, NOT_A_NUMBER = 0x7FC00001u;
static double uniform(uint64_t *rng) { return (double)(smash_random(rng) >> 11) / 9007199254740992.0; }

static double normal(uint64_t *rng)
{
    double total = -6.0;
    int i;
    for (i = 0; i < 12; i++) total += uniform(rng);
    return total;
}

/* The weights of tests/golden/codebook.py */
static void golden_weights(int kind, float *w, size_t n)
{
    uint64_t rng = (uint64_t)(2024 + kind);
    size_t i;
    for (i = 0; i < n; i++) {
        double x;
        if (kind == 0) x = 0.05 * normal(&rng);
        else if (kind == 1) {
            const double a = 1 - uniform(&rng);
            x = 0.05 * smash_log(a / (1 - uniform(&rng)));
        } else {
            const double a = normal(&rng), b = normal(&rng), c = normal(&rng), d = normal(&rng);
            x = 0.05 * a / smash_sqrt((b * b + c * c + d * d) / 3);
        }
        w[i] = (float)x;
    }
}

static size_t index_at(const smash_tensor *q, size_t i)
{
    const size_t bits = smash_dtype_bits(q->dtype), per = 8 / bits;
    return (size_t)((const unsigned char *)q->data)[i / per] >> i % per * bits & (((size_t)1 << bits) - 1);
}

/* The nearest code: half way the lower number, of equal ones the first */
static size_t nearest(const float *code, size_t codes, float x)
{
    size_t i, best = 0;
    for (i = 1; i < codes; i++) {
        const double twice = 2 * (double)x, sum = (double)code[i] + (double)code[best];       /* differences of huge numbers and small ones would not tell */
        if (code[i] < code[best] ? twice <= sum : code[i] > code[best] && twice > sum) best = i;
    }
    return best;
}

/* Where a number of a tensor lies in the grid of a desc */
static size_t block_at(const smash_codebook_desc *desc, const smash_grid *grid, const smash_tensor *t, size_t i)
{
    size_t block = 0, stride = 1;
    uint32_t d = t->ndim;
    if (desc->run) return i / desc->run;
    while (d--) {
        block += i % t->shape[d] / grid->block[d] * stride;
        i /= t->shape[d];
        stride *= grid->count[d];
    }
    return block;
}

static smash_codebook_desc desc_of(uint32_t run, smash_grain grain)
{
    smash_codebook_desc d = SMASH_ZERO;
    d.run = run;
    d.grain = grain;
    return d;
}

/* ---- lists ---- */

static void test_tables(smash_ctx *ctx)
{
    static const double nf4[16] = { -1, -.6961928, -.52507305, -.39491749, -.28444138, -.18477343, -.09105004, 0, .0795803, .1609302, .2461123, .33791524, .44070983, .562617, .72295684, 1 };
    static const double fp4[16] = { 0, .0625, 8, 12, 4, 6, 2, 3, 0, -.0625, -8, -12, -4, -6, -2, -3 };
    static float code[257];
    smash_tensor t16 = row_view(code, SMASH_F32, 16), t256 = row_view(code, SMASH_F32, 256), t = t16;
    size_t i;
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_NF4, &t16), SMASH_OK, "nf4");
    for (i = 0; i < 16; i++) CHECK(magnitude((double)code[i] - nf4[i]) < 6e-9 * 8, "nf4 %d: %.9g", (int)i, (double)code[i]);
    CHECK(bits_of(code[1]) == 0xBF3239B1u && bits_of(code[14]) == 0x3F3913B3u, "nf4: %08X %08X", bits_of(code[1]), bits_of(code[14]));
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_FP4, &t16), SMASH_OK, "fp4");
    for (i = 0; i < 16; i++) CHECK(code[i] == (float)(fp4[i] / 12) && (bits_of(code[i]) >> 31) == i / 8, "fp4 %d: %.9g", (int)i, (double)code[i]);
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_DYNAMIC, &t256), SMASH_OK, "dynamic");
    for (i = 0; i < 256; i++) CHECK(bits_of(code[i]) == golden_dynamic[i], "dynamic %d: %.9g, %08X", (int)i, (double)code[i], golden_dynamic[i]);
    code[0] = 77;
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_NF4, &t256), SMASH_ERR_SHAPE, "256 of nf4");
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_DYNAMIC, &t16), SMASH_ERR_SHAPE, "16 of dynamic");
    CHECK_ERR(ctx, smash_codebook_table(ctx, (smash_codebook_kind)test_int(3), &t16), SMASH_ERR_ARG, "kind 3");
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_NF4, NULL), SMASH_ERR_ARG, "no codebook");
    t.dtype = SMASH_F16;
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_NF4, &t), SMASH_ERR_DTYPE, "half");
    t = t16;
    t.flags = SMASH_TENSOR_CONST;
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_NF4, &t), SMASH_ERR_ARG, "constant");
    CHECK(code[0] == 77, "written: %g", (double)code[0]);
}

/* bitsandbytes asks x > midpoint, of constants that are written out; those of nf4 that are no floats are 1 bit off. Midpoints that are floats are ties. */
static void test_as_published(smash_ctx *ctx)
{
    static const float middle[15] = { -0.8480964004993439f, -0.6106329262256622f, -0.4599952697753906f, -0.33967943489551544f, -0.23460740596055984f,
        -0.13791173323988914f, -0.045525018125772476f, 0.03979014977812767f, 0.1202552504837513f, 0.2035212516784668f, 0.2920137718319893f, 0.3893125355243683f,
        0.5016634166240692f, 0.6427869200706482f, 0.8614784181118011f };
    enum { N = 45 + 4096 };
    const uint32_t ties = 0x2AC4u;
    static float x[N];
    static float code[16], one = 1;
    unsigned char q[N];
    const smash_tensor tx = row_view(x, SMASH_F32, N), tc = row_view(code, SMASH_F32, 16), ts = row_view(&one, SMASH_F32, 1), tq = row_view(q, SMASH_U8, N);
    size_t i, j, want;
    for (i = 0; i < 45; i++) x[i] = float_of(bits_of(middle[i / 3]) + (ties >> i / 3 & 1 ? (uint32_t)(i % 3) + 1 : i % 3 == 1 ? 4 : (uint32_t)(i % 3) * 2) - 2);
    for (; i < N; i++) x[i] = (float)((double)(i - 45) / 2048 - 1);
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_NF4, &tc), SMASH_OK, "nf4");
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, NULL, &tx, &tc, &ts, &tq), SMASH_OK, "nf4");
    for (i = 0; i < N; i++) {
        for (want = j = 0; j < 15; j++) want += x[i] > middle[j];
        CHECK(q[i] == want, "%.9g: %d, published %d", (double)x[i], q[i], (int)want);
    }
    CHECK_ERR(ctx, smash_codebook_table(ctx, SMASH_CODEBOOK_FP4, &tc), SMASH_OK, "fp4");
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, NULL, &tx, &tc, &ts, &tq), SMASH_OK, "fp4");
    for (i = 45; i < N; i++) {
        static const struct { float above; unsigned char code; } tree[8] = { { 0.8333333f, 3 }, { 0.583333f, 2 }, { 0.4166667f, 5 }, { 0.29166667f, 4 }, { 0.20833333f, 7 },
                                                                           { 0.0859375f, 6 }, { 0.00260417f, 1 }, { -1, 0 } };
        const float size = x[i] < 0 ? -x[i] : x[i];
        for (j = 0; !(size > tree[j].above); j++) {}
        if (x[i] == -0.0859375f) continue;                            /* less digits than the midpoint has */
        want = tree[j].code ? tree[j].code + (x[i] < 0 ? 8u : 0u) : 0u;         /* there -0 is 8 */
        CHECK(q[i] == want, "%.9g: %d, published %d", (double)x[i], q[i], (int)want);
    }
}

/* ---- quantize, dequantize, distance ---- */

typedef struct shape_case { uint32_t ndim; size_t shape[4]; uint32_t run; int32_t block[4]; uint32_t blocks; } shape_case;   /* blocks: sizes of the block, 9 = an axis */
static const shape_case shape_cases[] = {
    { 0, { 0 }, 0, { 0 }, 0 },                  { 1, { 1 }, 64, { 0 }, 0 },            { 1, { 64 }, 64, { 0 }, 0 },         { 1, { 65 }, 64, { 0 }, 0 },
    { 2, { 7, 19 }, 64, { 0 }, 0 },             { 2, { 7, 19 }, 3, { 0 }, 0 },         { 2, { 7, 19 }, 1, { 0 }, 0 },       { 2, { 7, 19 }, 4000000000u, { 0 }, 0 },
    { 2, { 6, 20 }, 0, { 1, 5 }, 2 },           { 2, { 6, 20 }, 0, { 2, 10 }, 2 },     { 2, { 33, 3 }, 0, { 1 }, 9 },       { 3, { 3, 5, 7 }, 0, { 0 }, 9 },
    { 3, { 3, 5, 7 }, 0, { 2 }, 9 },            { 4, { 4, 6, 3, 3 }, 0, { 2, 3, 1, 3 }, 4 }, { 2, { 64, 100 }, 0, { 0 }, 0 }, { 2, { 3, 21846 }, 64, { 0 }, 0 }
};

static smash_codebook_desc desc_at(const shape_case *c)
{
    return desc_of(c->run, c->run || !c->blocks ? smash_grain_tensor() : c->blocks == 9 ? smash_grain_axis((uint32_t)c->block[0]) : smash_grain_block(c->block, c->blocks));
}

static void test_nearest(smash_ctx *ctx)
{
    static const smash_dtype floats[4] = { SMASH_F32, SMASH_F16, SMASH_BF16, SMASH_F64 };
    enum { N = 65538, CODES = 16 };
    static double data[N], back[N];
    static float plain[N], y[N];
    static unsigned char q[N + 1], again[N];
    static float codes[N * CODES], scales[N];
    uint64_t rng = 5;
    size_t row, i, k;
    uint32_t turn;
    for (row = 0; row < COUNT_OF(shape_cases); row++)
        for (turn = 0; turn < 12; turn++) {
            const shape_case *c = &shape_cases[row];
            smash_codebook_desc desc = desc_at(c);
            const smash_dtype dtype = floats[turn % 4];
            smash_tensor x = test_view(dtype, data, c->ndim, c->shape), tb = test_view(dtype, back, c->ndim, c->shape), p = test_view(SMASH_F32, plain, c->ndim, c->shape);
            smash_tensor ty = test_view(SMASH_F32, y, c->ndim, c->shape), code, scale, tq, t2;
            const int own = turn % 3 == 1, scaled = turn % 3 != 2;
            size_t n, n_codes = turn % 3 == 0 ? 16 : 1 + smash_random(&rng) % (own ? 7 : 16), shape[SMASH_MAX_DIMS];
            smash_grid grid;
            smash_distance a, b;
            uint32_t d;
            if (desc.run) desc.grain.kind = SMASH_GRAIN_DEFAULT;
            smash_tensor_count(&x, &n);
            if (n > 1000 && turn > 4) continue;
            for (i = 0; i < n; i++) {
                plain[i] = (float)normal(&rng);
                if (turn >= 8) plain[i] = (float)((double)(smash_random(&rng) % 9) / 4 - 1);                /* ties */
                if (turn == 5) plain[i] = float_of(bits_of(plain[i]) & 0x807FFFFFu);
                if (turn == 6) plain[i] = i % 5 ? 0 : -plain[i];
            }
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &p, &x), SMASH_OK, "row %d", (int)row);
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &x, &p), SMASH_OK, "row %d", (int)row);
            if (desc.run) {
                memset(&grid, 0, sizeof grid);
                grid.ndim = 1;
                grid.count[0] = grid.blocks = (n + desc.run - 1) / desc.run;
            } else if (smash_grid_make(ctx, &desc.grain, &x, &grid)) { CHECK(0, "row %d: no grid", (int)row); continue; }
            for (d = 0; d < grid.ndim; d++) shape[d] = grid.count[d];
            scale = test_view(SMASH_F32, scales, grid.ndim, shape);
            shape[grid.ndim] = n_codes;
            code = own ? test_view(SMASH_F32, codes, grid.ndim + 1, shape) : row_view(codes, SMASH_F32, n_codes);
            smash_tensor_count(&code, &k);
            for (i = 0; i < k; i++) codes[i] = turn >= 8 ? (float)((double)(smash_random(&rng) % 9) / 4 - 1) : (float)normal(&rng);
            if (turn % 3 == 0) {
                smash_codebook_table(ctx, turn % 2 ? SMASH_CODEBOOK_NF4 : SMASH_CODEBOOK_FP4, &code);
                CHECK_ERR(ctx, smash_codebook_fit(ctx, &desc, &x, &scale), SMASH_OK, "row %d", (int)row);
                for (i = 0; i < grid.blocks; i++) {
                    float most = 0;
                    for (k = 0; k < n; k++) if (block_at(&desc, &grid, &x, k) == i && (float)magnitude((double)plain[k]) > most) most = (float)magnitude((double)plain[k]);
                    if (n > 1000 && i > 20) break;
                    CHECK(scales[i] == most, "row %d, turn %d, block %d: %.9g, want %.9g", (int)row, (int)turn, (int)i, (double)scales[i], (double)most);
                }
            } else for (i = 0; i < grid.blocks; i++) scales[i] = smash_random(&rng) % 5 ? (float)normal(&rng) : 0;
            tq = test_view(n_codes <= 4 ? SMASH_U2 : turn == 3 ? SMASH_U8 : SMASH_U4, q, c->ndim, c->shape);
            t2 = tq;
            t2.data = again;
            memset(q, 0xFF, sizeof q);
            CHECK_ERR(ctx, smash_codebook_quantize(ctx, &desc, &x, &code, scaled ? &scale : NULL, &tq), SMASH_OK, "row %d, turn %d", (int)row, (int)turn);
            CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &desc, &tq, &code, scaled ? &scale : NULL, &ty), SMASH_OK, "row %d, turn %d", (int)row, (int)turn);
            for (i = 0; i < n; i++) {
                const size_t block = block_at(&desc, &grid, &x, i);
                const float s = scaled ? scales[block] : 1, ratio = scaled ? (s == 0 ? 0 : plain[i] / s) : plain[i], *of = codes + (own ? block * n_codes : 0);
                const size_t want = nearest(of, n_codes, ratio), got = index_at(&tq, i);
                CHECK(got == want, "row %d, turn %d, number %d, %.9g / %.9g: %d, want %d", (int)row, (int)turn, (int)i, (double)plain[i], (double)s, (int)got, (int)want);
                CHECK(y[i] == of[want] * s, "row %d, turn %d, number %d: %.9g", (int)row, (int)turn, (int)i, (double)y[i]);
            }
            if (tq.dtype != SMASH_U8 && n % (8 / smash_dtype_bits(tq.dtype)))
                CHECK(q[tq.bytes - 1] >> n % (8 / smash_dtype_bits(tq.dtype)) * smash_dtype_bits(tq.dtype) == 0, "row %d: spare bits", (int)row);
            CHECK(q[tq.bytes] == 0xFF, "row %d: a byte too many", (int)row);
            CHECK_ERR(ctx, smash_codebook_measure(ctx, &desc, &x, &code, scaled ? &scale : NULL, &tq, &a), SMASH_OK, "row %d", (int)row);
            CHECK_ERR(ctx, smash_tensor_distance(ctx, &x, &ty, &b), SMASH_OK, "row %d", (int)row);
            CHECK(memcmp(&a.mse, &b.mse, 8) == 0 && memcmp(&a.max_abs_error, &b.max_abs_error, 8) == 0 && memcmp(&a.snr_db, &b.snr_db, 8) == 0 && memcmp(&a.cosine, &b.cosine, 8) == 0 &&
                  a.count == b.count && a.zeros_a == b.zeros_a && a.zeros_b == b.zeros_b, "row %d, turn %d: %.17g %.17g", (int)row, (int)turn, a.mse, b.mse);
            CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &desc, &tq, &code, scaled ? &scale : NULL, &tb), SMASH_OK, "row %d", (int)row);
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &ty, &x), SMASH_OK, "row %d", (int)row);
            CHECK(memcmp(data, back, tb.bytes) == 0, "row %d, turn %d: %s", (int)row, (int)turn, smash_dtype_name(dtype));
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &p, &x), SMASH_OK, "row %d", (int)row);
            for (ctx->no_simd = 1; ctx->no_simd < 3; ctx->no_simd++) {
                memset(again, 0, sizeof again);
                CHECK_ERR(ctx, smash_codebook_quantize(ctx, &desc, &x, &code, scaled ? &scale : NULL, &t2), SMASH_OK, "row %d", (int)row);
                CHECK(memcmp(q, again, tq.bytes) == 0, "row %d, turn %d: scalar code differs", (int)row, (int)turn);
            }
            ctx->no_simd = 0;
        }
}

/* 256 codes, in any order, and each tie */
static void test_many_codes(smash_ctx *ctx)
{
    enum { N = 3000 };
    static float code[256], x[N];
    unsigned char q[N];
    const smash_tensor tx = row_view(x, SMASH_F32, N), tq = row_view(q, SMASH_U8, N);
    uint64_t rng = 9;
    size_t codes, i;
    for (codes = 1; codes <= 256; codes += codes < 40 ? 1 : 27) {
        const smash_tensor tc = row_view(code, SMASH_F32, codes);
        for (i = 0; i < codes; i++) code[i] = (float)((double)(smash_random(&rng) % 512) / 16 - 16);
        for (i = 0; i < N; i++) x[i] = (float)((double)(smash_random(&rng) % 2048) / 64 - 16);
        x[0] = float_of(0x7F7FFFFFu); x[1] = float_of(0xFF7FFFFFu); x[2] = float_of(1); x[3] = float_of(0x80000001u);
        CHECK_ERR(ctx, smash_codebook_quantize(ctx, NULL, &tx, &tc, NULL, &tq), SMASH_OK, "%d codes", (int)codes);
        for (i = 0; i < N; i++) CHECK(q[i] == nearest(code, codes, x[i]), "%d codes, %.9g: %d, want %d", (int)codes, (double)x[i], q[i], (int)nearest(code, codes, x[i]));
    }
    {
        const smash_tensor tc = row_view(code, SMASH_F32, 4), few = row_view(x, SMASH_F32, 6), u2 = row_view(q, SMASH_U2, 6);
        code[0] = float_of(0x80000000u); code[1] = 0; code[2] = float_of(0x80000001u); code[3] = float_of(0x7F7FFFFFu);
        x[0] = 0; x[1] = float_of(0x80000000u); x[2] = float_of(1); x[3] = float_of(0x80000001u); x[4] = float_of(0x7F000000u); x[5] = float_of(0x7F7FFFFFu);
        CHECK_ERR(ctx, smash_codebook_quantize(ctx, NULL, &few, &tc, NULL, &u2), SMASH_OK, "ends");
        for (i = 0; i < 6; i++) CHECK(index_at(&u2, i) == (i == 3 ? 2u : i == 5 || i == 4 ? 3u : 0u), "%.9g: %d", (double)x[i], (int)index_at(&u2, i));
    }
}

static void test_codebook_errors(smash_ctx *ctx)
{
    static const size_t shape[2] = { 4, 6 }, empty[2] = { 0, 3 }, own[3] = { 4, 1, 16 }, rows[2] = { 4, 1 };
    static float x[24], y[24], code[64], s[4] = { 1, 1, 1, 1 };
    unsigned char q[24], buffer[1300];
    smash_tensor tx = test_view(SMASH_F32, x, 2, shape), ty = test_view(SMASH_F32, y, 2, shape), tc = row_view(code, SMASH_F32, 16), ts = test_view(SMASH_F32, s, 2, rows);
    smash_tensor tq = test_view(SMASH_U4, q, 2, shape), t;
    smash_codebook_desc d = desc_of(0, smash_grain_out_channel()), bad = d;
    smash_distance out;
    smash_ctx small;
    size_t i;
    for (i = 0; i < 24; i++) { x[i] = (float)i / 24 - 0.5f; y[i] = 99; }
    memset(q, 0x77, sizeof q);
    smash_codebook_table(ctx, SMASH_CODEBOOK_NF4, &tc);
    bad.zero_end = 1;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &bad, &tx, &tc, &ts, &tq), SMASH_ERR_ARG, "desc");
    CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &bad, &tq, &tc, &ts, &ty), SMASH_ERR_ARG, "desc");
    CHECK_ERR(ctx, smash_codebook_fit(ctx, &bad, &tx, &ts), SMASH_ERR_ARG, "desc");
    bad = d;
    bad.run = 64;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &bad, &tx, &tc, &ts, &tq), SMASH_ERR_ARG, "run and grain");
    CHECK(strstr(ctx->message, "a run and for a granularity"), "%s", ctx->message);
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, NULL, &tc, &ts, &tq), SMASH_ERR_ARG, "no weights");
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, NULL, &ts, &tq), SMASH_ERR_ARG, "no codebook");
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, NULL), SMASH_ERR_ARG, "no indexes");
    CHECK_ERR(ctx, smash_codebook_measure(ctx, &d, &tx, &tc, &ts, &tq, NULL), SMASH_ERR_ARG, "no result");
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &tx, &tq), SMASH_ERR_SHAPE, "scale of another shape");
    t = tq; t.dtype = SMASH_I4;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, &t), SMASH_ERR_DTYPE, "i4");
    t = tq; t.dtype = SMASH_U2;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, &t), SMASH_ERR_DTYPE, "u2 for 16 codes");
    CHECK(strstr(ctx->message, "are U2, which cannot hold 16 codes"), "%s", ctx->message);
    t = tx; t.dtype = SMASH_I32;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &t, &tc, &ts, &tq), SMASH_ERR_DTYPE, "i32");
    t = tq; t.shape[0] = 3;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, &t), SMASH_ERR_SHAPE, "indexes of another shape");
    t = test_view(SMASH_F32, code, 3, own);
    t.shape[0] = 3;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &t, &ts, &tq), SMASH_ERR_SHAPE, "codes of 3 rows");
    t = row_view(code, SMASH_F32, 0);
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &t, &ts, &tq), SMASH_ERR_SHAPE, "no codes");
    t = row_view(code, SMASH_F32, 257);
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &t, &ts, &tq), SMASH_ERR_SHAPE, "257 codes");
    bad = desc_of(0, smash_grain_axis(2));
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &bad, &tx, &tc, &ts, &tq), SMASH_ERR_SHAPE, "axis 2");
    t = test_view(SMASH_F32, x, 2, empty);
    CHECK_ERR(ctx, smash_codebook_fit(ctx, &d, &t, &ts), SMASH_ERR_SHAPE, "empty");
    t = tq; t.data = x;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, &t), SMASH_ERR_ARG, "indexes over the weights");
    t = ts; t.data = q;
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &t, &tq), SMASH_ERR_ARG, "scale over the indexes");
    t = ts; t.data = x;
    CHECK_ERR(ctx, smash_codebook_fit(ctx, &d, &tx, &t), SMASH_ERR_ARG, "scale over the weights");
    s[2] = float_of(INF);
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, &tq), SMASH_ERR_RANGE, "scale Inf");
    CHECK(ctx->index == 2, "index %d", (int)ctx->index);
    CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &d, &tq, &tc, &ts, &ty), SMASH_ERR_RANGE, "scale Inf");
    s[2] = 1;
    code[5] = float_of(NOT_A_NUMBER);
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, &tq), SMASH_ERR_RANGE, "code NaN");
    CHECK(ctx->index == 5, "index %d", (int)ctx->index);
    CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &d, &tq, &tc, &ts, &ty), SMASH_ERR_RANGE, "code NaN");
    smash_codebook_table(ctx, SMASH_CODEBOOK_NF4, &tc);
    t = row_view(code, SMASH_F32, 7);
    q[4] = 0x76;
    CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &d, &tq, &t, &ts, &ty), SMASH_ERR_RANGE, "index 7 of 7");
    CHECK(ctx->index == 0 && strstr(ctx->message, "is index 7, but the codebook has 7"), "%d %s", (int)ctx->index, ctx->message);
    CHECK_ERR(ctx, smash_codebook_measure(ctx, &d, &tx, &t, &ts, &tq, &out), SMASH_ERR_RANGE, "index 7 of 7");
    q[4] = 0x77;
    CHECK(y[0] == 99 && y[23] == 99, "written: %g", (double)y[0]);
    for (i = 0; i < 13; i++) CHECK(q[i] == 0x77, "byte %d written", (int)i);
    smash_ctx_init(&small);
    smash_arena_init(&small.scratch, buffer + (16 - (size_t)buffer % 16) % 16, 1279, NULL);
    CHECK_ERR(&small, smash_codebook_quantize(&small, &d, &tx, &tc, &ts, &tq), SMASH_ERR_NOMEM, "a byte too few");
    CHECK(small.need == 1 && q[0] == 0x77, "need %d", (int)small.need);
    smash_arena_init(&small.scratch, buffer + (16 - (size_t)buffer % 16) % 16, 1280, NULL);
    CHECK_ERR(&small, smash_codebook_quantize(&small, &d, &tx, &tc, &ts, &tq), SMASH_OK, "just enough");
    CHECK(smash_codebook_quantize(NULL, &d, &tx, &tc, &ts, &tq) == SMASH_ERR_NOMEM, "no ctx");
    for (i = 0; i < 24; i += 23) {
        const float was = x[i];
        x[i] = float_of(i ? NOT_A_NUMBER : INF);
        CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, &tq), SMASH_ERR_NONFINITE, "number %d", (int)i);
        CHECK(ctx->index == i, "index %d", (int)ctx->index);
        CHECK_ERR(ctx, smash_codebook_fit(ctx, &d, &tx, &ts), SMASH_ERR_NONFINITE, "number %d", (int)i);
        CHECK(ctx->index == i && s[3] == 1, "index %d", (int)ctx->index);
        x[i] = was;
    }
    {
        double wide[24] = { 0 };
        const smash_tensor tw = test_view(SMASH_F64, wide, 2, shape);
        wide[9] = 1e300;
        CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tw, &tc, &ts, &tq), SMASH_ERR_NONFINITE, "1e300");
        CHECK(ctx->index == 9 && strstr(ctx->message, "beyond the range of F32"), "%d %s", (int)ctx->index, ctx->message);
    }
    for (i = 0; i < 24; i++) x[i] = 0;                               /* a block of zeros: scale 0, and 0 comes back */
    CHECK_ERR(ctx, smash_codebook_fit(ctx, &d, &tx, &ts), SMASH_OK, "zeros");
    CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, &ts, &tq), SMASH_OK, "zeros");
    CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &d, &tq, &tc, &ts, &ty), SMASH_OK, "zeros");
    for (i = 0; i < 24; i++) CHECK(bits_of(y[i]) == 0 && s[i / 6] == 0 && index_at(&tq, i) == 7, "number %d: %g", (int)i, (double)y[i]);
}

/* ---- scales of one byte ---- */

static void test_scales(smash_ctx *ctx)
{
    static const size_t counts[] = { 0, 1, 2, 255, 256, 257, 1000 };
    enum { MOST = 1000 };
    static float s[MOST], back[MOST], code[256], blocks[4], offset;
    unsigned char q[MOST];
    const smash_tensor tc = row_view(code, SMASH_F32, 256), to = row_view(&offset, SMASH_F32, 1);
    uint64_t rng = 3;
    size_t row, i, n, kind;
    smash_codebook_table(ctx, SMASH_CODEBOOK_DYNAMIC, &tc);
    for (row = 0; row < COUNT_OF(counts); row++)
        for (kind = 0; kind < 5; kind++) {
            const smash_tensor ts = row_view(s, SMASH_F32, counts[row]), tq = row_view(q, SMASH_U8, counts[row]), tb = row_view(back, SMASH_F32, counts[row]);
            const smash_tensor tk = row_view(blocks, SMASH_F32, (counts[row] + 255) / 256);
            double mean = 0, most = 0, error = 0;
            n = counts[row];
            for (i = 0; i < n; i++) {
                s[i] = (float)(0.1 + 0.02 * normal(&rng));
                if (kind == 1) s[i] = 0.25f;
                if (kind == 2) s[i] = 0;
                if (kind == 3) s[i] = float_of((uint32_t)(smash_random(&rng) % 1000));
                if (kind == 4) s[i] = float_of(0x7E000000u + (uint32_t)(smash_random(&rng) % 0x800000u));
                mean += (double)s[i];
            }
            if (n) mean /= (double)n;
            CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &tq, &tk, &to), SMASH_OK, "%d of kind %d", (int)n, (int)kind);
            CHECK(offset == (float)mean, "%d of kind %d: mean %.9g, want %.9g", (int)n, (int)kind, (double)offset, mean);
            CHECK_ERR(ctx, smash_codebook_unpack_scales(ctx, &tq, &tc, &tk, &to, &tb), SMASH_OK, "%d of kind %d", (int)n, (int)kind);
            for (i = 0; i < n; i++) {
                const float moved = s[i] - offset, b = blocks[i / 256], ratio = b == 0 ? 0 : moved / b;
                if (i % 256 == 0) {
                    size_t k;
                    for (most = 0, k = i; k < n && k < i + 256; k++) if (magnitude((double)(s[k] - offset)) > most) most = magnitude((double)(s[k] - offset));
                    CHECK((double)b == most, "%d of kind %d, block %d: %.9g, want %.9g", (int)n, (int)kind, (int)(i / 256), (double)b, most);
                }
                CHECK(q[i] == nearest(code, 256, ratio), "%d of kind %d, scale %d: %d", (int)n, (int)kind, (int)i, q[i]);
                CHECK(back[i] == (float)((double)code[q[i]] * (double)b + (double)offset), "%d of kind %d, scale %d: %.9g", (int)n, (int)kind, (int)i, (double)back[i]);
                if (magnitude((double)back[i] - (double)s[i]) > error) error = magnitude((double)back[i] - (double)s[i]);
            }
            CHECK(error <= 0.0075 * most + 1e-6 * magnitude(mean) + 1e-44 || n > 256, "%d of kind %d: %g, of %g", (int)n, (int)kind, error, most);     /* steps of the largest decade are 0.9 / 64 */
        }
    {
        const smash_tensor ts = row_view(s, SMASH_F32, 300), tq = row_view(q, SMASH_U8, 300), tk = row_view(blocks, SMASH_F32, 2), tb = row_view(back, SMASH_F32, 300);
        smash_tensor t;
        unsigned char buffer[1300];
        smash_ctx small;
        for (i = 0; i < 300; i++) s[i] = (float)uniform(&rng);
        memset(q, 0x55, sizeof q);
        offset = 5;
        blocks[0] = 6;
        s[299] = float_of(NOT_A_NUMBER);
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &tq, &tk, &to), SMASH_ERR_NONFINITE, "NaN");
        CHECK(ctx->index == 299, "index %d", (int)ctx->index);
        for (i = 0; i < 300; i++) s[i] = float_of(0x7F7FFFFFu);
        s[7] = -s[7];
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &tq, &tk, &to), SMASH_ERR_NONFINITE, "too far from the mean");
        CHECK(ctx->index == 7, "index %d", (int)ctx->index);
        for (i = 0; i < 300; i++) s[i] = (float)uniform(&rng);
        t = tk; t.shape[0] = 1;
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &tq, &t, &to), SMASH_ERR_SHAPE, "one block");
        t = to; t.shape[0] = 0;
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &tq, &tk, &t), SMASH_ERR_SHAPE, "no offset");
        t = tq; t.shape[0] = 299;
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &t, &tk, &to), SMASH_ERR_SHAPE, "299 bytes");
        t = tq; t.dtype = SMASH_I8;
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &t, &tk, &to), SMASH_ERR_DTYPE, "i8");
        t = tq; t.data = s;
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &t, &tk, &to), SMASH_ERR_ARG, "in place");
        t = to; t.data = blocks;
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, &tc, &tq, &tk, &t), SMASH_ERR_ARG, "offset over the blocks");
        CHECK_ERR(ctx, smash_codebook_pack_scales(ctx, &ts, NULL, &tq, &tk, &to), SMASH_ERR_ARG, "no codebook");
        CHECK(q[0] == 0x55 && q[299] == 0x55 && offset == 5 && blocks[0] == 6, "written");
        smash_ctx_init(&small);
        smash_arena_init(&small.scratch, buffer + (16 - (size_t)buffer % 16) % 16, 1279, NULL);
        CHECK_ERR(&small, smash_codebook_pack_scales(&small, &ts, &tc, &tq, &tk, &to), SMASH_ERR_NOMEM, "a byte too few");
        CHECK(small.need == 1 && q[0] == 0x55 && offset == 5 && blocks[0] == 6, "need %d", (int)small.need);
        smash_arena_init(&small.scratch, buffer + (16 - (size_t)buffer % 16) % 16, 1280, NULL);
        CHECK_ERR(&small, smash_codebook_pack_scales(&small, &ts, &tc, &tq, &tk, &to), SMASH_OK, "just enough");
        t = row_view(code, SMASH_F32, q[3]);
        if (q[3] > 0) CHECK_ERR(ctx, smash_codebook_unpack_scales(ctx, &tq, &t, &tk, &to, &tb), SMASH_ERR_RANGE, "index beyond the codes");
        blocks[1] = float_of(INF);
        CHECK_ERR(ctx, smash_codebook_unpack_scales(ctx, &tq, &tc, &tk, &to, &tb), SMASH_ERR_RANGE, "block Inf");
        blocks[1] = offset = float_of(0x7F7FFFFFu);
        q[299] = 255;
        CHECK_ERR(ctx, smash_codebook_unpack_scales(ctx, &tq, &tc, &tk, &to, &tb), SMASH_ERR_RANGE, "sum beyond float");
    }
}

/* ---- k-means ---- */

static int by_number(const void *a, const void *b) { const float x = *(const float *)a, y = *(const float *)b; return (x > y) - (x < y); }

static double error_of(const float *x, size_t n, const float *code, size_t codes)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        const double d = (double)x[i] - (double)code[nearest(code, codes, x[i])];
        volatile double square = d * d;
        sum += square;
    }
    return sum;
}

/* Lloyd's steps as they are told in the comment */
static void plain_kmeans(const float *x, size_t n, size_t codes, int quantile, uint32_t iterations, float *best)
{
    float code[256], *sorted = (float *)test_exact(n * sizeof *sorted), far_at[256];
    double sum[256], part[256], far[256], least = 0;
    size_t count[256], i, j, m;
    uint32_t turn;
    memcpy(sorted, x, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_number);
    for (i = 0; i < codes; i++) {
        volatile double part = ((double)sorted[n - 1] - (double)sorted[0]) * (double)i;
        code[i] = quantile ? sorted[(2 * i + 1) * n / (2 * codes)] : (float)((double)sorted[0] + part / (double)(codes - 1));
    }
    for (turn = 0; ; turn++) {
        const double error = error_of(x, n, code, codes);
        int moved = 0;
        if (!turn || error < least) { least = error; memcpy(best, code, codes * sizeof *code); }
        if (turn == iterations) break;
        for (i = 0; i < codes; i++) { sum[i] = part[i] = far[i] = 0; count[i] = 0; far_at[i] = 0; }
        for (i = 0; i < n; i++) {
            if (i && i % 65536 == 0) for (j = 0; j < codes; j++) { sum[j] += part[j]; part[j] = 0; }
            const size_t at = nearest(code, codes, x[i]);
            const double d = magnitude((double)x[i] - (double)code[at]);
            part[at] += (double)x[i];
            count[at]++;
            if (d > far[at]) { far[at] = d; far_at[at] = x[i]; }
        }
        for (i = 0; i < codes; i++) {
            float to = code[i];
            sum[i] += part[i];
            if (count[i]) to = (float)(sum[i] / (double)count[i]);
            else {
                for (m = 0, j = 1; j < codes; j++) if (far[j] > far[m]) m = j;
                if (far[m] > 0) to = far_at[m];
                far[m] = 0;
            }
            moved |= to != code[i];
            code[i] = to;
        }
        qsort(code, codes, sizeof *code, by_number);
        if (!moved) break;
    }
    free(sorted);
}

static void test_kmeans(smash_ctx *ctx)
{
    enum { N = 1200 };
    static float x[N];
    static float code[256], want[256], start[256];
    smash_codebook_desc d = SMASH_ZERO;
    uint64_t rng = 77;
    size_t n, i;
    uint32_t kind;
    for (d.bits = 1; d.bits <= 8; d.bits++)
        for (kind = 0; kind < 10; kind++)
            for (n = 1; n <= N; n = n < 3 ? n + 1 : n < 40 ? 40 : n < N ? N : N + 1) {
                const size_t codes = (size_t)1 << d.bits;
                const smash_tensor tx = row_view(x, SMASH_F32, n), tc = row_view(code, SMASH_F32, codes);
                double got, least;
                d.start = kind % 2 ? SMASH_START_QUANTILE : SMASH_START_LINEAR;
                d.iterations = kind == 8 ? 1 : kind == 9 ? 3 : 0;
                for (i = 0; i < n; i++) {
                    x[i] = (float)normal(&rng);
                    if (kind / 2 == 1) x[i] = (float)(smash_random(&rng) % 5);                          /* fewer numbers than codes */
                    if (kind / 2 == 2) x[i] = smash_random(&rng) % 3 ? 0 : x[i] * x[i] * x[i];           /* pruned, with long tails */
                    if (kind == 6) x[i] = float_of((uint32_t)(smash_random(&rng) % 4000) | (i % 2 ? 0x80000000u : 0));
                    if (kind == 7) x[i] = float_of(0x7F7FFFFFu ^ (uint32_t)(smash_random(&rng) % 2) << 31 ^ (uint32_t)(smash_random(&rng) % 0x400000u));
                }
                memset(code, 0x11, sizeof code);
                CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &tx, &tc), SMASH_OK, "%u bits, kind %u, %d numbers", d.bits, kind, (int)n);
                plain_kmeans(x, n, codes, kind % 2, d.iterations ? d.iterations : 20, want);
                for (i = 0; i < codes; i++)
                    CHECK(code[i] == want[i] && (!i || code[i - 1] <= code[i]), "%u bits, kind %u, %d numbers, code %d: %.9g, want %.9g", d.bits, kind, (int)n, (int)i, (double)code[i], (double)want[i]);
                plain_kmeans(x, n, codes, kind % 2, 0, start);
                got = error_of(x, n, code, codes);
                least = error_of(x, n, start, codes);
                CHECK(got <= least, "%u bits, kind %u, %d numbers: %g is worse than the start, %g", d.bits, kind, (int)n, got, least);
                if (kind / 2 == 1 && d.bits > 2) CHECK(got == 0, "%u bits, kind %u, %d numbers: %g", d.bits, kind, (int)n, got);
            }
}

/* Chunks are added up one after the other; 1, 2 and 5 threads give the same bytes, as does one that goes backwards. */
static void test_threads(smash_ctx *ctx)
{
    enum { N = 300003, WIDE = 8192, TALL = 36, RUN = 64 };
    static float x[N], want[256 * TALL], code[256 * TALL], scale[(N + RUN - 1) / RUN], scale2[(N + RUN - 1) / RUN], y[N], y2[N];
    static unsigned char q[N], q2[N];
    static const size_t threads[3] = { 1, 2, 5 };
    static const struct { uint32_t run; int32_t block[2]; uint32_t bits; smash_codebook_start start; } rows[] = {
        { 0, { 0, 0 }, 4, SMASH_START_LINEAR }, { 0, { 0, 0 }, 8, SMASH_START_QUANTILE }, { 0, { 0, 0 }, 1, SMASH_START_QUANTILE }, { 0, { 1, -1 }, 4, SMASH_START_LINEAR }, { 0, { 1, -1 }, 3, SMASH_START_QUANTILE },
        { 0, { 18, -1 }, 4, SMASH_START_LINEAR }, { 0, { -1, 4096 }, 2, SMASH_START_LINEAR }, { 0, { -1, 4096 }, 4, SMASH_START_QUANTILE }, { 100000, { 0, 0 }, 4, SMASH_START_QUANTILE }, { 9000, { 0, 0 }, 4, SMASH_START_LINEAR } };
    const size_t shape[2] = { TALL, WIDE };
    uint64_t rng = 5;
    size_t i, r, t;
    for (i = 0; i < N; i++) x[i] = (float)normal(&rng) * (float)(1 + i / 70000);
    for (r = 0; r < COUNT_OF(rows); r += test_count(1, 3)) {
        const size_t n = rows[r].block[0] ? (size_t)TALL * WIDE : N, codes = (size_t)1 << rows[r].bits;
        const smash_tensor tx = rows[r].block[0] ? test_view(SMASH_F32, x, 2, shape) : row_view(x, SMASH_F32, N);
        const smash_dtype dtype = rows[r].bits == 4 ? SMASH_U4 : SMASH_U8;
        smash_tensor tc, ts, tq = test_view(dtype, q, tx.ndim, tx.shape), ty = test_view(SMASH_F32, y, tx.ndim, tx.shape);
        smash_codebook_desc d = SMASH_ZERO;
        size_t dims[4] = { 1, 1, 1, 1 }, blocks = 1, of = 0;
        if (rows[r].run) dims[of++] = (n + rows[r].run - 1) / rows[r].run;
        else if (rows[r].block[0]) { dims[of++] = rows[r].block[0] < 0 ? 1 : (size_t)(TALL / rows[r].block[0]); dims[of++] = rows[r].block[1] < 0 ? 1 : (size_t)(WIDE / rows[r].block[1]); }
        else of = 1;
        for (i = 0; i < of; i++) blocks *= dims[i];
        d.run = rows[r].run;
        if (rows[r].block[0]) d.grain = smash_grain_block(rows[r].block, 2);
        d.bits = rows[r].bits;
        d.start = rows[r].start;
        d.iterations = 6;
        ts = test_view(SMASH_F32, scale, (uint32_t)of, dims);
        dims[of] = codes;
        tc = blocks > 1 ? test_view(SMASH_F32, code, (uint32_t)of + 1, dims) : row_view(code, SMASH_F32, codes);
        for (t = 0; t < 5; t++) {
            pool p;
            if (t == 4) ctx->parallel = test_backwards;
            else if (t) pool_start(&p, ctx, threads[t - 1]);
            memset(q, 0x11, sizeof q);
            memset(y, 0x11, sizeof y);
            memset(scale, 0x11, sizeof scale);
            CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &tx, &tc), SMASH_OK, "row %d", (int)r);
            CHECK_ERR(ctx, smash_codebook_fit(ctx, &d, &tx, &ts), SMASH_OK, "row %d", (int)r);
            CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, r % 2 ? &ts : NULL, &tq), SMASH_OK, "row %d", (int)r);
            CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &d, &tq, &tc, r % 2 ? &ts : NULL, &ty), SMASH_OK, "row %d", (int)r);
            if (t == 4) ctx->parallel = NULL;
            else if (t) pool_stop(&p, ctx);
            if (t == 3) {
                const float was = x[n - 1], other = x[n / 3];
                x[n / 3] = x[n - 1] = float_of(INF);
                CHECK_ERR(ctx, smash_codebook_fit(ctx, &d, &tx, &ts), SMASH_ERR_NONFINITE, "row %d", (int)r);
                CHECK(ctx->index == n / 3, "row %d: index %d", (int)r, (int)ctx->index);
                CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &tx, &tc), SMASH_ERR_NONFINITE, "row %d", (int)r);
                x[n / 3] = other;
                x[n - 1] = was;
            }
            if (!t) { memcpy(want, code, sizeof code); memcpy(scale2, scale, sizeof scale); memcpy(q2, q, sizeof q); memcpy(y2, y, sizeof y); }
            CHECK(!memcmp(want, code, blocks * codes * sizeof *code) && !memcmp(scale, scale2, sizeof scale) && !memcmp(q, q2, sizeof q) && !memcmp(y, y2, sizeof y), "row %d, turn %d: other bytes", (int)r, (int)t);
        }
        if (blocks == 1) {
            float plain[256];
            plain_kmeans(x, n, codes, (int)d.start, 6, plain);
            CHECK(!memcmp(plain, want, codes * sizeof *plain), "row %d: not as the sums of chunks", (int)r);
        }
        for (i = 0; i < (rows[r].block[0] == 1 || rows[r].run || blocks == 1 ? blocks : 0); i++) {
            const size_t from = i * (rows[r].run ? rows[r].run : n / blocks), end = rows[r].run ? from + rows[r].run : from + n / blocks;
            size_t j;
            float most = 0;
            for (j = from; j < end && j < n; j++) most = magnitude((double)x[j]) > (double)most ? (float)magnitude((double)x[j]) : most;
            CHECK(bits_of(scale2[i]) == bits_of(most), "row %d, block %d: %g, not %g", (int)r, (int)i, (double)scale2[i], (double)most);
        }
    }
}

/* Blocks: each as if it were alone, in every dtype */
static void test_kmeans_blocks(smash_ctx *ctx)
{
    static const size_t shape[3] = { 4, 6, 5 };
    static const smash_dtype floats[4] = { SMASH_F32, SMASH_F16, SMASH_BF16, SMASH_F64 };
    smash_codebook_desc descs[4];
    double data[120];
    static float x[120], block[120], code[120 * 8], one[8], y[120];
    unsigned char q[120];
    uint64_t rng = 12;
    size_t row, dtype, i, b, n, k;
    descs[0] = desc_of(0, smash_grain_out_channel());
    descs[1] = desc_of(0, smash_grain_axis(2));
    descs[2] = desc_of(50, smash_grain_tensor());
    descs[2].grain.kind = SMASH_GRAIN_DEFAULT;
    {
        static const int32_t sizes[3] = { 2, 3, 5 };
        descs[3] = desc_of(0, smash_grain_block(sizes, 3));
    }
    for (row = 0; row < 4; row++)
        for (dtype = 0; dtype < 4; dtype++) {
            smash_codebook_desc d = descs[row], alone = SMASH_ZERO;
            smash_tensor tx = test_view(floats[dtype], data, 3, shape), p = test_view(SMASH_F32, x, 3, shape), tc, t1 = row_view(one, SMASH_F32, 8), tq = test_view(SMASH_U4, q, 3, shape);
            smash_tensor ty = test_view(SMASH_F32, y, 3, shape);
            smash_grid grid;
            size_t dims[4];
            memset(&grid, 0, sizeof grid);
            grid.ndim = 1;
            grid.count[0] = grid.blocks = 3;
            if (!d.run && smash_grid_make(ctx, &d.grain, &tx, &grid)) { CHECK(0, "no grid"); continue; }
            for (i = 0; i < grid.ndim; i++) dims[i] = grid.count[i];
            dims[grid.ndim] = 8;
            tc = test_view(SMASH_F32, code, grid.ndim + 1, dims);
            d.bits = alone.bits = 3;
            d.start = alone.start = dtype % 2 ? SMASH_START_QUANTILE : SMASH_START_LINEAR;
            for (i = 0; i < 120; i++) x[i] = (float)normal(&rng);
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &p, &tx), SMASH_OK, "convert");
            CHECK_ERR(ctx, smash_tensor_convert(ctx, &tx, &p), SMASH_OK, "convert");
            CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &tx, &tc), SMASH_OK, "row %d", (int)row);
            CHECK_ERR(ctx, smash_codebook_quantize(ctx, &d, &tx, &tc, NULL, &tq), SMASH_OK, "row %d", (int)row);
            CHECK_ERR(ctx, smash_codebook_dequantize(ctx, &d, &tq, &tc, NULL, &ty), SMASH_OK, "row %d", (int)row);
            for (b = 0; b < grid.blocks; b++) {
                smash_tensor tb;
                for (n = i = 0; i < 120; i++) if (block_at(&d, &grid, &tx, i) == b) block[n++] = x[i];
                tb = row_view(block, SMASH_F32, n);
                CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &alone, &tb, &t1), SMASH_OK, "block %d", (int)b);
                for (k = 0; k < 8; k++) CHECK(one[k] == code[b * 8 + k], "row %d, block %d, code %d: %.9g, alone %.9g", (int)row, (int)b, (int)k, (double)code[b * 8 + k], (double)one[k]);
                for (n = i = 0; i < 120; i++)
                    if (block_at(&d, &grid, &tx, i) == b) CHECK(y[i] == one[nearest(one, 8, x[i])], "row %d, block %d, number %d: %.9g", (int)row, (int)b, (int)i, (double)y[i]);
            }
        }
}

static void test_kmeans_errors(smash_ctx *ctx)
{
    static float x[40], code[64];
    static unsigned char buffer[8000];
    smash_tensor tx = row_view(x, SMASH_F32, 40), tc = row_view(code, SMASH_F32, 16), t;
    smash_codebook_desc d = SMASH_ZERO, bad;
    smash_ctx small;
    size_t i, need, less;
    for (i = 0; i < 40; i++) x[i] = (float)i;
    code[0] = 44;
    bad = d; bad.bits = 9;
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &bad, &tx, &tc), SMASH_ERR_RANGE, "9 bits");
    CHECK(ctx->index == 9 && strstr(ctx->message, "9 bits asked for; a codebook has 1 to 8"), "%s", ctx->message);
    bad = d; bad.start = (smash_codebook_start)test_int(2);
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &bad, &tx, &tc), SMASH_ERR_ARG, "start 2");
    bad = d; bad.zero_begin = 1;
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &bad, &tx, &tc), SMASH_ERR_ARG, "desc");
    bad = d; bad.run = 20;
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &bad, &tx, &tc), SMASH_ERR_SHAPE, "one list for two blocks");
    t = row_view(code, SMASH_F32, 8);
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &tx, &t), SMASH_ERR_SHAPE, "8 codes");
    t = tc; t.data = x;
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &tx, &t), SMASH_ERR_ARG, "in place");
    t = tc; t.dtype = SMASH_F64;
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &tx, &t), SMASH_ERR_DTYPE, "double codes");
    t = tx; t.dtype = SMASH_U8;
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &t, &tc), SMASH_ERR_DTYPE, "bytes");
    t = tx; t.shape[0] = 0;
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &t, &tc), SMASH_ERR_SHAPE, "nothing");
    x[33] = float_of(INF);
    CHECK_ERR(ctx, smash_codebook_kmeans(ctx, &d, &tx, &tc), SMASH_ERR_NONFINITE, "Inf");
    CHECK(ctx->index == 33, "index %d", (int)ctx->index);
    x[33] = 33;
    for (i = 0; i < 2; i++) {
        d.start = i ? SMASH_START_QUANTILE : SMASH_START_LINEAR;
        need = 1296 + 32 * 16 + (i ? 144 * 16 : 0);
        for (less = 0; less < 2; less++) {
            smash_ctx_init(&small);
            smash_arena_init(&small.scratch, buffer + (16 - (size_t)buffer % 16) % 16, need - 1 + less, NULL);
            CHECK_ERR(&small, smash_codebook_kmeans(&small, &d, &tx, &tc), less ? SMASH_OK : SMASH_ERR_NOMEM, "start %d", (int)i);
            CHECK(less || (small.need > 0 && code[0] == 44), "start %d: need %d", (int)i, (int)small.need);
        }
        code[0] = 44;
    }
}

/* ---- half-quadratic zero points ---- */

static smash_quant_desc grid_of(uint32_t bits, smash_grain grain)
{
    smash_quant_desc d = SMASH_ZERO;
    d.bits = bits;
    d.is_unsigned = 1;
    d.grain = grain;
    return d;
}

static double level_of(double u, double low, double high)
{
    u = u < low ? low : u > high ? high : u;
    return (double)smash_round_half_even_f64(u);
}

/* Mean of |w - w'| of n numbers */
static double loss_of(const float *w, size_t n, float s, float z, double low, double high)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        const float ratio = w[i] / s, u = z + ratio, moved = (float)level_of((double)u, low, high) - z, y = moved * s;
        sum += magnitude((double)w[i] - (double)y);
    }
    return sum / (double)n;
}

static void test_hqq(smash_ctx *ctx)
{
    enum { N = 64 * 256, GROUP = 64 };
    static const size_t shape[2] = { 64, 256 }, grid[2] = { 64, 4 };
    static const int32_t block[2] = { 1, GROUP };
    static float w[N], s[N / GROUP], z[N / GROUP];
    smash_tensor tw = test_view(SMASH_F32, w, 2, shape), ts = test_view(SMASH_F32, s, 2, grid), tz = test_view(SMASH_F32, z, 2, grid);
    size_t row, b, i;
    for (row = 0; row < COUNT_OF(golden_hqq); row++) {
        const smash_quant_desc d = grid_of(golden_hqq[row].bits, smash_grain_block(block, 2));
        const double top = (double)((1u << golden_hqq[row].bits) - 1);
        double mean = 0, start = 0;
        golden_weights(golden_hqq[row].kind, w, N);
        CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &ts, &tz), SMASH_OK, "row %d", (int)row);
        for (b = 0; b < N / GROUP; b++) {
            const float *x = w + b * GROUP;
            float lo = x[0], hi = x[0], first;
            double got, was, whole;
            for (i = 1; i < GROUP; i++) { lo = x[i] < lo ? x[i] : lo; hi = x[i] > hi ? x[i] : hi; }
            CHECK(magnitude((double)s[b] - ((double)hi - (double)lo) / top) <= 1e-7 * (double)s[b], "row %d, block %d: scale %.9g", (int)row, (int)b, (double)s[b]);
            first = (float)(-(double)lo / (double)s[b]);
            got = loss_of(x, GROUP, s[b], z[b], 0, top);
            was = loss_of(x, GROUP, s[b], first, 0, top);
            whole = loss_of(x, GROUP, s[b], (float)smash_round_half_even_f64((double)first), 0, top);
            CHECK(got <= was && got <= whole, "row %d, block %d: %g, to the nearest %g or %g", (int)row, (int)b, got, was, whole);
            mean += got;
            start += golden_hqq[row].bits == 4 ? whole : was;
        }
        {   /* whatever the order in which a runtime's threads take the blocks */
            static float s2[N / GROUP], z2[N / GROUP];
            const smash_tensor t2 = test_view(SMASH_F32, s2, 2, grid), t3 = test_view(SMASH_F32, z2, 2, grid);
            ctx->parallel = test_backwards;
            CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &t2, &t3), SMASH_OK, "row %d", (int)row);
            ctx->parallel = NULL;
            CHECK(memcmp(s, s2, sizeof s) == 0 && memcmp(z, z2, sizeof z) == 0, "row %d: another order", (int)row);
        }
        mean /= N / GROUP;
        start /= N / GROUP;
        CHECK(magnitude(start / golden_hqq[row].start - 1) < 2e-4, "row %d: starts at %.9g, want %.9g", (int)row, start, golden_hqq[row].start);
        CHECK(mean <= golden_hqq[row].source * 1.0002 && mean <= golden_hqq[row].best * 1.002, "row %d: %.9g, source %.9g, best %.9g", (int)row, mean, golden_hqq[row].source, golden_hqq[row].best);
    }
}

static void test_hqq_edges(smash_ctx *ctx)
{
    static const size_t shape[2] = { 3, 20 }, rows[2] = { 3, 1 };
    static const float kinds[] = { 0, 1, -0.25f, 3e38f, -3e38f, 1e-42f, 1e-7f, 12345.678f };
    static float w[60], s[3], z[3];
    double wide[60];
    uint16_t half[60];
    smash_tensor tw = test_view(SMASH_F32, w, 2, shape), ts = test_view(SMASH_F32, s, 2, rows), tz = test_view(SMASH_F32, z, 2, rows), t;
    smash_quant_desc d = grid_of(4, smash_grain_out_channel()), bad;
    uint64_t rng = 8;
    size_t kind, i, b;
    for (d.bits = 1; d.bits <= 8; d.bits++)
        for (kind = 0; kind < 3 * COUNT_OF(kinds); kind++) {
            const double top = (double)((1u << d.bits) - 1);
            for (i = 0; i < 60; i++) {
                const float c = kinds[kind / 3];
                w[i] = kind % 3 == 0 ? c : kind % 3 == 1 ? (i % 2 ? c : -c) : (float)((double)c * uniform(&rng));
            }
            CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &ts, &tz), SMASH_OK, "%u bits, kind %d", d.bits, (int)kind);
            for (b = 0; b < 3; b++) {
                double most = 0, loss = loss_of(w + b * 20, 20, s[b], z[b], 0, top);
                for (i = 0; i < 20; i++) if (magnitude((double)w[b * 20 + i]) > most) most = magnitude((double)w[b * 20 + i]);
                CHECK(s[b] >= 1.1920928955078125e-7f && smash_is_finite(s[b]) && smash_is_finite(z[b]) && smash_is_finite((0 - z[b]) * s[b]) && smash_is_finite(((float)top - z[b]) * s[b]),
                      "%u bits, kind %d: %g %g", d.bits, (int)kind, (double)s[b], (double)z[b]);
                if (kind % 3 == 0) CHECK(loss <= 2e-6 * most + 1e-7 || d.bits == 1, "%u bits, kind %d: a constant %.9g loses %g", d.bits, (int)kind, most, loss);
                if (kind / 3 == 0) CHECK(loss == 0, "%u bits: zeros lose %g", d.bits, loss);
                CHECK(loss <= 1.01 * most / top + 6e-8, "%u bits, kind %d: %g of %g", d.bits, (int)kind, loss, most);
            }
        }
    d.bits = 3;                                                      /* other dtypes: the numbers that they hold */
    for (i = 0; i < 60; i++) {
        half[i] = smash_f32_to_f16((float)normal(&rng));
        w[i] = smash_f16_to_f32(half[i]);
        wide[i] = (double)w[i];
    }
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &ts, &tz), SMASH_OK, "f32");
    {
        float s2[3], z2[3];
        const smash_tensor th = test_view(SMASH_F16, half, 2, shape), td = test_view(SMASH_F64, wide, 2, shape), t2 = test_view(SMASH_F32, s2, 2, rows), t3 = test_view(SMASH_F32, z2, 2, rows);
        CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &th, &t2, &t3), SMASH_OK, "f16");
        CHECK(memcmp(s, s2, sizeof s) == 0 && memcmp(z, z2, sizeof z) == 0, "f16");
        CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &td, &t2, &t3), SMASH_OK, "f64");
        CHECK(memcmp(s, s2, sizeof s) == 0 && memcmp(z, z2, sizeof z) == 0, "f64");
    }
    s[0] = z[0] = 41;
    bad = d; bad.bits = 17;
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &bad, &tw, &ts, &tz), SMASH_ERR_RANGE, "17 bits");
    bad = d; bad.zero_begin = 1;
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &bad, &tw, &ts, &tz), SMASH_ERR_ARG, "desc");
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &ts, NULL), SMASH_ERR_ARG, "no zero point");
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &ts, &ts), SMASH_ERR_ARG, "one for both");
    t = tz; t.dtype = SMASH_I32;
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &ts, &t), SMASH_ERR_DTYPE, "whole zero point");
    t = ts; t.shape[0] = 2;
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &t, &tz), SMASH_ERR_SHAPE, "two scales");
    t = ts; t.data = w;
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &t, &tz), SMASH_ERR_ARG, "scale over the weights");
    w[59] = float_of(NOT_A_NUMBER);
    CHECK_ERR(ctx, smash_quant_fit_hqq(ctx, &d, &tw, &ts, &tz), SMASH_ERR_NONFINITE, "NaN");
    CHECK(ctx->index == 59 && s[0] == 41 && z[0] == 41, "index %d", (int)ctx->index);
}

static void test_group(void)
{
    static const struct { size_t row, group, want; } rows[] = {
        { 256, 128, 128 }, { 128, 128, 128 }, { 192, 128, 96 }, { 64, 128, 64 }, { 160, 128, 32 }, { 320, 128, 64 }, { 100, 128, 100 }, { 144, 128, 16 }, { 9, 128, 9 },
        { 100, 64, 100 }, { 96, 64, 32 }, { 96, 128, 96 }, { 24, 16, 8 }, { 12, 8, 12 }, { 7, 0, 7 }, { 0, 64, 0 }, { 1, 64, 1 }, { 63, 7, 7 }
    };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++)
        CHECK(smash_quant_group(rows[i].row, rows[i].group) == rows[i].want, "row %d: %d", (int)i, (int)smash_quant_group(rows[i].row, rows[i].group));
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_tables(&ctx);
    test_as_published(&ctx);
    test_nearest(&ctx);
    test_many_codes(&ctx);
    test_codebook_errors(&ctx);
    test_scales(&ctx);
    test_kmeans(&ctx);
    test_threads(&ctx);
    test_kmeans_blocks(&ctx);
    test_kmeans_errors(&ctx);
    test_hqq(&ctx);
    test_hqq_edges(&ctx);
    test_group();
    return test_done();
}
