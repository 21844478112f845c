#!/usr/bin/env python3
"""Compares the documents of a YAML file, as PyYAML reads them, with a JSON list: same order, values and types.

    manifest_pyyaml.py FILE.yaml EXPECTED.json
"""

import json
import os
import sys

SYSTEM_PYTHON = "/usr/bin/python3"

try:
    import yaml
except ImportError:
    # Debian's python3-yaml is there for Debian's python3 only, which may not be the first on PATH.
    if os.path.realpath(sys.executable) == os.path.realpath(SYSTEM_PYTHON):
        sys.exit("PyYAML is not installed (python3-yaml)")
    os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])


def main(yaml_file, json_file):
    with open(json_file, encoding="utf-8") as file:
        expected = json.load(file)
    with open(yaml_file, encoding="utf-8", newline="") as file:
        text = file.read()
    differing = 0
    documents = list(yaml.safe_load_all(text))
    for number, (read, wanted) in enumerate(zip(documents, expected)):
        # repr: True is not 1, and the order of keys counts.
        if repr(read) != repr(wanted):
            differing += 1
            print(f"document {number}:\n  read   {read!r}\n  wanted {wanted!r}", file=sys.stderr)
    print(len(documents), "documents")
    return 1 if differing or len(documents) != len(expected) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
