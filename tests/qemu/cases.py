# SPDX-License-Identifier: BSD-3-Clause
"""What was once wrong in the module, or would be easy to get wrong: a case, a sentence."""

import re
import time

import driver
from qtest import Ended
from victim import Broken, Stage

from machine import Failed                          # noqa: E402 pylint: disable=wrong-import-order

IOMMU, WATCH, PORT = 4, 5, 6
WINDOW = 0xc0000000
EVERYTHING = (1 << 64) - 1
DOMAIN = 1
LINES_SHOWN = 60


def expect(what, condition):
    if not condition:
        raise Broken(what)


def started(victim):
    """A driver that has brought the device up."""
    driver.enable_ecam(victim.qtest)
    iommu = driver.Driver(victim.qtest, IOMMU, WINDOW)
    iommu.start()
    return iommu


def an_unmap_of_everything_reaches_who_mirrors(stage):
    """Its length in bytes is 2^64, which a host's IOMMU reads as 0."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},msi=off",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    for first, last in ((0, 0xfff), (0x1000, (1 << 63) - 1), (1 << 63, EVERYTHING)):
        expect("MAP", iommu.map(DOMAIN, first, last, 0) == driver.OK)
    expect("all is mirrored", victim.get("w0", "mirror").count("\n") > 2)
    expect("UNMAP", iommu.unmap(DOMAIN, 0, EVERYTHING) == driver.OK)
    expect(f"told wrongly: {victim.get('w0', 'wrong')}", not victim.get("w0", "wrong"))
    expect("nothing is mirrored", not victim.get("w0", "mirror"))


def what_is_behind_a_bridge_to_pci_outlives_its_first_function(stage):
    """All of it shares the endpoint that has the number of the function at 0."""
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU}", f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
        "pcie-pci-bridge,id=br0,bus=rp0", "viommu-watch,id=first,bus=br0,addr=0",
        "viommu-watch,id=other,bus=br0,addr=1"])
    driver.enable_ecam(victim.qtest)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1, 2)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=1), 2)
    iommu = started(victim)
    iommu.kick(0)
    expect("ATTACH", iommu.attach(DOMAIN, 0x200) == driver.OK)
    expect("MAP", iommu.map(DOMAIN, 0x1000, 0x1fff, 0) == driver.OK)
    before = victim.get("other", "mirror")
    victim.monitor.command("device_del", id="first")
    driver.eject(victim.qtest, 0)
    victim.deleted("first")
    expect("the mapping is there", before and victim.get("other", "mirror") == before)
    expect("the endpoint is there", "0x200" in [each["id"] for each in victim.endpoints()])


def an_endpoint_has_the_number_of_its_bus(stage):
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU}", f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
        "viommu-watch,id=w0,bus=rp0"])
    iommu = started(victim)
    for bus in (1, 7, 2):
        driver.bridge_open(driver.Function(victim.qtest, PORT), bus)
        expect(f"an endpoint {bus}:00.0", iommu.probe(bus << 8) == driver.OK)
        others = [each["id"] for each in victim.endpoints() if int(each["id"], 0) > 0xff]
        expect(f"no other one: {others}", others == [hex(bus << 8)])


def a_bus_has_one_iommu(stage):
    for devices in (["viommu-pci"] * 2, ["virtio-iommu-pci", "viommu-pci"],
                    ["viommu-pci", "virtio-iommu-pci"], ["viommu-pci", "intel-iommu"]):
        said = stage.refused(devices, board="q35,kernel-irqchip=split")
        expect(f"{devices}: {said}", re.search("has an IOMMU already|served by two IOMMUs", said))


def what_is_no_property_is_refused_with_a_reason(stage):
    for said, reason in (
            ("aw-bits=0", "aw-bits"), ("aw-bits=65", "aw-bits"), ("probe-size=1", "probe-size"),
            ("probe-size=4294967295", "probe-size"), ("domain-first=5,domain-last=4", "domain-"),
            ("input-first=5,input-last=4", "input-"), ("root-bus=nosuch", "nosuch"),
            ("reserved=1-2+1-2", "overlap"), ("reserved=2-1", "FIRST-LAST"),
            ("reserved=" + "0-0+" * 1000, "overlap|FIRST-LAST|probe-size"),
            ("proximity-domain=x", "proximity-domain"), ("firmware=x", "firmware")):
        answer = stage.refused([f"viommu-pci,{said}"])
        expect(f"{said[:40]}: {answer}", re.search(f"viommu-pci.*: .*(?:{reason})", answer))


CASES = [an_unmap_of_everything_reaches_who_mirrors,
         what_is_behind_a_bridge_to_pci_outlives_its_first_function,
         an_endpoint_has_the_number_of_its_bus, a_bus_has_one_iommu,
         what_is_no_property_is_refused_with_a_reason]


def show(stage):
    """What the last QEMU said."""
    if stage.victims:
        last = stage.victims[-1].machine
        time.sleep(0.5)
        print("".join(f"        | {line}\n" for line in last.output.splitlines()[-LINES_SHOWN:]) +
              f"        status {last.process.poll()}")


def play(qemu, arguments):
    """All cases with one QEMU; returns how many failed."""
    failed = 0
    for case in CASES:
        stage = Stage(qemu, arguments.sanitized)
        try:
            case(stage)
            for victim in stage.victims:
                victim.look()
            print(f"ok      {qemu.generation:<5} {case.__name__}")
        except (Broken, Ended, Failed) as broken:
            failed += 1
            print(f"FAILED  {qemu.generation:<5} {case.__name__}: {broken}")
            show(stage)
        finally:
            stage.close()
    return failed
