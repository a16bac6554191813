#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Help texts are complete, and their examples run as they are written: test_examples.py VIOMMU SOURCE

Examples of `viommu help COMMAND`, and of the manual page. They run one after the other, in a folder with files
of the names that they use.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

VIOMMU, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
sys.path.insert(0, str(SOURCE / "tests/host"))
import make_host  # pylint: disable=wrong-import-position,import-error

GOLDEN = SOURCE / "tests/golden"
FILES = {"DMAR": "q35-numa-hotplug.DMAR", "SRAT": "q35-numa-hotplug.SRAT", "VIOT": "q35-two-expanders.VIOT",
         "IORT": "virt-smmu.IORT", "machine.dtb": "virt-smmu.dtb",
         "disk.trace": "../tool/traces/pages.trace",
         "before/DMAR": "q35-vtd.DMAR", "after/DMAR": "q35-vtd-expanders.DMAR"}
OF_THIS_MACHINE = ("viommu host", "viommu host --save machine.tar.gz")
FINE = (0, 1)  # 1: findings, or differences


def run(*arguments, **options):
    return subprocess.run([VIOMMU, *arguments], capture_output=True, text=True, check=False, **options)


COMMANDS = re.findall(r"^  ([a-z]+) +\S", run("help").stdout, re.M)


def examples_of(command):
    """The lines of the last part of the help."""
    return re.findall(r"^    (.*)$", run("help", command).stdout.partition("\nExamples:\n")[2], re.M)


class Help(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        for name, golden in FILES.items():
            (self.folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(GOLDEN / golden, self.folder / name)
        readme = (SOURCE / "README.md").read_text(encoding="utf-8")
        (self.folder / "machine.yaml").write_text(re.search(r"```yaml\n(.*?)```", readme, re.S)[1])
        machine = json.loads((SOURCE / "tests/host/machines/x10dai.json").read_text())
        make_host.make(VIOMMU, machine, self.folder / "tree")
        self.assertEqual(run("host", "--root", "tree", "--save", "host.tar.gz", cwd=self.folder).returncode, 0)

    def check(self, line):
        environment = dict(os.environ, PATH=f"{os.path.dirname(VIOMMU)}:{os.environ['PATH']}", HOME=str(self.folder))
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, env=environment, capture_output=True, text=True,
                              check=False, stdin=subprocess.DEVNULL)
        self.assertIn(done.returncode, FINE, f"{line}: {done.stderr}")
        self.assertNotIn("usage:", done.stderr)

    def test_every_command_has_examples_that_run(self):
        for command in COMMANDS:
            with self.subTest(command):
                examples = examples_of(command)
                self.assertIn(f"viommu {command}", "\n".join(examples))
                for line in examples:
                    self.check(line)

    def test_examples_of_the_manual_run(self):
        manual = (SOURCE / "docs/man/viommu.1").read_text(encoding="utf-8")
        blocks = re.findall(r"^\.EX\n(.*?)^\.EE$", manual.partition(".SH EXAMPLES")[2], re.M | re.S)
        blocks = [block for block in blocks if "machine.yaml" in block]  # others are of this machine
        self.assertTrue(blocks)
        for block in blocks:
            self.check("set -e\n" + block.replace("\\-", "-"))

    def documents(self):
        """Each command that a page shows, without its comment. Those of this machine are left out."""
        for name in ("README.md", "docs/host.md", "docs/tables.md"):
            text = (SOURCE / name).read_text(encoding="utf-8")
            for line in re.findall(r"^(?:    |\$ )((?:viommu|sed) .*[^\\\n])$", text, re.M):
                line = re.sub(r"\s+# .*", "", line).strip()
                if line not in OF_THIS_MACHINE:
                    yield name, line

    def test_commands_of_documents_run(self):
        (self.folder / "fleet").mkdir()
        shutil.copy(self.folder / "host.tar.gz", self.folder / "machine.tar.gz")
        shutil.copy(self.folder / "host.tar.gz", self.folder / "fleet")
        shutil.copy(self.folder / "SRAT", self.folder / "SRAT.bin")
        shutil.copytree(GOLDEN, self.folder / "tests/golden")
        self.check("viommu generate acpi machine.yaml --address 0xe0000 --processors 2 -o set")
        tables = (self.folder / "set").read_bytes()
        at = tables.index(b"APIC")
        length = int.from_bytes(tables[at + 4:at + 8], "little")
        (self.folder / "MADT.aml").write_bytes(tables[at:at + length])
        commands = list(self.documents())
        self.assertGreater(len(commands), 10)
        for name, line in commands:
            with self.subTest(f"{name}: {line}"):
                self.check(line)

    def test_help_of_a_command_is_the_same_in_both_forms(self):
        for command in COMMANDS:
            self.assertEqual(run("help", command).stdout, run(command, "--help").stdout)
            self.assertEqual(run("help", command).stdout, run(command, "-h").stdout)

    def test_no_line_of_help_is_longer_than_a_terminal_or_ends_with_a_space(self):
        for command in COMMANDS:
            for line in run("help", command).stdout.splitlines():
                self.assertEqual(line, line.rstrip(), command)
                self.assertLessEqual(len(line), 85, command)


unittest.main(argv=sys.argv[:1], verbosity=0)
