/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules of an IOVT. Linux checks none of them. */
#include "base/hash.h"
#include "iovt.h"
#include "tables/findings/findings.h"
#include "tables/table/frame.h"

/* Call `each` for every IOMMU of the table. */
static void walk(const struct table_check *check,
		 void (*each)(const struct table_check *check, const struct record *iommu))
{
	const struct record *record;

	for_each_structure(record, check->table)
		if (iovt_is_iommu(record))
			each(check, record);
}

static void check_entry_count_of(const struct table_check *check, const struct record *record)
{
	const struct iovt_iommu *iommu = record->host;
	const struct record *child;
	uint32_t n = 0;

	for_each_child(i, child, record)
		n += child->layout != NULL;
	if (n != iommu->entry_count)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, record, "Device entry count"),
		       "write the number of device entries",
		       "the IOMMU counts %u device entries, but has %u", iommu->entry_count, n);
}

static void check_entry_count(const struct table_check *check)
{
	walk(check, check_entry_count_of);
}

static void check_ranges_of(const struct table_check *check, const struct record *record)
{
	struct iovt_range range;

	for (guint i = 0; iovt_next_range(record, &i, &range);)
		if (range.wrong)
			report(check->findings, check->rule_id,
			       table_place(check->table, range.entry->at),
			       "write a start and then an end that is not before it", "%s",
			       range.wrong);
}

static void check_ranges(const struct table_check *check)
{
	walk(check, check_ranges_of);
}

/* Of what is not in a list, the flag of the whole segment says nothing. */
static void check_scope_of(const struct table_check *check, const struct record *record)
{
	const struct iovt_iommu *iommu = record->host;

	if (iommu->flags & IOVT_WHOLE_SEGMENT && iommu->entry_count)
		report(check->findings, check->rule_id,
		       table_place_of(check->table, record, "Device entry count"),
		       "omit the device entries, or the flag",
		       "the IOMMU has all functions of its segment, and also device entries");
}

static void check_scope(const struct table_check *check)
{
	walk(check, check_scope_of);
}

const struct table_rule iovt_rules[] = {
	{ "iovt-iommu-count", check_structure_count },
	{ "iovt-iommu-type", check_unknown_types },
	{ "iovt-reserved", check_reserved_bytes },
	{ "iovt-value", check_undefined_values },
	{ "iovt-entry-count", check_entry_count },
	{ "iovt-range", check_ranges },
	{ "iovt-scope", check_scope },
	{ NULL, NULL },
};
