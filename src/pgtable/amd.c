/* SPDX-License-Identifier: BSD-3-Clause */
/* AMD: x86 tables, with a GCR3 table of one to three levels, each indexed by 9 bits of a PASID. */
#include "pgtable/x86.h"

#define VALID      (1ull << 0)
#define PAGE_SHIFT 12
#define INDEX_BITS 9
#define GLX_MAX    2

bool pt_decode_amd_root(uint64_t root, unsigned levels, bool sign_extended,
			const struct pt_limits *limits, struct pt_space *ret_space)
{
	struct pt_x86 x86 = {
		.root = root & pt_mask(51, PAGE_SHIFT),
		.levels = (uint8_t)levels,
		.output_bits = limits->output_bits,
		.no_execute = true,
		.write_protect = true,
		.page_1g = limits->page_1g,
		.updates_flags = limits->updates_flags,
		.lower_half = !sign_extended,
	};

	if (!(root & VALID) || (levels != 4 && levels != 5))
		return false;
	if ((levels == 5 && !limits->five_levels) || x86.root >> limits->output_bits)
		return false;
	*ret_space = (struct pt_space){ .format = &pt_x86_format, .x86 = x86 };
	return true;
}

/* With GIOV, requests without a PASID use PASID 0, and an address is not sign-extended. */
static enum pt_fault find_root(const struct pt_context *context, uint32_t pasid,
			       const struct pt_memory *memory, struct pt_space *ret_space,
			       uint64_t *ret_where)
{
	bool sign_extended = pasid != PT_NO_PASID;
	uint64_t table = context->root, entry = 0;

	if (!sign_extended)
		pasid = context->default_pasid;
	if (pasid >> context->bits)
		return PT_CONTEXT;
	for (unsigned level = context->format; level > 0; level--) {
		unsigned low = INDEX_BITS * (level - 1);
		uint64_t index = pasid >> low & ((1u << INDEX_BITS) - 1);

		*ret_where = table + index * sizeof(entry);
		if (!pt_load(memory, *ret_where, &entry) || !(entry & VALID))
			return PT_CONTEXT;
		table = entry & pt_mask(51, PAGE_SHIFT);
	}
	return pt_decode_amd_root(entry, context->levels, sign_extended, &context->limits,
				  ret_space)
		       ? PT_OK
		       : PT_CONTEXT;
}

#define PASID_BITS_MAX 20

bool pt_decode_amd_gcr3(uint64_t root, unsigned glx, unsigned levels, bool giov,
			const struct pt_limits *limits, struct pt_context *ret_context)
{
	unsigned bits = INDEX_BITS * (glx + 1);
	struct pt_context context = {
		.find = find_root,
		.limits = *limits,
		.root = root & pt_mask(51, PAGE_SHIFT),
		.bits = (uint8_t)(bits > PASID_BITS_MAX ? PASID_BITS_MAX : bits),
		.format = (uint8_t)(glx + 1),
		.default_pasid = giov ? 0 : PT_NO_PASID,
		.levels = (uint8_t)levels,
	};

	if (glx > GLX_MAX || (levels != 4 && levels != 5) || (levels == 5 && !limits->five_levels))
		return false;
	if (context.root >> limits->output_bits)
		return false;
	*ret_context = context;
	return true;
}
