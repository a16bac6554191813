/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "rig.h"

/*
 * The order in which access is removed: unpublished, sections end, listeners, completion
 *
 * A listener that translates in a callback gets the new answer, so a component that caches
 * translations and drops them when it is notified never keeps an old one.
 */

enum { IOVA = 0x1000, PHYS = 0x8000 };

/* Asks for what is translated in every callback that takes access away. */
struct witness {
	struct rig *rig;
	unsigned n_questions, n_found;
};

static void ask(struct witness *witness, uint64_t iova)
{
	const char *found = peek(witness->rig, EP, iova, 1);

	witness->n_questions++;
	witness->n_found += strcmp(found, "fault") && strcmp(found, "no endpoint");
}

static void ask_in_unmap(void *opaque, const struct viommu_mapping *mapping)
{
	ask(opaque, mapping->first);
}

static int ask_in_mode(void *opaque, enum viommu_mode mode)
{
	if (mode != VIOMMU_BYPASS)
		ask(opaque, IOVA);
	return 0;
}

static const struct viommu_listener_ops witness_ops = { .size = sizeof(witness_ops),
							.unmap = ask_in_unmap,
							.mode = ask_in_mode };

static void watch(struct witness *witness, struct rig *rig)
{
	struct viommu_listener *listener;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, PHYS, R | W), VIOMMU_S_OK);
	witness->rig = rig;
	assert_int_equal(viommu_listen(rig->device, EP, &witness_ops, witness, &listener), 0);
	witness->n_questions = witness->n_found = 0;
}

static void assert_nothing_found(const struct witness *witness)
{
	assert_true(witness->n_questions > 0);
	assert_int_equal(witness->n_found, 0);
}

/* Shows: listener-removal */
static void an_unmapped_range_is_not_found_in_unmap(void **state)
{
	struct witness witness = { 0 };

	watch(&witness, *state);
	assert_int_equal(unmap(*state, 1, 0, TOP), VIOMMU_S_OK);
	assert_nothing_found(&witness);
}

static void unmap_in_batch(struct rig *rig, uint64_t first, uint64_t last)
{
	const uint8_t bytes[] = { UNMAP(1, first, last, 0) };
	uint8_t tail[VIOMMU_TAIL_LENGTH] = { 0xee };
	const struct iovec in = { (void *)bytes, sizeof(bytes) }, out = { tail, sizeof(tail) };

	viommu_batch_request(rig->device, &in, 1, &out, 1);
	assert_int_equal(tail[0], VIOMMU_S_OK);
}

/*
 * At the limit of memory a map reclaims its nodes before it removes more, and that delivers what is
 * queued.
 *
 * Shows: listener-removal
 */
static void an_unmapped_range_is_not_found_in_unmap_at_the_limit_of_memory(void **state)
{
	enum { N_UNMAPS = 8, EACH = 45, APART = 50, N_LIMITS = 5 };
	struct rig *rig = *state;

	for (uint64_t limit = 1; limit <= N_LIMITS; limit++) {
		struct witness witness = { .rig = rig };
		struct viommu_listener *listener;
		uint64_t i = 1;

		replace(rig, (struct viommu_config){ .max_bytes = 20000 * limit });
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(viommu_listen(rig->device, EP, &witness_ops, &witness, &listener),
				 0);
		while (map(rig, 1, 2 * PAGE * i, 2 * PAGE * i + PAGE - 1, PHYS, R) == VIOMMU_S_OK)
			i++;
		viommu_batch_begin(rig->device);
		for (i = 0; i < N_UNMAPS; i++)
			unmap_in_batch(rig, 2 * PAGE * (APART * i + 1),
				       2 * PAGE * (APART * i + EACH) + PAGE - 1);
		viommu_batch_end(rig->device);
		assert_nothing_found(&witness);
	}
}

/* Shows: listener-removal */
static void a_detached_endpoint_finds_nothing_in_unmap_and_mode(void **state)
{
	struct witness witness = { 0 };

	watch(&witness, *state);
	assert_int_equal(detach(*state, 1, EP), VIOMMU_S_OK);
	assert_nothing_found(&witness);
	assert_int_equal(witness.n_questions, 2);
}

/* Shows: listener-removal */
static void an_endpoint_between_two_domains_finds_neither(void **state)
{
	struct witness witness = { 0 };

	watch(&witness, *state);
	assert_int_equal(attach(*state, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(*state, 2, IOVA, IOVA + 0xfff, 2 * PHYS, R | W), VIOMMU_S_OK);
	assert_int_equal(attach(*state, 2, EP), VIOMMU_S_OK);
	assert_nothing_found(&witness);
	assert_string_equal(peek(*state, EP, IOVA, 1), "10000+1 rw");
}

/* Shows: listener-removal */
static void a_reset_device_finds_nothing_in_unmap_and_mode(void **state)
{
	struct witness witness = { 0 };
	struct rig *rig = *state;

	watch(&witness, rig);
	viommu_reset(rig->device);
	assert_nothing_found(&witness);
}

/* Shows: listener-removal */
static void a_removed_endpoint_finds_nothing_in_unmap_and_mode(void **state)
{
	struct witness witness = { 0 };
	struct rig *rig = *state;

	watch(&witness, rig);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_nothing_found(&witness);
}

/* Shows: listener-removal */
static void a_cleared_bypass_finds_nothing_in_mode(void **state)
{
	struct witness witness = { 0 };
	struct rig *rig = *state;

	watch(&witness, rig);
	write_bypass(rig, 1);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, IOVA, 1), "identity 1000+1 rw");
	witness.n_questions = witness.n_found = 0;
	write_bypass(rig, 0);
	assert_nothing_found(&witness);
}

/* Shows: listener-removal */
static void a_loaded_state_is_not_found_before_its_mode(void **state)
{
	struct witness witness = { 0 };
	struct rig *rig = *state;
	size_t length;
	void *saved;

	watch(&witness, rig);
	assert_int_equal(viommu_save(rig->device, &saved, &length), 0);
	write_bypass(rig, 1);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	witness.n_questions = witness.n_found = 0;
	assert_int_equal(viommu_load(rig->device, saved, length, NULL, 0), 0);
	free(saved);
	assert_nothing_found(&witness);
	assert_string_equal(peek(rig, EP, IOVA, 1), "8000+1 rw");
}

/* More than what may wait for one grace period. Shows: listener-removal */
static void very_many_mappings_are_each_unmapped_once(void **state)
{
	enum { N = 1100 };
	struct witness witness = { 0 };
	struct rig *rig = *state;

	watch(&witness, rig);
	for (uint64_t i = 1; i < N; i++)
		assert_int_equal(map(rig, 1, IOVA + i * PAGE, IOVA + i * PAGE + 0xfff, PHYS, R),
				 VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_int_equal(witness.n_questions, N);
	assert_int_equal(witness.n_found, 0);
	assert_string_equal(mappings(rig, 1), "");
}

/* -- a cache --------------------------------------------------------------------------- */

/* A cache of one entry, for IOVA: filled on a miss inside a DMA section, dropped by a callback. */
struct cache {
	struct viommu *device;
	atomic_ullong entry; /* physical address, or 0 */
	atomic_bool stop;
};

static void drop(struct cache *cache)
{
	atomic_store(&cache->entry, 0);
}

static void drop_unmapped(void *opaque, const struct viommu_mapping *mapping)
{
	if (mapping->first <= IOVA && IOVA <= mapping->last)
		drop(opaque);
}

static int drop_all(void *opaque, enum viommu_mode mode)
{
	(void)mode;
	drop(opaque);
	return 0;
}

static void *fill(void *opaque)
{
	struct cache *cache = opaque;
	struct viommu_translation to;
	struct viommu_dma *dma;

	assert_int_equal(viommu_dma_new(cache->device, &dma), 0);
	while (!atomic_load(&cache->stop)) {
		viommu_dma_begin(dma);
		if (!atomic_load(&cache->entry) &&
		    !viommu_dma_translate(dma, EP, IOVA, 1, R | VIOMMU_ACCESS_QUIET, &to))
			atomic_store(&cache->entry, to.address);
		viommu_dma_end(dma);
	}
	viommu_dma_free(dma);
	return NULL;
}

/* Removes the mapping in one of three ways. */
static void take_away(struct rig *rig, unsigned round)
{
	enum { BY_UNMAP, BY_DETACH, WAYS = 3 };

	if (round % WAYS == BY_UNMAP)
		assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	else if (round % WAYS == BY_DETACH)
		assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	else
		viommu_reset(rig->device);
}

/* Shows: listener-removal */
static void a_cache_that_follows_its_listener_is_never_stale(void **state)
{
#ifdef WITH_DRD
	enum { ROUNDS = 30 };
#else
	enum { ROUNDS = 3000 };
#endif
	static const struct viommu_listener_ops ops = { .size = sizeof(ops),
							.unmap = drop_unmapped,
							.mode = drop_all };
	struct rig *rig = *state;
	struct cache cache = { .device = rig->device };
	struct viommu_listener *listener;
	unsigned stale = 0;
	pthread_t thread;

	assert_int_equal(viommu_listen(rig->device, EP, &ops, &cache, &listener), 0);
	assert_int_equal(pthread_create(&thread, NULL, fill, &cache), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		viommu_accept(rig->device, viommu_features(rig->device));
		assert_int_equal(map(rig, 1, IOVA, IOVA + 0xfff, PHYS + round * PAGE, R),
				 VIOMMU_S_OK);
		take_away(rig, round);
		stale += atomic_load(&cache.entry) != 0;
		viommu_reset(rig->device);
		viommu_accept(rig->device, viommu_features(rig->device));
	}
	atomic_store(&cache.stop, true);
	pthread_join(thread, NULL);
	viommu_unlisten(listener);
	assert_int_equal(stale, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(an_unmapped_range_is_not_found_in_unmap),
		ON_A_FRESH_DEVICE(an_unmapped_range_is_not_found_in_unmap_at_the_limit_of_memory),
		ON_A_FRESH_DEVICE(a_detached_endpoint_finds_nothing_in_unmap_and_mode),
		ON_A_FRESH_DEVICE(an_endpoint_between_two_domains_finds_neither),
		ON_A_FRESH_DEVICE(a_reset_device_finds_nothing_in_unmap_and_mode),
		ON_A_FRESH_DEVICE(a_removed_endpoint_finds_nothing_in_unmap_and_mode),
		ON_A_FRESH_DEVICE(a_cleared_bypass_finds_nothing_in_mode),
		ON_A_FRESH_DEVICE(a_loaded_state_is_not_found_before_its_mode),
		ON_A_FRESH_DEVICE(very_many_mappings_are_each_unmapped_once),
		cmocka_unit_test_setup_teardown(a_cache_that_follows_its_listener_is_never_stale,
						plug, unplug),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
