# SPDX-License-Identifier: BSD-3-Clause
"""A Linux guest that reads a disk directly, 4 KiB at a time, behind each IOMMU and behind none.

Its IOMMU is in strict mode: every read is a MAP, the disk's DMA, and an UNMAP. The guest measures the time by its own clock; the host measures QEMU's processor time. One guest runs
at a time.
"""

import os
import sys

from results import Ratio, ratio_of
from skipped import Skipped

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/guest"))
import guest                        # noqa: E402 pylint: disable=wrong-import-position
import packages                     # noqa: E402 pylint: disable=wrong-import-position
import parts                        # noqa: E402 pylint: disable=wrong-import-position
import qemus                        # noqa: E402 pylint: disable=wrong-import-position
from machine import Failed          # noqa: E402 pylint: disable=wrong-import-position

NAME = "guest"
HELP = "a Linux guest's direct 4 KiB reads behind each IOMMU: guest time and host processor time"

OURS, THEIRS, NONE = "viommu-pci", "QEMU's virtio-iommu", "no IOMMU"
BEHIND = {OURS: "viommu", THEIRS: "builtin", NONE: "builtin"}
WHATS = ["guest us", "host us"]
ROUNDS = {"full": 3, "quick": 1}
READS = 2048
PASSES = 5

SCRIPT = f"""
await disk d0
dd if=/dev/d0 of=/dev/null bs=4k count=256 iflag=direct 2>/dev/null
host begin
from=$(cut -d' ' -f1 /proc/uptime)
for pass in $(seq {PASSES}); do
	dd if=/dev/d0 of=/dev/null bs=4k count={READS} iflag=direct 2>/dev/null
done
say "uptime: $from $(cut -d' ' -f1 /proc/uptime)"
host end
"""


def row(who):
    devices = ["{iommu},addr=4"] if who != NONE else []
    mark = [("mark",)]
    return parts.Row("bench", 0, "direct reads", devices + [parts.disk("d0", "addr=5")], SCRIPT,
                     [], images={"d0": parts.TWO_DISKS["d0"]}, append="iommu.strict=1",
                     on={"begin": mark, "end": mark}, timeout=120)


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Reading(guest.Run):
    """A run that looks at QEMU's processor time when the guest begins and ends."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.marks = []

    def act_mark(self, machine):
        self.marks.append(processor_seconds(machine.process.pid))

    def figures(self):
        """Microseconds of a read: of the guest's clock, of the host's processors."""
        try:
            self.prepare()
            self.play()
            said = self.machines[0].output.partition("row: uptime: ")[2].split()
        finally:
            for machine in self.machines:
                machine.kill()
            self.clean()
        scale = 1e6 / (READS * PASSES)
        return ((float(said[1]) - float(said[0])) * scale, (self.marks[1] - self.marks[0]) * scale)


def choose_qemu():
    qemu = qemus.installed()
    if not qemu or not os.path.exists(qemu.module()):
        raise Skipped("needs an installed QEMU, and ./run module")
    return qemu


def measure(bench):
    if bench.mode not in ROUNDS or not (bench.named or bench.mode == "full"):
        raise Skipped("boots guests: in a full run, or by name")
    qemu = choose_qemu()
    todo = [who for _ in range(ROUNDS[bench.mode]) for who in BEHIND]
    for done, who in enumerate(todo):
        bench.progress(NAME, done, len(todo), f"a guest behind {who}")
        run = Reading(row(who), BEHIND[who], qemu, lambda text: None)
        try:
            figures = run.figures()
        except (Failed, packages.Unavailable) as reason:
            raise Skipped(str(reason)) from None
        for what, value in zip(WHATS, figures):
            bench.results.add(NAME, who, what, value)


def targets(results):
    return [Ratio(f"direct 4 KiB reads of a guest against QEMU's own device: {text}", 1,
                  ratio_of(results.values(NAME, THEIRS, what), results.values(NAME, OURS, what)))
            for what, text in zip(WHATS, ("guest time", "host processor time"))]


def tables(results):
    if results.whos(NAME):
        yield ("direct 4 KiB reads, strict mode, emulated processor: microseconds a read",
               ["IOMMU", "guest's clock", "host processor"],
               [[who] + [results.median(NAME, who, what) for what in WHATS] for who in BEHIND])


def plots(results):
    return []
