# SPDX-License-Identifier: BSD-3-Clause
"""A table that viommu makes, under a Linux that believes it and not QEMU's firmware.

Linux looks for tables in an uncompressed archive in front of its initramfs. One whose names are
those of a table that the firmware has, and whose revision is higher, takes its place. So the
guest drives QEMU's own IOMMU by what viommu says of it; and what it makes of that is compared with
what `viommu resolve` says that it makes of it.
"""

import json
import os
import re
import struct

import initramfs
import packages
import qemus
from machine import Failed

GOLDEN = os.path.join(qemus.ROOT, "tests/golden")
PLACE = "kernel/firmware/acpi"
CHECKSUM_AT, OEM_REVISION_AT = 9, 24    # in every ACPI table
FUNCTION = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
# What the guest says of each PCI function, by the helper in table_rows.py.
BEHIND = re.compile(r"row: behind: (\S+) driver=(\S*) iommu=(\S*) base=(\S*)$", re.M)


def viommu(*arguments):
    """What the viommu that ./run guest has built prints."""
    program = os.environ.get("VIOMMU") or os.path.join(qemus.ROOT, "build/tools/viommu")
    try:
        return packages.run(program, *arguments)
    except packages.Unavailable as error:
        raise Failed(str(error)) from None


def make(table, topology, folder, base):
    """Returns the path of the table that the text of a topology makes; the text is beside it.

    With a base it is put into that: a table of the firmware's, which then has to be of a higher
    revision than the one that it is to replace, or a device tree.
    """
    path = os.path.join(folder, table)
    with open(f"{path}.yaml", "w", encoding="utf-8") as file:
        file.write(topology)
    into = ["--into", base] if base else []
    viommu("generate", table, f"{path}.yaml", *into, "-o", path)
    if base and table != "dtb":
        raise_revision(path)
    return path


def raise_revision(path):
    """Make a table's OEM revision one higher, and its checksum right."""
    table = bytearray(initramfs.contents(path))
    revision, = struct.unpack_from("<I", table, OEM_REVISION_AT)
    struct.pack_into("<I", table, OEM_REVISION_AT, revision + 1)
    table[CHECKSUM_AT] = (table[CHECKSUM_AT] - sum(table)) % 256
    with open(path, "wb") as file:
        file.write(table)


def put_in_front(path, table, initramfs_path):
    """Write the initramfs anew with the table before it, where Linux looks while it starts."""
    folders = [PLACE[:end] for end in (6, 15, 20)]
    early = initramfs.archive([(f"{PLACE}/{table}.aml", initramfs.contents(path))], folders)
    behind = initramfs.contents(initramfs_path)
    with open(initramfs_path, "wb") as file:
        file.write(early + behind)


def place_in_guest(iommu, base):
    """Where the IOMMU is by its folder in /sys: its registers, or its PCI function."""
    if not iommu:
        return None
    if found := re.search(r"0x([0-9a-f]+)$", iommu):
        base = found[1]
    return int(base, 16) if base else FUNCTION.findall(iommu)[-1]


def place_in_answer(answer):
    """The same of what viommu says that Linux does."""
    linux = answer["linux"]
    if linux["reach"] != "iommu":
        return None
    return int(linux["at"], 16) if linux["at"].startswith("0x") else linux["at"]


def answers(path, functions):
    said = json.loads(viommu("resolve", "--json", "--from", path, *functions))
    return {answer["device"]: place_in_answer(answer) for answer in said["answers"]}


def compare(path, log):
    """Hold every function of the guest against viommu's answers; returns how many there were.

    The table is asked, and where it knows of a bridge but not of the buses below, the text; an SRAT
    knows nothing of who is behind an IOMMU. A function without a driver need not be behind anything
    yet, for some platforms put it there only when it gets one.
    """
    found = {function: place_in_guest(iommu, base)
             for function, driver, iommu, base in BEHIND.findall(log) if driver or iommu}
    if not found:
        raise Failed("the guest named no function that could be compared")
    by_table = {} if path.endswith("srat") else answers(path, found)
    by_text = answers(f"{path}.yaml", found)
    for function, place in found.items():
        expected = by_table.get(function) or by_text[function]
        if expected != place:
            raise Failed(f"not so: {function} is where viommu says (Linux has it behind {place}, "
                         f"and viommu behind {expected})")
    behind = sum(place is not None for place in found.values())
    return f"{behind} of {len(found)} functions are behind it, as `viommu resolve` says"
