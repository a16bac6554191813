# SPDX-License-Identifier: BSD-3-Clause
"""Sets of ACPI tables, and topologies that a set cannot describe."""
from acpi import acpi
from dt import MMIO, topology
from viot import GOOD

# rule -> (bytes, place, exit, also...)
TABLES = {".image": {
    # a checksum of 0 is wrong for these bytes
    "image-rsdp": (b"RSD PTR \0VIOMMU\2" + bytes(20) + bytes(12) + GOOD, 0, 2),
}}

# rule -> (topology, place, exit, also...): what only `generate acpi` shows
TOPOLOGIES = {
    "image-device": (topology(iommu=MMIO + " }"), "3:5", 1),
    "image-iommu": (topology(iommu="  - { name: a, kind: other, at: 0x1000 }"), "3:5", 1),
    "image-table": (topology(iommu=MMIO + ", interrupts: [5] }"), "-", 2),
}
# rule -> a table of the VMM
BASES = {"image-table": acpi("XSDT", b"")}
