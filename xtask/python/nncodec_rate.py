"""Encodes a safetensors model of f32 tensors with NNCodec at signal-to-noise ratios.

    python nncodec_rate.py MODEL.safetensors STREAM DB...

Prints one line of JSON: for each ratio bits a weight (all bytes of the stream count), and millions of weights encoded
and decoded a second. The codec has steps a quarter of an octave apart; bits are those of the line between the steps on
both sides of a ratio, speeds those of the nearer one.
"""

import json
import pathlib
import sys
import time

import numpy as np
from nncodec_decoding import nnc, read

# Ratio and quantisation parameter that belong together for the first guess, and dB a parameter.
DB, QP, SLOPE = 23.6, -28, 6.02 / 4


class Codec:
    def __init__(self, model, stream):
        self.tensors, self.stream, self.runs = read(pathlib.Path(model)), stream, {}
        self.weights = sum(values.size for values in self.tensors.values())
        self.energy = sum(np.square(values, dtype=np.float64).sum() for values in self.tensors.values())

    def run(self, qp):
        """Ratio, bits a weight, and seconds of encoding and decoding at a parameter."""
        if qp not in self.runs:
            copies = {name: values.copy() for name, values in self.tensors.items()}
            start = time.perf_counter()
            coded = nnc.compress(copies, bitstream_path=self.stream, qp=qp, return_bitstream=True)
            encoding, copy = time.perf_counter() - start, bytearray(coded)
            start = time.perf_counter()
            decoded = nnc.decompress(copy)
            decoding = time.perf_counter() - start
            error = sum(np.square(v.astype(np.float64) - decoded[name]).sum() for name, v in self.tensors.items())
            bits = 8 * len(coded) / self.weights
            self.runs[qp] = 10 * np.log10(self.energy / error), bits, encoding, decoding
        return self.runs[qp]

    def at(self, ratio):
        qp = QP - round((ratio - DB) / SLOPE)
        while self.run(qp)[0] < ratio:
            qp -= 1
        while self.run(qp + 1)[0] >= ratio:
            qp += 1
        fine, coarse = self.run(qp), self.run(qp + 1)
        part = (ratio - coarse[0]) / (fine[0] - coarse[0])
        nearer = fine if part > 0.5 else coarse
        return {
            "bits": coarse[1] + part * (fine[1] - coarse[1]),
            "encoded_million_per_second": self.weights / nearer[2] / 1e6,
            "decoded_million_per_second": self.weights / nearer[3] / 1e6,
        }


if __name__ == "__main__":
    codec = Codec(sys.argv[1], sys.argv[2])
    print(json.dumps([codec.at(float(ratio)) for ratio in sys.argv[3:]]))
