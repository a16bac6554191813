/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a record or a field of a table lies, as findings name it
 */
#include "format.h"
#include "tables/findings/findings.h"

/* Offsets are from the start of the table, whatever file it came from: `dump` shows the same. */
struct viommu_place table_place(const struct viommu_table *table, size_t at)
{
	return place_in_table(table->file, table->base + at);
}

/*
 * A finding about a field points at its bytes, and not at where its structure begins: that is what
 * has to be changed with a hex editor.
 */
struct viommu_place table_place_of(const struct viommu_table *table, const struct record *record,
				   const char *field_name)
{
	const struct field *field = layout_field(record->layout, field_name);

	return table_place(table, record->at + field->at);
}
