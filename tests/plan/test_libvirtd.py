#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A libvirtd of its own calls the hook: test_libvirtd.py VIOMMU INTEGRATION [MODULE]

libvirtd runs in a mount namespace with its folders empty but for the hook and its settings. A domain without
assigned functions starts; one whose plan is rejected does not, and virsh shows the reason. With the module
for QEMU, the domain of docs/libvirt.md starts, and its IOMMU serves the expander. Skipped where
libvirtd is not installed (libvirt-daemon), and for users who are not root.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import test_plan
import test_virsh

MODULE = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
HOOK = os.path.abspath(sys.argv[2]) + "/libvirt/qemu"
LIBVIRTD = os.environ.get("LIBVIRTD") or shutil.which("libvirtd")
DOMAIN = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/>
<memballoon model='none'/>{devices}</devices></domain>
"""
SERVED = """<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
<name>served</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>
<emulator>/usr/bin/qemu-system-x86_64</emulator><controller type='usb' model='none'/><memballoon model='none'/>
{document}</domain>
"""
# $1: libvirtd, $2: the hook.
SCRIPT = """set -e
mkdir -p /etc/libvirt /etc/default /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
for folder in /run /etc/libvirt /etc/default /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
    mount -t tmpfs none $folder
done
mount --bind passwd /etc/passwd; mount --bind group /etc/group
mkdir -p /run/libvirt /etc/libvirt/hooks /etc/libvirt/qemu
cp "$2" /etc/libvirt/hooks/qemu
cp settings /etc/default/viommu
cat >/etc/libvirt/qemu.conf <<'END'
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
END
"$1" -p /run/libvirtd.pid &
daemon=$!
trap 'kill $daemon' EXIT
virsh() { timeout 60 virsh -q -c 'qemu:///system?socket=/run/libvirt/libvirt-sock' "$@"; }
for _ in $(seq 100); do
    virsh list >/dev/null 2>&1 && break
    sleep 0.1
done
for name in plain assigned served; do
    [ -f $name.xml ] || continue
    virsh define $name.xml >/dev/null
    virsh start $name >$name.answer 2>&1 || :
done
virsh list --name
[ ! -f served.xml ] || virsh qemu-monitor-command served --hmp 'info qtree' >served.tree
for name in $(virsh list --name); do virsh destroy $name >/dev/null; done
"""


def main():
    reason = test_virsh.missing() or (None if LIBVIRTD else "no libvirtd")
    if reason:
        print(f"skipped: {reason}")
        return test_virsh.SKIP
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        host = test_plan.pc_host(1)
        host["devices"][0]["driver"] = "nvme"
        test_plan.trees.make(host, "host.tar")
        Path("settings").write_text(f"VIOMMU={test_plan.VIOMMU}\nVIOMMU_ROOT={folder}/host.tar\n",
                                    encoding="ascii")
        for name in ("passwd", "group"):
            text = Path("/etc", name).read_text(encoding="utf-8")
            text += test_virsh.USERS if name == "passwd" else "libvirt-qemu:x:64055:\nkvm:x:64056:\n"
            Path(name).write_text(text, encoding="utf-8")
        for name, devices in (("plain", ""), ("assigned", test_plan.hostdev("0000:01:00.0"))):
            Path(name + ".xml").write_text(DOMAIN.format(name=name, devices=devices),
                                           encoding="ascii")
        if MODULE:
            text = (Path(HOOK).parents[2] / "docs/libvirt.md").read_text(encoding="utf-8")
            block = re.search(r"```xml\n(.*?)```", text, re.S)[1]
            block = block.replace("/usr/lib/x86_64-linux-gnu/viommu/viommu-qemu.so", MODULE)
            Path("served.xml").write_text(SERVED.format(document=block), encoding="utf-8")
        done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", SCRIPT, "hook",
                               LIBVIRTD, HOOK], capture_output=True, text=True, check=False,
                              timeout=120)
        assert done.returncode == 0, done.stderr
        answer = Path("assigned.answer").read_text(encoding="utf-8")
        wanted = ["plain"] + ["served"] * bool(MODULE)
        assert sorted(done.stdout.split()) == wanted, (done.stdout, answer, list(map(Path.read_text, Path().glob("served.answer"))))
        if MODULE:
            tree = Path("served.tree").read_text(encoding="utf-8")
            assert re.search(r'dev: viommu-pci, id "iommu1"', tree) and 'root-bus = "pci.1"' in tree, tree
        assert "assigned prepare begin -) unexpected exit status 2" in answer, answer
        assert "used by the host's driver nvme" in answer and "[plan-driver]" in answer, answer
    print("libvirtd starts what the hook accepts, and shows why it rejects the other")
    return 0


if __name__ == "__main__":
    sys.exit(main())
