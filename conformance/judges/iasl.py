#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The newest iasl and its templates, against what we read and write.

    iasl.py VIOMMU

Each template of a table of IOMMUs is compiled and checked: VIOMMU must find in it the errors that are listed
here, and no others. What VIOMMU writes from the template of a VIOT and of a RIMT, iasl reads and
writes alike. Exit status 1: something differs; 77: there is no newer iasl here, and none can be fetched.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import fwts
import packages

RELEASE = "forky"

# Errors of the templates, which have values that stand for others.
ERRORS = {"VIOT": set(), "DMAR": {"dmar-base"}, "IVRS": {"ivrs-memory-devices", "ivrs-range-open"},
          "IORT": {"iort-device-id-mapping", "iort-reference", "iort-reference-null", "iort-rmr-align",
                   "topology-registers"},
          "RIMT": set(), "IOVT": set(), "SRAT": set()}
# What says that `viommu check` has read the table, by its exit status.
CHECKED = {0: re.compile(r"^checked the table", re.M), 1: re.compile(r": (?:warning|error): ")}
WRITTEN = {"VIOT": "viot", "RIMT": "rimt"}
HEADER, COMPILER, CHECKSUM = 36, slice(28, 36), slice(9, 10)


def program():
    def find():
        source = packages.archive(RELEASE, packages.host_architecture())
        source.refresh()
        return source, ["acpica-tools", "libc6"]
    root = packages.unpacked(f"iasl-{RELEASE}-{packages.host_architecture()}", find, print)
    return packages.command(root, "usr/bin/iasl")


def run(words, folder):
    return subprocess.run(words, cwd=folder, text=True, errors="replace", capture_output=True, check=False, timeout=60)


def compiled(iasl, folder, source):
    """The table that iasl makes of a source; None: it refuses."""
    run([*iasl, "-p", "out", source], folder)
    path = Path(folder, "out.aml")
    return path if path.exists() else None


def same_but_compiler(left, right):
    """iasl writes itself, and so the checksum, into the header."""
    tables = [bytearray(left), bytearray(right)]
    for table in tables:
        table[COMPILER] = bytes(8)
        table[CHECKSUM] = b"\0"
    return tables[0] == tables[1]


def judge_template(iasl, viommu, signature, folder):
    """What differs, a line each."""
    run([*iasl, "-T", signature], folder)
    table = compiled(iasl, folder, f"{signature.lower()}.asl")
    if not table:
        yield f"{signature}: iasl makes no table of its template"
        return
    table = table.rename(Path(folder, f"{signature}.aml"))
    checked = run([viommu, "check", table.name], folder)
    said = checked.stdout + checked.stderr
    found = set(re.findall(r"error: .*\[([a-z0-9-]+)\]", said))
    if checked.returncode not in CHECKED or not CHECKED[checked.returncode].search(said):
        yield f"{signature}: viommu check ended with status {checked.returncode}: {said[-500:]}"
    if found != ERRORS[signature]:
        yield f"{signature}: errors {sorted(found)}, and not {sorted(ERRORS[signature])}"
    if signature not in WRITTEN:
        return
    ours = Path(folder, "ours.aml")
    ours.write_bytes(fwts.written_by_us(viommu, table, WRITTEN[signature]))
    run([*iasl, "-d", ours.name], folder)
    again = compiled(iasl, folder, "ours.dsl")
    if not again or not same_but_compiler(ours.read_bytes(), again.read_bytes()):
        yield f"{signature}: iasl reads another table than we have written"


def main():
    viommu = os.path.abspath(sys.argv[1])
    try:
        iasl = program()
    except packages.Unavailable as reason:
        print(reason)
        sys.exit(fwts.SKIPPED)
    problems = []
    for signature in ERRORS:
        with tempfile.TemporaryDirectory() as folder:
            problems += judge_template(iasl, viommu, signature, folder)
    print("\n".join([*problems, f"{len(ERRORS)} templates, {len(problems)} problems"]))
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
