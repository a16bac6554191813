/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RMR nodes of an IORT, as reserved memory
 *
 * All memory of a node is for all of its IDs, which is a product: a table of 64 KiB could mean
 * gigabytes of objects. Hence the limit IORT_MAX_MEMORIES.
 */
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/model/topology.h"

/* The finding comes once. */
static bool has_room(struct iort_reading *reading, struct viommu_place place)
{
	if (reading->n_memories++ == IORT_MAX_MEMORIES)
		report(reading->findings, "iort-rmr-many", place,
		       "give each node only the memory that all of its IDs need",
		       "RMR nodes have more than %zu memory ranges, counted once for each of their "
		       "ID mappings: the rest was dropped",
		       IORT_MAX_MEMORIES);
	return reading->n_memories <= IORT_MAX_MEMORIES;
}

/* Linux uses the output IDs, and ignores the single flag. */
static void add_memory(struct iort_reading *reading, const struct record *node,
		       const struct iort_mapping *mapping, const struct record *record)
{
	const struct iort_rmr *rmr = node->host;
	const struct iort_rmr_descriptor *range = record->host;
	struct viommu_reserved_memory memory = {
		.size = sizeof(memory),
		.first = range->base,
		.last = range->base + (range->length - 1),
		.kind = VIOMMU_MEMORY_IDENTITY,
		.iommu = iort_iommu_at(reading, mapping->output_reference),
		.has_ids = true,
		.id_first = mapping->output_base,
		.id_last = mapping->output_base + mapping->id_count,
		.flags = rmr->flags,
		.place = table_place(reading->table, record->at),
	};

	if (has_room(reading, memory.place) && memory.iommu && range->length)
		topology_add_reserved_memory(reading->topology, &memory);
}

void iort_read_rmr(struct iort_reading *reading, const struct record *node)
{
	const struct record *ids, *memory;

	for (guint i = 0; reading->n_memories <= IORT_MAX_MEMORIES &&
			  (ids = iort_next(node, &iort_mapping_layout, &i));)
		for (guint k = 0; (memory = iort_next(node, &iort_rmr_descriptor_layout, &k));)
			add_memory(reading, node, ids->host, memory);
}
