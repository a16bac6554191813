# SPDX-License-Identifier: BSD-3-Clause
"""Translations by page tables of the guest, and what INVALIDATE and PASIDs cost."""

import json

from results import Ratio, ratio_of

NAME = "spaces"
HELP = "page tables of the guest: hits, misses, nesting, INVALIDATE, memory"

# rounds, rounds in the program
PLAN = {"full": (7, 100), "quick": (3, 20), "smoke": (1, 1)}


def measure(bench):
    rounds, inner = PLAN[bench.mode]
    for done in range(rounds):
        bench.progress(NAME, done, rounds, "tables of the guest")
        figures = json.loads(bench.output("bench-spaces", inner))
        for who, value in figures["translate"].items():
            bench.results.add(NAME, who, "translate", value)
        for kept, values in figures["invalidate"].items():
            for who, value in zip(("a domain", "a page"), values):
                bench.results.add(NAME, who, "invalidate", value, kept=int(kept))
        for who, value in figures["map, access, unmap"].items():
            bench.results.add(NAME, who, "map", value)
        for pasids, value in figures["bytes"].items():
            bench.results.add(NAME, "an endpoint", "bytes", value, pasids=int(pasids))


def ratio(results, one, other):
    return ratio_of(results.values(NAME, one, "translate"),
                    results.values(NAME, other, "translate"))


def targets(results):
    kept = results.cases(NAME, "invalidate", "kept")
    most = max(kept) if kept else 1000
    return [
        Ratio("a hit of a table's translation, against a hit of a mapping", 1.2,
              ratio(results, "table, hit", "map, hit"), at_most=True),
        Ratio(f"INVALIDATE of a domain with {most:,} translations used, against 1", 2,
              ratio_of(results.values(NAME, "a domain", "invalidate", kept=most),
                       results.values(NAME, "a domain", "invalidate", kept=1)), at_most=True),
        Ratio("mapping a page for one access by a table, against by MAP and UNMAP", 0.8,
              ratio_of(results.values(NAME, "by a table", "map"),
                       results.values(NAME, "by requests", "map")), at_most=True)]


def tables(results):
    yield ("ns of processor time for a translation", ["access", "ns"],
           [[who, results.median(NAME, who, "translate")]
            for who in results.whos(NAME, "translate")])
    kept = results.cases(NAME, "invalidate", "kept")
    yield ("ns of processor time for an INVALIDATE, by the pages that were used before",
           ["INVALIDATE of", *(f"{n:,}" for n in kept)],
           [[who] + [results.median(NAME, who, "invalidate", kept=n) for n in kept]
            for who in results.whos(NAME, "invalidate")])
    yield ("ns of processor time to map a page, access and unmap it, without the driver's",
           ["mapped", "ns"], [[who, results.median(NAME, who, "map")] for who in results.whos(NAME, "map")])
    pasids = results.cases(NAME, "bytes", "pasids")
    yield ("bytes of heap for an endpoint, by its attached PASIDs",
           ["object", *(f"{n:,}" for n in pasids)],
           [[who] + [results.median(NAME, who, "bytes", pasids=n) for n in pasids]
            for who in results.whos(NAME, "bytes")])


def plots(_results):
    return []
