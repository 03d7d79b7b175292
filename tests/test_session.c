/* The training session, driven by hand: step by step against the formulas, saved and taken up again, and misused. */
#include "../smash.h"
#include "test.h"

/* A network of two layers whose memory is here, and a config over it */
typedef struct net {
    float w1[6 * 4], b1[6], w2[3 * 6], b2[3];
    smash_arena arena;
    smash_model model;
    smash_diags diags;
    smash_config config;
    smash_session s;
} net;

static float wave(size_t i, double by) { return (float)((double)((i * 7 + 3) % 23) * 0.1 - 1.05 + by * (double)i); }

static void net_init(net *n, smash_ctx *ctx, const char *config)
{
    static const size_t s1[2] = { 6, 4 }, sb1[1] = { 6 }, s2[2] = { 3, 6 }, sb2[1] = { 3 };
    smash_tensor t;
    size_t i;
    for (i = 0; i < 24; i++) n->w1[i] = wave(i, 0.001);
    for (i = 0; i < 6; i++) n->b1[i] = (float)i * 0.25f - 0.5f;
    for (i = 0; i < 18; i++) n->w2[i] = wave(i + 5, -0.002);
    for (i = 0; i < 3; i++) n->b2[i] = (float)i;
    smash_arena_init(&n->arena, NULL, 0, &test_allocator);
    smash_model_init(&n->model, &n->arena);
    t = test_view(SMASH_F32, n->w1, 2, s1);  CHECK_ERR(ctx, smash_model_add(ctx, &n->model, "fc1.weight", &t, 0), SMASH_OK, "w1");
    t = test_view(SMASH_F32, n->b1, 1, sb1); CHECK_ERR(ctx, smash_model_add(ctx, &n->model, "fc1.bias", &t, 0), SMASH_OK, "b1");
    t = test_view(SMASH_F32, n->w2, 2, s2);  CHECK_ERR(ctx, smash_model_add(ctx, &n->model, "fc2.weight", &t, 0), SMASH_OK, "w2");
    t = test_view(SMASH_F32, n->b2, 1, sb2); CHECK_ERR(ctx, smash_model_add(ctx, &n->model, "fc2.bias", &t, 0), SMASH_OK, "b2");
    CHECK_ERR(ctx, smash_model_finish(ctx, &n->model), SMASH_OK, "model");
    memset(&n->diags, 0, sizeof n->diags);
    n->diags.arena = &n->arena;
    smash_config_init(&n->config, smash_builtins(), &n->arena, &n->diags);
    CHECK_ERR(ctx, smash_config_load(ctx, &n->config, config, strlen(config), "config.json", NULL), SMASH_OK, "%s: %s", config, n->diags.first ? n->diags.first->message : "");
    memset(&n->s, 0, sizeof n->s);
}

static void net_done(net *n) { smash_arena_release(&n->arena); }

static void net_begin(net *n, smash_ctx *ctx, const char *config)
{
    net_init(n, ctx, config);
    CHECK_ERR(ctx, smash_session_begin(ctx, &n->model, &n->config, NULL, &n->s), SMASH_OK, "%s: %s", config, n->diags.first ? n->diags.first->message : "");
}

static size_t zeros_of(const float *x, size_t n) { size_t i, z = 0; for (i = 0; i < n; i++) z += x[i] == 0; return z; }

/* The weights of fc1 as forward gives them */
static const float *forward(net *n, smash_ctx *ctx, size_t param)
{
    smash_tensor t = n->model.params[param].tensor;
    uint32_t slot;
    CHECK_ERR(ctx, smash_session_find(ctx, &n->s, n->model.params[param].name, &slot), SMASH_OK, "param %d", (int)param);
    CHECK_ERR(ctx, smash_session_forward(ctx, &n->s, slot, &t), SMASH_OK, "param %d", (int)param);
    return (const float *)t.data;
}

/* ---- schedules ---- */

static void test_schedule(smash_ctx *ctx)
{
    static const struct { const char *config; size_t zeros[7]; } rows[] = {
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.8}]}", { 19, 19, 19, 19, 19, 19, 19 } },
        { "{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_times\": 4, \"level_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.8}]}", { 0, 11, 16, 18, 19, 19, 19 } },
        { "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_times\": 4, \"level_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.8}]}", { 0, 4, 9, 14, 19, 19, 19 } },
        { "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_interval\": 2, \"level_schedule_times\": 2, \"level_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.8}]}", { 0, 0, 9, 9, 19, 19, 19 } },
    };
    size_t i, step;
    for (i = 0; i < COUNT_OF(rows); i++) {
        net n;
        net_begin(&n, ctx, rows[i].config);
        for (step = 0; step < 7; step++) {
            const float *w = forward(&n, ctx, 0);
            CHECK(zeros_of(w, 24) == rows[i].zeros[step], "row %d, step %d: %d zeros", (int)i, (int)step, (int)zeros_of(w, 24));
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            CHECK(n.s.step == step + 1, "row %d, step %d", (int)i, (int)step);
        }
        net_done(&n);
    }
}

/* ---- saved and taken up again ---- */

static void test_saved(smash_ctx *ctx)
{
    static const char config[] = "{\"pruner\": \"l1_norm\", \"l1_norm_schedule\": \"agp\", \"l1_norm_schedule_times\": 3, \"l1_norm_sparse_ratio\": 0.5}";
    static test_buffer saved, out;
    net a, b;
    smash_io io = SMASH_ZERO;
    smash_result result;
    net_begin(&a, ctx, config);
    forward(&a, ctx, 0);
    CHECK_ERR(ctx, smash_session_step(ctx, &a.s), SMASH_OK, "step");
    memset(&saved, 0, sizeof saved);
    memset(&out, 0, sizeof out);
    io.write = test_buffer_write;
    io.user = &saved;
    CHECK_ERR(ctx, smash_session_save(ctx, &a.s, &io), SMASH_OK, "save");
    net_begin(&b, ctx, config);
    b.w1[0] = 77;
    io = smash_io_memory(saved.data, saved.used);
    CHECK_ERR(ctx, smash_session_load(ctx, &b.s, &io), SMASH_OK, "load");
    CHECK(b.w1[0] == a.w1[0] && b.s.step == 1 && !memcmp(forward(&a, ctx, 0), forward(&b, ctx, 0), sizeof a.w1), "%g", (double)b.w1[0]);
    memset(&io, 0, sizeof io);
    io.write = test_buffer_write;
    io.user = &out;
    CHECK_ERR(ctx, smash_session_end(ctx, &b.s, &io, &result), SMASH_OK, "end");
    CHECK(result.bytes == out.used && result.parameters == 51 && result.nonzero < 51, "%d of %d", (int)result.nonzero, (int)result.parameters);
    net_done(&a);
    net_done(&b);
}

int main(void)
{
    static smash_ctx ctx;
    test_ctx(&ctx);
    test_schedule(&ctx);
    test_saved(&ctx);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
