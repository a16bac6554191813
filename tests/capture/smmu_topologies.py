# SPDX-License-Identifier: BSD-3-Clause
"""Generate a topology from QEMU's command line, for an Arm machine whose IORT it makes.

There is one SMMUv3 in front of all root buses, or since QEMU 10.1 devices arm-smmuv3 with a root bus
each. Root buses without an SMMU go to the ITS group, and so do all other bus numbers.
"""

DEVICE = "arm-smmuv3"
# Until 9.0 counts of IDs are one too many, and until 10.0 there is an ITS group in any case.
COUNTS_SINCE, ITS_SINCE = 10, 11
REVISION, REVISION_SINCE_11 = 3, 5
MACHINE_BASE, MACHINE_INTERRUPT = 0x9050000, 106
DEVICE_BASE, DEVICE_SPAN, DEVICE_INTERRUPT = 0xc000000, 0x20000, 144
N_INTERRUPTS = 4

HEAD = """\
# {command}
viommu: 1
tables:
  iort:
    oem-id: "{oem_id}"
    oem-table-id: "{oem_table_id}"
    oem-revision: 1
    creator-id: "BXPC"
    creator-revision: 1
    revision: {revision}
"""
PLAIN = "    plain-counts: yes           # QEMU did not take one off until 9.0\n"
SMMU = """\
  - name: {name}
    kind: smmu-v3
    at: 0x{at:x}
    interrupts: [{interrupts}]
    coherent: yes
"""
BRIDGE = """\
  - name: {name}
    buses: {first:02x}-{last:02x}
"""
ITS = "its-groups:\n  - { name: its, ids: [0] }\n"


def has_its(command, version):
    """Is there an ITS group in the table, whether or not the machine has an ITS?"""
    machine = command.machine
    return (version < ITS_SINCE or machine.get("gic-version") == "3"
            and machine.get("its") != "off" and machine.get("msi") != "gicv2m")


def smmu(name, base, interrupt, its, identifier):
    numbers = ", ".join(str(interrupt + i) for i in range(N_INTERRUPTS))
    text = SMMU.format(name=name, at=base, interrupts=numbers)
    text += "    its: its\n" if its else ""
    return text if identifier is None else text + f"    identifier: {identifier}\n"


def devices_by_bus(command, buses, its):
    """name of a root bus -> the SMMU in front of it, by bus number as QEMU writes them."""
    found = {}
    devices = [device for device in command.devices if device["driver"] == DEVICE]
    for i, device in enumerate(devices):
        found[device["primary-bus"]] = smmu(device["id"], DEVICE_BASE + i * DEVICE_SPAN,
                                            DEVICE_INTERRUPT + i * N_INTERRUPTS, its,
                                            i + (1 if its else 0))
    return {name: found[name] for name, *_ in sorted(buses, key=lambda bus: bus[1])
            if name in found}


def of_machine(buses, its, version):
    unit = smmu("smmu", MACHINE_BASE, MACHINE_INTERRUPT, its,
                0 if version >= ITS_SINCE else None)
    return unit, [name for name, _, _, bypasses in buses if not bypasses]


def bridge(bus, unit, its):
    name, first, last, _ = bus
    text = BRIDGE.format(name=name, first=first, last=last)
    text += f"    iommu: {unit}\n" if unit else ""
    return text + ("    its: its\n" if its else "")


def topology(command, buses, version):
    """`buses`: of each root bus (name, first, last, whether it bypasses), in order."""
    its = has_its(command, version)
    text = HEAD.format(command=command.text, oem_id=command.machine.get("x-oem-id", "BOCHS "),
                       oem_table_id=command.machine.get("x-oem-table-id", "BXPC    "),
                       revision=REVISION if version < ITS_SINCE else REVISION_SINCE_11)
    text += PLAIN if version < COUNTS_SINCE else ""
    units = devices_by_bus(command, buses, its)
    names = {device["primary-bus"]: device["id"] for device in command.devices
             if device["driver"] == DEVICE}
    if command.machine.get("iommu") == "smmuv3":
        unit, translated = of_machine(buses, its, version)
        units, names = {"": unit}, {name: "smmu" for name in translated}
    text += "iommus:\n" + "".join(units.values()) if units else ""
    text += "host-bridges:\n" + "".join(bridge(bus, names.get(bus[0]), its) for bus in buses)
    return text + (ITS if its else "")
