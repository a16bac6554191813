# SPDX-License-Identifier: BSD-3-Clause
"""Instructions and cache misses, counted by a simulator: the same on a busy machine."""

import re
import subprocess

EVENTS = "Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw".split()


def collected(bench, function, program, *arguments, options=()):
    """The events of a function of a measuring program, by name; None without valgrind."""
    try:
        said = subprocess.run(
            ["valgrind", "--tool=callgrind", *options, "--callgrind-out-file=/dev/null",
             f"--toggle-collect={function}", bench.program(program), *map(str, arguments)],
            capture_output=True, text=True, check=False).stderr
    except FileNotFoundError:
        return None
    found = re.search(r"Collected : (.*)", said)
    return dict(zip(EVENTS, map(int, found[1].split()))) if found else None
