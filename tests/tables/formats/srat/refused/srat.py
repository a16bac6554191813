# SPDX-License-Identifier: BSD-3-Clause
"""An SRAT for every rule of its bytes, with one thing wrong."""
import struct

from acpi import acpi
from viot import GOOD

HEAD = 48


def memory(domain=0, flags=1):
    return struct.pack("<BBIHQQIIQ", 1, 40, domain, 0, 0, 1 << 31, 0, flags, 0)


def initiator(domain=1, handle_type=1, bus=0, devfn=0x10, flags=1, reserved=0):
    return struct.pack("<BBBBIHBB12xII", 5, 32, reserved, handle_type, domain, 0, bus, devfn, flags,
                       0)


def srat(*structures, revision=3):
    return acpi("SRAT", struct.pack("<I8x", 1) + b"".join(structures), revision)


END = HEAD + 40

# rule -> (bytes, place, exit, also...)
FILES = {
    "srat-revision": (srat(memory(), revision=4), 8, 1),
    "srat-type": (srat(memory(), bytes([8, 4, 0, 0])), END, 1),
    "srat-reserved": (srat(memory(), initiator(reserved=1)), END + 2, 1),
    "srat-domain": (srat(memory(), initiator(256), revision=1), END, 1),
    "srat-disabled": (srat(memory(), initiator(flags=0)), END + 24, 1),
    "srat-handle": (srat(memory(), initiator(handle_type=2)), END + 3, 1),
    "srat-initiator-twice": (srat(memory(), initiator(), initiator(2)), END + 32, 1),
}
TABLES = {".srat": FILES}


def topology(iommu):
    return ("viommu: 1\niommus:\n" + iommu +
            "host-bridges:\n  - { buses: 00-ff, iommu: a }\n").encode()


EXTENSION = topology("  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, proximity-domain: 1 }\n")

# What only generating or extending a table can find: rule -> (topology, place, exit of generate, also...)
TOPOLOGIES = {
    "srat-alone": (topology("  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }\n"), "-", 0),
    "srat-silent-domain": (topology("  - { name: a, kind: virtio-iommu-mmio, at: 0x1000, "
                                    "proximity-domain: 1 }\n"), "3:5", 0, "srat-alone"),
    "extend-kind": (EXTENSION, 0, 2),
    "extend-taken": (EXTENSION, END, 2),
    "extend-damaged": (EXTENSION, END, 2, "acpi-structure-end"),
}
# rule -> the table that is extended
BASES = {
    "extend-kind": GOOD,
    "extend-taken": srat(memory(), initiator(domain=2, devfn=8)),
    "extend-damaged": srat(memory(), bytes(1)),
}

# one structure of each layout
EVERY = {".srat": srat(
    memory(), initiator(), initiator(handle_type=0), bytes([6]) + initiator()[1:],
    bytes([6]) + initiator(handle_type=0)[1:],
    *[bytes([kind, length]) + bytes(length - 2)
      for kind, length in ((0, 16), (2, 24), (3, 18), (4, 12), (7, 20), (8, 4))])}
