/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random tables, walked by src/pgtable and by the second walker (second.c)
 *
 *     random [TABLES [SEED [LIBRARY]]]
 *
 * Memory is a function of a seed and of the address, so a table exists as far as it is walked. Its
 * words are biased to what a format means: else almost every walk would end at its first entry.
 * Answers, faults with their levels, and the words afterwards must agree. With a library, its
 * walkers (struct judge) are asked instead, about their kinds of tables.
 */
#include <dlfcn.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pgtable/pgtable.h"

#include "second.h"

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

struct dice {
	uint64_t state;
	bool calm; /* what is unlikely does not happen */
};

static uint64_t roll(struct dice *dice)
{
	return mix(dice->state++);
}

/* One in `n`. */
static bool one_in(struct dice *dice, unsigned n)
{
	return roll(dice) % n == 0 && !(dice->calm && n >= 8);
}

/* -- memory -------------------------------------------------------------------- */

#define WORDS_MAX 64

typedef uint64_t make_word(struct dice *dice, uint64_t address);

struct memory {
	uint64_t seed;
	make_word *make;
	bool calm;
	bool is_little_endian; /* as tables are; otherwise of the host's byte order */
	unsigned n;
	struct {
		uint64_t address, word;
	} words[WORDS_MAX];
};

/* A word to that order, and back. */
static uint64_t in_order_of(const struct memory *memory, uint64_t word)
{
	return memory->is_little_endian ? htole64(word) : word;
}

static uint64_t *word_at(void *opaque, uint64_t address)
{
	struct memory *memory = opaque;
	struct dice dice = { mix(memory->seed ^ mix(address)), memory->calm };

	if (address % 8)
		abort();
	for (unsigned i = 0; i < memory->n; i++)
		if (memory->words[i].address == address)
			return &memory->words[i].word;
	/* A hole in 1 of 64 pages, and no memory above 2^50. */
	if (mix(memory->seed + (address >> 12)) % 64 == 0 || address >> 50)
		return NULL;
	if (memory->n == WORDS_MAX)
		abort();
	memory->words[memory->n].address = address;
	memory->words[memory->n].word = in_order_of(memory, memory->make(&dice, address));
	return &memory->words[memory->n++].word;
}

static uint64_t *word_for_walk(void *opaque, uint64_t address, bool write)
{
	(void)write;
	return word_at(opaque, address);
}

/* -- entries ------------------------------------------------------------------- */

/*
 * Random bits; bits of `rarely` are 1 in one of eight words, and bits of `often` 0 in one of eight.
 */
static uint64_t biased(struct dice *dice, uint64_t rarely, uint64_t often)
{
	uint64_t word = roll(dice);

	if (!one_in(dice, 8))
		word &= ~rarely;
	else
		word &= ~(rarely & roll(dice) & roll(dice));
	if (!one_in(dice, 8))
		word |= often;
	return word;
}

#define BITS(hi, lo) (UINT64_MAX >> (63 - (hi)) & UINT64_MAX << (lo))

static uint64_t arm_entry(struct dice *dice, uint64_t address)
{
	uint64_t word = biased(dice, BITS(51, 40) | BITS(9, 8) | BITS(62, 61) | BITS(15, 12),
			       1 | 1 << 10 | 1 << 6);

	(void)address;
	if (!one_in(dice, 4))
		word |= 2;
	return one_in(dice, 4) ? word | 1ull << 51 : word;
}

static uint64_t x86_entry(struct dice *dice, uint64_t address)
{
	uint64_t word = biased(dice, BITS(51, 40) | BITS(63, 63), 7);

	(void)address;
	if (!one_in(dice, 4))
		return word & ~(uint64_t)(1 << 7);
	return one_in(dice, 2) ? word & ~BITS(29, 13) : word;
}

static uint64_t riscv_entry(struct dice *dice, uint64_t address)
{
	uint64_t word = biased(dice, BITS(63, 54) | BITS(53, 38), 1);

	(void)address;
	if (!one_in(dice, 3))
		return one_in(dice, 16) ? word & ~(uint64_t)0xe : word & ~(uint64_t)0xde;
	if (!one_in(dice, 4))
		word |= 0x12;
	if (dice->calm && one_in(dice, 2))
		word |= 0x0e;
	if (one_in(dice, 2))
		word &= ~BITS(36, 10);
	if (one_in(dice, 4))
		word = (word & ~BITS(13, 10)) | 1ull << 63 | 1 << 13;
	return word;
}

static uint64_t generic_entry(struct dice *dice, uint64_t address)
{
	(void)address;
	return biased(dice, BITS(51, 40), 1) | (one_in(dice, 3) ? 0 : 2);
}

/* -- contexts: structures and page tables lie in halves of memory ------------------------------ */

#define CONTEXTS (1ull << 45)

static uint64_t random_cd_word(struct dice *dice, unsigned i)
{
	uint64_t word = roll(dice);

	if (i > 2)
		return word;
	if (i > 0)
		return biased(dice, BITS(51, 40), 0);
	word = biased(dice, 1 << 15 | BITS(44, 42) | BITS(5, 5) | BITS(21, 21),
		      1ull << 31 | 1ull << 41 | 1ull << 46 | BITS(4, 4) | BITS(20, 20));
	if (dice->calm) {
		word &= ~(BITS(7, 0) | BITS(23, 16) | BITS(43, 42));
		word |= (16 + roll(dice) % 24) | (16 + roll(dice) % 24) << 16 | 2 << 22;
		word |= (roll(dice) % 3) << 6 | BITS(34, 34);
	}
	if (one_in(dice, 2))
		word |= BITS(34, 34);
	if (one_in(dice, 2))
		word |= BITS(43, 42);
	return word;
}

static uint64_t arm_context(struct dice *dice, uint64_t address)
{
	if (!(address & CONTEXTS))
		return arm_entry(dice, address);
	if (address & CONTEXTS << 1)
		return random_cd_word(dice, address / 8 % 8);
	return biased(dice, BITS(63, 40), 1) | CONTEXTS | CONTEXTS << 1;
}

static uint64_t x86_context(struct dice *dice, uint64_t address)
{
	uint64_t word;

	if (!(address & CONTEXTS))
		return x86_entry(dice, address);
	if (!(address & CONTEXTS << 1))
		return biased(dice, BITS(63, 40), 1) | CONTEXTS | CONTEXTS << 1;
	switch (address / 8 % 8) {
	case 0:
		word = biased(dice, BITS(8, 6), 1);
		return one_in(dice, 4) ? word : word | 1 << 6;
	case 2:
		return biased(dice, BITS(63, 40) | BITS(7, 7) | BITS(3, 3), 3);
	}
	return roll(dice);
}

static uint64_t amd_context(struct dice *dice, uint64_t address)
{
	uint64_t word;

	if (!(address & CONTEXTS))
		return x86_entry(dice, address);
	word = biased(dice, BITS(51, 40), 1);
	return one_in(dice, 3) ? word : word | CONTEXTS;
}

static uint64_t riscv_context(struct dice *dice, uint64_t address)
{
	uint64_t word;

	if (!(address & CONTEXTS))
		return riscv_entry(dice, address);
	if (!(address & CONTEXTS << 1)) {
		word = biased(dice, BITS(63, 38) | BITS(9, 1), 1) | CONTEXTS >> 2;
		return one_in(dice, 3) ? word : word | CONTEXTS >> 1;
	}
	if (address / 8 % 2 == 0)
		return biased(dice, BITS(63, 32) | BITS(11, 3), 1);
	word = biased(dice, BITS(63, 28), 0);
	return one_in(dice, 8) ? word : word | (8 + roll(dice) % 3) << 60;
}

/* -- questions ----------------------------------------------------------------- */

static struct pt_limits limits_of(const struct question *q)
{
	return (struct pt_limits){
		.output_bits = (uint8_t)q->output_bits,
		.updates_flags = q->updates,
		.five_levels = q->five,
		.page_1g = q->gigabyte,
		.lpa2 = q->lpa2,
		.small_tables = q->small,
		.svnapot = q->napot,
		.svpbmt = q->pbmt,
		.svrsw60t59b = q->rsw,
	};
}

static bool decode_arm(const struct question *q, struct pt_space *space, struct pt_context *context)
{
	struct pt_limits limits = limits_of(q);

	(void)context;
	return pt_decode_arm_cd(q->cd, &limits, false, space);
}

static bool decode_arm_contexts(const struct question *q, struct pt_space *space,
				struct pt_context *context)
{
	struct pt_limits limits = limits_of(q);

	(void)space;
	return pt_decode_arm_cd_table(q->cd, &limits, context);
}

static bool decode_x86(const struct question *q, struct pt_space *space, struct pt_context *context)
{
	struct pt_limits limits = limits_of(q);

	(void)context;
	return pt_decode_x86_entry(q->raw, &limits, false, space);
}

static bool decode_x86_contexts(const struct question *q, struct pt_space *space,
				struct pt_context *context)
{
	struct pt_limits limits = limits_of(q);

	(void)space;
	return pt_decode_x86_directory(q->raw, &limits, context);
}

static bool ask_amd_contexts(const struct question *q, struct pt_space *space,
			     struct pt_context *context)
{
	struct pt_limits limits = limits_of(q);

	(void)space;
	return pt_decode_amd_gcr3(q->raw[0], q->glx, q->levels, q->giov, &limits, context);
}

static bool decode_riscv(const struct question *q, struct pt_space *space,
			 struct pt_context *context)
{
	struct pt_limits limits = limits_of(q);

	(void)context;
	return pt_decode_riscv_pc(q->raw[0], q->raw[1], q->raw[2] >> 8 & 1, &limits, space);
}

static bool decode_riscv_contexts(const struct question *q, struct pt_space *space,
				  struct pt_context *context)
{
	struct pt_limits limits = limits_of(q);

	(void)space;
	return pt_decode_riscv_dc(q->raw[2], 0, q->raw[1], &limits, context);
}

static bool ask_generic(const struct question *q, struct pt_space *space,
			struct pt_context *context)
{
	(void)context;
	return pt_decode_generic(q->raw[0], false, space);
}

static void set_arm(struct dice *dice, struct question *q)
{
	for (unsigned i = 0; i < 8; i++)
		q->cd[i] = random_cd_word(dice, i);
}

static void set_arm_contexts(struct dice *dice, struct question *q)
{
	uint64_t format = roll(dice) % 3;

	q->output_bits = 48 + 4 * (unsigned)(roll(dice) % 2);
	q->cd[0] = (roll(dice) & BITS(40, 12)) | CONTEXTS | (format ? 0 : CONTEXTS << 1) |
		   format << 4 | roll(dice) % 21 << 59;
	q->cd[1] = roll(dice);
}

static void set_x86(struct dice *dice, struct question *q)
{
	for (unsigned i = 0; i < 3; i++)
		q->raw[i] = x86_context(dice, CONTEXTS | CONTEXTS << 1 | i * 8);
}

static void set_x86_contexts(struct dice *dice, struct question *q)
{
	q->output_bits = 48 + 4 * (unsigned)(roll(dice) % 2);
	q->raw[0] = (roll(dice) & (BITS(40, 12) | BITS(11, 9))) | CONTEXTS | 1;
	q->raw[1] = roll(dice);
}

static void set_amd_contexts(struct dice *dice, struct question *q)
{
	q->output_bits = 48 + 4 * (unsigned)(roll(dice) % 2);
	q->raw[0] = (roll(dice) & BITS(40, 12)) | CONTEXTS;
	q->glx = (unsigned)(roll(dice) % 3);
	q->giov = roll(dice) % 2;
	q->five = true;
	q->levels = 4 + (unsigned)(roll(dice) % 2);
}

static void set_riscv(struct dice *dice, struct question *q)
{
	q->raw[0] = riscv_context(dice, CONTEXTS | CONTEXTS << 1);
	q->raw[1] = riscv_context(dice, CONTEXTS | CONTEXTS << 1 | 8);
	q->raw[2] = q->updates ? roll(dice) & 1 << 8 : 0;
}

static void set_riscv_contexts(struct dice *dice, struct question *q)
{
	uint64_t mode = 1 + roll(dice) % 3;

	q->raw[1] = (roll(dice) & BITS(28, 0)) | CONTEXTS >> 12 | (mode == 1 ? CONTEXTS >> 11 : 0) |
		    mode << 60;
	q->raw[2] = 1 | 1 << 5 | (roll(dice) & (q->updates ? 3 << 8 : 2 << 8));
}

static void set_generic(struct dice *dice, struct question *q)
{
	q->raw[0] = roll(dice) & BITS(40, 0);
}

static struct kind {
	const char *name;
	make_word *make;
	void (*set)(struct dice *dice, struct question *question);
	bool (*decode)(const struct question *question, struct pt_space *space,
		       struct pt_context *context);
	second_walk *second;
	bool contexts;
	void (*limit)(struct question *question);
} kinds[] = {
	{ "arm", arm_entry, set_arm, decode_arm, second_arm, false, NULL },
	{ "arm contexts", arm_context, set_arm_contexts, decode_arm_contexts, second_arm_contexts,
	  true, NULL },
	{ "x86", x86_entry, set_x86, decode_x86, second_x86, false, NULL },
	{ "x86 contexts", x86_context, set_x86_contexts, decode_x86_contexts, second_x86_contexts,
	  true, NULL },
	{ "amd contexts", amd_context, set_amd_contexts, ask_amd_contexts, second_amd_contexts,
	  true, NULL },
	{ "riscv", riscv_entry, set_riscv, decode_riscv, second_riscv, false, NULL },
	{ "riscv contexts", riscv_context, set_riscv_contexts, decode_riscv_contexts,
	  second_riscv_contexts, true, NULL },
	{ "generic", generic_entry, set_generic, ask_generic, second_generic, false, NULL },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* An address that is likely to have the right upper bits. */
static uint64_t random_address(struct dice *dice)
{
	static const unsigned bits[] = { 25, 32, 38, 39, 42, 47, 48, 52, 56, 57 };
	uint64_t address = roll(dice), mask = BITS(bits[roll(dice) % 10] - 1, 0);

	if (one_in(dice, 16))
		return address;
	if (one_in(dice, 2))
		return address & BITS(24, 0);
	return one_in(dice, 2) ? address & mask : address | ~mask;
}

static struct question random_question(struct dice *dice)
{
	static const unsigned widths[] = { 40, 44, 48, 52 };
	uint64_t bits = roll(dice);
	struct question question = {
		.word = word_at,
		.va = random_address(dice),
		.access = 1u << roll(dice) % 3 | (one_in(dice, 4) ? SECOND_P : 0),
		.pasid = one_in(dice, 8) ? NO_PROCESS : (long)(roll(dice) & BITS(19, 0)),
		.output_bits = widths[bits & 3],
		.updates = bits & 4,
		.five = bits & 8,
		.gigabyte = bits & 16,
		.lpa2 = bits & 32,
		.small = bits & 64,
		.napot = bits & 128,
		.pbmt = bits & 256,
		.rsw = bits & 512,
	};

	if (dice->calm) {
		question.updates = true;
		question.output_bits = 52;
	}
	if (one_in(dice, 2))
		question.pasid &= 0xff;
	if (one_in(dice, 8))
		question.pasid = 0;
	return question;
}

static struct answer2 ask(const struct kind *kind, const struct question *q, struct memory *words)
{
	const struct pt_memory memory = { .word = word_for_walk, .opaque = words };
	struct pt_space space = { 0 };
	struct pt_context context;
	struct pt_result result = { .level = -1 };
	enum pt_fault fault = PT_OK;
	uint32_t pasid = q->pasid == NO_PROCESS ? PT_NO_PASID : (uint32_t)q->pasid;
	uint64_t where;

	if (!kind->decode(q, &space, &context))
		fault = PT_CONTEXT;
	else if (kind->contexts)
		fault = pt_find_space(&context, pasid, &memory, &space, &where);
	if (!fault)
		fault = pt_translate(&space, q->va, q->access, &memory, &result);
	return (struct answer2){
		.fault = fault ? pt_fault_name(fault) : NULL,
		.level = result.level,
		.pa = fault ? 0 : result.address,
		.size = fault || result.shift == 64 ? 0 : UINT64_C(1) << result.shift,
		.perm = fault ? 0 : result.rights,
	};
}

static bool is_page_fault(const char *fault)
{
	return strcmp(fault, pt_fault_name(PT_WALK_ABORT)) &&
	       strcmp(fault, pt_fault_name(PT_CONTEXT));
}

static bool are_equal(const struct answer2 *is, const struct answer2 *wanted)
{
	if (!is->fault != !wanted->fault)
		return false;
	if (is->fault && strcmp(is->fault, wanted->fault) &&
	    !(!strcmp(wanted->fault, PAGE_FAULT) && is_page_fault(is->fault)))
		return false;
	return (is->level == wanted->level || wanted->level == NO_LEVEL) && is->pa == wanted->pa &&
	       is->size == wanted->size && !((is->perm ^ wanted->perm) & ~wanted->unknown);
}

/* What one walk did not read, it did not change. */
static bool are_words_equal(struct memory *a, struct memory *b)
{
	for (unsigned i = 0; i < a->n; i++) {
		uint64_t *other = word_at(b, a->words[i].address);

		if (!other || in_order_of(b, *other) != in_order_of(a, a->words[i].word))
			return false;
	}
	return true;
}

static void print(const char *who, const struct answer2 *answer)
{
	printf("  %s: fault %s level %d pa 0x%" PRIx64 " size 0x%" PRIx64 " rights %u\n", who,
	       answer->fault ? answer->fault : "none", answer->level, answer->pa, answer->size,
	       answer->perm);
}

struct tally {
	uint64_t asked, found, updated;
};

static bool try(const struct kind *kind, uint64_t seed, struct tally *tally)
{
	struct dice dice = { mix(seed), seed / N_KINDS % 2 };
	struct question question = random_question(&dice);
	struct memory first = { .seed = mix(seed ^ 1),
				.make = kind->make,
				.calm = dice.calm,
				.is_little_endian = true };
	struct memory second = { .seed = first.seed, .make = kind->make, .calm = dice.calm };
	struct memory before = { .seed = first.seed, .make = kind->make, .calm = dice.calm };
	struct answer2 is, wanted;

	kind->set(&dice, &question);
	if (kind->limit)
		kind->limit(&question);
	is = ask(kind, &question, &first);
	question.opaque = &second;
	wanted = kind->second(&question);
	tally->asked++;
	tally->found += !is.fault && is.size;
	tally->updated += !are_words_equal(&first, &before);
	if (are_equal(&is, &wanted) && are_words_equal(&first, &second) &&
	    are_words_equal(&second, &first))
		return true;
	printf("%s, seed %" PRIu64 ": address 0x%" PRIx64 " access %u PASID %ld\n", kind->name,
	       seed, question.va, question.access, question.pasid);
	print("src/pgtable", &is);
	print("second", &wanted);
	for (unsigned i = 0; i < first.n; i++)
		printf("    0x%" PRIx64 ": 0x%" PRIx64 "\n", first.words[i].address,
		       in_order_of(&first, first.words[i].word));
	return false;
}

/* Its kinds alone, in the order of kinds[]; returns their number. */
static size_t take_judges(const struct judge *judge)
{
	size_t n = 0;

	for (size_t i = 0; i < N_KINDS; i++)
		for (const struct judge *j = judge; j->name; j++)
			if (!strcmp(j->name, kinds[i].name)) {
				kinds[n] = kinds[i];
				kinds[n].second = j->walk;
				kinds[n++].limit = j->limit;
			}
	return n;
}

static size_t load_judges(const char *library)
{
	void *loaded = dlopen(library, RTLD_NOW);
	const struct judge *judge = loaded ? dlsym(loaded, "judge") : NULL;

	if (!judge)
		fprintf(stderr, "%s\n", dlerror());
	return judge ? take_judges(judge) : 0;
}

int main(int argc, char **argv)
{
	size_t n = argc > 3 ? load_judges(argv[3]) : N_KINDS;
	uint64_t tables = argc > 1 ? strtoull(argv[1], NULL, 0) : 100000;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	struct tally tallies[N_KINDS] = { 0 };
	uint64_t wrong = 0;
	bool idle = !n;

	for (uint64_t i = 0; n && i < tables && wrong < 5; i++)
		wrong += !try(&kinds[i % n], seed + i, &tallies[i % n]);
	for (size_t i = 0; i < n; i++) {
		printf("%s: %" PRIu64 " tables, %" PRIu64 " pages found, %" PRIu64 " updates\n",
		       kinds[i].name, tallies[i].asked, tallies[i].found, tallies[i].updated);
		/* Walks that never reach a leaf test nothing. */
		idle |= tallies[i].found * 50 < tallies[i].asked;
	}
	printf("%" PRIu64 " disagree\n", wrong);
	return wrong || idle;
}
