/* report.h - what zeros and bits cost: four curves as a table and as a picture. Include after <stdio.h>. */
#ifndef REPORT_H
#define REPORT_H

enum { POINTS = 7, PRUNED = 0, PRUNED_IN_TRAINING, QUANTIZED, QUANTIZED_IN_TRAINING, CURVES };
static const int zeros[POINTS] = { 0, 50, 70, 80, 90, 95, 98 }, bits[POINTS] = { 8, 7, 6, 5, 4, 3, 2 };      /* percent; of a weight */

/* Pruned at once or by AGP with 10 epochs of training, quantized at once or with 4 */
static inline void report_config(char *config, int curve, int point, size_t *epochs, float *rate)
{
    const char *layers = "\"op_types\": [\"Conv2d\", \"Linear\"], \"target_names\": [\"weight\"]", *quantizer = curve == QUANTIZED ? "ptq" : "qat";
    const char *agp = "\"level_schedule\": \"agp\", \"level_schedule_interval\": 28, \"level_schedule_times\": 5, ";
    const int prunes = curve == PRUNED || curve == PRUNED_IN_TRAINING, none = prunes && !zeros[point];
    *epochs = none ? 0 : curve == PRUNED_IN_TRAINING ? 10 : curve == QUANTIZED_IN_TRAINING ? 4 : 0;
    *rate = curve == QUANTIZED_IN_TRAINING ? 0.001f : 0.004f;
    if (none) sprintf(config, "{}");
    else if (prunes) sprintf(config, "{\"pruner\": \"level\", %s\"level_config_list\": [{%s, \"sparse_ratio\": 0.%02d, \"global_group_id\": \"all\"}]}", curve == PRUNED ? "" : agp, layers, zeros[point]);
    else sprintf(config, "{\"quantizer\": \"%s\", \"%s_config_list\": [{%s, \"quant_dtype\": \"int%d\", \"granularity\": \"out_channel\"}]}", quantizer, quantizer, layers, bits[point]);
}

enum { TOP = 44, HIGH = 240, LEFT = 56, WIDE = 300, GAP = 76, LOWEST = 60 };   /* of a panel, in pixels; accuracy from LOWEST to 100 % */

static inline void report_row(const char *name, const int *n, const double *y)
{
    int i;
    printf("\n%-34s", name);
    for (i = 0; i < POINTS; i++) if (n) printf(" %7d", n[i]); else printf(" %7.2f", y[i]);
}

static inline void report_print(double curve[CURVES][POINTS])
{
    report_row("zeros, %", zeros, NULL);
    report_row("accuracy, pruned at once", NULL, curve[PRUNED]);
    report_row("accuracy, AGP in training", NULL, curve[PRUNED_IN_TRAINING]);
    printf("\n");
    report_row("bits of a weight", bits, NULL);
    report_row("accuracy, quantized at once", NULL, curve[QUANTIZED]);
    report_row("accuracy, QAT", NULL, curve[QUANTIZED_IN_TRAINING]);
    printf("\n");
}

static inline double report_height(double accuracy) { return TOP + HIGH * (100.0 - accuracy) / (100.0 - LOWEST); }

static inline void report_line(FILE *f, const char *color, const char *name, int x, const double *y, int label)
{
    int i;
    fprintf(f, "<g fill=\"none\" stroke=\"%s\" stroke-width=\"2\" clip-path=\"url(#panels)\"><polyline points=\"", color);
    for (i = 0; i < POINTS; i++) fprintf(f, "%s%d,%.1f", i ? " " : "", x + i * WIDE / (POINTS - 1), report_height(y[i]));
    fprintf(f, "\"/></g>\n<g fill=\"%s\">", color);
    for (i = 0; i < POINTS; i++) if (y[i] >= LOWEST) fprintf(f, "<circle cx=\"%d\" cy=\"%.1f\" r=\"3.5\"><title>%.2f %%</title></circle>", x + i * WIDE / (POINTS - 1), report_height(y[i]), y[i]);
    fprintf(f, "<text x=\"%d\" y=\"%d\">%s</text></g>\n", x + 10, label, name);
}

static inline int report_draw(const char *path, double curve[CURVES][POINTS])
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
        for (i = LOWEST; i <= 100; i += 10) fprintf(f, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%d %%</text>", x - 10, report_height(i) + 4, i);
        for (i = 0; i < POINTS; i++) fprintf(f, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d%s</text>", x + i * WIDE / (POINTS - 1), TOP + HIGH + 20, p ? bits[i] : zeros[i], p ? "" : " %");
        fprintf(f, "</g>\n<g class=\"grid\">");
        for (i = LOWEST + 10; i <= 100; i += 10) fprintf(f, "<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", x, x + WIDE, report_height(i), report_height(i));
        fprintf(f, "</g>\n<g class=\"axis\"><line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/><line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/></g>\n", x, x + WIDE, TOP + HIGH, TOP + HIGH, x, x, TOP, TOP + HIGH);
    }
    report_line(f, "#d4651f", "pruned at once", LEFT, curve[PRUNED], TOP + HIGH - 34);
    report_line(f, "#2f81f7", "pruned by AGP in training", LEFT, curve[PRUNED_IN_TRAINING], TOP + HIGH - 16);
    report_line(f, "#d4651f", "quantized at once", LEFT + WIDE + GAP, curve[QUANTIZED], TOP + HIGH - 34);
    report_line(f, "#2f81f7", "quantized in training (QAT)", LEFT + WIDE + GAP, curve[QUANTIZED_IN_TRAINING], TOP + HIGH - 16);
    fprintf(f, "</svg>\n");
    return fclose(f) != 0;
}
#endif
