/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pgtable/pgtable.h"

/*
 * Tests that vectors cannot express: memory that changes during a walk, memory that is read-only,
 * walks that start at an earlier table, and the number of reads of a word. The scene is four x86
 * tables, one per page, that map the first pages of input.
 */

#define PAGE    0x1000u
#define PAGES   8
#define WORDS   (PAGES * PAGE / 8)
#define TABLES  0x10000000u
#define OUTPUT  0x20000000u
#define A       0x20u
#define D       0x40u
#define USER_RW 7u

struct scene {
	uint64_t words[WORDS]; /* little-endian */
	struct pt_space space;
	struct pt_memory memory;
	unsigned reads[WORDS], writes[WORDS];
	unsigned n_marked;
	uint64_t marked; /* the last address that `written` was called for */
	bool is_read_only;

	/* Called before the address of a word is returned for writing. */
	void (*disturb)(struct scene *scene, size_t i);
	unsigned disturbances;
};

static uint64_t *word(void *opaque, uint64_t address, bool write)
{
	struct scene *scene = opaque;
	size_t i = (size_t)(address - TABLES) / 8;

	assert_int_equal(address % 8, 0);
	if (address < TABLES || i >= WORDS || (write && scene->is_read_only))
		return NULL;
	(write ? scene->writes : scene->reads)[i]++;
	if (write && scene->disturb)
		scene->disturb(scene, i);
	return &scene->words[i];
}

static void written(void *opaque, uint64_t address)
{
	struct scene *scene = opaque;

	scene->n_marked++;
	scene->marked = address;
}

static const struct pt_limits limits = {
	.output_bits = 48,
	.updates_flags = true,
	.five_levels = true,
	.page_1g = true,
};

static int set_up(void **state)
{
	static const uint64_t entry[8] = { 1 | 1 << 6, 0, TABLES | 0x33 };
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	scene->memory = (struct pt_memory){ word, written, scene };
	assert_true(pt_decode_x86_entry(entry, &limits, true, &scene->space));
	for (unsigned i = 0; i < 3; i++)
		scene->words[i * PAGE / 8] = htole64((TABLES + (i + 1) * PAGE) | USER_RW);
	for (unsigned i = 0; i < 4; i++)
		scene->words[3 * PAGE / 8 + i] = htole64((OUTPUT + i * PAGE) | USER_RW);
	*state = scene;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static enum pt_fault translate(struct scene *scene, uint64_t address, unsigned access,
			       struct pt_result *result)
{
	return pt_translate(&scene->space, address, access, &scene->memory, result);
}

#define LEAF (3 * PAGE / 8)

static void test_each_entry_is_asked_for_once(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	assert_int_equal(translate(scene, 0x123, PT_READ, &result), PT_OK);
	assert_int_equal(result.address, OUTPUT + 0x123);
	for (size_t i = 0; i < WORDS; i++)
		assert_in_range(scene->reads[i], 0, 1);
	for (unsigned level = 0; level < 4; level++)
		assert_int_equal(scene->reads[level * PAGE / 8], 1);
}

static void test_flag_updates_are_reported(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	assert_int_equal(translate(scene, 0, PT_READ, &result), PT_OK);
	assert_int_equal(scene->n_marked, 4);
	assert_false(result.dirty);
	assert_int_equal(translate(scene, 0, PT_WRITE, &result), PT_OK);
	assert_int_equal(scene->n_marked, 5);
	assert_int_equal(scene->marked, TABLES + 3 * PAGE);
	assert_true(result.dirty);
	assert_int_equal(translate(scene, 0, PT_WRITE, &result), PT_OK);
	assert_int_equal(scene->n_marked, 5);
}

static void test_a_refused_access_changes_no_word(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	scene->words[LEAF] &= htole64(~(uint64_t)2);
	assert_int_equal(translate(scene, 0, PT_WRITE, &result), PT_PERMISSION);
	assert_int_equal(scene->n_marked, 0);
	assert_int_equal(le64toh(scene->words[0]) & A, 0);
}

static void test_memory_that_cannot_be_written_aborts_an_update(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	scene->is_read_only = true;
	assert_int_equal(translate(scene, 0, PT_READ, &result), PT_WALK_ABORT);
	assert_int_equal(result.where, TABLES);
	assert_int_equal(result.level, 4);
	for (unsigned i = 0; i < 4; i++)
		scene->words[i * PAGE / 8] |= htole64(A);
	assert_int_equal(translate(scene, 0, PT_READ, &result), PT_OK);
	assert_int_equal(translate(scene, 0, PT_WRITE, &result), PT_WALK_ABORT);
	assert_int_equal(result.level, 1);
}

/* The guest moves the page while the walk updates its flags. */
static void move_once(struct scene *scene, size_t i)
{
	if (i == LEAF && scene->disturbances++ == 0)
		scene->words[i] = htole64((OUTPUT + 0x5000) | USER_RW);
}

static void test_an_entry_that_changes_is_walked_again(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	scene->disturb = move_once;
	assert_int_equal(translate(scene, 8, PT_WRITE, &result), PT_OK);
	assert_int_equal(result.address, OUTPUT + 0x5008);
	assert_int_equal(le64toh(scene->words[LEAF]), (OUTPUT + 0x5000) | USER_RW | A | D);
}

/* The guest takes the right to write away. */
static void revoke(struct scene *scene, size_t i)
{
	if (i == LEAF)
		scene->words[i] = htole64(OUTPUT | 5);
}

static void test_a_right_that_goes_away_in_between_is_missed(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	scene->disturb = revoke;
	assert_int_equal(translate(scene, 8, PT_WRITE, &result), PT_PERMISSION);
	assert_int_equal(le64toh(scene->words[LEAF]), OUTPUT | 5);
}

static void never_rest(struct scene *scene, size_t i)
{
	if (i == LEAF)
		scene->words[i] = htole64((OUTPUT + ++scene->disturbances * PAGE) | USER_RW);
}

static void test_a_guest_that_changes_an_entry_forever_is_given_up(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	scene->disturb = never_rest;
	assert_int_equal(translate(scene, 8, PT_WRITE, &result), PT_BUSY);
	assert_int_equal(scene->disturbances, PT_TRIES);
	assert_int_equal(scene->reads[LEAF], PT_TRIES);
}

static void test_a_walk_may_begin_at_the_last_table(void **state)
{
	struct scene *scene = *state;
	struct pt_result first, second;

	scene->words[PAGE / 8] &= htole64(~(uint64_t)2); /* above: read-only */
	assert_int_equal(translate(scene, 0, PT_READ, &first), PT_OK);
	assert_int_equal(first.table.address, TABLES + 3 * PAGE);
	assert_int_equal(first.table.shift, 21);
	memset(scene->reads, 0, sizeof(scene->reads));
	assert_int_equal(pt_translate_from(&scene->space, &first.table, 0x2010, PT_READ,
					   &scene->memory, &second),
			 PT_OK);
	assert_int_equal(second.address, OUTPUT + 0x2010);
	assert_int_equal(second.rights, PT_READ | PT_EXEC);
	assert_int_equal(scene->reads[0], 0);
	assert_int_equal(scene->reads[LEAF + 2], 1);
	assert_int_equal(pt_translate_from(&scene->space, &first.table, 0x2010, PT_WRITE,
					   &scene->memory, &second),
			 PT_PERMISSION);
}

/* A table that is its own next one has no end, but a walk has. */
static void test_a_table_that_names_itself_ends(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	scene->words[0] = htole64(TABLES | USER_RW);
	assert_int_equal(translate(scene, 0, PT_READ, &result), PT_OK);
	assert_int_equal(result.address, TABLES);
}

static void test_the_whole_page_number_counts(void **state)
{
	struct scene *scene = *state;
	struct pt_result result;

	assert_int_equal(translate(scene, UINT64_C(1) << 63, PT_READ, &result), PT_NON_CANONICAL);
	assert_int_equal(translate(scene, UINT64_C(1) << 47, PT_READ, &result), PT_NON_CANONICAL);
}

static void test_a_context_is_read_each_time(void **state)
{
	struct scene *scene = *state;
	const uint64_t entry[2] = { (TABLES + 4 * PAGE) | 1 };
	struct pt_context context;
	struct pt_space space;
	uint64_t where;

	assert_true(pt_decode_x86_directory(entry, &limits, &context));
	assert_int_equal(pt_find_space(&context, 1, &scene->memory, &space, &where), PT_CONTEXT);
	assert_int_equal(where, TABLES + 4 * PAGE);
	scene->words[4 * PAGE / 8] = htole64((TABLES + 5 * PAGE) | 1);
	scene->words[5 * PAGE / 8 + 8] = htole64(1 | 1 << 6);
	scene->words[5 * PAGE / 8 + 10] = htole64(TABLES | 0x33);
	assert_int_equal(pt_find_space(&context, 1, &scene->memory, &space, &where), PT_OK);
	assert_memory_equal(&space, &scene->space, sizeof(space));
	scene->words[5 * PAGE / 8 + 8] = 0;
	assert_int_equal(pt_find_space(&context, 1, &scene->memory, &space, &where), PT_CONTEXT);
	assert_int_equal(where, TABLES + 5 * PAGE + 64);
}

static void test_a_body_is_checked_more_strictly_than_an_entry(void **state)
{
	static const uint64_t cd[8] = { 0x56204c0903510, 0x80100010, 0, 0x44 };
	static const uint64_t entry[8] = { 1 | 1 << 6 | 1 << 10, 0, TABLES | 0x33 };
	struct pt_limits wide = limits;
	struct pt_space space;

	(void)state;
	wide.output_bits = 52;
	assert_true(pt_decode_arm_cd(cd, &wide, false, &space));
	assert_int_equal(space.arm.half[0].root, 0x80100000);
	assert_false(pt_decode_arm_cd(cd, &wide, true, &space));
	assert_true(pt_decode_x86_entry(entry, &wide, false, &space));
	assert_false(pt_decode_x86_entry(entry, &wide, true, &space));
	assert_true(pt_decode_generic(0x1008, false, &space));
	assert_false(pt_decode_generic(0x1008, true, &space));
}

static void test_faults_have_names(void **state)
{
	(void)state;
	for (enum pt_fault fault = PT_OK; fault < N_PT_FAULTS; fault++)
		assert_string_not_equal(pt_fault_name(fault), "unknown");
	assert_string_equal(pt_fault_name(N_PT_FAULTS), "unknown");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_entry_is_asked_for_once),
		TEST(flag_updates_are_reported),
		TEST(a_refused_access_changes_no_word),
		TEST(memory_that_cannot_be_written_aborts_an_update),
		TEST(an_entry_that_changes_is_walked_again),
		TEST(a_right_that_goes_away_in_between_is_missed),
		TEST(a_guest_that_changes_an_entry_forever_is_given_up),
		TEST(a_walk_may_begin_at_the_last_table),
		TEST(a_table_that_names_itself_ends),
		TEST(the_whole_page_number_counts),
		TEST(a_context_is_read_each_time),
		TEST(a_body_is_checked_more_strictly_than_an_entry),
		TEST(faults_have_names),
	};

	return cmocka_run_group_tests_name("pgtable", tests, NULL, NULL);
}
