#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Generate the files that break a rule of bytes, and refused.list with one line for each.

The refused/ folder of a room has the files that break the rules of this room. A module there defines them; it may have

    TABLES      suffix -> rule -> (bytes, place, exit, also...): a file to be checked
    TOPOLOGIES  rule -> (text, place, exit, also...): a topology to generate the table from
    BASES       rule -> bytes: the table that the topology of this rule is put into
    LARGE       rules whose files are too large for the tree; tests generate them while building
    EVERY       suffix -> bytes: a table of the room with a structure of each layout (layouts.py)

Each file is a good table with one error. It is named after the rule that the error breaks; a
.topology is generated into the table of the rule, any other file is checked, a .builtin-... as a
built-in topology of that form. A line of refused.list is

    FILE PLACE EXIT [ALSO...]

PLACE is an offset, LINE:COLUMN of a text, a path in a device tree, or "-". EXIT is the exit status of
the command. ALSO are further rules that the same error breaks.

    make_refused.py                         write the files and the list
    make_refused.py --check                 name files that differ from what is generated
    make_refused.py --large FOLDER DEPFILE  write FOLDER/large, a stamp, and what they are made of
"""
import importlib
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
LIST = "refused.list"
SOURCES = sorted(HERE.glob("**/refused/*.py"))
HAND_WRITTEN = {".py", ".yaml"}

sys.dont_write_bytecode = True  # no __pycache__ in the rooms


def files_of(module):
    """(name, content, place, exit, also) of each file of a module."""
    tables = getattr(module, "TABLES", {}) | {".topology": getattr(module, "TOPOLOGIES", {})}
    for suffix, files in tables.items():
        for rule, (content, place, status, *also) in files.items():
            yield rule + suffix, content, place, status, also


def outputs():
    """Two dictionaries from path to content: what the tree keeps, and what is too large for it."""
    kept, large, lines = {}, {}, []
    for path in SOURCES:
        sys.path.insert(1, str(path.parent))
    for path in SOURCES:
        module, folder = importlib.import_module(path.stem), path.parent.relative_to(HERE)
        for name, content, place, status, also in files_of(module):
            is_large = name.split(".")[0] in getattr(module, "LARGE", ())
            (large if is_large else kept)[folder / name] = content
            at = f"0x{place:x}" if isinstance(place, int) else place
            lines.append(" ".join([str(folder / name), at, str(status), *also]))
        for rule, content in getattr(module, "BASES", {}).items():
            kept[folder / f"{rule}.base"] = content
        for suffix, content in getattr(module, "EVERY", {}).items():
            kept[folder.parent / f"every-layout{suffix}"] = content
    kept[pathlib.Path(LIST)] = ("\n".join(lines) + "\n").encode()
    return kept, large


def write_large(large, folder, depfile):
    (folder / "large").mkdir(exist_ok=True)
    for path, content in large.items():
        (folder / "large" / path.name).write_bytes(content)
    stamp = folder / "large.stamp"
    stamp.write_text("".join(f"{path.name}\n" for path in large), encoding="utf-8")
    inputs = [*SOURCES, HERE / "acpi.py"]
    depfile.write_text(f"{stamp.name}: {' '.join(str(path) for path in inputs)}\n",
                       encoding="utf-8")


def differs(path, content):
    return not path.exists() or path.read_bytes() != content


def main():
    kept, large = outputs()
    if sys.argv[1:2] == ["--large"]:
        write_large(large, *map(pathlib.Path, sys.argv[2:]))
        return 0
    stale = [path for path, content in kept.items() if differs(HERE / path, content)]
    if sys.argv[1:] == ["--check"]:
        present = (path.relative_to(HERE) for path in HERE.glob("**/refused/*.*"))
        stale += [path for path in present
                  if path not in kept and path.suffix not in HAND_WRITTEN]
        for path in stale:
            print(f"tests/tables/{path} is not what make_refused.py generates")
        return 1 if stale else 0
    for path in stale:
        (HERE / path).write_bytes(kept[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
