#!/usr/bin/env python3
"""Turn the recorded cases of trained quantizers and folding of NNI v3 (torch 1.13, CPU, float32) into C tables.

usage: config_list_train.py config_list.json > config_list_train.h     (written with Python 3.11)

Numbers are float32 bits. Of ptq_linear, cases that NNI refuses are left out: a granularity "per_channel" for weights is an
axis here. Inputs and outputs have kind 0 if they stay float."""
import json
import struct
import sys


def bits(x):
    return "0x%08Xu" % struct.unpack("<I", struct.pack("<f", x))[0]


def floats(values):
    return "{ " + ", ".join(bits(v) for v in values) + " }"


def width(qmin, qmax):
    """is_unsigned, bits"""
    return int(qmin == 0), (qmax + 1).bit_length() - int(qmin == 0)


cases = json.load(open(sys.argv[1]))["cases"]
print("/* Made by config_list_train.py from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */")

lsq = [c for c in cases if c["kind"] in ("lsq", "lsqplus")]
print("static const struct { uint32_t plus, is_unsigned, bits, scale, zero; uint32_t x[%d], gy[%d], y[%d], gx[%d], gscale, gzero; } golden_lsq[] = {" % ((len(lsq[0]["x"]),) * 4))
for c in lsq:
    plus = c["kind"] == "lsqplus"
    print("    { %d, %d, %d, %s, %s,\n      %s,\n      %s,\n      %s,\n      %s, %s, %s }," %
          (plus, *width(c["qmin"], c["qmax"]), bits(c["scale"]), bits(c.get("zero_point", 0)), floats(c["x"]), floats(c["gy"]), floats(c["y"]), floats(c["gx"]),
           bits(c["gparams"][0][0]), bits(c["gparams"][1][0] if plus else 0)))
print("};")

print("static const struct { uint32_t is_unsigned, bits, outputs; uint32_t x[%d], gy[%d], y[%d], gx[%d]; } golden_dorefa[] = {" % ((len(lsq[0]["x"]),) * 4))
for c in cases:
    if c["kind"] == "dorefa":
        for outputs, name in enumerate(("weight", "output")):
            print("    { %d, %d, %d,\n      %s,\n      %s,\n      %s,\n      %s }," %
                  (*width(c["qmin"], c["qmax"]), outputs, floats(c["x"]), floats(c["gy"]), floats(c[name]["y"]), floats(c[name]["gx"])))
print("};")

print("static const struct { uint32_t x[%d], gy[%d], y[%d], gx[%d]; } golden_bnn[] = {" % ((len(lsq[0]["x"]),) * 4))
for c in cases:
    if c["kind"] == "bnn":
        assert c["target"] == "output"
        print("    { %s,\n      %s,\n      %s,\n      %s }," % (floats(c["x"]), floats(c["gy"]), floats(c["y"]), floats(c["gx"])))
print("};")


def target(calib, name):
    """kind (0 float, 1 quantized), is_unsigned, bits, affine, range, scales, zero points"""
    if name not in calib:
        return "{ 0, 0, 8, 0, { 0 }, { 0 }, 0, { 0 }, { 0 } }"
    t = calib[name]
    n = len(t["scale"]["data"])
    return "{ 1, %d, %d, %d, %s, %s, %d, %s, { %s } }" % (
        t["quant_dtype"].startswith("uint"), t["quant_bits"], t["quant_scheme"] == "affine", floats(t["tracked_min"]["data"]), floats(t["tracked_max"]["data"]), n,
        floats(t["scale"]["data"]), ", ".join(str(int(z)) for z in t["zero_point"]["data"]))


print("typedef struct { uint32_t quantized, is_unsigned, bits, affine; uint32_t lo[6], hi[6]; size_t count; uint32_t scale[6]; int32_t zero[6]; } golden_target;")
print("static const struct { uint32_t w[12], b[3], x[3][8]; int32_t grain[2]; golden_target input, weight, output; uint32_t y[6]; } golden_linear[] = {")
for c in cases:
    if c["kind"] == "ptq_linear" and "calib" in c:
        grain = c["config"].get("granularity", [-1, -1])
        print("    { %s,\n      %s, { %s },\n      { %d, %d }, %s, %s, %s,\n      %s }," % (
            floats(c["w"]["data"]), floats(c["b"]["data"]), ", ".join(floats(x["data"]) for x in c["xs"]), *grain, target(c["calib"], "_input_0"),
            target(c["calib"], "weight"), target(c["calib"], "_output_0"), floats(c["y"])))
print("};")

print("static const struct { double epsilon; uint32_t w[12], b[3], gamma[3], beta[3], mean[3], variance[3], folded_w[12], folded_b[3]; } golden_fold[] = {")
for c in cases:
    if c["kind"] == "bn_fold":
        print("    { %r,\n      %s }," % (c["eps"], ",\n      ".join(floats(v) for v in (c["w"]["data"], c["b"]["data"], c["gamma"], c["beta"], c["mean"], c["var"],
                                                                                  c["fused_w"]["data"], c["fused_b"]))))
print("};")
