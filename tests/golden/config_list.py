#!/usr/bin/env python3
"""Turn recorded NNI v3 results (torch 1.13, CPU, float32) for metrics and granularity scaling into a C table.

    python3 config_list.py config_list.json > config_list_mask.h

Ran with Python 3.11.7, standard library only.
"""
import json
import sys

MAX_DIMS = 8


def floats(values):
    return ", ".join(float(v).hex() for v in values)


def ints(values, count):
    return ", ".join(str(v) for v in list(values) + [0] * (count - len(values)))


def main():
    recorded = json.load(open(sys.argv[1], encoding="utf-8"))
    model, cases = recorded["prune_model"], recorded["cases"]
    print("/* Made by config_list.py: metrics and scaling observed by running NNI v3 (torch 1.13, CPU, float32). */")
    metric_rows, scaling_rows = [], []
    for i, case in enumerate(c for c in cases if c["kind"] == "metric"):
        assert case["granularity"] == "out_channel"
        w = model[case["module"]]["weight"]
        blocks = len(case["l1"]["data"])
        print(f"static const float golden_weight_{i}[] = {{ {floats(w['data'])} }};")
        for kind in ("l1", "l2", "fpgm"):
            print(f"static const double golden_{kind}_{i}[] = {{ {floats(case[kind]['data'])} }};")
        metric_rows.append(f"    {{ \"{case['module']}\", {len(w['shape'])}, {{ {ints(w['shape'], MAX_DIMS)} }}, golden_weight_{i}, {blocks}, "
                           f"{{ golden_l1_{i}, golden_l2_{i}, golden_fpgm_{i} }} }},")
    for i, case in enumerate(c for c in cases if c["kind"] == "scaling"):
        shrunk, full = case["shrunk_keepdim"], case["expanded"]
        print(f"static const double golden_shrunk_{i}[] = {{ {floats(shrunk['data'])} }};")
        print(f"static const double golden_expanded_{i}[] = {{ {floats(full['data'])} }};")
        back = case["mode"] == "back"
        pad = case["pad"] or (-1 if back else 1)         # what the recorded scaler takes for a missing pad value
        scaling_rows.append(f"    {{ {len(case['kernel'])}, {{ {ints(case['kernel'], MAX_DIMS)} }}, {int(back)}, {pad}, "
                            f"{len(case['input'])}, {{ {ints(case['input'], MAX_DIMS)} }}, {{ {ints(shrunk['shape'], MAX_DIMS)} }}, "
                            f"golden_shrunk_{i}, golden_expanded_{i} }},")
    print("static const struct { const char *module; uint32_t ndim; size_t shape[8]; const float *weight; size_t blocks; const double *metric[3]; } golden_metrics[] = {")
    print("\n".join(metric_rows))
    print("};")
    print("/* input is 0, 1, 2, ... in row-major order; shrunk is the mean of each block, expanded the mean put back over its block */")
    print("static const struct { uint32_t block_count; int32_t block[8]; uint32_t pad_back; int32_t pad_value; uint32_t ndim; size_t shape[8], grid[8];")
    print("                      const double *shrunk, *expanded; } golden_scalings[] = {")
    print("\n".join(scaling_rows))
    print("};")


main()
