/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A window that is saved, and goes on elsewhere: <viommu/mmio.h>, docs/state.md
 *
 * The guest keeps its memory, its rings and what its driver knows of them; the window behind
 * them is another one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "rig.h"
#include "wire/crc32.h"

/* Where things stand in a stream (docs/state.md): the head, the registers, and two queues. */
enum {
	LENGTH_AT = 8,
	SUM_AT = 16,
	HEAD_LENGTH = 24,
	REGISTERS_AT = HEAD_LENGTH + 16,
	QUEUE_AT = REGISTERS_AT + 40 + 16,
};

static const struct variant plain = { "split", 0, 16 };

static struct viommu_mmio *another_window(struct rig *rig, const struct viommu_mmio_config *config)
{
	static const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = ENDPOINT };
	struct viommu_mmio *mmio;

	assert_int_equal(viommu_mmio_new(NULL, config, &rig_ops, rig, &mmio), 0);
	assert_int_equal(viommu_endpoint_add(viommu_mmio_device(mmio), &endpoint), 0);
	return mmio;
}

/* Move the rig to a window, whose interrupt line is low until it says otherwise. */
static void move(struct rig *rig, struct viommu_mmio *mmio)
{
	viommu_mmio_free(rig->mmio);
	rig->mmio = mmio;
	rig->device = viommu_mmio_device(mmio);
	rig->window = window_of(mmio);
	rig->level = false;
}

static void *save(struct rig *rig, size_t *ret_length)
{
	void *bytes;

	assert_int_equal(viommu_mmio_save(rig->mmio, &bytes, ret_length), 0);
	return bytes;
}

static void migrate(struct rig *rig)
{
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save(rig, &length);

	move(rig, another_window(rig, NULL));
	if (viommu_mmio_load(rig->mmio, bytes, length, reason, sizeof(reason)))
		fail_msg("%s", reason);
	free(bytes);
}

/* Often enough that every ring goes round more than once, and packed ones change their counter. */
static void a_driver_goes_on_in_another_window(void **state)
{
	struct rig *rig = *state;
	uint64_t address;

	for (size_t v = 0; v < n_variants; v++) {
		if (variants[v].size > 256)
			continue;
		driver_start(rig, &variants[v]);
		attach_and_map(rig);
		for (int i = 0; i < 300; i++) {
			migrate(rig);
			assert_int_equal(reach(rig, IOVA, &address), 0);
			assert_int_equal(address, PHYS);
			post_unmap(rig, IOVA);
			post_map(rig, IOVA, PHYS, R);
			kick(rig);
			assert_int_equal(status(rig), VIOMMU_S_OK);
			assert_int_equal(status(rig), VIOMMU_S_OK);
		}
	}
}

/* -- rounds ------------------------------------------------------------------------------- */

enum { ROOM_FOR_CHANGES = 4096 };

/* A window whose device has the state of the rig's, which records its changes from now on. */
static struct viommu_mmio *begin_rounds(struct rig *rig)
{
	struct viommu_mmio *other = another_window(rig, NULL);
	size_t length;
	void *bytes;

	assert_int_equal(viommu_save_begin(rig->device, ROOM_FOR_CHANGES, &bytes, &length), 0);
	assert_int_equal(viommu_load(viommu_mmio_device(other), bytes, length, NULL, 0), 0);
	free(bytes);
	return other;
}

static void *save_changes(struct rig *rig, size_t *ret_length)
{
	void *bytes;

	assert_int_equal(viommu_mmio_save_changes(rig->mmio, &bytes, ret_length), 0);
	return bytes;
}

/* The guest unmaps one page and maps another between the rounds. */
static void a_driver_goes_on_after_rounds(void **state)
{
	struct rig *rig = *state;
	uint64_t address;

	for (size_t v = 0; v < n_variants; v++) {
		if (variants[v].size > 256)
			continue;
		driver_start(rig, &variants[v]);
		attach_and_map(rig);
		for (uint64_t i = 0; i < 20; i++) {
			struct viommu_mmio *other = begin_rounds(rig);
			char reason[VIOMMU_REASON_LENGTH];
			size_t length;
			void *bytes;

			post_unmap(rig, IOVA);
			post_map(rig, IOVA, PHYS + (i + 1) * PAGE, R);
			kick(rig);
			assert_int_equal(status(rig), VIOMMU_S_OK);
			assert_int_equal(status(rig), VIOMMU_S_OK);
			bytes = save_changes(rig, &length);
			move(rig, other);
			if (viommu_mmio_load_changes(rig->mmio, bytes, length, reason,
						     sizeof(reason)))
				fail_msg("%s", reason);
			free(bytes);
			assert_int_equal(reach(rig, IOVA, &address), 0);
			assert_int_equal(address, PHYS + (i + 1) * PAGE);
		}
		viommu_mmio_system_reset(rig->mmio);
	}
}

/* However many mappings there are. */
static void the_last_round_is_short(void **state)
{
	enum { N_MAPPINGS = 1000 };
	struct rig *rig = *state;
	struct viommu_mmio *other;
	size_t whole, last;

	driver_start(rig, &plain);
	attach_and_map(rig);
	for (uint64_t i = 1; i < N_MAPPINGS; i++) {
		post_map(rig, IOVA + i * PAGE, PHYS, R);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
	}
	free(save(rig, &whole));
	assert_true(whole > N_MAPPINGS * 32);
	other = begin_rounds(rig);
	free(save_changes(rig, &last));
	assert_in_range(last, 1, 400);
	viommu_mmio_free(other);
}

/* Allocations of the library, which the linker hands to this (--wrap), until one fails. */
static int left = -1;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return left >= 0 && !left-- ? NULL : __real_calloc(n, size);
}

/* The next call has the changes, or says that they are not known. */
static void a_round_that_finds_no_memory_loses_no_change(void **state)
{
	struct rig *rig = *state;
	int error = -ENOMEM;

	driver_start(rig, &plain);
	for (int n = 0; error; n++) {
		struct viommu_mmio *other;
		uint64_t address;
		size_t length;
		void *bytes;

		attach_and_map(rig);
		other = begin_rounds(rig);
		post_unmap(rig, IOVA);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		left = n;
		error = viommu_mmio_save_changes(rig->mmio, &bytes, &length);
		left = -1;
		assert_true(n || error == -ENOMEM);
		if (error && viommu_mmio_save_changes(rig->mmio, &bytes, &length) == -ESTALE) {
			viommu_mmio_free(other);
			continue;
		}
		move(rig, other);
		assert_int_equal(viommu_mmio_load_changes(rig->mmio, bytes, length, NULL, 0), 0);
		free(bytes);
		assert_int_equal(reach(rig, IOVA, &address), -EFAULT);
	}
}

static void without_rounds_there_are_no_changes(void **state)
{
	struct rig *rig = *state;
	size_t length;
	void *bytes;

	driver_start(rig, &plain);
	assert_int_equal(viommu_mmio_save_changes(rig->mmio, &bytes, &length), -ESTALE);
	free(save(rig, &length));
}

/* Window and device are reset, whatever the rounds before have loaded. */
static void a_last_round_that_is_damaged_is_refused(void **state)
{
	struct rig *rig = *state;
	struct viommu_domain_state domain;
	struct viommu_mmio *other;
	size_t length;
	uint8_t *bytes;

	driver_start(rig, &plain);
	attach_and_map(rig);
	other = begin_rounds(rig);
	bytes = save_changes(rig, &length);
	for (size_t at = 0; at < length; at += 7) {
		bytes[at] ^= 1;
		assert_true(viommu_mmio_load_changes(other, bytes, length, NULL, 0) < 0);
		bytes[at] ^= 1;
		assert_int_equal(viommu_next_domain(viommu_mmio_device(other), 0, &domain),
				 -ENOENT);
		assert_int_equal(viommu_mmio_read(other, STATUS, 4), 0);
	}
	free(bytes);
	bytes = save(rig, &length);
	assert_int_equal(viommu_mmio_load_changes(other, bytes, length, NULL, 0), -EINVAL);
	free(bytes);
	viommu_mmio_free(other);
}

/* The request is in the ring and not served yet: it is executed once, in the new window. */
static void a_request_that_was_not_notified_of_is_not_lost(void **state)
{
	struct rig *rig = *state;
	uint64_t address;
	uint32_t length;
	void *tail;

	driver_start(rig, &plain);
	attach_and_map(rig);
	post_map(rig, IOVA + PAGE, PHYS, R);
	ring_offer(rig->requests);
	migrate(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(reach(rig, IOVA + PAGE, &address), 0);
	store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
	assert_int_equal(ring_take(rig->requests, &tail, &length), 0);
}

static void faults_go_on_to_the_next_buffer(void **state)
{
	struct rig *rig = *state;
	uint32_t length;
	uint64_t address;
	void *record;

	driver_start(rig, &plain);
	attach_and_map(rig);
	for (uint64_t i = 0; i < 3; i++)
		add_event_buffer(rig, EVENTS_AT + i * EVENT_MAX, EVENT_MAX);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(reach(rig, IOVA + (i + 1) * PAGE, &address), -EFAULT);
		assert_int_equal(ring_take(rig->events, &record, &length), 1);
		assert_ptr_equal(record, guest_at(&rig->guest, EVENTS_AT + i * EVENT_MAX));
		migrate(rig);
	}
}

/* "interrupt is called if that is a change, and the VMM has nothing to restore". */
static void the_interrupt_line_is_as_it_was(void **state)
{
	struct rig *rig = *state;

	driver_start(rig, &plain);
	attach_and_map(rig);
	assert_true(rig->level);
	migrate(rig);
	assert_true(rig->level);
	store(&rig->window, INTERRUPT_ACK, 3);
	assert_false(rig->level);
	migrate(rig);
	assert_false(rig->level);
}

/* A window that was in use is reset by what is loaded into it. */
static void what_the_window_was_before_is_forgotten(void **state)
{
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes = save(rig, &length);

	driver_start(rig, &plain);
	attach_and_map(rig);
	assert_int_equal(viommu_mmio_load(rig->mmio, bytes, length, reason, sizeof(reason)), 0);
	assert_false(rig->level);
	assert_int_equal(load(&rig->window, STATUS), 0);
	store(&rig->window, QUEUE_SEL, VIOMMU_REQUEST_QUEUE);
	assert_int_equal(load(&rig->window, QUEUE_READY), 0);
	free(bytes);
}

/* In the middle of "Device Initialization", after any of its steps. */
static void a_driver_may_be_half_way_through_its_setup(void **state)
{
	struct rig *rig = *state;
	uint64_t address;

	rig->requests = variant_ring(&rig->guest, &plain, LOW_MEMORY);
	rig->next_request = REQUESTS_AT;
	store(&rig->window, STATUS, ACKNOWLEDGE | DRIVER);
	store(&rig->window, DRIVER_FEATURES, VIOMMU_FEATURES_DEFAULT);
	store(&rig->window, DRIVER_FEATURES_SEL, 1);
	migrate(rig);
	store(&rig->window, DRIVER_FEATURES, F_VERSION_1 >> 32);
	migrate(rig);
	store(&rig->window, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	store(&rig->window, QUEUE_SEL, VIOMMU_REQUEST_QUEUE);
	migrate(rig);
	assert_true(ready_ring(&rig->window, VIOMMU_REQUEST_QUEUE, plain.size, rig->requests));
	migrate(rig);
	driver_ok(&rig->window);
	attach_and_map(rig);
	assert_int_equal(reach(rig, IOVA, &address), 0);
}

/* DEVICE_NEEDS_RESET is no way out for a driver that moves, nor is it worse than before. */
static void a_broken_window_stays_broken_until_it_is_reset(void **state)
{
	struct rig *rig = *state;

	driver_start(rig, &plain);
	attach_and_map(rig);
	wire_store((uint8_t *)guest_at(&rig->guest, ring_address(rig->requests, RING_DRIVER_AREA)) +
			   2,
		   2, 0x8000);
	store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
	assert_true(needs_reset(&rig->window));
	migrate(rig);
	assert_true(needs_reset(&rig->window));
	driver_start(rig, &plain);
	attach_and_map(rig);
}

static void saving_what_was_loaded_gives_the_same_bytes(void **state)
{
	struct rig *rig = *state;
	size_t length, again_length;
	void *bytes, *again;

	driver_start(rig, &variants[8]);
	attach_and_map(rig);
	bytes = save(rig, &length);
	migrate(rig);
	again = save(rig, &again_length);
	assert_int_equal(again_length, length);
	assert_memory_equal(again, bytes, length);
	free(bytes);
	free(again);
}

/*
 * docs/state.md: written once, by the first library that had this version, and never again. The
 * driver of that guest had used two entries of its ring of requests, so it puts a third there.
 */
static void a_stream_of_every_version_is_still_read(void **state)
{
	struct rig *rig = *state;
	uint64_t address;
	uint8_t bytes[1024];
	char reason[VIOMMU_REASON_LENGTH];
	FILE *file;
	size_t length;

	driver_start(rig, &plain);
	attach_and_map(rig);
	move(rig, another_window(rig, NULL));
	file = fopen(STREAMS "/window-1", "rb");
	assert_non_null(file);
	length = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	if (viommu_mmio_load(rig->mmio, bytes, length, reason, sizeof(reason)))
		fail_msg("%s", reason);
	assert_int_equal(reach(rig, IOVA, &address), 0);
	post_unmap(rig, IOVA);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(reach(rig, IOVA, &address), -EFAULT);
}

/* -- rejected state ------------------------------------------------------------ */

static void set_bypass(struct rig *rig, uint8_t bypass)
{
	viommu_config_write(rig->device, VIOMMU_CONFIG_BYPASS, &bypass, 1);
}

/* Nothing is left of what was said, and the reason is a sentence. What was said has a `bypass` that
 * the window has not. */
static void assert_refused(struct rig *rig, const void *bytes, size_t length, int expected,
			   const char *why)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	unsigned rises = rig->rises, generation = load(&rig->window, CONFIG_GENERATION);
	char reason[VIOMMU_REASON_LENGTH] = "";
	int error = viommu_mmio_load(rig->mmio, bytes, length, reason, sizeof(reason));
	uint8_t bypass;

	if (error != expected || !strstr(reason, why))
		fail_msg("%d, \"%s\", and not \"%s\"", error, reason, why);
	viommu_count(rig->device, &counters);
	assert_int_equal(counters.domains, 0);
	assert_int_equal(load(&rig->window, STATUS), 0);
	assert_false(rig->level);
	assert_int_equal(rig->rises, rises);
	assert_int_equal(load(&rig->window, CONFIG_GENERATION), generation);
	viommu_config_read(rig->device, VIOMMU_CONFIG_BYPASS, &bypass, 1);
	assert_int_equal(bypass, 0);
}

static void *save_in_use(struct rig *rig, const struct variant *variant, size_t *ret_length)
{
	void *bytes;

	driver_start(rig, variant);
	attach_and_map(rig);
	set_bypass(rig, 1);
	bytes = save(rig, ret_length);
	set_bypass(rig, 0);
	return bytes;
}

static void *save_something(struct rig *rig, size_t *ret_length)
{
	return save_in_use(rig, &plain, ret_length);
}

static void every_truncation_is_refused(void **state)
{
	struct rig *rig = *state;
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	for (size_t cut = 0; cut < length; cut++)
		assert_refused(rig, bytes, cut, -EINVAL, "");
	free(bytes);
}

static void every_flipped_bit_is_refused(void **state)
{
	struct rig *rig = *state;
	size_t length;
	uint8_t *bytes = save_something(rig, &length);

	for (size_t bit = 0; bit < length * 8; bit++) {
		bool is_version = bit / 8 >= 4 && bit / 8 < LENGTH_AT;

		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_refused(rig, bytes, length, is_version ? -ENOTSUP : -EINVAL, "");
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	free(bytes);
}

/* A stream with a right checksum, that says what no window can have come to. */
static void a_state_that_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *why;
		size_t at;
		uint32_t value;
		int error;
	} cases[] = {
		{ "registers", REGISTERS_AT + 8, 1, -EINVAL }, /* features of a third word */
		{ "registers", REGISTERS_AT + 28, 1u << 8, -EINVAL },
		{ "registers", REGISTERS_AT + 28, DRIVER_OK, -EINVAL },
		{ "registers", REGISTERS_AT + 28, NEEDS_RESET, -EINVAL },
		{ "registers", REGISTERS_AT + 32, 4, -EINVAL },
		{ "reserved", REGISTERS_AT + 36, 1, -EINVAL },
		{ "features", REGISTERS_AT, UINT32_MAX, -EBUSY },
		{ "features", REGISTERS_AT + 4, 0, -EBUSY }, /* no VIRTIO_F_VERSION_1 */
		{ "queue 0", REGISTERS_AT + 28, ACKNOWLEDGE, -EINVAL },
		{ "queue 0", QUEUE_AT + 28, 2, -EINVAL },
		{ "queue 0", QUEUE_AT + 36, 2, -EINVAL },
		{ "512 entries (at most 256", QUEUE_AT + 24, 512, -EBUSY },
		{ "queue 0 cannot continue: 3 entries", QUEUE_AT + 24, 3, -EBUSY },
		{ "position 65536", QUEUE_AT + 32, 65536, -EBUSY },
		{ "0x400000", QUEUE_AT, HOLE, -EBUSY },
	};
	struct rig *rig = *state;
	size_t length;
	uint8_t *bytes = save_something(rig, &length), *changed = malloc(length);

	assert_non_null(changed);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(changed, bytes, length);
		wire_store(changed + cases[i].at, 4, cases[i].value);
		wire_store(changed + SUM_AT, 4, 0);
		wire_store(changed + SUM_AT, 4, crc32_of(changed, length));
		assert_refused(rig, changed, length, cases[i].error, cases[i].why);
	}
	free(changed);
	free(bytes);
}

/* "in a window with the same or more to offer" */
static void a_window_that_offers_less_names_what_is_missing(void **state)
{
	static const struct {
		struct viommu_mmio_config config;
		const char *why;
	} cases[] = {
		{ { .queue_size = 8 }, "16 entries (at most 8 here)" },
		{ { .plain_rings = true }, "features" },
	};
	struct rig *rig = *state;
	size_t length;
	void *bytes = save_in_use(rig, &variants[2], &length);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct viommu_mmio_config config = cases[i].config;

		config.size = sizeof(config);
		move(rig, another_window(rig, &config));
		assert_refused(rig, bytes, length, -EBUSY, cases[i].why);
	}
	free(bytes);
}

/* The device's own reasons come through. */
static void a_missing_endpoint_is_named(void **state)
{
	struct rig *rig = *state;
	size_t length;
	void *bytes = save_something(rig, &length);

	assert_int_equal(viommu_endpoint_remove(rig->device, ENDPOINT), 0);
	assert_refused(rig, bytes, length, -EBUSY, "0x18");
	free(bytes);
}

/* Each is refused where the other belongs, by its first bytes. */
static void streams_of_window_and_device_are_distinguished(void **state)
{
	struct rig *rig = *state;
	char reason[VIOMMU_REASON_LENGTH];
	size_t length;
	void *bytes;

	assert_int_equal(viommu_save(rig->device, &bytes, &length), 0);
	assert_refused(rig, bytes, length, -EINVAL, "not a saved state");
	free(bytes);
	bytes = save(rig, &length);
	assert_int_equal(viommu_load(rig->device, bytes, length, reason, sizeof(reason)), -EINVAL);
	free(bytes);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_driver_goes_on_in_another_window),
		TEST(a_driver_goes_on_after_rounds),
		TEST(the_last_round_is_short),
		TEST(a_round_that_finds_no_memory_loses_no_change),
		TEST(without_rounds_there_are_no_changes),
		TEST(a_last_round_that_is_damaged_is_refused),
		TEST(a_request_that_was_not_notified_of_is_not_lost),
		TEST(faults_go_on_to_the_next_buffer),
		TEST(the_interrupt_line_is_as_it_was),
		TEST(what_the_window_was_before_is_forgotten),
		TEST(a_driver_may_be_half_way_through_its_setup),
		TEST(a_broken_window_stays_broken_until_it_is_reset),
		TEST(saving_what_was_loaded_gives_the_same_bytes),
		TEST(a_stream_of_every_version_is_still_read),
		TEST(every_truncation_is_refused),
		TEST(every_flipped_bit_is_refused),
		TEST(a_state_that_cannot_be_is_refused),
		TEST(a_window_that_offers_less_names_what_is_missing),
		TEST(a_missing_endpoint_is_named),
		TEST(streams_of_window_and_device_are_distinguished),
	};

	return cmocka_run_group_tests_name("transport: saved", tests, NULL, NULL);
}
