/* test_fuse.c - fuse_names: normalizations folded into the layers in front of them before these are quantized. The folded numbers are computed
 * here, in double, from the formula; what is in the file must lie within half a step of them, and biases within rounding. */
#include "../smash.h"
#include "test.h"
#include "config_test.h"
#include <math.h>

static smash_model model, got;
static test_buffer file, mask_file;
static smash_io got_io;
static const smash_io *calibration;

/* Two convolutions, of which one has no bias, a linear layer, a transposed convolution in groups, their normalizations, one without gamma and
 * beta, one that fits nothing, and one without statistics */
static const struct { const char *name; smash_dtype dtype; uint32_t ndim; size_t shape[4]; } params[] = {
    { "conv1.weight", SMASH_F32, 4, { 6, 2, 3, 3 } }, { "conv1.bias", SMASH_F32, 1, { 6 } }, { "bn1.weight", SMASH_F32, 1, { 6 } }, { "bn1.bias", SMASH_F32, 1, { 6 } },
    { "bn1.running_mean", SMASH_F32, 1, { 6 } }, { "bn1.running_var", SMASH_F32, 1, { 6 } }, { "bn1.num_batches_tracked", SMASH_I64, 0, { 0 } },
    { "conv2.weight", SMASH_F32, 4, { 4, 6, 1, 1 } }, { "bn2.running_mean", SMASH_F32, 1, { 4 } }, { "bn2.running_var", SMASH_F32, 1, { 4 } },
    { "a.fc.weight", SMASH_F16, 2, { 5, 7 } }, { "a.fc.bias", SMASH_F16, 1, { 5 } }, { "a.bn.weight", SMASH_F32, 1, { 5 } }, { "a.bn.bias", SMASH_F32, 1, { 5 } },
    { "a.bn.running_mean", SMASH_F64, 1, { 5 } }, { "a.bn.running_var", SMASH_F32, 1, { 5 } },
    { "up.weight", SMASH_F32, 4, { 4, 3, 2, 2 } }, { "bn3.weight", SMASH_F32, 1, { 6 } }, { "bn3.bias", SMASH_F32, 1, { 6 } }, { "bn3.running_mean", SMASH_F32, 1, { 6 } },
    { "bn3.running_var", SMASH_F32, 1, { 6 } }, { "norm.weight", SMASH_F32, 1, { 6 } }, { "norm.bias", SMASH_F32, 1, { 6 } } };
static double numbers[COUNT_OF(params)][512];

static size_t index_of(const char *name)
{
    size_t i;
    for (i = 0; i < COUNT_OF(params); i++) if (!strcmp(params[i].name, name)) return i;
    return COUNT_OF(params);
}

static void start(void)
{
    uint64_t rng = 7;
    size_t i, k, n, d;
    start_config(smash_builtins());
    smash_model_init(&model, &arena);
    for (i = 0; i < COUNT_OF(params); i++) {
        smash_tensor wide = smash_tensor_view(SMASH_F64, numbers[i], 0, params[i].ndim, params[i].shape), t = wide;
        for (n = 1, d = 0; d < params[i].ndim; d++) n *= params[i].shape[d];
        for (k = 0; k < n; k++) numbers[i][k] = (double)((int64_t)(smash_random(&rng) >> 52) - 2048) / 1024.0;            /* exact in every dtype but for the last bit of f16 */
        if (strstr(params[i].name, "_var")) for (k = 0; k < n; k++) numbers[i][k] = fabs(numbers[i][k]) + 0.25;
        wide.bytes = n * sizeof(double);
        t.dtype = params[i].dtype;
        smash_tensor_bytes(&t, &t.bytes);
        t.data = smash_arena_alloc(&ctx, &arena, t.bytes);
        if (t.dtype == SMASH_I64) memset(t.data, 0, t.bytes);
        else CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &wide, &t), SMASH_OK, "%s", params[i].name);
        if (t.dtype != SMASH_I64) CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &t, &wide), SMASH_OK, "%s", params[i].name);   /* what it holds */
        t.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, params[i].name, &t, 0), SMASH_OK, "%s", params[i].name);
    }
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "model");
}

static smash_err run(const char *text)
{
    smash_run_desc desc = SMASH_ZERO;
    smash_io out = SMASH_ZERO, masks = SMASH_ZERO;
    smash_result result;
    smash_err err = smash_config_load(&ctx, &config, text, strlen(text), "c.json", "ptq");
    if (!err) err = smash_config_resolve(&ctx, &config, &model, &plan);
    if (err) return err;
    file.used = mask_file.used = 0;
    out.write = masks.write = test_buffer_write;
    out.user = &file;
    masks.user = &mask_file;
    desc.out = &out;
    desc.masks = &masks;
    desc.calibration = calibration;
    err = smash_run(&ctx, &plan, &desc, &result);
    if (err) return err;
    got_io = smash_io_memory(file.data, file.used);
    return smash_safetensors_read(&ctx, NULL, &got_io, &arena, &diags, &got);
}

static const char *meta(const smash_model *m, const char *key)
{
    size_t i;
    for (i = 0; i < m->metadata_count; i++) if (!strcmp(m->metadata[i].key, key)) return m->metadata[i].value;
    return "";
}

/* gamma / sqrt(variance + epsilon) of a channel, beta, mean */
static double at(const char *norm, const char *target, size_t c, double other)
{
    char name[64];
    size_t i;
    snprintf(name, sizeof name, "%s.%s", norm, target);
    i = index_of(name);
    return i < COUNT_OF(params) ? numbers[i][c] : other;
}
/* By bisection: independent of the library's own, and of libm */
static double root(double x)
{
    double lo = 0, hi = x > 1 ? x : 1;
    int i;
    for (i = 0; i < 200; i++) { const double middle = (lo + hi) / 2; if (middle * middle < x) lo = middle; else hi = middle; }
    return lo;
}
static double larger(double a, double b) { return a > b ? a : b; }
static double factor(const char *norm, size_t c, double epsilon) { return at(norm, "weight", c, 1) / root(at(norm, "running_var", c, 1) + epsilon); }

static int has_warning(const char *message)
{
    const smash_diag *d = diags.first;
    while (d && !(d->severity == SMASH_WARNING && !strcmp(d->message, message))) d = d->next;
    return d != NULL;
}

static const char all[] = "[{\"op_names\": [\"conv1\", \"conv2\", \"a.fc\", \"up\"], \"target_names\": [\"weight\"], \"granularity\": \"out_channel\","
    " \"fuse_names\": [[\"conv1\", \"bn1\", \"gru6.relu1\"], [\"conv2\", \"bn2\"], [\"a.fc\", \"a.bn\", \"a.ReLU6_1\"], [\"up\", \"bn3\"]]}]";

typedef struct folded { const char *layer, *norm; size_t channels; int has_bias; double bias_step; } folded;
static const folded layers[] = { { "conv1", "bn1", 6, 1, 1e-6 }, { "conv2", "bn2", 4, 0, 1e-6 }, { "a.fc", "a.bn", 5, 1, 2e-3 }, { "up", "bn3", 6, 0, 1e-6 } };

/* The layers of a file against the formula. masked: 1 if weights may also be 0, and biases what is left of a channel that was dropped */
static void check_layers(const char *what, double epsilon, int masked)
{
    size_t i, k;
    for (i = 0; i < COUNT_OF(layers); i++) {
        const folded *l = &layers[i];
        char name[64];
        smash_tensor w = SMASH_ZERO, b = SMASH_ZERO;
        size_t p, n, span;
        int is_up = !strcmp(l->layer, "up");
        snprintf(name, sizeof name, "%s.weight", l->layer);
        p = index_of(name);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &got, name, &arena, &w, NULL), SMASH_OK, "%s: %s", what, name);
        if (ctx.err || smash_tensor_count(&w, &n)) continue;
        span = is_up ? 4 : n / l->channels;
        for (k = 0; k < n; k++) {
            const size_t c = is_up ? k / 24 * 3 + k / 4 % 3 : k / span;    /* up: two groups of two inputs, three outputs each */
            double want = numbers[p][k] * factor(l->norm, c, epsilon), most = 0, x = ((const float *)w.data)[k];
            size_t j;
            for (j = 0; j < n; j++)                                      /* the scale's block: out_channel is axis 0, of up axis 1 */
                if (is_up ? j / 4 % 3 == k / 4 % 3 : j / span == c) most = larger(most, fabs(numbers[p][j] * factor(l->norm, is_up ? j / 24 * 3 + j / 4 % 3 : c, epsilon)));
            CHECK(fabs(x - want) <= most / 254 + most * 1e-6 + (w.dtype == SMASH_F32 ? 0 : 1) + (p == index_of("a.fc.weight") ? most * 1e-3 : 0) || (masked && x == 0),
                  "%s: %s[%zu] is %.9g, want %.9g", what, name, k, x, want);
        }
        snprintf(name, sizeof name, "%s.bias", l->layer);
        p = index_of(name);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &got, name, &arena, &b, NULL), SMASH_OK, "%s: %s", what, name);
        if (ctx.err) continue;
        CHECK(b.ndim == 1 && b.shape[0] == l->channels && b.dtype == (i == 2 ? SMASH_F16 : SMASH_F32), "%s: %s is %s", what, name, smash_dtype_name(b.dtype));
        for (k = 0; k < l->channels; k++) {
            double x[8], old = l->has_bias ? numbers[p][k] : 0;
            smash_tensor wide = smash_tensor_view(SMASH_F64, x, sizeof x, 1, b.shape);
            const double shift = at(l->norm, "bias", k, 0), r = factor(l->norm, k, epsilon), mean = at(l->norm, "running_mean", k, 0);
            if (smash_tensor_convert(&ctx, &b, &wide)) break;
            CHECK(fabs(x[k] - ((old - mean) * r + shift)) <= l->bias_step * larger(1, fabs(x[k])) || (masked && fabs(x[k] - (shift - mean * r)) <= l->bias_step * larger(1, fabs(x[k]))),
                  "%s: %s[%zu] is %.9g, want %.9g", what, name, k, x[k], (old - mean) * r + shift);
        }
    }
}

static void test_folds(void)
{
    static const char *const gone[] = { "bn1", "bn2", "a.bn", "bn3" };
    static const char types[] = "{\"module_types\": {\"up\": \"ConvTranspose2d\"}, \"quantizer\": \"ptq\", %s\"ptq_config_list\": %s}";
    static char text[4096], resolved[8192];
    static const struct { const char *extra, *list_extra; double epsilon; int masked; } rows[] = { { "", "", 1e-5, 0 }, { "", "\"fuse_epsilon\": 0.001, ", 0.001, 0 },
        { "\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv1\", \"conv2\", \"a.fc\", \"up\"], \"sparse_ratio\": 0.34}], ", "", 1e-5, 1 },
        { "\"pack_sparse\": true, \"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"conv1\", \"conv2\", \"a.fc\", \"up\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.9}], ", "", 1e-5, 1 } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        char list[1024];
        snprintf(list, sizeof list, "[{%s%s", rows[i].list_extra, all + 2);
        snprintf(text, sizeof text, types, rows[i].extra, list);
        start();
        CHECK_ERR(&ctx, run(text), SMASH_OK, "%s: %s", text, said());
        if (ctx.err) continue;
        check_layers(text, rows[i].epsilon, rows[i].masked);
        for (k = 0; k < COUNT_OF(gone); k++) CHECK(smash_model_find_module(&got, gone[k]) < 0 && !strstr(meta(&got, "smash.module_types"), gone[k]), "%s: %s is still there", text, gone[k]);
        CHECK(smash_model_find_module(&got, "norm") >= 0, "%s: norm is gone", text);
        CHECK(!strcmp(meta(&got, "smash.fused"), "{\"conv1\":[\"bn1\",\"gru6.relu1\"],\"conv2\":[\"bn2\"],\"a.fc\":[\"a.bn\",\"a.ReLU6_1\"],\"up\":[\"bn3\"]}"), "%s: %s", text, meta(&got, "smash.fused"));
        /* the resolved config does it again */
        CHECK(strlen(meta(&got, "smash.config")) < sizeof resolved, "%s", text);
        snprintf(resolved, sizeof resolved, "%s", meta(&got, "smash.config"));
        start();
        CHECK_ERR(&ctx, run(resolved), SMASH_OK, "%s: %s", resolved, said());
        CHECK(!ctx.err && !strcmp(meta(&got, "smash.config"), resolved) && strstr(resolved, "fuse_names"), "%s: %s", resolved, meta(&got, "smash.config"));
    }
}

/* Only an activation: nothing changes but what is written down; and it stays when the file is compressed again. */
static void test_activation(void)
{
    static const char text[] = "[{\"op_names\": [\"conv1\"], \"target_names\": [\"weight\"], \"fuse_names\": [[\"conv1\", \"relu\"]]}]";
    static test_buffer first;
    smash_io io;
    start();
    CHECK_ERR(&ctx, run(text), SMASH_OK, "%s", said());
    CHECK(!strcmp(meta(&got, "smash.fused"), "{\"conv1\":[\"relu\"]}"), "%s", meta(&got, "smash.fused"));
    CHECK(smash_model_find_param(&got, "bn1.running_mean") >= 0 && got.param_count == COUNT_OF(params) + 1, "%zu parameters", got.param_count);
    first = file;
    io = smash_io_memory(first.data, first.used);
    smash_config_init(&config, smash_builtins(), &arena, &diags);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, &diags, &model), SMASH_OK, "again");
    CHECK_ERR(&ctx, run("[{\"op_names\": [\"conv2\"], \"target_names\": [\"weight\"]}]"), SMASH_OK, "%s", said());
    CHECK(!strcmp(meta(&got, "smash.fused"), "{\"conv1\":[\"relu\"]}"), "%s", meta(&got, "smash.fused"));
}

/* Recorded in front of the ReLU: what it cuts off needs no levels. Biases are folded, then put on the grid of their accumulators. */
static void test_recorded(void)
{
    static const struct { const char *name; float lo, hi; } ends[] = { { "conv1._input_0", -2, 1 }, { "conv1._output_0", -10, 30 }, { "conv2._input_0", 0, 4 }, { "conv2._output_0", -7, 5 },
        { "a.fc._input_0", -1, 1 }, { "a.fc._output_0", -3, 20 }, { "up._input_0", -4, -3 }, { "up._output_0", -4, -3 } };
    static const float want[] = { 2 / 127.0f, 30 / 127.0f, 4 / 127.0f, 7 / 127.0f, 1 / 127.0f, 6 / 127.0f, 4 / 127.0f, 4 / 127.0f };
    static char text[2048];
    static test_buffer recorded;
    const size_t two = 2;
    size_t i, k;
    float numbers_of[COUNT_OF(ends)][2];
    smash_tensor t[COUNT_OF(ends)];
    smash_layout layout;
    smash_io io = SMASH_ZERO;
    snprintf(text, sizeof text, "{\"module_types\": {\"up\": \"ConvTranspose2d\"}, \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"conv1\", \"conv2\", \"a.fc\", \"up\"], %s}", strstr(all, "\"granularity"));
    start();
    recorded.used = 0;
    io.write = test_buffer_write;
    io.user = &recorded;
    for (i = 0; i < COUNT_OF(ends); i++) {
        numbers_of[i][0] = ends[i].lo;
        numbers_of[i][1] = ends[i].hi;
        t[i] = test_view(SMASH_F32, numbers_of[i], 1, &two);
        t[i].name = ends[i].name;
    }
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, t, COUNT_OF(t), NULL, 0, &arena, &layout), SMASH_OK, "recorded");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "recorded");
    for (i = 0; i < COUNT_OF(t); i++) CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, i, &t[i]), SMASH_OK, "%s", ends[i].name);
    io = smash_io_memory(recorded.data, recorded.used);
    calibration = &io;
    CHECK_ERR(&ctx, run(text), SMASH_OK, "%s: %s", text, said());
    calibration = NULL;
    CHECK(has_warning("\"a.ReLU6_1\" is taken for a ReLU6, which ends at 6; if it is the sixth ReLU, write \"ReLU\" in its place"), "%s", text);
    if (ctx.err) return;
    for (i = 0; i < COUNT_OF(ends); i++) {
        char name[64];
        smash_tensor s;
        ptrdiff_t p;
        snprintf(name, sizeof name, "%s_scale", ends[i].name);
        p = smash_model_find_param(&got, name);
        CHECK(p >= 0 && smash_model_load(&ctx, &got, (size_t)p, &arena, &s) == SMASH_OK && *(const float *)s.data == want[i], "%s", name);
    }
    for (i = 0; i < plan.count; i++) {                                   /* -1 and 1 come back: two of 255 levels are used */
        const smash_row *row = &plan.rows[i];
        if (!strcmp(row->target, "_input_0") && !strcmp(model.modules[row->module].name, "a.fc"))
            CHECK(row->quant_stats.cosine > 0.999999 && row->quant_stats.dead == 253, "cosine %.9g, %zu dead levels", row->quant_stats.cosine, row->quant_stats.dead);
    }
    for (i = 0; i < COUNT_OF(layers); i++) {
        const folded *l = &layers[i];
        char name[64];
        smash_tensor b, s;
        smash_dtype stored;
        size_t p;
        snprintf(name, sizeof name, "%s.bias", l->layer);
        p = index_of(name);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &got, name, &arena, &b, &stored), SMASH_OK, "%s", name);
        if (ctx.err) continue;
        CHECK(stored == SMASH_I32, "%s is stored as %s", name, smash_dtype_name(stored));
        snprintf(name, sizeof name, "%s.bias_scale", l->layer);
        if (stored != SMASH_I32 || smash_model_load(&ctx, &got, (size_t)smash_model_find_param(&got, name), &arena, &s)) continue;
        for (k = 0; k < l->channels; k++) {
            const double old = l->has_bias ? numbers[p][k] : 0, x = ((const float *)b.data)[k], right = (old - at(l->norm, "running_mean", k, 0)) * factor(l->norm, k, 1e-5) + at(l->norm, "bias", k, 0);
            CHECK(fabs(x - right) <= ((const float *)s.data)[s.shape[0] == 1 ? 0 : k] * 0.5001 + l->bias_step * larger(1, fabs(right)), "%s[%zu] is %.9g, want %.9g", l->layer, k, x, right);
        }
    }
}

/* Through smash() and smash_load(), threads or not: the bytes of smash_run */
static void test_whole(void)
{
    static char text[2048];
    static test_buffer first;
    smash_result result;
    smash_io out = SMASH_ZERO;
    snprintf(text, sizeof text, "{\"module_types\": {\"up\": \"ConvTranspose2d\"}, \"quantizer\": \"ptq\", \"ptq_config_list\": %s}", all);
    start();
    CHECK_ERR(&ctx, run(text), SMASH_OK, "%s", said());
    first = file;
    start();
    CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL), SMASH_OK, "%s", said());
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "%s", said());
    CHECK(model.param_count == COUNT_OF(params), "smash() changed the model");
    out.write = test_buffer_write;
    out.user = &file;
    CHECK_ERR(&ctx, smash_save(&ctx, &result, &out), SMASH_OK, "save");
    CHECK(file.used == first.used && !memcmp(file.data, first.data, file.used), "smash() and smash_run differ");
}

static void test_mistakes(void)
{
    static const struct { const char *text, *code, *message; } rows[] = {
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": \"conv1\"}]", "wrong_type", "\"fuse_names\" is \"conv1\" (a string); it must be a list of lists such as [\"conv1\", \"bn1\", \"relu1\"]" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [\"conv1\", \"bn1\"]}]", "wrong_type",
          "element 1 of \"fuse_names\" is \"conv1\" (a string); it must be a list of two or three module names, the layer first, such as [\"conv1\", \"bn1\", \"relu1\"]" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\"]]}]", "wrong_type",
          "element 1 of \"fuse_names\" is a list; it must be a list of two or three module names, the layer first, such as [\"conv1\", \"bn1\", \"relu1\"]" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"bn1\", \"relu\", \"x\"]]}]", "wrong_type",
          "element 1 of \"fuse_names\" is a list; it must be a list of two or three module names, the layer first, such as [\"conv1\", \"bn1\", \"relu1\"]" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", 3]]}]", "wrong_type",
          "element 1 of \"fuse_names\" is a list; it must be a list of two or three module names, the layer first, such as [\"conv1\", \"bn1\", \"relu1\"]" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"bn11\"]]}]", "fuse_unknown", "the model has no module \"bn11\"; did you mean \"bn1\"?" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"relu\", \"bn1\"]]}]", "fuse_unknown", "the model has no module \"relu\"" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"bn1\"], [\"conv2\", \"bn1\"]]}]", "fuse_twice", "\"bn1\" is in two lists of fuse_names" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"conv2\"]]}]", "fuse_type",
          "\"conv2\" is a Conv2d; what can be folded into \"conv1\" is a BatchNorm behind it, a ReLU, or both in this order" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"relu\", \"bn1\"]]}]", "fuse_type",
          "\"relu\" is a ReLU; what can be folded into \"conv1\" is a BatchNorm behind it, a ReLU, or both in this order" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"norm\"]]}]", "fuse_type",
          "\"norm\" is a LayerNorm; what can be folded into \"conv1\" is a BatchNorm behind it, a ReLU, or both in this order" },
        { "{\"module_types\": {\"norm\": \"BatchNorm2d\"}, \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"norm\"]]}]}", "fuse_statistics",
          "\"norm\" cannot be folded: it needs running_mean and running_var, and these, weight and bias must be floats, one for each channel" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"bn2\"]]}]", "fuse_shape",
          "\"bn2\" has 4 channels, and conv1.weight, which it is folded into, has shape [6, 2, 3, 3], whose output channels are those of axis 0" },
        { "{\"module_types\": {\"up\": \"ConvTranspose2d\"}, \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"up\"], \"fuse_names\": [[\"up\", \"a.bn\"]]}]}", "fuse_shape",
          "\"a.bn\" has 5 channels, and up.weight, which it is folded into, has shape [4, 3, 2, 2], whose output channels are those of axis 1" },
        { "[{\"op_names\": [\"norm\"], \"target_names\": [\"weight\"], \"fuse_names\": [[\"norm\", \"bn1\"]]}]", "fuse_layer",
          "\"norm\" is a LayerNorm; a normalization is folded into a Linear or a convolution with a weight of floats" },
        { "[{\"op_names\": [\"conv2\"], \"fuse_names\": [[\"conv1\", \"bn1\"]]}]", "fuse_layer", "\"conv1\" is not among the modules that this entry selects; the first of each list of fuse_names must be" },
        { "[{\"op_names\": [\"conv1\"], \"target_names\": [\"bias\"], \"fuse_names\": [[\"conv1\", \"bn1\"]]}]", "fuse_layer",
          "\"bn1\" is folded into conv1.weight, which is not quantized; quantize it, or leave this list out of fuse_names" },
        { "[{\"op_names\": [\"conv1\", \"bn1\"], \"target_names\": [\"weight\"], \"fuse_names\": [[\"conv1\", \"bn1\"]]}]", "fused", "module \"bn1\" is folded into another one by fuse_names: there is nothing of it to compress" },
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"bn1\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"conv1\"], \"fuse_names\": [[\"conv1\", \"bn1\"]]}]}", "fused",
          "module \"bn1\" is folded into another one by fuse_names: there is nothing of it to compress" },
        { "[{\"op_names\": [\"conv1\"], \"fuse_epsilon\": 0, \"fuse_names\": [[\"conv1\", \"bn1\"]]}]", "out_of_range", NULL },
        { "[{\"op_names\": [\"conv1\"], \"target_settings\": {\"weight\": {\"fuse_names\": [[\"conv1\", \"bn1\"]]}}}]", "misplaced_key", "\"fuse_names\" belongs to the entry, not into target_settings" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        start();
        CHECK_ERR(&ctx, run(rows[i].text), SMASH_ERR_CONFIG, "%s", rows[i].text);
        for (d = diags.first; d && d->severity != SMASH_ERROR; d = d->next) { }
        CHECK(d && !strcmp(d->code, rows[i].code), "%s: %s: %s", rows[i].text, d ? d->code : "(none)", said());
        CHECK(!rows[i].message || !strcmp(said(), rows[i].message), "%s: %s", rows[i].text, said());
        CHECK(model.param_count == COUNT_OF(params), "%s: the model has changed", rows[i].text);
    }
}

/* Running out of memory at every place, and numbers that no folded weight can hold */
static void test_failures(void)
{
    static const char text[] = "[{\"op_names\": [\"conv2\"], \"target_names\": [\"weight\"], \"fuse_names\": [[\"conv2\", \"bn2\"]]}]";
    size_t fail;
    smash_err err = SMASH_ERR_NOMEM;
    ptrdiff_t p;
    for (fail = 1; err == SMASH_ERR_NOMEM && fail < 3000; fail++) {
        start();
        test_alloc_calls = 0;
        test_fail_at = fail;
        test_fail_later = 1;
        err = run(text);
        test_fail_at = 0;
        test_fail_later = 0;
        CHECK(err == SMASH_OK || err == SMASH_ERR_NOMEM, "allocation %zu: %s", fail, smash_err_name(err));
        CHECK(err == SMASH_OK || model.param_count == COUNT_OF(params) || plan.model == &model, "allocation %zu", fail);
    }
    CHECK(err == SMASH_OK, "never enough");
    start();
    p = smash_model_find_param(&model, "bn2.running_var");
    ((float *)model.params[p].tensor.data)[2] = -1;
    CHECK_ERR(&ctx, run(text), SMASH_ERR_RANGE, "%s", said());
    CHECK(!strcmp(ctx.message, "element 2 of \"bn2.running_var\" is below 0, and a variance never is"), "%s", ctx.message);
    start();
    p = smash_model_find_param(&model, "bn2.running_mean");
    ((float *)model.params[p].tensor.data)[1] = (float)NAN;
    CHECK_ERR(&ctx, run(text), SMASH_ERR_NONFINITE, "%s", said());
}

static void test_names(void)
{
    static const struct { const char *name; smash_fused is; } rows[] = {
        { "", SMASH_FUSED_NONE }, { "relu", SMASH_FUSED_RELU }, { "ReLU", SMASH_FUSED_RELU }, { "ReLU6", SMASH_FUSED_RELU6 }, { "relu6", SMASH_FUSED_RELU6 }, { "relu61", SMASH_FUSED_RELU6 }, { "relu_6", SMASH_FUSED_RELU },
        { "layer1.relu1", SMASH_FUSED_RELU }, { "relu6.act", SMASH_FUSED_NONE }, { "net.0.relu6", SMASH_FUSED_RELU6 }, { "PReLU", SMASH_FUSED_NONE }, { "relu.", SMASH_FUSED_NONE }, { "rel", SMASH_FUSED_NONE },
        { "Hardtanh", SMASH_FUSED_RELU_N1_TO_1 }, { "hard", SMASH_FUSED_NONE }, { "Tanh", SMASH_FUSED_NONE } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) CHECK(smash_fused_named(rows[i].name) == rows[i].is, "%s: %d", rows[i].name, (int)smash_fused_named(rows[i].name));
}

int main(void)
{
    test_ctx(&ctx);
    test_names();
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    test_folds();
    test_activation();
    test_recorded();
    test_whole();
    test_mistakes();
    test_failures();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return test_done();
}
