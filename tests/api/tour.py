#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""docs/design.md names what there is: tour.py SOURCE

Every folder with sources has a row in the tour, with a file to read first that is in it. Every file and
function that the page names exists, and "`name()` in `file`" is true.
"""

import re
import sys
from pathlib import Path

PAGE = "docs/design.md"
SPLIT = {"src", "tables", "qemu"}       # their folders are rooms
ROW = re.compile(r"^\| ((?:`[\w/]+/`(?:, )?)+) \| ([^|]+) \|", re.M)
FILE = re.compile(r"`([\w./-]+\.(?:c|h|md|pml|py|sh))`")
FUNCTION = re.compile(r"`(\w+)\(\)`")
PLACED = re.compile(r"`(\w+)\(\)`\s+in\s+`([\w./-]+)`")
CODE = (".c", ".h", ".py")


def sources(root):
    """The project's files, as paths from the root."""
    tops = [path for path in root.iterdir()
            if path.is_dir() and not path.name.startswith((".", "build"))]
    return {str(path.relative_to(root)): path for top in tops for path in top.rglob("*")
            if path.is_file()}


def rooms(files):
    found = set()
    for name in files:
        parts = name.split("/")
        if name.endswith((".c", ".h")):
            depth = 2 if parts[0] in SPLIT and len(parts) > 2 else 1
            found.add("/".join(parts[:depth]) + "/")
    return found - {f"{room}/" for room in SPLIT}


def named(files, name):
    return [path for path in files if path == name or path.endswith("/" + name)]


def has_function(text, name):
    return re.search(rf"\b{name}\(", text)


def wrong_rows(text, files):
    first = {}
    for row in ROW.finditer(text):
        for room in re.findall(r"`([\w/]+)`", row[1]):
            first[room] = re.findall(r"`([^`]+)`", row[2])
    for room in sorted(rooms(files) - first.keys()):
        if not any(other.startswith(room) for other in first):
            yield f"no row for {room}"
    for room, names in first.items():
        if not any(name.startswith(room) for name in files):
            yield f"there is no {room}"
        elif not any(room + name in files for name in names):
            yield f"{room} has none of {', '.join(names)}"


def wrong_names(text, files):
    for name in sorted(set(FILE.findall(text))):
        if not named(files, name):
            yield f"there is no {name}"
    code = {name: path.read_text(encoding="utf-8", errors="replace")
            for name, path in files.items() if name.endswith(CODE) and not name.startswith("docs/")}
    whole = "\n".join(code.values())
    for name in sorted(set(FUNCTION.findall(text))):
        if not has_function(whole, name):
            yield f"there is no {name}()"
    for name, place in sorted(set(PLACED.findall(text))):
        if not any(re.search(rf"^[a-z][^;\n]*\b{name}\(", code.get(path, ""), re.M)
                   for path in named(files, place)):
            yield f"{name}() is not in {place}"


def main(source):
    root = Path(source)
    text, files = (root / PAGE).read_text(encoding="utf-8"), sources(root)
    wrong = [*wrong_rows(text, files), *wrong_names(text, files)]
    for line in wrong:
        print(f"{PAGE}: {line}", file=sys.stderr)
    print(f"{len(rooms(files))} rooms")
    return bool(wrong) or not ROW.search(text)


sys.exit(main(*sys.argv[1:]))
