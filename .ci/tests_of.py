"""Names test programs of some crates: cargo test --no-run --message-format json | python3 .ci/tests_of.py CRATE...

Prints a line for each, the crate's folder and the program. A crate that is given as NAME:TEST,... has only those programs.
"""

import json
import os
import sys

wanted = dict(argument.partition(":")[::2] for argument in sys.argv[1:])
found = set()
for line in sys.stdin:
    message = json.loads(line) if line.startswith("{") else {}
    if not message.get("executable") or not message["profile"]["test"]:
        continue
    folder = os.path.dirname(message["manifest_path"])
    name, target = os.path.basename(folder), message["target"]["name"]
    if name in wanted and (not wanted[name] or target in wanted[name].split(",")):
        found.add((name, target))
        print(folder, message["executable"])

missing = [name for name in wanted if name not in {crate for crate, _ in found}]
missing += [f"{n}:{t}" for n, ts in wanted.items() for t in ts.split(",") if t and (n, t) not in found]
if missing:
    sys.exit(f"no such test programs: {' '.join(missing)}")
