/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IORT_READ_H
#define VIOMMU_TABLES_IORT_READ_H

#include <viommu/topology.h>

#include "iort.h"

/* What the files that say what an IORT means share. */
struct iort_reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	GHashTable *groups;   /* names of ITS groups, by the offset of their node */
	GHashTable *iommus;   /* names of IOMMUs, likewise */
	GHashTable *index;    /* of every node: its number in the table */
	GHashTable *last_ids; /* by the offset of an SMMU: the last stream ID that goes there */
	GHashTable *segments; /* those that have a root complex */
	size_t n_memories;    /* of all RMR nodes, counted once for each of their mappings */
	struct viommu_findings *findings;
};

/* Say that a topology has no word for this. */
void iort_report_dropped(const struct iort_reading *reading, const char *rule_id,
			 const struct record *record, const char *what);

/* What the node at that offset is called, or NULL if it is none. */
const char *iort_iommu_at(const struct iort_reading *reading, uint32_t offset);
const char *iort_its_at(const struct iort_reading *reading, uint32_t offset);

/* Are all stream IDs of this SMMU said to go on as they are, by its ITS group? */
bool iort_covered_by_identity_mapping(const struct iort_reading *reading,
				      const struct record *node);

/* Give the node a name: the prefix, and its number among those that are named with it. */
const char *iort_name_node(GHashTable *names, const struct record *node, const char *prefix);

/* The ID mapping that an SMMUv3 has for its own MSIs, if it is usable; NULL: none. */
const struct iort_mapping *iort_device_id_mapping(const struct record *node);

/* iort_read_map.c: where IDs go. */

/* The first IDs of the ranges of a node, to be freed with g_hash_table_destroy(). */
GHashTable *iort_first_ids(const struct record *node);

/* Was the count of the mapping stored without taking one off? Then another begins at its end. */
bool iort_is_off_by_one_count(GHashTable *firsts, const struct iort_mapping *mapping);

/* How many IDs lie between the first and the last one, as Linux takes it. */
uint32_t iort_effective_id_count(GHashTable *firsts, const struct iort_mapping *mapping);

/* The ITS group to which all stream IDs of an SMMU go on as they are, or NULL. */
const char *iort_identity_its(const struct iort_reading *reading, const struct record *node);

void iort_note_last_id(struct iort_reading *reading, const struct iort_mapping *mapping);
void iort_read_msi_ranges(struct iort_reading *reading, const struct record *node);
void iort_read_root_complex(struct iort_reading *reading, const struct record *node);

/* iort_read_device.c */
void iort_check_memory_properties(const struct iort_reading *reading, const struct record *node,
				  const struct iort_memory *memory);
void iort_read_iommu(struct iort_reading *reading, const struct record *node);
void iort_read_component(struct iort_reading *reading, const struct record *node);
void iort_read_rmr(struct iort_reading *reading, const struct record *node);

#endif
