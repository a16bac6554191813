# SPDX-License-Identifier: BSD-3-Clause
"""Translations by several threads, beside each other and beside a guest that maps and unmaps."""

import json

from results import Ratio, ratio_of

NAME = "threads"
HELP = "1, 2 and 4 translating threads, with and without a thread that maps and unmaps"

OURS, DMA, GTREE = "viommu_translate", "viommu DMA section", "GTree, mutex"
WAYS = [OURS, DMA, GTREE]
WHATS = ["per_second", "per_processor_second", "p50", "p99", "p999", "writes"]
RANGES = 100_000

# rounds, translators, writers, milliseconds
PLAN = {"full": (5, (1, 2, 4), ("none", "paced", "busy"), 150),
        "quick": (3, (1, 2), ("none", "busy"), 100),
        "smoke": (1, (1, 2), ("none", "busy"), 5)}


def measure(bench):
    rounds, translators, writers, milliseconds = PLAN[bench.mode]
    todo = [(n, writer, way) for _ in range(rounds) for writer in writers for n in translators
            for way in WAYS]
    for done, (n, writer, way) in enumerate(todo):
        bench.progress(NAME, done, len(todo), f"{way}, {n} translating, writer: {writer}")
        figures = json.loads(bench.output("bench-threads", way, n, writer, RANGES, milliseconds))
        for what, value in figures.items():
            bench.results.add(NAME, way, what, value, translators=n, writer=writer)


def two_over_one(results, writer, what):
    """Two threads beside a writer, against one that has the device for itself."""
    return ratio_of(results.values(NAME, OURS, what, translators=2, writer=writer),
                    results.values(NAME, OURS, what, translators=1, writer="none"))


def writes_beside_two(results):
    """Requests of a writer beside two translating threads, against beside one."""
    return ratio_of(results.values(NAME, OURS, "writes", translators=2, writer="busy"),
                    results.values(NAME, OURS, "writes", translators=1, writer="busy"))


def targets(results):
    processors = results.machine["processors"]
    return [Ratio("two translating threads beside a writer that does not stop, against one alone, "
                  "by processor time", 1.8, two_over_one(results, "busy", "per_processor_second")),
            Ratio("the same by wall-clock time: three busy threads share "
                  f"{processors} processors", 1, two_over_one(results, "busy", "per_second")),
            Ratio("requests of that writer, against those beside one translating thread", 0.25,
                  writes_beside_two(results)),
            Ratio("two translating threads against one, no writer, by wall-clock time",
                  1.8, two_over_one(results, "none", "per_second"))]


def tables(results):
    for writer in results.cases(NAME, "per_second", "writer"):
        yield (f"{RANGES:,} scattered ranges, writer: {writer}",
               ["structure", "threads", "per second", "per processor second", "p50 ns", "p99 ns",
                "p99.9 ns", "writes"],
               [[way, n] + [results.median(NAME, way, what, translators=n, writer=writer)
                            for what in WHATS]
                for way in WAYS for n in results.cases(NAME, "per_second", "translators")])


def plots(results):
    n = results.cases(NAME, "per_second", "translators")
    for writer in results.cases(NAME, "per_second", "writer"):
        yield {"name": f"threads-{writer}", "title": f"Translations a second, writer: {writer}",
               "x": "translating threads", "y": "millions a second of processor time", "xs": n,
               "lines": [(way, [scaled(results.median(NAME, way, "per_processor_second",
                                                      translators=i, writer=writer)) for i in n])
                         for way in WAYS]}


def scaled(per_second):
    return per_second and per_second / 1e6
