#!/usr/bin/env python3
"""Turn the recorded pruning cases of NNI v3 (torch 1.13, CPU, float32) into a C table.

usage: config_list_prune.py config_list.json > config_list_prune.h

The JSON file holds what NNI did: a model of ten modules, config lists, and per target the masked indices, or
the error it raised. Where we differ on purpose the row says why, and holds what we do instead."""
import json
import sys

ALGORITHMS = {"LevelPruner": "level", "L1NormPruner": "l1_norm", "L2NormPruner": "l2_norm", "FPGMPruner": "fpgm"}


def blocks_of(model, entry, algorithm):
    """Scores of the weight of an entry's module, and the indices of each block, as the documentation has them."""
    t = model[entry["op_names"][0]]["weight"]
    rows = t["shape"][0]
    width = len(t["data"]) // rows
    if algorithm == "level":
        return [abs(v) for v in t["data"]], [[i] for i in range(len(t["data"]))]
    return [sum(abs(v) for v in t["data"][r * width:(r + 1) * width]) for r in range(rows)], [list(range(r * width, (r + 1) * width)) for r in range(rows)]


def with_biases(model, masks):
    """A bias goes where all of its row is gone."""
    out = {}
    for name, zeros in masks.items():
        out[(name, "weight")] = sorted(zeros)
        t = model[name]["weight"]
        width = len(t["data"]) // t["shape"][0]
        if model[name].get("bias"):
            out[(name, "bias")] = [r for r in range(t["shape"][0]) if all(r * width + k in zeros for k in range(width))]
    return out


def global_masks(model, config, algorithm):
    """The smallest blocks of all go while the budget lasts, but none of a target at its maximum."""
    parts = [(e, *blocks_of(model, e, algorithm)) for e in config]
    budget = int(sum(len(i) for _, _, blocks in parts for i in blocks) * config[0]["sparse_ratio"])
    order = sorted((score, m, b) for m, (_, scores, _) in enumerate(parts) for b, score in enumerate(scores))
    gone = [[] for _ in parts]
    for _, m, b in order:
        entry, scores, blocks = parts[m]
        if len(gone[m]) >= int(len(scores) * entry.get("max_sparse_ratio", 1)):
            continue
        if len(blocks[b]) > budget:
            break
        budget -= len(blocks[b])
        gone[m].append(b)
    return with_biases(model, {e["op_names"][0]: {i for b in g for i in blocks[b]} for (e, _, blocks), g in zip(parts, gone)})


def shared_masks(model, config, algorithm):
    """The blocks of smallest mean score go in all of them, whatever the ranks of the tensors."""
    parts = [(e, *blocks_of(model, e, algorithm)) for e in config]
    n = len(parts[0][1])
    mean = sorted((sum(scores[b] for _, scores, _ in parts) / len(parts), b) for b in range(n))
    gone = [b for _, b in mean[:int(n * config[0]["sparse_ratio"])]]
    return with_biases(model, {e["op_names"][0]: {i for b in gone for i in blocks[b]} for e, _, blocks in parts})


def deviation(case, model):
    """(why, what) we do instead of what was recorded; what: 'error' or a dict of masks."""
    entry, config, algorithm = case["config"][0], case["config"], ALGORITHMS[case["algo"]]
    if "max_sparse_ratio" in entry and "global_group_id" in entry:
        return "the maximum of a target holds in its global group; NNI ignores it (BUG-10)", global_masks(model, config, algorithm)
    if "error" in case and all("dependency_group_id" in e for e in config) and len({model[e["op_names"][0]]["weight"]["shape"][0] for e in config}) == 1:
        return "a dependency group spans ranks; NNI refuses (LIM-2)", shared_masks(model, config, algorithm)
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
        why, what = deviation(case, data["prune_model"])
        error = what == "error" or ("error" in case and not what)
        first = len(masks)
        if not error:
            recorded = case.get("masks") or {}
            if isinstance(what, dict):
                for module, target in what:
                    recorded.setdefault(module, {}).setdefault(target, {"zeros": []})
            for module, targets in recorded.items():
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
