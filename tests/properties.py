#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keep PROBE properties, their tests and their documents together.

    properties.py SOURCE           write the tables in docs/proposal-properties.md and docs/qemu.md
    properties.py SOURCE --check   fail where something is missing

A row of VIOMMU_PROPERTIES in <viommu/protocol.h> is a property: its constants, its members of struct
viommu_endpoint, its encoding, its QEMU property, the tests of every row (tests/device/test_probe.c,
tests/qemu/cases.py) and the tables come from it. Its type is permanent: it is not changed here once the
document has it. A property with a layout of its own needs a test that has its type as a literal.

Each QEMU property, a row of qemu/device/properties.c, needs a row in docs/qemu.md, and a test that sets
it (tests/qemu/ or tests/guest/).
"""

import re
import sys
from collections import namedtuple
from functools import reduce
from operator import or_
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
Row = namedtuple("Row", "name type has member bits text")

DEFINE = re.compile(r"#define VIOMMU_PROBE_T_(\w+)\s+(\w+)")
FLAG = re.compile(r"#define (VIOMMU_\w+_F_\w+)\s+\(1u << (\d+)\)")
QEMU = re.compile(r'(?:ROW(?:_STRING)?|DEFINE_PROP_LINK)\((?:\w+, )?"([\w-]+)"')
ROW = re.compile(r'ROW\((\w+), (0x\w+), (\w+), (\w+), ([\w| ]+),\s*"([^"]*)"\)')
SHOWN = re.compile(r"^\| (\w+) \| (\w+) \|", re.M)
START, END = "<!-- rows -->\n", "<!-- end of rows -->\n"


class Property(Row):
    """A row, and what QEMU calls it."""
    @property
    def option(self):
        return self.member.replace("_", "-")


def header(source):
    return (source / "include/viommu/protocol.h").read_text(encoding="utf-8")


def read_rows(source=SOURCE):
    """The rows of VIOMMU_PROPERTIES."""
    text = header(source)
    flags = {name: 1 << int(bit) for name, bit in FLAG.findall(text)}

    def value(term):
        return flags[term] if term in flags else int(term, 0)

    return [Property(name, kind, has, member, reduce(or_, map(value, bits.split(" | "))), says)
            for name, kind, has, member, bits, says in ROW.findall(text.replace("\\\n", " "))]


def table(rows):
    """For docs/proposal-properties.md."""
    lines = ["| property | type | `struct viommu_endpoint` | value |", "|---|---|---|---|",
             "| RESV_MEM | 1 | `reserved`, `n_reserved` | reserved region (virtio 1.3, 5.13.6.8.1) |"]
    lines += [f"| {row.name} | {row.type} | `has_{row.has}`, `{row.member}` | {row.text} |"
              for row in rows]
    return "\n".join(lines) + "\n"


def table_of_qemu(rows):
    """For docs/qemu.md."""
    lines = ["| property | PROBE reports |", "| --- | --- |"]
    return "\n".join(lines + [f"| `probe-{row.option}` | {row.text} |" for row in rows]) + "\n"


def fill(text, rows):
    before, rest = text.split(START)
    return before + START + rows + END + rest.split(END)[1]


def missing_of_qemu(source):
    """QEMU properties without a row in the document, or that no test sets."""
    names = QEMU.findall((source / "qemu/device/properties.c").read_text(encoding="utf-8"))
    cells = re.findall(r"^\| (`[^|]*`) \|", (source / "docs/qemu.md").read_text(encoding="utf-8"), re.M)
    shown = {name for cell in cells for name in re.findall(r"`([\w-]+)`", cell)}
    tests = "".join(path.read_text(encoding="utf-8") for folder in ("qemu", "guest")
                    for path in sorted((source / "tests" / folder).rglob("*"))
                    if path.suffix in (".py", ".sh"))
    for name in names:
        if name not in shown:
            yield f"docs/qemu.md: no row for `{name}`, a property of qemu/device/properties.c"
        if not re.search(rf"\b{name}=", tests):
            yield f"tests/qemu: no test sets {name}"


def missing(source):
    tests = "".join((source / "tests/device" / name).read_text(encoding="utf-8")
                    for name in ("test_probe.c", "test_tables.c", "test_page_requests.c"))
    for name, number in DEFINE.findall(header(source)):
        if name != "NONE" and f"LE16({number})" not in tests:
            yield f"tests/device: no test has LE16({number}), {name}"
    yield from missing_of_qemu(source)


def changed(rows, document):
    """Properties of the document with another type in the header, or none."""
    types = {row.name: row.type for row in rows} | {"RESV_MEM": "1"}
    for name, number in SHOWN.findall(document.split(START)[1].split(END)[0]):
        if name != "property" and types.get(name) != number:
            yield f"include/viommu/protocol.h: the type of {name} is {number}, for ever"


def main(source, check):
    rows = sorted(read_rows(source), key=lambda row: int(row.type, 0))
    wrong = list(missing(source))
    for name, written in (("proposal-properties.md", table(rows)), ("qemu.md", table_of_qemu(rows))):
        page = source / "docs" / name
        text = page.read_text(encoding="utf-8")
        wrong += changed(rows, text) if name == "proposal-properties.md" else []
        if fill(text, written) != text and check:
            wrong.append(f"docs/{name}: stale: run tests/properties.py on the source tree")
        elif not wrong:
            page.write_text(fill(text, written), encoding="utf-8")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(rows)} rows")
    return bool(wrong) or not rows


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "--check" in sys.argv[2:]))
