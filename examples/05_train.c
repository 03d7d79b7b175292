/* 05_train.c - the digits network, trained from nothing in plain C; then pruned, quantized and distilled while it trains on, by config only.
 * cc -std=c99 -O2 -I. examples/05_train.c -o 05_train && ./05_train            a few seconds; exits with 1 if a network gets worse than its row allows
 * ./05_train --write examples/models/digits.safetensors                        the trained network, the same bytes everywhere
 * ./05_train --report build/accuracy.svg                                       sparsity and bits against accuracy: a minute */
#define SMASH_IMPLEMENTATION
#include "smash.h"
#include <stdio.h>
#include <string.h>
#include "digits_net.h"
#include "digits_data.h"
#include "net.h"
#include "train.h"

#define MODEL "examples/models/digits.safetensors"
enum { BATCH = 50, EPOCHS = 20, ROOM = 1 << 17 };

static smash_ctx ctx;
static smash_arena arena;
static digits data;
static net whole;                                                        /* the float network */
static double float_accuracy;                                            /* percent of the held-out digits */
static struct { unsigned char bytes[ROOM]; size_t used; } file;          /* the last one written */

static int file_write(void *user, uint64_t offset, const void *bytes, size_t count)
{
    (void)user;
    if (offset + count > ROOM) return 1;
    memcpy(file.bytes + offset, bytes, count);
    if (file.used < offset + count) file.used = (size_t)(offset + count);
    return 0;
}

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
    { "(d) 90 % zeros, int8, taught",   "{" PRUNE("0.9", "8") ", " QAT("int8") ", " TEACH "}",        24, 48, 0, 1, 20, 0.004f, 0.26 }
};

/* The numbers of the network as the file has them */
static int read_back(net *n)
{
    const smash_io io = smash_io_memory(file.bytes, file.used);
    smash_model model;
    smash_tensor w;
    size_t i, q;
    if (smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &model)) return 1;
    for (i = 0; i < n->count; i++)
        for (q = 0; q < n->layer[i].param_count; q++) {
            if (smash_model_restore(&ctx, &model, n->layer[i].param[q].name, &arena, &w, NULL)) return 1;
            memcpy(n->layer[i].param[q].tensor.data, w.data, n->layer[i].param[q].count * sizeof(float));
        }
    return 0;
}

/* Trains one network and writes it; what counts are the weights in the file. With inputs quantized it is the session that says what comes of them. */
static int train_one(const row *r, net *n, smash_result *result, double *accuracy)
{
    static train t, plain;
    train_plan plan = { n, r->taught ? &whole : NULL, r->config, r->epochs, data.train_count, r->rate, r->fresh ? 1.0f : 0.1f, 5, digits_batch, NULL }, as_it_is = plan;
    const smash_io io = { NULL, file_write, NULL, 0, NULL };
    size_t right, by_session;
    as_it_is.config = "{}";
    as_it_is.teacher = NULL;
    if (build(n, r->first, r->second, r->fresh && !r->taught)) return fail(r->name);    /* few weights, few bits or a teacher: no dropout */
    if (!r->fresh) net_copy(n, &whole);
    file.used = 0;
    if (train_begin(&ctx, &arena, &plan, &t) || train_run(&t) || train_evaluate(&t, data.train_count, data.count, &by_session, NULL) ||
        smash_session_end(&ctx, &t.session, &io, result) || read_back(n) ||
        train_begin(&ctx, &arena, &as_it_is, &plain) || train_evaluate(&plain, data.train_count, data.count, &right, NULL)) return fail(r->name);
    if (strstr(r->config, "_input_")) right = by_session;
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
    if (lost > r->most) printf("  more than %.2f", r->most);
    printf("\n");
    fflush(stdout);
    return lost > r->most;
}

/* ---- sparsity and bits against accuracy ---- */

enum { CURVES = 4, POINTS = 7 };
static const int share[POINTS] = { 0, 50, 70, 80, 90, 95, 98 }, bits[POINTS] = { 8, 7, 6, 5, 4, 3, 2 };
static double curve[CURVES][POINTS];

/* Pruned at once, pruned by AGP with 10 epochs of training, quantized at once */
static int measure(void)
{
    static net n;
    char config[512];
    smash_result result;
    size_t c, i;
    for (c = 0; c < CURVES; c++)
        for (i = 0; i < POINTS; i++) {
            const smash_arena_mark mark = smash_arena_get_mark(&arena);
            row r = { "report", config, 24, 48, 0, 0, c == 1 ? 10 : c == 3 ? 4 : 0, c == 3 ? 0.001f : 0.004f, 0 };
            int failed;
            if (c < 2) sprintf(config, "{\"pruner\": \"level\", %s\"level_config_list\": [{" LAYERS "\"target_names\": [\"weight\"], \"sparse_ratio\": 0.%02d, \"global_group_id\": \"all\"}]}",
                               c ? "\"level_schedule\": \"agp\", \"level_schedule_interval\": 28, \"level_schedule_times\": 5, " : "", share[i]);
            else sprintf(config, "{\"quantizer\": \"%s\", \"%s_config_list\": [{" LAYERS "\"target_names\": [\"weight\"], \"quant_dtype\": \"int%d\", \"granularity\": \"out_channel\"}]}",
                         c == 2 ? "ptq" : "qat", c == 2 ? "ptq" : "qat", bits[i]);
            if (c < 2 && !share[i]) strcpy(config, "{}");
            if (c == 1 && !share[i]) r.epochs = 0;
            failed = train_one(&r, &n, &result, &curve[c][i]);
            smash_arena_rewind(&arena, mark);
            smash_ctx_reset(&ctx);
            if (failed) return 1;
        }
    printf("\n%-34s", "zeros, %");
    for (i = 0; i < POINTS; i++) printf(" %7d", share[i]);
    for (c = 0; c < 2; c++) for (printf("\n%-34s", c ? "accuracy, AGP in training" : "accuracy, pruned at once"), i = 0; i < POINTS; i++) printf(" %7.2f", curve[c][i]);
    printf("\n\n%-34s", "bits of a weight");
    for (i = 0; i < POINTS; i++) printf(" %7d", bits[i]);
    for (c = 2; c < 4; c++) for (printf("\n%-34s", c == 3 ? "accuracy, QAT" : "accuracy, quantized at once"), i = 0; i < POINTS; i++) printf(" %7.2f", curve[c][i]);
    printf("\n");
    return 0;
}

enum { TOP = 44, HIGH = 240, LEFT = 56, WIDE = 300, GAP = 76, LOWEST = 60 };   /* of a panel, in pixels; accuracy from LOWEST to 100 % */

static double height_of(double accuracy) { return TOP + HIGH * (100.0 - accuracy) / (100.0 - LOWEST); }

static void draw_line(FILE *f, const char *color, const char *name, int x, const double *y, int at, int label)
{
    int i;
    fprintf(f, "<g fill=\"none\" stroke=\"%s\" stroke-width=\"2\" clip-path=\"url(#panels)\"><polyline points=\"", color);
    for (i = 0; i < POINTS; i++) fprintf(f, "%s%d,%.1f", i ? " " : "", x + i * WIDE / (POINTS - 1), height_of(y[i]));
    fprintf(f, "\"/></g>\n<g fill=\"%s\">", color);
    for (i = 0; i < POINTS; i++) if (y[i] >= LOWEST) fprintf(f, "<circle cx=\"%d\" cy=\"%.1f\" r=\"3.5\"><title>%.2f %%</title></circle>", x + i * WIDE / (POINTS - 1), height_of(y[i]), y[i]);
    fprintf(f, "<text x=\"%d\" y=\"%d\">%s</text></g>\n", at, label, name);
}

static int draw(const char *path)
{
    FILE *f = fopen(path, "w");
    int p, i;
    if (!f) { fprintf(stderr, "%s: cannot be written\n", path); return 1; }
    fprintf(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", LEFT + 2 * WIDE + GAP + 24, TOP + HIGH + 48);
    fprintf(f, "<style>.ink{fill:#57606a}.axis{stroke:#8c959f}.grid{stroke:#8c959f;opacity:.25}@media(prefers-color-scheme:dark){.ink{fill:#9ea7b3}}</style>\n");
    fprintf(f, "<clipPath id=\"panels\"><rect x=\"0\" y=\"0\" width=\"100%%\" height=\"%d\"/></clipPath>\n", TOP + HIGH);
    for (p = 0; p < 2; p++) {
        const int x = LEFT + p * (WIDE + GAP);
        fprintf(f, "<g class=\"ink\"><text x=\"%d\" y=\"20\" font-weight=\"bold\">%s</text>", x, p ? "Held-out digits right, by bits of a weight" : "Held-out digits right, by share of zeros");
        for (i = LOWEST; i <= 100; i += 10) fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d %%</text>", x - 10, height_of(i) + 4, i);
        for (i = 0; i < POINTS; i++) fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d%s</text>", x + i * WIDE / (POINTS - 1), TOP + HIGH + 20, p ? bits[i] : share[i], p ? "" : " %");
        fprintf(f, "</g>\n<g class=\"grid\">");
        for (i = LOWEST + 10; i <= 100; i += 10) fprintf(f, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", x, x + WIDE, height_of(i), height_of(i));
        fprintf(f, "</g>\n<g class=\"axis\"><line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/><line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/></g>\n", x, x + WIDE, TOP + HIGH, TOP + HIGH, x, x, TOP, TOP + HIGH);
    }
    draw_line(f, "#d4651f", "pruned at once", LEFT, curve[0], LEFT + 10, TOP + HIGH - 34);
    draw_line(f, "#2f81f7", "pruned by AGP in training", LEFT, curve[1], LEFT + 10, TOP + HIGH - 16);
    draw_line(f, "#d4651f", "quantized at once", LEFT + WIDE + GAP, curve[2], LEFT + WIDE + GAP + 10, TOP + HIGH - 34);
    draw_line(f, "#2f81f7", "quantized in training (QAT)", LEFT + WIDE + GAP, curve[3], LEFT + WIDE + GAP + 10, TOP + HIGH - 16);
    fprintf(f, "</svg>\n");
    return fclose(f) != 0;
}

/* The float network alone, as a file */
static int write_whole(void)
{
    static const smash_meta types = { "smash.module_types", "{\"bn1\":\"BatchNorm2d\",\"conv1\":\"Conv2d\",\"conv2\":\"Conv2d\",\"fc\":\"Linear\"}" };
    const smash_io io = { NULL, file_write, NULL, 0, NULL };
    smash_tensor tensors[DIGITS_TENSORS];
    smash_layout layout;
    size_t i, q, n = 0;
    file.used = 0;
    for (i = 0; i < whole.count; i++) for (q = 0; q < whole.layer[i].param_count; q++) tensors[n++] = whole.layer[i].param[q].tensor;
    if (smash_safetensors_layout(&ctx, tensors, n, &types, 1, &arena, &layout) || smash_safetensors_begin(&ctx, &layout, &io)) return fail(MODEL);
    for (i = 0; i < n; i++) if (smash_safetensors_put(&ctx, &layout, &io, i, &tensors[i])) return fail(MODEL);
    return 0;
}

/* Is the network that was trained just now the one in the repository? */
static int compare(void)
{
    static unsigned char there[ROOM];
    FILE *f = fopen(MODEL, "rb");
    const size_t n = f ? fread(there, 1, ROOM, f) : 0;
    if (f) fclose(f);
    if (write_whole()) return 1;
    if (n == file.used && memcmp(there, file.bytes, n) == 0) return 0;
    fprintf(stderr, "%s is not what training gives here\n", MODEL);
    return 1;
}

int main(int argc, char **argv)
{
    const int writes = argc == 3 && strcmp(argv[1], "--write") == 0, reports = argc == 3 && strcmp(argv[1], "--report") == 0;
    smash_arena_mark mark;
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
    mark = smash_arena_get_mark(&arena);
    if (!bad && !writes) bad = compare();
    for (i = 1; i < sizeof(rows) / sizeof(*rows) && !writes; i++) {
        bad |= train_row(&rows[i], &n);
        smash_arena_rewind(&arena, mark);
        smash_ctx_reset(&ctx);
    }
    if (!bad && reports) bad = measure() || draw(argv[2]);
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return bad;
}
