# SPDX-License-Identifier: BSD-3-Clause
"""Rows in which libviommu runs inside the guest, whose kernel and IOMMU are those of a host.

The programs assign devices of the guest by VFIO, so that MAPs reach an IOMMU that is not ours.
"""

import table_rows
from parts import COMPLAINTS, OURS, SEVERAL, STOCK, TWO_FOUND, Row, expander

# Give every "edu" to VFIO; $edus are their names.
BIND = """
edus=$(find_pci 0x1234:0x11e8)
for device in $edus; do
	echo vfio-pci >/sys/bus/pci/devices/$device/driver_override
	echo $device >/sys/bus/pci/drivers_probe
done
"""
# QEMU's VT-d reports the faults that the rows cause.
WANTED = [("QEMU reports nothing but faults of VT-d",
           r"qemu-system-\w+: (?!vtd_|New fault is not recorded)")] + COMPLAINTS[2:]

SHOWS = [
    ("the limits of the IOMMU are read, without the MSI window",
     r"vfio: 0000:00:05[.]0: addresses 0x0 to 0x[0-9a-f]+ in [23] ranges, pages of 4096 bytes, dirty"),
    ("a mapped page was read and another written",
     r"row: program: vfio: the first device copied: 256 bytes of 0x50"),
    ("one IOVA is another page in another domain",
     r"row: program: vfio: the second device copied: 256 bytes of 0x51"),
    ("an unmapped page keeps its contents",
     r"row: program: vfio: after UNMAP the page of the first holds: 256 bytes of 0x11"),
    ("the other domain stands",
     r"row: program: vfio: the second device still copies: 256 bytes of 0x51"),
    ("a page mapped to be read is not written",
     r"row: program: vfio: a page that is read-only to the device holds: 256 bytes of 0x11"),
    ("two devices share a domain",
     r"row: program: vfio: the second device in the domain of the first copied: 256"),
    ("bypass reaches guest memory at its own address",
     r"row: program: vfio: the second device in bypass copied: 256"),
    ("DETACH ends that", r"row: program: vfio: after DETACH the page holds: 256"),
]


FAULT = "the host reports the fault of the unmapped page, at its address"
VTD_FAULT = (FAULT,
             r"DMAR: \[DMA Write.*\] Request device \[(?:0000:)?00:05[.]0\] fault addr 0x200000")
# QEMU's other IOMMUs do not isolate interrupts, and the kernel refuses them without this option.
UNSAFE = """
for module in vfio_iommu_type1 iommufd; do
	parameter=/sys/module/$module/parameters/allow_unsafe_interrupts
	[ ! -e $parameter ] || echo Y >$parameter
done
"""
VIRTIO_FAULT = (FAULT, r"page fault from EP \d+ at 0x200000")
SMMU_FAULT = (FAULT, r"event 0x10 received:\n.*\t0x0000410000000010\n.*\n.*\t0x0000000000200000$")
BY_IOMMUFD = ("the program says which interface it uses",
              r"row: program: vfio: mappings reach hardware by iommufd")
NO_RESET = ("no device is reset", r"row: program: vfio: devices were opened 2 times")
RUN = "/row/program $edus 2>&1 | tell program\n"
LIMIT = "echo 100 >/sys/module/vfio_iommu_type1/parameters/dma_entry_limit\n"
REST = [
    ("pinned memory has a limit", r"backend: 8 pages can be pinned, then status 8"),
    ("and the reason is said", r"backend: a MAP .* RLIMIT_MEMLOCK permits to pin 32768 bytes"),
    ("UNMAPs of a batch end what MAPs began",
     r"before the batch the device reaches memory\n.*(?:\n.*)*?after it, with status 0, nothing"),
    ("memory that is removed is not reached", r"backend: memory removed: nothing"),
    ("until it is added again", r"backend: memory added again: memory"),
    ("dirty pages are reported where the guest has them",
     r"backend: dirty while mapped: 0x7000 to 0x7fff"),
    ("also those unmapped meanwhile", r"backend: dirty after UNMAP: 0x7000 to 0x7fff"),
    ("the program runs to its end", r"backend: the end"),
]


# Over the mock IOMMU of the kernel's own tests.
MOCK_SHOWS = [
    ("tables of two devices are nested over one parent",
     r"mock: two devices are in a nested page table over one parent: yes"),
    ("an event is a fault of the endpoint", r"mock: fault of endpoint 9, reason 2, for the virtual IOMMU"),
    ("an invalidation reaches the hardware's caches",
     r"mock: before the invalidation the cache has baddad\n(?:.*\n)*?.*mock: after it 0, by 3 calls"),
    ("hardware has queues, and a window that can be mapped",
     r"mock: hardware has 2 queues, a window of 8192 bytes, which has 5eed"),
    ("whatever fails to be allocated, a queue is open or not",
     r"mock: [1-9]\d* allocations for a queue failed in turn, [1-9]\d* were refused, then error 0"),
    ("a queue has memory that is mapped, and an index in turn",
     r"mock: a queue that is not mapped has error -2, one that is not the next -22, others 0 and 0"),
    ("it is closed when its memory is unmapped",
     r"mock: UNMAP of a queue's memory has error 0, and 1 is open"),
    ("queue and window end before the vIOMMU",
     r"mock: the space ends with a queue and 1 window, without an error"),
    ("page tables have what the guest maps",
     r"mock: attached and mapped with status 0, each to its page: yes"),
    ("and nothing after UNMAP", r"mock: after UNMAP with status 0: no, the other domain: yes"),
    ("devices of a domain share a page table",
     r"mock: two devices of a domain share a page table: yes"),
    ("a PASID is in the page table of its domain",
     r"mock: a PASID, status 0, shares the page table of the third device: yes, not .* own: yes"),
    ("ATTACH moves it", r"mock: attached again with status 0, in that of its own: yes"),
    ("and DETACH ends it", r"mock: detached with status 0, in none: yes"),
    ("page requests of a device reach the guest, as many as it permits",
     r"mock: in a table, status 0, the device requests pages: 2 of 3"),
    ("its answer reaches the kernel", r"mock: group 6 is answered 0, which the kernel takes with error 0"),
    ("what is open when a device leaves its table is answered",
     r"mock: group 5 is answered 1, .*\n(?:.*\n)*?.*mock: it leaves the table with status 0"),
    ("a page that bypass and a domain map is pinned once",
     r"mock: bypass and a domain, status 0, map a page: yes; it is pinned 1 times"),
    ("and by neither after UNMAP",
     r"mock: pinned before 0, without bypass 1, after UNMAP 0, status 0"),
    ("the IOMMU's dirty bits are read", r"mock: dirty while mapped: 0x1042000 to 0x1042fff"),
    ("also those unmapped meanwhile", r"mock: dirty after UNMAP: 0x1045000 to 0x1045fff"),
    ("whatever the kernel fails to allocate, guest and host agree",
     r"mock: [1-9]\d+ allocations failed in turn, [1-9]\d+ requests were refused, "
     r"guest and host agree: yes"),
    ("nothing of that stays", r"mock: without a failure the requests have status 0"),
    *((f"MAP and UNMAP are timed with {n} endpoints", rf"mock: MAP and UNMAP with {n} endpoints: .*")
      for n in (1, 8, 64)),
    ("two ioctls for each domain, however many endpoints it has",
     r"mock: two ioctls for each domain, however many endpoints it has: yes"),
    ("what it costs to pin memory by MAP is timed", r"mock: MAP and UNMAP of a page: .*"),
    ("ATTACH is as many ioctls with 1 and 20,000 mappings",
     r"mock: ATTACH to a domain with 1 mapping: .*, as many ioctls: yes"),
    ("a device that dies does not stop the other one of its domain",
     r"mock: after a device died a MAP of its domain has status 0, the other has both: yes"),
    ("nor is anything left of an UNMAP", r"mock: an UNMAP has status 0: no, the other page: yes"),
    ("it gets no domain, and can be removed",
     r"mock: its ATTACH has status [1-9]\n(?:.*\n)*?.*mock: it is removed with error 0"),
    ("the program runs to its end", r"mock: the end"),
]
RESET = "a function on a root bus has no hot reset"
SHARED = "both are over one page table of the host"
# Over QEMU's nested SMMUv3, by VFIO.
SMMU_SHOWS = [
    (RESET, r"smmu: a hot reset of device 0 resets -19 devices, device -1 first"),
    ("the first device's table is read by hardware",
     r"smmu: by its table the first device reaches page 0"),
    ("one address is another page in another table",
     r"smmu: by its table the second device reaches page 1"),
    ("the library walks the tables as hardware does",
     r"smmu: the library finds page 0 for device 0, error 0\n(?:.*\n)*?.*page 1 for device 1, error 0"),
    (SHARED, r"smmu: they share a page table of the host: yes"),
    ("a fault in a table is the guest's",
     r"second reaches nothing\n(?:.*\n)*?.*smmu: fault of endpoint 0x109, reason 2, flags 0x102, at 0x700000"),
    ("an entry that is cleared is used until INVALIDATE",
     r"smmu: before INVALIDATE the first still reaches page 0"),
    ("in a batch until its end", r"smmu: in a batch the first still reaches page 0"),
    ("and not after", r"smmu: after INVALIDATE the first reaches nothing"),
    ("the other table stands", r"smmu: and the second still reaches page 1"),
    ("without its memory it reaches nothing", r"smmu: without its memory the second reaches nothing"),
    ("and with it again what it reached", r"smmu: with its memory again it reaches page 1"),
    ("bypass is over the same page table", r"smmu: in bypass the first reaches page 0"),
    ("a detached device reaches nothing", r"smmu: detached, the first reaches nothing"),
    ("a table can be over mappings of the guest",
     r"smmu: over a domain without its page the first reaches nothing\n"
     r"(?:.*\n)*?.*smmu: with a MAP of it to page 1 it reaches page 1"),
    ("the library walks that as hardware does",
     r"to page 1 it reaches page 1\n(?:.*\n)*?.*the library finds page 1 for device 0, error 0"),
    ("an UNMAP there ends it", r"smmu: after UNMAP it reaches nothing"),
    ("and the next MAP is used", r"smmu: with a MAP to page 0 it reaches page 0"),
    ("until DETACH", r"smmu: detached from that, it reaches nothing"),
    # C_BAD_STE has no address and no access. Without PAGE_REQUEST the guest reads reason 2.
    ("a table for PASIDs is attached, and QEMU's SMMUv3 reports that it cannot read such a one",
     r"smmu: by a table of two descriptors it reaches nothing\n"
     r"(?:.*\n)*?.*smmu: fault of endpoint 0x108, reason 2, flags 0x100, at 0x0\n"
     r"(?:.*\n)*?.*smmu: the library finds page 0 for device 0, error 0"),
    ("the program runs to its end", r"smmu: the end"),
]


# Of the memory flags, 4 is CANWBS: nothing that devices do bypasses caches. Linux nests only then, or if the SMMU
# enforces that itself. QEMU has no caches, but does not say it in its own tables.
ONE_SMMU = table_rows.header("iort") + table_rows.SMMU + """\
host-bridges:
  - { buses: 00-ff, iommu: smmu0, its: its0, memory-flags: 7 }
"""
TWO_SMMU = table_rows.header("iort") + """\
iommus:
  - { name: smmu1, kind: smmu-v3, at: 0xc000000, interrupts: [144, 145, 146, 147], its: its0, coherent: yes }
  - { name: smmu2, kind: smmu-v3, at: 0xc020000, interrupts: [148, 149, 150, 151], its: its0, coherent: yes }
its-groups:
  - { name: its0, ids: [0] }
host-bridges:
  - { buses: 00-3f, its: its0, memory-flags: 7 }
  - { buses: 40-7f, iommu: smmu1, its: its0, memory-flags: 7 }
  - { buses: 80-ff, iommu: smmu2, its: its0, memory-flags: 7 }
"""
WIDE = "dma_mask=0xffffffffffff"
OTHERWISE = {
    RESET: ("a hot reset of the first port resets its function, and no other",
            r"smmu: a hot reset of device 0 resets 1 devices, device 0 first"),
    SHARED: ("each is over a page table of its own of the host",
             r"smmu: they share a page table of the host: no"),
}
BOTH_SMMU = [OTHERWISE.get(show[0], show) for show in SMMU_SHOWS]


def small_row(name, sentence, shows, program, script=BIND + RUN, devices=(), **options):
    return Row(name, 13, sentence, list(devices), script, shows, never=WANTED, kernel="7.3-small", program=program,
               runs=STOCK, by_name=True, **options)


def nested_row(name, sentence, shows, topology, devices, **options):
    return small_row(name, sentence, shows + table_rows.taken("iort"), "tests/guest/inside/smmu.c",
                     script=table_rows.script("iort", BIND + RUN), devices=devices, table="iort", topology=topology,
                     architecture="arm64", firmware=True, **options)


def other_row(name, sentence, iommu, shows, runs=STOCK, devices=("edu,addr=5", "edu,addr=6"), before="",
              **options):
    return Row(name, 13, sentence, [*iommu, *devices], UNSAFE + BIND + before + RUN,
               shows, never=COMPLAINTS[2:3] + COMPLAINTS[4:], program="examples/vfio.c",
               runs=runs, **options)


def two_smmu_row(name, sentence, shows, **options):
    """By name, since QEMU is fetched."""
    return other_row(name, sentence,
                     [*expander(1, 0x40), *expander(2, 0x80),
                      "arm-smmuv3,id=smmu1,primary-bus=p1", "arm-smmuv3,id=smmu2,primary-bus=p2"],
                     SHOWS[1:] + [("the host has two SMMUv3", r"row: smmu3[.]0x\w+ smmu3[.]0x\w+$"),
                                  SMMU_FAULT, *shows],
                     before='say $(ls /sys/class/iommu)\n', devices=["edu,bus=rp1", "edu,bus=rp2"],
                     architecture="arm64", firmware=True, qemu="11.1", machine="virt,gic-version=3",
                     by_name=True, timeout=300, **options)


def row(name, sentence, shows, program="examples/vfio.c", script=BIND + RUN, **options):
    return Row(name, 13, sentence,
               ["intel-iommu,intremap=on,caching-mode=on", "edu,addr=5", "edu,addr=6"],
               script, shows, never=WANTED, machine="q35,kernel-irqchip=split",
               append="intel_iommu=on", program=program, runs=STOCK, **options)


ROWS = [
    row("backend", "examples/vfio.c in a stock kernel: MAPs reach VT-d by VFIO type1",
        SHOWS + [VTD_FAULT, ("the program says which interface it uses",
          r"row: program: vfio: mappings reach hardware by VFIO type1"),
         ("each ATTACH and DETACH resets a device",
          r"row: program: vfio: devices were opened 7 times")]),

    row("backend-iommufd", "the same by iommufd, whose modules are built outside of the kernel",
        SHOWS + [VTD_FAULT, BY_IOMMUFD, NO_RESET], kernel="7.3"),

    # The driver needs cmpxchg16b. QEMU 7.2 reports no fault.
    other_row("backend-amd", "the same by type1, behind QEMU's AMD-Vi", ["amd-iommu,intremap=on"], SHOWS,
              machine="q35,kernel-irqchip=split", flavour="", processor="qemu64"),

    other_row("backend-iommufd-amd", "the same by iommufd", ["amd-iommu,intremap=on"],
              SHOWS + [BY_IOMMUFD, NO_RESET], by_name=True,
              machine="q35,kernel-irqchip=split", flavour="", processor="qemu64", kernel="7.3"),

    other_row("backend-virtio", "the same by type1, behind QEMU's virtio-iommu",
              ["virtio-iommu-pci,addr=4"], SHOWS + [VIRTIO_FAULT]),

    other_row("backend-iommufd-virtio", "the same by iommufd", ["virtio-iommu-pci,addr=4"],
              SHOWS + [VIRTIO_FAULT, BY_IOMMUFD, NO_RESET], kernel="7.3"),

    two_smmu_row("backend-two-smmu", "the same by type1, each device behind an SMMUv3 of its own, with UEFI", []),

    two_smmu_row("backend-two-smmu-iommufd", "the same by iommufd", [BY_IOMMUFD, NO_RESET], kernel="7.3"),

    # Devices of one domain are behind two IOMMUs, so the kernel makes a page table for each.
    other_row("backend-two", "the same by iommufd, each device behind a viommu-pci of its own",
              [*expander(1, 0x40), *expander(2, 0x80), "{iommu},root-bus=p1,bus=pcie.0,addr=1",
               "{iommu:2},root-bus=p2,bus=pcie.0,addr=2"],
              SHOWS[1:] + TWO_FOUND + [VIRTIO_FAULT, BY_IOMMUFD, NO_RESET],
              devices=["edu,bus=rp1", "edu,bus=rp2"], runs=OURS, why_ours=SEVERAL, kernel="7.3"),

    row("backend-limits", "type1: limits, batches, memory that comes and goes, dirty pages",
        REST + [("a container has a limit", r"backend: 100 mappings fit, then status 8"),
                ("and the reason is said", r"backend: a MAP was refused: .*dma_entry_limit"),
                ("the kernel fills bitmaps, by both of its calls",
                 r"backend: the kernel's bitmaps are 1 and 1")],
        program="tests/guest/inside/backend.c", script=LIMIT + BIND + RUN),

    row("backend-limits-iommufd", "the same by iommufd, without a limit of mappings",
        REST + [("there is no such limit", r"backend: 200 mappings fit, then status 0")],
        program="tests/guest/inside/backend.c", kernel="7.3"),

    small_row("backend-mock", "all objects of iommufd, over the kernel's mock IOMMU; failing allocations",
              MOCK_SHOWS, "tests/guest/inside/mock.c", architecture="arm64",
              machine="virt,gic-version=3"),

    nested_row("backend-nested", "QEMU's SMMUv3 reads tables of the guest, over iommufd; IORT by viommu",
               SMMU_SHOWS, ONE_SMMU, [f"edu,addr=5,{WIDE}", f"edu,addr=6,{WIDE}"], qemu="10.0",
               machine="virt,gic-version=3,iommu=smmuv3", options=["-global", "arm-smmuv3.stage=nested"]),

    # An IOMMU refuses page tables of the other one, so each device gets one of its own.
    nested_row("backend-nested-two", "the same, each device behind an SMMUv3 of its own", BOTH_SMMU, TWO_SMMU,
               [*expander(1, 0x40), *expander(2, 0x80),
                *(f"arm-smmuv3,id=smmu{n},primary-bus=p{n},stage=nested" for n in (1, 2)),
                *(f"edu,bus=rp{n},{WIDE}" for n in (1, 2))],
               qemu="11.1", machine="virt,gic-version=3"),
]
