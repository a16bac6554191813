#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The Python binding over real tables: test_python.py VIOMMU LIBRARY SOURCE

It says what the command says, of every golden table and of every file that tests refuse.
"""
import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

VIOMMU, LIBRARY, SOURCE = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
os.environ["VIOMMU_TABLES"] = LIBRARY
sys.path.insert(0, str(SOURCE / "bindings/python"))
import viommu                                       # noqa: E402 pylint: disable=wrong-import-position

GOLDEN = sorted(path for path in (SOURCE / "tests/golden").iterdir()
                if path.suffix in (".VIOT", ".IORT", ".DMAR", ".IVRS", ".dtb"))
TEXT = """viommu: 1
iommus:
  - { name: a, kind: virtio-iommu-pci, at: 00:01.0 }
host-bridges:
  - { buses: 00-7f, iommu: a }
devices:
  - { name: uart, at: 0x10001000, iommu: a, id: 0x20000 }
"""


def command(*arguments):
    return json.loads(subprocess.run([VIOMMU, *arguments], capture_output=True, check=False).stdout)


class Tables(unittest.TestCase):
    def test_they_are_those_of_the_command(self):
        self.assertGreater(len(GOLDEN), 30)
        for path in GOLDEN:
            table, = viommu.read(path)
            self.assertEqual(bytes(table), path.read_bytes(), path)
            self.assertEqual(table.data()["table"], command("dump", "--json", str(path))["tables"][0]["table"])
            self.assertIn("\nviommu: 1\n", "\n" + str(table.topology()))

    def test_findings_are_those_of_the_command(self):
        for path in sorted((SOURCE / "tests/tables/formats/viot/refused").glob("*.viot")):
            found = [finding["id"] for finding in command("check", "--json", str(path))["findings"]]
            self.assertEqual([finding.id for finding in viommu.read(path)[0].check()], found, path)

    def test_a_finding_is_a_line_of_the_command(self):
        path = SOURCE / "tests/tables/formats/viot/refused/viot-output-node.viot"
        told = subprocess.run([VIOMMU, "check", path], capture_output=True, text=True, check=False).stderr
        for finding in viommu.read(path)[0].check():
            self.assertIn(str(finding) + "\n", told)

    def test_what_is_no_table_is_an_error_with_findings(self):
        with self.assertRaises(viommu.Error) as error:
            viommu.decode(b"nothing", "nothing.bin")
        self.assertEqual(error.exception.findings[0].severity, "error")
        self.assertIn("nothing.bin", str(error.exception))

    def test_what_was_found_in_an_input_with_tables_is_kept(self):
        path = SOURCE / "tests/tables/acpi/refused/image-entry.image"
        tables = viommu.read(path)
        found = [finding["id"] for finding in command("check", "--json", str(path))["findings"]]
        self.assertEqual([table.signature for table in tables], ["VIOT"])
        self.assertEqual([finding.id for finding in tables.findings + tables[0].check()], found)
        twice = viommu.decode(path.read_bytes()[-88:] * 2, "twice")
        self.assertEqual([finding.id for finding in twice.findings], ["input-twice"])
        self.assertIn("twice#VIOT", str(twice.findings[0]))

    def test_a_file_has_any_name_that_a_file_can_have(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(os.fsencode(folder), b"caf\xe9")
            pathlib.Path(os.fsdecode(path)).write_bytes(b"VIOT" + bytes(40))
            for name in (path, os.fsdecode(path), pathlib.Path(os.fsdecode(path))):
                table, = viommu.read(name)
                self.assertIn("caf", str(table.check()[0]))
                with self.assertRaises(viommu.Error) as error:
                    viommu.decode(b"nothing", name)
                self.assertIn("caf", str(error.exception))
                with self.assertRaises(viommu.Error) as error:
                    viommu.Topology.parse("viommu: 1\niommus: 3\n", name)
                self.assertIn("caf", str(error.exception))

    def test_bytes_of_any_type_are_decoded(self):
        data = GOLDEN[0].read_bytes()
        for made in (bytearray, memoryview):
            self.assertEqual(bytes(viommu.decode(made(data))[0]), data)
            self.assertEqual(bytes(viommu.Table(made(data))), data)

    def test_rules_are_those_of_the_command(self):
        self.assertEqual([rule.id for rule in viommu.rules()],
                         [rule["id"] for rule in command("check", "--rules", "--json")["rules"]])


class Topologies(unittest.TestCase):
    def test_a_table_is_generated_and_read_again(self):
        machine = viommu.Topology.parse(TEXT)
        self.assertEqual(machine.check(), [])
        table = machine.generate("VIOT")
        self.assertEqual(table.signature, "VIOT")
        again = viommu.decode(bytes(table))[0].topology()
        self.assertEqual(again.resolve("0000:03:00.0")[:3], ("iommu", "viommu0", 0x300))
        self.assertEqual(machine.resolve("uart")[:3], ("iommu", "a", 0x20000))
        self.assertEqual(machine.resolve("80:00.0")[:3], ("nothing", None, None))
        with self.assertRaises(KeyError):
            machine.resolve("no-such-device")

    def test_a_file_has_the_topology_of_its_text_or_of_its_tables(self):
        for name in ("virt-smmu.IORT", "q35-minimal.VIOT", "virt-smmu.dtb"):
            self.assertIn("iommus:", str(viommu.Topology.read(SOURCE / "tests/golden" / name)))
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(TEXT)
            file.flush()
            self.assertEqual(str(viommu.Topology.read(file.name)), str(viommu.Topology.parse(TEXT)))
        with self.assertRaises(FileNotFoundError):
            viommu.Topology.read("/nonexistent/file")
        with self.assertRaises(viommu.Error) as error:
            viommu.Topology.read(SOURCE / "tests/meson.build")
        self.assertTrue(error.exception.findings)

    def test_data_has_the_keys_of_the_text(self):
        data = viommu.Topology.parse(TEXT).data()
        self.assertEqual(data["iommus"][0]["name"], "a")
        self.assertEqual(data["iommus"][0]["place"]["file"], "topology")
        self.assertEqual(data, viommu.Topology.parse(TEXT).data())

    def test_a_text_that_is_wrong_is_an_error_with_its_place(self):
        with self.assertRaises(viommu.Error) as error:
            viommu.Topology.parse("viommu: 1\niommus: 3\n", "wrong.yaml")
        self.assertIn("wrong.yaml:2:", str(error.exception))

    def test_a_table_that_cannot_be_generated_is_an_error(self):
        with self.assertRaises(viommu.Error) as error:
            viommu.Topology.parse(TEXT).generate("NONE")
        self.assertIsInstance(error.exception.findings, list)

    def test_objects_are_freed_once(self):
        for _ in range(100):
            viommu.Topology.parse(TEXT).generate("VIOT").topology()
        gc.collect()


unittest.main(argv=sys.argv[:1], verbosity=0)
