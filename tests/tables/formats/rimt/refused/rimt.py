# SPDX-License-Identifier: BSD-3-Clause
"""A RIMT for every rule of its bytes, with one thing wrong."""
import struct

from acpi import acpi, joined

HEAD, NODE = 48, 8
IOMMU, COMPLEX, DEVICE = range(3)


def node(kind, body, identifier=0, revision=1, reserved=0, length=None):
    return struct.pack("<BBHHH", kind, revision, NODE + len(body) if length is None else length,
                       reserved, identifier) + body


def iommu(*wires, base=0x3010000, flags=0, bdf=0, hardware=b"RSCV0004", count=None, **more):
    n = len(wires) if count is None else count
    return node(IOMMU, struct.pack("<8sQIIHHHH", hardware, base, flags, 0, 0, bdf, n,
                                   40 if n else 0) +
                b"".join(struct.pack("<II", wire, 3) for wire in wires), **more)


def mapping(first=0, count=0xffff, to=HEAD, flags=0):
    return struct.pack("<IIIII", first, count, first, to, flags)


def complex_(*mappings, segment=0, flags=0, at=20, count=None, identifier=1, **more):
    return node(COMPLEX, struct.pack("<IHHHH", flags, 0, segment, at,
                                     len(mappings) if count is None else count) +
                b"".join(mappings), identifier=identifier, **more)


def device(*mappings, name=b"\\_SB_.DEV0\0\0", identifier=2):
    return node(DEVICE, struct.pack("<HH", 12 + len(name), len(mappings)) + name +
                b"".join(mappings), identifier=identifier)


def rimt(*nodes, count=None, offset=HEAD, revision=1, behind=b""):
    return acpi("RIMT", struct.pack("<III", len(nodes) if count is None else count, offset, 0) +
                b"".join(nodes) + behind, revision)


GOOD = (iommu(), complex_(mapping()))
AT = HEAD + 40  # of the root complex
MAPPINGS = AT + 20
END = MAPPINGS + 20


def mapped(*mappings):
    return rimt(iommu(), complex_(*mappings))


# rule -> (bytes, place, exit, also...)
FILES = {
    "rimt-revision": (rimt(*GOOD, revision=2), 8, 1),
    "rimt-node-offset": (rimt(*GOOD, offset=0x24), 40, 1),
    "rimt-node-count": (rimt(*GOOD, count=3), 36, 1),
    "rimt-node-length": (rimt(*GOOD, node(IOMMU, bytes(8), identifier=2)), END, 1),
    "rimt-node-end": (rimt(*GOOD, node(9, b"", identifier=2, length=12)), END, 1,
                      "rimt-node-count"),
    "rimt-tail": (rimt(*GOOD, behind=bytes(8)), END, 1),
    "rimt-too-large": (rimt(*GOOD, *[node(9, b"")] * (1 << 18)), END + 8 * ((1 << 18) - 3), 1,
                       "rimt-node-type", "rimt-node-count", "rimt-identifier",
                       "rimt-silent-property", "input-findings"),
    "rimt-node-type": (rimt(*GOOD, node(9, b"", identifier=2)), END, 1, "rimt-silent-property"),
    "rimt-node-revision": (rimt(iommu(), complex_(mapping(), revision=2)), AT + 1, 1),
    "rimt-array": (rimt(iommu(), complex_(mapping(), count=2)), AT, 1),
    "rimt-reserved": (rimt(iommu(), complex_(mapping(), reserved=1)), AT + 4, 1),
    "rimt-value": (rimt(iommu(), complex_(mapping(), flags=4)), AT + 8, 1),
    "rimt-identifier": (rimt(iommu(), complex_(mapping(), identifier=0)), AT + 6, 1),
    "rimt-iommu-twice": (rimt(*GOOD, iommu(identifier=2)), END + 16, 1,
                         "topology-iommu-idle", "topology-registers-overlap"),
    "rimt-segment-twice": (rimt(*GOOD, complex_(mapping(), identifier=2)), END + 14, 1),
    "rimt-text": (rimt(*GOOD, device(name=b"\\_SB_.DEV0")), END, 1),
    "rimt-path": (rimt(*GOOD, device(name=b"DEV\0")), END + 12, 1),
    "rimt-reference": (mapped(mapping(to=HEAD + 4)), MAPPINGS + 12, 1, "topology-iommu-idle"),
    "rimt-reference-null": (mapped(mapping(to=0)), MAPPINGS + 12, 1, "topology-iommu-idle"),
    "rimt-mapping-wrap": (mapped(mapping(first=1, count=0xffffffff)), MAPPINGS + 4, 1),
    "rimt-mapping-overlap": (mapped(mapping(0, 0x100), mapping(0x80, 0x100)), MAPPINGS + 20, 1,
                             "topology-ranges-overlap"),
    "rimt-id-count": (mapped(mapping(0, 0x100), mapping(0x100, 0x100)), MAPPINGS + 4, 1),
    "rimt-hardware-id": (rimt(iommu(hardware=b"rscv0004"), complex_(mapping())), HEAD + 8, 1),
    "rimt-map-own": (rimt(iommu(flags=1, bdf=8, base=0, hardware=b"00100014"),
                          complex_(mapping())), MAPPINGS, 1),
    "rimt-silent-property": (rimt(iommu(33, flags=1, bdf=8, base=0, hardware=b"\x36\x1b"),
                                  complex_(mapping(0x10))), HEAD, 0),
    "rimt-silent-mapping": (mapped(mapping(), mapping(0x20000, 0x10)), MAPPINGS + 20, 0),
}
TABLES = {".rimt": FILES}


def unrepresentable(what):
    """A topology that a RIMT represents but for this."""
    return joined(["viommu: 1", "iommus:", "  - { name: a, kind: riscv-iommu, at: 0x3010000 }"] +
                  (["  - { name: s, kind: smmu-v3, at: 0x9000000 }"] if what == "iommu" else []) +
                  ["host-bridges:", "  - { buses: 00-7f, iommu: a }"] +
                  (["  - { buses: 80-ff, iommu: s }"] if what == "iommu" else []) +
                  (["  - { buses: 80-ff, iommu: a, ats: yes }"] if what == "bridge" else []) +
                  (["reserved-memory:", "  - { range: 0-0xfff, iommu: a }"]
                   if what == "memory" else []) +
                  (["ranges:", "  - { functions: 00:1c.0, path: 00.0, iommu: a }"]
                   if what == "path" else []) +
                  (["devices:", "  - { at: 0x1000, iommu: a, id: 0x10000 }"]
                   if what == "device" else []))


TOPOLOGIES = {
    "rimt-silent-iommu": (unrepresentable("iommu"), "4:5", 1),
    "rimt-silent-path": (unrepresentable("path"), "7:5", 1),
    "rimt-silent-memory": (unrepresentable("memory"), "7:5", 0),
    "rimt-silent-bridge": (unrepresentable("bridge"), "6:5", 1),
    "rimt-silent-device": (unrepresentable("device"), "7:5", 1),
}
LARGE = ("rimt-too-large",)

# one structure of each layout
EVERY = {".rimt": rimt(iommu(33, 34), complex_(mapping()), device(mapping(0, 7)),
                       iommu(flags=1, bdf=8, base=0, hardware=bytes([0x36, 0x1b, 0x14, 0, 0, 0, 0, 0]),
                             identifier=3), node(9, bytes(4), identifier=4))}
