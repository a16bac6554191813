#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every form in which a table is posted is read as the same bytes; what is none is named.

    test_forms.py VIOMMU TABLE...
"""
import os
import subprocess
import sys
import tempfile

import forms

# What it looks like, and a word of the cure.
UNREADABLE = [
    (b"DefinitionBlock (\"\", \"DSDT\", 2, \"A\", \"B\", 1)\n{\n}\n", "ASL", "iasl"),
    (b"/*\n[000h 0000 004h]  Signature : \"DMAR\"    [DMA Remapping Table]\n", "listing", "iasl"),
    (b"/dts-v1/;\n#include \"soc.dtsi\"\n", "device tree", "dtc"),
    (b"/*\n  DMAR: Length=176, Revision=1, Checksum=13,\n\tOEMID=INTEL,\n\tCreator Revision=0x1\n*/\n", "FreeBSD", "acpidump"),
    (b"[    0.01] DMAR: DRHD base: 0x000000fed90000 flags: 0x1\n", "kernel log", "acpidump"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "picture", "bytes"),
    (b"%PDF-1.4\n\0\0", "PDF", "table"),
    (b"\x1f\x8b\x08\0garbage that is no gzip", "damaged", "unpack"),
    (b"Hello, my GPU does not work.\n", "no bytes of a table", "acpidump"),
]


def run(*arguments):
    return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def dump_of(viommu, path):
    """What `dump` shows, without the name of the input and of the part."""
    result = run(viommu, "dump", path)
    out = result.stdout.decode()
    return out.split("\n", 1)[1] if out.startswith(path) else out


def forms_that_differ(viommu, path, folder):
    with open(path, "rb") as file:
        table = file.read()
    expected, n = dump_of(viommu, path), 0
    for name, form in forms.each(table):
        posted = os.path.join(folder, "posted")
        with open(posted, "wb") as file:
            file.write(form)
        n += 1
        if dump_of(viommu, posted) != expected:
            yield f"{os.path.basename(path)} as {name} is read differently: {run(viommu, 'dump', posted).stderr[:200]}"
    print(f"{os.path.basename(path)}: {n} forms")


def unreadable_that_is_not_named(viommu, folder):
    for content, looks, cure in UNREADABLE:
        posted = os.path.join(folder, "posted")
        with open(posted, "wb") as file:
            file.write(content)
        result = run(viommu, "check", posted)
        said = result.stderr.decode()
        if result.returncode != 2 or looks not in said or cure not in said:
            yield f"{content[:30]}: exit {result.returncode}: {said}"


def main(viommu, *tables):
    with tempfile.TemporaryDirectory() as folder:
        wrong = [line for path in tables for line in forms_that_differ(viommu, path, folder)]
        wrong += unreadable_that_is_not_named(viommu, folder)
    print("\n".join(wrong))
    return bool(wrong)


sys.exit(main(*sys.argv[1:]))
