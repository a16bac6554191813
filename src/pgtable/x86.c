/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * x86 tables of 4 and 5 levels (VT-d first stage), and VT-d's directory of PASIDs
 *
 * Reserved bits fault at their level. Rights are those of all levels together, and are checked
 * after the last level. Levels count from the bottom: a 4 KiB page is at level 1.
 */
#include "pgtable/x86.h"

#define PAGE_SHIFT 12
#define INDEX_BITS 9

#define PRESENT  (1ull << 0)
#define WRITE    (1ull << 1)
#define USER     (1ull << 2)
#define ACCESSED (1ull << 5)
#define DIRTY    (1ull << 6)
#define LARGE    (1ull << 7)
#define XD       (1ull << 63)

/* Stored in pt_table.state: the rights of the levels above. */
#define STATE_WRITE (1u << 0)
#define STATE_USER  (1u << 1)
#define STATE_EXEC  (1u << 2)

static unsigned level_shift(int level)
{
	return PAGE_SHIFT + INDEX_BITS * (unsigned)(level - 1);
}

static enum pt_fault begin(struct pt_walk *walk)
{
	const struct pt_x86 *x86 = &walk->space->x86;
	unsigned bits = level_shift(x86->levels + 1);

	if (!pt_is_sign_extended(walk->input, bits - 1) ||
	    (x86->lower_half && walk->input >> (bits - 1)))
		return pt_fail(walk, PT_NON_CANONICAL, x86->levels);
	walk->at = (struct pt_table){
		.address = x86->root,
		.state = STATE_WRITE | STATE_USER | STATE_EXEC,
		.level = (int8_t)x86->levels,
		.shift = (uint8_t)bits,
	};
	return PT_OK;
}

static bool is_leaf(const struct pt_walk *walk, uint64_t entry)
{
	return walk->at.level == 1 || entry & LARGE;
}

static bool has_reserved(const struct pt_walk *walk, uint64_t entry)
{
	const struct pt_x86 *x86 = &walk->space->x86;
	int level = walk->at.level;

	if (x86->output_bits < 52 && entry & pt_mask(51, x86->output_bits))
		return true;
	if (!x86->no_execute && entry & XD)
		return true;
	if (level == 1 || !(entry & LARGE))
		return false;
	if (level > 3 || (level == 3 && !x86->page_1g))
		return true;
	/* Bit 12 of a large page is PAT. */
	return entry & pt_mask(level_shift(level) - 1, 13);
}

static uint32_t restrict_rights(uint32_t state, uint64_t entry)
{
	if (!(entry & WRITE))
		state &= ~STATE_WRITE;
	if (!(entry & USER))
		state &= ~STATE_USER;
	if (entry & XD)
		state &= ~STATE_EXEC;
	return state;
}

static unsigned rights_of(const struct pt_walk *walk, uint32_t state)
{
	const struct pt_x86 *x86 = &walk->space->x86;
	bool user = state & STATE_USER, privileged = walk->access & PT_PRIVILEGED;
	unsigned rights = PT_READ;

	if (!privileged && !user)
		return 0;
	if (state & STATE_WRITE || (privileged && !x86->write_protect))
		rights |= PT_WRITE;
	if (state & STATE_EXEC && !(privileged && user && x86->smep))
		rights |= PT_EXEC;
	return rights;
}

static enum pt_fault leaf(struct pt_walk *walk, uint64_t address, uint64_t entry)
{
	const struct pt_x86 *x86 = &walk->space->x86;
	unsigned shift = level_shift(walk->at.level);
	unsigned rights = rights_of(walk, restrict_rights(walk->at.state, entry));
	uint64_t wanted = entry | ACCESSED | (walk->access & PT_WRITE ? DIRTY : 0);

	if (walk->access & PT_RIGHTS & ~rights)
		return pt_fail(walk, PT_PERMISSION, walk->at.level);
	if (x86->updates_flags)
		pt_want(walk, address, entry, wanted);
	return pt_arrive(walk, entry & pt_mask(51, shift), shift, rights,
			 wanted & DIRTY || !x86->updates_flags);
}

static enum pt_fault walk_tables(struct pt_walk *walk)
{
	struct pt_table *at = &walk->at;

	while (at->level > 0) {
		unsigned shift = level_shift(at->level);
		uint64_t index = pt_bits(walk->input, shift + INDEX_BITS - 1, shift);
		uint64_t address, entry;
		enum pt_fault fault = pt_load_entry(walk, index, &address, &entry);

		if (fault)
			return fault;
		if (!(entry & PRESENT))
			return pt_fail(walk, PT_TRANSLATION, at->level);
		if (has_reserved(walk, entry))
			return pt_fail(walk, PT_RESERVED, at->level);
		if (is_leaf(walk, entry))
			return leaf(walk, address, entry);
		if (walk->space->x86.updates_flags)
			pt_want(walk, address, entry, entry | ACCESSED);
		at->state = restrict_rights(at->state, entry);
		at->address = entry & pt_mask(51, PAGE_SHIFT);
		at->shift = (uint8_t)shift;
		at->level--;
	}
	return pt_fail(walk, PT_TRANSLATION, 1);
}

const struct pt_format pt_x86_format = { begin, walk_tables };

/* -- VT-d: entries of a PASID table --------------------------------------------------------- */

enum { PGTT_FIRST = 1, PGTT_PASS_THROUGH = 4 };
enum { FSPM_4, FSPM_5 };

/* Of word 2. */
#define SRE  (1ull << 0)
#define ERE  (1ull << 1)
#define EAFE (1ull << 7)

static const uint64_t reserved_bits[8] = {
	[0] = 3ull << 10, [1] = 0x7full << 16, [2] = 0xfull << 8, [3] = UINT64_MAX,
	[4] = UINT64_MAX, [5] = UINT64_MAX,    [6] = UINT64_MAX,  [7] = UINT64_MAX,
};

static bool has_reserved_bits(const uint64_t entry[8])
{
	for (unsigned i = 0; i < 8; i++)
		if (entry[i] & reserved_bits[i])
			return true;
	return false;
}

bool pt_decode_x86_entry(const uint64_t entry[8], const struct pt_limits *limits, bool strict,
			 struct pt_space *ret_space)
{
	uint64_t type = pt_bits(entry[0], 8, 6), mode = pt_bits(entry[2], 3, 2);
	uint8_t refuses = (entry[2] & SRE ? 0 : PT_PRIVILEGED) | (entry[2] & ERE ? 0 : PT_EXEC);
	struct pt_x86 x86 = {
		.root = entry[2] & pt_mask(63, PAGE_SHIFT),
		.levels = mode == FSPM_5 ? 5 : 4,
		.output_bits = limits->output_bits,
		.write_protect = pt_bit(entry[2], 4),
		.no_execute = pt_bit(entry[2], 5),
		.smep = pt_bit(entry[2], 6),
		.page_1g = limits->page_1g,
		.updates_flags = limits->updates_flags,
	};

	if (!(entry[0] & PRESENT) || (strict && has_reserved_bits(entry)))
		return false;
	if (type == PGTT_PASS_THROUGH) {
		*ret_space = (struct pt_space){ .refuses = refuses };
		return true;
	}
	if (type != PGTT_FIRST || mode > FSPM_5 || (mode == FSPM_5 && !limits->five_levels))
		return false;
	if (x86.root >> limits->output_bits || entry[2] & EAFE)
		return false;
	*ret_space = (struct pt_space){
		.format = &pt_x86_format,
		.refuses = refuses,
		.x86 = x86,
	};
	return true;
}

/* -- VT-d: the directory ---------------------------------------------------------------------- */

#define PASIDS_SHIFT    6 /* PASIDs of one directory entry */
#define ENTRY_SHIFT     6 /* bytes of a PASID entry */
#define ENTRY_WORDS     3 /* words of an entry that are used here */
#define DIRECTORY_SHIFT 7 /* entries of the smallest directory */

static enum pt_fault find_entry(const struct pt_context *context, uint32_t pasid,
				const struct pt_memory *memory, struct pt_space *ret_space,
				uint64_t *ret_where)
{
	uint64_t entry[8] = { 0 };
	uint64_t table;

	if (pasid == PT_NO_PASID)
		pasid = context->default_pasid;
	if (pasid >> context->bits)
		return PT_CONTEXT;
	*ret_where = context->root + (uint64_t)(pasid >> PASIDS_SHIFT) * sizeof(table);
	if (!pt_load(memory, *ret_where, &table) || !(table & PRESENT))
		return PT_CONTEXT;
	table &= pt_mask(63, PAGE_SHIFT);
	table += (uint64_t)(pasid & ((1u << PASIDS_SHIFT) - 1)) << ENTRY_SHIFT;
	for (unsigned i = 0; i < ENTRY_WORDS; i++) {
		*ret_where = table + i * sizeof(entry[0]);
		if (!pt_load(memory, *ret_where, &entry[i]))
			return PT_CONTEXT;
	}
	*ret_where = table;
	return pt_decode_x86_entry(entry, &context->limits, false, ret_space) ? PT_OK : PT_CONTEXT;
}

bool pt_decode_x86_directory(const uint64_t entry[2], const struct pt_limits *limits,
			     struct pt_context *ret_context)
{
	struct pt_context context = {
		.find = find_entry,
		.limits = *limits,
		.root = entry[0] & pt_mask(63, PAGE_SHIFT),
		.bits = (uint8_t)(pt_bits(entry[0], 11, 9) + DIRECTORY_SHIFT + PASIDS_SHIFT),
		.default_pasid = (uint32_t)pt_bits(entry[1], 19, 0),
	};

	if (context.root >> limits->output_bits)
		return false;
	*ret_context = context;
	return true;
}
