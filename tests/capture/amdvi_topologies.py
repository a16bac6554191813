# SPDX-License-Identifier: BSD-3-Clause
"""Say as a topology what QEMU was given, for a machine with AMD-Vi.

QEMU walks the buses that are translated: each function is listed, behind a bridge of PCI Express all
of the bus if it is the last one there, and behind a bridge to PCI all of its buses, with one ID. Root
buses come in the order of a hash table, which mostly is that of their numbers.
"""

IOMMU = "amd-iommu"
AMD = 0x1022  # nothing else in these machines is theirs
TO_PCI = (0x1B36, 0x000E)

# Blocks of type 11h, and so the image of the register, came with QEMU 9.
IMAGE_SINCE = 9
FEATURES, FEATURES_X2APIC = 0x44, 1
IMAGE, IMAGE_X2APIC = 0x29D3, 4

HEAD = """\
# {command}
viommu: 1
tables:
  ivrs:
    oem-id: "{oem_id}"
    oem-table-id: "{oem_table_id}"
    oem-revision: 1
    creator-id: "BXPC"
    creator-revision: 1
iommus:
  - name: amdvi0
    kind: amd-vi
    at: 0xfed80000
    function: {at}
    include-self: yes
    capability: 0x40
    features: 0x{features:x}
    flags: 0xd1
"""
IMAGE_LINE = "    efr: 0x{image:x}\n"
IOAPIC = """\
interrupt-sources:
  - kind: ioapic
    function: 00:14.0
    iommu: amdvi0
"""
RANGE = """\
  - functions: {first}{last}
    iommu: amdvi0
"""
ONE_ID = "    one-id: yes\n"
EVERYTHING = "00:00.0-ff:1f.7"


def whole(first, last):
    return RANGE.format(first=f"{first:02x}:00.0", last=f"-{last:02x}:1f.7")


def behind(bridge, functions):
    """What is listed for the buses behind a bridge."""
    if bridge.id == TO_PCI:
        return [whole(bridge.secondary, bridge.subordinate) + ONE_ID]
    if bridge.secondary == bridge.subordinate:
        return [whole(bridge.secondary, bridge.secondary)]
    return walk(bridge.secondary, functions)


def walk(bus, functions):
    ranges = []
    for function in sorted(functions):
        if function.bus != bus:
            continue
        ranges.append(RANGE.format(first=function.address(), last=""))
        if function.secondary is not None:
            ranges += behind(function, functions)
    return ranges


def topology(command, functions, buses, version):
    """`buses`: of each root bus (name, first, last, whether it bypasses), in order."""
    device, = [device for device in command.devices if device["driver"] == IOMMU]
    own, = [function for function in functions if function.id[0] == AMD]
    x2apic = device.get("xtsup") == "on"
    text = HEAD.format(command=command.text, at=own.address(),
                       features=FEATURES | (FEATURES_X2APIC if x2apic else 0),
                       oem_id=command.machine.get("x-oem-id", "BOCHS "),
                       oem_table_id=command.machine.get("x-oem-table-id", "BXPC    "))
    if version >= IMAGE_SINCE:
        text += IMAGE_LINE.format(image=IMAGE | (IMAGE_X2APIC if x2apic else 0))
    ranges = [line for _, first, _, bypasses in sorted(buses, key=lambda x: x[1])
              for line in walk(first, functions) if not bypasses]
    text += "ranges:\n" + "".join(ranges or [RANGE.format(first=EVERYTHING, last="")])
    return text + ("" if device.get("intremap") == "off" else IOAPIC)
