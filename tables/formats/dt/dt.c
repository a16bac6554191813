/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device trees as a format of tables, and generating one
 */
#include "base/memory.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "wire/sized.h"
#include "write.h"

const struct format dt_format = {
	.signature = "DTB",
	.name = "Flattened device tree",
	.bare = true,
	.rules = dt_rules,
	.to_topology = dt_read,
	.from_topology = dt_write,
	.linux_reads = linux_dt,
};

/* Asked first, since nothing else makes sense without a base. */
static bool is_sound(const struct viommu_devicetree *how, struct viommu_findings *findings)
{
	bool sound = how->base ? how->base->tree != NULL : !how->overlay;

	if (!sound)
		report(findings, "dt-base", place_of_file(how->base ? how->base->file : NULL),
		       "give the device tree of the machine",
		       how->base ? "what is to be added to is no device tree"
				 : "an overlay is for a device tree, and none is given");
	return sound;
}

/* The one way in; table_generate() comes here without a base. */
struct viommu_table *devicetree_generate(const struct viommu_topology *topology,
					 const struct viommu_devicetree *how,
					 struct viommu_findings *findings)
{
	struct viommu_devicetree taken = { 0 };
	struct viommu_table *table;

	if (how && sized_take(&taken, sizeof(taken), how) < 0)
		return NULL;
	if (!is_sound(&taken, findings))
		return NULL;
	table = memory_new(struct viommu_table, 1);
	g_strlcpy(table->signature, dt_format.signature, sizeof(table->signature));
	table->file = memory_text("");
	table->format = &dt_format;
	table->whole = true;
	table->tree = dt_generate_tree(topology, &taken, findings);
	return table->tree ? table : viommu_table_free(table);
}
