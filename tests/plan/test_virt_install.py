#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""virt-install makes of a plan's arguments the domain that the plan has as a libvirt domain.

    test_virt_install.py VIOMMU TESTS

Skipped where virt-install is not installed; the environment variable VIRT_INSTALL names another. Its test
driver knows no machines, so --machine is left out.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

VIOMMU, TESTS = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve()
VIRT_INSTALL = os.environ.get("VIRT_INSTALL") or shutil.which("virt-install")

import test_machines                                # noqa: E402 pylint: disable=wrong-import-position

SKIP = 77
QEMU = "{http://libvirt.org/schemas/domain/qemu/1.0}"
GUEST = ["--connect", "test:///default", "--print-xml", "--dry-run", "--name", "guest", "--memory",
         "1024", "--osinfo", "detect=off,require=off", "--import", "--disk", "none", "--graphics",
         "none", "--network", "none"]
CASES = [
    ("x399", ["0000:08:00.0", "0000:08:00.1", "0000:48:00.0", "0000:48:00.1"], ["--iommu", "virtio", "--spare", "1"]),
    ("x10dai", ["0000:81:00.0"], ["--iommu", "intel"]),
    ("rome", ["0000:01:00.0"], ["--iommu", "amd"]),
    ("rome", ["0000:01:00.0"], ["--iommu", "virtio-stock", "--node", "0=0"]),
    ("grace", ["0008:01:00.0", "0018:01:00.0"], ["--node", "0=0", "--node", "1=1"]),
]


def flat(node):
    """What an element is, without the order of its children; numbers by value."""
    def number(text):
        try:
            return int(text, 0)
        except ValueError:
            return text
    attributes = tuple(sorted((key, number(value)) for key, value in node.items()))
    return (node.tag, attributes, number((node.text or "").strip()),
            tuple(sorted((flat(child) for child in node), key=repr)))


def of_plan(text):
    """The elements that a plan puts into a domain."""
    root = xml.etree.ElementTree.fromstring(text)
    nodes = [n for n in root.find("devices") if n.tag in ("hostdev", "iommu") or (
        n.tag == "controller" and n.get("type") == "pci")]
    nodes += root.findall("iommufd") + root.findall("features/ioapic")
    arguments = [n.get("value") for n in root.iter(QEMU + "arg")]
    return sorted((flat(node) for node in nodes), key=repr), arguments


def check(machine, devices, options):
    wishes = [word for at in devices for word in ("--device", at)]
    base = ["plan", "--root", machine, "--managed", *wishes, *options, "--format"]
    _, domain, err = test_machines.run(*base, "libvirt")
    status, text, err = test_machines.run(*base, "virt-install")
    assert status == 0, err
    words = shlex.split(text.replace("\\\n", " "))
    assert words[0] == "--machine"
    done = subprocess.run([VIRT_INSTALL, *GUEST, *words[2:]], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr + text
    expected, found = of_plan(domain), of_plan(done.stdout)
    assert expected == found, f"{domain}\n{done.stdout}"
    print(f"{machine}: virt-install writes {len(found[0])} elements as planned")


def main():
    if not VIRT_INSTALL:
        print("skipped: no virt-install")
        return SKIP
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for machine, devices, options in CASES:
            if not os.path.exists(machine):
                subprocess.run([sys.executable, TESTS / "host/make_host.py", VIOMMU,
                                TESTS / f"host/machines/{machine}.json", machine], check=True)
            check(machine, devices, options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
