/* test_algo.c - whole models through smash_run: what is in the file, the same bytes whatever the machine does, bounded
 * memory, and the report. Expected numbers are computed here, in double. */
#include "../smash.h"
#include "test.h"
#include <math.h>

static smash_ctx ctx;
static smash_arena arena;
static smash_diags diags;
static smash_config config;
static smash_plan plan;
static test_buffer source, out, masks;
static smash_io source_io;

/* A model file: conv [8,3,3,3] with bias, fc [10,40] without, bn, an embedding in f16, a bf16 and an f64 layer, an index buffer. */
static void make_source(void)
{
    static const struct { const char *name; smash_dtype dtype; uint32_t ndim; size_t shape[4]; } tensors[] = {
        { "conv.weight", SMASH_F32, 4, { 8, 3, 3, 3 } }, { "conv.bias", SMASH_F32, 1, { 8 } }, { "fc.weight", SMASH_F32, 2, { 10, 40 } },
        { "bn.weight", SMASH_F32, 1, { 8 } }, { "bn.bias", SMASH_F32, 1, { 8 } }, { "bn.running_mean", SMASH_F32, 1, { 8 } },
        { "tok_emb.weight", SMASH_F16, 2, { 16, 5 } }, { "half.weight", SMASH_BF16, 2, { 6, 7 } }, { "wide.weight", SMASH_F64, 2, { 5, 9 } },
        { "position.ids", SMASH_I64, 1, { 4 } }, { "empty.weight", SMASH_F32, 2, { 0, 4 } } };
    static const smash_meta metadata[] = { { "format", "pt" } };
    smash_tensor views[COUNT_OF(tensors)];
    smash_layout layout;
    uint64_t rng = 42;
    size_t i, k, n;
    smash_io io = SMASH_ZERO;
    source.used = source.calls = source.fail_at = 0;
    io.write = test_buffer_write;
    io.user = &source;
    for (i = 0; i < COUNT_OF(tensors); i++) {
        views[i] = smash_tensor_view(tensors[i].dtype, NULL, 0, tensors[i].ndim, tensors[i].shape);
        views[i].name = tensors[i].name;
    }
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, views, COUNT_OF(views), metadata, 1, &arena, &layout), SMASH_OK, "source");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "source");
    for (i = 0; i < COUNT_OF(tensors); i++) {
        double numbers[512];
        smash_tensor from = views[i];
        smash_tensor_count(&views[i], &n);
        for (k = 0; k < n; k++) numbers[k] = tensors[i].dtype == SMASH_I64 ? (double)k : (double)((int64_t)(smash_random(&rng) >> 44) - 524288) / 262144.0;
        from.dtype = SMASH_F64;
        from.data = numbers;
        from.bytes = n * sizeof *numbers;
        smash_tensor_bytes(&views[i], &views[i].bytes);
        views[i].data = smash_arena_alloc(&ctx, &arena, views[i].bytes);
        if (tensors[i].dtype == SMASH_F64) memcpy(views[i].data, numbers, from.bytes);
        else CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &from, &views[i]), SMASH_OK, "%s", tensors[i].name);
        CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, i, &views[i]), SMASH_OK, "%s", tensors[i].name);
    }
    source_io = smash_io_memory(source.data, source.used);
}

static void start(void)
{
    smash_arena_release(&arena);
    memset(&diags, 0, sizeof diags);
    diags.arena = &arena;
    smash_ctx_reset(&ctx);
    smash_config_init(&config, smash_builtins(), &arena, &diags);
    make_source();
}

static const char *said(void) { return diags.last ? diags.last->message : ctx.message; }

static smash_err run(const char *text, const smash_io *from, smash_result *result)
{
    static smash_model model;                  /* the plan points to it */
    smash_run_desc desc = SMASH_ZERO;
    smash_io out_io = SMASH_ZERO, masks_io = SMASH_ZERO;
    smash_err err = smash_safetensors_read(&ctx, NULL, from, &arena, &diags, &model);
    if (!err) err = smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL);
    if (!err) err = smash_config_resolve(&ctx, &config, &model, &plan);
    if (err) return err;
    out_io.write = masks_io.write = test_buffer_write;
    out_io.user = &out;
    masks_io.user = &masks;
    out.used = out.calls = masks.used = masks.calls = 0;
    desc.out = &out_io;
    desc.masks = &masks_io;
    return smash_run(&ctx, &plan, &desc, result);
}

static const char everything[] = "{\"pruner\": \"l2_norm\", \"l2_norm_config_list\": [{\"op_names\": [\"conv\", \"half\"], \"sparse_ratio\": 0.5},"
    " {\"op_names\": [\"fc\", \"tok_emb\", \"wide\"], \"sparse_ratio\": 0.3, \"granularity\": [1, 1]}],"
    " \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"conv\"], \"target_names\": [\"weight\"], \"granularity\": \"out_channel\"},"
    " {\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int4\", \"granularity\": [1, 8]},"
    " {\"op_names\": [\"tok_emb\"], \"quant_dtype\": \"uint2\", \"quant_scheme\": \"affine\"},"
    " {\"op_names\": [\"half\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"uint12\", \"quant_scheme\": \"affine\", \"granularity\": \"in_channel\"},"
    " {\"op_names\": [\"wide\"], \"target_names\": [\"weight\", \"_output_\"], \"quant_dtype\": \"int16\"}]}";

/* One number of a tensor of any dtype, through the library's own exact conversion (tested in test_tensor.c) */
static double number(const smash_tensor *t, size_t i)
{
    double all[512];
    smash_tensor x = *t;
    size_t n;
    smash_tensor_count(t, &n);
    if (t->dtype == SMASH_F64) return ((const double *)t->data)[i];
    x.dtype = SMASH_F64;
    x.flags = 0;
    x.data = all;
    x.bytes = sizeof all;
    return smash_tensor_convert(&ctx, t, &x) == SMASH_OK && i < n ? all[i] : 1e30;
}

static smash_tensor tensor_of(const smash_model *model, const char *name)
{
    smash_tensor t = SMASH_ZERO;
    ptrdiff_t p = smash_model_find_param(model, name);
    CHECK(p >= 0, "no tensor %s", name);
    if (p >= 0) CHECK_ERR(&ctx, smash_model_load(&ctx, model, (size_t)p, &arena, &t), SMASH_OK, "%s", name);
    return t;
}

/* What the file holds: names, dtypes, shapes, and numbers within half a step of the masked original. */
static void test_contents(void)
{
    static const struct { const char *weight, *stored, *dtype; uint32_t bits; int is_unsigned; const char *scale_shape; int has_zero; } rows[] = {
        { "conv.weight", "conv.weight", "I8", 8, 0, "8 1 1 1", 0 }, { "fc.weight", "fc.weight_packed", "U8", 4, 0, "10 5", 0 },
        { "tok_emb.weight", "tok_emb.weight_packed", "U8", 2, 1, "1 1", 1 }, { "half.weight", "half.weight", "U16", 12, 1, "1 7", 1 },
        { "wide.weight", "wide.weight", "I16", 16, 0, "1 1", 0 } };
    smash_model in, got, mask;
    smash_io io, masks_io;                     /* a model keeps a pointer to its io */
    smash_result result;
    size_t i, k, n;
    start();
    CHECK_ERR(&ctx, run(everything, &source_io, &result), SMASH_OK, "%s", said());
    CHECK(out.used == result.bytes, "%zu bytes of %zu", out.used, source.used);
    io = smash_io_memory(out.data, out.used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &got), SMASH_OK, "%s", said());
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, &diags, &in), SMASH_OK, "%s", said());
    masks_io = smash_io_memory(masks.data, masks.used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &masks_io, &arena, &diags, &mask), SMASH_OK, "%s", said());
    CHECK(mask.param_count == 6, "%zu masks", mask.param_count);
    CHECK(got.metadata_count == 6 && strcmp(got.metadata[0].key, "format") == 0 && strcmp(got.metadata[0].value, "pt") == 0, "%zu metadata", got.metadata_count);
    CHECK(strcmp(got.modules[smash_model_find_module(&got, "fc")].type, "Linear") == 0 && !got.modules[smash_model_find_module(&got, "fc")].inferred, "type of a packed layer");
    for (i = 0; i < COUNT_OF(rows); i++) {
        char name[64], shape[64] = "";
        smash_tensor w = tensor_of(&in, rows[i].weight), q = tensor_of(&got, rows[i].stored), s, z = SMASH_ZERO, m = tensor_of(&mask, rows[i].weight), scale_shape;
        smash_grain grain;
        smash_grid grid;
        int32_t block[SMASH_MAX_DIMS];
        uint32_t d;
        size_t zeros = 0;
        smash_tensor restored = SMASH_ZERO;
        smash_dtype stored;
        snprintf(name, sizeof name, "%s_scale", rows[i].weight);
        s = tensor_of(&got, name);
        snprintf(name, sizeof name, "%s_zero_point", rows[i].weight);
        CHECK((smash_model_find_param(&got, name) >= 0) == rows[i].has_zero, "%s", name);
        if (rows[i].has_zero) z = tensor_of(&got, name);
        CHECK(strcmp(smash_dtype_name(q.dtype), rows[i].dtype) == 0, "%s is %s", rows[i].stored, smash_dtype_name(q.dtype));
        for (d = 0; d < s.ndim; d++) snprintf(shape + strlen(shape), sizeof shape - strlen(shape), d ? " %zu" : "%zu", s.shape[d]);
        CHECK(strcmp(shape, rows[i].scale_shape) == 0, "%s_scale has shape %s", rows[i].weight, shape);
        smash_tensor_count(&w, &n);
        if (rows[i].bits < 8) {
            snprintf(name, sizeof name, "%s_shape", rows[i].weight);
            scale_shape = tensor_of(&got, name);
            for (d = 0; d < w.ndim; d++) CHECK((size_t)number(&scale_shape, d) == w.shape[d], "%s[%u]", name, d);
            CHECK(q.shape[0] == (n * rows[i].bits + 7) / 8, "%s has %zu bytes", rows[i].stored, q.shape[0]);
            q.dtype = rows[i].bits == 4 ? (rows[i].is_unsigned ? SMASH_U4 : SMASH_I4) : (rows[i].is_unsigned ? SMASH_U2 : SMASH_I2);
            q.ndim = w.ndim;
            memcpy(q.shape, w.shape, sizeof q.shape);
        }
        for (d = 0; d < w.ndim; d++) block[d] = (int32_t)(w.shape[d] / s.shape[d]);
        grain = smash_grain_block(block, w.ndim);
        CHECK_ERR(&ctx, smash_grid_make(&ctx, &grain, &w, &grid), SMASH_OK, "%s", rows[i].weight);
        for (k = 0; k < n; k++) {
            size_t at = k, b = 0, stride = 1;
            double x, back, step;
            for (d = w.ndim; d--; at /= w.shape[d]) { b += at % w.shape[d] / grid.block[d] * stride; stride *= grid.count[d]; }
            step = number(&s, b);
            x = ((const unsigned char *)m.data)[k] ? number(&w, k) : 0;
            back = (number(&q, k) - (rows[i].has_zero ? number(&z, b) : 0)) * step;
            zeros += !((const unsigned char *)m.data)[k];
            if (k == 0) CHECK_ERR(&ctx, smash_model_restore(&ctx, &got, rows[i].weight, &arena, &restored, &stored), SMASH_OK, "%s", rows[i].weight);
            CHECK(((const float *)restored.data)[k] == (float)(number(&q, k) - (rows[i].has_zero ? number(&z, b) : 0)) * (float)step, "%s[%zu] is not restored", rows[i].weight, k);
            /* half a step; at the ends of an affine grid up to one, since its zero point is rounded */
            CHECK(fabs(x - back) <= step * (rows[i].has_zero ? 1.0 : 0.5000001), "%s[%zu]: %g reads back as %g, step %g", rows[i].weight, k, x, back, step);
        }
        CHECK(zeros > 0, "%s: nothing was pruned", rows[i].weight);
    }
    {
        smash_tensor a = tensor_of(&in, "conv.bias"), b = tensor_of(&got, "conv.bias"), m = tensor_of(&mask, "conv.bias"), w = tensor_of(&mask, "conv.weight");
        size_t dropped = 0;
        for (k = 0; k < 8; k++) {
            int keep = ((const unsigned char *)m.data)[k];
            dropped += !keep;
            CHECK(keep == ((const unsigned char *)w.data)[k * 27], "bias %zu does not follow its row", k);
            CHECK(((const float *)b.data)[k] == (keep ? ((const float *)a.data)[k] : 0), "bias %zu", k);
        }
        CHECK(dropped == 4, "%zu channels dropped", dropped);
        a = tensor_of(&in, "bn.weight");
        b = tensor_of(&got, "bn.weight");
        CHECK(memcmp(a.data, b.data, 32) == 0, "an untouched tensor changed");
    }
}

static void reverse(void *user, size_t count, void (*fn)(void *arg, size_t index), void *arg)
{
    (void)user;
    while (count--) fn(arg, count);
}

/* The same file: mapped or read, aligned or not, with and without SIMD, whatever order the threads take. */
static void test_same_bytes(void)
{
    static test_buffer first, first_masks;
    static unsigned char shifted[sizeof source.data + 1];
    smash_result result, again;
    int way;
    for (way = 0; way < 5; way++) {
        smash_io io;
        start();
        io = source_io;
        if (way == 1) { io.map = NULL; io.read = test_buffer_read; io.user = &source; io.bytes = source.used; }
        if (way == 2) { memcpy(shifted + 1, source.data, source.used); io = smash_io_memory(shifted + 1, source.used); }
        ctx.no_simd = way == 3;
        ctx.parallel = way == 4 ? reverse : NULL;
        CHECK_ERR(&ctx, run(everything, &io, &again), SMASH_OK, "way %d: %s", way, said());
        if (way == 0) { first = out; first_masks = masks; result = again; }
        CHECK(out.used == first.used && memcmp(out.data, first.data, out.used) == 0, "way %d: another file", way);
        CHECK(masks.used == first_masks.used && memcmp(masks.data, first_masks.data, masks.used) == 0, "way %d: other masks", way);
        CHECK(again.nonzero == result.nonzero && again.parameters == result.parameters, "way %d: other counts", way);
    }
    ctx.no_simd = 0;
    ctx.parallel = NULL;
}

/* NaN and Inf are found and named; the output is refused */
static void test_nonfinite(void)
{
    static const struct { uint32_t bits; const char *config, *tensor; size_t index; } rows[] = {
        { 0x7FC00000u, "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5}", "fc.weight", 137 },
        { 0xFF800000u, "{\"quantizer\": \"ptq\"}", "fc.weight", 399 },
        { 0x7F800000u, "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.5}", "conv.weight", 0 },
        { 0x7F800001u, "{\"pruner\": \"fpgm\", \"fpgm_sparse_ratio\": 0.5}", "conv.weight", 215 },
        { 0xFFC00000u, "{\"quantizer\": \"ptq\", \"ptq_granularity\": \"out_channel\", \"ptq_quant_scheme\": \"affine\"}", "conv.weight", 77 } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_model model;
        smash_result result;
        ptrdiff_t p;
        start();
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &model), SMASH_OK, "row %zu", i);
        p = smash_model_find_param(&model, rows[i].tensor);
        memcpy(source.data + model.params[p].offset + 4 * rows[i].index, &rows[i].bits, 4);
        CHECK_ERR(&ctx, run(rows[i].config, &source_io, &result), SMASH_ERR_NONFINITE, "%s", rows[i].config);
        CHECK(ctx.index == rows[i].index && strstr(ctx.message, rows[i].tensor), "%s: index %zu, message %s", rows[i].config, ctx.index, ctx.message);
    }
}

/* Scratch is bounded by the largest tensor, not by the model: forty layers need what one needs. */
static void test_bounded_memory(void)
{
    size_t peak[2];
    int many;
    for (many = 0; many < 2; many++) {
        static float weights[64 * 64];
        static const size_t shape[2] = { 64, 64 };
        static const char text[] = "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"ptq\"}";
        smash_model model;
        smash_result result;
        smash_run_desc desc = SMASH_ZERO;
        int i;
        char name[32];
        smash_tensor t = smash_tensor_view(SMASH_F32, weights, sizeof weights, 2, shape);
        start();
        for (i = 0; i < 64 * 64; i++) weights[i] = (float)(i % 97) - 48.0f;
        t.flags = SMASH_TENSOR_CONST;
        smash_model_init(&model, &arena);
        for (i = 0; i < (many ? 40 : 1); i++) {
            snprintf(name, sizeof name, "l%d.weight", i);
            CHECK_ERR(&ctx, smash_model_add(&ctx, &model, name, &t, 0), SMASH_OK, "%s", name);
        }
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), NULL, NULL), SMASH_OK, "load");
        CHECK_ERR(&ctx, smash_config_resolve(&ctx, &config, &model, &plan), SMASH_OK, "resolve: %s", said());
        ctx.scratch.peak = 0;
        CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &result), SMASH_OK, "run");
        peak[many] = ctx.scratch.peak;
        CHECK(weights[3] == -45.0f, "the model was changed");
    }
    CHECK(peak[1] < peak[0] + 16384 && peak[0] < 64 * 64 * 4 * 3 + 65536, "scratch %zu for one layer, %zu for forty", peak[0], peak[1]);
}

/* smash() and smash_save() give the bytes of smash_run(); loading and saving gives them again, and the config. */
static void test_smash(void)
{
    static test_buffer saved, again;
    static smash_model model;
    static smash_config loaded;
    static smash_result ran, result, back;
    smash_io io = SMASH_ZERO, in;
    smash_diags more = SMASH_ZERO;
    start();
    CHECK_ERR(&ctx, run(everything, &source_io, &ran), SMASH_OK, "run: %s", said());
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, &diags, &model), SMASH_OK, "read");
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "smash: %s", said());
    saved.used = again.used = 0;
    io.write = test_buffer_write;
    io.user = &saved;
    CHECK_ERR(&ctx, smash_save(&ctx, &result, &io), SMASH_OK, "save");
    CHECK(saved.used == out.used && !memcmp(saved.data, out.data, out.used), "smash() and smash_run() differ");
    CHECK(result.bytes == ran.bytes && result.parameters == ran.parameters && result.nonzero == ran.nonzero, "counts differ");
    CHECK(result.step_count == 2 && !strcmp(result.steps[0].algo->name, "l2_norm") && !strcmp(result.steps[1].algo->name, "ptq") && !result.steps[1].reapply, "%u steps", result.step_count);
    in = smash_io_memory(saved.data, saved.used);
    more.arena = &arena;
    smash_config_init(&loaded, smash_builtins(), &arena, &more);
    CHECK_ERR(&ctx, smash_load(&ctx, &in, NULL, &loaded, &back), SMASH_OK, "load: %s", more.last ? more.last->message : "");
    CHECK(smash_config_equal(&loaded, &config), "the config that comes back is another");
    io.user = &again;
    CHECK_ERR(&ctx, smash_save(&ctx, &back, &io), SMASH_OK, "save again");
    CHECK(again.used == saved.used && !memcmp(again.data, saved.data, saved.used), "saved again, %zu bytes, want %zu", again.used, saved.used);
}

/* A dry run reports what a real one does; the report is JSON with one row per target; compressing twice is refused. */
static void test_report(void)
{
    smash_result result, dry;
    smash_run_desc desc = SMASH_ZERO;
    smash_text text = SMASH_ZERO;
    smash_writer w = SMASH_ZERO;
    smash_json doc;
    smash_io io;
    const smash_value *row;
    size_t i;
    static test_buffer compressed;
    start();
    CHECK_ERR(&ctx, run(everything, &source_io, &result), SMASH_OK, "%s", said());
    CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &dry), SMASH_OK, "dry run");
    CHECK(dry.bytes == result.bytes && dry.nonzero == result.nonzero && dry.mask_bytes == result.mask_bytes, "the dry run differs");
    text.ctx = &ctx;
    text.arena = &arena;
    w.put = smash_text_put;
    w.user = &text;
    w.indent = 2;
    w.flat = 2;
    smash_report_rows(&w, &plan);
    CHECK(w.err == SMASH_OK, "writer: %s", smash_err_name(w.err));
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, text.data, text.bytes, &arena, &diags, &doc), SMASH_OK, "%s", text.data);
    CHECK(doc.root->type == SMASH_VALUE_ARRAY && doc.root->count == plan.count && plan.count == 12, "%zu rows", plan.count);
    for (i = 0, row = doc.root + 1; i < plan.count; i++, row += row->span) {
        int prune = plan.rows[i].algo->group == SMASH_PRUNER;
        CHECK(smash_value_get(row, "module") && smash_value_get(row, "note") && smash_value_get(row, "granularity"), "row %zu", i);
        CHECK(prune == (smash_value_get(row, "zeros") != NULL) && prune == !smash_value_get(row, "snr_db"), "row %zu: keys", i);
        CHECK(i == 0 || plan.rows[i - 1].algo->group <= plan.rows[i].algo->group, "row %zu: order", i);
    }
    compressed = out;
    start();
    io = smash_io_memory(compressed.data, compressed.used);
    CHECK_ERR(&ctx, run("{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"conv\"], \"target_names\": [\"weight\"]}]}", &io, &result), SMASH_ERR_CONFIG, "twice");
    CHECK(strstr(said(), "compressed already"), "%s", said());
    compressed = source;                       /* a tensor that has the name a scale would get */
    for (i = 0; i + 16 < compressed.used; i++) if (!memcmp(compressed.data + i, "bn.running_mean\"", 16)) memcpy(compressed.data + i, "fc.weight_scale", 15);
    start();
    io = smash_io_memory(compressed.data, compressed.used);
    CHECK_ERR(&ctx, run("{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"]}]}", &io, &result), SMASH_ERR_CONFIG, "name taken");
    CHECK(strstr(said(), "already has a tensor"), "%s", said());
    start();
    CHECK_ERR(&ctx, run("{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"empty\"], \"sparse_ratio\": 0.5}]}", &source_io, &result), SMASH_OK, "empty tensor");
    CHECK(plan.count == 1 && plan.rows[0].skip && strstr(plan.rows[0].note, "empty"), "no note on an empty tensor");
    start();
    CHECK_ERR(&ctx, run("{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.1}]}", &source_io, &result), SMASH_OK, "%s", said());
    CHECK(plan.rows[0].note && strstr(plan.rows[0].note, "less than one block"), "no note where k is 0");
}

/* Compressing the rest of a compressed model keeps what is known of the tensors that are already integers: an unsigned
 * 4-bit tensor without zero points is told from a signed one by its metadata alone. */
static void test_second_pass(void)
{
    static const float numbers[2][16] = { { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }, { -3, 1, 2, -7, 4, 5, 6, 2, 8, 9, 1, 1, 2, 3, 4, 5 } };
    static const char *const texts[2] = { "{\"quantizer\":\"ptq\",\"ptq_config_list\":[{\"op_names\":[\"a\"],\"target_names\":[\"weight\"],\"quant_dtype\":\"uint4\",\"quant_scheme\":\"affine\"}]}",
                                          "{\"pruner\":\"level\",\"level_config_list\":[{\"op_names\":[\"b\"],\"target_names\":[\"weight\"],\"sparse_ratio\":0.5}]}" };
    static const size_t shape[2] = { 4, 4 };
    static test_buffer passes[2];
    smash_model model, read;
    smash_result result;
    smash_tensor t, back;
    smash_dtype stored = SMASH_DTYPE_NONE;
    smash_io io;
    size_t pass, i, bad = 0;
    for (pass = 0; pass < 2; pass++) {
        smash_run_desc desc = SMASH_ZERO;
        smash_io out_io = SMASH_ZERO;
        start();
        if (pass == 0) {
            smash_model_init(&model, &arena);
            for (i = 0; i < 2; i++) {
                t = smash_tensor_view(SMASH_F32, numbers[i], sizeof numbers[i], 2, shape);
                t.flags = SMASH_TENSOR_CONST;
                CHECK_ERR(&ctx, smash_model_add(&ctx, &model, i ? "b.weight" : "a.weight", &t, 0), SMASH_OK, "add");
            }
            CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
        } else {
            io = smash_io_memory(passes[0].data, passes[0].used);
            CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &model), SMASH_OK, "read");
        }
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, texts[pass], strlen(texts[pass]), NULL, NULL), SMASH_OK, "pass %zu: %s", pass, said());
        CHECK_ERR(&ctx, smash_config_resolve(&ctx, &config, &model, &plan), SMASH_OK, "pass %zu: %s", pass, said());
        passes[pass].used = 0;
        out_io.write = test_buffer_write;
        out_io.user = &passes[pass];
        desc.out = &out_io;
        CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &result), SMASH_OK, "pass %zu", pass);
    }
    io = smash_io_memory(passes[1].data, passes[1].used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &read), SMASH_OK, "read again");
    CHECK(smash_model_find_param(&read, "a.weight_zero_point") < 0, "this test wants no zero point");
    CHECK_ERR(&ctx, smash_model_restore(&ctx, &read, "a.weight", &arena, &back, &stored), SMASH_OK, "restore");
    for (i = 0; i < 16; i++) bad += ((const float *)back.data)[i] != numbers[0][i];
    CHECK(stored == SMASH_U4 && bad == 0, "%s, %zu numbers differ", smash_dtype_name(stored), bad);
}

/* Files that lie about their integers: an error each, nothing read. */
static void test_restore_lies(void)
{
    enum { GOOD, NO_SHAPE, SHAPE_F32, NEGATIVE_DIM, HUGE_DIM, WRONG_COUNT, PACKED_I8, NO_SCALE, SCALE_NAN, SCALE_DIMS, SCALE_UNEVEN, WIDE_INT, NOTHING, LIES };
    static const smash_err want[LIES] = { SMASH_OK, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT,
                                          SMASH_ERR_NOTFOUND, SMASH_ERR_RANGE, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_NOTFOUND };
    int lie;
    for (lie = 0; lie < LIES; lie++) {
        static const size_t four[1] = { 4 }, two[1] = { 2 }, one_one[2] = { 1, 1 }, one_three[2] = { 1, 3 };
        static uint8_t packed[4] = { 0x21, 0x43, 0x65, 0x07 };
        static int64_t wide[4];
        int64_t dims[2] = { 2, 4 };
        float scales[3] = { 0.5f, 0.5f, 0.5f };
        uint32_t nan_bits = 0x7FC00000u;
        smash_model model;
        smash_tensor t, out_tensor = SMASH_ZERO;
        start();
        smash_model_init(&model, &arena);
        if (lie == NEGATIVE_DIM) dims[0] = -2;
        if (lie == HUGE_DIM) dims[0] = INT64_MAX;
        if (lie == WRONG_COUNT) dims[0] = 3;
        if (lie == SCALE_NAN) memcpy(scales, &nan_bits, 4);
        t = smash_tensor_view(lie == PACKED_I8 ? SMASH_I8 : SMASH_U8, packed, sizeof packed, 1, four);
        if (lie == WIDE_INT) {
            t = smash_tensor_view(SMASH_I64, wide, sizeof wide, 1, four);
            CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w", &t, 0), SMASH_OK, "lie %d", lie);
        } else if (lie != NOTHING) CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w_packed", &t, 0), SMASH_OK, "lie %d", lie);
        t = smash_tensor_view(lie == SHAPE_F32 ? SMASH_F64 : SMASH_I64, dims, sizeof dims, 1, two);
        if (lie != NO_SHAPE) CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w_shape", &t, 0), SMASH_OK, "lie %d", lie);
        t = smash_tensor_view(SMASH_F32, scales, sizeof scales, lie == SCALE_DIMS ? 1u : 2u, lie == SCALE_UNEVEN ? one_three : one_one);
        if (lie != NO_SCALE) CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w_scale", &t, 0), SMASH_OK, "lie %d", lie);
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "lie %d", lie);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &model, "w", &arena, &out_tensor, NULL), want[lie], "lie %d", lie);
        CHECK((out_tensor.data != NULL) == (lie == GOOD), "lie %d: output touched", lie);
        if (lie == GOOD) CHECK(out_tensor.ndim == 2 && ((const float *)out_tensor.data)[2] == 1.5f && ((const float *)out_tensor.data)[6] == 3.5f, "restored wrong");
    }
}

/* pack_sparse: the same numbers in fewer bytes, whatever they are stored as, and through smash(), save and load, too. */
static void test_pack_sparse(void)
{
    static const struct { const char *text, *tensor, *stored, *dtype; } rows[] = {
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.9", "fc.weight", "fc.weight_compressed", "F32" },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.75", "conv.weight", "conv.weight_compressed", "F32" },
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"tok_emb\", \"half\", \"wide\"], \"sparse_ratio\": 0.99}]", "wide.weight", "wide.weight_compressed", "F64" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.95, \"quantizer\": \"ptq\"", "fc.weight", "fc.weight_compressed", "I8" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 1.0, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int16\"", "fc.weight", "fc.weight_compressed", "I16" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.9, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int4\"", "fc.weight", "fc.weight_packed", "U8" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.9, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"uint16\", \"ptq_quant_scheme\": \"affine\"", "fc.weight", "fc.weight", "U16" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.1", "fc.weight", "fc.weight", "F32" } };
    static test_buffer plain, packed, saved;
    size_t i, k, bytes;
    for (i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        smash_model a, b, source_model;
        smash_io io_a, io_b, io, to = SMASH_ZERO;
        smash_result result;
        static smash_result whole, back;
        static smash_config loaded;
        ptrdiff_t p;
        start();
        snprintf(text, sizeof text, "%s}", rows[i].text);
        CHECK_ERR(&ctx, run(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
        plain = out;
        smash_config_init(&config, smash_builtins(), &arena, &diags);
        snprintf(text, sizeof text, "%s, \"pack_sparse\": true}", rows[i].text);
        CHECK_ERR(&ctx, run(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
        packed = out;
        CHECK(result.bytes == packed.used, "%s: %lu bytes, %lu said", text, (unsigned long)packed.used, (unsigned long)result.bytes);
        io_a = smash_io_memory(plain.data, plain.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io_a, &arena, NULL, &a), SMASH_OK, "plain");
        io_b = smash_io_memory(packed.data, packed.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io_b, &arena, NULL, &b), SMASH_OK, "packed");
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &source_model), SMASH_OK, "source");
        p = smash_model_find_param(&b, rows[i].stored);
        CHECK(p >= 0 && strcmp(smash_dtype_name(b.params[p].tensor.dtype), rows[i].dtype) == 0, "%s: no %s of %s", text, rows[i].stored, rows[i].dtype);
        for (k = 0; k < source_model.param_count; k++) {
            smash_tensor x = SMASH_ZERO, y = SMASH_ZERO;
            const char *name = source_model.params[k].name;
            CHECK_ERR(&ctx, smash_model_restore(&ctx, &a, name, &arena, &x, NULL), SMASH_OK, "%s: %s", text, name);
            CHECK_ERR(&ctx, smash_model_restore(&ctx, &b, name, &arena, &y, NULL), SMASH_OK, "%s: %s", text, name);
            smash_tensor_bytes(&x, &bytes);
            CHECK(x.dtype == y.dtype && x.ndim == y.ndim && !memcmp(x.shape, y.shape, x.ndim * sizeof *x.shape) && (!bytes || !memcmp(x.data, y.data, bytes)), "%s: %s is another", text, name);
        }
        if (strstr(rows[i].stored, "_compressed")) CHECK(b.params[p].tensor.shape[0] < 400, "%s: not smaller", text);
        CHECK_ERR(&ctx, smash(&ctx, &source_model, &config, NULL, &whole), SMASH_OK, "%s: %s", text, said());
        saved.used = 0;
        to.write = test_buffer_write;
        to.user = &saved;
        CHECK_ERR(&ctx, smash_save(&ctx, &whole, &to), SMASH_OK, "%s", text);
        CHECK(saved.used == packed.used && !memcmp(saved.data, packed.data, saved.used), "%s: smash() writes another file", text);
        CHECK(whole.parameters == result.parameters && whole.nonzero == result.nonzero, "%s: counts", text);
        io = smash_io_memory(packed.data, packed.used);
        smash_config_init(&loaded, smash_builtins(), &arena, &diags);
        CHECK_ERR(&ctx, smash_load(&ctx, &io, NULL, &loaded, &back), SMASH_OK, "%s: %s", text, said());
        CHECK(smash_config_equal(&config, &loaded), "%s: another config", text);
        if (strstr(rows[i].stored, "_compressed") || strstr(rows[i].stored, "_packed")) {                                        /* what is packed is not passed over in silence */
            static const char again[] = "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5}";
            io = smash_io_memory(packed.data, packed.used);
            smash_config_init(&config, smash_builtins(), &arena, &diags);
            CHECK_ERR(&ctx, run(again, &io, &result), SMASH_ERR_CONFIG, "%s: once more", text);
            CHECK(strstr(ctx.message, "compress") || strstr(said(), "compress"), "%s: %s", text, said());
        }
    }
    /* names that are taken */
    {
        static const float numbers[2] = { 1, 2 };
        static const size_t shape[1] = { 2 };
        static const char *const names[] = { "w_compressed", "w_bitmask", "w_shape" };
        for (i = 0; i < COUNT_OF(names); i++) {
            smash_tensor t = smash_tensor_view(SMASH_F32, numbers, sizeof numbers, 1, shape);
            smash_model model;
            static const char text[] = "{\"pruner\": \"level\", \"level_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}], \"module_types\": {\"m\": \"Linear\"}, \"pack_sparse\": true}";
            char name[32];
            start();
            t.flags = SMASH_TENSOR_CONST;
            smash_model_init(&model, &arena);
            CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "m.weight", &t, 0), SMASH_OK, "add");
            snprintf(name, sizeof name, "m.weight%s", names[i] + 1);
            CHECK_ERR(&ctx, smash_model_add(&ctx, &model, name, &t, 0), SMASH_OK, "add");
            CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
            CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL), SMASH_OK, "%s", said());
            CHECK_ERR(&ctx, smash_config_resolve(&ctx, &config, &model, &plan), SMASH_ERR_CONFIG, "%s", name);
            CHECK(strstr(said(), "_bitmask"), "%s: %s", name, said());
        }
    }
}

/* Files that lie about their zeros: an error each, nothing read. */
static void test_sparse_lies(void)
{
    enum { GOOD, SCALED, NO_BITS, NO_SHAPE, BITS_I8, BITS_2D, SHAPE_F64, NEGATIVE, WIDE, WRONG_COUNT, FEW_VALUES, MANY_VALUES, BITS_BEHIND, VALUES_2D, LIES };
    static const smash_err want[LIES] = { SMASH_OK, SMASH_OK, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT,
                                          SMASH_ERR_SHAPE, SMASH_ERR_SHAPE, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT };
    int lie, i;
    for (lie = 0; lie < LIES; lie++) {
        static const size_t one[1] = { 1 }, two[1] = { 2 }, three[1] = { 3 }, four[1] = { 4 }, ones[2] = { 1, 1 }, one_two[2] = { 1, 2 }, one_three[2] = { 1, 3 };
        float values[4] = { 1.5f, -2, 3, 4 };
        int8_t ints[3] = { 3, -4, 6 };
        uint8_t bits[2] = { 0x05, 0x02 };            /* numbers 0, 2 and 9 of 10 */
        int64_t dims[2] = { 2, 5 };
        float scale = 0.5f;
        static const float expected[10] = { 1.5f, 0, -2, 0, 0, 0, 0, 0, 0, 3 };
        size_t bad = 0;
        smash_model model;
        smash_tensor t, back = SMASH_ZERO;
        start();
        smash_model_init(&model, &arena);
        if (lie == NEGATIVE) dims[1] = -5;
        if (lie == WIDE) dims[1] = INT64_MAX;
        if (lie == WRONG_COUNT) dims[1] = 9;
        if (lie == BITS_BEHIND) bits[1] = 0x42;
        t = lie == SCALED ? smash_tensor_view(SMASH_I8, ints, sizeof ints, 1, three)
          : smash_tensor_view(SMASH_F32, values, sizeof values, lie == VALUES_2D ? 2u : 1u, lie == VALUES_2D ? one_three : lie == FEW_VALUES ? two : lie == MANY_VALUES ? four : three);
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w_compressed", &t, 0), SMASH_OK, "lie %d", lie);
        t = smash_tensor_view(lie == BITS_I8 ? SMASH_I8 : SMASH_U8, bits, sizeof bits, lie == BITS_2D ? 2u : 1u, lie == BITS_2D ? one_two : two);
        if (lie != NO_BITS) CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w_bitmask", &t, 0), SMASH_OK, "lie %d", lie);
        t = smash_tensor_view(lie == SHAPE_F64 ? SMASH_F64 : SMASH_I64, dims, sizeof dims, 1, two);
        if (lie != NO_SHAPE) CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w_shape", &t, 0), SMASH_OK, "lie %d", lie);
        t = smash_tensor_view(SMASH_F32, &scale, sizeof scale, 2, ones);
        if (lie == SCALED) CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w_scale", &t, 0), SMASH_OK, "lie %d", lie);
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "lie %d", lie);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &model, "w", &arena, &back, NULL), want[lie], "lie %d", lie);
        CHECK((back.data != NULL) == (want[lie] == SMASH_OK), "lie %d: output touched", lie);
        for (i = 0; i < 10 && back.data; i++) bad += ((const float *)back.data)[i] != expected[i];
        CHECK(bad == 0, "lie %d: %d numbers differ", lie, (int)bad);
        (void)one;
    }
}

static char lines[1024];

/* ---- masks that are given ---- */

typedef struct given { const char *name; smash_dtype dtype; uint32_t ndim; size_t shape[5]; const char *keep; } given;   /* keep: '0', '1', '2', over and over */
static test_buffer given_file;
static smash_io given_io;

static void make_given(const given *masks_given, size_t count)
{
    static unsigned char numbers[4096];
    smash_tensor views[4];
    smash_layout layout;
    smash_io io = SMASH_ZERO;
    size_t i, k, n;
    given_file.used = given_file.calls = given_file.fail_at = 0;
    io.write = test_buffer_write;
    io.user = &given_file;
    for (i = 0; i < count; i++) {
        views[i] = test_view(masks_given[i].dtype, numbers, masks_given[i].ndim, masks_given[i].shape);
        views[i].name = masks_given[i].name;
    }
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, views, count, NULL, 0, &arena, &layout), SMASH_OK, "masks");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "masks");
    for (i = 0; i < count; i++) {
        smash_tensor_count(&views[i], &n);
        memset(numbers, 0, sizeof numbers);
        for (k = 0; k < n && smash_dtype_bits(masks_given[i].dtype) == 8; k++) numbers[k] = (unsigned char)(masks_given[i].keep[k % strlen(masks_given[i].keep)] - '0');
        CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, i, &views[i]), SMASH_OK, "%s", masks_given[i].name);
    }
    given_io = smash_io_memory(given_file.data, given_file.used);
}

/* What a mask says of element i of a tensor of this shape */
static int keeps(const given *g, const smash_tensor *t, size_t i)
{
    size_t at = 0, stride = 1;
    uint32_t d = t->ndim;
    while (d--) {
        at += g->shape[d] == 1 ? 0 : i % t->shape[d] * stride;
        stride *= g->shape[d];
        i /= t->shape[d];
    }
    return g->keep[at % strlen(g->keep)] == '1';
}

static smash_err run_given(const char *text, const smash_io *from, smash_result *result)
{
    static smash_model model;
    smash_run_desc desc = SMASH_ZERO;
    smash_io out_io = SMASH_ZERO, masks_io = SMASH_ZERO;
    smash_err err = smash_safetensors_read(&ctx, NULL, from, &arena, &diags, &model);
    if (!err) err = smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL);
    if (!err) err = smash_config_resolve(&ctx, &config, &model, &plan);
    if (err) return err;
    out_io.write = masks_io.write = test_buffer_write;
    out_io.user = &out;
    masks_io.user = &masks;
    out.used = out.calls = masks.used = masks.calls = 0;
    desc.out = &out_io;
    desc.masks = &masks_io;
    desc.masks_in = &given_io;
    return smash_run(&ctx, &plan, &desc, result);
}

static void read_back(const test_buffer *file, smash_io *io, smash_model *model)
{
    *io = smash_io_memory(file->data, file->used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, io, &arena, NULL, model), SMASH_OK, "read back");
}

/* Masks alone: every tensor is what it was where its mask is 1, +0 where it is 0; the masks that are written say the same in full; each has a row. */
static void test_given(void)
{
    static const struct { const char *what; size_t count; given masks[3]; } rows[] = {
        { "full", 1, { { "fc.weight", SMASH_BOOL, 2, { 10, 40 }, "1101001" } } },
        { "u8", 1, { { "fc.weight", SMASH_U8, 2, { 10, 40 }, "10" } } },
        { "rows", 1, { { "conv.weight", SMASH_BOOL, 4, { 8, 1, 1, 1 }, "10011" } } },
        { "every other dim", 1, { { "conv.weight", SMASH_BOOL, 4, { 1, 3, 1, 3 }, "110100011" } } },
        { "inner", 1, { { "conv.weight", SMASH_U8, 4, { 8, 1, 3, 1 }, "0111010" } } },
        { "one number", 2, { { "fc.weight", SMASH_BOOL, 2, { 1, 1 }, "0" }, { "conv.bias", SMASH_BOOL, 1, { 1 }, "1" } } },
        { "halves and doubles", 3, { { "tok_emb.weight", SMASH_BOOL, 2, { 16, 1 }, "011" }, { "half.weight", SMASH_BOOL, 2, { 1, 7 }, "0110101" }, { "wide.weight", SMASH_BOOL, 2, { 5, 9 }, "01" } } },
        { "no weights", 3, { { "bn.running_mean", SMASH_BOOL, 1, { 8 }, "01" }, { "bn.bias", SMASH_U8, 1, { 8 }, "0" }, { "conv.bias", SMASH_BOOL, 1, { 8 }, "1" } } },
        { "all and none", 2, { { "fc.weight", SMASH_BOOL, 2, { 10, 40 }, "0" }, { "wide.weight", SMASH_BOOL, 2, { 5, 9 }, "1" } } },
        { "empty", 2, { { "empty.weight", SMASH_BOOL, 2, { 0, 4 }, "1" }, { "conv.bias", SMASH_BOOL, 1, { 8 }, "0" } } },
        { "empty, a row", 1, { { "empty.weight", SMASH_BOOL, 2, { 1, 4 }, "0" } } },
        { "nothing", 0, { { NULL, SMASH_BOOL, 0, { 0 }, NULL } } } };
    static test_buffer first, first_masks;
    size_t i, k, j, n, bytes, zeros, way;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_model before, after, mask;
        smash_io io, masks_io;
        smash_result result;
        start();
        make_given(rows[i].masks, rows[i].count);
        CHECK_ERR(&ctx, run_given("{}", &source_io, &result), SMASH_OK, "%s: %s", rows[i].what, said());
        CHECK(plan.given_count == rows[i].count && result.bytes == out.used && result.mask_bytes == masks.used, "%s: %zu rows", rows[i].what, plan.given_count);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &before), SMASH_OK, "before");
        read_back(&out, &io, &after);
        read_back(&masks, &masks_io, &mask);
        CHECK(mask.param_count == rows[i].count && after.param_count == before.param_count, "%s: %zu masks, %zu tensors", rows[i].what, mask.param_count, after.param_count);
        for (k = 0; k < before.param_count; k++) {
            const given *g = NULL;
            const char *name = before.params[k].name;
            smash_tensor x = tensor_of(&before, name), y = tensor_of(&after, name), m = SMASH_ZERO;
            for (j = 0; j < rows[i].count; j++) if (!strcmp(rows[i].masks[j].name, name)) g = &rows[i].masks[j];
            if (g) m = tensor_of(&mask, name);
            smash_tensor_count(&x, &n);
            bytes = smash_dtype_bits(x.dtype) / 8;
            CHECK(x.dtype == y.dtype && x.ndim == y.ndim && !memcmp(x.shape, y.shape, x.ndim * sizeof *x.shape), "%s: %s is of another kind", rows[i].what, name);
            CHECK(!g || (m.dtype == SMASH_BOOL && m.ndim == x.ndim && !memcmp(m.shape, x.shape, x.ndim * sizeof *x.shape)), "%s: the mask of %s", rows[i].what, name);
            for (j = zeros = 0; j < n; j++) {
                static const unsigned char zero[8];
                const int keep = !g || keeps(g, &x, j);
                const unsigned char *is = (const unsigned char *)y.data + j * bytes, *was = (const unsigned char *)x.data + j * bytes;
                zeros += !keep;
                if (memcmp(is, keep ? was : zero, bytes) || (g && ((const unsigned char *)m.data)[j] != keep)) break;
            }
            CHECK(j == n, "%s: %s at %zu", rows[i].what, name, j);
            for (j = 0; g && j < plan.given_count; j++) {
                const smash_row *row = &plan.given[j];
                if (row->param != k) continue;
                CHECK(row->mask_stats.elements == zeros && !strcmp(row->algo->name, "masks") && row->module == before.params[k].module, "%s: row of %s, %zu zeros, want %zu", rows[i].what, name, row->mask_stats.elements, zeros);
                break;
            }
            CHECK(!g || j < plan.given_count, "%s: no row for %s", rows[i].what, name);
        }
        /* read through callbacks, without SIMD, chunks from the last to the first; then with the masks that were written, which say all of it */
        first = out;
        first_masks = masks;
        for (way = 0; way < 4; way++) {
            start();
            make_given(rows[i].masks, rows[i].count);
            if (way == 0) { given_io.map = NULL; given_io.read = test_buffer_read; given_io.user = &given_file; }
            if (way == 3) given_io = smash_io_memory(first_masks.data, first_masks.used);
            ctx.no_simd = way == 1;
            ctx.parallel = way == 2 ? reverse : NULL;
            CHECK_ERR(&ctx, run_given("{}", &source_io, &result), SMASH_OK, "%s: %s", rows[i].what, said());
            CHECK(out.used == first.used && !memcmp(out.data, first.data, out.used) && masks.used == first_masks.used && !memcmp(masks.data, first_masks.data, masks.used), "%s: way %zu gives another file", rows[i].what, way);
        }
        ctx.no_simd = 0;
        ctx.parallel = NULL;
    }
}

/* Mask files that are none, or do not fit: one code, the tensor's name, the reason. */
static void test_given_lies(void)
{
    static const struct { given mask; const char *says; } rows[] = {
        { { "fc.wieght", SMASH_BOOL, 2, { 10, 40 }, "1" }, "there is a mask for \"fc.wieght\", and no such tensor in the model; did you mean \"fc.weight\"?" },
        { { "fc", SMASH_BOOL, 2, { 10, 40 }, "1" }, "there is a mask for \"fc\", and no such tensor in the model; take it out of the masks" },
        { { "position.ids", SMASH_BOOL, 1, { 4 }, "1" }, "there is a mask for \"position.ids\", which is I64; masks are for F32 F64 F16 BF16; take it out of the masks" },
        { { "fc.weight", SMASH_F32, 2, { 10, 40 }, "1" }, "the mask of \"fc.weight\" is F32; a mask is BOOL, or U8 of 0 and 1" },
        { { "fc.weight", SMASH_I8, 2, { 10, 40 }, "1" }, "the mask of \"fc.weight\" is I8" },
        { { "fc.weight", SMASH_BOOL, 1, { 40 }, "1" }, "the mask of \"fc.weight\" is [40], and the tensor [10, 40]; a mask has as many dims, each of the same size or 1" },
        { { "fc.weight", SMASH_BOOL, 1, { 400 }, "1" }, "is [400], and the tensor [10, 40]" },
        { { "fc.weight", SMASH_BOOL, 0, { 0 }, "1" }, "is [], and the tensor [10, 40]" },
        { { "fc.weight", SMASH_BOOL, 3, { 1, 10, 40 }, "1" }, "is [1, 10, 40], and the tensor [10, 40]" },
        { { "fc.weight", SMASH_BOOL, 2, { 40, 10 }, "1" }, "is [40, 10], and the tensor [10, 40]" },
        { { "fc.weight", SMASH_BOOL, 2, { 5, 40 }, "1" }, "is [5, 40], and the tensor [10, 40]" },
        { { "fc.weight", SMASH_BOOL, 2, { 0, 40 }, "1" }, "is [0, 40], and the tensor [10, 40]" },
        { { "empty.weight", SMASH_BOOL, 2, { 2, 4 }, "1" }, "is [2, 4], and the tensor [0, 4]" },
        { { "fc.weight", SMASH_BOOL, 2, { 10, 40 }, "11121" }, "the mask of \"fc.weight\" holds 2 at index 3; a mask holds 0 and 1" },
        { { "fc.weight", SMASH_U8, 2, { 10, 1 }, "111111111\377" }, "holds 207 at index 9" },
        { { "empty.weight", SMASH_BOOL, 2, { 1, 4 }, "1115" }, "holds 5 at index 3" } };
    static const char *const configs[] = { "{}", "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"level_global_group_id\": \"all\"}", "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"pack_sparse\": true}" };
    smash_result result, pattern;
    size_t i, k, n;
    memset(&pattern, 0x5A, sizeof pattern);
    for (i = 0; i < COUNT_OF(rows); i++)
        for (k = 0; k < COUNT_OF(configs); k++) {
            start();
            make_given(&rows[i].mask, 1);
            result = pattern;
            CHECK_ERR(&ctx, run_given(configs[k], &source_io, &result), SMASH_ERR_FORMAT, "%s", rows[i].says);
            CHECK(strstr(ctx.message, rows[i].says), "%s, want %s", ctx.message, rows[i].says);
            CHECK(!memcmp(&result, &pattern, sizeof result), "%s: the result was touched", rows[i].says);
        }
    {   /* what is compressed already: the integers, and the parts of what is packed */
        static test_buffer small;
        static const struct { given mask; const char *says; } stored[] = {
            { { "conv.weight", SMASH_BOOL, 4, { 8, 1, 1, 1 }, "1" }, "there is a mask for \"conv.weight\", which is I8" },
            { { "fc.weight", SMASH_BOOL, 2, { 10, 40 }, "1" }, "there is a mask for \"fc.weight\", which the model holds compressed already" },
            { { "wide.weight", SMASH_BOOL, 2, { 5, 9 }, "1" }, "there is a mask for \"wide.weight\", which the model holds compressed already" } };
        static const char text[] = "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"wide\"], \"sparse_ratio\": 0.99}], \"pack_sparse\": true, \"quantizer\": \"ptq\","
            " \"ptq_config_list\": [{\"op_names\": [\"conv\"], \"target_names\": [\"weight\"]}, {\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int4\"}]}";
        for (i = 0; i < COUNT_OF(stored); i++) {
            smash_io io;
            start();
            CHECK_ERR(&ctx, run(text, &source_io, &result), SMASH_OK, "%s", said());
            small = out;
            io = smash_io_memory(small.data, small.used);
            make_given(&stored[i].mask, 1);
            smash_config_init(&config, smash_builtins(), &arena, &diags);
            CHECK_ERR(&ctx, run_given("{}", &io, &result), SMASH_ERR_FORMAT, "%s", stored[i].says);
            CHECK(strstr(ctx.message, stored[i].says), "%s, want %s", ctx.message, stored[i].says);
        }
    }
    {   /* files: too new, cut, without a way to read them; every byte changed, which is well or a code, and ends */
        static const given one = { "conv.bias", SMASH_BOOL, 1, { 8 }, "10" };
        static const char newer[] = "{\"__metadata__\":{\"smash.format_version\":\"2\"},\"conv.bias\":{\"dtype\":\"BOOL\",\"shape\":[8],\"data_offsets\":[0,8]}}  ";
        start();
        memset(given_file.data, 0, 200);
        given_file.data[0] = sizeof newer - 1;
        memcpy(given_file.data + 8, newer, sizeof newer - 1);
        given_io = smash_io_memory(given_file.data, 8 + sizeof newer - 1 + 8);
        CHECK_ERR(&ctx, run_given("{}", &source_io, &result), SMASH_ERR_VERSION, "newer");
        start();
        memset(&given_io, 0, sizeof given_io);
        given_io.bytes = 100;
        CHECK_ERR(&ctx, run_given("{}", &source_io, &result), SMASH_ERR_IO, "no way to read");
        start();
        make_given(&one, 1);
        n = given_file.used;
        for (i = 0; i < n; i++) {
            given_io = smash_io_memory(given_file.data, i);
            CHECK_ERR(&ctx, run_given("{}", &source_io, &result), SMASH_ERR_FORMAT, "cut at %zu", i);
        }
        for (i = 0; i < n; i++)
            for (k = 0; k < 9; k++) {
                const unsigned char was = given_file.data[i];
                smash_err err;
                given_file.data[i] = (unsigned char)(k == 8 ? 0 : was ^ 1 << k);
                given_io = smash_io_memory(given_file.data, n);
                smash_ctx_reset(&ctx);
                result = pattern;
                err = run_given("{}", &source_io, &result);
                CHECK(err == SMASH_OK || ((err == SMASH_ERR_FORMAT || err == SMASH_ERR_LIMIT) && !memcmp(&result, &pattern, sizeof result)), "byte %zu, bit %zu: %s %s", i, k, smash_err_name(err), ctx.message);
                given_file.data[i] = was;
            }
    }
}

static int order_scores(const void *a, const void *b)
{
    const double *x = (const double *)a, *y = (const double *)b;
    return x[0] < y[0] ? -1 : x[0] > y[0] ? 1 : x[1] < y[1] ? -1 : 1;
}

/* Given masks and a pruner: what is masked goes first, the mask that is written is that of both, biases follow the pruner alone. */
static void test_given_and_pruned(void)
{
    static const given half = { "fc.weight", SMASH_BOOL, 2, { 10, 40 }, "10110" };                     /* 40 % of them */
    static const double ratios[] = { 0, 0.1, 0.4, 0.401, 0.7, 1 };
    static const char *const pruners[] = { "l1_norm", "l2_norm", "fpgm" };
    static const given rows[] = { { "conv.weight", SMASH_BOOL, 4, { 8, 1, 1, 1 }, "10111011" }, { "conv.weight", SMASH_BOOL, 4, { 8, 3, 3, 1 }, "111111111000000000" },
                                  { "conv.weight", SMASH_U8, 4, { 8, 1, 1, 1 }, "00000011" } };
    static const char *const more[] = { "", ", \"global_group_id\": 1", ", \"dependency_group_id\": \"d\"" };
    smash_result result;
    char text[256];
    size_t i, k, j, g, n;
    for (k = 0; k < COUNT_OF(ratios); k++) {
        double score[400][2];
        unsigned char keep[400];
        smash_model in, mask, got;
        smash_io masks_io, io;
        smash_tensor w, m, after;
        start();
        make_given(&half, 1);
        snprintf(text, sizeof text, "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\"], \"sparse_ratio\": %.3f}]}", ratios[k]);
        CHECK_ERR(&ctx, run_given(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &in), SMASH_OK, "in");
        read_back(&masks, &masks_io, &mask);
        read_back(&out, &io, &got);
        w = tensor_of(&in, "fc.weight");
        m = tensor_of(&mask, "fc.weight");
        after = tensor_of(&got, "fc.weight");
        for (i = 0; i < 400; i++) {
            keep[i] = half.keep[i % 5] == '1';
            score[i][0] = keep[i] ? fabs(number(&w, i)) : 0;
            score[i][1] = (double)i;
        }
        qsort(score, 400, sizeof score[0], order_scores);
        n = (size_t)(400 * ratios[k]);
        for (i = 0; i < n; i++) keep[(size_t)score[i][1]] = 0;
        CHECK(!memcmp(m.data, keep, 400), "%s: the mask", text);
        for (i = n = 0; i < 400; i++) { n += !keep[i]; if (number(&after, i) != (keep[i] ? number(&w, i) : 0)) break; }
        CHECK(i == 400, "%s: number %zu", text, i);
        CHECK(plan.given_count == 1 && plan.given[0].mask_stats.elements == 160 && plan.rows[0].mask_stats.elements == (size_t)(400 * ratios[k]) && n == (ratios[k] < 0.4 ? 160 : (size_t)(400 * ratios[k])),
              "%s: %zu and %zu, together %zu", text, plan.given[0].mask_stats.elements, plan.rows[0].mask_stats.elements, n);
    }
    for (i = 0; i < COUNT_OF(pruners); i++)
        for (g = 0; g < COUNT_OF(more); g++)
            for (k = 0; k < COUNT_OF(rows); k++) {
                smash_model in, mask;
                smash_io masks_io;
                smash_tensor w, m, bias;
                size_t gone[2] = { 0, 0 }, whole = 0, late = 0;
                start();
                make_given(&rows[k], 1);
                snprintf(text, sizeof text, "{\"pruner\": \"%s\", \"%s_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.25%s}]}", pruners[i], pruners[i], more[g]);
                CHECK_ERR(&ctx, run_given(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
                CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &in), SMASH_OK, "in");
                read_back(&masks, &masks_io, &mask);
                CHECK(mask.param_count == 2, "%s: %zu masks", text, mask.param_count);
                w = tensor_of(&in, "conv.weight");
                m = tensor_of(&mask, "conv.weight");
                bias = tensor_of(&mask, "conv.bias");
                for (j = 0; j < 8; j++) {                                            /* a row goes with its bias; which are masked whole goes first */
                    const int pruned = !((const unsigned char *)bias.data)[j];
                    size_t e, left = 0;
                    for (e = 0; e < 27; e++) left += (size_t)keeps(&rows[k], &w, 27 * j + e);
                    for (e = 0; e < 27; e++) if (((const unsigned char *)m.data)[27 * j + e] != (!pruned && keeps(&rows[k], &w, 27 * j + e))) break;
                    CHECK(e == 27, "%s, masks %zu: row %zu", text, k, j);
                    whole += !left;
                    gone[left > 0] += (size_t)pruned;
                    late += !left && !pruned;
                }
                CHECK(gone[0] + gone[1] == 2 && (gone[1] == 0 || !late), "%s, masks %zu: %zu rows that were masked and %zu others, of %zu", text, k, gone[0], gone[1], whole);
            }
}

/* A row of zeros is far from rows that are alike, but it goes first. */
static void test_given_fpgm(void)
{
    static const given one = { "a.weight", SMASH_BOOL, 2, { 4, 1 }, "1101" };
    static const char *const more[] = { "", ", \"fpgm_global_group_id\": 1", ", \"fpgm_dependency_group_id\": 1" };
    static const size_t shape[2] = { 4, 4 };
    float numbers[16];
    smash_tensor t = smash_tensor_view(SMASH_F32, numbers, sizeof numbers, 2, shape);
    smash_desc desc = SMASH_ZERO;
    size_t i, k;
    for (i = 0; i < 16; i++) numbers[i] = 10.0f + (float)i;
    t.flags = SMASH_TENSOR_CONST;
    desc.masks_in = &given_io;
    for (k = 0; k < COUNT_OF(more); k++) {
        static smash_model model;
        static smash_result result;
        smash_tensor after;
        char text[256];
        start();
        make_given(&one, 1);
        smash_model_init(&model, &arena);
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "a.weight", &t, 0), SMASH_OK, "add");
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
        snprintf(text, sizeof text, "{\"pruner\": \"fpgm\", \"fpgm_sparse_ratio\": 0.25%s}", more[k]);
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), NULL, NULL), SMASH_OK, "%s", said());
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, &desc, &result), SMASH_OK, "%s", said());
        after = tensor_of(&result.model, "a.weight");
        for (i = 0; i < 16; i++) CHECK(number(&after, i) == (i / 4 == 2 ? 0 : (double)numbers[i]), "%s: number %zu", text, i);
        CHECK(result.steps[0].plan->rows[0].mask_stats.dropped == 1 && result.steps[0].plan->rows[0].mask_stats.elements == 4, "%s: %zu rows, %zu numbers", text,
              result.steps[0].plan->rows[0].mask_stats.dropped, result.steps[0].plan->rows[0].mask_stats.elements);
    }
}

/* Masks, pruned and packed, through smash() and smash_run(): the same file. So do algorithms on whole models, and none. */
static smash_err masked_apply(smash_ctx *c, smash_job *job)
{
    smash_tensor t;
    ptrdiff_t p = smash_model_find_param(job->model, "fc.weight");
    double first;
    if (p < 0 || smash_job_edit(c, job, (size_t)p, &t)) return smash_ctx_fail(c, SMASH_ERR_ARG, "no fc");
    first = number(&t, 1);
    return first != 0 ? smash_ctx_fail(c, SMASH_ERR_ARG, "the masks come later") : SMASH_OK;
}

static void test_given_smash(void)
{
    static const given both[] = { { "fc.weight", SMASH_BOOL, 2, { 10, 40 }, "1000000000" }, { "conv.weight", SMASH_BOOL, 4, { 8, 1, 1, 1 }, "10" } };
    static const char *const texts[] = { "{}", "{\"pack_sparse\": true}", "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.75}], \"pack_sparse\": true}",
        "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\", \"conv\"], \"target_names\": [\"weight\"]}]}", "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int8\", \"pack_sparse\": true}" };
    static test_buffer saved, masks_saved;
    static smash_model model, back;
    static smash_result result;
    smash_result ran;
    smash_io to = SMASH_ZERO, masks_to = SMASH_ZERO, io;
    smash_desc desc = SMASH_ZERO;
    size_t i;
    int whole;
    to.write = masks_to.write = test_buffer_write;
    to.user = &saved;
    masks_to.user = &masks_saved;
    desc.masks = &masks_to;
    desc.masks_in = &given_io;
    for (i = 0; i < COUNT_OF(texts); i++) {
        start();
        make_given(both, 2);
        CHECK_ERR(&ctx, run_given(texts[i], &source_io, &ran), SMASH_OK, "%s: %s", texts[i], said());
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &model), SMASH_OK, "model");
        saved.used = masks_saved.used = 0;
        diags.first = diags.last = NULL;
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, &desc, &result), SMASH_OK, "%s: %s", texts[i], said());
        CHECK(!diags.first || strcmp(diags.first->code, "nothing_to_do"), "%s: nothing to do", texts[i]);
        CHECK_ERR(&ctx, smash_save(&ctx, &result, &to), SMASH_OK, "%s", texts[i]);
        CHECK(saved.used == out.used && !memcmp(saved.data, out.data, out.used), "%s: smash() and smash_run() differ", texts[i]);
        CHECK(masks_saved.used == masks.used && !memcmp(masks_saved.data, masks.data, masks.used), "%s: other masks", texts[i]);
        CHECK(result.mask_bytes == masks.used && result.nonzero == ran.nonzero && result.bytes == ran.bytes, "%s: other counts", texts[i]);
        CHECK(result.masked && result.masked->given_count == 2 && result.masked->given[0].mask_stats.elements + result.masked->given[1].mask_stats.elements == 360 + 108, "%s: rows", texts[i]);
        read_back(&saved, &io, &back);
        CHECK((smash_model_find_param(&back, "fc.weight_compressed") >= 0) == (strstr(texts[i], "pack_sparse") != NULL), "%s: packed?", texts[i]);
    }
    for (whole = 0; whole < 4; whole++) {                                    /* an algorithm on the whole model sees them masked; bit 1: a file cannot hold what it did */
        static const smash_algo *room[8];
        static smash_algo mine;
        static const char *const compatible[] = { "level", NULL };
        smash_registry registry;
        memset(&mine, 0, sizeof mine);
        mine.name = "mine";
        mine.group = whole & 2 ? SMASH_PRUNER : SMASH_COMPILER;
        mine.summary = "looks";
        mine.compatible = compatible;
        mine.apply = masked_apply;
        mine.save = whole & 1 ? SMASH_SAVE_BEFORE_APPLY : SMASH_SAVE_NONE;
        start();
        make_given(both, 2);
        smash_registry_init(&registry, room, COUNT_OF(room));
        CHECK_ERR(&ctx, smash_register_builtins(&ctx, &registry), SMASH_OK, "register");
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &mine), SMASH_OK, "register");
        smash_config_init(&config, &registry, &arena, &diags);
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, whole & 2 ? "pruner=mine" : "compiler=mine"), SMASH_OK, "%s", said());
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &model), SMASH_OK, "model");
        saved.used = masks_saved.used = 0;
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, &desc, &result), SMASH_OK, "whole %d: %s", whole, said());
        CHECK_ERR(&ctx, smash_save(&ctx, &result, &to), SMASH_OK, "whole %d", whole);
        read_back(&saved, &io, &back);
        {
            smash_tensor t = tensor_of(&back, "fc.weight");
            CHECK(number(&t, 0) != 0 && number(&t, 1) == 0 && number(&t, 399) == 0, "whole %d: the file is not masked", whole);
        }
        CHECK(masks_saved.used == result.mask_bytes && result.mask_bytes > 0, "whole %d: %zu bytes of masks", whole, masks_saved.used);
        CHECK(result.nonzero < result.parameters - 400, "whole %d: %zu of %zu", whole, result.nonzero, result.parameters);
    }
    {
        smash_result back_result;
        io = smash_io_memory(saved.data, saved.used);
        CHECK_ERR(&ctx, smash_load(&ctx, &io, &desc, &config, &back_result), SMASH_ERR_ARG, "load takes no masks");
        CHECK(strstr(ctx.message, "masks_in is for smash()"), "%s", ctx.message);
    }
    {   /* two names over the same numbers: only the one that is named is masked */
        static const float numbers[4] = { 1, 2, 3, 4 };
        static const size_t shape[2] = { 2, 2 };
        static const given one = { "a.weight", SMASH_BOOL, 2, { 2, 1 }, "01" };
        smash_tensor t = smash_tensor_view(SMASH_F32, numbers, sizeof numbers, 2, shape);
        t.flags = SMASH_TENSOR_CONST;
        start();
        make_given(&one, 1);
        smash_model_init(&model, &arena);
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "a.weight", &t, 0), SMASH_OK, "add");
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "b.weight", &t, 0), SMASH_OK, "add");
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, &desc, &result), SMASH_OK, "%s", said());
        t = tensor_of(&result.model, "a.weight");
        CHECK(number(&t, 0) == 0 && number(&t, 1) == 0 && number(&t, 2) == 3 && number(&t, 3) == 4, "a");
        t = tensor_of(&result.model, "b.weight");
        CHECK(number(&t, 0) == 1 && number(&t, 3) == 4 && numbers[0] == 1, "b, or the numbers themselves");
    }
}

static smash_err put_text(void *user, const char *text, size_t bytes)
{
    strncat((char *)user, text, bytes);
    return SMASH_OK;
}

/* The report has the masks first; a run without masks forgets those of the run before. */
static void test_given_report(void)
{
    static const given one = { "conv.weight", SMASH_BOOL, 4, { 8, 1, 1, 1 }, "10" };
    static char text[65536];
    smash_result result;
    smash_writer w = SMASH_ZERO;
    smash_run_desc desc = SMASH_ZERO;
    int again;
    start();
    make_given(&one, 1);
    CHECK_ERR(&ctx, run_given("{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.25}]}", &source_io, &result), SMASH_OK, "%s", said());
    for (again = 0; again < 2; again++) {
        text[0] = '\0';
        memset(&w, 0, sizeof w);
        w.put = put_text;
        w.user = text;
        smash_report_rows(&w, &plan);
        CHECK(!w.err && (strstr(text, "[{\"module\":\"conv\",\"target\":\"weight\",\"type\":\"Conv2d\",\"shape\":[8,3,3,3],\"algorithm\":\"masks\",\"group\":\"pruner\",\"asked\":\"masks\","
                                      "\"sparsity\":0.5,\"zeros\":108,\"granularity\":[1,-1,-1,-1],\"note\":null},{\"module\":\"conv\",\"target\":\"weight\"") == text) == !again, "run %d: %s", again, text);
        CHECK(strstr(text, "\"algorithm\":\"l1_norm\",\"group\":\"pruner\",\"asked\":0.25,\"sparsity\":0.25,\"zeros\":54"), "run %d: %s", again, text);
        CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &result), SMASH_OK, "dry, without masks");
    }
}

static void line(void *user, const char *section, uint64_t digest)
{
    size_t n = strlen(lines);
    (void)user;
    snprintf(lines + n, sizeof lines - n, "%-20s  %016llx\n", section, (unsigned long long)digest);
}

/* The digests are the promise: tests/golden/selftest.txt may change only with a version that says so in the CHANGELOG. */
static void test_selftest(void)
{
    static char golden[1024];
    FILE *f = fopen("tests/golden/selftest.txt", "rb");
    int way;
    CHECK(f && fread(golden, 1, sizeof golden - 1, f) > 0, "tests/golden/selftest.txt cannot be read");
    if (f) fclose(f);
    for (way = 0; way < 4; way++) {                                  /* as it comes, scalar, AVX2 at most, chunks from the last to the first */
        ctx.no_simd = way == 1 ? 1 : way == 2 ? 2 : 0;
        ctx.parallel = way == 3 ? reverse : NULL;
        lines[0] = '\0';
        CHECK_ERR(&ctx, smash_selftest(&ctx, line, NULL), SMASH_OK, "way %d", way);
        CHECK(strcmp(lines, golden) == 0, "way %d: the digests are\n%s", way, lines);
    }
    ctx.no_simd = 0;
    ctx.parallel = NULL;
}

int main(void)
{
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    test_contents();
    test_same_bytes();
    test_nonfinite();
    test_bounded_memory();
    test_smash();
    test_report();
    test_second_pass();
    test_restore_lies();
    test_pack_sparse();
    test_sparse_lies();
    test_given();
    test_given_lies();
    test_given_and_pruned();
    test_given_fpgm();
    test_given_smash();
    test_given_report();
    test_selftest();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
    return test_done();
}
