/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Arm VMSAv8-64 stage 1, and the context descriptors of an SMMUv3
 *
 * Reserved bits of a table entry are ignored. Levels count from the top of 48 bits: the last one is
 * 3, and with LPA2 the first one may be -1.
 */
#include "pgtable/walk.h"

#define LAST_LEVEL  3
#define ENTRY_SHIFT 3

/* Bits of pt_table.state: the half of the input addresses, and rights that tables above removed. */
#define STATE_HALF     (1u << 0)
#define STATE_NO_USER  (1u << 1)
#define STATE_NO_WRITE (1u << 2)
#define STATE_PXN      (1u << 3)
#define STATE_UXN      (1u << 4)

static const struct pt_arm_half *half_of(const struct pt_walk *walk)
{
	return &walk->space->arm.half[walk->at.state & STATE_HALF];
}

static unsigned index_bits(const struct pt_arm_half *half)
{
	return half->shift - ENTRY_SHIFT;
}

/* The size covered by an entry of a level, as a power of two. */
static unsigned entry_shift(const struct pt_arm_half *half, int level)
{
	return half->shift + (unsigned)(LAST_LEVEL - level) * index_bits(half);
}

static int first_level(const struct pt_arm_half *half)
{
	return LAST_LEVEL - (int)((half->input_bits - half->shift - 1u) / index_bits(half));
}

/* Bit 55 selects the half. The bits above those that are translated equal it; with a tag, the top
 * byte is ignored. */
static enum pt_fault begin(struct pt_walk *walk)
{
	unsigned which = pt_bit(walk->input, 55);
	const struct pt_arm_half *half = &walk->space->arm.half[which];
	unsigned top = half->tag ? 55 : 63;
	uint64_t upper = pt_bits(walk->input, top, half->input_bits);
	uint64_t wanted = which ? pt_bits(UINT64_MAX, top, half->input_bits) : 0;

	if (half->disabled || upper != wanted)
		return pt_fail(walk, PT_TRANSLATION, 0);
	walk->at = (struct pt_table){
		.address = half->root,
		.state = which ? STATE_HALF : 0,
		.level = (int8_t)first_level(half),
		.shift = half->input_bits,
	};
	return PT_OK;
}

/* Are leaves allowed at this level? */
static bool is_leaf_level(const struct pt_arm *arm, const struct pt_arm_half *half, int level)
{
	switch (half->shift) {
	case 12:
		return level >= (arm->lpa2 ? 0 : 1);
	case 14:
		return level >= (arm->lpa2 ? 1 : 2);
	default:
		return level >= (arm->device_52 ? 1 : 2);
	}
}

/* The output address of an entry, with `shift` low bits clear. */
static uint64_t entry_output(const struct pt_arm *arm, const struct pt_arm_half *half,
			     uint64_t entry, unsigned shift)
{
	if (half->shift < 16 && arm->lpa2)
		return (entry & pt_mask(49, shift)) | pt_bits(entry, 9, 8) << 50;
	if (half->shift == 16 && arm->output_bits == 52)
		return (entry & pt_mask(47, shift)) | pt_bits(entry, 15, 12) << 48;
	return entry & pt_mask(47, shift);
}

static bool is_too_large(const struct pt_arm *arm, uint64_t output)
{
	return output >> arm->output_bits != 0;
}

/* Follow an entry to the next level. */
static enum pt_fault descend(struct pt_walk *walk, uint64_t entry)
{
	const struct pt_arm *arm = &walk->space->arm;
	const struct pt_arm_half *half = half_of(walk);
	uint64_t next = entry_output(arm, half, entry, half->shift);
	struct pt_table *at = &walk->at;

	if (is_too_large(arm, next))
		return pt_fail(walk, PT_ADDRESS_SIZE, at->level);
	if (!half->flat) {
		at->state |= pt_bit(entry, 59) ? STATE_PXN : 0;
		at->state |= pt_bit(entry, 60) ? STATE_UXN : 0;
		at->state |= pt_bit(entry, 61) ? STATE_NO_USER : 0;
		at->state |= pt_bit(entry, 62) ? STATE_NO_WRITE : 0;
	}
	at->address = next;
	at->shift = (uint8_t)entry_shift(half, at->level);
	at->level++;
	return PT_OK;
}

/* Effective rights of a leaf. A clean page with DBM is `writable`, too. */
static unsigned rights_of(const struct pt_walk *walk, uint64_t entry, bool writable)
{
	const struct pt_arm *arm = &walk->space->arm;
	uint32_t state = walk->at.state;
	bool user = pt_bit(entry, 6) && !(state & STATE_NO_USER);
	unsigned rights = 0;
	bool execute;

	if (state & STATE_NO_WRITE)
		writable = false;
	if (walk->access & PT_PRIVILEGED) {
		execute = !pt_bit(entry, 53) && !(state & STATE_PXN) && !(user && writable);
		if (!(arm->pan && user))
			rights = PT_READ | (writable ? PT_WRITE : 0);
	} else {
		execute = !pt_bit(entry, 54) && !(state & STATE_UXN);
		if (user)
			rights = PT_READ | (writable ? PT_WRITE : 0);
	}
	if (execute && !(arm->wxn && rights & PT_WRITE))
		rights |= PT_EXEC;
	return rights;
}

/* The order of checks: address size, access flag, permission. */
static enum pt_fault leaf(struct pt_walk *walk, uint64_t address, uint64_t entry)
{
	const struct pt_arm *arm = &walk->space->arm;
	unsigned shift = entry_shift(half_of(walk), walk->at.level);
	uint64_t output = entry_output(arm, half_of(walk), entry, shift);
	bool accessed = pt_bit(entry, 10), read_only = pt_bit(entry, 7);
	bool modifies = arm->sets_dirty && pt_bit(entry, 51);
	unsigned rights = rights_of(walk, entry, !read_only || modifies);
	uint64_t wanted = entry;

	if (is_too_large(arm, output))
		return pt_fail(walk, PT_ADDRESS_SIZE, walk->at.level);
	if (!accessed && !arm->sets_flag && !arm->ignore_flag)
		return pt_fail(walk, PT_ACCESS_FLAG, walk->at.level);
	if (walk->access & PT_RIGHTS & ~rights)
		return pt_fail(walk, PT_PERMISSION, walk->at.level);
	if (arm->sets_flag)
		wanted |= 1u << 10;
	if (modifies && walk->access & PT_WRITE)
		wanted &= ~(1ull << 7);
	pt_want(walk, address, entry, wanted);
	return pt_arrive(walk, output, shift, rights, !pt_bit(wanted, 7) || !modifies);
}

static enum pt_fault walk_tables(struct pt_walk *walk)
{
	for (unsigned i = 0; i < PT_LEVELS_MAX; i++) {
		const struct pt_arm_half *half = half_of(walk);
		unsigned low = entry_shift(half, walk->at.level);
		uint64_t address, entry;
		bool table;
		enum pt_fault fault = pt_load_entry(
			walk, pt_bits(walk->input, walk->at.shift - 1u, low), &address, &entry);

		if (fault)
			return fault;
		table = pt_bit(entry, 1);
		if (!pt_bit(entry, 0))
			return pt_fail(walk, PT_TRANSLATION, walk->at.level);
		if (walk->at.level == LAST_LEVEL)
			return table ? leaf(walk, address, entry)
				     : pt_fail(walk, PT_TRANSLATION, LAST_LEVEL);
		if (!table)
			return is_leaf_level(&walk->space->arm, half, walk->at.level)
				       ? leaf(walk, address, entry)
				       : pt_fail(walk, PT_TRANSLATION, walk->at.level);
		fault = descend(walk, entry);
		if (fault)
			return fault;
	}
	return pt_fail(walk, PT_TRANSLATION, LAST_LEVEL);
}

static const struct pt_format arm_format = { begin, walk_tables };

/* -- context descriptors ------------------------------------------------------- */

#define CD_VALID (1ull << 31)
#define CD_AA64  (1ull << 41)
#define CD_HD    (1ull << 42)
#define CD_HA    (1ull << 43)
#define CD_S     (1ull << 44)
#define CD_A     (1ull << 46)
#define CD_ENDI  (1ull << 15)
#define CD_DS    (1ull << 58) /* of word 2 */

static const uint8_t output_sizes[] = { 32, 36, 40, 42, 44, 48, 52, 52 };

/* Page size by the encodings of TG0 and TG1, which differ. 0: reserved. */
static const uint8_t granules[2][4] = { { 12, 16, 14, 0 }, { 0, 14, 12, 16 } };

static unsigned smallest(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Bytes of the first table, at least those of a cache line of 8 entries. */
static uint64_t root_alignment(const struct pt_arm_half *half)
{
	unsigned bits = half->input_bits - entry_shift(half, first_level(half));

	return (uint64_t)8 << (bits < 3 ? 3 : bits);
}

/* Does the device support this input size and granule for a half? */
static bool size_is_supported(unsigned bits, unsigned shift, const struct pt_arm *arm,
			      const struct pt_limits *limits)
{
	bool wide = shift == 16 ? limits->output_bits >= 52 : arm->lpa2;
	unsigned smallest_size = !limits->small_tables ? 25 : shift == 16 ? 17 : 16;

	if (!shift || bits > (wide ? 52 : 48) || bits < smallest_size)
		return false;
	if (limits->granules && !(limits->granules >> shift & 1))
		return false;
	return !limits->input_bits || bits <= limits->input_bits;
}

static bool decode_half(const uint64_t cd[8], unsigned which, const struct pt_limits *limits,
			bool strict, struct pt_arm *arm)
{
	struct pt_arm_half *half = &arm->half[which];
	unsigned at = which ? 16 : 0;
	unsigned bits = 64 - (unsigned)pt_bits(cd[0], at + 5, at);
	unsigned shift = granules[which][pt_bits(cd[0], at + 7, at + 6)];
	uint64_t root = cd[1 + which] & pt_mask(51, 4);

	half->disabled = pt_bit(cd[0], at + 14);
	half->tag = pt_bit(cd[0], 38 + which);
	half->flat = pt_bit(cd[1 + which], 1);
	if (half->disabled) {
		half->input_bits = 48;
		half->shift = 12;
		return true;
	}
	if (!size_is_supported(bits, shift, arm, limits))
		return false;
	half->shift = (uint8_t)shift;
	half->input_bits = (uint8_t)bits;
	if (root >> arm->output_bits || (shift < 16 && !arm->lpa2 && root >> 48))
		return false;
	half->root = root & ~(root_alignment(half) - 1);
	if (arm->output_bits == 52)
		half->root &= ~UINT64_C(63);
	return !strict || half->root == root;
}

bool pt_decode_arm_cd(const uint64_t cd[8], const struct pt_limits *limits, bool strict,
		      struct pt_space *ret_space)
{
	struct pt_arm arm = {
		.output_bits = (uint8_t)smallest(output_sizes[pt_bits(cd[0], 34, 32)],
						 limits->output_bits),
		.device_52 = limits->output_bits >= 52,
		.lpa2 = limits->lpa2 && cd[2] & CD_DS,
		.ignore_flag = pt_bit(cd[0], 35),
		.sets_flag = cd[0] & CD_HA,
		.sets_dirty = cd[0] & CD_HA && cd[0] & CD_HD,
		.wxn = pt_bit(cd[0], 36),
		.pan = pt_bit(cd[0], 40),
		.asid = (uint16_t)pt_bits(cd[0], 63, 48),
	};

	/*
	 * Stalled accesses are not supported, so a fault must end the access: S must be 0 and A 1.
	 */
	if (!(cd[0] & CD_VALID) || !(cd[0] & CD_AA64) || cd[0] & CD_S || !(cd[0] & CD_A))
		return false;
	if (cd[0] & (CD_HA | CD_HD) && !limits->updates_flags)
		return false;
	if (!decode_half(cd, 0, limits, strict, &arm) || !decode_half(cd, 1, limits, strict, &arm))
		return false;
	if (cd[0] & CD_ENDI && !(arm.half[0].disabled && arm.half[1].disabled))
		return false;
	*ret_space = (struct pt_space){ .format = &arm_format, .arm = arm };
	return true;
}

/* -- tables of context descriptors ---------------------------------------------------------- */

#define CD_SHIFT 6 /* 64 bytes */
#define CD_WORDS 3 /* words of a descriptor that are used here */

enum { LINEAR, TWO_LEVELS_4K, TWO_LEVELS_64K, N_S1FMTS };

/* Low bits of a PASID that index a table of descriptors, by S1Fmt. */
static const uint8_t splits[N_S1FMTS] = { 0, 6, 10 };

enum { DSS_REFUSE, DSS_BYPASS, DSS_FIRST };

static enum pt_fault load_cd(const struct pt_context *context, uint64_t address,
			     const struct pt_memory *memory, struct pt_space *ret_space,
			     uint64_t *ret_where)
{
	uint64_t cd[8] = { 0 };

	for (unsigned i = 0; i < CD_WORDS; i++) {
		*ret_where = address + i * sizeof(cd[0]);
		if (!pt_load(memory, *ret_where, &cd[i]))
			return PT_CONTEXT;
	}
	*ret_where = address;
	return pt_decode_arm_cd(cd, &context->limits, false, ret_space) ? PT_OK : PT_CONTEXT;
}

static enum pt_fault find_cd(const struct pt_context *context, uint32_t pasid,
			     const struct pt_memory *memory, struct pt_space *ret_space,
			     uint64_t *ret_where)
{
	unsigned split = splits[context->format];
	uint64_t table = context->root, entry;

	/* If S1CDMax is 0, the only descriptor is for requests without PASID. */
	if (pasid == PT_NO_PASID) {
		if (context->default_pasid == PT_NO_PASID)
			return context->default_of == DSS_BYPASS ? PT_OK : PT_CONTEXT;
		pasid = context->default_pasid;
	} else if (!context->bits || pasid >> context->bits ||
		   (pasid == 0 && context->default_of == DSS_FIRST)) {
		return PT_CONTEXT;
	}
	if (context->bits && split) {
		*ret_where = table + (uint64_t)(pasid >> split) * sizeof(entry);
		if (!pt_load(memory, *ret_where, &entry) || !pt_bit(entry, 0))
			return PT_CONTEXT;
		table = entry & pt_mask(51, 12);
		pasid &= (1u << split) - 1;
	}
	return load_cd(context, table + ((uint64_t)pasid << CD_SHIFT), memory, ret_space,
		       ret_where);
}

#define PASID_BITS_MAX 20

bool pt_decode_arm_cd_table(const uint64_t ste[2], const struct pt_limits *limits,
			    struct pt_context *ret_context)
{
	struct pt_context context = {
		.find = find_cd,
		.limits = *limits,
		.root = ste[0] & pt_mask(51, 6),
		.bits = (uint8_t)pt_bits(ste[0], 63, 59),
		.format = (uint8_t)pt_bits(ste[0], 5, 4),
		.default_of = (uint8_t)pt_bits(ste[1], 1, 0),
	};

	if (context.format >= N_S1FMTS || context.bits > PASID_BITS_MAX)
		return false;
	if (context.root >> limits->output_bits)
		return false;
	context.default_pasid = context.bits && context.default_of != DSS_FIRST ? PT_NO_PASID : 0;
	*ret_context = context;
	return true;
}
