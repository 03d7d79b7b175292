#!/usr/bin/env python3
"""Turn the recorded schedules of NNI v3's scheduled pruner into a C table: the share of the goal after each of so many times.

usage: config_list_schedule.py config_list.json > config_list_schedule.h     (written with Python 3.11)"""
import json
import sys

cases = [c for c in json.load(open(sys.argv[1]))["cases"] if c["kind"] == "schedule"]
most = max(c["total_times"] for c in cases)
print("/* Made by config_list_schedule.py from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */")
print("static const struct { size_t times; double linear[%d], agp[%d]; } golden_schedule[] = {" % (most, most))
for c in cases:
    assert len(c["linear"]) == len(c["agp"]) == c["total_times"]
    print("    { %d, { %s }, { %s } }," % (c["total_times"], ", ".join(repr(v) for v in c["linear"]), ", ".join(repr(v) for v in c["agp"])))
print("};")
