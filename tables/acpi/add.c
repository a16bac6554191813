/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables added to a set that exists: <viommu/acpi.h>
 *
 * Only the RSDP is changed in place. The XSDT that was there stays, unused, because what follows it
 * cannot move.
 */
#include <string.h>

#include "acpi.h"
#include "tables/findings/findings.h"
#include "tables/table/image.h"

struct adding {
	struct image image;
	struct bytes *copy;
	struct array *pointers; /* of the new XSDT, uint64_t */
};

static bool is_ssdt(const uint8_t *table)
{
	return !memcmp(table, "SSDT", 4);
}

/* The entry of the XSDT with a table's signature, or one more. */
static size_t entry_for(struct adding *adding, const struct bytes *part)
{
	size_t length;

	for (size_t i = 0; i < image_count(&adding->image) && !is_ssdt(part->data); i++) {
		const uint8_t *there = image_table(&adding->image, i, &length);

		if (there && !memcmp(there, part->data, 4))
			return i;
	}
	array_set_size(adding->pointers, adding->pointers->len + 1);
	return adding->pointers->len - 1;
}

static void add_table(struct adding *adding, const struct viommu_table *table)
{
	struct bytes *part = part_of(table);
	size_t i = entry_for(adding, part);

	array_index(adding->pointers, uint64_t, i) =
		adding->image.address + part_append(adding->copy, part);
	bytes_free(part);
}

static void add_all(struct adding *adding, const struct viommu_table *const *tables, size_t n)
{
	const uint8_t *entries = adding->image.bytes + adding->image.xsdt + ACPI_HEADER_LENGTH;
	size_t n_entries = image_count(&adding->image);
	struct bytes *xsdt;
	uint64_t at;

	array_set_size(adding->pointers, n_entries);
	for (size_t i = 0; i < n_entries; i++)
		array_index(adding->pointers, uint64_t, i) =
			wire_load(entries + i * XSDT_ENTRY, XSDT_ENTRY);
	bytes_append(adding->copy, adding->image.bytes, adding->image.length);
	for (size_t i = 0; i < n; i++)
		add_table(adding, tables[i]);
	xsdt = part_xsdt(adding->pointers);
	at = adding->image.address + part_append(adding->copy, xsdt);
	part_point(adding->copy->data + adding->image.rsdp, at);
	bytes_free(xsdt);
}

size_t acpi_add(const void *bytes, size_t length, uint64_t address,
		const struct viommu_table *const *tables, size_t n_tables, void **ret_bytes,
		struct viommu_findings *findings)
{
	struct adding adding = { .image = { .bytes = bytes, .length = length, .address = address },
				 .copy = bytes_new(),
				 .pointers = array_new(sizeof(uint64_t)) };
	const char *why;

	*ret_bytes = NULL;
	length = 0;
	if (image_open(&adding.image, true, &why)) {
		add_all(&adding, tables, n_tables);
		length = adding.copy->len;
		*ret_bytes = bytes_steal(adding.copy);
	} else {
		report(findings, "image-rsdp", place_of_file(NULL),
		       "give the bytes from the RSDP to the last table, and their address", "%s",
		       why);
		bytes_free(adding.copy);
	}
	array_free(adding.pointers);
	return length;
}
