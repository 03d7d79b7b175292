/* test_value.c - JSON in and out, exact numbers, findings, "did you mean". The accept and refuse rows follow RFC 8259 and
 * the well-known cases of JSONTestSuite; numbers come from CPython (golden/value_numbers.py) and from strtod and printf. */
#include "../smash.h"
#include "test.h"
#include "golden/value_numbers.h"

static smash_ctx ctx;
static smash_arena arena;


/* The text written compactly by the library, in the arena; NULL on failure. */
static const char *written(const smash_value *v, uint32_t indent, uint32_t flat)
{
    smash_text text = SMASH_ZERO;
    smash_writer w = SMASH_ZERO;
    text.arena = &arena;
    w.put = smash_text_put;
    w.user = &text;
    w.indent = indent;
    w.flat = flat;
    smash_write_value(&w, v);
    return w.err || w.depth ? NULL : text.data;
}

/* Parse a copy of exactly `bytes` bytes, so that a sanitizer sees every byte read beyond. The caller frees *copy. */
static smash_err parse(const smash_json_desc *desc, const char *text, size_t bytes, smash_diags *diags, smash_json *doc, char **copy)
{
    *copy = (char *)malloc(bytes ? bytes : 1);
    memcpy(*copy, text, bytes);
    smash_ctx_reset(&ctx);
    memset(doc, 0x5A, sizeof *doc);
    return smash_json_parse(&ctx, desc, *copy, bytes, &arena, diags, doc);
}

static int untouched(const smash_json *doc)
{
    const unsigned char *p = (const unsigned char *)doc;
    size_t i;
    for (i = 0; i < sizeof *doc; i++) if (p[i] != 0x5A) return 0;
    return 1;
}

/* ---- JSON, read ---- */

#define ROW(text) text, sizeof(text) - 1

static void test_accept(void)
{
    static const struct { const char *text; size_t bytes; const char *compact; } rows[] = {
        { ROW("[[]   ]"), "[[]]" },
        { ROW("[\"\"]"), "[\"\"]" },
        { ROW("[]"), "[]" },
        { ROW("[\"a\"]"), "[\"a\"]" },
        { ROW("[false]"), "[false]" },
        { ROW("[null, 1, \"1\", {}]"), "[null,1,\"1\",{}]" },
        { ROW("[null]"), "[null]" },
        { ROW("[1\n]"), "[1]" },
        { ROW(" [1]"), "[1]" },
        { ROW("[1,null,null,null,2]"), "[1,null,null,null,2]" },
        { ROW("[2] "), "[2]" },
        { ROW("[123e65]"), "[123e65]" },
        { ROW("[0e+1]"), "[0e+1]" },
        { ROW("[0e1]"), "[0e1]" },
        { ROW("[ 4]"), "[4]" },
        { ROW("[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]\n"),
          "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]" },
        { ROW("[20e1]"), "[20e1]" },
        { ROW("[-0]"), "[-0]" },
        { ROW("[-123]"), "[-123]" },
        { ROW("[1E22]"), "[1E22]" },
        { ROW("[1E-2]"), "[1E-2]" },
        { ROW("[1E+2]"), "[1E+2]" },
        { ROW("[123.456e78]"), "[123.456e78]" },
        { ROW("[123.456789]"), "[123.456789]" },
        { ROW("{\"asd\":\"sdf\", \"dfg\":\"fgh\"}"), "{\"asd\":\"sdf\",\"dfg\":\"fgh\"}" },
        { ROW("{\"asd\":\"sdf\"}"), "{\"asd\":\"sdf\"}" },
        { ROW("{\"a\":\"b\",\"a\":\"c\"}"), "{\"a\":\"b\",\"a\":\"c\"}" },
        { ROW("{}"), "{}" },
        { ROW("{\"\":0}"), "{\"\":0}" },
        { ROW("{\"foo\\u0000bar\": 42}"), "{\"foo\\u0000bar\":42}" },
        { ROW("{ \"min\": -1.0e+28, \"max\": 1.0e+28 }"), "{\"min\":-1.0e+28,\"max\":1.0e+28}" },
        { ROW("{\"x\":[{\"id\": \"x\"}], \"id\": \"y\"}"), "{\"x\":[{\"id\":\"x\"}],\"id\":\"y\"}" },
        { ROW("{\"title\":\"\\u041f\\u043e\"}"), "{\"title\":\"\xD0\x9F\xD0\xBE\"}" },
        { ROW("{\n\"a\": \"b\"\n}"), "{\"a\":\"b\"}" },
        { ROW("[\"\\u0060\\u012a\\u12AB\"]"), "[\"`\xC4\xAA\xE1\x8A\xAB\"]" },
        { ROW("[\"\\uD801\\udc37\"]"), "[\"\xF0\x90\x90\xB7\"]" },
        { ROW("[\"\\ud83d\\ude39\\ud83d\\udc8d\"]"), "[\"\xF0\x9F\x98\xB9\xF0\x9F\x92\x8D\"]" },
        { ROW("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]"), "[\"\\\"\\\\/\\b\\f\\n\\r\\t\"]" },
        { ROW("[\"\\\\u0000\"]"), "[\"\\\\u0000\"]" },
        { ROW("[\"\\\"\"]"), "[\"\\\"\"]" },
        { ROW("[\"a/*b*/c/*d//e\"]"), "[\"a/*b*/c/*d//e\"]" },
        { ROW("[\"\\\\a\"]"), "[\"\\\\a\"]" },
        { ROW("[\"\\u0012\"]"), "[\"\\u0012\"]" },
        { ROW("[\"\\uFFFF\"]"), "[\"\xEF\xBF\xBF\"]" },
        { ROW("[ \"asd\"]"), "[\"asd\"]" },
        { ROW("[\"\\uDBFF\\uDFFF\"]"), "[\"\xF4\x8F\xBF\xBF\"]" },
        { ROW("[\"new\\u00A0line\"]"), "[\"new\xC2\xA0line\"]" },
        { ROW("[\"\xF4\x8F\xBF\xBF\"]"), "[\"\xF4\x8F\xBF\xBF\"]" },
        { ROW("[\"\xEF\xBF\xBF\"]"), "[\"\xEF\xBF\xBF\"]" },
        { ROW("[\"\\u0000\"]"), "[\"\\u0000\"]" },
        { ROW("[\"\\u002c\"]"), "[\",\"]" },
        { ROW("[\"\xCF\x80\"]"), "[\"\xCF\x80\"]" },
        { ROW("[\"\xF0\x9B\xBF\xBF\"]"), "[\"\xF0\x9B\xBF\xBF\"]" },
        { ROW("[\"asd \"]"), "[\"asd \"]" },
        { ROW("\" \""), "\" \"" },
        { ROW("[\"\\uD834\\uDd1e\"]"), "[\"\xF0\x9D\x84\x9E\"]" },
        { ROW("[\"\\u0821\"]"), "[\"\xE0\xA0\xA1\"]" },
        { ROW("[\"\\u0123\"]"), "[\"\xC4\xA3\"]" },
        { ROW("[\"\xE2\x80\xA8\"]"), "[\"\xE2\x80\xA8\"]" },
        { ROW("[\"\xE2\x80\xA9\"]"), "[\"\xE2\x80\xA9\"]" },
        { ROW("[\"\x7F\"]"), "[\"\x7F\"]" },
        { ROW("[\"\\u005C\"]"), "[\"\\\\\"]" },
        { ROW("[\"\\u0022\"]"), "[\"\\\"\"]" },
        { ROW("[\"a\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80z\"]"), "[\"a\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80z\"]" },
        { ROW("[\"\xED\x9F\xBF\xEE\x80\x80\"]"), "[\"\xED\x9F\xBF\xEE\x80\x80\"]" },
        { ROW("false"), "false" },
        { ROW("42"), "42" },
        { ROW("-0.1"), "-0.1" },
        { ROW("null"), "null" },
        { ROW("\"asd\""), "\"asd\"" },
        { ROW("true"), "true" },
        { ROW("\"\""), "\"\"" },
        { ROW("[\"a\"]\n"), "[\"a\"]" },
        { ROW("[true]"), "[true]" },
        { ROW(" [] "), "[]" },
        { ROW("\t\r\n {\t\"k\"\r:\n[ ] }\n"), "{\"k\":[]}" },
        { ROW("[1e999,-1e999,1e-999]"), "[1e999,-1e999,1e-999]" },
        { ROW("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"), "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]" },
    };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_json_desc lenient = SMASH_ZERO;
        smash_diags diags = SMASH_ZERO;
        smash_json doc;
        const char *text;
        char *copy;
        smash_err err = parse(NULL, rows[i].text, rows[i].bytes, NULL, &doc, &copy);
        CHECK(err == SMASH_OK, "row %d: %s: %s", (int)i, rows[i].text, ctx.message);
        if (!err) {
            text = written(doc.root, 0, 0);
            CHECK(text && !strcmp(text, rows[i].compact), "row %d: %s became %s", (int)i, rows[i].text, text ? text : "nothing");
            CHECK(doc.count == doc.root->span && doc.bytes == rows[i].bytes && doc.text == copy, "row %d", (int)i);
        }
        free(copy);
        lenient.lenient = 1;                                    /* takes the same, and has nothing to warn of */
        diags.arena = &arena;
        err = parse(&lenient, rows[i].text, rows[i].bytes, &diags, &doc, &copy);
        CHECK(err == SMASH_OK && !diags.first && !diags.warnings && !diags.errors, "row %d lenient: %s", (int)i, ctx.message);
        free(copy);
        smash_arena_release(&arena);
    }
}

static void test_refuse(void)
{
    /* at: the byte in ctx->index. says: part of the message. lenient: 1 if the lenient parser takes it. */
    static const struct { const char *text; size_t bytes, at; const char *says; int lenient; } rows[] = {
        { ROW(""), 0, "expected a value, but the text ends here", 0 },
        { ROW(" "), 1, "but the text ends here", 0 },
        { ROW("[1 true]"), 3, "expected a comma or ], found true", 0 },
        { ROW("[a\xE5]"), 1, "expected a value, found a", 0 },
        { ROW("[\"\": 1]"), 3, "expected a comma or ], found :", 0 },
        { ROW("[\"\"],"), 4, "expected the end of the text, found ,", 0 },
        { ROW("[,1]"), 1, "expected a value, found ,", 0 },
        { ROW("[1,,2]"), 3, "expected a value, found ,", 0 },
        { ROW("[\"x\",,]"), 5, "expected a value, found ,", 0 },
        { ROW("[\"x\"]]"), 5, "expected the end of the text, found ]", 0 },
        { ROW("[\"\",]"), 4, "expected a value, found ]", 1 },
        { ROW("[\"x\""), 4, "expected a comma or ], but the text ends here", 0 },
        { ROW("[x"), 1, "found x", 0 },
        { ROW("[3[4]]"), 2, "expected a comma or ], found [", 0 },
        { ROW("[\xFF]"), 1, "found byte 255", 0 },
        { ROW("[1:2]"), 2, "found :", 0 },
        { ROW("[,]"), 1, "found ,", 0 },
        { ROW("[-]"), 2, "expected a digit after -, found ]", 0 },
        { ROW("[   , \"\"]"), 4, "found ,", 0 },
        { ROW("[\"a\",\n4\n,1,"), 11, "but the text ends here", 0 },
        { ROW("[1,]"), 3, "found ]", 1 },
        { ROW("[\"a\",,]"), 5, "found ,", 0 },
        { ROW("[*]"), 1, "found *", 0 },
        { ROW("[1,\n1\n,1"), 8, "but the text ends here", 0 },
        { ROW("[{}"), 3, "expected a comma or ], but", 0 },
        { ROW("[fals]"), 1, "found fals", 0 },
        { ROW("[nul]"), 1, "found nul", 0 },
        { ROW("[tru]"), 1, "found tru", 0 },
        { ROW("[truex]"), 5, "expected a comma or ], found x", 0 },
        { ROW("[++1234]"), 1, "found +", 0 },
        { ROW("[+1]"), 1, "found +", 0 },
        { ROW("[+Inf]"), 1, "found +", 0 },
        { ROW("[-01]"), 1, "a number may not start with 0", 0 },
        { ROW("[-1.0.]"), 6, "expected a digit after the point", 0 },
        { ROW("[-2.]"), 4, "expected a digit after the point, found ]", 0 },
        { ROW("[-NaN]"), 2, "expected a digit after -, found NaN", 0 },
        { ROW("[.-1]"), 1, "found .", 0 },
        { ROW("[.2e-3]"), 1, "found .", 0 },
        { ROW("[0.1.2]"), 4, "expected a comma or ], found .", 0 },
        { ROW("[1e2e3]"), 4, "expected a comma or ], found e3", 0 },
        { ROW("[1.5e2.5]"), 6, "expected a comma or ], found .", 0 },
        { ROW("[0.3e+]"), 6, "expected a digit in the exponent, found ]", 0 },
        { ROW("[0.3e]"), 5, "expected a digit in the exponent, found ]", 0 },
        { ROW("[0.e1]"), 3, "expected a digit after the point", 0 },
        { ROW("[0E+]"), 4, "in the exponent", 0 },
        { ROW("[0E]"), 3, "in the exponent", 0 },
        { ROW("[1.0e+]"), 6, "in the exponent", 0 },
        { ROW("[1.0e-]"), 6, "in the exponent", 0 },
        { ROW("[1 000.0]"), 3, "found 000", 0 },
        { ROW("[1eE2]"), 3, "in the exponent", 0 },
        { ROW("[2.e+3]"), 3, "after the point", 0 },
        { ROW("[9.e+]"), 3, "after the point", 0 },
        { ROW("[Inf]"), 1, "found Inf", 0 },
        { ROW("[NaN]"), 1, "JSON has no such number", 0 },
        { ROW("[-Infinity]"), 2, "JSON has no such number", 0 },
        { ROW("[\xEF\xBC\x91]"), 1, "found byte 239", 0 },
        { ROW("[1+2]"), 2, "found +", 0 },
        { ROW("[0x1]"), 2, "found x1", 0 },
        { ROW("[0x42]"), 2, "found x42", 0 },
        { ROW("[- 1]"), 2, "expected a digit after -", 0 },
        { ROW("[-012]"), 1, "a number may not start with 0", 0 },
        { ROW("[-.123]"), 2, "expected a digit after -", 0 },
        { ROW("[1ea]"), 3, "in the exponent", 0 },
        { ROW("[012]"), 1, "a number may not start with 0", 0 },
        { ROW("[1.8011670033376514H-308]"), 19, "found H", 0 },
        { ROW("[\"x\", truth]"), 6, "found truth", 0 },
        { ROW("{[: \"x\"}"), 1, "expected a key in double quotes or }, found [", 0 },
        { ROW("{\"x\", null}"), 4, "expected a colon after the key, found ,", 0 },
        { ROW("{\"x\"::\"b\"}"), 5, "expected a value, found :", 0 },
        { ROW("{\"a\":\"a\" 123}"), 9, "expected a comma or }, found 123", 0 },
        { ROW("{key: 'value'}"), 1, "expected a key in double quotes or }, found key", 0 },
        { ROW("{\"a\" b}"), 5, "expected a colon after the key, found b", 0 },
        { ROW("{:\"b\"}"), 1, "found :", 0 },
        { ROW("{\"a\""), 4, "expected a colon after the key, but", 0 },
        { ROW("{\"a\":"), 5, "expected a value, but", 0 },
        { ROW("{\"a\":\"a"), 5, "this string has no closing quote", 0 },
        { ROW("{1:1}"), 1, "found 1", 0 },
        { ROW("{null:null,null:null}"), 1, "found null", 0 },
        { ROW("{\"id\":0,}"), 8, "expected a key in double quotes after the comma, found }", 1 },
        { ROW("{\"id\":0,,}"), 8, "found ,", 0 },
        { ROW("{'a':0}"), 1, "JSON strings have double quotes", 1 },
        { ROW("{\"a\":\"b\",,\"c\":\"d\"}"), 9, "found ,", 0 },
        { ROW("{\"a\":true} \"x\""), 11, "expected the end of the text", 0 },
        { ROW("{\"a\":\"b\"}/**/"), 9, "JSON has no comments", 0 },
        { ROW("{\"a\":\"b\"}//"), 9, "JSON has no comments", 1 },
        { ROW("{\"a\":\"b\"}#"), 9, "JSON has no comments", 1 },
        { ROW("{\"a\":\"b\"}/"), 9, "", 0 },
        { ROW("{\"a\":\"b\"}#{}"), 9, "JSON has no comments", 1 },
        { ROW("{\"a\":\"b"), 5, "no closing quote", 0 },
        { ROW("[\"\\uD800\\\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uD800\\u\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uD800\\u1\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uD800\\u1x\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uDADA\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uD888\\u1234\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uD800\\uE000\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uDFAA\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uDd1e\\uD834\"]"), 2, "half a surrogate pair", 0 },
        { ROW("[\"\\uD800\\uD800\\n\"]"), 2, "half a surrogate pair", 0 },
        { ROW("\"\\uD800\\uDC0"), 1, "half a surrogate pair", 0 },
        { ROW("[\"\\x00\"]"), 2, "after a backslash", 0 },
        { ROW("[\"\\\\\\\"]"), 1, "no closing quote", 0 },
        { ROW("[\"\\\t\"]"), 2, "after a backslash", 0 },
        { ROW("[\"\\\xF0\x9F\x8C\x80\"]"), 2, "after a backslash", 0 },
        { ROW("[\"\\\"]"), 1, "no closing quote", 0 },
        { ROW("[\"\\u00A\"]"), 2, "four hex digits", 0 },
        { ROW("[\"\\uqqqq\"]"), 2, "four hex digits", 0 },
        { ROW("\"\\u12"), 1, "four hex digits", 0 },
        { ROW("\"\\"), 1, "after a backslash", 0 },
        { ROW("[\"\\a\"]"), 2, "after a backslash", 0 },
        { ROW("[\"\\'\"]"), 2, "after a backslash", 0 },
        { ROW("[\"a\0a\"]"), 3, "control character (byte 0)", 0 },
        { ROW("[\"new\nline\"]"), 5, "line break in a string", 0 },
        { ROW("[\"\t\"]"), 2, "control character (byte 9)", 0 },
        { ROW("\""), 0, "no closing quote", 0 },
        { ROW("['single quote']"), 1, "double quotes", 1 },
        { ROW("abc"), 0, "found abc", 0 },
        { ROW("[\"\x81\"]"), 2, "expected UTF-8", 0 },
        { ROW("[\"\xC0\xAF\"]"), 2, "expected UTF-8", 0 },
        { ROW("[\"\xE0\x80\xAF\"]"), 2, "expected UTF-8", 0 },
        { ROW("[\"\xF0\x80\x80\xAF\"]"), 2, "expected UTF-8", 0 },
        { ROW("[\"\xF0\x8F\xBF\xBF\"]"), 2, "expected UTF-8", 0 },
        { ROW("[\"\xED\xA0\x80\"]"), 2, "expected UTF-8", 0 },
        { ROW("[\"\xF4\x90\x80\x80\"]"), 2, "expected UTF-8", 0 },
        { ROW("[\"\xF8\x88\x80\x80\x80\"]"), 2, "expected UTF-8", 0 },
        { ROW("[\"ab\xE2\x82\"]"), 4, "expected UTF-8", 0 },
        { ROW("\"\xE2\x82"), 1, "expected UTF-8", 0 },
        { ROW("[\"\xFE\"]"), 2, "expected UTF-8", 0 },
        { ROW("[True]"), 1, "JSON writes true, false, null", 1 },
        { ROW("{\"a\": None}"), 6, "JSON writes true, false, null", 1 },
        { ROW("[\xE2\x81\xA0]"), 1, "found byte 226", 0 },
        { ROW("\xEF\xBB\xBF"), 0, "byte order mark (BOM)", 0 },
        { ROW("\xEF\xBB\xBF{}"), 0, "byte order mark (BOM)", 0 },
        { ROW("\xFF\xFE{\0}\0"), 0, "UTF-16", 0 },
        { ROW("\xFE\xFF\0{\0}"), 0, "UTF-16", 0 },
        { ROW("\xEF\xBB{}"), 0, "found byte 239", 0 },
        { ROW("<null>"), 0, "found <", 0 },
        { ROW("[1]x"), 3, "expected the end of the text", 0 },
        { ROW("[1}"), 2, "expected a comma or ], found }", 0 },
        { ROW("{\"a\":1]"), 6, "expected a comma or }, found ]", 0 },
        { ROW("["), 1, "expected a value, but", 0 },
        { ROW("{"), 1, "expected a key in double quotes or }, but", 0 },
        { ROW("{\"a\":/*c*/\"b\"}"), 5, "found /", 0 },
        { ROW("\xC3\xA5"), 0, "found byte 195", 0 },
        { ROW("[\f]"), 1, "found byte 12", 0 },
        { ROW("]"), 0, "expected a value, found ]", 0 },
        { ROW("1]"), 1, "the end of the text", 0 },
        { ROW("{\"a\":1,1}"), 7, "found 1", 0 },
        { ROW("[1]\0"), 3, "found byte 0", 0 },
    };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_json_desc desc = SMASH_ZERO;
        smash_diags diags = SMASH_ZERO;
        smash_json doc;
        char *copy;
        smash_err err;
        diags.arena = &arena;
        desc.file = "x.json";
        err = parse(&desc, rows[i].text, rows[i].bytes, &diags, &doc, &copy);
        CHECK(err == SMASH_ERR_SYNTAX, "row %d: %s: %s", (int)i, rows[i].text, smash_err_name(err));
        CHECK(ctx.index == rows[i].at, "row %d: %s: byte %u, want %u", (int)i, rows[i].text, (unsigned)ctx.index, (unsigned)rows[i].at);
        CHECK(strstr(ctx.message, rows[i].says) && !strncmp(ctx.message, "x.json:", 7) && !strcmp(ctx.where, "smash_json_parse"),
              "row %d: %s: %s", (int)i, rows[i].text, ctx.message);
        CHECK(diags.errors == 1 && diags.first && diags.first == diags.last && !strcmp(diags.first->code, "json_syntax")
              && diags.first->severity == SMASH_ERROR && strstr(diags.first->message, rows[i].says), "row %d", (int)i);
        CHECK(untouched(&doc), "row %d", (int)i);
        free(copy);
        desc.lenient = 1;
        err = parse(&desc, rows[i].text, rows[i].bytes, NULL, &doc, &copy);
        CHECK((err == SMASH_OK) == rows[i].lenient, "row %d lenient: %s: %s", (int)i, rows[i].text, ctx.message);
        free(copy);
        smash_arena_release(&arena);
    }
}

static void test_lenient(void)
{
    /* warnings: code letter (p literal, q quote, t comma, c comment), line:column */
    static const struct { const char *text, *compact, *warnings; } rows[] = {
        { "{'a': True}", "{\"a\":true}", "q1:2 p1:7 " },
        { "[True,False,\n None]", "[true,false,null]", "p1:2 p1:7 p2:2 " },
        { "[1,]", "[1]", "t1:3 " },
        { "{\"a\":1,\n}", "{\"a\":1}", "t1:7 " },
        { "[[1,],]", "[[1]]", "t1:4 t1:6 " },
        { "# head\n[1] // tail", "[1]", "c1:1 c2:5 " },
        { "[1, # one\n 2, // two\n ]", "[1,2]", "c1:5 c2:5 t2:3 " },
        { "{//x\n\"a\"//y\n://z\n1//w\n}", "{\"a\":1}", "c1:2 c2:4 c3:2 c4:2 " },
        { "'it\\'s \"x\" \\n'", "\"it's \\\"x\\\" \\n\"", "q1:1 " },
        { "\"it's\"", "\"it's\"", "" },
        { "\"# // no comment\"", "\"# // no comment\"", "" },
        { "'# // no comment'", "\"# // no comment\"", "q1:1 " },
        { "[1]#\xFF", "[1]", "c1:4 " },
        { "''", "\"\"", "q1:1 " },
        { "[{},]", "[{}]", "t1:4 " },
        { "{'\xC3\xA4':'\\u00e4',}", "{\"\xC3\xA4\":\"\xC3\xA4\"}", "q1:2 q1:7 t1:15 " },
    };
    static const char *const refused[] = { "[,]", "{,}", "[1,,]", "{'a\"}", "[True,,]", "true false", "/* x */ 1", "/1", "TRUE", "none", "#",
                                           "'\\x41'", "{a:1}", "[1 2]", "'a\nb'", "NaN", "(1,2)", "b'x'", "'a' 'b'", "\"a\\'b\"" };
    size_t i;
    smash_json_desc desc = SMASH_ZERO;
    desc.lenient = 1;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_diags diags = SMASH_ZERO;
        const smash_diag *d;
        const char *text;
        smash_json doc;
        char *copy, got[256] = "";
        size_t count = 0;
        smash_err err;
        diags.arena = &arena;
        err = parse(&desc, rows[i].text, strlen(rows[i].text), &diags, &doc, &copy);
        CHECK(err == SMASH_OK, "row %d: %s", (int)i, ctx.message);
        if (err) { free(copy); continue; }
        text = written(doc.root, 0, 0);
        CHECK(text && !strcmp(text, rows[i].compact), "row %d: %s", (int)i, text);
        for (d = diags.first; d; d = d->next, count++) {
            char kind = !strcmp(d->code, "json_python_literal") ? 'p' : !strcmp(d->code, "json_single_quotes") ? 'q'
                      : !strcmp(d->code, "json_trailing_comma") ? 't' : !strcmp(d->code, "json_comment") ? 'c' : '?';
            snprintf(got + strlen(got), sizeof got - strlen(got), "%c%u:%u ", kind, d->line, d->column);
            CHECK(d->severity == SMASH_WARNING && !d->file && *d->message, "row %d", (int)i);
        }
        CHECK(!strcmp(got, rows[i].warnings), "row %d: %s, want %s", (int)i, got, rows[i].warnings);
        CHECK(diags.warnings == count && diags.errors == 0 && diags.dropped == 0, "row %d", (int)i);
        free(copy);
        smash_arena_release(&arena);
    }
    for (i = 0; i < COUNT_OF(refused); i++) {
        smash_json doc;
        char *copy;
        smash_err err = parse(&desc, refused[i], strlen(refused[i]), NULL, &doc, &copy);
        CHECK(err == SMASH_ERR_SYNTAX && untouched(&doc), "%s: %s", refused[i], smash_err_name(err));
        free(copy);
    }
    smash_arena_release(&arena);
}

/* `depth` brackets of a kind, closed again */
static char *nested(size_t depth, char open, size_t *bytes)
{
    char *text = (char *)malloc(depth * 6 + 8);
    size_t i, n = 0;
    for (i = 0; i < depth; i++) {
        if (open == '{') { memcpy(text + n, "{\"a\":", 5); n += 5; }
        else text[n++] = '[';
    }
    text[n++] = '1';
    for (i = 0; i < depth; i++) text[n++] = open == '{' ? '}' : ']';
    *bytes = n;
    return text;
}

static void test_limits(void)
{
    static const struct { uint32_t max_depth; size_t depth; smash_err err; } depths[] = {
        { 0, 32, SMASH_OK }, { 0, 33, SMASH_ERR_LIMIT }, { 1, 1, SMASH_OK }, { 1, 2, SMASH_ERR_LIMIT }, { 1024, 1024, SMASH_OK },
        { 1024, 1025, SMASH_ERR_LIMIT }, { 1025, 1, SMASH_ERR_ARG }, { 0, 0, SMASH_OK }, { 1024, 200000, SMASH_ERR_LIMIT } };
    static const struct { const char *text; uint32_t max_values; smash_err err; size_t at; } values[] = {
        { "1", 1, SMASH_OK, 0 }, { "[1,2,3]", 4, SMASH_OK, 0 }, { "[1,2,3]", 3, SMASH_ERR_LIMIT, 5 }, { "{\"a\":1}", 2, SMASH_ERR_LIMIT, 5 },
        { "{\"a\":{}}", 2, SMASH_ERR_LIMIT, 5 }, { "{\"a\":true}", 2, SMASH_ERR_LIMIT, 5 }, { "{\"a\":1}", 1, SMASH_ERR_LIMIT, 1 },
        { "{\"a\":1}", 3, SMASH_OK, 0 } };
    size_t i, k;
    for (i = 0; i < COUNT_OF(depths); i++) {
        for (k = 0; k < 2; k++) {
            smash_json_desc desc = SMASH_ZERO;
            smash_diags diags = SMASH_ZERO;
            smash_json doc;
            size_t bytes;
            char *text = nested(depths[i].depth, k ? '{' : '[', &bytes), *copy;
            smash_err err;
            desc.max_depth = depths[i].max_depth;
            diags.arena = &arena;
            err = parse(&desc, text, bytes, &diags, &doc, &copy);
            CHECK(err == depths[i].err, "row %d: %s", (int)i, smash_err_name(err));
            if (err == SMASH_ERR_LIMIT)
                CHECK(untouched(&doc) && ctx.index == (desc.max_depth ? desc.max_depth : 32) * (k ? 5u : 1u) && diags.errors == 1
                      && !strcmp(diags.first->code, "json_limit"), "row %d: %u", (int)i, (unsigned)ctx.index);
            if (!err) CHECK(doc.count == depths[i].depth * (k ? 2 : 1) + 1, "row %d", (int)i);
            free(text);
            free(copy);
            smash_arena_release(&arena);
        }
    }
    for (i = 0; i < COUNT_OF(values); i++) {
        smash_json_desc desc = SMASH_ZERO;
        smash_json doc;
        char *copy;
        smash_err err;
        desc.max_values = values[i].max_values;
        err = parse(&desc, values[i].text, strlen(values[i].text), NULL, &doc, &copy);
        CHECK(err == values[i].err && (!err || (ctx.index == values[i].at && untouched(&doc))),
              "row %d: %s %u", (int)i, smash_err_name(err), (unsigned)ctx.index);
        free(copy);
    }
    smash_arena_release(&arena);
}

static void test_misuse(void)
{
    smash_json_desc desc = SMASH_ZERO;
    smash_diags diags = SMASH_ZERO;
    smash_json doc;
    smash_ctx stale;
    memset(&doc, 0x5A, sizeof doc);
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, NULL, 1, &arena, NULL, &doc), SMASH_ERR_ARG, "no text");
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, NULL, 0, &arena, NULL, &doc), SMASH_ERR_SYNTAX, "NULL is the empty text");
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, "1", 1, NULL, NULL, &doc), SMASH_ERR_ARG, "no arena");
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, "1", 1, &arena, NULL, NULL), SMASH_ERR_ARG, "no out");
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, "1", 1, &ctx.scratch, NULL, &doc), SMASH_ERR_ARG, "result in scratch");
    diags.arena = &ctx.scratch;
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, "1", 1, &arena, &diags, &doc), SMASH_ERR_ARG, "messages in scratch");
    CHECK_ERR(&ctx, smash_json_parse(&ctx, NULL, "1", UINT32_MAX, &arena, NULL, &doc), SMASH_ERR_LIMIT, "too long");
    desc.zero_begin = 1;
    CHECK_ERR(&ctx, smash_json_parse(&ctx, &desc, "1", 1, &arena, NULL, &doc), SMASH_ERR_ARG, "begin fence");
    desc.zero_begin = 0;
    desc.zero_end = 1;
    CHECK_ERR(&ctx, smash_json_parse(&ctx, &desc, "1", 1, &arena, NULL, &doc), SMASH_ERR_ARG, "end fence");
    CHECK(smash_json_parse(NULL, NULL, "1", 1, &arena, NULL, &doc) == SMASH_ERR_NOMEM, "no ctx, so no scratch");
    memset(&stale, 0, sizeof stale);
    CHECK(smash_json_parse(&stale, NULL, "1", 1, &arena, NULL, &doc) == SMASH_ERR_NOMEM, "stale ctx, so no scratch");
    CHECK(untouched(&doc), "out");
    smash_arena_release(&arena);
}

/* Exactly the memory that is documented, and one byte less, whatever max_depth is. */
static void test_memory(void)
{
    static const char text[] = "{\"a\":[1,2,{\"b\":null}],\"c\":\"d\\n\",\"e\":true}";
    enum { VALUES = 12, STRINGS = 2 + 2 + 2 + 3 + 2, MEMBERS = 3 };
    const size_t need = VALUES * sizeof(smash_value) + STRINGS;
    size_t level, less_arena, less_scratch, k;
    for (level = 1; level <= 40; level += 13) {
        for (k = 0; k < 6; k++) {
            const size_t scratch_need = (level * 8 + 15) / 16 * 16 + MEMBERS * 8;          /* every piece starts at a multiple of 16 */
            smash_json_desc desc = SMASH_ZERO;
            smash_ctx small;
            smash_arena exact;
            smash_json doc;
            smash_err err;
            unsigned char *a, *s;
            less_arena = k == 1;
            less_scratch = k == 2;
            desc.max_depth = (uint32_t)level;
            desc.unique_keys = 1;
            a = (unsigned char *)malloc(need - less_arena);
            s = (unsigned char *)malloc(scratch_need - less_scratch);
            smash_ctx_init(&small);
            smash_arena_init(&small.scratch, s, scratch_need - less_scratch, NULL);
            smash_arena_init(&exact, a, need - less_arena, NULL);
            memset(&doc, 0x5A, sizeof doc);
            err = smash_json_parse(&small, &desc, text, sizeof text - 1, &exact, NULL, &doc);
            if (level < 3) CHECK(err == SMASH_ERR_LIMIT && untouched(&doc), "level %d", (int)level);
            else if (k == 1 || k == 2) {
                CHECK(err == SMASH_ERR_NOMEM && small.need == 1 && untouched(&doc),
                      "less %d: %s need %d", (int)k, smash_err_name(err), (int)small.need);
                CHECK(exact.used == 0, "arena rewound");
            } else CHECK(err == SMASH_OK && doc.count == VALUES && exact.used == need, "exact: %s", small.message);
            CHECK(small.scratch.used == 0, "scratch given back");
            free(a);
            free(s);
        }
    }
}

static void test_unique(void)
{
    static const struct { const char *text; size_t at; const char *says; } rows[] = {      /* at 0: no key twice */
        { "{\"a\":1,\"b\":2}", 0, "" }, { "{\"a\":{\"a\":1},\"b\":{\"a\":1}}", 0, "" }, { "[{\"a\":1},{\"a\":1}]", 0, "" }, { "{}", 0, "" },
        { "{\"a\":\"a\",\"b\":\"b\"}", 0, "" }, { "{\"a\":1,\"A\":1,\"aa\":1,\"\":1}", 0, "" },
        { "{\"a\\u0000b\":1,\"a\\u0000c\":1,\"a\":2}", 0, "" },
        { "{\"a\":1,\"a\":2}", 7, "1:8: the key \"a\" is in this object already, on line 1" },
        { "{\"a\":1,\"\\u0061\":2}", 7, "the key \"a\"" },
        { "{\"\":1,\"\":1}", 6, "the key \"\"" },
        { "{\"k\":1,\n\"x\":{\"b\":[],\n\"c\":3,\"b\":{}}}", 27, "3:7: the key \"b\" is in this object already, on line 2" },
        { "{\"z\":1,\"b\":1,\"z\":2,\"b\":2}", 13, "the key \"z\"" },
        { "[{\"q\":{\"x\":1,\"x\":1},\"q\":1}]", 13, "the key \"x\"" },
        { "{\"q\":{\"x\":1,\"y\":1},\"q\":1,\"r\":{\"x\":1,\"x\":1}}", 19, "the key \"q\"" },
        { "{\"a\":1,\"a\":2,\"a\":3}", 7, "the key \"a\"" },
        { "{\"\xC3\xA4\":1,\"\\u00e4\":2}", 8, "the key \"\xC3\xA4\"" },
    };
    enum { WIDE = 200000 };
    smash_json_desc desc = SMASH_ZERO;
    smash_json doc;
    char *copy, *wide;
    size_t i, k, n;
    smash_err err;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_diags diags = SMASH_ZERO;
        diags.arena = &arena;
        desc.unique_keys = 1;
        err = parse(&desc, rows[i].text, strlen(rows[i].text), &diags, &doc, &copy);
        if (!rows[i].at) CHECK(err == SMASH_OK, "row %d: %s", (int)i, ctx.message);
        else {
            CHECK(err == SMASH_ERR_SYNTAX && ctx.index == rows[i].at && untouched(&doc),
                  "row %d: %s byte %u", (int)i, smash_err_name(err), (unsigned)ctx.index);
            CHECK(diags.errors == 1 && !strcmp(diags.first->code, "json_duplicate_key") && strstr(diags.first->message, "the key"),
                  "row %d", (int)i);
            if (rows[i].says[0] == 't') CHECK(strstr(ctx.message, rows[i].says), "row %d: %s", (int)i, ctx.message);
            else {
                char want[128];
                snprintf(want, sizeof want, "line %c, column %c: %s", rows[i].says[0], rows[i].says[2], rows[i].says + 5);
                CHECK(!strncmp(ctx.message, want, strlen(want)), "row %d: %s", (int)i, ctx.message);
                CHECK(diags.first->line == (uint32_t)(rows[i].says[0] - '0') && diags.first->column == (uint32_t)(rows[i].says[2] - '0'),
                      "row %d: %u:%u", (int)i, diags.first->line, diags.first->column);
            }
        }
        free(copy);
        if (rows[i].at) {
            const size_t used = smash_arena_get_mark(&arena).used;                        /* the message, and no value */
            CHECK(used <= sizeof(smash_diag) + strlen(diags.first->message) + 1, "row %d: %d bytes left behind", (int)i, (int)used);
        }
        desc.unique_keys = 0;
        err = parse(&desc, rows[i].text, strlen(rows[i].text), NULL, &doc, &copy);
        CHECK(err == SMASH_OK, "row %d without unique_keys", (int)i);
        free(copy);
        smash_arena_release(&arena);
    }
    wide = (char *)malloc(WIDE * 16 + 2);                       /* a quadratic search would never come back from this */
    for (k = 0; k < 2; k++) {
        n = 0;
        wide[n++] = '{';
        for (i = 0; i < WIDE; i++)
            n += (size_t)sprintf(wide + n, "%s\"key%06d\":0", i ? "," : "", k && i == WIDE - 1 ? 77777 : (int)((i * 7919) % WIDE));
        wide[n++] = '}';
        desc.unique_keys = 1;
        err = parse(&desc, wide, n, NULL, &doc, &copy);
        CHECK(err == (k ? SMASH_ERR_SYNTAX : SMASH_OK), "%s", ctx.message);
        if (k) CHECK(ctx.index == n - 1 - 13 && strstr(ctx.message, "key077777"), "%s", ctx.message);
        free(copy);
        smash_arena_release(&arena);
    }
    free(wide);
}

static void test_diags(void)
{
    smash_json doc = SMASH_ZERO;
    smash_value v = SMASH_ZERO;
    size_t i, max;
    char message[16];
    doc.text = "ab\ncd\r\n\nx";
    doc.bytes = 9;
    doc.file = "f.json";
    for (max = 0; max < 4; max++) {
        const size_t room = max ? max : 256;
        const smash_diag *d;
        smash_diags diags = SMASH_ZERO;
        diags.arena = &arena;
        diags.max = max;
        for (i = 0; i < 300; i++) {
            sprintf(message, "number %d", (int)i);
            v.at = (uint32_t)(i % 9);
            smash_diag_add(&diags, i % 3 ? SMASH_WARNING : SMASH_ERROR, "some_code", i % 2 ? &doc : NULL, &v, message);
        }
        CHECK(diags.errors == 100 && diags.warnings == 200 && diags.dropped == 300 - room,
              "max %d: %d %d", (int)max, (int)diags.errors, (int)diags.dropped);
        for (i = 0, d = diags.first; d; d = d->next, i++) {
            sprintf(message, "number %d", (int)i);
            CHECK(!strcmp(d->message, message) && d->severity == (i % 3 ? SMASH_WARNING : SMASH_ERROR), "%d: %s", (int)i, d->message);
            CHECK(i % 2 ? d->line > 0 && d->file == doc.file : d->line == 0 && d->column == 0 && !d->file, "%d", (int)i);
            if (!d->next) CHECK(d == diags.last, "last");
        }
        CHECK(i == room, "%d listed", (int)i);
        smash_arena_release(&arena);
    }
    {
        static const struct { uint32_t at, line, column; } places[] = {
            { 0, 1, 1 }, { 1, 1, 2 }, { 2, 1, 3 }, { 3, 2, 1 }, { 5, 2, 3 }, { 7, 3, 1 }, { 8, 4, 1 }, { 9, 4, 2 }, { 1000, 4, 2 } };
        for (i = 0; i < COUNT_OF(places); i++) {
            uint32_t line, column;
            smash_json_place(&doc, places[i].at, &line, &column);
            CHECK(line == places[i].line && column == places[i].column, "at %u: %u:%u", places[i].at, line, column);
        }
    }
    {   /* eight bytes at a step find what one at a step finds: line feeds alone, in a row, and bytes that look like one */
        static const char text[] = "ab\n\n\n\n\n\n\n\n\n\v\x8A\t\nabcdefghijklmnopqrstuvwxyz\n1234567\n12345678\n\x0B\n\x0B\n\x0A\x0B\xFF\x0Bx";
        smash_json plain = SMASH_ZERO;
        uint32_t at, line = 1, column = 1, got_line, got_column;
        plain.text = text;
        plain.bytes = sizeof text - 1;
        for (at = 0; at <= plain.bytes; at++) {
            smash_json_place(&plain, at, &got_line, &got_column);
            CHECK(got_line == line && got_column == column, "at %u: %u:%u, not %u:%u", at, got_line, got_column, line, column);
            column++;
            if (text[at] == '\n') { line++; column = 1; }
        }
    }
    {
        smash_diags none = SMASH_ZERO;                          /* no arena: counted only */
        smash_diag_add(&none, SMASH_ERROR, "c", NULL, NULL, "m");
        CHECK(none.errors == 1 && none.dropped == 1 && !none.first, "no arena");
        smash_diag_add(NULL, SMASH_ERROR, "c", NULL, NULL, "m");
        none.arena = &arena;
        smash_diag_add(&none, SMASH_WARNING, "c", &doc, NULL, NULL);
        CHECK(none.warnings == 1 && none.first && none.first->message[0] == '\0' && none.first->line == 0 && none.first->file == doc.file,
              "no message");
        smash_arena_release(&arena);
    }
    {
        smash_json_desc desc = SMASH_ZERO;                      /* a flood of warnings is cut, and stays linear */
        smash_diags flood = SMASH_ZERO;
        char *text = (char *)malloc(400002), *copy;
        smash_json out;
        smash_err err;
        for (i = 0; i < 100000; i++) memcpy(text + 4 * i, i % 2 ? "'',\n" : "'' ,", 4);
        memcpy(text + 399996, "''  ]", 5);
        text[0] = '[';
        text[1] = ' ';
        text[2] = '1';
        flood.arena = &arena;
        desc.lenient = 1;
        err = parse(&desc, text, 400001, &flood, &out, &copy);
        CHECK(err == SMASH_OK && out.count == 100001 && flood.warnings == 99999 && flood.dropped == 99999 - 256, "%s", ctx.message);
        CHECK(flood.first->line == 1 && flood.first->column == 5 && flood.last->line == 129 && flood.last->column == 1,
              "%u:%u", flood.last->line, flood.last->column);
        free(text);
        free(copy);
        smash_arena_release(&arena);
    }
}

static void test_values(void)
{
    static const struct { const char *text; int is_u64; uint64_t u; int is_i64; int64_t i; } rows[] = {
        { "0", 1, 0, 1, 0 }, { "1", 1, 1, 1, 1 }, { "-1", 0, 0, 1, -1 }, { "-0", 0, 0, 1, 0 },
        { "18446744073709551615", 1, UINT64_MAX, 0, 0 }, { "18446744073709551616", 0, 0, 0, 0 }, { "18446744073709551620", 0, 0, 0, 0 },
        { "99999999999999999999999", 0, 0, 0, 0 }, { "9223372036854775807", 1, INT64_MAX, 1, INT64_MAX },
        { "9223372036854775808", 1, 9223372036854775808u, 0, 0 },
        { "-9223372036854775808", 0, 0, 1, INT64_MIN }, { "-9223372036854775809", 0, 0, 0, 0 }, { "1.0", 0, 0, 0, 0 }, { "1e3", 0, 0, 0, 0 },
        { "9007199254740993", 1, 9007199254740993, 1, 9007199254740993 }, { "true", 0, 0, 0, 0 }, { "\"1\"", 0, 0, 0, 0 },
        { "null", 0, 0, 0, 0 },
        { "[1]", 0, 0, 0, 0 } };
    static const char *const kinds[] = { "null", "a boolean", "a number", "a string", "a list", "an object" };
    size_t k;
    for (k = 0; k < COUNT_OF(rows); k++) {
        smash_json doc;
        char *copy;
        uint64_t u = 7;
        int64_t i = 7;
        smash_err err = parse(NULL, rows[k].text, strlen(rows[k].text), NULL, &doc, &copy);
        CHECK(!err, "%s", rows[k].text);
        CHECK(smash_value_u64(doc.root, &u) == rows[k].is_u64 && u == (rows[k].is_u64 ? rows[k].u : 7), "%s", rows[k].text);
        CHECK(smash_value_i64(doc.root, &i) == rows[k].is_i64 && i == (rows[k].is_i64 ? rows[k].i : 7), "%s", rows[k].text);
        free(copy);
    }
    CHECK(!smash_value_u64(NULL, NULL) && !smash_value_i64(NULL, NULL), "NULL");
    for (k = 0; k < COUNT_OF(kinds); k++) CHECK(!strcmp(smash_value_kind((smash_value_type)k), kinds[k]), "%d", (int)k);
    {
        static const char text[] = " {\"a\": [10, {\"deep\": 1}], \"b\": {\"c\": \"x\\u0000y\", \"\": null}, \"a\": 2, \"t\": true}";
        smash_json doc;
        char *copy;
        const smash_value *v;
        CHECK(parse(NULL, text, sizeof text - 1, NULL, &doc, &copy) == SMASH_OK, "%s", ctx.message);
        v = doc.root;
        CHECK(v->type == SMASH_VALUE_OBJECT && v->count == 4 && v->span == doc.count && v->at == 1, "root");
        v = smash_value_get(doc.root, "a");
        CHECK(v && v->type == SMASH_VALUE_ARRAY && v->count == 2 && v->span == 5 && v->at == 7 && v[1].number == 10, "first a wins");
        v = smash_value_get(doc.root, "t");
        CHECK(v && v->type == SMASH_VALUE_BOOL && v->number == 1, "t");
        CHECK(!smash_value_get(doc.root, "deep") && !smash_value_get(doc.root, "c") && !smash_value_get(doc.root, "") && !smash_value_get(NULL, "a")
              && !smash_value_get(doc.root, NULL) && !smash_value_get(v, "a"), "absent");
        v = smash_value_get(doc.root, "b");
        CHECK(v && smash_value_get(v, "") && smash_value_get(v, "")->type == SMASH_VALUE_NULL, "empty key");
        v = smash_value_get(v, "c");
        CHECK(v && v->count == 3 && !memcmp(v->text, "x\0y", 4) && !smash_value_is(v, "x"), "a zero inside");
        CHECK(smash_value_is(doc.root + 1, "a") && !smash_value_is(doc.root + 1, "") && !smash_value_is(doc.root + 1, "ab") && !smash_value_is(doc.root, "a")
              && !smash_value_is(NULL, "a") && !smash_value_is(doc.root + 1, NULL), "is");
        free(copy);
    }
    smash_arena_release(&arena);
}

/* ---- numbers ---- */

static void test_numbers_golden(void)
{
    size_t i, n;
    for (i = 0; i < COUNT_OF(golden_parse); i++) {
        const size_t bytes = strlen(golden_parse[i].text);
        char *copy = (char *)malloc(bytes);
        double x = 7;
        memcpy(copy, golden_parse[i].text, bytes);
        n = smash_number_parse(copy, bytes, &x);
        CHECK(n == bytes && bits64_of(x) == golden_parse[i].bits,
              "%s: %.17g, want %.17g", golden_parse[i].text, x, double_of(golden_parse[i].bits));
        free(copy);
    }
    for (i = 0; i < COUNT_OF(golden_print); i++) {
        char text[SMASH_NUMBER_BYTES];
        n = smash_number_print(double_of(golden_print[i].bits), text);
        CHECK(n == strlen(text) && !strcmp(text, golden_print[i].text), "%s, want %s", text, golden_print[i].text);
    }
}

static void test_numbers_grammar(void)
{
    static const struct { const char *text; size_t bytes; double value; } rows[] = {     /* bytes 0: no number */
        { "0", 1, 0 }, { "01", 1, 0 }, { "-0", 2, 0 }, { "12x", 2, 12 }, { "1.", 1, 1 }, { "1.x", 1, 1 }, { "1.5.2", 3, 1.5 }, { "1e", 1, 1 },
        { "1e+", 1, 1 }, { "1e5e", 3, 1e5 }, { "1E+02", 5, 100 }, { "-", 0, 0 }, { "", 0, 0 }, { "+1", 0, 0 }, { ".5", 0, 0 }, { "-.5", 0, 0 },
        { "inf", 0, 0 }, { "nan", 0, 0 }, { " 1", 0, 0 }, { "0x10", 1, 0 }, { "1_000", 1, 1 }, { "1,5", 1, 1 }, { "-e5", 0, 0 }, { "0e0", 3, 0 },
        { "2.50e-1,", 7, 0.25 }, { "-3", 2, -3 } };
    static const struct { double x; const char *text; } odd[] = {
        { 0.0, "0" }, { -0.0, "-0" }, { 0.5, "0.5" }, { -1.5, "-1.5" }, { 99999999999999984.0, "99999999999999980" }, { 100.0, "100" } };
    char text[SMASH_NUMBER_BYTES];
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        double x = 7;
        const size_t n = smash_number_parse(rows[i].text, strlen(rows[i].text), &x);
        CHECK(n == rows[i].bytes && x == (n ? rows[i].value : 7), "%s: %d bytes, %g", rows[i].text, (int)n, x);
    }
    CHECK(smash_number_parse(NULL, 5, NULL) == 0 && smash_number_parse("15", 2, NULL) == 2, "NULL");
    for (i = 0; i < COUNT_OF(odd); i++) {
        smash_number_print(odd[i].x, text);
        CHECK(!strcmp(text, odd[i].text), "%s, want %s", text, odd[i].text);
    }
    CHECK(smash_number_print(double_of((uint64_t)0x7FF << 52), text) == 4 && !strcmp(text, "null"), "Inf");
    CHECK(smash_number_print(double_of((uint64_t)0xFFF << 52), text) == 4 && !strcmp(text, "null"), "-Inf");
    CHECK(smash_number_print(double_of((uint64_t)0x7FF8 << 48), text) == 4 && !strcmp(text, "null"), "NaN");
}

/* Significant digits of a printed number */
static int digits_in(const char *text)
{
    int n = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (!n && *text == '0')) continue;
        n++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return n - zeros;
}

/* Random bit patterns against the C library: printing reads back, nothing shorter does, both parsers agree. */
static void test_numbers_random(void)
{
    const int rounds = (int)test_count(200000, 20000);
    uint64_t rng = 2024;
    char text[SMASH_NUMBER_BYTES], other[64];
    size_t n, longest = 0;
    int i, bad = 0;
    for (i = 0; i < rounds && bad < 10; i++) {
        uint64_t u = smash_random(&rng);
        double x, back = 0, read = 0;
        int digits;
        if (i % 4 == 1) u &= (uint64_t)0x800FFFFFFFFFFFFF;                                      /* subnormal */
        if (i % 4 == 2) u = (u & ~((uint64_t)0x7FF << 52)) | (uint64_t)(1023 - 40 + (i >> 2) % 100) << 52;      /* everyday size */
        if (i % 4 == 3) u &= ~(uint64_t)0 << (i >> 2) % 53;                                     /* few bits, powers of two */
        if ((u >> 52 & 0x7FF) == 0x7FF) continue;
        x = double_of(u);
        n = smash_number_print(x, text);
        if (n > longest) longest = n;
        if (smash_number_parse(text, n, &back) != n || bits64_of(back) != u || bits64_of(strtod(text, NULL)) != u) {
            bad++;
            CHECK(0, "%016llx: %s", (unsigned long long)u, text);
        }
        digits = digits_in(text);
        if (digits > 1) {
            snprintf(other, sizeof other, "%.*e", digits - 2, x);
            if (bits64_of(strtod(other, NULL)) == u) { bad++; CHECK(0, "%s is shorter than %s", other, text); }
        }
        snprintf(other, sizeof other, "%.17g", x);
        n = strlen(other);
        if (other[n - 1] != '0' || other[0] != '0') {
            if (smash_number_parse(other, n, &read) != n || bits64_of(read) != u) { bad++; CHECK(0, "%s", other); }
        }
    }
    CHECK(bad == 0, "%d rounds", i);
    CHECK(longest <= 24, "longest %d", (int)longest);
    for (i = 0; i < rounds && bad < 10; i++) {                  /* random texts of all lengths and sizes */
        char decimal[128];
        double read = 0;
        size_t count = 1 + smash_random(&rng) % (i % 16 ? 22 : 90), k;
        n = 0;
        for (k = 0; k < count; k++) {
            decimal[n++] = (char)('0' + (k ? smash_random(&rng) % 10 : 1 + smash_random(&rng) % 9));
            if (k == 0 && count > 1) decimal[n++] = '.';
        }
        n += (size_t)sprintf(decimal + n, "e%d", (int)(smash_random(&rng) % 660) - 340);
        if (smash_number_parse(decimal, n, &read) != n || bits64_of(read) != bits64_of(strtod(decimal, NULL))) {
            bad++;
            CHECK(0, "%s: %.17g, want %.17g", decimal, read, strtod(decimal, NULL));
        }
    }
    CHECK(bad == 0, "%d rounds", i);
}

/* ---- JSON, write ---- */

/* One letter a call: { [ . (end) k (key "k") n t f i (-5) u (max) d (0.1) s (text "s") 0 (NULL text) x (NULL key) */
static void play(smash_writer *w, const char *calls)
{
    for (; *calls; calls++) switch (*calls) {
    case '{': smash_write_begin_object(w); break;
    case '[': smash_write_begin_array(w); break;
    case '.': smash_write_end(w); break;
    case 'k': smash_write_key(w, "k"); break;
    case 'x': smash_write_key(w, NULL); break;
    case 'n': smash_write_null(w); break;
    case 't': smash_write_bool(w, 1); break;
    case 'f': smash_write_bool(w, 0); break;
    case 'i': smash_write_i64(w, -5); break;
    case 'u': smash_write_u64(w, UINT64_MAX); break;
    case 'd': smash_write_number(w, 0.1); break;
    case 's': smash_write_text(w, "s"); break;
    case '0': smash_write_text(w, NULL); break;
    default: CHECK(0, "bad row");
    }
}

static void test_writer(void)
{
    static const struct { const char *calls; uint32_t indent, flat; const char *want; } rows[] = {      /* want NULL: ARG */
        { "{kuk[ii..", 0, 0, "{\"k\":18446744073709551615,\"k\":[-5,-5]}" },
        { "[ntfiuds0.", 0, 0, "[null,true,false,-5,18446744073709551615,0.1,\"s\",null]" },
        { "n", 0, 0, "null" },
        { "s", 4, 0, "\"s\"" },
        { "{.", 2, 0, "{}" },
        { "[.", 2, 0, "[]" },
        { "[[.{.[..", 2, 0, "[\n  [],\n  {},\n  []\n]" },
        { "{kik[itk", 2, 0, NULL },
        { "{kik[it.k{kn..", 2, 0, "{\n  \"k\": -5,\n  \"k\": [\n    -5,\n    true\n  ],\n  \"k\": {\n    \"k\": null\n  }\n}" },
        { "{kik[it.k{knks.k[..", 2, 1, "{\n  \"k\": -5,\n  \"k\": [-5, true],\n  \"k\": {\"k\": null, \"k\": \"s\"},\n  \"k\": []\n}" },
        { "{k[{kik[ii..{...", 1, 2, "{\n \"k\": [\n  {\"k\": -5, \"k\": [-5, -5]},\n  {}\n ]\n}" },
        { "[[[[i....", 3, 2, "[\n   [\n      [[-5]]\n   ]\n]" },
        { "[[[[i....", 0, 2, "[[[[-5]]]]" },
        { "[i", 40, 0, "[\n                                        -5" },
        { "", 0, 0, "" },
        { ".", 0, 0, NULL },
        { "[..", 0, 0, NULL },
        { "nn", 0, 0, NULL },
        { "[.[", 0, 0, NULL },
        { "k", 0, 0, NULL },
        { "{n", 0, 0, NULL },
        { "{[", 0, 0, NULL },
        { "{kk", 0, 0, NULL },
        { "{k.", 0, 0, NULL },
        { "[k", 0, 0, NULL },
        { "{x", 0, 0, NULL },
        { "{kix", 0, 0, NULL },
        { "[[.k", 0, 0, NULL },
        { "{k[.i", 0, 0, NULL },
    };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_text text = SMASH_ZERO;
        smash_writer w = SMASH_ZERO;
        text.arena = &arena;
        w.put = smash_text_put;
        w.user = &text;
        w.indent = rows[i].indent;
        w.flat = rows[i].flat;
        play(&w, rows[i].calls);
        if (!rows[i].want) {
            const size_t bytes = text.bytes;
            CHECK(w.err == SMASH_ERR_ARG, "row %d %s: %s", (int)i, rows[i].calls, smash_err_name(w.err));
            play(&w, "[.{kn.nx");
            CHECK(w.err == SMASH_ERR_ARG && text.bytes == bytes, "row %d: nothing after an error", (int)i);
        } else {
            CHECK(w.err == SMASH_OK, "row %d %s", (int)i, rows[i].calls);
            CHECK(!strcmp(text.data ? text.data : "", rows[i].want) && text.bytes == strlen(rows[i].want),
                  "row %d: %s, want %s", (int)i, text.data, rows[i].want);
        }
        smash_arena_release(&arena);
    }
    for (i = SMASH_WRITER_DEPTH; i <= SMASH_WRITER_DEPTH + 1; i++) {
        smash_text text = SMASH_ZERO;
        smash_writer w = SMASH_ZERO;
        size_t k;
        text.arena = &arena;
        w.put = smash_text_put;
        w.user = &text;
        for (k = 0; k < i; k++) {
            if (k % 2) smash_write_begin_array(&w);
            else { smash_write_begin_object(&w); smash_write_key(&w, ""); }
        }
        for (k = 0; k < i; k++) smash_write_end(&w);
        CHECK(w.err == (i > SMASH_WRITER_DEPTH ? SMASH_ERR_ARG : SMASH_OK), "depth %d: %s", (int)i, smash_err_name(w.err));
        if (!w.err) CHECK(w.depth == 0 && text.bytes == i / 2 * strlen("{\"\":[]}") && text.data[text.bytes - 1] == '}', "%s", text.data);
        smash_arena_release(&arena);
    }
    {
        smash_writer w = SMASH_ZERO;
        smash_write_null(NULL);
        smash_write_end(NULL);
        smash_write_key(NULL, "a");
        smash_write_value(NULL, NULL);
        smash_write_null(&w);
        CHECK(w.err == SMASH_ERR_ARG, "no put");
    }
}

static void test_writer_numbers(void)
{
    static const struct { int64_t i; const char *text; } rows[] = { { 0, "0" }, { 1, "1" }, { -1, "-1" }, { INT64_MAX, "9223372036854775807" },
                                                                    { INT64_MIN, "-9223372036854775808" }, { 1000000, "1000000" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        smash_text text = SMASH_ZERO;
        smash_writer w = SMASH_ZERO;
        text.arena = &arena;
        w.put = smash_text_put;
        w.user = &text;
        smash_write_i64(&w, rows[i].i);
        CHECK(!strcmp(text.data, rows[i].text), "%s", text.data);
    }
    {
        smash_text text = SMASH_ZERO;
        smash_writer w = SMASH_ZERO;
        text.arena = &arena;
        w.put = smash_text_put;
        w.user = &text;
        smash_write_begin_array(&w);
        smash_write_number(&w, double_of((uint64_t)0x7FF << 52));
        smash_write_number(&w, double_of((uint64_t)0x7FF8 << 48));
        smash_write_number(&w, 1e22);
        smash_write_number(&w, -0.0);
        smash_write_u64(&w, 0);
        smash_write_end(&w);
        CHECK(!strcmp(text.data, "[null,null,1e+22,-0,0]"), "%s", text.data);
    }
    smash_arena_release(&arena);
}

static void test_writer_text(void)
{
    static const struct { const char *text, *want; } rows[] = {
        { "", "\"\"" }, { "plain", "\"plain\"" }, { "a\"b\\c/", "\"a\\\"b\\\\c/\"" }, { "\n\t\r\b\f", "\"\\n\\t\\r\\b\\f\"" },
        { "\x01\x1F\x7F", "\"\\u0001\\u001f\x7F\"" }, { "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"" },
        { "a\xFFz", "\"a\\ufffdz\"" }, { "\xC3", "\"\\ufffd\"" }, { "\xE2\x82", "\"\\ufffd\\ufffd\"" },
        { "\xC3\xA4\xC3", "\"\xC3\xA4\\ufffd\"" },
        { "\xED\xA0\x80", "\"\\ufffd\\ufffd\\ufffd\"" }, { "\xC0\x80", "\"\\ufffd\\ufffd\"" },
        { "\xF4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
        { "\xF5x", "\"\\ufffdx\"" }, { "\x80", "\"\\ufffd\"" } };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const size_t bytes = strlen(rows[i].text) + 1;
        smash_text text = SMASH_ZERO;
        smash_writer w = SMASH_ZERO;
        char want[128], *copy = (char *)malloc(bytes);
        memcpy(copy, rows[i].text, bytes);
        text.arena = &arena;
        w.put = smash_text_put;
        w.user = &text;
        smash_write_begin_object(&w);
        smash_write_key(&w, copy);
        smash_write_text(&w, copy);
        smash_write_end(&w);
        snprintf(want, sizeof want, "{%s:%s}", rows[i].want, rows[i].want);
        CHECK(!strcmp(text.data, want), "row %d: %s, want %s", (int)i, text.data, want);
        free(copy);
    }
    smash_arena_release(&arena);
}

/* A text grows where it lies, with its block, or into a copy; what it held is there, and nothing beside it is touched. */
static void test_text_grows(void)
{
    static const smash_allocator no_resize = { test_alloc, NULL, test_release, NULL };
    static unsigned char memory[2048 + 16];
    unsigned char *buffer = memory + (16 - (uintptr_t)memory % 16);
    static const struct { const char *what; size_t room; const smash_allocator *allocator; int beside; size_t fail, bytes, fits, most; } rows[] = {
        { "a buffer is used to its end", 1024, NULL, 0, 0, 5000, 1023, 1024 },
        { "no room beside another piece", 1024, NULL, 1, 0, 5000, 511, 1024 },
        { "from a buffer into a block", 300, &test_allocator, 0, 0, 300000, 300000, 300 + 524288 },
        { "a block grows", 0, &test_allocator, 0, 0, 300000, 300000, 524288 },
        { "a block is copied", 0, &no_resize, 0, 0, 300000, 300000, 2 * 524288 },
        { "another piece lies behind", 0, &test_allocator, 1, 0, 300000, 300000, 3 * 524288 },
        { "no first block", 0, &test_allocator, 0, 1, 300000, 0, 0 },
        { "a resize that fails, and is a copy", 0, &test_allocator, 0, 2, 300000, 300000, 2 * 524288 } };
    size_t row, i;
    for (row = 0; row < COUNT_OF(rows); row++) {
        smash_text text = SMASH_ZERO;
        smash_arena own;
        unsigned char *beside = NULL;
        smash_err err = SMASH_OK;
        memset(buffer, 0x5A, 2048);
        smash_arena_init(&own, rows[row].room ? buffer : NULL, rows[row].room, rows[row].allocator);
        text.arena = &own;
        test_alloc_calls = 0;
        test_fail_at = rows[row].fail;
        for (i = 0; i < rows[row].bytes && !err; i += !err) {
            const char c = (char)('a' + i % 26);
            if (rows[row].beside && i == 100) {
                beside = (unsigned char *)smash_arena_alloc(NULL, &own, 16);
                memset(beside, 7, 16);
            }
            err = smash_text_put(&text, &c, 1);
        }
        test_fail_at = 0;
        CHECK(err == (i < rows[row].bytes ? SMASH_ERR_NOMEM : SMASH_OK) && i == rows[row].fits && text.bytes == i, "%s: %d bytes, %s", rows[row].what, (int)i, smash_err_name(err));
        CHECK(own.peak <= rows[row].most, "%s: took %d", rows[row].what, (int)own.peak);
        for (i = 0; i < text.bytes && text.data[i] == (char)('a' + i % 26); i++) { }
        CHECK(i == text.bytes && (!i || !text.data[i]), "%s: byte %d", rows[row].what, (int)i);
        for (i = 0; beside && i < 16; i++) CHECK(beside[i] == 7, "%s: byte %d beside", rows[row].what, (int)i);
        for (i = rows[row].room; i < 2048 && buffer[i] == 0x5A; i++) { }
        CHECK(i == 2048, "%s: behind the buffer", rows[row].what);
        smash_arena_release(&own);
        CHECK(test_alloc_live == 0 && test_alloc_wrong == 0, "%s: %d blocks are left", rows[row].what, (int)test_alloc_live);
    }
}

/* A put that fails at call number *left and must never be called again */
static smash_err failing_put(void *user, const char *text, size_t bytes)
{
    int *left = (int *)user;
    (void)text; (void)bytes;
    CHECK(*left > 0, "called after a failure");
    return --*left == 0 ? SMASH_ERR_IO : SMASH_OK;
}

static void test_text(void)
{
    int n, left;
    for (n = 1; n < 80; n++) {
        smash_writer w = SMASH_ZERO;
        left = n;
        w.put = failing_put;
        w.user = &left;
        w.indent = 2;
        play(&w, "{kik[ids.k{ktkn..");
        CHECK(w.err == (left == 0 ? SMASH_ERR_IO : SMASH_OK), "call %d", n);
    }
    CHECK(left > 0, "the last rounds never fail");
    {
        smash_text text = SMASH_ZERO;
        CHECK(smash_text_put(NULL, "a", 1) == SMASH_ERR_ARG && smash_text_put(&text, NULL, 1) == SMASH_ERR_ARG, "NULL");
        CHECK(smash_text_put(&text, "a", 1) == SMASH_ERR_ARG, "no arena");
        text.arena = &arena;
        CHECK(smash_text_put(&text, NULL, 0) == SMASH_OK && text.data && text.data[0] == '\0' && text.bytes == 0, "empty");
        {
            char *large = (char *)malloc(5000);
            memset(large, 'x', 5000);
            for (n = 0; n < 3; n++) CHECK(smash_text_put(&text, large, 130) == SMASH_OK, "grow by little");
            CHECK(smash_text_put(&text, large, 5000) == SMASH_OK && text.bytes == 5390 && !memcmp(text.data + 390, large, 5000)
                  && text.data[5390] == '\0' && text.capacity == 5391, "grow by much");
            free(large);
        }
        text.bytes = SIZE_MAX - 5;
        CHECK(smash_text_put(&text, "abcdefghij", 10) == SMASH_ERR_NOMEM && text.bytes == SIZE_MAX - 5, "overflow");
    }
    smash_arena_release(&arena);
}

static void test_nearest(void)
{
    static const char *const names[] = { "sparse_ratio", "op_names", "op_types", "granularity", "l1_norm", "Conv2d", "Conv1d", "a", NULL, "exclude",
        "sixty_five_bytes_long_sixty_five_bytes_long_sixty_five_bytes_long" };
    static const struct { const char *word, *want; } rows[] = {
        { "sparse_ratio", "sparse_ratio" }, { "sparse_raito", "sparse_ratio" }, { "sparsity_ratio", "sparse_ratio" },
        { "sparse", NULL }, { "SPARSE_RATIO", "sparse_ratio" },
        { "op_name", "op_names" }, { "op_type", "op_types" }, { "op_tpyes", "op_types" }, { "optypes", "op_types" },
        { "granluarity", "granularity" },
        { "l2_norm", "l1_norm" }, { "conv2d", "Conv2d" }, { "conv3d", "Conv2d" }, { "CONV1D", "Conv1d" }, { "zzzzzz", NULL },
        { "b", "a" }, { "ab", "a" }, { "xyz", NULL },
        { "", "a" }, { "excldue", "exclude" }, { "op_", NULL }, { "sixty_five_bytes_long_sixty_five_bytes_long_sixty_five_bytes_lon", NULL },
        { "sixty_five_bytes_long_sixty_five_bytes_long_sixty_five_bytes_long", NULL } };
    static const char *const twins[] = { "abd", "abe", "abc" };
    size_t i;
    for (i = 0; i < COUNT_OF(rows); i++) {
        const char *got = smash_nearest(rows[i].word, names, COUNT_OF(names));
        CHECK((!got && !rows[i].want) || (got && rows[i].want && !strcmp(got, rows[i].want)), "%s: %s", rows[i].word, got ? got : "(none)");
    }
    CHECK(smash_nearest("abx", twins, 3) == twins[0] && smash_nearest("ABC", twins, 3) == twins[2], "the first of the nearest");
    CHECK(!smash_nearest(NULL, names, 1) && !smash_nearest("a", NULL, 0) && !smash_nearest("a", names, 0), "NULL");
    {
        static const char *const only[] = { "abcdef" };         /* distance 2 = 6 / 3 is near, 3 is not; a swap is 1 */
        CHECK(smash_nearest("bacdfe", only, 1) == only[0], "two swaps");
        CHECK(smash_nearest("xycdef", only, 1) == only[0] && !smash_nearest("xyzdef", only, 1), "bound");
        CHECK(smash_nearest("abcdefgh", only, 1) == only[0] && !smash_nearest("abcdefghi12", only, 1), "bound");
    }
}

/* ---- properties ---- */

enum { MAX_NODES = 400 };
typedef struct node { smash_value_type type; uint32_t count, span; char text[24]; size_t bytes; uint64_t number; } node;
typedef struct document { node nodes[MAX_NODES]; size_t count; } document;

static void random_text(uint64_t *rng, node *n)
{
    static const char *const pieces[] = { "a", "\"", "\\", "\n", "\x01", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "/", "key", "0", " " };
    size_t k = smash_random(rng) % 5;
    n->bytes = 0;
    while (k--) {
        const char *piece = pieces[smash_random(rng) % COUNT_OF(pieces)];
        memcpy(n->text + n->bytes, piece, strlen(piece));
        n->bytes += strlen(piece);
    }
    n->text[n->bytes] = '\0';
}

/* Writes a random document, noting what it should read back as. Recursion is the test's own, bounded by depth. */
static void random_value(uint64_t *rng, smash_writer *w, document *d, int depth)
{
    const size_t at = d->count++;
    node *n = &d->nodes[at];
    uint64_t kind = smash_random(rng) % (depth < 7 && d->count < MAX_NODES - 60 ? 9 : 5);
    memset(n, 0, sizeof *n);
    n->span = 1;
    if (kind == 0) { n->type = SMASH_VALUE_NULL; smash_write_null(w); }
    else if (kind == 1) {
        const int value = (int)(smash_random(rng) & 1);
        n->type = SMASH_VALUE_BOOL;
        n->number = bits64_of((double)value);
        smash_write_bool(w, value);
    }
    else if (kind == 2) { n->type = SMASH_VALUE_STRING; random_text(rng, n); smash_write_text(w, n->text); }
    else if (kind < 5) {
        double x = double_of(smash_random(rng));
        if (kind == 3 || !smash_is_finite_f64(x)) x = (double)(int64_t)smash_random(rng) / 1048576.0;
        n->type = SMASH_VALUE_NUMBER;
        n->number = bits64_of(x);
        smash_write_number(w, x);
    } else {
        const int is_object = kind > 6;
        uint32_t k, count = (uint32_t)(smash_random(rng) % 6);
        n->type = is_object ? SMASH_VALUE_OBJECT : SMASH_VALUE_ARRAY;
        n->count = count;
        if (is_object) smash_write_begin_object(w); else smash_write_begin_array(w);
        for (k = 0; k < count; k++) {
            if (is_object) {
                node *key = &d->nodes[d->count++];
                memset(key, 0, sizeof *key);
                key->type = SMASH_VALUE_STRING;
                key->span = 1;
                random_text(rng, key);
                smash_write_key(w, key->text);
            }
            random_value(rng, w, d, depth + 1);
        }
        smash_write_end(w);
        n->span = (uint32_t)(d->count - at);
    }
}

static void test_round_trip(void)
{
    static document d;
    uint64_t rng = 7;
    int round;
    for (round = 0; round < 3000; round++) {
        smash_text text = SMASH_ZERO;
        smash_writer w = SMASH_ZERO;
        smash_json doc;
        smash_err err;
        char *copy;
        const char *again;
        size_t i;
        text.arena = &arena;
        w.put = smash_text_put;
        w.user = &text;
        w.indent = (uint32_t)(round % 4);
        w.flat = (uint32_t)(round / 4 % 4);
        d.count = 0;
        random_value(&rng, &w, &d, 0);
        CHECK(w.err == SMASH_OK && w.depth == 0, "round %d", round);
        err = parse(NULL, text.data, text.bytes, NULL, &doc, &copy);
        CHECK(err == SMASH_OK && doc.count == d.count, "round %d: %s in %s", round, ctx.message, text.data);
        for (i = 0; !err && i < d.count; i++) {
            const node *n = &d.nodes[i];
            const smash_value *v = doc.root + i;
            int same = v->type == n->type && v->span == n->span && v->at < text.bytes;
            if (n->type == SMASH_VALUE_STRING) same = same && v->count == n->bytes && !memcmp(v->text, n->text, n->bytes + 1);
            else if (n->type == SMASH_VALUE_NUMBER || n->type == SMASH_VALUE_BOOL) same = same && bits64_of(v->number) == n->number;
            else same = same && v->count == n->count;
            if (!same) { CHECK(0, "round %d, value %d of %s", round, (int)i, text.data); break; }
        }
        if (!err) {
            again = written(doc.root, w.indent, w.flat);
            CHECK(again && !strcmp(again, text.data), "round %d: %s", round, text.data);
        }
        free(copy);
        smash_arena_release(&arena);
    }
}

/* Damaged documents: never a read beyond the end, never success with something that does not write and read back. */
static void test_damage(void)
{
    static const char *const seeds[] = {
        "{\"pruner\": \"l1_norm\", \"list\": [{\"op\": [\"Conv2d\"], \"ratio\": 0.5e-1}, -12, true, false, null, \"\\u00e4\\ud83d\\ude39\\n\"]}",
        "{'a': True, # x\n 'b': [None, False,], // y\n \"c\": '\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\\''}",
        "[[[[]]],[{}],{\"\":{\"\":[]}}]", "[1e400,-0.0,123456789012345678901234567890,1E+5,0]" };
    static const char alphabet[] = "{}[]\",:'\\/#\n eE+-.019utrnTFN\x80\xC3\xED\xF4\xFF\x01";
    uint64_t rng = 99;
    int round, accepted = 0;
    for (round = 0; round < 60000; round++) {
        const char *seed = seeds[(size_t)round % COUNT_OF(seeds)];
        size_t bytes = strlen(seed), k, hits = 1 + smash_random(&rng) % 3;
        smash_json_desc desc = SMASH_ZERO;
        smash_diags diags = SMASH_ZERO;
        smash_json doc;
        char text[256], *copy;
        smash_err err;
        memcpy(text, seed, bytes);
        for (k = 0; k < hits && bytes > 1; k++) {
            const size_t at = smash_random(&rng) % bytes;
            const uint64_t how = smash_random(&rng) % 4;
            if (how == 0) bytes = at;
            else if (how == 1) { memmove(text + at, text + at + 1, bytes - at - 1); bytes--; }
            else text[at] = alphabet[smash_random(&rng) % (sizeof alphabet - 1)];
        }
        desc.lenient = (uint32_t)(round / 4 % 2);
        desc.unique_keys = (uint32_t)(round / 8 % 2);
        diags.arena = &arena;
        err = parse(&desc, text, bytes, &diags, &doc, &copy);
        if (err) {
            CHECK((err == SMASH_ERR_SYNTAX) && untouched(&doc) && ctx.index <= bytes && diags.errors == 1 && ctx.message[0],
                  "round %d: %s", round, smash_err_name(err));
        } else {
            const char *once = written(doc.root, 0, 0), *twice;
            char *copy2;
            accepted++;
            CHECK(once && diags.errors == 0 && (desc.lenient || diags.warnings == 0), "round %d", round);
            if (once) {
                err = parse(NULL, once, strlen(once), NULL, &doc, &copy2);
                twice = err ? NULL : written(doc.root, 0, 0);
                CHECK(twice && !strcmp(once, twice), "round %d: %s", round, once);
                free(copy2);
            }
        }
        free(copy);
        smash_arena_release(&arena);
    }
    CHECK(accepted > 1000, "only %d were accepted", accepted);
}

int main(void)
{
    test_ctx(&ctx);
    smash_arena_init(&arena, NULL, 0, &test_allocator);
    test_accept();
    test_refuse();
    test_lenient();
    test_limits();
    test_misuse();
    test_memory();
    test_unique();
    test_diags();
    test_values();
    test_numbers_golden();
    test_numbers_grammar();
    test_numbers_random();
    test_writer();
    test_writer_numbers();
    test_writer_text();
    test_text();
    test_text_grows();
    test_nearest();
    test_round_trip();
    test_damage();
    smash_arena_release(&arena);
    smash_arena_release(&ctx.scratch);
    return test_done();
}
