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
	const struct viommu_table *const *tables;
	size_t n_tables;
	struct image image;
	struct bytes *copy;
	struct array *pointers; /* of the new XSDT, uint64_t */
};

static uint64_t append(struct adding *adding, const struct bytes *part)
{
	return adding->image.address + part_append(adding->copy, part);
}

/* The first table of the set with a signature, or NULL. *ret_entry: its entry of the XSDT. */
static const uint8_t *find_there(const struct image *image, const char *signature,
				 size_t *ret_length, size_t *ret_entry)
{
	for (*ret_entry = 0; *ret_entry < image_count(image); ++*ret_entry) {
		const uint8_t *there = image_table(image, *ret_entry, ret_length);

		if (there && !memcmp(there, signature, 4))
			return there;
	}
	return NULL;
}

/* In the place of a table with that signature, or as one more. */
static void add_part(struct adding *adding, const struct bytes *part)
{
	const char *signature = (const char *)part->data;
	size_t length, i;

	if (given_may_repeat(signature) || !find_there(&adding->image, signature, &length, &i)) {
		i = adding->pointers->len;
		array_set_size(adding->pointers, i + 1);
	}
	array_index(adding->pointers, uint64_t, i) = append(adding, part);
}

static const struct viommu_table *find_given(const struct adding *adding, const char *signature)
{
	for (size_t i = 0; i < adding->n_tables; i++)
		if (!strcmp(viommu_table_signature(adding->tables[i]), signature))
			return adding->tables[i];
	return NULL;
}

/* -- FADT and DSDT ------------------------------------------------------------------------ */

/* A copy of the FADT of the set, if it can point to another DSDT; or NULL. */
static struct bytes *copy_fadt(const struct image *image)
{
	size_t length, entry;
	const uint8_t *there = find_there(image, "FACP", &length, &entry);
	struct bytes *fadt = NULL;

	if (there && length >= FADT_X_DSDT_AT + XSDT_ENTRY) {
		fadt = bytes_new();
		bytes_append(fadt, there, length);
	}
	return fadt;
}

/* No XSDT lists a DSDT. A FADT without a new DSDT points to the one that the set has. */
static void point_fadt(struct adding *adding, struct bytes *fadt, uint64_t dsdt_there)
{
	const struct viommu_table *dsdt = find_given(adding, "DSDT");

	if (dsdt) {
		struct bytes *code = part_of(dsdt);

		dsdt_there = append(adding, code);
		bytes_free(code);
	}
	if (dsdt_there)
		part_set_dsdt(fadt, dsdt_there);
	add_part(adding, fadt);
}

static void add_fadt_and_dsdt(struct adding *adding)
{
	const struct viommu_table *given = find_given(adding, "FACP");
	struct bytes *there = copy_fadt(&adding->image), *fadt = given ? part_of(given) : NULL;
	uint64_t dsdt = there ? fadt_dsdt(there->data, there->len) : 0;

	if (fadt)
		point_fadt(adding, fadt, dsdt);
	else if (there && find_given(adding, "DSDT"))
		point_fadt(adding, there, dsdt);
	bytes_free(fadt);
	bytes_free(there);
}

static bool has_fadt_for_dsdt(const struct adding *adding, struct viommu_findings *findings)
{
	const struct viommu_table *dsdt = find_given(adding, "DSDT");
	struct bytes *there = copy_fadt(&adding->image);
	bool has = !dsdt || there || find_given(adding, "FACP");

	bytes_free(there);
	if (!has)
		report(findings, "image-table", place_of_file(dsdt->file), "give a FADT, too",
		       "DSDT cannot be put into a set of tables: the set has no FADT of ACPI 2.0 "
		       "or later, which would point to it");
	return has;
}

/* -- all tables --------------------------------------------------------------------------- */

static void add_tables(struct adding *adding)
{
	for (size_t i = 0; i < adding->n_tables; i++) {
		struct bytes *part = part_of(adding->tables[i]);

		if (!part_is(part, "FACP") && !part_is(part, "DSDT"))
			add_part(adding, part);
		bytes_free(part);
	}
	add_fadt_and_dsdt(adding);
}

static void add_all(struct adding *adding)
{
	size_t n_entries = image_count(&adding->image);
	struct bytes *xsdt;
	uint64_t at;

	array_set_size(adding->pointers, n_entries);
	for (size_t i = 0; i < n_entries; i++)
		array_index(adding->pointers, uint64_t, i) = image_entry(&adding->image, i);
	bytes_append(adding->copy, adding->image.bytes, adding->image.length);
	add_tables(adding);
	xsdt = part_xsdt(adding->pointers);
	at = append(adding, xsdt);
	part_point(adding->copy->data + adding->image.rsdp, at);
	bytes_free(xsdt);
}

static bool can_add(struct adding *adding, struct viommu_findings *findings)
{
	const char *why;

	if (!given_fit(adding->tables, adding->n_tables, findings))
		return false;
	if (image_open(&adding->image, true, &why))
		return has_fadt_for_dsdt(adding, findings);
	report(findings, "image-rsdp", place_of_file(NULL),
	       "give the bytes from the RSDP to the last table, and their address", "%s", why);
	return false;
}

size_t acpi_add(const void *bytes, size_t length, uint64_t address,
		const struct viommu_table *const *tables, size_t n_tables, void **ret_bytes,
		struct viommu_findings *findings)
{
	struct adding adding = { .tables = tables,
				 .n_tables = n_tables,
				 .image = { .bytes = bytes, .length = length, .address = address },
				 .copy = bytes_new(),
				 .pointers = array_new(sizeof(uint64_t)) };

	*ret_bytes = NULL;
	length = 0;
	if (can_add(&adding, findings)) {
		add_all(&adding);
		if (part_image_fits(address, adding.copy->len, findings)) {
			length = adding.copy->len;
			*ret_bytes = bytes_steal(adding.copy);
			adding.copy = NULL;
		}
	}
	bytes_free(adding.copy);
	array_free(adding.pointers);
	return length;
}
