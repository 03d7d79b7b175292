#!/usr/bin/env python3
"""What a mask with apply_method add makes of a number: x + value, with value rounded to the dtype first, and the exact sum rounded once
to the nearest, ties to even. In fractions, so without any floating point.

usage: apply_add.py > apply_add.h     (made with Python 3.11; the standard library is all it takes)"""
import random
from fractions import Fraction

random.seed(5)
FORMATS = {"F16": (5, 10), "BF16": (8, 7), "F32": (8, 23), "F64": (11, 52)}


def exact(bits, form):
    """The number, or None for Inf and NaN"""
    exponent_bits, mantissa_bits = form
    bias = (1 << (exponent_bits - 1)) - 1
    sign = -1 if bits >> (exponent_bits + mantissa_bits) else 1
    exponent = bits >> mantissa_bits & ((1 << exponent_bits) - 1)
    mantissa = bits & ((1 << mantissa_bits) - 1)
    if exponent == (1 << exponent_bits) - 1:
        return None
    if exponent:
        mantissa += 1 << mantissa_bits
    return sign * mantissa * Fraction(2) ** (max(exponent, 1) - bias - mantissa_bits)


def rounded(x, form):
    """Bits of the nearest number, ties to even; +0 for 0"""
    exponent_bits, mantissa_bits = form
    bias = (1 << (exponent_bits - 1)) - 1
    sign = (1 if x < 0 else 0) << (exponent_bits + mantissa_bits)
    x = abs(x)
    if x == 0:
        return 0
    exponent = 1 - bias
    while x >= Fraction(2) ** (exponent + 1):
        exponent += 1
    unit = Fraction(2) ** (exponent - mantissa_bits)
    q, rest = divmod(x, unit)
    q = int(q) + (1 if rest * 2 > unit or (rest * 2 == unit and q % 2) else 0)
    bits = ((exponent + bias - 1) << mantissa_bits) + q                 # q has the hidden bit unless it is subnormal; a carry moves the exponent up
    return sign | min(bits, ((1 << exponent_bits) - 1) << mantissa_bits)


def wanted(bits, value, form):
    x = exact(bits, form)
    if x is None:
        return bits                                                     # Inf and NaN
    return rounded(x + exact(rounded(Fraction(value), form), form), form)


print("/* Made by apply_add.py. Do not edit. */")
print("static const struct { smash_dtype dtype; uint64_t x; double value; uint64_t want; } apply_add[] = {")
for name, form in FORMATS.items():
    width = form[0] + form[1] + 1
    top = ((1 << form[0]) - 1) << form[1]
    values = [-1000.0, -1.0, 1000.0, -0.1, 3.5e-8, -60000.0, 1e-5, -17.123456789]
    xs = [0, 1 << (width - 1), 1, top, top | 1 << (width - 1), top | 1, top | 1 << (width - 1) | 5, top - 1, (top - 1) | 1 << (width - 1),
          rounded(Fraction(1000), form), rounded(Fraction(-1000), form), 1 << form[1], (1 << form[1]) - 1]
    for value in values:
        v = rounded(Fraction(value), form)
        near = []
        for _ in range(5):                                              # of all sizes, and near the value: there sums cancel, round and tie
            near.append(random.getrandbits(width))
            near.append(max(0, min((v & ~(1 << (width - 1))) + random.randint(-3 << form[1], 3 << form[1]), top - 1)) | random.getrandbits(1) << (width - 1))
        for x in xs + near:
            print("    { SMASH_%s, 0x%Xu, %r, 0x%Xu }," % (name, x, value, wanted(x, value, form)))
print("};")
