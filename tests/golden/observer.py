#!/usr/bin/env python3
"""Ranges as smash_observer_range finds them, from its definition, in exact fractions; logarithms with 40 digits. And the moving
averages that NNI v3 recorded (torch 1.13, CPU, float32).

usage: observer.py config_list.json > observer.h     (written with Python 3.11)"""
import json
import struct
import sys
from decimal import Decimal, getcontext
from fractions import Fraction
from math import floor

getcontext().prec = 40


def bits(x):
    return "0x%08Xu" % struct.unpack("<I", struct.pack("<f", x))[0]


def half_even(x):
    low = floor(x)
    rest = x - low
    return low + (1 if rest > Fraction(1, 2) or (rest == Fraction(1, 2) and low % 2) else 0)


def f32(x):
    """A fraction rounded to float32, within its range"""
    x = Fraction(x)
    if x == 0:
        return x
    e = max(-149, abs(x.numerator).bit_length() - x.denominator.bit_length() - 25)
    if abs(x) >= Fraction(2) ** (e + 24):
        e += 1
    if abs(x) >= Fraction(2) ** (e + 24):
        e += 1
    return half_even(x / Fraction(2) ** e) * Fraction(2) ** e


def grid(bits_, unsigned):
    return (0, 2 ** bits_ - 1) if unsigned else (1 - 2 ** (bits_ - 1), 2 ** (bits_ - 1) - 1)


def params(lo, hi, qmin, qmax, affine):
    steps = qmax - qmin
    s = f32(f32(hi - lo) / steps) if affine else f32(max(-lo, hi) / Fraction(steps, 2))
    s = max(s, Fraction(1, 2 ** 23))
    z = min(max(qmin - half_even(f32(lo / s)), qmin), qmax) if affine else (qmax + qmin + 1) // 2
    return s, z


def read_back(x, s, z, qmin, qmax):
    t = f32(z + f32(x / s))
    return f32((half_even(min(max(t, Fraction(qmin)), Fraction(qmax))) - z) * s)


class Bins:
    def __init__(self, data, n):
        self.lo, self.hi = min(min(data), Fraction(0)), max(max(data), Fraction(0))
        self.e = -149
        while floor(self.hi / Fraction(2) ** self.e) - floor(self.lo / Fraction(2) ** self.e) >= n:
            self.e += 1
        self.width = Fraction(2) ** self.e
        self.first, self.end = floor(self.lo / self.width), floor(self.hi / self.width) + 1
        self.count = {k: 0 for k in range(self.first, self.end)}
        for x in data:
            self.count[floor(x / self.width)] += 1
        self.total = len(data)

    def cut(self, left, right):
        return max(self.lo, left * self.width), min(self.hi, right * self.width)

    def percentile(self, data, outside):
        k = self.total * outside // 2000000000
        data = sorted(data)
        low, high = data[k], data[self.total - 1 - k]
        return self.cut(min(0, floor(low / self.width)), max(0, floor(high / self.width) + 1))

    def entropy(self, levels):
        best, choice = None, (self.first, self.end)
        for r in range(max(self.end, -self.first), 0, -1):
            left, right = max(-r, self.first), min(r, self.end)
            width = right - left
            if width < levels:
                break
            q = [self.count[k] for k in range(left, right)]
            p = list(q)
            p[0] += sum(self.count[k] for k in range(self.first, left))
            p[-1] += sum(self.count[k] for k in range(right, self.end))
            level = [j * levels // width for j in range(width)]
            in_level, with_p = {}, {}
            for j in range(width):
                in_level[level[j]] = in_level.get(level[j], 0) + q[j]
                with_p[level[j]] = with_p.get(level[j], 0) + (p[j] > 0)
            kl, inside = Decimal(0), sum(q)
            for j in range(width):
                if p[j]:
                    if not in_level[level[j]]:
                        kl = None
                        break
                    ratio = Fraction(p[j], self.total) / (Fraction(in_level[level[j]], with_p[level[j]]) / inside)
                    kl += Decimal(p[j]) * (Decimal(ratio.numerator) / Decimal(ratio.denominator)).ln()
            if kl is not None and (best is None or kl < best - Decimal(10) ** -30):
                best, choice = kl, (left, right)
        return self.cut(*choice)

    def middle(self, k):
        x = k * self.width if self.e == -149 else (k + Fraction(1, 2)) * self.width
        return f32(min(max(x, self.lo), self.hi))

    def mse(self, qmin, qmax, affine):
        if affine:
            ends = lambda n: sorted({-(-i * n // 64) for i in range(1, 65)}, reverse=True)
            pairs = [(-a, b) for a in ends(-self.first) for b in ends(self.end)]
        else:
            pairs = [(max(-r, self.first), min(r, self.end)) for r in range(max(self.end, -self.first), 0, -1)]
        best = None
        for left, right in pairs:
            s, z = params(*self.cut(left, right), qmin, qmax, affine)
            error = sum(c * f32(self.middle(k) - read_back(self.middle(k), s, z, qmin, qmax)) ** 2 for k, c in self.count.items() if c)
            if best is None or error < best:
                best, choice = error, (left, right)
        return self.cut(*choice)


state = 12345


def noise():
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
    return Fraction(state >> 40, 2 ** 23) - 1


def bell():
    return sum(noise() for _ in range(4)) / 2


sets = [
    ("bell", [f32(bell()) for _ in range(300)]),
    ("bell and outliers", [f32(bell() * (20 if i % 100 == 7 else 1)) for i in range(300)]),
    ("after a ReLU", [f32(max(Fraction(0), bell() ** 3)) for _ in range(300)]),
    ("only negative", [f32(-2 - abs(bell()) ** 2) for _ in range(200)]),
    ("60 binades", [f32(noise() * Fraction(2) ** (i - 30)) for i in range(60)]),
    ("one", [Fraction(3, 4)]),
    ("constant", [Fraction(-5, 8)] * 20),
    ("zeros", [Fraction(0)] * 20),
    ("denormal", [f32(noise() * Fraction(2) ** -140) for _ in range(50)]),
    ("huge", [f32(noise() * Fraction(2) ** 127) for _ in range(50)]),
    ("two values", [Fraction(1 if i % 10 else 100) for i in range(100)]),
]
print("/* Made by observer.py from the definition of smash_observer_range, and from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */")
for i, (name, data) in enumerate(sets):
    print("static const uint32_t observer_data%d[] = { %s };    /* %s */" % (i, ", ".join(bits(float(x)) for x in data), name))
print("static const struct { const char *name; const uint32_t *x; size_t count; } observer_sets[] = {")
for i, (name, data) in enumerate(sets):
    print('    { "%s", observer_data%d, %d },' % (name, i, len(data)))
print("};")
print("static const struct { int set; uint32_t bins; smash_observer_kind kind; uint32_t outside, bits, is_unsigned; smash_scheme scheme; "
      "int32_t exponent, first; uint32_t lo, hi; } observer_ranges[] = {")
for i, (name, data) in enumerate(sets):
    for n in (64, 128):
        b = Bins(data, n)

        def row(kind, outside, width, unsigned, affine, range_):
            print("    { %d, %d, SMASH_OBSERVE_%s, %d, %d, %d, %s, %d, %d, %s, %s }," % (
                i, n, kind, outside, width, unsigned, "SMASH_AFFINE" if affine else "SMASH_SYMMETRIC", b.e, b.first, *(bits(float(x)) for x in range_)))
        for outside in (1, 100000, 20000000, 300000000, 1000000000):
            row("PERCENTILE", outside, 8, 0, 0, b.percentile(data, outside))
        for width, unsigned in ((2, 0), (4, 0), (4, 1)):
            row("ENTROPY", 0, width, unsigned, 0, b.entropy(grid(width, unsigned)[1] - grid(width, unsigned)[0] + 1))
        if max(abs(x) for x in data) < 2 ** 120:             # beyond, the steps near FLT_MAX have rules of their own
            for width, unsigned in ((2, 0), (4, 1)):
                row("MSE", 0, width, unsigned, 0, b.mse(*grid(width, unsigned), False))
            if n == 64 and name in ("bell and outliers", "two values"):
                row("MSE", 0, 4, 1, 1, b.mse(*grid(4, 1), True))
print("};")

steps = []
for case in (c for c in json.load(open(sys.argv[1]))["cases"] if c["kind"] == "qat_ema"):
    assert (case["dtype"], case["scheme"]) == ("int8", "affine")
    for step in case["steps"]:
        steps.append("    { { %s }, %s, %s, %s, %d }," % (", ".join(bits(x) for x in step["x"]["data"]), bits(step["tracked_min"]), bits(step["tracked_max"]),
                                                     bits(step["scale"]), int(step["zero_point"])))
print("/* int8, affine; one sequence of steps */")
print("static const struct { uint32_t x[8], lo, hi, scale; int32_t zero; } golden_qat_ema[] = {")
print("\n".join(steps))
print("};")
