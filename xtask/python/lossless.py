"""Compresses a file with zstd and, as numbers of a type, with ZipNN, and gets it back.

    python lossless.py FILE TYPE

Prints one line of JSON: for each codec bytes, and seconds to compress and to decompress in memory, on one thread for
zstd and on those that it takes by itself for ZipNN.
"""

import json
import pathlib
import sys
import time

import zstandard
import zipnn


def timed(work):
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def measure(name, data, compress, decompress):
    coded, encoding = timed(lambda: compress(data))
    back, decoding = timed(lambda: decompress(coded))
    if bytes(back) != data:
        raise SystemExit(f"{name} does not give back what it got")
    return {"codec": name, "bytes": len(coded), "encoding_seconds": encoding, "decoding_seconds": decoding}


if __name__ == "__main__":
    data = pathlib.Path(sys.argv[1]).read_bytes()
    packer = zipnn.ZipNN(input_format="byte", bytearray_dtype=sys.argv[2])
    print(
        json.dumps(
            [
                measure(
                    "zstd -19",
                    data,
                    zstandard.ZstdCompressor(level=19).compress,
                    lambda coded: zstandard.ZstdDecompressor().decompress(coded, max_output_size=len(data)),
                ),
                # It works on what it is given: a copy.
                measure("ZipNN", data, lambda data: packer.compress(bytearray(data)), packer.decompress),
            ]
        )
    )
