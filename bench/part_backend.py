# SPDX-License-Identifier: BSD-3-Clause
"""What requests cost where they reach hardware, in calls of a kernel that only counts them."""

import json

from results import Ratio, ratio_of

NAME = "backend"
HELP = "requests where they reach hardware: calls of the kernel"

WAYS = {"shared": "a space for each domain", "apart": "a space for each endpoint"}
ENDPOINTS = (1, 8, 64)
FEW = 1000
PAIR = "MAP and UNMAP"
ATTACH = "ATTACH to a domain with mappings"

# rounds, mappings
PLAN = {"full": (5, 1_000_000), "quick": (3, 100_000), "smoke": (1, 2000)}


def measure(bench):
    rounds, mappings = PLAN[bench.mode]
    todo = [(way, n, m) for _ in range(rounds) for n in ENDPOINTS for way in WAYS
            for m in {FEW, mappings if n == 1 else FEW}]
    for done, (way, n, m) in enumerate(todo):
        bench.progress(NAME, done, len(todo), f"{WAYS[way]}, {n} endpoints")
        for what, (calls, spent) in json.loads(bench.output("bench-backend", n, m, way)).items():
            case = {"mappings": m} if what == ATTACH else {"endpoints": n}
            if what != ATTACH or n == 1:
                bench.results.add(NAME, f"{what}, {WAYS[way]}", "calls", calls, **case)
                bench.results.add(NAME, f"{what}, {WAYS[way]}", "ns", spent, **case)


def many_of(results):
    return max(results.cases(NAME, "calls", "mappings") or [FEW])


def targets(results):
    shared, apart = WAYS.values()
    many = many_of(results)
    return [
        Ratio(f"calls of MAP and UNMAP with {ENDPOINTS[-1]} endpoints: {apart}, against {shared}", 30,
              ratio_of(results.values(NAME, f"{PAIR}, {apart}", "calls", endpoints=ENDPOINTS[-1]),
                       results.values(NAME, f"{PAIR}, {shared}", "calls",
                                      endpoints=ENDPOINTS[-1]))),
        Ratio(f"time of ATTACH to {many:,} mappings: {apart}, against {shared}", 100,
              ratio_of(results.values(NAME, f"{ATTACH}, {apart}", "ns", mappings=many),
                       results.values(NAME, f"{ATTACH}, {shared}", "ns", mappings=many))),
    ]


def tables(results):
    for what, name in (("calls", "calls of the kernel"), ("ns", "ns of processor time")):
        whos = [who for who in results.whos(NAME, what) if not who.startswith(ATTACH)]
        yield (f"{name}, by endpoints in the domain", ["request", *map(str, ENDPOINTS)],
               [[who] + [results.median(NAME, who, what, endpoints=n) for n in ENDPOINTS]
                for who in whos])
        counts = sorted({FEW, many_of(results)})
        yield (f"{name} of {ATTACH}", ["listener", *(f"{n:,}" for n in counts)],
               [[way] + [results.median(NAME, f"{ATTACH}, {way}", what, mappings=n)
                         for n in counts] for way in WAYS.values()])


def plots(_results):
    return []
