#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Change the sources so that tests must fail, one change at a time: mutate.py [NAME...]

Each mutant of tests/mutants.toml replaces one piece of text of one file, which must be there once, and
names the tests that should notice. A mutant that survives is a missing test: it is listed, and the
exit status is 1, unless the file explains why no test can see it. All happens in a copy of the tree
under build-mutants/.
"""

import argparse
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
            shutil.copy2(source, target)


def configure():
    if not (BUILD / "build.ninja").exists():
        done = run("meson", "setup", BUILD, COPY)
        if done.returncode:
            sys.exit(f"mutate: meson failed:\n{done.stdout}{done.stderr}")


def test(suites):
    """None if all tests pass; otherwise the first failing test, or the compiler's message."""
    built = run("ninja", "-C", BUILD)
    if built.returncode:
        error = re.search(r"error: .*", built.stdout)
        return f"does not compile: {error[0] if error else 'see ' + str(BUILD)}"
    words = [word for suite in suites for word in ("--suite", suite)]
    try:
        done = run("meson", "test", "-C", BUILD, "--no-rebuild", "--maxfail", 1, *words,
                   timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return "no end"
    failed = re.search(r"^\s*\d+/\d+ (.*?)\s+(?:FAIL|TIMEOUT|ERROR|UNEXPECTEDPASS)", done.stdout, re.M)
    return failed[1] if failed else None


def attempt(mutant):
    path = COPY / mutant["file"]
    text = path.read_text(encoding="utf-8")
    if text.count(mutant["old"]) != 1:
        return f"stale: {mutant['file']} has the text {text.count(mutant['old'])} times"
    path.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    try:
        return test(mutant["suites"])
    finally:
        path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(prog="run mutate", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="mutants; all when none is named")
    names = parser.parse_args().names
    with open(ROOT / "tests" / "mutants.toml", "rb") as file:
        mutants = tomllib.load(file)["mutant"]
    os.environ["PATH"] = "/usr/lib/ccache:" + os.environ["PATH"]
    copy_tree()
    configure()
    if first := test(sorted({suite for mutant in mutants for suite in mutant["suites"]})):
        sys.exit(f"mutate: the tree as it is fails already: {first}")
    survivors = stale = killed = explained = 0
    for mutant in mutants:
        if names and mutant["name"] not in names:
            continue
        begun = time.monotonic()
        found = attempt(mutant)
        seconds = time.monotonic() - begun
        why = mutant.get("survives")
        stale += bool(found) and found.startswith(("stale", "does not compile"))
        killed += bool(found)
        explained += not found and bool(why)
        survivors += not found and not why
        word = "killed  " if found else "explained" if why else "SURVIVED"
        print(f"{word} {mutant['name']} ({seconds:.0f} s): {found or why or mutant['file']}",
              flush=True)
    print(f"mutants: {killed - stale} killed, {survivors} survived, {explained} explained, "
          f"{stale} stale")
    return 1 if survivors or stale else 0


sys.exit(main())
