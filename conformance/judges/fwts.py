#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the firmware test suite (fwts) says of the tables that we write.

    fwts.py VIOMMU FOLDER

Each table of FOLDER (VIOT, DMAR, IVRS, IORT) is written again from its topology by VIOMMU, and fwts
tests it. Exit status 1: it finds a failure; 77: there is no fwts here, and none can be fetched.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "guest"))

import packages    # noqa: E402  pylint: disable=wrong-import-position

SKIPPED = 77
RELEASE = "forky"      # the first of Debian with fwts
TABLES = {"VIOT": "viot", "DMAR": "dmar", "IVRS": "ivrs", "IORT": "iort"}
# Where fwts is mistaken: the table, all that fwts says of it, and why that is wrong.
MISTAKES = {"virt-smmu-only-expander.IORT":
            ("FAILED [HIGH] IORTPCIRootComplexNodeFlagsInvalid: Test 1, IORT PCI Root Complex",
             "reads Flags, which a root complex has from revision 4 on, where the first mapping is")}
TOTALS = re.compile(r"^(\d+) passed, (\d+) failed, \d+ warnings?, (\d+) aborted, (\d+) skipped", re.M)


def program():
    """The words that run fwts, with the libraries of its own release."""
    def find():
        source = packages.archive(RELEASE, packages.host_architecture())
        source.refresh()
        return source, ["fwts"] + [name for name in source.closure("fwts") if name != "fwts"]
    root = packages.unpacked(f"fwts-{packages.host_architecture()}", find, print)
    return packages.command(root, "usr/bin/fwts", "fwts")


def dump_of(signature, table):
    """As acpidump writes it."""
    lines = [f"{signature} @ 0x0000000007FE0000"]
    for at in range(0, len(table), 16):
        part = table[at:at + 16]
        text = "".join(chr(byte) if 32 < byte < 127 else "." for byte in part)
        lines.append(f"  {at:04X}: {part.hex(' ').upper():<47}  {text}")
    return "\n".join(lines) + "\n\n"


def written_by_us(viommu, path, name, change=lambda text: text):
    """The table, whose text may have warnings (status 1); `change` is done to the topology."""
    text = b""
    for words in (["topology", path], ["generate", name, "-"]):
        done = subprocess.run([viommu, *words], input=text, capture_output=True, check=False)
        if done.returncode not in (0, 1) or not done.stdout:
            sys.exit(f"{path}: viommu {words[0]}: {done.stderr.decode()}")
        text = change(done.stdout) if words[0] == "topology" else done.stdout
    return text


def opinion(words, folder, signature, table):
    """None, or what is wrong."""
    dump = os.path.join(folder, "dump")
    Path(dump).write_text(dump_of(signature, table), encoding="ascii")
    done = subprocess.run([*words, TABLES[signature], f"--dumpfile={dump}", "-r", "stdout", "-q"], cwd=folder,
                          text=True, errors="replace", capture_output=True, check=False, timeout=60)
    totals = TOTALS.findall(done.stdout)
    if not totals:
        return f"fwts ended with status {done.returncode}: {(done.stderr or done.stdout)[-500:]}"
    passed, failed, aborted, _ = map(int, totals[-1])
    if failed or aborted or not passed:
        found = re.findall(r"^(?:FAILED|ABORTED|SKIPPED).*(?:\n .*)*", done.stdout, re.M)
        return "\n".join(found) or f"{passed} passed, {failed} failed, {aborted} aborted"
    return None


def verdict(name, problem):
    """Is it a failure, and a line about it or None? `problem` is the opinion of fwts."""
    mistake, why = MISTAKES.get(name, (None, None))
    if problem == mistake:
        return False, why and f"fwts {why}"
    return True, problem or "fwts is not mistaken any more: its row in MISTAKES goes"


def main():
    viommu, source = sys.argv[1:]
    try:
        words = program()
    except packages.Unavailable as reason:
        print(reason)
        sys.exit(SKIPPED)
    judged = bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(Path(source).iterdir()):
            signature = path.suffix[1:]
            if signature not in TABLES:
                continue
            judged += 1
            problem = opinion(words, folder, signature, written_by_us(viommu, path, TABLES[signature]))
            fails, line = verdict(path.name, problem)
            bad += fails
            if line:
                print(f"{path.name}: {line}")
    print(f"{judged} tables, {bad} with a failure")
    sys.exit(bool(bad) or not judged)


if __name__ == "__main__":
    main()
