#!/usr/bin/env python3
"""Turn the recorded distillation losses of NNI v3 (torch 1.13, CPU, float32) into a C table.

usage: config_list_distill.py config_list.json > config_list_distill.h     (written with Python 3.11)

Numbers are float32 bits; mse and kl are the recorded float32 losses as doubles. The first row is not in the file: it was noted from the same run."""
import json
import struct
import sys


def bits(x):
    return "0x%08Xu" % struct.unpack("<I", struct.pack("<f", x))[0]


def floats(values):
    return "{ " + ", ".join(bits(v) for v in values) + " }"


noted = {"stu": {"shape": [2, 3], "data": [-.609375, 2.078125, -1.546875, 1.140625, -2.484375, .203125]},
         "tea": {"shape": [2, 3], "data": [2.140625, -.984375, 2.203125, -.921875, 2.265625, -.859375]}, "mse": 9.82487011, "kl": 3.95235109}
cases = [noted] + [c for c in json.load(open(sys.argv[1]))["cases"] if c["kind"] == "distill"]
print("/* Made by config_list_distill.py from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */")
print("static const struct { size_t shape[2]; uint32_t student[6], teacher[6]; double mse, kl; } golden_distill[] = {")
for c in cases:
    assert c["stu"]["shape"] == c["tea"]["shape"] == [2, 3]
    print("    { { 2, 3 }, %s,\n      %s, %r, %r }," % (floats(c["stu"]["data"]), floats(c["tea"]["data"]), c["mse"], c["kl"]))
print("};")
