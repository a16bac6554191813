/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The architecture-independent table of the published drafts: 48 bits of input, 4 KiB pages, 4
 * levels
 *
 * Levels count from the top, which is 0. There are no flags that a device updates.
 */
#include "pgtable/walk.h"

#define PAGE_SHIFT  12
#define INDEX_BITS  9
#define INPUT_BITS  48
#define LAST_LEVEL  3
#define OUTPUT_TOP  51
#define LEAF_LEVELS 1 /* the first level that may have leaves */

#define VALID (1u << 0)
#define TABLE (1u << 1)
#define READ  (1u << 2)
#define WRITE (1u << 3)

static unsigned level_shift(int level)
{
	return PAGE_SHIFT + INDEX_BITS * (unsigned)(LAST_LEVEL - level);
}

static enum pt_fault begin(struct pt_walk *walk)
{
	if (walk->input >> INPUT_BITS)
		return pt_fail(walk, PT_INPUT_RANGE, 0);
	walk->at = (struct pt_table){ .address = walk->space->generic.root, .shift = INPUT_BITS };
	return PT_OK;
}

static enum pt_fault leaf(struct pt_walk *walk, uint64_t entry)
{
	unsigned shift = level_shift(walk->at.level);
	unsigned rights = (entry & READ ? PT_READ : 0) | (entry & WRITE ? PT_WRITE : 0);

	/* No bit forbids execution, so readable pages are executable. */
	if (rights & PT_READ)
		rights |= PT_EXEC;
	if (walk->access & PT_RIGHTS & ~rights)
		return pt_fail(walk, PT_PERMISSION, walk->at.level);
	return pt_arrive(walk, entry & pt_mask(OUTPUT_TOP, shift), shift, rights, true);
}

static enum pt_fault walk_tables(struct pt_walk *walk)
{
	struct pt_table *at = &walk->at;

	while (at->level <= LAST_LEVEL) {
		unsigned shift = level_shift(at->level);
		uint64_t index = pt_bits(walk->input, shift + INDEX_BITS - 1, shift);
		uint64_t address, entry;
		enum pt_fault fault = pt_load_entry(walk, index, &address, &entry);
		bool table;

		if (fault)
			return fault;
		table = entry & TABLE;
		if (!(entry & VALID))
			return pt_fail(walk, PT_TRANSLATION, at->level);
		if (table ? at->level == LAST_LEVEL : at->level < LEAF_LEVELS)
			return pt_fail(walk, PT_RESERVED, at->level);
		if (!table)
			return leaf(walk, entry);
		at->address = entry & pt_mask(OUTPUT_TOP, PAGE_SHIFT);
		at->shift = (uint8_t)shift;
		at->level++;
	}
	return pt_fail(walk, PT_RESERVED, LAST_LEVEL);
}

static const struct pt_format generic_format = { begin, walk_tables };

bool pt_decode_generic(uint64_t pgd, bool strict, struct pt_space *ret_space)
{
	uint64_t root = pgd & pt_mask(OUTPUT_TOP, PAGE_SHIFT);

	if (strict && root != pgd)
		return false;
	*ret_space = (struct pt_space){ .format = &generic_format, .generic.root = root };
	return true;
}
