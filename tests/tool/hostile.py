#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Files that are as expensive as possible to process: for each format, the worst cases of its algorithms.

    hostile.py                 the names of all
    hostile.py NAME BYTES      one of about that size, on standard output

Each is a function whose name has the format and the kind of attack. Its docstring has the quantity that grows faster
than the file.
"""
import base64
import inspect
import struct
import sys

ALL_FUNCTIONS = 0xFFFF
NODES_MAX = 0xFFFF


# -- ACPI --------------------------------------------------------------------------------------


def acpi(signature, body, revision=1):
    """A table whose header is in order, checksum included."""
    head = struct.pack("<4sIBB6s8sI4sI", signature, 36 + len(body), revision, 0, b"VIOMMU",
                       b"HOSTILE ", 1, b"VIOM", 1)
    table = bytearray(head + body)
    table[9] = -sum(table) & 0xFF
    return bytes(table)


def times(size, each, room):
    """each(i) as often as it fits into the room."""
    out, i, used = [], 0, 0
    while used < room:
        out.append(each(i))
        used += len(out[-1])
        i += 1
    return out[:-1] or out


# -- VIOT --------------------------------------------------------------------------------------


def viot_pci(segment):
    return struct.pack("<BBHHH8x", 3, 0, 16, segment, 8)


def viot_range(first_id, segments, functions, to):
    return struct.pack("<BBHIHHHHH6x", 1, 0, 24, first_id & 0xFFFFFFFF, *segments, *functions, to)


def viot(nodes):
    nodes = nodes[:NODES_MAX]
    return acpi(b"VIOT", struct.pack("<HH8x", len(nodes), 48) + b"".join(nodes), 0)


def viot_nested(size):
    """Every range lies inside all ranges before it."""
    return viot([viot_pci(0)] + times(size, lambda i: viot_range(
        i, (0, 0), (i % 0x7FFF, ALL_FUNCTIONS - i % 0x7FFF), 48), size))


def viot_reversed(size):
    """Every range lies around all ranges before it: each piece is won again and again."""
    return viot([viot_pci(0)] + times(size, lambda i: viot_range(
        0, (0, 0), (max(0x7FFF - i, 0), min(0x8000 + i, ALL_FUNCTIONS)), 48), size))


def viot_segments(size):
    """Sixteen ranges of all 65,536 segments: a million slices out of 400 bytes."""
    return viot([viot_pci(0)] + [viot_range(i << 8, (0, 0xFFFF), (i << 8, i << 8 | 0xFF), 48)
                                 for i in range(16)])


def viot_segments_nested(size):
    """Ranges of 16 segments that overlap, as many as there may be."""
    return viot([viot_pci(0)] + times(size, lambda i: viot_range(
        i, (0, 15), (i % 0x7FFF, ALL_FUNCTIONS - i % 0x7FFF), 48), size))


def viot_iommus(size):
    """As many IOMMUs as 16 bits reach, each function behind another one."""
    room = min(size // 3, 0xFF00)
    iommus = [struct.pack("<BBHHH8x", 3, 0, 16, i >> 13, i << 3 & 0xFFFF) for i in range(room // 16)]
    return viot(iommus + times(size, lambda i: viot_range(
        i, (0, 0), (i & 0xFFFF, i & 0xFFFF), 48 + 16 * (i % len(iommus))), size - room))


def viot_endpoints(size):
    """MMIO endpoints that share address and ID."""
    return viot([viot_pci(0)] + times(size, lambda i: struct.pack(
        "<BBHIQH6x", 2, 0, 24, 7, 0x1000, 48), size))


def viot_unknown(size):
    """Nodes of four bytes and of no known type."""
    return viot(times(size, lambda i: struct.pack("<BBH", 9, 0, 4), size))


def viot_dangling(size):
    """Output nodes that are none."""
    return viot(times(size, lambda i: viot_range(0, (0, 0), (i & 0xFFFF, i & 0xFFFF), 50), size))


# -- IORT --------------------------------------------------------------------------------------

MAPPING = 20
MAPPINGS_MAX = 3200


def iort_node(kind, revision, identifier, body, mappings=(), extra=b""):
    """Mappings follow the body and all other parts of the node."""
    at = 16 + len(body) + len(extra)
    return struct.pack("<BHBIII", kind, at + MAPPING * len(mappings), revision, identifier,
                       len(mappings), at if mappings else 0) + body + extra + b"".join(mappings)


def iort_mapping(first, count, out, to, single=0):
    return struct.pack("<IIIII", first & 0xFFFFFFFF, count & 0xFFFFFFFF, out & 0xFFFFFFFF, to, single)


def iort(nodes, revision=5):
    return acpi(b"IORT", struct.pack("<III", len(nodes), 48, 0) + b"".join(nodes), revision)


def its_group(ids=(0,)):
    return iort_node(0, 1, 0, struct.pack("<I", len(ids)) + struct.pack(f"<{len(ids)}I", *ids))


def smmu(i, mappings=()):
    return iort_node(4, 4, i, struct.pack("<QIIQIIIIIII", 0x1000000 + i * 0x20000, 0, 0, 0, 0,
                                          64, 65, 66, 67, 0, 0), mappings)


def root_complex(segment, mappings):
    return iort_node(2, 3, segment, struct.pack("<IBHBIIB3x", 1, 0, 0, 3, 1, segment, 64), mappings)


def component(i, mappings, name=None):
    return iort_node(1, 4, i, struct.pack("<IIBHBB", 0, 1, 0, 0, 3, 64), mappings,
                     (name or b"\\_SB_.D%03d" % (i % 1000)).ljust(12, b"\0") + b"\0" * 3)


def rmr(mappings, memory):
    at = 28 + MAPPING * len(mappings)
    return struct.pack("<BHBIIIIII", 6, at + MAPPING * len(memory), 3, 0, len(mappings), 28, 0,
                       len(memory), at) + b"".join(mappings) + b"".join(memory)


def iort_nested(size):
    """Of root complexes and of their SMMU every mapping lies inside those before it."""
    n = min(MAPPINGS_MAX, size // 3 // MAPPING)
    group = its_group()
    unit = smmu(0, [iort_mapping(i, 0xFFFFFFFF - 2 * i, i, 48) for i in range(n)])
    to = 48 + len(group)
    return iort([group, unit] + times(size, lambda s: root_complex(s & 0xFFFF, [
        iort_mapping(i, 0xFFFF - 2 * i, i, to) for i in range(n)]), size - len(unit)))


def iort_alternating(size):
    """Root complexes map single functions to an SMMU that maps single IDs: every piece is one."""
    n = min(MAPPINGS_MAX, size // 3 // MAPPING)
    group = its_group()
    unit = smmu(0, [iort_mapping(2 * i, 0, 7 * i, 48) for i in range(n)])
    to = 48 + len(group)
    return iort([group, unit] + times(size, lambda s: root_complex(s & 0xFFFF, [
        iort_mapping(2 * i, 1, 0, to) for i in range(n)]), size - len(unit)))


def iort_wide(size):
    """Components with ranges of 2^32 IDs behind an SMMU whose mappings cut them in pieces."""
    n = min(MAPPINGS_MAX, size // 3 // MAPPING)
    group = its_group()
    unit = smmu(0, [iort_mapping(2 * i, 0, 7 * i, 48) for i in range(n)])
    to = 48 + len(group)
    return iort([group, unit] + times(size, lambda i: component(i, [
        iort_mapping(0, 0xFFFFFFFF, 0, to)] * 40), size - len(unit)))


def iort_components(size):
    """Named components that all have one name, one ID and one output."""
    group, unit = its_group(), smmu(0)
    to = 48 + len(group)
    return iort([group, unit] + times(size, lambda i: component(i, [
        iort_mapping(0, 0, 5, to, 1)], b"\\_SB_.DEV0"), size))


def iort_rmrs(size):
    """Each node assigns many memory ranges to many IDs: a product."""
    group, unit = its_group(), smmu(0)
    to, n = 48 + len(group), min(1600, size // 2 // MAPPING)
    return iort([group, unit] + times(size, lambda k: rmr(
        [iort_mapping(i, 0, i, to) for i in range(n)],
        [struct.pack("<QQI", i << 16, 1 << 16, 0) for i in range(n)]), size))


def iort_cycle(size):
    """Every root complex and component leads to the next of them, and the last to the first."""
    length = len(root_complex(0, [iort_mapping(0, 0, 0, 0)]))
    n = size // length
    return iort([root_complex(i & 0xFFFF, [iort_mapping(0, 0xFFFF, 0, 48 + (i + 1) % n * length)])
                 for i in range(n)])


def iort_groups(size):
    """ITS groups without end, all with the same identifiers."""
    return iort(times(size, lambda i: its_group((i % 7, 1, 2, 3)), size))


def iort_units(size):
    """SMMUs at one address, without devices."""
    return iort([its_group()] + times(size, lambda i: smmu(0, [
        iort_mapping(0, 0xFFFF, 0, 48)]), size))


def iort_segment(size):
    """Root complexes of one segment, of which only the first counts."""
    return iort([its_group()] + times(size, lambda i: root_complex(0, [
        iort_mapping(0, 0xFFFF, 0, 48)]), size))


def iort_interrupts(size):
    """SMMUs of version 2 whose arrays of interrupts are one, and as long as the node."""
    n = 8000
    at = 16 + 60
    def unit(i):
        return iort_node(3, 3, i, struct.pack(
            "<QQIIIIIIIIIII", 0x1000000 + i * 0x20000, 0x20000, 1, 0, 60, n, at, n, at, 1, 0, 2, 0),
            (), struct.pack("<II", 70, 0) * n)
    return iort(times(size, unit, size))


def iort_nothing(size):
    """Nodes of 16 bytes and of no known type."""
    return iort(times(size, lambda i: struct.pack("<BHBIII", 99, 16, 0, 0, 0, 0), size))


# -- DMAR --------------------------------------------------------------------------------------


def scope(kind, bus, path, number=0):
    return struct.pack("<BBBBBB", kind, 6 + 2 * len(path), 0, 0, number, bus) + bytes(
        b for hop in path for b in hop)


def drhd(i, scopes, everything=0, segment=0):
    body = b"".join(scopes)
    return struct.pack("<HHBBHQ", 0, 16 + len(body), everything, 0, segment,
                       0xFED90000 + i * 0x1000) + body


def dmar(structures):
    return acpi(b"DMAR", struct.pack("<BB10x", 0x2F, 1) + b"".join(structures))


def dmar_scopes(size):
    """One function is named by scope after scope of unit after unit."""
    one = scope(1, 0, [(2, 0)])
    return dmar(times(size, lambda i: drhd(i, [one] * 8000), size))


def dmar_bridges(size):
    """Scopes of bridges, as many as bytes can name."""
    return dmar(times(size, lambda i: drhd(i, [scope(2, j & 0xFF, [(j >> 8 & 31, j & 7)])
                                               for j in range(min(8000, size // 8))]), size))


def dmar_paths(size):
    """Paths as long as a byte lets them be."""
    path = [(31, 7)] * 124
    return dmar(times(size, lambda i: drhd(i, [scope(2, j, path) for j in range(200)]), size))


def dmar_units(size):
    """Units that each take all of the same segment."""
    return dmar(times(size, lambda i: drhd(i, [], 1), size))


def dmar_segments(size):
    """A unit for all of each segment, and more of them than there are segments."""
    return dmar(times(size, lambda i: drhd(i, [], 1, i & 0xFFFF), size))


def dmar_memory(size):
    """The same memory for the same functions, again and again."""
    def rmrr(i):
        body = scope(1, 0, [(2, 0)]) * 8000
        return struct.pack("<HHHHQQ", 1, 24 + len(body), 0, 0, 0x7B000000, 0x7B7FFFFF) + body
    return dmar([drhd(0, [], 1)] + times(size, rmrr, size))


def dmar_affinities(size):
    """Affinities of a unit that there is not, and of one that there is."""
    return dmar([drhd(0, [], 1)] + times(size, lambda i: struct.pack(
        "<HHIQI", 3, 20, 0, 0xFED90000 + i % 2 * 0x5000, i), size))


def dmar_names(size):
    """Devices with one number and one name, and scopes for all of them."""
    half = size // 2
    names = times(size, lambda i: struct.pack("<HH3xB12s", 4, 20, 1, b"\\_SB.DEV0"), half)
    return dmar(times(size, lambda i: drhd(i, [scope(5, 0, [(2, 0)], 1)] * 8000), half) + names)


def dmar_ats(size):
    """Ports and integrated functions that are named again and again."""
    body = scope(2, 0, [(1, 0)]) * 8000
    return dmar([drhd(0, [], 1)] + times(size, lambda i: struct.pack(
        "<HHBBH", (2, 5, 6)[i % 3], 8 + len(body), 0, 0, 0) + body, size))


def dmar_functions(size):
    """Functions that are each behind another unit than those beside it: no two share a line."""
    def scopes(odd, first):
        return [scope(1, j >> 7, [(j >> 2 & 31, (j << 1 & 6) | odd)]) for j in range(first, first + 2000)]
    return dmar(times(size, lambda i: drhd(i, scopes(i & 1, i // 2 % 16 * 2000), 0, i // 32), size))


# -- IVRS --------------------------------------------------------------------------------------


def ivhd(i, entries, segment=0, kind=0x10):
    more = b"" if kind == 0x10 else bytes(16)
    return struct.pack("<BBHHHQHHI", kind, 0, 24 + len(more) + len(entries), 2, 0x40,
                       0xFD000000 + i * 0x80000, segment, 0, 0) + more + entries


def ivrs(blocks):
    return acpi(b"IVRS", struct.pack("<IQ", 0x203040, 0) + b"".join(blocks), 2)


def ivrs_all(size):
    """Every entry of four bytes is for all 65,536 functions."""
    return ivrs(times(size, lambda i: ivhd(i, struct.pack("<BHB", 1, 0, 0) * 16000, i & 0xFFFF), size))


def ivrs_nested(size):
    """Ranges inside of ranges, in every segment there is."""
    entries = b"".join(struct.pack("<BHBBHB", 3, 0x7FFF - 4 * j, 0, 4, 0x8000 + 4 * j, 0)
                       for j in range(min(8000, size // 8)))
    return ivrs(times(size, lambda i: ivhd(i, entries, i & 0xFFFF), size))


def ivrs_blocks(size):
    """Blocks of a few bytes that overlap in one segment, so that pieces have to be made."""
    return ivrs(times(size, lambda i: ivhd(i, struct.pack(
        "<BHBBHB", 3, 0x7FFF - i % 0x7FFF, 0, 4, 0x8000 + i % 0x7FFF, 0)), size))


def ivrs_aliases(size):
    """All functions of every segment under one alias."""
    entry = struct.pack("<BHBBHBBHB", 0x43, 0, 0, 0, 0xA0, 0, 4, 0xFFFF, 0)
    return ivrs(times(size, lambda i: ivhd(i, entry, i & 0xFFFF), size))


def ivrs_devices(size):
    """ACPI devices of one name."""
    entry = struct.pack("<BHB8s8sBB", 0xF0, 5, 0, b"ABCD0001", b"", 0, 0)
    return ivrs(times(size, lambda i: ivhd(i, entry * 2900, i & 0xFFFF, 0x40), size))


def ivrs_special(size):
    """One IOAPIC, again and again."""
    entry = struct.pack("<BHBBHB", 0x48, 0, 0, 0, 0xA0, 1)
    return ivrs(times(size, lambda i: ivhd(i, entry * 8000, i & 0xFFFF), size))


def ivrs_memory(size):
    """Memory of all devices in a table of many IOMMUs: a product."""
    units = times(size, lambda i: ivhd(i, b"", i & 0xFFFF), size // 2)
    return ivrs(units + times(size, lambda i: struct.pack(
        "<BBHHHQQQ", 0x20, 1, 32, 0, 0, 0, i << 16, 1 << 16), size // 2))


def ivrs_functions(size):
    """Functions that are each behind another IOMMU than those beside it, in entries of 4 bytes."""
    def entries(odd, first):
        return b"".join(struct.pack("<BHB", 2, 2 * j + odd, 0) for j in range(first, first + 4000))
    return ivrs(times(size, lambda i: ivhd(i, entries(i & 1, i // 2 % 8 * 4000), i // 16), size))


# -- RIMT and IOVT -------------------------------------------------------------------------------


def rimt(nodes):
    return acpi(b"RIMT", struct.pack("<III", len(nodes), 48, 0) + b"".join(nodes))


def rimt_nothing(size):
    """Nodes of 8 bytes and of no known type."""
    return rimt(times(size, lambda i: struct.pack("<BBHHH", 9, 1, 8, 0, i & 0xFFFF), size))


def rimt_functions(size):
    """A mapping for each function, to another IOMMU than that of the one beside it."""
    unit, n = 8 + 32, 3000
    def iommu(i):
        return struct.pack("<BBHHH8sQIIHHHH", 0, 1, unit, 0, i, b"RSCV0004", 0x3010000 + i * 0x1000,
                           0, 0, 0, 0, 0, 0)
    def root(i):
        return struct.pack("<BBHHHIHHHH", 1, 1, 20 + 20 * n, 0, i + 2, 0, 0, i & 0xFFFF, 20, n) + b"".join(
            struct.pack("<IIIII", j, 0, j, 48 + j % 2 * unit, 0) for j in range(n))
    return rimt([iommu(0), iommu(1)] + times(size, root, size))


def iovt_entries(size):
    """IOMMUs with as many entries of devices as their length has room for."""
    n = 8000
    entry = b"".join(struct.pack("<BBIH", 0, 8, 0, 8 * j & 0xFFFF) for j in range(n))
    def iommu(i):
        return struct.pack("<HHIHHHHQIQIIIIIII", 0, 64 + len(entry), 1, i & 0xFFFF, 48, 48, 4, 0x1000, 8,
                           0x10000000 + i * 0x1000, 0x1000, 0, 0, 0, 4096, n, 64) + entry
    units = times(size, iommu, size)
    return acpi(b"IOVT", struct.pack("<HHQ", len(units), 48, 0) + b"".join(units))


# -- SRAT, MADT, MCFG, and tables in a row -------------------------------------------------------


def srat_initiators(size):
    """Initiators of one function, each in another domain."""
    return acpi(b"SRAT", struct.pack("<I8x", 1) + b"".join(times(size, lambda i: struct.pack(
        "<BBBBIHBB12xII", 5, 32, 0, 1, i, 0, 0, 8, 1, 0), size)), 3)


def srat_memory(size):
    """The same memory in domain after domain."""
    return acpi(b"SRAT", struct.pack("<I8x", 1) + b"".join(times(size, lambda i: struct.pack(
        "<BBIHQQIIQ", 1, 40, i, 0, 0, 1 << 30, 0, 1, 0), size)), 3)


def madt_its(size):
    """Interrupt translation services without end, of one number."""
    return acpi(b"APIC", struct.pack("<II", 0, 0) + b"".join(times(size, lambda i: struct.pack(
        "<BBHIQI", 15, 20, 0, 1, 0x8080000, 0), size)), 3)


def mcfg_segments(size):
    """Windows that overlap."""
    return acpi(b"MCFG", bytes(8) + b"".join(times(size, lambda i: struct.pack(
        "<QHBB4x", 0xE0000000, i & 0xFF, 0, 255), size)), 1)


def raw_tables(size):
    """As many tables as can be, without anything in them."""
    return b"".join(times(size, lambda i: acpi(b"VIOT", bytes(12), 0), size))


def raw_headers(size):
    """Headers of tables with unknown signatures."""
    return b"".join(times(size, lambda i: acpi(b"SSDT", b""), size))


def raw_together(size):
    """One of each kind, as large as the room lets them be: rules across tables."""
    room = size // 4
    return iort_groups(room) + madt_its(room) + srat_initiators(room) + mcfg_segments(room)


# -- sets of tables ------------------------------------------------------------------------------


def acpi_set(entries, tables, address=0xE0000):
    """An RSDP, an XSDT whose entries are offsets behind it, and what is behind it."""
    xsdt_at = 48
    at = xsdt_at + 36 + 8 * len(entries)
    rsdp = bytearray(struct.pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, b"VIOMMU", 2, 0, 36, address + xsdt_at, 0))
    rsdp[8] = -sum(rsdp[:20]) & 0xFF
    rsdp[32] = -sum(rsdp) & 0xFF
    return bytes(rsdp) + bytes(12) + acpi(
        b"XSDT", struct.pack(f"<{len(entries)}Q", *(address + at + entry for entry in entries))) + tables


def set_one_table(size):
    """Every entry of the XSDT names the one table."""
    return acpi_set([0] * (size // 16), acpi(b"SSDT", bytes(size // 2)))


def set_nested(size):
    """Tables that begin every 8 bytes, and all end where the file does."""
    n = size // 16
    return acpi_set([8 * i for i in range(n)], b"".join(
        b"SSDT" + struct.pack("<I", 8 * (n - i) + 36) for i in range(n)) + bytes(36))


def set_fadts(size):
    """FADTs that all point to one DSDT."""
    n = size // 512
    dsdt = acpi(b"DSDT", bytes(size // 2))
    fadt = acpi(b"FACP", bytes(104) + struct.pack("<Q", 0xE0000 + 48 + 36 + 8 * n) + bytes(96))
    return acpi_set([len(dsdt) + len(fadt) * i for i in range(n)], dsdt + fadt * n)


def set_roots(size):
    """XSDTs that begin every 16 bytes, any of which may be that of the RSDP."""
    n = size // 16
    return acpi_set([8] * 4, b"".join(
        b"XSDT" + struct.pack("<IQ", 16 * (n - i), 0xE0000) for i in range(n)) + bytes(36))


def acpidump_titles(size):
    """Titles of tables that have no line."""
    return b"".join(times(size, lambda i: b"VIOT @ 0x0\n", size))


def acpidump_small(size):
    """Tables of one line, cut off."""
    return b"".join(times(size, lambda i: b"VIOT @ 0x0\n0000: 56 49\n", size))


def acpidump_line(size):
    """A line that has no end."""
    return b"VIOT @ 0x0\n0000:" + b" 56" * (size // 3)


def acpidump_zeros(size):
    """Offsets of thousands of digits."""
    return b"VIOT @ 0x0\n" + b"0" * size + b": 56 49\n"


def hexdump(data):
    return b"".join(b"%08x: %s\n" % (i, data[i:i + 16].hex(" ", 2).encode())
                    for i in range(0, len(data), 16))


def hexdump_scopes(size):
    """The digits of a table of scopes."""
    return hexdump(dmar_scopes(size // 3))


def hexdump_tables(size):
    """The digits of thousands of tables."""
    return b"\n".join(times(size, lambda i: hexdump(acpi(b"VIOT", bytes(12), 0)), size))


def base64_scopes(size):
    """A table of scopes as an attachment of a mail."""
    return base64.encodebytes(dmar_scopes(size * 3 // 4))


# -- PCI trees -----------------------------------------------------------------------------------


def lspci_lines(size):
    """Functions in the shortest lines there are."""
    return b"".join(times(size, lambda i: b"%02x:%02x.%x x: y\n" % (
        i >> 8 & 0xFF, i >> 3 & 31, i & 7), size))


def lspci_bridges(size):
    """Bridges in bridges."""
    return b"".join(times(size, lambda i: b"%02x:00.0 PCI bridge: x\n\tBus: primary=%02x, secondary=%02x, "
                          b"subordinate=ff\n" % (i & 0xFF, i & 0xFF, (i + 1) & 0xFF), size))


def draft_wrapped(size):
    """A VIOT of 2019 around a VIOT of 2019 around ..."""
    inner = iort_nested(size)
    return acpi(b"VIOT", bytes(12) + inner, 0)


# -- configuration space ---------------------------------------------------------------------------


def builtin_v3_items(size):
    """Items without end, each a range inside those before."""
    items = times(size, lambda i: struct.pack("<BBHHHII", 1, 0, 16, i & 0x7FFF, 0xFFFF - (i & 0x7FFF),
                                              i, 0), min(size, 0xFF00))
    return struct.pack("<QQQIBxHHxx", 0, 0, 0, 0, 0, 40, len(items)) + b"".join(items)


# -- device trees --------------------------------------------------------------------------------


class Tree:
    """A flattened device tree as it is written, token by token."""

    def __init__(self):
        self.out, self.strings, self.at = bytearray(), bytearray(), {}

    def begin(self, name=b""):
        self.out += struct.pack(">I", 1) + name + b"\0"
        self.out += b"\0" * (-len(self.out) % 4)

    def end(self):
        self.out += struct.pack(">I", 2)

    def property(self, name, value=b""):
        if name not in self.at:
            self.at[name] = len(self.strings)
            self.strings += name + b"\0"
        self.out += struct.pack(">III", 3, len(value), self.at[name]) + value
        self.out += b"\0" * (-len(self.out) % 4)

    def cells(self, name, *values):
        self.property(name, struct.pack(f">{len(values)}I", *values))

    def blob(self):
        structs = bytes(self.out) + struct.pack(">I", 9)
        at = 56
        strings = at + len(structs)
        total = strings + len(self.strings)
        return struct.pack(">10I", 0xD00DFEED, total, at, strings, 40, 17, 16, 0, len(self.strings),
                           len(structs)) + bytes(16) + structs + bytes(self.strings)

    def iommu(self, i, phandle, cells=1):
        self.begin(b"smmu@%x" % (0x1000000 + i * 0x20000))
        self.property(b"compatible", b"arm,smmu-v3\0")
        self.cells(b"reg", 0, 0x1000000 + i * 0x20000, 0, 0x20000)
        self.cells(b"#iommu-cells", cells)
        self.cells(b"phandle", phandle)
        self.end()

    def bridge(self, i, room, entries, mask=None):
        self.begin(b"pcie@%x" % (0x10000000 + i))
        self.property(b"compatible", b"pci-host-ecam-generic\0")
        self.property(b"device_type", b"pci\0")
        self.cells(b"reg", 0, 0x10000000 + i, 0, 0x1000000)
        self.cells(b"linux,pci-domain", i)
        self.cells(b"bus-range", 0, 255)
        self.property(b"iommu-map", b"".join(times(room, lambda k: struct.pack(
            ">4I", *entries(k)), room)))
        if mask is not None:
            self.cells(b"iommu-map-mask", mask)
        self.end()


def tree():
    made = Tree()
    made.begin()
    made.cells(b"#address-cells", 2)
    made.cells(b"#size-cells", 2)
    return made


def dtb_deep(size):
    """A node in a node in a node."""
    made = tree()
    n = size // 12
    for _ in range(n):
        made.begin(b"a")
    for _ in range(n + 1):
        made.end()
    return made.blob()


def dtb_buses(size):
    """Devices below a chain of buses that each translate addresses."""
    made = tree()
    depth = 60
    for i in range(depth):
        made.begin(b"bus@%x" % i)
        made.cells(b"#address-cells", 1)
        made.cells(b"#size-cells", 1)
        made.property(b"ranges", struct.pack(">3I", 0, 0, 0xFFFFFFFF) * 50)
    made.iommu(0, 1)
    i = 0
    while len(made.out) < size:
        made.begin(b"d@%x" % i)
        made.cells(b"reg", i, 1)
        made.cells(b"iommus", 1, i)
        made.end()
        i += 1
    for i in range(depth + 1):
        made.end()
    return made.blob()


def dtb_nodes(size):
    """Nodes without anything, beside each other and with one name."""
    made = tree()
    while len(made.out) < size:
        made.begin(b"a")
        made.end()
    made.end()
    return made.blob()


def dtb_functions(size):
    """A map with an entry for each function, to another IOMMU than that of the one beside it."""
    made = tree()
    made.iommu(0, 1)
    made.iommu(1, 2)
    for i in range(max(1, size >> 19)):
        made.bridge(i, min(size, 0x7F00 * 16), lambda k: (2 * k, 1 + k % 2, 2 * k, 1))
    made.end()
    return made.blob()


def dtb_few_ids(size):
    """Devices that each have one ID, in as few bytes as that takes."""
    made = tree()
    made.iommu(0, 1)
    i = 0
    while len(made.out) < size:
        made.begin(b"%x" % i)
        made.cells(b"iommus", 1, i)
        made.end()
        i += 1
    made.end()
    return made.blob()


def dtb_properties(size):
    """Properties of one node, all of one name."""
    made = tree()
    while len(made.out) < size:
        made.property(b"iommus")
    made.end()
    return made.blob()


def dtb_phandles(size):
    """Nodes that all have one phandle."""
    made = tree()
    while len(made.out) < size:
        made.begin(b"a")
        made.cells(b"phandle", 1)
        made.end()
    made.end()
    return made.blob()


def dtb_devices(size):
    """Devices that each have thousands of IDs, of an IOMMU that there is."""
    made = tree()
    made.iommu(0, 1)
    i = 0
    while len(made.out) < size:
        made.begin(b"d@%x" % i)
        made.cells(b"reg", 0, i, 0, 1)
        made.property(b"iommus", struct.pack(">2I", 1, 7) * 400)
        made.end()
        i += 1
    made.end()
    return made.blob()


def dtb_cells(size):
    """An IOMMU with four thousand million cells."""
    made = tree()
    made.iommu(0, 1, 0xFFFFFFFF)
    i = 0
    while len(made.out) < size:
        made.begin(b"d@%x" % i)
        made.cells(b"reg", 0, i, 0, 1)
        made.property(b"iommus", struct.pack(">2I", 1, 7))
        made.end()
        i += 1
    made.end()
    return made.blob()


def dtb_map(size):
    """A map whose entries lie inside those before them."""
    made = tree()
    made.iommu(0, 1)
    made.bridge(0, size, lambda k: (k % 0x7FFF, 1, k, 0x10000 - 2 * (k % 0x7FFF)))
    made.end()
    return made.blob()


def dtb_masks(size):
    """Bridges whose mask makes ten thousands of ranges out of one entry."""
    made = tree()
    made.iommu(0, 1)
    i = 0
    while len(made.out) < size:
        made.bridge(i, 16, lambda k: (0, 1, 0, 0x10000), 0x5555)
        i += 1
    made.end()
    return made.blob()


def dtb_names(size):
    """A name as long as the tree, and nodes below it that have it in their path."""
    made = tree()
    made.begin(b"n" * (size // 2))
    while len(made.out) < size:
        made.begin(b"p@0")
        made.cells(b"phandle", 1)
        made.property(b"iommus", b"\0\0\0\x09")
        made.end()
    made.end()
    made.end()
    return made.blob()


def dtb_iommus(size):
    """IOMMUs at one location, without devices."""
    made = tree()
    i = 0
    while len(made.out) < size:
        made.iommu(0, i + 1)
        i += 1
    made.end()
    return made.blob()


def dtb_distances(size):
    """A matrix of distances between nodes that there are not."""
    made = tree()
    made.begin(b"distance-map")
    made.property(b"compatible", b"numa-distance-map-v1\0")
    made.property(b"distance-matrix", b"".join(times(size, lambda i: struct.pack(
        ">3I", i % 1000, i // 1000, 20), size)))
    made.end()
    made.end()
    return made.blob()


# -- texts -----------------------------------------------------------------------------------------

HEAD = b"viommu: 1\n"
ONE_SMMU = b"iommus:\n - { name: s, kind: smmu-v3, at: 0x1000000 }\n"


def text_list(head, section, size, each):
    return head + section + b":\n" + b"".join(times(size, lambda i: b" - { " + each(i) + b" }\n", size))


def functions(first, last):
    return b"%02x:%02x.%x-%02x:%02x.%x" % (first >> 8, first >> 3 & 31, first & 7,
                                           last >> 8, last >> 3 & 31, last & 7)


def text_laughs(size):
    """Anchors of anchors: every line is ten times the one before."""
    out = HEAD + b"iommus: &a0 [ x, x, x, x, x, x, x, x, x ]\n"
    for i in range(size // 60):
        out += b"k%d: &a%d [ %s ]\n" % (i, i + 1, b", ".join([b"*a%d" % i] * 9))
    return out


def text_strings(size):
    """Parts of a string, each of which might begin a table, and the last of which is broken."""
    return b'"DMAR\\x30\\x00\\x00\\x00" ' * (size // 24) + b'"\n'


def text_brackets(size):
    """Lists in lists."""
    return HEAD + b"iommus: " + b"[" * size


def text_braces(size):
    """Objects whose keys are objects."""
    return HEAD + b"iommus: " + b"{? " * (size // 3)


def text_dashes(size):
    """Lists in lists, one a character."""
    return HEAD + b"iommus:\n" + b"- " * (size // 2) + b"\n"


def text_indented(size):
    """Objects in objects, each a line that is longer than the one before."""
    out, i = [HEAD], 0
    while i * i // 2 < size:
        out.append(b" " * i + b"k:\n")
        i += 1
    return b"".join(out)


def text_scalar(size):
    """A value that is all there is."""
    return HEAD + b"iommus: '" + b"a" * size + b"'\n"


def text_keys(size):
    """An object of which every key is the same."""
    return HEAD + b"iommus:\n - { " + b"name: a, " * (size // 9) + b" }\n"


def text_unknown(size):
    """An object of which every key is unknown."""
    return HEAD + b"iommus:\n - { " + b"".join(times(size, lambda i: b"k%d: 1, " % i, size)) + b" }\n"


def text_lines(size):
    """Lines with nothing in them."""
    return HEAD + b"\n" * size + b"x"


def text_comments(size):
    """Comments."""
    return HEAD + b"#\n" * (size // 2)


def text_quoted(size):
    """A quoted value of which every character is an escape."""
    return HEAD + b'iommus: "' + b"\\x1b" * (size // 4) + b'"\n'


def text_folded(size):
    """A plain value of words in lines."""
    return HEAD + b"iommus: a\n" + b"  a\n" * (size // 4)


def text_numbers(size):
    """Lists of numbers as long as they may be."""
    return text_list(HEAD, b"its-groups", size,
                     lambda i: b"name: g%d, ids: [ %s]" % (i, b"1, " * 65000))


def text_units(size):
    """IOMMUs of one name."""
    return text_list(HEAD, b"iommus", size, lambda i: b"name: a, kind: smmu-v3, at: 0")


def text_one_id(size):
    """All functions of all segments have one ID: an IORT has a mapping for each."""
    return HEAD + ONE_SMMU + b"ranges:\n" + b"".join(
        b" - { segments: 0-65535, functions: %s, one-id: yes, iommu: s, first-id: 5 }\n" %
        functions(i << 12, i << 12 | 0xFFF) for i in range(3))


def text_shared_ids(size):
    """Host bridges of which all functions have one ID: a device tree looks for a mask for each."""
    n = size // 160
    return (HEAD + ONE_SMMU + b"host-bridges:\n" + b"".join(
        b" - { segment: %d, buses: 00-ff }\n" % i for i in range(n)) + b"ranges:\n" + b"".join(
            b" - { functions: %04x:00:00.0-%04x:ff:1f.7, one-id: yes, iommu: s, first-id: 5 }\n" %
            (i, i) for i in range(n)))


def text_rmrs(size):
    """Memory that is for all of many ranges of functions: a product."""
    return (text_list(HEAD + ONE_SMMU, b"ranges", size // 2, lambda i: b"functions: %s, iommu: s" %
                      functions(2 * i & 0xFFFE, 2 * i & 0xFFFE)) +
            text_list(b"", b"reserved-memory", size // 2,
                      lambda i: b"functions: 00:00.0-ff:1f.7, kind: identity, range: 0x%x-0x%x, "
                      b"flags: %d" % (i << 16, (i << 16) + 0xFFFF, i)))


def text_aliases(size):
    """Every function of every segment has an ID that is not its own: an IVRS has an entry each."""
    def unit(i):
        return b"name: a%d, kind: amd-vi, at: 0x%x, function: %04x:00:02.0, capability: 64" % (
            i, 0xFD000000 + i * 0x80000, i & 0xFFFF)
    def alias(i):
        return b"functions: %04x:%s, iommu: a%d, first-id: 0x%x" % (
            i, functions(0, 0xFFFE), i, i << 16 | 1)
    n = size // 200
    return (HEAD + b"iommus:\n" + b"".join(b" - { %s }\n" % unit(i) for i in range(n)) +
            b"ranges:\n" + b"".join(b" - { %s }\n" % alias(i) for i in range(n)))


def text_ranges(size):
    """Ranges inside of ranges."""
    return text_list(HEAD + ONE_SMMU, b"ranges", size, lambda i: b"functions: %s, iommu: s" %
                     functions(i % 0x7FFF, 0xFFFF - i % 0x7FFF))


def text_functions(size):
    """Functions that are each behind another IOMMU than those beside it."""
    return text_list(HEAD + b"iommus: [ { name: s, kind: smmu-v3, at: 0 }, { name: t, kind: smmu-v3, at: 0x20000 } ]\n",
                     b"ranges", size, lambda i: b"functions: %04x:%02x:%02x.%x, iommu: %s" % (
                         i >> 16, i >> 8 & 0xFF, i >> 3 & 31, i & 7, b"st"[i % 2:i % 2 + 1]))


def json_functions(size):
    """The same as JSON, without a blank."""
    ranges = times(size, lambda i: b'{"functions":"%02x:%02x.%x","iommu":"%s"}' % (
        i >> 8 & 0xFF, i >> 3 & 31, i & 7, b"st"[i % 2:i % 2 + 1]), size)
    return (b'{"viommu":1,"iommus":[{"name":"s","kind":"smmu-v3","at":0},'
            b'{"name":"t","kind":"smmu-v3","at":131072}],"ranges":[' + b",".join(ranges) + b"]}")


def text_bridges(size):
    """Host bridges of the same buses."""
    return text_list(HEAD + ONE_SMMU, b"host-bridges", size, lambda i: b"buses: 00-ff, iommu: s")


def text_segments(size):
    """Host bridges of segment after segment."""
    return text_list(HEAD + ONE_SMMU, b"host-bridges", size,
                     lambda i: b"segment: %d, buses: 00-ff, iommu: s" % (i & 0xFFFF))


def text_msis(size):
    """Ranges of MSIs inside each other, beside as many ranges of functions."""
    return (text_list(HEAD + ONE_SMMU + b"its-groups: [ { name: g, ids: [ 0 ] } ]\n", b"ranges",
                      size // 2, lambda i: b"functions: %s, iommu: s" % functions(
                          2 * i & 0xFFFE, 2 * i & 0xFFFE)) +
            text_list(b"", b"msi-ranges", size // 2,
                      lambda i: b"iommu: s, ids: 0x%x-0x%x, its: g" % (
                          i % 0x7FFF, 0xFFFF - i % 0x7FFF)))


def text_msi_functions(size):
    """Ranges of MSIs of functions inside each other, in segment after segment."""
    return text_list(HEAD + ONE_SMMU + b"its-groups: [ { name: g, ids: [ 0 ] } ]\n"
                     b"ranges: [ { segments: 0-ffff, functions: 00:00.0-ff:1f.7, iommu: s } ]\n",
                     b"msi-ranges", size, lambda i: b"functions: %04x:%s, its: g" % (
                         i & 0xFF, functions(i >> 8, 0xFFFF - (i >> 8))))


def text_devices(size):
    """Devices that share address and ID."""
    return text_list(HEAD + ONE_SMMU, b"devices", size, lambda i: b"at: 0x10, iommu: s, id: 7")


def text_wide_devices(size):
    """Devices of 2^32 IDs, whose MSIs are cut into pieces of one: a product."""
    return (text_list(HEAD + ONE_SMMU + b"its-groups: [ { name: g, ids: [ 0 ] } ]\n", b"devices",
                      size // 2, lambda i: b"name: d%d, iommu: s, id: 0, ids: 0xffffffff" % i) +
            text_list(b"", b"msi-ranges", size // 2,
                      lambda i: b"iommu: s, ids: 0x%x-0x%x, its: g" % (2 * i, 2 * i)))


def text_device_ids(size):
    """IDs of one device."""
    return text_list(HEAD + ONE_SMMU + b"devices: [ { name: d, iommu: s, id: 0 } ]\n", b"device-ids",
                     size, lambda i: b"device: d, iommu: s, id: %d" % (i + 1))


def text_memory(size):
    """The same memory of one IOMMU."""
    return text_list(HEAD + ONE_SMMU, b"reserved-memory", size,
                     lambda i: b"iommu: s, range: 0x%x-0x%x" % (i << 16, 0xFFFFFFFFFFFF - (i << 16)))


def text_memory_functions(size):
    """Memory for functions, inside each other."""
    return text_list(HEAD + ONE_SMMU, b"reserved-memory", size,
                     lambda i: b"functions: %s, range: 0x%x-0x%x" % (
                         functions(i % 0x7FFF, 0xFFFF - i % 0x7FFF), i << 16, (i << 16) + 0xFFFF))


def text_virtio(size):
    """Virtio-iommus without end, each for one bus of segment after segment."""
    n = size // 130
    return (HEAD + b"iommus:\n" + b"".join(
        b" - { name: v%d, kind: virtio-iommu-pci, at: %04x:%02x:01.0 }\n" % (
            i, i >> 8, i & 0xFF) for i in range(n)) +
            b"host-bridges:\n" + b"".join(b" - { segment: %d, buses: %02x-%02x, iommu: v%d }\n" % (
                i >> 8, i & 0xFF, i & 0xFF, i) for i in range(n)))


def text_paths(size):
    """Units of VT-d with functions at the end of long paths."""
    path = b"/".join([b"1f.7"] * 120)
    return text_list(HEAD + b"iommus: [ { name: u, kind: vt-d, at: 0xfed90000 } ]\n", b"ranges",
                     size, lambda i: b"functions: %02x:00.0, path: %s, iommu: u" % (i & 0xFF, path))


FILES = {name: made for name, made in list(globals().items())
         if inspect.isfunction(made) and made.__doc__ and list(
             inspect.signature(made).parameters) == ["size"]}


def main(arguments):
    if not arguments:
        print("\n".join(FILES))
        return 0
    sys.stdout.buffer.write(FILES[arguments[0]](int(arguments[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
