#!/usr/bin/env python3
"""Writes requant.h: what QuantizeMultiplier of TFLite gives for triples of float scales (Python's floats are the doubles it uses),
requantized accumulators as exact rational numbers, rounded as each form says, and biases as exact quotients.
    python3 tests/golden/requant.py > tests/golden/requant.h
"""
import math, random, struct
from fractions import Fraction

rng = random.Random(6)


def float_of(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bits_of(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def floor_half_up(x):
    return math.floor(x + Fraction(1, 2))


def half_away(x):
    return floor_half_up(x) if x >= 0 else -floor_half_up(-x)


def quantize_multiplier(d, single):
    if d == 0:
        return 0, 0
    q, s = math.frexp(d)
    f = half_away(Fraction(q) * 2**31)
    if f == 2**31:
        f //= 2
        s += 1
    if s < -31:
        return 0, 0
    if single and s > 30:
        return 2**31 - 1, 30
    return f, s


def requant(form, x, m, s):
    if form == 0:
        high = floor_half_up(Fraction(x * 2**max(s, 0) * m, 2**31))
        return half_away(Fraction(high, 2**max(-s, 0)))
    if form == 1:
        return floor_half_up(Fraction(x * m) * Fraction(2)**(s - 31))
    reduced = (m + 2**15) >> 16 if m < 0x7FFF0000 else 0x7FFF
    return floor_half_up(Fraction(x * reduced) * Fraction(2)**(s - 15))


ends = [0x00000001, 0x00000002, 0x00000003, 0x007FFFFF, 0x00800000, 0x00800001, 0x3F800000, 0x3F7FFFFF, 0x3F800001, 0x7F7FFFFF, 0x34000000, 0x3DCCCCCD]
triples = [(0, 0x3F800000, 0x3F800000), (0x3F800000, 0, 0x3F800000)] + [(a, b, c) for a in ends for b in ends[::3] for c in ends]
triples += [tuple(rng.randrange(1, 0x7F800000) for _ in range(3)) for _ in range(300)]
triples += [tuple(bits_of(2.0 ** rng.uniform(-12, 0)) for _ in range(3)) for _ in range(300)]
for a in range(2**23 + 1, 2**24, 2):            # a quotient a hair below a power of two: the carry
    b = 2**47 // a
    if 2**47 % a < 2**13 and b < 2**24:
        triples.append((bits_of(a / 2.0**24), bits_of(b / 2.0**24), 0x3F000000))
        if len(triples) > 1300:
            break
print("/* Made by requant.py, which says how. */")
print("static const struct { uint32_t input, weight, output; int32_t multiplier, shift, single_multiplier, single_shift; } golden_multiplier[] = {")
for a, b, c in triples:
    d = float_of(a) * float_of(b) / float_of(c)
    print("    { 0x%08Xu, 0x%08Xu, 0x%08Xu, %d, %d, %d, %d }," % ((a, b, c) + quantize_multiplier(d, False) + quantize_multiplier(d, True)))
print("};\n")

print("/* form 2: 64-bit accumulators. Only what stays within 32 bits. */")
print("static const struct { int form; int64_t x; int32_t multiplier, shift, y; } golden_requant[] = {")
edges = [0, 1, -1, 2, -2, 3, 127, -128, 2**30, -2**30, 2**31 - 1, -2**31, 2**31 - 2, -2**31 + 1]
for form in range(3):
    count = 0
    while count < 400:
        s = rng.randint(-31, 30 if form < 2 else 14)
        m = rng.choice([2**30, 2**30 + 1, 2**31 - 1, 0x7FFF0000, 0x7FFEFFFF, 0, rng.randrange(2**30, 2**31)])
        x = rng.choice([rng.choice(edges), rng.randrange(-2**31, 2**31) >> rng.randrange(0, 31), rng.randrange(-2**47, 2**47) if form == 2 else rng.randrange(-2**31, 2**31)])
        if s < 0 and rng.random() < 0.3:
            x = (2 * rng.randrange(-2**10, 2**10) + 1) << min(-s, 18)       # ties
        if form < 2 and not -2**31 <= x < 2**31 or form == 0 and not -2**31 <= x * 2**max(s, 0) < 2**31:
            continue
        y = requant(form, x, m, s)
        if -2**31 <= y < 2**31:
            print("    { %d, %s, %d, %d, %s }," % (form, "-INT64_C(%d)" % -x if x < 0 else "INT64_C(%d)" % x, m, s, "INT32_MIN" if y == -2**31 else y))
            count += 1
print("};\n")

print("/* 1: fits; the bias is NaN-free and the scales above 0 */")
print("static const struct { int away; uint32_t bias, input, weight; int fits32, fits64; int64_t q; } golden_bias[] = {")
rows = [(0x3F000000, 0x3F800000, 0x3F800000), (0xBF000000, 0x3F800000, 0x3F800000), (0x3EFFFFFF, 0x3F800000, 0x3F800000), (0, 1, 1), (0x80000000, 0x3F800000, 1),
        (1, 1, 1), (1, 0x7F7FFFFF, 0x7F7FFFFF), (0x7F7FFFFF, 1, 1), (0x4EFFFFFF, 0x3F800000, 0x3F800000), (0x4F000000, 0x3F800000, 0x3F800000), (0xCF000000, 0x3F800000, 0x3F800000),
        (0x5EFFFFFF, 0x3F800000, 0x3F800000), (0x5F000000, 0x3F800000, 0x3F800000), (0xDF000000, 0x3F800000, 0x3F800000)]
rows += [(rng.randrange(2**31) % 0x7F800000 | rng.randrange(2) << 31, rng.randrange(1, 0x7F800000), rng.randrange(1, 0x7F800000)) for _ in range(150)]
for _ in range(350):
    rows.append((bits_of(rng.uniform(-1, 1) * 2.0 ** rng.randint(-10, 10)), bits_of(2.0 ** rng.uniform(-16, 0)), bits_of(2.0 ** rng.uniform(-16, 0))))
for _ in range(50):                             # ties
    rows.append((bits_of((rng.randrange(-2**20, 2**20) * 2 + 1) * 2.0 ** -11), bits_of(2.0 ** -6), bits_of(2.0 ** -4)))
def half_even(x):
    return round(x)                             # of a Fraction: exact, ties to even

def int64(q):
    return "(-INT64_C(9223372036854775807) - 1)" if q == -2**63 else "%sINT64_C(%d)" % ("-" if q < 0 else "", abs(q))

for away, round_as, some in (1, half_away, rows), (0, half_even, rows[:40] + rows[-60:]):
    for b, s, t in some:
        q = round_as(Fraction(float_of(b)) / (Fraction(float_of(s)) * Fraction(float_of(t))))
        fits = -2**31 <= q < 2**31, -2**63 <= q < 2**63
        print("    { %d, 0x%08Xu, 0x%08Xu, 0x%08Xu, %d, %d, %s }," % (away, b, s, t, fits[0], fits[1], int64(q if fits[1] else 0)))
print("};")
