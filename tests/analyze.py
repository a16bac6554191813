#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Static analysis: clang-tidy, cppcheck and gcc's -fanalyzer over all that is shipped.

    analyze.py BUILD

BUILD is a folder that meson has configured, for its list of compile commands. A finding that
tests/analyze.known explains is counted; any other is printed and makes the exit status 1, as does
an explanation that nothing needs any more.

A line of that file: TOOL FILE CHECK reason.
"""

import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KNOWN = ROOT / "tests" / "analyze.known"
FOLDERS = ("src", "tables", "tools", "machine")
INCLUDES = [f"-I{ROOT / folder}" for folder in ("include", "src", "tables", "machine")]

Finding = collections.namedtuple("Finding", "tool file check text")


def sources():
    return sorted(p for folder in FOLDERS for p in (ROOT / folder).rglob("*.c"))


def output(command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=ROOT,
                          check=False)
    return done.stdout + done.stderr


def over_all(look):
    """What is said of all sources, each looked at by itself, as many at once as there are cores."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return "".join(pool.map(look, sources()))


def findings(tool, pattern, text):
    for match in re.finditer(pattern, text, re.M):
        path = pathlib.Path(match["file"])
        parts = path.parts
        at = next((i for i, part in enumerate(parts) if part in FOLDERS), None)
        if at is not None:
            name = "/".join(parts[at:])
            yield Finding(tool, name, match["check"], f"{name}:{match['line']}: {match['text']}")


def clang_tidy(build):
    text = over_all(lambda source: output(["clang-tidy", "-p", build, "--quiet", source]))
    return findings("clang-tidy", r"^(?P<file>\S+\.[ch]):(?P<line>\d+):\d+: (?:warning|error): "
                    r"(?P<text>.*) \[(?P<check>[\w.,-]+)\]$", text)


def cppcheck(_):
    text = output(["cppcheck", "--enable=warning,performance,portability", "--quiet",
                   "--inline-suppr", "--library=gtk,posix", "--suppress=missingIncludeSystem",
                   "--template={file}:{line}: {message} [{id}]", '-DVIOMMU_VERSION="0"',
                   *INCLUDES, *FOLDERS])
    return findings("cppcheck", r"^(?P<file>\S+\.[ch]):(?P<line>\d+): (?P<text>.*) "
                    r"\[(?P<check>\w+)\]$", text)


def analyzer(_):
    flags = subprocess.run(["pkg-config", "--cflags", "glib-2.0", "json-glib-1.0", "yaml-0.1"],
                           capture_output=True, text=True, check=True).stdout.split()
    text = over_all(lambda source: output(
        ["gcc", "-std=gnu11", "-O2", "-fanalyzer", "-D_GNU_SOURCE", '-DVIOMMU_VERSION="0"',
         *INCLUDES, *flags, "-c", source, "-o", "/dev/null"]))
    return findings("gcc", r"^(?P<file>\S+\.[ch]):(?P<line>\d+):\d+: warning: (?P<text>.*) "
                    r"\[-W(?P<check>analyzer-[\w-]+)\]$", text)


def known():
    rows = {}
    for line in KNOWN.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            tool, file, check, reason = line.split(None, 3)
            rows[tool, file, check] = reason
    return rows


def main(build):
    explained, used, bad = known(), set(), set()
    for tool in (clang_tidy, cppcheck, analyzer):
        print(f"{tool.__name__}: {len(sources())} files", file=sys.stderr)
        for finding in set(tool(build)):
            key = (finding.tool, finding.file, finding.check)
            if key in explained:
                used.add(key)
            else:
                bad.add(finding)
    for finding in sorted(bad):
        print(f"{finding.text} [{finding.tool} {finding.check}]")
    for key in sorted(set(explained) - used):
        print(f"tests/analyze.known: nothing needs {' '.join(key)} any more")
    print(f"{len(bad)} findings; {len(used)} more are explained")
    return bool(bad or set(explained) - used)


sys.exit(main(*sys.argv[1:]))
