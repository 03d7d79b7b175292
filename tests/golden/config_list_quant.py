#!/usr/bin/env python3
"""Turn the recorded quantization cases of NNI v3 (torch 1.13, CPU, float32) into C tables.

usage: config_list_quant.py config_list.json > config_list_quant.h     (written with Python 3.11)

Scales are float32 bits, so that the comparison is exact."""
import json
import struct
import sys


def bits(x):
    return "0x%08Xu" % struct.unpack("<I", struct.pack("<f", x))[0]


def floats(values):
    return ", ".join(bits(v) for v in values)


def dtype(name):
    """is_unsigned, bits"""
    name = name or "int8"
    return int(name.startswith("uint")), int(name.removeprefix("u").removeprefix("int"))


def scheme(name):
    return "SMASH_AFFINE" if name == "affine" else "SMASH_SYMMETRIC"


cases = json.load(open(sys.argv[1]))["cases"]
print("/* Made by config_list_quant.py from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */")

print("static const struct { uint32_t lo, hi; uint32_t is_unsigned, bits; smash_scheme scheme; int32_t qmin, qmax; uint32_t scale; int32_t zero; } golden_qparams[] = {")
for c in cases:
    if c["kind"] == "qparams":
        print("    { %s, %s, %d, %d, %s, %d, %d, %s, %d }," % (bits(c["min"]), bits(c["max"]), *dtype(c["dtype"]), scheme(c["scheme"]), c["qmin"], c["qmax"],
                                                            bits(c["scale"]), int(c["zero_point"])))
print("};")

rows, n = [], 0
for c in cases:
    if c["kind"] == "fakequant":
        is_unsigned = int(c["qmin"] == 0)
        levels = c["qmax"] + 1 if is_unsigned else 2 * (c["qmax"] + 1)
        print("static const uint32_t golden_fakequant_x%d[] = { %s };" % (n, floats(c["x"])))
        print("static const uint32_t golden_fakequant_y%d[] = { %s };" % (n, floats(c["clamp_round"]["y"])))
        rows.append("    { %d, %d, %s, %d, %d, golden_fakequant_x%d, golden_fakequant_y%d }," %
                    (is_unsigned, levels.bit_length() - 1, bits(c["scale"]), int(c["zero_point"]), len(c["x"]), n, n))
        n += 1
print("static const struct { uint32_t is_unsigned, bits, scale; int32_t zero; size_t count; const uint32_t *x, *y; } golden_fakequant[] = {")
print("\n".join(rows))
print("};")

rows, n = [], 0
for c in cases:
    if c["kind"] == "ptq_linear" and "calib" in c and "weight" in c["calib"]:
        w, t = c["w"], c["calib"]["weight"]
        grain = c["config"].get("granularity", [])
        if not isinstance(grain, list):
            grain = {"out_channel": [1, -1], "in_channel": [-1, 1]}[grain]
        print("static const uint32_t golden_ptq_w%d[] = { %s };" % (n, floats(w["data"])))
        print("static const uint32_t golden_ptq_scale%d[] = { %s };" % (n, floats(t["scale"]["data"])))
        print("static const int32_t golden_ptq_zero%d[] = { %s };" % (n, ", ".join(str(int(z)) for z in t["zero_point"]["data"])))
        rows.append("    { { %d, %d }, %d, %d, %s, %d, { %s }, %d, golden_ptq_w%d, golden_ptq_scale%d, golden_ptq_zero%d }," %
                    (*w["shape"], *dtype(t["quant_dtype"]), scheme(t["quant_scheme"]), len(grain), ", ".join(map(str, grain or [0])),
                     len(t["scale"]["data"]), n, n, n))
        n += 1
print("static const struct { size_t shape[2]; uint32_t is_unsigned, bits; smash_scheme scheme; uint32_t grain_count; int32_t grain[2]; size_t blocks; "
      "const uint32_t *w, *scale; const int32_t *zero; } golden_ptq[] = {")
print("\n".join(rows))
print("};")
