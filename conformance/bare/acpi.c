/* SPDX-License-Identifier: BSD-3-Clause */
#include "acpi.h"

#define HEADER 36 /* of every table */

enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24 };
enum { TABLE_LENGTH = 4, FADT_DSDT = 40, FADT_X_DSDT = 140, MCFG_BASE = HEADER + 8 };

/* Memory32Fixed (ACPI 6.5, 6.4.3.4): tag, two bytes of length, flags, base, length */
enum { MEMORY_32_FIXED = 0x86, FIXED_BASE = 4, FIXED_BYTES = 12 };

/* DWordMemory (6.4.3.5.2): tag, two bytes of length, kind 0, flags, granularity, range, offset */
enum { ADDRESS_32 = 0x87, ADDRESS_LENGTH = 23, ADDRESS_FIRST = 10, ADDRESS_BYTES = 26 };

/* A method that returns a constant (20.2): its name, no arguments, Return, 4 or 8 bytes */
enum { RETURN = 0xa4, DWORD = 0x0c, QWORD = 0x0e, NAME = 4 };

static uint32_t length_of(const uint8_t *table)
{
	return (uint32_t)get_number(table + TABLE_LENGTH, 4);
}

static bool is_whole(const uint8_t *table)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < length_of(table); i++)
		sum += table[i];
	return length_of(table) >= HEADER && !sum;
}

const uint8_t *acpi_table(const void *rsdp, const char *signature, uint32_t *ret_length)
{
	const uint8_t *root = rsdp, *tables;
	unsigned width;

	if (!rsdp)
		return NULL;
	width = root[RSDP_REVISION] >= 2 && get_number(root + RSDP_XSDT, 8) ? 8 : 4;
	tables = (uint8_t *)get_number(root + (width == 8 ? RSDP_XSDT : RSDP_RSDT), width);
	for (uint32_t at = HEADER; at + width <= length_of(tables); at += width) {
		const uint8_t *table = (uint8_t *)get_number(tables + at, width);

		if (memcmp(table, signature, 4) || !is_whole(table))
			continue;
		*ret_length = length_of(table);
		return table;
	}
	return NULL;
}

static const uint8_t *find_dsdt(const void *rsdp)
{
	uint32_t length;
	const uint8_t *fadt = acpi_table(rsdp, "FACP", &length);
	uint64_t at = fadt ? get_number(fadt + FADT_DSDT, 4) : 0;

	if (fadt && length >= FADT_X_DSDT + 8 && get_number(fadt + FADT_X_DSDT, 8))
		at = get_number(fadt + FADT_X_DSDT, 8);
	return (uint8_t *)at;
}

/* The code is not interpreted: the constant follows the name of the method. */
static uint32_t find_cba(const uint8_t *dsdt, uint64_t *ret_ecam)
{
	for (uint32_t at = HEADER; dsdt && at + NAME + 3 + 8 <= length_of(dsdt); at++) {
		const uint8_t *code = dsdt + at + NAME;

		if (memcmp(dsdt + at, "_CBA", NAME) || code[1] != RETURN ||
		    (code[2] != DWORD && code[2] != QWORD))
			continue;
		*ret_ecam = get_number(code + 3, code[2] == DWORD ? 4 : 8);
		return at;
	}
	return 0;
}

static void find_memory(const uint8_t *dsdt, uint32_t at, struct pci_host *host)
{
	for (; at + ADDRESS_BYTES <= length_of(dsdt); at++) {
		const uint8_t *range = dsdt + at + ADDRESS_FIRST;

		if (dsdt[at] != ADDRESS_32 || get_number(dsdt + at + 1, 3) != ADDRESS_LENGTH)
			continue;
		host->first = get_number(range, 4);
		host->last = get_number(range + 4, 4);
		host->offset = get_number(range + 8, 4);
		return;
	}
}

bool acpi_pci(const void *rsdp, struct pci_host *ret_host)
{
	uint32_t length, at;
	uint64_t base = 0;
	const uint8_t *mcfg = acpi_table(rsdp, "MCFG", &length), *dsdt = find_dsdt(rsdp);

	at = find_cba(dsdt, &base);
	if (at)
		find_memory(dsdt, at, ret_host);
	if (mcfg && length >= MCFG_BASE + 16)
		base = get_number(mcfg + MCFG_BASE, 8);
	ret_host->ecam = base;
	return base;
}

/* After the name of the device come its resources. */
bool acpi_mmio(const void *rsdp, unsigned n, uint64_t *ret_registers)
{
	const uint8_t *dsdt = find_dsdt(rsdp);
	bool named = false;

	for (uint32_t at = HEADER; dsdt && at + FIXED_BYTES <= length_of(dsdt); at++) {
		const uint8_t *code = dsdt + at;

		if (!memcmp(code, "LNRO0005", 8))
			named = true;
		if (!named || code[0] != MEMORY_32_FIXED || get_number(code + 1, 2) != 9)
			continue;
		named = false;
		if (n--)
			continue;
		*ret_registers = get_number(code + FIXED_BASE, 4);
		return true;
	}
	return false;
}
