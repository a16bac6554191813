#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Tests of the capture scripts, which need no QEMU.

Guest memory is made by hand: right, and then wrong in one place at a time.
"""

import io
import os
import random
import struct
import sys
import tempfile
import textwrap
import unittest
import zlib

import acpi
import capture
import golden_topologies
import pci
from guest import Guest, GuestError

RAM = 0x800000                          # two places for an EFI pointer
TABLES, EFI_TABLE, EFI_ENTRIES, RSDP = 0x10000, 0x20000, 0x21000, acpi.BIOS_FIRST + 0x40
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden")


def summed(data, offset):
    data = bytearray(data)
    data[offset] = 0
    data[offset] = -sum(data) % 256
    return bytes(data)


def table(signature, body, length=None):
    size = acpi.HEADER_SIZE + len(body) if length is None else length
    return summed(struct.pack("<4sI28x", signature, size) + body, 9)


def with_crc(data, offset):
    crc = zlib.crc32(data[:offset] + bytes(4) + data[offset + 4:])
    return data[:offset] + struct.pack("<I", crc) + data[offset + 4:]


class Image:
    """RAM with tables in it, found in the BIOS area or through EFI."""

    def __init__(self, *tables, efi=False):
        self.ram, self.efi = bytearray(RAM), efi
        addresses = []
        for i, data in enumerate(tables):
            addresses.append(TABLES + 0x1000 + i * 0x1000)
            self.put(addresses[-1], data)
        form, signature = ("<Q", b"XSDT") if efi else ("<I", b"RSDT")
        self.put(TABLES, table(signature, b"".join(struct.pack(form, a) for a in addresses)))
        self.put_rsdp(*((0, TABLES) if efi else (TABLES, 0)))
        if efi:
            self.put_efi(1)

    def put(self, address, data):
        self.ram[address:address + len(data)] = data

    def put_rsdp(self, rsdt, xsdt):
        rsdp = struct.pack("<8sx6sBI", b"RSD PTR ", b"TESTER", 2 if xsdt else 0, rsdt)
        self.put(RSDP, summed(summed(rsdp, 8) + struct.pack("<IQ4x", acpi.RSDP_SIZE, xsdt), 32))

    def put_efi(self, count):
        self.put(EFI_ENTRIES, acpi.ACPI_20_GUID + struct.pack("<Q", RSDP))
        fields = struct.pack("<8sII8x80xQQ", acpi.EFI_SIGNATURE, 0, 120, count, EFI_ENTRIES)
        self.put(EFI_TABLE, with_crc(fields, 16))
        self.put(acpi.EFI_POINTER_STEP, acpi.EFI_SIGNATURE + struct.pack("<Q8x", EFI_TABLE))

    def take(self, *signatures):
        memory = acpi.Memory(lambda address, size: bytes(self.ram[address:address + size]),
                             0, RAM - 1)
        return acpi.take_tables(memory, self.efi, signatures)


VIOT = table(b"VIOT", b"nodes")


class TablesInMemory(unittest.TestCase):
    def refused(self, image, why):
        with self.assertRaisesRegex(acpi.NotThere, why):
            image.take("VIOT")

    def test_a_table_is_found_through_the_rsdt_in_the_bios_area(self):
        self.assertEqual(Image(table(b"FACP", b""), VIOT).take("VIOT"), {"VIOT": VIOT})

    def test_a_table_is_found_through_the_efi_system_table(self):
        self.assertEqual(Image(VIOT, efi=True).take("VIOT"), {"VIOT": VIOT})

    def test_empty_memory_has_no_tables(self):
        image = Image()
        image.ram = bytearray(RAM)
        self.refused(image, "no RSDP in the BIOS area")
        image.efi = True
        self.refused(image, "no EFI system table")

    def test_every_table_asked_for_must_be_there(self):
        with self.assertRaisesRegex(acpi.NotThere, "no table IORT"):
            Image(VIOT).take("VIOT", "IORT")

    def test_two_tables_of_one_name_are_refused(self):
        self.refused(Image(VIOT, VIOT), "several tables VIOT")

    def test_a_wrong_checksum_is_refused(self):
        image = Image(VIOT)
        image.ram[TABLES + 0x1000 + 20] ^= 1
        self.refused(image, "checksum of the table at 0x11000")
        image = Image(VIOT)
        image.ram[RSDP + 10] ^= 1
        self.refused(image, "no RSDP")

    def test_a_length_must_fit_a_header_and_ram(self):
        for length in (0, acpi.HEADER_SIZE - 1, acpi.LARGEST_TABLE + 1, 0xFFFFFFFF):
            self.refused(Image(table(b"VIOT", b"", length)), f"says that it has {length} bytes")
        image = Image(VIOT)
        image.put(RAM - acpi.HEADER_SIZE, table(b"RSDT", b"", acpi.HEADER_SIZE + 4))
        image.put_rsdp(RAM - acpi.HEADER_SIZE, 0)
        self.refused(image, "outside of RAM")

    def test_an_address_outside_of_ram_is_not_read(self):
        for address in (RAM, RAM - 1, 0xFFFFFFFF):
            image = Image(VIOT)
            image.put_rsdp(address, 0)
            self.refused(image, "outside of RAM")
        image = Image(VIOT, efi=True)
        image.put_rsdp(0, (1 << 64) - 1)
        self.refused(image, "outside of RAM")

    def test_a_count_of_efi_tables_is_limited(self):
        for count in (0, acpi.EFI_MOST_ENTRIES + 1, (1 << 64) - 1):
            image = Image(VIOT, efi=True)
            image.put_efi(count)
            self.refused(image, f"has {count} configuration tables")

    def test_an_efi_table_with_a_wrong_crc_is_not_believed(self):
        image = Image(VIOT, efi=True)
        image.ram[EFI_TABLE + 30] ^= 1
        self.refused(image, "no EFI system table")

    def test_no_change_of_a_byte_makes_it_stumble(self):
        chance = random.Random(1)
        places = (TABLES, TABLES + 0x1000, EFI_TABLE, EFI_ENTRIES, RSDP, acpi.EFI_POINTER_STEP)
        for _ in range(300):
            image = Image(VIOT, efi=bool(chance.getrandbits(1)))
            for _ in range(chance.randrange(1, 4)):
                image.ram[chance.choice(places) + chance.randrange(128)] = chance.randrange(256)
            try:
                self.assertIn("VIOT", image.take("VIOT"))
            except acpi.NotThere:
                pass


class DeviceTrees(unittest.TestCase):
    @staticmethod
    def header(total, structure, strings, size_strings, size_structure):
        return struct.pack(">10I", capture.FDT_MAGIC, total, structure, strings, 0, 17, 16, 0,
                           size_strings, size_structure)

    def test_room_behind_the_last_block_is_cut(self):
        blob = self.header(1000, 40, 60, 10, 20) + bytes(range(30)) + bytes(930)
        packed = capture.packed_tree(blob)
        self.assertEqual(packed, self.header(70, 40, 60, 10, 20) + bytes(range(30)))

    def test_blocks_outside_of_the_blob_are_refused(self):
        for header in (self.header(1000, 40, 1000, 1, 20), self.header(1001, 40, 60, 10, 20),
                       self.header(1000, 40, 60, 0xFFFFFFFF, 20), self.header(0, 0, 0, 0, 0)):
            with self.assertRaises(capture.CaptureError):
                capture.packed_tree(header + bytes(1000 - len(header)))
        with self.assertRaises(capture.CaptureError):
            capture.packed_tree(b"")


class PciTrees(unittest.TestCase):
    QUERY = [{"bus": 0, "devices": [
        {"bus": 0, "slot": 8, "function": 1, "class_info": {"class": 0x604},
         "id": {"vendor": 0x1B36, "device": 0xC},
         "pci_bridge": {"bus": {"number": 0, "secondary": 10, "subordinate": 11}, "devices": [
             {"bus": 10, "slot": 0, "function": 0, "class_info": {"class": 0xFF},
              "id": {"vendor": 0x1AF4, "device": 0x1057}}]}}]}]
    INFO = textwrap.dedent("""\
        == before
          Bus  0, device   8, function 1:
            PCI bridge: PCI device 1b36:000c
              BUS 0.
              secondary bus 10.
              subordinate bus 11.
          Bus 10, device   0, function 0:
            Class 0255: PCI device 1af4:1057
              PCI subsystem 1af4:1100
        == behind
        """)

    def test_monitor_and_stored_lines_mean_the_same(self):
        lines = pci.lines_of_query(self.QUERY)
        self.assertEqual(lines, ["0000:00:08.1 1b36:000c class 0604 secondary 0a subordinate 0b",
                                 "0000:0a:00.0 1af4:1057 class 00ff"])
        self.assertEqual(pci.read_lines("\n".join(lines)), pci.read_info(self.INFO))

    def test_a_line_that_is_no_function_is_refused(self):
        with self.assertRaises(ValueError):
            pci.read_lines("0000:00:28.0 1af4:1057 class 00ff")


class Topologies(unittest.TestCase):
    def test_those_of_our_captures_are_what_the_script_writes(self):
        stems = list(golden_topologies.captures(GOLDEN))
        self.assertGreater(len(stems), 5)
        for stem in stems:
            text = golden_topologies.text_of(stem)
            name = f"{os.path.basename(stem)}.yaml"
            with open(os.path.join(GOLDEN, "topologies", name), encoding="utf-8") as file:
                self.assertEqual(file.read(), text, name)

    def test_without_a_tree_only_what_is_sure_is_reported(self):
        tree = golden_topologies.usual_tree
        command = golden_topologies.Command
        plain = "-machine virt -nodefaults -device virtio-iommu-pci"
        self.assertEqual(tree(command(plain))[0].address(), "0000:00:01.0")
        with_vga = "-machine q35 -net none -device virtio-iommu-pci"
        self.assertEqual(tree(command(with_vga))[0].address(), "0000:00:02.0")
        for unclear in ("-machine virt -device virtio-iommu-pci", plain + ",addr=0x3",
                        plain + " -device pcie-root-port", "-machine q35 -nodefaults"):
            with self.assertRaises(ValueError):
                tree(command(unclear))


class Monitors(unittest.TestCase):
    """QEMU is played by a line of Python."""

    def refused(self, program, why):
        with self.assertRaisesRegex(GuestError, why):
            with Guest([sys.executable, "-c", program], sys.executable, os.sep):
                pass

    def test_a_qemu_that_ends_is_quoted(self):
        self.refused("import sys; sys.exit('no such device')", "ended: no such device")

    def test_what_is_not_qmp_is_refused(self):
        self.refused("print('hello')", "does not speak QMP")

    def test_a_refused_command_has_a_reason(self):
        self.refused("""if 1:
            print('{"QMP": {}}', flush=True)
            input()
            print('{"event": "STOP"}')
            print('{"error": {"desc": "not today"}}')""", "refused qmp_capabilities: not today")

    def test_a_qemu_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(GuestError, "cannot run /nonexistent"):
            with Guest(["qemu"], "/nonexistent", os.sep):
                pass


class Versions(unittest.TestCase):
    def test_a_capture_replaces_its_own_line_only(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "VERSIONS"), "w", encoding="utf-8") as file:
                file.write("a: QEMU 1\nb: QEMU 2, x: y\n")
            capture.write(capture.MACHINES[0], {"x.VIOT": b"x"}, "QEMU 3", folder)
            self.assertEqual(capture.read_versions(folder),
                             {"a": "QEMU 1", "b": "QEMU 2, x: y",
                              capture.MACHINES[0].name: "QEMU 3"})

    def test_check_names_what_differs_and_what_is_missing(self):
        with tempfile.TemporaryDirectory() as folder:
            capture.write(capture.MACHINES[0], {"same": b"1", "other": b"1"}, "QEMU", folder)
            stored, sys.stdout = sys.stdout, io.StringIO()
            try:
                wrong = capture.check(capture.MACHINES[0],
                                      {"same": b"1", "other": b"2", "new": b"3"}, "QEMU", folder)
                said = sys.stdout.getvalue()
            finally:
                sys.stdout = stored
            self.assertEqual(wrong, 2)
            self.assertRegex(said, "other differs\n.*new is missing\n")


if __name__ == "__main__":
    unittest.main()
