/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a table says otherwise than the topology it was made of
 *
 * Every format says what it leaves out as it is made. Here the table is read again, as a guest
 * would read it, and held against the topology: what nobody thought of is found, too.
 */
#include <stdlib.h>

#include <viommu/diff.h>
#include <viommu/tables.h>

#include "tables/findings/findings.h"

/* Ways are what tables are for; a detail may well be told elsewhere. */
static void tell(struct viommu_findings *findings, const struct viommu_difference *difference)
{
	char *line = viommu_difference_line(difference);
	bool way = difference->rank == VIOMMU_DIFFERENCE_WAY;

	report(findings, way ? "convert-way" : "convert-detail", difference->before_place, NULL,
	       "the new table says otherwise: %s", line);
	free(line);
}

/* Headers are not compared: tables of different kinds have different ones. An SRAT means nothing.
 */
void viommu_table_compare(const struct viommu_table *table, const struct viommu_topology *topology,
			  struct viommu_findings *findings)
{
	struct viommu_topology *meaning = viommu_table_topology(table, NULL);
	const struct viommu_difference *difference;
	struct viommu_diff *diff;

	if (!meaning)
		return;
	diff = viommu_topology_diff(topology, meaning);
	for (size_t i = 0; (difference = viommu_diff_get(diff, i)); i++)
		if (difference->rank != VIOMMU_DIFFERENCE_HEADER)
			tell(findings, difference);
	viommu_diff_free(diff);
	viommu_topology_free(meaning);
}
