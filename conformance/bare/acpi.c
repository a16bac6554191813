/* SPDX-License-Identifier: BSD-3-Clause */
#include "acpi.h"

#define HEADER 36 /* of every table */

enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24 };
enum { TABLE_LENGTH = 4, FADT_DSDT = 40, FADT_X_DSDT = 140, MCFG_BASE = HEADER + 8 };

/* Memory32Fixed (ACPI 6.5, 6.4.3.4): tag, two bytes of length, flags, base, length */
enum { MEMORY_32_FIXED = 0x86, FIXED_BASE = 4, FIXED_BYTES = 12 };

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

uint64_t acpi_ecam(const void *rsdp)
{
	uint32_t length;
	const uint8_t *mcfg = acpi_table(rsdp, "MCFG", &length);

	return mcfg && length >= MCFG_BASE + 16 ? get_number(mcfg + MCFG_BASE, 8) : 0;
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

/* The code is not interpreted: after the name of the device come its resources. */
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
