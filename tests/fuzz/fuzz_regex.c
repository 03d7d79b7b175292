/* Regular expressions and globs against slow matchers that say what the patterns mean. The input is the pattern, up to the
 * first line feed, then the text. */
#include "fuzz.h"

enum { LONGEST = 63, BUDGET = 20000, ENDLESS = 1 << 30 };

/* Code points; a byte that begins no valid UTF-8 counts as itself. Returns how many there are, at most `most` are kept. */
static size_t decode(const char *text, size_t bytes, uint32_t *out, size_t most)
{
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t n = 0, i = 0, k;
    for (; i < bytes; n++) {
        const unsigned char *s = (const unsigned char *)text + i;
        size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC0 ? 2 : 1;
        uint32_t c = s[0];
        if (length > 1 && length <= bytes - i && s[0] < 0xF8) {
            c &= (1u << (7 - length)) - 1;
            for (k = 1; k < length && s[k] >> 6 == 2; k++) c = c << 6 | (s[k] & 63u);
            if (k < length || c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) { c = s[0]; length = 1; }
        } else length = 1;
        if (n < most) out[n] = c;
        i += length;
    }
    return n;
}

/* ---- what a regular expression means ----
 * A set of places in the text is a word; a pattern maps the places where it may begin to those where it may end. Nothing is
 * compiled: the pattern is read again each time. Only for patterns that smash_regex_compile took. */
typedef struct reference {
    const uint32_t *p, *end, *text;                             /* p: what is next in the pattern */
    size_t          length;                                     /* of text */
    uint32_t        i, m, s;                                    /* flags */
    int             budget;
} reference;

static uint64_t ends_of_choice(reference *r, uint64_t from);

static int ahead(const reference *r, uint32_t c) { return r->p < r->end && *r->p == c; }
static int is_word(uint32_t c) { return c >= 128 || c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
static int is_letter(uint32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

static int in_category(uint32_t kind, uint32_t c)
{
    switch (kind) {
    case 'd': return c >= '0' && c <= '9';
    case 'D': return !(c >= '0' && c <= '9');
    case 's': return (c >= 9 && c <= 13) || (c >= 28 && c <= 32);
    case 'S': return !((c >= 9 && c <= 13) || (c >= 28 && c <= 32));
    case 'w': return is_word(c);
    default:  return !is_word(c);
    }
}

static uint32_t digits(reference *r, uint32_t base, int most)
{
    uint32_t value = 0;
    for (; most-- && r->p < r->end; r->p++) {
        uint32_t c = *r->p, d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
        if (d >= base) break;
        value = value * base + d;
    }
    return value;
}

/* Behind a backslash: a code point, or *kind */
static uint32_t escape(reference *r, int in_class, uint32_t *kind)
{
    static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
    const uint32_t c = *r->p++;
    const char *at;
    *kind = c < 128 && c && strchr(in_class ? "dDsSwW" : "dDsSwWAZbB", (int)c) ? c : 0;
    if (*kind || c >= 128 || !c) return c;
    if (c >= '0' && c <= '7') { r->p--; return digits(r, 8, 3); }
    if (c == 'x') return digits(r, 16, 2);
    if (c == 'u') return digits(r, 16, 4);
    if (c == 'U') return digits(r, 16, 8);
    at = strchr(letters, (int)c);
    return at ? (uint32_t)(unsigned char)meanings[at - letters] : c;
}

/* Is c in the class behind the [ at r->p? Without r->i; the caller asks for both cases. */
static int in_class(reference *r, uint32_t c)
{
    int negated = ahead(r, '^'), hit = 0;
    const uint32_t *start = r->p += negated;
    while (*r->p != ']' || r->p == start) {
        uint32_t kind = 0, first = *r->p++, last;
        if (first == '\\') first = escape(r, 1, &kind);
        last = first;
        if (ahead(r, '-') && r->end - r->p > 1 && r->p[1] != ']') {
            r->p++;
            last = *r->p++;
            if (last == '\\') last = escape(r, 1, &kind);
        }
        hit |= kind ? in_category(kind, c) : first <= c && c <= last;
        if (r->i && !kind && is_letter(c)) hit |= first <= (c ^ 32) && (c ^ 32) <= last;
    }
    r->p++;
    return hit != negated;
}

static int holds(const reference *r, uint32_t kind, size_t at)
{
    const int at_end = at == r->length, before = at && is_word(r->text[at - 1]), behind = !at_end && is_word(r->text[at]);
    switch (kind) {
    case 'A': return at == 0;
    case '^': return at == 0 || (r->m && r->text[at - 1] == '\n');
    case 'Z': return at_end;
    case '$': return at_end || (r->text[at] == '\n' && (r->m || at + 1 == r->length));
    default:  return (before != behind) == (kind == 'b');
    }
}

/* Over (?#...), which is nothing, not even between an item and its * */
static void skip_comments(reference *r)
{
    while (r->end - r->p > 2 && r->p[0] == '(' && r->p[1] == '?' && r->p[2] == '#') {
        for (r->p += 3; *r->p != ')'; r->p++) if (*r->p == '\\') r->p++;
        r->p++;
    }
}

static uint64_t ends_of_atom(reference *r, uint64_t from)
{
    const uint32_t c = *r->p++, *start = r->p;
    uint32_t kind = 0, literal = c;
    uint64_t to = 0;
    size_t at;
    if (r->budget-- < 0) { r->p = r->end; return 0; }
    if (c == '(') {
        const uint32_t i = r->i, m = r->m, s = r->s;
        if (ahead(r, '?')) {
            r->p++;
            if (ahead(r, 'P')) while (*r->p++ != '>') { }
            else {
                uint32_t on = 1;
                for (; *r->p != ')' && *r->p != ':'; r->p++) {
                    if (*r->p == '-') on = 0;
                    if (*r->p == 'i') r->i = on;
                    if (*r->p == 'm') r->m = on;
                    if (*r->p == 's') r->s = on;
                }
                if (*r->p++ == ')') return from;
            }
        }
        to = ends_of_choice(r, from);
        r->p++;
        r->i = i; r->m = m; r->s = s;
        return to;
    }
    if (c == '\\') literal = escape(r, 0, &kind);
    else if (c == '^' || c == '$') kind = c;
    if (kind && strchr("^$AZbB", (int)kind)) {
        for (at = 0; at <= r->length; at++) if (from >> at & 1 && holds(r, kind, at)) to |= (uint64_t)1 << at;
        return to;
    }
    if (c == '[') in_class(r, 0);                               /* moves behind it even where there is no text left */
    for (at = 0; at < r->length; at++) {
        const uint32_t x = r->text[at];
        int fits;
        if (!(from >> at & 1)) continue;
        if (kind) fits = in_category(kind, x);
        else if (c == '[') { r->p = start; fits = in_class(r, x); }
        else if (c == '.') fits = r->s || x != '\n';
        else fits = x == literal || (r->i && is_letter(x) && (x ^ 32) == literal);
        if (fits) to |= (uint64_t)1 << (at + 1);
    }
    return to;
}

static int count(reference *r)
{
    int n = 0;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) if (n < ENDLESS / 10) n = n * 10 + (int)(*r->p - '0');
    return n;
}

/* Where {m,n} stands: 1 and the counts, else the { is a letter */
static int counts(reference *r, int *min, int *max)
{
    const uint32_t *start = r->p, *digit;
    *min = count(r);
    *max = *min;
    if (r->p == start && !ahead(r, ',')) return 0;
    if (ahead(r, ',')) {
        digit = ++r->p;
        *max = count(r);
        if (r->p == digit) *max = ENDLESS;
    }
    if (ahead(r, '}')) { r->p++; return 1; }
    r->p = start;
    return 0;
}

static uint64_t ends_of_sequence(reference *r, uint64_t from)
{
    for (skip_comments(r); r->p < r->end && *r->p != '|' && *r->p != ')'; skip_comments(r)) {
        const uint32_t *item = r->p, *behind, i = r->i, m = r->m, s = r->s;
        uint64_t now = from, before, all;
        int min = 1, max = 1, k, again = 1;
        from = ends_of_atom(r, now);
        skip_comments(r);
        behind = r->p;
        if (ahead(r, '*') || ahead(r, '+') || ahead(r, '?')) {
            min = *r->p == '+';
            max = *r->p++ == '?' ? 1 : ENDLESS;
        } else if (ahead(r, '{')) {
            r->p++;
            again = counts(r, &min, &max);
            if (!again) r->p = behind;
        } else again = 0;
        if (!again) continue;
        if (ahead(r, '?')) r->p++;
        behind = r->p;
        for (k = 0, all = min ? 0 : now; k < max && r->budget >= 0; k++) {
            before = now;
            r->p = item;
            now = ends_of_atom(r, now);
            if (k + 1 >= min) {
                if ((all | now) == all && k + 1 > min) break;
                all |= now;
            } else if (now == before) k = min - 2;              /* nothing will change on the way to min */
        }
        r->p = behind;
        r->i = i; r->m = m; r->s = s;
        from = all;
    }
    return from;
}

static uint64_t ends_of_choice(reference *r, uint64_t from)
{
    uint64_t to = ends_of_sequence(r, from);
    while (ahead(r, '|')) { r->p++; to |= ends_of_sequence(r, from); }
    return to;
}

/* ---- what a glob means ---- */

static int budget;

static int glob_class(const uint32_t *p, size_t n, uint32_t c, size_t *behind)   /* behind the [; 1 yes, 0 no, -1 no class */
{
    size_t i = 0, close;
    int negated = n && p[0] == '!', hit = 0;
    i += (size_t)negated;
    for (close = i + 1; close < n && p[close] != ']'; close++) { }
    if (close >= n) return -1;
    *behind = close + 1;
    while (i < close) {
        int is_range = close - i > 2 && p[i + 1] == '-';
        hit |= p[i] <= c && c <= p[is_range ? i + 2 : i];
        i += is_range ? 3 : 1;
    }
    return hit != negated;
}

static int glob(const uint32_t *p, size_t n, const uint32_t *t, size_t m)
{
    size_t behind = 0;
    int in;
    if (budget-- < 0) return 0;
    if (!n) return !m;
    if (p[0] == '*') return glob(p + 1, n - 1, t, m) || (m && glob(p, n, t + 1, m - 1));
    if (!m) return 0;
    if (p[0] == '?') return glob(p + 1, n - 1, t + 1, m - 1);
    in = p[0] == '[' ? glob_class(p + 1, n - 1, t[0], &behind) : -1;
    if (in >= 0) return in && glob(p + 1 + behind, n - 1 - behind, t + 1, m - 1);
    return p[0] == t[0] && glob(p + 1, n - 1, t + 1, m - 1);
}

static void check_glob(const char *pattern, const char *text)
{
    uint32_t p[256], t[256];
    size_t n = decode(pattern, strlen(pattern), p, 256), m = decode(text, strlen(text), t, 256);
    int got = smash_glob_match(pattern, text), want;
    if (n > 256 || m > 256) return;
    budget = BUDGET;
    want = glob(p, n, t, m);
    if (budget >= 0) FUZZ_CHECK(got == want, "glob \"%s\" on \"%s\": %d", pattern, text, got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    const uint8_t *line = bytes ? (const uint8_t *)memchr(data, '\n', bytes) : NULL;
    size_t n = line ? (size_t)(line - data) : bytes, m = line ? bytes - n - 1 : 0;
    char *pattern = fuzz_copy(data, n), *text = fuzz_copy(line ? line + 1 : data, m);
    char *name = fuzz_text(text, m), *shape = fuzz_text(pattern, n);
    smash_ctx ctx;
    smash_arena arena;
    smash_regex re, twin, untouched;
    int matched = 5, again = 5;
    smash_err err;
    fuzz_begin(&ctx, &arena);
    check_glob(shape, name);

    memset(&untouched, 0x5A, sizeof untouched);
    memcpy(&re, &untouched, sizeof re);
    err = smash_regex_compile(&ctx, pattern, n, &arena, &re);
    FUZZ_CHECK(err == ctx.err, "%s returned, %s kept", smash_err_name(err), smash_err_name(ctx.err));
    if (err) {
        FUZZ_CHECK(err == SMASH_ERR_SYNTAX || err == SMASH_ERR_UNSUPPORTED || err == SMASH_ERR_LIMIT, "%s", ctx.message);
        FUZZ_CHECK(ctx.index <= n && ctx.message[0], "no place: %s", ctx.message);
        FUZZ_CHECK(!memcmp(&re, &untouched, sizeof re) && !arena.block, "a refused pattern was written");
    } else {
        uint32_t points[LONGEST], *code = (uint32_t *)malloc((n + 1) * sizeof *code);
        size_t length = decode(text, m, points, LONGEST);
        FUZZ_CHECK(re.states && re.states <= 100000 && re.states <= re.count, "%u states, %u words", re.states, re.count);
        FUZZ_CHECK(!smash_regex_compile(&ctx, pattern, n, &ctx.scratch, &twin), "the second time: %s", ctx.message);
        FUZZ_CHECK(twin.count == re.count && !memcmp(twin.code, re.code, re.count * sizeof *re.code), "compiled twice, two programs");
        smash_arena_release(&ctx.scratch);
        if (re.states < 2000 || m < 100) FUZZ_CHECK(!smash_regex_match(&ctx, &re, text, m, &matched), "%s", ctx.message);
        if (matched < 2 && length <= LONGEST && code) {
            reference r;
            uint64_t ends;
            memset(&r, 0, sizeof r);
            r.p = code;
            r.end = code + decode(pattern, n, code, n + 1);
            r.text = points;
            r.length = length;
            r.budget = BUDGET;
            ends = ends_of_choice(&r, 1);
            if (r.budget >= 0) FUZZ_CHECK(matched == (ends != 0), "\"%.*s\" on \"%.*s\": %d", (int)n, pattern, (int)m, text, matched);
        }
        if (matched < 2 && !memchr(text, 0, m) && !memchr(pattern, 0, n)) {              /* smash_select asks the same question */
            const char *names[1], *types[1], *patterns[1];
            smash_select_desc desc = SMASH_ZERO;
            unsigned char selected = 9;
            names[0] = name;
            types[0] = "Linear";
            patterns[0] = shape;
            desc.op_names_re.items = patterns;
            desc.op_names_re.count = 1;
            FUZZ_CHECK(!smash_select(&ctx, &desc, names, types, 1, &selected, NULL) && selected == matched, "selected %d", selected);
            FUZZ_CHECK(!smash_regex_match(&ctx, &re, name, m, &again) && again == matched, "matched %d, then %d", matched, again);
        }
        free(code);
    }
    fuzz_end(&ctx, &arena);
    free(pattern); free(text); free(name); free(shape);
    return 0;
}
