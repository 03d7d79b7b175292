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

#define ANEW "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 2, \"lottery_ticket_sparse_ratio\": 0.5, \"quantizer\": \"lsqplus\", " \
    "\"lsqplus_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"uint4\", \"target_names\": [\"weight\", \"_input_0\", \"_output_0\"]}]}"
static const char *const every[] = {
    "{}",
    "{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_interval\": 2, \"level_schedule_times\": 2, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.8, \"max_sparse_ratio\": 0.5}]}",
    "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_interval\": 3, \"level_schedule_times\": 2, \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.05, \"min_sparse_ratio\": 0.2}, {\"op_names\": [\"fc2\"], \"sparse_ratio\": 0.05}]}",
    "{\"pruner\": \"level\", \"level_schedule\": \"linear\", \"level_schedule_times\": 3, \"level_config_list\": [{" FC1 ", \"sparse_threshold\": 0.5, \"max_sparse_ratio\": 0.25}]}",
    "{\"pruner\": \"l1_norm\", \"l1_norm_schedule\": \"linear\", \"l1_norm_schedule_times\": 4, \"l1_norm_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0.4, \"global_group_id\": 1}], \"quantizer\": \"qat\"}",
    "{\"pruner\": \"taylor\", \"taylor_training_steps\": 2, \"taylor_schedule\": \"linear\", \"taylor_schedule_interval\": 3, \"taylor_schedule_times\": 2, \"taylor_sparse_ratio\": 0.5}",
    "{\"pruner\": \"slim\", \"slim_training_steps\": 4, \"slim_config_list\": [{\"op_names\": [\"fc1\", \"fc2\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int8\"}",
    "{\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 4, \"movement_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_threshold\": 0.6, \"max_sparse_ratio\": 0.25}]}",
    "{\"pruner\": \"activation_mean_rank\", \"activation_mean_rank_training_steps\": 1, \"activation_mean_rank_schedule\": \"linear\", \"activation_mean_rank_schedule_interval\": 3, \"activation_mean_rank_schedule_times\": 2, \"activation_mean_rank_sparse_ratio\": 0.5}",
    "{\"pruner\": \"admm\", \"admm_iterations\": 3, \"admm_training_steps\": 2, \"admm_sparse_ratio\": 0.5}",
    "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 2, \"lottery_ticket_sparse_ratio\": 0.5}",
    ANEW,
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

/* ---- files of enemies ---- */

#define S "smash.session/"
#define NO_FILE ": this is no file that a session has written"
static const char lsqplus[] = "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\"}";
static const char qat[] = "{\"quantizer\": \"qat\"}";
static const char channels[] = "{\"shapes\": {\"fc1\": {\"_output_0\": [2, 6]}}, \"quantizer\": \"qat\", \"qat_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int8\", \"target_names\": [\"_output_0\"], \"granularity\": \"per_channel\"}]}";
static const char bins[] = "{\"quantizer\": \"ptq\", \"ptq_observer\": \"percentile\", \"ptq_observer_bins\": 64}";
static const char adaptive[] = "{\"distiller\": \"adaptive_1d_layerwise\", \"adaptive_1d_layerwise_config_list\": [{\"op_names\": [\"fc2\"], \"link\": \"fc1\"}]}";
static const char apoz[] = "{\"pruner\": \"activation_apoz\", \"activation_apoz_training_steps\": 3, \"activation_apoz_sparse_ratio\": 0.5}";
static const char gelu[] = "{\"pruner\": \"activation_mean_rank\", \"activation_mean_rank_training_steps\": 3, \"activation_mean_rank_activation\": \"gelu\", \"activation_mean_rank_sparse_ratio\": 0.5}";
static const char taylor[] = "{\"pruner\": \"taylor\", \"taylor_training_steps\": 3, \"taylor_sparse_ratio\": 0.5}";
static const char slim[] = "{\"pruner\": \"slim\", \"slim_training_steps\": 5, \"slim_config_list\": [{\"op_names\": [\"fc1\", \"fc2\"], \"sparse_ratio\": 0.5}]}";

/* One number of one state is another, of `wide` bytes: refused with its name and index, or NULL: it may be that. */
static void test_numbers(smash_ctx *ctx)
{
    static const uint64_t most = ~(uint64_t)0, minus = (uint64_t)0xBFF << 52, one = (uint64_t)0x3FF << 52, inf = (uint64_t)0x7FF << 52, tiny = 1, huge = (uint64_t)0x47E << 52;     /* -1, 1; 5e-324; 2^127 */
    const struct { const char *config, *name; size_t index; uint64_t bits; size_t wide; const char *message; } rows[] = {
        { lsqplus, S "step", 0, most, 8, "number 0 of \"smash.session/step\" must be below 9007199254740992" NO_FILE },
        { lsqplus, S "step", 0, (uint64_t)1 << 53, 8, "number 0 of \"smash.session/step\" must be below 9007199254740992" NO_FILE },
        { lsqplus, S "step", 0, ((uint64_t)1 << 53) - 1, 8, NULL }, { lsqplus, S "random", 0, most, 8, NULL },
        { lsqplus, S "fc1.weight/lsqplus/scale", 0, 0, 8, "number 0 of \"smash.session/fc1.weight/lsqplus/scale\" must be above 0 as a float32" NO_FILE },
        { lsqplus, S "fc1.weight/lsqplus/scale", 0, minus, 8, "number 0 of \"smash.session/fc1.weight/lsqplus/scale\" must be above 0 as a float32" NO_FILE },
        { lsqplus, S "fc1.weight/lsqplus/scale", 0, tiny, 8, "number 0 of \"smash.session/fc1.weight/lsqplus/scale\" must be above 0 as a float32" NO_FILE },
        { lsqplus, S "fc1.weight/lsqplus/scale", 0, inf, 8, "number 0 of \"smash.session/fc1.weight/lsqplus/scale\" must be finite" NO_FILE },
        { lsqplus, S "fc1.weight/lsqplus/scale", 0, huge, 8, "\"smash.session/fc1.weight/lsqplus/scale\" is so large that the ends of its grid are not finite" NO_FILE },
        { lsqplus, S "fc1.weight/lsqplus/scale", 0, one, 8, NULL },
        { lsqplus, S "fc1.weight/lsqplus/zero", 0, inf - 1, 8, "\"smash.session/fc1.weight/lsqplus/zero\" must be a float32" NO_FILE }, { lsqplus, S "fc1.weight/lsqplus/zero", 0, minus, 8, NULL },
        { lsqplus, S "fc1.weight/lsqplus/scale_squares", 0, minus, 8, "number 0 of \"smash.session/fc1.weight/lsqplus/scale_squares\" must be 0 or more" NO_FILE },
        { lsqplus, S "fc2.weight/lsqplus/zero_squares", 0, minus, 8, "number 0 of \"smash.session/fc2.weight/lsqplus/zero_squares\" must be 0 or more" NO_FILE },
        { lsqplus, S "fc1.weight/lsqplus/scale_gradient", 0, one, 8, "number 0 of \"smash.session/fc1.weight/lsqplus/scale_gradient\" must be 0, as it is between two steps" NO_FILE },
        { lsqplus, S "fc1.weight/lsqplus/scale_mean", 0, minus, 8, NULL }, { lsqplus, S "fc1.weight/lsqplus/scale_mean", 0, inf + 1, 8, "number 0 of \"smash.session/fc1.weight/lsqplus/scale_mean\" must be finite" NO_FILE },
        { qat, S "fc1._input_0/qat/lo", 0, 0x7F000000u, 4, "\"smash.session/fc1._input_0/qat/lo\" is above the upper end of its range" NO_FILE },
        { qat, S "fc1._input_0/qat/hi", 0, 0xFF000000u, 4, "\"smash.session/fc1._input_0/qat/lo\" is above the upper end of its range" NO_FILE },
        { qat, S "fc1._input_0/qat/hi", 0, 0x7F800000u, 4, "number 0 of \"smash.session/fc1._input_0/qat/hi\" must be finite" NO_FILE }, { qat, S "fc1._input_0/qat/hi", 0, 0x42000000u, 4, NULL },
        { qat, S "fc1._input_0/qat/observed", 0, 0, 8, "\"smash.session/fc1._input_0/qat/observed\" counts numbers that no batches have, or batches without numbers" NO_FILE },
        { qat, S "fc1._input_0/qat/observed", 1, 0, 8, "\"smash.session/fc1._input_0/qat/observed\" counts numbers that no batches have, or batches without numbers" NO_FILE },
        { qat, S "fc1._input_0/qat/observed", 0, 99, 8, "\"smash.session/fc1._input_0/qat/observed\" counts numbers that no batches have, or batches without numbers" NO_FILE },
        { qat, S "fc1._input_0/qat/observed", 1, most, 8, "number 1 of \"smash.session/fc1._input_0/qat/observed\" must be below 9007199254740992" NO_FILE }, { qat, S "fc1._input_0/qat/observed", 1, 999, 8, NULL },
        { channels, S "fc1._output_0/qat/lo", 4, 0x7F000000u, 4, "\"smash.session/fc1._output_0/qat/lo\" is above the upper end of its range" NO_FILE },
        { adaptive, S "fc2._output_0/adaptive_1d_layerwise/weight_squares", 7, minus, 8, "number 7 of \"smash.session/fc2._output_0/adaptive_1d_layerwise/weight_squares\" must be 0 or more" NO_FILE },
        { adaptive, S "fc2._output_0/adaptive_1d_layerwise/bias_gradient", 2, one, 8, "number 2 of \"smash.session/fc2._output_0/adaptive_1d_layerwise/bias_gradient\" must be 0, as it is between two steps" NO_FILE },
        { adaptive, S "fc2._output_0/adaptive_1d_layerwise/step", 0, most, 8, "number 0 of \"smash.session/fc2._output_0/adaptive_1d_layerwise/step\" must be below 9007199254740992" NO_FILE },
        { adaptive, S "fc2._output_0/adaptive_1d_layerwise/weight", 3, minus, 8, NULL },
        { apoz, S "fc1._output_0/activation_apoz/sum", 2, minus, 8, "\"smash.session/fc1._output_0/activation_apoz/sum\" is not what can be the sum of so many numbers" NO_FILE },
        { apoz, S "fc1._output_0/activation_apoz/sum", 5, (uint64_t)0x408 << 52, 8, "\"smash.session/fc1._output_0/activation_apoz/sum\" is not what can be the sum of so many numbers" NO_FILE },
        { apoz, S "fc1._output_0/activation_apoz/sum", 5, one, 8, NULL }, { apoz, S "fc1._output_0/activation_apoz/seen", 0, most, 8, "number 0 of \"smash.session/fc1._output_0/activation_apoz/seen\" must be below 9007199254740992" NO_FILE },
        { gelu, S "fc1._output_0/activation_mean_rank/sum", 0, minus, 8, NULL }, { gelu, S "fc1._output_0/activation_mean_rank/seen", 0, 0, 8, "\"smash.session/fc1._output_0/activation_mean_rank/sum\" is not what can be the sum of so many numbers" NO_FILE },
        { taylor, S "fc1.weight/taylor/sum", 3, minus, 8, "number 3 of \"smash.session/fc1.weight/taylor/sum\" must be 0 or more" NO_FILE },
        { taylor, S "fc1.weight/taylor/mask", 4, 2, 1, "number 4 of \"smash.session/fc1.weight/taylor/mask\" must be 0 or 1" NO_FILE }, { taylor, S "fc2.weight/taylor/mask", 1, 0, 1, "\"smash.session/fc2.bias/taylor/mask\" is not what follows from the mask that it is aligned with" NO_FILE },
        { taylor, S "fc1.bias/taylor/mask", 4, 0, 1, "\"smash.session/fc1.bias/taylor/mask\" is not what follows from the mask that it is aligned with" NO_FILE },
        { slim, S "fc1.weight/slim/squares", 5, minus, 8, "number 5 of \"smash.session/fc1.weight/slim/squares\" must be 0 or more" NO_FILE }, { slim, S "fc1.weight/slim/factor", 5, minus, 8, NULL },
        { slim, S "fc1.weight/slim/gradient", 1, one, 8, "number 1 of \"smash.session/fc1.weight/slim/gradient\" must be 0, as it is between two steps" NO_FILE } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_result result;
        net a, b;
        net_begin(&a, ctx, rows[i].config);
        for (k = 1; k <= 2; k++) one_step(&a, ctx, k);
        save(&a, ctx, 0);
        net_done(&a);
        for (k = 0; k < rows[i].wide; k++) bytes_of(&files[0], rows[i].name)[rows[i].index * rows[i].wide + k] = (unsigned char)(rows[i].bits >> 8 * k);
        net_begin(&b, ctx, rows[i].config);
        one_step(&b, ctx, 9);
        save(&b, ctx, 1);
        if (rows[i].message) {
            SAYS(load(&b, ctx, 0), SMASH_ERR_FORMAT, rows[i].message);
            CHECK(rows[i].index == 0 || ctx->index == rows[i].index || !strncmp(rows[i].message, "\"", 1), "row %d: index %d", (int)i, (int)ctx->index);
            CHECK(strncmp(rows[i].message, "\"", 1) || !strstr(rows[i].name, "/sum") || ctx->index == rows[i].index, "row %d: index %d", (int)i, (int)ctx->index);
            save(&b, ctx, 2);
            CHECK(same_files(1, 2), "row %d: the session has moved", (int)i);
        } else {
            CHECK_ERR(ctx, load(&b, ctx, 0), SMASH_OK, "row %d", (int)i);
            one_step(&b, ctx, 3);
            CHECK_ERR(ctx, smash_session_end(ctx, &b.s, NULL, &result), SMASH_OK, "row %d", (int)i);
        }
        net_done(&b);
    }
}

/* The file once more, and one tensor in it is another: of this dtype and shape, all zeros; ndim 7: it is not there. */
static void rewritten(smash_ctx *ctx, size_t from, size_t to, const char *name, smash_dtype dtype, uint32_t ndim, const size_t *shape)
{
    static double zeros[64];
    smash_arena arena;
    smash_model model;
    smash_tensor t[64];
    smash_layout layout;
    smash_io io = from_file(&files[from]);
    size_t i, n = 0;
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    CHECK_ERR(ctx, smash_safetensors_read(ctx, NULL, &io, &arena, NULL, &model), SMASH_OK, "read");
    for (i = 0; i < model.param_count && n < 64; i++) {
        const int same = !strcmp(model.params[i].name, name);
        if (same && ndim == 7) continue;
        if (same) t[n] = test_view(dtype, zeros, ndim, shape);
        else CHECK_ERR(ctx, smash_model_load(ctx, &model, i, &arena, &t[n]), SMASH_OK, "%s", model.params[i].name);
        t[n++].name = model.params[i].name;
    }
    CHECK_ERR(ctx, smash_safetensors_layout(ctx, t, n, model.metadata, model.metadata_count, &arena, &layout), SMASH_OK, "layout");
    io = to_file(&files[to]);
    CHECK_ERR(ctx, smash_safetensors_begin(ctx, &layout, &io), SMASH_OK, "begin");
    for (i = 0; i < n; i++) CHECK_ERR(ctx, smash_safetensors_put(ctx, &layout, &io, i, &t[i]), SMASH_OK, "put");
    smash_arena_release(&arena);
}

/* Tensors of other shapes, or away: refused, in a session that knows them and in one that has not met them. */
static void test_shapes(smash_ctx *ctx)
{
    static const struct { const char *config, *name; smash_dtype dtype; uint32_t ndim; size_t shape[6]; const char *fresh; } rows[] = {
        { qat, S "fc1._input_0/qat/lo", SMASH_F32, 1, { 2 }, "\"smash.session/fc1._input_0/qat/hi\" is not of the shape of the lower ends, or one of them not F32" NO_FILE },
        { qat, S "fc1._input_0/qat/lo", SMASH_F32, 2, { 1, 1 }, "\"smash.session/fc1._input_0/qat/hi\" is not of the shape of the lower ends, or one of them not F32" NO_FILE },
        { qat, S "fc1._input_0/qat/hi", SMASH_F16, 1, { 1 }, "\"smash.session/fc1._input_0/qat/hi\" is not of the shape of the lower ends, or one of them not F32" NO_FILE },
        { qat, S "fc1._input_0/qat/hi", SMASH_F32, 7, { 0 }, "the file has 2 of the 3 tensors smash.session/fc1._input_0/qat/...: this is no file that a session has written" },
        { qat, S "fc1._input_0/qat/observed", SMASH_U64, 1, { 3 }, "\"smash.session/fc1._input_0/qat/observed\" must be two counts" NO_FILE },
        { qat, S "fc1._input_0/qat/observed", SMASH_F64, 1, { 2 }, "\"smash.session/fc1._input_0/qat/observed\" must be two counts" NO_FILE },
        { bins, S "fc1._input_0/ptq/bins", SMASH_U64, 2, { 1, 64 }, "row 0 of \"smash.session/fc1._input_0/ptq/bins\" counts nothing, and its range was observed" NO_FILE },
        { bins, S "fc1._input_0/ptq/bins", SMASH_U64, 1, { 64 }, "\"smash.session/fc1._input_0/ptq/bins\" must have a row of counts for each range, as many as its observer has bins" NO_FILE },
        { bins, S "fc1._input_0/ptq/bins", SMASH_U64, 7, { 0 }, "the file has 3 of the 4 tensors smash.session/fc1._input_0/ptq/...: this is no file that a session has written" },
        { channels, S "fc1._output_0/qat/lo", SMASH_F32, 1, { 6 }, "\"smash.session/fc1._output_0/qat/hi\" is not of the shape of the lower ends, or one of them not F32" NO_FILE },
        { adaptive, S "fc2._output_0/adaptive_1d_layerwise/bias", SMASH_F64, 1, { 3 }, "\"smash.session/fc2._output_0/adaptive_1d_layerwise/bias\" is not F64, or does not fit the weights of its projection" NO_FILE },
        { adaptive, S "fc2._output_0/adaptive_1d_layerwise/weight", SMASH_F64, 1, { 18 }, "\"smash.session/fc2._output_0/adaptive_1d_layerwise/weight\" is not F64, or does not fit the weights of its projection" NO_FILE },
        { adaptive, S "fc2._output_0/adaptive_1d_layerwise/step", SMASH_I64, 1, { 1 }, "\"smash.session/fc2._output_0/adaptive_1d_layerwise/step\" must be one count" NO_FILE },
        { adaptive, S "fc2._output_0/adaptive_1d_layerwise/bias_mean", SMASH_F64, 7, { 0 }, "the file has 8 of the 9 tensors smash.session/fc2._output_0/adaptive_1d_layerwise/...: this is no file that a session has written" },
        { apoz, S "fc1._output_0/activation_apoz/sum", SMASH_F64, 1, { 7 }, "\"smash.session/fc1._output_0/activation_apoz/sum\" must be an F64 for each channel of the output" NO_FILE },
        { apoz, S "fc1._output_0/activation_apoz/sum", SMASH_F64, 2, { 1, 6 }, "\"smash.session/fc1._output_0/activation_apoz/sum\" must be an F64 for each channel of the output" NO_FILE },
        { apoz, S "fc1._output_0/activation_apoz/sum", SMASH_F32, 1, { 6 }, "\"smash.session/fc1._output_0/activation_apoz/sum\" must be an F64 for each channel of the output" NO_FILE },
        { apoz, S "fc1._output_0/activation_apoz/sum", SMASH_F64, 1, { 0 }, "\"smash.session/fc1._output_0/activation_apoz/sum\" must be an F64 for each channel of the output" NO_FILE },
        { apoz, S "fc1._output_0/activation_apoz/seen", SMASH_U64, 1, { 2 }, "\"smash.session/fc1._output_0/activation_apoz/seen\" must be one count" NO_FILE },
        { apoz, S "step", SMASH_U64, 7, { 0 }, NULL }, { apoz, S "fc1.weight/activation_apoz/mask", SMASH_BOOL, 7, { 0 }, NULL }, { apoz, S "fc1.weight/activation_apoz/mask", SMASH_BOOL, 1, { 6 }, NULL },
        { lsqplus, S "fc1.weight/lsqplus/zero", SMASH_F64, 1, { 2 }, NULL }, { lsqplus, "fc1.weight", SMASH_F32, 2, { 4, 6 }, NULL }, { lsqplus, "fc2.bias", SMASH_F32, 7, { 0 }, NULL } };
    size_t i, k, met;
    for (i = 0; i < COUNT_OF(rows); i++)
        for (met = 0; met < 2; met++) {
            net a;
            net_begin(&a, ctx, rows[i].config);
            for (k = 1; k <= 2; k++) one_step(&a, ctx, k);
            save(&a, ctx, 0);
            rewritten(ctx, 0, 1, rows[i].name, rows[i].dtype, rows[i].ndim, rows[i].shape);
            if (!met) {
                net_done(&a);
                net_begin(&a, ctx, rows[i].config);
                save(&a, ctx, 0);
            }
            CHECK_ERR(ctx, load(&a, ctx, 1), SMASH_ERR_FORMAT, "row %d", (int)i);
            if (!met && rows[i].fresh) CHECK(!strcmp(ctx->message, rows[i].fresh), "row %d: %s", (int)i, ctx->message);
            CHECK(strstr(ctx->message, rows[i].ndim == 7 && rows[i].fresh ? "the file has " : rows[i].fresh && !met ? S : rows[i].name) != NULL, "row %d: %s", (int)i, ctx->message);
            save(&a, ctx, 2);
            CHECK(same_files(0, 2), "row %d: the session has moved", (int)i);
            net_done(&a);
        }
}

/* Ranges of channels that all three tensors agree on, and the row does not; what a config is not; what a model is not. */
static void test_others(smash_ctx *ctx)
{
    static const size_t five[2] = { 1, 5 }, one[1] = { 1 };
    net a;
    net_begin(&a, ctx, channels);
    one_step(&a, ctx, 1);
    save(&a, ctx, 0);
    rewritten(ctx, 0, 1, S "fc1._output_0/qat/lo", SMASH_F32, 2, five);
    rewritten(ctx, 1, 2, S "fc1._output_0/qat/hi", SMASH_F32, 2, five);
    net_done(&a);
    net_begin(&a, ctx, channels);
    SAYS(load(&a, ctx, 2), SMASH_ERR_FORMAT, "\"smash.session/fc1._output_0/qat/lo\" has not the shape that the granularity of its row makes" NO_FILE);
    CHECK_ERR(ctx, load(&a, ctx, 0), SMASH_OK, "as it was");
    rewritten(ctx, 0, 1, S "fc1._output_0/qat/lo", SMASH_F32, 1, one);
    SAYS(load(&a, ctx, 1), SMASH_ERR_FORMAT, "\"smash.session/fc1._output_0/qat/lo\" is F32 [1] in the file, and F32 [1, 6] in this session: it is of another model, or of inputs of another shape");
    net_done(&a);
    net_begin(&a, ctx, lsqplus);
    SAYS(load(&a, ctx, 0), SMASH_ERR_FORMAT, "this file is of a session with another config, first at \"quantizer\" there and \"quantizer\" here: begin with the config it was saved with, or train anew with this one");
    net_done(&a);
    net_begin(&a, ctx, "{\"quantizer\": \"qat\", \"qat_rate\": 0.5}");
    save(&a, ctx, 0);
    net_done(&a);
    net_begin(&a, ctx, qat);
    SAYS(load(&a, ctx, 0), SMASH_ERR_FORMAT, "this file is of a session with another config, first at \"qat_rate\" there and \"qat_config_list\" here: begin with the config it was saved with, or train anew with this one");
    net_done(&a);
}

/* Where everything starts anew from what it was, -Inf may be among it: the session takes up its own file. */
static void test_first(smash_ctx *ctx)
{
    static const char config[] = "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 1, \"lottery_ticket_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5}]}";
    net a;
    net_init(&a, ctx, config);
    a.b2[1] = float_of(0xFF800000u);
    CHECK_ERR(ctx, smash_session_begin(ctx, &a.model, &a.config, NULL, &a.s), SMASH_OK, "begin");
    one_step(&a, ctx, 1);
    save(&a, ctx, 0);
    one_step(&a, ctx, 2);
    CHECK_ERR(ctx, load(&a, ctx, 0), SMASH_OK, "load");
    save(&a, ctx, 1);
    CHECK(same_files(0, 1), "another file");
    net_done(&a);
}

/* A step that sets quantizers back: scales of inputs and outputs begin with the next batch, as they did with the first. */
static void test_anew(smash_ctx *ctx)
{
    static const char *const words[] = { "scale", "zero", "scale_mean", "zero_mean", "scale_squares", "zero_squares" };
    char name[64];
    net a, b;
    size_t i, p;
    net_begin(&a, ctx, ANEW);
    net_begin(&b, ctx, ANEW);
    for (i = 1; i <= 3; i++) {
        one_step(&a, ctx, i);
        CHECK(a.s.rewound == (i == 2), "step %d", (int)i);
    }
    one_step(&b, ctx, 3);
    save(&a, ctx, 0);
    save(&b, ctx, 1);
    for (p = 0; p < 2; p++)
        for (i = 0; i < COUNT_OF(words); i++) {
            snprintf(name, sizeof name, "smash.session/%s/lsqplus/%s", ends[p], words[i]);
            CHECK(number_in(&files[0], name, 0) == number_in(&files[1], name, 0), "%s: %.17g, not %.17g", name, number_in(&files[0], name, 0), number_in(&files[1], name, 0));
        }
    CHECK(number_in(&files[0], "smash.session/fc1._output_0/lsqplus/scale", 0) > 0.1, "%g", number_in(&files[0], "smash.session/fc1._output_0/lsqplus/scale", 0));
    net_done(&a);
    net_done(&b);
}

/* A forward that fails, for want of memory or for a NaN, has begun nothing: the file of it is taken up, and the next one begins. */
static void test_failed_forward(smash_ctx *ctx)
{
    static const char *const configs[] = {
        "{\"quantizer\": \"lsq\", \"lsq_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int4\", \"target_names\": [\"_output_0\"]}]}",
        "{\"quantizer\": \"lsqplus\", \"lsqplus_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"uint4\", \"target_names\": [\"_output_0\"]}]}",
        "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int8\", \"ptq_observer\": \"mse\"}", qat, apoz };
    size_t i, k, fail;
    for (i = 0; i < COUNT_OF(configs); i++)
        for (fail = 0; fail < 40; fail++) {                              /* 0: a NaN */
            static double room[1 << 15];
            smash_session_desc desc = SMASH_ZERO;
            smash_arena arena;
            float x[BATCH * 6];
            smash_tensor t = output(x, 6);
            smash_err err;
            uint32_t y;
            net a;
            net_init(&a, ctx, configs[i]);
            smash_arena_init(&arena, room, sizeof room, NULL);
            desc.arena = &arena;
            CHECK_ERR(ctx, smash_session_begin(ctx, &a.model, &a.config, &desc, &a.s), SMASH_OK, "config %d", (int)i);
            save(&a, ctx, 0);
            y = slot_of(&a, ctx, "fc1._output_0");
            for (k = 0; k < BATCH * 6; k++) x[k] = k == 7 && !fail ? float_of(0x7FC00000u) : wave(k, 0.01);
            if (fail) arena.bytes = arena.used + (fail - 1) * 32;
            smash_ctx_reset(ctx);
            err = smash_session_forward(ctx, &a.s, y, &t);
            arena.bytes = sizeof room;
            CHECK(err == (!fail ? SMASH_ERR_NONFINITE : err ? SMASH_ERR_NOMEM : SMASH_OK), "config %d, failure %d: %s", (int)i, (int)fail, smash_err_name(err));
            if (err) {
                save(&a, ctx, 1);
                CHECK(same_files(0, 1), "config %d, failure %d: something has begun", (int)i, (int)fail);
            }
            CHECK_ERR(ctx, load(&a, ctx, 0), SMASH_OK, "config %d, failure %d", (int)i, (int)fail);
            one_step(&a, ctx, 1);
            save(&a, ctx, 1);
            net_done(&a);
            net_begin(&a, ctx, configs[i]);
            one_step(&a, ctx, 1);
            save(&a, ctx, 2);
            CHECK(same_files(1, 2), "config %d, failure %d: another file afterwards", (int)i, (int)fail);
            net_done(&a);
        }
}

/* Any byte of the numbers of quantizers is another: refused, or a number that may be, with which all goes on. */
static void test_bytes(smash_ctx *ctx)
{
    static const char *const configs[] = { lsqplus, channels, bins, "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\", \"lsq_granularity\": \"out_channel\"}", qat };
    size_t i, k, at, refused = 0, taken = 0;
    for (i = 0; i < COUNT_OF(configs); i++) {
        net a, b;
        net_begin(&a, ctx, configs[i]);
        for (k = 1; k <= 2; k++) one_step(&a, ctx, k);
        save(&a, ctx, 0);
        net_done(&a);
        net_begin(&b, ctx, configs[i]);
        one_step(&b, ctx, 9);
        save(&b, ctx, 1);
        for (at = 8 + (size_t)files[0].data[0] + 256 * (size_t)files[0].data[1]; at < files[0].used; at++) {
            static const unsigned char other[] = { 0xFF, 0x80, 0x01, 0x40 };
            for (k = 0; k < COUNT_OF(other); k++) {
                smash_result result;
                smash_err err;
                files[0].data[at] ^= other[k];
                smash_ctx_reset(ctx);
                err = load(&b, ctx, 0);
                CHECK(!err || (err == SMASH_ERR_FORMAT && strstr(ctx->message, S)), "config %d, byte %d: %s: %s", (int)i, (int)at, smash_err_name(err), ctx->message);
                refused += err != 0;
                taken += !err;
                save(&b, ctx, 2);
                CHECK(same_files(err ? 1 : 0, 2), "config %d, byte %d: neither the one nor the other", (int)i, (int)at);
                if (!err) CHECK((err = smash_session_end(ctx, &b.s, NULL, &result)) == SMASH_OK || err == SMASH_ERR_NONFINITE || err == SMASH_ERR_RANGE, "config %d, byte %d: %s: %s", (int)i, (int)at, smash_err_name(err), ctx->message);
                files[0].data[at] ^= other[k];
                CHECK_ERR(ctx, load(&b, ctx, 1), SMASH_OK, "config %d, byte %d: back", (int)i, (int)at);
            }
        }
        net_done(&b);
    }
    CHECK(refused > 300 && taken > 300, "%d refused, %d taken", (int)refused, (int)taken);
}

int main(void)
{
    static smash_ctx ctx;
    test_ctx(&ctx);
    test_order(&ctx);
    test_penalties(&ctx);
    test_loaded(&ctx);
    test_numbers(&ctx);
    test_shapes(&ctx);
    test_others(&ctx);
    test_first(&ctx);
    test_anew(&ctx);
    test_failed_forward(&ctx);
    test_bytes(&ctx);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
