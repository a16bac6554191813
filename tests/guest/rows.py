# SPDX-License-Identifier: BSD-3-Clause
"""The rows: the devices of each guest, what it does, and what it must print.

parts.py explains the words in braces and the helpers of scripts.
"""

import backend_rows
import nested_rows
import plan_rows
import table_rows
from parts import (
    ARM64_GROUPS, BIND_VFIO, CHURN, CHURN_END, CHURN_SHOWS, COMPLAINTS, EDU, FAULTS_WANTED,
    Image, MMIO, NETWORK, OURS, READ_WRITE, READ_WRITE_SHOWS, Row, SEVERAL, TRAFFIC,
    TRAFFIC_SHOWS, TWO_DISKS, TWO_FOUND, disk, expander, group, network)

VFIO_SCRIPT = BIND_VFIO + """
edu vfio $edu map a 0x200000 r map b 0x400000 w map c 0x600000 rw \\
	fill a 0x5a fetch a fill b 0 store b holds b \\
	fill c 0xc3 fetch c fill c 0 store c holds c \\
	fill b 0x11 unmap b fetch a bytes 4 store @0x400000 holds b | tell inside
say 'leaving the mappings'
edu vfio $edu map a 0x200000 rw map b 0x400000 rw fill a 0x77 fetch a \\
	bytes 4 store @0x201000 store @0x1fff00 fetch @0x900000 fill b 0xee store b holds b |
	tell outside
groups
"""
VFIO_SHOWS = [
    ("memory was read through one mapping and written through another",
     r"row: inside: edu: page b holds 256 bytes of 0x5a"),
    ("one mapping served both ways", r"row: inside: edu: page c holds 256 bytes of 0xc3"),
    ("an unmapped page kept its contents",
     r"row: inside: edu: page b holds 256 bytes of 0x11"),
    ("the guest gets a fault at the page that was unmapped", r"page fault from EP \d+ at 0x400000"),
    ("a write behind a mapping was blocked",
     r"leaving the mappings\n(?:.*\n)*.*page fault from EP \d+ at 0x201000"),
    ("a write before a mapping was blocked", r"page fault from EP \d+ at 0x1fff00"),
    ("a read elsewhere was blocked", r"page fault from EP \d+ at 0x900000"),
    ("the reader got no data", r"row: outside: edu: page b holds 4 bytes of 0x00"),
    ("the group was handed over and back", r"row: group: 0000:00:08[.]0 \(DMA"),
]

# What the first QEMU may print when the second one has died.
OTHER_DIES = [
    ("QEMU reports nothing but the end of the migration",
     r"qemu-system-\w+: (?!Unable to write to socket|failed to save SaveStateEntry)"),
    *(complaint for complaint in COMPLAINTS if complaint[0] != "QEMU reports no error")]

# A root port, a bridge to PCI, and behind it a network card and a DMA engine.
BEHIND = ["pcie-root-port,id=rp0,chassis=1,addr=5", "pcie-pci-bridge,id=br0,bus=rp0",
          "e1000,bus=br0,addr=3,netdev=n0,romfile=", "edu,bus=br0,addr=4,dma_mask=0xffffffffffffffff"]


def behind_a_bridge(bypass):
    """With its own ID unattached, a function would reach all memory, or none."""
    return Row(f"bridge-{bypass}", 7,
               f"a PCI network card and a DMA engine behind a bridge to PCI, boot-bypass={bypass}",
               [f"{{iommu}},addr=4,boot-bypass={bypass}", *BEHIND], """
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
await ping -c 1 -W 1 10.0.2.2 >/dev/null
ping -c 5 -i 0.2 -s 1400 10.0.2.2 | grep received | tell ping
edu=$(find_pci 0x1234:0x11e8)
edu sysfs $edu pin a pin b fill a 0x5a fill b 0x11 fetch a store b holds b | tell attempts
groups
""",
               [("the guest found the IOMMU", r"virtio_iommu virtio\d+: page mask: 0x[0-9a-f]+"),
                ("pings came back", r"row: ping: 5 packets transmitted, 5 packets received"),
                ("DMA outside the card's mappings changed nothing",
                 r"row: attempts: edu: page b holds 256 bytes of 0x11"),
                ("and is reported", r"virtio_iommu .*: page fault from EP \d+ at 0x"),
                ("the card shares the bridge's group, with a domain",
                 r"row: group: 0000:01:00[.]0 0000:02:03[.]0 \(DMA")],
               never=FAULTS_WANTED, options=NETWORK, flavour="", runs=OURS,
               why_ours="the built-in device answers NOENT to the function's own ID")


# Which driver translates for each disk.
BESIDE = """
for disk in d0 d1; do
	function=$(readlink -f /sys/block/$(readlink /dev/$disk)/device/..)
	say "$disk: $(basename $(readlink -f $function/iommu))"
done
groups
"""


def beside(name, sentence, devices, shows, **options):
    """Two IOMMUs of different kinds in one machine, each with a root bus and a disk."""
    return Row(name, 2, sentence, [*devices, *expander(1, 0x40),
               "{iommu},root-bus=p1,bus=pcie.0,addr=4", disk("d0", "bus=pcie.0,addr=5"),
               disk("d1", "bus=rp1")],
               READ_WRITE + BESIDE,
               READ_WRITE_SHOWS + shows + [
                   ("the module's translates for the second disk", r"row: d1: 0000:00:04[.]0"),
                   group("0000:00:05.0"), group("0000:41:00.0")],
               images=TWO_DISKS, same=(("d0", "d1"),), runs=OURS,
               why_ours="the built-in device is the only IOMMU of its machine", **options)


# Without a VIOT: Linux would wait for the stock driver before it gives functions to theirs.
SPACES = ["{iommu},addr=4,firmware=off,tables=x86,pasid-bits=20,page-requests=32", "viommu-dma,addr=5"]
SPACES_SCRIPT = """
insmod /row/module || say "cannot load the module"
await test -e /dev/viommu-spaces
"""
SHARED = (
    "64 MiB of untouched memory were written", "by page requests",
    "the process reads what was written", "the device reads what the process has",
    "addresses of the kernel are refused", "read-only memory is not written",
    "and keeps its contents", "unmapped memory is refused",
    "memory was written after fork[(][)]", "the child has the old contents",
    "the parent has the new ones", "DMA goes on while pages are taken away",
    "and reaches no page that was given to others",
    "the device drops what it has cached", "processes end with DMA under way",
    "and none of their memory is written afterwards",
    "two processes have their own memory at one address")
NO_PASIDS = "the built-in device has no PASIDs"

TWICE = 120     # seconds for a row that boots twice

BUILTIN = "the built-in device has no topology in its configuration space"
LOAD_TOPOLOGY = """
insmod /row/module form=2 {options} || say "cannot load the module"
insmod /modules/virtio_iommu.ko
insmod /modules/virtio_blk.ko
"""
TOPOLOGY_SHOWS = [
    ("the module reads the topology", r"viommu_topology: \d+ items, read in \d+ us"),
    ("and gives devices their IOMMU", r"viommu_topology: [1-9]\d* devices in \d+ us"),
]

ROWS = [
    Row("disk", 1, "x86, PCI, VIOT: disks and network behind the IOMMU",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6"), network("addr=7")],
        READ_WRITE + TRAFFIC + "groups\nregions 0000:00:05.0\n",
        READ_WRITE_SHOWS + TRAFFIC_SHOWS +
        [group("0000:00:05.0"), group("0000:00:06.0"), group("0000:00:07.0"),
         ("the guest knows the MSI window", r"row: .*: 0x0{8}fee00000 0x0{8}feefffff msi")],
        images=TWO_DISKS, same=(("d0", "d1"),), options=NETWORK),

    Row("nvme", 1, "x86: an endpoint that is not virtio, behind a root port",
        ["{iommu},addr=4", "pcie-root-port,id=rp0,chassis=1,addr=5",
         "nvme,drive=d0,serial=d0,bus=rp0"],
        """
await disk d0
say "disk read: $(sum d0)"
groups
""",
        READ_WRITE_SHOWS[:2] + [group("0000:00:05.0"), group("0000:01:00.0")],
        images={"d0": Image(seed=1)}),

    Row("bypassed-bus", 2, "two root buses, one of them behind the IOMMU",
        ["{iommu},addr=4", disk("d0", "addr=5"),
         *expander(1, 0x40, ",bypass_iommu=on"), disk("d1", "bus=rp1")],
        READ_WRITE + "groups\n",
        READ_WRITE_SHOWS + [group("0000:00:05.0")],
        never=COMPLAINTS + [("nothing on the other bus has a group", r"row: group: 0000:4")],
        images=TWO_DISKS, same=(("d0", "d1"),)),

    Row("two-iommus", 2, "two IOMMUs on two expander bridges, and a bus without any",
        [*expander(1, 0x40), *expander(2, 0x80),
         "{iommu},root-bus=p1,bus=pcie.0,addr=1", "{iommu:2},root-bus=p2,bus=pcie.0,addr=2",
         disk("d0", "bus=rp1"), disk("d1", "bus=rp2"), network("bus=pcie.0,addr=7")],
        READ_WRITE + TRAFFIC + "groups\n",
        READ_WRITE_SHOWS + TRAFFIC_SHOWS + TWO_FOUND +
        [group("0000:41:00.0"), group("0000:81:00.0")],
        never=COMPLAINTS + [("nothing on the first bus has a group", r"row: group: 0000:00")],
        images=TWO_DISKS, same=(("d0", "d1"),), options=NETWORK,
        runs=OURS, why_ours=SEVERAL),

    Row("four-iommus", 2, "four IOMMUs on the first bus, each for an expander bridge",
        [part for n in (1, 2, 3, 4) for part in expander(n, n * 0x20)] +
        [f"{{iommu:{n}}},root-bus=p{n},bus=pcie.0,addr={n}" for n in (1, 2, 3, 4)] +
        [disk(f"d{n - 1}", f"bus=rp{n}") for n in (1, 2, 3, 4)],
        READ_WRITE + """
for disk in d2 d3; do
	await disk $disk
	dd if=/dev/d0 of=/dev/$disk bs=64k iflag=direct oflag=direct 2>/dev/null
	say "$disk copied: $(sum $disk)"
done
groups
""",
        READ_WRITE_SHOWS + TWO_FOUND +
        [("and a third and a fourth", r"virtio_iommu virtio3: page mask"),
         ("the third disk is right", r"row: d2 copied: {md5:d0}"),
         ("the fourth disk is right", r"row: d3 copied: {md5:d0}"),
         *(group(f"0000:{bus}1:00.0") for bus in (2, 4, 6, 8))],
        images={"d0": Image(seed=1, read_only=True), "d1": Image(), "d2": Image(), "d3": Image()},
        same=(("d0", "d1"), ("d0", "d2"), ("d0", "d3")), runs=OURS, why_ours=SEVERAL),

    beside("beside-vtd", "Intel's IOMMU for the first root bus, ours for the second",
           ["intel-iommu,intremap=off"],
           [("Intel's translates for the first disk", r"row: d0: dmar\d+")],
           machine="q35,kernel-irqchip=split", append="intel_iommu=on"),

    # No virtio disk works behind QEMU's amd-iommu, so a function that the guest only finds is there. A
    # port above the module's bus keeps Linux 6.12 from reading beyond the end of a table.
    Row("beside-amd", 2, "AMD's IOMMU for the first root bus, ours for the second",
        ["amd-iommu,intremap=off", "edu,addr=6", *expander(1, 0x40), *expander(2, 0x80),
         "{iommu},root-bus=p1,bus=pcie.0,addr=4", disk("d0", "bus=rp1"),
         "pcie-root-port,id=rp1b,bus=p1,chassis=11,addr=1", disk("d1", "bus=rp1b")],
        READ_WRITE + BESIDE + 'say "edu: $(basename $(readlink -f /sys/bus/pci/devices/0000:00:06.0/iommu))"\n',
        READ_WRITE_SHOWS + [
            ("AMD's translates for the function on its bus", r"row: edu: ivhd\d+"),
            ("the module's translates for the first disk", r"row: d0: 0000:00:04[.]0"),
            ("and for the second", r"row: d1: 0000:00:04[.]0"),
            group("0000:00:06.0"), group("0000:41:00.0"), group("0000:42:00.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), runs=OURS, flavour="",
        why_ours="the built-in device is the only IOMMU of its machine",
        machine="q35,kernel-irqchip=split", processor="qemu64"),

    beside("beside-smmu", "arm64 with UEFI: Arm's SMMUv3 for the first root bus, ours for the second",
           [], [("Arm's translates for the first disk", r"row: d0: smmu3\..*")],
           architecture="arm64", machine="virt,gic-version=3,iommu=smmuv3", firmware=True),

    Row("mmio-pci", 3, "arm64: the IOMMU on virtio-mmio, PCI endpoints behind it",
        ["{iommu-mmio},bus=virtio-mmio-bus.0", disk("d0", "addr=5"), disk("d1", "addr=6"),
         network("addr=7")],
        READ_WRITE + TRAFFIC + "groups\n",
        READ_WRITE_SHOWS + TRAFFIC_SHOWS + ARM64_GROUPS[:2],
        architecture="arm64", machine="virt,gic-version=3",
        images=TWO_DISKS, same=(("d0", "d1"),), options=NETWORK, runs=OURS, why_ours=MMIO),

    Row("mmio-mmio", 3, "arm64: the IOMMU on virtio-mmio, virtio-mmio endpoints behind it",
        ["{iommu-mmio},bus=virtio-mmio-bus.0",
         "virtio-blk-device,drive=d0,serial=d0,bus=virtio-mmio-bus.1,iommu_platform=on",
         "virtio-blk-device,drive=d1,serial=d1,bus=virtio-mmio-bus.2,iommu_platform=on"],
        READ_WRITE + "groups\n",
        READ_WRITE_SHOWS +
        [("the endpoints have groups", r"row: group: a000200.virtio_mmio \(DMA"),
         ("both of them", r"row: group: a000400.virtio_mmio \(DMA")],
        architecture="arm64", machine="virt,gic-version=3",
        images={"d0": Image(seed=1), "d1": Image()}, same=(("d0", "d1"),),
        options=["-global", "virtio-mmio.force-legacy=false"], runs=OURS, why_ours=MMIO),

    Row("beside-smmu-mmio", 3, "arm64: Arm's SMMUv3 for PCI, ours for virtio-mmio only",
        ["{iommu-mmio},pci=off,bus=virtio-mmio-bus.0",
         "virtio-blk-device,drive=d0,serial=d0,bus=virtio-mmio-bus.1,iommu_platform=on",
         disk("d1", "addr=5")],
        READ_WRITE + "groups\n",
        READ_WRITE_SHOWS +
        [("the disk on virtio-mmio has a group", r"row: group: a000200.virtio_mmio \(DMA"),
         ("Arm's SMMU has the one on PCI", r"pci 0000:00:05[.]0: Adding to iommu group"),
         group("0000:00:05.0")],
        architecture="arm64", machine="virt,gic-version=3,iommu=smmuv3",
        images={"d0": Image(seed=1), "d1": Image()}, same=(("d0", "d1"),),
        options=["-global", "virtio-mmio.force-legacy=false"], runs=OURS, why_ours=MMIO),

    Row("microvm", 3, "x86 microvm: the IOMMU and its endpoints on virtio-mmio, ACPI",
        ["{iommu-mmio},bus=virtio-mmio-bus.0",
         "virtio-blk-device,drive=d0,serial=d0,bus=virtio-mmio-bus.1,iommu_platform=on",
         "virtio-blk-device,drive=d1,serial=d1,bus=virtio-mmio-bus.2,iommu_platform=on"],
        READ_WRITE + "groups\n",
        READ_WRITE_SHOWS +
        [("the endpoints have a group each",
          r"row: group: LNRO0005:\d\d \(DMA.*\n(.*\n)*?.*row: group: LNRO0005:\d\d \(DMA")],
        machine="microvm,acpi=on", images={"d0": Image(seed=1), "d1": Image()},
        # Its guest has nothing to measure the processor's clock by: TCG's has 1 GHz.
        append="tsc_early_khz=1000000 lpj=1000000",
        same=(("d0", "d1"),), options=["-global", "virtio-mmio.force-legacy=false"],
        runs=OURS, why_ours=MMIO),

    Row("acpi-set", 3, "a machine without firmware tables: ACPI by `viommu generate acpi`",
        ["{iommu-mmio},bus=virtio-mmio-bus.0",
         "virtio-blk-device,drive=d0,serial=d0,bus=virtio-mmio-bus.1,iommu_platform=on",
         "virtio-blk-device,drive=d1,serial=d1,bus=virtio-mmio-bus.2,iommu_platform=on"],
        READ_WRITE + "groups\nsay end\nreboot -f\n",
        READ_WRITE_SHOWS +
        [("the guest runs on viommu's tables", r"ACPI: RSDP 0x0{8}08000000 000024 \(v02 VIOMMU\)"),
         ("its devices are those of the DSDT", r"row: group: LNRO0005:01 \(DMA.*\n(.*\n)*?"
          r".*row: group: LNRO0005:02 \(DMA")],
        machine="microvm,acpi=off,auto-kernel-cmdline=off,rtc=on",
        images={"d0": Image(seed=1), "d1": Image()}, same=(("d0", "d1"),),
        # microvm without ACPI cannot power off: the guest resets it.
        append="tsc_early_khz=1000000 lpj=1000000 reboot=t",
        options=["-global", "virtio-mmio.force-legacy=false", "-no-reboot"],
        acpi="""\
viommu: 1
iommus:
  - { name: viommu0, kind: virtio-iommu-mmio, at: 0xfeb00000, interrupts: [5] }
devices:
  - { name: d0, at: 0xfeb00200, interrupts: [6], iommu: viommu0, id: 0x10000 }
  - { name: d1, at: 0xfeb00400, interrupts: [7], iommu: viommu0, id: 0x10001 }
""", runs=OURS, why_ours=MMIO),

    Row("builtin", 3, "a PC without ACPI: the topology is in the IOMMU's configuration space",
        ["{iommu},addr=4,firmware=builtin-v3", disk("d0", "addr=5"), disk("d1", "addr=6")],
        LOAD_TOPOLOGY.format(options="") + READ_WRITE + "groups\nsay end\nreboot -f\n",
        READ_WRITE_SHOWS + TOPOLOGY_SHOWS +
        [("the function has its endpoint ID", r"pci 0000:00:05[.]0: endpoint 0x28 of 0000:00:04[.]0"),
         group("0000:00:05.0"), group("0000:00:06.0")],
        machine="q35,acpi=off,sata=off", images={"d0": Image(seed=1), "d1": Image()},
        same=(("d0", "d1"),), append="reboot=t edd=off", options=["-no-reboot"], timeout=180, by_name=True,
        module="viommu_topology", skip="virtio_iommu virtio_blk", runs=OURS, why_ours=BUILTIN),

    Row("builtin-mmio", 3, "microvm without ACPI: the same, on virtio-mmio",
        ["{iommu-mmio},firmware=builtin-v3,bus=virtio-mmio-bus.0",
         "virtio-blk-device,drive=d0,serial=d0,bus=virtio-mmio-bus.1,iommu_platform=on",
         "virtio-blk-device,drive=d1,serial=d1,bus=virtio-mmio-bus.2,iommu_platform=on"],
        LOAD_TOPOLOGY.format(options="iommu=512@0xfeb00000:5 "
                             "device=512@0xfeb00200:6,512@0xfeb00400:7") +
        READ_WRITE + "groups\nsay end\nreboot -f\n",
        READ_WRITE_SHOWS + TOPOLOGY_SHOWS +
        [group("virtio-mmio.1"), group("virtio-mmio.2")],
        machine="microvm,acpi=off,auto-kernel-cmdline=off,rtc=on",
        images={"d0": Image(seed=1), "d1": Image()}, same=(("d0", "d1"),),
        append="tsc_early_khz=1000000 lpj=1000000 reboot=t",
        options=["-global", "virtio-mmio.force-legacy=false", "-no-reboot"], timeout=180, by_name=True,
        module="viommu_topology", skip="virtio_iommu virtio_blk", runs=OURS, why_ours=BUILTIN),

    Row("properties", 10, "Debian's driver with docs/patches/linux.patch reads proximity domain and ATS",
        ["{iommu},addr=4,probe-ats=on,probe-proximity-domain=1", disk("d0", "addr=5"),
         disk("d1", "addr=6")],
        """
insmod /row/module || say "cannot load the module"
insmod /modules/virtio_pci.ko
insmod /modules/virtio_blk.ko
""" + READ_WRITE + """
say "node: $(cat /sys/bus/pci/devices/0000:00:05.0/numa_node)"
groups
""",
        READ_WRITE_SHOWS +
        [("the driver reads the node", r"virtio-pci 0000:00:05[.]0: node 1 by its IOMMU|"
          r"pci 0000:00:05[.]0: node 1 by its IOMMU"),
         ("and that there is no ATS", r"0000:00:05[.]0: no ATS by its IOMMU"),
         ("Linux has the node", r"row: node: 1$"), group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), kernel="7.3", module="virtio-iommu",
        skip="virtio_iommu virtio_pci virtio_blk", processors=2, timeout=180, by_name=True, runs=OURS,
        why_ours="the built-in device has no such properties",
        options=["-smp", "2,sockets=2", "-object", "memory-backend-ram,id=m0,size=128M",
                 "-object", "memory-backend-ram,id=m1,size=128M",
                 "-numa", "node,nodeid=0,memdev=m0,cpus=0", "-numa", "node,nodeid=1,memdev=m1,cpus=1"]),

    Row("arm64-dt", 4, "arm64 with a device tree",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6"), network("addr=7")],
        READ_WRITE + TRAFFIC + "groups\nregions 0000:00:05.0\n",
        READ_WRITE_SHOWS + TRAFFIC_SHOWS + ARM64_GROUPS,
        architecture="arm64", machine="virt,gic-version=3",
        images=TWO_DISKS, same=(("d0", "d1"),), options=NETWORK),

    Row("arm64-uefi", 4, "arm64 with UEFI and ACPI",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6"), network("addr=7")],
        READ_WRITE + TRAFFIC + "groups\nregions 0000:00:05.0\n",
        [("the guest runs on ACPI", r"ACPI: VIOT 0x")] +
        READ_WRITE_SHOWS + TRAFFIC_SHOWS + ARM64_GROUPS,
        architecture="arm64", machine="virt,gic-version=3", firmware=True,
        images=TWO_DISKS, same=(("d0", "d1"),), options=NETWORK),

    Row("hotplug", 5, "endpoints are plugged and unplugged behind a root port, three times",
        ["{iommu},addr=4", "pcie-root-port,id=rp0,chassis=1,addr=5"],
        """
for round in 1 2 3; do
	host plug
	await disk d0
	say "disk $round read: $(sum d0)"
	groups
	host unplug
	await no_disk d0
	say "disk $round gone"
done
""",
        [(f"disk {n} was read with the right checksum", rf"row: disk {n} read: {{md5:d0}}")
         for n in (1, 2, 3)] + [group("0000:01:00.0")] +
        [("each went away again", r"row: disk 3 gone")],
        images={"d0": Image(seed=1, read_only=True)},
        on={"plug": [("qmp", "device_add", {
                "driver": "virtio-blk-pci", "id": "hot0", "bus": "rp0", "drive": "d0",
                "serial": "d0", "disable-legacy": "on", "iommu_platform": True})],
            "unplug": [("qmp", "device_del", {"id": "hot0"}), ("deleted", "hot0"),
                       ("drive", "d0")]}),

    Row("rebind", 5, "the endpoint's driver is unbound and bound again",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        READ_WRITE + """
cd /sys/bus/pci/drivers/virtio-pci
for round in 1 2 3; do
	echo 0000:00:05.0 >unbind
	await no_disk d0
	echo 0000:00:05.0 >bind
	await disk d0
	say "disk $round read: $(sum d0)"
done
echo 1 >/sys/bus/pci/devices/0000:00:05.0/remove
await no_disk d0
echo 1 >/sys/bus/pci/rescan
await disk d0
say "disk 4 read: $(sum d0)"
groups
""",
        READ_WRITE_SHOWS +
        [(f"disk read with the right checksum, time {n}", rf"row: disk {n} read: {{md5:d0}}")
         for n in (1, 2, 3, 4)] + [group("0000:00:05.0")],
        images=TWO_DISKS),

    # The I/O ends before the reboot: Linux 6.12.117 breaks the virtqueues of an IOMMU at shutdown,
    # and a deferred unmap then spins with interrupts off (docs/guests.md).
    Row("reboot", 5, "the guest ends its I/O and reboots in the same QEMU",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
host boot
if [ "$answer" = 1 ]; then
	sleep 2
	touch /tmp/enough
	wait
	say 'rebooting'
	reboot -f
	sleep 100
fi
say "boot $answer"
sleep 1
""" + CHURN_END + "groups\n",
        [("the guest was started twice", r"row: rebooting\n(?:.*\n)*.*row: boot 2")] +
        CHURN_SHOWS + [group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), on={"boot": [("count",)]}, timeout=TWICE),

    Row("reset", 5, "the machine is reset during the guest's I/O",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
host boot
if [ "$answer" = 1 ]; then
	sleep 2
	host reset
	sleep 100
fi
say "boot $answer"
sleep 1
""" + CHURN_END + "groups\n",
        [("the guest was started twice", r"row: host, reset\n(?:.*\n)*.*row: boot 2")] +
        CHURN_SHOWS + [group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),),
        on={"boot": [("count",)], "reset": [("qmp", "system_reset", {}), ("answer", None)]},
        timeout=TWICE),

    # The I/O ends before: Linux waits forever if it maps while it shuts the IOMMU down
    # (docs/guests.md).
    Row("kexec", 5, "a second kernel takes the IOMMU over with its domains and mappings",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
if grep -q second /proc/cmdline; then
	say 'second kernel'
	sleep 1
else
	sleep 2
	touch /tmp/enough
	wait
	say 'starting another kernel'
	rekernel /row/kernel /row/initramfs "$(cat /proc/cmdline) second" 2>&1 | tell rekernel
fi
""" + CHURN_END + "groups\n",
        [("a second kernel ran", r"row: starting another kernel\n(?:.*\n)*.*row: second kernel")] +
        CHURN_SHOWS + [group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), rekernel=True, mebibytes=512, timeout=TWICE),

    Row("vfio", 6, "a user-space driver does DMA in its own domain, and nowhere else",
        ["{iommu},addr=4", EDU], VFIO_SCRIPT, VFIO_SHOWS, never=FAULTS_WANTED),

    Row("arm64-vfio", 6, "the same on arm64",
        ["{iommu},addr=4", EDU], VFIO_SCRIPT, VFIO_SHOWS, never=FAULTS_WANTED,
        architecture="arm64", machine="virt,gic-version=3"),

    Row("spaces", 15, "processes share their page tables with a device: PASIDs, page requests",
        SPACES, SPACES_SCRIPT + "spaces | tell spaces\n",
        [(statement, rf"row: spaces: {statement}: yes") for statement in SHARED],
        never=COMPLAINTS + [("no statement is false", r"row: spaces: .*: NO")],
        module="viommu_spaces", skip="virtio_iommu", processor="max,la57=off", runs=OURS, why_ours=NO_PASIDS,
        timeout=TWICE),

    # iommu_sva_bind_device() of 6.12.117 refuses every x86 (docs/guests.md).
    Row("spaces-core", 15, "the same through Linux's IOMMU core: iommu_sva_bind_device(), its queue of page requests",
        ["{iommu},addr=4,tables=x86,pasid-bits=20,page-requests=32", "viommu-dma,addr=5"],
        SPACES_SCRIPT + "spaces | tell spaces\nspaces pair | tell spaces\ngroups\n",
        [(statement, rf"row: spaces: {statement}: yes") for statement in SHARED] +
        [(statement, rf"row: spaces: {statement}: yes") for statement in (
            "two PASIDs reach their own pages", "neither reaches the other's",
            "nor a page that was unmapped, nor anything when it is detached",
            "what was refused has written nothing")] +
        [group("0000:00:05.0")],
        never=FAULTS_WANTED + [("no statement is false", r"row: spaces: .*: NO")],
        kernel="7.3", module="viommu_sva", skip="virtio_iommu", processor="max,la57=off", timeout=180,
        by_name=True, runs=OURS, why_ours=NO_PASIDS),

    Row("spaces-5", 15, "the same with page tables of five levels",
        SPACES, SPACES_SCRIPT + "grep -c la57 /proc/cpuinfo | tell la57\n"
        "spaces untouched kernel two | tell spaces\n",
        [("the processor has five levels", r"row: la57: 1")] +
        [(statement, rf"row: spaces: {statement}: yes") for statement in (
            "64 MiB of untouched memory were written", "addresses of the kernel are refused",
            "two processes have their own memory at one address")],
        never=COMPLAINTS + [("no statement is false", r"row: spaces: .*: NO")],
        module="viommu_spaces", skip="virtio_iommu", processor="max,la57=on", runs=OURS, why_ours=NO_PASIDS,
        timeout=TWICE),

    Row("faults", 7, "invalid DMA is blocked, and the guest's log names endpoint and address",
        ["{iommu},addr=4,boot-bypass=off", EDU], """
edu=$(find_pci 0x1234:0x11e8)
say 'unattached'
edu sysfs $edu pin a fill a 0x5a bytes 4 fetch a fill a 0x11 store a holds a | tell unattached
""" + BIND_VFIO + """
say 'outside'
edu vfio $edu map a 0x200000 rw fill a 0x5a fetch a bytes 4 store @0x300000 | tell outside
say 'write to read-only'
edu vfio $edu map a 0x200000 r fill a 0x5a fetch a fill a 0x11 bytes 4 store a holds a |
	tell read-only
""",
        [("unattached DMA is reported, with its endpoint",
          r"row: unattached\n(?:.*\n)*?.*virtio_iommu .*: {unattached} fault from EP 64 at 0x"),
         ("and wrote nothing", r"row: unattached: edu: page a holds 256 bytes of 0x11"),
         ("DMA outside is reported, with endpoint and address",
          r"row: outside\n(?:.*\n)*?.*page fault from EP 64 at 0x300000 \[{unmapped}\]"),
         ("a write to a read-only mapping is reported, with endpoint and address",
          r"row: write to read-only\n(?:.*\n)*?.*page fault from EP 64 at 0x200000 \[W\]"),
         ("and wrote nothing there either",
          r"row: read-only: edu: page a holds 256 bytes of 0x11")],
        never=FAULTS_WANTED),

    Row("savevm", 8, "a snapshot is saved and loaded during I/O",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
sleep 1
host save
if [ "$answer" = loaded ]; then
	say 'in the snapshot again'
else
	say 'after the snapshot'
	sleep 1
	host load
	say 'wrong: the snapshot was not loaded'
fi
sleep 1
""" + CHURN_END,
        [("the guest went on after the snapshot", r"row: after the snapshot"),
         ("and then ran from it", r"row: in the snapshot again")] + CHURN_SHOWS,
        images={"d0": Image(seed=1, read_only=True), "d1": Image(format="qcow2")},
        on={"save": [("hmp", "savevm one"), ("answer", "saved")],
            "load": [("hmp", "loadvm one"), ("answer", "loaded")]}),

    Row("migration", 8, "the guest is migrated to another QEMU during I/O",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
sleep 1
host migrate
say "running in $answer"
sleep 1
""" + CHURN_END + "groups\n",
        [("the guest ran on in the second QEMU", r"row: running in another QEMU")] +
        CHURN_SHOWS + [group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), incoming=True,
        on={"migrate": [("migrate",), ("answer", "another QEMU")]}),

    Row("spaces-migration", 15, "the same, migrated to another QEMU with tables attached and DMA under way",
        SPACES, SPACES_SCRIPT + """
spaces taken untouched two >/tmp/said 2>&1 &
sleep 1
host migrate
say "running in $answer"
wait
tell spaces </tmp/said
""",
        [("the guest ran on in the second QEMU", r"row: running in another QEMU")] +
        [(statement, rf"row: spaces: {statement}: yes") for statement in (
            "DMA goes on while pages are taken away",
            "and reaches no page that was given to others",
            "64 MiB of untouched memory were written", "the process reads what was written",
            "two processes have their own memory at one address")],
        never=COMPLAINTS + [("no statement is false", r"row: spaces: .*: NO")],
        module="viommu_spaces", skip="virtio_iommu", processor="max,la57=off", runs=OURS, why_ours=NO_PASIDS,
        incoming=True, timeout=TWICE,
        on={"migrate": [("migrate",), ("answer", "another QEMU")]}),

    Row("spaces-open", 15, "the same, migrated with a page request that has no answer yet",
        SPACES, SPACES_SCRIPT + """
spaces held >/tmp/said 2>&1 &
await test -e /tmp/asked
host migrate
say "running in $answer"
touch /tmp/moved
wait
tell spaces </tmp/said
""",
        [("the guest ran on in the second QEMU", r"row: running in another QEMU")] +
        [(statement, rf"row: spaces: {statement}: yes") for statement in (
            "a page request has no answer", "it has none in the other machine",
            "the answer is given there", "and the process reads what was written")],
        never=COMPLAINTS + [("no statement is false", r"row: spaces: .*: NO")],
        module="viommu_spaces", skip="virtio_iommu", processor="max,la57=off", runs=OURS, why_ours=NO_PASIDS,
        incoming=True, timeout=TWICE,
        on={"migrate": [("migrate",), ("answer", "another QEMU")]}),

    Row("spaces-kexec", 15, "a second kernel takes the IOMMU over with a table and a page request",
        SPACES, SPACES_SCRIPT + """
if grep -q second /proc/cmdline; then
	say 'second kernel'
	spaces left untouched two | tell spaces
else
	spaces held >/tmp/said 2>&1 &
	await test -e /tmp/asked
	tell spaces </tmp/said
	rekernel /row/kernel /row/initramfs "$(cat /proc/cmdline) second" 2>&1 | tell rekernel
fi
""",
        [("a page request had no answer",
          r"row: spaces: a page request has no answer: yes\n(?:.*\n)*.*row: second kernel")] +
        [(statement, rf"row: spaces: {statement}: yes") for statement in (
            "the DMA of the first kernel was refused", "64 MiB of untouched memory were written",
            "the process reads what was written",
            "two processes have their own memory at one address")],
        never=COMPLAINTS + [("no statement is false", r"row: spaces: .*: NO")],
        module="viommu_spaces", skip="virtio_iommu", processor="max,la57=off", runs=OURS, why_ours=NO_PASIDS,
        by_name=True, rekernel=True, mebibytes=512, timeout=TWICE),

    Row("draft-c", 15, "the kernel's driver with page tables by draft C: disks behind tables of their own",
        ["{iommu},addr=4,personality=draft-c,tables=generic", disk("d0", "addr=5"), disk("d1", "addr=6")],
        """
insmod /row/module || say "cannot load the module"
insmod /modules/virtio_blk.ko
""" + READ_WRITE + "groups\n",
        READ_WRITE_SHOWS +
        [("both disks are behind a table", r"00:05[.]0: is attached to a table(?:.*\n)*.*00:06[.]0: is attached to a table"),
         group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), kernel="7.3", module="viommu_tables", append="iommu.strict=1",
        skip="virtio_iommu virtio_blk", timeout=180, by_name=True, runs=OURS,
        why_ours="the built-in device has no page tables"),

    Row("arm64-iopgtable", 15, "arm64: disks and 100,000 mappings by tables that Linux's io-pgtable writes",
        ["{iommu},addr=4,tables=arm", disk("d0", "addr=5"), disk("d1", "addr=6"), "viommu-dma,addr=7"],
        SPACES_SCRIPT + "insmod /modules/virtio_blk.ko\n" + READ_WRITE + "groups\nspaces churn | tell spaces\n",
        READ_WRITE_SHOWS +
        [("both disks are behind a table of io-pgtable",
          r"00:05[.]0: is attached to a table of io-pgtable, 4 levels(?:.*\n)*.*00:06[.]0: is attached to a table"),
         group("0000:00:05.0"), group("0000:00:06.0")] +
        [(statement, rf"row: spaces: {statement}: yes") for statement in (
            "memory was mapped and unmapped 100000 times, and written while it was mapped",
            "also with DMA under way", "and never after that")] +
        [("how often", r"row: spaces: rounds: 100000, written in: .*")],
        never=FAULTS_WANTED + [("no statement is false", r"row: spaces: .*: NO")],
        architecture="arm64", machine="virt,gic-version=3", images=TWO_DISKS, same=(("d0", "d1"),),
        module="viommu_iopgtable", append="iommu.strict=1", skip="virtio_iommu virtio_blk", timeout=300,
        by_name=True, runs=OURS, why_ours="the built-in device has no page tables"),

    Row("postcopy", 8, "the guest continues in another QEMU before all of its memory has arrived",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
sleep 1
host migrate
say "running in $answer"
sleep 1
""" + CHURN_END + "groups\n",
        [("the guest ran on in the second QEMU", r"row: running in another QEMU"),
         ("some of its memory was requested",
          r"host: by postcopy: .*'postcopy-requests': [1-9]")] +
        CHURN_SHOWS + [group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), incoming=True,
        on={"migrate": [("postcopy",), ("answer", "another QEMU")]}),

    Row("migration-lost", 8, "the second QEMU dies half-way: the guest continues in the first",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
sleep 1
host lose
say "running in $answer"
sleep 1
host move
say "and then in $answer"
sleep 1
""" + CHURN_END + "groups\n",
        [("the guest ran on in the first QEMU", r"row: running in the first QEMU"),
         ("and could move later", r"row: and then in another QEMU")] +
        CHURN_SHOWS + [group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), incoming=True,
        never=OTHER_DIES,
        on={"lose": [("break_migration",), ("answer", "the first QEMU")],
            "move": [("migrate",), ("answer", "another QEMU")]}),

    Row("migration-orphaned", 8, "the first QEMU dies half-way: the second reports it and exits",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + "sleep 1\nhost orphan\n",
        [("the second QEMU has ended, and has started no guest",
          r"host: the second QEMU ends with status 1: load of migration failed: .+$")],
        never=[("no incomplete guest runs", r"wrong contents")],
        images=TWO_DISKS, incoming=True, on={"orphan": [("orphan_migration",)]}),

    Row("migration-cancelled", 8, "the user cancels a migration half-way, and starts another",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
sleep 1
host cancel
say "running in $answer"
sleep 1
host move
say "and then in $answer"
sleep 1
""" + CHURN_END + "groups\n",
        [("the second QEMU has ended", r"host: the second QEMU ends with status 1: load of migration failed"),
         ("the guest ran on in the first QEMU", r"row: running in the first QEMU"),
         ("and could move later", r"row: and then in another QEMU")] +
        CHURN_SHOWS + [group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), incoming=True,
        on={"cancel": [("cancel_migration",), ("answer", "the first QEMU")],
            "move": [("migrate",), ("answer", "another QEMU")]}),

    Row("migration-refused", 8, "the second QEMU's limits are too low: the guest continues in the first",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + """
sleep 1
host refuse
say "running in $answer"
sleep 1
""" + CHURN_END + "groups\n",
        [("the second QEMU reports the reason", r"host: the second QEMU says: .*more mappings than the limits"),
         ("the guest ran on in the first QEMU", r"row: running in the first QEMU")] +
        CHURN_SHOWS + [group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), incoming=True,
        never=OTHER_DIES,
        on={"refuse": [("refuse_migration", "viommu-pci.max-mappings=1"),
                       ("answer", "the first QEMU")]},
        runs=OURS, why_ours="the built-in device has no limits"),

    Row("strict", 9, "two processors map and unmap continuously, strict mode",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + "sleep 6\n" + CHURN_END + "groups\n",
        [("the guest runs in strict mode", r"iommu: DMA domain TLB invalidation policy: strict"),
         group("0000:00:05.0", "DMA")] + CHURN_SHOWS,
        processors=2, append="iommu.strict=1", images=TWO_DISKS, same=(("d0", "d1"),)),

    Row("lazy", 9, "two processors map and unmap continuously, lazy mode",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + "sleep 6\n" + CHURN_END + "groups\n",
        [("the guest runs in lazy mode", r"iommu: DMA domain TLB invalidation policy: lazy"),
         group("0000:00:05.0", "DMA-FQ")] + CHURN_SHOWS,
        processors=2, append="iommu.strict=0", images=TWO_DISKS, same=(("d0", "d1"),)),

    Row("identity", 9, "two processors, the guest asks for identity domains",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        CHURN + "sleep 3\n" + CHURN_END + "groups\n",
        [("the guest asks for passthrough", r"iommu: Default domain type: Passthrough"),
         group("0000:00:05.0", "identity")] + CHURN_SHOWS,
        processors=2, append="iommu.passthrough=1", images=TWO_DISKS, same=(("d0", "d1"),)),

    Row("geometry", 10, "page sizes, address width and domain numbers set by properties",
        ["{iommu},addr=4,page-size-mask=0x40201000,aw-bits=39,domain-first=7,domain-last=20",
         disk("d0", "addr=5"), disk("d1", "addr=6")],
        READ_WRITE + "groups\n",
        [("the guest reads the address width", r"virtio_iommu virtio\d+: input address: 39 bits"),
         ("the guest reads the page sizes", r"virtio_iommu virtio\d+: page mask: 0x40201000"),
         *READ_WRITE_SHOWS[1:], group("0000:00:05.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), runs=OURS,
        why_ours="QEMU 7.2's has no such properties"),

    Row("probe", 10, "PROBE with reserved regions, proximity and ATS: Linux ignores unknown properties",
        [*expander(1, 0x40, ",numa_node=1"),
         "{iommu},root-bus=p1,bus=pcie.0,addr=1,"
         "reserved=0x8000000-0x8ffffff+0xfee00000-0xfeefffff:msi,"
         "probe-proximity-domain=auto,probe-ats=auto",
         disk("d0", "bus=rp1,ats=on"), disk("d1", "bus=pcie.0,addr=6")],
        READ_WRITE + "groups\nregions 0000:41:00.0\n",
        READ_WRITE_SHOWS +
        [("the guest knows the user's reserved region",
          r"row: .*: 0x0{9}8000000 0x0{9}8ffffff (reserved|direct)"),
         ("and the user's MSI window", r"row: .*: 0x0{8}fee00000 0x0{8}feefffff msi"),
         ("the guest reports the unknown properties", r"unknown viommu prop 0x"),
         group("0000:41:00.0")],
        images=TWO_DISKS, same=(("d0", "d1"),), runs=OURS,
        why_ours="the built-in device knows no such properties",
        options=["-object", "memory-backend-ram,id=m0,size=128M",
                 "-object", "memory-backend-ram,id=m1,size=128M",
                 "-numa", "node,nodeid=0,memdev=m0", "-numa", "node,nodeid=1,memdev=m1"]),

    Row("limits", 10, "mappings beyond the limit are refused, and the others keep working",
        ["{iommu},addr=4,max-mappings=3", EDU], BIND_VFIO + """
edu vfio $edu map a 0x200000 rw map b 0x400000 rw map c 0x600000 rw map d 0x800000 rw \\
	fill d 0x99 bytes 4 fetch d bytes 256 fill a 0x5a fetch a fill c 0 store c holds c |
	tell limits
edu vfio $edu map d 0x800000 rw fill d 0x77 fetch d fill d 0 store d holds d | tell after
host look
""",
        [("three mappings work", r"row: limits: edu: page c holds 256 bytes of 0x5a"),
         ("the fourth was refused: its address is not mapped",
          r"page fault from EP 64 at 0x800000 \[R\]"),
         ("mappings that are released can be used again",
          r"row: after: edu: page d holds 256 bytes of 0x77")],
        never=FAULTS_WANTED, on={"look": [("look",)]},
        runs=OURS, why_ours="the built-in device has no limits"),

    Row("hostile", 11, "no IOMMU driver in the guest, bypass off: every DMA attempt is refused",
        ["{iommu},addr=4,boot-bypass=off", EDU], """
edu=$(find_pci 0x1234:0x11e8)
edu sysfs $edu pin a pin b fill a 0x5a fill b 0x11 times 10 fetch a times 10 store b holds b |
	tell attempts
host count
""",
        [("ten writes changed nothing", r"row: attempts: edu: page b holds 256 bytes of 0x11"),
         ("every attempt was counted", r"host: refused (?:[2-9]\d|\d{3,})$")],
        never=FAULTS_WANTED, skip="virtio_iommu", trace_faults=True, on={"count": [("refused",)]}),

    Row("sandbox", 11, "QEMU in its strictest sandbox",
        ["{iommu},addr=4", disk("d0", "addr=5"), disk("d1", "addr=6")],
        READ_WRITE + "groups\nhost filter\n",
        READ_WRITE_SHOWS + [group("0000:00:05.0"),
                            ("its system calls are filtered", r"host: Seccomp:\s2")],
        images=TWO_DISKS, same=(("d0", "d1"),), on={"filter": [("filtered",)]},
        options=["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,"
                 "resourcecontrol=deny"]),

    Row("friendly", 11, "the same guest with bypass on: the same DMA succeeds",
        ["{iommu},addr=4,boot-bypass=on", EDU], """
edu=$(find_pci 0x1234:0x11e8)
edu sysfs $edu pin a pin b fill a 0x5a fill b 0x11 times 10 fetch a times 10 store b holds b |
	tell attempts
""",
        [("the device copied memory", r"row: attempts: edu: page b holds 256 bytes of 0x5a")],
        skip="virtio_iommu"),

    behind_a_bridge("on"),
    behind_a_bridge("off"),
] + table_rows.ROWS + backend_rows.ROWS + plan_rows.ROWS + nested_rows.ROWS
