/* digits_calibrate.c - what a microcontroller needs to know of the digits network beside its weights: batch norm is folded away, and each
 * input and output gets the scale and zero point of the numbers that the training images lead to. Writes that model, in floats yet, and
 * the held-out images on the grid of its input. `smash compress` and `smash export` do the rest; 07_firmware.c runs it.
 * cc -std=c99 -O2 -I. examples/digits_calibrate.c -o digits_calibrate
 * ./digits_calibrate examples/data/digits.bin examples/models/digits.safetensors calibrated.safetensors images.safetensors */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>
#include <string.h>
#include "digits_net.h"
#include "digits_data.h"

enum { ENDS = 4 };   /* the input, and the outputs of conv1, conv2 and fc: relu and pool belong to the layer in front of them */

static const smash_meta metadata[] = {
    { "smash.module_types", "{\"conv1\":\"Conv2d\",\"conv2\":\"Conv2d\",\"fc\":\"Linear\"}" },
    { "smash.fused", "{\"conv1\":[\"bn1\",\"relu1\"],\"conv2\":[\"relu2\"]}" }
};

static smash_ctx ctx;
static smash_arena arena;
static digits data;
static smash_tensor net[DIGITS_TENSORS], images, labels, answers;
static float scale[ENDS];
static int8_t zero[ENDS];

static int fail(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, ctx.message);
    return 1;
}

static int read_net(const char *path)
{
    FILE *file = fopen(path, "rb");
    smash_io io = smash_io_file(file);
    smash_model model;
    int i;
    if (!file) { fprintf(stderr, "%s: cannot be opened\n", path); return 1; }
    if (smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model)) return fail(path);
    for (i = 0; i < DIGITS_TENSORS; i++) if (smash_model_restore(&ctx, &model, digits_names[i], &arena, &net[i], NULL)) return fail(path);
    fclose(file);
    if (digits_check(net) < DIGITS_TENSORS) { fprintf(stderr, "%s: is not the digits network\n", path); return 1; }
    return 0;
}

static int write_tensors(const char *path, const smash_tensor *t, size_t count, const smash_meta *meta, size_t meta_count)
{
    FILE *file = fopen(path, "wb+");
    smash_io io = smash_io_file(file);
    smash_layout layout;
    smash_err err;
    size_t i;
    if (!file) { fprintf(stderr, "%s: cannot be written\n", path); return 1; }
    err = smash_safetensors_layout(&ctx, t, count, meta, meta_count, &arena, &layout);
    if (!err) err = smash_safetensors_begin(&ctx, &layout, &io);
    for (i = 0; i < count && !err; i++) err = smash_safetensors_put(&ctx, &layout, &io, i, &t[i]);
    return (fclose(file) != 0 && !err) || (err && fail(path));
}

static smash_tensor view(const char *name, smash_dtype dtype, const void *numbers, uint32_t ndim, const size_t *shape)
{
    smash_tensor t = smash_tensor_view(dtype, (void *)(uintptr_t)numbers, (size_t)-1, ndim, shape);
    if (smash_tensor_bytes(&t, &t.bytes)) t.bytes = 0;
    t.name = name;
    return t;
}

/* Runs the float network on the training images, and fits a grid of int8 to the numbers at each end. */
static int calibrate(float *memory)
{
    static uint64_t blocks[ENDS][8];                                     /* min-max observers, 32 bytes each */
    smash_quant_desc grid = SMASH_ZERO;
    smash_observer seen[ENDS];
    float image[DIGITS_PIXELS], logits[DIGITS_CLASSES], lo, hi;
    const size_t a = net[CONV1_WEIGHT].shape[0] * DIGITS_PIXELS, b = net[CONV2_WEIGHT].shape[0] * DIGITS_HALF * DIGITS_HALF;
    size_t count[ENDS], i;
    const float *at[ENDS];
    int32_t z;
    int k;
    at[0] = image;  at[1] = memory;  at[2] = memory + a;  at[3] = logits;
    count[0] = DIGITS_PIXELS;  count[1] = a;  count[2] = b;  count[3] = DIGITS_CLASSES;
    for (k = 0; k < ENDS; k++) if (smash_observer_init(&ctx, NULL, 1, blocks[k], sizeof(blocks[k]), &seen[k])) return 1;
    for (i = 0; i < data.train_count; i++) {
        digits_image(&data, data.train + i * DIGITS_ROW, image);
        digits_run(net, image, memory, logits);
        for (k = 0; k < ENDS; k++) {
            smash_tensor x = view("numbers", SMASH_F32, at[k], 1, &count[k]);
            if (smash_observe(&ctx, &seen[k], &x)) return 1;
        }
    }
    grid.scheme = SMASH_AFFINE;
    grid.full_range = 1;                                                 /* -128..127 */
    for (k = 0; k < ENDS; k++) {
        if (smash_observer_range(&ctx, &seen[k], &grid, 0, &lo, &hi) || smash_quant_params(&ctx, &grid, lo, hi, &scale[k], &z)) return 1;
        zero[k] = (int8_t)z;
    }
    return 0;
}

/* The held-out images as the first layer wants them, their labels, and what the float network says. */
static int make_images(float *memory)
{
    smash_quant_desc grid = SMASH_ZERO;
    float image[DIGITS_PIXELS], logits[DIGITS_CLASSES];
    size_t shape[4] = { 0, DIGITS_SIDE, DIGITS_SIDE, 1 }, i, pixels = DIGITS_PIXELS;
    unsigned char *bytes = (unsigned char *)smash_arena_alloc(&ctx, &arena, data.count * (DIGITS_PIXELS + 2)), *label, *answer;
    int32_t z = zero[0];
    const size_t one[1] = { 1 };
    smash_tensor s = view("scale", SMASH_F32, scale, 1, one), zp = view("zero point", SMASH_I32, &z, 1, one), x, q;
    if (!bytes) return 1;
    label = bytes + data.count * DIGITS_PIXELS;
    answer = label + data.count;
    grid.scheme = SMASH_AFFINE;
    grid.full_range = 1;
    for (i = 0; i < data.count; i++) {
        const unsigned char *row = data.rows + i * DIGITS_ROW;
        digits_image(&data, row, image);
        label[i] = row[DIGITS_PIXELS];
        answer[i] = (unsigned char)digits_run(net, image, memory, logits);
        x = view("image", SMASH_F32, image, 1, &pixels);
        q = view("image", SMASH_I8, bytes + i * DIGITS_PIXELS, 1, &pixels);
        if (smash_quantize(&ctx, &grid, &x, &s, &zp, &q)) return 1;
    }
    shape[0] = data.count;
    images = view("images", SMASH_I8, bytes, 4, shape);
    labels = view("labels", SMASH_U8, label, 1, shape);
    answers = view("float_answers", SMASH_U8, answer, 1, shape);
    return 0;
}

int main(int argc, char **argv)
{
    static const int layer[3] = { CONV1_WEIGHT, CONV2_WEIGHT, FC_WEIGHT };
    static const char *const ends[3][4] = { { "conv1._input_0_scale", "conv1._input_0_zero_point", "conv1._output_0_scale", "conv1._output_0_zero_point" },
        { "conv2._input_0_scale", "conv2._input_0_zero_point", "conv2._output_0_scale", "conv2._output_0_zero_point" },
        { "fc._input_0_scale", "fc._input_0_zero_point", "fc._output_0_scale", "fc._output_0_zero_point" } };
    static const size_t one[1] = { 1 };
    smash_tensor out[3 * 6], picture[3];
    size_t n = 0;
    float *memory;
    int k, i, failed;

    if (argc != 5) { fprintf(stderr, "usage: digits_calibrate DATA MODEL OUT IMAGES\n"); return 2; }
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
    failed = digits_open(&ctx, &arena, argv[1], &data) || read_net(argv[2]);
    if (!failed) {
        memory = (float *)smash_arena_array(&ctx, &arena, digits_floats(net), sizeof(float));
        if (!memory || calibrate(memory) || make_images(memory) ||       /* with batch norm; now it goes into the weights of conv1 */
            smash_quant_fold(&ctx, NULL, &net[BN1_MEAN], &net[BN1_VAR], &net[BN1_WEIGHT], &net[BN1_BIAS], &net[CONV1_WEIGHT], &net[CONV1_BIAS], &net[CONV1_WEIGHT], &net[CONV1_BIAS])) failed = fail(argv[2]);
    }
    for (k = 0; k < 3 && !failed; k++) {
        for (i = 0; i < 2; i++) { out[n] = net[layer[k] + i]; out[n++].name = digits_names[layer[k] + i]; }
        for (i = 0; i < 2; i++) {
            out[n++] = view(ends[k][2 * i], SMASH_F32, &scale[k + i], 1, one);
            out[n++] = view(ends[k][2 * i + 1], SMASH_I8, &zero[k + i], 1, one);
        }
    }
    picture[0] = images;  picture[1] = labels;  picture[2] = answers;
    if (!failed) failed = write_tensors(argv[3], out, n, metadata, 2) || write_tensors(argv[4], picture, 3, NULL, 0);
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return failed;
}
