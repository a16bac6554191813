#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Generate a topology from QEMU's command line, for each capture of a VIOT, IORT, DMAR or
IVRS.

  golden_topologies.py FOLDER OUT

For each NAME.cmd in FOLDER (and below) that one of them stands beside, write OUT/NAME.yaml: from the devices on the command line, and the firmware's bus numbers in the PCI tree in
NAME.pci (tests/golden) or NAME.seen.txt (output of QEMU's monitor). The table itself is not read: a test compares it with the table that the library generates. A second NAME with another content is written to OUT/FOLDER/NAME.yaml, by the folder that it comes from.

Exit status: 0 fine, 2 if a capture could not be understood; the others are still written.
"""

import os
import sys

import amdvi_topologies
import smmu_topologies
import vtd_topologies
from pci import Function, read_info, read_lines

VIRTIO_IOMMU = (0x1AF4, 0x1057)
ROOT_BUS = {"q35": "pcie.0", "virt": "pcie.0", "pc": "pci.0"}
EXPANDERS = ("pxb-pcie", "pxb")
# Without a PCI tree only these are understood: none of them has a bus behind it.
WITHOUT_TREE = EXPANDERS + ("virtio-iommu-pci", "ide-hd")
LARGEST_FILE = 1 << 20
# QEMU names what is behind expanders in the order of a hash table, which cannot be predicted.
# It matters where several expanders have something that VT-d translates; mostly it is that of buses.
OUT_OF_ORDER = ("q35-vtd-expanders", "rnd-dmar-10")

HEAD = """\
# {command}
viommu: 1
tables:
  viot:
    oem-id: "{oem_id}"
    oem-table-id: "{oem_table_id}"
    oem-revision: 1
    creator-id: "BXPC"
    creator-revision: 1
iommus:
  - name: viommu0
    kind: virtio-iommu-pci
    at: "{at}"
    include-self: yes           # QEMU leaves the IOMMU's own function inside its range
host-bridges:
"""
BRIDGE = """\
  - name: {name}
    segment: 0
    buses: {first:02x}-{last:02x}{remark}
"""
TRANSLATED = "    iommu: viommu0\n"
BYPASSES = "                # no iommu: bypasses"


class Command:
    """The parts of a QEMU command line that determine the topology."""

    def __init__(self, text):
        words = text.split()
        self.text = " ".join(words)
        self.without_defaults = "-nodefaults" in words
        self.without_network = "-net none" in self.text
        self.machine, self.devices = {}, []
        for option, value in zip(words, words[1:]):
            if option == "-machine":
                self.machine.update(properties(value, "type"))
            elif option == "-device":
                self.devices.append(properties(value, "driver"))

    def root_bus(self):
        return ROOT_BUS[self.machine["type"]]

    def expanders(self):
        return [device for device in self.devices if device["driver"] in EXPANDERS]


def properties(value, first):
    """key=value,... as a dict; a word without = can stand in front and is called `first`."""
    words = value.split(",")
    if "=" not in words[0]:
        words[0] = f"{first}={words[0]}"
    return dict(word.split("=", 1) for word in words)


def is_on(value):
    return value in ("on", "yes", "true", "y")


def usual_tree(command):
    """The IOMMU where QEMU puts it by itself: into the first free slot behind its own VGA."""
    drivers = [device["driver"] for device in command.devices]
    vga = not command.without_defaults
    unclear = (drivers[:1] != ["virtio-iommu-pci"] or "addr" in command.devices[0]
               or set(drivers) - set(WITHOUT_TREE)
               or vga and (command.machine["type"] != "q35" or not command.without_network))
    if unclear:
        raise ValueError("there is no PCI tree, and without it the command line is not enough")
    return [Function(0, 2 if vga else 1, 0, VIRTIO_IOMMU)]


def last_bus(root, functions):
    """The last bus below a root bus: subordinate to a bridge that is on the root bus."""
    below = [f.subordinate for f in functions if f.bus == root and f.subordinate is not None]
    return max([root] + below)


def bridge(name, root, functions, bypasses):
    text = BRIDGE.format(name=name, first=root, last=last_bus(root, functions),
                         remark=BYPASSES if bypasses else "")
    return text if bypasses else text + TRANSLATED


def topology(command, functions):
    found = [function for function in functions if function.id == VIRTIO_IOMMU]
    if len(found) != 1:
        raise ValueError(f"there are {len(found)} functions virtio-iommu-pci")
    text = HEAD.format(command=command.text, at=found[0].address(),
                       oem_id=command.machine.get("x-oem-id", "BOCHS "),
                       oem_table_id=command.machine.get("x-oem-table-id", "BXPC    "))
    text += bridge(command.root_bus(), 0, functions,
                   is_on(command.machine.get("default_bus_bypass_iommu")))
    for expander in command.expanders():
        text += bridge(expander["id"], int(expander["bus_nr"], 0), functions,
                       is_on(expander.get("bypass_iommu")))
    return text


def root_buses(command, functions):
    """(name, first, last, whether it bypasses) of each root bus."""
    yield (command.root_bus(), 0, last_bus(0, functions),
           is_on(command.machine.get("default_bus_bypass_iommu")))
    for expander in command.expanders():
        bus = int(expander["bus_nr"], 0)
        yield (expander.get("id", f"bus{bus:02x}"), bus, last_bus(bus, functions),
               is_on(expander.get("bypass_iommu")))


def version_of(stem):
    folder, name = os.path.split(stem)
    versions = os.path.join(folder, "VERSIONS")
    return vtd_topologies.version_of(folder, name,
                                     read(versions) if os.path.exists(versions) else "")


def text_of(stem):
    """The topology of a capture, whichever table it is of."""
    command = command_of(stem)
    functions = tree_of(stem, command)
    drivers = [device["driver"] for device in command.devices]
    for platform, driver in ((vtd_topologies, vtd_topologies.UNIT),
                             (amdvi_topologies, amdvi_topologies.IOMMU)):
        if driver in drivers:
            return platform.topology(command, functions, list(root_buses(command, functions)),
                                     version_of(stem))
    if command.machine["type"] == "virt" and "virtio-iommu-pci" not in drivers:
        return smmu_topologies.topology(command, list(root_buses(command, functions)),
                                        version_of(stem))
    return topology(command, functions)


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read(LARGEST_FILE)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def command_of(stem):
    lines = [line for line in read(f"{stem}.cmd").splitlines() if not line.startswith("#")]
    if len(lines) != 1:
        raise ValueError("there is not one command line")
    return Command(lines[0])


def tree_of(stem, command):
    if os.path.exists(f"{stem}.pci"):
        return read_lines(read(f"{stem}.pci"))
    if os.path.exists(f"{stem}.seen.txt"):
        return read_info(read(f"{stem}.seen.txt"))
    return usual_tree(command)


def captures(folder):
    """Stems of .cmd files that a table stands beside: STEM.VIOT, or STEM if it says VIOT."""
    for here, _, names in sorted(os.walk(folder)):
        for name in sorted(name for name in names if name.endswith(".cmd")):
            stem = name[:-len(".cmd")]
            if (f"{stem}.VIOT" in names or stem in names and "VIOT" in stem
                    or f"{stem}.IORT" in names
                    or (f"{stem}.DMAR" in names or f"{stem}.IVRS" in names)
                    and stem not in OUT_OF_ORDER):
                yield os.path.join(here, stem)


def main(folder, out):
    failed, written = 0, {}
    for stem in captures(folder):
        try:
            text = text_of(stem)
        except (ValueError, KeyError, OSError) as error:
            print(f"{stem}: not understood: {error}", file=sys.stderr)
            failed += 1
            continue
        folder, name = os.path.split(stem)
        if written.setdefault(name, text) == text:
            write(os.path.join(out, f"{name}.yaml"), text)
        else:
            write(os.path.join(out, os.path.basename(folder), f"{name}.yaml"), text)
    print(f"{len(written)} topologies written", file=sys.stderr)
    return 2 if failed or not written else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    try:
        sys.exit(main(*sys.argv[1:]))
    except OSError as error:
        print(f"golden_topologies: {error}", file=sys.stderr)
        sys.exit(2)
