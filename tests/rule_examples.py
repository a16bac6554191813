#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Write what `viommu help RULE` shows as an example: a finding about the file that breaks the rule.

    rule_examples.py [--check] VIOMMU TESTS OUT.c

TESTS is tests/tables, with a file that breaks each rule. --check only tells whether OUT.c is fresh.
Rules of hosts, plans and memory maps are not about one file, and have no example.
"""
import itertools
import json
import pathlib
import re
import subprocess
import sys

HEAD = """/* SPDX-License-Identifier: BSD-3-Clause */
/* Written by tests/rule_examples.py: a finding for each rule, about the file that tests refuse. */
#include "rules.h"

/* clang-format off */
const struct rule_example rule_examples[] = {
"""
TABLES = {"builtin": "builtin-v3", "draft": "viot-2019", "dt": "dtb", "table": "iort"}
LINE = re.compile(r"^[^\n]*?: (?:note|warning|error): ([^\n]*) \[([a-z0-9-]+)\]$", re.M)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, errors="replace")


def checked(viommu, path):
    """(id, text, cure) of each finding of `viommu check`."""
    form = ["--as", path.suffix[1:]] if path.suffix.startswith(".builtin") else []
    answer = run(viommu, "check", "--json", *form, str(path))
    try:
        findings = json.loads(answer.stdout)["findings"]
    except (json.JSONDecodeError, KeyError):
        return []
    return [(finding["id"], finding["text"], finding.get("cure")) for finding in findings]


def generated(viommu, path):
    """The same of what `viommu generate` and `convert` say; the cure is behind the last semicolon."""
    prefix = path.name.partition("-")[0]
    base = path.with_suffix(".base")
    into = ["--into", str(base)] if base.exists() else []
    table = TABLES.get(prefix, prefix)
    if prefix == "image":
        address = "0xfffffffffffffff0" if path.stem == "image-address" else "16"
        into = ["--address", address, *(["--with", str(base)] if base.exists() else [])]
        table = "acpi"
    commands = [["generate", "-o", "/dev/null", *into, table, str(path)],
                ["convert", "-o", "/dev/null", "--to", "dtb", str(path)],
                ["generate", "-o", "/dev/null", *into, "srat", str(path)]]
    for command in commands:
        for text, rule in LINE.findall(run(viommu, *command).stderr):
            problem, _, cure = text.rpartition("; ")
            yield (rule, problem or text, cure if problem else None)


def example(viommu, tests, rule):
    for path in sorted(tests.glob(f"**/refused/{rule}.*")):
        for found in itertools.chain(checked(viommu, path), generated(viommu, path)):
            if found[0] == rule:
                return found[1:]
    return None


def quoted(text):
    """A string of C. The folder of the tests is not the reader's."""
    return json.dumps(text, ensure_ascii=False) if text else "NULL"


def main(arguments):
    check = arguments[:1] == ["--check"]
    viommu, tests, out = arguments[check:]
    tests, out = pathlib.Path(tests), pathlib.Path(out)
    rules = json.loads(run(viommu, "check", "--rules", "--json").stdout)["rules"]
    text = HEAD
    for rule in rules:
        found = example(viommu, tests, rule["id"])
        if found:
            problem = found[0].replace(f"{tests}/", "")
            text += f'\t{{ "{rule["id"]}",\n\t  {quoted(problem)},\n\t  {quoted(found[1])} }},\n'
    text += "\t{ 0 },\n};\n"
    if not check:
        out.write_text(text)
    elif out.read_text() != text:
        sys.exit(f"{out} is stale: ./run documents")


if __name__ == "__main__":
    main(sys.argv[1:])
