/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Walks of page tables: reading entries once, flag updates, and the public functions
 *
 * The guest may change a table at any time. So each entry is read once, as one aligned load, and
 * flags are updated by compare-and-exchange on what was read.
 */
#include "pgtable/walk.h"

static const char *const fault_names[N_PT_FAULTS] = {
	[PT_OK] = "none",
	[PT_TRANSLATION] = "translation",
	[PT_PERMISSION] = "permission",
	[PT_ACCESS_FLAG] = "access-flag",
	[PT_ADDRESS_SIZE] = "address-size",
	[PT_RESERVED] = "reserved",
	[PT_NON_CANONICAL] = "non-canonical",
	[PT_INPUT_RANGE] = "input-range",
	[PT_WALK_ABORT] = "walk-abort",
	[PT_BUSY] = "busy",
	[PT_CONTEXT] = "context",
};

const char *pt_fault_name(enum pt_fault fault)
{
	return fault < N_PT_FAULTS ? fault_names[fault] : "unknown";
}

/* Tables are little-endian. */
static uint64_t swap(uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(word);
#else
	return word;
#endif
}

bool pt_load(const struct pt_memory *memory, uint64_t address, uint64_t *ret_word)
{
	const uint64_t *word = memory->word(memory->opaque, address, false);

	if (!word)
		return false;
	*ret_word = swap(__atomic_load_n(word, __ATOMIC_RELAXED));
	return true;
}

enum pt_fault pt_load_entry(struct pt_walk *walk, uint64_t index, uint64_t *ret_address,
			    uint64_t *ret_entry)
{
	*ret_address = walk->at.address + index * sizeof(uint64_t);
	if (pt_load(walk->memory, *ret_address, ret_entry))
		return PT_OK;
	walk->result->where = *ret_address;
	return pt_fail(walk, PT_WALK_ABORT, walk->at.level);
}

enum pt_fault pt_fail(struct pt_walk *walk, enum pt_fault fault, int level)
{
	walk->result->level = level;
	return fault;
}

void pt_want(struct pt_walk *walk, uint64_t address, uint64_t seen, uint64_t wanted)
{
	if (seen != wanted && walk->n_updates < PT_LEVELS_MAX)
		walk->updates[walk->n_updates++] =
			(struct pt_update){ address, seen, wanted, walk->at.level };
}

enum pt_fault pt_arrive(struct pt_walk *walk, uint64_t base, unsigned shift, unsigned rights,
			bool dirty)
{
	struct pt_result *result = walk->result;
	uint64_t offset = shift ? pt_mask(shift - 1, 0) : 0;

	result->level = walk->at.level;
	result->address = (base & ~offset) | (walk->input & offset);
	result->shift = (uint8_t)shift;
	result->rights = (uint8_t)(rights & PT_RIGHTS);
	result->dirty = dirty;
	result->table = walk->at;
	return PT_OK;
}

/*
 * Updates the flags of all entries, or of none if one is read-only. PT_BUSY: an entry has changed
 * since the walk; entries before it have been updated then.
 */
static enum pt_fault update(struct pt_walk *walk)
{
	const struct pt_memory *memory = walk->memory;
	uint64_t *words[PT_LEVELS_MAX];

	for (unsigned i = 0; i < walk->n_updates; i++) {
		struct pt_update *this = &walk->updates[i];

		words[i] = memory->word(memory->opaque, this->address, true);
		if (words[i])
			continue;
		walk->result->where = this->address;
		return pt_fail(walk, PT_WALK_ABORT, this->level);
	}
	for (unsigned i = 0; i < walk->n_updates; i++) {
		struct pt_update *this = &walk->updates[i];
		uint64_t seen = swap(this->seen);

		if (!__atomic_compare_exchange_n(words[i], &seen, swap(this->wanted), false,
						 __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return pt_fail(walk, PT_BUSY, this->level);
		if (memory->written)
			memory->written(memory->opaque, this->address);
	}
	return PT_OK;
}

static enum pt_fault walk_once(const struct pt_space *space, const struct pt_table *table,
			       uint64_t address, unsigned access, const struct pt_memory *memory,
			       struct pt_result *result)
{
	struct pt_walk walk = {
		.space = space,
		.memory = memory,
		.input = address,
		.access = access,
		.result = result,
	};
	enum pt_fault fault = PT_OK;

	*result = (struct pt_result){ .level = -1 };
	if (table)
		walk.at = *table;
	else
		fault = space->format->begin(&walk);
	if (!fault)
		fault = space->format->walk(&walk);
	return fault ? fault : update(&walk);
}

static enum pt_fault identity(uint64_t address, struct pt_result *result)
{
	*result = (struct pt_result){
		.level = -1,
		.address = address,
		.shift = 64,
		.rights = PT_RIGHTS,
		.dirty = true,
	};
	return PT_OK;
}

enum pt_fault pt_translate_from(const struct pt_space *space, const struct pt_table *table,
				uint64_t address, unsigned access, const struct pt_memory *memory,
				struct pt_result *ret_result)
{
	enum pt_fault fault = PT_BUSY;

	if (access & space->refuses) {
		*ret_result = (struct pt_result){ .fault = PT_CONTEXT, .level = -1 };
		return PT_CONTEXT;
	}
	if (!space->format)
		return identity(address, ret_result);
	for (unsigned i = 0; i < PT_TRIES && fault == PT_BUSY; i++)
		fault = walk_once(space, table, address, access, memory, ret_result);
	ret_result->fault = fault;
	return fault;
}

enum pt_fault pt_translate(const struct pt_space *space, uint64_t address, unsigned access,
			   const struct pt_memory *memory, struct pt_result *ret_result)
{
	return pt_translate_from(space, NULL, address, access, memory, ret_result);
}

enum pt_fault pt_find_space(const struct pt_context *context, uint32_t pasid,
			    const struct pt_memory *memory, struct pt_space *ret_space,
			    uint64_t *ret_where)
{
	*ret_space = (struct pt_space){ 0 };
	*ret_where = 0;
	return context->find(context, pasid, memory, ret_space, ret_where);
}
