/* SPDX-License-Identifier: BSD-3-Clause */
/* The device entries of an IOMMU in an IOVT: functions and ranges of functions */
#include "iovt.h"

/* The next entry of known type. */
static const struct record *next_entry(const struct record *iommu, guint *i)
{
	const struct record *child;

	while ((child = record_child(iommu, *i))) {
		++*i;
		if (child->layout && child->layout->type != LAYOUT_UNKNOWN)
			return child;
	}
	return NULL;
}

/* Complete a range by the entry that follows its start, if that is an end. */
static void take_end(const struct record *iommu, guint *i, struct iovt_range *range)
{
	guint next = *i;
	const struct record *record = next_entry(iommu, &next);
	const struct iovt_entry *end = record ? record->host : NULL;

	range->wrong = "the range has no end";
	if (!end || end->type != IOVT_END)
		return;
	*i = next;
	range->last = end->bdf;
	range->wrong = range->first > range->last ? "the range ends before its start" : NULL;
}

bool iovt_next_range(const struct record *iommu, guint *i, struct iovt_range *ret_range)
{
	const struct record *record = next_entry(iommu, i);
	const struct iovt_entry *entry = record ? record->host : NULL;

	if (!entry)
		return false;
	*ret_range = (struct iovt_range){ record, entry->bdf, entry->bdf, NULL };
	if (entry->type == IOVT_START)
		take_end(iommu, i, ret_range);
	else if (entry->type == IOVT_END)
		ret_range->wrong = "the range has no start";
	return true;
}
