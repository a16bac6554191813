/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Xen makes of an IVRS that Linux reads otherwise: at a block of memory that it does not
 * accept, it has no IOMMU (parse_ivmd_block())
 */
#include "ivrs.h"
#include "tables/table/others.h"

#define PAGE_MASK ((uint64_t)0xfff)

static const struct record *find_memory(const struct viommu_table *table,
					bool (*is_wrong)(const struct ivrs_ivmd *memory))
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_is_ivmd(block) && is_wrong(block->host))
			return block;
	return NULL;
}

static bool lacks_pages(const struct ivrs_ivmd *memory)
{
	return (memory->start | memory->length) & PAGE_MASK;
}

static bool lacks_use(const struct ivrs_ivmd *memory)
{
	return !(memory->block.flags & (IVRS_UNITY | IVRS_EXCLUSION));
}

static const struct record *find_parts_of_pages(const struct viommu_table *table)
{
	return find_memory(table, lacks_pages);
}

static const struct record *find_useless(const struct viommu_table *table)
{
	return find_memory(table, lacks_use);
}

const struct other_reader ivrs_others[] = {
	{ "Xen has no IOMMU: it allows no memory that does not consist of whole pages",
	  find_parts_of_pages },
	{ "Xen has no IOMMU: it allows no memory that is neither identity-mapped nor excluded",
	  find_useless },
	{ NULL, NULL },
};
