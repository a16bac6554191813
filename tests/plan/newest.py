#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plans of known machines, judged by the newest QEMU and libvirt that Debian has, and by QEMU 10.0:
newest.py VIOMMU TESTS

QEMU and libvirt are fetched from trixie-backports once, with their libraries, and unpacked into the cache
of tests/guest. libvirt's driver for QEMU runs in a root with both, with files by which it decides that a
host has VFIO and iommufd. Plans for QEMU 10.0, which trixie has, have no SMMU and no AMD-Vi: those need
newer versions. QEMU is started with `-S` and stand-ins for functions of the host; an SMMU that is nested
needs KVM, so these plans are without nesting. For root.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

VIOMMU, TESTS = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
sys.path.insert(0, str(TESTS / "guest"))

import packages                                     # noqa: E402 pylint: disable=wrong-import-position
import test_machines                                # noqa: E402 pylint: disable=wrong-import-position
import test_qemu                                    # noqa: E402 pylint: disable=wrong-import-position
import test_virsh                                   # noqa: E402 pylint: disable=wrong-import-position

OLDER_QEMU = "10.0"
# Its root has no links like /lib, and outside of it QEMU would find modules of the installed one.
LOADER = ["/usr/lib64/ld-linux-x86-64.so.2", "--library-path", "/usr/lib/x86_64-linux-gnu"]
BINARIES = {"q35": "qemu-system-x86_64", "virt": "qemu-system-aarch64"}
FIRMWARE = "/usr/share/AAVMF/AAVMF_CODE.fd"
USERS = {"passwd": "root:x:0:0::/root:/bin/sh\nlibvirt-qemu:x:64055:64055::/:/bin/sh\n",
         "group": "root:x:0:\nlibvirt-qemu:x:64055:\nkvm:x:64056:\n"}
# In a mount namespace: the root with its own /dev and /sys, in which each function has a VFIO driver.
ENTER = """set -e
cd "$1"; shift
mount -t tmpfs none dev; mkdir -p dev/vfio/devices dev/pts dev/shm
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mknod dev/iommu c 1 3; mknod dev/vfio/vfio c 1 3; ln -s /proc/self/fd dev/fd
mount -t proc proc proc; mount -t tmpfs none run; mount -t tmpfs none sys
mkdir -p sys/kernel/iommu_groups/1 sys/bus/pci/devices sys/bus/pci/drivers/vfio-pci
for at in $FUNCTIONS; do
    place=sys/devices/pci${at%:*}/$at
    mkdir -p $place/vfio-dev/vfio0; touch $place/reset; head -c 256 /dev/zero >$place/config
    echo 0x10de >$place/vendor; echo 0x2941 >$place/device; echo 0x030200 >$place/class
    ln -s ../../../devices/pci${at%:*}/$at sys/bus/pci/devices/$at
    ln -s ../../../kernel/iommu_groups/1 $place/iommu_group
    ln -s ../../../bus/pci/drivers/vfio-pci $place/driver
done
mknod dev/vfio/devices/vfio0 c 1 3
exec chroot . "$@"
"""


def fetched():
    """A root with QEMU, libvirt and their libraries."""
    def find():
        source = packages.archive("trixie-backports", "amd64")
        source.refresh()
        wanted = ["qemu-system-x86", "qemu-system-arm", "qemu-efi-aarch64",
                  "libvirt-daemon-driver-qemu", "libvirt-clients"]
        return source, wanted + [n for n in source.closure(*wanted) if n not in wanted]
    return packages.unpacked("opinions-amd64", find, print)


def version_of(root, command):
    text = subprocess.run(["chroot", root, command, "--version"], capture_output=True, text=True,
                          check=True).stdout
    return re.search(r"\d+\.\d+(\.\d+)?", text)[0]


def plan(tree, names, *options):
    wishes = [word for at in names for word in ("--device", at)]
    status, out, err = test_machines.run("plan", "--root", tree, "--managed", *wishes, *options)
    assert status == 0, err
    return out


def judged_by_libvirt(root, name, tree, names, options, planned):
    """libvirt places the planned domain as the plan says."""
    text = test_virsh.without_kvm(plan(tree, names, *options, "--format", "libvirt"))
    text = text.replace('<os firmware="efi">', "<os>").replace(
        ">hvm</type>", f'>hvm</type><loader readonly="yes" type="pflash">{FIRMWARE}</loader>'
        if planned["machine"] == "virt" else ">hvm</type>")
    shutil.rmtree(f"{root}/tmp/embed", ignore_errors=True)
    Path(root, "tmp/guest.xml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", ENTER, "enter", root, "/usr/bin/virsh", "-q", "-c",
         "qemu:///embed?root=/tmp/embed", "domxml-to-native", "qemu-argv", "/tmp/guest.xml"],
        env={**os.environ, "FUNCTIONS": " ".join(names)}, capture_output=True, text=True,
        check=False)
    assert done.returncode == 0, (name, done.stderr, text)
    check_places(name, done.stdout.strip(), planned)


def check_places(name, line, planned):
    """libvirt gives functions by file descriptor, so they are recognized by their order."""
    words = test_virsh.shlex.split(line)
    devices = [d for d in map(test_virsh.properties, words[:-1], words[1:]) if d]
    places = [test_virsh.place_of(d) for d in devices if "addr" in d]
    assert len(places) == len(set(places)), (name, sorted(places))
    above = {d.get("id"): d.get("bus") for d in devices}
    numbers = {d["id"]: int(d["bus_nr"]) for d in devices if d["driver"] == "pxb-pcie"}
    found = [numbers[above[d["bus"]]] for d in devices if d["driver"] == "vfio-pci"]
    wanted = [b["bus"] for b in planned["bridges"] for p in b["ports"] for _ in p["devices"]]
    assert sorted(found) == sorted(wanted), (name, found, wanted)
    smmus = [numbers[d["primary-bus"]] for d in devices if d["driver"] == "arm-smmuv3"]
    assert planned["iommu"] != "smmuv3" or sorted(smmus) == sorted(numbers.values()), (name, smmus)
    window = re.search(r"highmem-mmio-size=(\d+)K", line)
    assert not planned["mmio64"] or planned["machine"] != "virt" or (
        int(window[1]) << 10 == planned["mmio64"]), (name, window)


def judged_by_qemu(qemu, name, names, options, planned):
    """`qemu`: how to start the program for the plan's machine."""
    helped = subprocess.run([*qemu, "-M", "none", "-device", "help"], capture_output=True, text=True,
                            check=False).stdout
    test_qemu.LEFT_OUT = ("viommu-pci",)
    nested = ["--accel", "off"] if planned["iommu"] == "smmuv3" else []
    for form in ("qemu", "qemu-json"):
        words = test_qemu.stand_ins(test_qemu.words_of(
            plan(name, names, *options, *nested, "--format", form)), helped)
        if "-numa" in words:
            words = ["-object", "memory-backend-ram,id=m0,size=64M", "-numa",
                     "node,nodeid=0,memdev=m0", *words]
        command = [*qemu, "-S", "-display", "none", "-nodefaults", "-cpu", "max", "-m", "64", "-qmp",
                   "stdio", *words]
        done = subprocess.run(command, text=True, capture_output=True, check=False, timeout=120,
                              input='{"execute":"qmp_capabilities"}{"execute":"quit"}')
        assert done.returncode == 0 and '"return"' in done.stdout, (name, done.stderr, command)


def judged_by_older_qemu(older, name, names, options):
    """QEMU 10.0 accepts a plan for it. Returns the kind of its IOMMUs."""
    options = [*options, "--qemu", OLDER_QEMU]
    planned = json.loads(plan(name, names, *options, "--format", "json"))
    assert planned["iommu"] != "smmuv3", (name, planned["iommu"])
    judged_by_qemu(["chroot", older, *LOADER, "/usr/bin/" + BINARIES[planned["machine"]]], name, names,
                   options, planned)
    return planned["iommu"]


def main():
    root = fetched()
    older = packages.qemu(OLDER_QEMU, "amd64", print)
    for name, text in USERS.items():
        Path(root, "etc", name).write_text(text, encoding="ascii")
    print(f"QEMU {version_of(root, '/usr/bin/qemu-system-aarch64')}, libvirt "
          f"{version_of(root, '/usr/bin/virsh')}; QEMU {OLDER_QEMU}")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for path in sorted((TESTS / "host/machines").glob("*.json")):
            name = path.stem
            subprocess.run([sys.executable, TESTS / "host/make_host.py", VIOMMU, path, name],
                           check=True)
            machine = json.loads(path.read_text(encoding="utf-8"))
            names = test_machines.endpoints(machine)
            for options in (["--iommu", "auto", "--ats", "off"], ["--iommu", "intel"], ["--iommu", "amd"]):
                slot = [at for at in names if at[:-1] == names[0][:-1]]
                one = names if options[1] == "auto" else slot
                if options[1] != "auto" and not machine["iommus"][0]["name"].startswith(
                        {"intel": "dmar", "amd": "ivhd"}[options[1]]):
                    continue
                planned = json.loads(plan(name, one, *options, "--format", "json"))
                judged_by_libvirt(root, name, name, one, options, planned)
                qemu = ["chroot", root, "/usr/bin/" + BINARIES[planned["machine"]]]
                judged_by_qemu(qemu, name, one, options, planned)
                said = f"{name}: {len(one)} functions, {planned['iommu']}: accepted by both"
                if options[1] != "amd":
                    kind = judged_by_older_qemu(older, name, one, options)
                    said += f"; {kind}: accepted by QEMU {OLDER_QEMU}"
                print(said, flush=True)


if __name__ == "__main__":
    sys.exit(main())
