#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make RULE-ID.viot and the like, one file for every rule of bytes, and the list of what is found.

Every file is a good table with one thing wrong. A line of tables.list says what:

    FILE PLACE EXIT [ALSO...]

FILE is named after the rule: a .topology is to be made into the table that the rule is about, any
other to be checked, a .builtin-... as a built-in topology of that form. What other tables than
VIOT need stands in modules of their own. PLACE is an offset, LINE:COLUMN of a text, a path in a
device tree, or "-"; EXIT is the command's; ALSO are rules that cannot but be broken too. Without an option everything is
written; with --check nothing is, and files that differ are named.
"""
import pathlib
import struct
import sys

import builtin
import devicetrees
import dmar
import iort
import ivrs
import machines
import srat
from acpi import acpi, fix

HERE = pathlib.Path(__file__).parent
HEAD = 48
IOMMU, RANGE, END = HEAD, HEAD + 16, HEAD + 40


def virtio_pci(bdf=0x8, reserved=bytes(8)):
    return struct.pack("<BxHHH8s", 3, 16, 0, bdf, reserved)


def pci_range(first=0x10, last=0xffff, output=IOMMU, length=24):
    return struct.pack("<BxHIHHHHH6x", 1, length, 0, 0, 0, first, last, output)


def viot(*nodes, count=None, offset=HEAD, revision=0, length=None):
    body = b"".join(nodes)
    head = struct.pack("<4sIBB6s8sI4sIHH8x", b"VIOT", length or HEAD + len(body), revision, 0,
                       b"VIOMMU", b"REFUSED ", 1, b"VIOM", 1,
                       len(nodes) if count is None else count, offset)
    return fix(head + body)


def acpidump(table):
    """As acpidump prints it: 16 bytes a line."""
    lines = [f"{table[:4].decode()} @ 0x0000000000000000"]
    for at in range(0, len(table), 16):
        digits = " ".join(f"{byte:02X}" for byte in table[at:at + 16])
        lines.append(f"    {at:04X}: {digits}")
    return lines


def joined(lines):
    return ("\n".join(lines) + "\n").encode()


GOOD = viot(virtio_pci(), pci_range())


def without_a_line():
    lines = acpidump(GOOD)
    return joined(lines[:6] + ["    0050: no bytes"])


def empty_iort():
    inner = struct.pack("<4sIBB6s8sI4sI", b"IORT", 48, 0, 0, b"VIOMMU", b"REFUSED ", 1, b"VIOM",
                        1) + struct.pack("<III", 0, 48, 0)
    return fix(inner)


def draft(*inner):
    return viot(*inner, count=0, offset=0)


def silent(what):
    """A topology of which VIOT can say everything but this."""
    return joined(["viommu: 1", "iommus:",
                   "  - { name: a, kind: virtio-iommu-pci, at: 00:01.0" +
                   (", proximity-domain: 0 }" if what == "domain" else " }")] +
                  (["  - { name: s, kind: smmu-v3, at: 0x9000000 }"] if what == "iommu" else []) +
                  ["host-bridges:", "  - { buses: 00-7f, iommu: a }"] +
                  (["  - { buses: 80-ff, iommu: s }"] if what == "iommu" else []) +
                  (["reserved-memory:", "  - { range: 0-0xfff, iommu: a }"]
                   if what == "memory" else []) +
                  (["ranges:", "  - { functions: 00:1c.0, path: 00.0, iommu: a }"]
                   if what == "path" else []) +
                  (["devices:", "  - { at: 0x1000, iommu: a, id: 0x10000, ids: 2 }"]
                   if what == "ids" else []))


# rule -> (bytes, place, exit, also...)
FILES = {
    "input-findings": (viot(virtio_pci(), pci_range(), *[b"\x09\0\4\0"] * 1001), "-", 1,
                       "viot-node-type"),
    "input-empty": (b"", "-", 2),
    "input-twice": (GOOD + GOOD, "-", 1),
    "input-acpidump": (without_a_line(), "7:1", 1,
                       "acpi-length", "acpi-checksum", "viot-node-end", "viot-node-count",
                       "topology-iommu-idle"),

    "acpi-header": (GOOD[:35], 0, 2),
    "acpi-unknown": (fix(struct.pack("<4sIBB6s8sI4sI", b"XSDT", 36, 1, 0, b"VIOMMU", b"REFUSED ",
                                     1, b"VIOM", 1)), 0, 0),
    "acpi-short": (fix(GOOD[:4] + struct.pack("<I", 40) + GOOD[8:40]), 40, 1),
    "acpi-length": (viot(virtio_pci(), pci_range(), length=0x100), 4, 1),
    "acpi-checksum": (GOOD[:9] + bytes([GOOD[9] ^ 1]) + GOOD[10:], 9, 1),

    "viot-revision": (viot(virtio_pci(), pci_range(), revision=1), 8, 1),
    "viot-draft": (draft(empty_iort()), HEAD, 0),
    "viot-draft-length": (draft(empty_iort(), bytes(4)), HEAD + 4, 1, "viot-draft"),
    "viot-draft-checksum": (draft(empty_iort()[:9] + b"\1" + empty_iort()[10:]), HEAD + 9, 1,
                            "viot-draft"),
    "viot-draft-reader": (draft(acpi("DMAR", bytes([38]) + bytes(11) +
                                     dmar.drhd(dmar.scope()))), HEAD, 0, "viot-draft"),
    "viot-node-offset": (viot(virtio_pci(), pci_range(), offset=0x24), 38, 1),
    "viot-node-count": (viot(virtio_pci(), pci_range(), count=3), 36, 1),
    "viot-node-length": (viot(virtio_pci(), pci_range(), struct.pack("<BxHI", 2, 8, 0)), END, 1),
    "viot-node-end": (viot(virtio_pci(), pci_range(), struct.pack("<BxHI", 2, 24, 0), count=2),
                      END, 1),
    "viot-node-type": (viot(virtio_pci(), pci_range(), struct.pack("<BxHI", 0, 8, 0)), END, 1),
    "viot-reserved": (viot(virtio_pci(reserved=b"\1" + bytes(7)), pci_range()), IOMMU + 8, 1),
    "viot-output-node": (viot(virtio_pci(), pci_range(),
                              pci_range(0x100, 0x1ff, output=IOMMU + 4)), END + 16, 1),
    "viot-range-inverted": (viot(virtio_pci(), pci_range(), pci_range(2, 1)), END, 1),
    "viot-node-beyond": (viot(virtio_pci(), pci_range(), struct.pack("<BxH65516x", 9, 0xfff0),
                              virtio_pci(0x100)), END + 0xfff0, 1,
                         "viot-node-type", "topology-iommu-idle"),
    "viot-too-large": (viot(virtio_pci(), pci_range(), *[b"\x09\0\4\0"] * 65534, count=0xffff),
                       END + 4 * 65533, 1, "viot-node-type", "input-findings"),
}

# What only making a table can find: rule -> (topology, place, exit of generate)
TOPOLOGIES = {
    "viot-silent-iommu": (silent("iommu"), "4:5", 1),
    "viot-silent-domain": (silent("domain"), "3:5", 0),
    "viot-silent-memory": (silent("memory"), "7:5", 0),
    "viot-silent-path": (silent("path"), "7:5", 1),
    "viot-silent-ids": (silent("ids"), "7:5", 1),
}

# Suffix -> files; and those too large to be kept in the tree, which tests make in their folder.
TABLES = {
    ".viot": FILES,
    ".iort": iort.FILES,
    ".dmar": dmar.FILES,
    ".ivrs": ivrs.FILES,
    ".srat": srat.FILES,
    ".machine": machines.FILES,
    ".dtb": devicetrees.FILES,
    **builtin.FORMS,
}
ALL_TOPOLOGIES = {
    **TOPOLOGIES,
    **iort.TOPOLOGIES,
    **dmar.TOPOLOGIES,
    **ivrs.TOPOLOGIES,
    **srat.TOPOLOGIES,
    **builtin.TOPOLOGIES,
    **devicetrees.TOPOLOGIES,
}
LARGE = (
    "viot-node-beyond",
    "viot-too-large",
    *iort.LARGE,
    *dmar.LARGE,
    *ivrs.LARGE,
    *srat.LARGE,
)


def outputs():
    rows, lines = {}, []
    for suffix, files in (*TABLES.items(), (".topology", ALL_TOPOLOGIES)):
        for rule, (content, place, status, *also) in files.items():
            rows[rule + suffix] = content
            at = f"0x{place:x}" if isinstance(place, int) else place
            lines.append(" ".join([rule + suffix, at, str(status), *also]))
    rows["tables.list"] = joined(lines)
    rows.update(devicetrees.BASES | {"dt-base.base": GOOD})
    return rows


def differs(path, content):
    return not path.exists() or path.read_bytes() != content


def main():
    arguments = sys.argv[1:]
    if arguments[:1] == ["--large"]:
        for name, content in outputs().items():
            if pathlib.Path(name).stem in LARGE:
                (pathlib.Path(arguments[1]) / name).write_bytes(content)
        return 0
    kept = {name: content for name, content in outputs().items()
            if pathlib.Path(name).stem not in LARGE}
    stale = [name for name, content in kept.items() if differs(HERE / name, content)]
    if arguments == ["--check"]:
        stale += [path.name for suffix in TABLES for path in HERE.glob("*" + suffix)
                  if path.name not in kept]
        for name in stale:
            print(f"tests/tables/refused/{name} is not what make.py makes")
        return 1 if stale else 0
    for name in stale:
        (HERE / name).write_bytes(kept[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
