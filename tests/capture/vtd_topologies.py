# SPDX-License-Identifier: BSD-3-Clause
"""Generate a topology from QEMU's command line, for a machine with VT-d.

QEMU names every function on a root bus that is translated, and of a bridge there everything below
it. Host bridges have no IOMMU then: functions without a range access memory directly.
"""

import re

UNIT = "intel-iommu"
# Since QEMU 10 addresses have 48 bits where the command line does not say how many.
USUAL_BITS, BITS_SINCE_10 = 39, 48

HEAD = """\
# {command}
viommu: 1
tables:
  dmar:
    oem-id: "{oem_id}"
    oem-table-id: "{oem_table_id}"
    oem-revision: 1
    creator-id: "BXPC"
    creator-revision: 1
    address-bits: {bits}
    flags: {flags}
iommus:
  - name: dmar0
    kind: vt-d
    at: 0xfed90000
interrupt-sources:
  - kind: ioapic
    function: ff:00.0
    iommu: dmar0
host-bridges:
"""
BRIDGE = """\
  - name: {name}
    buses: {first:02x}-{last:02x}
"""
WITH_ATS = "    ats: yes\n"
RANGE = """\
  - functions: {address}
    iommu: dmar0
"""
BELOW = """\
    scope: bridge
    below: {first:02x}-{last:02x}
"""


def unit_of(command):
    units = [device for device in command.devices if device["driver"] == UNIT]
    if len(units) != 1:
        raise ValueError(f"there are {len(units)} devices {UNIT}")
    return units[0]


def address_bits(unit, version):
    return int(unit.get("aw-bits", USUAL_BITS if version < 10 else BITS_SINCE_10))


def range_of(function):
    text = RANGE.format(address=function.address())
    if function.secondary is None:
        return text
    return text + BELOW.format(first=function.secondary, last=function.subordinate)


def topology(command, functions, buses, version):
    """`buses`: of each root bus (name, first, last, whether it bypasses), in order."""
    unit = unit_of(command)
    text = HEAD.format(command=command.text, bits=address_bits(unit, version),
                       flags=0 if unit.get("intremap") == "off" else 1,
                       oem_id=command.machine.get("x-oem-id", "BOCHS "),
                       oem_table_id=command.machine.get("x-oem-table-id", "BXPC    "))
    for name, first, last, _ in buses:
        text += BRIDGE.format(name=name, first=first, last=last)
        text += WITH_ATS if unit.get("device-iotlb") == "on" else ""
    ranges = [range_of(function) for _, first, _, bypasses in sorted(buses, key=lambda x: x[1])
              for function in sorted(functions) if function.bus == first and not bypasses]
    return text + ("ranges:\n" + "".join(ranges) if ranges else "")


def version_of(folder, stem_name, versions):
    """The generation of QEMU: what VERSIONS says of the capture, or else its folder's name."""
    line = re.search(rf"^{re.escape(stem_name)}: QEMU (\d+)", versions, re.MULTILINE)
    match = line or re.search(r"qemu-(\d+)\.", folder)
    if not match:
        raise ValueError("it is not known which QEMU this was")
    return int(match[1])
