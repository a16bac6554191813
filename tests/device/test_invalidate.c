/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "rig.h"

/*
 * INVALIDATE drops all changed entries, and keeps others
 *
 * A guest changes random entries of its tables at every level, and invalidates only what is
 * necessary. After each request, every address must translate as a walk by the test says. Other
 * entries may stay cached, and do: otherwise a guest would pay for every page of a domain.
 */

#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE | VIOMMU_F_PASID | VIOMMU_F_NEST)

#define BASE   0x100000u
#define TABLES 24 /* pages of guest memory */
#define WORDS  512

static uint64_t memory[TABLES][WORDS] __attribute__((aligned(4096)));

#define LINEAR 0x40201000ull

static const struct viommu_table_format formats[] = {
	{ VIOMMU_TABLE_GENERIC, 48, 52, LINEAR, 0, VIOMMU_TABLE_F_NEST },
	{ VIOMMU_TABLE_X86_PASID_DIR, 48, 48, LINEAR, 16, 0 },
};

static struct rig *with_tables(void **state)
{
	struct rig *rig = *state;
	const struct viommu_memory range = { BASE, BASE + sizeof(memory) - 1, memory, false };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.pasid_bits = 8,
		.formats = formats,
		.n_formats = COUNT_OF(formats),
	};

	replace(rig, (struct viommu_config){ .size = sizeof(struct viommu_config),
					     .features = FEATURES });
	memset(memory, 0, sizeof(memory));
	assert_int_equal(viommu_set_memory(rig->device, &range, 1), 0);
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	return rig;
}

static uint64_t address_of(unsigned table)
{
	return BASE + table * PAGE;
}

/* -- requests ---------------------------------------------------------------------------------- */

static void attach_table(struct rig *rig, uint16_t format, uint64_t first, uint64_t second)
{
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };

	put(bytes + 4, 4, 1);
	put(bytes + 8, 4, EP);
	put(bytes + 16, 2, format);
	put(bytes + 32, 8, first);
	put(bytes + 40, 8, second);
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
}

#define LEAF      VIOMMU_INVALIDATE_F_LEAF
#define HAS_PASID VIOMMU_INVALIDATE_F_PASID
#define HAS_ID    VIOMMU_INVALIDATE_F_ID

struct drop {
	uint8_t scope;
	uint16_t flags;
	uint32_t pasid;
	uint64_t address, n;
	uint8_t page_size, caches;
};

static void invalidate(struct rig *rig, struct drop drop)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = { VIOMMU_T_INVALIDATE };

	put(bytes + 4, 1, drop.scope);
	put(bytes + 5, 1, drop.caches ? drop.caches : VIOMMU_INVALIDATE_C_TLB);
	put(bytes + 6, 2, drop.flags);
	put(bytes + 8, 4, 1);
	put(bytes + 12, 4, drop.pasid);
	put(bytes + 24, 8, drop.address);
	put(bytes + 32, 8, drop.n);
	put(bytes + 40, 1, drop.page_size);
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
}

static void invalidate_range(struct rig *rig, uint16_t flags, uint64_t address, uint64_t n,
			     uint8_t page_size)
{
	invalidate(rig, (struct drop){ .scope = VIOMMU_INVALIDATE_S_ADDRESS,
				       .flags = flags,
				       .address = address,
				       .n = n,
				       .page_size = page_size });
}

/* Where an access goes; UINT64_MAX: nowhere. */
static uint64_t reach(struct rig *rig, uint32_t pasid, uint64_t iova, uint32_t access)
{
	struct viommu_translation to;
	uint32_t quiet = access | VIOMMU_ACCESS_QUIET;
	int error = pasid == UINT32_MAX
			    ? viommu_translate(rig->device, EP, iova, 1, quiet, &to)
			    : viommu_translate_pasid(rig->device, EP, pasid, iova, 1, quiet, &to);

	return error ? UINT64_MAX : to.address;
}

#define DEFAULT UINT32_MAX

/* -- a guest that changes its tables at random ------------------------------------------------- */

/* Of the table at page 0: 1 of level 1, 2 of level 2, the rest of level 3. Few entries of each are
 * used, so that addresses meet. */
#define FIRST_LAST 4
#define SPREAD     4

static uint32_t draw(void)
{
	static uint32_t seed = 7;

	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static uint64_t walk(uint64_t iova, uint32_t access)
{
	uint64_t table = BASE, entry;

	for (unsigned level = 0;; level++) {
		unsigned shift = 39 - 9 * level;

		entry = le64toh(memory[(table - BASE) / PAGE][iova >> shift & 511]);
		if (!(entry & 1))
			return UINT64_MAX;
		if (level == 3 || !(entry & 2)) {
			uint64_t offset = (UINT64_C(1) << shift) - 1;
			uint32_t rights = entry >> 2 & 3;

			if (access & ~rights)
				return UINT64_MAX;
			return (entry & 0xffffffffff000 & ~offset) | (iova & offset);
		}
		table = entry & 0xffffffffff000;
	}
}

static uint64_t random_leaf(unsigned shift)
{
	return (uint64_t)(1 + draw() % 1000) << shift | (1 + draw() % 3) << 2 | 1;
}

static uint64_t random_table(void)
{
	return address_of(FIRST_LAST + draw() % (TABLES - FIRST_LAST)) | 3;
}

/* Of 4 KiB: the leaf alone changes. */
static void change_page(struct rig *rig, uint64_t iova)
{
	uint64_t entry = le64toh(memory[1][iova >> 30 & 511]), *word;

	if ((entry & 3) != 3)
		return;
	entry = le64toh(memory[(entry - BASE) / PAGE][iova >> 21 & 511]);
	if ((entry & 3) != 3)
		return;
	word = &memory[(entry - BASE) / PAGE][iova >> 12 & 511];
	*word = htole64(draw() % 4 ? random_leaf(12) : 0);
	/* The table is used by other addresses too, which the guest must name. */
	for (uint64_t gib = 0; gib < SPREAD; gib++)
		for (uint64_t mib = 0; mib < SPREAD; mib++)
			invalidate_range(rig, LEAF, gib << 30 | mib << 21 | (iova & 0x1ff000), 1,
					 12);
}

/* Of 2 MiB: a leaf becomes another, a table, or nothing, and the other way round. */
static void change_block(struct rig *rig, uint64_t iova)
{
	uint64_t entry = le64toh(memory[1][iova >> 30 & 511]), *word, old;
	bool leaves;

	if ((entry & 3) != 3)
		return;
	word = &memory[(entry - BASE) / PAGE][iova >> 21 & 511];
	old = le64toh(*word);
	*word = htole64(draw() % 3 ? random_leaf(21) : draw() % 2 ? random_table() : 0);
	leaves = (old & 3) == 1 && (le64toh(*word) & 3) != 3;
	for (uint64_t gib = 0; gib < SPREAD; gib++) {
		uint64_t first = gib << 30 | (iova & 0x3fe00000);

		if (leaves) /* any page in the block is enough */
			invalidate_range(rig, LEAF, first | (draw() & 0x1ff000), 1, 12);
		else if (draw() % 2)
			invalidate_range(rig, 0, first, 512, 12);
		else
			invalidate_range(rig, 0, first | 0x123000, 1, 21);
	}
}

static void change_gib(struct rig *rig, uint64_t iova)
{
	uint64_t *word = &memory[1][iova >> 30 & 511], old = le64toh(*word);

	*word = htole64(draw() % 3 ? address_of(2 + draw() % 2) | 3 : random_leaf(30));
	if ((old & 3) == 1 && (le64toh(*word) & 3) == 1)
		invalidate_range(rig, LEAF, (iova & ~0x3fffffffull) | (draw() & 0xff) << 12, 1, 12);
	else
		invalidate_range(rig, 0, iova & ~0x3fffffffull, 1, 30);
}

static uint64_t random_iova(void)
{
	return (uint64_t)(draw() % SPREAD) << 30 | (uint64_t)(draw() % SPREAD) << 21 |
	       (uint64_t)(draw() % SPREAD) << 12 | (draw() & 0xfff);
}

/* Shows: invalidate-promise */
static void no_old_translation_is_left_of_what_was_named(void **state)
{
	struct rig *rig = with_tables(state);
	unsigned n_found = 0;

	memory[0][0] = htole64(address_of(1) | 3);
	memory[1][0] = htole64(address_of(2) | 3);
	attach_table(rig, VIOMMU_TABLE_GENERIC, BASE, 0);
	for (unsigned step = 0; step < 4000; step++) {
		uint32_t kind = draw() % 16;

		(kind ? kind < 5 ? change_block : change_page : change_gib)(rig, random_iova());
		for (unsigned i = 0; i < 24; i++) {
			uint64_t iova = random_iova();
			uint32_t access = 1 + draw() % 3;
			uint64_t wanted = walk(iova, access);

			if (reach(rig, DEFAULT, iova, access) != wanted)
				fail_msg("step %u: 0x%llx reaches 0x%llx, not 0x%llx", step,
					 (unsigned long long)iova,
					 (unsigned long long)reach(rig, DEFAULT, iova, access),
					 (unsigned long long)wanted);
			n_found += wanted != UINT64_MAX;
		}
	}
	assert_true(n_found > 10000);
}

/* -- what is kept ------------------------------------------------------------------------------ */

static void make_pages(void)
{
	for (unsigned level = 0; level < 3; level++)
		memory[level][0] = htole64(address_of(level + 1) | 3);
	memory[2][1] = htole64(address_of(4) | 3);
	for (unsigned i = 0; i < WORDS; i++) {
		memory[3][i] = htole64((uint64_t)i << 12 | 0x40000000 | 0xd);
		memory[4][i] = htole64((uint64_t)i << 12 | 0x50000000 | 0xd);
	}
}

/* The device still answers from what it kept, though the entry is gone; and then not. */
static void a_page_of_another_range_is_kept(void **state)
{
	struct rig *rig = with_tables(state);

	make_pages();
	attach_table(rig, VIOMMU_TABLE_GENERIC, BASE, 0);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), 0x40001000);
	assert_int_equal(reach(rig, DEFAULT, 0x201000, R), 0x50001000);
	memory[3][1] = memory[4][1] = 0;
	invalidate_range(rig, LEAF, 0x1000, 1, 12);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), UINT64_MAX);
	assert_int_equal(reach(rig, DEFAULT, 0x201000, R), 0x50001000);
	invalidate_range(rig, LEAF, 0x1000, 1 << 20, 12);
	assert_int_equal(reach(rig, DEFAULT, 0x201000, R), UINT64_MAX);
}

/* With LEAF, the table that the entry was in is kept; without, it is not. */
static void a_table_is_kept_while_leaves_alone_change(void **state)
{
	struct rig *rig = with_tables(state);

	make_pages();
	attach_table(rig, VIOMMU_TABLE_GENERIC, BASE, 0);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), 0x40001000);
	memory[2][0] = htole64(address_of(4) | 3);
	invalidate_range(rig, LEAF, 0x1000, 1, 12);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), 0x40001000);
	assert_int_equal(reach(rig, DEFAULT, 0x5000, R), 0x40005000);
	invalidate_range(rig, 0, 0x1000, 1, 12);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), 0x50001000);
	assert_int_equal(reach(rig, DEFAULT, 0x6000, R), 0x50006000);
}

/*
 * A fault is walked again from the root: if the levels above now permit the access, no request is
 * needed.
 */
static void a_table_that_is_kept_refuses_nothing(void **state)
{
	struct rig *rig = with_tables(state);

	make_pages();
	memory[3][2] = 0;
	attach_table(rig, VIOMMU_TABLE_GENERIC, BASE, 0);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), 0x40001000);
	assert_int_equal(reach(rig, DEFAULT, 0x2000, R), UINT64_MAX);
	memory[2][0] = htole64(address_of(4) | 3);
	assert_int_equal(reach(rig, DEFAULT, 0x2000, R), 0x50002000);
}

/* -- contexts ---------------------------------------------------------------------------------- */

/* VT-d: page 5 is the directory, page 6 the PASID table; x86 tables at page 0 and at page 7. PASIDs
 * 1 and 65 have the first, 2 the second; requests without a PASID use 1. */
static void make_contexts(struct rig *rig)
{
	for (unsigned level = 0; level < 3; level++) {
		memory[level][0] = htole64(address_of(level + 1) | 0x27);
		memory[7 + level][0] = htole64(address_of(8 + level) | 0x27);
	}
	memory[3][1] = htole64(0x40001067);
	memory[10][1] = htole64(0x50001067);
	memory[5][0] = htole64(address_of(6) | 1);
	memory[5][1] = htole64(address_of(11) | 1);
	for (unsigned pasid = 1; pasid <= 2; pasid++) {
		memory[6][8 * pasid] = htole64(1 | 1 << 6);
		memory[6][8 * pasid + 2] = htole64(address_of(pasid == 1 ? 0 : 7));
	}
	memory[11][8] = htole64(1 | 1 << 6);
	memory[11][10] = htole64(address_of(0));
	attach_table(rig, VIOMMU_TABLE_X86_PASID_DIR, address_of(5) | 1, 1);
	assert_int_equal(reach(rig, 1, 0x1000, R), 0x40001000);
	assert_int_equal(reach(rig, 2, 0x1000, R), 0x50001000);
	assert_int_equal(reach(rig, 65, 0x1000, R), 0x40001000);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), 0x40001000);
}

static void a_pasid_is_dropped_and_another_kept(void **state)
{
	struct rig *rig = with_tables(state);

	make_contexts(rig);
	memory[3][1] = memory[10][1] = 0;
	invalidate(rig, (struct drop){ .scope = VIOMMU_INVALIDATE_S_PASID,
				       .flags = HAS_PASID,
				       .pasid = 1 });
	assert_int_equal(reach(rig, 1, 0x1000, R), UINT64_MAX);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), UINT64_MAX);
	assert_int_equal(reach(rig, 2, 0x1000, R), 0x50001000);
	invalidate(rig, (struct drop){ .scope = VIOMMU_INVALIDATE_S_PASID,
				       .flags = HAS_PASID,
				       .pasid = 2 });
	assert_int_equal(reach(rig, 2, 0x1000, R), UINT64_MAX);
}

/* Requests without a PASID use the table of PASID 1. */
static void a_range_of_a_pasid_is_dropped(void **state)
{
	struct rig *rig = with_tables(state);

	make_contexts(rig);
	memory[3][1] = memory[10][1] = 0;
	invalidate(rig, (struct drop){ .scope = VIOMMU_INVALIDATE_S_ADDRESS,
				       .flags = HAS_PASID | LEAF,
				       .pasid = 1,
				       .address = 0x1000,
				       .n = 1,
				       .page_size = 12 });
	assert_int_equal(reach(rig, 1, 0x1000, R), UINT64_MAX);
	assert_int_equal(reach(rig, DEFAULT, 0x1000, R), UINT64_MAX);
	assert_int_equal(reach(rig, 2, 0x1000, R), 0x50001000);
}

/* An ID may be that of several PASIDs; a context entry is read when it is used. */
static void without_a_pasid_all_are_dropped(void **state)
{
	static const struct drop drops[] = {
		{ .scope = VIOMMU_INVALIDATE_S_DOMAIN },
		{ .scope = VIOMMU_INVALIDATE_S_PASID, .flags = HAS_ID },
		{ .scope = VIOMMU_INVALIDATE_S_ADDRESS,
		  .flags = LEAF,
		  .address = 0x1000,
		  .n = 1,
		  .page_size = 12 },
		{ .scope = VIOMMU_INVALIDATE_S_DOMAIN, .caches = VIOMMU_INVALIDATE_C_CONTEXT },
		{ .scope = VIOMMU_INVALIDATE_S_DOMAIN, .flags = HAS_PASID, .pasid = 2 },
	};

	for (size_t i = 0; i < COUNT_OF(drops); i++) {
		struct rig *rig = with_tables(state);

		make_contexts(rig);
		memory[3][1] = memory[10][1] = 0;
		invalidate(rig, drops[i]);
		assert_int_equal(reach(rig, 1, 0x1000, R), UINT64_MAX);
		assert_int_equal(reach(rig, 2, 0x1000, R), UINT64_MAX);
		assert_int_equal(reach(rig, 65, 0x1000, R), UINT64_MAX);
		assert_int_equal(reach(rig, DEFAULT, 0x1000, R), UINT64_MAX);
	}
}

/* -- an INVALIDATE in the middle of a walk ------------------------------------------------------
 */

struct race {
	struct viommu *device;
	pthread_t thread;
	bool has_begun;
};

static void *change_and_invalidate(void *opaque)
{
	const struct race *race = opaque;
	struct rig rig = { .device = race->device };

	memory[3][1] = htole64(0x60001067);
	invalidate_range(&rig, LEAF, 0x1000, 1, 12);
	return NULL;
}

/* By the walk that has read the entry and sets its flag. The request waits for it. */
static void on_dirty(void *opaque, uint64_t address, uint64_t length)
{
	static const struct timespec a_while = { .tv_nsec = 50000000 };
	struct race *race = opaque;

	(void)address, (void)length;
	if (race->has_begun)
		return;
	race->has_begun = true;
	assert_int_equal(pthread_create(&race->thread, NULL, change_and_invalidate, race), 0);
	nanosleep(&a_while, NULL);
}

static const struct viommu_table_format x86 = { VIOMMU_TABLE_X86_PASID_ENTRY, 48, 48, LINEAR, 16,
						VIOMMU_TABLE_F_UPDATES };

/* Shows: invalidate-promise */
static void what_a_walk_found_before_is_not_kept(void **state)
{
	const struct viommu_config config = { .size = sizeof(config), .features = FEATURES };
	const struct viommu_memory range = { BASE, BASE + sizeof(memory) - 1, memory, false };
	const struct viommu_ops ops = { .size = sizeof(ops), .dirty = on_dirty };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint), .id = EP, .formats = &x86, .n_formats = 1
	};
	uint8_t bytes[VIOMMU_ATTACH_TABLE_LENGTH] = { VIOMMU_T_ATTACH_TABLE };
	struct race race = { .has_begun = false };
	struct rig rig = { .device = NULL };

	(void)state;
	assert_int_equal(viommu_new(&config, &ops, &race, &race.device), 0);
	rig.device = race.device;
	assert_int_equal(viommu_set_memory(race.device, &range, 1), 0);
	assert_int_equal(viommu_endpoint_add(race.device, &endpoint), 0);
	assert_int_equal(viommu_accept(race.device, FEATURES), 0);
	memset(memory, 0, sizeof(memory));
	for (unsigned level = 0; level < 3; level++)
		memory[level][0] = htole64(address_of(level + 1) | 0x27);
	memory[3][1] = htole64(0x40001007);
	put(bytes + 4, 4, 1);
	put(bytes + 8, 4, EP);
	put(bytes + 16, 2, VIOMMU_TABLE_X86_PASID_ENTRY);
	put(bytes + 32, 8, 1 | 1 << 6);
	put(bytes + 48, 8, BASE);
	assert_int_equal(status_of(&rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
	assert_int_equal(reach(&rig, DEFAULT, 0x1000, R), 0x40001000);
	assert_int_equal(pthread_join(race.thread, NULL), 0);
	assert_int_equal(reach(&rig, DEFAULT, 0x1000, R), 0x60001000);
	viommu_free(race.device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(no_old_translation_is_left_of_what_was_named),
		ON_A_FRESH_DEVICE(a_page_of_another_range_is_kept),
		ON_A_FRESH_DEVICE(a_table_is_kept_while_leaves_alone_change),
		ON_A_FRESH_DEVICE(a_table_that_is_kept_refuses_nothing),
		ON_A_FRESH_DEVICE(a_pasid_is_dropped_and_another_kept),
		ON_A_FRESH_DEVICE(a_range_of_a_pasid_is_dropped),
		ON_A_FRESH_DEVICE(without_a_pasid_all_are_dropped),
		cmocka_unit_test(what_a_walk_found_before_is_not_kept),
	};

	return cmocka_run_group_tests_name("invalidate", tests, NULL, NULL);
}
