#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every form in which a table is posted is read as the same bytes; what is none is named.

    test_forms.py VIOMMU TABLE...
"""
import io
import os
import subprocess
import sys
import tarfile
import tempfile

import forms



def tar_of(name, content):
    file = io.BytesIO()
    info = tarfile.TarInfo(name)
    info.size = len(content)
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


# What it looks like, and a word of the cure.
UNREADABLE = [
    (b"DefinitionBlock (\"\", \"DSDT\", 2, \"A\", \"B\", 1)\n{\n}\n", "ASL", "iasl"),
    (b"/*\n[000h 0000 004h]  Signature : \"DMAR\"    [DMA Remapping Table]\n", "listing", "iasl"),
    (b"/dts-v1/;\n#include \"soc.dtsi\"\n", "device tree", "dtc"),
    (b"/*\n  DMAR: Length=176, Revision=1, Checksum=13,\n\tOEMID=INTEL,\n\tCreator Revision=0x1\n*/\n", "FreeBSD", "acpidump"),
    (b"[    0.01] DMAR: DRHD base: 0x000000fed90000 flags: 0x1\n", "kernel log", "acpidump"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "picture", "bytes"),
    (b"DMAR: Length=176, OEMID=INTEL,\n\tCreator Revision=0x1\nDefinitionBlock (\"\", \"DSDT\", 2)\n", "FreeBSD", "acpidump"),
    (b"# acpidump -t |grep DMAR\n  DMAR: Length=120, Revision=1, Checksum=30,\n", "FreeBSD", "acpidump"),
    (b"[078h 0120   1]            Device Scope Type : 05 [Namespace Device]\n", "a part of a listing", "iasl -d"),
    (b"[0ACh 0172   4]             Output Reference : 00000028\n", "a part of a listing", "iasl -d"),
    (b"DMAR: [DMA Read] Request device [00:1e.0] fault addr df63e000\n", "kernel log", "explain"),
    (b"(XEN) I/O virtualisation disabled\n", "Xen", "acpidump"),
    (b"+ iommu-map = <0x0 &smmu 0x0 0x10000>;\n", "a part of the source", "/proc/device-tree"),
    (b"DMAR: DMA Remapping Reporting table\n  0000  Signature            \"DMAR\"\n", "viommu dump", "--source"),
    (b"0000000   D   M   A   R 250  \\0  \\0  \\0\n", "od -c", "hexdump -C"),
    (b"begin 644 DMAR\n#86)C\n`\nend\n", "uuencoded", "uudecode"),
    (b":10000000444D4152A80000000113494E54454C205B\n:00000001FF\n", "Intel HEX", "objcopy"),
    (b"GIF89a\x10\0\x10\0" + bytes(40), "picture", "bytes"),
    (b"MSCF\0\0\0\0" + bytes(40), "cabinet", "extract"),
    (b"\x78\x9c" + bytes(40), "zlib", "zlib-flate"),
    (b"00000000: 1f8b 0800 0000 0000 0003 7371 f475 d4e7  ..........sq.u..\n", "compressed", "xxd -r"),
    (tar_of("device-tree/#address-cells", bytes(4)), "part of a device tree", "/proc/device-tree"),
    (b"\xff" * 4096, "nothing but bytes of 0xff", "/sys/firmware/acpi/tables"),
    (bytes(4096), "nothing but bytes of 0;", "/sys/firmware/acpi/tables"),
    (b"00000000: ffff ffff ffff ffff ffff ffff ffff ffff  ................\n*\n", "bytes of 0xff", "/sys/firmware"),
    (b"%PDF-1.4\n\0\0", "PDF", "table"),
    (b"\x1f\x8b\x08\0garbage that is no gzip", "damaged", "unpack"),
    (b"Hello, my GPU does not work.\n", "no bytes of a table", "acpidump"),
]


def run(*arguments):
    return subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)


def dumps_of(viommu, paths):
    """What `dump` shows of each file, without its name."""
    out = run(viommu, "dump", *paths).stdout.decode(errors="replace")
    shown, names = {}, set(paths)
    for line in out.split("\n"):
        if line.split(":")[0] in names:
            shown[line.split(":")[0]] = at = []
        elif shown:
            at.append(line)
    return ["\n".join(shown.get(path, ["nothing"])).strip() for path in paths]


def forms_that_differ(viommu, path, folder, *groups):
    with open(path, "rb") as file:
        table = file.read()
    names, paths = [], [path]
    for name, form in forms.each(table, *groups):
        paths.append(os.path.join(folder, f"posted{len(paths)}"))
        names.append(name)
        with open(paths[-1], "wb") as file:
            file.write(form)
    expected, *shown = dumps_of(viommu, paths)
    for name, text, posted in zip(names, shown, paths[1:]):
        if text != expected:
            yield f"{os.path.basename(path)} as {name} is read differently: {run(viommu, 'dump', posted).stderr[:200]}"
    print(f"{os.path.basename(path)}: {len(names)} forms")


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
        wrong += forms_that_differ(viommu, tables[0], folder, forms.products)
        wrong += unreadable_that_is_not_named(viommu, folder)
    print("\n".join(wrong))
    return bool(wrong)


sys.exit(main(*sys.argv[1:]))
