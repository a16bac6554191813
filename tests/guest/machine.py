# SPDX-License-Identifier: BSD-3-Clause
"""One running QEMU: its guest's console, and its monitor.

Every wait has a timeout. All output is kept, since a failure shows it.
"""

import json
import os
import re
import socket
import subprocess
import threading
import time


class Failed(Exception):
    """The row has failed; the text describes the failure."""


class Monitor:
    """QMP over a Unix socket: one command at a time; events are kept."""

    def __init__(self, path, deadline):
        self.socket = socket.socket(socket.AF_UNIX)
        while True:
            try:
                self.socket.connect(path)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise Failed("QEMU's monitor does not answer") from None
                time.sleep(0.05)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.events = []
        self._next(deadline)
        self.command("qmp_capabilities")

    def _next(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise Failed("QEMU's monitor does not answer in time")
        self.socket.settimeout(left)
        try:
            line = self.lines.readline()
        except OSError:
            raise Failed("QEMU's monitor does not answer in time") from None
        if not line:
            raise Failed("QEMU closed its monitor")
        return json.loads(line)

    def command(self, name, timeout=30, **arguments):
        request = {"execute": name, "arguments": arguments} if arguments else {"execute": name}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + timeout
        while True:
            message = self._next(deadline)
            if "event" in message:
                self.events.append(message)
            elif "error" in message:
                raise Failed(f"{name}: {message['error']['desc']}")
            else:
                return message["return"]

    def event(self, name, timeout=30):
        """Return the oldest event of a name; waits for one if none has come."""
        deadline = time.monotonic() + timeout
        while True:
            for message in self.events:
                if message["event"] == name:
                    self.events.remove(message)
                    return message.get("data", {})
            message = self._next(deadline)
            if "event" in message:
                self.events.append(message)

    def human(self, line, timeout=60):
        return self.command("human-monitor-command", timeout=timeout, **{"command-line": line})


class Machine:
    def __init__(self, command, folder, name="guest", environment=None):
        self.name = name
        self.started = time.monotonic()
        self.output = ""
        self.changed = threading.Condition()
        self.monitor_path = os.path.join(folder, f"{name}.qmp")
        command = command + ["-qmp", f"unix:{self.monitor_path},server=on,wait=off"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            cwd=folder, env={**os.environ, **(environment or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self._monitor = None

    def _read(self):
        while piece := self.process.stdout.read1():
            with self.changed:
                self.output += piece.decode(errors="replace").replace("\r", "")
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    @property
    def monitor(self):
        if not self._monitor:
            self._monitor = Monitor(self.monitor_path, time.monotonic() + 10)
        return self._monitor

    def alive(self):
        return self.process.poll() is None

    def expect(self, pattern, start, deadline):
        """Wait until the console shows a pattern after a position; returns where it ended."""
        expression = re.compile(pattern, re.M)
        with self.changed:
            while True:
                found = expression.search(self.output, start)
                if found:
                    return found.end()
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Failed(f"not seen in time on {self.name}'s console: {pattern}")
                if not self.reader.is_alive() and not self.alive():
                    raise Failed(f"QEMU ended before {self.name}'s console showed: {pattern}")
                self.changed.wait(min(left, 0.5))

    def answer(self, text="go"):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def finish(self, deadline):
        """Wait until QEMU exits; returns its exit status."""
        try:
            status = self.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failed(f"{self.name} did not power off in time") from None
        self.reader.join(5)
        return status

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait()
        self.reader.join(5)
        self.process.stdout.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
