/* test_algo.c - whole models through smash_run: what is in the file, the same bytes whatever the machine does, bounded
 * memory, and the report. Expected numbers are computed here, in double. */
#include "../smash.h"
#include "test.h"
#include "config_test.h"
#include <math.h>

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
    start_config(smash_builtins());
    make_source();
}

static smash_err run_with(const char *text, const smash_io *from, const smash_io *masks_in, smash_result *result)
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
    desc.masks_in = masks_in;
    return smash_run(&ctx, &plan, &desc, result);
}

static smash_err run(const char *text, const smash_io *from, smash_result *result) { return run_with(text, from, NULL, result); }

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
    enum { GOOD, NO_SHAPE, SHAPE_F32, NEGATIVE_DIM, HUGE_DIM, WRONG_COUNT, PACKED_I8, NO_SCALE, SCALE_NAN, SCALE_DIMS, SCALE_UNEVEN, WIDE_INT, NOTHING, SCALE_ALONE, LIES };
    static const smash_err want[LIES] = { SMASH_OK, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT,
                                          SMASH_ERR_NOTFOUND, SMASH_ERR_RANGE, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_NOTFOUND, SMASH_OK };
    int lie;
    for (lie = 0; lie < LIES; lie++) {
        static const size_t four[1] = { 4 }, two[1] = { 2 }, one_one[2] = { 1, 1 }, one_three[2] = { 1, 3 }, three[1] = { 3 };
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
        t = smash_tensor_view(SMASH_F32, scales, sizeof scales, lie == SCALE_DIMS || lie == SCALE_ALONE ? 1u : 2u, lie == SCALE_UNEVEN ? one_three : lie == SCALE_DIMS ? three : one_one);
        if (lie != NO_SCALE) CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "w_scale", &t, 0), SMASH_OK, "lie %d", lie);
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "lie %d", lie);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &model, "w", &arena, &out_tensor, NULL), want[lie], "lie %d", lie);
        CHECK((out_tensor.data != NULL) == (want[lie] == SMASH_OK), "lie %d: output touched", lie);
        if (want[lie] == SMASH_OK) CHECK(out_tensor.ndim == 2 && ((const float *)out_tensor.data)[2] == 1.5f && ((const float *)out_tensor.data)[6] == 3.5f, "restored wrong");
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
            CHECK(strstr(said(), "m.weight cannot be packed: the model already has a tensor m.weight_"), "%s: %s", name, said());
        }
    }
}

/* Text with each @ and # replaced */
static const char *filled(char *to, size_t room, const char *text, const char *at, const char *hash)
{
    size_t n = 0;
    for (; *text; text++) {
        if (*text == '@' || *text == '#') n += (size_t)snprintf(to + n, n < room ? room - n : 0, "%s", *text == '@' ? at : hash);
        else if (n + 1 < room) to[n++] = *text;
        if (n >= room) n = room - 1;
        to[n] = '\0';
    }
    return to;
}

/* Bytes of the metadata in the header of a file, and of the whole header without what pads it */
static size_t metadata_bytes(const test_buffer *f, size_t *header)
{
    const char *text = (const char *)f->data + 8;
    uint64_t bytes = 0;
    size_t i, depth = 0;
    int quoted = 0;
    for (i = 8; i-- > 0;) bytes = bytes << 8 | f->data[i];
    *header = (size_t)bytes;
    while (text[*header - 1] == ' ') --*header;
    for (i = strlen("{\"__metadata__\":"); ; i++) {
        if (text[i] == '\\') i++;
        else if (text[i] == '"') quoted = !quoted;
        else if (!quoted && text[i] == '{') depth++;
        else if (!quoted && text[i] == '}' && --depth == 0) return i;
    }
}

/* How large this file would be with the metadata of that one */
static size_t bytes_with_metadata(const test_buffer *f, const test_buffer *of)
{
    size_t header, other, own = metadata_bytes(f, &header), theirs = metadata_bytes(of, &other), before = header + (8 - header % 8) % 8;
    header = header - own + theirs;
    return f->used - before + header + (8 - header % 8) % 8;
}

/* What the masks that were written leave of all weights of Linear layers, which is what they multiply in a sample */
static size_t macs_left(void)
{
    static const char *const layers[] = { "fc.weight", "half.weight", "wide.weight" };
    static const size_t numbers[] = { 400, 42, 45 };
    smash_model mask;
    smash_io io = smash_io_memory(masks.data, masks.used);
    size_t i, k, sum = 0;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &mask), SMASH_OK, "masks");
    for (i = 0; i < COUNT_OF(layers); i++) {
        smash_tensor t;
        sum += numbers[i];
        if (smash_model_find_param(&mask, layers[i]) < 0) continue;
        t = tensor_of(&mask, layers[i]);
        for (k = 0; k < numbers[i]; k++) sum -= !((const unsigned char *)t.data)[k];
    }
    return sum;
}

/* A target for the whole model: it is kept, and with one block less it would not be. The same blocks go by a global group with a ratio
 * of so many numbers; that has tests of its own. @ stands for what makes that group, # for the target. */
static void test_goal(void)
{
    static const char *const rows[] = {
        "{\"pruner\": \"level\", \"level_config_list\": [{\"op_types\": [\"Linear\", \"Conv2d\", \"Embedding\"]@}], \"pack_sparse\": true#}",
        "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\", \"conv\"]@}, {\"op_names\": [\"half\", \"wide\"], \"sparse_ratio\": 0.5}], \"pack_sparse\": true#}",
        "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\"], \"max_sparse_ratio\": 0.8@}, {\"op_names\": [\"conv\", \"wide\"], \"min_sparse_ratio\": 0.1@}], \"pack_sparse\": true#}",
        "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_types\": [\"Linear\", \"Conv2d\"]@}, {\"op_names\": [\"bn\"], \"target_names\": [\"weight\", \"bias\"], \"target_settings\": {"
            "\"weight\": {\"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [0]}}}}], \"pack_sparse\": true#}",
        "{\"pruner\": \"l2_norm\", \"l2_norm_config_list\": [{\"op_types\": [\"Linear\"], \"granularity\": \"in_channel\"@}], \"pack_sparse\": true#}",
        "{\"pruner\": \"level\", \"level_config_list\": [{\"op_types\": [\"Linear\", \"Conv2d\"]@}], \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_types\": [\"Linear\", \"Conv2d\"], \"target_names\": [\"weight\"],"
            " \"granularity\": \"out_channel\"}], \"pack_sparse\": true#}",
        "{\"pruner\": \"fpgm\", \"fpgm_config_list\": [{\"op_types\": [\"Linear\", \"Conv2d\"]@}], \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"uint8\", \"ptq_quant_scheme\": \"affine\", \"pack_sparse\": true#}" };
    static const char *const keys[] = { "parameters", "bytes", "macs" };
    static const double shares[] = { 0.97, 0.8, 0.65, 0.5, 0.36 };
    static test_buffer reached, reached_masks, file;
    size_t i, k, q, tried[3] = { 0 };
    for (i = 0; i < COUNT_OF(rows); i++) for (k = 0; k < COUNT_OF(keys); k++) for (q = 0; q < 2 * COUNT_OF(shares); q++) {
        char text[1024], goal[128], group[128];
        const char *pruner = strstr(rows[i], "\"level_c") ? "level" : strstr(rows[i], "\"l1") ? "l1_norm" : strstr(rows[i], "\"l2") ? "l2_norm" : "fpgm";
        smash_result result, other;
        uint64_t before, most, left, masked, numbers;
        smash_err err;
        int fewer;
        start();
        snprintf(goal, sizeof goal, ", \"%s_target_%s\": %.17g%s", pruner, keys[k], q < COUNT_OF(shares) ? shares[q] : floor(shares[q - COUNT_OF(shares)] * (k == 0 ? 700 : k == 1 ? 7300 : 480)),
                 k == 2 ? ", \"module_types\": {\"conv\": \"BatchNorm2d\"}" : "");
        if (k == 2 && (strstr(rows[i], "\"conv\"") || strstr(rows[i], "Embedding"))) continue;       /* its shape is not known; it multiplies nothing */
        err = run(filled(text, sizeof text, rows[i], "", goal), &source_io, &result);
        before = plan.goal.before; most = plan.goal.most; left = plan.goal.left;
        if (err == SMASH_ERR_CONFIG && strstr(ctx.message, "is the least there is")) continue;                       /* so few bytes cannot be */
        CHECK(err == SMASH_OK, "%s: %s %s", text, ctx.message, said());
        if (err) continue;
        tried[k]++;
        CHECK(left <= most && most == (q < COUNT_OF(shares) ? (uint64_t)((double)before * shares[q]) : (uint64_t)floor(shares[q - COUNT_OF(shares)] * (k == 0 ? 700 : k == 1 ? 7300 : 480))), "%s: %lu left, %lu at most",
              text, (unsigned long)left, (unsigned long)most);
        CHECK(left == (k == 0 ? result.nonzero : k == 1 ? out.used : macs_left()), "%s: %lu left, not %lu", text, (unsigned long)left, (unsigned long)(k == 0 ? result.nonzero : out.used));
        masked = plan.groups[plan.goal.group].masked;
        numbers = plan.groups[plan.goal.group].numbers;
        reached = out;
        reached_masks = masks;
        for (fewer = 0; fewer < 2 && masked; fewer++) {
            start();
            snprintf(group, sizeof group, ", \"global_group_id\": \"all\", \"sparse_ratio\": %.17g", ((double)masked - fewer + 0.5) / (double)numbers);
            CHECK_ERR(&ctx, run(filled(text, sizeof text, rows[i], group, k == 2 ? ", \"module_types\": {\"conv\": \"BatchNorm2d\"}" : ""), &source_io, &other), SMASH_OK, "%s: %s", text, said());
            file = out;
            left = k == 0 ? other.nonzero : k == 1 ? bytes_with_metadata(&file, &reached) : macs_left();
            if (!fewer) {
                CHECK(masks.used == reached_masks.used && !memcmp(masks.data, reached_masks.data, masks.used), "%s: other masks than those of target_%s", text, keys[k]);
                CHECK(left == plan.goal.left || left <= most, "%s: %lu", text, (unsigned long)left);
                if (k == 1) CHECK(left == reached.used, "%s: %lu bytes, not %lu", text, (unsigned long)left, (unsigned long)reached.used);
            } else if (plan.groups[0].masked < masked) CHECK(left > most, "%s: one block less would have done for target_%s, %lu of %lu", text, keys[k], (unsigned long)left, (unsigned long)most);
        }
    }
    CHECK(tried[0] > 50 && tried[1] > 25 && tried[2] > 20, "%d %d %d targets", (int)tried[0], (int)tried[1], (int)tried[2]);
}

/* The same masks whatever the machine does; in smash(), saved and loaded; by the resolved config; the report says it. */
static void test_goal_report(void)
{
    static const char text[] = "{\"pruner\": \"level\", \"level_target_bytes\": 4250, \"level_max_sparse_ratio\": 0.9, \"quantizer\": \"ptq\", \"pack_sparse\": true}";
    static test_buffer first, saved;
    static smash_result whole, back;
    static smash_config loaded;
    char resolved[8192];
    smash_text report = SMASH_ZERO;
    smash_writer w = SMASH_ZERO;
    smash_json doc;
    smash_model model;
    smash_result result;
    smash_io to = SMASH_ZERO, in;
    const smash_value *g;
    int way;
    for (way = 0; way < 3; way++) {
        start();
        ctx.no_simd = way == 1;
        ctx.parallel = way == 2 ? reverse : NULL;
        CHECK_ERR(&ctx, run(text, &source_io, &result), SMASH_OK, "way %d: %s", way, said());
        if (way == 0) first = out;
        CHECK(out.used == first.used && !memcmp(out.data, first.data, out.used), "way %d: another file", way);
    }
    ctx.no_simd = 0;
    ctx.parallel = NULL;
    CHECK(result.bytes == plan.goal.left && plan.goal.left <= plan.goal.most && plan.goal.before == 3228, "%lu bytes of %lu, before %lu", (unsigned long)plan.goal.left, (unsigned long)plan.goal.most, (unsigned long)plan.goal.before);
    report.ctx = &ctx;
    report.arena = &arena;
    w.put = smash_text_put;
    w.user = &report;
    smash_report_groups(&w, &plan);
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, report.data, report.bytes, &arena, &diags, &doc), SMASH_OK, "%s", report.data);
    g = doc.root + 1;
    CHECK(doc.root->count == 1 && smash_value_is(smash_value_get(g, "rule"), "target_bytes") && smash_value_get(g, "asked")->number == 4250 && smash_value_get(g, "left")->number == (double)result.bytes
          && smash_value_get(g, "members")->count == 5 && smash_value_get(g, "id")->type == SMASH_VALUE_NULL && smash_value_get(g, "most")->number == 4250, "%s", report.data);
    memset(&report, 0, sizeof report);
    memset(&w, 0, sizeof w);
    report.ctx = &ctx;
    report.arena = &arena;
    w.put = smash_text_put;
    w.user = &report;
    smash_report_rows(&w, &plan);
    CHECK(strstr(report.data, "\"asked\":null,\"chosen_by\":\"target_bytes\",\"sparsity\":0."), "%s", report.data);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &model), SMASH_OK, "source");
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &whole), SMASH_OK, "smash: %s", said());
    saved.used = 0;
    to.write = test_buffer_write;
    to.user = &saved;
    CHECK_ERR(&ctx, smash_save(&ctx, &whole, &to), SMASH_OK, "save");
    CHECK(saved.used == first.used && !memcmp(saved.data, first.data, saved.used), "smash() writes another file");
    in = smash_io_memory(first.data, first.used);
    smash_config_init(&loaded, smash_builtins(), &arena, &diags);
    CHECK_ERR(&ctx, smash_load(&ctx, &in, NULL, &loaded, &back), SMASH_OK, "load: %s", said());
    CHECK(smash_config_equal(&loaded, &config), "another config");
    start();
    CHECK_ERR(&ctx, run("{\"pruner\": \"level\", \"level_target_parameters\": 0.4, \"level_max_sparse_ratio\": 0.9}", &source_io, &result), SMASH_OK, "%s", said());
    snprintf(resolved, sizeof resolved, "%s", plan.config_text);         /* of bytes it would keep more: the file holds its config, which is longer now */
    first = masks;
    start();
    CHECK_ERR(&ctx, run(resolved, &source_io, &result), SMASH_OK, "%s: %s", resolved, said());
    CHECK(masks.used == first.used && !memcmp(masks.data, first.data, masks.used), "the resolved config makes other masks");
    start();
    CHECK_ERR(&ctx, run("{\"pruner\": \"level\", \"level_target_parameters\": 100000}", &source_io, &result), SMASH_OK, "%s", said());
    CHECK(plan.groups[0].masked == 0 && plan.groups[0].note && strstr(plan.groups[0].note, "within its target"), "nothing to do");
    start();
    CHECK_ERR(&ctx, run("{\"pruner\": \"level\", \"level_target_macs\": 200, \"module_types\": {\"conv\": \"LayerNorm\"}}", &source_io, &result), SMASH_OK, "%s", said());
    for (way = 0; way < (int)plan.count; way++)
        CHECK(strcmp(plan.model->modules[plan.rows[way].module].name, "tok_emb") ? plan.rows[way].note == NULL || plan.rows[way].skip : plan.rows[way].note && strstr(plan.rows[way].note, "takes no multiply-accumulates") && !plan.rows[way].mask_stats.dropped,
              "row %d: %s", way, plan.rows[way].note ? plan.rows[way].note : "-");
    CHECK(plan.goal.left == 200 && plan.goal.before == 487, "%lu of %lu", (unsigned long)plan.goal.left, (unsigned long)plan.goal.before);
}

/* Multiply-accumulates of convolutions, which the shapes of their outputs decide, and of a Linear that goes over a sequence. The first four
 * modules are those that NNI v3 counts as 13824, 5184, 6272 and 160 for a sample of 3x16x16; grouped weights have a group's inputs only. */
static void test_goal_macs(void)
{
    static const struct { const char *name; uint32_t ndim; size_t shape[4]; double uses; } layers[] = {
        { "one.weight", 4, { 8, 3, 3, 3 }, 64 }, { "two.weight", 4, { 8, 2, 3, 3 }, 36 }, { "up.weight", 4, { 8, 4, 2, 2 }, 49 }, { "out.weight", 2, { 10, 16 }, 1 },
        { "seq.weight", 2, { 5, 6 }, 7 }, { "wave.weight", 3, { 4, 2, 5 }, 12 } };
    static const char shapes[] = ", \"module_types\": {\"up\": \"ConvTranspose2d\"}, \"shapes\": {\"one\": {\"_output_0\": [1, 8, 8, 8]}, \"two\": {\"_output_0\": [2, 8, 6, 6], \"_input_0\": [2, 8, 8, 8]},"
        " \"up\": {\"_output_\": [1, 4, 7, 7]}, \"seq\": {\"_output_0\": [1, 7, 5]}, \"wave\": {\"_output_0\": [1, 4, 12]}}";
    static const struct { const char *pruner, *target, *more; } rows[] = {
        { "level", "0.5", "" }, { "level", "12000", "" }, { "level", "25000.0", "" }, { "l1_norm", "0.7", "" }, { "l2_norm", "0.25", "" },
        { "level", "0.4", ", \"level_config_list\": [{\"op_names\": [\"one\"]}, {\"op_names\": [\"two\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"up\"]}]" },
        { "l1_norm", "0.6", ", \"l1_norm_config_list\": [{\"op_names\": [\"one\", \"two\"]}, {\"op_names\": [\"one\"], \"target_names\": [\"_output_0\"],"
                            " \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]" } };
    static const struct { const char *more, *code, *message; } wrong[] = {
        { ", \"module_types\": {\"up\": \"ConvTranspose2d\"}", "unknown_shape",
          "\"level_target_macs\" cannot be counted: the shape of the output of module \"one\" (Conv2d) is not known; say it: \"shapes\": {\"one\": {\"_output_0\": [1, channels, height, width]}}" },
        { ", \"shapes\": {\"wave\": {\"_input_0\": [1, 2, 12]}}", "unknown_shape",
          "\"level_target_macs\" cannot be counted: the shape of the output of module \"wave\" (Conv1d) is not known; say it: \"shapes\": {\"wave\": {\"_output_0\": [1, channels, length]}}" },
        { ", \"shapes\": {\"one\": {\"_output_0\": [1, 8, 64]}}", "shape_mismatch",
          "\"level_target_macs\" cannot be counted: \"shapes\" says [1, 8, 64] for _output_0 of \"one\" (Conv2d), which does not fit its weight of shape [8, 3, 3, 3]" },
        { ", \"shapes\": {\"one\": {\"_output_0\": [1, 8, 8, 7]}, \"two\": {\"_output_0\": [1, 6, 8, 8]}}", "shape_mismatch",
          "\"level_target_macs\" cannot be counted: \"shapes\" says [1, 6, 8, 8] for _output_0 of \"two\" (Conv2d), which does not fit its weight of shape [8, 2, 3, 3]" },
        { ", \"shapes\": {\"seq\": {\"_output_0\": [1, 5, 7]}}", "shape_mismatch",
          "\"level_target_macs\" cannot be counted: \"shapes\" says [1, 5, 7] for _output_0 of \"seq\" (Linear), which does not fit its weight of shape [5, 6]" },
        { ", \"shapes\": {\"wave\": {\"_output_0\": [1, 4, 2000000000]}, \"seq\": {\"_output_0\": [1, 1048576, 1048576, 65536, 5]}}", "out_of_range",
          "\"level_target_macs\" cannot be counted: with module \"seq\" there are more than 9007199254740992" } };
    static float numbers[COUNT_OF(layers)][256];
    uint64_t rng = 9;
    size_t i, k, n, row;
    for (i = 0; i < COUNT_OF(layers); i++) for (k = 0; k < 256; k++) numbers[i][k] = (float)((int64_t)(smash_random(&rng) >> 44) - 524288) / 262144.0f;
    for (row = 0; row < COUNT_OF(rows) + COUNT_OF(wrong); row++) {
        const size_t bad = row - COUNT_OF(rows);
        char text[2048];
        const char *pruner = row < COUNT_OF(rows) ? rows[row].pruner : "level", *target = row < COUNT_OF(rows) ? rows[row].target : "0.5";
        smash_model model, mask;
        smash_run_desc desc = SMASH_ZERO;
        smash_io masks_io = SMASH_ZERO, in;
        smash_result result;
        const smash_diag *d;
        double before = 0, left = 0, dearest = 0;
        start();
        smash_model_init(&model, &arena);
        for (i = 0; i < COUNT_OF(layers); i++) {
            smash_tensor t = smash_tensor_view(SMASH_F32, numbers[i], sizeof numbers[i], layers[i].ndim, layers[i].shape);
            t.flags = SMASH_TENSOR_CONST;
            CHECK_ERR(&ctx, smash_model_add(&ctx, &model, layers[i].name, &t, 0), SMASH_OK, "add");
        }
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
        snprintf(text, sizeof text, "{\"pruner\": \"%s\", \"%s_target_macs\": %s%s%s}", pruner, pruner, target, row < COUNT_OF(rows) ? rows[row].more : wrong[bad].more, row < COUNT_OF(rows) ? shapes : "");
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL), SMASH_OK, "%s: %s", text, said());
        if (row >= COUNT_OF(rows)) {
            CHECK_ERR(&ctx, smash_config_resolve(&ctx, &config, &model, &plan), SMASH_ERR_CONFIG, "%s", text);
            for (d = diags.first; d && (strcmp(d->code, wrong[bad].code) || strcmp(d->message, wrong[bad].message)); d = d->next) { }
            if (sizeof(size_t) > 4 || bad + 1 < COUNT_OF(wrong)) CHECK(d != NULL, "%s: %s", text, said());      /* the last shape fits no smaller address space */
            continue;
        }
        CHECK_ERR(&ctx, smash_config_resolve(&ctx, &config, &model, &plan), SMASH_OK, "%s: %s", text, said());
        masks_io.write = test_buffer_write;
        masks_io.user = &masks;
        masks.used = masks.calls = 0;
        desc.masks = &masks_io;
        CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &result), SMASH_OK, "%s: %s", text, said());
        in = smash_io_memory(masks.data, masks.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &in, &arena, NULL, &mask), SMASH_OK, "masks");
        for (i = 0; i < COUNT_OF(layers); i++) {
            size_t kept = 1, d1;
            const smash_tensor *t = smash_model_find_param(&mask, layers[i].name) < 0 ? NULL : &mask.params[smash_model_find_param(&mask, layers[i].name)].tensor;
            for (d1 = 0; d1 < layers[i].ndim; d1++) kept *= layers[i].shape[d1];
            n = kept;
            if (t) {
                smash_tensor bits = tensor_of(&mask, layers[i].name);
                for (kept = k = 0; k < n; k++) kept += ((const unsigned char *)bits.data)[k] != 0;
            }
            before += (double)n * layers[i].uses;
            left += (double)kept * layers[i].uses;
            if (t) dearest += layers[i].uses * (strcmp(pruner, "level") ? (double)n / 4 : 1);
        }
        CHECK(before == 13824 + 5184 + 6272 + 160 + 210 + 480 && (double)plan.goal.before == before, "%s: %.0f, the plan says %lu", text, before, (unsigned long)plan.goal.before);
        CHECK((double)plan.goal.left == left && left <= (double)plan.goal.most, "%s: %.0f left of at most %lu, the plan says %lu", text, left, (unsigned long)plan.goal.most, (unsigned long)plan.goal.left);
        CHECK(left > (double)plan.goal.most - dearest, "%s: %.0f left, much less than %lu", text, left, (unsigned long)plan.goal.most);
    }
}

static smash_err nothing(smash_ctx *c, smash_job *job) { (void)c; (void)job; return SMASH_OK; }

static void test_goal_errors(void)
{
    static const struct { const char *text, *code, *message; } rows[] = {
        { "{\"pruner\": \"level\", \"level_target_parameters\": 100, \"level_target_macs\": 5}", "exclusive_keys", "\"level_target_macs\" and \"level_target_parameters\" are two targets for one model; remove one of them" },
        { "{\"pruner\": \"level\", \"level_target_bytes\": 1000}", "needs_pack_sparse", "\"level_target_bytes\" needs \"pack_sparse\": true; without it zeros take as many bytes as other numbers" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 100, \"level_config_list\": [{\"op_names\": [\"fc\"], \"sparse_ratio\": 0.5}]}", "target_without_choice",
          "\"level_target_parameters\" has nothing to choose from: every target has a sparse_ratio, threshold, align or N:M of its own, or there is none" },
        { "{\"pruner\": \"level\", \"level_target_macs\": 100}", "unknown_shape", "\"level_target_macs\" cannot be counted: the shape of the output of module \"conv\" (Conv2d) is not known; say it: \"shapes\": {\"conv\": {\"_output_0\": [1, channels, height, width]}}" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 1.5}", "out_of_range", "\"level_target_parameters\" is 1.5 (a number); it must be a whole number from 1 on, or a share of what there is, above 0 and below 1" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 0}", "out_of_range", "\"level_target_parameters\" is 0 (a number); it must be a whole number" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": -0.5}", "out_of_range", "\"level_target_parameters\" is -0.5 (a number)" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 1e16}", "out_of_range", "\"level_target_parameters\" is 1e16 (a number)" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": \"50%\"}", "wrong_type", "\"level_target_parameters\" is \"50%\" (a string); it must be a whole number" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": true}", "wrong_type", "\"level_target_parameters\" is true (a boolean)" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 100, \"level_config_list\": [{\"op_names\": [\"fc\"], \"global_group_id\": 3}]}", "exclusive_keys",
          "fc.weight is in a group of which nothing is asked; give the group a sparse_ratio, or leave its id out, and target_parameters decides what goes" },
        { "{\"pruner\": \"level\", \"level_target_bytes\": 100, \"compiler\": \"later\", \"pack_sparse\": true}", "unsupported", "\"level_target_bytes\" cannot be kept together with later, which changes the model or its file after the pruner" },
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\"], \"target_parameters\": 100, \"sparse_ratio\": 0.5}]}", "unknown_key", "there is no key \"target_parameters\"" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 3, \"level_max_sparse_ratio\": 0.5}", NULL,
          "target_parameters asks for at most 3, and 427 is the least there is when all goes that may; raise it, or max_sparse_ratio, or let it choose from more" },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 0.0001, \"level_config_list\": [{\"op_names\": [\"fc\"], \"max_sparse_ratio\": 0.0001}]}", NULL,
          "target_parameters asks for at most 0, and 818 is the least there is when all goes that may; raise it, or max_sparse_ratio, or let it choose from more" } };
    static const char *const compatible[] = { "level", NULL };
    static smash_algo later = SMASH_ZERO;
    const smash_algo *room[32];
    smash_registry registry;
    size_t i;
    later.name = "later";
    later.group = SMASH_COMPILER;
    later.summary = "does nothing";
    later.compatible = compatible;
    later.apply = nothing;
    smash_registry_init(&registry, room, COUNT_OF(room));
    CHECK_ERR(&ctx, smash_register_builtins(&ctx, &registry), SMASH_OK, "builtins");
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &later), SMASH_OK, "later");
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        smash_result result;
        start();
        smash_config_init(&config, &registry, &arena, &diags);
        CHECK_ERR(&ctx, run(rows[i].text, &source_io, &result), SMASH_ERR_CONFIG, "%s", rows[i].text);
        for (d = diags.first; d && rows[i].code && (strcmp(d->code, rows[i].code) || !strstr(d->message, rows[i].message)); d = d->next) { }
        if (rows[i].code) CHECK(d != NULL, "%s: %s: %s", rows[i].text, diags.first ? diags.first->code : "-", said());
        else CHECK(strcmp(ctx.message, rows[i].message) == 0, "%s: %s", rows[i].text, ctx.message);
    }
}

/* Why a target did not get what was asked of it: its limits, or that it is less than a block. conv has 8 rows. */
static void test_reasons(void)
{
    static const struct { const char *entry; size_t dropped; const char *note; } rows[] = {
        { "\"sparse_ratio\": 0.5", 4, NULL }, { "\"sparse_ratio\": 0.45", 3, NULL }, { "\"sparse_ratio\": 0", 0, NULL },
        { "\"sparse_ratio\": 0.1", 0, "less than one block" }, { "\"sparse_ratio\": 0.5, \"granularity\": [-1, -1, -1, -1]", 0, "one block of the whole tensor" },
        { "\"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0.3", 2, "max_sparse_ratio" }, { "\"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0.5", 4, NULL },
        { "\"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0.1", 0, "max_sparse_ratio" }, { "\"sparse_ratio\": 0.2, \"min_sparse_ratio\": 0.5", 4, "min_sparse_ratio" },
        { "\"sparse_ratio\": 0.2, \"min_sparse_ratio\": 0.8, \"max_sparse_ratio\": 0.5", 4, "min_sparse_ratio" },
        { "\"sparse_ratio\": 0.75, \"internal_metric_block\": 2, \"max_sparse_ratio\": 0.5", 4, "max_sparse_ratio" }, { "\"sparse_ratio\": 0.75, \"internal_metric_block\": 2", 6, NULL },
        { "\"sparse_threshold\": 1e9, \"max_sparse_ratio\": 0.5", 4, "max_sparse_ratio" }, { "\"sparse_threshold\": 0, \"min_sparse_ratio\": 0.3", 2, "min_sparse_ratio" },
        { "\"sparse_threshold\": 1e9", 8, NULL }, { "\"sparse_threshold\": 1e9, \"max_sparse_ratio\": 1", 8, NULL }, { "\"sparse_threshold\": 0, \"max_sparse_ratio\": 0.5", 0, NULL },
        { "\"sparse_ratio\": 0.75, \"global_group_id\": 1, \"max_sparse_ratio\": 0.5", 4, "max_sparse_ratio" }, { "\"sparse_ratio\": 0, \"global_group_id\": 1, \"min_sparse_ratio\": 0.5", 4, "min_sparse_ratio" },
        { "\"sparse_ratio\": 0.5, \"global_group_id\": 1", 4, NULL }, { "\"sparse_ratio\": 0.5, \"dependency_group_id\": 1, \"max_sparse_ratio\": 0.3", 2, "max_sparse_ratio" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_result result;
        char text[512];
        snprintf(text, sizeof text, "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], %s}]}", rows[i].entry);
        start();
        CHECK_ERR(&ctx, run(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
        CHECK(plan.rows[0].mask_stats.dropped == rows[i].dropped, "%s: %d go, want %d", rows[i].entry, (int)plan.rows[0].mask_stats.dropped, (int)rows[i].dropped);
        CHECK(rows[i].note ? plan.rows[0].note && strstr(plan.rows[0].note, rows[i].note) : !plan.rows[0].note, "%s: %s", rows[i].entry, plan.rows[0].note ? plan.rows[0].note : "no note");
    }
}

/* What each target takes before and after is what its tensors in the two files take. */
static void test_bytes(void)
{
    static const char *const configs[] = {
        "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.7}", "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.7, \"pack_sparse\": true}",
        "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.9, \"quantizer\": \"ptq\", \"ptq_quant_scheme\": \"affine\", \"pack_sparse\": true}", "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"uint4\"}" };
    size_t c, i, k, smaller;
    for (c = 0; c < COUNT_OF(configs); c++) {
        smash_result result;
        smash_model written;
        smash_io io;
        start();
        CHECK_ERR(&ctx, run(configs[c], &source_io, &result), SMASH_OK, "%s: %s", configs[c], said());
        io = smash_io_memory(out.data, out.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &written), SMASH_OK, "%s", configs[c]);
        for (i = smaller = 0; i < plan.count; i++) {
            const smash_row *row = &plan.rows[i];
            const smash_param *p = row->param == (uint32_t)SMASH_NONE ? NULL : &plan.model->params[row->param];
            const size_t length = p ? strlen(p->name) : 0;
            size_t before, after = 0, bytes;
            if (!p) continue;
            CHECK_ERR(&ctx, smash_tensor_bytes(&p->tensor, &before), SMASH_OK, "%s", p->name);
            for (k = 0; k < written.param_count; k++) {
                const char *name = written.params[k].name;
                if (strncmp(name, p->name, length) || (name[length] && name[length] != '_')) continue;
                CHECK_ERR(&ctx, smash_tensor_bytes(&written.params[k].tensor, &bytes), SMASH_OK, "%s", name);
                after += bytes;
            }
            CHECK(row->bytes_before == before && row->bytes_after == after, "%s: %s: %d -> %d, want %d -> %d", configs[c], p->name, (int)row->bytes_before, (int)row->bytes_after, (int)before, (int)after);
            smaller += after < before;
        }
        CHECK((smaller > 0) == (c > 0), "%s: %d targets got smaller", configs[c], (int)smaller);
    }
}

/* What a group asked for and what all its members got; a ratio that is less than one block warns on every path. */
static void test_groups(void)
{
    static const struct { const char *text; int warns; const char *rule; double asked, sparsity; size_t members; } rows[] = {
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\", \"half\"], \"sparse_ratio\": 0.5, \"global_group_id\": 1}]}", 0, "global_group_id", 0.5, 221.0 / 442, 2 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"fc\", \"half\"], \"sparse_ratio\": 0.01, \"global_group_id\": \"a\"}]}", 1, "global_group_id", 0.01, 0, 2 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"fc\", \"half\"], \"sparse_ratio\": 0.01, \"min_sparse_ratio\": 0.2, \"global_group_id\": \"a\"}]}", 0, "global_group_id", 0.01, 87.0 / 442, 2 },
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\", \"half\"], \"sparse_threshold\": 0.0, \"global_group_id\": \"a\"}]}", 0, "global_group_id", -1, 0, 2 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": 7}]}", 0, "dependency_group_id", 0.5, 0.5, 1 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.1, \"dependency_group_id\": 7}]}", 1, "dependency_group_id", 0.1, 0, 1 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.2, \"dependency_group_id\": 7, \"internal_metric_block\": 2}]}", 1, "dependency_group_id", 0.2, 0, 1 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0.1, \"dependency_group_id\": 7}]}", 1, "dependency_group_id", 0.5, 0, 1 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.1}]}", 1, NULL, 0, 0, 0 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.2, \"internal_metric_block\": 2}]}", 1, NULL, 0, 0, 0 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0.1}]}", 1, NULL, 0, 0, 0 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.1, \"min_sparse_ratio\": 0.2}]}", 0, NULL, 0, 0, 0 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.0, \"dependency_group_id\": 7}]}", 0, "dependency_group_id", 0, 0, 1 },
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\"], \"granularity\": \"39:40\"}]}", 0, NULL, 0, 0, 0 } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_text report = SMASH_ZERO;
        smash_writer w = SMASH_ZERO;
        smash_json doc;
        smash_result result;
        const smash_diag *d;
        const smash_value *g;
        start();
        CHECK_ERR(&ctx, run(rows[i].text, &source_io, &result), SMASH_OK, "%s: %s", rows[i].text, said());
        for (d = diags.first; d && strcmp(d->code, "ratio_too_small"); d = d->next) { }
        CHECK((d != NULL) == rows[i].warns && (!d || d->severity == SMASH_WARNING), "%s: %s", rows[i].text, d ? d->message : "no warning");
        report.ctx = &ctx;
        report.arena = &arena;
        w.put = smash_text_put;
        w.user = &report;
        smash_report_groups(&w, &plan);
        CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, report.data, report.bytes, &arena, &diags, &doc), SMASH_OK, "%s", report.data);
        CHECK(doc.root->count == (rows[i].rule != NULL), "%s: %s", rows[i].text, report.data);
        if (!rows[i].rule || !doc.root->count) continue;
        g = doc.root + 1;
        CHECK(smash_value_is(smash_value_get(g, "rule"), rows[i].rule) && smash_value_get(g, "members")->count == rows[i].members && fabs(smash_value_get(g, "sparsity")->number - rows[i].sparsity) < 1e-12, "%s: %s", rows[i].text, report.data);
        CHECK(rows[i].asked < 0 ? smash_value_get(g, "asked")->type == SMASH_VALUE_NULL : smash_value_get(g, "asked")->number == rows[i].asked, "%s: %s", rows[i].text, report.data);
        CHECK((smash_value_get(g, "note")->type == SMASH_VALUE_STRING) == (rows[i].sparsity == 0 && rows[i].asked > 0), "%s: %s", rows[i].text, report.data);
    }
}

/* What masked numbers become: zero, the sum with a value rounded to their dtype, or what they were. The masks are the same, in their file, too. */
static void test_apply_method(void)
{
    static const struct { const char *text; double value; } rows[] = { { "\"mul\"", 0 }, { "\"add\"", -1000 }, { "\"add\", \"apply_value\": 0", -1000 }, { "\"add\", \"apply_value\": 0.3", 0.3 }, { "\"add\", \"apply_value\": -7e4", -7e4 },
        { "\"bypass\"", 0 }, { "\"bypass\", \"apply_value\": 5", 0 } };
    static const char *const names[] = { "fc.weight", "tok_emb.weight", "half.weight", "wide.weight", "conv.weight", "conv.bias" };
    static const char *const prunes[] = { "\"sparse_ratio\": 0.4", "\"sparse_ratio\": 0.4, \"global_group_id\": 1", "\"granularity\": [1], \"sparse_threshold\": 0.8" };
    static test_buffer mul_masks;
    size_t i, k, n, p, j;
    for (p = 0; p < COUNT_OF(prunes); p++) for (i = 0; i < COUNT_OF(rows); i++) {
        const int add = strstr(rows[i].text, "add") != NULL, f16_too = rows[i].value > -65505;
        smash_model before, after, mask;
        smash_io out_io, mask_io;
        smash_result result;
        char text[512];
        size_t zeros = 0;
        snprintf(text, sizeof text, "{\"pruner\": \"l1_norm\", \"pack_sparse\": true, \"l1_norm_config_list\": [{\"op_names\": [\"fc\", %s\"half\", \"wide\", \"conv\"], %s, \"apply_method\": %s}]}", f16_too ? "\"tok_emb\", " : "", prunes[p],
                 rows[i].text);
        start();
        CHECK_ERR(&ctx, run(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
        if (i == 0) mul_masks = masks;
        else if (f16_too) CHECK(masks.used == mul_masks.used && !memcmp(masks.data, mul_masks.data, masks.used), "%s: other masks", text);
        out_io = smash_io_memory(out.data, out.used);
        mask_io = smash_io_memory(masks.data, masks.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &before), SMASH_OK, "source");
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &out_io, &arena, NULL, &after), SMASH_OK, "out");
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &mask_io, &arena, NULL, &mask), SMASH_OK, "masks");
        for (k = 0; k < COUNT_OF(names); k++) {
            smash_tensor x = tensor_of(&before, names[k]), y, m, sum, one, value;
            size_t bad = 0, dropped = 0, width = smash_dtype_bits(x.dtype) / 8;
            double wide;
            unsigned char rounded[8];
            if (!f16_too && k == 1) continue;
            CHECK_ERR(&ctx, smash_model_restore(&ctx, &after, names[k], &arena, &y, NULL), SMASH_OK, "%s", names[k]);
            m = tensor_of(&mask, names[k]);
            smash_tensor_count(&x, &n);
            sum = smash_tensor_view(SMASH_F64, &wide, sizeof wide, 0, NULL);
            one = smash_tensor_view(x.dtype, rounded, sizeof rounded, 0, NULL);
            value = smash_tensor_view(SMASH_F64, &wide, sizeof wide, 0, NULL);
            wide = rows[i].value;
            if (x.dtype == SMASH_F64) memcpy(rounded, &wide, 8);
            else CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &value, &one), SMASH_OK, "%s", names[k]);
            { const double narrow = number(&one, 0);                         /* the sums below are exact in double */
              for (j = 0; j < n; j++) {
                const int keep = ((const unsigned char *)m.data)[j];
                const unsigned char *from = (const unsigned char *)x.data + j * width, *to = (const unsigned char *)y.data + j * width;
                dropped += !keep;
                memcpy(rounded, from, width);
                if (!keep && i == 0) memset(rounded, 0, width);
                if (!keep && add) {
                    wide = number(&x, j) + narrow;
                    if (x.dtype == SMASH_F64) memcpy(rounded, &wide, 8);
                    else CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &sum, &one), SMASH_OK, "%s", names[k]);
                }
                bad += memcmp(to, rounded, width) != 0;
              }
            }
            CHECK(bad == 0, "%s: %s has %d wrong numbers", text, names[k], (int)bad);
            CHECK(dropped > 0 || k == 5 || p == 1, "%s: nothing of %s is masked", text, names[k]);
            zeros += dropped;
        }
        for (j = k = 0; j < plan.count; j++) k += plan.rows[j].mask_stats.elements;
        CHECK(k == zeros, "%s: %d masked, not %d", text, (int)k, (int)zeros);
        CHECK(i ? result.nonzero > result.parameters - 5 : result.nonzero < result.parameters - zeros + 5, "%s: %d of %d are not zero", text, (int)result.nonzero, (int)result.parameters);
    }
}

/* Files that lie about their zeros: an error each, nothing read. */
static void test_sparse_lies(void)
{
    enum { GOOD, SCALED, NO_BITS, NO_SHAPE, BITS_I8, BITS_2D, SHAPE_F64, NEGATIVE, WIDE, WRONG_COUNT, FEW_VALUES, MANY_VALUES, BITS_BEHIND, VALUES_2D, VALUES_F4, VALUES_F6, LIES };
    static const smash_err want[LIES] = { SMASH_OK, SMASH_OK, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT,
                                          SMASH_ERR_SHAPE, SMASH_ERR_SHAPE, SMASH_ERR_FORMAT, SMASH_ERR_FORMAT, SMASH_ERR_DTYPE, SMASH_ERR_DTYPE };
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
        if (lie == VALUES_F4) t.dtype = SMASH_F4;                        /* not of whole bytes */
        if (lie == VALUES_F6) t.dtype = SMASH_F6_E2M3;
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

static smash_err run_given(const char *text, const smash_io *from, smash_result *result) { return run_with(text, from, &given_io, result); }

/* A plan that is run again, without the masks, says what came of this run. */
static void test_given_once(void)
{
    static const struct { const char *ratios, *first; } rows[] = {
        { "\"sparse_threshold\": 1e-9, \"max_sparse_ratio\": 0.5", "max_sparse_ratio is reached: no more goes" },
        { "\"sparse_threshold\": 1e-9, \"min_sparse_ratio\": 0.25, \"max_sparse_ratio\": 0.5", "max_sparse_ratio is reached: no more goes" },
        { "\"sparse_threshold\": 1e-9", NULL } };
    static const given mask = { "fc.weight", SMASH_BOOL, 2, { 10, 40 }, "0" };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_result result;
        smash_row again;
        const smash_row *row;
        char text[256];
        start();
        make_given(&mask, 1);
        sprintf(text, "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\"], %s}]}", rows[i].ratios);
        CHECK_ERR(&ctx, run_given(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
        row = row_of("fc", "weight");
        CHECK(rows[i].first ? row->note && !strcmp(row->note, rows[i].first) : !row->note, "%s: %s", text, row->note ? row->note : "no note");
        CHECK_ERR(&ctx, smash_run(&ctx, &plan, NULL, &result), SMASH_OK, "%s: %s", text, said());
        again = *row_of("fc", "weight");
        start();
        CHECK_ERR(&ctx, run(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
        row = row_of("fc", "weight");
        CHECK(row->note == again.note && row->mask_stats.dropped == again.mask_stats.dropped, "%s: %s, and %s in a second run", text, row->note ? row->note : "no note", again.note ? again.note : "no note");
    }
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
    float numbers[16] = { 0 };
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
        static const smash_algo *room[32];
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

/* Masks of inputs and outputs: what one run writes the next one reads, with the same config, another one or none. */
static void test_given_ends(void)
{
#define ENDS(shapes) "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]" shapes "}"
#define KNOWN ", \"shapes\": {\"conv\": {\"_output_0\": [1, 8, 4, 6]}}"
    static const char *const configs[] = { ENDS(KNOWN), ENDS("") };
    static const struct { const char *text; given mask; const char *says; } wrong[] = {
        { ENDS(KNOWN), { "conv._output_0", SMASH_BOOL, 1, { 8 }, "1" }, "the mask of \"conv._output_0\" is [8], and the one that the config makes [1, 8, 1, 1]; they must be the same" },
        { "{\"shapes\": {\"conv\": {\"_output_0\": [1, 8, 4, 6]}}}", { "conv._output_0", SMASH_BOOL, 4, { 1, 8, 2, 1 }, "1" },
          "the mask of \"conv._output_0\" is [1, 8, 2, 1], and the tensor [1, 8, 4, 6]; a mask has as many dims, each of the same size or 1" },
        { "{}", { "nowhere._output_0", SMASH_BOOL, 1, { 8 }, "1" }, "there is a mask for \"nowhere._output_0\", and no such tensor in the model; take it out of the masks" },
        { "{}", { "conv._output_", SMASH_BOOL, 1, { 8 }, "1" }, "there is a mask for \"conv._output_\", and no such tensor in the model; take it out of the masks" },
        { "{}", { "conv._input_0", SMASH_F32, 1, { 8 }, "1" }, "the mask of \"conv._input_0\" is F32; a mask is BOOL, or U8 of 0 and 1" },
        { "{}", { "conv._input_0", SMASH_U8, 1, { 8 }, "1112" }, "the mask of \"conv._input_0\" holds 2 at index 3; a mask holds 0 and 1" } };
    static const given ends[] = { { "conv._output_0", SMASH_U8, 4, { 1, 8, 1, 1 }, "01" }, { "fc._input_x", SMASH_BOOL, 2, { 3, 5 }, "110" }, { "fc.weight", SMASH_BOOL, 2, { 10, 1 }, "011" } };
    static test_buffer first, first_masks, saved_masks;
    smash_result result;
    smash_model mask;
    smash_io io, in, masks_io = SMASH_ZERO;
    smash_desc desc = SMASH_ZERO;
    size_t i, k, whole;
    for (i = 0; i < COUNT_OF(configs); i++) {
        smash_model model;
        start();
        CHECK_ERR(&ctx, run(configs[i], &source_io, &result), SMASH_OK, "%s", said());
        first = out;
        first_masks = masks;
        given_io = smash_io_memory(first_masks.data, first_masks.used);
        for (k = 0; k < 2; k++) {                                        /* once more, and without the config */
            start();
            CHECK_ERR(&ctx, run_given(k ? "{}" : configs[i], &source_io, &result), SMASH_OK, "%s", said());
            CHECK(masks.used == first_masks.used && !memcmp(masks.data, first_masks.data, masks.used), "%s %zu: other masks", configs[i], k);
            CHECK(k || (out.used == first.used && !memcmp(out.data, first.data, out.used)), "%s: another file", configs[i]);
            CHECK(plan.given_count == 3 && !strcmp(plan.given[2].target, "_output_0") && plan.given[2].mask_stats.dropped == 4 && plan.given[2].mask_stats.blocks == 8
                  && plan.given[2].mask_stats.elements == (i || k ? 4u : 96u) && (plan.given[2].note != NULL) == (i || k), "%s %zu: %zu rows", configs[i], k, plan.given_count);
        }
        start();
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &model), SMASH_OK, "source");
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, configs[i], strlen(configs[i]), "c.json", NULL), SMASH_OK, "%s", said());
        saved_masks.used = 0;
        masks_io.write = test_buffer_write;
        masks_io.user = &saved_masks;
        desc.masks = &masks_io;
        desc.masks_in = &given_io;
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, &desc, &result), SMASH_OK, "%s", said());
        CHECK(saved_masks.used == first_masks.used && !memcmp(saved_masks.data, first_masks.data, first_masks.used), "%s: other masks of smash()", configs[i]);
    }
    for (whole = 0; whole < 2; whole++) {                                /* both masks of an output as one; what only the file has stays as it is */
        smash_tensor given_out, t;
        start();
        CHECK_ERR(&ctx, run(configs[0], &source_io, &result), SMASH_OK, "%s", said());
        first_masks = masks;
        start();
        make_given(ends, 3);
        CHECK_ERR(&ctx, run_given(whole ? configs[0] : "{}", &source_io, &result), SMASH_OK, "%s", said());
        read_back(&masks, &io, &mask);
        t = tensor_of(&mask, "conv._output_0");
        CHECK(t.ndim == 4 && t.dtype == SMASH_BOOL && t.shape[1] == 8 && t.shape[2] == 1, "conv._output_0");
        if (whole) {
            smash_model made;
            read_back(&first_masks, &in, &made);
            given_out = tensor_of(&made, "conv._output_0");
        } else given_out = t;
        for (k = 0; k < 8; k++) CHECK(((const unsigned char *)t.data)[k] == (k % 2 && (!whole || ((const unsigned char *)given_out.data)[k])), "%zu: channel %zu", whole, k);
        t = tensor_of(&mask, "fc._input_x");
        CHECK(t.ndim == 2 && t.shape[0] == 3 && t.shape[1] == 5, "fc._input_x");
        for (k = 0; k < 15; k++) CHECK(((const unsigned char *)t.data)[k] == (k % 3 != 2), "%zu: number %zu", whole, k);
        CHECK(smash_model_find_param(&mask, "fc.weight") >= 0, "%zu: fc.weight", whole);
    }
    for (i = 0; i < COUNT_OF(wrong); i++) {
        start();
        make_given(&wrong[i].mask, 1);
        CHECK_ERR(&ctx, run_given(wrong[i].text, &source_io, &result), SMASH_ERR_FORMAT, "%s", wrong[i].says);
        CHECK(strcmp(ctx.message, wrong[i].says) == 0, "%s, not %s", ctx.message, wrong[i].says);
        CHECK(out.used == 0, "something was written");
    }
#undef ENDS
#undef KNOWN
}

/* What goes by a given mask goes as what the pruner drops: with add both get the value once, with bypass neither is applied. Goals count both. */
static void test_given_applied(void)
{
    static const given rows_of_fc = { "fc.weight", SMASH_BOOL, 2, { 10, 1 }, "0110" };
    static const char *const methods[] = { "mul", "add", "bypass" };
    static const char *const goals[] = { "\"level_target_macs\": 300, \"module_types\": {\"conv\": \"BatchNorm2d\"}", "\"level_target_macs\": 250, \"level_config_list\": [{\"op_names\": [\"half\", \"wide\"]}], \"module_types\": {\"conv\": \"BatchNorm2d\"}",
        "\"level_target_macs\": 487, \"module_types\": {\"conv\": \"BatchNorm2d\"}", "\"level_target_parameters\": 300", "\"level_target_bytes\": 4600, \"pack_sparse\": true" };
    static test_buffer alone;
    smash_model model, mask, before;
    smash_io io, mask_io;
    smash_result result;
    size_t i, m, dropped;
    for (m = 0; m < COUNT_OF(methods) + 1; m++) {
        char text[512];
        smash_tensor t, bits, w;
        const int quantized = m == COUNT_OF(methods);                    /* the numbers as they were go on */
        start();
        make_given(&rows_of_fc, 1);
        snprintf(text, sizeof text, "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\"], \"sparse_ratio\": 0.2, \"apply_method\": \"%s\"%s}]%s}", methods[quantized ? 2 : m], m == 1 ? ", \"apply_value\": -5" : "",
                 quantized ? ", \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int16\"}]" : "");
        CHECK_ERR(&ctx, run_given(text, &source_io, &result), SMASH_OK, "%s: %s", text, said());
        CHECK(plan.given[0].apply_method == plan.rows[0].apply_method && plan.given[0].apply_value == plan.rows[0].apply_value, "%s: applied otherwise", text);
        read_back(&out, &io, &model);
        read_back(&masks, &mask_io, &mask);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, NULL, &before), SMASH_OK, "source");
        bits = tensor_of(&mask, "fc.weight");
        w = tensor_of(&before, "fc.weight");
        for (i = dropped = 0; i < 400; i++) {
            const int keep = ((const unsigned char *)bits.data)[i];
            dropped += !keep;
            CHECK(!keep || keeps(&rows_of_fc, &w, i), "%s: number %zu is kept, and the given mask drops it", text, i);
            if (quantized) continue;
            t = tensor_of(&model, "fc.weight");
            CHECK(number(&t, i) == (keep || m == 2 ? number(&w, i) : m == 0 ? 0 : (double)((float)number(&w, i) - 5.0f)), "%s: number %zu", text, i);
        }
        CHECK(dropped == 200, "%s: %zu dropped", text, dropped);         /* 5 rows of 10; a fifth of all is among them */
        if (quantized) CHECK(plan.rows[1].quant_stats.zeros < 5, "%s: %lu zeros", text, (unsigned long)plan.rows[1].quant_stats.zeros);
    }
    for (i = 0; i < COUNT_OF(goals); i++) {
        char text[512];
        uint64_t left;
        start();
        make_given(&rows_of_fc, 1);
        snprintf(text, sizeof text, "{\"pruner\": \"level\", %s}", goals[i]);
        CHECK_ERR(&ctx, run_given(text, &source_io, &result), SMASH_OK, "%s: %s %s", text, ctx.message, said());
        left = strstr(text, "macs") ? macs_left() : strstr(text, "bytes") ? result.bytes : result.nonzero;
        CHECK(plan.goal.left == left && left <= plan.goal.most, "%s: %lu left, the plan says %lu of %lu", text, (unsigned long)left, (unsigned long)plan.goal.left, (unsigned long)plan.goal.most);
        alone = out;
        if (i == 2) CHECK(left == 287 && plan.groups[plan.goal.group].masked == 0, "%s: the file does it alone, %lu left", text, (unsigned long)left);
    }
    CHECK(alone.used > 0, "nothing written");
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
                                      "\"sparsity\":0.5,\"masked\":108,\"zeros\":108,\"apply_method\":\"mul\",\"granularity\":[1,-1,-1,-1],\"bytes_before\":864,\"bytes_after\":864,\"note\":null},{\"module\":\"conv\",\"target\":\"weight\"") == text) == !again, "run %d: %s", again, text);
        CHECK(strstr(text, "\"algorithm\":\"l1_norm\",\"group\":\"pruner\",\"asked\":0.25,\"sparsity\":0.25,\"masked\":54,\"zeros\":54"), "run %d: %s", again, text);
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
    test_goal();
    test_goal_report();
    test_goal_macs();
    test_goal_errors();
    test_reasons();
    test_bytes();
    test_groups();
    test_apply_method();
    test_sparse_lies();
    test_given();
    test_given_once();
    test_given_lies();
    test_given_and_pruned();
    test_given_fpgm();
    test_given_smash();
    test_given_ends();
    test_given_applied();
    test_given_report();
    test_selftest();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
    return test_done();
}
