/* Configs: a refused one changes nothing and says why; one that resolves runs, and what it writes our reader takes, with
 * every tensor restored from it; its own resolved config resolves to itself. The input is a line that says which tensors the
 * model has (a letter of the table each; a digit is the algorithm of a bare list; = in front: key=value lines follow),
 * then the config. */
#include "fuzz.h"

static const struct { char letter; const char *name; smash_dtype dtype; uint32_t ndim; size_t shape[5]; } tensors[] = {
    { 'c', "conv1.weight", SMASH_F32, 4, { 8, 4, 3, 3 } },          { 'b', "conv1.bias", SMASH_F32, 1, { 8 } },
    { 'C', "conv2.weight", SMASH_F16, 4, { 4, 8, 1, 1 } },          { 't', "up.weight", SMASH_F32, 4, { 4, 6, 2, 2 } },
    { 'f', "fc.weight", SMASH_F32, 2, { 6, 10 } },                  { 'g', "fc.bias", SMASH_F32, 1, { 6 } },
    { 'h', "head.out.weight", SMASH_BF16, 2, { 3, 6 } },            { 'd', "wide.weight", SMASH_F64, 2, { 5, 4 } },
    { 'n', "norm.weight", SMASH_F32, 1, { 8 } },                    { 'm', "norm.running_mean", SMASH_F32, 1, { 8 } },
    { 'o', "norm.bias", SMASH_F32, 1, { 8 } },                      { 'e', "tok_emb.weight", SMASH_F32, 2, { 7, 4 } },
    { 'l', "backbone.layers.0.ffn.weight", SMASH_F32, 2, { 4, 4 } }, { 'L', "backbone.layers.1.ffn.weight", SMASH_F32, 2, { 4, 4 } },
    { 'i', "position.ids", SMASH_I64, 1, { 4 } },                   { 's', "scale", SMASH_F32, 0, { 0 } },
    { 'z', "empty.weight", SMASH_F32, 2, { 0, 4 } },                { 'N', "bad.weight", SMASH_F32, 2, { 2, 2 } },
    { 'q', "fc.weight_scale", SMASH_F32, 2, { 1, 1 } },             { 'x', "seq.weight", SMASH_F32, 3, { 4, 3, 5 } },
    { 'v', "vol.weight", SMASH_F32, 5, { 2, 2, 2, 2, 2 } },         { 'u', "bytes.weight", SMASH_U8, 2, { 2, 2 } },
    { 'p', "head.out.weight_packed", SMASH_U8, 1, { 9 } },          { 'k', "module.conv1.weight", SMASH_F32, 4, { 4, 4, 1, 1 } } };

/* A file that grows as it is written */
typedef struct growing { unsigned char *data; size_t bytes; } growing;

static int grow(void *user, uint64_t offset, const void *data, size_t bytes)
{
    growing *g = (growing *)user;
    FUZZ_CHECK(offset + bytes < 1 << 20, "writes %lu bytes at %lu", (unsigned long)bytes, (unsigned long)offset);
    if (offset + bytes > g->bytes) {
        g->data = (unsigned char *)realloc(g->data, (size_t)offset + bytes);
        FUZZ_CHECK(g->data, "no memory");
        memset(g->data + g->bytes, 0xA5, (size_t)offset + bytes - g->bytes);
        g->bytes = (size_t)offset + bytes;
    }
    if (bytes) memcpy(g->data + offset, data, bytes);
    return 0;
}

static void backwards(void *user, size_t count, void (*fn)(void *arg, size_t index), void *arg)
{
    (void)user;
    while (count) fn(arg, --count);
}

static void make_model(smash_ctx *ctx, smash_arena *arena, const uint8_t *letters, size_t count, smash_model *model)
{
    uint64_t rng = 1;
    size_t i, k, n, bytes;
    smash_model_init(model, arena);
    for (i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        double numbers[288];
        smash_tensor from, to = smash_tensor_view(tensors[i].dtype, NULL, 0, tensors[i].ndim, tensors[i].shape);
        if (!count || !memchr(letters, tensors[i].letter, count)) continue;
        FUZZ_CHECK(!smash_tensor_count(&to, &n) && n <= 288 && !smash_tensor_bytes(&to, &bytes), "tensor %lu", (unsigned long)i);
        for (k = 0; k < n; k++) numbers[k] = (double)(int64_t)(smash_random(&rng) >> 50) / 16 - 512;
        if (smash_dtype_bits(to.dtype) < 16 || to.dtype == SMASH_I64) for (k = 0; k < n; k++) numbers[k] = (double)k;
        to.data = smash_arena_alloc(ctx, arena, bytes + !bytes);
        to.bytes = bytes;
        from = to;
        from.dtype = SMASH_F64;
        from.data = numbers;
        from.bytes = sizeof numbers;
        if (to.dtype == SMASH_F64) memcpy(to.data, numbers, bytes);
        else FUZZ_CHECK(!smash_tensor_convert(ctx, &from, &to), "%s: %s", tensors[i].name, ctx->message);
        if (tensors[i].letter == 'N') memset((char *)to.data + 4, 0xFF, 4);
        FUZZ_CHECK(!smash_model_add(ctx, model, tensors[i].name, &to, 0), "%s", ctx->message);
    }
    FUZZ_CHECK(!smash_model_finish(ctx, model), "%s", ctx->message);
}

static smash_err load(smash_ctx *ctx, smash_config *config, const uint8_t *letters, size_t count, const char *text, size_t bytes)
{
    const smash_registry *algos = smash_builtins();
    const char *algorithm = count && letters[0] >= '0' && letters[0] < '0' + (int)algos->count ? algos->algos[letters[0] - '0']->name : NULL;
    smash_err err = SMASH_OK;
    if (count && letters[0] == '=') {
        char *lines = fuzz_text(text, bytes), *line, *end;
        for (line = lines; line && !err; line = end) {
            end = strchr(line, '\n');
            if (end) *end++ = '\0';
            err = smash_config_set_text(ctx, config, line);
        }
        free(lines);
    } else err = smash_config_load(ctx, config, text, bytes, "config.json", algorithm);
    return err;
}

/* Run the plan: dry, plainly, and with everything that may not change a byte; give back the file. */
static smash_err run(smash_ctx *ctx, smash_plan *plan, growing *out)
{
    smash_run_desc desc = SMASH_ZERO;
    smash_result dry, result, again;
    growing masks[2] = { { NULL, 0 }, { NULL, 0 } }, twin = { NULL, 0 };
    smash_io out_io = SMASH_ZERO, masks_io = SMASH_ZERO;
    smash_arena arena;
    smash_model model;
    smash_io io;
    size_t i;
    smash_err err, also;
    memset(&dry, 0, sizeof dry);
    memset(&result, 0, sizeof result);
    memset(&again, 0, sizeof again);
    err = smash_run(ctx, plan, &desc, &dry);
    FUZZ_CHECK(!err || err == SMASH_ERR_NONFINITE, "%s: %s", smash_err_name(err), ctx->message);
    smash_ctx_reset(ctx);
    out_io.write = masks_io.write = grow;
    out_io.user = out;
    masks_io.user = &masks[0];
    desc.out = &out_io;
    desc.masks = &masks_io;
    also = smash_run(ctx, plan, &desc, &result);
    FUZZ_CHECK(err == also, "dry it is %s, then %s", smash_err_name(err), smash_err_name(also));
    smash_ctx_reset(ctx);
    ctx->no_simd = 1;
    ctx->parallel = backwards;
    out_io.user = &twin;
    masks_io.user = &masks[1];
    also = smash_run(ctx, plan, &desc, &again);
    ctx->no_simd = 0;
    ctx->parallel = NULL;
    FUZZ_CHECK(err == also, "plainly it is %s, backwards %s", smash_err_name(err), smash_err_name(also));
    if (!err) {
        FUZZ_CHECK(dry.bytes == result.bytes && dry.nonzero == result.nonzero && dry.parameters == result.parameters, "the dry run says something else");
        FUZZ_CHECK(out->bytes == result.bytes && masks[0].bytes == result.mask_bytes, "%lu bytes are %lu", (unsigned long)result.bytes, (unsigned long)out->bytes);
        FUZZ_CHECK(!memcmp(&result, &again, sizeof result) && twin.bytes == out->bytes && !memcmp(twin.data, out->data, twin.bytes), "two runs, two files");
        FUZZ_CHECK(masks[0].bytes == masks[1].bytes && (!masks[0].bytes || !memcmp(masks[0].data, masks[1].data, masks[0].bytes)), "two runs, two masks");
        smash_arena_init(&arena, NULL, 0, &fuzz_allocator);
        if (masks[0].bytes) {
            io = smash_io_memory(masks[0].data, masks[0].bytes);
            FUZZ_CHECK(!smash_safetensors_read(ctx, NULL, &io, &arena, NULL, &model), "masks: %s", ctx->message);
        }
        io = smash_io_memory(out->data, out->bytes);
        FUZZ_CHECK(!smash_safetensors_read(ctx, NULL, &io, &arena, NULL, &model), "model: %s", ctx->message);
        for (i = 0; i < plan->model->param_count; i++) {
            const smash_param *p = plan->model->params + i;
            smash_tensor t;
            FUZZ_CHECK(!smash_model_restore(ctx, &model, p->name, &arena, &t, NULL), "%s: %s", p->name, ctx->message);
            FUZZ_CHECK(t.ndim == p->tensor.ndim && !memcmp(t.shape, p->tensor.shape, t.ndim * sizeof *t.shape), "%s has another shape", p->name);
        }
        smash_arena_release(&arena);
    }
    free(twin.data); free(masks[0].data); free(masks[1].data);
    return err;
}

static void check_report(smash_ctx *ctx, smash_arena *arena, const smash_plan *plan)
{
    smash_text text = SMASH_ZERO;
    smash_writer w = SMASH_ZERO;
    smash_json doc;
    text.ctx = ctx;
    text.arena = arena;
    w.put = smash_text_put;
    w.user = &text;
    smash_report_rows(&w, plan);
    FUZZ_CHECK(!w.err && !w.depth && !smash_json_parse(ctx, NULL, text.data, text.bytes, arena, NULL, &doc), "report: %s", ctx->message);
    FUZZ_CHECK(doc.root->type == SMASH_VALUE_ARRAY && doc.root->count == plan->count, "%u rows", doc.root->count);
}

/* 1 if two files differ in nothing but the config as it was given */
static int same_but_dictionary(smash_ctx *ctx, smash_arena *arena, const growing *x, const growing *y)
{
    smash_model a, b;
    smash_io io_a = smash_io_memory(x->data, x->bytes), io_b = smash_io_memory(y->data, y->bytes);
    size_t i, bytes;
    if (smash_safetensors_read(ctx, NULL, &io_a, arena, NULL, &a) || smash_safetensors_read(ctx, NULL, &io_b, arena, NULL, &b)) return 0;
    if (a.param_count != b.param_count || a.metadata_count != b.metadata_count) return 0;
    for (i = 0; i < a.metadata_count; i++)
        if (strcmp(a.metadata[i].key, b.metadata[i].key) || (strcmp(a.metadata[i].key, "smash.dictionary") && strcmp(a.metadata[i].value, b.metadata[i].value))) return 0;
    for (i = 0; i < a.param_count; i++) {
        smash_tensor s, t;
        if (strcmp(a.params[i].name, b.params[i].name) || smash_model_load(ctx, &a, i, arena, &s) || smash_model_load(ctx, &b, i, arena, &t) || smash_tensor_bytes(&s, &bytes)) return 0;
        if (s.dtype != t.dtype || memcmp(s.shape, t.shape, sizeof s.shape) || (bytes && memcmp(s.data, t.data, bytes))) return 0;
    }
    return 1;
}

/* The dictionary is in order, each key is found, and it survives being copied, and written and read. */
static void check_dictionary(smash_ctx *ctx, smash_arena *arena, smash_diags *diags, const smash_config *config)
{
    static smash_config twin;
    smash_text text = SMASH_ZERO;
    smash_writer w = SMASH_ZERO;
    size_t i;
    for (i = 0; i < config->count; i++)
        FUZZ_CHECK(smash_config_get(ctx, config, config->settings[i].name) == config->settings[i].value, "%s is not found", config->settings[i].name);
    FUZZ_CHECK(!smash_config_copy(ctx, config, arena, diags, &twin) && smash_config_equal(config, &twin), "the copy is another: %s", ctx->message);
    text.ctx = ctx;
    text.arena = arena;
    w.put = smash_text_put;
    w.user = &text;
    FUZZ_CHECK(!smash_config_print(config, smash_text_put, &text), "it cannot be printed");
    text.data = NULL;
    text.bytes = text.capacity = 0;
    smash_config_save(config, &w);
    smash_config_init(&twin, config->registry, arena, diags);
    FUZZ_CHECK(!w.err && !smash_config_load(ctx, &twin, text.data, text.bytes, "saved", NULL), "saved, it is refused: %s\n%s", diags->last ? diags->last->message : ctx->message, text.data);
    FUZZ_CHECK(smash_config_equal(config, &twin), "saved and loaded, it is another: %s", text.data);
}

/* smash() makes the file of smash_run(), and that comes back as it is, and so does the config. */
static void check_smash(smash_ctx *ctx, smash_arena *arena, smash_diags *diags, const smash_model *model, const smash_config *config, const growing *file)
{
    static smash_config loaded;
    static smash_result result, back;
    growing saved = { NULL, 0 };
    smash_desc desc = SMASH_ZERO;
    smash_io io = SMASH_ZERO, in;
    smash_err err;
    int group, training = 0;
    for (group = SMASH_PRUNER; group < SMASH_GROUP_COUNT; group++) {
        const smash_algo *algo = smash_config_active(config, (smash_group)group);
        training |= algo && algo->needs & SMASH_NEEDS_TRAINING;
    }
    desc.arena = arena;
    err = smash(ctx, model, config, &desc, &result);
    if (training) {
        FUZZ_CHECK(err == SMASH_ERR_CONFIG, "smash() without training: %s: %s", smash_err_name(err), ctx->message);
        smash_ctx_reset(ctx);
        return;
    }
    FUZZ_CHECK(file->bytes ? !err : err == SMASH_ERR_NONFINITE, "smash(): %s: %s", smash_err_name(err), ctx->message);
    smash_ctx_reset(ctx);
    if (err) return;
    io.write = grow;
    io.user = &saved;
    FUZZ_CHECK(!smash_save(ctx, &result, &io) && saved.bytes == file->bytes && !memcmp(saved.data, file->data, saved.bytes), "smash() makes another file");
    in = smash_io_memory(saved.data, saved.bytes);
    smash_config_init(&loaded, config->registry, arena, diags);
    FUZZ_CHECK(!smash_load(ctx, &in, &desc, &loaded, &back) && smash_config_equal(&loaded, config), "what was saved comes back as something else: %s", ctx->message);
    free(saved.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const uint8_t *line = bytes ? (const uint8_t *)memchr(data, '\n', bytes) : NULL;
    size_t letters = line ? (size_t)(line - data) : bytes, n = line ? bytes - letters - 1 : 0;
    char *text = fuzz_copy(line ? line + 1 : data, n);
    static smash_config config, before;                         /* large, and the plan points to them */
    smash_ctx ctx;
    smash_arena arena;
    smash_diags diags = SMASH_ZERO;
    smash_model model;
    smash_plan plan, untouched, again;
    growing out = { NULL, 0 };
    smash_err err;
    size_t errors;
    fuzz_begin(&ctx, &arena);
    diags.arena = &arena;
    make_model(&ctx, &arena, data, letters, &model);
    smash_config_init(&config, smash_builtins(), &arena, &diags);
    memcpy(&before, &config, sizeof config);
    memset(&untouched, 0x5A, sizeof untouched);
    memcpy(&plan, &untouched, sizeof plan);

    err = load(&ctx, &config, data, letters, text, n);
    FUZZ_CHECK(err == ctx.err, "%s returned, %s kept", smash_err_name(err), smash_err_name(ctx.err));
    if (err) {
        FUZZ_CHECK(err == SMASH_ERR_CONFIG || err == SMASH_ERR_SYNTAX || err == SMASH_ERR_LIMIT, "%s: %s", smash_err_name(err), ctx.message);
        FUZZ_CHECK(err == SMASH_ERR_LIMIT || diags.errors, "%s, and nothing says why", smash_err_name(err));
        FUZZ_CHECK(!memcmp(&config, &before, sizeof config) || data[0] == '=', "a refused config was taken");
        goto done;
    }
    FUZZ_CHECK(!diags.errors, "loaded with %lu errors", (unsigned long)diags.errors);
    check_dictionary(&ctx, &arena, &diags, &config);
    err = smash_config_check(&ctx, &config);
    FUZZ_CHECK(!err || err == SMASH_ERR_CONFIG, "%s: %s", smash_err_name(err), ctx.message);
    FUZZ_CHECK((err == SMASH_ERR_CONFIG) == (diags.errors != 0), "%s with %lu errors", smash_err_name(err), (unsigned long)diags.errors);
    errors = diags.errors;
    smash_ctx_reset(&ctx);
    FUZZ_CHECK(!err || smash_config_resolve(&ctx, &config, &model, &plan) == SMASH_ERR_CONFIG, "a bad config resolves");
    if (err) {
        FUZZ_CHECK(!memcmp(&plan, &untouched, sizeof plan), "a refused plan was written");
        goto done;
    }
    err = smash_config_resolve(&ctx, &config, &model, &plan);
    if (err) {
        FUZZ_CHECK(err == SMASH_ERR_CONFIG && diags.errors > errors, "%s: %s", smash_err_name(err), ctx.message);
        FUZZ_CHECK(!memcmp(&plan, &untouched, sizeof plan), "a refused plan was written");
        goto done;
    }
    FUZZ_CHECK(diags.errors == errors, "resolved with errors");

    err = run(&ctx, &plan, &out);
    if (err) out.bytes = 0;                                     /* a NaN: what was written is no file */
    else check_report(&ctx, &arena, &plan);
    smash_ctx_reset(&ctx);
    check_smash(&ctx, &arena, &diags, &model, &config, &out);
    smash_config_init(&config, smash_builtins(), &arena, &diags);
    FUZZ_CHECK(!smash_config_load(&ctx, &config, plan.config_text, strlen(plan.config_text), "resolved", NULL)
               && !smash_config_resolve(&ctx, &config, &model, &again), "resolved: %s: %s: %s", plan.config_text, ctx.message, diags.last ? diags.last->message : "");
    FUZZ_CHECK(!strcmp(plan.config_text, again.config_text), "resolved, it reads\n%s\nand then\n%s", plan.config_text, again.config_text);
    if (out.bytes) {                                            /* and means the same */
        growing twin = { NULL, 0 };
        FUZZ_CHECK(!run(&ctx, &again, &twin) && same_but_dictionary(&ctx, &arena, &twin, &out), "the resolved config makes another file: %s", plan.config_text);
        free(twin.data);
    }
done:
    fuzz_end(&ctx, &arena);
    free(out.data);
    free(text);
    return 0;
}
