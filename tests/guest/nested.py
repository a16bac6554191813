# SPDX-License-Identifier: BSD-3-Clause
"""A guest in a guest: a QEMU of Debian 13 with the module, as files for the initramfs of its host.

The host is the guest of a row, the inner guest that of the row's `inner`. The host has in /row what the
inner QEMU needs; /row/inner is the command that starts it.
"""

import os
import shlex

import packages
import qemus
import viommu_program

GENERATION = "10.0"
FOLDER = "/row"
FIRMWARE = ["usr/share/seabios/bios-256k.bin", "usr/share/qemu/kvmvapic.bin", "usr/share/qemu/linuxboot_dma.bin"]


class Inside(qemus.Qemu):
    """The QEMU in the host, where all of its files are in one folder."""

    def __init__(self):
        super().__init__(GENERATION, FOLDER, [f"{FOLDER}/loader", "--library-path", FOLDER], {})

    def command(self, architecture):
        return [*self.prefix, f"{FOLDER}/qemu", "-L", FOLDER]

    def module(self):
        return f"{FOLDER}/module"


def module():
    """The path of the module that the inner QEMU loads."""
    if packages.host_architecture() != "amd64":
        raise packages.Unavailable("the module is built for this machine, and the host of the row is an amd64")
    path = qemus.Qemu(GENERATION, "", [], {}).module()
    if not os.path.exists(path):
        raise packages.Unavailable(f"no module for QEMU {GENERATION} (./run guest --nested builds it)")
    return path


def qemu_files(report):
    """(name, path) of QEMU, its loader, libraries and firmware, and of the module."""
    qemu = qemus.unpacked(GENERATION, report)
    loader, libraries = qemu.prefix[0], qemu.prefix[2].split(":")
    program = os.path.join(qemu.root, "usr/bin", qemus.BINARIES["amd64"])
    firmware = [(os.path.basename(name), os.path.join(qemu.root, name)) for name in FIRMWARE]
    return [("qemu", program), ("loader", loader), ("module", viommu_program.stripped(module(), "strip")), *firmware,
            *viommu_program.closure(program, [*libraries, os.path.dirname(loader)])]


def files(inner, report):
    """(name, path) of all that the host needs for a prepared run with the QEMU above."""
    found = [("kernel", inner.kernel), ("initramfs", inner.initramfs)]
    inner.kernel, inner.initramfs = f"{FOLDER}/kernel", f"{FOLDER}/initramfs"
    path = os.path.join(inner.folder, "inner")
    with open(path, "w", encoding="ascii") as script:
        script.write(f"exec {shlex.join(inner.command())}\n")
    return [*found, ("inner", path), *qemu_files(report)]
