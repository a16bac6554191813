/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device writes into rings, and in which order. virtio 1.4, 2.7 and 2.8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "echo.h"
#include "wire/layout.h"

#define TEXT   "to be echoed"
#define LENGTH (uint32_t)sizeof(TEXT)
#define OUT    (DATA_AT + PAGE)

enum { RING_FLAGS = 0, RING_INDEX = 2, RING_ENTRIES = 4, USED_LENGTH = 8, DESCRIPTOR = 16 };
enum { PACKED_LENGTH = 8, PACKED_FLAGS = 14, F_USED = 0x8000, EVENT_LENGTH = 4 };

static bool is_packed(const struct variant *variant)
{
	return variant->features & F_PACKED;
}

/* Offer one request without notifying of it. */
static void offer(struct echo *echo, struct ring *ring)
{
	static const struct ring_buffer buffers[] = { { DATA_AT, LENGTH, false },
						      { OUT, LENGTH, true } };

	memcpy(guest_at(&echo->guest, DATA_AT), TEXT, LENGTH);
	assert_int_equal(ring_add(ring, buffers, 2, NULL), 0);
	ring_offer(ring);
}

static void kick(struct echo *echo)
{
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
}

static bool is_in(uint64_t address, uint64_t first, uint64_t length)
{
	return address >= first && address - first < length;
}

/* May the device change this byte when it serves the first request of a ring? */
static bool may_write(const struct ring *ring, const struct variant *variant, uint64_t address)
{
	uint64_t device = ring_address(ring, RING_DEVICE_AREA);
	uint64_t descriptors = ring_address(ring, RING_DESCRIPTOR_AREA);

	if (is_in(address, OUT, LENGTH))
		return true;
	if (!is_packed(variant))
		return is_in(address, device, 6u + USED_LENGTH * variant->size);
	return is_in(address, device, EVENT_LENGTH) ||
	       is_in(address, descriptors + PACKED_LENGTH, DESCRIPTOR - PACKED_LENGTH);
}

/* Shows: split-descriptors-read-only, readable-buffers, packed-used-once */
static void the_device_writes_used_elements_and_writable_buffers_only(void **state)
{
	struct echo *echo = *state;
	uint8_t *before = malloc(MEMORY_LENGTH);
	const uint8_t *memory = guest_at(&echo->guest, LOW_MEMORY);

	assert_non_null(before);
	for (size_t v = 0; v < n_variants; v++) {
		struct ring *ring = echo_start(echo, &variants[v]);

		offer(echo, ring);
		memcpy(before, memory, MEMORY_LENGTH);
		kick(echo);
		for (uint64_t i = 0; i < MEMORY_LENGTH; i++)
			if (memory[i] != before[i] &&
			    !may_write(ring, &variants[v], LOW_MEMORY + i))
				fail_msg("%s: wrote 0x%llx", variants[v].name, LOW_MEMORY + i);
		assert_memory_equal(guest_at(&echo->guest, OUT), TEXT, LENGTH);
		ring_free(ring);
	}
	free(before);
}

/* What the device has written so far, for one request. */
struct order {
	struct echo *echo;
	struct ring *ring;
	bool packed, answered, has_element, used;
};

static bool is_used(const struct order *order)
{
	uint64_t address =
		ring_address(order->ring, order->packed ? RING_DESCRIPTOR_AREA : RING_DEVICE_AREA);
	const uint8_t *at = guest_at(&order->echo->guest, address);

	return order->packed ? wire_load(at + PACKED_FLAGS, 2) & F_USED
			     : wire_load(at + RING_INDEX, 2) != 0;
}

/* The first used element: a descriptor, if the ring is packed. */
static uint64_t element(const struct order *order)
{
	return order->packed ? ring_address(order->ring, RING_DESCRIPTOR_AREA)
			     : ring_address(order->ring, RING_DEVICE_AREA) + RING_ENTRIES;
}

static uint64_t length_shown(const struct order *order)
{
	const uint8_t *at = guest_at(&order->echo->guest, element(order));

	return wire_load(at + (order->packed ? PACKED_LENGTH : 4), 4);
}

static struct order *in_order;

/* The VMM's memory is found with the echo device's guest; its reports come here. */
static void check_order(void *opaque, uint64_t address, uint64_t length)
{
	struct order *order = in_order;

	(void)opaque;
	if (address == OUT) {
		assert_int_equal(length, LENGTH);
		assert_false(is_used(order));
		order->answered = true;
	} else if (address == element(order) && !order->has_element) {
		assert_true(order->answered);
		assert_false(is_used(order));
		assert_int_equal(length_shown(order), LENGTH);
		order->has_element = true;
	} else if (is_used(order)) {
		assert_true(order->has_element);
		order->used = true;
	}
}

/* Shows: used-length-before-index, used-bytes-before-index */
static void answer_and_length_are_written_before_the_buffer_is_shown(void **state)
{
	struct echo *echo = *state;

	for (size_t v = 0; v < n_variants; v++) {
		struct ring *ring = echo_start(echo, &variants[v]);
		struct order order = { .echo = echo,
				       .ring = ring,
				       .packed = is_packed(&variants[v]) };

		in_order = &order;
		offer(echo, ring);
		echo->virtio.config.memory.written = check_order;
		kick(echo);
		echo->virtio.config.memory.written = NULL;
		assert_true(order.used);
		ring_free(ring);
	}
}

/* Shows: split-flags-decide, split-used-event-ignored */
static void without_the_event_index_the_flags_decide(void **state)
{
	static const struct variant split = { "split", 0, 8 };
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &split);
	uint8_t *driver = guest_at(&echo->guest, ring_address(ring, RING_DRIVER_AREA));

	for (unsigned i = 0; i < 20; i++) {
		bool off = i % 2;

		wire_store(driver + RING_ENTRIES + 2u * split.size, 2, i + (i % 3));
		wire_store(driver + RING_FLAGS, 2, off);
		store(&echo->window, INTERRUPT_ACK, 1);
		assert_true(echo_works(echo, ring));
		assert_int_equal(load(&echo->window, INTERRUPT_STATUS), !off);
	}
	ring_free(ring);
}

/* Shows: split-flags-ignored */
static void with_the_event_index_the_flags_are_ignored(void **state)
{
	static const struct variant split = { "split", F_EVENT_INDEX, 8 };
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &split);
	uint8_t *driver = guest_at(&echo->guest, ring_address(ring, RING_DRIVER_AREA));

	for (unsigned i = 0; i < 20; i++) {
		wire_store(driver + RING_ENTRIES + 2u * split.size, 2, i);
		wire_store(driver + RING_FLAGS, 2, 1);
		store(&echo->window, INTERRUPT_ACK, 1);
		assert_true(echo_works(echo, ring));
		assert_int_equal(load(&echo->window, INTERRUPT_STATUS), 1);
	}
	ring_free(ring);
}

static uint64_t flags_seen;

static void look_at_flags(struct echo *echo)
{
	flags_seen = wire_load(guest_at(&echo->guest, RING_AT + flags_seen), 2);
}

/* Shows: split-used-flags, split-used-flags-event-index */
static void the_flags_of_the_used_ring_are_0_or_1(void **state)
{
	static const struct variant kinds[] = { { "split", 0, 8 },
						{ "split, event index", F_EVENT_INDEX, 8 } };
	struct echo *echo = *state;

	for (size_t i = 0; i < 2; i++) {
		struct ring *ring = echo_start(echo, &kinds[i]);
		uint64_t device = ring_address(ring, RING_DEVICE_AREA);

		echo->while_serving = look_at_flags;
		for (unsigned n = 0; n < 20; n++) {
			flags_seen = device - RING_AT;
			assert_true(echo_works(echo, ring));
			assert_int_equal(flags_seen, !i);
			assert_int_equal(wire_load(guest_at(&echo->guest, device), 2), 0);
		}
		echo->while_serving = NULL;
		ring_free(ring);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, echo_setup, echo_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_device_writes_used_elements_and_writable_buffers_only),
		TEST(answer_and_length_are_written_before_the_buffer_is_shown),
		TEST(without_the_event_index_the_flags_decide),
		TEST(with_the_event_index_the_flags_are_ignored),
		TEST(the_flags_of_the_used_ring_are_0_or_1),
	};

	return cmocka_run_group_tests_name("transport: rings", tests, NULL, NULL);
}
