#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Static analysis: clang-tidy, cppcheck and gcc's -fanalyzer over all C sources but the tests'.

    analyze.py BUILD... [-- SOURCE...]

Each BUILD is a folder with a list of compile commands; each source is analyzed once, as the
first of them compiles it, or only the given ones. A finding that tests/analyze.known explains is counted; any other is
printed and makes the exit status 1, and so does an explanation without a finding.

A line of that file: TOOL FILE:FUNCTION CHECK reason.
"""

import concurrent.futures
import functools
import json
import os
import re
import resource
import shlex
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KNOWN = ROOT / "tests" / "analyze.known"
FOLDERS = ("src", "base", "json", "tables", "host", "plan", "tools", "machine", "guest", "qemu", "fuzz", "bench", "examples")
CORES = len(os.sched_getaffinity(0))
# Of a compile command, what is not about the source; fortified functions hide the plain ones.
ALONE = {"-MD", "-Werror", "-g", "-c", "-D_FORTIFY_SOURCE=2", "-fdiagnostics-color=always"}
WITH_VALUE = {"-MQ", "-MF", "-o"}

Command = namedtuple("Command", "source folder flags")
Finding = namedtuple("Finding", "tool where check text")


# -- what is looked at -----------------------------------------------------------------------------

def words_of(entry):
    return entry.get("arguments") or shlex.split(entry["command"])


def flags_of(words):
    """The options that affect parsing: no compiler, no source, no output."""
    words = iter(words)
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif word.startswith("-") and word not in ALONE:
            yield from (word, next(words)) if word == "-isystem" else (word,)


def commands(builds):
    found = {}
    for build in builds:
        for entry in json.loads((Path(build) / "compile_commands.json").read_text(encoding="utf-8")):
            folder = Path(entry["directory"])
            source = (folder / entry["file"]).resolve()
            if source.suffix == ".c" and name_of(source, folder):
                found.setdefault(source, Command(source, folder, list(flags_of(words_of(entry)))))
    return [found[source] for source in sorted(found)]


def name_of(path, folder):
    """As the tree calls a file, if it is one of ours."""
    path = Path(os.path.normpath(folder / path))
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    return name if name.split("/")[0] in FOLDERS else None


@functools.lru_cache(maxsize=None)
def lines_of(name):
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def beginning(name, line):
    """Where the function begins that has a line: as all of them do, in the first column."""
    lines = lines_of(name)
    return next((i for i in range(line - 1, 0, -1) if re.match(r"[a-z].*\(", lines[i])), 0)


def function_at(name, line):
    found = re.search(r"(\w+)\(", lines_of(name)[beginning(name, line)])
    return found[1] if found else ""


def is_cleaned_up(name, line, text):
    """
    Is it a leak of a variable with a cleanup attribute? clang's analyzer ignores the attribute
    of g_autofree and g_autoptr(); gcc's supports it, and reports real leaks.
    """
    leak = re.match(r"Potential leak of memory pointed to by '(\w+)'", text)
    body = "\n".join(lines_of(name)[beginning(name, line):line])
    return leak and re.search(rf"\bg_auto(free|ptr|list|slist)\b[^;]*\b{leak[1]}\b", body)


# -- the tools -------------------------------------------------------------------------------------

def output(command, folder):
    """The output of a tool. A tool that fails has checked nothing, so that is an error."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          cwd=folder, check=False)
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def findings(tool, folder, pattern, text):
    for match in re.finditer(pattern, text, re.M):
        name, line = name_of(match["file"], folder), int(match["line"])
        if name and not is_cleaned_up(name, line, match["text"]):
            yield Finding(tool, f"{name}:{function_at(name, line)}", match["check"],
                          f"{name}:{line}: {match['text']}")


def over_all(look, todo):
    """Each source by itself, as many at once as there are cores."""
    with concurrent.futures.ThreadPoolExecutor(CORES) as pool:
        return {finding for found in pool.map(look, todo) for finding in found}


def clang_tidy(todo):
    def look(command):
        text = output(["clang-tidy", "--quiet", command.source, "--", *command.flags],
                      command.folder)
        return list(findings("clang-tidy", command.folder,
                             r"^(?P<file>\S+\.[ch]):(?P<line>\d+):\d+: (?:warning|error): "
                             r"(?P<text>.*) \[(?P<check>[\w.,-]+)\]$", text))
    return over_all(look, todo)


def cppcheck(todo):
    """
    By itself it finds our headers; those of the system are known to it by name, but not QEMU's, which
    are nothing to it but syntax errors.
    """
    todo = [command for command in todo if ROOT / "qemu" not in command.source.parents]
    ours = [f"-I{ROOT / folder}" for folder in ("include", "src", "machine", "")]
    text = output(["cppcheck", "--enable=warning,performance,portability", "--quiet", "-j", CORES,
                   "--inline-suppr", "--library=gtk,posix", "--suppress=missingIncludeSystem",
                   "--template={file}:{line}: {message} [{id}]", '-DVIOMMU_VERSION="0"', *ours,
                   *(command.source for command in todo)], ROOT) if todo else ""
    return set(findings("cppcheck", ROOT, r"^(?P<file>\S+\.[ch]):(?P<line>\d+): (?P<text>.*) "
                        r"\[(?P<check>\w+)\]$", text))


def gcc(todo):
    def look(command):
        text = output(["gcc", *command.flags, "-fanalyzer", "-fdiagnostics-plain-output", "-c",
                       command.source, "-o", "/dev/null"], command.folder)
        return list(findings("gcc", command.folder,
                             r"^(?P<file>\S+\.[ch]):(?P<line>\d+):\d+: warning: (?P<text>.*) "
                             r"\[-W(?P<check>analyzer-[\w-]+)\]$", text))
    return over_all(look, todo)


TOOLS = {"clang-tidy": clang_tidy, "cppcheck": cppcheck, "gcc": gcc}


def version(tool):
    text = output([tool, "--version"], ROOT)
    return f"{tool} {re.search(r'[0-9]+[.][0-9.]+', text)[0]}"


# -- what is known ---------------------------------------------------------------------------------

def known():
    """What is explained: (tool, where, check), with the reason."""
    lines = KNOWN.read_text(encoding="utf-8").splitlines()
    rows = (line.split(None, 3) for line in lines if line and not line.startswith("#"))
    return {(tool, where, check): reason for tool, where, check, reason in rows}


def spent():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def looked(tool, todo):
    began, before = time.monotonic(), spent()
    found = TOOLS[tool](todo)
    print(f"{version(tool)}: {len(todo)} files, {len(found)} findings, "
          f"{time.monotonic() - began:.0f} s, of which {spent() - before:.0f} s of processors",
          file=sys.stderr, flush=True)
    return found


def main(arguments):
    split = arguments.index("--") if "--" in arguments else len(arguments)
    only = {Path(name).resolve() for name in arguments[split + 1:]}
    todo = [c for c in commands(arguments[:split]) if not only or c.source in only]
    found = {finding for tool in TOOLS for finding in looked(tool, todo)}
    explained = known()
    bad = {f for f in found if f[:3] not in explained}
    idle = [] if only else sorted(set(explained) - {f[:3] for f in found})
    for finding in sorted(bad):
        print(f"{finding.text} [{finding.tool} {finding.where} {finding.check}]")
    for row in idle:
        print(f"tests/analyze.known: nothing needs {' '.join(row)} any more")
    print(f"analysis: {len(todo)} files, {len(bad)} findings, {len(found) - len(bad)} explained")
    return bool(bad or idle or not todo)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
