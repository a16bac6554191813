# SPDX-License-Identifier: BSD-3-Clause
"""Tables that viommu generates, used by Linux instead of those of QEMU's firmware.

Linux looks for tables in an uncompressed archive before its initramfs. A table with the OEM names of a
firmware table and a higher revision replaces it. So the guest drives QEMU's IOMMU with viommu's table,
and its routes are compared with those of `viommu resolve`.
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
# What the guest prints of each PCI function, by SEE in table_rows.py.
BEHIND = re.compile(r"row: behind: (\S+) driver=(\S*) iommu=(\S*) base=(\S*)$", re.M)


def program():
    """The viommu that ./run guest has built."""
    return os.environ.get("VIOMMU") or os.path.join(qemus.ROOT, "build/tools/viommu")


def viommu(*arguments, accepted=(0,)):
    """The output of viommu."""
    try:
        return packages.run(program(), *arguments, accepted=accepted)
    except packages.Unavailable as error:
        raise Failed(str(error)) from None


def make(table, topology, folder, base):
    """Generate a table from a topology, which is kept beside it; returns the table's path.

    With a base, which is a firmware table or a device tree, the IOMMU is added to that. A table then
    gets a higher revision than the one that it replaces.
    """
    path = os.path.join(folder, table)
    with open(f"{path}.yaml", "w", encoding="utf-8") as file:
        file.write(topology)
    into = ["--into", base] if base else []
    viommu("generate", table, f"{path}.yaml", *into, "-o", path)
    if base and table != "dtb":
        raise_revision(path)
    return path


# Where a set of tables is in the guest's memory, and what the guest's command line says of it.
SET_AT = 0x8000000
FIND_SET = f" acpi_rsdp={SET_AT:#x} memmap=64K#{SET_AT:#x}"


def make_set(topology, processors, folder):
    """Generate a set of ACPI tables from a topology; returns its path."""
    path = os.path.join(folder, "acpi")
    with open(f"{path}.yaml", "w", encoding="utf-8") as file:
        file.write(topology)
    viommu("generate", "acpi", f"{path}.yaml", "--address", hex(SET_AT), "--processors", str(processors),
           "-o", path)
    return path


def raise_revision(path):
    """Increment a table's OEM revision, and correct its checksum."""
    table = bytearray(initramfs.contents(path))
    revision, = struct.unpack_from("<I", table, OEM_REVISION_AT)
    struct.pack_into("<I", table, OEM_REVISION_AT, revision + 1)
    table[CHECKSUM_AT] = (table[CHECKSUM_AT] - sum(table)) % 256
    with open(path, "wb") as file:
        file.write(table)


def put_in_front(path, table, initramfs_path):
    """Prepend the table to the initramfs, where Linux looks for it at boot."""
    folders = [PLACE[:end] for end in (6, 15, 20)]
    early = initramfs.archive([(f"{PLACE}/{table}.aml", initramfs.contents(path))], folders)
    behind = initramfs.contents(initramfs_path)
    with open(initramfs_path, "wb") as file:
        file.write(early + behind)


def place_in_guest(iommu, base):
    """The IOMMU by its folder in /sys: the address of its registers, or its PCI function."""
    if not iommu:
        return None
    if found := re.search(r"0x([0-9a-f]+)$", iommu):
        base = found[1]
    return int(base, 16) if base else FUNCTION.findall(iommu)[-1]


def place_in_answer(answer):
    """The same by the answer of `viommu resolve`."""
    linux = answer["linux"]
    if linux["reach"] != "iommu":
        return None
    return int(linux["at"], 16) if linux["at"].startswith("0x") else linux["at"]


def answers(path, functions):
    """Status 1: a table does not decide about functions below its bridges, and says so."""
    said = json.loads(viommu("resolve", "--json", "--from", path, *functions, accepted=(0, 1)))
    return {answer["device"]: place_in_answer(answer) for answer in said["answers"]}


def compare(path, log):
    """Compare the IOMMU of each function with viommu's answer; returns a line with the number.

    The answer is that for the table; for functions below a bridge whose buses the table does not name,
    and for an SRAT, which has no routes, it is that for the topology. Functions without a driver are
    left out, because some platforms assign the IOMMU only with a driver.
    """
    found = {function: place_in_guest(iommu, base)
             for function, driver, iommu, base in BEHIND.findall(log) if driver or iommu}
    if not found:
        raise Failed("the guest printed no function to compare")
    by_table = {} if path.endswith("srat") else answers(path, found)
    by_text = answers(f"{path}.yaml", found)
    for function, place in found.items():
        expected = by_table.get(function) or by_text[function]
        if expected != place:
            raise Failed(f"wrong: {function} has the IOMMU of `viommu resolve` (Linux: {place}, "
                         f"viommu: {expected})")
    behind = sum(place is not None for place in found.values())
    return f"{behind} of {len(found)} functions are behind the IOMMU, as in `viommu resolve`"
