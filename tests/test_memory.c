/* test_memory.c - every call that takes memory or a callback, with each allocation and each read and write failing in turn, with
 * exactly the memory it needs, and with one byte less: the failure has a code and a size, nothing is left behind, no output is
 * touched, and the call works as if nothing had happened once there is memory. One row a call; the loops are the same for all. */
#include "../smash.h"
#include "test.h"

enum { ARENA_EXACT = 1, SCRATCH_EXACT = 2,   /* the documented size is what is needed; else it is enough */
       EXACT_64 = sizeof(size_t) == 8 ? SCRATCH_EXACT : 0,
       KEEPS = 4,                            /* the arena keeps what a failed call took, until its owner rewinds it */
       COPES = 8,                            /* can do without: a finding that finds no memory is counted and dropped */
       LONG = 16 };                          /* takes long and allocates often: fails at allocation 1, 4, 16 ..., and is repeated after few */
typedef struct row {
    const char *name;                        /* of the public call */
    void      (*prepare)(int variant);       /* what is there before, from memory that never fails; may be NULL */
    smash_err (*call)(int variant);          /* the call, once; its results go to note() */
    int         variant;
    unsigned    flags;
} row;

/* ---- what rows work with ---- */

static smash_ctx ctx, *use;                  /* use: &ctx, or NULL */
static smash_arena arena, given, notes, kept; /* arena is the one that fails; inputs and findings have memory; kept is for all rows */
static size_t said_arena, said_scratch;      /* documented; SIZE_MAX: nothing is */
static smash_digest seen;
static test_buffer source, packed, file, masks, chosen, *const files[5] = { &source, &packed, &file, &masks, &chosen };
static float numbers[65600];
static struct {
    double metric[1024];                     /* first, so that it is aligned where a double in a struct need not be */
    smash_distance distance; smash_mask_stats mask_stats; smash_quant_stats quant_stats; smash_json json; smash_regex regex; smash_model model;
    smash_layout layout; smash_plan plan; smash_result result; smash_tensor tensor; smash_dtype dtype; int matched;
    unsigned char selected[8], known[8]; unsigned char mask[1024];
} out;                                       /* every plain output: a pattern before, and after a failure */

static struct { const void *at; size_t bytes; void *copy; } watched[8];
static size_t watched_count;
static void watch(const void *at, size_t bytes)
{
    void *copy = bytes ? malloc(bytes) : NULL;
    if (!bytes) return;
    if (!copy || watched_count == COUNT_OF(watched)) abort();
    memcpy(copy, at, bytes);
    watched[watched_count].at = at;
    watched[watched_count].bytes = bytes;
    watched[watched_count++].copy = copy;
}

static void note(const void *data, size_t bytes) { smash_digest_add(&seen, data, bytes); }
static void note_number(double x) { note(&x, sizeof x); }
static void note_text(const char *text) { note(text, strlen(text) + 1); }
static size_t up16(size_t bytes) { return (bytes + 15) / 16 * 16; }

/* ---- layer 0 ---- */

static smash_err call_arena(int array)
{
    void *p = array ? smash_arena_array(use, &arena, 100, 24) : smash_arena_alloc(use, &arena, 1000);
    said_arena = array ? 2400 : 1000;
    said_scratch = 0;
    if (!p) return use ? use->err : SMASH_ERR_NOMEM;
    memset(p, 1, said_arena);
    return SMASH_OK;
}

static smash_err call_distance(int count)
{
    size_t n = (size_t)count;
    smash_tensor a = test_view(SMASH_F32, numbers, 1, &n), b = test_view(SMASH_F32, numbers + 1, 1, &n);
    smash_err err = smash_tensor_distance(use, &a, &b, &out.distance);
    said_scratch = (n + 65535) / 65536 * 64;
    if (!err) note(&out.distance, sizeof out.distance);
    return err;
}

static smash_err call_loss(int count)
{
    size_t n = (size_t)count;
    smash_tensor a = test_view(SMASH_F32, numbers, 1, &n), b = test_view(SMASH_F32, numbers + 1, 1, &n);
    double loss = 0;
    smash_err err = smash_loss(use, NULL, &a, &b, &loss, NULL);
    said_scratch = (n + 65535) / 65536 * 8;
    if (!err) note(&loss, sizeof loss);
    return err;
}

static const size_t matrix[2] = { 24, 36 };
enum { CELLS = 24 * 36 };
typedef struct mask_case { smash_metric metric; smash_dtype dtype; int axis; double ratio; } mask_case;   /* axis -1: single elements */
static const mask_case mask_cases[] = {
    { SMASH_METRIC_L1, SMASH_F32, -1, 0.5 }, { SMASH_METRIC_L2, SMASH_F32, 0, 0.5 }, { SMASH_METRIC_FPGM, SMASH_F32, 0, 0.5 }, { SMASH_METRIC_FPGM, SMASH_F32, 1, 0.25 },
    { SMASH_METRIC_FPGM, SMASH_F16, 0, 0.25 }, { SMASH_METRIC_FPGM, SMASH_F64, 0, 0.5 }, { SMASH_METRIC_FPGM, SMASH_F64, 1, 0.5 }, { SMASH_METRIC_L1, SMASH_F64, -1, 0.3 }
};
static smash_mask_desc mask_desc(const mask_case *c)
{
    smash_mask_desc d = SMASH_ZERO;
    d.metric = c->metric;
    d.ratio = c->ratio;
    d.grain = c->axis < 0 ? smash_grain_element() : smash_grain_axis((uint32_t)c->axis);
    return d;
}
static smash_tensor mask_weights(const mask_case *c)
{
    static double cells[CELLS];
    smash_tensor from = test_view(SMASH_F32, numbers, 2, matrix), w = test_view(c->dtype, cells, 2, matrix);
    if (smash_tensor_convert(NULL, &from, &w)) abort();
    return w;
}

static smash_err call_metric(int variant)
{
    const mask_case *c = &mask_cases[variant];
    smash_mask_desc d = mask_desc(c);
    smash_tensor w = mask_weights(c), metric;
    smash_grid grid;
    smash_err err;
    smash_grid_make(NULL, &d.grain, &w, &grid);
    metric = test_view(SMASH_F64, out.metric, 2, grid.count);
    err = smash_mask_metric(use, &d, &w, &metric);
    said_scratch = c->metric != SMASH_METRIC_FPGM ? 0 : 64 * grid.blocks + (c->axis == 0 && c->dtype != SMASH_F16 ? 0u : CELLS * (c->dtype == SMASH_F64 ? 8u : 4u));
    if (!err) note(metric.data, metric.bytes);
    return err;
}

static smash_err call_make(int variant)
{
    const mask_case *c = &mask_cases[variant];
    smash_mask_desc d = mask_desc(c);
    smash_tensor w = mask_weights(c), mask;
    smash_grid grid;
    smash_err err;
    smash_grid_make(NULL, &d.grain, &w, &grid);
    mask = test_view(SMASH_BOOL, out.mask, 2, grid.count);
    smash_mask_bytes(NULL, &d, &w, &said_scratch);
    err = smash_mask_make(use, &d, &w, &mask, &out.mask_stats);
    if (!err) { note(out.mask, grid.blocks); note_number((double)out.mask_stats.dropped); }
    return err;
}

static smash_err call_kth(int variant)
{
    smash_tensor w = mask_weights(&mask_cases[variant]);
    double magnitude = 0;
    smash_err err;
    smash_mask_bytes(NULL, NULL, &w, &said_scratch);
    err = smash_kth_magnitude(use, &w, 2, &magnitude);
    if (!err) note_number(magnitude);
    return err;
}

static smash_err call_allocate(int variant)
{
    const mask_case *c = &mask_cases[variant];
    smash_mask_desc d = mask_desc(c);
    smash_tensor w = mask_weights(c), metric, mask;
    static double scores[CELLS];
    size_t shape[2], i;
    smash_err err;
    shape[0] = matrix[0];
    shape[1] = c->axis < 0 ? matrix[1] : 1;
    for (i = 0; i < CELLS; i++) scores[i] = (double)numbers[i] + 9;
    metric = test_view(SMASH_F64, scores, 2, shape);
    mask = test_view(SMASH_BOOL, out.mask, 2, shape);
    smash_mask_bytes(NULL, &d, &w, &said_scratch);
    err = smash_mask_allocate(use, &d, &metric, 32, &mask, &out.mask_stats);
    if (!err) { note(out.mask, mask.bytes); note_number((double)out.mask_stats.dropped); }
    return err;
}

static smash_err call_together(int shared)
{
    static double scores[3][24];
    static unsigned char masks_of[3][24];
    static const size_t blocks = 24;
    smash_mask_member members[3];
    smash_mask_desc d = SMASH_ZERO;
    smash_budget_desc budget = SMASH_ZERO;
    size_t m, i;
    smash_err err;
    memset(members, 0, sizeof members);
    memset(masks_of, 0x5A, sizeof masks_of);
    for (m = 0; m < 3; m++) {
        for (i = 0; i < blocks; i++) scores[m][i] = (double)numbers[m * blocks + i] + 9;
        members[m].metric = smash_tensor_view(SMASH_F64, scores[m], sizeof scores[m], 1, &blocks);
        members[m].mask = smash_tensor_view(SMASH_BOOL, masks_of[m], sizeof masks_of[m], 1, &blocks);
        members[m].block_elements = m + 1;
        members[m].max_ratio = 0.75;
    }
    d.ratio = budget.ratio = 0.4;
    said_scratch = shared ? up16(24 * 8) + 8 * (6 + 256) : 2048 + 48 * 3;
    err = shared ? smash_mask_allocate_shared(use, &d, members, 3, 32) : smash_mask_allocate_global(use, &budget, members, 3);
    if (err) for (i = m = 0; i < sizeof masks_of; i++) CHECK(((unsigned char *)masks_of)[i] == 0x5A, "mask byte %d was touched", (int)i);
    else note(masks_of, sizeof masks_of);
    return err;
}

static smash_err call_lamp(int count)
{
    static double scores[1000];
    const size_t n = (size_t)count;
    smash_tensor w = smash_tensor_view(SMASH_F32, numbers, n * sizeof(float), 1, &n), metric = smash_tensor_view(SMASH_F64, scores, sizeof scores, 1, &n);
    smash_err err = smash_score_lamp(use, &w, &metric);
    said_scratch = 8 * n;
    if (!err) note(scores, n * sizeof *scores);
    return err;
}

static smash_err call_measure(int count)
{
    static int8_t ints[COUNT_OF(numbers)];
    size_t n = (size_t)count, one = 1;
    float step = 0.01f;
    smash_tensor w = test_view(SMASH_F32, numbers, 1, &n), q = test_view(SMASH_I8, ints, 1, &n), scale = test_view(SMASH_F32, &step, 1, &one);
    smash_err err = smash_quant_measure(use, NULL, &w, &scale, NULL, &q, &out.quant_stats);
    said_scratch = (n + 65535) / 65536 * 96;
    if (!err) { note_number(out.quant_stats.mse); note_number(out.quant_stats.snr_db); note_number((double)out.quant_stats.zeros); }
    return err;
}

static struct { float list[256], codes[16], shift[1], blocks[2]; unsigned char bytes[500]; } book;
static void prepare_codebook(int variant)
{
    const size_t many = 256;
    smash_tensor list = test_view(SMASH_F32, book.list, 1, &many);
    (void)variant;
    memset(&book, 0x33, sizeof book);
    if (smash_codebook_table(NULL, SMASH_CODEBOOK_DYNAMIC, &list)) abort();
    watch(&book, sizeof book);
}

/* 0: indexes, 1: scales, 2, 3: k-means from either start */
static smash_err call_codebook(int variant)
{
    static const size_t n = 500, many = 256, few = 16, two = 2, one = 1;
    smash_tensor w = test_view(SMASH_F32, numbers, 1, &n), q = test_view(SMASH_U8, book.bytes, 1, &n), list = test_view(SMASH_F32, book.list, 1, &many);
    smash_tensor means = test_view(SMASH_F32, book.codes, 1, &few), b = test_view(SMASH_F32, book.blocks, 1, &two), o = test_view(SMASH_F32, book.shift, 1, &one);
    smash_codebook_desc desc = SMASH_ZERO;
    smash_err err;
    desc.start = variant == 3 ? SMASH_START_QUANTILE : SMASH_START_LINEAR;
    said_arena = 0;
    said_scratch = variant < 2 ? 1280 : 1296 + 32 * 16 + (variant == 3 ? 144 * 16 : 0);
    err = variant == 0 ? smash_codebook_quantize(use, NULL, &w, &list, NULL, &q) : variant == 1 ? smash_codebook_pack_scales(use, &w, &list, &q, &b, &o) : smash_codebook_kmeans(use, &desc, &w, &means);
    if (!err) note(&book, sizeof book);
    return err;
}

/* ---- value and select ---- */

static smash_diags diags;
static void prepare_diags(int variant)
{
    memset(&diags, 0, sizeof diags);
    diags.arena = variant == 2 ? &arena : &notes;
}

/* variant 0: JSON as it is; 1: all that costs more, findings elsewhere; 2: findings in the same arena */
static smash_err call_json(int variant)
{
    static const char strict[] = "{\"a\": [1, 2.5, true, null, \"x\\n\"], \"bb\": {\"c\": -1e3, \"d\": \"\\u00e9\"}, \"a2\": [[], {}]}";
    static const char lax[] = "{'a': [1, 2, None, 'x',], # 1\n \"bb\": {\"c\": -1e3, 'd': True}, 'a2': [[], {},]}";
    smash_json_desc desc = SMASH_ZERO;
    const char *text = variant ? lax : strict;
    size_t i;
    smash_err err;
    desc.lenient = desc.unique_keys = variant != 0;
    err = smash_json_parse(use, &desc, text, strlen(text), &arena, variant ? &diags : NULL, &out.json);
    if (err) return err;
    said_scratch = 8 * 32 + (variant ? 8 * 3 : 0);                     /* 32 levels, 3 members */
    said_arena = out.json.count * sizeof(smash_value);
    for (i = 0; i < out.json.count; i++) {
        const smash_value *v = &out.json.root[i];
        note_number((double)v->type);
        note_number(v->count);
        note_number(v->span);
        note_number(v->number);
        if (v->type == SMASH_VALUE_STRING) { note(v->text, v->count + 1); said_arena += v->count + 1; }
    }
    if (variant == 2) said_arena = SIZE_MAX;
    return SMASH_OK;
}

static smash_err call_diag(int variant)
{
    (void)variant;
    smash_diag_add(&diags, SMASH_ERROR, "code", NULL, NULL, "a message");
    note_number((double)diags.errors);
    CHECK(diags.errors == 1 && (diags.first ? !strcmp(diags.first->message, "a message") : diags.dropped == 1), "%zu dropped", diags.dropped);
    return SMASH_OK;
}

static smash_text text;
static void prepare_text(int bytes)
{
    int i;
    memset(&text, 0, sizeof text);
    text.ctx = &ctx;
    text.arena = &given;
    for (i = 0; i < bytes; i++) smash_text_put(&text, "x", 1);
    text.arena = &arena;
    watch(&text, sizeof text);
    if (bytes) watch(text.data, text.bytes + 1);
}
static smash_err call_text(int bytes)
{
    smash_err err;
    text.ctx = use;
    err = smash_text_put(&text, "0123456789", 10);
    text.ctx = &ctx;
    said_scratch = 0;
    if (!err) { CHECK(text.bytes == (size_t)bytes + 10, "%zu bytes", text.bytes); note_text(text.data); }
    return err;
}

static const char pattern[] = "^(?:[a-c]+|x{2,3})\\.(\\w*)$";
static smash_regex regex;
static void prepare_regex(int variant)
{
    (void)variant;
    if (smash_regex_compile(&ctx, pattern, strlen(pattern), &given, &regex)) abort();
}

/* variant 1: the program goes into the scratch itself */
static smash_err call_compile(int variant)
{
    smash_arena_mark mark = smash_arena_get_mark(&ctx.scratch);
    smash_err err = smash_regex_compile(use, pattern, strlen(pattern), variant ? &ctx.scratch : &arena, &out.regex);
    said_scratch = variant ? SIZE_MAX : 24 * 3;                          /* two groups and the pattern */
    if (err) return err;
    said_arena = variant ? 0 : 4 * (size_t)out.regex.count;
    note(out.regex.code, 4 * (size_t)out.regex.count);
    if (variant) smash_arena_rewind(&ctx.scratch, mark);
    return SMASH_OK;
}

static smash_err call_match(int variant)
{
    smash_err err = smash_regex_match(use, &regex, "abca.w_9", 8, &out.matched);
    (void)variant;
    said_scratch = 9 * (size_t)regex.states;
    if (!err) { CHECK(out.matched == 1, "matched %d", out.matched); note_number(out.matched); }
    return err;
}

/* variant: how many modules there are */
static smash_err call_select(int variant)
{
    static const char *const names[] = { "abca.w", "b.w", "xx.", "head", "tail" }, *const types[] = { "Linear", "Linear", "Conv2d", "Linear", "Conv2d" };
    static const char *const named[] = { "head", "nobody" }, *const like[] = { pattern }, *const unlike[] = { "b\\." };
    smash_select_desc desc = SMASH_ZERO;
    smash_err err;
    desc.op_names.items = named;
    desc.op_names.count = 2;
    desc.op_names_re.items = like;
    desc.op_names_re.count = 1;
    desc.exclude_op_names_re.items = unlike;
    desc.exclude_op_names_re.count = 1;
    err = smash_select(use, &desc, names, types, (size_t)variant, out.selected, out.known);
    said_scratch = up16((size_t)variant) + up16(4 * (size_t)regex.count) + (variant ? 9 * (size_t)regex.states : 24 * 3);
    if (!err) { note(out.selected, (size_t)variant); note(out.known, 2); }
    return err;
}

/* ---- model and io ---- */

static const struct { const char *name; smash_dtype dtype; uint32_t ndim; size_t shape[4]; } tensors[] = {
    { "conv.weight", SMASH_F32, 4, { 8, 3, 3, 3 } }, { "conv.bias", SMASH_F32, 1, { 8 } }, { "fc.weight", SMASH_F32, 2, { 10, 40 } },
    { "emb.weight", SMASH_F16, 2, { 16, 5 } }, { "old.weight", SMASH_I8, 2, { 4, 6 } }, { "old.weight_scale", SMASH_F32, 2, { 1, 1 } }
};
enum { TENSORS = 6, MODULES = 4, FC = 2 };
static const smash_meta metadata[] = { { "format", "pt" }, { "smash.module_types", "{\"conv\":\"Conv2d\",\"fc\":\"Linear\"}" }, { "smash.quant_dtypes", "{\"old.weight\":\"int8\"}" } };
static smash_tensor views[TENSORS];
static smash_model model;
static smash_layout layout;

static smash_io io_of(test_buffer *f)
{
    smash_io io = SMASH_ZERO;
    io.read = test_buffer_read;
    io.write = test_buffer_write;
    io.bytes = f->used;
    io.user = f;
    return io;
}

static void watch_model(void)
{
    model.arena = &arena;
    watch(&model, sizeof model);
    watch(model.params, model.param_count * sizeof *model.params);
    watch(model.modules, model.module_count * sizeof *model.modules);
}

static void add_params(int params)
{
    int i;
    smash_model_init(&model, &given);
    for (i = 0; i < params; i++) {
        char name[32];
        snprintf(name, sizeof name, i % 2 ? "m%d.bias" : "m%d.weight", i / 2);
        smash_model_add(&ctx, &model, name, &views[i % TENSORS], 0);
    }
}
static void prepare_model(int params)
{
    add_params(params);
    watch_model();
}

static void note_model(const smash_model *m)
{
    size_t i;
    for (i = 0; i < m->param_count; i++) {
        const smash_param *p = &m->params[i];
        note_text(p->name);
        note_text(p->target);
        note_number(p->module);
        note_number(p->next);
        note_number((double)p->offset);
        note_number((double)p->meant);
        note(p->tensor.shape, p->tensor.ndim * sizeof *p->tensor.shape);
    }
    for (i = 0; i < m->module_count; i++) { note_text(m->modules[i].name); note_text(m->modules[i].type); note_number(m->modules[i].inferred); note_number(m->by_name[i]); }
    for (i = 0; i < m->metadata_count; i++) { note_text(m->metadata[i].key); note_text(m->metadata[i].value); }
}

static smash_err call_add(int params)
{
    smash_err err = smash_model_add(use, &model, "block.7.ffn.weight", &views[0], 77);
    said_scratch = 0;
    if (!err) { CHECK(model.param_count == (size_t)params + 1, "%zu parameters", model.param_count); note_model(&model); }
    return err;
}

static smash_err call_finish(int params)
{
    smash_err err = smash_model_finish(use, &model);
    size_t i;
    if (err) return err;
    said_scratch = 8 * (size_t)params + 15;
    said_arena = 4 * (size_t)params + 3 * 15;
    for (i = 0; i < model.module_count; i++) said_arena += 28 + strlen(model.modules[i].name) + 1;
    note_model(&model);
    return SMASH_OK;
}

static void prepare_type(int variant)
{
    (void)variant;
    add_params(5);
    smash_model_finish(&ctx, &model);
    watch_model();
}
static smash_err call_type(int variant)
{
    smash_err err = smash_model_set_type(use, &model, 1, "ConvTranspose2d");
    (void)variant;
    said_scratch = 0;
    if (!err) note_model(&model);
    return err;
}

/* variant 0: the first; 1: a 17th, for which the table grows; 2: one that is there already */
static void prepare_shape(int variant)
{
    static const size_t dims[2] = { 1, 8 };
    char name[32];
    int i;
    add_params(5);
    smash_model_finish(&ctx, &model);
    for (i = 0; i < 16 && variant; i++) {
        snprintf(name, sizeof name, "_output_%d", i);
        smash_model_set_shape(&ctx, &model, 1, name, 2, dims);
    }
    watch_model();
    watch(model.activations, model.activation_count * sizeof *model.activations);
}
static smash_err call_shape(int variant)
{
    static const size_t dims[3] = { 2, 3, 4 };
    const char *target = variant == 2 ? "_output_7" : "_output_";
    smash_err err = smash_model_set_shape(use, &model, variant == 1 ? 0 : 1, target, 3, dims);
    const smash_tensor *t;
    said_scratch = 0;
    if (err) return err;
    t = smash_model_find_activation(&model, variant == 1 ? 0 : 1, variant == 2 ? "_output_7" : "_output_0");
    CHECK(t && t->ndim == 3 && t->shape[2] == 4 && t->dtype == SMASH_F32 && !t->data, "not there");
    note_number((double)model.activation_count);
    note_text(t ? t->name : "");
    return SMASH_OK;
}

/* variant 0: through callbacks; 1: mapped; 2: mapped at an odd address */
static unsigned char shifted[sizeof source.data + 1];
static smash_io source_io(int variant)
{
    if (variant == 0) return io_of(&source);
    memcpy(shifted + 1, source.data, source.used);
    return variant == 1 ? smash_io_memory(source.data, source.used) : smash_io_memory(shifted + 1, source.used);
}

static smash_io from;
static smash_err call_read(int variant)
{
    size_t header = (size_t)(layout.header_bytes - 8), i;
    smash_err err;
    from = source_io(variant);
    err = smash_safetensors_read(use, NULL, &from, &arena, &diags, &out.model);
    if (err) return err;
    said_scratch = 16 * header + 4096;
    said_arena = 200 * TENSORS;
    for (i = 0; i < TENSORS; i++) said_arena += 2 * up16(strlen(tensors[i].name) + 1);
    for (i = 0; i < COUNT_OF(metadata); i++) said_arena += 2 * sizeof(char *) + up16(strlen(metadata[i].key) + 1) + up16(strlen(metadata[i].value) + 1);
    note_model(&out.model);
    return SMASH_OK;
}

static void read_model(smash_io io)
{
    from = io;
    if (smash_safetensors_read(&ctx, NULL, &from, &given, NULL, &model)) abort();
}
static void prepare_source(int variant)
{
    read_model(source_io(variant));
    watch_model();
    watch(source.data, source.used);
}
static smash_err call_load(int variant)
{
    smash_err err = smash_model_load(use, &model, (size_t)smash_model_find_param(&model, "fc.weight"), &arena, &out.tensor);
    said_scratch = 0;
    said_arena = variant == 1 ? 0 : views[FC].bytes;
    if (!err) note(out.tensor.data, views[FC].bytes);
    return err;
}

static smash_err call_layout(int variant)
{
    smash_err err = smash_safetensors_layout(use, views, TENSORS, metadata, COUNT_OF(metadata), &arena, &out.layout);
    (void)variant;
    if (err) return err;
    said_scratch = 8 * TENSORS + 15;
    said_arena = out.layout.header_bytes + 16 * TENSORS + 2 * 15;
    note(out.layout.header, out.layout.header_bytes);
    note(out.layout.offsets, TENSORS * sizeof *out.layout.offsets);
    return SMASH_OK;
}

/* variant -1: the header; else a tensor */
static smash_err call_write(int variant)
{
    smash_io io = io_of(&file);
    smash_err err = variant < 0 ? smash_safetensors_begin(use, &layout, &io) : smash_safetensors_put(use, &layout, &io, (size_t)variant, &views[variant]);
    said_arena = said_scratch = 0;
    if (!err) note(file.data, file.used);
    return err;
}

/* ---- config and algo ---- */

static const char dictionary[] = "{\"pruner\": \"l2_norm\", \"l2_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, # lenient\n"
    " \"target_settings\": {\"_output_\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}, \"_output_extra\": {\"align\": {\"target_name\": \"_output_0\", \"dims\": [1]}}}},\n"
    " {\"op_names_re\": [\"f[a-c]+\", \"no(body)*\"], \"exclude_op_names_re\": [\"(x|y)*z\"], \"sparse_ratio\": 0.3, \"granularity\": [1, 1]}],"
    " \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"conv\"], \"target_names\": [\"weight\"], \"granularity\": \"out_channel\"},"
    " {\"op_names\": [\"fc\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int4\", \"granularity\": [1, 8]},"
    " {\"op_names\": [\"emb\"], \"quant_dtype\": \"uint2\", \"quant_scheme\": \"affine\"}], \"module_types\": {\"emb\": \"Linear\", \"fc\": \"Linear\", \"gone\": \"Linear\"},"
    " \"shapes\": {\"conv\": {\"_output_\": [1, 8, 2, 2], \"_input_input\": [1, 3, 4, 4]}, \"gone\": {\"_input_\": [1]}}, \"module_templates\": {\"Mine\": {\"inputs\": [\"x\", \"y\"], \"pruner\": {\"w\": {}}}}}";
static const char list[] = "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"exclude_op_names_re\": [\"a(b|c)\"]}]";
static smash_config config;
static smash_plan plan;

/* variant 2: findings in the arena that fails */
static void prepare_config(int variant)
{
    prepare_diags(variant);
    smash_config_init(&config, smash_builtins(), &arena, &diags);
    watch(&config, sizeof config);
}
static void note_config(void)
{
    size_t i;
    for (i = 0; i < config.count; i++) { note_text(config.settings[i].name); note_number(config.settings[i].value->type); }
}
static smash_err call_config(int variant)
{
    const char *t = variant ? list : dictionary;
    smash_err err = smash_config_load(use, &config, t, strlen(t), "c.json", variant ? "level" : NULL);
    if (!err) note_config();
    return err;
}

static void prepare_loaded(int variant)
{
    prepare_diags(0);
    smash_config_init(&config, smash_builtins(), &given, &diags);
    if (smash_config_load(&ctx, &config, dictionary, strlen(dictionary), "c.json", NULL)) abort();
    config.arena = &arena;
    watch(&config, sizeof config);
    (void)variant;
}
static smash_err call_set(int variant)
{
    smash_err err = smash_config_set_text(use, &config, variant ? "ptq_quant_scheme=affine" : "l2_norm_config_list=[{\"op_names_re\": [\"a(b|c)\"], \"sparse_ratio\": 0.1}]");
    if (!err) note_config();
    return err;
}
static smash_err call_check(int variant) { (void)variant; return smash_config_check(use, &config); }

/* Every way to change one key */
static smash_err call_set_value(int variant)
{
    const smash_value null = { SMASH_VALUE_NULL, 0, 1, 0, NULL, 0 };
    smash_err err = SMASH_ERR_ARG;
    switch (variant) {
    case 0: err = smash_config_set(use, &config, "quantizer", &null); break;
    case 1: err = smash_config_set_word(use, &config, "pruner", "fpgm"); break;
    case 2: err = smash_config_set_number(use, &config, "batch_size", 7.0); break;
    case 3: err = smash_config_set_bool(use, &config, "batch_size", 1); break;
    case 4: err = smash_config_unset(use, &config, "l2_norm_config_list"); break;
    case 5: err = smash_config_set(use, &config, "ptq_include", smash_config_get(&ctx, &config, "l2_norm_include")); break;
    }
    if (!err) note_config();
    return err;
}

static smash_config copied;
static void prepare_copy(int variant)
{
    prepare_loaded(variant);
    memset(&copied, 0x5A, sizeof copied);
    watch(&copied, sizeof copied);
}
static smash_err call_copy(int variant)
{
    smash_err err = smash_config_copy(use, &config, &arena, &diags, &copied);
    (void)variant;
    if (err) return err;
    CHECK(smash_config_equal(&config, &copied), "the copy is another");
    return SMASH_OK;
}

static void prepare_resolve(int variant)
{
    prepare_loaded(0);
    prepare_source(variant);
}
static smash_err call_resolve(int variant)
{
    size_t i;
    smash_err err = smash_config_resolve(use, &config, &model, &out.plan);
    (void)variant;
    if (err) return err;
    note_text(out.plan.config_text);
    note_text(out.plan.types_text);
    note_text(out.plan.dtypes_text);
    for (i = 0; i < out.plan.count; i++) { note_text(out.plan.rows[i].algo->name); note_text(out.plan.rows[i].target); note_number(out.plan.rows[i].module); }
    note_model(&model);
    return SMASH_OK;
}

static void prepare_run(int variant)
{
    prepare_loaded(0);
    read_model(source_io(variant & 3));
    config.arena = &given;
    if (smash_config_resolve(&ctx, &config, &model, &plan)) abort();
    config.arena = plan.arena = &arena;
    watch_model();
    watch(source.data, source.used);
}
/* variant + 4: with masks that are given */
static smash_io masks_from;
static smash_err call_run(int variant)
{
    smash_io to = io_of(&file), masks_to = io_of(&masks);
    smash_run_desc desc = SMASH_ZERO;
    smash_mask_desc level = SMASH_ZERO;
    smash_err err;
    size_t i, mask_bytes;
    masks_from = variant & 1 ? smash_io_memory(chosen.data, chosen.used) : io_of(&chosen);
    desc.masks_in = variant & 4 ? &masks_from : NULL;
    level.ratio = 0.3;
    smash_mask_bytes(NULL, &level, &views[FC], &mask_bytes);
    desc.out = &to;
    desc.masks = &masks_to;
    err = smash_run(use, &plan, &desc, &out.result);
    if (err) return err;
    said_scratch = views[FC].bytes + 200 + 400 + 400 + 50 * 12 + up16(mask_bytes);      /* fc: int4, blocks of 1 and 8 */
    if (variant & 4) said_scratch += 2 * 400;                            /* its mask, and that of the file to write */
    note(file.data, file.used);
    note(masks.data, masks.used);
    note_number((double)out.result.nonzero);
    for (i = 0; i < plan.count; i++) { note_number(plan.rows[i].quant_stats.mse); note_number((double)plan.rows[i].mask_stats.dropped); }
    for (i = 0; i < plan.given_count; i++) note_number((double)plan.given[i].mask_stats.elements);
    return SMASH_OK;
}

/* An algorithm that has rules, looks at the model, and changes it: every number of the first parameter becomes 0 */
static smash_err mine_ask(smash_ctx *c, const smash_job *job) { return job->algo ? SMASH_OK : smash_ctx_fail(c, SMASH_ERR_ARG, "no algorithm"); }
static smash_err mine_apply(smash_ctx *c, smash_job *job)
{
    smash_tensor t;
    size_t bytes;
    smash_err err = smash_job_edit(c, job, 0, &t);
    if (err) return err;
    smash_tensor_bytes(&t, &bytes);
    memset(t.data, 0, bytes);
    return SMASH_OK;
}
static const smash_key mine_keys[] = { SMASH_HYPER_CHOICE("backend", "fast small", "fast", "which"), SMASH_HYPER_GLOBS("skip", "[\"a*\"]", "not these") };
static smash_algo mine;
static const smash_algo *room[32];
static smash_registry registry;

static void prepare_smash(int variant)
{
    static const char *const compatible[] = { "ptq", "l2_norm", NULL };
    memset(&mine, 0, sizeof mine);
    mine.name = "mine";
    mine.group = SMASH_COMPILER;
    mine.summary = "packs";
    mine.compatible = compatible;
    mine.on_modules = 1;
    mine.keys = mine_keys;
    mine.key_count = COUNT_OF(mine_keys);
    mine.check_config = mine.check_model = mine.hook = mine_ask;
    mine.apply = mine_apply;
    smash_registry_init(&registry, room, COUNT_OF(room));
    if (smash_register_builtins(&ctx, &registry) || smash_register(&ctx, &registry, &mine)) abort();
    prepare_loaded(0);
    smash_config_init(&config, &registry, &given, &diags);
    if (smash_config_load(&ctx, &config, dictionary, strlen(dictionary), "c.json", NULL) || smash_config_set_text(&ctx, &config, "compiler=mine")) abort();
    read_model(source_io(variant & 3));
    watched_count--;                                                     /* of the config before */
    free(watched[watched_count].copy);
    watch(&config, sizeof config);
    watch_model();
    watch(source.data, source.used);
}
static smash_err call_smash(int variant)
{
    smash_io masks_to = io_of(&masks);
    smash_desc desc = SMASH_ZERO;
    smash_err err;
    masks_from = variant & 1 ? smash_io_memory(chosen.data, chosen.used) : io_of(&chosen);
    desc.masks_in = variant & 4 ? &masks_from : NULL;
    desc.arena = &arena;
    desc.masks = &masks_to;
    err = smash(use, &model, &config, &desc, &out.result);
    if (err) return err;
    note(masks.data, masks.used);
    note_number((double)out.result.bytes);
    note_number((double)out.result.nonzero);
    note(out.result.layout.header, out.result.layout.header_bytes);
    return SMASH_OK;
}
static smash_err call_smash_check(int variant) { (void)variant; return smash_check(use, &model, &config, 0); }

static smash_result made;
static void prepare_save(int variant)
{
    smash_desc desc = SMASH_ZERO;
    prepare_smash(variant);
    desc.arena = &given;
    if (smash(&ctx, &model, &config, &desc, &made)) abort();
    watch(&made, sizeof made);
}
static smash_err call_save(int variant)
{
    smash_io to = io_of(&file);
    smash_err err = smash_save(use, &made, &to);
    (void)variant;
    if (!err) note(file.data, file.used);
    return err;
}

static test_buffer container;
static void prepare_back(int variant)
{
    smash_io to = io_of(&container);
    container.used = 0;
    prepare_save(0);
    if (smash_save(&ctx, &made, &to)) abort();
    smash_config_init(&config, &registry, &arena, &diags);
    while (watched_count) free(watched[--watched_count].copy);
    watch(&out, sizeof out);
    watch(&config, sizeof config);
    watch(container.data, container.used);
    (void)variant;
}
static smash_err call_back(int variant)
{
    smash_io from = smash_io_memory(container.data, container.used);
    smash_err err;
    if (variant) { from.map = NULL; from.read = test_buffer_read; from.user = &container; }
    err = smash_load(use, &from, NULL, &config, &out.result);
    if (err) return err;
    note_config();
    note(out.result.layout.header, out.result.layout.header_bytes);
    note_number(out.result.step_count);
    return SMASH_OK;
}

static smash_job job;
static void prepare_edit(int variant)
{
    prepare_source(variant);
    memset(&job, 0, sizeof job);
    job.model = &model;
    job.arena = &arena;
}
static smash_err call_edit(int variant)
{
    smash_err err = smash_job_edit(use, &job, FC, &out.tensor);
    (void)variant;
    if (err) return err;
    said_arena = 2 * up16(views[FC].bytes);
    note(out.tensor.data, views[FC].bytes);
    return SMASH_OK;
}

static void prepare_packed(int variant)
{
    (void)variant;
    read_model(io_of(&packed));
    watch_model();
}
static smash_err call_parts(int variant)
{
    ptrdiff_t at[SMASH_PART_COUNT];
    smash_err err = smash_model_find_parts(use, &model, tensors[variant].name, at);
    if (!err && at[SMASH_PART_MAIN] < 0 && at[SMASH_PART_PACKED] < 0 && at[SMASH_PART_COMPRESSED] < 0) abort();
    return err;
}
static smash_err call_restore(int variant)
{
    size_t n, stored, i;
    smash_err err = smash_model_restore(use, &model, tensors[variant].name, &arena, &out.tensor, &out.dtype);
    static const char *const parts[] = { "", "_packed", "_shape", "_scale", "_zero_point" };
    if (err) return err;
    smash_tensor_count(&out.tensor, &n);
    said_arena = 4 * n;
    for (i = stored = 0; i < COUNT_OF(parts); i++) {
        char name[64];
        ptrdiff_t p;
        size_t bytes = 0;
        snprintf(name, sizeof name, "%s%s", tensors[variant].name, parts[i]);
        p = smash_model_find_param(&model, name);
        if (p >= 0) smash_tensor_bytes(&model.params[p].tensor, &bytes);
        stored += up16(bytes) + up16(strlen(name) + 1);
        if (i == 3) stored += up16(bytes);                               /* zero points as I32 */
    }
    said_scratch = stored;
    note(out.tensor.data, 4 * n);
    note_number(out.dtype);
    return SMASH_OK;
}

/* A session of its own little model, begun with memory that never fails; variant 0: masks by level, 1: by outputs, 2: by factors */
static smash_session session;
static float trained[2][32];
static const size_t trained_shape[2] = { 8, 4 };
static const char *const trainings[3] = {
    "{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_times\": 3, \"level_sparse_ratio\": 0.5}",
    "{\"pruner\": \"activation_apoz\", \"activation_apoz_sparse_ratio\": 0.5}",
    "{\"pruner\": \"slim\", \"slim_training_steps\": 1, \"slim_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]}" };
static void prepare_trained(int variant)
{
    smash_tensor t = test_view(SMASH_F32, trained[0], 2, trained_shape);
    memcpy(trained, numbers, sizeof trained);
    prepare_diags(0);
    smash_model_init(&model, &given);
    if (smash_model_add(&ctx, &model, "fc.weight", &t, 0) || smash_model_finish(&ctx, &model)) abort();
    smash_config_init(&config, smash_builtins(), &given, &diags);
    if (smash_config_load(&ctx, &config, trainings[variant], strlen(trainings[variant]), NULL, NULL)) abort();
    memset(&session, 0, sizeof session);
}
static smash_err call_begin(int variant)
{
    smash_session_desc desc = SMASH_ZERO;
    smash_session begun = SMASH_ZERO;
    smash_err err;
    (void)variant;
    desc.arena = &arena;
    err = smash_session_begin(use, &model, &config, &desc, &begun);
    if (err) CHECK(!begun.own, "a session was begun");
    else note_number((double)begun.plan->count);
    return err;
}
static void prepare_session(int variant)
{
    prepare_trained(variant % 3);
    if (smash_session_begin(&ctx, &model, &config, NULL, &session)) abort();
}
static smash_err call_find(int variant)
{
    uint32_t slot = 0;
    smash_err err = variant > 2 ? smash_session_find_teacher(use, &session, "fc._output_0", &slot) : smash_session_find(use, &session, "fc._input_0", &slot);
    if (!err) note_number(slot);
    return err;
}
static smash_err forward_all(smash_ctx *c, int twice)
{
    smash_tensor w = model.params[0].tensor, y = test_view(SMASH_F32, trained[1], 2, trained_shape);
    uint32_t slot;
    smash_err err = smash_session_find(c, &session, "fc.weight", &slot);
    y.shape[0] = 4;
    y.shape[1] = 8;
    if (!err) err = smash_session_forward(c, &session, slot, &w);
    if (!err && twice) note(w.data, sizeof trained[0]);
    if (!err) err = smash_session_find(c, &session, "fc._output_0", &slot);
    return err ? err : smash_session_forward(c, &session, slot, &y);
}
static smash_err call_forward(int variant) { (void)variant; return forward_all(use, 1); }
static smash_err call_teach(int variant)
{
    smash_tensor t = model.params[0].tensor;
    (void)variant;
    return smash_session_teach(use, &session, (uint32_t)SMASH_NONE, &t);
}
static void prepare_stepped(int variant)
{
    prepare_session(variant);
    if (forward_all(&ctx, 0)) abort();
}
static smash_err backward_all(smash_ctx *c)
{
    smash_tensor g = test_view(SMASH_F32, trained[1], 2, trained_shape);
    uint32_t slot;
    smash_err err = smash_session_find(c, &session, "fc.weight", &slot);
    memcpy(trained[1], numbers + 64, sizeof trained[1]);
    return err ? err : smash_session_backward(c, &session, slot, &g);
}
static smash_err call_session_loss(int variant)
{
    double total = 0;
    smash_err err = smash_session_loss(use, &session, 1, &total, NULL);
    (void)variant;
    if (!err) note_number(total);
    return err;
}
static smash_err call_backward(int variant)
{
    smash_err err = backward_all(use);
    (void)variant;
    if (!err) note(trained[1], sizeof trained[1]);
    return err;
}
static void prepare_step(int variant)
{
    prepare_stepped(variant);
    if (backward_all(&ctx)) abort();
}
static smash_err call_step(int variant)
{
    const smash_tensor *mask = session.plan->rows[0].given_mask;
    smash_err err = smash_session_step(use, &session);
    (void)variant;
    if (err) { CHECK(session.step == 0, "the step counts"); return err; }
    note_number((double)session.step);
    note(mask->data, mask->bytes);
    return SMASH_OK;
}
static void prepare_stopped(int variant)
{
    smash_io to = io_of(&packed);
    prepare_step(variant);
    packed.used = 0;
    if (smash_session_step(&ctx, &session) || smash_session_save(&ctx, &session, &to)) abort();
}
static smash_err call_session_save(int variant)
{
    smash_io to = io_of(&file);
    smash_err err = smash_session_save(use, &session, &to);
    (void)variant;
    if (!err) note(file.data, file.used);
    return err;
}
static void prepare_again(int variant)
{
    prepare_stopped(variant);
    prepare_session(variant);
}
static smash_err call_session_load(int variant)
{
    smash_io from = variant > 2 ? smash_io_memory(packed.data, packed.used) : io_of(&packed);
    smash_err err = smash_session_load(use, &session, &from);
    if (err) CHECK(session.step == 0, "the session has moved");
    else note_number((double)session.step);
    return err;
}
static smash_err call_session_end(int variant)
{
    smash_io to = io_of(&file);
    smash_err err = smash_session_end(use, &session, &to, &out.result);
    (void)variant;
    if (err) return err;
    note(file.data, file.used);
    note_number((double)out.result.nonzero);
    return SMASH_OK;
}

static void line(void *user, const char *section, uint64_t digest)
{
    (void)user;
    note_text(section);
    note(&digest, sizeof digest);
}
static smash_err call_selftest(int variant)
{
    (void)variant;
    said_scratch = 4 << 20;
    return smash_selftest(use, line, NULL);
}

static const row rows[] = {
    { "smash_arena_alloc", NULL, call_arena, 0, ARENA_EXACT },
    { "smash_arena_array", NULL, call_arena, 1, ARENA_EXACT },
    { "smash_tensor_distance", NULL, call_distance, 1, SCRATCH_EXACT },
    { "smash_tensor_distance", NULL, call_distance, 65537, SCRATCH_EXACT },
    { "smash_loss", NULL, call_loss, 1, SCRATCH_EXACT },
    { "smash_loss", NULL, call_loss, 65537, SCRATCH_EXACT },
    { "smash_mask_metric", NULL, call_metric, 1, SCRATCH_EXACT },
    { "smash_mask_metric", NULL, call_metric, 2, SCRATCH_EXACT },
    { "smash_mask_metric", NULL, call_metric, 3, SCRATCH_EXACT },
    { "smash_mask_metric", NULL, call_metric, 4, SCRATCH_EXACT },
    { "smash_mask_metric", NULL, call_metric, 5, SCRATCH_EXACT },
    { "smash_mask_metric", NULL, call_metric, 6, SCRATCH_EXACT },
    { "smash_mask_allocate", NULL, call_allocate, 0, 0 },
    { "smash_mask_allocate", NULL, call_allocate, 1, 0 },
    { "smash_mask_allocate", NULL, call_allocate, 2, 0 },
    { "smash_mask_allocate_global", NULL, call_together, 0, EXACT_64 },
    { "smash_mask_allocate_shared", NULL, call_together, 1, 0 },
    { "smash_score_lamp", NULL, call_lamp, 1000, SCRATCH_EXACT },
    { "smash_mask_make", NULL, call_make, 0, SCRATCH_EXACT },
    { "smash_mask_make", NULL, call_make, 1, SCRATCH_EXACT },
    { "smash_mask_make", NULL, call_make, 2, SCRATCH_EXACT },
    { "smash_mask_make", NULL, call_make, 3, SCRATCH_EXACT },
    { "smash_mask_make", NULL, call_make, 4, SCRATCH_EXACT },
    { "smash_mask_make", NULL, call_make, 7, SCRATCH_EXACT },
    { "smash_kth_magnitude", NULL, call_kth, 0, SCRATCH_EXACT },
    { "smash_quant_measure", NULL, call_measure, 1, SCRATCH_EXACT },
    { "smash_quant_measure", NULL, call_measure, 65537, SCRATCH_EXACT },
    { "smash_codebook_quantize", prepare_codebook, call_codebook, 0, SCRATCH_EXACT },
    { "smash_codebook_pack_scales", prepare_codebook, call_codebook, 1, SCRATCH_EXACT },
    { "smash_codebook_kmeans", prepare_codebook, call_codebook, 2, SCRATCH_EXACT },
    { "smash_codebook_kmeans", prepare_codebook, call_codebook, 3, SCRATCH_EXACT },
    { "smash_json_parse", NULL, call_json, 0, ARENA_EXACT | SCRATCH_EXACT },
    { "smash_json_parse", prepare_diags, call_json, 1, ARENA_EXACT | SCRATCH_EXACT },
    { "smash_json_parse", prepare_diags, call_json, 2, KEEPS | COPES },
    { "smash_diag_add", prepare_diags, call_diag, 2, KEEPS | COPES },
    { "smash_text_put", prepare_text, call_text, 0, 0 },
    { "smash_text_put", prepare_text, call_text, 250, 0 },
    { "smash_regex_compile", NULL, call_compile, 0, ARENA_EXACT | EXACT_64 },
    { "smash_regex_compile", NULL, call_compile, 1, 0 },
    { "smash_regex_match", prepare_regex, call_match, 0, SCRATCH_EXACT },
    { "smash_select", prepare_regex, call_select, 5, SCRATCH_EXACT },
    { "smash_select", prepare_regex, call_select, 0, EXACT_64 },
    { "smash_model_add", prepare_model, call_add, 0, 0 },
    { "smash_model_add", prepare_model, call_add, 16, 0 },
    { "smash_model_finish", prepare_model, call_finish, 7, 0 },
    { "smash_model_finish", prepare_model, call_finish, 1000, 0 },
    { "smash_model_set_type", prepare_type, call_type, 0, 0 },
    { "smash_model_set_shape", prepare_shape, call_shape, 0, 0 }, { "smash_model_set_shape", prepare_shape, call_shape, 1, 0 }, { "smash_model_set_shape", prepare_shape, call_shape, 2, 0 },
    { "smash_safetensors_read", prepare_diags, call_read, 0, 0 },
    { "smash_safetensors_read", prepare_diags, call_read, 1, 0 },
    { "smash_model_load", prepare_source, call_load, 0, ARENA_EXACT },
    { "smash_model_load", prepare_source, call_load, 1, ARENA_EXACT },
    { "smash_model_load", prepare_source, call_load, 2, ARENA_EXACT },
    { "smash_safetensors_layout", NULL, call_layout, 0, 0 },
    { "smash_safetensors_begin", NULL, call_write, -1, 0 },
    { "smash_safetensors_put", NULL, call_write, FC, 0 },
    { "smash_config_load", prepare_config, call_config, 0, KEEPS },
    { "smash_config_load", prepare_config, call_config, 1, KEEPS },
    { "smash_config_load", prepare_config, call_config, 2, KEEPS | COPES },
    { "smash_config_set_text", prepare_loaded, call_set, 0, KEEPS },
    { "smash_config_set_text", prepare_loaded, call_set, 1, KEEPS },
    { "smash_config_set", prepare_loaded, call_set_value, 0, KEEPS },
    { "smash_config_set", prepare_loaded, call_set_value, 5, KEEPS },
    { "smash_config_set_word", prepare_loaded, call_set_value, 1, KEEPS },
    { "smash_config_set_number", prepare_loaded, call_set_value, 2, KEEPS },
    { "smash_config_set_bool", prepare_loaded, call_set_value, 3, KEEPS },
    { "smash_config_unset", prepare_loaded, call_set_value, 4, KEEPS },
    { "smash_config_copy", prepare_copy, call_copy, 0, KEEPS },
    { "smash_config_check", prepare_loaded, call_check, 0, 0 },
    { "smash_check", prepare_smash, call_smash_check, 0, 0 },
    { "smash", prepare_smash, call_smash, 0, KEEPS | COPES },
    { "smash", prepare_smash, call_smash, 1, KEEPS | COPES },
    { "smash", prepare_smash, call_smash, 4, KEEPS },
    { "smash_save", prepare_save, call_save, 0, 0 },
    { "smash_save", prepare_save, call_save, 1, 0 },
    { "smash_load", prepare_back, call_back, 0, KEEPS },
    { "smash_load", prepare_back, call_back, 1, KEEPS },
    { "smash_job_edit", prepare_edit, call_edit, 0, 0 },
    { "smash_config_resolve", prepare_resolve, call_resolve, 0, KEEPS },
    { "smash_run", prepare_run, call_run, 0, KEEPS },
    { "smash_run", prepare_run, call_run, 1, KEEPS },
    { "smash_run", prepare_run, call_run, 4, KEEPS },
    { "smash_run", prepare_run, call_run, 5, KEEPS },
    { "smash_model_find_parts", prepare_packed, call_parts, 0, 0 },
    { "smash_model_find_parts", prepare_packed, call_parts, 3, 0 },
    { "smash_model_restore", prepare_packed, call_restore, 0, ARENA_EXACT },
    { "smash_model_restore", prepare_packed, call_restore, 1, ARENA_EXACT },
    { "smash_model_restore", prepare_packed, call_restore, 2, ARENA_EXACT },
    { "smash_model_restore", prepare_packed, call_restore, 3, ARENA_EXACT },
    { "smash_model_restore", prepare_packed, call_restore, 4, ARENA_EXACT },
    { "smash_session_begin", prepare_trained, call_begin, 0, KEEPS }, { "smash_session_begin", prepare_trained, call_begin, 1, KEEPS },
    { "smash_session_find", prepare_session, call_find, 0, 0 }, { "smash_session_find_teacher", prepare_session, call_find, 3, 0 },
    { "smash_session_forward", prepare_session, call_forward, 0, KEEPS }, { "smash_session_forward", prepare_session, call_forward, 1, KEEPS },
    { "smash_session_teach", prepare_session, call_teach, 0, 0 },
    { "smash_session_loss", prepare_stepped, call_session_loss, 0, 0 }, { "smash_session_loss", prepare_stepped, call_session_loss, 2, 0 },
    { "smash_session_backward", prepare_stepped, call_backward, 0, 0 }, { "smash_session_backward", prepare_stepped, call_backward, 2, 0 },
    { "smash_session_step", prepare_step, call_step, 0, 0 }, { "smash_session_step", prepare_step, call_step, 1, 0 }, { "smash_session_step", prepare_step, call_step, 2, 0 },
    { "smash_session_save", prepare_stopped, call_session_save, 0, 0 },
    { "smash_session_load", prepare_again, call_session_load, 0, 0 }, { "smash_session_load", prepare_again, call_session_load, 4, 0 },
    { "smash_session_end", prepare_stopped, call_session_end, 0, 0 }, { "smash_session_end", prepare_stopped, call_session_end, 2, 0 },
    { "smash_selftest", NULL, call_selftest, 0, LONG },
};

/* ---- what is done to all of them ---- */

static void *lent[2];                        /* buffers of arena and scratch: of the exact size, so that a byte over is seen */
static const char *how;                      /* for messages */

static void begin(const row *r, size_t arena_bytes, size_t scratch_bytes, const smash_allocator *allocator)
{
    size_t i;
    test_fail_at = 0;
    for (i = 0; i < COUNT_OF(files); i++) files[i]->fail_at = 0;
    memset(&out, 0x5A, sizeof out);
    watch(&out, sizeof out);
    test_ctx(&ctx);
    use = &ctx;
    said_arena = said_scratch = SIZE_MAX;
    if (r->prepare) r->prepare(r->variant);
    smash_arena_release(&ctx.scratch);
    lent[0] = malloc(arena_bytes ? arena_bytes : 1);
    lent[1] = malloc(scratch_bytes ? scratch_bytes : 1);
    smash_arena_init(&arena, lent[0], arena_bytes, allocator);
    smash_arena_init(&ctx.scratch, lent[1], scratch_bytes, allocator);
    for (i = 0; i < COUNT_OF(files); i++) files[i]->calls = 0;
    file.used = masks.used = 0;
    test_alloc_calls = test_alloc_failed = 0;
}

static smash_err attempt(const row *r)
{
    smash_ctx_reset(&ctx);
    smash_digest_init(&seen);
    return r->call(r->variant);
}

static void end(const row *r)
{
    test_fail_at = 0;
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    smash_arena_release(&given);
    smash_arena_release(&notes);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%s %d, %s: %zu blocks leaked, %zu came back as another size", r->name, r->variant, how, test_alloc_live, test_alloc_wrong);
    free(lent[0]);
    free(lent[1]);
    while (watched_count) free(watched[--watched_count].copy);
}

/* After a failure: the code, the size, and nothing else is different. Then there is memory, and the call works. */
static void failed(const row *r, smash_err err, smash_err want, uint64_t clean, size_t n)
{
    size_t i, touched = 0;
    CHECK(err == want || (!err && (r->flags & COPES)), "%s %d, %s, number %zu: %s (%s)", r->name, r->variant, how, n, smash_err_name(err), ctx.message);
    for (i = 0; i < watched_count && err; i++) touched += memcmp(watched[i].at, watched[i].copy, watched[i].bytes) != 0;
    CHECK(!touched, "%s %d, %s, number %zu: %zu outputs touched", r->name, r->variant, how, n, touched);
    CHECK(!ctx.scratch.block && !ctx.scratch.used && !ctx.scratch.outside, "%s %d, %s, number %zu: %zu bytes of scratch kept", r->name, r->variant, how, n, ctx.scratch.used);
    if (use && err) CHECK(ctx.err == err && (err != SMASH_ERR_NOMEM || ctx.need > 0), "%s %d, %s, number %zu: ctx has %s, need %zu", r->name, r->variant, how, n, smash_err_name(ctx.err), ctx.need);
    if (err && !(r->flags & KEEPS)) CHECK(!arena.block && !arena.used, "%s %d, %s, number %zu: %zu bytes of the arena kept", r->name, r->variant, how, n, arena.used);
    if (!err || (r->flags & LONG && n > 1)) return;
    test_fail_at = 0;
    use = &ctx;
    arena.allocator = ctx.scratch.allocator = &test_allocator;
    for (i = 0; i < COUNT_OF(files); i++) files[i]->fail_at = 0;
    file.used = masks.used = 0;
    err = attempt(r);
    CHECK(!err && smash_digest_end(&seen) == clean, "%s %d, after %s, number %zu: %s (%s), or another result", r->name, r->variant, how, n, smash_err_name(err), ctx.message);
}

/* Allocation n fails, or n and all later ones, with buffers that hold less and less of what is needed, so that each
 * allocation comes to ask the allocator. */
static void fail_allocations(const row *r, uint64_t clean, const size_t need[2])
{
    const size_t parts = test_count(16, 2), sizes = r->flags & LONG ? 1 : 2 * parts;
    size_t size, n, more;
    how = "failing allocation";
    for (size = r->flags & LONG ? 0 : 1; size < sizes; size++) {
        size_t bytes[2] = { 0, 0 };
        bytes[size % 2] = need[size % 2] * (size / 2) / parts;
        for (test_fail_later = 0; test_fail_later < 2; test_fail_later++)
            for (n = more = 1; more; n += r->flags & LONG ? 3 * n : 1) {
                smash_err err;
                begin(r, bytes[0], bytes[1], &test_allocator);
                test_fail_at = n;
                err = attempt(r);
                test_fail_at = 0;
                more = test_alloc_failed;
                if (more) failed(r, err, SMASH_ERR_NOMEM, clean, n);
                else CHECK(!err && smash_digest_end(&seen) == clean, "%s %d, no failing allocation: %s (%s), or another result", r->name, r->variant, smash_err_name(err), ctx.message);
                end(r);
            }
    }
}

/* Two buffers and no allocator. Exactly the need is enough; one byte less in one of them is one byte too few; and who starts
 * with nothing and adds ctx->need after every NOMEM ends at the exact need. */
static void fit_buffers(const row *r, uint64_t clean, const size_t need[2])
{
    size_t which, rounds;
    smash_err err;
    how = "exact buffers";
    begin(r, need[0], need[1], NULL);
    err = attempt(r);
    CHECK(!err && smash_digest_end(&seen) == clean, "%s %d: %s (%s) with %zu and %zu bytes", r->name, r->variant, smash_err_name(err), ctx.message, need[0], need[1]);
    CHECK(arena.peak == need[0] && ctx.scratch.peak == need[1], "%s %d: peaks %zu and %zu", r->name, r->variant, arena.peak, ctx.scratch.peak);
    end(r);
    for (which = 0; which < 2; which++) {
        size_t room[2];
        room[0] = need[0];
        room[1] = need[1];
        how = which ? "scratch one byte short" : "arena one byte short";
        if (need[which]) {
            room[which]--;
            begin(r, room[0], room[1], NULL);
            err = attempt(r);
            if (!(r->flags & COPES)) CHECK(ctx.need == 1, "%s %d, %s: need %zu", r->name, r->variant, how, ctx.need);
            failed(r, err, SMASH_ERR_NOMEM, clean, 1);
            end(r);
        }
        how = which ? "growing scratch" : "growing arena";
        room[which] = need[which] - need[which] / test_count(1, 16);
        for (rounds = 0; rounds < 400; rounds++) {
            begin(r, room[0], room[1], NULL);
            err = attempt(r);
            if (err) { room[which] += ctx.need; failed(r, err, SMASH_ERR_NOMEM, clean, rounds); }
            end(r);
            if (!err) break;
        }
        if (getenv("TEST_VERBOSE")) printf("%s %d, %s: %zu rounds\n", r->name, r->variant, how, rounds);
        if (!(r->flags & COPES)) CHECK(!err && room[which] == need[which], "%s %d, %s: %zu bytes after %zu rounds, %zu needed", r->name, r->variant, how, room[which], rounds, need[which]);
    }
}

/* Reads and writes fail one after the other. */
static void fail_files(const row *r, uint64_t clean)
{
    size_t i, n, more;
    how = "failing callback";
    for (i = 0; i < COUNT_OF(files); i++)
        for (n = more = 1; more; n++) {
            smash_err err;
            begin(r, 0, 0, &test_allocator);
            files[i]->fail_at = n;
            err = attempt(r);
            more = files[i]->calls >= n;
            if (more) failed(r, err, SMASH_ERR_IO, clean, 1000 * i + n);
            end(r);
        }
}

static void test_row(const row *r)
{
    enum { PLENTY = 4 << 20 };
    size_t need[2];
    uint64_t clean;
    smash_err err;
    how = "plenty";
    begin(r, PLENTY, PLENTY, NULL);
    err = attempt(r);
    CHECK(!err, "%s %d: %s (%s)", r->name, r->variant, smash_err_name(err), ctx.message);
    clean = smash_digest_end(&seen);
    need[0] = arena.peak;
    need[1] = ctx.scratch.peak;
    if (getenv("TEST_VERBOSE")) printf("%s %d: arena %zu (%zu said), scratch %zu (%zu said)\n", r->name, r->variant, need[0], said_arena, need[1], said_scratch);
    CHECK(r->flags & ARENA_EXACT ? need[0] == said_arena : need[0] <= said_arena, "%s %d: takes %zu bytes of arena, %zu are documented", r->name, r->variant, need[0], said_arena);
    CHECK(r->flags & SCRATCH_EXACT ? need[1] == said_scratch : need[1] <= said_scratch, "%s %d: takes %zu bytes of scratch, %zu are documented", r->name, r->variant, need[1], said_scratch);
    end(r);
    fail_allocations(r, clean, need);
    fit_buffers(r, clean, need);
    fail_files(r, clean);
    how = "no ctx";
    begin(r, PLENTY, PLENTY, NULL);
    use = NULL;
    err = attempt(r);
    if (err) failed(r, err, err == SMASH_ERR_ARG ? err : SMASH_ERR_NOMEM, clean, 0);
    CHECK(err || need[1] == 0, "%s %d works without a ctx, and needs scratch", r->name, r->variant);
    end(r);
}

/* The files the rows read: one of floats, and what becomes of it */
static void make_files(void)
{
    uint64_t rng = 42;
    smash_io io = io_of(&source);
    size_t i;
    static const row run = { "smash_run", prepare_run, call_run, 1, 0 };
    for (i = 0; i < COUNT_OF(numbers); i++) numbers[i] = (float)((int32_t)(smash_random(&rng) >> 44) - 524288) / 262144.0f;
    for (i = 0; i < TENSORS; i++) {
        smash_tensor x = test_view(SMASH_F32, numbers, tensors[i].ndim, tensors[i].shape);
        views[i] = test_view(tensors[i].dtype, NULL, tensors[i].ndim, tensors[i].shape);
        views[i].name = tensors[i].name;
        views[i].data = calloc(views[i].bytes, 1);
        if (tensors[i].dtype != SMASH_I8) CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &x, &views[i]), SMASH_OK, "%s", tensors[i].name);
    }
    *(float *)views[TENSORS - 1].data = 0.5f;
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, views, TENSORS, metadata, COUNT_OF(metadata), &kept, &layout), SMASH_OK, "layout");
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &io), SMASH_OK, "begin");
    for (i = 0; i < TENSORS; i++) CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &io, i, &views[i]), SMASH_OK, "%s", tensors[i].name);
    begin(&run, 0, 0, &test_allocator);
    CHECK(attempt(&run) == SMASH_OK, "%s", ctx.message);
    packed = file;
    chosen = masks;
    end(&run);
}

int main(void)
{
    size_t i;
    test_ctx(&ctx);
    smash_arena_init(&given, NULL, 0, &test_allocator);
    smash_arena_init(&notes, NULL, 0, smash_allocator_libc());
    smash_arena_init(&kept, NULL, 0, smash_allocator_libc());
    make_files();
    for (i = 0; i < COUNT_OF(rows); i++) test_row(&rows[i]);
    for (i = 0; i < TENSORS; i++) free(views[i].data);
    smash_arena_release(&kept);
    return test_done();
}
