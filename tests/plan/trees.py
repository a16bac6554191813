# SPDX-License-Identifier: BSD-3-Clause
"""Trees of sysfs from a description: IOMMUs and PCI functions, as a folder or a tar.

    {"iommus": [{"name": "dmar0", "parent": "platform/...", "files": {...}}],
     "devices": [{"at": "0000:01:00.0", "iommu": "dmar0", "group": 1, "driver": "vfio-pci",
                  "reserved": ["0x... 0x... msi"], "files": {...}}],
     "egm": [{"name": "egm4", "size": "0x400000000", "gpus": ["0008:06:00.0"]}]}
"""

import io
import os
import tarfile

MSI = "0x00000000fee00000 0x00000000feefffff msi"
DEFAULTS = {"vendor": "0x1af4", "device": "0x1041", "class": "0x020000", "numa_node": "-1"}


class Tree:
    """Files and links by their path, in the order of their paths."""

    def __init__(self):
        self.files, self.links, self.folders = {}, {}, set()

    def link(self, path, target):
        self.links[path] = os.path.relpath(target, os.path.dirname(path))

    def folder(self, path):
        self.folders.add(path)

    def write_tar(self, name):
        with tarfile.open(name, "w") as tar:
            for path in sorted(self.folders):
                info = tarfile.TarInfo("sys/" + path)
                info.type, info.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(info)
            for path, data in sorted(self.files.items()):
                info = tarfile.TarInfo("sys/" + path)
                info.size, info.mode = len(data), 0o644
                tar.addfile(info, io.BytesIO(data))
            for path, target in sorted(self.links.items()):
                info = tarfile.TarInfo("sys/" + path)
                info.type, info.linkname = tarfile.SYMTYPE, target
                tar.addfile(info)


def place_of_iommu(tree, iommu):
    parent = iommu.get("parent")
    place = f"devices/{parent}/iommu/" if parent else "devices/virtual/iommu/"
    place += iommu["name"]
    tree.folder(place + "/devices")
    for name, text in iommu.get("files", {}).items():
        tree.files[f"{place}/{name}"] = (text + "\n").encode()
    if parent:
        tree.files[f"devices/{parent}/uevent"] = b""
        tree.link(place + "/device", "devices/" + parent)
        if "numa_node" in iommu:
            tree.files[f"devices/{parent}/numa_node"] = f"{iommu['numa_node']}\n".encode()
    tree.link("class/iommu/" + iommu["name"], place)
    return place


def resources(bars):
    """The file `resource`: six BARs, and those that are not there."""
    lines = []
    for base, length, flags in bars:
        lines.append(f"{base:#018x} {base + length - 1:#018x} {flags:#018x}")
    lines += [f"{0:#018x} {0:#018x} {0:#018x}"] * (13 - len(lines))
    return "\n".join(lines)


def add_device(tree, device, number, places):
    at = device["at"]
    place = f"devices/pci{at[:at.rindex(':')]}/{at}"
    for name, value in {**DEFAULTS, **device.get("files", {})}.items():
        tree.files[f"{place}/{name}"] = f"{value}\n".encode()
    if "bars" in device:
        tree.files[f"{place}/resource"] = (resources(device["bars"]) + "\n").encode()
    tree.link("bus/pci/devices/" + at, place)
    if "driver" in device:
        driver = "bus/pci/drivers/" + device["driver"]
        tree.folder(driver)
        tree.link(place + "/driver", driver)
    if "vfio" in device:
        tree.folder(f"{place}/vfio-dev/{device['vfio']}")
    if device.get("cdev"):
        tree.files[f"{place}/vfio-dev/{device['vfio']}/dev"] = b"511:0\n"
    if "pf" in device:
        tree.link(place + "/physfn", f"devices/pci{device['pf'][:device['pf'].rindex(':')]}/"
                  + device["pf"])
    if not device.get("iommu"):
        return
    group = f"kernel/iommu_groups/{device.get('group', number)}"
    tree.files[group + "/type"] = b"DMA\n"
    tree.files[group + "/reserved_regions"] = (
        "\n".join(device.get("reserved", [MSI])) + "\n").encode()
    tree.link(f"{group}/devices/{at}", place)
    tree.link(place + "/iommu_group", group)
    tree.link(place + "/iommu", places[device["iommu"]])
    tree.link(f"{places[device['iommu']]}/devices/{at}", place)


def add_egm(tree, egm):
    place = "devices/virtual/egm/" + egm["name"]
    tree.files[place + "/egm_size"] = f"{egm['size']}\n".encode()
    tree.files[place + "/gpu_devices"] = ("\n".join(egm["gpus"]) + "\n").encode()
    tree.link("class/egm/" + egm["name"], place)


def make(host, name):
    """Write a tar of the tree of a host."""
    tree = Tree()
    tree.folder("class/iommu")
    tree.folder("bus/pci/devices")
    places = {iommu["name"]: place_of_iommu(tree, iommu) for iommu in host["iommus"]}
    for number, device in enumerate(host["devices"]):
        add_device(tree, device, 1000 + number, places)
    for egm in host.get("egm", []):
        add_egm(tree, egm)
    for node in host.get("nodes", []):
        place = f"devices/system/node/node{node['number']}"
        tree.files[f"{place}/cpulist"] = b"0\n"
        tree.files[f"{place}/meminfo"] = f"Node {node['number']} MemTotal: {node['memory'] >> 10} kB\n".encode()
        if "distance" in node:
            tree.files[f"{place}/distance"] = f"{node['distance']}\n".encode()
    for signature, content in host.get("tables", {}).items():
        tree.files["firmware/acpi/tables/" + signature] = content
    tree.write_tar(name)
    return name
