/* A network of two layers whose memory is here, a config over it, and its hooks: what the tests of the training session drive by hand */
#ifndef SESSION_NET_H
#define SESSION_NET_H
#include "test.h"

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

static uint32_t slot_of(net *n, smash_ctx *ctx, const char *name)
{
    uint32_t slot = 77;
    CHECK_ERR(ctx, smash_session_find(ctx, &n->s, name, &slot), SMASH_OK, "%s", name);
    return slot;
}

/* A parameter as forward gives it */
static const float *forward(net *n, smash_ctx *ctx, size_t param)
{
    smash_tensor t = n->model.params[param].tensor;
    CHECK_ERR(ctx, smash_session_forward(ctx, &n->s, slot_of(n, ctx, n->model.params[param].name), &t), SMASH_OK, "param %d", (int)param);
    return (const float *)t.data;
}

static test_buffer files[4];
static smash_io to_file(test_buffer *f)
{
    smash_io io = SMASH_ZERO;
    memset(f, 0, sizeof *f);
    io.write = test_buffer_write;
    io.user = f;
    return io;
}
static smash_io from_file(const test_buffer *f) { return smash_io_memory(f->data, f->used); }

#endif
