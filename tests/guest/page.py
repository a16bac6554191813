#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Follow docs/qemu.md from nothing to a booted Debian: `./run guest --page`

The commands are those of the page: indented lines of its section. One shell runs all of them up to QEMU,
whose guest gets the commands of the next block on its console. It must print the lines of the last one.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
SECTION = "## From nothing to a booted Debian\n"
LINES_SHOWN = 40
INSTALL, BOOT = 1800, 900      # seconds, on a busy machine


class Wrong(Exception):
    """The page does not lead where it says; the text describes where it ends."""


def blocks():
    """The indented blocks of the section, without their indentation."""
    with open(os.path.join(ROOT, "docs/qemu.md"), encoding="utf-8") as file:
        section = file.read().partition(SECTION)[2].partition("\n## ")[0]
    found = re.findall(r"(?:^    .*\n)+", section, re.M)
    return ["".join(line[4:] for line in block.splitlines(True)) for block in found]


class Console:
    """A shell's output, and the guest's console after it."""

    def __init__(self, script):
        self.raw = b""
        self.process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        while piece := self.process.stdout.read1():
            self.raw += piece

    @property
    def text(self):
        """Without what moves the cursor and sets colours."""
        return re.sub(r"\x1b\[[?0-9;]*[a-zA-Z]|\r", "", self.raw.decode(errors="replace"))

    def wait(self, pattern, seconds, start=0):
        """Wait for a pattern; returns where it ends."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text[start:])):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise Wrong(f"not seen: {pattern}")
            time.sleep(0.2)
        return start + found.end()

    def end(self):
        """End the shell and the programs that it has started."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()


def follow(console, inside, expected):
    at = console.wait("Linux version", INSTALL)
    at = console.wait("login: ", BOOT, at)
    console.type("root")
    at = console.wait("# ", BOOT, at)
    for line in inside.splitlines():
        console.type(line)
        at = console.wait("\n.*# ", BOOT, at)
    for line in expected.splitlines():
        if f"\n{line}\n" not in console.text:
            raise Wrong(f"the guest does not print: {line}")
    console.type("poweroff")
    console.wait("reboot: Power down", BOOT, at)


def main():
    started = time.monotonic()
    *host, inside, expected = blocks()
    console = Console("".join(host))
    try:
        follow(console, inside, expected)
    except Wrong as wrong:
        lines = console.text.splitlines()[-LINES_SHOWN:]
        print(f"FAILED  page: {wrong}\n" + "".join(f"        | {line}\n" for line in lines))
        return 1
    finally:
        console.end()
    print(f"ok      page {time.monotonic() - started:5.1f} s  a Debian was made and booted behind the "
          "second of two IOMMUs\npage: 1 passed, 0 failed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
