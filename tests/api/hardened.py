#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Linked files have no unnecessary writable memory, and no executable data: hardened.py FILE...

Each file is read with readelf. A broken rule is printed with the file, and the exit status
is 1; 77 without readelf.
"""

import re
import shutil
import subprocess
import sys

# rule -> (readelf's option, what must be found, what must not)
RULES = {
    "the stack is not executable": ("-lW", r"GNU_STACK.*\bRW\b", r"GNU_STACK.*\bRWE\b"),
    "relocations are read-only once made": ("-lW", r"GNU_RELRO", None),
    "all symbols are bound before it starts": ("-dW", r"BIND_NOW|FLAGS.*\bNOW\b", None),
    "nothing is writable and executable": ("-lW", r"LOAD", r"LOAD.*\bRWE\b"),
    "it can be loaded anywhere": ("-hW", r"Type:\s+DYN", None),
}


def broken(path):
    for rule, (option, wanted, unwanted) in RULES.items():
        text = subprocess.run(["readelf", option, path], capture_output=True, text=True,
                              check=True).stdout
        if not re.search(wanted, text) or (unwanted and re.search(unwanted, text)):
            yield rule


def main(paths):
    if not shutil.which("readelf"):
        print("no readelf here")
        return 77
    found = [f"{path}: not so: {rule}" for path in paths for rule in broken(path)]
    print("\n".join(found) or f"{len(paths)} files are hardened")
    return bool(found)


sys.exit(main(sys.argv[1:]))
