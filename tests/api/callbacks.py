#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every callback of libviommu is in a test of what it may call: callbacks.py SOURCE HEADER..."""

import re
import sys
from pathlib import Path

TESTS = ["tests/device/test_callbacks.c", "tests/backend/test_callbacks.c"]
# The library calls all functions of this struct by one macro, and one of them is tested.
BY_MACRO = {"viommu_kernel_ops"}
STRUCT = re.compile(r"^struct (viommu_\w+) \{\n(.*?)^\};", re.M | re.S)
MEMBER = re.compile(r"^\t\w[^;{}]*?\(\*(\w+)\)\(", re.M)
ROW = re.compile(r'^\t\{ "(?:viommu_\w+\.)?(\w+)", \w+ \},$', re.M)


def main(source, *headers):
    tested = {name for test in TESTS
              for name in ROW.findall((Path(source) / test).read_text(encoding="utf-8"))}
    n, missing = 0, []
    for header in map(Path, headers):
        for struct, body in STRUCT.findall(header.read_text(encoding="utf-8")):
            for member in MEMBER.findall(body) if struct not in BY_MACRO else ():
                n += 1
                if member not in tested:
                    missing.append(f"{header.name}: no row for {member} of struct {struct}")
    for line in missing:
        print(line, file=sys.stderr)
    print(f"{n} callbacks")
    return bool(missing) or not n


sys.exit(main(*sys.argv[1:]))
