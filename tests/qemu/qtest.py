# SPDX-License-Identifier: BSD-3-Clause
"""Memory and port accesses through QEMU's qtest protocol, in place of its stopped processors.

QEMU answers one line of its qtest protocol at a time, some ten thousand in a second.
"""

import base64
import socket
import time

WIDTHS = {1: "b", 2: "w", 4: "l", 8: "q"}


class Ended(Exception):
    """QEMU has exited."""


class Qtest:
    def __init__(self, path, deadline):
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise Ended("QEMU does not open its qtest socket") from None
                time.sleep(0.02)
        self.socket.settimeout(60)
        self.lines = self.socket.makefile("r", encoding="ascii")

    def command(self, line):
        return self.commands(line)[0]

    def commands(self, *lines):
        """Returns the answers. QEMU does nothing else between the commands."""
        try:
            self.socket.sendall("".join(f"{line}\n" for line in lines).encode())
            answers = [self.answer() for _ in lines]
        except OSError as error:
            raise Ended(f"{error} at: {lines[0][:80]}") from None
        for line, answer in zip(lines, answers):
            if not answer.startswith("OK"):
                raise Ended(f"{answer.strip()} at: {line[:80]}")
        return [answer[3:].strip() for answer in answers]

    def answer(self):
        while (answer := self.lines.readline()).startswith("IRQ"):
            pass
        return answer

    def out(self, port, value, width=4):
        self.command(f"out{WIDTHS[width]} {port:#x} {value:#x}")

    def in_(self, port, width=4):
        return int(self.command(f"in{WIDTHS[width]} {port:#x}"), 0)

    def poke(self, address, width, value):
        value &= (1 << 8 * width) - 1
        self.command(f"write{WIDTHS[width]} {address:#x} {value:#x}")

    def peek(self, address, width):
        return int(self.command(f"read{WIDTHS[width]} {address:#x}"), 0)

    def write(self, address, data):
        if data:
            self.command(f"b64write {address:#x} {len(data):#x} "
                         f"{base64.b64encode(data).decode()}")

    def read(self, address, length):
        return base64.b64decode(self.command(f"b64read {address:#x} {length:#x}"))
