/* JSON: what is accepted prints, reads back and prints the same; numbers are those of strtod and print the shortest way;
 * what is refused is left alone and says why. The input is the document, byte for byte. */
#include "fuzz.h"

/* The values of a document form a tree that lies in the text from left to right. */
static void check_tree(const smash_json *doc, size_t bytes)
{
    const smash_value *values = doc->root;
    size_t i;
    FUZZ_CHECK(doc->count && values->span == doc->count, "the root spans %u of %lu values", values->span, (unsigned long)doc->count);
    for (i = 0; i < doc->count; i++) {
        const smash_value *v = values + i;
        FUZZ_CHECK(v->at < bytes && (!i || v->at > v[-1].at), "value %lu lies at %u", (unsigned long)i, v->at);
        FUZZ_CHECK(v->span >= 1 && v->span <= doc->count - i, "value %lu spans %u", (unsigned long)i, v->span);
        if (v->type == SMASH_VALUE_ARRAY || v->type == SMASH_VALUE_OBJECT) {
            const smash_value *child = v + 1, *end = v + v->span;
            uint32_t children = 0;
            for (; child < end; child += child->span, children++)
                FUZZ_CHECK(v->type == SMASH_VALUE_ARRAY || children % 2 || child->type == SMASH_VALUE_STRING, "a key is no string");
            FUZZ_CHECK(child == end && children == (v->type == SMASH_VALUE_OBJECT ? 2 : 1) * (size_t)v->count, "%u children", children);
        } else FUZZ_CHECK(v->span == 1, "a scalar spans %u", v->span);
        if (v->type == SMASH_VALUE_STRING) FUZZ_CHECK(v->text[v->count] == '\0', "a string is not terminated");
    }
}

static void check_same(const smash_json *a, const smash_json *b)
{
    size_t i;
    FUZZ_CHECK(a->count == b->count, "%lu and %lu values", (unsigned long)a->count, (unsigned long)b->count);
    for (i = 0; i < a->count; i++) {
        const smash_value *x = a->root + i, *y = b->root + i;
        FUZZ_CHECK(x->type == y->type && x->count == y->count && x->span == y->span, "value %lu differs", (unsigned long)i);
        FUZZ_CHECK(!memcmp(&x->number, &y->number, sizeof x->number), "number %lu differs", (unsigned long)i);
        if (x->type == SMASH_VALUE_STRING || x->type == SMASH_VALUE_NUMBER)
            FUZZ_CHECK(!memcmp(x->text, y->text, x->count), "text %lu differs", (unsigned long)i);
    }
}

static void check_number(const smash_value *v)
{
    char *text = fuzz_text(v->text, v->count), *end, print[SMASH_NUMBER_BYTES], shorter[64];
    double back = 0, libc = strtod(text, &end);
    size_t length;
    int digits = 0;
    const char *p;
    FUZZ_CHECK(smash_number_parse(v->text, v->count, &back) == v->count && !memcmp(&back, &v->number, sizeof back), "%s", text);
    FUZZ_CHECK(*end == '\0' && !memcmp(&libc, &back, sizeof back), "%s: strtod reads %.17g, we %.17g", text, libc, back);
    length = smash_number_print(back, print);
    FUZZ_CHECK(length == strlen(print) && length <= 24, "%s prints %s", text, print);
    if (smash_is_finite_f64(back)) {
        double again = 0;
        FUZZ_CHECK(smash_number_parse(print, length, &again) == length && !memcmp(&again, &back, sizeof back), "%s prints %s", text, print);
        for (p = print; *p && *p != 'e'; p++) if (*p >= '1' && *p <= '9') break;
        for (; *p && *p != 'e'; p++) if (*p >= '0' && *p <= '9') digits++;
        for (; p > print && (p[-1] == '0' || p[-1] == '.'); p--) if (p[-1] == '0') digits--;
        if (digits > 1) {
            snprintf(shorter, sizeof shorter, "%.*e", digits - 2, back);
            FUZZ_CHECK(strtod(shorter, NULL) != back, "%s prints %s, but %s is shorter", text, print, shorter);
        }
    } else FUZZ_CHECK(!strcmp(print, "null"), "%s prints %s", text, print);
    free(text);
}

/* The document as text in arena */
static smash_text print(smash_ctx *ctx, smash_arena *arena, const smash_json *doc, uint32_t indent, uint32_t flat)
{
    smash_text text = SMASH_ZERO;
    smash_writer w = SMASH_ZERO;
    text.ctx = ctx;
    text.arena = arena;
    w.put = smash_text_put;
    w.user = &text;
    w.indent = indent;
    w.flat = flat;
    smash_write_value(&w, doc->root);
    FUZZ_CHECK(!w.err && !w.depth, "cannot print what was read: %s", smash_err_name(w.err));
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    smash_ctx ctx;
    smash_arena arena;
    smash_json docs[4], untouched, again;
    uint32_t option;
    int accepted[4];
    char *text = fuzz_copy(data, bytes);
    fuzz_begin(&ctx, &arena);
    memset(&untouched, 0x5A, sizeof untouched);
    for (option = 0; option < 4; option++) {                    /* bit 0: lenient, bit 1: unique_keys */
        smash_json_desc desc = SMASH_ZERO;
        smash_diags diags = SMASH_ZERO;
        smash_err err;
        diags.arena = &arena;
        desc.lenient = option & 1;
        desc.unique_keys = option >> 1;
        memcpy(&docs[option], &untouched, sizeof untouched);
        smash_ctx_reset(&ctx);
        err = smash_json_parse(&ctx, &desc, text, bytes, &arena, &diags, &docs[option]);
        FUZZ_CHECK(err == ctx.err, "%s returned, %s kept", smash_err_name(err), smash_err_name(ctx.err));
        FUZZ_CHECK((err == SMASH_OK) == (diags.errors == 0), "%s with %lu errors", smash_err_name(err), (unsigned long)diags.errors);
        FUZZ_CHECK(desc.lenient || !diags.warnings, "a strict reader warns");
        accepted[option] = err == SMASH_OK;
        if (err) {
            FUZZ_CHECK(err == SMASH_ERR_SYNTAX || err == SMASH_ERR_LIMIT, "%s", ctx.message);
            FUZZ_CHECK(ctx.index <= bytes && ctx.message[0] && diags.first->line && diags.first->column, "no place: %s", ctx.message);
            FUZZ_CHECK(!memcmp(&docs[option], &untouched, sizeof untouched), "a refused document was written");
        }
    }
    if (accepted[0]) {
        FUZZ_CHECK(accepted[1], "strict takes it, lenient does not");
        check_same(&docs[0], &docs[1]);
    }
    for (option = 0; option < 2; option++) {
        if (accepted[2 + option]) {
            FUZZ_CHECK(accepted[option], "only with unique_keys is it taken");
            check_same(&docs[option], &docs[2 + option]);
        }
        if (accepted[option]) {
            size_t i;
            smash_text first, second, pretty;
            check_tree(&docs[option], bytes);
            for (i = 0; i < docs[option].count; i++) if (docs[option].root[i].type == SMASH_VALUE_NUMBER) check_number(docs[option].root + i);
            first = print(&ctx, &arena, &docs[option], 0, 0);
            FUZZ_CHECK(!smash_json_parse(&ctx, NULL, first.data, first.bytes, &arena, NULL, &again), "our own text: %s", ctx.message);
            check_same(&docs[option], &again);
            second = print(&ctx, &arena, &again, 0, 0);
            FUZZ_CHECK(first.bytes == second.bytes && !memcmp(first.data, second.data, first.bytes), "printed twice, two texts");
            pretty = print(&ctx, &arena, &docs[option], 3, 2);
            FUZZ_CHECK(!smash_json_parse(&ctx, NULL, pretty.data, pretty.bytes, &arena, NULL, &again), "our own text: %s", ctx.message);
            check_same(&docs[option], &again);
        }
    }
    fuzz_end(&ctx, &arena);
    free(text);
    return 0;
}
