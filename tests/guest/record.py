#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Record a trace of a guest: boot a row of ./run guest, or one of the rows below, behind the module.

    record.py [NAME...] [--mode strict|lazy|passthrough] [--limit SIZE] [--out FOLDER] [--list]

FOLDER/NAME-MODE.trace.xz is what `viommu replay` plays (docs/traces.md).
"""

import argparse
import lzma
import os
import subprocess
import sys

import guest
import packages
import parts
import qemus
import rows
from machine import Failed

MODES = {"strict": "iommu.strict=1", "lazy": "iommu.strict=0 iommu.passthrough=0",
         "passthrough": "iommu.passthrough=1"}
FOLDER = os.path.join(qemus.ROOT, "build-traces")

# What a guest spends its I/O on, a few thousand requests each.
READS = """
await disk d0
dd if=/dev/d0 of=/dev/null bs=4k count=384 iflag=direct 2>/dev/null
say "read: $?"
"""
MIXED = """
await disk d0
await disk d1
dd if=/dev/d0 of=/dev/d1 bs=4k count=192 iflag=direct oflag=direct 2>/dev/null &
dd if=/dev/d0 of=/dev/null bs=64k count=48 iflag=direct 2>/dev/null &
wait
say "copied: $?"
"""
NVME = ["{iommu},addr=4", "pcie-root-port,id=rp0,chassis=1,addr=5", "nvme,drive=d0,serial=d0,bus=rp0"]
ROWS = [
    parts.Row("boot", 0, "boot, and do no more", ["{iommu},addr=4", parts.disk("d0", "addr=5")],
              'await disk d0\nsay "booted: 0"\n', [], images={"d0": parts.TWO_DISKS["d0"]}),
    parts.Row("reads", 0, "direct 4 KiB reads of a virtio disk",
              ["{iommu},addr=4", parts.disk("d0", "addr=5")], READS, [],
              images={"d0": parts.TWO_DISKS["d0"]}),
    parts.Row("mixed", 0, "two virtio disks, 4 KiB and 64 KiB at a time",
              ["{iommu},addr=4", parts.disk("d0", "addr=5"), parts.disk("d1", "addr=6")], MIXED, [],
              images=parts.TWO_DISKS),
    parts.Row("nvme-reads", 0, "direct 4 KiB reads of an NVMe disk", NVME, READS, [],
              images={"d0": parts.Image(seed=1)}),
    parts.Row("network", 0, "pings and 512 KiB through a virtio network card",
              ["{iommu},addr=4", parts.disk("d0", "addr=5"), parts.network("addr=7")],
              "await disk d0\n" + parts.TRAFFIC, [], images={"d0": parts.TWO_DISKS["d0"]},
              options=parts.NETWORK),
]


class Recorded(guest.Run):
    """A run whose IOMMU records."""

    def __init__(self, row, qemu, progress, arguments):
        super().__init__(row, "viommu", qemu, progress, arguments)
        self.trace = os.path.join(self.folder, "trace")
        self.limit = arguments.limit

    def fill_in(self, text):
        option = f"viommu-pci,id=iommu0,record={self.trace},record-limit={self.limit}"
        return super().fill_in(text.replace("{iommu}", option))

    def record(self):
        """Returns the bytes of the trace."""
        try:
            self.prepare()
            self.play()
            with open(self.trace, "rb") as file:
                return file.read()
        finally:
            for machine in self.machines:
                machine.kill()
            self.log = "".join(machine.output for machine in self.machines)


def known():
    """Rows by name. Of those of ./run guest, what has one IOMMU in one QEMU."""
    fitting = [row for row in rows.ROWS if row.architecture == "amd64" and not row.incoming and
               sum(device.startswith("{iommu}") for device in row.devices) == 1]
    return {row.name: row for row in [*fitting, *ROWS]}


def parse(rows_known):
    parser = argparse.ArgumentParser(prog="run record", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="rows; default: reads")
    parser.add_argument("--mode", choices=MODES, default="strict", help="of Linux's IOMMU layer")
    parser.add_argument("--limit", default="16M", metavar="SIZE", help="the largest trace (16M)")
    parser.add_argument("--out", default=FOLDER, metavar="FOLDER", help="default: build-traces")
    parser.add_argument("--list", action="store_true", help="list the rows")
    parser.add_argument("--patience", type=int, default=1, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.shell = False
    for name in arguments.names:
        if name not in rows_known:
            parser.error(f"no such row: {name} (--list names them)")
    return arguments


def write(path, trace):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with lzma.open(path, "wb", preset=9 | lzma.PRESET_EXTREME) as file:
        file.write(trace)


def record_one(row, arguments, qemu, progress):
    row.append = f"{row.append} {MODES[arguments.mode]}".strip()
    run = Recorded(row, qemu, progress, arguments)
    path = os.path.join(arguments.out, f"{row.name}-{arguments.mode}.trace.xz")
    try:
        write(path, run.record())
    except Failed as failed:
        print(f"FAILED  {row.name}: {failed}; the guest's log: {run.keep_log()}")
        return False
    finally:
        progress.clear()
        run.clean()
    print(f"{path}: {os.path.getsize(path)} bytes", flush=True)
    return not subprocess.run([os.path.join(qemus.ROOT, "build/tools/viommu"), "replay", path],
                              check=False).returncode


def main():
    rows_known = known()
    arguments = parse(rows_known)
    if arguments.list:
        for row in rows_known.values():
            print(f"{row.name:<14} {row.sentence}")
        return 0
    progress, qemu = guest.Progress(), qemus.installed()
    if not qemu or not os.path.exists(qemu.module()):
        raise packages.Unavailable("an installed QEMU and its module (./run module)")
    done = [record_one(rows_known[name], arguments, qemu, progress)
            for name in arguments.names or ["reads"]]
    return 0 if all(done) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except packages.Unavailable as missing:
        print(f"record: {missing}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
