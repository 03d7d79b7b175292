/* digits_data.h - reads digits.bin; data/README.md has the format. Include after smash.h, <stdio.h>, <string.h> and digits_net.h. */
#ifndef DIGITS_DATA_H
#define DIGITS_DATA_H

enum { DIGITS_ROW = DIGITS_PIXELS + 1 };   /* pixels, then the label */

typedef struct digits { const unsigned char *train, *rows; size_t train_count, count; float top; } digits;   /* rows: the held-out ones */

static inline int digits_open(smash_ctx *ctx, smash_arena *arena, const char *path, digits *out)
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
    bytes = all * DIGITS_ROW;
    rows = (unsigned char *)smash_arena_alloc(ctx, arena, bytes);
    got = rows ? fread(rows, 1, bytes, file) : 0;
    fclose(file);
    if (!rows) { fprintf(stderr, "%s: %s\n", path, ctx->message); return 1; }
    if (got != bytes || train >= all) { fprintf(stderr, "%s: is cut short\n", path); return 1; }
    out->train = rows;
    out->train_count = train;
    out->rows = rows + train * DIGITS_ROW;
    out->count = all - train;
    out->top = (float)head[14];
    return 0;
}

static inline void digits_image(const digits *data, const unsigned char *row, float *image)
{
    size_t i;
    for (i = 0; i < DIGITS_PIXELS; i++) image[i] = (float)row[i] / data->top;
}

/* Digits by number for a training (train.h), of a `digits`, the held-out ones behind the others. With an rng each is moved by up to a pixel. */
static inline void digits_batch(void *user, const uint32_t *rows, size_t count, uint64_t *rng, float *x, unsigned char *label)
{
    const digits *data = (const digits *)user;
    size_t i, k;
    for (i = 0; i < count; i++, x += DIGITS_PIXELS) {
        const unsigned char *row = data->train + (size_t)rows[i] * DIGITS_ROW;
        const size_t down = rng ? (size_t)(smash_random(rng) % 3) : 1, right = rng ? (size_t)(smash_random(rng) % 3) : 1;
        float image[DIGITS_PIXELS];
        digits_image(data, row, image);
        for (k = 0; k < DIGITS_PIXELS; k++) {
            const size_t y = k / DIGITS_SIDE + down, w = k % DIGITS_SIDE + right;        /* from 1 on: inside */
            x[k] = y && y <= DIGITS_SIDE && w && w <= DIGITS_SIDE ? image[(y - 1) * DIGITS_SIDE + w - 1] : 0.0f;
        }
        label[i] = row[DIGITS_PIXELS];
    }
}

#endif
