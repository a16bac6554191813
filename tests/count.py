#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Count the results in meson's testlog.json: passed, failed, skipped.

A cmocka program counts as many times as it has tests: its own lines say so. Any other
test counts once.
"""

import json
import re
import sys

OK = re.compile(r"^\[ +OK \] \S", re.M)
NOT_OK = re.compile(r"^\[ +(FAILED|SKIPPED) +\] (?!\d+ test)(\S+)", re.M)


def count(entry):
    output = (entry.get("stdout") or "") + (entry.get("stderr") or "")
    named = set(NOT_OK.findall(output))     # cmocka lists them a second time at the end
    passed = len(OK.findall(output))
    failed = sum(result == "FAILED" for result, _ in named)
    skipped = len(named) - failed
    if entry["result"] in ("OK", "EXPECTEDFAIL"):
        return passed or not skipped, failed, skipped
    if entry["result"] == "SKIP":
        return passed, failed, skipped or 1
    return passed, failed or 1, skipped


def main(path):
    totals = [0, 0, 0]
    with open(path, encoding="utf-8") as log:
        for line in log:
            for i, n in enumerate(count(json.loads(line))):
                totals[i] += n
    print(*totals)


main(sys.argv[1])
