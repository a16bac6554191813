/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the guest sees of a batch that waits for a DMA section: nothing, until the section ends.
 */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "rig.h"

struct scene {
	struct viommu_dma *dma;
	pthread_t kicking, resetting;
};

static void *kick_unmap(void *opaque)
{
	kick(opaque);
	return NULL;
}

static void *reset_window(void *opaque)
{
	struct rig *rig = opaque;

	store(&rig->window, STATUS, 0);
	return NULL;
}

static void wait_a_while(void)
{
	static const struct timespec a_while = { .tv_nsec = 50000000 };

	nanosleep(&a_while, NULL);
}

/* An endpoint is in the middle of an access while the driver unmaps what it accesses. */
static void begin(struct scene *scene, struct rig *rig)
{
	struct viommu_translation to;
	uint64_t address;

	driver_start(rig, &variants[0]);
	attach_and_map(rig);
	store(&rig->window, INTERRUPT_ACK, load(&rig->window, INTERRUPT_STATUS));
	assert_int_equal(viommu_dma_new(rig->device, &scene->dma), 0);
	viommu_dma_begin(scene->dma);
	assert_int_equal(viommu_dma_translate(scene->dma, ENDPOINT, IOVA, 1, R, &to), 0);
	post_unmap(rig, IOVA);
	assert_int_equal(pthread_create(&scene->kicking, NULL, kick_unmap, rig), 0);
	while (!reach(rig, IOVA, &address)) /* until the UNMAP waits for the section */
		sched_yield();
}

static void end(struct scene *scene)
{
	viommu_dma_end(scene->dma);
	pthread_join(scene->kicking, NULL);
	viommu_dma_free(scene->dma);
}

static void the_used_ring_shows_an_unmap_after_its_sections_only(void **state)
{
	struct rig *rig = *state;
	struct scene scene;
	uint32_t length;
	void *token;

	begin(&scene, rig);
	assert_int_equal(ring_take(rig->requests, &token, &length), 0);
	end(&scene);
	assert_int_equal(ring_take(rig->requests, &token, &length), 1);
}

static void a_reset_that_overlaps_a_batch_is_followed_by_no_interrupt(void **state)
{
	struct rig *rig = *state;
	struct scene scene;
	unsigned rises;

	begin(&scene, rig);
	rises = rig->rises;
	assert_int_equal(pthread_create(&scene.resetting, NULL, reset_window, rig), 0);
	wait_a_while();
	end(&scene);
	pthread_join(scene.resetting, NULL);
	assert_int_equal(rig->rises, rises);
	assert_int_equal(load(&rig->window, INTERRUPT_STATUS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_used_ring_shows_an_unmap_after_its_sections_only, rig_setup,
			rig_teardown),
		cmocka_unit_test_setup_teardown(
			a_reset_that_overlaps_a_batch_is_followed_by_no_interrupt, rig_setup,
			rig_teardown),
	};

	return cmocka_run_group_tests_name("batch", tests, NULL, NULL);
}
