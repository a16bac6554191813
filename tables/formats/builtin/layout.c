/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of an item by its type, and the head of a form by field names
 */
#include "builtin.h"

/* By type and not as an index: the first form counts from 0, and any number can come. */
const struct layout *builtin_layout(const struct builtin_form *form, uint64_t type)
{
	if (type == form->range->type)
		return form->range;
	return type == form->endpoint->type ? form->endpoint : form->unknown;
}

/*
 * By name, for a field is in another place and of another width in each form; there is one head,
 * so nobody pays for the search.
 */
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
