/* The training session, driven by hand: step by step against the formulas, saved and taken up again, and misused. */
#include "../smash.h"
#include "session_net.h"
#include "golden/config_list_schedule.h"

static size_t zeros_of(const float *x, size_t n) { size_t i, z = 0; for (i = 0; i < n; i++) z += x[i] == 0; return z; }

/* One step of a loop that any config goes through: all parameters and two outputs forward, the loss, gradients that are made up, and an
 * optimizer. *loss: what the session adds to a loss of 1. */
enum { BATCH = 2 };
static const char *const outputs[2] = { "fc1._output_0", "fc2._output_0" };
static double made_up(size_t step, size_t param, size_t i) { return (double)((step * 5 + param * 11 + i * 3) % 17) * 0.125 - 1.0; }
static double output_of(size_t step, size_t i) { return (double)((step * 13 + i * 7) % 19) * 0.5 - 4.0; }

static smash_err one_step(net *n, smash_ctx *ctx, size_t step, double *loss)
{
    static const size_t shapes[2][2] = { { BATCH, 6 }, { BATCH, 3 } };
    float y[BATCH * 6], g[24];
    double total, scale;
    uint32_t slot;
    size_t p, i, count;
    smash_err err = SMASH_OK;
    for (p = 0; !err && p < 4; p++) {
        smash_tensor t = n->model.params[p].tensor;
        err = smash_session_find(ctx, &n->s, n->model.params[p].name, &slot);
        if (!err) err = smash_session_forward(ctx, &n->s, slot, &t);
    }
    for (p = 0; !err && p < 2; p++) {
        smash_tensor t = test_view(SMASH_F32, y, 2, shapes[p]);
        for (i = 0; i < shapes[p][0] * shapes[p][1]; i++) y[i] = (float)output_of(step, i);
        err = smash_session_find(ctx, &n->s, outputs[p], &slot);
        if (!err) err = smash_session_forward(ctx, &n->s, slot, &t);
    }
    if (!err) err = smash_session_loss(ctx, &n->s, 1, &total, &scale);
    if (!err && loss) *loss = total - 1;
    for (p = 0; !err && p < 4; p++) {
        smash_tensor t = n->model.params[p].tensor;
        smash_tensor_count(&t, &count);
        for (i = 0; i < count; i++) g[i] = (float)made_up(step, p, i);
        err = smash_session_find(ctx, &n->s, n->model.params[p].name, &slot);
        t.data = g;
        if (!err) err = smash_session_backward(ctx, &n->s, slot, &t);
        for (i = 0; !err && i < count; i++) ((float *)n->model.params[p].tensor.data)[i] -= 0.0625f * g[i];
    }
    return err ? err : smash_session_step(ctx, &n->s);
}

/* Rows of fc1 that are kept, and its biases, as the forward pass has them: they must say the same */
static unsigned rows_kept(net *n, smash_ctx *ctx, size_t step)
{
    const float *w = forward(n, ctx, 0), *b = forward(n, ctx, 1);
    unsigned kept = 0, biases = 0;
    size_t r;
    for (r = 0; r < 6; r++) {
        kept |= (unsigned)(zeros_of(w + r * 4, 4) < 4) << r;
        biases |= (unsigned)(b[r] != 0 || n->b1[r] == 0) << r;
    }
    for (r = 0; r < 6; r++) if (n->b1[r] == 0) biases = (biases & ~(1u << r)) | (kept & 1u << r);
    CHECK(kept == biases, "step %d: rows %x, biases %x", (int)step, kept, biases);
    return kept;
}

/* All but the k smallest of n scores, lower index first */
static unsigned all_but(const double *score, size_t n, size_t k)
{
    unsigned kept = (1u << n) - 1;
    size_t i;
    while (k--) {
        size_t at = n;
        for (i = 0; i < n; i++) if (kept >> i & 1 && (at == n || score[i] < score[at])) at = i;
        kept &= ~(1u << at);
    }
    return kept;
}

static void same_near(double a, double b, const char *what, size_t step, size_t i)
{
    const double d = a > b ? a - b : b - a, most = (a < 0 ? -a : a) + (b < 0 ? -b : b);
    CHECK(d <= 1e-9 * most + 1e-12, "%s, step %d, number %d: %.17g and %.17g", what, (int)step, (int)i, a, b);
}

/* ---- schedules ---- */

#define FC1 "\"op_names\": [\"fc1\"], \"target_names\": [\"weight\"]"

static void test_schedule(smash_ctx *ctx)
{
    static const struct { const char *config; size_t zeros[7]; } rows[] = {
        { "{\"pruner\": \"level\", \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.8}]}", { 19, 19, 19, 19, 19, 19, 19 } },
        { "{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_times\": 4, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.8}]}", { 0, 11, 16, 18, 19, 19, 19 } },
        { "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_times\": 4, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.8}]}", { 0, 4, 9, 14, 19, 19, 19 } },
        { "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_interval\": 2, \"level_schedule_times\": 2, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.8}]}", { 0, 0, 9, 9, 19, 19, 19 } },
        { "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_times\": 4, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.8, \"max_sparse_ratio\": 0.5}]}", { 0, 3, 6, 9, 12, 12, 12 } },
        { "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_times\": 4, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.1, \"min_sparse_ratio\": 0.5}]}", { 0, 3, 6, 9, 12, 12, 12 } },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_schedule\": \"agp\", \"l1_norm_schedule_times\": 3, \"l1_norm_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5}]}", { 0, 8, 8, 12, 12, 12, 12 } },
        { "{\"pruner\": \"l2_norm\", \"l2_norm_schedule\": \"linear\", \"l2_norm_schedule_times\": 3, \"l2_norm_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5}]}", { 0, 4, 8, 12, 12, 12, 12 } },
        { "{\"pruner\": \"fpgm\", \"fpgm_schedule\": \"linear\", \"fpgm_schedule_times\": 3, \"fpgm_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5}]}", { 0, 4, 8, 12, 12, 12, 12 } },
    };
    size_t i, step;
    for (i = 0; i < COUNT_OF(rows); i++) {
        net n;
        net_begin(&n, ctx, rows[i].config);
        for (step = 0; step < 7; step++) {
            const float *w = forward(&n, ctx, 0);
            CHECK(zeros_of(w, 24) == rows[i].zeros[step], "row %d, step %d: %d zeros", (int)i, (int)step, (int)zeros_of(w, 24));
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            CHECK(n.s.step == step + 1 && !n.s.rewound, "row %d, step %d", (int)i, (int)step);
        }
        net_done(&n);
    }
}

/* A threshold grows with its schedule, and masks are made of the weights as they are then: what has grown comes back. */
static void test_threshold(smash_ctx *ctx)
{
    net n;
    size_t step, i;
    net_begin(&n, ctx, "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_times\": 4, \"level_config_list\": [{" FC1 ", \"sparse_threshold\": 1}]}");
    for (step = 0; step < 6; step++) {
        const float *w = forward(&n, ctx, 0);
        const double most = step > 4 ? 1 : (double)step / 4;
        float made[24];
        memcpy(made, w, sizeof made);
        for (i = 0; i < 24; i++) {
            const double size = n.w1[i] < 0 ? -(double)n.w1[i] : (double)n.w1[i];
            CHECK(made[i] == (size < (double)(float)most ? 0 : n.w1[i]), "step %d, weight %d: %g of %g", (int)step, (int)i, (double)made[i], (double)n.w1[i]);
        }
        for (i = 0; i < 24 && step < 4; i++) n.w1[i] = wave(i + step, 0.01 * (double)step);
        CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step %d", (int)step);
        if (step >= 4) break;
    }
    net_done(&n);
}

/* ---- scores ---- */

/* interval 4, 2 of them with gradients, 2 intervals: masks after step 2 (of nothing), 6 and 8 */
static void test_taylor(smash_ctx *ctx)
{
    static const struct { const char *config; size_t interval, steps, times; } rows[] = {
        { "{\"pruner\": \"taylor\", \"taylor_training_steps\": 3, \"taylor_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}]}", 3, 3, 1 },
        { "{\"pruner\": \"taylor\", \"taylor_training_steps\": 2, \"taylor_schedule\": \"linear\", \"taylor_schedule_interval\": 4, \"taylor_schedule_times\": 2, "
          "\"taylor_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}]}", 4, 2, 2 },
        { "{\"pruner\": \"taylor\", \"taylor_training_steps\": 2, \"taylor_schedule\": \"agp\", \"taylor_schedule_interval\": 2, \"taylor_schedule_times\": 3, "
          "\"taylor_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.7}]}", 2, 2, 3 },
    };
    size_t i, step, r, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        double sum[6] = { 0 };
        unsigned kept = 63;
        const double goal = i == 2 ? 0.7 : 0.5;
        net n;
        net_begin(&n, ctx, rows[i].config);
        for (step = 1; step <= 10; step++) {
            const size_t into = (step - 1) % rows[i].interval, whole = step / rows[i].interval, left = rows[i].times > whole ? rows[i].times - whole : 0;
            double share = 1 - (double)left / (double)rows[i].times;
            if (i == 2) share = 1 - (double)(left * left * left) / (double)(rows[i].times * rows[i].times * rows[i].times);
            if (into == 0) memset(sum, 0, sizeof sum);
            for (k = 0; into < rows[i].steps && k < 24; k++) {
                const double wg = (double)n.w1[k] * made_up(step, 0, k);
                if (kept >> k / 4 & 1) sum[k / 4] += wg * wg;
            }
            CHECK_ERR(ctx, one_step(&n, ctx, step, NULL), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            if (step <= rows[i].interval * rows[i].times && (into + 1 == rows[i].steps || step == rows[i].interval * rows[i].times)) kept = all_but(sum, 6, (size_t)(6 * (goal * share)));
            r = rows_kept(&n, ctx, step);
            CHECK(r == kept, "row %d, step %d: %x, not %x", (int)i, (int)step, (unsigned)r, kept);
            n.s.step = step;
            { smash_result none; CHECK_ERR(ctx, smash_session_end(ctx, &n.s, NULL, &none), SMASH_OK, "row %d, step %d", (int)i, (int)step); }
        }
        CHECK(kept == (i == 2 ? all_but(sum, 6, 4) : kept) || i == 2, "row %d", (int)i);
        net_done(&n);
    }
}

/* Adam, from the paper */
typedef struct adam { double mean, squares; } adam;
static double adam_step(adam *a, size_t step, double g)
{
    double one = 1, two = 1, root;
    size_t i;
    for (i = 0; i < step; i++) { one *= 0.9; two *= 0.999; }
    a->mean = 0.9 * a->mean + (1 - 0.9) * g;
    a->squares = 0.999 * a->squares + (1 - 0.999) * g * g;
    root = smash_sqrt(a->squares / (1 - two));
    return 0.01 * (a->mean / (1 - one)) / (root + 1e-8);
}

static void test_slim(smash_ctx *ctx)
{
    static const char config[] = "{\"pruner\": \"slim\", \"slim_training_steps\": 5, \"slim_regular_scale\": 0.25, \"slim_config_list\": [{\"op_names\": [\"fc1\", \"fc2\"], \"sparse_ratio\": 0.5}]}";
    double f[9], penalty, loss;
    adam a[9];
    unsigned kept = 511;
    size_t step, i, k;
    net n;
    memset(a, 0, sizeof a);
    for (i = 0; i < 9; i++) f[i] = 1;
    net_begin(&n, ctx, config);
    for (step = 1; step <= 8; step++) {
        double slope[9] = { 0 };
        const float *w;
        for (i = 0, penalty = 0; i < 9; i++) penalty += 0.125 * (f[i] < 0 ? -f[i] : f[i]);
        if (step > 5) penalty = 0;
        for (k = 0; k < 24; k++) slope[k / 4] += (double)n.w1[k] * made_up(step, 0, k);
        for (k = 0; k < 18; k++) slope[6 + k / 6] += (double)n.w2[k] * made_up(step, 2, k);
        CHECK_ERR(ctx, one_step(&n, ctx, step, &loss), SMASH_OK, "step %d", (int)step);
        same_near(loss, penalty, "penalty", step, 0);
        for (i = 0; i < 9 && step <= 5; i++) f[i] -= adam_step(&a[i], step, slope[i] + (f[i] < 0 ? -0.125 : 0.125));
        if (step == 5) kept = all_but(f, 6, 3) | all_but(f + 6, 3, 1) << 6;
        w = forward(&n, ctx, 0);
        for (k = 0; k < 24; k++) {
            const float want = kept >> k / 4 & 1 ? (float)((double)n.w1[k] * f[k / 4]) : 0;
            CHECK((double)w[k] - (double)want < 1e-6 && (double)want - (double)w[k] < 1e-6, "step %d, weight %d: %.9g, not %.9g", (int)step, (int)k, (double)w[k], (double)want);
        }
        w = forward(&n, ctx, 2);
        for (k = 0; k < 18; k++) {
            const float want = kept >> (6 + k / 6) & 1 ? (float)((double)n.w2[k] * f[6 + k / 6]) : 0;
            CHECK((double)w[k] - (double)want < 1e-6 && (double)want - (double)w[k] < 1e-6, "step %d, weight %d of fc2: %.9g, not %.9g", (int)step, (int)k, (double)w[k], (double)want);
        }
        CHECK_ERR(ctx, smash_session_step(ctx, &n.s), step < 5 ? SMASH_ERR_ARG : SMASH_OK, "step %d", (int)step);
        if (step >= 5) break;
    }
    net_done(&n);
}

static void test_movement(smash_ctx *ctx)
{
    static const char *const configs[2] = {
        "{\"pruner\": \"movement\", \"movement_warmup_step\": 2, \"movement_cooldown_begin_step\": 6, \"movement_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5}]}",
        "{\"pruner\": \"movement\", \"movement_warmup_step\": 2, \"movement_cooldown_begin_step\": 6, \"movement_regular_scale\": 3, \"movement_config_list\": [{" FC1 ", \"sparse_threshold\": 0.5}]}" };
    static const double goals[] = { 0, 0, 0, 0.2890625, 0.4375, 0.4921875, 0.5, 0.5, 0.5 };
    size_t i, step, k;
    for (i = 0; i < 2; i++) {
        double s[24] = { 0 }, loss, penalty;
        adam a[24];
        net n;
        memset(a, 0, sizeof a);
        net_begin(&n, ctx, configs[i]);
        for (step = 1; step <= 8; step++) {
            const double share = goals[step] * 2;
            double slope[24];
            unsigned kept = (1u << 24) - 1;
            const float *w;
            for (k = 0, penalty = 0; k < 24; k++) {
                const double e = smash_exp(-s[k]), sigmoid = 1 / (1 + e);
                slope[k] = (double)n.w1[k] * made_up(step, 0, k);
                if (i) slope[k] += 3 * share / 24 * sigmoid * (1 - sigmoid);
                if (i) penalty += 3 * share / 24 * sigmoid;
            }
            CHECK_ERR(ctx, one_step(&n, ctx, step, &loss), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            same_near(loss, penalty, "penalty", step, i);
            for (k = 0; k < 24; k++) s[k] -= adam_step(&a[k], step, slope[k]);
            if (i == 0) kept = all_but(s, 24, (size_t)(24 * goals[step]));
            else for (k = 0; k < 24; k++) if (step > 2 && 1 / (1 + smash_exp(-s[k])) < 0.5 * share) kept &= ~(1u << k);
            w = forward(&n, ctx, 0);
            for (k = 0; k < 24; k++) CHECK(w[k] == (kept >> k & 1 ? n.w1[k] : 0), "row %d, step %d, weight %d: %g", (int)i, (int)step, (int)k, (double)w[k]);
            { smash_tensor t = n.model.params[0].tensor; uint32_t slot; (void)t; (void)smash_session_find(ctx, &n.s, "fc1.weight", &slot); }
        }
        net_done(&n);
    }
}

static void test_activations(smash_ctx *ctx)
{
    static const struct { const char *algorithm, *activation; } rows[] = { { "activation_apoz", "relu" }, { "activation_mean_rank", "relu" }, { "activation_mean_rank", "relu6" }, { "activation_mean_rank", "gelu" } };
    size_t i, step, c, b;
    for (i = 0; i < COUNT_OF(rows); i++) {
        char config[512];
        double sum[6] = { 0 };
        unsigned kept = 63, got;
        net n;
        snprintf(config, sizeof config, "{\"pruner\": \"%s\", \"%s_training_steps\": 3, \"%s_activation\": \"%s\", \"%s_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}]}",
                 rows[i].algorithm, rows[i].algorithm, rows[i].algorithm, rows[i].activation, rows[i].algorithm);
        net_begin(&n, ctx, config);
        for (step = 1; step <= 5; step++) {
            for (b = 0; b < BATCH && step <= 3; b++)
                for (c = 0; c < 6; c++) {
                    const double x = output_of(step, b * 6 + c), relu = x > 0 ? x : 0;
                    if (i == 0) sum[c] += relu != 0;
                    else if (i == 3) sum[c] += 0.5 * x * (1 + smash_tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
                    else sum[c] += i == 2 && relu > 6 ? 6 : relu;
                }
            CHECK_ERR(ctx, one_step(&n, ctx, step, NULL), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            if (step == 3) kept = all_but(sum, 6, 3);
            got = rows_kept(&n, ctx, step);
            CHECK(got == kept, "row %d, step %d: %x, not %x", (int)i, (int)step, got, kept);
        }
        net_done(&n);
    }
}

/* 2 iterations of 3 steps: Z and U by hand */
static void test_admm(smash_ctx *ctx)
{
    double z[24], u[24] = { 0 }, loss, penalty;
    size_t step, k;
    net n;
    net_begin(&n, ctx, "{\"pruner\": \"admm\", \"admm_iterations\": 2, \"admm_training_steps\": 3, \"admm_row\": 0.5, \"admm_base\": \"level\", \"admm_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5}]}");
    for (k = 0; k < 24; k++) z[k] = (double)n.w1[k];
    for (step = 1; step <= 8; step++) {
        float want[24];
        double v[24];
        unsigned kept;
        const float *w;
        for (k = 0, penalty = 0; k < 24; k++) {
            const double gap = (double)n.w1[k] - z[k] + u[k];
            penalty += 0.25 * gap * gap;
            want[k] = n.w1[k] - 0.0625f * (float)(made_up(step, 0, k) * (step > 7 ? 0 : 1) + (step <= 6 ? 0.5 * gap : 0));
        }
        CHECK_ERR(ctx, one_step(&n, ctx, step, &loss), SMASH_OK, "step %d", (int)step);
        same_near(loss, step <= 6 ? penalty : 0, "penalty", step, 0);
        for (k = 0; k < 24 && step <= 6; k++) CHECK(n.w1[k] == want[k], "step %d, weight %d: %.9g, not %.9g", (int)step, (int)k, (double)n.w1[k], (double)want[k]);
        for (k = 0; k < 24; k++) v[k] = (double)n.w1[k] + (step < 6 ? u[k] : 0);
        for (k = 0; k < 24; k++) z[k] = step % 3 ? z[k] : v[k];
        for (k = 0; k < 24; k++) if (v[k] < 0) v[k] = -v[k];
        kept = all_but(v, 24, 12);
        w = forward(&n, ctx, 0);
        if (step == 3) for (k = 0; k < 24; k++) { if (!(kept >> k & 1)) z[k] = 0; u[k] += (double)n.w1[k] - z[k]; }
        if (step < 6) CHECK(!memcmp(w, n.w1, sizeof n.w1), "step %d: masked before the end", (int)step);
        if (step == 6) for (k = 0; k < 24; k++) CHECK(w[k] == (kept >> k & 1 ? n.w1[k] : 0), "step %d, weight %d", (int)step, (int)k);
        if (step > 6) CHECK(zeros_of(w, 24) == 12, "step %d: %d", (int)step, (int)zeros_of(w, 24));
        for (k = 0; k < n.s.plan->count; k++) {
            const smash_row *row = &n.s.plan->rows[k];
            CHECK(row->mask_stats.dropped == (step < 6 ? 0 : row->mask_stats.blocks / 2) && row->mask_stats.elements == row->mask_stats.dropped && (row->mask_stats.ratio > 0) == (step >= 6) && row->note == NULL,
                  "step %d: %d of %d are masked by the row, %s", (int)step, (int)row->mask_stats.dropped, (int)row->mask_stats.blocks, row->note ? row->note : "");
        }
    }
    net_done(&n);
}

static void test_lottery(smash_ctx *ctx)
{
    static const size_t zeros[] = { 0, 6, 11, 14, 17, 19 };               /* 24 times 1 - (1 - 0.8)^(k / 5): .2752 .4747 .6193 .7241 .8 */
    size_t reset, step;
    for (reset = 0; reset < 2; reset++) {
        char config[256];
        float first[24], before[24];
        net n;
        snprintf(config, sizeof config, "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 5, \"lottery_ticket_training_steps\": 2, \"lottery_ticket_reset_weights\": %s, "
                 "\"lottery_ticket_config_list\": [{" FC1 ", \"sparse_ratio\": 0.8}]}", reset ? "true" : "false");
        net_begin(&n, ctx, config);
        memcpy(first, n.w1, sizeof first);
        memcpy(before, forward(&n, ctx, 0), sizeof before);
        for (step = 1; step <= 12; step++) {
            const float *w;
            size_t k, round = step / 2 > 5 ? 5 : step / 2;
            CHECK_ERR(ctx, one_step(&n, ctx, step, NULL), SMASH_OK, "step %d", (int)step);
            w = forward(&n, ctx, 0);
            CHECK(zeros_of(w, 24) == zeros[round], "step %d: %d zeros, not %d", (int)step, (int)zeros_of(w, 24), (int)zeros[round]);
            CHECK(n.s.rewound == (reset && step % 2 == 0 && step <= 10), "step %d: rewound %d", (int)step, (int)n.s.rewound);
            if (n.s.rewound) CHECK(!memcmp(n.w1, first, sizeof first) && n.b1[0] == -0.5f, "step %d: not where it was", (int)step);
            for (k = 0; k < 24; k++) CHECK(w[k] == 0 || before[k] != 0, "step %d: weight %d is back", (int)step, (int)k);
            memcpy(before, w, sizeof before);
        }
        net_done(&n);
    }
}

/* What is asked for at each step is the share of the goal that NNI recorded, and so is what goes. */
static void test_recorded(smash_ctx *ctx)
{
    static const double goals[] = { 1, 0.5, 0.75 };
    size_t i, agp, goal, every, step;
    for (i = 0; i < COUNT_OF(golden_schedule); i++) for (agp = 0; agp < 2; agp++) for (goal = 0; goal < COUNT_OF(goals); goal++) for (every = 1; every <= 3; every += 2) {
        const size_t times = golden_schedule[i].times;
        char config[256];
        net n;
        snprintf(config, sizeof config, "{\"pruner\": \"level\", \"level_schedule\": \"%s\", \"level_schedule_times\": %d, \"level_schedule_interval\": %d, \"level_sparse_ratio\": %g}", agp ? "agp" : "linear", (int)times, (int)every, goals[goal]);
        net_begin(&n, ctx, config);
        for (step = 1; step <= times * every + 2; step++) {
            const size_t t = step / every > times ? times : step / every;
            const double share = !t ? 0 : agp ? golden_schedule[i].agp[t - 1] : golden_schedule[i].linear[t - 1];
            CHECK_ERR(ctx, one_step(&n, ctx, step, NULL), SMASH_OK, "%s, step %d", config, (int)step);
            CHECK(n.s.plan->rows[0].mask.ratio == goals[goal] * share && n.s.plan->rows[0].mask_stats.dropped == (size_t)(goals[goal] * share * 24), "%s, step %d: %.17g, %d", config, (int)step, n.s.plan->rows[0].mask.ratio,
                  (int)n.s.plan->rows[0].mask_stats.dropped);
        }
        net_done(&n);
    }
}

/* ---- saved and taken up again ---- */

static const char *const every[] = {
    "{}",
    "{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_times\": 4, \"level_sparse_ratio\": 0.8}",
    "{\"pruner\": \"l1_norm\", \"l1_norm_schedule\": \"linear\", \"l1_norm_schedule_interval\": 2, \"l1_norm_schedule_times\": 2, \"l1_norm_sparse_ratio\": 0.5}",
    "{\"pruner\": \"taylor\", \"taylor_training_steps\": 2, \"taylor_schedule\": \"linear\", \"taylor_schedule_interval\": 3, \"taylor_schedule_times\": 2, \"taylor_sparse_ratio\": 0.5}",
    "{\"pruner\": \"slim\", \"slim_training_steps\": 4, \"slim_config_list\": [{\"op_names\": [\"fc1\", \"fc2\"], \"sparse_ratio\": 0.5, \"global_group_id\": \"g\"}]}",
    "{\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 4, \"movement_sparse_ratio\": 0.5, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int8\"}",
    "{\"pruner\": \"taylor\", \"taylor_training_steps\": 3, \"taylor_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"global_group_id\": 1}]}",
    "{\"pruner\": \"admm\", \"admm_iterations\": 2, \"admm_training_steps\": 2, \"admm_base\": \"fpgm\", \"admm_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.4, \"global_group_id\": 1}]}",
    "{\"pruner\": \"activation_apoz\", \"activation_apoz_training_steps\": 3, \"activation_apoz_sparse_ratio\": 0.5}",
    "{\"pruner\": \"activation_mean_rank\", \"activation_mean_rank_training_steps\": 2, \"activation_mean_rank_schedule\": \"agp\", \"activation_mean_rank_schedule_interval\": 2, \"activation_mean_rank_schedule_times\": 2, \"activation_mean_rank_sparse_ratio\": 0.5}",
    "{\"pruner\": \"activation_mean_rank\", \"activation_mean_rank_training_steps\": 1, \"activation_mean_rank_schedule\": \"linear\", \"activation_mean_rank_schedule_interval\": 3, \"activation_mean_rank_schedule_times\": 2, \"activation_mean_rank_sparse_ratio\": 0.5}",
    "{\"pruner\": \"admm\", \"admm_iterations\": 2, \"admm_training_steps\": 2, \"admm_row\": 0.1, \"admm_sparse_ratio\": 0.5}",
    "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 2, \"lottery_ticket_sparse_ratio\": 0.5}",
};

static void test_saved(smash_ctx *ctx)
{
    enum { STEPS = 7 };
    size_t i, step, at;
    for (i = 0; i < COUNT_OF(every); i++) {
        smash_result result;
        smash_io io;
        net a, b;
        net_begin(&a, ctx, every[i]);
        for (step = 1; step <= STEPS; step++) CHECK_ERR(ctx, one_step(&a, ctx, step, NULL), SMASH_OK, "config %d, step %d", (int)i, (int)step);
        io = to_file(&files[0]);
        CHECK_ERR(ctx, smash_session_end(ctx, &a.s, &io, &result), SMASH_OK, "config %d", (int)i);
        CHECK(result.bytes == files[0].used && result.parameters == 51, "config %d: %d parameters", (int)i, (int)result.parameters);
        io = to_file(&files[1]);
        CHECK_ERR(ctx, smash_session_save(ctx, &a.s, &io), SMASH_OK, "config %d", (int)i);
        for (at = 0; at <= STEPS; at++) {
            net_begin(&b, ctx, every[i]);
            for (step = 1; step <= at; step++) CHECK_ERR(ctx, one_step(&b, ctx, step, NULL), SMASH_OK, "config %d, step %d", (int)i, (int)step);
            io = to_file(&files[2]);
            CHECK_ERR(ctx, smash_session_save(ctx, &b.s, &io), SMASH_OK, "config %d, step %d", (int)i, (int)at);
            net_done(&b);
            net_begin(&b, ctx, every[i]);
            if (at % 2) CHECK_ERR(ctx, one_step(&b, ctx, 3, NULL), SMASH_OK, "config %d, another step", (int)i);          /* into a session that is elsewhere */
            b.w1[3] = 99;
            io = from_file(&files[2]);
            CHECK_ERR(ctx, smash_session_load(ctx, &b.s, &io), SMASH_OK, "config %d, step %d", (int)i, (int)at);
            CHECK(b.s.step == at, "config %d, step %d", (int)i, (int)at);
            for (step = at + 1; step <= STEPS; step++) CHECK_ERR(ctx, one_step(&b, ctx, step, NULL), SMASH_OK, "config %d, from %d, step %d", (int)i, (int)at, (int)step);
            io = to_file(&files[2]);
            CHECK_ERR(ctx, smash_session_end(ctx, &b.s, &io, &result), SMASH_OK, "config %d", (int)i);
            CHECK(files[2].used == files[0].used && !memcmp(files[2].data, files[0].data, files[0].used), "config %d, from %d: another file", (int)i, (int)at);
            io = to_file(&files[2]);
            CHECK_ERR(ctx, smash_session_save(ctx, &b.s, &io), SMASH_OK, "config %d", (int)i);
            CHECK(files[2].used == files[1].used && !memcmp(files[2].data, files[1].data, files[1].used), "config %d, from %d: another session", (int)i, (int)at);
            net_done(&b);
        }
        net_done(&a);
    }
}

/* Files of others, cut off, and with other numbers: refused, and the session stays where it is. */
static void test_enemies(smash_ctx *ctx)
{
    static const char config[] = "{\"pruner\": \"activation_apoz\", \"activation_apoz_training_steps\": 3, \"activation_apoz_sparse_ratio\": 0.5}";
    smash_io io;
    size_t cut, i, refused = 0;
    net a, b;
    net_begin(&a, ctx, config);
    for (i = 1; i <= 2; i++) CHECK_ERR(ctx, one_step(&a, ctx, i, NULL), SMASH_OK, "step");
    io = to_file(&files[0]);
    CHECK_ERR(ctx, smash_session_save(ctx, &a.s, &io), SMASH_OK, "save");
    net_begin(&b, ctx, config);
    CHECK_ERR(ctx, one_step(&b, ctx, 9, NULL), SMASH_OK, "step");
    io = to_file(&files[1]);
    CHECK_ERR(ctx, smash_session_save(ctx, &b.s, &io), SMASH_OK, "save");
    for (cut = 0; cut < files[0].used; cut += cut < 64 || cut + 200 > files[0].used ? 1 : 37) {
        io = smash_io_memory(files[0].data, cut);
        CHECK_ERR(ctx, smash_session_load(ctx, &b.s, &io), SMASH_ERR_FORMAT, "cut to %d", (int)cut);
    }
    for (i = 0; i < files[0].used; i++) {                                /* one byte is another: refused, or a number that may be */
        const unsigned char was = files[0].data[i];
        smash_err err;
        files[0].data[i] ^= i % 3 ? 0xFF : 0x21;
        io = from_file(&files[0]);
        smash_ctx_reset(ctx);
        err = smash_session_load(ctx, &b.s, &io);
        refused += err != 0;
        CHECK(!err || err == SMASH_ERR_FORMAT || err == SMASH_ERR_VERSION || err == SMASH_ERR_LIMIT, "byte %d: %s", (int)i, smash_err_name(err));
        files[0].data[i] = was;
        io = from_file(&files[1]);
        CHECK_ERR(ctx, smash_session_load(ctx, &b.s, &io), SMASH_OK, "byte %d: back", (int)i);
    }
    CHECK(refused > 500, "%d of %d", (int)refused, (int)files[0].used);
    io = to_file(&files[2]);
    CHECK_ERR(ctx, smash_session_save(ctx, &b.s, &io), SMASH_OK, "save");
    CHECK(files[2].used == files[1].used && !memcmp(files[2].data, files[1].data, files[1].used), "the session has moved");
    net_done(&a);
    net_begin(&a, ctx, every[1]);
    io = from_file(&files[1]);
    CHECK_ERR(ctx, smash_session_load(ctx, &a.s, &io), SMASH_ERR_FORMAT, "another config");
    CHECK(!strcmp(ctx->message, "this file is of a session with another config, first at \"pruner\" there and \"pruner\" here: begin with the config it was saved with, or train anew with this one"), "%s", ctx->message);
    io = to_file(&files[0]);
    { smash_result r; CHECK_ERR(ctx, smash_session_end(ctx, &a.s, &io, &r), SMASH_OK, "end"); }
    io = from_file(&files[0]);
    CHECK_ERR(ctx, smash_session_load(ctx, &a.s, &io), SMASH_ERR_FORMAT, "a model");
    CHECK(!strcmp(ctx->message, "this is no file of a training session: give one that smash_session_save has written"), "%s", ctx->message);
    net_done(&a);
    net_done(&b);
}

/* ---- what the file holds, and what evaluating gives ---- */

static void test_end(smash_ctx *ctx)
{
    size_t i, step, p, k, count;
    for (i = 0; i < COUNT_OF(every); i++) {
        smash_model back;
        smash_arena arena;
        smash_result result;
        smash_io io;
        net n;
        if (strstr(every[i], "ptq")) continue;                           /* the session does not quantize for it */
        net_begin(&n, ctx, every[i]);
        for (step = 1; step <= 7; step++) CHECK_ERR(ctx, one_step(&n, ctx, step, NULL), SMASH_OK, "config %d", (int)i);
        io = to_file(&files[1]);
        CHECK_ERR(ctx, smash_session_save(ctx, &n.s, &io), SMASH_OK, "config %d", (int)i);
        io = to_file(&files[0]);
        CHECK_ERR(ctx, smash_session_end(ctx, &n.s, &io, &result), SMASH_OK, "config %d", (int)i);
        io = from_file(&files[0]);
        smash_arena_init(&arena, NULL, 0, &test_allocator);
        CHECK_ERR(ctx, smash_safetensors_read(ctx, NULL, &io, &arena, NULL, &back), SMASH_OK, "config %d", (int)i);
        smash_session_evaluate(&n.s, 1);
        for (p = 0; p < 4; p++) {
            smash_tensor t, x = n.model.params[p].tensor;
            uint32_t slot;
            smash_tensor_count(&x, &count);
            CHECK_ERR(ctx, smash_model_restore(ctx, &back, n.model.params[p].name, &arena, &t, NULL), SMASH_OK, "config %d", (int)i);
            CHECK_ERR(ctx, smash_session_find(ctx, &n.s, n.model.params[p].name, &slot), SMASH_OK, "config %d", (int)i);
            CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, slot, &x), SMASH_OK, "config %d", (int)i);
            for (k = 0; k < count; k++) CHECK(bits_of(((const float *)t.data)[k]) == bits_of(((const float *)x.data)[k]), "config %d, %s, number %d: %g, %g", (int)i, n.model.params[p].name, (int)k,
                                              (double)((const float *)t.data)[k], (double)((const float *)x.data)[k]);
        }
        for (p = 0; p < 2; p++) {
            static const size_t shape[2] = { 5, 6 }, shape2[2] = { 5, 3 };
            float y[30] = { 1 };
            smash_tensor x = test_view(SMASH_F32, y, 2, p ? shape2 : shape);
            uint32_t slot;
            CHECK_ERR(ctx, smash_session_find(ctx, &n.s, outputs[p], &slot), SMASH_OK, "config %d", (int)i);
            CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, slot, &x), SMASH_OK, "config %d", (int)i);
        }
        smash_session_evaluate(&n.s, 0);
        io = to_file(&files[2]);
        CHECK_ERR(ctx, smash_session_save(ctx, &n.s, &io), SMASH_OK, "config %d", (int)i);
        CHECK(files[2].used == files[1].used && !memcmp(files[2].data, files[1].data, files[1].used), "config %d: evaluating has left something", (int)i);
        smash_arena_release(&arena);
        net_done(&n);
    }
}

/* Masks that need no training are those of smash(), in groups, aligned, and with what follows. */
static void test_same(smash_ctx *ctx)
{
    static const char *const configs[] = {
        "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.6}",
        "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.5, \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_types\": [\"Linear\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"int4\"}]}",
        "{\"pruner\": \"fpgm\", \"fpgm_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.4, \"global_group_id\": \"all\"}]}",
        "{\"pruner\": \"l2_norm\", \"l2_norm_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"fc2\"], \"target_names\": [\"weight\"], \"target_settings\": {\"weight\": {\"align\": {\"module_name\": \"fc1\", \"target_name\": \"weight\", \"dims\": [0]}, \"granularity\": \"in_channel\"}}}]}",
        "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\", \"target_names\": [\"weight\"]}], \"pack_sparse\": true}",
    };
    size_t i;
    for (i = 0; i < COUNT_OF(configs); i++) {
        smash_result result, plain;
        smash_io io;
        net n, m;
        net_begin(&n, ctx, configs[i]);
        CHECK_ERR(ctx, one_step(&n, ctx, 1, NULL), SMASH_OK, "config %d", (int)i);
        net_init(&m, ctx, configs[i]);
        memcpy(n.w1, m.w1, sizeof n.w1); memcpy(n.b1, m.b1, sizeof n.b1); memcpy(n.w2, m.w2, sizeof n.w2); memcpy(n.b2, m.b2, sizeof n.b2);
        io = to_file(&files[0]);
        CHECK_ERR(ctx, smash_session_end(ctx, &n.s, &io, &result), SMASH_OK, "config %d", (int)i);
        CHECK_ERR(ctx, smash(ctx, &m.model, &m.config, NULL, &plain), SMASH_OK, "config %d", (int)i);
        io = to_file(&files[1]);
        CHECK_ERR(ctx, smash_save(ctx, &plain, &io), SMASH_OK, "config %d", (int)i);
        CHECK(files[0].used == files[1].used && !memcmp(files[0].data, files[1].data, files[0].used), "config %d: another file", (int)i);
        CHECK(result.nonzero == plain.nonzero && result.parameters == plain.parameters, "config %d: %d and %d", (int)i, (int)result.nonzero, (int)plain.nonzero);
        net_done(&n);
        net_done(&m);
    }
}

/* The mask of an output follows that of the weight, on any batch, forward and backward; channels of a convolution are axis 1. */
static void test_ends(smash_ctx *ctx)
{
    static const char ends[] = "{\"pruner\": \"l1_norm\", \"shapes\": {\"fc1\": {\"_output_0\": [2, 6]}}, \"l1_norm_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\", \"_output_0\"], \"target_settings\": {"
        "\"weight\": {\"sparse_ratio\": 0.5}, \"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}, \"granularity\": \"per_channel\"}}}]}";
    static const size_t conv[4] = { 4, 2, 1, 1 }, maps[4] = { 3, 4, 2, 2 }, batch[2] = { 5, 6 };
    float y[48], g[48];
    const float *w;
    uint32_t slot;
    size_t i, step;
    smash_tensor t, d;
    unsigned kept = 0;
    double sum[4] = { 0 };
    net n;
    net_begin(&n, ctx, ends);
    w = forward(&n, ctx, 0);
    for (i = 0; i < 6; i++) kept |= (unsigned)(zeros_of(w + i * 4, 4) < 4) << i;
    for (i = 0; i < 30; i++) y[i] = g[i] = (float)i + 1;
    t = test_view(SMASH_F32, y, 2, batch);
    d = test_view(SMASH_F32, g, 2, batch);
    CHECK_ERR(ctx, smash_session_find(ctx, &n.s, "fc1._output_0", &slot), SMASH_OK, "output");
    CHECK(slot != (uint32_t)SMASH_NONE, "no slot");
    CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, slot, &t), SMASH_OK, "output");
    CHECK_ERR(ctx, smash_session_backward(ctx, &n.s, slot, &d), SMASH_OK, "output");
    for (i = 0; i < 30; i++) CHECK(y[i] == (kept >> i % 6 & 1 ? (float)i + 1 : 0) && g[i] == y[i], "number %d: %g, %g", (int)i, (double)y[i], (double)g[i]);
    net_done(&n);

    net_init(&n, ctx, "{\"pruner\": \"activation_mean_rank\", \"activation_mean_rank_training_steps\": 2, \"activation_mean_rank_sparse_ratio\": 0.5}");
    smash_model_init(&n.model, &n.arena);
    t = test_view(SMASH_F32, n.w1, 4, conv);
    CHECK_ERR(ctx, smash_model_add(ctx, &n.model, "c.weight", &t, 0), SMASH_OK, "conv");
    CHECK_ERR(ctx, smash_model_finish(ctx, &n.model), SMASH_OK, "conv");
    CHECK_ERR(ctx, smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_OK, "conv");
    CHECK_ERR(ctx, smash_session_find(ctx, &n.s, "c._output_0", &slot), SMASH_OK, "output");
    for (step = 0; step < 2; step++) {
        for (i = 0; i < 48; i++) {
            y[i] = (float)output_of(step + 2, i);
            sum[i / 4 % 4] += y[i] > 0 ? (double)y[i] : 0;
        }
        t = test_view(SMASH_F32, y, 4, maps);
        CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, slot, &t), SMASH_OK, "output");
        CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step");
    }
    w = forward(&n, ctx, 0);
    for (i = 0; i < 8; i++) CHECK(w[i] == (all_but(sum, 4, 2) >> i / 2 & 1 ? n.w1[i] : 0), "weight %d: %g", (int)i, (double)w[i]);
    net_done(&n);
}

/* Channels of outputs by type: dim 1 of a convolution, and of a type of the user's with a weight of more dims than a matrix; else last, whatever it is called. */
static void test_channel_axis(smash_ctx *ctx)
{
    static const struct { const char *type, *axis; size_t weight[4]; uint32_t weight_dims; size_t out[3]; uint32_t dims, channels_at; } rows[] = {
        { "Conv1d", NULL, { 4, 3, 2, 0 }, 3, { 2, 4, 5 }, 3, 1 }, { "ConvTranspose1d", NULL, { 3, 4, 2, 0 }, 3, { 2, 4, 5 }, 3, 1 }, { "BatchNorm1d", NULL, { 4, 0, 0, 0 }, 1, { 2, 4, 5 }, 3, 1 },
        { "Linear", NULL, { 4, 6, 0, 0 }, 2, { 2, 5, 4 }, 3, 2 }, { "ConvolvedMatrix", "", { 4, 6, 0, 0 }, 2, { 2, 5, 4 }, 3, 2 }, { "Patch", "", { 4, 3, 2, 0 }, 3, { 2, 4, 5 }, 3, 1 },
        { "Turned", "\"out_axis\": 1, ", { 6, 4, 0, 0 }, 2, { 2, 5, 4 }, 3, 2 }, { "TurnedPatch", "\"out_axis\": 2, ", { 3, 2, 4, 0 }, 3, { 2, 4, 5 }, 3, 1 } };
    size_t r, i, step, k;
    for (r = 0; r < COUNT_OF(rows); r++) {
        char config[768], templates[256] = "";
        double sum[4] = { 0 };
        float y[40];
        const float *w;
        unsigned kept;
        uint32_t slot;
        size_t inner = 1, blocks, count;
        smash_tensor t;
        net n;
        for (k = rows[r].channels_at + 1; k < rows[r].dims; k++) inner *= rows[r].out[k];
        if (rows[r].axis) snprintf(templates, sizeof templates, "\"module_templates\": {\"%s\": {%s\"pruner\": {\"weight\": {}}}}, ", rows[r].type, rows[r].axis);
        snprintf(config, sizeof config, "{%s\"module_types\": {\"m\": \"%s\"}, \"pruner\": \"activation_mean_rank\", \"activation_mean_rank_training_steps\": 2, \"activation_mean_rank_config_list\": "
                 "[{\"op_names\": [\"m\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.5, \"granularity\": \"out_channel\"}]}", templates, rows[r].type);
        net_init(&n, ctx, config);
        smash_model_init(&n.model, &n.arena);
        t = test_view(SMASH_F32, n.w1, rows[r].weight_dims, rows[r].weight);
        smash_tensor_count(&t, &count);
        CHECK_ERR(ctx, smash_model_add(ctx, &n.model, "m.weight", &t, 0), SMASH_OK, "%s", rows[r].type);
        CHECK_ERR(ctx, smash_model_finish(ctx, &n.model), SMASH_OK, "%s", rows[r].type);
        CHECK_ERR(ctx, smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_OK, "%s: %s", rows[r].type, n.diags.first ? n.diags.first->message : "");
        slot = slot_of(&n, ctx, "m._output_0");
        for (step = 1; step <= 2; step++) {
            for (i = 0; i < 40; i++) {
                y[i] = (float)output_of(step + 2, i);
                sum[i / inner % 4] += y[i] > 0 ? (double)y[i] : 0;
            }
            t = test_view(SMASH_F32, y, rows[r].dims, rows[r].out);
            CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, slot, &t), SMASH_OK, "%s", rows[r].type);
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "%s", rows[r].type);
        }
        w = forward(&n, ctx, 0);
        kept = all_but(sum, 4, 2);
        for (blocks = 1, k = rows[r].weight_dims; k-- > 0 && rows[r].weight[k] != 4; ) blocks *= rows[r].weight[k];
        for (i = 0; i < count; i++) CHECK(w[i] == (kept >> i / blocks % 4 & 1 ? n.w1[i] : 0), "%s, weight %d: %g", rows[r].type, (int)i, (double)w[i]);
        net_done(&n);
    }
}

/* ---- misuse ---- */

static void test_misuse(smash_ctx *ctx)
{
    static const size_t five[1] = { 5 }, wrong[2] = { 4, 6 }, batch[2] = { 3, 6 }, other[2] = { 3, 5 };
    float data[64] = { 0 };
    double total = 7, scale = 7;
    uint32_t slot = 7, w, y;
    smash_session none = SMASH_ZERO;
    smash_session_desc desc = SMASH_ZERO;
    smash_result result;
    smash_io io = SMASH_ZERO;
    smash_tensor t, g;
    net n;
#define SAYS(call, want, text) do { CHECK_ERR(ctx, call, want, "%s", text); CHECK(!strcmp(ctx->message, text), "%s, not %s", ctx->message, text); } while (0)
    net_init(&n, ctx, "{\"pruner\": \"taylor\", \"taylor_training_steps\": 2, \"taylor_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}]}");
    t = n.model.params[0].tensor;
    SAYS(smash_session_begin(ctx, NULL, &n.config, NULL, &none), SMASH_ERR_ARG, "ctx, model or session is missing, or desc was not zeroed");
    SAYS(smash_session_begin(ctx, &n.model, &n.config, NULL, NULL), SMASH_ERR_ARG, "ctx, model or session is missing, or desc was not zeroed");
    SAYS(smash_session_begin(ctx, &n.model, NULL, NULL, &none), SMASH_ERR_ARG, "the config was not initialised, or has no registry, arena or diags");
    desc.zero_end = 1;
    SAYS(smash_session_begin(ctx, &n.model, &n.config, &desc, &none), SMASH_ERR_ARG, "ctx, model or session is missing, or desc was not zeroed");
    desc.zero_end = 0;
    desc.arena = &ctx->scratch;
    SAYS(smash_session_begin(ctx, &n.model, &n.config, &desc, &none), SMASH_ERR_ARG, "a session needs an arena, and not ctx->scratch, which every call empties");
    SAYS(smash_session_find(ctx, &none, "fc1.weight", &slot), SMASH_ERR_ARG, "ctx or session is missing, or smash_session_begin has not made it");
    SAYS(smash_session_forward(ctx, &none, 0, &t), SMASH_ERR_ARG, "ctx or session is missing, or smash_session_begin has not made it");
    SAYS(smash_session_loss(ctx, NULL, 0, NULL, NULL), SMASH_ERR_ARG, "ctx or session is missing, or smash_session_begin has not made it");
    SAYS(smash_session_step(ctx, &none), SMASH_ERR_ARG, "ctx or session is missing, or smash_session_begin has not made it");
    CHECK(smash_session_step(NULL, &none) == SMASH_ERR_ARG, "no ctx");
    smash_session_evaluate(&none, 1);
    smash_session_evaluate(NULL, 1);
    n.model.params[0].tensor.dtype = SMASH_I32;
    CHECK_ERR(ctx, smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_ERR_CONFIG, "integers");
    n.model.params[0].tensor = t;
    n.model.params[0].tensor.flags |= SMASH_TENSOR_CONST;
    SAYS(smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_ERR_ARG, "\"fc1.weight\" has no memory to be trained in; load it, and let the model have what the network computes with");
    n.model.params[0].tensor = t;
    CHECK(!n.s.own && !n.s.plan, "a session was begun");
    n.diags.errors = 0;
    CHECK_ERR(ctx, smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_OK, "begin");
    SAYS(smash_session_find(ctx, &n.s, "fc1.weigth", &slot), SMASH_ERR_NOTFOUND, "the model has no parameter, input or output \"fc1.weigth\"; did you mean \"fc1.weight\"?");
    SAYS(smash_session_find(ctx, &n.s, "nothing at all", &slot), SMASH_ERR_NOTFOUND, "the model has no parameter, input or output \"nothing at all\": say one of its modules and what of it, as in \"conv1.weight\" or \"conv1._output_0\"");
    SAYS(smash_session_find(ctx, &n.s, "fc9._output_0", &slot), SMASH_ERR_NOTFOUND, "the model has no parameter, input or output \"fc9._output_0\": say one of its modules and what of it, as in \"conv1.weight\" or \"conv1._output_0\"");
    SAYS(smash_session_find(ctx, &n.s, NULL, &slot), SMASH_ERR_ARG, "name or slot is missing");
    SAYS(smash_session_find_teacher(ctx, &n.s, "fc1._output_0", NULL), SMASH_ERR_ARG, "name or slot is missing");
    CHECK(slot == 7, "%u", slot);
    CHECK_ERR(ctx, smash_session_find(ctx, &n.s, "fc2.weight", &slot), SMASH_OK, "fc2");
    CHECK(slot == (uint32_t)SMASH_NONE, "%u", slot);
    CHECK_ERR(ctx, smash_session_find(ctx, &n.s, "fc2._input_0", &slot), SMASH_OK, "fc2");
    CHECK(slot == (uint32_t)SMASH_NONE, "%u", slot);
    CHECK_ERR(ctx, smash_session_find_teacher(ctx, &n.s, "fc2._output_0", &slot), SMASH_OK, "fc2");
    CHECK(slot == (uint32_t)SMASH_NONE, "%u", slot);
    CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, slot, &t), SMASH_OK, "none");
    CHECK_ERR(ctx, smash_session_teach(ctx, &n.s, slot, &t), SMASH_OK, "none");
    CHECK_ERR(ctx, smash_session_backward(ctx, &n.s, slot, &t), SMASH_OK, "none");
    CHECK(t.data == n.w1, "moved");
    CHECK_ERR(ctx, smash_session_find(ctx, &n.s, "fc1.weight", &w), SMASH_OK, "w");
    SAYS(smash_session_forward(ctx, &n.s, 77, &t), SMASH_ERR_ARG, "there is no slot 77: ask smash_session_find of this session for it");
    SAYS(smash_session_teach(ctx, &n.s, 0, &t), SMASH_ERR_ARG, "the teacher has no slot 0: ask smash_session_find_teacher of this session for it");
    SAYS(smash_session_forward(ctx, &n.s, w, NULL), SMASH_ERR_ARG, "there is no tensor to go forward");
    SAYS(smash_session_loss(ctx, &n.s, 1, &total, &scale), SMASH_ERR_ARG, "loss before forward: nothing has gone forward since the last step, not even \"fc1.weight\": give it to smash_session_forward");
    g = test_view(SMASH_F32, data, 2, n.model.params[0].tensor.shape);
    SAYS(smash_session_backward(ctx, &n.s, w, &g), SMASH_ERR_ARG, "backward without forward: \"fc1.weight\" has not gone forward since the last step: give it to smash_session_forward");
    SAYS(smash_session_step(ctx, &n.s), SMASH_ERR_ARG, "a step without the gradient of \"fc1.weight\", which taylor needs: give it to smash_session_backward");
    t = test_view(SMASH_F32, n.w1, 2, wrong);
    SAYS(smash_session_forward(ctx, &n.s, w, &t), SMASH_ERR_SHAPE, "\"fc1.weight\" is [4, 6] now, and was [6, 4]: a parameter comes as the model has it, and of an input or output only dim 0 may change");
    t = test_view(SMASH_F32, data, 2, n.model.params[0].tensor.shape);
    SAYS(smash_session_forward(ctx, &n.s, w, &t), SMASH_ERR_ARG, "\"fc1.weight\" lies elsewhere than in the model of the session: give its tensor as the model has it");
    SAYS(smash_session_forward(ctx, &n.s, w, &n.model.params[smash_model_find_param(&n.model, "fc1.weight")].tensor), SMASH_ERR_ARG,
         "\"fc1.weight\": forward changes where the tensor points, so give a copy of the one in the model, not that one");
    t.dtype = SMASH_I32;
    CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, w, &t), SMASH_ERR_DTYPE, "I32");
    t = n.model.params[0].tensor;
    CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, w, &t), SMASH_OK, "forward");
    io = to_file(&files[0]);
    SAYS(smash_session_save(ctx, &n.s, &io), SMASH_ERR_ARG, "a session is saved between two steps, and \"fc1.weight\" has gone forward since the last: save behind smash_session_step");
    SAYS(smash_session_save(ctx, &n.s, NULL), SMASH_ERR_ARG, "io is missing, or cannot write");
    SAYS(smash_session_load(ctx, &n.s, NULL), SMASH_ERR_ARG, "io is missing");
    SAYS(smash_session_end(ctx, &n.s, NULL, NULL), SMASH_ERR_ARG, "result is missing, or io cannot write");
    g = test_view(SMASH_F32, data, 1, five);
    SAYS(smash_session_backward(ctx, &n.s, w, &g), SMASH_ERR_SHAPE, "the gradient of \"fc1.weight\" is [5], and what went forward [6, 4]: it is that of the last forward");
    SAYS(smash_session_backward(ctx, &n.s, w, NULL), SMASH_ERR_ARG, "there is no gradient to go backward");
    g = test_view(SMASH_F32, data, 2, n.model.params[0].tensor.shape);
    data[5] = float_of(0x7FC00000u);
    CHECK_ERR(ctx, smash_session_backward(ctx, &n.s, w, &g), SMASH_ERR_NONFINITE, "NaN");
    CHECK(ctx->index == 5, "%d", (int)ctx->index);
    data[5] = 0;
    SAYS(smash_session_loss(ctx, &n.s, double_of((uint64_t)0x7FF << 52), &total, &scale), SMASH_ERR_NONFINITE, "the loss of your own is NaN or Inf: look where the network makes that, or let it learn in smaller steps");
    CHECK(total == 7 && scale == 7, "%g, %g", total, scale);
    smash_session_evaluate(&n.s, 1);
    SAYS(smash_session_backward(ctx, &n.s, w, &g), SMASH_ERR_ARG, "backward of \"fc1.weight\" while evaluating: nothing is learned then; smash_session_evaluate(s, 0) first");
    SAYS(smash_session_step(ctx, &n.s), SMASH_ERR_ARG, "a step while evaluating: nothing is learned then; smash_session_evaluate(s, 0) first");
    CHECK_ERR(ctx, smash_session_loss(ctx, &n.s, 3, &total, &scale), SMASH_OK, "loss");
    CHECK(total == 3 && scale == 1, "%g, %g", total, scale);
    smash_session_evaluate(&n.s, 0);
    CHECK_ERR(ctx, smash_session_backward(ctx, &n.s, w, &g), SMASH_OK, "backward");
    CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step");
    t = n.model.params[0].tensor;
    CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, w, &t), SMASH_OK, "forward");
    CHECK_ERR(ctx, smash_session_backward(ctx, &n.s, w, &g), SMASH_OK, "backward");
    n.w1[7] = float_of(0x7F800000u);
    CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_ERR_NONFINITE, "Inf in a weight");
    CHECK(ctx->index == 7 && n.s.step == 1, "%d", (int)ctx->index);
    n.w1[7] = 1;
    CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step");
    net_done(&n);

    net_begin(&n, ctx, "{\"pruner\": \"activation_apoz\", \"activation_apoz_training_steps\": 2, \"activation_apoz_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}]}");
    SAYS(smash_session_step(ctx, &n.s), SMASH_ERR_ARG, "a step without \"fc1._output_0\", which activation_apoz needs: give it to smash_session_forward");
    CHECK_ERR(ctx, smash_session_find(ctx, &n.s, "fc1._output_0", &y), SMASH_OK, "y");
    t = test_view(SMASH_F32, data, 2, other);                            /* nothing is remembered of what does not fit the weight */
    SAYS(smash_session_forward(ctx, &n.s, y, &t), SMASH_ERR_SHAPE, "\"fc1._output_0\" has 5 channels, and \"fc1.weight\" is pruned by 6: give what that layer makes, channels behind the batch, those of a Linear last");
    t.shape[1] = 0;
    SAYS(smash_session_forward(ctx, &n.s, y, &t), SMASH_ERR_SHAPE, "\"fc1._output_0\" has 0 channels, and \"fc1.weight\" is pruned by 6: give what that layer makes, channels behind the batch, those of a Linear last");
    t = test_view(SMASH_F32, data, 2, batch);
    CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, y, &t), SMASH_OK, "y");
    t = test_view(SMASH_F32, data, 2, other);
    SAYS(smash_session_forward(ctx, &n.s, y, &t), SMASH_ERR_SHAPE, "\"fc1._output_0\" is [3, 5] now, and was [3, 6]: a parameter comes as the model has it, and of an input or output only dim 0 may change");
    net_done(&n);

    net_init(&n, ctx, "{\"pruner\": \"activation_apoz\", \"activation_apoz_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\"}]}");
    SAYS(smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_ERR_UNSUPPORTED, "activation_apoz scores output channels, so the granularity of \"fc1.weight\" must be out_channel");
    net_done(&n);
    net_init(&n, ctx, "{\"pruner\": \"level\", \"level_target_bytes\": 0.5, \"pack_sparse\": true}");
    SAYS(smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_ERR_UNSUPPORTED, "target_bytes makes masks when a file is written, and a training session needs them before; say sparse_ratio");
    net_done(&n);
    (void)result;
#undef SAYS
}

int main(void)
{
    static smash_ctx ctx;
    test_ctx(&ctx);
    test_schedule(&ctx);
    test_threshold(&ctx);
    test_taylor(&ctx);
    test_slim(&ctx);
    test_movement(&ctx);
    test_activations(&ctx);
    test_recorded(&ctx);
    test_admm(&ctx);
    test_lottery(&ctx);
    test_saved(&ctx);
    test_enemies(&ctx);
    test_end(&ctx);
    test_same(&ctx);
    test_ends(&ctx);
    test_channel_axis(&ctx);
    test_misuse(&ctx);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
