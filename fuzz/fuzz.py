#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Look for inputs that break something: ./run fuzz [MINUTES] [TARGET...] [--afl] [--keep]

Every target runs for MINUTES (1 unless said) in turn, on all processors, starting from the
inputs in fuzz/corpus and from those that earlier runs left in build-fuzz/found. A line tells
how it goes; at the end stand executions, coverage of the code it is about, and what broke.

    --afl    with AFL++ instead of libFuzzer, on the same targets
    --keep   put the smallest inputs that reach everything into fuzz/corpus

Exits with 1 if something broke: the input is named, and `build-fuzz/fuzz/fuzz-TARGET FILE` shows
it again.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD, AFL, COVERAGE = ROOT / "build-fuzz", ROOT / "build-afl", ROOT / "build-coverage"
FOUND = BUILD / "found"
CORPUS = ROOT / "fuzz" / "corpus"

# What each target is about, and where its dictionary comes from.
Target = collections.namedtuple("Target", "folders words")
TARGETS = {
    "builtin": Target(("tables/builtin",), None),
    "requests": Target(("src/device", "src/map"), None),
    "rings": Target(("src/transport", "src/device"), None),
    "state": Target(("src/device/state",), None),
    "tables": Target(("tables",), "tables"),
    "topology": Target(("tables/text", "tables/check", "tables/topology"), "topology"),
}
LARGEST_KEPT = 1024     # bytes: a larger input says nothing to a person
STATUS_EVERY = 5        # seconds


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


def build_libfuzzer(targets):
    build(BUILD, "clang",
          ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
           "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=undefined"],
          [f"fuzz/fuzz-{t}" for t in targets] + ["fuzz/words"])


def dictionary(name):
    words = TARGETS[name].words
    if not words:
        return None
    path = BUILD / f"{words}.dict"
    path.write_bytes(run([BUILD / "fuzz" / "words", words], capture_output=True).stdout)
    return path


def seeds(name):
    """What there is to begin with: what was kept, and for tables what the tests have."""
    places = [CORPUS / name]
    if name == "tables":
        places += [ROOT / "tests" / "golden", ROOT / "tests" / "refused"]
    if name == "state":
        places.append(ROOT / "tests" / "device" / "streams")
    if name == "topology":
        places += [ROOT / "tests" / "golden" / "topologies", ROOT / "tests" / "refused"]
    found = FOUND / name
    found.mkdir(parents=True, exist_ok=True)
    return [found] + [p for p in places if p.is_dir()]


# -- libFuzzer -------------------------------------------------------------------------------

LINE = re.compile(r"#(\d+)\s.*cov: (\d+) .*exec/s: (\d+)")
SIZE = re.compile(r"Loaded 1 PC tables \((\d+) PCs\)")


def follow(process, name, log):
    """Show the newest line now and then; return executions, points reached, points there are."""
    runs = reached = total = 0
    shown = time.monotonic()
    for line in process.stderr:
        log.write(line)
        size, match = SIZE.search(line), LINE.search(line)
        total = int(size.group(1)) if size else total
        if not match:
            continue
        runs, reached = int(match.group(1)), int(match.group(2))
        if time.monotonic() - shown > STATUS_EVERY:
            shown = time.monotonic()
            say(f"  {name}: {runs:,} runs, {reached} of {total} points, {match.group(3)}/s")
    process.wait()
    return runs, reached, total


def libfuzzer(name, seconds):
    words = dictionary(name)
    command = [BUILD / "fuzz" / f"fuzz-{name}", f"-max_total_time={seconds}", "-timeout=10",
               "-rss_limit_mb=2048", f"-artifact_prefix={BUILD}/broken-{name}-",
               *([f"-dict={words}"] if words else []), *seeds(name)]
    with open(BUILD / f"{name}.log", "w", encoding="utf-8", errors="replace") as log:
        with subprocess.Popen([str(c) for c in command], stderr=subprocess.PIPE, text=True,
                              errors="replace") as process:
            runs, reached, total = follow(process, name, log)
    return {"target": name, "runs": runs, "points": reached, "of": total,
            "broken": sorted(str(p) for p in BUILD.glob(f"broken-{name}-*"))}


# -- AFL++ -----------------------------------------------------------------------------------

def afl(name, seconds):
    build(AFL, "afl-clang-fast", ["-Dfuzz=true"], [f"fuzz/fuzz-{name}"])
    start, out = AFL / "in" / name, AFL / "out" / name
    shutil.rmtree(start, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    start.mkdir(parents=True)
    for folder in seeds(name):
        for path in folder.iterdir():
            if path.is_file() and 0 < path.stat().st_size <= LARGEST_KEPT:
                shutil.copy(path, start / path.name)
    environment = dict(os.environ, AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1", AFL_QUIET="1",
                       AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1")
    if not any(start.iterdir()):
        (start / "empty").write_bytes(b"\0")
    say(f"  {name}: AFL++ for {seconds} s")
    run(["afl-fuzz", "-i", start, "-o", out, "-V", str(seconds), "--",
         AFL / "fuzz" / f"fuzz-{name}"], env=environment, stdout=subprocess.DEVNULL)
    stats = dict(line.split(":", 1) for line in
                 (out / "default" / "fuzzer_stats").read_text().splitlines() if ":" in line)
    stats = {key.strip(): value.strip() for key, value in stats.items()}
    return {"target": name, "runs": int(stats["execs_done"]), "points": int(stats["edges_found"]),
            "of": int(stats["total_edges"]),
            "broken": sorted(str(p) for kind in ("crashes", "hangs")
                             for p in (out / "default" / kind).glob("id*"))}


# -- what was reached ----------------------------------------------------------------------------

def coverage(names):
    """Lines of each target's folders that its inputs run, as clang counts them."""
    build(COVERAGE, "clang", ["-Dc_args=-fprofile-instr-generate -fcoverage-mapping",
                              "-Dc_link_args=-fprofile-instr-generate"],
          [f"fuzz/replay-{n}" for n in names])
    tools = next((s for s in ("", "-19", "-16", "-15", "-14") if shutil.which("llvm-cov" + s)), None)
    return {n: lines_of(n, tools) for n in names} if tools is not None else {}


def lines_of(name, suffix):
    program = COVERAGE / "fuzz" / f"replay-{name}"
    raw, data = COVERAGE / f"{name}.profraw", COVERAGE / f"{name}.profdata"
    places = [p for p in seeds(name) if any(p.iterdir())]
    run([program, *places], env=dict(os.environ, LLVM_PROFILE_FILE=str(raw)),
        stdout=subprocess.DEVNULL)
    run(["llvm-profdata" + suffix, "merge", "-sparse", raw, "-o", data])
    report = run(["llvm-cov" + suffix, "export", "-summary-only", program,
                  f"-instr-profile={data}"], capture_output=True).stdout
    files = json.loads(report)["data"][0]["files"]
    mine = [f["summary"]["lines"] for f in files
            if any(f"/{folder}" in f["filename"] for folder in TARGETS[name].folders)]
    return sum(m["covered"] for m in mine), sum(m["count"] for m in mine)


def keep(name):
    """The smallest inputs that reach all that is reached, into the tree."""
    smallest = BUILD / "smallest" / name
    shutil.rmtree(smallest, ignore_errors=True)
    smallest.mkdir(parents=True)
    run([BUILD / "fuzz" / f"fuzz-{name}", "-set_cover_merge=1", f"-max_len={LARGEST_KEPT}", smallest,
         *seeds(name)], stderr=subprocess.DEVNULL)
    target = CORPUS / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in smallest.iterdir():
        shutil.copy(path, target / path.name[:16])
    say(f"  {name}: {len(list(target.iterdir()))} inputs kept")


def report(results, lines):
    print(f"{'target':10} {'runs':>14} {'points':>14} {'lines':>20} broken")
    for r in results:
        covered, count = lines.get(r["target"], (0, 0))
        share = f"{covered} of {count}" + (f", {100 * covered // count} %" if count else "")
        print(f"{r['target']:10} {r['runs']:>14,} {r['points']:>6} of {r['of']:<5} {share:>20} "
              f"{len(r['broken'])}")
        for path in r["broken"]:
            print(f"    {path}")


def main():
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--afl", action="store_true")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("arguments", nargs="*", metavar="MINUTES|TARGET")
    options = parser.parse_args()
    minutes = [float(a) for a in options.arguments if a not in TARGETS]
    names = [a for a in options.arguments if a in TARGETS] or list(TARGETS)
    seconds = round((minutes or [1])[-1] * 60)
    say(f"building {len(names)} targets; then {seconds} s for each")
    build_libfuzzer(names)
    results = [(afl if options.afl else libfuzzer)(n, seconds) for n in names]
    if options.keep:
        for name in names:
            keep(name)
    report(results, coverage(names))
    return any(r["broken"] for r in results)


sys.exit(main())
