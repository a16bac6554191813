# SPDX-License-Identifier: BSD-3-Clause
"""Firmware tables of machines with few and with very many endpoints."""

import json

import callgrind
from results import Ratio

NAME = "tables"
HELP = "make, read, check, map and compare every table that is known, 100 to 65,536 endpoints"

STEPS = ["generate", "encode", "decode", "topology", "check", "map", "diff", "graph"]
SIZES = {"full": [100, 1_000, 10_000, 65_536], "quick": [100, 65_536], "smoke": [100]}
# Sorting and caches may cost that much more an endpoint; a walk in a walk would cost 65 times.
GROWTH_ALLOWED = 4
# Endpoints that are about 1,000 entries of a table.
DOOR = {"VIOT": 8_000, "IORT": 8_000, "DMAR": 1_000, "IVRS": 4_000, "DTB": 8_000}
DOOR_WHATS = {"with the door": "door", "without": "bare"}
ROUNDS = {"full": 3, "quick": 1, "smoke": 1}


def measure(bench):
    known = bench.output("bench-tables").split()
    todo = [(n, signature) for _ in range(ROUNDS[bench.mode]) for n in SIZES[bench.mode]
            for signature in known]
    for done, (n, signature) in enumerate(todo):
        bench.progress(NAME, done, len(todo), f"{signature}, {n:,} endpoints")
        figures = json.loads(bench.output("bench-tables", signature, n))
        if "check" not in figures:
            bench.results.note(f"{NAME}: {signature} cannot say {n:,} endpoints")
            continue
        for what, value in figures.items():
            bench.results.add(NAME, signature, what, value, endpoints=n)


    if bench.mode == "full":
        count_door(bench)


def count_door(bench):
    """Instructions of decoding and freeing a table 20 times, with and without the door."""
    for done, (signature, endpoints) in enumerate(DOOR.items()):
        bench.progress(NAME, done, len(DOOR), f"{signature}: instructions of the door")
        for what, how in DOOR_WHATS.items():
            events = callgrind.collected(bench, "decode_again", "bench-tables", signature, endpoints,
                                         how)
            if events:
                bench.results.add(NAME, signature, what, events["Ir"] / 1e6)


def growth(results, signature):
    """What an endpoint costs in the largest machine, of what it costs in one of 1,000 (or 100)."""
    sizes = results.cases(NAME, "check", "endpoints")
    if len(sizes) < 2:
        return []
    small = 1_000 if 1_000 in sizes else sizes[0]
    pairs = [(results.median(NAME, signature, step, endpoints=small),
              results.median(NAME, signature, step, endpoints=sizes[-1])) for step in STEPS]
    return [max(large / sizes[-1] / (few / small) for few, large in pairs if few and large)] \
        if all(few and large for few, large in pairs) else []


def targets(results):
    return [Ratio(f"{signature}: the slowest step, per endpoint, at 65,536 against a small machine",
                  GROWTH_ALLOWED, growth(results, signature), at_most=True)
            for signature in results.whos(NAME)]


def microseconds(value):
    return value and value / 1000


def tables(results):
    for n in results.cases(NAME, "check", "endpoints"):
        yield (f"{n:,} endpoints: microseconds", ["table", *STEPS, "bytes", "peak KiB"],
               [[who] + [microseconds(results.median(NAME, who, step, endpoints=n))
                         for step in STEPS] + [results.median(NAME, who, what, endpoints=n)
                                               for what in ("bytes", "peak_kib")]
                for who in results.whos(NAME)])


    counted = [[who] + [results.median(NAME, who, what) for what in DOOR_WHATS] for who in DOOR]
    if all(with_door for _, with_door, _ in counted):
        yield ("decode and free a table of about 1,000 entries 20 times, by callgrind: millions of instructions",
               ["table", *DOOR_WHATS, "more, %"],
               [[*row, 100 * (row[1] / row[2] - 1)] for row in counted])


def plots(results):
    n = results.cases(NAME, "check", "endpoints")
    for step in ("generate", "check"):
        yield {"name": f"tables-{step}", "title": f"{step.capitalize()} a firmware table",
               "x": "endpoints", "y": "microseconds", "xs": n, "log_x": True, "log_y": True,
               "lines": [(who, [microseconds(results.median(NAME, who, step, endpoints=i))
                                for i in n]) for who in results.whos(NAME)]}
