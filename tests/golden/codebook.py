#!/usr/bin/env python3
"""Lists of numbers as bitsandbytes makes them, and what half-quadratic quantization loses on made-up weights.

usage: codebook.py > codebook.h     (made with Python 3.11; no packages)

 - The dynamic code is bitsandbytes' create_dynamic_map(signed, 7 exponent bits, 8 bits): of each decade 10^-6 .. 1, 2^i steps from 0.1 to 1, their
   middles, both signs; and 0 and 1. PyTorch computes in float32, linspace with a fused start + step * i: so does this.
 - Weights: 64 rows of 256 numbers, of splitmix64; golden_weights in test_codebook.c makes the same ones.
 - Losses, mean |w - w'| in groups of 64, all in double from the formulas: `start` is the first grid, `source` what HQQ's own loop ends with (one
   stop for all groups, the zero points of the step that did not improve), `best` the least that each group met by itself."""
import math, struct


def f32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def hexes(name, numbers):
    print("static const uint32_t %s[%d] = {" % (name, len(numbers)))
    words = ["0x%08Xu" % struct.unpack("<I", struct.pack("<f", x))[0] for x in numbers]
    for i in range(0, len(words), 8):
        print("    " + ", ".join(words[i:i + 8]) + ",")
    print("};")


def dynamic():
    numbers = [0.0, 1.0]
    for i in range(7):
        n = 2 ** i
        step = f32(f32(1 - f32(0.1)) / n)
        bounds = [f32(f32(0.1) + step * j) for j in range(n + 1)]
        for j in range(n):
            middle = f32(f32(f32(bounds[j] + bounds[j + 1]) / 2) * f32(10.0 ** (i - 6)))
            numbers += [middle, -middle]
    return sorted(numbers)


class Random:
    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        m = 2 ** 64 - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & m
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & m
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & m
        return ((z ^ z >> 31) >> 11) * 2.0 ** -53

    def normal(self):
        total = -6.0
        for _ in range(12):
            total += self.uniform()
        return total


def weights(kind):
    rng = Random(2024 + kind)
    out = []
    for _ in range(64 * 256):
        if kind == 0:
            x = 0.05 * rng.normal()
        elif kind == 1:
            a = 1 - rng.uniform()
            x = 0.05 * math.log(a / (1 - rng.uniform()))
        else:
            a, b, c, d = [rng.normal() for _ in range(4)]
            x = 0.05 * a / math.sqrt((b * b + c * c + d * d) / 3)
        out.append(f32(x))
    return out


def shrink(x):
    return math.copysign(max(abs(x) - abs(x) ** -0.3 / 10, 0), x) if x else 0.0


def losses(w, bits, group=64, turns=20):
    top = 2 ** bits - 1
    groups = [w[i:i + group] for i in range(0, len(w), group)]
    scale = [1 / min(top / (max(g) - min(g)), 2e4) for g in groups]
    zero = [-min(g) / s for g, s in zip(groups, scale)]
    if bits == 4:
        zero = [float(round(z)) for z in zero]

    def turn(zero):
        each, following = [], []
        for g, s, z in zip(groups, scale, zero):
            q = [min(max(round(x / s + z), 0), top) for x in g]
            r = [x - (i - z) * s for x, i in zip(g, q)]
            each.append(sum(abs(x) for x in r))
            following.append(sum(i - (x - shrink(e)) / s for i, x, e in zip(q, g, r)) / len(g))
        return each, following

    each, following = turn(zero)
    start, best, now = sum(each), each, sum(each)
    source = start
    for _ in range(turns):
        each, following = turn(following)
        source = sum(each)
        best = [min(a, b) for a, b in zip(best, each)]
        if not source < now:
            break
        now = source
    return start / len(w), source / len(w), sum(best) / len(w)


print("/* Made by codebook.py. Do not edit. */")
hexes("golden_dynamic", dynamic())
print("/* weights 0 normal, 1 Laplace, 2 Student's t with 3 degrees of freedom */")
print("static const struct { int kind; uint32_t bits; double start, source, best; } golden_hqq[] = {")
for kind in range(3):
    w = weights(kind)
    for bits in (2, 4, 8):
        print("    { %d, %du, %r, %r, %r }," % ((kind, bits) + losses(w, bits)))
print("};")
