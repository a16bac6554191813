/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the bytes of a built-in topology, which hold whatever it means
 *
 * What is wrong with one so that it cannot be taken apart, the walk has said already.
 */
#include "builtin.h"
#include "tables/findings/findings.h"

/* Guests read addresses of 8 bytes where they stand. */
static void check_alignment(const struct table_check *check)
{
	const struct viommu_table *table = check->table;
	uint64_t offset = builtin_head(table, "Offset");

	if (offset % builtin_form(table)->alignment)
		report(check->findings, check->rule_id,
		       table_place_of(table, table->root, "Offset"),
		       "let items begin at a multiple of 8", "items begin at 0x%zx",
		       (size_t)offset);
}

const struct table_rule builtin_rules[] = {
	{ "builtin-alignment", check_alignment },
	{ "builtin-item-type", check_unknown_types },
	{ "builtin-item-length", check_lengths },
	{ "builtin-reserved", check_reserved_bytes },
	{ NULL, NULL },
};
