/* 07_firmware.c - reads digits with integers only: no heap, no float, no stdio. On this machine, and the same on a Cortex-M4:
 * make build/examples/07_firmware && build/examples/07_firmware        make firmware
 * The two headers are made by the Makefile: digits_calibrate.c watches the network on its training images, `smash compress` makes
 * its weights integers, and `smash export` writes all as C. */
#define SMASH_IMPLEMENTATION
#define SMASH_ONLY_LAYER0 1
#define SMASH_NO_DOUBLE 1
#define DIGITS_TABLE
#include "smash.h"
#include "build/firmware/digits_model.h"
#include "build/firmware/digits_images.h"

#if defined(BOARD)
#include "tests/firmware/port.h"
#define say port_write
#else
#include <stdio.h>
static void say(const char *text) { fputs(text, stdout); }
#endif

enum { IMAGES = test_images_dim0, SIDE = test_images_dim1, HALF = SIDE / 2, CLASSES = digits_fc_weight_dim0,
       CHANNELS_1 = digits_conv1_weight_dim0, CHANNELS_2 = digits_conv2_weight_dim0 };

/* All the memory there is: what goes from layer to layer, and the last one's scores. */
static struct { int8_t first[SIDE * SIDE * CHANNELS_1], second[SIDE * SIDE * CHANNELS_2], pooled[HALF * HALF * CHANNELS_2], scores[CLASSES]; } buffer;
static smash_ctx ctx;

static void say_number(const char *before, size_t n, const char *after)
{
    char digits[24];
    int i = (int)sizeof digits - 1;
    digits[i] = '\0';
    do { digits[--i] = (char)('0' + (int)(n % 10)); n /= 10; } while (n);
    say(before);
    say(digits + i);
    say(after);
}

/* A tensor of the header by its name: layer, then target. */
static const digits_tensor *find(const char *layer, const char *target)
{
    size_t i, k, n;
    for (i = 0; i < (size_t)digits_tensor_count; i++) {
        const char *name = digits_tensors[i].name;
        for (n = 0; layer[n] && name[n] == layer[n]; n++) { }
        for (k = 0; !layer[n] && target[k] && name[n + k] == target[k]; k++) { }
        if (!layer[n] && !target[k] && !name[n + k]) return &digits_tensors[i];
    }
    return NULL;
}

static smash_tensor view(smash_dtype dtype, const void *data, uint32_t ndim, size_t n, size_t height, size_t width, size_t channels)
{
    size_t shape[4];
    smash_tensor t;
    shape[0] = n;  shape[1] = height;  shape[2] = width;  shape[3] = channels;
    t = smash_tensor_view(dtype, (void *)(uintptr_t)data, (size_t)-1, ndim, shape);
    t.flags = SMASH_TENSOR_CONST;
    if (smash_tensor_bytes(&t, &t.bytes)) t.bytes = 0;
    return t;
}

/* One layer: all that there is to know of it stands in the header. */
static smash_err run(const char *layer, int is_conv, const smash_tensor *in, smash_tensor out)
{
    const digits_tensor *w = find(layer, ".weight"), *b = find(layer, ".bias");
    smash_simulate_desc desc = SMASH_ZERO;
    smash_tensor weight, bias, multiplier, shift;
    if (!w || !b || !w->multiplier) return SMASH_ERR_NOTFOUND;
    weight = view((smash_dtype)w->dtype, w->data, w->rank, w->shape[0], w->shape[1], w->shape[2], w->shape[3]);
    bias = view((smash_dtype)b->dtype, b->data, 1, b->shape[0], 0, 0, 0);
    multiplier = view(SMASH_I32, w->multiplier, 1, w->multiplier_count, 0, 0, 0);
    shift = view(SMASH_I32, w->shift, 1, w->multiplier_count, 0, 0, 0);
    desc.form = (smash_requant_form)digits_single_rounding;
    desc.input_zero = w->input_zero;
    desc.output_zero = w->output_zero;
    desc.low = w->low;                                                   /* relu, where the layer has one */
    desc.high = w->high;
    desc.same = (uint32_t)is_conv;
    out.flags = 0;
    return (is_conv ? smash_quant_simulate_convolution : smash_quant_simulate_fully_connected)(&ctx, &desc, in, &weight, &bias, &multiplier, &shift, &out);
}

/* The largest of each 2x2. */
static void pool(void)
{
    size_t y, x, c, k;
    for (y = 0; y < HALF; y++)
        for (x = 0; x < HALF; x++)
            for (c = 0; c < CHANNELS_2; c++) {
                int8_t best = -128;
                for (k = 0; k < 4; k++) {
                    int8_t v = buffer.second[((2 * y + k / 2) * SIDE + 2 * x + k % 2) * CHANNELS_2 + c];
                    if (v > best) best = v;
                }
                buffer.pooled[(y * HALF + x) * CHANNELS_2 + c] = best;
            }
}

int main(void)
{
    const smash_tensor first = view(SMASH_I8, buffer.first, 4, 1, SIDE, SIDE, CHANNELS_1), second = view(SMASH_I8, buffer.second, 4, 1, SIDE, SIDE, CHANNELS_2);
    const smash_tensor pooled = view(SMASH_I8, buffer.pooled, 2, 1, sizeof buffer.pooled, 0, 0), scores = view(SMASH_I8, buffer.scores, 2, 1, CLASSES, 0, 0);
    size_t i, k, best, right = 0, float_right = 0, agree = 0, bytes = 0;
    smash_digest digest;
    uint64_t outputs;
    char hex[] = "0000000000000000";

    smash_ctx_init(&ctx);
    smash_digest_init(&digest);
    for (i = 0; i < IMAGES; i++) {
        const smash_tensor image = view(SMASH_I8, test_images + i * SIDE * SIDE, 4, 1, SIDE, SIDE, 1);
        if (run("conv1", 1, &image, first) || run("conv2", 1, &first, second)) { say(ctx.message); return 1; }
        pool();
        if (run("fc", 0, &pooled, scores)) { say(ctx.message); return 1; }
        for (k = 1, best = 0; k < CLASSES; k++) if (buffer.scores[k] > buffer.scores[best]) best = k;
        right += best == test_labels[i];
        float_right += test_float_answers[i] == test_labels[i];
        agree += best == test_float_answers[i];
        smash_digest_add(&digest, buffer.scores, sizeof buffer.scores);
    }
    outputs = smash_digest_end(&digest);
    for (k = 0; k < 16; k++) hex[k] = "0123456789abcdef"[outputs >> (60 - 4 * k) & 15];
    for (k = 0; k < (size_t)digits_tensor_count; k++) bytes += digits_tensors[k].bytes + 4 * (digits_tensors[k].multiplier_count * 2);
    say_number("", IMAGES, " images in integers: ");
    say_number("", right, " right; ");
    say_number("in floats: ", float_right, " right, ");
    say_number("", agree, " answers are the same\ndigest of all scores ");
    say(hex);
    say_number("\nmodel ", bytes, " bytes, ");
    say_number("images ", sizeof test_images, " bytes, ");
    say_number("buffers ", sizeof buffer, " bytes\n");
#if defined(BOARD)
    say_number("# flash ", port_flash_used(), " bytes, ");
    say_number("RAM ", port_ram_used(), " bytes, ");
    say_number("of it stack ", port_stack_used(), " bytes\n");
#endif
    return 0;
}
