/* 05_train.c - the digits network, trained from nothing in plain C; then pruned, quantized and distilled while it trains on, by config only.
 * cc -std=c99 -O2 -I. examples/05_train.c -o 05_train && ./05_train            half a minute; exits with 1 if a network gets worse than its row allows
 * ./05_train --write examples/models/digits.safetensors                        the trained network, the same bytes everywhere: five seconds
 * ./05_train --report build/accuracy.svg                                       sparsity and bits against accuracy: a minute */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "digits_net.h"
#include "digits_data.h"
#include "net.h"                       /* layers, gradients, Adam */
#include "train.h"                     /* the loop, which calls the session's hooks */
#include "report.h"

enum { BATCH = 50 };

static smash_ctx ctx;
static smash_arena arena;
static digits data;
static net whole, other;                                                 /* the float network, and that of any other row */
static double float_accuracy;                                            /* percent of the held-out digits */
static train_file file;                                                  /* the last one written */

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, ctx.message);
    return 1;
}

#define LAYERS "\"op_types\": [\"Conv2d\", \"Linear\"], "
#define PRUNE "\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_interval\": 28, \"level_schedule_times\": 8, \"pack_sparse\": true," \
    "\"level_config_list\": [{" LAYERS "\"target_names\": [\"weight\"], \"sparse_ratio\": 0.9, \"global_group_id\": \"all\"}]"
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
    { "float",                          "{}",                                          24, 48, 1, 0, 20, 0.004f, 0 },
    { "(a) AGP to 90 % zeros",          "{" PRUNE "}",                                 24, 48, 0, 0, 20, 0.004f, 0.51 },
    { "(b) QAT to int8",                "{" QAT("int8") "}",                           24, 48, 0, 0, 3, 0.001f, -0.24 },
    { "(b) QAT to int4",                "{" QAT("int4") "}",                           24, 48, 0, 0, 4, 0.001f, -0.24 },
    { "(c) a quarter, alone",           "{}",                                          8, 18, 1, 0, 20, 0.004f, 1.01 },
    { "(c) a quarter, taught",          "{" TEACH "}",                                 8, 18, 1, 1, 20, 0.004f, 0.26 },
    { "(d) 90 % zeros, int8, taught",   "{" PRUNE ", " QAT("int8") ", " TEACH "}",     24, 48, 0, 1, 20, 0.004f, 0.51 }
};

/* conv1, batch norm, relu, conv2, relu, max pool, perhaps dropout, fc */
static int build(net *n, const row *r)
{
    static const size_t image[3] = { 1, DIGITS_SIDE, DIGITS_SIDE };
    const int drops = r->fresh && !r->taught;                            /* few weights, few bits or a teacher: no dropout */
    net_init(n, &arena, BATCH, 1);
    return net_add(&ctx, n, NET_CONV, "conv1", image, r->first, 0) || net_add(&ctx, n, NET_NORM, "bn1", NULL, 0, 0) || net_add(&ctx, n, NET_RELU, "relu1", NULL, 0, 0) ||
           net_add(&ctx, n, NET_CONV, "conv2", NULL, r->second, 0) || net_add(&ctx, n, NET_RELU, "relu2", NULL, 0, 0) || net_add(&ctx, n, NET_POOL, "pool", NULL, 0, 0) ||
           (drops && net_add(&ctx, n, NET_DROP, "drop", NULL, 0, 0)) || net_add(&ctx, n, NET_LINEAR, "fc", NULL, DIGITS_CLASSES, 0);
}

/* Trains one network. With inputs quantized it is the session that says what comes of them; otherwise it is the weights in the file. */
static int train_one(const row *r, smash_result *result, double *accuracy)
{
    static train t, plain;
    net *n = r == rows ? &whole : &other;
    const train_plan plan = { n, r->taught ? &whole : NULL, r->config, r->epochs, data.train_count, r->rate, r->fresh ? 1.0f : 0.1f, 5, digits_batch, &data };
    const smash_arena_mark mark = smash_arena_get_mark(&arena);
    size_t right, by_session;
    smash_ctx_reset(&ctx);
    if (build(n, r)) return fail(r->name);
    if (!r->fresh) net_copy(n, &whole);
    if (train_begin(&ctx, &arena, &plan, &t) || train_run(&t) || train_evaluate(&t, data.train_count, data.count, &by_session, NULL) ||
        train_end(&t, &file, result, &plain) || train_evaluate(&plain, data.train_count, data.count, &right, NULL)) return fail(r->name);
    if (strstr(r->config, "_input_")) right = by_session;
    if (n == &other) smash_arena_rewind(&arena, mark);                   /* the float network stays */
    *accuracy = 100.0 * (double)right / (double)data.count;
    return 0;
}

/* A row of the table. 1: it failed, or is worse than it may be. */
static int train_row(const row *r)
{
    smash_result result;
    double accuracy, lost;
    int worse;
    if (train_one(r, &result, &accuracy)) return 1;
    if (r == rows) float_accuracy = accuracy;
    lost = float_accuracy - accuracy;
    worse = lost > r->most && !train_short();
    printf("%-30s %10lu %8lu %7lu %9.2f %% %7.2f", r->name, (unsigned long)result.parameters, (unsigned long)result.nonzero, (unsigned long)result.bytes, accuracy, lost);
    if (worse) printf("  more than %.2f", r->most);
    printf("\n");
    fflush(stdout);
    return worse;
}

/* The float network comes first. It goes to the file `writes`; or is it, without that, the one in the repository? */
static int table(const char *writes)
{
    static const smash_meta types = { "smash.module_types", "{\"bn1\":\"BatchNorm2d\",\"conv1\":\"Conv2d\",\"conv2\":\"Conv2d\",\"fc\":\"Linear\"}" };
    size_t i;
    int bad;
    printf("%-30s %10s %8s %7s %11s %7s\n", "network", "parameters", "nonzero", "bytes", "held out", "lost");
    if (train_row(&rows[0])) return 1;
    if (train_write(&ctx, &arena, &whole, &types, &file)) return fail(rows[0].name);
    bad = writes ? train_save(&file, writes) : train_check(&file, "examples/models/digits.safetensors");
    for (i = 1; i < sizeof(rows) / sizeof(*rows) && !writes; i++) bad |= train_row(&rows[i]);
    return bad;
}

/* What zeros and bits cost, as curves: report.h */
static int report(const char *path)
{
    static double curves[CURVES][POINTS];
    char config[512];
    smash_result result;
    row r = { "report", config, 24, 48, 0, 0, 0, 0, 0 };
    int curve, point;
    for (curve = 0; curve < CURVES; curve++)
        for (point = 0; point < POINTS; point++) {
            report_config(config, curve, point, &r.epochs, &r.rate);
            if (train_one(&r, &result, &curves[curve][point])) return 1;
        }
    report_print(curves);
    return report_draw(path, curves);
}

int main(int argc, char **argv)
{
    const char *writes = argc == 3 && strcmp(argv[1], "--write") == 0 ? argv[2] : NULL;
    const char *reports = argc == 3 && strcmp(argv[1], "--report") == 0 ? argv[2] : NULL;
    int bad;

    if (argc != 1 && !writes && !reports) { fprintf(stderr, "usage: 05_train [--write MODEL | --report SVG]\n"); return 2; }
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&arena, NULL, 0, smash_allocator_libc());
    bad = digits_open(&ctx, &arena, "examples/data/digits.bin", &data) || table(writes) || (reports && report(reports));
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return bad;
}
