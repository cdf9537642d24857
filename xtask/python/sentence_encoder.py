"""Writes MiniLM as an ONNX model, with the weights under their own names, and the tokens of sentences as its inputs.

    python sentence_encoder.py MODEL.safetensors FOLDER

Writes FOLDER/encoder.onnx, and measure.npz and test.npz beside it: every other sentence of sentences.txt in each. Inputs are
`ids` and `mask`, both int64 [sentences, tokens]; the output is `embedding`, f32 [sentences, 384], of length 1.
"""

import math
import pathlib
import sys

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save
from safetensors.numpy import load_file
from tokenizers import Tokenizer

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
TOKENS = 40


class Graph:
    """Nodes and initializers as they are added."""

    def __init__(self, weights):
        self.nodes, self.initializers, self.used, self.weights = [], [], set(), weights

    def add(self, operator, *inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def constant(self, values, kind=np.float32):
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.array(values, kind), name))
        return name

    def weight(self, name):
        if name not in self.used:
            self.used.add(name)
            self.initializers.append(numpy_helper.from_array(self.weights[name], name))
        return name

    def linear(self, name, x):
        transposed = self.add("Transpose", self.weight(name + ".weight"), perm=[1, 0])
        return self.add("Add", self.add("MatMul", x, transposed), self.weight(name + ".bias"))

    def norm(self, name, x):
        scale, bias = self.weight(name + ".weight"), self.weight(name + ".bias")
        return self.add("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    def heads(self, name, x, order):
        shape = self.constant([0, 0, HEADS, WIDTH // HEADS], np.int64)
        return self.add("Transpose", self.add("Reshape", self.linear(name, x), shape), perm=order)

    def gelu(self, x):
        inner = self.add("Erf", self.add("Mul", x, self.constant(1 / math.sqrt(2))))
        return self.add("Mul", self.add("Mul", x, self.constant(0.5)), self.add("Add", inner, self.constant(1)))


def encoder(weights):
    """BERT, the mean over tokens, length 1."""
    graph = Graph(weights)
    table = "embeddings.{}_embeddings.weight".format
    mask = graph.add("Cast", "mask", to=TensorProto.FLOAT)
    ends = (graph.constant([0], np.int64), graph.constant([TOKENS], np.int64), graph.constant([0], np.int64))
    positions = graph.add("Slice", graph.weight(table("position")), *ends)
    kind = graph.add("Gather", graph.weight(table("token_type")), graph.constant(0, np.int64))
    x = graph.add("Add", graph.add("Gather", graph.weight(table("word")), "ids"), positions)
    x = graph.norm("embeddings.LayerNorm", graph.add("Add", x, kind))
    far = graph.add("Mul", graph.add("Sub", mask, graph.constant(1)), graph.constant(1e4))
    far = graph.add("Unsqueeze", far, graph.constant([1, 2], np.int64))
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}."
        query = graph.heads(at + "attention.self.query", x, [0, 2, 1, 3])
        key = graph.heads(at + "attention.self.key", x, [0, 2, 3, 1])
        value = graph.heads(at + "attention.self.value", x, [0, 2, 1, 3])
        share = graph.add("Mul", graph.add("MatMul", query, key), graph.constant((WIDTH // HEADS) ** -0.5))
        share = graph.add("Softmax", graph.add("Add", share, far), axis=-1)
        context = graph.add("Transpose", graph.add("MatMul", share, value), perm=[0, 2, 1, 3])
        context = graph.add("Reshape", context, graph.constant([0, 0, WIDTH], np.int64))
        context = graph.linear(at + "attention.output.dense", context)
        x = graph.norm(at + "attention.output.LayerNorm", graph.add("Add", x, context))
        inner = graph.gelu(graph.linear(at + "intermediate.dense", x))
        x = graph.norm(at + "output.LayerNorm", graph.add("Add", x, graph.linear(at + "output.dense", inner)))
    masked = graph.add("Mul", x, graph.add("Unsqueeze", mask, graph.constant([2], np.int64)))
    total = graph.add("ReduceSum", masked, graph.constant([1], np.int64), keepdims=0)
    graph.nodes.append(helper.make_node("LpNormalization", [total], ["embedding"], axis=1, p=2))
    ints = [helper.make_tensor_value_info(name, TensorProto.INT64, ["sentences", TOKENS]) for name in ("ids", "mask")]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["sentences", WIDTH])
    body = helper.make_graph(graph.nodes, "MiniLM", ints, [output], graph.initializers)
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model


def main():
    original, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    save(encoder(load_file(original)), str(folder / "encoder.onnx"))
    tokenizer = Tokenizer.from_file(str(original.parent / "tokenizer.json"))
    tokenizer.enable_padding(length=TOKENS)
    tokenizer.enable_truncation(TOKENS)
    sentences = pathlib.Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()
    encodings = tokenizer.encode_batch(sentences)
    ids = np.array([encoding.ids for encoding in encodings])
    mask = np.array([encoding.attention_mask for encoding in encodings])
    for name, half in (("measure", slice(0, None, 2)), ("test", slice(1, None, 2))):
        np.savez(folder / f"{name}.npz", ids=ids[half], mask=mask[half])


if __name__ == "__main__":
    main()
