# SPDX-License-Identifier: BSD-3-Clause
"""What every ACPI table needs: a header, a length and a checksum."""
import struct


def fix(table, end=None):
    """Put the checksum right."""
    table = bytearray(table)
    table[9] = 0
    table[9] = -sum(table[:end]) & 0xff
    return bytes(table)


def acpi(signature, body, revision=1):
    """A whole table of that signature: what follows the header is given."""
    return fix(struct.pack("<4sIBB6s8sI4sI", signature.encode(), 36 + len(body), revision, 0,
                           b"VIOMMU", b"REFUSED ", 1, b"VIOM", 1) + body)


def joined(lines):
    return ("\n".join(lines) + "\n").encode()
