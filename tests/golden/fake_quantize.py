#!/usr/bin/env python3
"""Turn the recorded fake quantization of NNI v3 (torch 1.13, CPU, float32), forward and backward, into C tables.

usage: fake_quantize.py config_list.json > fake_quantize.h     (written with Python 3.11)"""
import json
import struct
import sys


def bits(x):
    return "0x%08Xu" % struct.unpack("<I", struct.pack("<f", x))[0]


print("/* Made by fake_quantize.py from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */")
rows = []
for c in json.load(open(sys.argv[1]))["cases"]:
    if c["kind"] != "fakequant":
        continue
    assert c["clamp_round"]["y"] == c["qat"]["y"]
    n, is_unsigned = len(rows), int(c["qmin"] == 0)
    levels = c["qmax"] + 1 if is_unsigned else 2 * (c["qmax"] + 1)
    parts = {"x": c["x"], "y": c["qat"]["y"], "gy": c["gy"], "gx_pass": c["clamp_round"]["gx"], "gx_clamped": c["qat"]["gx"]}
    for name, values in parts.items():
        print("static const uint32_t golden_fake_%s%d[] = { %s };" % (name, n, ", ".join(map(bits, values))))
    rows.append("    { %d, %d, %s, %d, %d, %s }," % (is_unsigned, levels.bit_length() - 1, bits(c["scale"]), int(c["zero_point"]), len(c["x"]),
                                                     ", ".join("golden_fake_%s%d" % (name, n) for name in parts)))
print("static const struct { uint32_t is_unsigned, bits, scale; int32_t zero; size_t count; const uint32_t *x, *y, *gy, *gx_pass, *gx_clamped; } golden_fake[] = {")
print("\n".join(rows))
print("};")
