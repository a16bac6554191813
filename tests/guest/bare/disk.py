#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""disk.py make FILE, disk.py check FILE: the disk of disk.c before and after."""

import struct
import sys

READ_SEED, END, MASK = 0x1000, 16 * 4096, (1 << 64) - 1
# The formats in the order of disk.c: each has written the next 64 KiB. The first ones are only read.
FORMATS = (0x111, 0x121, 0x101, 0x131, 0x141)


def hashed(value):
    value ^= value >> 31
    value = value * 0x9e3779b97f4a7c15 & MASK
    return value ^ value >> 29


def piece(seed, place):
    return struct.pack(f"<{END // 8}Q", *(hashed(seed ^ at) for at in range(place, place + END, 8)))


def main(verb, path):
    seeds = [READ_SEED] + [READ_SEED if verb == "make" else number for number in FORMATS]
    data = b"".join(piece(seed, i * END) for i, seed in enumerate(seeds))
    if verb == "make":
        with open(path, "wb") as file:
            file.write(data)
        return 0
    with open(path, "rb") as file:
        found = file.read()
    wrong = [i for i in range(len(seeds)) if found[i * END:(i + 1) * END] != data[i * END:(i + 1) * END]]
    print(f"{len(seeds)} pieces of the disk, of which {len(wrong)} are wrong")
    return bool(wrong) or len(found) != len(data)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
