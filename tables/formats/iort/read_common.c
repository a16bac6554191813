/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the readers of IORT nodes share: names of referenced nodes, and findings about losses
 */
#include "tables/findings/findings.h"
#include "read.h"

/* A note: the table is right, and what is lost stands in it. */
void iort_report_dropped(const struct iort_reading *reading, const char *rule_id,
			 const struct record *record, const char *what)
{
	report(reading->findings, rule_id, table_place(reading->table, record->at), NULL,
	       "a topology has no word for %s: left out", what);
}

/* Offsets are keys: names belong to the tables of them, until reading ends. */
static const char *name_at(GHashTable *names, uint32_t offset)
{
	return g_hash_table_lookup(names, GSIZE_TO_POINTER((gsize)offset));
}

/*
 * A mapping may point forward or backward, so names are given to all IOMMUs before any is asked
 * for.
 */
const char *iort_iommu_at(const struct iort_reading *reading, uint32_t offset)
{
	return name_at(reading->iommus, offset);
}

const char *iort_its_at(const struct iort_reading *reading, uint32_t offset)
{
	return name_at(reading->groups, offset);
}

/*
 * What every generator writes: coherent, with a path to memory that is, and cacheable as it is; or
 * nothing of that.
 */
void iort_check_memory_properties(const struct iort_reading *reading, const struct record *node,
				  const struct iort_memory *memory)
{
	unsigned defaults = memory->cache_coherent ? IORT_MEMORY_DEFAULT : 0;

	if (memory->hints || memory->flags != defaults || memory->cache_coherent > 1)
		iort_report_dropped(reading, "iort-silent-attributes", node,
				    "how accesses to memory are cached");
}

/* Numbered in the order of the table, so that the same table is always the same text. */
const char *iort_name_node(GHashTable *names, const struct record *node, const char *prefix)
{
	char *name = g_strdup_printf("%s%u", prefix, g_hash_table_size(names));

	g_hash_table_insert(names, GSIZE_TO_POINTER(node->at), name);
	return name;
}
