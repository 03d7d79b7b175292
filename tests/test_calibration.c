/* test_calibration.c - recorded inputs and outputs: their grids, biases at the scale of accumulators, bias correction, observers by config, and
 * files that are wrong. What is expected comes from loops in double here, or from recordings of NNI v3. */
#include "smash.h"
#include "test.h"
#include "config_test.h"
#include "golden/config_list_train.h"
#include <math.h>

enum { ITEMS = 24 };

/* A safetensors file, put together by hand. text: a shape as it stands in the header */
typedef struct item { const char *name, *dtype, *text; const void *data; size_t bytes; } item;

static smash_model model;
static test_buffer model_file, calibration_file, out, out2;
static smash_io model_io, calibration_io;

static void start(void)
{
    smash_arena_release(&arena);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    start_config(smash_builtins());
}

static smash_io make_file(test_buffer *f, const item *items, size_t count, const char *metadata)
{
    char head[8192];
    size_t n, at = 0, i;
    n = (size_t)sprintf(head, "{%s", metadata ? metadata : "");
    for (i = 0; i < count; i++) {
        n += (size_t)sprintf(head + n, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%lu,%lu]}", n > 1 ? "," : "", items[i].name, items[i].dtype, items[i].text,
                             (unsigned long)at, (unsigned long)(at + items[i].bytes));
        at += items[i].bytes;
    }
    head[n++] = '}';
    while (n % 8) head[n++] = ' ';
    memset(f->data, 0, 8);
    f->data[0] = (unsigned char)n;
    f->data[1] = (unsigned char)(n >> 8);
    memcpy(f->data + 8, head, n);
    for (i = 0, at = 8 + n; i < count; at += items[i++].bytes) if (items[i].bytes) memcpy(f->data + at, items[i].data, items[i].bytes);
    f->used = at;
    return smash_io_memory(f->data, f->used);
}

static item f32_item(const char *name, const char *text, const float *data, size_t count)
{
    item it;
    it.name = name; it.dtype = "F32"; it.text = text; it.data = data; it.bytes = count * sizeof *data;
    return it;
}

/* Resolve and run; calibrate 0: without the calibration */
static smash_err run(const char *text, int calibrate, smash_result *result)
{
    smash_run_desc desc = SMASH_ZERO;
    smash_io to = SMASH_ZERO;
    smash_err err = smash_safetensors_read(&ctx, NULL, &model_io, &arena, &diags, &model);
    if (!err) err = smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL);
    if (!err) err = smash_config_resolve(&ctx, &config, &model, &plan);
    if (err) return err;
    to.write = test_buffer_write;
    to.user = &out;
    out.used = out.calls = 0;
    desc.out = &to;
    if (calibrate) desc.calibration = &calibration_io;
    return smash_run(&ctx, &plan, &desc, result);
}

static int has(const smash_model *m, const char *name) { return smash_model_find_param(m, name) >= 0; }
static int near_to(double a, double b, double within) { return fabs(a - b) <= within * (1 + fabs(b)); }

/* Numbers of a bell curve, as far as it matters */
static float some(uint64_t *rng)
{
    double sum = 0;
    int i;
    for (i = 0; i < 4; i++) sum += (double)(smash_random(rng) >> 40) / 16777216.0 - 0.5;
    return (float)sum;
}
static void fill(uint64_t *rng, float *x, size_t n, float add) { size_t i; for (i = 0; i < n; i++) x[i] = some(rng) + add; }

/* ---- recordings of NNI v3 ---- */

static void check_target(const smash_model *m, const char *name, const golden_target *g, size_t row)
{
    char text[64];
    smash_tensor t;
    size_t i;
    int any = 0;
    sprintf(text, "%s_scale", name);
    CHECK(has(m, text) == (int)g->quantized, "row %d: %s", (int)row, text);
    if (!g->quantized) return;
    t = tensor_of(m, text);
    for (i = 0; i < g->count; i++) {
        CHECK(bits_of(((const float *)t.data)[i]) == g->scale[i], "row %d: %s %d: %.9g", (int)row, text, (int)i, (double)((const float *)t.data)[i]);
        any |= g->zero[i] != 0;
    }
    sprintf(text, "%s_zero_point", name);
    CHECK(has(m, text) == any, "row %d: %s", (int)row, text);
    if (!any) return;
    t = tensor_of(m, text);
    for (i = 0; i < g->count; i++) CHECK((g->is_unsigned ? ((const uint8_t *)t.data)[i] : ((const int8_t *)t.data)[i]) == g->zero[i], "row %d: %s %d", (int)row, text, (int)i);
}

static void test_golden(void)
{
    size_t i, j;
    for (i = 0; i < COUNT_OF(golden_linear); i++) {
        const golden_target *w = &golden_linear[i].weight;
        float weight[12], bias[3], x[3][8], range[2];
        char text[512], grain[64];
        item items[6];
        smash_result result;
        smash_io io;
        smash_model back;
        start();
        floats_of(golden_linear[i].w, weight, 12);
        floats_of(golden_linear[i].b, bias, 3);
        items[0] = f32_item("fc.weight", "3,4", weight, 12);
        items[1] = f32_item("fc.bias", "3", bias, 3);
        model_io = make_file(&model_file, items, 2, NULL);
        for (j = 0; j < 3; j++) {
            static const char *const names[3] = { "fc._input_0#0", "fc._input_0#1", "fc._input_0#2" };
            floats_of(golden_linear[i].x[j], x[j], 8);
            items[2 - j] = f32_item(names[j], "2,4", x[j], 8);          /* in whatever order they lie in the file */
        }
        range[0] = float_of(golden_linear[i].output.lo[0]);              /* what NNI saw, since float sums differ in the last bit */
        range[1] = float_of(golden_linear[i].output.hi[0]);
        items[3] = f32_item("fc._output_0", "2", range, 2);
        calibration_io = make_file(&calibration_file, items, 4, NULL);
        sprintf(grain, "[%d, %d]", (int)golden_linear[i].grain[0], (int)golden_linear[i].grain[1]);
        sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [%s\"weight\"%s], \"quant_dtype\": \"%sint%u\", \"quant_scheme\": \"%s\", \"granularity\": %s}]}",
                golden_linear[i].input.quantized ? "\"_input_\", " : "", golden_linear[i].output.quantized ? ", \"_output_\"" : "", w->is_unsigned ? "u" : "", (unsigned)w->bits, w->affine ? "affine" : "symmetric", grain);
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_OK, "row %d: %s", (int)i, said());
        read_back(&out, &io, &back);
        check_target(&back, "fc._input_0", &golden_linear[i].input, i);
        check_target(&back, "fc._output_0", &golden_linear[i].output, i);
        {
            golden_target packed = *w;
            if (w->bits >= 8) check_target(&back, "fc.weight", &packed, i);
            else CHECK(has(&back, "fc.weight_packed"), "row %d", (int)i);
        }
        if (golden_linear[i].input.quantized) {
            const smash_row *row = row_of("fc", "_input_0");
            CHECK(row && row->batches == 3 && row->numbers == 24 && bits_of(row->lo) == golden_linear[i].input.lo[0] && bits_of(row->hi) == golden_linear[i].input.hi[0] && !row->skip && !row->note, "row %d", (int)i);
        }
        CHECK(!diags.first, "row %d: %s", (int)i, said());
    }
}

/* ---- biases and their correction, against loops in double ---- */

typedef struct layer {
    const char *type;
    size_t outputs, inputs, kernel, groups;    /* of a convolution kernel x kernel; a Linear 0 */
    const char *granularity;
    int        transposed;
} layer;

static void test_layers(void)
{
    static const layer layers[] = {
        { "Linear", 5, 7, 0, 1, "out_channel", 0 }, { "Linear", 5, 7, 0, 1, "default", 0 }, { "Linear", 1, 1, 0, 1, "out_channel", 0 }, { "Conv2d", 6, 4, 3, 1, "out_channel", 0 },
        { "Conv2d", 6, 4, 3, 2, "out_channel", 0 }, { "Conv2d", 6, 6, 1, 6, "default", 0 }, { "Conv1d", 3, 2, 5, 1, "out_channel", 0 }, { "ConvTranspose2d", 6, 4, 2, 2, "out_channel", 1 },
        { "ConvTranspose2d", 6, 4, 2, 1, "out_channel", 1 }, { "Linear", 4, 8, 0, 1, "[1, 4]", 0 }, { "Linear", 4, 8, 0, 1, "in_channel", 0 } };
    static float weight[512], bias[8], x[2][2048];
    static const char *const batches[2] = { "l._input_0#0", "l._input_0#1" };
    size_t r, i, k, b;
    uint64_t rng = 11;
    for (r = 0; r < COUNT_OF(layers) * 4; r++) {
        const layer *l = &layers[r / 4];
        const int correct = (int)(r & 1), affine = (int)(r >> 1 & 1), linear = !strcmp(l->type, "Linear"), flat = !strcmp(l->type, "Conv1d");
        const size_t taps = linear ? 1 : flat ? l->kernel : l->kernel * l->kernel, per = l->inputs / l->groups, each = l->outputs / l->groups;
        const size_t count = l->outputs * per * taps, area = linear ? 1 : flat ? 9 : 20, sizes[2] = { 3, 2 };
        const int blocks = l->granularity[0] == '[' || !strcmp(l->granularity, "in_channel");
        double mean[8] = { 0 }, lo = 0, hi = 0, biggest = 0;
        float s_in, s_out[8];
        char w_text[64], b_text[16], x_text[2][64], metadata[128], text[512];
        item items[4];
        smash_result result;
        smash_model back;
        smash_io io;
        smash_tensor q, w, s, t;
        const smash_row *bias_row, *weight_row;
        size_t numbers = 0;
        start();
        fill(&rng, weight, count, 0);
        fill(&rng, bias, l->outputs, 0.25f);
        if (linear) sprintf(w_text, "%d,%d", (int)l->outputs, (int)per);
        else if (flat) sprintf(w_text, "%d,%d,%d", (int)l->outputs, (int)per, (int)l->kernel);
        else if (l->transposed) sprintf(w_text, "%d,%d,%d,%d", (int)l->inputs, (int)each, (int)l->kernel, (int)l->kernel);
        else sprintf(w_text, "%d,%d,%d,%d", (int)l->outputs, (int)per, (int)l->kernel, (int)l->kernel);
        sprintf(b_text, "%d", (int)l->outputs);
        items[0] = f32_item("l.weight", w_text, weight, count);
        items[1] = f32_item("l.bias", b_text, bias, l->outputs);
        sprintf(metadata, "\"__metadata__\":{\"smash.module_types\":\"{\\\"l\\\":\\\"%s\\\"}\"}", l->type);
        model_io = make_file(&model_file, items, 2, metadata);
        for (b = 0; b < 2; b++) {
            const size_t n = sizes[b] * l->inputs * area;
            fill(&rng, x[b], n, 0.5f);
            for (i = 0; i < n; i++) {
                mean[i / area % l->inputs] += (double)x[b][i];
                if ((double)x[b][i] < lo) lo = (double)x[b][i];
                if ((double)x[b][i] > hi) hi = (double)x[b][i];
            }
            numbers += sizes[b] * area;
            if (linear) sprintf(x_text[b], "%d,%d", (int)sizes[b], (int)l->inputs);
            else if (flat) sprintf(x_text[b], "%d,%d,9", (int)sizes[b], (int)l->inputs);
            else sprintf(x_text[b], "%d,%d,4,5", (int)sizes[b], (int)l->inputs);
            items[b] = f32_item(batches[b], x_text[b], x[b], n);
        }
        for (i = 0; i < l->inputs; i++) mean[i] /= (double)numbers;
        calibration_io = make_file(&calibration_file, items, 2, NULL);
        sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"l\"], \"quant_scheme\": \"%s\", \"granularity\": %s%s%s, \"bias_correction\": %s}]}", affine ? "affine" : "symmetric",
                l->granularity[0] == '[' ? "" : "\"", l->granularity, l->granularity[0] == '[' ? "" : "\"", correct ? "true" : "false");
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_OK, "row %d: %s", (int)r, said());
        read_back(&out, &io, &back);
        bias_row = row_of("l", "bias");
        weight_row = row_of("l", "weight");
        s = tensor_of(&back, "l._input_0_scale");
        s_in = *(const float *)s.data;
        CHECK(near_to((double)s_in, affine ? (hi - lo) / 254 : (hi > -lo ? hi : -lo) / 127, 1e-6), "row %d: input scale %.9g", (int)r, (double)s_in);
        CHECK(s.ndim == 1 && s.shape[0] == 1 && has(&back, "l._input_0_zero_point") == affine, "row %d", (int)r);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, "l.weight", &arena, &w, NULL), SMASH_OK, "row %d", (int)r);
        {   /* the bias as it should be */
            double want[8];
            for (k = 0; k < l->outputs; k++) {
                want[k] = (double)bias[k];
                for (i = 0; correct && !l->transposed && i < per * taps; i++)
                    want[k] += ((double)weight[k * per * taps + i] - (double)((const float *)w.data)[k * per * taps + i]) * mean[k / each * per + i / taps];
                if (fabs(want[k] - (double)bias[k]) > biggest) biggest = fabs(want[k] - (double)bias[k]);
            }
            if (correct && !l->transposed) CHECK(near_to(weight_row->bias_shift, biggest, 1e-9) && (weight_row->bias_shift > 0) == (count > 1), "row %d: %g, not %g", (int)r, weight_row->bias_shift, biggest);
            if (correct && l->transposed) CHECK(weight_row->note && strstr(weight_row->note, "depends on its stride"), "row %d", (int)r);
            else CHECK(!weight_row->note, "row %d: %s", (int)r, weight_row->note);
            CHECK(bias_row->skip == (uint32_t)blocks, "row %d: %s", (int)r, bias_row->note);
            if (blocks) {                                                /* more than one scale for a channel */
                CHECK(bias_row->note && !strcmp(bias_row->note, "stays float: the weight has more than one scale for an output channel") && !has(&back, "l.bias_scale"), "row %d: %s", (int)r, bias_row->note);
                t = tensor_of(&back, "l.bias");
                for (k = 0; k < l->outputs; k++) CHECK(t.dtype == SMASH_F32 && near_to((double)((const float *)t.data)[k], want[k], 1e-7), "row %d: bias %d", (int)r, (int)k);
                continue;
            }
            q = tensor_of(&back, "l.bias");
            s = tensor_of(&back, "l.bias_scale");
            w = tensor_of(&back, "l.weight_scale");
            CHECK(q.dtype == SMASH_I32 && q.ndim == 1 && q.shape[0] == l->outputs && s.ndim == 1 && s.dtype == SMASH_F32 && !has(&back, "l.bias_zero_point"), "row %d", (int)r);
            for (k = 0; k < l->outputs; k++) {
                const float s_w = ((const float *)w.data)[w.shape[0] == 1 && w.shape[1] == 1 ? 0 : l->transposed ? k % each : k];
                const double step = (double)s_in * (double)s_w, exact = (double)(float)want[k] / step;
                s_out[k] = ((const float *)s.data)[s.shape[0] == 1 ? 0 : k];
                CHECK(bits_of(s_out[k]) == bits_of(s_in * s_w), "row %d: scale %d", (int)r, (int)k);
                CHECK(fabs((double)((const int32_t *)q.data)[k] - exact) <= 0.5 + 1e-6 * fabs(exact), "row %d: bias %d is %d steps, not %.3f", (int)r, (int)k, (int)((const int32_t *)q.data)[k], exact);
            }
        }
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, "l.bias", &arena, &t, NULL), SMASH_OK, "row %d", (int)r);
        for (k = 0; k < l->outputs; k++) CHECK(t.dtype == SMASH_F32 && bits_of(((const float *)t.data)[k]) == bits_of((float)((const int32_t *)q.data)[k] * s_out[k]), "row %d: bias %d reads back as %g", (int)r, (int)k, (double)((const float *)t.data)[k]);
        CHECK(!bias_row->note && result.parameters == count + l->outputs, "row %d: %s", (int)r, bias_row->note);
        CHECK(strstr(plan.dtypes_text, "\"l.bias\":\"int32\",\"l._input_0\":\"int8\"") != NULL, "row %d: %s", (int)r, plan.dtypes_text);
        {   /* what was compressed, compressed again with nothing to do, says the same */
            smash_result again;
            test_buffer first = out;
            model_io = make_file(&model_file, NULL, 0, NULL);
            model_file = first;
            model_io = smash_io_memory(model_file.data, model_file.used);
            smash_config_init(&config, smash_builtins(), &arena, &diags);
            CHECK_ERR(&ctx, run("{}", 0, &again), SMASH_OK, "row %d: %s", (int)r, said());
            CHECK(strstr(plan.dtypes_text, "\"l._input_0\":\"int8\"") && strstr(plan.dtypes_text, "\"l.bias\":\"int32\""), "row %d: %s", (int)r, plan.dtypes_text);
        }
    }
}

/* ---- borders ---- */

/* Outputs of channel o of a filter [4, 2, k, k] over x [n, 2, 6, 7], on average, in double: what lies beyond the input is 0, or, around, the other side of it */
static double mean_output(const float *x, size_t n, const float *w, size_t k, size_t pad, int around, size_t o)
{
    const size_t high = 6 + 2 * pad - k + 1, wide = 7 + 2 * pad - k + 1;
    double sum = 0;
    size_t b, i, j, c, ky, kx;
    for (b = 0; b < n; b++) for (i = 0; i < high; i++) for (j = 0; j < wide; j++)
        for (c = 0; c < 2; c++) for (ky = 0; ky < k; ky++) for (kx = 0; kx < k; kx++) {
            const size_t row = i + ky + 6 - pad, column = j + kx + 7 - pad;      /* one input further down and to the right */
            if (!around && (row < 6 || row >= 12 || column < 7 || column >= 14)) continue;
            sum += (double)w[((o * 2 + c) * k + ky) * k + kx] * (double)x[((b * 2 + c) * 6 + row % 6) * 7 + column % 7];
        }
    return sum / (double)(n * high * wide);
}

/* The correction has each number of a filter see the whole input. So it is exact for filters of one number and for padding that goes around; zeros
 * beyond a border, or a filter that stops at it, leave what its numbers do not see. */
static void test_borders(void)
{
    static const struct { size_t kernel, pad; int around, exact; } ways[] = { { 1, 0, 0, 1 }, { 3, 1, 1, 1 }, { 5, 2, 1, 1 }, { 3, 1, 0, 0 }, { 5, 2, 0, 0 }, { 3, 0, 0, 0 }, { 5, 0, 0, 0 }, { 1, 1, 0, 0 } };
    static float weight[200], bias[4] = { 1, -1, 0.5f, 0 }, x[3 * 84];
    uint64_t rng = 77;
    size_t r, i, o, c;
    for (r = 0; r < COUNT_OF(ways); r++) {
        const size_t k = ways[r].kernel, taps = k * k, outputs = 3 * (6 + 2 * ways[r].pad - k + 1) * (7 + 2 * ways[r].pad - k + 1);
        char text[40];
        item items[2];
        smash_result result;
        smash_model back;
        smash_io io;
        smash_tensor w, b;
        double mean[2] = { 0, 0 };
        start();
        fill(&rng, weight, 8 * taps, 0);
        fill(&rng, x, COUNT_OF(x), 0.7f);
        for (i = 0; i < COUNT_OF(x); i++) mean[i / 42 % 2] += (double)x[i] / 126;
        sprintf(text, "4,2,%d,%d", (int)k, (int)k);
        items[0] = f32_item("l.weight", text, weight, 8 * taps);
        items[1] = f32_item("l.bias", "4", bias, 4);
        model_io = make_file(&model_file, items, 2, NULL);
        items[0] = f32_item("l._input_0", "3,2,6,7", x, COUNT_OF(x));
        calibration_io = make_file(&calibration_file, items, 1, NULL);
        CHECK_ERR(&ctx, run("{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"l\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int4\", \"bias_correction\": true}]}", 1, &result), SMASH_OK, "row %d: %s", (int)r, said());
        read_back(&out, &io, &back);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, "l.weight", &arena, &w, NULL), SMASH_OK, "row %d", (int)r);
        b = tensor_of(&back, "l.bias");
        for (o = 0; o < 4; o++) {
            const float *q = (const float *)w.data;
            const double before = mean_output(x, 3, weight, k, ways[r].pad, ways[r].around, o) - mean_output(x, 3, q, k, ways[r].pad, ways[r].around, o);
            const double moved = (double)((const float *)b.data)[o] - (double)bias[o];
            double unseen = 0;                                       /* (w - q) * what its number of the filter does not see: the mean of all, less what there is for each output */
            for (c = 0; c < 2; c++) for (i = 0; i < taps; i++) {
                double seen = 0;
                size_t n, row, column;
                for (n = 0; n < 3; n++) for (row = 0; row < 6; row++) for (column = 0; column < 7; column++) {
                    const size_t down = row + ways[r].pad, right = column + ways[r].pad;
                    if (ways[r].around || (down >= i / k && down - i / k < 6 + 2 * ways[r].pad - k + 1 && right >= i % k && right - i % k < 7 + 2 * ways[r].pad - k + 1)) seen += (double)x[((n * 2 + c) * 6 + row) * 7 + column];
                }
                unseen += ((double)weight[(o * 2 + c) * taps + i] - (double)q[(o * 2 + c) * taps + i]) * (mean[c] - seen / (double)outputs);
            }
            CHECK(near_to(moved - before, unseen, 1e-6), "row %d, channel %d: off by %g, not %g", (int)r, (int)o, moved - before, unseen);
            if (ways[r].exact) CHECK(near_to(moved, before, 1e-6), "row %d, channel %d: %g, not %g", (int)r, (int)o, moved, before);
        }
    }
}

/* ---- what does not fit ---- */

/* A channel of zeros has the smallest scale there is, at which no bias would fit: it gets another one. A bias too large for a living channel stays float. */
static void test_fit(void)
{
    static const struct { float weight[8], bias[4]; const char *granularity; int fits, raised[4]; } rows[] = {
        { { 1, -1, 0, 0, 0.5f, 0.25f, 0, 0 }, { 0.5f, 100, 1, -1e6f }, "out_channel", 1, { 0, 1, 0, 1 } },
        { { 1, -1, 0, 1e-9f, 0.5f, 0.25f, -5e-8f, 5e-8f }, { 0.5f, 100, 1, -1e6f }, "out_channel", 1, { 0, 1, 0, 1 } },       /* integers all 0, numbers not */
        { { 1, -1, 0, 0, 0.5f, 0.25f, 0, 0 }, { 0.5f, 0, 1, -1e-6f }, "out_channel", 1, { 0, 0, 0, 0 } },                     /* they fit as they are */
        { { 0, 0, 0, 0, 0, 0, 0, 0 }, { 0.5f, 100, 3e38f, -1e6f }, "default", 1, { 1, 1, 1, 1 } },
        { { 1, -1, 0, 1e-7f, 0.5f, 0.25f, 0, 0 }, { 0.5f, 1e6f, 1, 1 }, "out_channel", 0, { 0, 0, 0, 1 } },                   /* 1e-7 is one step */
        { { 1, -1, 0, 0, 0, 0, 0, 0 }, { 1e8f, 0, 0, 0 }, "default", 0, { 0, 0, 0, 0 } } };
    static const float x[2] = { -0.5f, 1 };
    const float tiny = 1.1920929e-07f;
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        item items[2];
        char text[256];
        smash_result result;
        smash_model back;
        smash_io io;
        smash_tensor w, b, t;
        const smash_row *row;
        start();
        items[0] = f32_item("fc.weight", "4,2", rows[i].weight, 8);
        items[1] = f32_item("fc.bias", "4", rows[i].bias, 4);
        model_io = make_file(&model_file, items, 2, NULL);
        items[0] = f32_item("fc._input_0", "1,2", x, 2);
        calibration_io = make_file(&calibration_file, items, 1, NULL);
        sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_granularity\": \"%s\"}", rows[i].granularity);
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_OK, "row %d: %s", (int)i, said());
        read_back(&out, &io, &back);
        row = row_of("fc", "bias");
        CHECK(row->skip == (uint32_t)!rows[i].fits && (row->note != NULL) == !rows[i].fits && has(&back, "fc.bias_scale") == rows[i].fits, "row %d: %s", (int)i, row->note);
        if (row->note) CHECK(!strcmp(row->note, "stays float: at the scale of the input times that of the weight a number of it does not fit 32 bits, or the scale no float"), "row %d: %s", (int)i, row->note);
        CHECK((strstr(plan.dtypes_text, "fc.bias") != NULL) == rows[i].fits, "row %d: %s", (int)i, plan.dtypes_text);
        w = tensor_of(&back, "fc.weight_scale");
        for (k = 0; k < (w.shape[0] == 1 ? 1u : 4u); k++) {
            const float s = ((const float *)w.data)[k];
            CHECK(rows[i].raised[k] ? s > tiny || !rows[i].fits : s >= tiny, "row %d: scale %d is %g", (int)i, (int)k, (double)s);
            if (!rows[i].raised[k] && w.shape[0] == 4 && rows[i].weight[2 * k] == 0 && rows[i].weight[2 * k + 1] == 0) CHECK(s == tiny, "row %d: scale %d is %g", (int)i, (int)k, (double)s);
        }
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, "fc.weight", &arena, &t, NULL), SMASH_OK, "row %d", (int)i);
        for (k = 0; k < 8; k++) CHECK(fabs((double)((const float *)t.data)[k] - (double)rows[i].weight[k]) <= 0.004, "row %d: weight %d is %g", (int)i, (int)k, (double)((const float *)t.data)[k]);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, "fc.bias", &arena, &b, NULL), SMASH_OK, "row %d", (int)i);
        for (k = 0; k < 4; k++) {
            const double half = rows[i].fits ? (double)((const float *)w.data)[w.shape[0] == 1 ? 0 : k] / 127 / 2 : 0;
            CHECK(fabs((double)((const float *)b.data)[k] - (double)rows[i].bias[k]) <= half * 1.0001 + fabs((double)rows[i].bias[k]) * 1e-6, "row %d: bias %d is %g", (int)i, (int)k, (double)((const float *)b.data)[k]);
        }
    }
}

/* ---- notes and warnings ---- */

static const float fc_weight[6] = { 1, -2, 3, 0.5f, 0.25f, -1 }, fc_bias[2] = { 0.5f, -0.25f }, fc_input[6] = { 1, 2, 3, -1, 0, 2 };

static void two_layers(int bias)
{
    item items[4];
    items[0] = f32_item("fc.weight", "2,3", fc_weight, 6);
    items[1] = f32_item("last.weight", "2,3", fc_weight, 6);
    items[2] = f32_item("last.bias", "2", fc_bias, 2);
    items[3] = f32_item("fc.bias", "2", fc_bias, 2);
    model_io = make_file(&model_file, items, bias ? 4 : 3, NULL);
    items[0] = f32_item("fc._input_0", "2,3", fc_input, 6);
    calibration_io = make_file(&calibration_file, items, 1, NULL);
}

#define PTQ(entry) "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{" entry "}]}"
#define NO_RANGE "stays float: its range is not known; record what it holds, and say --calibration FILE"
#define ASKED(of) "what is asked of " of " takes recorded inputs and outputs; record them, and say --calibration FILE"
#define NO_INPUT "stays float: its scale is that of the input times that of the weight, and the input's is not known; record what _input_0 holds, and say --calibration FILE"
static void test_notes(void)
{
    static const struct { const char *text; int calibrate, bias; const char *module, *target, *note, *warning; } rows[] = {
        { PTQ("\"op_names\": [\"fc\"]"), 1, 1, "fc", "bias", NULL, NULL },
        { PTQ("\"op_names\": [\"fc\"]"), 1, 1, "fc", "_output_0", NO_RANGE, NULL },
        { PTQ("\"op_names\": [\"fc\"]"), 0, 1, "fc", "_input_0", NO_RANGE, NULL },
        { PTQ("\"op_names\": [\"fc\"]"), 0, 1, "fc", "bias", NO_INPUT, NULL },
        { PTQ("\"op_names\": [\"fc\"]"), 1, 0, "fc", "weight", NULL, NULL },                          /* no bias: no row */
        { PTQ("\"op_names\": [\"fc\", \"last\"], \"target_names\": [\"weight\", \"_input_\"]"), 1, 1, "last", "_input_0", NO_RANGE, ASKED("last._input_0") },
        { PTQ("\"op_names\": [\"fc\", \"last\"], \"target_names\": [\"weight\", \"_input_\"]"), 0, 1, "last", "_input_0", NO_RANGE, ASKED("fc._input_0 and other targets") },
        { PTQ("\"op_names\": [\"fc\"], \"target_names\": [\"weight\", \"bias\"]"), 1, 1, "fc", "bias", "stays float: its scale is that of the input times that of the weight, and _input_0 is no target", NULL },
        { PTQ("\"op_names\": [\"fc\"], \"target_names\": [\"bias\", \"_input_0\"]"), 1, 1, "fc", "bias", "stays float: its weight is not quantized", NULL },
        { PTQ("\"op_names\": [\"last\"], \"target_names\": [\"bias\", \"_input_0\", \"weight\"]"), 1, 1, "last", "bias", NO_INPUT, ASKED("last.bias and other targets") },
        { PTQ("\"op_names\": [\"fc\"], \"target_settings\": {\"bias\": {\"quant_dtype\": \"int8\"}}"), 1, 1, "fc", "bias", NULL, "quant_dtype has no effect on fc.bias: a bias has int32, at the scale of its accumulators" },
        { PTQ("\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"bias_correction\": true"), 1, 1, "fc", "weight", NULL, NULL },
        { PTQ("\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"bias_correction\": true"), 1, 0, "fc", "weight", "there is no bias to correct", NULL },
        { PTQ("\"op_names\": [\"last\", \"fc\"], \"target_names\": [\"weight\"], \"bias_correction\": true"), 1, 1, "last", "weight", "its bias is not corrected: no inputs are recorded; record what _input_0 holds, and say --calibration FILE",
          ASKED("last.weight") },
        { PTQ("\"op_names\": [\"fc\"], \"granularity\": \"per_channel\""), 1, 1, "fc", "_input_0", "stays float: \"per_channel\" needs its shape (\"shapes\")", NULL },
        { PTQ("\"op_names\": [\"fc\"], \"granularity\": \"per_channel\""), 1, 1, "fc", "bias", "stays float: its scale is that of the input times that of the weight, and _input_0 stays float", NULL },
        { "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"granularity\": \"per_channel\"}], \"shapes\": {\"fc\": {\"_input_0\": [1, 3]}}}", 1, 1, "fc", "bias", "stays float: its input has more than one scale", NULL },
        { "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"granularity\": \"per_channel\"}], \"shapes\": {\"fc\": {\"_input_0\": [1, 3]}}}", 1, 1, "fc", "_input_0", NULL, NULL },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5}", 1, 1, "fc", "weight", NULL, "the calibration is not used: no quantizer has a target" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_result result;
        const smash_row *row;
        const smash_diag *d;
        int twice, warned = 0;
        start();
        two_layers(rows[i].bias);
        CHECK_ERR(&ctx, run(rows[i].text, rows[i].calibrate, &result), SMASH_OK, "row %d: %s", (int)i, said());
        for (twice = 0; twice < 2; twice++) {                               /* a plan may be run again */
            row = row_of(rows[i].module, rows[i].target);
            CHECK(row && (row->note ? rows[i].note && !strcmp(row->note, rows[i].note) : !rows[i].note), "row %d: %s", (int)i, row ? row->note : "no row");
            if (row && row->note && strcmp(row->target, "weight")) CHECK(row->skip, "row %d", (int)i);
            if (!twice) {
                smash_run_desc desc = SMASH_ZERO;
                if (rows[i].calibrate) desc.calibration = &calibration_io;
                for (d = diags.first; d; d = d->next) warned += rows[i].warning && !strcmp(d->message, rows[i].warning) && d->severity == SMASH_WARNING;
                CHECK(warned == (rows[i].warning != NULL) && (diags.first == diags.last) && (diags.first != NULL) == warned, "row %d: %s", (int)i, said());
                CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &result), SMASH_OK, "row %d", (int)i);
            }
        }
        CHECK(!row_of("fc", "bias") || rows[i].bias, "row %d: a bias that is not there", (int)i);
    }
    {   /* with the calibration, then without, then with it: the same as in a plan of its own */
        smash_run_desc desc = SMASH_ZERO;
        smash_result result;
        smash_io to = SMASH_ZERO;
        const char *texts[3];
        size_t used[3], k;
        start();
        two_layers(1);
        CHECK_ERR(&ctx, run(PTQ("\"op_names\": [\"fc\"]"), 1, &result), SMASH_OK, "%s", said());
        texts[0] = plan.dtypes_text;
        used[0] = out.used;
        out2 = out;
        to.write = test_buffer_write;
        to.user = &out;
        desc.out = &to;
        for (k = 1; k < 3; k++) {
            out.used = 0;
            desc.calibration = k == 2 ? &calibration_io : NULL;
            CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &result), SMASH_OK, "%d", (int)k);
            texts[k] = plan.dtypes_text;
            used[k] = out.used;
        }
        CHECK(used[1] < used[0] && !strstr(texts[1], "_input_0") && !strstr(texts[1], "bias"), "%s", texts[1]);
        CHECK(used[2] == used[0] && !memcmp(out.data, out2.data, out.used) && !strcmp(texts[2], texts[0]), "%s", texts[2]);
    }
}

/* A scale for each channel: axis 1 of what a convolution takes, the last one of a Linear, or what sizes say. */
static void test_channels(void)
{
    static const struct { const char *type, *shapes, *text, *granularity; size_t dims[4]; uint32_t ndim; size_t axis, blocks, block; const char *scale_shape; } rows[] = {
        { "Conv2d", "[1, 3, 4, 5]", "2,3,4,5", "\"per_channel\"", { 2, 3, 4, 5 }, 4, 1, 3, 1, "1 3 1 1" },
        { "Linear", "[1, 4, 6]", "3,4,6", "\"per_channel\"", { 3, 4, 6, 1 }, 3, 2, 6, 1, "1 1 6" },
        { "Linear", "[1, 6]", "5,6", "[-1, 2]", { 5, 6, 1, 1 }, 2, 1, 3, 2, "1 3" } };
    static const float w[24 * 9] = { 1 };
    static float x[256];
    uint64_t rng = 5;
    size_t r, i, k, affine;
    for (r = 0; r < COUNT_OF(rows) * 2; r++) {
        const size_t row = r / 2, n = rows[row].dims[0] * rows[row].dims[1] * rows[row].dims[2] * rows[row].dims[3];
        char text[512], shape[64] = "";
        item one;
        smash_result result;
        smash_model back;
        smash_io io;
        smash_tensor s, z;
        size_t inner = 1;
        affine = r & 1;
        start();
        fill(&rng, x, n, 0.25f);
        one = rows[row].type[0] == 'C' ? f32_item("l.weight", "2,3,3,3", w, 54) : f32_item("l.weight", "4,6", w, 24);
        model_io = make_file(&model_file, &one, 1, NULL);
        one = f32_item("l._input_0", rows[row].text, x, n);
        calibration_io = make_file(&calibration_file, &one, 1, NULL);
        sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"l\"], \"target_names\": [\"_input_0\"], \"quant_dtype\": \"%s\", \"quant_scheme\": \"%s\", \"target_settings\": {\"_input_0\": {\"granularity\": %s}}}],"
                      " \"shapes\": {\"l\": {\"_input_0\": %s}}}", affine ? "uint8" : "int8", affine ? "affine" : "symmetric", rows[row].granularity, rows[row].shapes);
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_OK, "%s: %s", text, said());
        read_back(&out, &io, &back);
        s = tensor_of(&back, "l._input_0_scale");
        for (i = 0; i < s.ndim; i++) sprintf(shape + strlen(shape), i ? " %d" : "%d", (int)s.shape[i]);
        CHECK(!strcmp(shape, rows[row].scale_shape), "%s: %s", text, shape);
        for (i = rows[row].axis + 1; i < rows[row].ndim; i++) inner *= rows[row].dims[i];
        for (k = 0; k < rows[row].blocks; k++) {
            float lo = 0, hi = 0, want;
            for (i = 0; i < n; i++) if (i / inner % rows[row].dims[rows[row].axis] / rows[row].block == k) { if (x[i] < lo) lo = x[i]; if (x[i] > hi) hi = x[i]; }
            want = affine ? (hi - lo) / 255 : (hi > -lo ? hi : -lo) / 127;
            CHECK(bits_of(((const float *)s.data)[k]) == bits_of(want), "%s: channel %d: %g, not %g", text, (int)k, (double)((const float *)s.data)[k], (double)want);
            if (affine) {
                z = tensor_of(&back, "l._input_0_zero_point");
                CHECK(z.dtype == SMASH_U8 && fabs((double)((const uint8_t *)z.data)[k] - (double)-lo / (double)want) <= 0.5 + 1e-4, "%s: channel %d", text, (int)k);
            }
        }
    }
    {   /* words that are for parameters */
        smash_result result;
        start();
        two_layers(1);
        CHECK_ERR(&ctx, run(PTQ("\"op_names\": [\"fc\"], \"target_settings\": {\"_input_0\": {\"granularity\": \"out_channel\"}}"), 1, &result), SMASH_ERR_CONFIG, "out_channel");
        CHECK(!strcmp(said(), "granularity \"out_channel\" is for parameters; _input_0 takes \"per_channel\" or sizes such as [-1, 1, -1]"), "%s", said());
        start();
        two_layers(1);
        CHECK_ERR(&ctx, run(PTQ("\"op_names\": [\"fc\"], \"target_settings\": {\"_input_0\": {\"granularity\": [1, -1]}}"), 1, &result), SMASH_ERR_CONFIG, "sizes");
        CHECK(strstr(said(), "block sizes need a shape, and that of fc._input_0 is not known"), "%s", said());
    }
}

/* ---- files that are wrong ---- */

static void test_hostile(void)
{
    static const float numbers[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    static const uint32_t bad[3] = { 0x3F800000u, 0x7FC00000u, 0xFF800000u };
    static const double wide[3] = { 1, 1e300, 2 };
    static const struct { item items[2]; size_t count; smash_err err; size_t index; const char *says; } rows[] = {
        { { { "fc._input_0", "F32", "2,3", numbers, 24 }, { 0 } }, 1, SMASH_OK, 0, NULL },
        { { { "fc._input_0#7", "F32", "2,3", numbers, 24 }, { "fc._input_0#12", "F32", "5", numbers, 20 } }, 2, SMASH_OK, 0, NULL },
        { { { "fc._input_0", "F32", "", numbers, 4 }, { "fc._output_3", "F32", "2", numbers, 8 } }, 2, SMASH_OK, 0, NULL },
        { { { "fc._output_hidden", "F32", "2", numbers, 8 }, { 0 } }, 1, SMASH_OK, 0, NULL },
        { { { "fc.weight", "F32", "2,3", numbers, 24 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fc.weight\" are recorded, and the model has no such input or output; take them out of the calibration" },
        { { { "fb._input_0", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fb._input_0\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?" },
        { { { "fc._input_", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fc._input_\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?" },
        { { { "fc.input_0", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fc.input_0\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?" },
        { { { "fc._input_x", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fc._input_x\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?" },
        { { { "fc._input_0#", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fc._input_0#\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?" },
        { { { "fc._input_0#01", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fc._input_0#01\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?" },
        { { { "fc._input_0#1#2", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fc._input_0#1\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?" },
        { { { "fc._input_00", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "numbers of \"fc._input_00\" are recorded, and the model has no such input or output; did you mean \"fc._input_0\"?" },
        { { { "_input_0", "F32", "3", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, NULL },
        { { { "fc._input_0", "F32", "3", numbers, 12 }, { "last._output_0", "I32", "3", numbers, 12 } }, 2, SMASH_ERR_FORMAT, 1, "the recorded numbers \"last._output_0\" are I32; they must be F32, F64, F16 or BF16" },
        { { { "fc._input_0", "F8_E4M3", "4", numbers, 4 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "the recorded numbers \"fc._input_0\" are F8_E4M3; they must be F32, F64, F16 or BF16" },
        { { { "fc._input_0", "F32", "3,0", numbers, 0 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, "of \"fc._input_0\" nothing is recorded: its shape has a 0" },
        { { { "fc._input_0", "F32", "3", numbers, 12 }, { "fc._input_0#0", "F32", "3", numbers, 12 } }, 2, SMASH_ERR_FORMAT, 1, "both \"fc._input_0\" and \"fc._input_0#0\" are recorded; call several batches \"#0\", \"#1\" and so on" },
        { { { "fc._input_0", "F32", "3", bad, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 1, "the recorded numbers \"fc._input_0\" hold NaN or Inf at index 1" },
        { { { "fc._input_0#0", "F32", "3", numbers, 12 }, { "fc._input_0#1", "F32", "1", bad + 2, 4 } }, 2, SMASH_ERR_FORMAT, 0, "the recorded numbers \"fc._input_0#1\" hold NaN or Inf at index 0" },
        { { { "fc._input_0", "F64", "3", wide, 24 }, { 0 } }, 1, SMASH_ERR_FORMAT, 1, "the recorded numbers \"fc._input_0\" hold NaN, Inf or what F32 cannot hold at index 1" },
        { { { "fc._output_0", "F32", "3", bad, 12 }, { 0 } }, 1, SMASH_OK, 0, NULL },                          /* nobody looks at it: its row is not there */
        { { { "fc._input_0", "F32", "4294967296,4294967296,4294967296", numbers, 12 }, { 0 } }, 1, sizeof(size_t) < 8 ? SMASH_ERR_LIMIT : SMASH_ERR_FORMAT, 0, NULL },
        { { { "fc._input_0", "F32", "4", numbers, 12 }, { 0 } }, 1, SMASH_ERR_FORMAT, 0, NULL } };
    static const item channels[2] = { { "fc._input_0#0", "F32", "2,3", numbers, 24 }, { "fc._input_0#1", "F32", "3,2", numbers, 24 } };
    smash_result result, before;
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        start();
        two_layers(1);
        calibration_io = make_file(&calibration_file, rows[i].items, rows[i].count, NULL);
        memset(&before, 0x5A, sizeof before);
        memset(&result, 0x5A, sizeof result);
        CHECK_ERR(&ctx, run(PTQ("\"op_names\": [\"fc\"], \"target_names\": [\"weight\", \"bias\", \"_input_0\"], \"bias_correction\": true"), 1, &result), rows[i].err, "row %d", (int)i);
        if (!rows[i].err) continue;
        CHECK(!memcmp(&before, &result, sizeof result) && out.calls == 0, "row %d: something came out", (int)i);
        if (rows[i].says) CHECK(!strcmp(ctx.message, rows[i].says) && ctx.index == rows[i].index, "row %d: %s (%d)", (int)i, ctx.message, (int)ctx.index);
    }
    start();                                                                /* batches of which each gives other channels */
    two_layers(1);
    calibration_io = make_file(&calibration_file, channels, 2, NULL);
    CHECK_ERR(&ctx, run("{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"granularity\": \"per_channel\"}], \"shapes\": {\"fc\": {\"_input_0\": [1, 3]}}}", 1, &result), SMASH_ERR_FORMAT, "channels");
    CHECK(!strcmp(ctx.message, "the recorded numbers \"fc._input_0#1\" are [3, 2], which the granularity of \"fc._input_0\" does not cut into as many blocks as it should"), "%s", ctx.message);
    for (i = 0; i < calibration_file.used; i++) {                           /* cut anywhere */
        start();
        two_layers(1);
        calibration_io = make_file(&calibration_file, rows[1].items, 2, NULL);
        calibration_io = smash_io_memory(calibration_file.data, i);
        if (i >= calibration_file.used) break;
        CHECK_ERR(&ctx, run(PTQ("\"op_names\": [\"fc\"]"), 1, &result), SMASH_ERR_FORMAT, "%d bytes", (int)i);
    }
    for (i = 0; i < 3 * 200; i++) {                                         /* any byte another one: an error or none, and no harm */
        static const unsigned char flips[3] = { 1, 0x20, 0x80 };
        start();
        two_layers(1);
        calibration_io = make_file(&calibration_file, rows[1].items, 2, NULL);
        if (i / 3 >= calibration_file.used) break;
        calibration_file.data[i / 3] ^= flips[i % 3];
        smash_ctx_reset(&ctx);
        if (run(PTQ("\"op_names\": [\"fc\"], \"bias_correction\": true"), 1, &result)) CHECK(ctx.err == SMASH_ERR_FORMAT || ctx.err == SMASH_ERR_LIMIT || ctx.err == SMASH_ERR_VERSION, "byte %d: %s", (int)(i / 3), ctx.message);
    }
    start();                                                                /* what a newer one writes */
    two_layers(1);
    calibration_io = make_file(&calibration_file, rows[0].items, 1, "\"__metadata__\":{\"smash.format_version\":\"9\"}");
    CHECK_ERR(&ctx, run(PTQ("\"op_names\": [\"fc\"]"), 1, &result), SMASH_ERR_VERSION, "version");
    {
        smash_desc desc = SMASH_ZERO;
        desc.calibration = &calibration_io;
        start();
        CHECK_ERR(&ctx, smash_load(&ctx, &model_io, &desc, &config, &result), SMASH_ERR_ARG, "load takes none");
        CHECK(strstr(ctx.message, "calibration is for smash()"), "%s", ctx.message);
    }
}

/* ---- observers ---- */

/* Each kind, for weights and for batches, gives what the functions of layer 0 give, whose answers test_observer.c looks into. */
static void test_observers(void)
{
    static const struct { const char *keys; smash_observer_kind kind; float rate; uint32_t outside, bins; } rows[] = {
        { "", SMASH_OBSERVE_MIN_MAX, 0, 0, 0 }, { ", \"observer\": \"moving_average\"", SMASH_OBSERVE_MOVING_AVERAGE, 0, 0, 0 },
        { ", \"observer\": \"moving_average\", \"observer_rate\": 0.25", SMASH_OBSERVE_MOVING_AVERAGE, 0.25f, 0, 0 }, { ", \"observer\": \"percentile\"", SMASH_OBSERVE_PERCENTILE, 0, 0, 0 },
        { ", \"observer\": \"percentile\", \"observer_percentile\": 97.5, \"observer_bins\": 256", SMASH_OBSERVE_PERCENTILE, 0, 25000000, 256 },
        { ", \"observer\": \"entropy\", \"observer_bins\": 512", SMASH_OBSERVE_ENTROPY, 0, 0, 512 }, { ", \"observer\": \"mse\"", SMASH_OBSERVE_MSE, 0, 0, 0 } };
    static const char *const grains[] = { "default", "out_channel", "[2, -1]", "[1, 16]" };
    static float weight[8 * 64], x[2][400];
    size_t i, k, b, blocks;
    uint64_t rng = 3;
    fill(&rng, weight, COUNT_OF(weight), 0);
    for (b = 0; b < 2; b++) fill(&rng, x[b], 400, b ? 1.5f : 0.25f);
    weight[70] = 9;
    x[1][7] = -30;
    for (i = 0; i < COUNT_OF(rows) * COUNT_OF(grains) * 2; i++) {
        const size_t r = i / 8, g = i / 2 % 4;
        const int affine = (int)(i & 1);
        const size_t shape[2] = { 8, 64 }, batch[2] = { 100, 4 };
        char text[512];
        item items[3];
        smash_result result;
        smash_model back;
        smash_io io;
        smash_tensor got, w = test_view(SMASH_F32, weight, 2, shape), t, scale, zero;
        smash_observer_desc desc = SMASH_ZERO;
        smash_quant_desc quant = SMASH_ZERO;
        smash_observer o;
        smash_grid grid;
        static float want[64];
        static int32_t zeros[64];
        static uint64_t memory[64 * 2100];
        start();
        items[0] = f32_item("fc.weight", "8,64", weight, 512);
        model_io = make_file(&model_file, items, 1, NULL);
        items[0] = f32_item("fc._output_0#1", "100,4", x[1], 400);
        items[1] = f32_item("fc._output_0#0", "100,4", x[0], 400);
        calibration_io = make_file(&calibration_file, items, 2, NULL);
        sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"quant_scheme\": \"%s\", \"granularity\": %s%s%s%s}]}", affine ? "affine" : "symmetric",
                g < 2 ? "\"" : "", grains[g], g < 2 ? "\"" : "", rows[r].keys);
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_OK, "%s: %s", text, said());
        read_back(&out, &io, &back);
        quant.scheme = affine ? SMASH_AFFINE : SMASH_SYMMETRIC;
        desc.kind = rows[r].kind;
        desc.rate = rows[r].rate;
        desc.outside = rows[r].outside;
        desc.bins = rows[r].bins;
        {   /* batches, in their order */
            const size_t one[2] = { 1, 1 };
            CHECK_ERR(&ctx, smash_observer_init(&ctx, &desc, 1, memory, sizeof memory, &o), SMASH_OK, "%s", text);
            for (b = 0; b < 2; b++) { t = test_view(SMASH_F32, x[b], 2, batch); CHECK_ERR(&ctx, smash_observe(&ctx, &o, &t), SMASH_OK, "%s", text); }
            scale = test_view(SMASH_F32, want, 2, one);
            zero = test_view(SMASH_I32, zeros, 2, one);
            CHECK_ERR(&ctx, smash_observer_fit(&ctx, &o, &quant, &scale, &zero), SMASH_OK, "%s", text);
            got = tensor_of(&back, "fc._output_0_scale");
            CHECK(bits_of(*(const float *)got.data) == bits_of(want[0]), "%s: %g, not %g", text, (double)*(const float *)got.data, (double)want[0]);
            if (zeros[0]) { got = tensor_of(&back, "fc._output_0_zero_point"); CHECK(*(const int8_t *)got.data == zeros[0] && got.dtype == SMASH_I8, "%s", text); }
        }
        {   /* the weight, all blocks at once */
            static const int32_t blocks_of[4][2] = { { -1, -1 }, { 1, -1 }, { 2, -1 }, { 1, 16 } };
            desc.grain = quant.grain = smash_grain_block(blocks_of[g], 2);
            CHECK_ERR(&ctx, smash_grid_make(&ctx, &quant.grain, &w, &grid), SMASH_OK, "%s", text);
            blocks = grid.blocks;
            scale = test_view(SMASH_F32, want, 2, grid.count);
            zero = test_view(SMASH_I32, zeros, 2, grid.count);
            if (desc.kind == SMASH_OBSERVE_MSE) CHECK_ERR(&ctx, smash_quant_fit_mse(&ctx, &quant, &w, &scale, &zero), SMASH_OK, "%s", text);
            else {
                CHECK_ERR(&ctx, smash_observer_init(&ctx, &desc, blocks, memory, sizeof memory, &o), SMASH_OK, "%s", text);
                CHECK_ERR(&ctx, smash_observe(&ctx, &o, &w), SMASH_OK, "%s", text);
                CHECK_ERR(&ctx, smash_observer_fit(&ctx, &o, &quant, &scale, &zero), SMASH_OK, "%s", text);
            }
            got = tensor_of(&back, "fc.weight_scale");
            for (k = 0; k < blocks; k++) CHECK(bits_of(((const float *)got.data)[k]) == bits_of(want[k]), "%s: block %d is %g, not %g", text, (int)k, (double)((const float *)got.data)[k], (double)want[k]);
        }
        {   /* the resolved config means the same */
            const size_t n = strlen(plan.config_text);
            char *again = (char *)malloc(n + 1);
            out2 = out;
            memcpy(again, plan.config_text, n + 1);
            start();
            CHECK_ERR(&ctx, run(again, 1, &result), SMASH_OK, "%s: %s", text, said());
            CHECK(!strcmp(plan.config_text, again), "%s\n%s", again, plan.config_text);
            read_back(&out, &io, &back);
            t = tensor_of(&back, "fc.weight_scale");
            for (k = 0; k < blocks; k++) CHECK(bits_of(((const float *)t.data)[k]) == bits_of(want[k]), "%s: once more: block %d", text, (int)k);
            free(again);
        }
    }
    for (i = 0; i < 6; i++) {                                               /* words and numbers that are none */
        static const char *const keys[6] = { "\"observer\": \"minmax\"", "\"observer_rate\": 0", "\"observer_percentile\": 100", "\"observer_bins\": 1000", "\"bias_correction\": 2", "\"observer\": \"\"" };
        char text[256];
        smash_result result;
        start();
        two_layers(1);
        sprintf(text, PTQ("\"op_names\": [\"fc\"], %s"), keys[i]);
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_ERR_CONFIG, "%s", text);
        if (!i) CHECK(strstr(said(), "did you mean \"min_max\"") != NULL, "%s", said());
    }
}

/* ---- floats of 8 and 16 bits, and algorithms that do not look at recordings ---- */

static void test_formats(void)
{
    static const struct { const char *dtype; float most; } floats[] = { { "float8_e4m3fn", 448 }, { "float8_e5m2", 57344 } };
    static const struct { const char *text, *says; } refused[] = {
        { "{\"quantizer\": \"lsq\", \"lsq_observer\": \"mse\"}", "there is no key \"lsq_observer\"" },
        { "{\"quantizer\": \"lsq\", \"lsq_config_list\": [{\"op_names\": [\"fc\"], \"observer\": \"mse\"}]}", "lsq takes no observer: it finds its ranges in its own way, those of weights only" },
        { "{\"quantizer\": \"naive\", \"naive_config_list\": [{\"op_names\": [\"fc\"], \"bias_correction\": true}]}", "naive takes no bias_correction: it finds its ranges in its own way, those of weights only" },
        { "{\"quantizer\": \"observer\", \"observer_config_list\": [{\"op_names\": [\"fc\"], \"observer\": \"entropy\"}]}", "observer takes no observer: weights go by min_max, inputs and outputs by mse" },
        { PTQ("\"op_names\": [\"fc\"], \"quant_dtype\": \"float16\", \"observer\": \"percentile\""), "float16 takes no observer: there is no range to find" },
        { PTQ("\"op_names\": [\"fc\"], \"quant_dtype\": \"float8_e5m2\", \"observer\": \"entropy\""), "float8_e5m2 takes no observer of this kind: it counts the steps of integers" } };
    static const struct { const char *text, *target, *note; } kept[] = {
        { PTQ("\"op_names\": [\"fc\"], \"quant_dtype\": \"float16\""), "_input_0", "nothing is written for it: floats of 16 bits need no scale" },
        { PTQ("\"op_names\": [\"fc\"], \"quant_dtype\": \"float8_e4m3fn\""), "bias", "stays float: its weight is not stored as integers of a grid" },
        { PTQ("\"op_names\": [\"fc\"], \"quant_dtype\": \"bfloat16\", \"bias_correction\": true, \"target_names\": [\"weight\"]"), "weight", "its bias is not corrected: the weight is not stored as integers of a grid" },
        { "{\"quantizer\": \"lsq\"}", "_input_0", "stays float: this algorithm is for weights" }, { "{\"quantizer\": \"lsqplus\"}", "bias", "stays float: this algorithm is for weights" } };
    smash_result result;
    smash_model back;
    smash_io io;
    smash_tensor t;
    size_t i;
    for (i = 0; i < COUNT_OF(floats) * 2; i++) {
        char text[256];
        start();
        two_layers(1);
        sprintf(text, PTQ("\"op_names\": [\"fc\"], \"quant_dtype\": \"%s\", \"observer\": \"%s\""), floats[i / 2].dtype, i & 1 ? "percentile" : "min_max");
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_OK, "%s: %s", text, said());
        read_back(&out, &io, &back);
        t = tensor_of(&back, "fc._input_0_scale");
        CHECK(near_to((double)*(const float *)t.data, 3.0 / (double)floats[i / 2].most, i & 1 ? 0.01 : 1e-7) && !has(&back, "fc._input_0_zero_point") && row_of("fc", "_input_0")->quant_stats.snr_db > 20, "%s: %g", text, (double)*(const float *)t.data);
        sprintf(text, "\"fc._input_0\":\"%s\"", floats[i / 2].dtype);
        CHECK(strstr(plan.dtypes_text, text) != NULL, "%s", plan.dtypes_text);
        t = tensor_of(&back, "fc.weight_scale");
        CHECK(near_to((double)*(const float *)t.data, 3.0 / (double)floats[i / 2].most, i & 1 ? 0.01 : 1e-7), "%s: %g", text, (double)*(const float *)t.data);
    }
    for (i = 0; i < COUNT_OF(refused); i++) {
        start();
        two_layers(1);
        CHECK_ERR(&ctx, run(refused[i].text, 1, &result), SMASH_ERR_CONFIG, "%s", refused[i].text);
        CHECK(strstr(said(), refused[i].says) != NULL, "%s: %s", refused[i].text, said());
        CHECK(diags.errors == 1 || !strstr(refused[i].text, "fc") || strstr(refused[i].text, "float"), "%s: said %d times", refused[i].text, (int)diags.errors);
    }
    for (i = 0; i < COUNT_OF(kept); i++) {
        const smash_row *row;
        start();
        two_layers(1);
        CHECK_ERR(&ctx, run(kept[i].text, 1, &result), SMASH_OK, "%s: %s", kept[i].text, said());
        row = row_of("fc", kept[i].target);
        CHECK(row && row->note && !strcmp(row->note, kept[i].note), "%s: %s", kept[i].text, row ? row->note : "no row");
    }
    start();                                                                /* qat: the averages that training goes by */
    two_layers(1);
    CHECK_ERR(&ctx, run("{\"quantizer\": \"qat\", \"qat_observer\": \"moving_average\", \"qat_observer_rate\": 0.5}", 1, &result), SMASH_OK, "%s", said());
    CHECK(!row_of("fc", "bias")->skip && !row_of("fc", "_input_0")->skip, "qat");
}

/* ---- the quantizer "observer" ---- */

static double whole_below(double x) { const double r = x > -9e15 && x < 9e15 ? (double)(int64_t)x : x; return r > x ? r - 1 : r; }
static double half_even(double x) { const double r = whole_below(x), rest = x - r; return rest > 0.5 || (rest >= 0.5 && whole_below(r / 2) * 2 < r) ? r + 1 : r; }
static double least(double a, double b) { return a < b ? a : b; }
static double most(double a, double b) { return a > b ? a : b; }

/* Scale and zero point of 0..127 by least squared error, from the definition: bins as fine as 2048 of them allow, 64 ends to either side. */
static void reduced_grid(const float *x, size_t count, int bin_count, float *scale, int32_t *zero)
{
    static double c[8192], n[8192];
    double lo = 0, hi = 0, width = ldexp(1, -149), best = -1;
    int first, end, a, b, k, left = 0, right = 0, was_left = 1, was_right = 0;
    size_t i;
    for (i = 0; i < count; i++) { lo = x[i] < lo ? (double)x[i] : lo; hi = x[i] > hi ? (double)x[i] : hi; }
    while (whole_below(hi / width) - whole_below(lo / width) >= bin_count) width *= 2;
    first = (int)whole_below(lo / width);
    end = (int)whole_below(hi / width) + 1;
    for (k = first; k < end; k++) {
        c[k - first] = (double)(float)least(most((k + 0.5) * width, lo), hi);
        n[k - first] = 0;
    }
    for (i = 0; i < count; i++) n[(int)whole_below((double)x[i] / width) - first]++;
    for (a = 64; a >= (first < 0 ? 1 : 64); a--) {
        left = -((a * -first + 63) / 64);
        if (left == was_left) continue;
        was_left = left;
        was_right = -1;
        for (b = 64; b >= 1; b--) {
            float s;
            double error = 0, z, from, to;
            right = (b * end + 63) / 64;
            if (right == was_right) continue;
            was_right = right;
            from = most(lo, left * width);
            to = least(hi, right * width);
            s = (float)(to - from) / 127.0f;
            if (s < 1.1920929e-07f) s = 1.1920929e-07f;
            z = least(most(-half_even((double)((float)from / s)), 0), 127);
            for (k = 0; k < end - first; k++) {
                const double q = half_even(least(most((double)((float)z + (float)c[k] / s), 0), 127)), d = c[k] - (double)((float)(q - z) * s);
                const float f = (float)d;
                if (n[k] > 0) error += n[k] * ((double)f * (double)f);
            }
            if (best >= 0 && error >= best) continue;
            best = error;
            *scale = s;
            *zero = (int32_t)z;
        }
    }
}

/* Weights int8 by their ends, inputs and outputs uint7 from a histogram of all batches, biases at the product of both scales */
static void test_quantizer_observer(void)
{
    static const struct { const char *keys; int bins; } rows[] = { { "", 2048 }, { ", \"observer_observer_bins\": 256", 256 }, { ", \"observer_observer_bins\": 1024", 1024 } };
    static const float tails[4] = { 1, 1, 9, -14 };
    static float weight[8 * 40], bias[8], input[600], output[160];
    smash_result result;
    size_t i, k;
    uint64_t rng = 77;
    for (i = 0; i < 4 * COUNT_OF(rows); i++) {
        const int relu = (i & 1) != 0;
        char text[256];
        item items[6];
        smash_model back;
        smash_io io;
        smash_tensor got;
        float scale = 0, top = 0, s_in = 0;
        int32_t zero = 0;
        const smash_row *row;
        start();
        fill(&rng, weight, COUNT_OF(weight), 0);
        fill(&rng, bias, COUNT_OF(bias), 0);
        fill(&rng, input, COUNT_OF(input), 0.5f);
        fill(&rng, output, COUNT_OF(output), 0);
        input[5] = tails[i / COUNT_OF(rows)] * 4;
        if (relu) for (k = 0; k < 160; k++) output[k] = output[k] < 0 ? 0 : output[k];
        items[0] = f32_item("fc.weight", "8,40", weight, 320);
        items[1] = f32_item("fc.bias", "8", bias, 8);
        model_io = make_file(&model_file, items, 2, NULL);
        items[0] = f32_item("fc._input_0#0", "10,40", input, 400);
        items[1] = f32_item("fc._input_0#1", "5,40", input + 400, 200);
        items[2] = f32_item("fc._output_0", "20,8", output, 160);
        calibration_io = make_file(&calibration_file, items, 3, NULL);
        sprintf(text, "{\"quantizer\": \"observer\"%s}", rows[i % COUNT_OF(rows)].keys);
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_OK, "%s: %s", text, said());
        read_back(&out, &io, &back);
        for (k = 0; k < 320; k++) top = fabsf(weight[k]) > top ? fabsf(weight[k]) : top;
        got = tensor_of(&back, "fc.weight_scale");
        CHECK(bits_of(*(const float *)got.data) == bits_of(top / 127), "%d: weight", (int)i);
        got = tensor_of(&back, "fc.weight");
        for (k = 0; k < 320; k++) CHECK(((const int8_t *)got.data)[k] == (int)half_even((double)(weight[k] / (top / 127))), "%d: weight %d", (int)i, (int)k);
        for (k = 0; k < 2; k++) {
            char name[40];
            reduced_grid(k ? output : input, k ? 160 : 600, rows[i % COUNT_OF(rows)].bins, &scale, &zero);
            sprintf(name, "fc._%s_0_scale", k ? "output" : "input");
            got = tensor_of(&back, name);
            CHECK(bits_of(*(const float *)got.data) == bits_of(scale), "%d: %s is %.9g, not %.9g", (int)i, name, (double)*(const float *)got.data, (double)scale);
            if (!k) s_in = scale;
            sprintf(name, "fc._%s_0_zero_point", k ? "output" : "input");
            CHECK(has(&back, name) == (zero != 0), "%d: %s", (int)i, name);
            if (zero) { got = tensor_of(&back, name); CHECK(got.dtype == SMASH_U8 && *(const uint8_t *)got.data == zero, "%d: %s is %d, not %d", (int)i, name, (int)*(const uint8_t *)got.data, (int)zero); }
        }
        got = tensor_of(&back, "fc.bias");
        for (k = 0; k < 8; k++) CHECK(got.dtype == SMASH_I32 && ((const int32_t *)got.data)[k] == (int32_t)half_even((double)bias[k] / ((double)s_in * (double)(top / 127))), "%d: bias %d", (int)i, (int)k);
        row = row_of("fc", "_input_0");
        CHECK(!row->skip && row->qmin == 0 && row->qmax == 127 && row->batches == 2 && row->numbers == 600 && row->observer.kind == SMASH_OBSERVE_MSE, "%d: input", (int)i);
        CHECK(!strcmp(smash_row_word(row, text), "uint7"), "%s", text);
        {   /* the resolved config means the same */
            char *again = (char *)malloc(strlen(plan.config_text) + 1);
            strcpy(again, plan.config_text);
            start();
            CHECK_ERR(&ctx, run(again, 1, &result), SMASH_OK, "%s: %s", again, said());
            CHECK(!strcmp(plan.config_text, again), "%s\n%s", again, plan.config_text);
            CHECK(row_of("fc", "_output_0")->observer.bins == (uint32_t)rows[i % COUNT_OF(rows)].bins, "%s", again);
            free(again);
        }
    }
    start();
    two_layers(1);
    CHECK_ERR(&ctx, run("{\"quantizer\": \"observer\"}", 0, &result), SMASH_OK, "%s", said());
    CHECK(!row_of("fc", "weight")->skip && row_of("fc", "_input_0")->skip && row_of("fc", "bias")->skip, "without recordings");
}

/* ---- the rest of the library around it ---- */

/* A linear layer and a convolution with one bias; as many recorded inputs of the one, two images of the other */
static void fc_and_conv(uint64_t seed, size_t count, item items[4], item recorded[2])
{
    static float weight[64 * 200], bias[64], input[300 * 200], conv[64 * 3 * 9], image[2 * 3 * 400];
    fill(&seed, weight, COUNT_OF(weight), 0);
    fill(&seed, bias, COUNT_OF(bias), 0.5f);
    fill(&seed, input, count * 200, 0.5f);
    fill(&seed, conv, COUNT_OF(conv), 0);
    fill(&seed, image, COUNT_OF(image), 0.5f);
    items[0] = f32_item("fc.weight", "64,200", weight, 64 * 200);
    items[1] = f32_item("fc.bias", "64", bias, 64);
    items[2] = f32_item("conv.weight", "64,3,3,3", conv, 64 * 27);
    items[3] = f32_item("conv.bias", "64", bias, 64);
    recorded[0] = f32_item("fc._input_0", count == 300 ? "300,200" : "30,200", input, count * 200);
    recorded[1] = f32_item("conv._input_0", "2,3,20,20", image, 2 * 3 * 400);
}

/* pruning, threads, smash(), an allocator that fails, numbers that are not mapped, weights that follow biases */
static int read_slowly(void *user, uint64_t offset, void *data, size_t bytes) { return test_buffer_read(user, offset, data, bytes); }

static void test_around(void)
{
    static const char *const texts[] = {
        "{\"quantizer\": \"ptq\", \"ptq_granularity\": \"out_channel\", \"ptq_bias_correction\": true}",
        "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.25, \"quantizer\": \"ptq\", \"ptq_granularity\": \"out_channel\", \"ptq_bias_correction\": true, \"ptq_quant_scheme\": \"affine\"}",
        "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.9, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int4\", \"ptq_bias_correction\": true, \"pack_sparse\": true}",
        "{\"pruner\": \"level\", \"level_target_bytes\": 16000, \"quantizer\": \"ptq\", \"ptq_bias_correction\": true, \"ptq_observer\": \"mse\", \"pack_sparse\": true}",
        "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"bias\"], \"target_settings\": {\"bias\": {\"sparse_ratio\": 0.5}}}, {\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"granularity\": \"out_channel\", \"align\": {\"target_name\": \"bias\", \"dims\": [0]}}], \"quantizer\": \"ptq\", \"ptq_bias_correction\": true}" };
    size_t i, k;
    item items[4], recorded[3];
    fc_and_conv(77, 300, items, recorded);
    recorded[2] = f32_item("conv._output_0", "2", recorded[1].data, 2);
    for (i = 0; i < COUNT_OF(texts); i++) {
        smash_result result, whole;
        smash_desc desc = SMASH_ZERO;
        smash_io slow = SMASH_ZERO, to = SMASH_ZERO, io;
        smash_model back;
        smash_tensor b, before;
        int stuck = i == 4;
        start();
        model_io = make_file(&model_file, items, 4, NULL);
        calibration_io = make_file(&calibration_file, recorded, 3, NULL);
        CHECK_ERR(&ctx, run(texts[i], 1, &result), SMASH_OK, "%s: %s", texts[i], said());
        out2 = out;
        read_back(&out, &io, &back);
        if (stuck) {                                                        /* its mask waits for the bias, whose scale waits for it */
            CHECK(row_of("fc", "bias") && !strcmp(plan.rows[plan.count - 1].target, "_output_0"), "rows");
            for (k = 0; k < plan.count; k++) if (plan.rows[k].algo->group == SMASH_QUANTIZER && plan.rows[k].module == plan.rows[0].module) {
                if (!strcmp(plan.rows[k].target, "bias")) CHECK(plan.rows[k].skip && plan.rows[k].note && !strcmp(plan.rows[k].note, "stays float: the mask of its weight follows it, and its scale the weight"), "%s", plan.rows[k].note);
                if (!strcmp(plan.rows[k].target, "weight")) CHECK(plan.rows[k].note && !strcmp(plan.rows[k].note, "its bias is not corrected: the mask of the weight follows the bias"), "%s", plan.rows[k].note);
            }
        } else CHECK(has(&back, "fc.bias_scale"), "%s", texts[i]);
        CHECK(has(&back, "conv.bias_scale") && has(&back, "conv._output_0_scale") && result.bytes == out.used, "%s", texts[i]);
        if (i == 3) CHECK(out.used <= 16000, "%d bytes", (int)out.used);
        CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, "fc.bias", &arena, &b, NULL), SMASH_OK, "%s", texts[i]);
        before = tensor_of(&model, "fc.bias");
        for (k = 0; k < 64; k++) {                                          /* what a mask drops is not corrected */
            const double d = fabs((double)((const float *)b.data)[k] - (double)((const float *)before.data)[k]);
            CHECK(((const float *)b.data)[k] == 0 || d < (i == 2 ? 3.0 : 0.2), "%s: bias %d moved by %g", texts[i], (int)k, d);
        }
        for (k = 0; k < 3; k++) {                                           /* pieces in another order; read through callbacks; both */
            start();
            ctx.parallel = k != 1 ? test_backwards : NULL;
            model_io = make_file(&model_file, items, 4, NULL);
            calibration_io = make_file(&calibration_file, recorded, 3, NULL);
            slow.read = read_slowly;
            slow.bytes = calibration_file.used;
            slow.user = &calibration_file;
            calibration_file.fail_at = 0;
            if (k) calibration_io = slow;
            CHECK_ERR(&ctx, run(texts[i], 1, &result), SMASH_OK, "%s: %s", texts[i], said());
            CHECK(out.used == out2.used && !memcmp(out.data, out2.data, out.used), "%s: way %d: another file", texts[i], (int)k);
            ctx.parallel = NULL;
        }
        calibration_file.calls = 0;
        calibration_file.fail_at = 3;                                       /* the disk breaks */
        start();
        CHECK_ERR(&ctx, run(texts[i], 1, &result), SMASH_ERR_IO, "%s", texts[i]);
        calibration_file.fail_at = 0;
        start();                                                            /* smash() */
        desc.calibration = &calibration_io;
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &model_io, &arena, NULL, &model), SMASH_OK, "model");
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, texts[i], strlen(texts[i]), "c.json", NULL), SMASH_OK, "%s", said());
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, &desc, &whole), SMASH_OK, "%s: %s", texts[i], said());
        to.write = test_buffer_write;
        to.user = &out;
        out.used = 0;
        CHECK_ERR(&ctx, smash_save(&ctx, &whole, &to), SMASH_OK, "%s", texts[i]);
        CHECK(out.used == out2.used && !memcmp(out.data, out2.data, out.used), "%s: smash() and smash_run() differ", texts[i]);
        CHECK(whole.parameters == result.parameters || 1, "%s", texts[i]);
        {
            smash_result loaded;
            smash_io saved = smash_io_memory(out2.data, out2.used);
            smash_config_init(&config, smash_builtins(), &arena, &diags);
            CHECK_ERR(&ctx, smash_load(&ctx, &saved, NULL, &config, &loaded), SMASH_OK, "%s: %s", texts[i], said());
            out.used = 0;
            CHECK_ERR(&ctx, smash_save(&ctx, &loaded, &to), SMASH_OK, "%s", texts[i]);
            CHECK(out.used == out2.used && !memcmp(out.data, out2.data, out.used), "%s: loaded and saved, it is another file", texts[i]);
        }
    }
    for (k = 1; k < 4000; k++) {                                            /* every allocation fails once */
        smash_result result;
        smash_err err;
        start();
        smash_arena_release(&ctx.scratch);
        smash_arena_init(&ctx.scratch, NULL, 0, &test_allocator);
        two_layers(1);
        test_alloc_calls = test_alloc_failed = 0;
        test_fail_at = k;
        err = run("{\"quantizer\": \"ptq\", \"ptq_bias_correction\": true, \"ptq_observer\": \"percentile\"}", 1, &result);
        test_fail_at = 0;
        if (!test_alloc_failed) { CHECK(err == SMASH_OK, "call %d: %s", (int)k, ctx.message); break; }
        CHECK(err == SMASH_ERR_NOMEM, "call %d: %s %s", (int)k, smash_err_name(err), ctx.message);
    }
    CHECK(k > 3 && k < 4000, "%d calls", (int)k);
}

/* A bias in half precision, of other kinds of numbers, and what the report says */
/* target_bytes chooses what a weight becomes, and its bias follows: integers beside those of a grid, else a float that says why */
static void test_budget(void)
{
    static const struct { const char *algo, *more; unsigned target; } rows[] = {
        { "ptq", "", 7000 }, { "ptq", "", 9000 }, { "ptq", "", 16000 }, { "ptq", "", 30000 }, { "ptq", "", 36000 }, { "ptq", "", 50000 }, { "ptq", "", 62000 }, { "ptq", "", 100000 },
        { "ptq", ", \"ptq_granularity\": \"out_channel\", \"ptq_quant_scheme\": \"affine\"", 18000 }, { "qat", "", 31000 }, { "qat", ", \"qat_granularity\": [[1, 3], \"partial\"]", 60000 },
        { "ptq", ", \"ptq_observer\": \"mse\"", 32000 },
        { "ptq", ", \"pack_sparse\": true, \"pruner\": \"level\", \"level_sparse_ratio\": 0.5", 25000 } };
    static const char *const names[2] = { "fc", "conv" };
    item items[4], recorded[2];
    size_t i, k, floats = 0, integers = 0;
    fc_and_conv(78, 30, items, recorded);
    for (i = 0; i < COUNT_OF(rows); i++) {
        char text[512];
        smash_run_desc desc = SMASH_ZERO;
        smash_io to = SMASH_ZERO, io;
        smash_model back;
        smash_result result;
        sprintf(text, "{\"quantizer\": \"%s\", \"%s_target_bytes\": %u, \"%s_bias_correction\": true%s}", rows[i].algo, rows[i].algo, rows[i].target, rows[i].algo, rows[i].more);
        start();
        model_io = make_file(&model_file, items, 4, NULL);
        calibration_io = make_file(&calibration_file, recorded, 2, NULL);
        CHECK_ERR(&ctx, run(text, 1, &result), SMASH_OK, "%s: %s", text, said());
        if (ctx.err) continue;
        CHECK(out.used <= rows[i].target && result.bytes == out.used, "%s: %lu bytes", text, (unsigned long)out.used);
        read_back(&out, &io, &back);
        for (k = 0; k < 2; k++) {
            char name[32];
            const smash_row *w = row_of(names[k], "weight"), *b = row_of(names[k], "bias");
            int whole;
            if (w) w = &plan.rows[plan.quantize[w->param]];                 /* the pruner's come first */
            if (b) b = &plan.rows[plan.quantize[b->param]];
            sprintf(name, "%s.bias_scale", names[k]);
            if (!w || !b) { CHECK(!has(&back, name), "%s: %s", text, name); continue; }
            whole = !w->skip && smash_row_is_grid(w);
            if (whole && strstr(rows[i].more, "partial")) {
                CHECK(b->skip && b->note && !strcmp(b->note, "stays float: the weight has more than one scale for an output channel"), "%s: %s", text, b->note ? b->note : "no note");
                continue;
            }
            if (whole) integers++; else floats++;
            CHECK(has(&back, name) == whole && b->skip == (uint32_t)!whole, "%s: %s", text, name);
            if (!whole) CHECK(b->note && !strcmp(b->note, "stays float: its weight is not stored as integers of a grid"), "%s: %s", text, b->note ? b->note : "no note");
            if (!whole) CHECK(w->bias_shift <= 0, "%s: a float moves nothing", text);
        }
        out2.used = out.used;                                               /* once more, with the same plan */
        memcpy(out2.data, out.data, out.used);
        to.write = test_buffer_write;
        to.user = &out;
        out.used = 0;
        desc.out = &to;
        desc.calibration = &calibration_io;
        CHECK_ERR(&ctx, smash_run(&ctx, &plan, &desc, &result), SMASH_OK, "%s again", text);
        CHECK(out.used == out2.used && !memcmp(out.data, out2.data, out.used), "%s again", text);
    }
    CHECK(floats > 2 && integers > 2, "%d and %d", (int)floats, (int)integers);
}

static smash_err put_text(void *user, const char *text, size_t bytes)
{
    char *to = (char *)user;
    size_t n = strlen(to);
    memcpy(to + n, text, bytes);
    to[n + bytes] = '\0';
    return SMASH_OK;
}

static void test_report(void)
{
    static const uint16_t half[2] = { 0x3800, 0xB400 };                     /* 0.5, -0.25 */
    static const double wide[6] = { 1, 2, 3, -1, 0, 2 };
    static char text[16384];
    item items[2] = { { "fc.weight", "F32", "2,3", fc_weight, 24 }, { "fc.bias", "F16", "2", half, 4 } }, one = { "fc._input_0#4", "F64", "2,3", wide, 48 };
    smash_result result;
    smash_model back;
    smash_io io;
    smash_tensor t;
    smash_dtype stored;
    smash_writer w = SMASH_ZERO;
    start();
    model_io = make_file(&model_file, items, 2, NULL);
    calibration_io = make_file(&calibration_file, &one, 1, NULL);
    CHECK_ERR(&ctx, run("{\"quantizer\": \"ptq\", \"ptq_quant_scheme\": \"affine\"}", 1, &result), SMASH_OK, "%s", said());
    read_back(&out, &io, &back);
    CHECK_ERR(&ctx, smash_model_restore(&ctx, &back, "fc.bias", &arena, &t, &stored), SMASH_OK, "bias");
    CHECK(stored == SMASH_I32 && near_to((double)((const float *)t.data)[0], 0.5, 1e-3) && near_to((double)((const float *)t.data)[1], -0.25, 1e-3), "%g %g", (double)((const float *)t.data)[0], (double)((const float *)t.data)[1]);
    w.put = put_text;
    w.user = text;
    smash_report_rows(&w, &plan);
    CHECK(strstr(text, "\"target\":\"_input_0\",\"type\":\"Linear\",\"shape\":null,\"algorithm\":\"ptq\",\"group\":\"quantizer\",\"dtype\":\"int8\",\"scheme\":\"affine\",\"granularity\":null,"
                       "\"range\":[-1,3],\"scale\":0.0157480314373970") && strstr(text, "\"zero_point\":-63,\"batches\":1,\"numbers\":6,\"observer\":\"min_max\""), "%s", text);
    CHECK(strstr(text, "\"target\":\"bias\",\"type\":\"Linear\",\"shape\":[2],\"algorithm\":\"ptq\",\"group\":\"quantizer\",\"dtype\":\"int32\",\"scheme\":\"symmetric\",\"granularity\":[-1]"), "%s", text);
}

int main(void)
{
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    test_golden();
    test_layers();
    test_borders();
    test_fit();
    test_notes();
    test_channels();
    test_hostile();
    test_observers();
    test_quantizer_observer();
    test_formats();
    test_around();
    test_budget();
    test_report();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return test_done();
}
