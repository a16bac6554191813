/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why Linux uses no unit of a DMAR, although some of them are right
 *
 * It reads the table twice, structure by structure, and gives up at the first one that it does not
 * accept (dmar_walk_remapping_entries). It does not check the lengths of scopes.
 */
#include <string.h>

#include "base/array.h"
#include "dmar.h"

/* The length of a structure, in the bytes that were not decoded. */
#define LENGTH_AT   2u
#define HEAD_LENGTH 4u

/* The length of a scope. */
#define SCOPE_LENGTH_AT 1u

static const struct record *find_unit(const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table)
		if (dmar_type_of(structure) == DMAR_DRHD)
			return structure;
	return NULL;
}

static bool has_no_registers(const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table)
		if (dmar_type_of(structure) == DMAR_DRHD &&
		    !((const struct dmar_drhd *)structure->host)->base)
			return true;
	return false;
}

static bool is_too_narrow(const struct viommu_table *table)
{
	return ((const struct dmar_head *)table->root->host)->width < DMAR_MIN_WIDTH;
}

static bool has_endless_name(const struct viommu_table *table)
{
	const struct record *structure;

	for_each_structure(structure, table)
		if (dmar_type_of(structure) == DMAR_ANDD && !dmar_object_name(structure))
			return true;
	return false;
}

/* Bytes behind the last structure begin with one that cannot be decoded. */
static const uint8_t *find_rest(const struct viommu_table *table)
{
	const struct rest *rest = &table->root->rest;

	return rest->len >= HEAD_LENGTH ? rest->data : NULL;
}

static unsigned length_of_rest(const struct viommu_table *table)
{
	const uint8_t *rest = find_rest(table);

	return rest ? (unsigned)wire_load(rest + LENGTH_AT, sizeof(uint16_t)) : 0;
}

/* The length of the header ends the table for Linux, too, and bytes behind it are no structure. */
static bool is_inside(const struct viommu_table *table)
{
	size_t length = record_length(table->root);

	return acpi_end(table, length) == length;
}

static bool passes_end(const struct viommu_table *table)
{
	return is_inside(table) && length_of_rest(table) > table->root->rest.len;
}

/* The search for ANDDs begins only if there is a unit. */
static bool never_ends(const struct viommu_table *table)
{
	return is_inside(table) && find_rest(table) && !length_of_rest(table) && find_unit(table);
}

/* Linux does not look at the scopes of an ATSR with ALL_PORTS. */
static bool has_scopes(const struct record *structure)
{
	const struct dmar_ports *ports = structure->host;
	unsigned type = dmar_type_of(structure);

	return type == DMAR_DRHD || type == DMAR_RMRR || type == DMAR_SATC ||
	       (type == DMAR_ATSR && !(ports->flags & DMAR_ALL_PORTS));
}

static bool has_endless_scope(const struct viommu_table *table)
{
	const struct record *structure, *last;

	for_each_structure(structure, table) {
		last = structure->children.len
			       ? record_child(structure, (guint)structure->children.len - 1)
			       : NULL;
		if (has_scopes(structure) && last && !last->layout &&
		    last->rest.len > SCOPE_LENGTH_AT && !last->rest.data[SCOPE_LENGTH_AT])
			return true;
	}
	return false;
}

static const struct dmar_drhd *drhd_of(const void *structure)
{
	return ((const struct record *)structure)->host;
}

static int by_base(const void *a, const void *b)
{
	uint64_t one = drhd_of(*(const void *const *)a)->base;
	uint64_t other = drhd_of(*(const void *const *)b)->base;

	return (one > other) - (one < other);
}

/*
 * Linux reserves a page at each base. A second unit of the segment with the same base is no other
 * unit for it (dmar_find_dmaru).
 */
static bool share_registers(const struct viommu_table *table)
{
	struct array *units = array_new(sizeof(const struct record *));
	const struct record *structure;
	bool found = false;

	for_each_structure(structure, table)
		if (dmar_type_of(structure) == DMAR_DRHD)
			array_append(units, structure);
	array_sort(units, by_base);
	for (size_t i = 1; i < units->len && !found; i++) {
		const struct dmar_drhd *before =
			drhd_of(array_index(units, const struct record *, i - 1));
		const struct dmar_drhd *drhd =
			drhd_of(array_index(units, const struct record *, i));

		found = drhd->base - before->base < DMAR_PAGE &&
			(drhd->base != before->base || drhd->segment != before->segment);
	}
	array_free(units);
	return found;
}

/* Linux searches for ANDDs only after it accepted all structures. */
const struct table_rejection dmar_rejections[] = {
	{ passes_end, "Linux prints \"Record passes table end\" and uses no unit of the table" },
	{ has_no_registers,
	  "Linux prints \"Your BIOS is broken; DMAR reported at address 0!\" and uses no unit of "
	  "the table" },
	{ is_too_narrow, "Linux prints \"Invalid DMAR haw\" and uses no unit of the table" },
	{ has_endless_name,
	  "Linux prints \"ANDD object name is not NUL-terminated\" and uses no unit of the table" },
	{ has_endless_scope,
	  "Linux does not boot: it reads a scope of length 0 in an endless loop" },
	{ share_registers,
	  "Linux prints \"Can't reserve memory\", because registers of two units overlap, and uses "
	  "no unit of the table" },
	{ never_ends,
	  "Linux does not boot: it searches for ANDDs behind a structure of length 0 in an endless "
	  "loop" },
	{ NULL, NULL },
};
