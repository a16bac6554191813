# SPDX-License-Identifier: BSD-3-Clause
"""Tables of a machine, one after the other, that are wrong only side by side."""
import struct

import iort
import ivrs
from acpi import acpi
from dmar import ALL, HEAD, IOAPIC, NAMESPACE, andd, dmar, drhd, rhsa, scope
from srat import END as INITIATOR, initiator, memory, srat


def viot(*ranges, bdf=0x8):
    """`ranges`: (first segment, last segment, first BDF, last BDF)."""
    nodes = struct.pack("<BxHHH8x", 3, 16, 0, bdf)
    for first, last, *bdfs in ranges:
        nodes += struct.pack("<BxHIHHHHH6x", 1, 24, first << 16 | bdfs[0], first, last, *bdfs, HEAD)
    return acpi("VIOT", struct.pack("<HH8x", 1 + len(ranges), HEAD) + nodes, 0)


def madt(*structures):
    return acpi("APIC", struct.pack("<II", 0xfee00000, 0) + b"".join(structures), 3)


def ioapic(number, first=0):
    return struct.pack("<BBBBII", 1, 12, number, 0, 0xfec00000, first)


def its(number):
    return struct.pack("<BBHIQI", 15, 20, 0, number, 0x8080000, 0)


def mcfg(first=0, last=0xff, segment=0):
    return acpi("MCFG", struct.pack("<QQHBBI", 0, 0xb0000000, segment, first, last, 0))


def dsdt(*devices, ids=()):
    """A definition block: devices in \\_SB_.PCI0, and hardware IDs."""
    inner = b"".join(device(name) for name in devices)
    inner += b"".join(b"\x08_HID\x0d" + name + b"\0" for name in ids)
    body = device(b"PCI0", inner)
    return acpi("DSDT", b"\x10" + bytes([6 + len(body)]) + b"\\_SB_" + body, 2)


def device(name, inner=b""):
    return b"\x5b\x82" + bytes([5 + len(inner)]) + name + inner


def frame(number, service=0):
    """An ITS of a GICv5 has frames, which an IORT names."""
    return struct.pack("<BBHIIIQ", 30, 24, 0, service, number, 0, 0x8090000)


GIC5 = struct.pack("<BBBBIIIQQ", 28, 32, 5, 0, 0, 0, 0, 0x8000000, 0x8010000) + \
    struct.pack("<BBBBIQ", 29, 16, 0, 0, 0, 0x8080000)


def apmt(kind=1, primary=0):
    """One performance monitoring unit."""
    return acpi("APMT", struct.pack("<HBBIQIQQIIIII", 56, 0, kind, 0, primary, 0, 0x9100000, 0, 90,
                                    0, 0, 0, 0), 0)


# Method (_UID) { Local0 = One; Return (Local0) }
COMPUTED_UID = b"\x14\x0b_UID\0\x70\x01\x60\xa4\x60"
SECOND = HEAD + 16 + 24  # the second range of a VIOT
REST = (0, 0, 0x10, 0xffff)
UNIT = drhd(flags=ALL)
NAMED = drhd(scope(NAMESPACE, 1), flags=ALL)
SOURCES = drhd(scope(IOAPIC, 2), scope(IOAPIC, 3), flags=ALL)

# rule -> (bytes, place, exit, also...)
FILES = {
    "machine-segment": (mcfg() + viot(REST, (1, 2, 0, 0xffff)), SECOND, 1),
    "machine-bus": (mcfg(last=0x7f) + viot((0, 0, 0x10, 0x7fff), (0, 0, 0x8000, 0xffff)),
                    SECOND, 1),
    "machine-function": (mcfg(last=0x7f) + viot((0, 0, 0, 0x7fff), bdf=0x8008), HEAD, 1),
    "machine-both": (viot(REST) + dmar(UNIT), HEAD, 1),
    "machine-its": (madt(its(0)) + iort.iort(iort.its(0, 3), iort.complex_(iort.mapping())),
                    HEAD, 1),
    "machine-ioapic": (madt(ioapic(2)) + dmar(UNIT, flags=1), 0, 1),
    "machine-ioapic-unknown": (madt(ioapic(2)) + dmar(SOURCES, flags=1), HEAD + 24, 1),
    "machine-southbridge": (madt(ioapic(32), ioapic(33, 24)) +
                            ivrs.ivrs(ivrs.ivhd(ivrs.ALL, ivrs.special(handle=33),
                                                ivrs.special(1, handle=32))),
                            ivrs.FIRST + len(ivrs.ALL) + 8, 1),
    "machine-performance": (iort.iort(iort.its(0), iort.complex_(iort.mapping())) + apmt(), 36 + 8, 0),
    "machine-object": (dsdt(b"I2C0") + dmar(NAMED, andd(1, b"\\_SB.PCI0.I2C1\0")), HEAD + 16, 0),
    "machine-hardware-id": (dsdt(b"I2C0", ids=(b"AMDI0010",)) +
                            ivrs.ivrs(ivrs.with_entry(ivrs.hid(), kind=0x40), revision=2),
                            ivrs.FIRST + 16 + len(ivrs.ALL) + 8, 0, "ivrs-others"),
    "machine-cmdqv": (acpi("DSDT", b"\x10\x38\\_SB_" + device(
        b"SMQ0", b"\x08_HID\x0dNVDA200C\0" + COMPUTED_UID + b"\x08_CRS\x11\x03\x0a\0"), 2) + mcfg(), 50, 0),
    "machine-domain": (srat(memory()) + dmar(UNIT, rhsa(domain=1)), HEAD, 1),
    "machine-domain-empty": (srat(memory(), initiator(domain=1, devfn=8)) +
                             dmar(UNIT, rhsa(domain=1)), HEAD, 0),
    "machine-initiator": (viot(REST) + srat(memory(1), initiator(bus=8, devfn=0)),
                          INITIATOR + 10, 1),
}
TABLES = {".machine": FILES}
# one structure of each layout
EVERY = {".apmt": apmt(), ".apic": madt(ioapic(2), its(0), GIC5, frame(0), struct.pack("<BBBBI", 0, 8, 0, 0, 1))}
