/* The small network of the examples: what each layer gives and the gradient that it hands back, against plain loops and central differences in double. */
#include "../smash.h"
#include "test.h"
#include "../examples/net.h"

enum { MOST = 4096, DEEP = 7 };

/* One layer, or a chain of them; what it gives is weighed with random numbers, and these are the gradient that comes in. */
typedef struct row { const char *name; net_kind kind[DEEP]; size_t size[DEEP], count, in[3], rows, batch; } row;
static const row rows[] = {
    { "linear",                  { NET_LINEAR }, { 5 }, 1, { 7, 1, 1 }, 0, 4 },
    { "linear, one number",      { NET_LINEAR }, { 1 }, 1, { 1, 1, 1 }, 0, 1 },
    { "linear, 16 columns",      { NET_LINEAR }, { 16 }, 1, { 9, 1, 1 }, 0, 3 },
    { "linear, over 2 chunks",   { NET_LINEAR }, { 3 }, 1, { NET_CHUNK + 7, 1, 1 }, 0, 2 },
    { "linear of an image",      { NET_LINEAR }, { 11 }, 1, { 2, 3, 4 }, 0, 5 },
    { "conv",                    { NET_CONV }, { 4 }, 1, { 3, 5, 6 }, 0, 2 },
    { "conv, one pixel",         { NET_CONV }, { 2 }, 1, { 1, 1, 1 }, 0, 1 },
    { "conv, one row",           { NET_CONV }, { 2 }, 1, { 2, 1, 5 }, 0, 3 },
    { "conv, 9 filters",         { NET_CONV }, { 9 }, 1, { 2, 4, 4 }, 0, 2 },
    { "norm",                    { NET_NORM }, { 0 }, 1, { 3, 2, 4 }, 0, 3 },
    { "norm, two numbers",       { NET_NORM }, { 0 }, 1, { 1, 1, 1 }, 0, 2 },
    { "relu",                    { NET_RELU }, { 0 }, 1, { 2, 3, 3 }, 0, 2 },
    { "pool",                    { NET_POOL }, { 0 }, 1, { 2, 4, 6 }, 0, 3 },
    { "pool, odd sides",         { NET_POOL }, { 0 }, 1, { 2, 3, 5 }, 0, 2 },
    { "drop",                    { NET_DROP }, { 0 }, 1, { 3, 2, 2 }, 0, 4 },
    { "embed",                   { NET_EMBED }, { 3 }, 1, { 4, 1, 1 }, 5, 6 },
    { "embed, one row",          { NET_EMBED }, { 2 }, 1, { 1, 1, 1 }, 1, 1 },
    { "conv, conv",              { NET_CONV, NET_CONV }, { 3, 2 }, 2, { 2, 4, 3 }, 0, 2 },
    { "embed, linear, relu, linear", { NET_EMBED, NET_LINEAR, NET_RELU, NET_LINEAR }, { 3, 8, 0, 5 }, 4, { 3, 1, 1 }, 6, 4 },
    { "the digits network",      { NET_CONV, NET_NORM, NET_RELU, NET_CONV, NET_RELU, NET_POOL, NET_LINEAR }, { 3, 0, 0, 4, 0, 0, 5 }, 7, { 1, 4, 4 }, 0, 3 },
    { "dropout in between",      { NET_LINEAR, NET_RELU, NET_DROP, NET_LINEAR }, { 9, 0, 0, 4 }, 4, { 6, 1, 1 }, 0, 5 }
};

static float uniform(uint64_t *rng) { return 2.0f * net_random(rng) - 1.0f; }

/* ---- the layers once more, in double ---- */

static double param[DEEP][2][MOST];

static void layer(const net_layer *l, double p[2][MOST], const double *x, size_t batch, double *y)
{
    const size_t h = l->in[1], w = l->in[2], area = h * w;
    size_t i, c, f, k, a, b;
    for (i = 0; i < batch; i++, x += l->inputs, y += l->outputs) switch (l->kind) {
    case NET_LINEAR:
        for (f = 0; f < l->outputs; f++) for (y[f] = p[1][f], k = 0; k < l->inputs; k++) y[f] += x[k] * p[0][f * l->inputs + k];
        break;
    case NET_CONV:
        for (f = 0; f < l->out[0]; f++)
            for (a = 0; a < h; a++)
                for (b = 0; b < w; b++) {
                    double sum = p[1][f];
                    for (c = 0; c < l->in[0]; c++)
                        for (k = 0; k < 9; k++) {
                            const long line = (long)a + (long)(k / 3) - 1, column = (long)b + (long)(k % 3) - 1;
                            if (line >= 0 && line < (long)h && column >= 0 && column < (long)w) sum += p[0][(f * l->in[0] + c) * 9 + k] * x[(c * h + (size_t)line) * w + (size_t)column];
                        }
                    y[f * area + a * w + b] = sum;
                }
        break;
    case NET_NORM:
        if (i) break;                                                    /* the batch at once */
        for (c = 0; c < l->in[0]; c++) {
            double mean = 0, var = 0;
            for (k = 0; k < batch * area; k++) mean += x[k / area * l->inputs + c * area + k % area] / (double)(batch * area);
            for (k = 0; k < batch * area; k++) {
                const double d = x[k / area * l->inputs + c * area + k % area] - mean;
                var += d * d / (double)(batch * area);
            }
            for (k = 0; k < batch * area; k++) {
                const size_t at = k / area * l->inputs + c * area + k % area;
                y[at] = (x[at] - mean) / smash_sqrt(var + 1e-5) * p[0][c] + p[1][c];
            }
        }
        break;
    case NET_RELU: for (k = 0; k < l->inputs; k++) y[k] = x[k] > 0 ? x[k] : 0; break;
    case NET_DROP: for (k = 0; k < l->inputs; k++) y[k] = 2 * x[k] * l->choice[i * l->inputs + k]; break;
    case NET_POOL:
        for (c = 0; c < l->out[0]; c++)
            for (a = 0; a < l->out[1]; a++)
                for (b = 0; b < l->out[2]; b++) {
                    double best = -1e300;
                    for (k = 0; k < 4; k++) if (x[(c * h + 2 * a + k / 2) * w + 2 * b + k % 2] > best) best = x[(c * h + 2 * a + k / 2) * w + 2 * b + k % 2];
                    y[(c * l->out[1] + a) * l->out[2] + b] = best;
                }
        break;
    case NET_EMBED:
        for (k = 0; k < l->outputs; k++) y[k] = p[0][(size_t)x[k / (l->outputs / l->inputs)] * (l->outputs / l->inputs) + k % (l->outputs / l->inputs)];
        break;
    }
}

/* The sum of what the chain gives, weighed. y: what it gives. */
static double chain(const net *n, const double *x, size_t batch, const float *weigh, double *y)
{
    static double buffer[2][MOST];
    size_t i, k;
    double sum = 0;
    memcpy(buffer[0], x, batch * n->layer[0].inputs * sizeof(double));
    for (i = 0; i < n->count; i++) layer(&n->layer[i], param[i], buffer[i % 2], batch, buffer[1 - i % 2]);
    for (k = 0; k < batch * n->layer[n->count - 1].outputs; k++) sum += (y[k] = buffer[n->count % 2][k]) * (double)weigh[k];
    return sum;
}

static double difference(const net *n, double *x, double *number, size_t batch, const float *weigh)
{
    static double ignored[MOST];
    const double was = *number, h = 1e-5;
    double up, down;
    *number = was + h;
    up = chain(n, x, batch, weigh, ignored);
    *number = was - h;
    down = chain(n, x, batch, weigh, ignored);
    *number = was;
    return (up - down) / (2 * h);
}

static int near_to(double a, double b, double size) { return (a > b ? a - b : b - a) <= 2e-6 * size; }
static double larger(double a, double b) { b = b < 0 ? -b : b; return a > b ? a : b; }

static void test_row(smash_ctx *ctx, const row *r, smash_arena *arena)
{
    static double wide[MOST], y[MOST], want[MOST];
    static float x[MOST], weigh[MOST], dx[MOST];
    const size_t inputs = r->in[0] * r->in[1] * r->in[2];
    const int embeds = r->kind[0] == NET_EMBED;
    const net_layer *last;
    net n;
    uint64_t rng = 1;
    double size;
    size_t i, k, q;
    net_init(&n, arena, r->batch, 7);
    n.training = 1;
    for (i = 0; i < r->count; i++) CHECK(!net_add(ctx, &n, r->kind[i], "layer", i ? NULL : r->in, r->size[i], r->rows), "%s: %s", r->name, ctx->message);
    last = &n.layer[n.count - 1];
    for (i = 0; i < r->batch * inputs; i++) {
        x[i] = embeds ? (float)(smash_random(&rng) % r->rows) : i % 5 == 3 && r->kind[0] != NET_RELU && r->kind[0] != NET_POOL ? 0.0f : uniform(&rng);
        wide[i] = (double)x[i];
    }
    for (i = 0; i < r->batch * last->outputs; i++) last->dy[i] = weigh[i] = uniform(&rng);
    for (i = 0; i < n.count; i++)
        for (q = 0; q < n.layer[i].param_count && q < 2; q++)
            for (k = 0; k < n.layer[i].param[q].count; k++) {
                float *w = (float *)n.layer[i].param[q].tensor.data;
                if (q || r->kind[i] == NET_NORM) w[k] = uniform(&rng);
                if (k % 4 == 1 && q == 0 && r->kind[i] != NET_EMBED) w[k] = 0;       /* as if pruned */
                param[i][q][k] = (double)w[k];
            }
    for (i = 0; i < n.count; i++) net_forward(&n, &n.layer[i], i ? n.layer[i - 1].y : x, r->batch);
    for (i = n.count; i--;) net_backward(&n, &n.layer[i], i ? n.layer[i - 1].dy : embeds ? NULL : dx, r->batch);

    chain(&n, wide, r->batch, weigh, y);
    for (size = 1, i = 0; i < r->batch * last->outputs; i++) size = larger(size, y[i]);
    for (i = 0; i < r->batch * last->outputs; i++) CHECK(near_to((double)last->y[i], y[i], size), "%s, output %d: %.9g, want %.9g", r->name, (int)i, (double)last->y[i], y[i]);
    for (size = 1, i = 0; i < r->batch * inputs && !embeds; i++) size = larger(size, want[i] = difference(&n, wide, &wide[i], r->batch, weigh));
    for (i = 0; i < r->batch * inputs && !embeds; i++) CHECK(near_to((double)dx[i], want[i], size), "%s, gradient of input %d: %.9g, want %.9g", r->name, (int)i, (double)dx[i], want[i]);
    for (i = 0; i < n.count; i++)
        for (q = 0; q < n.layer[i].param_count && q < 2; q++) {
            const net_param *p = &n.layer[i].param[q];
            for (size = 1, k = 0; k < p->count; k++) size = larger(size, want[k] = difference(&n, wide, &param[i][q][k], r->batch, weigh));
            for (k = 0; k < p->count; k++)
                CHECK(near_to((double)p->gradient[k], want[k], size), "%s, layer %d, gradient %d of parameter %d: %.9g, want %.9g", r->name, (int)i, (int)k, (int)q, (double)p->gradient[k], want[k]);
        }
}

/* ---- loss, statistics, Adam ---- */

static void test_loss(smash_ctx *ctx, smash_arena *arena)
{
    static const struct { float y[3]; unsigned char label; double loss; } cases[] = {        /* logs taken with Python's math */
        { { 0, 0, 0 }, 1, 1.0986122886681098 }, { { 1, 2, 3 }, 2, 0.40760596444438013 }, { { 1, 2, 3 }, 0, 2.40760596444438 },
        { { 1000, -1000, 0 }, 0, 0 }, { { 1000, -1000, 0 }, 1, 2000 }, { { -1e4f, -1e4f, -1e4f }, 2, 1.0986122886681098 } };
    const size_t in[3] = { 3, 1, 1 };
    size_t i, k, right;
    for (i = 0; i < COUNT_OF(cases); i++) {
        double e[3], sum = 0, loss;
        net n;
        net_init(&n, arena, 2, 0);
        CHECK(!net_add(ctx, &n, NET_RELU, "last", in, 0, 0), "%s", ctx->message);
        memcpy(n.layer[0].y, cases[i].y, sizeof(cases[i].y));
        right = 0;
        loss = net_loss(&n, &cases[i].label, 1, &right);
        CHECK(loss - cases[i].loss < 1e-12 && cases[i].loss - loss < 1e-12, "row %d: %.17g", (int)i, loss);
        CHECK(right == (i == 0 ? 0 : i == 1 || i == 3), "row %d", (int)i);
        for (k = 0; k < 3; k++) sum += e[k] = smash_exp((double)cases[i].y[k] - (i == 3 || i == 4 ? 1000.0 : i == 5 ? -1e4 : 3.0));
        for (k = 0; k < 3; k++) CHECK(near_to((double)n.layer[0].dy[k], e[k] / sum - (k == cases[i].label), 1), "row %d, %d: %.9g", (int)i, (int)k, (double)n.layer[0].dy[k]);
        memcpy(n.layer[0].y + 3, cases[i].y, sizeof(cases[i].y));        /* two rows: the mean, and half the gradient */
        {
            const unsigned char both[2] = { cases[i].label, cases[i].label };
            CHECK(net_loss(&n, both, 2, NULL) == loss, "row %d", (int)i);
        }
        for (k = 0; k < 3; k++) CHECK(near_to((double)n.layer[0].dy[3 + k], (e[k] / sum - (k == cases[i].label)) / 2, 1), "row %d, %d", (int)i, (int)k);
    }
}

static void test_statistics(smash_ctx *ctx, smash_arena *arena)
{
    static const float x[4] = { 1, 3, 5, 7 };                            /* mean 4, variance 5, of the whole of which these are a sample 20/3 */
    const size_t in[3] = { 1, 1, 2 };
    net n;
    net_init(&n, arena, 2, 0);
    CHECK(!net_add(ctx, &n, NET_NORM, "bn", in, 0, 0), "%s", ctx->message);
    n.training = 1;
    net_forward(&n, &n.layer[0], x, 2);
    CHECK(near_to((double)*(float *)n.layer[0].param[2].tensor.data, 0.4, 1), "running mean %.9g", (double)*(float *)n.layer[0].param[2].tensor.data);
    CHECK(near_to((double)*(float *)n.layer[0].param[3].tensor.data, 0.9 + 0.1 * 20 / 3, 1), "running variance %.9g", (double)*(float *)n.layer[0].param[3].tensor.data);
    n.training = 0;
    net_forward(&n, &n.layer[0], x, 1);
    CHECK(near_to((double)n.layer[0].y[1], (3 - 0.4) / smash_sqrt(0.9 + 0.1 * 20 / 3 + 1e-5), 1), "%.9g", (double)n.layer[0].y[1]);
    CHECK(near_to((double)*(float *)n.layer[0].param[2].tensor.data, 0.4, 1), "changed without training");
}

/* Two numbers of a weight and one of a bias, against the formula in double; only the weight decays. */
static void test_adam(smash_ctx *ctx, smash_arena *arena)
{
    const size_t in[3] = { 2, 1, 1 };
    const double rate = 0.125, decay = 0.5;
    double w[3], m[3] = { 0, 0, 0 }, v[3] = { 0, 0, 0 }, power_1 = 1, power_2 = 1;
    net_param *p;
    net n;
    int step, k;
    net_init(&n, arena, 1, 3);
    CHECK(!net_add(ctx, &n, NET_LINEAR, "fc", in, 1, 0), "%s", ctx->message);
    p = n.layer[0].param;
    for (k = 0; k < 3; k++) w[k] = (double)((float *)p[k / 2].tensor.data)[k % 2];
    for (step = 0; step < 6; step++) {
        power_1 *= 0.9;
        power_2 *= 0.999;
        for (k = 0; k < 3; k++) {
            const double g = step == 3 ? 0 : (k + 1) * (step % 2 ? -0.25 : 0.75);
            p[k / 2].gradient[k % 2] = (float)g;
            m[k] = 0.9 * m[k] + 0.1 * g;
            v[k] = 0.999 * v[k] + 0.001 * g * g;
            w[k] -= rate * (m[k] / (1 - power_1) / (smash_sqrt(v[k] / (1 - power_2)) + 1e-8) + (k < 2 ? decay * w[k] : 0));
        }
        net_adam(&n, (float)rate, (float)decay);
        for (k = 0; k < 3; k++) {
            const double got = (double)((float *)p[k / 2].tensor.data)[k % 2];
            CHECK(got - w[k] < 1e-4 && w[k] - got < 1e-4, "step %d, number %d: %.9g, want %.9g", step, k, got, w[k]);
        }
    }
}

int main(void)
{
    smash_ctx ctx;
    smash_arena arena;
    size_t i;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    for (i = 0; i < COUNT_OF(rows); i++) test_row(&ctx, &rows[i], &arena);
    test_loss(&ctx, &arena);
    test_statistics(&ctx, &arena);
    test_adam(&ctx, &arena);
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
