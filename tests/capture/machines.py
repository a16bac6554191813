# SPDX-License-Identifier: BSD-3-Clause
"""The machines whose firmware tables are captured: one row each.

A board has QEMU's options for the machine and the location of its tables. A machine has the devices on a board and the
files to capture. A new capture is a new row.
"""

from typing import NamedTuple


class Board(NamedTuple):
    command: str            # the beginning of the command line
    ram: int                # where guest RAM begins
    efi: bool               # tables are found through the EFI system table
    firmware: str = ""      # the image that -bios names, if not the one that QEMU takes itself


class Machine(NamedTuple):
    name: str
    board: str
    devices: str                # the end of the command line
    tables: tuple = ("VIOT",)   # ACPI signatures to take
    dtb: bool = False           # take the device tree too (boards that have one)


# The monitor is on standard input and output, so that no file name is on the command line and
# it can be stored as it was run.
QUIET = "-accel tcg -nodefaults -display none -qmp stdio"

BOARDS = {
    "q35": Board(f"qemu-system-x86_64 -machine q35 {QUIET}", ram=0, efi=False),
    "pc": Board(f"qemu-system-x86_64 -machine pc {QUIET}", ram=0, efi=False),
    # Random seeds would make each device tree another one.
    "virt": Board("qemu-system-aarch64 -machine virt,gic-version=3,dtb-randomness=off"
                  f" -cpu cortex-a57 -m 256 -bios QEMU_EFI.fd {QUIET}",
                  ram=0x40000000, efi=True, firmware="QEMU_EFI.fd"),
}

# Half of the processors and half of the memory for each of two NUMA nodes.
NODES = ("-smp 4 -object memory-backend-ram,id=memory0,size=128M"
         " -object memory-backend-ram,id=memory1,size=128M"
         " -numa node,nodeid=0,memdev=memory0,cpus=0-1"
         " -numa node,nodeid=1,memdev=memory1,cpus=2-3")

MACHINES = (
    # One root bus, one range.
    Machine("q35-minimal", "q35", "-device virtio-iommu-pci,addr=0x3"),
    Machine("pc-minimal", "pc", "-device virtio-iommu-pci,addr=0x6"),
    Machine("virt-minimal", "virt", "-device virtio-iommu-pci,addr=0x4", dtb=True),

    # The range runs to the last bus behind a port; the third port has nothing behind it.
    Machine("q35-root-ports", "q35",
            "-device virtio-iommu-pci,addr=0x2"
            " -device pcie-root-port,id=port1,chassis=1,addr=0x8"
            " -device pcie-root-port,id=port2,chassis=2,addr=0x9"
            " -device pcie-root-port,id=port3,chassis=3,addr=0xa"
            " -device virtio-rng-pci,bus=port1 -device virtio-serial-pci,bus=port2"),

    # Conventional functions behind a bridge, whose requests carry the bridge's ID.
    Machine("q35-pci-bridge", "q35",
            "-device pci-testdev,addr=0x5.0x0,multifunction=on"
            " -device virtio-iommu-pci,addr=0x5.0x2"
            " -device pcie-pci-bridge,id=bridge1,addr=0x10"
            " -device edu,bus=bridge1,addr=0x3 -device pci-testdev,bus=bridge1,addr=0x7"),

    # Three root buses: one of the expanders bypasses. The OEM names are shorter than their fields.
    Machine("q35-two-expanders", "q35",
            "-machine x-oem-id=ROOM,x-oem-table-id=EXPAND"
            " -device virtio-iommu-pci,addr=0x1d"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0x30"
            " -device pcie-root-port,id=port1,bus=expander1,chassis=1"
            " -device pcie-root-port,id=port2,bus=expander1,chassis=2"
            " -device pxb-pcie,id=expander2,bus=pcie.0,bus_nr=0xa0,bypass_iommu=on"
            " -device pcie-root-port,id=port3,bus=expander2,chassis=3"
            " -device virtio-rng-pci,bus=port1 -device edu,bus=port3"),

    # Only an expander is translated; the bus that the IOMMU itself is on is not.
    Machine("q35-only-expander", "q35",
            "-machine default_bus_bypass_iommu=on"
            " -device virtio-iommu-pci,addr=0x9"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0xe0"
            " -device pcie-root-port,id=port1,bus=expander1,chassis=1"
            " -device pcie-pci-bridge,id=bridge1,bus=port1"
            " -device edu,bus=bridge1,addr=0x1"),

    # A conventional expander; its devices sit behind a bridge that QEMU adds.
    Machine("pc-expander", "pc",
            "-device virtio-iommu-pci,addr=0x4"
            " -device pxb,id=expander1,bus=pci.0,bus_nr=0x80"
            " -device edu,bus=expander1,addr=0x2"),

    Machine("virt-expanders", "virt",
            "-device pci-testdev,addr=0x6.0x0,multifunction=on"
            " -device virtio-iommu-pci,addr=0x6.0x5"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0x50"
            " -device pcie-root-port,id=port1,bus=expander1,chassis=1"
            " -device pxb-pcie,id=expander2,bus=pcie.0,bus_nr=0x90,bypass_iommu=on"
            " -device pcie-root-port,id=port2,bus=expander2,chassis=2"
            " -device virtio-serial-pci,bus=port1 -device edu,bus=port2", dtb=True),

    # The device tree cuts its map around the IOMMU; here nothing is left on one side of it.
    Machine("virt-last-function", "virt",
            "-machine gic-version=2 -device pci-testdev,addr=0x1f.0x0,multifunction=on"
            " -device virtio-iommu-pci,addr=0x1f.0x7", dtb=True),

    # -- Arm: IORT ---------------------------------------------------------------------

    # No IOMMU: the root complex goes to the ITS.
    Machine("virt-no-iommu", "virt", "-device edu,addr=0x2", tables=("IORT",), dtb=True),
    Machine("virt-smmu", "virt", "-machine iommu=smmuv3 -device edu,addr=0x2",
            tables=("IORT",), dtb=True),

    # QEMU 7.2 writes an ITS node for a GICv3 without ITS, and for a GICv2, which has none ever.
    Machine("virt-smmu-no-its", "virt", "-machine iommu=smmuv3,its=off -device pci-testdev,addr=0x2",
            tables=("IORT",), dtb=True),
    Machine("virt-smmu-gicv2", "virt",
            "-machine iommu=smmuv3,gic-version=2 -device edu,addr=0x2",
            tables=("IORT",), dtb=True),

    # What the SMMU does not translate goes to the ITS by mappings of its own. Tables and tree do
    # not agree here: the tree knows one root bus, and has the SMMU translate all of it.
    Machine("virt-smmu-expanders", "virt",
            "-machine iommu=smmuv3"
            " -device pcie-root-port,id=port1,bus=pcie.0,chassis=1,addr=0x3"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0x40"
            " -device pcie-root-port,id=port2,bus=expander1,chassis=2"
            " -device pcie-root-port,id=port3,bus=expander1,chassis=3"
            " -device pxb-pcie,id=expander2,bus=pcie.0,bus_nr=0xc0,bypass_iommu=on"
            " -device pcie-root-port,id=port4,bus=expander2,chassis=4"
            " -device virtio-rng-pci,bus=port1 -device edu,bus=port2 -device edu,bus=port4",
            tables=("IORT",), dtb=True),
    Machine("virt-smmu-only-expander", "virt",
            "-machine iommu=smmuv3,default_bus_bypass_iommu=on"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0x60"
            " -device pcie-root-port,id=port1,bus=expander1,chassis=1"
            " -device virtio-serial-pci,bus=port1",
            tables=("IORT",), dtb=True),

    # -- Intel: DMAR -------------------------------------------------------------------

    Machine("q35-vtd", "q35", "-device intel-iommu,intremap=on -device edu,addr=0x4",
            tables=("DMAR",)),
    Machine("q35-vtd-no-interrupts", "q35",
            "-device intel-iommu,intremap=off,aw-bits=48 -device edu,addr=0x4",
            tables=("DMAR",)),

    # Root ports whose functions may have their translations cached: an ATSR.
    Machine("q35-vtd-root-ports", "q35",
            "-device intel-iommu,intremap=on,device-iotlb=on"
            " -device pcie-root-port,id=port1,chassis=1,addr=0x8"
            " -device pcie-root-port,id=port2,chassis=2,addr=0x9"
            " -device virtio-rng-pci,bus=port1 -device virtio-serial-pci,bus=port2",
            tables=("DMAR",)),
    Machine("q35-vtd-expanders", "q35",
            "-machine x-oem-id=ROOM,x-oem-table-id=EXPAND"
            " -device intel-iommu,intremap=on,device-iotlb=on"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0x30"
            " -device pcie-root-port,id=port1,bus=expander1,chassis=1"
            " -device pxb-pcie,id=expander2,bus=pcie.0,bus_nr=0xa0"
            " -device pcie-root-port,id=port2,bus=expander2,chassis=2"
            " -device virtio-rng-pci,bus=port1 -device edu,bus=port2",
            tables=("DMAR",)),

    # One root bus bypasses: now every function that does not is named, bridges with all below.
    Machine("q35-vtd-bypass", "q35",
            "-device intel-iommu,intremap=off"
            " -device pcie-root-port,id=port1,chassis=1,addr=0x8"
            " -device pcie-pci-bridge,id=bridge1,addr=0x10"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0xa0,bypass_iommu=on"
            " -device pcie-root-port,id=port2,bus=expander1,chassis=2"
            " -device virtio-rng-pci,bus=port1 -device edu,bus=bridge1,addr=0x3"
            " -device edu,bus=port2",
            tables=("DMAR",)),

    # -- AMD: IVRS ---------------------------------------------------------------------

    Machine("q35-amdvi", "q35", "-device amd-iommu -device edu,addr=0x4", tables=("IVRS",)),
    Machine("q35-amdvi-interrupts", "q35",
            "-device amd-iommu,intremap=on,device-iotlb=on -device edu,addr=0x4",
            tables=("IVRS",)),
    Machine("q35-amdvi-root-ports", "q35",
            "-device amd-iommu,intremap=on"
            " -device pcie-root-port,id=port1,chassis=1,addr=0x8"
            " -device pcie-root-port,id=port2,chassis=2,addr=0x9"
            " -device virtio-rng-pci,bus=port1 -device virtio-serial-pci,bus=port2",
            tables=("IVRS",)),

    # Conventional functions behind a bridge: a range of aliases.
    Machine("q35-amdvi-pci-bridge", "q35",
            "-device amd-iommu -device pcie-pci-bridge,id=bridge1,addr=0x10"
            " -device edu,bus=bridge1,addr=0x3 -device pci-testdev,bus=bridge1,addr=0x7",
            tables=("IVRS",)),
    Machine("q35-amdvi-expanders", "q35",
            "-device amd-iommu"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0x30"
            " -device pcie-root-port,id=port1,bus=expander1,chassis=1"
            " -device pxb-pcie,id=expander2,bus=pcie.0,bus_nr=0xa0,bypass_iommu=on"
            " -device pcie-root-port,id=port2,bus=expander2,chassis=2"
            " -device virtio-rng-pci,bus=port1 -device edu,bus=port2",
            tables=("IVRS",)),

    # -- NUMA: SRAT --------------------------------------------------------------------

    # Two nodes with processors and memory, a third with memory alone, and an expander in one.
    Machine("q35-numa", "q35",
            f"-m 384 {NODES} -object memory-backend-ram,id=memory2,size=128M"
            " -numa node,nodeid=2,memdev=memory2"
            " -device virtio-iommu-pci,addr=0x3"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0x80,numa_node=1"
            " -device pcie-root-port,id=port1,bus=expander1,chassis=1"
            " -device virtio-rng-pci,bus=port1",
            tables=("VIOT", "SRAT")),

    # Room for memory that is plugged in later.
    Machine("q35-numa-hotplug", "q35",
            f"-m 256,slots=2,maxmem=1G {NODES} -device intel-iommu,intremap=on",
            tables=("DMAR", "SRAT")),
    Machine("virt-numa", "virt",
            f"{NODES} -machine iommu=smmuv3"
            " -device pxb-pcie,id=expander1,bus=pcie.0,bus_nr=0x80,numa_node=1"
            " -device pcie-root-port,id=port1,bus=expander1,chassis=1"
            " -device virtio-rng-pci,bus=port1",
            tables=("IORT", "SRAT"), dtb=True),
)
