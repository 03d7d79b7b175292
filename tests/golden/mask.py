#!/usr/bin/env python3
"""Random small cases for the mask section, worked out by numpy: metrics and masks of block-wise pruning.

    python3 mask.py > mask_cases.h

Ran with Python 3.11.7, numpy 2.4.6. The numbers are multiples of 1/64 below 4, so they are exact in f32, f64, f16 and
bf16, the sums of |x| and of x^2 are exact, and a correct answer has these very bits.
"""
import numpy as np

MAX_DIMS = 8
rng = np.random.default_rng(20240101)


def divisor(n):
    return int(rng.choice([d for d in range(1, n + 1) if n % d == 0]))


def blocks_of(w, block):
    """One row per block, in row-major order of the grid, numbers in row-major order inside."""
    split = [part for n, b in zip(w.shape, block) for part in (n // b, b)]
    order = list(range(0, 2 * w.ndim, 2)) + list(range(1, 2 * w.ndim, 2))
    return w.reshape(split).transpose(order).reshape(-1, int(np.prod(block)))


def scores(rows, metric):
    if metric == 1:
        return np.abs(rows).sum(axis=1)
    if metric == 2:
        return np.sqrt((rows * rows).sum(axis=1))
    out = np.zeros(len(rows))
    for i, a in enumerate(rows):
        for b in rows:                                   # in this order: the sum of roots is not exact
            out[i] = out[i] + np.sqrt(((a - b) * (a - b)).sum())
    return out


def row(values, count):
    return ", ".join(str(int(v)) for v in list(values) + [0] * (count - len(values)))


cases = []
print("/* Made by mask.py: numbers in 64ths, metrics and masks worked out by numpy 2.4.6. */")
for i in range(120):
    ndim = int(rng.integers(1, 5))
    shape = [int(rng.choice([1, 2, 3, 4, 5, 6, 8, 9, 12])) for _ in range(ndim)]
    while int(np.prod(shape)) > 600:
        shape[int(np.argmax(shape))] = 2
    sizes = [divisor(n) for n in shape]
    block = [-1 if b == n and rng.integers(2) else b for b, n in zip(sizes, shape)]
    ints = rng.integers(-255, 256, size=shape)
    if i % 3 == 0:
        ints[rng.random(shape) < 0.5] = 0                # ties
    w = ints / 64.0
    metric = i % 3 + 1
    score = scores(blocks_of(w, sizes), metric)
    ratio = [0.0, 0.1, 0.29, 0.5, 0.57, 0.75, 0.999, 1.0][int(rng.integers(8))]
    k = int(np.float64(len(score)) * np.float64(ratio))
    keep = np.ones(len(score), dtype=int)
    keep[np.argsort(score, kind="stable")[:k]] = 0
    print(f"static const int16_t case_w_{i}[] = {{ {', '.join(map(str, ints.ravel()))} }};")
    print(f"static const double case_m_{i}[] = {{ {', '.join(float(v).hex() for v in score)} }};")
    print(f"static const uint8_t case_k_{i}[] = {{ {', '.join(map(str, keep))} }};")
    grid = [n // b for n, b in zip(shape, sizes)]
    cases.append(f"    {{ {ndim}, {{ {row(shape, MAX_DIMS)} }}, {{ {row(block, MAX_DIMS)} }}, {{ {row(grid, MAX_DIMS)} }}, {metric}, {ratio!r}, "
                 f"{ints.size}, {len(score)}, {k}, case_w_{i}, case_m_{i}, case_k_{i} }},")
print("static const struct { uint32_t ndim; size_t shape[8]; int32_t block[8]; size_t grid[8]; int metric; double ratio; size_t count, blocks, dropped;")
print("                      const int16_t *w; const double *score; const uint8_t *keep; } mask_cases[] = {")
print("\n".join(cases))
print("};")
