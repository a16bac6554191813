/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hostile sets of ACPI tables: guest memory from an RSDP on
 *
 * The RSDP is a good one, since its checksums would stop nearly every input. What it points to is
 * the input. A byte is read in one table at most, and tables that are added follow bytes of which
 * only the RSDP is changed.
 */
#include <stdlib.h>
#include <string.h>

#include <viommu/acpi.h>

#include "fuzz.h"

#define LARGEST     65536u
#define RSDP_LENGTH 36u
#define XSDT_AT     48u
#define LONGEST     148u /* of the tables that are added */

static void store(uint8_t *to, unsigned n, uint64_t value)
{
	for (unsigned i = 0; i < n; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static void set_sum(uint8_t *bytes, size_t length, size_t sum_at)
{
	uint8_t sum = 0;

	bytes[sum_at] = 0;
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes[i]);
	bytes[sum_at] = (uint8_t)-sum;
}

static void store_rsdp(uint8_t *rsdp, uint64_t xsdt)
{
	memcpy(rsdp, "RSD PTR \0VIOMMU\2", 16);
	store(rsdp + 20, 4, RSDP_LENGTH);
	store(rsdp + 24, 8, xsdt);
	set_sum(rsdp, 20, 8);
	set_sum(rsdp, RSDP_LENGTH, 32);
}

static struct viommu_table *table_of(const char *signature, uint32_t length)
{
	uint8_t bytes[LONGEST] = { 0 };

	memcpy(bytes, signature, 4);
	store(bytes + 4, 4, length);
	set_sum(bytes, length, 9);
	return viommu_table_decode(bytes, length, signature, NULL);
}

static bool count(void *opaque, const char *name, const void *bytes, size_t length)
{
	struct viommu_table *table = viommu_table_decode(bytes, length, name, NULL);

	*(size_t *)opaque += length;
	must(table != NULL);
	viommu_table_free(table);
	return true;
}

static void split(const uint8_t *bytes, size_t length)
{
	struct viommu_findings *findings = viommu_findings_new();
	size_t total = 0, n = viommu_input_split(bytes, length, "set", count, &total, findings);

	must(total <= length && (n || viommu_findings_count(findings)));
	viommu_findings_free(findings);
}

static void add(const uint8_t *bytes, size_t length, uint64_t address, unsigned which)
{
	struct viommu_findings *findings = viommu_findings_new();
	struct viommu_table *tables[] = { table_of("VIOT", 48), table_of("DSDT", 40),
					  table_of("FACP", LONGEST) };
	const struct viommu_table *given[3];
	size_t n = 0, made;
	void *more;

	for (unsigned i = 0; i < 3; i++)
		if (which >> i & 1)
			given[n++] = tables[i];
	made = viommu_acpi_add(bytes, length, address, given, n, &more, findings);
	must(made ? made >= length : viommu_findings_count_from(findings, VIOMMU_ERROR));
	if (made) {
		must(!memcmp((uint8_t *)more + RSDP_LENGTH, bytes + RSDP_LENGTH,
			     length - RSDP_LENGTH));
		split(more, made);
	}
	free(more);
	for (unsigned i = 0; i < 3; i++)
		viommu_table_free(tables[i]);
	viommu_findings_free(findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct rest input = { bytes, length };
	unsigned which = take(&input);
	uint64_t address = take_address(&input) & ~15ull;
	uint8_t *memory;

	if (!input.length || input.length > LARGEST)
		return 0;
	length = XSDT_AT + input.length;
	memory = calloc(1, length);
	must(memory != NULL);
	store_rsdp(memory, address + XSDT_AT);
	memcpy(memory + XSDT_AT, input.bytes, input.length);
	split(memory, length);
	add(memory, length, address, which);
	free(memory);
	return 0;
}
