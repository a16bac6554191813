# SPDX-License-Identifier: BSD-3-Clause
"""Tables whose header or list of structures is wrong, whatever their signature."""
import struct

from acpi import acpi, fix
from srat import END, memory, srat
from viot import GOOD, HEAD, pci_range, viot, virtio_pci

# suffix -> rule -> (bytes, place, exit, also...)
TABLES = {
    ".viot": {
        "acpi-header": (GOOD[:35], 0, 2),
        "acpi-unknown": (acpi("XSDT", b""), 0, 0),
        "acpi-short": (fix(GOOD[:4] + struct.pack("<I", 40) + GOOD[8:40]), 40, 1),
        "acpi-length": (viot(virtio_pci(), pci_range(), length=0x100), 4, 1),
        "acpi-checksum": (GOOD[:9] + bytes([GOOD[9] ^ 1]) + GOOD[10:], 9, 1),
    },
    ".srat": {
        "acpi-structure-length": (srat(memory(), bytes([4, 8]) + bytes(6)), END, 1),
        "acpi-structure-end": (srat(memory(), bytes([4, 12]) + bytes(6)), END, 1),
        "acpi-structures": (srat(*[bytes([9, 2])] * 65537), HEAD + 2 * 65536, 1,
                            "srat-type", "input-findings"),
    },
}
LARGE = ("acpi-structures",)
