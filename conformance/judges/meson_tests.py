#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the build, by name, where one that is skipped is no success.

    meson_tests.py BUILD PATTERN

The tests of the folder BUILD whose names match run as `meson test` runs them, which itself succeeds if all are
skipped. Exit status 1: a test fails, or none has such a name; 77: a test was skipped, and none fails.
"""

import fnmatch
import json
import os
import subprocess
import sys
from pathlib import Path

SKIPPED = 77


def tests(build, pattern):
    every = json.loads(Path(build, "meson-info/intro-tests.json").read_text(encoding="utf-8"))
    return [test for test in every if fnmatch.fnmatchcase(test["name"], pattern)]


def status_of(test, build):
    """The exit status; a test that hangs fails. What it says is shown unless it passes."""
    try:
        done = subprocess.run(test["cmd"], cwd=test["workdir"] or build, env=os.environ | test["env"], text=True,
                              errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              timeout=test["timeout"] * 2)
    except subprocess.TimeoutExpired:
        print(f"{test['name']}: not finished in {test['timeout'] * 2} s")
        return 1
    if done.returncode:
        print(f"{test['name']}: {done.stdout.strip() or f'status {done.returncode}'}")
    return done.returncode


def main():
    build, pattern = sys.argv[1:]
    chosen = tests(build, pattern)
    if not chosen:
        sys.exit(f"{build}: no test is called {pattern}")
    statuses = {test["name"]: status_of(test, build) for test in chosen}
    failed = [name for name, status in statuses.items() if status not in (0, SKIPPED)]
    skipped = [name for name, status in statuses.items() if status == SKIPPED]
    print(f"{len(chosen)} tests, failed: {', '.join(failed) or 'none'}, skipped: {', '.join(skipped) or 'none'}")
    sys.exit(1 if failed else SKIPPED if skipped else 0)


if __name__ == "__main__":
    main()
