# SPDX-License-Identifier: BSD-3-Clause
"""Inputs without a table, with two, or of damaged text; topologies for kernel command lines."""
from acpi import acpi, joined
from dt import MMIO, topology
from viot import GOOD, pci_range, viot, virtio_pci


def acpidump(table):
    """The lines that acpidump prints: 16 bytes each."""
    lines = [f"{table[:4].decode()} @ 0x0000000000000000"]
    for at in range(0, len(table), 16):
        digits = " ".join(f"{byte:02X}" for byte in table[at:at + 16])
        lines.append(f"    {at:04X}: {digits}")
    return lines


def with_a_fragment():
    """A table, and the begin of one of a kind that is not about IOMMUs."""
    return joined(acpidump(GOOD) + acpidump(acpi("MSDM", bytes(49)))[:4])


def without_a_line():
    lines = acpidump(GOOD)
    return joined(lines[:6] + ["    0060: 00 00 00 00 00 00 00 00"])


# rule -> (bytes, place, exit, also...)
FILES = {
    "input-findings": (viot(virtio_pci(), pci_range(), *[b"\x09\0\4\0"] * 1001), "-", 1,
                       "viot-node-type"),
    "input-empty": (b"", "-", 2),
    "input-twice": (GOOD + GOOD, "-", 1),
    "input-form": (b"DefinitionBlock (\"\", \"SSDT\", 2, \"OEM\", \"TABLE\", 1) { }\n", "-", 2),
    "input-message": (b"[    0.01] DMAR: DRHD base: 0x0 flags: 0x1\n[    0.02] DMAR: [Firmware Bug]: Your BIOS is "
                      b"broken; DMAR reported at address 0!\n", "2:1", 2, "input-form"),
    "input-text": (b"No table of bytes at all.\n", "-", 2),
    "input-fragment": (with_a_fragment(), "-", 0),
    "input-acpidump": (without_a_line(), "7:1", 1,
                       "acpi-length", "acpi-checksum", "viot-node-end", "viot-node-count",
                       "topology-iommu-idle"),
}
TABLES = {".viot": FILES}

# rule -> (topology, place, exit, also...): what only a kernel command line shows
TOPOLOGIES = {
    "cmdline-interrupt": (topology(iommu=MMIO + " }"), "3:5", 2),
    "cmdline-silent": (topology(iommu=MMIO + ", interrupts: [5] }"), "-", 0),
}
