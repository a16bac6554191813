/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PGTABLE_WALK_H
#define VIOMMU_PGTABLE_WALK_H

#include "pgtable/pgtable.h"

/* What all formats share. For the files of this room only. */

/* A flag update that waits until the access is known to be allowed. */
struct pt_update {
	uint64_t address;
	uint64_t seen, wanted;
	int level;
};

/* One walk under way. */
struct pt_walk {
	const struct pt_space *space;
	const struct pt_memory *memory;
	uint64_t input;
	unsigned access;
	struct pt_table at;
	struct pt_update updates[PT_LEVELS_MAX];
	unsigned n_updates;
	struct pt_result *result;
};

struct pt_format {
	/* Set `at` to the root, or give the fault that the address itself is. */
	enum pt_fault (*begin)(struct pt_walk *walk);
	/* From `at` to a leaf. */
	enum pt_fault (*walk)(struct pt_walk *walk);
};

/* Bits high:low of a word, shifted down. */
static inline uint64_t pt_bits(uint64_t word, unsigned high, unsigned low)
{
	return word >> low & (UINT64_MAX >> (63 - (high - low)));
}

static inline bool pt_bit(uint64_t word, unsigned bit)
{
	return word >> bit & 1;
}

/* Bits high:low, where they are. */
static inline uint64_t pt_mask(unsigned high, unsigned low)
{
	return UINT64_MAX >> (63 - high) & UINT64_MAX << low;
}

/* All bits from `low` up are the same. */
static inline bool pt_is_sign_extended(uint64_t address, unsigned low)
{
	uint64_t upper = address >> low;

	return upper == 0 || upper == UINT64_MAX >> low;
}

/* Read one entry, once. */
bool pt_load(const struct pt_memory *memory, uint64_t address, uint64_t *ret_word);

/* Read the entry `index` of the table at hand; PT_WALK_ABORT says where. */
enum pt_fault pt_load_entry(struct pt_walk *walk, uint64_t index, uint64_t *ret_address,
			    uint64_t *ret_entry);

/* The level decides what the fault is. */
enum pt_fault pt_fail(struct pt_walk *walk, enum pt_fault fault, int level);

/* An update that is wanted, if it changes anything. */
void pt_want(struct pt_walk *walk, uint64_t address, uint64_t seen, uint64_t wanted);

/* A leaf of 2^shift bytes at `base`, whose rights are known. */
enum pt_fault pt_arrive(struct pt_walk *walk, uint64_t base, unsigned shift, unsigned rights,
			bool dirty);

#endif
