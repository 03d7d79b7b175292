/* Quantizers of groups and codebooks, from the config to the file and back: what is read back is what the calls of layer 0 make of the same numbers. */
#include "../smash.h"
#include "test.h"
#include "config_test.h"

static smash_model model, back;
static test_buffer out;
static smash_io out_io;

enum { MOST = 40000 };
static const struct { const char *name, *type; smash_dtype dtype; uint32_t ndim; size_t shape[5]; } tensors[] = {
    { "fc.weight", "Linear", SMASH_F32, 2, { 12, 192 } }, { "fc.bias", "Linear", SMASH_F32, 1, { 12 } }, { "odd.weight", "Linear", SMASH_F16, 2, { 7, 77 } },
    { "wide.weight", "Linear", SMASH_F64, 2, { 3, 64 } }, { "conv.weight", "Conv2d", SMASH_F32, 4, { 8, 16, 3, 3 } }, { "point.weight", "Conv2d", SMASH_BF16, 4, { 6, 128, 1, 1 } },
    { "depth.weight", "Conv2d", SMASH_F32, 4, { 16, 1, 5, 5 } }, { "up.weight", "ConvTranspose2d", SMASH_F32, 4, { 32, 6, 2, 2 } }, { "emb.weight", "Embedding", SMASH_F32, 2, { 20, 32 } },
    { "zero.weight", "Linear", SMASH_F32, 2, { 2, 128 } }, { "many.weight", "Linear", SMASH_F32, 2, { 40, 64 * 3 } }, { "big.weight", "Linear", SMASH_F32, 2, { 103, 320 } } };
static double memory[COUNT_OF(tensors)][MOST];

static void start(void)
{
    uint64_t rng = 4;
    size_t i, k, n;
    start_config(smash_builtins());
    smash_model_init(&model, &arena);
    for (i = 0; i < COUNT_OF(tensors); i++) {
        static double numbers[MOST];
        smash_tensor t = test_view(tensors[i].dtype, memory[i], tensors[i].ndim, tensors[i].shape), from;
        smash_tensor_count(&t, &n);
        for (k = 0; k < n; k++) numbers[k] = strcmp(tensors[i].name, "zero.weight") == 0 && k < 192 ? 0 : (double)(float)((double)((int64_t)(smash_random(&rng) >> 40) - (1 << 23)) / (1 << 26));
        from = test_view(SMASH_F64, numbers, tensors[i].ndim, tensors[i].shape);
        if (tensors[i].dtype == SMASH_F64) memcpy(memory[i], numbers, n * sizeof *numbers);
        else CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &from, &t), SMASH_OK, "%s", tensors[i].name);
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, tensors[i].name, &t, 0), SMASH_OK, "%s", tensors[i].name);
    }
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "%s", said());
    for (i = 0; i < COUNT_OF(tensors); i++) {
        char module[32];
        snprintf(module, sizeof module, "%.*s", (int)(strchr(tensors[i].name, '.') - tensors[i].name), tensors[i].name);
        CHECK_ERR(&ctx, smash_model_set_type(&ctx, &model, (size_t)smash_model_find_module(&model, module), tensors[i].type), SMASH_OK, "%s", module);
    }
}

static smash_err run(const char *text)
{
    smash_run_desc desc = SMASH_ZERO;
    smash_io write = SMASH_ZERO;
    smash_result result;
    smash_err err = smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL);
    if (!err) err = smash_config_resolve(&ctx, &config, &model, &plan);
    if (err) return err;
    write.write = test_buffer_write;
    write.user = &out;
    out.used = out.calls = 0;
    desc.out = &write;
    err = smash_run(&ctx, &plan, &desc, &result);
    if (err) return err;
    CHECK(result.bytes == out.used, "%zu bytes of %zu", out.used, (size_t)result.bytes);
    out_io = smash_io_memory(out.data, out.used);
    return smash_safetensors_read(&ctx, NULL, &out_io, &arena, &diags, &back);
}

static smash_tensor load(const char *name, const char *suffix)
{
    smash_tensor t = SMASH_ZERO;
    char full[64];
    ptrdiff_t p;
    snprintf(full, sizeof full, "%s%s", name, suffix);
    p = smash_model_find_param(&back, full);
    if (p >= 0) CHECK_ERR(&ctx, smash_model_load(&ctx, &back, (size_t)p, &arena, &t), SMASH_OK, "%s", full);
    return t;
}

static int same(const smash_tensor *a, const void *data, size_t bytes) { size_t n; return a->data && !smash_tensor_bytes(a, &n) && n == bytes && memcmp(a->data, data, bytes) == 0; }

static const char *word_of(const char *name)
{
    size_t i;
    const char *found;
    static char word[16];
    for (i = 0; i < back.metadata_count; i++) {
        if (strcmp(back.metadata[i].key, "smash.quant_dtypes") || (found = strstr(back.metadata[i].value, name)) == NULL) continue;
        found = strchr(found, ':') + 1;
        while (*found == ' ' || *found == '"') found++;
        snprintf(word, sizeof word, "%.*s", (int)strcspn(found, "\""), found);
        return word;
    }
    return "";
}

typedef enum formula { HQQ, GRID, LIST, CLUSTERS } formula;
typedef struct run_case { const char *config; formula kind; smash_codebook_kind list; smash_codebook_start init; uint32_t bits; int is_unsigned, twice; const char *word; } run_case;
static const run_case cases[] = {
    { "{\"quantizer\": \"hqq\"}", HQQ, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 8, 1, 0, "uint8" },
    { "{\"quantizer\": \"hqq\", \"hqq_weight_bits\": 2, \"hqq_group_size\": 16}", HQQ, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 2, 1, 0, "uint2" },
    { "{\"quantizer\": \"hqq\", \"hqq_weight_bits\": 4, \"hqq_group_size\": 128}", HQQ, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 4, 1, 0, "uint4" },
    { "{\"quantizer\": \"weight_only\"}", GRID, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 4, 0, 0, "int4" },
    { "{\"quantizer\": \"weight_only\", \"weight_only_weight_bits\": 8, \"weight_only_group_size\": 32, \"weight_only_quant_scheme\": \"affine\"}", GRID, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 8, 1, 0, "uint8" },
    { "{\"quantizer\": \"llm_int8\"}", GRID, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 8, 0, 0, "int8" },
    { "{\"quantizer\": \"llm_int8\", \"llm_int8_weight_bits\": 4}", LIST, SMASH_CODEBOOK_FP4, SMASH_START_LINEAR, 4, 0, 0, "fp4" },
    { "{\"quantizer\": \"llm_int8\", \"llm_int8_weight_bits\": 4, \"llm_int8_quant_type\": \"nf4\"}", LIST, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 4, 0, 0, "nf4" },
    { "{\"quantizer\": \"llm_int8\", \"llm_int8_weight_bits\": 4, \"llm_int8_quant_type\": \"nf4\", \"llm_int8_double_quant\": true}", LIST, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 4, 0, 1, "nf4" },
    { "{\"quantizer\": \"kmeans\"}", CLUSTERS, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 4, 0, 0, "kmeans4" },
    { "{\"quantizer\": \"kmeans\", \"kmeans_bits\": 3, \"kmeans_init\": \"quantile\", \"kmeans_granularity\": \"out_channel\"}", CLUSTERS, SMASH_CODEBOOK_NF4, SMASH_START_QUANTILE, 3, 0, 0, "kmeans3" },
    { "{\"quantizer\": \"kmeans\", \"kmeans_bits\": 1}", CLUSTERS, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 1, 0, 0, "kmeans1" },
    { "{\"quantizer\": \"kmeans\", \"kmeans_bits\": 8}", CLUSTERS, SMASH_CODEBOOK_NF4, SMASH_START_LINEAR, 8, 0, 0, "kmeans8" }
};

/* One tensor by the calls of layer 0 */
static void by_hand(const run_case *c, const smash_row *row, const smash_tensor *w, const char *name)
{
    static float scales[MOST], zeros[MOST], book[MOST * 4], blocks[256], offset, list[256], numbers[MOST];
    static int32_t whole[MOST];
    static unsigned char q[MOST], codes[MOST];
    size_t dims[SMASH_MAX_DIMS], n, i, k, bytes, one = 1, sixteen = 16, all = 256;
    smash_grid grid;
    smash_tensor scale, zero, tq, tb, x = test_view(SMASH_F32, numbers, w->ndim, w->shape), part, got = SMASH_ZERO, packed, ts, to, tl;
    smash_distance d;
    CHECK_ERR(&ctx, smash_grid_make(&ctx, &row->quant.grain, w, &grid), SMASH_OK, "%s", name);
    smash_tensor_count(w, &n);
    for (i = 0; i < grid.ndim; i++) dims[i] = grid.count[i];
    scale = test_view(SMASH_F32, scales, grid.ndim, dims);
    if (c->kind == HQQ || c->kind == GRID) {
        smash_quant_desc desc = SMASH_ZERO;
        desc.bits = c->bits;
        desc.is_unsigned = (uint32_t)c->is_unsigned;
        desc.scheme = c->is_unsigned ? SMASH_AFFINE : SMASH_SYMMETRIC;
        desc.grain = row->quant.grain;
        zero = test_view(c->kind == HQQ ? SMASH_F32 : SMASH_I32, c->kind == HQQ ? (void *)zeros : (void *)whole, grid.ndim, dims);
        tq = test_view(smash_quant_dtype(&desc), q, w->ndim, w->shape);
        if (c->kind == HQQ) CHECK_ERR(&ctx, smash_quant_fit_hqq(&ctx, &desc, w, &scale, &zero), SMASH_OK, "%s", name);
        else CHECK_ERR(&ctx, smash_quant_fit(&ctx, &desc, w, &scale, &zero), SMASH_OK, "%s", name);
        CHECK_ERR(&ctx, smash_quantize(&ctx, &desc, w, &scale, &zero, &tq), SMASH_OK, "%s", name);
        CHECK_ERR(&ctx, smash_dequantize(&ctx, &desc, &tq, &scale, &zero, &x), SMASH_OK, "%s", name);
        part = load(name, "_zero_point");
        if (c->kind == HQQ) CHECK(part.dtype == SMASH_F32 && same(&part, zeros, zero.bytes), "%s: %s", c->config, name);
        else {
            int any = 0;
            for (i = 0; i < grid.blocks; i++) any |= whole[i] != 0;
            CHECK((part.data != NULL) == any && (!any || part.dtype == SMASH_U8), "%s: %s", c->config, name);
        }
    } else {
        smash_codebook_desc desc = SMASH_ZERO;
        const int lists = c->kind == LIST, own = !lists && grid.blocks > 1;
        desc.grain = row->quant.grain;
        desc.bits = c->bits;
        desc.start = c->init;
        dims[grid.ndim] = (size_t)1 << c->bits;
        tb = lists ? test_view(SMASH_F32, book, 1, &sixteen) : own ? test_view(SMASH_F32, book, grid.ndim + 1, dims) : test_view(SMASH_F32, book, 1, &dims[grid.ndim]);
        tq = test_view(c->bits <= 2 ? SMASH_U2 : c->bits <= 4 ? SMASH_U4 : SMASH_U8, q, w->ndim, w->shape);
        if (lists) {
            CHECK_ERR(&ctx, smash_codebook_table(&ctx, c->list, &tb), SMASH_OK, "%s", name);
            CHECK_ERR(&ctx, smash_codebook_fit(&ctx, &desc, w, &scale), SMASH_OK, "%s", name);
        } else CHECK_ERR(&ctx, smash_codebook_kmeans(&ctx, &desc, w, &tb), SMASH_OK, "%s", name);
        if (c->twice && row->form.scale_codes) {
            k = (grid.blocks + 255) / 256;
            packed = test_view(SMASH_U8, codes, grid.ndim, dims);
            ts = test_view(SMASH_F32, blocks, 1, &k);
            to = test_view(SMASH_F32, &offset, 1, &one);
            tl = test_view(SMASH_F32, list, 1, &all);
            CHECK_ERR(&ctx, smash_codebook_table(&ctx, SMASH_CODEBOOK_DYNAMIC, &tl), SMASH_OK, "%s", name);
            CHECK_ERR(&ctx, smash_codebook_pack_scales(&ctx, &scale, &tl, &packed, &ts, &to), SMASH_OK, "%s", name);
            CHECK_ERR(&ctx, smash_codebook_unpack_scales(&ctx, &packed, &tl, &ts, &to, &scale), SMASH_OK, "%s", name);
            part = load(name, "_scale");
            CHECK(part.dtype == SMASH_U8 && same(&part, codes, packed.bytes), "%s: %s", c->config, name);
            part = load(name, "_scale_scale");
            CHECK(same(&part, blocks, ts.bytes), "%s: %s", c->config, name);
            part = load(name, "_scale_offset");
            CHECK(same(&part, &offset, 4), "%s: %s", c->config, name);
            part = load(name, "_scale_codebook");
            CHECK(same(&part, list, sizeof list), "%s: %s", c->config, name);
        }
        CHECK_ERR(&ctx, smash_codebook_quantize(&ctx, &desc, w, &tb, lists ? &scale : NULL, &tq), SMASH_OK, "%s", name);
        CHECK_ERR(&ctx, smash_codebook_dequantize(&ctx, &desc, &tq, &tb, lists ? &scale : NULL, &x), SMASH_OK, "%s", name);
        part = load(name, "_codebook");
        CHECK(same(&part, book, tb.bytes) && part.ndim == tb.ndim, "%s: codebook of %s", c->config, name);
        part = load(name, "_zero_point");
        CHECK(!part.data, "%s: zero point of %s", c->config, name);
    }
    part = load(name, "_scale");
    if (c->kind == CLUSTERS) CHECK(!part.data, "%s: scale of %s", c->config, name);
    else if (!c->twice || grid.blocks < 512) CHECK(!row->form.scale_codes && part.dtype == SMASH_F32 && part.ndim == w->ndim && same(&part, scales, scale.bytes), "%s: scale of %s", c->config, name);
    smash_tensor_bytes(&tq, &bytes);
    part = load(name, smash_dtype_bits(tq.dtype) < 8 ? "_packed" : "");
    CHECK(same(&part, q, bytes), "%s: numbers of %s", c->config, name);
    CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, name, &arena, &got, NULL), SMASH_OK, "%s: %s", c->config, said());
    CHECK(same(&got, numbers, x.bytes), "%s: %s is read back as something else", c->config, name);
    CHECK_ERR(&ctx, smash_tensor_distance(&ctx, w, &x, &d), SMASH_OK, "%s", name);
    CHECK(d.mse == row->quant_stats.mse && d.max_abs_error == row->quant_stats.max_abs_error && d.snr_db == row->quant_stats.snr_db && d.zeros_b == row->quant_stats.zeros, "%s: error of %s", c->config, name);
    CHECK(strcmp(word_of(name), c->word) == 0, "%s: %s is %s", c->config, name, word_of(name));
}

static void test_files(void)
{
    size_t i, k;
    for (i = 0; i < COUNT_OF(cases); i++) {
        start();
        CHECK_ERR(&ctx, run(cases[i].config), SMASH_OK, "%s: %s", cases[i].config, said());
        for (k = 0; k < COUNT_OF(tensors); k++) {
            const smash_row *row = quantizer_row(tensors[k].name);
            const int bias = strstr(tensors[k].name, "bias") != NULL, takes = cases[i].kind == CLUSTERS || strcmp(tensors[k].type, "Embedding") != 0;
            const smash_tensor w = test_view(tensors[k].dtype, memory[k], tensors[k].ndim, tensors[k].shape);
            int costs = 0;
            if (row && cases[i].kind == CLUSTERS && !bias) {
                size_t n, blocks = strstr(cases[i].config, "out_channel") ? tensors[k].shape[strcmp(tensors[k].name, "up.weight") == 0] : 1;
                smash_tensor_count(&w, &n);
                costs = blocks * ((size_t)4 << cases[i].bits) + n * (cases[i].bits <= 2 ? 2 : cases[i].bits <= 4 ? 4 : 8) / 8 >= w.bytes;
                CHECK(!costs || (row->note && strcmp(row->note, "stays float: its codebooks would be larger than what they save") == 0), "%s: %s", cases[i].config, tensors[k].name);
            }
            CHECK((row != NULL) == takes && (!row || row->skip == (uint32_t)(bias || costs)), "%s: %s", cases[i].config, tensors[k].name);
            if (row && !row->skip) by_hand(&cases[i], row, &w, tensors[k].name);
            else {
                const smash_tensor as_is = load(tensors[k].name, "");
                CHECK(same(&as_is, memory[k], w.bytes), "%s: %s is not as it was", cases[i].config, tensors[k].name);
            }
        }
    }
}

/* Which groups, and what is said where they are not those that were asked for */
static void test_sizes(void)
{
    static const char shorter[] = "its rows are shorter than a group: one for each", others[] = "its rows do not divide into groups of that size, but into these",
                      none[] = "its rows do not divide into groups of that size: one for each";
    static const struct { const char *config, *name; int32_t block[4]; const char *note; } rows[] = {
        { "{\"quantizer\": \"hqq\"}", "fc.weight", { 1, 64 }, NULL }, { "{\"quantizer\": \"hqq\"}", "odd.weight", { 1, -1 }, none }, { "{\"quantizer\": \"hqq\"}", "conv.weight", { 1, 4, -1, -1 }, others },
        { "{\"quantizer\": \"hqq\"}", "wide.weight", { 1, -1 }, NULL }, { "{\"quantizer\": \"hqq\"}", "point.weight", { 1, 64, -1, -1 }, NULL }, { "{\"quantizer\": \"hqq\"}", "depth.weight", { 1, -1, -1, -1 }, shorter },
        { "{\"quantizer\": \"hqq\"}", "up.weight", { 1, -1, -1, -1 }, shorter }, { "{\"quantizer\": \"hqq\", \"hqq_group_size\": 8}", "up.weight", { 1, 2, -1, -1 }, NULL },
        { "{\"quantizer\": \"hqq\", \"hqq_group_size\": 8}", "depth.weight", { 1, -1, -1, -1 }, none }, { "{\"quantizer\": \"weight_only\"}", "fc.weight", { 1, 96 }, others },
        { "{\"quantizer\": \"weight_only\"}", "wide.weight", { 1, -1 }, shorter }, { "{\"quantizer\": \"weight_only\"}", "conv.weight", { 1, 8, -1, -1 }, others },
        { "{\"quantizer\": \"weight_only\"}", "zero.weight", { 1, -1 }, NULL }, { "{\"quantizer\": \"llm_int8\"}", "conv.weight", { 1, -1, -1, -1 }, NULL }, { "{\"quantizer\": \"llm_int8\"}", "up.weight", { -1, 1, -1, -1 }, NULL },
        { "{\"quantizer\": \"llm_int8\", \"llm_int8_weight_bits\": 4}", "odd.weight", { 1, -1 }, none },
        { "{\"quantizer\": \"llm_int8\", \"llm_int8_weight_bits\": 4, \"llm_int8_double_quant\": true}", "fc.weight", { 1, 64 }, "double_quant would cost more than it saves: these scales stay F32" },
        { "{\"quantizer\": \"llm_int8\", \"llm_int8_weight_bits\": 4, \"llm_int8_double_quant\": true}", "big.weight", { 1, 64 }, NULL },
        { "{\"quantizer\": \"kmeans\", \"kmeans_bits\": 8}", "zero.weight", { -1, -1 }, "stays float: its codebooks would be larger than what they save" },
        { "{\"quantizer\": \"llm_int8\", \"llm_int8_double_quant\": true}", "fc.weight", { 1, -1 }, "double_quant is of 4 bits: these scales stay F32" },
        { "{\"quantizer\": \"kmeans\"}", "fc.bias", { -1 }, "stays float: biases are few, and each counts" }, { "{\"quantizer\": \"kmeans\"}", "fc.weight", { -1, -1 }, NULL } };
    size_t i;
    uint32_t d;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_row *row;
        int32_t list[SMASH_MAX_DIMS];
        start();
        CHECK_ERR(&ctx, run(rows[i].config), SMASH_OK, "row %d: %s", (int)i, said());
        row = quantizer_row(rows[i].name);
        CHECK(row != NULL, "row %d", (int)i);
        if (!row) continue;
        CHECK(rows[i].note ? row->note && strcmp(row->note, rows[i].note) == 0 : !row->note, "row %d: %s", (int)i, row->note ? row->note : "no note");
        if (row->skip) continue;
        smash_grain_list(&row->quant.grain, model.params[row->param].tensor.ndim, list);
        for (d = 0; d < model.params[row->param].tensor.ndim; d++) {
            const size_t dim = model.params[row->param].tensor.shape[d];
            CHECK((list[d] < 0 ? dim : (size_t)list[d]) == (rows[i].block[d] < 0 ? dim : (size_t)rows[i].block[d]), "row %d, dim %u: %d", (int)i, d, (int)list[d]);
        }
    }
}

static void test_config_errors(void)
{
    static const struct { const char *config, *message; } rows[] = {
        { "{\"quantizer\": \"hqq\", \"hqq_weight_bits\": 3}", "hqq_weight_bits" }, { "{\"quantizer\": \"hqq\", \"hqq_group_size\": 48}", "hqq_group_size" },
        { "{\"quantizer\": \"hqq\", \"hqq_quant_dtype\": \"int4\"}", "hqq" }, { "{\"quantizer\": \"hqq\", \"hqq_config_list\": [{\"op_names\": [\"fc\"], \"granularity\": \"out_channel\"}]}", "hqq takes no granularity: hqq_group_size says how many weights share a scale" },
        { "{\"quantizer\": \"llm_int8\", \"llm_int8_quant_type\": \"nf3\"}", "llm_int8_quant_type" }, { "{\"quantizer\": \"llm_int8\", \"llm_int8_double_quant\": \"yes\"}", "llm_int8_double_quant" },
        { "{\"quantizer\": \"kmeans\", \"kmeans_bits\": 9}", "kmeans_bits" }, { "{\"quantizer\": \"kmeans\", \"kmeans_init\": \"random\"}", "kmeans_init" },
        { "{\"quantizer\": \"kmeans\", \"kmeans_config_list\": [{\"op_names\": [\"fc\"], \"quant_dtype\": \"int4\"}]}", "kmeans takes no quant_dtype: kmeans_bits says how many bits" },
        { "{\"quantizer\": \"weight_only\", \"weight_only_group_size\": 8}", "weight_only_group_size" },
        { "{\"quantizer\": \"weight_only\", \"weight_only_config_list\": [{\"op_names\": [\"fc\"], \"quant_dtype\": \"int8\"}]}", "weight_only takes no quant_dtype" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        start();
        CHECK_ERR(&ctx, run(rows[i].config), SMASH_ERR_CONFIG, "row %d", (int)i);
        CHECK(diags.first && strstr(diags.first->message, rows[i].message), "row %d: %s", (int)i, diags.first ? diags.first->message : "nothing said");
    }
}

int main(void)
{
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    test_files();
    test_sizes();
    test_config_errors();
    smash_arena_release(&arena);
    return test_done();
}
