/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page tables of a hostile guest, in memory that changes during a walk
 *
 * Memory is a few pages. Whenever a walk reads a word, the next bytes of the input may change any
 * word. For any tables, a walk reads a bounded number of words, stays within memory, and gives a
 * consistent answer: a page that contains the address, and rights that cover the access.
 */
#include <string.h>

#include "pgtable/pgtable.h"

#include "fuzz.h"

#define WORDS     0x1000u
#define MAX_STEPS 64
#define MAX_WORDS 64 /* of context and walk, with all tries */

struct scene {
	struct rest *input;
	uint64_t words[WORDS];
	unsigned asked, marked;
};

/* Addresses wrap around, so every address is in memory, except for one page in sixteen. */
static uint64_t *word(void *opaque, uint64_t address, bool write)
{
	struct scene *scene = opaque;
	uint8_t how = take(scene->input);

	must(address % 8 == 0);
	must(++scene->asked <= MAX_WORDS);
	if (how & 1)
		scene->words[take_number(scene->input, 2) % WORDS] = take_number(scene->input, 8);
	if ((address >> 12 & 15) == 15 || (write && (address >> 12 & 15) == 14))
		return NULL;
	return &scene->words[address / 8 % WORDS];
}

static void written(void *opaque, uint64_t address)
{
	struct scene *scene = opaque;

	must(address % 8 == 0);
	scene->marked++;
}

static void fill(uint64_t *words, size_t n, struct rest *input)
{
	for (size_t i = 0; i < n; i++)
		words[i] = take_number(input, 8);
}

static struct pt_limits take_limits(struct rest *input)
{
	uint8_t bits = take(input);

	return (struct pt_limits){
		.output_bits = (uint8_t)(32 + take(input) % 21),
		.updates_flags = bits & 1,
		.five_levels = bits & 2,
		.page_1g = bits & 4,
		.lpa2 = bits & 8,
		.small_tables = bits & 16,
		.svnapot = bits & 32,
		.svpbmt = bits & 64,
		.svrsw60t59b = bits & 128,
	};
}

/* A space by itself, or one that a context leads to. False: refused. */
static bool take_space(struct rest *input, const struct pt_memory *memory, struct pt_space *space)
{
	struct pt_limits limits = take_limits(input);
	uint8_t how = take(input);
	uint32_t pasid = how & 0x80 ? PT_NO_PASID : (uint32_t)take_number(input, 3) & 0xfffff;
	struct pt_context context;
	uint64_t raw[8], where;
	bool valid;

	fill(raw, 8, input);
	switch (how % 8) {
	case 0:
		return pt_decode_arm_cd(raw, &limits, how & 8, space);
	case 1:
		return pt_decode_x86_entry(raw, &limits, how & 8, space);
	case 2:
		return pt_decode_riscv_pc(raw[0], raw[1], limits.updates_flags, &limits, space);
	case 3:
		return pt_decode_generic(raw[0], how & 8, space);
	case 4:
		valid = pt_decode_arm_cd_table(raw, &limits, &context);
		break;
	case 5:
		valid = pt_decode_x86_directory(raw, &limits, &context);
		break;
	case 6:
		valid = pt_decode_amd_gcr3(raw[0], how >> 3 & 3, 4 + (how >> 5 & 1), how & 64,
					   &limits, &context);
		break;
	default:
		valid = pt_decode_riscv_dc(raw[0], 0, raw[1], &limits, &context);
	}
	return valid && !pt_find_space(&context, pasid, memory, space, &where);
}

static void check(const struct scene *scene, uint64_t address, unsigned access, enum pt_fault fault,
		  const struct pt_result *result)
{
	uint64_t offset = result->shift < 64 ? (UINT64_C(1) << result->shift) - 1 : UINT64_MAX;

	must(fault == result->fault);
	must(fault < N_PT_FAULTS);
	must(scene->marked <= PT_TRIES * PT_LEVELS_MAX);
	if (fault)
		return;
	must((result->address & offset) == (address & offset));
	must(!(access & PT_RIGHTS & ~(unsigned)result->rights));
	must(!(access & PT_WRITE) || result->dirty);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct scene scene;
	struct rest input = { bytes, length };
	const struct pt_memory memory = { word, written, &scene };
	struct pt_space space = { 0 };

	memset(&scene, 0, sizeof(scene));
	scene.input = &input;
	fill(scene.words, take(&input), &input);
	if (!take_space(&input, &memory, &space))
		return 0;
	for (unsigned i = 0; i < MAX_STEPS && input.length; i++) {
		uint64_t address = take_address(&input);
		unsigned access = take(&input) & (PT_RIGHTS | PT_PRIVILEGED);
		struct pt_result result, again;
		enum pt_fault fault;

		scene.asked = scene.marked = 0;
		fault = pt_translate(&space, address, access, &memory, &result);
		check(&scene, address, access, fault, &result);
		if (fault || !space.format)
			continue;
		/* From the last table on, at another address of what it covers. */
		address ^= take_number(&input, 8) & ((UINT64_C(1) << result.table.shift) - 1);
		scene.asked = scene.marked = 0;
		fault = pt_translate_from(&space, &result.table, address, access, &memory, &again);
		check(&scene, address, access, fault, &again);
	}
	return 0;
}
