/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both formats of virtqueue, with and without indirect descriptors and event index,
 * between the driver of machine/ring.c and the echo device.
 * virtio 1.3, "Split Virtqueues", "Packed Virtqueues".
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "echo.h"

#define N_REQUESTS   5000
#define SLOT_LENGTH  256
#define MAX_BUFFERS  4
#define BUFFER_BYTES 24

/* A request under way: what was sent of it. */
struct slot {
	uint64_t address;
	uint32_t length;
	unsigned number;
	bool busy;
};

/* A driver that keeps as much under way as its ring takes. */
struct driver {
	struct echo *echo;
	const struct variant *variant;
	struct ring *ring;
	struct slot slots[1024];
	uint32_t seed;
	unsigned sent, received, notified;
};

static uint8_t pattern(unsigned number, uint32_t at)
{
	return (uint8_t)(number * 7 + at);
}

/* One to four buffers: half of them to be read, of random lengths, the others to fill. */
static bool send_one(struct driver *driver)
{
	struct slot *slot = &driver->slots[driver->sent % driver->variant->size];
	struct ring_buffer buffers[2 * MAX_BUFFERS];
	unsigned n = 1 + below(&driver->seed, MAX_BUFFERS / 2);
	uint64_t in = DATA_AT + (driver->sent % driver->variant->size) * SLOT_LENGTH;
	uint64_t out = in + SLOT_LENGTH / 2;
	uint8_t *bytes = guest_at(&driver->echo->guest, in);

	if (slot->busy)
		return false;
	slot->length = 0;
	slot->number = driver->sent;
	slot->address = out;
	for (unsigned i = 0; i < n; i++) {
		uint32_t length = 1 + below(&driver->seed, BUFFER_BYTES);

		buffers[i] = (struct ring_buffer){ in + slot->length, length, false };
		buffers[n + i] = (struct ring_buffer){ out + slot->length, length, true };
		slot->length += length;
	}
	for (uint32_t i = 0; i < slot->length; i++)
		bytes[i] = pattern(slot->number, i);
	if (ring_add(driver->ring, buffers, 2 * n, slot))
		return false;
	slot->busy = true;
	driver->sent++;
	return true;
}

static void check_echo(struct driver *driver, struct slot *slot, uint32_t length)
{
	const uint8_t *bytes = guest_at(&driver->echo->guest, slot->address);

	if (slot->number != driver->received || !slot->busy || length != slot->length)
		fail_msg("%s: request %u came back as %u", driver->variant->name, driver->received,
			 slot->number);
	for (uint32_t i = 0; i < length; i++)
		assert_int_equal(bytes[i], pattern(slot->number, i));
	slot->busy = false;
	driver->received++;
}

static unsigned receive(struct driver *driver)
{
	unsigned n = 0;
	uint32_t length;
	void *token;
	int found;

	while ((found = ring_take(driver->ring, &token, &length)) > 0) {
		check_echo(driver, token, length);
		n++;
	}
	assert_int_equal(found, 0);
	return n;
}

static void driver_open(struct driver *driver, struct echo *echo, const struct variant *variant)
{
	memset(driver, 0, sizeof(*driver));
	driver->echo = echo;
	driver->variant = variant;
	driver->seed = 1;
	driver->ring = echo_start(echo, variant);
}

/* Requests come back in the order in which they were sent, with what was in them, over
 * hundreds of rounds of the ring. Shows: packed-order, packed-list-order */
static void every_request_comes_back_whole_and_in_order(void **state)
{
	struct echo *echo = *state;
	struct driver driver;

	for (size_t v = 0; v < n_variants; v++) {
		driver_open(&driver, echo, &variants[v]);
		while (driver.received < N_REQUESTS) {
			unsigned batch = 1 + below(&driver.seed, variants[v].size);

			while (batch-- && send_one(&driver))
				;
			if (ring_offer(driver.ring))
				store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
			receive(&driver);
			if (driver.sent != driver.received)
				fail_msg("%s: a notification is missing", variants[v].name);
		}
		assert_false(needs_reset(&echo->window));
		ring_free(driver.ring);
	}
}

/* Split indices are 16 bits wide, and go round once in 65536 requests. */
static void sixteen_bit_indices_wrap(void **state)
{
	static const struct variant variant = { "split, event index", F_EVENT_INDEX, 2 };
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &variant);

	for (unsigned i = 0; i < 70000; i++)
		if (!echo_works(echo, ring))
			fail_msg("request %u was lost", i);
	ring_free(ring);
}

/* "the maximum number of descriptors in a list is the virtqueue size": that many still fit,
 * in the ring and, where there are tables, in a table. Shows: chain-limit */
static void a_chain_may_fill_the_queue(void **state)
{
	struct ring_buffer buffers[RING_TABLE_ENTRIES];
	struct echo *echo = *state;

	for (size_t v = 0; v < n_variants; v++) {
		struct variant variant = variants[v];
		uint32_t length = 0;
		struct ring *ring;
		void *token;

		variant.size = RING_TABLE_ENTRIES;
		ring = echo_start(echo, &variant);
		for (unsigned i = 0; i < RING_TABLE_ENTRIES; i++)
			buffers[i] = (struct ring_buffer){ DATA_AT + i * PAGE, 8,
							   i >= RING_TABLE_ENTRIES / 2 };
		assert_int_equal(ring_add(ring, buffers, RING_TABLE_ENTRIES, NULL), 0);
		ring_offer(ring);
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
		assert_int_equal(ring_take(ring, &token, &length), 1);
		assert_int_equal(length, 8 * RING_TABLE_ENTRIES / 2);
		ring_free(ring);
	}
}

/* For the guest a buffer is contiguous; for the VMM it may be in two regions. */
static void a_buffer_may_cross_from_one_region_into_the_next(void **state)
{
	static const char text[] = "over the border";
	static const struct ring_buffer buffers[] = {
		{ HIGH_MEMORY - 5, sizeof(text), false },
		{ HIGH_MEMORY - PAGE, 1, true },
		{ HIGH_MEMORY - PAGE + 2, sizeof(text) - 1, true },
	};
	struct echo *echo = *state;
	uint32_t length = 0;
	void *token;

	for (size_t v = 0; v < n_variants; v++) {
		struct ring *ring = echo_start(echo, &variants[v]);

		memcpy(guest_at(&echo->guest, HIGH_MEMORY - 5), text, 5);
		memcpy(guest_at(&echo->guest, HIGH_MEMORY), text + 5, sizeof(text) - 5);
		assert_int_equal(ring_add(ring, buffers, 3, NULL), 0);
		ring_offer(ring);
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
		assert_int_equal(ring_take(ring, &token, &length), 1);
		assert_int_equal(length, sizeof(text));
		assert_int_equal(echo->last_readable, 2);
		assert_int_equal(echo->last_writable, 2);
		assert_string_equal((char *)guest_at(&echo->guest, HIGH_MEMORY - PAGE + 2),
				    text + 1);
		ring_free(ring);
	}
}

/* A driver that polls says so, and is not interrupted. Shows: packed-event */
static void interrupts_can_be_turned_off(void **state)
{
	struct echo *echo = *state;

	for (size_t v = 0; v < n_variants; v++) {
		struct ring *ring = echo_start(echo, &variants[v]);

		ring_interrupts(ring, false);
		for (unsigned i = 0; i < 3; i++)
			assert_true(echo_works(echo, ring));
		if (load(&echo->window, INTERRUPT_STATUS))
			fail_msg("%s: interrupted", variants[v].name);
		assert_false(ring_interrupts(ring, true));
		assert_true(echo_works(echo, ring));
		if (load(&echo->window, INTERRUPT_STATUS) != 1)
			fail_msg("%s: not interrupted", variants[v].name);
		ring_free(ring);
	}
}

/* "If the idx field in the used ring (which determined where that descriptor index was placed)
 * was equal to used_event, the device MUST send a notification. Otherwise the device SHOULD
 * NOT". And so for packed rings, by entry; here every request has one. Shows: split-used-event,
 * packed-event */
static void the_event_index_decides_when_to_interrupt(void **state)
{
	static const struct variant with_event[] = {
		{ "split", F_EVENT_INDEX | F_INDIRECT, 8 },
		{ "packed", F_PACKED | F_EVENT_INDEX | F_INDIRECT, 8 },
		{ "packed, odd", F_PACKED | F_EVENT_INDEX | F_INDIRECT, 5 },
	};
	struct echo *echo = *state;

	for (size_t v = 0; v < sizeof(with_event) / sizeof(with_event[0]); v++) {
		struct ring *ring = echo_start(echo, &with_event[v]);
		uint32_t seed = 3;

		for (unsigned round = 0; round < 100; round++) {
			unsigned wanted = 1 + below(&seed, with_event[v].size);

			ring_interrupt_after(ring, (uint16_t)wanted);
			for (unsigned i = 1; i <= wanted; i++) {
				assert_true(echo_works(echo, ring));
				if (load(&echo->window, INTERRUPT_STATUS) != (i == wanted))
					fail_msg("%s: %u of %u", with_event[v].name, i, wanted);
			}
			store(&echo->window, INTERRUPT_ACK, 1);
		}
		ring_free(ring);
	}
}

/* All that one notification was about comes back with one interrupt. */
static void a_batch_is_one_interrupt(void **state)
{
	struct echo *echo = *state;
	struct driver driver;

	for (size_t v = 0; v < n_variants; v++) {
		unsigned before = echo->interrupts;

		driver_open(&driver, echo, &variants[v]);
		while (send_one(&driver))
			;
		assert_true(ring_offer(driver.ring));
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
		assert_int_equal(receive(&driver), driver.sent);
		assert_int_equal(echo->interrupts, before + 1);
		ring_free(driver.ring);
	}
}

/* The driver sends no notification when the device has asked for none, and that it has
 * only while it is at work: "The device MUST handle spurious notifications". Shows:
 * spurious-notifications */
static void notifications_are_wanted_whenever_the_device_rests(void **state)
{
	struct echo *echo = *state;

	for (size_t v = 0; v < n_variants; v++) {
		struct ring *ring = echo_start(echo, &variants[v]);
		const struct ring_buffer one = { DATA_AT, 1, false };
		uint32_t length;
		void *token;

		for (unsigned i = 0; i < 3u * variants[v].size; i++) {
			assert_int_equal(ring_add(ring, &one, 1, NULL), 0);
			assert_true(ring_offer(ring));
			for (unsigned spurious = 0; spurious < 3; spurious++)
				store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
			assert_int_equal(ring_take(ring, &token, &length), 1);
			assert_int_equal(length, 0);
		}
		ring_free(ring);
	}
}

/* Deliveries need no notification: the driver has put buffers there, and waits. */
static void deliveries_use_buffers_without_a_notification(void **state)
{
	struct echo *echo = *state;
	const struct ring_buffer buffers[] = { { DATA_AT, 4, true }, { DATA_AT + PAGE, 8, true } };

	for (size_t v = 0; v < n_variants; v++) {
		struct ring *ring = variant_ring(&echo->guest, &variants[v], RING_AT);
		uint32_t length = 0;
		void *token;

		assert_true(negotiate(&echo->window, variants[v].features | F_VERSION_1));
		assert_true(ready_ring(&echo->window, DELIVER_QUEUE, variants[v].size, ring));
		driver_ok(&echo->window);
		assert_int_equal(service_deliver(&echo->virtio, DELIVER_QUEUE, "news", 5), -105);
		assert_int_equal(ring_add(ring, buffers, 2, NULL), 0);
		ring_offer(ring);
		assert_int_equal(service_deliver(&echo->virtio, DELIVER_QUEUE, "breaks", 6), 0);
		assert_int_equal(ring_take(ring, &token, &length), 1);
		assert_int_equal(length, 6);
		assert_memory_equal(guest_at(&echo->guest, DATA_AT), "brea", 4);
		assert_memory_equal(guest_at(&echo->guest, DATA_AT + PAGE), "ks", 2);
		ring_free(ring);
	}
}

/* A delivery that does not fit is not cut: the buffer goes back empty. */
static void a_short_buffer_comes_back_empty(void **state)
{
	struct echo *echo = *state;
	const struct ring_buffer small = { DATA_AT, 3, true };
	struct ring *ring = variant_ring(&echo->guest, &variants[0], RING_AT);
	uint32_t length = 1;
	void *token;

	assert_true(negotiate(&echo->window, variants[0].features | F_VERSION_1));
	assert_true(ready_ring(&echo->window, DELIVER_QUEUE, variants[0].size, ring));
	driver_ok(&echo->window);
	assert_int_equal(ring_add(ring, &small, 1, NULL), 0);
	ring_offer(ring);
	assert_int_equal(service_deliver(&echo->virtio, DELIVER_QUEUE, "news", 4), -105);
	assert_int_equal(ring_take(ring, &token, &length), 1);
	assert_int_equal(length, 0);
	assert_int_equal(*(uint8_t *)guest_at(&echo->guest, DATA_AT), 0);
	ring_free(ring);
}

/* -- a driver and a device that run at the same time ------------------------------------ */

#define N_RACING 4000

struct race {
	struct driver driver;
	atomic_uint notifications;
	atomic_bool done;
};

/* The other virtual CPU: it only notifies, when the driver tells it to. */
static void *notifier(void *opaque)
{
	struct race *race = opaque;
	unsigned seen = 0;

	while (!race->done) {
		if (race->notifications == seen) {
			sched_yield();
			continue;
		}
		seen = race->notifications;
		store(&race->driver.echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	}
	return NULL;
}

/* Sleep until the line is high, and acknowledge: an interrupt that is lost hangs the test. */
static void wait_for_interrupt(struct race *race)
{
	struct echo *echo = race->driver.echo;

	if (ring_interrupts(race->driver.ring, true))
		return;
	while (!echo->level)
		sched_yield();
	store(&echo->window, INTERRUPT_ACK, 1);
}

/* While the device serves, the driver offers more; neither waits for what the other did not
 * promise. No notification and no interrupt gets lost between the two. */
static void nothing_is_lost_between_driver_and_device(void **state)
{
	static struct race race;
	struct echo *echo = *state;
	pthread_t thread;

	for (size_t v = 0; v < n_variants; v++) {
		driver_open(&race.driver, echo, &variants[v]);
		race.done = false;
		race.notifications = 0;
		assert_int_equal(pthread_create(&thread, NULL, notifier, &race), 0);
		while (race.driver.received < N_RACING) {
			unsigned batch = 1 + below(&race.driver.seed, 3);

			while (batch-- && send_one(&race.driver))
				;
			if (ring_offer(race.driver.ring))
				race.notifications++;
			ring_interrupts(race.driver.ring, false);
			if (!receive(&race.driver))
				wait_for_interrupt(&race);
		}
		race.done = true;
		pthread_join(thread, NULL);
		assert_false(needs_reset(&echo->window));
		ring_free(race.driver.ring);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, echo_setup, echo_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_request_comes_back_whole_and_in_order),
		TEST(sixteen_bit_indices_wrap),
		TEST(a_chain_may_fill_the_queue),
		TEST(a_buffer_may_cross_from_one_region_into_the_next),
		TEST(interrupts_can_be_turned_off),
		TEST(the_event_index_decides_when_to_interrupt),
		TEST(a_batch_is_one_interrupt),
		TEST(notifications_are_wanted_whenever_the_device_rests),
		TEST(deliveries_use_buffers_without_a_notification),
		TEST(a_short_buffer_comes_back_empty),
		TEST(nothing_is_lost_between_driver_and_device),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
