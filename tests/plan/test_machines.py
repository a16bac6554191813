#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plans for the machines of tests/host: test_machines.py VIOMMU TESTS"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VIOMMU, TESTS = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()

import test_qemu                                    # noqa: E402 pylint: disable=wrong-import-position


def run(*arguments):
    done = subprocess.run([VIOMMU, *arguments], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def endpoints(machine):
    """Those that can be assigned: whole groups, without bridges and the host's own chips, or what is behind VMD."""
    return [d["at"] for d in machine["devices"]
            if d.get("iommu") and len(d["at"].split(":")[0]) <= 4 and d.get("port", "endpoint") == "endpoint"
            and not d.get("class", "020000").startswith(("06", "08")) and "vf-of" not in d]


def check(name, machine, tree):
    names = endpoints(machine)
    wishes = [word for at in names for word in ("--device", at)]
    base = ["plan", "--root", tree, "--managed", *wishes, "--ats", "off"]
    status, out, err = run(*base, "--format", "json")
    assert status == 0, (name, err)
    plan = json.loads(out)
    test_qemu.check_sound(machine, names, plan)
    for form in ("text", "qemu", "qemu-json", "readconfig", "libvirt", "topology"):
        status, out, err = run(*base, "--format", form)
        assert status == 0 and out, (name, form, err)
    Path("guest.yaml").write_text(out, encoding="ascii")
    status, _, err = run("check", "guest.yaml")
    assert status == 0, (name, err)
    if plan["machine"] == "virt":
        status, _, err = run("generate", "iort", "-o", "IORT", "guest.yaml")
        assert status == 0 and run("check", "IORT")[0] == 0, (name, err)
        judge("IORT")
    started = start(base, plan)
    print(f"{name}: {len(names)} functions, {len(plan['bridges'])} bridges, {plan['iommu']}"
          f"{', accepted by QEMU' if started else ''}")


def judge(table):
    """iasl disassembles the table without a complaint."""
    if not shutil.which("iasl"):
        return
    done = subprocess.run(["iasl", "-d", table], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and not re.search(r"[Ii]nvalid|[Ee]rror|[Uu]nknown", said), said


def start(base, plan):
    qemu = test_qemu.QEMUS[plan["machine"]]
    if not shutil.which(qemu):
        return False
    version = "10.0" if plan["mmio64"] and plan["machine"] == "virt" else "7.2"
    status, text, err = run(*base, "--format", "qemu", "--qemu", version, "--iommu", "virtio")
    assert status == 0, err
    words = test_qemu.stand_ins(test_qemu.words_of(text), test_qemu.drivers_of(qemu))
    if "-numa" in words:
        words = ["-object", "memory-backend-ram,id=m0,size=64M", "-numa", "node,nodeid=0,memdev=m0",
                 *words]
    test_qemu.accepted(qemu, words)
    return True


def check_grace(tree):
    """One SMMU a GPU, eight generic initiators each, and room for its memory."""
    gpus = ["0008:01:00.0", "0009:01:00.0", "0018:01:00.0", "0019:01:00.0"]
    wishes = [word for at in gpus for word in ("--device", at)]
    nodes = ["--node", "0=0", "--node", "1=1"]
    status, out, err = run("plan", "--root", tree, *wishes, *nodes, "--format", "qemu")
    assert status == 0, err
    assert out.count("-device arm-smmuv3,") == 4
    assert re.findall(r"numa_node=(\d)", out) == ["0", "0", "1", "1"]
    assert out.count("acpi-generic-initiator") == 32 and out.count("-numa node,nodeid=") == 32
    assert "-numa node,nodeid=2 " in out.replace("\\", " ") and "node=33" in out
    assert re.search(r"highmem-mmio-size=\d+G", out), out
    status, out, err = run("plan", "--root", tree, *wishes, *nodes, "--format", "libvirt",
                           "--cmdqv", "on", "--memory", "64G")
    assert status == 0, err
    assert re.findall(r'nodeset="(\S+?)"', out) == ["2-9", "10-17", "18-25", "26-33"], out
    assert len(re.findall(r'<cell id="\d+" memory="0"', out)) == 32 and out.count("<cell") == 34
    assert out.count('cmdqv="on"') == 4 and "<hugepages/>" in out, out
    one = ["plan", "--root", tree, "--device", "0002:01:00.0", "--managed", "--cmdqv", "on"]
    status, out, err = run(*one, "--memory", "4G", "--format", "qemu")
    assert status == 0 and "mem-path=/dev/hugepages" in out and "memory-backend=ram0" in out, err
    assert "[plan-qemu-version]" in run(*one, "--memory", "4G", "--qemu", "11.0")[2]
    assert "[plan-machine]" in run(*one)[2]
    out = json.loads(run(*one, "--memory", "4G", "--format", "json")[1])
    assert out["locked-memory"] == 4 << 30


def check_gpu_memory(tree):
    """QEMU takes the nodes and the memory; files stand in for /dev/egm*."""
    wishes = [word for at in ("0008:01:00.0", "0009:01:00.0") for word in ("--device", at)]
    status, text, err = run("plan", "--root", tree, *wishes, "--egm", "--cpus", "2", "--format", "qemu")
    assert status == 0, err
    words = test_qemu.words_of(text)
    if not shutil.which(test_qemu.QEMUS["virt"]):
        return
    options = list(zip(words[::2], words[1::2]))
    assert ("-m", "size=457728M") in options and text.count("acpi-egm-memory") == 2, text
    memory = [re.sub(r"size=\d+,mem-path=/dev/(\w+)", rf"size=64M,mem-path={tree}/\1", value)
              for option, value in options if value.startswith("memory-backend-file,")]
    nodes = [word for option, value in options if option == "-numa" for word in (option, value)]
    test_qemu.accepted(test_qemu.QEMUS["virt"], ["-M", "virt", "-smp", "2", "-object", *memory, *nodes])


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for path in sorted((TESTS / "host/machines").glob("*.json")):
            tree = os.path.join(folder, path.stem)
            subprocess.run([sys.executable, TESTS / "host/make_host.py", VIOMMU, path, tree],
                           check=True)
            machine = json.loads(path.read_text(encoding="utf-8"))
            check(path.stem, machine, tree)
            if path.stem == "grace":
                check_grace(tree)
                check_gpu_memory(tree)


if __name__ == "__main__":
    main()
