"""Makes the models and arrays of this folder, with outputs that numpy computes, by which the tests judge the crate.

    python make.py

Needs onnx 1.23, numpy 2.4 and ml_dtypes 0.6 (`pip install onnx numpy ml_dtypes`). Outputs are computed here from the
definitions of the operators, in double precision; no runtime is asked.
"""

import zipfile
from io import BytesIO
from pathlib import Path

import ml_dtypes
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import set_external_data

HERE = Path(__file__).parent
RANDOM = np.random.default_rng(20260301)
FLOAT, INT64, BOOL, BF16 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL, TensorProto.BFLOAT16


def weights(*shape):
    return (RANDOM.standard_normal(shape) * 0.5).astype(np.float32)


def raw(name, array):
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def info(name, shape, data_type=FLOAT):
    return helper.make_tensor_value_info(name, data_type, shape)


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs, outputs, f"the_{operator}", **attributes)


def model(file, nodes, inputs, outputs, initializers=(), domains=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", 20), *(helper.make_opsetid(domain, 1) for domain in domains)]
    made = helper.make_model(graph, opset_imports=opsets, producer_name="make.py")
    made.ir_version = 9
    (HERE / file).write_bytes(made.SerializeToString())


def arrays(file, **named):
    """As numpy.savez_compressed, but the same bytes each time."""
    with zipfile.ZipFile(HERE / file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in named.items():
            entry = BytesIO()
            np.lib.format.write_array(entry, np.asanyarray(array))
            stamp = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            stamp.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(stamp, entry.getvalue())


def mlp():
    """A batch of any size."""
    w1, b1, w2, b2 = weights(6, 16), weights(16), weights(16, 3), weights(3)
    nodes = [node("Gemm", ["x", "w1", "b1"], ["h"]), node("Relu", ["h"], ["r"]), node("Gemm", ["r", "w2", "b2"], ["y"])]
    model("mlp.onnx", nodes, [info("x", ["batch", 6])], [info("y", ["batch", 3])],
          [raw("w1", w1), raw("b1", b1), raw("w2", w2), raw("b2", b2)])
    compute = lambda x: np.maximum(x.astype(np.float64) @ w1 + b1, 0) @ w2 + b2
    x, samples = weights(5, 6), weights(4, 2, 6)
    arrays("mlp_batch.npz", x=x)
    arrays("mlp_batch_y.npz", y=compute(x))
    arrays("mlp_samples.npz", x=samples)
    arrays("mlp_samples_y.npz", y=compute(samples))

    # The same with weights in bf16, as programs export it: computed in bf16, turned to single precision at the end.
    half = lambda array: array.astype(ml_dtypes.bfloat16)
    typed = TensorProto(name="b1", data_type=BF16, dims=[16], int32_data=half(b1).view(np.uint16).astype(np.int32).tolist())
    outside = raw("w2", half(w2))
    data = outside.raw_data
    set_external_data(outside, "brain.weights", 64, len(data))
    outside.ClearField("raw_data")
    (HERE / "brain.weights").write_bytes(bytes(64) + data)
    cast = lambda source, target, to: helper.make_node("Cast", [source], [target], f"cast_{target}", to=to)
    nodes = [cast("x", "x16", BF16), node("Gemm", ["x16", "w1", "b1"], ["h"]), node("Relu", ["h"], ["r"]),
             node("MatMul", ["r", "w2"], ["m"]), helper.make_node("Constant", [], ["b2"], value=raw("", half(b2))),
             node("Add", ["m", "b2"], ["y16"]), cast("y16", "y", FLOAT)]
    graph = helper.make_graph(
        nodes, "g", [info("x", ["batch", 6])], [info("y", ["batch", 3]), info("h", ["batch", 16], BF16)],
        [raw("w1", half(w1)), typed, outside], value_info=[info("r", ["batch", 16], BF16)])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    made.ir_version = 9
    (HERE / "brain.onnx").write_bytes(made.SerializeToString())
    w1, b1, w2, b2 = (half(array).astype(np.float64) for array in (w1, b1, w2, b2))
    h = x.astype(np.float64) @ w1 + b1
    arrays("brain_y.npz", y=np.maximum(h, 0) @ w2 + b2, h=h)


def convolution():
    """A fixed batch of two."""
    kernel, bias = weights(3, 2, 3, 3), weights(3)
    model("convolution.onnx", [node("Conv", ["x", "k", "b"], ["y"], strides=[1, 1], dilations=[1, 1], pads=[1, 1, 1, 1])],
          [info("x", [2, 2, 5, 4])], [info("y", [2, 3, 5, 4])], [raw("k", kernel), raw("b", bias)])
    x = weights(6, 2, 5, 4)
    y = np.zeros((6, 3, 5, 4))
    y += bias.astype(np.float64)[:, None, None]
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    for row in range(3):
        for column in range(3):
            y += np.einsum("nchw,oc->nohw", padded[:, :, row:row + 5, column:column + 4], kernel[:, :, row, column])
    arrays("convolution.npz", x=x)
    arrays("convolution_y.npz", y=y)


def branches():
    """An If, whose branches use a value from outside; a scalar input of bool, and samples with a state."""
    branch = lambda operator, name: helper.make_graph(
        [helper.make_node(operator, ["x", "c"], [name], f"{operator}_within")], name, [], [info(name, [3])])
    nodes = [node("If", ["flag"], ["y"], then_branch=branch("Add", "sum"), else_branch=branch("Mul", "product"))]
    model("branches.onnx", nodes, [info("x", [3]), info("flag", [], BOOL)], [info("y", [3])], [raw("c", np.float32([1, 2, 3]))])
    x, flag = weights(3, 3), np.array([True, False, True])
    arrays("branches.npz", x=x, flag=flag)
    arrays("branches_y.npz", y=np.where(flag[:, None], x + np.float32([1, 2, 3]), x * np.float32([1, 2, 3])))


def classes():
    """Outputs in whole numbers, and no axis."""
    nodes = [node("ArgMax", ["x"], ["class"], axis=1, keepdims=0), node("ReduceMax", ["x"], ["score"], keepdims=0),
             node("Cast", ["bytes"], ["as_float"], to=FLOAT)]
    model("classes.onnx", nodes, [info("x", ["n", 4]), info("bytes", [2], TensorProto.UINT8)],
          [info("class", ["n"], INT64), info("score", []), info("as_float", [2])])
    x, given = weights(7, 4), np.array([3, 250])
    arrays("classes.npz", x=x, bytes=given)
    arrays("classes_y.npz", **{"class": x.argmax(1)}, score=x.max(), as_float=given.astype(np.float32))


def refused():
    """What rten cannot do: an operator of somebody's own, a sequence, a shape that does not fit when it is run."""
    model("custom.onnx", [node("Frobnicate", ["x"], ["y"], domain="own")], [info("x", [2])], [info("y", [2])], domains=["own"])
    sequence = helper.make_tensor_sequence_value_info("y", FLOAT, None)
    model("sequence.onnx", [node("SequenceConstruct", ["x", "x"], ["y"])], [info("x", [2])], [sequence])
    model("reshape.onnx", [node("Reshape", ["x", "shape"], ["y"])], [info("x", ["n"])], [info("y", [2, 2])],
          [raw("shape", np.int64([2, 2]))])
    model("no_number.onnx", [node("Log", ["x"], ["y"])], [info("x", ["n", 2])], [info("y", ["n", 2])])


for make in (mlp, convolution, branches, classes, refused):
    make()
