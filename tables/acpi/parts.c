/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables as bytes, one after the other in an image
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "acpi.h"
#include "tables/findings/findings.h"
#include "tables/table/image.h"

/* Constant, without a date or version, so that a topology always gives the same bytes. */
static const uint8_t oem_to_creator[] = {
	'V', 'I', 'O', 'M', 'M', 'U', 'V', 'I', 'O', 'M', 'M', 'U', ' ',
	' ', 1,   0,   0,   0,   'V', 'I', 'O', 'M', 1,   0,   0,   0,
};

struct bytes *part_begin(const char *signature, unsigned revision)
{
	const uint8_t lengths[] = { 0, 0, 0, 0, (uint8_t)revision, 0 };
	struct bytes *part = bytes_new();

	bytes_append(part, signature, 4);
	bytes_append(part, lengths, sizeof(lengths));
	bytes_append(part, oem_to_creator, sizeof(oem_to_creator));
	return part;
}

void part_end(struct bytes *part)
{
	wire_store(part->data + ACPI_LENGTH_AT, sizeof(uint32_t), part->len);
	acpi_set_sum(part->data, part->len, ACPI_SUM_AT);
}

/* Up to the end that the header states: bytes behind it have no meaning. */
struct bytes *part_of(const struct viommu_table *table)
{
	struct bytes *part = bytes_new();
	void *bytes;
	size_t length = table_encode(table, &bytes);

	bytes_append(part, bytes, acpi_end(table, length));
	memory_free(bytes);
	return part;
}

bool part_is(const struct bytes *part, const char *signature)
{
	return !memcmp(part->data, signature, 4);
}

const struct bytes *parts_find(const struct pointers *parts, const char *signature)
{
	for (size_t i = 0; i < parts->len; i++)
		if (part_is(parts->pdata[i], signature))
			return parts->pdata[i];
	return NULL;
}

bool parts_have(const struct pointers *parts, const char *signature)
{
	return parts_find(parts, signature);
}

/* Not by the field of 32 bits, which those before ACPI 2.0 have. */
void part_set_dsdt(struct bytes *fadt, uint64_t dsdt)
{
	wire_store(fadt->data + FADT_DSDT_AT, sizeof(uint32_t), 0);
	wire_store(fadt->data + FADT_X_DSDT_AT, sizeof(dsdt), dsdt);
	part_end(fadt);
}

void part_free(void *part)
{
	bytes_free(part);
}

size_t part_append(struct bytes *image, const struct bytes *part)
{
	size_t at = (image->len + RSDP_ALIGNMENT - 1) / RSDP_ALIGNMENT * RSDP_ALIGNMENT;
	static const uint8_t zeros[RSDP_ALIGNMENT];

	bytes_append(image, zeros, at - image->len);
	bytes_append(image, part->data, part->len);
	return at;
}

struct bytes *part_xsdt(const struct array *pointers)
{
	struct bytes *xsdt = part_begin("XSDT", 1);

	for (size_t i = 0; i < pointers->len; i++) {
		uint8_t entry[XSDT_ENTRY];

		wire_store(entry, sizeof(entry), array_index(pointers, uint64_t, i));
		bytes_append(xsdt, entry, sizeof(entry));
	}
	part_end(xsdt);
	return xsdt;
}

bool part_image_fits(uint64_t address, size_t length, struct viommu_findings *findings)
{
	if (address % RSDP_ALIGNMENT == 0 && length - 1 <= UINT64_MAX - address)
		return true;
	report(findings, "image-address", place_of_file(NULL), "give an address of guest memory",
	       "a set of %zu bytes cannot be at 0x%" PRIx64, length, address);
	return false;
}

void part_point(uint8_t *rsdp, uint64_t xsdt)
{
	wire_store(rsdp + RSDP_XSDT_AT, sizeof(xsdt), xsdt);
	acpi_set_sum(rsdp, RSDP_SUM_LENGTH, RSDP_SUM_AT);
	acpi_set_sum(rsdp, RSDP_LENGTH, RSDP_EXTENDED_SUM_AT);
}
