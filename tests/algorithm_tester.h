/* algorithm_tester.h - what an algorithm must do, whoever wrote it, on models that it accepts and on models that it rejects. Include it
 * behind test.h, fill in an algorithm_tester, hand it to tester_run(). A check that fails names the tester and the number of the model.
 *
 *   accepted  smash() succeeds; the model and the config it was given stay as they are; the same again, on threads, without SIMD and from
 *             a file that is read piece by piece gives the same bytes. smash_save() writes a file that smash_safetensors_read() takes,
 *             holding what result.stored does. smash_load() gives the same model, config and steps back, and saves the same bytes. With
 *             less memory than is needed, and with callbacks that fail at each call in turn: the right code, outputs untouched, no leak
 *   rejected  smash_check() and smash() refuse, name the algorithm and touch nothing; with `experimental` the model is not asked for */
#ifndef SMASH_ALGORITHM_TESTER_H
#define SMASH_ALGORITHM_TESTER_H
#include <stdarg.h>

typedef smash_err (*tester_model)(smash_ctx *ctx, smash_model *model);   /* adds to an empty model, numbers from model->arena, and finishes it */

typedef struct algorithm_tester {
    const char            *name;         /* for messages */
    const smash_registry  *registry;     /* has the algorithm */
    const char *const     *config;       /* "key=value", set in this order; NULL-terminated */
    const tester_model    *accepts;      /* NULL-terminated, or NULL */
    const tester_model    *rejects;      /* NULL-terminated, or NULL */
    const smash_tokenizer *tokenizer;    /* components that it needs */
    const smash_processor *processor;
    const smash_data      *data;
    void                 (*post_smash)(const smash_result *result);   /* opt: looks at what came, from smash() and again from smash_load() */
} algorithm_tester;

/* ---- what a run works with ---- */

enum { TESTER_LESS = 16 };               /* how many amounts of memory that are too little, or just enough, are tried */

static smash_ctx tester_ctx;             /* with memory that never fails */
static smash_arena tester_arena;         /* of the model, the config and what goes well */
static smash_diags tester_diags;
static const algorithm_tester *tester_now;
static size_t tester_number;             /* of the model */
static test_buffer tester_file, tester_other, tester_masks, tester_plain;
static smash_config tester_config, tester_read;
static smash_result tester_result;

static const char *tester_row(const char *format, ...)
{
    static char row[512];
    va_list args;
    va_start(args, format);
    vsnprintf(row, sizeof row, format, args);
    va_end(args);
    return row;
}
#define TESTER_CHECK(condition, ...) CHECK(condition, "%s, model %d: %s", tester_now->name, (int)tester_number, tester_row(__VA_ARGS__))

static const char *tester_said(void) { return tester_diags.last ? tester_diags.last->message : tester_ctx.message; }

/* a ctx whose scratch is this */
static smash_ctx tester_ctx_over(void *buffer, size_t bytes, const smash_allocator *allocator)
{
    smash_ctx ctx;
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, buffer, bytes, allocator);
    return ctx;
}

static smash_io tester_writer(test_buffer *file)
{
    smash_io io = SMASH_ZERO;
    file->used = file->calls = file->fail_at = 0;
    io.write = test_buffer_write;
    io.user = file;
    return io;
}

static smash_io tester_reader(test_buffer *file)
{
    smash_io io = SMASH_ZERO;
    file->calls = file->fail_at = 0;
    io.read = test_buffer_read;
    io.bytes = file->used;
    io.user = file;
    return io;
}

static int tester_same_file(const test_buffer *a, const test_buffer *b) { return a->used == b->used && memcmp(a->data, b->data, a->used) == 0; }

/* Everything but the place in a file: what is in the model. */
static uint64_t tester_digest(const smash_model *model)
{
    smash_digest d;
    size_t i, bytes;
    smash_digest_init(&d);
    for (i = 0; i < model->param_count; i++) {
        const smash_param *p = &model->params[i];
        smash_arena_mark mark = smash_arena_get_mark(&tester_ctx.scratch);
        smash_tensor t = SMASH_ZERO;
        smash_err err = smash_model_load(&tester_ctx, model, i, &tester_ctx.scratch, &t);
        TESTER_CHECK(err == SMASH_OK, "%s cannot be read: %s", p->name, tester_ctx.message);
        smash_digest_add(&d, p->name, strlen(p->name) + 1);
        smash_digest_add(&d, p->target, strlen(p->target) + 1);
        smash_digest_add(&d, model->modules[p->module].name, strlen(model->modules[p->module].name) + 1);
        smash_digest_add(&d, model->modules[p->module].type, strlen(model->modules[p->module].type) + 1);
        smash_digest_add(&d, &p->tensor.dtype, sizeof p->tensor.dtype);
        smash_digest_add(&d, &p->meant, sizeof p->meant);
        smash_digest_add(&d, p->tensor.shape, p->tensor.ndim * sizeof *p->tensor.shape);
        if (!err && smash_tensor_bytes(&p->tensor, &bytes) == SMASH_OK) smash_digest_add(&d, t.data, bytes);
        smash_arena_rewind(&tester_ctx.scratch, mark);
    }
    for (i = 0; i < model->metadata_count; i++) {
        smash_digest_add(&d, model->metadata[i].key, strlen(model->metadata[i].key) + 1);
        smash_digest_add(&d, model->metadata[i].value, strlen(model->metadata[i].value) + 1);
    }
    return smash_digest_end(&d);
}

/* The same parameters, in any order. */
static void tester_compare(const char *what, const smash_model *a, const smash_model *b)
{
    size_t i, bytes;
    TESTER_CHECK(a->param_count == b->param_count, "%s: %d parameters and %d", what, (int)a->param_count, (int)b->param_count);
    for (i = 0; i < a->param_count; i++) {
        const smash_param *p = &a->params[i], *q;
        ptrdiff_t other = smash_model_find_param(b, p->name);
        smash_arena_mark mark = smash_arena_get_mark(&tester_ctx.scratch);
        smash_tensor t = SMASH_ZERO, u = SMASH_ZERO;
        TESTER_CHECK(smash_model_find_param(a, p->name) == (ptrdiff_t)i, "%s: %s is not found by its name", what, p->name);
        TESTER_CHECK(other >= 0, "%s: %s is only in one", what, p->name);
        if (other < 0) continue;
        q = &b->params[other];
        TESTER_CHECK(strcmp(p->target, q->target) == 0, "%s: %s has targets %s and %s", what, p->name, p->target, q->target);
        TESTER_CHECK(strcmp(a->modules[p->module].name, b->modules[q->module].name) == 0, "%s: %s is in different modules", what, p->name);
        TESTER_CHECK(strcmp(a->modules[p->module].type, b->modules[q->module].type) == 0, "%s: %s is in a %s and a %s", what, p->name,
                     a->modules[p->module].type, b->modules[q->module].type);
        TESTER_CHECK(p->meant == q->meant, "%s: %s is meant as %s and %s", what, p->name, smash_dtype_name(p->meant), smash_dtype_name(q->meant));
        TESTER_CHECK(p->tensor.dtype == q->tensor.dtype, "%s: %s is %s and %s", what, p->name, smash_dtype_name(p->tensor.dtype), smash_dtype_name(q->tensor.dtype));
        TESTER_CHECK(p->tensor.ndim == q->tensor.ndim && memcmp(p->tensor.shape, q->tensor.shape, p->tensor.ndim * sizeof *p->tensor.shape) == 0,
                     "%s: %s has two shapes", what, p->name);
        if (p->tensor.dtype == q->tensor.dtype && smash_tensor_bytes(&p->tensor, &bytes) == SMASH_OK &&
            smash_model_load(&tester_ctx, a, i, &tester_ctx.scratch, &t) == SMASH_OK && smash_model_load(&tester_ctx, b, (size_t)other, &tester_ctx.scratch, &u) == SMASH_OK)
            TESTER_CHECK(bytes == 0 || memcmp(t.data, u.data, bytes) == 0, "%s: %s holds other numbers", what, p->name);
        else TESTER_CHECK(0, "%s: %s cannot be read: %s", what, p->name, tester_ctx.message);
        smash_arena_rewind(&tester_ctx.scratch, mark);
    }
}

static void tester_compare_metadata(const char *what, const smash_model *a, const smash_model *b)
{
    size_t i, k;
    TESTER_CHECK(a->metadata_count == b->metadata_count, "%s: %d metadata and %d", what, (int)a->metadata_count, (int)b->metadata_count);
    for (i = 0; i < a->metadata_count; i++) {
        for (k = 0; k < b->metadata_count && strcmp(a->metadata[i].key, b->metadata[k].key); k++) { }
        TESTER_CHECK(k < b->metadata_count && strcmp(a->metadata[i].value, b->metadata[k].value) == 0, "%s: metadata %s differs: %s, %s", what,
                     a->metadata[i].key, a->metadata[i].value, k < b->metadata_count ? b->metadata[k].value : "not there");
    }
}

/* ---- the parts of a run ---- */

static void tester_add_components(smash_config *config)
{
    const algorithm_tester *t = tester_now;
    smash_err err = t->tokenizer ? smash_config_add_tokenizer(&tester_ctx, config, t->tokenizer) : SMASH_OK;
    if (!err && t->processor) err = smash_config_add_processor(&tester_ctx, config, t->processor);
    if (!err && t->data) err = smash_config_add_data(&tester_ctx, config, t->data);
    TESTER_CHECK(err == SMASH_OK, "components: %s", tester_ctx.message);
}

static void tester_begin(tester_model build, smash_model *model)
{
    size_t i;
    smash_err err;
    smash_arena_release(&tester_arena);
    smash_ctx_reset(&tester_ctx);
    memset(&tester_diags, 0, sizeof tester_diags);
    tester_diags.arena = &tester_arena;
    smash_model_init(model, &tester_arena);
    err = build(&tester_ctx, model);
    TESTER_CHECK(err == SMASH_OK, "the model: %s", tester_ctx.message);
    smash_config_init(&tester_config, tester_now->registry, &tester_arena, &tester_diags);
    tester_add_components(&tester_config);
    for (i = 0; tester_now->config[i]; i++) {
        err = smash_config_set_text(&tester_ctx, &tester_config, tester_now->config[i]);
        TESTER_CHECK(err == SMASH_OK, "%s: %s", tester_now->config[i], tester_ctx.message);
    }
}

static smash_err tester_smash(smash_ctx *ctx, const smash_model *model, smash_arena *arena, const smash_io *masks, smash_result *result)
{
    smash_desc desc = SMASH_ZERO;
    desc.arena = arena;
    desc.masks = masks;
    return smash(ctx, model, &tester_config, &desc, result);
}

/* result, as smash_save writes it */
static void tester_save(const char *what, const smash_result *result, test_buffer *file)
{
    smash_io io = tester_writer(file);
    smash_err err = smash_save(&tester_ctx, result, &io);
    TESTER_CHECK(err == SMASH_OK, "%s: save: %s", what, tester_ctx.message);
    TESTER_CHECK(file->used == result->bytes, "%s: %d bytes, result.bytes is %d", what, (int)file->used, (int)result->bytes);
}

/* Numbers of the model and those not zero, if they can be counted without knowing what was quantized, and the file holds the model. */
static void tester_count(const smash_result *result)
{
    size_t i, k, n, parameters = 0, nonzero = 0;
    for (i = 0; i < result->step_count; i++) if (result->steps[i].reapply && smash_algo_save(result->steps[i].algo) != SMASH_SAVE_REAPPLY) return;
    for (i = 0; i < result->model.param_count; i++) {
        smash_arena_mark mark = smash_arena_get_mark(&tester_ctx.scratch);
        smash_tensor t, wide;
        if (result->model.params[i].meant) return;
        if (smash_model_load(&tester_ctx, &result->model, i, &tester_ctx.scratch, &t) || smash_tensor_count(&t, &n)) return;
        wide = smash_tensor_view(SMASH_F64, smash_arena_array(&tester_ctx, &tester_ctx.scratch, n, 8), n * 8, t.ndim, t.shape);
        if (t.dtype == SMASH_F64) wide = t;
        else if (smash_tensor_convert(&tester_ctx, &t, &wide)) return;
        for (k = 0; k < n; k++) nonzero += ((const double *)wide.data)[k] != 0;
        parameters += n;
        smash_arena_rewind(&tester_ctx.scratch, mark);
    }
    TESTER_CHECK(result->parameters == parameters && result->nonzero == nonzero, "%d of %d numbers are said to be not zero; there are %d of %d",
                 (int)result->nonzero, (int)result->parameters, (int)nonzero, (int)parameters);
}

/* The steps are the active algorithms in order of group: the first that cannot be stored and all behind it run again, and so does each
 * that leaves only a state. Only those are the steps of a model that was loaded. */
static void tester_steps(const char *what, const smash_result *result, int loaded)
{
    uint32_t group, n = 0;
    int snapshot = 0;
    for (group = SMASH_PRUNER; group < SMASH_GROUP_COUNT; group++) {
        const smash_algo *algo = smash_config_active(&tester_config, (smash_group)group);
        smash_save_mode mode;
        int reapply;
        if (!algo) continue;
        mode = smash_algo_save(algo);
        snapshot |= mode == SMASH_SAVE_BEFORE_APPLY;
        reapply = snapshot || mode == SMASH_SAVE_REAPPLY;
        if (loaded && !reapply) continue;
        TESTER_CHECK(n < result->step_count && result->steps[n].algo == algo, "%s: step %d is not %s", what, (int)n, algo->name);
        if (n < result->step_count) {
            TESTER_CHECK(result->steps[n].reapply == (uint32_t)reapply, "%s: %s has reapply %d", what, algo->name, (int)result->steps[n].reapply);
            TESTER_CHECK(!algo->targets == !result->steps[n].plan, "%s: %s has a plan, or none", what, algo->name);
        }
        n++;
    }
    TESTER_CHECK(result->step_count == n, "%s: %d steps, not %d", what, (int)result->step_count, (int)n);
    if (!snapshot) tester_compare("stored", &result->model, &result->stored);
}

static uint64_t tester_done, tester_total;
static size_t tester_backsteps;
static void tester_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    tester_backsteps += done > total || (done < tester_done && tester_done != tester_total);      /* from the start for each pass over the model */
    tester_done = done;
    tester_total = total;
}

/* The same bytes whatever the machine does. A model in a file has its parameters in another order, so it is asked of it that mapped and
 * read piece by piece it gives one file, and the same model. */
static void tester_same_bytes(const smash_model *model)
{
    enum { AGAIN, SCALAR, BACKWARDS, MAPPED, STREAMED, WAYS };
    static const char *const names[WAYS] = { "again", "without SIMD", "on threads", "mapped", "read piece by piece" };
    static test_buffer first;
    int way;
    for (way = 0; way < WAYS; way++) {
        smash_arena arena;
        smash_result result;
        smash_model from = *model;
        smash_desc desc = SMASH_ZERO;
        smash_io io;
        smash_err err = SMASH_OK;
        smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
        desc.arena = &arena;
        if (way == MAPPED) {                                         /* what comes out of an empty config is the same model */
            static smash_config none;
            smash_config_init(&none, tester_now->registry, &arena, &tester_diags);
            err = smash(&tester_ctx, model, &none, &desc, &result);
            TESTER_CHECK(err == SMASH_OK && result.step_count == 0, "without an algorithm: %s", tester_ctx.message);
            tester_compare("without an algorithm", model, &result.model);
            tester_save("without an algorithm", &result, &tester_plain);
        }
        if (way >= MAPPED) {
            io = way == MAPPED ? smash_io_memory(tester_plain.data, tester_plain.used) : tester_reader(&tester_plain);
            err = smash_safetensors_read(&tester_ctx, NULL, &io, &arena, NULL, &from);
            TESTER_CHECK(err == SMASH_OK, "what came without an algorithm cannot be read: %s", tester_ctx.message);
        }
        tester_ctx.no_simd = way == SCALAR;
        tester_ctx.parallel = way == BACKWARDS ? test_backwards : NULL;
        tester_done = tester_total = tester_backsteps = 0;
        desc.progress = tester_progress;
        err = smash(&tester_ctx, &from, &tester_config, &desc, &result);
        tester_ctx.no_simd = 0;
        tester_ctx.parallel = NULL;
        TESTER_CHECK(err == SMASH_OK, "%s: %s", names[way], tester_said());
        TESTER_CHECK(tester_backsteps == 0 && tester_done == tester_total, "progress goes to %d of %d", (int)tester_done, (int)tester_total);
        if (!err) {
            tester_compare(names[way], &tester_result.model, &result.model);
            tester_save(names[way], &result, way == MAPPED ? &first : &tester_other);
            if (way != MAPPED) TESTER_CHECK(tester_same_file(way == STREAMED ? &first : &tester_file, &tester_other), "%s: other bytes", names[way]);
        }
        smash_arena_release(&arena);
    }
}

/* smash_run() is the same for algorithms that have targets, one tensor at a time: the same file, the same masks. */
static void tester_streamed(const smash_model *model)
{
    static smash_plan plan;
    static test_buffer masks;
    smash_arena arena;
    smash_model copy = *model;                                       /* module_types of a config are set in it */
    smash_module *modules;
    smash_run_desc desc = SMASH_ZERO;
    smash_result result;
    smash_io out = tester_writer(&tester_other), mask_io = tester_writer(&tester_masks), mask_again = tester_writer(&masks);
    smash_err err;
    uint32_t i, with_targets = 0, pruner = 0;
    for (i = 0; i < tester_result.step_count; i++) {
        if (!tester_result.steps[i].algo->targets || tester_result.steps[i].reapply) return;
        with_targets++;
        pruner |= tester_result.steps[i].algo->group == SMASH_PRUNER;
    }
    if (!with_targets) return;
    smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
    modules = (smash_module *)smash_arena_array(&tester_ctx, &arena, model->module_count, sizeof *modules);
    if (model->module_count) memcpy(modules, model->modules, model->module_count * sizeof *modules);
    copy.modules = modules;
    err = smash_config_resolve(&tester_ctx, &tester_config, &copy, &plan);
    desc.out = &out;
    desc.masks = pruner ? &mask_io : NULL;
    if (!err) err = smash_run(&tester_ctx, &plan, &desc, &result);
    TESTER_CHECK(err == SMASH_OK, "smash_run: %s", tester_said());
    if (!err) {
        TESTER_CHECK(tester_same_file(&tester_file, &tester_other), "smash_run writes another file than smash_save");
        TESTER_CHECK(result.parameters == tester_result.parameters && result.nonzero == tester_result.nonzero, "smash_run counts %d of %d", (int)result.nonzero, (int)result.parameters);
        err = tester_smash(&tester_ctx, model, &arena, pruner ? &mask_again : NULL, &result);
        TESTER_CHECK(err == SMASH_OK && (!pruner || tester_same_file(&tester_masks, &masks)), "smash_run writes another mask file than smash");
        TESTER_CHECK(!pruner || result.mask_bytes == masks.used, "mask_bytes is %d, there are %d", (int)result.mask_bytes, (int)masks.used);
    }
    smash_arena_release(&arena);
}

/* One try of a call that may find too little memory: what 0x5A bytes were there before is there after a failure. */
typedef struct tester_try { smash_ctx *ctx; const smash_model *model; smash_arena *arena; int load, coped; } tester_try;
static smash_err tester_attempt(const tester_try *t, const char *what)
{
    static smash_result result, untouched;
    static smash_config empty;
    smash_desc desc = SMASH_ZERO;
    smash_diags findings = SMASH_ZERO;
    smash_io io = tester_reader(&tester_file);
    smash_err err;
    memset(&result, 0x5A, sizeof result);
    memset(&untouched, 0x5A, sizeof untouched);
    desc.arena = findings.arena = t->arena;
    if (t->load) {
        smash_config_init(&tester_read, tester_now->registry, t->arena, &findings);
        tester_add_components(&tester_read);
        empty = tester_read;
        err = smash_load(t->ctx, &io, &desc, &tester_read, &result);
        if (err) TESTER_CHECK(smash_config_equal(&tester_read, &empty), "%s: the config of a load that failed has changed", what);
        else TESTER_CHECK(smash_config_equal(&tester_read, &tester_config), "%s: another config was loaded", what);
    } else err = smash(t->ctx, t->model, &tester_config, &desc, &result);
    if (err) {
        TESTER_CHECK(memcmp(&result, &untouched, sizeof result) == 0, "%s: the result of a call that failed was touched", what);
        TESTER_CHECK(t->ctx->err == err, "%s: ctx says %s, the call %s", what, smash_err_name(t->ctx->err), smash_err_name(err));
    } else {
        tester_save(what, &result, &tester_other);
        TESTER_CHECK(tester_same_file(&tester_file, &tester_other), "%s: other bytes", what);
    }
    return err;
}

/* smash() or smash_load() with an allocator that fails at each call in turn, then with ever larger buffers and no allocator. */
static void tester_little_memory(const smash_model *model, int load, size_t arena_peak, size_t scratch_peak)
{
    const char *what = load ? "load" : "smash";
    size_t n, i, live = test_alloc_live;
    int later, where;
    for (later = 0; later < 2; later++) for (n = 1; n < 1000; n++) {
        smash_ctx ctx = tester_ctx_over(NULL, 0, &test_allocator);
        smash_arena arena;
        tester_try t = { &ctx, model, &arena, load, 0 };
        size_t failed;
        smash_err err;
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        test_alloc_calls = test_alloc_failed = test_alloc_wrong = 0;
        test_fail_at = n;
        test_fail_later = later;
        err = tester_attempt(&t, what);
        test_fail_at = 0;
        failed = test_alloc_failed;
        TESTER_CHECK(err == SMASH_OK || (failed && err == SMASH_ERR_NOMEM && ctx.need > 0), "%s, allocation %d fails: %s, need %d", what, (int)n, smash_err_name(err), (int)ctx.need);
        smash_arena_release(&arena);
        smash_arena_release(&ctx.scratch);
        TESTER_CHECK(test_alloc_live == live && test_alloc_wrong == 0, "%s, allocation %d fails: %d blocks leak, %d come back as another size", what, (int)n,
                     (int)(test_alloc_live - live), (int)test_alloc_wrong);
        if (!failed) break;
    }
    for (where = 0; where < 2; where++) for (i = 0; i <= TESTER_LESS; i++) {
        size_t peak = where ? scratch_peak : arena_peak, bytes = i == TESTER_LESS ? 2 * peak + 65536 : peak / TESTER_LESS * i;
        void *buffer = test_exact(bytes);
        smash_ctx ctx = tester_ctx_over(where ? buffer : NULL, where ? bytes : 0, where ? NULL : smash_allocator_libc());
        smash_arena arena;
        tester_try t = { &ctx, model, &arena, load, 0 };
        smash_err err;
        smash_arena_init(&arena, where ? NULL : buffer, where ? 0 : bytes, where ? smash_allocator_libc() : NULL);
        err = tester_attempt(&t, what);
        TESTER_CHECK(err == SMASH_OK || (err == SMASH_ERR_NOMEM && i < TESTER_LESS && ctx.need > 0), "%s with %d bytes of %s of %d: %s", what, (int)bytes,
                     where ? "scratch" : "arena", (int)peak, smash_err_name(err));
        smash_arena_release(&arena);
        smash_arena_release(&ctx.scratch);
        free(buffer);
    }
}

/* Every write of a save and of a mask file, every read of a load and of a model in a file, fails in turn. */
static void tester_bad_io(const smash_model *model)
{
    enum { SAVE, MASKS, LOAD, STREAM, KINDS };
    static const char *const names[KINDS] = { "save", "masks", "load", "reading the model" };
    static smash_result result, untouched;
    int kind;
    for (kind = 0; kind < KINDS; kind++) {
        size_t n;
        for (n = 1; n < 10000; n++) {
            test_buffer *file = kind == SAVE ? &tester_other : kind == MASKS ? &tester_masks : kind == LOAD ? &tester_file : &tester_plain;
            smash_io io = kind == SAVE || kind == MASKS ? tester_writer(file) : tester_reader(file);
            smash_arena arena;
            smash_desc desc = SMASH_ZERO;
            smash_model from = *model;
            smash_err err = SMASH_OK;
            smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
            memset(&result, 0x5A, sizeof result);
            memset(&untouched, 0x5A, sizeof untouched);
            smash_ctx_reset(&tester_ctx);
            desc.arena = &arena;
            if (kind == STREAM) err = smash_safetensors_read(&tester_ctx, NULL, &io, &arena, NULL, &from);
            if (kind == LOAD) { smash_config_init(&tester_read, tester_now->registry, &arena, &tester_diags); tester_add_components(&tester_read); }
            if (kind == MASKS) desc.masks = &io;
            TESTER_CHECK(err == SMASH_OK, "the plain model cannot be read: %s", tester_ctx.message);
            file->calls = 0;
            file->fail_at = n;
            if (kind == SAVE) err = smash_save(&tester_ctx, &tester_result, &io);
            else if (kind == LOAD) err = smash_load(&tester_ctx, &io, &desc, &tester_read, &result);
            else err = smash(&tester_ctx, &from, &tester_config, &desc, &result);
            file->fail_at = 0;
            if (file->calls < n) {
                TESTER_CHECK(err == SMASH_OK, "%s: %s", names[kind], tester_ctx.message);
                n = 10000;
            } else {
                TESTER_CHECK(err == SMASH_ERR_IO, "%s, call %d fails: %s", names[kind], (int)n, smash_err_name(err));
                TESTER_CHECK(memcmp(&result, &untouched, sizeof result) == 0, "%s, call %d fails: the result was touched", names[kind], (int)n);
                if (kind == LOAD) {
                    static smash_config empty;
                    smash_config_init(&empty, tester_now->registry, &arena, &tester_diags);
                    TESTER_CHECK(smash_config_equal(&tester_read, &empty), "load, call %d fails: the config has changed", (int)n);
                }
            }
            smash_arena_release(&arena);
        }
    }
    smash_ctx_reset(&tester_ctx);
}

static void tester_accepted(tester_model build)
{
    static smash_config before;
    static smash_result loaded;
    static smash_model model, read;
    smash_arena results, reads, load_arena;
    smash_io map;
    size_t arena_peak, scratch_peak;
    uint64_t digest;
    smash_err err;
    tester_begin(build, &model);
    smash_arena_init(&results, NULL, 0, smash_allocator_libc());
    smash_arena_init(&reads, NULL, 0, smash_allocator_libc());
    smash_arena_init(&load_arena, NULL, 0, smash_allocator_libc());
    before = tester_config;
    digest = tester_digest(&model);
    err = smash_check(&tester_ctx, &model, &tester_config, 0);
    TESTER_CHECK(err == SMASH_OK, "smash_check: %s", tester_said());

    tester_ctx.scratch.peak = 0;
    err = tester_smash(&tester_ctx, &model, &results, NULL, &tester_result);
    scratch_peak = tester_ctx.scratch.peak;
    arena_peak = results.peak;
    TESTER_CHECK(err == SMASH_OK && tester_diags.errors == 0, "%s: %s", smash_err_name(err), tester_said());
    if (err) goto done;
    TESTER_CHECK(tester_ctx.scratch.used == 0 && !tester_ctx.scratch.outside, "smash() keeps scratch");
    TESTER_CHECK(tester_digest(&model) == digest, "smash() changed its input");
    TESTER_CHECK(smash_config_equal(&tester_config, &before), "smash() changed the config");
    TESTER_CHECK((tester_result.parameters > 0) == (model.param_count > 0) && tester_result.nonzero <= tester_result.parameters, "%d of %d numbers are not zero", (int)tester_result.nonzero, (int)tester_result.parameters);
    tester_steps("smash", &tester_result, 0);
    tester_count(&tester_result);
    if (tester_now->post_smash) tester_now->post_smash(&tester_result);

    tester_save("save", &tester_result, &tester_file);
    map = smash_io_memory(tester_file.data, tester_file.used);
    err = smash_safetensors_read(&tester_ctx, NULL, &map, &reads, &tester_diags, &read);
    TESTER_CHECK(err == SMASH_OK, "the file that was saved: %s", tester_said());
    if (err) goto done;
    tester_compare("the file that was saved", &tester_result.stored, &read);
    tester_same_bytes(&model);
    tester_streamed(&model);

    smash_config_init(&tester_read, tester_now->registry, &reads, &tester_diags);
    tester_add_components(&tester_read);
    {
        smash_desc desc = SMASH_ZERO;
        size_t scratch = tester_ctx.scratch.peak = 0;
        desc.arena = &load_arena;
        err = smash_load(&tester_ctx, &map, &desc, &tester_read, &loaded);
        scratch = tester_ctx.scratch.peak;
        TESTER_CHECK(err == SMASH_OK, "load: %s: %s", smash_err_name(err), tester_said());
        if (err) goto done;
        TESTER_CHECK(tester_ctx.scratch.used == 0 && !tester_ctx.scratch.outside, "smash_load() keeps scratch");
        TESTER_CHECK(loaded.parameters == 0 && loaded.nonzero == 0, "smash_load() counts parameters");
        TESTER_CHECK(smash_config_equal(&tester_config, &tester_read), "another config was loaded");
        tester_compare("the model that was loaded", &tester_result.model, &loaded.model);
        tester_compare("what is stored of the model that was loaded", &tester_result.stored, &loaded.stored);
        tester_compare_metadata("the model that was loaded", &tester_result.model, &loaded.model);
        tester_steps("load", &loaded, 1);
        if (tester_now->post_smash) tester_now->post_smash(&loaded);
        tester_save("save what was loaded", &loaded, &tester_other);
        TESTER_CHECK(tester_same_file(&tester_file, &tester_other), "saved again: other bytes");

        tester_little_memory(&model, 0, arena_peak, scratch_peak);
        tester_little_memory(&model, 1, load_arena.peak, scratch);
    }
    tester_bad_io(&model);
    TESTER_CHECK(tester_digest(&model) == digest, "the input was changed at last");
done:
    smash_arena_release(&load_arena);
    smash_arena_release(&reads);
    smash_arena_release(&results);
}

static int tester_has(const char *code, const char *piece)
{
    const smash_diag *d;
    for (d = tester_diags.first; d; d = d->next) if (strcmp(d->code, code) == 0 && (!piece || strstr(d->message, piece))) return 1;
    return 0;
}

static void tester_rejected(tester_model build)
{
    static smash_result result, untouched;
    static smash_config before;
    static smash_model model;
    smash_desc desc = SMASH_ZERO;
    uint64_t digest;
    size_t i;
    smash_err err;
    int named = 0;
    tester_begin(build, &model);
    before = tester_config;
    digest = tester_digest(&model);
    memset(&result, 0x5A, sizeof result);
    memset(&untouched, 0x5A, sizeof untouched);
    for (i = 0; i < 2; i++) {
        const smash_diag *d;
        memset(&tester_diags, 0, sizeof tester_diags);
        tester_diags.arena = &tester_arena;
        smash_ctx_reset(&tester_ctx);
        err = i ? smash(&tester_ctx, &model, &tester_config, &desc, &result) : smash_check(&tester_ctx, &model, &tester_config, 0);
        TESTER_CHECK(err == SMASH_ERR_CONFIG && tester_has("incompatible_model", NULL), "%s: %s: %s", i ? "smash" : "smash_check", smash_err_name(err), tester_said());
        for (d = tester_diags.first; d; d = d->next) {
            uint32_t group;
            for (group = SMASH_PRUNER; group < SMASH_GROUP_COUNT; group++) {
                const smash_algo *algo = smash_config_active(&tester_config, (smash_group)group);
                named |= strcmp(d->code, "incompatible_model") == 0 && algo && strstr(d->message, algo->name);
            }
        }
        TESTER_CHECK(named, "no algorithm is named: %s", tester_said());
    }
    TESTER_CHECK(memcmp(&result, &untouched, sizeof result) == 0, "the result of a refused call was touched");
    memset(&tester_diags, 0, sizeof tester_diags);
    tester_diags.arena = &tester_arena;
    smash_ctx_reset(&tester_ctx);
    desc.experimental = 1;
    err = smash(&tester_ctx, &model, &tester_config, &desc, &result);
    TESTER_CHECK(!tester_has("incompatible_model", NULL), "experimental: asked all the same: %s", tester_said());
    TESTER_CHECK(err == SMASH_OK || memcmp(&result, &untouched, sizeof result) == 0, "experimental: the result of a call that failed was touched");
    TESTER_CHECK(tester_digest(&model) == digest, "smash() changed its input");
    TESTER_CHECK(smash_config_equal(&tester_config, &before), "smash() changed the config");
    smash_ctx_reset(&tester_ctx);
}

static void tester_run(const algorithm_tester *tester)
{
    size_t i;
    tester_now = tester;
    tester_ctx = tester_ctx_over(NULL, 0, smash_allocator_libc());
    smash_arena_init(&tester_arena, NULL, 0, smash_allocator_libc());
    for (i = 0; tester->accepts && tester->accepts[i]; i++) { tester_number = i; tester_accepted(tester->accepts[i]); }
    for (i = 0; tester->rejects && tester->rejects[i]; i++) { tester_number = i; tester_rejected(tester->rejects[i]); }
    smash_arena_release(&tester_arena);
    smash_arena_release(&tester_ctx.scratch);
}
#endif
