/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Guest memory of a VMM that migrates its guest live and plugs memory: <viommu/mmio.h>, `written`
 * and viommu_mmio_memory_changed().
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"

/* -- the dirty log -------------------------------------------------------------------- */

/* The destination of a migration: it has what the driver wrote, and what `written` names. */
static struct guest destination;

static void copy(struct rig *rig, uint64_t address, uint64_t length)
{
	for (uint64_t i = 0; i < length; i++)
		*(uint8_t *)guest_at(&destination, address + i) =
			*(uint8_t *)guest_at(&rig->guest, address + i);
}

static void copy_all(struct rig *rig)
{
	for (size_t i = 0; i < sizeof(destination.regions) / sizeof(destination.regions[0]); i++)
		memcpy(destination.regions[i].bytes, rig->guest.regions[i].bytes,
		       (size_t)destination.regions[i].length);
}

static void assert_same(struct rig *rig)
{
	for (size_t i = 0; i < sizeof(destination.regions) / sizeof(destination.regions[0]); i++)
		assert_memory_equal(destination.regions[i].bytes, rig->guest.regions[i].bytes,
				    (size_t)destination.regions[i].length);
}

/* The driver's stores are copied, the device's are left to `written`. */
static void kick_and_compare(struct rig *rig)
{
	uint32_t length;
	void *token;

	ring_offer(rig->requests);
	copy_all(rig);
	store(&rig->window, QUEUE_NOTIFY, VIOMMU_REQUEST_QUEUE);
	assert_same(rig);
	while (ring_take(rig->requests, &token, &length) > 0)
		;
}

static void every_byte_that_the_device_writes_is_reported(void **state)
{
	struct rig *rig = *state;
	uint64_t address;

	guest_init(&destination);
	for (size_t v = 0; v < n_variants; v++) {
		if (variants[v].size < 16 || variants[v].size > 256)
			continue;
		driver_start(rig, &variants[v]);
		rig->written = copy;
		post_attach(rig);
		post_map(rig, IOVA, PHYS, R);
		post_map(rig, IOVA, PHYS, R);
		kick_and_compare(rig);
		post_unmap(rig, IOVA);
		post(rig, 0x77, VIOMMU_MAP_LENGTH);
		kick_and_compare(rig);
		add_event_buffer(rig, EVENTS_AT, EVENT_MAX);
		copy_all(rig);
		assert_int_equal(reach(rig, IOVA, &address), -EFAULT);
		assert_same(rig);
		rig->written = NULL;
		driver_stop(rig);
		viommu_mmio_system_reset(rig->mmio);
	}
	guest_fini(&destination);
}

/* -- memory that moves --------------------------------------------------------------- */

/* The same memory three times in a row: the driver's view, the VMM's first and its second. */
#define VIEWS  3
#define LENGTH (2 * MEMORY_LENGTH)

static uint8_t *map_views(void)
{
	int file = memfd_create("guest", 0);
	uint8_t *at = mmap(NULL, VIEWS * LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(file >= 0 && at != MAP_FAILED && !ftruncate(file, LENGTH));
	for (size_t i = 0; i < VIEWS; i++)
		assert_ptr_equal(mmap(at + i * LENGTH, LENGTH, PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_FIXED, file, 0),
				 at + i * LENGTH);
	close(file);
	return at;
}

static void rings_are_found_again_in_memory_that_has_moved(void **state)
{
	enum { LOW = 1, HIGH = 2 };
	struct rig *rig = *state;
	struct guest_region *regions = rig->guest.regions;
	uint8_t *views = map_views(), *bytes[] = { regions[LOW].bytes, regions[HIGH].bytes };
	uint64_t address;

	regions[LOW].bytes = views;
	regions[HIGH].bytes = views + MEMORY_LENGTH;
	rig->view = LENGTH;
	driver_start(rig, &variants[0]);
	attach_and_map(rig);
	rig->view = 2 * LENGTH;
	viommu_mmio_memory_changed(rig->mmio);
	assert_int_equal(mprotect(views + LENGTH, LENGTH, PROT_NONE), 0);
	post_map(rig, IOVA + PAGE, PHYS, R);
	kick(rig);
	assert_int_equal(status(rig), VIOMMU_S_OK);
	assert_int_equal(reach(rig, IOVA + PAGE, &address), 0);
	assert_false(needs_reset(&rig->window));
	store(&rig->window, STATUS, 0);
	driver_stop(rig);
	regions[LOW].bytes = bytes[0];
	regions[HIGH].bytes = bytes[1];
	munmap(views, VIEWS * LENGTH);
}

static void a_ring_that_is_no_memory_any_more_breaks_its_queue(void **state)
{
	struct rig *rig = *state;

	driver_start(rig, &variants[0]);
	for (size_t i = 0; i < sizeof(rig->guest.regions) / sizeof(rig->guest.regions[0]); i++)
		rig->guest.regions[i].address += HOLE;
	viommu_mmio_memory_changed(rig->mmio);
	assert_true(needs_reset(&rig->window));
}

/* -- memory in pieces ------------------------------------------------------------------ */

/* Allocations of the library, which the linker hands to this (--wrap). */
static bool no_memory;

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

/* Offer a PROBE whose answer is in 17 pieces, in a queue of four entries. */
static void offer_in_pieces(struct rig *rig)
{
	const struct viommu_config device_config = { .size = sizeof(device_config),
						     .probe_size = 65536 };
	const struct viommu_mmio_config config = { .size = sizeof(config), .queue_size = 4 };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint), .id = ENDPOINT };
	const struct variant four = { "four", 0, 4 };

	viommu_mmio_free(rig->mmio);
	assert_int_equal(viommu_mmio_new(&device_config, &config, &rig_ops, rig, &rig->mmio), 0);
	rig->device = viommu_mmio_device(rig->mmio);
	rig->window = window_of(rig->mmio);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	driver_start(rig, &four);
	rig->piece = PAGE;
	{
		const struct ring_buffer buffers[] = {
			{ LOW_MEMORY + 0x10000, VIOMMU_PROBE_LENGTH, false },
			{ HIGH_MEMORY + 0x10000, 65536 + VIOMMU_TAIL_LENGTH, true },
		};
		uint8_t *request = guest_at(&rig->guest, buffers[0].address);

		memset(request, 0, VIOMMU_PROBE_LENGTH);
		request[0] = VIOMMU_T_PROBE;
		request[4] = ENDPOINT;
		assert_int_equal(ring_add(rig->requests, buffers, 2, request), 0);
	}
}

static void a_request_over_very_many_pieces_is_answered(void **state)
{
	struct rig *rig = *state;

	offer_in_pieces(rig);
	kick(rig);
	assert_false(needs_reset(&rig->window));
	assert_int_equal(*(uint8_t *)guest_at(&rig->guest, HIGH_MEMORY + 0x10000 + 65536),
			 VIOMMU_S_OK);
}

/* The host has failed, and the log says so. */
static void without_memory_for_pieces_the_log_names_the_host(void **state)
{
	struct rig *rig = *state;

	offer_in_pieces(rig);
	no_memory = true;
	kick(rig);
	no_memory = false;
	assert_true(needs_reset(&rig->window));
	assert_non_null(strstr(rig->last_log, "the host has no memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_byte_that_the_device_writes_is_reported,
						rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(rings_are_found_again_in_memory_that_has_moved,
						rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(a_ring_that_is_no_memory_any_more_breaks_its_queue,
						rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(a_request_over_very_many_pieces_is_answered,
						rig_setup, rig_teardown),
		cmocka_unit_test_setup_teardown(without_memory_for_pieces_the_log_names_the_host,
						rig_setup, rig_teardown),
	};

	return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
