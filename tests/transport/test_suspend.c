/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver that suspends the device and resumes it. virtio 1.4, 3.4 "Device Suspend". */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rig.h"

#define ALIVE (ACKNOWLEDGE | DRIVER | FEATURES_OK)

static const struct variant kinds[] = {
	{ "split", F_SUSPEND, 16 },
	{ "split, event index", F_SUSPEND | F_EVENT_INDEX, 16 },
	{ "packed", F_SUSPEND | F_PACKED, 16 },
	{ "packed, event index", F_SUSPEND | F_PACKED | F_EVENT_INDEX, 16 },
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* The rig's window, which offers VIRTIO_F_SUSPEND. */
static int suspend_setup(void **state)
{
	static const struct viommu_mmio_config config = { .size = sizeof(config), .suspend = true };

	return rig_setup_with(state, &config);
}

static void suspend(struct rig *rig)
{
	store(&rig->window, STATUS, ALIVE | DRIVER_OK | SUSPEND);
}

static void resume(struct rig *rig)
{
	store(&rig->window, STATUS, ALIVE | SUSPEND | DRIVER_OK);
}

/* Shows: suspend-status */
static void the_status_says_whether_the_device_is_suspended(void **state)
{
	struct rig *rig = *state;

	driver_start(rig, &kinds[0]);
	suspend(rig);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | SUSPEND);
	suspend(rig);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | DRIVER_OK);
	suspend(rig);
	store(&rig->window, STATUS, ALIVE | SUSPEND);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | SUSPEND);
	resume(rig);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | DRIVER_OK);
	attach_and_map(rig);
}

/* Shows: suspend-offered */
static void suspend_is_offered_by_choice(void **state)
{
	static const struct viommu_mmio_config config = { .size = sizeof(config) };
	struct rig *rig = *state;
	struct viommu_mmio *other;
	struct window window;

	assert_true(offered_features(&rig->window) & F_SUSPEND);
	assert_int_equal(viommu_mmio_new(NULL, &config, &rig_ops, rig, &other), 0);
	window = window_of(other);
	assert_false(offered_features(&window) & F_SUSPEND);
	viommu_mmio_free(other);
}

/* Shows: suspend-not-initialized */
static void a_device_that_does_not_run_ignores_suspend(void **state)
{
	static const uint8_t early[] = { 0, ACKNOWLEDGE, ACKNOWLEDGE | DRIVER, ALIVE };
	struct rig *rig = *state;

	for (size_t i = 0; i < sizeof(early); i++) {
		negotiate(&rig->window, 0);
		store(&rig->window, DRIVER_FEATURES_SEL, 1);
		store(&rig->window, DRIVER_FEATURES, (F_VERSION_1 | F_SUSPEND) >> 32);
		store(&rig->window, STATUS, early[i]);
		store(&rig->window, STATUS, early[i] | SUSPEND);
		assert_false(load(&rig->window, STATUS) & SUSPEND);
	}
	store(&rig->window, STATUS, ALIVE | DRIVER_OK | SUSPEND);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | DRIVER_OK);
}

/* Shows: suspend-not-accepted */
static void suspend_needs_its_feature(void **state)
{
	static const struct variant plain = { "split", 0, 16 };
	struct rig *rig = *state;

	driver_start(rig, &plain);
	suspend(rig);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | DRIVER_OK);
	attach_and_map(rig);
}

/* A copy of what is not the device's to change while it is suspended. */
static void copy_memory(struct rig *rig, uint8_t *to)
{
	memcpy(to, guest_at(&rig->guest, LOW_MEMORY), MEMORY_LENGTH);
	memcpy(to + MEMORY_LENGTH, guest_at(&rig->guest, HIGH_MEMORY), MEMORY_LENGTH);
}

/* Shows: suspend-queues */
static void a_suspended_device_does_not_touch_its_queues(void **state)
{
	struct rig *rig = *state;
	uint8_t *before = malloc(2 * MEMORY_LENGTH), *after = malloc(2 * MEMORY_LENGTH);
	uint64_t address;

	assert_non_null(before);
	assert_non_null(after);
	for (size_t i = 0; i < N_KINDS; i++) {
		driver_start(rig, &kinds[i]);
		attach_and_map(rig);
		add_event_buffer(rig, EVENTS_AT, VIOMMU_FAULT_LENGTH);
		store(&rig->window, INTERRUPT_ACK, 3);
		suspend(rig);
		post_unmap(rig, IOVA);
		ring_offer(rig->requests);
		copy_memory(rig, before);
		store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
		assert_int_equal(reach(rig, IOVA + PAGE, &address), -EFAULT);
		copy_memory(rig, after);
		assert_memory_equal(before, after, 2 * MEMORY_LENGTH);
		assert_false(rig->level);
		assert_int_equal(reach(rig, IOVA, &address), 0);
	}
	free(before);
	free(after);
}

/* What was offered before, or by a driver that does not keep its rule, is found. Shows:
 * suspend-resume */
static void a_device_that_resumes_serves_what_it_finds(void **state)
{
	struct rig *rig = *state;
	uint64_t address;

	for (size_t i = 0; i < N_KINDS; i++) {
		driver_start(rig, &kinds[i]);
		attach_and_map(rig);
		suspend(rig);
		post_unmap(rig, IOVA);
		ring_offer(rig->requests);
		store(&rig->window, INTERRUPT_ACK, 3);
		ring_interrupts(rig->requests, true);
		resume(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_true(rig->level);
		assert_int_equal(reach(rig, IOVA, &address), -EFAULT);
	}
}

/* Shows: suspend-config-write */
static void a_suspended_device_ignores_writes_to_its_configuration(void **state)
{
	struct rig *rig = *state;
	uint64_t generation;

	driver_start(rig, &kinds[0]);
	suspend(rig);
	generation = load(&rig->window, CONFIG_GENERATION);
	viommu_mmio_write(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1, 1);
	assert_int_equal(viommu_mmio_read(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1), 0);
	assert_int_equal(load(&rig->window, CONFIG_GENERATION), generation);
	resume(rig);
	viommu_mmio_write(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1, 1);
	assert_int_equal(viommu_mmio_read(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1), 1);
}

/* Shows: suspend-config-notification */
static void a_notification_of_the_configuration_waits_for_the_driver(void **state)
{
	struct rig *rig = *state;

	driver_start(rig, &kinds[0]);
	suspend(rig);
	rig->guest.regions[1].read_only = true;
	viommu_mmio_memory_changed(rig->mmio);
	rig->guest.regions[1].read_only = false;
	assert_int_equal(load(&rig->window, STATUS), ALIVE | SUSPEND | NEEDS_RESET);
	assert_int_equal(load(&rig->window, INTERRUPT_STATUS), 0);
	assert_false(rig->level);
	resume(rig);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | DRIVER_OK | NEEDS_RESET);
	assert_int_equal(load(&rig->window, INTERRUPT_STATUS), 2);
	assert_true(rig->level);
}

static void *suspend_on(void *opaque)
{
	suspend(opaque);
	return NULL;
}

/* A DMA section that the requests in progress wait for. */
struct scene {
	struct rig *rig;
	struct viommu_dma *dma;
	pthread_t kicker, suspender;
};

static void *kick_on(void *opaque)
{
	struct scene *scene = opaque;

	kick(scene->rig);
	return NULL;
}

/* Shows: suspend-waits */
static void suspend_waits_for_requests_in_progress_and_their_notification(void **state)
{
	struct rig *rig = *state;
	const struct timespec a_while = { .tv_nsec = 20000000 };
	struct scene scene = { .rig = rig };
	struct viommu_translation to;
	uint64_t address;

	driver_start(rig, &kinds[0]);
	attach_and_map(rig);
	store(&rig->window, INTERRUPT_ACK, 3);
	assert_int_equal(viommu_dma_new(rig->device, &scene.dma), 0);
	viommu_dma_begin(scene.dma);
	assert_int_equal(viommu_dma_translate(scene.dma, ENDPOINT, IOVA, 1, R, &to), 0);
	post_unmap(rig, IOVA);
	assert_int_equal(pthread_create(&scene.kicker, NULL, kick_on, &scene), 0);
	while (!reach(rig, IOVA, &address)) /* until the UNMAP waits for the section */
		sched_yield();
	assert_int_equal(pthread_create(&scene.suspender, NULL, suspend_on, rig), 0);
	nanosleep(&a_while, NULL);
	assert_false(rig->level);
	viommu_dma_end(scene.dma);
	pthread_join(scene.suspender, NULL);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | SUSPEND);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_true(rig->level);
	pthread_join(scene.kicker, NULL);
	viommu_dma_free(scene.dma);
}

static void a_reset_ends_the_suspension(void **state)
{
	struct rig *rig = *state;

	driver_start(rig, &kinds[0]);
	suspend(rig);
	store(&rig->window, STATUS, 0);
	assert_int_equal(load(&rig->window, STATUS), 0);
	driver_start(rig, &kinds[1]);
	attach_and_map(rig);
}

/* The driver resumes the device on another host. */
static void a_suspended_device_is_suspended_after_it_was_loaded(void **state)
{
	static const struct viommu_mmio_config config = { .size = sizeof(config), .suspend = true };
	static const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = ENDPOINT };
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	struct viommu_mmio *other;
	size_t length;
	void *bytes;
	uint64_t address;

	driver_start(rig, &kinds[2]);
	attach_and_map(rig);
	suspend(rig);
	assert_int_equal(viommu_mmio_save(rig->mmio, &bytes, &length), 0);
	assert_int_equal(viommu_mmio_new(NULL, &config, &rig_ops, rig, &other), 0);
	viommu_mmio_free(rig->mmio);
	rig->mmio = other;
	rig->device = viommu_mmio_device(other);
	rig->window = window_of(other);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	if (viommu_mmio_load(other, bytes, length, reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_int_equal(load(&rig->window, STATUS), ALIVE | SUSPEND);
	resume(rig);
	post_unmap(rig, IOVA);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(reach(rig, IOVA, &address), -EFAULT);
	free(bytes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, suspend_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_status_says_whether_the_device_is_suspended),
		TEST(suspend_is_offered_by_choice),
		TEST(a_device_that_does_not_run_ignores_suspend),
		TEST(suspend_needs_its_feature),
		TEST(a_suspended_device_does_not_touch_its_queues),
		TEST(a_device_that_resumes_serves_what_it_finds),
		TEST(a_suspended_device_ignores_writes_to_its_configuration),
		TEST(a_notification_of_the_configuration_waits_for_the_driver),
		TEST(suspend_waits_for_requests_in_progress_and_their_notification),
		TEST(a_reset_ends_the_suspension),
		TEST(a_suspended_device_is_suspended_after_it_was_loaded),
	};

	return cmocka_run_group_tests_name("transport: suspend", tests, NULL, NULL);
}
