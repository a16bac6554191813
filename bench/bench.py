#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""./run bench: all measurements in one run. Ratios come first, with their targets; then every figure. results.json and a plot for each
comparison are written as well. Contestants take turns, round by round, so that
what disturbs the machine disturbs all of them; figures are medians of the rounds.
"""

import argparse
import os
import subprocess
import sys
import time

import document
import part_backend
import part_bare
import part_guest
import part_host
import part_hostile
import part_limits
import part_map
import part_qemu
import part_spaces
import part_tables
import part_threads
import part_traces
import plot
from results import Results, cell
from skipped import Skipped

PARTS = [part_traces, part_map, part_threads, part_limits, part_spaces, part_backend, part_qemu, part_tables,
         part_hostile, part_host, part_bare, part_guest]


class Bench:
    """The input of parts: the mode, the results, programs to run, and a function for messages."""

    def __init__(self, options, mode, results):
        self.mode, self.build, self.results = mode, options.build, results
        self.named = bool(options.parts)
        self.began = time.monotonic()

    def program(self, name):
        return os.path.join(self.build, "bench", name)

    def output(self, program, *arguments):
        """What a measuring program prints. It stays on one processor if it has one thread."""
        command = [self.program(program), *map(str, arguments)]
        pin = None if program in ("bench-threads", "bench-worst") else pin_to_last
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True,
                              preexec_fn=pin).stdout

    def progress(self, part, done, of, what):
        seconds = int(time.monotonic() - self.began)
        end = "\n" if not sys.stderr.isatty() else "\033[K\r"
        if sys.stderr.isatty() or done % max(1, of // 10) == 0:
            print(f"{seconds // 60}:{seconds % 60:02d} {part} {done + 1}/{of}: {what}",
                  end=end, file=sys.stderr, flush=True)


def pin_to_last():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def arguments():
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__.split("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART",
                        help="; ".join(f"{part.NAME}: {part.HELP}" for part in PARTS) +
                        "; none: all")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller, in under a minute")
    parser.add_argument("--smoke", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--document", action="store_true",
                        help="write docs/performance.md from the results")
    parser.add_argument("--build", default="build", help=argparse.SUPPRESS)
    parser.add_argument("--out", help="where results.json and the plots go (build/bench)")
    options = parser.parse_args()
    unknown = set(options.parts) - {part.NAME for part in PARTS}
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def measure(bench, parts):
    for part in parts:
        try:
            part.measure(bench)
        except Skipped as reason:
            bench.results.note(f"{part.NAME}: {reason}")


def say(results, parts, targets):
    print(f"viommu bench, {results.mode}: ratios (median, wanted, spread over rounds)")
    for target in targets:
        print(target.line())
    for note in results.notes:
        print(f"  not measured: {note}")
    for part in parts:
        for title, head, rows in part.tables(results):
            print(f"\n{part.NAME}: {title}")
            written = [[cell(value) for value in row] for row in [head, *rows]]
            first, *others = (max(map(len, column)) for column in zip(*written))
            for name, *values in written:
                print(f"  {name:{max(18, first)}}  " + "  ".join(
                    f"{value:>{max(9, width)}}" for value, width in zip(values, others)))


def main():
    options = arguments()
    mode = "smoke" if options.smoke else "quick" if options.quick else "full"
    out = options.out or os.path.join(options.build, "bench")
    parts = [part for part in PARTS if not options.parts or part.NAME in options.parts]
    shown = [f"--{name}" for name in ("quick", "document") if getattr(options, name)]
    results = Results(mode, " ".join(["./run bench", *shown, *options.parts]))
    bench = Bench(options, mode, results)
    measure(bench, parts)
    targets = [target for part in parts for target in part.targets(results)]

    say(results, parts, targets)
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "results.json"), "w", encoding="utf-8") as file:
        file.write(results.as_json(targets) + "\n")
    names = [plot.write(out, picture) for part in parts for picture in part.plots(results)]
    print(f"\nbeside this: {out}/results.json" + "".join(f", {name}" for name in names))
    if options.document:
        document.write(results, parts, targets)


if __name__ == "__main__":
    main()
