#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The hooks under integration/: test_hooks.py VIOMMU INTEGRATION"""

import os
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
    assert libvirt(host, "migrate", out) == (0, "", ""), "planned twice"


def libvirt_domains_with_an_iommu_are_left_alone():
    host = test_plan.arm_host(1)
    for iommu in ("<iommu model='virtio'/>", "<iommu\n model='smmuv3'/>"):
        text = test_plan.domain(host, "virt", iommu)
        for operation in ("prepare", "migrate"):
            assert libvirt(host, operation, text) == (0, "", ""), iommu
    text = test_plan.domain(host, "virt").replace("<devices>", "<iommufd enabled='yes'/><devices>")
    assert libvirt(host, "migrate", text)[1], "it has no IOMMU"


def libvirt_domains_without_devices_are_left_alone():
    host = test_plan.arm_host(1)
    text = test_plan.domain({"devices": []}, "virt")
    for operation in ("prepare", "migrate", "started", "release"):
        assert libvirt(host, operation, text) == (0, "", "")


def kubevirt_gets_a_domain_with_the_plan():
    host = test_plan.pc_host(2)
    text = test_plan.domain(host, "q35")
    status, out, err = kubevirt(host, '{"metadata": {}}', text)
    assert status == 0 and out.count("pcie-expander-bus") == 2, err
    assert kubevirt(host, '{"metadata": {"annotations": {"viommu/plan": "off"}}}', text)[1] == text


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
