# SPDX-License-Identifier: BSD-3-Clause
"""The interval map compared with other data structures for ranges."""

import json
import re
import shutil
import subprocess
import tempfile

import callgrind
from results import Ratio, first_line, ratio_of

NAME = "map"
HELP = "the interval map against trees, a sorted array, a page table and a Judy array"

OURS, DEVICE, GTREE, ARRAY = "viommu map", "viommu device", "GTree", "sorted array"
ALL = [OURS, DEVICE, GTREE, ARRAY, "page table", "Judy", "std::map", "absl::btree_map"]
PACKAGES = {"Judy": "libjudy-dev", "std::map": "g++ libabsl-dev", "absl::btree_map": "g++ libabsl-dev"}
ORDERS = ("upward", "downward", "scattered")
WHATS = ["map", "unmap", "again", "hit", "miss", "walk", "fill", "bytes"]

# ranges, rounds, who: few rounds where one takes long
FULL = [(1_000, 7, ALL), (10_000, 7, ALL), (100_000, 5, ALL), (1_000_000, 3, ALL),
        (10_000_000, 1, [OURS, DEVICE, "absl::btree_map"])]
QUICK = [(1_000, 3, ALL), (1_000_000, 1, [OURS, DEVICE, GTREE, "absl::btree_map"])]
SMOKE = [(1_000, 1, ALL)]
SIZES = {"full": FULL, "quick": QUICK, "smoke": SMOKE}
OPERATIONS = {"full": 200_000, "quick": 100_000, "smoke": 1_000}
MIXED_UP_TO = 1_000_000
# Of more ranges, a sorted array is only measured upward: it moves all that is above a place, and a fill takes an hour.
ARRAY_UP_TO = 100_000

# Whose time is sampled, doing what.
PROFILED = [(DEVICE, "hit", 1_000), (DEVICE, "change", 1_000), (OURS, "hit", 1_000_000)]
PROFILE_ROWS = 8

# What is counted by a simulator, where the processor's own counters cannot be read.
COUNTED, COUNTED_RANGES, COUNTED_OPERATIONS = [OURS, GTREE, ARRAY], 100_000, 20_000
COUNTS = ["instructions", "L1 misses", "L2 misses"]
L2_SAID = first_line(["getconf", "LEVEL2_CACHE_SIZE"])
L2_BYTES = int(L2_SAID) if L2_SAID.isdigit() and int(L2_SAID) else 1 << 20


def cases(mode):
    """(ranges, order, sizes, contestant) in the order of execution: rounds outermost."""
    for ranges, rounds, who in SIZES[mode]:
        for _ in range(rounds):
            for order in ORDERS:
                for sizes in ("pages", "mixed"):
                    if sizes == "mixed" and (mode == "quick" or ranges > MIXED_UP_TO):
                        continue
                    names = who if sizes == "pages" else [OURS, GTREE]
                    if ranges > ARRAY_UP_TO and order != "upward":
                        names = [name for name in names if name != ARRAY]
                    yield from ((ranges, order, sizes, name) for name in names)


def require(known, mode):
    """A peer that is missing is no peer that was beaten. A smoke test makes do without."""
    missing = [who for who in ALL if who not in known]
    if missing and mode != "smoke":
        packages = " ".join(sorted({PACKAGES[who] for who in missing}))
        raise SystemExit(f"bench: not built: {', '.join(missing)}. Install {packages}, remove the "
                         "build folder's configuration (./run clean) and run ./run bench again")


def measure(bench):
    known = bench.output("bench-map").splitlines()
    require(known, bench.mode)
    todo = [case for case in cases(bench.mode) if case[3] in known]
    for done, (ranges, order, sizes, who) in enumerate(todo):
        bench.progress(NAME, done, len(todo), f"{who}, {ranges:,} {order}, {sizes}")
        figures = json.loads(bench.output("bench-map", who, ranges, order, sizes,
                                          OPERATIONS[bench.mode]))
        if who == OURS and order == "scattered" and sizes == "pages":
            bench.results.add(NAME, "memory", "chase", figures["chase"], ranges=ranges)
        figures["map+unmap"] = figures["map"] + figures["unmap"]
        for what, value in figures.items():
            if what not in ("operations", "chase"):
                bench.results.add(NAME, who, what, value, ranges=ranges, order=order, sizes=sizes)


    if bench.mode == "full" and shutil.which("valgrind"):
        count(bench)
    if bench.mode == "full" and shutil.which("perf"):
        for profiled in PROFILED:
            profile(bench, *profiled)


def profile(bench, who, phase, ranges):
    """Which functions the time goes to, sampled."""
    title = f"where the time goes: {who}, {phase}, {ranges:,} scattered ranges"
    with tempfile.NamedTemporaryFile() as samples:
        subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", "10000", "-o", samples.name,
                        bench.program("bench-map"), who, str(ranges), "scattered", "pages",
                        "3000000", phase], capture_output=True, check=False)
        said = subprocess.run(["perf", "report", "-i", samples.name, "--stdio", "-F", "overhead,sym"],
                              capture_output=True, text=True, check=False).stdout
    found = re.findall(r"^ +([\d.]+)%  \[[.k]\] (\S+)", said, re.M)[:PROFILE_ROWS]
    if found:
        bench.results.profiles[title] = [[name, float(share)] for share, name in found]


def count(bench):
    """Instructions and cache misses of a lookup, half of them hits, by callgrind."""
    for done, who in enumerate(COUNTED):
        bench.progress(NAME, done, len(COUNTED), f"{who}: cache misses of a lookup, simulated")
        events = callgrind.collected(bench, "translate", "bench-map", who, COUNTED_RANGES, "scattered",
                                     "pages", COUNTED_OPERATIONS, "hit", "miss",
                                     options=["--cache-sim=yes", f"--LL={L2_BYTES},16,64"])
        if not events:
            return
        for what, names in zip(COUNTS, (["Ir"], ["D1mr", "D1mw"], ["DLmr", "DLmw"])):
            bench.results.add(NAME, who, what,
                              sum(events.get(name, 0) for name in names) / (2 * COUNTED_OPERATIONS))


def against(results, what, ranges, who=OURS, other=GTREE):
    case = {"ranges": ranges, "order": "scattered", "sizes": "pages"}
    return ratio_of(results.values(NAME, other, what, **case),
                    results.values(NAME, who, what, **case))


def growth(results):
    """The worst that ten times as many ranges do to an operation."""
    worst = []
    for what in ("map", "unmap", "hit", "miss", "walk"):
        for order in ORDERS:
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
    for ranges in (1_000, 1_000_000):
        rows.append(Ratio(f"bytes a range, {ranges:,} scattered ranges", 40,
                          results.values(NAME, OURS, "bytes", ranges=ranges, **case),
                          at_most=True, unit=" B"))
    return rows


def costs(results, ranges, order, sizes):
    """A row for each contestant."""
    rows = [[who] + [results.median(NAME, who, what, ranges=ranges, order=order, sizes=sizes)
                     for what in WHATS] for who in results.whos(NAME, "hit")]
    return [row for row in rows if row[WHATS.index("hit") + 1]]


def tables(results):
    """Headed rows: what each operation costs, by ranges, in nanoseconds."""
    for sizes, text in (("pages", "4 KiB"), ("mixed", "4 KiB to 2 MiB")):
        for order in ORDERS:
            for ranges in results.cases(NAME, "hit", "ranges"):
                rows = costs(results, ranges, order, sizes)
                if rows:
                    yield (f"{ranges:,} ranges of {text}, {order}: ns an operation",
                           ["structure", *WHATS], rows)
    if results.whos(NAME, "instructions"):
        yield (f"a lookup among {COUNTED_RANGES:,} scattered ranges, half of them hits, simulated "
               f"with {L2_BYTES >> 10} KiB of L2", ["structure", *COUNTS],
               [[who] + [results.median(NAME, who, what) for what in COUNTS] for who in COUNTED])
    for title, rows in results.profiles.items():
        yield (title, ["function", "% of samples"], rows)
    yield ("the limit: one read from an unforeseeable place in as many bytes as the ranges take: ns",
           ["ranges", "one read", "our hit", "reads a hit"], list(limit(results)))


def limit(results):
    for ranges in results.cases(NAME, "hit", "ranges"):
        read = results.median(NAME, "memory", "chase", ranges=ranges)
        hit = results.median(NAME, OURS, "hit", ranges=ranges, order="scattered", sizes="pages")
        yield [f"{ranges:,} ranges", read, hit, hit / read]


def plots(results):
    ranges = results.cases(NAME, "hit", "ranges")
    for name, what, title in (("map-hit", "hit", "Translate an address (hit)"),
                              ("map-change", "map+unmap", "Unmap the oldest range and map a new one")):
        yield {"name": name, "title": f"{title}: scattered 4 KiB ranges",
               "x": "ranges", "y": "nanoseconds", "xs": ranges, "log_x": True, "log_y": True,
               "lines": [(who, [results.median(NAME, who, what, ranges=n, order="scattered",
                                               sizes="pages") for n in ranges])
                         for who in results.whos(NAME, what)]}
