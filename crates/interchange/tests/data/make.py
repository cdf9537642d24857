"""Makes the models of this folder, and what onnx and safetensors find in them, by which the tests judge the crate.

    python make.py                          writes the models and expected.json
    python make.py --check CHANGED          compares models with negated weights to those of this folder

Needs onnx 1.23, numpy 2.4, ml_dtypes 0.6 and safetensors 0.8 (`pip install onnx numpy ml_dtypes safetensors`). For the check,
write the changed models first, into a folder of your choice, from the repository's root:

    cargo run -p mixpress-interchange --example round_trip -- MODEL CHANGED --negate
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors import deserialize
from safetensors.numpy import save_file

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(20260101)
OPSETS = [helper.make_opsetid("", 20)]
# Names of types in the crate.
ELEMENTS = {
    TensorProto.FLOAT: "f32", TensorProto.FLOAT16: "f16", TensorProto.BFLOAT16: "bf16", TensorProto.DOUBLE: "f64",
    TensorProto.INT8: "i8", TensorProto.UINT8: "u8", TensorProto.INT16: "i16", TensorProto.UINT16: "u16",
    TensorProto.INT32: "i32", TensorProto.INT64: "i64", TensorProto.UINT32: "u32", TensorProto.UINT64: "u64",
    TensorProto.BOOL: "bool", TensorProto.COMPLEX64: "c64", TensorProto.COMPLEX128: "c128", TensorProto.INT4: "i4",
    TensorProto.UINT4: "u4", TensorProto.FLOAT8E4M3FN: "f8_e4m3", TensorProto.FLOAT8E5M2: "f8_e5m2",
}
WEIGHTS = {"f32", "f16", "bf16"}


def weights(*shape):
    return (RANDOM.standard_normal(shape) * 0.1).astype(np.float32)


def raw(name, array):
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def typed(name, data_type, shape, values):
    """A tensor whose values stand in the field of their type, not in raw_data."""
    return helper.make_tensor(name, data_type, shape, values)


def info(name, shape=(1,), data_type=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, data_type, shape)


def graph(nodes, initializers=(), name="g", sparse=(), outputs=("out",)):
    return helper.make_graph(
        nodes, name, [info("x")], [info(output) for output in outputs], list(initializers), sparse_initializer=list(sparse))


def model(file, the_graph, **more):
    opsets = [*OPSETS, helper.make_opsetid("own", 1)]
    made = helper.make_model(the_graph, opset_imports=opsets, producer_name="make.py", **more)
    (HERE / file).write_bytes(made.SerializeToString())


def identity(source="x", target="out"):
    return helper.make_node("Identity", [source], [target])


def initializers():
    halves = weights(40, 5).astype(np.float16)
    brains = weights(33, 3).astype(ml_dtypes.bfloat16)
    odd = weights(6, 6)
    odd[0, :5] = [np.nan, np.inf, -np.inf, -0.0, 1e-42]
    odd.view(np.uint32)[1, 0] = 0x7F800001  # a signalling NaN
    longs = RANDOM.integers(-(2**40), 2**40, 200)
    bits = lambda array: array.view(np.uint16).astype(np.int32).ravel().tolist()
    half = TensorProto(name="half.typed", data_type=TensorProto.FLOAT16, dims=[40, 5], int32_data=bits(halves[::-1].copy()))
    brain = TensorProto(name="brain.typed", data_type=TensorProto.BFLOAT16, dims=[33, 3], int32_data=bits(brains))
    parts = [float(part) for part in weights(300)]
    model("initializers.onnx", graph([identity()], [
        raw("single.raw", weights(20, 16)), typed("single.typed", TensorProto.FLOAT, [16, 9], weights(144).tolist()),
        raw("odd", odd), raw("half.raw", halves), half, raw("brain.raw", brains[::-1].copy()), brain,
        typed("double.typed", TensorProto.DOUBLE, [150], parts[:150]), raw("double.raw", weights(200).astype(np.float64)),
        TensorProto(name="complex.typed", data_type=TensorProto.COMPLEX64, dims=[150], float_data=parts),
        typed("long.typed", TensorProto.INT64, [200], longs.tolist()), raw("long.raw", longs[::-1].copy()),
        typed("byte.typed", TensorProto.INT8, [1100], RANDOM.integers(-128, 128, 1100).tolist()),
        typed("natural.typed", TensorProto.UINT32, [300], RANDOM.integers(0, 2**32, 300).tolist()),
        typed("bool.typed", TensorProto.BOOL, [1200], RANDOM.integers(0, 2, 1200).tolist()),
        raw("eight", weights(2000).astype(ml_dtypes.float8_e4m3fn)),
        TensorProto(name="four", data_type=TensorProto.INT4, dims=[2301], raw_data=RANDOM.bytes(1151)),
        raw("small", weights(3)), raw("scalar", np.float32(0.5)), raw("empty", np.zeros((0, 7), np.float32)),
        helper.make_tensor("texts", TensorProto.STRING, [2], [b"a", b"bc"]),
    ]))


def constants():
    constant = lambda output, **value: helper.make_node("Constant", [], [output], **value)
    fill = TensorProto(data_type=TensorProto.FLOAT, dims=[32], raw_data=weights(32).tobytes())
    model("constants.onnx", graph([
        constant("named", value=raw("ignored", weights(8, 8))),
        constant("unnamed", value=TensorProto(data_type=TensorProto.FLOAT, dims=[5, 5], raw_data=weights(25).tobytes())),
        constant("list", value_floats=weights(40).tolist()), constant("few", value_floats=[1.0, 2.0]),
        constant("number", value_float=0.25), constant("numbers", value_ints=list(range(300))),
        constant("half", value=typed("", TensorProto.FLOAT16, [6, 7], weights(42).tolist())),
        helper.make_node("Filled", ["x"], ["y"], domain="own", fill=fill, fills=[raw("", weights(4, 4)), raw("", weights(4, 4))]),
        identity(),
    ]))


def branches():
    """One name in several graphs, which the checker does not like and runtimes accept."""
    def branch(size, inner=None):
        nodes = [helper.make_node("Constant", [], ["c"], value=raw("", weights(size, size)))]
        if inner:
            nodes.append(helper.make_node("If", ["x"], ["z"], "inner", then_branch=inner, else_branch=branch(6)))
        return helper.make_graph(nodes, "b", [], [info("c")], [raw("w", weights(size, 5))])

    node = helper.make_node("If", ["x"], ["y"], then_branch=branch(7, branch(8)), else_branch=branch(9))
    many = helper.make_node("Switch", ["x"], ["s"], "switch", domain="own", cases=[branch(10), branch(11)])
    model("branches.onnx", graph([identity("x", "v"), node, many, identity()], [raw("w", weights(12, 5))]))


def loop():
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "kernel"], ["next"]), identity("go", "on")], "body",
        [info("i", (), TensorProto.INT64), info("go", (), TensorProto.BOOL), info("state", (1, 8))],
        [info("on", (), TensorProto.BOOL), info("next", (1, 8))], [raw("kernel", weights(8, 8))])
    node = helper.make_node("Loop", ["trips", "go", "x"], ["out"], "steps", body=body)
    model("loop.onnx", graph([node], [raw("trips", np.int64(3)), raw("go", np.bool_(True))]))


def functions():
    nodes = [helper.make_node("Constant", [], ["w"], value=raw("", weights(9, 9))), helper.make_node("MatMul", ["a", "w"], ["b"])]
    function = helper.make_function("own", "Project", ["a"], ["b"], nodes, OPSETS)
    call = helper.make_node("Project", ["x"], ["out"], domain="own")
    model("functions.onnx", graph([call], [raw("v", weights(4, 4))]), functions=[function])


def sparse():
    values = raw("sparse.weight", weights(60))
    indices = raw("", np.sort(RANDOM.choice(10000, 60, replace=False)).astype(np.int64))
    many = helper.make_sparse_tensor(raw("sparse.large", weights(200)), raw("", np.arange(200, dtype=np.int64) * 3), [600])
    model("sparse.onnx", graph([identity()], [], sparse=[helper.make_sparse_tensor(values, indices, [100, 100]), many]))


def twins():
    shared, small = weights(30, 10), weights(5, 5)
    halves = weights(600).astype(np.float16)
    model("twins.onnx", graph(
        [helper.make_node("MatMul", ["x", "first"], ["y"]), helper.make_node("MatMul", ["y", "first"], ["z"]), identity()],
        [raw("first", shared), raw("other", weights(30, 10)), raw("second", shared), raw("turned", shared.reshape(10, 30)),
         raw("small.1", small), raw("small.2", small), raw("half.raw", halves),
         TensorProto(name="half.typed", data_type=TensorProto.FLOAT16, dims=[600],
                     int32_data=halves.view(np.uint16).astype(np.int32).tolist())]))


def integers():
    model("integers.onnx", graph([identity()], [
        raw("quantised", RANDOM.integers(-128, 128, (64, 40)).astype(np.int8)),
        raw("zero", np.uint8(128)), raw("table", RANDOM.integers(0, 255, 1024).astype(np.uint8)),
        raw("places", np.arange(256, dtype=np.int32))]))


def external():
    (HERE / "external").mkdir(exist_ok=True)
    first, second, third = weights(40, 20), weights(30, 30), RANDOM.integers(0, 99, 500).astype(np.int32)
    data = first.tobytes()
    data += bytes(4096 - len(data)) + second.tobytes() + b"no tensor's" + third.tobytes() + b"the end"
    (HERE / "external/weights.bin").write_bytes(data)
    other = weights(17, 17)
    (HERE / "external/deep").mkdir(exist_ok=True)
    (HERE / "external/deep/other.bin").write_bytes(other.tobytes())

    def outside(name, array, location, offset=None, length=True, **more):
        tensor = raw(name, array)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entries = {"location": location, **({} if offset is None else {"offset": offset})}
        entries |= {"length": array.nbytes} if length else {}
        for key, value in {**entries, **more}.items():
            tensor.external_data.add(key=key, value=str(value))
        return tensor

    places = 4096 + second.nbytes + 11
    model("external/model.onnx", graph([identity()], [
        raw("inside", weights(10, 10)), outside("second", second, "weights.bin", 4096, checksum="0" * 40),
        outside("first", first, "weights.bin"), outside("third", third, "./weights.bin", places),
        outside("again", second, "weights.bin", 4096), outside("turned", second.reshape(900), "weights.bin", 4096),
        outside("part", second[:10], "weights.bin", 4096 + 400), outside("other", other, "deep/other.bin", length=False),
        outside("tiny", np.zeros(3, np.float32), "weights.bin", 3300)]))


def empty():
    model("empty.onnx", graph([identity()]))


# What follows is written by hand, field by field, as no library writes it.

def varint(value, longer=0):
    out = b""
    while value >= 0x80:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + (bytes([value]) if not longer else bytes([value | 0x80]) + b"\x80" * (longer - 1) + b"\0")


def field(number, content, longer=0):
    return varint(number << 3 | 2) + varint(len(content), longer) + content


def unusual():
    unknown = field(4000, b"of a newer version") + varint(4001 << 3) + varint(7) + varint(4002 << 3 | 5) + b"four"
    unknown += varint(4003 << 3 | 1) + b"eightest"
    floats = weights(30)
    one_by_one = b"".join(b"\x25" + struct.pack("<f", value) for value in floats)
    packed_dims = field(1, varint(5) + varint(6, 1))
    # The values first, the name last, a length that is longer than it need be, and a number that is.
    tensor = field(9, weights(5, 6).tobytes(), 2) + unknown + b"\x10" + varint(1, 1) + packed_dims + field(8, b"late")
    unpacked = varint(8) + varint(30) + b"\x10\x01" + one_by_one + field(8, b"one by one")
    halves = weights(50).astype(np.float16).view(np.uint16)
    split = varint(8) + varint(50) + b"\x10\x0a" + b"".join(b"\x28" + varint(int(half)) for half in halves) + field(8, b"split")
    wide = varint(8) + varint(50) + b"\x10\x0a" + field(5, b"".join(varint(int(half), 1) for half in halves)) + field(8, b"wide")
    typed_half = varint(8) + varint(50) + b"\x10\x0a" + field(5, b"".join(varint(int(half)) for half in halves), 1)
    typed_half += field(8, b"typed")
    parts = [field(4, weights(20).tobytes()) for _ in range(2)]
    in_parts = varint(8) + varint(40) + b"\x10\x01" + parts[0] + field(8, b"in parts") + parts[1]
    new_type = varint(8) + varint(40) + b"\x10\x63" + field(9, RANDOM.bytes(90)) + field(8, b"new type")
    elsewhere = varint(8) + varint(40) + b"\x10\x01" + field(8, b"elsewhere")
    the_graph = field(2, b"g") + field(11, info("x").SerializeToString()) + unknown
    for one in (tensor, unpacked, split, wide, typed_half, in_parts, new_type, elsewhere):
        the_graph += field(5, one)
    the_graph += field(1, identity().SerializeToString()) + field(12, info("out").SerializeToString())
    # The graph before the version; twice a producer.
    whole = field(7, the_graph, 1) + b"\x08" + varint(10, 1) + field(2, b"one") + field(2, b"two") + unknown
    whole += field(8, OPSETS[0].SerializeToString())
    (HERE / "unusual.onnx").write_bytes(whole)


def safetensors():
    bits = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8,
            "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64,
            "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64}
    entries, data, expected = [], b"", []

    def add(name, dtype, shape, payload):
        nonlocal data
        expected.append([name, shape, len(payload), hashlib.sha256(payload).hexdigest()])
        entries.append((name, dtype, shape, len(data), len(data) + len(payload)))
        data += payload

    for dtype, width in bits.items():
        payload = bytes(RANDOM.integers(0, 2, 12 * width // 8, np.uint8)) if dtype == "BOOL" else RANDOM.bytes(12 * width // 8)
        add(f"of {dtype}", dtype, [3, 4], payload)
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 1e-42], np.float32)
    odd.view(np.uint32)[0] = 0x7F800001
    add("odd", "F32", [5], odd.tobytes())
    add("scalar", "F32", [], struct.pack("<f", 0.5))
    add("empty", "F32", [0, 7], b"")
    add('quotes " and \u00e9', "F16", [2], b"\0\1\2\3")
    shared = weights(20, 20).tobytes()
    add("tied.1", "F32", [20, 20], shared)
    add("tied.2", "F32", [20, 20], shared)
    # Not in the order of the bytes, keys in another order, white space and an escape as nobody writes them.
    header = '{ "__metadata__" :{"format":"pt","a\\u0062c":"\\u00e9"},\n'
    header += ",\t".join(
        f'{json.dumps(name)}:{{"shape":{shape}, "data_offsets":[{begin},{end}],"dtype":"{dtype}"}}'
        for name, dtype, shape, begin, end in reversed(entries))
    header = (header + " }   ").encode()
    (HERE / "plain.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + data)
    return expected


def sharded():
    folder = HERE / "sharded"
    folder.mkdir(exist_ok=True)
    shards = {
        "model-00001-of-00002.safetensors": {"embed": weights(20, 8), "norm": weights(8).astype(np.float16)},
        "model-00002-of-00002.safetensors": {"head": weights(8, 20), "steps": np.int64([7]), "tied": weights(16, 16)},
    }
    shards["model-00001-of-00002.safetensors"]["tied.too"] = shards["model-00002-of-00002.safetensors"]["tied"]
    # One text each: of several, the library's order is another at each run.
    for (file, tensors), text in zip(shards.items(), ({"file": "one"}, {"format": "np"})):
        save_file(tensors, folder / file, text)
    names = {name: file for file, tensors in shards.items() for name in tensors}
    index = {"metadata": {"total_size": sum(a.nbytes for t in shards.values() for a in t.values())}, "weight_map": names}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")
    return [[name, list(array.shape), array.nbytes, hashlib.sha256(array.tobytes()).hexdigest()]
            for tensors in shards.values() for name, array in tensors.items()]


def all_tensors(message):
    """Every TensorProto and every list of floats of a constant, wherever they stand."""
    if isinstance(message, TensorProto):
        yield message
        return
    if isinstance(message, onnx.NodeProto) and message.op_type == "Constant":
        for attribute in message.attribute:
            if attribute.name == "value_floats":
                yield raw("", np.array(attribute.floats, np.float32))
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for one in value if isinstance(value, (list, tuple)) or hasattr(value, "append") else [value]:
                yield from all_tensors(one)


def payload_of(tensor, folder):
    """The little-endian bytes of a tensor."""
    if tensor.data_type == TensorProto.INT4:
        return tensor.raw_data
    return np.ascontiguousarray(numpy_helper.to_array(tensor, str(folder))).tobytes()


def found(file):
    """What has to be found in an ONNX model: type, shape, digest of the payload."""
    path = HERE / file
    out = []
    for tensor in all_tensors(onnx.load(path, load_external_data=False)):
        element = ELEMENTS.get(tensor.data_type)
        if element is None or tensor.name in NOT_CUT.get(file, ()):
            continue
        payload = payload_of(tensor, path.parent)
        if len(payload) >= (64 if element in WEIGHTS else 1024):
            out.append([element, list(tensor.dims), hashlib.sha256(payload).hexdigest()])
    return sorted(out)


# Tensors that stay in the skeleton: values in several parts, or written as they would not come back, or of no size, or within
# another tensor.
NOT_CUT = {"unusual.onnx": {"split", "wide", "in parts", "elsewhere"}, "external/model.onnx": {"turned", "part"}}
MODELS = ["initializers", "constants", "branches", "loop", "functions", "sparse", "twins", "integers", "external/model", "empty",
          "unusual"]


def check(changed):
    """Models whose weights were negated differ from ours in the signs of weights, and in nothing else that onnx sees."""
    for name in MODELS:
        before = onnx.load(HERE / f"{name}.onnx", load_external_data=False)
        after = onnx.load(changed / f"{name}.onnx", load_external_data=False)
        count = 0
        folders = (HERE / name).parent, (changed / name).parent
        for one, other in zip(all_tensors(before), all_tensors(after), strict=True):
            if one.data_type == TensorProto.STRING or one.data_type not in ELEMENTS or one.name == "elsewhere":
                continue
            a, b = (np.frombuffer(payload_of(t, f), np.uint8).copy() for t, f in zip((one, other), folders))
            if ELEMENTS[one.data_type] in WEIGHTS and a.tobytes() != b.tobytes():
                width = {"f32": 4}.get(ELEMENTS[one.data_type], 2)
                b[width - 1 :: width] ^= 0x80
                count += 1
            assert a.tobytes() == b.tobytes(), (name, one.name)
        for message in (before, after):
            for tensor in all_tensors(message):
                for values in ("raw_data", "float_data", "int32_data"):
                    tensor.ClearField(values)
            for node in message.graph.node:
                for attribute in node.attribute:
                    attribute.ClearField("floats")
        assert before.SerializeToString() == after.SerializeToString(), name
        print(f"{name}: {count} tensors negated, the rest as it was")


def main():
    for make in (initializers, constants, branches, loop, functions, sparse, twins, integers, external, empty, unusual):
        make()
    expected = {f"{name}.onnx": found(f"{name}.onnx") for name in MODELS}
    expected["plain.safetensors"] = safetensors()
    expected["sharded/model.safetensors.index.json"] = sharded()
    lines = ",\n".join(f"{json.dumps(file)}: [\n" + ",\n".join(map(json.dumps, rows)) + "]" for file, rows in expected.items())
    (HERE / "expected.json").write_text("{\n" + lines + "\n}\n")
    for name in MODELS:
        # These two break rules of the checker's that no reader of weights needs: see there.
        if name not in ("unusual", "branches"):
            onnx.checker.check_model(HERE / f"{name}.onnx")
    deserialize((HERE / "plain.safetensors").read_bytes())


if __name__ == "__main__":
    if sys.argv[1:2] == ["--check"]:
        check(Path(sys.argv[2]))
    else:
        main()
