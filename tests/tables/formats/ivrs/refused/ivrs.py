# SPDX-License-Identifier: BSD-3-Clause
"""An IVRS for every rule of its blocks and device entries, with one thing wrong."""
import struct

from acpi import acpi

HEAD = 48
IOMMU = 0x10        # 00:02.0
SOUTHBRIDGE = 0xa0  # 00:14.0


def block(kind, flags, body, length=None):
    return struct.pack("<BBH", kind, flags, 4 + len(body) if length is None else length) + body


def ivhd(*entries, kind=0x10, bdf=IOMMU, base=0xfed80000, length=None, capability=0x40):
    images = b"" if kind == 0x10 else bytes(16)
    return block(kind, 0, struct.pack("<HHQHHI", bdf, capability, base, 0, 0, 0) + images +
                 b"".join(entries), length)


def ivmd(kind=0x21, flags=7, bdf=0x100, last=0, start=0x7b000000, size=0x1000, length=None):
    return block(kind, flags, struct.pack("<HHQQQ", bdf, last, 0, start, size), length)


def plain(kind, bdf=0):
    return struct.pack("<BHB", kind, bdf, 0)


def select(bdf):
    return plain(2, bdf)


def in_range(first, last, start=3):
    return plain(start, first) + plain(4, last)


def alias(bdf, source):
    return plain(0x42, bdf) + struct.pack("<BHB", 0, source, 0)


def special(source=SOUTHBRIDGE, variety=1, handle=0):
    return struct.pack("<BHBBHB", 0x48, 0, 0, handle, source, variety)


def hid(name=b"AMDI0020", kind=0, uid=b"", bdf=0x9a, length=None):
    return plain(0xf0, bdf) + struct.pack("<8s8xBB", name, kind,
                                          len(uid) if length is None else length) + uid


def ivrs(*blocks, revision=1, reserved=0, physical=40, virtual=64):
    return acpi("IVRS", struct.pack("<IQ", physical << 8 | virtual << 15, reserved) + b"".join(blocks), revision)


ALL = in_range(0, 0xffff)
WHOLE = ivhd(ALL, special())
NEWER = ivhd(ALL, special(), kind=0x11)
FIRST = HEAD + 24              # the first device entry of a block 10h
BEHIND = HEAD + len(WHOLE)     # the block behind WHOLE
ENTRY = FIRST + len(ALL) + 8   # the device entry behind those of WHOLE
OTHER = ivhd(select(0x4000), bdf=0x4002, base=0xb7b00000)


def with_entry(*entries, kind=0x10):
    return ivhd(ALL, special(), *entries, kind=kind)


# rule -> (bytes, place, exit, also...)
FILES = {
    "ivrs-revision": (ivrs(WHOLE, revision=3), 8, 1),
    "ivrs-iommu-none": (ivrs(ivmd()), HEAD, 1, "ivrs-southbridge"),
    "ivrs-type": (ivrs(WHOLE, block(0x51, 0, bytes(4))), BEHIND, 1),
    "ivrs-block-length": (ivrs(WHOLE, block(0x20, 0, b"", length=0)), BEHIND, 1),
    "ivrs-block-end": (ivrs(WHOLE, ivmd(length=64)), BEHIND, 1),
    "ivrs-entry-length": (ivrs(with_entry(plain(0x80))), ENTRY, 1),
    "ivrs-entry-end": (ivrs(with_entry(plain(0x42))), ENTRY, 1),
    "ivrs-too-large": (ivrs(*[block(0x7f, 0, b"")] * ((1 << 20) + 1)), HEAD + 4 * (1 << 20), 1,
                       "ivrs-type", "ivrs-iommu-none", "ivrs-southbridge", "input-findings"),
    "ivrs-value": (ivrs(WHOLE, ivmd(flags=0x17)), BEHIND + 1, 1),
    "ivrs-reserved": (ivrs(WHOLE, reserved=1), 40, 1),
    "ivrs-block-order": (ivrs(NEWER, WHOLE), HEAD + len(NEWER), 1),
    "ivrs-block-twice": (ivrs(WHOLE, WHOLE), BEHIND, 1),
    "ivrs-block-missing": (ivrs(WHOLE, NEWER, OTHER), BEHIND + len(NEWER), 1,
                           "topology-ranges-overlap"),
    "ivrs-blocks-differ": (ivrs(WHOLE, ivhd(ALL, kind=0x11)), BEHIND, 1),
    "ivrs-range-open": (ivrs(with_entry(plain(3))), ENTRY, 1),
    "ivrs-range-inverted": (ivrs(with_entry(in_range(2, 1))), ENTRY + 4, 1, "ivrs-others"),
    "ivrs-entry-none": (ivrs(WHOLE, ivhd(bdf=0x4002, base=0xb7b00000)), BEHIND, 1,
                        "topology-iommu-idle"),
    "ivrs-beyond": (ivrs(ivhd(in_range(0, 0xff), special(), alias(8, 0x100))), FIRST + 16, 1,
                    "ivrs-last"),
    "ivrs-last": (ivrs(ivhd(in_range(0, 0xff), special())), HEAD, 0),
    "ivrs-special": (ivrs(with_entry(special(variety=3))), ENTRY + 7, 1),
    "ivrs-southbridge": (ivrs(ivhd(ALL)), HEAD, 0, "ivrs-others"),
    "ivrs-hid": (ivrs(with_entry(hid())), ENTRY, 1, "ivrs-others"),
    "ivrs-hid-text": (ivrs(with_entry(hid(name=b"amdi\x01\x02\x03\x04"), kind=0x40), revision=2),
                      ENTRY + 16 + 4, 1, "ivrs-others"),
    "ivrs-base": (ivrs(ivhd(ALL, special(), base=0xfed81000)), HEAD + 8, 1),
    "ivrs-capability": (ivrs(ivhd(ALL, special(), capability=0)), HEAD + 6, 1),
    "ivrs-beyond-width": (ivrs(WHOLE, ivmd(start=1 << 40)), BEHIND + 16, 1, "ivrs-others"),
    "ivrs-special-twice": (ivrs(with_entry(special(source=0x10))), ENTRY + 4, 1, "ivrs-others"),
    "ivrs-uid": (ivrs(with_entry(hid(kind=1, uid=bytes(2)), kind=0x40), revision=2),
                 ENTRY + 16 + 21, 1, "ivrs-others"),
    "ivrs-memory-pages": (ivrs(WHOLE, ivmd(size=1)), BEHIND + 24, 1),
    "ivrs-others": (ivrs(WHOLE, ivmd(flags=6)), BEHIND, 1, "ivrs-memory-flags", "ivrs-untold"),
    "ivrs-memory-end": (ivrs(WHOLE, ivmd(start=0xfffffffffffff000, size=0x2000)), BEHIND + 24, 1),
    "ivrs-memory-devices": (ivrs(WHOLE, ivmd(0x22, last=8)), BEHIND + 6, 1, "ivrs-others"),
    "ivrs-memory-flags": (ivrs(WHOLE, ivmd(flags=6)), BEHIND + 1, 1, "ivrs-untold", "ivrs-others"),
    "ivrs-untold": (ivrs(with_entry(plain(0x46, 8) + struct.pack("<I", 1))), ENTRY, 1, "ivrs-value"),
}
TABLES = {".ivrs": FILES}
LARGE = ("ivrs-too-large",)

GOOD = ["viommu: 1", "iommus:",
        "  - { name: a, kind: amd-vi, at: 0xfed80000, function: 00:02.0, include-self: yes }",
        "host-bridges:", "  - { buses: 00-ff, iommu: a }"]
TWO = ["viommu: 1", "iommus:",
       "  - { name: a, kind: amd-vi, at: 0xfed80000, function: 00:02.0 }",
       "  - { name: b, kind: amd-vi, at: 0xfed90000, function: 80:02.0 }",
       "host-bridges:", "  - { buses: 00-7f, iommu: a }", "  - { buses: 80-ff, iommu: b }"]


def text(*lines):
    return ("\n".join(lines) + "\n").encode()


# What only making a table can find: rule -> (topology, place, exit of generate)
TOPOLOGIES = {
    "ivrs-behind": (text(*GOOD[:4], "  - { buses: 00-7f }", "  - { buses: 80-ff }", "ranges:",
                         "  - { functions: 00:00.0-7f:1f.7, iommu: a }"), "6:5", 1),
    "ivrs-silent-iommu": (text(*GOOD[:3], "  - { name: s, kind: smmu-v3, at: 0x9000000 }",
                               *GOOD[3:], "devices:",
                               "  - { at: 0x9100000, iommu: s, id: 1 }"), "4:5", 1),
    "ivrs-silent-segment": (text(*GOOD, "  - { segment: 1, buses: 00-ff, iommu: a }"), "6:5", 1),
    "ivrs-silent-id": (text(*GOOD, "ranges:",
                            "  - { functions: 01:00.0, iommu: a, first-id: 0x10000 }"), "7:5", 1),
    "ivrs-silent-ats": (text(*GOOD, "ranges:", "  - { functions: 01:00.0-01:1f.7, iommu: a, "
                             "first-id: 0x100, one-id: yes, no-ats: yes }"), "7:5", 1),
    "ivrs-silent-path": (text(*GOOD, "ranges:",
                              "  - { functions: 00:1c.0, path: 00.0, iommu: a }"), "7:5", 1),
    "ivrs-silent-device": (text(*GOOD, "devices:", "  - { at: 0x1000, iommu: a, id: 0x9a }"),
                           "7:5", 1),
    "ivrs-silent-ids": (text(*GOOD, "devices:",
                             "  - { hid: AMDI0020, iommu: a, id: 0x9a, ids: 2 }"), "7:5", 1),
    "ivrs-silent-domain": (text(*GOOD[:2], GOOD[2].replace(" }", ", proximity-domain: 0 }"),
                                *GOOD[3:]), "3:5", 0),
    "ivrs-silent-memory": (text(*TWO, "reserved-memory:",
                                "  - { range: 0-0xfff, kind: identity, iommu: a }"), "9:5", 0),
}

# one structure of each layout
EVERY = {".ivrs": ivrs(
    ivhd(plain(0), plain(1), select(8), in_range(0x10, 0x17), alias(8, 0x100), special(),
         plain(0x40) + bytes(4), plain(0x43, 0x200) + struct.pack("<BHB", 0, 0x300, 0), plain(4, 0x2ff),
         plain(0x46, 0x400) + struct.pack("<I", 1), plain(0x47, 0x500) + struct.pack("<I", 1),
         plain(4, 0x5ff), hid(), plain(5)),
    ivhd(kind=0x11), ivhd(kind=0x40), ivmd(0x20), ivmd(0x21), ivmd(0x22, last=0x1ff),
    block(0x30, 0, bytes(20)),
    block(0x80, 0, struct.pack("<HHQHHI", 8, 0, 0, 0, 0, 0) + select(0x10)),
    block(0x81, 0, struct.pack("<HHQHHIQ", 0, 0, 0x10001000, 0, 0, 37, 0x200) + hid()))}
