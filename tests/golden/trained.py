#!/usr/bin/env python3
"""Scores that are trained: sigmoid and its slope, penalties with their gradients, and steps of Adam, from the formulas, at 200 bits.

usage: trained.py > trained.h     (made with Python 3.11 and mpmath 1.3.0 at 200 bits)

Inputs are doubles, so exact; answers are the nearest doubles. Adam is what torch.optim.Adam computes without amsgrad and weight decay:
    m = m + (1 - beta1) (g - m)      v = beta2 v + (1 - beta2) g^2
    s = s - rate / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + epsilon)
with 1 - beta taken of the double beta, which is how Python passes it on."""
import random
import mpmath
from mpmath import mpf

mpmath.mp.prec = 200
random.seed(11)


def row(*numbers):
    print("    { " + ", ".join(repr(float(x)) if not isinstance(x, int) else "%du" % x for x in numbers) + " },")


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-mpf(x)))


print("/* Made by trained.py with mpmath 1.3.0 at 200 bits. Do not edit. */")

print("static const struct { double x, sigmoid, slope; } golden_sigmoid[] = {")
xs = [0.0, 5e-324, -5e-324, 1e-17, 1.0, -1.0, 36.7, -36.7, 38.0, -38.0, 700.0, -700.0, -708.0, 708.0]
for x in xs + [random.uniform(-6, 6) for _ in range(60)] + [random.uniform(-600, 600) for _ in range(30)]:
    y = sigmoid(x)
    row(x, y, y * sigmoid(-mpf(x)))
print("};")

print("/* kind, scale, targets, then 7 numbers of a state, the penalty, and 7 of its gradient */")
print("static const struct { uint32_t kind; double scale; uint32_t targets; double state[7], loss, gradient[7]; } golden_penalty[] = {")
for i in range(24):
    kind, scale, targets = i % 2, random.choice([0.0, 1e-4, 0.3, 2.0]) if i else 1.0, random.randint(1, 9)
    state = [random.choice([0.0, random.gauss(0, 1), random.gauss(0, 20)]) for _ in range(7)]
    share = mpf(scale) / targets
    if kind == 0:
        loss = share * sum(abs(mpf(x)) for x in state)
        gradient = [share * ((x > 0) - (x < 0)) for x in state]
    else:
        loss = share * sum(sigmoid(x) for x in state) / 7
        gradient = [share * sigmoid(x) * sigmoid(-x) / 7 for x in state]
    print("    { %du, %r, %du, { %s }, %r, { %s } }," % (kind, scale, targets, ", ".join(map(repr, state)), float(loss), ", ".join(repr(float(g)) for g in gradient)))
print("};")


def adam(rate, beta1, beta2, epsilon, step, g, m, v, s):
    m = m + (1 - mpf(beta1)) * (g - m)
    v = mpf(beta2) * v + (1 - mpf(beta2)) * g * g
    s = s - mpf(rate) / (1 - mpf(beta1) ** step) * m / (mpmath.sqrt(v) / mpmath.sqrt(1 - mpf(beta2) ** step) + mpf(epsilon))
    return m, v, s


DEFAULT = (0.01, 0.9, 0.999, 1e-8)
print("/* One step from any place */")
print("static const struct { double rate, beta1, beta2, epsilon; uint32_t step; double gradient, mean, squares, state, mean_then, squares_then, state_then; } golden_adam[] = {")
for i in range(90):
    options = DEFAULT if i % 3 else (random.uniform(1e-4, 1), random.uniform(0.05, 0.99), random.uniform(0.1, 0.99999), 10.0 ** -random.randint(3, 12))
    step = [1, 2, 3, 7, 10, 100, 1000, 4321, 1000000, 4294967295][i % 10]
    size = 10.0 ** random.randint(-6, 3)
    g = random.choice([0.0, random.gauss(0, 1) * size, random.gauss(0, 1) * size, random.gauss(0, 1) * size])
    m, v, s = (0.0, 0.0, 0.0) if step == 1 else (random.gauss(0, 1) * size, random.random() * size * size, random.gauss(0, 1))
    row(*options, step, g, m, v, s, *adam(*options, step, mpf(g), mpf(m), mpf(v), mpf(s)))
print("};")

print("/* A walk: gradients, and where mean, squares and state are behind each, all 0 at first, with the defaults */")
print("static const struct { double gradient, mean, squares, state; } golden_adam_walk[] = {")
m = v = s = mpf(0)
for t in range(1, 61):
    g = random.gauss(0.3, 1) * (1 if t % 7 else 1e-3)
    m, v, s = adam(*DEFAULT, t, mpf(g), m, v, s)
    row(g, m, v, s)
print("};")
