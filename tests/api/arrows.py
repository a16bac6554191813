#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A folder is a layer, and include arrows between layers run one way (docs/design.md)."""

import os
import re
import sys

# What the files of each folder may include of the project's own, longest folder first. Every
# folder may include itself and the public headers.
FLOOR = ["src/wire", "base", "json"]
FIRST = ["tables/findings", "tables/record", "tables/model"]
SECOND = ["tables/fdt", "tables/text", "tables/routes"]
THIRD = ["tables/table", "tables/check", "tables/graph"]
ALLOWED = {
    "src/wire": [],
    "src/sync": [],
    "src/map": ["src/sync"],
    "src/pgtable": [],
    "src/backend": ["src/wire"],
    "src/transport": ["src/wire"],
    "src/device": ["src/wire", "src/sync", "src/map", "src/pgtable", "src/transport"],
    "base": [],
    "json": ["base"],
    # Floor by floor: a room uses those of the floors below it, of its own floor only what is named.
    "tables/findings": FLOOR,
    "tables/record": [*FLOOR, "tables/findings"],
    "tables/model": [*FLOOR, "tables/findings"],
    "tables/fdt": [*FLOOR, *FIRST],
    "tables/text": [*FLOOR, *FIRST],
    "tables/routes": [*FLOOR, *FIRST],
    "tables/table": [*FLOOR, *FIRST, *SECOND],
    "tables/check": [*FLOOR, *FIRST, *SECOND],
    "tables/graph": [*FLOOR, *FIRST, *SECOND],
    "tables/formats": [*FLOOR, *FIRST, *SECOND, "tables/table"],
    "tables/api": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/formats"],
    "tables/diff": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/api"],
    "tables/machine": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/formats", "tables/api"],
    "tables/public": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/formats", "tables/api", "tables/diff",
                      "tables/machine"],
    "host": ["json"],
    "machine": [],
    "plan": ["json"],
    "tools": ["machine", "base", "json", "plan"],
    "examples": [],
}
# Formats do not know each other: the folder of each is a room of its own.
FORMAT = re.compile(r"(tables/formats)/\w+/")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
PUBLIC_OF_TABLES = {"findings.h", "topology.h", "tables.h", "host.h"}


def layer_of(path):
    if FORMAT.match(path):
        return os.path.dirname(FORMAT.match(path)[0])
    fitting = [layer for layer in ALLOWED if path.startswith(layer + "/")]
    return max(fitting, key=len) if fitting else None


def resolve(root, source, name):
    """The project's own file that an include means, as a path from the root, or None."""
    for folder in (os.path.dirname(source), "src", "include", "machine", "."):
        path = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(os.path.join(root, path)):
            return path
    return None


def is_in(layer, room):
    return layer == room or layer.startswith(room + "/")


def wrong_arrow(layer, included):
    if included.startswith("include/"):
        return layer.startswith("src/") and os.path.basename(included) in PUBLIC_OF_TABLES
    target = layer_of(included)
    allowed = ALLOWED["tables/formats" if FORMAT.match(layer + "/") else layer]
    return target not in (None, layer) and not any(is_in(target, room) for room in allowed)


def main(root):
    wrong, arrows = [], 0
    for folder, _, names in os.walk(root):
        for name in names:
            source = os.path.relpath(os.path.join(folder, name), root)
            layer = layer_of(source)
            if not name.endswith((".c", ".h")):
                continue
            if not layer and re.match(r"(src|tables)/\w+/", source):
                wrong.append(f"{source} is in a room that ALLOWED does not know")
            if not layer:
                continue
            with open(os.path.join(root, source), encoding="utf-8") as file:
                text = file.read()
            for include in INCLUDE.findall(text):
                included = resolve(root, source, include)
                if not included:
                    continue
                arrows += 1
                if wrong_arrow(layer, included):
                    wrong.append(f"{source} includes {included}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{arrows} includes looked at")
    return 1 if wrong or not arrows else 0


sys.exit(main(sys.argv[1]))
