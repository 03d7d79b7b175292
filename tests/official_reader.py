#!/usr/bin/env python3
"""Opens files that `smash compress` wrote with the official safetensors package, decodes them with numpy from what README says
of the format, and compares the numbers with the float model: every kept weight within one step, every dropped one zero.

usage: official_reader.py ./smash MODEL WORK_FOLDER        needs: safetensors, numpy (PyPI)"""
import json
import os
import subprocess
import sys

import numpy as np
from safetensors import safe_open

CONFIGS = {
    "int8 rows": ["--quantizer", "ptq", "--set", "ptq_granularity=out_channel"],
    "uint8 affine": ["--quantizer", "ptq", "--set", "ptq_quant_dtype=uint8", "--set", "ptq_quant_scheme=affine"],
    "int4": ["--quantizer", "ptq", "--set", "ptq_quant_dtype=int4", "--set", "ptq_granularity=out_channel"],
    "uint2 affine": ["--quantizer", "ptq", "--set", "ptq_quant_dtype=uint2", "--set", "ptq_quant_scheme=affine"],
    "int12": ["--quantizer", "ptq", "--set", "ptq_quant_dtype=int12"],
    "level 60 %, int8": ["--pruner", "level", "--set", "level_sparse_ratio=0.6", "--quantizer", "ptq"],
    "l1_norm 50 %": ["--pruner", "l1_norm", "--set", "l1_norm_sparse_ratio=0.5"],
    "level 90 %, int8, packed": ["--pruner", "level", "--set", "level_sparse_ratio=0.9", "--quantizer", "ptq", "--set", "pack_sparse=true"],
    "l1_norm 75 %, packed": ["--pruner", "l1_norm", "--set", "l1_norm_sparse_ratio=0.75", "--set", "pack_sparse=true"],
}


def unpack(tensors):
    """Put the zeros back where X_bitmask says so."""
    for name in [n[: -len("_compressed")] for n in tensors if n.endswith("_compressed")]:
        values, shape = tensors[name + "_compressed"], tensors[name + "_shape"]
        bits = np.unpackbits(tensors[name + "_bitmask"], bitorder="little")
        assert not bits[int(np.prod(shape)):].any()
        full = np.zeros(int(np.prod(shape)), values.dtype)
        full[np.nonzero(bits)[0]] = values
        tensors[name] = full.reshape(shape)


def decode(tensors, name, dtype):
    """The numbers that `name` stands for, and the step of each."""
    scale = tensors[name + "_scale"]
    zero = tensors.get(name + "_zero_point", np.zeros_like(scale)).astype(np.float64)
    if name in tensors:
        q = tensors[name].astype(np.float64)
    else:
        shape = tensors[name + "_shape"]
        bits = 4 if int(dtype.lstrip("uint")) > 2 else 2
        packed = tensors[name + "_packed"]
        q = np.stack([packed >> (bits * i) & (2**bits - 1) for i in range(8 // bits)], axis=-1).reshape(-1)[: int(np.prod(shape))].astype(np.float64)
        if not dtype.startswith("u"):
            q = np.where(q >= 2 ** (bits - 1), q - 2**bits, q)
        q = q.reshape(shape)
    for axis in range(q.ndim):
        scale, zero = (np.repeat(t, q.shape[axis] // t.shape[axis], axis) for t in (scale, zero))
    return (q - zero) * scale, scale


def load(path):
    with safe_open(path, "np") as f:
        return {k: f.get_tensor(k) for k in f.keys()}, f.metadata() or {}


def main():
    smash, model, folder = sys.argv[1:]
    floats, _ = load(model)
    out, masks = os.path.join(folder, "reader.safetensors"), os.path.join(folder, "reader-masks.safetensors")
    failed = 0
    for label, flags in CONFIGS.items():
        subprocess.run([smash, "compress", model, "-o", out, "--masks", masks, "--quiet"] + flags, check=True)
        tensors, metadata = load(out)
        unpack(tensors)
        keep, _ = load(masks)
        dtypes = json.loads(metadata["smash.quant_dtypes"])
        worst, quantized = 0.0, 0
        for name, want in floats.items():
            if name in keep:
                want = want * keep[name]
            if name in dtypes:
                got, step = decode(tensors, name, dtypes[name])
                worst = max(worst, float(np.max(np.abs(got - want) / step)))
                quantized += 1
            elif not np.array_equal(tensors[name], want):
                worst = np.inf
        ok = worst <= (1.0 if "affine" in label else 0.5001) and quantized == (0 if label.startswith("l1") else 3)
        failed += not ok
        print("%-18s %s: %d tensors quantized, farthest number %.4f steps away" % (label, "ok" if ok else "FAILED", quantized, worst))
    sys.exit(failed != 0)


main()
