#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keep the generated parts of docs/tables.md: the rules, and what each table cannot describe.

    tables_doc.py [--check] VIOMMU LOSSES DOCUMENT

VIOMMU is the command, which lists the rules; LOSSES is tests/tables/losses. Writes what is between the
markers of each part; with --check only tells whether it is fresh. "Supported tables" is written by hand: it must have a
row for each table, which says whether the table can be generated.
"""
import pathlib
import re
import subprocess
import sys

NAMES = {"APIC": "MADT", "VIOT-2019": "VIOT, draft of 2019", "DTB": "device tree",
         "builtin": "built-in topology"}
RULE = re.compile(r"(?P<id>\S+): (?P<severity>\w+)\n    (?P<text>.*)\n    from: (?P<clause>.*)\n"
                  r"(?:    Linux: (?P<linux>.*)\n)?")


def cell(text):
    return (text or "").replace("|", "\\|")


def rules(listing):
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


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def replace(document, part, text):
    begin, end = f"<!-- {part}: made by tests/tables_doc.py -->\n", f"<!-- end of {part} -->\n"
    head, found, rest = document.partition(begin)
    _, found_end, tail = rest.partition(end)
    if not (found and found_end):
        sys.exit(f"the document has no part for {part}")
    return head + begin + "\n" + text + "\n" + end + tail


def unsupported(document, tables):
    """What "Supported tables" does not say of "VIOT: yes" ..., one table a line."""
    section = document.partition("\n## Supported tables\n")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.splitlines()
            if line.startswith("| ")]
    for signature, generated in (line.split(": ") for line in tables.splitlines()):
        name = NAMES.get(signature.partition("-v")[0], signature)
        found = [row for row in rows if row[0] == name or name in row[0].split(", ")
                 or row[0].startswith(name + ", ") and name in NAMES.values()]
        if not found:
            yield f'"Supported tables" has no row for {signature}'
        elif (found[0][3] == "no") != (generated == "no"):
            yield f'"Supported tables": {signature} is generated: {generated}'


def main():
    check = sys.argv[1:2] == ["--check"]
    command, losses, document = sys.argv[1 + check:]
    document = pathlib.Path(document)
    before = document.read_text()
    after = replace(before, "rules", rules(output(command, "check", "--rules")))
    after = replace(after, "losses", output(losses))
    wrong = list(unsupported(before, output(losses, "--tables")))
    if wrong:
        sys.exit("\n".join(f"{document.name}: {line}" for line in wrong))
    if not check:
        document.write_text(after)
    elif before != after:
        sys.exit(f"{document.name} is not what the sources say: run ./run documents")


if __name__ == "__main__":
    main()
