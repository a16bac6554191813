/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of every ACPI table (ACPI 6.5, "System Description Table Header")
 */
#include <string.h>

#include "findings.h"
#include "format.h"

struct plain_head {
	struct acpi_header acpi;
};

static const struct field fields[] = { ACPI_ROWS(struct plain_head) };

const struct layout acpi_layout =
	LAYOUT("ACPI table", 0, ACPI_HEADER_LENGTH, struct plain_head, fields);

/* -- checking ------------------------------------------------------------------ */

static uint8_t sum_of(const GByteArray *bytes)
{
	uint8_t sum = 0;

	for (guint i = 0; i < bytes->len; i++)
		sum = (uint8_t)(sum + bytes->data[i]);
	return sum;
}

static GByteArray *bytes_of(const struct viommu_table *table)
{
	GByteArray *bytes = g_byte_array_sized_new((guint)record_length(table->root));

	record_encode(table->root, bytes);
	return bytes;
}

void acpi_check(const struct viommu_table *table, struct viommu_findings *findings)
{
	GByteArray *bytes = bytes_of(table);
	const struct acpi_header *header = acpi_header(table);
	uint8_t sum = sum_of(bytes);
	const struct field *length = layout_field(table->root->layout, "Length");
	const struct field *checksum = layout_field(table->root->layout, "Checksum");

	if (header->length != bytes->len)
		report(findings, "acpi-length", place_in_table(table->file, length->at),
		       "set it to the number of bytes", "length is %u, and there are %u bytes",
		       header->length, bytes->len);
	if (sum)
		report(findings, "acpi-checksum", place_in_table(table->file, checksum->at),
		       "subtract the sum from the checksum", "all bytes add up to 0x%02x, not to 0",
		       sum);
	g_byte_array_free(bytes, TRUE);
}

/* -- making ---------------------------------------------------------------------- */

static void copy_text(char *field, size_t length, const char *text)
{
	memset(field, 0, length);
	memcpy(field, text, MIN(strlen(text), length));
}

void acpi_begin(struct viommu_table *table, const struct viommu_topology *topology)
{
	const struct viommu_table_header *wanted =
		viommu_topology_header(topology, table->signature);
	struct acpi_header *header = acpi_header(table);

	memcpy(header->signature, table->signature, sizeof(header->signature));
	copy_text(header->oem_id, sizeof(header->oem_id), wanted->oem_id);
	copy_text(header->oem_table_id, sizeof(header->oem_table_id), wanted->oem_table_id);
	copy_text(header->creator_id, sizeof(header->creator_id), wanted->creator_id);
	header->oem_revision = wanted->oem_revision;
	header->creator_revision = wanted->creator_revision;
}

void acpi_finish(struct viommu_table *table)
{
	struct acpi_header *header = acpi_header(table);
	GByteArray *bytes;

	header->length = (uint32_t)record_length(table->root);
	header->checksum = 0;
	bytes = bytes_of(table);
	header->checksum = (uint8_t)-sum_of(bytes);
	g_byte_array_free(bytes, TRUE);
}
