/* digits.c - what compression costs: reads digits and models, float or compressed, and counts the digits that each gets right.
 * cc -std=c99 -O2 -I. examples/digits.c -o digits && ./digits examples/data/digits.bin examples/models/digits.safetensors
 * With --record OUT it writes what the layers take and give on the first digits of the training: for smash compress --calibration. */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>
#include <string.h>
#include "digits_net.h"
#include "digits_data.h"

/* The tensors of a model, which go into arena, and room for a run. NULL: it has been told why not. */
static float *digits_net(smash_ctx *ctx, smash_arena *arena, const char *path, const smash_io *io, smash_tensor net[DIGITS_TENSORS])
{
    smash_safetensors_desc desc = SMASH_ZERO;
    smash_model model;
    float *memory;
    int i;

    desc.file = path;
    if (smash_safetensors_read(ctx, &desc, io, arena, NULL, &model)) {
        fprintf(stderr, "%s: %s\n", path, ctx->message);
        return NULL;
    }
    for (i = 0; i < DIGITS_TENSORS; i++) {
        if (smash_model_restore(ctx, &model, digits_names[i], arena, &net[i], NULL)) {
            fprintf(stderr, "%s: %s\n", path, ctx->message);
            return NULL;
        }
        if (net[i].dtype != SMASH_F32) {                                 /* float16 and bfloat16 are stored as they are */
            smash_tensor half = net[i];
            net[i].dtype = SMASH_F32;
            net[i].flags = 0;
            net[i].data = smash_tensor_bytes(&net[i], &net[i].bytes) ? NULL : smash_arena_alloc(ctx, arena, net[i].bytes);
            if (!net[i].data || smash_tensor_convert(ctx, &half, &net[i])) {
                fprintf(stderr, "%s: %s\n", path, ctx->message);
                return NULL;
            }
        }
    }
    if ((i = digits_check(net)) < DIGITS_TENSORS) {
        fprintf(stderr, "%s: %s does not have the shape that the network needs\n", path, digits_names[i]);
        return NULL;
    }
    memory = (float *)smash_arena_array(ctx, arena, digits_floats(net), sizeof(float));
    if (!memory) fprintf(stderr, "%s: %s\n", path, ctx->message);
    return memory;
}

/* What the layers take and give on RECORDED digits, as a safetensors file */
enum { RECORDED = 100, ENDS = 6 };
static int digits_record(smash_ctx *ctx, smash_arena *arena, const char *path, FILE *file, const digits *data, const char *to)
{
    static const char *const names[ENDS] = { "conv1._input_0", "conv1._output_0", "conv2._input_0", "conv2._output_0", "fc._input_0", "fc._output_0" };
    smash_io io = smash_io_file(file), out;
    smash_tensor net[DIGITS_TENSORS], ends[ENDS];
    smash_layout layout;
    size_t shape[ENDS][4] = { { RECORDED, 1, DIGITS_SIDE, DIGITS_SIDE }, { RECORDED, 0, DIGITS_SIDE, DIGITS_SIDE }, { RECORDED, 0, DIGITS_SIDE, DIGITS_SIDE },
                              { RECORDED, 0, DIGITS_SIDE, DIGITS_SIDE }, { RECORDED, 0, 0, 0 }, { RECORDED, DIGITS_CLASSES, 0, 0 } }, each[ENDS], bytes, a, b;
    float image[DIGITS_PIXELS], *at[ENDS], *memory = digits_net(ctx, arena, path, &io, net);
    int i, k, failed = 0;

    if (!memory) return 1;
    a = shape[1][1] = shape[2][1] = net[CONV1_WEIGHT].shape[0];
    b = shape[3][1] = net[CONV2_WEIGHT].shape[0];
    shape[4][1] = b * DIGITS_HALF * DIGITS_HALF;
    for (i = 0; i < ENDS; i++) {
        ends[i] = smash_tensor_view(SMASH_F32, NULL, 0, i < 4 ? 4 : 2, shape[i]);
        ends[i].name = names[i];
        if (smash_tensor_bytes(&ends[i], &bytes) || (ends[i].data = smash_arena_alloc(ctx, arena, bytes)) == NULL) { fprintf(stderr, "%s: %s\n", to, ctx->message); return 1; }
        ends[i].bytes = bytes;
        each[i] = bytes / RECORDED;
    }
    for (k = 0; k < RECORDED; k++) {
        for (i = 0; i < ENDS; i++) at[i] = (float *)(void *)((char *)ends[i].data + (size_t)k * each[i]);
        digits_image(data, data->train + (size_t)k * DIGITS_ROW, image);
        memcpy(at[0], image, each[0]);
        digits_conv(&net[CONV1_WEIGHT], &net[CONV1_BIAS], image, memory);
        memcpy(at[1], memory, each[1]);
        digits_norm_relu(net, memory);
        memcpy(at[2], memory, each[2]);
        digits_conv(&net[CONV2_WEIGHT], &net[CONV2_BIAS], memory, memory + a * DIGITS_PIXELS);
        memcpy(at[3], memory + a * DIGITS_PIXELS, each[3]);
        digits_relu_pool(at[3], b, at[4]);
        digits_run(net, image, memory, at[5]);
    }
    if ((file = fopen(to, "wb+")) == NULL) { fprintf(stderr, "%s: cannot be written\n", to); return 1; }
    out = smash_io_file(file);
    failed = smash_safetensors_layout(ctx, ends, ENDS, NULL, 0, arena, &layout) || smash_safetensors_begin(ctx, &layout, &out);
    for (i = 0; i < ENDS && !failed; i++) failed = smash_safetensors_put(ctx, &layout, &out, (size_t)i, &ends[i]) != SMASH_OK;
    if (failed) fprintf(stderr, "%s: %s\n", to, ctx->message);
    if (fclose(file)) failed = 1;
    return failed;
}

/* One line of the table. Everything that belongs to the model goes into arena. */
static int digits_score(smash_ctx *ctx, smash_arena *arena, const char *path, int width, FILE *file, const digits *data)
{
    smash_io io = smash_io_file(file);
    smash_tensor net[DIGITS_TENSORS];
    float image[DIGITS_PIXELS], logits[DIGITS_CLASSES], *memory = digits_net(ctx, arena, path, &io, net);
    unsigned long weights = 0, nonzero = 0, right = 0;
    size_t i, k, count;

    if (!memory) return 1;
    for (i = 0; i < DIGITS_TENSORS; i++) {
        if (net[i].ndim < 2 || smash_tensor_count(&net[i], &count)) continue;
        for (k = 0; k < count; k++) nonzero += ((const float *)net[i].data)[k] != 0.0f;
        weights += (unsigned long)count;
    }
    for (i = 0; i < data->count; i++) {
        const unsigned char *row = data->rows + i * DIGITS_ROW;
        digits_image(data, row, image);
        right += digits_run(net, image, memory, logits) == row[DIGITS_PIXELS];
    }
    printf("%-*s %9lu %15lu  %5.1f %%   %6.2f %%\n", width, path, (unsigned long)io.bytes, nonzero,
           100.0 * (double)(weights - nonzero) / (double)weights, 100.0 * (double)right / (double)data->count);
    return 0;
}

int main(int argc, char **argv)
{
    smash_ctx ctx;
    smash_arena arena;
    digits data;
    int i, failed, width = 5;

    if (argc < 3) { fprintf(stderr, "usage: digits DATA MODEL [MODEL...], or digits DATA MODEL --record OUT\n"); return 2; }
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&arena, NULL, 0, smash_allocator_libc());

    for (i = 2; i < argc; i++) if (strlen(argv[i]) > (size_t)width && strlen(argv[i]) < 100) width = (int)strlen(argv[i]);
    failed = digits_open(&ctx, &arena, argv[1], &data);
    if (!failed && argc == 5 && strcmp(argv[3], "--record") == 0) {
        FILE *file = fopen(argv[2], "rb");
        if (file) failed = digits_record(&ctx, &arena, argv[2], file, &data, argv[4]);
        else failed = fprintf(stderr, "%s: cannot be opened\n", argv[2]) != 0;
        if (file) fclose(file);
        argc = 0;
    }
    if (!failed && argc) printf("%-*s %9s %15s  %7s   %8s\n", width, "model", "bytes", "nonzero weights", "zeros", "accuracy");
    for (i = 2; i < argc && !failed; i++) {
        smash_arena_mark mark = smash_arena_get_mark(&arena);
        FILE *file = fopen(argv[i], "rb");
        if (file) failed = digits_score(&ctx, &arena, argv[i], width, file, &data);
        else failed = fprintf(stderr, "%s: cannot be opened\n", argv[i]) != 0;
        if (file) fclose(file);
        smash_arena_rewind(&arena, mark);
    }
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return failed;
}
