/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "rig.h"

/*
 * Threads: translations and DMA sections concurrent with requests
 *
 * No test measures time. If one thread must have reached a point, a flag tells; forbidden results
 * are checked on both sides. The pages that threads write to are ordinary memory, so
 * ThreadSanitizer detects whether a request has waited for the users of a mapping that it removes.
 */

/* Under drd all threads take turns, and each is slow. */
#ifdef WITH_DRD
#define EFFORT 20
#else
#define EFFORT 1
#endif

enum { N_READERS = 3, ROUNDS = 40 / EFFORT, N_YIELDS = 50, N_SECTIONS = 8 };

#define IOVA 0x5000ull

/* One round's piece of guest memory; each reader writes to a slot of its own. */
struct page {
	unsigned written[N_READERS];
};

/* The endpoints that a section translates for, one after the other. */
static const struct plan {
	uint32_t endpoint[2];
} of_one_endpoint = { { EP, EP } };

struct scene {
	struct rig *rig;
	struct page pages[ROUNDS + 1];
	atomic_uint gone;  /* all rounds up to this one are unmapped, and must not be reached */
	atomic_uint wrong; /* what was found that must not be */
	atomic_bool over;
	atomic_uint next_slot;
	atomic_ulong reached;
	const struct plan *plans;
	size_t n_plans;
};

static struct scene *scene_new(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	scene->rig = *state;
	scene->plans = &of_one_endpoint;
	scene->n_plans = 1;
	return scene;
}

static void wrong_if(struct scene *scene, bool condition)
{
	if (condition)
		atomic_fetch_add(&scene->wrong, 1);
}

/* What a device does: translate and write. */
static void write_for(struct scene *scene, struct viommu_dma *dma, uint32_t endpoint, unsigned slot)
{
	unsigned gone = atomic_load(&scene->gone);
	struct viommu_translation t;

	if (viommu_dma_translate(dma, endpoint, IOVA, 1, W | VIOMMU_ACCESS_QUIET, &t))
		return;
	unsigned round = (unsigned)(t.address / PAGE);

	wrong_if(scene, round > ROUNDS || round <= gone);
	scene->pages[round <= ROUNDS ? round : 0].written[slot]++;
	wrong_if(scene, atomic_load(&scene->gone) >= round);
	atomic_fetch_add(&scene->reached, 1);
}

static void write_once(struct scene *scene, struct viommu_dma *dma, const struct plan *plan,
		       unsigned slot)
{
	viommu_dma_begin(dma);
	for (size_t i = 0; i < COUNT_OF(plan->endpoint); i++)
		if (!i || plan->endpoint[i] != plan->endpoint[0])
			write_for(scene, dma, plan->endpoint[i], slot);
	viommu_dma_end(dma);
}

static void *write_on(void *opaque)
{
	struct scene *scene = opaque;
	unsigned slot = atomic_fetch_add(&scene->next_slot, 1);
	struct viommu_dma *dma;

	if (viommu_dma_new(scene->rig->device, &dma)) {
		atomic_fetch_add(&scene->wrong, 1);
		return NULL;
	}
	while (!atomic_load(&scene->over)) {
		for (unsigned i = 0; i < N_SECTIONS; i++)
			write_once(scene, dma, &scene->plans[i % scene->n_plans], slot);
		sched_yield();
	}
	viommu_dma_free(dma);
	return NULL;
}

/* -- ways to take a mapping away, and to be able to map again ----------------------- */

static void by_unmap(struct rig *rig)
{
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
}

static void by_detach(struct rig *rig)
{
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
}

static void by_moving(struct rig *rig)
{
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
}

static void by_attaching_again(struct rig *rig)
{
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
}

static void by_reset(struct rig *rig)
{
	viommu_reset(rig->device);
	assert_int_equal(viommu_accept(rig->device, viommu_features(rig->device)), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
}

static void by_removal(struct rig *rig)
{
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP };

	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
}

static void run(struct scene *scene, void (*take_away)(struct rig *))
{
	pthread_t readers[N_READERS];

	assert_int_equal(attach(scene->rig, 1, EP), VIOMMU_S_OK);
	for (size_t i = 0; i < N_READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, write_on, scene), 0);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		unsigned long reached = atomic_load(&scene->reached);
		struct page *page = &scene->pages[round];

		assert_int_equal(map(scene->rig, 1, IOVA, IOVA + 0xfff, round * PAGE, W),
				 VIOMMU_S_OK);
		while (atomic_load(&scene->reached) == reached)
			sched_yield();
		take_away(scene->rig);
		atomic_store(&scene->gone, round);
		memset(page, 0, sizeof(*page));
	}
	atomic_store(&scene->over, true);
	for (size_t i = 0; i < N_READERS; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(atomic_load(&scene->wrong), 0);
	for (unsigned round = 1; round <= ROUNDS; round++)
		for (size_t i = 0; i < N_READERS; i++)
			assert_int_equal(scene->pages[round].written[i], 0);
}

/* Shows: dma-section, detach-effective, unmap-covered */
static void memory_is_no_longer_touched_when_its_mapping_is_gone(void **state)
{
	static void (*const ways[])(struct rig *) = {
		by_unmap, by_detach, by_moving, by_attaching_again, by_reset, by_removal,
	};

	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		struct scene *scene = scene_new(state);

		run(scene, ways[i]);
		replace(scene->rig, (struct viommu_config){ 0 });
		free(scene);
	}
}

/* -- sections of one endpoint, and of two ------------------------------------------------ */

/* Rounds take turns between two endpoints, and so between two domains. */
static void run_on_two(struct scene *scene, void (*take_away)(struct rig *, uint32_t, uint32_t))
{
	pthread_t writers[N_READERS];

	assert_int_equal(attach(scene->rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(scene->rig, 2, EP2), VIOMMU_S_OK);
	for (size_t i = 0; i < N_READERS; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, write_on, scene), 0);
	for (unsigned round = 1; round <= ROUNDS; round++) {
		unsigned long reached = atomic_load(&scene->reached);
		uint32_t domain = 1 + round % 2;

		assert_int_equal(map(scene->rig, domain, IOVA, IOVA + 0xfff, round * PAGE, W),
				 VIOMMU_S_OK);
		while (atomic_load(&scene->reached) == reached)
			sched_yield();
		take_away(scene->rig, domain, domain == 1 ? EP : EP2);
		atomic_store(&scene->gone, round);
		memset(&scene->pages[round], 0, sizeof(scene->pages[round]));
	}
	atomic_store(&scene->over, true);
	for (size_t i = 0; i < N_READERS; i++)
		pthread_join(writers[i], NULL);
	assert_int_equal(atomic_load(&scene->wrong), 0);
	for (unsigned round = 1; round <= ROUNDS; round++)
		for (size_t i = 0; i < N_READERS; i++)
			assert_int_equal(scene->pages[round].written[i], 0);
}

static void unmap_all(struct rig *rig, uint32_t domain, uint32_t endpoint)
{
	(void)endpoint;
	assert_int_equal(unmap(rig, domain, 0, TOP), VIOMMU_S_OK);
}

static void detach_and_attach(struct rig *rig, uint32_t domain, uint32_t endpoint)
{
	assert_int_equal(detach(rig, domain, endpoint), VIOMMU_S_OK);
	assert_int_equal(attach(rig, domain, endpoint), VIOMMU_S_OK);
}

/* So that there is something to reclaim in both domains. */
static void map_and_unmap_beside(struct rig *rig, uint32_t domain, uint32_t endpoint)
{
	for (uint64_t i = 8; i < 48; i++)
		for (uint32_t each = 1; each <= 2; each++)
			assert_int_equal(map(rig, each, i * PAGE, i * PAGE + 0xfff, 0, W),
					 VIOMMU_S_OK);
	unmap_all(rig, domain, endpoint);
	assert_int_equal(unmap(rig, 3 - domain, 0, TOP), VIOMMU_S_OK);
}

/* Shows: dma-section */
static void memory_is_no_longer_touched_whatever_endpoints_a_section_has(void **state)
{
	static const struct plan plans[] = {
		{ { EP, EP } },
		{ { EP2, EP } },
		{ { EP2, EP2 } },
		{ { EP, EP2 } },
	};
	static void (*const ways[])(struct rig *, uint32_t, uint32_t) = {
		unmap_all,
		detach_and_attach,
		map_and_unmap_beside,
	};

	for (size_t i = 0; i < COUNT_OF(ways); i++) {
		struct scene *scene = scene_new(state);

		scene->plans = plans;
		scene->n_plans = COUNT_OF(plans);
		run_on_two(scene, ways[i]);
		replace(scene->rig, (struct viommu_config){ 0 });
		free(scene);
	}
}

/* -- one section against one request --------------------------------------------------- */

struct duel {
	struct rig *rig;
	atomic_bool in_section, asked, done;
};

static void *unmap_in_thread(void *opaque)
{
	struct duel *duel = opaque;

	while (!atomic_load(&duel->in_section))
		sched_yield();
	atomic_store(&duel->asked, true);
	unmap(duel->rig, 1, 0, TOP);
	atomic_store(&duel->done, true);
	return NULL;
}

/* Shows: dma-section */
static void an_unmap_waits_for_a_section_that_began_before_it(void **state)
{
	struct duel duel = { .rig = *state };
	struct viommu_translation t;
	struct viommu_dma *dma;
	pthread_t thread;

	assert_int_equal(attach(duel.rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(duel.rig, 1, IOVA, IOVA + 0xfff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_dma_new(duel.rig->device, &dma), 0);
	assert_int_equal(pthread_create(&thread, NULL, unmap_in_thread, &duel), 0);
	viommu_dma_begin(dma);
	assert_int_equal(viommu_dma_translate(dma, EP, IOVA, 1, R, &t), 0);
	assert_int_equal(t.address, 0x8000);
	atomic_store(&duel.in_section, true);
	while (!atomic_load(&duel.asked))
		sched_yield();
	for (unsigned i = 0; i < N_YIELDS; i++) {
		sched_yield();
		assert_false(atomic_load(&duel.done));
	}
	viommu_dma_end(dma);
	pthread_join(thread, NULL);
	viommu_dma_begin(dma);
	assert_int_equal(viommu_dma_translate(dma, EP, IOVA, 1, R, &t), -EFAULT);
	viommu_dma_end(dma);
	viommu_dma_free(dma);
}

/* -- everything at once ----------------------------------------------------------------- */

/* In every domain an IOVA goes to itself plus a distance; anything else is a torn answer. */
static uint64_t distance(uint64_t domain)
{
	return domain << 32;
}

/* Two pages, in a section of a pass or without one. */
static int any_translation(struct viommu *device, struct viommu_dma *dma, uint32_t endpoint,
			   uint64_t iova, uint32_t access, struct viommu_translation *t)
{
	int error;

	if (!dma)
		return viommu_translate(device, endpoint, iova, 2 * PAGE, access, t);
	viommu_dma_begin(dma);
	error = viommu_dma_translate(dma, endpoint, iova, 2 * PAGE, access, t);
	viommu_dma_end(dma);
	return error;
}

static void *translate_on(void *opaque)
{
	static const uint32_t endpoints[] = { EP, EP2, EP3, NO_ENDPOINT };
	struct scene *scene = opaque;
	struct viommu *device = scene->rig->device;
	struct viommu_dma *dma = NULL;

	wrong_if(scene, viommu_dma_new(device, &dma));
	for (uint64_t i = 0; dma && !atomic_load(&scene->over); i++) {
		uint64_t iova = i % 16 * PAGE + 0x123;
		struct viommu_translation t;
		int error;

		if (i % N_SECTIONS == 0)
			sched_yield();
		error = any_translation(device, i / 64 % 2 ? dma : NULL, endpoints[i % 4], iova,
					i & (R | W), &t);

		if (error) {
			wrong_if(scene, error != -EFAULT && error != -ENOENT);
			continue;
		}
		wrong_if(scene, t.length == 0 || t.length > 2 * PAGE);
		wrong_if(scene, t.identity ? t.address != iova
					   : t.address != iova + distance(1) &&
						     t.address != iova + distance(2));
	}
	viommu_dma_free(dma);
	return NULL;
}

static void *observe(void *opaque)
{
	struct scene *scene = opaque;
	struct viommu *device = scene->rig->device;

	while (!atomic_load(&scene->over)) {
		struct viommu_counters now = { .size = sizeof(now) };
		struct viommu_fault faults[64];
		struct viommu_domain_state domain;
		struct viommu_endpoint_state endpoint;
		struct viommu_mapping mapping;
		uint8_t config[VIOMMU_CONFIG_LENGTH];

		sched_yield();
		viommu_count(device, &now);
		wrong_if(scene, now.domains > 2 || now.endpoints > 3 || now.mappings > 32);
		wrong_if(scene, now.faults_dropped != now.faults);
		viommu_config_read(device, 0, config, sizeof(config));
		wrong_if(scene, config[VIOMMU_CONFIG_BYPASS] > 1);
		viommu_last_faults(device, faults, COUNT_OF(faults));
		if (!viommu_next_domain(device, 0, &domain))
			wrong_if(scene, domain.n_endpoints == 0);
		if (!viommu_next_endpoint(device, EP2, &endpoint))
			wrong_if(scene, endpoint.attached && endpoint.domain > 2);
		if (!viommu_next_mapping(device, 1, 0, &mapping))
			wrong_if(scene, mapping.phys != mapping.first + distance(1));
	}
	return NULL;
}

/* Like rand(), and the same everywhere. */
static uint32_t draw(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 16;
}

static void any_request(struct rig *rig, uint32_t *seed)
{
	static const uint32_t endpoints[] = { EP, EP2, EP3 };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = EP3 };
	uint32_t domain = 1 + draw(seed) % 2, id = endpoints[draw(seed) % 3];
	uint64_t page = draw(seed) % 16 * PAGE;

	switch (draw(seed) % 16) {
	case 0:
	case 1:
		attach(rig, domain, id);
		break;
	case 2:
		attach_bypass(rig, domain, id);
		break;
	case 3:
		detach(rig, domain, id);
		break;
	case 4:
		unmap(rig, domain, page, page + 4 * PAGE - 1);
		break;
	case 5:
		write_bypass(rig, (uint8_t)(draw(seed) % 2));
		break;
	case 6:
		if (viommu_endpoint_remove(rig->device, EP3))
			viommu_endpoint_add(rig->device, &endpoint);
		break;
	case 7:
		if (draw(seed) % 16)
			break;
		viommu_reset(rig->device);
		viommu_accept(rig->device, viommu_features(rig->device));
		break;
	default:
		map(rig, domain, page, page + 0xfff, page + distance(domain), R | W);
		break;
	}
}

/* Shows: translate-whole */
static void no_translation_is_ever_torn(void **state)
{
	enum { N_REQUESTS = 2000 / EFFORT };
	struct scene *scene = scene_new(state);
	pthread_t threads[N_READERS];
	uint32_t seed = 1;

	scene->rig->event_buffers = 0;
	for (size_t i = 0; i < N_READERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, i ? translate_on : observe, scene), 0);
	for (unsigned i = 0; i < N_REQUESTS; i++)
		any_request(scene->rig, &seed);
	atomic_store(&scene->over, true);
	for (size_t i = 0; i < N_READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&scene->wrong), 0);
	free(scene);
}

/* Requests may come from several threads: each is executed whole. */
static void *map_and_unmap_on(void *opaque)
{
	struct scene *scene = opaque;
	uint64_t at = (uint64_t)atomic_fetch_add(&scene->next_slot, 1) * PAGE;

	for (unsigned i = 0; i < ROUNDS; i++) {
		wrong_if(scene, map(scene->rig, 1, at, at + 0xfff, at, R) != VIOMMU_S_OK);
		wrong_if(scene, unmap(scene->rig, 1, at, at + 0xfff) != VIOMMU_S_OK);
	}
	return NULL;
}

static void requests_from_several_threads_are_executed_one_after_the_other(void **state)
{
	struct scene *scene = scene_new(state);
	pthread_t threads[N_READERS];

	assert_int_equal(attach(scene->rig, 1, EP), VIOMMU_S_OK);
	for (size_t i = 0; i < N_READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, map_and_unmap_on, scene), 0);
	for (size_t i = 0; i < N_READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&scene->wrong), 0);
	assert_int_equal(counters(scene->rig).mappings, 0);
	assert_int_equal(counters(scene->rig).requests, 1 + N_READERS * ROUNDS * 2);
	free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			memory_is_no_longer_touched_when_its_mapping_is_gone, plug, unplug),
		cmocka_unit_test_setup_teardown(
			memory_is_no_longer_touched_whatever_endpoints_a_section_has, plug, unplug),
		cmocka_unit_test_setup_teardown(an_unmap_waits_for_a_section_that_began_before_it,
						plug, unplug),
		cmocka_unit_test_setup_teardown(no_translation_is_ever_torn, plug, unplug),
		cmocka_unit_test_setup_teardown(
			requests_from_several_threads_are_executed_one_after_the_other, plug,
			unplug),
	};

	return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
