# SPDX-License-Identifier: BSD-3-Clause
"""A stock QEMU with the module and viommu-watch, whose machine has stopped processors."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "../guest"), os.path.join(HERE, "..")]

import qemus                                        # noqa: E402 pylint: disable=wrong-import-position
from machine import Failed, Machine                 # noqa: E402 pylint: disable=wrong-import-position
from qtest import Qtest                             # noqa: E402 pylint: disable=wrong-import-position

MEMORY = 64 << 20
# What QEMU must never print.
BROKEN = r".*(?:ERROR: \w+Sanitizer|runtime error:|[Aa]ssert|is blocked: |heap-use-after).*"


class Broken(Exception):
    """The device violated a rule; the text describes the violation."""


def sanitizer():
    """The environment with which a sanitized module finds the runtime of the sanitizers."""
    runtime = subprocess.run(["cc", "-print-file-name=libasan.so"], text=True,
                             capture_output=True, check=True).stdout.strip()
    return {"LD_PRELOAD": os.path.realpath(runtime),
            "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
            "UBSAN_OPTIONS": "print_stacktrace=1"}


class Stage:
    """Starts QEMUs of one version, and ends them."""

    def __init__(self, qemu, sanitized=False):
        self.qemu = qemu
        self.module = qemu.module()
        self.environment = dict(qemu.environment)
        if sanitized:
            self.module = self.module.replace("/viommu-qemu.so", "-sanitized/viommu-qemu.so")
            self.environment.update(sanitizer())
        self.watch = os.path.join(os.path.dirname(self.module), "viommu-watch.so")
        self.folder = tempfile.mkdtemp(prefix="viommu-hostile-")
        self.rom = qemus.halting_rom(self.folder)
        self.victims = []

    def keep_no_freed_memory(self):
        """Else AddressSanitizer would: then QEMU's memory is more than what it holds."""
        if "ASAN_OPTIONS" in self.environment:
            self.environment["ASAN_OPTIONS"] += ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64"

    def command(self, board, devices, more=()):
        command = self.qemu.command("amd64") + [
            "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg", "-M", board,
            "-bios", self.rom, "-m", str(MEMORY >> 20),
            "-plugin", self.module, "-plugin", self.watch, *more]
        return command + [word for device in devices for word in ("-device", device)]

    def start(self, devices, more=(), board="q35"):
        victim = Victim(self, self.command(board, devices, more), f"qemu{len(self.victims)}")
        self.victims.append(victim)
        return victim

    def refused(self, devices, more=(), board="q35"):
        """Returns the error message of a QEMU that refuses to start; "" if it starts."""
        command = self.command(board, devices, more)
        try:
            done = subprocess.run(command, env={**os.environ, **self.environment}, text=True,
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False,
                                  timeout=10)
        except subprocess.TimeoutExpired:
            return ""
        return done.stderr if done.returncode == 1 else f"status {done.returncode}: {done.stderr}"

    def close(self):
        for victim in self.victims:
            victim.machine.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Victim:
    """One QEMU, controlled through QMP and qtest."""

    def __init__(self, stage, command, name):
        path = os.path.join(stage.folder, f"{name}.qtest")
        command = command + ["-qtest", f"unix:{path},server=on,wait=off", "-qtest-log", "none"]
        self.machine = Machine(command, stage.folder, name, stage.environment)
        try:
            self.monitor = self.machine.monitor
        except Failed:
            self.machine.kill()
            raise Broken(f"QEMU does not start: {self.machine.output}") from None
        self.qtest = Qtest(path, time.monotonic() + 20)

    def get(self, path, name):
        return self.monitor.command("qom-get", path=f"/machine/peripheral/{path}", property=name)

    def set(self, path, name, value):
        self.monitor.command("qom-set", path=f"/machine/peripheral/{path}", property=name,
                             value=value)

    def endpoints(self):
        return json.loads(self.get("iommu0", "state"))["endpoints"]

    def wait_for(self, what, condition, seconds=60):
        deadline = time.monotonic() + seconds
        alive = True
        while not condition():
            was_alive, alive = alive, self.machine.alive()
            if time.monotonic() > deadline or not was_alive:
                raise Broken(f"no end in time: {what}\n{self.machine.output}")
            time.sleep(0.01)

    def runs(self):
        """Is the process alive, and its guest running?"""
        try:
            return self.machine.alive() and \
                self.monitor.command("query-status")["status"] == "running"
        except (Failed, OSError):
            return False

    def deleted(self, name):
        """Wait until a device is gone."""
        while self.monitor.event("DEVICE_DELETED").get("device") != name:
            pass

    def look(self):
        """Raise Broken if QEMU has printed something that it must never print."""
        if found := re.search(BROKEN, self.machine.output):
            raise Broken(found[0])
