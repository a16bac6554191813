/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "map/follow.h"

/*
 * The interval map against a model that is too simple to be wrong
 *
 * The model is an array with a cell an address, for a window of a few hundred of them.
 * The window stands at the bottom, in the middle and at the top of the address space.
 */

#define CELLS  256
#define ROUNDS 30000

struct model {
	uint64_t base;
	unsigned next_id;
	unsigned cells[CELLS]; /* which range is there; 0: none */
};

/* Like rand(), and the same everywhere. */
static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static struct range range_of(const struct model *model, unsigned first, unsigned last, unsigned id)
{
	return (struct range){
		.first = model->base + first,
		.last = model->base + last,
		.phys = id,
		.flags = id % 8,
	};
}

static bool model_overlaps(const struct model *model, unsigned first, unsigned last)
{
	for (unsigned i = first; i <= last; i++)
		if (model->cells[i])
			return true;
	return false;
}

static bool model_cuts(const struct model *model, unsigned first, unsigned last)
{
	const unsigned *c = model->cells;

	return (first > 0 && c[first] && c[first] == c[first - 1]) ||
	       (last < CELLS - 1 && c[last] && c[last] == c[last + 1]);
}

/* The first range that ends at or after the cell; false if there is none. */
static bool model_next(const struct model *model, unsigned from, struct range *ret_range)
{
	unsigned first = from, last, id;

	while (first < CELLS && !model->cells[first])
		first++;
	if (first == CELLS)
		return false;
	id = model->cells[first];
	for (last = first; last < CELLS - 1 && model->cells[last + 1] == id; last++)
		;
	while (first > 0 && model->cells[first - 1] == id)
		first--;
	*ret_range = range_of(model, first, last, id);
	return true;
}

static unsigned model_count(const struct model *model)
{
	unsigned count = 0;

	for (unsigned i = 0; i < CELLS; i++)
		count += model->cells[i] && (i == 0 || model->cells[i] != model->cells[i - 1]);
	return count;
}

static void assert_same_range(const struct range *a, const struct range *b)
{
	assert_int_equal(a->first, b->first);
	assert_int_equal(a->last, b->last);
	assert_int_equal(a->phys, b->phys);
	assert_int_equal(a->flags, b->flags);
}

static void assert_same(const struct map *map, const struct model *model, unsigned from)
{
	struct range expected, found;
	bool some = model_next(model, from, &expected);

	assert_int_equal(map_next_range(map, model->base + from, &found), some);
	if (some)
		assert_same_range(&found, &expected);
}

static void insert(struct map *map, struct model *model, unsigned first, unsigned last)
{
	bool overlaps = model_overlaps(model, first, last);
	struct range range = range_of(model, first, last, model->next_id);

	assert_int_equal(map_overlaps(map, range.first, range.last), overlaps);
	if (overlaps)
		return;
	assert_int_equal(map_insert(map, &range), 0);
	for (unsigned i = first; i <= last; i++)
		model->cells[i] = model->next_id;
	model->next_id++;
}

static void take_out(struct map *map, struct model *model, unsigned first, unsigned last)
{
	bool cuts = model_cuts(model, first, last);
	uint64_t low = model->base + first, high = model->base + last;
	unsigned before = model_count(model);

	assert_int_equal(map_splits_range(map, low, high), cuts);
	if (cuts)
		return;
	for (unsigned i = first; i <= last; i++)
		model->cells[i] = 0;
	if (map_needs_reclaim(map))
		map_reclaim_nodes(map);
	assert_int_equal(map_remove(map, low, high), before - model_count(model));
}

static void play(uint64_t base, uint32_t seed)
{
	struct model model = { .base = base, .next_id = 1 };
	struct map *map = map_new();

	assert_non_null(map);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned first = draw(&seed) % CELLS;
		unsigned longest = draw(&seed) % 8 ? 12 : CELLS, last;

		last = first + draw(&seed) % longest;
		if (last >= CELLS)
			last = CELLS - 1;
		if (draw(&seed) % 2)
			insert(map, &model, first, last);
		else
			take_out(map, &model, first, last);
		if (!(draw(&seed) % 4))
			map_reclaim_nodes(map);
		assert_same(map, &model, draw(&seed) % CELLS);
		assert_int_equal(map_count(map), model_count(&model));
	}
	map_free(map);
}

static void agrees_with_the_model_at_the_bottom(void **state)
{
	(void)state;
	play(0, 1);
}

static void agrees_with_the_model_in_the_middle(void **state)
{
	(void)state;
	play(UINT32_MAX - CELLS / 2, 2);
	play((1ull << 63) - CELLS / 2, 3);
}

static void agrees_with_the_model_at_the_top(void **state)
{
	(void)state;
	play(UINT64_MAX - (CELLS - 1), 4);
}

static void holds_the_whole_address_space_as_one_range(void **state)
{
	const struct range whole = { .last = UINT64_MAX, .phys = 7, .flags = 3 };
	struct map *map = map_new();
	struct range found;

	(void)state;
	assert_non_null(map);
	assert_false(map_next_range(map, 0, &found));
	assert_int_equal(map_insert(map, &whole), 0);
	assert_true(map_overlaps(map, 0, 0));
	assert_true(map_overlaps(map, UINT64_MAX, UINT64_MAX));
	assert_true(map_next_range(map, UINT64_MAX, &found));
	assert_same_range(&found, &whole);
	assert_true(map_splits_range(map, 0, UINT64_MAX - 1));
	assert_true(map_splits_range(map, 1, UINT64_MAX));
	assert_false(map_splits_range(map, 0, UINT64_MAX));
	assert_int_equal(map_remove(map, 0, UINT64_MAX), 1);
	assert_int_equal(map_count(map), 0);
	map_free(map);
}

/* What divided the ranges of a tree may be gone, and a new one lie across. */
static void a_range_across_what_was_a_border_is_found_from_all_its_parts(void **state)
{
	enum { N = 1000, STEP = 10 };

	(void)state;
	for (uint64_t gap = 1; gap < N; gap++) {
		struct range across = { (gap - 1) * STEP + STEP / 2, gap * STEP + STEP / 2, 7, 1 };
		struct map *map = map_new();
		struct range found;

		assert_non_null(map);
		for (uint64_t i = 0; i < N; i++) {
			struct range range = { .first = i * STEP, .last = i * STEP + 1 };

			assert_int_equal(map_insert(map, &range), 0);
		}
		assert_int_equal(map_remove(map, gap * STEP, gap * STEP + 1), 1);
		assert_int_equal(map_insert(map, &across), 0);
		for (uint64_t at = across.first; at <= across.last; at++) {
			assert_true(map_next_range(map, at, &found));
			assert_same_range(&found, &across);
		}
		assert_true(map_overlaps(map, across.first, across.last));
		map_free(map);
	}
}

/* Whatever the order in which a guest maps, the tree is not deep, and nothing recurses. */
static void many_ranges_in_any_order(void **state)
{
	enum { N = 100000 };
	static const uint64_t strides[] = { 1, N - 1, 30011 };

	(void)state;
	for (size_t s = 0; s < sizeof(strides) / sizeof(strides[0]); s++) {
		struct map *map = map_new();

		assert_non_null(map);
		for (uint64_t i = 0; i < N; i++) {
			uint64_t at = i * strides[s] % N * 2;
			struct range range = { .first = at, .last = at + 1, .phys = at };

			assert_int_equal(map_insert(map, &range), 0);
		}
		assert_int_equal(map_count(map), N);
		for (uint64_t at = 0; at < (uint64_t)2 * N; at++) {
			struct range found;

			assert_true(map_next_range(map, at, &found));
			assert_int_equal(found.phys, at & ~1ull);
		}
		if (s == 0)
			assert_int_equal(map_remove(map, 0, UINT64_MAX), N);
		map_free(map);
	}
}

/*
 * Ranges are added and removed, and their nodes reclaimed: the pool has as many as the live ranges
 * need.
 */
static void what_comes_and_goes_takes_no_more_memory(void **state)
{
	enum { N = 2000, N_ROUNDS = 30 };
	struct map *map = map_new();
	size_t bytes = 0;
	uint32_t seed = 1;

	(void)state;
	assert_non_null(map);
	for (unsigned round = 0; round < N_ROUNDS; round++) {
		for (unsigned i = 0; i < N; i++) {
			uint64_t at = draw(&seed) % N;
			const struct range range = { .first = at, .last = at };

			if (!map_remove(map, at, at))
				assert_int_equal(map_insert(map, &range), 0);
			map_reclaim_nodes(map);
		}
		if (round == N_ROUNDS / 3)
			bytes = map_bytes(map);
	}
	assert_in_range(map_bytes(map), 1, bytes);
	map_free(map);
}

/* Bytes of the map for each of `n` ranges, which come in this order and none goes. */
static double bytes_of_ranges(uint64_t n, bool is_upward)
{
	struct map *map = map_new();
	double bytes;

	assert_non_null(map);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t at = 0x1000 * (is_upward ? i : n - i);
		const struct range range = { .first = at, .last = at + 0xfff };

		assert_int_equal(map_insert(map, &range), 0);
		map_reclaim_nodes(map);
	}
	bytes = (double)map_bytes(map) / (double)n;
	map_free(map);
	return bytes;
}

static void ranges_in_order_fill_their_nodes_upward_and_downward(void **state)
{
	enum { N = 15000, BYTES = 40 };

	(void)state;
	assert_true(bytes_of_ranges(N, true) < BYTES);
	assert_true(bytes_of_ranges(N, false) < BYTES);
}

/* -- walks ----------------------------------------------------------------------------------- */

enum { N_WALKED = 100 }; /* in several nodes */

static struct map *row_of_ranges(void)
{
	struct map *map = map_new();

	assert_non_null(map);
	for (uint64_t i = 0; i < N_WALKED; i++) {
		const struct range range = { .first = 2 * i, .last = 2 * i, .phys = i };

		assert_int_equal(map_insert(map, &range), 0);
	}
	return map;
}

static void map_one_more(struct map *map)
{
	const struct range range = { .first = UINT64_MAX, .last = UINT64_MAX };

	assert_int_equal(map_insert(map, &range), 0);
}

static void unmap_the_last(struct map *map)
{
	assert_int_equal(map_remove(map, 2 * N_WALKED - 2, UINT64_MAX), 1);
}

static void unmap_all(struct map *map)
{
	map_remove(map, 0, UINT64_MAX);
}

/* Walks, and changes the map meanwhile. Does the walk report that it saw the map at one moment? */
static bool is_whole_beside(void (*change)(struct map *map))
{
	struct map *map = row_of_ranges();
	struct map_walk walk;
	struct range range;
	bool is_whole;

	assert_true(map_walk(&walk, map, 0, &range));
	if (change)
		change(map);
	for (unsigned i = 0; i < N_WALKED && map_walk_next(&walk, &range); i++)
		;
	is_whole = map_walk_is_consistent(&walk);
	map_free(map);
	return is_whole;
}

static void a_walk_knows_whether_a_change_came_between(void **state)
{
	(void)state;
	assert_true(is_whole_beside(NULL));
	assert_false(is_whole_beside(map_one_more));
	assert_false(is_whole_beside(unmap_the_last));
	assert_false(is_whole_beside(unmap_all));
}

/* Behind the last address there is none; 0 is before all others. */
static void a_walk_ends_at_the_last_address(void **state)
{
	struct map *map = row_of_ranges();
	struct map_walk walk;
	struct range range;
	unsigned n = 1;

	(void)state;
	map_one_more(map);
	assert_true(map_walk(&walk, map, 0, &range));
	while (n <= N_WALKED + 1 && map_walk_next(&walk, &range))
		n++;
	assert_int_equal(n, N_WALKED + 1);
	assert_true(map_walk_is_consistent(&walk));
	map_free(map);
}

/* Whoever is in a section may still read what was removed, whatever comes there next. */
static void a_removed_range_is_kept_until_its_nodes_are_reclaimed(void **state)
{
	struct map *map = row_of_ranges();
	const struct range other = { .first = 2, .last = 2, .phys = 77 };
	struct map_walk walk;
	struct range range;

	(void)state;
	map_reclaim_nodes(map);
	assert_true(map_walk(&walk, map, 0, &range));
	assert_int_equal(map_remove(map, 2, 2), 1);
	assert_int_equal(map_insert(map, &other), 0);
	assert_true(map_walk_next(&walk, &range));
	assert_int_equal(range.first, 2);
	assert_int_equal(range.phys, 1);
	assert_true(map_next_range(map, 2, &range));
	assert_int_equal(range.phys, 77);
	map_free(map);
}

/* The second removal of a grace period does not free what the first one removed. */
static void every_removed_range_of_a_period_is_kept(void **state)
{
	struct map *map = row_of_ranges();
	const struct range other = { .first = 2, .last = 2, .phys = 77 };
	struct map_walk walk;
	struct range range;

	(void)state;
	map_reclaim_nodes(map);
	assert_true(map_walk(&walk, map, 0, &range));
	assert_int_equal(map_remove(map, 2, 2), 1);
	assert_int_equal(map_remove(map, 6, 6), 1);
	assert_int_equal(map_insert(map, &other), 0);
	for (uint64_t i = 1; i < 5; i++) {
		assert_true(map_walk_next(&walk, &range));
		assert_int_equal(range.first, 2 * i);
		assert_int_equal(range.phys, i);
	}
	map_free(map);
}

/* A leaf whose slot is free is changed in place, and not copied. */
static void a_slot_is_free_after_the_grace_period_and_not_before(void **state)
{
	struct map *map = row_of_ranges();
	const struct range again = { .first = 2, .last = 2, .phys = 77 };
	struct map_walk before, after;
	struct range range;

	(void)state;
	for (unsigned period = 0; period < 3; period++) {
		map_reclaim_nodes(map);
		assert_true(map_walk(&before, map, 0, &range));
		assert_int_equal(map_remove(map, 2, 2), 1);
		map_reclaim_nodes(map);
		assert_int_equal(map_insert(map, &again), 0);
		assert_true(map_walk(&after, map, 0, &range));
		assert_ptr_equal(after.leaf, before.leaf);
		assert_int_equal(map_remove(map, 2, 2), 1);
		assert_int_equal(map_insert(map, &again), 0);
		assert_true(map_walk(&after, map, 0, &range));
		assert_ptr_not_equal(after.leaf, before.leaf);
	}
	map_free(map);
}

/* A driver maps, accesses and unmaps the same address over and over. */
static void the_range_that_was_freed_last_comes_again_without_memory(void **state)
{
	struct map *map = row_of_ranges();
	size_t bytes = map_bytes(map);
	struct range range;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		const struct range again = { .first = 20, .last = 20, .phys = i };

		assert_int_equal(map_remove(map, 20, 20), 1);
		assert_false(map_overlaps(map, 20, 20));
		map_reclaim_nodes(map);
		assert_int_equal(map_insert(map, &again), 0);
		assert_true(map_next_range(map, 20, &range));
		assert_int_equal(range.phys, i);
	}
	assert_int_equal(map_bytes(map), bytes);
	map_free(map);
}

static void nothing_can_be_freed(void **state)
{
	(void)state;
	map_free(NULL);
}

/* -- where an access goes -------------------------------------------------------------------- */

/* Ranges of ten bytes, one after the other, each with the flags 3. */
static struct map *adjoining_ranges(uint64_t n)
{
	struct map *map = map_new();

	assert_non_null(map);
	for (uint64_t i = 0; i < n; i++) {
		const struct range range = { 10 * i, 10 * i + 9, 1000 + 10 * i, 3 };

		assert_int_equal(map_insert(map, &range), 0);
	}
	return map;
}

static void replace(struct map *map, const struct range *range)
{
	assert_int_equal(map_remove(map, range->first, range->last), 1);
	assert_int_equal(map_insert(map, range), 0);
}

static void an_access_is_followed_while_ranges_continue(void **state)
{
	const struct map_access access = { .first = 5, .last = 44, .all = 1, .same = 4 };
	static const struct {
		struct range third;
		uint64_t last;
		uint32_t flags;
	} rows[] = {
		{ { 20, 29, 1020, 3 }, 49, 3 }, { { 20, 29, 1020, 1 }, 49, 1 },
		{ { 20, 29, 1021, 3 }, 19, 3 }, /* elsewhere */
		{ { 20, 29, 1020, 2 }, 19, 3 }, /* without what the access needs */
		{ { 20, 29, 1020, 7 }, 19, 3 }, /* of another kind */
	};
	struct map *map = adjoining_ranges(6);
	struct map_run run = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		replace(map, &rows[i].third);
		assert_true(map_follow(map, &access, &run));
		assert_int_equal(run.phys, 1005);
		assert_int_equal(run.last, rows[i].last);
		assert_int_equal(run.flags, rows[i].flags);
		assert_false(run.cut);
	}
	map_free(map);
}

static void an_access_needs_a_range_that_permits_its_first_byte(void **state)
{
	struct map *map = adjoining_ranges(6);
	struct map_run run = { 0 };

	(void)state;
	assert_true(map_follow(map, &(struct map_access){ 59, 100, 3, 0 }, &run));
	assert_int_equal(run.last, 59);
	assert_false(map_follow(map, &(struct map_access){ 60, 100, 0, 0 }, &run));
	assert_false(map_follow(map, &(struct map_access){ 0, 9, 4, 0 }, &run));
	map_remove(map, 20, 29);
	assert_false(map_follow(map, &(struct map_access){ 25, 35, 0, 0 }, &run));
	map_free(map);
}

/* Only if there is another leaf. */
static void an_access_that_reaches_the_end_of_its_leaf_is_cut(void **state)
{
	struct map *map = adjoining_ranges(N_WALKED);
	const struct map_access access = { .first = 0, .last = UINT64_MAX };
	const struct map_access behind = { .first = 10 * N_WALKED - 1, .last = UINT64_MAX };
	struct map_run run = { 0 };

	(void)state;
	assert_true(map_follow(map, &access, &run));
	assert_true(run.cut && run.last < 10 * N_WALKED - 1 && run.last % 10 == 9);
	assert_true(map_follow(map, &(struct map_access){ .first = 0, .last = run.last }, &run));
	assert_false(run.cut);
	assert_true(map_follow(map, &behind, &run));
	assert_false(run.cut);
	map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_model_at_the_bottom),
		cmocka_unit_test(agrees_with_the_model_in_the_middle),
		cmocka_unit_test(agrees_with_the_model_at_the_top),
		cmocka_unit_test(holds_the_whole_address_space_as_one_range),
		cmocka_unit_test(a_range_across_what_was_a_border_is_found_from_all_its_parts),
		cmocka_unit_test(many_ranges_in_any_order),
		cmocka_unit_test(what_comes_and_goes_takes_no_more_memory),
		cmocka_unit_test(ranges_in_order_fill_their_nodes_upward_and_downward),
		cmocka_unit_test(a_removed_range_is_kept_until_its_nodes_are_reclaimed),
		cmocka_unit_test(every_removed_range_of_a_period_is_kept),
		cmocka_unit_test(a_slot_is_free_after_the_grace_period_and_not_before),
		cmocka_unit_test(the_range_that_was_freed_last_comes_again_without_memory),
		cmocka_unit_test(a_walk_knows_whether_a_change_came_between),
		cmocka_unit_test(a_walk_ends_at_the_last_address),
		cmocka_unit_test(an_access_is_followed_while_ranges_continue),
		cmocka_unit_test(an_access_needs_a_range_that_permits_its_first_byte),
		cmocka_unit_test(an_access_that_reaches_the_end_of_its_leaf_is_cut),
		cmocka_unit_test(nothing_can_be_freed),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
