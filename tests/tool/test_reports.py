#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Field reports: tables as machines have them, and what the command has to say of each.

    test_reports.py VIOMMU TESTS_TABLES

A test makes its tables with the modules of the refused folders, runs the command, and compares
what a person would read.
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

import acpi  # noqa: E402
import dmar  # noqa: E402
import iort  # noqa: E402
import ivrs  # noqa: E402
import machine  # noqa: E402


class Reports(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return str(pathlib.Path(self.folder.name) / name)

    def write(self, **files):
        """Files of tables or texts; their paths."""
        for name, content in files.items():
            content = content if isinstance(content, bytes) else content.encode()
            pathlib.Path(self.path(name)).write_bytes(content)
        return [self.path(name) for name in files]

    def run_command(self, *arguments):
        """(exit status, what it printed without the folder)."""
        done = subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False,
                              timeout=60)
        return done.returncode, (done.stdout + done.stderr).replace(self.folder.name + "/", "")

    def check(self, **files):
        return self.run_command("check", *self.write(**files))


class InterruptControllers(Reports):
    """AMD's southbridge has the IOAPIC with GSI 0."""

    MADT = machine.madt(machine.ioapic(32), machine.ioapic(33, 24))

    def ivrs(self, *specials):
        return ivrs.ivrs(ivrs.ivhd(ivrs.ALL, *specials))

    def test_swapped_ioapics_are_reported_with_the_parameters_that_cure(self):
        status, text = self.check(IVRS=self.ivrs(ivrs.special(handle=33),
                                                 ivrs.special(1, handle=32)), APIC=self.MADT)
        self.assertEqual(status, 1)
        self.assertIn("IOAPIC 32 (0x20), which has GSI 0", text)
        self.assertIn("ivrs_ioapic[32]=00:14.0 ivrs_ioapic[33]=00:00.1", text)

    def test_the_only_ioapic_elsewhere_is_reported(self):
        status, text = self.check(IVRS=self.ivrs(ivrs.special(1, handle=8)),
                                  APIC=machine.madt(machine.ioapic(8)))
        self.assertEqual(status, 1)
        self.assertIn("ivrs_ioapic[8]=00:14.0", text)
        self.assertIn("[machine-southbridge]", text)

    def test_southbridges_of_amd_and_of_hygon_are_right(self):
        for bdf in 0xa0, 0x58:
            _, text = self.check(IVRS=self.ivrs(ivrs.special(bdf, handle=32),
                                                ivrs.special(1, handle=33)), APIC=self.MADT)
            self.assertNotIn("southbridge", text)

    def test_a_missing_one_is_reported_with_its_parameter(self):
        _, text = self.check(IVRS=self.ivrs(ivrs.special(1, handle=33)), APIC=self.MADT)
        self.assertIn("ivrs_ioapic[32]=00:14.0", text)
        self.assertIn("[machine-ioapic]", text)


class NoFalseAlarm(Reports):
    def test_templates_of_amd_reach_beyond_the_buses(self):
        table = ivrs.ivrs(ivrs.ivhd(ivrs.in_range(3, 0xffff), ivrs.alias(0xff00, 0xa5),
                                    ivrs.special()))
        status, text = self.check(IVRS=table, MCFG=machine.mcfg(last=0x7f))
        self.assertEqual(status, 0, text)
        self.assertNotIn("machine-bus", text)

    def test_other_ranges_beyond_the_buses_are_reported(self):
        table = ivrs.ivrs(ivrs.ivhd(ivrs.in_range(3, 0x7fff), ivrs.in_range(0x8000, 0xfeff),
                                    ivrs.special()))
        _, text = self.check(IVRS=table, MCFG=machine.mcfg(last=0x7f))
        self.assertIn("machine-bus", text)

    def test_memory_of_two_functions_behind_one_bridge_does_not_overlap(self):
        scopes = [dmar.scope(hops=((0x1c, 4), (0, function))) for function in (0, 2)]
        status, text = self.check(DMAR=dmar.dmar(dmar.UNIT, dmar.rmrr(*scopes)))
        self.assertEqual((status, text), (0, ""))

    def test_memory_of_one_function_named_twice_overlaps(self):
        scopes = [dmar.scope(hops=((0x1c, 4), (0, 0)))] * 2
        status, text = self.check(DMAR=dmar.dmar(dmar.UNIT, dmar.rmrr(*scopes)))
        self.assertEqual(status, 1)
        self.assertIn("topology-memory-overlap", text)

    def test_tables_that_are_not_of_iommus_are_one_note(self):
        others = b"".join(acpi.acpi(name, bytes(8)) for name in ("FACP", "HPET", "SSDT", "BGRT"))
        status, text = self.check(dump=dmar.dmar(dmar.UNIT) + others)
        self.assertEqual(status, 0)
        self.assertEqual(text.count("\n"), 1)
        self.assertIn("3 tables are not tables of IOMMUs that can be read: FACP, HPET, BGRT", text)

    def test_checksums_of_other_tables_are_still_checked(self):
        broken = bytearray(acpi.acpi("FACP", bytes(8)))
        broken[40] ^= 1
        status, text = self.check(dump=dmar.dmar(dmar.UNIT) + bytes(broken))
        self.assertEqual(status, 1)
        self.assertIn("acpi-checksum", text)


class Graphics(Reports):
    GRAPHICS = dmar.scope(hops=((2, 0),))

    def test_a_unit_of_graphics_without_its_region_is_a_note(self):
        table = dmar.dmar(dmar.drhd(self.GRAPHICS), dmar.drhd(flags=1, base=0xfed91000))
        status, text = self.check(DMAR=table)
        self.assertEqual(status, 0)
        self.assertIn("[dmar-graphics]", text)

    def test_its_region_ends_the_note(self):
        table = dmar.dmar(dmar.drhd(self.GRAPHICS), dmar.drhd(flags=1, base=0xfed91000),
                          dmar.rmrr(self.GRAPHICS))
        self.assertEqual(self.check(DMAR=table), (0, ""))


class Namespace(Reports):
    UNIT = dmar.drhd(dmar.scope(dmar.NAMESPACE, 1), dmar.scope(dmar.NAMESPACE, 2, hops=((4, 0),)),
                     flags=1)
    TABLE = dmar.dmar(UNIT, dmar.andd(1, b"\\_SB.PCI0.I2C0\0"), dmar.andd(2, b"\\_SB.PCI0.UA00\0"))

    def test_a_device_that_no_block_defines_is_a_note(self):
        status, text = self.check(DMAR=self.TABLE, DSDT=machine.dsdt(b"I2C0"))
        self.assertEqual(status, 0)
        self.assertIn("no Device of the DSDT or of an SSDT here has the name UA00", text)
        self.assertNotIn("I2C0", text)

    def test_an_ssdt_may_define_it(self):
        ssdt = acpi.acpi("SSDT", machine.dsdt(b"UA00")[36:], 2)
        self.assertEqual(self.check(DMAR=self.TABLE, DSDT=machine.dsdt(b"I2C0"), SSDT1=ssdt,
                                    SSDT2=acpi.acpi("SSDT", b"")), (0, ""))

    def test_without_a_dsdt_the_namespace_is_unknown(self):
        self.assertEqual(self.check(DMAR=self.TABLE), (0, ""))

    def test_named_components_of_an_iort_are_looked_for(self):
        table = iort.iort(iort.GROUP, iort.UNIT, iort.component(iort.mapping(to=iort.SMMU_AT)))
        _, text = self.check(IORT=table, DSDT=machine.dsdt(b"COM0"))
        self.assertIn("has the name DEV0;", text)
        self.assertIn("[machine-object]", text)

    def test_hardware_ids_may_be_packed(self):
        packed = b"\x08_HID\x0c" + struct.pack(">HH", (1 << 10 | 13 << 5 | 4), 0x0020)
        table = ivrs.ivrs(ivrs.with_entry(ivrs.hid(b"AMD0020"), kind=0x40), revision=2)
        for code, notes in ((packed, 0), (b"\x08_HID\x0dAMD0021\0", 1)):
            _, text = self.check(IVRS=table, DSDT=acpi.acpi("DSDT", code, 2))
            self.assertEqual(text.count("machine-hardware-id"), notes, text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
