/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a record or a field of a table is, for findings
 */
#include "format.h"
#include "tables/findings/findings.h"

/* Offsets count from the start of the table, as in a dump. */
struct viommu_place table_place(const struct viommu_table *table, size_t at)
{
	return place_in_table(table->file, table->base + at);
}

/*
 * The bytes of the field, not the start of its structure: those are to be changed in a hex editor.
 */
struct viommu_place table_place_of(const struct viommu_table *table, const struct record *record,
				   const char *field_name)
{
	const struct field *field = layout_field(record->layout, field_name);

	return table_place(table, record->at + field->at);
}
