#!/usr/bin/env python3
"""Train the small network of examples/digits_net.h and write it as safetensors in PyTorch's naming and layout.

usage: train_digits.py ../data/digits.bin digits.safetensors        (pip install numpy safetensors; about half a minute)

  conv1 1->24 3x3 pad 1, bn1, relu, conv2 24->48 3x3 pad 1, relu, max pool 2x2, fc 768->10

Forward and backward are written out by hand. Training sees the training rows only; the held-out rows are scored once, at
the end. The seed is fixed; the order of sums inside numpy's matrix product is not, so another machine may end with
slightly other weights.
"""
import json
import struct
import sys

import numpy as np
from safetensors.numpy import save_file

EPOCHS, BATCH, RATE, DECAY, DROP, EPS, MOMENTUM = 60, 50, 3e-3, 1.0, 0.5, 1e-5, 0.1
MODULE_TYPES = {"conv1": "Conv2d", "bn1": "BatchNorm2d", "conv2": "Conv2d", "fc": "Linear"}


def read_digits(path):
    data = open(path, "rb").read()
    magic, rows, train, height, width, top, _ = struct.unpack("<8sHHBBBB", data[:16])
    assert magic == b"digits1\n" and len(data) == 16 + rows * (height * width + 1)
    table = np.frombuffer(data, np.uint8, offset=16).reshape(rows, height * width + 1)
    x = table[:, :-1].reshape(rows, 1, height, width).astype(np.float32) / top
    y = table[:, -1].astype(np.int64)
    return x[:train], y[:train], x[train:], y[train:]


def columns(x):
    """[n, c, h, w] -> [n, h, w, c * 9]: the 3x3 neighbourhood of every pixel."""
    n, c, h, w = x.shape
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    views = [padded[:, :, i:i + h, j:j + w] for i in range(3) for j in range(3)]
    return np.stack(views, 2).reshape(n, c * 9, h, w).transpose(0, 2, 3, 1)


def columns_back(g, c):
    n, h, w, _ = g.shape
    g = g.transpose(0, 3, 1, 2).reshape(n, c, 9, h, w)
    padded = np.zeros((n, c, h + 2, w + 2), np.float32)
    for k in range(9):
        padded[:, :, k // 3:k // 3 + h, k % 3:k % 3 + w] += g[:, :, k]
    return padded[:, :, 1:-1, 1:-1]


def conv(x, weight, bias):
    cols = columns(x)
    return (cols @ weight.reshape(len(weight), -1).T + bias).transpose(0, 3, 1, 2), cols


def conv_back(g, cols, weight):
    g = g.transpose(0, 2, 3, 1)
    flat = g.reshape(-1, len(weight))
    grad_weight = (flat.T @ cols.reshape(len(flat), -1)).reshape(weight.shape)
    return g @ weight.reshape(len(weight), -1), grad_weight, flat.sum(0)


def per_channel(v):
    return v[None, :, None, None]


def forward(p, x):
    a, _ = conv(x, p["conv1.weight"], p["conv1.bias"])
    a = (a - per_channel(p["bn1.running_mean"])) / np.sqrt(per_channel(p["bn1.running_var"]) + EPS)
    a = np.maximum(a * per_channel(p["bn1.weight"]) + per_channel(p["bn1.bias"]), 0)
    a, _ = conv(a, p["conv2.weight"], p["conv2.bias"])
    n, c, h, w = a.shape
    a = np.maximum(a, 0).reshape(n, c, h // 2, 2, w // 2, 2).max((3, 5))
    return a.reshape(n, -1) @ p["fc.weight"].T + p["fc.bias"]


def gradients(p, x, y, rng):
    """One training step's gradients; updates the running statistics of bn1 on the way."""
    a1, cols1 = conv(x, p["conv1.weight"], p["conv1.bias"])
    mean, var = a1.mean((0, 2, 3)), a1.var((0, 2, 3))
    count = a1.size // a1.shape[1]
    p["bn1.running_mean"] += MOMENTUM * (mean - p["bn1.running_mean"])
    p["bn1.running_var"] += MOMENTUM * (var * count / (count - 1) - p["bn1.running_var"])
    deviation = np.sqrt(per_channel(var) + EPS)
    unit = (a1 - per_channel(mean)) / deviation
    r1 = np.maximum(unit * per_channel(p["bn1.weight"]) + per_channel(p["bn1.bias"]), 0)
    a2, cols2 = conv(r1, p["conv2.weight"], p["conv2.bias"])
    n, c, h, w = a2.shape
    tiles = np.maximum(a2, 0).reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
    winner = tiles.argmax(-1)[..., None]
    pooled = np.take_along_axis(tiles, winner, -1)[..., 0]
    keep = (rng.random(pooled.shape, np.float32) >= DROP).astype(np.float32) / (1 - DROP)
    features = (pooled * keep).reshape(n, -1)
    logits = features @ p["fc.weight"].T + p["fc.bias"]
    prob = np.exp(logits - logits.max(1, keepdims=True))
    prob /= prob.sum(1, keepdims=True)

    g = prob
    g[np.arange(n), y] -= 1
    g /= n
    grads = {"fc.weight": g.T @ features, "fc.bias": g.sum(0)}
    g = (g @ p["fc.weight"]).reshape(pooled.shape) * keep * (pooled > 0)
    spread = np.zeros_like(tiles)
    np.put_along_axis(spread, winner, g[..., None], -1)
    g = spread.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(a2.shape)
    g, grads["conv2.weight"], grads["conv2.bias"] = conv_back(g, cols2, p["conv2.weight"])
    g = columns_back(g, r1.shape[1]) * (r1 > 0)
    grads["bn1.weight"], grads["bn1.bias"] = (g * unit).sum((0, 2, 3)), g.sum((0, 2, 3))
    g = g * per_channel(p["bn1.weight"])
    g = (g - per_channel(g.mean((0, 2, 3))) - unit * per_channel((g * unit).mean((0, 2, 3)))) / deviation
    _, grads["conv1.weight"], grads["conv1.bias"] = conv_back(g, cols1, p["conv1.weight"])
    return grads


def shifted(x, rng):
    """Move each image by -1, 0 or 1 pixel along both axes."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    offsets = rng.integers(0, 3, (len(x), 2))
    return np.stack([image[:, i:i + x.shape[2], j:j + x.shape[3]] for image, (i, j) in zip(padded, offsets)])


def accuracy(p, x, y):
    return float((forward(p, x).argmax(1) == y).mean())


def train(x, y, seed):
    rng = np.random.default_rng(seed)

    def start(*shape):
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)

    def constant(count, value):
        return np.full(count, value, np.float32)

    p = {"conv1.weight": start(24, 1, 3, 3), "conv1.bias": constant(24, 0),
         "bn1.weight": constant(24, 1), "bn1.bias": constant(24, 0),
         "conv2.weight": start(48, 24, 3, 3), "conv2.bias": constant(48, 0),
         "fc.weight": start(10, 768), "fc.bias": constant(10, 0)}
    learned = list(p)
    p["bn1.running_mean"], p["bn1.running_var"] = constant(24, 0), constant(24, 1)
    m1, m2 = ({k: np.zeros_like(p[k]) for k in learned} for _ in range(2))
    step, steps = 0, EPOCHS * (len(x) // BATCH)
    for _ in range(EPOCHS):
        order = rng.permutation(len(x))
        for at in range(0, len(x) - BATCH + 1, BATCH):
            pick = order[at:at + BATCH]
            grads = gradients(p, shifted(x[pick], rng), y[pick], rng)
            step += 1
            rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
            for k in learned:  # AdamW
                m1[k] += 0.1 * (grads[k] - m1[k])
                m2[k] += 0.001 * (grads[k] ** 2 - m2[k])
                update = m1[k] / (1 - 0.9 ** step) / (np.sqrt(m2[k] / (1 - 0.999 ** step)) + 1e-8)
                if p[k].ndim > 1:
                    update = update + DECAY * p[k]
                p[k] -= (rate * update).astype(np.float32)
    return p


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    x, y, test_x, test_y = read_digits(sys.argv[1])
    p = train(x, y, seed=1)
    print(f"parameters {sum(v.size for v in p.values())}")
    print(f"accuracy   training {accuracy(p, x, y):.4f}   held out {accuracy(p, test_x, test_y):.4f}")
    save_file({k: np.ascontiguousarray(v, np.float32) for k, v in p.items()}, sys.argv[2],
              metadata={"smash.module_types": json.dumps(MODULE_TYPES, separators=(",", ":"))})


if __name__ == "__main__":
    main()
