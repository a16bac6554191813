/* SPDX-License-Identifier: BSD-3-Clause */
/* The device entries of an IOMMU in an IOVT: functions and ranges of functions */
#include "iovt.h"

const struct record *iovt_next_entry(const struct record *iommu, guint *i)
{
	const struct record *child;

	while ((child = record_child(iommu, *i))) {
		++*i;
		if (child->layout && child->layout->type != LAYOUT_UNKNOWN)
			return child;
	}
	return NULL;
}

void iovt_for_each_range(const struct record *iommu,
			 void (*each)(void *opaque, const struct record *entry, uint16_t first,
				      uint16_t last),
			 void (*wrong)(void *opaque, const struct record *entry, const char *why),
			 void *opaque)
{
	const struct record *record, *start = NULL;

	for (guint i = 0; (record = iovt_next_entry(iommu, &i));) {
		const struct iovt_entry *entry = record->host, *first = start ? start->host : entry;

		if (start && entry->type != IOVT_END && wrong)
			wrong(opaque, start, "the range has no end");
		if (entry->type == IOVT_END && !start && wrong)
			wrong(opaque, record, "the range has no start");
		if (entry->type == IOVT_END && start && first->bdf > entry->bdf && wrong)
			wrong(opaque, start, "the range ends before its start");
		if ((entry->type == IOVT_SINGLE || (entry->type == IOVT_END && start)) && each) {
			first = entry->type == IOVT_SINGLE ? entry : first;
			if (first->bdf <= entry->bdf)
				each(opaque, entry->type == IOVT_SINGLE ? record : start,
				     first->bdf, entry->bdf);
		}
		start = entry->type == IOVT_START ? record : NULL;
	}
	if (start && wrong)
		wrong(opaque, start, "the range has no end");
}
