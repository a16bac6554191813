# SPDX-License-Identifier: BSD-3-Clause
"""A guest's PCI configuration on q35, and its driver of a virtio-iommu function."""

import struct

ECAM = 0xb0000000
COMMAND, BAR, STATUS_LIST, PRIMARY_BUS, CAPABILITIES = 0x04, 0x10, 0x06, 0x18, 0x34
REGISTER_AGAIN = 0x40  # of viommu-watch
MEMORY_BASE = 0x20
MEMORY, MASTER = 2, 4
CAP_VENDOR, CAP_EXPRESS = 0x09, 0x10
SLOT_CONTROL, POWER_OFF, POWER_ON = 0x18, 0x0700, 0x0100
# Of viommu-dma.
ATS_CONTROL, ATS_ENABLE = 0x106, 0x8000
PRI_CONTROL, PRI_ENABLE = 0x114, 1
PASID_CONTROL, PASID_ENABLE = 0x126, 1
ACPI_HOTPLUG, ACPI_BUS, ACPI_EJECT = 0xcc0, 0x10, 0x08
ACPI_MEMORY, MEMORY_SLOT, MEMORY_CONTROL, MEMORY_EJECT = 0xa00, 0x00, 0x14, 0x08
# The kinds of virtio's PCI capabilities.
COMMON, NOTIFY, ISR, DEVICE = 1, 2, 3, 4
# The common configuration's registers, and the bits of its status.
FEATURE_SELECT, FEATURE_WORD, STATUS = 0x08, 0x0c, 0x14
QUEUE_SELECT, QUEUE_SIZE, QUEUE_ENABLE, QUEUE_DESC = 0x16, 0x18, 0x1c, 0x20
QUEUE_RESET = 0x3a
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK = 1, 2, 4, 8
VERSION_1, ACCESS_PLATFORM, RING_RESET = 1 << 32, 1 << 33, 1 << 40
IOMMU_FEATURES = 0x7f
ADDRESS_SPACES = 1 << 56 | 1 << 57 | 1 << 59  # PASIDs, tables, page requests
# Queues of this size lie in guest memory here, one behind the other.
ENTRIES = 16
RINGS, RING_BYTES = 0x100000, 0x1000
AVAILABLE, USED = 0x400, 0x800
BUFFERS, BUFFER_BYTES = 0x110000, 0x1000
NEXT, WRITE, INDIRECT = 1, 2, 4
INDIRECT_DESC, EVENT_IDX = 1 << 28, 1 << 29
ATTACH, DETACH, MAP, UNMAP, PROBE = 1, 2, 3, 4, 5
ATTACH_TABLE, INVALIDATE, PAGE_RESPONSE = 0x46, 0x47, 0x48
SLOT_PASID, GENERIC = 1 << 16, 0x141
# How requests lie in memory, from their type on.
ATTACH_FORM, DETACH_FORM = struct.Struct("<B3xIII4x"), struct.Struct("<B3xII8x")
MAP_FORM, UNMAP_FORM = struct.Struct("<B3xIQQQI"), struct.Struct("<B3xIQQ4x")
PROBE_FORM = struct.Struct("<B3xI64x")
ATTACH_TABLE_FORM = struct.Struct("<B3xIIIH2xI8xQ56x")
INVALIDATE_FORM, PAGE_RESPONSE_FORM = struct.Struct("<B3xBBHI48x"), struct.Struct("<B3xIIIHH12x")
OK, UNSUPP, INVAL, RANGE, NOENT = 0, 2, 4, 5, 6


class Function:
    """One PCI function, by its place below the first root bus."""

    def __init__(self, qtest, device, bus=0):
        self.qtest = qtest
        self.config = ECAM + (bus << 20) + (device << 15)

    def get(self, at, width):
        return self.qtest.peek(self.config + at, width)

    def set(self, at, width, value):
        self.qtest.poke(self.config + at, width, value)

    def capabilities(self):
        at = self.get(CAPABILITIES, 1)
        for _ in range(48):
            if not at:
                return
            yield at, self.get(at, 1)
            at = self.get(at + 1, 1)

    def capability(self, wanted):
        return next(at for at, kind in self.capabilities() if kind == wanted)


def enable_ecam(qtest):
    """Enable ECAM, as q35 firmware does first."""
    for at, value in ((0x64, 0), (0x60, ECAM | 1)):
        qtest.out(0xcf8, 0x80000000 | at)
        qtest.out(0xcfc, value)


def bridge_open(bridge, secondary, last=None):
    """Number the buses behind a bridge."""
    bridge.set(PRIMARY_BUS, 4, (last or secondary) << 16 | secondary << 8)
    bridge.set(COMMAND, 2, MEMORY | MASTER)


def slot_off(port):
    """Complete the unplugging of a function behind a root port."""
    port.set(port.capability(CAP_EXPRESS) + SLOT_CONTROL, 2, POWER_OFF)


def slot_on(port):
    """Turn the power on for a function that was plugged in after slot_off()."""
    port.set(port.capability(CAP_EXPRESS) + SLOT_CONTROL, 2, POWER_ON)


def eject(qtest, device):
    """Complete the unplugging of a function as QEMU's ACPI tables do, on every bus."""
    for bus in range(4):
        qtest.out(ACPI_HOTPLUG + ACPI_BUS, bus)
        qtest.out(ACPI_HOTPLUG + ACPI_EJECT, 1 << device)


def eject_memory(qtest, slot=0):
    """Complete the unplugging of a memory module, as QEMU's ACPI tables do."""
    qtest.out(ACPI_MEMORY + MEMORY_SLOT, slot)
    qtest.out(ACPI_MEMORY + MEMORY_CONTROL, MEMORY_EJECT, 1)


class Driver(Function):
    """A virtio-iommu function whose registers are mapped into a window."""

    def __init__(self, qtest, device, window):
        super().__init__(qtest, device)
        self.window = window
        self.at = {}
        self.offered = [0, 0]
        self.silent = False     # true when the last request got no answer

    def place(self):
        """Map BAR 4, which has virtio's registers in QEMU, into the window."""
        self.set(BAR + 16, 4, self.window & 0xffffffff)
        self.set(BAR + 20, 4, self.window >> 32)
        self.set(BAR + 4, 4, 0xfe000000)
        self.set(COMMAND, 2, MEMORY | MASTER)
        for at, kind in self.capabilities():
            if kind == CAP_VENDOR and self.get(at + 4, 1) == 4:
                self.at.setdefault(self.get(at + 3, 1), self.get(at + 8, 4))

    def common(self, register, width, value):
        self.qtest.poke(self.window + self.at[COMMON] + register, width, value)

    def status(self, value):
        self.common(STATUS, 1, value)

    def queue(self, index, reset=False):
        """Set one queue up, empty."""
        self.offered[index] = 0
        self.qtest.commands(*self.set_up(index, reset))

    def set_up(self, index, reset=False):
        """qtest's commands that do so, after a reset of the queue if wanted."""
        rings, common = RINGS + index * RING_BYTES, self.window + self.at[COMMON]
        return [f"writew {common + QUEUE_SELECT:#x} {index}",
                *[f"writew {common + QUEUE_RESET:#x} 1"] * reset,
                f"memset {rings:#x} {RING_BYTES:#x} 0",
                f"writew {common + QUEUE_SIZE:#x} {ENTRIES}",
                *(f"writel {common + QUEUE_DESC + 8 * i + 4 * high:#x} {0 if high else rings + offset:#x}"
                  for i, offset in enumerate((0, AVAILABLE, USED)) for high in (0, 1)),
                f"writew {common + QUEUE_ENABLE:#x} 1"]

    def start(self, features=IOMMU_FEATURES | VERSION_1):
        """Reset the device and bring it to DRIVER_OK."""
        self.place()
        self.silent = False
        self.status(0)
        self.status(ACKNOWLEDGE | DRIVER)
        for word in (0, 1):
            self.common(FEATURE_SELECT, 4, word)
            self.common(FEATURE_WORD, 4, features >> 32 * word & 0xffffffff)
        self.status(ACKNOWLEDGE | DRIVER | FEATURES_OK)
        self.queue(0)
        self.queue(1)
        self.status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

    def doorbell(self, queue):
        return self.window + self.at[NOTIFY] + 4 * queue

    def kick(self, queue):
        self.qtest.poke(self.doorbell(queue), 2, queue)

    def offer(self, queue, buffers, first=0):
        """Put a chain of (address, length, flags) into a queue, in its descriptors from one on."""
        rings = RINGS + queue * RING_BYTES
        self.table(rings + 16 * first, buffers, first)
        self.qtest.poke(rings + AVAILABLE + 4 + 2 * (self.offered[queue] % ENTRIES), 2, first)
        self.offered[queue] = self.offered[queue] + 1 & 0xffff
        self.qtest.poke(rings + AVAILABLE + 2, 2, self.offered[queue])

    def table(self, at, buffers, first=0):
        """Write a chain of descriptors, the first with that number. Returns a table of them as a buffer."""
        chain = b"".join(
            struct.pack("<QIHH", address & (1 << 64) - 1, length & 0xffffffff,
                        flags | (NEXT if i + 1 < len(buffers) else 0), first + i + 1)
            for i, (address, length, flags) in enumerate(buffers))
        self.qtest.write(at, chain)
        return at, len(chain), INDIRECT

    def notify_index(self, queue):
        """With EVENT_IDX: the request that the device wants to be notified of."""
        return self.qtest.peek(RINGS + queue * RING_BYTES + USED + 4 + 8 * ENTRIES, 2)

    def used(self, queue):
        return self.qtest.peek(RINGS + queue * RING_BYTES + USED + 2, 2)

    def used_length(self, queue):
        """Of the last element that the device has used."""
        last = (self.used(queue) - 1) % ENTRIES
        return self.qtest.peek(RINGS + queue * RING_BYTES + USED + 4 + 8 * last + 4, 4)

    def ask(self, request, answer=4):
        """Send a request; returns the answer's bytes, or None if there is none in time."""
        self.qtest.write(BUFFERS, request + b"\xee" * answer)
        self.offer(0, [(BUFFERS, len(request), 0), (BUFFERS + len(request), answer, WRITE)])
        self.kick(0)
        self.silent = not any(self.used(0) == self.offered[0] for _ in range(20))
        return None if self.silent else self.qtest.read(BUFFERS + len(request), answer)

    def offer_all(self, requests, times=1, kick=True):
        """Offer up to ENTRIES / 2 requests, so many times, with one kick."""
        at = [BUFFERS + 0x80 * i for i in range(len(requests))]
        self.qtest.write(BUFFERS, b"".join(request.ljust(0x78, b"\0") + b"\xee" * 8
                                           for request in requests))
        self.qtest.write(RINGS, b"".join(
            struct.pack("<QIHHQIHH", slot, len(request), NEXT, 2 * i + 1, slot + 0x78, 4, WRITE, 0)
            for i, (slot, request) in enumerate(zip(at, requests))))
        ring = bytearray(self.qtest.read(RINGS + AVAILABLE + 4, 2 * ENTRIES))
        for i in range(times * len(requests)):
            struct.pack_into("<H", ring, 2 * ((self.offered[0] + i) % ENTRIES), 2 * (i % len(requests)))
        self.qtest.write(RINGS + AVAILABLE + 4, bytes(ring))
        self.offered[0] = self.offered[0] + times * len(requests) & 0xffff
        self.qtest.poke(RINGS + AVAILABLE + 2, 2, self.offered[0])
        if kick:
            self.kick(0)

    def ask_all(self, requests):
        """The same, and wait; returns their statuses."""
        self.offer_all(requests)
        self.silent = not any(self.used(0) == self.offered[0] for _ in range(100000))
        said = self.qtest.read(BUFFERS, 0x80 * len(requests))
        return [said[0x80 * i + 0x78] for i in range(len(requests))]

    def status_of(self, request, answer=4):
        said = self.ask(request, answer)
        return said[-4] if said else None

    def attach(self, domain, endpoint, flags=0):
        return self.status_of(ATTACH_FORM.pack(ATTACH, domain, endpoint, flags))

    def detach(self, domain, endpoint):
        return self.status_of(DETACH_FORM.pack(DETACH, domain, endpoint))

    def map(self, domain, first, last, phys, flags=3):
        return self.status_of(MAP_FORM.pack(MAP, domain, first, last, phys, flags))

    def unmap(self, domain, first, last):
        return self.status_of(UNMAP_FORM.pack(UNMAP, domain, first, last))

    def attach_table(self, domain, endpoint, table, root, pasid):
        return self.status_of(ATTACH_TABLE_FORM.pack(ATTACH_TABLE, domain, endpoint, SLOT_PASID, table, pasid, root))

    def invalidate(self, domain):
        """All that is cached of it, in the function, too."""
        return self.status_of(INVALIDATE_FORM.pack(INVALIDATE, 1, 6, 0, domain))

    def respond(self, endpoint, pasid, group, code=0):
        return self.status_of(PAGE_RESPONSE_FORM.pack(PAGE_RESPONSE, endpoint, 1, pasid, group, code))

    def probe(self, endpoint):
        return self.status_of(PROBE_FORM.pack(PROBE, endpoint), 516)
