/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reports what a table cannot describe of a topology: the rows of its format, applied to all
 * objects
 */
#include "base/memory.h"
#include "tables/check/check.h"
#include "tables/findings/findings.h"
#include "tables/table/unsupported.h"
#include "unsupported.h"

static bool is_in_scope(const struct viommu_table *table, const struct viommu_topology *topology,
			const struct unsupported *row, const void *object)
{
	const struct viommu_iommu *iommu = object;

	if (row->scope == OF_ALL)
		return true;
	if (row->type != OBJECT_IOMMU)
		iommu = viommu_topology_find_iommu(topology, object_iommu(row->type, object));
	return iommu && table->format->describes(table, iommu) == (row->scope == OF_DESCRIBED);
}

static void report_object(const struct viommu_table *table, const struct unsupported *row,
			  const void *object, struct viommu_findings *findings)
{
	struct subject subject = { row->type, object, 0 };
	auto_free char *text = subject_describe(&subject);

	report(findings, row->rule_id, *object_place(row->type, object), row->cure,
	       "%s omits %s%s%s", table->signature, row->part ? row->part : text,
	       row->part ? " of " : ": ", row->part ? text : row->reason);
}

void report_unsupported(const struct viommu_table *table, const struct viommu_topology *topology,
			struct viommu_findings *findings)
{
	const struct unsupported *row = table->format->unsupported;
	const void *object;

	for (; findings && row && row->rule_id; row++)
		for_each_object(i, object, topology, row->type)
			if ((!row->applies || row->applies(object)) &&
			    is_in_scope(table, topology, row, object))
				report_object(table, row, object, findings);
}
