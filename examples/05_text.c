/* 05_text.c - the same training loop for another kind of network: it guesses the next letter of a story from the eight before it.
 * cc -std=c99 -O2 -I. examples/05_text.c -o 05_text && ./05_text      exits with 1 if the small network guesses worse than it may */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "net.h"
#include "train.h"

enum { BATCH = 32, SEEN = 8, LETTERS = 30, TEXT = 8192 };

static smash_ctx ctx;
static smash_arena arena;
static unsigned char text[TEXT];                                         /* letters as numbers; the last eighth is held out */
static size_t length, known;
static train_file file;

static int read_text(const char *path)
{
    static const char others[] = " .,-";
    FILE *f = fopen(path, "rb");
    int c;
    if (!f) { fprintf(stderr, "%s: cannot be opened\n", path); return 1; }
    while ((c = fgetc(f)) != EOF && length < TEXT) {
        const char *at = strchr(others, c);
        if (c >= 'A' && c <= 'Z') c += 'a' - 'A';
        text[length++] = (unsigned char)(c >= 'a' && c <= 'z' ? c - 'a' + 4 : at ? at - others : 0);
    }
    fclose(f);
    known = length - length / 8;
    return 0;
}

static void text_batch(void *user, const uint32_t *rows, size_t count, uint64_t *rng, float *x, unsigned char *label)
{
    size_t i, k;
    (void)user;
    (void)rng;
    for (i = 0; i < count; i++) {
        for (k = 0; k < SEEN; k++) *x++ = (float)text[rows[i] + k];
        label[i] = text[rows[i] + SEEN];
    }
}

/* Embedding, two Linear layers with a relu between them */
static int build(net *n)
{
    static const size_t seen[3] = { SEEN, 1, 1 };
    net_init(n, &arena, BATCH, 1);
    return net_add(&ctx, n, NET_EMBED, "embed", seen, 12, LETTERS) || net_add(&ctx, n, NET_LINEAR, "hidden", NULL, 64, 0) ||
           net_add(&ctx, n, NET_RELU, "relu", NULL, 0, 0) || net_add(&ctx, n, NET_LINEAR, "guess", NULL, LETTERS, 0);
}

typedef struct row { const char *name, *config; size_t epochs; float rate; double most; } row;       /* most: bits a letter that may be lost */
static const row rows[] = {
    { "float", "{}", 12, 0.004f, 0 },
    { "AGP to 80 % zeros, int8", "{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_interval\": 60, \"level_schedule_times\": 8, \"pack_sparse\": true, "
      "\"level_config_list\": [{\"op_types\": [\"Linear\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.8}], "
      "\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_types\": [\"Linear\", \"Embedding\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int8\", \"granularity\": \"out_channel\"}]}",
      12, 0.004f, 0.045 }
};

static int train_row(const row *r, const net *from, net *n, double *bits)
{
    static train t, plain;
    train_plan plan = { n, NULL, r->config, r->epochs, known - SEEN, r->rate, 0.3f, 1, text_batch, NULL };
    smash_result result;
    size_t right;
    double learned;
    if (build(n)) return 1;
    if (from) net_copy(n, from);
    if (train_begin(&ctx, &arena, &plan, &t) || train_run(&t) || train_end(&t, &file, &result, &plain) ||
        train_evaluate(&plain, 0, known - SEEN, &right, &learned) ||
        train_evaluate(&plain, known - SEEN, length - known, &right, bits)) return 1;
    learned /= smash_log(2);
    *bits /= smash_log(2);
    printf("%-26s %10lu %8lu %7lu %12.3f %9.3f\n", r->name, (unsigned long)result.parameters, (unsigned long)result.nonzero, (unsigned long)result.bytes, learned, *bits);
    return 0;
}

int main(void)
{
    static net first, second;
    double before = 0, after = 0;
    int bad;
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
    if (read_text("examples/data/alice.txt")) return 1;
    printf("%-26s %10s %8s %7s %12s %9s\n", "bits a letter", "parameters", "nonzero", "bytes", "learned from", "held out");
    bad = train_row(&rows[0], NULL, &first, &before) || train_row(&rows[1], &first, &second, &after);
    if (bad) fprintf(stderr, "%s\n", ctx.message);
    else if (!train_short() && after - before > rows[1].most) { bad = 1; fprintf(stderr, "%.3f bits are lost, more than %.3f\n", after - before, rows[1].most); }
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return bad;
}
