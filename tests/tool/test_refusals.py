#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What Linux does not read of a table, or not use, as `viommu resolve` reports it.

    test_refusals.py VIOMMU TESTS_TABLES
"""
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

COMMAND, TABLES = sys.argv[1], pathlib.Path(sys.argv[2])
sys.dont_write_bytecode = True
sys.path[1:1] = [str(TABLES)] + [str(folder) for folder in TABLES.glob("**/refused")]

import dmar  # noqa: E402
import iort  # noqa: E402
import ivrs  # noqa: E402
import rimt  # noqa: E402
import viot  # noqa: E402
from acpi import fix  # noqa: E402

GRAPHICS = dmar.scope(hops=((2, 0),))
REST = dmar.drhd(flags=dmar.ALL, base=0xfed91000)
RANGE = ivrs.in_range(3, 0xffff)
COUNTERS = 1 << 9
UNKNOWN_12 = ivrs.block(0x12, 0, struct.pack("<H", ivrs.IOMMU) + bytes(34))


def linux_says(table, *devices):
    """What Linux's reader answers for each device: None if nothing is special."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "table"
        path.write_bytes(table)
        run = subprocess.run([COMMAND, "resolve", *devices, "--from", str(path)], text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    told = {device: None for device in devices}
    for line in run.stdout.replace(str(path), "TABLE").splitlines():
        if not line.startswith(" "):
            device = line.split(": ")[0]
        elif line.strip().startswith("Linux: "):
            told[device] = line.strip().removeprefix("Linux: ")
        elif line.strip().startswith("Linux "):
            told[device] += "; " + line.strip()
    return told[devices[0]] if len(devices) == 1 else [told[device] for device in devices]


def short_checksum(table):
    return table[:9] + bytes([table[9] ^ 1]) + table[10:]


class Refusals(unittest.TestCase):
    def refused(self, table, why, device="01:00.0"):
        told = linux_says(table, device)
        self.assertIsNotNone(told, why)
        self.assertRegex(told, "^no IOMMU: not described; .*" + why)

    def used(self, table, device="01:00.0"):
        self.assertIsNone(linux_says(table, device))

    def test_one_structure_of_a_dmar_ends_all_units(self):
        for why, structures, options in [
                ("Record passes table end", (REST, dmar.structure(1, bytes(4))[:2] + b"\x40\0" +
                                             bytes(4)), {}),
                ("DMAR reported at address 0", (REST, dmar.drhd(base=0, segment=1)), {}),
                ("Invalid DMAR haw", (REST,), {"width": 10}),
                ("not NUL-terminated", (REST, dmar.andd(name=b"\\_SB.I2C0")), {}),
                ("scope of length 0", (dmar.drhd(dmar.scope(length=0)), REST), {}),
                ("structure of length 0", (REST, struct.pack("<HH", 1, 0) + bytes(4)), {}),
                ("Can't reserve memory", (dmar.drhd(GRAPHICS, base=0xfed91000, segment=1), REST),
                 {}),
                ("Can't reserve memory", (dmar.drhd(GRAPHICS, base=0xfed90800), REST), {}),
                ("Can't reserve memory", (dmar.drhd(base=0xfed91000, segment=1), REST, bytes(4)), {})]:
            with self.subTest(why):
                self.refused(dmar.dmar(*structures, **options), why)

    def test_other_mistakes_of_a_dmar_do_not(self):
        for structures in [(REST, dmar.atsr(dmar.scope(length=0), flags=1)),
                           (dmar.drhd(GRAPHICS, base=0xfed80800), REST),
                           (REST, dmar.structure(9, bytes(4)))]:
            self.used(dmar.dmar(*structures))
        self.used(dmar.dmar(REST, width=11))
        self.used(short_checksum(dmar.dmar(REST)))

    def test_a_unit_with_the_registers_of_another_has_no_scopes(self):
        second = dmar.drhd(dmar.scope(hops=((3, 0),)))
        told = linux_says(dmar.dmar(dmar.drhd(GRAPHICS), second, REST), "00:02.0", "00:03.0")
        self.assertIsNone(told[0])
        self.assertRegex(told[1], "^dmar2 .*; Linux ignores a unit with the registers of an earlier")
        self.refused(dmar.dmar(dmar.drhd(GRAPHICS), dmar.drhd(flags=dmar.ALL)), "registers of an earlier")

    def test_one_block_of_an_ivrs_ends_all_iommus(self):
        whole = ivrs.ivhd(RANGE, ivrs.special())
        other = {"bdf": 0x2002, "base": 0xfec00000}
        for why, blocks in [
                ("block of length 0", (whole, b"\x21" + bytes(31))),
                ("unknown length", (ivrs.ivhd(RANGE, b"\x80" + bytes(3)),)),
                ("no function of an IOMMU", (whole, ivrs.ivhd(ivrs.special(1, handle=33), **other))),
                ("no such special device", (ivrs.ivhd(RANGE, ivrs.special(variety=7)),)),
                ("Can not reserve", (whole, ivrs.ivhd(RANGE, bdf=0x2002, base=0))),
                ("Can not reserve .*overlap", (whole, ivrs.ivhd(RANGE))),
                ("no IOMMU has a block", (ivrs.ivmd(0x20, bdf=0), whole)),
                ("no IOMMU has a block", (whole, ivrs.ivmd(0x21, bdf=ivrs.IOMMU))),
                ("no IOMMU has a block", (whole, UNKNOWN_12)),
                ("more IOMMUs than supported",
                 [ivrs.ivhd(ivrs.select(n << 8), bdf=n << 8 | 2, base=0x80000000 + 0x4000 * n)
                  for n in range(33)])]:
            with self.subTest(why):
                self.refused(ivrs.ivrs(*blocks), why)
        for blocks in (whole,), (whole, b"\x21" + bytes(31)), (ivrs.ivhd(RANGE, b"\x80" + bytes(3)),):
            self.refused(short_checksum(ivrs.ivrs(*blocks)), "sums the bytes")

    def test_a_block_of_an_unknown_type_for_another_function_ends_none(self):
        whole = ivrs.ivhd(RANGE, ivrs.special())
        for kind, bdf in (0x12, ivrs.SOUTHBRIDGE), (0x50, ivrs.IOMMU):
            self.used(ivrs.ivrs(whole, ivrs.block(kind, 0, struct.pack("<H", bdf) + bytes(34))))

    def test_blocks_that_linux_does_not_read_end_none(self):
        good = ivrs.ivhd(RANGE, ivrs.special(), kind=0x11)
        for old in [ivrs.ivhd(RANGE, ivrs.special(variety=7)), ivrs.ivhd(RANGE, base=0)]:
            self.used(ivrs.ivrs(old, good))
        self.used(ivrs.ivrs(ivrs.ivhd(RANGE, base=0xfed81000)))
        self.used(ivrs.ivrs(*[ivrs.ivhd(ivrs.in_range(n << 8, n << 8 | 0xff), bdf=n << 8 | 2,
                                        base=0x80000000 + 0x4000 * n) for n in range(32)]))

    def test_registers_of_an_ivrs_are_longer_with_counters(self):
        def table(features):
            blocks = [ivrs.ivhd(ivrs.in_range(n << 12, n << 12 | 0xfff), bdf=n << 12 | 2,
                                base=0x80000000 + 0x40000 * n) for n in range(2)]
            return ivrs.ivrs(*[block[:20] + struct.pack("<I", features) + block[24:]
                               for block in blocks])
        self.used(table(0))
        self.used(table(4 << 13))
        self.refused(table(4 << 13 | 2 << 17), "Can not reserve")

    def test_nodes_behind_the_count_are_not_read(self):
        self.refused(iort.iort(*iort.GOOD, count=2), "as many nodes as the head counts")
        self.refused(iort.iort(iort.its(0), iort.complex_(iort.mapping(to=iort.SMMU_AT + 56)),
                               iort.UNIT, count=2), "as many nodes as the head counts")
        self.refused(rimt.rimt(*rimt.GOOD, count=1), "as many nodes as the head counts")
        self.refused(viot.viot(viot.virtio_pci(), viot.pci_range(), count=1),
                     "as many nodes as the head counts")
        self.used(iort.iort(*iort.GOOD, count=4))
        self.used(rimt.rimt(*rimt.GOOD, count=9))
        self.used(viot.viot(viot.pci_range(output=72), viot.virtio_pci(), count=1))

    def test_nodes_that_begin_elsewhere_are_not_found(self):
        self.refused(viot.viot(viot.virtio_pci(), viot.pci_range(), offset=40), "pointer overflows")
        self.refused(viot.viot(viot.virtio_pci(), viot.pci_range(), offset=400), "pointer overflows")
        self.refused(iort.iort(*iort.GOOD, offset=0x4000), "IORT node pointer overflows")
        self.refused(rimt.rimt(*rimt.GOOD, offset=0x4000), "RIMT node pointer overflows")

    def test_a_short_endpoint_node_ends_a_viot(self):
        short = struct.pack("<BxH12x", 1, 16)
        self.refused(viot.viot(viot.virtio_pci(), short, viot.pci_range()), "Invalid PCI node size")
        self.used(viot.viot(viot.virtio_pci(), viot.pci_range(), short))

    def test_an_smmu_v2_without_contexts_or_registers_is_not_used(self):
        for options, why in [({"contexts": 0}, "without context interrupts"),
                             ({"span": 0}, "span is 0")]:
            self.refused(iort.iort(iort.GROUP, iort.smmu_v2(**options), iort.BRIDGE), why)
        self.used(iort.iort(iort.GROUP, iort.smmu_v2(), iort.BRIDGE))

    def test_the_second_node_of_a_riscv_iommu_is_not_used(self):
        table = rimt.rimt(rimt.iommu(), rimt.iommu(identifier=1),
                          rimt.complex_(rimt.mapping(0, 0xff), rimt.mapping(0x101, 0xff, to=88)))
        told = linux_says(table, "00:01.0", "01:00.1")
        self.assertIsNone(told[0])
        self.assertRegex(told[1], "^no IOMMU: .*first node")

    def test_iommus_that_wait_for_each_other_are_never_ready(self):
        def in_ring(n):
            iommus = [viot.virtio_pci(bdf=8 * (i + 1)) for i in range(n)]
            return viot.viot(*iommus, *[
                viot.pci_range(8 * (i + 1), 8 * (i + 1), 48 + 16 * ((i + 1) % n))
                for i in range(n)], viot.pci_range(0x100, 0xffff, 48))
        self.used(in_ring(1))
        self.refused(in_ring(2), "neither is ever ready")
        self.refused(in_ring(3), "neither is ever ready")
        own = rimt.rimt(rimt.iommu(base=0, flags=1, bdf=0x10, hardware=b"00100014"),
                        rimt.complex_(rimt.mapping()))
        self.refused(own, "waits?.* until the IOMMU that translates its own")

    def test_a_virtio_iommu_with_registers_may_be_behind_another(self):
        def table(*more):
            iommus = (struct.pack("<BxHIQ", 4, 16, 0, 0x10000000), viot.virtio_pci(0x10))
            behind = struct.pack("<BxHIQH6x", 2, 24, 7, 0x10000000, 64)
            return viot.viot(*iommus, behind, viot.pci_range(0x100, 0xffff), *more)
        self.used(table())
        self.refused(table(viot.pci_range(0x10, 0x10)), "neither is ever ready")


class Findings(unittest.TestCase):
    """Mistakes beside those of the refused files."""

    def rules(self, table):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "table"
            path.write_bytes(table)
            run = subprocess.run([COMMAND, "check", "--quiet", str(path)], text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return {line.rpartition("[")[2].rstrip("]") for line in run.stdout.splitlines()}

    def test_an_smmu_that_sends_some_stream_ids_to_its_its_is_partial(self):
        def table(*mappings):
            return iort.iort(iort.GROUP, iort.smmu(*mappings), iort.complex_(iort.TO_SMMU))
        self.assertEqual(self.rules(table(iort.mapping(0, 0x7fff))), {"iort-its-partial"})
        self.assertEqual(self.rules(table(iort.mapping(0, 0xff), iort.mapping(0x101, 0xfefe))),
                         {"iort-its-partial"})
        self.assertEqual(self.rules(table(iort.mapping(0x100, 0xfeff), iort.mapping(0, 0xff))),
                         set())

    def test_only_thunder_x2_has_one_interrupt_for_everything(self):
        def table(model):
            return iort.iort(iort.GROUP, iort.smmu(iort.TO_ITS, gsivs=(74,) * 4, model=model),
                             iort.BRIDGE)
        self.assertEqual(self.rules(table(0)), {"iort-interrupt-shared"})
        self.assertEqual(self.rules(table(2)), set())

    def test_an_smmu_v2_has_a_global_interrupt(self):
        def table(fault):
            return iort.iort(iort.smmu_v2(fault=fault), iort.complex_(iort.mapping()))
        self.assertEqual(self.rules(table(0)), {"iort-interrupts"})
        self.assertEqual(self.rules(table(38)), set())

    def test_a_host_address_has_64_bits_at_most(self):
        self.assertEqual(self.rules(dmar.dmar(REST, width=63)), set())
        self.assertEqual(self.rules(dmar.dmar(REST, width=64)), {"dmar-value"})

    def test_a_longer_path_from_no_root_bus_is_reported(self):
        region = dmar.rmrr(dmar.scope(bus=3, hops=((0, 0), (1, 0))))
        self.assertEqual(self.rules(dmar.dmar(REST, region)), {"dmar-start-bus"})

    def test_regions_without_functions_are_compared_however_many_there_are(self):
        def region(i, *scopes, at=0x80000000):
            return dmar.rmrr(*scopes, base=at + 0x1000 * i, limit=at + 0x1000 * i + 0xfff)
        kept = [region(i, dmar.scope(hops=((i % 32, i % 8),))) for i in range(200)]
        late = region(199)
        xen = "dmar-others"
        self.assertIn(xen, self.rules(dmar.dmar(REST, *kept, late)))
        self.assertNotIn(xen, self.rules(dmar.dmar(REST, late, *kept)))
        self.assertNotIn(xen, self.rules(dmar.dmar(REST, *kept, region(200))))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
