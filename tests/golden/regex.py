#!/usr/bin/env python3
"""Writes regex.h: what Python's re.match and fnmatch.fnmatchcase answer, for tests/test_select.c.

Ran on CPython 3.11.7, standard library only:  python3 regex.py > regex.h
Left out: what smash.h documents as different (look-around, references, possessive and atomic forms, (?x), \\B on an
empty text, Unicode \\d \\s and case folding, a backwards range in front of a ! in a glob).
"""
import fnmatch
import random
import re
import sys
import warnings

warnings.simplefilter("ignore")
rng = random.Random(20240607)


def c_string(text):
    out = ""
    for byte in text.encode("utf-8"):
        c = chr(byte)
        if c in '"\\' or out.endswith("?") and c == "?":          # ?? could begin a trigraph
            out += "\\" + c
        else:
            out += c if 32 <= byte < 127 else "\\%03o" % byte
    return '"%s"' % out


def tree(pattern):
    return str(re._parser.parse(pattern))


def supported(pattern):
    return "(?x" not in pattern and not any(word in tree(pattern) for word in ("POSSESSIVE", "ATOMIC", "ASSERT", "GROUPREF"))


def answer(pattern, text):
    """1, 0, or None where the two are meant to differ or re does not compile."""
    try:
        if not supported(pattern):
            return None
        return int(re.match(pattern, text) is not None)
    except (re.error, OverflowError):
        return None


# ---- random patterns: from a grammar (always valid), and from loose characters (often not) ----

ATOMS = [
    "a", "b", "c", "a", "b", ".", "[ab]", "[^a]", "[a-b1]", "[^\\n]", "\\d", "\\w", "\\s", "\\W", "\\D", "\\S", "1", "\\.", "\\n", "[\\d_]",
    "[]a]", "[a-]", "\\x61", "\\u0062", "\\141", "\u00e9", "[\u00e0-\u00ff]",
]
PLACES = ["^", "$", "\\b", "\\B", "\\A", "\\Z"]
REPEATS = [
    "*", "+", "?", "*?", "+?", "??", "{2}", "{1,2}", "{,2}", "{2,}", "{0}", "{0,1}?", "{1,3}", "{,}",
]


def grammar(depth):
    kind = rng.random()
    if depth == 0 or kind < 0.35:
        return rng.choice(PLACES) if rng.random() < 0.12 else rng.choice(ATOMS)
    if kind < 0.65:
        return "".join(grammar(depth - 1) for _ in range(rng.randint(1, 3)))
    if kind < 0.80:
        inner = "|".join(grammar(depth - 1) if rng.random() < 0.9 else "" for _ in range(rng.randint(2, 3)))
        return rng.choice(["(%s)", "(?:%s)", "(?P<n%d>%%s)" % rng.randint(0, 9999), "(?i:%s)", "(?s-i:%s)"]) % inner
    return "(?:%s)" % grammar(depth - 1) + rng.choice(REPEATS)


def with_flags(pattern):
    return rng.choice(["", "", "", "", "(?i)", "(?s)", "(?m)", "(?ims)", "(?#note)(?m)"]) + pattern


def loose():
    alphabet = ["a", "b", "1", "(", ")", "(?:", "|", "*", "+", "?", "{", "}", ",", "2", "[", "]", "^", "-", "$", "\\", ".", "a", "b",
                "\\d", "\\w", "\\b", "]", ")"]
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 9)))


def random_text():
    return "".join(rng.choice("aabb1cA\n _.\u00e9-]") for _ in range(rng.randint(0, 6)))


def random_rows(want, longest=50):
    """For each pattern one text that matches and one that does not: a pattern without both says little."""
    rows, seen = [], set()
    while len(rows) < want:
        pattern = grammar(3) if rng.random() < 0.7 else loose()
        short = len(pattern) < 5
        pattern = with_flags(pattern)
        if short or len(pattern) > longest or pattern in seen:
            continue
        seen.add(pattern)
        found = {}
        for _ in range(60):
            text = random_text()
            if not ("\\B" in pattern and text == ""):
                found.setdefault(answer(pattern, text), text)
        if 0 in found and 1 in found:
            rows += [(pattern, found[1], 1), (pattern, found[0], 0)]
    return rows


NAMES = ["", "fc1", "fc10", "xfc1", "head", "head.out", "headout", "heads.0", "backbone.layers.0.attn.weight",
         "backbone.layers.12.ffn.weight", "backbone.layers.x.ffn.weight", "backbone.layers.3.norm.weight", "conv1\n", "Conv1"]
NAME_PATTERNS = ["", ".*", ".+", "fc1", "fc1$", "fc1\\Z", "fc\\d+", "fc[2-9]", "head\\..*", "head.", "heads?\\.", "(head|fc\\d)$",
                 "backbone\\.layers\\.\\d+\\.(attn|ffn)\\.weight", "backbone\\.layers\\.(?:[0-9]|1[0-1])\\.", "(?i)CONV1$", "conv1\\Z",
                 ".*\\.weight$", ".*(?P<part>norm|ffn)", "^h", "\\w+\\.\\w+$", "(\\w+\\.)*weight", "[^.]*$"]

HAND = [
    ("(a*)*", "aaab"), ("(a*)*b", "aaab"), ("(a*)+", "b"), ("(|a)*b", "aab"), ("(|a)+b", "aab"), ("(a|b*)*c", "abbac"), ("(a?){3}b", "aab"),
    ("(a?){3}b", "aaaab"), ("(?:a?){1000}b", "aaab"), ("(a{2}){2,3}$", "aaaaa"), ("(a{2}){2,3}$", "aaaaaa"), ("a{0}b", "b"),
    ("(?:a|b){0}c", "c"), ("a{", "a{"), ("a{1", "a{1"), ("a{1,", "a{1,"), ("a{,", "a{,"), ("a{}", "a{}"), ("a{x}", "a{x}"),
    ("a{1,2,3}", "a{1,2,3}"), ("{", "{"), ("}", "}"), ("a{,2}$", "aa"), ("a{,2}$", "aaa"), ("a{,}$", "aaa"), ("x{1 ,2}", "x{1 ,2}"),
    ("]", "]"), ("[]]", "]"), ("[^]]", "]"), ("[]-a]", "_"), ("[a\\]]+$", "a]"), ("[\\b]", "\b"), ("[a-]+$", "a-"), ("[-a]+$", "-a"),
    ("[\\d-]+$", "1-"), ("[\\w.]+$", "a.b"), ("[^\\W\\d]+$", "abc"), ("[^\\w\\W]", "a"), ("[\\D\\d]", "\n"), ("[+--]+$", "+,-"),
    ("[[a]", "["), ("[a&&b]", "&"), ("[!--]", "+"), ("[\\x41-\\x43]+$", "ABC"), ("[\\101-\\103]+$", "ABC"),
    ("\\x41\\u0042\\U00000043\\0104", "ABC\x084"), ("\\012", "\n"), ("\\07", "\a"), ("\\a\\f\\n\\r\\t\\v\\\\", "\a\f\n\r\t\v\\"),
    ("\\-\\.\\ ", "-. "), ("a$", "a\n"), ("a$", "a\n\n"), ("a\\Z", "a\n"), ("a$\\n$", "a\n"), ("(?m)a$\\nb", "a\nb"), ("a$\\nb", "a\nb"),
    ("a\\n^b", "a\nb"), ("(?m)a\\n^b", "a\nb"), ("(?m)a\\n\\Ab", "a\nb"), ("a.b", "a\nb"), ("(?s)a.b", "a\nb"), ("(?s:a.)b.", "a\nb\n"),
    ("(?i)straSSe[A-C]+$", "STRASSEabc"), ("(?i)[^a-c]", "B"), ("(?i:a)B", "AB"), ("(?i:a)B", "Ab"), ("(?i)(?-i:a)b", "aB"),
    ("(?i)(?-i:a)b", "AB"), ("(?i)\\x41[\\x42]", "ab"), ("(?i)[Z-a]+$", "zA_`"), ("(?i)[@-C]+$", "abc@"), ("(?i)[@-C]+$", "d"),
    ("a\\b", "a"), ("a\\b", "ab"), ("a\\B", "ab"), ("\\ba\\b.\\bb", "a b"), ("\\b", ""), ("\\b", " "), ("a\\b_", "a_"), ("_\\b1", "_1"),
    ("0\\bZ", "0Z"), ("9\\bA", "9A"), ("z\\b\u00e9", "z\u00e9"), ("a\\b@", "a@"), ("a\\b\\[", "a["), ("Z\\b`", "Z`"), ("z\\b{", "z{"),
    ("a(?#note)*b", "aab"), ("(?#a\\)b)c", "c"), ("()*a", "a"), ("(?:)+a", "a"), ("(^)*a", "a"), ("(?:^a)+", "aa"), ("a|b|", "c"),
    ("|a", "b"), ("(a|b|cd)e", "cde"), ("a||b", "b"), ("((((((((a))))))))", "a"), ("a*?b", "aab"), ("a{2,3}?b", "aaaab"),
    ("(?P<n>a)(?P<m>b)", "ab"), ("\u00e9+$", "\u00e9\u00e9"), ("[\u00e0-\u00ff]", "\u00e9"), ("[^\u00e9]", "\u00e9"), (".$", "\u00e9"),
    (".{2}$", "\u00e9\u00e9"), (".$", "\U0001f600"), ("\\U0001f600$", "\U0001f600"), ("[\\ud7ff-\\ue000]$", "\ue000"),
    ("\\w+$", "\u00e9\u4e2d"), ("a\\Wb", "a-b"), ("\\s+$", " \t\n\r\f\v\x1c"), ("\\S", "\x1c"), ("(?a)(?i)A", "a"), ("(?u)a", "a"),
    ("(?a:\\d)", "1"), ("\\d{3}-\\d{4}$", "555-1234"), ("(?:\\d{1,3}\\.){3}\\d{1,3}$", "192.168.0.1"),
    ("(?:\\d{1,3}\\.){3}\\d{1,3}$", "192.168.0"), ("(a+)+$", "aaaa!"), ("(a|aa)+b", "aaaa"), ("(x+x+)+y", "xxxxy"),
]

# pattern, byte of the form that smash.h names as unsupported
UNSUPPORTED = [
    ("(?=a)", 0), ("a(?!b)", 1), ("(?<=a)b", 0), ("x(?<!a)b", 1), ("(a)\\1", 3), ("(?P<n>a)(?P=n)", 8), ("(a)(?(1)b|c)", 3), ("(?>a)", 0),
    ("a*+", 1), ("a++b", 1), ("a?+", 1), ("a{2}+", 1), ("(?x) a", 2), ("a(?x:b)", 3), ("\\N{DASH}", 0),
]

BROKEN = [
    "*a", "+", "?", "a**", "a*{2}", "a{2}{3}", "a+*", "a?*", "a*??", "{1}", "^*", "a|*", "(*a)", "(?:+)", "$+", "\\b?", "\\A{2}", ")", "a)",
    "(a))", "(", "(a", "((a)", "a(b|c", "(?:a", "(?P<n>a", "(?i:a", "[", "[a", "[]", "[^]", "[^", "[a-", "[a\\]", "a[b", "[b-a]", "x[z-a]",
    "[a-\\d]", "[\\d-z]", "[\\w-\\d]", "\\", "ab\\", "[\\", "\\q", "a\\y", "\\z", "[\\q]", "[a\\B]", "[\\A]", "[\\8]", "\\x", "\\x4",
    "\\xg1", "\\u004", "\\u", "\\U0000004", "\\U00110000", "\\400", "[\\400]", "[\\x4]", "a{2,1}", "(?", "(?y)", "(?Pa)", "(?<n>a)",
    "(?@a)", "a(?i)", "^(?i)a", "(a)(?s)", "a|(?i)b", "((?i)a)", "(?#a", "(?#", "(?:(?i)a)",
]
# the mistake is named at another byte than Python's, or Python names none
BROKEN_CODE_ONLY = [
    "(?P", "(?P<", "(?P<n", "(?P<>a)", "(?P<1>a)", "(?P<a-b>a)", "(?i", "(?q)", "(?iq)", "(?L)", "(?-i)", "(?i-)", "(?-:a)", "(?i-i:a)",
    "(?-a:b)", "(?au)", "(?au:b)", "(?ii-", "(?i-s", "(?-L:a)", "[\\d-a-\\",
]

GLOBS = [
    "", "*", "**", "?", "a", "a*", "*a", "*a*", "a*b", "a?b", "[ab]", "[!ab]", "[a-c]", "[!a-c]", "[]a]", "[!]a]", "[a-]", "[-a]", "[--a]",
    "[c-a]", "[!c-a]", "[", "[a", "[]", "[!]", "a[", "[[]", "[]]", "*[ab]*", "[a-c-e]", "a\\b", "[\\]", "[^a]", "head.*", "*.weight",
    "backbone.*.attn", "layers.[0-9].*", "layers.?.ffn", "\u00e9*", "?", "[\u00e0-\u00ff]", "*.*.*", "a*a*a*b", "[&&]", "*\n",
]
GLOB_TEXTS = [
    "", "a", "b", "c", "-", "]", "[", "!", "ab", "abb", "a[", "[a", "[]", "[!]", "\u00e9", "\n", "head.out", "head", "layers.0.ffn",
    "layers.10.ffn", "backbone.0.1.attn", "x.weight", "a\\b", "\\", "^", "a*b", "aaaaab", "d",
]


def glob_rows(want):
    def ok(glob):                                # fnmatch takes the ! that a dropped range leaves in front for a negation
        return not re.search(r"\[[^]]+-[^]]*!", glob)

    rows = {}
    every = [(g, t) for g in GLOBS for t in GLOB_TEXTS]
    hits = [row for row in every if fnmatch.fnmatchcase(row[1], row[0])]
    misses = [row for row in every if not fnmatch.fnmatchcase(row[1], row[0])]
    for row in hits + rng.sample(misses, min(len(misses), len(hits))):
        rows[row] = 1
    while len(rows) < want:
        glob = "".join(rng.choice(["a", "b", "*", "?", "[", "]", "!", "-", "[a", "[!", "c"]) for _ in range(rng.randint(1, 7)))
        text = "".join(rng.choice("aabbc[]!-") for _ in range(rng.randint(0, 5)))
        if ok(glob) and (fnmatch.fnmatchcase(text, glob) or rng.random() < 0.1):
            rows[(glob, text)] = 1
    return [(g, t, int(fnmatch.fnmatchcase(t, g))) for g, t in rows]


def main():
    rows = [(p, t, answer(p, t)) for p in NAME_PATTERNS for t in NAMES]
    rows += [(p, t, answer(p, t)) for p, t in HAND]
    assert all(result is not None for _, _, result in rows), [r for r in rows if r[2] is None]
    rows += random_rows(400)
    print("/* Made by regex.py on CPython %s: answers of re.match and fnmatch.fnmatchcase. */" % sys.version.split()[0])
    print("typedef struct golden_match { const char *pattern, *text; int matched; } golden_match;")
    print("typedef struct golden_broken { const char *pattern; size_t at; } golden_broken;\n")
    print("static const golden_match golden_regex[] = {")
    for p, t, result in rows:
        print("    { %s, %s, %d }," % (c_string(p), c_string(t), result))
    print("};\n\nstatic const golden_match golden_glob[] = {")
    for p, t, result in glob_rows(400):
        print("    { %s, %s, %d }," % (c_string(p), c_string(t), result))
    print("};\n\n/* re.error and its pos; SIZE_MAX: only that it is an error */\nstatic const golden_broken golden_syntax[] = {")
    for p in BROKEN + BROKEN_CODE_ONLY:
        try:
            re.compile(p)
            raise SystemExit("compiles: %r" % p)
        except re.error as e:
            print("    { %s, %s }," % (c_string(p), e.pos if p in BROKEN else "SIZE_MAX"))
        except ValueError:
            print("    { %s, SIZE_MAX }," % c_string(p))
    print("};\n\n/* Python compiles these; at: the form that is not supported */\nstatic const golden_broken golden_unsupported[] = {")
    for p, at in UNSUPPORTED:
        if "\\N" not in p:
            re.compile(p)
        print("    { %s, %d }," % (c_string(p), at))
    print("};")


if __name__ == "__main__":
    main()
