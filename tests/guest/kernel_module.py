# SPDX-License-Identifier: BSD-3-Clause
"""A module of this project for a stock Debian kernel, built outside of the tree by the compiler of its release."""

import glob
import os
import re
import shutil
import tarfile

import iommufd
import packages

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "inside", "module")
PROTOCOL = os.path.join(HERE, "..", "..", "include", "viommu", "protocol.h")
GUEST = os.path.join(HERE, "..", "..", "guest")
PATCH = os.path.join(HERE, "..", "..", "docs", "patches", "linux.patch")
# module -> its objects, if they are several
OBJECTS = {"viommu_iopgtable": "", "viommu_spaces": "", "viommu_sva": "", "viommu_tables": "",
           "viommu_topology": "reader.o", "virtio-iommu": ""}
# Modules that are the kernel's own driver, changed.
WITH_DRIVER = ("virtio-iommu", "viommu_iopgtable", "viommu_sva", "viommu_tables")
DRIVER = re.compile(r"[^/]+/(drivers/iommu/(virtio-iommu[.]c|dma-iommu[.]h)|"
                    r"include/uapi/linux/virtio_iommu[.]h)")


def sources():
    return sorted(glob.glob(os.path.join(SOURCES, "*.[ch]")) + glob.glob(os.path.join(GUEST, "*.[ch]"))) + [PROTOCOL, PATCH]


def inputs():
    """The files that a module depends on."""
    return [*sources(), __file__, iommufd.__file__]


def makefile(name):
    """A module of several objects cannot have the name of one of them."""
    more = OBJECTS[name]
    return f"obj-m := {name}.o\n" + (f"{name}-y := main.o {more}\n" if more else "")


def take_driver(version, tree, report):
    """The kernel's own driver, and its headers."""
    source = packages.kernel_source(version, report)
    with tarfile.open(glob.glob(f"{source}/usr/src/linux-source-*.tar.xz")[0]) as archive:
        for member in archive:
            if DRIVER.fullmatch(member.name):
                member.name = member.name.partition("/")[2]
                archive.extract(member, tree, filter="data")


def patch_driver(tree):
    """With the patch, its header comes before that of the kernel."""
    packages.run("git", "apply", "--unidiff-zero", PATCH, cwd=tree)
    with open(f"{tree}/Makefile", "a", encoding="ascii") as file:
        file.write("ccflags-y := -include $(src)/include/uapi/linux/virtio_iommu.h\n")


def make(name, architecture, flavour, version, target, report):
    root = packages.toolchain(architecture, flavour, version, report)
    with iommufd.prepared(root) as tree:
        report(f"building {name}.ko")
        fill(tree, name, version, report)
        iommufd.build(root, tree, architecture)
        shutil.copy(f"{tree}/{name}.ko", target)


def fill(tree, name, version, report):
    for source in sources():
        shutil.copy(source, tree)
    if OBJECTS[name]:
        os.rename(f"{tree}/{name}.c", f"{tree}/main.c")
        os.rename(f"{tree}/viommu_builtin.c", f"{tree}/reader.c")
    with open(f"{tree}/Makefile", "w", encoding="ascii") as file:
        file.write(makefile(name))
    if name in WITH_DRIVER:
        take_driver(version, tree, report)
    if name == "virtio-iommu":
        patch_driver(tree)
    if name in WITH_DRIVER:
        shutil.move(f"{tree}/drivers/iommu/virtio-iommu.c", tree)
        shutil.move(f"{tree}/drivers/iommu/dma-iommu.h", tree)
