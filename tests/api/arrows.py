#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A folder is a layer, and arrows between layers run one way (docs/design.md)

An arrow is an include. The files of qemu/ all include qemu/iommu.h, whose sections tell which file
defines what: there an arrow is the use of a name, and every section must be correct.
"""

import os
import re
import sys

# What the files of each folder may include of the project's own, longest folder first. Every
# folder may include itself and the public headers.
FLOOR = ["src/wire", "base", "json"]
FIRST = ["tables/findings", "tables/record", "tables/model"]
SECOND = ["tables/dumps", "tables/fdt", "tables/text", "tables/routes"]
THIRD = ["tables/table", "tables/check", "tables/graph"]
ALLOWED = {
    "src/wire": [],
    "src/record": ["src/wire"],
    "src/sync": [],
    "src/map": ["src/sync"],
    "src/pgtable": [],
    "src/backend": ["src/wire", "src/sync", "src/map"],
    "src/transport": ["src/wire"],
    "src/device": ["src/wire", "src/sync", "src/map", "src/pgtable", "src/transport", "src/record"],
    "base": [],
    "json": ["base"],
    # Floor by floor: a room uses those of the floors below it, of its own floor only what is named.
    "tables/findings": FLOOR,
    "tables/record": [*FLOOR, "tables/findings"],
    "tables/model": [*FLOOR, "tables/findings"],
    "tables/dumps": [*FLOOR, *FIRST],
    "tables/fdt": [*FLOOR, *FIRST],
    "tables/text": [*FLOOR, *FIRST],
    "tables/routes": [*FLOOR, *FIRST],
    "tables/table": [*FLOOR, *FIRST, *SECOND],
    "tables/check": [*FLOOR, *FIRST, *SECOND],
    "tables/graph": [*FLOOR, *FIRST, *SECOND],
    "tables/formats": [*FLOOR, *FIRST, *SECOND, "tables/table"],
    "tables/api": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/formats"],
    "tables/diff": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/api"],
    "tables/acpi": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/formats", "tables/api"],
    "tables/machine": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/formats", "tables/api"],
    "tables/public": [*FLOOR, *FIRST, *SECOND, *THIRD, "tables/formats", "tables/api", "tables/acpi",
                      "tables/diff", "tables/machine"],
    "host": ["base", "json"],
    "guest": [],
    "machine": ["guest"],
    "plan": ["json"],
    "tools": ["machine", "base", "json", "plan", "src/record", "src/wire"],
    "examples": [],
}
# Formats are independent of each other: each folder is a room.
FORMAT = re.compile(r"(tables/formats)/\w+/")
# In qemu/ a room uses itself and the rooms before it.
QEMU_ROOMS = ["firmware", "endpoint", "dma", "device", "build"]
SECTION = re.compile(r"^/\* -- (.*?) -+ \*/\n", re.M)
COMMENT = re.compile(r"/\*.*?\*/", re.S)
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


def read_text(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def names_declared(text):
    """Functions and variables that a section of a header declares."""
    for statement in re.findall(r"^[^\s#}/].*?;", COMMENT.sub("", text), re.M | re.S):
        if statement.startswith("typedef"):
            continue
        if statement.startswith("extern"):
            yield from re.findall(r"(\w+)(?=[,;])", statement)
        else:
            yield re.search(r"(\w+)\(", statement)[1]


def qemu_homes(header):
    """name -> the files that its section names"""
    parts = SECTION.split(header)[1:]
    return {name: re.findall(r"\w+/\w+\.c", title)
            for title, text in zip(parts[::2], parts[1::2]) for name in names_declared(text)}


def check_qemu(root):
    """What is wrong in qemu/, and how many names are used across its files."""
    folder, wrong, arrows = os.path.join(root, "qemu"), [], 0
    homes = qemu_homes(read_text(folder, "iommu.h"))
    sources = [os.path.relpath(os.path.join(at, name), folder)
               for at, _, names in os.walk(folder) for name in names if name.endswith(".c")]
    defined = set()
    for source in sorted(sources):
        room = os.path.dirname(source)
        if room not in QEMU_ROOMS:
            wrong.append(f"qemu/{source} is in a room that QEMU_ROOMS does not know")
            continue
        text = COMMENT.sub("", read_text(folder, source))
        wrong += [f"qemu/{source} includes {name}" for name in INCLUDE.findall(text)
                  if name != "iommu.h" and os.path.exists(os.path.join(folder, name))]
        for name in sorted(set(re.findall(r"\w+", text)) & homes.keys()):
            if source in homes[name]:
                defined.add(name)
                continue
            arrows += 1
            home = os.path.dirname(homes[name][0])
            if QEMU_ROOMS.index(home) > QEMU_ROOMS.index(room):
                wrong.append(f"qemu/{source} uses {name}() of qemu/{homes[name][0]}")
    wrong += [f"qemu/iommu.h: {name} is not in {' or '.join(homes[name])}"
              for name in homes.keys() - defined]
    return wrong, arrows


def main(root):
    wrong, arrows = check_qemu(root)
    uses = arrows
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
            for include in INCLUDE.findall(read_text(root, source)):
                included = resolve(root, source, include)
                if not included:
                    continue
                arrows += 1
                if wrong_arrow(layer, included):
                    wrong.append(f"{source} includes {included}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{arrows - uses} includes and {uses} uses in qemu/ looked at")
    return 1 if wrong or not uses or arrows == uses else 0


sys.exit(main(sys.argv[1]))
