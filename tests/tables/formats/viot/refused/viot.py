# SPDX-License-Identifier: BSD-3-Clause
"""A VIOT for every rule of its bytes, with one thing wrong."""
import struct

from acpi import acpi, fix, joined
from dmar import drhd, scope

HEAD = 48
IOMMU, RANGE, END = HEAD, HEAD + 16, HEAD + 40


def virtio_pci(bdf=0x8, reserved=bytes(8)):
    return struct.pack("<BxHHH8s", 3, 16, 0, bdf, reserved)


def pci_range(first=0x10, last=0xffff, output=IOMMU, length=24):
    return struct.pack("<BxHIHHHHH6x", 1, length, 0, 0, 0, first, last, output)


def viot(*nodes, count=None, offset=HEAD, revision=0, length=None):
    body = b"".join(nodes)
    head = struct.pack("<4sIBB6s8sI4sIHH8x", b"VIOT", length or HEAD + len(body), revision, 0,
                       b"VIOMMU", b"REFUSED ", 1, b"VIOM", 1,
                       len(nodes) if count is None else count, offset)
    return fix(head + body)


GOOD = viot(virtio_pci(), pci_range())


def empty_iort():
    inner = struct.pack("<4sIBB6s8sI4sI", b"IORT", 48, 0, 0, b"VIOMMU", b"REFUSED ", 1, b"VIOM",
                        1) + struct.pack("<III", 0, 48, 0)
    return fix(inner)


def draft(*inner):
    return viot(*inner, count=0, offset=0)


def unrepresentable(what):
    """A topology that a VIOT represents but for this."""
    return joined(["viommu: 1", "iommus:",
                   "  - { name: a, kind: virtio-iommu-pci, at: 00:01.0" +
                   {"domain": ", proximity-domain: 0 }", "coherence": ", coherent: yes }"}.get(
                       what, " }")] +
                  (["  - { name: s, kind: smmu-v3, at: 0x9000000 }"] if what == "iommu" else []) +
                  ["host-bridges:", "  - { buses: 00-7f, iommu: a }"] +
                  (["  - { buses: 80-ff, iommu: s }"] if what == "iommu" else []) +
                  (["reserved-memory:", "  - { range: 0-0xfff, iommu: a }"]
                   if what == "memory" else []) +
                  (["ranges:", "  - { functions: 00:1c.0, path: 00.0, iommu: a }"]
                   if what == "path" else []) +
                  (["devices:", "  - { at: 0x1000, iommu: a, id: 0x10000, ids: 2 }"]
                   if what == "ids" else []))


# rule -> (bytes, place, exit, also...)
FILES = {
    "viot-revision": (viot(virtio_pci(), pci_range(), revision=1), 8, 1),
    "viot-draft": (draft(empty_iort()), HEAD, 0),
    "viot-draft-length": (draft(empty_iort(), bytes(4)), HEAD + 4, 1, "viot-draft"),
    "viot-draft-checksum": (draft(empty_iort()[:9] + b"\1" + empty_iort()[10:]), HEAD + 9, 1,
                            "viot-draft"),
    "viot-draft-reader": (draft(acpi("DMAR", bytes([38]) + bytes(11) + drhd(scope()))), HEAD, 0,
                          "viot-draft"),
    "viot-node-offset": (viot(virtio_pci(), pci_range(), offset=0x24), 38, 1),
    "viot-node-count": (viot(virtio_pci(), pci_range(), count=3), 36, 1),
    "viot-node-length": (viot(virtio_pci(), pci_range(), struct.pack("<BxHI", 2, 8, 0)), END, 1),
    "viot-node-end": (viot(virtio_pci(), pci_range(), struct.pack("<BxHI", 2, 24, 0), count=2),
                      END, 1),
    "viot-node-type": (viot(virtio_pci(), pci_range(), struct.pack("<BxHI", 0, 8, 0)), END, 1),
    "viot-iommu-none": (viot(), 36, 1),
    "viot-reserved": (viot(virtio_pci(reserved=b"\1" + bytes(7)), pci_range()), IOMMU + 8, 1),
    "viot-output-node": (viot(virtio_pci(), pci_range(),
                              pci_range(0x100, 0x1ff, output=IOMMU + 4)), END + 16, 1),
    "viot-endpoint-base": (viot(virtio_pci(), pci_range(), struct.pack("<BxHIQH6x", 2, 24, 0x20000, 0, IOMMU)),
                           END + 8, 1),
    "viot-range-inverted": (viot(virtio_pci(), pci_range(), pci_range(2, 1)), END, 1),
    "viot-node-beyond": (viot(virtio_pci(), pci_range(), struct.pack("<BxH65516x", 9, 0xfff0),
                              virtio_pci(0x100)), END + 0xfff0, 1,
                         "viot-node-type", "topology-iommu-idle"),
    "viot-too-large": (viot(virtio_pci(), pci_range(), *[b"\x09\0\4\0"] * 65534, count=0xffff),
                       END + 4 * 65533, 1, "viot-node-type", "input-findings"),
}
TABLES = {".viot": FILES}

# rule -> (topology, place, exit of generate, also...): what only generating a table can find
TOPOLOGIES = {
    "viot-silent-iommu": (unrepresentable("iommu"), "4:5", 1),
    "viot-silent-domain": (unrepresentable("domain"), "3:5", 0),
    "viot-silent-memory": (unrepresentable("memory"), "7:5", 0),
    "viot-silent-path": (unrepresentable("path"), "7:5", 1),
    "draft-silent-coherence": (unrepresentable("coherence"), "3:5", 0),
    "viot-silent-ids": (unrepresentable("ids"), "7:5", 1),
}
LARGE = ("viot-node-beyond", "viot-too-large")

# one structure of each layout
EVERY = {".viot": viot(virtio_pci(), struct.pack("<BxH4xQ", 4, 16, 0x10001000), pci_range(),
                       struct.pack("<BxHIQH6x", 2, 24, 0x20000, 0xfe001000, IOMMU),
                       struct.pack("<BxHI", 5, 8, 0))}
