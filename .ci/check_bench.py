"""Checks the last line of `cargo xtask bench --quick --json`: all figures are there, and sizes are what they were.

Speeds depend on the machine and are only printed. Usage: check_bench.py FILE
"""

import json
import sys

SPEEDS = (
    "prior_ns_per_weight prior_copy_ns_per_weight prior_k256_over_k17 decode_mweights_per_s decode_u8_mweights_per_s "
    "zstd_decode_mweights_per_s encode_mweights_per_s codebook_fit_seconds"
).split()

# File beside order-0 entropy, at most: streams of independent draws, and one of rows and columns of different densities.
SIZES = {
    "dense_over_entropy": 1.003,
    "pruned_over_entropy": 1.003,
    "independent_over_entropy": 1.01,
    "sparse_over_entropy": 0.95,
}

with open(sys.argv[1]) as file:
    figures = json.loads(file.read().splitlines()[-1])
print(json.dumps(figures, indent=1))
wrong = [name for name in SPEEDS if not figures.get(name, 0) > 0]
wrong += [name for name, most in SIZES.items() if not 0 < figures.get(name, 0) <= most]
wrong += [f"step_ms of {name}" for name in ("lenet-300-100", "lenet-5-caffe", "resnet-20") if not figures["step_ms"].get(name)]
if wrong:
    sys.exit(f"missing or too large: {', '.join(wrong)}")
