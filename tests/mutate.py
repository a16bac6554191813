#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Change the sources so that tests must fail, one change at a time: mutate.py [NAME...] [--document]

Each mutant of tests/mutants.toml replaces one piece of text of one file, which must be there once, and
names the tests that should notice. A mutant that survives is a missing test: it is listed, and the
exit status is 1, unless the file explains why no test can see it. All happens in a copy of the tree
under build-mutants/, where the results are kept too: --document writes docs/mutants.md from them, without a run. Of a
mutant that was not run here, the row that the document has is kept, so that rows can be renewed one at a time.
For a mutant in qemu/ the tests are cases of `./run hostile`, and "random" is a run of it; `qemu` names another version
than the installed one. "judge" is the conformance suite, from a guest behind the module.
"""

import argparse
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build-mutants" / "tree"
BUILD = ROOT / "build-mutants" / "build"
RESULTS = ROOT / "build-mutants" / "results.json"
DOCUMENT = ROOT / "docs" / "mutants.md"
SECONDS = 600


def run(*command, **options):
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)


def copy_tree():
    """The tracked files as they are now; unchanged ones keep their times, so little is built again."""
    for name in run("git", "ls-files", cwd=ROOT).stdout.splitlines():
        source, target = ROOT / name, COPY / name
        if not source.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != source.read_bytes():
            shutil.copy(source, target)     # now: ninja compares times


def configure():
    if not (BUILD / "build.ninja").exists():
        done = run("meson", "setup", BUILD, COPY)
        if done.returncode:
            sys.exit(f"mutate: meson failed:\n{done.stdout}{done.stderr}")


def test(suites):
    """None if all tests pass; otherwise the first failing test, or the compiler's message."""
    words = [word for suite in suites for word in ("--suite", suite)]
    try:
        # Builds what these suites need, and no more.
        done = run("meson", "test", "-C", BUILD, "--maxfail", 1, *words, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "no end"
    if "build stopped" in done.stdout or "Could not rebuild" in done.stdout + done.stderr:
        error = re.search(r"error: .*", done.stdout)
        return f"does not compile: {error[0] if error else 'see ' + str(BUILD)}"
    failed = re.search(r"^\s*\d+/\d+ (.*?)\s+(?:FAIL|TIMEOUT|ERROR|UNEXPECTEDPASS)", done.stdout, re.M)
    if done.returncode and not failed:
        return "does not compile: meson says " + (done.stdout.splitlines() or ["nothing"])[-1]
    return failed[1] if failed else None


def built(*command):
    """None if a script of the copy succeeds; otherwise the compiler's message."""
    done = run(*command, cwd=COPY)
    error = re.search(r"error: .*", done.stderr)
    return f"does not compile: {error[0] if error else done.stderr[-200:]}" if done.returncode else None


def test_module(generation, cases):
    """The same for the module in a QEMU ("": the installed one)."""
    run("ninja", "-C", BUILD, "src/libviommu.a", "tables/libviommu-tables-objects.a")
    if wrong := built("qemu/build/build.sh", generation, BUILD) or built("tests/qemu/build.sh", generation):
        return wrong
    words = ["--runs", 1] if "random" in cases else [word for case in cases for word in ("--case", case)]
    try:
        done = run(sys.executable, "tests/qemu/hostile.py", "--qemu", generation or "installed", *words,
                   cwd=COPY, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "no end"
    failed = re.search(r"^FAILED +[0-9.]* *(\w+)(?: seed)?", done.stdout, re.M)
    if done.returncode and not failed:
        return f"does not compile: {(done.stdout + done.stderr)[-200:]}"
    return failed[1] if failed else None


def test_from_a_guest(_):
    """The same for the module in the installed QEMU, by the conformance suite."""
    run("ninja", "-C", BUILD, "src/libviommu.a", "tables/libviommu-tables-objects.a")
    if wrong := built("qemu/build/build.sh", "", BUILD):
        return wrong
    done = run(sys.executable, "conformance/judge.py", "--quick", "viommu*", cwd=COPY, timeout=SECONDS)
    failed = re.search(r"without an explanation: (.*)", done.stdout)
    if done.returncode and not failed:
        return f"does not compile: {(done.stdout + done.stderr)[-200:]}"
    return failed[1] if failed else None


def tests_of(mutant):
    if mutant["suites"] == ["judge"]:
        return test_from_a_guest
    return functools.partial(test_module, mutant.get("qemu", "")) if mutant["file"].startswith("qemu/") else test


def grouped(mutants):
    """What tests the unchanged tree for these mutants: functions, and suites for each."""
    groups = {}
    for mutant in mutants:
        key = (mutant["file"].startswith("qemu/") and mutant.get("qemu", "installed"),
               mutant["suites"] == ["judge"])
        groups.setdefault(key, (tests_of(mutant), set()))[1].update(mutant["suites"])
    return [(tests, sorted(suites)) for tests, suites in groups.values()]


def stale(mutants, root):
    """Why mutants do not fit the sources, a line each."""
    for mutant in mutants:
        n = (root / mutant["file"]).read_text(encoding="utf-8").count(mutant["old"])
        if n != 1:
            yield f"{mutant['name']}: {mutant['file']} has the text {n} times"


def attempt(mutant):
    path = COPY / mutant["file"]
    for reason in stale([mutant], COPY):
        return f"stale: {reason}"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    try:
        return tests_of(mutant)(mutant["suites"])
    finally:
        path.write_text(text, encoding="utf-8")


def verdict(mutant, found):
    if found:
        return "stale" if found.startswith(("stale", "does not compile")) else "killed"
    return "explained" if mutant.get("survives") else "survived"


def remember(name, found):
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results[name] = found
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True), encoding="utf-8")


HEAD = """# Mutants

Written by `./run mutate --document` from the last run of each: not to be edited. Each is a change of the sources that
the tests must notice (`tests/mutants.toml`); the test named is the first one that did.

"""


def documented(mutants):
    """The results in the document."""
    survivors = {"**nothing**", *(m["survives"] for m in mutants if m.get("survives"))}
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    return {name: None if found in survivors else found
            for name, found in re.findall(r"^\| (.+?) \| \S+ \| (.+) \|$", text, re.M) if found != "not run"}


def document(mutants):
    results = documented(mutants)
    if RESULTS.exists():
        results |= json.loads(RESULTS.read_text(encoding="utf-8"))
    rooms = {}
    for mutant in mutants:
        rooms.setdefault(os.path.dirname(mutant["file"]), []).append(mutant)
    words = ("killed", "explained", "survived", "not run")
    lines = ["| room | mutants | " + " | ".join(words) + " |", "| --- " * (2 + len(words)) + "|"]
    for room, its in sorted(rooms.items()):
        verdicts = [verdict(m, results[m["name"]]) if m["name"] in results else "not run" for m in its]
        lines.append(f"| {room} | {len(its)} | " +
                     " | ".join(str(verdicts.count(word)) for word in words) + " |")
    for room, its in sorted(rooms.items()):
        lines += ["", f"## {room}", "", "| mutant | file | noticed by |", "| --- | --- | --- |"]
        for m in its:
            found = results.get(m["name"], "not run") or m.get("survives") or "**nothing**"
            lines.append(f"| {m['name']} | {os.path.basename(m['file'])} | {found.replace('viommu:', '')} |")
    DOCUMENT.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="run mutate", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants, or folders, such as qemu/; all when none is named")
    parser.add_argument("--fits", action="store_true", help="only report mutants that do not fit the sources")
    parser.add_argument("--document", action="store_true",
                        help="write docs/mutants.md from the results of earlier runs, and its own rows")
    arguments = parser.parse_args()
    with open(ROOT / "tests" / "mutants.toml", "rb") as file:
        mutants = tomllib.load(file)["mutant"]
    if arguments.document:
        document(mutants)
        return 0
    if arguments.fits:
        print("\n".join(stale(mutants, ROOT)) or f"{len(mutants)} mutants fit")
        return any(stale(mutants, ROOT))
    chosen = [m for m in mutants if not arguments.names or
              any(name == m["name"] or m["file"].startswith(name) for name in arguments.names)]
    os.environ["PATH"] = "/usr/lib/ccache:" + os.environ["PATH"]
    copy_tree()
    configure()
    for tests, suites in grouped(chosen):
        if first := tests(suites):
            sys.exit(f"mutate: the tree as it is fails already: {first}")
    verdicts = []
    for mutant in chosen:
        begun = time.monotonic()
        found = attempt(mutant)
        seconds = time.monotonic() - begun
        verdicts.append(verdict(mutant, found))
        remember(mutant["name"], found)
        print(f"{verdicts[-1]:9} {mutant['name']} ({seconds:.0f} s): "
              f"{found or mutant.get('survives') or mutant['file']}", flush=True)
    count = verdicts.count
    print(f"mutants: {count('killed')} killed, {count('survived')} survived, "
          f"{count('explained')} explained, {count('stale')} stale")
    return 1 if count("survived") or count("stale") else 0


sys.exit(main())
