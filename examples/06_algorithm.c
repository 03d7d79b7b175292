/* 06_algorithm.c - an algorithm of your own: written, registered, configured, run, stored, loaded.
 * cc -std=c99 -O2 -I. examples/06_algorithm.c -o 06_algorithm && ./06_algorithm */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>
#include <string.h>

/* ---- superfast, a compiler: puts every Linear weight into the order in which a kernel reads it, once, before any inference ---- */

/* What it leaves for the kernel: a list in the step's state. A weight keeps its shape, [out, in]; its numbers stand in another order. */
typedef struct superfast_weight { const struct superfast_weight *next; size_t param; const double *row_sums; } superfast_weight;

static int superfast_takes(const smash_job *job, const smash_param *p)     /* numbers of up to U64 are whole bytes */
{
    const smash_module *m = &job->model->modules[p->module];
    return !strcmp(m->type, "Linear") && !strcmp(p->target, "weight") && p->tensor.ndim == 2 && p->tensor.dtype <= SMASH_U64 && smash_job_takes(job, m->name);
}

/* smash() asks it of the model as it comes, smash_load() of the one in the file, where ptq has left integers. */
static smash_err superfast_check_model(smash_ctx *ctx, const smash_job *job)
{
    for (size_t i = 0; i < job->model->param_count; i++) if (superfast_takes(job, &job->model->params[i])) return SMASH_OK;
    return smash_ctx_fail(ctx, SMASH_ERR_UNSUPPORTED, "superfast packs Linear weights whose numbers are whole bytes, and there are none");
}

static smash_err superfast_pack(smash_ctx *ctx, smash_job *job, size_t param)
{
    const int by_column = smash_value_is(smash_job_value(job, "backend"), "backend2"), sums = smash_value_is(smash_job_value(job, "mode"), "mode2");
    smash_tensor *w = &job->model->params[param].tensor, plain, wide;
    const size_t rows = w->shape[0], columns = w->shape[1], size = smash_dtype_bits(w->dtype) / 8;
    superfast_weight *note = (superfast_weight *)smash_arena_alloc(ctx, job->arena, sizeof *note);
    double *sum = (double *)smash_arena_array(ctx, job->arena, sums ? rows : 0, sizeof *sum);
    double *numbers = (double *)smash_arena_array(ctx, &ctx->scratch, sums ? rows * columns : 0, sizeof *numbers);
    char *packed = (char *)smash_arena_array(ctx, job->arena, rows * columns, size);
    smash_err err = note && sum && numbers && packed ? smash_model_load(ctx, job->model, param, &ctx->scratch, &plain) : SMASH_ERR_NOMEM;
    wide = smash_tensor_view(SMASH_F64, numbers, rows * columns * sizeof *numbers, 2, w->shape);
    if (!err && sums) err = smash_tensor_convert(ctx, &plain, &wide);
    if (err) return err;
    for (size_t r = 0; r < rows; r++) {
        const size_t panel = r / 4 * 4, width = rows - panel < 4 ? rows - panel : 4;       /* backend1: 4 rows side by side, fewer at the end */
        if (sums) sum[r] = 0;
        for (size_t k = 0; k < columns; k++) {
            size_t to = by_column ? k * rows + r : panel * columns + k * width + r - panel;
            memcpy(packed + to * size, (const char *)plain.data + (r * columns + k) * size, size);
            if (sums) sum[r] += numbers[r * columns + k];
        }
    }
    *w = smash_tensor_view(w->dtype, packed, rows * columns * size, 2, w->shape);
    *note = (superfast_weight){ (const superfast_weight *)job->state, param, sums ? sum : NULL };
    job->state = note;
    return SMASH_OK;
}

static smash_err superfast_apply(smash_ctx *ctx, smash_job *job)
{
    smash_err err = superfast_check_model(ctx, job);                                       /* ptq may have made numbers of 4 bits by now */
    for (size_t i = 0; !err && i < job->model->param_count; i++) {
        smash_arena_mark mark = smash_arena_get_mark(&ctx->scratch);
        if (superfast_takes(job, &job->model->params[i])) err = superfast_pack(ctx, job, i);
        smash_arena_rewind(&ctx->scratch, mark);
    }
    return err;
}

static const char *const superfast_compatible[] = { "level", "l1_norm", "l2_norm", "fpgm", "ptq", NULL };
static const smash_key superfast_keys[] = {
    SMASH_HYPER_CHOICE("backend", "backend1 backend2", "backend1", "backend1: 4 rows side by side; backend2: column by column"),
    SMASH_HYPER_CHOICE("mode", "mode1 mode2", "mode1", "mode2: also the sum of each row, for inputs that have a zero point") };
static const smash_algo superfast = { .name = "superfast", .group = SMASH_COMPILER, .summary = "pack Linear weights for a kernel",
    .compatible = superfast_compatible, .on_modules = 1, .keys = superfast_keys, .key_count = 2, .check_model = superfast_check_model, .apply = superfast_apply };

/* ---- and its use: a layer is pruned, quantized to int8, packed; a kernel runs on it; it is saved and loaded ---- */

enum { OUT = 6, IN = 8, ZERO = 3, ROOM = 8192 };
static float weight[OUT][IN];
static const uint8_t input[IN] = { 3, 250, 17, 0, 96, 41, 7, 128 };                        /* with zero point 3 */
typedef struct file { unsigned char data[ROOM]; size_t used; } file;
static file first, second;

static int file_write(void *user, uint64_t offset, const void *data, size_t bytes)
{
    file *f = (file *)user;
    if (offset + bytes > ROOM) return 1;
    memcpy(f->data + offset, data, bytes);
    if (f->used < offset + bytes) f->used = (size_t)(offset + bytes);
    return 0;
}

static int run(smash_ctx *ctx, smash_arena *arena)
{
    static const char *const settings[] = { "pruner=level", "level_sparse_ratio=0.5", "quantizer=ptq", "ptq_granularity=out_channel",
                                            "compiler=superfast", "superfast_backend=backend2", "superfast_mode=mode2" };
    static const size_t shape[2] = { OUT, IN };
    static smash_config config, read;                                                      /* 10 KB each */
    static smash_result result, loaded;
    const smash_algo *room[32];
    smash_registry registry;
    smash_diags diags = { .arena = arena };
    smash_model model;
    smash_tensor w = smash_tensor_view(SMASH_F32, weight, sizeof weight, 2, shape), before, after;
    smash_io out = { NULL, file_write, NULL, 0, &first }, again = { NULL, file_write, NULL, 0, &second }, in;
    const superfast_weight *note;
    const int8_t *plain, *packed;
    size_t i, k;
    for (i = 0; i < OUT * IN; i++) weight[i / IN][i % IN] = (float)((i * 37 + 11) % 64) / 32.0f - 1.0f;
    smash_registry_init(&registry, room, sizeof room / sizeof *room);
    if (smash_register_builtins(ctx, &registry) || smash_register(ctx, &registry, &superfast)) return 1;
    smash_config_init(&config, &registry, arena, &diags);
    for (i = 0; i < sizeof settings / sizeof *settings; i++) if (smash_config_set_text(ctx, &config, settings[i])) return 1;
    smash_model_init(&model, arena);
    if (smash_model_add(ctx, &model, "fc.weight", &w, 0) || smash_model_finish(ctx, &model)) return 1;
    if (smash(ctx, &model, &config, NULL, &result)) return 1;

    note = (const superfast_weight *)result.steps[result.step_count - 1].state;
    if (smash_model_load(ctx, &result.stored, (size_t)smash_model_find_param(&result.stored, "fc.weight"), arena, &before) ||
        smash_model_load(ctx, &result.model, note->param, arena, &after)) return 1;
    plain = (const int8_t *)before.data;
    packed = (const int8_t *)after.data;
    for (i = 0; i < OUT; i++) {
        int32_t expected = 0, sum = 0;
        for (k = 0; k < IN; k++) expected += plain[i * IN + k] * (input[k] - ZERO);
        for (k = 0; k < IN; k++) sum += packed[k * OUT + i] * input[k];
        printf("row %d: %6ld from the plain weights, %6ld from the packed ones\n", (int)i, (long)expected, (long)(sum - ZERO * (int32_t)note->row_sums[i]));
    }
    smash_config_init(&read, &registry, arena, &diags);
    if (smash_save(ctx, &result, &out)) return 1;
    in = smash_io_memory(first.data, first.used);
    if (smash_load(ctx, &in, NULL, &read, &loaded) || smash_save(ctx, &loaded, &again)) return 1;
    note = (const superfast_weight *)loaded.steps[0].state;
    printf("%lu bytes saved; loaded, superfast runs again: config %s, packed weights %s; saved again: %s\n", (unsigned long)first.used,
           smash_config_equal(&config, &read) ? "equal" : "DIFFERENT", memcmp(packed, loaded.model.params[note->param].tensor.data, OUT * IN) ? "DIFFERENT" : "equal",
           first.used == second.used && !memcmp(first.data, second.data, first.used) ? "same bytes" : "OTHER BYTES");
    return 0;
}

int main(void)
{
    smash_arena arena;
    smash_ctx ctx;
    int failed;
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
    failed = run(&ctx, &arena);
    if (failed) fprintf(stderr, "%s: %s\n", smash_err_name(ctx.err), ctx.message);
    smash_arena_release(&ctx.scratch);
    smash_arena_release(&arena);
    return failed;
}
