#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The ABI of a library is that of its baseline: abi.py [--renew] BASELINE LIBRARY HEADERS

The baseline is of x86_64 and gcc. New functions are no difference; any other change is one, also that a
struct grows: if it is meant, ./run abi renews the baselines. Exit status 77, which is a skipped test,
if libabigail is not there or the library is of another kind.
"""

import os
import platform
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77


def write(baseline, library, headers):
    return subprocess.run(["abidw", "--headers-dir", headers, "--no-corpus-path",
                           "--drop-private-types", "--no-show-locs", "--no-comp-dir-path",
                           "--out-file", baseline, library],
                          check=False).returncode


def compare(baseline, library, headers):
    if not shutil.which("abidiff") or platform.machine() != "x86_64":
        print("skipped: abidiff (abigail-tools) and an x86_64 are needed")
        return SKIPPED
    sections = subprocess.run(["readelf", "-SW", library], check=True, capture_output=True,
                              text=True).stdout
    if ".debug_info" not in sections:
        print("skipped: the library has no debug information")
        return SKIPPED
    with tempfile.NamedTemporaryFile(suffix=".abi") as now:
        if write(now.name, library, headers):
            return 1
        run = subprocess.run(["abidiff", "--no-added-syms", baseline, now.name], check=False,
                             capture_output=True, text=True)
    print(run.stdout + run.stderr, end="")
    if run.returncode:
        print(f"the ABI of {os.path.basename(library)} differs from {baseline}: "
              "if that is meant, run `./run abi`")
    return 1 if run.returncode else 0


def main(arguments):
    if arguments[0] == "--renew":
        return write(*arguments[1:])
    return compare(*arguments)


sys.exit(main(sys.argv[1:]))
