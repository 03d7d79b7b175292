/* digits_net.h - runs the network of models/digits.safetensors on one 8x8 image:
 *   conv1, batch norm, relu, conv2, relu, max pool 2x2, fc
 * Every size but the image's comes from the tensors, so a network with fewer channels runs as well. Products of floats are
 * exact in double and sums have one order: the numbers are the same on every machine. Include after smash.h. */
#ifndef DIGITS_NET_H
#define DIGITS_NET_H

enum { DIGITS_SIDE = 8, DIGITS_PIXELS = DIGITS_SIDE * DIGITS_SIDE, DIGITS_HALF = DIGITS_SIDE / 2, DIGITS_CLASSES = 10 };

enum { CONV1_WEIGHT, CONV1_BIAS, BN1_WEIGHT, BN1_BIAS, BN1_MEAN, BN1_VAR, CONV2_WEIGHT, CONV2_BIAS, FC_WEIGHT, FC_BIAS, DIGITS_TENSORS };

/* The names of the tensors in the file, in the order above. */
static const char *const digits_names[DIGITS_TENSORS] = {
    "conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var",
    "conv2.weight", "conv2.bias", "fc.weight", "fc.bias"
};

/* First tensor that does not fit its neighbours or is not F32, or DIGITS_TENSORS if all is well. Call once, before a run. */
static inline int digits_check(const smash_tensor t[DIGITS_TENSORS])
{
    size_t a = t[CONV1_WEIGHT].shape[0], b = t[CONV2_WEIGHT].shape[0];
    size_t elements[DIGITS_TENSORS];
    int i;

    if (a == 0 || a > 4096 || t[CONV1_WEIGHT].ndim != 4 || t[CONV1_WEIGHT].shape[1] != 1) return CONV1_WEIGHT;
    if (b == 0 || b > 4096 || t[CONV2_WEIGHT].ndim != 4 || t[CONV2_WEIGHT].shape[1] != a) return CONV2_WEIGHT;
    elements[CONV1_WEIGHT] = a * 9;
    elements[CONV1_BIAS] = elements[BN1_WEIGHT] = elements[BN1_BIAS] = elements[BN1_MEAN] = elements[BN1_VAR] = a;
    elements[CONV2_WEIGHT] = b * a * 9;
    elements[CONV2_BIAS] = b;
    elements[FC_WEIGHT] = DIGITS_CLASSES * b * DIGITS_HALF * DIGITS_HALF;
    elements[FC_BIAS] = DIGITS_CLASSES;
    for (i = 0; i < DIGITS_TENSORS; i++) {
        size_t count;
        if (t[i].dtype != SMASH_F32 || smash_tensor_count(&t[i], &count) || count != elements[i]) return i;
    }
    return DIGITS_TENSORS;
}

/* Floats of memory that a run needs. */
static inline size_t digits_floats(const smash_tensor t[DIGITS_TENSORS])
{
    return (t[CONV1_WEIGHT].shape[0] + t[CONV2_WEIGHT].shape[0]) * DIGITS_PIXELS;
}

/* 3x3 convolution, padded with zeros. A weight of zero costs nothing. */
static inline void digits_conv(const smash_tensor *weight, const smash_tensor *bias, const float *in, float *out)
{
    const float *w = (const float *)weight->data;
    size_t f, c, k, x, y;

    for (f = 0; f < weight->shape[0]; f++, out += DIGITS_PIXELS) {
        double sum[DIGITS_PIXELS];
        for (x = 0; x < DIGITS_PIXELS; x++) sum[x] = (double)((const float *)bias->data)[f];
        for (c = 0; c < weight->shape[1]; c++) {
            for (k = 0; k < 9; k++, w++) {
                size_t dy = k / 3, dx = k % 3;   /* one more than the offset, so that nothing is negative */
                if (*w == 0.0f) continue;
                for (y = dy == 0; y < DIGITS_SIDE - (dy == 2); y++) {
                    const float *row = in + c * DIGITS_PIXELS + (y + dy - 1) * DIGITS_SIDE;
                    for (x = dx == 0; x < DIGITS_SIDE - (dx == 2); x++) sum[y * DIGITS_SIDE + x] += (double)*w * (double)row[x + dx - 1];
                }
            }
        }
        for (x = 0; x < DIGITS_PIXELS; x++) out[x] = (float)sum[x];
    }
}

/* Batch normalisation with the statistics of the training, then relu, in place. */
static inline void digits_norm_relu(const smash_tensor t[DIGITS_TENSORS], float *a)
{
    size_t c, x;

    for (c = 0; c < t[CONV1_WEIGHT].shape[0]; c++, a += DIGITS_PIXELS) {
        double weight = (double)((const float *)t[BN1_WEIGHT].data)[c], bias = (double)((const float *)t[BN1_BIAS].data)[c];
        float mean = ((const float *)t[BN1_MEAN].data)[c];
        float deviation = (float)smash_sqrt((double)((const float *)t[BN1_VAR].data)[c] + 1e-5);
        for (x = 0; x < DIGITS_PIXELS; x++) {
            float unit = (a[x] - mean) / deviation;
            float y = (float)((double)unit * weight + bias);
            a[x] = y > 0.0f ? y : 0.0f;
        }
    }
}

/* Relu and 2x2 max pool; out may be in. */
static inline void digits_relu_pool(const float *in, size_t channels, float *out)
{
    size_t c, y, x, k;

    for (c = 0; c < channels; c++) {
        for (y = 0; y < DIGITS_HALF; y++) {
            for (x = 0; x < DIGITS_HALF; x++) {
                float best = 0.0f;
                for (k = 0; k < 4; k++) {
                    float v = in[c * DIGITS_PIXELS + (2 * y + k / 2) * DIGITS_SIDE + 2 * x + k % 2];
                    if (v > best) best = v;
                }
                *out++ = best;
            }
        }
    }
}

/* The digit in the image, and the ten scores.
 *   image   in   DIGITS_PIXELS numbers 0..1         memory  out  digits_floats(t) numbers
 *   logits  out  DIGITS_CLASSES numbers */
static inline int digits_run(const smash_tensor t[DIGITS_TENSORS], const float *image, float *memory, float *logits)
{
    float *a = memory, *b = memory + t[CONV1_WEIGHT].shape[0] * DIGITS_PIXELS;
    size_t filters = t[CONV2_WEIGHT].shape[0], features = filters * DIGITS_HALF * DIGITS_HALF, i;
    const float *w = (const float *)t[FC_WEIGHT].data;
    int k, best = 0;

    digits_conv(&t[CONV1_WEIGHT], &t[CONV1_BIAS], image, a);
    digits_norm_relu(t, a);
    digits_conv(&t[CONV2_WEIGHT], &t[CONV2_BIAS], a, b);
    digits_relu_pool(b, filters, b);
    for (k = 0; k < DIGITS_CLASSES; k++, w += features) {
        double sum = (double)((const float *)t[FC_BIAS].data)[k];
        for (i = 0; i < features; i++) sum += (double)w[i] * (double)b[i];
        logits[k] = (float)sum;
        if (logits[k] > logits[best]) best = k;
    }
    return best;
}

#endif
