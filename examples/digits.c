/* digits.c - what compression costs: reads digits and models, float or compressed, and counts the digits that each gets right.
 * cc -std=c99 -O2 -I. examples/digits.c -o digits && ./digits examples/data/digits.bin examples/models/digits.safetensors */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include "digits_net.h"
#include <stdio.h>
#include <string.h>

/* The held-out rows of digits.bin; data/README.md has the format. */
typedef struct digits { const unsigned char *rows; size_t count; float top; } digits;

static int digits_open(smash_ctx *ctx, smash_arena *arena, const char *path, digits *out)
{
    FILE *file = fopen(path, "rb");
    unsigned char head[16], *rows;
    size_t all, train, bytes, got;

    if (!file) { fprintf(stderr, "%s: cannot be opened\n", path); return 1; }
    if (fread(head, 1, sizeof(head), file) != sizeof(head) || memcmp(head, "digits1\n", 8) != 0 || head[12] != DIGITS_SIDE ||
        head[13] != DIGITS_SIDE || head[14] == 0 || head[15] != DIGITS_CLASSES) {
        fprintf(stderr, "%s: is not a digits file of 8x8 images\n", path);
        fclose(file);
        return 1;
    }
    all = head[8] + 256u * head[9];
    train = head[10] + 256u * head[11];
    bytes = all * (DIGITS_PIXELS + 1);
    rows = (unsigned char *)smash_arena_alloc(ctx, arena, bytes);
    got = rows ? fread(rows, 1, bytes, file) : 0;
    fclose(file);
    if (!rows) { fprintf(stderr, "%s: %s\n", path, ctx->message); return 1; }
    if (got != bytes || train >= all) { fprintf(stderr, "%s: is cut short\n", path); return 1; }
    out->rows = rows + train * (DIGITS_PIXELS + 1);
    out->count = all - train;
    out->top = (float)head[14];
    return 0;
}

/* One line of the table. Everything that belongs to the model goes into arena. */
static int digits_score(smash_ctx *ctx, smash_arena *arena, const char *path, int width, FILE *file, const digits *data)
{
    smash_safetensors_desc desc = SMASH_ZERO;
    smash_io io = smash_io_file(file);
    smash_model model;
    smash_tensor net[DIGITS_TENSORS];
    float image[DIGITS_PIXELS], logits[DIGITS_CLASSES], *memory;
    unsigned long weights = 0, nonzero = 0, right = 0;
    size_t i, k, count;

    desc.file = path;
    if (smash_safetensors_read(ctx, &desc, &io, arena, NULL, &model)) {
        fprintf(stderr, "%s: %s\n", path, ctx->message);
        return 1;
    }
    for (i = 0; i < DIGITS_TENSORS; i++) {
        if (smash_model_restore(ctx, &model, digits_names[i], arena, &net[i], NULL)) {
            fprintf(stderr, "%s: %s\n", path, ctx->message);
            return 1;
        }
        if (net[i].dtype != SMASH_F32) {                                 /* float16 and bfloat16 are stored as they are */
            smash_tensor half = net[i];
            net[i].dtype = SMASH_F32;
            net[i].flags = 0;
            net[i].data = smash_tensor_bytes(&net[i], &net[i].bytes) ? NULL : smash_arena_alloc(ctx, arena, net[i].bytes);
            if (!net[i].data || smash_tensor_convert(ctx, &half, &net[i])) {
                fprintf(stderr, "%s: %s\n", path, ctx->message);
                return 1;
            }
        }
        if (net[i].ndim < 2 || smash_tensor_count(&net[i], &count)) continue;
        for (k = 0; k < count; k++) nonzero += ((const float *)net[i].data)[k] != 0.0f;
        weights += (unsigned long)count;
    }
    if ((i = (size_t)digits_check(net)) < DIGITS_TENSORS) {
        fprintf(stderr, "%s: %s does not have the shape that the network needs\n", path, digits_names[i]);
        return 1;
    }
    memory = (float *)smash_arena_array(ctx, arena, digits_floats(net), sizeof(float));
    if (!memory) { fprintf(stderr, "%s: %s\n", path, ctx->message); return 1; }
    for (i = 0; i < data->count; i++) {
        const unsigned char *row = data->rows + i * (DIGITS_PIXELS + 1);
        for (k = 0; k < DIGITS_PIXELS; k++) image[k] = (float)row[k] / data->top;
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

    if (argc < 3) { fprintf(stderr, "usage: digits DATA MODEL [MODEL...]\n"); return 2; }
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&arena, NULL, 0, smash_allocator_libc());

    for (i = 2; i < argc; i++) if (strlen(argv[i]) > (size_t)width && strlen(argv[i]) < 100) width = (int)strlen(argv[i]);
    failed = digits_open(&ctx, &arena, argv[1], &data);
    if (!failed) printf("%-*s %9s %15s  %7s   %8s\n", width, "model", "bytes", "nonzero weights", "zeros", "accuracy");
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
