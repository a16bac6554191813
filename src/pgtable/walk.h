/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PGTABLE_WALK_H
#define VIOMMU_PGTABLE_WALK_H

#include "pgtable/pgtable.h"

/* Shared by all formats. Private to src/pgtable. */

/* A flag update that is applied if the access is allowed. */
struct pt_update {
	uint64_t address;
	uint64_t seen, wanted;
	int level;
};

/* A walk in progress. */
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
	/* Set `at` to the root, or return a fault of the address itself. */
	enum pt_fault (*begin)(struct pt_walk *walk);
	/* Walk from `at` to a leaf. */
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

/* A mask of bits high:low. */
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

/* Read entry `index` of the current table; on PT_WALK_ABORT, the result has its address. */
enum pt_fault pt_load_entry(struct pt_walk *walk, uint64_t index, uint64_t *ret_address,
			    uint64_t *ret_entry);

/* Record the fault and its level. */
enum pt_fault pt_fail(struct pt_walk *walk, enum pt_fault fault, int level);

/* Request a flag update, unless the flags are set already. */
void pt_want(struct pt_walk *walk, uint64_t address, uint64_t seen, uint64_t wanted);

/* Complete a walk with a leaf of 2^shift bytes at `base`, whose rights have been computed. */
enum pt_fault pt_arrive(struct pt_walk *walk, uint64_t base, unsigned shift, unsigned rights,
			bool dirty);

#endif
