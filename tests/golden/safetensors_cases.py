#!/usr/bin/env python3
"""Makes safetensors_cases.h: hand-made files with the verdict of the reference reader, and files by the reference writer.

Ran with Python 3.11.7, safetensors 0.8.0.
  python3 tests/golden/safetensors_cases.py > tests/golden/safetensors_cases.h

"accepted" is what safetensors.deserialize says. "stricter" marks, by hand, what smash refuses although the reference
takes it, with the reason. "code" is the diagnostic that smash must give.
"""
import ctypes
import json
import struct

import safetensors
from safetensors import TensorSpec

MADE = []   # name, file, code, stricter


def raw(name, data, code="", stricter=0):
    MADE.append((name, data, code, stricter))


def st(name, header, data=0, code="", stricter=0, length=None):
    if isinstance(header, str):
        header = header.encode()
    raw(name, struct.pack("<Q", len(header) if length is None else length) + header + bytes(i & 255 for i in range(data)), code, stricter)


def entry(dtype="F32", shape="[1]", offsets="[0,4]"):
    return '{"dtype":"%s","shape":%s,"data_offsets":%s}' % (dtype, shape, offsets)


def one(name, code="", stricter=0, data=4, **kw):
    st(name, '{"a":%s}' % entry(**kw), data, code, stricter)


# ---- length ----
L = "st_header_length"
raw("no byte", b"", L)
raw("seven bytes", b"\0" * 7, L)
raw("length zero, no header", b"\0" * 8, "json_syntax")
st("length one too many", "{}", 0, L, length=3)
st("length huge", "{}", 0, L, length=2**64 - 1)
st("length 2^63", "{}", 0, L, length=2**63)
st("length 2^32", "{}", 0, L, length=2**32)
st("length that wraps with 8", "{}", 0, L, length=2**64 - 8)
st("length one too few", "{}", 0, "json_syntax", length=1)
st("length less, header runs into data", '{"a":%s}' % entry(), 4, "json_syntax", length=20)

# ---- JSON ----
J = "json_syntax"
st("empty map", "{}")
st("empty map, padded", "{}      ")
st("leading spaces", '   {"a":%s}' % entry(), 4)
st("leading and inner white space", ' \n\t\r{ "a" :\n{"dtype" : "F32" , "shape" : [ 1 ] , "data_offsets" : [ 0 , 4 ] } } \n', 4)
st("byte order mark", "\ufeff{}", 0, J)
st("zero byte padding", b"{}\0\0\0\0\0\0", 0, J)
st("zero byte in front", b"\0{}", 0, J)
st("garbage behind the object", "{}x", 0, J)
st("two objects", "{}{}", 0, J)
st("a list", "[]", 0, "st_header_json")
st("null", "null", 0, "st_header_json")
st("a number", "3", 0, "st_header_json")
st("a string", '"a"', 0, "st_header_json")
st("only spaces", "        ", 0, J)
st("cut off", '{"a":{"dtype":"F32","shape":[1],', 4, J)
st("trailing comma", '{"a":%s,}' % entry(), 4, J)
st("single quotes", "{'a':%s}" % entry(), 4, J)
st("comment", "{/**/}", 0, J)
st("not UTF-8 in a name", b'{"\xff":%s}' % entry().encode(), 4, J)
st("overlong UTF-8", b'{"\xc0\xaf":%s}' % entry().encode(), 4, J)
st("UTF-8 surrogate", b'{"\xed\xa0\x80":%s}' % entry().encode(), 4, J)
st("lone surrogate escape", '{"\\ud800":%s}' % entry(), 4, J)
st("control character in a name", b'{"a\nb":%s}' % entry().encode(), 4, J)
st("bad escape", '{"\\x41":%s}' % entry(), 4, J)
st("UTF-16", "{}".encode("utf-16-le"), 0, J)
st("nested deep", '{"a":' + "[" * 200 + "]" * 200 + "}", 0, "json_limit")
st("nested deep objects", '{"a":' * 100 + "1" + "}" * 100, 0, "json_limit")

# ---- entries ----
E = "st_entry"
K = "st_key"
one("one tensor")
st("entry is a number", '{"a":1}', 0, E)
st("entry is null", '{"a":null}', 0, E)
st("entry is a string", '{"a":"F32"}', 0, E)
st("entry is a list in field order", '{"a":["F32",[1],[0,4]]}', 4, E, 1)
st("entry is an empty list", '{"a":[]}', 0, E)
st("entry is empty", '{"a":{}}', 0, K)
st("no dtype", '{"a":{"shape":[1],"data_offsets":[0,4]}}', 4, K)
st("no shape", '{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4, K)
st("no data_offsets", '{"a":{"dtype":"F32","shape":[1]}}', 4, K)
st("unknown key", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', 4, K, 1)
st("unknown key for one missing", '{"a":{"dtype":"F32","shape":[1],"offsets":[0,4]}}', 4, K)
st("keys in another order", '{"a":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"}}', 4)
st("escaped key", '{"a":{"\\u0064type":"F32","shape":[1],"data_offsets":[0,4]}}', 4)
D = "json_duplicate_key"
st("dtype twice", '{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4, D)
st("shape twice", '{"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}}', 4, D)
st("data_offsets twice", '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"data_offsets":[0,4]}}', 4, D)
st("tensor twice, the same", '{"a":%s,"a":%s}' % (entry(), entry()), 4, D, 1)
st("tensor twice, different", '{"a":%s,"a":%s}' % (entry(), entry(offsets="[4,8]")), 8, D)
st("tensor twice, once escaped", '{"a":%s,"\\u0061":%s}' % (entry(), entry()), 4, D, 1)

# ---- names ----
st("empty name", '{"":%s}' % entry(), 4, "st_name", 1)
st("zero byte in a name", '{"a\\u0000b":%s}' % entry(), 4, "st_name", 1)
st("unicode name", '{"größe.重み.\U0001f600":%s}' % entry(), 4)
st("escaped unicode name", '{"gr\\u00f6\\u00dfe.\\ud83d\\ude00":%s}' % entry(), 4)
st("escapes in a name", '{"a\\"b\\\\c\\/d\\n":%s}' % entry(), 4)
st("long name", '{"%s":%s}' % ("n" * 1000, entry()), 4)
st("dots in names", '{".a":%s,"b.":%s,"..":%s}' % (entry(), entry(offsets="[4,8]"), entry(offsets="[8,12]")), 12)

# ---- dtype ----
T = "st_dtype"
SIZES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "F8_E4M3FNUZ": 1, "F8_E5M2FNUZ": 1, "I16": 2, "U16": 2,
         "F16": 2, "BF16": 2, "I32": 4, "U32": 4, "F32": 4, "C64": 8, "F64": 8, "I64": 8, "U64": 8}
for dtype, size in SIZES.items():
    one("dtype " + dtype, dtype=dtype, shape="[3]", offsets="[0,%d]" % (3 * size), data=3 * size)
one("dtype F4, whole bytes", dtype="F4", shape="[4]", offsets="[0,2]", data=2)
one("dtype F4, half a byte left", "st_size", dtype="F4", shape="[3]", offsets="[0,2]", data=2)
one("dtype F4, half a byte cut", "st_size", dtype="F4", shape="[3]", offsets="[0,1]", data=1)
one("dtype F6_E2M3, whole bytes", dtype="F6_E2M3", shape="[4]", offsets="[0,3]", data=3)
one("dtype F6_E3M2, whole bytes", dtype="F6_E3M2", shape="[2,4]", offsets="[0,6]", data=6)
one("dtype F6_E3M2, bits left", "st_size", dtype="F6_E3M2", shape="[3]", offsets="[0,3]", data=3)
for dtype in ("f32", "F32 ", "F128", "", "float32", "I4", "U4", "I2", "U2", "none", "PackedI4"):
    one("dtype %r is none" % dtype, T, dtype=dtype)
st("dtype with a zero byte", '{"a":{"dtype":"F32\\u0000","shape":[1],"data_offsets":[0,4]}}', 4, T)
st("dtype a number", '{"a":{"dtype":1,"shape":[1],"data_offsets":[0,4]}}', 4, T)
st("dtype null", '{"a":{"dtype":null,"shape":[1],"data_offsets":[0,4]}}', 4, T)
st("dtype an object", '{"a":{"dtype":{"F32":null},"shape":[1],"data_offsets":[0,4]}}', 4, T, 1)

# ---- shape ----
S = "st_shape"
one("scalar", shape="[]")
one("zero dim", shape="[0]", offsets="[0,0]", data=0)
one("zero dim among others", shape="[2,0,3]", offsets="[0,0]", data=0)
one("zero dim first, overflow behind", shape="[0,18446744073709551615,18446744073709551615]", offsets="[0,0]", data=0)
one("overflow first, zero dim behind", S, shape="[18446744073709551615,18446744073709551615,0]", offsets="[0,0]", data=0)
one("rank 8", shape="[1,1,1,1,1,1,1,1]")
one("rank 9", "st_limit", 1, shape="[1,1,1,1,1,1,1,1,1]")
one("shape null", S, shape="null")
one("shape a number", S, shape="1")
one("shape an object", S, shape="{}")
one("shape of strings", S, shape='["1"]')
one("shape of lists", S, shape="[[1]]")
one("dim negative", S, shape="[-1]")
one("dim minus zero", S, shape="[-0]", offsets="[0,0]", data=0)
one("dim 1.0", S, shape="[1.0]")
one("dim 1.5", S, shape="[1.5]")
one("dim 1e0", S, shape="[1e0]")
one("dim 1e1", S, shape="[1e1]", offsets="[0,40]", data=40)
one("dim 2^64", S, shape="[18446744073709551616]")
one("dim true", S, shape="[true]")
one("dim null", S, shape="[null]")
one("dim 01", J, shape="[01]")
one("dim +1", J, shape="[+1]")
one("dim 0x1", J, shape="[0x1]")
one("dim NaN", J, shape="[NaN]")
one("product overflow", S, shape="[4294967296,4294967296]")
one("product wraps to 1 element", S, shape="[4294967296,4294967296,1]")
one("bits overflow", S, shape="[4611686018427387904]", offsets="[0,0]", data=0)
one("size overflow wraps to 4 bytes", S, shape="[4611686018427387905]")
one("size not shape x dtype, more", "st_size", shape="[2]")
one("size not shape x dtype, less", "st_size", shape="[2]", offsets="[0,4]", dtype="U8")
one("scalar without bytes", "st_size", shape="[]", offsets="[0,0]", data=0)
one("zero dim with bytes", "st_size", shape="[0]")

# ---- data_offsets ----
O = "st_offsets"
one("offsets null", O, offsets="null")
one("offsets empty", O, offsets="[]")
one("offsets one number", O, offsets="[4]")
one("offsets three numbers", O, offsets="[0,4,4]")
one("offsets an object", O, offsets='{"begin":0,"end":4}')
one("offsets of strings", O, offsets='["0","4"]')
one("offsets nested", O, offsets="[[0],[4]]")
one("offset negative", O, offsets="[-4,0]")
one("offset 4.0", O, offsets="[0,4.0]")
one("offset 4e0", O, offsets="[0,4e0]")
one("offset 1e3", O, shape="[250]", offsets="[0,1e3]", data=1000)
one("offset -0", O, offsets="[-0,4]")
one("offset 2^64", O, offsets="[18446744073709551616,4]")
one("offset 2^64 - 1", O, offsets="[18446744073709551615,18446744073709551615]", shape="[0]")
one("offsets reversed", O, offsets="[4,0]")
one("offsets that wrap", O, offsets="[18446744073709551612,0]")
one("end behind the file", O, offsets="[0,4]", data=3)
one("end far behind the file", O, offsets="[0,4000000000000]", shape="[1000000000000]")
one("no data at all", O, data=0)

# ---- tiling ----
two = '{"a":%s,"b":%s}'
H = "st_hole"
V = "st_overlap"
R = "st_trailing"
st("two tensors", two % (entry(), entry(offsets="[4,8]")), 8)
st("two tensors, later one first", two % (entry(offsets="[4,8]"), entry()), 8)
st("hole at the start", '{"a":%s}' % entry(offsets="[1,5]"), 5, H)
st("hole between", two % (entry(), entry(offsets="[5,9]")), 9, H)
st("overlap by one byte", two % (entry(), entry(offsets="[3,7]")), 7, V)
st("overlap entirely", two % (entry(), entry()), 4, V)
st("overlap inside", two % (entry(shape="[3]", offsets="[0,12]"), entry(offsets="[4,8]")), 12, V)
st("hole filled by an overlap", '{"a":%s,"b":%s,"c":%s}' % (entry(), entry(offsets="[0,4]"), entry(offsets="[8,12]")), 12, V)
st("one byte behind", '{"a":%s}' % entry(), 5, R)
st("data without tensors", "{}", 4, R)
st("one space behind an empty map", "{}", 1, R)
st("only empty tensors, bytes behind", '{"a":%s}' % entry(shape="[0]", offsets="[0,0]"), 1, R)
st("empty tensor at the start", two % (entry(shape="[0]", offsets="[0,0]"), entry()), 4)
st("empty tensor at the end", two % (entry(), entry(shape="[0]", offsets="[4,4]")), 4)
st("empty tensor between", '{"a":%s,"z":%s,"c":%s}' % (entry(), entry(shape="[0]", offsets="[4,4]"), entry(offsets="[4,8]")), 8)
st("two empty tensors in one place", two % (entry(shape="[0]", offsets="[0,0]"), entry(shape="[0]", offsets="[0,0]")), 0)
st("empty tensor inside another", two % (entry(), entry(shape="[0]", offsets="[2,2]")), 4, V)
st("empty tensor behind the data", two % (entry(), entry(shape="[0]", offsets="[5,5]")), 4, O)
st("empty tensor in the bytes behind", two % (entry(), entry(shape="[0]", offsets="[5,5]")), 5, H)
st("odd sizes", '{"a":%s,"b":%s,"c":%s}' % (entry("U8", "[3]", "[0,3]"), entry("F64", "[1]", "[3,11]"), entry("F16", "[1]", "[11,13]")), 13)

# ---- metadata ----
M = "st_metadata"


def meta(name, text, code="", stricter=0):
    st(name, '{"__metadata__":%s,"a":%s}' % (text, entry()), 4, code, stricter)


meta("metadata empty", "{}")
meta("metadata of strings", '{"format":"pt","b":""}')
meta("metadata with an empty key", '{"":"x"}')
meta("metadata null", "null")
meta("metadata a list", "[]", M)
meta("metadata a string", '"x"', M)
meta("metadata a number", "1", M)
meta("metadata false", "false", M)
meta("metadata value a number", '{"a":1}', M)
meta("metadata value null", '{"a":null}', M)
meta("metadata value a list", '{"a":["x"]}', M)
meta("metadata value an object", '{"a":{"b":"c"}}', M)
meta("metadata with an entry of a tensor", entry(), M)
meta("metadata unicode", '{"größe":"\\u00e9\\ud83d\\ude00"}')
meta("metadata value with a zero byte", '{"a":"b\\u0000"}', M, 1)
meta("metadata key twice", '{"a":"b","a":"c"}', D, 1)
st("metadata alone", '{"__metadata__":{"a":"b"}}')
st("metadata last", '{"a":%s,"__metadata__":{"a":"b"}}' % entry(), 4)
st("metadata twice", '{"__metadata__":{},"__metadata__":{}}', 0, D)
st("metadata null alone", '{"__metadata__":null}')
st("metadata by another name is a tensor", '{"__metadata":{}}', 0, K)


# ---- what the reference writer makes ----
NAMES = {"bool": "BOOL", "uint8": "U8", "int8": "I8", "float8_e5m2": "F8_E5M2", "float8_e4m3fn": "F8_E4M3", "float8_e8m0fnu": "F8_E8M0",
         "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ", "int16": "I16", "uint16": "U16", "float16": "F16",
         "bfloat16": "BF16", "int32": "I32", "uint32": "U32", "float32": "F32", "complex64": "C64", "float64": "F64", "int64": "I64",
         "uint64": "U64"}
SIZES["F4"] = 1    # the writer counts pairs: float4_e2m1fn_x2, and doubles the last dim
WRITTEN = []


def written(name, tensors, metadata=None):
    """tensors: (name, dtype of the writer, shape); data is a byte counter, so that no two places hold the same."""
    spec, rows, keep, at = {}, [], [], 1
    for key, dtype, shape in tensors:
        out = NAMES.get(dtype, "F4")
        size = SIZES[out]
        for n in shape:
            size *= n
        data = bytes((at + i * 7) & 255 for i in range(size))
        at += 31
        if out == "BOOL":
            data = bytes(b & 1 for b in data)
        buffer = ctypes.create_string_buffer(data, max(size, 1))
        keep.append(buffer)
        spec[key] = TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(buffer), data_len=size)
        rows.append((key, out, shape[:-1] + [shape[-1] * 2] if out == "F4" else shape, data))
    pairs, found = list((metadata or {}).items()), None
    while found != pairs:    # the writer's order of metadata is random: wait for ours
        file = safetensors.serialize(spec, metadata)
        n = struct.unpack("<Q", file[:8])[0]
        found = list(json.loads(file[8:8 + n]).get("__metadata__", {}).items())
    WRITTEN.append((name, rows, pairs, file))


written("nothing", [])
written("one scalar", [("s", "float32", [])])
written("one matrix", [("w", "float32", [2, 3])], {"format": "pt"})
written("only metadata", [], {"framework": "pt"})
written("every dtype", [("t_" + d, d, [3]) for d in NAMES] + [("t_f4", "float4_e2m1fn_x2", [3])])
written("names against dtypes", [("b", "float32", [1]), ("a", "uint8", [3]), ("c", "float64", [1]), ("B", "float32", [2]), ("a.b", "uint8", [1]),
                                 ("a-b", "uint8", [2]), ("ab", "float16", [1]), ("é", "float16", [3]), ("z", "int8", [5])])
written("odd sizes and empty ones", [("o1", "uint8", [1]), ("o3", "int8", [3]), ("o5", "bool", [5]), ("e", "float64", [0]),
                                     ("e2", "uint8", [4, 0]), ("o7", "float16", [7])])
written("texts to escape", [('q"\\/\n\t\x01\x7f', "float32", [1]), ("größe.重み.\U0001f600", "float32", [1]), ("\u2028", "int16", [1])],
        {"k\"\\\b\f\r\x1f": "v\x7f\u00e9\U0001f600", "empty": "", "json": '{"a": [1, "b"]}'})
written("rank 8", [("r", "bfloat16", [1, 2, 1, 2, 1, 1, 1, 3])])
written("padding 0 to 7", [("n" * k, "uint8", [1]) for k in range(1, 9)])
for k in range(8):
    written("padding, name of %d" % (k + 1), [("n" * (k + 1), "uint8", [1])])


# ---- the header ----
def c(data):
    out, line = [], ""
    for b in data:
        ch = chr(b)
        line += "\\" + ch if ch in '"\\' else ch if 32 <= b < 127 and ch != "?" else "\\%03o" % b
        if len(line) > 110:
            out.append(line)
            line = ""
    out.append(line)
    return ("\n      ").join('"%s"' % s for s in out)


def text(s):
    return c(s.encode())


def main():
    print("/* Made by safetensors_cases.py with safetensors %s; do not edit. */" % safetensors.__version__)
    print("static const struct { const char *name, *file; size_t bytes; int accepted, stricter; const char *code; } st_cases[] = {")
    for name, data, code, stricter in MADE:
        try:
            safetensors.deserialize(data)
            accepted = 1
        except safetensors.SafetensorError:
            accepted = 0
        assert (code == "") == (accepted and not stricter), (name, code, accepted, stricter)
        assert accepted or not stricter, (name, "is not accepted by the reference either")
        print("    { %s,\n      %s, %d, %d, %d, \"%s\" }," % (text(name), c(data), len(data), accepted, stricter, code))
    print("};\n")
    print("static const struct { const char *name, *dtype; uint32_t ndim; size_t shape[8]; const char *data; size_t bytes; } st_written_tensors[] = {")
    for _, rows, _, _ in WRITTEN:
        for key, dtype, shape, data in rows:
            print("    { %s, \"%s\", %d, { %s },\n      %s, %d }," % (text(key), dtype, len(shape), ", ".join(map(str, shape)) or "0", c(data), len(data)))
    print("};\n")
    print("static const struct { const char *key, *value; } st_written_metadata[] = {")
    for _, _, pairs, _ in WRITTEN:
        for k, v in pairs:
            print("    { %s, %s }," % (text(k), text(v)))
    print("};\n")
    print("static const struct { const char *name, *file; size_t bytes, tensors, metadata; } st_written[] = {")
    for name, rows, pairs, file in WRITTEN:
        print("    { %s,\n      %s, %d, %d, %d }," % (text(name), c(file), len(file), len(rows), len(pairs)))
    print("};")


main()
