#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The hooks under integration/: test_hooks.py VIOMMU INTEGRATION"""

import os
import re
import subprocess
import sys
import tempfile

import test_plan

HOOKS = os.path.abspath(sys.argv[2])


def environment(host):
    test_plan.trees.make(host, "host.tar")
    return {**os.environ, "VIOMMU": test_plan.VIOMMU, "VIOMMU_ROOT": "host.tar"}


def libvirt(host, operation, text):
    done = subprocess.run([f"{HOOKS}/libvirt/qemu", "guest", operation, "begin", "-"], input=text,
                          env=environment(host), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def kubevirt(host, vmi, text):
    done = subprocess.run([f"{HOOKS}/kubevirt/onDefineDomain", "--vmi", vmi, "--domain", text],
                          env=environment(host), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def libvirt_starts_what_can_be_planned():
    host = test_plan.arm_host(2)
    assert libvirt(host, "prepare", test_plan.domain(host, "virt")) == (0, "", "")


def libvirt_does_not_start_what_is_refused():
    host = test_plan.arm_host(2)
    text = test_plan.domain(host, "virt")
    host["devices"][0]["driver"] = "nvme"
    status, out, err = libvirt(host, "prepare", text)
    assert status == 2 and "[plan-driver]" in err and not out


def libvirt_gets_a_domain_rewritten_that_migrates():
    host = test_plan.arm_host(2)
    status, out, _ = libvirt(host, "migrate", test_plan.domain(host, "virt"))
    assert status == 0 and out.count("pcie-expander-bus") == 2
    assert libvirt(host, "migrate", out) == (0, out, ""), "planned twice"


def libvirt_gets_a_plan_for_a_network_interface_of_the_host():
    host = test_plan.arm_host(1)
    text = test_plan.domain({"devices": []}, "virt", "    <interface type='hostdev'><source><address "
                            "type='pci' domain='0' bus='1' slot='0' function='0'/></source></interface>\n")
    assert libvirt(host, "migrate", text)[1].count("pcie-expander-bus") == 1
    host["devices"][0]["driver"] = "nvme"
    assert libvirt(host, "prepare", text)[0] == 2


def libvirt_passes_no_environment_so_settings_are_in_a_file():
    host = test_plan.arm_host(2)
    text = test_plan.domain(host, "virt")
    test_plan.trees.make(host, "host.tar")
    with open("settings", "w", encoding="ascii") as file:
        file.write(f"VIOMMU={test_plan.VIOMMU}\nVIOMMU_ROOT=host.tar\nVIOMMU_OPTIONS='--iommu virtio'\n")
    names = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "ASAN_OPTIONS")
             if name in os.environ}
    done = subprocess.run([f"{HOOKS}/libvirt/qemu", "guest", "migrate", "begin", "-"], input=text,
                          env={**names, "VIOMMU_SETTINGS": "./settings"}, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0 and done.stdout.count("viommu-pci,") == 2, done.stderr


def libvirt_domains_with_an_iommu_are_left_alone():
    host = test_plan.arm_host(1)
    for iommu in ("<iommu model='virtio'/>", "<iommu\n model='smmuv3'/>"):
        text = test_plan.domain(host, "virt", iommu)
        assert libvirt(host, "prepare", text) == (0, "", ""), iommu
        assert libvirt(host, "migrate", text) == (0, text, ""), iommu
    text = test_plan.domain(host, "virt").replace("<devices>", "<iommufd enabled='yes'/><devices>")
    assert libvirt(host, "migrate", text)[1], "it has no IOMMU"


def kubevirt_finds_devices_of_interfaces():
    host = test_plan.pc_host(2)
    text = test_plan.domain(host, "q35").replace("</hostdev>", "</interface>").replace(
        "<hostdev mode='subsystem' type='pci'", "<interface type='hostdev'")
    status, out, err = kubevirt(host, "{}", text)
    assert "<hostdev" not in text and status == 0 and out.count("pcie-expander-bus") == 2, err


def libvirt_reads_no_plan_into_a_description():
    host = test_plan.arm_host(2)
    text = test_plan.domain(host, "virt").replace(
        "<devices>", "<description>no pcie-expander-bus</description><devices>")
    assert len(re.findall("model=.pcie-expander-bus", libvirt(host, "migrate", text)[1])) == 2


def libvirt_domains_without_devices_are_left_alone():
    host = test_plan.arm_host(1)
    text = test_plan.domain({"devices": []}, "virt")
    for operation in ("prepare", "started", "release"):
        assert libvirt(host, operation, text) == (0, "", "")
    assert libvirt(host, "migrate", text) == (0, text, "")
    comment = text.replace("<devices>", "<!-- <hostdev type='pci'/> --><devices>")
    assert libvirt(host, "migrate", comment) == (0, comment, "")


def kubevirt_gets_a_domain_with_the_plan():
    host = test_plan.pc_host(2)
    text = test_plan.domain(host, "q35")
    status, out, err = kubevirt(host, '{"metadata": {}}', text)
    assert status == 0 and out.count("pcie-expander-bus") == 2, err
    assert kubevirt(host, '{"metadata": {"annotations": {"viommu/plan": "off"}}}', text)[1] == text
    assert kubevirt(host, "{}", out)[1] == out, "planned twice"


def kubevirt_is_given_the_reason_of_a_refusal():
    host = test_plan.pc_host(2)
    text = test_plan.domain(host, "q35")
    for given in host["devices"]:
        given["group"] = 3
    status, out, err = kubevirt(host, "{}", text)
    assert status == 2 and "[plan-group-split]" in err and not out


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for step in [v for n, v in list(globals().items())
                     if callable(v) and n.split("_")[0] in ("libvirt", "kubevirt") and "_" in n]:
            step()
            print("ok", step.__name__)
