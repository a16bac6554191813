/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The layout of an item by its type, and fields of the head by name
 */
#include "builtin.h"

/* A linear search: the first form counts types from 0, and any number can occur. */
const struct layout *builtin_layout(const struct builtin_form *form, uint64_t type)
{
	if (type == form->range->type)
		return form->range;
	return type == form->endpoint->type ? form->endpoint : form->unknown;
}

/* By name, because the position and width differ by form. There is one head per table. */
uint64_t builtin_head(const struct viommu_table *table, const char *name)
{
	const struct field *field = layout_field(table->root->layout, name);

	return field ? field_get(field, table->root->host) : 0;
}

void builtin_set_head(struct viommu_table *table, const char *name, uint64_t value)
{
	const struct field *field = layout_field(table->root->layout, name);

	if (field)
		field_set(field, table->root->host, value);
}
