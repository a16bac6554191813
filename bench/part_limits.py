# SPDX-License-Identifier: BSD-3-Clause
"""What each request costs when a guest has made the device as full as it can be."""

import json

from results import Ratio, ratio_of

NAME = "limits"
HELP = "each request with as many domains and endpoints as there may be"

FEW = 256
REQUESTS = ["ATTACH to a new domain", "MAP in a domain of its own", "ATTACH to the one domain",
            "MAP in the one domain", "PROBE"]

# What one request that takes very much away comes to, and what a translation beside it does.
TAKES = ["ms", "p50", "p99", "p999"]

# rounds, endpoints, ranges
PLAN = {"full": (5, (FEW, 4096, 65536), 1_000_000), "quick": (3, (FEW, 65536), 100_000),
        "smoke": (1, (FEW, 1024), 1000)}


def measure(bench):
    rounds, endpoints, ranges = PLAN[bench.mode]
    for done in range(rounds):
        bench.progress(NAME, done, rounds, f"{ranges} ranges taken away")
        for who, figures in json.loads(bench.output("bench-worst", ranges)).items():
            for what, value in zip(TAKES, figures):
                bench.results.add(NAME, who, what, value, ranges=ranges)
    todo = [n for _ in range(rounds) for n in endpoints]
    for done, n in enumerate(todo):
        bench.progress(NAME, done, len(todo), f"{n} endpoints")
        for what, value in json.loads(bench.output("bench-limits", n)).items():
            bench.results.add(NAME, what, "ns", value, endpoints=n)


def slowed(results, many):
    """The request that suffers most from there being many."""
    ratios = [ratio_of(results.values(NAME, who, "ns", endpoints=many),
                       results.values(NAME, who, "ns", endpoints=FEW)) for who in REQUESTS]
    return [max(rounds) for rounds in zip(*ratios)]


def targets(results):
    counts = results.cases(NAME, "ns", "endpoints")
    many = max(counts) if counts else FEW
    return [Ratio(f"the most expensive request with {many:,} endpoints, against {FEW}", 3,
                  slowed(results, many), at_most=True)]


def tables(results):
    counts = results.cases(NAME, "ns", "endpoints")
    yield ("ns of processor time, by endpoints", ["request", *(f"{n:,}" for n in counts)],
           [[who] + [results.median(NAME, who, "ns", endpoints=n) for n in counts]
            for who in results.whos(NAME, "ns")])
    for n in results.cases(NAME, "ms", "ranges"):
        yield (f"one request that removes {n:,} ranges, by wall-clock time",
               ["request", "ms", "a translation beside it, ns", "one of 100", "one of 1,000"],
               [[who] + [results.median(NAME, who, what, ranges=n) for what in TAKES]
                for who in results.whos(NAME, "ms")])


def plots(_results):
    return []
