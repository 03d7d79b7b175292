#!/usr/bin/env python3
"""The digits network in integers once more, in numpy, from what `smash export --format raw` writes: every score of every image must be that
of examples/07_firmware.c, whose program says a digest of them all.

usage: digits_integers.py ./smash BUILD_FOLDER PROGRAM WORK_FOLDER        needs: numpy (PyPI)"""
import json
import os
import subprocess
import sys

import numpy as np

NUMPY = {"F32": "<f4", "I8": "|i1", "U8": "|u1", "I32": "<i4"}


def load(smash, model, path, flags):
    subprocess.run([smash, "export", model, "-o", path, "--quiet"] + flags, check=True)
    with open(path, "rb") as f:
        data = f.read()
    with open(path + ".json", encoding="utf-8") as f:
        tensors = json.load(f)["tensors"]
    def array(part):
        return np.frombuffer(data[part["offset"] : part["offset"] + part["bytes"]], NUMPY[part["dtype"]]).reshape(part["shape"]).astype(np.int64)
    return {t["name"]: ({k: array(t[k]) for k in ("data", "multiplier", "shift", "effective_bias") if t[k]}, t["layer"]) for t in tensors if t["data"]["dtype"] != "F32"}


def finish(sums, parts, layer):
    """What TensorFlow Lite Micro does to a sum: two roundings, the zero point, the clamp."""
    left, right = np.maximum(parts["shift"], 0), np.maximum(-parts["shift"], 0)
    high = ((sums << left) * parts["multiplier"] + (1 << 30)) >> 31
    mask = (1 << right) - 1
    y = (high >> right) + ((high & mask) > (mask >> 1) + (high < 0))
    out = layer["output"]
    return np.clip(y + out["zero_point"], out["low"], out["high"])


def conv(x, net, name):
    parts, layer = net[name + ".weight"]
    w, side = parts["data"], x.shape[1]
    x = np.pad(x - layer["input"]["zero_point"], ((0, 0), (1, 1), (1, 1), (0, 0)))
    sums = sum(x[:, dy : dy + side, dx : dx + side, :] @ w[:, dy, dx, :].T for dy in range(3) for dx in range(3)) + net[name + ".bias"][0]["data"]
    assert np.abs(sums).max() <= layer["accumulator_bound"] < 2**31
    return finish(sums, parts, layer)


def xxh64(data):
    prime = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
    whole = 2**64 - 1
    def turn(x, n):
        return (x << n | x >> (64 - n)) & whole
    def mix(lane, word):
        return turn((lane + word * prime[1]) & whole, 31) * prime[0] & whole
    lanes, at = [(prime[0] + prime[1]) & whole, prime[1], 0, -prime[0] & whole], 0
    while at + 32 <= len(data):
        for i in range(4):
            lanes[i] = mix(lanes[i], int.from_bytes(data[at : at + 8], "little"))
            at += 8
    h = sum(turn(lane, n) for lane, n in zip(lanes, (1, 7, 12, 18))) & whole
    for lane in lanes:
        h = ((h ^ mix(0, lane)) * prime[0] + prime[3]) & whole
    h = (h + len(data)) & whole
    while at + 8 <= len(data):
        h = (turn(h ^ mix(0, int.from_bytes(data[at : at + 8], "little")), 27) * prime[0] + prime[3]) & whole
        at += 8
    if at + 4 <= len(data):
        h = (turn(h ^ int.from_bytes(data[at : at + 4], "little") * prime[0] & whole, 23) * prime[1] + prime[2]) & whole
        at += 4
    for byte in data[at:]:
        h = turn(h ^ byte * prime[4] & whole, 11) * prime[0] & whole
    h = (h ^ h >> 33) * prime[1] & whole
    h = (h ^ h >> 29) * prime[2] & whole
    return h ^ h >> 32


def main():
    smash, build, program, folder = sys.argv[1:]
    net = load(smash, os.path.join(build, "int8.safetensors"), os.path.join(folder, "net.bin"), ["--layout", "ohwi", "--depthwise", "none", "--flatten", "fc=48"])
    test = load(smash, os.path.join(build, "images.safetensors"), os.path.join(folder, "test.bin"), [])
    images, labels = test["images"][0]["data"], test["labels"][0]["data"]
    x = conv(conv(images, net, "conv1"), net, "conv2")
    x = x.reshape(len(x), 4, 2, 4, 2, 48).max(axis=(2, 4)).reshape(len(x), -1)
    parts, layer = net["fc.weight"]
    scores = finish(x @ parts["data"].T + parts["effective_bias"], parts, layer)
    want = "%d images in integers: %d right" % (len(images), np.sum(scores.argmax(axis=1) == labels)), "digest of all scores %016x" % xxh64(scores.astype(np.int8).tobytes())
    said = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True).stdout
    print("\n".join(want))
    if not said.startswith(want[0] + ";") or want[1] not in said:
        sys.exit("FAILED: %s says\n%s" % (program, said))


main()
