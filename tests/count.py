#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Count the results in meson's testlog.json: passed, failed, skipped.

A cmocka program counts as many times as it has tests: its own lines say so. Any other
test counts once.
"""

import json
import re
import sys

LINE = re.compile(r"^\[ *(OK|FAILED|SKIPPED) *\] \S", re.M)
COLUMN = {"OK": 0, "FAILED": 1, "SKIPPED": 2}


def count(entry):
    counts = [0, 0, 0]
    output = (entry.get("stdout") or "") + (entry.get("stderr") or "")
    for result in LINE.findall(output):
        counts[COLUMN[result]] += 1
    good = entry["result"] in ("OK", "EXPECTEDFAIL")
    if not good and entry["result"] != "SKIP" and not counts[1]:
        counts[1] = 1
    if not any(counts):
        counts[0 if good else 2] = 1
    return counts


def main(path):
    totals = [0, 0, 0]
    with open(path, encoding="utf-8") as log:
        for line in log:
            for i, n in enumerate(count(json.loads(line))):
                totals[i] += n
    print(*totals)


main(sys.argv[1])
