/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Generating a device tree, alone or from a base: <viommu/devicetree.h>
 */
#include "base/memory.h"
#include "tables/findings/findings.h"
#include "tables/formats/dt/write.h"
#include "unsupported.h"
#include "wire/sized.h"

static bool check_base(const struct viommu_devicetree *how, struct viommu_findings *findings)
{
	bool valid = how->base ? how->base->tree != NULL : !how->overlay;

	if (!valid)
		report(findings, "dt-base", place_of_file(how->base ? how->base->file : NULL),
		       "give the machine's device tree",
		       how->base ? "the base is not a device tree"
				 : "an overlay requires a base, but none is given");
	return valid;
}

/* table_generate() does the same without a base. */
struct viommu_table *devicetree_generate(const struct viommu_topology *topology,
					 const struct viommu_devicetree *how,
					 struct viommu_findings *findings)
{
	struct viommu_devicetree taken = { 0 };
	struct viommu_table *table;

	if (how && sized_take(&taken, sizeof(taken), how) < 0)
		return NULL;
	if (!check_base(&taken, findings))
		return NULL;
	table = memory_new(struct viommu_table, 1);
	g_strlcpy(table->signature, dt_format.signature, sizeof(table->signature));
	table->file = memory_text("");
	table->format = &dt_format;
	table->whole = true;
	report_unsupported(table, topology, findings);
	table->tree = dt_generate_tree(topology, &taken, findings);
	return table->tree ? table : viommu_table_free(table);
}
