#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""vectors.py MEMORY FILE... : what vectors.c reads, on standard output.

MEMORY is the end of memory, which a file names as "memory_limit": files with another one are left out.
Words are of 64 bits, little-endian: see vectors.c. Left out, and counted on standard error: formats whose
device features cannot be chosen by a guest.
"""

import json
import struct
import sys

REASONS = {None: 0, "translation": 2, "parent": 2, "parent-walk": 2, "walk-abort": 3, "context": 4, "permission": 5,
           "access-flag": 6, "address-size": 7, "reserved": 7, "non-canonical": 7, "input-range": 7}
WRITE, PRIVILEGED, WITH_PASID = 1, 2, 4
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
    return 0x101, [number(word) for word in cd]


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


def riscv_directory(config, _):
    return 0x132, [1 | 1 << 5, 0, 0, number(config["pdtp"])]


def generic(config, _):
    return 0x141, [number(config["pgd"])]


FORMATS = {"arm-vmsav8-64-stage1": arm, "arm-smmuv3-cd-table": arm_table, "x86-first-stage": x86,
           "vtd-pasid-table": x86_directory, "amd-gcr3": amd, "riscv-s-stage": riscv, "riscv-pdt": riscv_directory,
           "generic-virt": generic}
CONTEXTS = (0x102, 0x112, 0x122, 0x132)


def why_not(file, config):
    """Why the device of the module cannot be as the file wants it, or None."""
    bits = OUTPUT_BITS.get(file["format"], 48)
    if number(config.get("maxphyaddr"), bits) != bits:
        return "another output size"
    if file["format"] == "riscv-s-stage" and not (config.get("sade") and config.get("svpbmt")):
        return "flags of entries are not updated, or no Svpbmt"
    if number((config.get("fields") or {}).get("ips")) > 5:
        return "another output size"
    return None


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


def convert(file):
    config = file["config"]
    name = config.get("child") or file["format"]
    kind, body = FORMATS[name](config, file)
    parent = config.get("parent") or []
    cases = [one for one in file["cases"] if "implemented_output_bits" not in one]
    words = [kind, kind in CONTEXTS, len(parent), len(file["memory"]), len(cases)]
    words += body + [0] * (8 - len(body))
    for row in parent:
        words += [number(row["first"]), number(row["last"]), number(row["phys"]),
                  ("r" in row["flags"]) | ("w" in row["flags"]) << 1]
    for word in file["memory"]:
        words += [number(word["address"]), number(word["word"])]
    for one in cases:
        words += case(one)
    name = file["name"].encode()[:31].ljust(32, b"\0")
    return struct.pack("<32s%dQ" % len(words), name, *words)


def main():
    memory, parts = number(sys.argv[1]), []
    for path in sys.argv[2:]:
        with open(path, encoding="utf-8") as source:
            file = json.load(source)
        if number(file.get("memory_limit"), memory) != memory:
            continue
        reason = why_not(file, file["config"])
        if reason:
            print(f"left out: {file['name']}, {len(file['cases'])} cases: {reason}", file=sys.stderr)
            continue
        parts.append(convert(file))
    sys.stdout.buffer.write(struct.pack("<QQ", memory, len(parts)) + b"".join(parts))


if __name__ == "__main__":
    main()
