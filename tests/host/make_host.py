#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Make the tree of a machine, sys/ and proc/, from a description in JSON.

    make_host.py VIOMMU MACHINE.json FOLDER
    make_host.py VIOMMU --large=N FOLDER    N segments, each with 2 IOMMUs and 512 functions

A machine has
    iommus    {name, parent (a folder below sys/devices, or none), attributes, node}
    devices   {at, iommu, group, node, driver, port, id, class, caps, bars, below, vf-of, ...}
    platform  {name, bus, path, iommu, group}
    nodes     {number, cpus, memory}
    egm       {name, size, gpus, listed (the GPUs are in a file, not links)}
    topology  what its firmware table says, in the text form of a topology; table: its signature
    cmdline   the kernel's command line
A function without a port is an endpoint. `below` is the path of functions above it. Each function
has a Device Serial Number capability, which no saved tree may have.
"""

import json
import os
import struct
import subprocess
import sys
import tempfile

PORTS = {"endpoint": 0, "root-port": 4, "upstream": 5, "downstream": 6, "to-pci": 7,
         "integrated": 9}
SERIAL = 0x5e71a15e71a1
CAPABILITIES = {"acs": 0x0d, "ari": 0x0e, "ats": 0x0f, "sriov": 0x10, "pri": 0x13, "pasid": 0x1b}
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse(at):
    segment, bus, rest = at.split(":")
    device, function = rest.split(".")
    return int(segment, 16), int(bus, 16), int(device, 16), int(function, 16)


def capability_bytes(name, value, device):
    if name == "acs":
        return struct.pack("<HH", 0x5f, value)
    if name == "pasid":
        return struct.pack("<HH", value << 8, 0)
    if name == "sriov":
        vf_number = int(device.get("vf-number", "0"), 16)
        return struct.pack("<IIHH10xH36x", 0, 0, value, value, vf_number)
    return bytes(8)


def config_of(device):
    """4096 bytes: header, Express capability, extended capabilities one after the other."""
    vendor, number = (int(part, 16) for part in device.get("id", "1af4:1000").split(":"))
    if "vf-of" in device:
        vendor = number = 0xffff
    config = bytearray(4096)
    struct.pack_into("<HHHH", config, 0, vendor, number, 0, 0x10)
    struct.pack_into("<I", config, 8, int(device.get("class", "020000"), 16) << 8 | 1)
    config[0x0e] = 0x80 if device.get("multifunction") else 0
    port = device.get("port", "endpoint")
    if "buses" in device:
        config[0x0e] |= 1
        config[0x18] = parse(device["at"])[1]
        config[0x19], config[0x1a] = (int(bus, 16) for bus in device["buses"].split("-"))
    if port == "conventional":
        return bytes(config[:256])
    config[0x34] = 0x40
    struct.pack_into("<BBH", config, 0x40, 0x10, 0, PORTS[port] << 4 | 2)
    all_of = [("serial", SERIAL), *device.get("caps", {}).items()]
    at = 0x100
    for i, (name, value) in enumerate(all_of):
        body = struct.pack("<Q", value) if name == "serial" else capability_bytes(name, value, device)
        number = 3 if name == "serial" else CAPABILITIES[name]
        end = at + 4 + len(body)
        struct.pack_into("<I", config, at,
                         number | 1 << 16 | (end << 20 if i + 1 < len(all_of) else 0))
        config[at + 4:end] = body
        at = end
    return bytes(config)


def resource_lines(device):
    """Six BARs, the ROM, and six of VFs, as the kernel prints them."""
    lines = ["0x0000000000000000 0x0000000000000000 0x0000000000000000"] * 13
    for bar in device.get("bars", []):
        length = int(bar["length"][:-1]) * UNITS[bar["length"][-1]]
        base = int(bar.get("base", "0"), 16)
        flags = 0x40200 | (0x102000 if bar.get("prefetchable") else 0)
        lines[bar["bar"]] = f"0x{base:016x} 0x{base + length - 1:016x} 0x{flags:016x}"
    return "\n".join(lines)


class Tree:
    def __init__(self, root):
        self.root = root

    def put(self, path, content):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else (str(content) + "\n").encode())

    def link(self, path, to):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(os.path.relpath(os.path.join(self.root, to), os.path.dirname(path)), path)

    def folder(self, path):
        os.makedirs(os.path.join(self.root, path), exist_ok=True)


def put_iommu(tree, iommu, places):
    parent = iommu.get("parent")
    place = f"sys/devices/{parent or 'virtual'}/iommu/{iommu['name']}"
    places[iommu["name"]] = place
    tree.folder(place + "/devices")
    for name, value in iommu.get("attributes", {}).items():
        tree.put(f"{place}/{name}", value)
    if parent:
        tree.link(place + "/device", "sys/devices/" + parent)
        if "node" in iommu:
            tree.put(f"sys/devices/{parent}/numa_node", iommu["node"])
    tree.link("sys/class/iommu/" + iommu["name"], place)


def put_group(tree, device, name, place):
    number = device["group"]
    folder = f"sys/kernel/iommu_groups/{number}"
    if not os.path.exists(os.path.join(tree.root, folder, "type")):
        tree.put(folder + "/type", device.get("type", "DMA"))
        tree.put(folder + "/reserved_regions",
                 "\n".join(device.get("reserved",
                                      ["0x00000000fee00000 0x00000000feefffff msi"])))
    tree.link(f"{folder}/devices/{name}", place)
    tree.link(place + "/iommu_group", folder)


def put_links(tree, device, name, place, places):
    if "iommu" in device:
        tree.link(place + "/iommu", places[device["iommu"]])
        tree.link(f"{places[device['iommu']]}/devices/{name}", place)
    if "group" in device:
        put_group(tree, device, name, place)
    if "driver" in device:
        bus = device.get("bus", "pci")
        tree.folder(f"sys/bus/{bus}/drivers/{device['driver']}")
        tree.link(place + "/driver", f"sys/bus/{bus}/drivers/{device['driver']}")


def put_function(tree, device, places):
    at = device["at"]
    segment, bus, _, _ = parse(at)
    below = device.get("below", "")
    if below and not below.startswith("pci"):
        root = parse(below.split("/")[0])
        below = f"pci{root[0]:04x}:{root[1]:02x}/{below}"
    place = f"sys/devices/{below or f'pci{segment:04x}:{bus:02x}'}/{at}"
    vendor, number = device.get("id", "1af4:1000").split(":")
    tree.put(place + "/config", config_of(device))
    tree.put(place + "/vendor", "0x" + vendor)
    tree.put(place + "/device", "0x" + number)
    tree.put(place + "/class", "0x" + device.get("class", "020000"))
    tree.put(place + "/numa_node", device.get("node", -1))
    tree.put(place + "/resource", resource_lines(device))
    if device.get("vfio"):
        tree.put(f"{place}/vfio-dev/{device['vfio']}/dev", "511:0")
    if "sriov" in device.get("caps", {}):
        tree.put(place + "/sriov_totalvfs", device["caps"]["sriov"])
    tree.link("sys/bus/pci/devices/" + at, place)
    put_links(tree, device, at, place, places)
    return place


def put_platform(tree, device, places):
    place = f"sys/devices/{device.get('folder', 'platform')}/{device['name']}"
    tree.put(place + "/numa_node", device.get("node", -1))
    tree.folder("sys/bus/" + device["bus"])
    tree.link(place + "/subsystem", "sys/bus/" + device["bus"])
    if "path" in device:
        acpi = f"sys/devices/LNXSYSTM:00/{device['name']}"
        tree.put(acpi + "/path", device["path"])
        tree.link(place + "/firmware_node", acpi)
    put_links(tree, device, device["name"], place, places)


def put_node(tree, node):
    place = f"sys/devices/system/node/node{node['number']}"
    tree.put(place + "/cpulist", node.get("cpus", ""))
    tree.put(place + "/meminfo",
             f"Node {node['number']} MemTotal:       {node.get('memory', 0)} kB")


def put_egm(tree, egm, functions):
    place = f"sys/devices/virtual/egm/{egm['name']}"
    tree.put(f"{place}/egm_size", egm["size"])
    if egm.get("listed"):
        tree.put(f"{place}/gpu_devices", "\n".join(egm["gpus"]))
    else:
        for gpu in egm["gpus"]:
            tree.link(f"{place}/{gpu}", functions.get(gpu, "sys/devices/" + gpu))
    tree.link("sys/class/egm/" + egm["name"], place)


def put_table(tree, viommu, machine):
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "machine.yaml")
        table = os.path.join(folder, "table")
        with open(text, "w", encoding="utf-8") as file:
            json.dump({"viommu": 1, **machine["topology"]}, file)
        subprocess.run([viommu, "generate", machine["table"].lower(), text, "-o", table],
                       check=False, stderr=subprocess.DEVNULL)
        with open(table, "rb") as file:
            tree.put("sys/firmware/acpi/tables/" + machine["table"], file.read())


def make(viommu, machine, folder):
    tree = Tree(folder)
    places, functions = {}, {}
    tree.folder("sys/class/iommu")
    tree.put("proc/cmdline", machine.get("cmdline", "root=/dev/sda1 serial=hidden iommu=pt quiet"))
    for iommu in machine["iommus"]:
        put_iommu(tree, iommu, places)
    for device in machine["devices"]:
        functions[device["at"]] = put_function(tree, device, places)
    for device in machine["devices"]:
        if "vf-of" in device:
            tree.link(functions[device["at"]] + "/physfn", functions[device["vf-of"]])
    for device in machine.get("platform", []):
        put_platform(tree, device, places)
    for node in machine.get("nodes", []):
        put_node(tree, node)
    for egm in machine.get("egm", []):
        put_egm(tree, egm, functions)
    if "table" in machine:
        put_table(tree, viommu, machine)


def large(segments):
    """Each segment has two SMMUs, 8 root ports behind each, and functions below."""
    iommus, devices, bridges, topology = [], [], [], []
    for segment in range(segments):
        for half in range(2):
            base = 0x10000000000 * (segment + 1) + 0x10000000 * half
            name = f"smmu3.0x{base:016x}"
            iommus.append({"name": name,
                           "parent": f"platform/arm-smmu-v3.{segment * 2 + half}.auto",
                           "node": segment // 4})
            topology.append({"name": f"smmu{segment * 2 + half}", "kind": "smmu-v3", "at": base,
                             "interrupts": [100 + len(topology) * 4 + n for n in range(4)],
                             "proximity-domain": segment // 4, "coherent": True})
            first = half * 0x80
            bridges.append({"segment": segment, "buses": f"{first:02x}-{first + 0x7f:02x}",
                            "iommu": f"smmu{segment * 2 + half}"})
            large_root(devices, name, segment, first)
    return {"iommus": iommus, "devices": devices, "table": "IORT",
            "topology": {"iommus": topology, "host-bridges": bridges},
            "nodes": [{"number": 0, "cpus": "0-63", "memory": 1 << 28},
                      {"number": 1, "cpus": "64-127", "memory": 1 << 28}]}


def large_root(devices, iommu, segment, first):
    """8 ports with a PF and 30 VFs each: 8 * 32 = 256 functions of an IOMMU, 4,096 of 16."""
    common = {"iommu": iommu, "node": segment // 4, "type": "DMA-FQ",
              "reserved": ["0x0000000008000000 0x00000000080fffff msi"]}
    for port in range(8):
        bus = first + 1 + port * 4
        root = f"{segment:04x}:{first:02x}:{port:02x}.0"
        devices.append({**common, "at": root, "port": "root-port", "class": "060400",
                        "buses": f"{bus:02x}-{bus + 3:02x}", "driver": "pcieport",
                        "caps": {"acs": 0x1d}, "group": len(devices)})
        for n in range(31):
            at = f"{segment:04x}:{bus:02x}:{n >> 3:02x}.{n & 7}"
            device = {**common, "at": at, "below": root, "group": len(devices), "id": "15b3:1021",
                      "caps": {"ats": True} if n else {"ats": True, "pasid": 16, "sriov": 30},
                      "driver": "mlx5_core"}
            if n:
                device.update({"vf-of": f"{segment:04x}:{bus:02x}:00.0", "id": "15b3:101e"})
            else:
                device["vf-number"] = "101e"
            devices.append(device)


def main():
    viommu, source, folder = sys.argv[1:]
    if source.startswith("--large="):
        machine = large(int(source.split("=")[1]))
    else:
        with open(source, encoding="utf-8") as file:
            machine = json.load(file)
    make(viommu, machine, folder)


if __name__ == "__main__":
    main()
