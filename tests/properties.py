#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Keep PROBE properties, their tests and their documents together.

    properties.py SOURCE           write the table in docs/proposal-properties.md
    properties.py SOURCE --check   fail where something is missing

Every VIOMMU_PROBE_T_* of <viommu/protocol.h> needs a row in that table and a test in
tests/device/test_probe.c that has its number as a literal, so that a changed number is seen. A row of
VIOMMU_PROPERTIES also needs a QEMU property whose name ends in the row's `has` or `member`. Each QEMU
property, a row of qemu/device/properties.c, needs a row in docs/qemu.md, and a test that sets it
(tests/qemu/ or tests/guest/).
"""

import re
import sys
from collections import namedtuple
from pathlib import Path

Row = namedtuple("Row", "name type has member text")

DEFINE = re.compile(r"#define VIOMMU_PROBE_T_(\w+)\s+(\w+)")
QEMU = re.compile(r'(?:ROW(?:_STRING)?|DEFINE_PROP_LINK)\((?:\w+, )?"([\w-]+)"')
ROW = re.compile(r'ROW\((\w+), (0x\w+), (\w+), (\w+),[^"]*"([^"]*)"\)')
# Of docs/proposal-address-spaces.md: tested in tests/device/test_tables.c, and QEMU has none yet.
SPACES = {"PASID", "TABLE_FORMAT", "PAGE_REQUEST"}
START, END = "<!-- rows -->\n", "<!-- end of rows -->\n"


def read_rows(source):
    text = (source / "include/viommu/protocol.h").read_text(encoding="utf-8")
    rows = [Row(*found) for found in ROW.findall(text.replace("\\\n", " "))]
    named = {row.name for row in rows}
    rows += [Row(name, number, None, None, "reserved region (virtio 1.3, 5.13.6.8.1)")
             for name, number in DEFINE.findall(text) if name not in named | SPACES | {"NONE"}]
    return sorted(rows, key=lambda row: int(row.type, 0))


def table(rows):
    lines = ["| property | type | `struct viommu_endpoint` | value |", "|---|---|---|---|"]
    for row in rows:
        members = f"`has_{row.has}`, `{row.member}`" if row.has else "`reserved`, `n_reserved`"
        lines.append(f"| {row.name} | {row.type} | {members} | {row.text} |")
    return "\n".join(lines) + "\n"


def missing_of_qemu(source, names):
    """Rows of the document that QEMU has not, and the reverse; properties that no test sets."""
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


def missing(source, rows):
    tests = (source / "tests/device/test_probe.c").read_text(encoding="utf-8")
    qemu = QEMU.findall((source / "qemu/device/properties.c").read_text(encoding="utf-8"))
    yield from missing_of_qemu(source, qemu)
    spaces = "".join((source / "tests/device" / name).read_text(encoding="utf-8")
                     for name in ("test_tables.c", "test_page_requests.c"))
    text = (source / "include/viommu/protocol.h").read_text(encoding="utf-8")
    for name, number in DEFINE.findall(text):
        if name in SPACES and f"LE16({number})" not in spaces:
            yield f"tests/device/test_tables.c: no test has LE16({number}), {name}"
    for row in rows:
        if f"LE16({row.type})" not in tests:
            yield f"tests/device/test_probe.c: no test has LE16({row.type}), {row.name}"
        wanted = {(row.has or "reserved").replace("_", "-"),
                  (row.member or "reserved").replace("_", "-")}
        if not any(name == w or name.endswith("-" + w) for name in qemu for w in wanted):
            yield f"qemu/device/properties.c: no QEMU property for {row.name}"


def main(source, check):
    page = source / "docs/proposal-properties.md"
    text = page.read_text(encoding="utf-8")
    rows = read_rows(source)
    before, rest = text.split(START)
    written = before + START + table(rows) + END + rest.split(END)[1]
    wrong = list(missing(source, rows))
    if not check:
        page.write_text(written, encoding="utf-8")
    elif written != text:
        wrong.append("docs/proposal-properties.md: stale: run tests/properties.py on the source tree")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(rows)} properties")
    return bool(wrong) or not rows


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), "--check" in sys.argv[2:]))
