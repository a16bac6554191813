/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of every ACPI table (ACPI 6.5, "System Description Table Header")
 *
 * The header states the length of the table. Bytes behind that are kept, but have no meaning and
 * are not in the checksum.
 */
#include <string.h>

#include "base/array.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"
#include "format.h"

struct plain_head {
	struct acpi_header acpi;
};

/* The rows are in format.h, because the head of every table begins with them. */
static const struct field fields[] = { ACPI_ROWS(struct plain_head) };

const struct layout acpi_layout =
	LAYOUT("ACPI table", 0, ACPI_HEADER_LENGTH, struct plain_head, fields);

/* Rejects files of other kinds. */
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

const struct viommu_platform_device *acpi_find_node(const struct viommu_topology *topology,
						    const struct viommu_device_name *name,
						    const char **ret_why)
{
	const struct viommu_platform_device *device = find_platform_device(topology, name);

	*ret_why = "Linux finds no node of this device in the table";
	if (!device || !device->name)
		return NULL;
	*ret_why = "Linux compares whole paths, whose names have 4 characters: this node matches "
		   "no device";
	if (!acpi_is_path(device->name))
		return NULL;
	*ret_why = topology_unread(topology, device);
	return *ret_why ? NULL : device;
}

/* -- checking ------------------------------------------------------------------ */

/*
 * Accepts a length that covers the head and does not exceed the bytes. Any other is a finding, and
 * the table ends where its bytes do.
 */
size_t acpi_end(const struct viommu_table *table, size_t length)
{
	size_t said = acpi_header(table)->length;

	return said >= table->root->layout->length && said <= length ? said : length;
}

/* Modulo 256, by the overflow of uint8_t. */
static uint8_t sum_of(const struct bytes *bytes, size_t length)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes->data[i]);
	return sum;
}

/* Encodes the records, so that rules of bytes check what would be written. */
static struct bytes *bytes_of(const struct viommu_table *table)
{
	struct bytes *bytes = bytes_new_sized((guint)record_length(table->root));

	record_encode(table->root, bytes);
	return bytes;
}

/*
 * A dump of memory pages can be longer than its table. Consumers map the length that the header
 * states.
 */
static void check_length(const struct table_check *check)
{
	const struct acpi_header *header = acpi_header(check->table);
	size_t length = record_length(check->table->root);

	if (header->length != length)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, check->table->root, "Length"),
		       "set it to the number of bytes",
		       "the length is %u, but the table has %zu bytes", header->length, length);
}

/* FACS has a signature and a length, but no ACPI header behind them. */
static bool has_checksum(const struct viommu_table *table)
{
	return strcmp(table->signature, "FACS") != 0;
}

/* Sums the length that the header states, as consumers do. */
uint8_t acpi_sum(const struct viommu_table *table)
{
	struct bytes *bytes = bytes_of(table);
	uint8_t sum = sum_of(bytes, acpi_end(table, bytes->len));

	bytes_free(bytes);
	return sum;
}

/* ACPICA, and so Linux, only warns; a driver may still reject its table. */
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

/* Writes the text as chosen, padded with NUL. ACPI allows spaces, too. */
static void copy_text(char *field, size_t length, const char *text)
{
	memset(field, 0, length);
	memcpy(field, text, MIN(strlen(text), length));
}

/* In two steps: length and checksum need the whole table, which the format writes in between. */
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
 * The checksum covers the length. Linux rejects an IVRS with a wrong checksum, and only warns about
 * others.
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
