# SPDX-License-Identifier: BSD-3-Clause
"""The command `viommu` as files for an initramfs: the program, its dynamic loader and its libraries.

For the architecture of this machine they are those of its own build. For another one the program is built
by tests/cross/cross.sh, with the libraries of Debian's packages.
"""

import os
import re

import initramfs
import packages
import qemus
import tables

CROSS = os.path.join(qemus.ROOT, "tests/cross/cross.sh")
PREFIXES = {"arm64": "aarch64-linux-gnu", "riscv64": "riscv64-linux-gnu"}
LOADER = re.compile(r"^\s*(/\S*/ld-linux\S*) \(", re.M)
LIBRARY = re.compile(r"=> (/\S+) \(")
NEEDED = re.compile(r"\(NEEDED\).*\[(\S+)\]")
INTERPRETER = re.compile(r"program interpreter: /(\S+)\]")


def own_files():
    text = packages.run("ldd", tables.program())
    files = [("viommu", stripped(tables.program(), "strip")), ("loader", LOADER.search(text)[1])]
    return files + [(os.path.basename(path), path) for path in LIBRARY.findall(text)]


def stripped(path, strip):
    return initramfs.kept("tools", ["stripped", initramfs.contents(path)], lambda work: packages.run(
        strip, "-o", work, path))


def closure(program, folders):
    """The libraries that a program needs, and those need, by name."""
    found, wanted = {}, [program]
    while wanted:
        for name in NEEDED.findall(packages.run("readelf", "-d", wanted.pop())):
            if name in found:
                continue
            places = [os.path.join(folder, name) for folder in folders]
            found[name] = next((path for path in places if os.path.exists(path)), None)
            if not found[name]:
                raise packages.Unavailable(f"{program} needs {name}, which is in none of {folders}")
            wanted.append(found[name])
    return list(found.items())


def cross_files(architecture):
    program, system = packages.run(CROSS, "--build", architecture, "tools/viommu").split()
    prefix = PREFIXES[architecture]
    build = os.path.dirname(os.path.dirname(program))
    folders = [os.path.join(build, "tables"), os.path.join(build, "host"), os.path.join(build, "src"),
               f"{system}/usr/lib/{prefix}", f"{system}/lib/{prefix}", f"{system}/lib"]
    loader = INTERPRETER.search(packages.run("readelf", "-l", program))[1]
    return [("viommu", stripped(program, f"{prefix}-strip")), ("loader", os.path.join(system, loader)),
            *closure(program, folders)]


def files(architecture):
    """(name, path) of viommu, its dynamic loader and its libraries."""
    return own_files() if architecture == packages.host_architecture() else cross_files(architecture)
