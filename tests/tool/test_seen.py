#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Linux's answer of `resolve --pci` against what Linux guests did: captures of tables, PCI trees and
groups.

    test_seen.py VIOMMU GOLDEN
"""
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROW = re.compile(r"^DEV (\S+) \S+ class=(\S+) group=(\S+) iommu=(\S*)", re.M)


def answers(viommu, table, tree, devices):
    done = subprocess.run([viommu, "resolve", "-j", "--from", table, "--pci", tree, *devices],
                          capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["answers"]


def expected(given):
    """For each function, whether Linux puts it behind an IOMMU; None: one of those that share it."""
    senders = collections.Counter(answer.get("sends_as") for answer in given)
    for answer in given:
        linux, alias = answer["linux"], answer.get("sends_as")
        if linux["reach"] != "iommu":
            yield False
        elif alias and linux["kind"].startswith("virtio"):
            yield False
        elif alias and linux["kind"] == "smmu-v3" and senders[alias] > 1:
            yield None
        else:
            yield True


def is_seen(row):
    return row[3] not in ("none", "")


def is_one_of(alias, rows, given):
    """Does exactly one of the functions that send with this ID have an IOMMU?"""
    return sum(is_seen(row) for row, answer in zip(rows, given)
               if answer.get("sends_as") == alias and answer["linux"]["reach"] == "iommu") == 1


def main(viommu, golden):
    golden = pathlib.Path(golden)
    if not golden.is_dir():
        print(f"no folder {golden}")
        return 77
    compared = undecided = wrong = 0
    with tempfile.TemporaryDirectory() as name:
        for seen in sorted(golden.glob("**/*.seen.txt")):
            tables = [path for path in seen.parent.glob(seen.name[:-len("seen.txt")] + "*")
                      if path.suffix in (".DMAR", ".IVRS", ".VIOT", ".IORT")]
            text = seen.read_text()
            rows = ROW.findall(text.split("== Linux guest")[-1])
            if not tables or not rows or "nodmatrans" in seen.name:  # a register says so
                continue
            tree = pathlib.Path(name) / "pci"
            tree.write_text(text.split("== Linux guest")[0])
            given = answers(viommu, tables[0], tree, [row[0] for row in rows])
            for row, answer, wanted in zip(rows, given, expected(given)):
                compared += 1
                undecided += bool(answer["possible"])
                if wanted is None:
                    agrees = is_one_of(answer["sends_as"], rows, given)
                else:
                    agrees = is_seen(row) == wanted
                if not agrees:
                    wrong += 1
                    print(f"{seen.relative_to(golden)} {row[0]}: iommu={row[3]} group={row[2]}, "
                          f"resolve: {answer['linux']['reach']} {answer.get('sends_as', '')}")
    print(f"{compared} functions compared, {undecided} undecided, {wrong} wrong")
    return 1 if wrong or undecided or not compared else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
