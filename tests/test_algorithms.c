/* test_algorithms.c - every algorithm goes through the tester of algorithm_tester.h: those of smash_builtins(), the superfast of
 * examples/06_algorithm.c, and small ones made here for each way to be stored and to go wrong. Then what smash() promises of
 * several at once, and what smash_load() does with files of other versions and other registries. */
#include "../smash.h"
#include "test.h"
#include "config_test.h"
#include "algorithm_tester.h"
#ifndef SMASH_IMPLEMENTED
#define SMASH_IMPLEMENTED                        /* it is linked */
#endif
#define main example_main
#include "../examples/06_algorithm.c"
#undef main

static smash_registry registry;
static const smash_algo *room[64];
static char happened[512];                       /* which callbacks ran, in order */

static void happens(const char *what, const char *name)
{
    size_t n = strlen(happened);
    snprintf(happened + n, sizeof happened - n, "%s%s %s", n ? ", " : "", what, name);
}

/* ---- models ---- */

/* A parameter of multiples of 1/64 between -2 and 2, which every dtype of 16 bits and more holds. */
static smash_err add(smash_ctx *c, smash_model *model, const char *name, smash_dtype dtype, uint32_t ndim, size_t a, size_t b, size_t h, size_t w)
{
    const size_t shape[4] = { a, b, h, w };
    smash_tensor t = smash_tensor_view(dtype, NULL, 0, ndim, shape), wide = smash_tensor_view(SMASH_F64, NULL, 0, ndim, shape);
    uint64_t rng = model->param_count + 7;
    double *numbers;
    size_t count, i;
    smash_err err = smash_tensor_count(&t, &count);
    if (!err) err = smash_tensor_bytes(&t, &t.bytes);
    if (err) return err;
    numbers = (double *)smash_arena_array(c, model->arena, count, sizeof *numbers);
    t.data = smash_arena_alloc(c, model->arena, t.bytes);
    if (!numbers || !t.data) return SMASH_ERR_NOMEM;
    wide.data = numbers;
    wide.bytes = count * sizeof *numbers;
    for (i = 0; i < count; i++) numbers[i] = dtype == SMASH_I64 ? (double)i : (double)(smash_random(&rng) % 257) / 64.0 - 2.0;
    if (dtype == SMASH_F64) memcpy(t.data, numbers, t.bytes);
    else err = smash_tensor_convert(c, &wide, &t);
    return err ? err : smash_model_add(c, model, name, &t, 0);
}
#define ADD(name, dtype, ndim, a, b, h, w) do { smash_err added = add(c, model, name, dtype, ndim, a, b, h, w); if (added) return added; } while (0)

static smash_err conv_net(smash_ctx *c, smash_model *model)
{
    static smash_meta metadata[] = { { "format", "pt" } };
    model->metadata = metadata;
    model->metadata_count = 1;
    ADD("conv.weight", SMASH_F32, 4, 8, 4, 3, 3);
    ADD("conv.bias", SMASH_F32, 1, 8, 1, 1, 1);
    ADD("bn.weight", SMASH_F32, 1, 8, 1, 1, 1);
    ADD("bn.bias", SMASH_F32, 1, 8, 1, 1, 1);
    ADD("bn.running_mean", SMASH_F32, 1, 8, 1, 1, 1);
    ADD("bn.num_batches_tracked", SMASH_I64, 0, 1, 1, 1, 1);
    ADD("head.fc.weight", SMASH_F32, 2, 10, 16, 1, 1);
    ADD("head.fc.bias", SMASH_F32, 1, 10, 1, 1, 1);
    return smash_model_finish(c, model);
}

static smash_err linear(smash_ctx *c, smash_model *model)
{
    ADD("fc1.weight", SMASH_F32, 2, 6, 8, 1, 1);
    ADD("fc1.bias", SMASH_F32, 1, 6, 1, 1, 1);
    ADD("fc2.weight", SMASH_F32, 2, 4, 6, 1, 1);
    return smash_model_finish(c, model);
}

static smash_err embedding(smash_ctx *c, smash_model *model)
{
    ADD("tok_emb.weight", SMASH_F32, 2, 16, 6, 1, 1);
    ADD("position.ids", SMASH_I64, 1, 16, 1, 1, 1);
    return smash_model_finish(c, model);
}

static smash_err dtypes(smash_ctx *c, smash_model *model)
{
    smash_err err;
    ADD("half.weight", SMASH_F16, 2, 6, 8, 1, 1);
    ADD("brain.weight", SMASH_BF16, 2, 9, 4, 1, 1);
    ADD("wide.weight", SMASH_F64, 2, 5, 8, 1, 1);
    ADD("empty.bias", SMASH_F32, 1, 0, 1, 1, 1);
    err = smash_model_finish(c, model);
    return err ? err : smash_model_set_type(c, model, (size_t)smash_model_find_module(model, "wide"), "Linear");
}

static smash_err no_parameters(smash_ctx *c, smash_model *model) { return smash_model_finish(c, model); }

/* ---- the builtins ---- */

static void test_builtins(void)
{
    static const tester_model models[] = { conv_net, linear, embedding, dtypes, no_parameters, NULL };
    static const struct { const char *algo, *settings[5]; } rows[] = {
        { "level", { "level_sparse_ratio=0.5" } }, { "level", { "level_sparse_ratio=0.25", "level_granularity=out_channel" } }, { "l1_norm", { "l1_norm_sparse_ratio=0.5" } },
        { "l2_norm", { "l2_norm_sparse_ratio=0.3" } }, { "fpgm", { "fpgm_sparse_ratio=0.5" } }, { "ptq", { "ptq_granularity=out_channel" } },
        { "ptq", { "ptq_quant_dtype=uint4", "ptq_quant_scheme=affine" } }, { "ptq", { "ptq_quant_dtype=int2" } }, { "ptq", { "ptq_quant_dtype=int16", "ptq_quant_scheme=affine" } },
        { "ptq", { "ptq_quant_dtype=float8_e4m3fn", "ptq_granularity=out_channel" } }, { "ptq", { "ptq_quant_dtype=fp8_e5m2" } }, { "ptq", { "ptq_quant_dtype=bf16" } },
        { "half", { "half_weight_dtype=bfloat16" } }, { "qat", { "qat_quant_dtype=uint4", "qat_quant_scheme=affine" } }, { "lsq", { "lsq_granularity=out_channel" } },
        { "lsq", { "lsq_quant_dtype=uint8" } }, { "lsqplus", { "lsqplus_quant_dtype=int4" } }, { "dorefa", { "dorefa_quant_dtype=int2" } }, { "dorefa", { "dorefa_quant_dtype=uint1" } },
        { "dorefa", { "dorefa_quant_range=full" } }, { "bnn", { "bnn_include=[\"*\"]" } }, { "naive", { "naive_quant_rounding=half_away" } }, { "observer", { "observer_quant_rounding=half_away" } },
        { "weight_only", { "weight_only_weight_bits=8", "weight_only_quant_scheme=affine" } }, { "weight_only", { "weight_only_group_size=32", "weight_only_quant_range=full" } },
        { "hqq", { "hqq_weight_bits=2", "hqq_group_size=8" } }, { "hqq", { "hqq_weight_bits=4", "hqq_quant_rounding=half_away" } },
        { "llm_int8", { "llm_int8_weight_bits=4" } }, { "llm_int8", { "llm_int8_weight_bits=4", "llm_int8_quant_type=nf4", "llm_int8_double_quant=true" } }, { "llm_int8", { "llm_int8_double_quant=true" } },
        { "kmeans", { "kmeans_bits=1", "kmeans_init=quantile" } }, { "kmeans", { "kmeans_bits=3", "kmeans_granularity=out_channel" } }, { "kmeans", { "kmeans_bits=6" } } };
    const smash_registry *all = smash_builtins();
    size_t i, k, n;
    for (i = 0; i < all->count; i++) {
        const smash_algo *algo = all->algos[i];
        int seen = 0;
        if (algo->needs & SMASH_NEEDS_TRAINING) continue;                /* smash() refuses it: test_training_keys.c */
        for (k = 0; k < COUNT_OF(rows) + (algo->group != SMASH_PRUNER); k++) {        /* with its defaults, too; a pruner has to be asked for something */
            algorithm_tester t = SMASH_ZERO;
            char activate[64];
            const char *settings[8] = { activate };
            if (k < COUNT_OF(rows) && strcmp(rows[k].algo, algo->name)) continue;
            seen += k < COUNT_OF(rows);
            snprintf(activate, sizeof activate, "%s=%s", smash_group_name(algo->group), algo->name);
            for (n = 0; k < COUNT_OF(rows) && rows[k].settings[n]; n++) settings[n + 1] = rows[k].settings[n];
            t.name = n ? rows[k].settings[0] : activate;
            t.registry = all;
            t.config = settings;
            t.accepts = models;
            tester_run(&t);
        }
        CHECK(seen, "%s is in no row", algo->name);
    }
}

static void test_pairs(void)
{
    static const tester_model models[] = { conv_net, linear, embedding, dtypes, NULL };
    static const char *const pruners[] = { "level", "l1_norm", "l2_norm", "fpgm" };
    size_t i;
    for (i = 0; i < COUNT_OF(pruners); i++) {
        char activate[64], ratio[64];
        const char *settings[] = { activate, ratio, "quantizer=ptq", "ptq_quant_dtype=int4", NULL };
        algorithm_tester t = SMASH_ZERO;
        snprintf(activate, sizeof activate, "pruner=%s", pruners[i]);
        snprintf(ratio, sizeof ratio, "%s_sparse_ratio=0.5", pruners[i]);
        t.name = "pruner and ptq";
        t.registry = smash_builtins();
        t.config = settings;
        t.accepts = models;
        tester_run(&t);
    }
}

/* All that a dictionary may hold comes back from the file. */
static void test_settings(void)
{
    static const tester_model models[] = { linear, NULL };
    static const struct { const char *settings[8]; } rows[] = {
        { { "batch_size=16", "pruner=level", "level_sparse_ratio=0.3333333333333333", "level_exclude=[\"fc2\"]" } },
        { { "pruner=level", "level_config_list=[{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}, {\"op_types\": [\"Linear\"], \"sparse_threshold\": 0.75}]", "on_overlap=last" } },
        { { "module_types={\"fc1\": \"Embedding\"}", "quantizer=ptq", "ptq_config_list=[{\"op_types\": [\"Embedding\"], \"target_names\": [\"weight\"], \"granularity\": [2, -1]}]" } },
        { { "module_types={\"fc2\": \"Conv1d\"}" } },
        { { "quantizer=ptq", "ptq_include=[\"fc?\"]", "ptq_exclude=[]", "batch_size=3" } } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        algorithm_tester t = SMASH_ZERO;
        t.name = rows[i].settings[0];
        t.registry = &registry;
        t.config = rows[i].settings;
        t.accepts = models;
        tester_run(&t);
    }
}

/* ---- superfast ---- */

static const char *superfast_backend, *superfast_mode;
static int superfast_takes_less;                 /* fc2 of linear is excluded */

/* Number k of a row of every Linear weight stands where the backend says, counted here in another way: by filling the packed order. */
static void superfast_after(const smash_result *result)
{
    const smash_step *step = &result->steps[result->step_count - 1];
    const superfast_weight *note;
    size_t notes = 0, linears = 0, i;
    CHECK(result->step_count && step->algo == &superfast && step->reapply == 1, "superfast is not the last step");
    for (note = (const superfast_weight *)step->state; note; note = note->next, notes++) {
        const smash_tensor *packed = &result->model.params[note->param].tensor;
        ptrdiff_t p = smash_model_find_param(&result->stored, result->model.params[note->param].name);
        size_t rows = packed->shape[0], columns = packed->shape[1], size = smash_dtype_bits(packed->dtype) / 8, n = 0, first, r, k;
        smash_tensor plain;
        smash_arena_mark mark = smash_arena_get_mark(&ctx.scratch);
        CHECK_ERR(&ctx, smash_model_load(&ctx, &result->stored, (size_t)p, &ctx.scratch, &plain), SMASH_OK, "plain weight");
        if (strcmp(superfast_backend, "backend2") == 0) {
            for (k = 0; k < columns; k++) for (r = 0; r < rows; r++, n++)
                CHECK(memcmp((const char *)packed->data + n * size, (const char *)plain.data + (r * columns + k) * size, size) == 0, "[%d, %d]", (int)r, (int)k);
        } else {
            for (first = 0; first < rows; first += 4) for (k = 0; k < columns; k++) for (r = first; r < rows && r < first + 4; r++, n++)
                CHECK(memcmp((const char *)packed->data + n * size, (const char *)plain.data + (r * columns + k) * size, size) == 0, "[%d, %d]", (int)r, (int)k);
        }
        CHECK(n == rows * columns, "%d numbers", (int)n);
        CHECK((note->row_sums != NULL) == (strcmp(superfast_mode, "mode2") == 0), "row sums in %s", superfast_mode);
        for (r = 0; note->row_sums && r < rows; r++) {                 /* multiples of 1/64, or integers: every sum is exact */
            double sum = 0;
            for (k = 0; k < columns; k++) {
                double x = 0;
                smash_tensor one = smash_tensor_view(plain.dtype, (const char *)plain.data + (r * columns + k) * size, size, 0, NULL), to = smash_tensor_view(SMASH_F64, &x, sizeof x, 0, NULL);
                if (plain.dtype == SMASH_F64) memcpy(&x, one.data, sizeof x);
                else CHECK_ERR(&ctx, smash_tensor_convert(&ctx, &one, &to), SMASH_OK, "number");
                sum += x;
            }
            CHECK(sum == note->row_sums[r], "row %d: %g and %g", (int)r, sum, note->row_sums[r]);
        }
        smash_arena_rewind(&ctx.scratch, mark);
    }
    for (i = 0; i < result->stored.param_count; i++) {
        const smash_param *p = &result->stored.params[i];
        linears += strcmp(result->stored.modules[p->module].type, "Linear") == 0 && strcmp(p->target, "weight") == 0;
    }
    CHECK(superfast_takes_less ? notes == 1 && linears == 2 && strcmp(result->model.params[((const superfast_weight *)step->state)->param].name, "fc1.weight") == 0 : notes == linears && notes > 0, "%d of %d Linear weights are packed", (int)notes, (int)linears);
}

static void test_superfast(void)
{
    static const tester_model accepts[] = { linear, conv_net, dtypes, NULL }, rejects[] = { embedding, no_parameters, NULL };
    static const char *const backends[] = { "backend1", "backend2" }, *const modes[] = { "mode1", "mode2" };
    static const char *const before[][3] = { { NULL }, { "quantizer=ptq", NULL }, { "pruner=l1_norm", "l1_norm_sparse_ratio=0.5", NULL } };
    size_t i, k;
    for (i = 0; i < 4; i++) for (k = 0; k < COUNT_OF(before); k++) {
        const char *settings[8];
        char backend[64], mode[64];
        size_t n = 0;
        algorithm_tester t = SMASH_ZERO;
        superfast_backend = backends[i / 2];
        superfast_mode = modes[i % 2];
        while (before[k][n]) { settings[n] = before[k][n]; n++; }
        snprintf(backend, sizeof backend, "superfast_backend=%s", superfast_backend);
        snprintf(mode, sizeof mode, "superfast_mode=%s", superfast_mode);
        settings[n++] = "compiler=superfast";
        if (i / 2) settings[n++] = backend;                            /* backend1 and mode1 are the defaults */
        if (i % 2) settings[n++] = mode;
        settings[n] = NULL;
        t.name = "superfast";
        t.registry = &registry;
        t.config = settings;
        t.accepts = accepts;
        t.rejects = rejects;
        t.post_smash = superfast_after;
        tester_run(&t);
    }
}

/* With modules left out; and behind numbers that it cannot pack, which only its apply can see. */
static void test_superfast_limits(void)
{
    static const tester_model models[] = { linear, NULL };
    static const char *const settings[][4] = { { "compiler=superfast", "superfast_exclude=[\"fc2\"]", NULL }, { "compiler=superfast", "superfast_include=[\"*1\"]", NULL },
                                               { "compiler=superfast", "superfast_include=[\"head.*\"]", NULL } };
    size_t i;
    superfast_backend = "backend1";
    superfast_mode = "mode1";
    superfast_takes_less = 1;
    for (i = 0; i < COUNT_OF(settings); i++) {
        algorithm_tester t = SMASH_ZERO;
        t.name = settings[i][1];
        t.registry = &registry;
        t.config = settings[i];
        if (i < 2) t.accepts = models;
        else t.rejects = models;
        t.post_smash = superfast_after;
        tester_run(&t);
    }
    superfast_takes_less = 0;
}

/* ---- algorithms made here: what they do to a model, and where they refuse ---- */

typedef enum act { DO_NOTHING, LEAVE_STATE, DOUBLE_FLOATS, TO_HALF, CUT_ROWS, ADD_PARAM, OTHER_MODEL, RETYPE, REPLACE_DATA, OTHER_SHAPE, OTHER_DTYPE, ACTS } act;
typedef enum stage { NOWHERE, IN_CONFIG, IN_MODEL, IN_HOOK, IN_APPLY, STAGES } stage;
typedef struct behaviour { act does; stage refuses; smash_err with; int silent; } behaviour;

static smash_err passes(smash_ctx *c, const smash_job *job, stage at, const char *what)
{
    const behaviour *b = (const behaviour *)job->algo->user;
    unsigned char *mine = (unsigned char *)smash_arena_alloc(c, &c->scratch, 100), *theirs = job->arena ? (unsigned char *)smash_arena_alloc(c, job->arena, 100) : NULL;
    size_t i;
    happens(what, job->algo->name);
    if (!mine || (job->arena && !theirs)) return SMASH_ERR_NOMEM;     /* else left there: whoever called gives it back */
    memset(mine, 1, 100);
    if (theirs) memset(theirs, 2, 100);
    for (i = 0; i < 100 && mine[i] == 1; i++) { }
    CHECK(i == 100, "%s: scratch and job->arena overlap", what);
    if (b->refuses != at) return SMASH_OK;
    return b->silent ? b->with : smash_ctx_fail(c, b->with, "not today");
}
static smash_err made_check_config(smash_ctx *c, const smash_job *job) { return passes(c, job, IN_CONFIG, "config"); }
static smash_err made_check_model(smash_ctx *c, const smash_job *job) { return passes(c, job, IN_MODEL, "model"); }
static smash_err made_hook(smash_ctx *c, const smash_job *job) { return passes(c, job, IN_HOOK, "hook"); }

/* A half of the rows of fc1 goes, and with them the columns of fc2: shapes change. */
static smash_err cut_rows(smash_ctx *c, smash_job *job)
{
    static const struct { const char *name; size_t rows, columns, kept_rows, kept_columns; } parts[] = {
        { "fc1.weight", 6, 8, 3, 8 }, { "fc1.bias", 1, 6, 1, 3 }, { "fc2.weight", 4, 6, 4, 3 } };
    size_t i, r, k;
    for (i = 0; i < COUNT_OF(parts); i++) {
        ptrdiff_t p = smash_model_find_param(job->model, parts[i].name);
        smash_tensor from, *to;
        size_t shape[2];
        float *kept;
        smash_err err;
        if (p < 0) continue;
        err = smash_model_load(c, job->model, (size_t)p, &c->scratch, &from);
        if (err) return err;
        kept = (float *)smash_arena_array(c, job->arena, parts[i].kept_rows * parts[i].kept_columns, sizeof *kept);
        if (!kept) return SMASH_ERR_NOMEM;
        for (r = 0; r < parts[i].kept_rows; r++) for (k = 0; k < parts[i].kept_columns; k++)
            kept[r * parts[i].kept_columns + k] = ((const float *)from.data)[r * parts[i].columns + k];
        to = &job->model->params[p].tensor;
        shape[0] = to->ndim == 1 ? parts[i].kept_columns : parts[i].kept_rows;
        shape[1] = parts[i].kept_columns;
        *to = smash_tensor_view(SMASH_F32, kept, parts[i].kept_rows * parts[i].kept_columns * sizeof *kept, to->ndim, shape);
    }
    return SMASH_OK;
}

static smash_err add_param(smash_ctx *c, smash_job *job, int pointer)
{
    static const float numbers[3] = { 1, 2, 3 };
    static const size_t three = 3;
    smash_tensor t = smash_tensor_view(SMASH_F32, numbers, sizeof numbers, 1, &three);
    smash_model *more = (smash_model *)smash_arena_alloc(c, job->arena, sizeof *more);
    size_t i;
    smash_err err = SMASH_OK;
    if (!more) return SMASH_ERR_NOMEM;
    t.flags = SMASH_TENSOR_CONST;
    smash_model_init(more, job->arena);
    more->io = job->model->io;
    for (i = 0; !err && i < job->model->param_count; i++) {
        smash_tensor had;
        err = smash_model_load(c, job->model, i, job->arena, &had);
        if (!err) err = smash_model_add(c, more, job->model->params[i].name, &had, 0);
    }
    if (!err) err = smash_model_add(c, more, "extra.scales", &t, 0);
    if (!err) err = smash_model_finish(c, more);
    for (i = 0; !err && i < job->model->module_count; i++)
        err = smash_model_set_type(c, more, (size_t)smash_model_find_module(more, job->model->modules[i].name), job->model->modules[i].type);
    if (!err && !pointer) *job->model = *more;
    if (!err && pointer) job->model = more;
    return err;
}

static smash_err act_on(smash_ctx *c, smash_job *job, act does)
{
    size_t i, k, n;
    if (does == LEAVE_STATE) {
        int *state = (int *)smash_arena_alloc(c, job->arena, sizeof *state);
        if (!state) return SMASH_ERR_NOMEM;
        *state = 42;
        job->state = state;
    }
    if (does == CUT_ROWS) return cut_rows(c, job);
    if (does == ADD_PARAM || does == OTHER_MODEL) return add_param(c, job, does == OTHER_MODEL);
    for (i = 0; does == RETYPE && i < job->model->module_count; i++) {
        smash_err err = strcmp(job->model->modules[i].type, "Linear") ? SMASH_OK : smash_model_set_type(c, job->model, i, "Embedding");
        if (err) return err;
    }
    for (i = 0; does >= DOUBLE_FLOATS && i < job->model->param_count; i++) {
        smash_tensor *t = &job->model->params[i].tensor, view;
        smash_err err = SMASH_OK;
        if (t->dtype != SMASH_F32 || smash_tensor_count(t, &n) || n == 0) continue;
        if (does == DOUBLE_FLOATS) {
            err = smash_job_edit(c, job, i, &view);
            for (k = 0; !err && k < n; k++) ((float *)view.data)[k] *= 2;
        }
        if (does == REPLACE_DATA || does == TO_HALF) {
            smash_tensor other = smash_tensor_view(does == TO_HALF ? SMASH_F16 : SMASH_F32, smash_arena_array(c, job->arena, n, 4), n * (does == TO_HALF ? 2u : 4u), t->ndim, t->shape);
            if (!other.data) return SMASH_ERR_NOMEM;
            err = smash_model_load(c, job->model, i, &c->scratch, &view);
            if (!err && does == TO_HALF) err = smash_tensor_convert(c, &view, &other);
            if (!err && does == REPLACE_DATA) for (k = 0; k < n; k++) ((float *)other.data)[k] = 2 * ((const float *)view.data)[k];
            if (!err) *t = other;
        }
        if (does == OTHER_SHAPE && t->ndim == 2) { k = t->shape[0]; t->shape[0] = t->shape[1]; t->shape[1] = k; }
        if (does == OTHER_DTYPE) t->dtype = SMASH_I32;
        if (err) return err;
    }
    return SMASH_OK;
}

static smash_err made_apply(smash_ctx *c, smash_job *job)
{
    const behaviour *b = (const behaviour *)job->algo->user;
    smash_err err = act_on(c, job, b->does);                          /* a refusal comes when all is done, too late to be polite */
    return err ? err : passes(c, job, IN_APPLY, "apply");
}

/* One algorithm of each group; a test sets save, behaviours and whatever else before start(). */
static behaviour behaviours[SMASH_GROUP_COUNT];
static smash_algo made[SMASH_GROUP_COUNT];

static void make_algorithms(void)
{
    static const char *const names[SMASH_GROUP_COUNT] = { NULL, "my_pruner", "my_distiller", "my_quantizer", "my_recoverer", "my_cacher", "my_compiler", "my_batcher" };
    static const char *const all[] = { "level", "l1_norm", "ptq", "superfast", "my_pruner", "my_distiller", "my_quantizer", "my_recoverer", "my_cacher", "my_compiler", "my_batcher", NULL };
    size_t i;
    memset(behaviours, 0, sizeof behaviours);
    memset(made, 0, sizeof made);
    for (i = 1; i < SMASH_GROUP_COUNT; i++) {
        made[i].name = names[i];
        made[i].group = (smash_group)i;
        made[i].summary = "for tests";
        made[i].compatible = all;
        made[i].check_config = made_check_config;
        made[i].check_model = made_check_model;
        made[i].hook = made_hook;
        made[i].apply = made_apply;
        made[i].user = &behaviours[i];
    }
}

static void make_registry(void)
{
    size_t i;
    smash_registry_init(&registry, room, COUNT_OF(room));
    CHECK_ERR(&ctx, smash_register_builtins(&ctx, &registry), SMASH_OK, "builtins");
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &superfast), SMASH_OK, "superfast");
    for (i = 1; i < SMASH_GROUP_COUNT; i++) CHECK_ERR(&ctx, smash_register(&ctx, &registry, &made[i]), SMASH_OK, "%s", made[i].name);
}

static void fresh_diags(void)
{
    forget_diags();
    smash_ctx_reset(&ctx);
    happened[0] = '\0';
}

/* An empty arena, a registry of all algorithms, and a config of these settings, separated by blanks. */
static void start(const char *settings)
{
    char text[512], *one;
    smash_arena_release(&arena);
    make_registry();
    fresh_diags();
    smash_config_init(&config, &registry, &arena, &diags);
    snprintf(text, sizeof text, "%s", settings);
    for (one = strtok(text, " "); one; one = strtok(NULL, " ")) CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, one), SMASH_OK, "%s", one);
    happened[0] = '\0';
}

static void build(tester_model make, smash_model *model)
{
    smash_model_init(model, &arena);
    CHECK_ERR(&ctx, make(&ctx, model), SMASH_OK, "model");
}

static void state_is_there(const smash_result *result)
{
    uint32_t i;
    for (i = 0; i < result->step_count; i++) {
        const behaviour *b = (const behaviour *)result->steps[i].algo->user;
        if (b && (b->does == ADD_PARAM || b->does == OTHER_MODEL)) CHECK(smash_model_find_param(&result->model, "extra.scales") >= 0, "what %s added is not there", result->steps[i].algo->name);
    }
    for (i = 0; i < result->step_count; i++)
        if (result->steps[i].algo->user && ((const behaviour *)result->steps[i].algo->user)->does == LEAVE_STATE)
            CHECK(result->steps[i].state && *(const int *)result->steps[i].state == 42, "%s left no state", result->steps[i].algo->name);
}

/* Every way to be stored, alone and before and behind others. */
static void test_save_modes(void)
{
    enum { N = SMASH_SAVE_NONE, B = SMASH_SAVE_BEFORE_APPLY, R = SMASH_SAVE_REAPPLY, D = SMASH_SAVE_DEFAULT };
    static const tester_model models[] = { linear, conv_net, dtypes, NULL };
    static const struct { const char *name, *settings[8]; struct { int group, save, does; } as[3]; } rows[] = {
        { "cacher: only a state", { "cacher=my_cacher" }, { { SMASH_CACHER, D, LEAVE_STATE } } },
        { "compiler: halves", { "compiler=my_compiler" }, { { SMASH_COMPILER, D, TO_HALF } } },
        { "batcher: twice is wrong", { "batcher=my_batcher" }, { { SMASH_BATCHER, D, DOUBLE_FLOATS } } },
        { "distiller: stored", { "distiller=my_distiller" }, { { SMASH_DISTILLER, D, DOUBLE_FLOATS } } },
        { "recoverer: stored", { "recoverer=my_recoverer" }, { { SMASH_RECOVERER, D, REPLACE_DATA } } },
        { "pruner: other shapes", { "pruner=my_pruner" }, { { SMASH_PRUNER, D, CUT_ROWS } } },
        { "pruner: another model", { "pruner=my_pruner" }, { { SMASH_PRUNER, N, ADD_PARAM } } },
        { "pruner: another model, by pointer", { "pruner=my_pruner" }, { { SMASH_PRUNER, N, OTHER_MODEL } } },
        { "compiler: another model, not stored", { "compiler=my_compiler" }, { { SMASH_COMPILER, B, ADD_PARAM } } },
        { "distiller: other types", { "distiller=my_distiller" }, { { SMASH_DISTILLER, N, RETYPE } } },
        { "distiller: nothing at all", { "distiller=my_distiller" }, { { SMASH_DISTILLER, N, DO_NOTHING } } },
        { "quantizer: not stored", { "quantizer=my_quantizer" }, { { SMASH_QUANTIZER, B, TO_HALF } } },
        { "quantizer: only a state", { "quantizer=my_quantizer" }, { { SMASH_QUANTIZER, R, LEAVE_STATE } } },
        { "not stored, then stored", { "quantizer=my_quantizer", "recoverer=my_recoverer" }, { { SMASH_QUANTIZER, B, DOUBLE_FLOATS }, { SMASH_RECOVERER, N, REPLACE_DATA } } },
        { "not stored, then a state", { "quantizer=my_quantizer", "cacher=my_cacher" }, { { SMASH_QUANTIZER, B, DOUBLE_FLOATS }, { SMASH_CACHER, D, LEAVE_STATE } } },
        { "not stored twice", { "compiler=my_compiler", "batcher=my_batcher" }, { { SMASH_COMPILER, D, DOUBLE_FLOATS }, { SMASH_BATCHER, D, DOUBLE_FLOATS } } },
        { "a state, then stored", { "cacher=my_cacher", "compiler=my_compiler" }, { { SMASH_CACHER, D, LEAVE_STATE }, { SMASH_COMPILER, N, DOUBLE_FLOATS } } },
        { "a state, then not stored", { "cacher=my_cacher", "batcher=my_batcher" }, { { SMASH_CACHER, D, LEAVE_STATE }, { SMASH_BATCHER, D, CUT_ROWS } } },
        { "not stored, then with targets", { "pruner=my_pruner", "quantizer=ptq" }, { { SMASH_PRUNER, B, DOUBLE_FLOATS } } },
        { "whole model, then with targets", { "pruner=my_pruner", "quantizer=ptq", "ptq_granularity=out_channel" }, { { SMASH_PRUNER, N, CUT_ROWS } } },
        { "targets, whole model, targets", { "pruner=level", "level_sparse_ratio=0.5", "distiller=my_distiller", "quantizer=ptq" }, { { SMASH_DISTILLER, N, DOUBLE_FLOATS } } },
        { "targets, other shapes", { "pruner=level", "level_sparse_ratio=0.5", "distiller=my_distiller" }, { { SMASH_DISTILLER, N, CUT_ROWS } } },
        { "targets, a state, targets", { "pruner=level", "level_sparse_ratio=0.5", "distiller=my_distiller", "quantizer=ptq" }, { { SMASH_DISTILLER, R, LEAVE_STATE } } },
        { "targets, not stored, targets", { "pruner=level", "level_sparse_ratio=0.5", "distiller=my_distiller", "quantizer=ptq" }, { { SMASH_DISTILLER, B, DOUBLE_FLOATS } } },
        { "all at once", { "pruner=l1_norm", "l1_norm_sparse_ratio=0.5", "distiller=my_distiller", "quantizer=ptq", "cacher=my_cacher", "compiler=superfast", "batcher=my_batcher" },
          { { SMASH_DISTILLER, D, DOUBLE_FLOATS }, { SMASH_CACHER, D, LEAVE_STATE }, { SMASH_BATCHER, D, DO_NOTHING } } }
    };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        algorithm_tester t = SMASH_ZERO;
        make_algorithms();
        for (k = 0; k < COUNT_OF(rows[i].as) && rows[i].as[k].group; k++) {
            made[rows[i].as[k].group].save = (smash_save_mode)rows[i].as[k].save;
            behaviours[rows[i].as[k].group].does = (act)rows[i].as[k].does;
        }
        make_registry();
        t.name = rows[i].name;
        t.registry = &registry;
        t.config = rows[i].settings;
        t.accepts = models;
        t.post_smash = state_is_there;
        tester_run(&t);
    }
    make_algorithms();
    for (i = 1; i < SMASH_GROUP_COUNT; i++)
        CHECK(smash_algo_save(&made[i]) == (i == SMASH_CACHER ? SMASH_SAVE_REAPPLY : i >= SMASH_COMPILER ? SMASH_SAVE_BEFORE_APPLY : SMASH_SAVE_NONE), "%s", made[i].name);
}

/* Algorithms with targets that a file does not hold: the pruned or quantized tensors are made again. */
static void test_targets_not_stored(void)
{
    static const tester_model models[] = { linear, conv_net, dtypes, embedding, NULL };
    static const struct { const char *name; int pruner, quantizer; const char *settings[8]; } rows[] = {
        { "a pruner, not stored", SMASH_SAVE_BEFORE_APPLY, 0, { "pruner=my_pruner", "my_pruner_sparse_ratio=0.5" } },
        { "a pruner, not stored, then ptq", SMASH_SAVE_BEFORE_APPLY, 0, { "pruner=my_pruner", "my_pruner_sparse_ratio=0.5", "quantizer=ptq" } },
        { "a quantizer, not stored", 0, SMASH_SAVE_BEFORE_APPLY, { "quantizer=my_quantizer" } },
        { "level, then a quantizer, not stored", 0, SMASH_SAVE_BEFORE_APPLY, { "pruner=level", "level_sparse_ratio=0.5", "quantizer=my_quantizer", "my_quantizer_quant_dtype=int4" } },
        { "both not stored", SMASH_SAVE_BEFORE_APPLY, SMASH_SAVE_BEFORE_APPLY, { "pruner=my_pruner", "my_pruner_sparse_ratio=0.5", "quantizer=my_quantizer" } },
        { "both not stored, then superfast", SMASH_SAVE_BEFORE_APPLY, SMASH_SAVE_BEFORE_APPLY,
          { "pruner=my_pruner", "my_pruner_sparse_ratio=0.5", "quantizer=my_quantizer", "cacher=my_cacher" } } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        algorithm_tester t = SMASH_ZERO;
        make_algorithms();
        made[SMASH_PRUNER].targets = smash_registry_find(smash_builtins(), "level")->targets;
        made[SMASH_QUANTIZER].targets = smash_registry_find(smash_builtins(), "ptq")->targets;
        made[SMASH_PRUNER].apply = made[SMASH_QUANTIZER].apply = NULL;
        made[SMASH_PRUNER].save = (smash_save_mode)rows[i].pruner;
        made[SMASH_QUANTIZER].save = (smash_save_mode)rows[i].quantizer;
        behaviours[SMASH_CACHER].does = LEAVE_STATE;
        make_registry();
        t.name = rows[i].name;
        t.registry = &registry;
        t.config = rows[i].settings;
        t.accepts = models;
        tester_run(&t);
    }
}

static smash_result result, untouched;
static void patterns(void) { memset(&result, 0x5A, sizeof result); memset(&untouched, 0x5A, sizeof untouched); }
static int is_untouched(void) { return memcmp(&result, &untouched, sizeof result) == 0; }

/* An algorithm that says it leaves the parameters alone, and does not. */
static void test_false_reapply(void)
{
    static const act acts[] = { DOUBLE_FLOATS, TO_HALF, CUT_ROWS, ADD_PARAM, OTHER_MODEL, REPLACE_DATA, OTHER_SHAPE, OTHER_DTYPE };
    size_t i;
    for (i = 0; i < COUNT_OF(acts); i++) {
        smash_model model;
        uint64_t digest;
        make_algorithms();
        behaviours[SMASH_CACHER].does = acts[i];
        start("quantizer=my_quantizer cacher=my_cacher");
        build(linear, &model);
        digest = tester_digest(&model);
        patterns();
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_ERR_ARG, "act %d", (int)acts[i]);
        CHECK(is_untouched() && strstr(ctx.message, "my_cacher"), "act %d: %s", (int)acts[i], ctx.message);
        CHECK(digest == tester_digest(&model), "act %d: the input was changed", (int)acts[i]);
    }
}

/* Several algorithms at once give what each alone gives on what the one before left. */
static void test_one_after_another(void)
{
    static const struct { act pruner; const char *all, *each[5]; } rows[] = {
        { DO_NOTHING, "pruner=level level_sparse_ratio=0.5 distiller=my_distiller quantizer=ptq ptq_granularity=out_channel compiler=superfast",
          { "pruner=level level_sparse_ratio=0.5", "distiller=my_distiller", "quantizer=ptq ptq_granularity=out_channel", "compiler=superfast" } },
        { CUT_ROWS, "pruner=my_pruner quantizer=ptq ptq_granularity=out_channel compiler=superfast superfast_backend=backend2",
          { "pruner=my_pruner", "quantizer=ptq ptq_granularity=out_channel", "compiler=superfast superfast_backend=backend2" } },
        { ADD_PARAM, "pruner=my_pruner distiller=my_distiller quantizer=ptq ptq_quant_dtype=int4", { "pruner=my_pruner", "distiller=my_distiller", "quantizer=ptq ptq_quant_dtype=int4" } },
        { DOUBLE_FLOATS, "pruner=my_pruner distiller=my_distiller recoverer=my_recoverer", { "pruner=my_pruner", "distiller=my_distiller", "recoverer=my_recoverer" } } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        static smash_result all, each[5];
        static smash_config one;
        const smash_model *from;
        smash_model model;
        make_algorithms();
        behaviours[SMASH_PRUNER].does = rows[i].pruner;
        behaviours[SMASH_DISTILLER].does = DOUBLE_FLOATS;
        behaviours[SMASH_RECOVERER].does = REPLACE_DATA;
        start(rows[i].all);
        build(linear, &model);
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &all), SMASH_OK, "row %d: %s", (int)i, said());
        for (k = 0, from = &model; rows[i].each[k]; from = &each[k++].model) {
            char text[256], *setting;
            smash_config_init(&one, &registry, &arena, &diags);
            snprintf(text, sizeof text, "%s", rows[i].each[k]);
            for (setting = strtok(text, " "); setting; setting = strtok(NULL, " ")) CHECK_ERR(&ctx, smash_config_set_text(&ctx, &one, setting), SMASH_OK, "%s", setting);
            CHECK_ERR(&ctx, smash(&ctx, from, &one, NULL, &each[k]), SMASH_OK, "row %d, %s: %s", (int)i, rows[i].each[k], said());
        }
        tester_now = &(algorithm_tester){ .name = rows[i].all };
        tester_number = i;
        tester_compare("all at once and one by one", &all.model, &each[k - 1].model);
        CHECK(tester_digest(&model) != tester_digest(&all.model), "row %d did nothing", (int)i);
        if (rows[i].pruner == CUT_ROWS) {
            ptrdiff_t p = smash_model_find_param(&all.model, "fc1.weight_scale");
            CHECK(p >= 0 && all.model.params[p].tensor.shape[0] == 3, "ptq did not see the three rows that are left");
        }
    }
}

/* First all checks, then all hooks, then all that is applied, each in order of group; whoever refuses ends it, with the code it says. */
static void test_order(void)
{
#define CONFIGS "config my_distiller, config my_recoverer, config my_cacher"
#define MODELS "model my_distiller, model my_recoverer, model my_cacher"
#define HOOKS "hook my_distiller, hook my_recoverer, hook my_cacher"
    static const struct { int group; stage at; smash_err with, want; int silent, experimental; const char *last; } rows[] = {
        { SMASH_DISTILLER, NOWHERE, SMASH_OK, SMASH_OK, 0, 0, "apply my_cacher" },
        { SMASH_DISTILLER, IN_CONFIG, SMASH_ERR_RANGE, SMASH_ERR_CONFIG, 0, 0, NULL },
        { SMASH_RECOVERER, IN_CONFIG, SMASH_ERR_CONFIG, SMASH_ERR_CONFIG, 1, 0, NULL },
        { SMASH_RECOVERER, IN_MODEL, SMASH_ERR_UNSUPPORTED, SMASH_ERR_CONFIG, 0, 0, NULL },
        { SMASH_CACHER, IN_MODEL, SMASH_ERR_SHAPE, SMASH_ERR_CONFIG, 1, 0, NULL },
        { SMASH_CACHER, IN_MODEL, SMASH_ERR_SHAPE, SMASH_OK, 0, 1, "apply my_cacher" },
        { SMASH_RECOVERER, IN_HOOK, SMASH_ERR_LIMIT, SMASH_ERR_LIMIT, 0, 0, "hook my_recoverer" },
        { SMASH_DISTILLER, IN_HOOK, SMASH_ERR_IO, SMASH_ERR_IO, 1, 0, "hook my_distiller" },
        { SMASH_DISTILLER, IN_APPLY, SMASH_ERR_NONFINITE, SMASH_ERR_NONFINITE, 0, 0, "apply my_distiller" },
        { SMASH_CACHER, IN_APPLY, SMASH_ERR_IO, SMASH_ERR_IO, 1, 0, "apply my_cacher" },
        { SMASH_CACHER, IN_APPLY, SMASH_ERR_DEVICE, SMASH_ERR_DEVICE, 0, 1, "apply my_cacher" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        static smash_config before;
        smash_model model;
        smash_desc desc = SMASH_ZERO;
        uint64_t digest;
        size_t n;
        make_algorithms();
        behaviours[SMASH_DISTILLER].does = DOUBLE_FLOATS;
        behaviours[SMASH_RECOVERER].does = REPLACE_DATA;
        behaviours[SMASH_CACHER].does = LEAVE_STATE;
        start("cacher=my_cacher recoverer=my_recoverer distiller=my_distiller");
        behaviours[rows[i].group].refuses = rows[i].at;
        behaviours[rows[i].group].with = rows[i].with;
        behaviours[rows[i].group].silent = rows[i].silent;
        build(linear, &model);
        digest = tester_digest(&model);
        before = config;
        patterns();
        happened[0] = '\0';
        desc.experimental = (uint32_t)rows[i].experimental;
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, &desc, &result), rows[i].want, "row %d: %s", (int)i, said());
        CHECK(ctx.err == rows[i].want, "row %d: ctx says %s", (int)i, smash_err_name(ctx.err));
        CHECK(digest == tester_digest(&model) && smash_config_equal(&config, &before), "row %d: the input was changed", (int)i);
        n = strlen(happened);
        if (rows[i].last) CHECK(n >= strlen(rows[i].last) && strcmp(happened + n - strlen(rows[i].last), rows[i].last) == 0, "row %d: %s", (int)i, happened);
        else CHECK(!strstr(happened, "hook") && !strstr(happened, "apply"), "row %d: %s", (int)i, happened);
        if (rows[i].want) CHECK(is_untouched() && (rows[i].silent || strstr(last_said(), "not today") || strstr(ctx.message, "not today")), "row %d: %s", (int)i, said());
        if (rows[i].want == SMASH_ERR_CONFIG) CHECK(diags.errors == 1 && strstr(last_said(), made[rows[i].group].name), "row %d: %s", (int)i, said());
        if (rows[i].want == SMASH_ERR_CONFIG && rows[i].at == IN_MODEL) CHECK(has_code("incompatible_model"), "row %d: %s", (int)i, diags.last ? diags.last->code : "nothing");
        if (i == 0) {
            const char *models_at = strstr(happened, MODELS);
            CHECK(strstr(happened, CONFIGS) && models_at && strstr(models_at, HOOKS ", apply my_distiller, apply my_recoverer, apply my_cacher"), "%s", happened);
        }
    }
    {                                                                /* ptq leaves nothing that superfast can pack: only its apply can see that */
        smash_model model;
        make_algorithms();
        start("quantizer=ptq ptq_quant_dtype=int4 compiler=superfast");
        build(linear, &model);
        patterns();
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_ERR_UNSUPPORTED, "int4 and superfast");
        CHECK(is_untouched() && strstr(ctx.message, "superfast"), "%s", ctx.message);
    }
    {                                                                /* one warning is said once, in however many parts the work is done */
        smash_model model;
        static const char *const parts[] = { "quantizer=ptq", "pruner=level level_sparse_ratio=0.5 distiller=my_distiller quantizer=ptq" };
        for (i = 0; i < 2; i++) {
            make_algorithms();
            start(parts[i]);
            CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, "ptq_config_list=[{\"op_names\": [\"fc1\", \"fc9\"], \"target_names\": [\"weight\"]}]"), SMASH_OK, "%s", said());
            build(linear, &model);
            CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "%s", said());
            CHECK(diags.warnings == 1 && strstr(last_said(), "fc9"), "%s: %d warnings", parts[i], (int)diags.warnings);
        }
    }
    /* all that is wrong is said at once */
    make_algorithms();
    start("cacher=my_cacher recoverer=my_recoverer distiller=my_distiller");
    {
        smash_model model;
        behaviours[SMASH_DISTILLER].refuses = behaviours[SMASH_CACHER].refuses = IN_MODEL;
        behaviours[SMASH_DISTILLER].with = behaviours[SMASH_CACHER].with = SMASH_ERR_UNSUPPORTED;
        build(linear, &model);
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_ERR_CONFIG, "two refuse");
        CHECK(diags.errors == 2, "%d findings", (int)diags.errors);
        CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 0), SMASH_ERR_CONFIG, "two refuse");
        CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 1), SMASH_OK, "experimental: %s", said());
    }
}

static smash_err encode(void *user, const char *text, size_t bytes, int32_t *ids, size_t capacity, size_t *count)
{
    size_t i;
    (void)user;
    for (i = 0; i < bytes && i < capacity; i++) ids[i] = (unsigned char)text[i];
    *count = bytes;
    return SMASH_OK;
}
static smash_err process(void *user, const smash_tensor *raw, smash_tensor *input) { (void)user; *input = *raw; return SMASH_OK; }
static smash_err sample(void *user, smash_split split, uint64_t i, smash_tensor *input, smash_tensor *target)
{
    (void)user; (void)split; (void)i;
    memset(input, 0, sizeof *input);
    memset(target, 0, sizeof *target);
    return SMASH_OK;
}
static const smash_tokenizer a_tokenizer = { "bytes", encode, NULL };
static const smash_processor a_processor = { "as it is", process, NULL };
static const smash_data some_data = { "nothing", { 1, 1, 1 }, sample, NULL };

static test_buffer saved;
static smash_config read_config;

static void save(const smash_result *r)
{
    smash_io io = tester_writer(&saved);
    CHECK_ERR(&ctx, smash_save(&ctx, r, &io), SMASH_OK, "save");
}

static smash_err load(int experimental)
{
    smash_io io = tester_reader(&saved);
    smash_desc desc = SMASH_ZERO;
    desc.experimental = (uint32_t)experimental;
    patterns();
    return smash_load(&ctx, &io, &desc, &read_config, &result);
}

static int read_config_is_empty(void)
{
    static smash_config empty;
    smash_config_init(&empty, read_config.registry, &arena, &diags);
    return smash_config_equal(&empty, &read_config);
}

/* What an algorithm needs: when it is activated, by smash(), and by smash_load() if it runs again. */
static void test_components(void)
{
    static const struct { uint32_t needs; const char *call; } rows[] = {
        { SMASH_NEEDS_TOKENIZER, "smash_config_add_tokenizer" }, { SMASH_NEEDS_PROCESSOR, "smash_config_add_processor" }, { SMASH_NEEDS_DATA, "smash_config_add_data" },
        { SMASH_NEEDS_TOKENIZER | SMASH_NEEDS_DATA, "smash_config_add_data" } };
    static const tester_model models[] = { linear, NULL };
    size_t i, mode;
    for (i = 0; i < COUNT_OF(rows); i++) for (mode = SMASH_SAVE_NONE; mode <= SMASH_SAVE_REAPPLY; mode++) {
        static smash_result whole;
        static const char *const settings[] = { "recoverer=my_recoverer", NULL };
        algorithm_tester t = SMASH_ZERO;
        smash_model model;
        make_algorithms();
        made[SMASH_RECOVERER].needs = rows[i].needs;
        made[SMASH_RECOVERER].save = (smash_save_mode)mode;
        behaviours[SMASH_RECOVERER].does = mode == SMASH_SAVE_REAPPLY ? LEAVE_STATE : DOUBLE_FLOATS;
        make_registry();
        t.name = "components";
        t.registry = &registry;
        t.config = settings;
        t.accepts = models;
        t.tokenizer = &a_tokenizer;
        t.processor = &a_processor;
        t.data = &some_data;
        tester_run(&t);

        start("");
        build(linear, &model);
        config.defer_components = 1;
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, "recoverer=my_recoverer"), SMASH_OK, "deferred: %s", said());
        patterns();
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_ERR_CONFIG, "needs %u", rows[i].needs);
        CHECK(is_untouched() && strstr(last_said(), rows[i].call) && strstr(last_said(), "my_recoverer") && !strstr(happened, "apply"), "needs %u: %s; %s", rows[i].needs, said(), happened);
        fresh_diags();
        CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 0), SMASH_ERR_CONFIG, "needs %u", rows[i].needs);
        CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 1), SMASH_OK, "needs %u, experimental", rows[i].needs);
        smash_config_add_tokenizer(&ctx, &config, &a_tokenizer);
        smash_config_add_processor(&ctx, &config, &a_processor);
        smash_config_add_data(&ctx, &config, &some_data);
        fresh_diags();
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &whole), SMASH_OK, "needs %u: %s", rows[i].needs, said());
        save(&whole);
        fresh_diags();
        smash_config_init(&read_config, &registry, &arena, &diags);
        if (mode == SMASH_SAVE_NONE) {                                /* nothing runs, so nothing is needed */
            CHECK_ERR(&ctx, load(0), SMASH_OK, "needs %u: %s", rows[i].needs, said());
            CHECK(smash_config_active(&read_config, SMASH_RECOVERER) == &made[SMASH_RECOVERER], "the config says what was done");
            CHECK(!strstr(happened, "apply"), "%s", happened);
            continue;
        }
        CHECK_ERR(&ctx, load(0), SMASH_ERR_CONFIG, "needs %u", rows[i].needs);
        CHECK(is_untouched() && read_config_is_empty() && strstr(last_said(), rows[i].call) && !strstr(happened, "apply"), "needs %u: %s", rows[i].needs, said());
        smash_config_add_tokenizer(&ctx, &read_config, &a_tokenizer);
        smash_config_add_processor(&ctx, &read_config, &a_processor);
        smash_config_add_data(&ctx, &read_config, &some_data);
        fresh_diags();
        CHECK_ERR(&ctx, load(0), SMASH_OK, "needs %u: %s", rows[i].needs, said());
        CHECK(read_config.tokenizer == &a_tokenizer && read_config.data == &some_data, "load took the components away");
        fresh_diags();
        smash_config_init(&read_config, &registry, &arena, &diags);
        CHECK_ERR(&ctx, load(1), SMASH_OK, "needs %u, experimental: %s", rows[i].needs, said());
    }
}

static void test_devices(void)
{
    static const struct { const char *device; uint32_t runs_on, flags; smash_err want; } rows[] = {
        { "cpu", 0, 0, SMASH_OK }, { "cpu", SMASH_ON_CPU, 0, SMASH_OK }, { "cpu", SMASH_ON_CPU | SMASH_ON_CUDA, 0, SMASH_OK }, { "cpu", SMASH_ON_CUDA, 0, SMASH_ERR_CONFIG },
        { "cuda", SMASH_ON_CPU, 0, SMASH_ERR_CONFIG }, { "cuda:1", 0, 0, SMASH_ERR_CONFIG }, { "cpu", SMASH_ON_CPU, SMASH_TENSOR_DEVICE, SMASH_ERR_CONFIG } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        char settings[64];
        smash_model model;
        make_algorithms();
        made[SMASH_CACHER].runs_on = rows[i].runs_on;
        snprintf(settings, sizeof settings, "device=%s cacher=my_cacher", rows[i].device);
        start(settings);
        build(linear, &model);
        model.params[1].tensor.flags |= rows[i].flags;
        patterns();
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), rows[i].want, "row %d: %s", (int)i, said());
        CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 0), rows[i].want, "row %d: %s", (int)i, said());
        if (!rows[i].want) CHECK(result.parameters > 0, "row %d: no parameters", (int)i);
        if (rows[i].want) CHECK(is_untouched() && !strstr(happened, "hook") && strstr(last_said(), rows[i].flags ? "GPU" : "my_cacher"), "row %d: %s; %s", (int)i, said(), happened);
    }
}

/* ---- files of others ---- */

/* The file in `saved` with another value for a key of its metadata; NULL takes the key away. */
static void rewrite(const char *key, const char *value)
{
    smash_io in = smash_io_memory(tester_plain.data, tester_plain.used), out;
    smash_meta *metadata;
    smash_tensor *views;
    smash_layout layout;
    smash_model model;
    size_t i, n = 0;
    int found = 0;
    tester_plain = saved;
    in.bytes = tester_plain.used;
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &in, &arena, NULL, &model), SMASH_OK, "file");
    metadata = (smash_meta *)smash_arena_array(&ctx, &arena, model.metadata_count + 1, sizeof *metadata);
    views = (smash_tensor *)smash_arena_array(&ctx, &arena, model.param_count + 1, sizeof *views);
    for (i = 0; i < model.metadata_count; i++) {
        metadata[n] = model.metadata[i];
        if (strcmp(metadata[n].key, key) == 0) { found = 1; if (!value) continue; metadata[n].value = value; }
        n++;
    }
    if (!found && value) { metadata[n].key = key; metadata[n++].value = value; }
    for (i = 0; i < model.param_count; i++) { views[i] = model.params[i].tensor; views[i].name = model.params[i].name; }
    CHECK_ERR(&ctx, smash_safetensors_layout(&ctx, views, model.param_count, metadata, n, &arena, &layout), SMASH_OK, "layout");
    out = tester_writer(&saved);
    CHECK_ERR(&ctx, smash_safetensors_begin(&ctx, &layout, &out), SMASH_OK, "begin");
    for (i = 0; i < model.param_count; i++) {
        CHECK_ERR(&ctx, smash_model_load(&ctx, &model, i, &arena, &views[i]), SMASH_OK, "load");
        CHECK_ERR(&ctx, smash_safetensors_put(&ctx, &layout, &out, i, &views[i]), SMASH_OK, "put");
    }
}

/* A file of level and superfast in `saved`. */
static void make_file(const char *settings)
{
    static smash_result whole;
    smash_model model;
    make_algorithms();
    start(settings);
    build(linear, &model);
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &whole), SMASH_OK, "%s", said());
    save(&whole);
    fresh_diags();
    smash_config_init(&read_config, &registry, &arena, &diags);
}

static void test_files(void)
{
    static const char level[] = "pruner=level level_sparse_ratio=0.5 compiler=superfast";
    static const struct { const char *key, *value; smash_err want; const char *piece, *other; uint32_t steps; } rows[] = {
        { "other", "kept", SMASH_OK, "", "", 1 },
        { "smash.format_version", "2", SMASH_ERR_VERSION, "2", "1", 0 },
        { "smash.format_version", "99", SMASH_ERR_VERSION, "99", "1", 0 },
        { "smash.format_version", "123456789012345678901234567890", SMASH_ERR_VERSION, "123456789012345678901234567890", "1", 0 },
        { "smash.format_version", "", SMASH_ERR_FORMAT, "format_version", "", 0 },
        { "smash.format_version", "one", SMASH_ERR_FORMAT, "one", "", 0 },
        { "smash.format_version", "-1", SMASH_ERR_FORMAT, "-1", "", 0 },
        { "smash.format_version", "1.5", SMASH_ERR_FORMAT, "1.5", "", 0 }, { "smash.format_version", "0.5", SMASH_ERR_FORMAT, "0.5", "", 0 },
        { "smash.format_version", "1e0", SMASH_ERR_FORMAT, "1e0", "", 0 }, { "smash.format_version", "-0", SMASH_ERR_FORMAT, "-0", "", 0 }, { "smash.format_version", "001", SMASH_ERR_FORMAT, "001", "", 0 },
        { "smash.reapply", "{\"compiler\": \"nobody\"}", SMASH_ERR_FORMAT, "nobody", "", 0 },
        { "smash.reapply", "{\"cacher\": \"my_cacher\"}", SMASH_ERR_FORMAT, "my_cacher", "", 0 },     /* registered, and not active */
        { "smash.reapply", "{\"batcher\": \"superfast\"}", SMASH_ERR_FORMAT, "superfast", "", 0 },
        { "smash.reapply", "{\"assembler\": \"superfast\"}", SMASH_ERR_FORMAT, "assembler", "", 0 },
        { "smash.reapply", "{\"pruner\": \"level\"}", SMASH_ERR_FORMAT, "level", "is in the file", 0 },           /* a file runs nothing that smash() leaves done */
        { "smash.reapply", "{\"compiler\": 17}", SMASH_ERR_FORMAT, "reapply", "", 0 },
        { "smash.reapply", "[\"superfast\"]", SMASH_ERR_FORMAT, "reapply", "", 0 },
        { "smash.reapply", "superfast", SMASH_ERR_FORMAT, "reapply", "", 0 },
        { "smash.dictionary", "{\"compiler\": \"superfast\", \"format_version\": 1", SMASH_ERR_SYNTAX, "", "", 0 },
        { "smash.dictionary", "[]", SMASH_ERR_CONFIG, "", "", 0 },
        { "smash.dictionary", "{\"format_version\": 1, \"compiler\": \"hyperfast\"}", SMASH_ERR_CONFIG, "hyperfast", "", 0 },
        { "smash.dictionary", "{\"format_version\": 1, \"compiler\": \"superfast\", \"superfast_backend\": \"backend3\"}", SMASH_ERR_CONFIG, "backend3", "backend1", 0 },
        { "smash.dictionary", "{\"format_version\": 1, \"compiler\": \"superfast\", \"superfast_colour\": 3}", SMASH_OK, "superfast_colour", "", 1 }
    };
    size_t i, n;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_err err;
        make_file(level);
        rewrite(rows[i].key, rows[i].value);
        fresh_diags();
        err = load(0);
        CHECK(err == rows[i].want, "%s = %s: %s: %s", rows[i].key, rows[i].value, smash_err_name(err), said());
        CHECK((strstr(last_said(), rows[i].piece) && strstr(last_said(), rows[i].other)) || (strstr(ctx.message, rows[i].piece) && strstr(ctx.message, rows[i].other)),
              "%s = %s: %s", rows[i].key, rows[i].value, said());
        if (err) CHECK(is_untouched() && read_config_is_empty(), "%s = %s: the config or the result was touched", rows[i].key, rows[i].value);
        else CHECK(result.step_count == rows[i].steps, "%s = %s: %d steps", rows[i].key, rows[i].value, (int)result.step_count);
    }

    make_file(level);                                                /* metadata of others is kept, by load and save */
    rewrite("other", "kept");
    CHECK_ERR(&ctx, load(0), SMASH_OK, "%s", said());
    for (i = n = 0; i < result.model.metadata_count; i++) n += strcmp(result.model.metadata[i].key, "other") == 0 && strcmp(result.model.metadata[i].value, "kept") == 0;
    CHECK(n == 1, "metadata of others is lost");

    {                                                                /* what an earlier smash said of itself is forgotten by the next */
        static smash_result whole;
        smash_io in;
        smash_model model;
        make_file("compiler=superfast");
        tester_plain = saved;
        in = smash_io_memory(tester_plain.data, tester_plain.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &in, &arena, &diags, &model), SMASH_OK, "%s", said());
        smash_config_init(&config, &registry, &arena, &diags);
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, "pruner=level"), SMASH_OK, "%s", said());
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, "level_sparse_ratio=0.5"), SMASH_OK, "%s", said());
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &whole), SMASH_OK, "%s", said());
        save(&whole);
        CHECK_ERR(&ctx, load(0), SMASH_OK, "%s", said());
        CHECK(result.step_count == 0 && smash_config_equal(&config, &read_config), "%d steps", (int)result.step_count);
    }

    make_file(level);                                                /* an older format: a model, no config, nothing runs again */
    rewrite("smash.format_version", "0");
    rewrite("smash.dictionary", NULL);
    rewrite("smash.reapply", NULL);
    CHECK_ERR(&ctx, load(0), SMASH_OK, "%s", said());
    CHECK(result.step_count == 0 && read_config_is_empty() && smash_model_find_param(&result.model, "fc1.weight") >= 0, "%d steps", (int)result.step_count);

    make_file(level);                                                /* the file of smash 0.1.0: format 1, no dictionary */
    rewrite("smash.dictionary", NULL);
    rewrite("smash.reapply", NULL);
    CHECK_ERR(&ctx, load(0), SMASH_OK, "%s", said());
    CHECK(result.step_count == 0 && smash_model_find_param(&result.model, "fc1.weight") >= 0, "%d steps", (int)result.step_count);

    make_file(level);                                                /* a file of another make, without any of it */
    rewrite("smash.format_version", NULL);
    rewrite("smash.dictionary", NULL);
    rewrite("smash.reapply", NULL);
    rewrite("smash.config", NULL);
    rewrite("smash.module_types", NULL);
    rewrite("smash.quant_dtypes", NULL);
    CHECK_ERR(&ctx, load(0), SMASH_OK, "%s", said());
    CHECK(result.step_count == 0 && read_config_is_empty() && result.model.param_count == 3, "%d steps", (int)result.step_count);

    make_file(level);                                                /* a registry that lacks what has to run again; and one that lacks what ran */
    smash_config_init(&read_config, smash_builtins(), &arena, &diags);
    CHECK_ERR(&ctx, load(0), SMASH_ERR_CONFIG, "no superfast");
    CHECK(is_untouched() && read_config_is_empty() && strstr(last_said(), "superfast"), "%s", said());

    make_file(level);                                                /* a config that is in use */
    CHECK_ERR(&ctx, smash_config_set_text(&ctx, &read_config, "batch_size=7"), SMASH_OK, "batch_size");
    CHECK_ERR(&ctx, load(0), SMASH_OK, "%s", said());
    CHECK(smash_config_active(&read_config, SMASH_COMPILER) == &superfast, "superfast is not active");
    CHECK(smash_config_equal(&config, &read_config) && smash_config_get(&ctx, &read_config, "batch_size")->number == 1, "the config that was saved comes back, whatever was there");

    {                                                                /* the config may outlive the result */
        smash_arena apart;
        smash_desc desc = SMASH_ZERO;
        smash_io in;
        make_file(level);
        smash_arena_init(&apart, NULL, 0, &test_allocator);
        desc.arena = &apart;
        in = smash_io_memory(saved.data, saved.used);
        CHECK_ERR(&ctx, smash_load(&ctx, &in, &desc, &read_config, &result), SMASH_OK, "%s", said());
        smash_arena_release(&apart);
        CHECK(smash_config_equal(&config, &read_config), "the config went with the result");
    }
}

/* No cut and no changed byte of a file may do more than fail. */
static void test_broken_files(void)
{
    static test_buffer whole;
    uint64_t rng = 3;
    size_t i, k;
    make_file("pruner=level level_sparse_ratio=0.5 quantizer=ptq compiler=superfast cacher=my_cacher");
    whole = saved;
    for (i = 0; i < whole.used; i += i < 16 || i + 16 > whole.used ? 1 : test_count(7, 70)) {
        saved.used = i;
        make_registry();
        smash_config_init(&read_config, &registry, &arena, &diags);
        CHECK(load(0) != SMASH_OK && is_untouched() && read_config_is_empty(), "%d of %d bytes", (int)i, (int)whole.used);
        smash_ctx_reset(&ctx);
    }
    for (i = 0; i < test_count(3000, 300); i++) {
        smash_err err;
        saved = whole;
        for (k = 0; k < 1 + i % 3; k++) saved.data[8 + smash_random(&rng) % (whole.used - 8)] = (unsigned char)smash_random(&rng);
        smash_arena_release(&arena);
        fresh_diags();
        smash_config_init(&read_config, &registry, &arena, &diags);
        err = load(0);
        CHECK(err == SMASH_OK || (is_untouched() && read_config_is_empty()), "round %d: the config or the result was touched", (int)i);
        CHECK(err != SMASH_ERR_ARG && err != SMASH_ERR_NOMEM && err != SMASH_ERR_IO, "round %d: %s: %s", (int)i, smash_err_name(err), ctx.message);
        smash_ctx_reset(&ctx);
    }
}

static void test_arguments(void)
{
    smash_model model, unfinished;
    smash_desc desc = SMASH_ZERO, dirty = SMASH_ZERO;
    smash_io none = SMASH_ZERO, io = tester_writer(&saved);
    make_algorithms();
    start("cacher=my_cacher");
    build(linear, &model);
    smash_model_init(&unfinished, &arena);
    CHECK_ERR(&ctx, smash_model_add(&ctx, &unfinished, "fc.weight", &model.params[0].tensor, 0), SMASH_OK, "add");
    patterns();
    CHECK_ERR(&ctx, smash(&ctx, NULL, &config, NULL, &result), SMASH_ERR_ARG, "no model");
    CHECK_ERR(&ctx, smash(&ctx, &model, NULL, NULL, &result), SMASH_ERR_ARG, "no config");
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, NULL), SMASH_ERR_ARG, "no result");
    CHECK_ERR(&ctx, smash(&ctx, &unfinished, &config, NULL, &result), SMASH_ERR_ARG, "a model that is not finished");
    CHECK(smash(NULL, &model, &config, NULL, &result) == SMASH_ERR_ARG, "no ctx");
    dirty.zero_end = 1;
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, &dirty, &result), SMASH_ERR_ARG, "desc");
    dirty.zero_end = 0;
    dirty.zero_begin = 1;
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, &dirty, &result), SMASH_ERR_ARG, "desc");
    desc.arena = &ctx.scratch;
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, &desc, &result), SMASH_ERR_ARG, "arena is the scratch");
    CHECK_ERR(&ctx, smash_check(&ctx, NULL, &config, 0), SMASH_ERR_ARG, "no model");
    CHECK_ERR(&ctx, smash_check(&ctx, &model, NULL, 0), SMASH_ERR_ARG, "no config");
    CHECK_ERR(&ctx, smash_save(&ctx, NULL, &io), SMASH_ERR_ARG, "no result");
    CHECK_ERR(&ctx, smash_load(&ctx, NULL, NULL, &config, &result), SMASH_ERR_ARG, "no io");
    CHECK_ERR(&ctx, smash_load(&ctx, &io, NULL, NULL, &result), SMASH_ERR_ARG, "no config");
    CHECK_ERR(&ctx, smash_load(&ctx, &io, NULL, &config, NULL), SMASH_ERR_ARG, "no result");
    CHECK(is_untouched(), "the result was touched");
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "%s", said());
    CHECK_ERR(&ctx, smash_save(&ctx, &result, NULL), SMASH_ERR_ARG, "no io");
    CHECK_ERR(&ctx, smash_save(&ctx, &result, &none), SMASH_ERR_ARG, "an io that cannot write");
    {
        smash_job job = SMASH_ZERO;
        smash_tensor view;
        CHECK_ERR(&ctx, smash_job_edit(&ctx, NULL, 0, &view), SMASH_ERR_ARG, "no job");
        job.model = &model;
        job.arena = &arena;
        CHECK_ERR(&ctx, smash_job_edit(&ctx, &job, model.param_count, &view), SMASH_ERR_ARG, "no such parameter");
        CHECK_ERR(&ctx, smash_job_edit(&ctx, &job, 0, NULL), SMASH_ERR_ARG, "no view");
    }
}

/* smash_job_edit: one copy, the model's own numbers stay. */
static void test_job_edit(void)
{
    smash_model model, copy;
    smash_param params[8];
    smash_job job = SMASH_ZERO;
    smash_tensor view = SMASH_ZERO, again = SMASH_ZERO;
    uint64_t digest;
    make_algorithms();
    start("");
    build(linear, &model);
    digest = tester_digest(&model);
    copy = model;
    memcpy(params, model.params, model.param_count * sizeof *params);
    copy.params = params;
    params[0].tensor.flags |= SMASH_TENSOR_CONST;                     /* as smash() does */
    job.model = &copy;
    job.arena = &arena;
    CHECK_ERR(&ctx, smash_job_edit(&ctx, &job, 0, &view), SMASH_OK, "first");
    CHECK(!(view.flags & SMASH_TENSOR_CONST) && view.data != model.params[0].tensor.data && memcmp(view.data, model.params[0].tensor.data, 192) == 0, "no copy");
    ((float *)view.data)[0] += 1;
    CHECK_ERR(&ctx, smash_job_edit(&ctx, &job, 0, &again), SMASH_OK, "second");
    CHECK(again.data == view.data && copy.params[0].tensor.data == view.data, "a second copy");
    CHECK(digest == tester_digest(&model), "the model was changed");
}

int main(void)
{
    static const algorithm_tester none = { "no tester", NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL };
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    tester_ctx = tester_ctx_over(NULL, 0, smash_allocator_libc());
    make_algorithms();
    make_registry();
    test_builtins();
    test_pairs();
    test_settings();
    test_superfast();
    test_superfast_limits();
    test_save_modes();
    test_targets_not_stored();
    tester_now = &none;
    tester_number = 0;
    test_false_reapply();
    test_one_after_another();
    tester_now = &none;
    test_order();
    test_components();
    tester_now = &none;
    test_devices();
    test_files();
    test_broken_files();
    test_arguments();
    test_job_edit();
    smash_arena_release(&tester_ctx.scratch);
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%d blocks leaked", (int)test_alloc_live);
    return test_done();
}
