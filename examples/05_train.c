/* 05_train.c - the digits network, trained from nothing in plain C; then pruned, quantized and distilled while it trains on, by config only.
 * cc -std=c99 -O2 -I. examples/05_train.c -o 05_train && ./05_train            a few seconds; exits with 1 if a network gets worse than its row allows
 * ./05_train --write examples/models/digits.safetensors                        the trained network, the same bytes everywhere
 * ./05_train --report build/accuracy.svg                                       sparsity and bits against accuracy: a minute */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "digits_net.h"
#include "digits_data.h"
#include "net.h"
#include "train.h"
#include "report.h"

#define MODEL "examples/models/digits.safetensors"
enum { BATCH = 50, EPOCHS = 20 };

static smash_ctx ctx;
static smash_arena arena;
static digits data;
static net whole;                                                        /* the float network */
static double float_accuracy;                                            /* percent of the held-out digits */
static train_file file;                                                  /* the last one written */

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, ctx.message);
    return 1;
}

/* Digits by number, the held-out ones behind those of the training. In training each is moved by up to a pixel. */
static void digits_batch(void *user, const uint32_t *rows, size_t count, uint64_t *rng, float *x, unsigned char *label)
{
    size_t i, k;
    (void)user;
    for (i = 0; i < count; i++, x += DIGITS_PIXELS) {
        const unsigned char *row = data.train + (size_t)rows[i] * DIGITS_ROW;
        const size_t down = rng ? (size_t)(smash_random(rng) % 3) : 1, right = rng ? (size_t)(smash_random(rng) % 3) : 1;
        float image[DIGITS_PIXELS];
        digits_image(&data, row, image);
        for (k = 0; k < DIGITS_PIXELS; k++) {
            const size_t y = k / DIGITS_SIDE + down, w = k % DIGITS_SIDE + right;        /* from 1 on: inside */
            x[k] = y && y <= DIGITS_SIDE && w && w <= DIGITS_SIDE ? image[(y - 1) * DIGITS_SIDE + w - 1] : 0.0f;
        }
        label[i] = row[DIGITS_PIXELS];
    }
}

/* conv1, batch norm, relu, conv2, relu, max pool, perhaps dropout, fc, with so many channels */
static int build(net *n, size_t first, size_t second, int drops)
{
    static const size_t image[3] = { 1, DIGITS_SIDE, DIGITS_SIDE };
    net_init(n, &arena, BATCH, 1);
    return net_add(&ctx, n, NET_CONV, "conv1", image, first, 0) || net_add(&ctx, n, NET_NORM, "bn1", NULL, 0, 0) || net_add(&ctx, n, NET_RELU, "relu1", NULL, 0, 0) ||
           net_add(&ctx, n, NET_CONV, "conv2", NULL, second, 0) || net_add(&ctx, n, NET_RELU, "relu2", NULL, 0, 0) || net_add(&ctx, n, NET_POOL, "pool", NULL, 0, 0) ||
           (drops && net_add(&ctx, n, NET_DROP, "drop", NULL, 0, 0)) || net_add(&ctx, n, NET_LINEAR, "fc", NULL, DIGITS_CLASSES, 0);
}

#define LAYERS "\"op_types\": [\"Conv2d\", \"Linear\"], "
#define PRUNE(ratio, times) "\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_interval\": 28, \"level_schedule_times\": " times ", \"pack_sparse\": true," \
    "\"level_config_list\": [{" LAYERS "\"target_names\": [\"weight\"], \"sparse_ratio\": " ratio ", \"global_group_id\": \"all\"}]"
#define QAT(dtype) "\"quantizer\": \"qat\", \"qat_config_list\": [{" LAYERS "\"target_names\": [\"weight\"], \"quant_dtype\": \"" dtype "\", \"granularity\": \"out_channel\"}," \
    "{" LAYERS "\"target_names\": [\"_input_0\"], \"quant_dtype\": \"int8\"}]"
#define TEACH "\"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_temperature\": 4, \"dynamic_layerwise_origin_loss_lambda\": 0.1," \
    "\"dynamic_layerwise_config_list\": [{\"op_names\": [\"fc\"], \"apply_method\": \"kl\"}]"

typedef struct row {
    const char *name, *config;
    size_t first, second;              /* channels */
    int fresh, taught;                 /* fresh: it starts from nothing; otherwise from the float network, which also teaches */
    size_t epochs;
    float rate;
    double most;                       /* points of accuracy that may be lost: as measured, and checked */
} row;
static const row rows[] = {
    { "float",                          "{}",                                                         24, 48, 1, 0, EPOCHS, 0.004f, 0 },
    { "(a) AGP to 90 % zeros",          "{" PRUNE("0.9", "8") "}",                                    24, 48, 0, 0, 20, 0.004f, 0.51 },
    { "(b) QAT to int8",                "{" QAT("int8") "}",                                          24, 48, 0, 0, 3, 0.001f, -0.24 },
    { "(b) QAT to int4",                "{" QAT("int4") "}",                                          24, 48, 0, 0, 4, 0.001f, -0.24 },
    { "(c) a quarter, alone",           "{}",                                                         8, 18, 1, 0, EPOCHS, 0.004f, 1.01 },
    { "(c) a quarter, taught",          "{" TEACH "}",                                                8, 18, 1, 1, EPOCHS, 0.004f, 0.26 },
    { "(d) 90 % zeros, int8, taught",   "{" PRUNE("0.9", "8") ", " QAT("int8") ", " TEACH "}",        24, 48, 0, 1, 20, 0.004f, 0.51 }
};

/* Trains one network. With inputs quantized it is the session that says what comes of them; otherwise it is the weights in the file. */
static int train_one(const row *r, net *n, smash_result *result, double *accuracy)
{
    static train t, plain;
    const train_plan plan = { n, r->taught ? &whole : NULL, r->config, r->epochs, data.train_count, r->rate, r->fresh ? 1.0f : 0.1f, 5, digits_batch, NULL };
    const smash_arena_mark mark = smash_arena_get_mark(&arena);
    size_t right, by_session;
    smash_ctx_reset(&ctx);
    if (build(n, r->first, r->second, r->fresh && !r->taught)) return fail(r->name);    /* few weights, few bits or a teacher: no dropout */
    if (!r->fresh) net_copy(n, &whole);
    if (train_begin(&ctx, &arena, &plan, &t) || train_run(&t) || train_evaluate(&t, data.train_count, data.count, &by_session, NULL) ||
        train_end(&t, &file, result, &plain) || train_evaluate(&plain, data.train_count, data.count, &right, NULL)) return fail(r->name);
    if (strstr(r->config, "_input_")) right = by_session;
    if (n != &whole) smash_arena_rewind(&arena, mark);                   /* the float network stays */
    *accuracy = 100.0 * (double)right / (double)data.count;
    return 0;
}

/* A row of the table. 1: it failed, or is worse than it may be. */
static int train_row(const row *r, net *n)
{
    smash_result result;
    double accuracy, lost;
    if (train_one(r, n, &result, &accuracy)) return 1;
    if (n == &whole) float_accuracy = accuracy;
    lost = float_accuracy - accuracy;
    printf("%-30s %10lu %8lu %7lu %9.2f %% %7.2f", r->name, (unsigned long)result.parameters, (unsigned long)result.nonzero, (unsigned long)result.bytes, accuracy, lost);
    if (lost > r->most && !train_short()) printf("  more than %.2f", r->most);
    printf("\n");
    fflush(stdout);
    return lost > r->most && !train_short();
}

/* A point of a curve */
static int measure(net *n, int curve, int point, double *accuracy)
{
    char config[512];
    smash_result result;
    row r = { "report", config, 24, 48, 0, 0, 0, 0, 0 };
    report_config(config, curve, point, &r.epochs, &r.rate);
    return train_one(&r, n, &result, accuracy);
}

static int write_whole(void)
{
    static const smash_meta types = { "smash.module_types", "{\"bn1\":\"BatchNorm2d\",\"conv1\":\"Conv2d\",\"conv2\":\"Conv2d\",\"fc\":\"Linear\"}" };
    return train_write(&ctx, &arena, &whole, &types, &file) ? fail(MODEL) : 0;
}

/* Is the network that was trained just now the one in the repository? */
static int compare(void)
{
    static train_file there;
    FILE *f = fopen(MODEL, "rb");
    if (f) { there.used = fread(there.bytes, 1, sizeof(there.bytes), f); fclose(f); }
    if (write_whole()) return 1;
    if (there.used == file.used && memcmp(there.bytes, file.bytes, file.used) == 0) return 0;
    fprintf(stderr, "%s is not what training gives here\n", MODEL);
    return 1;
}

int main(int argc, char **argv)
{
    const int writes = argc == 3 && strcmp(argv[1], "--write") == 0, reports = argc == 3 && strcmp(argv[1], "--report") == 0;
    static double curves[CURVES][POINTS];
    static net n;
    size_t i;
    int bad;

    if (argc != 1 && !writes && !reports) { fprintf(stderr, "usage: 05_train [--write MODEL | --report SVG]\n"); return 2; }
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
    bad = digits_open(&ctx, &arena, "examples/data/digits.bin", &data);
    if (!bad) {
        printf("%-30s %10s %8s %7s %11s %7s\n", "network", "parameters", "nonzero", "bytes", "held out", "lost");
        bad = train_row(&rows[0], &whole);
    }
    if (!bad && writes) {
        FILE *f = fopen(argv[2], "wb");
        bad = !f || write_whole() || fwrite(file.bytes, 1, file.used, f) != file.used;
        if (f && fclose(f)) bad = 1;
        if (bad) fprintf(stderr, "%s: cannot be written\n", argv[2]);
    }
    if (!bad && !writes && !train_short()) bad = compare();
    for (i = 1; i < sizeof(rows) / sizeof(*rows) && !writes; i++) bad |= train_row(&rows[i], &n);
    for (i = 0; i < CURVES * POINTS && reports && !bad; i++) bad = measure(&n, (int)(i / POINTS), (int)(i % POINTS), &curves[i / POINTS][i % POINTS]);
    if (!bad && reports) { report_print(curves); bad = report_draw(argv[2], curves); }
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return bad;
}
