# SPDX-License-Identifier: BSD-3-Clause
"""Cases for the module in a stock QEMU: past bugs and likely mistakes, one function each."""

import json
import os
import re
import shutil
import socket
import struct
import time

import disks
import driver
from qtest import Ended
from victim import Broken, Stage

import packages                                     # noqa: E402 pylint: disable=wrong-import-order
from machine import Failed                          # noqa: E402 pylint: disable=wrong-import-order
from properties import read_rows                    # noqa: E402 pylint: disable=wrong-import-order

IOMMU, WATCH, PORT = 4, 5, 6
WINDOW = 0xc0000000
EVERYTHING = (1 << 64) - 1
DOMAIN = 1
LINES_SHOWN = 60
STATE_MAGIC = b"VIOS"
UNASSIGNED = 0x80000000         # IDs from here on are of functions whose bus has no number
UNANSWERED = 0xee               # what a status is before its answer
KILLED = -9                 # by us, because it ran


def expect(what, condition):
    if not condition:
        raise Broken(what)


def started(victim):
    """Returns a driver that has started the device."""
    driver.enable_ecam(victim.qtest)
    iommu = driver.Driver(victim.qtest, IOMMU, WINDOW)
    iommu.start()
    return iommu


def an_unmap_of_everything_reaches_a_mirror(stage):
    """Its length in bytes is 2^64, which a host's IOMMU reads as 0."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},msi=off",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    for first, last in ((0, 0xfff), (0x1000, (1 << 63) - 1), (1 << 63, EVERYTHING)):
        expect("MAP", iommu.map(DOMAIN, first, last, 0) == driver.OK)
    expect("all is mirrored", victim.get("w0", "mirror").count("\n") > 2)
    expect("UNMAP", iommu.unmap(DOMAIN, 0, EVERYTHING) == driver.OK)
    expect(f"wrong notification: {victim.get('w0', 'wrong')}", not victim.get("w0", "wrong"))
    expect("nothing is mirrored", not victim.get("w0", "mirror"))


def removals_of_a_kick_leave_what_is_between_them(stage):
    """Notifications of adjacent removals are merged."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    pages = [(first, first + 0xfff) for first in range(0, 0x5000, 0x1000)]
    for first, last in pages:
        expect("MAP", iommu.map(DOMAIN, first, last, first) == driver.OK)
    removed = [pages[0], pages[2], pages[3]]
    expect("UNMAP", not any(iommu.ask_all([driver.UNMAP_FORM.pack(driver.UNMAP, DOMAIN, *page)
                                           for page in removed])))
    expect(f"{victim.get('w0', 'mirror')}",
           [int(line.split()[0]) for line in victim.get("w0", "mirror").splitlines()] ==
           [0x1000, 0x4000])


def an_answer_may_kick_its_own_queue(stage):
    """The first status goes to the register that the guest kicks with, while further requests wait."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},max-request-rate=4",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    request = driver.ATTACH_FORM.pack(driver.ATTACH, DOMAIN, WATCH << 3, 0)
    victim.monitor.command("stop")      # QEMU ignores such a kick unless the queue is served later
    for i in range(driver.ENTRIES // 2):
        at = driver.BUFFERS + 0x100 * i
        victim.qtest.write(at, request)
        iommu.offer(0, [(at, len(request), 0),
                        (at + 0x80 if i else iommu.doorbell(0), 4, driver.WRITE)], 2 * i)
    iommu.kick(0)
    victim.monitor.command("cont")
    victim.wait_for("the answers", lambda: iommu.used(0) == iommu.offered[0], 10)
    expect("it works", iommu.ask_all([driver.MAP_FORM.pack(driver.MAP, DOMAIN, 0, 0xfff, 0, 3)]) ==
           [driver.OK])


def requests_are_answered_wherever_they_lie(stage):
    """In tables, in many pieces, and in two pieces of memory that are not adjacent."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.start(driver.IOMMU_FEATURES | driver.VERSION_1 | driver.INDIRECT_DESC | driver.EVENT_IDX)
    iommu.attach(DOMAIN, WATCH << 3)
    low, high = 0x80000, driver.BUFFERS
    small = [(high, 1), (high + 1, 1), (high + 2, 2), (high + 4, 4), (high + 8, 28)]
    forms = [([(high, 36)], high + 0x100, True), ([(low, 36)], low + 0x100, True),
             ([(low, 36)], low + 0x100, False), ([(low, 36)], high + 0x100, False),
             ([(low, 20), (high, 16)], high + 0x100, True), (small, low + 0x100, False),
             (small, high + 0x100, True), ([(high, 8), (high + 8, 28)], high + 0x100, False)]
    for i, (pieces, tail, in_table) in enumerate(forms):
        first = 0x1000 * i
        request = driver.MAP_FORM.pack(driver.MAP, DOMAIN, first, first + 0xfff, first, 3)
        for at, length in pieces:
            victim.qtest.write(at, request[:length])
            request = request[length:]
        victim.qtest.write(tail, b"\xee" * 4)
        chain = [(at, length, 0) for at, length in pieces] + [(tail, 4, driver.WRITE)]
        iommu.offer(0, [iommu.table(high + 0x800, chain)] if in_table else chain)
        iommu.kick(0)
        victim.wait_for("the answer", lambda: iommu.used(0) == iommu.offered[0], 10)
        expect(f"form {i}: status and length",
               (victim.qtest.read(tail, 4), iommu.used_length(0)) == (bytes(4), 4))
        expect(f"form {i}: the next notification", iommu.notify_index(0) == iommu.offered[0])
        expect(f"form {i}: the translation", answered(victim, "w0", first)[2] == first)


def requests_of_two_pieces_of_memory_share_a_kick(stage):
    """They are answered in order, and the last one is answered without another kick."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    at = [(0x80000 if i % 2 else driver.BUFFERS) + 0x100 * i for i in range(6)]
    for i, slot in enumerate(at):
        request = driver.MAP_FORM.pack(driver.MAP, DOMAIN, 0x1000 * (i // 2), 0x1000 * (i // 2) + 0xfff, 0, 3)
        victim.qtest.write(slot, request + b"\xee" * 4)
        iommu.offer(0, [(slot, len(request), 0), (slot + len(request), 4, driver.WRITE)], 2 * i)
    iommu.kick(0)
    victim.wait_for("the answers", lambda: iommu.used(0) == iommu.offered[0], 10)
    expect("each second MAP overlaps the one before",
           [victim.qtest.read(slot + 36, 1)[0] for slot in at] == [driver.OK, driver.INVAL] * 3)


def answered(victim, who, address):
    """The translation of an address: FIRST, LAST, PHYS, PERMISSIONS."""
    victim.set(who, "asked", hex(address))
    return tuple(map(int, victim.get(who, "asked").split()))


def questions(victim, who, first, last):
    """How often a device that keeps answers asks until it has all of a mapping."""
    n = 0
    while first <= last:
        first, n = answered(victim, who, first)[1] + 1, n + 1
    return n


def a_translation_covers_no_more_than_its_mapping(stage):
    """QEMU keeps the block that it is told, whatever lies in the rest of it."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    for first, last, phys, flags in (
            (0x13000, 0x13fff, 0x113000, 3),                            # a page in a block
            (0x20000, 0x2ffff, 0x120000, 3), (0x30000, 0x3ffff, 0x138000, 3),
            (0x40000, 0x43fff, 0x140000, 1), (0x44000, 0x4ffff, 0x144000, 3),
            (0x50000, 0x53fff, 0x150000, 3), (0x55000, 0x5ffff, 0x155000, 3),
            (0x60000, 0x60fff, 0x160000, 3)):
        expect("MAP", iommu.map(DOMAIN, first, last, phys, flags) == driver.OK)
    for at, wanted in (
            (0x13800, (0x13000, 0x13fff, 0x113000, 3)), (0x14000, (0x14000, 0x14000, 0x14000, 0)),
            (0x2abcd, (0x20000, 0x2ffff, 0x120000, 3)),                  # a whole block
            (0x30000, (0x30000, 0x37fff, 0x138000, 3)),                  # not aligned to it there
            (0x42000, (0x40000, 0x4ffff, 0x140000, 1)),                  # reads may go on
            (0x48000, (0x48000, 0x4ffff, 0x148000, 3)),                  # what is before has other rights
            (0x58000, (0x58000, 0x5ffff, 0x158000, 3)),                  # a hole is before
            (0x60800, (0x60000, 0x60fff, 0x160000, 3))):                 # and here behind
        found = answered(victim, "w0", at)
        expect(f"{at:#x}: {[hex(value) for value in found]}", found == wanted)


def a_device_that_keeps_translations_gets_whole_mappings(stage):
    """As vhost does: each answer that covers less is a question more."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},probe-ats=on",
                          f"viommu-watch,id=w0,addr={WATCH},device-iotlb=on"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    for first, last, phys, flags in (
            (0x400000, 0x5fffff, 0x600000, 3), (0x600000, 0x7fffff, 0x800000, 1),
            (0x810000, 0x82ffff, 0x610000, 3),
            (0x1000000, 0x10fffff, 0x200000, 3), (0x2000000, 0x21fffff, 0x210000, 3),
            (1 << 46, (1 << 46) + 0x3fffffff, 0, 3),
            ((1 << 64) - 0x200000, (1 << 64) - 1, 0x600000, 3)):
        expect("MAP", iommu.map(DOMAIN, first, last, phys, flags) == driver.OK)
    for at, wanted in (
            (0x456789, (0x400000, 0x5fffff, 0x600000, 3)),               # all of it
            ((1 << 64) - 1, ((1 << 64) - 0x200000, (1 << 64) - 1, 0x600000, 3)),
            (0x600000, (0x600000, 0x7fffff, 0x800000, 1)),               # and not its neighbour
            (0x811000, (0x810000, 0x81ffff, 0x610000, 3)),               # not before its begin
            (0x1001000, (0x1000000, 0x10fffff, 0x200000, 3)),            # not behind its end
            (0x2001000, (0x2000000, 0x200ffff, 0x210000, 3)),            # not aligned to more
            ((1 << 46) + 0x1000, (1 << 46, (1 << 46) + 0x7ffff, 0, 3)),  # memory ends at 0xa0000
            ((1 << 46) + 0x300000, ((1 << 46) + 0x200000, (1 << 46) + 0x3fffff, 0x200000, 3))):
        found = answered(victim, "w0", at)
        expect(f"{at:#x}: {[hex(value) for value in found]}", found == wanted)
    for first, last, wanted in ((0x400000, 0x5fffff, 1), (0x2000000, 0x21fffff, 32)):
        expect(f"questions for {first:#x}", questions(victim, "w0", first, last) == wanted)


def a_mirror_has_no_device_memory(stage):
    """A host's IOMMU cannot map it: neither when it is mapped nor when a function gets the mappings."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}",
                          f"viommu-watch,id=w1,addr={PORT}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    expect("MAP", iommu.map(DOMAIN, 0x1000, 0x1fff, 0, 7) == driver.OK)
    expect("MAP", iommu.map(DOMAIN, 0x3000, 0x3fff, 0, 3) == driver.OK)
    iommu.attach(DOMAIN, PORT << 3)
    for who in "w0", "w1":
        expect(who, [int(line.split()[0]) for line in victim.get(who, "mirror").splitlines()] ==
               [0x3000])


def nothing_is_answered_while_the_machine_is_stopped(stage):
    """The guest's memory may be saved then."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.offer(1, [(driver.BUFFERS + 0x800, 24, driver.WRITE)])
    iommu.kick(1)
    victim.monitor.command("stop")
    expect("no answer", iommu.attach(DOMAIN, WATCH << 3) is None)
    driver.Function(victim.qtest, WATCH).set(driver.COMMAND, 2, driver.MASTER)
    victim.set("w0", "access", "0x1000")
    victim.monitor.command("query-status")
    expect("no fault", not iommu.used(1))
    victim.monitor.command("cont")
    victim.wait_for("the answer", lambda: iommu.used(0) == 1, 5)
    victim.wait_for("the fault", lambda: iommu.used(1) == 1, 5)


def faults_wait_in_a_ring_until_a_reset(stage):
    """256 of them; one that finds no room does not look for a buffer."""
    room, reads_of_an_access = 256, 16
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    driver.Function(victim.qtest, WATCH).set(driver.COMMAND, 2, driver.MASTER)

    def faults(number):
        for i in range(number // reads_of_an_access):
            victim.set("w0", "access", hex(i << 12))

    def counted(name):
        return json.loads(victim.get("iommu0", "state"))["counters"][name]

    faults(room + reads_of_an_access)
    expect(f"dropped: {counted('faults-dropped')} of {counted('faults')}",
           (counted("faults"), counted("faults-dropped")) ==
           (room + reads_of_an_access, reads_of_an_access))
    iommu.offer(1, [(driver.BUFFERS, 24, driver.WRITE)])         # without a kick
    faults(reads_of_an_access)
    victim.monitor.command("query-status")
    expect("no buffer is looked for", not iommu.used(1))
    iommu.kick(1)
    victim.wait_for("the first fault", lambda: iommu.used(1) == 1, 5)
    expect("it is the first", victim.qtest.read(driver.BUFFERS + 16, 8) == bytes(8))
    victim.qtest.write(driver.BUFFERS, b"\xee" * 24)
    iommu.offer(1, [(driver.BUFFERS, 16, driver.WRITE)])
    iommu.kick(1)
    victim.wait_for("the next fault", lambda: iommu.used(1) == 2, 5)
    expect("a buffer that is too short comes back empty", iommu.used_length(1) == 0 and
           victim.qtest.read(driver.BUFFERS, 24) == b"\xee" * 24)
    iommu.start()
    iommu.offer(1, [(driver.BUFFERS, 24, driver.WRITE)])
    iommu.kick(1)
    victim.monitor.command("query-status")
    expect("none is left after a reset", not iommu.used(1))


def a_kick_leaves_the_main_loop_its_turn(stage):
    """The big lock is held for 10 ms, and all these ATTACHes take four times as long."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}",
                          f"viommu-watch,id=w0,addr={WATCH}", f"pci-testdev,addr={PORT}"])
    iommu = started(victim)
    pair = [driver.ATTACH_FORM.pack(driver.ATTACH, DOMAIN + i, WATCH << 3, 0) for i in range(2)]
    mappings = seconds = 0
    while seconds * driver.ENTRIES / 2 < 0.04:
        many_mappings(iommu, DOMAIN, PORT << 3, mappings, mappings + 16384)
        mappings += 16384
        begun = time.monotonic()
        expect("ATTACH", not any(iommu.ask_all(pair)))
        seconds = time.monotonic() - begun
    before = iommu.used(0)
    iommu.offer_all(pair, driver.ENTRIES // 2, kick=False)
    _, used = victim.qtest.commands(f"writew {iommu.doorbell(0):#x} 0",
                                    f"readw {driver.RINGS + driver.USED + 2:#x}")
    done = int(used, 0) - before & 0xffff
    expect(f"{done} of {driver.ENTRIES} ATTACHes are done first", done < driver.ENTRIES)
    victim.wait_for("all of them", lambda: iommu.used(0) == iommu.offered[0], 30)


def kicked(victim, iommu, *then):
    """Kick, and do what follows before the main loop has its turn. Returns how many requests are answered."""
    before = iommu.used(0)
    *_, used = victim.qtest.commands(f"writew {iommu.doorbell(0):#x} 0", *then,
                                     f"readw {driver.RINGS + driver.USED + 2:#x}")
    return int(used, 0) - before & 0xffff


def one_request_leaves_the_main_loop_its_turn(stage):
    """An ATTACH to a domain, and an UNMAP of all, with more notifications than a batch has."""
    mappings = 16384
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}",
                          f"viommu-watch,id=w0,addr={WATCH}", f"pci-testdev,addr={PORT}",
                          f"pci-testdev,addr={PORT + 1}"])
    iommu = started(victim)
    watch = driver.Function(victim.qtest, WATCH)
    watch.set(driver.COMMAND, 2, driver.MASTER)
    many_mappings(iommu, DOMAIN, PORT << 3, 0, mappings)
    many_mappings(iommu, DOMAIN + 1, (PORT + 1) << 3, 0, mappings)
    # From bypass, from one domain to another, and with a replay before the second part and more of them later.
    for domain, replays in ((DOMAIN, False), (DOMAIN + 1, False), (DOMAIN, True)):
        iommu.offer_all([driver.ATTACH_FORM.pack(driver.ATTACH, domain, WATCH << 3, 0)], kick=False)
        again = [f"writew {watch.config + driver.REGISTER_AGAIN:#x} 0"] * replays
        expect(f"the ATTACH to domain {domain} is not answered at once", not kicked(victim, iommu, *again))
        while iommu.used(0) != iommu.offered[0]:
            for line in again:
                victim.qtest.command(line)
        expect(f"wrong notification: {victim.get('w0', 'wrong')}", not victim.get("w0", "wrong"))
        expect("all is mirrored", victim.get("w0", "mirror").count("\n") == mappings)
        expect(f"the mirror: {victim.get('w0', 'check')}", not victim.get("w0", "check"))
    iommu.offer_all([driver.UNMAP_FORM.pack(driver.UNMAP, DOMAIN, 0, EVERYTHING)], kick=False)
    expect("the UNMAP is not answered at once", not kicked(victim, iommu))
    victim.wait_for("the UNMAP", lambda: iommu.used(0) == iommu.offered[0])
    expect(f"wrong notification: {victim.get('w0', 'wrong')}", not victim.get("w0", "wrong"))
    expect("nothing is mirrored", not victim.get("w0", "mirror"))
    # A reset in between, and a machine that stops.
    many_mappings(iommu, DOMAIN, PORT << 3, 0, mappings)
    iommu.offer_all([driver.UNMAP_FORM.pack(driver.UNMAP, DOMAIN, 0, EVERYTHING)], kick=False)
    expect("the UNMAP is not answered at once", not kicked(victim, iommu))
    victim.monitor.command("stop")
    expect("the UNMAP is answered", iommu.used(0) == iommu.offered[0])
    expect("its status", victim.qtest.read(driver.BUFFERS, 0x80)[0x78] == driver.OK)
    victim.monitor.command("cont")
    iommu.offer_all([driver.ATTACH_FORM.pack(driver.ATTACH, DOMAIN + 1, WATCH << 3, 0)], 2, kick=False)
    expect("the ATTACH is not answered at once", not kicked(victim, iommu))
    iommu.start()
    expect("no domain", not json.loads(victim.get("iommu0", "state"))["domains"])
    expect(f"wrong notification: {victim.get('w0', 'wrong')}", not victim.get("w0", "wrong"))
    expect("nothing is mirrored", not victim.get("w0", "mirror"))
    expect("ATTACH", iommu.attach(DOMAIN, WATCH << 3) == driver.OK)


def in_two_pieces(iommu, request):
    """Offer a request that QEMU's own queue takes, because its buffers are not in one piece of memory."""
    low, tail = 0x80000, driver.BUFFERS + 0x78
    iommu.qtest.write(low, request)
    iommu.qtest.write(tail, bytes([UNANSWERED]) * 4)
    iommu.offer(0, [(low, 8, 0), (driver.BUFFERS, len(request) - 8, 0), (tail, 4, driver.WRITE)])
    iommu.qtest.write(driver.BUFFERS, request[8:])


def a_reset_of_the_queue_ends_its_requests(stage):
    """The driver has all buffers back then: also those of a request that was divided, or waits for a disk."""
    mappings, features = 8192, driver.IOMMU_FEATURES | driver.VERSION_1 | driver.RING_RESET
    reclaimed = f"memset {driver.BUFFERS:#x} {driver.BUFFER_BYTES:#x} {UNANSWERED:#x}"

    def is_the_drivers(victim, iommu):
        for _ in range(5):
            victim.monitor.command("query-status")
        expect("nothing is answered that was not offered", not iommu.used(0))
        expect("the buffers are the driver's", victim.qtest.read(driver.BUFFERS, driver.BUFFER_BYTES) ==
               bytes([UNANSWERED]) * driver.BUFFER_BYTES)
        expect("the queue works", iommu.map(DOMAIN, 1 << 40, (1 << 40) + 0xfff, 0) == driver.OK and
               iommu.unmap(DOMAIN, 1 << 40, (1 << 40) + 0xfff) == driver.OK)

    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}",
                          f"pci-testdev,addr={PORT}"])
    iommu = started(victim)
    iommu.start(features)
    many_mappings(iommu, DOMAIN, PORT << 3, 0, mappings)
    for offer in (lambda iommu, request: iommu.offer_all([request], kick=False), in_two_pieces):
        iommu.queue(0, reset=True)
        offer(iommu, driver.ATTACH_FORM.pack(driver.ATTACH, DOMAIN, WATCH << 3, 0))
        iommu.offered[0] = 0
        kicked(victim, iommu, *iommu.set_up(0, reset=True), reclaimed)
        is_the_drivers(victim, iommu)
        expect("the request was executed", victim.get("w0", "mirror").count("\n") == mappings and
               not victim.get("w0", "wrong"))
        iommu.detach(DOMAIN, WATCH << 3)
    victim.monitor.command("quit")
    victim, iommu, disk = reading_slowly(stage, features)
    expect("no answer", iommu.ask(UNMAP) is None)
    iommu.offered[0] = 0
    kicked(victim, iommu, *iommu.set_up(0, reset=True), reclaimed)
    expect("the disk has read before", disk.completed())
    is_the_drivers(victim, iommu)


def nothing_is_answered_without_bus_mastering(stage):
    """Nor what was executed before, and waits for a disk. The requests wait for the next DRIVER_OK."""
    ready = driver.ACKNOWLEDGE | driver.DRIVER | driver.FEATURES_OK | driver.DRIVER_OK
    for offer in (None, lambda iommu, request: iommu.offer_all([request], kick=False), in_two_pieces):
        victim, iommu, _ = reading(stage, "", "")
        if offer:
            offer(iommu, UNMAP)
            iommu.kick(0)
        before = iommu.used(0)
        iommu.set(driver.COMMAND, 2, driver.MEMORY)
        iommu.status(ready)
        tell_disk(victim, "resume A")
        victim.wait_for("the disk", lambda victim=victim: holds(victim, 0), 5)
        if not offer:
            iommu.offer_all([UNMAP])
        for _ in range(5):
            victim.monitor.command("query-status")
        expect("no answer", iommu.used(0) == before)
        iommu.set(driver.COMMAND, 2, driver.MEMORY | driver.MASTER)
        iommu.status(ready)
        iommu.kick(0)
        victim.wait_for("the answer", lambda iommu=iommu: iommu.used(0) == iommu.offered[0], 5)
        expect("its status", victim.qtest.read(driver.BUFFERS + 0x78, 1) == bytes([driver.OK]))
        expect("the queue works", iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE) == driver.OK)
        victim.monitor.command("quit")


def the_used_index_is_the_devices(stage):
    """What the driver writes there does not move the answers, nor what was there before a reset."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    for i in range(3):
        victim.qtest.poke(driver.RINGS + driver.USED + 2, 2, 0x1234)
        expect("MAP", iommu.map(DOMAIN, i << 12, (i << 12) + 0xfff, 0) == driver.OK)
        expect("the entry", victim.qtest.peek(driver.RINGS + driver.USED + 8 * iommu.offered[0], 4) == 4)


def memory_that_is_unplugged_is_let_go(stage):
    """Requests lay in it. Whatever has become of the driver or the machine, the host has the memory back."""
    for what in ("runs", "stopped", "no driver", "a broken queue"):
        path = os.path.join(stage.folder, f"memory of {what}")
        victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}"],
                             ["-m", "64M,slots=2,maxmem=1G"])
        iommu = started(victim)
        victim.monitor.command("object-add", **{"qom-type": "memory-backend-file", "id": "m0", "share": True,
                                                "size": 128 << 20, "mem-path": path})
        victim.monitor.command("device_add", driver="pc-dimm", id="d0", memdev="m0")
        at = victim.monitor.command("query-memory-devices")[0]["data"]["addr"]
        request = driver.ATTACH_FORM.pack(driver.ATTACH, DOMAIN, WATCH << 3, 0)
        victim.qtest.write(at, request)
        iommu.offer(0, [(at, len(request), 0), (at + len(request), 4, driver.WRITE)])
        iommu.kick(0)
        victim.wait_for("the answer", lambda iommu=iommu: iommu.used(0) == iommu.offered[0], 5)
        if what == "stopped":
            victim.monitor.command("stop")
        elif what == "no driver":
            iommu.status(driver.ACKNOWLEDGE | driver.DRIVER | driver.FEATURES_OK)
        elif what == "a broken queue":
            iommu.offer(0, [(at, 0, 0)])
            iommu.kick(0)
            victim.wait_for("QEMU's message", lambda victim=victim: "zero sized" in victim.machine.output, 5)
        victim.monitor.command("device_del", id="d0")
        driver.eject_memory(victim.qtest)
        victim.deleted("d0")
        victim.monitor.command("object-del", id="m0")

        def is_unmapped(victim=victim, path=path):
            with open(f"/proc/{victim.machine.process.pid}/maps", encoding="utf-8") as maps:
                return path not in maps.read()

        victim.wait_for(f"{what}: the memory is unmapped", is_unmapped, 5)
        victim.monitor.command("quit")


class Dma:
    """A viommu-dma whose registers are at an address (qemu/dma/dma.c)."""

    ATS, PRI, WRITE = 1, 2, 1
    DONE, BUSY, FAULT, REFUSED = range(4)

    def __init__(self, victim, device, at, bus=0):
        self.victim, self.qtest, self.at = victim, victim.qtest, at
        function = driver.Function(victim.qtest, device, bus)
        function.set(driver.BAR, 4, at)
        function.set(driver.COMMAND, 2, driver.MEMORY | driver.MASTER)
        for register, value in ((driver.ATS_CONTROL, driver.ATS_ENABLE), (driver.PRI_CONTROL, driver.PRI_ENABLE),
                                (driver.PASID_CONTROL, driver.PASID_ENABLE)):
            function.set(register, 2, value)

    def read(self, register):
        return self.qtest.peek(self.at + register, 4)

    def start(self, address, flags=0, pasid=None):
        """Begin to write eight bytes."""
        space = 0 if pasid is None else pasid | 1 << 31
        for register, width, value in ((0x08, 8, address), (0x10, 8, 8), (0x18, 4, space), (0x1c, 4, flags),
                                       (0x30, 4, self.WRITE)):
            self.qtest.poke(self.at + register, width, value)

    def status(self):
        return self.read(0x34)

    def hits(self):
        return self.read(0x48)

    def write(self, address, flags=0, pasid=None):
        """The same, to its end; returns the status."""
        self.start(address, flags, pasid)
        self.victim.wait_for("the DMA", lambda: self.status() != self.BUSY, 5)
        return self.status()

    def ask(self, address, pasid):
        """Begin a write that needs an answer to a page request."""
        asked = self.read(0x40)
        self.start(address, self.PRI, pasid)
        self.victim.wait_for("the page request", lambda: self.read(0x40) == asked + 1, 5)
        expect("it waits", self.status() == self.BUSY)


DMA_WINDOW = 0xd0000000
ROOT, LEAF_TABLES = 0x200000, (0x201000, 0x202000, 0x203000)
PASID, PAGE_IN_TABLE = 5, 0x3000
TABLES = f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off,tables=generic,pasid-bits=8,page-requests=4"


def started_with_tables(victim):
    """A driver that accepts tables, PASIDs and page requests, and an empty table."""
    iommu = started(victim)
    iommu.start(driver.IOMMU_FEATURES | driver.VERSION_1 | driver.ADDRESS_SPACES)
    victim.qtest.write(ROOT, bytes(0x1000))
    return iommu


def open_port(victim, bus):
    """The bus behind the port has this number, and the window for the function's registers."""
    port = driver.Function(victim.qtest, PORT)
    driver.bridge_open(port, bus)
    port.set(driver.MEMORY_BASE, 4, DMA_WINDOW | DMA_WINDOW >> 16)
    return port


def fill_table(qtest, page):
    """Map PAGE_IN_TABLE to a page by tables of the generic format, readable and writable."""
    for above, below in zip((ROOT, *LEAF_TABLES), LEAF_TABLES):
        qtest.write(below, bytes(0x1000))
        qtest.poke(above, 8, below | 3)
    qtest.poke(LEAF_TABLES[-1] + (PAGE_IN_TABLE >> 12) * 8, 8, page | 0xd)


def a_page_request_does_not_outlive_the_number_of_its_function(stage):
    """With another bus number it is another endpoint: the request is refused, and an answer finds nothing."""
    victim = stage.start([TABLES, f"pcie-root-port,id=rp0,chassis=1,addr={PORT}", "viommu-dma,id=d0,bus=rp0"])
    iommu = started_with_tables(victim)
    open_port(victim, 1)
    dma = Dma(victim, 0, DMA_WINDOW, bus=1)
    expect("ATTACH_TABLE", iommu.attach_table(DOMAIN, 0x100, driver.GENERIC, ROOT, PASID) == driver.OK)
    for bus, old in ((7, 0x100), (2, 0x700)):
        dma.ask(PAGE_IN_TABLE, PASID)
        open_port(victim, bus)
        iommu.kick(0)
        victim.wait_for("the refusal", lambda: dma.status() == dma.REFUSED, 5)
        expect("no such endpoint", iommu.respond(old, PASID, 0) == driver.NOENT)
        expect("no such request", iommu.respond(bus << 8, PASID, 0) == driver.INVAL)
        expect("nothing is attached", dma.write(PAGE_IN_TABLE, dma.PRI, PASID) == dma.FAULT)
        expect("ATTACH_TABLE", iommu.attach_table(DOMAIN, bus << 8, driver.GENERIC, ROOT, PASID) == driver.OK)
    dma.ask(PAGE_IN_TABLE, PASID)
    fill_table(victim.qtest, PAGE)
    expect("the answer", [iommu.respond(0x200, PASID, group) for group in range(8)].count(driver.OK) == 1)
    victim.wait_for("the DMA", lambda: dma.status() == dma.DONE, 5)


def a_function_with_notifiers_and_a_page_request_is_unplugged(stage):
    """QEMU's notifiers for ATS and PRI go with it, and the place serves the next one."""
    victim = stage.start([TABLES, f"pcie-root-port,id=rp0,chassis=1,addr={PORT}", "viommu-dma,id=d0,bus=rp0"],
                         ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"])
    iommu = started_with_tables(victim)
    port = open_port(victim, 1)
    for last in False, False, True:
        dma = Dma(victim, 0, DMA_WINDOW, bus=1)
        expect("ATTACH", iommu.attach(DOMAIN, 0x100) == driver.OK)
        expect("MAP", iommu.map(DOMAIN, 0, 0xfff, PAGE) == driver.OK)
        expect("ATTACH_TABLE", iommu.attach_table(DOMAIN + 1, 0x100, driver.GENERIC, ROOT, PASID) == driver.OK)
        fill_table(victim.qtest, PAGE)
        victim.qtest.write(PAGE, bytes(16))
        for pasid, address in ((None, 0), (PASID, PAGE_IN_TABLE)):
            expect(f"{pasid}: cached", [dma.write(address + 8 * i, dma.ATS, pasid) for i in (0, 1)] == [dma.DONE] * 2)
        expect(f"{dma.hits()} hits", dma.hits() == 2 and 0 not in (victim.qtest.peek(PAGE + at, 8) for at in (0, 8)))
        dma.ask(PAGE_IN_TABLE + 0x1000, PASID)
        if last:
            break
        victim.monitor.command("device_del", id="d0")
        driver.slot_off(port)
        victim.deleted("d0")
        expect("no such endpoint", [iommu.respond(0x100, PASID, 2), iommu.detach(DOMAIN, 0x100)] == [driver.NOENT] * 2)
        expect("its domains are gone", iommu.unmap(DOMAIN, 0, 0xfff) == driver.NOENT)
        expect("INVALIDATE", iommu.invalidate(DOMAIN + 1) == driver.NOENT)
        victim.monitor.command("device_add", driver="viommu-dma", id="d0", bus="rp0")
        driver.slot_on(port)
        iommu.kick(0)
    expect("DETACH", iommu.detach(DOMAIN, 0x100) == driver.OK)
    expect("its own mapping is gone", dma.status() == dma.BUSY and iommu.unmap(DOMAIN, 0, 0xfff) == driver.NOENT)


def a_message_of_a_blocked_function_is_not_cached(stage):
    """MSIs are not translated, so a function keeps no translation of their address, attached or not."""
    doorbell = 0xfee00000
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off", f"viommu-dma,id=d0,addr={WATCH}"])
    iommu = started(victim)
    dma = Dma(victim, WATCH, DMA_WINDOW)

    def write_to(address):
        return dma.write(address, dma.ATS), dma.hits()

    expect("it is blocked", write_to(0x10000) == (2, 0))
    expect("MSIs are not", [write_to(doorbell) for _ in range(2)] == [(0, 0)] * 2)
    iommu.attach(DOMAIN, WATCH << 3)
    iommu.map(DOMAIN, 0x10000, 0x10fff, PAGE)
    expect("nor when it is attached", [write_to(doorbell) for _ in range(2)] == [(0, 0)] * 2)
    expect("other translations are cached", [write_to(0x10000) for _ in range(2)] == [(0, 0), (0, 1)])


def requests_attaches_and_faults_have_a_rate(stage):
    """As many as a second allows may come at once; further requests wait, further faults are dropped."""
    rate, reads_of_an_access = 32, 16
    map_one = driver.MAP_FORM.pack(driver.MAP, DOMAIN, 0x1000, 0x1fff, 0, 3)
    attach = driver.ATTACH_FORM.pack(driver.ATTACH, DOMAIN, WATCH << 3, 0)
    for limit, request in ((f"max-request-rate={rate}", map_one), (f"max-attach-rate={rate}", attach)):
        victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},{limit}",
                              f"viommu-watch,id=w0,addr={WATCH}"])
        iommu = started(victim)
        begun = time.monotonic()
        for _ in range(4):
            iommu.ask_all([request] * (driver.ENTRIES // 2))
        at_once, begun = time.monotonic() - begun, time.monotonic()
        for _ in range(2):
            expect("answers", UNANSWERED not in iommu.ask_all([request] * (driver.ENTRIES // 2)))
        expect(f"{limit}: 16 more in {time.monotonic() - begun:.2f} s, after {at_once:.2f} s",
               time.monotonic() - begun > 0.4 - at_once)
        victim.monitor.command("quit")
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off,max-fault-rate={rate}",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    started(victim)
    driver.Function(victim.qtest, WATCH).set(driver.COMMAND, 2, driver.MASTER)
    for i in range(8):
        victim.set("w0", "access", hex(i << 12))
    counters = json.loads(victim.get("iommu0", "state"))["counters"]
    expect(f"{counters}", 0 < counters["faults-limited"] <= 8 * reads_of_an_access - rate)


def a_device_that_caches_translations_needs_ats(stage):
    watch = f"viommu-watch,addr={WATCH},device-iotlb=on"
    said = stage.refused([f"viommu-pci,addr={IOMMU},boot-bypass=off", watch])
    expect(f"without: {said}", "probe-ats: it is off, and the device uses ATS" in said)
    expect("with", not stage.refused([f"viommu-pci,addr={IOMMU},boot-bypass=off,probe-ats=on", watch]))


def the_pages_of_mappings_have_each_of_them_once(stage):
    """Also where one mapping begins behind the other, and in the next domain."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}",
                          f"pci-testdev,addr={PORT}"])
    iommu = started(victim)
    at_once, wanted = driver.ENTRIES // 2, []
    for domain, endpoint in ((DOMAIN, WATCH << 3), (DOMAIN + 1, PORT << 3)):
        iommu.attach(domain, endpoint)
        for page in range(0, 304, at_once):
            requests = [driver.MAP_FORM.pack(driver.MAP, domain, first, first + 0xfff, 0, 3)
                        for first in range(page << 12, (page + at_once) << 12, 1 << 12)]
            expect("MAP", not any(iommu.ask_all(requests)))
        wanted += [(domain, page << 12) for page in range(304)]
    found, start = [], "0:0"
    while start and len(found) <= len(wanted):
        victim.set("iommu0", "mappings-from", start)
        page = json.loads(victim.get("iommu0", "mappings"))
        found += [(row["domain"], int(row["first"], 0)) for row in page["mappings"]]
        start = page.get("next")
    expect(f"{len(found)} of {len(wanted)}", found == wanted)


def a_trace_is_recorded_at_any_time(stage):
    """It begins with the state, and ends by the property, at its limit, or with QEMU."""
    first, second = (os.path.join(stage.folder, name) for name in ("first", "second"))
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},record={first},record-limit=8K",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    for page in range(1000):
        expect("MAP", iommu.map(DOMAIN, page << 13, (page << 13) + 0xfff, 0) == driver.OK)
    expect("the name", victim.get("iommu0", "record") == first)
    expect("the limit stays", "is being recorded" in said_of(victim, "record-limit", 1 << 20))
    victim.set("iommu0", "record", "")
    for wrong, message in (("record-limit", "is less than 4096"), ("record", "No such file")):
        expect(f"{wrong}: {message}", message in said_of(victim, wrong, 1 if wrong != "record" else "/no/such"))
    expect("no room for the state", "have no room" in said_of(victim, "record", second))
    victim.set("iommu0", "record-limit", 1 << 20)
    for name in ("", second):
        os.mkdir(os.path.join(stage.folder, "gone"))
        victim.set("iommu0", "record", os.path.join(stage.folder, "gone", "trace"))
        shutil.rmtree(os.path.join(stage.folder, "gone"))
        expect("a trace that cannot be written", "the trace is lost" in said_of(victim, "record", name))
    victim.set("iommu0", "record", second)
    expect("UNMAP", iommu.unmap(DOMAIN, 0, 0xfff) == driver.OK)
    victim.monitor.command("quit")
    victim.machine.process.wait(20)
    stage.victims.remove(victim)
    traces = [open(name, "rb").read() for name in (first, second)]
    expect("the magic", all(trace.startswith(b"VIOMMUTR") for trace in traces))
    expect(f"{[len(trace) for trace in traces]}", 4096 < len(traces[0]) <= 8192 < len(traces[1]))


def said_of(victim, name, value):
    """The error of setting a property."""
    try:
        victim.set("iommu0", name, value)
    except Failed as failed:
        return str(failed)
    return ""


def most_memory(victim):
    """The most memory that QEMU has had since its start, or since forget_most_memory(), in KiB."""
    with open(f"/proc/{victim.machine.process.pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


def forget_most_memory(victim):
    """Set the figure of most_memory() to the memory that QEMU has now: proc_pid_clear_refs(5)."""
    with open(f"/proc/{victim.machine.process.pid}/clear_refs", "w", encoding="ascii") as references:
        references.write("5")


def many_mappings(iommu, domain, endpoint, begin, end):
    """Attach an endpoint to a domain with mappings that do not touch each other."""
    at_once = driver.ENTRIES // 2
    expect("ATTACH", iommu.attach(domain, endpoint) == driver.OK)
    for i in range(begin, end, at_once):
        requests = [driver.MAP_FORM.pack(driver.MAP, domain, first, first + 0xfff, 0, 3)
                    for first in range(i << 13, (i + at_once) << 13, 1 << 13)]
        expect("MAP", not any(iommu.ask_all(requests)))


def a_kick_holds_the_notifications_of_one_request(stage):
    """Each ATTACH announces all mappings of its domain, and one kick may have many."""
    mappings, at_once = 32768, driver.ENTRIES // 2
    stage.keep_no_freed_memory()
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}",
                          f"viommu-watch,id=w0,addr={WATCH}", f"pci-testdev,addr={PORT}",
                          f"pci-testdev,addr={PORT + 1}"])
    iommu = started(victim)
    many_mappings(iommu, DOMAIN, PORT << 3, 0, mappings)
    iommu.attach(DOMAIN + 1, (PORT + 1) << 3)
    attaches = [driver.ATTACH_FORM.pack(driver.ATTACH, DOMAIN + i % 2, WATCH << 3, 0)
                for i in range(at_once)]
    iommu.ask_all(attaches[:2])
    forget_most_memory(victim)
    before = most_memory(victim)
    expect("ATTACH", not any(iommu.ask_all(attaches)))
    more = most_memory(victim) - before
    expect(f"one kick holds {more} KiB", more < mappings * 48 * 2 >> 10)
    iommu.ask_all(attaches[:1])
    expect(f"wrong notification: {victim.get('w0', 'wrong')}", not victim.get("w0", "wrong"))
    expect("all is mirrored", victim.get("w0", "mirror").count("\n") == mappings)
    expect(f"the mirror: {victim.get('w0', 'check')}", not victim.get("w0", "check"))


def a_mirror_follows_a_kick_that_adds_and_removes_the_same_mapping(stage):
    """The module takes the first notification back, and keeps the one that follows."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    add = [driver.MAP_FORM.pack(driver.MAP, DOMAIN, 0, 0xfff, phys, 3) for phys in (0, 0x1000)]
    remove = driver.UNMAP_FORM.pack(driver.UNMAP, DOMAIN, 0, 0xfff)
    expect("requests", not any(iommu.ask_all([add[0], remove, add[1]])))
    mirror = victim.get("w0", "mirror")
    expect(f"the second is mirrored: {mirror!r}", mirror.split()[2:3] == ["4096"])
    expect("requests", not any(iommu.ask_all([remove, add[0], remove])))
    expect("nothing is mirrored", not victim.get("w0", "mirror"))
    other = driver.MAP_FORM.pack(driver.MAP, DOMAIN, 0x5000, 0x5fff, 0, 3)
    expect("requests", not any(iommu.ask_all([add[0], other, remove])))
    mirror = victim.get("w0", "mirror")
    expect(f"the other is mirrored: {mirror!r}", mirror.split()[0] == "20480")
    expect(f"wrong notification: {victim.get('w0', 'wrong')}", not victim.get("w0", "wrong"))


def a_store_to_bypass_switches_all_endpoints_at_once(stage):
    """Its cost grows with the endpoints, and not with their square."""
    functions = 200
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", f"viommu-watch,id=w0,addr={WATCH}"] + [
        f"pci-testdev,multifunction=on,addr={PORT + i // 8:x}.{i % 8}" for i in range(functions)])
    iommu = started(victim)
    bypass = iommu.window + iommu.at[driver.DEVICE] + 36
    times = []
    for value in (0, 1, 0, 1, 0):
        start = time.monotonic()
        victim.qtest.poke(bypass, 1, value)
        times.append(time.monotonic() - start)
        expect(f"bypass {value} is in effect", (answered(victim, "w0", 0) == ()) == bool(value))
    expect(f"{min(times) * 1000:.0f} ms for each store", min(times) < 0.1)
    expect("all are blocked", {endpoint["mode"] for endpoint in victim.endpoints()} == {"blocked"})


def a_reset_of_the_system_ends_all_domains(stage):
    """The device is reset while others still do DMA, so that their translations end later."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off",
                          f"viommu-watch,id=w0,addr={WATCH}"])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    iommu.map(DOMAIN, 0x1000, 0x1fff, 0)
    victim.monitor.command("system_reset")
    victim.monitor.event("RESET")
    expect("no domain", not json.loads(victim.get("iommu0", "state"))["domains"])
    expect("no mapping", not victim.get("w0", "mirror") and answered(victim, "w0", 0x1000)[3] == 0)


def an_endpoint_behind_a_bridge_to_pci_outlives_its_first_function(stage):
    """All functions share the endpoint, which has the ID of function 0."""
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU}", f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
        "pcie-pci-bridge,id=br0,bus=rp0", "viommu-watch,id=first,bus=br0,addr=0",
        "viommu-watch,id=other,bus=br0,addr=1"])
    driver.enable_ecam(victim.qtest)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1, 2)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=1), 2)
    iommu = started(victim)
    iommu.kick(0)
    expect("ATTACH", iommu.attach(DOMAIN, 0x200) == driver.OK)
    expect("MAP", iommu.map(DOMAIN, 0x1000, 0x1fff, 0) == driver.OK)
    before = victim.get("other", "mirror")
    victim.monitor.command("device_del", id="first")
    driver.eject(victim.qtest, 0)
    victim.deleted("first")
    expect("the mapping is there", before and victim.get("other", "mirror") == before)
    expect("the endpoint is there", "0x200" in [each["id"] for each in victim.endpoints()])


def a_function_behind_a_bridge_to_pci_has_an_endpoint_of_its_own(stage):
    """Linux probes and attaches the function's ID and the one that the bridge uses."""
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU}", f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
        "pcie-pci-bridge,id=br0,bus=rp0", "viommu-watch,id=w0,bus=br0,addr=3",
        f"pci-bridge,id=br1,chassis_nr=2,addr={PORT + 1}", "viommu-watch,id=w1,bus=br1,addr=2"])
    driver.enable_ecam(victim.qtest)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1, 2)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=1), 2)
    driver.bridge_open(driver.Function(victim.qtest, PORT + 1), 3)
    iommu = started(victim)
    for name, own, used in (("w0", 0x218, 0x200), ("w1", 0x310, (PORT + 1) << 3)):
        for endpoint in own, used:
            expect(f"PROBE of {endpoint:#x}", iommu.probe(endpoint) == driver.OK)
            expect(f"ATTACH of {endpoint:#x}", iommu.attach(DOMAIN, endpoint) == driver.OK)
        expect("MAP", iommu.map(DOMAIN, 0x1000, 0x1fff, 0) == driver.OK)
        expect(f"{name} has the mapping", victim.get(name, "mirror").count("\n") == 1)
        iommu.unmap(DOMAIN, 0x1000, 0x1fff)
    victim.monitor.command("device_del", id="w0")
    driver.eject(victim.qtest, 3)
    victim.deleted("w0")
    expect("its endpoint is gone", iommu.probe(0x218) == driver.NOENT)
    expect("the one of the bridge is there", iommu.probe(0x200) == driver.OK)


def a_function_behind_a_bridge_to_pci_is_isolated_by_any_of_its_ids(stage):
    """The attachment of the bridge's ID applies; without one, that of the function's ID."""
    for bypass in ("off", "on"):
        victim = stage.start([
            f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass={bypass}",
            f"pcie-root-port,id=rp0,chassis=1,addr={PORT}", "pcie-pci-bridge,id=br0,bus=rp0",
            "viommu-watch,id=w0,bus=br0,addr=3", "viommu-watch,id=w1,bus=br0,addr=4"])
        driver.enable_ecam(victim.qtest)
        driver.bridge_open(driver.Function(victim.qtest, PORT), 1, 2)
        driver.bridge_open(driver.Function(victim.qtest, 0, bus=1), 2)
        iommu = started(victim)
        own, other, used = 0x218, 0x220, 0x200

        def mapped(victim=victim):
            expect(f"wrong: {victim.get('w0', 'check')}", not victim.get("w0", "check"))
            expect("both are alike", victim.get("w0", "mirror") == victim.get("w1", "mirror"))
            return [int(line.split()[0]) for line in victim.get("w0", "mirror").splitlines()]

        iommu.attach(DOMAIN, own)
        iommu.map(DOMAIN, 0x1000, 0x1fff, 0)
        expect("the function's ID isolates it", mapped() == [0x1000])
        iommu.map(DOMAIN, 0x3000, 0x3fff, 0)
        expect("a later mapping", mapped() == [0x1000, 0x3000])
        iommu.attach(DOMAIN, used)
        expect("both IDs in one domain", mapped() == [0x1000, 0x3000])
        iommu.attach(DOMAIN + 1, used)
        expect("the bridge's ID applies", mapped() == [])
        iommu.map(DOMAIN + 1, 0x5000, 0x5fff, 0)
        expect("with its mappings", mapped() == [0x5000])
        iommu.detach(DOMAIN + 1, used)
        expect("the function's again", mapped() == [0x1000, 0x3000])
        iommu.attach(DOMAIN + 2, other)
        expect("the first stays", mapped() == [0x1000, 0x3000])
        iommu.map(DOMAIN + 2, 0x7000, 0x7fff, 0)
        victim.monitor.command("device_del", id="w1")
        driver.eject(victim.qtest, 4)
        victim.deleted("w1")
        iommu.detach(DOMAIN, own)
        expect("none", victim.get("w0", "mirror") == "")
        expect("the mode", {each["id"]: each["mode"] for each in victim.endpoints()}["0x218"] ==
               {"off": "blocked", "on": "bypass"}[bypass])
        victim.monitor.command("quit")


def an_address_space_ends_with_the_function_that_isolates_it(stage):
    """The other functions behind the bridge are blocked then, until one of them is attached."""
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off",
        f"pcie-root-port,id=rp0,chassis=1,addr={PORT}", "pcie-pci-bridge,id=br0,bus=rp0",
        "viommu-watch,id=w0,bus=br0,addr=3", "viommu-watch,id=w1,bus=br0,addr=4"])
    driver.enable_ecam(victim.qtest)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1, 2)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=1), 2)
    iommu = started(victim)
    iommu.attach(DOMAIN, PORT << 3)
    iommu.map(DOMAIN, 0x1000, 0x1fff, 0)
    iommu.attach(DOMAIN, 0x218)
    expect("both have the mapping", victim.get("w1", "mirror"))
    victim.monitor.command("device_del", id="w0")
    driver.eject(victim.qtest, 3)
    victim.deleted("w0")
    expect("blocked", not victim.get("w1", "mirror") and answered(victim, "w1", 0x1000)[3] == 0)
    iommu.attach(DOMAIN, 0x220)
    expect("attached", victim.get("w1", "mirror") and not victim.get("w1", "check"))


def an_endpoint_has_the_number_of_its_bus(stage):
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU}", f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
        "viommu-watch,id=w0,bus=rp0"])
    iommu = started(victim)
    for bus in (1, 7, 2):
        driver.bridge_open(driver.Function(victim.qtest, PORT), bus)
        expect(f"an endpoint {bus}:00.0", iommu.probe(bus << 8) == driver.OK)
        others = [each["id"] for each in victim.endpoints() if int(each["id"], 0) > 0xff]
        expect(f"no other one: {others}", others == [hex(bus << 8)])


def an_iommu_is_no_endpoint(stage):
    """Its own DMA is never translated."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off,iommu_platform=on",
                          f"viommu-watch,addr={WATCH}"])
    driver.enable_ecam(victim.qtest)
    iommu = driver.Driver(victim.qtest, IOMMU, WINDOW)
    iommu.start(driver.IOMMU_FEATURES | driver.VERSION_1 | driver.ACCESS_PLATFORM)
    iommu.kick(0)
    expect("PROBE of another", iommu.probe(WATCH << 3) == driver.OK)
    expect("PROBE", iommu.probe(IOMMU << 3) == driver.NOENT)


def a_bus_has_one_iommu(stage):
    for devices in (["viommu-pci"] * 2, ["virtio-iommu-pci", "viommu-pci"],
                    ["viommu-pci", "virtio-iommu-pci"], ["viommu-pci", "intel-iommu"]):
        said = stage.refused(devices, board="q35,kernel-irqchip=split")
        expect(f"{devices}: {said}", re.search("already has an IOMMU|served by two IOMMUs", said))


def slow(name):
    """A node whose reads can be suspended."""
    return ["-blockdev", f"null-co,node-name=null-{name},read-zeroes=on,size=1048576",
            "-blockdev", f"blkdebug,node-name=debug-{name},image=null-{name}",
            "-blockdev", f"raw,node-name={name},file=debug-{name}"]


DISK_MEMORY, DISK_WINDOW, PAGE, IOVA = 0x200000, 0xd0000000, 0x300000, 0x400000


def reading(stage, options, more, kind=disks.VirtioBlk, bypass=False):
    """A disk that has begun to read into a page, and does not go on until `resume`."""
    devices = [device.format(addr=WATCH) for device in kind.devices]
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off{options}",
                          devices[0] + more, *devices[1:]], slow("slow") + ["-object", "iothread,id=thread"])
    return victim, *begun(victim, kind, bypass)


def begun(victim, kind, bypass=False, device=WATCH):
    """A driver of the IOMMU, and one of a disk that reads so. `device` is a requester ID / 8."""
    iommu = started(victim)
    if not bypass:
        iommu.attach(DOMAIN, device << 3)
        iommu.map(DOMAIN, DISK_MEMORY, DISK_MEMORY + 0xffff, DISK_MEMORY)
        iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE)
    disk = kind(victim, device, DISK_WINDOW, DISK_MEMORY)
    disk.start()
    tell_disk(victim, "break read_aio A")
    victim.qtest.write(PAGE, b"\x11" * 0x1000)
    disk.read(PAGE if bypass else IOVA)
    victim.wait_for("the disk", lambda: "Suspended request 'A'" in victim.machine.output, 5)
    expect("the disk waits", not disk.completed())
    return iommu, disk


def reading_slowly(stage, features=driver.IOMMU_FEATURES | driver.VERSION_1, more=()):
    """A disk that has begun to read into a page, which takes a second."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off",
                          disks.VirtioBlk.devices[0].format(addr=WATCH)],
                         ["-blockdev", "null-co,node-name=slow,size=1048576,read-only=on,"
                          "latency-ns=1000000000", *more])
    iommu = started(victim)
    iommu.start(features)
    iommu.attach(DOMAIN, WATCH << 3)
    iommu.map(DOMAIN, DISK_MEMORY, DISK_MEMORY + 0xffff, DISK_MEMORY)
    iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE)
    disk = disks.VirtioBlk(victim, WATCH, DISK_WINDOW, DISK_MEMORY)
    disk.start()
    disk.read(IOVA)
    return victim, iommu, disk


def tell_disk(victim, words, node="slow"):
    """A command for a disk's blkdebug. (By the node's name QEMU 10.0 would wait for its I/O.)"""
    disk, = [each["qdev"] for each in victim.monitor.command("query-block")
             if each["inserted"]["node-name"] == node]
    victim.monitor.human(f'qemu-io -d {disk} "{words}"')


def holds(victim, byte):
    return victim.qtest.read(PAGE, 0x1000) == bytes([byte]) * 0x1000


UNMAP = driver.UNMAP_FORM.pack(driver.UNMAP, DOMAIN, IOVA, IOVA + 0xfff)
DETACH = driver.DETACH_FORM.pack(driver.DETACH, DOMAIN, WATCH << 3)


def waits(stage, request, more="", kind=disks.VirtioBlk):
    victim, iommu, disk = reading(stage, "", more, kind)
    waits_for(victim, iommu, disk, request)


def waits_for(victim, iommu, disk, request, endpoint=WATCH << 3):
    """QMP answers meanwhile, and afterwards the page is the guest's."""
    name = type(disk).__name__
    expect(f"{name}: no answer", iommu.ask(request) is None)
    expect("nor to the next request", iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE) is None)
    expect("QMP answers", victim.monitor.command("query-status", timeout=2))
    expect("nothing is written yet", holds(victim, 0x11))
    tell_disk(victim, "resume A")
    victim.wait_for(f"{name}: the answer", lambda: iommu.used(0) == iommu.offered[0], 5)
    expect(f"{name}: the disk has read before", holds(victim, 0))
    victim.qtest.write(PAGE, b"\x5a" * 0x1000)
    expect("another request", iommu.probe(endpoint) == driver.OK)
    expect("the page is the guest's", holds(victim, 0x5a))
    victim.monitor.command("quit")


def overwrites(stage, kind=disks.VirtioBlk):
    """Without the wait the disk writes into a page that the guest uses again."""
    victim, iommu, _ = reading(stage, ",wait-for-io=off", "", kind)
    expect("UNMAP", iommu.ask(UNMAP)[0] == driver.OK)
    victim.qtest.write(PAGE, b"\x5a" * 0x1000)
    tell_disk(victim, "resume A")
    victim.wait_for(f"{kind.__name__} writes into a page of the guest", lambda: holds(victim, 0), 5)
    victim.monitor.command("quit")


def an_unmap_waits_for_disk_reads_in_flight(stage):
    for request, more in ((UNMAP, ""), (DETACH, ""), (UNMAP, ",iothread=thread"),
                          (UNMAP, ",ioeventfd=off")):
        waits(stage, request, more)
    overwrites(stage)


def an_attach_waits_for_disk_reads_that_bypass(stage):
    victim, iommu, _ = reading(stage, ",boot-bypass=on", "", bypass=True)
    expect("no answer", iommu.attach(DOMAIN, WATCH << 3) is None)
    tell_disk(victim, "resume A")
    victim.wait_for("the answer", lambda: iommu.used(0) == iommu.offered[0], 5)
    expect("the disk has read before", holds(victim, 0))


def an_unmap_waits_for_reads_of_each_kind_of_disk(stage):
    for kind in disks.DISKS:
        waits(stage, UNMAP, kind=kind)
        overwrites(stage, kind)


def an_unmap_waits_for_all_disks_that_it_concerns(stage):
    """And for no other; afterwards they go on."""
    names, places = ("slow", "other"), (WATCH, PORT)
    kind = disks.VirtioBlk
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off"] + [
        kind.devices[0].format(addr=place).replace("=slow", f"={name}")
        for name, place in zip(names, places)], slow(names[0]) + slow(names[1]))
    iommu = started(victim)
    both = [kind(victim, place, DISK_WINDOW + 0x100000 * i, DISK_MEMORY + 0x10000 * i)
            for i, place in enumerate(places)]

    def read(name, disk, page):
        tell_disk(victim, f"break read_aio {name}", name)
        disk.read(page)
        victim.wait_for(f"{name} reads", lambda: victim.machine.output.count(
            f"Suspended request '{name}'") > victim.machine.output.count(
            f"Resuming request '{name}'"), 5)

    for place in places:
        iommu.attach(DOMAIN, place << 3)
    iommu.map(DOMAIN, DISK_MEMORY, DISK_MEMORY + 0x1ffff, DISK_MEMORY)
    iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE)
    for disk in both:                   # QEMU 10.2 starts a disk after all reads in flight.
        disk.start()
    for name, disk in zip(names, both):
        read(name, disk, IOVA)
    expect("no answer", iommu.ask(UNMAP) is None)
    for name, disk in zip(names, both):
        expect("no answer yet", iommu.used(0) != iommu.offered[0])
        tell_disk(victim, f"resume {name}", name)
        victim.wait_for(f"{name} has read", disk.completed, 5)
    victim.wait_for("the answer", lambda: iommu.used(0) == iommu.offered[0], 5)
    expect("MAP", iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE) == driver.OK)
    iommu.attach(DOMAIN + 1, PORT << 3)
    iommu.map(DOMAIN + 1, DISK_MEMORY, DISK_MEMORY + 0x1ffff, DISK_MEMORY)
    read(names[1], both[1], DISK_MEMORY + 0x14000)
    expect("the other disk is not waited for", iommu.ask(UNMAP) == bytes(4))
    both[0].read(DISK_MEMORY + 0x4000)
    victim.wait_for("a disk that was waited for goes on", both[0].completed, 5)


class Network(disks.Virtio):
    device = "virtio-net-pci,netdev=n0,disable-legacy=on,iommu_platform=on"
    QUEUE, HEADER_BYTES = 1, 12

    def send(self, address, length):
        self.put(self.HEADER, "<12x")
        self.offer((self.memory + self.HEADER, self.HEADER_BYTES, 0), (address, length, 0))


def received(connection, number):
    """The packets that QEMU's `stream` or `socket` backend has sent."""
    data = b""
    while number:
        length, = struct.unpack(">I", connection.recv(4, socket.MSG_WAITALL))
        data, number = connection.recv(length, socket.MSG_WAITALL), number - 1
    return data


def a_network_packet_that_waits_is_a_copy(stage):
    """A backend takes no more, and the function keeps the buffer. QEMU does not read it again."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off",
                              f"{Network.device},addr={WATCH}"],
                             ["-netdev", f"socket,id=n0,connect=127.0.0.1:{port}"])
        connection, _ = server.accept()
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    iommu.map(DOMAIN, DISK_MEMORY, DISK_MEMORY + 0xffff, DISK_MEMORY)
    iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE)
    network = Network(victim, WATCH, DISK_WINDOW, DISK_MEMORY)
    network.start()
    victim.qtest.write(PAGE, b"\x11" * 0x1000)
    while any(network.completed() for _ in range(100)):
        network.send(IOVA, 0x1000)
    expect("UNMAP", iommu.unmap(DOMAIN, IOVA, IOVA + 0xfff) == driver.OK)
    expect("it still waits", not network.completed())
    victim.qtest.write(PAGE, b"\x5a" * 0x1000)
    with connection:
        expect("the last packet", received(connection, network.offered) == b"\x11" * 0x1000)


def an_unmap_that_waits_ends_with_a_reset(stage):
    victim, iommu, _ = reading(stage, "", "")
    expect("no answer", iommu.ask(UNMAP) is None)
    iommu.start()
    expect("after a reset of the device", iommu.attach(DOMAIN, WATCH << 3) is None)
    tell_disk(victim, "resume A")
    victim.wait_for("the answer", lambda: iommu.used(0) == iommu.offered[0], 5)
    expect("and then it works", iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE) == driver.OK)


def an_unmap_that_waits_ends_before_the_machine_stops(stage):
    """A saved state has no request that waits."""
    snapshots = os.path.join(stage.folder, "snapshots.qcow2")
    packages.run("qemu-img", "create", "-q", "-f", "qcow2", snapshots, "1M")
    victim, iommu, disk = reading_slowly(
        stage, more=["-drive", f"if=none,id=snap,file={snapshots},format=qcow2"])
    in_two_pieces(iommu, UNMAP)         # the ring would have it executed again
    iommu.kick(0)
    victim.monitor.command("query-status")
    expect("no answer", iommu.used(0) != iommu.offered[0])
    for command in "savevm one", "loadvm one":
        said = victim.monitor.human(command)
        expect(f"{command}: {said}", not said.strip())
    expect("the answer", iommu.used(0) == iommu.offered[0] and disk.completed())
    expect("it works", iommu.map(DOMAIN, IOVA, IOVA + 0xfff, PAGE) == driver.OK)


NATIVE = ["intel-iommu,intremap=off", "pxb-pcie,id=p1,bus_nr=0x40,bus=pcie.0",
          f"viommu-pci,id=iommu0,bus=pcie.0,addr={IOMMU},root-bus=p1",
          "pcie-root-port,id=rp0,bus=p1,chassis=1"]


def a_function_beside_an_iommu_of_the_machine_is_plugged_in(stage):
    """The machine's tables leave our root bus out as if it bypassed IOMMUs, which it does not."""
    victim = stage.start([*NATIVE, "viommu-watch,id=w0,bus=pcie.0"],
                         ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"])
    iommu = started(victim)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=0x40), 0x41)
    victim.monitor.command("device_add", driver="viommu-watch", id="hot", bus="rp0")
    iommu.kick(0)
    expect("ATTACH", iommu.attach(DOMAIN, 0x4100) == driver.OK)
    expect("MAP", iommu.map(DOMAIN, 0x1000, 0x1fff, 0) == driver.OK)
    expect("it is ours", victim.get("hot", "mirror").count("\n") == 1)
    expect("the other is not", not victim.get("w0", "mirror"))


def a_root_bus_that_comes_later_is_served(stage):
    """libvirt gives devices as JSON, which QEMU creates after all that are not."""
    later = [{"driver": "pxb-pcie", "id": "p1", "bus_nr": 0x40, "bus": "pcie.0"},
             {"driver": "pcie-root-port", "id": "rp0", "bus": "p1", "chassis": 1},
             {"driver": "viommu-watch", "id": "w0", "bus": "rp0"}]
    victim = stage.start([NATIVE[2]], [word for device in later for word in ("-device", json.dumps(device))])
    iommu = started(victim)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=0x40), 0x41)
    iommu.kick(0)
    expect("ATTACH", iommu.attach(DOMAIN, 0x4100) == driver.OK)
    expect("MAP", iommu.map(DOMAIN, 0x1000, 0x1fff, 0) == driver.OK)
    expect("it is mirrored", victim.get("w0", "mirror").count("\n") == 1)
    for bus, message in (("nosuch", "no PCI bus 'nosuch'"), ("rp0", "'rp0' is not a root bus")):
        said = stage.refused([NATIVE[2].replace("p1", bus), NATIVE[1], NATIVE[3]])
        expect(said, message in said)


def an_assigned_device_before_the_iommu_is_refused(stage):
    """It would reach all memory of the guest, untranslated: VFIO looks for an IOMMU once."""
    assigned = "viommu-watch-assigned,id=gpu"
    for devices in ([assigned, "viommu-pci"], [*NATIVE[1:2], NATIVE[3], f"{assigned},bus=rp0", NATIVE[2]]):
        said = stage.refused(devices)
        expect(said, "gpu, an assigned device, is created before the IOMMU" in said)
    for board, devices in (("q35", [NATIVE[1], NATIVE[3], NATIVE[2], f"{assigned},bus=rp0", "viommu-pci,bus=pcie.0"]),
                           ("q35,default_bus_bypass_iommu=on", [assigned, "viommu-pci"])):
        said = stage.refused([*devices, "viommu-pci,bus=pcie.0,aw-bits=65"], board=board)
        expect(said, "aw-bits" in said and "assigned" not in said)


def an_unmap_waits_for_disk_reads_beside_an_iommu_of_the_machine(stage):
    kind, bus = disks.VirtioBlk, 0x41
    victim = stage.start([*NATIVE, kind.devices[0].format(addr=0) + ",bus=rp0"], slow("slow"))
    driver.enable_ecam(victim.qtest)
    port = driver.Function(victim.qtest, 0, bus=0x40)
    driver.bridge_open(port, bus)
    port.set(driver.MEMORY_BASE, 4, DISK_WINDOW | DISK_WINDOW >> 16)
    waits_for(victim, *begun(victim, kind, device=bus << 5), UNMAP, endpoint=bus << 8)


def interrupts_that_the_machine_remaps_are_refused(stage):
    said = stage.refused([NATIVE[0].replace("off", "on"), *NATIVE[1:]],
                         board="q35,kernel-irqchip=split")
    expect(said, "intel-iommu remaps interrupts" in said and "intremap=off" in said)


def a_wrong_property_is_refused_and_named(stage):
    """By the name of the one at fault, and what is wrong with its value."""
    many = "+".join(f"{n}-{n}" for n in range(100))
    for properties, message in (
            ("aw-bits=0", "aw-bits: 0 is not 1 to 64"), ("aw-bits=65", "aw-bits: 65 is not"),
            ("probe-size=1", "probe-size: 1 is not a multiple of 8"),
            ("probe-size=4294967288", "probe-size: 4294967288 is more than 65536"),
            ("probe-size=16", "probe-size: 16 bytes are too few"),
            (f"reserved={many}", "probe-size: 512 bytes are too few"),
            ("domain-first=5,domain-last=4", "domain-last: 4 is less than domain-first=5"),
            ("input-first=5,input-last=4", "input-last: 0x4 is less than input-first=0x5"),
            ("aw-bits=12,input-first=0x1000", "aw-bits: 0xfff is less than input-first=0x1000"),
            ("root-bus=nosuch", "nosuch"),
            ("reserved=1-3+2-4", "reserved: 0x1-0x3 and 0x2-0x4 overlap"),
            ("reserved=8-9+2-4+3-3", "reserved: 0x2-0x4 and 0x3-0x3 overlap"),
            ("reserved=0xfee01000-0xfee01fff",
             "msi: 0xfee00000-0xfeefffff overlaps 0xfee01000-0xfee01fff of 'reserved'"),
            ("reserved=1-2:msi+3-4:msi", "reserved: more than one range is for MSIs"),
            ("reserved=1-2:msi,msi=on", "msi: 'reserved' has a range for MSIs already"),
            ("reserved=2-1", "reserved: '2-1' is not FIRST-LAST"),
            ("reserved=" + "0-0+" * 1000, "reserved: "),
            ("probe-proximity-domain=x", "probe-proximity-domain: 'x'"),
            ("probe-ats=4", "probe-ats: '4'"), ("firmware=x", "firmware: 'x'"),
            ("personality=draft-e,tables=generic", "personality: draft-e .* set tables=arm$"),
            ("personality=draft-c,tables=riscv+amd", r"personality: draft-c .* set tables=arm\+x86\+generic$"),
            ("personality=draft-c,tables=x86,nest=on", "nest: personality draft-c")):
        answer = stage.refused([f"viommu-pci,{properties}"])
        expect(f"{properties[:40]}: {answer}", re.search(rf"viommu-pci.*: {message}", answer) or
               (message == "nosuch" and message in answer))


def a_second_copy_of_the_module_is_refused(stage):
    """QEMU aborts at a type that exists."""
    copy = os.path.join(stage.folder, "copy.so")
    shutil.copy(stage.module, copy)
    said = stage.refused(["viommu-pci"], ["-plugin", copy])
    expect(said, "another copy of this module is loaded already" in said)


DISK = ["-blockdev", "null-co,node-name=null,read-zeroes=on"]
BLOCK = "virtio-blk-pci,drive=null,disable-legacy=on"
NODES = ["-object", "memory-backend-ram,id=m0,size=64M", "-numa", "node,memdev=m0"]


def a_machine_in_which_the_device_does_little_is_started_with_a_warning(stage):
    pxb = "pxb-pcie,id=p1,bus_nr=0x40"
    served = "viommu-pci,id=iommu0,bus=pcie.0,root-bus=p1"
    for board, devices, more, warning in (
            ("q35,default_bus_bypass_iommu=on", ["viommu-pci,id=iommu0"], [],
             "iommu0 serves no function of 'pcie.0', which bypasses it"),
            ("q35", [f"{pxb},bypass_iommu=on", served], [], "iommu0 serves no function of 'p1'"),
            ("q35", [pxb, served], [], "iommu0 serves no function: 'p1' has none"),
            ("q35", ["viommu-pci,id=iommu0", f"{BLOCK},id=d0"], DISK,
             "d0 is behind iommu0, but its DMA bypasses it: add iommu_platform=on"),
            ("q35", [f"{BLOCK},id=d0", "viommu-pci,id=iommu0"], DISK, "d0 is behind iommu0"),
            ("q35", ["viommu-pci,id=iommu0,endpoints=d7:ats=1"], [],
             "iommu0: endpoints: no device has the id 'd7' yet"),
            ("q35", ["viommu-pci,id=iommu0,probe-proximity-domain=1"], NODES,
             "iommu0: probe-proximity-domain: 1 is no NUMA node of this machine, which has 1"),
            ("microvm", ["viommu-device,id=iommu0"], [], "iommu0 serves no device"),
            ("q35,kernel-irqchip=split",
             ["amd-iommu,intremap=off", pxb, served, "pcie-root-port,bus=p1"], [],
             "iommu0: Linux 6.12 ends at functions of 'p1' beside an amd-iommu"),
            ("q35,kernel-irqchip=split",
             ["amd-iommu,intremap=off", pxb, "pxb-pcie,id=p2,bus_nr=0x80,bus=pcie.0", served,
              "pcie-root-port,bus=p1", "pcie-root-port,bus=p2,chassis=2"], [], None),
            ("q35", ["viommu-pci,id=iommu0", f"{BLOCK},iommu_platform=on"], DISK, None),
            ("q35", [pxb, served, "pcie-root-port,bus=p1"], [], None),
            ("q35", ["viommu-pci,probe-proximity-domain=0"], NODES, None)):
        victim = stage.start(devices, more, board)
        victim.monitor.command("query-status")
        if warning:
            victim.wait_for(f"{board} {devices}: {warning}",
                            lambda: warning in victim.machine.output, 5)
        else:
            said = victim.machine.output        # a sanitizer may say something, too
            expect(f"{board} {devices}: {said}", "qemu-system" not in said)
        victim.machine.kill()


PROXIMITY, ATS, ATS_HERE, ATS_PATH = 0xf10, 0xf11, 1, 2


def ats_is_reported_as_the_function_and_its_path_have_it(stage):
    """Also of a function before the IOMMU on the command line, and of one that is plugged in later."""
    hot = {"driver": "virtio-rng-pci", "id": "hot", "bus": "rp1", "ats": True,
           "disable-legacy": "on", "iommu_platform": True}
    ready = f"virtio-rng-pci,ats=on,disable-legacy=on,iommu_platform=on"
    victim = stage.start([
        f"{ready},addr={WATCH}", f"viommu-pci,id=iommu0,addr={IOMMU},probe-ats=on",
        f"pcie-root-port,id=rp0,chassis=1,addr={PORT}", f"{ready},bus=rp0",
        f"pcie-root-port,id=rp1,chassis=2,addr={PORT + 1}", f"pci-testdev,addr={PORT + 2}",
        f"pcie-root-port,id=rp2,chassis=3,addr={PORT + 3}", "pcie-pci-bridge,id=br0,bus=rp2",
        f"pci-testdev,bus=br0,addr=1"],
        ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"])
    driver.enable_ecam(victim.qtest)
    for port, first, last in ((PORT, 1, 1), (PORT + 1, 2, 2), (PORT + 3, 3, 4)):
        driver.bridge_open(driver.Function(victim.qtest, port), first, last)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=3), 4)
    iommu = started(victim)
    iommu.kick(0)
    victim.monitor.command("device_add", **hot)
    for endpoint, flags in ((WATCH << 3, ATS_PATH), (0x100, ATS_HERE | ATS_PATH),
                            (0x200, ATS_HERE | ATS_PATH), ((PORT + 2) << 3, ATS_PATH),
                            (0x408, 0)):
        answer = iommu.ask(driver.PROBE_FORM.pack(driver.PROBE, endpoint), 516)
        at = answer.find(struct.pack("<HH", ATS, 4)) + 4
        expect(f"{endpoint:#x}: {answer[:80].hex(' ', 4)}", at > 3 and
               struct.unpack_from("<I", answer, at)[0] == flags)


def every_property_of_probe_is_reported_as_its_qemu_property_says(stage):
    """For all endpoints, or for one: a row of <viommu/protocol.h> is enough."""
    rows = read_rows()
    everywhere = "".join(f",probe-{row.option}={row.bits:#x}" for row in rows)
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU}{everywhere},endpoints="
        + ":".join(["w1"] + [f"{row.option}=off" for row in rows]),
        f"viommu-watch,id=w0,addr={WATCH}", f"viommu-watch,id=w1,addr={WATCH + 2}"])
    iommu = started(victim)
    for endpoint, reported in ((WATCH << 3, True), ((WATCH + 2) << 3, False)):
        answer = iommu.ask(driver.PROBE_FORM.pack(driver.PROBE, endpoint), 516)
        for row in rows:
            found = struct.pack("<HHI", int(row.type, 0), 4, row.bits) in answer
            expect(f"{endpoint:#x}: {row.name}: {answer[:120].hex(' ', 4)}", found == reported)


def an_endpoint_has_settings_of_its_own(stage):
    """Granule, addresses, NUMA node and ATS, of functions that are there and of one that comes later."""
    pages, last = 0xffffffffffff0000, (1 << 32) - 1
    hot = {"driver": "viommu-watch", "id": "hot", "bus": "rp0"}
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU},endpoints=w0:page-size-mask={pages:#x}+"
        f"hot:input-last={last:#x}:proximity-domain=7:ats=3",
        f"viommu-watch,id=w0,addr={WATCH}", f"viommu-watch,id=w1,addr={WATCH + 2}",
        f"pcie-root-port,id=rp0,chassis=1,addr={PORT}"],
        ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"])
    iommu = started(victim)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1)
    victim.monitor.command("device_add", **hot)
    iommu.kick(0)
    for domain, endpoint, small, far in ((1, WATCH << 3, driver.RANGE, driver.OK),
                                         (2, (WATCH + 2) << 3, driver.OK, driver.OK),
                                         (3, 0x100, driver.OK, driver.INVAL)):
        expect(f"ATTACH {endpoint:#x}", iommu.attach(domain, endpoint) == driver.OK)
        answer = iommu.map(domain, 0x1000, 0x1fff, 0)
        expect(f"{endpoint:#x}: a small page: {answer}", answer == small)
        answer = iommu.map(domain, last + 1, last + 0x10000, 0)
        expect(f"{endpoint:#x}: far: {answer}", answer in (far, driver.RANGE if far else far))
    joined = [iommu.attach(9, endpoint) for endpoint in ((WATCH + 2) << 3, WATCH << 3)]
    expect(f"different granules in one domain: {joined}", joined == [driver.OK, driver.UNSUPP])
    answer = iommu.ask(driver.PROBE_FORM.pack(driver.PROBE, 0x100), 516)
    for kind, value in ((ATS, 3), (PROXIMITY, 7)):
        expect(f"{kind:#x}: {answer[:120].hex(' ', 4)}",
               struct.pack("<HHI", kind, 4, value) in answer)
    for value, message in (("w0", "'w0' is not ID:NAME=VALUE"), ("w0:x=1", "'x=1' of 'w0'"),
                           ("w0:ats=4", "'ats=4' of 'w0'"),
                           ("w0:input-first=2:input-last=1", "0x1 is less than 0x2")):
        said = stage.refused([f"viommu-pci,endpoints={value}"])
        expect(f"{value}: {said}", f"endpoints: " in said and message in said)


# -- assigned devices --------------------------------------------------------------------------------

PAGES_64K, PAGES_2M = 0xffffffffffff0000, 0xffffffffffe00000


def a_host_of_larger_pages_restricts_the_granule(stage):
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off",
                          f"viommu-watch,id=w0,addr={WATCH},page-sizes={PAGES_64K}",
                          f"viommu-watch,id=w1,addr={WATCH + 2}"])
    expect("the page sizes", json.loads(victim.get("iommu0", "state"))["page-size-mask"] ==
           hex(PAGES_64K))
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    expect("a small page", iommu.map(DOMAIN, 0x1000, 0x1fff, 0) == driver.RANGE)
    expect("a large page", iommu.map(DOMAIN, 0x10000, 0x2ffff, 0) == driver.OK)
    expect("it is mirrored", victim.get("w0", "mirror").count("\n") == 2 and
           not victim.get("w0", "check"))


def a_host_without_a_page_size_of_the_device_is_refused(stage):
    said = stage.refused([f"viommu-pci,addr={IOMMU},boot-bypass=off,page-size-mask=0x1000",
                          f"viommu-watch,addr={WATCH},page-sizes={PAGES_64K}"])
    expect(said, re.search("page sizes 0x1000 do not fit .* 0xffffffffffff0000", said))


def a_host_that_comes_later_cannot_change_the_granule(stage):
    """7.2 cannot refuse such a host, and warns."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU},boot-bypass=off",
                          f"pcie-root-port,id=rp0,chassis=1,addr={PORT}"])
    iommu = started(victim)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1)
    said = ""
    try:
        victim.monitor.command("device_add", driver="viommu-watch", id="w0", bus="rp0",
                               **{"page-sizes": PAGES_2M})
    except Failed as failed:
        said = str(failed)
    victim.wait_for(f"a message: {said}", lambda: "do not fit" in said + victim.machine.output, 10)
    expect("the page sizes", json.loads(victim.get("iommu0", "state"))["page-size-mask"] ==
           "0xfffffffffffff000")
    expect("the device works", iommu.attach(DOMAIN, PORT << 3) == driver.OK and
           iommu.map(DOMAIN, 0x1000, 0x1fff, 0) == driver.OK)


def addresses_that_a_host_cannot_map_are_reserved(stage):
    if stage.qemu.generation == "7.2":
        return                          # which does not report it
    reach = (1 << 39) - 1
    watch = {"driver": "viommu-watch", "id": "w0", "bus": "rp0", "reach": reach,
             "page-sizes": 0xfffffffffffff000}
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}",
                          f"pcie-root-port,id=rp0,chassis=1,addr={PORT}"],
                         ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"])
    iommu = started(victim)
    port = driver.Function(victim.qtest, PORT)
    driver.bridge_open(port, 1)
    for _ in range(3):
        victim.monitor.command("device_add", **watch)
        iommu.kick(0)
        expect("ATTACH", iommu.attach(DOMAIN, 0x100) == driver.OK)
        expect("within", iommu.map(DOMAIN, reach - 0xfff, reach, 0) == driver.OK)
        expect("beyond", iommu.map(DOMAIN, reach + 1, reach + 0x1000, 0) == driver.INVAL)
        expect("across", iommu.map(DOMAIN, reach - 0x1fff, reach + 0x1000, 0) == driver.INVAL)
        answer = iommu.ask(driver.PROBE_FORM.pack(driver.PROBE, 0x100), 516)
        expect(f"PROBE {answer[:60]}", struct.pack("<QQ", reach + 1, EVERYTHING) in answer)
        victim.monitor.command("device_del", id="w0")
        driver.slot_off(port)
        victim.deleted("w0")
        expect("gone", iommu.probe(0x100) == driver.NOENT)
        iommu.attach(DOMAIN + 1, PORT << 3)
        iommu.detach(DOMAIN + 1, PORT << 3)


def a_refused_host_leaves_no_limits(stage):
    if stage.qemu.generation == "7.2":
        return
    near, far = (1 << 36) - 1, (1 << 39) - 1
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU}", f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
        "pcie-pci-bridge,id=br0,bus=rp0", f"viommu-watch,id=far,bus=br0,addr=3,reach={far}"])
    driver.enable_ecam(victim.qtest)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1, 2)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=1), 2)
    iommu = started(victim)
    iommu.kick(0)
    try:
        victim.monitor.command("device_add", driver="viommu-watch", id="near", bus="br0", addr="4",
                               reach=near, **{"page-sizes": PAGES_2M})
        raise Broken("a host with other page sizes is accepted")
    except Failed as failed:
        expect(str(failed), "do not fit" in str(failed))
    expect("ATTACH", iommu.attach(DOMAIN, 0x200) == driver.OK)
    victim.monitor.command("device_add", driver="viommu-watch", id="more", bus="br0", addr="5",
                           reach=far)
    expect("as far as the other", iommu.map(DOMAIN, near + 1, near + 0x1000, 0) == driver.OK)


def functions_behind_a_bridge_to_pci_have_the_limits_of_all_their_hosts(stage):
    if stage.qemu.generation == "7.2":
        return
    near, far = (1 << 36) - 1, (1 << 39) - 1
    victim = stage.start([
        f"viommu-pci,id=iommu0,addr={IOMMU}", f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
        "pcie-pci-bridge,id=br0,bus=rp0", f"viommu-watch,id=near,bus=br0,addr=2,reach={near}",
        f"viommu-watch,id=far,bus=br0,addr=3,reach={far}"])
    driver.enable_ecam(victim.qtest)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1, 2)
    driver.bridge_open(driver.Function(victim.qtest, 0, bus=1), 2)
    iommu = started(victim)
    iommu.kick(0)

    def reaches(last):
        expect("ATTACH", iommu.attach(DOMAIN, 0x200) == driver.OK)
        here = iommu.map(DOMAIN, last - 0xfff, last, 0)
        beyond = iommu.map(DOMAIN, last + 1, last + 0x1000, 0)
        expect("DETACH", iommu.detach(DOMAIN, 0x200) == driver.OK)
        return (here, beyond) == (driver.OK, driver.INVAL)

    expect("as far as both", reaches(near))
    victim.monitor.command("device_del", id="near")
    driver.eject(victim.qtest, 2)
    victim.deleted("near")
    expect("as far as before, while one is there", reaches(near))
    victim.monitor.command("device_del", id="far")
    driver.eject(victim.qtest, 3)
    victim.deleted("far")
    expect("as far as anything", iommu.attach(DOMAIN, 0x200) == driver.OK and
           iommu.map(DOMAIN, 1 << 40, (1 << 40) + 0xfff, 0) == driver.OK)


# -- migration streams ----------------------------------------------------------------

HERE_ARE = [f"viommu-watch,id=w0,addr={WATCH}"]


def source(stage):
    """A QEMU with two mappings, and its driver."""
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", *HERE_ARE])
    iommu = started(victim)
    iommu.attach(DOMAIN, WATCH << 3)
    iommu.map(DOMAIN, 0x1000, 0x1fff, 0)
    iommu.map(DOMAIN, 0x3000, 0x3fff, 0)
    return victim, iommu


def stream_of(stage, victim):
    """Returns the whole migration stream of a QEMU."""
    path = os.path.join(stage.folder, "stream")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        victim.monitor.command("migrate", uri=f"unix:{path}")
        connection, _ = listener.accept()
        with connection:
            pieces = iter(lambda: connection.recv(1 << 20), b"")
            return b"".join(pieces)


def fed(stage, stream, iommu="", functions=tuple(HERE_ARE)):
    """Send a stream to a QEMU; returns its exit status (KILLED if it ran) and its output."""
    path = os.path.join(stage.folder, f"feed{len(stage.victims)}")
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}{iommu}", *functions],
                         ["-incoming", f"unix:{path}"])
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        try:
            connection.sendall(stream)
        except OSError:
            pass                        # QEMU has refused it and exited
    victim.wait_for("the end of loading", lambda: not victim.machine.alive() or victim.runs())
    victim.machine.kill() if victim.runs() else victim.machine.finish(time.monotonic() + 10)
    return victim.machine.process.returncode, victim.machine.output


def a_state_that_does_not_fit_is_refused_with_the_reason(stage):
    stream = stream_of(stage, source(stage)[0])
    for iommu, functions, reason in (
            (",max-mappings=1", HERE_ARE, "more mappings than the limits"),
            (",max-bytes=1", HERE_ARE, "more domains than the limits"),
            (",page-size-mask=0xffffffffffffe000", HERE_ARE, "page-size-mask: .* 0xf+e000"),
            (",aw-bits=39", HERE_ARE, "aw-bits or input-last: .* 0x7fffffffff"),
            (",domain-last=9", HERE_ARE, "domain-last: .* 0x9"),
            (",reserved=0x3000-0x3fff", HERE_ARE, "mapping at 0x3000 of domain 1 .* reserved"),
            ("", [], "endpoint 0x28 does not exist")):
        status, said = fed(stage, stream, iommu, functions)
        expect(f"{reason}: {said}", status == 1 and re.search(reason, said))
        expect(f"no advice: {said}", "max-mappings and max-bytes may be higher" in said)
    expect("more room does not fit", fed(stage, stream, ",max-mappings=7")[0] == KILLED)


def a_truncated_stream_is_refused(stage):
    """As when the source dies half-way."""
    stream = stream_of(stage, source(stage)[0])
    state = stream.index(STATE_MAGIC)
    length = struct.unpack_from("<Q", stream, state + 8)[0]
    for cut in (0, 5, 1000, len(stream) // 2, state - 4, state, state + 9, state + length - 1):
        status, said = fed(stage, stream[:cut])
        expect(f"cut at {cut}: status {status}, {said}", status == 1 and "qemu-system" in said)


def bus_numbers_that_changed_since_the_last_request_do_not_stop_a_migration(stage):
    """Nor does a function without a bus number whose ID the guest guessed and attached."""
    functions = [*HERE_ARE, f"pcie-root-port,id=rp0,chassis=1,addr={PORT}",
                 "viommu-watch,id=w1,bus=rp0", f"pcie-root-port,id=rp1,chassis=2,addr={PORT + 1}",
                 "viommu-watch,id=w2,bus=rp1"]
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", *functions])
    iommu = started(victim)
    port = driver.Function(victim.qtest, PORT)
    other = driver.Function(victim.qtest, PORT + 1)
    driver.bridge_open(port, 1)
    for bus in 5, 0:                    # so that its ID is not that of a machine that has just started
        driver.bridge_open(other, bus)
        iommu.kick(0)
    for endpoint in (0x100, *(int(each["id"], 0) for each in victim.endpoints()
                              if int(each["id"], 0) >= UNASSIGNED)):
        expect(f"ATTACH {endpoint:#x}", iommu.attach(DOMAIN, endpoint) == driver.OK)
    driver.bridge_open(port, 7)
    status, said = fed(stage, stream_of(stage, victim), functions=functions)
    expect(f"status {status}: {said}", status == KILLED)


def an_endpoint_behind_a_port_is_migrated(stage):
    """It gets its ID from the bus numbers in the stream."""
    functions = [*HERE_ARE, f"pcie-root-port,id=rp0,chassis=1,addr={PORT}", "viommu-watch,id=w1,bus=rp0"]
    victim = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", *functions])
    iommu = started(victim)
    driver.bridge_open(driver.Function(victim.qtest, PORT), 1)
    iommu.kick(0)
    expect("ATTACH", iommu.attach(DOMAIN, 0x100) == driver.OK)
    status, said = fed(stage, stream_of(stage, victim), functions=functions)
    expect(f"status {status}: {said}", status == KILLED)


def a_state_of_an_invalid_length_is_refused(stage):
    """QEMU would allocate a negative length as an unsigned number."""
    stream = stream_of(stage, source(stage)[0])
    state = stream.index(STATE_MAGIC)
    for length in (0, 1, 0x7fffffff, 0x80000000, 0xffffffff):
        damaged = stream[:state - 4] + struct.pack(">I", length) + stream[state:]
        status, said = fed(stage, damaged)
        expect(f"length {length:#x}: status {status}, {said}", status == 1)


def a_migration_can_be_cancelled_and_started_again(stage):
    victim, iommu = source(stage)
    for mebibyte in range(8, 16):       # so that the migration takes a while
        victim.qtest.write(mebibyte << 20, os.urandom(1 << 20))
    for how in ("cancelled", "completed"):
        other = stage.start([f"viommu-pci,id=iommu0,addr={IOMMU}", *HERE_ARE],
                            ["-incoming", "defer"])
        channel = f"unix:{stage.folder}/{how}"
        other.monitor.command("migrate-incoming", uri=channel)
        slow = how == "cancelled"
        victim.monitor.command("migrate-set-parameters", **{
            "max-bandwidth": 1 if slow else 1 << 40, "downtime-limit": 1 if slow else 5000})
        victim.monitor.command("migrate", uri=channel)
        if slow:
            expect("MAP on the way", iommu.map(DOMAIN, 0x5000, 0x5fff, 0) == driver.OK)
            victim.monitor.command("migrate_cancel")
        victim.wait_for(how, lambda: victim.monitor.command("query-migrate")["status"] == how)
        if slow:
            other.machine.finish(time.monotonic() + 10)
            expect(f"the other one: {other.machine.output}", other.machine.process.returncode == 1)
            expect("MAP after all", iommu.map(DOMAIN, 0x7000, 0x7fff, 0) == driver.OK)
    other.wait_for("the other one", other.runs)
    expect(f"mirrored there: {other.get('w0', 'mirror')}",
           other.get("w0", "mirror").count("\n") == 4 and not other.get("w0", "check"))


CASES = [an_unmap_of_everything_reaches_a_mirror,
         a_root_bus_that_comes_later_is_served, an_assigned_device_before_the_iommu_is_refused,
         removals_of_a_kick_leave_what_is_between_them, requests_are_answered_wherever_they_lie,
         requests_of_two_pieces_of_memory_share_a_kick, an_answer_may_kick_its_own_queue,
         a_translation_covers_no_more_than_its_mapping,
         a_device_that_keeps_translations_gets_whole_mappings, a_mirror_has_no_device_memory,
         nothing_is_answered_while_the_machine_is_stopped, faults_wait_in_a_ring_until_a_reset,
         a_reset_of_the_queue_ends_its_requests, nothing_is_answered_without_bus_mastering,
         the_used_index_is_the_devices, memory_that_is_unplugged_is_let_go,
         a_message_of_a_blocked_function_is_not_cached,
         a_kick_leaves_the_main_loop_its_turn, one_request_leaves_the_main_loop_its_turn, requests_attaches_and_faults_have_a_rate,
         a_device_that_caches_translations_needs_ats,
         the_pages_of_mappings_have_each_of_them_once, a_kick_holds_the_notifications_of_one_request,
         a_mirror_follows_a_kick_that_adds_and_removes_the_same_mapping,
         a_store_to_bypass_switches_all_endpoints_at_once, a_reset_of_the_system_ends_all_domains,
         an_endpoint_behind_a_bridge_to_pci_outlives_its_first_function,
         a_function_behind_a_bridge_to_pci_has_an_endpoint_of_its_own,
         a_function_behind_a_bridge_to_pci_is_isolated_by_any_of_its_ids,
         an_address_space_ends_with_the_function_that_isolates_it,
         an_endpoint_has_the_number_of_its_bus, an_iommu_is_no_endpoint,
         a_bus_has_one_iommu,
         an_unmap_waits_for_disk_reads_in_flight,
         an_attach_waits_for_disk_reads_that_bypass, an_unmap_waits_for_reads_of_each_kind_of_disk,
         an_unmap_waits_for_all_disks_that_it_concerns, a_network_packet_that_waits_is_a_copy,
         an_unmap_that_waits_ends_with_a_reset,
         an_unmap_that_waits_ends_before_the_machine_stops,
         a_function_beside_an_iommu_of_the_machine_is_plugged_in,
         an_unmap_waits_for_disk_reads_beside_an_iommu_of_the_machine,
         interrupts_that_the_machine_remaps_are_refused, a_trace_is_recorded_at_any_time,
         a_page_request_does_not_outlive_the_number_of_its_function,
         a_function_with_notifiers_and_a_page_request_is_unplugged,
         a_wrong_property_is_refused_and_named, a_second_copy_of_the_module_is_refused,
         a_machine_in_which_the_device_does_little_is_started_with_a_warning,
         every_property_of_probe_is_reported_as_its_qemu_property_says,
         an_endpoint_has_settings_of_its_own,
         ats_is_reported_as_the_function_and_its_path_have_it, a_refused_host_leaves_no_limits,
         a_host_of_larger_pages_restricts_the_granule,
         a_host_without_a_page_size_of_the_device_is_refused,
         a_host_that_comes_later_cannot_change_the_granule,
         addresses_that_a_host_cannot_map_are_reserved,
         functions_behind_a_bridge_to_pci_have_the_limits_of_all_their_hosts,
         a_state_that_does_not_fit_is_refused_with_the_reason, a_truncated_stream_is_refused,
         bus_numbers_that_changed_since_the_last_request_do_not_stop_a_migration,
         an_endpoint_behind_a_port_is_migrated, a_state_of_an_invalid_length_is_refused,
         a_migration_can_be_cancelled_and_started_again]


def show(stage):
    """Print the output of the last QEMU."""
    if stage.victims:
        last = stage.victims[-1].machine
        time.sleep(0.5)
        print("".join(f"        | {line}\n" for line in last.output.splitlines()[-LINES_SHOWN:]) +
              f"        status {last.process.poll()}")


def play(qemu, arguments):
    """Run all cases with one QEMU; returns the number that failed."""
    failed = 0
    for case in CASES:
        if arguments.case and case.__name__ not in arguments.case:
            continue
        stage = Stage(qemu, arguments.sanitized)
        try:
            case(stage)
            for victim in stage.victims:
                victim.look()
            print(f"ok      {qemu.generation:<5} {case.__name__}")
        except (Broken, Ended, Failed) as broken:
            failed += 1
            print(f"FAILED  {qemu.generation:<5} {case.__name__}: {broken}")
            show(stage)
        finally:
            stage.close()
    return failed
