# SPDX-License-Identifier: BSD-3-Clause
"""A QEMU with a guest, controlled by QMP on its standard input and output.

Every wait has a limit. Any failure of QEMU is a GuestError with a description.
"""

import contextlib
import json
import os
import select
import subprocess
import tempfile
import time

ANSWER_WITHIN = 60.0            # seconds; an emulated machine is slow, its monitor is not
LARGEST_ANSWER = 16 << 20


class GuestError(Exception):
    """QEMU did not do what it should."""


class Guest:
    """Use it in a `with`, which ends QEMU in any case."""

    def __init__(self, command, binary, folder):
        """Run `command` (a list) with its first word replaced by `binary`, in `folder`."""
        self.name, self.received = command[0], b""
        self.command, self.folder = [binary] + command[1:], folder

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self.scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="capture-"))
            self.errors = stack.enter_context(tempfile.TemporaryFile())
            self.process = stack.enter_context(self.start())
            stack.callback(self.process.kill)
            self.answer()               # the greeting
            self.ask("qmp_capabilities")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self):
        try:
            return subprocess.Popen(self.command, cwd=self.folder, bufsize=0,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                    stderr=self.errors)
        except OSError as error:
            raise GuestError(f"cannot run {self.command[0]}: {error.strerror}") from error

    def last_words(self):
        self.errors.seek(0)
        text = self.errors.read(4096).decode("utf-8", "replace").strip()
        return text or "it said nothing"

    def line(self, deadline):
        while b"\n" not in self.received:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise GuestError(f"{self.name} did not answer within {ANSWER_WITHIN:.0f} s")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise GuestError(f"{self.name} ended: {self.last_words()}")
            self.received += data
            if len(self.received) > LARGEST_ANSWER:
                raise GuestError(f"{self.name} does not stop answering")
        line, _, self.received = self.received.partition(b"\n")
        return line

    def answer(self):
        """The next message that is not an event."""
        deadline = time.monotonic() + ANSWER_WITHIN
        while True:
            line = self.line(deadline)
            try:
                message = json.loads(line)
            except ValueError as error:
                raise GuestError(f"{self.name} does not speak QMP: {line[:80]!r}") from error
            if isinstance(message, dict) and "event" not in message:
                return message

    def ask(self, command, **arguments):
        request = json.dumps({"execute": command, "arguments": arguments})
        try:
            self.process.stdin.write(request.encode() + b"\n")
        except OSError as error:
            raise GuestError(f"{self.name} ended: {self.last_words()}") from error
        message = self.answer()
        if "return" not in message:
            why = message.get("error", {}).get("desc", "no reason given")
            raise GuestError(f"{self.name} refused {command}: {why}")
        return message["return"]

    def read(self, address, size):
        path = os.path.join(self.scratch, "memory")
        self.ask("pmemsave", val=address, size=size, filename=path)
        with open(path, "rb") as file:
            return file.read(size)

    def ram_size(self):
        return self.ask("query-memory-size-summary")["base-memory"]
