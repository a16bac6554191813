# SPDX-License-Identifier: BSD-3-Clause
"""The QEMU that runs the guests: the installed one, or one of another release from the cache.

A QEMU of another release runs with the dynamic loader and the libraries of that release. Nothing is
installed.
"""

import os
import re
import shutil
import subprocess

import packages

GENERATIONS = ["7.2", "10.0"]
# Not in "all". Debian has its programs, and had no source package, without which there is no module.
LATER = ["11.1"]
# Built from the source package, because no release has the programs: for x86 only.
BUILT = ["10.2"]
NAMED = GENERATIONS + BUILT + LATER
BINARIES = {"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64",
            "riscv64": "qemu-system-riscv64"}
FIRMWARE = "usr/share/qemu-efi-aarch64/QEMU_EFI.fd"
# Where Debian's packages have what QEMU loads by itself.
FIRMWARE_FOLDERS = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"]
# x86 starts 16 bytes below 4 GiB: disable interrupts, halt, and repeat.
ROM_BYTES, ROM_ENTRY, ROM_CODE = 0x10000, 0xfff0, b"\xfa\xf4\xeb\xfd"
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))


def halting_rom(folder):
    """Firmware that halts the processor."""
    path = os.path.join(folder, "halt.rom")
    with open(path, "wb") as file:
        file.write(ROM_CODE.rjust(ROM_ENTRY + len(ROM_CODE), b"\0").ljust(ROM_BYTES, b"\0"))
    return path


class Qemu:
    def __init__(self, generation, root, prefix, environment, programs="usr/bin", firmware_root=None):
        self.generation = generation
        self.root = root
        self.prefix = prefix
        self.environment = environment
        self.programs = os.path.join(root, programs)
        self.firmware_root = firmware_root      # None: where the program looks by itself

    def program(self, architecture):
        return os.path.join(self.programs, BINARIES[architecture])

    def command(self, architecture):
        folders = [os.path.join(self.firmware_root, name) for name in FIRMWARE_FOLDERS if self.firmware_root]
        return self.prefix + [self.program(architecture),
                              *(word for folder in folders for word in ("-L", folder))]

    def firmware(self):
        return os.path.join(self.root, FIRMWARE)

    def module(self):
        """The path of the module that `./run module` builds for this version."""
        if named := os.environ.get("VIOMMU_MODULE"):
            return named.replace("{qemu}", self.generation)
        return os.path.join(ROOT, "build", f"qemu-{self.generation}", "viommu-qemu.so")


def installed():
    binary = shutil.which(BINARIES["amd64"])
    if not binary or not shutil.which(BINARIES["arm64"]):
        return None
    text = subprocess.run([binary, "--version"], text=True, capture_output=True, check=False)
    version = re.search(r"version (\d+\.\d+)", text.stdout)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(binary))))
    return Qemu(version.group(1), root, [], {}) if version else None


def unpacked(generation, report):
    host = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
    root = packages.qemu(generation, host, report)
    triplet = f"{os.uname().machine}-linux-gnu"
    libraries = os.path.join(root, "usr/lib", triplet)
    loader = next(name for name in ("usr/lib64/ld-linux-x86-64.so.2",
                                    "usr/lib/ld-linux-aarch64.so.1",
                                    f"usr/lib/{triplet}/ld-linux-x86-64.so.2",
                                    "lib64/ld-linux-x86-64.so.2",
                                    "lib/ld-linux-aarch64.so.1")
                  if os.path.exists(os.path.join(root, name)))
    path = f"{libraries}:{os.path.join(root, 'lib', triplet)}"
    return Qemu(generation, root, [os.path.join(root, loader), "--library-path", path],
                {"QEMU_MODULE_DIR": os.path.join(libraries, "qemu")},
                firmware_root=root)


def built(generation):
    """With the firmware of the installed one, because the source package has none."""
    done = subprocess.run([os.path.join(ROOT, "tests/qemu/program.sh"), generation], text=True,
                          stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise packages.Unavailable(f"there is no program of QEMU {generation}")
    folder = os.path.dirname(done.stdout.strip())
    return Qemu(generation, folder, [], {"QEMU_MODULE_DIR": folder}, programs="", firmware_root="/")


def choose(wanted, report):
    """The QEMUs for the value of `--qemu`: 'installed', a version, or 'all' (those that a release has)."""
    here = installed()
    if wanted == "installed":
        if not here:
            raise packages.Unavailable("no QEMU is installed")
        return [here]
    if wanted in BUILT:
        return [built(wanted)]
    names = GENERATIONS if wanted == "all" else [wanted]
    return [here if here and here.generation == name else unpacked(name, report)
            for name in names]
