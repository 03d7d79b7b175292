/* Quantizers and distillers in a training session: step by step against the formulas, saved and taken up again, and misused. */
#include "../smash.h"
#include "session_net.h"
#include "golden/observer.h"

enum { BATCH = 2, ENDS = 4 };
static const char *const ends[ENDS] = { "fc1._input_0", "fc1._output_0", "fc2._input_0", "fc2._output_0" };
static const size_t end_width[ENDS] = { 4, 6, 6, 3 };
static float end_number(size_t step, size_t end, size_t i) { return (float)((double)((step * 13 + i * 7 + end * 5) % 19) * 0.37 - 3.1 + 0.01 * (double)step); }
static float made_up(size_t step, size_t what, size_t i) { return (float)((step * 5 + what * 11 + i * 3) % 17) * 0.125f - 0.9375f; }
static float teacher_number(size_t step, size_t end, size_t i) { return (float)((double)((step * 3 + i * 5 + end) % 13) * 0.5 - 2.75); }

/* An input or output forward, or its gradient backward, in place */
static void end_forward(net *n, smash_ctx *ctx, size_t end, float *x)
{
    const size_t shape[2] = { BATCH, end_width[end] };
    smash_tensor t = test_view(SMASH_F32, x, 2, shape);
    CHECK_ERR(ctx, smash_session_forward(ctx, &n->s, slot_of(n, ctx, ends[end]), &t), SMASH_OK, "%s", ends[end]);
}
static void end_backward(net *n, smash_ctx *ctx, size_t end, float *g)
{
    const size_t shape[2] = { BATCH, end_width[end] };
    smash_tensor t = test_view(SMASH_F32, g, 2, shape);
    CHECK_ERR(ctx, smash_session_backward(ctx, &n->s, slot_of(n, ctx, ends[end]), &t), SMASH_OK, "%s", ends[end]);
}
static void param_backward(net *n, smash_ctx *ctx, size_t param, float *g)
{
    smash_tensor t = n->model.params[param].tensor;
    t.data = g;
    CHECK_ERR(ctx, smash_session_backward(ctx, &n->s, slot_of(n, ctx, n->model.params[param].name), &t), SMASH_OK, "param %d", (int)param);
}

/* One step of a loop that any config goes through. *loss: what the session makes of a loss of 1. */
static smash_err one_step(net *n, smash_ctx *ctx, size_t step, double *loss)
{
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
    for (p = 0; !err && p < ENDS; p++) {
        const size_t shape[2] = { BATCH, end_width[p] };
        smash_tensor t = test_view(SMASH_F32, y, 2, shape);
        for (i = 0; i < BATCH * end_width[p]; i++) y[i] = teacher_number(step, p, i);
        err = smash_session_find_teacher(ctx, &n->s, ends[p], &slot);
        if (!err) err = smash_session_teach(ctx, &n->s, slot, &t);
        for (i = 0; i < BATCH * end_width[p]; i++) y[i] = end_number(step, p, i);
        if (!err) err = smash_session_find(ctx, &n->s, ends[p], &slot);
        if (!err) err = smash_session_forward(ctx, &n->s, slot, &t);
    }
    if (!err) err = smash_session_loss(ctx, &n->s, 1, &total, &scale);
    if (!err && loss) *loss = total;
    for (p = ENDS; !err && p-- > 0;) {
        const size_t shape[2] = { BATCH, end_width[p] };
        const smash_tensor t = test_view(SMASH_F32, g, 2, shape);
        for (i = 0; i < BATCH * end_width[p]; i++) g[i] = made_up(step, 4 + p, i) * (float)scale;
        err = smash_session_find(ctx, &n->s, ends[p], &slot);
        if (!err) err = smash_session_backward(ctx, &n->s, slot, &t);
        for (i = 0; !err && p == 3 && i < 3; i++) n->b2[i] -= 0.0625f * g[i];
    }
    for (p = 0; !err && p < 4; p++) {
        smash_tensor t = n->model.params[p].tensor;
        smash_tensor_count(&t, &count);
        for (i = 0; i < count; i++) g[i] = made_up(step, p, i);
        err = smash_session_find(ctx, &n->s, n->model.params[p].name, &slot);
        t.data = g;
        if (!err) err = smash_session_backward(ctx, &n->s, slot, &t);
        for (i = 0; !err && i < count; i++) ((float *)n->model.params[p].tensor.data)[i] -= 0.0625f * g[i];
    }
    return err ? err : smash_session_step(ctx, &n->s);
}

static const smash_row *row_of(const net *n, const char *module, const char *target, smash_group group)
{
    size_t i;
    for (i = 0; i < n->s.plan->count; i++) {
        const smash_row *row = &n->s.plan->rows[i];
        if (row->algo->group == group && !strcmp(row->target, target) && !strcmp(n->s.plan->model->modules[row->module].name, module)) return row;
    }
    CHECK(0, "no row of %s.%s", module, target);
    abort();
}

/* ---- qat ---- */

static double even(double x)
{
    const double whole = (double)(long)x, rest = x - whole;
    double up = whole;
    if (rest > 0.5 || (rest == 0.5 && (long)whole % 2)) up += 1;
    if (rest < -0.5 || (rest == -0.5 && (long)whole % 2)) up -= 1;
    return up;
}

/* y of x by scale and zero point; *inside: whether its gradient passes */
static float faked(float x, float scale, double zero, double qmin, double qmax, int *inside)
{
    volatile float u = x / scale;
    double q;
    u = (float)zero + u;
    q = (double)u;
    *inside = q >= qmin && q <= qmax;
    return (float)(even(q < qmin ? qmin : q > qmax ? qmax : q) - zero) * scale;
}

static float size_of(const float *x, size_t n)
{
    float most = 0;
    size_t i;
    for (i = 0; i < n; i++) if ((x[i] < 0 ? -x[i] : x[i]) > most) most = x[i] < 0 ? -x[i] : x[i];
    return most;
}

/* Weights: the grid is that of the weights as they are, at every step; before quant_start_step there is none. */
static void test_qat_weights(smash_ctx *ctx)
{
    static const struct { const char *config; double qmax; int rows; size_t start; } rows[] = {
        { "{\"quantizer\": \"qat\"}", 127, 0, 0 }, { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\"}", 7, 0, 0 },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\", \"qat_granularity\": \"out_channel\"}", 7, 1, 0 },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\", \"qat_quant_start_step\": 2}", 7, 0, 2 } };
    size_t i, step, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        net n;
        net_begin(&n, ctx, rows[i].config);
        for (step = 0; step < 5; step++) {
            const float *w = forward(&n, ctx, 0);
            float g[24], most = size_of(n.w1, 24);
            CHECK(w != n.w1, "row %d: the raw weights", (int)i);
            for (k = 0; k < 24; k++) g[k] = made_up(step, 0, k);
            param_backward(&n, ctx, 0, g);
            for (k = 0; k < 24; k++) {
                int inside = 1;
                float want;
                if (rows[i].rows) most = size_of(n.w1 + k / 4 * 4, 4);
                want = step < rows[i].start ? n.w1[k] : faked(n.w1[k], most / (float)rows[i].qmax, 0, -rows[i].qmax, rows[i].qmax, &inside);
                CHECK(w[k] == want, "row %d, step %d, weight %d: %.9g, not %.9g", (int)i, (int)step, (int)k, (double)w[k], (double)want);
                CHECK(g[k] == (inside ? made_up(step, 0, k) : 0), "row %d, step %d, gradient %d: %.9g", (int)i, (int)step, (int)k, (double)g[k]);
            }
            if (!step) CHECK(forward(&n, ctx, 1) == n.b1 || !memcmp(forward(&n, ctx, 1), n.b1, sizeof n.b1), "the bias is another");
            for (k = 0; k < 24; k++) n.w1[k] -= 0.0625f * g[k];
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "row %d, step %d", (int)i, (int)step);
        }
        net_done(&n);
    }
}

/* Inputs and outputs: the averages that NNI has, used at once, clamped in backward, frozen while evaluating, and in the file */
static void test_qat_ends(smash_ctx *ctx)
{
    static const char config[] = "{\"quantizer\": \"qat\", \"qat_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int8\", \"quant_scheme\": \"affine\"}]}";
    smash_result result;
    smash_io io;
    size_t step, k;
    float x[8], g[8];
    int inside;
    net n;
    net_begin(&n, ctx, config);
    for (k = 0; k < 8; k++) x[k] = end_number(9, 0, k);
    smash_session_evaluate(&n.s, 1);
    end_forward(&n, ctx, 0, x);
    for (k = 0; k < 8; k++) CHECK(x[k] == end_number(9, 0, k), "nothing is observed yet, and %d changes", (int)k);
    smash_session_evaluate(&n.s, 0);
    for (step = 0; step < COUNT_OF(golden_qat_ema); step++) {
        const float s = float_of(golden_qat_ema[step].scale);
        floats_of(golden_qat_ema[step].x, x, 8);
        end_forward(&n, ctx, 0, x);
        for (k = 0; k < 8; k++) g[k] = made_up(step, 1, k);
        end_backward(&n, ctx, 0, g);
        for (k = 0; k < 8; k++) {
            const float was = float_of(golden_qat_ema[step].x[k]), want = faked(was, s, golden_qat_ema[step].zero, -127, 127, &inside);
            CHECK(x[k] == want, "step %d, number %d: %.9g, not %.9g", (int)step, (int)k, (double)x[k], (double)want);
            CHECK(g[k] == (inside ? made_up(step, 1, k) : 0), "step %d, gradient %d: %.9g", (int)step, (int)k, (double)g[k]);
        }
        smash_session_evaluate(&n.s, 1);
        for (k = 0; k < 8; k++) x[k] = end_number(step, 0, k);
        end_forward(&n, ctx, 0, x);
        for (k = 0; k < 8; k++) CHECK(x[k] == faked(end_number(step, 0, k), s, golden_qat_ema[step].zero, -127, 127, &inside), "step %d, evaluated %d", (int)step, (int)k);
        smash_session_evaluate(&n.s, 0);
        CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step %d", (int)step);
        io = to_file(&files[0]);
        CHECK_ERR(ctx, smash_session_end(ctx, &n.s, &io, &result), SMASH_OK, "step %d", (int)step);
        {
            const smash_row *row = row_of(&n, "fc1", "_input_0", SMASH_QUANTIZER), *bias = row_of(&n, "fc1", "bias", SMASH_QUANTIZER);
            smash_model back;
            ptrdiff_t at;
            CHECK(!row->skip && !row->note && row->scale.data && bits_of(*(const float *)row->scale.data) == golden_qat_ema[step].scale && *(const int32_t *)row->zero.data == golden_qat_ema[step].zero, "step %d", (int)step);
            CHECK(bits_of(row->lo) == golden_qat_ema[step].lo && bits_of(row->hi) == golden_qat_ema[step].hi && row->batches == step + 1 && row->numbers == 8 * (step + 1), "step %d", (int)step);
            CHECK(!bias->skip, "step %d: the bias %s", (int)step, bias->note ? bias->note : "");
            CHECK(row_of(&n, "fc1", "_output_0", SMASH_QUANTIZER)->skip, "an output that nobody has seen");
            io = from_file(&files[0]);
            CHECK_ERR(ctx, smash_safetensors_read(ctx, NULL, &io, &n.arena, NULL, &back), SMASH_OK, "step %d", (int)step);
            at = smash_model_find_param(&back, "fc1._input_0_scale");
            CHECK(at >= 0 && smash_model_find_param(&back, "fc1._input_0_zero_point") >= 0 && smash_model_find_param(&back, "fc1._output_0_scale") < 0, "step %d: what is in the file", (int)step);
            if (at >= 0) {
                smash_tensor t;
                CHECK_ERR(ctx, smash_model_load(ctx, &back, (size_t)at, &n.arena, &t), SMASH_OK, "step %d", (int)step);
                CHECK(!memcmp(t.data, &golden_qat_ema[step].scale, 4), "step %d: the scale in the file", (int)step);
            }
        }
    }
    net_done(&n);
}

/* ptq and observer look on, and change nothing before they evaluate. */
static void test_ptq(smash_ctx *ctx)
{
    static const char *const configs[] = { "{\"quantizer\": \"ptq\"}", "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int4\"}" };
    size_t i, step, k;
    int inside;
    for (i = 0; i < COUNT_OF(configs); i++) {
        const double qmax = i ? 7 : 127;
        float most = 0, x[8], g[24], s;
        net n;
        net_begin(&n, ctx, configs[i]);
        for (step = 0; step < 3; step++) {
            CHECK(!memcmp(forward(&n, ctx, 0), n.w1, sizeof n.w1), "config %d, step %d", (int)i, (int)step);
            for (k = 0; k < 24; k++) g[k] = made_up(step, 0, k);
            param_backward(&n, ctx, 0, g);
            for (k = 0; k < 24; k++) CHECK(g[k] == made_up(step, 0, k), "config %d, gradient %d", (int)i, (int)k);
            for (k = 0; k < 8; k++) x[k] = end_number(step, 0, k);
            if (size_of(x, 8) > most) most = size_of(x, 8);
            end_forward(&n, ctx, 0, x);
            for (k = 0; k < 8; k++) CHECK(x[k] == end_number(step, 0, k), "config %d, number %d", (int)i, (int)k);
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step %d", (int)step);
        }
        smash_session_evaluate(&n.s, 1);
        s = size_of(n.w1, 24) / (float)qmax;
        for (k = 0; k < 24; k++) CHECK(forward(&n, ctx, 0)[k] == faked(n.w1[k], s, 0, -qmax, qmax, &inside), "config %d, weight %d", (int)i, (int)k);
        for (k = 0; k < 8; k++) x[k] = end_number(9, 0, k) * 2;
        end_forward(&n, ctx, 0, x);
        for (k = 0; k < 8; k++) CHECK(x[k] == faked(end_number(9, 0, k) * 2, most / (float)qmax, 0, -qmax, qmax, &inside), "config %d, number %d", (int)i, (int)k);
        net_done(&n);
    }
}

/* Every observer, over batches that went forward: the file is, byte for byte, what smash() makes of the same numbers recorded. Also where the session was saved on the way. */
static void test_observers(smash_ctx *ctx)
{
    static const char *const keys[] = {
        "\"ptq\"", "\"ptq\", \"ptq_observer\": \"moving_average\", \"ptq_observer_rate\": 0.25", "\"ptq\", \"ptq_observer\": \"percentile\", \"ptq_observer_percentile\": 80, \"ptq_quant_dtype\": \"uint8\", \"ptq_quant_scheme\": \"affine\"",
        "\"ptq\", \"ptq_observer\": \"entropy\", \"ptq_quant_dtype\": \"int4\"", "\"ptq\", \"ptq_observer\": \"mse\", \"ptq_observer_bins\": 64, \"ptq_quant_dtype\": \"int3\"", "\"observer\"",
        ("\"ptq\", \"shapes\": {\"fc1\": {\"_input_0\": [2, 4], \"_output_0\": [2, 6]}}, \"ptq_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"uint4\", \"observer\": \"mse\", \"quant_scheme\": \"affine\", "
            "\"target_settings\": {\"_output_0\": {\"granularity\": \"per_channel\"}}}]") };
    enum { BATCHES = 5 };
    static float numbers[BATCHES * ENDS][BATCH * 6];
    static char config[768], names[BATCHES * ENDS][32];
    size_t i, step, p, k, told = 0;
    for (i = 0; i < COUNT_OF(keys); i++) {
        smash_tensor recorded[BATCHES * ENDS];
        smash_layout layout;
        smash_result result;
        smash_desc desc = SMASH_ZERO;
        smash_io io;
        net n, m;
        sprintf(config, "{\"quantizer\": %s}", keys[i]);
        net_begin(&n, ctx, config);
        for (step = 0; step < BATCHES; step++) {
            for (p = 0; p < ENDS; p++) {
                const size_t shape[2] = { BATCH, end_width[p] };
                float *x = numbers[step * ENDS + p], y[BATCH * 6];
                for (k = 0; k < BATCH * end_width[p]; k++) y[k] = x[k] = end_number(step, p, k) * (k % 5 == 2 && step == 3 ? 9.0f : 1.0f);
                end_forward(&n, ctx, p, y);
                CHECK(!memcmp(x, y, BATCH * end_width[p] * sizeof *x), "config %d: the numbers are others", (int)i);
                sprintf(names[step * ENDS + p], "%s#%d", ends[p], (int)step);
                recorded[step * ENDS + p] = test_view(SMASH_F32, x, 2, shape);
                recorded[step * ENDS + p].name = names[step * ENDS + p];
            }
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "config %d", (int)i);
            if (step != 2) continue;
            io = to_file(&files[0]);
            CHECK_ERR(ctx, smash_session_save(ctx, &n.s, &io), SMASH_OK, "config %d", (int)i);
            net_done(&n);
            net_begin(&n, ctx, config);
            io = from_file(&files[0]);
            CHECK_ERR(ctx, smash_session_load(ctx, &n.s, &io), SMASH_OK, "config %d", (int)i);
        }
        io = to_file(&files[0]);
        CHECK_ERR(ctx, smash_session_end(ctx, &n.s, &io, &result), SMASH_OK, "config %d", (int)i);
        net_init(&m, ctx, config);
        io = to_file(&files[1]);
        CHECK_ERR(ctx, smash_safetensors_layout(ctx, recorded, BATCHES * ENDS, NULL, 0, &m.arena, &layout), SMASH_OK, "config %d", (int)i);
        CHECK_ERR(ctx, smash_safetensors_begin(ctx, &layout, &io), SMASH_OK, "config %d", (int)i);
        for (k = 0; k < BATCHES * ENDS; k++) CHECK_ERR(ctx, smash_safetensors_put(ctx, &layout, &io, k, &recorded[k]), SMASH_OK, "config %d", (int)i);
        io = from_file(&files[1]);
        desc.calibration = &io;
        CHECK_ERR(ctx, smash(ctx, &m.model, &m.config, &desc, &result), SMASH_OK, "config %d", (int)i);
        io = to_file(&files[2]);
        CHECK_ERR(ctx, smash_save(ctx, &result, &io), SMASH_OK, "config %d", (int)i);
        CHECK(files[0].used == files[2].used && !memcmp(files[0].data, files[2].data, files[0].used), "config %d: another file than by calibration", (int)i);
        for (k = 0; k < n.s.plan->count; k++) {
            const smash_row *a = &n.s.plan->rows[k], *b = &result.steps[0].plan->rows[k];
            CHECK(a->lo == b->lo && a->hi == b->hi && a->batches == b->batches && a->numbers == b->numbers && a->skip == b->skip, "config %d, row %d: %g..%g, not %g..%g", (int)i, (int)k, (double)a->lo, (double)a->hi, (double)b->lo, (double)b->hi);
            told += a->batches == BATCHES;
        }
        net_done(&n);
        net_done(&m);
    }
    CHECK(told == 26, "%d inputs and outputs", (int)told);
}

/* ---- lsq, lsqplus ---- */

static void near_by(double a, double b, double by, const char *what, size_t step, size_t i)
{
    CHECK(magnitude(a - b) <= by * (magnitude(a) + magnitude(b)) + by, "%s, step %d, number %d: %.17g and %.17g", what, (int)step, (int)i, a, b);
}

/* Scales by the formulas of the papers and an Adam in double: mean|w| or the range at first; y, its gradients, and what the file gets */
static void test_lsq(smash_ctx *ctx)
{
    static const struct { const char *config; int plus, nni, uint; double qmin, qmax, rate; } rows[] = {
        { "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\"}", 0, 0, 0, -7, 7, 0.001 },
        { "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\", \"lsq_rate\": 0.05, \"lsq_start\": \"nni\"}", 0, 1, 0, -7, 7, 0.05 },
        { "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\", \"lsq_rate\": 1}", 0, 0, 0, -7, 7, 1 },
        { "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\", \"lsq_rate\": 0}", 0, 0, 0, -7, 7, 0 },
        { "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\", \"lsqplus_rate\": 0.01}", 1, 0, 1, 0, 15, 0.01 },
        { "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\", \"lsqplus_start\": \"nni\"}", 1, 1, 1, 0, 15, 0.001 } };
    size_t i, step, k;
    int least = 0;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const double qmin = rows[i].qmin, qmax = rows[i].qmax, gamma = 1 / smash_sqrt(qmax * 24);
        double s = 0, z = 0, ms = 0, vs = 0, mz = 0, vz = 0, one = 1, two = 1;
        smash_result result;
        net n;
        net_begin(&n, ctx, rows[i].config);
        for (k = 0; k < 24; k++) s += magnitude((double)n.w1[k]) / 24;
        s = 2 * s / smash_sqrt(qmax);
        if (rows[i].plus) {
            float lo = 0, hi = 0, f;
            for (k = 0; k < 24; k++) { lo = n.w1[k] < lo ? n.w1[k] : lo; hi = n.w1[k] > hi ? n.w1[k] : hi; }
            f = (hi - lo) / 15;
            s = (double)f;
            z = -even((double)(lo / f));
        }
        if (rows[i].nni) { s = 0.01; z = rows[i].plus ? 7.5 : 0; }
        s = rows[i].nni ? s : (double)(float)s;
        for (step = 1; step <= 6; step++) {
            const float *w = forward(&n, ctx, 0);
            const float s32 = (float)s, z32 = (float)z;
            double ds = 0, dz = 0;
            float g[24];
            for (k = 0; k < 24; k++) g[k] = made_up(step, 0, k);
            param_backward(&n, ctx, 0, g);
            for (k = 0; k < 24; k++) {
                int inside;
                const float want = faked(n.w1[k], s32, (double)z32, qmin, qmax, &inside);
                volatile float u = n.w1[k] / s32;
                const double dy = (double)made_up(step, 0, k);
                u = u + z32;
                near_by((double)w[k], (double)want, 1e-6, rows[i].config, step, k);
                CHECK(g[k] == (inside ? made_up(step, 0, k) : 0), "row %d, step %d, gradient %d", (int)i, (int)step, (int)k);
                ds += gamma * dy * ((double)u < qmin ? qmin - (double)z32 : (double)u > qmax ? qmax - (double)z32 : even((double)u) - (double)u);
                dz += inside ? 0 : -dy * (double)s32;
            }
            { float g2[18]; for (k = 0; k < 18; k++) g2[k] = 0; (void)forward(&n, ctx, 2); param_backward(&n, ctx, 2, g2); }
            for (k = 0; k < 24; k++) n.w1[k] -= 0.0625f * g[k];
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            one *= 0.9;
            two *= 0.999;
            ms = 0.9 * ms + 0.1 * ds;
            vs = 0.999 * vs + 0.001 * ds * ds;
            mz = 0.9 * mz + 0.1 * dz;
            vz = 0.999 * vz + 0.001 * dz * dz;
            s -= rows[i].rate * (ms / (1 - one)) / (smash_sqrt(vs / (1 - two)) + 1e-8);
            if (rows[i].plus) z -= rows[i].rate * (mz / (1 - one)) / (smash_sqrt(vz / (1 - two)) + 1e-8);
            if (s < 1.1920928955078125e-7) { s = 1.1920928955078125e-7; least = 1; }
            CHECK_ERR(ctx, smash_session_end(ctx, &n.s, NULL, &result), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            {
                const smash_row *row = row_of(&n, "fc1", "weight", SMASH_QUANTIZER);
                CHECK(row->given_scale && row->given_zero, "row %d: nothing is given", (int)i);
                near_by((double)*(const float *)row->given_scale->data, s, 1e-6, "given scale", step, i);
                if (rows[i].plus) near_by((double)*(const float *)row->given_zero->data, z, 1e-6, "given zero", step, i);
            }
            if (rows[i].rate >= 1) break;                                /* at the least scale nothing can be told apart */
        }
        net_done(&n);
    }
    CHECK(least, "no scale came to its least");
}

/* Inputs and outputs that are named: scales begin by the first batch, and are trained as those of weights; zero points are whole. What the file says is the grid that forward has. */
static void test_lsq_ends(smash_ctx *ctx)
{
#define ENDS_OF(algo, keys) "{\"quantizer\": \"" algo "\", \"" algo "_rate\": 0.02" keys "\"" algo "_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"_input_0\", \"_output_0\"], \"quant_dtype\": "
    static const struct { const char *config; int plus, nni; double qmin, qmax; } rows[] = {
        { ENDS_OF("lsq", ", ") "\"int4\"}]}", 0, 0, -7, 7 }, { ENDS_OF("lsq", ", \"lsq_start\": \"nni\", ") "\"uint4\"}]}", 0, 1, 0, 15 },
        { ENDS_OF("lsqplus", ", ") "\"uint4\"}]}", 1, 0, 0, 15 }, { ENDS_OF("lsqplus", ", \"lsqplus_start\": \"nni\", ") "\"int4\"}]}", 1, 1, -7, 7 } };
    size_t i, e, step, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const double qmin = rows[i].qmin, qmax = rows[i].qmax;
        double s[2] = { 0 }, z[2] = { 0 }, ms[2] = { 0 }, vs[2] = { 0 }, mz[2] = { 0 }, vz[2] = { 0 }, one = 1, two = 1;
        smash_result result;
        smash_io io;
        net n;
        net_begin(&n, ctx, rows[i].config);
        CHECK(slot_of(&n, ctx, "fc2._output_0") == (uint32_t)SMASH_NONE && slot_of(&n, ctx, "fc1.weight") == (uint32_t)SMASH_NONE, "row %d: what is not named", (int)i);
        CHECK_ERR(ctx, smash_session_end(ctx, &n.s, NULL, &result), SMASH_OK, "row %d", (int)i);
        CHECK(row_of(&n, "fc1", "_output_0", SMASH_QUANTIZER)->skip && !strcmp(row_of(&n, "fc1", "_output_0", SMASH_QUANTIZER)->note, "stays float: it is quantized in a training session, which finds its grid"), "row %d: before the first batch", (int)i);
        for (step = 1; step <= 6; step++) {
            double ds[2] = { 0 }, dz[2] = { 0 };
            for (e = 0; e < 2; e++) {
                const size_t count = BATCH * end_width[e];
                const double gamma = 1 / smash_sqrt(qmax * (double)count);
                float x[12], g[12], lo = 0, hi = 0;
                int inside;
                double sum = 0;
                if (step == 1) {
                    smash_session_evaluate(&n.s, 1);
                    for (k = 0; k < count; k++) x[k] = end_number(9, e, k);
                    end_forward(&n, ctx, e, x);
                    for (k = 0; k < count; k++) CHECK(x[k] == end_number(9, e, k), "row %d: nothing has been seen, and %d changes", (int)i, (int)k);
                    smash_session_evaluate(&n.s, 0);
                }
                for (k = 0; k < count; k++) {
                    x[k] = end_number(step, e, k);
                    lo = x[k] < lo ? x[k] : lo;
                    hi = x[k] > hi ? x[k] : hi;
                    sum += magnitude((double)x[k]) / (double)count;
                }
                if (step == 1) {
                    s[e] = (double)(float)(rows[i].plus ? (double)((hi - lo) / (float)(qmax - qmin)) : 2 * sum / smash_sqrt(qmax));
                    z[e] = rows[i].plus ? qmin - even((double)(lo / (float)s[e])) : 0;
                    if (rows[i].nni) { s[e] = 0.01; z[e] = rows[i].plus ? (qmax - qmin) / 2 : 0; }
                }
                end_forward(&n, ctx, e, x);
                for (k = 0; k < count; k++) g[k] = made_up(step, e, k);
                end_backward(&n, ctx, e, g);
                for (k = 0; k < count; k++) {
                    const float was = end_number(step, e, k), s32 = (float)s[e];
                    const double whole = even(z[e] < qmin ? qmin : z[e] > qmax ? qmax : z[e]), dy = (double)made_up(step, e, k);
                    volatile float u = was / s32;
                    near_by((double)x[k], (double)faked(was, s32, whole, qmin, qmax, &inside), 1e-6, rows[i].config, step, k);
                    u = u + (float)whole;
                    CHECK(g[k] == (inside ? made_up(step, e, k) : 0), "row %d, step %d, gradient %d", (int)i, (int)step, (int)k);
                    ds[e] += gamma * dy * ((double)u < qmin ? qmin - whole : (double)u > qmax ? qmax - whole : even((double)u) - (double)u);
                    dz[e] += inside ? 0 : -dy * (double)s32;
                }
            }
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            one *= 0.9;
            two *= 0.999;
            io = to_file(&files[0]);
            CHECK_ERR(ctx, smash_session_end(ctx, &n.s, &io, &result), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            for (e = 0; e < 2; e++) {
                const smash_row *row = row_of(&n, "fc1", e ? "_output_0" : "_input_0", SMASH_QUANTIZER);
                float x[12], scale;
                double zero;
                int inside;
                ms[e] = 0.9 * ms[e] + 0.1 * ds[e];
                vs[e] = 0.999 * vs[e] + 0.001 * ds[e] * ds[e];
                mz[e] = 0.9 * mz[e] + 0.1 * dz[e];
                vz[e] = 0.999 * vz[e] + 0.001 * dz[e] * dz[e];
                s[e] -= 0.02 * (ms[e] / (1 - one)) / (smash_sqrt(vs[e] / (1 - two)) + 1e-8);
                if (rows[i].plus) z[e] -= 0.02 * (mz[e] / (1 - one)) / (smash_sqrt(vz[e] / (1 - two)) + 1e-8);
                if (s[e] < 1.1920928955078125e-7) s[e] = 1.1920928955078125e-7;
                CHECK(!row->skip && !row->note && row->scale.data, "row %d, step %d: nothing for end %d", (int)i, (int)step, (int)e);
                scale = *(const float *)row->scale.data;
                zero = (double)*(const int32_t *)row->zero.data;
                near_by((double)scale, s[e], 1e-6, "scale", step, e);
                CHECK(zero == even(z[e] < qmin ? qmin : z[e] > qmax ? qmax : z[e]), "row %d, step %d: zero point %g of %g", (int)i, (int)step, zero, z[e]);
                near_by((double)row->lo, (qmin - zero) * s[e], 1e-5, "lo", step, e);
                near_by((double)row->hi, (qmax - zero) * s[e], 1e-5, "hi", step, e);
                smash_session_evaluate(&n.s, 1);
                for (k = 0; k < BATCH * end_width[e]; k++) x[k] = end_number(step + 1, e, k);
                end_forward(&n, ctx, e, x);
                for (k = 0; k < BATCH * end_width[e]; k++) CHECK(x[k] == faked(end_number(step + 1, e, k), scale, zero, qmin, qmax, &inside), "row %d, step %d, evaluated %d", (int)i, (int)step, (int)k);
                smash_session_evaluate(&n.s, 0);
            }
            {
                smash_model back;
                ptrdiff_t at;
                smash_tensor t;
                io = from_file(&files[0]);
                CHECK_ERR(ctx, smash_safetensors_read(ctx, NULL, &io, &n.arena, NULL, &back), SMASH_OK, "row %d", (int)i);
                at = smash_model_find_param(&back, "fc1._output_0_scale");
                CHECK(at >= 0 && (smash_model_find_param(&back, "fc1._output_0_zero_point") >= 0) == (even(z[1]) != 0), "row %d, step %d: what is in the file", (int)i, (int)step);
                if (at >= 0) {
                    CHECK_ERR(ctx, smash_model_load(ctx, &back, (size_t)at, &n.arena, &t), SMASH_OK, "row %d", (int)i);
                    near_by((double)*(const float *)t.data, s[1], 1e-6, "the scale in the file", step, 0);
                }
            }
        }
        if (i == 0) {
            float x[8] = { 0 };
            end_forward(&n, ctx, 0, x);
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_ERR_ARG, "no gradient");
            CHECK(!strcmp(ctx->message, "a step without the gradient of \"fc1._input_0\", which lsq needs: give it to smash_session_backward"), "%s", ctx->message);
            smash_ctx_reset(ctx);
        }
        net_done(&n);
    }
#undef ENDS_OF
}

/* Outputs of dorefa have a grid over 0..1 in the file; its inputs and what bnn takes the sign of say why there is none. */
static void test_end_notes(smash_ctx *ctx)
{
    static const struct { const char *config, *input, *output; int32_t zero; float scale; } rows[] = {
        { "{\"quantizer\": \"dorefa\", \"dorefa_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int4\", \"target_names\": [\"_input_0\", \"_output_0\"]}]}",
            "in a training session only: its grid is that of each batch, so that nothing is written", NULL, -7, 1.0f / 14 },
        { "{\"quantizer\": \"dorefa\", \"dorefa_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"uint2\", \"target_names\": [\"_input_0\", \"_output_0\"]}]}",
            "in a training session only: its grid is that of each batch, so that nothing is written", NULL, 0, 1.0f / 3 },
        { "{\"quantizer\": \"bnn\", \"bnn_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"_input_0\", \"_output_0\"]}]}",
            "in a training session only: it is a sign, which whoever runs the model has to take, so that nothing is written", "in a training session only: it is a sign, which whoever runs the model has to take, so that nothing is written", 0, 0 },
        { "{\"quantizer\": \"naive\", \"naive_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"_input_0\", \"_output_0\"]}]}",
            "stays float: this algorithm is for weights", "stays float: this algorithm is for weights", 0, 0 } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_row *in, *out;
        smash_result result;
        float x[12];
        int inside;
        net n;
        net_begin(&n, ctx, rows[i].config);
        CHECK_ERR(ctx, smash_session_end(ctx, &n.s, NULL, &result), SMASH_OK, "row %d", (int)i);
        in = row_of(&n, "fc1", "_input_0", SMASH_QUANTIZER);
        out = row_of(&n, "fc1", "_output_0", SMASH_QUANTIZER);
        CHECK(in->skip && in->note && !strcmp(in->note, rows[i].input), "row %d: %s", (int)i, in->note ? in->note : "nothing");
        CHECK(rows[i].output ? out->skip && out->note && !strcmp(out->note, rows[i].output) : !out->skip && !out->note, "row %d: %s", (int)i, out->note ? out->note : "nothing");
        if (!rows[i].output) {
            CHECK(*(const float *)out->scale.data == rows[i].scale && *(const int32_t *)out->zero.data == rows[i].zero && out->has_zero == (rows[i].zero != 0), "row %d: %g", (int)i, (double)*(const float *)out->scale.data);
            smash_session_evaluate(&n.s, 1);
            for (k = 0; k < 12; k++) x[k] = end_number(3, 1, k) * 0.4f;
            end_forward(&n, ctx, 1, x);
            for (k = 0; k < 12; k++) near_by((double)x[k], (double)faked(end_number(3, 1, k) * 0.4f, rows[i].scale, rows[i].zero, rows[i].zero, rows[i].zero ? 7 : 3, &inside), 1e-6, "output", 0, k);
        }
        net_done(&n);
    }
}

/* A lottery ticket sets quantizers back, too: the scale is the first one, its Adam begins anew, and nothing of an output has been seen. */
static void test_lottery(smash_ctx *ctx)
{
    static const struct { const char *text; size_t word; } rows[] = { { "\"lsq\", \"lsq_quant_dtype\": \"int4\", \"lsq_rate\": 0.05", 1 }, { "\"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\", \"lsqplus_rate\": 0.05, \"lsqplus_start\": \"nni\"", 1 },
        { "\"qat\"", 0 } };
    static char config[512];
    size_t i, step;
    for (i = 0; i < COUNT_OF(rows) * 2; i++) {
        const int reset = i % 2 == 0;
        float first = 0, before = 0, x[12];
        smash_result result;
        size_t k;
        net n;
        sprintf(config, "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 3, \"lottery_ticket_sparse_ratio\": 0.5, \"lottery_ticket_reset_weights\": %s, \"quantizer\": %s}",
                reset ? "true" : "false", rows[i / 2].text);
        net_begin(&n, ctx, config);
        for (step = 0; step <= 9; step++) {
            const smash_row *row;
            if (step) CHECK_ERR(ctx, one_step(&n, ctx, step, NULL), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            CHECK(n.s.rewound == (reset && (step == 3 || step == 6)), "row %d, step %d", (int)i, (int)step);
            CHECK_ERR(ctx, smash_session_end(ctx, &n.s, NULL, &result), SMASH_OK, "row %d, step %d", (int)i, (int)step);
            row = row_of(&n, "fc1", "weight", SMASH_QUANTIZER);
            if (rows[i / 2].word) {
                const float scale = *(const float *)row->given_scale->data;
                if (!step) first = scale;
                else if (!reset) CHECK(scale != first, "row %d, step %d", (int)i, (int)step);
                else if (n.s.rewound) CHECK(scale == first, "row %d, step %d: %.9g, not %.9g", (int)i, (int)step, (double)scale, (double)first);
                else if (step % 3 == 1 && step < 9) CHECK(magnitude(magnitude((double)scale - (double)before) - 0.05) < 1e-5 || scale < 1e-6f, "row %d, step %d: from %.9g to %.9g", (int)i, (int)step, (double)before, (double)scale);
                before = scale;
            } else {
                for (k = 0; k < 12; k++) x[k] = end_number(5, 1, k);
                smash_session_evaluate(&n.s, 1);
                end_forward(&n, ctx, 1, x);
                smash_session_evaluate(&n.s, 0);
                for (k = 0; k < 12 && x[k] == end_number(5, 1, k); k++) { }
                CHECK((k == 12) == (!step || n.s.rewound), "row %d, step %d: the output is%s on a grid", (int)i, (int)step, k == 12 ? " not" : "");
            }
        }
        net_done(&n);
    }
}

/* ---- dorefa, bnn ---- */

static void test_dorefa(smash_ctx *ctx)
{
    static const char config[] = "{\"quantizer\": \"dorefa\", \"dorefa_gradient_bits\": 4, \"dorefa_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\", \"_input_0\", \"_output_0\"], \"quant_dtype\": \"uint2\", "
        "\"quant_scheme\": \"affine\"}, {\"op_names\": [\"fc2\"], \"quant_dtype\": \"uint2\", \"quant_scheme\": \"affine\"}]}";
    const smash_quant_desc d = test_quant_desc(2, 1, SMASH_AFFINE);
    size_t step, k, levels;
    net n;
    net_begin(&n, ctx, config);
    for (step = 0; step < 3; step++) {
        const float *w = forward(&n, ctx, 0);
        float g[24], want[24], x[12], most = 0;
        const smash_tensor tw = n.model.params[0].tensor, tg = test_view(SMASH_F32, want, 2, tw.shape);
        double m = 0, left[2] = { 0, 0 };
        for (k = 0; k < 24; k++) { const double t = magnitude(smash_tanh((double)n.w1[k])); m = t > m ? t : m; }
        for (k = 0; k < 24; k++) near_by((double)w[k], 2 * even(3 * (smash_tanh((double)n.w1[k]) / (2 * m) + 0.5)) / 3 - 1, 1e-6, "weight", step, k);
        for (k = 0; k < 24; k++) want[k] = g[k] = made_up(step, 0, k);
        param_backward(&n, ctx, 0, g);
        CHECK_ERR(ctx, smash_quant_dorefa_backward(ctx, &d, SMASH_DOREFA_WEIGHTS, &tw, &tg, &tg), SMASH_OK, "by hand");
        CHECK(!memcmp(g, want, sizeof g), "step %d: gradient of weights", (int)step);
        for (k = 0; k < 12; k++) x[k] = (float)k * 0.125f - 0.25f;
        end_forward(&n, ctx, 1, x);
        for (k = 0; k < 12; k++) {
            const double u = (double)k * 0.125 - 0.25;
            near_by((double)x[k], even(3 * (u < 0 ? 0 : u > 1 ? 1 : u)) / 3, 1e-6, "output", step, k);
            g[k] = made_up(step, 1, k);
        }
        end_backward(&n, ctx, 1, g);
        for (k = 0; k < 12; k++) if ((double)k * 0.125 - 0.25 < 0 || (double)k * 0.125 - 0.25 > 1) CHECK(g[k] == 0, "step %d: gradient %d of what is outside", (int)step, (int)k);
        for (k = 0; k < 6; k++) x[k] = end_number(step, 3, k);           /* not named: as it is, but for its gradient */
        end_forward(&n, ctx, 3, x);
        for (k = 0; k < 6; k++) { CHECK(x[k] == end_number(step, 3, k), "step %d, output %d", (int)step, (int)k); g[k] = made_up(step, 2, k); }
        end_backward(&n, ctx, 3, g);
        for (k = 0, levels = 0; k < 6; k++) {
            const float of[3] = { made_up(step, 2, k / 3 * 3), made_up(step, 2, k / 3 * 3 + 1), made_up(step, 2, k / 3 * 3 + 2) };
            const double mk = (double)size_of(of, 3), q = 15 * ((double)g[k] / (2 * mk) + 0.5);
            levels += magnitude(q - even(q)) < 1e-5;
            left[k / 3] += magnitude((double)g[k] - (double)made_up(step, 2, k)) > 2 * mk / 15 + 1e-6;
        }
        CHECK(levels == 6 && left[0] + left[1] < 1, "step %d: %d gradients on the grid", (int)step, (int)levels);
        for (k = 0; k < 8; k++) { x[k] = end_number(step, 0, k); most = x[k] > most ? x[k] : most; }
        end_forward(&n, ctx, 0, x);
        for (k = 0; k < 8; k++) CHECK(magnitude((double)x[k] - (double)end_number(step, 0, k)) <= 6.9 / 3, "step %d, input %d: %g", (int)step, (int)k, (double)x[k]);
        CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step %d", (int)step);
    }
    net_done(&n);
}

static void test_bnn(smash_ctx *ctx)
{
    size_t k;
    float g[24], x[12];
    const float *w;
    net n;
    net_begin(&n, ctx, "{\"quantizer\": \"bnn\", \"bnn_config_list\": [{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\", \"_output_0\"]}]}");
    n.w1[0] = 0;
    n.w1[1] = -3;
    w = forward(&n, ctx, 0);
    for (k = 0; k < 24; k++) { CHECK(w[k] == (n.w1[k] >= 0 ? 1 : -1), "weight %d", (int)k); g[k] = made_up(1, 0, k); }
    param_backward(&n, ctx, 0, g);
    for (k = 0; k < 24; k++) CHECK(g[k] == made_up(1, 0, k), "gradient %d", (int)k);
    for (k = 0; k < 12; k++) x[k] = (float)k * 0.25f - 1.25f;
    end_forward(&n, ctx, 1, x);
    for (k = 0; k < 12; k++) { CHECK(x[k] == (k >= 5 ? 1 : -1), "output %d", (int)k); g[k] = 1; }
    end_backward(&n, ctx, 1, g);
    for (k = 0; k < 12; k++) CHECK(g[k] == (k >= 1 && k <= 9 ? 1 : 0), "gradient of output %d: %g", (int)k, (double)g[k]);
    CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step");
    CHECK(n.w1[1] == -1 && n.w1[0] == 0 && size_of(n.w1, 24) <= 1, "%g", (double)n.w1[1]);
    net_done(&n);
}

/* ---- distillers ---- */

/* The logarithm by Newton's method on the exponential */
static double ln(double x)
{
    double y = 0;
    int i;
    for (i = 0; i < 80; i++) y += 2 * (x - smash_exp(y)) / (x + smash_exp(y));
    return y;
}

static double mse_of(const double *x, const double *y, size_t n, double *g)
{
    double sum = 0;
    size_t i;
    for (i = 0; i < n; i++) {
        sum += (x[i] - y[i]) * (x[i] - y[i]);
        if (g) g[i] = 2 * (x[i] - y[i]) / (double)n;
    }
    return sum / (double)n;
}

static double kl_of(const double *x, const double *y, size_t rows, size_t width, double t, double *g)
{
    double loss = 0;
    size_t r, i;
    for (r = 0; r < rows; r++, x += width, y += width) {
        double sx = 0, sy = 0;
        for (i = 0; i < width; i++) { sx += smash_exp(x[i] / t); sy += smash_exp(y[i] / t); }
        for (i = 0; i < width; i++) {
            const double p = smash_exp(y[i] / t) / sy;
            loss += t * t / (double)rows * p * (y[i] / t - ln(sy) - x[i] / t + ln(sx));
            if (g) g[r * width + i] = t / (double)rows * (smash_exp(x[i] / t) / sx - p);
        }
    }
    return loss;
}

static smash_err teach(net *n, smash_ctx *ctx, const char *name, float *x, size_t width)
{
    const size_t shape[2] = { BATCH, width };
    const smash_tensor t = test_view(SMASH_F32, x, 2, shape);
    uint32_t slot = 77;
    CHECK_ERR(ctx, smash_session_find_teacher(ctx, &n->s, name, &slot), SMASH_OK, "%s", name);
    CHECK(slot != (uint32_t)SMASH_NONE, "%s", name);
    return smash_session_teach(ctx, &n->s, slot, &t);
}

/* mse of fc1 by the nearest of two links, kl of fc2 by one; what was masked and quantized is what is compared. */
static void test_dynamic(smash_ctx *ctx)
{
    static const char config[] = "{\"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_origin_loss_lambda\": 0.25, \"dynamic_layerwise_temperature\": 3, \"dynamic_layerwise_config_list\": ["
        "{\"op_names\": [\"fc1\"], \"lambda\": 0.5, \"link\": [\"a\", \"b\"]}, {\"op_names\": [\"fc2\"], \"apply_method\": \"kl\", \"lambda\": 2}]}";
    size_t step, k, chosen[2] = { 0, 0 };
    net n;
    net_begin(&n, ctx, config);
    for (step = 1; step <= 6; step++) {
        float h[12], z[6], a[12], b[12], t[6], g[12];
        double dh[12], dz[6], da[12], db[12], dt[6], ga[12], gb[12], gz[6], total, scale, la, lb, lz;
        for (k = 0; k < 12; k++) {
            dh[k] = (double)(h[k] = end_number(step, 1, k));
            da[k] = (double)(a[k] = teacher_number(step, 1, k));
            db[k] = (double)(b[k] = teacher_number(step * 3 + 1, 2, k));
        }
        for (k = 0; k < 6; k++) {
            dz[k] = (double)(z[k] = end_number(step, 3, k));
            dt[k] = (double)(t[k] = teacher_number(step, 3, k));
        }
        end_forward(&n, ctx, 1, h);
        CHECK_ERR(ctx, teach(&n, ctx, "a._output_0", a, 6), SMASH_OK, "a");
        CHECK_ERR(ctx, teach(&n, ctx, "b._output_0", b, 6), SMASH_OK, "b");
        CHECK_ERR(ctx, teach(&n, ctx, "fc2._output_0", t, 3), SMASH_OK, "fc2");
        end_forward(&n, ctx, 3, z);
        for (k = 0; k < 12; k++) CHECK(h[k] == end_number(step, 1, k), "a distiller changes outputs");
        la = 0.5 * mse_of(dh, da, 12, ga);
        lb = 0.5 * mse_of(dh, db, 12, gb);
        lz = 2 * kl_of(dz, dt, 2, 3, 3, gz);
        chosen[lb < la]++;
        CHECK_ERR(ctx, smash_session_loss(ctx, &n.s, 4, &total, &scale), SMASH_OK, "step %d", (int)step);
        near_by(total, 1 + (lb < la ? lb : la) + lz, 5e-12, "loss", step, 0);
        CHECK(scale == 0.25, "%g", scale);
        for (k = 0; k < 12; k++) g[k] = made_up(step, 1, k);
        end_backward(&n, ctx, 1, g);
        for (k = 0; k < 12; k++) near_by((double)g[k], (double)made_up(step, 1, k) + 0.5 * (lb < la ? gb : ga)[k], 1e-6, "gradient of fc1", step, k);
        for (k = 0; k < 6; k++) g[k] = made_up(step, 2, k);
        end_backward(&n, ctx, 3, g);
        for (k = 0; k < 6; k++) near_by((double)g[k], (double)made_up(step, 2, k) + 2 * gz[k], 1e-6, "gradient of fc2", step, k);
        CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step %d", (int)step);
    }
    CHECK(chosen[0] && chosen[1], "only one of the links was the nearest: %d, %d", (int)chosen[0], (int)chosen[1]);
    net_done(&n);
}

/* What the distiller sees was quantized and masked, and its gradient goes back through both. */
static void test_order(smash_ctx *ctx)
{
    static const char config[] = "{\"quantizer\": \"qat\", \"qat_rate\": 0.5, \"qat_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int4\", \"target_names\": [\"_output_0\"]}], "
        "\"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_config_list\": [{\"op_names\": [\"fc1\"]}]}";
    float most = 0;
    size_t step, k;
    net n;
    net_begin(&n, ctx, config);
    for (step = 1; step <= 4; step++) {
        float h[12], a[12], g[12];
        double dh[12], da[12], slope[12], total, want;
        int inside[12], clipped = 0;
        for (k = 0; k < 12; k++) {
            h[k] = end_number(step, 1, k) * (float)step;
            da[k] = (double)(a[k] = teacher_number(step, 1, k));
        }
        most = step == 1 ? size_of(h, 12) : 0.5f * most + 0.5f * size_of(h, 12);
        for (k = 0; k < 12; k++) dh[k] = (double)faked(h[k], most / 7, 0, -7, 7, &inside[k]);
        end_forward(&n, ctx, 1, h);
        for (k = 0; k < 12; k++) near_by((double)h[k], dh[k], 1e-6, "output", step, k);
        CHECK_ERR(ctx, teach(&n, ctx, "fc1._output_0", a, 6), SMASH_OK, "a");
        want = mse_of(dh, da, 12, slope);
        CHECK_ERR(ctx, smash_session_loss(ctx, &n.s, 0, &total, NULL), SMASH_OK, "step %d", (int)step);
        near_by(total, want, 1e-6, "loss", step, 0);
        memset(g, 0, sizeof g);
        end_backward(&n, ctx, 1, g);
        for (k = 0; k < 12; k++) {
            clipped += !inside[k];
            near_by((double)g[k], inside[k] ? slope[k] : 0, 1e-6, "gradient", step, k);
        }
        CHECK(step == 1 || clipped, "step %d: nothing is clipped", (int)step);
        CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step %d", (int)step);
    }
    net_done(&n);
}

/* A hidden layer of 6 learns from one of 4 through a projection with an Adam of its own. */
static void test_adaptive(smash_ctx *ctx)
{
    static const char config[] = "{\"distiller\": \"adaptive_1d_layerwise\", \"adaptive_1d_layerwise_config_list\": [{\"op_names\": [\"fc1\"], \"link\": \"t\", \"lambda\": 3}, {\"op_names\": [\"fc2\"]}]}";
    static const size_t shape[2] = { 4, 6 };
    uint64_t seed = 11;
    float w32[24] = { 0 }, b32[4] = { 0 };
    const smash_tensor tw = test_view(SMASH_F32, w32, 2, shape), tb = test_view(SMASH_F32, b32, 1, shape);
    double w[28], mean[28] = { 0 }, squares[28] = { 0 }, one = 1, two = 1;
    smash_session_desc desc = SMASH_ZERO;
    size_t step, r, o, k;
    net n;
    desc.seed = 11;
    CHECK_ERR(ctx, smash_loss_projection_init(ctx, smash_random(&seed), &tw, &tb), SMASH_OK, "init");
    for (k = 0; k < 28; k++) w[k] = (double)(k < 24 ? w32[k] : b32[k - 24]);
    net_init(&n, ctx, config);
    CHECK_ERR(ctx, smash_session_begin(ctx, &n.model, &n.config, &desc, &n.s), SMASH_OK, "begin");
    for (step = 1; step <= 5; step++) {
        float h[12], a[8], g[12], z[6];
        double dh[12], da[8], out[8], slope[8], total, want, dw[28] = { 0 }, plain[6] = { 0 };
        for (k = 0; k < 12; k++) dh[k] = (double)(h[k] = end_number(step, 1, k));
        for (k = 0; k < 8; k++) da[k] = (double)(a[k] = teacher_number(step, 1, k));
        for (r = 0; r < 2; r++)
            for (o = 0; o < 4; o++)
                for (k = 0, out[r * 4 + o] = w[24 + o]; k < 6; k++) out[r * 4 + o] += dh[r * 6 + k] * w[o * 6 + k];
        end_forward(&n, ctx, 1, h);
        CHECK_ERR(ctx, teach(&n, ctx, "t._output_0", a, 4), SMASH_OK, "t");
        for (k = 0; k < 6; k++) plain[k] = (double)(z[k] = end_number(step, 3, k));
        end_forward(&n, ctx, 3, z);
        CHECK_ERR(ctx, teach(&n, ctx, "fc2._output_0", z, 3), SMASH_OK, "fc2");
        want = 3 * mse_of(out, da, 8, slope) + mse_of(plain, plain, 6, NULL);
        CHECK_ERR(ctx, smash_session_loss(ctx, &n.s, 0, &total, NULL), SMASH_OK, "step %d", (int)step);
        near_by(total, want, 1e-6, "loss", step, 0);
        for (k = 0; k < 12; k++) g[k] = made_up(step, 1, k);
        end_backward(&n, ctx, 1, g);
        for (r = 0; r < 2; r++)
            for (k = 0; k < 6; k++) {
                double sum = (double)made_up(step, 1, r * 6 + k);
                for (o = 0; o < 4; o++) sum += 3 * slope[r * 4 + o] * w[o * 6 + k];
                near_by((double)g[r * 6 + k], sum, 1e-5, "gradient", step, r * 6 + k);
            }
        memset(g, 0, sizeof g);
        end_backward(&n, ctx, 3, g);
        for (k = 0; k < 6; k++) CHECK(g[k] == 0, "same as the teacher");
        CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "step %d", (int)step);
        one *= 0.9;
        two *= 0.999;
        for (r = 0; r < 2; r++)
            for (o = 0; o < 4; o++) {
                for (k = 0; k < 6; k++) dw[o * 6 + k] += 3 * slope[r * 4 + o] * dh[r * 6 + k];
                dw[24 + o] += 3 * slope[r * 4 + o];
            }
        for (k = 0; k < 28; k++) {
            mean[k] = 0.9 * mean[k] + 0.1 * dw[k];
            squares[k] = 0.999 * squares[k] + 0.001 * dw[k] * dw[k];
            w[k] -= 0.001 * (mean[k] / (1 - one)) / (smash_sqrt(squares[k] / (1 - two)) + 1e-8);
        }
    }
    net_done(&n);
}

static void test_distill_misuse(smash_ctx *ctx)
{
#define SAYS(call, code, text) do { CHECK_ERR(ctx, call, code, "%s", text); CHECK(!strcmp(ctx->message, text), "%s", ctx->message); } while (0)
    static const size_t two[2] = { BATCH, 5 };
    float h[12] = { 0 }, g[12] = { 0 };
    smash_tensor t = test_view(SMASH_F32, h, 2, two), other;
    double total = 7, scale = 7;
    uint32_t slot, fc1;
    smash_io io;
    net n;
    net_begin(&n, ctx, "{\"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_config_list\": [{\"op_names\": [\"fc1\"], \"link\": [\"layers.0\"]}, {\"op_names\": [\"fc2\"], \"link\": [\"none\"]}]}");
    fc1 = slot_of(&n, ctx, "fc1._output_0");
    CHECK_ERR(ctx, smash_session_find_teacher(ctx, &n.s, "fc1._output_0", &slot), SMASH_OK, "no link");
    CHECK(slot == (uint32_t)SMASH_NONE, "%u", slot);
    CHECK_ERR(ctx, smash_session_find_teacher(ctx, &n.s, "layers.0._output_0", &slot), SMASH_OK, "link");
    CHECK(slot == 0, "%u", slot);
    SAYS(smash_session_teach(ctx, &n.s, 2, &t), SMASH_ERR_ARG, "the teacher has no slot 2: ask smash_session_find_teacher of this session for it");
    SAYS(smash_session_loss(ctx, &n.s, 1, &total, &scale), SMASH_ERR_ARG, "loss before forward: nothing has gone forward since the last step, not even \"fc1._output_0\": give it to smash_session_forward");
    end_forward(&n, ctx, 1, h);
    SAYS(smash_session_loss(ctx, &n.s, 1, &total, &scale), SMASH_ERR_ARG, "the teacher's \"layers.0._output_0\" is missing, which \"fc1._output_0\" is to learn from: give it to smash_session_teach");
    other = test_view(SMASH_F32, g, 2, two);
    other.shape[1] = 6;
    smash_tensor_bytes(&other, &other.bytes);
    SAYS(smash_session_backward(ctx, &n.s, fc1, &other), SMASH_ERR_ARG, "the teacher's \"layers.0._output_0\" is missing, which \"fc1._output_0\" is to learn from: give it to smash_session_teach");
    CHECK_ERR(ctx, smash_session_teach(ctx, &n.s, slot, &t), SMASH_OK, "teach");
    SAYS(smash_session_loss(ctx, &n.s, 1, &total, &scale), SMASH_ERR_SHAPE, "teacher \"layers.0._output_0\" has shape [2, 5], student \"fc1._output_0\" [2, 6]; they must be the same: nothing is broadcast");
    CHECK_ERR(ctx, teach(&n, ctx, "layers.0._output_0", h, 6), SMASH_OK, "teach");
    SAYS(smash_session_loss(ctx, &n.s, 1, &total, &scale), SMASH_ERR_ARG, "loss without \"fc2._output_0\", which dynamic_layerwise compares with the teacher's: give it to smash_session_forward");
    end_forward(&n, ctx, 3, g);
    SAYS(smash_session_loss(ctx, &n.s, 1, &total, &scale), SMASH_ERR_ARG, "the teacher's \"none._output_0\" is missing, which \"fc2._output_0\" is to learn from: give it to smash_session_teach");
    CHECK(total == 7 && scale == 7, "%g, %g", total, scale);
    io = to_file(&files[0]);
    SAYS(smash_session_save(ctx, &n.s, &io), SMASH_ERR_ARG, "a session is saved between two steps, and \"fc1._output_0\" has gone forward since the last: save behind smash_session_step");
    SAYS(smash_session_step(ctx, &n.s), SMASH_ERR_ARG, "a step without the gradient of \"fc1._output_0\", which dynamic_layerwise needs: give it to smash_session_backward");
    h[3] = float_of(0x7FC00000u);
    CHECK_ERR(ctx, teach(&n, ctx, "layers.0._output_0", h, 6), SMASH_OK, "NaN is taken");
    CHECK_ERR(ctx, smash_session_backward(ctx, &n.s, fc1, &other), SMASH_ERR_NONFINITE, "and told");
    smash_session_evaluate(&n.s, 1);
    CHECK_ERR(ctx, smash_session_loss(ctx, &n.s, 3, &total, &scale), SMASH_OK, "loss");
    CHECK(total == 3 && scale == 1, "%g, %g", total, scale);
    net_done(&n);

    net_init(&n, ctx, "{\"quantizer\": \"qat\", \"qat_target_bytes\": 0.5}");
    SAYS(smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_ERR_UNSUPPORTED, "target_bytes chooses widths when a file is written, and qat needs them before; say quant_dtype");
    net_done(&n);
    net_begin(&n, ctx, "{\"quantizer\": \"qat\"}");
    t = n.model.params[0].tensor;
    n.w1[5] = float_of(0x7F800000u);
    CHECK_ERR(ctx, smash_session_forward(ctx, &n.s, slot_of(&n, ctx, "fc1.weight"), &t), SMASH_ERR_NONFINITE, "Inf");
    CHECK(ctx->index == 5 && t.data == n.w1, "%d", (int)ctx->index);
    net_done(&n);
#undef SAYS
}

/* ---- what every config must hold to ---- */

static const char *const every[] = {
    "{\"quantizer\": \"qat\"}",
    "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\", \"qat_quant_start_step\": 3, \"qat_rate\": 0.25, \"qat_granularity\": \"out_channel\"}",
    "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"uint4\", \"qat_quant_scheme\": \"affine\"}",
    "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"bfloat16\"}",
    "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"fp8_e4m3\"}",
    "{\"quantizer\": \"qat\", \"qat_observer\": \"percentile\", \"qat_quant_dtype\": \"int4\"}",
    "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int4\", \"ptq_observer\": \"mse\"}",
    "{\"quantizer\": \"observer\"}",
    "{\"quantizer\": \"naive\"}",
    "{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_times\": 4, \"level_sparse_ratio\": 0.8, \"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\"}",
    "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.7, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int4\"}",
    "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\", \"lsq_granularity\": \"out_channel\"}",
    "{\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"uint8\", \"lsq_start\": \"nni\", \"lsq_rate\": 0.05}",
    "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\"}",
    "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\"}",
    "{\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int4\", \"dorefa_gradient_bits\": 6}",
    "{\"quantizer\": \"bnn\"}",
    "{\"distiller\": \"dynamic_layerwise\"}",
    "{\"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_config_list\": [{\"op_names\": [\"fc1\"], \"link\": [\"fc1\"], \"target_names\": [\"_input_0\", \"_output_0\"], \"apply_method\": \"cosine\"}]}",
    "{\"distiller\": \"adaptive_1d_layerwise\", \"adaptive_1d_layerwise_config_list\": [{\"op_names\": [\"fc1\"], \"link\": \"fc2\"}, {\"op_names\": [\"fc2\"], \"apply_method\": \"kl\"}]}",
    ("{\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_times\": 3, \"level_sparse_ratio\": 0.5, \"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\", \"distiller\": \"adaptive_1d_layerwise\", "
        "\"adaptive_1d_layerwise_config_list\": [{\"op_names\": [\"fc2\"], \"link\": \"fc1\", \"lambda\": 0.5}]}"),
    "{\"pruner\": \"taylor\", \"taylor_training_steps\": 2, \"taylor_sparse_ratio\": 0.5, \"quantizer\": \"qat\"}",
    "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 2, \"lottery_ticket_sparse_ratio\": 0.5, \"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"int4\", \"lsqplus_rate\": 0.1}",
    "{\"pruner\": \"slim\", \"slim_training_steps\": 4, \"slim_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\"}",
    "{\"quantizer\": \"kmeans\", \"kmeans_bits\": 3}",
    "{\"quantizer\": \"lsq\", \"lsq_rate\": 0.05, \"lsq_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"int4\", \"target_names\": [\"weight\", \"_input_0\", \"_output_0\"]}]}",
    ("{\"quantizer\": \"lsqplus\", \"lsqplus_rate\": 0.05, \"shapes\": {\"fc1\": {\"_output_0\": [2, 6]}}, \"lsqplus_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"uint4\", \"target_names\": [\"weight\", \"_input_0\", \"_output_0\"], "
        "\"target_settings\": {\"_output_0\": {\"granularity\": \"per_channel\"}}}]}"),
    ("{\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 2, \"lottery_ticket_sparse_ratio\": 0.5, \"quantizer\": \"lsq\", \"lsq_config_list\": "
        "[{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\", \"_output_0\"], \"quant_dtype\": \"int4\"}]}"),
    "{\"quantizer\": \"dorefa\", \"dorefa_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"uint2\", \"target_names\": [\"weight\", \"_input_0\", \"_output_0\"]}]}",
    "{\"quantizer\": \"ptq\", \"ptq_observer\": \"entropy\", \"ptq_observer_bins\": 64, \"ptq_quant_dtype\": \"int4\"}",
};

/* The session saved at any step, and taken up elsewhere: the same file and the same session follow. While evaluating nothing changes. */
static void test_saved(smash_ctx *ctx)
{
    enum { STEPS = 6 };
    size_t i, step, at, p, k;
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
            smash_session_evaluate(&b.s, 1);
            for (p = 0; p < 4; p++) (void)forward(&b, ctx, p);
            for (p = 0; p < ENDS; p++) {
                float x[BATCH * 6];
                for (k = 0; k < BATCH * end_width[p]; k++) x[k] = 9 - (float)k;
                end_forward(&b, ctx, p, x);
            }
            smash_session_evaluate(&b.s, 0);
            io = to_file(&files[2]);
            CHECK_ERR(ctx, smash_session_save(ctx, &b.s, &io), SMASH_OK, "config %d, step %d", (int)i, (int)at);
            net_done(&b);
            net_begin(&b, ctx, every[i]);
            if (at % 2) CHECK_ERR(ctx, one_step(&b, ctx, 3, NULL), SMASH_OK, "config %d, another step", (int)i);          /* into a session that is elsewhere */
            b.w1[3] = 99;
            io = from_file(&files[2]);
            CHECK_ERR(ctx, smash_session_load(ctx, &b.s, &io), SMASH_OK, "config %d, step %d", (int)i, (int)at);
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

/* Memory ends anywhere in a step: told as that, and with memory the same step goes on. */
static void test_memory(void)
{
    static const char *const configs[] = {
        "{\"quantizer\": \"qat\", \"distiller\": \"adaptive_1d_layerwise\", \"adaptive_1d_layerwise_config_list\": [{\"op_names\": [\"fc2\"], \"link\": \"fc1\"}]}",
        "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\", \"distiller\": \"dynamic_layerwise\"}",
        "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"dorefa\", \"dorefa_gradient_bits\": 4}" };
    size_t i, at, failed = 0;
    for (i = 0; i < COUNT_OF(configs); i++)
        for (at = 1; at < 200; at++) {
            static smash_ctx ctx;
            smash_err err;
            int done;
            net n;
            test_ctx(&ctx);
            net_begin(&n, &ctx, configs[i]);
            smash_arena_release(&ctx.scratch);
            test_fail_at = test_alloc_calls + at;
            err = one_step(&n, &ctx, 1, NULL);
            done = test_alloc_calls < test_fail_at;
            test_fail_at = 0;
            CHECK(done ? !err : err == SMASH_ERR_NOMEM || err == SMASH_OK, "config %d, allocation %d: %s", (int)i, (int)at, smash_err_name(err));
            failed += err != 0;
            smash_ctx_reset(&ctx);
            if (err) CHECK_ERR(&ctx, one_step(&n, &ctx, 1, NULL), SMASH_OK, "config %d, after allocation %d", (int)i, (int)at);
            net_done(&n);
            smash_arena_release(&ctx.scratch);
            if (done) break;
        }
    CHECK(failed > 6, "%d failed", (int)failed);
}

/* A session of half of fc1's weights and a quantizer, evaluating, with a context of its own and nothing in scratch; the weight's slot */
static uint32_t begin_evaluating(net *n, smash_ctx *ctx, const char *quantizer)
{
    static char config[256];
    uint32_t slot;
    test_ctx(ctx);
    sprintf(config, "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, %s}", quantizer);
    net_begin(n, ctx, config);
    smash_session_evaluate(&n->s, 1);
    slot = slot_of(n, ctx, "fc1.weight");
    smash_arena_release(&ctx->scratch);
    return slot;
}

/* Memory ends anywhere while evaluating: nothing is given that was not there, and with memory the numbers are those that come without an end. */
static void test_memory_evaluated(void)
{
    static const char *const configs[] = { "\"quantizer\": \"qat\"", "\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\"", "\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int4\"", "\"quantizer\": \"kmeans\", \"kmeans_bits\": 3" };
    size_t i, at, failed = 0;
    for (i = 0; i < COUNT_OF(configs); i++)
        for (at = 0; at < 200; at++) {                                   /* 0: it does not end */
            static smash_ctx ctx;
            static float first[24];
            const float *data;
            smash_tensor t;
            smash_err err;
            uint32_t slot;
            int done;
            net n;
            slot = begin_evaluating(&n, &ctx, configs[i]);
            t = n.model.params[0].tensor;
            test_fail_at = at ? test_alloc_calls + at : 0;
            err = smash_session_forward(&ctx, &n.s, slot, &t);
            done = at && test_alloc_calls < test_fail_at;
            test_fail_at = 0;
            CHECK(at && !done ? err == SMASH_ERR_NOMEM : !err, "config %d, allocation %d: %s", (int)i, (int)at, smash_err_name(err));
            CHECK(!row_of(&n, "fc1", "weight", SMASH_QUANTIZER)->given_scale, "config %d, allocation %d: something is given", (int)i, (int)at);
            if (err) CHECK(t.data == n.w1, "config %d, allocation %d: x is touched", (int)i, (int)at);
            failed += err != 0;
            smash_ctx_reset(&ctx);
            data = forward(&n, &ctx, 0);
            if (!at) memcpy(first, data, sizeof first);
            CHECK(!memcmp(first, data, sizeof first), "config %d, allocation %d: other numbers", (int)i, (int)at);
            net_done(&n);
            smash_arena_release(&ctx.scratch);
            if (done) break;
        }
    CHECK(failed >= COUNT_OF(configs), "%d failed", (int)failed);
    for (i = 0; i < COUNT_OF(configs); i++) for (at = 0; at < 2; at++) {     /* exactly what it takes, and a byte less */
        static smash_ctx ctx;
        smash_tensor t;
        uint32_t slot;
        size_t need;
        void *block;
        net n;
        slot = begin_evaluating(&n, &ctx, configs[i]);
        ctx.scratch.peak = 0;
        (void)forward(&n, &ctx, 0);
        need = ctx.scratch.peak;
        smash_arena_release(&ctx.scratch);
        block = malloc(need);
        smash_arena_init(&ctx.scratch, block, need - at, NULL);
        t = n.model.params[0].tensor;
        CHECK_ERR(&ctx, smash_session_forward(&ctx, &n.s, slot, &t), at ? SMASH_ERR_NOMEM : SMASH_OK, "config %d, %d bytes", (int)i, (int)(need - at));
        net_done(&n);
        free(block);
    }
}

/* Bytes of the file are others: refused, or taken, and then the next step is done or refused. */
static void test_enemies(smash_ctx *ctx, const char *config)
{
    smash_io io;
    size_t i, p, k, refused = 0;
    smash_result result;
    net a, b;
    net_begin(&a, ctx, config);
    for (i = 1; i <= 2; i++) CHECK_ERR(ctx, one_step(&a, ctx, i, NULL), SMASH_OK, "step");
    io = to_file(&files[0]);
    CHECK_ERR(ctx, smash_session_save(ctx, &a.s, &io), SMASH_OK, "save");
    for (i = 0; i < files[0].used; i += i % 8 == 7 ? 3 : 1) {
        const unsigned char was = files[0].data[i];
        smash_err err;
        net_begin(&b, ctx, config);
        files[0].data[i] ^= i % 3 ? 0xFF : 0x03;
        io = from_file(&files[0]);
        smash_ctx_reset(ctx);
        err = smash_session_load(ctx, &b.s, &io);
        refused += err != 0;
        CHECK(!err || err == SMASH_ERR_FORMAT || err == SMASH_ERR_VERSION || err == SMASH_ERR_LIMIT, "byte %d: %s", (int)i, smash_err_name(err));
        if (!err) {
            smash_session_evaluate(&b.s, 1);
            for (p = 0; p < ENDS; p++) {
                const size_t shape[2] = { BATCH, end_width[p] };
                float x[BATCH * 6];
                const smash_tensor like = test_view(SMASH_F32, x, 2, shape);
                smash_tensor t = like;
                uint32_t slot = (uint32_t)SMASH_NONE;
                for (k = 0; k < BATCH * end_width[p]; k++) x[k] = (float)k;
                (void)smash_session_find(ctx, &b.s, ends[p], &slot);
                (void)smash_session_forward(ctx, &b.s, slot, &t);
            }
            smash_session_evaluate(&b.s, 0);
            (void)smash_session_end(ctx, &b.s, NULL, &result);
            (void)one_step(&b, ctx, 3, NULL);
        }
        files[0].data[i] = was;
        net_done(&b);
    }
    CHECK(refused > 200, "%d of %d", (int)refused, (int)files[0].used);
    net_done(&a);
}

/* What the file stands for is what forward gives while evaluating. */
static void test_end(smash_ctx *ctx)
{
    size_t i, step, p, k, count;
    for (i = 0; i < COUNT_OF(every); i++) {
        smash_model back;
        smash_result result;
        smash_io io;
        net n;
        net_begin(&n, ctx, every[i]);
        for (step = 1; step <= 7; step++) CHECK_ERR(ctx, one_step(&n, ctx, step, NULL), SMASH_OK, "config %d", (int)i);
        io = to_file(&files[0]);
        CHECK_ERR(ctx, smash_session_end(ctx, &n.s, &io, &result), SMASH_OK, "config %d", (int)i);
        io = from_file(&files[0]);
        CHECK_ERR(ctx, smash_safetensors_read(ctx, NULL, &io, &n.arena, NULL, &back), SMASH_OK, "config %d", (int)i);
        smash_session_evaluate(&n.s, 1);
        for (p = 0; p < 4; p += 2) {
            const float *w = forward(&n, ctx, p);
            smash_tensor t;
            CHECK_ERR(ctx, smash_model_restore(ctx, &back, n.model.params[p].name, &n.arena, &t, NULL), SMASH_OK, "config %d", (int)i);
            smash_tensor_count(&t, &count);
            for (k = 0; k < count; k++) CHECK(number_at(t.dtype, t.data, k) == (double)w[k], "config %d, param %d, number %d: %.9g in the file, %.9g", (int)i, (int)p, (int)k, number_at(t.dtype, t.data, k), (double)w[k]);
        }
        net_done(&n);
    }
}

/* ---- pruners and quantizers together ---- */

static const char *const prunes[] = {
    "\"pruner\": \"level\", \"level_schedule\": \"agp\", \"level_schedule_times\": 4, \"level_sparse_ratio\": 0.5",
    "\"pruner\": \"level\", \"level_sparse_ratio\": 1, \"level_apply_method\": \"mul\"",
    "\"pruner\": \"l1_norm\", \"l1_norm_schedule\": \"linear\", \"l1_norm_schedule_times\": 3, \"l1_norm_sparse_ratio\": 0.5",
    "\"pruner\": \"l2_norm\", \"l2_norm_sparse_ratio\": 0.4",
    "\"pruner\": \"fpgm\", \"fpgm_sparse_ratio\": 0.5",
    "\"pruner\": \"taylor\", \"taylor_training_steps\": 2, \"taylor_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"granularity\": \"default\"}]",
    "\"pruner\": \"slim\", \"slim_training_steps\": 4, \"slim_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]",
    "\"pruner\": \"slim\", \"slim_training_steps\": 40, \"slim_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\"}]",
    "\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 4, \"movement_sparse_ratio\": 0.5",
    "\"pruner\": \"activation_apoz\", \"activation_apoz_training_steps\": 3, \"activation_apoz_sparse_ratio\": 0.5",
    "\"pruner\": \"activation_mean_rank\", \"activation_mean_rank_training_steps\": 2, \"activation_mean_rank_sparse_ratio\": 0.5",
    "\"pruner\": \"admm\", \"admm_iterations\": 2, \"admm_training_steps\": 2, \"admm_row\": 0.1, \"admm_sparse_ratio\": 0.5",
    "\"pruner\": \"lottery_ticket\", \"lottery_ticket_rounds\": 2, \"lottery_ticket_training_steps\": 2, \"lottery_ticket_sparse_ratio\": 0.5",
    "\"pruner\": \"level\", \"level_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"apply_method\": \"bypass\"}]",
};

/* exact: what is trained with is what the file has, up to one more rounding, but for slim, whose factors have a grid of their own there; else numbers in training are floats. lost: there is no 0 */
static const struct { const char *text; int exact, lost; } grids[] = {
    { "\"quantizer\": \"ptq\"", 0, 0 }, { "\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"uint4\", \"ptq_quant_scheme\": \"affine\", \"ptq_granularity\": \"out_channel\"", 0, 0 },
    { "\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int4\", \"ptq_observer\": \"percentile\"", 0, 0 }, { "\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"fp8_e5m2\"", 0, 0 },
    { "\"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\"", 1, 0 }, { "\"quantizer\": \"qat\", \"qat_quant_dtype\": \"uint4\", \"qat_quant_scheme\": \"affine\"", 1, 0 },
    { "\"quantizer\": \"qat\", \"qat_quant_dtype\": \"bfloat16\"", 1, 0 }, { "\"quantizer\": \"qat\", \"qat_quant_dtype\": \"int3\", \"qat_granularity\": \"in_channel\"", 1, 0 },
    { "\"quantizer\": \"qat\", \"qat_quant_dtype\": \"uint4\", \"qat_quant_scheme\": \"affine\", \"qat_quant_start_step\": 4", 0, 0 },
    { "\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\"", 1, 0 }, { "\"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int2\", \"lsq_granularity\": \"out_channel\", \"lsq_rate\": 0.1", 1, 0 },
    { "\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\", \"lsqplus_rate\": 0.2", 1, 0 }, { "\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"int4\", \"lsqplus_start\": \"nni\", \"lsqplus_rate\": 0.3", 1, 0 },
    { "\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint3\", \"lsqplus_granularity\": \"out_channel\", \"lsqplus_rate\": 1", 1, 0 },
    { "\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int4\"", 1, 0 }, { "\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int2\"", 1, 0 },
    { "\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"uint4\", \"dorefa_quant_scheme\": \"affine\"", 1, 1 }, { "\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int8\", \"dorefa_quant_range\": \"full\"", 1, 1 },
    { "\"quantizer\": \"bnn\"", 1, 1 }, { "\"quantizer\": \"naive\"", 0, 0 }, { "\"quantizer\": \"observer\"", 0, 0 }, { "\"quantizer\": \"half\"", 0, 0 }, { "\"quantizer\": \"half\", \"half_weight_dtype\": \"bfloat16\"", 0, 0 },
    { "\"quantizer\": \"weight_only\"", 0, 0 }, { "\"quantizer\": \"weight_only\", \"weight_only_quant_scheme\": \"affine\"", 0, 0 }, { "\"quantizer\": \"hqq\"", 0, 1 }, { "\"quantizer\": \"llm_int8\"", 0, 0 },
    { "\"quantizer\": \"llm_int8\", \"llm_int8_weight_bits\": 4", 0, 0 }, { "\"quantizer\": \"llm_int8\", \"llm_int8_weight_bits\": 4, \"llm_int8_quant_type\": \"nf4\"", 0, 0 },
    { "\"quantizer\": \"kmeans\", \"kmeans_bits\": 1", 0, 0 }, { "\"quantizer\": \"kmeans\", \"kmeans_bits\": 2, \"kmeans_init\": \"quantile\"", 0, 0 }, { "\"quantizer\": \"kmeans\", \"kmeans_bits\": 3", 0, 0 },
};

/* Which numbers of a parameter are kept; no pruner: all */
static void kept_of(net *n, smash_ctx *ctx, size_t param, unsigned char *kept)
{
    const smash_row *row = n->s.plan->prune[param] == (uint32_t)SMASH_NONE ? NULL : &n->s.plan->rows[n->s.plan->prune[param]];
    smash_tensor full = test_view(SMASH_BOOL, kept, n->model.params[param].tensor.ndim, n->model.params[param].tensor.shape);
    memset(kept, 1, 24);
    if (row && !row->skip && row->apply_method != SMASH_APPLY_BYPASS) CHECK_ERR(ctx, smash_mask_expand(ctx, &row->mask.grain, row->given_mask, &full), SMASH_OK, "param %d", (int)param);
}

/* ---- the order of forward: observed and quantized as they are, then masked ---- */

/* An Adam of one number */
typedef struct adam { double x, mean, squares; } adam;
static void adam_step(adam *a, double g, double rate, size_t step)
{
    double one = 1, two = 1;
    for (; step; step--) { one *= 0.9; two *= 0.999; }
    a->mean = 0.9 * a->mean + 0.1 * g;
    a->squares = 0.999 * a->squares + 0.001 * g * g;
    a->x -= rate * (a->mean / (1 - one)) / (smash_sqrt(a->squares / (1 - two)) + 1e-8);
}

/* A state out of the file that the session saves; the numbers as double */
static size_t state_of(net *n, smash_ctx *ctx, const char *name, double out[24])
{
    smash_model file;
    smash_tensor t;
    smash_io io = to_file(&files[1]);
    ptrdiff_t found;
    size_t count = 0, k;
    CHECK_ERR(ctx, smash_session_save(ctx, &n->s, &io), SMASH_OK, "%s", name);
    io = from_file(&files[1]);
    CHECK_ERR(ctx, smash_safetensors_read(ctx, NULL, &io, &n->arena, NULL, &file), SMASH_OK, "%s", name);
    found = smash_model_find_param(&file, name);
    CHECK(found >= 0, "there is no %s", name);
    if (found < 0) return 0;
    CHECK_ERR(ctx, smash_model_load(ctx, &file, (size_t)found, &n->arena, &t), SMASH_OK, "%s", name);
    smash_tensor_count(&t, &count);
    for (k = 0; k < count && k < 24; k++) out[k] = number_at(t.dtype, t.data, k);
    return count;
}

#define FC1 "\"op_names\": [\"fc1\"], \"target_names\": [\"weight\"]"
enum { LEVEL, TAYLOR, SLIM, MOVEMENT };
static const struct { const char *text; int kind; size_t columns, rows; } passes[] = {        /* columns, rows of a block */
    { "\"pruner\": \"level\", \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5}]", LEVEL, 1, 1 },
    { "\"pruner\": \"level\", \"level_config_list\": [{" FC1 ", \"sparse_ratio\": 0.5, \"apply_method\": \"bypass\"}]", LEVEL, 1, 1 },
    { "\"pruner\": \"taylor\", \"taylor_training_steps\": 3, \"taylor_schedule\": \"linear\", \"taylor_schedule_interval\": 3, \"taylor_schedule_times\": 2, \"taylor_config_list\": [{" FC1 ", \"sparse_ratio\": 0.7}]", TAYLOR, 4, 1 },
    { "\"pruner\": \"slim\", \"slim_training_steps\": 2, \"slim_schedule\": \"linear\", \"slim_schedule_interval\": 2, \"slim_schedule_times\": 4, \"slim_regular_scale\": 0.25, \"slim_config_list\": [{" FC1 ", \"sparse_ratio\": 0.7}]", SLIM, 4, 1 },
    { "\"pruner\": \"slim\", \"slim_training_steps\": 2, \"slim_schedule\": \"linear\", \"slim_schedule_interval\": 2, \"slim_schedule_times\": 4, \"slim_regular_scale\": 0.5, \"slim_config_list\": [{" FC1 ", \"sparse_ratio\": 0.75, "
      "\"granularity\": \"in_channel\"}]", SLIM, 1, 6 },
    { "\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 4, \"movement_config_list\": [{" FC1 ", \"sparse_ratio\": 0.6}]", MOVEMENT, 1, 1 },
    { "\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 4, \"movement_config_list\": [{" FC1 ", \"sparse_ratio\": 0.6, \"granularity\": \"out_channel\"}]", MOVEMENT, 4, 1 },
};
enum { QAT, LSQ, LSQPLUS, DOREFA, BNN };
static const struct { const char *text; int kind; double qmin, qmax; size_t rows, start; double rate; } fakes[] = {     /* rows: 1: a grid for each row */
    { "\"quantizer\": \"qat\", \"qat_config_list\": [{" FC1 ", \"quant_dtype\": \"int4\"}]", QAT, -7, 7, 0, 0, 0 },
    { "\"quantizer\": \"qat\", \"qat_config_list\": [{" FC1 ", \"quant_dtype\": \"uint4\", \"quant_scheme\": \"affine\", \"granularity\": \"out_channel\"}]", QAT, 0, 15, 1, 0, 0 },
    { "\"quantizer\": \"qat\", \"qat_quant_start_step\": 3, \"qat_config_list\": [{" FC1 ", \"quant_dtype\": \"int3\"}]", QAT, -3, 3, 0, 3, 0 },
    { "\"quantizer\": \"lsq\", \"lsq_rate\": 0.03, \"lsq_config_list\": [{" FC1 ", \"quant_dtype\": \"int4\"}]", LSQ, -7, 7, 0, 0, 0.03 },
    { "\"quantizer\": \"lsqplus\", \"lsqplus_rate\": 0.02, \"lsqplus_config_list\": [{" FC1 ", \"quant_dtype\": \"uint4\"}]", LSQPLUS, 0, 15, 0, 0, 0.02 },
    { "\"quantizer\": \"dorefa\", \"dorefa_config_list\": [{" FC1 ", \"quant_dtype\": \"int4\"}]", DOREFA, -7, 7, 0, 0, 0 },
    { "\"quantizer\": \"dorefa\", \"dorefa_config_list\": [{" FC1 ", \"quant_dtype\": \"int2\"}]", DOREFA, -1, 1, 0, 0, 0 },
    { "\"quantizer\": \"bnn\", \"bnn_config_list\": [{" FC1 "}]", BNN, -1, 1, 0, 0, 0 },
};

/* Scale and zero point of the numbers as they are */
static void range_of(const float *x, size_t n, double qmin, double qmax, float *scale, double *zero)
{
    float lo = 0, hi = 0;
    size_t k;
    for (k = 0; k < n; k++) { lo = x[k] < lo ? x[k] : lo; hi = x[k] > hi ? x[k] : hi; }
    *zero = 0;
    if (qmin < 0) { *scale = size_of(x, n) / (float)qmax; return; }
    *scale = (hi - lo) / (float)qmax;
    *zero = -even((double)(lo / *scale));
}

/* forward = mask(factor * fakequant(raw weight)); backward the other way round; scores, factors and scales with the gradients that come of it */
static void test_passes(smash_ctx *ctx)
{
    static char config[1024];
    size_t i, j, step, k, b, clipped = 0, dropped = 0, narrower = 0;
    for (i = 0; i < COUNT_OF(passes); i++) for (j = 0; j < COUNT_OF(fakes); j++) {
        const int kind = fakes[j].kind, bypass = strstr(passes[i].text, "bypass") != NULL;
        const double qmin = fakes[j].qmin, qmax = fakes[j].qmax, gamma = 1 / smash_sqrt(qmax * 24);
        const size_t across = 4 / passes[i].columns;                     /* blocks in a row */
        adam block[24], scale = { 0, 0, 0 }, zero = { 0, 0, 0 };
        double sum[24];
        net n;
        if (kind == BNN && !bypass) continue;                            /* refused */
        sprintf(config, "{%s, %s}", passes[i].text, fakes[j].text);
        net_begin(&n, ctx, config);
        memset(block, 0, sizeof block);
        memset(sum, 0, sizeof sum);
        for (b = 0; b < 24; b++) block[b].x = passes[i].kind == SLIM;
        if (kind == LSQ) { for (k = 0; k < 24; k++) scale.x += magnitude((double)n.w1[k]) / 24; scale.x = (double)(float)(2 * scale.x / smash_sqrt(qmax)); }
        if (kind == LSQPLUS) { float s; range_of(n.w1, 24, qmin, qmax, &s, &zero.x); scale.x = (double)s; }
        for (step = 1; step <= 7; step++) {
            float w[24], g[24], fq[24], s = (float)scale.x, masked[24];
            double z = (double)(float)zero.x, m = 0, slope[24], come[24], want[24], ds = 0, dz = 0, dot = 0;
            unsigned char kept[24];
            int inside[24], ties = 0;
            if (kind == LSQPLUS && !bypass) z = even(zero.x < qmin ? qmin : zero.x > qmax ? qmax : zero.x);
            memset(slope, 0, sizeof slope);
            kept_of(&n, ctx, 0, kept);
            memcpy(w, forward(&n, ctx, 0), sizeof w);
            for (k = 0; k < 24; k++) { const double t = magnitude((double)(float)smash_tanh((double)n.w1[k])); m = t > m ? t : m; masked[k] = kept[k] ? n.w1[k] : 0; }
            narrower += size_of(masked, 24) < size_of(n.w1, 24) && kind == QAT;
            for (k = 0; k < 24; k++) {
                const double t = smash_tanh((double)n.w1[k]);
                b = k / 4 / passes[i].rows * across + k % 4 / passes[i].columns;
                inside[k] = 1;
                if (kind == QAT) range_of(fakes[j].rows ? n.w1 + k / 4 * 4 : n.w1, fakes[j].rows ? 4 : 24, qmin, qmax, &s, &z);
                if (kind == BNN) fq[k] = n.w1[k] >= 0 ? 1 : -1;
                else if (kind == DOREFA) fq[k] = (float)(2 * even((qmax - qmin) * (t / (2 * m) + 0.5)) / (qmax - qmin) - 1);
                else fq[k] = step <= fakes[j].start ? n.w1[k] : faked(n.w1[k], s, z, qmin, qmax, &inside[k]);
                near_by((double)w[k], kept[k] ? (double)fq[k] * (passes[i].kind == SLIM ? block[b].x : 1) : 0, 1e-6, config, step, k);
                CHECK(kept[k] || w[k] == 0, "%s, step %d, number %d", config, (int)step, (int)k);
                g[k] = made_up(step, 0, k);
                slope[b] += (double)fq[k] * (double)g[k] * (passes[i].kind == SLIM ? (double)kept[k] : 1);
                come[k] = (double)g[k] * (double)kept[k] * (passes[i].kind == SLIM ? block[b].x : 1);
                dropped += !kept[k];
                clipped += !inside[k];
            }
            for (k = 0; k < 24; k++) {                                   /* back through the quantizer, at the raw weight */
                const double t = smash_tanh((double)n.w1[k]), d = magnitude(t) / m;
                volatile float u = n.w1[k] / s;
                u = u + (float)z;
                want[k] = !inside[k] ? 0 : kind != DOREFA ? come[k] : come[k] / m * (1 - t * t);
                dot += come[k] * t / (m * m);
                ties += d > 1 - 1e-7;
                if (kind == LSQ || kind == LSQPLUS) ds += gamma * come[k] * ((double)u < qmin ? qmin - z : (double)u > qmax ? qmax - z : even((double)u) - (double)u);
                dz -= inside[k] ? 0 : come[k] * (double)s;
            }
            for (k = 0; k < 24 && kind == DOREFA; k++) {
                const double t = smash_tanh((double)n.w1[k]);
                if (magnitude(t) / m > 1 - 1e-7) want[k] -= (t > 0 ? dot : -dot) / ties * (1 - t * t);
            }
            param_backward(&n, ctx, 0, g);
            for (k = 0; k < 24; k++) {
                near_by((double)g[k], want[k], 1e-6, config, step, k);
                if (passes[i].kind == TAYLOR) sum[k / 4] += (double)n.w1[k] * (double)g[k] * (double)n.w1[k] * (double)g[k];
                n.w1[k] -= 0.0625f * g[k];
                if (kind == BNN) n.w1[k] = n.w1[k] > 1 ? 1 : n.w1[k] < -1 ? -1 : n.w1[k];
            }
            CHECK_ERR(ctx, smash_session_step(ctx, &n.s), SMASH_OK, "%s, step %d", config, (int)step);
            for (b = 0; b < 24; b++) {
                if (passes[i].kind == SLIM) adam_step(&block[b], slope[b] + (strstr(passes[i].text, "0.25,") ? 0.25 : 0.5), 0.01, step);      /* factors stay above 0 */
                if (passes[i].kind == MOVEMENT) adam_step(&block[b], slope[b], 0.01, step);
            }
            if (kind == LSQ || kind == LSQPLUS) adam_step(&scale, ds, fakes[j].rate, step);
            if (kind == LSQPLUS) adam_step(&zero, dz, fakes[j].rate, step);
            if (passes[i].kind != LEVEL) {
                static const char *const names[] = { "", "smash.session/fc1.weight/taylor/sum", "smash.session/fc1.weight/slim/factor", "smash.session/fc1.weight/movement/score" };
                double state[24];
                const size_t blocks = 24 / passes[i].columns / passes[i].rows;
                CHECK(state_of(&n, ctx, names[passes[i].kind], state) == blocks, "%s", config);
                for (b = 0; b < blocks; b++) {
                    if (passes[i].kind == TAYLOR) { if (step <= 6) near_by(state[b], sum[b], 1e-9, config, step, b); if (step == 3) sum[b] = 0; }
                    else near_by(state[b], block[b].x, 1e-6, config, step, b);
                }
            }
            if (kind == LSQ || kind == LSQPLUS) {
                double state[24];
                CHECK(state_of(&n, ctx, kind == LSQ ? "smash.session/fc1.weight/lsq/scale" : "smash.session/fc1.weight/lsqplus/scale", state) == 1, "%s", config);
                near_by(state[0], scale.x, 1e-6, config, step, 0);
                if (kind == LSQPLUS) { CHECK(state_of(&n, ctx, "smash.session/fc1.weight/lsqplus/zero", state) == 1, "%s", config); near_by(state[0], zero.x, 1e-6, config, step, 1); }
            }
        }
        net_done(&n);
    }
    CHECK(clipped > 50 && dropped > 500 && narrower > 10, "%d clipped, %d dropped, %d ranges of what is masked are narrower", (int)clipped, (int)dropped, (int)narrower);
}

/* What smash_run is given in the end: the grid of the raw weights, or none where another is trained for, and then the row says so */
static void test_given(smash_ctx *ctx)
{
    static const char anew[] = "its grid is fitted anew for the file: factors multiply what it was trained for";
    static const struct { const char *config; int given; } rows[] = {         /* 1: the range; 2: the largest |tanh|; 3: what is learned */
        { "{\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 3, \"movement_sparse_ratio\": 0.8, \"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\"}", 1 },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\", \"qat_quant_start_step\": 4}", 1 },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"qat\", \"qat_quant_dtype\": \"int4\", \"qat_quant_start_step\": 5}", 0 },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"qat\", \"qat_quant_dtype\": \"float16\"}", 0 },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"lsq\", \"lsq_quant_dtype\": \"int4\"}", 3 },
        { "{\"pruner\": \"movement\", \"movement_warmup_step\": 1, \"movement_cooldown_begin_step\": 3, \"movement_sparse_ratio\": 0.8, \"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int4\"}", 2 },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"ptq\"}", 0 },
        { "{\"pruner\": \"slim\", \"slim_training_steps\": 2, \"slim_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"ptq\"}", 0 },
        { "{\"pruner\": \"slim\", \"slim_training_steps\": 2, \"slim_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"qat\"}", -1 },
        { "{\"pruner\": \"slim\", \"slim_training_steps\": 2, \"slim_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"lsq\"}", -1 },
        { "{\"pruner\": \"slim\", \"slim_training_steps\": 2, \"slim_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\"}", -1 },
        { "{\"pruner\": \"slim\", \"slim_training_steps\": 2, \"slim_config_list\": [{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int4\"}", -1 } };
    size_t i, step, k;
    for (i = 0; i < COUNT_OF(rows); i++) for (step = 0; step <= 4; step += 4) {
        const smash_row *row, *other;
        smash_result result;
        float w[24];
        net n;
        net_begin(&n, ctx, rows[i].config);
        for (k = 1; k <= step; k++) CHECK_ERR(ctx, one_step(&n, ctx, k, NULL), SMASH_OK, "row %d", (int)i);
        row = row_of(&n, "fc1", "weight", SMASH_QUANTIZER);
        other = row_of(&n, "fc2", "weight", SMASH_QUANTIZER);
        smash_session_evaluate(&n.s, 1);
        memcpy(w, forward(&n, ctx, 0), sizeof w);
        CHECK(!row->given_scale && !row->given_zero, "row %d: evaluating has given something", (int)i);
        CHECK_ERR(ctx, smash_session_end(ctx, &n.s, NULL, &result), SMASH_OK, "row %d", (int)i);
        CHECK(!memcmp(w, forward(&n, ctx, 0), sizeof w), "row %d: the end changes what is evaluated", (int)i);
        CHECK(rows[i].given >= 0 ? !row->note : row->note && !strcmp(row->note, anew), "row %d: %s", (int)i, row->note ? row->note : "no note");
        CHECK(!other->note, "row %d: %s", (int)i, other->note ? other->note : "");
        if (rows[i].given <= 0 || (strstr(rows[i].config, "start_step") && !step)) { CHECK(!row->given_scale && !row->given_zero, "row %d: something is given", (int)i); net_done(&n); continue; }
        CHECK(row->given_scale && !row->given_zero == (rows[i].given == 2), "row %d: nothing is given", (int)i);
        if (row->given_scale) {
            const double got = (double)*(const float *)row->given_scale->data;
            double most = 0, state[24];
            for (k = 0; k < 24; k++) { const double t = magnitude(rows[i].given == 2 ? (double)(float)smash_tanh((double)n.w1[k]) : (double)n.w1[k]); most = t > most ? t : most; }
            if (rows[i].given == 3) { smash_session_evaluate(&n.s, 0); state_of(&n, ctx, "smash.session/fc1.weight/lsq/scale", state); most = (double)(float)state[0]; }
            CHECK(got == (rows[i].given == 1 ? (double)((float)most / 7.0f) : most), "row %d, step %d: %.9g", (int)i, (int)step, got);
        }
        net_done(&n);
    }
}

/* A weight that no grid has: told by its name and place, in training, while evaluating and at the end; nothing is touched, and with the number as it was all goes on. */
static void test_bad_weight(smash_ctx *ctx)
{
    static const char nan[] = "element 7 of \"fc1.weight\" is NaN or Inf; clean the data before quantizing it";
    static const struct { const char *config; uint32_t bits; smash_err err; const char *message; } rows[] = {
        { "{\"quantizer\": \"qat\"}", 0x7FC00000u, SMASH_ERR_NONFINITE, nan },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"float8_e4m3fn\"}", 0x7F800000u, SMASH_ERR_NONFINITE, nan },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"float16\"}", 0x7FC00000u, SMASH_ERR_NONFINITE, nan },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"float16\"}", 0xC7800000u, SMASH_ERR_RANGE, "element 7 of \"fc1.weight\" lies beyond float16, which ends at 65504; bfloat16 holds it" },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"bfloat16\"}", 0xFF800000u, SMASH_ERR_NONFINITE, nan },
        { "{\"quantizer\": \"qat\", \"qat_quant_dtype\": \"bfloat16\"}", 0x7F7FFFFFu, SMASH_ERR_RANGE, "element 7 of \"fc1.weight\" lies beyond bfloat16, which ends where float32 does" },
        { "{\"quantizer\": \"lsq\"}", 0x7F800000u, SMASH_ERR_NONFINITE, nan },
        { "{\"quantizer\": \"lsqplus\", \"lsqplus_quant_dtype\": \"uint4\"}", 0x7FC00000u, SMASH_ERR_NONFINITE, nan },
        { "{\"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"int4\"}", 0xFFC00000u, SMASH_ERR_NONFINITE, nan },
        { "{\"quantizer\": \"bnn\"}", 0x7FC00000u, SMASH_ERR_NONFINITE, nan },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.25, \"quantizer\": \"qat\", \"qat_quant_dtype\": \"float16\"}", 0x7FC00000u, SMASH_ERR_NONFINITE, nan } };
    size_t i;
    int at;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_result result;
        float was, first[24];
        net n;
        net_begin(&n, ctx, rows[i].config);
        memcpy(first, forward(&n, ctx, 0), sizeof first);
        was = n.w1[7];
        n.w1[7] = float_of(rows[i].bits);
        for (at = 0; at < 3; at++) {
            smash_tensor t = n.model.params[0].tensor;
            const uint32_t slot = slot_of(&n, ctx, "fc1.weight");
            smash_session_evaluate(&n.s, at == 1);
            CHECK_ERR(ctx, at < 2 ? smash_session_forward(ctx, &n.s, slot, &t) : smash_session_end(ctx, &n.s, NULL, &result), rows[i].err, "row %d, at %d", (int)i, at);
            CHECK(!strncmp(ctx->message, rows[i].message, strlen(rows[i].message)) && ctx->index == 7 && t.data == n.w1, "row %d, at %d: %d, %s", (int)i, at, (int)ctx->index, ctx->message);
        }
        n.w1[7] = was;
        CHECK(!memcmp(first, forward(&n, ctx, 0), sizeof first), "row %d", (int)i);
        net_done(&n);
    }
}

/* The whole message, in a session and without one; a mask out of a file */
static void test_lost(smash_ctx *ctx)
{
    static const struct { const char *config, *message; } rows[] = {
        { "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.5, \"quantizer\": \"bnn\"}", "fc1.weight is pruned by l1_norm, and there is no 0 among the numbers that bnn makes of it; "
            "take ptq, qat, lsq, lsqplus, naive, observer, weight_only, llm_int8, kmeans or half, or leave fc1.weight to one of the two" },
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"fc2\"], \"sparse_ratio\": 0.5}], \"quantizer\": \"dorefa\", \"dorefa_quant_dtype\": \"uint4\"}",
            "fc2.weight is pruned by level, and there is no 0 among the numbers that dorefa makes of it; its int8 and int4 with quant_range \"narrow\" have one, or leave fc2.weight to one of the two" } };
    static unsigned char kept[24];
    size_t i;
    for (i = 0; i < COUNT_OF(rows) * 2; i++) {
        smash_result result;
        net n;
        net_init(&n, ctx, rows[i / 2].config);
        smash_ctx_reset(ctx);
        CHECK_ERR(ctx, i % 2 ? smash(ctx, &n.model, &n.config, NULL, &result) : smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_ERR_CONFIG, "row %d", (int)i / 2);
        CHECK(n.diags.first && !strcmp(n.diags.first->message, rows[i / 2].message), "row %d: %s", (int)i / 2, n.diags.first ? n.diags.first->message : "nothing is said");
        smash_ctx_reset(ctx);
        net_done(&n);
    }
    for (i = 0; i < 2; i++) {
        const size_t shape[2] = { 6, 4 };
        smash_tensor mask = test_view(SMASH_BOOL, kept, 2, shape);
        smash_desc desc = SMASH_ZERO;
        smash_layout layout;
        smash_result result;
        smash_io io;
        net n;
        net_init(&n, ctx, i ? "{\"quantizer\": \"kmeans\", \"kmeans_bits\": 2}" : "{\"quantizer\": \"hqq\"}");
        kept[7] = 1;
        mask.name = "fc1.weight";
        io = to_file(&files[0]);
        CHECK_ERR(ctx, smash_safetensors_layout(ctx, &mask, 1, NULL, 0, &n.arena, &layout), SMASH_OK, "layout");
        CHECK_ERR(ctx, smash_safetensors_begin(ctx, &layout, &io), SMASH_OK, "begin");
        CHECK_ERR(ctx, smash_safetensors_put(ctx, &layout, &io, 0, &mask), SMASH_OK, "put");
        io = from_file(&files[0]);
        desc.masks_in = &io;
        smash_ctx_reset(ctx);
        CHECK_ERR(ctx, smash(ctx, &n.model, &n.config, &desc, &result), i ? SMASH_OK : SMASH_ERR_FORMAT, "masks");
        if (i) CHECK(result.nonzero <= 28, "%d numbers are left", (int)result.nonzero);
        else CHECK(!strcmp(ctx->message, "there is a mask for \"fc1.weight\", and there is no 0 among the numbers that hqq makes of it; take another quantizer, or the mask out"), "%s", ctx->message);
        smash_ctx_reset(ctx);
        net_done(&n);
    }
}

/* A quantizer of the user's own says whether 0 is a number of its grid, and what to write for that. */
static int own_form;
static smash_err own_resolve(smash_ctx *ctx, const smash_job *job, smash_row *row)
{
    (void)ctx;
    (void)job;
    row->form.zero = SMASH_F32;
    row->form.keeps_zero = own_form == 1;
    row->form.no_zero = own_form == 2;
    row->form.zero_advice = own_form == 3 ? "mine_odd gives it one" : NULL;
    return SMASH_OK;
}
static smash_err own_apply(smash_ctx *ctx, smash_work *work) { (void)ctx; (void)work; return SMASH_OK; }

static void test_own(smash_ctx *ctx)
{
    static const char *const types[] = { "Linear", NULL }, *const with[] = { "level", NULL };
    static const char *const says[] = { "; take ptq, qat, lsq, lsqplus, naive, observer, weight_only, llm_int8, kmeans or half, or leave", NULL, NULL, "; mine_odd gives it one, or leave" };
    static const smash_targets targets = { types, SMASH_METRIC_DEFAULT, SMASH_GRAIN_TENSOR, own_apply, own_resolve, NULL, 0, 0 };
    static const char config[] = "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"mine\"}";
    const smash_algo *room[40];
    smash_registry registry;
    smash_algo mine;
    memset(&mine, 0, sizeof mine);
    mine.name = "mine";
    mine.group = SMASH_QUANTIZER;
    mine.summary = "a test";
    mine.targets = &targets;
    mine.compatible = with;
    smash_registry_init(&registry, room, COUNT_OF(room));
    CHECK_ERR(ctx, smash_register_builtins(ctx, &registry), SMASH_OK, "builtins");
    CHECK_ERR(ctx, smash_register(ctx, &registry, &mine), SMASH_OK, "mine");
    for (own_form = 0; own_form < 4; own_form++) {
        net n;
        net_init(&n, ctx, "{}");
        smash_config_init(&n.config, &registry, &n.arena, &n.diags);
        CHECK_ERR(ctx, smash_config_load(ctx, &n.config, config, sizeof config - 1, "config.json", NULL), SMASH_OK, "form %d", own_form);
        smash_ctx_reset(ctx);
        CHECK_ERR(ctx, smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), says[own_form] ? SMASH_ERR_CONFIG : SMASH_OK, "form %d: %s", own_form, n.diags.first ? n.diags.first->message : "");
        if (says[own_form]) CHECK(n.diags.first && strstr(n.diags.first->message, "no 0 among the numbers that mine makes of it") && strstr(n.diags.first->message, says[own_form]), "form %d: %s", own_form, n.diags.first ? n.diags.first->message : "");
        smash_ctx_reset(ctx);
        net_done(&n);
    }
}

/* What is forward while evaluating is what the file stands for, number for number, but for biases as integers; what a mask drops is 0 there and in training; or the pair is refused. */
static void test_pairs(smash_ctx *ctx)
{
    static char config[1024];
    size_t i, j, step, p, k, count, refused = 0, dropped = 0;
    for (i = 0; i < COUNT_OF(prunes) + 1; i++) for (j = 0; j < COUNT_OF(grids); j++) {
        const int masks = i < COUNT_OF(prunes) && !strstr(prunes[i], "bypass"), exact = grids[j].exact && !(i < COUNT_OF(prunes) && strstr(prunes[i], "slim"));
        smash_model back;
        smash_result result;
        smash_io io;
        net n;
        sprintf(config, "{%s%s%s}", i < COUNT_OF(prunes) ? prunes[i] : "", i < COUNT_OF(prunes) ? ", " : "", grids[j].text);
        net_init(&n, ctx, config);
        if (masks && grids[j].lost) {
            smash_ctx_reset(ctx);
            CHECK_ERR(ctx, smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_ERR_CONFIG, "%s", config);
            CHECK(n.diags.first && strstr(n.diags.first->code, "zeros_lost") && strstr(n.diags.first->message, "fc1.weight is pruned by ") && strstr(n.diags.first->message, ", and there is no 0 among the numbers that "),
                  "%s: %s", config, n.diags.first ? n.diags.first->message : "nothing is said");
            smash_ctx_reset(ctx);
            net_done(&n);
            refused++;
            continue;
        }
        CHECK_ERR(ctx, smash_session_begin(ctx, &n.model, &n.config, NULL, &n.s), SMASH_OK, "%s: %s", config, n.diags.first ? n.diags.first->message : "");
        for (step = 0; step <= 7; step++) {
            if (step) CHECK_ERR(ctx, one_step(&n, ctx, step, NULL), SMASH_OK, "%s, step %d", config, (int)step);
            if (step % 2 == 0 && step) continue;
            io = to_file(&files[0]);
            CHECK_ERR(ctx, smash_session_end(ctx, &n.s, &io, &result), SMASH_OK, "%s", config);
            io = from_file(&files[0]);
            CHECK_ERR(ctx, smash_safetensors_read(ctx, NULL, &io, &n.arena, NULL, &back), SMASH_OK, "%s", config);
            for (p = 0; p < 4; p++) {
                float w[24], v[24];
                unsigned char kept[24];
                smash_tensor t, x = n.model.params[p].tensor;
                smash_tensor_count(&x, &count);
                kept_of(&n, ctx, p, kept);
                memcpy(w, forward(&n, ctx, p), count * sizeof *w);       /* in training; what follows forgets no step for it */
                smash_session_evaluate(&n.s, 1);
                memcpy(v, forward(&n, ctx, p), count * sizeof *v);
                smash_session_evaluate(&n.s, 0);
                CHECK_ERR(ctx, smash_model_restore(ctx, &back, n.model.params[p].name, &n.arena, &t, NULL), SMASH_OK, "%s", config);
                for (k = 0; k < count; k++) {
                    const double got = number_at(t.dtype, t.data, k);
                    if (p % 2) CHECK(magnitude(got - (double)v[k]) < 0.05, "%s, step %d, param %d, number %d: %.9g in the file, %.9g", config, (int)step, (int)p, (int)k, got, (double)v[k]);
                    else CHECK(got == (double)v[k] && (got < 0 || got > 0 || 1 / got == 1 / (double)v[k]), "%s, step %d, param %d, number %d: %.9g in the file, %.9g", config, (int)step, (int)p, (int)k, got, (double)v[k]);
                    CHECK(kept[k] || (got == 0 && v[k] == 0), "%s, step %d, param %d: number %d is dropped, and %.9g in the file", config, (int)step, (int)p, (int)k, got);
                    CHECK(kept[k] || w[k] == 0, "%s, step %d, param %d: number %d is dropped, and %.9g in training", config, (int)step, (int)p, (int)k, (double)w[k]);
                    if (exact && !(p % 2)) CHECK(magnitude((double)w[k] - (double)v[k]) < 1e-6, "%s, step %d, param %d, number %d: %.9g in training, %.9g", config, (int)step, (int)p, (int)k, (double)w[k], (double)v[k]);
                    dropped += !kept[k];
                }
            }
        }
        net_done(&n);
    }
    CHECK(refused == 4 * (COUNT_OF(prunes) - 1) && dropped > 10000, "%d refused, %d dropped", (int)refused, (int)dropped);
}

int main(void)
{
    static smash_ctx ctx;
    test_ctx(&ctx);
    test_qat_weights(&ctx);
    test_qat_ends(&ctx);
    test_ptq(&ctx);
    test_observers(&ctx);
    test_lsq(&ctx);
    test_lsq_ends(&ctx);
    test_end_notes(&ctx);
    test_lottery(&ctx);
    test_dorefa(&ctx);
    test_bnn(&ctx);
    test_dynamic(&ctx);
    test_order(&ctx);
    test_adaptive(&ctx);
    test_distill_misuse(&ctx);
    test_saved(&ctx);
    test_memory();
    test_memory_evaluated();
    test_enemies(&ctx, "{\"quantizer\": \"qat\", \"distiller\": \"adaptive_1d_layerwise\", \"adaptive_1d_layerwise_config_list\": [{\"op_names\": [\"fc2\"], \"link\": \"fc1\"}]}");
    test_enemies(&ctx, "{\"quantizer\": \"lsqplus\", \"lsqplus_config_list\": [{\"op_names\": [\"fc1\"], \"quant_dtype\": \"uint4\", \"target_names\": [\"_input_0\", \"_output_0\"]}]}");
    test_enemies(&ctx, "{\"quantizer\": \"ptq\", \"ptq_observer\": \"percentile\", \"ptq_observer_bins\": 64}");
    test_end(&ctx);
    test_passes(&ctx);
    test_given(&ctx);
    test_bad_weight(&ctx);
    test_lost(&ctx);
    test_own(&ctx);
    test_pairs(&ctx);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%d blocks are still out", (int)test_alloc_live);
    return test_done();
}
