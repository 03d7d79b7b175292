/* The training session where it is easily used wrongly: several batches before a step, files of enemies, loading on top of what has run. */
#include "../smash.h"
#include "session_net.h"

enum { BATCH = 2 };
#define SAYS(call, want, text) do { CHECK_ERR(ctx, call, want, "%s", text); CHECK(!strcmp(ctx->message, text), "%s, not %s", ctx->message, text); } while (0)
#define FC1 "\"op_names\": [\"fc1\"], \"target_names\": [\"weight\"]"

/* ---- several batches before a step ---- */

static smash_tensor output(float *x, size_t width)
{
    const size_t shape[2] = { BATCH, width };
    return test_view(SMASH_F32, x, 2, shape);
}

/* What is done to fc1._output_0, letter by letter: f forward, F forward that fails, t teach, l loss, b backward, e a forward that only evaluates,
 * s step. All is well but the last. */
static void test_order(smash_ctx *ctx)
{
#define LATE "the teacher's \"fc1._output_0\" is of an earlier batch than \"fc1._output_0\": give both of each batch, then its loss and backward, before the next"
#define EARLY "the teacher's \"fc1._output_0\" is of a later batch than \"fc1._output_0\": give both of each batch, then its loss and backward, before the next"
#define OWN "backward of \"fc1._output_0\" without a forward of its own: forward, then backward, of each batch before the next"
#define NO_STEP "a step without the gradient of \"fc1._output_0\", which dynamic_layerwise needs: give it to smash_session_backward"
    static const char teach[] = "{\"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_config_list\": [{\"op_names\": [\"fc1\"]}]}";
    static const char qat[] = "{\"quantizer\": \"qat\", \"qat_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int4\", \"target_names\": [\"_output_0\"]}]}";
    static const char both[] = "{\"quantizer\": \"qat\", \"qat_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int4\", \"target_names\": [\"_output_0\"]}], \"distiller\": \"dynamic_layerwise\", "
        "\"dynamic_layerwise_config_list\": [{\"op_names\": [\"fc1\"]}]}";
    static const char ptq[] = "{\"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int8\"}]}";
    static const char mask[] = "{\"pruner\": \"l1_norm\", \"shapes\": {\"fc1\": {\"_output_0\": [2, 6]}}, \"l1_norm_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\", \"_output_0\"], \"target_settings\": {"
        "\"weight\": {\"sparse_ratio\": 0.5}, \"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}, \"granularity\": \"per_channel\"}}}]}";
    static const struct { const char *config, *what, *message; } rows[] = {
        { teach, "ftlbs", NULL }, { teach, "tflbs", NULL }, { teach, "tflbtflbs", NULL }, { teach, "ftlbtflbs", NULL }, { teach, "fftlbs", NULL }, { teach, "tfelebs", NULL }, { teach, "tfbtfbs", NULL },
        { teach, "tfllbs", NULL }, { teach, "tflblstflbs", NULL }, { both, "tFtflbs", NULL },
        { teach, "tflbfl", LATE }, { teach, "tflbfb", LATE }, { teach, "tflbtl", EARLY }, { teach, "tfltb", EARLY }, { teach, "tfbfb", LATE }, { teach, "tflfl", LATE },
        { teach, "tflbb", OWN }, { teach, "tfltflbb", OWN }, { both, "tflbFtb", OWN }, { teach, "tflbtfs", NO_STEP }, { teach, "tfs", NO_STEP },
        { teach, "tflbsl", "loss before forward: nothing has gone forward since the last step, not even \"fc1._output_0\": give it to smash_session_forward" },
        { teach, "tflbsfl", "the teacher's \"fc1._output_0\" is missing, which \"fc1._output_0\" is to learn from: give it to smash_session_teach" },
        { both, "tflbtFl", "loss without \"fc1._output_0\", which dynamic_layerwise compares with the teacher's: give it to smash_session_forward" },
        { qat, "fs", NULL }, { qat, "ffbfs", NULL }, { qat, "fbfbs", NULL }, { qat, "febs", NULL }, { qat, "ffbb", OWN }, { qat, "fbb", OWN }, { qat, "fFb", OWN },
        { qat, "b", "backward without forward: \"fc1._output_0\" has not gone forward since the last step: give it to smash_session_forward" },
        { ptq, "fffs", NULL }, { ptq, "ffbbs", NULL }, { ptq, "fbb", OWN }, { mask, "ffbbs", NULL }, { mask, "fbb", OWN } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const char *c;
        net n;
        uint32_t y, t = (uint32_t)SMASH_NONE;
        net_begin(&n, ctx, rows[i].config);
        y = slot_of(&n, ctx, "fc1._output_0");
        CHECK_ERR(ctx, smash_session_find_teacher(ctx, &n.s, "fc1._output_0", &t), SMASH_OK, "row %d", (int)i);
        for (c = rows[i].what; *c; c++) {
            const char *says = c[1] ? NULL : rows[i].message;
            float x[BATCH * 6];
            smash_tensor v = output(x, 6);
            smash_err err;
            for (k = 0; k < BATCH * 6; k++) x[k] = wave(k + (size_t)(c - rows[i].what), 0.01);
            if (*c == 'F') x[7] = float_of(0x7FC00000u);
            smash_session_evaluate(&n.s, *c == 'e');
            smash_ctx_reset(ctx);
            if (*c == 'f' || *c == 'F' || *c == 'e') err = smash_session_forward(ctx, &n.s, y, &v);
            else if (*c == 't') err = smash_session_teach(ctx, &n.s, t, &v);
            else if (*c == 'l') err = smash_session_loss(ctx, &n.s, 1, NULL, NULL);
            else if (*c == 'b') err = smash_session_backward(ctx, &n.s, y, &v);
            else err = smash_session_step(ctx, &n.s);
            smash_session_evaluate(&n.s, 0);
            CHECK(*c == 'F' ? err == SMASH_ERR_NONFINITE : says ? err == SMASH_ERR_ARG && !strcmp(ctx->message, says) : !err, "row %d, %s, at %s: %s: %s", (int)i, rows[i].what, c, smash_err_name(err), ctx->message);
        }
        net_done(&n);
    }
}

/* ---- penalties: the totals of a step's batches have the gradient that the session adds ---- */

/* Where a tensor's bytes lie in a file */
static unsigned char *bytes_of(test_buffer *file, const char *name)
{
    char quoted[128];
    uint64_t header = 0;
    const char *at;
    size_t i;
    for (i = 0; i < 8; i++) header |= (uint64_t)file->data[i] << 8 * i;
    snprintf(quoted, sizeof quoted, "\"%s\":{", name);
    for (at = (const char *)file->data + 8; at < (const char *)file->data + 8 + header; at++) if (!strncmp(at, quoted, strlen(quoted))) break;
    CHECK(at < (const char *)file->data + 8 + header, "no %s in the file", name);
    if (at >= (const char *)file->data + 8 + header) abort();
    at = strstr(at, "\"data_offsets\":[");
    return file->data + 8 + header + strtoul(at + 16, NULL, 10);
}
static uint64_t bits_of_double(double x) { uint64_t bits; memcpy(&bits, &x, sizeof bits); return bits; }
static double number_in(test_buffer *file, const char *name, size_t i)
{
    uint64_t bits = 0;
    size_t k;
    for (k = 0; k < 8; k++) bits |= (uint64_t)bytes_of(file, name)[i * 8 + k] << 8 * k;
    return double_of(bits);
}
static void number_into(test_buffer *file, const char *name, size_t i, uint64_t bits)
{
    size_t k;
    for (k = 0; k < 8; k++) bytes_of(file, name)[i * 8 + k] = (unsigned char)(bits >> 8 * k);
}

static void save(net *n, smash_ctx *ctx, size_t to)
{
    smash_io io = to_file(&files[to]);
    CHECK_ERR(ctx, smash_session_save(ctx, &n->s, &io), SMASH_OK, "save");
}
static smash_err load(net *n, smash_ctx *ctx, size_t from)
{
    const smash_io io = from_file(&files[from]);
    return smash_session_load(ctx, &n->s, &io);
}

static int same_files(size_t a, size_t b) { return files[a].used == files[b].used && !memcmp(files[a].data, files[b].data, files[a].used); }

/* The totals of so many batches, whose own loss is a sum of c * what forward gives; by_hand: one backward of the parameter, not one each.
 * *gradient: what comes of c, summed. */
static double totals(net *n, smash_ctx *ctx, size_t batches, int by_hand, double c, double *gradient)
{
    double sum = 0;
    size_t b, k;
    for (b = 0; b < batches; b++) {
        const float *w = forward(n, ctx, 0);
        double own = 0, total;
        float g[24];
        smash_tensor t = n->model.params[0].tensor;
        for (k = 0; k < 24; k++) own += c * (double)(b + k % 5) * (double)w[k];
        CHECK_ERR(ctx, smash_session_loss(ctx, &n->s, own, &total, NULL), SMASH_OK, "loss");
        sum += total;
        CHECK_ERR(ctx, smash_session_loss(ctx, &n->s, own, &own, NULL), SMASH_OK, "loss again");
        CHECK(own == total, "asked again: %g and %g", own, total);
        for (k = 0; k < 24; k++) g[k] = (float)(c * (by_hand ? (double)batches * ((double)(batches - 1) / 2 + (double)(k % 5)) : (double)(b + k % 5)));
        t.data = g;
        if (!by_hand || b + 1 == batches) {
            CHECK_ERR(ctx, smash_session_backward(ctx, &n->s, slot_of(n, ctx, "fc1.weight"), &t), SMASH_OK, "backward");
            for (k = 0; k < 24 && gradient; k++) gradient[k] += (double)g[k];
        }
    }
    return sum;
}

static void test_penalties(smash_ctx *ctx)
{
    static const struct { const char *config, *state, *mean; size_t count, steps; double c; } rows[] = {
        { "{\"pruner\": \"slim\", \"slim_training_steps\": 9, \"slim_regular_scale\": 0.75, \"slim_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}]}",
          "smash.session/fc1.weight/slim/factor", "smash.session/fc1.weight/slim/mean", 6, 2, 0.25 },
        { "{\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 9, \"movement_regular_scale\": 3, \"movement_config_list\": [{" FC1 ", \"sparse_threshold\": 0.25}]}",
          "smash.session/fc1.weight/movement/score", "smash.session/fc1.weight/movement/mean", 24, 4, 0 },
        { "{\"pruner\": \"admm\", \"admm_iterations\": 2, \"admm_training_steps\": 3, \"admm_row\": 0.5, \"admm_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5}]}", NULL, NULL, 24, 4, 0.25 } };
    size_t i, k, batches, step;
    int by_hand;
    for (i = 0; i < COUNT_OF(rows); i++)
        for (batches = 1; batches <= 3; batches++)
            for (by_hand = 0; by_hand < 2; by_hand++) {
                double slope[24] = { 0 };
                net n;
                net_begin(&n, ctx, rows[i].config);
                for (step = 0; step < rows[i].steps; step++) {
                    (void)totals(&n, ctx, 1, 0, 0.125, NULL);
                    for (k = 0; k < 24; k++) n.w1[k] += 0.03125f * (float)(k % 7) - 0.0625f;
                    CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "row %d, step %d", (int)i, (int)step);
                }
                save(&n, ctx, 0);
                (void)totals(&n, ctx, batches, by_hand, rows[i].c, slope);
                if (rows[i].state) {                                     /* what Adam was given */
                    CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "row %d", (int)i);
                    save(&n, ctx, 1);
                    for (k = 0; k < rows[i].count; k++) slope[k] = (number_in(&files[1], rows[i].mean, k) - 0.9 * number_in(&files[0], rows[i].mean, k)) / 0.1;
                }
                for (k = 0; k < rows[i].count; k++) {
                    double up, down, h = 1.0 / 1024, want;
                    const double was = rows[i].state ? number_in(&files[0], rows[i].state, k) : 0;
                    CHECK_ERR(ctx, load(&n, ctx, 0), SMASH_OK, "row %d", (int)i);
                    if (rows[i].state) {
                        number_into(&files[0], rows[i].state, k, bits_of_double(was + h));
                        CHECK_ERR(ctx, load(&n, ctx, 0), SMASH_OK, "row %d, number %d up", (int)i, (int)k);
                        up = totals(&n, ctx, batches, by_hand, rows[i].c, NULL);
                        number_into(&files[0], rows[i].state, k, bits_of_double(was - h));
                        CHECK_ERR(ctx, load(&n, ctx, 0), SMASH_OK, "row %d, number %d down", (int)i, (int)k);
                        down = totals(&n, ctx, batches, by_hand, rows[i].c, NULL);
                        number_into(&files[0], rows[i].state, k, bits_of_double(was));
                        h *= 2;
                    } else {
                        const float w = n.w1[k], more = w + (float)h, less = w - (float)h;
                        n.w1[k] = more;
                        up = totals(&n, ctx, batches, by_hand, rows[i].c, NULL);
                        CHECK_ERR(ctx, load(&n, ctx, 0), SMASH_OK, "row %d", (int)i);
                        n.w1[k] = less;
                        down = totals(&n, ctx, batches, by_hand, rows[i].c, NULL);
                        h = (double)more - (double)less;
                    }
                    want = (up - down) / h;
                    CHECK(slope[k] - want < 2e-4 && want - slope[k] < 2e-4, "row %d, %d batches, number %d: gradient %g, difference %g", (int)i, (int)batches, (int)k, slope[k], want);     /* floats of h / 1024 */
                    CHECK(i != 1 || slope[k] > 1e-4, "row %d, number %d: %g", (int)i, (int)k, slope[k]);
                }
                net_done(&n);
            }
}

/* ---- loading on top of what has run ---- */

/* Rows may say other things than before only where the session does: what they say of masks and of what was observed */
typedef struct told { double ratio, threshold, least, most; smash_mask_stats stats; const char *note; uint32_t skip; float lo, hi; uint64_t batches, numbers; } told;
enum { ROWS = 24 };
static void listen(const net *n, told *t)
{
    size_t i;
    memset(t, 0, ROWS * sizeof *t);
    CHECK(n->s.plan->count <= ROWS, "%d rows", (int)n->s.plan->count);
    for (i = 0; i < n->s.plan->count && i < ROWS; i++) {
        const smash_row *r = &n->s.plan->rows[i];
        t[i].ratio = r->mask.ratio; t[i].threshold = r->mask.threshold; t[i].least = r->mask.min_ratio; t[i].most = r->mask.max_ratio;
        t[i].stats = r->mask_stats; t[i].note = r->note; t[i].skip = r->skip; t[i].lo = r->lo; t[i].hi = r->hi; t[i].batches = r->batches; t[i].numbers = r->numbers;
    }
}
static void same_told(const told *a, const told *b, size_t config, size_t at, const char *when)
{
    size_t i;
    for (i = 0; i < ROWS; i++) {
        CHECK(a[i].ratio == b[i].ratio && a[i].threshold == b[i].threshold && a[i].least == b[i].least && a[i].most == b[i].most, "config %d, step %d, row %d, %s: asked %g, not %g", (int)config, (int)at, (int)i, when, b[i].ratio, a[i].ratio);
        CHECK(a[i].stats.blocks == b[i].stats.blocks && a[i].stats.dropped == b[i].stats.dropped && a[i].stats.elements == b[i].stats.elements && a[i].stats.ratio == b[i].stats.ratio,
              "config %d, step %d, row %d, %s: %d dropped, not %d", (int)config, (int)at, (int)i, when, (int)b[i].stats.dropped, (int)a[i].stats.dropped);
        CHECK(a[i].skip == b[i].skip && (a[i].note && b[i].note ? !strcmp(a[i].note, b[i].note) : a[i].note == b[i].note), "config %d, step %d, row %d, %s: %s, not %s", (int)config, (int)at, (int)i, when,
              b[i].note ? b[i].note : "no note", a[i].note ? a[i].note : "no note");
        CHECK(bits_of(a[i].lo) == bits_of(b[i].lo) && bits_of(a[i].hi) == bits_of(b[i].hi) && a[i].batches == b[i].batches && a[i].numbers == b[i].numbers, "config %d, step %d, row %d, %s: range %g to %g", (int)config, (int)at, (int)i, when,
              (double)b[i].lo, (double)b[i].hi);
    }
}

static const char *const every[] = {
    "{}",
    "{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_interval\": 2, \"level_schedule_times\": 2, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.8, \"max_sparse_ratio\": 0.5}]}",
    "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_interval\": 3, \"level_schedule_times\": 2, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.05, \"min_sparse_ratio\": 0.2}, {\"op_names\": [\"fc2\"], \"sparse_ratio\": 0.05}]}",
    "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_times\": 3, \"level_config_list\": [{" FC1 ", \"sparse_threshold\": 0.5, \"max_sparse_ratio\": 0.25}]}",
    "{\"pruner\": \"l1_norm\", \"l1_norm_schedule\": \"linear\", \"l1_norm_schedule_times\": 4, \"l1_norm_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0.4, \"global_group_id\": 1}], \"quantizer\": \"qat\"}",
    "{\"pruner\": \"taylor\", \"taylor_training_steps\": 2, \"taylor_schedule\": \"linear\", \"taylor_schedule_interval\": 3, \"taylor_schedule_times\": 2, \"taylor_sparse_ratio\": 0.5}",
    "{\"pruner\": \"slim\", \"slim_training_steps\": 4, \"slim_sparse_ratio\": 0.5, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int8\"}",
    "{\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 4, \"movement_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_threshold\": 0.6, \"max_sparse_ratio\": 0.25}]}",
    "{\"pruner\": \"activation_mean_rank\", \"activation_mean_rank_training_steps\": 1, \"activation_mean_rank_schedule\": \"linear\", \"activation_mean_rank_schedule_interval\": 3, \"activation_mean_rank_schedule_times\": 2, \"activation_mean_rank_sparse_ratio\": 0.5}",
    "{\"pruner\": \"admm\", \"admm_iterations\": 3, \"admm_training_steps\": 2, \"admm_sparse_ratio\": 0.5}",
    "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 2, \"lottery_ticket_sparse_ratio\": 0.5}",
    "{\"quantizer\": \"observer\"}",
    "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\", \"qat_quant_start_step\": 3}",
    "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\"}",
    "{\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int4\", \"dorefa_gradient_bits\": 6}",
    ("{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_times\": 3, \"level_sparse_ratio\": 0.5, \"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\", \"distiller\": \"adaptive_1d_layerwise\", "
        "\"adaptive_1d_layerwise_config_list\": [{\"op_names\": [\"fc2\"], \"link\": \"fc1\", \"lambda\": 0.5}]}"),
};
static const char *const ends[] = { "fc1._input_0", "fc1._output_0", "fc2._input_0", "fc2._output_0" };
static const size_t end_width[] = { 4, 6, 6, 3 };

/* One step of a loop that any config goes through */
static void one_step(net *n, smash_ctx *ctx, size_t step)
{
    float x[BATCH * 6], g[24];
    uint32_t slot = 0;
    size_t p, i, count;
    for (p = 0; p < 4; p++) (void)forward(n, ctx, p);
    for (p = 0; p < 4; p++) {
        smash_tensor t = output(x, end_width[p]);
        for (i = 0; i < BATCH * 6; i++) x[i] = (float)((step * 3 + i * 5 + p) % 13) * 0.5f - 2.75f;
        CHECK_ERR(ctx, smash_session_find_teacher(ctx, &n->s, ends[p], &slot), SMASH_OK, "%s", ends[p]);
        CHECK_ERR(ctx, smash_session_teach(ctx, &n->s, slot, &t), SMASH_OK, "%s", ends[p]);
        for (i = 0; i < BATCH * 6; i++) x[i] = (float)((step * 13 + i * 7 + p * 5) % 19) * 0.375f - 3.0f;
        CHECK_ERR(ctx, smash_session_forward(ctx, &n->s, slot_of(n, ctx, ends[p]), &t), SMASH_OK, "%s", ends[p]);
    }
    CHECK_ERR(ctx, smash_session_loss(ctx, &n->s, 1, NULL, NULL), SMASH_OK, "loss");
    for (p = 4; p-- > 0;) {
        smash_tensor t = output(g, end_width[p]);
        for (i = 0; i < BATCH * 6; i++) g[i] = wave(i + step + p, 0.001);
        CHECK_ERR(ctx, smash_session_backward(ctx, &n->s, slot_of(n, ctx, ends[p]), &t), SMASH_OK, "%s", ends[p]);
    }
    for (p = 0; p < 4; p++) {
        smash_tensor t = n->model.params[p].tensor;
        smash_tensor_count(&t, &count);
        for (i = 0; i < count; i++) g[i] = wave(i + step, 0.002);
        t.data = g;
        CHECK_ERR(ctx, smash_session_backward(ctx, &n->s, slot_of(n, ctx, n->model.params[p].name), &t), SMASH_OK, "param %d", (int)p);
        for (i = 0; i < count; i++) ((float *)n->model.params[p].tensor.data)[i] -= 0.0625f * g[i];
    }
    CHECK_ERR(ctx, smash_session_step(ctx, &n->s), SMASH_OK, "step %d", (int)step);
}

/* A file of step `at` into a session of its own, into one that stands at another step, and into the same one again, which then goes on */
static void test_loaded(smash_ctx *ctx)
{
    enum { STEPS = 7 };
    size_t i, at, step, from;
    for (i = 0; i < COUNT_OF(every); i++)
        for (at = 0; at <= STEPS; at++) {
            told there[ROWS], here[ROWS];
            net a, b;
            net_begin(&a, ctx, every[i]);
            for (step = 1; step <= at; step++) one_step(&a, ctx, step);
            save(&a, ctx, 0);
            listen(&a, there);
            for (from = 0; from <= 6; from += 3) {
                size_t room = 0, again;
                net_begin(&b, ctx, every[i]);
                for (step = 1; step <= from; step++) one_step(&b, ctx, step * 2 + 1);
                for (again = 0; again < 4; again++) {
                    CHECK_ERR(ctx, load(&b, ctx, 0), SMASH_OK, "config %d, step %d", (int)i, (int)at);
                    listen(&b, here);
                    same_told(there, here, i, at, "loaded");
                    save(&b, ctx, 1);
                    CHECK(same_files(0, 1), "config %d, step %d into %d: another file, time %d", (int)i, (int)at, (int)from, (int)again);
                    one_step(&b, ctx, at + 1);
                    if (again > 1) CHECK(b.arena.used == room, "config %d, step %d into %d: time %d takes memory again", (int)i, (int)at, (int)from, (int)again);
                    room = b.arena.used;
                }
                listen(&b, here);
                save(&b, ctx, 1);
                if (from == 6) {
                    one_step(&a, ctx, at + 1);
                    listen(&a, there);
                    same_told(there, here, i, at, "gone on");
                    save(&a, ctx, 2);
                    CHECK(same_files(1, 2), "config %d, step %d: another way from there", (int)i, (int)at);
                }
                net_done(&b);
            }
            net_done(&a);
        }
}

int main(void)
{
    static smash_ctx ctx;
    test_ctx(&ctx);
    test_order(&ctx);
    test_penalties(&ctx);
    test_loaded(&ctx);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
