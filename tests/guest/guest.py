#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run real, unmodified Linux guests behind the device, and check what they print.

    guest.py [NAME...] [--qemu installed|7.2|10.0|all] [--device viommu|builtin|both]
             [--nested] [--shell] [--list] [--again] [--patience N] [--jobs N] [--keep]

The rows are in rows.py; docs/guests.md describes each of them. Exit status: 0 when every row
passed, 1 when one failed, 2 when something that is needed is missing.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import functools
import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import initramfs
import nested
import packages
import planned
import qemus
import parts
import rows
import tables
import viommu_program
from machine import Failed, Machine

DEVICES = {"builtin": "virtio-iommu-pci", "viommu": "viommu-pci"}
# How each device reports the fault of an endpoint without a domain, and the flags of one at an
# unmapped address.
UNATTACHED = {"viommu": "domain", "builtin": "unknown"}
UNMAPPED = {"viommu": "W", "builtin": ""}
# Without cmpxchg16b: QEMU 7.2 emulates that instruction without computing the flags first, which leaves
# the guest's flags wrong.
PROCESSORS = {"amd64": "qemu64,-cx16", "arm64": "cortex-a57", "riscv64": "rv64"}
TRACED = "virtio_iommu_translate "
INSPECTED = "/machine/peripheral/iommu0"
# Under TCG on a busy machine Linux measures its clocks wrongly: it would give up on the timer, distrust
# the time stamp counter, and report stalls. The guest's clock runs on while the host gives TCG no time,
# which is a soft lockup after 20 s; after 120 s, most rows have ended by their own limit.
STALLS = "printk.devkmsg=on oops=panic rcupdate.rcu_cpu_stall_suppress=1 watchdog_thresh=60"
APPEND = {
    "amd64": f"console=ttyS0 tsc=unstable no_timer_check {STALLS}",
    "arm64": f"console=ttyAMA0 {STALLS}",
    "riscv64": f"console=ttyS0 {STALLS}",
}
MEBIBYTE = 1 << 20
LINES_SHOWN = 100
# Matches complete lines only.
ATTENTION = r"row: (?:end|host, (.*))(?=\n)|Kernel panic"


class Progress:
    """A line on a terminal that is rewritten; otherwise a line every ten seconds."""

    def __init__(self):
        self.terminal = sys.stderr.isatty()
        self.said = time.monotonic()

    def __call__(self, text):
        if self.terminal:
            print(f"\r\033[K{text[:shutil.get_terminal_size().columns - 1]}", end="",
                  file=sys.stderr, flush=True)
        elif not text.startswith("  ") or time.monotonic() - self.said > 10:
            print(text, file=sys.stderr, flush=True)
            self.said = time.monotonic()

    def clear(self):
        if self.terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def image_file(image):
    """The path of an image in the cache; created if it is missing."""
    def make(work):
        with open(work, "wb") as file:
            if image.seed:
                file.write(random.Random(image.seed).randbytes(image.mebibytes * MEBIBYTE))
            else:
                file.truncate(image.mebibytes * MEBIBYTE)
        if image.format != "raw":
            os.rename(work, f"{work}.raw")
            packages.run("qemu-img", "convert", "-O", image.format, f"{work}.raw", work)
            os.unlink(f"{work}.raw")
    return initramfs.kept("images", [image.seed, image.mebibytes, image.format], make)


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest() if hasattr(hashlib, "file_digest") \
            else hashlib.md5(file.read()).hexdigest()


class Run:
    """One row with one device in one QEMU."""

    def __init__(self, row, device, qemu, progress, arguments):
        self.row, self.device, self.qemu, self.progress = row, device, qemu, progress
        self.shell, self.patience = arguments.shell, arguments.patience
        self.folder = tempfile.mkdtemp(prefix="viommu-guest-")
        self.started = time.monotonic()
        self.deadline = self.started + row.timeout * self.patience
        self.machines = []
        self.counts = {}
        self.killed = False     # the row has killed its QEMUs on purpose
        self.inner = None       # the guest inside of this one
        self.log = self.notes = ""
        self.label = f"{row.name:<12} {device:<8} {qemu.generation:<5}"

    def fill_in(self, text):
        """Replace the words in braces (parts.py)."""
        device = self.device
        words = {
            "iommu-mmio": "viommu-device,id=iommu0",
            "iommu": f"{DEVICES[device]},id=iommu0",
            "unattached": UNATTACHED[device],
            "unmapped": UNMAPPED[device],
        } if device in DEVICES else {}
        for word, value in words.items():
            text = text.replace(f"{{{word}}}", value)
        text = re.sub(r"\{iommu:(\d)\}",
                      lambda found: f"{DEVICES[device]},id=iommu{found[1]}", text)
        return re.sub(r"\{md5:(\w+)\}", lambda found: checksum(self.image(found[1])), text)

    def image(self, name):
        """The path of a drive's image, or of the row's table."""
        return self.table if name == "table" else os.path.join(self.folder, f"{name}.img")

    def drive_options(self, name):
        image = self.row.images[name]
        read_only = ",read-only=on" if image.read_only else ""
        return f"if=none,id={name},file={self.image(name)},format={image.format}{read_only}"

    def prepare(self):
        if self.row.inner:
            nested.module()     # before anything is fetched or built
        if self.row.plan:
            self.row = planned.applied(self.row, self.folder)
        row = self.row
        for name, image in row.images.items():
            shutil.copy(image_file(image), self.image(name))
        self.kernel, base = initramfs.base(row.architecture, row.flavour, self.progress,
                                           row.kernel, row.modules)
        extra = []
        if row.module:
            extra.append(("module", initramfs.module(row.module, row.architecture, row.flavour,
                                                     self.progress, row.kernel)))
        if row.program:
            extra.append(("program", initramfs.program(row.program, row.architecture)))
        if row.command:
            extra += viommu_program.files(row.architecture)
        if row.inner:
            extra += self.inner_files()
        self.initramfs = os.path.join(self.folder, "initramfs")
        first = f"{'shell' if self.shell else 'run'} {row.skip}\n"
        if row.rekernel:
            initramfs.with_row(base, self.initramfs, row.script, first, extra)
            second = os.path.join(self.folder, "second")
            os.rename(self.initramfs, second)
            extra += [("kernel", self.kernel), ("initramfs", second)]
        initramfs.with_row(base, self.initramfs, row.script, first, extra)
        if row.table:
            self.table = tables.make(row.table, row.topology, self.folder, self.base())
        if row.acpi:
            self.acpi = tables.make_set(row.acpi, row.processors, self.folder)
        if row.table and not row.is_tree():
            tables.put_in_front(self.table, row.table, self.initramfs)

    def inner_files(self):
        """The guest in the guest, as files of this one."""
        arguments = argparse.Namespace(shell=False, patience=self.patience)
        self.inner = Run(self.row.inner, "viommu", nested.Inside(), self.progress, arguments)
        self.inner.prepare()
        return nested.files(self.inner, self.progress)

    def base(self):
        """The table or device tree that the row's table is put into, or None."""
        row = self.row
        if not row.into or not row.is_tree():
            return row.into and os.path.join(tables.GOLDEN, row.into)
        path = os.path.join(self.folder, "base.dtb")
        devices = [word for device in row.devices if not device.startswith("virtio-iommu")
                   for word in ("-device", device)]
        drives = [word for name in row.images for word in ("-drive", self.drive_options(name))]
        packages.run(*self.qemu.command(row.architecture), *self.board(row.into), *drives,
                     *devices, "-machine", f"dumpdtb={path}", cwd=self.folder)
        return path

    def board(self, machine):
        """The beginning of a command line."""
        row = self.row
        processor = row.processor or PROCESSORS[row.architecture]
        return ["-nodefaults", "-no-user-config", "-display", "none", "-accel", row.accelerator,
                "-M", machine, "-cpu", processor, "-m", str(row.mebibytes),
                "-smp", str(row.processors)]

    def command(self, serial="stdio"):
        row = self.row
        append = f"{APPEND[row.architecture]} {row.append}".strip()
        if row.acpi:
            append += tables.FIND_SET
        command = self.qemu.command(row.architecture) + self.board(row.machine) + [
            "-serial", serial,
            "-kernel", self.kernel, "-initrd", self.initramfs, "-append", append]
        if row.is_tree():
            command += ["-dtb", self.table]
        if row.acpi:
            command += ["-device", f"loader,file={self.acpi},addr={tables.SET_AT:#x},force-raw=on"]
        if row.firmware and row.architecture == "riscv64":
            command += self.flash(packages.riscv_firmware(self.progress))
        elif row.firmware:
            command += ["-bios", self.qemu.firmware()]
        if self.device == "viommu":
            command += ["-plugin", self.qemu.module()]
        for name in row.images:
            command += ["-drive", self.drive_options(name)]
        for device in row.devices:
            command += ["-device", self.fill_in(device)]
        return command + row.options

    @staticmethod
    def flash(folder):
        """UEFI of RISC-V is in two flash memories; what it writes is dropped."""
        return [word for unit, name, mode in ((0, "CODE", "readonly=on"), (1, "VARS", "snapshot=on")) for word in (
            "-drive", f"if=pflash,unit={unit},format=raw,{mode},file={folder}/RISCV_VIRT_{name}.fd")]

    def start(self, name="guest", extra=()):
        machine = Machine(self.command() + list(extra), self.folder, name, self.qemu.environment)
        self.machines.append(machine)
        return machine

    # Actions of the host, by their first word.

    def act_qmp(self, machine, name, arguments):
        machine.monitor.command(name, **arguments)

    def act_deleted(self, machine, device):
        """Wait until a device is deleted, after the devices that it contains."""
        while machine.monitor.event("DEVICE_DELETED").get("device") != device:
            pass

    def act_hmp(self, machine, line):
        if said := machine.monitor.human(line).strip():
            raise Failed(f"{line}: {said}")

    def act_refused(self, machine):
        """Log the number of DMA attempts that the device has refused."""
        if self.device == "builtin":
            refused = machine.output.count(TRACED)
        else:
            state = machine.monitor.command("qom-get", path=INSPECTED, property="state")
            refused = json.loads(state)["counters"]["faults"]
        self.notes += f"host: refused {refused}\n"

    def act_look(self, machine):
        """Log the device's `state`."""
        if self.device == "viommu":
            state = machine.monitor.command("qom-get", path=INSPECTED, property="state")
            self.notes += f"host: state {state}\n"

    def act_filtered(self, machine):
        """Log whether the kernel filters QEMU's system calls."""
        with open(f"/proc/{machine.process.pid}/status", encoding="ascii") as status:
            self.notes += "host: " + next(line for line in status if line.startswith("Seccomp:"))

    def act_drive(self, machine, name):
        """Add a drive again; QEMU removes it with the device that used it."""
        machine.monitor.human(f"drive_add 0 {self.drive_options(name)}")

    def begin_migration(self, machine, bandwidth, extra=(), capabilities=()):
        """Start a second QEMU like the first, and start to migrate the guest to it."""
        channel = f"unix:{self.folder}/migration-{len(self.machines)}"
        other = self.start("second", ["-incoming", "defer", *extra])
        if capabilities:
            other.monitor.command("migrate-set-capabilities", capabilities=capabilities)
        other.monitor.command("migrate-incoming", uri=channel)
        machine.monitor.command("migrate-set-parameters",
                                **{"max-bandwidth": bandwidth, "downtime-limit": 5000})
        machine.monitor.command("migrate", uri=channel)
        return other

    def wait_for_half(self, machine):
        self.wait_for("half of a migration", lambda: machine.monitor.command(
            "query-migrate").get("ram", {}).get("transferred", 0) > 1 << 22)

    def act_break_migration(self, machine):
        """The second QEMU dies half-way; the guest continues in the first."""
        other = self.begin_migration(machine, 1 << 23)
        self.wait_for_half(machine)
        other.kill()
        self.go_on(machine, other)

    def act_cancel_migration(self, machine):
        """The user cancels the migration half-way."""
        other = self.begin_migration(machine, 1 << 23)
        self.wait_for_half(machine)
        machine.monitor.command("migrate_cancel")
        self.wait_for("the end of a migration", lambda: machine.monitor.command(
            "query-migrate")["status"] == "cancelled")
        self.end_of_second(other)

    def act_orphan_migration(self, machine):
        """The first QEMU dies half-way, which ends the guest."""
        other = self.begin_migration(machine, 1 << 23)
        self.wait_for_half(machine)
        machine.kill()
        self.killed = True
        self.end_of_second(other)

    def end_of_second(self, other):
        """The second QEMU has an incomplete guest: it must report that and exit."""
        status = other.finish(self.deadline)
        said = re.search(r"load of migration failed.*", other.output)
        self.notes += f"host: the second QEMU ends with status {status}: {said and said[0]}\n"
        self.machines.remove(other)

    def act_refuse_migration(self, machine, limit):
        """The second QEMU refuses the state of the IOMMU; the guest continues in the first."""
        other = self.begin_migration(machine, 1 << 40, ["-global", limit])
        self.go_on(machine, other)
        reason = re.search(r"the saved state cannot be loaded .*", other.output)
        self.notes += f"host: the second QEMU says: {reason and reason[0]}\n"
        other.kill()

    def go_on(self, machine, other):
        """Wait until a migration has failed and the guest runs in the first QEMU."""
        self.wait_for("the end of a migration", lambda: machine.monitor.command(
            "query-migrate")["status"] == "failed" or not other.alive())
        self.wait_for("the first QEMU", lambda: self.runs_on(machine))
        self.machines.remove(other)

    @staticmethod
    def runs_on(machine):
        """Does the guest run? Continues it if QEMU has stopped it for the end of the migration."""
        status = machine.monitor.command("query-status")["status"]
        if status == "postmigrate":
            machine.monitor.command("cont")
        return status == "running"

    def act_postcopy(self, machine):
        """The guest continues in the second QEMU half-way; its other memory follows."""
        capabilities = [{"capability": "postcopy-ram", "state": True}]
        machine.monitor.command("migrate-set-capabilities", capabilities=capabilities)
        other = self.begin_migration(machine, 1 << 23, capabilities=capabilities)
        self.wait_for_half(machine)
        machine.monitor.command("migrate-start-postcopy")
        self.wait_for("migration", lambda: self.migrated(machine))
        self.notes += f"host: by postcopy: {machine.monitor.command('query-migrate')['ram']}\n"

    def act_migrate(self, machine):
        """Migrate the guest to a second QEMU that was started like the first."""
        other = self.begin_migration(machine, 1 << 40)
        self.wait_for("migration", lambda: self.migrated(machine))
        self.wait_for("the second QEMU", lambda: other.monitor.command(
            "query-status")["status"] == "running")

    def migrated(self, machine):
        state = machine.monitor.command("query-migrate")
        if state["status"] == "failed":
            raise Failed(f"migration failed: {state.get('error-desc', 'no reason given')}")
        return state["status"] == "completed"

    def wait_for(self, what, condition):
        while not condition():
            if time.monotonic() > self.deadline:
                raise Failed(f"timeout: {what}")
            time.sleep(0.1)

    def serve(self, machine, request):
        """
        Do what the guest requests and answer it; returns the machine that it runs in then. The answer
        None sends nothing: a guest that was reset does not wait for one.
        """
        reply = "done"
        for verb, *arguments in self.row.on[request]:
            if verb == "answer":
                reply = arguments[0]
            elif verb == "count":
                self.counts[request] = self.counts.get(request, 0) + 1
                reply = str(self.counts[request])
            else:
                getattr(self, f"act_{verb}")(machine, *arguments)
        machine = self.machines[-1]
        if not self.killed and reply is not None:
            machine.answer(reply)
        return machine

    def watch(self, machine, start):
        """Wait for the next request; returns (the end of its line, the request or None at the end)."""
        while True:
            try:
                end = machine.expect(ATTENTION, start, min(self.deadline, time.monotonic() + 0.5))
                break
            except Failed:
                if not machine.alive():
                    raise Failed("QEMU ended by itself") from None
                if time.monotonic() > self.deadline:
                    raise
                spent = time.monotonic() - self.started
                last = machine.output.rstrip().rpartition("\n")[2]
                self.progress(f"  {self.label} {spent:4.0f} s  {last}")
        line = machine.output[:end].rpartition("\n")[2]
        if "Kernel panic" in line:
            raise Failed("the guest's kernel panicked")
        return end, line.partition("row: host, ")[2] or None

    def play(self):
        machine = self.start(extra=self.tracing())
        start = 0
        while True:
            start, request = self.watch(machine, start)
            if request is None:
                break
            before, machine = machine, self.serve(machine, request)
            if self.killed:
                return
            start = start if machine is before else 0
        status = machine.finish(self.deadline)
        if status:
            raise Failed(f"QEMU ended with status {status}")

    def tracing(self):
        if self.row.trace_faults and self.device == "builtin":
            return ["-trace", f"enable={TRACED.strip()}"]
        return []

    def judge(self):
        """Returns each statement with what shows it; raises Failed for the first that is wrong."""
        seen = []
        for sentence, pattern in self.row.shows:
            found = re.search(self.fill_in(pattern), self.log, re.M)
            if not found:
                raise Failed(f"wrong: {sentence} (nothing matches {self.fill_in(pattern)})")
            seen.append((sentence, found.group(0).rpartition("\n")[2]))
        for sentence, pattern in self.row.never:
            if found := re.search(f".*(?:{pattern}).*", self.log):
                raise Failed(f"wrong: {sentence} ({found.group(0)})")
            seen.append((sentence, None))
        if self.row.table:
            seen.append((tables.compare(self.table, self.log), None))
        if self.row.verify:
            seen += self.row.verify(self.log, self.folder)
        for one, other in self.row.same:
            if checksum(self.image(one)) != checksum(self.image(other)):
                raise Failed(f"wrong: {other} has the contents of {one}, read by the host")
            seen.append((f"{other} has the contents of {one}, read by the host", None))
        return seen

    def run(self):
        """Run the row and check it; returns what judge() does."""
        try:
            self.prepare()
            # Fetching and building take long.
            self.deadline = time.monotonic() + self.row.timeout * self.patience
            self.play()
        finally:
            for machine in self.machines:
                machine.kill()
            self.log = "".join(machine.output for machine in self.machines) + self.notes
        return self.judge()

    def keep_log(self):
        folder = os.path.join(qemus.ROOT, "build-guests")
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{self.row.name}-{self.device}-{self.qemu.generation}.log")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.log)
        return os.path.relpath(path, qemus.ROOT)

    def clean(self):
        if self.inner:
            self.inner.clean()
        shutil.rmtree(self.folder, ignore_errors=True)


def attempt(run, arguments):
    """Run a row and report it; returns whether it passed."""
    reason, seen = None, []
    try:
        seen = run.run()
    except Failed as failed:
        reason = str(failed)
    except packages.Unavailable:
        run.clean()
        raise
    run.progress.clear()
    spent = time.monotonic() - run.started
    print(f"{'FAILED' if reason else 'ok':<7} {run.label} {spent:5.1f} s  {run.row.sentence}")
    for sentence, text in seen:
        print(f"        - {sentence}" + (f": {text.strip()}" if text else ""))
    if reason:
        print(f"        {reason}")
        print(f"        the guest's log ({run.keep_log()}), from its /init on:")
        lines = (run.log.partition("Run /init")[2] or run.log).splitlines()
        print("".join(f"        | {line}\n" for line in lines[-LINES_SHOWN:]), end="")
    sys.stdout.flush()
    if arguments.keep:
        print(f"        kept in {run.folder}")
    else:
        run.clean()
    return not reason


def interactive(run):
    """Run the guest with a shell on this terminal."""
    try:
        run.prepare()
        run.progress.clear()
        print("Ctrl-a x ends QEMU; Ctrl-a c is its monitor.", file=sys.stderr)
        return subprocess.run(run.command("mon:stdio"), check=False, cwd=run.folder,
                              env={**os.environ, **run.qemu.environment}).returncode
    finally:
        run.clean()


def listing():
    for row in rows.ROWS:
        control = f" (our device only: {row.why_ours})" if row.runs == parts.OURS else ""
        print(f"{row.number:>2}  {row.name:<12} {row.sentence}{control}")


def devices_of(row, wanted):
    """The devices that a row runs with. Rows about tables use an IOMMU of QEMU."""
    if row.runs == parts.STOCK:
        return [parts.STOCK]
    return [device for device in DEVICES
            if wanted in (device, "both") and (device == "viommu" or row.runs == parts.BOTH)]


def parse():
    parser = argparse.ArgumentParser(prog="run guest", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows; default: all")
    parser.add_argument("--qemu", default="installed",
                        choices=["installed", *qemus.GENERATIONS, *qemus.LATER, "all"])
    parser.add_argument("--device", default="both", choices=[*DEVICES, "both"])
    parser.add_argument("--nested", action="store_true",
                        help="run the rows with a guest in a guest, which take minutes")
    parser.add_argument("--shell", action="store_true",
                        help="run a shell in the guest instead of the row's script")
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--again", action="store_true",
                        help="run a row that fails once more, and report that: for busy machines")
    parser.add_argument("--patience", type=int, default=1, metavar="N",
                        help="give each row N times as long: for busy machines")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="run N rows at a time; default: 1")
    parser.add_argument("--keep", action="store_true", help="keep images and initramfs of each run")
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error("--jobs takes a number of at least 1")
    known = {row.name for row in rows.ROWS}
    for name in arguments.names:
        if name not in known:
            parser.error(f"no such row: {name} (--list names them)")
    return arguments


def choose_rows(arguments):
    named = set(arguments.names)
    if arguments.nested:
        named |= {row.name for row in rows.ROWS if row.inner}
    return [row for row in rows.ROWS if row.name in named or not (named or row.by_name)]


def row_of(name):
    return next(row for row in rows.ROWS if row.name == name)


def qemu_of(row, chosen, progress):
    """The QEMU that a row runs with: the chosen one, unless it needs another."""
    return qemus.choose(row.qemu, progress)[0] if row.qemu else chosen


def turns(arguments, progress):
    """What to run: each chosen row with each of its devices, in each chosen QEMU."""
    return [(row.name, device, qemu) for qemu in qemus.choose(arguments.qemu, progress)
            for row in choose_rows(arguments) for device in devices_of(row, arguments.device)]


def take(turn, arguments, progress):
    """Run a row with a device, and report it; returns what counts."""
    name, device, qemu = turn
    row = row_of(name)
    if device == "viommu" and not os.path.exists(qemu.module()):
        print(f"skipped {row.name}: no module for QEMU {qemu.generation} (./run module builds it)")
        return ["skipped"]
    try:
        needed = qemu_of(row, qemu, progress)
        if attempt(Run(row, device, needed, progress, arguments), arguments):
            return ["passed"]
        if not arguments.again:
            return ["failed"]
        print(f"again   {row.name}: failed, running it once more")
        right = attempt(Run(row, device, needed, progress, arguments), arguments)
        return ["again", "passed" if right else "failed"]
    except packages.Unavailable as missing:
        if row.kernel == parts.KERNEL and not row.qemu:
            raise
        progress.clear()
        print(f"skipped {row.name}: {missing}")
        return ["skipped"]


def take_aside(arguments, turn):
    """The same in a worker process, whose report is printed when it is whole."""
    report = io.StringIO()
    with contextlib.redirect_stdout(report):
        counts = take(turn, arguments, Progress())
    return counts, report.getvalue()


def take_all(arguments, progress):
    """What counts of all rows, as many at a time as there are jobs."""
    wanted = turns(arguments, progress)
    if arguments.jobs == 1:
        for turn in wanted:
            yield from take(turn, arguments, progress)
        return
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as workers:
        for counts, report in workers.map(functools.partial(take_aside, arguments), wanted):
            print(report, end="", flush=True)
            yield from counts


def main():
    arguments = parse()
    if arguments.list:
        return listing()
    progress = Progress()
    if arguments.shell:
        name, device, qemu = turns(arguments, progress)[0]
        row = row_of(name)
        return interactive(Run(row, device, qemu_of(row, qemu, progress), progress, arguments))
    count = collections.Counter(take_all(arguments, progress))
    if count["again"]:
        print(f"{count['again']} rows failed at first and ran once more")
    print(f"guests: {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except packages.Unavailable as missing:
        print(f"guest: {missing}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
