# SPDX-License-Identifier: BSD-3-Clause
"""Linux guests with disks and a network behind our IOMMU, behind QEMU's own, and behind none.

Two guests run, one with each IOMMU, and one of them at a time works: the host tells each what to do
next. In every round each contestant does each workload, so that a ratio is of two measurements a few
seconds apart. The guest measures the time by its own clock, the host QEMU's processor time, both in
steps far below 10 ms. In the round before the first, which warms up, QEMU's trace counts kicks.
"""

import itertools
import os
import re
import statistics
import sys
import time
from dataclasses import dataclass
from types import SimpleNamespace

from results import Ratio, ratio_of
from skipped import Skipped

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../tests/guest"))
import guest                        # noqa: E402 pylint: disable=wrong-import-position
import packages                     # noqa: E402 pylint: disable=wrong-import-position
import parts                        # noqa: E402 pylint: disable=wrong-import-position
import qemus                        # noqa: E402 pylint: disable=wrong-import-position
from machine import Failed          # noqa: E402 pylint: disable=wrong-import-position

NAME = "guest"
HELP = "a Linux guest's disks and network behind each IOMMU: guest time, host processor time, kicks"

OURS, THEIRS, NONE = "viommu-pci", "QEMU's virtio-iommu", "no IOMMU"
STRICT, LAZY, OFF = "strict", "lazy", "off"
GUEST, HOST, KICKS = "guest us", "host us", "kicks"
BOOT_SECONDS, CELL_SECONDS = 120, 60     # after which a guest has failed


@dataclass
class Contestant:
    who: str
    mode: str
    machine: str    # the guest that has its devices, by the IOMMU
    bridge: int     # their expander bridge
    bus: int        # of the first one

    @property
    def title(self):
        return self.who if self.mode == OFF else f"{self.who}, {self.mode}"

    @property
    def functions(self):
        return [f"0000:{self.bus + offset:02x}:00.0" for offset in range(len(DEVICES))]


# What each contestant has: a device and its drive or network, by the contestant's number.
DEVICES = [
    ("virtio-blk-pci,drive=b{n},serial=b{n},disable-legacy=on,iommu_platform=on",
     "-drive if=none,id=b{n},driver=null-co,size=16M,read-zeroes=on"),
    ("nvme,drive=v{n},serial=v{n}", "-drive if=none,id=v{n},driver=null-co,size=16M,read-zeroes=on"),
    ("virtio-net-pci,netdev=n{n},romfile=,disable-legacy=on,iommu_platform=on",
     "-netdev user,id=n{n},net=10.0.{n}.0/24,restrict=on,guestfwd=tcp:10.0.{n}.100:7-cmd:cat"),
]
# bridge, its bus, options: the first is behind the IOMMU, and the second is not.
BRIDGES = [(1, 0x40, ""), (2, 0x80, ",bypass_iommu=on")]
IOMMUS = {"viommu": "{iommu},root-bus=p1,bus=pcie.0,addr=4", "builtin": "{iommu},bus=pcie.0,addr=4"}
CONTESTANTS = [Contestant(OURS, STRICT, "viommu", 1, 0x41), Contestant(THEIRS, STRICT, "builtin", 1, 0x41),
               Contestant(OURS, LAZY, "viommu", 1, 0x44), Contestant(THEIRS, LAZY, "builtin", 1, 0x44),
               Contestant(NONE, OFF, "builtin", 2, 0x81)]

# name, times in a full run, and what the guest does: $1 is the contestant, $2 how often.
WORKLOADS = [
    ("virtio-blk reads", 3000, "dd if=/dev/b$1 of=/dev/null bs=4k count=$2 iflag=direct"),
    ("virtio-blk writes", 3000,
     "dd if=/dev/zero of=/dev/b$1 bs=4k count=$2 oflag=direct conv=notrunc"),
    ("NVMe reads", 3000, "dd if=/dev/v$1 of=/dev/null bs=4k count=$2 iflag=direct"),
    ("NVMe writes", 3000, "dd if=/dev/zero of=/dev/v$1 bs=4k count=$2 oflag=direct conv=notrunc"),
    ("network, pings", 1500, "ping -A -q -c $2 -s 1400 10.0.$1.2 >/dev/null"),
    ("network, TCP", 500, "(dd if=/dev/zero bs=4k count=$2 | nc 10.0.$1.100 7 >/tmp/echo) & "
                           "head -c $(($2 * 4096)) </tmp/echo >/dev/null; killall nc"),
]
NAMES = [name for name, _, _ in WORKLOADS]
# rounds, what of a full run's times, and what of it while kicks are counted
SIZES = {"full": (7, 1, 0.1), "quick": (2, 0.2, 0.1)}

SCRIPT = """
now() {
	while read -r word other now rest; do
		[ "$word $other" != "now at" ] || return 0
	done </proc/timer_list
}
mkfifo /tmp/echo
while host next && [ "$answer" ]; do
	now; from=$now
	$answer 2>/dev/null
	now
	say "took: $from $now"
done
"""
NEXT = r"row: host, next\n"


def set_up(number, contestant):
    """The guest's commands before the first workload. A wrong type would be measured as another one."""
    network = f"/sys/bus/pci/devices/{contestant.functions[-1]}/virtio*/net"
    kind = {STRICT: "DMA", LAZY: "DMA-FQ", OFF: ""}[contestant.mode]
    # The shell would expand the pattern once, and it matches nothing before the driver has the function.
    yield from (f"await disk b{number}", f"await disk v{number}", f"await eval 'test -e {network}'")
    for function in contestant.functions:
        path = f"/sys/bus/pci/devices/{function}/iommu_group/type"
        if contestant.mode == LAZY:
            yield f"echo DMA-FQ >{path}"
        yield f'[ "$(cat {path} 2>/dev/null)" = "{kind}" ] || say "wrong: {function} is not {kind}"'
    yield from (f"card=$(ls {network})", f"ip addr add 10.0.{number}.15/24 dev $card", "ip link set $card up",
                f"await ping -c 1 -W 1 10.0.{number}.2 >/dev/null")


def row(machine):
    devices = [f"pxb-pcie,id=p{number},bus_nr={bus:#x},bus=pcie.0,addr={8 + number:#x}{more}"
               for number, bus, more in BRIDGES] + [IOMMUS[machine]]
    options = ["-trace", "virtio_queue_notify", "-D", "trace"]
    lines = [f"work{number}() {{ {command}; }}" for number, (_, _, command) in enumerate(WORKLOADS)]
    for number, contestant in enumerate(CONTESTANTS):
        if contestant.machine != machine:
            continue
        lines += set_up(number, contestant)
        for bus, (device, backend) in enumerate(DEVICES, contestant.bus):
            devices += [f"pcie-root-port,id=r{bus},bus=p{contestant.bridge},chassis={bus},"
                        f"addr={bus & 15},hotplug=off,io-reserve=0",
                        f"{device.format(n=number)},bus=r{bus}"]
            options += backend.format(n=number).split()
    return parts.Row("bench", 0, "workloads", devices, "\n".join(lines) + SCRIPT, [],
                     append="iommu.strict=1", options=options)


def order(round_):
    """The contestants; each is first in some round."""
    first = round_ % len(CONTESTANTS)
    numbers = list(range(len(CONTESTANTS)))
    return numbers[first:] + numbers[:first]


def cells(mode):
    """(round, workload, contestant, times), in the order in which they are measured."""
    rounds, size, counted = SIZES[mode]
    for round_, (work, (_, times, _)) in itertools.product(range(rounds + 1), enumerate(WORKLOADS)):
        for who in order(round_):
            yield round_, work, who, int(times * (size if round_ else counted))


def processor_seconds(pid):
    """By the clock that clock_getcpuclockid() gives, because /proc has steps of 10 ms."""
    return time.clock_gettime(~pid << 3 | 2)


class Guest(guest.Run):
    """A guest that does what the host asks for."""

    def __init__(self, machine, qemu):
        super().__init__(row(machine), machine, qemu, lambda text: None,
                         SimpleNamespace(shell=False, patience=1))
        self.place = 0

    def boot(self):
        self.prepare()
        self.start()
        said = self.wait(BOOT_SECONDS)
        if wrong := re.search("row: ((wrong|gave up|cannot).*)", said):
            raise Failed(wrong[1])

    def wait(self, seconds):
        """Wait until the guest asks what is next; returns what it has printed."""
        machine, begin = self.machines[0], self.place
        self.place = machine.expect(NEXT, begin, time.monotonic() + seconds)
        return machine.output[begin:self.place]

    def spent(self):
        """QEMU's processor time and the kicks so far."""
        with open(os.path.join(self.folder, "trace"), encoding="utf-8") as file:
            return processor_seconds(self.machines[0].process.pid), sum(1 for _ in file)

    def measure(self, work, who, times):
        """What one time takes."""
        before = self.spent()
        self.machines[0].answer(f"work{work} {who} {times}")
        begin, end = map(int, self.wait(CELL_SECONDS).partition("took: ")[2].split()[:2])
        after = self.spent()
        return {GUEST: (end - begin) / 1e3 / times, HOST: (after[0] - before[0]) * 1e6 / times,
                KICKS: (after[1] - before[1]) / times}

    def stop_counting(self):
        self.machines[0].monitor.human("trace-event virtio_queue_notify off")

    def end(self):
        for machine in self.machines:
            machine.kill()
        self.clean()


def choose_qemu():
    qemu = qemus.installed()
    if not qemu or not os.path.exists(qemu.module()):
        raise Skipped("needs an installed QEMU, and ./run module")
    return qemu


def measure(bench):
    if bench.mode not in SIZES or not (bench.named or bench.mode == "full"):
        raise Skipped("boots guests: in a full run, or by name")
    qemu = choose_qemu()
    guests = {machine: Guest(machine, qemu) for machine in IOMMUS}
    try:
        measure_guests(bench, guests)
    except (Failed, packages.Unavailable) as reason:
        raise Skipped(str(reason)) from None
    finally:
        for one in guests.values():
            one.end()


def measure_guests(bench, guests):
    for one in guests.values():
        one.boot()
    todo = list(cells(bench.mode))
    for done, (round_, work, who, times) in enumerate(todo):
        contestant = CONTESTANTS[who]
        bench.progress(NAME, done, len(todo), f"{NAMES[work]}, {contestant.title}")
        if todo[done - 1][0] < round_ == 1:
            for one in guests.values():
                one.stop_counting()
        figures = guests[contestant.machine].measure(work, who, times)
        for what in [GUEST, HOST] if round_ else [KICKS]:
            bench.results.add(NAME, contestant.who, what, figures[what], mode=contestant.mode,
                              workload=NAMES[work])


def values(results, who, mode, workload, what=GUEST):
    return results.values(NAME, who, what, mode=mode, workload=workload)


def targets(results):
    return [Ratio(f"{workload} of a guest, {mode}, against QEMU's own device: guest time", wanted,
                  ratio_of(values(results, THEIRS, mode, workload), values(results, OURS, mode, workload)))
            for mode, wanted in ((STRICT, 1.1), (LAZY, 1)) for workload in NAMES]


def share(of, what):
    """Of these rounds: the median and the spread, in percent."""
    shares = [100 * ratio for ratio in ratio_of(of, what)]
    return f"{statistics.median(shares):.0f} ({min(shares):.0f} to {max(shares):.0f})" if shares else None


def tables(results):
    if not results.whos(NAME):
        return
    for title, what in (("guest's clock, microseconds", GUEST), ("host processor, microseconds", HOST),
                        ("kicks", KICKS)):
        yield (f"4 KiB, or one ping: {title}", ["IOMMU", *NAMES],
               [[one.title] + [results.median(NAME, one.who, what, mode=one.mode, workload=workload)
                               for workload in NAMES] for one in CONTESTANTS])
    yield ("speed in strict mode, by the guest's clock: percent of that in lazy mode, and without an IOMMU "
           "(median and spread)", ["IOMMU", *NAMES],
           [[f"{who}, of {title}"] + [share(values(results, other or who, mode, workload),
                                            values(results, who, STRICT, workload)) for workload in NAMES]
            for who in (OURS, THEIRS) for title, other, mode in ((LAZY, None, LAZY), ("none", NONE, OFF))])


def plots(results):
    return []
