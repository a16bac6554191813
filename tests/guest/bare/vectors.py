#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""vectors.py FIRST END FILE... : what vectors.c reads, on standard output.

FIRST is the first address that files may use: files with words before it are left out, and so are single accesses.
END is the end of memory, which a file names as "memory_limit": files with another one are not for this machine.
Words are of 64 bits, little-endian: see vectors.c. Left out, and counted on standard error: formats whose
device features cannot be chosen by a guest.
"""

import json
import struct
import sys

REASONS = {None: 0, "translation": 2, "parent": 2, "parent-walk": 2, "walk-abort": 3, "context": 4, "permission": 5,
           "access-flag": 6, "address-size": 7, "reserved": 7, "non-canonical": 7, "input-range": 7}
WRITE, PRIVILEGED, WITH_PASID = 1, 2, 4
ARM_CD = 0x101
# That of vectors.c, and a page for a process directory with it alone: a device context can leave SADE off.
PASID, DIRECTORY, PD8 = 9, 0x80880000, 1 << 60
# Bits of output of the module's device, where tables have reserved bits above them.
OUTPUT_BITS = {"amd-gcr3": 52}


def number(value, default=0):
    if value is None:
        return default
    return int(value, 0) if isinstance(value, str) else int(value)


def word_at(file, address):
    return next((number(word["word"]) for word in file["memory"] if number(word["address"]) == address), 0)


def arm(config, file):
    at = number(config.get("cd_address"))
    cd = config.get("cd") or [word_at(file, at + 8 * i) for i in range(8)]
    return ARM_CD, [number(word) for word in cd]


def arm_table(config, _):
    return 0x102, [number(config["s1contextptr"]) | number(config.get("s1fmt")) << 4 |
                   number(config.get("s1cdmax")) << 59, number(config.get("s1dss"))]


def x86(config, _):
    return 0x111, [1 | 1 << 6, 0, number(config["root"]) | 3 | (config.get("levels") == 5) << 2 |
                   number(config.get("wp"), 1) << 4 | number(config.get("nxe"), 1) << 5]


def x86_directory(config, _):
    return 0x112, [number(config["pasid_dir"]) | number(config.get("pdts")) << 9 | 1]


def amd(config, _):
    return 0x122, [number(config["gcr3_root"]), number(config.get("glx")) | number(config.get("levels"), 4) << 8]


def riscv(config, _):
    return 0x131, [1, number(config["iosatp"])]


def riscv_process(*_):
    return 0x132, [1 | 1 << 5, 0, 0, PD8 | DIRECTORY >> 12]


def riscv_directory(config, _):
    return 0x132, [1 | 1 << 5, 0, 0, number(config["pdtp"])]


def generic(config, _):
    return 0x141, [number(config["pgd"])]


FORMATS = {"arm-vmsav8-64-stage1": arm, "arm-smmuv3-cd-table": arm_table, "x86-first-stage": x86,
           "vtd-pasid-table": x86_directory, "amd-gcr3": amd, "riscv-s-stage": riscv, "riscv-process": riscv_process,
           "riscv-pdt": riscv_directory, "generic-virt": generic}
CONTEXTS = (0x102, 0x112, 0x122, 0x132)


def why_not(file, config):
    """Why the device of the module cannot be as the file wants it, or None."""
    bits = OUTPUT_BITS.get(file["format"], 48)
    if number(config.get("maxphyaddr"), bits) != bits:
        return "another output size"
    if file["format"] == "riscv-s-stage" and not config.get("svpbmt"):
        return "no Svpbmt"
    if number((config.get("fields") or {}).get("ips")) > 5:
        return "another output size"
    return None


def in_process(file):
    """The same table as that of a process, whose device context has no SADE."""
    at = DIRECTORY + 16 * PASID
    words = [(at, 1), (at + 8, number(file["config"]["iosatp"]))]
    return {**file, "config": {**file["config"], "child": "riscv-process"},
            "memory": file["memory"] + [{"address": address, "word": word} for address, word in words],
            "cases": [{**one, "pasid": PASID} for one in file["cases"]]}


def words_of(file, kind):
    """The words of memory. A context descriptor that is the body of the request is not read from there."""
    words = [(number(word["address"]), number(word["word"])) for word in file["memory"]]
    at = number(file["config"].get("cd_address")) if kind == ARM_CD else 0
    return [word for word in words if not at <= word[0] < at + 64]


def case(one):
    expect, access = one["expect"], one["access"]
    flags = (WRITE if access == "w" else 0) | (PRIVILEGED if number(one.get("priv")) else 0)
    flags |= WITH_PASID if one.get("pasid") is not None else 0
    after = expect.get("entries_after") or {}
    words = [number(one["va"]), flags, number(one.get("pasid")), number(expect.get("pa")),
             REASONS[expect.get("fault")], len(after)]
    for address, word in after.items():
        words += [number(address), number(word)]
    return words


def convert(file, first):
    """The bytes of a file, and how many of its cases are left out: those that go before the first address."""
    config = file["config"]
    name = config.get("child") or file["format"]
    kind, body = FORMATS[name](config, file)
    parent = config.get("parent") or []
    memory = words_of(file, kind)
    if any(address < first for address, _ in memory):
        return None, len(file["cases"])
    cases = [one for one in file["cases"] if number(one.get("implemented_output_bits"), 48) == 48]
    played = [one for one in cases if number(one["expect"].get("pa"), first) >= first]
    words = [kind, kind in CONTEXTS, len(parent), len(memory), len(played)]
    words += body + [0] * (8 - len(body))
    for row in parent:
        words += [number(row["first"]), number(row["last"]), number(row["phys"]),
                  ("r" in row["flags"]) | ("w" in row["flags"]) << 1]
    for address, word in memory:
        words += [address, word]
    for one in played:
        words += case(one)
    name = file["name"].encode()[:31].ljust(32, b"\0")
    return struct.pack("<32s%dQ" % len(words), name, *words), len(cases) - len(played)


def read(path, first, memory):
    """The bytes of a file that is for this memory, or None."""
    with open(path, encoding="utf-8") as source:
        file = json.load(source)
    if number(file.get("memory_limit"), memory) != memory:
        return None
    if file["format"] == "riscv-s-stage" and not file["config"].get("sade"):
        file = in_process(file)
    reason, n, part = why_not(file, file["config"]), len(file["cases"]), None
    if not reason:
        part, n = convert(file, first)
        reason = f"memory before {first:#x}"
    if n:
        print(f"left out: {file['name']}, {n} cases: {reason}", file=sys.stderr)
    return part


def main():
    first, memory = number(sys.argv[1]), number(sys.argv[2])
    parts = [part for path in sys.argv[3:] if (part := read(path, first, memory))]
    sys.stdout.buffer.write(struct.pack("<QQQ", first, memory, len(parts)) + b"".join(parts))


if __name__ == "__main__":
    main()
