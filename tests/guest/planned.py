# SPDX-License-Identifier: BSD-3-Clause
"""Guests of `viommu plan`, and machines that `viommu host` scans from inside.

A planned row names a machine of tests/host/machines, and options of the plan. Its devices are those of
the plan, with an `edu` in the place of each function of the host; what the guest must print is read
from the plan as JSON. In a scanned row the guest runs viommu itself (viommu_program.py).
"""

import base64
import dataclasses
import gzip
import json
import os
import re
import shlex
import sys

import packages
import qemus
import tables
from machine import Failed

MACHINES = os.path.join(qemus.ROOT, "tests/host/machines")
MAKE_HOST = os.path.join(qemus.ROOT, "tests/host/make_host.py")
OF_THE_HOST = ("host", "sysfsdev", "iommufd")

# The tree of PCI functions and the IOMMUs, as sysfs has them.
TREE = """
for device in /sys/bus/pci/devices/*; do
	path=$(readlink -f "$device")
	say "tree: ${path#/sys/devices/} node=$(cat "$device/numa_node")"
done
for iommu in /sys/class/iommu/*; do
	say "class: ${iommu##*/}"
done
"""


def tree_of(machine, folder):
    """A saved tree of a machine of tests/host/machines."""
    path = os.path.join(folder, machine)
    packages.run(sys.executable, MAKE_HOST, tables.program(), f"{MACHINES}/{machine}.json", path)
    return path


def stand_in(value):
    """An `edu` in the place of a function of the host."""
    if not value.startswith("vfio-pci,"):
        return value
    keys = [key for key in value.split(",")[1:] if key.partition("=")[0] not in OF_THE_HOST]
    return ",".join(["edu", *keys])


def devices_of(text):
    """(machine, devices, other options) of a plan of the format qemu, for the row's command line."""
    words = shlex.split(text.replace("\\\n", " "))
    pairs = list(zip(words[::2], words[1::2]))
    machine = next(value for option, value in pairs if option == "-machine")
    devices = [stand_in(value) for option, value in pairs if option == "-device"]
    left_out = ("-machine", "-device", "-plugin", "-object")
    return machine, devices, [word for pair in pairs if pair[0] not in left_out for word in pair]


def port_shows(bridge, port):
    """What the guest prints of the functions below a root port."""
    number = bridge["ports"].index(port)
    at = f"pci0000:{bridge['bus']:02x}/0000:{bridge['bus']:02x}:{number:02x}\\.0"
    iommu = f"0000:00:{bridge['iommu-slot']:02x}.{bridge['iommu-function']}"
    for device in port["devices"]:
        name = f"0000:{port['bus']:02x}:00.{device['function']}"
        pattern = re.escape(name)
        yield (f"{device['host']} of the host is {name}, where the plan has it",
               rf"row: tree: {at}/{pattern} node={bridge['guest-node']}$")
        yield (f"and behind {iommu}, which stands for {bridge['host-iommu']}",
               rf"row: behind: {pattern} driver=vfio-pci iommu=\S*/{re.escape(iommu)} ")
    names = " ".join(f"0000:{port['bus']:02x}:00.{d['function']}" for d in port["devices"])
    if names:
        yield (f"the group of {names} has no other function", rf"row: group: {re.escape(names)} \(")


def bypass_shows(port):
    """The firmware numbers the bus of a port of pcie.0."""
    for device in port["devices"]:
        place = f"pci0000:00/0000:00:{port['slot']:02x}\\.0"
        yield (f"{device['host']} of the host is below slot {port['slot']} of pcie.0, and has no IOMMU",
               rf"row: tree: {place}/(\S+:00\.{device['function']}) (?:.|\n)*row: behind: \1 driver=\S* iommu= ")


def shows_of(plan):
    shows = [show for bridge in plan["bridges"] for port in bridge["ports"]
             for show in port_shows(bridge, port)]
    shows += [show for port in plan.get("bypassing", []) for show in bypass_shows(port)]
    names = [f"0000:00:{b['iommu-slot']:02x}.{b['iommu-function']}" for b in plan["bridges"]]
    listed = "".join(rf".*row: class: {re.escape(name)}\n" for name in sorted(names))
    shows.append((f"the guest has {len(names)} IOMMUs and no other",
                  rf"{listed}(?!.*row: class: )"))
    return shows


def applied(row, folder):
    """The row with the devices of its plan, and with what these must look like in the guest."""
    tree = tree_of(row.plan[0], folder)
    arguments = ["plan", "--root", tree, "--managed", *row.plan[1:]]
    plan = json.loads(tables.viommu(*arguments, "--format", "json"))
    machine, devices, options = devices_of(tables.viommu(*arguments, "--format", "qemu"))
    return dataclasses.replace(row, machine=machine, devices=devices, options=row.options + options,
                               shows=row.shows + shows_of(plan))


# -- viommu in the guest -----------------------------------------------------------------------

def carried(log, name):
    """The bytes that a row printed in base64, with `tell`."""
    lines = re.findall(rf"row: {name}: (\S+)$", log, re.M)
    try:
        return base64.b64decode("".join(lines), validate=True)
    except ValueError as error:
        raise Failed(f"{name}: {error}") from None


def last_part(path):
    return path.rpartition("/")[2] or None


def without_names(host):
    """What is the same in a running machine and its saved tree: all but the file names."""
    return {key: value for key, value in host.items() if key not in ("host", "findings")}


def compare_sysfs(host, log):
    """viommu sees what the shell sees: the IOMMU and the driver of each function, and groups."""
    seen = {name: (last_part(driver), last_part(iommu))
            for name, driver, iommu, _ in tables.BEHIND.findall(log)}
    found = {d["name"]: (d.get("driver"), d.get("iommu")) for d in host["devices"]
             if d["name"] in seen}
    if found != seen:
        raise Failed(f"wrong: the functions in sysfs are {seen}, and those of the scan {found}")
    groups = {frozenset(line.split()) for line in re.findall(r"row: group: ?(.*) \(", log)}
    members = {}
    for device in host["devices"]:
        if "group" in device:
            members.setdefault(device["group"], set()).add(device["name"])
    if groups != {frozenset(names) for names in members.values()}:
        raise Failed(f"wrong: the groups in sysfs are {groups}, and those of the scan {members}")
    return f"the scan has the IOMMU, driver and group of {len(seen)} functions as in sysfs"


def compare_plan(host, plan):
    """Each function is below the bridge of its IOMMU."""
    owner = {d["name"]: d.get("iommu") for d in host["devices"]}
    placed = [(d["host"], b["host-iommu"]) for b in plan["bridges"] for p in b["ports"]
              for d in p["devices"]]
    wrong = [device for device, iommu in placed if owner[device] != iommu]
    if wrong or len(placed) < 2:
        raise Failed(f"wrong: the plan places {placed}, and the scan has {owner}")
    return f"the plan has {len(placed)} functions below {len(plan['bridges'])} bridges, each its IOMMU's"


def verify(kinds, log, folder):
    host = json.loads(gzip.decompress(carried(log, "host")))
    if sorted(iommu["kind"] for iommu in host["iommus"]) != sorted(kinds):
        raise Failed(f"wrong: the scan has the IOMMUs {host['iommus']}")
    seen = [(f"the scan has {len(kinds)} IOMMUs: {', '.join(kinds)}", None),
            (compare_sysfs(host, log), None),
            (compare_plan(host, json.loads(gzip.decompress(carried(log, "plan")))), None)]
    path = os.path.join(folder, "host.tar.gz")
    with open(path, "wb") as file:
        file.write(carried(log, "saved"))
    again = json.loads(tables.viommu("host", "--json", path, accepted=(0, 1)))
    if without_names(again) != without_names(host):
        raise Failed("wrong: the saved tree is another machine than the running one")
    return seen + [("the saved tree gives the same scan on another machine", None)]
