#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Take the ACPI tables that QEMU makes out of the memory of its guests.

Starts stock QEMU for each machine in machines.py, without KVM, lets the firmware enumerate PCI
and install the tables, and writes for each NAME

  NAME.SIGNATURE  a table, the bytes that an operating system would find
  NAME.dtb        the device tree, if the machine has one and its row asks for it
  NAME.cmd        the command line
  NAME.pci        the PCI functions and bus numbers, as the firmware left them

and in VERSIONS the versions of QEMU and firmware. The files are the same each time.
Exit status: 0 fine, 1 with --check if files differ, 2 if something could not be done.
"""

import argparse
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from acpi import Memory, NotThere, take_tables
from guest import Guest, GuestError
from machines import BOARDS, MACHINES
from pci import lines_of_query

FIRMWARE_FOLDERS = ("/usr/share/qemu-efi-aarch64", "/usr/share/edk2/aarch64",
                    "/usr/share/AAVMF", "/usr/share/qemu")
READY_WITHIN, LOOK_EVERY, REPORT_EVERY = 180.0, 0.5, 10.0   # seconds
X86_ROM, X86_ROM_SIZE = 0xFFFC0000, 0x40000                 # SeaBIOS ends where 4 GiB end
SEABIOS_VERSION = re.compile(rb"\0((?:rel-)?\d+\.\d+\.\d+-[\x21-\x7e]+)\0")
FDT_MAGIC, FDT_HEADER_SIZE = 0xD00DFEED, 40


class CaptureError(Exception):
    """The capture cannot be made; the text says why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_binary(name, chosen):
    chosen = [path for path in chosen if os.path.basename(path) == name]
    path = shutil.which(chosen[-1] if chosen else name)
    if path:
        return os.path.abspath(path)
    if chosen:
        raise CaptureError(f"{chosen[-1]} is not a program")
    raise CaptureError(f"there is no {name}; Debian has it in qemu-system-x86"
                       " and qemu-system-arm")


def find_firmware(image, chosen):
    """The folder that the image is in. QEMU runs there, so that its name is all it needs."""
    folders = (chosen,) if chosen else FIRMWARE_FOLDERS
    for folder in folders:
        if os.path.isfile(os.path.join(folder, image)):
            return folder
    raise CaptureError(f"there is no {image} in {', '.join(folders)};"
                       " Debian has it in qemu-efi-aarch64")


def wait_for_tables(guest, machine, board):
    """Look again and again; the guest stands still while we look."""
    start = reported = time.monotonic()
    memory = Memory(guest.read, board.ram, board.ram + guest.ram_size() - 1)
    while True:
        guest.ask("stop")
        try:
            return take_tables(memory, board.efi, machine.tables)
        except NotThere as reason:
            why = reason
        guest.ask("cont")
        now = time.monotonic()
        if now - start > READY_WITHIN:
            raise CaptureError(f"{machine.name}: after {now - start:.0f} s {why}")
        if now - reported > REPORT_EVERY:
            say(f"{machine.name}: {now - start:.0f} s, {why}")
            reported = now
        time.sleep(LOOK_EVERY)


def packed_tree(blob):
    """The device tree without the room behind it that QEMU leaves for the guest."""
    if len(blob) < FDT_HEADER_SIZE or struct.unpack_from(">I", blob)[0] != FDT_MAGIC:
        raise CaptureError("QEMU wrote no device tree")
    _, total, structure, strings = struct.unpack_from(">4I", blob)
    size_strings, size_structure = struct.unpack_from(">2I", blob, 32)
    end = max(structure + size_structure, strings + size_strings)
    if not FDT_HEADER_SIZE <= end <= total <= len(blob):
        raise CaptureError("the header of QEMU's device tree is wrong")
    return blob[:4] + struct.pack(">I", end) + blob[8:end]


def dump_tree(command, binary, folder):
    with tempfile.TemporaryDirectory(prefix="capture-") as scratch:
        path = os.path.join(scratch, "dtb")
        result = subprocess.run([binary] + command[1:] + ["-machine", f"dumpdtb={path}"],
                                cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=READY_WITHIN, check=False)
        if result.returncode:
            why = result.stderr.decode("utf-8", "replace").strip()
            raise CaptureError(f"{command[0]} does not dump its device tree: {why}")
        with open(path, "rb") as file:
            return packed_tree(file.read())


def package_version(path):
    """Which Debian package the file is from; nothing elsewhere."""
    try:
        owner = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True,
                               check=True).stdout.split(":")[0]
        return subprocess.run(["dpkg-query", "-W", "-f", " ${Package} ${Version}", owner],
                              capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def firmware_version(guest, board, folder):
    if board.firmware:
        path = os.path.join(folder, board.firmware)
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        return f"EDK2{package_version(path)} {board.firmware} sha256 {digest}"
    version = SEABIOS_VERSION.search(guest.read(X86_ROM, X86_ROM_SIZE))
    return "SeaBIOS " + (version[1].decode() if version else "of unknown version")


def capture(machine, options):
    """Returns the files of the machine as {name: bytes}, and what made them."""
    board = BOARDS[machine.board]
    command = f"{board.command} {machine.devices}".split()
    binary = find_binary(command[0], options.qemu)
    folder = find_firmware(board.firmware, options.firmware) if board.firmware else os.sep
    with Guest(command, binary, folder) as guest:
        tables = wait_for_tables(guest, machine, board)
        functions = lines_of_query(guest.ask("query-pci"))
        version = guest.ask("query-version")
        firmware = firmware_version(guest, board, folder)
    files = {f"{machine.name}.{signature}": table for signature, table in tables.items()}
    if machine.dtb:
        files[f"{machine.name}.dtb"] = dump_tree(command, binary, folder)
    files[f"{machine.name}.cmd"] = " ".join(command).encode() + b"\n"
    files[f"{machine.name}.pci"] = "\n".join(functions).encode() + b"\n"
    number = "{major}.{minor}.{micro}".format_map(version["qemu"])
    package = f" ({version['package']})" if version["package"] else ""
    return files, f"QEMU {number}{package}, {firmware}"


def read_versions(folder):
    """VERSIONS as {machine: what made its files}."""
    try:
        with open(os.path.join(folder, "VERSIONS"), encoding="utf-8") as file:
            return dict(line.rstrip("\n").split(": ", 1) for line in file if ": " in line)
    except FileNotFoundError:
        return {}


def write(machine, files, made_by, folder):
    for name, data in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(data)
    versions = read_versions(folder)
    versions[machine.name] = made_by
    with open(os.path.join(folder, "VERSIONS"), "w", encoding="utf-8") as file:
        file.writelines(f"{name}: {made_by}\n" for name, made_by in sorted(versions.items()))
    return 0


def check(machine, files, made_by, folder):
    """Say which files are not as they are stored; returns how many."""
    wrong = 0
    for name, data in files.items():
        try:
            with open(os.path.join(folder, name), "rb") as file:
                differs = "differs" if file.read() != data else None
        except FileNotFoundError:
            differs = "is missing"
        if differs:
            print(f"{os.path.join(folder, name)} {differs}")
            wrong += 1
    stored = read_versions(folder).get(machine.name, "an unknown QEMU")
    if stored != made_by:
        say(f"{machine.name}: stored is the work of {stored}; this is {made_by}")
    return wrong


def parse_arguments():
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="machines: " + " ".join(machine.name for machine in MACHINES))
    parser.add_argument("--qemu", metavar="BINARY", action="append", default=[],
                        help="use this QEMU where a machine wants one of its name; repeatable")
    parser.add_argument("--firmware", metavar="FOLDER", help="where QEMU_EFI.fd is")
    parser.add_argument("--out", metavar="FOLDER",
                        default=os.path.relpath(os.path.join(here, "..", "golden")),
                        help="where the files are; left out: tests/golden")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; say which files differ from what is stored")
    parser.add_argument("name", metavar="NAME", nargs="*", help="machines; left out: all")
    options = parser.parse_args()
    known = {machine.name for machine in MACHINES}
    for name in options.name:
        if name not in known:
            parser.error(f"there is no machine {name}; there are {' '.join(sorted(known))}")
    wanted = {board.command.split()[0] for board in BOARDS.values()}
    for path in options.qemu:
        if os.path.basename(path) not in wanted:
            parser.error(f"no machine wants a {path}; they want {' and '.join(sorted(wanted))}")
    return options


def main():
    options = parse_arguments()
    wrong = 0
    try:
        if not options.check:
            os.makedirs(options.out, exist_ok=True)
        for machine in MACHINES:
            if options.name and machine.name not in options.name:
                continue
            start = time.monotonic()
            files, made_by = capture(machine, options)
            say(f"{machine.name}: {' '.join(files)} ({time.monotonic() - start:.1f} s)")
            compare_or_write = check if options.check else write
            wrong += compare_or_write(machine, files, made_by, options.out)
    except (CaptureError, GuestError, OSError, subprocess.TimeoutExpired) as error:
        say(f"capture: {error}")
        return 2
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
