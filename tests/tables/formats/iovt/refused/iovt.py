# SPDX-License-Identifier: BSD-3-Clause
"""An IOVT for every rule of its bytes, with one thing wrong."""
import struct

from acpi import acpi

HEAD, FIELDS = 48, 64
SINGLE, START, END = range(3)


def entry(kind, bdf=0, flags=0, reserved=0):
    return struct.pack("<BBBBHH", kind, 8, flags, reserved, 0, bdf)


def iommu(*entries, flags=0, segment=0, device=0, base=0x10010000, count=None, offset=FIELDS,
          reserved=0, length=None, kind=0, padding=b""):
    body = b"".join(entries)
    return struct.pack("<HHIHHHHQIQIBB2xIIIII", kind,
                       FIELDS + len(padding + body) if length is None else length, flags, segment,
                       48, 48, 4, 0x1000, device, base, 0x1000, 0, reserved, 64, 1, 16,
                       len(entries) if count is None else count, offset) + padding + body


def iovt(*nodes, count=None, offset=HEAD, behind=b""):
    return acpi("IOVT", struct.pack("<HH8x", len(nodes) if count is None else count, offset) +
                b"".join(nodes) + behind)


ALL = (entry(START, 0), entry(END, 0xffff))
GOOD = iommu(*ALL)
ENTRIES = HEAD + FIELDS
BEHIND = ENTRIES + 16

# rule -> (bytes, place, exit, also...)
TABLES = {".iovt": {
    "iovt-iommu-offset": (iovt(GOOD, offset=0x24), 38, 1),
    "iovt-iommu-count": (iovt(GOOD, count=2), 36, 1),
    "iovt-iommu-length": (iovt(GOOD, struct.pack("<HH4x", 0, 8)), BEHIND, 1),
    "iovt-iommu-end": (iovt(GOOD, struct.pack("<HH4x", 1, 12)), BEHIND, 1, "iovt-iommu-count"),
    "iovt-tail": (iovt(GOOD, behind=bytes(8)), BEHIND, 1),
    "iovt-too-large": (iovt(GOOD, *[struct.pack("<HH", 1, 4)] * (1 << 18), count=0xffff),
                       BEHIND + 4 * ((1 << 18) - 3), 1, "iovt-iommu-type",
                       "iovt-iommu-count", "input-findings"),
    "iovt-iommu-type": (iovt(GOOD, struct.pack("<HH", 1, 4)), BEHIND, 1),
    "iovt-entry-offset": (iovt(iommu(*ALL, offset=0x20)), HEAD + 60, 1),
    "iovt-entry-length": (iovt(iommu(*ALL, bytes([SINGLE, 4, 0, 0]))), BEHIND, 1,
                          "iovt-entry-count"),
    "iovt-entry-end": (iovt(iommu(*ALL, bytes([SINGLE, 8, 0, 0]), count=2)), BEHIND, 1),
    "iovt-entry-count": (iovt(iommu(*ALL, count=3)), HEAD + 56, 1),
    "iovt-reserved": (iovt(iommu(*ALL, reserved=1)), HEAD + 41, 1),
    "iovt-value": (iovt(iommu(*ALL, flags=0x20)), HEAD + 4, 1),
    "iovt-range": (iovt(iommu(*ALL, entry(END, 8))), BEHIND, 1),
    "iovt-scope": (iovt(iommu(*ALL, flags=4)), HEAD + 56, 1),
}}
LARGE = ("iovt-too-large",)

# one structure of each layout
EVERY = {".iovt": iovt(iommu(*ALL, entry(SINGLE, 0x100), bytes([9, 4, 0, 0])),
                       iommu(flags=7, segment=1, device=8, padding=bytes(8)),
                       struct.pack("<HH4x", 1, 8))}
