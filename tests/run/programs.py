#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""programs.py FOLDER SUITE: print the ninja targets that the tests of one suite need."""

import json
import os
import subprocess
import sys


def introspect(folder, what):
    command = ["meson", "introspect", what, folder]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def main(folder, suite):
    files = {target["id"]: target["filename"] for target in introspect(folder, "--targets")}
    tests = [test for test in introspect(folder, "--tests")
             if suite in (name.rpartition(":")[2] for name in test["suite"])]
    if not tests:
        sys.exit(f"programs.py: {folder} has no suite \"{suite}\"")
    needed = {name for test in tests for target in test["depends"] for name in files[target]}
    print(*sorted(os.path.relpath(name, folder) for name in needed))


main(*sys.argv[1:])
