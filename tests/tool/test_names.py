#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Hostile names: printed text cannot control a terminal, a picture or a parser of JSON, and the text form is parsed
unchanged.

    test_names.py VIOMMU
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unicodedata
import xml.dom.minidom

import hostile

ATTACK = b'\x1b[31m"\\<&>]]>\'{}|`$(x)\n- yes: ~ #\xe2\x80\xae\xc2\x9b31m\x07'
WORDS = ["yes", "~", "0x10", "- ", "a: b", "#x", "\\e[31m", "\\u202ex", "\\x9b31m", " ", "null", "'",
         "[x", "&a", "*a", "!t", "%d", "@x", "`", "a\\nb", "---", "\\\"", "none ", "None"]
COMMANDS = [["check"], ["check", "-j"], ["dump"], ["dump", "-j"], ["topology"], ["resolve", "--all"],
            ["resolve", "--all", "-j"], ["graph"], ["plan"], ["convert", "--dts", "--to", "dtb"],
            ["resolve", "-j", "0x10", "--from"], ["diff", "other"], ["diff", "-j", "other"]]
OBEYED = ("Cc", "Cf", "Cn")


def device_tree():
    made = hostile.tree()
    made.iommu(0, 1)
    made.begin(b"d" + ATTACK + b"@10")
    made.property(b"compatible", ATTACK + b"\0")
    made.property(ATTACK, ATTACK)
    made.cells(b"reg", 0, 0x10, 0, 1)
    made.cells(b"iommus", 1, 7)
    made.end()
    made.end()
    return made.blob()


def acpi_tables():
    """A name of IORT, of DMAR and of IVRS each."""
    name = b"\\_SB_." + ATTACK
    group, unit = hostile.its_group(), hostile.smmu(0)
    component = hostile.iort_node(
        1, 4, 0, hostile.struct.pack("<IIBHBB", 0, 1, 0, 0, 3, 64),
        [hostile.iort_mapping(0, 0, 5, 48 + len(group), 1)], name + b"\0" * (4 - len(name) % 4))
    entry = hostile.struct.pack("<BHB8s8sBB", 0xF0, 5, 0, b'\x1b[31m"<&\n', b"\x07", 2, len(ATTACK))
    return {
        "iort": hostile.iort([group, unit, component]),
        "dmar": hostile.dmar([hostile.drhd(0, [hostile.scope(5, 0, [(2, 0)], 1)], 1),
                              hostile.struct.pack("<HH3xB", 4, 9 + len(name), 1) + name + b"\0"]),
        "ivrs": hostile.ivrs([hostile.ivhd(0, entry + ATTACK, 0, 0x40)]),
    }


def texts():
    for i, word in enumerate(WORDS):
        yield f"{i}.yaml", (
            f'viommu: 1\niommus:\n - {{ name: "{word}", kind: smmu-v3, at: 0x1000000 }}\n'
            f'devices:\n - {{ name: "d{word}", at: 0x10, iommu: "{word}", id: 7 }}\n').encode()


def wrong_with(viommu, command, file):
    """What is wrong with what was printed, or None."""
    done = subprocess.run([viommu, *command, file], capture_output=True, check=False)
    if done.returncode not in (0, 1, 2):
        return f"exit {done.returncode}"
    for line in (done.stdout + done.stderr).decode().split("\n"):
        if any(unicodedata.category(c) in OBEYED for c in line.replace("\t", "")):
            return repr(line)
    if "-j" in command and done.returncode < 2:
        json.loads(done.stdout)
    if command == ["topology"]:
        again = subprocess.run([viommu, "topology", "-"], input=done.stdout, capture_output=True,
                               check=False)
        if again.stdout.split(b"\n")[1:] != done.stdout.split(b"\n")[1:]:
            return f"it is read as something else: {again.stderr!r}"
    if command == ["graph"]:
        drawn = subprocess.run([viommu, "graph", "-F", "svg", file], capture_output=True, check=False)
        if drawn.returncode == 0:
            xml.dom.minidom.parseString(drawn.stdout)
    return None


def main(viommu):
    viommu, failed = os.path.abspath(viommu), 0
    files = {"dtb": device_tree(), **acpi_tables(), **dict(texts())}
    with tempfile.TemporaryDirectory() as name:
        os.chdir(name)
        pathlib.Path("other").write_bytes(hostile.viot_endpoints(100))
        for file, content in files.items():
            pathlib.Path(file).write_bytes(content)
            for command in COMMANDS:
                wrong = wrong_with(viommu, command, file)
                if wrong:
                    print(f"{file}: {' '.join(command)}: {wrong}")
                    failed += 1
    print(f"{len(files)} files, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
