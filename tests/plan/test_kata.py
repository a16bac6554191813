#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plans for hosts like those for which Kata Containers has command lines: test_kata.py VIOMMU

Compared are the shapes: which functions share a virtual SMMU, ports, generic initiators, and command
queues. docs/plan.md has the differences.
"""

import json
import os
import re
import sys
import tempfile

import test_plan

GPU = {"files": {"vendor": "0x10de", "device": "0x2941", "class": "0x030200"},
       "driver": "nvgrace-gpu-vfio-pci", "bars": [(0x660008000000, 1 << 24, 0x14220c),
                                                  (0x670000000000, 1 << 37, 0x14220c)]}
NIC = {"files": {"vendor": "0x15b3", "device": "0x1023", "class": "0x020700"}}
INITIATORS = 8

FOUR = ["0008:06:00.0", "0009:06:00.0", "0018:06:00.0", "0019:06:00.0"]

# (what it is, functions behind each SMMU, functions that are NICs, options, GPUs of each region of memory)
MACHINES = [
    ("one GPU", [["0008:06:00.0"]], [], []),
    ("a GPU behind each SMMU", [["0008:06:00.0"], ["0009:06:00.0"], ["0010:06:00.0"],
                                ["0011:06:00.0"]], [], []),
    ("two GPUs behind each SMMU", [["0008:06:00.0", "0009:06:00.0"],
                                   ["0010:06:00.0", "0011:06:00.0"]], [], []),
    ("a GPU and a NIC", [["0008:06:00.0"], ["0002:01:00.0"]], ["0002:01:00.0"], []),
    ("command queues", [["0008:06:00.0"]], [], ["--cmdqv", "on", "--memory", "16G"]),
    ("memory of a GPU for each socket", [[at] for at in FOUR], [], ["--egm", "--cpus", "4"],
     [[at] for at in FOUR]),
    ("memory of two GPUs for each socket", [FOUR[:2], FOUR[2:]], [], ["--egm", "--cpus", "4"],
     [FOUR[:2], FOUR[2:]]),
]


def host_of(behind, nics, regions):
    iommus = test_plan.smmus(len(behind))
    if not regions:
        for iommu in iommus:
            iommu["numa_node"] = 0
    egm = [{"name": f"egm{4 + i}", "size": "0xde4000000", "gpus": gpus} for i, gpus in enumerate(regions)]
    return {"iommus": iommus, "egm": egm, "devices": [
        test_plan.device(at, iommu["name"], reserved=[test_plan.ARM_MSI],
                         **(NIC if at in nics else GPU))
        for iommu, names in zip(iommus, behind) for at in names]}


def check_memory(text, behind, ids, regions):
    """Machines 6 and 7: a node with CPUs for each region, and a link from each GPU to its node."""
    assert f"-m size={56896 * len(regions)}M" in text, text
    cpus = 4 // len(regions)
    for i, gpus in enumerate(regions):
        assert (f"-object memory-backend-file,id=egm{4 + i},size={56896 << 20},mem-path=/dev/egm{4 + i},"
                "prealloc=on,share=on") in text, text
        assert f"-numa node,nodeid={i},memdev=egm{4 + i},cpus={i * cpus}-{i * cpus + cpus - 1}" in text
        found = re.findall(rf"acpi-egm-memory,id=[\w-]+,pci-dev=(\w+),node={i}\b", text)
        assert [ids[name] for name in found] == gpus, (found, gpus)
    nodes = [i for i, names in enumerate(behind) for _ in names[:1]]
    assert re.findall(r"numa_node=(\d+)", text) == [str(node) for node in nodes], text


def check(what, behind, nics, options, regions=()):
    host = host_of(behind, nics, regions)
    options = options if regions else ["--node", "0=0", *options]
    bridges = json.loads(test_plan.planned(host, *options, "--format", "json"))["bridges"]
    found = [[d["host"] for p in b["ports"] for d in p["devices"]] for b in bridges]
    assert found == behind, (what, found)
    assert all(len(p["devices"]) == 1 for b in bridges for p in b["ports"]), what
    text = test_plan.planned(host, *options, "--format", "qemu")
    gpus = [at for names in behind for at in names if at not in nics]
    ids = dict(re.findall(r"vfio-pci,id=(\w+),host=([\w:.]+)", text))
    links = re.findall(r"acpi-generic-initiator,id=\w+,pci-dev=(\w+),node=(\d+)", text)
    assert [ids[name] for name, _ in links] == [at for at in gpus for _ in range(INITIATORS)], links
    first = len(regions) or 1
    assert [int(node) for _, node in links] == list(range(first, first + INITIATORS * len(gpus))), links
    assert text.count("-device arm-smmuv3,") == len(behind) == text.count("accel=on"), text
    assert text.count("-object iommufd,") == 1 and text.count("numa_node=") == len(behind)
    assert regions or text.count("numa_node=0") == len(behind)
    assert text.count("cmdqv=on") == (len(behind) if "--cmdqv" in options else 0)
    if regions:
        check_memory(text, behind, ids, regions)
    print(f"{what}: {len(behind)} SMMUs, {len(gpus)} GPUs, as with Kata")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for machine in MACHINES:
            check(*machine)
    sys.exit(0)
