#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Scripts that start a QEMU of another release: wrappers.py GENERATION FOLDER

Each has the name of QEMU's program, so that FOLDER can be the first one of PATH. Prints the architectures that the
release has, as all.sh names them.
"""

import os
import shlex
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import packages                                      # noqa: E402 pylint: disable=wrong-import-position
import qemus                                         # noqa: E402 pylint: disable=wrong-import-position

NAMES = {"amd64": "x86", "arm64": "arm64", "riscv64": "riscv64"}


def report(text):
    print(text, file=sys.stderr, flush=True)


def write(path, command, environment):
    words = [f"{name}={value}" for name, value in environment.items()] + command
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#!/bin/sh\nexec env {shlex.join(words)} \"$@\"\n")
    os.chmod(path, 0o755)


def main(generation, folder):
    if generation not in qemus.NAMED:
        sys.exit(f"wrappers.py: no guests run in QEMU {generation}: {', '.join(qemus.NAMED)}")
    try:
        qemu = qemus.choose(generation, report)[0]
    except packages.Unavailable as error:
        sys.exit(f"wrappers.py: {error}")
    os.makedirs(folder, exist_ok=True)
    for architecture, name in NAMES.items():
        program = qemus.BINARIES[architecture]
        if os.path.exists(qemu.program(architecture)):
            write(os.path.join(folder, program), qemu.command(architecture), qemu.environment)
            print(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
