#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Field reports: tables as machines have them, and what the command has to say of each.

    test_reports.py VIOMMU TESTS_TABLES

A test makes its tables with the modules of the refused folders, runs the command, and compares
what a person would read.
"""
import base64
import difflib
import gzip
import io
import json
import pathlib
import random
import re
import resource
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile

COMMAND, TABLES = sys.argv[1], pathlib.Path(sys.argv[2])
sys.dont_write_bytecode = True
sys.path[1:1] = [str(TABLES)] + [str(folder) for folder in TABLES.glob("**/refused")]

import acpi  # noqa: E402
import dmar  # noqa: E402
import dt  # noqa: E402
import iort  # noqa: E402
import iovt  # noqa: E402
import ivrs  # noqa: E402
import machine  # noqa: E402
import forms  # noqa: E402
import rimt  # noqa: E402
import viot  # noqa: E402


def hexdump(table):
    """Lines of an offset and 16 bytes."""
    return "".join(f"    {at:04X}: {table[at:at + 16].hex(' ')}\n" for at in range(0, len(table), 16))


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
        command, *arguments = arguments
        quiet = ["--quiet"] if command in ("check", "diff") else []
        done = subprocess.run([COMMAND, command, *quiet, *arguments], capture_output=True, text=True, check=False,
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

    def test_one_ioapic_has_one_parameter_and_a_segment(self):
        _, text = self.check(IVRS=self.ivrs(ivrs.special(1, handle=32), ivrs.special(handle=32)),
                             APIC=self.MADT)
        self.assertIn("boot Linux with ivrs_ioapic[32]=00:14.0 [machine-southbridge]", text)
        block = ivrs.ivhd(ivrs.ALL, ivrs.special(handle=32))
        _, text = self.check(IVRS=ivrs.ivrs(block[:16] + b"\1\0" + block[18:]), APIC=self.MADT)
        self.assertIn("has the device ID 00:14.0 of another segment", text)

    def test_southbridges_of_amd_and_of_hygon_are_right(self):
        for bdf in 0xa0, 0x58:
            _, text = self.check(IVRS=self.ivrs(ivrs.special(bdf, handle=32),
                                                ivrs.special(1, handle=33)), APIC=self.MADT)
            self.assertNotIn("southbridge", text)

    def test_a_missing_one_is_reported_with_its_parameter(self):
        _, text = self.check(IVRS=self.ivrs(ivrs.special(1, handle=33)), APIC=self.MADT)
        self.assertIn("ivrs_ioapic[32]=00:14.0", text)
        self.assertIn("[machine-ioapic]", text)


class DefinitionBlocks(Reports):
    """The command queues of SMMUs are in a DSDT and SSDTs, of which so many are read."""

    def told(self, number, **tables):
        blocks = {f"SSDT{i}": acpi.acpi("SSDT", struct.pack("<I", i), 2) for i in range(number)}
        self.write(**tables, **blocks)
        return self.run_command("topology", self.folder.name)

    def test_blocks_that_are_not_read_are_counted(self):
        for number, text in (64, None), (66, "of DSDT and SSDTs, 64 are read and 2 are not"):
            _, told = self.told(number, IORT=iort.iort(*iort.GOOD))
            self.assertEqual("command queues" in told, bool(text), told)
            self.assertIn(text or "", told)

    def test_machines_without_an_iort_need_none(self):
        _, told = self.told(66, DMAR=dmar.dmar(dmar.UNIT))
        self.assertNotIn("command queues", told)


class BlockTypes(Reports):
    """The type of IVHD that Linux reads is that of a block, whatever it is."""

    WHOLE = ivrs.ivhd(ivrs.ALL, ivrs.special(handle=33))

    def test_a_type_that_linux_does_not_know_is_named_with_its_cure(self):
        def unknown(kind):
            return ivrs.block(kind, 0, struct.pack("<H", ivrs.IOMMU) + bytes(34))
        for blocks, kind, cure in (
                ((unknown(0x50), self.WHOLE), "50h", "omit the first block, or write it behind the others"),
                ((self.WHOLE, unknown(0x12)), "12h", "omit the blocks of that type"),
                ((self.WHOLE, ivrs.ivmd(0x21, bdf=ivrs.IOMMU)), "21h", "write memory behind the IOMMUs")):
            _, text = self.check(IVRS=ivrs.ivrs(*blocks))
            self.assertIn(f"no block of type {kind}, the type that Linux reads; {cure}", text)
        _, text = self.check(IVRS=ivrs.ivrs(self.WHOLE, unknown(0x50)))
        self.assertNotIn("the type that Linux reads", text)


class NoFalseAlarm(Reports):
    def test_single_functions_of_the_last_bus_are_a_template_of_amd_too(self):
        table = ivrs.ivrs(ivrs.ivhd(ivrs.in_range(3, 0x7fff), ivrs.select(0xff00),
                                    ivrs.special()))
        status, text = self.check(IVRS=table, MCFG=machine.mcfg(last=0x7f))
        self.assertEqual(status, 0, text)

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

    def test_bytes_in_code_that_begin_like_a_table_are_ignored(self):
        code = "    /* 0090 */  0x52, 0x45, 0x50, 0x4F, 0x5D, 0x00, 0x00, 0x00,  // REPO]...\n"
        status, text = self.check(listing=code * 12 + "DMAR\n" + hexdump(dmar.dmar(dmar.UNIT)))
        self.assertEqual(status, 0, text)
        self.assertIn("REPO [input-fragment]", text)

    def test_bytes_that_are_no_whole_table_are_reported_if_nothing_else_is_there(self):
        status, text = self.check(dump=hexdump(acpi.acpi("MSDM", bytes(49))[:48]))
        self.assertEqual(status, 1)
        self.assertIn("[acpi-length]", text)

    def test_a_table_of_iommus_that_is_not_whole_is_reported(self):
        whole = hexdump(acpi.acpi("MSDM", bytes(12)))
        status, text = self.check(dump=whole + hexdump(dmar.dmar(dmar.UNIT)[:60]))
        self.assertEqual(status, 1)
        self.assertIn("DMAR:0x4: error", text)

    def test_the_first_srat_had_a_type_of_memory(self):
        memory = b"\x01\x28" + bytes(22) + struct.pack("<IIQ", 1, 1, 0)
        table = acpi.acpi("SRAT", struct.pack("<IQ", 1, 0) + memory, revision=1)
        self.assertNotIn("srat-reserved", self.check(SRAT=table)[1])

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


def text(*lines):
    return "\n".join(("viommu: 1", *lines)) + "\n"


SMMU = "iommus: [ { name: s, kind: smmu-v3, at: 0x9050000, interrupts: [74, 75, 76, 77] } ]"


class OneMachine(Reports):
    """A folder has the tables of one machine."""

    TEXT = text("iommus: [ { name: v, kind: virtio-iommu-pci, at: 00:01.0 } ]",
                "its-groups: [ { name: i, ids: [0] } ]",
                "host-bridges: [ { buses: 00-ff, iommu: v, its: i } ]")

    def folder_of(self, *tables):
        (topology,) = self.write(topology=self.TEXT)
        folder = pathlib.Path(self.path("machine"))
        folder.mkdir()
        for name in tables:
            self.assertLessEqual(self.run_command("generate", name, topology, "-o",
                                                  folder / name.upper())[0], 1)
        return folder

    def test_iort_and_viot_give_one_answer(self):
        folder = self.folder_of("iort", "viot")
        status, told = self.run_command("resolve", "00:02.0", "--from", folder)
        self.assertEqual(status, 0)
        self.assertEqual(told.count("00:02.0"), 1)
        self.assertIn("virtio-iommu-pci at 0000:00:01.0), endpoint 0x10, by machine/VIOT", told)
        self.assertIn("MSIs to its0, device 0x10, by machine/IORT", told)

    def test_they_are_one_topology_and_one_picture(self):
        folder = self.folder_of("iort", "viot")
        status, told = self.run_command("topology", folder)
        self.assertEqual((status, told.count("viommu: 1")), (0, 1))
        (again,) = self.write(again=told)
        self.assertEqual(self.run_command("diff", folder, again), (0, ""))
        status, told = self.run_command("graph", folder)
        self.assertEqual((status, told.count("digraph")), (0, 1))

    def test_diff_says_what_a_topology_cannot_have(self):
        node = bytes([0x77, 1, 8, 0, 0, 0, 9, 0])
        table = rimt.rimt(*rimt.GOOD, node)
        (path,) = self.write(RIMT=table)
        _, told = self.run_command("topology", path)
        (again,) = self.write(again=told[:told.index("RIMT:")])
        status, told = self.run_command("diff", path, again)
        self.assertEqual(status, 1)
        self.assertIn("structures without a meaning here was 1, is 0 now", told)
        self.assertEqual(self.run_command("diff", path, path)[0], 0)


class LoongArch(Reports):
    """IOMMUs of an IOVT, as drivers/acpi of Linux reads them."""

    def resolve(self, device, *nodes):
        (path,) = self.write(IOVT=iovt.iovt(*nodes))
        return self.run_command("resolve", device, "--from", path)[1]

    def test_the_first_iommu_of_the_segment_has_the_function(self):
        nodes = (iovt.iommu(iovt.entry(iovt.START, 0x100), iovt.entry(iovt.END, 0x1ff)),
                 iovt.iommu(flags=4, base=0x20010000), iovt.iommu(flags=4, segment=1))
        for device, iommu, number in (("01:00.0", 0, 0x100), ("02:00.0", 1, 0x200),
                                      ("0001:00:01.0", 2, 0x10008)):
            told = self.resolve(device, *nodes)
            self.assertIn(f": loongarch{iommu} (other at 0x", told)
            self.assertIn(f"ID 0x{number:x},", told)
            self.assertNotIn("Linux", told)

    def test_linux_does_not_translate_the_function_of_the_iommu(self):
        for device, node in (("00:02.0", iovt.iommu(flags=5, device=0x10)),
                             ("00:00.0", iovt.iommu(flags=4))):
            told = self.resolve(device, node)
            self.assertIn("Linux: no IOMMU", told)

    def test_what_is_in_no_list_has_no_iommu(self):
        told = self.resolve("03:00.0", iovt.iommu(iovt.entry(iovt.SINGLE, 0x100)))
        self.assertIn("no IOMMU", told)


class KernelLogs(Reports):
    """What people post instead of a table."""

    def log(self, *lines):
        return self.check(log="".join(f"[    0.{i:06d}] {line}\n" for i, line in enumerate(lines)))

    def test_a_message_about_a_table_is_explained_by_its_rule(self):
        for message, rule in (
                ("DMAR: [Firmware Bug]: RMRR entry for device 03:00.0 is broken - applying workaround", "dmar-start-bus"),
                ("[Firmware Bug]: AMD-Vi: No southbridge IOAPIC found", "ivrs-southbridge"),
                ("/pcie@10000000: Bad iommu-map length: 40", "dt-map-length"),
                ("Your BIOS is broken; ANDD object name is not NUL-terminated", "dmar-name"),
                ("DMAR: Failed to find handle for ACPI object \\_SB.PCI0.I2C0", "dmar-name-path")):
            status, told = self.log("DMAR: Host address width 39", "DMAR: DRHD base: 0x000000fed90000 flags: 0x0", message)
            self.assertEqual(status, 2)
            self.assertRegex(told, "log:3:1: note: Linux says this of a table that breaks "
                             f"(.*; or )?{rule}: .* \\[input-message\\]")

    def test_what_keeps_a_device_from_a_guest_is_explained(self):
        for message, text in (
                ("vfio-pci 0000:04:00.1: DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR "
                 "requirement.  Contact your platform vendor.", "a reserved region is for the device"),
                ("DMAR: [DMA Read] Request device [00:02.0] fault addr 7cd80000 [fault reason 06]", "that is not mapped"),
                ("(XEN) IVMD: page at 00000 can't be converted", "memory that stays mapped is RAM")):
            status, told = self.log("DMAR: Host address width 39", message)
            self.assertEqual(status, 2)
            self.assertRegex(told, f"log:2:1: note: .*{text}")

    def test_messages_of_systems_and_programs_without_a_rule_are_explained(self):
        for message, text in (
                ("vfio-pci 0000:04:00.0: Firmware has requested this device have a 1:1 IOMMU mapping, rejecting configuring "
                 "the device without a 1:1 mapping. Contact your platform vendor.", "a reserved region is for the device"),
                ("vfio 0000:05:00.0: failed to setup container for group 46: Failed to set iommu for container: Operation "
                 "not permitted", "or interrupts are not remapped"),
                ("BIOS requires that this device remain attached to BIOS-owned memory.  Not assignable.", "Windows"),
                ("vfio_iommu_type1_attach_group: No interrupt remapping support.", "allow_unsafe_interrupts=1"),
                ("AMD-Vi: [Firmware Warn]: EFR mismatch. Use IVHD EFR (0x1 : 0x2).", "uses those of the IVRS"),
                ("pci 0000:00:00.2: AMD-Vi: Unable to read/write to IOMMU perf counter.", "no table causes it"),
                ("AMD-Vi: Completion-Wait loop timed out", "pci=noats"),
                ("AMD-Vi: [Firmware Bug]: IVRS invalid checksum", "do not add up to 0"),
                ("DMAR-IR: Copied IR table for dmar1 from previous kernel", "crash dump"),
                ("DMAR: RMRR base: 0x00000000000000 end: 0x00000000000000", "an RMRR is empty"),
                ("arm-smmu 5000000.iommu: Cannot accommodate DMA offset for IOMMU\npage tables", "dma-ranges"),
                ("Unexpected global fault, this could be serious", "stream ID"),
                ("arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:", "not mapped"),
                ("No IOMMU detected, please activate it.See Documentation for further information.", "`viommu host`"),
                ("PCI device 0000:00:19.0 cannot be assigned - no IOMMU?", "Xen uses no IOMMU"),
                ("Failed to parse ACPI DMAR", "does not accept the DMAR"),
                ("(XEN) IVHD Error: no information for IO-APIC 0x82", "an IOAPIC of the MADT"),
                ("(XEN) IVMD: [0, 0] is not (entirely) in reserved memory", "--memory LOG IVRS")):
            status, told = self.log(message)
            self.assertEqual(status, 2)
            self.assertRegex(told, f"log:1:1: note: .*{text}", message)

    def test_the_parameter_for_the_southbridge_has_the_id_that_the_log_has(self):
        bug = ("AMD-Vi: [Firmware Bug]: : IOAPIC[7] not in IVRS table", "AMD-Vi: [Firmware Bug]: : No southbridge IOAPIC found")
        _, told = self.log(*bug)
        self.assertIn("ivrs_ioapic[ID]=00:14.0 with the ID of the IOAPIC whose GSIs begin at 0", told)
        _, told = self.log("IOAPIC[0]: apic_id 7, version 33, address 0xfec00000, GSI 0-23",
                           "IOAPIC[1]: apic_id 8, version 33, address 0xfec20000, GSI 24-55", *bug)
        self.assertIn("use the kernel parameter ivrs_ioapic[7]=00:14.0 [", told)

    def test_rules_that_share_a_message_are_one_note(self):
        _, told = self.log("DMAR: Host address width 39", "DMAR: DRHD base: 0x000000fed90000 flags: 0x0",
                           "DMAR: [Firmware Bug]: Your BIOS is broken; bad RMRR "
                           "[0x000000007b800000-0x000000007fffffff]")
        self.assertEqual(told.count("[input-message]"), 1)
        self.assertRegex(told, "breaks memory-map: .*; or dmar-rmrr-pages: .*; or dmar-rmrr-inverted: ")

    def test_a_message_is_of_the_table_that_its_line_names(self):
        for table, rule in (("IORT", "iort-reference-null"), ("RIMT", "rimt-reference-null")):
            _, told = self.log("Linux version 6.12.0", f"ACPI: {table}: [Firmware Bug]: [map 0] ID map has NULL parent "
                               "reference")
            self.assertEqual(told.count("[input-message]"), 1)
            self.assertIn(f"breaks {rule}: ", told)

    def test_the_words_of_a_message_in_another_line_are_no_message(self):
        for line in ("Unsupported node.js version", "NUMA: Warning: Invalid distance value range",
                     "fuzz: page fault address 0x10 in program", "the plan is not viable"):
            _, told = self.log("DMAR: Host address width 39", "DMAR: DRHD base: 0x000000fed90000 flags: 0x0", line)
            self.assertNotIn("input-message", told)
        _, told = self.log("Unsupported node.js version", "ACPI: VIOT: [Firmware Bug]: Unsupported node 9")
        self.assertRegex(told, "log:2:1: note: .* viot-node-type: ")

    def test_a_message_about_a_device_tree_is_checked_in_the_tree(self):
        _, told = self.log("OF: /pcie@10000000: Bad iommu-map length: 40")
        self.assertIn("`viommu check /sys/firmware/fdt`", told)
        self.assertNotIn("/sys/firmware/acpi", told)

    def test_a_log_without_a_message_is_only_named(self):
        _, told = self.log("DMAR: Host address width 39", "DMAR: DRHD base: 0x000000fed90000 flags: 0x0")
        self.assertIn("a kernel log", told)
        self.assertNotIn("input-message", told)

    def test_messages_beside_a_table_are_left_to_its_findings(self):
        table = dmar.dmar(dmar.UNIT)
        _, told = self.check(log="Your BIOS is broken; DMAR reported at address 0!\nDMAR @ 0x0\n" + hexdump(table))
        self.assertEqual(told, "")


class PostedBytes(Reports):
    """Bytes that people post, and what is around them."""

    TABLE = dmar.dmar(dmar.drhd(dmar.scope()), dmar.rmrr(dmar.scope()))
    WRONG = dmar.dmar(dmar.drhd(dmar.scope(), base=0))

    def assert_read(self, **files):
        self.assertEqual(self.check(**files), (0, ""))

    def test_a_string_of_json_may_be_the_bytes_of_a_table(self):
        letters = self.TABLE.decode("latin-1")
        for form, string in {"json.dumps": json.dumps(letters), "all escaped": '"' + "".join(f"\\u{byte:04x}" for byte in self.TABLE) + '"',
                             "Python": '"' + "".join(f"\\x{byte:02x}" for byte in self.TABLE) + '"'}.items():
            for text in f'[ {{"DMAR": {string}}} ]', f'{{ "name": "x\\n", "DMAR":\n{string} }}':
                with self.subTest(form=form):
                    self.assert_read(text=text)

    def test_bytes_before_a_table_are_no_numbers_of_lines(self):
        for before in bytes(8), bytes.fromhex("1122334455667788"), b"\xab\x12", bytes(12):
            for behind in b"", bytes(-len(before + self.TABLE) % 16):
                memory = before + self.TABLE + behind
                with self.subTest(before=before):
                    self.assert_read(dump=forms.lines(memory, lambda at, piece: f" {forms.pairs(piece)}\n"))

    def test_a_table_behind_padding_is_checked(self):
        for padding in range(0, 40, 8):
            status, told = self.check(dump=hexdump(self.TABLE + bytes(padding) + self.WRONG))
            self.assertEqual(status, 1)
            self.assertIn("[dmar-base]", told)
            self.assertIn("[input-twice]", told)

    def test_a_header_that_a_mailer_added_is_no_attachment(self):
        mail = "From: x\nX-Tracker: " + base64.b64encode(gzip.compress(random.Random(1).randbytes(600))).decode() + "\n\n"
        _, told = self.check(mail=mail + "DMAR: DRHD base: 0x000000fed90000 flags: 0x0\n")
        self.assertIn("a kernel log", told)
        self.assertEqual(self.check(mail=mail + hexdump(self.TABLE)), (0, ""))

    def test_of_a_difference_of_two_dumps_the_newer_one_is_read(self):
        for indent in ("", "  ", "> "):
            text = "".join(f"{indent}{line}\n" for line in difflib.unified_diff(
                hexdump(self.WRONG).splitlines(), hexdump(self.TABLE).splitlines(), "old", "new", lineterm="", n=100))
            status, told = self.check(dump=f"The tables differ:\n\n{text}\nRegards\n-- \nX\n")
            self.assertEqual((status, told), (0, ""), indent)

    def test_long_lines_that_begin_like_a_difference_or_a_header_cost_no_more_than_others(self):
        for text in ("@@ -" * (1 << 20) + "\n", "X-" + ("A" * 63 + "-") * (1 << 16) + "\n"):
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            self.check(text=text)
            self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 5)

    def test_a_tree_of_lspci_is_no_old_line_of_a_difference_before_it(self):
        for between in ("", "@@ -12,3 of the list\n", "@@ -1,2 +7,3 and more\n"):
            tree = f"@@ -1,2 +1,2 @@\n-old\n+new\n same\n\n{between}-[0000:00]-+-00.0\n           \\-1f.0\n"
            (tables, pci) = self.write(table=self.TABLE, pci=tree)
            status, told = self.run_command("resolve", "00:1f.0", tables, "--pci", pci)
            self.assertNotIn("no PCI function", told)

    def test_other_bytes_behind_a_table_are_a_note_unless_they_are_0(self):
        self.assert_read(dump=hexdump(self.TABLE + bytes(24)))
        for behind in b"\xab" * 24, bytes(8) + b"DMAR" + bytes(12), bytes(8) + self.WRONG[:-8]:
            status, told = self.check(dump="\n" + hexdump(self.TABLE + behind))
            self.assertEqual(status, 0)
            self.assertEqual(told, f"dump:2:1: note: {len(behind)} bytes behind a table are ignored [input-fragment]\n")

    def test_a_line_of_a_page_has_its_number_in_the_page(self):
        message = "DMAR: [DMA Read] [fault reason 06] fault addr 0"
        for line in "<div>x</div>\n", "<li><p>x</p></li> \n", "x<br>\n", "<td>x</td><td>y</td></tr>\n":
            _, told = self.check(page="<html>\n" + 10 * line + f"<pre>{message}\n</pre></html>")
            self.assertIn("page:12:1: note: ", told)

    def test_decoded_text_has_no_numbers_of_lines(self):
        message = "DMAR: [DMA Read] [fault reason 06] fault addr 0"
        for text in (f"<html>{10 * '<div>x</div>'}\n<pre>{message}</pre></html>",
                     json.dumps({"body": f"x\n\n{message}"}),
                     f"Content-Transfer-Encoding: quoted-printable\n\nx=\n=\n{message}\n"):
            _, told = self.check(posted=text)
            self.assertIn("posted: note: ", told)


class RiscV(Reports):
    """The RIMTs of QEMU 11.1, and what Linux 7.2 made of them."""

    ON_SYSTEM_BUS = bytes.fromhex(
        "52494d548000000001de424f434853204258504320202020010000004258504301000000020000003000000000000000"
        "000128000000000052534356303030340000010300000000000000000000000000000000000028000101280000000100"
        "0000000000000000140001000000000000000100000000003000000000000000")
    ON_PCI = bytes.fromhex(
        "52494d5480000000014e424f434853204258504320202020010000004258504301000000020000003000000000000000"
        "000128000000000030303130303031340000000000000000010000000000000000000800000028000101280000000100"
        "00000000000000001400010009000000f7ff0000090000003000000000000000")

    def behind(self, table):
        (path,) = self.write(RIMT=table)
        status, told = self.run_command("resolve", "00:00.0", "00:01.0", "00:02.0", "01:00.0", "--from", path)
        self.assertEqual(status, 0)
        return [line.split(": ")[1].split()[0] for line in told.splitlines() if line[0] != " "]

    def test_the_iommu_on_the_system_bus_has_all_functions(self):
        self.assertEqual(self.behind(self.ON_SYSTEM_BUS), ["riscv0"] * 4)

    def test_the_function_of_the_iommu_and_the_one_before_it_have_none(self):
        self.assertEqual(self.behind(self.ON_PCI), ["no", "no", "riscv0", "riscv0"])

    def test_both_are_right_and_come_back_from_their_topology(self):
        for table in self.ON_SYSTEM_BUS, self.ON_PCI:
            self.assertEqual(self.check(RIMT=table), (0, ""))
            (path,) = self.write(RIMT=table)
            _, told = self.run_command("convert", "--to", "rimt", path, "-o", self.path("again"))
            self.assertEqual(self.run_command("diff", path, self.path("again"))[0], 0, told)


class MemoryMap(Reports):
    """An RMRR has to be in reserved regions of the memory map: arch_rmrr_sanity_check() of Linux."""

    LOG = ("[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000007affffff] usable\n"
           "[    0.000000] BIOS-e820: [mem 0x000000007b000000-0x000000007b3fffff] reserved\n"
           "[    0.000000] BIOS-e820: [mem 0x000000007b400000-0x{:016x}] reserved\n")

    def memory(self, name, content):
        table = dmar.dmar(dmar.drhd(dmar.scope()), dmar.rmrr(dmar.scope()))
        path, given = self.write(DMAR=table, **{name: content})
        return self.run_command("check", "--memory", given, path)

    def test_memory_in_reserved_regions_is_right(self):
        self.assertEqual(self.memory("log", self.LOG.format(0x7b7fffff)), (0, ""))

    def test_memory_beyond_them_is_named(self):
        for name, log in {
                "e820": self.LOG.format(0x7b6fffff),
                "old": "BIOS-e820: 000000007b000000 - 000000007b700000 (reserved)\n",
                "efi": "efi: mem01: [Runtime Data|RUN] range=[0x7b000000-0x7b6fffff] (7MB)\n"}.items():
            status, told = self.memory(name, log)
            self.assertEqual(status, 1)
            self.assertIn("memory 0x7b000000-0x7b7fffff is not reserved from 0x7b700000 on", told)
            self.assertIn("[memory-map]", told)

    def test_a_folder_is_a_map(self):
        folder = pathlib.Path(self.path("memmap"))
        for i, (first, last, kind) in enumerate(((0, 0x7affffff, "System RAM"),
                                                 (0x7b000000, 0x7b7fffff, "Reserved"))):
            (folder / str(i)).mkdir(parents=True)
            for name, value in ("start", hex(first)), ("end", hex(last)), ("type", kind):
                (folder / str(i) / name).write_text(value + "\n")
        (path,) = self.write(DMAR=dmar.dmar(dmar.drhd(dmar.scope()), dmar.rmrr(dmar.scope())))
        self.assertEqual(self.run_command("check", "--memory", folder, path), (0, ""))
        (folder / "1" / "type").write_text("System RAM\n")
        self.assertEqual(self.run_command("check", "--memory", folder, path)[0], 1)

    def test_a_log_is_read_as_people_post_it(self):
        log = self.LOG.format(0x7b6fffff)
        posted = [forms.WRAPPINGS[name](log) for name in ("quoted", "CRLF", "CR", "mark", "UTF-16", "no-break spaces")]
        for text in *posted, gzip.compress(log.encode()):
            with self.subTest(text=text[:20]):
                self.assertEqual(self.memory("log", text), self.memory("log", log))

    def test_xen_prints_a_map_too(self):
        for line in "(XEN)  [{:016x}, {:016x}] ({})\n", "(XEN)  {:016x} - {:016x} ({})\n":
            end = 0x7b7fffff if "," in line else 0x7b800000
            for time in "", "[    0.000000] ", "[2026-11-30 10:00:00] ", "[2026-11-30 10:00:00.123] ":
                for kind, status in ("reserved", 0), ("usable", 1):
                    log = line.replace("(XEN) ", "(XEN) " + time).format(0x7b000000, end, kind)
                    self.assertEqual(self.memory("log", log)[0], status)

    def test_a_file_without_a_map_is_refused(self):
        for content in "nothing\n", "":
            status, told = self.memory("log", content)
            self.assertEqual(status, 2)
            self.assertRegex(told, "^viommu: .*: no memory region is in it")

    def test_a_damaged_archive_is_named_and_no_part_of_it_is_read(self):
        log = self.LOG.format(0x7b7fffff).encode()
        noise = random.Random(1).randbytes(65536).hex().encode()
        for damaged in gzip.compress(log)[:-30], gzip.compress(log + noise)[:-9000]:
            status, told = self.memory("log", damaged)
            self.assertEqual(status, 2)
            self.assertRegex(told, "^viommu: log: the archive or compressed file is damaged")
            self.assertEqual(told.count("\n"), 1)

    def test_a_map_that_is_not_there_is_one_error(self):
        (path,) = self.write(DMAR=dmar.dmar(dmar.drhd(dmar.scope()), dmar.rmrr(dmar.scope())))
        status, told = self.run_command("check", "--memory", self.path("absent"), path)
        self.assertEqual((status, told.count("viommu: ")), (2, 1), told)


class OtherBytes(Reports):
    """A table and the table of its topology mean the same; what convert says of their bytes."""

    def convert(self, *nodes):
        (path,) = self.write(RIMT=rimt.rimt(*nodes))
        status, told = self.run_command("convert", "--to", "rimt", path, "-o", self.path("made"))
        same = pathlib.Path(path).read_bytes() == pathlib.Path(self.path("made")).read_bytes()
        return status, same, told

    def test_equal_bytes_need_no_word(self):
        self.assertEqual(self.convert(rimt.iommu(33), rimt.complex_(rimt.mapping())),
                         (0, True, ""))

    def test_a_field_that_differs_is_named(self):
        status, same, told = self.convert(rimt.iommu(33), rimt.complex_(rimt.mapping(), identifier=7))
        self.assertEqual((status, same), (0, False))
        self.assertIn(f"RIMT:0x{rimt.HEAD + 48:x}: note: the new table has another PCI root complex: "
                      "Identifier = 1 instead of Identifier = 7", told)

    def test_another_order_is_named(self):
        node = rimt.complex_(rimt.mapping(to=rimt.HEAD + 40), identifier=1)
        status, same, told = self.convert(node, rimt.iommu(33, identifier=0))
        self.assertEqual((status, same), (0, False))
        self.assertIn("the new table has the structures in another order", told)


class WrongAnswers(Reports):
    def resolve(self, device, **files):
        (path,) = self.write(**files)
        return self.run_command("resolve", device, "--from", path)[1]

    def again(self, what, **files):
        """The table that is made of the first file, compared with it."""
        (path,) = self.write(**files)
        status, text_ = self.run_command("generate", what, path, "-o", self.path("again"))
        self.assertLessEqual(status, 1, text_)
        return self.run_command("diff", path, self.path("again"))

    def test_a_single_mapping_of_a_root_complex_is_one_id(self):
        single = [iort.mapping(0, 0, 0x55, to, iort.SINGLE) for to in (iort.HEAD, iort.SMMU_AT)]
        for mapping in single:
            table = iort.iort(iort.GROUP, iort.UNIT, iort.complex_(mapping))
            for device in "00:00.0", "01:00.0":
                self.assertIn("device 0x55", self.resolve(device, IORT=table))
                self.assertNotIn("Linux", self.resolve(device, IORT=table))
            self.assertEqual(self.again("iort", IORT=table), (0, ""))
            self.again("dtb", IORT=table)
            for device in "00:00.0", "01:00.0":
                _, told = self.run_command("resolve", device, "--from", self.path("again"))
                self.assertIn("device 0x55", told)

    def test_functions_that_share_an_id_are_read_as_one_range(self):
        alias = text(SMMU, "host-bridges: [ { buses: 00-ff, iommu: s } ]",
                     "ranges: [ { functions: 06:00.0-06:1f.7, iommu: s, one-id: yes, "
                     "first-id: 0x600 } ]")
        _, differs = self.again("iort", alias=alias)
        self.assertIn("header of IORT: revision", differs)
        self.assertEqual(differs.count("\n"), 1)
        _, found = self.run_command("check", self.path("again"))
        self.assertNotIn("error", found)

    def test_linux_leaves_a_node_whose_first_reference_is_null(self):
        null = iort.mapping(0xff00, 0, to=0)
        told = self.resolve("01:00.0", IORT=iort.iort(
            iort.GROUP, iort.UNIT, iort.complex_(null, iort.mapping(0, 0xfeff, to=iort.SMMU_AT))))
        self.assertIn("Linux: no IOMMU", told)
        self.assertIn("ID map has NULL parent reference", told)
        later = self.resolve("01:00.0", IORT=iort.iort(
            iort.GROUP, iort.UNIT, iort.complex_(iort.mapping(0, 0xfeff, to=iort.SMMU_AT), null)))
        self.assertNotIn("Linux", later)

    def test_linux_takes_the_head_for_the_node_of_a_later_null_reference(self):
        null = iort.mapping(0xff00, 0xff, to=0)
        for its in ((), (iort.mapping(to=iort.HEAD),)):
            table = iort.iort(iort.GROUP, iort.smmu(*its), iort.complex_(
                iort.mapping(0, 0xfeff, to=iort.SMMU_AT), null))
            told = self.resolve("ff:00.0", IORT=table)
            self.assertIn("no IOMMU", told)
            self.assertIn("takes the head of the table for a node", told)
            self.assertNotIn("Linux", self.resolve("01:00.0", IORT=table))

    def test_an_atsr_says_nothing_of_bypass(self):
        table = dmar.dmar(dmar.EXPLICIT, dmar.atsr(flags=1))
        self.assertIn("not described", self.resolve("01:00.0", DMAR=table))

    def test_tables_of_x86_do_not_decide_about_pasids(self):
        (path,) = self.write(DMAR=dmar.dmar(dmar.UNIT))
        _, told = self.run_command("resolve", "01:00.0", "--pasid", "3", "--from", path)
        self.assertIn("PASID 0x3 is not decided by the table", told)

    def test_a_bridge_without_an_iommu_does_not_affect_ats_and_pasids(self):
        grace = text(SMMU, "host-bridges:",
                     "  - { buses: 00-0f }",
                     "  - { buses: 10-7f, iommu: s, ats: yes, pasid: yes }")
        (path,) = self.write(grace=grace)
        self.assertEqual(self.run_command("generate", "iort", path, "-o", self.path("t")), (0, ""))
        _, told = self.run_command("resolve", "20:00.0", "--pasid", "3", "--from", self.path("t"))
        self.assertIn("PASID 0x3 arrives", told)

    def test_several_host_bridges_of_segment_0_stay_there_in_a_device_tree(self):
        two = text(SMMU, "host-bridges:", "  - { buses: 00-3f, iommu: s }",
                   "  - { buses: 40-7f, iommu: s }")
        self.assertEqual(self.again("dtb", two=two), (0, ""))

    def test_a_renamed_device_keeps_its_further_ids(self):
        head = "iommus: [ { name: s, kind: smmu-v2, at: 0xa000000, context-interrupts: [210] } ]"
        one, other = (text(head, f"devices: [ {{ name: {name}, at: 0xe0d00000, iommu: s, id: 1 }} ]",
                           f"device-ids: [ {{ device: {name}, iommu: s, id: 0x1e }} ]")
                      for name in ("/soc/sata@e0d00000", "/sata@e0d00000"))
        self.assertEqual(self.run_command("diff", *self.write(one=one, other=other)), (0, ""))

    def test_a_backslash_that_double_quotes_take_is_an_error(self):
        head = 'iommus: [ { name: a, kind: vt-d, at: 0xfed90000 } ]'
        for quote, status in ('"', 2), ("'", 0):
            device = f"devices: [ {{ name: {quote}\\_SB.X{quote}, number: 1, iommu: a, id: 8 }} ]"
            self.assertEqual(self.check(text=text(head, device))[0], status)

    def test_a_table_with_an_error_is_not_generated(self):
        for what, lines in (
                ("dmar", ("host-bridges: [ { buses: 00-ff } ]",)),
                ("dmar", ("iommus: [ { name: a, kind: vt-d, at: 0xfed90000 } ]",
                          "host-bridges: [ { buses: 00-ff, iommu: a } ]",
                          "devices:",
                          "  - { name: '\\_SB.LNKA', number: 1, iommu: a, id: 0xa8 }",
                          "  - { name: '\\_SB.LNKB', number: 1, iommu: a, id: 0xb0 }")),
                ("iort", ("tables: { iort: { revision: 3 } }", SMMU,
                          "host-bridges: [ { buses: 00-ff, iommu: s } ]",
                          "reserved-memory: [ { range: 0-0xffff, iommu: s, kind: identity } ]"))):
            (path,) = self.write(text=text(*lines))
            status, told = self.run_command("generate", what, path, "-o", self.path("none"))
            self.assertEqual(status, 2, told)
            self.assertFalse(pathlib.Path(self.path("none")).exists())

    def test_the_draft_of_2019_may_give_a_virtio_iommu_an_its(self):
        vits = text("iommus: [ { name: v, kind: virtio-iommu-pci, at: 00:03.0, its: its0 } ]",
                    "host-bridges: [ { buses: 00-ff, iommu: v, its: its0 } ]",
                    "its-groups: [ { name: its0, ids: [0] } ]")
        (path,) = self.write(vits=vits)
        status, told = self.run_command("generate", "viot-2019", path, "-o", self.path("t"))
        self.assertEqual((status, told), (0, ""))


class PciTrees(Reports):
    """A table of x86 names a bridge; bus numbers are in what people have beside it."""

    DMAR = dmar.dmar(dmar.drhd(dmar.scope(dmar.BRIDGE, hops=((1, 0),))),
                     dmar.drhd(flags=dmar.ALL, base=0xfed91000))
    MONITOR = """\
  Bus  0, device   1, function 0:
    PCI bridge: PCI device 1b36:000c
      BUS 0.
      secondary bus 3.
      subordinate bus 5.
  Bus  3, device   0, function 0:
    Ethernet controller: PCI device 8086:10d3
  Bus  0, device   7, function 0:
    PCI bridge: PCI device 1b36:000e
      secondary bus 6.
      subordinate bus 6.
  Bus  6, device   1, function 0:
    Ethernet controller: PCI device 8086:100e
  Bus  6, device   2, function 0:
    Ethernet controller: PCI device 8086:100e
"""
    TREE = """\
-[0000:00]-+-00.0  Intel Corporation Host [8086:29c0]
           +-01.0-[03-05]----00.0  Intel Corporation 82574L [8086:10d3]
           +-07.0-[06]--+-01.0  Intel Corporation 82540EM
           |            \\-02.0  Intel Corporation 82540EM
           \\-1f.0  Intel Corporation LPC
"""

    @staticmethod
    def config(header, secondary=0, subordinate=0, port=None):
        space = bytearray(256)
        space[0x0a:0x0c] = b"\x04\x06" if header else b"\x00\x02"
        space[0x0e], space[0x19], space[0x1a] = header, secondary, subordinate
        if port is not None:
            space[0x06], space[0x34], space[0x40], space[0x42] = 0x10, 0x40, 0x10, port << 4
        return "".join(f"{at:02x}: {space[at:at + 16].hex(' ')}\n" for at in range(0, 256, 16))

    def hex_dump(self):
        return ("00:01.0 PCI bridge [0604]: Intel\n" + self.config(1, 3, 5, 4) +
                "\n00:07.0 PCI bridge: X\n" + self.config(1, 6, 6, 7) +
                "\n03:00.0 Ethernet controller: Y\n" + self.config(0, port=0) +
                "\n06:01.0 Ethernet controller: Z\n" + self.config(0))

    VERBOSE = """\
00:01.0 PCI bridge: Intel Corporation
\tBus: primary=00, secondary=03, subordinate=05, sec-latency=0
\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00
00:07.0 PCI bridge: X
\tBus: primary=00, secondary=06, subordinate=06, sec-latency=0
\tCapabilities: [40] Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00
03:00.0 Ethernet controller: Y
06:01.0 Ethernet controller: Z
"""

    # Of one v, without the version of the capability; and with the path to each function, -PP and -P.
    ONE_V = re.sub(r"Express \(v\d\) ", "Express ", VERBOSE)
    PATHS = VERBOSE.replace("\n03:00.0", "\n00:01.0/03:00.0").replace("\n06:01.0", "\n00:07.0/06:01.0")
    SHORT_PATHS = VERBOSE.replace("\n03:00.0", "\n00:01.0/00.0").replace("\n06:01.0", "\n00:07.0/01.0")
    LINKS = "total 0\n" + "".join(
        f"lrwxrwxrwx 1 root root 0 Nov 30 14:53 {path.split('/')[-1]} -> ../../../devices/pci0000:00/{path}\n"
        for path in ("0000:00:01.0", "0000:00:01.0/0000:03:00.0", "0000:00:07.0", "0000:00:07.0/0000:06:01.0"))

    def resolve(self, device, pci=None, table=DMAR):
        paths = self.write(DMAR=table, **({"pci": pci} if pci else {}))
        more = ["--pci", paths[1]] if pci else []
        return self.run_command("resolve", device, "--from", paths[0], *more)

    def test_without_a_tree_both_answers_are_given_and_the_status_says_so(self):
        status, told = self.resolve("03:00.0")
        self.assertEqual(status, 1)
        self.assertIn("03:00.0: dmar1", told)
        self.assertIn("or dmar0, if it is below bridge 0000:00:01.0", told)
        self.assertIn("--pci", told)

    def test_a_function_on_the_bus_of_the_bridge_is_decided(self):
        status, told = self.resolve("00:1f.0")
        self.assertEqual((status, told.count("\n")), (0, 1))

    def test_every_form_of_a_tree_decides(self):
        for pci in (self.MONITOR, self.TREE, self.hex_dump(), self.VERBOSE, self.ONE_V, self.PATHS,
                    self.SHORT_PATHS, self.LINKS):
            status, told = self.resolve("03:00.0", pci)
            self.assertEqual(status, 0, told)
            self.assertTrue(told.startswith("03:00.0: dmar0"), told)
            self.assertTrue(self.resolve("06:01.0", pci)[1].startswith("06:01.0: dmar1"))

    def test_what_is_above_conventional_pci_sends(self):
        for pci in self.MONITOR, self.hex_dump(), self.VERBOSE, self.ONE_V, self.PATHS, self.SHORT_PATHS:
            self.assertIn("sends as 06:00.0, for bridge 00:07.0 to conventional PCI is above it",
                          self.resolve("06:01.0", pci)[1])
            self.assertNotIn("sends as", self.resolve("03:00.0", pci)[1])

    def test_a_path_to_an_unknown_bus_is_of_no_function(self):
        tree = f"06:01.0 Ethernet: Z\n{self.config(0)}00:07.0 PCI bridge: X\n{self.config(1, 6, 6, 7)}"
        for header in "00:08.0/01.0", "00:07.0/1.9", "00:07.0/../01.0":
            _, told = self.resolve("06:01.0", f"{tree}{header} Device: Y\n{self.config(1, 9, 9, 4)}")
            self.assertIn("sends as 06:00.0, for bridge 00:07.0 to conventional PCI is above it", told)

    def test_only_what_is_named_a_pci_bridge_may_lead_to_a_bus(self):
        lines = (("00:00.0", "Host bridge", "0600"), ("00:01.0", "PCI bridge", "0604"), ("03:00.0", "Ethernet", "0200"))
        for form in "{0} {1}: X\n", "{0} {2}: 8086:1234\n", '{0} "{1}" "X"\n', '{0} "{2}" "8086"\n', \
                "Slot:\t{0}\nClass:\t{1}\n\n", "Slot:\t{0}\nClass:\t{1} [{2}]\n\n":
            tree = "".join(form.format(*line) for line in lines)
            self.assertIn("bridge 00:01.0 may be above it", self.resolve("03:00.0", tree)[1], form)

    CONVENTIONAL = """\
00:1e.0 PCI bridge: Intel Corporation 82801 PCI Bridge
\tBus: primary=00, secondary=07, subordinate=07, sec-latency=32
\tCapabilities: {}
07:01.0 Ethernet controller: Z
"""

    def test_a_bridge_with_capabilities_but_without_express_is_conventional(self):
        _, told = self.resolve("07:01.0", self.CONVENTIONAL.format("[50] Subsystem: Intel"))
        self.assertIn("sends as 00:1e.0, for bridge 00:1e.0 to conventional PCI", told)
        express = self.CONVENTIONAL.format("[40] Power Management\n"
                                           "\tCapabilities: [50] Express (v2) Root Port")
        self.assertNotIn("conventional", self.resolve("07:01.0", express)[1])

    def test_a_bridge_of_unknown_kind_is_named(self):
        denied = self.CONVENTIONAL.format("<access denied>")
        unknown = "bridge {} above it may lead to conventional PCI"
        self.assertIn(unknown.format("00:1e.0"), self.resolve("07:01.0", denied)[1])
        self.assertIn(unknown.format("00:07.0"), self.resolve("06:01.0", self.TREE)[1])
        self.assertNotIn("may lead", self.resolve("06:01.0", self.VERBOSE)[1])

    NUMBERS = """\
00:01.0 PCI bridge [0604]: Intel Corporation [8086:3420]
00:07.0 PCI bridge [0604]: X [1b36:000e]
03:00.0 Ethernet controller [0200]: Y [8086:10d3]
06:01.0 Ethernet controller [0200]: Z [8086:100e]
00:1f.0 ISA bridge [0601]: Intel Corporation LPC [8086:2918]
"""

    def test_two_listings_complete_each_other(self):
        for pci in (self.NUMBERS + self.VERBOSE, self.VERBOSE + self.NUMBERS,
                    self.TREE + self.VERBOSE, self.VERBOSE + self.TREE,
                    self.TREE + self.hex_dump(), self.hex_dump() + self.NUMBERS,
                    self.NUMBERS + self.MONITOR, self.hex_dump() + self.MONITOR):
            status, told = self.resolve("03:00.0", pci)
            self.assertTrue(told.startswith("03:00.0: dmar0"), pci + told)
            self.assertEqual(status, 0, told)
            self.assertIn("sends as 06:00.0, for bridge 00:07.0",
                          self.resolve("06:01.0", pci)[1], pci)
            self.assertNotIn("sends as", self.resolve("00:1f.0", pci)[1], pci)

    def test_the_last_dump_of_a_listing_is_not_of_a_function_in_the_next(self):
        dump = "00:07.0 PCI bridge: X\n" + self.config(1, 6, 6, 7)
        table, pci = self.write(DMAR=dmar.dmar(dmar.UNIT), pci=dump + self.MONITOR)
        _, told = self.run_command("explain", "06:02.0", "--pci", pci, table)
        self.assertNotIn("it is a bridge", told)

    def test_a_short_dump_leaves_the_port_that_another_listing_has(self):
        short = "00:07.0 PCI bridge: X\n" + self.config(1, 6, 6, 7)[:4 * 52]
        self.assertEqual(short.count("\n"), 5)
        self.assertIn("sends as 06:00.0", self.resolve("06:01.0", self.VERBOSE + short)[1])

    def test_what_follows_a_nul_is_read(self):
        for pci in "\0" + self.VERBOSE, "X\0Y\n" + self.VERBOSE, self.VERBOSE.replace(": ", ":\0"):
            status, told = self.resolve("03:00.0", pci)
            self.assertTrue(told.startswith("03:00.0: dmar0"), told)
            self.assertEqual(status, 0, told)

    def test_a_function_that_is_not_described_has_a_status(self):
        status, told = self.resolve("03:00.0", table=dmar.dmar(dmar.EXPLICIT))
        self.assertEqual(status, 1)
        self.assertIn("not described", told)

    def test_every_form_is_read_as_people_post_it(self):
        wrappings = ("quoted", "kernel log", "journal", "numbered", "patch", "commented", "indented", "fenced", "prose",
                     "CR", "CRLF", "mark", "UTF-16", "UTF-16 without a mark", "UTF-32", "no-break spaces")
        for form in self.MONITOR, self.TREE, self.VERBOSE, self.hex_dump():
            posted = [forms.WRAPPINGS[name](form) for name in wrappings]
            for name, pci in zip((*wrappings, "gzip"), [*posted, gzip.compress(form.encode())]):
                with self.subTest(form=form[:20], wrapping=name):
                    status, told = self.resolve("03:00.0", pci)
                    self.assertEqual((status, told.split()[1]), (0, "dmar0"))

    def test_a_listing_without_buses_of_bridges_decides_nothing_below_them(self):
        for listing in self.NUMBERS, re.sub(r" \[.{4,9}\]", "", self.NUMBERS):
            status, told = self.resolve("03:00.0", listing)
            self.assertEqual(status, 1, told)
            self.assertIn("or dmar0, if it is below bridge 0000:00:01.0", told)
            self.assertIn("the PCI tree has no bus numbers below bridges", told)
            self.assertIn("bridge 00:01.0 may be above it and lead to conventional PCI", told)
            self.assertEqual(self.resolve("00:1f.0", listing)[0], 0)
        flags = self.NUMBERS.replace("\n", "\n\tFlags: fast devsel\n")
        self.assertEqual(self.resolve("03:00.0", flags)[0], 0)

    LOG = """\
[    0.201] pci 0000:00:01.0: [8086:3420] type 01 class 0x060400{}
[    0.202] pci 0000:00:07.0: [1b36:000e] type 01 class 0x060400{}
[    0.203] pci 0000:03:00.0: [8086:10d3] type 00 class 0x020000
[    0.204] pci 0000:00:01.0: PCI bridge to [bus 03-05]
[    0.204] pci 0000:00:01.0:   bridge window [mem 0xfe800000-0xfe9fffff]
[    0.205] pci 0000:00:07.0: PCI bridge to [bus 06]
[    0.206] pci 0000:06:01.0: [8086:100e] type 00 class 0x020000
[    0.207] pci_bus 0000:06: resource 1 [mem 0xfe800000-0xfe9fffff]
"""

    def test_a_kernels_log_is_a_tree(self):
        new = self.LOG.format(" PCIe Root Port", " PCIe to PCI/PCI-X bridge")
        status, told = self.resolve("03:00.0", new)
        self.assertEqual((status, told.count("\n")), (0, 1), told)
        self.assertTrue(told.startswith("03:00.0: dmar0"), told)
        self.assertIn("sends as 06:00.0, for bridge 00:07.0", self.resolve("06:01.0", new)[1])
        old = self.LOG.format("", "")
        self.assertIn("bridge 00:01.0 above it may lead to conventional PCI", self.resolve("03:00.0", old)[1])
        cut = "".join(line + "\n" for line in old.splitlines() if "PCI bridge to" not in line)
        self.assertEqual(self.resolve("03:00.0", cut)[0], 1)

    BUSES = """\
-+-[0000:40]---00.0
 \\-[0000:00]-+-00.0
             \\-01.0-[03-05]----00.0
"""

    def test_trees_of_terminals_and_pages_are_read(self):
        pages = {"page": self.BUSES, "colours": self.BUSES, "quoted": self.BUSES, "JSON": self.VERBOSE,
                 "rows of a page": self.VERBOSE, "kernel log": self.BUSES}
        for name, form in pages.items():
            status, told = self.resolve("03:00.0", forms.WRAPPINGS[name](form))
            self.assertEqual((status, told.split()[1]), (0, "dmar0"), name)

    def test_memory_below_a_bridge_is_kept_by_what_may_be_there(self):
        def regions(*hops, kind=dmar.ENDPOINT, device="03:00.0", pci=None):
            region = dmar.rmrr(dmar.scope(kind, hops=hops))
            _, told = self.resolve(device, pci, dmar.dmar(dmar.UNIT, region))
            return [line.split(" by ")[0] for line in told.splitlines() if "must keep" in line]
        keep = "    must keep 0x7b000000-0x7b7fffff (identity)"
        below = ((1, 0),)
        self.assertEqual(regions(*below, kind=dmar.BRIDGE),
                         [keep + ", if it is below bridge 0000:00:01.0,"])
        self.assertEqual(regions((1, 0), (0, 0)),
                         [keep + ", if it is at 00.0 behind bridge 0000:00:01.0,"])
        self.assertEqual(regions(*below, kind=dmar.BRIDGE, device="00:1f.0"), [])
        self.assertEqual(regions(*below), [])
        self.assertEqual(regions(*below, kind=dmar.BRIDGE, pci=self.VERBOSE), [keep + ","])
        self.assertEqual(regions((1, 0), (0, 0), pci=self.VERBOSE), [keep + ","])
        self.assertEqual(regions(*below, kind=dmar.BRIDGE, device="06:01.0", pci=self.VERBOSE), [])

    def test_memory_is_kept_below_a_bridge_without_buses_in_the_listing(self):
        groups = "IOMMU Group 1:\n\t" + self.NUMBERS.replace("\n", "\nIOMMU Group 2:\n\t", 1).replace(
            "06:01.0", "IOMMU Group 3:\n\t06:01.0")
        for pci in self.NUMBERS, groups:
            for kind, hops, where in ((dmar.BRIDGE, ((1, 0),), "below"),
                                      (dmar.ENDPOINT, ((1, 0), (0, 0)), "at 00.0 behind")):
                table = dmar.dmar(dmar.UNIT, dmar.rmrr(dmar.scope(kind, hops=hops)))
                condition = f"if it is {where} bridge 0000:00:01.0"
                _, told = self.resolve("03:00.0", pci, table)
                self.assertIn(f"must keep 0x7b000000-0x7b7fffff (identity), {condition}, by", told)
                self.assertNotIn("must keep", self.resolve("00:1f.0", pci, table)[1])
                path, listing = self.write(DMAR=table, pci=pci)
                status, told = self.run_command("explain", "03:00.0", path, "--pci", listing)
                self.assertEqual(status, 1, told)
                self.assertIn("passed through to a guest: not known", told)
                self.assertIn(f"0x7b000000-0x7b7fffff must stay mapped, {condition}", told)

    def test_a_tree_without_functions_is_refused(self):
        status, told = self.resolve("03:00.0", "nothing of PCI\n")
        self.assertEqual(status, 2)
        self.assertIn("no PCI function is in it", told)

    def test_a_tree_that_cannot_be_read_has_one_message(self):
        (table,) = self.write(DMAR=self.DMAR)
        for name in "absent", "":
            status, told = self.run_command("resolve", "03:00.0", "--from", table, "--pci", name)
            self.assertEqual((status, told), (2, f"viommu: {name}: No such file or directory\n"))


class Explanations(Reports):
    def explain(self, device, pci=None, **files):
        paths = self.write(**files)
        more = ["--pci", self.write(pci=pci)[0]] if pci else []
        return self.run_command("explain", device, *paths, *more)

    RMRR = dmar.dmar(dmar.UNIT, dmar.rmrr(dmar.scope(hops=((0x1d, 0),))))

    @staticmethod
    def lspci(code, *functions):
        return "".join(f"{name} Device [{code}]: X\n" for name in functions)

    def test_memory_that_firmware_uses_decides(self):
        status, told = self.explain("00:1d.0", self.lspci("0200", "00:1d.0"), DMAR=self.RMRR)
        self.assertEqual(status, 1)
        self.assertIn("passed through to a guest: no", told)
        self.assertIn("0x7b000000-0x7b7fffff must stay mapped", told)

    def test_usb_and_graphics_gave_their_memory_up(self):
        for code in "0c03", "0300":
            status, told = self.explain("00:1d.0", self.lspci(code, "00:1d.0"), DMAR=self.RMRR)
            self.assertEqual(status, 0, told)
            self.assertIn("passed through to a guest: yes", told)

    def test_the_class_is_the_number_before_the_names(self):
        for words, verdict in (
                ("VGA compatible controller [0300]: AMD [Radeon] [1002:744c] (rev c8)", "yes"),
                ("USB controller [0c03]: Intel Corporation [8086:a0ed]", "yes"),
                ('"VGA compatible controller [0300]" "AMD [1002]" "Arc [744c]" -rc8', "yes"),
                ("Ethernet controller [0200]: AMD [0300]: X", "no"),
                ("VGA compatible controller: Intel Corporation DG2 [Arc A770]", "not known"),
                ("VGA compatible controller: Advanced Micro Devices, Inc. [AMD]", "not known"),
                ("System peripheral: Dead [dead] [0300]: X", "not known"),
                ("VGA compatible controller [300]: X", "not known"),
                ("VGA compatible controller [0x300]: X", "not known"),
                ("VGA [300", "not known"), ("[0300]", "not known"), ("", "not known")):
            _, told = self.explain("00:1d.0", f"00:1d.0 {words}\n", DMAR=self.RMRR)
            self.assertIn(f"passed through to a guest: {verdict}\n", told, words)

    def test_a_class_in_either_listing_counts(self):
        known, unknown = self.lspci("0300", "00:1d.0"), "00:1d.0 VGA: X\n"
        for pci in known + unknown, unknown + known:
            _, told = self.explain("00:1d.0", pci, DMAR=self.RMRR)
            self.assertIn("passed through to a guest: yes", told, pci)

    def host(self, name, code):
        """A tree of a host with 00:1d.0 of a class and with the RMRR for it; its path."""
        root = pathlib.Path(self.path(name)) / "sys"
        device = root / "devices/pci0000:00/0000:00:1d.0"
        tables, buses = root / "firmware/acpi/tables", root / "bus/pci/devices"
        for folder in device, tables, buses:
            folder.mkdir(parents=True)
        (buses / device.name).symlink_to("../../../devices/pci0000:00/" + device.name)
        (device / "class").write_text(f"0x{code}00\n")
        (device / "config").write_bytes(bytes.fromhex("8680341200000000 0000") +
                                        bytes.fromhex(code)[::-1] + bytes(244))
        (tables / "DMAR").write_bytes(self.RMRR)
        return str(root.parent)

    def verdicts(self, *arguments):
        _, told = self.run_command("explain", "00:1d.0", *arguments)
        return [line.split(": ")[1] for line in told.splitlines() if "passed through" in line]

    def test_the_functions_of_a_host_are_not_those_of_another(self):
        network, graphics = self.host("network", "0200"), self.host("graphics", "0300")
        (table,) = self.write(DMAR=self.RMRR)
        self.assertEqual(self.verdicts(network, graphics), ["no", "yes"])
        self.assertEqual(self.verdicts(graphics, network), ["yes", "no"])
        self.assertEqual(self.verdicts(table, graphics, table, network),
                         ["not known", "yes", "not known", "no"])

    def test_a_tree_of_the_command_line_holds_for_every_input(self):
        network = self.host("network", "0200")
        table, pci = self.write(DMAR=self.RMRR, pci=self.lspci("0300", "00:1d.0"))
        self.assertEqual(self.verdicts("--pci", pci, table, network, table), ["yes"] * 3)

    @staticmethod
    def deep(port):
        """All functions of a segment; the last of each bus is a bridge with the later buses."""
        for bus in range(256):
            for devfn in range(256):
                yield f"{bus:02x}:{devfn >> 3:02x}.{devfn & 7} X\n"
            if bus < 255:
                yield (f"\tBus: primary={bus:02x}, secondary={bus + 1:02x}, subordinate=ff\n"
                       f"\tCapabilities: [40] Express (v2) {port}\n")

    def test_linux_gives_up_vtd_where_the_type_of_a_scope_is_wrong(self):
        bridge, endpoint = "00:1c.0 PCI bridge [0604]: X\n", "00:1c.0 Ethernet controller [0200]: X\n"
        other = "00:1c.0 Bridge [0680]: X\n"
        for kind, listing, gives_up in ((1, bridge, True), (1, endpoint, False), (1, other, False), (2, bridge, False),
                                        (2, endpoint, True), (2, other, False)):
            scope = dmar.scope(kind=kind, hops=((0x1c, 0),))
            for table in (dmar.dmar(dmar.drhd(scope, base=0xfed80000), dmar.UNIT),
                          dmar.dmar(dmar.UNIT, dmar.rmrr(scope))):
                status, told = self.explain("00:1d.0", listing + "00:1d.0 Ethernet controller [0200]: X\n", DMAR=table)
                self.assertEqual("Device scope type does not match for 0000:00:1c.0" in told, gives_up, (kind, listing, told))
                self.assertEqual("Linux uses no IOMMU for it" in told, gives_up)
                self.assertEqual(status == 1, gives_up, told)

    def test_functions_below_each_other_cost_no_more_than_others(self):
        for port, function, mates in (("Root Port", "ff:00.0", 7),
                                      ("PCI-Express to PCI", "01:00.0", 65279)):
            pci = "".join(self.deep(port))
            before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
            _, told = self.explain(function, pci, DMAR=dmar.dmar(dmar.UNIT))
            used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
            self.assertEqual(told.count("must go with it"), mates)
            self.assertLess(used, 5, port)

    def test_from_names_the_table_as_for_resolve(self):
        (table,) = self.write(DMAR=self.RMRR)
        named = self.run_command("explain", "00:1d.0", "--from", table)
        self.assertEqual(named, self.run_command("explain", "00:1d.0", table))
        status, told = self.run_command("explain", "00:1d.0", "--from", table, table)
        self.assertEqual(status, 2)
        self.assertIn("usage: viommu explain", told)

    def test_without_a_tree_it_is_not_known(self):
        status, told = self.explain("00:1f.0", DMAR=dmar.dmar(dmar.UNIT))
        self.assertEqual(status, 1)
        self.assertIn("passed through to a guest: not known", told)
        self.assertIn("--pci", told)

    def test_a_device_without_an_iommu_may_not(self):
        status, told = self.explain("00:1f.0", self.lspci("0200", "00:1f.0"),
                                    DMAR=dmar.dmar(dmar.EXPLICIT))
        self.assertEqual(status, 1)
        self.assertIn("no IOMMU translates it", told)

    def test_a_tree_without_the_function_is_not_asked_for(self):
        status, told = self.explain("00:1f.0", self.lspci("0200", "00:1d.0"),
                                    DMAR=dmar.dmar(dmar.UNIT))
        self.assertEqual(status, 1)
        self.assertIn("its group is not known: the PCI tree has no such function", told)
        self.assertNotIn("--pci", told)

    def test_the_group_of_a_platform_device_is_not_known(self):
        component = iort.component(iort.mapping(0, 0, 5, to=iort.HEAD, flags=1))
        status, told = self.explain("DEV0", IORT=iort.iort(iort.smmu(), component))
        self.assertIn("passed through to a guest: not known", told)
        self.assertIn("its group is not known", told)
        self.assertEqual(status, 1)

    def test_the_groups_of_lspci_decide(self):
        listing = ("00:1c.0 PCI bridge [0604]: X\n\tFlags: a\n\tIOMMU group: 3\n"
                   "\tBus: primary=00, secondary=03, subordinate=03, sec-latency=0\n"
                   "03:00.0 Ethernet controller [0200]: X\n\tFlags: a\n\tIOMMU group: 3\n"
                   "04:00.0 Audio device [0403]: X\n\tFlags: a\n\tIOMMU group: 3\n"
                   "03:00.1 Audio device [0403]: X\n\tFlags: a\n\tIOMMU group: 4\n")
        status, told = self.explain("03:00.0", listing, DMAR=dmar.dmar(dmar.UNIT))
        self.assertEqual(status, 0, told)
        self.assertIn("0000:00:1c.0 is in its group 3, and stays, for it is a bridge", told)
        self.assertIn("0000:04:00.0 is in its group 3, and must go with it", told)
        self.assertNotIn("03:00.1", told)

    GROUPS = {"00:1c.0": 3, "03:00.0": 3, "03:00.1": 3, "04:00.0": 4}

    def test_posted_lists_of_groups_are_read(self):
        groups = self.GROUPS.items()
        for number, listing in enumerate((
                "".join(f"IOMMU Group {group}:\n\t{name} Device [0200]: X [8086:1]\n" for name, group in groups),
                "".join(f"IOMMU Group {group} {name} Device: X [8086:1]\n" for name, group in groups),
                "IOMMU group 3:\n" + "".join(f"\t\t[RESET]\t[8086:1] {name} Device: X\n\t\t\tKernel driver in use: y\n"
                                             for name, group in groups if group == 3) + "\nGroup 4:\n  04:00.0 Device: X\n",
                "".join(f"/sys/kernel/iommu_groups/{group}/devices/0000:{name}\n" for name, group in groups),
                "".join(f"[    1.{group}] pci 0000:{name}: Adding to iommu group {group}\n" for name, group in groups),
                "".join(f"iommu: Adding device 0000:{name} to group {group}\n" for name, group in groups))):
            _, told = self.explain("03:00.0", listing, DMAR=dmar.dmar(dmar.UNIT))
            mates = [line.split()[0] for line in told.splitlines() if "is in its group 3, and must go with it" in line]
            self.assertEqual(mates, ["0000:00:1c.0", "0000:03:00.1"], (number, told))
        self.assertIn("and must go with it unless it is a bridge", told)

    def test_listings_of_the_folder_of_a_group_are_read(self):
        links = ("../../../../devices/pci0000:00/0000:00:1c.0", "../../../../devices/pci0000:00/0000:00:1c.0/0000:03:00.0",
                 "../../../../devices/pci0000:00/0000:00:1c.0/0000:03:00.1")
        long = "total 0\ndrwxr-xr-x 2 root root 0 Jun 21 19:40 .\n" + "".join(
            f"lrwxrwxrwx 1 root root 0 Jun 21 19:40 {link.split('/')[-1]} -> {link}\n" for link in links)
        for number, listing in enumerate((
                "$ ls -la /sys/kernel/iommu_groups/3/devices/\n" + long,
                "/sys/kernel/iommu_groups/3/devices:\n" + long + "\n/sys/kernel/iommu_groups/4/devices:\ntotal 0\n"
                "lrwxrwxrwx 1 root root 0 Jun 21 19:40 0000:04:00.0 -> ../../../../devices/pci0000:00/0000:04:00.0\n",
                "$ ls /sys/kernel/iommu_groups/3/devices\n0000:00:1c.0  0000:03:00.0  0000:03:00.1\n")):
            _, told = self.explain("03:00.0", listing, DMAR=dmar.dmar(dmar.UNIT))
            mates = [line.split()[0] for line in told.splitlines() if "is in its group 3" in line]
            self.assertEqual(mates, ["0000:00:1c.0", "0000:03:00.1"], (number, told))
            if "->" in listing:
                self.assertIn("0000:00:1c.0 is in its group 3, and stays, for it is a bridge", told)

    def test_the_table_of_proxmox_is_read(self):
        rows = (("0x060400", "0000:00:1c.0", "3"), ("0x020000", "0000:03:00.0", "3"), ("0x020000", "0000:03:00.1", "3"),
                ("0x010601", "0000:04:00.0", "4"), ("0x0c0330", "0000:00:14.0", "-1"), ("0x0c0330", "0000:00:15.0", "-1"))
        listing = "│ class    │ device │ id           │ iommugroup │ vendor │\n" + "".join(
            f"│ {code} │ 0x1234 │ {name} │ {group:>10} │ 0x8086 │\n" for code, name, group in rows)
        _, told = self.explain("03:00.0", listing, DMAR=dmar.dmar(dmar.UNIT))
        self.assertIn("0000:00:1c.0 is in its group 3, and stays, for it is a bridge", told)
        self.assertIn("0000:03:00.1 is in its group 3, and must go with it\n", told)
        self.assertNotIn("04:00.0", told)
        _, told = self.explain("00:14.0", listing, DMAR=dmar.dmar(dmar.UNIT))
        self.assertNotIn("is in its group", told)
        (alone,) = self.write(alone=listing)
        _, told = self.run_command("explain", "00:14.0", "--pci", alone)
        self.assertIn("00:14.0: no group, by alone", told)
        self.assertNotIn("00:15.0", told)

    def test_a_list_of_groups_answers_without_tables(self):
        (groups,) = self.write(groups="IOMMU group 1\n\t00:01.0 PCI bridge [0604]: X\n\t01:00.0 VGA controller [0300]: X\n"
                               "\t01:00.1 Audio device [0403]: X\n\n$ lspci -nn\n02:00.0 Ethernet controller [0200]: X\n")
        status, told = self.run_command("explain", "01:00.0", "--pci", groups)
        self.assertEqual(status, 1)
        self.assertIn("01:00.0: group 1, by groups; ", told)
        self.assertIn("0000:00:01.0 is in its group 1, and stays, for it is a bridge", told)
        self.assertIn("0000:01:00.1 is in its group 1, and must go with it\n", told)
        self.assertIn("give the tables of its machine", told)
        answer = json.loads(self.run_command("explain", "--json", "01:00.0", "--pci", groups)[1])["answers"][0]
        self.assertEqual((answer["by"], answer["sysfs"], answer["verdict"]), ("sysfs", {"group": 1}, "not known"))
        status, told = self.run_command("explain", "00:01.0", "--pci", groups)
        self.assertIn("guest: no", told)
        status, told = self.run_command("explain", "02:00.0", "--pci", groups)
        self.assertEqual(status, 1)
        self.assertIn("it is in no group of the list: if the list is whole, no IOMMU translates it", told)
        (paths,) = self.write(paths="$ lspci\n0001:01:00.0 Ethernet controller: X\n\n"
                              "/sys/kernel/iommu_groups/1/devices/107c580000.hvs\n")
        status, told = self.run_command("explain", "0001:01:00.0", "--pci", paths)
        self.assertIn("0001:01:00.0: no group, by paths", told)
        for device in ("05:00.0", "COM0"):
            status, told = self.run_command("explain", device, "--pci", groups)
            self.assertEqual(status, 2)
            self.assertIn(f"no function \"{device}\" is in groups", told)

    def test_a_host_bridge_stays_without_a_driver(self):
        _, told = self.explain("04:00.0", "IOMMU Group 3:\n\t00:08.0 Host bridge [0600]: X\n\t04:00.0 Device [0300]: X\n",
                               DMAR=dmar.dmar(dmar.UNIT))
        self.assertIn("0000:00:08.0 is in its group 3, and stays if it has no driver: it is a host bridge", told)

    def test_a_list_of_groups_is_named_with_the_command_for_it(self):
        for listing in ("IOMMU group 1\n\t01:00.0 VGA compatible controller [0300]: X [10de:1]\n",
                        "Group 15:\t[10de:21c4] [R] 09:00.0  VGA compatible controller\n",
                        "/sys/kernel/iommu_groups/1/devices/0000:01:00.0\n",
                        "│ class    │ device │ id           │ iommugroup │\n│ 0x010601 │ 0xa282 │ 0000:00:17.0 │          5 │\n"):
            status, told = self.check(list=listing)
            self.assertEqual(status, 2)
            self.assertIn("a list of IOMMU groups", told)
            self.assertIn("`viommu explain FUNCTION --pci FILE`", told)

    def test_what_is_for_another_option_or_program_is_named_with_it(self):
        for text, name, cure in (
                ("-[0000:00]-+-00.0  Device\n           \\-1f.0  Device\n", "`lspci -t`", "--pci"),
                ("pci 0000:00:01.0: Adding to iommu group 0\n", "a list of IOMMU groups", "`viommu explain"),
                ("iommu@5100 {\n\tcompatible = \"x,y\";\n\t#iommu-cells = <0x00>;\n};\n", "the source of a device tree", "dtc"),
                ("kd> !iort\nIORT - HEADER - fffff7f400010018\n  Length: 0x30\n   NodeArrayOffset : 0x00000030\n",
                 "WinDbg", ".writemem")):
            status, told = self.check(text=text)
            self.assertEqual(status, 2)
            self.assertIn(name, told)
            self.assertIn(cure, told)

    def test_a_list_of_groups_in_a_fence_is_read(self):
        _, told = self.explain("03:00.0", "IOMMU Group 3:\n```\n03:00.0 Device [0200]: X\n03:00.1 Device [0200]: X\n```\n"
                               "04:00.0 Device [0200]: X\n", DMAR=dmar.dmar(dmar.UNIT))
        self.assertIn("0000:03:00.1 is in its group 3", told)
        self.assertNotIn("04:00.0", told)

    def test_what_follows_a_list_of_groups_is_in_none(self):
        listing = "IOMMU Group 3:\n\t03:00.0 Device [0200]: X\n\n$ lspci -nn\n03:00.1 Device [0200]: X\n"
        _, told = self.explain("03:00.0", listing, DMAR=dmar.dmar(dmar.UNIT))
        self.assertNotIn("03:00.1", told)

    def test_ports_without_groups_are_not_known_to_divide_them(self):
        status, told = self.explain("03:00.0", PciTrees.MONITOR, DMAR=dmar.dmar(dmar.UNIT))
        self.assertEqual(status, 1)
        self.assertIn("its group is not known: what else is below bridge 0000:00:01.0", told)
        status, told = self.explain("03:00.0", PciTrees.TREE, DMAR=dmar.dmar(dmar.UNIT))
        self.assertIn("its group is not known: bridge 0000:00:01.0 may make it share", told)

    ACS = "\tCapabilities: [140 v1] Access Control Services\n\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+\n"

    def ports(self, port="", upstream="", downstream="", card=""):
        """A card of two functions below a switch, as lspci -vvv shows it."""
        return "".join(f"{name} X\n\tControl: I/O+\n{buses}\tCapabilities: [40] Express (v2) {kind}\n{acs}" for name, buses, kind, acs in (
            ("00:01.0", "\tBus: primary=00, secondary=01, subordinate=03\n", "Root Port", port),
            ("01:00.0", "\tBus: primary=01, secondary=02, subordinate=03\n", "Upstream Port", upstream),
            ("02:00.0", "\tBus: primary=02, secondary=03, subordinate=03\n", "Downstream Port", downstream),
            ("03:00.0", "", "Endpoint", card), ("03:00.1", "", "Endpoint", card)))

    def test_ports_with_acs_divide_groups(self):
        table = dmar.dmar(dmar.UNIT)
        for acs, known, mate in (((self.ACS, "", self.ACS, self.ACS), True, False), ((self.ACS, "", self.ACS, ""), True, True),
                                 (("", "", self.ACS, self.ACS), False, False), ((self.ACS, self.ACS, "", self.ACS), False, False)):
            status, told = self.explain("03:00.0", self.ports(*acs), DMAR=table)
            self.assertEqual("the ports above it have ACS" in told, known, told)
            self.assertEqual("03:00.1 is a function of the same device" in told, mate, told)
            self.assertEqual("its group is not known" in told, not known, told)
            self.assertEqual(status, 0 if known else 1)

    def test_acs_is_read_from_bytes(self):
        def config(secondary, kind, acs, header=1):
            space = bytearray(4096)
            space[0x0a:0x0c] = (4, 6) if header else (0, 2)
            space[0x0e], space[0x19:0x1b], space[0x34], space[0x06] = header, bytes((secondary, secondary)), 0x40, 0x10
            space[0x40:0x44] = (0x10, 0, kind << 4 | 2, 0)
            space[0x100:0x104], space[0x140:0x144] = (1, 0, 1, 0x14), (0x0d if acs else 3, 0, 1, 0)
            return "".join(f"{at:02x}: {space[at:at + 16].hex(' ')}\n" for at in range(0, len(space), 16))
        for acs in (True, False):
            listing = f"00:01.0 X\n{config(1, 4, acs)}\n01:00.0 X\n{config(0, 0, False, header=0)}\n"
            status, told = self.explain("01:00.0", listing, DMAR=dmar.dmar(dmar.UNIT))
            self.assertEqual(("the ports above it have ACS" in told, status), (acs, 0 if acs else 1), told)

    def test_mates_are_named(self):
        _, told = self.explain("03:00.0", self.lspci("0200", "03:00.0", "03:00.1", "04:00.0"),
                               DMAR=dmar.dmar(dmar.UNIT))
        self.assertIn("0000:03:00.1 is a function of the same device", told)
        self.assertNotIn("04:00.0", told)
        _, told = self.explain("06:01.0", PciTrees.MONITOR, DMAR=dmar.dmar(dmar.UNIT))
        self.assertIn("0000:06:02.0 shares its requester ID", told)


class TreeSources(Reports):
    """The source of a device tree, as people post it."""

    SOURCE = """\
/dts-v1/;
/ {
	#address-cells = <1>;
	#size-cells = <1>;
	smmu: iommu@5000000 {
		compatible = "arm,smmu-v3"; /* { */
		reg = <0x5000000 0x20000>;
		#iommu-cells = <1>;
	};
	net {
		note = "{";
		iommus = <&smmu 5>;
	};
};
"""

    def resolve(self, text):
        (path,) = self.write(posted=text)
        return self.run_command("resolve", "net", "--from", path)

    def test_it_is_read_in_every_wrapping(self):
        texts = {name: forms.WRAPPINGS[name](self.SOURCE) for name in (
            "quoted", "fenced", "indented", "kernel log", "journal", "numbered", "patch", "spaces at the ends", "CRLF",
            "mark", "UTF-16", "UTF-16 without a mark", "no-break spaces", "page", "JSON", "quoted-printable")}
        texts["licence"] = "/*\n" + " * word\n" * 2000 + " */\n" + self.SOURCE
        texts["U-Boot"] = "=> fdt print /\n" + self.SOURCE.split("\n", 1)[1].replace("&smmu", "1").replace(
            "smmu: iommu@5000000 {", "iommu@5000000 {\n\t\tphandle = <1>;") + "=> bootm\n"
        texts["label"] = self.SOURCE + "&smmu {\n\tdma-coherent;\n};\n\nThanks!\n"
        for name, text in texts.items():
            status, told = self.resolve(text)
            self.assertEqual(status, 0, name + told)
            self.assertIn("stream 0x5", told, name)

    def test_a_difference_may_be_of_files_that_end_without_a_newline(self):
        note = "\\ No newline at end of file\n"
        (size, *lines), count = self.SOURCE.splitlines(), self.SOURCE.count("\n")
        lines = "".join(f" {line}\n" for line in [size, *lines[:-1]])
        for end in (f"-}};\n{note}+}};\n", f"-}};\n+}};\n{note}", f"-}}; \n{note}+}};\n{note}"):
            status, told = self.resolve(f"--- a\n+++ b\n@@ -1,{count} +1,{count} @@\n{lines}{end}")
            self.assertEqual(status, 0, end + told)
            self.assertIn("stream 0x5", told, end)

    def test_a_folder_and_an_archive_may_have_it(self):
        (path,) = self.write(**{"board": self.SOURCE})
        folder = pathlib.Path(path).parent / "folder"
        folder.mkdir()
        (folder / "board.dts").write_text(self.SOURCE)
        (folder / "soc.dtsi").write_text("/dts-v1/;\n#include <x.h>\n")
        status, told = self.run_command("resolve", "net", "--from", str(folder))
        self.assertEqual(status, 0, told)

    def test_a_copy_of_the_kernels_folder_has_one_tree(self):
        base = pathlib.Path(self.path("firmware")) / "devicetree/base"
        base.mkdir(parents=True)
        (base.parent.parent / "fdt").write_bytes(dt.tree())
        for name in "#address-cells", "#size-cells":
            (base / name).write_bytes(bytes((0, 0, 0, 2)))
        _, told = self.run_command("dump", str(base.parent.parent))
        self.assertEqual(told.count("/dts-v1/"), 1, told)

    FILES = {
        "soc/#address-cells": bytes((0, 0, 0, 1)), "soc/#size-cells": bytes((0, 0, 0, 1)), "soc/ranges": b"",
        "soc/iommu@5000000/compatible": b"arm,smmu-v3\0", "soc/iommu@5000000/name": b"iommu\0",
        "soc/iommu@5000000/reg": bytes((5, 0, 0, 0, 0, 2, 0, 0)), "soc/iommu@5000000/phandle": bytes((0, 0, 0, 1)),
        "soc/iommu@5000000/#iommu-cells": bytes((0, 0, 0, 1)), "soc/net@1/compatible": b"x,net\0",
        "soc/net@1/reg": bytes((0, 0, 0, 1, 0, 0, 0, 1)), "soc/net@1/iommus": bytes((0, 0, 0, 1, 0, 0, 0, 5)),
        "#address-cells": bytes((0, 0, 0, 1)), "#size-cells": bytes((0, 0, 0, 1)),
    }

    def pack(self, mode, *folders):
        """An archive of the tree in these folders."""
        file = io.BytesIO()
        files = [(folder + name, content) for folder in folders for name, content in self.FILES.items()]
        if mode == "zip":
            with zipfile.ZipFile(file, "w") as archive:
                for name, content in files:
                    archive.writestr(name, content)
            return file.getvalue()
        with tarfile.open(fileobj=file, mode="w:" + mode) as archive:
            for name, content in files:
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return file.getvalue()

    def test_the_kernels_folder_is_read_from_an_archive(self):
        root = pathlib.Path(self.path("folder"))
        for name, content in self.FILES.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        _, expected = self.run_command("dump", str(root))
        self.assertIn("iommus = <0x1 0x5>", expected)
        for mode in "", "gz", "xz", "zip":
            for folder in "device-tree/", "./", "", "report/proc/device-tree/":
                (path,) = self.write(packed=self.pack(mode, folder))
                _, told = self.run_command("dump", path)
                self.assertEqual(told[told.index("/dts-v1/"):], expected[expected.index("/dts-v1/"):], mode)
                status, told = self.run_command("resolve", "net@1", "--from", path)
                self.assertEqual(status, 0, told)
                self.assertIn("stream 0x5", told)

    def test_each_tree_of_an_archive_is_read(self):
        (path,) = self.write(packed=self.pack("gz", "one/", "other/inside/"))
        _, told = self.run_command("dump", path)
        self.assertEqual(told.count("/dts-v1/;"), 2, told)
        _, told = self.run_command("resolve", "net@1", "--from", path)
        self.assertEqual(told.count("stream 0x5"), 1, told)

    def test_folders_of_an_archive_may_be_too_deep_for_a_tree(self):
        deep = {"/".join(["x"] * 40 + ["reg"]): bytes(4)}
        self.FILES = {**self.FILES, **deep}
        (path,) = self.write(packed=self.pack("gz", "tree/"))
        status, told = self.run_command("check", path)
        self.assertEqual(status, 2)
        self.assertIn("packed:tree: error: the folder of a device tree is damaged, or too large", told)

    def test_copies_of_a_table_in_one_report_have_one_answer(self):
        same, other = dmar.dmar(dmar.UNIT), dmar.dmar(dmar.UNIT, dmar.UNIT)
        for again, answers in (same, 1), (forms.acpidump(same).encode(), 1), (other, 2):
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("report/sys/firmware/acpi/tables/DMAR", same)
                archive.writestr("report/commands/acpidump", again)
            (path,) = self.write(report=file.getvalue())
            _, told = self.run_command("resolve", "00:02.0", "--from", path)
            self.assertEqual(told.count("00:02.0: dmar0"), answers, told)
            self.assertEqual("report: tables with the same bytes as another" in told, answers == 1, told)

    def test_tables_around_a_source_are_read_too(self):
        table = forms.acpidump(dmar.dmar(dmar.UNIT))
        root = "\n/ {\n\tcompatible = \"x\";\n};\n"
        for text, found in ((table + "\nI have /dts-v1/; at its start, and /memory.\n", "DMAR"),
                            (table + "\nfdt print gives\n" + root, "DMAR and DTB"),
                            ("The tree has /dts-v1/ as well.\n" + table, "DMAR"),
                            (self.SOURCE + "\n" + table, "DMAR and DTB")):
            (path,) = self.write(posted=text)
            folder = pathlib.Path(self.path("folder"))
            folder.mkdir(exist_ok=True)
            (folder / "posted").write_text(text)
            for name in path, str(folder):
                _, told = self.run_command("resolve", "00:02.0", "--from", name)
                self.assertIn("00:02.0: dmar0", told, text)
                self.assertNotIn("cannot be compiled", told)
            _, told = self.run_command("dump", path)
            self.assertEqual("DTB" in told or "/dts-v1/" in told, "DTB" in found, told)

    def test_a_topology_may_name_a_directive_of_dtc(self):
        status, told = self.resolve("viommu: 1\niommus: [ { name: s, kind: smmu-v3, at: 0x1000 } ]\n"
                                    "devices: [ { name: net, iommu: s, id: 5 } ]\n# of a source with /dts-v1/;\n")
        self.assertEqual(status, 0, told)

    def test_a_quote_as_a_character_begins_no_string(self):
        status, told = self.resolve(self.SOURCE.replace("<&smmu 5>", "<&smmu '\"'>"))
        self.assertEqual(status, 0, told)
        self.assertIn("stream 0x22", told)

    def test_the_parser_of_dtc_has_a_limit_and_another_cure(self):
        status, told = self.resolve("/dts-v1/;\n/ {\n" + "".join(f"n{i} {{ }};\n" for i in range(12000)) + "};\n")
        self.assertEqual(status, 2)
        self.assertIn("memory exhausted; give the device tree itself", told)

    def test_an_error_has_its_line_and_a_cure(self):
        status, told = self.resolve("Hi,\n\n> " + self.SOURCE.replace("&smmu", "&smmuv3").replace("\n", "\n> "))
        self.assertEqual(status, 2)
        self.assertIn("dtc: 12.7-15.5: ERROR", told)
        self.assertIn("correct the source", told)


class DeviceTrees(Reports):
    ITS = {"compatible": "arm,gic-v3-its", "msi-controller": b"", "phandle": (dt.ITS,)}

    def test_other_kernels_send_msis_elsewhere(self):
        tree = dt.tree(dt.bridge(msi_map=(0, dt.ITS, 0x4000, 0, 0x10000)), its=self.ITS | {"#msi-cells": (2,)})
        (path,) = self.write(tree=tree)
        _, told = self.run_command("resolve", "00:02.0", "--from", path)
        self.assertIn("MSIs to /its, device 0x4010", told)
        before = told[told.index("Linux before ccb2fd725d41"):].splitlines()
        self.assertIn("/virtio_iommu@1,0", before[0])
        self.assertEqual(before[1].strip(), "MSIs to no ITS")

    def test_a_map_to_nodes_with_different_cells_is_read_otherwise_by_older_kernels(self):
        tree = dt.tree(dt.bridge(iommu_map=(0, dt.VIOMMU, 0, 8, 0x100, dt.SMMU, 0, 0, 8)),
                       smmu_at_9000000=dt.smmu())
        _, told = self.check(tree=tree)
        self.assertIn("an entry has 5 cells, which kernels without ccb2fd725d41", told)

    def interrupts(self, **changes):
        smmu = dt.smmu(**{"interrupt-parent": (0x20,)} | changes)
        smmu = {key: value for key, value in smmu.items() if value is not None}
        tree = dt.tree(smmu_at_9000000=smmu, device_at_9100000=dt.device(dt.SMMU, 1, 0),
                       gic={"#interrupt-cells": (3,), "phandle": (0x20,)})
        return self.check(tree=tree)

    def test_the_cure_of_a_master_without_ids_is_a_general_one(self):
        for masters, cure in ((0x30, 5), "`iommus = <&{/smmu@9000000} 0x5>;` in /net"), ((0x30,), "`iommus` in each master"):
            tree = dt.tree(smmu_at_9000000={"compatible": "arm,mmu-401", "mmu-masters": masters},
                           net={"phandle": (0x30,), "#stream-id-cells": (1,)})
            self.assertIn(f"and {cure} [dt-mmu-masters]", self.check(tree=tree)[1])

    def test_a_bridge_without_a_number_gets_one_that_no_other_has(self):
        given = {"device_type": "pci", "bus-range": (0, 0xff), "linux,pci-domain": (0,)}
        off = dict(given, status=b"disabled\0", **{"linux,pci-domain": (1,)})
        tree = dt.tree(given, pci_at_2={"device_type": "pci", "bus-range": (0, 0xff)}, pci_at_3=off)
        status, told = self.check(dtb=tree)
        self.assertEqual((status, "topology-bridges-overlap" in told), (0, False), told)
        told = self.run_command("topology", self.path("dtb"))[1]
        self.assertRegex(told, r"(?s)/pci@2.*segment: 2")

    def test_linux_uses_no_smmu_of_the_newer_binding_with_masters(self):
        old = {"compatible": b"arm,smmu-v2\0", "reg": (0, 0x9000000, 0, 0x10000), "phandle": (7,), "#iommu-cells": (1,),
               "mmu-masters": (9, 1)}
        new = {key: value for key, value in old.items() if key != "mmu-masters"} | {
            "reg": (0, 0x9100000, 0, 0x10000), "phandle": (8,)}
        nodes = {"a_at_1": {"reg": (0, 0xa000000, 0, 4096), "phandle": (9,), "iommus": (7, 5)},
                 "b_at_2": {"reg": (0, 0xb000000, 0, 4096), "iommus": (8, 5)}}
        for first, second, reasons in ((old, new, ("CONFIG_ARM_SMMU_LEGACY", "mismatched DT properties")),
                                       (new, old, ("CONFIG_ARM_SMMU_LEGACY", None))):
            (path,) = self.write(dtb=dt.tree(iommu_at_1=first, iommu_at_2=second, **nodes))
            for device, reason in zip(("a@1", "b@2"), reasons):
                told = self.run_command("resolve", device, path)[1]
                self.assertIn("stream 0x5", told)
                self.assertEqual("Linux: no IOMMU" in told, reason is not None, told)
                self.assertIn(reason or "", told)

    def test_an_smmu_has_interrupts_that_are_not_global(self):
        self.assertEqual(self.interrupts(), (0, ""))
        for changes, text in ({"#global-interrupts": (2,)}, "no more interrupts (2) than global ones (2)"), \
                ({"#global-interrupts": None}, "has no #global-interrupts"), \
                ({"interrupts": None, "interrupts-extended": (0x20, 0, 60, 4)}, "no more interrupts (1) than global ones (1)"):
            status, told = self.interrupts(**changes)
            self.assertEqual(status, 1)
            self.assertIn(text, told)


class ReservedMemory(Reports):
    def test_attributes_of_an_rmr_are_those_of_the_specification(self):
        for attributes in range(256):
            node = iort.rmr(iort.mapping(8, 1, to=iort.SMMU_AT), flags=attributes << 2 | 1)
            _, told = self.check(IORT=iort.iort(*iort.GOOD, node, revision=5))
            self.assertEqual("[iort-memory]" in told, attributes > 5, told)

    def test_a_region_of_a_named_device_is_left_out_with_a_finding(self):
        names = dmar.drhd(dmar.scope(dmar.NAMESPACE, 1), flags=dmar.ALL), \
            dmar.rmrr(dmar.scope(dmar.NAMESPACE, 1)), dmar.andd()
        (path,) = self.write(DMAR=dmar.dmar(*names))
        for command in (["check"], ["topology"], ["convert", "--to", "ivrs", "--output", self.path("out")]):
            _, told = self.run_command(*command, path)
            self.assertEqual(told.count("[dmar-memory-named]"), 1, told)


class LeftOut(Reports):
    @staticmethod
    def unknown(kind):
        return struct.pack("<HHI", kind, 8, 0)

    def test_each_structure_that_is_left_out_is_reported(self):
        table = dmar.dmar(dmar.UNIT, self.unknown(9), self.unknown(10))
        one, other = self.write(one=table, other=table)
        for arguments in ("topology", one, other), ("convert", "--to", "dmar", one, "-o",
                                                    self.path("out")):
            status, told = self.run_command(*arguments)
            self.assertEqual(status, 1)
            for name in ("one", "other")[:told.count("# ") or 1]:
                for kind in 9, 10:
                    self.assertEqual(told.count(f"{name}:0x{0x40 + 8 * (kind - 9):x}: warning: "
                                                f"type {kind}"), 1, told)

    def test_a_node_that_reading_reports_is_reported_once(self):
        (path,) = self.write(IORT=iort.iort(*iort.GOOD, iort.pmcg(iort.mapping(), reference=iort.SMMU_AT)))
        self.assertEqual(self.run_command("topology", path)[1].count("[iort-silent-node]"), 1)


    def test_a_structure_behind_many_other_findings_is_reported(self):
        odd = [iort.mapping(2 * i, 1, 2 * i, iort.SMMU_AT, flags=0x80) for i in range(1200)]
        (path,) = self.write(IORT=iort.iort(iort.GROUP, iort.UNIT, iort.complex_(*odd),
                                            iort.pmcg(iort.mapping(), reference=iort.SMMU_AT)))
        self.assertIn("findings that are not listed", self.run_command("check", path)[1])
        status, told = self.run_command("topology", path)
        self.assertEqual(status, 1)
        self.assertIn("[iort-silent-node]", told)


class Messages(Reports):
    def test_what_cannot_be_generated_is_answered_by_the_list_in_the_help(self):
        for arguments in ("generate", "nothing", "x"), ("convert", "--to", "nothing", "x"):
            status, told = self.run_command(*arguments)
            self.assertEqual(status, 2)
            self.assertIn('cannot generate "nothing": the help lists each TABLE', told)

    def test_a_graph_of_several_tables_names_the_input(self):
        table = dmar.dmar(dmar.UNIT)
        pathlib.Path(self.path("both")).mkdir()
        self.write(**{"both/DMAR": table, "both/VIOT": viot.viot(viot.virtio_pci(), viot.pci_range())})
        status, told = self.run_command("graph", self.path("both"))
        self.assertEqual(status, 2)
        self.assertIn("both: 2 tables: name a file that has only one", told)


class Plausible(Reports):
    def test_linux_answers_with_the_kernels_words(self):
        _, told = self.check(IORT=iort.iort(iort.GROUP, iort.UNIT, iort.BRIDGE, iort.smmu_v2(
            identifier=3, contexts=0)))
        self.assertIn("[iort-interrupts]", told)

    def test_interrupts_of_a_virtio_iommu_on_mmio_are_read_from_a_device_tree(self):
        machine_ = text("iommus: [ { name: v, kind: virtio-iommu-mmio, at: 0xa003e00, span: 512, "
                        "interrupts: [79] } ]",
                        "devices: [ { at: 0x9000000, iommu: v, id: 1 } ]")
        (path,) = self.write(text=machine_)
        self.run_command("generate", "dtb", path, "-o", self.path("t"))
        _, told = self.run_command("convert", "--to", "cmdline", self.path("t"))
        self.assertIn("virtio_mmio.device=512@0xa003e00:79", told)

    def test_a_viot_of_no_nodes_is_not_made(self):
        (path,) = self.write(text=text(SMMU, "host-bridges: [ { buses: 00-ff, iommu: s } ]"))
        status, told = self.run_command("convert", "--to", "viot", path, "-o", self.path("t"))
        self.assertEqual(status, 2)
        self.assertIn("viot-iommu-none", told)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
