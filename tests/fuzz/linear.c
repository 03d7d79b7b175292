/* Hostile inputs of 10 MB for every call that takes bytes from strangers: none may take more than a second, and ten times
 * the bytes no more than 25 times as long. Prints a table; 1 if a promise is broken. Measures, so it is no part of `make test`:
 *   cc -std=c99 -O2 tests/fuzz/linear.c -o linear && ./linear */
#define SMASH_IMPLEMENTATION
#include "../../smash.h"
#include <time.h>

enum { MEGABYTE = 1000000, LARGE = 10 * MEGABYTE };
static const double MOST_SECONDS = 1.0, MOST_RATIO = 25.0, LEAST_SECONDS = 0.4;      /* below that a ratio says little */

/* An input: head, then unit until it is long enough, then tail. In unit, # is a counter of eight digits and ~ a thousand x. */
typedef struct hostile { const char *name, *head, *unit, *tail; } hostile;

static size_t put(char *out, size_t at, const char *text, unsigned long counter)
{
    for (; *text; text++) {
        if (*text == '#') at += (size_t)sprintf(out + at, "%08lu", counter);
        else if (*text == '~') { memset(out + at, 'x', 1000); at += 1000; }
        else out[at++] = *text;
    }
    return at;
}

static char *build(const hostile *h, size_t bytes, size_t *length)
{
    char *text = (char *)malloc(bytes + 200000);
    size_t at;
    unsigned long counter = 0;
    if (!text) exit(2);
    at = put(text, 0, h->head, 0);
    while (at + strlen(h->tail) < bytes) at = put(text, at, h->unit, counter++);
    at = put(text, at, h->tail, 0);
    text[at] = '\0';
    *length = at;
    return text;
}

static double now(void) { return (double)clock() / CLOCKS_PER_SEC; }      /* of this program alone */

typedef struct world { smash_ctx ctx; smash_arena arena; smash_diags diags; } world;
static void open_world(world *w)
{
    memset(w, 0, sizeof *w);
    smash_ctx_init(&w->ctx);
    smash_arena_init(&w->ctx.scratch, NULL, 0, smash_allocator_libc());
    smash_arena_init(&w->arena, NULL, 0, smash_allocator_libc());
    w->diags.arena = &w->arena;
}
static void close_world(world *w)
{
    smash_arena_release(&w->ctx.scratch);
    smash_arena_release(&w->arena);
}

/* ---- the readers ---- */

static smash_err read_json(world *w, const char *text, size_t bytes)
{
    smash_json doc;
    return smash_json_parse(&w->ctx, NULL, text, bytes, &w->arena, &w->diags, &doc);
}

static smash_err read_json_lenient(world *w, const char *text, size_t bytes)
{
    smash_json_desc desc = SMASH_ZERO;
    smash_json doc;
    desc.lenient = desc.unique_keys = 1;
    return smash_json_parse(&w->ctx, &desc, text, bytes, &w->arena, &w->diags, &doc);
}

static smash_err read_safetensors(world *w, const char *text, size_t bytes)
{
    unsigned char *file = (unsigned char *)malloc(bytes + 9);
    smash_model model;
    smash_io io;
    smash_err err;
    size_t i;
    if (!file) exit(2);
    for (i = 0; i < 8; i++) file[i] = (unsigned char)(bytes >> 8 * i & 0xFF);
    memcpy(file + 8, text, bytes);
    io = smash_io_memory(file, bytes + 8);
    err = smash_safetensors_read(&w->ctx, NULL, &io, &w->arena, &w->diags, &model);
    free(file);
    return err;
}

static smash_err read_config(world *w, const char *text, size_t bytes)
{
    smash_config config;
    smash_config_init(&config, smash_builtins(), &w->arena, &w->diags);
    return smash_config_load(&w->ctx, &config, text, bytes, "config.json", NULL);
}

static smash_err compile(world *w, const char *text, size_t bytes)
{
    smash_regex re;
    return smash_regex_compile(&w->ctx, text, bytes, &w->arena, &re);
}

/* The first line is the pattern, the rest the text. */
static smash_err match(world *w, const char *text, size_t bytes)
{
    const char *line = (const char *)memchr(text, '\n', bytes);
    smash_regex re;
    int matched;
    smash_err err = smash_regex_compile(&w->ctx, text, (size_t)(line - text), &w->arena, &re);
    if (!err) err = smash_regex_match(&w->ctx, &re, line + 1, bytes - (size_t)(line + 1 - text), &matched);
    return err ? err : matched ? SMASH_OK : SMASH_ERR_NOTFOUND;
}

static smash_err glob(world *w, const char *text, size_t bytes)
{
    char *pattern = (char *)malloc(bytes + 1), *line;
    int matched;
    (void)w;
    if (!pattern) exit(2);
    memcpy(pattern, text, bytes + 1);
    line = strchr(pattern, '\n');
    *line++ = '\0';
    matched = smash_glob_match(pattern, line);
    free(pattern);
    return matched ? SMASH_OK : SMASH_ERR_NOTFOUND;
}

/* ---- the inputs ---- */

#define LEVELS "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
#define EMPTY_TENSOR "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"

static const hostile json[] = {
    { "numbers", "[0", ",1", "]" }, { "levels", "[0", "," LEVELS, "]" }, { "levels past the limit", "", "[", "" }, { "keys", "{\"\":0", ",\"#\":0", "}" },
    { "one key, often", "{\"\":0", ",\"a\":0", "}" }, { "long keys", "{\"\":0", ",\"~#\":0", "}" }, { "a string", "\"", "x", "\"" }, { "escapes", "\"", "\\u0041", "\"" },
    { "surrogates", "\"", "\\ud83d\\ude00", "\"" }, { "quotes", "\"", "\\\"", "\"" }, { "digits", "", "7", "" }, { "zeros", "0.", "0", "1" },
    { "digits of a tie", "9007199254740993.", "0", "1" }, { "exponent", "1e", "9", "" }, { "hard numbers", "[0", ",2.2250738585072011e-308", "]" },
    { "long hard numbers", "[0", ",9007199254740993.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001", "]" },
    { "spaces", "", " ", "1" }, { "lines", "", "\n", "x" }, { "a mistake at the end", "[0", ",\n1", "" } };

static const hostile lenient[] = {
    { "keys", "{\"\":0", ",\"#\":0", "}" }, { "one key, often", "{\"\":0", ",\"a\":0", "}" }, { "long keys", "{\"\":0", ",\"~#\":0", "}" },
    { "comments", "", "//\n", "1" }, { "one comment", "//", "x", "\n1" }, { "quotes", "[0", ",'a'", "]" }, { "trailing commas", "[0", ",[0,]", "]" },
    { "words", "[0", ",None", "]" } };

static const hostile headers[] = {
    { "tensors", "{", "\"#.weight\":" EMPTY_TENSOR ",", "\"z\":" EMPTY_TENSOR "}" },
    { "tensors, not in order", "{", "\"b#\":" EMPTY_TENSOR ",\"a#\":" EMPTY_TENSOR ",", "\"z\":" EMPTY_TENSOR "}" },
    { "tensors of one module", "{", "\"m.#\":" EMPTY_TENSOR ",", "\"z\":" EMPTY_TENSOR "}" },
    { "names of many parts", "{", "\"a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.#\":" EMPTY_TENSOR ",", "\"z\":" EMPTY_TENSOR "}" },
    { "long names", "{", "\"~~~~~~~~~~#\":" EMPTY_TENSOR ",", "\"z\":" EMPTY_TENSOR "}" },
    { "one name, often", "{", "\"a\":" EMPTY_TENSOR ",", "\"z\":" EMPTY_TENSOR "}" },
    { "tensors that overlap", "{", "\"#\":{\"dtype\":\"U8\",\"shape\":[#],\"data_offsets\":[0,#]},", "\"z\":" EMPTY_TENSOR "}" },
    { "no tensors", "{", "\"#\":0,", "\"z\":0}" },
    { "mistakes", "{\"a\":{", "\"#\":0,", "\"z\":0}}" },
    { "mistakes in a long name", "{\"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\":{", "\"#\":0,", "\"z\":0}}" },
    { "levels", "{\"a\":[0", "," LEVELS, "]}" }, { "levels past the limit", "", "{\"a\":", "" },
    { "dims", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0],\"shape\":[0", ",0", "]}}" },
    { "digits of a dim", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,0],\"shape\":[0", "0", "]}}" },
    { "a long name", "{\"", "x", "\":" EMPTY_TENSOR "}" }, { "escapes", "{\"", "\\u0041", "\":" EMPTY_TENSOR "}" }, { "dots", "{\"", ".", "\":" EMPTY_TENSOR "}" },
    { "metadata", "{\"__metadata__\":{", "\"#\":\"x\",", "\"z\":\"\"}}" }, { "long metadata", "{\"__metadata__\":{\"a\":\"", "x", "\"}}" },
    { "module types", "{\"__metadata__\":{\"smash.module_types\":\"{", "\\\"#\\\":\\\"x\\\",", "\\\"z\\\":\\\"x\\\"}\"},\"z.a\":" EMPTY_TENSOR "}" },
    { "dtypes", "{\"__metadata__\":{\"smash.quant_dtypes\":\"{", "\\\"#\\\":\\\"int4\\\",", "\\\"z\\\":\\\"int4\\\"}\"},\"z_packed\":" EMPTY_TENSOR "}" },
    { "levels of types", "{\"__metadata__\":{\"smash.module_types\":\"", "[", "\"}}" },
    { "spaces", "{}", " ", "" }, { "zeros", "", "0", "" } };

#define TEN "1,1,1,1,1,1,1,1,1,1,"
#define MANY TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LIST "{\"pruner\":\"level\",\"level_config_list\":["
static const hostile configs[] = {
    { "entries", LIST, "{\"op_names\":[\"#\"],\"sparse_ratio\":0.5},\n", "]}" }, { "mistakes", LIST, "{\"op_nams\":[\"#\"],\"sparse_ratio\":2},\n", "]}" },
    { "entries that are none", LIST, "1,\n", "]}" }, { "names", LIST "{\"op_names\":[", "\"#\",", "]}]}" }, { "patterns", LIST "{\"op_names_re\":[", "\"#\",", "]}]}" },
    { "bad patterns", LIST "{\"op_names_re\":[", "\"(\",", "]}]}" }, { "large patterns", LIST "{\"op_names_re\":[", "\"a{99990}\",", "]}]}" },
    { "a long pattern", LIST "{\"op_names_re\":[\"", "x", "\"]}]}" }, { "targets", LIST "{\"op_types\":[],\"target_settings\":{", "\"#\":{\"sparse_ratio\":1},", "}}]}" },
    { "mistakes of a target", LIST "{\"op_types\":[],\"target_settings\":{\"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\":{", "\"#\":2,", "}}}]}" },
    { "granularity", LIST "{\"op_types\":[],\"granularity\":[", "1,", "1]}]}" }, { "keys", "{", "\"#\":1,", "}" }, { "keys that are null", "{", "\"#\":null,", "}" },
    { "one key, often", "{", "\"pruner\":null,", "}" }, { "long keys", "{", "\"~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~#\":1,", "}" },
    { "types", "{\"module_types\":{", "\"#\":\"x\",", "}}" }, { "types that are none", "{\"module_types\":{", "\"#\":1,", "}}" }, { "a long word", "{\"pruner\":\"", "x", "\"}" },
    { "shapes", "{\"shapes\":{", "\"#\":{\"_input_\":[1]},", "}}" }, { "shapes of one", "{\"shapes\":{\"a\":{", "\"_input_#\":[1],", "}}}" }, { "shapes that are none", "{\"shapes\":{\"a\":{", "\"#\":[0],", "}}}" },
    { "templates", "{\"module_templates\":{", "\"#\":{\"pruner\":{\"_output_\":{}}},", "}}" }, { "wrong templates", "{\"module_templates\":{", "\"#\":{\"quantizer\":{\"_input_x\":{}}},", "}}" },
    { "targets of a template", "{\"module_templates\":{\"M\":{\"pruner\":{", "\"_output_x#\":{},", "}}}}" }, { "inputs of a template", "{\"module_templates\":{\"M\":{\"pruner\":{\"_input_x\":{}},\"inputs\":[", "\"x#\",", "]}}}" },
    { "keys of a template", "{\"module_templates\":{\"M\":{", "\"#\":0,", "}}}" },
    { "comments", "", "//\n", "{}" }, { "lines, then mistakes", "", "\n", LIST MANY MANY MANY "1]}" },
    { "blanks, then mistakes", "", " ", LIST MANY MANY MANY "1]}" } };

static const hostile patterns[] = {
    { "letters", "", "x", "" }, { "open groups", "", "(", "" }, { "empty groups", "", "()", "" }, { "comments", "", "(?i:)", "" }, { "one comment", "(?#", "x", ")" }, { "flags", "", "(?i)", "" },
    { "a class", "[", "ac", "]" }, { "a class downwards", "[", "\\uffff\\u0fff\\u00ff\\u000f", "]" }, { "a class of one", "[", "a-z", "" }, { "categories", "[", "\\W", "]" },
    { "counts", "", "a{9}", "" }, { "counts of nothing", "", "x{0}", "" }, { "digits of a count", "a{", "1", "}" }, { "choices", "", "|", "" }, { "stars of groups", "", "(a*)*", "" } };

static const hostile texts[] = {
    { "(a*)*b", "(a*)*b\n", "a", "c" }, { "(a|a)*b", "(a|a)*b\n", "a", "c" }, { "(a|aa|aaa)*b", "(a|aa|aaa)*b\n", "a", "c" }, { "(.*)(.*)(.*)=", "(.*)(.*)(.*)=\n", "a", "" },
    { "([a-z]+)*\\d", "([a-z]+)*\\d\n", "ab", "!" }, { "(a{1,5})*b", "(a{1,5})*b\n", "a", "" }, { "\\w*\\b\\W", "(\\w*\\b\\W?)*!\n", "a ", "" }, { "UTF-8", "(?i)([^x]|\\w)*$y\n", "\xc3\xa9", "" },
    { "no UTF-8", ".*x\n", "\xf0\x9f", "" } };

static const hostile globs[] = {
    { "*a*a*a*b", "*a*a*a*b\n", "a", "" }, { "*[a-z][!b]?b", "*[a-z][!b]?b\n", "a", "c" }, { "* in a long pattern", "", "*", "\naaaa" }, { "a long class", "[", "a", "]\nb" }, { "open brackets", "", "[", "\n[[[[" },
    { "? in both", "*", "?", "\na" }, { "UTF-8", "*\xc3\xa9?\xc3\n", "\xc3\xa9", "" } };

static int failed;

static void table(const char *call, smash_err (*run)(world *w, const char *text, size_t bytes), const hostile *rows, size_t count)
{
    size_t i, length;
    int k;
    for (i = 0; i < count; i++) {
        double seconds[2], ratio;
        smash_err err = SMASH_OK;
        int bad;
        for (k = 0; k < 2; k++) {
            char *text = build(&rows[i], k ? LARGE : MEGABYTE, &length);
            int again;
            for (again = 0; again < 2; again++) {               /* the better of two: other work on the machine only adds */
                double started;
                world w;
                open_world(&w);
                started = now();
                err = run(&w, text, length);
                started = now() - started;
                if (!again || started < seconds[k]) seconds[k] = started;
                close_world(&w);
            }
            free(text);
        }
        ratio = seconds[1] / seconds[0];
        bad = seconds[1] > MOST_SECONDS || (seconds[1] > LEAST_SECONDS && ratio > MOST_RATIO);
        printf("%-18s %-26s %5.1f MB %8.3f s %8.3f s  x %5.1f  %s%s\n", call, rows[i].name, (double)length / MEGABYTE, seconds[0], seconds[1], ratio,
               err ? smash_err_name(err) + 6 : "ok", bad ? "  FAILED" : "");
        fflush(stdout);
        failed += bad;
    }
}
#define TABLE(call, run, rows) table(call, run, rows, sizeof (rows) / sizeof *(rows))

int main(void)
{
    TABLE("json", read_json, json);
    TABLE("json, lenient", read_json_lenient, lenient);
    TABLE("safetensors", read_safetensors, headers);
    TABLE("regex, compile", compile, patterns);
    TABLE("regex, match", match, texts);
    TABLE("glob", glob, globs);
    TABLE("config", read_config, configs);
    printf(failed ? "%d inputs take too long\n" : "linear\n", failed);
    return failed != 0;
}
