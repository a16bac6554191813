#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Check every file below folders, and count exit statuses and rules: corpus.py VIOMMU FOLDER...

For collections of real tables, which are not in the tree: dumps of linuxhw/ACPI, device trees of a
kernel package. Prints a line for each exit status, and one for each rule of a warning or an error,
with the number of files and one of them. docs/tables.md has the counts.
"""
import collections
import concurrent.futures
import os
import re
import subprocess
import sys

FINDING = re.compile(r": (?:warning|error): .*\[([a-z0-9-]+)\]$", re.M)


def check(path):
    """(path, exit status or None for one that does not end, rules)."""
    try:
        done = subprocess.run([sys.argv[1], "check", path], capture_output=True, text=True,
                              errors="replace", check=False, timeout=60)
    except subprocess.TimeoutExpired:
        return path, None, ()
    return path, done.returncode, set(FINDING.findall(done.stdout + done.stderr))


def main():
    paths = [os.path.join(folder, name) for root in sys.argv[2:]
             for folder, _, names in os.walk(root) for name in names]
    statuses, rules, example = collections.Counter(), collections.Counter(), {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as workers:
        for path, status, found in workers.map(check, sorted(paths)):
            statuses[status] += 1
            rules.update(found)
            example.update({rule: path for rule in found if rule not in example})
    for status, n in sorted(statuses.items(), key=str):
        print(f"{n:6} files, exit status {status}")
    for rule, n in rules.most_common():
        print(f"{n:6} files, {rule}: {example[rule]}")


if __name__ == "__main__":
    main()
