# SPDX-License-Identifier: BSD-3-Clause
"""Find ACPI tables in the memory of a guest whose firmware may still be at work.

Nothing in that memory is believed: an address must lie in RAM with all that is read from it,
a length or count must be within a limit, a checksum must be right. Whatever is not so raises
NotThere, which means "not yet" until the caller's patience ends.
"""

import struct
import zlib

BIOS_FIRST, BIOS_SIZE = 0xE0000, 0x20000    # where a PC BIOS puts the RSDP, 16-byte aligned
RSDP_V1_SIZE, RSDP_SIZE = 20, 36
HEADER_SIZE = 36
LARGEST_TABLE = 1 << 20

# UEFI 2.10, 4.3 and 18.4: a system table, and the pointer to it that debuggers look for.
EFI_SIGNATURE = b"IBI SYST"
EFI_POINTER_STEP, EFI_POINTER_SIZE = 4 << 20, 24
EFI_TABLE_SIZE = 120
EFI_MOST_ENTRIES, EFI_ENTRY_SIZE = 256, 24
ACPI_20_GUID = struct.pack("<IHH8B", 0x8868E871, 0xE4F1, 0x11D3,
                           0xBC, 0x22, 0x00, 0x80, 0xC7, 0x3C, 0x88, 0x81)


class NotThere(Exception):
    """What was looked for is not in memory, or not yet."""


class Memory:
    """Guest RAM, [first, last], behind a function that reads (address, size)."""

    def __init__(self, read, first, last):
        self.read, self.first, self.last = read, first, last

    def take(self, address, size, what):
        if not self.first <= address <= address + size - 1 <= self.last:
            raise NotThere(f"{what} would be at {address:#x}, outside of RAM")
        data = self.read(address, size)
        if len(data) != size:
            raise NotThere(f"{what} at {address:#x} was cut short")
        return data


def sums_to_zero(data):
    return sum(data) % 256 == 0


def find_rsdp_of_bios(memory):
    area = memory.take(BIOS_FIRST, BIOS_SIZE, "the BIOS area")
    for offset in range(0, BIOS_SIZE - RSDP_SIZE, 16):
        rsdp = area[offset:offset + RSDP_SIZE]
        if rsdp.startswith(b"RSD PTR ") and sums_to_zero(rsdp[:RSDP_V1_SIZE]):
            return rsdp
    raise NotThere("there is no RSDP in the BIOS area")


def has_crc(data, offset):
    """Does the CRC-32 at that offset fit the data, counted with the field itself as zero?"""
    stored, = struct.unpack_from("<I", data, offset)
    return zlib.crc32(data[:offset] + bytes(4) + data[offset + 4:]) == stored


def find_system_table(memory):
    """The EFI system table: its pointer stands as high in RAM as it can, aligned to 4 MiB."""
    highest = (memory.last + 1 - EFI_POINTER_SIZE) // EFI_POINTER_STEP * EFI_POINTER_STEP
    for address in range(highest, memory.first - 1, -EFI_POINTER_STEP):
        pointer = memory.take(address, EFI_POINTER_SIZE, "the EFI pointer")
        if not pointer.startswith(EFI_SIGNATURE):
            continue
        base, = struct.unpack_from("<Q", pointer, 8)
        table = memory.take(base, EFI_TABLE_SIZE, "the EFI system table")
        if table.startswith(EFI_SIGNATURE) and has_crc(table, 16):
            return table
    raise NotThere("there is no EFI system table")


def find_rsdp_of_efi(memory):
    count, entries = struct.unpack_from("<QQ", find_system_table(memory), 104)
    if not 0 < count <= EFI_MOST_ENTRIES:
        raise NotThere(f"the EFI system table has {count} configuration tables")
    table = memory.take(entries, count * EFI_ENTRY_SIZE, "the EFI configuration table")
    for offset in range(0, len(table), EFI_ENTRY_SIZE):
        if table[offset:offset + 16] == ACPI_20_GUID:
            address, = struct.unpack_from("<Q", table, offset + 16)
            rsdp = memory.take(address, RSDP_SIZE, "the RSDP")
            if rsdp.startswith(b"RSD PTR ") and sums_to_zero(rsdp[:RSDP_V1_SIZE]):
                return rsdp
    raise NotThere("EFI knows no RSDP")


def take_table(memory, address):
    header = memory.take(address, HEADER_SIZE, "a table")
    size, = struct.unpack_from("<I", header, 4)
    if not HEADER_SIZE <= size <= LARGEST_TABLE:
        raise NotThere(f"the table at {address:#x} says that it has {size} bytes")
    table = memory.take(address, size, "a table")
    if not sums_to_zero(table):
        raise NotThere(f"the checksum of the table at {address:#x} is wrong")
    return table


def root_table(memory, rsdp):
    """The XSDT, or the RSDT of ACPI 1.0, as the addresses of the other tables."""
    rsdt, = struct.unpack_from("<I", rsdp, 16)
    xsdt, = struct.unpack_from("<Q", rsdp, 24)
    modern = rsdp[15] >= 2 and sums_to_zero(rsdp) and xsdt
    signature, form, address = (b"XSDT", "<Q", xsdt) if modern else (b"RSDT", "<I", rsdt)
    table = take_table(memory, address)
    entries = table[HEADER_SIZE:]
    if not table.startswith(signature) or len(entries) % struct.calcsize(form):
        raise NotThere(f"the RSDP does not point to a valid {signature.decode()}")
    return [entry for entry, in struct.iter_unpack(form, entries)]


def take_tables(memory, efi, signatures):
    """{signature: bytes} for each of the signatures, of which there must be one each."""
    rsdp = find_rsdp_of_efi(memory) if efi else find_rsdp_of_bios(memory)
    taken = {}
    for address in root_table(memory, rsdp):
        signature = memory.take(address, 4, "a table").decode("latin-1")
        if signature not in signatures:
            continue
        if signature in taken:
            raise NotThere(f"there are several tables {signature}, and they have one name")
        taken[signature] = take_table(memory, address)
    missing = [signature for signature in signatures if signature not in taken]
    if missing:
        raise NotThere(f"there is no table {' and no table '.join(missing)}")
    return taken
