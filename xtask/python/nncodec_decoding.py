"""Encodes a safetensors model of f32 tensors with NNCodec and times how it decodes.

    python nncodec_decoding.py MODEL.safetensors STREAM

Prints bits a weight of tensors with two axes (all bytes of the stream count), the signal-to-noise ratio over these in
dB, and seconds: the median of three decodings, from the stream in memory to arrays of f32.
"""

import json
import pathlib
import statistics
import struct
import sys
import time
import types

import numpy as np

# NNCodec's parts for PyTorch and TensorFlow import these; arrays need neither.
framework = types.ModuleType("nncodec.framework")
framework.pytorch_model = framework.tensorflow_model = framework.use_case_init = None
sys.modules["nncodec.framework"] = framework

from nncodec import nnc  # noqa: E402

# The step of all weights, as the standard counts it. At -28 the rate of MiniLM is near that of our file.
QP = -28
ROUNDS = 3


def read(path):
    """The f32 tensors of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, tensor in header.items():
        if tensor["dtype"] == "F32":
            begin, end = (8 + length + offset for offset in tensor["data_offsets"])
            tensors[name] = np.frombuffer(data[begin:end], np.float32).reshape(tensor["shape"]).copy()
    return tensors


def main():
    model, stream = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    tensors = read(model)
    start = time.perf_counter()
    coded = nnc.compress({k: v.copy() for k, v in tensors.items()}, bitstream_path=str(stream), qp=QP, return_bitstream=True)
    print(f"NNCodec: encoded in {time.perf_counter() - start:.1f} s", file=sys.stderr)
    seconds = []
    for _ in range(ROUNDS):
        copy = bytearray(coded)
        start = time.perf_counter()
        decoded = nnc.decompress(copy)
        seconds.append(time.perf_counter() - start)
    matrices = [name for name, values in tensors.items() if values.ndim == 2]
    weights = sum(tensors[name].size for name in matrices)
    energy = sum(np.square(tensors[name], dtype=np.float64).sum() for name in matrices)
    distortion = sum(np.square(tensors[name].astype(np.float64) - decoded[name]).sum() for name in matrices)
    print(8 * len(coded) / weights, 10 * np.log10(energy / distortion), statistics.median(seconds))


if __name__ == "__main__":
    main()
