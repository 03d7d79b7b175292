/* What a config says of training: keys of schedules, pruners, quantizers and distillers, rules between them, rows of distillers, and the
 * refusals outside of a training session. What the session makes of it is in test_session.c. */
#include "../smash.h"
#include "test.h"

static smash_ctx ctx;
static smash_arena arena;
static smash_diags diags;
static smash_config config;
static smash_plan plan;
static smash_model model;
static test_buffer file, file2;

static void start(void)
{
    smash_arena_release(&arena);
    memset(&diags, 0, sizeof diags);
    diags.arena = &arena;
    smash_ctx_reset(&ctx);
    smash_config_init(&config, smash_builtins(), &arena, &diags);
}

static const char *const modules[] = { "bn1", "conv1", "emb", "fc1", "fc2" };
static void make_model(void)
{
    static const struct { const char *name; uint32_t ndim; size_t shape[4]; } all[] = {
        { "conv1.weight", 4, { 8, 3, 3, 3 } }, { "conv1.bias", 1, { 8 } }, { "bn1.weight", 1, { 8 } }, { "bn1.bias", 1, { 8 } }, { "bn1.running_mean", 1, { 8 } }, { "bn1.running_var", 1, { 8 } },
        { "fc1.weight", 2, { 6, 8 } }, { "fc1.bias", 1, { 6 } }, { "fc2.weight", 2, { 4, 6 } }, { "emb.weight", 2, { 10, 4 } } };
    static float numbers[COUNT_OF(all)][256];
    static const char *const types[] = { "BatchNorm2d", "Conv2d", "Embedding", "Linear", "Linear" };
    uint64_t seed = 1;
    size_t i, k;
    smash_model_init(&model, &arena);
    for (i = 0; i < COUNT_OF(all); i++) {
        smash_tensor t = test_view(SMASH_F32, numbers[i], all[i].ndim, all[i].shape);
        for (k = 0; k < 256; k++) numbers[i][k] = (float)(smash_random(&seed) >> 40) / 16777216.0f - 0.5f;
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, all[i].name, &t, 0), SMASH_OK, "%s", all[i].name);
    }
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
    for (i = 0; i < COUNT_OF(modules); i++) CHECK_ERR(&ctx, smash_model_set_type(&ctx, &model, (size_t)smash_model_find_module(&model, modules[i]), types[i]), SMASH_OK, "%s", modules[i]);
}

static smash_err load(const char *text) { return smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL); }

static smash_err resolve(const char *text)
{
    smash_err err;
    start();
    make_model();
    err = load(text);
    return err ? err : smash_config_resolve(&ctx, &config, &model, &plan);
}

static const smash_diag *first_error(void)
{
    const smash_diag *d = diags.first;
    while (d && d->severity != SMASH_ERROR) d = d->next;
    return d;
}

static size_t count_code(const char *code)
{
    const smash_diag *d;
    size_t n = 0;
    for (d = diags.first; d; d = d->next) n += strcmp(d->code, code) == 0;
    return n;
}

/* ---- keys ---- */

static const char *text_of(const smash_value *v)
{
    static char text[256];
    if (!v) return "nothing";
    if (v->type == SMASH_VALUE_NULL) return "null";
    if (v->type == SMASH_VALUE_BOOL) return v->number == 0 ? "false" : "true";
    snprintf(text, sizeof text, "%.*s", (int)v->count, v->text ? v->text : "");
    return text;
}

#define STEPS "; it must be a whole number from 1 to 2147483647"
#define SCHEDULE(algo) \
    { algo, "schedule", "none", "linear agp none", "cubic", "\"" algo "_schedule\" is \"cubic\" (a string); legal: none linear agp (default none)" }, \
    { algo, "schedule", "none", "", "1", "\"" algo "_schedule\" is 1 (a number); legal: none linear agp (default none)" }, \
    { algo, "schedule_interval", "1", "1 100 2147483647 64.0", "0", "\"" algo "_schedule_interval\" is 0 (a number)" STEPS " (default 1)" }, \
    { algo, "schedule_interval", "1", "", "1.5", "\"" algo "_schedule_interval\" is 1.5 (a number); legal: a whole number from 1 to 2147483647 (default 1)" }, \
    { algo, "schedule_times", "1", "1 7", "-1", "\"" algo "_schedule_times\" is -1 (a number)" STEPS " (default 1)" }, \
    { algo, "schedule_times", "1", "", "many", "\"" algo "_schedule_times\" is \"many\" (a string)" STEPS " (default 1)" }
#define TRAINING_STEPS(algo, usual) { algo, "training_steps", usual, "1 5000", "0", "\"" algo "_training_steps\" is 0 (a number)" STEPS " (default " usual ")" }
#define FROM_0(algo, key, usual) { algo, key, usual, "0 0.5 3", "-0.5", "\"" algo "_" key "\" is -0.5 (a number); it must be a number from 0 to 1.7976931348623157e+308 (default " usual ")" }
#define DISTILLER(algo) \
    { algo, "origin_loss_lambda", "1", "0 0.5", "-0.5", "\"" algo "_origin_loss_lambda\" is -0.5 (a number); it must be a number from 0 to 1e+30 (default 1)" }, \
    { algo, "temperature", "2", "1 0.000001 4", "0", "\"" algo "_temperature\" is 0 (a number); it must be a number from 1e-06 to 1000000 (default 2)" }, \
    { algo, "all_rows", "false", "true false", "maybe", "\"" algo "_all_rows\" is \"maybe\" (a string); it must be true or false (default false)" }, \
    { algo, "apply_method", "mse", "mse kl cosine attention", "clamp_round", "\"" algo "_apply_method\" is \"clamp_round\" (a string); legal: mse kl cosine attention" }, \
    { algo, "apply_method", "mse", "", "kll", "\"" algo "_apply_method\" is \"kll\" (a string); legal: mse kl cosine attention; did you mean \"kl\"?" }, \
    { algo, "lambda", "1", "0 1 0.25 1e9", "-1", "\"" algo "_lambda\" is -1 (a number); it must be a number from 0 to 1e+30" }, \
    { algo, "link", "auto", "auto layer1.fc", "7", "\"" algo "_link\" is 7 (a number); it must be the name of a module of the teacher, or a list of one or more" }, \
    { algo, "link", "auto", "", "[]", "\"" algo "_link\" is a list; it must be the name of a module of the teacher, or a list of one or more" }, \
    { algo, "link", "auto", "", "[1]", "\"" algo "_link\" is a list; it must be the name of a module of the teacher, or a list of one or more" }, \
    { algo, "link", "auto", "", "[\"a\",\"b\",\"a\"]", "\"" algo "_link\" names \"a\" twice" }, \
    { algo, "link", "auto", "", "[\"\"]", "\"" algo "_link\" names a module without a name" }

static void test_keys(void)
{
    static const struct { const char *algo, *key, *usual, *good, *bad, *says; } rows[] = {
        SCHEDULE("level"), SCHEDULE("l1_norm"), SCHEDULE("l2_norm"), SCHEDULE("fpgm"), SCHEDULE("taylor"), SCHEDULE("slim"), SCHEDULE("activation_apoz"), SCHEDULE("activation_mean_rank"),
        { "level", "schedule", "none", "", "apg", "\"level_schedule\" is \"apg\" (a string); legal: none linear agp (default none); did you mean \"agp\"?" },
        TRAINING_STEPS("taylor", "1"), TRAINING_STEPS("slim", "100"), FROM_0("slim", "regular_scale", "1"), TRAINING_STEPS("activation_apoz", "1"), TRAINING_STEPS("activation_mean_rank", "1"),
        { "activation_apoz", "activation", "relu", "relu relu6 gelu", "tanh", "\"activation_apoz_activation\" is \"tanh\" (a string); legal: relu relu6 gelu (default relu)" },
        { "activation_mean_rank", "activation", "relu", "gelu", "relu7", "\"activation_mean_rank_activation\" is \"relu7\" (a string); legal: relu relu6 gelu (default relu); did you mean \"relu\"?" },
        { "movement", "warmup_step", "100", "0 1 2147483647", "-1", "\"movement_warmup_step\" is -1 (a number); it must be a whole number from 0 to 2147483647 (default 100)" },
        { "movement", "cooldown_begin_step", "1000", "1 200", "0", "\"movement_cooldown_begin_step\" is 0 (a number)" STEPS " (default 1000)" }, FROM_0("movement", "regular_scale", "1"),
        { "admm", "iterations", "30", "1 3", "0", "\"admm_iterations\" is 0 (a number)" STEPS " (default 30)" }, TRAINING_STEPS("admm", "100"), FROM_0("admm", "row", "1e-4"),
        { "admm", "base", "l1_norm", "level l1_norm l2_norm fpgm", "taylor", "\"admm_base\" is \"taylor\" (a string); legal: level l1_norm l2_norm fpgm (default l1_norm)" },
        { "lottery_ticket", "rounds", "5", "1 9", "0", "\"lottery_ticket_rounds\" is 0 (a number)" STEPS " (default 5)" }, TRAINING_STEPS("lottery_ticket", "100"),
        { "lottery_ticket", "reset_weights", "true", "true false", "2", "\"lottery_ticket_reset_weights\" is 2 (a number); it must be true or false (default true)" },
        { "qat", "quant_start_step", "0", "0 500", "-1", "\"qat_quant_start_step\" is -1 (a number); it must be a whole number from 0 to 2147483647 (default 0)" },
        { "qat", "rate", "0.01", "0.5 1", "0", "\"qat_rate\" is 0 (a number); it must be a number from 1e-30 to 1 (default 0.01)" },
        { "lsq", "rate", "0.001", "0 0.01 1", "2", "\"lsq_rate\" is 2 (a number); it must be a number from 0 to 1 (default 0.001)" },
        { "lsq", "start", "data", "data nni", "paper", "\"lsq_start\" is \"paper\" (a string); legal: data nni (default data)" },
        { "lsqplus", "rate", "0.001", "0.1", "-1", "\"lsqplus_rate\" is -1 (a number); it must be a number from 0 to 1 (default 0.001)" },
        { "lsqplus", "start", "data", "nni data", "0", "\"lsqplus_start\" is 0 (a number); legal: data nni (default data)" },
        { "dorefa", "gradient_bits", "0", "0 1 4 16", "17", "\"dorefa_gradient_bits\" is 17 (a number); it must be a whole number from 0 to 16 (default 0)" },
        DISTILLER("dynamic_layerwise"), DISTILLER("adaptive_1d_layerwise"),
        /* keys that are not there */
        { "taylor", "target_bytes", NULL, "", "100", "there is no key \"taylor_target_bytes\": training masks by ratio or threshold, before there is a file to measure" },
        { "lottery_ticket", "target_macs", NULL, "", "0.5", "there is no key \"lottery_ticket_target_macs\": training masks by ratio or threshold, before there is a file to measure" },
        { "slim", "apply_method", NULL, "", "mul", "there is no key \"slim_apply_method\": its factors multiply, and so do its masks; write \"mul\"" },
        { "dynamic_layerwise", "sparse_ratio", NULL, "", "0.5", "there is no key \"dynamic_layerwise_sparse_ratio\"" },
        { "movement", "warmup", NULL, "", "1", "there is no key \"movement_warmup\"; did you mean \"movement_warmup_step\"?" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_algo *algo = smash_registry_find(smash_builtins(), rows[i].algo);
        char key[64], text[128], word[64];
        const char *good = rows[i].good;
        smash_err err;
        start();
        CHECK(algo && strcmp(algo->name, rows[i].algo) == 0, "%s", rows[i].algo);
        if (!algo) continue;
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, smash_group_name(algo->group), rows[i].algo), SMASH_OK, "%s", rows[i].algo);
        snprintf(key, sizeof key, "%s_%s", rows[i].algo, rows[i].key);
        if (rows[i].usual) CHECK(strcmp(text_of(smash_config_get(&ctx, &config, key)), rows[i].usual) == 0, "%s is %s, want %s", key, text_of(smash_config_get(&ctx, &config, key)), rows[i].usual);
        snprintf(text, sizeof text, "%s=%s", key, rows[i].bad);
        err = smash_config_set_text(&ctx, &config, text);
        CHECK(err == SMASH_ERR_CONFIG && diags.errors == 1 && (strcmp(ctx.message, rows[i].says) == 0 || (!rows[i].usual && strncmp(ctx.message, rows[i].says, strlen(rows[i].says)) == 0)),
              "%s: %s: %s", text, ctx.message, rows[i].says);
        if (rows[i].usual) CHECK(strcmp(text_of(smash_config_get(&ctx, &config, key)), rows[i].usual) == 0, "%s: refused, and set", text);
        while (sscanf(good, "%63s", word) == 1) {
            snprintf(text, sizeof text, "%s=%s", key, word);
            CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, text), SMASH_OK, "%s", text);
            good += strspn(good, " ");
            good += strcspn(good, " ");
        }
    }
}

/* ---- descriptors ---- */

static void test_descriptors(void)
{
    static const struct { const char *config, *names; smash_grain_kind grain; smash_metric metric; } rows[] = {       /* names of rows, in order, with their grain in blocks */
        { "taylor", "conv1.bias conv1.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_AXIS, SMASH_METRIC_L1 },
        { "slim", "bn1.bias bn1.weight ", SMASH_GRAIN_AXIS, SMASH_METRIC_L1 },
        { "movement", "conv1.bias conv1.weight emb.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_ELEMENT, SMASH_METRIC_L1 },
        { "activation_apoz", "conv1.bias conv1.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_AXIS, SMASH_METRIC_L1 },
        { "activation_mean_rank", "conv1.bias conv1.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_AXIS, SMASH_METRIC_L1 },
        { "lottery_ticket", "conv1.bias conv1.weight emb.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_ELEMENT, SMASH_METRIC_L1 },
        { "admm", "conv1.bias conv1.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_AXIS, SMASH_METRIC_L1 },
        { "admm\", \"admm_base\": \"level", "conv1.bias conv1.weight emb.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_ELEMENT, SMASH_METRIC_L1 },
        { "admm\", \"admm_base\": \"l2_norm", "conv1.bias conv1.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_AXIS, SMASH_METRIC_L2 },
        { "admm\", \"admm_base\": \"fpgm", "conv1.bias conv1.weight fc1.bias fc1.weight fc2.weight ", SMASH_GRAIN_AXIS, SMASH_METRIC_FPGM } };
    const smash_registry *all = smash_builtins();
    size_t i, k, found;
    for (i = 0; i < COUNT_OF(rows); i++) {
        char text[256], names[256] = "", name[64];
        const char *order[16] = { NULL };
        size_t n = 0, j;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(rows[i].config, "\""), rows[i].config);
        snprintf(text, sizeof text, "{\"pruner\": \"%s\", \"%s_sparse_ratio\": 0.5}", rows[i].config, name);
        CHECK_ERR(&ctx, resolve(text), SMASH_OK, "%s", text);
        if (ctx.err) continue;
        for (k = 0; k < plan.count; k++) {
            const smash_row *row = &plan.rows[k];
            const char *full = model.params[row->param].name;
            CHECK(row->param != (uint32_t)SMASH_NONE && !row->skip && strcmp(row->algo->name, name) == 0, "%s: row %d", text, (int)k);
            for (j = n++; j > 0 && strcmp(order[j - 1], full) > 0; j--) order[j] = order[j - 1];
            order[j] = full;
            if (strcmp(row->target, "weight")) continue;
            CHECK(row->mask.metric == rows[i].metric, "%s: %s by metric %d", text, full, (int)row->mask.metric);
            CHECK(row->mask.grain.kind == rows[i].grain, "%s: %s has a grain of kind %d", text, full, (int)row->mask.grain.kind);
        }
        for (j = 0; j < n; j++) { strcat(names, order[j]); strcat(names, " "); }
        CHECK(strcmp(names, rows[i].names) == 0, "%s: %s, want %s", text, names, rows[i].names);
    }
    for (i = 0, found = 0; i < all->count; i++) {
        const smash_algo *algo = all->algos[i];
        const int trained = strstr("taylor slim movement activation_apoz activation_mean_rank admm lottery_ticket dynamic_layerwise adaptive_1d_layerwise", algo->name) != NULL;
        CHECK((algo->needs == SMASH_NEEDS_TRAINING) == trained, "%s needs %u", algo->name, algo->needs);
        found += (size_t)trained;
        for (k = 0; k < all->count; k++) CHECK(smash_algo_fits(algo, all->algos[k]) == (algo->group != all->algos[k]->group), "%s and %s", algo->name, all->algos[k]->name);
    }
    CHECK(found == 9, "%d algorithms need training", (int)found);
    start();
    CHECK_ERR(&ctx, smash_registry_check(&ctx, all, &diags, &found), SMASH_OK, "check");
    CHECK(found == 0, "%d findings: %s", (int)found, diags.first ? diags.first->message : "");
}

/* ---- rules and refusals, with their place ---- */

static void test_refusals(void)
{
#define PRUNER(name, rest) "{\"pruner\": \"" name "\",\n \"" name "_sparse_ratio\": 0.5,\n " rest "}"
#define LIST(group, name, entry) "{\"" group "\": \"" name "\", \"" name "_config_list\": [\n" entry "]}"
#define COLLECTED ": scores are collected within one interval of the schedule, so that the first cannot be larger"
    static const struct { const char *text, *code, *says; uint32_t line, column; } rows[] = {
        { PRUNER("taylor", "\"taylor_schedule\": \"agp\", \"taylor_training_steps\": 20, \"taylor_schedule_interval\": 10"), "exclusive_keys",
          "\"taylor_training_steps\" is 20, and \"taylor_schedule_interval\" is 10" COLLECTED, 3, 53 },
        { PRUNER("slim", "\"slim_schedule\": \"linear\", \"slim_schedule_interval\": 99"), "exclusive_keys", "\"slim_training_steps\" is 100, and \"slim_schedule_interval\" is 99" COLLECTED, 3, 55 },
        { PRUNER("activation_apoz", "\"activation_apoz_schedule\": \"agp\", \"activation_apoz_training_steps\": 2"), "exclusive_keys",
          "\"activation_apoz_training_steps\" is 2, and \"activation_apoz_schedule_interval\" is 1" COLLECTED, 3, 71 },
        { PRUNER("activation_mean_rank", "\"activation_mean_rank_schedule\": \"agp\", \"activation_mean_rank_training_steps\": 2"), "exclusive_keys",
          "\"activation_mean_rank_training_steps\" is 2, and \"activation_mean_rank_schedule_interval\" is 1" COLLECTED, 3, 81 },
        { PRUNER("movement", "\"movement_warmup_step\": 10, \"movement_cooldown_begin_step\": 10"), "exclusive_keys",
          "\"movement_warmup_step\" is 10, and \"movement_cooldown_begin_step\" is 10: the warm-up must end before the cool-down begins", 3, 26 },
        { PRUNER("movement", "\"movement_cooldown_begin_step\": 50"), "exclusive_keys",
          "\"movement_warmup_step\" is 100, and \"movement_cooldown_begin_step\" is 50: the warm-up must end before the cool-down begins", 3, 34 },
        { "{\"pruner\": \"level\", \"level_schedule\": \"agp\",\n \"level_target_parameters\": 0.5}", "exclusive_keys",
          "\"level_target_parameters\" and \"level_schedule\" exclude each other: a schedule is for ratios and thresholds", 2, 29 },
        /* targets */
        { LIST("pruner", "taylor", "{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}"), "not_taken",
          "fc1._output_0 cannot be pruned by taylor: it scores what has a gradient of its own, parameters", 2, 1 },
        { LIST("pruner", "slim", "{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5, \"target_names\": [\"_input_0\"]}"), "not_taken",
          "fc1._input_0 cannot be pruned by slim: it trains a factor for each block of a parameter", 2, 1 },
        { LIST("pruner", "movement", "{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5, \"target_names\": [\"weight\", \"_output_0\"]}"), "not_taken",
          "fc1._output_0 cannot be pruned by movement: it trains a score for each block of a parameter", 2, 1 },
        { LIST("pruner", "slim", "{\"op_names\": [\"fc2\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\"}"), "not_taken",
          "slim takes no apply_method \"add\": its factors multiply, and so do its masks; write \"mul\"", 2, 60 },
        { LIST("pruner", "slim", "{\"op_names\": [\"fc2\"], \"sparse_ratio\": 0.5, \"apply_method\": \"bypass\"}"), "not_taken",
          "slim takes no apply_method \"bypass\": its factors multiply, and so do its masks; write \"mul\"", 2, 60 },
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"target_names\": [\"weight\"]}"), "unknown_target",
          "weight of \"fc1\" is no input or output: dynamic_layerwise is a distiller, which compares what student and teacher compute, such as _output_0", 2, 1 },
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"target_names\": [\"_input_x\"]}"), "unknown_target",
          "a Linear has no target \"_input_x\"; it has 1 input, the first is \"input\"", 2, 1 },
        /* keys of entries */
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"lamda\": 2}"), "unknown_key", "there is no key \"lamda\"; did you mean \"lambda\"?", 2, 23 },
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5}"), "wrong_group", "\"sparse_ratio\" is a key of a pruner; dynamic_layerwise is a distiller", 2, 23 },
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"apply_method\": \"mul\"}"), "illegal_value", "\"apply_method\" is \"mul\" (a string); legal: mse kl cosine attention", 2, 39 },
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"lambda\": true}"), "wrong_type", "\"lambda\" is true (a boolean); it must be a number from 0 to 1e+30", 2, 33 },
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"lambda\": -0.1}"), "out_of_range", "\"lambda\" is -0.1 (a number); it must be a number from 0 to 1e+30", 2, 33 },
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"link\": \"\"}"), "wrong_type", "\"link\" is \"\" (a string); it must be the name of a module of the teacher, or a list of one or more", 2, 31 },
        { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"link\": [\"a\", \"a\"]}"), "illegal_value", "\"link\" names \"a\" twice", 2, 37 },
        { LIST("distiller", "dynamic_layerwise", "{\"lambda\": 1}"), "missing_key", "this entry selects no modules; it needs op_names, op_names_re or op_types", 2, 1 },
        { LIST("distiller", "adaptive_1d_layerwise", "{\"op_names\": [\"fc1\"], \"link\": [\"a\", \"b\"]}"), "not_taken",
          "adaptive_1d_layerwise trains one projection for each target, so \"link\" of fc1._output_0 must name one module; it names 2", 2, 31 },
        { "{\"distiller\": \"adaptive_layerwise\"}", "unknown_algorithm", "there is no distiller \"adaptive_layerwise\"; legal: dynamic_layerwise, adaptive_1d_layerwise; did you mean \"adaptive_1d_layerwise\"?", 1, 15 },
        { "{\"distiller\": \"taylor\"}", "wrong_group", "\"taylor\" is a pruner, not a distiller", 1, 15 } };
    static const char *const good[] = {
        PRUNER("taylor", "\"taylor_schedule\": \"agp\", \"taylor_training_steps\": 10, \"taylor_schedule_interval\": 10"),
        PRUNER("slim", "\"slim_schedule_interval\": 2"),                                       /* no schedule, no rule */
        PRUNER("movement", "\"movement_warmup_step\": 0, \"movement_cooldown_begin_step\": 1"),
        LIST("pruner", "slim", "{\"op_names\": [\"fc1\", \"bn1\"], \"sparse_ratio\": 0.5, \"apply_method\": \"mul\"}"),
        LIST("pruner", "activation_apoz", "{\"op_names\": [\"fc1\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}"),
        LIST("distiller", "adaptive_1d_layerwise", "{\"op_names\": [\"fc1\"], \"link\": [\"a\"], \"lambda\": 1, \"target_names\": null, \"apply_method\": null}"),
        LIST("distiller", "dynamic_layerwise", "{\"op_types\": [\"BatchNorm2d\", \"Embedding\"], \"link\": null}") };
    char text[4096];
    size_t i, n;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        smash_err err = resolve(rows[i].text);
        d = first_error();
        CHECK(err == SMASH_ERR_CONFIG && d && diags.errors == 1, "%s: %s, %d errors", rows[i].text, smash_err_name(err), (int)diags.errors);
        if (!d) continue;
        CHECK(strcmp(d->code, rows[i].code) == 0 && strcmp(d->message, rows[i].says) == 0, "%s: %s: %s, want %s: %s", rows[i].text, d->code, d->message, rows[i].code, rows[i].says);
        CHECK(d->line == rows[i].line && d->column == rows[i].column, "%s: at %u:%u, want %u:%u", rows[i].text, d->line, d->column, rows[i].line, rows[i].column);
    }
    for (i = 0; i < COUNT_OF(good); i++) {
        CHECK_ERR(&ctx, resolve(good[i]), SMASH_OK, "%s", good[i]);
        CHECK(diags.first == NULL, "%s: %s", good[i], diags.first ? diags.first->message : "");
    }
    for (n = 64; n <= 65; n++) {
        size_t used = (size_t)sprintf(text, "{\"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_link\": [\"m0\"");
        for (i = 1; i < n; i++) used += (size_t)sprintf(text + used, ", \"m%d\"", (int)i);
        strcpy(text + used, "]}");
        CHECK_ERR(&ctx, resolve(text), n == 64 ? SMASH_OK : SMASH_ERR_CONFIG, "%d links", (int)n);
        CHECK(n == 64 ? plan.count && plan.rows[0].link_count == 64 : strcmp(ctx.message, "\"dynamic_layerwise_link\" names 65 modules; a target takes at most 64") == 0, "%d links: %s", (int)n, ctx.message);
    }
}

/* ---- rows of distillers ---- */

/* "fc1._output_0 mse 1 2 0 fc1; ": target, loss, lambda, temperature, all_rows, links */
static const char *rows_text(void)
{
    static const char *const words[] = { "mse", "kl", "cosine", "attention" };
    static char text[2048];
    size_t i, used = 0;
    uint32_t k;
    text[0] = '\0';
    for (i = 0; i < plan.count; i++) {
        const smash_row *row = &plan.rows[i];
        if (row->algo->group != SMASH_DISTILLER) { used += (size_t)sprintf(text + used, "%s; ", row->algo->name); continue; }
        CHECK(row->param == (uint32_t)SMASH_NONE && row->skip == (row->loss.lambda <= 0) && (row->note != NULL) == (row->loss.lambda <= 0) && row->kept.name, "row %d", (int)i);
        used += (size_t)sprintf(text + used, "%s %s %g %g %u", row->kept.name, words[row->loss.kind], row->loss.lambda, row->loss.temperature, (unsigned)row->loss.all_rows);
        for (k = 0; k < row->link_count; k++) used += (size_t)sprintf(text + used, " %s", row->links[k]);
        used += (size_t)sprintf(text + used, "; ");
    }
    return text;
}

static const struct { const char *text, *rows; } distillers[] = {
    { "{\"distiller\": \"dynamic_layerwise\"}", "conv1._output_0 mse 1 2 0 conv1; fc1._output_0 mse 1 2 0 fc1; fc2._output_0 mse 1 2 0 fc2; " },
    { "{\"distiller\": \"adaptive_1d_layerwise\"}", "conv1._output_0 mse 1 2 0 conv1; fc1._output_0 mse 1 2 0 fc1; fc2._output_0 mse 1 2 0 fc2; " },
    { "{\"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_include\": [\"fc*\"], \"dynamic_layerwise_apply_method\": \"kl\", \"dynamic_layerwise_temperature\": 4,"
      " \"dynamic_layerwise_all_rows\": true, \"dynamic_layerwise_lambda\": 0.25, \"dynamic_layerwise_link\": \"t.fc\"}", "fc1._output_0 kl 0.25 4 1 t.fc; fc2._output_0 kl 0.25 4 1 t.fc; " },
    { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc2\"], \"apply_method\": \"kl\"}, {\"op_types\": [\"Linear\", \"BatchNorm2d\"], \"link\": [\"a\", \"b.c\", \"auto\"], \"lambda\": 0}"),
      "bn1._output_0 mse 0 2 0 a b.c auto; fc1._output_0 mse 0 2 0 a b.c auto; fc2._output_0 kl 1 2 0 fc2; " },
    { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"target_names\": [\"_input_0\", \"_output_0\"], \"lambda\": 3, \"target_settings\": {\"_input_0\": {\"apply_method\": \"attention\", \"link\": \"x\"},"
      " \"_output_0\": {\"lambda\": 5}}}"), "fc1._input_0 attention 3 2 0 x; fc1._output_0 mse 5 2 0 fc1; " },
    { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"target_settings\": {\"_output_1\": {\"apply_method\": \"cosine\"}}}"), "fc1._output_0 mse 1 2 0 fc1; fc1._output_1 cosine 1 2 0 fc1; " },
    { LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"link\": \"auto\", \"target_names\": [\"_output_\", \"_input_input\"]}"), "fc1._output_0 mse 1 2 0 fc1; fc1._input_0 mse 1 2 0 fc1; " },
    { LIST("distiller", "adaptive_1d_layerwise", "{\"op_names_re\": [\"fc\"], \"exclude_op_names\": [\"fc1\"], \"link\": [\"auto\"]}"), "fc2._output_0 mse 1 2 0 auto; " },
    { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"level_include\": [\"fc2\"], \"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_include\": [\"fc2\"], \"quantizer\": \"ptq\", \"ptq_include\": [\"emb\"]}",
      "level; fc2._output_0 mse 1 2 0 fc2; ptq; " },
};

static void test_rows(void)
{
    size_t i;
    for (i = 0; i < COUNT_OF(distillers); i++) {
        char kept[2048], text[4096];
        CHECK_ERR(&ctx, resolve(distillers[i].text), SMASH_OK, "%s", distillers[i].text);
        if (ctx.err) continue;
        snprintf(kept, sizeof kept, "%s", rows_text());
        CHECK(strcmp(kept, distillers[i].rows) == 0, "%s: %s, want %s", distillers[i].text, kept, distillers[i].rows);
        snprintf(text, sizeof text, "%s", plan.config_text);                       /* what the file will say makes the same rows */
        CHECK_ERR(&ctx, resolve(text), SMASH_OK, "%s", text);
        if (!ctx.err) CHECK(strcmp(kept, rows_text()) == 0 && strcmp(text, plan.config_text) == 0, "%s: %s, want %s", text, rows_text(), kept);
    }
    /* two entries for one target: the first one wins, and it is said */
    CHECK_ERR(&ctx, resolve(LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"]}, {\"op_names\": [\"fc1\"], \"lambda\": 2}")), SMASH_OK, "overlap");
    CHECK(strcmp(rows_text(), "fc1._output_0 mse 1 2 0 fc1; ") == 0 && count_code("later_entry_ignored") == 1, "overlap: %s", rows_text());
    CHECK_ERR(&ctx, resolve("{\"distiller\": \"dynamic_layerwise\", \"shapes\": {\"fc1\": {\"_output_0\": [1, 6]}}, \"dynamic_layerwise_include\": [\"fc1\"]}"), SMASH_OK, "shapes");
    CHECK(plan.count == 1 && plan.rows[0].activation && plan.rows[0].activation->ndim == 2 && plan.rows[0].activation->shape[1] == 6, "a shape that the config says");
}

/* ---- saving ---- */

static smash_err put(void *user, const char *text, size_t bytes) { strncat((char *)user, text, bytes); return SMASH_OK; }

static void test_saved(void)
{
    static const char *const texts[] = {
        "{\"pruner\": \"slim\", \"slim_schedule\": \"agp\", \"slim_schedule_interval\": 200, \"slim_schedule_times\": 10, \"slim_regular_scale\": 0.5, \"distiller\": \"adaptive_1d_layerwise\","
        " \"adaptive_1d_layerwise_link\": [\"t\"], \"adaptive_1d_layerwise_all_rows\": true, \"quantizer\": \"qat\", \"qat_rate\": 0.1, \"qat_quant_start_step\": 100}",
        "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_reset_weights\": false, \"quantizer\": \"lsqplus\", \"lsqplus_start\": \"nni\", \"lsqplus_rate\": 0.01}",
        "{\"pruner\": \"admm\", \"admm_base\": \"fpgm\", \"admm_row\": 0.001, \"quantizer\": \"dorefa\", \"dorefa_gradient_bits\": 6}",
        LIST("distiller", "dynamic_layerwise", "{\"op_names\": [\"fc1\"], \"link\": [\"a\", \"b\"], \"lambda\": 0.5, \"apply_method\": \"kl\"}") };
    static smash_config other;
    size_t i;
    for (i = 0; i < COUNT_OF(texts); i++) {
        static char saved[16384];
        smash_writer w = SMASH_ZERO;
        start();
        CHECK_ERR(&ctx, load(texts[i]), SMASH_OK, "%s", texts[i]);
        saved[0] = '\0';
        w.put = put;
        w.user = saved;
        smash_config_save(&config, &w);
        CHECK(w.err == SMASH_OK, "%s", texts[i]);
        smash_config_init(&other, smash_builtins(), &arena, &diags);
        CHECK_ERR(&ctx, smash_config_load(&ctx, &other, saved, strlen(saved), "saved.json", NULL), SMASH_OK, "%s", saved);
        CHECK(smash_config_equal(&config, &other) && diags.errors == 0, "%s: %s", texts[i], saved);
    }
}

/* ---- outside of a session ---- */

#define IN_A_SESSION ": it runs in a training session, smash_session_begin()"

static void test_needs_training(void)
{
    static const struct { const char *text, *says; } rows[] = {
        { "{\"pruner\": \"taylor\", \"taylor_sparse_ratio\": 0.5}", "taylor scores by gradients" IN_A_SESSION },
        { "{\"pruner\": \"slim\", \"slim_sparse_ratio\": 0.5}", "slim scores by factors that are trained" IN_A_SESSION },
        { "{\"pruner\": \"movement\", \"movement_sparse_ratio\": 0.5}", "movement scores by how training moves the weights" IN_A_SESSION },
        { "{\"pruner\": \"activation_apoz\", \"activation_apoz_sparse_ratio\": 0.5}", "activation_apoz scores by what the model computes" IN_A_SESSION },
        { "{\"pruner\": \"activation_mean_rank\", \"activation_mean_rank_sparse_ratio\": 0.5}", "activation_mean_rank scores by what the model computes" IN_A_SESSION },
        { "{\"pruner\": \"admm\", \"admm_sparse_ratio\": 0.5}", "admm prunes what training has drawn to zero" IN_A_SESSION },
        { "{\"pruner\": \"lottery_ticket\", \"lottery_ticket_sparse_ratio\": 0.5}", "lottery_ticket trains anew for each round" IN_A_SESSION },
        { "{\"distiller\": \"dynamic_layerwise\"}", "dynamic_layerwise learns from a teacher" IN_A_SESSION },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"distiller\": \"adaptive_1d_layerwise\", \"quantizer\": \"ptq\"}", "adaptive_1d_layerwise learns from a teacher" IN_A_SESSION } };
    static smash_result result;
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        CHECK_ERR(&ctx, resolve(rows[i].text), SMASH_OK, "%s", rows[i].text);
        CHECK_ERR(&ctx, smash_run(&ctx, &plan, NULL, &result), SMASH_ERR_CONFIG, "%s", rows[i].text);
        CHECK(strcmp(ctx.message, rows[i].says) == 0, "%s: %s", rows[i].text, ctx.message);
        CHECK(diags.first == NULL, "%s: %s", rows[i].text, diags.first ? diags.first->message : "");
        CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 0), SMASH_ERR_CONFIG, "%s", rows[i].text);
        CHECK(strcmp(ctx.message, rows[i].says) == 0 && count_code("needs_training") == 1 && diags.errors == 1, "%s: %s", rows[i].text, ctx.message);
        CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 1), SMASH_ERR_CONFIG, "%s: experimental", rows[i].text);
        start();
        make_model();
        CHECK_ERR(&ctx, load(rows[i].text), SMASH_OK, "%s", rows[i].text);
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_ERR_CONFIG, "%s", rows[i].text);
        CHECK(strcmp(ctx.message, rows[i].says) == 0 && diags.first && diags.first->line == 1 && strcmp(diags.first->code, "needs_training") == 0, "%s: %s", rows[i].text, ctx.message);
    }
    /* two of them: both are said */
    CHECK_ERR(&ctx, resolve("{\"pruner\": \"taylor\", \"taylor_sparse_ratio\": 0.5, \"distiller\": \"dynamic_layerwise\"}"), SMASH_OK, "two");
    CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 0), SMASH_ERR_CONFIG, "two");
    CHECK(count_code("needs_training") == 2 && strstr(ctx.message, "2 mistakes"), "two: %s", ctx.message);
}

static smash_err run_into(test_buffer *to, smash_result *result)
{
    smash_run_desc desc = SMASH_ZERO;
    smash_io io = SMASH_ZERO;
    io.write = test_buffer_write;
    io.user = to;
    to->used = to->calls = to->fail_at = 0;
    desc.out = &io;
    return smash_run(&ctx, &plan, &desc, result);
}

/* In a session, whose plan says so, a distiller's rows are in the report, and nowhere in the tensors of the file. */
static void test_ignored(void)
{
    static smash_result result;
    static char report[65536];
    smash_writer w = SMASH_ZERO;
    smash_model with, without;
    smash_session session = SMASH_ZERO;
    smash_io io = SMASH_ZERO;
    size_t i;
    CHECK_ERR(&ctx, resolve("{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"ptq\"}"), SMASH_OK, "without");
    CHECK_ERR(&ctx, run_into(&file, &result), SMASH_OK, "without");
    CHECK_ERR(&ctx, resolve("{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"quantizer\": \"ptq\", \"distiller\": \"dynamic_layerwise\", \"dynamic_layerwise_link\": [\"a\", \"b\"]}"), SMASH_OK, "with");
    CHECK_ERR(&ctx, smash_session_begin(&ctx, &model, &config, NULL, &session), SMASH_OK, "with");
    io.write = test_buffer_write;
    io.user = &file2;
    file2.used = file2.calls = file2.fail_at = 0;
    CHECK_ERR(&ctx, smash_session_end(&ctx, &session, &io, &result), SMASH_OK, "with");
    plan = *session.plan;
    io = smash_io_memory(file.data, file.used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &without), SMASH_OK, "without");
    io = smash_io_memory(file2.data, file2.used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &with), SMASH_OK, "with");
    CHECK(with.param_count == without.param_count, "%d tensors, without %d", (int)with.param_count, (int)without.param_count);
    for (i = 0; i < with.param_count && i < without.param_count; i++) {
        smash_tensor a, b;
        io = smash_io_memory(file.data, file.used);
        CHECK_ERR(&ctx, smash_model_load(&ctx, &without, i, &arena, &a), SMASH_OK, "load");
        io = smash_io_memory(file2.data, file2.used);
        CHECK_ERR(&ctx, smash_model_load(&ctx, &with, i, &arena, &b), SMASH_OK, "load");
        CHECK(strcmp(with.params[i].name, without.params[i].name) == 0 && a.bytes == b.bytes, "%s", with.params[i].name);
    }
    report[0] = '\0';
    w.put = put;
    w.user = report;
    smash_report_rows(&w, &plan);
    CHECK(w.err == SMASH_OK && strstr(report, "\"algorithm\":\"dynamic_layerwise\",\"group\":\"distiller\",\"apply_method\":\"mse\",\"lambda\":1,\"links\":[\"a\",\"b\"],\"granularity\":null"), "%s", report);
    report[0] = '\0';
    memset(&w, 0, sizeof w);
    w.put = put;
    w.user = report;
    smash_report_groups(&w, &plan);
    CHECK(w.err == SMASH_OK && strcmp(report, "[]") == 0, "%s", report);
    /* the file says what it was made with, and is read back */
    io = smash_io_memory(file2.data, file2.used);
    {
        static smash_config back;
        smash_desc desc = SMASH_ZERO;
        smash_config_init(&back, smash_builtins(), &arena, &diags);
        desc.arena = &arena;
        CHECK_ERR(&ctx, smash_load(&ctx, &io, &desc, &back, &result), SMASH_OK, "a distilled file");
        CHECK(smash_config_active(&back, SMASH_DISTILLER) && strcmp(smash_config_active(&back, SMASH_DISTILLER)->name, "dynamic_layerwise") == 0, "its distiller");
    }
}

static void test_schedule_warns(void)
{
    static const char *const pruners[] = { "level", "l1_norm", "l2_norm", "fpgm" };
    static smash_result result;
    size_t i, k;
    for (i = 0; i < COUNT_OF(pruners); i++)
        for (k = 0; k < 3; k++) {
            static const char *const words[] = { "none", "linear", "agp" };
            char text[256], says[256];
            snprintf(text, sizeof text, "{\"pruner\": \"%s\", \"%s_sparse_ratio\": 0.5,\n\"%s_schedule\": \"%s\", \"%s_schedule_times\": 4}", pruners[i], pruners[i], pruners[i], words[k], pruners[i]);
            snprintf(says, sizeof says, "\"%s_schedule\" has no effect: the goal is taken at once; schedules are for training, smash_session_begin()", pruners[i]);
            CHECK_ERR(&ctx, resolve(text), SMASH_OK, "%s", text);
            CHECK(diags.first == NULL, "%s: a session takes it", text);
            CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 0), SMASH_OK, "%s", text);
            CHECK(k ? diags.first && diags.first == diags.last && diags.first->severity == SMASH_WARNING && strcmp(diags.first->code, "no_effect") == 0 && strcmp(diags.first->message, says) == 0 &&
                      diags.first->line == 2 : !diags.first, "%s: %s", text, diags.first ? diags.first->message : "nothing");
            CHECK_ERR(&ctx, run_into(&file, &result), SMASH_OK, "%s", text);
            CHECK(result.nonzero < result.parameters, "%s: nothing went", text);
            start();
            make_model();
            CHECK_ERR(&ctx, load(text), SMASH_OK, "%s", text);
            CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "%s", text);
            CHECK(count_code("no_effect") == (k > 0) && diags.errors == 0, "%s: %d warnings", text, (int)count_code("no_effect"));
        }
}

int main(void)
{
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    test_keys();
    test_descriptors();
    test_refusals();
    test_rows();
    test_saved();
    test_needs_training();
    test_ignored();
    test_schedule_warns();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return test_done();
}
