#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""programs.py FOLDER SUITE...: print the ninja targets that the tests of these suites need.

There is always one, as ninja without a target builds all.
"""

import json
import os
import subprocess
import sys


def introspect(folder, what):
    command = ["meson", "introspect", what, folder]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def suites_of(test):
    return {name.rpartition(":")[2] for name in test["suite"]}


def main(folder, suites):
    # What meson knows of the tests is that of the last configuration, and meson.build may be newer.
    configured = subprocess.run(["ninja", "-C", folder, "build.ninja"], check=False, stdout=subprocess.PIPE, text=True)
    if configured.returncode:
        sys.exit(f"{configured.stdout}programs.py: {folder} cannot be configured again")
    files = {target["id"]: target["filename"] for target in introspect(folder, "--targets")}
    tests = introspect(folder, "--tests")
    for suite in suites:
        if not any(suite in suites_of(test) for test in tests):
            sys.exit(f"programs.py: {folder} has no suite \"{suite}\"")
    needed = {name for test in tests if suites_of(test) & set(suites) for target in test["depends"]
              for name in files[target]}
    print("build.ninja", *sorted(os.path.relpath(name, folder) for name in needed))


main(sys.argv[1], sys.argv[2:])
