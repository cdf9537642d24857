"""Runs ONNX models whose weights are codebooks that Gather looks up, and compares them with the same models written plain.

    python gather.py PROGRAM [MODEL ...]

PROGRAM is the built `mixpress` (`cargo build --release -p mixpress-cli`). Without models those of this folder are taken, and a
few that are made for the occasion: weights in initializers, constants, branches, loops, functions, sparse tensors, external
files, in f32, f16 and bf16. Each is compressed to 4 bits a weight, or where that cannot be to 20 dB, and written back twice, plain and with `--as gather`. Both
have to please onnx's checker as the source does, and to give equal outputs, bit for bit, in ONNX Runtime (with its graph
optimisations and without) and in onnx's reference evaluator, for random inputs; a runtime that does not run the plain model
is told and left out. All that is not a weight has to be as it was. Sizes are printed, zipped ones too.

Needs onnx 1.23, onnxruntime 1.32 and numpy 2.4 (`pip install onnx onnxruntime numpy`).
"""

import os
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(20260102)
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
FLOATS = TensorProto.FLOAT


def weights(*shape):
    return (RANDOM.standard_normal(shape) * 0.1).astype(np.float32)


def raw(name, array):
    return numpy_helper.from_array(np.asarray(array, order="C"), name)


def info(name, shape, data_type=FLOATS):
    return helper.make_tensor_value_info(name, data_type, shape)


def node(operator, inputs, outputs, name=None, **attributes):
    return helper.make_node(operator, inputs, outputs, name, **attributes)


def model(graph, opset=20, ir_version=10, **more):
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=ir_version, **more)


def everywhere():
    """Weights in every place that the format has for them, names that new ones must not take, and one that callers may set."""
    branch = lambda output, nodes, *initializers: helper.make_graph(nodes, "b", [], [info(output, (2, 30))], initializers)
    then_branch = branch("t", [node("MatMul", ["b", "w_then"], ["t"])], raw("w_then", weights(20, 30)))
    inner = branch("f", [
        node("Constant", [], ["w_else"], "c", value=raw("", weights(20, 30))), node("MatMul", ["b", "w_else"], ["f"])])
    inner_too = branch("f2", [node("MatMul", ["b", "w_inner"], ["f2"])], raw("w_inner", weights(20, 30)))
    else_branch = branch("e", [node("If", ["yes"], ["e"], then_branch=inner, else_branch=inner_too)])
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("MatMul", ["state", "w_loop"], ["next"])], "body",
        [info("i", (), TensorProto.INT64), info("go", (), TensorProto.BOOL), info("state", (2, 30))],
        [info("on", (), TensorProto.BOOL), info("next", (2, 30))], [raw("w_loop", weights(30, 30))])
    function = helper.make_function(
        "own", "Project", ["a"], ["p"],
        [node("Constant", [], ["w_own"], value=raw("", weights(30, 20))), node("MatMul", ["a", "w_own"], ["p"])],
        [helper.make_opsetid("", 20)])
    nodes = [
        node("MatMul", ["x", "w"], ["a"]), node("Add", ["a", "w_codebook"], ["b"]),
        node("If", ["yes"], ["c"], then_branch=then_branch, else_branch=else_branch),
        node("Loop", ["trips", "yes", "c"], ["d"], body=body), node("Project", ["d"], ["p"], domain="own"),
        node("Constant", [], ["list"], value_floats=weights(400).tolist()), node("Reshape", ["list", "square"], ["w_places"]),
        node("MatMul", ["p", "w_places"], ["q"]), node("MatMul", ["q", "default"], ["r"]),
        node("Cast", ["half"], ["whole"], to=FLOATS), node("MatMul", ["r", "whole"], ["s"]),
        node("Cast", ["brain"], ["more"], to=FLOATS), node("MatMul", ["s", "more"], ["u"]), node("MatMul", ["u", "tied"], ["out"]),
    ]
    tied = weights(20, 20)
    initializers = [
        raw("w", weights(40, 20)), raw("w_codebook", weights(20)), raw("trips", np.int64(2)), raw("yes", np.bool_(True)),
        raw("square", np.int64([20, 20])), raw("default", weights(20, 20)), raw("half", weights(20, 20).astype(np.float16)),
        helper.make_tensor("brain", TensorProto.BFLOAT16, [20, 20], weights(400).tolist()), raw("tied", tied), raw("unused", tied)]
    initializers[0].doc_string = "said of w"
    inputs = [info("x", (2, 40)), info("default", (20, 20)), info("yes", (), TensorProto.BOOL)]
    return model(helper.make_graph(nodes, "g", inputs, [info("out", (2, 20))], initializers), functions=[function])


def sparse():
    values = weights(400)
    dense = helper.make_sparse_tensor(raw("sparse", values), raw("", np.arange(400, dtype=np.int64)), [20, 20])
    nodes = [node("Constant", [], ["s"], sparse_value=dense), node("MatMul", ["x", "s"], ["out"])]
    return model(helper.make_graph(nodes, "g", [info("x", (2, 20))], [info("out", (2, 20))]))


def old():
    """Before Cast and Gather had newer versions, with constants that may not be bytes."""
    nodes = [
        node("Constant", [], ["c"], value=raw("", weights(20, 20))), node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "c"], ["out"])]
    graph = helper.make_graph(nodes, "g", [info("x", (2, 20))], [info("out", (2, 20))], [raw("w", weights(20, 20))])
    return model(graph, opset=8, ir_version=4)


def outside(folder):
    """Weights, and what is none, in a file beside the model."""
    nodes = [
        node("MatMul", ["x", "w"], ["a"]), node("Add", ["a", "bias"], ["b"]), node("Constant", [], ["few"], value=raw("", weights(20))),
        node("Add", ["b", "few"], ["c"]), node("Mul", ["c", "scale"], ["out"])]
    initializers = [raw("w", weights(40, 20)), raw("bias", weights(20)), raw("scale", weights(1))]
    made = model(helper.make_graph(nodes, "g", [info("x", (2, 40))], [info("out", (2, 20))], initializers))
    onnx.save(made, folder / "outside.onnx", save_as_external_data=True, location="outside.data", size_threshold=0,
              convert_attribute=True)


def tensors(message):
    """Every TensorProto, wherever it stands."""
    if isinstance(message, TensorProto):
        yield message
        return
    for descriptor, value in message.ListFields():
        if descriptor.message_type is not None:
            for one in [value] if hasattr(value, "ListFields") else value:
                yield from tensors(one)


def strip(graph, plain):
    """Takes out of a graph, or a function, what stands for weights, and those weights out of the plain one."""
    looked_up, gone = set(), set()
    for gather in [node for node in graph.node if node.op_type == "Gather" and "_codebook" in node.input[0]]:
        casts = [node for node in graph.node if node.op_type == "Cast" and node.output[0] == gather.input[1]]
        if len(casts) == 1 and "_indices" in casts[0].input[0]:
            looked_up.add(gather.output[0])
            gone |= {gather.output[0], gather.input[0], gather.input[1], casts[0].input[0]}
    for one, names in ((graph, gone), (plain, looked_up)):
        for nodes in (one.node, getattr(one, "initializer", [])):
            kept = [node for node in nodes if (node.output[0] if node.DESCRIPTOR.name == "NodeProto" else node.name) not in names]
            if hasattr(nodes, "MergeFrom"):
                del nodes[:]
                nodes.extend(kept)
    for node, before in zip(graph.node, plain.node, strict=True):
        for attribute, other in zip(node.attribute, before.attribute, strict=True):
            for inner, same in zip([attribute.g, *attribute.graphs], [other.g, *other.graphs]):
                if same.ByteSize() > 0:
                    strip(inner, same)


def run(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout if done.returncode == 0 else done.stderr


def checked(path):
    try:
        onnx.checker.check_model(path)
    except onnx.checker.ValidationError as error:
        return str(error).splitlines()[0]
    return None


def inputs_of(session):
    """Random inputs; of axes without a length two, and of silero's models what they ask for."""
    known = {"input": [1, 576], "sr": [], "state": [2, 1, 128]}
    made = {}
    for one in session.get_inputs():
        shape = [axis if isinstance(axis, int) else 2 for axis in one.shape]
        if "sr" in {other.name for other in session.get_inputs()} or one.name in ("input", "state"):
            shape = known.get(one.name, shape)
        data_type = TYPES[one.type]
        made[one.name] = np.asarray(RANDOM.standard_normal(shape) * 0.3).astype(data_type)
        if one.name == "sr":
            made[one.name] = np.array(16000, np.int64)
    return made


def sessions(path):
    for level in ("ORT_ENABLE_ALL", "ORT_DISABLE_ALL"):
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.log_severity_level = 3
        yield level, lambda options=options: onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def outputs(path, inputs):
    """The outputs by each way to run a model, or what it says."""
    found = {}
    for level, session in sessions(path):
        try:
            made = session()
            found[level] = [made.run(None, one) for one in inputs]
        except Exception as error:
            found[level] = str(error).splitlines()[0][:160]
    try:
        evaluator = ReferenceEvaluator(str(path))
        found["reference"] = [evaluator.run(None, one) for one in inputs]
    except Exception as error:
        found["reference"] = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
    return found


def compare(name, plain, gather, inputs):
    before, after = outputs(plain, inputs), outputs(gather, inputs)
    for way, expected in before.items():
        if isinstance(expected, str):
            print(f"    {way} does not run the plain model: {expected}")
            continue
        got = after[way]
        assert not isinstance(got, str), (name, way, got)
        pairs = [(np.asarray(a), np.asarray(b)) for one, two in zip(expected, got) for a, b in zip(one, two)]
        if all(a.tobytes() == b.tobytes() for a, b in pairs):
            print(f"    {way}: {len(pairs)} outputs, equal bit for bit")
            continue
        worst = max(float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64)))) for a, b in pairs)
        scale = max(float(np.max(np.abs(a.astype(np.float64)))) for a, b in pairs)
        print(f"    {way}: {len(pairs)} outputs, largest difference {worst:.3g} of {scale:.3g}")
        assert worst <= 1e-5 * max(scale, 1.0), (name, way, worst)


def check(program, source, folder):
    mxp, plain, gather = (folder / part / source.name for part in ("mxp", "plain", "gather"))
    for path in (mxp, plain, gather):
        path.parent.mkdir(parents=True, exist_ok=True)
    code, text = run(program, "compress", source, "--bits", 4, "-o", mxp)
    if code != 0:
        # The names of a small model alone take more.
        code, text = run(program, "compress", source, "--snr", 20, "--tensor", "*=bits:4", "-o", mxp)
    assert code == 0, (source.name, text)
    code, text = run(program, "decompress", mxp, "-o", plain)
    assert code == 0, (source.name, text)
    code, text = run(program, "decompress", mxp, "--as", "gather", "-o", gather)
    if code != 0:
        print(f"{source.name}: {text.strip()}")
        return
    all_of = lambda path: [file for file in path.parent.rglob("*") if file.is_file()]
    size = lambda path: sum(file.stat().st_size for file in all_of(path))
    zipped = lambda path: sum(len(zlib.compress(file.read_bytes(), 9)) for file in all_of(path))
    print(f"{source.name}: plain {size(plain)}, gather {size(gather)} ({zipped(gather)} zipped), mxp {mxp.stat().st_size} bytes")
    for line in text.splitlines()[:-1]:
        print(f"    {line}")
    said = checked(plain)
    assert said is not None or checked(gather) is None, (source.name, checked(gather))
    print(f"    checker: {said or 'no complaints'}")
    one, other = onnx.load(plain), onnx.load(gather)
    strip(other.graph, one.graph)
    for function, before in zip(other.functions, one.functions, strict=True):
        strip(function, before)
    for message in (one, other):
        for tensor in tensors(message):
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")
    assert one.SerializeToString() == other.SerializeToString(), f"{source.name}: something else has changed"
    inputs = []
    for _, session in sessions(plain):
        try:
            made = session()
            inputs = [inputs_of(made) for _ in range(3)]
            break
        except Exception as error:
            print(f"    no inputs: {str(error).splitlines()[0][:160]}")
    if inputs:
        compare(source.name, plain, gather, inputs)


def main():
    program = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as made:
        made = Path(made)
        given = [Path(argument) for argument in sys.argv[2:]]
        if not given:
            (made / "own").mkdir()
            for make in (everywhere, sparse, old):
                onnx.save(make(), made / "own" / f"{make.__name__}.onnx")
            outside(made / "own")
            given = sorted((made / "own").glob("*.onnx")) + sorted(HERE.glob("**/*.onnx"))
        for number, source in enumerate(given):
            check(program, source, made / str(number))


if __name__ == "__main__":
    main()
