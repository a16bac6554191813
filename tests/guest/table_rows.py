# SPDX-License-Identifier: BSD-3-Clause
"""Rows with a table that viommu generated, and an IOMMU of QEMU.

The guest's groups and DMA that works show how it read the table; the route of each function is compared
with `viommu resolve` (tables.py).
"""

from parts import (COMPLAINTS, EDU, READ_WRITE, READ_WRITE_SHOWS, Row, STOCK, TWO_DISKS, disk,
                   expander, group)

# Bind functions without a driver to vfio-pci, which gives each a domain. Then print the IOMMU of each.
SEE = """
for device in /sys/bus/pci/devices/*; do
	[ ! -e "$device/driver" ] || continue
	echo vfio-pci >"$device/driver_override"
	echo "${device##*/}" >/sys/bus/pci/drivers_probe
done 2>/dev/null
for device in /sys/bus/pci/devices/*; do
	driver= iommu=
	[ ! -e "$device/driver" ] || driver=$(readlink -f "$device/driver")
	[ ! -L "$device/iommu" ] || iommu=$(readlink -f "$device/iommu")
	base=$(cat "$device/iommu/intel-iommu/address" 2>/dev/null)
	say "behind: ${device##*/} driver=${driver##*/} iommu=$iommu base=$base"
done
groups
"""
COMPLAINTS_OF_TABLES = [
    ("the kernel reports nothing wrong with the table",
     r"\[Firmware (Bug|Warn|Info)\]|BIOS is broken|ACPI (Error|Warning|BIOS)|DMAR: .*(fail|invalid(?!ation))|"
     r"IORT.*(fail|invalid|bad|cannot)|AMD-Vi: .*(fail|invalid|broken|ignor)|SRAT: .*(invalid|bad)"),
]


def header(table):
    """QEMU's OEM names and a higher revision, so that the table replaces QEMU's."""
    return f"""\
viommu: 1
tables:
  {table}: {{ oem-id: "BOCHS ", oem-table-id: "BXPC    ", oem-revision: 2 }}
"""


def taken(table):
    """Linux uses the table instead of the firmware's, with all of its bytes."""
    name = table.upper()
    return [(f"the guest takes viommu's {name}", rf"ACPI: Table Upgrade: override \[{name}"),
            ("and has it to the last byte", r"row: table: {md5:table}$")]


def script(table, more):
    return f"say \"table: $(md5sum </sys/firmware/acpi/tables/{table.upper()} | cut -c-32)\"\n" + \
        more + SEE


def groups_row(name, sentence, table, topology, devices, shows, more="", **options):
    """Functions have the IOMMU that the table gives them; no DMA is done."""
    return Row(name, 12, sentence, devices, script(table, more), taken(table) + shows,
               never=COMPLAINTS + COMPLAINTS_OF_TABLES, table=table,
               topology=header(table) + topology, runs=STOCK, **options)


def tree_row(name, sentence, topology, devices, shows, **options):
    """Disks work behind an IOMMU that viommu has added to the machine's device tree."""
    return Row(name, 12, sentence, devices, READ_WRITE + SEE, READ_WRITE_SHOWS[1:] + shows,
               never=COMPLAINTS + COMPLAINTS_OF_TABLES, runs=STOCK, architecture="arm64",
               table="dtb", into="virt,gic-version=3", topology="viommu: 1\n" + topology,
               images=TWO_DISKS, same=(("d0", "d1"),), **options)


def disks_row(name, sentence, table, topology, devices, shows, **options):
    """The same, and two disks work behind the IOMMU."""
    return groups_row(name, sentence, table, topology, devices, READ_WRITE_SHOWS[1:] + shows,
                      READ_WRITE, images=TWO_DISKS, same=(("d0", "d1"),), **options)


# Debian's usual kernel has AMD's driver, which uses cmpxchg16b without a check for it.
AMD = {"flavour": "", "processor": "qemu64"}

ARM = {"architecture": "arm64", "machine": "virt,gic-version=3,iommu=smmuv3", "firmware": True}
SMMU = """\
iommus:
  - { name: smmu0, kind: smmu-v3, at: 0x9050000, interrupts: [106, 107, 108, 109], its: its0,
      coherent: yes }
its-groups:
  - { name: its0, ids: [0] }
"""

# With a device tree Linux does not enable ACS in bridges, so a bridge and the functions below it share
# a group.
PORT_GROUP = ("the other disk is in the group of its port",
              r"row: group: 0000:00:06[.]0 0000:01:00[.]0 \(DMA")

NODE_PROCESSORS = (",cpus=0-1", ",cpus=2-3", "")

ROWS = [
    disks_row("dmar", "Intel's IOMMU in front of everything, by viommu's DMAR", "dmar", """\
iommus:
  - { name: vtd0, kind: vt-d, at: 0xfed90000, segment: 0 }
host-bridges:
  - { buses: 00-ff, iommu: vtd0 }
""", ["intel-iommu,intremap=off", disk("d0", "addr=5"),
      "pcie-root-port,id=rp0,chassis=1,addr=6", disk("d1", "bus=rp0")],
              [("the guest finds the unit", r"DMAR: DRHD base: 0x0{6}fed90000 flags: 0x1"),
               ("and uses it", r"DMAR: Intel\(R\) Virtualization Technology for Directed I/O")],
              append="intel_iommu=on"),

    disks_row("dmar-bridges", "single functions and bridges, and a root bus that bypasses", "dmar",
              """\
iommus:
  - { name: vtd0, kind: vt-d, at: 0xfed90000, segment: 0 }
host-bridges:
  - { buses: 00-7f }
  - { buses: 80-ff }
ranges:
  - { functions: 00:00.0, iommu: vtd0 }
  - { functions: 00:05.0, iommu: vtd0 }
  - { functions: 00:06.0, scope: bridge, below: 01-01, iommu: vtd0 }
  - { functions: 00:09.0, iommu: vtd0 }
  - { functions: 00:1f.0, iommu: vtd0 }
  - { functions: 00:1f.2-00:1f.3, iommu: vtd0 }
""", ["intel-iommu,intremap=off", disk("d0", "addr=5"),
      "pcie-root-port,id=rp0,chassis=2,addr=6", "edu,bus=rp0",
      *expander(1, 0x80, ",bypass_iommu=on"), disk("d1", "bus=rp1")],
              [("the unit has scopes of its own", r"DMAR: DRHD base: 0x0{6}fed90000 flags: 0x0"),
               group("0000:00:05.0"), group("0000:01:00.0")],
              append="intel_iommu=on"),

    # No virtio disk works behind QEMU's device under Linux 6.12, with QEMU's own table either.
    groups_row("ivrs", "AMD's IOMMU in front of everything, by viommu's IVRS", "ivrs", """\
iommus:
  - { name: amdvi0, kind: amd-vi, at: 0xfed80000, function: 00:01.0, capability: 0x40 }
host-bridges:
  - { buses: 00-ff, iommu: amdvi0 }
interrupt-sources:
  - { kind: ioapic, function: 00:14.0, iommu: amdvi0 }
""", ["amd-iommu", EDU, "pcie-root-port,id=rp0,chassis=1,addr=6", "edu,bus=rp0"],
               [("the guest finds the IOMMU", r"AMD-Vi: Extended features"),
                ("and uses it for interrupts, too", r"AMD-Vi: Interrupt remapping enabled"),
                group("0000:00:08.0"), group("0000:01:00.0")],
               **AMD),

    groups_row("ivrs-bridge", "functions behind a bridge to PCI, which share an ID", "ivrs", """\
iommus:
  - { name: amdvi0, kind: amd-vi, at: 0xfed80000, function: 00:01.0, capability: 0x40 }
ranges:
  - { functions: 00:00.0, iommu: amdvi0 }
  - { functions: 00:10.0, iommu: amdvi0 }
  - { functions: 00:1f.0-00:1f.3, iommu: amdvi0 }
  - { functions: 01:00.0-01:1f.7, iommu: amdvi0, one-id: yes, first-id: 0x100 }
interrupt-sources:
  - { kind: ioapic, function: 00:14.0, iommu: amdvi0 }
""", ["amd-iommu", "pcie-pci-bridge,id=bridge1,addr=0x10", "edu,bus=bridge1,addr=3",
      "pci-testdev,bus=bridge1,addr=7"],
               [("the guest finds the IOMMU", r"AMD-Vi: Extended features"),
                ("what is behind the bridge is one group",
                 r"row: group: (0000:00:10\.0 )?0000:01:03\.0 0000:01:07\.0 \(DMA\)")],
               **AMD),

    disks_row("iort", "Arm's SMMUv3 in front of everything, by viommu's IORT", "iort",
              SMMU + """\
host-bridges:
  - { buses: 00-ff, iommu: smmu0, its: its0 }
""", [disk("d0", "addr=5"), "pcie-root-port,id=rp0,chassis=1,addr=6", disk("d1", "bus=rp0")],
              [("the guest finds the SMMU", r"arm-smmu-v3 arm-smmu-v3.0.auto: ias \d+-bit"),
               group("0000:00:05.0"), group("0000:01:00.0")], **ARM),

    disks_row("iort-bypass", "one root bus behind the SMMU, and one that bypasses", "iort",
              SMMU + """\
host-bridges:
  - { buses: 00-7f, iommu: smmu0, its: its0 }
  - { buses: 80-ff, its: its0 }
""", [disk("d0", "addr=5"), *expander(1, 0x80, ",bypass_iommu=on"), disk("d1", "bus=rp1")],
              [("the guest finds the SMMU", r"arm-smmu-v3 arm-smmu-v3.0.auto: ias \d+-bit"),
               group("0000:00:05.0")], **ARM),

    tree_row("dtb", "a virtio-iommu in the device tree, put there by viommu", """\
iommus:
  - { name: viommu0, kind: virtio-iommu-pci, at: 00:04.0 }
host-bridges:
  - { buses: 00-ff, iommu: viommu0 }
""", ["virtio-iommu-pci,addr=4", disk("d0", "addr=5"), "pcie-root-port,id=rp0,chassis=1,addr=6",
      disk("d1", "bus=rp0")],
             [READ_WRITE_SHOWS[0], group("0000:00:05.0"), PORT_GROUP],
             machine="virt,gic-version=3"),

    tree_row("dtb-smmu", "an SMMUv3 in the device tree, put there by viommu", """\
iommus:
  - { name: smmu0, kind: smmu-v3, at: 0x9050000, interrupts: [106, 107, 108, 109], coherent: yes }
host-bridges:
  - { buses: 00-ff, iommu: smmu0 }
""", [disk("d0", "addr=5"), "pcie-root-port,id=rp0,chassis=1,addr=6", disk("d1", "bus=rp0")],
             [("the guest finds the SMMU", r"arm-smmu-v3 9050000\.\S+: ias \d+-bit"),
              group("0000:00:05.0"), PORT_GROUP],
             machine="virt,gic-version=3,iommu=smmuv3"),

    # The machine of which that SRAT was captured. Linux numbers nodes in the order in which it finds
    # their domains: initiators before memory without processors.
    Row("srat", 12, "NUMA nodes by an SRAT that viommu has put the IOMMU into",
        ["virtio-iommu-pci,addr=3", *expander(1, 0x80, ",numa_node=1"), disk("d0", "bus=rp1"),
         disk("d1", "bus=pcie.0,addr=5")],
        script("srat", READ_WRITE + """
say "initiators: $(cat /sys/devices/system/node/has_generic_initiator)"
say "memory: $(cat /sys/devices/system/node/has_memory)"
"""),
        taken("srat") + READ_WRITE_SHOWS +
        [("the IOMMU is a node of its own", r"row: initiators: 2$"),
         ("and the memory of domain 2 became the next", r"SRAT: Node 3 PXM 2 \[mem"),
         ("there is memory in all others", r"row: memory: 0-1,3$"),
         group("0000:00:05.0"), group("0000:81:00.0")],
        never=COMPLAINTS + COMPLAINTS_OF_TABLES, runs=STOCK, table="srat", into="q35-numa.SRAT",
        topology="""\
viommu: 1
iommus:
  - { name: viommu0, kind: virtio-iommu-pci, at: 00:03.0, proximity-domain: 3 }
host-bridges:
  - { buses: 00-7f, iommu: viommu0 }
  - { buses: 80-ff, iommu: viommu0, proximity-domain: 1 }
""", images=TWO_DISKS, same=(("d0", "d1"),), processors=4,
        options=["-m", "384", "-smp", "sockets=2"] + [word for node in range(3) for word in (
            "-object", f"memory-backend-ram,id=memory{node},size=128M",
            "-numa", f"node,nodeid={node},memdev=memory{node}" + NODE_PROCESSORS[node])]),
]
