#!/usr/bin/env python3
"""Doubles, and the f16 and bf16 nearest to them.

usage: halves.py > halves.h     (made with Python 3.11 and numpy 2.4.6)

f16 by numpy's own float64 -> float16, which rounds once; bf16 by exact fractions, ties to even. Between each of some
neighbouring 16-bit numbers: the midpoint, and the doubles just beside it, which a way through f32 gets wrong."""
import math
import random
import struct
from fractions import Fraction
import numpy as np

random.seed(2)


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def bf16_value(h):
    return struct.unpack("<f", struct.pack("<I", h << 16))[0]


def bf16(x):
    """Nearest bf16 by bisection over its ordered positive values, the infinite one standing for 2^128."""
    sign = 0x8000 if math.copysign(1, x) < 0 else 0
    a = Fraction(abs(x))

    def value(h):
        return Fraction(2) ** 128 if h == 0x7F80 else Fraction(bf16_value(h))
    if a >= value(0x7F80):
        return sign | 0x7F80
    lo, hi = 0, 0x7F80
    while hi - lo > 1:
        mid = (lo + hi) // 2
        lo, hi = (mid, hi) if value(mid) <= a else (lo, mid)
    below, above = a - value(lo), value(hi) - a
    return sign | (lo if below < above or (below == above and lo % 2 == 0) else hi)


def f16(x):
    with np.errstate(over="ignore", under="ignore"):
        return int(np.float64(x).astype(np.float16).view(np.uint16))


def f16_value(h):
    return float(np.uint16(h).view(np.float16))


xs = [0.0, -0.0, 1.0, -1.0, 5e-324, -5e-324, 1e-300, 1e300, -1e300, 65504.0, 65519.0, 65519.99999999999, 65520.0, 65536.0, 2.0 ** -24, 2.0 ** -25, 2.0 ** -14,
      3.3895313892515355e38, 3.3961775292304957e38, 3.396177529230495e38, 3.4028234663852886e38, 2.0 ** 128, 2.0 ** -133, 2.0 ** -134, 2.0 ** -126, 0.1, 1 / 3]
for value, hs in ((f16_value, [0, 1, 2, 0x3FE, 0x3FF, 0x400, 0x401, 0x7BFE, 0x3C00, 0x3C01] + [random.randrange(0x7BFF) for _ in range(40)]),
                  (bf16_value, [0, 1, 2, 0x7E, 0x7F, 0x80, 0x81, 0x7F7E, 0x3F80, 0x3F81] + [random.randrange(0x7F7F) for _ in range(40)])):
    for h in hs:
        middle = (value(h) + value(h + 1)) / 2
        for x in (middle, math.nextafter(middle, 0), math.nextafter(middle, math.inf)):
            xs.append(x if h % 3 else -x)
print("/* Made by halves.py with numpy 2.4.6. Do not edit. */")
print("static const struct { uint64_t x; uint16_t f16, bf16; } golden_halves[] = {")
for x in xs:
    print("    { 0x%016Xu, 0x%04X, 0x%04X }," % (bits(x), f16(x), bf16(x)))
print("};")
