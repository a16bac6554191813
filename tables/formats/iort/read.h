/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IORT_READ_H
#define VIOMMU_TABLES_IORT_READ_H

#include <viommu/topology.h>

#include "base/hash.h"
#include "iort.h"
#include "tables/model/topology.h"

/* Shared by the files that read an IORT. */
struct iort_reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct hash *groups;   /* names of ITS groups, by the offset of their node */
	struct hash *iommus;   /* names of IOMMUs, by the offset of their node */
	struct hash *index;    /* node -> its number in the table */
	struct hash *nodes;    /* offset -> node */
	struct hash *last_ids; /* offset of an SMMU -> the last stream ID that reaches it */
	struct hash *segments; /* of the root complexes so far */
	size_t n_memories;     /* of all RMR nodes, counted once per ID mapping */
	size_t counted_end;    /* of the nodes that the head counts */
	struct viommu_findings *findings;
};

/* Report something that a topology cannot represent, and that is dropped. */
void iort_report_dropped(const struct iort_reading *reading, const char *rule_id,
			 const struct record *record, const char *what);

/* Note for Linux's reader what it makes of the object of that type which was added last. */
void iort_note_linux(const struct iort_reading *reading, const struct record *node,
		     enum object_type type);

/* The name of the ITS group or IOMMU whose node is at that offset, or NULL. */
const char *iort_iommu_at(const struct iort_reading *reading, uint32_t offset);
const char *iort_its_at(const struct iort_reading *reading, uint32_t offset);

/* Name the node: the prefix, and its number among the nodes in `names`. */
const char *iort_name_node(struct hash *names, const struct record *node, const char *prefix);

/* The single ID mapping that an SMMUv3 has for its own MSIs, or NULL. */
const struct iort_mapping *iort_device_id_mapping(const struct record *node);

/*
 * The identifier of a node, which generators make its index; false: it is that, or the table's
 * revision has none.
 */
bool iort_read_identifier(const struct iort_reading *reading, const struct record *node,
			  uint32_t *ret_identifier);

/* read_mappings.c */

/* The first IDs of all ranges of a node, to be freed with hash_free(). */
struct hash *iort_first_ids(const struct record *node);

/*
 * Does the mapping store its number of IDs instead of one less? If so, another range begins at its
 * last ID.
 */
bool iort_is_off_by_one_count(struct hash *firsts, const struct iort_mapping *mapping);

/* The number of IDs less one, corrected as Linux corrects off-by-one counts. */
uint32_t iort_effective_id_count(struct hash *firsts, const struct iort_mapping *mapping);

/* The ITS group that receives all stream IDs of an SMMU unchanged, or NULL. */
const char *iort_identity_its(const struct iort_reading *reading, const struct record *node);

void iort_note_last_id(struct iort_reading *reading, const struct iort_mapping *mapping);
void iort_read_msi_ranges(struct iort_reading *reading, const struct record *node);
void iort_read_root_complex(struct iort_reading *reading, const struct record *node);

/* Nodes, by type. iort_check_memory_properties() reports what a topology cannot represent. */
void iort_check_memory_properties(const struct iort_reading *reading, const struct record *node,
				  const struct iort_memory *memory);
struct viommu_memory_access iort_read_access(const struct iort_memory *memory);
void iort_read_iommu(struct iort_reading *reading, const struct record *node);
void iort_read_component(struct iort_reading *reading, const struct record *node);
void iort_read_rmr(struct iort_reading *reading, const struct record *node);
void iort_read_monitor(struct iort_reading *reading, const struct record *node);
void iort_read_wire_bridge(struct iort_reading *reading, const struct record *node);

#endif
