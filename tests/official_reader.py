#!/usr/bin/env python3
"""Opens files that `smash compress` wrote with the official safetensors package, decodes them with numpy from what README says
of the format, and compares the numbers with the float model: every kept weight within one step, every dropped one zero.
Then the same files as `smash export` writes them, .npz, .npy and raw bytes with their sidecars: every number, size and checksum.

usage: official_reader.py ./smash MODEL WORK_FOLDER        needs: safetensors, numpy (PyPI)"""
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib

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


PARTS = ("data", "scale", "zero_point", "multiplier", "shift", "kernel_sum", "effective_bias")
BITS = {"I4": np.int8, "U4": np.uint8, "I2": np.int8, "U2": np.uint8}
NUMPY = {"F32": "<f4", "I8": "|i1", "U8": "|u1", "I16": "<i2", "I32": "<i4"}


def raw_parts(path):
    """Arrays of a .bin, from its sidecar: {(tensor, part): array}; packed integers one a byte."""
    with open(path, "rb") as f:
        data = f.read()
    with open(path + ".json", encoding="utf-8") as f:
        sidecar = json.load(f)
    parts = {}
    assert sidecar["bytes"] == len(data)
    for tensor in sidecar["tensors"]:
        for kind in PARTS:
            part = tensor[kind]
            if part is None:
                continue
            piece, count = data[part["offset"] : part["offset"] + part["bytes"]], int(np.prod(part["shape"]))
            assert part["offset"] % 16 == 0 and len(piece) == part["bytes"] and "%08x" % zlib.crc32(piece) == part["crc32"]
            if part["dtype"] in BITS:
                bits = int(part["dtype"][1])
                flat = np.frombuffer(piece, np.uint8)
                q = np.stack([flat >> (bits * i) & (2**bits - 1) for i in range(8 // bits)], axis=-1).reshape(-1)[:count].astype(np.int16)
                if part["dtype"][0] == "I":
                    q = np.where(q >= 2 ** (bits - 1), q - 2**bits, q)
                array = q.astype(BITS[part["dtype"]])
            else:
                array = np.frombuffer(piece, NUMPY[part["dtype"]])
            parts[tensor["name"], kind] = array.reshape(part["shape"])
    return parts, sidecar


def npz_parts(path):
    with open(path + ".json", encoding="utf-8") as f:
        sidecar = json.load(f)
    parts, members = {}, set()
    with open(path, "rb") as f, zipfile.ZipFile(path) as z, np.load(path, allow_pickle=False) as arrays:
        assert z.testzip() is None
        for info in z.infolist():                                        # data can be mapped: each begins at a multiple of 64
            assert info.compress_type == zipfile.ZIP_STORED and info.date_time == (1980, 1, 1, 0, 0, 0)
            f.seek(info.header_offset + 26)
            start = info.header_offset + 30 + sum(struct.unpack("<HH", f.read(4)))
            f.seek(start)
            assert start % 64 == 0 and f.read(8) == b"\x93NUMPY\1\0" and (struct.unpack("<H", f.read(2))[0] + 10) % 64 == 0
        for tensor in sidecar["tensors"]:
            for kind in PARTS:
                part = tensor[kind]
                if part is None:
                    continue
                array = arrays[part["member"][: -len(".npy")]]
                assert array.dtype.str == part["descr"] and list(array.shape) == part["shape"] and array.nbytes == part["bytes"]
                assert "%08x" % zlib.crc32(array.tobytes()) == part["crc32"]
                parts[tensor["name"], kind] = array
                members.add(part["member"])
        assert members == set(z.namelist())
    return parts, sidecar


def folder_parts(path):
    with open(path + "export.json", encoding="utf-8") as f:
        sidecar = json.load(f)
    parts = {}
    for tensor in sidecar["tensors"]:
        for kind in PARTS:
            part = tensor[kind]
            if part is None:
                continue
            array = parts[tensor["name"], kind] = np.load(path + part["file"], mmap_mode="r", allow_pickle=False)
            assert array.dtype.str == part["descr"] and list(array.shape) == part["shape"] and "%08x" % zlib.crc32(array.tobytes()) == part["crc32"]
    assert set(os.listdir(path)) >= {t[k]["file"] for t in sidecar["tensors"] for k in PARTS if t[k]} | {"export.json"}
    return parts, sidecar


def exported(smash, model, tensors, dtypes, names, folder):
    """What differs between the model and its exports; [] if nothing does."""
    wrong = []
    for end, read in ((".npz", npz_parts), (".bin", raw_parts), ("-npy/", folder_parts)):
        for layout in ("oihw", "ohwi"):
            path = os.path.join(folder, "export" + end)
            subprocess.run([smash, "export", model, "-o", path, "--quiet", "--layout", layout] + (["--format", "npy"] if end == "-npy/" else []) + (["--depthwise", "none", "--flatten", "fc=48"] if layout == "ohwi" else []), check=True)
            parts, sidecar = read(path)
            if sorted(t["name"] for t in sidecar["tensors"]) != sorted(names):
                wrong.append("names in " + end)
            for name in names:
                got = parts[name, "data"]
                if (name, "scale") in parts:
                    scale = parts[name, "scale"]
                    zero = parts.get((name, "zero_point"), np.zeros(scale.shape, np.int32)).astype(np.float64)
                    sums, q = parts.get((name, "kernel_sum")), got.astype(np.float64)
                    if sums is not None and not np.array_equal(sums, got.astype(np.int64).sum(axis=1)):
                        wrong.append("kernel sums of " + name)
                    if (sums is not None) != (name == "fc.weight" and got.dtype == np.int8 and sidecar_dtype(sidecar, name) == "I8"):
                        wrong.append("kernel sums of " + name + " or none")
                    for axis in range(q.ndim):
                        scale, zero = (np.repeat(t, q.shape[axis] // t.shape[axis], axis) for t in (scale, zero))
                    got = (q - zero) * scale
                    want = decode(tensors, name, dtypes[name])[0]
                else:
                    want = tensors[name]
                if want.ndim == 4 and layout == "ohwi":
                    want = want.transpose(0, 2, 3, 1)
                if name == "fc.weight" and layout == "ohwi":
                    want = want.reshape(10, 48, 16).transpose(0, 2, 1).reshape(10, 768)
                if want.shape != got.shape or not np.array_equal(want, got):
                    wrong.append(name + " in " + end + ", " + layout)
    return wrong


def sidecar_dtype(sidecar, name):
    return next(t["dtype"] for t in sidecar["tensors"] if t["name"] == name)


def odd_dtypes(smash, folder):
    """Depthwise weights, and dtypes that NumPy has none of: their bits, and a note that says so. [] if all is well."""
    wrong, at, data = [], 0, bytes(range(64))
    kinds = {"a": ("BF16", "<u2", "bits of bfloat16"), "b": ("F8_E4M3", "|u1", "bits of 8-bit floats"), "c": ("F8_E5M2", "|u1", "bits of 8-bit floats"), "d": ("BOOL", "|b1", None)}
    header = {"__metadata__": {"smash.module_types": json.dumps({"dw": "Conv2d"})}, "dw.weight": {"dtype": "U8", "shape": [5, 1, 2, 3], "data_offsets": [0, 30]}}
    body = data[:30]
    for name, (dtype, _, _) in kinds.items():
        at = len(body)
        body += data[:12] if dtype != "BOOL" else bytes([0, 1] * 6)
        header[name] = {"dtype": dtype, "shape": [12 // (2 if dtype == "BF16" else 1)], "data_offsets": [at, at + 12]}
    text = json.dumps(header).encode()
    model, path = os.path.join(folder, "odd.safetensors"), os.path.join(folder, "odd.npz")
    with open(model, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + body)
    subprocess.run([smash, "export", model, "-o", path, "--quiet", "--layout", "ohwi", "--depthwise", "d*"], check=True)
    parts, sidecar = npz_parts(path)
    if not np.array_equal(parts["dw.weight", "data"], np.arange(30).reshape(5, 1, 2, 3).transpose(1, 2, 3, 0)):
        wrong.append("depthwise")
    for tensor in sidecar["tensors"]:
        if tensor["name"] not in kinds:
            continue
        dtype, descr, note = kinds[tensor["name"]]
        if (tensor["dtype"], tensor["data"]["descr"], tensor["data"].get("note")) != (dtype, descr, note):
            wrong.append(dtype)
        if parts[tensor["name"], "data"].tobytes() != (data[:12] if dtype != "BOOL" else bytes([0, 1] * 6)):
            wrong.append("bits of " + dtype)
    return wrong


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
        wrong = exported(smash, out, tensors, dtypes, list(floats), folder)
        failed += not ok or wrong != []
        print("%-18s %s: %d tensors quantized, farthest number %.4f steps away; exported: %s" % (label, "ok" if ok else "FAILED", quantized, worst, ", ".join(wrong) or "equal"))
    wrong = odd_dtypes(smash, folder)
    failed += wrong != []
    print("odd dtypes         %s" % (", ".join(wrong) or "ok"))
    sys.exit(failed != 0)


main()
