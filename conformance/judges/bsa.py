#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What Arm's compliance suite for the Base System Architecture (BSA) says of a machine with our device.

    bsa.py [--fetch]

The suite runs in UEFI of QEMU's arm64 machine, once with our device and once with QEMU's, both in front of
the same functions behind root ports. What passes with QEMU's device must pass with ours. The suite's programs
are files of github.com/ARM-software/bsa-acs: --fetch brings a clone into the cache; the environment's BSA_ACS
names another one. Exit status 1: ours fails what QEMU's passes; 77: there is no clone, no QEMU for arm64, or no
UEFI for it.
"""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "guest"))

import packages    # noqa: E402  pylint: disable=wrong-import-position
import qemus       # noqa: E402  pylint: disable=wrong-import-position

SKIPPED = 77
SECONDS = 600      # of which a machine needs 20
SOURCE = "https://github.com/ARM-software/bsa-acs"
OURS, THEIRS = "viommu-pci", "virtio-iommu-pci"
MACHINE = ["-M", "virt,gic-version=3,its=on", "-cpu", "max", "-smp", "2", "-m", "1G", "-accel", "tcg", "-nodefaults",
           "-display", "none", "-no-reboot"]
BEHIND = ["virtio-blk-pci,drive=suite,bus=port1,disable-legacy=on,iommu_platform=on",
          "virtio-rng-pci,bus=port2,disable-legacy=on,iommu_platform=on"]
SCRIPT = "fs0:\r\nBsa.efi\r\nreset -s\r\n"
RESULT = re.compile(r"^ *(\d+) : (.*?)(?=^ *\d+ : |\Z)", re.M | re.S)
END = "BSA tests complete"


def clone():
    return Path(os.environ.get("BSA_ACS") or Path(packages.CACHE).parent / "bsa-acs")


def fetch():
    if clone().exists():
        return
    clone().parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["git", "clone", "-q", "--bare", "--depth", "1", SOURCE, clone()], check=False,
                       capture_output=True, timeout=300)


def git(*words):
    if not clone().exists():
        raise packages.Unavailable(f"no clone of {SOURCE} in {clone()}")
    done = subprocess.run(["git", "-C", clone(), *words], capture_output=True, check=False)
    if done.returncode:
        raise packages.Unavailable(f"{clone()}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def newest(program):
    """The path and the bytes of the program that was built for the latest release of the suite."""
    folder, name = program.split("/")
    paths = git("ls-tree", "-r", "--name-only", "HEAD", f"prebuilt_images/{folder}/").decode().splitlines()
    paths = [path for path in paths if path.endswith(f"/{name}")]
    if not paths:
        raise packages.Unavailable(f"{clone()} has no {name}")
    path = max(paths, key=lambda path: [int(number) for number in re.findall(r"\d+", path)])
    return path, git("show", f"HEAD:{path}")


def write_disk(folder):
    """What UEFI boots: its shell, the shell's script, and the suite."""
    path, suite = newest("BSA_ACPI/Bsa.efi")
    boot = folder / "EFI" / "BOOT"
    boot.mkdir(parents=True)
    (folder / "Bsa.efi").write_bytes(suite)
    (boot / "BOOTAA64.EFI").write_bytes(newest("BSA_DT/Shell.efi")[1])
    (folder / "startup.nsh").write_text(SCRIPT, encoding="ascii")
    return path


def results(qemu, device, disk):
    """The verdict of each test, by its number."""
    module = ["-plugin", qemu.module()] if device == OURS else []
    ports = [word for number in (1, 2) for word in
             ("-device", f"pcie-root-port,id=port{number},chassis={number},addr={4 + number}")]
    command = [*qemu.command("arm64"), *module, *MACHINE, "-bios", qemu.firmware(), "-serial", "stdio",
               "-drive", f"file=fat:rw:{disk},format=raw,if=none,id=suite", "-device", f"{device},addr=4", *ports,
               *(word for function in BEHIND for word in ("-device", function))]
    environment = {**os.environ, **qemu.environment}
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=SECONDS)
    except subprocess.TimeoutExpired:
        sys.exit(f"{device}: not finished in {SECONDS} s")
    said = done.stdout.replace(b"\0", b"").decode(errors="replace").replace("\r", "")
    if END not in said:
        sys.exit(f"{device}: the suite does not end: {(done.stderr.decode(errors='replace') + said)[-1000:]}")
    verdicts = {}
    for number, text in RESULT.findall(said):
        found = re.search(r"Result: +(\w+)", text)
        verdicts[int(number)] = (text.splitlines()[0].split("  ")[0], found[1] if found else "none")
    return verdicts


def judge():
    qemu = next(iter(qemus.choose("installed", lambda text: print(text, file=sys.stderr))))
    if not os.path.exists(qemu.module()):
        raise packages.Unavailable(f"no module for QEMU {qemu.generation}: ./run module")
    if not os.path.exists(qemu.firmware()):
        raise packages.Unavailable(f"no {qemu.firmware()}: install qemu-efi-aarch64")
    with tempfile.TemporaryDirectory(prefix="viommu-bsa-") as folder:
        path = write_disk(Path(folder))
        ours, theirs = (results(qemu, device, folder) for device in (OURS, THEIRS))
    passed = sorted(number for number, (_, verdict) in theirs.items() if verdict == "PASS")
    bad = [number for number in passed if ours.get(number, ("", "none"))[1] != "PASS"]
    for number in bad:
        print(f"{number}, {theirs[number][0]}: {ours.get(number, ('', 'none'))[1]} with ours, PASS with QEMU's device")
    print(f"{path}: {len(theirs)} tests, {len(passed)} pass with QEMU's device, {len(passed) - len(bad)} of them with ours")
    return bool(bad) or not passed


def main():
    if sys.argv[1:] == ["--fetch"]:
        fetch()
    try:
        sys.exit(judge())
    except packages.Unavailable as reason:
        print(reason)
        sys.exit(SKIPPED)


if __name__ == "__main__":
    main()
