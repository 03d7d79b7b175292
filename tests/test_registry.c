/* test_registry.c - which algorithms a config takes, what it does with their keys, and how it says no. The algorithms are those
 * of seed_algorithms.h, for which Pruna's answers are known; algorithms of our own stand in for the callbacks. */
#include "../smash.h"
#include "test.h"
#include "seed_algorithms.h"
#include "golden/config_space.h"
#include <pthread.h>

static smash_ctx ctx;
static smash_arena arena, json_arena;
static smash_diags diags;
static smash_config config;
static const smash_algo *seed_room[SEED_COUNT + 8];
static smash_registry seeds;

static smash_err encode(void *user, const char *text, size_t bytes, int32_t *ids, size_t capacity, size_t *count)
{
    (void)user; (void)text; (void)ids; (void)capacity;
    *count = bytes;
    return SMASH_OK;
}
static smash_err process(void *user, const smash_tensor *raw, smash_tensor *input) { (void)user; (void)raw; (void)input; return SMASH_OK; }
static smash_err sample(void *user, smash_split split, uint64_t index, smash_tensor *input, smash_tensor *target)
{
    (void)user; (void)split; (void)index; (void)input; (void)target;
    return SMASH_OK;
}
static const smash_tokenizer tokenizer = { "openai/whisper-large-v3", encode, NULL };
static const smash_processor processor = { "openai/whisper-large-v3", process, NULL };
static const smash_data data = { "WikiText", { 8, 1, 1 }, sample, NULL };

static void forget_diags(void) { memset(&diags, 0, sizeof diags); diags.arena = &arena; }

/* An empty config over a registry; components are asked for by smash() only */
static void start_with(const smash_registry *registry)
{
    smash_arena_release(&arena);
    smash_arena_release(&json_arena);
    forget_diags();
    smash_ctx_reset(&ctx);
    smash_config_init(&config, registry, &arena, &diags);
    config.defer_components = 1;
}
static void start(void) { start_with(&seeds); }

static void add_components(smash_config *c)
{
    CHECK_ERR(&ctx, smash_config_add_tokenizer(&ctx, c, &tokenizer), SMASH_OK, "tokenizer");
    CHECK_ERR(&ctx, smash_config_add_processor(&ctx, c, &processor), SMASH_OK, "processor");
    CHECK_ERR(&ctx, smash_config_add_data(&ctx, c, &data), SMASH_OK, "data");
}

static const smash_value *json(const char *text)
{
    smash_json doc = SMASH_ZERO;
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, text, strlen(text), &json_arena, NULL, &doc), SMASH_OK, "%s", text);
    return doc.root;
}

static smash_err set_json(const char *key, const char *text) { return smash_config_set(&ctx, &config, key, json(text)); }

/* "key=value; key=value; " and so on, all of which must succeed */
static void set_all(const char *assignments)
{
    char one[256];
    while (*assignments) {
        size_t n = strcspn(assignments, ";");
        snprintf(one, sizeof one, "%.*s", (int)n, assignments);
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, one), SMASH_OK, "%s", one);
        assignments += n;
        assignments += strspn(assignments, "; ");
    }
}

/* ---- texts ---- */

static smash_text text_of;
static smash_writer new_writer(uint32_t indent)
{
    smash_writer w = SMASH_ZERO;
    memset(&text_of, 0, sizeof text_of);
    text_of.ctx = &ctx;
    text_of.arena = &json_arena;
    w.put = smash_text_put;
    w.user = &text_of;
    w.indent = indent;
    return w;
}
static const char *value_text(const smash_value *v)
{
    smash_writer w = new_writer(0);
    if (!v) return "(none)";
    smash_write_value(&w, v);
    CHECK(w.err == SMASH_OK && text_of.data, "value: %s", smash_err_name(w.err));
    return text_of.data;
}
static const char *get(const char *key)
{
    smash_ctx_reset(&ctx);
    return value_text(smash_config_get(&ctx, &config, key));
}
static const char *saved(const smash_config *c, uint32_t indent)
{
    smash_writer w = new_writer(indent);
    smash_config_save(c, &w);
    CHECK(w.err == SMASH_OK && w.depth == 0 && text_of.data, "save: %s", smash_err_name(w.err));
    return text_of.data ? text_of.data : "";
}
static const char *printed(const smash_config *c)
{
    smash_err err;
    new_writer(0);
    err = smash_config_print(c, smash_text_put, &text_of);
    CHECK(err == SMASH_OK && text_of.data, "print: %s", smash_err_name(err));
    return text_of.data ? text_of.data : "";
}

/* ---- refusals ---- */

/* The config as it is, to find it unchanged later */
static struct { smash_config config, copy; smash_arena arena; smash_diags diags; size_t errors; } kept;
static void keep(void)
{
    smash_arena_release(&kept.arena);
    memset(&kept.diags, 0, sizeof kept.diags);
    kept.diags.arena = &kept.arena;
    kept.config = config;
    kept.errors = diags.errors;
    CHECK_ERR(&ctx, smash_config_copy(&ctx, &config, &kept.arena, &kept.diags, &kept.copy), SMASH_OK, "copy");
}
static int unchanged(void)
{
    return config.count == kept.config.count && !memcmp(config.settings, kept.config.settings, config.count * sizeof *config.settings) &&
           smash_config_equal(&config, &kept.copy) && smash_config_equal(&kept.copy, &config) && config.tokenizer == kept.config.tokenizer &&
           config.processor == kept.config.processor && config.data == kept.config.data && config.registry == kept.config.registry;
}

/* 1 if word is one of the words */
static int is_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    const char *at = words;
    while ((at = strstr(at, word)) != NULL) {
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) return 1;
        at += n;
    }
    return 0;
}

/* What kind of refusal a code is */
static const char illegal[] = "illegal_value wrong_type out_of_range", illegal_group[] = "unknown_algorithm wrong_group wrong_type";

static const smash_diag *first_error(void)
{
    const smash_diag *d = diags.first;
    while (d && d->severity != SMASH_ERROR) d = d->next;
    return d;
}
static const char *said(void) { const smash_diag *d = first_error(); return d ? d->message : ctx.message; }
static int has_code(const char *code)
{
    const smash_diag *d;
    for (d = diags.first; d; d = d->next) if (!strcmp(d->code, code)) return 1;
    return 0;
}

/* 1 if some finding of this code holds this piece */
static int says(const char *code, const char *piece)
{
    const smash_diag *d;
    for (d = diags.first; d; d = d->next) if (!strcmp(d->code, code) && strstr(d->message, piece)) return 1;
    return 0;
}

/* The call before, which returned err after keep() and forget_diags(), must have refused with findings of one of these codes (one
 * for each component or other algorithm that is in the way, else one), the first of which holds this piece and is in ctx as well,
 * as far as that goes, and must have left the config as it was. */
static void refused(smash_err err, const char *codes, const char *piece, const char *row)
{
    const smash_diag *d = first_error();
    char start_of[64];
    snprintf(start_of, sizeof start_of, "%.60s", said());
    CHECK(err == SMASH_ERR_CONFIG, "%s: %s: %s", row, smash_err_name(err), said());
    CHECK(d && is_word(codes, d->code), "%s: %s, want %s: %s", row, d ? d->code : "none", codes, said());
    CHECK(diags.errors == 1 || (d && !strcmp(d->code, d->next ? d->next->code : "") && is_word("forbidden_pair missing_component", d->code)), "%s: %zu errors: %s", row, diags.errors, said());
    CHECK(d && strstr(d->message, piece), "%s: no \"%s\" in: %s", row, piece, said());
    CHECK(strstr(ctx.message, start_of) != NULL, "%s: ctx says \"%s\", diags \"%s\"", row, ctx.message, said());
    CHECK(unchanged(), "%s: the config changed", row);
}
static void refuse_json(const char *key, const char *text, const char *codes, const char *piece)
{
    char row[256];
    smash_err err;
    snprintf(row, sizeof row, "%s = %s", key, text);
    keep();
    forget_diags();
    smash_ctx_reset(&ctx);
    err = set_json(key, text);
    refused(err, codes, piece, row);
}

/* ---- registry ---- */

/* All that may be active together, from the table of the specification, read by hand */
static const struct { const char *a, *b; } allowed[] = {
    { "torch_structured", "half" }, { "torch_unstructured", "half" },
    { "half", "deepcache" }, { "half", "c_generate" }, { "half", "c_translate" }, { "half", "c_whisper" }, { "half", "stable_fast" }, { "half", "torch_compile" },
    { "half", "ifw" }, { "half", "whisper_s2t" },
    { "hqq", "torch_compile" }, { "gptq", "torch_compile" }, { "llm_int8", "torch_compile" },
    { "hqq_diffusers", "deepcache" }, { "hqq_diffusers", "fastercache" }, { "hqq_diffusers", "pab" }, { "hqq_diffusers", "torch_compile" },
    { "diffusers_int8", "deepcache" }, { "diffusers_int8", "fastercache" }, { "diffusers_int8", "pab" }, { "diffusers_int8", "torch_compile" },
    { "deepcache", "stable_fast" }, { "deepcache", "torch_compile" },
    { "c_generate", "whisper_s2t" }, { "c_translate", "whisper_s2t" }, { "c_whisper", "whisper_s2t" } };

static int is_allowed(const char *a, const char *b)
{
    size_t i;
    for (i = 0; i < COUNT_OF(allowed); i++)
        if ((!strcmp(allowed[i].a, a) && !strcmp(allowed[i].b, b)) || (!strcmp(allowed[i].a, b) && !strcmp(allowed[i].b, a))) return 1;
    return 0;
}

static void try_pair(const smash_algo *a, const smash_algo *b, int fits, int deferred)
{
    char row[128], file[256];
    smash_err err;
    start();
    if (!deferred) add_components(&config);
    config.defer_components = (uint32_t)deferred;
    snprintf(row, sizeof row, "%s, then %s", a->name, b->name);
    CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, smash_group_name(a->group), a->name), SMASH_OK, "%s", row);
    keep();
    smash_ctx_reset(&ctx);
    err = smash_config_set_word(&ctx, &config, smash_group_name(b->group), b->name);
    if (fits) CHECK(err == SMASH_OK && diags.errors == 0 && smash_config_active(&config, b->group) == b, "%s: %s", row, said());
    else { refused(err, "forbidden_pair", a->name, row); CHECK(strstr(said(), b->name) != NULL, "%s: %s", row, said()); }
    CHECK(smash_config_active(&config, a->group) == a, "%s: the first is not active any more", row);
    start();
    snprintf(file, sizeof file, "{\"%s\": \"%s\", \"%s\": \"%s\"}", smash_group_name(a->group), a->name, smash_group_name(b->group), b->name);
    keep();
    smash_ctx_reset(&ctx);
    err = smash_config_load(&ctx, &config, file, strlen(file), "pair.json", NULL);
    CHECK(err == (fits ? SMASH_OK : SMASH_ERR_CONFIG) && has_code("forbidden_pair") == !fits, "%s: %s: %s", file, smash_err_name(err), said());
    CHECK(fits || unchanged(), "%s: the config changed", file);
}

static void test_pairs(void)
{
    size_t i, k, across = 0, fit = 0;
    for (i = 0; i < SEED_COUNT; i++)
        for (k = i; k < SEED_COUNT; k++) {
            const smash_algo *a = &seed_algos[i], *b = &seed_algos[k];
            int want = is_allowed(a->name, b->name);
            CHECK(smash_algo_fits(a, b) == want && smash_algo_fits(b, a) == want, "%s and %s: %d, %d", a->name, b->name, smash_algo_fits(a, b), smash_algo_fits(b, a));
            if (a->group == b->group) { CHECK(!want, "%s and %s", a->name, b->name); continue; }
            across++;
            fit += (size_t)want;
            try_pair(a, b, want, 0);
            try_pair(b, a, want, 0);
            try_pair(a, b, want, 1);
            try_pair(b, a, want, 1);
        }
    CHECK(across == 171 && fit == 26, "%zu of %zu pairs", fit, across);
}

/* All 3 x 11 x 4 x 6 x 3 selections, tried from the first group to the last and back. */
static void test_selections(void)
{
    static const struct { const char *a, *b, *c; } triples[] = {
        { "half", "c_generate", "whisper_s2t" }, { "half", "c_translate", "whisper_s2t" }, { "half", "c_whisper", "whisper_s2t" }, { "half", "deepcache", "stable_fast" },
        { "half", "deepcache", "torch_compile" }, { "hqq_diffusers", "deepcache", "torch_compile" }, { "diffusers_int8", "deepcache", "torch_compile" } };
    static const smash_group used[5] = { SMASH_PRUNER, SMASH_QUANTIZER, SMASH_CACHER, SMASH_COMPILER, SMASH_BATCHER };
    size_t member[5][SEED_COUNT], count[5] = { 0, 0, 0, 0, 0 }, pick[5] = { 0, 0, 0, 0, 0 }, valid[6] = { 0, 0, 0, 0, 0, 0 }, tried = 0, found[COUNT_OF(triples)], i, k, g;
    memset(found, 0, sizeof found);
    for (i = 0; i < SEED_COUNT; i++) for (g = 0; g < 5; g++) if (seed_algos[i].group == used[g]) member[g][count[g]++] = i;
    for (g = 0; g < 5;) {
        const char *names[5];
        size_t n = 0, direction;
        int want = 1;
        for (i = 0; i < 5; i++) if (pick[i]) names[n++] = seed_algos[member[i][pick[i] - 1]].name;
        for (i = 0; i < n; i++) for (k = i + 1; k < n; k++) want = want && is_allowed(names[i], names[k]);
        for (direction = 0; direction < 2; direction++) {
            smash_err err = SMASH_OK;
            start();
            for (i = 0; i < n && !err; i++) {
                const smash_algo *algo = smash_registry_find(&seeds, names[direction ? n - 1 - i : i]);
                err = smash_config_set_word(&ctx, &config, smash_group_name(algo->group), algo->name);
            }
            CHECK(err == (want ? SMASH_OK : SMASH_ERR_CONFIG), "selection %zu of %zu names, direction %zu: %s: %s", tried, n, direction, smash_err_name(err), said());
            if (!want) continue;
            for (i = 0; i < n; i++) CHECK(smash_config_active(&config, smash_registry_find(&seeds, names[i])->group) != NULL, "%s is not active", names[i]);
            CHECK_ERR(&ctx, smash_config_check(&ctx, &config), SMASH_OK, "selection %zu: %s", tried, said());
        }
        tried++;
        if (want) {
            valid[n]++;
            if (n == 3) {
                for (i = 0; i < COUNT_OF(triples); i++) found[i] += !strcmp(names[0], triples[i].a) && !strcmp(names[1], triples[i].b) && !strcmp(names[2], triples[i].c);
                CHECK(!pick[0] || !pick[1] || !pick[3], "pruner, quantizer and compiler at once: %s", names[0]);
            }
        }
        for (g = 0; g < 5 && ++pick[g] > count[g]; g++) pick[g] = 0;
    }
    CHECK(tried == 3 * 11 * 4 * 6 * 3, "%zu selections", tried);
    CHECK(valid[0] == 1 && valid[1] == SEED_COUNT && valid[2] == 26 && valid[3] == 7 && valid[4] == 0 && valid[5] == 0, "%zu %zu %zu %zu %zu %zu valid of 0..5", valid[0],
          valid[1], valid[2], valid[3], valid[4], valid[5]);
    CHECK(valid[0] + valid[1] + valid[2] + valid[3] == 56, "not 56 in all");
    for (i = 0; i < COUNT_OF(triples); i++) CHECK(found[i] == 1, "%s %s %s: %zu times", triples[i].a, triples[i].b, triples[i].c, found[i]);
}

/* A small algorithm to change: runs on the CPU, needs nothing */
static smash_algo plain_algo(const char *name, smash_group group)
{
    smash_algo algo = SMASH_ZERO;
    algo.name = name;
    algo.group = group;
    algo.summary = "for a test";
    algo.apply = seed_apply;
    return algo;
}

/* Pairs that only one side lists, names that are not there, names of the same group. */
static void test_one_side(void)
{
    static const char *const one[] = { "other", NULL }, *const back[] = { "mine", NULL }, *const nobody[] = { "nobody", NULL }, *const both[] = { "other", "nobody", NULL },
                      *const itself[] = { "mine", NULL }, *const twin[] = { "twin", NULL };
    static const struct { const char *const *mine, *const *other; int fits; size_t found; const char *code; } rows[] = {
        { NULL, NULL, 0, 0, "" },
        { one, back, 1, 0, "" },
        { one, NULL, 1, 1, "registry_one_sided" },
        { NULL, back, 1, 1, "registry_one_sided" },
        { nobody, NULL, 0, 1, "registry_unknown_name" },
        { one, nobody, 1, 2, "registry_one_sided registry_unknown_name" },
        { both, back, 1, 1, "registry_unknown_name" },
        { itself, NULL, 0, 1, "registry_same_group" },
        { twin, NULL, 0, 1, "registry_same_group" } };
    const smash_algo *room[3];
    smash_registry registry;
    size_t i, found;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_algo mine = plain_algo("mine", SMASH_PRUNER), other = plain_algo("other", SMASH_QUANTIZER), twin_of = plain_algo("twin", SMASH_PRUNER);
        const smash_diag *d;
        smash_err err;
        mine.compatible = rows[i].mine;
        other.compatible = rows[i].other;
        smash_registry_init(&registry, room, COUNT_OF(room));
        start_with(&registry);
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &mine), SMASH_OK, "row %zu", i);
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &other), SMASH_OK, "row %zu", i);
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &twin_of), SMASH_OK, "row %zu", i);
        CHECK(smash_algo_fits(&mine, &other) == rows[i].fits && smash_algo_fits(&other, &mine) == rows[i].fits && !smash_algo_fits(&mine, &twin_of) && !smash_algo_fits(&mine, &mine), "row %zu", i);
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "quantizer", "other"), SMASH_OK, "row %zu", i);
        err = smash_config_set_word(&ctx, &config, "pruner", "mine");
        CHECK(err == (rows[i].fits ? SMASH_OK : SMASH_ERR_CONFIG), "row %zu: %s", i, said());
        forget_diags();
        found = 77;
        CHECK_ERR(&ctx, smash_registry_check(&ctx, &registry, &diags, &found), SMASH_OK, "row %zu", i);
        CHECK(found == rows[i].found && diags.warnings == found && diags.errors == 0, "row %zu: %zu found, %zu warnings, want %zu", i, found, diags.warnings, rows[i].found);
        for (d = diags.first; d; d = d->next) CHECK(is_word(rows[i].code, d->code) && strstr(d->message, !strcmp(d->code, "registry_unknown_name") ? "nobody" : "mine") != NULL, "row %zu: %s: %s", i, d->code, d->message);
        CHECK_ERR(&ctx, smash_registry_check(&ctx, &registry, &diags, NULL), SMASH_OK, "row %zu: found is optional", i);
    }
    start();
    found = 77;
    CHECK_ERR(&ctx, smash_registry_check(&ctx, &seeds, &diags, &found), SMASH_OK, "seeds");
    CHECK(found == 0 && diags.warnings == 0, "seeds: %zu: %s", found, diags.first ? diags.first->message : "");
    found = 77;
    CHECK_ERR(&ctx, smash_registry_check(&ctx, smash_builtins(), &diags, &found), SMASH_OK, "builtins");
    CHECK(found == 0 && diags.warnings == 0, "builtins: %zu: %s", found, diags.first ? diags.first->message : "");
    found = 77;
    CHECK_ERR(&ctx, smash_registry_check(&ctx, NULL, &diags, &found), SMASH_ERR_ARG, "no registry");
    CHECK(found == 77, "found was touched");
}

/* What smash_register refuses, beyond what test_config.c has. */
static void test_register(void)
{
    static const smash_key size_key[] = { SMASH_HYPER_INTEGER("size", 1, 9, "1", "") }, version_key[] = { SMASH_HYPER_INTEGER("version", 1, 9, "1", "") }, hyper_one[] = { SMASH_HYPER_BOOLEAN("fast", "false", "") }, twice[] = { SMASH_HYPER_BOOLEAN("fast", "false", ""), SMASH_HYPER_BOOLEAN("fast", "true", "") },
        not_snake[] = { SMASH_HYPER_BOOLEAN("Fast", "false", "") }, default_choice[] = { SMASH_HYPER_CHOICE("x", "a b", "c", "") }, default_ordinal[] = { SMASH_HYPER_ORDINAL("x", "2 4", "3", "") },
        default_integer[] = { SMASH_HYPER_INTEGER("x", 1, 9, "10", "") }, default_half[] = { SMASH_HYPER_INTEGER("x", 1, 9, "1.5", "") }, default_number[] = { SMASH_HYPER_NUMBER("x", 0, 1, "-0.1", "") },
        default_word[] = { SMASH_HYPER_NUMBER("x", 0, 1, "much", "") }, default_bool[] = { SMASH_HYPER_BOOLEAN("x", "yes", "") }, default_names[] = { SMASH_HYPER_NAMES("x", "[1]", "") },
        wrong_kind[] = { { "x", SMASH_KEY_SETTINGS, NULL, "null", "", 0, 0, 0, 0, 0 } }, ambiguous[] = { SMASH_HYPER_ORDINAL("diffusers_group_size", "8 16", "8", "") },
        all_kinds[] = { SMASH_HYPER_CHOICE("a", "null true 1.5 word", "null", ""), SMASH_HYPER_ORDINAL("b", "2 4", "4", ""), SMASH_HYPER_INTEGER("c", -3, 3, "-3", ""), SMASH_HYPER_NUMBER("d", 0, 1, "1", ""),
                        SMASH_HYPER_LOG_NUMBER("e", 0.001, 1, "0.01", ""), SMASH_HYPER_BOOLEAN("f", "true", ""), SMASH_HYPER_CONSTANT("g", "word", ""), SMASH_HYPER_NAMES("h", "[\"x\"]", ""), SMASH_HYPER_GLOBS("i", "[]", "") };
    static const char *const alias_dash[] = { "ws2t", "fast-er", NULL }, *const alias_taken[] = { "hqq", NULL }, *const alias_group[] = { "pruner", NULL }, *const alias_bad[] = { "Two", NULL };
    static const struct { const char *name; const char *const *aliases; const smash_key *keys; size_t key_count; smash_err err; const char *piece; } rows[] = {
        { "superfast", NULL, hyper_one, 1, SMASH_OK, "" }, { "superfast", NULL, all_kinds, COUNT_OF(all_kinds), SMASH_OK, "" },
        { "hqq", NULL, NULL, 0, SMASH_ERR_ARG, "hqq" }, { "quantizer", NULL, NULL, 0, SMASH_ERR_ARG, "quantizer" }, { "Super", NULL, NULL, 0, SMASH_ERR_ARG, "snake_case" },
        { "superfast", alias_taken, NULL, 0, SMASH_ERR_ARG, "hqq" }, { "superfast", alias_group, NULL, 0, SMASH_ERR_ARG, "pruner" }, { "superfast", alias_bad, NULL, 0, SMASH_ERR_ARG, "Two" },
        { "superfast", alias_dash, NULL, 0, SMASH_ERR_ARG, "fast-er" },
        { "superfast", NULL, twice, 2, SMASH_ERR_ARG, "fast" }, { "superfast", NULL, not_snake, 1, SMASH_ERR_ARG, "Fast" }, { "superfast", NULL, default_choice, 1, SMASH_ERR_ARG, "x" },
        { "superfast", NULL, default_ordinal, 1, SMASH_ERR_ARG, "x" }, { "superfast", NULL, default_integer, 1, SMASH_ERR_ARG, "x" }, { "superfast", NULL, default_half, 1, SMASH_ERR_ARG, "x" },
        { "superfast", NULL, default_number, 1, SMASH_ERR_ARG, "x" }, { "superfast", NULL, default_word, 1, SMASH_ERR_ARG, "x" }, { "superfast", NULL, default_bool, 1, SMASH_ERR_ARG, "x" },
        { "superfast", NULL, default_names, 1, SMASH_ERR_ARG, "x" }, { "superfast", NULL, wrong_kind, 1, SMASH_ERR_ARG, "x" }, { "hq", NULL, ambiguous, 1, SMASH_OK, "" },
        { "hqq_x", NULL, hyper_one, 1, SMASH_OK, "" }, { "batch", NULL, size_key, 1, SMASH_ERR_ARG, "batch_size" }, { "device", NULL, NULL, 0, SMASH_ERR_ARG, "device" },
        { "format", NULL, version_key, 1, SMASH_ERR_ARG, "format_version" } };
    const smash_algo *room[SEED_COUNT + 1];
    smash_registry registry;
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_algo algo = plain_algo(rows[i].name, SMASH_COMPILER);
        algo.aliases = rows[i].aliases;
        algo.keys = rows[i].keys;
        algo.key_count = rows[i].key_count;
        smash_registry_init(&registry, room, COUNT_OF(room));
        CHECK_ERR(&ctx, seed_register(&ctx, &registry), SMASH_OK, "seeds");
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &algo), rows[i].err, "row %zu", i);
        CHECK(strstr(ctx.message, rows[i].piece) && registry.count == SEED_COUNT + (rows[i].err == SMASH_OK), "row %zu: %zu: %s", i, registry.count, ctx.message);
        CHECK(smash_registry_find(&registry, "hqq") == &seed_algos[6], "row %zu: hqq is another", i);
    }
    {   /* hqq_ + diffusers_group_size is hqq_diffusers_ + group_size: the second of the two is refused */
        smash_algo long_key = plain_algo("hqq", SMASH_QUANTIZER), both_ways = plain_algo("both", SMASH_PRUNER);
        smash_algo too_many = plain_algo("one_more", SMASH_PRUNER);
        long_key.keys = ambiguous;
        long_key.key_count = 1;
        smash_registry_init(&registry, room, 2);
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &long_key), SMASH_OK, "first");
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &seed_algos[7]), SMASH_ERR_ARG, "the same key in full");
        CHECK(strstr(ctx.message, "hqq_diffusers_group_size") && registry.count == 1, "%s", ctx.message);
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &long_key), SMASH_ERR_ARG, "twice");
        both_ways.apply = NULL;
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &both_ways), SMASH_ERR_ARG, "neither apply nor targets");
        both_ways.apply = seed_apply;
        both_ways.targets = smash_registry_find(smash_builtins(), "level")->targets;
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &both_ways), SMASH_ERR_ARG, "both apply and targets");
        both_ways.apply = NULL;
        both_ways.group = SMASH_COMPILER;
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &both_ways), SMASH_ERR_ARG, "a compiler with targets");
        both_ways.group = SMASH_PRUNER;
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &both_ways), SMASH_OK, "a pruner with targets");
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &too_many), SMASH_ERR_LIMIT, "full");
        CHECK(registry.count == 2, "%zu", registry.count);
    }
    {   /* with the builtins in one registry: all but those whose name is an alias there */
        const smash_algo *both_room[SEED_COUNT + 32];
        size_t taken = 0;
        smash_registry_init(&registry, both_room, COUNT_OF(both_room));
        CHECK_ERR(&ctx, smash_register_builtins(&ctx, &registry), SMASH_OK, "builtins");
        for (i = 0; i < SEED_COUNT; i++) {
            const int there = smash_registry_find(&registry, seed_algos[i].name) != NULL;
            CHECK_ERR(&ctx, smash_register(&ctx, &registry, &seed_algos[i]), there ? SMASH_ERR_ARG : SMASH_OK, "%s", seed_algos[i].name);
            CHECK(!there || strstr(ctx.message, "is taken"), "%s: %s", seed_algos[i].name, ctx.message);
            taken += (size_t)there;
        }
        CHECK(registry.count == smash_builtins()->count + SEED_COUNT - taken && taken < 5, "%zu, %zu names were taken", registry.count, taken);
        start_with(&registry);
        set_all("batcher=whisper_s2t");
        refuse_json("whisper_s2t_itn8", "true", "unknown_key", "did you mean \"whisper_s2t_int8\"");       /* the last of some 140 keys */
    }
    {   /* late, under an alias, while a config is already there */
        static const char *const alias[] = { "superfast_2", "sf", NULL }, *const with[] = { "quanto", NULL };
        smash_algo late = plain_algo("superfast", SMASH_COMPILER);
        late.aliases = alias;
        late.keys = hyper_one;
        late.key_count = 1;
        late.compatible = with;
        smash_registry_init(&registry, room, COUNT_OF(room));
        CHECK_ERR(&ctx, seed_register(&ctx, &registry), SMASH_OK, "seeds");
        start_with(&registry);
        set_all("quantizer=quanto");
        refuse_json("compiler", "\"superfast\"", "unknown_algorithm", "superfast");
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &late), SMASH_OK, "late");
        CHECK(smash_registry_find(&registry, "sf") == &late && smash_registry_find(&registry, "superfast_2") == &late && !smash_registry_find(&registry, "superfas"), "aliases");
        set_all("compiler=superfast");
        CHECK(smash_config_active(&config, SMASH_COMPILER) == &late, "late is not active");
        CHECK(diags.warnings == 0, "%s", diags.first->message);
        set_all("compiler=null; compiler=sf; sf_fast=true");
        CHECK(smash_config_active(&config, SMASH_COMPILER) == &late && !strcmp(get("compiler"), "\"superfast\""), "late is not active by its alias");
        CHECK(!strcmp(get("superfast_fast"), "true") && !strcmp(get("superfast_2_fast"), "true"), "its key is %s", get("superfast_fast"));
        CHECK(diags.warnings == 2 && has_code("alias"), "%zu warnings", diags.warnings);
    }
}

/* Keys of a descriptor in order; what save means. */
static void test_descriptor(void)
{
    static const struct { smash_group group; smash_save_mode want; } defaults[] = {
        { SMASH_PRUNER, SMASH_SAVE_NONE }, { SMASH_DISTILLER, SMASH_SAVE_NONE }, { SMASH_QUANTIZER, SMASH_SAVE_NONE }, { SMASH_RECOVERER, SMASH_SAVE_NONE },
        { SMASH_CACHER, SMASH_SAVE_REAPPLY }, { SMASH_COMPILER, SMASH_SAVE_BEFORE_APPLY }, { SMASH_BATCHER, SMASH_SAVE_BEFORE_APPLY } };
    static const struct { const char *name; smash_group group; } groups[] = { { "batcher", SMASH_BATCHER }, { "cacher", SMASH_CACHER }, { "compiler", SMASH_COMPILER }, { "distiller", SMASH_DISTILLER },
        { "quantizer", SMASH_QUANTIZER }, { "pruner", SMASH_PRUNER }, { "recoverer", SMASH_RECOVERER }, { "kernel", SMASH_GROUP_NONE }, { "Pruner", SMASH_GROUP_NONE }, { "", SMASH_GROUP_NONE } };
    smash_algo algo = seed_algos[6];
    const char *want[7];
    size_t i, k;
    for (i = 0; i < COUNT_OF(groups); i++) {
        CHECK(smash_group_from_name(groups[i].name) == groups[i].group, "%s", groups[i].name);
        if (groups[i].group) CHECK(!strcmp(smash_group_name(groups[i].group), groups[i].name), "%s", groups[i].name);
    }
    for (i = 0; i < COUNT_OF(defaults); i++) {
        algo = plain_algo("x", defaults[i].group);
        CHECK(smash_algo_save(&algo) == defaults[i].want, "group %d: %d", (int)defaults[i].group, (int)smash_algo_save(&algo));
        for (k = SMASH_SAVE_NONE; k <= SMASH_SAVE_REAPPLY; k++) {
            algo.save = (smash_save_mode)k;
            CHECK(smash_algo_save(&algo) == algo.save, "group %d: %zu", (int)defaults[i].group, k);
        }
    }
    algo = seed_algos[6];
    algo.on_modules = 1;
    want[0] = "weight_bits"; want[1] = "group_size"; want[2] = "backend"; want[3] = "compute_dtype"; want[4] = "include"; want[5] = "exclude"; want[6] = NULL;
    for (i = 0; i < 7; i++) {
        const smash_key *key = smash_algo_key(&algo, i);
        CHECK(key ? want[i] && !strcmp(key->name, want[i]) : !want[i], "key %zu is %s", i, key ? key->name : "none");
        if (key && i < 4) CHECK(key == &algo.keys[i], "key %zu is a copy", i);
    }
    CHECK(!smash_algo_key(&seed_algos[2], 0) && !smash_algo_key(&algo, 99), "keys behind the last");
    for (k = 0; k < smash_builtins()->count; k++) {
        const smash_algo *a = smash_builtins()->algos[k];
        const smash_key *key = smash_algo_key(a, a->key_count);
        CHECK(a->targets && key && !strcmp(key->name, "config_list"), "%s: %s", a->name, key ? key->name : "none");
        for (i = 0; smash_algo_key(a, i); i++) key = smash_algo_key(a, i);
        CHECK(!strcmp(key->name, "exclude") && !strcmp(smash_algo_key(a, i - 2)->name, "include"), "%s ends with %s", a->name, key->name);
    }
}

/* ---- keys and values ---- */

/* The manual's own example, word for word but for the language. */
static void test_manual(void)
{
    start();
    config.defer_components = 0;
    CHECK_ERR(&ctx, smash_config_add_tokenizer(&ctx, &config, &tokenizer), SMASH_OK, "tokenizer");
    CHECK_ERR(&ctx, smash_config_add_processor(&ctx, &config, &processor), SMASH_OK, "processor");
    CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "batcher", "ifw"), SMASH_OK, "%s", said());
    CHECK_ERR(&ctx, smash_config_set_number(&ctx, &config, "ifw_weight_bits", 16), SMASH_OK, "%s", said());
    CHECK_ERR(&ctx, smash_config_set_number(&ctx, &config, "ifw_group_size", 4), SMASH_OK, "%s", said());
    CHECK(!strcmp(get("batcher"), "\"ifw\"") && !strcmp(get("ifw_weight_bits"), "16") && !strcmp(get("ifw_group_size"), "4"), "%s", printed(&config));
    CHECK(diags.errors == 0 && diags.warnings == 0, "%s", said());
}

/* The same text, or a number that Python keeps as a float, which need not be written as one in JSON */
static int same_text(const char *got, const char *want)
{
    size_t n = strlen(want);
    return !strcmp(got, want) || (n > 2 && !strcmp(want + n - 2, ".0") && strlen(got) == n - 2 && !strncmp(got, want, n - 2));
}

/* Every value on every kind of hyperparameter, against what ConfigSpace did with it. */
static void test_golden_values(void)
{
    size_t i, k, t = 0;
    for (i = 0; i < COUNT_OF(golden_keys); i++)
        for (k = 0; k < COUNT_OF(golden_values); k++) {
            const char *key = golden_keys[i].key, *value = golden_values[k];
            int taken = t < COUNT_OF(golden_taken) && golden_taken[t].key == i && golden_taken[t].value == k;
            start();
            CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, golden_keys[i].group, golden_keys[i].algorithm), SMASH_OK, "%s", key);
            if (taken) {
                CHECK_ERR(&ctx, set_json(key, value), SMASH_OK, "%s = %s", key, value);
                CHECK(same_text(get(key), golden_taken[t].stored), "%s = %s is stored as %s, want %s", key, value, get(key), golden_taken[t].stored);
                CHECK(diags.errors == 0, "%s = %s: %s", key, value, said());
                t++;
            } else refuse_json(key, value, illegal, key);
            /* inactive: an illegal value is illegal first of all */
            start();
            refuse_json(key, value, taken ? "inactive_algorithm" : illegal, taken ? golden_keys[i].algorithm : key);
        }
    CHECK(t == COUNT_OF(golden_taken), "only %zu of the values were met", t);
}

/* Reading: what is not there is told apart from what is null. */
static void test_get(void)
{
    static const struct { const char *set, *key, *want; } rows[] = {    /* want NULL: NOTFOUND */
        { "", "quantizer", "null" }, { "", "recoverer", "null" }, { "", "distiller", "null" }, { "", "batch_size", "1" }, { "", "device", "\"cpu\"" }, { "", "on_overlap", "\"first\"" }, { "", "pack_sparse", "false" }, { "pack_sparse=1", "pack_sparse", "true" }, { "pack_sparse=true; pack_sparse=null", "pack_sparse", "false" },
        { "", "hqq_weight_bits", NULL }, { "", "kernel", NULL }, { "", "", NULL }, { "", "hqq", NULL }, { "", "format_version", NULL },
        { "quantizer=hqq", "quantizer", "\"hqq\"" }, { "quantizer=hqq", "hqq_weight_bits", "8" }, { "quantizer=hqq", "hqq_backend", "\"torchao_int4\"" },
        { "quantizer=hqq", "hqq_diffusers_weight_bits", NULL }, { "quantizer=hqq", "hqq_weight", NULL }, { "quantizer=hqq", "weight_bits", NULL },
        { "quantizer=hqq", "gptq_weight_bits", NULL }, { "quantizer=hqq_diffusers", "hqq_diffusers_group_size", "64" }, { "quantizer=hqq_diffusers", "hqq_group_size", NULL },
        { "quantizer=quanto", "quanto_act_bits", "null" }, { "quantizer=quanto", "quanto_calibrate", "true" }, { "quantizer=awq", "awq_zero_point", "true" },
        { "quantizer=llm_int8", "llm_int8_threshold", "6.0" }, { "compiler=torch_compile", "torch_compile_dynamic", "null" }, { "compiler=torch_compile", "torch_compile_max_kv_cache_size", "400" },
        { "pruner=torch_structured", "torch_structured_head_sparsity", "0.0" }, { "pruner=torch_structured", "torch_structured_sparsity", "0.1" },
        { "pruner=torch_structured", "torch_structured_calibration_samples", "64" }, { "pruner=torch_structured", "torch_structured_type", "\"MagnitudeImportance\"" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_value *v;
        start();
        set_all(rows[i].set);
        keep();
        smash_ctx_reset(&ctx);
        v = smash_config_get(&ctx, &config, rows[i].key);
        CHECK((v != NULL) == (rows[i].want != NULL) && ctx.err == (v ? SMASH_OK : SMASH_ERR_NOTFOUND), "%s; %s: %s", rows[i].set, rows[i].key, smash_err_name(ctx.err));
        if (v && rows[i].want) CHECK(same_text(value_text(v), rows[i].want), "%s; %s: %s", rows[i].set, rows[i].key, value_text(v));
        CHECK(unchanged() && diags.errors == 0, "%s; %s: reading changed the config", rows[i].set, rows[i].key);
    }
}

/* Each refusal, and which of several comes first: unknown, illegal, inactive, forbidden, missing component. */
static void test_refusals(void)
{
    static const struct { const char *set, *key, *value, *codes, *piece; } rows[] = {
        { "", "kernel", "\"flash_attn3\"", "unknown_key", "kernel" },                       { "", "quantiser", "\"hqq\"", "unknown_key", "did you mean \"quantizer\"" },
        { "quantizer=hqq", "hqq_weigth_bits", "4", "unknown_key", "did you mean \"hqq_weight_bits\"" }, { "quantizer=hqq", "hqq_", "4", "unknown_key", "hqq_" },
        { "quantizer=hqq", "hqq_group_sizes", "[{}]", "unknown_key", "did you mean \"hqq_group_size\"" }, { "quantizer=hqq", "weight_bits", "4", "unknown_key", "weight_bits" },
        { "", "", "1", "unknown_key", "" },                                                { "", "tokenizer", "\"x\"", "unknown_key", "tokenizer" },
        { "", "quantizer", "\"hqqq\"", illegal_group, "did you mean \"hqq\"" },             { "", "quantizer", "\"None\"", illegal_group, "None" },
        { "", "quantizer", "false", illegal_group, "quantizer" },                          { "", "quantizer", "0", illegal_group, "quantizer" },
        { "", "quantizer", "\"\"", illegal_group, "quantizer" },                           { "", "quantizer", "[\"hqq\"]", illegal_group, "quantizer" },
        { "", "quantizer", "\"deepcache\"", "wrong_group", "cacher" },                      { "", "cacher", "\"hqq\"", "wrong_group", "quantizer" },
        { "", "distiller", "\"hyper\"", "unknown_algorithm", "none" },                      { "", "recoverer", "\"hqq\"", "wrong_group", "quantizer" },
        { "quantizer=hqq", "hqq_weight_bits", "5", illegal, "2 4 8" },                      { "quantizer=hqq", "hqq_weight_bits", "\"4\"", illegal, "\"4\"" },
        { "quantizer=hqq", "hqq_compute_dtype", "\"torch.bfloat\"", illegal, "did you mean \"torch.bfloat16\"" },
        { "quantizer=hqq", "hqq_backend", "\"marlin\"", illegal, "torchao_int4" },          { "pruner=torch_unstructured", "torch_unstructured_sparsity", "1.5", "out_of_range", "1.5" },
        { "", "hqq_weight_bits", "4", "inactive_algorithm", "quantizer" },                  { "", "hqq_weight_bits", "4", "inactive_algorithm", "hqq" },
        { "quantizer=gptq", "hqq_weight_bits", "4", "inactive_algorithm", "hqq" },          { "quantizer=hqq_diffusers", "hqq_weight_bits", "4", "inactive_algorithm", "hqq" },
        { "quantizer=hqq", "cacher", "\"deepcache\"", "forbidden_pair", "hqq" },            { "cacher=deepcache", "quantizer", "\"hqq\"", "forbidden_pair", "deepcache" },
        { "quantizer=half; cacher=deepcache", "compiler", "\"c_whisper\"", "forbidden_pair", "c_whisper" },
        { "", "batch_size", "0", illegal, "batch_size" },       { "", "batch_size", "-3", illegal, "batch_size" },  { "", "batch_size", "1.5", illegal, "batch_size" },
        { "", "batch_size", "\"8\"", illegal, "batch_size" },   { "", "device", "\"garbage\"", illegal, "device" }, { "", "device", "\"cuda:\"", illegal, "device" },
        { "", "device", "\"cuda:x\"", illegal, "device" },      { "", "device", "\"CPU\"", illegal, "device" },     { "", "device", "3", illegal, "device" },
        { "", "on_overlap", "\"frist\"", illegal, "first" },    { "", "module_types", "[]", illegal, "module_types" },
        { "", "shapes", "[]", illegal, "shapes" },              { "", "module_templates", "\"Linear\"", illegal, "module_templates" },
        /* two things are wrong: the first of the list is said */
        { "", "kernel", "{}", "unknown_key", "kernel" },                                    { "", "hqq_weigth_bits", "5", "unknown_key", "hqq_weight_bits" },
        { "", "hqq_weight_bits", "5", illegal, "2 4 8" },                                   { "quantizer=gptq", "hqq_weight_bits", "\"4\"", illegal, "hqq_weight_bits" },
        { "quantizer=hqq", "cacher", "\"deepcash\"", illegal_group, "did you mean \"deepcache\"" },
        { "quantizer=hqq", "cacher", "\"torch_compile\"", "wrong_group", "compiler" },
        { "components", "quantizer", "\"gptq2\"", illegal_group, "gptq" },                  { "components; pruner=torch_unstructured", "quantizer", "\"gptq\"", "forbidden_pair", "torch_unstructured" },
        { "components; quantizer=torch_dynamic", "batcher", "\"ifw\"", "forbidden_pair", "torch_dynamic" },
        { "components", "gptq_weight_bits", "4", "inactive_algorithm", "gptq" },            { "components", "quantizer", "\"gptq\"", "missing_component", "gptq" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const char *set = rows[i].set;
        start();
        if (!strncmp(set, "components", 10)) {                               /* they are asked for when an algorithm is activated */
            config.defer_components = 0;
            set += strspn(set + 10, "; ") + 10;
        }
        set_all(set);
        refuse_json(rows[i].key, rows[i].value, rows[i].codes, rows[i].piece);
        CHECK(strstr(said(), rows[i].key) || strstr(said(), smash_group_name(SMASH_QUANTIZER)) || !rows[i].key[0] || is_word(rows[i].codes, "forbidden_pair") || is_word(rows[i].codes, "missing_component"),
              "%s = %s: the key is not in: %s", rows[i].key, rows[i].value, said());
    }
    {   /* what has no JSON, or is not there at all */
        uint64_t bits = 0x7FF8000000000000u;
        double nan_of, infinity_of;
        memcpy(&nan_of, &bits, sizeof nan_of);
        bits = 0x7FF0000000000000u;
        memcpy(&infinity_of, &bits, sizeof infinity_of);
        start();
        set_all("pruner=torch_structured");
        keep();
        forget_diags();
        smash_ctx_reset(&ctx);
        refused(smash_config_set_number(&ctx, &config, "torch_structured_sparsity", nan_of), illegal, "torch_structured_sparsity", "NaN");
        CHECK(!strstr(said(), "is null"), "NaN is called null: %s", said());
        forget_diags();
        smash_ctx_reset(&ctx);
        refused(smash_config_set_number(&ctx, &config, "torch_structured_sparsity", -infinity_of), illegal, "torch_structured_sparsity", "-Inf");
        forget_diags();
        smash_ctx_reset(&ctx);
        refused(smash_config_set_number(&ctx, &config, "torch_structured_calibration_samples", infinity_of), illegal, "torch_structured_calibration_samples", "Inf");
        forget_diags();
        smash_ctx_reset(&ctx);
        refused(smash_config_set_number(&ctx, &config, "torch_structured_sparsity", 1.0 + 2.220446049250313e-16), illegal, "torch_structured_sparsity", "one bit over");
        CHECK_ERR(&ctx, smash_config_set_number(&ctx, &config, "torch_structured_sparsity", 1.0 / 3.0), SMASH_OK, "a third");
        CHECK(smash_config_get(&ctx, &config, "torch_structured_sparsity")->number == 1.0 / 3.0, "a third is %s", get("torch_structured_sparsity"));
        CHECK_ERR(&ctx, smash_config_set(&ctx, &config, NULL, NULL), SMASH_ERR_ARG, "no key");
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, NULL), SMASH_ERR_ARG, "no assignment");
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, NULL, "quantizer=hqq"), SMASH_ERR_ARG, "no config");
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "pruner", NULL), SMASH_OK, "null");
        CHECK(smash_config_active(&config, SMASH_PRUNER) == NULL, "still active");
    }
    {   /* no room for findings: they are counted, and refused all the same */
        start();
        diags.max = 1;
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "quantizer", "nobody"), SMASH_ERR_CONFIG, "the first");
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "kernel", "flash_attn3"), SMASH_ERR_CONFIG, "the second");
        set_all("quantizer=hqq");
        keep();
        CHECK_ERR(&ctx, smash_config_set_number(&ctx, &config, "hqq_weight_bits", 5), SMASH_ERR_CONFIG, "the third");
        CHECK(diags.errors == 3 && diags.dropped == 2 && unchanged(), "%zu errors, %zu dropped", diags.errors, diags.dropped);
    }
}

/* What stays and what is forgotten: after each row the key reads as it says (NULL: it is not there). */
static void test_activation(void)
{
    static const struct { const char *set, *key, *want; } rows[] = {
        { "quantizer=hqq", "hqq_weight_bits", "8" }, { "", "hqq_group_size", "64" }, { "hqq_weight_bits=4", "hqq_weight_bits", "4" },
        { "quantizer=hqq", "hqq_weight_bits", "4" },                                    /* the same again keeps */
        { "hqq_group_size=32", "hqq_weight_bits", "4" },                                /* another key disturbs nothing */
        { "compiler=torch_compile", "hqq_weight_bits", "4" }, { "", "hqq_group_size", "32" }, { "", "torch_compile_fullgraph", "true" },
        { "torch_compile_fullgraph=false", "hqq_weight_bits", "4" }, { "compiler=null", "hqq_weight_bits", "4" }, { "", "torch_compile_fullgraph", NULL },
        { "compiler=torch_compile", "torch_compile_fullgraph", "true" },                /* to null and back forgets */
        { "torch_compile_dynamic=true; torch_compile_fullgraph=false", "torch_compile_dynamic", "true" },
        { "quantizer=gptq", "hqq_weight_bits", NULL }, { "", "gptq_weight_bits", "4" }, { "", "torch_compile_dynamic", "true" },
        { "quantizer=hqq", "hqq_weight_bits", "8" }, { "", "hqq_group_size", "64" }, { "", "gptq_weight_bits", NULL }, { "", "torch_compile_fullgraph", "false" },
        { "batch_size=8; device=cuda:1", "batch_size", "8" }, { "", "device", "\"cuda:1\"" }, { "quantizer=null; compiler=null", "batch_size", "8" }, { "", "quantizer", "null" },
        { "quantizer=null", "quantizer", "null" }, { "module_types={\"embed\": \"Embedding\"}", "module_types", "{\"embed\":\"Embedding\"}" }, { "on_overlap=last", "on_overlap", "\"last\"" },
        { "shapes={\"relu\": {\"_output_0\": [1, 16, 8, 8]}}", "shapes", "{\"relu\":{\"_output_0\":[1,16,8,8]}}" },
        { "module_templates={\"My\": {\"inputs\": [\"x\"], \"pruner\": {\"w\": {}}}}", "module_templates", "{\"My\":{\"inputs\":[\"x\"],\"pruner\":{\"w\":{}}}}" } };
    size_t i;
    start();
    for (i = 0; i < COUNT_OF(rows); i++) {
        set_all(rows[i].set);
        CHECK(!strcmp(get(rows[i].key), rows[i].want ? rows[i].want : "(none)"), "row %zu, %s: %s is %s", i, rows[i].set, rows[i].key, get(rows[i].key));
    }
    /* back to the default */
    {
        static const struct { const char *set, *unset, *key, *want, *code; } unsets[] = {
            { "quantizer=hqq; hqq_weight_bits=2", "hqq_weight_bits", "hqq_weight_bits", "8", "" }, { "quantizer=hqq; hqq_weight_bits=2", "quantizer", "quantizer", "null", "" },
            { "quantizer=hqq; hqq_weight_bits=2", "quantizer", "hqq_weight_bits", NULL, "" }, { "batch_size=3", "batch_size", "batch_size", "1", "" }, { "device=cuda", "device", "device", "\"cpu\"", "" },
            { "on_overlap=last", "on_overlap", "on_overlap", "\"first\"", "" }, { "quantizer=hqq", "compiler", "quantizer", "\"hqq\"", "" },
            { "quantizer=hqq", "kernel", "quantizer", "\"hqq\"", "unknown_key" }, { "quantizer=hqq", "gptq_weight_bits", "quantizer", "\"hqq\"", "inactive_algorithm" } };
        for (i = 0; i < COUNT_OF(unsets); i++) {
            smash_err err;
            start();
            set_all(unsets[i].set);
            keep();
            smash_ctx_reset(&ctx);
            err = smash_config_unset(&ctx, &config, unsets[i].unset);
            if (unsets[i].code[0]) refused(err, unsets[i].code, unsets[i].unset, unsets[i].unset);
            else CHECK(err == SMASH_OK, "%s: %s", unsets[i].unset, said());
            CHECK(!strcmp(get(unsets[i].key), unsets[i].want ? unsets[i].want : "(none)"), "%s, less %s: %s is %s", unsets[i].set, unsets[i].unset, unsets[i].key, get(unsets[i].key));
        }
    }
}

/* Every default and every legal word of every seed algorithm can be set, and is what a fresh activation holds. */
static void test_defaults(void)
{
    size_t i, k;
    for (i = 0; i < SEED_COUNT; i++) {
        const smash_algo *algo = &seed_algos[i];
        size_t before;
        start();
        before = config.count;
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, smash_group_name(algo->group), algo->name), SMASH_OK, "%s", algo->name);
        CHECK(config.count == before + algo->key_count, "%s: %zu keys more, want %zu", algo->name, config.count - before, algo->key_count);
        for (k = 0; k < algo->key_count; k++) {
            const smash_key *key = &algo->keys[k];
            char full[128], words[256], *word;
            snprintf(full, sizeof full, "%s_%s", algo->name, key->name);
            keep();
            CHECK_ERR(&ctx, smash_config_unset(&ctx, &config, full), SMASH_OK, "%s", full);
            CHECK(smash_config_equal(&config, &kept.copy), "%s: its default is another", full);
            snprintf(words, sizeof words, "%s", key->kind == SMASH_KEY_CHOICE || key->kind == SMASH_KEY_ORDINAL ? key->legal : key->fallback);
            for (word = strtok(words, " "); word; word = strtok(NULL, " ")) {
                char assignment[256];
                snprintf(assignment, sizeof assignment, "%s=%s", full, word);
                CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, assignment), SMASH_OK, "%s", assignment);
            }
        }
        CHECK(diags.errors == 0, "%s", said());
    }
}

/* ---- order, text, equality, files ---- */

/* Keys in settings: groups by name, hyperparameters by full name whatever their algorithm, the rest. */
static void test_order(void)
{
    static const char *const rest[] = { "batch_size", "device", "module_templates", "module_types", "on_overlap", "pack_sparse", "shapes" }, *const groups[] = { "batcher", "cacher", "compiler", "distiller", "pruner", "quantizer", "recoverer" };
    static const struct { const char *set; const char *hypers[13]; } rows[] = {
        { "", { NULL } },
        { "quantizer=half", { NULL } },
        { "quantizer=hqq", { "hqq_backend", "hqq_compute_dtype", "hqq_group_size", "hqq_weight_bits", NULL } },
        { "compiler=torch_compile; quantizer=diffusers_int8; cacher=deepcache",
          { "deepcache_interval", "diffusers_int8_compute_dtype", "diffusers_int8_double_quant", "diffusers_int8_enable_fp32_cpu_offload", "diffusers_int8_has_fp16_weight", "diffusers_int8_quant_type",
            "diffusers_int8_threshold", "diffusers_int8_weight_bits", "torch_compile_backend", "torch_compile_dynamic", "torch_compile_fullgraph", "torch_compile_make_portable", "torch_compile_max_kv_cache_size" } },
        { "quantizer=half; batcher=whisper_s2t; compiler=c_generate", { "c_generate_weight_bits", "whisper_s2t_int8", NULL } },
        { "batcher=whisper_s2t; whisper_s2t_int8=true; compiler=c_generate; c_generate_weight_bits=8; quantizer=half", { "c_generate_weight_bits", "whisper_s2t_int8", NULL } } };
    size_t i, k, n;
    for (i = 0; i < COUNT_OF(rows); i++) {
        start();
        set_all(rows[i].set);
        for (k = 0; k < COUNT_OF(groups); k++) CHECK(config.count > k && !strcmp(config.settings[k].name, groups[k]), "%s: key %zu is %s", rows[i].set, k, config.settings[k].name);
        for (n = 0; n < COUNT_OF(rows[i].hypers) && rows[i].hypers[n]; n++)
            CHECK(config.count > k + n && !strcmp(config.settings[k + n].name, rows[i].hypers[n]), "%s: key %zu is %s, want %s", rows[i].set, k + n, config.settings[k + n].name, rows[i].hypers[n]);
        k = config.count - COUNT_OF(rest);
        CHECK(n == COUNT_OF(rows[i].hypers) || COUNT_OF(groups) + n == k, "%s: %zu keys", rows[i].set, config.count);
        for (n = 0; n < COUNT_OF(rest); n++) CHECK(!strcmp(config.settings[k + n].name, rest[n]), "%s: key %zu is %s", rows[i].set, k + n, config.settings[k + n].name);
        for (n = 0; n < config.count; n++) {
            const smash_setting *s = &config.settings[n];
            CHECK(s->key && s->value && !s->doc && (s->algo != NULL) == (n >= COUNT_OF(groups) && n < k), "%s: %s", rows[i].set, s->name);
        }
    }
}

static const char *const tool_notes[] = { "https://example.org", NULL };
static const smash_key tool_keys[] = { SMASH_HYPER_NAMES("names", "[]", "names"), SMASH_HYPER_LOG_NUMBER("rate", 1e-30, 1e30, "0.001", "a rate"),
    SMASH_HYPER_CONSTANT("note", "two words", "a value with a blank in it"), SMASH_HYPER_CHOICE("scale", "1.0 2.50 4", "1.0", "numbers that are floats, and one that is not"),
    SMASH_HYPER_INTEGER("offset", -3, 3, "1", "either sign") };
static smash_algo tool_algo(void)
{
    smash_algo tool = plain_algo("tool", SMASH_DISTILLER);
    tool.references = tool_notes;
    tool.description = "A paragraph.";
    tool.keys = tool_keys;
    tool.key_count = COUNT_OF(tool_keys);
    tool.on_modules = 1;
    return tool;
}

/* As SmashConfig prints itself. */
static void test_print(void)
{
    static const struct { const char *set, *want; } rows[] = {
        { "", "SmashConfig(\n)" },
        { "batch_size=8; device=cuda; on_overlap=last", "SmashConfig(\n)" },
        { "quantizer=half", "SmashConfig(\n  'quantizer': 'half',\n)" },
        { "batcher=ifw; ifw_group_size=4", "SmashConfig(\n  'batcher': 'ifw',\n  'ifw_chunk_length': 30,\n  'ifw_group_size': 4,\n  'ifw_weight_bits': 16,\n)" },
        { "pruner=torch_structured; torch_structured_sparsity=1; torch_structured_prune_head_dims=1",
          "SmashConfig(\n  'pruner': 'torch_structured',\n  'torch_structured_calibration_samples': 64,\n  'torch_structured_global_pruning': False,\n  'torch_structured_head_sparsity': 0.0,\n"
          "  'torch_structured_it_steps': 1,\n  'torch_structured_prune_head_dims': True,\n  'torch_structured_prune_num_heads': False,\n  'torch_structured_sparsity': 1.0,\n"
          "  'torch_structured_type': 'MagnitudeImportance',\n)" },
        { "compiler=torch_compile; cacher=deepcache; quantizer=half",
          "SmashConfig(\n  'cacher': 'deepcache',\n  'compiler': 'torch_compile',\n  'quantizer': 'half',\n  'deepcache_interval': 2,\n  'torch_compile_backend': 'inductor',\n  'torch_compile_dynamic': None,\n"
          "  'torch_compile_fullgraph': True,\n  'torch_compile_make_portable': False,\n  'torch_compile_max_kv_cache_size': 400,\n  'torch_compile_mode': 'default',\n"
          "  'torch_compile_seqlen_manual_cuda_graph': 100,\n)" },
        { "quantizer=quanto", "SmashConfig(\n  'quantizer': 'quanto',\n  'quanto_act_bits': None,\n  'quanto_calibrate': True,\n  'quanto_calibration_samples': 64,\n  'quanto_weight_bits': 'qfloat8',\n)" },
        { "quantizer=llm_int8", "SmashConfig(\n  'quantizer': 'llm_int8',\n  'llm_int8_compute_dtype': 'bfloat16',\n  'llm_int8_double_quant': False,\n  'llm_int8_enable_fp32_cpu_offload': False,\n"
                                "  'llm_int8_has_fp16_weight': False,\n  'llm_int8_quant_type': 'fp4',\n  'llm_int8_threshold': 6.0,\n  'llm_int8_weight_bits': 8,\n)" },
        { "distiller=tool; tool_include=[\"fc*\"]; tool_exclude=[]; tool_rate=1e22; tool_scale=4.0; tool_offset=-0.0",
          "SmashConfig(\n  'distiller': 'tool',\n  'tool_exclude': [],\n  'tool_include': ['fc*'],\n  'tool_names': [],\n  'tool_note': 'two words',\n  'tool_offset': 0,\n  'tool_rate': 1e+22,\n  'tool_scale': 4,\n)" },
        { "distiller=tool; tool_include=[\"*\"]; tool_scale=2.5; tool_offset=-3.0",
          "SmashConfig(\n  'distiller': 'tool',\n  'tool_exclude': [],\n  'tool_include': ['*'],\n  'tool_names': [],\n  'tool_note': 'two words',\n  'tool_offset': -3,\n  'tool_rate': 0.001,\n  'tool_scale': 2.5,\n)" },
        { "distiller=tool; tool_note=two words; tool_scale=1",
          "SmashConfig(\n  'distiller': 'tool',\n  'tool_exclude': [],\n  'tool_include': ['*'],\n  'tool_names': [],\n  'tool_note': 'two words',\n  'tool_offset': 1,\n  'tool_rate': 0.001,\n  'tool_scale': 1.0,\n)" },
        { "distiller=tool; tool_include=[\"a\"]; tool_exclude=[\"b\", \"c\"]; tool_rate=1e-5; tool_names=[\"it's\", \"a\\\"b\", \"both'\\\"\", \"tab\\t\\\\\", \"\\u00e9\", \"\\u0001\", \"new\\n\"]",
          "SmashConfig(\n  'distiller': 'tool',\n  'tool_exclude': ['b', 'c'],\n  'tool_include': ['a'],\n  'tool_names': [\"it's\", 'a\"b', 'both\\'\"', 'tab\\t\\\\', '\xc3\xa9', '\\x01', 'new\\n'],\n"
          "  'tool_note': 'two words',\n  'tool_offset': 1,\n  'tool_rate': 1e-05,\n  'tool_scale': 1.0,\n)" } };
    const smash_algo *room[SEED_COUNT + 1];
    smash_algo tool = tool_algo();
    smash_registry registry;
    size_t i;
    smash_registry_init(&registry, room, COUNT_OF(room));
    CHECK_ERR(&ctx, seed_register(&ctx, &registry), SMASH_OK, "seeds");
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &tool), SMASH_OK, "tool");
    for (i = 0; i < COUNT_OF(rows); i++) {
        const char *got;
        size_t n = strlen(rows[i].want);
        start_with(&registry);
        set_all(rows[i].set);
        got = printed(&config);
        CHECK(!strncmp(got, rows[i].want, n) && (!got[n] || !strcmp(got + n, "\n")), "%s prints\n%s\nand not\n%s", rows[i].set, got, rows[i].want);
    }
}

/* Pairs of histories, and whether they end in the same config. */
static void test_equal(void)
{
    static const struct { const char *a, *b; int equal; } rows[] = {
        { "", "", 1 }, { "quantizer=hqq", "quantizer=hqq; hqq_weight_bits=8", 1 }, { "quantizer=hqq", "quantizer=gptq; quantizer=hqq; hqq_weight_bits=4; hqq_weight_bits=8", 1 },
        { "quantizer=hqq; quantizer=null", "", 1 }, { "compiler=torch_compile; quantizer=hqq", "quantizer=hqq; compiler=torch_compile", 1 },
        { "quantizer=hqq; hqq_weight_bits=4", "quantizer=hqq; hqq_weight_bits=4.0", 1 }, { "pruner=torch_structured; torch_structured_sparsity=1", "pruner=torch_structured; torch_structured_sparsity=1.0", 1 },
        { "pruner=torch_structured; torch_structured_global_pruning=1", "pruner=torch_structured; torch_structured_global_pruning=true", 1 },
        { "module_types={\"a\": \"Linear\", \"b\": \"Conv2d\"}", "module_types={\"b\": \"Conv2d\", \"a\": \"Linear\"}", 0 }, { "batch_size=1", "", 1 }, { "device=cpu", "", 1 }, { "on_overlap=first", "", 1 },
        { "quantizer=hqq", "", 0 }, { "quantizer=hqq", "quantizer=hqq_diffusers", 0 }, { "quantizer=hqq; hqq_weight_bits=4", "quantizer=hqq", 0 },
        { "compiler=torch_compile", "compiler=torch_compile; torch_compile_dynamic=false", 0 }, { "compiler=torch_compile; torch_compile_dynamic=true", "compiler=torch_compile; torch_compile_dynamic=false", 0 },
        { "device=cuda", "", 0 }, { "device=cuda", "device=cuda:0", 0 }, { "batch_size=2", "", 0 }, { "on_overlap=last", "", 0 }, { "module_types={\"a\": \"Linear\"}", "", 0 },
        { "module_types={\"a\": \"Linear\"}", "module_types={\"a\": \"Conv2d\"}", 0 }, { "shapes={\"a\": {\"_input_\": [1, 2]}}", "shapes={\"a\": { \"_input_\" :[1,2]}}", 1 },
        { "shapes={\"a\": {\"_input_\": [1, 2]}}", "shapes={\"a\": {\"_input_\": [2, 2]}}", 0 }, { "shapes={}", "", 0 }, { "shapes=null; module_templates=null", "", 1 },
        { "module_templates={\"M\": {\"out_axis\": 1}}", "module_templates={\"M\": {\"out_axis\": 0}}", 0 } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        int way;
        for (way = 0; way < 2; way++) {
            start();
            set_all(way ? rows[i].b : rows[i].a);
            add_components(&config);
            keep();
            CHECK(smash_config_equal(&config, &config) && smash_config_equal(&config, &kept.copy), "%s: not equal to itself", rows[i].a);
            smash_arena_release(&arena);                                    /* the copy stands on its own */
            forget_diags();
            smash_config_init(&config, &seeds, &arena, &diags);
            config.defer_components = 1;
            set_all(way ? rows[i].a : rows[i].b);
            CHECK(smash_config_equal(&config, &kept.copy) == rows[i].equal && smash_config_equal(&kept.copy, &config) == rows[i].equal, "\"%s\" and \"%s\"", rows[i].a, rows[i].b);
        }
    }
    /* copies go their own way, and share components */
    start();
    set_all("quantizer=hqq; hqq_weight_bits=4; batch_size=3");
    add_components(&config);
    keep();
    CHECK(kept.copy.tokenizer == &tokenizer && kept.copy.processor == &processor && kept.copy.data == &data && kept.copy.registry == &seeds, "components");
    CHECK(kept.copy.arena == &kept.arena && kept.copy.diags == &kept.diags, "arena and diags of the copy");
    CHECK_ERR(&ctx, smash_config_set_number(&ctx, &kept.copy, "hqq_weight_bits", 2), SMASH_OK, "the copy");
    CHECK(!strcmp(get("hqq_weight_bits"), "4"), "the original is %s", get("hqq_weight_bits"));
    CHECK_ERR(&ctx, smash_config_add_data(&ctx, &kept.copy, NULL), SMASH_OK, "the copy");
    CHECK(config.data == &data && !smash_config_equal(&config, &kept.copy), "not apart");
    CHECK_ERR(&ctx, smash_config_set_number(&ctx, &kept.copy, "hqq_weight_bits", 4), SMASH_OK, "the copy");
    CHECK(smash_config_equal(&config, &kept.copy), "components do not matter");
    /* flush: batch size, device and components stay */
    set_all("device=cuda; module_types={\"a\": \"Linear\"}; on_overlap=last");
    smash_config_flush(&config);
    CHECK(!strcmp(get("batch_size"), "3") && !strcmp(get("device"), "\"cuda\"") && config.tokenizer == &tokenizer && config.processor == &processor && config.data == &data, "flushed too much");
    CHECK(!strcmp(get("quantizer"), "null") && !strcmp(get("hqq_weight_bits"), "(none)") && !strcmp(get("module_types"), "null") && !strcmp(get("on_overlap"), "\"first\""), "not flushed: %s", saved(&config, 0));
    config.defer_components = 1;
    set_all("batch_size=1; device=cpu");
    keep();
    start();
    CHECK(smash_config_equal(&config, &kept.copy), "flushed is not empty: %s", saved(&kept.copy, 0));
}

static const char empty_file[] = "{\n    \"format_version\": 1,\n    \"smash_version\": \"" SMASH_VERSION_TEXT "\",\n    \"batcher\": null,\n    \"cacher\": null,\n    \"compiler\": null,\n    \"distiller\": null,\n"
    "    \"pruner\": null,\n    \"quantizer\": null,\n    \"recoverer\": null,\n    \"batch_size\": 1,\n    \"device\": \"cpu\",\n    \"module_templates\": null,\n    \"module_types\": null,\n"
    "    \"on_overlap\": \"first\",\n    \"pack_sparse\": false,\n    \"shapes\": null\n}";
static const char ifw_file[] = "{\n    \"format_version\": 1,\n    \"smash_version\": \"" SMASH_VERSION_TEXT "\",\n    \"batcher\": \"ifw\",\n    \"cacher\": null,\n    \"compiler\": null,\n    \"distiller\": null,\n"
    "    \"pruner\": null,\n    \"quantizer\": \"half\",\n    \"recoverer\": null,\n    \"ifw_chunk_length\": 30,\n    \"ifw_group_size\": 4,\n    \"ifw_weight_bits\": 16,\n    \"batch_size\": 8,\n    \"device\": \"cuda\",\n"
    "    \"module_templates\": null,\n    \"module_types\": {\n        \"embed\": \"Embedding\"\n    },\n    \"on_overlap\": \"first\",\n    \"pack_sparse\": false,\n    \"shapes\": null\n}";

/* Save, load, save: the same bytes, for every valid selection of up to two algorithms and some of three. */
static void test_save(void)
{
    static const char *const sets[] = { "quantizer=hqq_diffusers; cacher=deepcache; compiler=torch_compile; hqq_diffusers_weight_bits=4; deepcache_interval=5; torch_compile_dynamic=false",
        "pruner=torch_structured; torch_structured_sparsity=0.3333333333333333; torch_structured_head_sparsity=1e-7; torch_structured_calibration_samples=256",
        "pruner=torch_structured; torch_structured_sparsity=1; torch_structured_global_pruning=1", "quantizer=llm_int8; llm_int8_threshold=6", "quantizer=quanto; quanto_calibrate=0",
        "module_types={\"a \\\"b\\\" \\u00e9\": \"Linear\", \"\": \"Module\"}; batch_size=1000000; device=cuda:15; on_overlap=last",
        "shapes={\"relu\": {\"_output_0\": [1, 16, 8, 8], \"_output_hidden\": [1]}}; module_templates={\"My\": {\"inputs\": [\"q\", \"k\"], \"out_axis\": 1, \"pruner\": {\"w\": {}}, \"quantizer\": {\"w\": {\"quant_dtype\": \"int4\"}}}}" };
    size_t i, k;
    uint32_t indent;
    const char *text;
    start();
    CHECK(!strcmp(saved(&config, 4), empty_file), "an empty config is\n%s", saved(&config, 4));
    set_all("module_types={\"embed\": \"Embedding\"}; quantizer=half; batcher=ifw; ifw_group_size=4; ifw_weight_bits=16; device=cuda; batch_size=8");
    CHECK(!strcmp(saved(&config, 4), ifw_file), "the manual's example is\n%s", saved(&config, 4));
    for (i = 0; i < SEED_COUNT + COUNT_OF(sets); i++)
        for (k = 0; k < (i < SEED_COUNT ? (size_t)SEED_COUNT : 1); k++) {
            if (i < SEED_COUNT && i != k && !is_allowed(seed_algos[i].name, seed_algos[k].name)) continue;
            start();
            if (i < SEED_COUNT) {
                CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, smash_group_name(seed_algos[i].group), seed_algos[i].name), SMASH_OK, "%s", seed_algos[i].name);
                CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, smash_group_name(seed_algos[k].group), seed_algos[k].name), SMASH_OK, "%s", seed_algos[k].name);
            } else set_all(sets[i - SEED_COUNT]);
            keep();
            indent = (uint32_t)(i % 3) * 2;
            text = saved(&config, indent);
            smash_config_init(&config, &seeds, &arena, &diags);              /* components are not asked for by a file */
            CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "saved.json", NULL), SMASH_OK, "%s: %s", text, said());
            CHECK(smash_config_equal(&config, &kept.copy) && diags.warnings == 0 && diags.errors == 0, "%s: another config: %s", text, said());
            CHECK(!strcmp(saved(&config, indent), text), "%s\nis saved again as\n%s", text, saved(&config, indent));
            CHECK(config.tokenizer == NULL && config.processor == NULL && config.data == NULL, "components from nowhere");
        }
}

/* Files: what loads, with how many warnings, and what the key then holds. */
static void test_load(void)
{
    static const struct { const char *before, *text; unsigned warnings; const char *code, *key, *want; } rows[] = {
        { "", "{\"hqq_weight_bits\": 4, \"quantizer\": \"hqq\"}", 0, "", "hqq_weight_bits", "4" },                        /* groups first, whatever the order */
        { "", "{\"torch_compile_dynamic\": true, \"hqq_weight_bits\": 4, \"compiler\": \"torch_compile\", \"quantizer\": \"hqq\"}", 0, "", "torch_compile_dynamic", "true" },
        { "quantizer=hqq; hqq_weight_bits=2", "{\"hqq_group_size\": 8}", 0, "", "hqq_weight_bits", "2" },                 /* what is there stays */
        { "quantizer=hqq; hqq_weight_bits=2", "{\"quantizer\": \"hqq\"}", 0, "", "hqq_weight_bits", "2" },
        { "quantizer=hqq; hqq_weight_bits=2", "{\"hqq_weight_bits\": 4, \"quantizer\": \"hqq\"}", 0, "", "hqq_weight_bits", "4" },
        { "quantizer=gptq", "{\"hqq_weight_bits\": 4, \"quantizer\": \"hqq\"}", 0, "", "hqq_weight_bits", "4" },
        { "quantizer=hqq", "{\"quantizer\": null}", 0, "", "hqq_weight_bits", NULL },
        { "quantizer=hqq", "{\"quantizer\": \"half\", \"cacher\": \"deepcache\"}", 0, "", "cacher", "\"deepcache\"" },    /* hqq, which forbids deepcache, goes with it */
        { "batch_size=4", "{\"device\": \"cuda:2\"}", 0, "", "batch_size", "4" }, { "", "{\"device\": \"cuda:2\", \"batch_size\": 7}", 0, "", "device", "\"cuda:2\"" },
        { "", "{\"recoverer\": null, \"distiller\": null}", 0, "", "recoverer", "null" }, { "", "{\"batcher\": \"ifw\", \"ifw_group_size\": 4.0}", 0, "", "ifw_group_size", "4" },
        /* lenient: the manuals' own spelling */
        { "", "{'batcher': 'ifw', 'ifw_weight_bits': 32,}", 4, "json_single_quotes", "ifw_weight_bits", "32" }, { "", "{\"pruner\": \"torch_structured\", \"torch_structured_global_pruning\": True}", 1, "json_python_literal",
          "torch_structured_global_pruning", "true" }, { "", "{\"quantizer\": None}  # nothing", 2, "json_comment", "quantizer", "null" },
        /* written by a program, perhaps another version: missing is default, unknown is kept */
        { "", "{\"format_version\": 1}", 0, "", "quantizer", "null" }, { "", "{\"quantizer\": \"hqq\", \"format_version\": 2}", 1, "newer_format", "quantizer", "\"hqq\"" }, { "", "{\"format_version\": 1, \"smash_version\": \"0.0.7\", \"quantizer\": \"hqq\"}", 0, "", "hqq_weight_bits", "8" },
        { "", "{\"format_version\": 1, \"quantizer\": \"hqq\", \"hqq_weight_bits\": 2}", 0, "", "hqq_group_size", "64" },
        { "", "{\"format_version\": 1, \"kernel\": \"flash_attn3\"}", 1, "unknown_key", "kernel", "\"flash_attn3\"" },
        { "", "{\"format_version\": 1, \"kernel\": null, \"hqq_new\": [1.50, {\"a\": \"\\u00e9\"}], \"quantizer\": \"hqq\"}", 2, "unknown_key", "hqq_new", "[1.50,{\"a\":\"\xc3\xa9\"}]" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const char *text;
        start();
        set_all(rows[i].before);
        config.defer_components = 0;
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, rows[i].text, strlen(rows[i].text), "c.json", NULL), SMASH_OK, "%s: %s", rows[i].text, said());
        CHECK(diags.errors == 0 && diags.warnings == rows[i].warnings && (!rows[i].code[0] || has_code(rows[i].code)), "%s: %zu warnings, want %u: %s", rows[i].text, diags.warnings, rows[i].warnings,
              diags.first ? diags.first->message : "");
        CHECK(!strcmp(get(rows[i].key), rows[i].want ? rows[i].want : "(none)"), "%s: %s is %s", rows[i].text, rows[i].key, get(rows[i].key));
        /* and again from what is saved */
        keep();
        text = saved(&config, 2);
        forget_diags();
        smash_config_init(&config, &seeds, &arena, &diags);
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "saved.json", NULL), SMASH_OK, "%s: %s", text, said());
        CHECK(smash_config_equal(&config, &kept.copy) && !strcmp(saved(&config, 2), text), "%s\nbecomes\n%s", text, saved(&config, 2));
        CHECK(has_code("unknown_key") == is_word(rows[i].code, "unknown_key"), "%s", text);
    }
    /* an unknown key that was kept can be taken out, and nothing else can be set under its name */
    start();
    CHECK_ERR(&ctx, smash_config_load(&ctx, &config, "{\"format_version\": 1, \"kernel\": 3}", 34, "c.json", NULL), SMASH_OK, "%s", said());
    CHECK(config.settings[config.count - 1].key == NULL && !strcmp(config.settings[config.count - 1].name, "kernel"), "the last key is %s", config.settings[config.count - 1].name);
    CHECK_ERR(&ctx, smash_config_unset(&ctx, &config, "kernel"), SMASH_OK, "unset");
    CHECK(!strcmp(get("kernel"), "(none)") && !strcmp(saved(&config, 4), empty_file), "%s", saved(&config, 4));
}

/* Mistakes in files: code and place of the first error, a piece of its message; the config stays as it was. */
static void test_mistakes(void)
{
    static const struct { const char *text, *codes, *piece; unsigned line, column; } rows[] = {
        { "{\"quantiser\": \"hqq\"}", "unknown_key", "did you mean \"quantizer\"", 1, 2 },
        { "{\"quantizer\": \"hqq\",\n  \"hqq_weigth_bits\": 4}", "unknown_key", "did you mean \"hqq_weight_bits\"", 2, 3 },
        { "{\"kernel\": \"flash_attn3\"}", "unknown_key", "kernel", 1, 2 },
        { "{\"smash_version\": \"0.1.0\", \"kernel\": 1}", "unknown_key", "kernel", 1, 28 },
        { "{\"quantizer\": \"hqqq\"}", "unknown_algorithm", "did you mean \"hqq\"", 1, 15 },
        { "{\"quantizer\": 3}", "wrong_type", "name of an algorithm", 1, 15 },
        { "{\"quantizer\": false}", "wrong_type", "name of an algorithm", 1, 15 },
        { "{\"quantizer\": [\"hqq\"]}", "wrong_type", "name of an algorithm", 1, 15 },
        { "{\n\t\"quantizer\": \"deepcache\"\n}", "wrong_group", "cacher", 2, 15 },
        { "{\"recoverer\": \"perp\"}", "unknown_algorithm", "none", 1, 15 },
        { "{\"quantizer\": \"hqq\", \"hqq_weight_bits\": 5}", illegal, "2 4 8", 1, 41 },
        { "{\"quantizer\": \"hqq\", \"hqq_weight_bits\": \"4\"}", illegal, "\"4\"", 1, 41 },
        { "{\"quantizer\": \"hqq\", \"hqq_weight_bits\": null}", illegal, "2 4 8", 1, 41 },
        { "{\"quantizer\": \"hqq\", \"hqq_compute_dtype\": \"torch.float61\"}", illegal, "did you mean \"torch.float16\"", 1, 43 },
        { "{\"pruner\": \"torch_structured\",\n \"torch_structured_sparsity\": 1.5}", "out_of_range", "1.5", 2, 31 },
        { "{\"pruner\": \"torch_structured\",\n \"torch_structured_it_steps\": 2.5}", illegal, "2.5", 2, 31 },
        { "{\"pruner\": \"torch_structured\",\n \"torch_structured_sparsity\": 1e999}", illegal, "1e999", 2, 31 },
        { "{\"pruner\": \"torch_structured\",\n \"torch_structured_global_pruning\": \"True\"}", illegal, "\"True\"", 2, 37 },
        { "{\"batcher\": \"ifw\",\n \"ifw_chunk_length\": 31}", illegal, "30", 2, 22 },
        { "{\"hqq_weight_bits\": 4}", "inactive_algorithm", "quantizer", 1, 21 },
        { "{\"quantizer\": \"gptq\",\n \"hqq_weight_bits\": 4}", "inactive_algorithm", "hqq", 2, 21 },
        { "{\"hqq_weight_bits\": 5}", illegal, "2 4 8", 1, 21 },
        { "{\"quantizer\": \"hqq\",\n \"cacher\": \"deepcache\"}", "forbidden_pair", "deepcache", 0, 0 },
        { "{\"batch_size\": 0}", illegal, "batch_size", 1, 16 },
        { "{\"batch_size\": \"many\"}", illegal, "batch_size", 1, 16 },
        { "{\"device\": \"gpu\"}", illegal, "cuda", 1, 12 },
        { "{\"on_overlap\": \"frist\"}", illegal, "did you mean \"first\"", 1, 16 },
        { "{\"module_types\": []}", illegal, "module_types", 1, 18 },
        { "{\"module_types\": {\"conv\": 3}}", illegal, "conv", 1, 27 },
        { "{\"shapes\": 3}", illegal, "an object", 1, 12 }, { "{\"module_templates\": []}", illegal, "an object", 1, 22 },
        { "{\"quantizer\": \"hqq\",\n\"quantizer\": \"hqq\"}", "json_duplicate_key", "quantizer", 2, 1 },
        { "{\"quantizer\": \"hqq\"", "json_syntax", "", 1, 20 },
        { "{\"quantizer\" \"hqq\"}", "json_syntax", "", 1, 14 },
        { "{\"quantizer\": hqq}", "json_syntax", "", 1, 15 },
        { "", "json_syntax", "", 1, 1 },
        { "\"hqq\"", "wrong_type", "object", 1, 1 },
        { "[{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.5}]", "missing_algorithm", "bare list", 1, 1 },
        /* written by a program: forgiving about what it does not know, not about what it does */
        { "{\"format_version\": 1, \"quantizer\": \"hqqq\"}", "unknown_algorithm", "hqqq", 1, 36 },
        { "{\"format_version\": 1, \"quantizer\": \"hqq\", \"hqq_weight_bits\": 5}", illegal, "2 4 8", 1, 62 },
        { "{\"format_version\": 1, \"quantizer\": \"hqq\", \"cacher\": \"pab\"}", "forbidden_pair", "pab", 0, 0 },
        { "{\"format_version\": 1, \"batch_size\": -1}", illegal, "batch_size", 1, 37 },
        { "{\"format_version\": \"one\"}", illegal, "format_version", 1, 20 } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        smash_err err;
        start();
        set_all("batch_size=2; device=cuda");
        keep();
        smash_ctx_reset(&ctx);
        err = smash_config_load(&ctx, &config, rows[i].text, strlen(rows[i].text), "config.json", NULL);
        d = first_error();
        CHECK(err == (is_word("json_syntax json_duplicate_key", rows[i].codes) ? SMASH_ERR_SYNTAX : SMASH_ERR_CONFIG), "%s: %s", rows[i].text, smash_err_name(err));
        CHECK(d && is_word(rows[i].codes, d->code), "%s: %s, want %s: %s", rows[i].text, d ? d->code : "nothing", rows[i].codes, said());
        CHECK(d && strstr(d->message, rows[i].piece), "%s: no \"%s\" in: %s", rows[i].text, rows[i].piece, said());
        CHECK(d && d->file && !strcmp(d->file, "config.json") && d->line && d->column && (!rows[i].line || d->line == rows[i].line) && (!rows[i].column || d->column == rows[i].column),
              "%s: at %u:%u, want %u:%u: %s", rows[i].text, d ? d->line : 0, d ? d->column : 0, rows[i].line, rows[i].column, said());
        CHECK(unchanged(), "%s: the config changed", rows[i].text);
    }
    {   /* all at once */
        static const char text[] = "{\n \"recoverr\": 1,\n \"pruner\": \"hqq\",\n \"cacher\": \"deepcash\",\n \"quantizer\": \"hqq\",\n \"hqq_weight_bits\": 5,\n \"hqq_group_size\": \"8\",\n"
                                   " \"gptq_weight_bits\": 4,\n \"batch_size\": 0,\n \"device\": \"gpu\"\n}";
        static const unsigned lines[] = { 2, 3, 4, 6, 7, 8, 9, 10 };
        const smash_diag *d;
        size_t k;
        start();
        keep();
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL), SMASH_ERR_CONFIG, "eight mistakes");
        CHECK(diags.errors == COUNT_OF(lines), "%zu errors", diags.errors);
        for (k = 0; k < COUNT_OF(lines); k++) {
            for (d = diags.first; d && d->line != lines[k]; d = d->next) { }
            CHECK(d != NULL, "nothing about line %u", lines[k]);
        }
        CHECK(unchanged(), "the config changed");
    }
}

/* ---- components ---- */

/* Which of the three a message asks for first */
static int asks_for(const char *message)
{
    static const char *const calls[] = { "smash_config_add_tokenizer", "smash_config_add_processor", "smash_config_add_data" };
    const char *first = NULL;
    int i, which = 0;
    for (i = 0; i < 3; i++) {
        const char *at = strstr(message, calls[i]);
        if (at && (!first || at < first)) { first = at; which = 1 << i; }
    }
    return which;
}

/* Every seed algorithm, activated with every set of components. */
static void test_components(void)
{
    size_t i;
    uint32_t have, way;
    for (i = 0; i < SEED_COUNT; i++)
        for (have = 0; have < 8; have++)
            for (way = 0; way < 3; way++) {                                 /* asked; deferred; from a file */
                const smash_algo *algo = &seed_algos[i];
                uint32_t missing = algo->needs & ~have;
                char row[128];
                smash_err err;
                start();
                config.defer_components = way == 1;
                if (have & SMASH_NEEDS_TOKENIZER) CHECK_ERR(&ctx, smash_config_add_tokenizer(&ctx, &config, &tokenizer), SMASH_OK, "tokenizer");
                if (have & SMASH_NEEDS_PROCESSOR) CHECK_ERR(&ctx, smash_config_add_processor(&ctx, &config, &processor), SMASH_OK, "processor");
                if (have & SMASH_NEEDS_DATA) CHECK_ERR(&ctx, smash_config_add_dataset(&ctx, &config, &data), SMASH_OK, "data");
                keep();
                smash_ctx_reset(&ctx);
                if (way == 2) {
                    snprintf(row, sizeof row, "{\"%s\": \"%s\"}", smash_group_name(algo->group), algo->name);
                    err = smash_config_load(&ctx, &config, row, strlen(row), "c.json", NULL);
                } else {
                    snprintf(row, sizeof row, "%s with components %u", algo->name, have);
                    err = smash_config_set_word(&ctx, &config, smash_group_name(algo->group), algo->name);
                }
                if (missing && way == 0) {
                    const smash_diag *d = diags.first;
                    refused(err, "missing_component", algo->name, row);
                    for (; missing; missing &= missing - 1, d = d ? d->next : NULL)       /* all that lack, in this order */
                        CHECK(d && asks_for(d->message) == (int)(missing & (0u - missing)), "%s: wants %u: %s", row, missing, d ? d->message : "nothing more");
                    CHECK(!d, "%s: %s", row, d->message);
                } else CHECK(err == SMASH_OK && diags.errors == 0 && smash_config_active(&config, algo->group) == algo, "%s: %s", row, said());
            }
    {   /* callbacks must be there; NULL takes a component away */
        smash_tokenizer no_encode = tokenizer;
        smash_processor no_process = processor;
        smash_data no_sample = data;
        no_encode.encode = NULL;
        no_process.process = NULL;
        no_sample.sample = NULL;
        start();
        add_components(&config);
        CHECK_ERR(&ctx, smash_config_add_tokenizer(&ctx, &config, &no_encode), SMASH_ERR_ARG, "encode");
        CHECK_ERR(&ctx, smash_config_add_processor(&ctx, &config, &no_process), SMASH_ERR_ARG, "process");
        CHECK_ERR(&ctx, smash_config_add_data(&ctx, &config, &no_sample), SMASH_ERR_ARG, "sample");
        CHECK_ERR(&ctx, smash_config_add_data(&ctx, NULL, &data), SMASH_ERR_ARG, "no config");
        CHECK(config.tokenizer == &tokenizer && config.processor == &processor && config.data == &data, "components changed");
        CHECK_ERR(&ctx, smash_config_add_tokenizer(&ctx, &config, NULL), SMASH_OK, "away");
        CHECK_ERR(&ctx, smash_config_add_processor(&ctx, &config, NULL), SMASH_OK, "away");
        CHECK_ERR(&ctx, smash_config_add_data(&ctx, &config, NULL), SMASH_OK, "away");
        CHECK(!config.tokenizer && !config.processor && !config.data, "components stayed");
    }
}

/* ---- with a model ---- */

static smash_model model;
static void make_model(int on_device)
{
    static const float weight[6] = { 1, -2, 3, 4, -5, 6 }, bias[2] = { 0.5f, 0.25f };
    static const size_t weight_shape[2] = { 2, 3 }, bias_shape[1] = { 2 };
    smash_tensor w = test_view(SMASH_F32, weight, 2, weight_shape), b = test_view(SMASH_F32, bias, 1, bias_shape);
    w.flags = b.flags = SMASH_TENSOR_CONST | (on_device ? (uint32_t)SMASH_TENSOR_DEVICE : 0u);
    smash_model_init(&model, &arena);
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "fc.weight", &w, 0), SMASH_OK, "fc.weight");
    CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "fc.bias", &b, 0), SMASH_OK, "fc.bias");
    CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "model");
}

/* What was called, in order: "check a; hook a; apply a; " */
static char calls[256];
static smash_err called(const char *what, const smash_job *job)
{
    size_t n = strlen(calls);
    snprintf(calls + n, sizeof calls - n, "%s %s; ", what, job->algo->name);
    CHECK(job->config && job->model, "%s of %s: the job is not filled", what, job->algo->name);
    return SMASH_OK;
}
static smash_err call_check(smash_ctx *c, const smash_job *job) { (void)c; return called("check", job); }
static smash_err call_hook(smash_ctx *c, const smash_job *job) { (void)c; return called("hook", job); }
static smash_err call_apply(smash_ctx *c, smash_job *job) { (void)c; return called("apply", job); }
static smash_err refuse_model(smash_ctx *c, const smash_job *job) { called("check", job); return smash_ctx_fail(c, SMASH_ERR_UNSUPPORTED, "it has no convolution"); }
static smash_err refuse_hook(smash_ctx *c, const smash_job *job) { called("hook", job); return smash_ctx_fail(c, SMASH_ERR_NOTFOUND, "a package is missing"); }
static smash_err refuse_apply(smash_ctx *c, smash_job *job) { called("apply", job); return smash_ctx_fail(c, SMASH_ERR_LIMIT, "it burst"); }

static smash_algo calling_algo(const char *name, smash_group group)
{
    smash_algo algo = plain_algo(name, group);
    algo.check_model = call_check;
    algo.hook = call_hook;
    algo.apply = call_apply;
    return algo;
}

/* One algorithm and everything before it runs: devices, components, the model, the hook. */
static void test_smash_checks(void)
{
    enum { T = SMASH_NEEDS_TOKENIZER, P = SMASH_NEEDS_PROCESSOR, D = SMASH_NEEDS_DATA, CPU = SMASH_ON_CPU, CUDA = SMASH_ON_CUDA };
    static const struct {
        const char *name; uint32_t needs, have, runs_on; const char *device; int on_device, bad_model;
        const char *code, *piece; int experimental;                          /* code with the checks; 1: fine when experimental */
    } rows[] = {
        { "all well", 0, 0, CPU, "cpu", 0, 0, "", "", 1 },
        { "runs_on 0 is the CPU", 0, 0, 0, "cpu", 0, 0, "", "", 1 },
        { "runs on both", 0, 0, CPU | CUDA, "cpu", 0, 0, "", "", 1 },
        { "model", 0, 0, CPU, "cpu", 0, 1, "incompatible_model", "it has no convolution", 1 },
        { "device of the config", 0, 0, CPU, "cuda", 1, 0, "incompatible_device", "algorithm1", 0 },
        { "device of the config, by number", 0, 0, 0, "cuda:1", 1, 0, "incompatible_device", "algorithm1", 0 },
        { "device of the algorithm", 0, 0, CUDA, "cpu", 0, 0, "incompatible_device", "algorithm1", 0 },
        { "device of config and model", 0, 0, CPU, "cuda", 0, 0, "incompatible_device", "algorithm1", 0 },
        { "device of the model", 0, 0, CPU, "cpu", 1, 0, "incompatible_device", "fc.weight", 0 },
        { "model on the host", 0, 0, CPU | CUDA, "cuda", 0, 0, "incompatible_device", "fc.weight", 0 },
        { "all on the device", 0, 0, CUDA, "cuda", 1, 0, "", "", 1 },
        { "both on the device", 0, 0, CPU | CUDA, "cuda:0", 1, 0, "", "", 1 },
        { "a tokenizer", T, P | D, CPU, "cpu", 0, 0, "missing_component", "tokenizer", 1 },
        { "a processor", P, T | D, CPU, "cpu", 0, 0, "missing_component", "processor", 1 },
        { "a dataset", D, T | P, CPU, "cpu", 0, 0, "missing_component", "data", 1 },
        { "tokenizer first", T | P | D, 0, CPU, "cpu", 0, 0, "missing_component", "tokenizer", 1 },
        { "all components", T | P | D, T | P | D, CPU, "cpu", 0, 0, "", "", 1 } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_algo algo = calling_algo("algorithm1", SMASH_QUANTIZER);
        const smash_algo *room[1];
        smash_registry registry;
        smash_result result;
        int experimental;
        algo.needs = rows[i].needs;
        algo.runs_on = rows[i].runs_on;
        if (rows[i].bad_model) algo.check_model = refuse_model;
        smash_registry_init(&registry, room, 1);
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &algo), SMASH_OK, "%s", rows[i].name);
        for (experimental = 0; experimental < 2; experimental++) {
            int good = experimental ? rows[i].experimental : !rows[i].code[0];
            smash_desc desc = SMASH_ZERO;
            smash_err err;
            start_with(&registry);
            make_model(rows[i].on_device);
            add_components(&config);
            CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "quantizer", "algorithm1"), SMASH_OK, "%s", rows[i].name);
            CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "device", rows[i].device), SMASH_OK, "%s", rows[i].name);
            if (!(rows[i].have & T)) CHECK_ERR(&ctx, smash_config_add_tokenizer(&ctx, &config, NULL), SMASH_OK, "%s", rows[i].name);     /* taken away after activation */
            if (!(rows[i].have & P)) CHECK_ERR(&ctx, smash_config_add_processor(&ctx, &config, NULL), SMASH_OK, "%s", rows[i].name);
            if (!(rows[i].have & D)) CHECK_ERR(&ctx, smash_config_add_data(&ctx, &config, NULL), SMASH_OK, "%s", rows[i].name);
            CHECK_ERR(&ctx, smash_config_check(&ctx, &config), SMASH_OK, "%s: not asked without a model: %s", rows[i].name, said());
            keep();
            calls[0] = '\0';
            CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, experimental), good ? SMASH_OK : SMASH_ERR_CONFIG, "%s, experimental %d: %s", rows[i].name, experimental, said());
            CHECK(good ? diags.errors == 0 : has_code(rows[i].code) && says(rows[i].code, rows[i].piece), "%s, experimental %d: no %s: %s", rows[i].name, experimental, rows[i].code, said());
            CHECK(good || !strcmp(rows[i].code, "incompatible_device") || strstr(said(), "algorithm1"), "%s: %s", rows[i].name, said());
            CHECK(good || rows[i].needs == 0 || asks_for(said()) == (int)((rows[i].needs & ~rows[i].have) & (0u - (rows[i].needs & ~rows[i].have))), "%s: %s", rows[i].name, said());
            CHECK(!strstr(calls, "hook") && !strstr(calls, "apply"), "%s: %s", rows[i].name, calls);
            if (rows[i].on_device) continue;                                 /* the rest reads numbers */
            forget_diags();
            calls[0] = '\0';
            memset(&result, 0x5A, sizeof result);
            desc.experimental = (uint32_t)experimental;
            smash_ctx_reset(&ctx);
            err = smash(&ctx, &model, &config, &desc, &result);
            CHECK(err == (good ? SMASH_OK : SMASH_ERR_CONFIG), "%s, experimental %d: %s: %s", rows[i].name, experimental, smash_err_name(err), said());
            if (good) {
                CHECK(!strcmp(calls, experimental ? "hook algorithm1; apply algorithm1; " : "check algorithm1; hook algorithm1; apply algorithm1; "), "%s, experimental %d: %s", rows[i].name, experimental, calls);
                CHECK(result.step_count == 1 && result.steps[0].algo == &algo, "%s: %u steps", rows[i].name, result.step_count);
            } else {
                smash_result untouched;
                memset(&untouched, 0x5A, sizeof untouched);
                CHECK(!memcmp(&untouched, &result, sizeof result) && !strstr(calls, "hook") && !strstr(calls, "apply"), "%s: result touched, or called: %s", rows[i].name, calls);
            }
            CHECK(unchanged(), "%s: smash changed the config", rows[i].name);
        }
    }
}

/* All checks, then all hooks, then everything is applied in order of group, whatever the order of registration and activation. */
static void test_smash_order(void)
{
    static const char *const all[] = { "p", "d", "q", "r", "ca", "co", "b", NULL };
    static const struct { const char *what; int who; smash_err err; const char *want; } rows[] = {
        { "nothing", -1, SMASH_OK, "check p; check d; check q; check r; check ca; check co; check b; hook p; hook d; hook q; hook r; hook ca; hook co; hook b; "
                                   "apply p; apply d; apply q; apply r; apply ca; apply co; apply b; " },
        { "model", 6, SMASH_ERR_CONFIG, "check p; check d; check q; check r; check ca; check co; check b; " },
        { "hook", 2, SMASH_ERR_NOTFOUND, "check p; check d; check q; check r; check ca; check co; check b; hook p; hook d; hook q; " },
        { "apply", 2, SMASH_ERR_LIMIT, "check p; check d; check q; check r; check ca; check co; check b; hook p; hook d; hook q; hook r; hook ca; hook co; hook b; apply p; apply d; apply q; " } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_algo algos[7];
        const smash_algo *room[7];
        smash_registry registry;
        smash_result result, untouched;
        smash_err err;
        smash_registry_init(&registry, room, 7);
        for (k = 7; k-- > 0;) {
            algos[k] = calling_algo(all[k], (smash_group)(k + 1));
            algos[k].compatible = all;
            algos[k].save = SMASH_SAVE_NONE;
        }
        if (!strcmp(rows[i].what, "model")) algos[rows[i].who].check_model = refuse_model;
        if (!strcmp(rows[i].what, "hook")) algos[rows[i].who].hook = refuse_hook;
        if (!strcmp(rows[i].what, "apply")) algos[rows[i].who].apply = refuse_apply;
        for (k = 7; k-- > 0;) CHECK_ERR(&ctx, smash_register(&ctx, &registry, &algos[k]), SMASH_OK, "%s", all[k]);
        start_with(&registry);
        make_model(0);
        for (k = 0; k < 7; k++) CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, smash_group_name(algos[k * 3 % 7].group), all[k * 3 % 7]), SMASH_OK, "%s", all[k * 3 % 7]);
        keep();
        calls[0] = '\0';
        memset(&result, 0x5A, sizeof result);
        memset(&untouched, 0x5A, sizeof untouched);
        smash_ctx_reset(&ctx);
        err = smash(&ctx, &model, &config, NULL, &result);
        CHECK(err == rows[i].err && !strcmp(calls, rows[i].want), "%s refuses: %s: %s: %s", rows[i].what, smash_err_name(err), said(), calls);
        if (err) CHECK(!memcmp(&result, &untouched, sizeof result), "%s: the result was touched", rows[i].what);
        else for (k = 0; k < 7; k++) CHECK(result.step_count == 7 && result.steps[k].algo == &algos[k], "step %zu", k);
        CHECK(unchanged(), "%s: smash changed the config", rows[i].what);
    }
    {   /* an empty config is legal */
        smash_result result;
        start();
        make_model(0);
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "empty: %s", said());
        CHECK(result.step_count == 0 && result.model.param_count == 2 && result.parameters == 8, "%u steps, %zu parameters", result.step_count, result.parameters);
    }
}

/* Twelve combinations that upstream runs on real models (one of them on two), all in one file each. */
static void test_combinations(void)
{
    static const char *const rows[] = { "{\"cacher\": \"deepcache\", \"compiler\": \"stable_fast\"}", "{\"pruner\": \"torch_unstructured\", \"quantizer\": \"half\"}",
        "{\"quantizer\": \"hqq_diffusers\", \"compiler\": \"torch_compile\"}", "{\"quantizer\": \"diffusers_int8\", \"compiler\": \"torch_compile\"}",
        "{\"quantizer\": \"gptq\", \"compiler\": \"torch_compile\", \"torch_compile_fullgraph\": false}", "{\"quantizer\": \"llm_int8\", \"compiler\": \"torch_compile\"}",
        "{\"cacher\": \"pab\", \"quantizer\": \"hqq_diffusers\"}", "{\"cacher\": \"pab\", \"quantizer\": \"diffusers_int8\"}", "{\"cacher\": \"fastercache\", \"quantizer\": \"hqq_diffusers\"}",
        "{\"cacher\": \"fastercache\", \"quantizer\": \"diffusers_int8\"}", "{\"quantizer\": \"hqq\", \"compiler\": \"torch_compile\"}" };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_result result;
        start();
        config.defer_components = 0;
        add_components(&config);
        make_model(1);
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "device", "cuda"), SMASH_OK, "cuda");
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, rows[i], strlen(rows[i]), "c.json", NULL), SMASH_OK, "%s: %s", rows[i], said());
        CHECK_ERR(&ctx, smash_check(&ctx, &model, &config, 0), SMASH_OK, "%s: %s", rows[i], said());
        CHECK(diags.errors == 0 && diags.warnings == 0, "%s: %s", rows[i], diags.first ? diags.first->message : "");
        if (strstr(rows[i], "torch_unstructured")) {                         /* the one that runs on a CPU runs */
            start();
            make_model(0);
            CHECK_ERR(&ctx, smash_config_load(&ctx, &config, rows[i], strlen(rows[i]), "c.json", NULL), SMASH_OK, "%s: %s", rows[i], said());
            CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "%s: %s", rows[i], said());
            CHECK(result.step_count == 2 && !strcmp(result.steps[0].algo->name, "torch_unstructured") && !result.steps[0].reapply && result.steps[1].reapply, "%s: %u steps", rows[i], result.step_count);
        }
    }
}

/* ---- callbacks of an algorithm: its own keys, its modules, rules between keys ---- */

static void test_job(void)
{
    static const struct { const char *set, *algo, *name, *want; } rows[] = {
        { "quantizer=hqq; hqq_weight_bits=4", "hqq", "weight_bits", "4" }, { "quantizer=hqq", "hqq", "backend", "\"torchao_int4\"" }, { "quantizer=hqq", "hqq", "quantizer", "\"hqq\"" },
        { "quantizer=hqq; compiler=torch_compile", "hqq", "compiler", "\"torch_compile\"" }, { "quantizer=hqq", "hqq", "compiler", "null" }, { "quantizer=hqq; batch_size=5", "hqq", "batch_size", "5" },
        { "quantizer=hqq; device=cuda", "hqq", "device", "\"cuda\"" }, { "quantizer=hqq", "hqq", "hqq_weight_bits", NULL }, { "quantizer=hqq", "hqq", "weight", NULL }, { "quantizer=hqq", "hqq", "", NULL },
        { "quantizer=hqq; compiler=torch_compile", "hqq", "torch_compile_mode", NULL }, { "quantizer=hqq_diffusers", "hqq", "diffusers_group_size", NULL }, { "quantizer=gptq", "hqq", "weight_bits", NULL },
        { "compiler=torch_compile", "torch_compile", "dynamic", "null" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_job job = SMASH_ZERO;
        const smash_value *v;
        start();
        set_all(rows[i].set);
        job.algo = smash_registry_find(&seeds, rows[i].algo);
        job.config = &config;
        v = smash_job_value(&job, rows[i].name);
        CHECK(!strcmp(value_text(v), rows[i].want ? rows[i].want : "(none)"), "%s: %s of %s is %s", rows[i].set, rows[i].name, rows[i].algo, value_text(v));
    }
}

/* include and exclude: what they accept, and which modules pass. Expected by Python 3.11: any(fnmatchcase(name, g) for g in include)
 * and not any(... in exclude). */
static void test_modules(void)
{
    static const struct { const char *include, *exclude, *name; int takes; } rows[] = {
        { "[\"*\"]", "[]", "", 1 }, { "[\"*\"]", "[]", "fc", 1 }, { "[\"*\"]", "[]", "model.layers.0.mlp", 1 }, { "[\"model.*\"]", "[\"*.lm_head\", \"lm_head\"]", "model.layers.0.fc", 1 },
        { "[\"model.*\"]", "[\"*.lm_head\", \"lm_head\"]", "model", 0 }, { "[\"model.*\"]", "[\"*.lm_head\", \"lm_head\"]", "model.lm_head", 0 }, { "[\"model.*\"]", "[\"*.lm_head\", \"lm_head\"]", "lm_head", 0 },
        { "[\"model.*\"]", "[\"*.lm_head\", \"lm_head\"]", "models.fc", 0 }, { "[\"layers.?.fc\"]", "[]", "layers.1.fc", 1 }, { "[\"layers.?.fc\"]", "[]", "layers.10.fc", 0 },
        { "[\"layers.?.fc\"]", "[]", "layers..fc", 0 }, { "[\"layers.[0-2].*\"]", "[\"*.norm\"]", "layers.0.fc", 1 }, { "[\"layers.[0-2].*\"]", "[\"*.norm\"]", "layers.3.fc", 0 },
        { "[\"layers.[0-2].*\"]", "[\"*.norm\"]", "layers.2.norm", 0 }, { "[\"layers.[0-2].*\"]", "[\"*.norm\"]", "layers.2.a.norm", 0 }, { "[\"layers.[0-2].*\"]", "[\"*.norm\"]", "layers.10.fc", 0 },
        { "[\"[!a]*\"]", "[]", "abc", 0 }, { "[\"[!a]*\"]", "[]", "bcd", 1 }, { "[\"[!a]*\"]", "[]", "Abc", 1 }, { "[\"[!a]*\"]", "[]", "", 0 }, { "[\"a*\", \"b*\"]", "[\"*z\"]", "a", 1 },
        { "[\"a*\", \"b*\"]", "[\"*z\"]", "bz", 0 }, { "[\"a*\", \"b*\"]", "[\"*z\"]", "b.z.c", 1 }, { "[\"a*\", \"b*\"]", "[\"*z\"]", "c", 0 }, { "[\"fc\"]", "[\"fc\"]", "fc", 0 }, { "[]", "[]", "fc", 0 },
        { "[]", "[]", "", 0 }, { "[\"[ab\"]", "[]", "[ab", 1 }, { "[\"[ab\"]", "[]", "a", 0 }, { "[\"FC*\"]", "[]", "fc1", 0 }, { "[\"FC*\"]", "[]", "FC1", 1 },
        /* only one of the two, or none: all are included, none excluded */
        { "", "", "fc", 1 }, { "", "[\"lm_head\"]", "fc", 1 }, { "", "[\"lm_head\"]", "lm_head", 0 }, { "[\"fc*\"]", "", "fc1", 1 }, { "[\"fc*\"]", "", "lm_head", 0 } };
    static const struct { const char *key, *value, *code; } bad[] = {        /* a name that is no list; another key; a list in a dictionary; a number for a glob */
        { "tool_include", "\"fc\"", "wrong_type" }, { "tool_includes", "[\"fc\"]", "unknown_key" }, { "tool_include", "{\"fc\": [\"x\"]}", "wrong_type" }, { "tool_exclude", "[\"fc\", 3]", "wrong_type" },
        { "tool_note", "\"two\"", "illegal_value" }, { "tool_note", "\"words\"", "illegal_value" } };   /* half a constant */
    smash_algo tool = tool_algo();
    const smash_algo *room[1];
    smash_registry registry;
    smash_job job = SMASH_ZERO;
    size_t i;
    smash_registry_init(&registry, room, 1);
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &tool), SMASH_OK, "tool");
    job.algo = &tool;
    job.config = &config;
    for (i = 0; i < COUNT_OF(rows); i++) {
        start_with(&registry);
        set_all("distiller=tool");
        if (rows[i].include[0]) CHECK_ERR(&ctx, set_json("tool_include", rows[i].include), SMASH_OK, "%s", rows[i].include);
        if (rows[i].exclude[0]) CHECK_ERR(&ctx, set_json("tool_exclude", rows[i].exclude), SMASH_OK, "%s", rows[i].exclude);
        CHECK(smash_job_takes(&job, rows[i].name) == rows[i].takes, "include %s, exclude %s: \"%s\"", rows[i].include, rows[i].exclude, rows[i].name);
    }
    for (i = 0; i < COUNT_OF(bad); i++) {
        start_with(&registry);
        set_all("distiller=tool");
        refuse_json(bad[i].key, bad[i].value, bad[i].code, "tool_");
    }
}

/* A rule between two keys: low <= high */
static smash_err low_before_high(smash_ctx *c, const smash_job *job)
{
    const smash_value *low = smash_job_value(job, "low"), *high = smash_job_value(job, "high");
    return low->number <= high->number ? SMASH_OK : smash_ctx_fail(c, SMASH_ERR_RANGE, "low is above high");
}

static void test_rules(void)
{
    static const smash_key keys[] = { SMASH_HYPER_INTEGER("low", 0, 9, "1", ""), SMASH_HYPER_INTEGER("high", 0, 9, "2", "") };
    static const struct { const char *text; smash_err err; const char *want; } files[] = {
        { "{\"pruner\": \"ruled\", \"ruled_low\": 5, \"ruled_high\": 7}", SMASH_OK, "5" }, { "{\"pruner\": \"ruled\", \"ruled_low\": 5, \"ruled_high\": 5}", SMASH_OK, "5" },
        { "{\"pruner\": \"ruled\", \"ruled_low\": 5, \"ruled_high\": 3}", SMASH_ERR_CONFIG, "(none)" }, { "{\"pruner\": \"ruled\", \"ruled_low\": 5}", SMASH_ERR_CONFIG, "(none)" } };
    const smash_algo *room[1];
    smash_algo ruled = calling_algo("ruled", SMASH_PRUNER);
    smash_registry registry;
    smash_result result;
    size_t i;
    ruled.keys = keys;
    ruled.key_count = COUNT_OF(keys);
    ruled.check_config = low_before_high;
    smash_registry_init(&registry, room, 1);
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &ruled), SMASH_OK, "ruled");
    for (i = 0; i < COUNT_OF(files); i++) {
        start_with(&registry);
        keep();
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, files[i].text, strlen(files[i].text), "c.json", NULL), files[i].err, "%s: %s", files[i].text, said());
        CHECK(!strcmp(get("ruled_low"), files[i].want), "%s: %s", files[i].text, get("ruled_low"));
        CHECK(!files[i].err || (diags.errors == 1 && strstr(said(), "low is above high") && strstr(said(), "ruled") && unchanged()), "%s: %s", files[i].text, said());
    }
    start_with(&registry);
    make_model(0);
    set_all("pruner=ruled; ruled_low=5");                                    /* for a while low is above high */
    CHECK_ERR(&ctx, smash_config_check(&ctx, &config), SMASH_ERR_CONFIG, "%s", said());
    CHECK(diags.errors == 1 && strstr(said(), "low is above high"), "%s", said());
    calls[0] = '\0';
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_ERR_CONFIG, "%s", said());
    CHECK(!strstr(calls, "hook") && !strstr(calls, "apply"), "%s", calls);
    set_all("ruled_high=6");
    forget_diags();
    CHECK_ERR(&ctx, smash_config_check(&ctx, &config), SMASH_OK, "%s", said());
    CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "%s", said());
    CHECK(!strcmp(calls, "check ruled; hook ruled; apply ruled; ") || !strcmp(calls, "check ruled; check ruled; hook ruled; apply ruled; "), "%s", calls);
}

/* ---- memory ---- */

/* One call on a config with hqq and torch_compile, by number */
static smash_err any_call(int which, smash_config *c, smash_config *copy, smash_arena *copy_arena)
{
    static const char file[] = "{\"quantizer\": \"hqq_diffusers\", \"cacher\": \"deepcache\", \"deepcache_interval\": 3, \"module_types\": {\"a\": \"Linear\"}}";
    switch (which) {
    case 0: return smash_config_set_word(&ctx, c, "quantizer", "llm_int8");
    case 1: return smash_config_set_text(&ctx, c, "module_types={\"a\": \"Linear\", \"b\": \"Conv2d\"}");
    case 2: return smash_config_set_number(&ctx, c, "hqq_weight_bits", 4);
    case 3: return smash_config_load(&ctx, c, file, sizeof file - 1, "c.json", NULL);
    case 4: return smash_config_unset(&ctx, c, "hqq_weight_bits");
    case 5: return smash_config_copy(&ctx, c, copy_arena, &kept.diags, copy);
    default: return smash_config_check(&ctx, c);
    }
}

/* Allocation number n fails, for every n: NOMEM, and the config is as it was. */
static void test_no_memory(void)
{
    static smash_config copy;
    int which;
    for (which = 0; which < 7; which++) {
        size_t n, failures = 0;
        for (n = 1; n < 100; n++) {
            smash_arena copy_arena;
            unsigned char *buffer;
            smash_err err;
            smash_arena_init(&copy_arena, NULL, 0, &test_allocator);
            start();
            set_all("quantizer=hqq; compiler=torch_compile");
            /* what is left of the arena's block is used up, so that the call needs the next one */
            CHECK(smash_arena_alloc(&ctx, &arena, 32) != NULL, "arena");
            while (arena.allocator && (buffer = (unsigned char *)arena.block) != NULL && arena.used < 65536 - 64) {
                size_t used = arena.used;
                if (!smash_arena_alloc(&ctx, &arena, 32) || arena.used < used) break;
            }
            keep();
            smash_arena_release(&ctx.scratch);
            smash_ctx_reset(&ctx);
            test_alloc_calls = test_alloc_failed = 0;
            test_fail_at = n;
            test_fail_later = 1;
            err = any_call(which, &config, &copy, &copy_arena);
            test_fail_at = 0;
            test_fail_later = 0;
            failures += err != SMASH_OK;
            CHECK(err == SMASH_OK || (err == SMASH_ERR_NOMEM && ctx.need > 0), "call %d, allocation %zu: %s", which, n, smash_err_name(err));
            CHECK(err == SMASH_OK || unchanged(), "call %d, allocation %zu: the config changed", which, n);
            smash_arena_release(&copy_arena);
            if (!test_alloc_failed) break;
        }
        CHECK(n < 100 && (failures > 0 || which == 6), "call %d: %zu of %zu failed", which, failures, n);
    }
    {   /* buffers of every size: at some size the whole sequence fits */
        static unsigned char memory[32768];
        size_t bytes, fits = 0;
        for (bytes = 0; bytes < sizeof memory; bytes += 24) {
            smash_arena small;
            smash_diags said_here = SMASH_ZERO;
            smash_err err, again;
            size_t count;
            start();
            smash_arena_init(&small, memory, bytes, NULL);
            said_here.arena = &json_arena;
            smash_config_init(&config, &seeds, &small, &said_here);
            err = smash_config_set_word(&ctx, &config, "compiler", "torch_compile");
            count = config.count;
            CHECK(err == SMASH_OK || err == SMASH_ERR_NOMEM, "%zu bytes: %s", bytes, smash_err_name(err));
            again = smash_config_set_text(&ctx, &config, "module_types={\"a\": \"Linear\", \"b\": \"Conv2d\", \"c\": \"Conv1d\"}");
            CHECK(again == SMASH_OK || (again == SMASH_ERR_NOMEM && config.count == count), "%zu bytes: %s", bytes, smash_err_name(again));
            fits += !err && !again;
            CHECK((smash_config_active(&config, SMASH_COMPILER) != NULL) == (err == SMASH_OK), "%zu bytes: half active", bytes);
            CHECK(fits == 0 || (!err && !again), "%zu bytes are not enough, but fewer were", bytes);
        }
        CHECK(fits > 0 && fits < sizeof memory / 24, "%zu sizes", fits);
    }
}

/* More keys than a config holds */
static void test_limit(void)
{
    static char names[SMASH_CONFIG_MAX + 1][8];
    static smash_key keys[SMASH_CONFIG_MAX + 1];
    const smash_algo *room[3];
    smash_registry registry;
    smash_algo many = plain_algo("many", SMASH_PRUNER), none = plain_algo("none", SMASH_PRUNER), fits = plain_algo("fits", SMASH_PRUNER);
    smash_err err;
    size_t i;
    for (i = 0; i < COUNT_OF(keys); i++) {
        static const smash_key model_key = SMASH_HYPER_BOOLEAN("", "false", "");
        snprintf(names[i], sizeof names[i], "k%u", (unsigned)i);
        keys[i] = model_key;
        keys[i].name = names[i];
    }
    many.keys = fits.keys = keys;
    many.key_count = COUNT_OF(keys);
    smash_registry_init(&registry, room, 3);
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &many), SMASH_OK, "many");
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &none), SMASH_OK, "none");
    start_with(&registry);
    CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "pruner", "none"), SMASH_OK, "%s", said());
    fits.key_count = SMASH_CONFIG_MAX - config.count;                        /* all others are there without it */
    CHECK_ERR(&ctx, smash_register(&ctx, &registry, &fits), SMASH_OK, "fits");
    start_with(&registry);
    keep();
    err = smash_config_set_word(&ctx, &config, "pruner", "many");
    CHECK(err == SMASH_ERR_LIMIT && unchanged(), "%s", smash_err_name(err));
    CHECK_ERR(&ctx, smash_config_load(&ctx, &config, "{\"pruner\": \"many\"}", 18, "c.json", NULL), SMASH_ERR_LIMIT, "%s", said());
    CHECK(unchanged(), "the config changed");
    CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "pruner", "fits"), SMASH_OK, "%s", said());
    CHECK(config.count == SMASH_CONFIG_MAX, "%zu keys", config.count);
}

/* ---- threads ---- */

enum { TURNS = 6000 };
typedef struct worker { const smash_config *from; uint64_t seed, digest; size_t good, bad; } worker;

/* Random sets on a copy, legal ones and others; the digest is of every answer and, from time to time, of the whole dictionary */
static void *work(void *arg)
{
    static const char *const tries[] = { "quantizer=hqq", "quantizer=half", "quantizer=gptq", "quantizer=null", "quantizer=diffusers_int8", "compiler=torch_compile", "compiler=stable_fast", "compiler=null",
        "cacher=deepcache", "cacher=pab", "cacher=null", "batcher=ifw", "batcher=null", "pruner=torch_unstructured", "pruner=null", "hqq_weight_bits=4", "hqq_weight_bits=2", "hqq_weight_bits=5",
        "hqq_group_size=128", "gptq_group_size=64", "torch_compile_dynamic=true", "torch_compile_mode=max-autotune", "torch_compile_mode=fast", "deepcache_interval=3", "pab_interval=1",
        "torch_unstructured_sparsity=0.25", "torch_unstructured_sparsity=2", "ifw_group_size=4", "batch_size=16", "device=cuda:1", "device=tpu", "kernel=flash_attn3", "module_types={\"a\": \"Linear\"}" };
    worker *w = (worker *)arg;
    uint64_t rng = w->seed;
    smash_ctx own;
    smash_arena arenas[2], said_arena;
    smash_diags own_diags = SMASH_ZERO;
    smash_config *configs = (smash_config *)malloc(2 * sizeof *configs);
    smash_digest d;
    size_t turn, now = 0;
    if (!configs) return NULL;
    smash_ctx_init(&own);
    smash_arena_init(&own.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&arenas[0], NULL, 0, smash_allocator_libc());
    smash_arena_init(&arenas[1], NULL, 0, smash_allocator_libc());
    smash_arena_init(&said_arena, NULL, 0, smash_allocator_libc());
    own_diags.arena = &said_arena;
    smash_digest_init(&d);
    if (smash_config_copy(&own, w->from, &arenas[0], &own_diags, &configs[0])) w->bad = TURNS;
    for (turn = 0; turn < TURNS && w->bad < TURNS; turn++) {
        smash_err err;
        unsigned char code;
        smash_ctx_reset(&own);
        err = smash_config_set_text(&own, &configs[now], tries[smash_random(&rng) % COUNT_OF(tries)]);
        code = (unsigned char)(err & 0xFF);
        smash_digest_add(&d, &code, 1);
        smash_digest_add(&d, own.message, strlen(own.message));
        if (err) w->bad++; else w->good++;
        if (turn % 100 == 99) {                                              /* what is not in use any more is given back */
            smash_text text = SMASH_ZERO;
            smash_writer writer = SMASH_ZERO;
            text.ctx = &own;
            text.arena = &said_arena;
            writer.put = smash_text_put;
            writer.user = &text;
            smash_config_save(&configs[now], &writer);
            if (writer.err || !text.data) { w->bad = TURNS; break; }
            smash_digest_add(&d, text.data, text.bytes);
            if (smash_config_copy(&own, &configs[now], &arenas[1 - now], &own_diags, &configs[1 - now])) { w->bad = TURNS; break; }
            smash_arena_release(&arenas[now]);
            now = 1 - now;
            smash_arena_release(&said_arena);
            memset(&own_diags, 0, sizeof own_diags);
            own_diags.arena = &said_arena;
        }
    }
    w->digest = smash_digest_end(&d);
    smash_arena_release(&arenas[0]);
    smash_arena_release(&arenas[1]);
    smash_arena_release(&said_arena);
    smash_arena_release(&own.scratch);
    free(configs);
    return NULL;
}

static void test_threads(void)
{
    worker alone[2], together[2];
    pthread_t threads[2];
    size_t i;
    start();
    set_all("quantizer=hqq; hqq_weight_bits=4; batch_size=2");
    add_components(&config);
    memset(alone, 0, sizeof alone);
    for (i = 0; i < 2; i++) { alone[i].from = &config; alone[i].seed = 7 + i; }
    memcpy(together, alone, sizeof alone);
    keep();
    for (i = 0; i < 2; i++) work(&alone[i]);
    for (i = 0; i < 2; i++) if (pthread_create(&threads[i], NULL, work, &together[i])) abort();
    for (i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    for (i = 0; i < 2; i++) {
        CHECK(alone[i].good > TURNS / 10 && alone[i].bad > TURNS / 10 && alone[i].good + alone[i].bad == TURNS, "thread %zu: %zu good, %zu bad", i, alone[i].good, alone[i].bad);
        CHECK(alone[i].digest == together[i].digest && alone[i].good == together[i].good, "thread %zu comes to something else", i);
    }
    CHECK(alone[0].digest != alone[1].digest, "both did the same");
    CHECK(unchanged(), "the original changed");
}

/* An include of its own kind is the algorithm's business; defaults must be what they say they are. */
static smash_err do_nothing(smash_ctx *c, smash_job *job) { (void)c; (void)job; return SMASH_OK; }
static void test_own_keys(void)
{
    static const struct { smash_key key; smash_err want; } rows[] = {
        { SMASH_HYPER_CHOICE("include", "all none", "all", "its own"), SMASH_OK },
        { SMASH_HYPER_NAMES("names", "[]", ""), SMASH_OK }, { SMASH_HYPER_NAMES("names", "[\"a\", \"b*\"]", ""), SMASH_OK }, { SMASH_HYPER_NAMES("names", "null", ""), SMASH_OK },
        { SMASH_HYPER_NAMES("names", "[1", ""), SMASH_ERR_ARG }, { SMASH_HYPER_NAMES("names", "[1]", ""), SMASH_ERR_ARG }, { SMASH_HYPER_GLOBS("names", "[[]]", ""), SMASH_ERR_ARG },
        { SMASH_HYPER_NAMES("names", "{}", ""), SMASH_ERR_ARG }, { SMASH_HYPER_NAMES("names", "a", ""), SMASH_ERR_ARG },
        { SMASH_HYPER_CHOICE("c", "[a b", "[a", ""), SMASH_OK }, { SMASH_HYPER_CONSTANT("c", "[1, 2]", ""), SMASH_OK }, { SMASH_HYPER_NAMES("names", "[1, {}]", ""), SMASH_ERR_ARG },
        { SMASH_HYPER_LOG_NUMBER("rate", 0, 1, "0.5", ""), SMASH_ERR_ARG }, { SMASH_HYPER_LOG_NUMBER("rate", 1e-6, 1, "0.5", ""), SMASH_OK } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        static const smash_algo nothing = SMASH_ZERO;
        static const float numbers[4] = { 1, 2, 3, 4 };
        static const size_t shape[2] = { 2, 2 };
        static smash_result result;
        smash_tensor w = smash_tensor_view(SMASH_F32, numbers, sizeof numbers, 2, shape);
        const smash_algo *room[1];
        smash_registry registry;
        smash_algo own = nothing;
        smash_model model;
        own.name = "own";
        own.group = SMASH_DISTILLER;
        own.summary = "does nothing";
        own.keys = &rows[i].key;
        own.key_count = 1;
        own.apply = do_nothing;
        smash_registry_init(&registry, room, 1);
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &own), rows[i].want, "row %d: %s", (int)i, rows[i].key.fallback);
        if (rows[i].want) continue;
        start_with(&registry);
        smash_model_init(&model, &arena);
        w.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "a.weight", &w, 0), SMASH_OK, "add");
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, "distiller", "own"), SMASH_OK, "row %d: %s", (int)i, rows[i].key.fallback);
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_OK, "row %d", (int)i);
        CHECK(result.parameters == 4 && result.nonzero == 4, "row %d: %d of %d", (int)i, (int)result.nonzero, (int)result.parameters);
    }
}

/* Names of the systems before this one, as their papers, manuals and classes spell them: what they resolve to, or what stands in their place. */
static void test_names(void)
{
    static const struct { const char *group, *name, *algorithm, *instead; } rows[] = {
        { "pruner", "level", "level", NULL }, { "pruner", "l1_filter", "l1_norm", NULL }, { "pruner", "L1Filter", "l1_norm", NULL }, { "pruner", "L1FilterPruner", "l1_norm", NULL },
        { "pruner", "L1Filter Pruner", "l1_norm", NULL }, { "pruner", "L1NormPruner", "l1_norm", NULL }, { "pruner", "l2-filter", "l2_norm", NULL }, { "pruner", "L2Filter", "l2_norm", NULL },
        { "pruner", "FPGM", NULL, NULL }, { "pruner", "FPGMPruner", "fpgm", NULL }, { "pruner", "FPGM Pruner", "fpgm", NULL }, { "pruner", "LevelPruner", "level", NULL },
        { "pruner", "torch_unstructured", "level", NULL }, { "pruner", "torch-unstructured", "level", NULL }, { "quantizer", "ObserverQuantizer", "observer", NULL },
        { "quantizer", "PtqQuantizer", "ptq", NULL }, { "pruner", "l1norm", NULL, NULL }, { "pruner", "l1_filters", NULL, NULL }, { "pruner", "l1_filter_prune", NULL, NULL }, { "pruner", "", NULL, NULL },
        { "pruner", "torch-structured", NULL, "l1_norm" }, { "pruner", "ActivationAPoZRankFilter Pruner", "activation_apoz", NULL }, { "pruner", "ActivationMeanRankFilter", "activation_mean_rank", NULL },
        { "pruner", "ADMM Pruner", "admm", NULL }, { "pruner", "NetAdapt", NULL, "l1_norm" }, { "pruner", "Sensitivity", NULL, "l1_norm" }, { "pruner", "TaylorFOWeightFilter", "taylor", NULL },
        { "pruner", "slim", "slim", NULL }, { "pruner", "taylor_fo_weight_filter", "taylor", NULL }, { "pruner", "activation_apoz_rank_filter", "activation_apoz", NULL },
        { "pruner", "activation_mean_rank_filter", "activation_mean_rank", NULL }, { "pruner", "agp", NULL, "level with level_schedule agp" }, { "pruner", "LinearPruner", NULL, "level with level_schedule linear" }, { "pruner", "TaylorPruner", "taylor", NULL }, { "pruner", "Slim-Pruner", "slim", NULL },
        { "pruner", "MovementPruner", "movement", NULL }, { "pruner", "TaylorFOWeightFilterPruner", "taylor", NULL }, { "pruner", "ActivationAPoZRankPruner", "activation_apoz", NULL }, { "pruner", "ActivationMeanRankPruner", "activation_mean_rank", NULL },
        { "pruner", "ADMMPruner", "admm", NULL }, { "pruner", "LotteryTicketPruner", "lottery_ticket", NULL }, { "distiller", "DynamicLayerwiseDistiller", "dynamic_layerwise", NULL }, { "distiller", "Adaptive1dLayerwiseDistiller", "adaptive_1d_layerwise", NULL },
        { "distiller", "distillation", NULL, "dynamic_layerwise" }, { "pruner", "admm", "admm", NULL }, { "pruner", "auto_compress", NULL, "admm" },
        { "pruner", "net_adapt", NULL, "l1_norm" }, { "pruner", "simulated_annealing", NULL, "level" }, { "pruner", "amc", NULL, "l1_norm" }, { "pruner", "lottery_ticket", "lottery_ticket", NULL },
        { "pruner", "movement", "movement", NULL }, { "quantizer", "naive", "naive", NULL }, { "quantizer", "QATQuantizer", "qat", NULL }, { "quantizer", "DoReFa", "dorefa", NULL }, { "quantizer", "BNNQuantizer", "bnn", NULL },
        { "quantizer", "NaiveQuantizer", "naive", NULL }, { "quantizer", "BNN", NULL, NULL }, { "quantizer", "DoReFaQuantizer", "dorefa", NULL }, { "quantizer", "fp16", "half", NULL }, { "quantizer", "HalfQuantizer", "half", NULL },
        { "quantizer", "LsqQuantizer", "lsq", NULL }, { "quantizer", "LSQ+", NULL, NULL }, { "quantizer", "LsqPlus", "lsqplus", NULL }, { "quantizer", "LsqPlusQuantizer", "lsqplus", NULL }, { "quantizer", "gptq", NULL, "weight_only" }, { "quantizer", "quanto", NULL, "weight_only" },
        { "quantizer", "llm-int8", NULL, NULL }, { "quantizer", "LlmInt8Quantizer", "llm_int8", NULL }, { "quantizer", "HqqQuantizer", "hqq", NULL }, { "quantizer", "hqq_diffusers", NULL, "hqq" }, { "quantizer", "k-means", "kmeans", NULL }, { "quantizer", "diffusers_int8", NULL, "llm_int8" }, { "compiler", "superfast", NULL, "" }, { "batcher", "ifw", NULL, "" }, { "cacher", "deepcache", NULL, "" } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_algo *algo = smash_registry_find(smash_builtins(), rows[i].name);
        const char *instead = smash_algo_instead(rows[i].name);
        CHECK(rows[i].algorithm ? algo && strcmp(algo->name, rows[i].algorithm) == 0 : !algo, "%s is %s", rows[i].name, algo ? algo->name : "nothing");
        CHECK(rows[i].instead ? instead && strcmp(instead, rows[i].instead) == 0 : !instead, "%s: take %s", rows[i].name, instead ? instead : "nothing");
        start_with(smash_builtins());
        CHECK_ERR(&ctx, smash_config_set_word(&ctx, &config, rows[i].group, rows[i].name), rows[i].algorithm ? SMASH_OK : SMASH_ERR_CONFIG, "%s", rows[i].name);
        CHECK(!rows[i].instead || !rows[i].instead[0] || strstr(ctx.message, rows[i].instead), "%s: %s", rows[i].name, ctx.message);
    }
    for (i = 0; i < SEED_COUNT; i++) {                    /* and none of the manual's is unheard of */
        const smash_algo *algo = smash_registry_find(smash_builtins(), seed_algos[i].name);
        CHECK(algo || smash_algo_instead(seed_algos[i].name), "%s", seed_algos[i].name);
        k = algo && smash_algo_instead(seed_algos[i].name) ? 1 : 0;
        CHECK(k == 0, "%s is both", seed_algos[i].name);
    }
}

/* What a file may not do: hide text behind a zero byte, give a list to an algorithm that takes none. */
static void test_hostile_files(void)
{
    static const struct { const char *text, *algorithm, *code; unsigned line, column; } rows[] = {
        { "{\"device\": \"cpu\\u0000garbage\"}", NULL, "illegal_value", 1, 12 }, { "{\"quantizer\": \"hqq\", \"quantizer\\u0000x\": \"half\"}", NULL, "illegal_value", 1, 42 },
        { "{\"format_version\": 1, \"a\": 1, \"a\\u0000b\": 2}", NULL, "illegal_value", 1, 43 }, { "{\"module_types\": {\"a\\u0000\": \"Linear\"}}", NULL, "illegal_value", 1, 18 },
        { "\n\n\n  []", "half", "missing_algorithm", 4, 3 }, { "{\"format_version\": 1.5}", NULL, "wrong_type", 1, 20 }, { "{\"smash_version\": \"0.1.0\", \"kernel\": 1}", NULL, "unknown_key", 1, 28 } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const smash_diag *d;
        start();
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, rows[i].text, strlen(rows[i].text), "c.json", rows[i].algorithm), SMASH_ERR_CONFIG, "%s", rows[i].text);
        for (d = diags.first; d && d->severity != SMASH_ERROR; d = d->next) { }
        CHECK(d && strcmp(d->code, rows[i].code) == 0 && d->line == rows[i].line && d->column == rows[i].column, "%s: %s at %u:%u", rows[i].text, d ? d->code : "nothing", d ? d->line : 0, d ? d->column : 0);
    }
}

/* What an apply leaves is looked at before anything reads it; what a check sees is the model with the config's types. */
enum { LEAVES_GOOD, LEAVES_LARGE_SHAPE, LEAVES_MANY_DIMS, LEAVES_NO_DTYPE, LEAVES_NO_MODEL, LEAVES_UNFINISHED, LEAVES_COUNT };
static smash_err leave(smash_ctx *c, smash_job *job)
{
    static smash_model unfinished;
    smash_tensor *t = &job->model->params[0].tensor;
    (void)c;
    switch (*(const int *)job->algo->user) {
    case LEAVES_LARGE_SHAPE: t->shape[0] = 1000000; break;
    case LEAVES_MANY_DIMS: t->ndim = 1000; break;
    case LEAVES_NO_DTYPE: t->dtype = (smash_dtype)77; break;
    case LEAVES_NO_MODEL: job->model = NULL; break;
    case LEAVES_UNFINISHED:
        smash_model_init(&unfinished, job->arena);
        smash_model_add(c, &unfinished, "b.weight", t, 0);
        *job->model = unfinished;
        break;
    default: break;
    }
    return SMASH_OK;
}
static smash_err wants_conv(smash_ctx *c, const smash_job *job)
{
    return strcmp(job->model->modules[0].type, "Conv1d") ? smash_ctx_fail(c, SMASH_ERR_UNSUPPORTED, "no Conv1d") : SMASH_OK;
}
static void test_leaves(void)
{
    static const float numbers[4] = { 1, 2, 3, 4 };
    static const size_t shape[2] = { 2, 2 };
    static smash_result result, untouched;
    static const smash_algo nothing = SMASH_ZERO;
    int what;
    for (what = 0; what < LEAVES_COUNT; what++) {
        smash_tensor w = smash_tensor_view(SMASH_F32, numbers, sizeof numbers, 2, shape);
        const smash_algo *room[1];
        smash_registry registry;
        smash_algo own = nothing;
        smash_model model;
        own.name = "own";
        own.group = SMASH_RECOVERER;
        own.summary = "leaves something";
        own.apply = leave;
        own.check_model = wants_conv;
        own.user = &what;
        smash_registry_init(&registry, room, 1);
        CHECK_ERR(&ctx, smash_register(&ctx, &registry, &own), SMASH_OK, "own");
        start_with(&registry);
        smash_model_init(&model, &arena);
        w.flags = SMASH_TENSOR_CONST;
        CHECK_ERR(&ctx, smash_model_add(&ctx, &model, "a.weight", &w, 0), SMASH_OK, "add");
        CHECK_ERR(&ctx, smash_model_finish(&ctx, &model), SMASH_OK, "finish");
        set_all("recoverer=own");
        memset(&result, 0x5A, sizeof result);
        memcpy(&untouched, &result, sizeof result);
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), SMASH_ERR_CONFIG, "a Linear");
        set_all("module_types={\"a\": \"Conv1d\"}");
        smash_ctx_reset(&ctx);
        CHECK_ERR(&ctx, smash(&ctx, &model, &config, NULL, &result), what == LEAVES_GOOD ? SMASH_OK : SMASH_ERR_ARG, "%d", what);
        if (what != LEAVES_GOOD) CHECK(strstr(ctx.message, "own left") && !memcmp(&result, &untouched, sizeof result), "%d: %s", what, ctx.message);
        CHECK(strcmp(model.modules[0].type, "Linear") == 0, "the model of the caller has changed");
    }
}

/* What may be written in more than one way is saved in one. */
static void test_spellings(void)
{
    static const struct { const char *a, *b; } rows[] = {
        { "{\"pruner\": \"level\", \"level_sparse_ratio\": 0.5}", "{\"level_sparse_ratio\": 5.0e-1, \"pruner\": \"torch_unstructured\"}" },
        { "{\"pruner\": \"level\", \"level_config_list\": [{\"op_types\": [\"Linear\"], \"sparse_ratio\": 0.50}]}", "{\"pruner\": \"level\", \"level_config_list\": [{\"op_types\": [\"\\u004Cinear\"], \"sparse_ratio\": 0.5}]}" },
        { "{\"batch_size\": 4.0}", "{\"batch_size\": 4}" },
        { "{\"pruner\": \"level\", \"level_sparse_threshold\": 1e2}", "{\"pruner\": \"level\", \"level_sparse_threshold\": 100}" } };
    static const char *const others[] = { "true", "1", "1.0", "18446744073709551615", "18446744073709551616", "\"1\"" };      /* of a key that nobody knows nothing is known */
    size_t i, j;
    int k;
    for (i = 0; i < COUNT_OF(others); i++) for (j = 0; j < COUNT_OF(others); j++) {
        smash_config first;
        char text[2][64];
        for (k = 0; k < 2; k++) {
            snprintf(text[k], sizeof text[k], "{\"format_version\": 1, \"zzz\": %s}", others[k ? j : i]);
            smash_config_init(&config, smash_builtins(), &arena, &diags);
            CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text[k], strlen(text[k]), "c.json", NULL), SMASH_OK, "%s", text[k]);
            if (!k) first = config;
        }
        CHECK(smash_config_equal(&config, &first) == (i == j), "%s and %s", others[i], others[j]);
    }
    for (i = 0; i < COUNT_OF(rows); i++) {
        char *texts[2];
        smash_config first;
        for (k = 0; k < 2; k++) {
            const char *text = k ? rows[i].b : rows[i].a;
            smash_config_init(&config, smash_builtins(), &arena, &diags);
            CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL), SMASH_OK, "%s", text);
            if (!k) first = config;
            texts[k] = (char *)malloc(65536);
            if (!texts[k]) abort();
            snprintf(texts[k], 65536, "%s", saved(&config, 0));
        }
        CHECK(smash_config_equal(&config, &first) && strcmp(texts[0], texts[1]) == 0, "%s\nand\n%s", texts[0], texts[1]);
        free(texts[0]);
        free(texts[1]);
    }
}

/* Texts to set, and what is said of them. */
static void test_sentences(void)
{
    static const struct { const char *before, *text; smash_err want; const char *piece; } rows[] = {
        { "pruner=level", "level_config_list=[{\"op_types\": [\"Linear\"]", SMASH_ERR_CONFIG, "no JSON" },
        { "pruner=level", "level_exclude=[\"a", SMASH_ERR_CONFIG, "no JSON" },
        { "pruner=level", "level_sparse_ratio={", SMASH_ERR_CONFIG, "no JSON" },
        { "", "level_sparse_ratio=null", SMASH_ERR_CONFIG, "set pruner = \"level\" first" },
        { "", "level_include=null", SMASH_ERR_CONFIG, "set pruner = \"level\" first" },
        { "", "level_sparse_ratio=7", SMASH_ERR_CONFIG, "from 0 to 1" },
        { "pruner=level", "level_sparse_ratio=null", SMASH_OK, "" },
        { "pruner=level", "level_sparsity=0.5", SMASH_ERR_CONFIG, "the old sparsity is level_sparse_ratio now" },
        { "quantizer=ptq", "ptq_quant_scheme=asymmetric", SMASH_ERR_CONFIG, "called \"affine\" here" }, { "quantizer=ptq", "ptq_exclude=fc*", SMASH_ERR_CONFIG, "such as [\"fc*\"]" },
        { "quantizer=ptq", "ptq_exclude=[\"fc\", 3]", SMASH_ERR_CONFIG, "element 2 of \"ptq_exclude\" is 3 (a number)" },
        { "pruner=level", "sparse_ratio=0.5", SMASH_ERR_CONFIG, "level_sparse_ratio" },
        { "", "quantizer=gptq", SMASH_ERR_CONFIG, "use weight_only instead" },
        { "", "compiler=torch_compile", SMASH_ERR_CONFIG, "in this version" },
        { "pruner=level", "level_global_group_id=a\xFF", SMASH_ERR_CONFIG, "not UTF-8" },
        { "", "quantizer=obsrver", SMASH_ERR_CONFIG, "observer" } };
    static const char *const unset[] = { "level_sparse_ratio", "level_include", "level_config_list", "nothing" };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        start_with(smash_builtins());
        set_all(rows[i].before);
        CHECK_ERR(&ctx, smash_config_set_text(&ctx, &config, rows[i].text), rows[i].want, "%s", rows[i].text);
        CHECK(strstr(ctx.message, rows[i].piece), "%s: %s", rows[i].text, ctx.message);
    }
    start_with(smash_builtins());
    for (i = 0; i < COUNT_OF(unset); i++) CHECK_ERR(&ctx, smash_config_unset(&ctx, &config, unset[i]), SMASH_ERR_CONFIG, "%s", unset[i]);
    set_all("pruner=level");
    CHECK(smash_config_get(&ctx, &config, "level_global_group_id")->type == SMASH_VALUE_NULL, "a key of a later version");
    {   /* the first mistake, not the last finding, is what ctx says */
        static const char text[] = "{\"pruner\": \"level\", \"foo\": 1, \"level_pruner_sparse_ratio\": 0.5}";
        start_with(smash_builtins());
        CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL), SMASH_ERR_CONFIG, "foo");
        CHECK(strstr(ctx.message, "foo") && diags.warnings == 1, "%s", ctx.message);
    }
    {   /* asking changes nothing, and needs no memory of the config's */
        smash_arena none;
        const smash_algo *room[32];
        smash_registry registry;
        smash_arena_init(&none, NULL, 0, NULL);
        start_with(smash_builtins());
        config.arena = &none;
        CHECK(!smash_config_get(&ctx, &config, "levle_sparse_ratio") && strstr(ctx.message, "level_sparse_ratio") && none.peak == 0, "%s", ctx.message);
        CHECK(!smash_config_get(NULL, &config, "levle_sparse_ratio"), "without a ctx");
        /* a key that was unknown, until its algorithm came */
        smash_registry_init(&registry, room, COUNT_OF(room));
        start_with(&registry);
        {
            static const char text[] = "{\"format_version\": 1, \"level_sparse_ratio\": 0.25}";
            CHECK_ERR(&ctx, smash_config_load(&ctx, &config, text, strlen(text), "c.json", NULL), SMASH_OK, "kept");
        }
        CHECK_ERR(&ctx, smash_register_builtins(&ctx, &registry), SMASH_OK, "builtins");
        set_all("pruner=level");
        {
            size_t n = 0, k;
            for (k = 0; k < config.count; k++) n += strcmp(config.settings[k].name, "level_sparse_ratio") == 0;
            CHECK(n == 1, "level_sparse_ratio is there %d times", (int)n);
        }
    }
}

int main(void)
{
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    smash_arena_init(&json_arena, NULL, 0, &test_allocator);
    smash_arena_init(&kept.arena, NULL, 0, &test_allocator);
    smash_registry_init(&seeds, seed_room, COUNT_OF(seed_room));
    CHECK_ERR(&ctx, seed_register(&ctx, &seeds), SMASH_OK, "seeds");
    test_pairs();
    test_selections();
    test_one_side();
    test_register();
    test_descriptor();
    test_manual();
    test_golden_values();
    test_get();
    test_refusals();
    test_activation();
    test_defaults();
    test_order();
    test_print();
    test_equal();
    test_save();
    test_load();
    test_mistakes();
    test_components();
    test_smash_checks();
    test_smash_order();
    test_combinations();
    test_job();
    test_modules();
    test_rules();
    test_no_memory();
    test_limit();
    test_own_keys();
    test_leaves();
    test_names();
    test_hostile_files();
    test_spellings();
    test_sentences();
    test_threads();
    smash_arena_release(&arena);
    smash_arena_release(&json_arena);
    smash_arena_release(&kept.arena);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%zu blocks leaked, %zu came back in another size", test_alloc_live, test_alloc_wrong);
    return test_done();
}
