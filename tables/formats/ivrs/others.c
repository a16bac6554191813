/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Xen makes of an IVRS that Linux reads otherwise: at a block that it does not accept, it has
 * no IOMMU
 *
 * Xen reads the blocks of the highest type that it knows (get_supported_ivhd_type()).
 */
#include <string.h>

#include "ivrs.h"
#include "tables/table/others.h"

#define PAGE_MASK   UINT64_C(0xfff)
#define SOUTHBRIDGE 0xa0u /* 00:14.0 */
#define MEMORY_MAX  64u

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

/* -- the width of addresses ---------------------------------------------------------------- */

/*
 * Xen ignores such a block before it reads anything else of it (parse_ivmd_block()). A width of 0
 * is a width; the end of a block that is too long wraps around.
 */
static bool is_beyond(const struct viommu_table *table, const struct record *block)
{
	const struct ivrs_head *head = table->root->host;
	const struct ivrs_ivmd *memory = block->host;
	unsigned bits = MIN((head->info & IVRS_ADDRESS_BITS) >> IVRS_ADDRESS_SHIFT,
			    (head->info & IVRS_VIRTUAL_BITS) >> IVRS_VIRTUAL_SHIFT);

	return bits < 64 && (memory->start + memory->length - 1) >> bits;
}

/* Memory that Xen does not ignore. */
static bool is_memory(const struct viommu_table *table, const struct record *block)
{
	return ivrs_is_ivmd(block) && !is_beyond(table, block);
}

static const struct record *find_beyond(const struct viommu_table *table)
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (ivrs_is_ivmd(block) && is_beyond(table, block))
			return block;
	return NULL;
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
		if (is_memory(table, block) && is_narrow(block))
			found = block;
		else if (read && ivrs_type_of(block) == ivrs_type_of(read))
			found = find_narrow_entry(block);
		if (found)
			return found;
	}
	return NULL;
}

/* -- device entries -------------------------------------------------------------------------- */

typedef bool is_found(const struct record *block, const struct record *entry, void *opaque);

/* The first entry of the blocks that Xen reads. */
static const struct record *find_entry(const struct viommu_table *table, is_found *found,
				       void *opaque)
{
	const struct record *read = find_read(table), *block, *entry;

	for_each_child(i, block, table->root) {
		if (!read || ivrs_type_of(block) != ivrs_type_of(read))
			continue;
		for_each_child(k, entry, block)
			if (found(block, entry, opaque))
				return entry;
	}
	return NULL;
}

static bool is_unread(const struct record *block, const struct record *entry, void *opaque)
{
	static const uint8_t read[] = { IVRS_PAD,         IVRS_PAD_8,    IVRS_SELECT,
					IVRS_START,       IVRS_END,      IVRS_ALIAS,
					IVRS_ALIAS_START, IVRS_EXTENDED, IVRS_EXTENDED_START,
					IVRS_SPECIAL };

	(void)block;
	(void)opaque;
	return !memchr(read, (int)ivrs_type_of(entry), sizeof(read));
}

static const struct record *find_unread_entry(const struct viommu_table *table)
{
	return find_entry(table, is_unread, NULL);
}

static const struct ivrs_special *ioapic_of(const struct record *entry)
{
	const struct ivrs_special *special = entry->host;

	return ivrs_type_of(entry) == IVRS_SPECIAL && special->variety == IVRS_IOAPIC ? special
										      : NULL;
}

static bool is_southbridge(const struct record *block, const struct record *entry, void *opaque)
{
	const struct ivrs_special *ioapic = ioapic_of(entry);

	(void)opaque;
	return ioapic && ioapic->source == SOUTHBRIDGE &&
	       !((const struct ivrs_ivhd *)block->host)->segment;
}

static const struct record *find_without_southbridge(const struct viommu_table *table)
{
	return find_entry(table, is_southbridge, NULL) ? NULL : find_read(table);
}

/* The source and the segment of each IOAPIC, plus 1. */
struct ioapics {
	uint64_t sources[UINT8_MAX + 1];
};

static bool is_conflict(const struct record *block, const struct record *entry, void *opaque)
{
	const struct ivrs_special *ioapic = ioapic_of(entry);
	const struct ivrs_ivhd *ivhd = block->host;
	struct ioapics *ioapics = opaque;
	uint64_t source, before;

	if (!ioapic)
		return false;
	source = ((uint64_t)ivhd->segment << 16 | ioapic->source) + 1;
	before = ioapics->sources[ioapic->handle];
	ioapics->sources[ioapic->handle] = source;
	return before && before != source;
}

static const struct record *find_conflict(const struct viommu_table *table)
{
	struct ioapics ioapics = { { 0 } };

	return find_entry(table, is_conflict, &ioapics);
}

/* -- memory -------------------------------------------------------------------------------- */

static unsigned memory_flags(const struct record *block)
{
	return ((const struct ivrs_ivmd *)block->host)->block.flags;
}

static const struct record *find_useless(const struct viommu_table *table)
{
	const struct record *block;

	for_each_child(i, block, table->root)
		if (is_memory(table, block) &&
		    !(memory_flags(block) & (IVRS_UNITY | IVRS_EXCLUSION)))
			return block;
	return NULL;
}

/* Rounded to pages, as Xen does. */
struct memory {
	const struct record *block;
	uint64_t first, last;
	unsigned device_first, device_last;
	unsigned access;
};

static bool memory_of(const struct viommu_table *table, const struct record *block,
		      struct memory *ret)
{
	const struct ivrs_ivmd *memory = block->host;
	unsigned type = ivrs_type_of(block);

	if (!is_memory(table, block) || !memory->length ||
	    memory->start > UINT64_MAX - (memory->length - 1))
		return false;
	*ret = (struct memory){
		.block = block,
		.first = memory->start & ~PAGE_MASK,
		.last = (memory->start + (memory->length - 1)) | PAGE_MASK,
		.device_first = type == IVRS_IVMD_ALL ? 0 : memory->block.bdf,
		.device_last = type == IVRS_IVMD_ALL     ? IVRS_LAST_BDF
			       : type == IVRS_IVMD_RANGE ? memory->last
							 : memory->block.bdf,
		.access = memory->block.flags & IVRS_ANY_ACCESS,
	};
	return true;
}

/* Xen rejects IVMDs in RAM, and page 0 usually is RAM. */
static const struct record *find_first_page(const struct viommu_table *table)
{
	const struct record *block;
	struct memory memory;

	for_each_child(i, block, table->root)
		if (memory_of(table, block, &memory) && !memory.first)
			return block;
	return NULL;
}

/* Functions that are looked for, and the start of the range that is being read. */
struct functions {
	unsigned first, last, start;
};

static bool is_listed(const struct record *block, const struct record *entry, void *opaque)
{
	struct functions *functions = opaque;
	unsigned type = ivrs_type_of(entry), bdf = ((const struct ivrs_entry *)entry->host)->bdf;

	(void)block;
	if (is_start(entry))
		functions->start = bdf;
	if (type == IVRS_END)
		return functions->start <= functions->last && bdf >= functions->first;
	return (type == IVRS_SELECT || type == IVRS_ALIAS || type == IVRS_EXTENDED) &&
	       bdf >= functions->first && bdf <= functions->last;
}

/* Xen ignores memory of a function without an IOMMU. */
static bool overlap(const struct viommu_table *table, const struct memory *one,
		    const struct memory *other)
{
	struct functions shared = {
		.first = MAX(one->device_first, other->device_first),
		.last = MIN(one->device_last, other->device_last),
	};
	bool equal = one->first == other->first && one->last == other->last &&
		     one->access == other->access;

	return !equal && one->first <= other->last && other->first <= one->last &&
	       shared.first <= shared.last &&
	       ((!shared.first && shared.last == IVRS_LAST_BDF) ||
		find_entry(table, is_listed, &shared));
}

/* Tables have a few blocks of memory; a table with more is not checked. */
static const struct record *find_overlap(const struct viommu_table *table)
{
	struct memory known[MEMORY_MAX], memory;
	const struct record *block;
	size_t n = 0;

	for_each_child(i, block, table->root) {
		if (!memory_of(table, block, &memory) || !(memory_flags(block) & IVRS_UNITY) ||
		    memory_flags(block) & IVRS_EXCLUSION)
			continue;
		for (size_t k = 0; k < n; k++)
			if (overlap(table, &known[k], &memory))
				return block;
		if (n == MEMORY_MAX)
			return NULL;
		known[n++] = memory;
	}
	return NULL;
}

/* Without interrupt remapping, or with one table for all devices, Xen does not need each IOAPIC. */
#define NO_REMAPPING "iommu=no-intremap, iommu=no-amd-iommu-perdev-intremap"

const struct other_reader ivrs_others[] = {
	{ "Xen has no IOMMU: it reads blocks of type 10h, and of 11h if IVinfo has EFRSup",
	  find_unread },
	{ "Xen has no IOMMU: it allows no range whose last device ID is not above the first",
	  find_narrow },
	{ "Xen has no IOMMU: it allows no memory that is neither identity-mapped nor excluded",
	  find_useless },
	{ "Xen has no IOMMU: it knows no device entries of all functions or of unknown types",
	  find_unread_entry },
	{ "Xen has no IOMMU, unless it runs with " NO_REMAPPING
	  " or ivrs_ioapic[...]: it allows one device ID for an IOAPIC",
	  find_conflict },
	{ "Xen has no IOMMU, unless it runs with " NO_REMAPPING
	  " or ivrs_ioapic[...]=00:14.0: no IOAPIC is listed as 00:14.0",
	  find_without_southbridge },
	{ "Xen has no IOMMU where memory that stays mapped is RAM, as the first page mostly is",
	  find_first_page },
	{ "Xen has no IOMMU: it allows no two regions of a device that overlap and differ",
	  find_overlap },
	{ "Xen ignores memory that ends above the smaller of PASize and VASize in IVinfo; at 0 it "
	  "ignores all of it",
	  find_beyond },
	{ NULL, NULL },
};
