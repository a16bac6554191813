#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Long output on a terminal goes through a pager, as git does it: test_pager.py VIOMMU GOLDEN"""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

VIOMMU, GOLDEN = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
TABLE = str(GOLDEN / "q35-vtd.DMAR")
SECONDS = 30


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, *arguments, program=VIOMMU, **environment):
        base = {name: value for name, value in os.environ.items()
                if name not in ("PAGER", "VIOMMU_PAGER", "LESS", "NO_COLOR")}
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.execve(program, ["viommu", *arguments], {**base, "TERM": "xterm", **environment})
        self.text, self.status = "", None

    def read(self, until=None):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and not (until and re.search(until, self.text)):
            if not select.select([self.terminal], [], [], 1)[0]:
                continue
            try:
                part = os.read(self.terminal, 65536)
            except OSError:  # everything that had the terminal has ended
                break
            self.text += part.decode(errors="replace").replace("\r\n", "\n")
        return self.text

    def end(self):
        self.read()
        os.close(self.terminal)
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.text


class Pager(unittest.TestCase):
    def shown(self, *arguments, status=0, **environment):
        terminal = Terminal(*arguments, **environment)
        text = terminal.end()
        self.assertEqual(terminal.status, status, text)
        return text

    def test_the_output_goes_through_the_pager(self):
        plain = subprocess.run([VIOMMU, "dump", TABLE], capture_output=True, text=True, check=True).stdout
        paged = self.shown("dump", TABLE, PAGER="sed 's/^/paged: /'")
        self.assertEqual(paged, "".join(f"paged: {line}\n" for line in plain.splitlines()))
        self.assertEqual(self.shown("dump", TABLE, PAGER=""), plain)
        self.assertEqual(self.shown("dump", TABLE, PAGER="cat"), plain)

    def test_the_pager_of_viommu_takes_precedence(self):
        self.assertTrue(self.shown("dump", TABLE, PAGER="false", VIOMMU_PAGER="sed 's/^/own: /'").startswith("own: "))
        self.assertFalse(self.shown("dump", TABLE, PAGER="false", VIOMMU_PAGER="").startswith("own: "))

    def test_findings_go_through_the_pager_with_their_colour(self):
        refused = next(GOLDEN.parent.glob("tables/**/refused/viot-output-node.viot"))
        text = self.shown("check", str(refused), status=1, PAGER="sed 's/^/paged: /'")
        self.assertRegex(text, "paged: .*\x1b\\[1;31merror")

    def test_errors_in_a_file_stay_there(self):
        refused = next(GOLDEN.parent.glob("tables/**/refused/viot-output-node.viot"))
        with tempfile.NamedTemporaryFile("r") as errors:
            shell = f"exec '{VIOMMU}' check '{refused}' 2>{errors.name}"
            text = self.shown("-c", shell, status=1, program="/bin/sh", PAGER="sed 's/^/paged: /'")
            self.assertNotIn("error", text)
            self.assertRegex(errors.read(), "^[^\x1b]*error: [^\x1b]*$")

    def test_less_is_not_for_a_dumb_terminal(self):
        plain = subprocess.run([VIOMMU, "dump", TABLE], capture_output=True, text=True, check=True).stdout
        self.assertEqual(self.shown("dump", TABLE, TERM="dumb"), plain)

    def test_less_ends_at_once_if_all_fits(self):
        text = self.shown("resolve", "--all", TABLE)
        self.assertIn("PCI functions", text)

    def test_a_pager_that_ends_early_ends_the_command_in_silence(self):
        terminal = Terminal("dump", *[TABLE] * 200, PAGER="head -1")
        text = terminal.end()
        self.assertEqual(len(text.splitlines()), 1)
        self.assertIn(terminal.status, (-signal.SIGPIPE, 0))

    def test_the_command_waits_for_the_pager(self):
        self.assertIn("last", self.shown("dump", TABLE, PAGER="cat >/dev/null; sleep 1; echo last"))

    def test_an_interrupt_leaves_the_pager(self):
        terminal = Terminal("dump", TABLE, PAGER="trap '' INT; echo begun; cat >/dev/null; sleep 2; echo last")
        terminal.read("begun")
        os.write(terminal.terminal, b"\x03")
        self.assertIn("last", terminal.end())

    def test_pipes_and_files_have_no_pager(self):
        done = subprocess.run([VIOMMU, "dump", TABLE], capture_output=True, text=True, check=False,
                              env=dict(os.environ, PAGER="sed 's/^/paged: /'"))
        self.assertNotIn("paged", done.stdout)

    def test_a_missing_pager_loses_nothing(self):
        with tempfile.TemporaryDirectory() as empty:
            self.assertIn("Signature", self.shown("dump", TABLE, PATH=empty))
        text = self.shown("dump", TABLE, PAGER="no-such-pager -x")
        self.assertIn("no pager \"no-such-pager\"", text)
        self.assertIn("Signature", text)

    def test_an_assignment_may_stand_before_the_pager(self):
        self.assertIn("paged: ", self.shown("dump", TABLE, PAGER="X=1 sed 's/^/paged: /'"))

    def test_a_closed_standard_input_loses_nothing(self):
        text = self.shown("-c", f"'{VIOMMU}' dump '{TABLE}' <&-", program="/bin/sh", PAGER="sed 's/^/paged: /'")
        self.assertIn("paged: ", text)
        self.assertIn("Signature", text)

    def test_what_is_typed_is_not_taken_by_the_pager(self):
        terminal = Terminal("dump", "-", PAGER="sed 's/^/paged: /'")
        os.write(terminal.terminal, b"no table\n\x04\x04")
        self.assertNotIn("paged: ", terminal.end())
        self.assertEqual(terminal.status, 2, terminal.text)


unittest.main(argv=sys.argv[:1], verbosity=0)
