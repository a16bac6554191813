#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""libvirt turns planned domains into arguments of QEMU: test_virsh.py VIOMMU TESTS

virsh runs libvirt's driver for QEMU in its own process, without a daemon. A mount namespace has a
user for QEMU and the files by which libvirt decides that a host has VFIO. Skipped where the driver is
not installed (libvirt-daemon-driver-qemu), and for users who are not root.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VIOMMU, TESTS = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()

import test_machines                                # noqa: E402 pylint: disable=wrong-import-position

SKIP = 77
USERS = "libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin\n"
SCRIPT = """set -e
mkdir dev && mount -t tmpfs none dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir dev/vfio dev/pts dev/shm; touch dev/vfio/vfio; ln -s /proc/self/fd dev/fd
mount --bind passwd /etc/passwd; mount --bind group /etc/group; mount --rbind dev /dev
mount -t tmpfs none /sys/kernel; mkdir -p /sys/kernel/iommu_groups/1
for domain in *.xml; do
    echo; echo "$domain:"
    virsh -q -c "qemu:///embed?root=$PWD/root" domxml-to-native qemu-argv "$domain"
done
"""


def missing():
    for command in ("virsh", "unshare", "qemu-system-x86_64"):
        if not shutil.which(command):
            return f"no {command}"
    if os.geteuid():
        return "not root"
    folder = os.environ.get("LIBVIRT_DRIVER_DIR", "")
    places = [Path(folder)] if folder else Path("/usr/lib").glob("*/libvirt/connection-driver")
    if not any((place / "libvirt_driver_qemu.so").exists() for place in places):
        return "no libvirt_driver_qemu.so"
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return "no mount namespaces" if done.returncode else None


def without_kvm(text):
    """The domain for a machine without KVM, and with VFIO said, which libvirt decides at the start."""
    text = text.replace('type="kvm"', 'type="qemu"', 1)
    text = text.replace('<cpu mode="host-passthrough"/>', "").replace(
        '<cpu mode="host-passthrough">', "<cpu>")
    return text.replace("<source>", '<driver name="vfio"/><source>')


def properties(option, value):
    """The driver and its keys, of either form of -device; None: another option."""
    if option != "-device":
        return None
    if value.startswith("{"):
        return json.loads(value)
    driver, *keys = value.split(",")
    return {"driver": driver, **dict(key.split("=", 1) for key in keys)}


def place_of(device):
    slot, _, function = device.get("addr", "").partition(".")
    return device.get("bus"), int(slot, 16), int(function or "0", 16)


def check(name, line, plan):
    words = shlex.split(line)
    devices = [d for d in map(properties, words[:-1], words[1:]) if d and "addr" in d]
    places = [place_of(d) for d in devices]
    assert len(places) == len(set(places)), (name, sorted(places))
    above = {d.get("id"): d.get("bus") for d in devices}
    numbers = {d["id"]: int(d["bus_nr"]) for d in devices if d["driver"] == "pxb-pcie"}
    found = {d["host"]: numbers[above[d["bus"]]] for d in devices if d["driver"] == "vfio-pci"}
    wanted = {d["host"]: b["bus"] for b in plan["bridges"] for p in b["ports"]
              for d in p["devices"]}
    assert found == wanted, (name, found, wanted)
    roots = {numbers[d["root-bus"]] for d in devices if d["driver"] == "viommu-pci"}
    assert not roots or roots == set(numbers.values()), (name, roots)


EMULATED = """    <controller type="scsi" model="virtio-scsi"/>
    <rng model="virtio"><backend model="random">/dev/urandom</backend></rng>
    <disk type="file" device="disk"><source file="/disk"/><target dev="vda" bus="virtio"/></disk>
"""


def check_emulated(name, line):
    """No emulated device is in a free port of a bridge of the plan."""
    words = shlex.split(line)
    devices = [d for d in map(properties, words[:-1], words[1:]) if d and "bus" in d]
    above = {d.get("id"): d["bus"] for d in devices}
    bridges = {d["id"] for d in devices if d["driver"] == "pxb-pcie"}
    found = [d for d in devices if d["driver"] not in ("vfio-pci", "pcie-root-port")
             and above.get(d["bus"]) in bridges]
    assert bridges and not found, (name, found)
    assert sum(d["driver"].startswith("virtio-") for d in devices) == 4, devices


def domain_with_free_ports(plans):
    """A domain whose emulated devices have no addresses, planned for with --spare."""
    name, plan = next(iter(plans.items()))
    device = plan["bridges"][0]["ports"][0]["devices"][0]["host"]
    base = ["plan", "--root", f"{name}.tree", "--managed", "--ats", "off", "--iommu", "virtio",
            "--qemu", "7.2", "--format", "libvirt"]
    text = test_machines.run(*base, "--device", device)[1]
    text = re.sub(r'    <controller type="pci".*?</controller>\n', "", text, flags=re.S)
    text = re.sub(r"  <qemu:commandline>.*?</qemu:commandline>\n", "", text, flags=re.S)
    Path("given.xml.in").write_text(text.replace("<devices>", "<devices>\n" + EMULATED),
                                    encoding="utf-8")
    status, out, err = test_machines.run(*base, "--spare", "3", "--domain-xml", "given.xml.in")
    assert status == 0, err
    Path("spare.xml").write_text(without_kvm(out), encoding="utf-8")


def domain_with_nodes(plans):
    """NUMA nodes of the plan. This machine need not have node 1, so all memory is on its node 0."""
    name, plan = next(iter(plans.items()))
    devices = ["--device", plan["bridges"][0]["ports"][0]["devices"][0]["host"]]
    shutil.rmtree(f"{name}.tree/sys/devices/system/node", ignore_errors=True)
    for number, line in enumerate(("10 21", "22 10")):
        folder = Path(f"{name}.tree/sys/devices/system/node/node{number}")
        folder.mkdir(parents=True)
        (folder / "distance").write_text(line + "\n", encoding="utf-8")
    status, out, err = test_machines.run("plan", "--root", f"{name}.tree", "--managed", *devices, "--ats", "off",
                                         "--iommu", "virtio", "--qemu", "7.2", "--numa", "--memory", "16G", "--cpus",
                                         "8", "--node", "0=0", "--node", "1=1", "--format", "libvirt")
    assert status == 0, err
    Path("nodes.xml").write_text(re.sub('nodeset="1"', 'nodeset="0"', without_kvm(out)), encoding="utf-8")


def check_nodes(line):
    wanted = ["node,nodeid=0,cpus=0-3,memdev=ram-node0", "node,nodeid=1,cpus=4-7,memdev=ram-node1",
              "dist,src=0,dst=0,val=10", "dist,src=0,dst=1,val=21", "dist,src=1,dst=0,val=22", "dist,src=1,dst=1,val=10"]
    assert re.findall(r"-numa (\S+)", line) == wanted, line
    assert line.count('"host-nodes":[0],"policy":"bind"') == 2, line


def plan_for(path, plans):
    tree = path.stem + ".tree"
    subprocess.run([sys.executable, TESTS / "host/make_host.py", VIOMMU, path, tree], check=True)
    machine = json.loads(path.read_text(encoding="utf-8"))
    wishes = [w for at in test_machines.endpoints(machine) for w in ("--device", at)]
    base = ["plan", "--root", tree, "--managed", *wishes, "--ats", "off", "--iommu", "virtio",
            "--qemu", "7.2"]
    status, out, err = test_machines.run(*base, "--format", "json")
    assert status == 0, err
    if json.loads(out)["machine"] != "q35":
        return
    plans[path.stem] = json.loads(out)
    Path(path.stem + ".xml").write_text(
        without_kvm(test_machines.run(*base, "--format", "libvirt")[1]), encoding="utf-8")


def main():
    reason = missing()
    if reason:
        print(f"skipped: {reason}")
        return SKIP
    plans = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in ("passwd", "group"):
            text = Path("/etc", name).read_text(encoding="utf-8")
            text += USERS if name == "passwd" else "libvirt-qemu:x:64055:\nkvm:x:64056:\n"
            Path(name).write_text(text, encoding="utf-8")
        for path in sorted((TESTS / "host/machines").glob("*.json")):
            plan_for(path, plans)
        domain_with_free_ports(plans)
        domain_with_nodes(plans)
        done = subprocess.run(["unshare", "-m", "sh", "-c", SCRIPT], capture_output=True, text=True,
                              check=False, timeout=240)
        assert done.returncode == 0, done.stdout[-500:] + done.stderr
    answers = dict(re.findall(r"^([\w-]+)\.xml:\n(.*)$", done.stdout, re.M))
    assert answers.keys() == plans.keys() | {"spare", "nodes"}, answers.keys()
    check_emulated("spare", answers["spare"])
    check_nodes(answers["nodes"])
    print("libvirt gives QEMU the NUMA nodes and the distances of the plan")
    print("libvirt places no emulated device in a free port of a bridge")
    for name, plan in plans.items():
        check(name, answers[name], plan)
        print(f"{name}: libvirt places {sum(len(p['devices']) for b in plan['bridges'] for p in b['ports'])}"
              f" functions below {len(plan['bridges'])} bridges as planned")
    return 0


if __name__ == "__main__":
    sys.exit(main())
