#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Completion in an interactive bash, as a user types it: test_completion.py VIOMMU

`show` has the completion of viommu and prints its arguments. Bash splits words at colons and equals
signs before it asks for completion, and replaces only what is behind the last of them.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

VIOMMU = os.path.abspath(sys.argv[1])
SECONDS = 30
SETUP = """PS1=; PS2=; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'
source ./completion; cd files
_viommu_functions() { printf '%s\\n' 0000:00:1f.2 0000:00:02.0 0001:00:00.0; }
show() { printf 'got'; printf '<%s>' "$@"; echo ' end'; }
complete -o bashdefault -o default -F _viommu show
"""


class Bash:
    """An interactive bash on a terminal of its own."""

    def __init__(self, folder, setup):
        environment = {"PATH": f"{os.path.dirname(VIOMMU)}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(folder),
                       "INPUTRC": "/dev/null", "LC_ALL": "C.UTF-8"}
        self.pid, self.terminal = pty.fork()
        if not self.pid:
            os.chdir(folder)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        self.type(setup + "echo rea''dy\n")
        self.read("ready")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read(self, pattern):
        text, end = "", time.monotonic() + SECONDS
        while not re.search(pattern, text) and time.monotonic() < end:
            if select.select([self.terminal], [], [], 1)[0]:
                text += os.read(self.terminal, 65536).decode(errors="replace")
        found = re.search(pattern, text)
        if not found:
            raise AssertionError(f"bash printed no {pattern}: {text}")
        return found

    def complete(self, line):
        """The arguments that `show` gets after the line was completed."""
        self.type(line.replace("TAB", "\t") + "\n")
        return re.findall("<(.*?)>", self.read(r"\ngot(.*) end\r?\n").group(1))

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@unittest.skipUnless(shutil.which("bash"), "bash is not installed")
class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        folder = pathlib.Path(cls.temporary.name)
        (folder / "files").mkdir()
        (folder / "files/tables of café").write_text("")
        script = subprocess.run([VIOMMU, "help", "--completion", "bash"], capture_output=True, check=True).stdout
        (folder / "completion").write_bytes(script)
        cls.bash = Bash(folder, SETUP)
        cls.addClassCleanup(cls.bash.close)

    def check(self, line, *arguments):
        self.assertEqual(self.bash.complete(line), list(arguments), line)

    def test_a_function_is_completed_at_each_colon(self):
        for typed in ("0000:00:1", "0000:00:1f.", "0000:00:1f.2"):
            self.check(f"show resolve {typed}TAB", "resolve", "0000:00:1f.2")
        for typed in ("0001", "0001:", "0001:0", "0001:00:"):
            self.check(f"show resolve {typed}TAB", "resolve", "0001:00:00.0")

    def test_what_several_functions_share_is_completed(self):
        self.check("show resolve 0000TAB1fTAB", "resolve", "0000:00:1f.2")
        self.check("show resolve 0000:TAB1fTAB", "resolve", "0000:00:1f.2")

    def test_the_value_of_an_option_is_completed(self):
        self.check("show plan --device 0001:TAB", "plan", "--device", "0001:00:00.0")
        self.check("show plan --device=0001:TAB", "plan", "--device=0001:00:00.0")
        self.check("show plan --device=TAB1:TAB", "plan", "--device=0001:00:00.0")
        self.check("show plan --format=libTAB", "plan", "--format=libvirt")
        self.check("show plan -f libTAB", "plan", "-f", "libvirt")

    def test_every_device_of_a_command_is_completed(self):
        self.check("show resolve 0000:00:02.0 0001:TAB", "resolve", "0000:00:02.0", "0001:00:00.0")

    def test_the_command_is_found_on_a_line_of_several(self):
        self.check("true a:b c && show resolve 0001:TAB", "resolve", "0001:00:00.0")
        self.check("X=1 show resolve 0001:TAB", "resolve", "0001:00:00.0")
        self.check("true 'é é' | show resolve 0001:TAB", "resolve", "0001:00:00.0")

    def test_the_word_at_the_cursor_is_completed(self):
        self.check("show resolve 0001: end\x1b[D\x1b[D\x1b[D\x1b[DTAB", "resolve", "0001:00:00.0", "end")

    def test_files_and_options_are_completed(self):
        self.check("show check tabTAB", "check", "tables of café")
        self.check("show check tables\\ of\\ café --rulTAB", "check", "tables of café", "--rules")
        self.check("show resolve --from tabTAB --alTAB", "resolve", "--from", "tables of café", "--all")
        self.check("show chTAB", "check")


unittest.main(argv=sys.argv[:1], verbosity=0)
