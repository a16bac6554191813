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

# (what it is, functions behind each SMMU, functions that are NICs, options)
MACHINES = [
    ("one GPU", [["0008:06:00.0"]], [], []),
    ("a GPU behind each SMMU", [["0008:06:00.0"], ["0009:06:00.0"], ["0010:06:00.0"],
                                ["0011:06:00.0"]], [], []),
    ("two GPUs behind each SMMU", [["0008:06:00.0", "0009:06:00.0"],
                                   ["0010:06:00.0", "0011:06:00.0"]], [], []),
    ("a GPU and a NIC", [["0008:06:00.0"], ["0002:01:00.0"]], ["0002:01:00.0"], []),
    ("command queues", [["0008:06:00.0"]], [], ["--cmdqv", "on", "--memory", "16G"]),
]


def host_of(behind, nics):
    iommus = test_plan.smmus(len(behind))
    for iommu in iommus:
        iommu["numa_node"] = 0
    return {"iommus": iommus, "devices": [
        test_plan.device(at, iommu["name"], reserved=[test_plan.ARM_MSI],
                         **(NIC if at in nics else GPU))
        for iommu, names in zip(iommus, behind) for at in names]}


def check(what, behind, nics, options):
    host = host_of(behind, nics)
    options = ["--node", "0=0", *options]
    bridges = json.loads(test_plan.planned(host, *options, "--format", "json"))["bridges"]
    found = [[d["host"] for p in b["ports"] for d in p["devices"]] for b in bridges]
    assert found == behind, (what, found)
    assert all(len(p["devices"]) == 1 for b in bridges for p in b["ports"]), what
    text = test_plan.planned(host, *options, "--format", "qemu")
    gpus = [at for names in behind for at in names if at not in nics]
    ids = dict(re.findall(r"vfio-pci,id=(\w+),host=([\w:.]+)", text))
    links = re.findall(r"acpi-generic-initiator,id=\w+,pci-dev=(\w+),node=(\d+)", text)
    assert [ids[name] for name, _ in links] == [at for at in gpus for _ in range(INITIATORS)], links
    assert [int(node) for _, node in links] == list(range(1, 1 + INITIATORS * len(gpus))), links
    assert text.count("-device arm-smmuv3,") == len(behind) == text.count("accel=on"), text
    assert text.count("-object iommufd,") == 1 and text.count("numa_node=0") == len(behind)
    assert text.count("cmdqv=on") == (len(behind) if "--cmdqv" in options else 0)
    print(f"{what}: {len(behind)} SMMUs, {len(gpus)} GPUs, as with Kata")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for machine in MACHINES:
            check(*machine)
    sys.exit(0)
