# SPDX-License-Identifier: BSD-3-Clause
"""What Linux guests did, as bench/traces has it, by the interval map and by other structures."""

import glob
import json
import lzma
import os
import tempfile

import part_qemu
from part_map import GTREE, OURS, PACKAGES
from part_map import ALL as WHO
from results import Ratio, ratio_of
from skipped import Skipped

NAME = "traces"
HELP = "recorded guests (bench/traces), by the interval map, the device and other structures"

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "traces")
WHATS = ["change", "access"]
# rounds, passes of a trace in each
SIZES = {"full": (7, 100), "quick": (3, 50), "smoke": (1, 1)}
# Against GLib's tree; in QEMU, with the virtqueue, against QEMU's own device.
TARGETS = {"change": (2, 1.3, "MAP and UNMAP"), "access": (3, 3, "accesses")}
IN_QEMU = [part_qemu.THEIRS, part_qemu.OURS]


def names():
    return sorted(os.path.basename(path).partition(".")[0] for path in glob.glob(f"{FOLDER}/*.trace.xz"))


def unpacked(folder):
    """name -> the path of the trace, decompressed."""
    for name in names():
        path = os.path.join(folder, name)
        with lzma.open(f"{FOLDER}/{name}.trace.xz") as packed, open(path, "wb") as file:
            file.write(packed.read())
        yield name, path


def require(known, mode):
    missing = [who for who in WHO if who not in known]
    if missing and mode != "smoke":
        packages = " ".join(sorted({PACKAGES[who] for who in missing}))
        raise SystemExit(f"bench: not built: {', '.join(missing)}. Install {packages}, remove the "
                         "build folder's configuration (./run clean) and run ./run bench again")


def measure(bench):
    measure_structures(bench)
    if bench.mode == "smoke" or not (bench.named or bench.mode == "full"):
        return
    try:
        measure_in_qemu(bench)
    except Skipped as reason:
        bench.results.note(f"{NAME}: in QEMU: {reason}")


def measure_structures(bench):
    known = bench.output("bench-traces").splitlines()
    require(known, bench.mode)
    rounds, passes = SIZES[bench.mode]
    with tempfile.TemporaryDirectory() as folder:
        todo = [(name, path, who) for name, path in unpacked(folder) for _ in range(rounds)
                for who in WHO if who in known]
        for done, (name, path, who) in enumerate(todo):
            bench.progress(NAME, done, len(todo), f"{who}: {name}")
            figures = json.loads(bench.output("bench-traces", who, path, passes))
            for what in WHATS:
                bench.results.add(NAME, who, what, figures[what], trace=name)
            for what in ("changes", "accesses"):
                bench.results.add(NAME, "trace", what, figures[what], trace=name)


def measure_in_qemu(bench):
    """The same through the virtqueue and the translate call of one QEMU, with its own device beside ours."""
    machine = part_qemu.Machine(os.path.abspath(bench.build))
    rounds, passes = SIZES[bench.mode]
    with tempfile.TemporaryDirectory() as folder:
        traces = list(unpacked(folder))
        for done, (name, path) in enumerate(trace for trace in traces for _ in range(rounds)):
            bench.progress(NAME, done, len(traces) * rounds, f"both devices in QEMU: {name}")
            steps = f"{path}.steps"
            bench.output("bench-traces", "--steps", path, steps)
            for row in machine.play(f"steps={steps}", f"operations={passes}"):
                bench.results.add(NAME, row["who"], row["what"], row["value"], trace=name)


def every(results, what, who):
    """The figures of all traces, one after the other."""
    return [value for name in results.cases(NAME, what, "trace") for value in
            results.values(NAME, who, what, trace=name)]


def targets(results):
    rows = []
    for what, (wanted, in_qemu, text) in TARGETS.items():
        rows.append(Ratio(f"{text} of recorded guests against GTree", wanted,
                          ratio_of(every(results, what, GTREE), every(results, what, OURS))))
        rows.append(Ratio(f"{text} of recorded guests in QEMU against its own device", in_qemu,
                          ratio_of(*(every(results, what, who) for who in IN_QEMU))))
    return rows


def tables(results):
    met = results.cases(NAME, "change", "trace")
    if met:
        yield ("what is in them", ["trace", "MAPs and UNMAPs", "accesses"],
               [[name] + [results.median(NAME, "trace", what, trace=name) for what in ("changes", "accesses")]
                for name in met])
    for what, text in (("change", "a MAP or UNMAP"), ("access", "an access")) if met else ():
        yield (f"{text}: ns of processor time", ["structure", *met],
               [[who] + [results.median(NAME, who, what, trace=name) for name in met]
                for who in [*WHO, *IN_QEMU] if results.values(NAME, who, what, trace=met[0])])


def plots(results):
    return []
