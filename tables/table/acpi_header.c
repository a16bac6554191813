/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of every ACPI table (ACPI 6.5, "System Description Table Header")
 *
 * A table is as long as its header says, whatever else came with it. What lies behind that
 * end is kept, but means nothing, and is no part of the sum.
 */
#include <string.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "format.h"

struct plain_head {
	struct acpi_header acpi;
};

/* The rows are in format.h, for they are the first rows of every table's head. */
static const struct field fields[] = { ACPI_ROWS(struct plain_head) };

const struct layout acpi_layout =
	LAYOUT("ACPI table", 0, ACPI_HEADER_LENGTH, struct plain_head, fields);

/* Nothing else is in the signature of a table: so a file of another kind is told at once. */
bool acpi_signature(const uint8_t *bytes)
{
	for (size_t i = 0; i < sizeof(((struct acpi_header *)NULL)->signature); i++)
		if (!g_ascii_isalnum((gchar)bytes[i]) && bytes[i] != '_' && bytes[i] != '!')
			return false;
	return true;
}

/* -- paths ------------------------------------------------------------------------ */

#define NAME_LENGTH 4

static bool is_name(const char *segment)
{
	size_t length = strcspn(segment, ".");

	if (length != NAME_LENGTH || g_ascii_isdigit(*segment))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!g_ascii_isupper(segment[i]) && !g_ascii_isdigit(segment[i]) &&
		    segment[i] != '_')
			return false;
	return true;
}

bool acpi_is_path(const char *path)
{
	if (*path++ != '\\')
		return false;
	for (;; path++) {
		if (!is_name(path))
			return false;
		path += NAME_LENGTH;
		if (!*path)
			return true;
	}
}

/* -- checking ------------------------------------------------------------------ */

/*
 * A length that is no more than the bytes there are, and enough for the head, is believed; any
 * other is a finding, and then the table ends where its bytes do.
 */
size_t acpi_end(const struct viommu_table *table, size_t length)
{
	size_t said = acpi_header(table)->length;

	return said >= table->root->layout->length && said <= length ? said : length;
}

/* Modulo 256, which is what a byte does by itself. */
static uint8_t sum_of(const struct bytes *bytes, size_t length)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes->data[i]);
	return sum;
}

/*
 * Records are the table; bytes are made when they are asked for. So a rule of bytes looks at what
 * would be written, and decoding has to keep everything.
 */
static struct bytes *bytes_of(const struct viommu_table *table)
{
	struct bytes *bytes = bytes_new_sized((guint)record_length(table->root));

	record_encode(table->root, bytes);
	return bytes;
}

/*
 * A file may be longer than its table, where it was taken from memory page by page. Firmware has no
 * such excuse, and a reader maps what the header says.
 */
static void check_length(const struct table_check *check)
{
	const struct acpi_header *header = acpi_header(check->table);
	size_t length = record_length(check->table->root);

	if (header->length != length)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Length"),
		       "set it to the number of bytes", "length is %u, and there are %zu bytes",
		       header->length, length);
}

/*
 * FACS is where firmware and system hand over to each other, and no table: it begins with a
 * signature and a length, and has other things where a header goes on.
 */
static bool has_checksum(const struct viommu_table *table)
{
	return strcmp(table->signature, "FACS") != 0;
}

/* Over what the header's length says, as readers sum it, and not over the whole file. */
uint8_t acpi_sum(const struct viommu_table *table)
{
	struct bytes *bytes = bytes_of(table);
	uint8_t sum = sum_of(bytes, acpi_end(table, bytes->len));

	bytes_free(bytes);
	return sum;
}

/* ACPICA, and so Linux, complains and goes on; a driver may still refuse its table. */
static void check_sum(const struct table_check *check)
{
	uint8_t sum = acpi_sum(check->table);

	if (sum && has_checksum(check->table))
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Checksum"),
		       "subtract the sum from the checksum", "all bytes add up to 0x%02x, not to 0",
		       sum);
}

const struct table_rule acpi_rules[] = {
	{ "acpi-length", check_length },
	{ "acpi-checksum", check_sum },
	{ NULL, NULL },
};

/* -- making ---------------------------------------------------------------------- */

/* ACPI pads with spaces or with NUL. What was chosen is written as it stands, and NUL after it. */
static void copy_text(char *field, size_t length, const char *text)
{
	memset(field, 0, length);
	memcpy(field, text, MIN(strlen(text), length));
}

/*
 * In two steps, for length and checksum are those of the whole table: what stands between them is
 * the format's to write.
 */
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

/*
 * The length goes first, for the checksum is over it as well. Linux refuses an IVRS that does not
 * sum to 0, and only warns of others.
 */
void acpi_finish(struct viommu_table *table)
{
	struct acpi_header *header = acpi_header(table);
	struct bytes *bytes;

	header->length = (uint32_t)record_length(table->root);
	header->checksum = 0;
	bytes = bytes_of(table);
	header->checksum = (uint8_t)-sum_of(bytes, bytes->len);
	bytes_free(bytes);
}
