/* net.h - a small network that learns: a chain of layers, forward, backward, and Adam. Include after smash.h and <string.h>.
 *
 *   layers    Linear, Conv2d (3x3, padded), BatchNorm2d, ReLU, max pool 2x2, dropout, Embedding; softmax and cross entropy behind the last
 *   numbers   F32, [batch, ...] in memory order, weights as PyTorch has them: [out, in], [out, in, 3, 3], [rows, width]
 *
 * The same bytes everywhere: all sums are in double and have one order, and every product is one of two floats. In double such a product is
 * exact, so a compiler that fuses it with the sum behind it changes nothing. Roots, exp and log are smash's. No flag of gcc, clang or MSVC
 * matters; only -ffast-math, which smash.h refuses, and x87, which rounds sums to 64 bits, are left out. */
#ifndef NET_H
#define NET_H

enum { NET_LAYERS = 12, NET_CHUNK = 256 };

typedef enum net_kind { NET_LINEAR, NET_CONV, NET_NORM, NET_RELU, NET_POOL, NET_DROP, NET_EMBED } net_kind;
static const char *const net_types[] = { "Linear", "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Dropout", "Embedding" };

typedef struct net_param {
    const char *name;              /* "conv1.weight" */
    smash_tensor tensor;           /* the numbers that Adam moves */
    const float *used;             /* the numbers that the network computes with: those, or what a session made of them */
    float *gradient, *mean, *square;    /* NULL where nothing is learned: running statistics */
    size_t count;
} net_param;

typedef struct net_layer {
    net_kind kind;
    const char *name;              /* "conv1" */
    size_t in[3], out[3];          /* channels, height, width; Linear: features, 1, 1 */
    size_t inputs, outputs;        /* the products of these */
    net_param param[4];            /* weight, bias; of a BatchNorm2d also running_mean, running_var */
    size_t param_count;
    const float *x;                /* [batch, inputs], of the last forward */
    float *y, *dy;                 /* [batch, outputs] */
    unsigned char *choice;         /* pool: which of the four; dropout: 1 = stays */
    float *unit, *deviation;       /* BatchNorm2d: what is behind the normalization */
} net_layer;

typedef struct net {
    smash_arena *arena;
    net_layer layer[NET_LAYERS];
    size_t count, batch;           /* most rows of a call */
    double *a, *b, *c;             /* matrices of one image, or of a batch of Linear */
    size_t a_count, b_count, c_count;
    uint64_t rng;
    int training;                  /* dropout, and statistics of the batch instead of the running ones */
    float power_1, power_2;        /* Adam: what is left of its start */
} net;

static inline float net_random(uint64_t *rng) { return (float)(smash_random(rng) >> 40) / 16777216.0f; }     /* 0 <= x < 1 */

/* ---- building ---- */

static inline float *net_floats(smash_ctx *ctx, net *n, size_t count)
{
    float *x = (float *)smash_arena_array(ctx, n->arena, count, sizeof(float));
    if (x) memset(x, 0, count * sizeof(float));
    return x;
}

static inline void net_init(net *n, smash_arena *arena, size_t batch, uint64_t seed)
{
    memset(n, 0, sizeof(*n));
    n->arena = arena;
    n->batch = batch;
    n->rng = seed;
    n->power_1 = n->power_2 = 1;
}

/* A parameter that starts at `start`, or with spread != 0 anywhere within -spread..spread. NULL: out of memory. */
static inline float *net_add_param(smash_ctx *ctx, net *n, net_layer *l, const char *target, uint32_t ndim, const size_t *shape, int learned, float start, float spread)
{
    net_param *p = &l->param[l->param_count++];
    const size_t name = strlen(l->name), word = strlen(target);
    char *full = (char *)smash_arena_alloc(ctx, n->arena, name + word + 2);
    size_t i;
    float *x;
    for (p->count = 1, i = 0; i < ndim; i++) p->count *= shape[i];
    x = net_floats(ctx, n, p->count);
    if (learned) {
        p->gradient = net_floats(ctx, n, p->count);
        p->mean = net_floats(ctx, n, p->count);
        p->square = net_floats(ctx, n, p->count);
    }
    if (!full || !x || (learned && (!p->gradient || !p->mean || !p->square))) return NULL;
    memcpy(full, l->name, name);
    full[name] = '.';
    memcpy(full + name + 1, target, word + 1);
    for (i = 0; i < p->count; i++) x[i] = spread != 0.0f ? (float)((double)(2.0f * net_random(&n->rng) - 1.0f) * (double)spread) : start;
    p->name = full;
    p->tensor = smash_tensor_view(SMASH_F32, x, p->count * sizeof(float), ndim, shape);
    p->tensor.name = full;
    p->used = x;
    return x;
}

/* One more layer behind the last, or the first one, whose input is then [channels, height, width]. `size` is what it gives: channels of a Conv2d,
 * features of a Linear, columns of an Embedding with `rows` rows. The name must outlive the network. */
static inline int net_add(smash_ctx *ctx, net *n, net_kind kind, const char *name, const size_t in[3], size_t size, size_t rows)
{
    net_layer *l = &n->layer[n->count];
    size_t shape[4] = { size, 0, 3, 3 }, a = 0, b = 0, c = 0, area;
    int ok = 1;
    if (n->count == NET_LAYERS) return 1;
    l->kind = kind;
    l->name = name;
    memcpy(l->in, in ? in : n->layer[n->count - 1].out, sizeof(l->in));
    memcpy(l->out, l->in, sizeof(l->out));
    l->inputs = l->in[0] * l->in[1] * l->in[2];
    area = l->in[1] * l->in[2];
    if (kind == NET_CONV) {
        l->out[0] = size;
        shape[1] = l->in[0];
        ok = net_add_param(ctx, n, l, "weight", 4, shape, 1, 0, (float)smash_sqrt(6.0 / (double)(l->in[0] * 9))) && net_add_param(ctx, n, l, "bias", 1, shape, 1, 0, 0);
        a = area * l->in[0] * 9;
        b = size * l->in[0] * 9 + area * size + (l->in[1] + 2) * (l->in[2] + 2) * l->in[0];
        c = a + size * l->in[0] * 9;
        if (c < area * size) c = area * size;
    } else if (kind == NET_LINEAR) {
        l->out[0] = size;
        l->out[1] = l->out[2] = 1;
        shape[1] = l->inputs;
        ok = net_add_param(ctx, n, l, "weight", 2, shape, 1, 0, (float)smash_sqrt(6.0 / (double)l->inputs)) && net_add_param(ctx, n, l, "bias", 1, shape, 1, 0, 0);
        a = n->batch * l->inputs;
        b = size * l->inputs + n->batch * size;
        c = (n->batch > size ? n->batch : size) * l->inputs;
        if (c < n->batch * size) c = n->batch * size;
    } else if (kind == NET_NORM) {
        ok = net_add_param(ctx, n, l, "weight", 1, l->in, 1, 1, 0) && net_add_param(ctx, n, l, "bias", 1, l->in, 1, 0, 0) &&
             net_add_param(ctx, n, l, "running_mean", 1, l->in, 0, 0, 0) && net_add_param(ctx, n, l, "running_var", 1, l->in, 0, 1, 0) &&
             (l->unit = net_floats(ctx, n, n->batch * l->inputs)) != NULL && (l->deviation = net_floats(ctx, n, l->in[0])) != NULL;
    } else if (kind == NET_POOL) {
        l->out[1] /= 2;
        l->out[2] /= 2;
    } else if (kind == NET_EMBED) {
        l->out[0] = l->inputs * size;
        l->out[1] = l->out[2] = 1;
        shape[0] = rows;
        shape[1] = size;
        ok = net_add_param(ctx, n, l, "weight", 2, shape, 1, 0, 1) != NULL;
        c = rows * size;
    }
    l->outputs = l->out[0] * l->out[1] * l->out[2];
    if (kind == NET_POOL || kind == NET_DROP) ok = (l->choice = (unsigned char *)smash_arena_alloc(ctx, n->arena, n->batch * l->outputs)) != NULL;
    l->y = net_floats(ctx, n, n->batch * l->outputs);
    l->dy = net_floats(ctx, n, n->batch * l->outputs);
    if (a > n->a_count) n->a = (double *)smash_arena_array(ctx, n->arena, n->a_count = a, sizeof(double));
    if (b > n->b_count) n->b = (double *)smash_arena_array(ctx, n->arena, n->b_count = b, sizeof(double));
    if (c > n->c_count) n->c = (double *)smash_arena_array(ctx, n->arena, n->c_count = c, sizeof(double));
    n->count++;
    return !ok || !l->y || !l->dy || (a && (!n->a || !n->b)) || (c && !n->c);
}

/* ---- matrices ---- */

/* c[i][j] += sum over k of a(i, k) * b[k][j], in the order of k; a(i, k) is a[i * down + k * right]. What is 0 in a costs nothing: pruned weights,
 * inputs and gradients behind a relu. All numbers of a and b are floats. */
static inline void net_multiply(double *c, const double *a, size_t down, size_t right, const double *b, size_t rows, size_t inner, size_t columns)
{
    double value[NET_CHUNK];
    const double *row[NET_CHUNK];
    size_t i, j, k, from, count;
    for (i = 0; i < rows; i++, c += columns) {
        for (from = 0; from < inner; from += NET_CHUNK) {
            const size_t to = inner - from < NET_CHUNK ? inner : from + NET_CHUNK;
            for (count = 0, k = from; k < to; k++) {
                value[count] = a[i * down + k * right];
                row[count] = b + k * columns;
                count += value[count] != 0.0;
            }
            for (j = 0; j + 8 <= columns; j += 8) {                      /* eight sums side by side, in registers */
                double s0 = c[j], s1 = c[j + 1], s2 = c[j + 2], s3 = c[j + 3], s4 = c[j + 4], s5 = c[j + 5], s6 = c[j + 6], s7 = c[j + 7];
                for (k = 0; k < count; k++) {
                    const double v = value[k], *r = row[k] + j;
                    s0 += v * r[0];  s1 += v * r[1];  s2 += v * r[2];  s3 += v * r[3];
                    s4 += v * r[4];  s5 += v * r[5];  s6 += v * r[6];  s7 += v * r[7];
                }
                c[j] = s0;  c[j + 1] = s1;  c[j + 2] = s2;  c[j + 3] = s3;  c[j + 4] = s4;  c[j + 5] = s5;  c[j + 6] = s6;  c[j + 7] = s7;
            }
            for (; j < columns; j++) {
                double s = c[j];
                for (k = 0; k < count; k++) s += value[k] * row[k][j];
                c[j] = s;
            }
        }
    }
}

static inline void net_widen(double *to, const float *from, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) to[i] = (double)from[i];
}

/* to[j][i] = from[i][j] */
static inline void net_turn(double *to, const float *from, size_t rows, size_t columns)
{
    size_t i, j;
    for (i = 0; i < rows; i++) for (j = 0; j < columns; j++) to[j * rows + i] = (double)from[i * columns + j];
}

/* Images of convolutions are [height + 2, width + 2, channels] with a border of zeros, so that what a 3x3 filter sees of a row lies together. */
static inline void net_pad(double *to, const float *x, const size_t in[3])
{
    size_t y, w, c;
    memset(to, 0, (in[1] + 2) * (in[2] + 2) * in[0] * sizeof(double));
    for (c = 0; c < in[0]; c++)
        for (y = 0; y < in[1]; y++)
            for (w = 0; w < in[2]; w++) to[((y + 1) * (in[2] + 2) + w + 1) * in[0] + c] = (double)*x++;
}

static inline void net_unpad(float *x, const double *from, const size_t in[3])
{
    size_t y, w, c;
    for (c = 0; c < in[0]; c++)
        for (y = 0; y < in[1]; y++)
            for (w = 0; w < in[2]; w++) *x++ = (float)from[((y + 1) * (in[2] + 2) + w + 1) * in[0] + c];
}

/* What the filter sees at each pixel, as a row: [height * width, 3, 3, channels] */
static inline void net_columns(double *to, const double *padded, const size_t in[3])
{
    const size_t row = 3 * in[0];
    size_t y, w, k;
    for (y = 0; y < in[1]; y++)
        for (w = 0; w < in[2]; w++)
            for (k = 0; k < 3; k++, to += row) memcpy(to, padded + ((y + k) * (in[2] + 2) + w) * in[0], row * sizeof(double));
}

/* The reverse: each number goes to the pixel that it came from, where they add up. */
static inline void net_uncolumns(double *padded, const double *from, const size_t in[3])
{
    const size_t row = 3 * in[0];
    size_t y, w, k, j;
    memset(padded, 0, (in[1] + 2) * (in[2] + 2) * in[0] * sizeof(double));
    for (y = 0; y < in[1]; y++)
        for (w = 0; w < in[2]; w++)
            for (k = 0; k < 3; k++, from += row) {
                double *to = padded + ((y + k) * (in[2] + 2) + w) * in[0];
                for (j = 0; j < row; j++) to[j] += from[j];
            }
}

/* ---- layers ---- */

/* Weights of a convolution are [out, in, 9]; in the order of the columns they are [out, 9, in]. */
static inline void net_conv(net *n, net_layer *l, size_t batch)
{
    const size_t area = l->in[1] * l->in[2], in = l->in[0], inner = in * 9, size = l->out[0];
    size_t i, p, f, c, k;
    for (f = 0; f < size; f++) for (c = 0; c < in; c++) for (k = 0; k < 9; k++) n->b[(k * in + c) * size + f] = (double)l->param[0].used[(f * in + c) * 9 + k];
    for (i = 0; i < batch; i++) {
        net_pad(n->c, l->x + i * l->inputs, l->in);
        net_columns(n->a, n->c, l->in);
        for (p = 0; p < area; p++) net_widen(n->c + p * size, l->param[1].used, size);
        net_multiply(n->c, n->a, inner, 1, n->b, area, inner, size);
        for (f = 0; f < size; f++) for (p = 0; p < area; p++) l->y[i * l->outputs + f * area + p] = (float)n->c[p * size + f];
    }
}

static inline void net_conv_backward(net *n, net_layer *l, size_t batch, float *dx)
{
    const size_t area = l->in[1] * l->in[2], in = l->in[0], inner = in * 9, size = l->out[0];
    double *g = n->b + size * inner, *padded = g + l->outputs, *dw = n->c + area * inner, sum;
    size_t i, k, p, c, f;
    memset(dw, 0, size * inner * sizeof(double));
    for (f = 0; f < size; f++) for (c = 0; c < in; c++) for (k = 0; k < 9; k++) n->b[(f * 9 + k) * in + c] = (double)l->param[0].used[(f * in + c) * 9 + k];
    for (i = 0; i < batch; i++) {
        net_widen(g, l->dy + i * l->outputs, l->outputs);
        net_pad(padded, l->x + i * l->inputs, l->in);
        net_columns(n->a, padded, l->in);
        net_multiply(dw, g, area, 1, n->a, size, area, inner);
        if (!dx) continue;
        memset(n->c, 0, area * inner * sizeof(double));
        net_multiply(n->c, g, 1, area, n->b, area, size, inner);
        net_uncolumns(padded, n->c, l->in);
        net_unpad(dx + i * l->inputs, padded, l->in);
    }
    for (f = 0; f < size; f++) for (c = 0; c < in; c++) for (k = 0; k < 9; k++) l->param[0].gradient[(f * in + c) * 9 + k] = (float)dw[(f * 9 + k) * in + c];
    for (f = 0; f < size; f++) {
        for (sum = 0, i = 0; i < batch; i++) for (p = 0; p < area; p++) sum += (double)l->dy[i * l->outputs + f * area + p];
        l->param[1].gradient[f] = (float)sum;
    }
}

static inline void net_linear(net *n, net_layer *l, size_t batch)
{
    size_t i;
    net_turn(n->b, l->param[0].used, l->outputs, l->inputs);
    net_widen(n->a, l->x, batch * l->inputs);
    for (i = 0; i < batch; i++) net_widen(n->c + i * l->outputs, l->param[1].used, l->outputs);
    net_multiply(n->c, n->a, l->inputs, 1, n->b, batch, l->inputs, l->outputs);
    for (i = 0; i < batch * l->outputs; i++) l->y[i] = (float)n->c[i];
}

static inline void net_linear_backward(net *n, net_layer *l, size_t batch, float *dx)
{
    const size_t in = l->inputs, out = l->outputs;
    double *g = n->b + in * out, sum;
    size_t i, k;
    net_widen(g, l->dy, batch * out);
    net_widen(n->a, l->x, batch * in);
    memset(n->c, 0, in * out * sizeof(double));
    net_multiply(n->c, g, 1, out, n->a, out, batch, in);
    for (i = 0; i < in * out; i++) l->param[0].gradient[i] = (float)n->c[i];
    for (k = 0; k < out; k++) {
        for (sum = 0, i = 0; i < batch; i++) sum += g[i * out + k];
        l->param[1].gradient[k] = (float)sum;
    }
    if (!dx) return;
    net_widen(n->b, l->param[0].used, in * out);
    memset(n->c, 0, batch * in * sizeof(double));
    net_multiply(n->c, g, out, 1, n->b, batch, out, in);
    for (i = 0; i < batch * in; i++) dx[i] = (float)n->c[i];
}

/* Every channel to mean 0 and variance 1, by the statistics of the batch in training and the running ones later, then scale and shift. */
static inline void net_norm(net *n, net_layer *l, size_t batch)
{
    const size_t area = l->in[1] * l->in[2], total = batch * area;
    size_t c, i, p;
    for (c = 0; c < l->in[0]; c++) {
        float *running_mean = (float *)l->param[2].tensor.data + c, *running_var = (float *)l->param[3].tensor.data + c;
        float mean = *running_mean, var = *running_var;
        if (n->training) {
            double sum = 0, squares = 0;
            for (i = 0; i < batch; i++) for (p = 0; p < area; p++) sum += (double)l->x[i * l->inputs + c * area + p];
            mean = (float)(sum / (double)total);
            for (i = 0; i < batch; i++)
                for (p = 0; p < area; p++) {
                    const float d = l->x[i * l->inputs + c * area + p] - mean;
                    squares += (double)d * (double)d;
                }
            var = (float)(squares / (double)total);
            *running_mean = (float)((double)*running_mean + (double)0.1f * (double)(float)(mean - *running_mean));
            *running_var = (float)((double)*running_var + (double)0.1f * (double)(float)((float)(squares / (double)(total - 1)) - *running_var));
        }
        l->deviation[c] = (float)smash_sqrt((double)var + 1e-5);
        for (i = 0; i < batch; i++)
            for (p = 0; p < area; p++) {
                const size_t at = i * l->inputs + c * area + p;
                l->unit[at] = (l->x[at] - mean) / l->deviation[c];
                l->y[at] = (float)((double)l->unit[at] * (double)l->param[0].used[c] + (double)l->param[1].used[c]);
            }
    }
}

static inline void net_norm_backward(net_layer *l, size_t batch, float *dx)
{
    const size_t area = l->in[1] * l->in[2], total = batch * area;
    size_t c, i, p;
    for (c = 0; c < l->in[0]; c++) {
        double sum = 0, along = 0;
        float mean, slope, factor;
        for (i = 0; i < batch; i++)
            for (p = 0; p < area; p++) {
                const size_t at = i * l->inputs + c * area + p;
                sum += (double)l->dy[at];
                along += (double)l->dy[at] * (double)l->unit[at];
            }
        l->param[0].gradient[c] = (float)along;
        l->param[1].gradient[c] = (float)sum;
        mean = (float)(sum / (double)total);
        slope = (float)(along / (double)total);
        factor = l->param[0].used[c] / l->deviation[c];
        for (i = 0; i < batch && dx; i++)
            for (p = 0; p < area; p++) {
                const size_t at = i * l->inputs + c * area + p;
                const float rest = (float)((double)l->dy[at] - (double)mean - (double)l->unit[at] * (double)slope);
                dx[at] = factor * rest;
            }
    }
}

static inline void net_pool(net_layer *l, size_t batch)
{
    const size_t h = l->out[1], w = l->out[2], total = batch * l->out[0];
    size_t c, y, x, k, at = 0;
    for (c = 0; c < total; c++)
        for (y = 0; y < h; y++)
            for (x = 0; x < w; x++, at++) {
                const float *from = l->x + (c * l->in[1] + 2 * y) * l->in[2] + 2 * x;
                for (l->choice[at] = 0, k = 1; k < 4; k++)
                    if (from[k / 2 * l->in[2] + k % 2] > from[l->choice[at] / 2 * l->in[2] + l->choice[at] % 2]) l->choice[at] = (unsigned char)k;
                l->y[at] = from[l->choice[at] / 2 * l->in[2] + l->choice[at] % 2];
            }
}

static inline void net_pool_backward(net_layer *l, size_t batch, float *dx)
{
    const size_t h = l->out[1], w = l->out[2], total = batch * l->out[0];
    size_t c, y, x, at = 0;
    if (!dx) return;
    memset(dx, 0, batch * l->inputs * sizeof(float));
    for (c = 0; c < total; c++)
        for (y = 0; y < h; y++)
            for (x = 0; x < w; x++, at++) dx[(c * l->in[1] + 2 * y + l->choice[at] / 2u) * l->in[2] + 2 * x + l->choice[at] % 2u] = l->dy[at];
}

static inline void net_embed(net_layer *l, size_t batch)
{
    const size_t width = l->param[0].tensor.shape[1];
    size_t i;
    for (i = 0; i < batch * l->inputs; i++) memcpy(l->y + i * width, l->param[0].used + (size_t)l->x[i] * width, width * sizeof(float));
}

static inline void net_embed_backward(net *n, net_layer *l, size_t batch)
{
    const size_t width = l->param[0].tensor.shape[1];
    size_t i, k;
    memset(n->c, 0, l->param[0].count * sizeof(double));
    for (i = 0; i < batch * l->inputs; i++) for (k = 0; k < width; k++) n->c[(size_t)l->x[i] * width + k] += (double)l->dy[i * width + k];
    for (i = 0; i < l->param[0].count; i++) l->param[0].gradient[i] = (float)n->c[i];
}

/* x [batch, inputs] -> l->y. x must stay until the backward. Embedding: x holds numbers of rows. */
static inline void net_forward(net *n, net_layer *l, const float *x, size_t batch)
{
    size_t i;
    l->x = x;
    switch (l->kind) {
    case NET_LINEAR: net_linear(n, l, batch); break;
    case NET_CONV:   net_conv(n, l, batch); break;
    case NET_NORM:   net_norm(n, l, batch); break;
    case NET_POOL:   net_pool(l, batch); break;
    case NET_EMBED:  net_embed(l, batch); break;
    case NET_RELU:   for (i = 0; i < batch * l->inputs; i++) l->y[i] = x[i] > 0.0f ? x[i] : 0.0f; break;
    case NET_DROP:                                                       /* half of them, the others twice as large */
        for (i = 0; i < batch * l->inputs; i++) {
            l->choice[i] = !n->training || smash_random(&n->rng) >> 63;
            l->y[i] = !n->training ? x[i] : l->choice[i] ? 2.0f * x[i] : 0.0f;
        }
        break;
    }
}

/* l->dy -> the gradients of its parameters, and dx [batch, inputs] if it is not NULL. An Embedding has none. */
static inline void net_backward(net *n, net_layer *l, float *dx, size_t batch)
{
    size_t i;
    switch (l->kind) {
    case NET_LINEAR: net_linear_backward(n, l, batch, dx); break;
    case NET_CONV:   net_conv_backward(n, l, batch, dx); break;
    case NET_NORM:   net_norm_backward(l, batch, dx); break;
    case NET_POOL:   net_pool_backward(l, batch, dx); break;
    case NET_EMBED:  net_embed_backward(n, l, batch); break;
    case NET_RELU:   for (i = 0; i < batch * l->inputs && dx; i++) dx[i] = l->x[i] > 0.0f ? l->dy[i] : 0.0f; break;
    case NET_DROP:   for (i = 0; i < batch * l->inputs && dx; i++) dx[i] = !n->training ? l->dy[i] : l->choice[i] ? 2.0f * l->dy[i] : 0.0f; break;
    }
}

/* ---- learning ---- */

/* Mean cross entropy in nats of the last layer's y, and its gradient in dy. right: how many answers are the label, if not NULL. */
static inline double net_loss(net *n, const unsigned char *label, size_t batch, size_t *right)
{
    const net_layer *l = &n->layer[n->count - 1];
    double loss = 0;
    size_t i, k;
    for (i = 0; i < batch; i++) {
        const float *y = l->y + i * l->outputs;
        float *dy = l->dy + i * l->outputs;
        double sum = 0;
        size_t best = 0;
        for (k = 1; k < l->outputs; k++) if (y[k] > y[best]) best = k;
        for (k = 0; k < l->outputs; k++) sum += smash_exp((double)y[k] - (double)y[best]);
        for (k = 0; k < l->outputs; k++) {
            const double p = smash_exp((double)y[k] - (double)y[best]) / sum;
            dy[k] = (float)((p - (k == label[i])) / (double)batch);
        }
        loss += smash_log(sum) + ((double)y[best] - (double)y[label[i]]);
        if (right) *right += best == label[i];
    }
    return loss / (double)batch;
}

/* Adam as if it had never stepped */
static inline void net_forget(net *n)
{
    size_t i, q;
    n->power_1 = n->power_2 = 1;
    for (i = 0; i < n->count; i++)
        for (q = 0; q < n->layer[i].param_count; q++) {
            net_param *p = &n->layer[i].param[q];
            if (!p->gradient) continue;
            memset(p->mean, 0, p->count * sizeof(float));
            memset(p->square, 0, p->count * sizeof(float));
        }
}

/* The numbers of another network whose layers with parameters are the same */
static inline void net_copy(net *to, const net *from)
{
    size_t i, k = 0, q;
    for (i = 0; i < to->count; i++) {
        if (!to->layer[i].param_count) continue;
        while (strcmp(to->layer[i].name, from->layer[k].name) != 0) k++;
        for (q = 0; q < to->layer[i].param_count; q++)
            memcpy(to->layer[i].param[q].tensor.data, from->layer[k].param[q].tensor.data, to->layer[i].param[q].count * sizeof(float));
    }
}

/* One step of AdamW (Loshchilov, Hutter 2019): betas 0.9 and 0.999; decay goes to what is no vector. */
static inline void net_adam(net *n, float rate, float decay)
{
    size_t i, k, q;
    n->power_1 = (float)((double)n->power_1 * (double)0.9f);
    n->power_2 = (float)((double)n->power_2 * (double)0.999f);
    for (i = 0; i < n->count; i++)
        for (q = 0; q < n->layer[i].param_count; q++) {
            const net_param *p = &n->layer[i].param[q];
            const float keep = p->tensor.ndim < 2 ? 1.0f : (float)(1.0 - (double)rate * (double)decay);
            const double left_1 = 1.0 - (double)n->power_1, left_2 = 1.0 - (double)n->power_2;
            float *w = (float *)p->tensor.data;
            for (k = 0; k < p->count && p->gradient; k++) {
                const float g = p->gradient[k], step_1 = g - p->mean[k];
                const float step_2 = (float)((double)g * (double)g - (double)p->square[k]);       /* not by a float g * g, which might be fused */
                float move;
                p->mean[k] = (float)((double)p->mean[k] + (double)0.1f * (double)step_1);
                p->square[k] = (float)((double)p->square[k] + (double)0.001f * (double)step_2);
                move = (float)((double)p->mean[k] / left_1 / (smash_sqrt((double)p->square[k] / left_2) + 1e-8));
                w[k] = (float)((double)w[k] * (double)keep - (double)rate * (double)move);
            }
        }
}
#endif
