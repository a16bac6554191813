#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A hostile driver without a guest: random correct and incorrect use of the module in a stock QEMU.

    hostile.py [--steps N] [--seconds N] [--seed N] [--qemu VERSION] [--sanitized]

The processors are stopped; this script does what a driver could: requests, rings, registers, moved
windows and bus numbers, bus mastering off, resets, hotplug, snapshots, migrations, properties read
and set. A function that mirrors its mappings as VFIO does (watch.c) must get no notification that a
host's IOMMU could not execute, and must have exactly the guest's mappings at each check. A seed and a
number of steps reproduce a run. Exit status: 0 when nothing broke, 1 when something did, 2 when
something is missing.
"""

import argparse
import json
import os
import random
import sys
import time

import cases
import driver
import victim
from victim import Broken, MEMORY

import packages                                     # noqa: E402 pylint: disable=wrong-import-order
import qemus                                        # noqa: E402 pylint: disable=wrong-import-order
from machine import Failed                          # noqa: E402 pylint: disable=wrong-import-order
from qtest import Ended

IOMMU, FIXED, PORT, DEEP_PORT = 4, 5, 6, 7            # devices on the first bus
WINDOW, OTHER_WINDOW = 0xc0000000, 0xc0100000
FIRST_BUS_END = 0x100
LOOK_EVERY = 25
RESTARTS = 0.3          # probability that a driver whose device does not answer starts again
ADDRESSES = [0, 0x1000, 0x2000, 0x5000, 0x10000, 0x100000, 0xfedff000, 0xfee00000, 0xfef00000,
             1 << 32, 1 << 47, (1 << 63) - 0x1000, 1 << 63, (1 << 64) - 0x1000]
DOMAINS = [1, 1, 1, 1, 1, 2, 3]         # most endpoints share one
UNASSIGNED = 0x80000000
LENGTHS = [1, 0x1000, 0x2000, 0x3000, 0x10000, 0x101000, 1 << 30, 1 << 63]
ODD = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
       0x7fffffffffffffff, 0xffffffffffffffff]


class Attack:
    """One run, determined by its seed."""

    def __init__(self, stage, seed):
        self.stage = stage
        self.random = random.Random(seed)
        self.options = ",".join([
            f"boot-bypass={self.random.choice(['on', 'off'])}",
            f"msi={self.random.choice(['auto', 'off'])}", "max-mappings=200", "max-domains=4"])
        self.snapshots = os.path.join(stage.folder, "snapshots.qcow2")
        packages.run("qemu-img", "create", "-q", "-f", "qcow2", self.snapshots, "1M")
        self.steps, self.last = 0, "start"
        self.plugged = self.deep = False
        self.saved = None           # what was plugged in at the snapshot
        self.victim = self.launch()
        self.begin()

    def launch(self, incoming=()):
        return self.stage.start(
            [f"viommu-pci,id=iommu0,addr={IOMMU},{self.options}",
             f"viommu-watch,id=fixed,addr={FIXED}",
             f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
             f"pcie-root-port,id=rp1,chassis=2,addr={DEEP_PORT}"] +
            ["viommu-watch,id=hot,bus=rp0"] * self.plugged +
            ["pcie-pci-bridge,id=br0,bus=rp1", "viommu-watch,id=deep,bus=br0,addr=1"] * self.deep,
            ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
             "-drive", f"if=none,id=snap,file={self.snapshots},format=qcow2", *incoming])

    # -- a correct driver ---------------------------------------------------------------

    def begin(self):
        """As after power-on, before the guest has configured anything."""
        qtest = self.victim.qtest
        driver.enable_ecam(qtest)
        self.driver = driver.Driver(qtest, IOMMU, WINDOW)
        self.port = driver.Function(qtest, PORT)
        driver.Function(qtest, FIXED).set(driver.COMMAND, 2, driver.MEMORY | driver.MASTER)
        self.deep_port = driver.Function(qtest, DEEP_PORT)
        driver.bridge_open(self.port, 1)
        self.number_deep()
        self.driver.start()

    def number_deep(self):
        """Number the buses behind the second port and behind the bridge there."""
        driver.bridge_open(self.deep_port, 8, 9)
        if self.deep:
            driver.bridge_open(driver.Function(self.victim.qtest, 0, bus=8), 9)

    def endpoint(self):
        bus = self.random.choice([1, 1, 1, 2, 8, 9, 9])
        return self.random.choice([FIXED << 3, FIXED << 3, bus << 8, bus << 8, bus << 8, UNASSIGNED])

    def a_range(self):
        first = self.random.choice(ADDRESSES)
        return first, min(first + self.random.choice(LENGTHS) - 1, (1 << 64) - 1)

    def request(self):
        """A well-formed request."""
        pick, domain = self.random.random(), self.random.choice(DOMAINS)
        if pick < 0.2:
            self.driver.attach(domain, self.endpoint(), self.random.choice([0, 0, 0, 1]))
        elif pick < 0.25:
            self.driver.detach(domain, self.endpoint())
        elif pick < 0.7:
            phys = self.random.randrange(0, MEMORY, 0x1000)
            self.driver.map(domain, *self.a_range(), phys, self.random.choice([1, 2, 3, 3, 3, 4, 8]))
        elif pick < 0.9:
            self.driver.unmap(domain, *self.a_range())
        elif pick < 0.95:
            self.driver.unmap(domain, 0, (1 << 64) - 1)
        else:
            self.driver.probe(self.endpoint())

    def requests(self):
        """Several requests with one kick: a batch."""
        for i in range(self.random.randrange(1, driver.ENTRIES // 2)):
            body = self.body(self.random.choice(DOMAINS))
            slot = driver.BUFFERS + 0x100 * i
            self.driver.qtest.write(slot, body)
            self.driver.offer(0, [(slot, len(body), 0), (slot + 0x80, 4, driver.WRITE)], 2 * i)
        self.driver.kick(0)

    def body(self, domain):
        pick = self.random.random()
        if pick < 0.2:
            return driver.ATTACH_FORM.pack(driver.ATTACH, domain, self.endpoint(), 0)
        if pick < 0.4:
            return driver.UNMAP_FORM.pack(driver.UNMAP, domain, *self.a_range())
        return driver.MAP_FORM.pack(driver.MAP, domain, *self.a_range(),
                                    self.random.randrange(0, MEMORY, 0x1000), 3)

    def event_buffers(self):
        for _ in range(self.random.randrange(1, 4)):
            self.driver.offer(1, [(self.somewhere(), self.random.choice([24, 24, 24, 8, 64]), driver.WRITE)])
        if self.random.random() < 0.7:
            self.driver.kick(1)

    def access(self):
        """The functions do DMA."""
        who = self.random.choice(["fixed"] + ["hot"] * self.plugged + ["deep"] * self.deep)
        for _ in range(self.random.choice([1, 1, 1, 40])):
            address = self.random.choice(ADDRESSES) + self.random.choice([0, 0, 0xff0, 0x1000])
            self.victim.set(who, "access", hex(address & (1 << 64) - 1))

    # -- an incorrect driver -----------------------------------------------------------------------

    def somewhere(self):
        """An address for a buffer: memory, registers, or neither."""
        return self.random.choice([
            driver.BUFFERS, driver.RINGS, self.driver.window,
            self.driver.window + self.random.randrange(0, 0x4000, 4),
            driver.ECAM + (PORT << 15) + driver.PRIMARY_BUS, driver.ECAM + (IOMMU << 15) + 4,
            MEMORY - 8, MEMORY + 0x1000, 0xfee00000, self.random.getrandbits(64)])

    def number(self, bits):
        return self.random.choice([self.random.choice(ODD), self.random.getrandbits(64)]) & (1 << bits) - 1

    def bytes_as_request(self):
        data = bytes([self.random.randrange(8)]) + self.random.randbytes(self.random.randrange(0, 100))
        self.driver.ask(data, self.random.choice([0, 1, 4, 5, 100, 516, 600]))

    def chain(self):
        """A chain of buffers at any addresses."""
        count = self.random.randrange(1, driver.ENTRIES - 1)
        self.driver.offer(self.random.randrange(2), [
            (self.somewhere(), self.random.choice([0, 4, 20, 36, 64, 516, 0x10000, 0xffffffff]),
             self.random.choice([0, driver.WRITE, driver.WRITE, 4])) for _ in range(count)])
        self.driver.kick(self.random.randrange(2))

    def ring(self):
        """Random bytes in the rings."""
        at = driver.RINGS + self.random.randrange(0, 2 * driver.RING_BYTES)
        self.driver.qtest.write(at, self.random.randbytes(self.random.choice([1, 2, 16, 256])))
        self.driver.kick(self.random.randrange(2))

    def register(self):
        width = self.random.choice([1, 2, 4])
        where = self.random.choice(list(self.driver.at.values()) + [self.random.randrange(0, 0x4000, 4)])
        at = self.driver.window + where + self.random.randrange(0, 0x40, width)
        self.driver.qtest.poke(at, width, self.number(8 * width))
        self.driver.qtest.peek(at, width)

    def configuration(self):
        """Any register of the IOMMU's PCI configuration. Not the upper byte of COMMAND alone: QEMU
        loses track of it, and aborts at the next reset (pci_default_write_config)."""
        width = self.random.choice([1, 2, 4])
        at = self.random.randrange(0, 0x100, width)
        if (at, width) != (driver.COMMAND + 1, 1):
            self.driver.set(at, width, self.number(8 * width))

    def reset_queue(self):
        self.driver.common(driver.QUEUE_SELECT, 2, self.random.randrange(3))
        self.driver.common(driver.QUEUE_RESET, 2, 1)

    def move_window(self):
        self.driver.window = OTHER_WINDOW if self.driver.window == WINDOW else WINDOW
        self.driver.place()

    def mastering(self):
        who = self.random.choice([self.driver, self.port, driver.Function(self.victim.qtest, FIXED)])
        who.set(driver.COMMAND, 2, self.random.choice([0, driver.MEMORY, driver.MASTER, 6, 6, 6]))

    def renumber(self):
        driver.bridge_open(self.port, self.random.choice([0, 1, 1, 2, 3, 0xff]))

    def driver_reset(self):
        self.driver.status(0)

    def restart(self):
        self.driver.start()

    # -- the user ---------------------------------------------------------------------------

    def plug(self):
        if self.plugged:
            self.victim.monitor.command("device_del", id="hot")
            driver.slot_off(self.port)
            self.victim.deleted("hot")
        else:
            self.victim.monitor.command("device_add", driver="viommu-watch", id="hot", bus="rp0")
        self.plugged = not self.plugged

    def plug_bridge(self):
        """Plug a bridge and a function behind it, or unplug both."""
        if self.deep:
            self.victim.monitor.command("device_del", id="br0")
            driver.slot_off(self.deep_port)
            self.victim.deleted("br0")
        else:
            self.victim.monitor.command("device_add", driver="pcie-pci-bridge", id="br0",
                                        bus="rp1")
            self.victim.monitor.command("device_add", driver="viommu-watch", id="deep",
                                        bus="br0", addr="1")
        self.deep = not self.deep
        self.number_deep()

    def system_reset(self):
        self.victim.monitor.command("system_reset")
        self.victim.monitor.event("RESET")
        self.begin()

    def pause(self):
        self.victim.monitor.command("stop")
        self.random.choice([self.request, self.access, self.ring])()
        self.victim.monitor.command("cont")

    def snapshot(self):
        """Save, or load a snapshot that was saved with the same functions."""
        if self.saved == (self.plugged, self.deep) and self.random.random() < 0.6:
            self.human("loadvm one")
            self.begin()
        else:
            self.whole_rings()
            self.human("savevm one")
            self.saved = (self.plugged, self.deep)

    def whole_rings(self):
        """Repair the rings: QEMU's virtio refuses to load broken ones."""
        self.driver.start()
        for _ in range(self.random.randrange(8)):
            self.random.choice([self.request, self.access])()

    def human(self, line):
        if said := self.victim.monitor.human(line).strip():
            raise Broken(f"{line}: {said}")

    def migrate(self):
        self.whole_rings()
        before, after = self.victim, self.launch(["-incoming", "defer"])
        channel = f"unix:{self.stage.folder}/channel{len(self.stage.victims)}"
        after.monitor.command("migrate-incoming", uri=channel)
        before.monitor.command("migrate", uri=channel)
        before.wait_for("migration", lambda: before.monitor.command(
            "query-migrate").get("status") == "completed")
        after.wait_for("the second QEMU", lambda: after.monitor.command(
            "query-status")["status"] == "running")
        before.machine.kill()
        before.look()
        self.victim = after
        for function in (self.driver, self.port, self.deep_port):
            function.qtest = after.qtest

    def inspect(self):
        start = self.random.choice(["0:0", "4294967295:0xffffffffffffffff", "1:0x1000", "-1:0"])
        try:
            self.victim.set("iommu0", "mappings-from", start)
        except Failed:
            pass
        for name in ("mappings", "state"):
            json.loads(self.victim.get("iommu0", name))

    def properties(self):
        """Set any property to any value, except `realized`, with which QEMU aborts."""
        rows = self.victim.monitor.command("qom-list", path="/machine/peripheral/iommu0/virtio-backend")
        name = self.random.choice(rows)["name"]
        value = self.random.choice([True, False, -1, 0, 1 << 62, "", "x" * 1000, "pcie.0", None, [], {}])
        try:
            self.victim.get("iommu0/virtio-backend", name)
            if name != "realized":
                self.victim.set("iommu0/virtio-backend", name, value)
        except Failed as failed:
            if "closed" in str(failed) or "in time" in str(failed):
                raise Broken(f"property {name}: {failed}") from None

    STEPS = [
        (40, request), (20, requests), (8, event_buffers), (15, access), (3, bytes_as_request),
        (3, chain), (3, ring), (3, register), (2, configuration), (0.5, reset_queue),
        (2, move_window), (2, mastering), (4, renumber), (0.5, driver_reset), (2, restart), (3, plug),
        (2, plug_bridge), (1, system_reset), (2, pause), (1, snapshot), (0.3, migrate), (2, inspect),
        (2, properties)]

    # -- checks ------------------------------------------------------------------------------

    def mapped(self):
        """All mappings by domain, as the device reports them."""
        found, start = {}, "0:0"
        while start:
            self.victim.set("iommu0", "mappings-from", start)
            page = json.loads(self.victim.get("iommu0", "mappings"))
            for row in page["mappings"]:
                found.setdefault(row["domain"], []).append(
                    tuple(int(row[key], 0) for key in ("first", "last", "phys", "flags")))
            start = page.get("next")
        return found

    def mirror(self, who):
        """The pieces that a function mirrors."""
        rows = []
        for line in self.victim.get(who, "mirror").splitlines():
            first, last, phys, flags = map(int, line.split())
            rows.append((first, last, phys, flags))
        return rows

    @staticmethod
    def covers(rows, wanted):
        """Do the pieces, in order, add up to exactly those ranges?"""
        pieces = iter(rows)
        for first, last, phys, flags in wanted:
            at = first
            while at <= last:
                piece = next(pieces, None)
                if not piece or piece[0] != at or piece[1] > last or piece[3] != flags or \
                        piece[2] != phys + (at - first) & (1 << 64) - 1:
                    return False
                at = piece[1] + 1
        return next(pieces, None) is None

    def compare(self, who, endpoints, mapped):
        """The mirror of a function is the mappings of one of these endpoints."""
        rows = self.mirror(who)
        for endpoint in endpoints:
            wanted = []
            if endpoint["mode"] == "translated":
                wanted = [row for row in mapped.get(endpoint["domain"], [])
                          if row[3] & 3 and not row[3] & 4]
            if self.covers(rows, wanted):
                return
        raise Broken(f"{who} mirrors {rows[:5]}..., but {endpoints} have {mapped}")

    def look(self):
        self.victim.look()
        plugged = ["hot"] * self.plugged + ["deep"] * self.deep
        for who in ["fixed", *plugged]:
            if wrong := self.victim.get(who, "check"):
                raise Broken(f"{who}: {wrong}")
        endpoints = self.victim.endpoints()
        mapped = self.mapped()
        fixed = [each for each in endpoints if int(each["id"], 0) == FIXED << 3]
        others = [each for each in endpoints if int(each["id"], 0) >= FIRST_BUS_END]
        if len(fixed) != 1 or len(others) != self.plugged + 3 * self.deep:
            raise Broken(f"endpoints: {endpoints}, plugged in: {plugged}")
        self.compare("fixed", fixed, mapped)
        for who in plugged:
            self.compare(who, others, mapped)

    def step(self):
        weights, steps = zip(*self.STEPS)
        step = self.random.choices(steps, weights)[0]
        self.steps += 1
        self.last = step.__name__
        if os.environ.get("HOSTILE_TRACE"):
            print(self.steps, self.last, file=sys.stderr, flush=True)
        step(self)
        if self.driver.silent and self.random.random() < RESTARTS:
            self.restart()
        if self.steps % LOOK_EVERY == 0:
            self.look()


def attack(qemu, seed, arguments, deadline):
    """One run; returns the number of steps, or None if something broke."""
    stage = victim.Stage(qemu, arguments.sanitized)
    run = None
    try:
        run = Attack(stage, seed)
        while run.steps < arguments.steps and time.monotonic() < deadline:
            run.step()
        run.look()
        return run.steps
    except (Broken, Ended, Failed) as broken:
        where = f"step {run.steps} ({run.last}), {run.options}" if run else "start"
        print(f"FAILED  hostile seed {seed}, QEMU {qemu.generation}, {where}: {broken}")
        cases.show(stage)
        return None
    finally:
        stage.close()


def parse():
    parser = argparse.ArgumentParser(prog="hostile.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--steps", type=int, default=2000, help="steps of each run")
    parser.add_argument("--runs", type=int, default=4, help="runs, each with the next seed")
    parser.add_argument("--seconds", type=float, help="start runs for so long, instead of --runs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--qemu", default="installed",
                        choices=["installed", *qemus.NAMED, "all"])
    parser.add_argument("--sanitized", action="store_true")
    parser.add_argument("--case", action="append", metavar="NAME", default=[],
                        choices=[case.__name__ for case in cases.CASES],
                        help="only this case of cases.py, and no runs")
    return parser.parse_args()


def attacks(qemu, arguments):
    """All runs with one QEMU; returns the number of runs that broke something."""
    started = time.monotonic()
    deadline = started + arguments.seconds if arguments.seconds else float("inf")
    done = []
    while time.monotonic() < deadline if arguments.seconds else len(done) < arguments.runs:
        done.append(attack(qemu, arguments.seed + len(done), arguments, deadline))
    broken = done.count(None)
    print(f"hostile: QEMU {qemu.generation}: {len(done)} runs, {sum(filter(None, done))} steps, "
          f"{broken} broken, {time.monotonic() - started:.0f} s")
    return broken


def main():
    arguments = parse()
    broken = 0
    for qemu in qemus.choose(arguments.qemu, lambda text: print(text, file=sys.stderr)):
        broken += cases.play(qemu, arguments)
        broken += 0 if arguments.case else attacks(qemu, arguments)
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except packages.Unavailable as missing:
        print(f"hostile: {missing}", file=sys.stderr)
        sys.exit(2)
