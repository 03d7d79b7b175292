/* train.h - a training loop with a session of smash in it: the same loop for every config. Include after smash.h, <stdio.h>, <stdlib.h>, <string.h>, net.h.
 * With TEST_SHORT in the environment (tests/test.h) trainings are two epochs long and say what bytes came of them; nobody judges what they learned. */
#ifndef TRAIN_H
#define TRAIN_H

enum { TRAIN_ROWS = 4096 };            /* most rows of training data */

/* What one training is made of. All but the config may be the same for many. */
typedef struct train_plan {
    net *student, *teacher;            /* teacher: NULL, or a network with the same kind of input; it is only asked */
    const char *config;                /* JSON */
    size_t epochs, rows;               /* of training data; the last rows % batch of each epoch's order wait for the next */
    float rate, decay;                 /* the rate falls to 0 in a line */
    uint64_t seed;                     /* of the order, and of what `batch` does */
    void (*batch)(void *user, const uint32_t *rows, size_t count, uint64_t *rng, float *x, unsigned char *label);   /* rng NULL: as they are */
    void *user;
} train_plan;

typedef struct train {
    smash_ctx *ctx;
    smash_arena *arena;
    train_plan plan;
    smash_model model;                 /* the student's parameters, as smash sees them */
    smash_config config;
    smash_diags diags;
    smash_session session;
    uint32_t in[NET_LAYERS], out[NET_LAYERS], param[NET_LAYERS][4], taught[NET_LAYERS];      /* slots */
    float *x;
    unsigned char *label;
} train;

static inline int train_short(void) { return getenv("TEST_SHORT") != NULL; }

/* A batch of what flows between layers, as [batch, features] or [batch, channels, height, width] */
static inline smash_tensor train_view(float *x, size_t batch, const size_t each[3])
{
    const size_t shape[4] = { batch, each[0], each[1], each[2] };
    return smash_tensor_view(SMASH_F32, x, batch * each[0] * each[1] * each[2] * sizeof(float), each[1] * each[2] > 1 ? 4 : 2, shape);
}

static inline int train_model(smash_ctx *ctx, smash_arena *arena, const net *n, smash_model *model)
{
    size_t i, q;
    smash_model_init(model, arena);
    for (i = 0; i < n->count; i++) for (q = 0; q < n->layer[i].param_count; q++) if (smash_model_add(ctx, model, n->layer[i].param[q].name, &n->layer[i].param[q].tensor, 0)) return 1;
    if (smash_model_finish(ctx, model)) return 1;
    for (i = 0; i < n->count; i++)
        if (n->layer[i].param_count && smash_model_set_type(ctx, model, (size_t)smash_model_find_module(model, n->layer[i].name), net_types[n->layer[i].kind])) return 1;
    return 0;
}

static inline int train_find(train *t, const char *layer, const char *target, int teacher, uint32_t *slot)
{
    char name[64];
    sprintf(name, "%.40s.%.20s", layer, target);
    return (teacher ? smash_session_find_teacher : smash_session_find)(t->ctx, &t->session, name, slot) != SMASH_OK;
}

/* 0, or 1 with a message in ctx. All lives in arena. */
static inline int train_begin(smash_ctx *ctx, smash_arena *arena, const train_plan *plan, train *t)
{
    const net *n = plan->student;
    smash_session_desc desc = SMASH_ZERO;
    size_t i, q;
    memset(t, 0, sizeof(*t));
    t->ctx = ctx;
    t->arena = arena;
    t->plan = *plan;
    t->diags.arena = arena;
    desc.seed = plan->seed;
    smash_config_init(&t->config, smash_builtins(), arena, &t->diags);
    if (smash_config_load(ctx, &t->config, plan->config, strlen(plan->config), "config", NULL) || train_model(ctx, arena, n, &t->model) ||
        smash_session_begin(ctx, &t->model, &t->config, &desc, &t->session)) return 1;
    for (i = 0; i < n->count; i++) {
        const net_layer *l = &n->layer[i];
        t->in[i] = t->out[i] = (uint32_t)SMASH_NONE;
        if (!l->param_count) continue;                                   /* a relu or a pool has no parameters, and no name in the model */
        if (train_find(t, l->name, "_input_0", 0, &t->in[i]) || train_find(t, l->name, "_output_0", 0, &t->out[i])) return 1;
        for (q = 0; q < l->param_count; q++) if (smash_session_find(ctx, &t->session, l->param[q].name, &t->param[i][q])) return 1;
    }
    for (i = 0; plan->teacher && i < plan->teacher->count; i++) if (train_find(t, plan->teacher->layer[i].name, "_output_0", 1, &t->taught[i])) return 1;
    t->x = (float *)smash_arena_array(ctx, arena, n->batch * n->layer[0].inputs, sizeof(float));
    t->label = (unsigned char *)smash_arena_alloc(ctx, arena, n->batch);
    return !t->x || !t->label;
}

static inline smash_err train_forward(train *t, size_t batch)
{
    net *n = t->plan.student;
    float *x = t->x;
    size_t i, q;
    for (i = 0; i < n->count; i++) {
        net_layer *l = &n->layer[i];
        smash_tensor in = train_view(x, batch, l->in), out = train_view(l->y, batch, l->out);
        smash_err err = smash_session_forward(t->ctx, &t->session, t->in[i], &in);
        for (q = 0; q < l->param_count && !err; q++) {
            smash_tensor w = l->param[q].tensor;
            err = smash_session_forward(t->ctx, &t->session, t->param[i][q], &w);
            l->param[q].used = (const float *)w.data;
        }
        if (err) return err;
        net_forward(n, l, x, batch);
        if ((err = smash_session_forward(t->ctx, &t->session, t->out[i], &out)) != SMASH_OK) return err;
        x = l->y;
    }
    return SMASH_OK;
}

static inline smash_err train_teach(train *t, size_t batch)
{
    net *n = t->plan.teacher;
    const float *x = t->x;
    size_t i;
    for (i = 0; n && i < n->count; i++) {
        smash_tensor out = train_view(n->layer[i].y, batch, n->layer[i].out);
        smash_err err;
        n->training = 0;
        net_forward(n, &n->layer[i], x, batch);
        if ((err = smash_session_teach(t->ctx, &t->session, t->taught[i], &out)) != SMASH_OK) return err;
        x = n->layer[i].y;
    }
    return SMASH_OK;
}

static inline smash_err train_backward(train *t, size_t batch)
{
    net *n = t->plan.student;
    size_t k, q;
    for (k = n->count; k > 0; k--) {
        const size_t i = k - 1;
        net_layer *l = &n->layer[i];
        float *dx = i ? n->layer[i - 1].dy : NULL;
        smash_tensor out = train_view(l->dy, batch, l->out), in = train_view(dx, batch, l->in);
        smash_err err = smash_session_backward(t->ctx, &t->session, t->out[i], &out);
        if (err) return err;
        net_backward(n, l, dx, batch);
        if (dx) err = smash_session_backward(t->ctx, &t->session, t->in[i], &in);
        for (q = 0; q < l->param_count && !err; q++) {
            smash_tensor dw = l->param[q].tensor;
            dw.data = l->param[q].gradient;
            if (dw.data) err = smash_session_backward(t->ctx, &t->session, t->param[i][q], &dw);
        }
        if (err) return err;
    }
    return SMASH_OK;
}

/* The training. 0, or 1 with a message in ctx. */
static inline int train_run(train *t)
{
    const train_plan *p = &t->plan;
    net *n = p->student;
    const size_t batch = n->batch, epochs = train_short() && p->epochs > 2 ? 2 : p->epochs, steps = epochs * (p->rows / batch);
    const net_layer *last = &n->layer[n->count - 1];
    uint32_t order[TRAIN_ROWS];
    uint64_t rng = p->seed;
    size_t epoch, i, k, step = 0;
    n->power_1 = n->power_2 = 1;
    for (i = 0; i < p->rows; i++) order[i] = (uint32_t)i;
    for (epoch = 0; epoch < epochs; epoch++) {
        for (i = p->rows; i > 1; i--) {
            const size_t other = (size_t)(smash_random(&rng) % i);
            const uint32_t was = order[i - 1];
            order[i - 1] = order[other];
            order[other] = was;
        }
        for (i = 0; i + batch <= p->rows; i += batch, step++) {
            double loss, scale;
            n->training = 1;
            p->batch(p->user, order + i, batch, &rng, t->x, t->label);
            if (train_teach(t, batch) || train_forward(t, batch)) return 1;
            loss = net_loss(n, t->label, batch, NULL);
            if (smash_session_loss(t->ctx, &t->session, loss, NULL, &scale)) return 1;
            for (k = 0; k < batch * last->outputs; k++) last->dy[k] = (float)scale * last->dy[k];
            if (train_backward(t, batch)) return 1;
            net_adam(n, (float)(steps - step) / (float)steps * p->rate, p->decay);
            if (smash_session_step(t->ctx, &t->session)) return 1;
            if (t->session.rewound) net_forget(n);                       /* as at first, and so is Adam */
        }
    }
    return 0;
}

/* What the compressed network gets right of rows first, first + 1 ... that `batch` knows, and its mean loss in nats if not NULL */
static inline int train_evaluate(train *t, size_t first, size_t count, size_t *right, double *loss)
{
    net *n = t->plan.student;
    uint32_t rows[TRAIN_ROWS];
    double sum = 0;
    size_t i, k;
    int failed = 0;
    n->training = 0;
    *right = 0;
    smash_session_evaluate(&t->session, 1);
    for (i = 0; i < count && !failed; i += k) {
        for (k = 0; k < n->batch && i + k < count; k++) rows[k] = (uint32_t)(first + i + k);
        t->plan.batch(t->plan.user, rows, k, NULL, t->x, t->label);
        failed = train_forward(t, k) != SMASH_OK;
        if (!failed) sum += net_loss(n, t->label, k, right) * (double)k;
    }
    smash_session_evaluate(&t->session, 0);
    if (loss) *loss = sum / (double)count;
    return failed;
}

/* A file in memory */
typedef struct train_file { unsigned char bytes[1 << 17]; size_t used; } train_file;

static inline int train_put(void *user, uint64_t offset, const void *bytes, size_t count)
{
    train_file *f = (train_file *)user;
    if (offset + count > sizeof(f->bytes)) return 1;
    memcpy(f->bytes + offset, bytes, count);
    if (f->used < offset + count) f->used = (size_t)(offset + count);
    return 0;
}

/* To the disk. 0, or 1: it has been told why not. */
static inline int train_save(const train_file *f, const char *path)
{
    FILE *to = fopen(path, "wb");
    int failed = !to || fwrite(f->bytes, 1, f->used, to) != f->used;
    if (to && fclose(to)) failed = 1;
    if (failed) fprintf(stderr, "%s: cannot be written\n", path);
    return failed;
}

/* Is it what is on the disk? 0, or 1: it has been told that it is not. */
static inline int train_check(const train_file *f, const char *path)
{
    static train_file there;
    FILE *from = fopen(path, "rb");
    there.used = from ? fread(there.bytes, 1, sizeof(there.bytes), from) : 0;
    if (from) fclose(from);
    if (train_short() || (there.used == f->used && memcmp(there.bytes, f->bytes, f->used) == 0)) return 0;
    fprintf(stderr, "%s is not what training gives here\n", path);
    return 1;
}

/* The network as it is */
static inline int train_write(smash_ctx *ctx, smash_arena *arena, const net *n, const smash_meta *types, train_file *f)
{
    const smash_io io = { NULL, train_put, NULL, 0, f };
    smash_tensor tensors[4 * NET_LAYERS];
    smash_layout layout;
    size_t i, q, count = 0;
    f->used = 0;
    for (i = 0; i < n->count; i++) for (q = 0; q < n->layer[i].param_count; q++) tensors[count++] = n->layer[i].param[q].tensor;
    if (smash_safetensors_layout(ctx, tensors, count, types, 1, arena, &layout) || smash_safetensors_begin(ctx, &layout, &io)) return 1;
    for (i = 0; i < count; i++) if (smash_safetensors_put(ctx, &layout, &io, i, &tensors[i])) return 1;
    return 0;
}

/* The numbers of the network as the file has them */
static inline int train_read(smash_ctx *ctx, smash_arena *arena, train_file *f, net *n)
{
    const smash_io io = smash_io_memory(f->bytes, f->used);
    smash_model model;
    smash_tensor w;
    size_t i, q;
    if (smash_safetensors_read(ctx, NULL, &io, arena, NULL, &model)) return 1;
    for (i = 0; i < n->count; i++)
        for (q = 0; q < n->layer[i].param_count; q++) {
            if (smash_model_restore(ctx, &model, n->layer[i].param[q].name, arena, &w, NULL)) return 1;
            memcpy(n->layer[i].param[q].tensor.data, w.data, n->layer[i].param[q].count * sizeof(float));
        }
    return 0;
}

/* What counts are the weights in the file: the session writes it and ends, the network takes them back, and plain begins with it and an empty config. */
static inline int train_end(train *t, train_file *f, smash_result *result, train *plain)
{
    const smash_io io = { NULL, train_put, NULL, 0, f };
    train_plan as_it_is = t->plan;
    as_it_is.config = "{}";
    as_it_is.teacher = NULL;
    f->used = 0;
    if (smash_session_end(t->ctx, &t->session, &io, result)) return 1;
    if (train_short()) {
        const uint64_t digest = smash_digest_of(f->bytes, f->used);
        printf("%08lx%08lx  ", (unsigned long)(digest >> 32), (unsigned long)(digest & 0xFFFFFFFFu));
    }
    return train_read(t->ctx, t->arena, f, t->plan.student) || train_begin(t->ctx, t->arena, &as_it_is, plain);
}
#endif
