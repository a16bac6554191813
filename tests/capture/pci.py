# SPDX-License-Identifier: BSD-3-Clause
"""PCI functions as the firmware left them: from QEMU's monitor, and as lines of text.

    0000:00:02.0 1af4:1057 class 00ff
    0000:00:08.0 1b36:000c class 0604 secondary 01 subordinate 01
"""

import re
from typing import NamedTuple

LINE = re.compile(r"0000:([0-9a-f]{2}):([01][0-9a-f])\.([0-7]) ([0-9a-f]{4}):([0-9a-f]{4})"
                  r" class [0-9a-f]{4}(?: secondary ([0-9a-f]{2}) subordinate ([0-9a-f]{2}))?")
# What `info pci` of the monitor prints, with decimal bus numbers.
INFO_FUNCTION = re.compile(r" *Bus +(\d+), device +(\d+), function (\d):")
INFO_ID = re.compile(r" +.*: PCI device ([0-9a-f]{4}):([0-9a-f]{4})")
INFO_SECONDARY = re.compile(r" +secondary bus (\d+)\.")
INFO_SUBORDINATE = re.compile(r" +subordinate bus (\d+)\.")


class Function(NamedTuple):
    bus: int
    device: int
    function: int
    id: tuple                   # vendor, device
    secondary: int = None       # bridges only
    subordinate: int = None

    def address(self):
        return f"0000:{self.bus:02x}:{self.device:02x}.{self.function}"


def lines_of_query(buses):
    """The answer to query-pci as sorted lines. Buses hold devices, bridges hold buses."""
    lines, waiting = set(), [device for bus in buses for device in bus["devices"]]
    while waiting:
        device = waiting.pop()
        line = "0000:{bus:02x}:{slot:02x}.{function}".format_map(device)
        line += " {vendor:04x}:{device:04x}".format_map(device["id"])
        line += " class {class:04x}".format_map(device["class_info"])
        if "pci_bridge" in device:
            bridge = device["pci_bridge"]
            line += " secondary {secondary:02x} subordinate {subordinate:02x}".format_map(
                bridge["bus"])
            waiting += bridge.get("devices", [])
        lines.add(line)
    return sorted(lines)


def read_lines(text):
    """The functions in a NAME.pci."""
    functions = []
    for line in text.splitlines():
        match = LINE.fullmatch(line)
        if not match:
            raise ValueError(f"not a PCI function: {line!r}")
        numbers = [int(group, 16) if group else None for group in match.groups()]
        functions.append(Function(*numbers[:3], tuple(numbers[3:5]), *numbers[5:]))
    return functions


def read_info(text):
    """The functions in the output of `info pci`; other lines around it do not matter."""
    functions = []
    for line in text.splitlines():
        if match := INFO_FUNCTION.fullmatch(line):
            functions.append(Function(*map(int, match.groups()), id=(0, 0)))
        elif not functions:
            continue
        elif match := INFO_ID.fullmatch(line):
            functions[-1] = functions[-1]._replace(id=tuple(int(x, 16) for x in match.groups()))
        elif match := INFO_SECONDARY.fullmatch(line):
            functions[-1] = functions[-1]._replace(secondary=int(match[1]))
        elif match := INFO_SUBORDINATE.fullmatch(line):
            functions[-1] = functions[-1]._replace(subordinate=int(match[1]))
    return functions
