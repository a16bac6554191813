# SPDX-License-Identifier: BSD-3-Clause
"""What the command costs for files that are as expensive as possible (tests/tool/hostile.py)."""

import json
import os
import subprocess
import sys
import tempfile

from results import Ratio

NAME = "hostile"
HELP = "the dearest file of 1 MiB (--quick: 128 KiB) for each subcommand: processor time and memory"

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests", "tool"))
import hostile  # noqa: E402 pylint: disable=wrong-import-position

SIZE = {"full": 1 << 20, "quick": 1 << 17, "smoke": 1 << 12}
# Those that were the dearest for some subcommand.
DEAREST = ["dmar_scopes", "dmar_functions", "ivrs_functions", "iort_alternating", "viot_unknown", "dtb_few_ids",
           "text_functions", "raw_tables"]
FILES = {"full": list(hostile.FILES), "quick": DEAREST, "smoke": DEAREST[:2]}
ALLOWED_MS, ALLOWED_KIB = 300, 100 * 1024
FILE, OTHER, TEXT = "FILE", "OTHER", "TEXT"
COMMANDS = {
    "check": ["check", FILE],
    "dump": ["dump", FILE],
    "dump --json": ["dump", "--json", FILE],
    "dump --source": ["dump", "--source", FILE],
    "assemble": ["assemble", TEXT],
    "topology": ["topology", FILE],
    "resolve DEVICE": ["resolve", "00:02.0", "--from", FILE],
    "resolve --all": ["resolve", "--all", FILE],
    "explain DEVICE": ["explain", "00:02.0", "--from", FILE],
    "diff": ["diff", FILE, OTHER],
    "graph": ["graph", FILE],
    "report": ["report", FILE],
    "convert --to dtb": ["convert", "--to", "dtb", FILE],
}


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


def cost(bench, arguments):
    """Exit status, ms and peak_kib of the command; its output is not wanted."""
    done = subprocess.run([bench.program("bench-cost"), os.path.join(bench.build, "tools", "viommu"), *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)
    figures = json.loads(done.stderr.splitlines()[-1])
    assert figures["status"] in (0, 1, 2), f"{arguments}: exit status {figures['status']}"
    return figures


def measure_file(bench, name, folder):
    size = SIZE[bench.mode]
    paths = {what: os.path.join(folder, what) for what in (FILE, OTHER, TEXT)}
    form = ["--as", "builtin-v3"] if name.startswith("builtin") else []
    write(paths[FILE], hostile.FILES[name](size))
    write(paths[OTHER], hostile.FILES[name](size - size // 16))
    source = subprocess.run([os.path.join(bench.build, "tools", "viommu"), "dump", "--source", paths[FILE], *form],
                            capture_output=True, check=False).stdout
    write(paths[TEXT], source[:size])
    for command, words in COMMANDS.items():
        figures = cost(bench, [paths.get(word, word) for word in words] + (form if TEXT not in words else []))
        for what in ("ms", "peak_kib"):
            bench.results.add(NAME, command, what, figures[what], file=name)


def measure(bench):
    files = FILES[bench.mode]
    with tempfile.TemporaryDirectory() as folder:
        for done, name in enumerate(files):
            bench.progress(NAME, done, len(files), name)
            measure_file(bench, name, folder)


def dearest(results, command, what):
    """The largest value of all files, and the file's name."""
    return max(((results.median(NAME, command, what, file=name), name)
                for name in results.cases(NAME, what, "file")), default=(None, "-"))


def targets(results):
    if results.mode != "full":
        return []
    allowed = {"ms": ("milliseconds of a processor", ALLOWED_MS), "peak_kib": ("KiB of memory", ALLOWED_KIB)}
    return [Ratio(f"{command}: {unit} for the dearest file of 1 MiB", most,
                  [value for value in [dearest(results, command, what)[0]] if value is not None],
                  at_most=True, unit="")
            for what, (unit, most) in allowed.items() for command in COMMANDS]


def tables(results):
    yield ("the dearest files", ["command", "ms", "of file", "peak KiB", "of this file"],
           [[command, *dearest(results, command, "ms"), *dearest(results, command, "peak_kib")]
            for command in COMMANDS])


def plots(results):
    return []
