/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IOMMU behind virtio-mmio, from the guest's side: <viommu/mmio.h>.
 * virtio 1.3, "IOMMU Device".
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "rig.h"

/* Device ID 23, our vendor, all features, and configuration space behind the registers. */
static void the_window_is_that_of_an_iommu(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(load(&rig->window, MAGIC), 0x74726976);
	assert_int_equal(load(&rig->window, DEVICE), 23);
	assert_int_equal(load(&rig->window, VENDOR), 0x4d4f4956);
	assert_int_equal(offered_features(&rig->window), VIOMMU_FEATURES_DEFAULT | F_VERSION_1 |
								 F_RING_RESET | F_INDIRECT |
								 F_EVENT_INDEX | F_PACKED);
	assert_int_equal(viommu_mmio_read(rig->mmio, CONFIG, 8), ~0xfffull);
	for (uint32_t queue = 0; queue < 3; queue++) {
		store(&rig->window, QUEUE_SEL, queue);
		assert_int_equal(load(&rig->window, QUEUE_SIZE_MAX), queue < 2 ? 256 : 0);
	}
}

/* What a VMM configures is what the guest sees. */
static void the_configuration_is_in_force(void **state)
{
	const struct viommu_mmio_config config = {
		.size = sizeof(config), .queue_size = 64, .vendor = 0x1af4, .plain_rings = true
	};
	const struct viommu_config device_config = { .size = sizeof(device_config),
						     .page_size_mask = 0x10000 };
	struct rig *rig = *state;
	struct viommu_mmio *mmio;
	struct window window;

	assert_int_equal(viommu_mmio_new(&device_config, &config, &rig_ops, rig, &mmio), 0);
	window = window_of(mmio);
	assert_int_equal(load(&window, VENDOR), 0x1af4);
	assert_int_equal(load(&window, QUEUE_SIZE_MAX), 64);
	assert_int_equal(offered_features(&window),
			 VIOMMU_FEATURES_DEFAULT | F_VERSION_1 | F_RING_RESET);
	assert_int_equal(load(&window, CONFIG), 0x10000);
	viommu_mmio_free(mmio);
}

/* The rules of the header, and a NULL that is fine. */
static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *what;
		struct viommu_mmio_config config;
		int error;
	} cases[] = {
		{ "queues of 3", { .size = sizeof(cases[0].config), .queue_size = 3 }, -EINVAL },
		{ "queues of 2048",
		  { .size = sizeof(cases[0].config), .queue_size = 2048 },
		  -EINVAL },
		{ "queues of 65536",
		  { .size = sizeof(cases[0].config), .queue_size = 65536 },
		  -EINVAL },
		{ "no size", { .queue_size = 16 }, -EINVAL },
	};
	static const struct viommu_mmio_ops no_memory = { .size = sizeof(no_memory) };
	static const struct viommu_config bad = { .size = sizeof(bad), .probe_size = 7 };
	struct viommu_mmio *mmio = (struct viommu_mmio *)*state;
	struct viommu_mmio *before = mmio;
	uint8_t bytes[sizeof(struct viommu_mmio_config) + 8] = { 0 };
	size_t size = sizeof(bytes);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (viommu_mmio_new(NULL, &cases[i].config, &rig_ops, NULL, &mmio) !=
		    cases[i].error)
			fail_msg("%s", cases[i].what);
	assert_int_equal(viommu_mmio_new(NULL, NULL, NULL, NULL, &mmio), -EINVAL);
	assert_int_equal(viommu_mmio_new(NULL, NULL, &no_memory, NULL, &mmio), -EINVAL);
	assert_int_equal(viommu_mmio_new(&bad, NULL, &rig_ops, NULL, &mmio), -EINVAL);
	memcpy(bytes, &size, sizeof(size));
	bytes[sizeof(bytes) - 1] = 1;
	assert_int_equal(viommu_mmio_new(NULL, (const void *)bytes, &rig_ops, NULL, &mmio), -E2BIG);
	assert_ptr_equal(mmio, before);
	assert_null(viommu_mmio_free(NULL));
}

/* ATTACH and MAP, and the endpoint reaches memory; UNMAP, and it does not. */
static void requests_run_over_every_kind_of_ring(void **state)
{
	struct rig *rig = *state;

	for (size_t v = 0; v < n_variants; v++) {
		uint64_t address = 0;

		if (variants[v].size > 256)
			continue;
		driver_start(rig, &variants[v]);
		attach_and_map(rig);
		assert_int_equal(reach(rig, IOVA + 5, &address), 0);
		assert_int_equal(address, PHYS + 5);
		post_unmap(rig, IOVA);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_int_equal(reach(rig, IOVA + 5, &address), -EFAULT);
	}
}

/* Linux puts MAP, MAP and UNMAP into the ring, and only then notifies: they depend on each
 * other, and are executed in the order of the available ring. */
static void requests_run_in_the_order_of_the_ring(void **state)
{
	struct rig *rig = *state;
	uint64_t address;

	for (size_t v = 0; v < 2; v++) {
		driver_start(rig, &variants[v ? 8 : 3]);
		attach_and_map(rig);
		post_map(rig, IOVA, PHYS, R);
		post_unmap(rig, IOVA);
		post_map(rig, IOVA, PHYS + PAGE, R);
		post_map(rig, IOVA + PAGE, PHYS, R);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_INVAL);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_int_equal(reach(rig, IOVA, &address), 0);
		assert_int_equal(address, PHYS + PAGE);
	}
}

/* "If the device does not recognize the request type, it SHOULD NOT write the buffer and SHOULD
 * set the used length to zero." What comes behind is served. */
static void an_unknown_request_comes_back_unwritten(void **state)
{
	struct rig *rig = *state;

	driver_start(rig, &variants[0]);
	post(rig, 0x77, VIOMMU_MAP_LENGTH);
	post_attach(rig);
	kick(rig);
	assert_int_equal(status(rig), -1);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_false(needs_reset(&rig->window));
	assert_int_equal(rig->logged[VIOMMU_LOG_REQUEST], 1);
	assert_int_equal(rig->traced, 1);
	assert_int_equal(rig->logged[VIOMMU_LOG_QUEUE], 0);
}

/* A fault goes into a buffer that the driver put there without a notification, and the
 * driver is interrupted. "Event queue": 24 bytes. */
static void a_fault_reaches_the_guest(void **state)
{
	struct rig *rig = *state;
	uint32_t length = 0;
	uint64_t address;
	void *record;

	for (size_t v = 0; v < n_variants; v++) {
		if (variants[v].size > 256)
			continue;
		driver_start(rig, &variants[v]);
		attach_and_map(rig);
		store(&rig->window, INTERRUPT_ACK, 1);
		add_event_buffer(rig, EVENTS_AT, VIOMMU_FAULT_LENGTH);
		add_event_buffer(rig, EVENTS_AT + EVENT_MAX, EVENT_MAX);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(reach(rig, 0xabc000 + i, &address), -EFAULT);
			assert_true(rig->level);
			assert_int_equal(ring_take(rig->events, &record, &length), 1);
			assert_int_equal(length, VIOMMU_FAULT_LENGTH);
			assert_int_equal(wire_load(record, 1), VIOMMU_FAULT_R_MAPPING);
			assert_int_equal(wire_load((uint8_t *)record + 8, 4), ENDPOINT);
			assert_int_equal(wire_load((uint8_t *)record + 16, 8), 0xabc000 + i);
		}
	}
}

/* Its buffers are for faults, and stay until there is one. */
static void buffers_of_the_event_queue_are_no_requests(void **state)
{
	struct rig *rig = *state;
	uint64_t address;
	uint32_t length;
	void *record;

	driver_start(rig, &variants[0]);
	add_event_buffer(rig, EVENTS_AT, EVENT_MAX);
	store(&rig->window, QUEUE_NOTIFY, VIOMMU_EVENT_QUEUE);
	assert_int_equal(ring_take(rig->events, &record, &length), 0);
	assert_int_equal(reach(rig, IOVA, &address), -EFAULT);
	assert_int_equal(ring_take(rig->events, &record, &length), 1);
	assert_int_equal(length, VIOMMU_FAULT_LENGTH);
}

/* A fault without a buffer is dropped, and counted; so is one for which the buffer is too
 * short, and that buffer goes back empty. */
static void a_fault_without_a_buffer_is_dropped(void **state)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	struct rig *rig = *state;
	uint32_t length = 1;
	uint64_t address;
	void *record;

	assert_int_equal(reach(rig, 0xabc000, &address), -EFAULT);
	driver_start(rig, &variants[0]);
	assert_int_equal(reach(rig, 0xabc000, &address), -EFAULT);
	add_event_buffer(rig, EVENTS_AT, VIOMMU_FAULT_LENGTH - 1);
	assert_int_equal(reach(rig, 0xabc000, &address), -EFAULT);
	assert_int_equal(ring_take(rig->events, &record, &length), 1);
	assert_int_equal(length, 0);
	viommu_count(rig->device, &counters);
	assert_int_equal(counters.faults, 3);
	assert_int_equal(counters.faults_dropped, 3);
	assert_false(needs_reset(&rig->window));
}

/* An event queue that is broken stops the device, but not the VMM; after a reset it works. */
static void a_broken_event_queue_needs_a_reset(void **state)
{
	struct rig *rig = *state;
	uint64_t address;

	driver_start(rig, &variants[0]);
	attach_and_map(rig);
	wire_store(guest_at(&rig->guest, ring_address(rig->events, RING_DRIVER_AREA) + 2), 2, 999);
	assert_int_equal(reach(rig, 0xabc000, &address), -EFAULT);
	assert_true(needs_reset(&rig->window));
	assert_int_equal(rig->logged[VIOMMU_LOG_QUEUE], 1);
	assert_true(load(&rig->window, INTERRUPT_STATUS) & 2);
	assert_int_equal(reach(rig, IOVA, &address), 0);
	post_unmap(rig, IOVA);
	store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
	assert_int_equal(reach(rig, IOVA, &address), 0);
	driver_start(rig, &variants[0]);
	assert_int_equal(reach(rig, IOVA, &address), -EFAULT);
	attach_and_map(rig);
}

/* So does a broken request queue, and faults are dropped for as long. */
static void a_broken_request_queue_needs_a_reset(void **state)
{
	struct rig *rig = *state;
	uint32_t length;
	uint64_t address;
	void *record;

	driver_start(rig, &variants[0]);
	add_event_buffer(rig, EVENTS_AT, EVENT_MAX);
	wire_store(guest_at(&rig->guest, ring_address(rig->requests, RING_DRIVER_AREA) + 2), 2, 99);
	store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
	assert_true(needs_reset(&rig->window));
	assert_int_equal(reach(rig, 0xabc000, &address), -EFAULT);
	assert_int_equal(ring_take(rig->events, &record, &length), 0);
	driver_start(rig, &variants[0]);
	attach_and_map(rig);
}

/* `bypass` is the one field that can be written, once its feature was accepted. */
static void the_driver_chooses_bypass(void **state)
{
	struct rig *rig = *state;
	uint64_t address = 0;

	viommu_mmio_write(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1, 1);
	assert_int_equal(reach(rig, 0x5000, &address), -EFAULT);
	driver_start(rig, &variants[0]);
	viommu_mmio_write(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1, 1);
	assert_int_equal(viommu_mmio_read(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1), 1);
	assert_int_equal(reach(rig, 0x5000, &address), 0);
	assert_int_equal(address, 0x5000);
}

/* A device reset detaches all and keeps `bypass`; a system reset takes that back, too. */
static void system_reset_goes_further_than_reset(void **state)
{
	struct rig *rig = *state;
	uint64_t address;

	driver_start(rig, &variants[8]);
	attach_and_map(rig);
	viommu_mmio_write(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1, 1);
	store(&rig->window, STATUS, 0);
	assert_int_equal(reach(rig, IOVA, &address), 0);
	assert_int_equal(address, IOVA);
	assert_int_equal(viommu_mmio_read(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1), 1);

	driver_start(rig, &variants[8]);
	attach_and_map(rig);
	viommu_mmio_system_reset(rig->mmio);
	assert_int_equal(reach(rig, IOVA, &address), -EFAULT);
	assert_int_equal(viommu_mmio_read(rig->mmio, CONFIG + VIOMMU_CONFIG_BYPASS, 1), 0);
	assert_int_equal(load(&rig->window, STATUS), 0);
	assert_int_equal(load(&rig->window, INTERRUPT_STATUS), 0);
	assert_false(rig->level);
	driver_start(rig, &variants[0]);
	attach_and_map(rig);
}

/* A power of two that holds registers and configuration, all of which can be read. */
static void the_window_is_as_long_as_its_configuration(void **state)
{
	enum { LENGTH = 1000, WINDOW = 2048 };
	uint8_t topology[LENGTH];
	const struct viommu_config config = {
		.size = sizeof(config),
		.topology = topology,
		.topology_length = LENGTH,
	};
	struct viommu_mmio *mmio;

	memset(topology, 0x5a, LENGTH);
	assert_int_equal(viommu_mmio_new(&config, NULL, &rig_ops, *state, &mmio), 0);
	assert_int_equal(viommu_mmio_length(mmio), WINDOW);
	assert_int_equal(viommu_mmio_read(mmio, CONFIG + LENGTH - 1, 1), 0x5a);
	assert_int_equal(viommu_mmio_read(mmio, CONFIG + LENGTH, 1), 0);
	assert_int_equal(viommu_mmio_read(mmio, WINDOW - 1, 4), 0);
	viommu_mmio_free(mmio);
}

/* Guest memory that begins one byte off in the VMM's. */
struct crooked {
	_Alignas(PAGE) uint8_t bytes[4 * PAGE];
};

static void *find_crooked(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	struct crooked *crooked = opaque;

	(void)write;
	if (address >= sizeof(crooked->bytes) - 1)
		return NULL;
	if (*length > sizeof(crooked->bytes) - 1 - address)
		*length = sizeof(crooked->bytes) - 1 - address;
	return crooked->bytes + 1 + address;
}

/* "Each area of a ring must be aligned there as it is for the guest": a processor may know no
 * other atomic loads and stores. */
static void a_ring_is_aligned_for_the_guest_and_for_the_vmm(void **state)
{
	static const struct viommu_mmio_ops ops = { .size = sizeof(ops), .memory = find_crooked };
	static const uint64_t areas[][3] = { { 0, PAGE, 2 * PAGE },
					     { 15, PAGE + 15, 2 * PAGE + 15 } };
	struct crooked crooked = { { 0 } };
	struct viommu_mmio *mmio;

	(void)state;
	assert_int_equal(viommu_mmio_new(NULL, NULL, &ops, &crooked, &mmio), 0);
	for (size_t i = 0; i < 2; i++) {
		const struct window window = window_of(mmio);

		assert_true(negotiate(&window, VIOMMU_FEATURES_DEFAULT | F_VERSION_1));
		assert_false(ready(&window, VIOMMU_REQUEST_QUEUE, 16, areas[i]));
		assert_true(needs_reset(&window));
	}
	viommu_mmio_free(mmio);
}

/* -- threads ------------------------------------------------------------------- */

#define N_ROUNDS 300

struct translator {
	struct rig *rig;
	atomic_bool done;
	atomic_uint reached, refused;
};

/* An endpoint at work: half of its accesses fault, and all of its sections end. */
static void *translate_on_and_on(void *opaque)
{
	struct translator *translator = opaque;
	struct viommu_translation translation;
	struct viommu_dma *dma;

	if (viommu_dma_new(translator->rig->device, &dma))
		return NULL;
	while (!translator->done) {
		viommu_dma_begin(dma);
		if (viommu_dma_translate(dma, ENDPOINT, IOVA, 1, R, &translation))
			translator->refused++;
		else
			translator->reached++;
		viommu_dma_translate(dma, ENDPOINT, 0xbad000, 1, R, &translation);
		viommu_dma_end(dma);
	}
	viommu_dma_free(dma);
	return NULL;
}

static void serve_events(struct rig *rig, unsigned *received)
{
	uint8_t *first = guest_at(&rig->guest, EVENTS_AT);
	uint32_t length;
	void *record;
	int found;

	while ((found = ring_take(rig->events, &record, &length)) > 0) {
		assert_int_equal(length, VIOMMU_FAULT_LENGTH);
		assert_int_equal(wire_load((uint8_t *)record + 8, 4), ENDPOINT);
		add_event_buffer(rig, EVENTS_AT + (uint64_t)((uint8_t *)record - first), EVENT_MAX);
		(*received)++;
	}
	assert_int_equal(found, 0);
	store(&rig->window, INTERRUPT_ACK, 1);
}

static void run_driver(struct rig *rig, unsigned *received)
{
	for (unsigned i = 0; i < 8; i++)
		add_event_buffer(rig, EVENTS_AT + EVENT_MAX * i, EVENT_MAX);
	post_attach(rig);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	for (unsigned round = 0; round < N_ROUNDS; round++) {
		post_map(rig, IOVA, PHYS, R);
		kick(rig);
		serve_events(rig, received);
		post_unmap(rig, IOVA);
		kick(rig);
		assert_int_equal(status(rig), VIOMMU_S_OK);
		assert_int_equal(status(rig), VIOMMU_S_OK);
	}
}

/* One thread translates, and faults; the other one maps and unmaps, takes the faults back,
 * acknowledges interrupts, and resets the device now and then. */
static void translations_and_registers_run_side_by_side(void **state)
{
	struct rig *rig = *state;
	struct translator translator = { .rig = rig };
	unsigned received = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, translate_on_and_on, &translator), 0);
	while (!translator.refused)
		sched_yield();
	for (unsigned round = 0; round < 10 || !received || !translator.reached; round++) {
		driver_start(rig, &variants[round % 2 ? 3 : 8]);
		run_driver(rig, &received);
		assert_false(needs_reset(&rig->window));
		store(&rig->window, STATUS, 0);
	}
	translator.done = true;
	pthread_join(thread, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_window_is_that_of_an_iommu),
		TEST(the_configuration_is_in_force),
		TEST(what_cannot_be_is_refused),
		TEST(requests_run_over_every_kind_of_ring),
		TEST(requests_run_in_the_order_of_the_ring),
		TEST(an_unknown_request_comes_back_unwritten),
		TEST(a_fault_reaches_the_guest),
		TEST(buffers_of_the_event_queue_are_no_requests),
		TEST(a_fault_without_a_buffer_is_dropped),
		TEST(a_broken_event_queue_needs_a_reset),
		TEST(a_broken_request_queue_needs_a_reset),
		TEST(the_driver_chooses_bypass),
		TEST(system_reset_goes_further_than_reset),
		TEST(the_window_is_as_long_as_its_configuration),
		TEST(a_ring_is_aligned_for_the_guest_and_for_the_vmm),
		TEST(translations_and_registers_run_side_by_side),
	};

	return cmocka_run_group_tests_name("iommu", tests, NULL, NULL);
}
