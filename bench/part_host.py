# SPDX-License-Identifier: BSD-3-Clause
"""Scans of hosts, and plans for them: a copy of sysfs in a folder, and a saved tar of it."""

import json
import os
import subprocess
import sys
import tempfile
import time

from results import Ratio

NAME = "host"
HELP = ("scan hosts with 1 to 8 segments of 512 functions, from a folder and from a tar, plan for them, "
        "and scan a fleet")

SEGMENTS = {"full": [1, 2, 4, 8], "quick": [1, 8], "smoke": [1]}
ROUNDS = {"full": 3, "quick": 1, "smoke": 1}
# Hosts of a fleet, each with one segment.
FLEETS = {"full": [16, 64, 256], "quick": [16, 128], "smoke": [2]}
PREPOSITION = {"scan": "", "plan": "for a guest on a host of "}
ALLOWED_MS = {"scan": 200, "plan": 50}
# A function of a large host may cost that much more than one of a small one.
GROWTH_ALLOWED = 2
FLEET_ALLOWED = 1.25
PLACES = ("folder", "tar")


def make(bench, segments, folder):
    """The tree, and the tar of it."""
    viommu = os.path.join(bench.build, "tools", "viommu")
    script = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests",
                          "host", "make_host.py")
    tree, saved = os.path.join(folder, "tree"), os.path.join(folder, "saved.tar")
    subprocess.run([sys.executable, script, viommu, f"--large={segments}", tree], check=True)
    subprocess.run([viommu, "host", tree, "--save", saved], check=True)
    return {"folder": tree, "tar": saved}


def high_water(process):
    """VmHWM in KiB; None: the process has ended."""
    try:
        with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM:")), None)
    except OSError:
        return None


def peak_kib(*command):
    """The largest memory of a program, which must exit with 0 or 1, without its output.

    Sampled: ru_maxrss would have the memory of this program too, from before it started the other.
    """
    largest = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            largest = high_water(process) or largest
            time.sleep(0.005)
    assert process.returncode in (0, 1), process.returncode
    return largest


def measure_fleet(bench):
    viommu = os.path.join(bench.build, "tools", "viommu")
    with tempfile.TemporaryDirectory() as folder:
        saved = make(bench, 1, folder)["tar"]
        for n in FLEETS[bench.mode]:
            for i in range(n):
                if not os.path.exists(f"{folder}/host{i}.tar"):
                    os.link(saved, f"{folder}/host{i}.tar")
            hosts = [f"{folder}/host{i}.tar" for i in range(n)]
            bench.results.add(NAME, "fleet", "peak_kib", peak_kib(viommu, "host", "--json", *hosts),
                              hosts=n)


def measure(bench):
    measure_fleet(bench)
    for done, segments in enumerate(SEGMENTS[bench.mode]):
        bench.progress(NAME, done, len(SEGMENTS[bench.mode]), f"{segments} segments")
        with tempfile.TemporaryDirectory() as folder:
            trees = make(bench, segments, folder)
            for _ in range(ROUNDS[bench.mode]):
                for who, tree in trees.items():
                    figures = json.loads(bench.output("bench-host", tree))
                    devices = figures.pop("devices")
                    for what, value in figures.items():
                        bench.results.add(NAME, who, what, value, devices=devices)


def growth(results, who):
    sizes = results.cases(NAME, "scan", "devices")
    if len(sizes) < 2:
        return []
    small, large = (results.median(NAME, who, "scan", devices=n) / n for n in (sizes[0], sizes[-1]))
    return [large / small]


def fleet_growth(results):
    sizes = results.cases(NAME, "peak_kib", "hosts")
    if len(sizes) < 2:
        return []
    small, large = (results.median(NAME, "fleet", "peak_kib", hosts=n)
                    for n in (sizes[0], sizes[-1]))
    return [large / small]


def targets(results):
    sizes = results.cases(NAME, "scan", "devices")
    whole = [Ratio(f"{who}: milliseconds of a processor to {what} {PREPOSITION[what]}{sizes[-1]:,} functions", allowed,
                   [value / 1e6 for value in results.values(NAME, who, what,
                                                            devices=sizes[-1])], at_most=True)
             for who in PLACES for what, allowed in ALLOWED_MS.items()] if sizes else []
    return whole + [Ratio("memory for the largest fleet, of what the smallest takes", FLEET_ALLOWED,
                          fleet_growth(results), at_most=True)] + [Ratio(f"{who}: a function of the largest host, of what one of the smallest costs",
                          GROWTH_ALLOWED, growth(results, who), at_most=True)
                    for who in PLACES]


def tables(results):
    yield ("fleet", ["hosts", "peak KiB"],
           [[f"{n:,}", results.median(NAME, "fleet", "peak_kib", hosts=n)]
            for n in results.cases(NAME, "peak_kib", "hosts")])
    for who in PLACES:
        yield (f"{who}: milliseconds", ["functions", "scan", "print", "plan", "peak KiB"],
               [[f"{n:,}", *(results.median(NAME, who, what, devices=n) / 1e6
                             for what in ("scan", "print", "plan")),
                 results.median(NAME, who, "peak_kib", devices=n)]
                for n in results.cases(NAME, "scan", "devices")])


def plots(results):
    return []
