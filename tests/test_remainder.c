/* Blocks whose last one along an axis is smaller: from a config to a file and back, at every odd size, against loops over single numbers; what is
 * refused, to the word. */
#include "../smash.h"
#include "test.h"

static unsigned char memory[1 << 20], more[1 << 20];
enum { MOST = 23 * 29 };

typedef struct made {
    smash_arena arena;
    smash_diags diags;
    smash_config config;
    smash_model model;
    smash_result result;
    smash_tensor w;
} made;
static made m;

static smash_err open_model(smash_ctx *ctx, const char *algo, const char *const *settings, const float *x, const size_t *shape)
{
    size_t k;
    char text[64];
    memset(&m, 0, sizeof m);
    smash_arena_init(&m.arena, memory, sizeof memory, NULL);
    smash_arena_init(&ctx->scratch, more, sizeof more, NULL);
    m.diags.arena = &m.arena;
    m.w = test_view(SMASH_F32, x, 2, shape);
    smash_config_init(&m.config, smash_builtins(), &m.arena, &m.diags);
    sprintf(text, "%s=%s", !strcmp(algo, "level") ? "pruner" : "quantizer", algo);
    CHECK_ERR(ctx, smash_config_set_text(ctx, &m.config, text), SMASH_OK, "%s", text);
    for (k = 0; settings[k]; k++) {
        sprintf(text, "%s_%s", algo, settings[k]);
        CHECK_ERR(ctx, smash_config_set_text(ctx, &m.config, text), SMASH_OK, "%s", text);
    }
    smash_model_init(&m.model, &m.arena);
    CHECK_ERR(ctx, smash_model_add(ctx, &m.model, "fc.weight", &m.w, 0), SMASH_OK, "model");
    CHECK_ERR(ctx, smash_model_finish(ctx, &m.model), SMASH_OK, "model");
    return smash(ctx, &m.model, &m.config, NULL, &m.result);
}

static void test_files(smash_ctx *ctx)
{
    static const struct { const char *algo, *settings[6]; size_t block[2]; uint32_t bits, is_unsigned; smash_scheme scheme; } rows[] = {
        { "ptq",     { "granularity=[[1,4],\"partial\"]", NULL },                                                        { 1, 4 }, 8, 0, SMASH_SYMMETRIC },
        { "ptq",     { "granularity=[[5],\"partial\"]", "quant_dtype=int4", NULL },                                      { 1, 5 }, 4, 0, SMASH_SYMMETRIC },
        { "ptq",     { "granularity=[[3,7],\"front\",1,\"partial\"]", "quant_dtype=uint8", "quant_scheme=affine", NULL }, { 3, 7 }, 8, 1, SMASH_AFFINE },
        { "ptq",     { "granularity=[[2],\"back\",-1,\"partial\"]", "quant_dtype=int2", NULL },                          { 2, 0 }, 2, 0, SMASH_SYMMETRIC },
        { "ptq",     { "granularity=[[6,-1],\"partial\"]", "quant_dtype=uint4", "quant_scheme=affine", NULL },           { 6, 0 }, 4, 1, SMASH_AFFINE },
        { "qat",     { "granularity=[[4,9],\"partial\"]", "quant_dtype=int16", NULL },                                   { 4, 9 }, 16, 0, SMASH_SYMMETRIC },
        { "lsq",     { "granularity=[[4,4],\"partial\"]", NULL },                                                        { 4, 4 }, 8, 0, SMASH_SYMMETRIC },
        { "lsqplus", { "granularity=[[1,6],\"partial\"]", "quant_dtype=uint4", NULL },                                   { 1, 6 }, 4, 1, SMASH_AFFINE },
    };
    static smash_config loaded;
    static smash_result back;
    static test_buffer out;
    static float x[MOST];
    size_t r, height, width, i;
    uint64_t rng = 5;
    for (r = 0; r < COUNT_OF(rows); r++)
        for (height = 1; height <= 23; height += height < 8 ? 1 : 5)
            for (width = 1; width <= 29; width += width < 14 ? 1 : 3) {
                const size_t n = height * width, shape[2] = { height, width };
                size_t block[2], count[2];
                const int remainder = (height > rows[r].block[0] && rows[r].block[0] && height % rows[r].block[0]) || (width > rows[r].block[1] && rows[r].block[1] && width % rows[r].block[1]);
                smash_tensor y = SMASH_ZERO, scale = SMASH_ZERO;
                smash_dtype stored;
                smash_io to = SMASH_ZERO, from;
                ptrdiff_t at[SMASH_PART_COUNT];
                for (i = 0; i < 2; i++) {
                    block[i] = rows[r].block[i] && rows[r].block[i] < shape[i] ? rows[r].block[i] : shape[i];
                    count[i] = (shape[i] + block[i] - 1) / block[i];
                }
                for (i = 0; i < n; i++) x[i] = (float)((double)(smash_random(&rng) >> 40) / 8388608 - 1) * (float)(1 + i % 5);
                CHECK_ERR(ctx, open_model(ctx, rows[r].algo, rows[r].settings, x, shape), SMASH_OK, "row %d, %d x %d", (int)r, (int)height, (int)width);
                out.used = 0;
                to.write = test_buffer_write;
                to.user = &out;
                CHECK_ERR(ctx, smash_save(ctx, &m.result, &to), SMASH_OK, "row %d", (int)r);
                from = smash_io_memory(out.data, out.used);
                smash_config_init(&loaded, smash_builtins(), &m.arena, &m.diags);
                CHECK_ERR(ctx, smash_load(ctx, &from, NULL, &loaded, &back), SMASH_OK, "row %d, %d x %d", (int)r, (int)height, (int)width);
                CHECK(smash_config_equal(&m.config, &loaded), "row %d: another config", (int)r);
                CHECK_ERR(ctx, smash_model_find_parts(ctx, &back.stored, "fc.weight", at), SMASH_OK, "row %d", (int)r);
                CHECK((at[SMASH_PART_BLOCK] >= 0) == remainder, "row %d, %d x %d: X_block is %sthere", (int)r, (int)height, (int)width, remainder ? "not " : "");
                CHECK_ERR(ctx, smash_model_load(ctx, &back.stored, (size_t)at[SMASH_PART_SCALE], &m.arena, &scale), SMASH_OK, "row %d", (int)r);
                CHECK(scale.ndim == 2 && scale.shape[0] == count[0] && scale.shape[1] == count[1], "row %d, %d x %d: %d x %d scales", (int)r, (int)height, (int)width, (int)scale.shape[0], (int)scale.shape[1]);
                if (remainder) {
                    smash_tensor sizes = SMASH_ZERO;
                    CHECK_ERR(ctx, smash_model_load(ctx, &back.stored, (size_t)at[SMASH_PART_BLOCK], &m.arena, &sizes), SMASH_OK, "row %d", (int)r);
                    CHECK(sizes.dtype == SMASH_I64 && sizes.ndim == 1 && sizes.shape[0] == 2 && ((int64_t *)sizes.data)[0] == (int64_t)block[0] && ((int64_t *)sizes.data)[1] == (int64_t)block[1],
                          "row %d, %d x %d: blocks of %d x %d", (int)r, (int)height, (int)width, (int)((int64_t *)sizes.data)[0], (int)((int64_t *)sizes.data)[1]);
                }
                CHECK_ERR(ctx, smash_model_restore(ctx, &back.stored, "fc.weight", &m.arena, &y, &stored), SMASH_OK, "row %d, %d x %d", (int)r, (int)height, (int)width);
                for (i = 0; i < n && y.data && scale.data; i++) {    /* on the grid of its own block: a whole number of steps from 0, half a step from x unless clipped */
                    const size_t b = i / width / block[0] * count[1] + i % width / block[1];
                    const double s = (double)((const float *)scale.data)[b], got = (double)((const float *)y.data)[i], steps = got / s, off = got - (double)x[i];
                    const double whole = (double)smash_round_half_even_f64(steps);
                    CHECK(steps - whole < 2e-3 && whole - steps < 2e-3, "row %d, %d x %d, number %d: %.9g steps", (int)r, (int)height, (int)width, (int)i, steps);
                    if (!strcmp(rows[r].algo, "lsq")) continue;      /* its start clips */
                    /* 2^-8 of a step of int16 is lost in float; affine zero points are rounded, too */
                    CHECK((off < 0 ? -off : off) <= s * (rows[r].scheme == SMASH_AFFINE ? 1.01 : 0.51), "row %d, %d x %d, number %d: %.9g reads %.9g, step %.9g", (int)r, (int)height,
                          (int)width, (int)i, (double)x[i], got, s);
                }
                if (!strcmp(rows[r].algo, "ptq"))                    /* scales from each block's own numbers */
                    for (i = 0; i < count[0] * count[1] && scale.data; i++) {
                        float lo = 0, hi = 0, want;
                        int32_t zero;
                        size_t a, b;
                        smash_quant_desc d = SMASH_ZERO;
                        d.bits = rows[r].bits;
                        d.is_unsigned = rows[r].is_unsigned;
                        d.scheme = rows[r].scheme;
                        for (a = i / count[1] * block[0]; a < height && a < (i / count[1] + 1) * block[0]; a++)
                            for (b = i % count[1] * block[1]; b < width && b < (i % count[1] + 1) * block[1]; b++) {
                                if (x[a * width + b] < lo) lo = x[a * width + b];
                                if (x[a * width + b] > hi) hi = x[a * width + b];
                            }
                        smash_quant_params(NULL, &d, lo, hi, &want, &zero);
                        CHECK(((const float *)scale.data)[i] == want, "row %d, %d x %d, block %d: %.9g, want %.9g", (int)r, (int)height, (int)width, (int)i, (double)((const float *)scale.data)[i], (double)want);
                    }
            }
}

static void test_refused(smash_ctx *ctx)
{
    static const struct { const char *algo, *settings[3]; smash_err want; const char *message; } rows[] = {
        { "ptq", { "granularity=[1,4]", NULL }, SMASH_ERR_CONFIG, "block size 4 does not divide dim 1 of \"fc.weight\", which is 10; sizes that do: 1, 2, 5, 10, or -1 for all of it" },
        { "level", { "granularity=[[1,4],\"partial\"]", "sparse_ratio=0.5", NULL }, SMASH_ERR_CONFIG,
          "\"partial\" is for quantizers: a smaller block's score would not compare with the others; level is a pruner, whose block sizes divide the dims" },
        { "level", { "granularity=[[1,5],\"partial\"]", "sparse_ratio=0.5", NULL }, SMASH_ERR_CONFIG,
          "\"partial\" is for quantizers: a smaller block's score would not compare with the others; level is a pruner, whose block sizes divide the dims" },
        { "ptq", { "granularity=[[1,4,4],\"partial\"]", NULL }, SMASH_ERR_CONFIG, "the block has 3 sizes but \"fc.weight\" has only 2 dims" },
    };
    static const char *const words[] = { "granularity=[[4],\"part\"]", "granularity=[[4],\"partial\",\"back\"]", "granularity=[\"partial\"]", "granularity=[[4],\"back\",1,1,\"partial\"]", "granularity=[4,\"partial\"]",
                                         "granularity=[[4],\"partial\",\"partial\"]", "granularity=[[0],\"partial\"]" };
    static float x[30];
    static const size_t shape[2] = { 3, 10 };
    size_t i;
    for (i = 0; i < 30; i++) x[i] = (float)i - 14;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_err err = open_model(ctx, rows[i].algo, rows[i].settings, x, shape);
        CHECK(err == rows[i].want, "row %d: %s, %s", (int)i, smash_err_name(err), ctx->message);
        CHECK(m.diags.first && !strcmp(m.diags.first->message, rows[i].message), "row %d: %s", (int)i, m.diags.first ? m.diags.first->message : "no diag");
        smash_ctx_reset(ctx);
    }
    for (i = 0; i < COUNT_OF(words); i++) {
        char text[64];
        smash_arena_init(&m.arena, memory, sizeof memory, NULL);
        smash_config_init(&m.config, smash_builtins(), &m.arena, &m.diags);
        CHECK_ERR(ctx, smash_config_set_text(ctx, &m.config, "quantizer=ptq"), SMASH_OK, "ptq");
        sprintf(text, "ptq_%s", words[i]);
        CHECK(smash_config_set_text(ctx, &m.config, text) != SMASH_OK, "%s was taken", text);
        smash_ctx_reset(ctx);
    }
    {   /* masks in layer 0: a partial grain means nothing to them */
        smash_mask_desc d = SMASH_ZERO;
        static const int32_t four = 4;
        uint8_t keep[30];
        const size_t grid[2] = { 3, 3 };
        smash_tensor w = test_view(SMASH_F32, x, 2, shape), mask = test_view(SMASH_BOOL, keep, 2, grid);
        d.grain = smash_grain_block(&four, 1);
        d.grain.partial = 1;
        d.ratio = 0.5;
        CHECK_ERR(ctx, smash_mask_make(ctx, &d, &w, &mask, NULL), SMASH_ERR_SHAPE, "mask");
        CHECK(strstr(ctx->message, "block size 4 does not divide dim 1"), "%s", ctx->message);
    }
}

/* X_block from strangers */
static void test_hostile(smash_ctx *ctx)
{
    static const struct { smash_dtype dtype; uint32_t ndim; size_t shape[2]; int64_t sizes[3]; smash_err want; const char *message; } rows[] = {
        { SMASH_I64, 1, { 2, 0 }, { 1, 4, 0 },  SMASH_OK, "" },
        { SMASH_I64, 1, { 2, 0 }, { 1, 5, 0 },  SMASH_ERR_FORMAT, "dim 1: \"w_block\" does not make 3 blocks of 10 numbers, as \"w_scale\" has them" },
        { SMASH_I64, 1, { 2, 0 }, { 1, 0, 0 },  SMASH_ERR_FORMAT, "dim 1: \"w_block\" does not make 3 blocks of 10 numbers, as \"w_scale\" has them" },
        { SMASH_I64, 1, { 2, 0 }, { 1, -4, 0 }, SMASH_ERR_FORMAT, "dim 1: \"w_block\" does not make 3 blocks of 10 numbers, as \"w_scale\" has them" },
        { SMASH_I64, 1, { 2, 0 }, { 1, INT64_MAX, 0 }, SMASH_ERR_FORMAT, "dim 1: \"w_block\" does not make 3 blocks of 10 numbers, as \"w_scale\" has them" },
        { SMASH_I64, 1, { 2, 0 }, { 2, 4, 0 },  SMASH_ERR_FORMAT, "dim 0: \"w_block\" does not make 2 blocks of 2 numbers, as \"w_scale\" has them" },
        { SMASH_I64, 1, { 3, 0 }, { 1, 4, 1 },  SMASH_ERR_FORMAT, "\"w_block\" needs to be a row of 2 I64 sizes" },
        { SMASH_I64, 2, { 2, 1 }, { 1, 4, 0 },  SMASH_ERR_FORMAT, "\"w_block\" needs to be a row of 2 I64 sizes" },
        { SMASH_F64, 1, { 2, 0 }, { 1, 4, 0 },  SMASH_ERR_FORMAT, "\"w_block\" needs to be a row of 2 I64 sizes" },
    };
    static const size_t shape[2] = { 2, 10 }, grid[2] = { 2, 3 };
    static const float scales[6] = { 1, 2, 4, 8, 16, 32 };
    int8_t q[20];
    size_t r, i;
    memset(q, 1, sizeof q);
    for (r = 0; r < COUNT_OF(rows); r++) {
        smash_arena arena;
        smash_model model;
        smash_tensor w = test_view(SMASH_I8, q, 2, shape), scale = test_view(SMASH_F32, scales, 2, grid), block = test_view(rows[r].dtype, rows[r].sizes, rows[r].ndim, rows[r].shape), y = SMASH_ZERO;
        smash_err err;
        smash_arena_init(&arena, memory, sizeof memory, NULL);
        smash_arena_init(&ctx->scratch, more, sizeof more, NULL);
        smash_model_init(&model, &arena);
        CHECK_ERR(ctx, smash_model_add(ctx, &model, "w", &w, 0), SMASH_OK, "row %d", (int)r);
        CHECK_ERR(ctx, smash_model_add(ctx, &model, "w_scale", &scale, 0), SMASH_OK, "row %d", (int)r);
        CHECK_ERR(ctx, smash_model_add(ctx, &model, "w_block", &block, 0), SMASH_OK, "row %d", (int)r);
        CHECK_ERR(ctx, smash_model_finish(ctx, &model), SMASH_OK, "row %d", (int)r);
        smash_ctx_reset(ctx);
        err = smash_model_restore(ctx, &model, "w", &arena, &y, NULL);
        CHECK(err == rows[r].want && !strcmp(ctx->message, rows[r].message), "row %d: %s, %s", (int)r, smash_err_name(err), ctx->message);
        for (i = 0; !err && i < 20; i++) CHECK(((float *)y.data)[i] == scales[i / 10 * 3 + i % 10 / 4], "number %d: %g", (int)i, (double)((float *)y.data)[i]);
        smash_ctx_reset(ctx);
    }
}

int main(void)
{
    smash_ctx ctx;
    test_ctx(&ctx);
    test_files(&ctx);
    test_refused(&ctx);
    test_hostile(&ctx);
    return test_done();
}
