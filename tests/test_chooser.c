/* target_bytes of a quantizer: a width for each target. All combinations of small models are gone through, with sizes and errors that are
 * computed here: the file keeps within its bytes, no single upgrade would still fit, and the error is within one upgrade of the least. */
#include "../smash.h"
#include "test.h"
#include "config_test.h"

enum { MOST = 5, WAYS = 6, ALL = 7776, HALF = 4, FLOAT = 5 };
static const uint32_t widths[WAYS] = { 2, 4, 8, 16, 16, 0 };          /* integers, float16, and what it is */

static test_buffer source, out;
static smash_io source_io;
static smash_model model;

typedef struct layer { const char *name; size_t rows, columns; int kind; } layer;      /* in order of name. kind 0: a bell, 1: an outlier, 2: zeros, 3: like integers, 4: even */
typedef struct net { const char *name, *settings; int channels; size_t count; layer layers[MOST]; } net;

static const net nets[] = {
    { "even sizes", "", 0, 4, { { "a", 20, 30, 0 }, { "b", 20, 30, 0 }, { "c", 20, 30, 1 }, { "d", 20, 30, 4 } } },
    { "large and small", "", 0, 5, { { "conv", 8, 9, 0 }, { "embedding", 100, 40, 0 }, { "head", 3, 40, 4 }, { "mlp.0", 40, 40, 1 }, { "mlp.1", 40, 17, 0 } } },
    { "channels", ", \"ptq_granularity\": \"out_channel\"", 1, 4, { { "a", 50, 7, 1 }, { "b", 7, 50, 0 }, { "c", 64, 1, 0 }, { "d", 16, 48, 4 } } },
    { "easy ones", "", 0, 4, { { "bell", 33, 33, 0 }, { "one", 1, 1, 0 }, { "whole", 30, 31, 3 }, { "zeros", 30, 30, 2 } } },
    { "ties", "", 0, 4, { { "t0", 12, 12, 3 }, { "t1", 12, 12, 3 }, { "t2", 12, 12, 3 }, { "t3", 12, 12, 3 } } },
    { "tiny", "", 0, 5, { { "a", 1, 2, 0 }, { "b", 2, 2, 0 }, { "c", 1, 9, 0 }, { "d", 5, 5, 1 }, { "e", 3, 70, 0 } } },
    { "one", "", 0, 1, { { "alone", 40, 9, 0 } } },
};

static float *numbers_of(const layer *l, uint64_t seed)
{
    size_t n = l->rows * l->columns, i;
    float *x = (float *)smash_arena_alloc(&ctx, &arena, n * sizeof *x);
    int k;
    for (i = 0; i < n; i++) {
        double bell = 0;
        for (k = 0; k < 6; k++) bell += (double)(smash_random(&seed) >> 40) / 16777216.0 - 0.5;
        x[i] = l->kind == 2 ? 0 : l->kind == 3 ? (float)(int)(i % 15) - 7 : l->kind == 4 ? (float)(smash_random(&seed) >> 40) / 16777216.0f - 0.5f : (float)bell;
        if (l->kind == 1 && i == n / 2) x[i] = 30;
    }
    return x;
}

static void start(void) { start_config(smash_builtins()); }

static void make_source(const smash_tensor *tensors, size_t count)
{
    smash_layout layout;
    smash_io io = SMASH_ZERO;
    size_t i;
    source.used = source.calls = source.fail_at = 0;
    io.write = test_buffer_write;
    io.user = &source;
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, tensors, count, NULL, 0, &arena, &layout), SMASH_OK, "source");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "source");
    for (i = 0; i < count; i++) CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, i, &tensors[i]), SMASH_OK, "%s", tensors[i].name);
    source_io = smash_io_memory(source.data, source.used);
}

static const char *weight_name(const layer *l)
{
    char *name = (char *)smash_arena_alloc(&ctx, &arena, 64);
    sprintf(name, "%s.weight", l->name);
    return name;
}

enum { IDS = 1500 };              /* a tensor that stays as it is: with it every size has five digits, in the config of the file, too */

static void make_net(const net *net)
{
    static const int64_t ids[IDS];
    static const size_t count = IDS;
    smash_tensor tensors[MOST + 1];
    size_t i;
    for (i = 0; i < net->count; i++) {
        size_t shape[2];
        shape[0] = net->layers[i].rows;
        shape[1] = net->layers[i].columns;
        tensors[i] = test_view(SMASH_F32, numbers_of(&net->layers[i], i + 1), 2, shape);
        tensors[i].name = weight_name(&net->layers[i]);
    }
    tensors[i] = test_view(SMASH_I64, ids, 1, &count);
    tensors[i].name = "position.ids";
    make_source(tensors, net->count + 1);
}

static smash_err resolve(const char *text)
{
    smash_err err = smash_safetensors_read(&ctx, NULL, &source_io, &arena, &diags, &model);
    if (!err) err = smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL);
    return err ? err : smash_config_resolve(&ctx, &config, &model, &plan);
}

static smash_err write_out(smash_result *result)
{
    smash_run_desc desc = SMASH_ZERO;
    smash_io io = SMASH_ZERO;
    io.write = test_buffer_write;
    io.user = &out;
    out.used = out.calls = 0;
    desc.out = &io;
    return smash_run(&ctx, &plan, &desc, result);
}

static smash_err run(const char *text, smash_result *result)
{
    smash_err err = resolve(text);
    return err ? err : write_out(result);
}

/* Squared error over squares, of the grid that the documents describe */
static double noise_of(const layer *l, const float *x, uint32_t way, int channels)
{
    const uint32_t bits = widths[way];
    const size_t rows = channels ? l->rows : 1, n = l->rows * l->columns / rows;
    const int qmax = bits ? (1 << (bits - 1)) - 1 : 0;
    double error = 0, all = 0;
    size_t r, i;
    for (r = 0; r < rows; r++, x += n) {
        float most = 0, scale;
        for (i = 0; i < n; i++) most = x[i] > most ? x[i] : -x[i] > most ? -x[i] : most;
        scale = most / (float)qmax;
        if (scale < 1.1920928955078125e-07f) scale = 1.1920928955078125e-07f;
        for (i = 0; i < n; i++) {
            float t = x[i] / scale, e;
            t = way == HALF ? smash_f16_to_f32(smash_f32_to_f16(x[i])) : (float)smash_round_half_even(t) * scale;
            e = x[i] - t;
            error += (double)e * (double)e;
            all += (double)x[i] * (double)x[i];
        }
    }
    return !bits || error == 0 ? 0 : error / all;
}

/* Bytes of the file with these widths: its tensors laid out as the README says, the metadata of the file that was written */
static uint64_t bytes_of(const net *net, const uint32_t *way, const smash_model *file)
{
    static const smash_dtype dtypes[4] = { SMASH_I8, SMASH_I16, SMASH_F16, SMASH_F32 };
    smash_arena_mark mark = smash_arena_get_mark(&arena);
    static const size_t ids = IDS;
    smash_tensor tensors[3 * MOST + 1];
    smash_meta metadata[16];
    smash_layout layout;
    char names[3 * MOST][80], text[1024] = "{";
    size_t i, n = 0, two = 2;
    for (i = 0; i < net->count; i++) {
        const layer *l = &net->layers[i];
        size_t shape[2], grid[2], packed = (l->rows * l->columns * widths[way[i]] + 7) / 8;
        shape[0] = l->rows; shape[1] = l->columns;
        grid[0] = net->channels ? l->rows : 1; grid[1] = 1;
        sprintf(names[n], way[i] < 2 ? "%s.weight_packed" : "%s.weight", l->name);
        tensors[n] = way[i] < 2 ? smash_tensor_view(SMASH_U8, NULL, 0, 1, &packed) : smash_tensor_view(dtypes[way[i] - 2], NULL, 0, 2, shape);
        tensors[n].name = names[n]; n++;
        if (way[i] == FLOAT) continue;
        sprintf(text + strlen(text), "%s\"%s.weight\":\"%s%u\"", text[1] ? "," : "", l->name, way[i] == HALF ? "float" : "int", (unsigned)widths[way[i]]);
        if (way[i] == HALF) continue;
        sprintf(names[n], "%s.weight_scale", l->name);
        tensors[n] = smash_tensor_view(SMASH_F32, NULL, 0, 2, grid);
        tensors[n].name = names[n]; n++;
        if (way[i] > 1) continue;
        sprintf(names[n], "%s.weight_shape", l->name);
        tensors[n] = smash_tensor_view(SMASH_I64, NULL, 0, 1, &two);
        tensors[n].name = names[n]; n++;
    }
    strcat(text, "}");
    tensors[n] = smash_tensor_view(SMASH_I64, NULL, 0, 1, &ids);
    tensors[n++].name = "position.ids";
    for (i = 0; i < file->metadata_count; i++) {
        metadata[i] = file->metadata[i];
        if (strcmp(metadata[i].key, "smash.quant_dtypes") == 0) metadata[i].value = text;
    }
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, tensors, n, metadata, file->metadata_count, &arena, &layout), SMASH_OK, "%s", net->name);
    smash_arena_rewind(&arena, mark);
    return layout.bytes;
}

static size_t tries, perfect;

static void test_net(const net *net)
{
    static uint64_t bytes[ALL];
    static double noise[ALL];
    double of[MOST][WAYS], free_of;
    char text[512], want[256];
    smash_model file;
    smash_io io;
    smash_result result;
    size_t combinations = 1, place[MOST], c, i, step;
    uint64_t least = UINT64_MAX, largest = 0, asked;
    uint32_t w;
    start();
    make_net(net);
    sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 99999%s}", net->settings);
    CHECK_ERR(&ctx, run(text, &result), SMASH_OK, "%s: %s", net->name, said());
    io = smash_io_memory(out.data, out.used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &file), SMASH_OK, "%s", net->name);
    for (i = 0; i < net->count; i++) {
        const float *x = numbers_of(&net->layers[i], i + 1);
        place[i] = combinations;
        combinations *= WAYS;
        for (w = 0; w < WAYS; w++) of[i][w] = noise_of(&net->layers[i], x, w, net->channels);
    }
    for (c = 0; c < combinations; c++) {
        uint32_t way[MOST];
        for (noise[c] = 0, i = 0; i < net->count; i++) { way[i] = (uint32_t)(c / place[i] % WAYS); noise[c] += of[i][way[i]]; }
        bytes[c] = bytes_of(net, way, &file);
        if (bytes[c] < least) least = bytes[c];
        if (bytes[c] > largest) largest = bytes[c];
    }
    step = (size_t)(largest - least) / test_count(80, 16) + 1;
    for (asked = least - 8; asked < largest + 2 * step; asked += asked < least ? 8 : step) {
        double best = 1e300, saves = 0;
        size_t got = 0, row = 0;
        start();
        make_net(net);
        sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": %lu%s}", (unsigned long)asked, net->settings);
        if (asked < least) {
            CHECK_ERR(&ctx, run(text, &result), SMASH_ERR_CONFIG, "%s, %lu", net->name, (unsigned long)asked);
            sprintf(want, "target_bytes asks for at most %lu, and %lu is the least there is with each target as narrow as it gets; raise it, or let it choose from more", (unsigned long)asked, (unsigned long)least);
            CHECK(strcmp(ctx.message, want) == 0, "%s: %s", net->name, ctx.message);
            continue;
        }
        CHECK_ERR(&ctx, run(text, &result), SMASH_OK, "%s: %s", net->name, said());
        for (i = 0; i < plan.count; i++) {
            const smash_row *r = &plan.rows[i];
            const double told = r->choices ? r->choices[r->choice].noise : 0, real = r->choices ? of[row][r->choice] : 0;
            if (!r->choices) continue;
            CHECK(r->choice_count == WAYS && strcmp(plan.model->params[r->param].name, weight_name(&net->layers[row])) == 0 && told >= real * (1 - 1e-9) && told <= real * (1 + 1e-9),
                  "%s, %lu: choice %u of %s has an error of %g, not %g", net->name, (unsigned long)asked, (unsigned)r->choice, r->target, told, real);
            got += r->choice * place[row++];
        }
        CHECK(row == net->count && result.bytes == out.used && result.bytes == bytes[got] && plan.budget.left == result.bytes && plan.budget.most == asked && result.bytes <= asked,
              "%s: %lu bytes asked, %lu said, %lu written, %lu here", net->name, (unsigned long)asked, (unsigned long)result.bytes, (unsigned long)out.used, (unsigned long)bytes[got]);
        for (c = 0; c < combinations; c++) if (bytes[c] <= asked && noise[c] < best) best = noise[c];
        for (i = 0; i < net->count; i++)
            for (w = 0; w < WAYS; w++) {
                const uint32_t now = (uint32_t)(got / place[i] % WAYS);
                free_of = of[i][now] - of[i][w];
                if (free_of <= 1e-9 * of[i][now]) continue;
                CHECK(bytes[got + w * place[i] - now * place[i]] > asked, "%s, %lu: %s could have %u bits, not %u", net->name, (unsigned long)asked, net->layers[i].name, (unsigned)widths[w], (unsigned)widths[now]);
                if (free_of > saves) saves = free_of;
            }
        CHECK(noise[got] <= best + saves * (1 + 1e-9) + 1e-15, "%s, %lu: error %g, the least is %g, one upgrade more saves %g", net->name, (unsigned long)asked, noise[got], best, saves);
        tries++;
        perfect += noise[got] <= best * (1 + 1e-6) + 1e-15;
    }
}

/* ---- what else there is in a model and a config ---- */

/* conv with a bias, fc, an embedding in f16, a wide and a tiny one, and a weight that pruning makes even */
static void make_mixed(int with_nan)
{
    static const struct { const char *name; smash_dtype dtype; size_t shape[4]; uint32_t ndim; int kind; } rows[] = {
        { "conv.bias", SMASH_F32, { 8 }, 1, 0 },          { "conv.weight", SMASH_F32, { 8, 3, 3, 3 }, 4, 0 }, { "emb.weight", SMASH_F16, { 40, 16 }, 2, 0 },
        { "fc.weight", SMASH_F32, { 30, 72 }, 2, 1 },     { "gate.weight", SMASH_F32, { 1, 2 }, 2, 0 },       { "wide.weight", SMASH_F64, { 12, 12 }, 2, 0 } };
    smash_tensor tensors[COUNT_OF(rows)];
    size_t i, n;
    for (i = 0; i < COUNT_OF(rows); i++) {
        layer l;
        smash_tensor from;
        memset(&l, 0, sizeof l);
        tensors[i] = test_view(rows[i].dtype, NULL, rows[i].ndim, rows[i].shape);
        smash_tensor_count(&tensors[i], &n);
        l.rows = 1;
        l.columns = n;
        l.kind = rows[i].kind;
        from = test_view(SMASH_F32, numbers_of(&l, 7 + i), rows[i].ndim, rows[i].shape);
        if (with_nan && i == 3) { const uint32_t nan = 0x7FC00000u; memcpy((float *)from.data + 5, &nan, 4); }
        tensors[i].name = rows[i].name;
        tensors[i].data = smash_arena_alloc(&ctx, &arena, tensors[i].bytes);
        if (rows[i].dtype == SMASH_F32) memcpy(tensors[i].data, from.data, from.bytes);
        else CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &from, &tensors[i]), SMASH_OK, "%s", rows[i].name);
    }
    make_source(tensors, COUNT_OF(rows));
}

static void start_mixed(void) { start(); make_mixed(0); }

/* Every way of asking wrongly */
static void test_refused(void)
{
    static const struct { const char *text, *code, *message; smash_err err; } rows[] = {
        { "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 0}", "out_of_range", "\"ptq_target_bytes\" is 0 (a number); it must be a whole number from 1 on, or a share of what there is, above 0 and below 1", SMASH_ERR_CONFIG },
        { "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 1.5}", "out_of_range", "\"ptq_target_bytes\" is 1.5 (a number); it must be a whole number from 1 on, or a share of what there is, above 0 and below 1", SMASH_ERR_CONFIG },
        { "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": \"4k\"}", "wrong_type", "\"ptq_target_bytes\" is \"4k\" (a string); it must be a whole number from 1 on, or a share of what there is, above 0 and below 1", SMASH_ERR_CONFIG },
        { "{\"ptq_target_bytes\": 4000}", "inactive_algorithm", "\"ptq_target_bytes\" belongs to ptq, which is not active; set quantizer = \"ptq\" first", SMASH_ERR_CONFIG },
        { "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 4000, \"ptq_quant_dtype\": \"int4\"}", "target_without_choice",
          "\"ptq_target_bytes\" has nothing to choose from: every target has a quant_dtype of its own, or there is none", SMASH_ERR_CONFIG },
        { "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 4000, \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int8\"}]}", "target_without_choice",
          "\"ptq_target_bytes\" has nothing to choose from: every target has a quant_dtype of its own, or there is none", SMASH_ERR_CONFIG },
        { "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 4000, \"ptq_config_list\": [{\"op_names\": [\"conv\"], \"target_names\": [\"bias\"]}]}", "target_without_choice",
          "\"ptq_target_bytes\" has nothing to choose from: every target has a quant_dtype of its own, or there is none", SMASH_ERR_CONFIG },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 100, \"quantizer\": \"ptq\", \"ptq_target_bytes\": 4000}", "exclusive_keys",
          "\"level_target_parameters\" and \"ptq_target_bytes\" are two targets for one model; remove one of them", SMASH_ERR_CONFIG },
        { "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 4000, \"ptq_granularity\": [7, 1]}", "granularity", NULL, SMASH_ERR_CONFIG },
    };
    smash_result result, untouched;
    size_t i;
    memset(&untouched, 0x5A, sizeof untouched);
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        start_mixed();
        result = untouched;
        CHECK_ERR(&ctx, run(rows[i].text, &result), rows[i].err, "%s", rows[i].text);
        for (d = diags.first; d && d->severity != SMASH_ERROR; d = d->next) { }
        CHECK(d && strcmp(d->code, rows[i].code) == 0 && (!rows[i].message || strcmp(d->message, rows[i].message) == 0), "%s: %s: %s", rows[i].text, d ? d->code : "", d ? d->message : "nothing said");
        CHECK(memcmp(&result, &untouched, sizeof result) == 0, "%s: the result was touched", rows[i].text);
    }
    start_mixed();
    CHECK_ERR(&ctx, run("{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 10}", &result), SMASH_ERR_CONFIG, "out of reach");
    CHECK(strncmp(ctx.message, "target_bytes asks for at most 10, and ", 38) == 0 && out.used == 0, "%s", ctx.message);
    start();
    make_mixed(1);
    CHECK_ERR(&ctx, run("{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 9000}", &result), SMASH_ERR_NONFINITE, "NaN");
    CHECK(strstr(ctx.message, "fc.weight") != NULL && ctx.index == 5 && out.used == 0, "%s, %d", ctx.message, (int)ctx.index);
}

/* What an entry says stays said; the rest is chosen. Sizes between the least and all of it. */
static void test_mixed(void)
{
    static const struct { const char *name, *text; const char *fixed; uint32_t bits; } rows[] = {
        { "all", "", NULL, 0 },
        { "affine", ", \"ptq_quant_scheme\": \"affine\"", NULL, 0 },
        { "channels, full, away", ", \"ptq_quant_range\": \"full\", \"ptq_quant_rounding\": \"half_away\", \"ptq_granularity\": \"out_channel\"", NULL, 0 },
        { "one is said", ", \"ptq_config_list\": [{\"op_names\": [\"conv\"], \"target_names\": [\"weight\", \"bias\"], \"quant_dtype\": \"int8\"}, {\"op_names_re\": [\"fc|gate|wide\"], \"target_names\": [\"weight\"]}]", "conv.weight", 8 },
        { "the setting of a target", ", \"ptq_config_list\": [{\"op_names_re\": [\"fc|wide|emb\"]}, {\"op_names\": [\"conv\"], \"target_settings\": {\"weight\": {\"quant_dtype\": \"uint4\"}}}]", "conv.weight", 4 },
        { "pruned first", ", \"pruner\": \"level\", \"level_sparse_ratio\": 0.5", NULL, 0 },
        { "rows pruned, without zeros", ", \"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.5, \"pack_sparse\": true", NULL, 0 },
        { "single weights, without zeros, affine", ", \"pruner\": \"level\", \"level_sparse_ratio\": 0.9, \"pack_sparse\": true, \"ptq_quant_scheme\": \"affine\"", NULL, 0 },
        { "a group", ", \"pruner\": \"level\", \"level_config_list\": [{\"op_names_re\": [\"conv|fc|wide\"], \"sparse_ratio\": 0.5, \"global_group_id\": 1, \"target_names\": [\"weight\"]}]", NULL, 0 },
        { "types of a template", ", \"module_templates\": {\"Linear\": {\"quantizer\": {\"weight\": {\"quant_dtype\": \"int16\"}}}}", "fc.weight", 16 },
    };
    static unsigned char first[sizeof out.data];
    size_t r;
    for (r = 0; r < COUNT_OF(rows); r++) {
        uint64_t least = 0, asked, step;
        char text[1024], *at;
        smash_result result, again;
        smash_model file;
        smash_io io;
        size_t i, k, used;
        start_mixed();
        sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 1000%s}", rows[r].text);
        CHECK_ERR(&ctx, run(text, &result), SMASH_ERR_CONFIG, "%s: %s", rows[r].name, said());
        at = strstr(ctx.message, ", and ");
        least = at ? strtoul(at + 6, NULL, 10) : 0;
        CHECK(least > 1000 && least < 9999, "%s: %s", rows[r].name, ctx.message);
        step = (9999 - least) / 13;
        for (asked = least; asked < 9999 + step; asked += step) {
            start_mixed();
            sprintf(text, "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": %04lu%s}", (unsigned long)(asked > 9999 ? 9999 : asked), rows[r].text);
            CHECK_ERR(&ctx, run(text, &result), SMASH_OK, "%s: %s", rows[r].name, said());
            CHECK(result.bytes == out.used && result.bytes <= asked && plan.budget.left == result.bytes, "%s, %lu: %lu bytes", rows[r].name, (unsigned long)asked, (unsigned long)result.bytes);
            used = out.used;
            memcpy(first, out.data, used);
            for (i = 0; i < plan.count; i++) {
                const smash_row *q = &plan.rows[i];
                const smash_choice *c = q->choices ? &q->choices[q->choice] : NULL;
                if (!c) continue;
                CHECK(c->bytes == q->bytes_after && (int)c->keep == (int)q->skip && (c->keep || (c->quant.bits == q->quant.bits && c->snr_db == q->quant_stats.snr_db)) && q->note, "%s, %lu: %s: %lu bytes, not %lu; %g dB, not %g",
                      rows[r].name, (unsigned long)asked, plan.model->params[q->param].name, (unsigned long)q->bytes_after, (unsigned long)c->bytes, q->quant_stats.snr_db, c->snr_db);
                for (k = 0; k < q->choice_count; k++)
                    CHECK(q->choices[k].noise >= c->noise || q->choices[k].cost > c->cost, "%s, %lu: %s: choice %d is better in both", rows[r].name, (unsigned long)asked, plan.model->params[q->param].name, (int)k);
            }
            if (rows[r].fixed) {
                const smash_row *f = quantizer_row(rows[r].fixed);
                CHECK(f && !f->choices && !f->skip && f->quant.bits == rows[r].bits, "%s: %s", rows[r].name, rows[r].fixed);
            }
            CHECK(quantizer_row("gate.weight") == NULL || !quantizer_row("gate.weight")->choices || (quantizer_row("gate.weight")->skip && strcmp(quantizer_row("gate.weight")->note, "stays float: no width takes fewer bytes") == 0), "%s: gate", rows[r].name);
            /* the same plan once more, and a dry run, and threads from behind */
            for (k = 0; k < 3; k++) {
                ctx.parallel = k == 2 ? test_backwards : NULL;
                if (k == 1) CHECK_ERR(&ctx, smash_run(&ctx, &plan, NULL, &again), SMASH_OK, "%s", rows[r].name);
                else CHECK_ERR(&ctx, write_out(&again), SMASH_OK, "%s", rows[r].name);
                CHECK(again.bytes == result.bytes && again.nonzero == result.nonzero && (k == 1 || (out.used == used && memcmp(out.data, first, used) == 0)), "%s, %lu: run %d differs", rows[r].name, (unsigned long)asked, (int)k);
            }
            ctx.parallel = NULL;
            /* the config in the file says the same of the same model: what is said, and what is chosen */
            io = smash_io_memory(out.data, used);
            memcpy(out.data, first, used);
            CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &file), SMASH_OK, "%s", rows[r].name);
            for (i = 0; i < file.metadata_count && strcmp(file.metadata[i].key, "smash.config") != 0; i++) { }
            CHECK(i < file.metadata_count && strcmp(file.metadata[i].value, plan.config_text) == 0, "%s: the config in the file", rows[r].name);
            {
                const smash_plan old = plan;
                smash_model m;
                smash_config_init(&config, smash_builtins(), &arena, &diags);
                CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, &diags, &m), SMASH_OK, "%s", rows[r].name);
                CHECK_ERR(&ctx, smash_config_load(&ctx, &config, old.config_text, strlen(old.config_text), "again", NULL), SMASH_OK, "%s: %s", rows[r].name, said());
                CHECK_ERR(&ctx, smash_config_resolve(&ctx, &config, &m, &plan), SMASH_OK, "%s: %s", rows[r].name, said());
                CHECK(plan.count == old.count && strcmp(plan.config_text, old.config_text) == 0, "%s: %s, not %s", rows[r].name, plan.config_text, old.config_text);
                for (i = 0; i < plan.count && i < old.count; i++) CHECK(!plan.rows[i].choices == !old.rows[i].choices && (plan.rows[i].choices || plan.rows[i].quant.bits == old.rows[i].quant.bits), "%s: row %d of the config in the file", rows[r].name, (int)i);
            }
            /* smash() in memory, and what it saves */
            {
                smash_model m;
                smash_result kept;
                smash_io to = SMASH_ZERO;
                start_mixed();
                CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &source_io, &arena, &diags, &m), SMASH_OK, "%s", rows[r].name);
                CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL), SMASH_OK, "%s", rows[r].name);
                CHECK_ERR(&ctx, smash(&ctx, &m, &config, NULL, &kept), SMASH_OK, "%s: %s", rows[r].name, said());
                to.write = test_buffer_write;
                to.user = &out;
                out.used = out.calls = 0;
                CHECK_ERR(&ctx, smash_save(&ctx, &kept, &to), SMASH_OK, "%s", rows[r].name);
                CHECK(out.used == used && memcmp(out.data, first, used) == 0, "%s, %lu: smash_save writes another file", rows[r].name, (unsigned long)asked);
            }
        }
    }
}

/* A tensor is measured as pruning leaves it: what is pruned away no longer costs the grid anything. */
static void test_after_pruning(void)
{
    static const char masked[] = "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 0.9, \"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"]}]}";
    static const char pruned[] = "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"sparse_threshold\": 0.5}], \"quantizer\": \"ptq\", \"ptq_target_bytes\": 0.9, "
                                 "\"ptq_config_list\": [{\"op_names\": [\"fc\"], \"target_names\": [\"weight\"]}]}";
    double before;
    const smash_row *row;
    smash_result result;
    start_mixed();
    CHECK_ERR(&ctx, run(masked, &result), SMASH_OK, "%s", said());
    row = quantizer_row("fc.weight");
    before = row->choices[1].noise;
    start_mixed();
    CHECK_ERR(&ctx, run(pruned, &result), SMASH_OK, "%s", said());
    row = quantizer_row("fc.weight");
    CHECK(row->choices[1].noise > 0 && row->choices[1].noise < before, "%g, before %g", row->choices[1].noise, before);
    CHECK(plan.budget.before == source.used - 8 - (source.data[0] | (size_t)source.data[1] << 8) && plan.budget.most == (uint64_t)((double)plan.budget.before * 0.9), "a share is one of the tensors' bytes");
}

/* What float16 cannot hold is no choice; a tensor that is float16 already is best left alone. Fixed widths are no key of theirs. */
static void test_half(void)
{
    static const size_t shape[2] = { 20, 20 };
    smash_tensor tensors[2];
    smash_result result;
    layer l;
    uint32_t k;
    start();
    memset(&l, 0, sizeof l);
    l.rows = l.columns = 20;
    tensors[0] = test_view(SMASH_F32, numbers_of(&l, 1), 2, shape);
    ((float *)tensors[0].data)[7] = 1e6f;
    tensors[0].name = "far.weight";
    tensors[1] = test_view(SMASH_F16, NULL, 2, shape);
    tensors[1].data = test_exact(tensors[1].bytes);
    tensors[1].name = "half.weight";
    for (k = 0; k < 400; k++) ((uint16_t *)tensors[1].data)[k] = (uint16_t)(0x3000 + k * 7);
    make_source(tensors, 2);
    free(tensors[1].data);
    CHECK_ERR(&ctx, run("{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 9000, \"ptq_config_list\": [{\"op_names\": [\"far\", \"half\"], \"target_names\": [\"weight\"]}]}", &result), SMASH_OK, "%s", said());
    CHECK(quantizer_row("far.weight")->choice_count == 5 && quantizer_row("half.weight")->choice_count == 6, "%u", (unsigned)quantizer_row("far.weight")->choice_count);
    for (k = 0; k < 5; k++) CHECK(quantizer_row("far.weight")->choices[k].quant.format != SMASH_F16, "choice %u", (unsigned)k);
    CHECK(quantizer_row("half.weight")->choices[4].quant.format == SMASH_F16 && quantizer_row("half.weight")->choices[4].noise == 0 && quantizer_row("half.weight")->skip, "half");
    CHECK_ERR(&ctx, write_out(&result), SMASH_OK, "again: %s", said());
    start_mixed();
    CHECK_ERR(&ctx, run("{\"quantizer\": \"half\", \"half_target_bytes\": 3000}", &result), SMASH_ERR_CONFIG, "half");
    CHECK(diags.first && strcmp(diags.first->code, "unknown_key") == 0, "%s", said());
    start_mixed();
    CHECK_ERR(&ctx, run("{\"quantizer\": \"lsq\", \"lsq_target_bytes\": 5000}", &result), SMASH_OK, "%s", said());
    CHECK(result.bytes <= 5000 && out.used == result.bytes, "%d", (int)out.used);
}

/* One byte less of scratch or arena than it takes is an error, and the next run is as good as any. */
static void test_memory(void)
{
    static const char text[] = "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 5000}";
    static unsigned char scratch[1 << 20];
    smash_arena kept;
    smash_result result;
    size_t need;
    start_mixed();
    CHECK_ERR(&ctx, resolve(text), SMASH_OK, "%s", said());
    kept = ctx.scratch;
    smash_arena_init(&ctx.scratch, scratch, sizeof scratch, NULL);
    CHECK_ERR(&ctx, smash_run(&ctx, &plan, NULL, &result), SMASH_OK, "%s", said());
    need = ctx.scratch.peak;
    CHECK(need < 60000, "%d bytes of scratch", (int)need);
    smash_arena_init(&ctx.scratch, scratch, need, NULL);
    CHECK_ERR(&ctx, smash_run(&ctx, &plan, NULL, &result), SMASH_OK, "%s", said());
    smash_arena_init(&ctx.scratch, scratch, need - 1, NULL);
    CHECK_ERR(&ctx, smash_run(&ctx, &plan, NULL, &result), SMASH_ERR_NOMEM, "%d bytes", (int)need - 1);
    ctx.scratch = kept;
    smash_ctx_reset(&ctx);
    CHECK_ERR(&ctx, write_out(&result), SMASH_OK, "%s", said());
    CHECK(result.bytes == out.used && result.bytes <= 5000, "%d", (int)out.used);
}

/* The report of one small model, to the letter */
static void test_report(void)
{
    static const char text[] = "{\"quantizer\": \"ptq\", \"ptq_target_bytes\": 6000, \"ptq_config_list\": [{\"op_names\": [\"conv\", \"fc\", \"gate\"], \"target_names\": [\"weight\"]}]}";
    smash_result result;
    smash_text report;
    smash_writer w;
    smash_json doc;
    const smash_value *g, *rows, *r, *c;
    uint32_t i, k;
    start_mixed();
    CHECK_ERR(&ctx, run(text, &result), SMASH_OK, "%s", said());
    memset(&report, 0, sizeof report);
    memset(&w, 0, sizeof w);
    report.ctx = &ctx;
    report.arena = &arena;
    w.put = smash_text_put;
    w.user = &report;
    smash_write_begin_object(&w);
    smash_write_key(&w, "targets");
    smash_report_rows(&w, &plan);
    smash_write_key(&w, "groups");
    smash_report_groups(&w, &plan);
    smash_write_end(&w);
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, report.data, report.bytes, &arena, NULL, &doc), SMASH_OK, "%s", report.data);
    g = smash_value_get(doc.root, "groups");
    CHECK(g->count == 1 && smash_value_is(smash_value_get(g + 1, "rule"), "target_bytes") && smash_value_is(smash_value_get(g + 1, "algorithm"), "ptq") && smash_value_get(g + 1, "asked")->number == 6000 &&
          smash_value_get(g + 1, "most")->number == 6000 && smash_value_get(g + 1, "left")->number == (double)result.bytes && smash_value_get(g + 1, "members")->count == 3, "%s", report.data);
    rows = smash_value_get(doc.root, "targets");
    CHECK(rows->count == 3, "%s", report.data);
    for (i = 0, r = rows + 1; i < rows->count; i++, r += r->span) {
        const smash_value *choices = smash_value_get(r, "choices"), *dtype = smash_value_get(r, "dtype");
        int found = 0;
        CHECK(smash_value_is(smash_value_get(r, "chosen_by"), "target_bytes") && choices && choices->count == 6, "%s", report.data);
        for (k = 0, c = choices + 1; k < choices->count; k++, c += c->span)
            if (smash_value_is(smash_value_get(c, "dtype"), dtype->text)) {
                found = 1;
                CHECK(smash_value_get(c, "bytes")->number == smash_value_get(r, "bytes_after")->number && (smash_value_is(dtype, "float") || smash_value_get(c, "snr_db")->number == smash_value_get(r, "snr_db")->number), "%s", report.data);
            }
        CHECK(found && smash_value_get(r, "note")->type == SMASH_VALUE_STRING, "%s", report.data);
        CHECK(!smash_value_is(dtype, "float") || smash_value_get(r, "mse")->type == SMASH_VALUE_NULL, "%s", report.data);
    }
    CHECK(strcmp(quantizer_row("conv.weight")->note, "stays float: int16 would save 428 bytes for an SNR of 92.3 dB") == 0, "%s", quantizer_row("conv.weight")->note);
    CHECK(strcmp(quantizer_row("fc.weight")->note, "int4 saves 7540 bytes for an SNR of 2.6 dB; int8 would take 1064 more, for 23.0 dB") == 0, "%s", quantizer_row("fc.weight")->note);
    CHECK(strcmp(quantizer_row("gate.weight")->note, "stays float: no width takes fewer bytes") == 0, "%s", quantizer_row("gate.weight")->note);
}

int main(void)
{
    size_t i;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    for (i = 0; i < COUNT_OF(nets); i++) test_net(&nets[i]);
    CHECK(perfect * 100 >= tries * 95, "the least error %d times of %d", (int)perfect, (int)tries);
    test_refused();
    test_mixed();
    test_after_pruning();
    test_half();
    test_memory();
    test_report();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
