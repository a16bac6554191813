#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What viommu-conformance makes of a VMM, with programs in place of one: test_conformance.py SOURCE"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = pathlib.Path(sys.argv[1]) / "conformance/viommu-conformance"
IMAGE = b"viommu-conformance first=00001 last=99999"

# In a shell: $first is the case to begin with, and there are four.
BEGIN = """
first=$(grep -ao 'first=[0-9]*' "$1" | tr -dc 1-9)
begin() { echo "# case $1: case $1 [rule, ${2:-MUST}]"; }
pass() { begin "$1"; echo "ok $1 - case $1 [rule, MUST]"; }
from() { for n in $(seq "$first" "$1"); do pass "$n"; done; }
echo 1..4
"""


class Conformance(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        (self.folder / "image").write_bytes(IMAGE)
        self.report = self.folder / "report.json"

    def run_with(self, *words):
        return subprocess.run([sys.executable, PROGRAM, *words], capture_output=True, text=True, check=False,
                              timeout=60)

    def judge(self, script, *options, command=("{image}",)):
        (self.folder / "vmm").write_text(BEGIN + script)
        done = self.run_with("--image", self.folder / "image", "--json", self.report, *options, "--", "sh",
                             self.folder / "vmm", *command)
        self.assertNotIn("Traceback", done.stderr)
        return done

    def results(self):
        return [(case["number"], case["result"]) for case in json.loads(self.report.read_text())["cases"]]

    def test_all_passed_is_0(self):
        done = self.judge("from 4; echo '# end'")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.results(), [(n, "passed") for n in (1, 2, 3, 4)])

    def test_a_broken_must_is_1(self):
        self.assertEqual(self.judge("from 3; begin 4; echo 'not ok 4 - a [r, MUST]'; echo '# end'").returncode, 1)

    def test_a_broken_should_is_0(self):
        self.assertEqual(self.judge("from 3; begin 4; echo 'not ok 4 - a [r, SHOULD]'; echo '# end'").returncode, 0)

    def test_a_vmm_that_ends_in_a_case_is_1_at_any_level(self):
        for level in ("MUST", "SHOULD", "choice"):
            done = self.judge(f"[ $first = 1 ] && {{ pass 1; begin 2 {level}; exit; }}; from 4; echo '# end'")
            self.assertEqual(done.returncode, 1, level)
            self.assertEqual(self.results(), [(1, "passed"), (2, "ended"), (3, "passed"), (4, "passed")])

    def test_a_vmm_that_is_silent_in_a_case_is_1(self):
        done = self.judge("[ $first = 1 ] && { begin 1 choice; sleep 30; }; from 4; echo '# end'", "--patience", "2")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.results()[0], (1, "hung"))

    def test_a_case_that_never_ends_and_talks_hangs(self):
        done = self.judge("[ $first = 1 ] && { begin 1; while :; do echo '# on'; sleep .1; done; }; from 4; echo '# end'",
                          "--limit", "2")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.results()[0], (1, "hung"))

    def test_missing_cases_are_1(self):
        for script in ("from 2", "from 2; sleep 9", "from 2; echo 'Bail out! no'",
                       "[ $first = 1 ] || exit; pass 1; begin 2"):
            done = self.judge(script, "--patience", "2")
            self.assertEqual(done.returncode, 1, script)
            self.assertIn("cases are missing", done.stdout, script)
            self.assertTrue(json.loads(self.report.read_text())["problem"])

    def test_an_image_that_is_not_the_one_given_ends_the_run(self):
        done = self.judge("pass 1; begin 2; exit", command=("{image}",))
        self.assertEqual(done.returncode, 1)
        self.assertIn("ran again", done.stdout)
        self.assertEqual(self.run_with("--image", self.folder / "image", "--", "sh", "x").returncode, 2)

    def test_nothing_judged_is_2_with_a_line(self):
        good = self.folder / "image"
        for words in (["--image", good, "--", self.folder / "no-vmm", "{image}"],
                      ["--image", self.folder / "none", "--", "true", "{image}"],
                      ["--image", good, "--json", self.folder / "no/report", "--", "true", "{image}"],
                      ["--architecture", "vax", "--", "true", "{image}"],
                      ["--image", good, "--", "true", "{image}"],
                      ["--image", good, "--patience", "1", "--", "sh", "-c", "sleep 30", "{image}"],
                      ["--image", good, "--", "echo", "Bail out! no virtio-iommu", "{image}"],
                      ["--html", self.folder / "matrix", self.folder / "image"]):
            done = self.run_with(*words)
            self.assertEqual(done.returncode, 2, words)
            self.assertRegex(done.stderr, r"^viommu-conformance: .+\n$", words)

    def test_children_of_the_vmm_end_with_it(self):
        begun = time.monotonic()
        self.judge(f"sleep 50 & echo $! >{self.folder}/child; from 4; echo '# end'; wait")
        self.assertLess(time.monotonic() - begun, 20)
        child = int((self.folder / "child").read_text())
        for _ in range(50):
            if not os.path.exists(f"/proc/{child}") or \
                    " Z " in pathlib.Path(f"/proc/{child}/stat").read_text(encoding="utf-8"):
                return
            time.sleep(0.1)
        self.fail("a child runs on")


unittest.main(argv=sys.argv[:1], verbosity=0)
