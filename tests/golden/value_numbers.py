#!/usr/bin/env python3
"""Writes value_numbers.h: hard decimal <-> double conversions for tests/test_value.c.

Run: python3 value_numbers.py > value_numbers.h     Made with CPython 3.11.7 (float() and repr() are David Gay's dtoa); standard library only.
Every parse row is checked here against exact rational arithmetic as well, so the two sources must agree.
"""
import random
import struct
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 1200
random.seed(20240611)


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def double(b):
    return struct.unpack("<d", struct.pack("<Q", b))[0]


def exact(fraction):
    """Decimal text of a fraction whose denominator is a power of two."""
    return str(Decimal(fraction.numerator) / Decimal(fraction.denominator)).replace("E", "e")


def nearest(text):
    """The bits of the nearest double, from rational arithmetic alone (text is positive)."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, part = mantissa.partition(".")
    digits = int(whole + part)
    power = int(exponent or 0) - len(part)
    if digits == 0 or power + len(str(digits)) < -400:
        return 0
    if power + len(str(digits)) > 400:
        return 0x7FF << 52
    value = Fraction(digits) * Fraction(10) ** power
    e = value.numerator.bit_length() - value.denominator.bit_length()
    if Fraction(2) ** e > value:
        e -= 1                                           # 2^e <= value < 2^(e+1)
    unit = max(e - 52, -1074)
    m = round(value / Fraction(2) ** unit)               # round() of a Fraction is half to even
    if m >= 1 << 53:
        m, unit = m >> 1, unit + 1
    if m < 1 << 52:
        return m
    return min((unit + 1075 << 52) + m - (1 << 52), 0x7FF << 52)


def shown(x):
    """The layout smash_number_print promises, of the digits repr() found."""
    text = repr(x)
    if x == int(x) and abs(x) < 1e17:
        return ("-" if text[0] == "-" else "") + str(abs(int(Decimal(text))))
    return text


hard = [0x0000000000000001, 0x0000000000000002, 0x0000000000000003, 0x000FFFFFFFFFFFFF, 0x0010000000000000, 0x0010000000000001,
        0x001FFFFFFFFFFFFF, 0x0020000000000000, 0x7FEFFFFFFFFFFFFF, 0x7FEFFFFFFFFFFFFE, 0x7FE0000000000000, 0x3FF0000000000000,
        0x3FEFFFFFFFFFFFFF, 0x3FF0000000000001, 0x4340000000000000, 0x433FFFFFFFFFFFFF, 0x4340000000000001,
        bits(5e-324), bits(9.5e-322), bits(2.0 ** -44), bits(9007199254740993.0), bits(9.061488e15), bits(1e23), bits(2.0 ** 122)]
hard += [bits(10.0 ** k) for k in range(-30, 31, 3)] + [bits(2.0 ** k) for k in range(-1074, 1024, 61)]
hard += [random.getrandbits(63) for _ in range(60)] + [random.getrandbits(52) >> random.randrange(52) for _ in range(20)]
hard = [b for b in dict.fromkeys(hard) if b >> 52 < 0x7FF and b]

texts = ["0", "0.0", "0e99999999999999999999", "1", "10", "123456789012345678901234567890", "0.1", "0.2", "0.3", "1e22", "1e23", "1e-22", "1e-23",
         "179769313486231570814527423731704356798070567525844996598917476803157260780028538760589558632766878171540458953514382464234321"
         "326889464182768467546703537516986049910576551282076245490090389328944075868508455133942304583236903222948165808559332123347974797e180",
         "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1.797693134862315807e308", "1.797693134862315808e308",
         "1e308", "1e309", "1e310", "1e400", "1e99999999999999999999", "1e-99999999999999999999", "1e-323", "1e-324", "2.4703282292062327e-324",
         "2.4703282292062328e-324", "2.5e-324", "4.9e-324", "2.2250738585072011e-308", "2.2250738585072012e-308", "2.2250738585072014e-308",
         "6.631236846766476e-316", "9007199254740993", "9007199254740993.0000000000000000000000000000000001", "9007199254740992.9999999999999999",
         "8.442911973260991817129021e-309", "0.500000000000000166533453693773481063544750213623046875", "3.518437208883201171875e13",
         "62.5364939768271845828", "8.10109172351e-10", "1.50000000000000011102230246251565", "1448997445238699", "7.3177701707893310e+15",
         "100000000000000016777215", "100000000000000016777216", "5708990770823839207320493820740630171355185151999e-3",
         "0." + "0" * 400 + "1", "0." + "0" * 300 + "12345", "1" + "0" * 308, "1" + "0" * 309, "9" * 400, "9" * 800 + "e-500", "0." + "9" * 900,
         "1." + "0" * 820 + "1", "0.5" + "0" * 900, "12345678901234567" + "0" * 40 + "e-40", "0" + "." + "0" * 30 + "1e30", "4.35e0000000000000000002"]
halfway = [h for h in range((10 ** 21 // 131072 + 1) * 131072 + 65536, 10 ** 21 + 2 * 10 ** 8, 131072) if h % 1000 > 980]
texts += [str(h + d) for h in halfway[:20] for d in (0, 1)]          # 22 digits, three beyond the 19 that are looked at first
for b in [0] + hard:                                     # exactly between two doubles, and a hair to each side
    x, y = Fraction(double(b)), Fraction(double(b + 1) if b + 1 < 0x7FF << 52 else 2.0 ** 1023) * (1 if b + 1 < 0x7FF << 52 else 2)
    text = exact((x + y) / 2)
    if random.random() < 0.55 or b < 4 or b == 0x7FEFFFFFFFFFFFFF:
        mantissa, _, exponent = text.partition("e")
        exponent = "e" + exponent if exponent else ""
        if "." not in mantissa:
            mantissa += "."
        texts.append(mantissa.rstrip(".") + exponent)
        texts.append(mantissa + ("0" if mantissa[-1] == "." else "") + random.choice(["1", "0" * 60 + "1"]) + exponent)
        down = mantissa.rstrip(".")
        down = down[:-1] + str(int(down[-1]) - 1) + ("." if "." not in down else "") + "9" * 30 if down[-1] != "0" else None
        if down:
            texts.append(down + exponent)
for b in hard:
    texts.append("%.17g" % double(b))
for _ in range(80):
    digits = "".join(random.choice("0123456789") for _ in range(random.choice([2, 9, 17, 18, 19, 20, 21, 40])))
    texts.append("%d.%se%d" % (random.randrange(1, 10), digits, random.randrange(-330, 309)))
texts = list(dict.fromkeys(t.replace("+", "") for t in texts))

print("/* Made by value_numbers.py; do not edit. */")
print("static const struct { const char *text; uint64_t bits; } golden_parse[] = {")
for text in texts:
    want = bits(float(text))
    assert want == nearest(text), text
    # string literals in pieces, none longer than C99 promises to take
    pieces = [text[i:i + 120] for i in range(0, len(text), 120)]
    print("    { %s, 0x%016Xu }," % ("\n      ".join('"%s"' % p for p in pieces), want))
print("};")
print("static const struct { uint64_t bits; const char *text; } golden_print[] = {")
rows = hard + [random.getrandbits(63) for _ in range(100)] + [bits(float(k)) for k in (1, 3, 10, 100, 123456, 2 ** 53, 10 ** 16, 99999999999999984)]
rows += [bits(2.0 ** 50 + x) for x in (0.25, 0.75, 1.25, 1.75)]       # two shortest at the same distance: the even one
rows += [bits(x) for x in (0.1, 0.25, 1e-4, 9.999e-5, 0.001, 123.456, 1e17, 1.5e17, 1e21, 1e22, 1234567890123456.7, 0.1 + 0.2, 100.5)]
for b in dict.fromkeys(b for b in rows if b >> 52 < 0x7FF):
    for sign in (0, 1 << 63):
        if not sign or random.random() < 0.1:
            print('    { 0x%016Xu, "%s" },' % (b | sign, shown(double(b | sign))))
print("};")
