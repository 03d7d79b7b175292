#!/usr/bin/env python3
"""Turn the recorded pruning cases of NNI v3 (torch 1.13, CPU, float32) into a C table.

usage: config_list_prune.py config_list.json > config_list_prune.h

The JSON file holds what NNI did: a model of ten modules, config lists, and per target the masked indices, or
the error it raised. Where we differ on purpose the row says why, and holds what we do instead."""
import json
import sys

ALGORITHMS = {"LevelPruner": "level", "L1NormPruner": "l1_norm", "L2NormPruner": "l2_norm", "FPGMPruner": "fpgm"}
GROUP_KEYS = ("global_group_id", "dependency_group_id")


def deviation(case):
    """(why, what) we do instead of what was recorded; what: 'error' or a dict of replaced masks."""
    entry = case["config"][0]
    if any(key in e for e in case["config"] for key in GROUP_KEYS) and "error" not in case:
        return "groups come in a later version: refused", "error"
    if entry.get("sparse_ratio", 0) > 1:
        return "documented range is 0..1: refused; NNI clamps to 1", "error"
    if entry.get("op_names") == ["bn"] and "masks" in case and "target_names" not in entry:
        weight = case["masks"]["bn"]["weight"]["zeros"]
        return "a BatchNorm bias follows its weight; NNI reduces over everything (BUG-13)", {("bn", "bias"): weight}
    return None, None


def numbers(values):
    text, line = [], "   "
    for v in values:
        item = " " + v + ","
        if len(line) + len(item) > 140:
            text.append(line)
            line = "   "
        line += item
    return "\n".join(text + [line])


def main():
    data = json.load(open(sys.argv[1]))
    out = ["/* Made by config_list_prune.py from recordings of NNI v3 (torch 1.13, CPU, float32). Do not edit. */"]
    params = []
    for name, module in data["prune_model"].items():
        for target in ("weight", "bias"):
            t = module.get(target)
            if not t:
                continue
            out.append("static const float golden_%s_%s[] = {\n%s\n};" % (name, target, numbers("%.9gf" % v if "." in "%.9g" % v or "e" in "%.9g" % v else "%.1ff" % v for v in t["data"])))
            shape = t["shape"] + [0] * (4 - len(t["shape"]))
            params.append('    { "%s", "%s", "%s", golden_%s_%s, %d, { %s } },' % (name, target, module["type"], name, target, len(t["shape"]), ", ".join(map(str, shape))))
    out.append("static const golden_param golden_params[] = {\n%s\n};" % "\n".join(params))
    cases = [c for c in data["cases"] if c["kind"] == "prune"]
    zeros, masks, rows = [], [], []
    for case in cases:
        why, what = deviation(case)
        error = "error" in case or what == "error"
        first = len(masks)
        if not error:
            for module, targets in case["masks"].items():
                for target, mask in targets.items():
                    if not mask:
                        continue
                    indices = mask["zeros"]
                    if isinstance(what, dict) and (module, target) in what:
                        indices = what[(module, target)]
                    masks.append('    { "%s.%s", %d, %d },' % (module, target, len(zeros), len(indices)))
                    zeros += [str(i) for i in indices]
        rows.append("    { %s, %s, %d, %d, %d, %s }," % (json.dumps(ALGORITHMS[case["algo"]]), json.dumps(json.dumps(case["config"])), error, first, len(masks) - first,
                                                        json.dumps(why) if why else "NULL"))
    out.append("static const unsigned short golden_zeros[] = {\n%s\n};" % numbers(zeros))
    out.append("static const golden_mask golden_masks[] = {\n%s\n};" % "\n".join(masks))
    out.append("static const golden_case golden_cases[] = {\n%s\n};" % "\n".join(rows))
    print("\n".join(out))


main()
