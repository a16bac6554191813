/* SPDX-License-Identifier: BSD-3-Clause */
/* The register window, rule by rule. virtio 1.3, "Virtio Over MMIO". */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "echo.h"
#include "transport/registers.h"

static const struct variant plain = { "split", 0, 16 };

/* "The device MUST return 0x74726976 in MagicValue", and 0x2 in Version. Shows: mmio-magic */
static void the_window_identifies_itself(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;

	assert_int_equal(load(window, MAGIC), 0x74726976);
	assert_int_equal(load(window, VERSION), 2);
	assert_int_equal(load(window, DEVICE), ECHO_DEVICE);
	assert_int_equal(load(window, VENDOR), ECHO_VENDOR);
}

/* DeviceFeaturesSel chooses the word; there are two. Shows: virtio-features-known, virtio-version-1
 */
static void features_are_offered_in_two_words(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;

	assert_int_equal(offered_features(window), ECHO_FEATURES | F_INDIRECT | F_EVENT_INDEX |
							   F_VERSION_1 | F_PACKED | F_RING_RESET);
	store(window, DEVICE_FEATURES_SEL, 2);
	assert_int_equal(load(window, DEVICE_FEATURES), 0);
	store(window, DEVICE_FEATURES_SEL, UINT32_MAX);
	assert_int_equal(load(window, DEVICE_FEATURES), 0);
}

/* "The device MUST NOT offer a feature which requires another"; FEATURES_OK is the device's
 * consent, and a driver reads it again to learn of it. Shows: virtio-features-subset */
static void features_ok_stays_only_for_features_that_can_be_had(void **state)
{
	static const struct {
		const char *what;
		uint64_t features;
		int accept_error;
		bool ok;
	} cases[] = {
		{ "only the version", F_VERSION_1, 0, true },
		{ "all that is offered", ECHO_FEATURES | F_VERSION_1 | F_PACKED, 0, true },
		{ "no VIRTIO_F_VERSION_1", ECHO_FEATURES, 0, false },
		{ "nothing", 0, 0, false },
		{ "a device feature not offered", F_VERSION_1 | 2, 0, false },
		{ "a transport feature not offered", F_VERSION_1 | 1ull << 33, 0, false },
		{ "the last feature", F_VERSION_1 | 1ull << 63, 0, false },
		{ "what the device refuses", F_VERSION_1, -22, false },
	};
	struct echo *echo = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		echo->accept_error = cases[i].accept_error;
		if (negotiate(&echo->window, cases[i].features) != cases[i].ok)
			fail_msg("%s: FEATURES_OK is not %d", cases[i].what, cases[i].ok);
		if (cases[i].ok)
			assert_int_equal(echo->accepted, cases[i].features);
	}
}

/* Bits beyond the 64 that there are were not offered either. */
static void features_in_a_third_word_are_refused(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;

	store(window, DRIVER_FEATURES_SEL, 1);
	store(window, DRIVER_FEATURES, F_VERSION_1 >> 32);
	store(window, DRIVER_FEATURES_SEL, 2);
	store(window, DRIVER_FEATURES, 1);
	store(window, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_int_equal(load(window, STATUS), ACKNOWLEDGE | DRIVER);
	assert_true(negotiate(window, F_VERSION_1));
}

/* A driver may try again with less, without a reset. */
static void a_driver_may_accept_fewer_features_again(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;

	assert_false(negotiate(window, F_VERSION_1 | 2));
	store(window, DRIVER_FEATURES_SEL, 0);
	store(window, DRIVER_FEATURES, 1);
	store(window, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_true(load(window, STATUS) & FEATURES_OK);
}

/* "The driver MUST NOT accept new feature bits after this step." */
static void features_do_not_change_after_features_ok(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = variant_ring(&echo->guest, &plain, RING_AT);

	assert_true(negotiate(&echo->window, F_VERSION_1));
	store(&echo->window, DRIVER_FEATURES, (F_VERSION_1 | F_PACKED) >> 32);
	assert_true(ready_ring(&echo->window, ECHO_QUEUE, plain.size, ring));
	driver_ok(&echo->window);
	assert_true(echo_works(echo, ring));
	ring_free(ring);
	assert_int_equal(echo->accepted, F_VERSION_1);
	assert_int_equal(load(&echo->window, STATUS),
			 ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

/* "The driver MUST NOT clear a device status bit"; what it must not set is not set. */
static void status_bits_only_add_up(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;

	store(window, STATUS, ACKNOWLEDGE);
	store(window, STATUS, DRIVER);
	assert_int_equal(load(window, STATUS), ACKNOWLEDGE | DRIVER);
	store(window, STATUS, FAILED | NEEDS_RESET | 0xffffff30);
	assert_int_equal(load(window, STATUS), ACKNOWLEDGE | DRIVER | FAILED);
}

/* Without FEATURES_OK the features of the driver are unknown. */
static void driver_ok_needs_features_ok(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;

	store(window, STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK);
	assert_int_equal(load(window, STATUS), ACKNOWLEDGE | DRIVER);
}

/* "Writing zero (0x0) to this register triggers a device reset." "Upon reset, the device MUST
 * clear all bits in InterruptStatus and ready bits in the QueueReady register". Shows:
 * reset-status, mmio-reset */
static void writing_zero_to_status_resets(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &plain);

	assert_true(echo_works(echo, ring));
	assert_true(echo->level);
	store(&echo->window, QUEUE_SEL, ECHO_QUEUES);
	store(&echo->window, STATUS, 0);
	assert_int_equal(echo->resets, 2);
	assert_int_equal(load(&echo->window, QUEUE_SIZE_MAX), 1024);
	assert_int_equal(load(&echo->window, STATUS), 0);
	assert_int_equal(load(&echo->window, INTERRUPT_STATUS), 0);
	assert_int_equal(load(&echo->window, QUEUE_READY), 0);
	assert_false(echo->level);
	ring_free(ring);
}

/* Or the next driver would have accepted what it never heard of. Shows: virtio-features-again */
static void a_reset_forgets_what_features_were_accepted(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;

	assert_true(negotiate(window, F_VERSION_1 | F_PACKED));
	store(window, STATUS, 0);
	store(window, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	assert_int_equal(load(window, STATUS), ACKNOWLEDGE | DRIVER);
}

/* After a reset, nothing of the old queue is looked at, whatever is notified. Shows: reset-silent,
 * mmio-not-ready */
static void there_is_no_queue_activity_after_a_reset(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &plain);

	store(&echo->window, STATUS, 0);
	assert_false(echo_works(echo, ring));
	assert_int_equal(echo->served, 0);
	assert_true(negotiate(&echo->window, F_VERSION_1));
	driver_ok(&echo->window);
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	assert_int_equal(service_deliver(&echo->virtio, DELIVER_QUEUE, "x", 1), -105);
	assert_int_equal(echo->served, 0);
	ring_free(ring);
}

/* "The device MUST NOT consume buffers or send any used buffer notifications to the driver
 * before DRIVER_OK." Shows: status-driver-ok */
static void buffers_wait_for_driver_ok(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = variant_ring(&echo->guest, &plain, RING_AT);

	assert_true(negotiate(&echo->window, F_VERSION_1));
	assert_true(ready_ring(&echo->window, ECHO_QUEUE, plain.size, ring));
	assert_false(echo_works(echo, ring));
	assert_int_equal(echo->served, 0);
	driver_ok(&echo->window);
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	assert_int_equal(echo->served, 1);
	ring_free(ring);
}

/* QueueSel chooses; "zero (0x0) if the queue is not available". Shows: mmio-no-queue */
static void queues_that_are_not_there_have_no_size(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;
	static const uint32_t missing[] = { ECHO_QUEUES, 0xffff, UINT32_MAX };

	assert_true(negotiate(window, F_VERSION_1));
	for (uint32_t queue = 0; queue < ECHO_QUEUES; queue++) {
		store(window, QUEUE_SEL, queue);
		assert_int_equal(load(window, QUEUE_SIZE_MAX), 1024);
	}
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		store(window, QUEUE_SEL, missing[i]);
		assert_int_equal(load(window, QUEUE_SIZE_MAX), 0);
		store(window, QUEUE_SIZE, 4);
		store(window, QUEUE_DESC, RING_AT);
		store(window, QUEUE_READY, 1);
		store(window, QUEUE_RESET, 1);
		assert_int_equal(load(window, QUEUE_READY), 0);
		store(window, QUEUE_NOTIFY, missing[i]);
	}
	assert_false(needs_reset(window));
}

/* "When QueueReady is not zero, the driver MUST NOT access QueueSize" and the addresses. */
static void a_ready_queue_cannot_be_moved(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &plain);

	assert_true(echo_works(echo, ring));
	store(&echo->window, QUEUE_SIZE, 2);
	store(&echo->window, QUEUE_DESC, 0);
	store(&echo->window, QUEUE_DRIVER, 0);
	store(&echo->window, QUEUE_DEVICE, 0);
	store(&echo->window, QUEUE_READY, 1);
	assert_true(echo_works(echo, ring));
	assert_int_equal(echo->served, 2);
	ring_free(ring);
	ring = variant_ring(&echo->guest, &plain, RING_AT);
	store(&echo->window, QUEUE_READY, 0);
	store(&echo->window, QUEUE_READY, 1);
	assert_true(echo_works(echo, ring));
	ring_free(ring);
}

/* "To stop using the queue the driver MUST write zero (0x0) to this QueueReady". Shows:
 * mmio-not-ready */
static void a_queue_stops_when_it_is_not_ready(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &plain);

	assert_true(echo_works(echo, ring));
	store(&echo->window, QUEUE_READY, 0);
	assert_int_equal(load(&echo->window, QUEUE_READY), 0);
	assert_false(echo_works(echo, ring));
	ring_free(ring);
	ring = variant_ring(&echo->guest, &plain, RING_AT);
	assert_true(ready_ring(&echo->window, ECHO_QUEUE, plain.size, ring));
	assert_true(echo_works(echo, ring));
	ring_free(ring);
}

/* Before FEATURES_OK the format of the ring is open. */
static void a_queue_is_not_ready_before_features_ok(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = variant_ring(&echo->guest, &plain, RING_AT);

	assert_false(ready_ring(&echo->window, ECHO_QUEUE, plain.size, ring));
	assert_false(needs_reset(&echo->window));
	ring_free(ring);
}

/* "The device MUST reset the queue when 1 is written to QueueReset", and "present 0 in both
 * QueueReset and QueueReady when queue reset has completed". The other queue runs on. Shows:
 * mmio-queue-reset, queue-reset-stops, queue-reset-state, queue-reset-again */
static void one_queue_can_be_reset(void **state)
{
	static const struct variant variant = { "split, reset", F_RING_RESET, 16 };
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &variant);

	assert_true(echo_works(echo, ring));
	store(&echo->window, QUEUE_RESET, 1);
	assert_int_equal(load(&echo->window, QUEUE_RESET), 0);
	assert_int_equal(load(&echo->window, QUEUE_READY), 0);
	assert_false(echo_works(echo, ring));
	ring_free(ring);
	ring = variant_ring(&echo->guest, &variant, RING_AT + PAGE);
	assert_true(ready_ring(&echo->window, ECHO_QUEUE, variant.size, ring));
	assert_true(echo_works(echo, ring));
	ring_free(ring);
}

static void queue_reset_needs_its_feature(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &plain);

	store(&echo->window, QUEUE_RESET, 1);
	assert_int_equal(load(&echo->window, QUEUE_READY), 1);
	assert_true(echo_works(echo, ring));
	ring_free(ring);
}

/* A queue that is declared ready and cannot be found: the driver sees DEVICE_NEEDS_RESET. Shows:
 * mmio-queue-not-found */
static void a_queue_that_cannot_be_makes_the_device_need_a_reset(void **state)
{
	static const struct {
		const char *what;
		uint64_t features;
		uint32_t size;
		uint64_t area[3];
		bool ok;
	} cases[] = {
		{ "good", 0, 16, { RING_AT, RING_AT + PAGE, RING_AT + 2 * PAGE }, true },
		{ "of 1 entry", 0, 1, { RING_AT, RING_AT + PAGE, RING_AT + 2 * PAGE }, true },
		{ "of 1024", 0, 1024, { RING_AT, RING_AT + 0x4000, RING_AT + 0x5000 }, true },
		{ "of none", 0, 0, { RING_AT, RING_AT + PAGE, RING_AT + 2 * PAGE }, false },
		{ "too large", 0, 2048, { RING_AT, RING_AT + PAGE, RING_AT + 2 * PAGE }, false },
		{ "of 65552", 0, 65552, { RING_AT, RING_AT + PAGE, RING_AT + 2 * PAGE }, false },
		{ "of 6", 0, 6, { RING_AT, RING_AT + PAGE, RING_AT + 2 * PAGE }, false },
		{ "of 6, packed", F_PACKED, 6, { RING_AT, RING_AT + 512, RING_AT + 1024 }, true },
		{ "descriptors askew", 0, 4, { RING_AT + 8, RING_AT + PAGE, RING_AT }, false },
		{ "driver area askew", 0, 4, { RING_AT, RING_AT + 1, RING_AT }, false },
		{ "device area askew", 0, 4, { RING_AT, RING_AT, RING_AT + 2 }, false },
		{ "packed, event askew", F_PACKED, 4, { RING_AT, RING_AT + 2, RING_AT }, false },
		{ "nowhere", 0, 16, { HOLE, HOLE, HOLE }, false },
		{ "descriptors in a hole", 0, 16, { HOLE, RING_AT, RING_AT }, false },
		{ "driver area in a hole", 0, 16, { RING_AT, HOLE, RING_AT }, false },
		{ "device area in a hole", 0, 16, { RING_AT, RING_AT, HOLE }, false },
		{ "read only where it may be", 0, 16, { ROM, ROM + 512, RING_AT }, true },
		{ "device area read only", 0, 16, { RING_AT, RING_AT, ROM }, false },
		{ "packed, read only", F_PACKED, 16, { ROM, RING_AT, RING_AT }, false },
		{ "in two regions", 0, 16, { HIGH_MEMORY - 16, RING_AT, RING_AT }, false },
		{ "half in a hole", 0, 16, { RING_AT, RING_AT, ROM - 4 }, false },
		{ "at the top", 0, 16, { TOP_PAGE, TOP_PAGE + 512, TOP_PAGE + 1024 }, true },
		{ "beyond the top", 0, 512, { TOP_PAGE, RING_AT, RING_AT }, false },
	};
	struct echo *echo = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(negotiate(&echo->window, F_VERSION_1 | cases[i].features));
		if (ready(&echo->window, ECHO_QUEUE, cases[i].size, cases[i].area) != cases[i].ok)
			fail_msg("%s: QueueReady is not %d", cases[i].what, cases[i].ok);
		if (needs_reset(&echo->window) == cases[i].ok)
			fail_msg("%s: DEVICE_NEEDS_RESET is not %d", cases[i].what, !cases[i].ok);
		assert_int_equal(load(&echo->window, INTERRUPT_STATUS), 0);
	}
}

/* InterruptStatus holds each event "from the moment it takes place, until the driver
 * acknowledges the interrupt"; the line is high for as long. Shows: mmio-interrupt-status */
static void an_interrupt_lasts_until_it_is_acknowledged(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &plain);

	assert_false(echo->level);
	assert_true(echo_works(echo, ring));
	assert_int_equal(load(&echo->window, INTERRUPT_STATUS), 1);
	assert_true(echo->level);
	store(&echo->window, INTERRUPT_ACK, 2);
	assert_int_equal(load(&echo->window, INTERRUPT_STATUS), 1);
	assert_true(echo->level);
	store(&echo->window, INTERRUPT_ACK, 1);
	assert_int_equal(load(&echo->window, INTERRUPT_STATUS), 0);
	assert_false(echo->level);
	assert_int_equal(echo->interrupts, 1);
	ring_free(ring);
}

/* "If DRIVER_OK is set, after it sets DEVICE_NEEDS_RESET, the device MUST send a device
 * configuration change notification to the driver." Shows: status-needs-reset-notification */
static void needing_a_reset_is_a_configuration_change(void **state)
{
	struct echo *echo = *state;
	struct ring *ring = echo_start(echo, &plain);
	static const uint64_t hole[] = { HOLE, HOLE, HOLE };

	assert_false(ready(&echo->window, DELIVER_QUEUE, 4, hole));
	assert_true(needs_reset(&echo->window));
	assert_int_equal(load(&echo->window, INTERRUPT_STATUS), 2);
	assert_true(echo->level);
	assert_false(echo_works(echo, ring));
	assert_int_equal(echo->served, 0);
	ring_free(ring);
	ring = echo_start(echo, &plain);
	assert_true(echo_works(echo, ring));
	ring_free(ring);
}

/* "Reading from a non-existent region ... results in a length of -1", and so is its base. Shows:
 * mmio-no-shared-memory */
static void there_is_no_shared_memory(void **state)
{
	const struct window *window = &((struct echo *)*state)->window;

	for (uint32_t id = 0; id < 2; id++) {
		store(window, SHM_SEL, id);
		assert_int_equal(load(window, SHM_LENGTH), UINT32_MAX);
		assert_int_equal(load(window, SHM_LENGTH + 4), UINT32_MAX);
		assert_int_equal(load(window, SHM_BASE), UINT32_MAX);
		assert_int_equal(load(window, SHM_BASE + 4), UINT32_MAX);
	}
}

/* Configuration space "is accessed with byte alignment", little-endian, 1 to 8 bytes. */
static void configuration_space_takes_any_size(void **state)
{
	struct echo *echo = *state;

	for (unsigned i = 0; i < ECHO_CONFIG; i++)
		echo->config[i] = (uint8_t)(i + 1);
	assert_int_equal(registers_read(&echo->virtio, CONFIG, 1), 0x01);
	assert_int_equal(registers_read(&echo->virtio, CONFIG + 1, 2), 0x0302);
	assert_int_equal(registers_read(&echo->virtio, CONFIG + 3, 4), 0x07060504);
	assert_int_equal(registers_read(&echo->virtio, CONFIG + 8, 8), 0x100f0e0d0c0b0a09);
	assert_int_equal(registers_read(&echo->virtio, CONFIG + 15, 4), 0x10);
	registers_write(&echo->virtio, CONFIG + 5, 2, 0xbbaa);
	assert_int_equal(registers_read(&echo->virtio, CONFIG + 4, 4), 0x08bbaa05);
}

/* "The device MUST change value returned in ConfigGeneration if there is any risk". Shows:
 * mmio-generation */
static void the_generation_changes_with_the_configuration(void **state)
{
	struct echo *echo = *state;
	uint32_t generation = load(&echo->window, CONFIG_GENERATION);

	load(&echo->window, CONFIG);
	assert_int_equal(load(&echo->window, CONFIG_GENERATION), generation);
	store(&echo->window, CONFIG, 1);
	assert_int_not_equal(load(&echo->window, CONFIG_GENERATION), generation);
}

/* "The driver MUST only use 32 bit wide and aligned reads and writes". Shows: mmio-other-accesses
 */
static void other_accesses_read_zero_and_write_nothing(void **state)
{
	static const struct {
		uint64_t offset;
		unsigned length;
	} cases[] = {
		{ MAGIC, 1 },        { MAGIC, 2 },          { MAGIC, 8 },
		{ MAGIC + 1, 4 },    { MAGIC + 2, 4 },      { CONFIG - 2, 4 },
		{ CONFIG - 4, 8 },   { CONFIG, 0 },         { CONFIG, 3 },
		{ CONFIG, 16 },      { CONFIG + 0xff, 2 },  { CONFIG + 0x100, 4 },
		{ UINT64_MAX, 4 },   { UINT64_MAX - 3, 4 }, { 0x018, 4 },
		{ QUEUE_NOTIFY, 4 }, { 0x0f8, 4 },          { STATUS, 2 },
		{ QUEUE_DESC, 4 },   { INTERRUPT_ACK, 4 },  { CONFIG, UINT32_MAX },
	};
	struct echo *echo = *state;

	memset(echo->config, 0xff, sizeof(echo->config));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (registers_read(&echo->virtio, cases[i].offset, cases[i].length))
			fail_msg("%#lx, %u", (unsigned long)cases[i].offset, cases[i].length);
	store(&echo->window, STATUS, ACKNOWLEDGE);
	registers_write(&echo->virtio, STATUS, 1, 0);
	registers_write(&echo->virtio, STATUS, 8, DRIVER);
	registers_write(&echo->virtio, STATUS + 2, 4, DRIVER);
	registers_write(&echo->virtio, CONFIG, 3, 0);
	registers_write(&echo->virtio, CONFIG + 0x200, 4, 0);
	store(&echo->window, MAGIC, 0);
	store(&echo->window, INTERRUPT_STATUS, 3);
	assert_int_equal(load(&echo->window, STATUS), ACKNOWLEDGE);
	assert_int_equal(load(&echo->window, MAGIC), 0x74726976);
	assert_int_equal(load(&echo->window, INTERRUPT_STATUS), 0);
	assert_int_equal(echo->config[0], 0xff);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, echo_setup, echo_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_window_identifies_itself),
		TEST(features_are_offered_in_two_words),
		TEST(features_ok_stays_only_for_features_that_can_be_had),
		TEST(features_in_a_third_word_are_refused),
		TEST(a_driver_may_accept_fewer_features_again),
		TEST(features_do_not_change_after_features_ok),
		TEST(status_bits_only_add_up),
		TEST(driver_ok_needs_features_ok),
		TEST(writing_zero_to_status_resets),
		TEST(a_reset_forgets_what_features_were_accepted),
		TEST(there_is_no_queue_activity_after_a_reset),
		TEST(buffers_wait_for_driver_ok),
		TEST(queues_that_are_not_there_have_no_size),
		TEST(a_ready_queue_cannot_be_moved),
		TEST(a_queue_stops_when_it_is_not_ready),
		TEST(a_queue_is_not_ready_before_features_ok),
		TEST(one_queue_can_be_reset),
		TEST(queue_reset_needs_its_feature),
		TEST(a_queue_that_cannot_be_makes_the_device_need_a_reset),
		TEST(an_interrupt_lasts_until_it_is_acknowledged),
		TEST(needing_a_reset_is_a_configuration_change),
		TEST(there_is_no_shared_memory),
		TEST(configuration_space_takes_any_size),
		TEST(the_generation_changes_with_the_configuration),
		TEST(other_accesses_read_zero_and_write_nothing),
	};

	return cmocka_run_group_tests_name("registers", tests, NULL, NULL);
}
