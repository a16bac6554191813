# SPDX-License-Identifier: BSD-3-Clause
"""Rows of the whole chain: a guest in a guest, which drives functions that QEMU's VT-d translates.

    QEMU by TCG, which emulates AMD's SVM: intel-iommu, a disk on NVMe, one on virtio, and an "edu"
      the host: a Debian kernel with KVM and vfio-pci
        QEMU of Debian 13 by KVM or TCG, with the module: two viommu-pci, and vfio-pci for each function
          the inner guest: a stock kernel, whose MAPs reach VT-d
"""

from backend_rows import WANTED
from parts import BIND_VFIO, COMPLAINTS, EDU, STOCK, TWO_DISKS, Row, disk, expander

# QEMU needs cmpxchg16b, which QEMU 7.2 does not emulate right (guest.py).
QEMU = "10.0"
FAST = "mitigations=off"
NVME, VIRTIO, ENGINE = "0000:00:05.0", "0000:00:06.0", "0000:00:08.0"

# The edu copies a page through a mapping, and then at the address of one that is unmapped.
INNER_SCRIPT = """
await disk d0
await disk d1
say "disk read: $(sum d0)"
dd if=/dev/d0 of=/dev/d1 bs=64k iflag=direct oflag=direct 2>/dev/null
say "disk copied: $(sum d1)"
for device in 0000:41:00.0 0000:81:00.0; do
	say "$device is behind $(basename $(readlink /sys/bus/pci/devices/$device/iommu))"
done
""" + BIND_VFIO + """
edu vfio $edu map a 0x200000 rw map b 0x300000 rw fill a 0x5a fetch a store b holds b \\
	fill b 0x11 unmap b store @0x300000 holds b | tell edu
say unplug
await no_disk d1 || await no_disk d1
say 'disk d1 gone'
say "disk read again: $(sum d0)"
"""

# The inner QEMU's monitor is a pair of pipes. Lines of the inner guest begin with "inner:".
HOST_SCRIPT = """
for device in {functions}; do
	path=/sys/bus/pci/devices/$device
	[ ! -e $path/driver ] || echo $device >$path/driver/unbind
	echo vfio-pci >$path/driver_override
	echo $device >/sys/bus/pci/drivers_probe
done
mkfifo /tmp/monitor.in /tmp/monitor.out
tell monitor </tmp/monitor.out &
ask() {{ echo "{{'execute': '$1', 'arguments': {{$2}}}}" >/tmp/monitor.in; }}
end=$(printf '\\r')
sh /row/inner </dev/null 2>&1 | while read -r line; do
	line=${{line%$end}}
	say "inner: ${{line#*row: }}"
	case $line in
	*'row: loaded'*) ask qmp_capabilities ;;
	*'row: unplug')
		say "host: open: $(ls -l /proc/[0-9]*/fd 2>/dev/null | sed -n 's,.* -> /dev/\\(iommu\\|vfio/.*\\),\\1,p' |
			sort -u | tr '\\n' ' ')"
		ask device_del "'id': 'd1'"
		;;
	esac
done
echo {virtio} >/sys/bus/pci/drivers/vfio-pci/unbind
echo >/sys/bus/pci/devices/{virtio}/driver_override
insmod /modules/virtio_blk.ko
echo {virtio} >/sys/bus/pci/drivers_probe
await disk d1
say "host: disk d1 has: $(sum d1)"
""".format(functions=f"{NVME} {VIRTIO} {ENGINE}", virtio=VIRTIO)

SHOWS = [
    ("the inner guest reads its disk on NVMe with the right checksum", r"row: inner: disk read: {md5:d0}"),
    ("what it wrote to its disk on virtio reads back right", r"row: inner: disk copied: {md5:d0}"),
    ("each disk is behind a virtual IOMMU of its own",
     r"row: inner: 0000:41:00[.]0 is behind 0000:00:01[.]0\n"
     r"(?:.*\n)*?.*row: inner: 0000:81:00[.]0 is behind 0000:00:02[.]0"),
    ("an edu copies through its mappings", r"row: inner: edu: edu: page b holds 256 bytes of 0x5a"),
    ("after UNMAP it writes nothing", r"row: inner: edu: edu: page b holds 256 bytes of 0x11"),
    ("the host's IOMMU reports that, at the address of the UNMAP",
     r"DMAR: \[DMA Write.*\] Request device \[(?:0000:)?00:08[.]0\] fault addr 0x300000"),
    ("the disk on virtio is unplugged", r"row: monitor: .*DEVICE_DELETED.*"),
    ("and is gone in the inner guest", r"row: inner: disk d1 gone"),
    ("which reads the other one still", r"row: inner: disk read again: {md5:d0}"),
    ("the host reads what the inner guest wrote", r"row: host: disk d1 has: {md5:d0}"),
]


# What the inner QEMU may report. The disk on virtio and the edu have no reset. iommufd maps no BARs of functions, which
# an endpoint reaches while it bypasses (docs/backend.md); QEMU reports a failed MAP of the guest as an error instead.
NO_RESET = r"vfio: Cannot reset device [0-9a-f:.]+, no available reset mechanism[.]"
BARS = (r"warning: IOMMU_IOAS_MAP failed: Bad address, PCI BAR[?]|"
        r"warning: vfio_container_dma_map\(.*\) = -14 \(Bad address\)")
NO_KVM = r"KVM VFIO device isn't created yet"


def assigned(by):
    """The inner guest's functions, with the options of vfio-pci for each."""
    return [f"vfio-pci,id=d0,host={NVME},bus=rp1{by[0]}",
            f"vfio-pci,id=d1,host={VIRTIO},bus=rp2{by[1]}",
            f"vfio-pci,id=engine,host={ENGINE},bus=rp3{by[2]}"]


def row(name, sentence, files, by, accelerator, may, options=(), **more):
    inner = Row(
        name, 13, sentence,
        [*expander(1, 0x40), *expander(2, 0x80), "pcie-root-port,id=rp3,bus=p2,chassis=3,addr=1",
         "{iommu:1},root-bus=p1,bus=pcie.0,addr=1", "{iommu:2},root-bus=p2,bus=pcie.0,addr=2", *assigned(by)],
        INNER_SCRIPT, [], accelerator=accelerator, processor="qemu64", append=f"loglevel=6 {FAST}",
        options=["-chardev", "pipe,id=monitor,path=/tmp/monitor", "-mon", "chardev=monitor,mode=control", *options])
    return Row(
        name, 13, sentence,
        ["intel-iommu,intremap=on,caching-mode=on", "nvme,drive=d0,serial=d0,addr=5", disk("d1", "addr=6"), EDU],
        HOST_SCRIPT, [("QEMU has opened what it was told to use", rf"row: host: open: {files}"), *SHOWS],
        never=[*COMPLAINTS[:1], *WANTED,
               ("the inner QEMU reports nothing but what is known", rf"inner: .*\bqemu: (?!{'|'.join(may)})"),
               ("the inner guest's script runs to its end", r"inner: (cannot load|wrong)")],
        machine="q35,kernel-irqchip=split", qemu=QEMU, processor="qemu64,+svm,+npt", modules=("kvm-amd",),
        append=f"intel_iommu=on {FAST}", skip="virtio_blk", mebibytes=1024, images=TWO_DISKS, same=(("d0", "d1"),),
        inner=inner, runs=STOCK, by_name=True, timeout=1200, **more)


ROWS = [
    row("nested", "a guest in a guest: its MAPs reach VT-d through QEMU's vfio-pci, by VFIO type1",
        r"vfio/\d+ vfio/\d+ vfio/\d+ vfio/vfio $", ("", "", ""), "kvm", [NO_RESET]),

    # TCG leaves the type of an event in the VMCB long after the guest has taken the event. KVM of 7.3 then believes
    # that the access to a register which follows interrupted the event, and stops the guest. 6.12 does not look there.
    row("nested-iommufd", "the same, two functions by iommufd and one by type1",
        r"iommu vfio/\d+ vfio/devices/vfio\d vfio/devices/vfio\d vfio/vfio $",
        (",iommufd=fd0", ",iommufd=fd0", ""), "tcg", [NO_RESET, BARS, NO_KVM],
        ["-object", "iommufd,id=fd0"], kernel="7.3"),
]
