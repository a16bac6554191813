/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The list of differences
 */
#include "base/array.h"
#include "base/strbuf.h"
#include "diff.h"
#include "tables/model/topology.h"

/* Copies the strings of the difference. */
void diff_add(struct viommu_diff *diff, const struct viommu_difference *difference)
{
	struct viommu_difference kept = *difference;
	const char **strings[] = { &kept.what, &kept.property, &kept.before, &kept.after };

	for (size_t i = 0; i < G_N_ELEMENTS(strings); i++)
		if (*strings[i])
			*strings[i] = string_store_add_once(diff->strings, *strings[i]);
	array_append(diff->list, kept);
}
