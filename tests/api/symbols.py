#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compare a library's symbols with the prototypes in its public headers.

    symbols.py [--libc-only] LIBRARY HEADER...

A shared library must define exactly what its headers declare; a static one may define
nothing else globally. With --libc-only it must also need nothing but libc, and its pkg-config file must have no requirements.
"""

import argparse
import os
import re
import subprocess
import sys

PROTOTYPE = re.compile(r"^[a-z][\w\s*]*?\**\b(viommu_\w+)\s*\(", re.M)


def declared(headers):
    names = set()
    for header in headers:
        with open(header, encoding="utf-8") as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        names |= set(PROTOTYPE.findall(text))
    return names


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(library, kinds, *options):
    names = set()
    for line in run("nm", *options, library).splitlines():
        parts = line.split()
        if len(parts) >= 2 and parts[-2] in kinds:
            names.add(parts[-1].split("@")[0])
    return names


def needed(library):
    return re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", library))


def not_from_libc(library):
    """Undefined symbols that no version of glibc stands behind (sanitizers' apart)."""
    wrong = []
    for line in run("nm", "-D", "--undefined-only", library).splitlines():
        kind, name = line.split()[-2:]
        if kind == "U" and "@GLIBC_" not in name:
            wrong.append(name)
    return wrong


def pkg_config_asks(library):
    folder = os.path.join(os.path.dirname(library), "..", "meson-private")
    with open(os.path.join(folder, "libviommu.pc"), encoding="utf-8") as file:
        return [line.strip() for line in file if line.startswith("Requires")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--libc-only", action="store_true")
    parser.add_argument("library")
    parser.add_argument("headers", nargs="+")
    args = parser.parse_args()

    wrong = []
    names = declared(args.headers)
    if args.library.endswith(".a"):
        defined = symbols(args.library, "TDBRVW", "--defined-only", "--extern-only")
    else:
        defined = symbols(args.library, "TDBRVW", "-D", "--defined-only")
    wrong += [f"declared, but not defined: {name}" for name in sorted(names - defined)]
    wrong += [f"defined, but in no header: {name}" for name in sorted(defined - names)]
    if args.libc_only:
        sanitized = any("san" in name for name in needed(args.library))
        wrong += [f"needs {name}" for name in needed(args.library)
                  if not re.match(r"(libc\.so|ld-linux|lib[a-z]*san)", name) and not sanitized]
        if not sanitized:
            wrong += [f"undefined, and not libc's: {name}" for name in not_from_libc(args.library)]
        wrong += [f"pkg-config: {line}" for line in pkg_config_asks(args.library)]
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(names)} public functions")
    return 1 if wrong or not names else 0


sys.exit(main())
