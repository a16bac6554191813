/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device tree means, as a topology
 *
 * Names are the paths of nodes. Disabled nodes, and nodes below them, are ignored, and so are
 * references to them.
 *
 *     read_iommus.c    nodes with #iommu-cells
 *     read_bridges.c   PCI host bridges; read_map.c reads their iommu-map and msi-map
 *     read_devices.c   other nodes with `iommus`
 *     read_others.c    performance monitors, interrupt wire bridges, command queues
 *     read_memory.c    iommu-addresses of nodes below /reserved-memory
 */
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "write.h"

static void iommu_free(void *opaque)
{
	struct dt_iommu *iommu = opaque;

	memory_free(iommu->name);
	memory_free(iommu);
}

/* ITSs are numbered from 0, as in a MADT. */
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

static void read_all_its(struct dt_reading *reading)
{
	for_each_dt_node(node, reading->tree)
		if (dt_is_its(node))
			read_its(reading, node);
}

/* Segments first, because IOMMUs that are PCI functions need them. */
void dt_reading_begin(struct dt_reading *reading)
{
	reading->iommus = hash_new_full(&hash_direct, NULL, iommu_free);
	reading->its = hash_new_full(&hash_direct, NULL, memory_free);
	reading->bridges = hash_new(&hash_direct);
	reading->wire_bridges = hash_new(&hash_direct);
	dt_number_wire_bridges(reading);
	read_all_its(reading);
	dt_number_bridges(reading);
	dt_find_iommus(reading);
}

void dt_reading_end(struct dt_reading *reading)
{
	hash_free(reading->iommus);
	hash_free(reading->its);
	hash_free(reading->bridges);
	hash_free(reading->wire_bridges);
}

/* IOMMUs are added after bridges, which tell the ITS of their endpoints. */
static void read_tree(struct dt_reading *reading)
{
	reading->topology = topology_new();
	dt_reading_begin(reading);
	dt_read_bridges(reading);
	dt_read_iommus(reading);
	dt_read_devices(reading);
	dt_read_monitors(reading);
	dt_read_wire_bridges(reading);
	dt_read_memory(reading);
	dt_reading_end(reading);
}

static void add_reading(const struct dt_reading *reading, enum dt_kernels kernels,
			const char *words)
{
	struct dt_reading other = { .tree = reading->tree, .kernels = kernels };

	read_tree(&other);
	topology_add_reading(reading->topology, other.topology, words);
}

struct viommu_topology *dt_read(const struct viommu_table *table, struct viommu_findings *findings)
{
	struct dt_reading reading = { .tree = table->tree, .findings = findings };

	read_tree(&reading);
	if (reading.differs_before)
		add_reading(&reading, DT_BEFORE, "Linux before ccb2fd725d41 (2026)");
	if (reading.differs_since)
		add_reading(&reading, DT_SINCE, "Linux since ccb2fd725d41 (2026)");
	return reading.topology;
}
