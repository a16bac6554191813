# SPDX-License-Identifier: BSD-3-Clause
"""Rows with a guest that was planned, and rows with a machine that is scanned from inside (planned.py)."""

import planned
from parts import COMPLAINTS, EDU, OURS, Row, SEVERAL, STOCK, expander
from table_rows import AMD, SEE


def nodes(n):
    """NUMA nodes with a processor each; QEMU has 256 MiB of memory in these rows."""
    return ["-smp", f"sockets={n}"] + [word for node in range(n) for word in (
        "-object", f"memory-backend-ram,id=memory{node},size={256 // n}M",
        "-numa", f"node,nodeid={node},cpus={node},memdev=memory{node}")]


def reversed_nodes(n):
    """Nodes of the host are other nodes of the guest, so that a mix-up is seen."""
    return tuple(word for node in range(n) for word in ("--node", f"{node}={n - 1 - node}"))


def devices(*names):
    return tuple(word for name in names for word in ("--device", name))


def planned_row(name, sentence, machine, wishes, **options):
    options = {"timeout": 120, **options}
    return Row(name, 14, sentence, [], planned.TREE + SEE,
               [("the guest found the IOMMUs", r"virtio_iommu virtio1: page mask")],
               plan=(machine, "--iommu", "virtio", *wishes), runs=OURS, why_ours=SEVERAL,
               **options)


# The scan, a saved tree, and a plan for two functions, as lines that the console can carry. QEMU is the
# version that the plan is for, and FORM the one in which it is printed.
SCAN = SEE + """
viommu() { /row/loader --library-path /row /row/viommu "$@"; }
viommu host --json >/tmp/host.json
say "status of scan: $?"
gzip -c /tmp/host.json | base64 | tell host
viommu host --save /tmp/host.tar.gz
say "status of save: $?"
base64 /tmp/host.tar.gz | tell saved
set --
for edu in $(find_pci 0x1234:0x11e8); do
	[ ! -e /sys/bus/pci/devices/$edu/iommu ] || set -- "$@" --device $edu
done
viommu plan "$@" --qemu QEMU --spare 1 --format json >/tmp/plan.json
say "status of plan: $?"
gzip -c /tmp/plan.json | base64 | tell plan
viommu plan "$@" --qemu QEMU --format FORM | tell arguments
viommu check 2>&1 | tell check
say "tables: $(cd /sys/firmware/acpi/tables 2>/dev/null && echo *)"
"""


def scanned_row(name, sentence, kinds, given, shows, planned_for="7.2",
                form=("qemu", "-device vfio-pci,"), **options):
    script = SCAN.replace("QEMU", planned_for).replace("FORM", form[0])
    return Row(name, 14, sentence, given, script, shows + [
        ("the scan succeeds", r"row: status of scan: 0$"), ("and so does saving", r"row: status of save: 0$"),
        ("and the plan", r"row: status of plan: 0$"),
        ("and the end of the guest's script is reached", rf"row: arguments: {form[1]}")],
        never=COMPLAINTS + [("sysfs and the tables agree", r"row: check: .*(error|warning):")],
        command=True, verify=lambda log, folder: planned.verify(
            kinds, log, folder), options=["-m", "512"], **{"timeout": 120, **options})


ROWS = [
    planned_row("planned", "two GPUs of a Threadripper, each with its audio function", "x399",
                devices("0000:08:00.0", "0000:08:00.1", "0000:48:00.0", "0000:48:00.1")
                + ("--spare", "1", *reversed_nodes(2)), processors=2, options=nodes(2)),
    planned_row("planned-eight", "a disk behind each of eight IOMMUs", "rome", devices(
        *(f"0000:{bus:02x}:00.0" for bus in range(1, 0x100, 0x20))) + reversed_nodes(2),
                processors=2, options=nodes(2)),
    # With UEFI of QEMU, Linux for arm64 rejects the SRAT of the machine, so the guest has no nodes.
    planned_row("planned-arm64", "functions of two segments of an Altra, with UEFI", "altra",
                devices("0000:01:00.0", "000c:01:00.0"), architecture="arm64", firmware=True),
    # The others of tests/host/machines, by name.
    planned_row("planned-sockets", "a function of each of four sockets of a DL560, and one that bypasses", "dl560",
                devices("0000:01:00.0", "0000:41:00.0", "0000:81:00.0", "0000:c1:00.0")
                + ("--bypass", "0000:9e:00.0", *reversed_nodes(4)), processors=4, options=nodes(4), by_name=True),
    planned_row("planned-functions", "functions of one slot and of others, of a Xeon with idle DRHDs",
                "supermicro-2024", devices("0000:4b:00.0", "0000:4b:00.1", "0000:4b:00.2", "0000:65:00.0",
                                           "0000:66:00.0", "0000:81:00.0")
                + ("--spare", "2", *reversed_nodes(2)), processors=2, options=nodes(2), by_name=True),
    planned_row("planned-audio", "a GPU with its audio function, and the host's audio, of an X10DAi", "x10dai",
                devices("0000:81:00.0", "0000:81:00.1", "0000:00:1b.0") + reversed_nodes(2),
                processors=2, options=nodes(2), by_name=True),
    # Its window for 64-bit BARs needs QEMU 10.0.
    planned_row("planned-gpus", "four GPUs of a GB200 and a disk, with UEFI", "grace",
                devices("0008:01:00.0", "0009:01:00.0", "0018:01:00.0", "0019:01:00.0", "0002:01:00.0")
                + ("--qemu", "10.0"), architecture="arm64", firmware=True, qemu="10.0",
                options=["-object", "memory-backend-ram,id=memory0,size=256M",
                         "-numa", "node,nodeid=0,memdev=memory0"], timeout=300, by_name=True),

    scanned_row("scanned-vtd", "viommu scans a machine with VT-d, and plans for it", ["vt-d"],
                ["intel-iommu,intremap=off", EDU, *expander(1, 0x80), "edu,bus=rp1"],
                [], append="intel_iommu=on", runs=STOCK),
    scanned_row("scanned-amd", "the same with AMD-Vi", ["amd-vi"],
                ["amd-iommu", EDU, "pcie-root-port,id=rp0,chassis=1,addr=6", "edu,bus=rp0"],
                [], runs=STOCK, **AMD),
    scanned_row("scanned-virtio", "the same with two virtio-iommus, and a function that bypasses",
                ["virtio-iommu", "virtio-iommu"],
                [*expander(1, 0x40), *expander(2, 0x80),
                 "{iommu},root-bus=p1,bus=pcie.0,addr=1", "{iommu:2},root-bus=p2,bus=pcie.0,addr=2",
                 "edu,bus=rp1", "edu,bus=rp2", "edu,bus=pcie.0,addr=6"],
                [], runs=OURS, why_ours=SEVERAL),
    # By name, since viommu is built for another architecture first, and QEMU is fetched.
    scanned_row("scanned-smmu", "the same with two SMMUv3 of Arm, and a function that bypasses, with UEFI",
                ["smmu-v3", "smmu-v3"],
                [*expander(1, 0x40), *expander(2, 0x80),
                 "arm-smmuv3,id=smmu1,primary-bus=p1", "arm-smmuv3,id=smmu2,primary-bus=p2",
                 "edu,bus=rp1", "edu,bus=rp2", "edu,bus=pcie.0,addr=6"],
                [("the function on the first bus has no IOMMU", r"row: behind: 0000:00:06\.0 driver=\S* iommu= "),
                 ("the plan has a second SMMUv3", r"row: arguments: -device arm-smmuv3,id=viommu1,primary-bus=pxb1")],
                planned_for="11.1", qemu="11.1", architecture="arm64", firmware=True,
                machine="virt,gic-version=3", runs=STOCK, by_name=True, timeout=300),
    scanned_row("scanned-riscv", "the same with the IOMMU of RISC-V, as a PCI function, by a device tree",
                ["riscv-iommu"],
                ["riscv-iommu-pci,addr=1", EDU, "pcie-root-port,id=rp0,chassis=1,addr=6", "edu,bus=rp0"],
                [], form=("topology", "iommu: viommu0"), planned_for="11.1", qemu="11.1",
                architecture="riscv64", machine="virt,aia=aplic-imsic", kernel="7.2", flavour="", runs=STOCK,
                by_name=True, timeout=300),
    scanned_row("scanned-rimt", "the same by ACPI: an RIMT with an IOMMU on the system bus, with UEFI",
                ["riscv-iommu"], [EDU, "pcie-root-port,id=rp0,chassis=1,addr=6", "edu,bus=rp0"],
                [("the table is there", r"row: tables: .*RIMT")], form=("topology", "iommu: viommu0"),
                planned_for="11.1", qemu="11.1", architecture="riscv64", firmware=True, append="acpi=force",
                machine="virt,aia=aplic-imsic,iommu-sys=on", kernel="7.2", flavour="", runs=STOCK,
                by_name=True, timeout=300),
]
