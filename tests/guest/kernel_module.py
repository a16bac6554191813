# SPDX-License-Identifier: BSD-3-Clause
"""A module of this project for a stock Debian kernel, built outside of the tree by the compiler of its release."""

import glob
import os
import shutil

import iommufd
import packages

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "inside", "module")
PROTOCOL = os.path.join(HERE, "..", "..", "include", "viommu", "protocol.h")
NAME = "viommu_spaces"


def sources():
    return sorted(glob.glob(os.path.join(SOURCES, "*.[ch]"))) + [PROTOCOL]


def make(architecture, flavour, version, target, report):
    root = packages.toolchain(architecture, flavour, version, report)
    tree = f"{root}/tree"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("dev", "proc", "tmp", "tree"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    report(f"building {NAME}.ko")
    for source in sources():
        shutil.copy(source, tree)
    with open(f"{tree}/Makefile", "w", encoding="ascii") as file:
        file.write(f"obj-m := {NAME}.o\n")
    if not os.path.lexists(f"{root}/usr/bin/awk"):
        os.symlink("gawk", f"{root}/usr/bin/awk")
    headers = next(os.path.basename(path) for path in glob.glob(f"{root}/usr/src/linux-headers-*")
                   if not path.endswith("-common"))
    iommufd.build(root, headers)
    shutil.copy(f"{tree}/{NAME}.ko", target)
