/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables of any kind: <viommu/tables.h>
 *
 * A table is known by its signature, and what is to be done with it by its format. One that
 * has no format here is its header and bytes, and still comes out as it went in.
 */
#include <string.h>

#include "findings.h"
#include "format.h"
#include "topology.h"

static const struct format *const formats[] = { &viot_format };

static const struct format *find_format(const char *signature)
{
	for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
		if (!strcmp(formats[i]->signature, signature))
			return formats[i];
	return NULL;
}

static struct viommu_table *table_new(const char *signature, const char *file)
{
	struct viommu_table *table = g_new0(struct viommu_table, 1);

	memcpy(table->signature, signature, sizeof(table->signature) - 1);
	table->file = g_strdup(file ? file : "");
	table->format = find_format(table->signature);
	return table;
}

struct viommu_table *viommu_table_free(struct viommu_table *table)
{
	if (!table)
		return NULL;
	record_free(table->root);
	g_free(table->file);
	g_free(table);
	return NULL;
}

const char *viommu_table_signature(const struct viommu_table *table)
{
	return table->signature;
}

const char *viommu_table_file(const struct viommu_table *table)
{
	return table->file;
}

/* -- bytes ------------------------------------------------------------------------ */

static bool has_signature(const uint8_t *bytes)
{
	for (size_t i = 0; i < sizeof(((struct acpi_header *)NULL)->signature); i++)
		if (!g_ascii_isalnum((gchar)bytes[i]) && bytes[i] != '_' && bytes[i] != '!')
			return false;
	return true;
}

struct viommu_table *viommu_table_decode(const void *bytes, size_t length, const char *file,
					 struct viommu_findings *findings)
{
	const struct layout *head = &acpi_layout;
	struct viommu_table *table;

	if (length < ACPI_HEADER_LENGTH || length > G_MAXUINT32 || !has_signature(bytes)) {
		report(findings, "acpi-header", place_in_table(file, 0),
		       "give the bytes of one ACPI table, or what acpidump prints",
		       "no ACPI table begins here: %zu bytes", length);
		return NULL;
	}
	table = table_new(bytes, file);
	if (table->format && length >= table->format->head->length)
		head = table->format->head;
	else if (table->format)
		report(findings, "acpi-short", place_in_table(table->file, length),
		       "the table was cut off: take it again", "%s has %u bytes at least, not %zu",
		       table->signature, table->format->head->length, length);
	if (head == &acpi_layout)
		table->format = NULL;

	table->root = record_new(head, bytes, 0);
	if (table->format)
		table->format->decode(table, bytes, length, findings);
	else
		record_add_rest(table->root, (const uint8_t *)bytes + head->length,
				length - head->length);
	return table;
}

size_t viommu_table_encode(const struct viommu_table *table, void **ret_bytes)
{
	GByteArray *bytes = g_byte_array_new();
	size_t length;

	record_encode(table->root, bytes);
	length = bytes->len;
	*ret_bytes = g_byte_array_free(bytes, FALSE);
	return length;
}

/* -- meaning ----------------------------------------------------------------------- */

static bool is_known(const struct viommu_table *table, struct viommu_findings *findings)
{
	if (!table->format)
		report(findings, "acpi-unknown", place_in_table(table->file, 0), NULL,
		       "%s says nothing of IOMMUs that is understood here", table->signature);
	return table->format;
}

struct viommu_topology *viommu_table_topology(const struct viommu_table *table,
					      struct viommu_findings *findings)
{
	struct viommu_topology *topology;
	struct viommu_table_header header = { .size = sizeof(header) };
	const struct acpi_header *acpi = acpi_header(table);

	if (!is_known(table, findings))
		return NULL;
	topology = table->format->to_topology(table, findings);
	topology_set_source(topology, table->format->signature);
	memcpy(header.oem_id, acpi->oem_id, sizeof(acpi->oem_id));
	memcpy(header.oem_table_id, acpi->oem_table_id, sizeof(acpi->oem_table_id));
	memcpy(header.creator_id, acpi->creator_id, sizeof(acpi->creator_id));
	header.oem_revision = acpi->oem_revision;
	header.creator_revision = acpi->creator_revision;
	viommu_topology_set_header(topology, table->format->signature, &header);
	return topology;
}

void viommu_table_check(const struct viommu_table *table, struct viommu_findings *findings)
{
	struct viommu_topology *topology;

	acpi_check(table, findings);
	if (!is_known(table, findings))
		return;
	table->format->check(table, findings);
	topology = viommu_table_topology(table, findings);
	viommu_topology_check(topology, findings);
	viommu_topology_free(topology);
}

struct viommu_table *viommu_table_generate(const struct viommu_topology *topology,
					   const char *signature, struct viommu_findings *findings)
{
	const struct format *format = find_format(signature);
	g_autofree uint8_t *blank = NULL;
	struct viommu_table *table;

	if (!format) {
		report(findings, "acpi-unknown", place_of_file(NULL), "ask for VIOT",
		       "%s cannot be made here", signature);
		return NULL;
	}
	table = table_new(format->signature, NULL);
	blank = g_malloc0(format->head->length);
	table->root = record_new(format->head, blank, 0);
	acpi_begin(table, topology);
	if (!format->from_topology(table, topology, findings))
		return viommu_table_free(table);
	acpi_finish(table);
	return table;
}
