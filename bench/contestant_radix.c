/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "contestant.h"

/*
 * A page table of four levels, as a kernel's driver for a hardware IOMMU keeps it: an entry for
 * each 4 KiB page, tables that are never freed, and no knowledge of ranges.
 */

#define PAGE_SHIFT  12
#define LEVEL_BITS  9
#define ENTRIES     (1u << LEVEL_BITS)
#define LEVELS      4
#define TABLE_BYTES (ENTRIES * sizeof(uint64_t))
#define PRESENT     1ull

struct radix {
	uint64_t *root;
};

static uint64_t *table_new(void)
{
	uint64_t *table = aligned_alloc(TABLE_BYTES, TABLE_BYTES);

	for (unsigned i = 0; table && i < ENTRIES; i++)
		table[i] = 0;
	return table;
}

static void table_free(uint64_t *table, unsigned level)
{
	for (unsigned i = 0; level && i < ENTRIES; i++)
		if (table[i])
			table_free((uint64_t *)(uintptr_t)table[i], level - 1);
	free(table);
}

static void *make(void)
{
	struct radix *radix = malloc(sizeof(*radix));

	if (radix)
		radix->root = table_new();
	return radix;
}

static void set_free(void *set)
{
	struct radix *radix = set;

	table_free(radix->root, LEVELS - 1);
	free(radix);
}

static unsigned index_at(uint64_t address, unsigned level)
{
	return address >> (PAGE_SHIFT + level * LEVEL_BITS) & (ENTRIES - 1);
}

/* The entry of a page, or NULL; `makes` tables on the way. */
static uint64_t *find(struct radix *radix, uint64_t address, bool makes)
{
	uint64_t *table = radix->root;

	for (unsigned level = LEVELS - 1; level; level--) {
		uint64_t *entry = &table[index_at(address, level)];

		if (!*entry && makes)
			*entry = (uintptr_t)table_new();
		if (!*entry)
			return NULL;
		table = (uint64_t *)(uintptr_t)*entry;
	}
	return &table[index_at(address, 0)];
}

static bool map(void *set, const struct extent *extent)
{
	uint64_t phys = extent->phys;

	for (uint64_t at = extent->first; at < extent->last; at += 1u << PAGE_SHIFT) {
		uint64_t *entry = find(set, at, true);

		if (!entry || *entry)
			return false;
		*entry = phys | PRESENT;
		phys += 1u << PAGE_SHIFT;
	}
	return true;
}

static bool unmap(void *set, uint64_t first, uint64_t last)
{
	bool any = false;

	for (uint64_t at = first; at < last; at += 1u << PAGE_SHIFT) {
		uint64_t *entry = find(set, at, false);

		any |= entry && *entry;
		if (entry)
			*entry = 0;
	}
	return any;
}

static uint64_t translate(void *set, uint64_t address)
{
	const uint64_t *entry = find(set, address, false);

	if (!entry || !*entry)
		return NOWHERE;
	return (*entry & ~PRESENT) + (address & ((1u << PAGE_SHIFT) - 1));
}

static uint64_t sum_of(const uint64_t *table, unsigned level)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < ENTRIES; i++)
		if (table[i])
			sum += level ? sum_of((uint64_t *)(uintptr_t)table[i], level - 1)
				     : table[i] & ~PRESENT;
	return sum;
}

static uint64_t walk(void *set)
{
	return sum_of(((struct radix *)set)->root, LEVELS - 1);
}

const struct contestant contestant_radix = {
	.name = "page table",
	.make = make,
	.free = set_free,
	.map = map,
	.unmap = unmap,
	.translate = translate,
	.walk = walk,
};
