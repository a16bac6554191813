# SPDX-License-Identifier: BSD-3-Clause
"""Sets of ACPI tables, and topologies that a set cannot describe."""
import struct

from acpi import acpi
from dt import MMIO, topology
from viot import GOOD

XSDT_AT = 0x30


def image(*tables, address=0xe0000):
    """A set: RSDP, XSDT with an entry for each table, the tables. A table may be the address of one."""
    at = XSDT_AT + 36 + 8 * len(tables)
    entries, bodies = [], b""
    for table in tables:
        entries.append(table if isinstance(table, int) else address + at + len(bodies))
        bodies += b"" if isinstance(table, int) else table
    rsdp = bytearray(struct.pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, b"VIOMMU", 2, 0, 36, address + XSDT_AT, 0))
    rsdp[8] = -sum(rsdp[:20]) & 0xff
    rsdp[32] = -sum(rsdp) & 0xff
    return bytes(rsdp) + bytes(XSDT_AT - 36) + acpi("XSDT", struct.pack(f"<{len(entries)}Q", *entries)) + bodies

# rule -> (bytes, place, exit, also...)
TABLES = {".image": {
    # a checksum of 0 is wrong for these bytes
    "image-entry": (image(GOOD, 0x7fe00000), XSDT_AT, 1),
    "image-rsdp": (b"RSD PTR \0VIOMMU\2" + bytes(20) + bytes(12) + GOOD, 0, 2),
}}

# rule -> (topology, place, exit, also...): what only `generate acpi` shows
TOPOLOGIES = {
    "image-address": (topology(iommu=MMIO + ", interrupts: [5] }"), "-", 2),
    "image-device": (topology(iommu=MMIO + " }"), "3:5", 1),
    "image-id": (topology("devices:", "  - { at: 0x1000, hid: lnro0005, interrupts: [5] }"), "7:5", 2),
    "image-iommu": (topology(iommu="  - { name: a, kind: other, at: 0x1000 }"), "3:5", 1),
    "image-table": (topology(iommu=MMIO + ", interrupts: [5] }"), "-", 2),
}
# rule -> a table of the VMM
BASES = {"image-table": acpi("XSDT", b"")}
