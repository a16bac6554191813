#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What other judges make of programs that fail, with stubs in place of them: test_judges.py SOURCE"""
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(sys.argv[1])
JUDGES = ROOT / "conformance/judges"
sys.path[:0] = [str(JUDGES), str(ROOT / "tests/guest")]

import fwts    # noqa: E402  pylint: disable=wrong-import-position
import iasl    # noqa: E402  pylint: disable=wrong-import-position

MISTAKEN = "virt-smmu-only-expander.IORT"
MISTAKE = "FAILED [HIGH] IORTPCIRootComplexNodeFlagsInvalid: Test 1, IORT PCI Root Complex"
OTHER = "FAILED [HIGH] IORTItsIdArrayOutsideTable: Test 1, IORT ITS Identifier Array end"


class Judges(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def program(self, name, script):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    # -- tests of the build

    def status_of_tests(self, pattern="a *", **scripts):
        (self.folder / "meson-info").mkdir(exist_ok=True)
        every = [{"name": f"a {name}", "cmd": ["sh", "-c", script], "env": {"WORD": "x"}, "workdir": None, "timeout": 1}
                 for name, script in scripts.items()]
        (self.folder / "meson-info/intro-tests.json").write_text(json.dumps(every))
        return subprocess.run([sys.executable, JUDGES / "meson_tests.py", self.folder, pattern], capture_output=True,
                              check=False, timeout=60).returncode

    def test_tests_that_pass_are_0(self):
        self.assertEqual(self.status_of_tests(one="true", two="[ $WORD = x ]"), 0)

    def test_a_skipped_test_is_77(self):
        self.assertEqual(self.status_of_tests(one="true", two="exit 77"), 77)

    def test_a_test_that_fails_or_hangs_is_1(self):
        for script in "exit 1", "kill -SEGV $$", "exec sleep 9":
            self.assertEqual(self.status_of_tests(one="exit 77", two=script), 1, script)

    def test_no_test_of_that_name_is_1(self):
        self.assertEqual(self.status_of_tests("b *", one="true"), 1)

    # -- iasl

    def problems(self, signature, script):
        stub = self.program("iasl", 'case $1 in -T) : >"$(echo $2 | tr A-Z a-z).asl";; -p) : >out.aml;; esac')
        return list(iasl.judge_template([stub], self.program("viommu", script), signature, str(self.folder)))

    def test_a_check_that_says_what_it_should_is_no_problem(self):
        self.assertEqual(self.problems("IOVT", "echo 'checked the table IOVT: no findings'"), [])
        self.assertEqual(self.problems("SRAT", "echo 'a:0x1: warning: b [srat-disabled]'; exit 1"), [])
        self.assertEqual(self.problems("DMAR", "echo 'a:0x1: error: b [dmar-base]'; exit 1"), [])

    def test_a_check_that_ends_otherwise_is_a_problem(self):
        for script in "kill -SEGV $$", "true", "exit 1", "exit 2", "echo 'checked the table IOVT'; exit 2":
            self.assertEqual(len(self.problems("IOVT", script)), 1, script)
        self.assertEqual(len(self.problems("DMAR", "echo 'a:0x1: error: b [dmar-base]'")), 1)

    # -- fwts

    def status_of_fwts(self, table, *lines, viommu="echo x"):
        says = "\n".join([*lines, f"5 passed, {len(lines)} failed, 0 warnings, 0 aborted, 0 skipped"])
        stub = self.program("fwts", f"cat <<'END'\n{says}\nEND")
        tables = self.folder / "tables"
        tables.mkdir(exist_ok=True)
        for path in tables.iterdir():
            path.unlink()
        (tables / table).touch()
        with mock.patch.object(fwts, "program", lambda: [stub]), contextlib.redirect_stdout(io.StringIO()), \
             mock.patch.object(sys, "argv", ["fwts.py", self.program("viommu", viommu), str(tables)]), \
             self.assertRaises(SystemExit) as ended:
            fwts.main()
        return ended.exception.code

    def test_what_fwts_accepts_is_0(self):
        self.assertEqual(self.status_of_fwts("q35.DMAR"), 0)

    def test_a_mistake_of_fwts_is_excused_in_one_table(self):
        self.assertEqual(self.status_of_fwts(MISTAKEN, MISTAKE), 0)
        self.assertEqual(self.status_of_fwts("virt-smmu.IORT", MISTAKE), 1)

    def test_nothing_else_is_excused_there(self):
        self.assertEqual(self.status_of_fwts(MISTAKEN, OTHER), 1)
        self.assertEqual(self.status_of_fwts(MISTAKEN, MISTAKE, OTHER), 1)

    def test_a_mistake_that_is_not_there_any_more_is_1(self):
        self.assertEqual(self.status_of_fwts(MISTAKEN), 1)

    def test_a_table_of_a_program_that_died_is_not_judged(self):
        self.assertNotEqual(self.status_of_fwts("q35.DMAR", viommu="echo x; kill -SEGV $$"), 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
