# SPDX-License-Identifier: BSD-3-Clause
"""A DMAR for every rule of its bytes, with one thing wrong."""
import struct

from acpi import acpi

HEAD = 48
ENDPOINT, BRIDGE, IOAPIC, HPET, NAMESPACE = range(1, 6)
ALL = 1


def scope(kind=ENDPOINT, number=0, bus=0, hops=((3, 0),), length=None, reserved=0):
    path = b"".join(struct.pack("<BB", *hop) for hop in hops)
    return struct.pack("<BBBBBB", kind, 6 + len(path) if length is None else length, 0, reserved,
                       number, bus) + path


def structure(kind, body):
    return struct.pack("<HH", kind, 4 + len(body)) + body


def drhd(*scopes, flags=0, base=0xfed90000, segment=0):
    return structure(0, struct.pack("<BBHQ", flags, 0, segment, base) + b"".join(scopes))


def rmrr(*scopes, base=0x7b000000, limit=0x7b7fffff):
    return structure(1, struct.pack("<HHQQ", 0, 0, base, limit) + b"".join(scopes))


def atsr(*scopes, flags=0):
    return structure(2, struct.pack("<BBH", flags, 0, 0) + b"".join(scopes))


def rhsa(base=0xfed90000, domain=0):
    return structure(3, struct.pack("<IQI", 0, base, domain))


def andd(number=1, name=b"\\_SB.I2C0\0"):
    return structure(4, struct.pack("<3xB", number) + name)


def dmar(*structures, width=38, flags=0, revision=1):
    return acpi("DMAR", struct.pack("<BB10x", width, flags) + b"".join(structures), revision)


UNIT = drhd(flags=ALL)
END = HEAD + len(UNIT)
EXPLICIT = drhd(scope())

# rule -> (bytes, place, exit, also...)
FILES = {
    "dmar-revision": (dmar(UNIT, revision=3), 8, 1),
    "dmar-width": (dmar(UNIT, width=10), 36, 1),
    "dmar-type": (dmar(UNIT, structure(7, bytes(4))), END, 1),
    "dmar-length": (dmar(UNIT, struct.pack("<HH", 1, 8) + bytes(4)), END, 1),
    "dmar-end": (dmar(UNIT, struct.pack("<HH", 1, 32) + bytes(20)), END, 1),
    "dmar-too-large": (dmar(UNIT, *[struct.pack("<HH", 7, 4)] * (1 << 20)),
                       END + 4 * ((1 << 20) - 1), 1, "dmar-type", "input-findings"),
    "dmar-reserved": (dmar(drhd(scope(reserved=1))), HEAD + 16 + 3, 1),
    "dmar-units": (dmar(rmrr(scope())), 0, 1),
    "dmar-order": (dmar(rmrr(scope()), UNIT), HEAD + 32, 1),
    "dmar-base": (dmar(drhd(flags=ALL, base=0)), HEAD + 8, 1, "dmar-others"),
    "dmar-base-twice": (dmar(EXPLICIT, UNIT), HEAD + 24 + 8, 1, "topology-registers-overlap"),
    "dmar-all-twice": (dmar(UNIT, drhd(flags=ALL, base=0xfed91000)), END + 4, 1,
                       "topology-bridges-overlap", "dmar-others"),
    "dmar-all-last": (dmar(UNIT, drhd(scope(), base=0xfed91000)), END, 1, "dmar-others"),
    "dmar-scope-length": (dmar(drhd(scope(), scope(length=0))), HEAD + 24, 1),
    "dmar-value": (dmar(drhd(scope(), flags=2)), HEAD + 4, 1),
    "dmar-scope-type": (dmar(drhd(scope(), scope(6))), HEAD + 24, 1, "dmar-value"),
    "dmar-scope-place": (dmar(UNIT, rmrr(scope(), scope(IOAPIC))), END + 32, 1),
    "dmar-scope-path": (dmar(drhd(scope(), scope(hops=((32, 0),)))), HEAD + 30, 1),
    "dmar-scope-unnamed": (dmar(drhd(scope(NAMESPACE, 1), flags=ALL)), HEAD + 16 + 4, 1),
    "dmar-rmrr-pages": (dmar(UNIT, rmrr(scope(), limit=0x7b800000)), END + 8, 1),
    "dmar-rmrr-inverted": (dmar(UNIT, rmrr(scope(), limit=0x7affffff)), END + 16, 1, "dmar-others"),
    "dmar-rmrr-scope": (dmar(UNIT, rmrr()), END, 1),
    "dmar-device": (dmar(drhd(scope(NAMESPACE, 1), scope(NAMESPACE, 1), flags=ALL), andd()),
                    HEAD + 24, 1),
    "dmar-atsr-scopes": (dmar(UNIT, atsr(scope(BRIDGE), flags=1)), END + 4, 0),
    "dmar-affinity": (dmar(UNIT, rhsa(0xfed91000)), END + 8, 1),
    "dmar-name": (dmar(drhd(scope(NAMESPACE, 1), flags=ALL), andd(name=b"\\_SB")),
                  HEAD + 24, 1, "dmar-others"),
    "dmar-name-twice": (dmar(drhd(scope(NAMESPACE, 1), flags=ALL), andd(), andd(name=b"\\_SB.I2C1\0")),
                        HEAD + 24 + 18 + 7, 1),
    "dmar-name-path": (dmar(drhd(scope(NAMESPACE, 1), flags=ALL), andd(name=b"_SB.I2C\0")), HEAD + 24 + 8, 1),
    "dmar-handle-twice": (dmar(drhd(scope(IOAPIC, 1), scope(IOAPIC, 1, hops=((4, 0),)), flags=ALL)),
                          HEAD + 24 + 4, 1),
    "dmar-affinity-twice": (dmar(UNIT, rhsa(), rhsa()), END + 20 + 8, 1),
    "dmar-segment-unserved": (dmar(UNIT, structure(2, struct.pack("<BBH", 0, 0, 1) + scope(BRIDGE))),
                              END + 6, 1),
    "dmar-beyond-width": (dmar(drhd(flags=ALL, base=0x10000000000)), HEAD + 8, 1),
    "dmar-memory-named": (dmar(drhd(scope(NAMESPACE, 1), flags=ALL), rmrr(scope(NAMESPACE, 1)), andd()),
                          HEAD + 24 + 24, 0),
    "dmar-size": (dmar(structure(0, struct.pack("<BBHQ", ALL, 0x10, 0, 0xfed90000))), HEAD + 5, 1),
    "dmar-others": (dmar(UNIT, rmrr(scope()), rmrr(scope(hops=((4, 0),)), base=0x7b7ff000, limit=0x7b8fffff)),
                    END + 32, 0),
    "dmar-graphics": (dmar(drhd(scope(hops=((2, 0),))), drhd(flags=ALL, base=0xfed91000)), HEAD, 0),
    "dmar-unit-idle": (dmar(drhd(), drhd(flags=ALL, base=0xfed91000)), HEAD, 0),
    "dmar-start-bus": (dmar(UNIT, rmrr(scope(bus=3))), END + 24 + 5, 0),
    "dmar-name-unused": (dmar(UNIT, andd()), END + 7, 1),
}
TABLES = {".dmar": FILES}
LARGE = ("dmar-too-large",)


def topology(*lines, iommu=None):
    """Two units with a segment each, and more lines from 8 on; or a third IOMMU, in line 5."""
    head = ["viommu: 1", "iommus:", "  - { name: a, kind: vt-d, at: 0xfed90000 }",
            "  - { name: b, kind: vt-d, at: 0xfed91000, segment: 1 }"]
    bridges = ["host-bridges:", "  - { buses: 00-ff, iommu: a }",
               "  - { segment: 1, buses: 00-7f, iommu: b }"]
    return ("\n".join(head + ([iommu] if iommu else []) + bridges + list(lines)) + "\n").encode()


# What only making a table can find: rule -> (topology, place, exit of generate, also...)
TOPOLOGIES = {
    "dmar-bridges": (topology("  - { segment: 1, buses: 80-ff }"), "8:5", 2),
    "dmar-bypass": (topology("ranges:", "  - { functions: 00:02.0, iommu: none }"), "9:5", 2),
    "dmar-segment": (topology("ranges:", "  - { functions: 0001:00:02.0, iommu: a }"), "9:5", 2),
    "dmar-path": (topology("ranges:", "  - { functions: 00:1c.0, path: 20.0, iommu: a }"),
                  "9:5", 2),
    "dmar-silent-iommu": (topology(iommu="  - { name: s, kind: smmu-v3, at: 0x9000000 }"),
                          "5:5", 1, "topology-iommu-idle"),
    "dmar-silent-ids": (topology("ranges:", "  - { functions: 00:02.0, iommu: a, first-id: 1 }"),
                        "9:5", 1),
    "dmar-silent-device": (topology("devices:", "  - { at: 0x1000, iommu: a, id: 0x10 }"),
                           "9:5", 1),
    "dmar-silent-memory": (topology("reserved-memory:", "  - { range: 0-0xfff, iommu: a }"),
                           "9:5", 0),
    "dmar-silent-ats": (topology("  - { segment: 2, buses: 00-7f, ats: yes }",
                                 "  - { segment: 2, buses: 80-ff }"), "9:5", 0),
}

# one structure of each layout
EVERY = {".dmar": dmar(drhd(scope(NAMESPACE, 1), flags=ALL), rmrr(scope()), atsr(scope(BRIDGE)), rhsa(),
                       andd(), structure(5, struct.pack("<BBH", 1, 0, 0) + scope()),
                       structure(6, bytes(4) + scope()), structure(7, bytes(4)),
                       structure(0x80, struct.pack("<BBHHHI", 0, 0, 0, 8, 0, 0) + scope()),
                       structure(0x81, struct.pack("<BBHQQII", 0, 0, 0, 0x10001000, 0x200, 37, 0) + scope()))}
