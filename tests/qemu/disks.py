# SPDX-License-Identifier: BSD-3-Clause
"""Drivers of QEMU's disks, each of which reads one page by DMA.

What the disk reads by DMA itself (rings, commands, tables) lies in 64 KiB of guest memory from `memory` on,
which the IOMMU must map to the same addresses. `window` is for the disk's registers.
"""

import struct

import driver
from driver import Function

SECTOR, SECTORS = 512, 8                # of a page
READ_10, TEST_UNIT_READY = 0x28, 0x00
CDB_READ = struct.pack(">BBIBHB6x", READ_10, 0, 0, 0, SECTORS, 0)
CDB_READY = bytes([TEST_UNIT_READY]).ljust(16, b"\0")
POLLS = 2000


class Disk(Function):
    """A disk below the first root bus. `devices` is for the command line; {addr} is its function's place."""
    devices = []
    BAR = driver.BAR

    def __init__(self, victim, device, window, memory):
        super().__init__(victim.qtest, device)
        self.window, self.memory = window, memory

    def place(self):
        self.set(self.BAR, 4, self.window)
        self.set(driver.COMMAND, 2, driver.MEMORY | driver.MASTER)

    def poke(self, register, value, width=4):
        self.qtest.poke(self.window + register, width, value)

    def peek(self, register, width=4):
        return self.qtest.peek(self.window + register, width)

    def put(self, offset, form, *values):
        self.qtest.write(self.memory + offset, struct.pack(form, *values))

    def word(self, offset, width=4):
        return self.qtest.peek(self.memory + offset, width)

    def wait(self, condition):
        if not any(condition() for _ in range(POLLS)):
            raise AssertionError(f"{type(self).__name__} does not answer")


class Virtio(Disk):
    """A virtio function of which one queue is used."""
    QUEUE, FEATURES = 0, driver.VERSION_1 | driver.ACCESS_PLATFORM
    HEADER, STATUS = 0x2000, 0x3000

    def __init__(self, victim, device, window, memory):
        super().__init__(victim, device, window, memory)
        self.driver = driver.Driver(victim.qtest, device, window)
        self.offered = 0

    def start(self):
        begin = driver.ACKNOWLEDGE | driver.DRIVER
        self.driver.place()
        self.driver.status(0)
        self.driver.status(begin)
        for word, bits in ((0, 0), (1, self.FEATURES >> 32)):
            self.driver.common(driver.FEATURE_SELECT, 4, word)
            self.driver.common(driver.FEATURE_WORD, 4, bits)
        self.driver.status(begin | driver.FEATURES_OK)
        self.qtest.write(self.memory, bytes(driver.RING_BYTES))
        self.driver.common(driver.QUEUE_SELECT, 2, self.QUEUE)
        self.driver.common(driver.QUEUE_SIZE, 2, driver.ENTRIES)
        for i, offset in enumerate((0, driver.AVAILABLE, driver.USED)):
            self.driver.common(driver.QUEUE_DESC + 8 * i, 4, self.memory + offset)
            self.driver.common(driver.QUEUE_DESC + 8 * i + 4, 4, 0)
        self.driver.common(driver.QUEUE_ENABLE, 2, 1)
        self.driver.status(begin | driver.FEATURES_OK | driver.DRIVER_OK)
        self.offered = 0

    def offer(self, *buffers):
        """Offer a chain of (address, length, flags)."""
        for i, (address, length, flags) in enumerate(buffers):
            last = i + 1 == len(buffers)
            self.put(16 * i, "<QIHH", address, length, flags | (0 if last else driver.NEXT), i + 1)
        self.put(driver.AVAILABLE + 4 + 2 * (self.offered % driver.ENTRIES), "<H", 0)
        self.offered += 1
        self.put(driver.AVAILABLE + 2, "<H", self.offered)
        self.driver.kick(self.QUEUE)

    def completed(self):
        return self.word(driver.USED + 2, 2) == self.offered


class VirtioBlk(Virtio):
    devices = ["virtio-blk-pci,drive=slow,addr={addr},disable-legacy=on,iommu_platform=on"]

    def read(self, address):
        self.put(self.HEADER, "<IIQ", 0, 0, 0)
        self.offer((self.memory + self.HEADER, 16, 0), (address, SECTORS * SECTOR, driver.WRITE),
                   (self.memory + self.STATUS, 1, driver.WRITE))


class VirtioScsi(Virtio):
    devices = ["virtio-scsi-pci,id=hba,addr={addr},disable-legacy=on,iommu_platform=on",
               "scsi-hd,drive=slow,bus=hba.0"]
    QUEUE = 2                           # after those of control and events
    RESPONSE_BYTES = 108

    def start(self):
        super().start()
        self.command(CDB_READY)         # answered by "unit attention" after power-on
        self.wait(self.completed)

    def command(self, cdb, *data):
        self.put(self.HEADER, "<8BQ3x32s", 1, 0, 0x40, 0, 0, 0, 0, 0, 1, cdb)
        self.offer((self.memory + self.HEADER, 51, 0),
                   (self.memory + self.STATUS, self.RESPONSE_BYTES, driver.WRITE), *data)

    def read(self, address):
        self.command(CDB_READ, (address, SECTORS * SECTOR, driver.WRITE))


class Nvme(Disk):
    devices = ["nvme,drive=slow,serial=1,addr={addr}"]
    CC, CSTS, AQA, ASQ, ACQ, DOORBELLS = 0x14, 0x1c, 0x24, 0x28, 0x30, 0x1000
    QUEUES = 0x1000                     # submission and completion, a page each: admin, then I/O
    ENABLE = 6 << 16 | 4 << 20 | 1      # with entries of 64 and 16 bytes
    CREATE_SQ, CREATE_CQ, READ = 1, 5, 2
    LAST = 15                           # index of a queue

    def start(self):
        self.place()
        self.set(self.BAR + 4, 4, 0)
        self.qtest.write(self.memory, bytes(4 * self.QUEUES))
        self.poke(self.AQA, self.LAST << 16 | self.LAST)
        for register, offset in ((self.ASQ, 0), (self.ACQ, self.QUEUES)):
            self.poke(register, self.memory + offset)
            self.poke(register + 4, 0)
        self.poke(self.CC, self.ENABLE)
        self.wait(lambda: self.peek(self.CSTS) & 1)
        self.command(0, 0, self.CREATE_CQ, 0, self.memory + 3 * self.QUEUES, self.LAST << 16 | 1, 1)
        self.command(0, 1, self.CREATE_SQ, 0, self.memory + 2 * self.QUEUES, self.LAST << 16 | 1,
                     1 << 16 | 1)
        self.wait(lambda: self.done(0, 1))

    def command(self, queue, index, opcode, namespace, prp, *words):
        self.put(2 * queue * self.QUEUES + 64 * index, "<II16xQQ6I", opcode | index << 16, namespace,
                 prp, 0, *words, *[0] * (6 - len(words)))
        self.poke(self.DOORBELLS + 8 * queue, index + 1)

    def done(self, queue, index):
        return self.word((2 * queue + 1) * self.QUEUES + 16 * index + 14, 2) & 1

    def read(self, address):
        self.command(1, 0, self.READ, 1, address, 0, 0, SECTORS - 1)

    def completed(self):
        return self.done(1, 0)


class Ahci(Disk):
    devices = ["ich9-ahci,id=hba,addr={addr}", "ide-hd,drive=slow,bus=hba.0"]
    BAR = driver.BAR + 0x14
    GHC, PORT = 0x04, 0x100
    CLB, CLBU, FB, FBU, CMD, TFD, CI = 0x00, 0x04, 0x08, 0x0c, 0x18, 0x20, 0x38
    FIS, TABLE, ENTRIES_AT = 0x1000, 0x2000, 0x80
    START = 1 << 4 | 1 << 2 | 1 << 1 | 1        # receive FISes, power, spin up, start
    READ_DMA_EXT, LBA = 0x25, 0x40

    def start(self):
        self.place()
        self.qtest.write(self.memory, bytes(3 * 0x1000))
        self.poke(self.GHC, 1 << 31)
        for register, value in ((self.CLB, self.memory), (self.CLBU, 0),
                                (self.FB, self.memory + self.FIS), (self.FBU, 0),
                                (self.CMD, self.START)):
            self.poke(self.PORT + register, value)
        self.wait(lambda: not self.peek(self.PORT + self.TFD) & 0x88)

    def read(self, address):
        self.put(0, "<IIII", 1 << 16 | 5, 0, self.memory + self.TABLE, 0)
        self.put(self.TABLE, "<20B", 0x27, 0x80, self.READ_DMA_EXT, 0, 0, 0, 0, self.LBA, 0, 0, 0, 0,
                 SECTORS, 0, 0, 0, 0, 0, 0, 0)
        self.put(self.TABLE + self.ENTRIES_AT, "<QII", address, 0, SECTORS * SECTOR - 1)
        self.poke(self.PORT + self.CI, 1)

    def completed(self):
        return not self.peek(self.PORT + self.CI) & 1


class Ide(Disk):
    """The parallel ATA function of old PCs."""
    devices = ["piix3-ide,id=hba,addr={addr}", "ide-hd,drive=slow,bus=hba.0"]
    BAR, REGISTERS, COMMAND_BLOCK = driver.BAR + 0x10, 0xc000, 0x1f0
    IO = 1
    READ_DMA, LBA, MASTER_READ, LAST_ENTRY = 0xc8, 0xe0, 1 << 3 | 1, 1 << 31

    def start(self):
        self.set(self.BAR, 4, self.REGISTERS)
        self.set(driver.COMMAND, 2, self.IO | driver.MASTER)

    def read(self, address):
        self.put(0, "<II", address, SECTORS * SECTOR | self.LAST_ENTRY)
        self.qtest.out(self.REGISTERS + 4, self.memory)
        for register, value in ((2, SECTORS), (3, 0), (4, 0), (5, 0), (6, self.LBA),
                                (7, self.READ_DMA)):
            self.qtest.out(self.COMMAND_BLOCK + register, value, 1)
        self.qtest.out(self.REGISTERS, self.MASTER_READ, 1)

    def completed(self):
        return not self.qtest.in_(self.REGISTERS + 2, 1) & 1


class Pvscsi(Disk):
    devices = ["pvscsi,id=hba,addr={addr}", "scsi-hd,drive=slow,bus=hba.0"]
    COMMAND_REGISTER, DATA, KICK, KICK_RW = 0x0, 0x4, 0x3014, 0x4018
    RESET, SETUP_RINGS = 1, 3
    STATE, REQUESTS, COMPLETIONS, SENSE = 0x0, 0x1000, 0x2000, 0x3000
    TO_HOST = 1 << 3                    # the data comes from the disk

    def start(self):
        self.place()
        self.qtest.write(self.memory, bytes(4 * 0x1000))
        self.poke(self.COMMAND_REGISTER, self.RESET)
        pages = [(self.memory + offset) >> 12 for offset in (self.STATE, self.REQUESTS, self.COMPLETIONS)]
        words = struct.pack("<IIQQ248xQ248x", 1, 1, *pages)
        self.poke(self.COMMAND_REGISTER, self.SETUP_RINGS)
        for word, in struct.iter_unpack("<I", words):
            self.poke(self.DATA, word)
        self.offered = 0
        self.command(CDB_READY, 0, 0, self.KICK)
        self.wait(self.completed)

    def command(self, cdb, address, length, kick):
        self.put(self.REQUESTS + 128 * self.offered, "<QQQQII16sB8x4B59x", 1 + self.offered, address,
                 length, self.memory + self.SENSE, 18, self.TO_HOST, cdb, 10, 0x20, 0, 0, 0)
        self.offered += 1
        self.put(self.STATE, "<I", self.offered)
        self.poke(kick, 0)

    def read(self, address):
        self.command(CDB_READ, address, SECTORS * SECTOR, self.KICK_RW)

    def completed(self):
        return self.word(self.STATE + 12) == self.offered


class Megasas(Disk):
    devices = ["megasas,id=hba,addr={addr}", "scsi-hd,drive=slow,bus=hba.0"]
    QUEUE_PORT = 0x40
    INIT, LD_READ, ENTRIES, STATE = 0x00, 0x01, 8, 0x3000
    FRAME, QUEUE = 0x1000, 0x2000

    def start(self):
        self.place()
        self.qtest.write(self.memory, bytes(4 * 0x1000))
        self.put(0x800, "<IIIIIIII", 0, self.ENTRIES, self.memory + self.QUEUE, 0,
                 self.memory + self.STATE, 0, self.memory + self.STATE + 8, 0)
        self.put(0, "<8BIIHHIIIII", self.INIT, 0, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 0, 32,
                 self.memory + 0x800, 0, 0, 0)
        self.poke(self.QUEUE_PORT, self.memory)
        self.wait(lambda: self.word(2, 1) != 0xff)

    def read(self, address):
        sense = self.memory + self.FRAME + 0x800
        self.put(self.FRAME, "<8BIIHHIIIIIII", self.LD_READ, 0, 0xff, 0, 0, 0, 0, 1, 2, 0, 0, 0,
                 SECTORS, sense, 0, 0, 0, address, SECTORS * SECTOR)
        self.poke(self.QUEUE_PORT, self.memory + self.FRAME)

    def completed(self):
        return self.word(self.FRAME + 2, 1) != 0xff


class UsbStorage(Disk):
    """A USB stick at an EHCI controller."""
    devices = ["usb-ehci,id=hba,addr={addr}", "usb-storage,drive=slow,bus=hba.0"]
    COMMAND, ASYNC_LIST, CONFIGURED, PORT = 0x20, 0x38, 0x60, 0x64
    RUN, RESET, POWER, CONNECTED = 1 << 5 | 1, 1 << 8, 1 << 12, 1
    # Queue heads, each with its endpoint and the size of a packet, and the transfers below them.
    CONTROL, OUT, IN = 0x000, 0x100, 0x200
    QUEUES = ((CONTROL, 0, 64, OUT), (OUT, 2, 512, IN), (IN, 1, 512, CONTROL))
    TRANSFER, NEXT, END, HEAD = 0x40, 0x40, 1, 1 << 15
    TO_DEVICE, TO_HOST, SETUP, ACTIVE = 0, 1, 2, 0x80
    BUFFER, ANSWER = 0x1000, 0x2000
    SET_CONFIGURATION = bytes([0, 9, 1, 0, 0, 0, 0, 0])

    def start(self):
        self.place()
        self.qtest.write(self.memory, bytes(0x1000))
        for queue, endpoint, size, after in self.QUEUES:
            self.put(queue, "<IIIIII", self.memory + after | 2,
                     size << 16 | (0 if queue else self.HEAD) | 1 << 14 | 2 << 12 | endpoint << 8,
                     1 << 30, 0, self.END, self.END)
        self.poke(self.ASYNC_LIST, self.memory)
        self.poke(self.CONFIGURED, 1)
        for value in (self.RESET | self.POWER, self.POWER):
            self.poke(self.PORT, value)
        self.poke(self.COMMAND, self.RUN)
        self.qtest.write(self.memory + self.BUFFER, self.SET_CONFIGURATION)
        self.transfer(self.CONTROL, (self.SETUP, self.memory + self.BUFFER, 8),
                      (self.TO_HOST, self.memory + self.ANSWER, 0))
        self.command(CDB_READY, 0)      # answered by "unit attention" after power-on
        self.transfer(self.IN, (self.TO_HOST, self.memory + self.ANSWER, 13))

    def begin(self, queue, *transfers):
        for i, (pid, address, length) in enumerate(transfers):
            at = queue + self.TRANSFER + self.NEXT * i
            after = self.END if i + 1 == len(transfers) else self.memory + at + self.NEXT
            self.put(at, "<IIIIIIII", after, self.END,
                     (i & 1) << 31 | length << 16 | 3 << 10 | pid << 8 | self.ACTIVE, address, 0, 0, 0, 0)
        self.put(queue + 12, "<II", 0, self.memory + queue + self.TRANSFER)
        self.wait(lambda: self.word(queue + 12) == self.memory + at)        # it has begun the last one
        return lambda: not self.word(at + 8) & self.ACTIVE

    def transfer(self, *words):
        self.wait(self.begin(*words))

    def command(self, cdb, length):
        self.put(self.BUFFER, "<4sIIBBB16s", b"USBC", 1, length, 0x80, 0, 10, cdb)
        self.transfer(self.OUT, (self.TO_DEVICE, self.memory + self.BUFFER, 31))

    def read(self, address):
        self.command(CDB_READ, SECTORS * SECTOR)
        self.completed = self.begin(self.IN, (self.TO_HOST, address, SECTORS * SECTOR))


DISKS = [VirtioBlk, VirtioScsi, Nvme, Ahci, Ide, Pvscsi, Megasas, UsbStorage]
