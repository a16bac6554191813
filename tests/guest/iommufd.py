# SPDX-License-Identifier: BSD-3-Clause
"""iommufd for a stock Debian kernel, which has none: its source, built as modules outside of the tree.

iommufd and VFIO are taken from the source package of the kernel, and compiled against its headers with
the compiler of its release, in a root of unpacked packages. That needs a mount namespace and a chroot,
as root. The modules are kept in the cache. What belongs to the drivers of IOMMUs stays missing, as it is
part of the kernel itself: nest parents and vIOMMU objects.
"""

import contextlib
import glob
import os
import re
import shutil
import tarfile
import tempfile

import packages

VERSION = "7.3"
WANTED = re.compile(r"[^/]+/(drivers/iommu/[^/]+[.]h|drivers/iommu/iommufd/.*|drivers/vfio/.*|"
                    r"lib/interval_tree[.]c)")
FLAGS = ("-DCONFIG_IOMMUFD_MODULE=1 -DCONFIG_IOMMUFD_DRIVER_CORE=1 "
         "-DCONFIG_INTERVAL_TREE_SPAN_ITER=1 -DCONFIG_VFIO_DEVICE_CDEV=1")
MAKEFILES = {
    "": "obj-m += drivers/iommu/iommufd/ drivers/vfio/\n",
    "drivers/iommu/iommufd/": f"""\
ccflags-y := {FLAGS}
iommufd-y := {{objects}} span.o
iommufd_driver-y := driver.o
obj-m += iommufd.o iommufd_driver.o
""",
    "drivers/vfio/": f"""\
subdir-ccflags-y := {FLAGS}
vfio-y := vfio_main.o device_cdev.o group.o iommufd.o container.o virqfd.o
obj-m += vfio.o vfio_iommu_type1.o pci/
""",
}
# Of the kernel's Makefile: what is built only by choice, and driver.c, which is a module of its own.
NOT_LINKED = {"driver", "hwpt_noiommu", "iova_bitmap", "selftest", "span"}


def take_source(source, tree):
    """Unpack what is needed, and add the iterator that the kernel's configuration leaves out."""
    name = os.path.join(source, "usr/src", f"linux-source-{VERSION}.tar.xz")
    with tarfile.open(name) as files:
        for member in files:
            if member.isfile() and WANTED.fullmatch(member.name):
                member.name = member.name.partition("/")[2]
                files.extract(member, tree)
    with open(f"{tree}/lib/interval_tree.c", encoding="ascii") as file:
        part = re.search(r"^#ifdef CONFIG_INTERVAL_TREE_SPAN_ITER$.*?^#endif$", file.read(),
                         re.M | re.S)
    with open(f"{tree}/drivers/iommu/iommufd/span.c", "w", encoding="ascii") as file:
        file.write("#include <linux/export.h>\n#include <linux/interval_tree.h>\n" + part[0] + "\n")


def write_makefiles(tree):
    sources = glob.glob(f"{tree}/drivers/iommu/iommufd/*.c")
    names = sorted(os.path.basename(source)[:-2] for source in sources)
    objects = " ".join(f"{name}.o" for name in names if name not in NOT_LINKED)
    for folder, text in MAKEFILES.items():
        with open(f"{tree}/{folder}Makefile", "w", encoding="ascii") as file:
            file.write(text.format(objects=objects))


@contextlib.contextmanager
def prepared(root):
    """A tree of this process in a root of packages.toolchain(), which other runs use, too."""
    for name in ("dev", "proc", "tmp"):
        os.makedirs(f"{root}/{name}", exist_ok=True)
    with contextlib.suppress(FileExistsError):
        os.symlink("gawk", f"{root}/usr/bin/awk")
    with tempfile.TemporaryDirectory(prefix="tree-", dir=root) as tree:
        yield tree


def cross(architecture):
    """What the kernel's makefiles get for another architecture."""
    if architecture == packages.host_architecture():
        return ""
    name, prefix = packages.CROSS[architecture]
    return f"ARCH={name} CROSS_COMPILE={prefix}- "


def build(root, tree, architecture):
    """Build in the root; the shell and its mounts end with the namespace."""
    headers = next(os.path.basename(path) for path in glob.glob(f"{root}/usr/src/linux-headers-*")
                   if not path.endswith("-common"))
    script = (f"mount --bind /dev {root}/dev && mount -t proc proc {root}/proc && "
              f"exec chroot {root} /bin/bash -c 'export PATH=/usr/bin:/usr/sbin LC_ALL=C; "
              f"make -j2 {cross(architecture)}-C /usr/src/{headers} M=/{os.path.basename(tree)} modules'")
    packages.run("unshare", "--mount", "/bin/sh", "-c", script)


def make_modules(architecture, flavour, folder, report):
    root = packages.toolchain(architecture, flavour, VERSION, report)
    source = packages.kernel_source(VERSION, report)
    with prepared(root) as tree:
        report("building iommufd (once)")
        take_source(source, tree)
        write_makefiles(tree)
        build(root, tree, architecture)
        os.makedirs(folder)
        for module in glob.glob(f"{tree}/**/*.ko", recursive=True):
            shutil.copy(module, folder)


def modules(architecture, flavour, report):
    """The folder of the modules for packages.kernel(architecture, flavour, report, VERSION)."""
    kernel = packages.kernel(architecture, flavour, report, VERSION)
    target = os.path.join(packages.CACHE, f"iommufd-{os.path.basename(kernel)}")
    return packages.once(target, lambda work: make_modules(architecture, flavour, work, report), report)
