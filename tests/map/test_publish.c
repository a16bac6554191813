/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A walk that is in progress while a change is published, at each of its stores: src/map/change.c
 *
 * The hook in the stores of the code itself stops the change after each of them. From the first one
 * on, a walk that began before must not take what it saw for the map at one moment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "map/change.h"

static void look(void);

#undef atomic_store_explicit
#define atomic_store_explicit(at, value, order) \
	do { \
		*(at) = (value); \
		look(); \
	} while (0)
#undef atomic_init /* of nodes that no walk has found; GCC has it store, too */
#define atomic_init(at, value) (*(at) = (value))
#include "../../src/map/change.c"

static struct map_walk *walk;
static unsigned looks;

static void look(void)
{
	if (!walk)
		return;
	looks++;
	assert_false(map_walk_is_consistent(walk));
}

static void a_walk_beside_a_change_is_not_taken_for_one_moment(void **state)
{
	struct map *map = map_new();
	struct map_walk began;
	struct range found;

	(void)state;
	assert_non_null(map);
	for (uint64_t i = 0; i < 1000; i++) {
		const struct range range = { .first = i << 12, .last = (i << 12) + 0xfff };

		assert_int_equal(map_reserve(map), 0);
		map_walk(&began, map, 0, &found);
		assert_true(map_walk_is_consistent(&began));
		walk = &began;
		assert_int_equal(map_insert(map, &range), 0);
		walk = NULL;
	}
	assert_int_equal(looks, 3000);
	map_free(map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_walk_beside_a_change_is_not_taken_for_one_moment),
	};

	return cmocka_run_group_tests_name("map: publishing", tests, NULL, NULL);
}
