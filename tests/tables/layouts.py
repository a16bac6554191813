#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Name each layout of tables/ that no table of the tests has: layouts.py VIOMMU SOURCE

A layout is a LAYOUT(...) with rows of its own, found in the text of the source. Tables are those below
tests/golden and tests/tables; the command dumps them. A name with N layouts in one folder of tables/
has to occur with N different lists of fields. What is missing belongs into EVERY of the module that
generates the refused files of the table (make_refused.py).
"""
import collections
import json
import re
import subprocess
import sys
from pathlib import Path

DEFINE = re.compile(r"^#define (\w+)\(([\w, ]+)\)\s+LAYOUT\(([^()]*)\)", re.M)
USE = r"\b{}\(([^()]*)\)"
TABLES = ("tests/golden", "tests/tables")
NO_TABLES = {".base", ".c", ".cmd", ".gz", ".h", ".md", ".pci", ".py", ".topology", ".txt", ".yaml"}
LARGEST = 1 << 20


ARGUMENT = re.compile(r'\s*("[^"]*"|[^,]*)\s*(?:,|$)')


def arguments(text):
    return [argument.strip().strip('"') for argument in ARGUMENT.findall(text)][:-1]


def layouts_of(text):
    """(name, rows) of each layout of a source file: the first and the last argument of LAYOUT."""
    text = text.replace("\\\n", " ")
    uses = re.sub(r"^#define.*", "", text, flags=re.M)
    for macro, parameters, body in [("LAYOUT", "", ""), *DEFINE.findall(text)]:
        for given in map(arguments, re.findall(USE.format(macro), uses)):
            values = dict(zip(arguments(parameters), given))
            made = [values.get(argument, argument) for argument in arguments(body)] if body else given
            yield made[0], made[-1]


def read_layouts(source):
    """(folder, name) -> the lists of rows that structures of this name may have."""
    layouts = collections.defaultdict(set)
    for path in sorted((source / "tables").rglob("*.c")):
        for name, rows in layouts_of(path.read_text(encoding="utf-8")):
            layouts[path.parent.name, name].add(rows)
    return layouts


def tables_below(folder):
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in NO_TABLES and path.stat().st_size < LARGEST:
            yield path


def dump(viommu, path):
    """The tables of a file as JSON; none if the command cannot decode it."""
    form = path.suffix[1:]
    options = ["--as", form] if form.startswith("builtin-") else []
    done = subprocess.run([viommu, "dump", "--json", *options, path], capture_output=True, check=False)
    return json.loads(done.stdout)["tables"] if done.stdout else []


def walk(record, folder, folders, seen):
    """Add the fields of a structure and of those inside. A name of one folder only, which the head of
    each table has, selects the folder for the names that several have."""
    name = record.get("structure")
    if len(folders.get(name, ())) == 1:
        folder, = folders[name]
    seen[folder, name].add(tuple(record.get("fields", ())))
    for inner in record.get("records", ()):
        walk(inner, folder, folders, seen)


def main(viommu, source):
    layouts, seen = read_layouts(source), collections.defaultdict(set)
    folders = collections.defaultdict(set)
    for folder, name in layouts:
        folders[name].add(folder)
    paths = [path for place in TABLES for path in tables_below(source / place)]
    for path in paths:
        for table in dump(viommu, path):
            walk(table.get("table") or {}, "", folders, seen)
    bad = [f"{folder}: {len(rows)} layouts \"{name}\", and the tables have {len(seen[folder, name])}"
           for (folder, name), rows in layouts.items() if len(seen[folder, name]) < len(rows)]
    n = sum(map(len, layouts.values()))
    print("\n".join(bad) or f"{n} layouts, each in one of {len(paths)} files")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
