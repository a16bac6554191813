/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V Sv39, Sv48 and Sv57, and the process directory of its IOMMU
 *
 * A leaf alone has the rights; pointers have none. Levels count from the bottom, which is 0.
 */
#include "pgtable/walk.h"

#define PAGE_SHIFT 12
#define INDEX_BITS 9

#define V (1ull << 0)
#define R (1ull << 1)
#define W (1ull << 2)
#define X (1ull << 3)
#define U (1ull << 4)
#define A (1ull << 6)
#define D (1ull << 7)
#define N (1ull << 63)

#define RESERVED    pt_mask(58, 54)
#define RSW60T59B   pt_mask(60, 59)
#define PBMT        pt_mask(62, 61)
#define NAPOT_SHIFT 16
#define NAPOT_CODE  8u /* low four bits of the PPN for 64 KiB */

static unsigned level_shift(int level)
{
	return PAGE_SHIFT + INDEX_BITS * (unsigned)level;
}

static enum pt_fault begin(struct pt_walk *walk)
{
	const struct pt_riscv *riscv = &walk->space->riscv;
	unsigned bits = level_shift(riscv->levels);

	if (!pt_is_sign_extended(walk->input, bits - 1))
		return pt_fail(walk, PT_NON_CANONICAL, riscv->levels - 1);
	walk->at = (struct pt_table){
		.address = riscv->root,
		.level = (int8_t)(riscv->levels - 1),
		.shift = (uint8_t)bits,
	};
	return PT_OK;
}

static bool is_pointer(uint64_t entry)
{
	return !(entry & (R | W | X));
}

static bool has_reserved(const struct pt_walk *walk, uint64_t entry)
{
	const struct pt_riscv *riscv = &walk->space->riscv;

	if ((entry & (R | W)) == W || entry & RESERVED)
		return true;
	if (entry & RSW60T59B && !riscv->svrsw60t59b)
		return true;
	if ((entry & PBMT) == PBMT || (entry & PBMT && !riscv->svpbmt))
		return true;
	if (entry & N && (walk->at.level > 0 || !riscv->svnapot))
		return true;
	return is_pointer(entry) && entry & (A | D | U | PBMT | N);
}

static unsigned rights_of(const struct pt_walk *walk, uint64_t entry)
{
	bool user = entry & U, privileged = walk->access & PT_PRIVILEGED;
	unsigned rights = 0;

	if (!privileged && !user)
		return 0;
	if (!privileged || !user || walk->space->riscv.sum)
		rights = (entry & R ? PT_READ : 0) | (entry & W ? PT_WRITE : 0);
	if (entry & X && !(privileged && user))
		rights |= PT_EXEC;
	return rights;
}

static enum pt_fault leaf(struct pt_walk *walk, uint64_t address, uint64_t entry)
{
	const struct pt_riscv *riscv = &walk->space->riscv;
	unsigned shift = level_shift(walk->at.level);
	unsigned rights = rights_of(walk, entry);
	uint64_t base = pt_bits(entry, 53, 10) << PAGE_SHIFT;
	uint64_t wanted = entry | A | (walk->access & PT_WRITE ? D : 0);

	if (walk->access & PT_RIGHTS & ~rights)
		return pt_fail(walk, PT_PERMISSION, walk->at.level);
	if (base & pt_mask(shift - 1, 0))
		return pt_fail(walk, PT_RESERVED, walk->at.level);
	if (entry & N) {
		if (pt_bits(entry, 13, 10) != NAPOT_CODE)
			return pt_fail(walk, PT_RESERVED, walk->at.level);
		shift = NAPOT_SHIFT;
	}
	if (wanted != entry && !riscv->updates_flags)
		return pt_fail(walk, PT_ACCESS_FLAG, walk->at.level);
	pt_want(walk, address, entry, wanted);
	return pt_arrive(walk, base, shift, rights, wanted & D);
}

static enum pt_fault walk_tables(struct pt_walk *walk)
{
	struct pt_table *at = &walk->at;

	for (;;) {
		unsigned shift = level_shift(at->level);
		uint64_t index = pt_bits(walk->input, shift + INDEX_BITS - 1, shift);
		uint64_t address, entry;
		enum pt_fault fault = pt_load_entry(walk, index, &address, &entry);

		if (fault)
			return fault;
		if (!(entry & V))
			return pt_fail(walk, PT_TRANSLATION, at->level);
		if (has_reserved(walk, entry))
			return pt_fail(walk, PT_RESERVED, at->level);
		if (!is_pointer(entry))
			return leaf(walk, address, entry);
		if (at->level == 0)
			return pt_fail(walk, PT_TRANSLATION, 0);
		at->address = pt_bits(entry, 53, 10) << PAGE_SHIFT;
		at->shift = (uint8_t)shift;
		at->level--;
	}
}

static const struct pt_format riscv_format = { begin, walk_tables };

/* -- process contexts ----------------------------------------------------------------------- */

#define MODE_BARE 0
#define MODE_SV39 8
#define MODE_SV57 10

#define TA_ENS       (1ull << 1)
#define TA_RESERVED  (pt_mask(63, 32) | pt_mask(11, 3))
#define FSC_RESERVED pt_mask(59, 44)

bool pt_decode_riscv_pc(uint64_t ta, uint64_t fsc, bool updates_flags,
			const struct pt_limits *limits, struct pt_space *ret_space)
{
	uint64_t mode = pt_bits(fsc, 63, 60);
	uint8_t refuses = ta & TA_ENS ? 0 : PT_PRIVILEGED;
	struct pt_riscv riscv = {
		.root = pt_bits(fsc, 43, 0) << PAGE_SHIFT,
		.levels = (uint8_t)(3 + mode - MODE_SV39),
		.updates_flags = updates_flags,
		.svnapot = limits->svnapot,
		.svpbmt = limits->svpbmt,
		.svrsw60t59b = limits->svrsw60t59b,
		.sum = pt_bit(ta, 2),
		.pscid = (uint32_t)pt_bits(ta, 31, 12),
	};

	if (!(ta & V) || ta & TA_RESERVED || fsc & FSC_RESERVED)
		return false;
	if (mode == MODE_BARE) {
		*ret_space = (struct pt_space){ .refuses = refuses, .riscv = riscv };
		return true;
	}
	if (mode < MODE_SV39 || mode > MODE_SV57 || (updates_flags && !limits->updates_flags))
		return false;
	if (limits->input_bits && level_shift(riscv.levels) > limits->input_bits)
		return false;
	*ret_space = (struct pt_space){
		.format = &riscv_format,
		.refuses = refuses,
		.riscv = riscv,
	};
	return true;
}

/* -- process directories -------------------------------------------------------------------- */

#define PC_SHIFT    4 /* 16 bytes */
#define FIRST_BITS  8 /* bits of a process ID that index process contexts */
#define PD_RESERVED (pt_mask(63, 54) | pt_mask(9, 1))

static const uint8_t directory_bits[] = { 0, 8, 17, 20 };

static enum pt_fault find_process(const struct pt_context *context, uint32_t pasid,
				  const struct pt_memory *memory, struct pt_space *ret_space,
				  uint64_t *ret_where)
{
	uint64_t table = context->root, words[2];

	if (pasid == PT_NO_PASID) {
		if (context->default_pasid == PT_NO_PASID)
			return PT_OK;
		pasid = context->default_pasid;
	}
	if (pasid >> context->bits)
		return PT_CONTEXT;
	for (unsigned level = context->format - 1u; level > 0; level--) {
		unsigned low = FIRST_BITS + INDEX_BITS * (level - 1);
		uint64_t index = pasid >> low & ((1u << INDEX_BITS) - 1);

		*ret_where = table + index * sizeof(words[0]);
		if (!pt_load(memory, *ret_where, &words[0]) || !(words[0] & V) ||
		    words[0] & PD_RESERVED)
			return PT_CONTEXT;
		table = pt_bits(words[0], 53, 10) << PAGE_SHIFT;
	}
	table += (uint64_t)(pasid & ((1u << FIRST_BITS) - 1)) << PC_SHIFT;
	*ret_where = table;
	if (!pt_load(memory, table, &words[0]) ||
	    !pt_load(memory, table + sizeof(words[0]), &words[1]))
		return PT_CONTEXT;
	return pt_decode_riscv_pc(words[0], words[1], context->updates_flags, &context->limits,
				  ret_space)
		       ? PT_OK
		       : PT_CONTEXT;
}

#define TC_VALID     (1ull << 0)
#define TC_T2GPA     (1ull << 3)
#define TC_PDTV      (1ull << 5)
#define TC_GADE      (1ull << 7)
#define TC_SADE      (1ull << 8)
#define TC_DPE       (1ull << 9)
#define TC_SBE       (1ull << 10)
#define TC_SXL       (1ull << 11)
#define TC_RESERVED  pt_mask(63, 12)
#define TC_NOT_THERE (TC_T2GPA | TC_GADE | TC_SBE | TC_SXL | TC_RESERVED)

bool pt_decode_riscv_dc(uint64_t tc, uint64_t iohgatp, uint64_t fsc, const struct pt_limits *limits,
			struct pt_context *ret_context)
{
	uint64_t mode = pt_bits(fsc, 63, 60);
	struct pt_context context = {
		.find = find_process,
		.limits = *limits,
		.root = pt_bits(fsc, 43, 0) << PAGE_SHIFT,
		.format = (uint8_t)mode,
		.default_pasid = tc & TC_DPE ? 0 : PT_NO_PASID,
		.updates_flags = tc & TC_SADE,
	};

	if ((tc & (TC_VALID | TC_PDTV)) != (TC_VALID | TC_PDTV) || tc & TC_NOT_THERE || iohgatp)
		return false;
	if (tc & TC_SADE && !limits->updates_flags)
		return false;
	if (!mode || mode >= sizeof(directory_bits) || fsc & FSC_RESERVED)
		return false;
	context.bits = directory_bits[mode];
	*ret_context = context;
	return true;
}
