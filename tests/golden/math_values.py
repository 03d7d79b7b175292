#!/usr/bin/env python3
"""Exact values of exp, log, tanh and sqrt at a few hundred doubles.

usage: math_values.py > math_values.h     (made with Python 3.11 and mpmath 1.3.0 at 200 bits)

Each row: bits of x, bits of the double nearest to f(x), and the rest, f(x) minus that double, in units of its
last place (-0.5 .. 0.5), so that an error can be told to a small fraction of a unit."""
import random
import struct
import mpmath

mpmath.mp.prec = 200
random.seed(1)


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def double(u):
    return struct.unpack("<d", struct.pack("<Q", u))[0]


def nearest(y):
    """Double nearest to y, ties to even, subnormals too; and the unit of its last place."""
    if y == 0:
        return 0.0, mpmath.ldexp(1, -1074)
    exponent = max(int(mpmath.floor(mpmath.log(abs(y), 2))), -1022)
    while abs(y) >= mpmath.ldexp(1, exponent + 1):
        exponent += 1
    while exponent > -1022 and abs(y) < mpmath.ldexp(1, exponent):
        exponent -= 1
    unit = mpmath.ldexp(1, exponent - 52)
    return float(mpmath.nint(y / unit) * unit), unit


def table(name, f, xs):
    print("static const math_row golden_%s[] = {" % name)
    for x in xs:
        y = f(mpmath.mpf(x))
        d, unit = nearest(y)
        print("    { 0x%016Xu, 0x%016Xu, %.6ff }," % (bits(x), bits(d), float((y - mpmath.mpf(d)) / unit)))
    print("};")


def spread(lo, hi, count):
    return [random.uniform(lo, hi) for _ in range(count)]


def scaled(lo, hi, count):
    return [random.choice((-1, 1)) * random.uniform(1, 2) * 2.0 ** random.randint(lo, hi) for _ in range(count)]


def positive(count):
    return [double(random.randrange(1, 0x7FF0000000000000)) for _ in range(count)]


print("/* Made by math_values.py with mpmath 1.3.0 at 200 bits. Do not edit. */")
print("typedef struct math_row { uint64_t x, y; float rest; } math_row;")
edges = [0.0, 1.0, -1.0, 0.5, -0.5, 2.0, 1e-300, -1e-300, 5e-324, 2.0 ** -54, -(2.0 ** -53), 0.34657359027997264, 0.34657359027997270, -0.34657359027997264, 0.6931471805599453, 1.0397207708399179]
table("exp", mpmath.exp, edges + [709.0, 709.78, 709.782712893384, -708.0, -708.3964185322641, -708.4, -720.0, -744.0, -745.0, -745.13] +
      spread(-1, 1, 120) + spread(-40, 40, 120) + spread(-745, 709.7, 120) + scaled(-60, 3, 60))
table("log", mpmath.log, [1.0, 2.0, 0.5, 0.9999999999999999, 1.0000000000000002, 1.4142135623730949, 1.4142135623730951, 1.4142135623730954, 0.7071067811865475, 0.7071067811865476,
                          5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308, 10.0, 1e-10] + spread(0.5, 2, 160) + spread(0.95, 1.05, 60) + spread(0, 100, 60) + positive(120))
table("tanh", mpmath.tanh, [1.0, -1.0, 0.5, 1e-300, 5e-324, -2e-17, 2.0 ** -55, 2.0 ** -54, 1e-8, 0.17328679513998632, 0.17328679513998635, 0.25, 18.7, 19.0, 19.1, 21.9, 22.0, 22.1, 700.0, -1e300] +
      spread(-0.2, 0.2, 100) + spread(-1, 1, 120) + spread(-22, 22, 120) + scaled(-60, 4, 60))
table("sqrt", mpmath.sqrt, [1.0, 2.0, 3.0, 4.0, 0.25, 5e-324, 1e-323, 2.2250738585072014e-308, 2.225073858507201e-308, 1.7976931348623157e308, 0.9999999999999999, 1.0000000000000002,
                            3.9999999999999996, 9007199254740993.0, 4503599627370497.0] + positive(200) + spread(0, 4, 60))
