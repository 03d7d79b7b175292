/* Regular expressions, globs and the selection of modules. Answers come from Python's re and fnmatch (golden/regex.py),
 * or from the set formula written out below. */
#include "../smash.h"
#include "test.h"
#include "golden/regex.h"

/* Copies without a terminator in blocks of the exact size, so that a sanitizer sees one byte too far. */
static char *exact(const char *text, size_t bytes)
{
    char *copy = (char *)malloc(bytes ? bytes : 1);
    if (bytes) memcpy(copy, text, bytes);
    return copy;
}

/* Compile and match; -1 and the code in *err on failure. */
static int try_match(smash_ctx *ctx, const char *pattern, size_t pattern_bytes, const char *text, size_t text_bytes, smash_err *err)
{
    smash_arena arena;
    smash_regex re;
    char *p = exact(pattern, pattern_bytes), *t = exact(text, text_bytes);
    int matched = -1;
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    smash_ctx_reset(ctx);
    *err = smash_regex_compile(ctx, p, pattern_bytes, &arena, &re);
    free(p);
    if (!*err) *err = smash_regex_match(ctx, &re, t, text_bytes, &matched);
    free(t);
    smash_arena_release(&arena);
    return matched;
}

static void test_golden(void)
{
    smash_ctx ctx;
    smash_err err;
    size_t i;
    test_ctx(&ctx);
    for (i = 0; i < COUNT_OF(golden_regex); i++) {
        const golden_match *row = &golden_regex[i];
        int got = try_match(&ctx, row->pattern, strlen(row->pattern), row->text, strlen(row->text), &err);
        CHECK(got == row->matched, "row %d: %s on \"%s\": got %d, want %d %s", (int)i, row->pattern, row->text, got, row->matched, ctx.message);
    }
    for (i = 0; i < COUNT_OF(golden_glob); i++) {
        const golden_match *row = &golden_glob[i];
        char *glob = exact(row->pattern, strlen(row->pattern) + 1), *text = exact(row->text, strlen(row->text) + 1);
        int got = smash_glob_match(glob, text);
        CHECK(got == row->matched, "row %d: %s on \"%s\": got %d, want %d", (int)i, row->pattern, row->text, got, row->matched);
        free(glob);
        free(text);
    }
    for (i = 0; i < COUNT_OF(golden_syntax); i++) {
        const golden_broken *row = &golden_syntax[i];
        (void)try_match(&ctx, row->pattern, strlen(row->pattern), "", 0, &err);
        CHECK(err == SMASH_ERR_SYNTAX && (row->at == SIZE_MAX || ctx.index == row->at), "%s: %s at %d, want %d: %s", row->pattern, smash_err_name(err),
              (int)ctx.index, (int)row->at, ctx.message);
        CHECK(strlen(ctx.message) > 40 && strlen(ctx.message) < SMASH_MESSAGE_BYTES - 1, "%s", ctx.message);
    }
    for (i = 0; i < COUNT_OF(golden_unsupported); i++) {
        const golden_broken *row = &golden_unsupported[i];
        (void)try_match(&ctx, row->pattern, strlen(row->pattern), "", 0, &err);
        CHECK(err == SMASH_ERR_UNSUPPORTED && ctx.index == row->at, "%s: %s at %d, want %d: %s", row->pattern, smash_err_name(err),
              (int)ctx.index, (int)row->at, ctx.message);
    }
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%d blocks left", (int)test_alloc_live);
}

/* Texts and patterns that are no C strings, and the documented differences from Python. */
static void test_bytes(void)
{
    static const struct { const char *pattern; size_t pattern_bytes; const char *text; size_t text_bytes; int matched; } rows[] = {
        { "a\0b$", 4, "a\0b", 3, 1 }, { "a\0b$", 4, "a\0c", 3, 0 }, { "\\0$", 3, "\0", 1, 1 }, { "[\\0-a]$", 7, "\0", 1, 1 }, { "a$", 2, "a\0", 2, 0 },
        { "\377$", 2, "\377", 1, 1 },                                  /* a lone byte is the code point of its value */
        { "\\xff$", 5, "\377", 1, 1 }, { "\\u00ff$", 7, "\303\277", 2, 1 }, { "[\200-\377]$", 6, "\223", 1, 1 },
        { "..$", 3, "\300\257", 2, 1 },                                /* too long for what it says: two bytes */
        { "...$", 4, "\355\240\200", 3, 1 },                           /* half of a UTF-16 pair */
        { "..$", 3, "\342\202", 2, 1 }, { ".$", 2, "\342\202\254", 3, 1 }, { "....$", 5, "\364\220\200\200", 4, 1 }, { ".$", 2, "\364\217\277\277", 4, 1 },
        { "..$", 3, "\303a", 2, 1 }, { "\\w\\w$", 5, "\377\303\251", 3, 1 }, { "\\W", 2, "\377", 1, 0 }, { "\\d", 2, "\331\240", 2, 0 }, { "\\s", 2, "\302\240", 2, 0 },
        { "(?i)\303\211", 6, "\303\251", 2, 0 },                       /* only ASCII letters fold */
        { "(?i)k", 5, "\342\204\252", 3, 0 }, { "(?a)\\w", 6, "\303\251", 2, 1 }, { "\\B", 2, "", 0, 1 }, { "\\b", 2, "", 0, 0 },
        { "(?P<n>a)(?P<n>b)", 16, "ab", 2, 1 }, { "", 0, "", 0, 1 }, { "$", 1, "", 0, 1 }, { ".", 1, "", 0, 0 }
    };
    smash_ctx ctx;
    smash_err err;
    smash_regex re;
    smash_arena arena;
    size_t i;
    int matched = -1;
    test_ctx(&ctx);
    for (i = 0; i < COUNT_OF(rows); i++) {
        int got = try_match(&ctx, rows[i].pattern, rows[i].pattern_bytes, rows[i].text, rows[i].text_bytes, &err);
        CHECK(got == rows[i].matched, "row %d %s: got %d, want %d %s", (int)i, rows[i].pattern, got, rows[i].matched, ctx.message);
    }
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, NULL, 0, &arena, &re), SMASH_OK, "NULL is an empty pattern");
    CHECK_ERR(&ctx, smash_regex_match(&ctx, &re, NULL, 0, &matched), SMASH_OK, "NULL is an empty text");
    CHECK(matched == 1, "got %d", matched);
    CHECK(smash_glob_match("\\x", "\\x") == 1 && smash_glob_match("?", "\303\251") == 1 && smash_glob_match("??", "\303") == 0
          && smash_glob_match("?", "\303") == 1 && smash_glob_match("[\200-\377]", "\223") == 1 && smash_glob_match("a[", "a[") == 1, "glob bytes");
    CHECK(smash_glob_match(NULL, "") == 0 && smash_glob_match("", NULL) == 0 && smash_glob_match("", "") == 1, "glob NULL");
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
}

static char *repeated(const char *unit, size_t count, const char *end)
{
    size_t length = strlen(unit), i;
    char *text = (char *)malloc(count * length + strlen(end) + 1);
    for (i = 0; i < count; i++) memcpy(text + i * length, unit, length);
    strcpy(text + count * length, end);
    return text;
}

/* What takes a backtracking matcher exponential time, or any matcher without a check for empty rounds forever. */
static void test_hostile(void)
{
    static const struct { const char *pattern, *unit, *end; int matched; } rows[] = {
        { "(a+)+$", "a", "!", 0 }, { "(a+)+$", "a", "", 1 }, { "(a|aa)+b", "a", "", 0 }, { "(a|aa)+b", "a", "b", 1 }, { "(x+x+)+y", "x", "", 0 }, { "(x+x+)+y", "x", "y", 1 },
        { "(.*)(.*)(.*)(.*)(.*)x", "a", "", 0 }, { "(.*)(.*)(.*)(.*)(.*)x", "a", "x", 1 }, { "((((a*)*)*)*)*b", "a", "", 0 }, { "(|a|)*(|b)*c", "a", "", 0 }, { "(a?){50}a{50}b", "a", "", 0 },
        { "(?:a?){1000}$", "a", "", 0 }, { "((a{0,5}){0,5})*[c]", "a", "", 0 }, { "(\\b|\\B|^|$)*b", "a", "", 0 }, { "(.|\\w|[^b])*!", "a", "", 0 }
    };
    static const struct { const char *glob, *unit, *end; int matched; } globs[] = {
        { "a*a*a*a*a*a*a*a*b", "a", "", 0 }, { "a*a*a*a*a*a*a*a*b", "a", "b", 1 }, { "*[ab]*[!b]*[a-c]?*?c", "a", "", 0 }, { "*[a[[[[[[[[[[[[[[[[[[[[[[[[[[[[b", "a", "", 0 }, { "*a?????????b", "a", "", 0 }
    };
    smash_ctx ctx;
    smash_err err;
    size_t i;
    char *text, *open, *pattern;
    int got;
    test_ctx(&ctx);
    for (i = 0; i < COUNT_OF(rows); i++) {
        text = repeated(rows[i].unit, strcmp(rows[i].pattern, "(?:a?){1000}$") ? 100000 : 20000, rows[i].end);
        got = try_match(&ctx, rows[i].pattern, strlen(rows[i].pattern), text, strlen(text), &err);
        CHECK(got == rows[i].matched, "%s on many %s: got %d, want %d %s", rows[i].pattern, rows[i].unit, got, rows[i].matched, ctx.message);
        free(text);
    }
    for (i = 0; i < COUNT_OF(globs); i++) {
        text = repeated(globs[i].unit, 100000, globs[i].end);
        got = smash_glob_match(globs[i].glob, text);
        CHECK(got == globs[i].matched, "%s on many %s: got %d, want %d", globs[i].glob, globs[i].unit, got, globs[i].matched);
        free(text);
    }
    open = repeated("(", 40000, "a");                                  /* deep: nothing recurses */
    pattern = repeated(")*", 40000, "$");
    text = (char *)malloc(strlen(open) + strlen(pattern) + 1);
    strcpy(text, open);
    strcat(text, pattern);
    got = try_match(&ctx, text, strlen(text), "aaa", 3, &err);
    CHECK(err == SMASH_ERR_LIMIT && got == -1, "depth 40000 with a loop each: %s", smash_err_name(err));
    got = try_match(&ctx, text + 20000, 20000 + 1 + 40000, "aaa", 3, &err);
    CHECK(err == SMASH_OK && got == 1, "depth 20000 with a loop each: got %d %s", got, ctx.message);
    got = try_match(&ctx, open, 40000, "", 0, &err);
    CHECK(err == SMASH_ERR_SYNTAX && ctx.index == 39999, "40000 open groups: %s at %d", smash_err_name(err), (int)ctx.index);
    free(open);
    free(pattern);
    free(text);
    smash_arena_release(&ctx.scratch);
    CHECK(test_alloc_live == 0, "%d blocks left", (int)test_alloc_live);
}

static void test_limits(void)
{
    static const struct { const char *pattern; smash_err err; } rows[] = {
        { "a{99998}", SMASH_OK }, { "a{99999}", SMASH_ERR_LIMIT }, { "a{100000}", SMASH_ERR_LIMIT }, { "a{0,49999}", SMASH_OK }, { "a{0,50000}", SMASH_ERR_LIMIT },
        { "a{99997,}", SMASH_OK }, { "a{99998,}", SMASH_ERR_LIMIT }, { "(a{1000}){1000}", SMASH_ERR_LIMIT }, { "((((a{99}){99}){99}){99}){99}", SMASH_ERR_LIMIT },
        { "(a{90000}){0}b", SMASH_OK }, { "a{4294967295}", SMASH_ERR_LIMIT }, { "a{4294967297}", SMASH_ERR_LIMIT }, { "a{0,99999999999999999999999999}", SMASH_ERR_LIMIT },
        { "a{18446744073709551617}", SMASH_ERR_LIMIT }, { "(?:){99999999}", SMASH_ERR_LIMIT }, { "a{99999999999,1}", SMASH_ERR_SYNTAX }
    };
    smash_ctx ctx;
    smash_arena arena;
    smash_regex re;
    size_t i;
    char *text;
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    for (i = 0; i < COUNT_OF(rows); i++) {
        re.states = 7;
        CHECK_ERR(&ctx, smash_regex_compile(&ctx, rows[i].pattern, strlen(rows[i].pattern), &arena, &re), rows[i].err, "%s", rows[i].pattern);
        CHECK(rows[i].err == SMASH_OK ? re.states <= 100000 : re.states == 7, "%s: %d states", rows[i].pattern, (int)re.states);
    }
    text = repeated("a", 100001, "]");
    text[0] = '[';
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, text, strlen(text), &arena, &re), SMASH_OK, "class of 100000");
    CHECK(re.count == re.states + 3, "equal ranges are joined: %d words", (int)(re.count - re.states));
    text[100001] = 'a';                
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, text, strlen(text), &arena, &re), SMASH_ERR_SYNTAX, "class of 100001 that is not closed");
    free(text);
    text = repeated("a", 100002, "]");
    text[0] = '[';
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, text, strlen(text), &arena, &re), SMASH_ERR_LIMIT, "class of 100001");
    free(text);
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
}

static void test_misuse(void)
{
    static const char pattern[] = "(ab|[c-d]|e{2,3})*f";
    unsigned char *buffer = (unsigned char *)malloc(4096);
    smash_ctx ctx;
    smash_arena arena;
    smash_regex re, none;
    int matched = -1;
    memset(&none, 0, sizeof none);
    smash_ctx_init(&ctx);
    smash_arena_init(&ctx.scratch, buffer, 4096, NULL);                /* program and temporaries in one arena */
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, pattern, strlen(pattern), &ctx.scratch, &re), SMASH_OK, "arena is the scratch");
    CHECK(ctx.scratch.used == re.count * 4, "used %d, program %d", (int)ctx.scratch.used, (int)re.count * 4);
    CHECK_ERR(&ctx, smash_regex_match(&ctx, &re, "abceg", 5, &matched), SMASH_OK, "arena is the scratch");
    CHECK(matched == 0, "matched %d", matched);

    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, NULL, 1, &arena, &re), SMASH_ERR_ARG, "no pattern");
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, "a", 1, NULL, &re), SMASH_ERR_ARG, "no arena");
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, "a", 1, &arena, NULL), SMASH_ERR_ARG, "no result");
    CHECK_ERR(&ctx, smash_regex_match(&ctx, NULL, "a", 1, &matched), SMASH_ERR_ARG, "no expression");
    CHECK_ERR(&ctx, smash_regex_match(&ctx, &none, "a", 1, &matched), SMASH_ERR_ARG, "empty expression");
    CHECK_ERR(&ctx, smash_regex_compile(&ctx, "a", 1, &arena, &re), SMASH_OK, "a");
    CHECK_ERR(&ctx, smash_regex_match(&ctx, &re, NULL, 1, &matched), SMASH_ERR_ARG, "no text");
    CHECK_ERR(&ctx, smash_regex_match(&ctx, &re, "a", 1, NULL), SMASH_ERR_ARG, "no result");
    CHECK(smash_regex_compile(NULL, "a", 1, &arena, &re) == SMASH_ERR_NOMEM && smash_regex_match(NULL, &re, "a", 1, &matched) == SMASH_ERR_NOMEM,
          "without a ctx there is no scratch");
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    free(buffer);
}

/* ---- selection ---- */

static const char *const names[] = { "",    "conv1",  "bn1",         "conv10", "head",   "head.fc1", "head.fc2", "fc1" };
static const char *const types[] = { "Net", "Conv2d", "BatchNorm2d", "Conv2d", "Module", "Linear",   "Linear",   "Linear" };
enum { MODULES = 8 };

/* "a b" to { "a", "b" }; "" to nothing; "_" stands for the empty string */
typedef struct list { char text[64]; const char *items[8]; } list;
static smash_names split(list *l, const char *text)
{
    smash_names n;
    char *p = l->text;
    strcpy(p, text);
    n.items = l->items;
    for (n.count = 0; *p; n.count++) {
        l->items[n.count] = p;
        while (*p && *p != ' ') p++;
        if (*p) *p++ = '\0';
        if (!strcmp(l->items[n.count], "_")) l->items[n.count] = "";
    }
    return n;
}

static void digits(char *out, const unsigned char *bytes, size_t count)
{
    size_t i;
    for (i = 0; i < count; i++) out[i] = (char)('0' + bytes[i]);
    out[count] = '\0';
}

static void test_select(void)
{
    static const struct { const char *names, *re, *types, *not_names, *not_re, *not_types, *want, *known; } rows[] = {
        { "", "", "", "", "", "", "00000000", "" },
        { "conv1", "", "", "", "", "", "02000000", "1" },
        { "fc1", "", "", "", "", "", "00000002", "1" },
        { "_", "", "", "", "", "", "20000000", "1" },
        { "conv1 nowhere fc1 conv1", "", "", "", "", "", "02000002", "1011" },
        { "nowhere", "", "", "", "", "", "00000000", "0" },
        { "", "conv1", "", "", "", "", "01010000", "" },               /* anchored at the start only */
        { "", "conv1$", "", "", "", "", "01000000", "" },
        { "", "fc", "", "", "", "", "00000001", "" },
        { "", "head\\..*", "", "", "", "", "00000110", "" },
        { "", ".*fc\\d bn", "", "", "", "", "00100111", "" },
        { "", ".*", "", "", "", "", "11111111", "" },                  /* the root too */
        { "", "_", "", "", "", "", "11111111", "" },
        { "", "", "Linear", "", "", "", "00000111", "" },
        { "", "", "Linear Conv2d", "", "", "", "01010111", "" },
        { "", "", "Lin", "", "", "", "00000000", "" },
        { "conv1", "head", "", "", "", "", "02001110", "1" },
        { "conv1", "head", "Linear", "", "", "", "00000110", "1" },    /* known whatever its type */
        { "conv1 fc1", "", "Linear", "", "", "", "00000002", "11" },
        { "nowhere", "", "Linear", "", "", "", "00000000", "0" },
        { "head.fc1", "head", "", "", "", "", "00001210", "1" },       /* by name goes before by pattern */
        { "", "", "Linear", "fc1", "", "", "00000110", "" },
        { "", "", "Linear", "", "head", "", "00000001", "" },
        { "", ".*", "", "", "", "Linear", "11111000", "" },
        { "", ".*", "", "_ nowhere", "head\\. bn", "Conv2d NoType", "00001001", "" },
        { "fc1", "", "", "fc1", "", "", "00000000", "1" },
        { "", "", "", "fc1", "head", "Conv2d", "00000000", "" }
    };
    smash_ctx ctx;
    size_t i;
    test_ctx(&ctx);
    for (i = 0; i < COUNT_OF(rows); i++) {
        list l[6];
        smash_select_desc desc = SMASH_ZERO;
        unsigned char selected[MODULES], known[8];
        char got[MODULES + 1], got_known[9];
        desc.op_names = split(&l[0], rows[i].names);
        desc.op_names_re = split(&l[1], rows[i].re);
        desc.op_types = split(&l[2], rows[i].types);
        desc.exclude_op_names = split(&l[3], rows[i].not_names);
        desc.exclude_op_names_re = split(&l[4], rows[i].not_re);
        desc.exclude_op_types = split(&l[5], rows[i].not_types);
        memset(selected, 9, sizeof selected);
        memset(known, 9, sizeof known);
        CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, types, MODULES, selected, known), SMASH_OK, "row %d", (int)i);
        digits(got, selected, MODULES);
        digits(got_known, known, desc.op_names.count);
        CHECK(!strcmp(got, rows[i].want), "row %d: got %s, want %s", (int)i, got, rows[i].want);
        CHECK(!strcmp(got_known, rows[i].known), "row %d: known %s, want %s", (int)i, got_known, rows[i].known);
        CHECK(known[desc.op_names.count] == 9, "row %d: known is too long", (int)i);
        CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, types, MODULES, selected, NULL), SMASH_OK, "row %d without known", (int)i);
        CHECK_ERR(&ctx, smash_select(&ctx, &desc, NULL, NULL, 0, NULL, known), SMASH_OK, "row %d without modules", (int)i);
        CHECK(!desc.op_names.count || known[0] == 0, "row %d: nothing is known in an empty model", (int)i);
    }
    smash_arena_release(&ctx.scratch);
}

/* All 64 ways to fill the keys or not, against the formula on sets, a bit a module. */
static void test_select_sets(void)
{
    static const char *const key[6] = { "conv1 head fc1", "head conv10", "Linear Conv2d", "conv10 bn1", "head\\.fc2 f", "Module Net" };
    static const unsigned set[6] = { 1u << 1 | 1u << 4 | 1u << 7, 1u << 4 | 1u << 5 | 1u << 6 | 1u << 3, 1u << 1 | 1u << 3 | 1u << 5 | 1u << 6 | 1u << 7,
                                     1u << 3 | 1u << 2, 1u << 6 | 1u << 7, 1u << 4 | 1u << 0 };
    smash_ctx ctx;
    unsigned keys;
    test_ctx(&ctx);
    for (keys = 0; keys < 64; keys++) {
        unsigned has[6], want, i;
        list l[6];
        smash_names n[6];
        smash_select_desc desc = SMASH_ZERO;
        unsigned char selected[MODULES];
        for (i = 0; i < 6; i++) {
            n[i] = split(&l[i], keys >> i & 1 ? key[i] : "");
            has[i] = keys >> i & 1 ? set[i] : 0;
        }
        desc.op_names = n[0];
        desc.op_names_re = n[1];
        desc.op_types = n[2];
        desc.exclude_op_names = n[3];
        desc.exclude_op_names_re = n[4];
        desc.exclude_op_types = n[5];
        want = has[0] | has[1];
        if (keys & 4) want = keys & 3 ? want & has[2] : has[2];
        want &= ~(has[3] | has[4] | has[5]);
        CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, types, MODULES, selected, NULL), SMASH_OK, "keys %u", keys);
        for (i = 0; i < MODULES; i++)
            CHECK(selected[i] == (want >> i & 1 ? 1 + (has[0] >> i & 1) : 0), "keys %u, module %s: got %d", keys, names[i], selected[i]);
    }
    smash_arena_release(&ctx.scratch);
}

static void test_select_misuse(void)
{
    static const char *const good[2] = { "conv", "(fc|head)" };
    static const char *const bad[3] = { "a", "(", "*" };
    static const char *const back[1] = { "(a)\\1" };
    static const char *const large[1] = { "a{200000}" };
    static const char *const hole[2] = { "a", NULL };
    unsigned char selected[MODULES], known[2] = { 9, 9 };
    smash_select_desc desc = SMASH_ZERO, zero = SMASH_ZERO;
    smash_ctx ctx;
    size_t i;
    struct { const char *const *re; size_t re_count; const char *const *not_re; size_t not_count; smash_err err; size_t index; } patterns[4];
    memset(patterns, 0, sizeof patterns);
    patterns[0].re = bad;  patterns[0].re_count = 3;  patterns[0].err = SMASH_ERR_SYNTAX;  patterns[0].index = 1;
    patterns[1].re = good; patterns[1].re_count = 2;  patterns[1].not_re = bad + 2; patterns[1].not_count = 1; patterns[1].err = SMASH_ERR_SYNTAX; patterns[1].index = 2;
    patterns[2].not_re = back; patterns[2].not_count = 1; patterns[2].err = SMASH_ERR_UNSUPPORTED; patterns[2].index = 0;
    patterns[3].re = large; patterns[3].re_count = 1; patterns[3].err = SMASH_ERR_LIMIT; patterns[3].index = 0;
    test_ctx(&ctx);
    memset(selected, 9, sizeof selected);
    for (i = 0; i < COUNT_OF(patterns); i++) {
        desc = zero;
        desc.op_names.items = good;
        desc.op_names.count = 2;
        desc.op_names_re.items = patterns[i].re;
        desc.op_names_re.count = patterns[i].re_count;
        desc.exclude_op_names_re.items = patterns[i].not_re;
        desc.exclude_op_names_re.count = patterns[i].not_count;
        CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, types, MODULES, selected, known), patterns[i].err, "pattern %d", (int)i);
        CHECK(ctx.index == patterns[i].index, "pattern %d: index %d, want %d", (int)i, (int)ctx.index, (int)patterns[i].index);
        CHECK(smash_select(&ctx, &zero, NULL, NULL, 1, NULL, NULL) == SMASH_ERR_ARG && ctx.index == patterns[i].index, "the first failure stays");
    }
    desc = zero;
    desc.op_names.items = good;
    desc.op_names.count = 2;
    CHECK_ERR(&ctx, smash_select(&ctx, &desc, NULL, types, MODULES, selected, known), SMASH_ERR_ARG, "no names");
    CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, NULL, MODULES, selected, known), SMASH_ERR_ARG, "no types");
    CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, types, MODULES, NULL, known), SMASH_ERR_ARG, "no result");
    CHECK_ERR(&ctx, smash_select(&ctx, &desc, hole, types, 2, selected, known), SMASH_ERR_ARG, "a module without a name");
    CHECK(ctx.index == 1, "index %d", (int)ctx.index);
    CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, hole, 2, selected, known), SMASH_ERR_ARG, "a module without a type");
    desc.op_types.items = hole;
    desc.op_types.count = 2;
    CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, types, MODULES, selected, known), SMASH_ERR_ARG, "a hole in a list");
    CHECK(ctx.index == 1 && strstr(ctx.message, "op_types"), "%s", ctx.message);
    desc.op_types.items = NULL;
    CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, types, MODULES, selected, known), SMASH_ERR_ARG, "a list that is not there");
    desc = zero;
    desc.zero_end = 1;
    CHECK_ERR(&ctx, smash_select(&ctx, &desc, names, types, MODULES, selected, known), SMASH_ERR_ARG, "a desc that was not zeroed");
    for (i = 0; i < MODULES; i++) CHECK(selected[i] == 9, "untouched by every failure: %d", selected[i]);
    CHECK(known[0] == 9 && known[1] == 9, "untouched by every failure");
    CHECK_ERR(&ctx, smash_select(&ctx, NULL, names, types, MODULES, selected, known), SMASH_OK, "no desc is the empty one");
    for (i = 0; i < MODULES; i++) CHECK(selected[i] == 0, "nothing asked, nothing selected: %d", selected[i]);
    smash_arena_release(&ctx.scratch);

}

int main(void)
{
    test_golden();
    test_bytes();
    test_hostile();
    test_limits();
    test_misuse();
    test_select();
    test_select_sets();
    test_select_misuse();
    return test_done();
}
