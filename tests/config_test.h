/* config_test.h - what the tests of whole configs share: one config, its findings, the rows of its plan, the tensors of a file that was
 * written. Include after test.h. */
#ifndef SMASH_CONFIG_TEST_H
#define SMASH_CONFIG_TEST_H

static smash_ctx ctx;
static smash_arena arena;
static smash_diags diags;
static smash_config config;
static smash_plan plan;

/* Nothing found yet */
static inline void forget_diags(void)
{
    memset(&diags, 0, sizeof diags);
    diags.arena = &arena;
}

/* An empty config over a registry; what the arena held is gone */
static inline void start_config(const smash_registry *registry)
{
    smash_arena_release(&arena);
    forget_diags();
    smash_ctx_reset(&ctx);
    smash_config_init(&config, registry, &arena, &diags);
}

static inline const smash_diag *first_error(void)
{
    const smash_diag *d = diags.first;
    while (d && d->severity != SMASH_ERROR) d = d->next;
    return d;
}

/* The first error, or the last finding, or what ctx says */
static inline const char *said(void)      { const smash_diag *d = first_error(); return d ? d->message : ctx.message; }
static inline const char *last_said(void) { return diags.last ? diags.last->message : ctx.message; }

static inline int has_code(const char *code)
{
    const smash_diag *d;
    for (d = diags.first; d; d = d->next) if (strcmp(d->code, code) == 0) return 1;
    return 0;
}

static inline const smash_row *row_of(const char *module, const char *target)
{
    size_t i;
    for (i = 0; i < plan.count; i++)
        if (!strcmp(plan.model->modules[plan.rows[i].module].name, module) && !strcmp(plan.rows[i].target, target)) return &plan.rows[i];
    return NULL;
}

/* The row of the quantizer for a parameter */
static inline const smash_row *quantizer_row(const char *param)
{
    size_t i;
    for (i = 0; i < plan.count; i++)
        if (plan.rows[i].algo->group == SMASH_QUANTIZER && plan.rows[i].param != (uint32_t)SMASH_NONE && !strcmp(plan.model->params[plan.rows[i].param].name, param)) return &plan.rows[i];
    return NULL;
}

/* A file that was written; io stays behind the model. */
static inline void read_back(const test_buffer *file, smash_io *io, smash_model *model)
{
    *io = smash_io_memory(file->data, file->used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, io, &arena, NULL, model), SMASH_OK, "read back");
}

static inline smash_tensor tensor_of(const smash_model *model, const char *name)
{
    smash_tensor t = SMASH_ZERO;
    ptrdiff_t p = smash_model_find_param(model, name);
    CHECK(p >= 0, "no tensor %s", name);
    if (p >= 0) CHECK_ERR(&ctx, smash_model_load(&ctx, model, (size_t)p, &arena, &t), SMASH_OK, "%s", name);
    return t;
}

#endif
