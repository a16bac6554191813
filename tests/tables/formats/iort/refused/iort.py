# SPDX-License-Identifier: BSD-3-Clause
"""An IORT for every rule of its bytes, with one thing wrong."""
import struct

from acpi import acpi

HEAD, NODE, MAPPING = 48, 16, 20
ITS, COMPONENT, COMPLEX, SMMU_V2, SMMU_V3, PMCG, RMR = range(7)
SINGLE, ALL = 1, 0xffff


def mapping(first=0, count=ALL, output=None, to=HEAD, flags=0):
    return struct.pack("<IIIII", first, count, first if output is None else output, to, flags)


def node(kind, body, *mappings, revision=0, identifier=0, count=None, at=None, length=None,
         behind=b""):
    """A node: its fields, its ID mappings, and what is behind them."""
    n = len(mappings) if count is None else count
    offset = (NODE + len(body) if n else 0) if at is None else at
    content = body + b"".join(mappings) + behind
    return struct.pack("<BHBIII", kind, NODE + len(content) if length is None else length,
                       revision, identifier, n, offset) + content


def its(*numbers, identifier=0):
    return node(ITS, struct.pack(f"<I{len(numbers)}I", len(numbers), *numbers), revision=1,
                identifier=identifier)


def smmu(*mappings, gsivs=(110, 111, 113, 112), flags=1, index=0, model=0, revision=4, identifier=1,
         reserved=0, base=0x9050000, **more):
    event, pri, gerr, sync = gsivs
    return node(SMMU_V3, struct.pack("<QIIQIIIIIII", base, flags, reserved, 0, model, event,
                                     pri, gerr, sync, 0, index),
                *mappings, revision=revision, identifier=identifier, **more)


def smmu_v2(*mappings, identifier=1, contexts=1, edges=None, span=0x10000, base=0x5000000,
            fault=38):
    """Global interrupts, context interrupts from 40 on, then ID mappings."""
    edges = range(contexts) if edges is None else edges
    arrays = struct.pack("<IIII", fault, 0, 39, 0)
    arrays += b"".join(struct.pack("<II", 40 + i, edge) for i, edge in enumerate(edges))
    return node(SMMU_V2, struct.pack("<QQIIIIIII", base, span, 1, 0, 60, contexts,
                                     76 if contexts else 0, 0, 0) + arrays,
                *mappings, revision=3, identifier=identifier)


MEMORY = struct.pack("<IBHB", 1, 0, 0, 3)
TWICE_COHERENT = struct.pack("<IBHB", 2, 0, 0, 3)


def complex_(*mappings, segment=0, limit=64, ats=0, revision=3, identifier=2, **more):
    return node(COMPLEX, MEMORY + struct.pack("<IIB3x", ats, segment, limit), *mappings,
                revision=revision, identifier=identifier, **more)


def component(*mappings, name=b"\\_SB_.DEV0\0", limit=64, identifier=3, memory=MEMORY,
              **more):
    return node(COMPONENT, bytes(4) + memory + bytes([limit]) + name, *mappings, revision=4,
                identifier=identifier, **more)


def pmcg(*mappings, gsiv=20, reference=HEAD, identifier=3):
    return node(PMCG, struct.pack("<QIIQ", 0x9060000, gsiv, reference, 0), *mappings, revision=2,
                identifier=identifier)


def rmr(*mappings, memory=((0x8000000, 0x100000),), flags=0, identifier=3):
    descriptors = b"".join(struct.pack("<QQ4x", *one) for one in memory)
    at = NODE + 12 + MAPPING * len(mappings)
    return node(RMR, struct.pack("<III", flags, len(memory), at if memory else 0), *mappings,
                revision=3, identifier=identifier, behind=descriptors)


def iort(*nodes, revision=3, count=None, offset=HEAD):
    return acpi("IORT", struct.pack("<III", len(nodes) if count is None else count, offset, 0) +
                b"".join(nodes), revision)


GROUP = its(0)
TO_ITS = mapping()
SMMU_AT = HEAD + len(GROUP)
UNIT = smmu(TO_ITS)
TO_SMMU = mapping(to=SMMU_AT)
COMPLEX_AT = SMMU_AT + len(UNIT)
BRIDGE = complex_(TO_SMMU)
END = COMPLEX_AT + len(BRIDGE)
GOOD = (GROUP, UNIT, BRIDGE)
# Where the first mapping is, from the start of its node.
IN_SMMU, IN_COMPLEX, IN_COMPONENT, IN_RMR = 68, 36, 29 + 11, 28
PAIR = (mapping(0, 0xff, to=SMMU_AT), mapping(0xff, 0x100, to=SMMU_AT))

# rule -> (bytes, place, exit, also...)
FILES = {
    "iort-revision": (iort(*GOOD, revision=4), 8, 1),
    "iort-node-offset": (iort(*GOOD, offset=0x24), 40, 1),
    "iort-node-count": (iort(*GOOD, count=4), 36, 1),
    "iort-node-length": (iort(*GOOD, node(PMCG, bytes(8), identifier=3)), END, 1),
    "iort-node-end": (iort(*GOOD, node(PMCG, bytes(24), length=100), count=4), END, 1,
                      "iort-node-count"),
    "iort-tail": (iort(*GOOD, TO_ITS, count=3), END, 1),
    "iort-too-large": (iort(*[node(9, b"", length=16)] * ((1 << 18) + 1), revision=0),
                       HEAD + 16 * (1 << 18), 1, "iort-node-type", "iort-node-count",
                       "input-findings"),
    "iort-node-type": (iort(*GOOD, node(9, bytes(4), identifier=3)), END, 1),
    "iort-draft": (iort(*GOOD, node(0x80, bytes(4), identifier=3)), END, 1,
                   "topology-iommu-idle"),
    "iort-array": (iort(GROUP, smmu(TO_ITS, count=2), BRIDGE), SMMU_AT, 1),
    "iort-reserved": (iort(GROUP, smmu(TO_ITS, reserved=1), BRIDGE), SMMU_AT + 28, 1),
    "iort-value": (iort(GROUP, smmu(TO_ITS, model=7), BRIDGE), SMMU_AT + 40, 1),
    "iort-identifier": (iort(GROUP, smmu(TO_ITS, identifier=0), BRIDGE), SMMU_AT + 4, 1),
    "iort-bytes": (iort(GROUP, UNIT, complex_(TO_SMMU, behind=TO_ITS)), END + 4, 0),
    "iort-text": (iort(*GOOD, component(name=b"\\_SB_.DEV0")), END, 1),
    "iort-path": (iort(*GOOD, component(name=b"\\_SB.DEV0\0")), END + 29, 1),
    "iort-address-limit": (iort(GROUP, UNIT, complex_(TO_SMMU, limit=0)), COMPLEX_AT + 28, 1),
    "iort-segment-twice": (iort(*GOOD, complex_(TO_ITS, identifier=3)), END + 28, 1),
    "iort-node-revision": (iort(GROUP, UNIT, complex_(TO_SMMU, ats=3, revision=1)),
                           COMPLEX_AT + 3, 1),
    "iort-its-empty": (iort(*GOOD, its(identifier=3)), END + 16, 1),
    "iort-revision-unknown": (iort(its(0)[:3] + b"\x09" + its(0)[4:], UNIT, BRIDGE), HEAD + 3, 1),
    "iort-interrupts": (iort(GROUP, smmu(TO_ITS, gsivs=(0, 0, 0, 0), revision=5), BRIDGE,
                             revision=6), SMMU_AT + 44, 1),
    "iort-interrupt-shared": (iort(GROUP, UNIT, smmu(TO_ITS, base=0x9080000, identifier=3),
                                   complex_(mapping(0, 0x7fff, to=SMMU_AT),
                                            mapping(0x8000, 0x7fff, to=COMPLEX_AT))),
                              COMPLEX_AT, 1),
    "iort-interrupt-private": (iort(GROUP, smmu(TO_ITS, gsivs=(110, 111, 31, 112)), BRIDGE), SMMU_AT, 1),
    "iort-its-twice": (iort(its(0, 0), smmu(mapping()), complex_(mapping(to=SMMU_AT + 4))),
                       HEAD + 24, 1),
    "iort-device-id-twice": (iort(GROUP, smmu(mapping(0, 0x7fff), mapping(0x8000, 0x7fff, 0)),
                                  BRIDGE), SMMU_AT + IN_SMMU + MAPPING + 8, 1),
    "iort-its-partial": (iort(GROUP, UNIT, smmu(base=0x9080000, gsivs=(120, 121, 123, 122), identifier=3),
                              complex_(mapping(0, 0x7fff, to=SMMU_AT),
                                       mapping(0x8000, 0x7fff, to=COMPLEX_AT))),
                         COMPLEX_AT + 68 + IN_COMPLEX + MAPPING, 1),
    "iort-memory": (iort(*GOOD, component(mapping(0x20000, 0, flags=SINGLE, to=SMMU_AT),
                                          memory=struct.pack("<IBHB", 1, 0, 0, 2))), END, 1),
    "iort-span": (iort(GROUP, UNIT, smmu_v2(identifier=3, span=0, contexts=1),
                       complex_(mapping(0, 0x7fff, to=SMMU_AT),
                                mapping(0x8000, 0x7fff, to=COMPLEX_AT))), COMPLEX_AT + 24, 1,
                  "iort-its-partial"),
    "iort-interrupt-order": (iort(GROUP, smmu(TO_ITS, gsivs=(110, 111, 112, 113)), BRIDGE),
                             SMMU_AT + 52, 0),
    "iort-device-id-index": (iort(GROUP, smmu(TO_ITS, gsivs=(110, 111, 112, 0), index=1), BRIDGE),
                             SMMU_AT + 56, 1),
    "iort-device-id-mapping": (iort(GROUP, smmu(TO_ITS, gsivs=(110, 111, 112, 0)), BRIDGE),
                               SMMU_AT + IN_SMMU + 16, 1),
    "iort-pmcg": (iort(*GOOD, pmcg(gsiv=0, reference=SMMU_AT)), END + 24, 1),
    "iort-rmr-revision": (iort(*GOOD, rmr(TO_SMMU)), END, 1),
    "iort-rmr-empty": (iort(*GOOD, rmr(TO_SMMU, memory=()), revision=5), END, 1),
    "iort-rmr-align": (iort(*GOOD, rmr(TO_SMMU, memory=((0x8001000, 0x10000),)), revision=5),
                       END + IN_RMR + MAPPING, 1),
    "iort-rmr-overlap": (iort(*GOOD, rmr(TO_SMMU, memory=((0, 0x20000), (0x10000, 0x10000))),
                              revision=5), END + IN_RMR + 2 * MAPPING, 1,
                         "topology-memory-overlap"),
    "iort-rmr-many": (iort(*GOOD, rmr(*[mapping(4 * i, 1, to=SMMU_AT) for i in range(257)],
                                      memory=[(i << 16, 1 << 16) for i in range(256)]), revision=5),
                      END + IN_RMR + 257 * MAPPING, 1),
    "iort-rmr-one-id": (iort(*GOOD, rmr(mapping(8, 0, to=SMMU_AT)), revision=5),
                        END + IN_RMR + 4, 0),
    "iort-reference": (iort(GROUP, UNIT, complex_(mapping(to=SMMU_AT + 4))),
                       COMPLEX_AT + IN_COMPLEX + 12, 1, "topology-iommu-idle"),
    "iort-reference-null": (iort(GROUP, UNIT, complex_(mapping(to=0))),
                            COMPLEX_AT + IN_COMPLEX + 12, 1, "topology-iommu-idle"),
    "iort-reference-kind": (iort(GROUP, smmu_v2(mapping(to=SMMU_AT + 84 + MAPPING)),
                                 smmu_v2(identifier=4, edges=(0,)),
                                 complex_(TO_SMMU)), SMMU_AT + 84 + 12, 1,
                            "topology-iommu-idle", "topology-registers-overlap",
                            "iort-interrupt-shared"),
    "iort-cycle": (iort(GROUP, smmu(mapping(to=SMMU_AT)), BRIDGE), SMMU_AT, 1,
                   "iort-reference-kind"),
    "iort-single": (iort(GROUP, smmu(mapping(flags=SINGLE)), BRIDGE), SMMU_AT + IN_SMMU + 16, 1),
    "iort-mapping-wrap": (iort(GROUP, smmu(mapping(0x10000, 0xffffffff)), BRIDGE),
                          SMMU_AT + IN_SMMU + 4, 1),
    "iort-mapping-beyond": (iort(GROUP, UNIT, complex_(mapping(0, 0x10000, to=SMMU_AT))),
                            COMPLEX_AT + IN_COMPLEX + 4, 0),
    "iort-mapping-overlap": (iort(GROUP, UNIT, complex_(mapping(0, 0xff, to=SMMU_AT),
                                                        mapping(0x80, 0xff, to=SMMU_AT))),
                             COMPLEX_AT + IN_COMPLEX + MAPPING, 1, "topology-ranges-overlap",
                             "topology-id-twice"),
    "iort-silent-interrupts": (iort(GROUP, smmu_v2(contexts=2), BRIDGE), SMMU_AT, 0),
    "iort-silent-attributes": (iort(*GOOD, component(memory=TWICE_COHERENT)), END, 1, "iort-memory"),
    "iort-silent-mapping": (iort(GROUP, UNIT, complex_(TO_SMMU, mapping(0x10000, 0, to=SMMU_AT))),
                            COMPLEX_AT + IN_COMPLEX + MAPPING, 0, "iort-mapping-beyond"),
    "iort-silent-node": (iort(*GOOD, pmcg(mapping(flags=SINGLE), mapping(flags=SINGLE),
                                          reference=SMMU_AT)), END, 0),
    "iort-id-count": (iort(GROUP, UNIT, complex_(mapping(0, 0x100, to=SMMU_AT),
                                                 mapping(0x100, 0xfeff))),
                      COMPLEX_AT + IN_COMPLEX + 4, 1),
}
TABLES = {".iort": FILES}


def topology(*lines):
    return ("\n".join(("viommu: 1",) + lines) + "\n").encode()


SMMU_LINES = ("iommus:",
              "  - { name: s, kind: smmu-v3, at: 0x9050000, interrupts: [110, 111, 112, 113] }")
BEHIND = ("host-bridges:", "  - { buses: 00-ff, iommu: s }")

# What only making a table can find: rule -> (topology, place, exit of generate, also...)
TOPOLOGIES = {
    "iort-silent-iommu": (topology(*SMMU_LINES, "  - { name: v, kind: vt-d, at: 0xfed90000 }",
                                   "host-bridges:", "  - { buses: 00-7f, iommu: s }",
                                   "  - { buses: 80-ff, iommu: v }"), "4:5", 1),
    "iort-silent-virtio": (topology(*SMMU_LINES,
                                    "  - { name: v, kind: virtio-iommu-pci, at: 80:01.0 }",
                                    "host-bridges:", "  - { buses: 00-7f, iommu: s }",
                                    "  - { buses: 80-ff, iommu: v }"), "4:5", 0),
    "iort-silent-domain": (topology(*SMMU_LINES, "host-bridges:",
                                    "  - { buses: 00-ff, iommu: s, proximity-domain: 0 }"),
                           "5:5", 0),
    "iort-silent-memory": (topology(*SMMU_LINES, *BEHIND, "reserved-memory:",
                                    "  - { range: 0-0xffff, iommu: s }"), "7:5", 0),
    "iort-silent-path": (topology(*SMMU_LINES, *BEHIND, "ranges:",
                                  "  - { functions: 1c.0, path: 00.0, iommu: s }"
                                  .replace("1c.0", "00:1c.0")), "7:5", 1),
    "iort-silent-device": (topology(*SMMU_LINES, *BEHIND, "devices:",
                                    "  - { at: 0x9000000, iommu: s, id: 0x20000 }"), "7:5", 1),
    "iort-silent-monitor": (topology(*SMMU_LINES, *BEHIND, "monitors:",
                                     "  - { at: 0x9060000, segment: 1 }"), "7:5", 0),
    "iort-silent-cmdqv": (topology(*SMMU_LINES[:-1], SMMU_LINES[-1].replace(
        " }", ", cmdqv: 0x9200000, cmdqv-interrupt: 20 }"), *BEHIND), "3:5", 0),
    "table-silent-hotplug": (topology(*SMMU_LINES[:-1], SMMU_LINES[-1].replace(
        " }", ", hotplug: 3 }"), *BEHIND), "3:5", 0),
    "iort-silent-bridge": (topology(*SMMU_LINES, "host-bridges:",
                                    "  - { buses: 00-7f, iommu: s, ats: yes }",
                                    "  - { buses: 80-ff, iommu: s }"), "6:5", 1),
    "iort-silent-msi": (topology(*SMMU_LINES, *BEHIND, "its-groups:",
                                 "  - { name: i, ids: [0] }", "msi-ranges:",
                                 "  - { functions: 01:00.0, its: i }"), "9:5", 1),
    "iort-silent-revision": (topology("tables: { iort: { revision: 3 } }", *SMMU_LINES,
                                      "host-bridges:",
                                      "  - { buses: 00-ff, iommu: s, pasid: yes, pasid-bits: 16 }"),
                             "6:5", 1),
}
LARGE = ("iort-too-large",)

SMMU_V2_ARRAYS = (struct.pack("<QQIIIIIII", 0x5000000, 0x10000, 1, 0, 60, 1, 76, 1, 84) +
                  struct.pack("<IIII", 40, 0, 41, 0) + struct.pack("<IIII", 42, 0, 43, 0))

# one structure of each layout
EVERY = {".iort": iort(
    its(0), component(mapping()),
    *[node(COMPLEX, bytes(length - NODE), revision=revision)
      for length, revision in ((40, 4), (36, 4), (36, 3), (32, 0))],
    node(SMMU_V2, SMMU_V2_ARRAYS), node(SMMU_V3, bytes(68 - NODE)), node(SMMU_V3, bytes(60 - NODE)),
    node(PMCG, bytes(40 - NODE)), node(PMCG, bytes(32 - NODE)),
    node(RMR, struct.pack("<III", 0, 1, 28) + struct.pack("<QQI", 0x8000000, 0x10000, 0)),
    node(7, struct.pack("<QH", 0xa000000, 0) + b"\\_SB_.IWB0\0"),
    node(0x80, bytes(56 - NODE)), node(0x80, bytes(20 - NODE)), node(0x81, bytes(48 - NODE)),
    node(0x7f, b""))}
