#!/usr/bin/env python3
"""Writes export.h: a model file whose layers have scales of inputs and outputs, written here byte by byte, and what `smash export` must
say of it, computed with fractions: multipliers and shifts as TFLite's QuantizeMultiplier gives them (Python's floats are the doubles
it uses), biases as exact quotients, sums, clamps, and the largest sum of any input.
    python3 tests/golden/export.py > tests/golden/export.h
"""
import json, math, random, struct
from fractions import Fraction

rng = random.Random(66)


def float_of(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bits_of(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def half_away(x):
    return math.floor(x + Fraction(1, 2)) if x >= 0 else -math.floor(-x + Fraction(1, 2))


def quantize_multiplier(d, single):
    q, s = math.frexp(d)
    f = half_away(Fraction(q) * 2**31)
    if f == 2**31:
        f, s = f // 2, s + 1
    if s < -31:
        return 0, 0
    return (2**31 - 1, 30) if single and s > 30 else (f, s)


def f32(x):
    return float_of(bits_of(x))


def scales(n, low=-10, high=-4):
    return [f32(2.0 ** rng.uniform(low, high)) for _ in range(n)]


def ints(n, low, high):
    return [rng.randint(low, high) for _ in range(n)]


# name, type, shape of the weight, its numbers, its scales, bias (floats, integers or None), input and output (dtype of the zero point, its
# value, bits, unsigned), fused activation
layers = [
    dict(name="fc", type="Linear", shape=[5, 7], q=ints(35, -127, 127), scales=scales(5), bias=[f32(x) for x in (0.75, -1.5, 0.0, 3.25e-3, -0.1)],
         input=("I8", -3, 8, 0), output=("I8", 17, 8, 0), fused="ReLU6", output_scale=f32(0.08)),
    dict(name="block.dw", type="Conv2d", shape=[6, 1, 3, 2], q=ints(36, -128, 127), scales=scales(1), bias=ints(6, -30000, 30000), input=("I8", 0, 8, 0), output=("I8", -128, 8, 0), fused="relu"),
    dict(name="conv", type="Conv2d", shape=[4, 2, 3, 2], q=ints(48, -127, 127), scales=scales(4), bias=[f32(rng.uniform(-1, 1)) for _ in range(4)],
         input=("I8", 127, 8, 0), output=("I8", -128, 8, 0), fused=None),
    dict(name="q4", type="Linear", shape=[3, 5], q=ints(15, -7, 7), scales=scales(3), bias=None, input=("U8", 200, 8, 1), output=("U8", 0, 8, 1), fused=None, packed=1),
    dict(name="wide", type="Conv1d", shape=[2, 3, 2], q=ints(12, -127, 127), scales=scales(2, -20, -18), bias=[f32(1000.5), f32(-3.0e4)], input=(None, 0, 16, 0), output=(None, 0, 16, 0),
         fused="hardtanh", output_scale=f32(2.0**-14)),
    dict(name="large", type="Linear", shape=[2, 3], q=[1, 2, -3, 4, 5, -6], scales=[f32(3.0e37), f32(1.0e-30)], bias=None, input=("I8", 0, 8, 0), output=("I8", 5, 8, 0), fused=None),
    dict(name="last", type="Linear", shape=[2, 2], q=[1, -2, 127, -127], scales=scales(1), bias=[f32(0.5), f32(-0.25)], input=("I8", 1, 8, 0), output=None, fused=None),
    dict(name="up", type="ConvTranspose1d", shape=[2, 2, 1], q=[1, -2, 3, -4], scales=scales(1), bias=None, input=("I8", 1, 8, 0), output=("I8", 2, 8, 0), fused=None, plain=1),
]

tensors, types, fused, dtypes = [], {}, {}, {}


def tensor(name, dtype, shape, values):
    code = {"F32": "f", "I8": "b", "U8": "B", "I32": "i", "I64": "q"}[dtype]
    tensors.append((name, dtype, shape, struct.pack("<%d%s" % (len(values), code), *values)))


def float_division_half_away(limit, scale):
    return half_away(Fraction(f32(limit / scale)))        # a quotient of two floats in double, rounded to float: once, as 53 bits are enough


for n, l in enumerate(layers):
    name, shape, out = l["name"], l["shape"], l["shape"][0]
    types[name] = l["type"]
    l["in_scale"] = scales(1)[0]
    if l.get("packed"):
        q = [x & 15 for x in l["q"]] + [0]
        tensor(name + ".weight_packed", "U8", [8], [q[i] | q[i + 1] << 4 for i in range(0, 16, 2)])
        tensor(name + ".weight_shape", "I64", [2], shape)
        dtypes[name + ".weight"] = "int4"
    else:
        tensor(name + ".weight", "I8", shape, l["q"])
    tensor(name + ".weight_scale", "F32", [len(l["scales"])] + [1] * (len(shape) - 1), l["scales"])
    if l["bias"] is not None:
        is_float = isinstance(l["bias"][0], float)
        tensor(name + ".bias", "F32" if is_float else "I32", [out], l["bias"])
        if not is_float:
            tensor(name + ".bias_scale", "F32", [1], [f32(l["in_scale"] * l["scales"][0])])
    for end in ("input", "output"):
        if l[end] is None:
            continue
        kind, zero, bits, unsigned = l[end]
        if end == "output":
            l["out_scale"] = l.get("output_scale", scales(1)[0])
        tensor("%s._%s_0_scale" % (name, end), "F32", [1], [l["in_scale"] if end == "input" else l["out_scale"]])
        if zero:
            tensor("%s._%s_0_zero_point" % (name, end), kind, [1], [zero])
        if not zero and (bits != 8 or unsigned):
            dtypes["%s._%s_0" % (name, end)] = "%sint%d" % ("u" if unsigned else "", bits)
    if l["fused"]:
        act = "act%d" % n if l["fused"] == "ReLU6" else "block.%s%d" % (l["fused"], n)
        fused[name] = ["bn%d" % n, act]
        if l["fused"] == "ReLU6":
            types[act] = "ReLU6"

    # what must come out
    if "plain" in l:
        continue
    per_row = len(l["q"]) // out
    kind, zero, bits, unsigned = l["input"]
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    rows = [l["q"][i * per_row : (i + 1) * per_row] for i in range(out)]
    bias = [0] * out
    if l["bias"] is not None:
        bias = [half_away(Fraction(b) / (Fraction(l["in_scale"]) * Fraction(l["scales"][i if len(l["scales"]) > 1 else 0]))) if isinstance(b, float) else b for i, b in enumerate(l["bias"])]
    bounds = [abs(b) + sum(max(abs(w * (low - zero)), abs(w * (high - zero))) for w in row) for b, row in zip(bias, rows)]
    l["bias_out"], l["bound"] = bias, max(bounds)
    l["sums"] = [sum(row) for row in rows]
    l["effective"] = [b - zero * s for b, s in zip(bias, l["sums"])]
    if l["output"] is None:
        continue
    n_scales = out if l["type"] != "Linear" else len(l["scales"])
    every = [l["scales"][i if len(l["scales"]) > 1 else 0] for i in range(n_scales)]
    l["requant"] = [[quantize_multiplier(l["in_scale"] * s / l["out_scale"], single) for s in every] for single in (0, 1)]
    kind, zero, bits, unsigned = l["output"]
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    ends = {"ReLU6": (0, 6), "relu": (0, None), "hardtanh": (-1, 1), None: (None, None)}[l["fused"]]
    if ends[0] is not None:
        low = max(low, zero + float_division_half_away(ends[0], l["out_scale"]))
    if ends[1] is not None:
        high = min(high, zero + float_division_half_away(ends[1], l["out_scale"]))
    l["clamp"] = (low, high)

header, body = {"__metadata__": {"smash.module_types": json.dumps(types), "smash.fused": json.dumps(fused), "smash.quant_dtypes": json.dumps(dtypes)}}, b""
width = {"F32": 4, "I8": 1, "U8": 1, "I32": 4, "I64": 8}
for name, dtype, shape, data in sorted(tensors, key=lambda t: -width[t[1]]):
    header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
    body += data
text = json.dumps(header, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
data = struct.pack("<Q", len(text)) + text + body


def numbers(values, n):
    return "{ " + ", ".join("%d" % v for v in list(values) + [0] * (n - len(values))) + " }"


print("/* Made by export.py; do not edit. */")
print("typedef struct export_case {")
print("    const char *name;")
print("    int out, multipliers;              /* output channels; 0: none are written */")
print("    int has_bias, wide_bias, is_linear_i8, input_zero, output_zero, low, high;")
print("    uint32_t input_scale, output_scale;")
print("    long long bound;")
print("    int multiplier[2][6], shift[2][6]; /* double rounding, single */")
print("    long long bias[6];")
print("    int kernel_sum[6], effective_bias[6];")
print("} export_case;\n")
print("static const export_case export_cases[] = {")
for l in layers:
    if "plain" in l:
        continue
    out, has_output = l["shape"][0], l["output"] is not None
    pairs = l["requant"] if has_output else [[], []]
    i8 = l["type"] == "Linear" and "packed" not in l
    print('    { "%s.weight", %d, %d, %d, %d, %d, %d, %d, %d, %d, 0x%08Xu, 0x%08Xu, %d,\n      { %s, %s }, { %s, %s },\n      %s, %s, %s },' % (
        l["name"], out, len(pairs[0]), l["bias"] is not None, l["input"][2] > 8, i8, l["input"][1], l["output"][1] if has_output else 0,
        l["clamp"][0] if has_output else 0, l["clamp"][1] if has_output else 0, bits_of(l["in_scale"]), bits_of(l["out_scale"]) if has_output else 0, l["bound"],
        numbers([p[0] for p in pairs[0]], 6), numbers([p[0] for p in pairs[1]], 6), numbers([p[1] for p in pairs[0]], 6), numbers([p[1] for p in pairs[1]], 6),
        numbers(l["bias_out"], 6), numbers(l["sums"], 6), numbers(l["effective"] if i8 else [], 6)))
print("};\n")
print("static const unsigned char export_model[%d] = {" % len(data))
for i in range(0, len(data), 32):
    print("    " + ", ".join("%d" % b for b in data[i : i + 32]) + ("," if i + 32 < len(data) else ""))
print("};")
