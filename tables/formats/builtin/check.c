/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of the bytes of a built-in topology
 *
 * Decoding reports what prevents decoding.
 */
#include "builtin.h"
#include "tables/findings/findings.h"

/* Guests read addresses with single 8-byte accesses. */
static void check_alignment(const struct table_check *check)
{
	const struct viommu_table *table = check->table;
	uint64_t offset = builtin_head(table, "Offset");

	if (offset % builtin_form(table)->alignment)
		report(check->findings, check->rule_id,
		       table_place_of(table, table->root, "Offset"),
		       "move the items to a multiple of 8", "items begin at 0x%zx", (size_t)offset);
}

const struct table_rule builtin_rules[] = {
	{ "builtin-alignment", check_alignment },
	{ "builtin-item-type", check_unknown_types },
	{ "builtin-item-length", check_lengths },
	{ "builtin-reserved", check_reserved_bytes },
	{ NULL, NULL },
};
