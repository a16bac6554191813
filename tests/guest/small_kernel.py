# SPDX-License-Identifier: BSD-3-Clause
"""A small kernel for arm64, built from the source package of Debian's newest: with all of iommufd.

No Debian kernel has iommufd, and modules outside of the tree cannot add what belongs to the kernel itself: the mock IOMMU
(CONFIG_IOMMUFD_TEST), nesting by the driver of SMMUv3, and failing allocations. It is built once, by the machine's
compilers, in about ten minutes of processor time, and kept in the cache.
"""

import hashlib
import os
import shutil
import tarfile

import packages

VERSION = "7.3-small"
HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = os.path.join(HERE, "small-kernel.config")


def unpack(source, tree):
    name = next(name for name in os.listdir(os.path.join(source, "usr/src")) if name.endswith(".tar.xz"))
    with tarfile.open(os.path.join(source, "usr/src", name)) as archive:
        for member in archive:
            member.name = member.name.partition("/")[2]
            if member.name and (member.isfile() or member.issym()):
                archive.extract(member, tree)


def build(source, tools, tree, report):
    report("building a small kernel (once)")
    unpack(source, tree)
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:{tools}/usr/bin",
                   "BISON_PKGDATADIR": f"{tools}/usr/share/bison", "M4": f"{tools}/usr/bin/m4"}
    # tinyconfig sets KCONFIG_ALLCONFIG in the environment of a second make: only an argument prevails.
    make = ["make", f"-j{os.cpu_count()}", "ARCH=arm64", "CROSS_COMPILE=aarch64-linux-gnu-",
            f"KCONFIG_ALLCONFIG={CONFIG}"]
    for goal in ("tinyconfig", "Image"):
        packages.run(*make, goal, cwd=tree, env=environment)


def image(report):
    """The path of the kernel's image."""
    source = packages.kernel_source("7.3", report)
    tools = packages.build_tools(report)
    with open(CONFIG, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()[:8]
    target = os.path.join(packages.CACHE, f"small-{os.path.basename(source)}-{digest}")

    def make(work):
        tree = f"{work}.tree"
        try:
            build(source, tools, tree, report)
            os.rename(f"{tree}/arch/arm64/boot/Image", work)
        finally:
            shutil.rmtree(tree, ignore_errors=True)
    return packages.once(target, make, report)
