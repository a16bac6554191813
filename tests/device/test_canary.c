/* SPDX-License-Identifier: BSD-3-Clause */
#include <endian.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
#include <stdatomic.h>

#include "rig.h"

/*
 * The promise of INVALIDATE, with threads that do DMA meanwhile
 *
 * The guest gives a page of its table one number after the other, and each time takes it away and
 * invalidates. A thread translates in sections. An answer must never be a number that was
 * invalidated before the section began, and an INVALIDATE must not be answered while a section uses
 * its number. The same over a parent whose UNMAP takes the tables away.
 */

/* Rounds in which a thread has used the number. */
#define ROUNDS  50u
#define THREADS 2

#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_TABLE | VIOMMU_F_NEST)

static _Atomic uint64_t memory[4 * 512] __attribute__((aligned(4096)));

#define BASE 0x100000u
#define LEAF (3 * 512)

struct scene {
	struct rig *rig;
	atomic_uint gone; /* the last number that was invalidated */
	atomic_bool over;
	atomic_uint wrong, seen;
};

static void *do_dma(void *opaque)
{
	struct scene *scene = opaque;
	struct viommu_dma *dma;

	if (viommu_dma_new(scene->rig->device, &dma))
		return NULL;
	while (!atomic_load(&scene->over)) {
		unsigned gone = atomic_load(&scene->gone), number;
		struct viommu_translation to;

		viommu_dma_begin(dma);
		if (!viommu_dma_translate(dma, EP, 0, 8, W | VIOMMU_ACCESS_QUIET, &to)) {
			number = (unsigned)(to.address >> 12);
			atomic_fetch_add(&scene->wrong,
					 number <= gone || atomic_load(&scene->gone) >= number);
			atomic_fetch_add(&scene->seen, 1);
		}
		viommu_dma_end(dma);
	}
	viommu_dma_free(dma);
	return NULL;
}

static void set_up(struct scene *scene, uint32_t flags, uint32_t parent, uint64_t root)
{
	static const struct viommu_table_format format = {
		VIOMMU_TABLE_GENERIC, 48, 52, 0x40201000, 0, 0,
	};
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = EP,
		.formats = &format,
		.n_formats = 1,
	};
	const struct viommu_memory range = { BASE, BASE + sizeof(memory) - 1, (void *)memory,
					     false };
	const uint8_t table[VIOMMU_ATTACH_TABLE_LENGTH] = {
		HEAD(VIOMMU_T_ATTACH_TABLE),
		LE32(1),
		LE32(EP),
		LE32(flags),
		LE16(VIOMMU_TABLE_GENERIC),
		LE16(0),
		LE32(0),
		LE32(parent),
		LE32(0),
		LE64(root),
	};

	replace(scene->rig, (struct viommu_config){ .size = sizeof(struct viommu_config),
						    .features = FEATURES });
	assert_int_equal(viommu_endpoint_update(scene->rig->device, &endpoint), 0);
	assert_int_equal(viommu_set_memory(scene->rig->device, &range, 1), 0);
	for (unsigned level = 0; level < 3; level++)
		atomic_store(&memory[level * 512], htole64((root + (level + 1) * PAGE) | 3));
	assert_int_equal(status_of(scene->rig, table, sizeof(table)), VIOMMU_S_OK);
}

static int invalidate(struct rig *rig)
{
	const uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = {
		HEAD(VIOMMU_T_INVALIDATE),
		VIOMMU_INVALIDATE_S_DOMAIN,
		VIOMMU_INVALIDATE_C_TLB,
		LE16(0),
		LE32(1),
	};

	return status_of(rig, bytes, sizeof(bytes));
}

static void run(struct scene *scene, void (*take_away)(struct scene *scene))
{
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, do_dma, scene), 0);
	for (unsigned number = 1, used = 0; used < ROUNDS; number++) {
		struct viommu_translation to;
		unsigned seen = atomic_load(&scene->seen);

		atomic_store(&memory[LEAF], htole64((uint64_t)number << 12 | 0xd));
		assert_int_equal(viommu_translate(scene->rig->device, EP, 0, 8, R, &to), 0);
		for (unsigned i = 0; i < 100 && atomic_load(&scene->seen) == seen; i++)
			sched_yield();
		used += atomic_load(&scene->seen) != seen;
		take_away(scene);
		atomic_store(&scene->gone, number);
	}
	atomic_store(&scene->over, true);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&scene->wrong), 0);
	assert_true(atomic_load(&scene->seen) > 0);
}

static void take_page_away(struct scene *scene)
{
	atomic_store(&memory[LEAF], 0);
	assert_int_equal(invalidate(scene->rig), VIOMMU_S_OK);
}

/* Shows: invalidate-promise */
static void test_nothing_old_is_used_when_an_invalidate_is_answered(void **state)
{
	struct scene scene = { .rig = *state };

	set_up(&scene, 0, 0, BASE);
	run(&scene, take_page_away);
}

/* The parent has pages 1 to 8191 as they are, and the tables at 0x2000000. */
#define PARENT_TABLES 0x2000000u

static void take_tables_away(struct scene *scene)
{
	assert_int_equal(unmap(scene->rig, 2, PARENT_TABLES, PARENT_TABLES + 0x3fff), VIOMMU_S_OK);
	atomic_store(&memory[LEAF], 0);
	assert_int_equal(map(scene->rig, 2, PARENT_TABLES, PARENT_TABLES + 0x3fff, BASE, R),
			 VIOMMU_S_OK);
}

/* Shows: invalidate-promise */
static void test_nothing_old_is_used_when_an_unmap_of_the_parent_is_answered(void **state)
{
	struct scene scene = { .rig = *state };

	set_up(&scene, VIOMMU_SLOT_F_PARENT, 2, PARENT_TABLES);
	assert_int_equal(map(scene.rig, 2, 0, 0x1ffffff, 0, R | W), VIOMMU_S_OK);
	assert_int_equal(map(scene.rig, 2, PARENT_TABLES, PARENT_TABLES + 0x3fff, BASE, R),
			 VIOMMU_S_OK);
	run(&scene, take_tables_away);
}

/* A section that uses its translation for a while. */
static void *do_slow_dma(void *opaque)
{
	struct scene *scene = opaque;
	struct viommu_translation to;
	struct viommu_dma *dma;

	if (viommu_dma_new(scene->rig->device, &dma))
		return NULL;
	viommu_dma_begin(dma);
	if (!viommu_dma_translate(dma, EP, 0, 8, W, &to))
		atomic_store(&scene->seen, 1);
	usleep(50000);
	atomic_store(&scene->over, true);
	viommu_dma_end(dma);
	viommu_dma_free(dma);
	return NULL;
}

/* Shows: invalidate-promise */
static void test_an_invalidate_waits_for_a_section_that_began_before(void **state)
{
	struct scene scene = { .rig = *state };
	pthread_t thread;

	set_up(&scene, 0, 0, BASE);
	atomic_store(&memory[LEAF], htole64(0x800d));
	assert_int_equal(pthread_create(&thread, NULL, do_slow_dma, &scene), 0);
	while (!atomic_load(&scene.seen))
		sched_yield();
	assert_int_equal(invalidate(scene.rig), VIOMMU_S_OK);
	assert_true(atomic_load(&scene.over));
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_an_invalidate_waits_for_a_section_that_began_before, plug, unplug),
		cmocka_unit_test_setup_teardown(
			test_nothing_old_is_used_when_an_invalidate_is_answered, plug, unplug),
		cmocka_unit_test_setup_teardown(
			test_nothing_old_is_used_when_an_unmap_of_the_parent_is_answered, plug,
			unplug),
	};

	return cmocka_run_group_tests_name("canary", tests, NULL, NULL);
}
