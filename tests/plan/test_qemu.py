#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""QEMU accepts what is planned, and random hosts have sound plans: test_qemu.py VIOMMU [HOSTS]

Devices of a host that is not there have stand-ins. What the QEMU at hand does not have (the module,
IOMMUs of newer versions) is left out, and QEMU judges the rest, in each of the three forms.
"""

import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import trees

VIOMMU = os.path.abspath(sys.argv[1])
SEED = 13
QEMUS = {"q35": "qemu-system-x86_64", "virt": "qemu-system-aarch64"}
HOSTS = 1000                            # unless the command line has another number
HOSTS_A_START = 50                      # of which the plan of one is given to QEMU
LEFT_OUT = ("viommu-pci", "arm-smmuv3", "AMDVI-PCI", "amd-iommu")
OF_THE_HOST = ("host", "sysfsdev", "iommufd")
KINDS = {"amd": "ivhd", "intel": "dmar", "arm": "smmu3."}


def random_iommu(kind, number):
    if kind == "arm":
        base = 0x5000000 + 0x1000000 * number
        return {"name": f"smmu3.0x{base:016x}", "parent": f"platform/arm-smmu-v3.{number}.auto",
                "numa_node": number % 4}
    if kind == "amd":
        return {"name": f"ivhd{number}", "parent": f"pci0000:{number:02x}/0000:{number:02x}:00.2"}
    return {"name": f"dmar{number}"}


def random_host(rng):
    kind = rng.choice(sorted(KINDS))
    iommus = [random_iommu(kind, i) for i in range(rng.randint(1, 8))]
    devices = []
    for i in range(rng.randint(1, 24)):
        at = f"{rng.choice((0, 0, 1, 0x10000)):04x}:{rng.randrange(1, 256):02x}:{rng.randrange(32):02x}"
        owner = rng.choice(iommus)["name"]
        group = 100 + i
        for function in range(rng.choice((1, 1, 1, 2, 4))):
            name = f"{at}.{function}"
            if all(d["at"] != name for d in devices):
                devices.append({"at": name, "iommu": owner, "group": group,
                                "driver": "nvme" if rng.random() < 0.02 else "vfio-pci",
                                "files": {"numa_node": rng.randrange(-1, 4)}})
    return {"iommus": iommus, "devices": devices}


def run(host, names, *arguments):
    wishes = [word for name in names for word in ("--device", name)]
    done = subprocess.run([VIOMMU, "plan", "--root", host, *wishes, *arguments], check=False,
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def bypass_some(rng, host, names):
    """Sometimes, the assigned functions of one group bypass; others remain."""
    groups = {d["at"]: d["group"] for d in host["devices"] if d["at"] in names}
    group = rng.choice(sorted(set(groups.values())))
    chosen = [at for at in names if groups[at] == group]
    return chosen if rng.random() < 0.2 and len(chosen) < len(names) else []


def check_sound(host, names, plan, bypass=()):
    """No overlap, each device once, none under the IOMMU of others; those that bypass below pcie.0."""
    owner = {d["at"]: d.get("iommu") for d in host["devices"]}
    taken, seen, chassis = set(), [], []
    for bridge in plan["bridges"]:
        buses = range(bridge["bus"], bridge["last"] + 1)
        assert not taken & set(buses) and 0 < bridge["bus"] and bridge["last"] <= 0xff
        taken |= set(buses)
        assert [p["bus"] for p in bridge["ports"]] == list(buses)[1:]
        for port in bridge["ports"]:
            chassis.append(port["chassis"])
            functions = [d["function"] for d in port["devices"]]
            assert len(functions) == len(set(functions)) and (not functions or 0 in functions)
            for device in port["devices"]:
                seen.append(device["host"])
                assert owner[device["host"]] == bridge["host-iommu"], device
    ports = plan.get("bypassing", [])
    chassis += [port["chassis"] for port in ports]
    assert sorted(d["host"] for p in ports for d in p["devices"]) == sorted(bypass)
    assert sorted([*seen, *bypass]) == sorted(names), (seen, names)
    assert len(chassis) == len(set(chassis))


def check_refusal(host, names, err):
    """A group mate or a driver of the host's is the only reason there is, but for bus numbers."""
    in_use = [d for d in host["devices"] if d["driver"] == "nvme"]
    groups = {d["group"] for d in host["devices"] if d["at"] in names}
    expected = any(d["group"] in groups for d in in_use)
    assert expected or "[plan-bus-numbers]" in err or "[plan-one-iommu]" in err, err


def driver_of(value):
    return json.loads(value)["driver"] if value.startswith("{") else value.split(",")[0]


def is_left_out(option, value, helped):
    if option == "-plugin" or option == "-object" and "memory-backend-ram" not in value:
        return True
    return option == "-device" and driver_of(value) != "vfio-pci" and (
        driver_of(value) in LEFT_OUT or f'"{driver_of(value)}"' not in helped)


def stand_in(value):
    """A device of QEMU in the place of one of the host."""
    if value.startswith("{"):
        keys = json.loads(value)
        keys = {key: keys[key] for key in keys if key not in OF_THE_HOST}
        return json.dumps(keys | {"driver": "pci-testdev"})
    keys = [k for k in value.split(",")[1:] if k.partition("=")[0] not in OF_THE_HOST]
    return ",".join(["pci-testdev", *keys])


def stand_ins(words, helped):
    """Arguments for a QEMU without the host's devices."""
    arguments = []
    for option, value in zip(words[::2], words[1::2]):
        if is_left_out(option, value, helped):
            continue
        value = re.sub(r",highmem-mmio-size=\w+", "", value)
        if option == "-device" and driver_of(value) == "vfio-pci":
            value = stand_in(value)
        arguments += [option, value]
    return arguments


def stand_ins_of_file(text, helped):
    """The same, of a file for -readconfig."""
    sections = [part for part in re.split(r"\n(?=\[)", text) if part.startswith("[")]
    kept = []
    for section in sections:
        driver = re.search(r'^  driver = "(.*)"$', section, re.M)
        if section.startswith("[object") and "memory-backend-ram" not in section or driver and is_left_out("-device", driver[1], helped):
            continue
        if driver and driver[1] == "vfio-pci":
            section = section.replace('"vfio-pci"', '"pci-testdev"')
            section = re.sub(rf'^  ({"|".join(OF_THE_HOST)}) = .*\n?', "", section, flags=re.M)
        kept.append(re.sub(r"  highmem-mmio-size = .*\n?", "", section))
    with open("guest.cfg", "w", encoding="ascii") as file:
        file.write("\n".join(kept))
    return ["-readconfig", "guest.cfg"]


def drivers_of(qemu):
    done = subprocess.run([qemu, "-M", "none", "-device", "help"], capture_output=True, text=True,
                          check=False)
    return done.stdout


def accepted(qemu, arguments):
    done = subprocess.run([qemu, "-S", "-display", "none", "-nodefaults", "-cpu", "max", "-m", "64",
                           "-qmp", "stdio", *arguments], text=True, capture_output=True,
                          input='{"execute":"qmp_capabilities"}{"execute":"quit"}', check=False,
                          timeout=60)
    assert done.returncode == 0 and '"return"' in done.stdout, done.stderr + " ".join(arguments)


def words_of(text):
    return shlex.split(text.replace("\\\n", " "))


def start(rng, host, names, plan, options):
    qemu = QEMUS[plan["machine"]]
    if not shutil.which(qemu):
        return 0
    kind = plan["iommu"] if plan["iommu"] != "smmuv3" else "virtio"
    if len(plan["bridges"]) == 1 and plan["machine"] == "q35" and rng.random() < 0.5:
        kind = "intel"
    form = rng.choice(("qemu", "qemu-json", "readconfig"))
    status, text, err = run(host, names, *options, "--format", form, "--qemu", "7.2", "--iommu", kind)
    assert status == 0, err
    helped = DRIVERS.setdefault(qemu, drivers_of(qemu))
    accepted(qemu, stand_ins_of_file(text, helped) if form == "readconfig"
             else stand_ins(words_of(text), helped))
    return 1


def check_nodes():
    """QEMU has the nodes of --numa, with memory that is bound to node 0 of this machine."""
    host = {"iommus": [{"name": "dmar0", "files": {"intel-iommu/address": "d0000000"}}],
            "devices": [{"at": "0000:01:00.0", "iommu": "dmar0", "group": 1, "driver": "vfio-pci",
                         "files": {"numa_node": "0"}}]}
    trees.make(host, "host.tar")
    qemu = QEMUS["q35"]
    if not shutil.which(qemu):
        return
    for form in ("qemu", "qemu-json", "readconfig"):
        status, text, err = run("host.tar", ["0000:01:00.0"], "--numa", "--memory", "64M", "--cpus", "2",
                                "--format", form, "--qemu", "7.2", "--iommu", "virtio")
        assert status == 0, err
        helped = DRIVERS.setdefault(qemu, drivers_of(qemu))
        arguments = stand_ins_of_file(text, helped) if form == "readconfig" else stand_ins(words_of(text), helped)
        done = subprocess.run([qemu, "-S", "-display", "none", "-nodefaults", "-qmp", "stdio", *arguments], text=True,
                              capture_output=True, check=False, timeout=60,
                              input='{"execute":"qmp_capabilities"}{"execute":"query-memdev"}{"execute":"quit"}')
        bound = '"policy": "bind"' in done.stdout and '"size": 67108864' in done.stdout
        assert bound or "cannot bind memory" in done.stderr, (form, done.stdout, done.stderr)


DRIVERS = {}


def main(hosts=HOSTS):
    rng = random.Random(SEED)
    n_planned = n_refused = n_started = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        check_nodes()
        for _ in range(hosts):
            host = random_host(rng)
            names = [d["at"] for d in host["devices"] if rng.random() < 0.4] or [
                host["devices"][0]["at"]]
            trees.make(host, "host.tar")
            bypass = bypass_some(rng, host, names)
            options = [word for at in bypass for word in ("--bypass", at)]
            status, out, err = run("host.tar", names, *options, "--format", "json", "--spare",
                                   str(rng.randrange(4)))
            if status:
                check_refusal(host, names, err)
                n_refused += 1
                continue
            plan = json.loads(out)
            check_sound(host, names, plan, bypass)
            n_planned += 1
            if n_started < hosts // HOSTS_A_START:
                n_started += start(rng, "host.tar", names, plan, options)
    print(f"{n_planned} planned, {n_refused} refused, {n_started} accepted by QEMU")
    return 0 if n_planned > hosts / 10 else 1


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[2:])))
