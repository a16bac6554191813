/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a generated table differs from its topology
 *
 * Formats report what they omit. This reads the table again, as a guest does, and compares the
 * topologies, so it also finds unexpected losses.
 */
#include <stdlib.h>

#include <viommu/diff.h>
#include <viommu/tables.h>

#include "diff.h"
#include "tables/api/formats.h"
#include "tables/findings/findings.h"

/* A changed route is a warning; other details may be in another table. */
static void report_difference(struct viommu_findings *findings,
			      const struct viommu_difference *difference)
{
	char *line = difference_line(difference);
	bool route = difference->rank == VIOMMU_DIFFERENCE_ROUTE;

	report(findings, route ? "convert-way" : "convert-detail", difference->before_place, NULL,
	       "the new table says otherwise: %s", line);
	memory_free(line);
}

/* Does not compare headers, which differ by kind of table. An SRAT has no topology of its own. */
void table_compare(const struct viommu_table *table, const struct viommu_topology *topology,
		   struct viommu_findings *findings)
{
	struct viommu_topology *meaning = table_topology(table, NULL);
	const struct viommu_difference *difference;
	struct viommu_diff *diff;

	if (!meaning)
		return;
	diff = topology_diff(topology, meaning);
	for (size_t i = 0; (difference = viommu_diff_get(diff, i)); i++)
		if (difference->rank != VIOMMU_DIFFERENCE_HEADER)
			report_difference(findings, difference);
	viommu_diff_free(diff);
	viommu_topology_free(meaning);
}
