# SPDX-License-Identifier: BSD-3-Clause
"""Our device in QEMU against QEMU's own: one process, the same virtqueue, the same translate call."""

import json
import os
import shutil
import subprocess
import sys

from results import Ratio, ratio_of
from skipped import Skipped

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/guest"))
import qemus                        # noqa: E402 pylint: disable=wrong-import-position

NAME = "qemu"
HELP = "our device against QEMU's virtio-iommu in one QEMU, through virtqueue and translate call"

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OURS, THEIRS = "viommu-pci", "QEMU's virtio-iommu"
CALLS = ["calls a page mapped", "calls a page unmapped"]
WHATS = ["map", "unmap", "translate", "address space", "fill", "no request"]

# ranges, rounds
SIZES = {"full": [(1_000, 7), (10_000, 5), (100_000, 5), (1_000_000, 3)],
         "quick": [(1_000, 3), (1_000_000, 1)], "smoke": [(1_000, 1)]}
OPERATIONS = {"full": 200_000, "quick": 100_000, "smoke": 1_000}
ORDERS = ("scattered", "in order")


def build(script, *arguments):
    """The path of what a build script makes: its last line."""
    done = subprocess.run([os.path.join(ROOT, script), *arguments], capture_output=True, text=True,
                          cwd=ROOT, check=False)
    if done.returncode:
        raise Skipped(f"{script}: {done.stderr.strip().splitlines()[-1]}")
    return os.path.join(ROOT, done.stdout.split()[-1])


class Machine:
    def __init__(self, folder):
        self.qemu = shutil.which("qemu-system-x86_64")
        if not self.qemu:
            raise Skipped("no qemu-system-x86_64 is installed")
        self.module = build("qemu/build/build.sh", "", os.path.relpath(folder, ROOT))
        self.plugin = build("bench/qemu/build.sh", os.path.join(folder, "bench"))
        self.rom = qemus.halting_rom(os.path.join(folder, "bench"))

    def command(self, *arguments):
        return [self.qemu, "-M", "q35", "-accel", "tcg", "-bios", self.rom, "-nodefaults",
                "-display", "none", "-m", "128", "-plugin", self.module,
                "-plugin", ",".join([self.plugin, *arguments]),
                "-device", "virtio-iommu-pci,addr=4",
                "-device", "pci-testdev,bus=pcie.0,addr=10,id=theirs",
                "-device", "pxb-pcie,id=p1,bus=pcie.0,bus_nr=64",
                "-device", "viommu-pci,bus=pcie.0,addr=5,root-bus=p1,firmware=off",
                "-device", "pcie-root-port,id=ours,bus=p1,chassis=1"]

    def run(self, ranges, order, operations):
        return self.play(f"ranges={ranges}", f"order={order}", f"operations={operations}")

    def play(self, *arguments):
        """What the plugin prints with these arguments."""
        done = subprocess.run(self.command(*arguments), stdout=subprocess.PIPE, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]


def measure(bench):
    machine = Machine(os.path.abspath(bench.build))
    todo = [(ranges, order) for ranges, rounds in SIZES[bench.mode] for _ in range(rounds)
            for order in ORDERS]
    for done, (ranges, order) in enumerate(todo):
        bench.progress(NAME, done, len(todo), f"both devices, {ranges:,} {order}")
        for row in machine.run(ranges, order, OPERATIONS[bench.mode]):
            bench.results.add(NAME, row["who"], row["what"], row["value"], ranges=ranges, order=order)


def against(results, what, ranges):
    case = {"ranges": ranges, "order": "scattered"}
    return ratio_of(results.values(NAME, THEIRS, what, **case),
                    results.values(NAME, OURS, what, **case))


def targets(results):
    rows = [("map", "MAP request in QEMU against its own device", (1.5, 3)),
            ("translate", "translate call in QEMU against its own device", (2.5, 8))]
    return [Ratio(f"{text}, {ranges:,} scattered ranges", wanted, against(results, what, ranges))
            for what, text, wants in rows for ranges, wanted in zip((1_000, 1_000_000), wants)]


def tables(results):
    for order in ORDERS:
        yield (f"requests and translations in one QEMU, {order}: ns an operation",
               ["device", "ranges", *WHATS],
               [[who, ranges] + [results.median(NAME, who, what, ranges=ranges, order=order)
                                 for what in WHATS]
                for ranges in results.cases(NAME, "map", "ranges") for who in (THEIRS, OURS)])


    yield ("notifications of a mirror (VFIO): 128 adjacent pages, one request each",
           ["device", *CALLS],
           [[who] + [results.median(NAME, who, what, ranges=1_000, order="scattered")
                     for what in CALLS] for who in (THEIRS, OURS)])


def plots(results):
    ranges = results.cases(NAME, "map", "ranges")
    for name, what, title in (("qemu-map", "map", "A MAP request through the virtqueue"),
                              ("qemu-translate", "translate", "A translation by QEMU's call")):
        yield {"name": name, "title": f"{title}, scattered 4 KiB ranges",
               "x": "ranges", "y": "nanoseconds", "xs": ranges, "log_x": True, "log_y": True,
               "lines": [(who, [results.median(NAME, who, what, ranges=n, order="scattered")
                                for n in ranges])
                         for who in (THEIRS, OURS)]}
