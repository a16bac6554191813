/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the readers of IORT nodes share: names of referenced nodes, and findings about dropped data
 */
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/table/frame.h"
#include "tables/model/topology.h"

/* A note: the table is valid, and still has what was dropped. */
void iort_report_dropped(const struct iort_reading *reading, const char *rule_id,
			 const struct record *record, const char *what)
{
	report(reading->findings, rule_id, table_place(reading->table, record->at), NULL,
	       "a topology cannot represent %s: dropped", what);
}

/* The hash tables own the names until reading ends. */
static const char *name_at(struct hash *names, uint32_t offset)
{
	return hash_lookup(names, GSIZE_TO_POINTER((gsize)offset));
}

/*
 * All IOMMUs are named before the first reference is resolved, since a mapping may refer to a
 * later node.
 */
const char *iort_iommu_at(const struct iort_reading *reading, uint32_t offset)
{
	return name_at(reading->iommus, offset);
}

const char *iort_its_at(const struct iort_reading *reading, uint32_t offset)
{
	return name_at(reading->groups, offset);
}

/* Why Linux does not use the SMMU of a node, or NULL. */
static const char *why_unused(const struct iort_reading *reading, const struct record *node)
{
	const struct iort_smmu_v2 *smmu = node->host;

	if (node->at >= reading->counted_end)
		return LINUX_COUNTED;
	if (iort_type_of(node) != IORT_SMMU_V2)
		return NULL;
	if (!smmu->span)
		return "Linux maps no registers of an SMMUv1 or SMMUv2 whose span is 0, and does "
		       "not use it";
	if (!smmu->context_count)
		return "Linux does not use an SMMUv1 or SMMUv2 without context interrupts "
		       "(-ENODEV)";
	return NULL;
}

/*
 * Linux looks at the reference of the first mapping of a node, whichever it needs, and leaves all
 * of them if that is 0.
 */
void iort_note_linux(const struct iort_reading *reading, const struct record *node,
		     enum object_type type)
{
	static const char why[] = "Linux prints \"ID map has NULL parent reference\" of the node's "
				  "first ID mapping, and reads none of them";
	const struct iort_mapping *first = iort_mapping_of(node, 0);
	const size_t n = topology_count(reading->topology, type);
	const void *object = n ? topology_get(reading->topology, type, n - 1) : NULL;
	const char *unused = type == OBJECT_IOMMU ? why_unused(reading, node) : NULL;

	if (object && unused)
		topology_set_unused(reading->topology, object, unused);
	if (object && type != OBJECT_IOMMU && node->at >= reading->counted_end)
		topology_set_unread(reading->topology, object, LINUX_COUNTED);
	else if (object && first && !first->output_reference)
		topology_set_unread(reading->topology, object, why);
}

/* The field was reserved before revision 3. */
bool iort_read_identifier(const struct iort_reading *reading, const struct record *node,
			  uint32_t *ret_identifier)
{
	uint32_t identifier = iort_node_of(node)->identifier;

	if (acpi_header(reading->table)->revision < IORT_REVISION_E_B ||
	    identifier == GPOINTER_TO_UINT(hash_lookup(reading->index, node)))
		return false;
	*ret_identifier = identifier;
	return true;
}

/*
 * Generators write one of two: coherent with a coherent path to memory and cacheable, or none of
 * it.
 */
struct viommu_memory_access iort_read_access(const struct iort_memory *memory)
{
	unsigned defaults = memory->cache_coherent ? IORT_MEMORY_DEFAULT : 0;

	return (struct viommu_memory_access){
		.hints = memory->hints,
		.has_flags = memory->flags != defaults,
		.flags = memory->flags,
	};
}

void iort_check_memory_properties(const struct iort_reading *reading, const struct record *node,
				  const struct iort_memory *memory)
{
	if (memory->cache_coherent > 1)
		iort_report_dropped(reading, "iort-silent-attributes", node,
				    "a coherence that is neither 0 nor 1");
}

/* Numbers follow the order of the table, so that a table always gives the same text. */
const char *iort_name_node(struct hash *names, const struct record *node, const char *prefix)
{
	char *name = memory_printf("%s%zu", prefix, hash_size(names));

	hash_insert(names, GSIZE_TO_POINTER(node->at), name);
	return name;
}
