/* Safetensors: the tensors of an accepted file tile its data and are as large as their shapes say, however the file is
 * read; written anew, it reads back the same. The input is the file. */
#include "fuzz.h"

typedef struct memory { unsigned char *data; size_t bytes; } memory;

static int memory_read(void *user, uint64_t offset, void *data, size_t bytes)
{
    const memory *m = (const memory *)user;
    FUZZ_CHECK(offset <= m->bytes && bytes <= m->bytes - offset, "reads %lu bytes at %lu of %lu", (unsigned long)bytes, (unsigned long)offset, (unsigned long)m->bytes);
    if (bytes) memcpy(data, m->data + offset, bytes);
    return 0;
}

static int memory_write(void *user, uint64_t offset, const void *data, size_t bytes)
{
    memory *m = (memory *)user;
    FUZZ_CHECK(offset <= m->bytes && bytes <= m->bytes - offset, "writes %lu bytes at %lu of %lu", (unsigned long)bytes, (unsigned long)offset, (unsigned long)m->bytes);
    if (bytes) memcpy(m->data + offset, data, bytes);
    return 0;
}

static int same_text(const char *a, const char *b) { return !strcmp(a, b); }

/* One model is the other, numbers and all; in any order of tensors, since a writer sorts them. */
static void check_same(smash_ctx *ctx, smash_arena *arena, const smash_model *a, const smash_model *b, int reordered)
{
    size_t i, bytes;
    FUZZ_CHECK(a->param_count == b->param_count && a->module_count == b->module_count && a->metadata_count == b->metadata_count,
               "%lu and %lu tensors", (unsigned long)a->param_count, (unsigned long)b->param_count);
    for (i = 0; i < a->metadata_count; i++)
        FUZZ_CHECK(same_text(a->metadata[i].key, b->metadata[i].key) && same_text(a->metadata[i].value, b->metadata[i].value), "metadata %s", a->metadata[i].key);
    for (i = 0; i < a->param_count; i++) {
        const smash_param *p = a->params + i;
        ptrdiff_t k = smash_model_find_param(b, p->name);
        smash_tensor x, y;
        FUZZ_CHECK(k >= 0 && (reordered || k == (ptrdiff_t)i), "%s is at %ld", p->name, (long)k);
        FUZZ_CHECK(!smash_model_load(ctx, a, i, arena, &x) && !smash_model_load(ctx, b, (size_t)k, arena, &y), "%s: %s", p->name, ctx->message);
        FUZZ_CHECK(x.dtype == y.dtype && x.ndim == y.ndim && !memcmp(x.shape, y.shape, sizeof x.shape), "%s: dtype or shape", p->name);
        FUZZ_CHECK(p->meant == b->params[k].meant, "%s: meant", p->name);
        FUZZ_CHECK(!smash_tensor_bytes(&x, &bytes) && bytes <= x.bytes && bytes <= y.bytes && !memcmp(x.data, y.data, bytes), "%s: its numbers", p->name);
    }
    for (i = 0; i < a->module_count; i++) {
        ptrdiff_t k = smash_model_find_module(b, a->modules[i].name);
        FUZZ_CHECK(k >= 0 && same_text(a->modules[i].type, b->modules[k].type) && a->modules[i].inferred == b->modules[k].inferred, "module %s", a->modules[i].name);
    }
}

static void check_layout(const smash_model *model, size_t bytes, int allow_trailing)
{
    uint64_t at = 0, size;
    size_t i, count;
    for (i = 0; i < model->param_count; i++) {
        const smash_param *p = model->params + i;
        FUZZ_CHECK(!smash_tensor_bytes(&p->tensor, &count) && !smash_tensor_count(&p->tensor, &count), "%s: its size", p->name);
        size = (uint64_t)count * smash_dtype_bits(p->tensor.dtype);
        FUZZ_CHECK(size % 8 == 0 && p->offset <= bytes && size / 8 <= bytes - p->offset, "%s lies outside", p->name);
        FUZZ_CHECK(!i || p->offset == at, "%s begins at %lu, not %lu", p->name, (unsigned long)p->offset, (unsigned long)at);
        at = p->offset + size / 8;
        FUZZ_CHECK(p->name[0] && p->module < model->module_count && smash_model_find_param(model, p->name) == (ptrdiff_t)i, "%s is not found", p->name);
    }
    FUZZ_CHECK(allow_trailing || !model->param_count || at == bytes, "the last tensor ends at %lu of %lu", (unsigned long)at, (unsigned long)bytes);
}

/* Write the model to exactly as many bytes as the layout says. */
static memory rewrite(smash_ctx *ctx, smash_arena *arena, const smash_model *model)
{
    smash_tensor *tensors = (smash_tensor *)malloc((model->param_count + 1) * sizeof *tensors);
    smash_layout layout;
    smash_io io = SMASH_ZERO;
    memory out;
    size_t i;
    FUZZ_CHECK(tensors, "no memory");
    for (i = 0; i < model->param_count; i++) {
        FUZZ_CHECK(!smash_model_load(ctx, model, i, arena, &tensors[i]), "%s", ctx->message);
        tensors[i].name = model->params[i].name;
    }
    FUZZ_CHECK(!smash_safetensors_layout(ctx, tensors, model->param_count, model->metadata, model->metadata_count, arena, &layout), "%s", ctx->message);
    out.bytes = (size_t)layout.bytes;
    out.data = (unsigned char *)calloc(out.bytes, 1);
    FUZZ_CHECK(out.data, "no memory");
    io.write = memory_write;
    io.user = &out;
    FUZZ_CHECK(!smash_safetensors_begin(ctx, &layout, &io), "%s", ctx->message);
    for (i = model->param_count; i > 0; i--) FUZZ_CHECK(!smash_safetensors_put(ctx, &layout, &io, i - 1, &tensors[i - 1]), "%s", ctx->message);
    free(tensors);
    return out;
}

static memory save(smash_ctx *ctx, const smash_result *result)
{
    memory file;
    smash_io io = SMASH_ZERO;
    file.bytes = (size_t)result->layout.bytes;
    file.data = (unsigned char *)malloc(file.bytes + 1);
    if (!file.data) abort();
    io.write = memory_write;
    io.user = &file;
    FUZZ_CHECK(!smash_save(ctx, result, &io), "saving: %s", ctx->message);
    return file;
}

/* As a file of smash(): what it says of its config is believed only if it is right, and then saving gives it back for good. */
static void check_load(smash_ctx *ctx, smash_arena *arena, const smash_io *io, int is_model)
{
    static smash_config config, before;
    static smash_result result, back;
    smash_diags diags = SMASH_ZERO;
    smash_io again;
    memory first, second;
    smash_err err;
    diags.arena = arena;
    smash_config_init(&config, smash_builtins(), arena, &diags);
    memcpy(&before, &config, sizeof before);
    err = smash_load(ctx, io, NULL, &config, &result);
    FUZZ_CHECK(err == ctx->err && (err || is_model), "%s returned, %s kept", smash_err_name(err), smash_err_name(ctx->err));
    if (err) {
        FUZZ_CHECK(!memcmp(&config, &before, sizeof config) && ctx->message[0], "a refused config was taken");
        return;
    }
    first = save(ctx, &result);
    again = smash_io_memory(first.data, first.bytes);
    memcpy(&before, &config, sizeof before);
    smash_config_init(&config, smash_builtins(), arena, &diags);
    FUZZ_CHECK(!smash_load(ctx, &again, NULL, &config, &back), "our own file: %s", ctx->message);
    FUZZ_CHECK(smash_config_equal(&config, &before), "our own file has another config");
    second = save(ctx, &back);
    FUZZ_CHECK(first.bytes == second.bytes && !memcmp(first.data, second.data, first.bytes), "saved twice, two files");
    free(first.data);
    free(second.data);
}

/* As masks of a small model: taken or refused with a reason, and the masks of both that come out are taken again and say the same. */
static void check_masks(smash_ctx *ctx, smash_arena *arena, const smash_io *io)
{
    static const char text[] = "{\"shapes\": {\"a\": {\"_output_0\": [1, 2, 3]}}, \"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\","
        " \"target_settings\": {\"_input_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}]}";
    static const float numbers[6] = { 1, -2, 3, 4, -5, 6 };
    static const size_t shape[2] = { 2, 3 };
    static smash_config config;
    smash_tensor t = smash_tensor_view(SMASH_F32, numbers, sizeof numbers, 2, shape);
    smash_diags diags = SMASH_ZERO;
    smash_model model;
    smash_plan plan;
    smash_run_desc desc = SMASH_ZERO;
    smash_result result;
    memory files[2];
    smash_io in = *io, out = SMASH_ZERO;
    int again;
    diags.arena = arena;
    t.flags = SMASH_TENSOR_CONST;
    smash_config_init(&config, smash_builtins(), arena, &diags);
    smash_model_init(&model, arena);
    FUZZ_CHECK(!smash_model_add(ctx, &model, "a.weight", &t, 0) && !smash_model_add(ctx, &model, "w", &t, 0) && !smash_model_finish(ctx, &model), "%s", ctx->message);
    FUZZ_CHECK(!smash_config_load(ctx, &config, text, sizeof text - 1, NULL, NULL) && !smash_config_resolve(ctx, &config, &model, &plan), "%s", ctx->message);
    for (again = 0; again < 2; again++) {
        smash_err err;
        desc.masks_in = &in;
        desc.masks = NULL;
        err = smash_run(ctx, &plan, &desc, &result);                     /* dry: how many bytes of masks there will be */
        FUZZ_CHECK(!err || (!again && ctx->message[0] && (err == SMASH_ERR_FORMAT || err == SMASH_ERR_LIMIT || err == SMASH_ERR_VERSION)), "%s %s", smash_err_name(err), ctx->message);
        if (err) return;
        files[again].bytes = (size_t)result.mask_bytes;
        files[again].data = (unsigned char *)calloc(files[again].bytes + 1, 1);
        FUZZ_CHECK(files[again].data, "no memory");
        out.write = memory_write;
        out.user = &files[again];
        desc.masks = &out;
        FUZZ_CHECK(!smash_run(ctx, &plan, &desc, &result), "what went dry: %s", ctx->message);
        in = smash_io_memory(files[again].data, files[again].bytes);
    }
    FUZZ_CHECK(files[0].bytes == files[1].bytes && !memcmp(files[0].data, files[1].data, files[0].bytes), "read back, the masks are others");
    free(files[0].data);
    free(files[1].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    smash_ctx ctx;
    smash_arena arena;
    smash_diags diags = SMASH_ZERO;
    smash_safetensors_desc desc = SMASH_ZERO;
    smash_model model, called, back, untouched;
    smash_io map, calls = SMASH_ZERO, io;
    memory file, first, second;
    smash_err err, also;
    uint32_t trailing;
    fuzz_begin(&ctx, &arena);
    memset(&untouched, 0x5A, sizeof untouched);
    file.data = (unsigned char *)fuzz_copy(data, bytes);
    file.bytes = bytes;
    map = smash_io_memory(file.data, bytes);
    calls.read = memory_read;
    calls.bytes = bytes;
    calls.user = &file;
    for (trailing = 0; trailing < 2; trailing++) {
        desc.allow_trailing = trailing;
        memset(&diags, 0, sizeof diags);
        diags.arena = &arena;
        memcpy(&model, &untouched, sizeof model);
        smash_ctx_reset(&ctx);
        err = smash_safetensors_read(&ctx, &desc, &map, &arena, &diags, &model);
        FUZZ_CHECK(err == ctx.err && (err == SMASH_OK) == (diags.errors == 0), "%s with %lu errors", smash_err_name(err), (unsigned long)diags.errors);
        smash_ctx_reset(&ctx);
        if (!trailing) check_load(&ctx, &arena, &map, !err);
        smash_ctx_reset(&ctx);
        if (!trailing) check_masks(&ctx, &arena, &map);
        smash_ctx_reset(&ctx);
        also = smash_safetensors_read(&ctx, &desc, &calls, &arena, NULL, &called);
        FUZZ_CHECK(err == also, "mapped it is %s, read %s", smash_err_name(err), smash_err_name(also));
        if (err) {
            FUZZ_CHECK(err == SMASH_ERR_FORMAT || err == SMASH_ERR_LIMIT || err == SMASH_ERR_VERSION, "%s %s", smash_err_name(err), ctx.message);
            FUZZ_CHECK(!memcmp(&model, &untouched, sizeof model) && ctx.message[0], "a refused file was written");
            continue;
        }
        check_layout(&model, bytes, (int)trailing);
        check_same(&ctx, &arena, &model, &called, 0);
        first = rewrite(&ctx, &arena, &model);
        io = smash_io_memory(first.data, first.bytes);
        FUZZ_CHECK(!smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &back), "our own file: %s", ctx.message);
        check_same(&ctx, &arena, &model, &back, 1);
        second = rewrite(&ctx, &arena, &back);
        FUZZ_CHECK(first.bytes == second.bytes && !memcmp(first.data, second.data, first.bytes), "written twice, two files");
        {
            size_t i;
            for (i = 0; i < model.param_count; i++) {           /* whatever it says of its parts */
                smash_tensor t;
                smash_dtype stored;
                const char *name = model.params[i].name;
                char plain[64];
                size_t n = strlen(name);
                smash_ctx_reset(&ctx);
                err = smash_model_restore(&ctx, &model, name, &arena, &t, &stored);
                FUZZ_CHECK(err == ctx.err, "%s", ctx.message);
                if (n < 8 || n - 7 >= sizeof plain || strcmp(name + n - 7, "_packed")) continue;
                memcpy(plain, name, n - 7);
                plain[n - 7] = '\0';
                smash_ctx_reset(&ctx);
                err = smash_model_restore(&ctx, &model, plain, &arena, &t, &stored);
                FUZZ_CHECK(err == ctx.err, "%s", ctx.message);
            }
        }
        free(first.data);
        free(second.data);
    }
    fuzz_end(&ctx, &arena);
    free(file.data);
    return 0;
}
