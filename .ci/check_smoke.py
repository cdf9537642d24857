"""Checks the figures of a smoke run: python3 .ci/check_smoke.py RESULT.json"""

import json
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    result = json.load(file)

failures = []


def check(what, holds):
    print(("ok    " if holds else "WRONG ") + what)
    if not holds:
        failures.append(what)


check(f"network is {result['network']}", result["network"] == "digits-mlp")
check(f"float error {result['float_error']:.2f} % is at most 5", result["float_error"] <= 5.0)
check(
    f"compressed error {result['compressed_error']:.2f} % is within 2 points of float",
    result["compressed_error"] <= result["float_error"] + 2.0,
)
check(f"original size is 4 bytes a parameter: {result['original_bytes']}", result["original_bytes"] == 4 * 17226)
check(f"ratio {result['ratio']:.1f} is at least 20", result["ratio"] >= 20.0)
check(
    "ratio is original bytes by file bytes",
    abs(result["ratio"] - result["original_bytes"] / result["file_bytes"]) < 0.01,
)
check(f"sparsity {result['sparsity']:.3f} is above 0.5", result["sparsity"] > 0.5)
check(f"{len(result['layers'])} layers are listed", len(result["layers"]) == 6)
check(f"took {result['seconds']:.1f} s", result["seconds"] < 60.0)
print(f"{'FAILED' if failures else 'passed'}: {len(failures)} wrong")
sys.exit(bool(failures))
