#!/usr/bin/env python3
"""What ConfigSpace, on which Pruna's SmashConfig is built, takes for each hyperparameter of seed_algorithms.h, and what it makes of it.

    python3 config_space.py > config_space.h

Ran with Python 3.11.7, ConfigSpace 1.2.1 (which calls itself 1.2.0), NumPy 2.4.6. Values that are not finite have no JSON, and
floats are left out where ConfigSpace rounds them on its way through 0..1.
"""
import json

from ConfigSpace import CategoricalHyperparameter, Configuration, ConfigurationSpace, Constant, EqualsCondition, OrdinalHyperparameter
from ConfigSpace import UniformFloatHyperparameter, UniformIntegerHyperparameter


def choice(*values, default):
    return lambda name: CategoricalHyperparameter(name, choices=list(values), default_value=default)


def ordinal(*values, default):
    return lambda name: OrdinalHyperparameter(name, sequence=list(values), default_value=default)


def integer(low, high, default):
    return lambda name: UniformIntegerHyperparameter(name, low, high, default_value=default)


def number(low, high, default):
    return lambda name: UniformFloatHyperparameter(name, low, high, default_value=default)


def boolean(default):
    return lambda name: CategoricalHyperparameter(name, choices=[True, False], default_value=default)


def constant(value):
    return lambda name: Constant(name, value)


# One of each kind and each type of legal value; the second one of an equal kind would say the same.
KEYS = {
    ("pruner", "torch_structured"): {
        "type": choice("RandomImportance", "MagnitudeImportance", "LAMPImportance", "TaylorImportance", "HessianImportance", default="MagnitudeImportance"),
        "calibration_samples": integer(1, 256, 64), "global_pruning": boolean(False), "sparsity": number(0.0, 1.0, 0.1),
        "it_steps": integer(1, 10, 1)},
    ("quantizer", "hqq"): {
        "weight_bits": ordinal(2, 4, 8, default=8), "group_size": ordinal(8, 16, 32, 64, 128, default=64), "backend": constant("torchao_int4"),
        "compute_dtype": choice("torch.bfloat16", "torch.float16", default="torch.float16")},
    ("quantizer", "quanto"): {"weight_bits": ordinal("qint2", "qint4", "qint8", "qfloat8", default="qfloat8"), "calibrate": boolean(True), "calibration_samples": constant(64)},
    ("quantizer", "awq"): {"weight_bits": constant(4), "zero_point": constant(True)},
    ("quantizer", "llm_int8"): {"has_fp16_weight": constant(False), "threshold": constant(6.0)},
    ("cacher", "deepcache"): {"interval": ordinal(1, 2, 3, 4, 5, default=2)},
    ("compiler", "torch_compile"): {"dynamic": choice(None, True, False, default=None), "fullgraph": boolean(True), "mode": choice("default", "reduce-overhead", default="default")},
}
VALUES = ["null", "true", "false", "0", "1", "-1", "2", "4", "4.0", "4.5", "5", "6", "6.0", "8", "9", "10", "11", "16", "64", "64.0", "64.5", "128", "256", "257",
          "0.0", "1.0", "0.5", "-0.1", "1.5", "\"\"", "\"4\"", "\"64\"", "\"0.5\"", "\"True\"", "\"true\"", "\"None\"", "\"null\"", "\"default\"", "\"Default\"",
          "\"reduce-overhead\"", "\"torch.bfloat16\"", "\"bfloat16\"", "\"torchao_int4\"", "\"marlin\"", "\"qint4\"", "\"QINT4\"", "\"qint\"", "\"LAMPImportance\"", "[]", "[4]", "{}"]


def space():
    s = ConfigurationSpace()
    groups = {}
    for group, name in KEYS:
        groups.setdefault(group, []).append(name)
    for group, names in groups.items():
        s.add(CategoricalHyperparameter(group, choices=[None] + names, default_value=None))
    for (group, name), keys in KEYS.items():
        for key, make in keys.items():
            s.add(make(f"{name}_{key}"))
            s.add(EqualsCondition(s[f"{name}_{key}"], s[group], name))
    return s


def stored(s, group, name, key, text):
    """The value as JSON, or None if it is refused."""
    config = Configuration(s, values=dict(s.get_default_configuration()))
    config[group] = name
    try:
        config[key] = json.loads(text)
    except (ValueError, TypeError):
        return None
    got = config[key]
    return json.dumps(got.item() if hasattr(got, "item") else got)


def main():
    s = space()
    print("/* Made by config_space.py: what ConfigSpace 1.2.1 makes of values. */")
    print("static const struct { const char *group, *algorithm, *key; } golden_keys[] = {")
    keys = [(group, name, f"{name}_{key}") for (group, name), keys in KEYS.items() for key in keys]
    for row in keys:
        print("    { " + ", ".join(json.dumps(x) for x in row) + " },")
    print("};\nstatic const char *const golden_values[] = {")
    for text in VALUES:
        print(f"    {json.dumps(text)},")
    print("};\n/* Those it takes, each where it stands above. All others it refuses. */")
    print("static const struct { unsigned key, value; const char *stored; } golden_taken[] = {")
    for i, row in enumerate(keys):
        for k, text in enumerate(VALUES):
            got = stored(s, *row, text)
            if got is not None:
                print(f"    {{ {i}, {k}, {json.dumps(got)} }},   /* {row[2]} = {text} */")
    print("};")


if __name__ == "__main__":
    main()
