# SPDX-License-Identifier: BSD-3-Clause
"""The interval map against other ways to keep ranges."""

import json

from results import Ratio, ratio_of

NAME = "map"
HELP = "the interval map against GLib's tree, a sorted array, std::map and absl::btree_map"

OURS, DEVICE, GTREE = "viommu map", "viommu device", "GTree"
ALL = [OURS, DEVICE, GTREE, "sorted array", "std::map", "absl::btree_map"]
WHATS = ["map", "unmap", "hit", "miss", "walk", "fill", "bytes"]

# ranges, rounds, who: few rounds where one takes long
FULL = [(1_000, 7, ALL), (10_000, 7, ALL), (100_000, 5, ALL), (1_000_000, 3, ALL),
        (10_000_000, 1, [OURS, DEVICE, GTREE, "absl::btree_map"])]
QUICK = [(1_000, 3, ALL), (1_000_000, 1, [OURS, DEVICE, GTREE, "absl::btree_map"])]
SMOKE = [(1_000, 1, ALL)]
SIZES = {"full": FULL, "quick": QUICK, "smoke": SMOKE}
OPERATIONS = {"full": 200_000, "quick": 100_000, "smoke": 1_000}
MIXED_UP_TO = 1_000_000


def cases(mode):
    """(ranges, order, sizes, who) in the order in which they are run: rounds outermost."""
    for ranges, rounds, who in SIZES[mode]:
        for _ in range(rounds):
            for order in ("in order", "scattered"):
                for sizes in ("pages", "mixed"):
                    if sizes == "mixed" and (mode == "quick" or ranges > MIXED_UP_TO):
                        continue
                    names = who if sizes == "pages" else [OURS, GTREE]
                    yield from ((ranges, order, sizes, name) for name in names)


def measure(bench):
    known = bench.output("bench-map").splitlines()
    todo = [case for case in cases(bench.mode) if case[3] in known]
    for done, (ranges, order, sizes, who) in enumerate(todo):
        bench.progress(NAME, done, len(todo), f"{who}, {ranges:,} {order}, {sizes}")
        figures = json.loads(bench.output("bench-map", who, ranges, order, sizes,
                                          OPERATIONS[bench.mode]))
        figures["map+unmap"] = figures["map"] + figures["unmap"]
        for what, value in figures.items():
            if what != "operations":
                bench.results.add(NAME, who, what, value, ranges=ranges, order=order, sizes=sizes)


def against(results, what, ranges, who=OURS, other=GTREE):
    case = {"ranges": ranges, "order": "scattered", "sizes": "pages"}
    return ratio_of(results.values(NAME, other, what, **case),
                    results.values(NAME, who, what, **case))


def growth(results):
    """The worst that ten times as many ranges do to an operation."""
    worst = []
    for what in ("map", "unmap", "hit", "miss", "walk"):
        for order in ("in order", "scattered"):
            case = {"order": order, "sizes": "pages"}
            small = results.median(NAME, OURS, what, ranges=1_000_000, **case)
            large = results.median(NAME, OURS, what, ranges=10_000_000, **case)
            if small and large:
                worst.append(large / small)
    return [max(worst)] if worst else []


def targets(results):
    case = {"order": "scattered", "sizes": "pages"}
    rows = []
    for ranges, change, hit in ((1_000, 2, 3), (1_000_000, 5, 10)):
        rows.append(Ratio(f"map+unmap against GTree, {ranges:,} scattered ranges", change,
                          against(results, "map+unmap", ranges)))
        rows.append(Ratio(f"translate (hit) against GTree, {ranges:,} scattered ranges", hit,
                          against(results, "hit", ranges)))
    rows.append(Ratio("the slowest growth of any operation from 1,000,000 ranges to 10,000,000", 3,
                      growth(results), at_most=True))
    rows.append(Ratio("bytes a range, 1,000,000 scattered ranges", 40,
                      results.values(NAME, OURS, "bytes", ranges=1_000_000, **case),
                      at_most=True, unit=" B"))
    return rows


def tables(results):
    """Headed rows: what each costs, by ranges, in nanoseconds."""
    for order in ("scattered", "in order"):
        for ranges in results.cases(NAME, "hit", "ranges"):
            yield (f"{ranges:,} ranges of 4 KiB, {order}: ns an operation", ["", *WHATS],
                   [[who] + [results.median(NAME, who, what, ranges=ranges, order=order,
                                            sizes="pages") for what in WHATS]
                    for who in results.whos(NAME, "hit")])
    for order in ("scattered", "in order"):
        for ranges in results.cases(NAME, "hit", "ranges"):
            rows = [[who] + [results.median(NAME, who, what, ranges=ranges, order=order,
                                            sizes="mixed") for what in WHATS]
                    for who in (OURS, GTREE)]
            if rows[0][1]:
                yield (f"{ranges:,} ranges of 4 KiB to 2 MiB, {order}: ns an operation",
                       ["", *WHATS], rows)


def plots(results):
    ranges = results.cases(NAME, "hit", "ranges")
    for name, what, title in (("map-hit", "hit", "Translate an address (hit)"),
                              ("map-change", "map+unmap", "Unmap the oldest range and map a new one")):
        yield {"name": name, "title": f"{title}: scattered 4 KiB ranges",
               "x": "ranges", "y": "nanoseconds", "xs": ranges, "log_x": True, "log_y": True,
               "lines": [(who, [results.median(NAME, who, what, ranges=n, order="scattered",
                                               sizes="pages") for n in ranges])
                         for who in results.whos(NAME, what)]}
