"""Writes gated.onnx, whose outputs suffer very differently from its tensors, and inputs for it: python make.py

y = W3 relu(W2 relu(W1 x)) + 0.01 V x + 0 (U x), for rows x of 32 numbers. Needs numpy and onnx; the files are committed.
"""

import pathlib

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

random = np.random.default_rng(7)
shapes = {"W1": (32, 48), "W2": (48, 48), "W3": (48, 8), "V": (32, 8), "U": (32, 8)}
weights = {name: random.standard_normal(shape).astype(np.float32) * shape[0] ** -0.5 for name, shape in shapes.items()}
constants = {"small": np.float32(0.01), "none": np.float32(0)}
nodes = [
    helper.make_node("MatMul", ["x", "W1"], ["a"]),
    helper.make_node("Relu", ["a"], ["b"]),
    helper.make_node("MatMul", ["b", "W2"], ["c"]),
    helper.make_node("Relu", ["c"], ["d"]),
    helper.make_node("MatMul", ["d", "W3"], ["e"]),
    helper.make_node("MatMul", ["x", "V"], ["f"]),
    helper.make_node("Mul", ["f", "small"], ["g"]),
    helper.make_node("MatMul", ["x", "U"], ["h"]),
    helper.make_node("Mul", ["h", "none"], ["i"]),
    helper.make_node("Sum", ["e", "g", "i"], ["y"]),
]
initializers = [numpy_helper.from_array(np.asarray(values), name) for name, values in {**weights, **constants}.items()]
values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", n]) for name, n in (("x", 32), ("y", 8))]
graph = helper.make_graph(nodes, "gated", values[:1], values[1:], initializers)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
checker.check_model(model)
folder = pathlib.Path(__file__).parent
save(model, str(folder / "gated.onnx"))
x = random.standard_normal((64, 32)).astype(np.float32)
y = np.maximum(np.maximum(x @ weights["W1"], 0) @ weights["W2"], 0) @ weights["W3"] + 0.01 * (x @ weights["V"])
np.savez(folder / "gated.npz", x=x)
np.savez(folder / "gated_y.npz", y=y)
