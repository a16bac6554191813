#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Search for inputs that violate an invariant: ./run fuzz [MINUTES] [TARGET...] [--afl] [--keep]

Every target runs for MINUTES (1 unless said), as many at once as there are processors; if there are more processors than targets, several processes of each run and share their inputs. They start from
the inputs in fuzz/corpus and from those that earlier runs left in build-fuzz/found. Progress is printed; a summary has executions, coverage of the target's code, and failures. Ctrl-C prints the summary at
once, a second one exits.

    --afl    with AFL++ instead of libFuzzer, on the same targets
    --keep   put the smallest inputs that reach everything into fuzz/corpus

Exits with 1 if something broke: the input is named, and `build-fuzz/fuzz/fuzz-TARGET FILE` shows
it again.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD, AFL, COVERAGE = ROOT / "build-fuzz", ROOT / "build-afl", ROOT / "build-coverage"
FOUND = BUILD / "found"
CORPUS = ROOT / "fuzz" / "corpus"

# The code that each target tests, without the code of other targets, and its dictionary: a file, or what fuzz/words.c
# writes.
Target = collections.namedtuple("Target", "folders words")
# What came of running it. Hours are those that its processes ran, each on a processor.
Result = collections.namedtuple("Result", "runs hours points of broken", defaults=(0, 0, 0, 0, ()))
TARGETS = {
    "acpi": Target(("tables/acpi", "tables/table/image", "tables/api/input"), None),
    "builtin": Target(("tables/formats/builtin",), "builtin"),
    "command": Target(("tools",), "all"),
    "drafts": Target(("src/device/draft_", "src/device/personality"), None),
    "dumps": Target(("tables/dumps", "tables/api/input"), None),
    "host": Target(("host",), None),
    "kernel": Target(("src/backend",), None),
    "pgtable": Target(("src/pgtable",), None),
    "plan": Target(("plan",), None),
    "requests": Target(("src/device", "src/map", "-src/device/mmio", "-src/device/pci",
                        "-src/device/virtio_iommu"), "conformance/grammar/virtio-iommu.dict"),
    "pci": Target(("src/transport", "src/device/pci", "src/device/virtio_iommu"), None),
    "rings": Target(("src/transport", "src/device/mmio", "src/device/virtio_iommu"), None),
    "state": Target(("src/device/stage", "src/device/state", "src/transport/state", "src/wire/stream"), None),
    "tables": Target(("tables",), "tables"),
    "topology": Target(("tables/text", "tables/check", "tables/model"), "topology"),
    "traces": Target(("src/record",), None),
}
LARGEST_KEPT = 1024     # bytes: a larger input says nothing to a person
STATUS_EVERY = 5        # seconds
SLOWEST = 10            # seconds for an input: more is a mistake


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(command, **options):
    return subprocess.run([str(c) for c in command], check=True, **options)


def build(folder, compiler, options, programs):
    environment = dict(os.environ, CC=compiler)
    if not (folder / "build.ninja").exists():
        run(["meson", "setup", folder, ROOT, *options], env=environment,
            stdout=subprocess.DEVNULL)
    run(["ninja", "-C", folder, *programs], stdout=subprocess.DEVNULL)


# What a fuzzer sees only with them: a byte too far, a use after free, a number that overflows.
SANITIZED = ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false"]
UNFORGIVING = "-fno-sanitize-recover=undefined"


def build_libfuzzer(targets):
    build(BUILD, "clang", [*SANITIZED, f"-Dc_args=-fsanitize=fuzzer-no-link {UNFORGIVING}"],
          [f"fuzz/fuzz-{t}" for t in targets] + ["fuzz/words"])


def dictionary(name):
    words = TARGETS[name].words
    if not words or words.endswith(".dict"):
        return words and ROOT / words
    path = BUILD / f"{words}.dict"
    path.write_bytes(run([BUILD / "fuzz" / "words", words], capture_output=True).stdout)
    return path


def seeds(name):
    """What there is to begin with: what was kept, and for tables what the tests have."""
    places = [CORPUS / name]
    refused = sorted((ROOT / "tests" / "tables").glob("**/refused"))
    if name == "tables":
        places += [ROOT / "tests" / "golden", *refused]
    if name == "state":
        places += [ROOT / "tests" / folder / "streams" for folder in ("device", "transport")]
    if name == "topology":
        places += [ROOT / "tests" / "golden" / "topologies", *refused]
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    return [found] + [p for p in places if p.is_dir()]


# -- side by side ----------------------------------------------------------------------------

PROCESSORS = len(os.sched_getaffinity(0))
running, stopping = set(), threading.Event()


@contextlib.contextmanager
def started(command, **options):
    """A fuzzer, in a group of its own: what Ctrl-C means to it, stop() decides."""
    with subprocess.Popen([str(c) for c in command], start_new_session=True, **options) as process:
        running.add(process)
        try:
            if stopping.is_set():
                os.killpg(process.pid, signal.SIGINT)
            yield process
        finally:
            running.discard(process)


def stop(*_):
    """End the fuzzers and go on to the report; the next Ctrl-C ends that too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    stopping.set()
    say("stopping; what was reached is counted now")
    for process in list(running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)


def side_by_side(work, items):
    """Results in the order of the items, with as many at work as there are processors."""
    with concurrent.futures.ThreadPoolExecutor(PROCESSORS) as pool:
        return list(pool.map(work, items))


def fuzz(one, names, seconds):
    """One row a target, of all that ran of it."""
    copies = range(max(1, PROCESSORS // len(names)))
    jobs = [(name, copy) for name in names for copy in copies]

    def work(job):
        start = time.monotonic()
        result = Result() if stopping.is_set() else one(*job, seconds)
        return result._replace(hours=(time.monotonic() - start) / 3600)

    results = side_by_side(work, jobs)
    return {n: together([r for r, job in zip(results, jobs) if job[0] == n]) for n in names}


def together(results):
    return Result(sum(r.runs for r in results), sum(r.hours for r in results),
                  max(r.points for r in results), max(r.of for r in results),
                  sorted({path for r in results for path in r.broken}))


# -- libFuzzer -------------------------------------------------------------------------------

LINE = re.compile(r"#(\d+)\s.*cov: (\d+) .*exec/s: (\d+)")
SIZE = re.compile(r"Loaded 1 PC tables \((\d+) PCs\)")
LAST = re.compile(r"stat::number_of_executed_units: (\d+)")


def follow(process, name, log):
    """Print the newest line at intervals; return the last one."""
    runs = reached = total = 0
    shown = time.monotonic()
    for line in process.stderr:
        log.write(line)
        size, last, match = SIZE.search(line), LAST.search(line), LINE.search(line)
        total = int(size.group(1)) if size else total
        runs = int(last.group(1)) if last else runs
        if not match:
            continue
        runs, reached = int(match.group(1)), int(match.group(2))
        if time.monotonic() - shown > STATUS_EVERY:
            shown = time.monotonic()
            say(f"  {name}: {runs:,} runs, {reached} of {total} points, {match.group(3)}/s")
    return Result(runs=runs, points=reached, of=total)


def libfuzzer(name, copy, seconds):
    words = dictionary(name)
    command = [BUILD / "fuzz" / f"fuzz-{name}", f"-max_total_time={seconds}", f"-timeout={SLOWEST}",
               "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={BUILD}/broken-{name}-",
               *([f"-dict={words}"] if words else []), *seeds(name)]
    with open(BUILD / f"{name}-{copy}.log", "w", encoding="utf-8", errors="replace") as log:
        with started(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
            result = follow(process, name, log)
    return result._replace(broken=[str(p) for p in BUILD.glob(f"broken-{name}-*")])


# -- AFL++ -----------------------------------------------------------------------------------

AFL_SETTINGS = {"AFL_NO_UI": "1", "AFL_SKIP_CPUFREQ": "1", "AFL_QUIET": "1",
                "AFL_NO_AFFINITY": "1", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES": "1"}


def afl_seeds(name):
    """One folder with what there is, for AFL++ reads but one; and it wants to have something."""
    start = AFL / "in" / name
    shutil.rmtree(start, ignore_errors=True)
    start.mkdir(parents=True)
    (start / "empty").write_bytes(b"\0")
    for path in (p for folder in seeds(name) for p in folder.iterdir()):
        if path.is_file() and 0 < path.stat().st_size <= LARGEST_KEPT:
            shutil.copy(path, start / path.name)
    return start


def afl(name, copy, seconds):
    out, words = AFL / "out" / name, dictionary(name)
    say(f"  {name}: AFL++ for {seconds} s")
    command = ["afl-fuzz", "-i", AFL / "in" / name, "-o", out, "-S", copy, "-V", seconds,
               "-t", f"{SLOWEST * 1000}+",
               *(["-x", words] if words else []), "--", AFL / "fuzz" / f"fuzz-{name}"]
    with open(AFL / f"{name}-{copy}.log", "wb") as log:
        with started(command, env={**os.environ, **AFL_SETTINGS}, stdout=log, stderr=log) as process:
            process.wait()
    give_to_all(name, out / str(copy) / "queue")
    return afl_result(out / str(copy))


def give_to_all(name, queue):
    """What AFL++ found is where libFuzzer finds it, under a name that it would have given."""
    for path in queue.glob("id*"):
        data = path.read_bytes()
        (FOUND / name / hashlib.sha1(data).hexdigest()).write_bytes(data)


def afl_result(out):
    """If it could not begin, its log is what is broken."""
    if not (out / "fuzzer_stats").exists():
        return Result(broken=[str(AFL / f"{out.parent.name}-{out.name}.log")])
    stats = dict(line.split(":", 1) for line in
                 (out / "fuzzer_stats").read_text().splitlines() if ":" in line)
    stats = {key.strip(): value.strip() for key, value in stats.items()}
    return Result(runs=int(stats["execs_done"]), points=int(stats["edges_found"]),
                  of=int(stats["total_edges"]),
                  broken=[str(p) for kind in ("crashes", "hangs")
                          for p in (out / kind).glob("id*")])


def build_afl(names):
    build(AFL, "afl-clang-fast", [*SANITIZED, f"-Dc_args={UNFORGIVING}"],
          [f"fuzz/fuzz-{n}" for n in names])
    shutil.rmtree(AFL / "out", ignore_errors=True)
    for name in names:
        afl_seeds(name)
        (AFL / "out" / name).mkdir(parents=True)


# -- what was reached ----------------------------------------------------------------------------

def coverage(names):
    """Lines of each target's folders that its inputs run, as clang counts them."""
    build(COVERAGE, "clang", ["-Dc_args=-fprofile-instr-generate -fcoverage-mapping",
                              "-Dc_link_args=-fprofile-instr-generate"],
          [f"fuzz/replay-{n}" for n in names])
    tools = next((s for s in ("", "-19", "-16", "-15", "-14") if shutil.which("llvm-cov" + s)), None)
    if tools is None:
        return {}
    return dict(zip(names, side_by_side(lambda name: lines_of(name, tools), names)))


def lines_of(name, suffix):
    program = COVERAGE / "fuzz" / f"replay-{name}"
    raw, data = COVERAGE / f"{name}.profraw", COVERAGE / f"{name}.profdata"
    places = [p for p in seeds(name) if any(p.iterdir())]
    run([program, "--whole", *places], env=dict(os.environ, LLVM_PROFILE_FILE=str(raw)),
        stdout=subprocess.DEVNULL)
    run(["llvm-profdata" + suffix, "merge", "-sparse", raw, "-o", data])
    report = run(["llvm-cov" + suffix, "export", "-summary-only", program,
                  f"-instr-profile={data}"], capture_output=True).stdout
    files = json.loads(report)["data"][0]["files"]
    mine = [f["summary"]["lines"] for f in files if is_about(name, f["filename"])]
    return sum(m["covered"] for m in mine), sum(m["count"] for m in mine)


def is_about(name, filename):
    folders = TARGETS[name].folders
    return (any(f"/{folder}" in filename for folder in folders)
            and not any(f"/{folder[1:]}" in filename for folder in folders if folder[0] == "-"))


def keep(name):
    """The smallest inputs that reach every point that is reached, however often, into the tree."""
    smallest = BUILD / "smallest" / name
    shutil.rmtree(smallest, ignore_errors=True)
    smallest.mkdir(parents=True)
    run([BUILD / "fuzz" / f"fuzz-{name}", "-set_cover_merge=1", "-use_counters=0", f"-max_len={LARGEST_KEPT}", smallest,
         *seeds(name)], stderr=subprocess.DEVNULL)
    target = CORPUS / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in smallest.iterdir():
        shutil.copy(path, target / path.name[:16])
    say(f"  {name}: {len(list(target.iterdir()))} inputs kept")


def report(results, lines):
    print(f"{'target':10} {'runs':>14} {'hours':>7} {'points':>14} {'lines':>20} broken")
    for name, r in results.items():
        covered, count = lines.get(name, (0, 0))
        share = f"{covered} of {count}" + (f", {100 * covered // count} %" if count else "")
        print(f"{name:10} {r.runs:>14,} {r.hours:>7.2f} {r.points:>6} of {r.of:<5} {share:>20} "
              f"{len(r.broken)}")
        for path in r.broken:
            print(f"    {path}")
    everything = together(results.values())
    print(f"{'all':10} {everything.runs:>14,} {everything.hours:>7.2f} {'':35} "
          f"{len(everything.broken)}")


def main():
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--afl", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("arguments", nargs="*", metavar="MINUTES|TARGET")
    options = parser.parse_intermixed_args()
    minutes = [float(a) for a in options.arguments if a not in TARGETS]
    names = [a for a in options.arguments if a in TARGETS] or list(TARGETS)
    seconds = round((minutes or [1])[-1] * 60)
    say(f"building {len(names)} targets; then {seconds} s for each, {PROCESSORS} at once")
    build_libfuzzer(names)
    if options.afl:
        build_afl(names)
    signal.signal(signal.SIGINT, stop)
    results = fuzz(afl if options.afl else libfuzzer, names, seconds)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if options.keep and not stopping.is_set():
        side_by_side(keep, names)
    report(results, coverage(names))
    return any(r.broken for r in results.values())


sys.exit(main())
