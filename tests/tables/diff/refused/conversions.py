# SPDX-License-Identifier: BSD-3-Clause
"""Topologies that lose something when a device tree is generated from them."""
from dt import topology

# rule -> (topology, place, exit of convert, also...)
TOPOLOGIES = {
    "convert-way": (topology(iommu="  - { name: a, kind: virtio-iommu-pci, at: 00:01.0, "
                             "include-self: yes }"), "5:5", 1, "convert-detail"),
    "convert-detail": (topology(bridge="  - { buses: 00-ff, iommu: a, pri: yes }"), "5:5", 0),
}
