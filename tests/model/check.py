#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Check every history of a model: check.py CC MODEL.pml [SPIN]

As it is, no history may break an assertion. Without each thing that the model names NO_..., one at a
time, some history must: so the model can tell. Without spin there is nothing to do: status 77.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

DEPTH = "1000000"


def errors(cc, spin, model, define):
    with tempfile.TemporaryDirectory() as folder:
        def run(*command):
            return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
        run(spin, *define, "-a", str(model))
        run(*cc, "-O1", "-w", "-DSAFETY", "-o", "pan", "pan.c")
        said = run("./pan", f"-m{DEPTH}").stdout
    n = int(re.search(r"errors: (\d+)", said).group(1))
    if not n and "max search depth too small" in said:
        sys.exit(f"{model.name}: not all histories were looked at")
    return n


def main(cc, model, spin=None):
    if not spin:
        print("there is no spin to look at histories with")
        return 77
    model = Path(model).resolve()
    names = sorted(set(re.findall(r"^#ifn?def (NO_\w+)", model.read_text(encoding="utf-8"), re.M)))
    bad = []
    for name in [None, *names]:
        n = errors(cc.split(), spin, model, [f"-D{name}"] if name else [])
        print(f"{model.name} {name or 'as it is'}: {'broken' if n else 'never broken'}")
        if bool(n) != bool(name):
            bad.append(name)
    return bool(bad) or not names


sys.exit(main(*sys.argv[1:]))
