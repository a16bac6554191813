/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Xen makes of an IVRS that Linux reads otherwise: at a block that it does not accept, it has
 * no IOMMU
 *
 * Xen reads the blocks of the highest type that it knows (get_supported_ivhd_type()).
 */
#include "ivrs.h"
#include "tables/table/others.h"

/* -- the type of blocks -------------------------------------------------------------------- */

static const struct record *find_type(const struct viommu_table *table, unsigned type)
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_type_of(block) == type)
			return block;
	return NULL;
}

/* The first block of the type that Xen reads; NULL if there is none. */
static const struct record *find_read(const struct viommu_table *table)
{
	const struct ivrs_head *head = table->root->host;
	const struct record *block = NULL;

	if (head->info & IVRS_EFR_SUPPORTED)
		block = find_type(table, IVRS_IVHD_11);
	return block ? block : find_type(table, IVRS_IVHD_10);
}

/* Linux has no IOMMU without blocks, either. */
static const struct record *find_unread(const struct viommu_table *table)
{
	const struct record *block = find_type(table, IVRS_IVHD_11);

	if (find_read(table))
		return NULL;
	return block ? block : find_type(table, IVRS_IVHD_40);
}

/* -- ranges -------------------------------------------------------------------------------- */

static bool is_start(const struct record *entry)
{
	unsigned type = ivrs_type_of(entry);

	return type == IVRS_START || type == IVRS_ALIAS_START || type == IVRS_EXTENDED_START;
}

/* The start of a range that ends directly behind it, but not at a higher device ID. */
static const struct record *find_narrow_entry(const struct record *block)
{
	const struct record *entry, *start = NULL;

	for_each_child(i, entry, block) {
		if (start && ivrs_type_of(entry) == IVRS_END &&
		    ((const struct ivrs_entry *)entry->host)->bdf <=
			    ((const struct ivrs_entry *)start->host)->bdf)
			return start;
		start = is_start(entry) ? entry : NULL;
	}
	return NULL;
}

static bool is_narrow(const struct record *block)
{
	const struct ivrs_ivmd *memory = block->host;

	return ivrs_type_of(block) == IVRS_IVMD_RANGE && memory->last <= memory->block.bdf;
}

static const struct record *find_narrow(const struct viommu_table *table)
{
	const struct record *read = find_read(table), *block, *found = NULL;

	for_each_child(i, block, table->root) {
		if (is_narrow(block))
			found = block;
		else if (read && ivrs_type_of(block) == ivrs_type_of(read))
			found = find_narrow_entry(block);
		if (found)
			return found;
	}
	return NULL;
}

/* -- memory -------------------------------------------------------------------------------- */

static const struct record *find_useless(const struct viommu_table *table)
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_is_ivmd(block) && !(((const struct ivrs_ivmd *)block->host)->block.flags &
					     (IVRS_UNITY | IVRS_EXCLUSION)))
			return block;
	return NULL;
}

const struct other_reader ivrs_others[] = {
	{ "Xen has no IOMMU: it reads blocks of type 10h, and of 11h if IVinfo has EFRSup",
	  find_unread },
	{ "Xen has no IOMMU: it allows no range whose last device ID is not above the first",
	  find_narrow },
	{ "Xen has no IOMMU: it allows no memory that is neither identity-mapped nor excluded",
	  find_useless },
	{ NULL, NULL },
};
