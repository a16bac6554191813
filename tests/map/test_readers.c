/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "map/map.h"
#include "sync/readers.h"

/*
 * The interval map, read while it changes
 *
 * A writer maps a row of pages from the last to the first, and takes all of them out at once.
 * So at every moment either the first page is not there, or all are. Other ranges, on both
 * sides, come and go meanwhile, so that the nodes in which the row is are split, shared and
 * merged.
 */

/* Under drd all threads take turns, and each is slow. */
#ifdef WITH_DRD
#define EFFORT 30
#else
#define EFFORT 1
#endif

enum { N_READERS = 2, N_ROUNDS = 300 / EFFORT, N_ROW = 64, N_OTHERS = 300, MOST_REPEATS = 1000 };

#define ROW    (1ull << 32)
#define LENGTH 16u

struct scene {
	struct map *map;
	struct readers readers;
	atomic_bool over;
	atomic_uint wrong, whole;
};

static struct range range_at(uint64_t first)
{
	return (struct range){ first, first + LENGTH - 1, ~first, first / LENGTH % 8 };
}

static bool is_sound(const struct range *range)
{
	const struct range right = range_at(range->first);

	return range->last == right.last && range->phys == right.phys &&
	       range->flags == right.flags;
}

/* How many ranges of the row follow each other from its beginning. */
static unsigned walk_row(struct scene *scene, struct map_walk *walk)
{
	struct range range;
	unsigned n = 0;
	bool found = map_walk(walk, scene->map, ROW, &range);

	while (found && range.first == ROW + (uint64_t)n * LENGTH && n < N_ROW) {
		if (!is_sound(&range))
			atomic_fetch_add(&scene->wrong, 1);
		n++;
		found = map_walk_next(walk, &range);
	}
	return n;
}

static void look_once(struct scene *scene)
{
	struct map_walk walk;
	struct range range;
	unsigned n = walk_row(scene, &walk);

	if (map_walk_is_consistent(&walk)) {
		atomic_fetch_add(&scene->whole, 1);
		if (n && n < N_ROW)
			atomic_fetch_add(&scene->wrong, 1);
	}
	if (map_next_range(scene->map, ROW / 2, &range) && !is_sound(&range))
		atomic_fetch_add(&scene->wrong, 1);
}

static void *look(void *opaque)
{
	struct scene *scene = opaque;
	struct reader *reader = readers_of_thread(&scene->readers);

	while (reader && !atomic_load(&scene->over)) {
		for (unsigned i = 0; i < N_ROW; i++) {
			reader_enter(reader);
			look_once(scene);
			reader_leave(reader);
		}
		sched_yield();
	}
	return NULL;
}

static void collect(struct scene *scene)
{
	readers_synchronize(&scene->readers);
	map_reclaim_nodes(scene->map);
}

static void insert(struct scene *scene, uint64_t first)
{
	const struct range range = range_at(first);

	if (!map_overlaps(scene->map, range.first, range.last))
		assert_int_equal(map_insert(scene->map, &range), 0);
}

static void remove_all(struct scene *scene, uint64_t first, uint64_t last)
{
	if (map_needs_reclaim(scene->map))
		collect(scene);
	map_remove(scene->map, first, last);
}

/* Ranges before and behind the row, other ones each round. */
static void change_others(struct scene *scene, unsigned round)
{
	uint64_t below = ROW - (1 + round % N_OTHERS) * 2ull * LENGTH;
	uint64_t above = ROW + (N_ROW + round * 7 % N_OTHERS) * 2ull * LENGTH;

	if (round / N_OTHERS % 2) {
		remove_all(scene, below, below + LENGTH - 1);
		remove_all(scene, above, above + 3ull * LENGTH - 1);
	} else {
		insert(scene, below);
		insert(scene, above);
	}
}

static void write_rounds(struct scene *scene)
{
	for (unsigned round = 0; round < N_ROUNDS; round++) {
		for (unsigned i = N_ROW; i-- > 0;)
			insert(scene, ROW + (uint64_t)i * LENGTH);
		collect(scene);
		for (unsigned i = 0; i < N_ROW; i++)
			change_others(scene, round * N_ROW + i);
		remove_all(scene, ROW, ROW + (uint64_t)N_ROW * LENGTH - 1);
		collect(scene);
	}
}

static void a_removal_is_seen_whole_or_not_at_all(void **state)
{
	struct scene scene = { .map = map_new() };
	pthread_t threads[N_READERS];

	(void)state;
	assert_non_null(scene.map);
	for (unsigned i = 0; i < N_READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, look, &scene), 0);
	/* On a busy machine, the readers may get no processor during the rounds. */
	for (unsigned i = 0; !i || (i < MOST_REPEATS && !atomic_load(&scene.whole)); i++) {
		write_rounds(&scene);
		sched_yield();
	}
	atomic_store(&scene.over, true);
	for (unsigned i = 0; i < N_READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&scene.wrong), 0);
	assert_int_not_equal(atomic_load(&scene.whole), 0);
	readers_fini(&scene.readers);
	map_free(scene.map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removal_is_seen_whole_or_not_at_all),
	};

	return cmocka_run_group_tests_name("map, read while it changes", tests, NULL, NULL);
}
