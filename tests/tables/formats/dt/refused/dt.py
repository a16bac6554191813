# SPDX-License-Identifier: BSD-3-Clause
"""Device trees with one thing wrong, a file for every rule of them.

A tree is a dictionary: what is a dictionary in it is a node, anything else a property, of bytes, of
a text, or of numbers that are cells.
"""
import struct

from viot import pci_range, viot, virtio_pci

TOKENS = {"begin": 1, "end": 2, "property": 3, "last": 9}
VIOMMU, SMMU, OTHER, ITS = 0x10, 0x11, 0x12, 0x13
BRIDGE = "/pcie@10000000"


def cells(*numbers):
    return struct.pack(f">{len(numbers)}I", *numbers)


def value(given):
    if isinstance(given, str):
        return given.encode() + b"\0"
    return given if isinstance(given, bytes) else cells(*given)


def padded(content):
    return content + bytes(-len(content) % 4)


def flattened(name, node, strings):
    """The tokens of a node and of all that it holds; names go to the end of `strings`."""
    out = cells(TOKENS["begin"]) + padded(name.encode() + b"\0")
    for key, given in node.items():
        if isinstance(given, dict):
            continue
        at = strings.find(b"\0" + key.encode() + b"\0") + 1
        if not at:
            at = len(strings)
            strings += key.encode() + b"\0"
        content = value(given)
        out += cells(TOKENS["property"], len(content), at - 1) + padded(content)
    for key, given in node.items():
        if isinstance(given, dict):
            out += flattened(key, given, strings)
    return out + cells(TOKENS["end"])


def blob(root):
    strings = bytearray(b"\0")
    structure = flattened("", root, strings) + cells(TOKENS["last"])
    strings = strings[1:]
    at = 40 + 16
    return (cells(0xd00dfeed, at + len(structure) + len(strings), at, at + len(structure), 40, 17,
                  16, 0, len(strings), len(structure)) + bytes(16) + structure + strings)


def viommu(**changes):
    return {"compatible": "virtio,pci-iommu", "reg": (0x800, 0, 0, 0, 0), "#iommu-cells": (1,),
            "phandle": (VIOMMU,)} | changes


def bridge(iommu=None, **changes):
    """A host bridge with a virtio-iommu at 00:01.0."""
    return {"device_type": "pci", "#address-cells": (3,), "#size-cells": (2,), "dma-coherent": b"",
            "bus-range": (0, 0xff), "reg": (0, 0x10000000, 0, 0x10000000),
            "iommu-map": (0, VIOMMU, 0, 8, 9, VIOMMU, 9, 0xfff7)} | {
                key.replace("_", "-"): given for key, given in changes.items()} | {
                    "virtio_iommu@1,0": iommu or viommu()}


def smmu(**changes):
    return {"compatible": "arm,mmu-500", "reg": (0, 0x9000000, 0, 0x10000), "#iommu-cells": (2,),
            "phandle": (SMMU,), "interrupts": (0, 60, 4, 0, 61, 4), "#global-interrupts": (1,)} | changes


def pmu(**changes):
    return {"compatible": "arm,smmu-v3-pmcg", "reg": (0, 0x9000000, 0, 0x1000),
            "interrupts": (0, 80, 1)} | changes


def device(*iommus):
    return {"reg": (0, 0x9100000, 0, 0x1000), "iommus": iommus}


def tree(of_bridge=None, **nodes):
    return blob({"#address-cells": (2,), "#size-cells": (2,)} |
                {"pcie@10000000": of_bridge or bridge()} |
                {key.replace("_at_", "@").replace("_", "-"): node for key, node in nodes.items()})


def deep():
    node = {}
    for _ in range(65):
        node = {"n": node}
    return tree(deep=node)


def distances(*matrix, compatible="numa-distance-map-v1"):
    return tree(distance_map={"compatible": compatible, "distance-matrix": matrix})


GOOD = tree()

# rule -> (bytes, place, exit, also...)
FILES = {
    "dt-damaged": (GOOD[:-1], "-", 2),
    "dt-length": (GOOD + bytes(4), len(GOOD), 0),
    "dt-depth": (deep(), "/deep" + "/n" * 63, 1),
    "dt-phandle-twice": (tree(other={"phandle": (VIOMMU,)}), "/other", 1),
    "dt-cell": (tree(other={"numa-node-id": b"\1"}), "/other:numa-node-id", 1),
    "dt-dangling": (tree(smmu_at_9000000=smmu(), device_at_9100000=device(SMMU, 1, 0, 0x99, 1)),
                    "/device@9100000:iommus", 1),
    "dt-iommu-cells": (tree(smmu_at_9000000=smmu(), other={"phandle": (OTHER,)},
                            device_at_9100000=device(SMMU, 1, 0, OTHER, 1)),
                       "/device@9100000:iommus", 1),
    "dt-disabled": (tree(smmu_at_9000000=smmu(status="disabled"),
                         device_at_9100000=device(SMMU, 1, 0)), "/device@9100000:iommus", 0),
    "dt-iommus-short": (tree(smmu_at_9000000=smmu(),
                             device_at_9100000=device(SMMU, 1, 0, SMMU, 2)),
                        "/device@9100000:iommus", 1),
    "dt-iommus-mask": (tree(smmu_at_9000000=smmu(), device_at_9100000=device(SMMU, 0, 0x7ffe)),
                       "/device@9100000:iommus", 1),
    "dt-virtio-cells": (tree(bridge(viommu(**{"#iommu-cells": (0,)}))),
                        BRIDGE + "/virtio_iommu@1,0", 1, "dt-map-cells"),
    "dt-virtio-reg": (tree(bridge(viommu(reg=(0x800,)), iommu_map=(0, VIOMMU, 0, 0x10000))),
                      BRIDGE + "/virtio_iommu@1,0", 1),
    "dt-virtio-iommus": (tree(bridge(viommu(iommus=(VIOMMU, 8)))),
                         BRIDGE + "/virtio_iommu@1,0:iommus", 1),
    "dt-map-length": (tree(bridge(msi_map=(0, VIOMMU, 0))), BRIDGE + ":msi-map", 1),
    "dt-map-mask": (tree(bridge(iommu_map=(0, VIOMMU, 0, 8, 9, VIOMMU, 9, 0xf7),
                                iommu_map_mask=(0xfff0,))),
                    BRIDGE + ":iommu-map", 1, "topology-range-own", "dt-map-own"),
    "dt-map-outside": (tree(bridge(bus_range=(0, 0x7f),
                                   iommu_map=(0, VIOMMU, 0, 8, 9, VIOMMU, 9, 0x7ff7,
                                              0x8000, VIOMMU, 0, 0x100))),
                       BRIDGE + ":iommu-map", 1),
    "dt-map-own": (tree(bridge(iommu_map=(0, VIOMMU, 0, 0x10000))), BRIDGE + ":iommu-map", 1,
                   "topology-range-own"),
    "dt-msi-map": (tree(bridge(msi_map=(0x8000, ITS, 0x8000, 0x8000)), its={
        "compatible": "arm,gic-v3-its", "msi-controller": b"", "#msi-cells": (1,), "phandle": (ITS,)}),
        BRIDGE + ":msi-map", 1),
    "dt-msi-overlap": (tree(bridge(msi_map=(0, ITS, 0, 0x10000, 8, ITS, 8, 1)), its={
        "compatible": "arm,gic-v3-its", "msi-controller": b"", "#msi-cells": (1,), "phandle": (ITS,)}),
        BRIDGE + ":msi-map", 1),
    "dt-addresses": (tree(smmu_at_9000000=smmu(),
                          device_at_9100000=device(SMMU, 1, 0) | {"phandle": (OTHER,), "memory-region": (ITS,)},
                          reserved_memory={"fb": {"iommu-addresses": (OTHER, 0, 0x8000000, 0), "phandle": (ITS,)}}),
                     "/reserved-memory/fb:iommu-addresses", 1),
    "dt-addresses-region": (tree(smmu_at_9000000=smmu(),
                                 device_at_9100000=device(SMMU, 1, 0) | {"phandle": (OTHER,)},
                                 reserved_memory={"fb": {"iommu-addresses": (OTHER, 0, 0x8000000, 0, 0x1000),
                                                         "phandle": (ITS,)}}),
                            "/reserved-memory/fb:iommu-addresses", 1),
    "dt-interrupt-kind": (tree(gic={"compatible": "arm,gic-v3", "#interrupt-cells": (3,), "phandle": (ITS,)},
                               smmu_at_9000000=smmu(**{"interrupt-parent": (ITS,),
                                                       "interrupts": (0, 987, 4, 1, 13, 4)}),
                               device_at_9100000=device(SMMU, 1, 0)), "/smmu@9000000:interrupts", 1),
    "dt-monitor": (tree(pmu_at_9000000=pmu(interrupts=())), "/pmu@9000000", 1, "dt-silent-monitor"),
    "dt-silent-monitor": (tree(pmu_at_9000000=pmu()), "/pmu@9000000", 0),
    "dt-wire-bridge": (tree(iwb_at_9000000={
        "compatible": "arm,gic-v5-iwb", "reg": (0, 0x9000000, 0, 0x10000), "interrupt-controller": b"",
        "#interrupt-cells": (2,), "msi-parent": (VIOMMU, 64)}), "/iwb@9000000:msi-parent", 1),
    "dt-cmdqv": (tree(smmu_at_9000000=smmu(**{"compatible": "arm,smmu-v3", "#iommu-cells": (1,),
                                              "nvidia,cmdqv": (OTHER,)}),
                      cmdqv_at_5200000={"compatible": "nvidia,tegra264-cmdqv", "phandle": (OTHER,),
                                        "reg": (0, 0x5200000, 0, 0x830000)},
                      device_at_9100000=device(SMMU, 1)), "/smmu@9000000:nvidia,cmdqv", 1),
    "dt-mmu-masters": (tree(smmu_at_9000000={"compatible": "arm,mmu-401", "mmu-masters": (OTHER, 1)},
                            device={"#stream-id-cells": (1,), "phandle": (OTHER,)}),
                       "/smmu@9000000:mmu-masters", 1),
    "dt-map-bus": (tree(smmu_at_9000000=smmu(), bus={"iommu-map": (0, SMMU, 0, 0, 8)}),
                   "/bus:iommu-map", 0, "dt-map-kernels"),
    "dt-overlay": (blob({"fragment@0": {"__overlay__": {"iommus": (0xffffffff, 1)}},
                         "__fixups__": {"smmu": "/fragment@0/__overlay__:iommus:0"}}),
                   "/fragment@0/__overlay__:iommus", 0),
    "dt-fit": (blob({"images": {}, "configurations": {}}), "/images", 1),
    "dt-map-kernels": (tree(bridge(iommu_map=(0, SMMU, 0, 0, 8)), smmu_at_9000000=smmu()),
                       BRIDGE + ":iommu-map", 0, "dt-iommu-idle"),
    "dt-interrupts": (tree(smmu_at_9000000=smmu(interrupts=()),
                           device_at_9100000=device(SMMU, 1, 0)), "/smmu@9000000", 1),
    "dt-iommu-idle": (tree(smmu_at_9000000=smmu()), "/smmu@9000000", 0),
    "dt-map-cells": (tree(bridge(iommu_map=(0, SMMU, 0, 8, 8, VIOMMU, 0, 0)),
                          smmu_at_9000000=smmu()), BRIDGE + ":iommu-map", 1,
                     "dt-map-outside", "dt-iommu-idle"),
    "dt-bus-range": (tree(bridge(bus_range=(1, 0))), BRIDGE + ":bus-range", 1),
    "dt-domain": (tree(bridge(**{"linux,pci-domain": (1,)}),
                       other={"device_type": "pci", "bus-range": (0, 0xff)}), "/other", 0),
    "dt-distance-map": (distances(0, 0, 10, 0), "/distance-map:distance-matrix", 1),
    "dt-distance": (distances(0, 0, 10, 0, 1, 9), "/distance-map:distance-matrix", 1),
}
TABLES = {".dtb": FILES}


def topology(*lines, iommu="  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }",
             bridge="  - { buses: 00-ff, iommu: a }"):
    return ("\n".join(["viommu: 1", "iommus:", iommu, "host-bridges:", bridge, *lines]) +
            "\n").encode()


MMIO = "  - { name: a, kind: virtio-iommu-mmio, at: 0x9000000"

# What only writing can find: rule -> (topology, place, exit, also...)
TOPOLOGIES = {
    "dt-base": (topology(), "-", 2),
    "dt-differs": (topology(bridge="  - { buses: 00-ff }"), BRIDGE + ":iommu-map", 2,
                   "topology-iommu-idle"),
    "dt-missing": (topology("devices:", "  - { at: 0x9100000, iommu: a, id: 0x10000 }"), "7:5", 2),
    "dt-iommu-bus": (topology(iommu="  - { name: a, kind: virtio-iommu-pci, at: 01:00.0 }"),
                     "3:5", 2, "dt-new"),
    "dt-ids": (topology("devices:", "  - { at: 0x9100000, iommu: a, id: 0x10000, ids: 4097 }"),
               "7:5", 2, "dt-new"),
    "dt-too-large": (topology(iommu=MMIO + " }", bridge="  - { buses: 00-ff }").replace(
        b"host-bridges:\n  - { buses: 00-ff }\n",
        b"ranges:\n  - { segments: 0-65535, functions: 00:00.0-ff:1f.6, iommu: a, first-id: 5, "
        b"one-id: yes }\n"), "-", 2, "dt-new"),
    "dt-new": (topology(), "-", 0),
    "dt-silent": (topology("reserved-memory:", "  - { range: 0-0xfff, iommu: a }"), "7:5", 0,
                  "dt-new"),
    "dt-silent-iommu": (topology(iommu="  - { name: a, kind: vt-d, at: 0x9000000 }"), "3:5", 1,
                        "dt-new"),
    "dt-silent-interrupt": (topology(iommu="  - { name: a, kind: virtio-iommu-mmio, at: 0x9000000, "
                                     "span: 512, interrupts: [5] }"), "3:5", 0, "dt-new"),
    "dt-silent-path": (topology("ranges:", "  - { functions: 00:1c.0, path: 00.0, iommu: a }"),
                       "7:5", 1, "dt-new"),
}

# rule -> the table that its topology is put into; that of dt-base is no device tree
BASES = {"dt-differs": GOOD, "dt-missing": GOOD, "dt-base": viot(virtio_pci(), pci_range())}
