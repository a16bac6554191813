# SPDX-License-Identifier: BSD-3-Clause
"""The guest's initramfs: a kernel's own modules, busybox, two small tools, and the row's script.

It consists of two archives, which Linux unpacks in turn. The base is the same for all rows of an
architecture, and is cached under the hash of its contents. The other has the row's script and a line
for /init, and is created for each run.
"""

import glob
import hashlib
import lzma
import os
import re

import iommufd
import kernel_module
import packages
import small_kernel

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# Modules for guests. Their dependencies are read from the modules.
MODULES = ["virtio_pci", "virtio_mmio", "virtio-iommu", "virtio_blk", "virtio_net", "e1000", "vfio-pci",
           "vfio_iommu_type1", "iommufd"]
COMPILERS = {"amd64": "x86_64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc"}
TOOLS = {"amd64": ["edu", "rekernel", "spaces"], "arm64": ["edu", "spaces"], "riscv64": []}
FILE, FOLDER, DEVICE = 0o100755, 0o040755, 0o020600


def entry(name, mode, content=b"", device=(0, 0)):
    """One member of a cpio archive in the format called newc."""
    fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)


def archive(files, folders=(), devices=()):
    parts = [entry(name, FOLDER) for name in folders]
    parts += [entry(name, DEVICE, device=number) for name, number in devices]
    parts += [entry(name, FILE, content) for name, content in files]
    whole = b"".join(parts) + entry("TRAILER!!!", 0)
    return whole + bytes(-len(whole) % 512)


def contents_of_module(path):
    with lzma.open(path) if path.endswith(".xz") else open(path, "rb") as file:
        return file.read()


def modules(kernel, instead, more):
    """
    The modules, `more` of them, and their dependencies, as (name, content), in the order in which to load
    them. Those of the folder `instead` replace the kernel's.
    """
    found, ordered = {}, {}
    for folder, _, names in os.walk(os.path.join(kernel, "usr/lib/modules")):
        for name in names:
            if name.endswith(".ko.xz"):
                found[name[:-len(".ko.xz")].replace("-", "_")] = os.path.join(folder, name)
    for name in os.listdir(instead) if instead else ():
        found[name[:-len(".ko")].replace("-", "_")] = os.path.join(instead, name)

    def add(name):
        if name in ordered or name not in found:
            return
        content = contents_of_module(found[name])
        depends = re.search(rb"\0depends=([^\0]*)\0", content).group(1).decode()
        for other in filter(None, depends.split(",")):
            add(other.replace("-", "_"))
        ordered[name] = content

    for name in [*MODULES, *more]:
        add(name.replace("-", "_"))
    return list(ordered.items())


def kept(kind, inputs, make):
    """The path of a file in the cache, named by the hash of its inputs; created if it is missing."""
    digest = hashlib.sha256()
    for part in inputs:
        digest.update(part if isinstance(part, bytes) else str(part).encode())
        digest.update(b"\0")
    return packages.once(os.path.join(packages.CACHE, kind, digest.hexdigest()[:24]), make)


def contents(path):
    with open(path, "rb") as file:
        return file.read()


def tool(name, architecture):
    source = os.path.join(HERE, "inside", f"{name}.c")
    return contents(kept("tools", [architecture, contents(source)], lambda work: packages.run(
        COMPILERS[architecture], "-std=gnu11", "-O2", "-static", "-Wall", "-Wextra", "-Werror",
        "-o", work, source)))


def program(source, architecture):
    """The path of a program of the tree, with libviommu that checks its calls; compiled if missing."""
    sources = [os.path.join(ROOT, source), *sorted(glob.glob(os.path.join(ROOT, "src/*/*.c")))]
    headers = sorted(glob.glob(os.path.join(ROOT, "include/viommu/*.h")) +
                     glob.glob(os.path.join(ROOT, "src/*/*.h")) +
                     glob.glob(os.path.join(ROOT, os.path.dirname(source), "*.h")))
    return kept("programs", [architecture, *map(contents, sources + headers)],
                lambda work: packages.run(
                    COMPILERS[architecture], "-std=gnu11", "-O2", "-static", "-pthread",
                    "-D_GNU_SOURCE", "-DVIOMMU_CHECKS", '-DVIOMMU_VERSION="guest"', f"-I{ROOT}/include",
                    f"-I{ROOT}/src", "-o", work, *sources))


def module(name, architecture, flavour, report, version):
    """The path of the module of this project for that kernel; built if it is missing."""
    kernel = os.path.basename(packages.kernel(architecture, flavour, report, version))
    return kept("modules", [name, kernel, *map(contents, kernel_module.inputs())],
                lambda work: kernel_module.make(name, architecture, flavour, version, work,
                                                report))


def kernel_and_modules(architecture, flavour, report, version, more):
    """Returns (kernel image, modules), with what modules() returns."""
    if version == small_kernel.VERSION:
        return small_kernel.image(report), []
    kernel = packages.kernel(architecture, flavour, report, version)
    instead = iommufd.modules(architecture, flavour, report) if version == iommufd.VERSION else None
    image = next(path for pattern in ("boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz")
                 for path in glob.glob(os.path.join(kernel, pattern)))
    return image, modules(kernel, instead, more)


def base(architecture, flavour, report, version, more=()):
    """Returns (kernel image, base archive), with more modules than those of all rows."""
    image, loaded = kernel_and_modules(architecture, flavour, report, version, more)
    files = [("init", contents(os.path.join(HERE, "inside", "init"))),
             ("bin/busybox", contents(packages.busybox(architecture, report)))]
    files += [(f"tools/{name}", tool(name, architecture)) for name in TOOLS[architecture]]
    files += [(f"modules/{name}.ko", content) for name, content in loaded]
    files += [("modules/order", "".join(f"{name}\n" for name, _ in loaded).encode())]
    whole = archive(files, ["bin", "dev", "tools", "modules", "row"],
                    [("dev/console", (5, 1)), ("dev/null", (1, 3))])

    def write(work):
        with open(work, "wb") as file:
            file.write(whole)
    return image, kept("initramfs", [whole], write)


def with_row(base_path, path, script, first_line, extra=()):
    """Write the initramfs of a row."""
    files = [("row/init", first_line.encode()), ("row/script", script.encode())]
    with open(path, "wb") as out:
        out.write(contents(base_path))
        out.write(archive(files + [(f"row/{name}", contents(file)) for name, file in extra]))
