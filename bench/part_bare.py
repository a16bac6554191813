# SPDX-License-Identifier: BSD-3-Clause
"""A guest without an operating system that maps a page for one access: by requests, and by a page table that it owns.

The guest's program (bench/bare/strict.c) prints a line when a way begins and when it ends. The guest measures the time
by its own clock; the host measures QEMU's processor time.
"""

import os
import shutil
import subprocess

from part_guest import processor_seconds
from part_qemu import ROOT, build
from results import Ratio, ratio_of
from skipped import Skipped

NAME = "bare"
HELP = "a guest that maps a page for one access, by requests and by a page table: guest time and host processor time"

WAYS = ["mapped once", "by requests", "by a table", "by a table, 64 at a time"]
WHATS = ["guest us", "host us"]

# runs, rounds in the guest
PLAN = {"full": (7, 50_000), "quick": (3, 20_000)}
SOURCES = ["bench/bare/strict.c", "conformance/bare/iommu.c", "conformance/bare/dma.c"]


def image(folder, rounds):
    if not shutil.which("x86_64-linux-gnu-gcc"):
        raise Skipped("no x86_64-linux-gnu-gcc is installed")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "strict.x86")
    subprocess.run([os.path.join(ROOT, "conformance/bare/build.sh"), "x86", path,
                    *(os.path.join(ROOT, source) for source in SOURCES), f"-DROUNDS={rounds}u"], check=True)
    return path


def command(module, kernel):
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        raise Skipped("no qemu-system-x86_64 is installed")
    return [qemu, "-M", "q35,sata=off", "-cpu", "max", "-accel", "tcg", "-m", "256", "-nodefaults", "-display", "none",
            "-no-reboot", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4", "-plugin", module,
            "-kernel", kernel, "-device", "viommu-dma,addr=5", "-device", "viommu-pci,addr=4,tables=x86,pasid-bits=8"]


def play(words, rounds):
    """Of each way, microseconds of a round: of the guest's clock, of the host's processors."""
    began, figures = {}, {}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as machine:
        for line in machine.stdout:
            seconds = processor_seconds(machine.pid)
            verb, _, rest = line.strip().partition(" ")
            if verb == "begin":
                began[rest] = seconds
            elif verb == "end":
                way, _, nanoseconds = rest.rpartition(" ")
                figures[way] = int(nanoseconds) / 1e3, (seconds - began[way]) * 1e6 / rounds
    if list(figures) != WAYS:
        raise Skipped(f"the guest ended after {', '.join(figures) or 'nothing'}")
    return figures


def measure(bench):
    if bench.mode not in PLAN or not (bench.named or bench.mode == "full"):
        raise Skipped("boots guests: in a full run, or by name")
    runs, rounds = PLAN[bench.mode]
    folder = os.path.join(bench.build, "bench", "bare")
    words = command(build("qemu/build/build.sh", "", os.path.relpath(bench.build, ROOT)), image(folder, rounds))
    for done in range(runs):
        bench.progress(NAME, done, runs, "a guest that maps a page for one access")
        for way, values in play(words, rounds).items():
            for what, value in zip(WHATS, values):
                bench.results.add(NAME, way, what, value)


def targets(results):
    return [Ratio(f"a guest that maps a page for one access, by a table against by requests: {text}", 1,
                  ratio_of(results.values(NAME, "by a table", what), results.values(NAME, "by requests", what)),
                  at_most=True)
            for what, text in zip(WHATS, ("guest time", "host processor time"))]


def tables(results):
    if results.whos(NAME):
        yield ("a page mapped, read by a device, and unmapped, emulated processor: microseconds",
               ["mapped", "guest's clock", "host processor"],
               [[who] + [results.median(NAME, who, what) for what in WHATS] for who in WAYS])


def plots(_results):
    return []
