# SPDX-License-Identifier: BSD-3-Clause
"""A built-in topology for every rule of its bytes, with one thing wrong, in one of its forms."""
import struct

FIELDS = bytes(36)      # which the device says itself
AT = 40                 # where items of the first and the third form begin
END = AT + 16


def range_v1(following=0):
    return struct.pack("<HHIHHHxx", 0, following, 0, 0, 0, 0xffff)


def v1(*items):
    return FIELDS + struct.pack("<Hxx", AT) + b"".join(items)


def range_v2():
    return struct.pack("<HHHHIxxxx", 1, 0, 0, 0xffff, 0)


def v2(*items, count):
    return FIELDS + struct.pack("<III", 48, count, 16) + b"".join(items)


def item(kind=1, reserved=0, length=16, body=struct.pack("<IHHHxx", 0, 0, 0, 0xffff)):
    return struct.pack("<BBH", kind, reserved, length) + body


def v3(*items, offset=AT):
    return FIELDS + struct.pack("<HH", len(items), offset) + b"".join(items)


# suffix -> rule -> (bytes, place, exit, also...)
TABLES = {
    ".builtin-v1": {
        "builtin-list": (v1(range_v1(following=AT)), AT, 1),
    },
    ".builtin-v2": {
        "builtin-item-end": (v2(range_v2(), count=2), 64, 1),
    },
    ".builtin-v3": {
        "builtin-short": (FIELDS + bytes(3), 39, 2),
        "builtin-offset": (v3(item(), offset=32), 38, 1, "topology-iommu-idle"),
        "builtin-alignment": (v3(bytes(4) + item(), offset=AT + 4), 38, 1),
        "builtin-item-length": (v3(item(length=20) + bytes(4)), AT + 2, 1),
        "builtin-item-type": (v3(item(), item(kind=3)), END, 1),
        "builtin-reserved": (v3(item(reserved=1)), AT + 1, 1),
    },
    ".builtin-v3-segments": {
        "builtin-range-inverted": (v3(item(body=struct.pack("<IHHHH", 0, 0, 0, 0, 0xffff)),
                                      item(body=struct.pack("<IHHHH", 0, 1, 1, 2, 1))), END, 1),
    },
}


def topology(*lines):
    """Of one virtio-iommu, with some lines more."""
    return ("\n".join(["viommu: 1", "iommus:",
                       "  - { name: a, kind: virtio-iommu-mmio, at: 0x1000 }", *lines]) +
            "\n").encode()


BRIDGE = ("host-bridges:", "  - { buses: 00-ff, iommu: a }")

# What only making one can find: rule -> (topology, place, exit of generate, also...)
TOPOLOGIES = {
    "builtin-iommu": (topology("  - { name: b, kind: virtio-iommu-mmio, at: 0x2000 }",
                               "host-bridges:", "  - { buses: 00-7f, iommu: a }",
                               "  - { buses: 80-ff, iommu: b }"), "-", 2),
    "builtin-silent-path": (topology(*BRIDGE, "ranges:",
                                     "  - { functions: 00:1c.0, path: 00.0, iommu: a }"),
                            "7:5", 1, "builtin-bypass"),
    "builtin-silent-ids": (topology(*BRIDGE, "devices:",
                                    "  - { at: 0x3000, iommu: a, id: 0x10000, ids: 2 }"),
                           "7:5", 1, "builtin-bypass"),
    "builtin-silent-memory": (topology(*BRIDGE, "reserved-memory:",
                                       "  - { range: 0-0xfff, iommu: a }"),
                              "7:5", 0, "builtin-bypass"),
    "builtin-bypass": (topology(*BRIDGE), "-", 0),
    "builtin-too-large": (topology("ranges:", "  - { functions: 00:00.0-ff:1f.7, iommu: a,"
                                   " one-id: yes, first-id: 1 }"), "-", 2, "builtin-bypass"),
}

# one structure of each layout
EVERY = {
    ".builtin-v1": v1(range_v1(following=END), struct.pack("<HHIQ", 1, END + 16, 1, 0x3000),
                      struct.pack("<HH", 2, 0)),
    ".builtin-v2": v2(range_v2(), struct.pack("<HHIQ", 2, 0, 1, 0x3000),
                      struct.pack("<H14x", 3), count=3),
    ".builtin-v3": v3(item(), item(kind=2, body=struct.pack("<IQ", 1, 0x3000)),
                      item(kind=3, length=4, body=b"")),
    ".builtin-v3-segments": v3(item(body=struct.pack("<IHHHH", 0, 0, 1, 0, 0xffff))),
}
