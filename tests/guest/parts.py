# SPDX-License-Identifier: BSD-3-Clause
"""The parts of rows: the type Row, and devices, scripts and statements that several rows share.

A row is data. guest.py replaces the words in braces:

    {iommu} {iommu:2}   the device type under test, and a second one of it
    {iommu-mmio}        the one for virtio-mmio buses
    {md5:NAME}          the checksum of a drive; {md5:table}: of the row's table
    {unattached}        how the device names the fault of an endpoint without a domain
    {unmapped}          the flags of its fault for a write where nothing is mapped

The guest's script is shell, run by inside/init with its helpers: say, tell, await, host, disk,
groups, regions, sum, find_pci. Each line of `say` appears as "row: ..." on the console. "row: host,
REQUEST" makes the host perform the actions that the row has for it in `on`, while the guest waits.
"""

from dataclasses import dataclass, field

OURS, BOTH, STOCK = "ours", "both", "stock"
KERNEL = "6.12"

# Patterns that must not appear in the guest's log, unless a row allows them.
COMPLAINTS = [
    ("no fault is reported", r"fault from EP"),
    ("QEMU reports no error", r"qemu-system-\w+: "),
    ("the kernel reports no error", r"BUG:|WARNING:|Call Trace|Oops|Unable to handle"),
    ("the IOMMU's driver reports no error",
     r"virtio_iommu virtio\d+: (?!.*fault from).*(fail|cannot|error|unknown|invalid)"),
    ("no disk has an error", r"I/O error|Buffer I/O"),
    ("the script runs to its end", r"row: (gave up|cannot load|wrong)"),
]
FAULTS_WANTED = COMPLAINTS[2:]


@dataclass
class Row:
    name: str
    number: int                 # of the line in the table of docs/guests.md
    sentence: str
    devices: list
    script: str
    shows: list                 # (statement, pattern on the console)
    never: list = field(default_factory=lambda: COMPLAINTS)
    architecture: str = "amd64"
    machine: str = "q35"
    firmware: bool = False      # boot with UEFI
    processors: int = 1
    processor: str = ""         # instead of the one of guest.py
    kernel: str = KERNEL        # its version; with another, the row is skipped where it cannot be had
    qemu: str = ""              # the version of QEMU that it needs, whatever was chosen
    by_name: bool = False       # the row runs only if it is named: it, or the build of its kernel, takes long
    inner: object = None        # the row of a guest inside of this one (nested.py): --nested runs it
    mebibytes: int = 256        # of memory
    accelerator: str = "tcg"
    modules: tuple = ()         # of the kernel, beside those of all rows (initramfs.py)
    flavour: str = "cloud-"     # of the kernel; "": the usual one, with all drivers
    append: str = ""
    images: dict = field(default_factory=dict)   # drive's name: its Image
    same: tuple = ()            # pairs of drives whose contents must be equal at the end
    skip: str = ""              # modules not to load
    on: dict = field(default_factory=dict)
    runs: str = BOTH            # OURS if the built-in device cannot do this, with the reason in
    why_ours: str = ""          # why_ours; STOCK: an IOMMU of QEMU with a table of viommu
    table: str = ""             # the table's format for `viommu generate`, from this topology:
    topology: str = ""
    into: str = ""              # the table of tests/golden that it is put into, or the machine whose
                                # device tree it is put into
    options: list = field(default_factory=list)
    acpi: str = ""              # the topology of a set of ACPI tables that is put into guest memory
    incoming: bool = False      # the row migrates the guest to a second QEMU
    program: str = ""           # a source of the tree that becomes /row/program, with libviommu
    plan: tuple = ()            # machine of tests/host/machines and options of `viommu plan`: its
                                # devices are those of the plan (planned.py)
    command: bool = False       # the initramfs has viommu and its libraries, in /row
    verify: object = None       # called with the log and a folder; returns more statements
    module: str = ""            # the initramfs contains this module of inside/module/
    rekernel: bool = False      # the initramfs contains a kernel to start with kexec
    timeout: int = 60
    trace_faults: bool = False

    def is_tree(self):
        return self.table == "dtb"


@dataclass
class Image:
    """A drive: pseudo-random contents from a seed, or zeroes without one."""
    seed: int = 0
    mebibytes: int = 8
    format: str = "raw"
    read_only: bool = False


def disk(drive, where):
    return (f"virtio-blk-pci,drive={drive},serial={drive},{where},"
            "disable-legacy=on,iommu_platform=on")


def network(where):
    return f"virtio-net-pci,netdev=n0,romfile=,{where},disable-legacy=on,iommu_platform=on"


def expander(number, bus, more=""):
    """An expander bridge with a root port; functions cannot be plugged into the bridge itself."""
    return [f"pxb-pcie,id=p{number},bus_nr={bus:#x},bus=pcie.0,addr={8 + number:#x}{more}",
            f"pcie-root-port,id=rp{number},bus=p{number},chassis={number},addr=0"]


# The user-mode network answers pings and connects one address to a `cat`; it has no other access.
NETWORK = ["-netdev", "user,id=n0,restrict=on,guestfwd=tcp:10.0.2.100:7-cmd:cat"]
EDU = "edu,id=edu0,addr=8,dma_mask=0xffffffffffffffff"

READ_WRITE = """
await disk d0
await disk d1
say "disk read: $(sum d0)"
dd if=/dev/d0 of=/dev/d1 bs=64k iflag=direct oflag=direct 2>/dev/null
say "disk copied: $(sum d1)"
"""
TRAFFIC = """
ip link set eth0 up
ip addr add 10.0.2.15/24 dev eth0
await ping -c 1 -W 1 10.0.2.2 >/dev/null
ping -c 5 -i 0.2 -s 1400 10.0.2.2 | grep received | tell ping
say "sent: $(sum d0 8)"
came=$(dd if=/dev/d0 bs=64k count=8 iflag=direct 2>/dev/null | nc -w 5 10.0.2.100 7 |
	head -c 524288 | md5sum | cut -d' ' -f1)
say "echoed: $came"
"""
READ_WRITE_SHOWS = [
    ("the guest found the IOMMU", r"virtio_iommu virtio\d+: page mask: 0x[0-9a-f]+"),
    ("the disk was read with the right checksum", r"row: disk read: {md5:d0}"),
    ("what was written reads back right", r"row: disk copied: {md5:d0}"),
]
TRAFFIC_SHOWS = [
    ("pings came back", r"row: ping: 5 packets transmitted, 5 packets received"),
    ("512 KiB came back from the network unharmed",
     r"row: sent: ([0-9a-f]{32})\n(?:.*\n)*?.*row: echoed: \1"),
]


def group(device, kind=r"DMA(-FQ)?"):
    """A device is alone in its group, which has a domain of this kind."""
    return (f"{device} has a group of its own",
            rf"row: group: {device.replace('.', '[.]')} \({kind}\)")


SEVERAL = "q35 takes one built-in virtio-iommu, on its first bus"
MMIO = "no machine describes the built-in device on virtio-mmio to its guest"
TWO_FOUND = [
    ("the guest found a second IOMMU", r"virtio_iommu virtio[1-9]: page mask"),
]
ARM64_GROUPS = [
    group("0000:00:05.0"), group("0000:00:06.0"),
    ("the guest knows the MSI window", r"row: .*: 0x0{9}8090000 0x0{9}809ffff msi"),
]

TWO_DISKS = {"d0": Image(seed=1, read_only=True), "d1": Image()}

# Two writers and two readers, each reading back what it wrote, until a file appears.
CHURN = """
# churn OFFSET: copy pieces of d0 to the same offsets of d1 and compare, in a loop
churn() {
	local round=0 piece here there
	while [ ! -e /tmp/enough ]; do
		piece=$(($1 + round % 4))
		dd if=/dev/d0 of=/dev/d1 bs=64k skip=$piece seek=$piece count=1 \\
			iflag=direct oflag=direct conv=notrunc 2>/dev/null
		here=$(dd if=/dev/d0 bs=64k skip=$piece count=1 iflag=direct 2>/dev/null | md5sum)
		there=$(dd if=/dev/d1 bs=64k skip=$piece count=1 iflag=direct 2>/dev/null | md5sum)
		[ "$here" = "$there" ] || say "wrong contents in piece $piece, round $round"
		round=$((round + 1))
		echo $round >/tmp/rounds.$1
	done
}
await disk d0
await disk d1
churn 0 & churn 4 & churn 8 & churn 12 &
"""
CHURN_END = """
touch /tmp/enough
wait
say "rounds: $(cat /tmp/rounds.* | tr '\\n' ' ')"
dd if=/dev/d0 of=/dev/d1 bs=64k iflag=direct oflag=direct 2>/dev/null
say "disk read: $(sum d0)"
say "disk copied: $(sum d1)"
"""
CHURN_SHOWS = READ_WRITE_SHOWS + [
    ("all four workers worked", r"row: rounds: ([1-9]\d* ){4}"),
]
BIND_VFIO = """
edu=$(find_pci 0x1234:0x11e8)
echo Y >/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts
echo 1234 11e8 >/sys/bus/pci/drivers/vfio-pci/new_id
await test -e /sys/bus/pci/devices/$edu/iommu_group
"""
