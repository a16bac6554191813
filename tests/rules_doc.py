#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keep the table of rules in docs/tables.md as `viommu check --rules` has it.

    rules_doc.py [--check] VIOMMU DOCUMENT

Writes what stands between the two markers; with --check only says whether it is fresh.
"""
import pathlib
import re
import subprocess
import sys

BEGIN = "<!-- rules: made by tests/rules_doc.py -->\n"
END = "<!-- end of rules -->\n"
RULE = re.compile(r"(?P<id>\S+): (?P<severity>\w+)\n    (?P<text>.*)\n    from: (?P<clause>.*)\n"
                  r"(?:    Linux: (?P<linux>.*)\n)?")


def cell(text):
    return (text or "").replace("|", "\\|")


def table(listing):
    rows = ["| rule | severity | what holds | from | where it does not, Linux |", "|---|---|---|---|---|"]
    end = 0
    for rule in RULE.finditer(listing):
        if rule.start() != end:
            sys.exit(f"a rule is not as expected: {listing[end:rule.start()]}")
        end = rule.end()
        rows.append(f"| `{rule['id']}` | {rule['severity']} | {cell(rule['text'])} "
                    f"| {cell(rule['clause'])} | {cell(rule['linux'])} |")
    if end != len(listing):
        sys.exit(f"a rule is not as expected: {listing[end:]}")
    return "\n".join(rows) + "\n"


def main():
    check = sys.argv[1:2] == ["--check"]
    command, document = sys.argv[1 + check:]
    document = pathlib.Path(document)
    listing = subprocess.run([command, "check", "--rules"], check=True, capture_output=True,
                             text=True).stdout
    before = document.read_text()
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    after = head + BEGIN + "\n" + table(listing) + "\n" + END + tail
    if not check:
        document.write_text(after)
    elif before != after:
        sys.exit(f"{document.name} has not the rules of viommu: run tests/rules_doc.py")


if __name__ == "__main__":
    main()
