/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "rig.h"
#include "ring.h"

/*
 * A thread that polls the request queue: the driver need not notify it, and no request is lost
 */

#define LONG_NS  UINT64_C(3600000000000)
#define LIMIT    30   /* seconds, after which a request is lost */
#define N_POSTED 4000 /* requests of a guest that waits for each */
#define N_POLLED 100

/* Returns whether the driver is to notify of the posted request. */
static bool offer_map(struct rig *rig, uint64_t i)
{
	post_map(rig, IOVA + i * PAGE, PHYS, R);
	return ring_offer(rig->requests);
}

static void start(struct rig *rig, const struct variant *variant)
{
	driver_start(rig, variant);
	post_attach(rig);
	assert_true(ring_offer(rig->requests));
	assert_int_equal(viommu_mmio_poll(rig->mmio, LONG_NS), 0);
	assert_int_equal(status(rig), VIOMMU_S_OK);
}

static void while_it_is_polled_the_driver_need_not_notify(void **state)
{
	struct rig *rig = *state;

	for (size_t v = 0; v < n_variants; v++) {
		start(rig, &variants[v]);
		for (uint64_t i = 0; i < N_POLLED; i++) {
			assert_false(offer_map(rig, i));
			assert_int_equal(viommu_mmio_poll(rig->mmio, LONG_NS), 0);
			assert_int_equal(status(rig), VIOMMU_S_OK);
			assert_int_equal(viommu_mmio_poll(rig->mmio, LONG_NS), 0);
		}
	}
}

static void after_its_time_it_sleeps_and_the_driver_notifies(void **state)
{
	struct rig *rig = *state;

	for (size_t v = 0; v < n_variants; v++) {
		start(rig, &variants[v]);
		assert_true(viommu_mmio_poll(rig->mmio, 0) == VIOMMU_SLEEP);
		assert_true(offer_map(rig, 0));
		assert_int_equal(viommu_mmio_poll(rig->mmio, LONG_NS), 0);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_false(offer_map(rig, 1));
		assert_int_equal(viommu_mmio_poll(rig->mmio, LONG_NS), 0);
		assert_int_equal(status(rig), VIOMMU_S_OK);
	}
}

static void its_time_begins_with_the_last_request(void **state)
{
	struct rig *rig = *state;
	const struct timespec pause = { .tv_nsec = 2000000 };

	start(rig, &variants[0]);
	nanosleep(&pause, NULL);
	assert_false(offer_map(rig, 0));
	assert_int_equal(viommu_mmio_poll(rig->mmio, 1000000), 0);
	nanosleep(&pause, NULL);
	assert_true(viommu_mmio_poll(rig->mmio, 1000000) == VIOMMU_SLEEP);
}

/* Notifications were enabled, and a request comes before the device looks again. The driver has
 * seen them disabled. */
static void post_once(struct rig *rig, uint64_t address, uint64_t length)
{
	(void)address;
	(void)length;
	rig->written = NULL;
	offer_map(rig, 0);
}

static void a_request_that_comes_while_it_goes_to_sleep_is_not_lost(void **state)
{
	struct rig *rig = *state;

	for (size_t v = 0; v < n_variants; v++) {
		start(rig, &variants[v]);
		rig->written = post_once;
		assert_int_equal(viommu_mmio_poll(rig->mmio, 0), 0);
		assert_int_equal(viommu_mmio_poll(rig->mmio, 0), 0);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_true(viommu_mmio_poll(rig->mmio, 0) == VIOMMU_SLEEP);
	}
}

static void a_notification_meanwhile_is_served_and_does_not_end_it(void **state)
{
	struct rig *rig = *state;

	for (size_t v = 0; v < n_variants; v++) {
		start(rig, &variants[v]);
		offer_map(rig, 0);
		store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_false(offer_map(rig, 1));
		viommu_mmio_serve(rig->mmio);
		assert_int_equal(status(rig), VIOMMU_S_OK);
	}
}

static void a_broken_ring_is_found(void **state)
{
	struct rig *rig = *state;
	uint8_t *index;

	start(rig, &variants[0]);
	index = guest_at(&rig->guest, ring_address(rig->requests, RING_DRIVER_AREA) + 2);
	index[1] ^= 0x40;
	assert_int_equal(viommu_mmio_poll(rig->mmio, LONG_NS), 0);
	assert_true(needs_reset(&rig->window));
	assert_true(viommu_mmio_poll(rig->mmio, LONG_NS) == VIOMMU_SLEEP);
}

static void a_reset_ends_it(void **state)
{
	struct rig *rig = *state;

	start(rig, &variants[0]);
	store(&rig->window, STATUS, 0);
	assert_true(viommu_mmio_poll(rig->mmio, LONG_NS) == VIOMMU_SLEEP);
	driver_start(rig, &variants[0]);
	post_attach(rig);
	assert_true(ring_offer(rig->requests));
	store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_true(offer_map(rig, 0));
}

/* -- two threads --------------------------------------------------------------------- */

struct poller {
	struct rig *rig;
	uint64_t poll_ns;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool kicked, over;
	unsigned kicks;
};

static void wake(struct poller *poller, bool over)
{
	pthread_mutex_lock(&poller->lock);
	poller->kicked = true;
	poller->over = over;
	poller->kicks++;
	pthread_cond_signal(&poller->woken);
	pthread_mutex_unlock(&poller->lock);
}

/* Returns whether to go on. */
static bool sleep_until_woken(struct poller *poller)
{
	bool over;

	pthread_mutex_lock(&poller->lock);
	while (!poller->kicked)
		pthread_cond_wait(&poller->woken, &poller->lock);
	poller->kicked = false;
	over = poller->over;
	pthread_mutex_unlock(&poller->lock);
	return !over;
}

static void *poll_on(void *opaque)
{
	struct poller *poller = opaque;
	bool runs = true;

	while (runs)
		if (viommu_mmio_poll(poller->rig->mmio, poller->poll_ns) == VIOMMU_SLEEP)
			runs = sleep_until_woken(poller);
		else
			sched_yield();
	return NULL;
}

static void wait_for_answer(struct rig *rig)
{
	time_t limit = time(NULL) + LIMIT;
	uint32_t length;
	void *tail;

	while (!ring_take(rig->requests, &tail, &length)) {
		if (time(NULL) > limit)
			fail_msg("a request was not answered in %d s", LIMIT);
		sched_yield();
	}
	assert_int_equal(length, VIOMMU_TAIL_LENGTH);
	assert_int_equal(*(uint8_t *)tail, VIOMMU_S_OK);
}

/* The guest waits for each answer, as Linux does. Returns how often it notified. */
static unsigned play(struct rig *rig, const struct variant *variant, uint64_t poll_ns)
{
	struct poller poller = { .rig = rig,
				 .poll_ns = poll_ns,
				 .lock = PTHREAD_MUTEX_INITIALIZER,
				 .woken = PTHREAD_COND_INITIALIZER };
	pthread_t thread;

	start(rig, variant);
	assert_int_equal(pthread_create(&thread, NULL, poll_on, &poller), 0);
	for (unsigned i = 0; i < N_POSTED; i++) {
		if (i & 1)
			post_unmap(rig, IOVA);
		else
			post_map(rig, IOVA, PHYS, R);
		if (ring_offer(rig->requests))
			wake(&poller, false);
		wait_for_answer(rig);
	}
	poller.poll_ns = 0;
	wake(&poller, true);
	pthread_join(thread, NULL);
	return poller.kicks - 1;
}

static void no_request_is_lost_between_polling_and_sleep(void **state)
{
	static const uint64_t times[] = { 0, 200, 2000, 50000 };

	for (size_t v = 0; v < n_variants; v++)
		play(*state, &variants[v], times[v % (sizeof(times) / sizeof(times[0]))]);
}

static void a_guest_that_waits_for_each_answer_notifies_of_few(void **state)
{
	assert_in_range(play(*state, &variants[2], LONG_NS), 0, 1);
}

static int setup(void **state)
{
	const struct viommu_mmio_config config = { .size = sizeof(config), .queue_size = 1024 };

	return rig_setup_with(state, &config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, rig_teardown)
		TEST(while_it_is_polled_the_driver_need_not_notify),
		TEST(after_its_time_it_sleeps_and_the_driver_notifies),
		TEST(its_time_begins_with_the_last_request),
		TEST(a_request_that_comes_while_it_goes_to_sleep_is_not_lost),
		TEST(a_notification_meanwhile_is_served_and_does_not_end_it),
		TEST(a_broken_ring_is_found),
		TEST(a_reset_ends_it),
		TEST(no_request_is_lost_between_polling_and_sleep),
		TEST(a_guest_that_waits_for_each_answer_notifies_of_few),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
