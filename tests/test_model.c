/* model: building, finding, inferred types; what fails leaves the model as it was. */
#include "../smash.h"
#include "test.h"

static smash_tensor tensor_of(uint32_t ndim)
{
    static const size_t shape[SMASH_MAX_DIMS] = { 2, 3, 4, 5, 6, 1, 1, 1 };
    return smash_tensor_view(SMASH_F32, NULL, 0, ndim, shape);
}

/* Shapes of inputs and outputs: beside the parameters, sorted, by any of their names */
static void test_shapes(smash_ctx *ctx, smash_model *model)
{
    static const struct { size_t module; const char *target; uint32_t ndim; size_t dims[SMASH_MAX_DIMS + 1]; smash_err want; } rows[] = {
        { 3, "_output_", 4, { 1, 16, 8, 8 }, SMASH_OK }, { 3, "_input_0", 1, { 1 }, SMASH_OK }, { 1, "_output_hidden", 2, { 7, 2 }, SMASH_OK }, { 3, "_output_12", 3, { 1, 2, 3 }, SMASH_OK },
        { 0, "_input_", SMASH_MAX_DIMS, { 1, 1, 1, 1, 1, 1, 1, 2 }, SMASH_OK }, { 3, "_output_0", 2, { 9, 8 }, SMASH_OK },
        { 8, "_output_0", 1, { 1 }, SMASH_ERR_ARG }, { 0, "weight", 1, { 1 }, SMASH_ERR_ARG }, { 0, "_output", 1, { 1 }, SMASH_ERR_ARG }, { 0, "", 1, { 1 }, SMASH_ERR_ARG }, { 0, NULL, 1, { 1 }, SMASH_ERR_ARG },
        { 0, "_output_0", 0, { 1 }, SMASH_ERR_SHAPE }, { 0, "_output_0", 3, { 1, 0, 2 }, SMASH_ERR_SHAPE }, { 0, "_output_0", SMASH_MAX_DIMS + 1, { 1, 1, 1, 1, 1, 1, 1, 1, 1 }, SMASH_ERR_SHAPE },
        { 0, "_output_0", 2, { SIZE_MAX / 2, 4 }, SMASH_ERR_OVERFLOW }, { 0, "_output_0", 1, { SIZE_MAX / 2 }, SMASH_ERR_OVERFLOW } };
    const smash_tensor *t;
    size_t i, params = model->param_count;
    for (i = 0; i < COUNT_OF(rows); i++) {
        size_t before = model->activation_count;
        CHECK_ERR(ctx, smash_model_set_shape(ctx, model, rows[i].module, rows[i].target, rows[i].ndim, rows[i].dims), rows[i].want, "shape %zu", i);
        CHECK(rows[i].want == SMASH_OK || model->activation_count == before, "shape %zu: the table grew", i);
        t = smash_model_find_activation(model, rows[i].module, rows[i].target);
        CHECK((t != NULL) == (rows[i].want == SMASH_OK), "shape %zu", i);
        CHECK(!t || (t->ndim == rows[i].ndim && t->dtype == SMASH_F32 && !t->data && !memcmp(t->shape, rows[i].dims, t->ndim * sizeof *t->shape)), "shape %zu", i);
    }
    CHECK_ERR(ctx, smash_model_set_shape(ctx, NULL, 0, "_output_0", 1, rows[0].dims), SMASH_ERR_ARG, "no model");
    CHECK_ERR(ctx, smash_model_set_shape(ctx, model, 0, "_output_0", 1, NULL), SMASH_ERR_SHAPE, "no dims");
    CHECK(model->activation_count == 5 && model->param_count == params, "%zu shapes, %zu parameters", model->activation_count, model->param_count);
    for (i = 1; i < model->activation_count; i++) {
        const smash_activation *a = &model->activations[i - 1], *b = &model->activations[i];
        CHECK(a->module < b->module || (a->module == b->module && strcmp(a->target, b->target) < 0), "%zu is out of order", i);
        CHECK(strstr(b->tensor.name, b->target), "%s is called %s", b->target, b->tensor.name);
    }
    t = smash_model_find_activation(model, 3, "_output_");
    CHECK(t && t->shape[0] == 9, "the second shape of an output replaces the first");
    CHECK(!smash_model_find_activation(model, 2, "_output_0") && !smash_model_find_activation(model, 99, "_input_0") && !smash_model_find_activation(NULL, 0, "_input_0") && !smash_model_find_activation(model, 0, NULL)
          && !smash_model_find_activation(model, 3, "_output_1"), "what is not there");
}


/* Names in file order; modules as they must come out, with type and parameters in order. */
static void test_build(void)
{
    static const struct { const char *name, *target, *module; uint32_t ndim; } params[] = {
        { "z.weight", "weight", "z", 2 },         { "a.b.c.weight", "weight", "a.b.c", 4 }, { "scale", "scale", "", 1 },
        { "a.weight", "weight", "a", 3 },         { "a.b.weight", "weight", "a.b", 5 },     { "z.bias", "bias", "z", 1 },
        { "a-b.weight", "weight", "a-b", 1 },     { "a.b.c.bias", "bias", "a.b.c", 1 },     { "weight", "weight", "", 2 },
        { ".x", "x", "", 0 },                     { "y.", "", "y", 0 },                     { "z..w", "w", "z.", 0 } };
    static const struct { const char *name, *type; const char *targets[4]; } modules[] = {
        { "z", "Linear", { "weight", "bias", NULL, NULL } },     { "a.b.c", "Conv2d", { "weight", "bias", NULL, NULL } },
        { "", "Linear", { "scale", "weight", "x", NULL } },      { "a", "Conv1d", { "weight", NULL, NULL, NULL } },
        { "a.b", "Conv3d", { "weight", NULL, NULL, NULL } },     { "a-b", "LayerNorm", { "weight", NULL, NULL, NULL } },
        { "y", "Module", { "", NULL, NULL, NULL } },             { "z.", "Module", { "w", NULL, NULL, NULL } } };
    static const char *const missing[] = { "a.b.c.d", "A", "b", "z.w", "zz", " ", "a.", "\xFF" };
    smash_ctx ctx;
    smash_arena arena;
    smash_model model;
    size_t i, k;
    char name[64];
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    smash_model_init(&model, &arena);
    for (i = 0; i < COUNT_OF(params); i++) {
        smash_tensor t = tensor_of(params[i].ndim);
        snprintf(name, sizeof name, "%s", params[i].name);
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, name, &t, 100 + i), SMASH_OK, "%s", name);
    }
    CHECK(smash_model_find_param(&model, "scale") == -1 && smash_model_find_module(&model, "") == -1, "found before finish");
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
    CHECK(model.param_count == COUNT_OF(params) && model.module_count == COUNT_OF(modules), "%zu modules", model.module_count);
    for (i = 0; i < COUNT_OF(params); i++) {
        const smash_param *p = &model.params[i];
        CHECK(!strcmp(p->name, params[i].name) && !strcmp(p->target, params[i].target) && !strcmp(model.modules[p->module].name, params[i].module)
              && p->tensor.ndim == params[i].ndim && p->offset == 100 + i && p->tensor.name == p->name && !p->tensor.data, "%s", params[i].name);
        CHECK(smash_model_find_param(&model, params[i].name) == (ptrdiff_t)i, "%s", params[i].name);
    }
    for (i = 0; i < COUNT_OF(modules) && i < model.module_count; i++) {
        uint32_t p = model.modules[i].first;
        CHECK(!strcmp(model.modules[i].name, modules[i].name) && !strcmp(model.modules[i].type, modules[i].type) && model.modules[i].inferred == 1,
              "module %zu: %s %s", i, model.modules[i].name, model.modules[i].type);
        CHECK(smash_model_find_module(&model, modules[i].name) == (ptrdiff_t)i, "%s", modules[i].name);
        for (k = 0; modules[i].targets[k] && p != (uint32_t)SMASH_NONE; k++, p = model.params[p].next) {
            CHECK(!strcmp(model.params[p].target, modules[i].targets[k]) && model.params[p].module == i, "%s: target %zu is %s", modules[i].name, k, model.params[p].target);
            CHECK(smash_model_find_target(&model, i, modules[i].targets[k]) == (ptrdiff_t)p, "%s.%s", modules[i].name, modules[i].targets[k]);
        }
        CHECK(!modules[i].targets[k] && p == (uint32_t)SMASH_NONE, "%s: parameters", modules[i].name);
    }
    for (i = 1; i < model.module_count; i++) CHECK(strcmp(model.modules[model.by_name[i - 1]].name, model.modules[model.by_name[i]].name) < 0, "by_name %zu", i);
    for (i = 1; i < model.param_count; i++) CHECK(strcmp(model.params[model.param_by_name[i - 1]].name, model.params[model.param_by_name[i]].name) < 0, "param_by_name %zu", i);
    for (i = 0; i < COUNT_OF(missing); i++)
        CHECK(smash_model_find_param(&model, missing[i]) == -1 && smash_model_find_module(&model, missing[i]) == -1, "%s was found", missing[i]);
    CHECK(smash_model_find_param(&model, NULL) == -1 && smash_model_find_param(NULL, "a") == -1 && smash_model_find_module(&model, NULL) == -1
          && smash_model_find_module(NULL, "a") == -1 && smash_model_find_target(NULL, 0, "weight") == -1 && smash_model_find_target(&model, 0, NULL) == -1
          && smash_model_find_target(&model, 99, "weight") == -1 && smash_model_find_target(&model, 0, "weigh") == -1, "NULL and out of range");
    {
        smash_tensor t = tensor_of(1);
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_ERR_ARG, "finish again");
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "late", &t, 0), SMASH_ERR_ARG, "add after finish");
    }
    snprintf(name, sizeof name, "Conv%s", "Transpose1d");
    CHECK_ERR(&ctx, smash_model_set_type(&ctx, &model, 3, name), SMASH_OK, "set type");
    name[0] = 'X';
    CHECK(!strcmp(model.modules[3].type, "ConvTranspose1d") && model.modules[3].inferred == 0, "%s", model.modules[3].type);
    CHECK_ERR(&ctx, smash_model_set_type(&ctx, &model, 3, ""), SMASH_ERR_ARG, "empty type");
    CHECK_ERR(&ctx, smash_model_set_type(&ctx, &model, 3, NULL), SMASH_ERR_ARG, "no type");
    CHECK_ERR(&ctx, smash_model_set_type(&ctx, &model, 8, "Linear"), SMASH_ERR_ARG, "no such module");
    CHECK_ERR(&ctx, smash_model_set_type(&ctx, NULL, 0, "Linear"), SMASH_ERR_ARG, "no model");
    CHECK(!strcmp(model.modules[3].type, "ConvTranspose1d"), "%s", model.modules[3].type);
    test_shapes(&ctx, &model);
    smash_arena_release(&arena);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* One module each: its name, its targets with their ranks, its type. */
static void test_types(void)
{
    static const struct { const char *module; struct { const char *target; uint32_t ndim; } params[3]; const char *type; } rows[] = {
        { "m", { { "weight", 5 } }, "Conv3d" },                          { "m", { { "weight", 4 } }, "Conv2d" },
        { "m", { { "weight", 3 } }, "Conv1d" },                          { "m", { { "weight", 2 } }, "Linear" },
        { "m", { { "weight", 1 } }, "LayerNorm" },                       { "m", { { "weight", 0 } }, "Module" },
        { "m", { { "weight", 6 } }, "Module" },                          { "m", { { "bias", 1 } }, "Module" },
        { "m", { { "weight", 1 }, { "running_mean", 1 } }, "BatchNorm1d" },
        { "m", { { "running_mean", 1 }, { "running_var", 1 } }, "BatchNorm1d" },
        { "m", { { "bias", 1 }, { "weight", 4 }, { "running_mean", 1 } }, "BatchNorm1d" },
        { "emb", { { "weight", 2 } }, "Embedding" },                     { "model.embed_tokens", { { "weight", 2 } }, "Embedding" },
        { "tok_embeddings", { { "weight", 2 } }, "Embedding" },          { "h.wte", { { "weight", 2 } }, "Embedding" },
        { "wpe", { { "weight", 2 } }, "Embedding" },                     { "wte2", { { "weight", 2 } }, "Linear" },
        { "embed.out", { { "weight", 2 } }, "Linear" },                  { "em.b", { { "weight", 2 } }, "Linear" },
        { "emb", { { "weight", 4 } }, "Conv2d" },                        { "emb", { { "weight", 1 } }, "LayerNorm" },
        { "e", { { "weight", 2 } }, "Linear" },                          { "", { { "weight", 2 } }, "Linear" },
        { "m", { { "Weight", 2 } }, "Module" },                          { "m", { { "weight_scale", 2 } }, "Module" } };
    static const struct { const char *type; uint32_t out; } axes[] = {
        { "Linear", 0 }, { "Conv2d", 0 }, { "Conv1d", 0 }, { "ConvTranspose1d", 1 }, { "ConvTranspose2d", 1 }, { "ConvTranspose", 1 }, { "ConvT", 0 },
        { "Embedding", 0 }, { "MyConvTranspose", 0 }, { "LayerNorm", 0 }, { "", 0 }, { NULL, 0 } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_ctx ctx;
        smash_arena arena;
        smash_model model;
        test_ctx(&ctx);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        smash_model_init(&model, &arena);
        for (k = 0; k < 3 && rows[i].params[k].target; k++) {
            smash_tensor t = tensor_of(rows[i].params[k].ndim);
            char name[100];
            snprintf(name, sizeof name, "%s%s%s", rows[i].module, rows[i].module[0] ? "." : "", rows[i].params[k].target);
            CHECK_ERR(&ctx, smash_model_add(&ctx, &model, name, &t, 0), SMASH_OK, "%s", name);
        }
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "row %zu", i);
        CHECK(model.module_count == 1 && !strcmp(model.modules[0].type, rows[i].type), "row %zu, %s: %s, want %s", i, rows[i].module, model.modules[0].type, rows[i].type);
        smash_arena_release(&arena);
    }
    for (i = 0; i < COUNT_OF(axes); i++)
        CHECK(smash_type_out_axis(axes[i].type) == axes[i].out && smash_type_in_axis(axes[i].type) == 1 - axes[i].out, "%s", axes[i].type ? axes[i].type : "NULL");
}

static void test_arguments(void)
{
    smash_ctx ctx;
    smash_arena arena;
    smash_model model, before, homeless;
    smash_tensor good = tensor_of(2), ranks = tensor_of(2), none = tensor_of(2), past = tensor_of(2), huge = tensor_of(2), empty = tensor_of(2);
    size_t used;
    ranks.ndim = 9;
    none.dtype = SMASH_DTYPE_NONE;
    past.dtype = SMASH_DTYPE_COUNT;
    huge.shape[0] = SIZE_MAX;
    empty.shape[0] = SIZE_MAX;
    empty.shape[1] = 0;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    smash_model_init(&model, &arena);
    smash_model_init(&homeless, NULL);
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "a", &good, 0), SMASH_OK, "first");
    before = model;
    used = arena.used;
    CHECK_ERR(&ctx, smash_model_add(&ctx, NULL, "b", &good, 0), SMASH_ERR_ARG, "no model");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &homeless, "b", &good, 0), SMASH_ERR_ARG, "no arena");
    CHECK_ERR(&ctx, smash_model_finish(&ctx, NULL), SMASH_ERR_ARG, "no model");
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &homeless), SMASH_ERR_ARG, "no arena");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, NULL, &good, 0), SMASH_ERR_ARG, "no name");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "", &good, 0), SMASH_ERR_ARG, "empty name");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "b", NULL, 0), SMASH_ERR_ARG, "no tensor");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "b", &ranks, 0), SMASH_ERR_ARG, "9 dims");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "b", &none, 0), SMASH_ERR_ARG, "no dtype");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "b", &past, 0), SMASH_ERR_ARG, "dtype out of range");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "b", &huge, 0), SMASH_ERR_OVERFLOW, "shape that overflows");
    CHECK(!memcmp(&model, &before, sizeof model) && arena.used == used, "model touched");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "b", &empty, 0), SMASH_OK, "a dim of 0");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "c", &good, 0), SMASH_OK, "c");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "a", &good, 0), SMASH_OK, "a again; finish finds it");
    before = model;
    used = arena.used;
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_ERR_FORMAT, "one name twice");
    CHECK(ctx.index == 3 && !memcmp(&model, &before, sizeof model) && arena.used == used && ctx.scratch.used == 0 && !ctx.scratch.block, "index %zu", ctx.index);
    CHECK(smash_model_finish(NULL, &model) == SMASH_ERR_NOMEM, "no ctx, so no scratch");
    CHECK(!memcmp(&model, &before, sizeof model) && arena.used == used, "model touched");
    smash_model_init(&model, &arena);
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "no parameters");
    CHECK(model.module_count == 0 && smash_model_find_module(&model, "") == -1 && smash_model_find_param(&model, "a") == -1, "empty model");
    smash_arena_release(&arena);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

/* The scratch is emptied by every call, so nothing that lasts can live there. */
static void test_in_scratch(void)
{
    smash_tensor t = tensor_of(2);
    smash_ctx ctx;
    smash_model model;
    test_ctx(&ctx);
    smash_model_init(&model, &ctx.scratch);
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "a.weight", &t, 0), SMASH_OK, "add");
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_ERR_ARG, "a model in the scratch");
    smash_arena_release(&ctx.scratch);
}

/* Random names, against orders found by brute force. */
static void test_random(void)
{
    enum { N = 300 };
    static char names[N][16];
    uint64_t rng = 1;
    size_t round, i, k, n;
    for (round = 0; round < 20; round++) {
        smash_ctx ctx;
        smash_arena arena;
        smash_model model;
        smash_tensor t = tensor_of(2);
        size_t modules = 0;
        test_ctx(&ctx);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        smash_model_init(&model, &arena);
        for (n = 0; n < (round < 10 ? round : (size_t)N); ) {
            size_t length = 1 + smash_random(&rng) % 7;
            for (i = 0; i < length; i++) names[n][i] = "ab.c\x80"[smash_random(&rng) % 5];
            names[n][length] = '\0';
            for (i = 0; i < n && strcmp(names[i], names[n]); i++) {}
            if (i == n) { CHECK_ERR(&ctx, smash_model_add(&ctx, &model, names[n], &t, 0), SMASH_OK, "%s", names[n]); n++; }
        }
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "round %zu", round);
        for (i = 0; i < n; i++) {
            const char *dot = strrchr(names[i], '.');
            size_t length = dot ? (size_t)(dot - names[i]) : 0, next = 0, first = i;
            for (k = n; k-- > 0;) {                     /* the same module: as long, and the same bytes */
                const char *other = strrchr(names[k], '.');
                if ((other ? (size_t)(other - names[k]) : 0) != length || memcmp(names[k], names[i], length)) continue;
                if (k > i) next = k;
                if (k < first) first = k;
            }
            modules += first == i;
            CHECK(model.params[i].next == (next ? (uint32_t)next : (uint32_t)SMASH_NONE), "%s: next", names[i]);
            CHECK(model.params[i].module == (first == i ? modules - 1 : model.params[first].module) && model.modules[model.params[i].module].first == first, "%s: module", names[i]);
            CHECK(smash_model_find_param(&model, names[i]) == (ptrdiff_t)i, "%s: find", names[i]);
            CHECK(smash_model_find_module(&model, model.modules[model.params[i].module].name) == (ptrdiff_t)model.params[i].module, "%s: find module", names[i]);
        }
        CHECK(modules == model.module_count, "%zu modules, want %zu", model.module_count, modules);
        smash_arena_release(&arena);
    }
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
}

int main(void)
{
    test_build();
    test_types();
    test_arguments();
    test_in_scratch();
    test_random();
    return test_done();
}
