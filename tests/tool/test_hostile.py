#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hostile files (hostile.py) through every command: they cost no more than other files of their size.

    test_hostile.py VIOMMU [--sanitized]

Each run must end by itself, with an exit status of its own, within the memory and the output that
are allowed here. Sanitizers need memory of their own, and are let have it. What takes for ever is
ended by the test's time limit.
"""
import concurrent.futures
import functools
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import hostile

SIZE = 1 << 15
MEMORY_MAX = 700 << 20  # of addresses, a few times what is ever used
OUTPUT_MAX = 128 << 20
FINDINGS_MAX = 1001
STATUSES = (0, 1, 2)

COMMANDS = [
    ["check"], ["dump"], ["dump", "--json"], ["topology"], ["resolve", "00:02.0", "--from"],
    ["resolve", "--all"], ["resolve", "--all", "--json"], ["graph"],
    *(["convert", "--to", table] for table in ("viot", "iort", "dmar", "ivrs", "dtb", "builtin-v3")),
]


def limit(sanitized):
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_MAX, OUTPUT_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not sanitized:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))


def run(command, sanitized, folder):
    """What was wrong with it, or None."""
    out, err = folder / "out", folder / "err"
    with open(out, "wb") as to, open(err, "wb") as complaints:
        status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=to, stderr=complaints,
                                preexec_fn=lambda: limit(sanitized), check=False).returncode
    said = err.read_bytes()
    if status not in STATUSES:
        return f"exit {status}: {said[-300:].decode(errors='replace')}"
    if said.count(b"\n") > FINDINGS_MAX + 3:
        return f"{said.count(bytes([10]))} lines of findings"
    return None


def run_all(viommu, sanitized, hostile_name):
    """What was wrong with each command that got the file."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        file = folder / "hostile"
        file.write_bytes(hostile.FILES[hostile_name](SIZE // 16 if sanitized else SIZE))
        form = ["--as", "builtin-v3"] if hostile_name.startswith("builtin") else []
        for command in [*COMMANDS, ["diff", os.fspath(file)]]:
            wrong = run([viommu, *command, os.fspath(file), *form], sanitized, folder)
            if wrong:
                found.append(f"{hostile_name}: {' '.join(command)}: {wrong}")
    return found


def main(viommu, *options):
    judge = functools.partial(run_all, viommu, "--sanitized" in options)
    with concurrent.futures.ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = [wrong for some in pool.map(judge, hostile.FILES) for wrong in some]
    print("\n".join([*found, f"{len(hostile.FILES)} files, {len(found)} failed"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
