/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device tree means, as a topology
 *
 * Nodes are called by their paths. A node that is disabled, or below one that is, is not there;
 * so is a reference to it. What the files beside this one read:
 *
 *     dt_iommus.c    nodes that have #iommu-cells
 *     dt_bridges.c   PCI host bridges, with what dt_map.c makes of iommu-map and msi-map
 *     dt_devices.c   other nodes that have `iommus`
 *
 * The blob stays the truth: whatever a topology has no word for is still in it.
 */
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "write.h"

/* Its node is the tree's; the name was made for it. */
static void iommu_free(void *opaque)
{
	struct dt_iommu *iommu = opaque;

	memory_free(iommu->name);
	memory_free(iommu);
}

/* A tree has no numbers for them, and a MADT counts from 0. */
static void read_its(struct dt_reading *reading, struct dt_node *node)
{
	uint32_t id = (uint32_t)hash_size(reading->its);
	char *name = dt_path(node);
	const struct viommu_its_group group = {
		.size = sizeof(group),
		.name = name,
		.ids = &id,
		.n_ids = 1,
		.place = dt_place(reading->tree, node, NULL),
	};

	if (reading->topology)
		topology_add_its_group(reading->topology, &group);
	hash_insert(reading->its, node, name);
}

/* Before bridges are read, for their maps lead there. */
static void read_all_its(struct dt_reading *reading)
{
	for_each_dt_node(node,
			 reading->tree) if (dt_has_string(node, "compatible", "arm,gic-v3-its") &&
					    dt_is_available(node)) read_its(reading, node);
}

/* Segments first: an IOMMU that is a function wants to know in which one it is. */
void dt_reading_begin(struct dt_reading *reading)
{
	reading->iommus = hash_new_full(&hash_direct, NULL, iommu_free);
	reading->its = hash_new_full(&hash_direct, NULL, memory_free);
	reading->bridges = hash_new(&hash_direct);
	read_all_its(reading);
	dt_number_bridges(reading);
	dt_find_iommus(reading);
}

void dt_reading_end(struct dt_reading *reading)
{
	hash_free(reading->iommus);
	hash_free(reading->its);
	hash_free(reading->bridges);
}

/* IOMMUs are found first and read late: only bridges know where the MSIs of their endpoints go. */
struct viommu_topology *dt_read(const struct viommu_table *table, struct viommu_findings *findings)
{
	struct dt_reading reading = {
		.tree = table->tree,
		.topology = topology_new(),
		.findings = findings,
	};

	dt_reading_begin(&reading);
	dt_read_bridges(&reading);
	dt_read_iommus(&reading);
	dt_read_devices(&reading);
	dt_read_memory(&reading);
	dt_reading_end(&reading);
	return reading.topology;
}
