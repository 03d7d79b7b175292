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

int main(void)
{
    static smash_ctx ctx;
    test_ctx(&ctx);
    test_order(&ctx);
    test_penalties(&ctx);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
