/* test_config.c - the config list: recorded cases of NNI v3, every kind of mistake, overlap, order, resolved config. */
#include "../smash.h"
#include "test.h"
#include "config_test.h"
#include <math.h>

typedef struct golden_param { const char *module, *target, *type; const float *data; unsigned ndim; size_t shape[4]; } golden_param;
typedef struct golden_mask { const char *name; unsigned first, count; } golden_mask;
typedef struct golden_case { const char *algorithm, *config; int error; unsigned first_mask, mask_count; const char *deviation; } golden_case;
#include "golden/config_list_prune.h"

static smash_model model;
static test_buffer model_file, mask_file;

static void start(void) { start_config(smash_builtins()); }

/* The ten modules of the recordings */
static void golden_model(void)
{
    size_t i;
    smash_model_init(&model, &arena);
    for (i = 0; i < COUNT_OF(golden_params); i++) {
        const golden_param *p = &golden_params[i];
        char name[64];
        size_t n = 1, d;
        smash_tensor t;
        for (d = 0; d < p->ndim; d++) n *= p->shape[d];
        t = smash_tensor_view(SMASH_F32, p->data, n * sizeof(float), p->ndim, p->shape);
        t.flags = SMASH_TENSOR_CONST;
        snprintf(name, sizeof name, "%s.%s", p->module, p->target);
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, name, &t, 0), SMASH_OK, "%s", name);
    }
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "golden model");
    for (i = 0; i < COUNT_OF(golden_params); i++)
        smash_model_set_type(&ctx, &model, (size_t)smash_model_find_module(&model, golden_params[i].module), golden_params[i].type);
}

static const char *first_message(void) { return diags.first ? diags.first->message : ctx.message; }

/* Keys that are not at their defaults */
static size_t said_keys(void)
{
    size_t i, n = 0;
    for (i = 0; i < config.count; i++) n += !config.settings[i].is_default;
    return n;
}

/* Config text through load, resolve and run */
static smash_err run_config(const char *text, const char *algorithm)
{
    smash_err err = smash_config_load(&ctx, &config, text, strlen(text), "config.json", algorithm);
    smash_run_desc desc = SMASH_ZERO;
    smash_io out = SMASH_ZERO, masks = SMASH_ZERO;
    smash_result result;
    if (!err) err = smash_config_resolve(&ctx, &config, &model, &plan);
    if (err) return err;
    out.write = masks.write = test_buffer_write;
    out.user = &model_file;
    masks.user = &mask_file;
    model_file.used = mask_file.used = 0;
    desc.out = &out;
    desc.masks = &masks;
    err = smash_run(&ctx, &plan, &desc, &result);
    if (!err) CHECK(result.bytes == model_file.used && result.mask_bytes == mask_file.used, "%s: sizes in the result", text);
    return err;
}

static void test_golden(void)
{
    size_t i, j, k;
    for (i = 0; i < COUNT_OF(golden_cases); i++) {
        const golden_case *c = &golden_cases[i];
        smash_model masks;
        smash_io io;
        smash_err err;
        start();
        golden_model();
        err = run_config(c->config, c->algorithm);
        CHECK((err != SMASH_OK) == c->error, "case %zu: %s %s: %s: %s", i, c->algorithm, c->config, smash_err_name(err), first_message());
        CHECK(!c->error || (err == SMASH_ERR_CONFIG && diags.errors > 0), "case %zu: %s: an error without a diagnosis", i, c->config);
        if (err || c->error) continue;
        io = smash_io_memory(mask_file.data, mask_file.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &masks), SMASH_OK, "case %zu", i);
        CHECK(masks.param_count == c->mask_count, "case %zu: %s %s: %zu masks, want %u", i, c->algorithm, c->config, masks.param_count, c->mask_count);
        for (j = 0; j < c->mask_count; j++) {
            const golden_mask *want = &golden_masks[c->first_mask + j];
            ptrdiff_t p = smash_model_find_param(&masks, want->name);
            smash_tensor got;
            size_t n, bad = 0;
            CHECK(p >= 0, "case %zu: %s %s: no mask for %s", i, c->algorithm, c->config, want->name);
            if (p < 0) continue;
            CHECK_ERR(&ctx, smash_model_load(&ctx, &masks, (size_t)p, &arena, &got), SMASH_OK, "%s", want->name);
            smash_tensor_count(&got, &n);
            for (k = 0; k < n; k++) {
                unsigned z, zero = 0;
                for (z = 0; z < want->count; z++) zero |= golden_zeros[want->first + z] == k;
                bad += ((const unsigned char *)got.data)[k] != !zero;
            }
            CHECK(bad == 0, "case %zu: %s %s: %s: %zu of %zu mask values differ", i, c->algorithm, c->config, want->name, bad, n);
        }
    }
}

/* Mistakes: the code of the first error, a piece of its message, and its line and column. */
static void test_mistakes(void)
{
    static const struct { const char *text, *algorithm, *code, *piece; unsigned line, column; } rows[] = {
        { "{\"prunr\": \"l1_norm\"}", NULL, "unknown_key", "did you mean \"pruner\"", 1, 2 },
        { "{\"pruner\": \"l1norm\"}", NULL, "unknown_algorithm", "did you mean \"l1_norm\"", 1, 12 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_granularity\": \"out_chanel\"}", NULL, "illegal_value", "\"l1_norm_granularity\" is \"out_chanel\" (a string); legal: default out_channel", 1, 46 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_granularity\": \"out_chanel\"}", NULL, "illegal_value", "did you mean \"out_channel\"?", 1, 46 },
        { "[{\"op_types\": [\"Linear\"], \"quant_scheme\": \"afine\"}]", "ptq", "illegal_value", "\"quant_scheme\" is \"afine\" (a string); legal: symmetric affine; did you mean \"affine\"?", 1, 43 },
        { "{\"pruner\": 3}", NULL, "wrong_type", "must be the name of an algorithm", 1, 12 },
        { "{\"pruner\": \"ptq\"}", NULL, "wrong_group", "is a quantizer", 1, 12 },
        { "{\"cacher\": \"deepcache\"}", NULL, "unknown_algorithm", "none in this group", 1, 12 },
        { "{\"l1_norm_sparse_ratio\": 0.5}", NULL, "inactive_algorithm", "set pruner = \"l1_norm\" first", 1, 26 },
        { "{\"pruner\": \"l1_norm\",\n \"level_sparse_ratio\": 0.5}", NULL, "inactive_algorithm", "level, which is not active", 2, 24 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 1.5}", NULL, "out_of_range", "is 1.5 (a number); it must be a number from 0 to 1", 1, 47 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": -0.5}", NULL, "out_of_range", "from 0 to 1", 1, 47 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 1e999}", NULL, "out_of_range", "1e999", 1, 47 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": \"0.5\"}", NULL, "wrong_type", "\"0.5\"", 1, 47 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": true}", NULL, "wrong_type", "is true", 1, 47 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_spars_ratio\": 0.5}", NULL, "unknown_key", "l1_norm_sparse_ratio", 1, 23 },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_max_sparse_ratio\": 0, \"l1_norm_sparse_ratio\": 0.5}", NULL, "out_of_range", "above 0", 1, 51 },
        { "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]", NULL, "missing_algorithm", "bare list", 1, 1 },
        { "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]", "l3_norm", "missing_algorithm", "l3_norm", 1, 1 },
        { "3", NULL, "wrong_type", "a config is an object", 1, 1 },
        { "{\"pruner\": \"level\",\n  \"pruner\": \"level\"}", NULL, "json_duplicate_key", "pruner", 2, 3 },
        { "{\"pruner\": \"level\"", NULL, "json_syntax", "", 1, 19 },
        { "", NULL, "json_syntax", "", 1, 1 },
        { "[{\"op_type\": [\"Linear\"], \"sparse_ratio\": 0.5}]", "level", "unknown_key", "did you mean \"op_types\"", 1, 3 },
        { "[{\"op_types\": \"Linear\", \"sparse_ratio\": 0.5}]", "level", "wrong_type", "a list of module types", 1, 15 },
        { "[{\"op_types\": [3], \"sparse_ratio\": 0.5}]", "level", "wrong_type", "a list of module types", 1, 15 },
        { "[{\"sparse_ratio\": 0.5}]", "level", "missing_key", "selects no modules", 1, 2 },
        { "[7]", "level", "wrong_type", "is an object; this is 7", 1, 2 },
        { "[{\"op_types\": [\"Linear\"], \"sparsity\": 1.5}]", "level", "out_of_range",
          "\"sparsity\" is 1.5 (a number); it must be a number from 0 to 1", 1, 39 },
        { "[{\"op_types\": [\"Linear\"], \"sparsity\": 0.5, \"sparse_ratio\": 0.5}]", "level", "exclusive_keys",
          "\"sparsity\" and \"sparse_ratio\" of one entry exclude each other; write sparse_ratio", 1, 27 },
        { "[{\"op_types\": [\"Linear\"], \"sparsity\": 0.5, \"total_sparsity\": 0.5}]", "level", "exclusive_keys",
          "\"sparsity\" and \"total_sparsity\" of one entry exclude each other; write sparse_ratio", 1, 27 },
        { "[{\"op_types\": [\"Linear\"], \"total_sparsity\": 0.5, \"dependency_group_id\": 1}]", "level", "exclusive_keys",
          "\"total_sparsity\" makes a group of its entry, which has a dependency_group_id; write sparse_ratio", 1, 27 },
        { "[{\"op_types\": [\"Linear\"], \"sparsity_per_layer\": 0.5, \"max_sparsity_per_layer\": 0.5, \"max_sparse_ratio\": 0.5}]", "level", "exclusive_keys",
          "\"max_sparsity_per_layer\" and \"max_sparse_ratio\" of one entry exclude each other; write max_sparse_ratio", 1, 54 },
        { "[{\"op_types\": [\"Linear\"], \"total_sparsity\": 0.5, \"max_sparsity_per_layer\": {\"a\": 0.5}}]", "level", "legacy_key",
          "\"max_sparsity_per_layer\" with a limit for each layer is the old spelling; write an entry with max_sparse_ratio for each of them, and one global_group_id", 1, 50 },
        { "[{\"op_types\": [\"Linear\"], \"sparsity\": 0.5, \"op_partial_names\": \"a\"}]", "level", "wrong_type",
          "\"op_partial_names\" is \"a\" (a string); it must be a list of module names, such as [\"a\"]", 1, 64 },
        { "[{\"op_types\": [\"Linear\"], \"sparsity\": 0.5, \"exclude\": 1}]", "level", "wrong_type",
          "\"exclude\" is true or false", 1, 55 },
        { "[{\"op_names\": [\"a\"], \"sparsity\": 0.5}, {\"op_names\": [\"b\"], \"exclude\": true, \"sparsity\": 0.5}]", "level", "exclusive_keys",
          "an entry with \"exclude\": true only says which modules are left out; remove \"sparsity\"", 1, 77 },
        { "[{\"op_names\": [\"a\"], \"sparsity\": 0.5}, {\"op_partial_names\": [\"b\"], \"op_types\": [\"Linear\"], \"exclude\": true}]", "level", "legacy_key",
          "\"exclude\" of names and types together is the old spelling for modules that have both; write their names into exclude_op_names of every entry", 1, 92 },
        { "[{\"op_names\": [\"b\"], \"exclude\": true}]", "level", "legacy_key",
          "\"exclude\" leaves modules out of the other entries, and there is none; write level_exclude", 1, 2 },
        { "[{\"op_types\": [\"default\"], \"sparsity\": 0.5}]", "level", "legacy_key",
          "\"default\" is the old spelling for all types; write them, such as \"Linear\", \"Conv2d\"", 1, 16 },
        { "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"sparsity\": 0.5}}}]", "level", "legacy_key",
          "\"sparsity\" is the old spelling; write sparse_ratio", 1, 53 },
        { "[{\"op_names\": [\"a\"], \"sparsity\": 0.5}]", "ptq", "legacy_key",
          "\"sparsity\" is the old spelling; write sparse_ratio", 1, 22 },
        { "[{\"op_types\": [\"Linear\"], \"quant_types\": [\"weight\"], \"quant_bits\": 8}]", "ptq", "legacy_key",
          "\"quant_types\" is the old spelling; write target_names", 1, 27 },
        { "[{\"op_types\": [\"Linear\"], \"quant_bits\": {\"weight\": 8}}]", "ptq", "legacy_key",
          "\"quant_bits\" is the old spelling; write quant_dtype", 1, 27 },
        { "{\"pruner\": \"level\", \"level_total_sparsity\": 0.5}", NULL, "unknown_key",
          "there is no key \"level_total_sparsity\"; the old total_sparsity is level_sparse_ratio with global_group_id now", 1, 21 },
        { "[{\"op_types\": [\"Linear\"], \"quant_dtype\": \"int8\"}]", "level", "wrong_group", "is a key of a quantizer", 1, 27 },
        { "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"granularity\": \"row\"}]", "level", "illegal_value", "out_channel", 1, 63 },
        { "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"granularity\": [0]}]", "level", "illegal_value", "block sizes", 1, 63 },
        { "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"granularity\": [1.5]}]", "level", "illegal_value", "block sizes", 1, 63 },
        { "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"granularity\": [[2], \"middle\"]}]", "level", "illegal_value", "block sizes", 1, 63 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [5, 5]}]", "level", "granularity", "does not divide dim 0", 1, 58 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [1, 1, 1]}]", "level", "granularity", "only 2 dims", 1, 58 },
        { "[{\"op_names\": [\"bn\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\"}]", "level", "granularity", "no axis 1", 1, 59 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"sparse_threshold\": 0.1}]", "level", "exclusive_keys", "exclude each other", 1, 63 },
        { "[{\"op_names_re\": [\"(a\"], \"sparse_ratio\": 0.5}]", "level", "bad_pattern", "(a", 1, 19 },
        { "[{\"op_names_re\": [\"(?=a)b\"], \"sparse_ratio\": 0.5}]", "level", "bad_pattern", "look", 1, 19 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"fuse_names\": [[\"a\", \"bn\"]]}]", "ptq", "fuse_statistics", "running_mean", 1, 65 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"global_group_id\": 1.5}]", "level", "wrong_type", "a name or a whole number", 1, 62 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"global_group_id\": [\"g\"]}]", "level", "wrong_type", "a name or a whole number", 1, 62 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 0}]", "level", "out_of_range", "from 1 on", 1, 68 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [[1], \"back\", 3000000000]}]", "level", "illegal_value", "; a size is at most 2147483647", 1, 58 },
        { "{\"shapes\": {\"conv\": {\"_input_\": [1, 2147483648]}}, \"pruner\": \"level\"}", NULL, "wrong_type", "such as [1, 16, 8, 8]; a size is at most 2147483647", 1, 33 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 2.5}]", "level", "illegal_value", "whole number", 1, 68 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 5}]", "l1_norm", "internal_metric_block", "6 blocks of \"a.weight\" cannot be cut into 5 equal parts", 1, 68 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.3, \"global_group_id\": \"g\"}, {\"op_names\": [\"b\"], \"sparse_ratio\": 0.5, \"global_group_id\": \"g\"}]", "level", "group_ratio",
          "a.weight and b.weight are in one group", 1, 128 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": 1}, {\"op_names\": [\"b\"], \"sparse_threshold\": 0.5, \"dependency_group_id\": 1.0}]", "l1_norm", "group_ratio",
          "ask for different things", 1, 138 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": 1}, {\"op_names\": [\"b\"], \"sparse_ratio\": 0.5, \"sparse_rounding\": \"nearest\", \"dependency_group_id\": 1}]", "l1_norm", "group_ratio",
          "give them the same sparse_ratio or sparse_threshold, and sparse_rounding", 1, 164 },
        { "[{\"op_names\": [\"a\", \"c\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": \"d\"}]", "l1_norm", "group_shape", "a.weight has 6 blocks of its granularity and c.weight has 4", 1, 71 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": \"d\", \"internal_metric_block\": 2}, {\"op_names\": [\"b\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": \"d\","
          " \"internal_metric_block\": 6}, {\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\", \"dependency_group_id\": \"d\"}]", "l1_norm", "group_shape", "a.weight has 6 blocks of its granularity and conv.weight has 4", 1, 294 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"apply_method\": \"ad\"}]", "level", "illegal_value",
          "legal: mul add bypass", 1, 59 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\", \"apply_value\": 1e39}]", "level", "out_of_range",
          "a.weight: the value that a mask adds must be finite in F32", 1, 81 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\", \"apply_value\": \"5\"}]", "level", "wrong_type",
          "\"apply_value\" is \"5\" (a string); it must be a number", 1, 81 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\", \"apply_value\": 1e999}]", "level", "out_of_range",
          "\"apply_value\" is 1e999 (a number)", 1, 81 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"apply_method\": \"mul\"}]", "ptq", "illegal_value",
          "legal: clamp_round", 1, 66 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"apply_value\": 3}]", "ptq", "wrong_group",
          "\"apply_value\" is a key of a pruner; ptq is a quantizer", 1, 50 },
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\"}], \"quantizer\": \"ptq\"}", NULL, "exclusive_keys",
          "a.weight is quantized as well, and apply_method \"add\" would widen its grid; write \"mul\" or \"bypass\"", 1, 43 },
        { "{\"pruner\": \"level\", \"level_target_parameters\": 0.5, \"level_config_list\": [{\"op_names\": [\"a\"]}, {\"op_names\": [\"b\"], \"sparse_ratio\": 0.5, \"apply_method\": \"bypass\"}]}", NULL, "exclusive_keys",
          "b.weight: apply_method \"bypass\" leaves no zeros, and target_parameters counts them; write \"mul\"", 1, 153 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"2:4\", \"global_group_id\": \"g\"}]", "level", "exclusive_keys",
          "granularity \"2:4\" says what goes of each 4 numbers, and a global_group_id that it goes wherever it matters least; leave one of them out", 1, 37 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"4:8\", \"dependency_group_id\": 1}, {\"op_names\": [\"nb\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 16, \"dependency_group_id\": 1}]", "level", "exclusive_keys",
          "a.weight keeps some of each 8 numbers, and what another asks of their group is not the same for each of these; leave its internal_metric_block out, or one of them out of the group", 1, 67 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"2:4\", \"dependency_group_id\": 1}, {\"op_names\": [\"nb\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0.25, \"dependency_group_id\": 1}]", "level", "exclusive_keys",
          "a.weight keeps some of each 4 numbers, and what nb.weight asks of their group is not the same for each of these; leave its min_sparse_ratio or max_sparse_ratio out, or one of them out of the group", 1, 67 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"2:4\", \"dependency_group_id\": 1}, {\"op_names\": [\"nb\"], \"granularity\": \"1:3\", \"dependency_group_id\": 1}]", "level", "group_ratio",
          "a.weight and nb.weight are in one group and ask for different things; give them the same sparse_ratio or sparse_threshold", 1, 137 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"2:4\", \"max_sparse_ratio\": 0.3}]", "level", "exclusive_keys",
          "granularity \"2:4\" says how much goes of each 4 numbers; leave min_sparse_ratio and max_sparse_ratio out", 1, 37 },
        { "[{\"op_names\": [\"a\"]}]", "l1_norm", "nothing_asked", "a.weight", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"bias\"]}]", "l1_norm", "align_source", "gets no mask", 0, 0 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_names\": [\"wieght\"]}]", "l1_norm", "unknown_target", "did you mean \"weight\"", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"weigth\": {\"granularity\": [1, 1]}}}]", "level", "unknown_target", "did you mean \"weight\"", 1, 63 },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"level_include\": [\"zz*\"]}", NULL, "empty_selection", "leave no module", 1, 65 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_names\": [\"_input_\"]}]", "l1_norm", "align_only",
          "a._input_0 exists only while the model runs, so that nothing can be scored by ratio or threshold; it can follow the mask of another target: \"target_settings\": {\"_input_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_\"], \"target_settings\": {\"_output_\": {\"sparse_threshold\": 0.5}}}]", "level", "align_only",
          "a._output_0 exists only while the model runs, so that nothing can be scored by ratio or threshold; it can follow the mask of another target: \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}", 1, 105 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_2\": {\"sparse_ratio\": 0.5, \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", "level", "align_only",
          "a._output_2 exists only while the model runs, so that nothing can be scored by ratio or threshold; it can follow the mask of another target: \"target_settings\": {\"_output_2\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}, and no more keys of its own", 1, 93 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_\": {\"granularity\": \"out_channel\", \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", "l1_norm",
          "illegal_value",
          "granularity \"out_channel\" is for parameters; _output_0 takes \"per_channel\" or sizes such as [-1, 1, -1]", 1, 91 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_\": {\"granularity\": [1, -1], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", "l1_norm",
          "granularity",
          "block sizes need a shape, and that of a._output_0 is not known; say it: \"shapes\": {\"a\": {\"_output_0\": [1, ...]}}", 1, 91 },
        { "{\"shapes\": {\"conv\": {\"_output_\": [1, 5, 3, 3]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_\": {"
          "\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]}", NULL, "align_shape",
          "conv._output_0 has 5 blocks of its granularity (shape [1, 5, 3, 3]), but the dims of conv.weight it follows have shape [6]; the right shape, other dims or another granularity make them equal", 1, 95 },
        { "{\"shapes\": {\"conv\": {\"_output_\": [6]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_\": {"
          "\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]}", NULL, "granularity",
          "\"conv._output_0\" has 1 dim, so there is no axis 1 to take channels from", 1, 86 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"b\"], \"target_names\": [\"_output_0\", \"weight\"], \"target_settings\": {\"_output_0\": {\"align\": {\"module_name\": \"a\", \"target_name\": \"weight\", "
          "\"dims\": [0]}}, \"weight\": {\"align\": {\"target_name\": \"_output_0\", \"dims\": [1]}}}}]", "l1_norm", "align_dims",
          "b.weight follows b._output_0: dim 1 does not exist: \"b._output_0\" has 1 dim; its shape is not known, so it has only those dims that it follows itself (\"shapes\" says it)", 1, 44 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_0\", \"_input_0\"], \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"_input_\", \"dims\": [0]}}, \"_input_0\": {\"align\": "
          "{\"target_name\": \"_output_\", \"dims\": [0]}}}}]", "l1_norm", "align_cycle",
          "a._output_0 follows itself in a circle of align settings, by way of a._input_0; one of them must have a sparse_ratio, or follow what has", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_0\"], \"align\": {\"target_name\": \"_output_\", \"dims\": [0]}}]", "l1_norm", "align_cycle",
          "a._output_0 follows itself in a circle of align settings; one of them must have a sparse_ratio, or follow what has", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_0\"], \"align\": {\"module_name\": \"conv\", \"target_name\": \"_output_1\", \"dims\": [0]}}]", "l1_norm", "align_source",
          "a._output_0 follows _output_1 of \"conv\", which gets no mask; name it in an entry, with a sparse_ratio or an align of its own", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_0\"], \"align\": {\"module_name\": \"con\", \"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "align_source",
          "a._output_0 follows weight of \"con\", but the model has no such target; did you mean \"conv\"?", 1, 62 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_0\"], \"align\": {\"target_name\": \"wieght\", \"dims\": [0]}}]", "l1_norm", "align_source",
          "a._output_0 follows wieght of \"a\", but the model has no such target; did you mean \"weight\"?", 1, 62 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_input_x\"]}]", "ptq", "unknown_target",
          "a Linear has no target \"_input_x\"; it has 1 input, the first is \"input\"", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_input_1\"]}]", "ptq", "unknown_target",
          "a Linear has no target \"_input_1\"; it has 1 input, the first is \"input\"", 1, 2 },
        { "{\"module_types\": {\"a\": \"Mine\"}, \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"a\"], \"target_names\": [\"_input_x\"]}]}", NULL, "unknown_target",
          "a Mine has no target \"_input_x\": its inputs are not known by name; use their index, such as _input_0, or list them as \"inputs\" of \"Mine\" in module_templates", 1, 73 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_input_99999999999999999999\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "unknown_target",
          "a Linear has no target \"_input_99999999999999999999\"; it has 1 input, the first is \"input\"", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_input_00\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "unknown_target",
          "a Linear has no target \"_input_00\"; it has 1 input, the first is \"input\"", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_1000000\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "unknown_target",
          "\"_output_1000000\" is no target: the index of an output is a whole number from 0 to 999999, with no zeros before it", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_01\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "unknown_target",
          "\"_output_01\" is no target: the index of an output is a whole number from 0 to 999999, with no zeros before it", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_7x\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "unknown_target",
          "\"_output_7x\" is no target: the index of an output is a whole number from 0 to 999999, with no zeros before it", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_input_1x\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "unknown_target",
          "a Linear has no target \"_input_1x\"; it has 1 input, the first is \"input\"", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_18446744073709551616\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "unknown_target",
          "\"_output_18446744073709551616\" is no target: the index of an output is a whole number from 0 to 999999, with no zeros before it", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"_output_9999999\", \"dims\": [0]}}}}]", "l1_norm", "unknown_target",
          "\"_output_9999999\" is no target: the index of an output is a whole number from 0 to 999999, with no zeros before it", 1, 86 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"_output_0\"], \"align\": {\"target_name\": \"_input_y\", \"dims\": [0]}}]", "l1_norm", "unknown_target",
          "a Linear has no target \"_input_y\"; it has 1 input, the first is \"input\"", 1, 62 },
        { "{\"module_templates\": {\"Linear\": {\"inputs\": [], \"outputs\": [\"x\", \"y\"]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"a\"], \"target_names\": [\"_input_\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]}", NULL, "unknown_target", "a Linear has no target \"_input_\"; it has no inputs", 1, 118 },
        { "{\"module_templates\": {\"Linear\": {\"inputs\": [], \"outputs\": [\"x\", \"y\"]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"a\"], \"target_names\": [\"_output_2\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]}", NULL, "unknown_target",
          "a Linear has no target \"_output_2\"; it has 2 outputs, the first is \"x\"", 1, 118 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [2]}}}}]", "l1_norm", "align_dims",
          "a._output_0 follows a.weight: dim 2 does not exist: \"a.weight\" has 2 dims", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [-3]}}}}]", "l1_norm", "align_dims",
          "a._output_0 follows a.weight: dim -3 does not exist: \"a.weight\" has 2 dims", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0, -2]}}}}]", "l1_norm", "align_dims",
          "a._output_0 follows a.weight: dim -2 is out of order; name each surviving dim once, ascending", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"align\": {\"module_name\": \"b\", \"target_name\": \"weight\", \"dims\": [0]}}, {\"op_names\": [\"b\"], \"target_names\": [\"weight\"], \"align\": {\"module_name\": \"c\", \"target_name\": \"weight\", \"dims\": [0]}}, {\"op_names\": [\"c\"], \"target_names\": [\"weight\"], \"align\": {\"module_name\": \"a\", \"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", "align_cycle",
          "a.weight follows itself in a circle of align settings, by way of b.weight; one of them must have a sparse_ratio, or follow what has", 1, 2 },
        { "{\"shapes\": {\"conv3\": {\"_output_0\": [8, 12, 5, 5]}}, \"module_types\": {\"conv3\": \"ConvTranspose2d\"}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv3\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"granularity\": [[-1, 1, -1, -1]], \"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}]}", NULL, "align_shape",
          "conv3._output_0 has 12 blocks of its granularity (shape [8, 12, 5, 5]), but the dims of conv3.weight it follows have shape [4]; the right shape, other dims or another granularity make them equal", 1, 144 },
        { "{\"shapes\": {\"conv3\": {\"_output_0\": [8, 4, 5, 5]}, \"conv\": {\"_output_0\": [1, 8, 5, 5]}}, \"module_types\": {\"conv3\": \"ConvTranspose2d\"}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv3\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}, {\"op_names\": [\"conv\"], \"target_names\": [\"_output_0\"], \"align\": {\"module_name\": \"conv3\", \"target_name\": \"_output_0\", \"dims\": [1]}}]}", NULL, "align_shape",
          "conv._output_0 has 8 blocks of its granularity (shape [1, 8, 5, 5]), but the dims of conv3._output_0 it follows have shape [4]; the right shape, other dims or another granularity make them equal", 1, 311 },
        { "{\"shapes\": {\"a\": {\"_output_00\": [1, 2]}}, \"pruner\": \"level\", \"level_sparse_ratio\": 0.5}", NULL, "unknown_target",
          "\"_output_00\" is no target: the index of an output is a whole number from 0 to 999999, with no zeros before it", 1, 19 },
        { "{\"shapes\": {\"conv\": [1, 2]}}", NULL, "wrong_type",
          "the shapes of module \"conv\" are a list; they must be an object, such as {\"_output_0\": [1, 16, 8, 8]}", 1, 21 },
        { "{\"shapes\": {\"conv\": {\"weight\": [1, 2]}}}", NULL, "unknown_target",
          "\"weight\" is no input or output, such as _input_0 or _output_0; parameters have the shape of their tensor", 1, 22 },
        { "{\"shapes\": {\"conv\": {\"_input_\": [1, 0]}}}", NULL, "wrong_type",
          "the shape of _input_ of \"conv\" is a list; it must be a list of 1 to 8 whole numbers from 1 on, the batch first, such as [1, 16, 8, 8]", 1, 33 },
        { "{\"shapes\": {\"conv\": {\"_input_\": []}}}", NULL, "wrong_type",
          "the shape of _input_ of \"conv\" is a list; it must be a list of 1 to 8 whole numbers from 1 on, the batch first, such as [1, 16, 8, 8]", 1, 33 }, { "{\"shapes\": {\"conv\": {\"_input_\": [1, 2.5]}}}", NULL, "wrong_type",
          "the shape of _input_ of \"conv\" is a list; it must be a list of 1 to 8 whole numbers from 1 on, the batch first, such as [1, 16, 8, 8]", 1, 33 },
        { "{\"shapes\": {\"conv\": {\"_input_\": [1, 1, 1, 1, 1, 1, 1, 1, 1]}}}", NULL, "wrong_type",
          "the shape of _input_ of \"conv\" is a list; it must be a list of 1 to 8 whole numbers from 1 on, the batch first, such as [1, 16, 8, 8]", 1, 33 },
        { "{\"shapes\": {\"conv\": {\"_input_\": [1, 2147483648]}}}", NULL, "wrong_type",
          "the shape of _input_ of \"conv\" is a list; it must be a list of 1 to 8 whole numbers from 1 on, the batch first, such as [1, 16, 8, 8]", 1, 33 }, { "{\"shapes\": {\"conv\": {\"_input_\": null}}}", NULL, "wrong_type",
          "the shape of _input_ of \"conv\" is null; it must be a list of 1 to 8 whole numbers from 1 on, the batch first, such as [1, 16, 8, 8]", 1, 33 },
        { "{\"shapes\": {\"conv\": {\"_input_\": [2000000000, 2000000000, 2000000000]}}, \"pruner\": \"level\", \"level_sparse_ratio\": 0.5}", NULL, "illegal_value",
          "the shape of _input_0 of \"conv\" does not fit the address space", 1, 33 },
        { "{\"shapes\": {\"conv\": {\"_input_q\": [1]}}, \"pruner\": \"level\", \"level_sparse_ratio\": 0.5}", NULL, "unknown_target",
          "a Conv2d has no target \"_input_q\"; it has 1 input, the first is \"input\"", 1, 22 },
        { "{\"module_templates\": {\"M\": 3}}", NULL, "wrong_type",
          "the template of \"M\" is 3 (a number); it must be an object, such as {\"pruner\": {\"weight\": {}}}", 1, 28 },
        { "{\"module_templates\": {\"\": {}}}", NULL, "illegal_value",
          "the type of a template is empty; it must be one such as \"MyAttention\"", 1, 23 },
        { "{\"module_templates\": {\"M\": {\"prunr\": {}}}}", NULL, "unknown_key",
          "a template has no key \"prunr\"; it has inputs, outputs, out_axis, in_axis, pruner and quantizer; did you mean \"pruner\"?", 1, 29 },
        { "{\"module_templates\": {\"M\": {\"pruner\": []}}}", NULL, "wrong_type",
          "\"pruner\" of a template is a list; it must be an object {target: {key: value}}", 1, 39 },
        { "{\"module_templates\": {\"M\": {\"pruner\": {\"w\": 1}}}}", NULL, "wrong_type",
          "the settings of target \"w\" must be an object; {} leaves all to the entries", 1, 45 },
        { "{\"module_templates\": {\"M\": {\"pruner\": {\"w\": {\"spars_ratio\": 1}}}}}", NULL, "unknown_key",
          "there is no key \"spars_ratio\"; did you mean \"sparse_ratio\"?", 1, 46 },
        { "{\"module_templates\": {\"M\": {\"quantizer\": {\"w\": {\"sparse_ratio\": 1}}}}}", NULL, "wrong_group",
          "\"sparse_ratio\" is a key of a pruner; this part of the template is a quantizer", 1, 49 },
        { "{\"module_templates\": {\"M\": {\"pruner\": {\"w\": {\"sparse_ratio\": 2}}}}}", NULL, "out_of_range",
          "\"sparse_ratio\" is 2 (a number); it must be a number from 0 to 1", 1, 62 },
        { "{\"module_templates\": {\"M\": {\"pruner\": {\"w\": {\"op_names\": []}}}}}", NULL, "misplaced_key",
          "\"op_names\" belongs to the entry, not into target_settings", 1, 46 },
        { "{\"module_templates\": {\"M\": {\"pruner\": {\"w\": {\"align\": {\"dims\": [0]}}}}}}", NULL, "missing_key",
          "\"align\" needs \"target_name\": the target whose mask it follows", 1, 55 },
        { "{\"module_templates\": {\"M\": {\"inputs\": \"q\"}}}", NULL, "wrong_type",
          "\"inputs\" of a template is a list of at most 128 names, in the order in which they come", 1, 39 },
        { "{\"module_templates\": {\"M\": {\"inputs\": [\"q\", \"k\", \"q\"]}}}", NULL, "duplicate_key", "\"inputs\" has \"q\" twice; remove one", 1, 50 },
        { "{\"module_templates\": {\"M\": {\"outputs\": [\"0\"]}}}", NULL, "illegal_value",
          "\"0\" is no name of an input or output; it is empty or reads like an index", 1, 41 },
        { "{\"module_templates\": {\"M\": {\"out_axis\": -1}}}", NULL, "wrong_type",
          "\"out_axis\" is -1 (a number); it must be a whole number from 0 to 7, the axis of a weight", 1, 41 },
        { "{\"module_templates\": {\"M\": {\"in_axis\": 1, \"out_axis\": 1}}}", NULL, "illegal_value", "in_axis and out_axis of \"M\" are the same axis", 1, 40 },
        { "{\"module_templates\": {\"M\": {\"inputs\": [\"query\", \"key\"], \"quantizer\": {\"_input_qury\": {}}}}}", NULL, "unknown_target",
          "a M has no target \"_input_qury\"; it has 2 inputs, the first is \"query\"; did you mean \"query\"?", 1, 71 },
        { "{\"module_templates\": {\"M\": {\"quantizer\": {\"_input_q\": {}}}}}", NULL, "unknown_target",
          "a M has no target \"_input_q\": its inputs are not known by name; use their index, such as _input_0, or list them as \"inputs\" of \"M\" in module_templates", 1, 43 },
        { "{\"module_templates\": {\"Linear\": {\"pruner\": {\"weight\": {}}}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_names\": [\"weight\", \"bias\"], "
          "\"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"wight\", \"dims\": [0]}}}}]}", NULL, "align_source",
          "a.bias follows wight of \"a\", but the model has no such target; did you mean \"weight\"?", 0, 0 },
        { "{\"module_templates\": {\"Linear\": {\"pruner\": {\"weight\": {}}}}, \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"a\"]}]}", NULL, "no_targets",
          "module \"a\" is a Linear, of which ptq knows no targets; name them in target_names, or say its type in module_types, or what it has in module_templates", 1, 102 },
        { "[{\"op_names\": [\"conv3\"], \"target_names\": [\"weight\"], \"granularity\": \"in_channel\", \"align\": {\"module_name\": \"conv2\", \"target_name\": \"weight\", \"dims\": [0]}}, {\"op_names\": [\"conv2\"], "
          "\"sparse_ratio\": 0.5}]", "l1_norm", "align_shape",
          "conv3.weight (shape [8, 4, 3, 3]) has 4 channels on axis 1 for each of its 2 groups, and conv2.weight, which it follows, 8 for all of them: one mask cannot stand for every group; leave this target out, or let it follow with \"out_channel\" if each channel is a group", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"bias\"], \"target_settings\": {\"bias\": {\"align\": {\"dims\": [0]}}}}]", "l1_norm", "missing_key", "target_name", 1, 86 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"module_name\": \"zz\", \"target_name\": \"weight\", \"dims\": [0]}}}}]",
          "l1_norm", "align_source", "no such target", 1, 81 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}]",
          "l1_norm", "align_shape", "a.bias", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [5]}}}}]",
          "l1_norm", "align_dims", "2 dims", 1, 2 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"weight\": {\"op_names\": []}}}]", "l1_norm", "misplaced_key", "belongs to the entry", 1, 74 },
        { "[{\"op_names\": [\"a\", \"b\"], \"target_settings\": {\"weight\": {\"align\": {\"module_name\": \"b\", \"target_name\": \"weight\", \"dims\": [0]}}}},"
          " {\"op_names\": [\"b\"], \"sparse_ratio\": 0.5}]", "l1_norm", "align_cycle", "circle", 0, 0 },
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"bn\"], \"target_names\": [\"weight\"], \"align\": {\"module_name\": \"conv\","
          " \"target_name\": \"weight\", \"dims\": [1, 0]}}]", "l1_norm", "align_dims", "out of order", 1, 47 },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"c\"], \"target_names\": [\"weight\"], \"align\": {\"module_name\": \"a\","
          " \"target_name\": \"weight\", \"dims\": [0, 1]}, \"granularity\": [1, 1]}]", "l1_norm", "align_shape", "c.weight", 1, 44 },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int1\"}", NULL, "illegal_value", "int2 to int16", 1, 41 },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"float8\"}", NULL, "illegal_value", "int2 to int16", 1, 41 },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int17\"}", NULL, "illegal_value", "int2 to int16", 1, 41 },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_scheme\": \"afine\"}", NULL, "illegal_value", "affine", 1, 42 },
        { "{\"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int4\", \"ptq_config_list\": []}", NULL, "list_and_shorthand", "ptq_config_list as well", 1, 41 },
        { "{\"on_overlap\": \"both\"}", NULL, "illegal_value", "first", 1, 16 },
        { "{\"module_types\": [1]}", NULL, "wrong_type", "module_types", 1, 18 },
        { "{\"compression\": {}}", NULL, "unsupported", "compression", 1, 17 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"4:2\"}]", "level", "illegal_value", "for pruners \"2:4\"", 1, 37 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"2:\"}]", "level", "illegal_value", "for pruners \"2:4\"", 1, 37 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"2:5\"}]", "level", "granularity", "a.weight has 8 numbers in a row, which 5 does not divide", 1, 37 },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"2:4\", \"sparse_ratio\": 0.9}]", "level", "exclusive_keys", "2 of each 4 numbers go", 1, 37 },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"granularity\": \"2:4\"}]", "ptq", "illegal_value", "is for pruners; ptq is a quantizer", 1, 65 },
        { "{\"pack_sparse\": \"yes\"}", NULL, "wrong_type", "true or false", 1, 17 }
    };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        smash_err err;
        start();
        golden_model();
        err = run_config(rows[i].text, rows[i].algorithm);
        for (d = diags.first; d && d->severity != SMASH_ERROR; d = d->next) { }
        CHECK(err == SMASH_ERR_CONFIG || err == SMASH_ERR_SYNTAX, "%s: %s", rows[i].text, smash_err_name(err));
        CHECK(d && strcmp(d->code, rows[i].code) == 0, "%s: code %s, want %s: %s", rows[i].text, d ? d->code : "(none)", rows[i].code, d ? d->message : "");
        CHECK(d && strstr(d->message, rows[i].piece), "%s: message \"%s\" lacks \"%s\"", rows[i].text, d ? d->message : "", rows[i].piece);
        CHECK(d && (!rows[i].line || (d->line == rows[i].line && d->column == rows[i].column)), "%s: at %u:%u, want %u:%u", rows[i].text, d ? d->line : 0, d ? d->column : 0,
              rows[i].line, rows[i].column);
        CHECK(said_keys() == 0 || err == SMASH_ERR_CONFIG, "%s: the config changed", rows[i].text);
    }
}

/* Every rule of validation: what breaks it gets one error with this code, this sentence, this line and column. */
#define GRAINS "legal: default out_channel in_channel per_channel, block sizes such as [1, -1, -1, -1], [4, 4] or [[4], \"back\", -1], for quantizers also [[1, 32], \"partial\"], or for pruners \"2:4\""
static void test_validation(void)
{
    static const struct { const char *rule, *algorithm, *text, *code, *says; unsigned line, column; } rows[] = {
        { "a selecting key must be there", "level", "[{\"sparse_ratio\": 0.5}]", "missing_key",
          "this entry selects no modules; it needs op_names, op_names_re or op_types", 1, 2 },
        { "null is not there", "level", "[{\"op_names\": null, \"sparse_ratio\": 0.5}]", "missing_key",
          "this entry selects no modules; it needs op_names, op_names_re or op_types", 1, 2 },
        { "a list of texts", "level", "[{\"op_names\": \"weight\", \"sparse_ratio\": 0.5}]", "wrong_type",
          "\"op_names\" is \"weight\" (a string); it must be a list of module names, such as [\"weight\"]", 1, 15 },
        { "a list of texts", "level", "[{\"op_names\": [\"weight\", 3], \"sparse_ratio\": 0.5}]", "wrong_type",
          "element 2 of \"op_names\" is 3 (a number); it must be a string, since this is a list of module names", 1, 15 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"op_names_re\": \"weight\", \"sparse_ratio\": 0.5}]", "wrong_type",
          "\"op_names_re\" is \"weight\" (a string); it must be a list of regular expressions, such as [\"weight\"]", 1, 37 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"op_names_re\": [\"weight\", 3], \"sparse_ratio\": 0.5}]", "wrong_type",
          "element 2 of \"op_names_re\" is 3 (a number); it must be a string, since this is a list of regular expressions", 1, 37 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"op_types\": \"weight\", \"sparse_ratio\": 0.5}]", "wrong_type",
          "\"op_types\" is \"weight\" (a string); it must be a list of module types, such as [\"weight\"]", 1, 34 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"op_types\": [\"weight\", 3], \"sparse_ratio\": 0.5}]", "wrong_type",
          "element 2 of \"op_types\" is 3 (a number); it must be a string, since this is a list of module types", 1, 34 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"exclude_op_names\": \"weight\", \"sparse_ratio\": 0.5}]", "wrong_type",
          "\"exclude_op_names\" is \"weight\" (a string); it must be a list of module names, such as [\"weight\"]", 1, 42 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"exclude_op_names\": [\"weight\", 3], \"sparse_ratio\": 0.5}]", "wrong_type",
          "element 2 of \"exclude_op_names\" is 3 (a number); it must be a string, since this is a list of module names", 1, 42 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"exclude_op_names_re\": \"weight\", \"sparse_ratio\": 0.5}]", "wrong_type",
          "\"exclude_op_names_re\" is \"weight\" (a string); it must be a list of regular expressions, such as [\"weight\"]", 1, 45 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"exclude_op_names_re\": [\"weight\", 3], \"sparse_ratio\": 0.5}]", "wrong_type",
          "element 2 of \"exclude_op_names_re\" is 3 (a number); it must be a string, since this is a list of regular expressions", 1, 45 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"exclude_op_types\": \"weight\", \"sparse_ratio\": 0.5}]", "wrong_type",
          "\"exclude_op_types\" is \"weight\" (a string); it must be a list of module types, such as [\"weight\"]", 1, 42 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"exclude_op_types\": [\"weight\", 3], \"sparse_ratio\": 0.5}]", "wrong_type",
          "element 2 of \"exclude_op_types\" is 3 (a number); it must be a string, since this is a list of module types", 1, 42 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"target_names\": \"weight\", \"sparse_ratio\": 0.5}]", "wrong_type",
          "\"target_names\" is \"weight\" (a string); it must be a list of targets: weight, bias, _input_0, _output_0 ..., such as [\"weight\"]", 1, 38 },
        { "a list of texts", "level", "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\", 3], \"sparse_ratio\": 0.5}]", "wrong_type",
          "element 2 of \"target_names\" is 3 (a number); it must be a string, since this is a list of targets: weight, bias, _input_0, _output_0 ...", 1, 38 },
        { "a list of texts", "level", "[{\"op_names\": {\"a\": 1}, \"sparse_ratio\": 0.5}]", "wrong_type",
          "\"op_names\" is an object; it must be a list of module names", 1, 15 },
        { "unknown keys", "level", "[{\"op_names\": [\"a\"], \"sparse_ratioo\": 0.5}]", "unknown_key",
          "there is no key \"sparse_ratioo\"; did you mean \"sparse_ratio\"?", 1, 22 },
        { "unknown keys", "level", "[{\"op_names\": [\"a\"], \"xyzzy\": 0.5}]", "unknown_key",
          "there is no key \"xyzzy\"", 1, 22 },
        { "unknown keys", "level", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"sparse_ratioo\": 0.5}}}]", "unknown_key",
          "there is no key \"sparse_ratioo\"; did you mean \"sparse_ratio\"?", 1, 53 },
        { "unknown keys", "level", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"xyzzy\": 1}}}]", "unknown_key",
          "there is no key \"xyzzy\"", 1, 53 },
        { "unknown keys", "level", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"op_types\": [\"Linear\"]}}}]", "misplaced_key",
          "\"op_types\" belongs to the entry, not into target_settings", 1, 53 },
        { "unknown keys", "ptq", "[{\"op_names\": [\"a\"], \"target_settings\": {\"_output_\": {\"xyzzy\": 1}}}]", "unknown_key",
          "there is no key \"xyzzy\"", 1, 55 },
        { "settings are objects", "level", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": 0.5}}]", "wrong_type",
          "the settings of target \"weight\" must be an object", 1, 52 },
        { "settings are objects", "level", "[{\"op_names\": [\"a\"], \"target_settings\": [\"weight\"]}]", "wrong_type",
          "\"target_settings\" is a list; it must be an object {target: {key: value}}", 1, 41 },
        { "keys of another group", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"fuse_names\": [[\"a\", \"bn\"]]}]", "wrong_group",
          "\"fuse_names\" is a key of a quantizer; level is a pruner", 1, 43 },
        { "keys of another group", "level", "[{\"op_names\": [\"a\"], \"quant_dtype\": \"int8\"}]", "wrong_group",
          "\"quant_dtype\" is a key of a quantizer; level is a pruner", 1, 22 },
        { "keys of another group", "level", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"quant_scheme\": \"affine\"}}}]", "wrong_group",
          "\"quant_scheme\" is a key of a quantizer; level is a pruner", 1, 53 },
        { "keys of another group", "ptq", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}]", "wrong_group",
          "\"sparse_ratio\" is a key of a pruner; ptq is a quantizer", 1, 22 },
        { "keys of another group", "ptq", "[{\"op_names\": [\"a\"], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}]", "wrong_group",
          "\"align\" is a key of a pruner; ptq is a quantizer", 1, 22 },
        { "sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": \"0.5\"}]", "wrong_type",
          "\"sparse_ratio\" is \"0.5\" (a string); it must be a number from 0 to 1", 1, 38 },
        { "sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": true}]", "wrong_type",
          "\"sparse_ratio\" is true (a boolean); it must be a number from 0 to 1", 1, 38 },
        { "sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": [0.5]}]", "wrong_type",
          "\"sparse_ratio\" is a list; it must be a number from 0 to 1", 1, 38 },
        { "sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": {}}]", "wrong_type",
          "\"sparse_ratio\" is an object; it must be a number from 0 to 1", 1, 38 },
        { "sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 1.5}]", "out_of_range",
          "\"sparse_ratio\" is 1.5 (a number); it must be a number from 0 to 1", 1, 38 },
        { "sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": -0.5}]", "out_of_range",
          "\"sparse_ratio\" is -0.5 (a number); it must be a number from 0 to 1", 1, 38 },
        { "sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 1e999}]", "out_of_range",
          "\"sparse_ratio\" is 1e999 (a number); it must be a number from 0 to 1", 1, 38 },
        { "sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 1.0000000000000002}]", "out_of_range",
          "\"sparse_ratio\" is 1.0000000000000002 (a number); it must be a number from 0 to 1", 1, 38 },
        { "sparse_ratio, of a target", "level", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"sparse_ratio\": 7}}}]", "out_of_range",
          "\"sparse_ratio\" is 7 (a number); it must be a number from 0 to 1", 1, 69 },
        { "sparse_threshold", "level", "[{\"op_names\": [\"a\"], \"sparse_threshold\": \"0.5\"}]", "wrong_type",
          "\"sparse_threshold\" is \"0.5\" (a string); it must be a number", 1, 42 },
        { "sparse_threshold", "level", "[{\"op_names\": [\"a\"], \"sparse_threshold\": false}]", "wrong_type",
          "\"sparse_threshold\" is false (a boolean); it must be a number", 1, 42 },
        { "sparse_threshold", "level", "[{\"op_names\": [\"a\"], \"sparse_threshold\": []}]", "wrong_type",
          "\"sparse_threshold\" is a list; it must be a number", 1, 42 },
        { "sparse_threshold", "level", "[{\"op_names\": [\"a\"], \"sparse_threshold\": 1e999}]", "out_of_range",
          "\"sparse_threshold\" is 1e999 (a number); it must be a number", 1, 42 },
        { "sparse_threshold", "level", "[{\"op_names\": [\"a\"], \"sparse_threshold\": -1e999}]", "out_of_range",
          "\"sparse_threshold\" is -1e999 (a number); it must be a number", 1, 42 },
        { "mutually exclusive", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"sparse_threshold\": 0.1}]", "exclusive_keys",
          "sparse_ratio and sparse_threshold exclude each other; remove one of them", 1, 63 },
        { "mutually exclusive, of a target", "level", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"sparse_threshold\": 0.5, \"sparse_ratio\": 0.1}}}]", "exclusive_keys",
          "sparse_ratio and sparse_threshold exclude each other; remove one of them", 1, 73 },
        { "max_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 0}]", "out_of_range",
          "\"max_sparse_ratio\" is 0 (a number); it must be a number above 0, up to 1", 1, 63 },
        { "max_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": -0.0}]", "out_of_range",
          "\"max_sparse_ratio\" is -0.0 (a number); it must be a number above 0, up to 1", 1, 63 },
        { "max_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 1.01}]", "out_of_range",
          "\"max_sparse_ratio\" is 1.01 (a number); it must be a number above 0, up to 1", 1, 63 },
        { "max_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": -1}]", "out_of_range",
          "\"max_sparse_ratio\" is -1 (a number); it must be a number above 0, up to 1", 1, 63 },
        { "max_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": \"1\"}]", "wrong_type",
          "\"max_sparse_ratio\" is \"1\" (a string); it must be a number above 0, up to 1", 1, 63 },
        { "max_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": true}]", "wrong_type",
          "\"max_sparse_ratio\" is true (a boolean); it must be a number above 0, up to 1", 1, 63 },
        { "min_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"min_sparse_ratio\": 1}]", "out_of_range",
          "\"min_sparse_ratio\" is 1 (a number); it must be a number from 0 up to, but not, 1", 1, 63 },
        { "min_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"min_sparse_ratio\": -0.01}]", "out_of_range",
          "\"min_sparse_ratio\" is -0.01 (a number); it must be a number from 0 up to, but not, 1", 1, 63 },
        { "min_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"min_sparse_ratio\": 2}]", "out_of_range",
          "\"min_sparse_ratio\" is 2 (a number); it must be a number from 0 up to, but not, 1", 1, 63 },
        { "min_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"min_sparse_ratio\": \"0\"}]", "wrong_type",
          "\"min_sparse_ratio\" is \"0\" (a string); it must be a number from 0 up to, but not, 1", 1, 63 },
        { "min_sparse_ratio", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"min_sparse_ratio\": [0]}]", "wrong_type",
          "\"min_sparse_ratio\" is a list; it must be a number from 0 up to, but not, 1", 1, 63 },
        { "global_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"global_group_id\": 1.5}]", "wrong_type",
          "\"global_group_id\" is 1.5 (a number); it must be a name or a whole number", 1, 62 },
        { "global_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"global_group_id\": true}]", "wrong_type",
          "\"global_group_id\" is true (a boolean); it must be a name or a whole number", 1, 62 },
        { "global_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"global_group_id\": [\"g\"]}]", "wrong_type",
          "\"global_group_id\" is a list; it must be a name or a whole number", 1, 62 },
        { "global_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"global_group_id\": {}}]", "wrong_type",
          "\"global_group_id\" is an object; it must be a name or a whole number", 1, 62 },
        { "global_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"global_group_id\": 1e999}]", "wrong_type",
          "\"global_group_id\" is 1e999 (a number); it must be a name or a whole number", 1, 62 },
        { "dependency_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": 1.5}]", "wrong_type",
          "\"dependency_group_id\" is 1.5 (a number); it must be a name or a whole number", 1, 66 },
        { "dependency_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": true}]", "wrong_type",
          "\"dependency_group_id\" is true (a boolean); it must be a name or a whole number", 1, 66 },
        { "dependency_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": [\"g\"]}]", "wrong_type",
          "\"dependency_group_id\" is a list; it must be a name or a whole number", 1, 66 },
        { "dependency_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": {}}]", "wrong_type",
          "\"dependency_group_id\" is an object; it must be a name or a whole number", 1, 66 },
        { "dependency_group_id", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": 1e999}]", "wrong_type",
          "\"dependency_group_id\" is 1e999 (a number); it must be a name or a whole number", 1, 66 },
        { "internal_metric_block", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 0}]", "out_of_range",
          "\"internal_metric_block\" is 0 (a number); it must be a whole number from 1 on", 1, 68 },
        { "internal_metric_block", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": -1}]", "out_of_range",
          "\"internal_metric_block\" is -1 (a number); it must be a whole number from 1 on", 1, 68 },
        { "internal_metric_block", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 2.5}]", "illegal_value",
          "\"internal_metric_block\" is 2.5 (a number); legal: a whole number from 1 on", 1, 68 },
        { "internal_metric_block", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": \"2\"}]", "wrong_type",
          "\"internal_metric_block\" is \"2\" (a string); it must be a whole number from 1 on", 1, 68 },
        { "internal_metric_block", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": true}]", "wrong_type",
          "\"internal_metric_block\" is true (a boolean); it must be a whole number from 1 on", 1, 68 },
        { "internal_metric_block", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 2147483648}]", "out_of_range",
          "\"internal_metric_block\" is 2147483648 (a number); it must be a whole number from 1 on, and no more than 2147483647", 1, 68 },
        { "sparse_rounding", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"sparse_rounding\": \"neerest\"}]", "illegal_value",
          "\"sparse_rounding\" is \"neerest\" (a string); legal: truncate nearest; did you mean \"nearest\"?", 1, 62 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": \"out_chanel\"}]", "illegal_value",
          "\"granularity\" is \"out_chanel\" (a string); " GRAINS "; did you mean \"out_channel\"?", 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": \"row\"}]", "illegal_value",
          "\"granularity\" is \"row\" (a string); " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": 1}]", "illegal_value",
          "\"granularity\" is 1 (a number); " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": true}]", "illegal_value",
          "\"granularity\" is true (a boolean); " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": {}}]", "illegal_value",
          "\"granularity\" is an object; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": []}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [\"1\"]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [0]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [-2]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [1.5]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [[2], \"middle\"]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [[2], \"back\", 0]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [[2], \"back\", 1, 1]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [2147483648]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS "; a size is at most 2147483647", 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": \"0:4\"}]", "illegal_value",
          "\"granularity\" is \"0:4\" (a string); " GRAINS, 1, 58 },
        { "granularity", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": \"4:4\"}]", "illegal_value",
          "\"granularity\" is \"4:4\" (a string); " GRAINS, 1, 58 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": \"weight\"}}}]", "wrong_type",
          "\"align\" is \"weight\" (a string); it must be an object {\"module_name\": name or null, \"target_name\": \"weight\", \"dims\": [0]}", 1, 81 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": [\"weight\"]}}}]", "wrong_type",
          "\"align\" is a list; it must be an object {\"module_name\": name or null, \"target_name\": \"weight\", \"dims\": [0]}", 1, 81 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": true}}}]", "wrong_type",
          "\"align\" is true (a boolean); it must be an object {\"module_name\": name or null, \"target_name\": \"weight\", \"dims\": [0]}", 1, 81 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {}}}}]", "missing_key",
          "\"align\" needs \"target_name\": the target whose mask it follows", 1, 81 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"dims\": [0]}}}}]", "missing_key",
          "\"align\" needs \"target_name\": the target whose mask it follows", 1, 81 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\"}}}}]", "missing_key",
          "\"align\" needs \"dims\": the dims of that target that it follows, such as [0]", 1, 81 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": 3, \"dims\": [0]}}}}]", "wrong_type",
          "\"target_name\" of \"align\" is the name of a target, such as \"weight\"", 1, 97 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": null, \"dims\": [0]}}}}]", "wrong_type",
          "\"target_name\" of \"align\" is the name of a target, such as \"weight\"", 1, 97 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": 0}}}}]", "wrong_type",
          "\"dims\" of \"align\" is a list of dims, such as [0]", 1, 115 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": []}}}}]", "align_shape",
          "a.bias has 6 blocks of its granularity (shape [6]), but the dims of a.weight it follows have shape []; other dims or another granularity make them equal", 1, 2 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0.5]}}}}]", "wrong_type",
          "\"dims\" of \"align\" is a list of dims, such as [0]", 1, 115 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [\"0\"]}}}}]", "wrong_type",
          "\"dims\" of \"align\" is a list of dims, such as [0]", 1, 115 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"module_name\": 3, \"target_name\": \"weight\", \"dims\": [0]}}}}]", "wrong_type",
          "\"module_name\" of \"align\" is the name of a module, or null for this one", 1, 97 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"module_name\": \"a\", \"target_name\": \"weight\", \"dim\": [0]}}}}]", "unknown_key",
          "\"align\" has no key \"dim\"; did you mean \"dims\"?; it has module_name, target_name and dims", 1, 127 },
        { "align", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0], \"modulename\": \"a\"}}}}]", "unknown_key",
          "\"align\" has no key \"modulename\"; did you mean \"module_name\"?; it has module_name, target_name and dims", 1, 120 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": 8}]", "wrong_type",
          "\"quant_dtype\" is 8 (a number); it must be int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": true}]", "wrong_type",
          "\"quant_dtype\" is true (a boolean); it must be int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": [\"int8\"]}]", "wrong_type",
          "\"quant_dtype\" is a list; it must be int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": \"int1\"}]", "illegal_value",
          "\"quant_dtype\" is \"int1\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2; int1 has no number above 0, uint1 has 0 and 1", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": \"int17\"}]", "illegal_value",
          "\"quant_dtype\" is \"int17\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": \"uint0\"}]", "illegal_value",
          "\"quant_dtype\" is \"uint0\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": \"float8\"}]", "illegal_value",
          "\"quant_dtype\" is \"float8\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": \"int\"}]", "illegal_value",
          "\"quant_dtype\" is \"int\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": \"8\"}]", "illegal_value",
          "\"quant_dtype\" is \"8\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype", "ptq", "[{\"op_names\": [\"a\"], \"quant_dtype\": \"\"}]", "illegal_value",
          "\"quant_dtype\" is \"\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 37 },
        { "quant_dtype, of a target", "ptq", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"quant_dtype\": \"int0\"}}}]", "illegal_value",
          "\"quant_dtype\" is \"int0\" (a string); legal: int2 to int16, uint1 to uint16, float16, bfloat16, float8_e4m3fn or float8_e5m2", 1, 68 },
        { "quant_scheme", "ptq", "[{\"op_names\": [\"a\"], \"quant_scheme\": \"afine\"}]", "illegal_value",
          "\"quant_scheme\" is \"afine\" (a string); legal: symmetric affine; did you mean \"affine\"?", 1, 38 },
        { "quant_scheme", "ptq", "[{\"op_names\": [\"a\"], \"quant_scheme\": 1}]", "illegal_value",
          "\"quant_scheme\" is 1 (a number); legal: symmetric affine", 1, 38 },
        { "quant_scheme", "ptq", "[{\"op_names\": [\"a\"], \"quant_scheme\": true}]", "illegal_value",
          "\"quant_scheme\" is true (a boolean); legal: symmetric affine", 1, 38 },
        { "quant_scheme", "ptq", "[{\"op_names\": [\"a\"], \"quant_scheme\": [\"affine\"]}]", "illegal_value",
          "\"quant_scheme\" is a list; legal: symmetric affine", 1, 38 },
        { "quant_range", "ptq", "[{\"op_names\": [\"a\"], \"quant_range\": \"ful\"}]", "illegal_value",
          "\"quant_range\" is \"ful\" (a string); legal: narrow full; did you mean \"full\"?", 1, 37 },
        { "quant_rounding", "ptq", "[{\"op_names\": [\"a\"], \"quant_rounding\": \"half_up\"}]", "illegal_value",
          "\"quant_rounding\" is \"half_up\" (a string); legal: half_even half_away", 1, 40 },
        { "quant_rounding, of a pruner", "level", "[{\"op_names\": [\"a\"], \"target_settings\": {\"weight\": {\"quant_rounding\": \"half_away\"}}}]", "wrong_group",
          "\"quant_rounding\" is a key of a quantizer; level is a pruner", 1, 53 },
        { "granularity of a quantizer", "ptq", "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"granularity\": \"per_chanel\"}]", "illegal_value",
          "\"granularity\" is \"per_chanel\" (a string); " GRAINS "; did you mean \"per_channel\"?", 1, 65 },
        { "granularity of a quantizer", "ptq", "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"granularity\": [0, 1]}]", "illegal_value",
          "\"granularity\" is a list; " GRAINS, 1, 65 },
        { "granularity of a quantizer", "ptq", "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"granularity\": \"2:4\"}]", "illegal_value",
          "granularity \"2:4\" is for pruners; ptq is a quantizer", 1, 65 },
        { "distillation", "level", "[{\"op_names\": [\"a\"], \"lambda\": 0.5}]", "wrong_group",
          "\"lambda\" is a key of a distiller; level is a pruner", 1, 22 },
        { "distillation", "level", "[{\"op_names\": [\"a\"], \"lambda\": 1}]", "wrong_group",
          "\"lambda\" is a key of a distiller; level is a pruner", 1, 22 },
        { "distillation", "level", "[{\"op_names\": [\"a\"], \"link\": \"a\"}]", "wrong_group",
          "\"link\" is a key of a distiller; level is a pruner", 1, 22 },
        { "distillation", "level", "[{\"op_names\": [\"a\"], \"link\": [\"a\"]}]", "wrong_group",
          "\"link\" is a key of a distiller; level is a pruner", 1, 22 },
        { "distillation", NULL, "{\"distiller\": \"dynamic_layerwize\"}", "unknown_algorithm",
          "there is no distiller \"dynamic_layerwize\"; legal: dynamic_layerwise, adaptive_1d_layerwise; did you mean \"dynamic_layerwise\"?", 1, 15 },
        { "an entry is an object", "level", "[7]", "wrong_type",
          "an entry of a config_list is an object; this is 7 (a number)", 1, 2 },
        { "an entry is an object", "level", "[[\"a\"]]", "wrong_type",
          "an entry of a config_list is an object; this is a list", 1, 2 },
        { "a list is a list", NULL, "{\"pruner\": \"level\", \"level_config_list\": {\"op_names\": [\"a\"]}}", "wrong_type",
          "\"level_config_list\" is an object; it must be a list of objects", 1, 42 },
        { "class is not registered", NULL, "{\"pruner\": \"level\", \"module_types\": {\"a\": \"Mine\"}, \"level_config_list\": [{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}]}", "no_targets",
          "module \"a\" is a Mine, of which level knows no targets; name them in target_names, or say its type in module_types, or what it has in module_templates", 1, 74 },
        { "unknown target", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_names\": [\"wieght\"]}]", "unknown_target",
          "module \"a\" has no target \"wieght\"; did you mean \"weight\"?", 1, 2 },
        { "blocks must divide", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [4, 3]}]", "granularity",
          "block size 4 does not divide dim 0 of \"a.weight\", which is 6; sizes that do: 1, 2, 3, 6, or -1 for all of it", 1, 58 },
        { "rank below the blocks", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [1, 1, 1]}]", "granularity",
          "the block has 3 sizes but \"a.weight\" has only 2 dims", 1, 58 },
        { "in_channel of a vector", "level", "[{\"op_names\": [\"bn\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\"}]", "granularity",
          "\"bn.weight\" has 1 dim, so there is no axis 1 to take channels from", 1, 59 },
        { "per_channel of a weight", "fpgm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": \"per_channel\"}]", "illegal_value",
          "granularity \"per_channel\" is for inputs and outputs; for weight use \"out_channel\" or \"in_channel\"", 1, 58 },
        { "group, other ratios", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.3, \"global_group_id\": \"g\"}, {\"op_names\": [\"b\"], \"sparse_ratio\": 0.5, \"global_group_id\": \"g\"}]", "group_ratio",
          "a.weight and b.weight are in one group and ask for different things; give them the same sparse_ratio or sparse_threshold", 1, 128 },
        { "group, other ratios", "l1_norm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.3, \"dependency_group_id\": \"g\"}, {\"op_names\": [\"b\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": \"g\"}]", "group_ratio",
          "a.weight and b.weight are in one group and ask for different things; give them the same sparse_ratio or sparse_threshold", 1, 136 },
        { "group, other shapes", "l1_norm", "[{\"op_names\": [\"a\", \"c\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": \"g\"}]", "group_shape",
          "a.weight has 6 blocks of its granularity and c.weight has 4; targets that lose the same positions need the same number of them", 1, 71 },
        { "group, a member asks for nothing", "l1_norm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"global_group_id\": \"g\"}, {\"op_names\": [\"b\"], \"global_group_id\": \"g\"}]", "nothing_asked",
          "nothing is asked of b.weight: give it sparse_ratio, sparse_threshold or align", 1, 68 },
        { "parts do not divide", "l1_norm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 5}]", "internal_metric_block",
          "6 blocks of \"a.weight\" cannot be cut into 5 equal parts", 1, 68 },
        { "no ratio at all", "l1_norm", "[{\"op_names\": [\"a\"]}]", "nothing_asked",
          "nothing is asked of a.weight: give it sparse_ratio, sparse_threshold or align", 1, 2 },
        { "align to what has no mask", "l1_norm", "[{\"op_names\": [\"a\"], \"target_names\": [\"bias\"]}]", "align_source",
          "a.bias follows weight of \"a\", which gets no mask; name it in an entry, with a sparse_ratio or an align of its own", 1, 2 },
        { "align to what there is not", "l1_norm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"module_name\": \"zz\", \"target_name\": \"weight\", \"dims\": [0]}}}}]", "align_source",
          "a.bias follows weight of \"zz\", but the model has no such target", 1, 81 },
        { "align, dims", "l1_norm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [2]}}}}]", "align_dims",
          "a.bias follows a.weight: dim 2 does not exist: \"a.weight\" has 2 dims", 1, 2 },
        { "align, shape", "l1_norm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}]", "align_shape",
          "a.bias has 6 blocks of its granularity (shape [6]), but the dims of a.weight it follows have shape [8]; other dims or another granularity make them equal", 1, 2 },
        { "recorded error", "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 1.2}]", "out_of_range",
          "\"sparse_ratio\" is 1.2 (a number); it must be a number from 0 to 1", 1, 38 },
        { "recorded error", "fpgm", "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": [5]}]", "granularity",
          "block size 5 does not divide dim 3 of \"conv.weight\", which is 2; sizes that do: 1, 2, or -1 for all of it", 1, 61 },
        { "recorded error", "fpgm", "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": [3]}]", "granularity",
          "block size 3 does not divide dim 3 of \"conv.weight\", which is 2; sizes that do: 1, 2, or -1 for all of it", 1, 61 },
        { "recorded error", "fpgm", "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": [1, 1, 1, 1, 1]}]", "granularity",
          "the block has 5 sizes but \"conv.weight\" has only 4 dims", 1, 61 },
        { "recorded error", "fpgm", "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": \"per_channel\"}]", "illegal_value",
          "granularity \"per_channel\" is for inputs and outputs; for weight use \"out_channel\" or \"in_channel\"", 1, 61 },
    };
    /* What the recordings refuse, though it is documented or plain: null is unset, whole numbers are numbers, a target's own setting wins, align means its own module, int8 is the default */
    static const struct { const char *algorithm, *text; } good[] = {
        { "level", "[{\"op_names\": [], \"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]" },
        { "level", "[{\"op_names\": [], \"sparse_ratio\": 0.5}]" },
        { "level", "[{\"op_names\": [\"a\"], \"op_types\": null, \"target_names\": [], \"exclude_op_types\": null, \"sparse_ratio\": 0}]" },
        { "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 1, \"max_sparse_ratio\": null, \"min_sparse_ratio\": null, \"sparse_threshold\": null, \"global_group_id\": null, \"dependency_group_id\": null,"
                  " \"internal_metric_block\": null, \"granularity\": null, \"align\": null, \"apply_method\": null}]" },
        { "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 1, \"min_sparse_ratio\": 0}]" },
        { "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"max_sparse_ratio\": 5e-324, \"min_sparse_ratio\": 0.9999999999999999}]" },
        { "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"weight\": {\"sparse_ratio\": 0.25}}}]" },
        { "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"weight\": {\"sparse_threshold\": 0.25}}}]" },
        { "level", "[{\"op_names\": [\"a\"], \"sparse_threshold\": -1}]" },
        { "level", "[{\"op_names\": [\"a\", \"b\"], \"sparse_ratio\": 0.5, \"global_group_id\": -3}]" },
        { "l1_norm", "[{\"op_names\": [\"a\", \"b\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": \"\", \"internal_metric_block\": 3.0}]" },
        { "l1_norm", "[{\"op_names\": [\"a\", \"b\"], \"sparse_threshold\": 0.5, \"dependency_group_id\": 1}]" },
        { "l1_norm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [-2]}}}}]" },
        { "l1_norm", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {\"align\": {\"module_name\": null, \"target_name\": \"weight\", \"dims\": [0]}}}}]" },
        { "fpgm", "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": [[1], \"back\", -1]}]" },
        { "level", "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [[2]]}]" },
        { "ptq", "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"]}]" },
        { "ptq", "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"quant_dtype\": null, \"quant_scheme\": null, \"granularity\": null, \"fuse_names\": null}]" },
        { "ptq", "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"uint16\", \"target_settings\": {\"weight\": {\"quant_scheme\": \"affine\"}}}]" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        smash_err err;
        start();
        golden_model();
        err = run_config(rows[i].text, rows[i].algorithm);
        for (d = diags.first; d && d->severity != SMASH_ERROR; d = d->next) { }
        CHECK(err == SMASH_ERR_CONFIG && d && diags.errors >= 1 && diags.errors <= 2, "%s: %s: %s, %zu errors", rows[i].rule, rows[i].text, smash_err_name(err), diags.errors);
        if (!d) continue;
        CHECK(strcmp(d->code, rows[i].code) == 0 && strcmp(d->message, rows[i].says) == 0, "%s: %s: %s: %s, want %s: %s", rows[i].rule, rows[i].text, d->code, d->message, rows[i].code, rows[i].says);
        CHECK(d->line == rows[i].line && d->column == rows[i].column, "%s: %s: at %u:%u, want %u:%u", rows[i].rule, rows[i].text, d->line, d->column, rows[i].line, rows[i].column);
    }
    for (i = 0; i < COUNT_OF(good); i++) {
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(good[i].text, good[i].algorithm), SMASH_OK, "%s: %s", good[i].text, first_message());
        CHECK(diags.errors == 0, "%s: %s", good[i].text, first_message());
    }
}
#undef GRAINS

/* All mistakes at once: one run reports every one of them. */
static void test_all_at_once(void)
{
    static const char text[] = "{\n \"pruner\": \"l1_norm\",\n \"l1_norm_config_list\": [\n  {\"op_types\": [\"Linear\"], \"sparse_ratio\": 2},\n"
                               "  {\"op_name\": [\"a\"], \"granularity\": \"x\"},\n  {\"op_names_re\": [\"[\"], \"sparse_ratio\": 0.1}\n ],\n \"quantiser\": \"ptq\"\n}";
    start();
    golden_model();
    CHECK_ERR(&ctx, run_config(text, NULL), SMASH_ERR_CONFIG, "five mistakes");
    CHECK(diags.errors == 6, "%zu errors", diags.errors);
    CHECK(has_code("out_of_range") && has_code("unknown_key") && has_code("illegal_value") && has_code("missing_key") && has_code("bad_pattern"), "not all kinds");
}

/* Shorthands from a file and from the command line: each mistake is where its own key is, whatever came after it. */
static void test_two_sources(void)
{
    static const struct { const char *file, *more[2], *code; unsigned line, column; } rows[] = {
        { "{\"pruner\": \"level\",\n \"level_granularity\": [5, 5],\n \"level_include\": [\"a\"]}", { "level_sparse_ratio=0.5", NULL }, "granularity", 2, 23 },
        { "{\"pruner\": \"level\",\n \"level_sparse_ratio\": 0.5,\n \"level_include\": [\"a\"]}", { "level_granularity=[5, 5]", NULL }, "granularity", 0, 0 },
        { "{\"pruner\": \"level\",\n \"level_internal_metric_block\": 5}", { "level_sparse_ratio=0.5", "level_max_sparse_ratio=0.9" }, "internal_metric_block", 2, 33 },
        { "{\"pruner\": \"level\",\n \"level_sparse_threshold\": 5}", { "level_sparse_ratio=0.5", "level_granularity=out_channel" }, "exclusive_keys", 2, 28 },
        { "{\"pruner\": \"level\",\n \"level_sparse_ratio\": 5e-1}", { "level_sparse_threshold=0.5", NULL }, "exclusive_keys", 0, 0 },
        { "{\"pruner\": \"level\",\n \"level_include\": [\"a\"]}", { "level_max_sparse_ratio=0.5", NULL }, "nothing_asked", 1, 12 },
        { "{\"pruner\": \"l1_norm\",\n \"l1_norm_dependency_group_id\": \"d\",\n \"l1_norm_include\": [\"a\", \"c\"]}", { "l1_norm_sparse_ratio=0.5", "l1_norm_granularity=out_channel" }, "group_shape", 2, 33 },
        { "{\"pruner\": \"l1_norm\",\n \"l1_norm_align\": {\"module_name\": \"b\", \"target_name\": \"none\", \"dims\": [0]}}", { "l1_norm_granularity=out_channel", NULL }, "align_source", 2, 19 } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        smash_err err;
        start();
        golden_model();
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, rows[i].file, strlen(rows[i].file), "c.json", NULL), SMASH_OK, "%s: %s", rows[i].file, first_message());
        for (k = 0; k < 2 && rows[i].more[k]; k++) CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, rows[i].more[k]), SMASH_OK, "%s", rows[i].more[k]);
        err = smash_config_resolve(&ctx, &config, &model, &plan);
        for (d = diags.first; d && d->severity != SMASH_ERROR; d = d->next) { }
        CHECK(err == SMASH_ERR_CONFIG && d && strcmp(d->code, rows[i].code) == 0, "row %zu: %s: %s", i, smash_err_name(err), first_message());
        CHECK(d && d->line == rows[i].line && d->column == rows[i].column, "row %zu: at %u:%u, want %u:%u: %s", i, d ? d->line : 0, d ? d->column : 0, rows[i].line, rows[i].column, d ? d->message : "");
    }
}

/* Good configs: how many rows, how many warnings of which kind. */
static void test_good(void)
{
    static const struct { const char *text, *algorithm; unsigned rows, warnings; const char *code; } rows[] = {
        { "{}", NULL, 0, 1, "nothing_to_do" },
        { "{\"pruner\": null}", NULL, 0, 1, "nothing_to_do" },
        { "[]", "l1_norm", 0, 1, "selects_nothing" },
        { "{\"quantizer\": \"ptq\", \"ptq_config_list\": []}", NULL, 0, 1, "selects_nothing" },
        { "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.5}", NULL, 15, 0, NULL },
        { "{\"quantizer\": \"ptq\"}", NULL, 32, 0, NULL },
        { "[{'op_names': ['a'], 'sparse_ratio': 0.5, 'max_sparse_ratio': None,},]  # seed style", "level", 2, 8, "json_python_literal" },
        { "[{\"op_names\": [\"a\", \"nope\"], \"sparse_ratio\": 0.5}]", "level", 2, 1, "unknown_module" },
        { "[{\"op_types\": [\"Conv9d\"], \"sparse_ratio\": 0.5}]", "level", 0, 2, "unknown_type" },
        { "[{\"op_names_re\": [\"conv\"], \"exclude_op_names\": [\"conv2\"], \"sparse_ratio\": 0.5}]", "level", 4, 0, NULL },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}, {\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.2}]", "level", 7, 1, "later_entry_ignored" },
        { "{\"pruner\":\"level\",\"on_overlap\":\"last\",\"level_config_list\":[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}, {\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.2}]}",
          NULL, 7, 1, "earlier_entry_replaced" },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"bias\": {}}}]", "level", 1, 1, "unused_settings" },
        { "[{\"op_names\": [\"a\"], \"exclude_op_names\": [\"conv9\"], \"target_names\": [\"weight\"], \"sparse_ratio\": 0.5}]", "level", 1, 1, "unknown_module" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"level_include\": [\"a\", \"fc1\"]}", NULL, 2, 1, "unknown_module" },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"level_global_group_id\": \"all\"}", NULL, 16, 0, NULL },
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"level_global_group_id\": \"all\", \"level_internal_metric_block\": 2}", NULL, 16, 1, "no_effect" },
        { "[{\"op_names\": [\"a\", \"b\"], \"sparse_threshold\": 0.5, \"global_group_id\": \"g\"}]", "level", 4, 0, NULL },
        { "[{\"op_names\": [\"a\", \"b\"], \"sparse_ratio\": 0.1}]", "l1_norm", 4, 1, "ratio_too_small" },
        { "[{\"op_names\": [\"a\", \"b\"], \"sparse_ratio\": 0.1, \"sparse_rounding\": \"nearest\"}]", "l1_norm", 4, 0, NULL }, { "[{\"op_names\": [\"a\", \"b\"], \"sparse_ratio\": 0.05, \"sparse_rounding\": \"nearest\"}]", "l1_norm", 4, 1, "ratio_too_small" },
        { "[{\"op_names\": [\"conv2\", \"conv3\"], \"sparse_ratio\": 0.75, \"dependency_group_id\": 1, \"internal_metric_block\": 4, \"sparse_rounding\": \"nearest\"}]", "l1_norm", 4, 0, NULL },
        { "[{\"op_names\": [\"a\", \"b\"], \"sparse_ratio\": 0.5, \"global_group_id\": 1, \"sparse_rounding\": \"nearest\"}]", "l1_norm", 4, 1, "no_effect" }, { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.1, \"min_sparse_ratio\": 0.2}]", "l1_norm", 2, 0, NULL },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.3, \"internal_metric_block\": 2}]", "l1_norm", 2, 1, "ratio_too_small" }, { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0}]", "l1_norm", 2, 0, NULL },
        { "[{\"op_names\": [\"a\"], \"granularity\": \"2:4\"}]", "level", 2, 0, NULL }, { "[{\"op_names\": [\"b\"], \"granularity\": \"1:3\", \"sparse_ratio\": 0.7}]", "l1_norm", 2, 0, NULL },
        { "{\"pruner\": \"level\", \"level_granularity\": \"1:2\", \"level_include\": [\"a\", \"b\", \"c\"]}", NULL, 6, 0, NULL },
        { "[{\"op_names\": [\"a\", \"b\"], \"sparse_threshold\": 2.5, \"dependency_group_id\": 7, \"internal_metric_block\": 3}]", "l2_norm", 4, 0, NULL },
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"bn\"], \"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [0]}}]", "l1_norm", 4, 0, NULL },
        { "[{\"op_names\": [\"nb\"], \"target_names\": [\"weight\", \"bias\"], \"sparse_ratio\": 0.5}]", "level", 2, 0, NULL },
        { "[{\"op_names\": [\"conv\", \"bn\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"weight\": {\"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [0]}}}}]", "l1_norm", 4, 2, "no_effect" },
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"weight\": {\"align\": null}, \"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", "l1_norm", 2, 0, NULL },
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"bn\"], \"target_settings\": {\"weight\": {\"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [0]}, \"sparse_threshold\": 0.1}}}]", "l1_norm", 4, 1, "no_effect" },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"apply_value\": 3}]", "level", 2, 1, "no_effect" }, { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5, \"level_apply_method\": \"add\"}", NULL, 16, 0, NULL },
        { "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"weight\": {\"apply_method\": \"add\", \"apply_value\": 3}}}]", "level", 2, 0, NULL },
        { "{\"module_types\": {\"zzz\": \"Linear\"}, \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"a\"], \"target_names\": [\"weight\"]}]}", NULL, 1, 1, "unknown_module" },
        { "[{\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"quant_dtype\": \"uint4\", \"quant_scheme\": \"affine\", \"granularity\": \"per_channel\"}]", "ptq", 1, 0, NULL }
    };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(rows[i].text, rows[i].algorithm), SMASH_OK, "%s: %s", rows[i].text, first_message());
        CHECK(plan.count == rows[i].rows, "%s: %zu rows, want %u", rows[i].text, plan.count, rows[i].rows);
        CHECK(diags.warnings == rows[i].warnings && diags.errors == 0, "%s: %zu warnings, want %u: %s", rows[i].text, diags.warnings, rows[i].warnings, first_message());
        CHECK(!rows[i].code || has_code(rows[i].code), "%s: no warning %s", rows[i].text, rows[i].code);
    }
}

/* Lists in the spelling of NNI v2 say what lists of today say, whatever they are for; each old key warns. */
static void test_old_lists(void)
{
    static const struct { const char *old, *modern; unsigned warnings; } rows[] = {
        { "[{\"op_types\": [\"Linear\"], \"sparsity\": 0.5}]",
          "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]", 1 },
        { "[{\"op_types\": [\"Linear\"], \"sparsity_per_layer\": 0.5, \"total_sparsity\": null, \"exclude\": false}]",
          "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]", 2 },
        { "[{\"op_types\": [\"Linear\", \"Conv2d\"], \"total_sparsity\": 0.4, \"max_sparsity_per_layer\": 0.6}]",
          "[{\"op_types\": [\"Linear\", \"Conv2d\"], \"sparse_ratio\": 0.4, \"max_sparse_ratio\": 0.6, \"global_group_id\": \"total_sparsity of entry 1\"}]", 2 },
        { "[{\"op_types\": [\"Linear\"], \"total_sparsity\": 0.4}, {\"op_types\": [\"Conv2d\"], \"total_sparsity\": 0.4}, {\"op_names\": [\"bn\"], \"sparse_ratio\": 0.4, \"global_group_id\": \"total_sparsity of entry 2\"}]",
          "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.4, \"global_group_id\": \"total_sparsity of entry 1\"}, {\"op_types\": [\"Conv2d\"], \"sparse_ratio\": 0.4, \"global_group_id\": \"total_sparsity of entry 3\"}, {\"op_names\": [\"bn\"], \"sparse_ratio\": 0.4, \"global_group_id\": \"total_sparsity of entry 2\"}]", 2 },
        { "[{\"op_partial_names\": [\"onv\", \"c.\"], \"op_types\": [\"Conv2d\"], \"sparsity\": 0.5}]",
          "[{\"op_names\": [\"conv\", \"conv2\", \"conv3\"], \"op_types\": [\"Conv2d\"], \"sparse_ratio\": 0.5}]", 2 },
        { "[{\"op_partial_names\": [\"nv2\"], \"op_names_re\": [\"a$\"], \"op_names\": [\"b\"], \"sparse_ratio\": 0.5}]",
          "[{\"op_names\": [\"b\", \"conv2\", \"a\"], \"sparse_ratio\": 0.5}]", 1 },
        { "[{\"exclude\": true, \"op_names\": [\"a\"]}, {\"op_types\": [\"Linear\"], \"sparsity\": 0.5, \"exclude_op_names\": [\"c\"]}, {\"op_partial_names\": [\"v2\"], \"exclude\": true}, {\"op_types\": [\"Conv2d\"], \"sparsity\": 0.25}, {\"op_names_re\": [\"conv3\"], \"exclude\": true}, {\"op_types\": [\"Embedding\"], \"exclude\": true}]",
          "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5, \"exclude_op_names\": [\"a\", \"c\"]}, {\"op_types\": [\"Conv2d\"], \"sparse_ratio\": 0.25, \"exclude_op_names\": [\"conv2\", \"conv3\"]}]", 6 },
        { "[{\"op_types\": [\"Linear\", \"Embedding\"], \"sparsity\": 0.5}, {\"op_types\": [\"Embedding\"], \"exclude\": true}]",
          "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]", 2 }
    };
    static const char *const algorithms[] = { "level", "l1_norm" };
    static char resolved[65536], text[131072];
    static test_buffer first;
    size_t i, k, n;
    for (i = 0; i < COUNT_OF(rows); i++) for (k = 0; k < COUNT_OF(algorithms); k++) {
        const smash_diag *d;
        unsigned old = 0;
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(rows[i].modern, algorithms[k]), SMASH_OK, "%s: %s", rows[i].modern, first_message());
        CHECK(!has_code("legacy_key"), "%s", rows[i].modern);
        snprintf(resolved, sizeof resolved, "%s", plan.config_text);
        first = mask_file;
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(rows[i].old, algorithms[k]), SMASH_OK, "%s: %s", rows[i].old, first_message());
        for (d = diags.first; d; d = d->next) old += strcmp(d->code, "legacy_key") == 0 && d->severity == SMASH_WARNING;
        CHECK(old == rows[i].warnings, "%s: %u warnings", rows[i].old, old);
        CHECK(strcmp(resolved, plan.config_text) == 0, "%s: %s\n%s", rows[i].old, plan.config_text, resolved);
        CHECK(first.used == mask_file.used && memcmp(first.data, mask_file.data, first.used) == 0, "%s: other masks", rows[i].old);
    }
    start();
    golden_model();
    CHECK_ERR(&ctx, run_config("[{\"op_partial_names\": [\"a(\"], \"op_names\": [\"b\"], \"total_sparsity\": 0.5}, {\"op_types\": [\"Conv2d\"], \"exclude\": true}]", "level"), SMASH_OK, "%s", first_message());
    CHECK(strstr(plan.dictionary_text, "\"level_config_list\":[{\"op_names\":[\"b\"],\"sparse_ratio\":0.5,\"global_group_id\":\"total_sparsity of entry 1\",\"op_names_re\":[\".*a\\\\(.*\"],\"exclude_op_types\":[\"Conv2d\"]}]") != NULL,
          "%s", plan.dictionary_text);
    CHECK(diags.warnings == 3 && strcmp(diags.first->message, "\"op_partial_names\" is the old spelling; it is read as op_names_re with \".*part.*\"") == 0 && diags.first->column == 3, "%s", first_message());
    CHECK(strcmp(diags.first->next->message, "\"total_sparsity\" is the old spelling; it is read as sparse_ratio with global_group_id") == 0, "%s", diags.first->next->message);
    CHECK(strcmp(diags.last->message, "\"exclude\" is the old spelling; it is read as exclude_op_names, exclude_op_names_re or exclude_op_types in every entry") == 0, "%s", diags.last->message);
    n = (size_t)snprintf(text, sizeof text, "[{\"exclude\": true, \"op_names\": [\"b\"");
    for (i = 0; i < 6000; i++) n += (size_t)snprintf(text + n, sizeof text - n, ",\"b\"");
    n += (size_t)snprintf(text + n, sizeof text - n, "]}");
    for (i = 0; i < 2000; i++) n += (size_t)snprintf(text + n, sizeof text - n, ",{\"op_names\":[\"a\"],\"sparse_ratio\":0.5}");
    snprintf(text + n, sizeof text - n, "]");
    start();
    CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, n + 1, NULL, "level"), SMASH_ERR_CONFIG, "2000 entries without 6001 names");
    CHECK(strcmp(ctx.message, "this list is too long for the old spelling; write sparse_ratio, global_group_id and exclude_op_names") == 0, "%s", ctx.message);
}

/* The seed's standard_config, nulls and all, equals its shorthand: same file, but for nothing. */
static void test_shorthand_equals_standard(void)
{
    static const char standard[] = "[{'op_names': ['a', 'b', 'c', 'nb'], 'target_names': ['weight', 'bias'], 'target_settings': {'weight': {'sparse_ratio': 0.8, 'max_sparse_ratio': None,"
        " 'min_sparse_ratio': None, 'sparse_threshold': None, 'global_group_id': None, 'dependency_group_id': None, 'granularity': 'default', 'internal_metric_block': None,"
        " 'apply_method': 'mul'}, 'bias': {'align': {'target_name': 'weight', 'dims': [0]}, 'apply_method': 'mul'}}}]";
    static test_buffer first;
    static char resolved[4096];
    start();
    golden_model();
    CHECK_ERR(&ctx, run_config("[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.8}]", "l1_norm"), SMASH_OK, "shorthand");
    first = mask_file;
    snprintf(resolved, sizeof resolved, "%s", plan.config_text);
    start();
    golden_model();
    CHECK_ERR(&ctx, run_config(standard, "l1_norm"), SMASH_OK, "standard: %s", first_message());
    CHECK(first.used == mask_file.used && memcmp(first.data, mask_file.data, first.used) == 0, "masks differ");
    CHECK(resolved[0] && !strcmp(resolved, plan.config_text), "resolved, the shorthand is\n%s\nthe standard\n%s", resolved, plan.config_text);
    CHECK(plan.count == 8, "%zu rows", plan.count);
}

/* Names as long as a file can have them: refused or taken, and never cut short into another's. */
static void test_long_names(void)
{
    static char text[120000], name[20000];
    static const char *const heads[3] = { "_input_", "_output_", "" };
    int i;
    for (i = 0; i < 3; i++) {
        const smash_row *row;
        smash_err err;
        start();
        golden_model();
        memset(name, 'x', sizeof name - 1);
        memcpy(name, heads[i], strlen(heads[i]));
        snprintf(text, sizeof text, "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_names\": [\"weight\", \"%s\"], \"target_settings\": {\"%s\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", name, name);
        err = run_config(text, "l1_norm");
        CHECK(err == (i == 1 ? SMASH_OK : SMASH_ERR_CONFIG), "%s: %s: %s", heads[i], smash_err_name(err), first_message());
        row = i == 1 ? row_of("a", name) : NULL;
        CHECK(i != 1 || (row && row->mask_stats.blocks == 6), "%s: no row", heads[i]);
        CHECK(i == 1 || has_code("unknown_target"), "%s: %s", heads[i], first_message());
        snprintf(text, sizeof text, "{\"shapes\": {\"%s\": {\"_input_\": [1]}, \"a\": {\"%s\": [1, 6]}}, \"module_templates\": {\"%s\": {\"inputs\": [\"%s\"], \"pruner\": {\"_input_%s\": {}}}}, \"pruner\": \"level\", \"level_sparse_ratio\": 0.5}",
                 name, i < 2 ? name : "_input_", name, name, name);
        start();
        golden_model();
        err = run_config(text, NULL);
        CHECK(err == (i == 0 ? SMASH_ERR_CONFIG : SMASH_OK), "%s: %s: %s", heads[i], smash_err_name(err), first_message());
    }
}

/* 1 if two files differ in nothing but the config as it was given */
static int same_but_dictionary(const test_buffer *x, const test_buffer *y)
{
    smash_model a, b;
    smash_io io_a = smash_io_memory(x->data, x->used), io_b = smash_io_memory(y->data, y->used);
    size_t i;
    if (smash_safetensors_read(&ctx, NULL, &io_a, &arena, NULL, &a) || smash_safetensors_read(&ctx, NULL, &io_b, &arena, NULL, &b)) return 0;
    if (a.param_count != b.param_count || a.metadata_count != b.metadata_count) return 0;
    for (i = 0; i < a.metadata_count; i++)
        if (strcmp(a.metadata[i].key, b.metadata[i].key) || (strcmp(a.metadata[i].key, "smash.dictionary") && strcmp(a.metadata[i].value, b.metadata[i].value))) return 0;
    for (i = 0; i < a.param_count; i++) {
        smash_tensor s, t;
        size_t bytes;
        if (strcmp(a.params[i].name, b.params[i].name) || smash_model_load(&ctx, &a, i, &arena, &s) || smash_model_load(&ctx, &b, i, &arena, &t)) return 0;
        smash_tensor_bytes(&s, &bytes);
        if (s.dtype != t.dtype || memcmp(s.shape, t.shape, sizeof s.shape) || memcmp(s.data, t.data, bytes)) return 0;
    }
    return 1;
}

/* The resolved config that is stored in the file gives the same file again, but for the config as it was given. */
static void test_resolved(void)
{
    static const char *const configs[] = {
        "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.5, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int4\", \"ptq_granularity\": \"out_channel\"}",
        "{\"pruner\": \"fpgm\", \"fpgm_config_list\": [{\"op_types\": [\"Conv2d\"], \"sparse_ratio\": 0.5, \"granularity\": [[2], \"back\", -1]}, {\"op_names\": [\"bn\"], \"target_settings\": {\"weight\": {\"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [0]}, \"granularity\": [1]}}}]}",
        "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv2\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": \"d\", \"internal_metric_block\": 2}, {\"op_names\": [\"conv3\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": \"d\"},"
        " {\"op_names\": [\"a\", \"b\"], \"sparse_ratio\": 0.4, \"global_group_id\": 3, \"max_sparse_ratio\": 0.5}, {\"op_names\": [\"c\"], \"sparse_ratio\": 0.5, \"internal_metric_block\": 2}]}",
        "{\"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"a\"], \"granularity\": \"2:4\"}, {\"op_names\": [\"b\"], \"granularity\": \"1:3\"}]}",
        "{\"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.3, \"l1_norm_sparse_rounding\": \"nearest\"}",
        "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\", \"apply_value\": 0.3}, {\"op_names\": [\"b\"], \"sparse_ratio\": 0.5, \"apply_method\": \"add\"},"
        " {\"op_names\": [\"conv2\"], \"sparse_ratio\": 0.5, \"apply_method\": \"bypass\"}]}",
        "{\"pruner\": \"level\", \"level_sparse_threshold\": 0.3, \"level_min_sparse_ratio\": 0.1, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"uint2\", \"ptq_quant_scheme\": \"affine\"}",
        /* what inputs and outputs are called, and their shapes */
        "{\"module_types\": {\"a\": \"Mine\", \"gone\": \"Mine\"}, \"shapes\": {\"a\": {\"_input_2\": [1, 8]}}, \"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"b\"], \"sparse_ratio\": 0.5},"
        " {\"op_names\": [\"a\"], \"target_names\": [\"_input_2\", \"weight\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_input_2\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}]}",
        "{\"module_templates\": {\"Linear\": {\"inputs\": [\"x\", \"y\"], \"outputs\": [\"hidden\", \"state\"], \"pruner\": {\"weight\": {\"sparse_ratio\": 0.5}, \"_input_y\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}},"
        " \"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"a\", \"b\"]}, {\"op_names\": [\"c\"], \"target_names\": [\"_output_state\", \"weight\"], \"align\": {\"module_name\": \"a\", \"target_name\": \"_input_1\", \"dims\": [0]}}],"
        " \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_names\": [\"a\"], \"target_names\": [\"weight\", \"_input_y\"]}]}",
        "{\"module_types\": {\"conv3\": \"ConvTranspose2d\"}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv3\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_key\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}]}"
    };
    size_t i;
    for (i = 0; i < COUNT_OF(configs); i++) {
        static test_buffer first;
        static char text[65536];
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(configs[i], NULL), SMASH_OK, "%s: %s", configs[i], first_message());
        if (ctx.err) continue;
        first = model_file;
        snprintf(text, sizeof text, "%s", plan.config_text);
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(text, NULL), SMASH_OK, "%s: %s", text, first_message());
        CHECK(same_but_dictionary(&first, &model_file), "%s: another file from %s", configs[i], text);
    }
}

/* A ctx that still holds an older failure changes neither codes nor messages; that failure stays. */
static void test_older_failure(void)
{
    static const char overlap[] = "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}, {\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.2}]";
    static const char uneven[] = "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"granularity\": [5, 5]}]";
    int which;
    for (which = 0; which < 2; which++) {
        const char *text = which ? uneven : overlap;
        smash_err err;
        start();
        golden_model();
        smash_ctx_reset(&ctx);
        smash_tensor_convert(&ctx, NULL, NULL);
        err = smash_config_load(&ctx, &config, text, strlen(text), "c.json", "level");
        if (!err) err = smash_config_resolve(&ctx, &config, &model, &plan);
        CHECK(err == (which ? SMASH_ERR_CONFIG : SMASH_OK) && ctx.err == SMASH_ERR_ARG, "%s: %s, ctx %s", text, smash_err_name(err), smash_err_name(ctx.err));
        CHECK(!which || strstr(first_message(), "does not divide"), "%s", first_message());
    }
}

static void test_set_text(void)
{
    static const struct { const char *text; smash_err err; size_t count; } rows[] = {
        { "pruner=l1_norm", SMASH_OK, 1 }, { "l1_norm_sparse_ratio=0.5", SMASH_OK, 2 }, { "l1_norm_sparse_ratio=0.25", SMASH_OK, 2 },
        { "l1_norm_sparse_ratio=7", SMASH_ERR_CONFIG, 2 }, { "level_sparse_ratio=0.5", SMASH_ERR_CONFIG, 2 }, { "nonsense", SMASH_ERR_CONFIG, 2 },
        { "=3", SMASH_ERR_CONFIG, 2 }, { "l1_norm_granularity=in_channel", SMASH_OK, 3 }, { "l1_norm_granularity=[2, -1]", SMASH_OK, 3 },
        { "pruner=l1_norm", SMASH_OK, 3 },         /* the same again keeps */
        { "pruner=level", SMASH_OK, 1 },           /* another one forgets */
        { "pruner=null", SMASH_OK, 0 }
    };
    size_t i;
    start();
    for (i = 0; i < COUNT_OF(rows); i++) {
        diags.errors = 0;
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, rows[i].text), rows[i].err, "%s", rows[i].text);
        CHECK(said_keys() == rows[i].count, "%s: %zu keys, want %zu", rows[i].text, said_keys(), rows[i].count);
        CHECK((rows[i].err != SMASH_OK) == (diags.errors != 0), "%s: %zu errors: %s", rows[i].text, diags.errors, diags.last ? diags.last->message : "");
    }
}

/* N:M: N of each M numbers in a row stay, the largest. */
static void test_n_of_m(void)
{
    static const struct { const char *module, *granularity; size_t n, m; } rows[] = { { "a", "2:4", 2, 4 }, { "a", "1:2", 1, 2 }, { "a", "7:8", 7, 8 }, { "b", "1:3", 1, 3 }, { "b", "4:6", 4, 6 }, { "b", "5:6", 5, 6 },
        { "conv2", "2:9", 2, 9 }, { "conv2", "1:18", 1, 18 } };
    size_t i, k, j, bad;
    for (i = 0; i < COUNT_OF(rows); i++) {
        char text[256], name[32];
        const float *w;
        const unsigned char *keep;
        smash_tensor weight, mask;
        smash_model masks;
        smash_io io;
        size_t count;
        start();
        golden_model();
        snprintf(text, sizeof text, "[{\"op_names\": [\"%s\"], \"granularity\": \"%s\"}]", rows[i].module, rows[i].granularity);
        snprintf(name, sizeof name, "%s.weight", rows[i].module);
        CHECK_ERR(&ctx, run_config(text, "level"), SMASH_OK, "%s: %s", text, first_message());
        io = smash_io_memory(mask_file.data, mask_file.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &masks), SMASH_OK, "%s", text);
        CHECK_ERR(&ctx, smash_model_load(&ctx, &masks, (size_t)smash_model_find_param(&masks, name), &arena, &mask), SMASH_OK, "%s", text);
        CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)smash_model_find_param(&model, name), &arena, &weight), SMASH_OK, "%s", text);
        smash_tensor_count(&weight, &count);
        w = (const float *)weight.data;
        keep = (const unsigned char *)mask.data;
        for (k = bad = 0; k < count; k += rows[i].m) {
            size_t kept = 0, before;
            for (j = k; j < k + rows[i].m; j++) {
                size_t o;
                for (o = k, before = 0; o < k + rows[i].m; o++) before += (w[o] < 0 ? -w[o] : w[o]) > (w[j] < 0 ? -w[j] : w[j]);       /* no ties in the recordings */
                bad += keep[j] != (before < rows[i].n);
                kept += keep[j];
            }
            bad += kept != rows[i].n;
        }
        CHECK(bad == 0, "%s: %d wrong", text, (int)bad);
    }
}

/* N:M in a dependency group: the same positions of both go, of each M in a row those of the smallest mean; so both keep their N. */
static void test_n_of_m_together(void)
{
    static const struct { const char *a, *nb; size_t m; } rows[] = { { "\"granularity\": \"1:2\"", "\"granularity\": \"1:2\"", 2 }, { "\"granularity\": \"2:4\"", "\"granularity\": \"1:2\"", 2 },
        { "\"granularity\": \"2:4\"", "\"sparse_ratio\": 0.5", 4 }, { "\"granularity\": \"4:8\"", "\"granularity\": \"3:6\"", 2 } };
    size_t i, k, j, o, bad;
    for (i = 0; i < COUNT_OF(rows); i++) {
        char text[256];
        smash_tensor w[2], keep[2];
        smash_model masks;
        smash_io io;
        start();
        golden_model();
        snprintf(text, sizeof text, "[{\"op_names\": [\"a\"], %s, \"dependency_group_id\": 1}, {\"op_names\": [\"nb\"], %s, \"dependency_group_id\": 1}]", rows[i].a, rows[i].nb);
        CHECK_ERR(&ctx, run_config(text, "level"), SMASH_OK, "%s: %s", text, first_message());
        io = smash_io_memory(mask_file.data, mask_file.used);
        CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &masks), SMASH_OK, "%s", text);
        for (k = 0; k < 2; k++) {
            const char *name = k ? "nb.weight" : "a.weight";
            CHECK_ERR(&ctx, smash_model_load(&ctx, &masks, (size_t)smash_model_find_param(&masks, name), &arena, &keep[k]), SMASH_OK, "%s", text);
            CHECK_ERR(&ctx, smash_model_load(&ctx, &model, (size_t)smash_model_find_param(&model, name), &arena, &w[k]), SMASH_OK, "%s", text);
        }
        for (k = bad = 0; k < 48; k += rows[i].m)
            for (j = k; j < k + rows[i].m; j++) {
                size_t smaller = 0;
                double sums[2];
                for (o = k; o < k + rows[i].m; o++) {
                    sums[0] = fabs((double)((const float *)w[0].data)[j]) + fabs((double)((const float *)w[1].data)[j]);
                    sums[1] = fabs((double)((const float *)w[0].data)[o]) + fabs((double)((const float *)w[1].data)[o]);
                    smaller += sums[1] < sums[0] || (!(sums[0] < sums[1]) && o < j);
                }
                bad += ((const unsigned char *)keep[0].data)[j] != (smaller >= rows[i].m / 2) || ((const unsigned char *)keep[1].data)[j] != ((const unsigned char *)keep[0].data)[j];
            }
        CHECK(bad == 0, "%s: %d wrong", text, (int)bad);
    }
}

/* Circles of align, chains of align */
static void test_align_chain(void)
{
    static const char circle[] = "[{\"op_names\": [\"b\"], \"target_names\": [\"weight\"], \"target_settings\": {\"weight\": {\"align\": {\"module_name\": \"c\", \"target_name\": \"weight\", \"dims\": [1]}}}},"
                                 " {\"op_names\": [\"c\"], \"target_names\": [\"weight\"], \"target_settings\": {\"weight\": {\"granularity\": \"in_channel\", \"align\": {\"module_name\": \"b\", \"target_name\": \"weight\", \"dims\": [0]}}}}]";
    static const char entry_align[] = "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"bn\"], \"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [0]}}]";
    static const char chain[] = "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"bn\"], \"target_settings\": {\"weight\": {\"align\": {\"module_name\": \"conv\", \"target_name\": \"bias\", \"dims\": [0]}},"
                                " \"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]";
    size_t i, dropped = 0;
    start();
    golden_model();
    CHECK_ERR(&ctx, run_config(circle, "l1_norm"), SMASH_ERR_CONFIG, "circle");
    CHECK(has_code("align_cycle"), "circle: %s", first_message());
    start();
    golden_model();
    CHECK_ERR(&ctx, run_config(chain, "l1_norm"), SMASH_OK, "chain: %s", first_message());
    for (i = 0; i < plan.count; i++) dropped += plan.rows[i].mask_stats.dropped == 3;
    CHECK(plan.count == 4 && dropped == 4, "%zu of %zu rows drop 3 channels", dropped, plan.count);
    start();                                   /* align of the entry reaches weights that have no ratio, as it reaches biases */
    golden_model();
    CHECK_ERR(&ctx, run_config(entry_align, "l1_norm"), SMASH_OK, "entry: %s", first_message());
    for (i = dropped = 0; i < plan.count; i++) dropped += plan.rows[i].mask_stats.dropped == 3;
    CHECK(plan.count == 4 && dropped == 4, "%zu of %zu rows drop 3 channels", dropped, plan.count);
}

/* ---- inputs and outputs ---- */

/* A mask of the mask file, or of any tensor of one */
static smash_tensor mask_of(const test_buffer *file, const char *name)
{
    static smash_model read;
    static smash_io io;
    smash_tensor t;
    ptrdiff_t p;
    memset(&t, 0, sizeof t);
    io = smash_io_memory(file->data, file->used);
    if (smash_safetensors_read(&ctx, NULL, &io, &arena, NULL, &read)) return t;
    p = smash_model_find_param(&read, name);
    if (p < 0 || smash_model_load(&ctx, &read, (size_t)p, &arena, &t)) memset(&t, 0, sizeof t);
    return t;
}

/* Masks that follow: the shape they must have, and, channel by channel, what is left of the source along an axis, counted here. */
static void test_activations(void)
{
    static const struct { const char *text, *algorithm, *source; unsigned axis; const char *mask; unsigned ndim; size_t shape[4]; int known; const char *follows; } rows[] = {
        { "{\"shapes\": {\"conv\": {\"_output_0\": [1, 6, 8, 8]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_\": {\"align\":"
          " {\"target_name\": \"weight\", \"dims\": [0]}}}}]}", NULL, "conv.weight", 0, "conv._output_0", 4, { 1, 6, 1, 1 }, 1, "weight" },
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [-4]}}}}]", "l1_norm", "conv.weight", 0, "conv._output_0", 1, { 6 }, 0, "weight" },
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\", \"target_settings\": {\"_input_input\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}]", "l1_norm", "conv.weight", 1,
          "conv._input_0", 1, { 4 }, 0, "weight" },
        { "{\"shapes\": {\"conv\": {\"_input_input\": [2, 4, 9, 9]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\","
          " \"target_names\": [\"_input_\", \"weight\"], \"target_settings\": {\"_input_\": {\"align\": {\"target_name\": \"weight\", \"dims\": [1]}}}}]}", NULL, "conv.weight", 1, "conv._input_0", 4, { 1, 4, 1, 1 }, 1, "weight" },
        { "{\"shapes\": {\"b\": {\"_input_0\": [2, 5, 6]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"b\"], \"target_names\": [\"_input_\"],"
          " \"align\": {\"module_name\": \"a\", \"target_name\": \"weight\", \"dims\": [0]}}]}", NULL, "a.weight", 0, "b._input_0", 3, { 1, 1, 6 }, 1, "weight" },           /* the channels of a Linear come last */
        { "{\"shapes\": {\"b\": {\"_output_0\": [2, 6, 5]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"b\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_\":"
          " {\"granularity\": [-1, 1, -1], \"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]}", NULL, "b.weight", 0, "b._output_0", 3, { 1, 6, 1 }, 1, "weight" },
        { "{\"shapes\": {\"b\": {\"_output_0\": [2, 6]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"b\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"b\"], \"target_names\": [\"_output_0\"], \"granularity\": \"per_channel\","
          " \"align\": {\"target_name\": \"bias\", \"dims\": [0]}}]}", NULL, "b.weight", 0, "b._output_0", 2, { 1, 6 }, 1, "bias" },
        { "[{\"op_names\": [\"bn\"], \"sparse_ratio\": 0.5, \"granularity\": [1], \"target_settings\": {\"_output_\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", "level", "bn.weight", 0, "bn._output_0", 1, { 6 }, 0, "weight" },
        { "{\"shapes\": {\"emb\": {\"_output_0\": [1, 7, 4]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"emb\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\", \"target_settings\": {\"_output_\": {\"align\":"
          " {\"target_name\": \"weight\", \"dims\": [1]}}}}]}", NULL, "emb.weight", 1, "emb._output_0", 3, { 1, 1, 4 }, 1, "weight" },
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_hidden\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", "l1_norm", "conv.weight", 0, "conv._output_hidden", 1, { 6 }, 0, "weight" },
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_names\": [\"weight\", \"_output_3\"], \"target_settings\": {\"_output_\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", "l1_norm", "conv.weight", 0,
          "conv._output_3", 1, { 6 }, 0, "weight" },                                                                                                     /* takes the settings of _output_ */
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": 1}, {\"op_names\": [\"c1d\"], \"sparse_ratio\": 0.5, \"dependency_group_id\": 1, \"target_settings\": {\"_output_\": {\"align\": {\"module_name\": \"conv\","
          " \"target_name\": \"weight\", \"dims\": [0]}}}}]", "l1_norm", "c1d.weight", 0, "c1d._output_0", 1, { 6 }, 0, "weight" },
        /* chains: through inputs and outputs, and back to parameters */
        { "[{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}, {\"op_names\": [\"bn\"], \"target_names\": [\"weight\", \"_output_0\", \"_input_0\"],"
          " \"target_settings\": {\"_input_0\": {\"align\": {\"module_name\": \"conv\", \"target_name\": \"_output_\", \"dims\": [0]}}, \"_output_\": {\"align\": {\"target_name\": \"_input_\", \"dims\": [0]}},"
          " \"weight\": {\"align\": {\"target_name\": \"_output_0\", \"dims\": [0]}}}}]", "l1_norm", "conv.weight", 0, "bn.weight", 1, { 6 }, 0, "_output_0" },
        { "{\"shapes\": {\"conv\": {\"_output_0\": [1, 6, 8, 8]}, \"bn\": {\"_input_0\": [1, 6, 8, 8], \"_output_0\": [1, 6, 8, 8]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5,"
          " \"target_settings\": {\"_output_\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}, {\"op_names\": [\"bn\"], \"target_names\": [\"weight\", \"_output_0\", \"_input_0\"],"
          " \"target_settings\": {\"_input_0\": {\"align\": {\"module_name\": \"conv\", \"target_name\": \"_output_\", \"dims\": [1]}}, \"_output_\": {\"align\": {\"target_name\": \"_input_\", \"dims\": [-3]}},"
          " \"weight\": {\"align\": {\"target_name\": \"_output_0\", \"dims\": [1]}}}}]}", NULL, "conv.weight", 0, "bn._output_0", 4, { 1, 6, 1, 1 }, 1, "_input_0" },
        { "{\"shapes\": {\"a\": {\"_output_0\": [1, 6]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"b\"], \"target_names\": [\"weight\"], \"granularity\": \"in_channel\", \"align\": {\"module_name\": \"a\", \"target_name\": \"_output_0\","
          " \"dims\": [1]}}, {\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"_output_\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]}", NULL, "b.weight", 1, "a._output_0", 2, { 1, 6 }, 1, "weight" }
    };
    size_t i, k, j;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_tensor source, mask;
        char module[32], json[4096];
        const smash_row *row;
        const char *dot = strchr(rows[i].mask, '.');
        size_t n, m, inner = 1, outer = 1, dropped = 0, bad = 0, d;
        smash_text text = SMASH_ZERO;
        smash_writer w = SMASH_ZERO;
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(rows[i].text, rows[i].algorithm), SMASH_OK, "%s: %s", rows[i].text, first_message());
        if (ctx.err) continue;
        CHECK(diags.warnings == 0, "%s: %s", rows[i].text, first_message());
        source = mask_of(&mask_file, rows[i].source);
        mask = mask_of(&mask_file, rows[i].mask);
        CHECK(source.data && mask.data && mask.dtype == SMASH_BOOL && mask.ndim == rows[i].ndim && !memcmp(mask.shape, rows[i].shape, mask.ndim * sizeof *mask.shape), "%s: %s is no such mask", rows[i].text, rows[i].mask);
        if (!source.data || !mask.data) continue;
        for (d = 0; d < source.ndim; d++) { if (d < rows[i].axis) outer *= source.shape[d]; if (d > rows[i].axis) inner *= source.shape[d]; }
        m = source.shape[rows[i].axis];
        smash_tensor_count(&mask, &n);
        CHECK(n == m, "%s: %zu values, want %zu", rows[i].text, n, m);
        for (k = 0; k < n && n == m; k++) {
            unsigned char any = 0;
            for (d = 0; d < outer; d++) for (j = 0; j < inner; j++) any |= ((const unsigned char *)source.data)[(d * m + k) * inner + j];
            bad += ((const unsigned char *)mask.data)[k] != any;
            dropped += !any;
        }
        CHECK(bad == 0 && dropped > 0 && dropped < n, "%s: %zu of %zu differ, %zu dropped", rows[i].text, bad, n, dropped);
        snprintf(module, sizeof module, "%.*s", (int)(dot - rows[i].mask), rows[i].mask);
        row = row_of(module, dot + 1);
        CHECK(row && row->mask_stats.dropped == dropped && row->mask_stats.blocks == n, "%s: the row says otherwise", rows[i].text);
        CHECK(row && (row->param != (uint32_t)SMASH_NONE || (rows[i].known ? row->activation && !row->note : !row->activation && strstr(row->note, "shape is not known"))), "%s: %s", rows[i].text, row && row->note ? row->note : "no note");
        CHECK(row && !strcmp(plan.rows[row->align_row].target, rows[i].follows), "%s: follows %s", rows[i].text, row ? plan.rows[row->align_row].target : "?");
        text.ctx = &ctx;
        text.arena = &arena;
        w.put = smash_text_put;
        w.user = &text;
        smash_report_rows(&w, &plan);
        snprintf(json, sizeof json, "\"target\":\"%s\"", dot + 1);
        CHECK(w.err == SMASH_OK && strstr(text.data, json), "%s: no row %s in %s", rows[i].text, json, text.data);
        if (rows[i].text == rows[0].text)
            CHECK(strstr(text.data, "{\"module\":\"conv\",\"target\":\"_output_0\",\"type\":\"Conv2d\",\"shape\":[1,6,8,8],\"algorithm\":\"l1_norm\",\"group\":\"pruner\",\"asked\":null,"
                                    "\"follows\":\"conv.weight\",\"sparsity\":0.5,\"masked\":192,\"zeros\":0,\"apply_method\":\"mul\",\"granularity\":[-1,1,-1,-1],\"note\":null}"), "%s", text.data);
        if (rows[i].text == rows[1].text)
            CHECK(strstr(text.data, "\"shape\":null,\"algorithm\":\"l1_norm\",\"group\":\"pruner\",\"asked\":null,\"follows\":\"conv.weight\",\"sparsity\":0.5,\"masked\":3,\"zeros\":0,\"apply_method\":\"mul\",\"granularity\":null,"
                                    "\"note\":\"its shape is not known (\\\"shapes\\\"): the mask has the dims that it follows\"}"), "%s", text.data);
    }
}

/* What follows an input or output changes no number of the model; the rest of the file is as without it. */
static void test_activations_leave_the_file(void)
{
    static const char *const texts[2] = { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_names\": [\"weight\", \"bias\"]}], \"pack_sparse\": true}",
        "{\"shapes\": {\"conv\": {\"_output_0\": [1, 6, 8, 8]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_names\": [\"_output_0\", \"weight\", \"bias\"],"
        " \"target_settings\": {\"_output_0\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}, \"bias\": {\"align\": {\"target_name\": \"_output_\", \"dims\": [1]}}}}], \"pack_sparse\": true}" };
    static test_buffer first, first_masks;
    smash_model a, b;
    smash_io io_a, io_b;
    size_t i, k, bytes;
    for (i = 0; i < 2; i++) {
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(texts[i], NULL), SMASH_OK, "%s", first_message());
        if (i == 0) { first = model_file; first_masks = mask_file; }
    }
    io_a = smash_io_memory(first.data, first.used);
    io_b = smash_io_memory(model_file.data, model_file.used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io_a, &arena, NULL, &a), SMASH_OK, "first");
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io_b, &arena, NULL, &b), SMASH_OK, "second");
    CHECK(a.param_count == b.param_count, "%zu tensors, %zu", a.param_count, b.param_count);
    for (k = 0; k < a.param_count && k < b.param_count; k++) {
        smash_tensor s, t;
        CHECK(!smash_model_load(&ctx, &a, k, &arena, &s) && !smash_model_load(&ctx, &b, k, &arena, &t) && !strcmp(s.name, t.name) && !smash_tensor_bytes(&s, &bytes) && !memcmp(s.data, t.data, bytes), "%s", a.params[k].name);
    }
    io_a = smash_io_memory(first_masks.data, first_masks.used);
    io_b = smash_io_memory(mask_file.data, mask_file.used);
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io_a, &arena, NULL, &a), SMASH_OK, "first");
    CHECK_ERR(&ctx, smash_safetensors_read(&ctx, NULL, &io_b, &arena, NULL, &b), SMASH_OK, "second");
    CHECK(b.param_count == a.param_count + 1 && smash_model_find_param(&b, "conv._output_0") >= 0, "%zu masks, %zu", a.param_count, b.param_count);
    for (k = 0; k < a.param_count; k++) {
        smash_tensor s = mask_of(&first_masks, a.params[k].name), t = mask_of(&mask_file, a.params[k].name);
        CHECK(s.data && t.data && !smash_tensor_bytes(&s, &bytes) && !memcmp(s.data, t.data, bytes), "%s", a.params[k].name);
    }
}

/* ---- module types of the user's ---- */

/* A model of two attention modules and a linear layer between them; numbers without ties */
static void attention_model(void)
{
    static const struct { const char *name; unsigned ndim; size_t shape[2]; } params[] = { { "att1.in_proj_weight", 2, { 12, 4 } }, { "att1.in_proj_bias", 1, { 12, 0 } }, { "att1.out", 2, { 4, 4 } }, { "fc.weight", 2, { 4, 6 } },
        { "fc.bias", 1, { 4, 0 } }, { "att2.in_proj_weight", 2, { 12, 4 } }, { "att2.in_proj_bias", 1, { 12, 0 } }, { "att2.out", 2, { 4, 4 } }, { "att2.scale", 1, { 4, 0 } } };
    static float numbers[COUNT_OF(params)][48];
    size_t i, k;
    smash_model_init(&model, &arena);
    for (i = 0; i < COUNT_OF(params); i++) {
        smash_tensor t = smash_tensor_view(SMASH_F32, numbers[i], 0, params[i].ndim, params[i].shape);
        for (k = 0; k < 48; k++) numbers[i][k] = (float)((k * 29 + i * 7) % 53 + 1) * ((k + i) % 3 ? 0.125f : -0.125f);
        smash_tensor_bytes(&t, &t.bytes);
        t.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, params[i].name, &t, 0), SMASH_OK, "%s", params[i].name);
    }
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "attention");
    smash_model_set_type(&ctx, &model, 0, "MyAttention");
    smash_model_set_type(&ctx, &model, 2, "MyAttention");
}

#define ATTENTION "\"module_templates\": {\"MyAttention\": {\"inputs\": [\"query\", \"key\", \"mask\"], \"outputs\": [\"out\", \"weights\"], \"out_axis\": 0, \"in_axis\": 1," \
    " \"pruner\": {\"in_proj_weight\": {}, \"in_proj_bias\": {\"align\": {\"target_name\": \"in_proj_weight\", \"dims\": [0]}}}, \"quantizer\": {\"in_proj_weight\": {\"granularity\": \"out_channel\"}, \"_input_key\": {}}}}"

/* What becomes of each target: how many blocks, how many go; -1: no row; -2: it does nothing. */
static void test_templates(void)
{
    static const struct { const char *text; struct { const char *module, *target; int blocks, dropped; } want[6]; } rows[] = {
        { "{" ATTENTION ", \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_types\": [\"MyAttention\"], \"sparse_ratio\": 0.5}]}",
          { { "att1", "in_proj_weight", 12, 6 }, { "att1", "in_proj_bias", 12, 6 }, { "att2", "in_proj_bias", 12, 6 }, { "att1", "out", -1, 0 }, { "fc", "weight", -1, 0 } } },
        { "{" ATTENTION ", \"pruner\": \"l1_norm\", \"l1_norm_sparse_ratio\": 0.25}", { { "att1", "in_proj_weight", 12, 3 }, { "att2", "in_proj_bias", 12, 3 }, { "fc", "weight", 4, 1 }, { "fc", "bias", 4, 1 } } },
        { "{" ATTENTION ", \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"att1\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\"}]}", { { "att1", "in_proj_weight", 4, 2 }, { "att1", "in_proj_bias", 12, 0 } } },
        /* other targets: those named, and those that have settings */
        { "{" ATTENTION ", \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"att1\"], \"sparse_ratio\": 0.5, \"target_names\": [\"out\"]}]}", { { "att1", "out", 4, 2 }, { "att1", "in_proj_weight", -1, 0 } } },
        { "{" ATTENTION ", \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_types\": [\"MyAttention\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"scale\": {\"align\": {\"target_name\": \"out\", \"dims\": [0]}}, \"out\": {}}}]}",
          { { "att1", "scale", -1, 0 }, { "att2", "scale", 4, 2 }, { "att1", "out", 4, 2 }, { "att1", "in_proj_bias", 12, 6 } } },
        /* argument names: the index they stand for, in settings and shapes too */
        { "{" ATTENTION ", \"shapes\": {\"att1\": {\"_input_query\": [1, 7, 4]}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"att1\"], \"sparse_ratio\": 0.5, \"target_names\": [\"out\", \"_input_query\", \"_output_weights\", \"_input_2\"],"
          " \"target_settings\": {\"_input_\": {\"align\": {\"target_name\": \"out\", \"dims\": [0]}}, \"_input_0\": {\"granularity\": [-1, -1, 1], \"align\": {\"target_name\": \"out\", \"dims\": [0]}},"
          " \"_output_weights\": {\"align\": {\"target_name\": \"_input_mask\", \"dims\": [0]}}}}]}",
          { { "att1", "_input_0", 4, 2 }, { "att1", "_output_1", 4, 2 }, { "att1", "_input_2", 4, 2 }, { "att1", "_input_query", -1, 0 }, { "att1", "_output_weights", -1, 0 } } },
        /* defaults of a template: entries go before them, target_settings before these; null takes back */
        { "{\"module_templates\": {\"MyAttention\": {\"pruner\": {\"in_proj_weight\": {\"sparse_ratio\": 0.75}, \"out\": {\"sparse_ratio\": 0.25, \"granularity\": [1, -1]}}}}, \"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"att1\"]},"
          " {\"op_names\": [\"att2\"], \"sparse_ratio\": 0.5, \"target_settings\": {\"out\": {\"sparse_ratio\": 0.75, \"granularity\": null}}}]}",
          { { "att1", "in_proj_weight", 48, 36 }, { "att1", "out", 4, 1 }, { "att2", "in_proj_weight", 48, 24 }, { "att2", "out", 16, 12 }, { "att2", "in_proj_bias", -1, 0 } } },
        { "{\"module_templates\": {\"MyAttention\": {\"pruner\": {\"in_proj_weight\": {\"sparse_ratio\": 0.75}, \"out\": {\"sparse_threshold\": 1000}}}}, \"pruner\": \"level\", \"level_config_list\": [{\"op_names\": [\"att1\"], \"sparse_threshold\": 0.01},"
          " {\"op_names\": [\"att2\"], \"target_settings\": {\"out\": {\"sparse_ratio\": 0.25}}}]}",
          { { "att1", "in_proj_weight", 48, 0 }, { "att1", "out", 16, 0 }, { "att2", "out", 16, 4 }, { "att2", "in_proj_weight", 48, 36 } } },
        /* the axes of a type decide what channels are */
        { "{\"module_templates\": {\"MyAttention\": {\"out_axis\": 1, \"pruner\": {\"in_proj_weight\": {}, \"in_proj_bias\": {}}}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"att1\"], \"sparse_ratio\": 0.5}]}",
          { { "att1", "in_proj_weight", 4, 2 }, { "att1", "in_proj_bias", 12, 6 } } },
        { "{\"module_templates\": {\"MyAttention\": {\"out_axis\": 1, \"pruner\": {\"in_proj_weight\": {}}}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"att1\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\"}]}",
          { { "att1", "in_proj_weight", 12, 6 } } },
        /* a template for a type of the table replaces it wholly */
        { "{\"module_templates\": {\"Linear\": {\"pruner\": {\"weight\": {}}}}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"fc\"], \"sparse_ratio\": 0.5}]}", { { "fc", "weight", 4, 2 }, { "fc", "bias", -1, 0 } } },
        { "{\"module_templates\": {\"Linear\": {\"pruner\": {\"bias\": {}, \"weight\": {\"align\": {\"target_name\": \"bias\", \"dims\": [0]}, \"granularity\": \"out_channel\"}}}}, \"pruner\": \"level\","
          " \"level_config_list\": [{\"op_names\": [\"fc\"], \"sparse_ratio\": 0.5}]}", { { "fc", "bias", 4, 2 }, { "fc", "weight", 4, 2 } } },
        { "{\"module_templates\": {\"Linear\": null}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"fc\"], \"sparse_ratio\": 0.5}]}", { { "fc", "weight", 4, 2 }, { "fc", "bias", 4, 2 } } },
        /* quantizers */
        { "{" ATTENTION ", \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_types\": [\"MyAttention\"], \"quant_dtype\": \"int4\"}]}", { { "att1", "in_proj_weight", 12, 4 }, { "att1", "_input_1", -2, 0 }, { "att1", "out", -1, 0 } } },
        { "{" ATTENTION ", \"quantizer\": \"ptq\", \"ptq_config_list\": [{\"op_types\": [\"MyAttention\"], \"granularity\": \"in_channel\"}]}", { { "att2", "in_proj_weight", 4, 8 } } },
        { "{\"module_templates\": {\"MyAttention\": {\"quantizer\": {\"out\": {\"quant_dtype\": \"uint4\"}}}}, \"quantizer\": \"ptq\"}", { { "att2", "out", 1, 4 }, { "fc", "weight", 1, 8 } } },
        { "{\"module_templates\": {\"MyAttention\": {\"quantizer\": {\"out\": {\"quant_dtype\": \"uint4\", \"granularity\": [2, -1]}}}}, \"quantizer\": \"ptq\", \"ptq_quant_dtype\": \"int16\"}",
          { { "att2", "out", 2, 16 }, { "fc", "weight", 1, 16 } } }
    };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        start();
        attention_model();
        CHECK_ERR(&ctx, run_config(rows[i].text, NULL), SMASH_OK, "%s: %s", rows[i].text, first_message());
        if (ctx.err) continue;
        CHECK(diags.warnings == 0, "%s: %s", rows[i].text, first_message());
        for (k = 0; k < 6 && rows[i].want[k].module; k++) {
            const smash_row *row = row_of(rows[i].want[k].module, rows[i].want[k].target);
            int blocks = -1, dropped = 0;
            smash_grid grid;
            if (row && row->skip) blocks = -2;
            else if (row && row->algo->group == SMASH_PRUNER) { blocks = (int)row->mask_stats.blocks; dropped = (int)row->mask_stats.dropped; }
            else if (row && !smash_grid_make(&ctx, &row->quant.grain, &model.params[row->param].tensor, &grid)) { blocks = (int)grid.blocks; dropped = (int)row->quant.bits; }
            CHECK(blocks == rows[i].want[k].blocks && dropped == rows[i].want[k].dropped, "%s: %s of %s: %d, %d, want %d, %d", rows[i].text, rows[i].want[k].target, rows[i].want[k].module, blocks, dropped, rows[i].want[k].blocks,
                  rows[i].want[k].dropped);
        }
    }
}

/* A template that says what the table says of Linear gives what Linear gives. */
static void test_template_equals_table(void)
{
    static const char *const texts[2] = { "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"a\", \"b\", \"nb\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"c\"], \"sparse_threshold\": 1.5, \"granularity\": \"in_channel\"}]}",
        "{\"module_templates\": {\"Layer\": {\"inputs\": [\"input\"], \"pruner\": {\"weight\": {}, \"bias\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}}, \"module_types\": {\"a\": \"Layer\", \"b\": \"Layer\", \"c\": \"Layer\"},"
        " \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"a\", \"b\", \"nb\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"c\"], \"sparse_threshold\": 1.5, \"granularity\": \"in_channel\"}]}" };
    static test_buffer first;
    int i;
    for (i = 0; i < 2; i++) {
        start();
        golden_model();
        CHECK_ERR(&ctx, run_config(texts[i], NULL), SMASH_OK, "%s", first_message());
        if (i == 0) first = mask_file;
    }
    CHECK(first.used > 0 && first.used == mask_file.used && !memcmp(first.data, mask_file.data, first.used), "other masks");
}

/* Axes: each type, each source, groups. Counted here: what is left along an axis of the source is what is left of the target. */
static void test_align_axes(void)
{
    static const struct { const char *types, *entries, *source; unsigned source_axis; const char *target; unsigned target_axis, groups; } rows[] = {
        { "", "{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"b\"], \"target_names\": [\"weight\"], \"granularity\": \"in_channel\", \"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [0]}}",
          "conv.weight", 0, "b.weight", 1, 1 },
        { "", "{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"bn\"], \"align\": {\"module_name\": \"conv\", \"target_name\": \"bias\", \"dims\": [-1]}}", "conv.bias", 0, "bn.bias", 0, 1 },
        { "", "{\"op_names\": [\"bn\"], \"sparse_ratio\": 0.5, \"granularity\": [1]}, {\"op_names\": [\"conv\"], \"align\": {\"module_name\": \"bn\", \"target_name\": \"weight\", \"dims\": [0]}}", "bn.weight", 0, "conv.weight", 0, 1 },
        { "", "{\"op_names\": [\"emb\"], \"sparse_ratio\": 0.5, \"granularity\": \"in_channel\"}, {\"op_names\": [\"conv3\"], \"target_names\": [\"weight\"], \"granularity\": \"in_channel\", \"align\": {\"module_name\": \"emb\", \"target_name\": \"weight\","
          " \"dims\": [1]}}", "emb.weight", 1, "conv3.weight", 1, 1 },
        { "\"conv\": \"ConvTranspose2d\"", "{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"target_names\": [\"weight\"]}, {\"op_names\": [\"c\"], \"align\": {\"module_name\": \"conv\", \"target_name\": \"weight\", \"dims\": [1]}}", "conv.weight", 1, "c.weight", 0, 1 },
        { "\"conv\": \"ConvTranspose2d\"", "{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"conv\"], \"target_names\": [\"weight\"], \"granularity\": \"in_channel\", \"align\": {\"module_name\": \"a\", \"target_name\": \"weight\", \"dims\": [0]}}",
          "a.weight", 0, "conv.weight", 0, 1 },
        /* the weight of a grouped transposed convolution has the output channels of one group: every group follows */
        { "\"conv3\": \"ConvTranspose2d\"", "{\"op_names\": [\"conv3\"], \"sparse_ratio\": 0.5}", "conv3.weight", 1, "conv3.bias", 0, 2 },
        { "\"conv3\": \"ConvTranspose2d\"", "{\"op_names\": [\"conv3\"], \"sparse_ratio\": 0.25}, {\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"granularity\": \"in_channel\", \"align\": {\"module_name\": \"conv3\", \"target_name\": \"weight\", \"dims\": [1]}}",
          "conv3.weight", 1, "a.weight", 1, 2 },
        { "\"conv3\": \"ConvTranspose2d\"", "{\"op_names\": [\"conv3\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"a\"], \"target_names\": [\"weight\"], \"granularity\": \"in_channel\", \"align\": {\"module_name\": \"conv3\", \"target_name\": \"bias\", \"dims\": [0]}}",
          "conv3.weight", 1, "a.weight", 1, 2 },
        /* depthwise: each channel is a group, so that the output channels of the consumer follow */
        { "", "{\"op_names\": [\"conv2\"], \"sparse_ratio\": 0.5}, {\"op_names\": [\"conv3\"], \"target_names\": [\"weight\"], \"align\": {\"module_name\": \"conv2\", \"target_name\": \"weight\", \"dims\": [0]}}", "conv2.weight", 0, "conv3.weight", 0, 1 },
        /* several dims: kernel by kernel */
        { "", "{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": [1, 1, -1, -1], \"target_names\": [\"weight\"]}, {\"op_names\": [\"c1d\"], \"target_names\": [\"weight\"], \"granularity\": [1, 1, -1], \"align\": {\"module_name\": \"conv\","
          " \"target_name\": \"weight\", \"dims\": [0, 1]}}", "conv.weight", 0, "c1d.weight", 0, 1 },
        { "", "{\"op_names\": [\"conv\"], \"sparse_ratio\": 0.5, \"granularity\": [1, 1, -1, -1], \"target_names\": [\"weight\"]}, {\"op_names\": [\"c1d\"], \"target_names\": [\"weight\"], \"granularity\": [1, 1, -1], \"align\": {\"module_name\": \"conv\","
          " \"target_name\": \"weight\", \"dims\": [-4, -3]}}", "conv.weight", 1, "c1d.weight", 1, 1 } };
    size_t i, k, j, d;
    for (i = 0; i < COUNT_OF(rows); i++) {
        char text[2048];
        smash_tensor t[2];
        unsigned char left[2][16];
        size_t count[2];
        int s;
        start();
        golden_model();
        snprintf(text, sizeof text, "{\"module_types\": {%s}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [%s]}", rows[i].types, rows[i].entries);
        CHECK_ERR(&ctx, run_config(text, NULL), SMASH_OK, "%s: %s", text, first_message());
        if (ctx.err) continue;
        for (s = 0; s < 2; s++) {
            const unsigned axis = s ? rows[i].target_axis : rows[i].source_axis;
            size_t outer = 1, inner = 1;
            t[s] = mask_of(&mask_file, s ? rows[i].target : rows[i].source);
            CHECK(t[s].data != NULL, "%s: no mask", text);
            if (!t[s].data) break;
            for (d = 0; d < t[s].ndim; d++) { if (d < axis) outer *= t[s].shape[d]; if (d > axis) inner *= t[s].shape[d]; }
            count[s] = t[s].shape[axis];
            for (k = 0; k < count[s]; k++)
                for (d = 0, left[s][k] = 0; d < outer; d++) for (j = 0; j < inner; j++) left[s][k] |= ((const unsigned char *)t[s].data)[(d * count[s] + k) * inner + j];
        }
        if (s < 2) continue;
        CHECK(count[0] * rows[i].groups == count[1], "%s: %zu and %zu", text, count[0], count[1]);
        for (k = 0; k < count[1]; k++) CHECK(left[1][k] == left[0][k % count[0]], "%s: %s is not as %s at %zu", text, rows[i].target, rows[i].source, k);
    }
}

/* The threshold of a dependency group is compared in the widest dtype of its members, which their mean has. */
static void test_group_widths(void)
{
    static const struct { smash_dtype a, b; double x, y; int goes; } rows[] = {           /* the mean is a little below the threshold, or would be */
        { SMASH_F64, SMASH_F64, 0.1, 0.1, 1 }, { SMASH_F32, SMASH_F32, 0.1, 0.1, 0 }, { SMASH_F32, SMASH_F64, 0.1, 0.099999998, 1 }, { SMASH_F64, SMASH_F32, 0.099999998, 0.1, 1 },
        { SMASH_F64, SMASH_F64, 0.1000000000000001, 0.1, 0 }, { SMASH_F32, SMASH_F32, 0.1, 0.09999998, 1 } };
    static const char text[] = "[{\"op_names\": [\"p\", \"q\"], \"target_names\": [\"weight\"], \"sparse_threshold\": 0.10000000000000002, \"dependency_group_id\": 1}]";
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const size_t shape[2] = { 1, 2 };
        double wide[2][2];
        float narrow[2][2];
        start();
        smash_model_init(&model, &arena);
        for (k = 0; k < 2; k++) {
            const smash_dtype dtype = k ? rows[i].b : rows[i].a;
            smash_tensor t;
            wide[k][0] = k ? rows[i].y : rows[i].x;
            wide[k][1] = 1;
            narrow[k][0] = (float)wide[k][0];
            narrow[k][1] = 1;
            t = test_view(dtype, dtype == SMASH_F64 ? (void *)wide[k] : (void *)narrow[k], 2, shape);
            CHECK_ERR(&ctx, smash_model_add(&ctx, &model, k ? "q.weight" : "p.weight", &t, 0), SMASH_OK, "row %d", (int)i);
        }
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "row %d", (int)i);
        CHECK_ERR(&ctx, run_config(text, "level"), SMASH_OK, "row %d: %s", (int)i, first_message());
        for (k = 0; k < 2; k++) {
            const smash_tensor m = mask_of(&mask_file, k ? "q.weight" : "p.weight");
            CHECK(m.data && ((const unsigned char *)m.data)[0] == !rows[i].goes && ((const unsigned char *)m.data)[1], "row %d, member %d", (int)i, (int)k);
        }
    }
}

/* In a transposed convolution with groups, an output follows the inputs of its own group. Counted here, number by number. */
static void test_align_groups(void)
{
    static const char *const grains[] = { "[4, 1, -1, -1]", "[2, 1, -1, -1]", "[4, 2, -1, -1]", "[8, 1, -1, -1]", "\"out_channel\"", "\"in_channel\"", "[1, 1]", "[-1, 1, 1, 1]", "[1, 4, -1, -1]" };
    static const char *const ratios[] = { "0.3", "0.5", "0.9", "1" };
    size_t i, r, o, k, x, apart = 0;
    for (i = 0; i < COUNT_OF(grains); i++) for (r = 0; r < COUNT_OF(ratios); r++) {
        char text[1024];
        smash_tensor w, b;
        unsigned char kept[8];
        start();
        golden_model();
        snprintf(text, sizeof text, "{\"module_types\": {\"conv3\": \"ConvTranspose2d\"}, \"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv3\"], \"sparse_ratio\": %s, \"granularity\": %s}]}", ratios[r], grains[i]);
        CHECK_ERR(&ctx, run_config(text, NULL), SMASH_OK, "%s: %s", text, first_message());
        if (ctx.err) continue;
        w = mask_of(&mask_file, "conv3.weight");
        b = mask_of(&mask_file, "conv3.bias");
        CHECK(w.data && b.data && w.shape[0] == 8 && w.shape[1] == 4 && b.shape[0] == 8, "%s", text);
        if (!w.data || !b.data) continue;
        for (o = 0; o < 8; o++) {                                        /* output o of group o / 4, whose inputs are 4 of the 8 */
            for (k = 0, kept[o] = 0; k < 4; k++) for (x = 0; x < 9; x++) kept[o] |= ((const unsigned char *)w.data)[((o / 4 * 4 + k) * 4 + o % 4) * 9 + x];
            CHECK(((const unsigned char *)b.data)[o] == kept[o], "%s: bias %d is %d", text, (int)o, ((const unsigned char *)b.data)[o]);
        }
        apart += memcmp(kept, kept + 4, 4) != 0;
    }
    CHECK(apart > 0, "all groups lose the same: nothing was tested");
}

/* Inputs and outputs of one module: many, but no number that takes long */
static void test_many_ends(void)
{
    static const unsigned counts[4] = { 100, 512, 513, 3000 };
    static char text[400000];
    size_t i;
    for (i = 0; i < COUNT_OF(counts); i++) {
        unsigned k;
        int at = snprintf(text, sizeof text, "[{\"op_names\": [\"a\"], \"sparse_ratio\": 0.5, \"target_settings\": {");
        for (k = 0; k < counts[i]; k++)                                  /* each follows the one behind it */
            at += snprintf(text + at, sizeof text - (size_t)at, "%s\"_output_%u\": {\"align\": {\"target_name\": \"_output_%u\", \"dims\": [0]}}", k ? ", " : "", k, k + 1);
        snprintf(text + at, sizeof text - (size_t)at, ", \"bias\": {\"align\": {\"target_name\": \"_output_0\", \"dims\": [0]}}, \"_output_%u\": {\"align\": {\"target_name\": \"weight\", \"dims\": [0]}}}}]", counts[i]);
        start();
        golden_model();
        if (counts[i] < 512) {
            CHECK_ERR(&ctx, run_config(text, "l1_norm"), SMASH_OK, "%u: %s", counts[i], first_message());
            CHECK(plan.count == counts[i] + 3 && row_of("a", "_output_0") && row_of("a", "bias")->mask_stats.dropped == 3 && row_of("a", "_output_0")->mask_stats.dropped == 3, "%u: %zu rows", counts[i], plan.count);
        } else {
            CHECK_ERR(&ctx, run_config(text, "l1_norm"), SMASH_ERR_CONFIG, "%u", counts[i]);
            CHECK(!strcmp(diags.first->code, "too_many_targets") && !strcmp(first_message(), "module \"a\" has more than 512 inputs, outputs and absent parameters as targets: leave some out"), "%u: %s", counts[i], first_message());
        }
    }
}

/* What a refused config leaves alone: the types of the model, an arena that cannot last. */
static void test_untouched(void)
{
    static const char types[] = "{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_names\": [\"conv\"], \"granularity\": [7, -1, -1, -1], \"sparse_ratio\": 0.5}],"
                                " \"module_types\": {\"conv\": \"Linear\"}}";
    static const char nameless[] = "{\"pruner\": \"l1_norm\", \"module_types\": {\"conv\": \"\"}}";
    size_t conv;
    smash_config in_scratch;
    start();
    golden_model();
    conv = (size_t)smash_model_find_module(&model, "conv");
    CHECK_ERR(&ctx, run_config(types, NULL), SMASH_ERR_CONFIG, "blocks that do not fit");
    CHECK(has_code("granularity") && !strcmp(model.modules[conv].type, "Conv2d"), "type %s: %s", model.modules[conv].type, first_message());
    start();
    CHECK_ERR(&ctx, smash_config_load(&ctx, &config, nameless, strlen(nameless), "c.json", NULL), SMASH_ERR_CONFIG, "a type without a name");
    start();
    smash_config_init(&in_scratch, smash_builtins(), &ctx.scratch, &diags);
    CHECK_ERR(&ctx, smash_config_set_text(&ctx, &in_scratch, "pruner=level"), SMASH_ERR_ARG, "config in the scratch");
    CHECK_ERR(&ctx, smash_config_load(&ctx, &in_scratch, nameless, strlen(nameless), NULL, NULL), SMASH_ERR_ARG, "config in the scratch");
    diags.arena = &ctx.scratch;
    CHECK_ERR(&ctx, smash_config_check(&ctx, &config), SMASH_ERR_ARG, "diags in the scratch");
}

/* An algorithm of the user's: rows of smallest L1 norm go, under another name */
static smash_err apply_mine(smash_ctx *c, smash_work *work) { return smash_registry_find(smash_builtins(), "l1_norm")->targets->apply(c, work); }

static void test_register(void)
{
    static const char *const types[] = { "Conv2d", "Linear", NULL };
    static const smash_targets rows_of_mine = { types, SMASH_METRIC_L1, SMASH_GRAIN_AXIS, apply_mine, NULL, NULL, 0, 0 };
    static const smash_algo mine = SMASH_ZERO;
    smash_algo good = mine;
    static const struct { const char *name; int group, no_summary, no_apply; smash_err want; const char *piece; } rows[] = {
        { "fast", SMASH_PRUNER, 0, 0, SMASH_OK, "" },
        { NULL, SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "lacks its name" },
        { "", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "snake_case" },
        { "fast", SMASH_GROUP_NONE, 0, 0, SMASH_ERR_ARG, "lacks its group" },
        { "fast", SMASH_GROUP_COUNT, 0, 0, SMASH_ERR_ARG, "lacks its group" },
        { "fast", SMASH_PRUNER, 1, 0, SMASH_ERR_ARG, "lacks its summary" },
        { "fast", SMASH_PRUNER, 0, 1, SMASH_ERR_ARG, "apply" },
        { "level", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "\"level\" is taken" },
        { "ptq", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "is taken" },
        { "pruner", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "is taken" },
        { "Fast", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "snake_case" },
        { "2fast", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "snake_case" },
        { "fast_", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "snake_case" },
        { "fa__st", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "snake_case" },
        { "fa-st", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "snake_case" },
        { "level_min", SMASH_PRUNER, 0, 0, SMASH_ERR_ARG, "level_min_sparse_ratio would be a key of level_min as well as of level" },
        { "level_min", SMASH_QUANTIZER, 0, 0, SMASH_OK, "" }
    };
    const smash_algo *room[32];
    smash_registry registry;
    static test_buffer built_in;
    size_t i;
    good.name = "my_rows";
    good.group = SMASH_PRUNER;
    good.summary = "drop rows";
    good.targets = &rows_of_mine;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_algo algo = good;
        size_t before;
        algo.name = rows[i].name;
        algo.group = (smash_group)rows[i].group;
        if (rows[i].no_summary) algo.summary = NULL;
        if (rows[i].no_apply) algo.targets = NULL;
        smash_registry_init(&registry, room, COUNT_OF(room));
        CHECK_ERR(&ctx, smash_register_builtins(&ctx, &registry), SMASH_OK, "builtins");
        before = registry.count;
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &algo), rows[i].want, "row %d", (int)i);
        CHECK(strstr(ctx.message, rows[i].piece) && registry.count == before + (rows[i].want == SMASH_OK), "row %d: %s", (int)i, ctx.message);
    }
    /* a config knows it from then on, and it gives what the algorithm behind it gives */
    start();
    golden_model();
    CHECK_ERR(&ctx, run_config("{\"pruner\": \"l1_norm\", \"l1_norm_config_list\": [{\"op_types\": [\"Conv2d\"], \"sparse_ratio\": 0.5}]}", NULL), SMASH_OK, "%s", first_message());
    built_in = mask_file;
    start();
    golden_model();
    smash_registry_init(&registry, room, smash_builtins()->count + 1);
    CHECK_ERR(&ctx, smash_register_builtins(&ctx, &registry), SMASH_OK, "builtins");
    smash_config_init(&config, &registry, &arena, &diags);
    CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, "pruner=my_rows"), SMASH_ERR_CONFIG, "not there yet");
    CHECK(has_code("unknown_algorithm") && strstr(first_message(), "legal: level, l1_norm, l2_norm, fpgm"), "%s", first_message());
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &good), SMASH_OK, "late");
    CHECK(smash_registry_find(&registry, "my_rows") == &good, "not found");
    memset(&diags, 0, sizeof diags);
    diags.arena = &arena;
    CHECK_ERR(&ctx, run_config("{\"pruner\": \"my_rows\", \"my_rows_config_list\": [{\"op_types\": [\"Conv2d\"], \"sparse_ratio\": 0.5}]}", NULL), SMASH_OK, "%s", first_message());
    CHECK(mask_file.used > 0 && mask_file.used == built_in.used && !memcmp(mask_file.data, built_in.data, built_in.used), "other masks than l1_norm");
    {
        smash_algo another = good, builtins_are_full = good;
        smash_registry all = *smash_builtins();
        another.name = "another";
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &another), SMASH_ERR_LIMIT, "full");
        CHECK(registry.count == smash_builtins()->count + 1, "count %zu", registry.count);
        CHECK_ERR(&ctx, smash_register(&ctx, &all, &builtins_are_full), SMASH_ERR_LIMIT, "nothing is added to the builtins");
    }
}

int main(void)
{
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    test_golden();
    test_mistakes();
    test_validation();
    test_all_at_once();
    test_two_sources();
    test_good();
    test_old_lists();
    test_shorthand_equals_standard();
    test_long_names();
    test_resolved();
    test_older_failure();
    test_set_text();
    test_n_of_m();
    test_n_of_m_together();
    test_align_chain();
    test_activations();
    test_activations_leave_the_file();
    test_templates();
    test_template_equals_table();
    test_align_axes();
    test_align_groups();
    test_group_widths();
    test_many_ends();
    test_untouched();
    test_register();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%zu blocks leaked", test_alloc_live);
    return test_done();
}
