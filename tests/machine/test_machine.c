/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "driver.h"
#include "machine.h"

/*
 * The whole path, as a guest and its devices see it: registers, rings, requests,
 * translation, memory, faults. Every test runs on each kind of ring.
 */

enum { DISK = 0x8, NETWORK = 0x10 };
enum { R = VIOMMU_MAP_F_READ, W = VIOMMU_MAP_F_WRITE };

#define PAGE   0x1000ull
#define BUFFER 0x800000ull /* guest memory that the driver does not use for itself */
#define IOVA   0x100000ull

struct rig {
	struct machine *machine;
	struct dma_device *disk, *network;
	struct driver *driver;
};

static const struct driver_options kinds[] = {
	{ .packed = false },
	{ .packed = false, .indirect = true },
	{ .packed = false, .event_index = true },
	{ .packed = false, .indirect = true, .event_index = true },
	{ .packed = true },
	{ .packed = true, .indirect = true },
	{ .packed = true, .event_index = true },
	{ .packed = true, .indirect = true, .event_index = true },
};

static void start_with(struct rig *rig, const struct machine_config *config,
		       const struct driver_options *options)
{
	const struct viommu_reserved msi = { MACHINE_MSI_FIRST, MACHINE_MSI_LAST,
					     VIOMMU_RESV_MEM_MSI };
	const struct viommu_endpoint disk = {
		.size = sizeof(disk), .id = DISK, .reserved = &msi, .n_reserved = 1
	};
	const struct viommu_endpoint network = { .size = sizeof(network), .id = NETWORK };

	rig->machine = machine_new(config);
	assert_non_null(rig->machine);
	rig->disk = dma_plug(rig->machine, &disk);
	rig->network = dma_plug(rig->machine, &network);
	assert_non_null(rig->disk);
	assert_non_null(rig->network);
	assert_int_equal(driver_start(rig->machine, options, &rig->driver), 0);
}

static void start(struct rig *rig, const struct driver_options *options, bool pci)
{
	start_with(rig, &(struct machine_config){ .pci = pci }, options);
}

static void stop(struct rig *rig)
{
	rig->driver = driver_stop(rig->driver);
	rig->network = dma_unplug(rig->network);
	rig->disk = dma_unplug(rig->disk);
	rig->machine = machine_free(rig->machine);
}

static int map(struct rig *rig, uint32_t domain, uint64_t first, uint64_t length, uint64_t phys,
	       uint32_t flags)
{
	const struct viommu_mapping mapping = { .domain = domain,
						.flags = flags,
						.first = first,
						.last = first + length - 1,
						.phys = phys };

	return driver_map(rig->driver, &mapping);
}

/* The demo's story: attach, map, DMA, fault, unmap, DMA refused. */
static void dma_goes_where_the_guest_mapped_it(struct rig *rig)
{
	const char *memory = machine_memory(rig->machine, BUFFER, PAGE);
	struct viommu_fault fault;
	char back[6] = "";

	assert_int_equal(driver_attach(rig->driver, 1, DISK, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, PAGE, BUFFER, R | W), VIOMMU_S_OK);
	assert_int_equal(dma_write(rig->disk, IOVA, "hello", 6), 0);
	assert_string_equal(memory, "hello");
	assert_int_equal(dma_read(rig->disk, IOVA, back, 6), 0);
	assert_string_equal(back, "hello");
	assert_false(driver_fault(rig->driver, &fault));
}

static void an_endpoint_sees_only_its_own_domain(struct rig *rig)
{
	struct viommu_fault fault;
	char back[6];

	assert_int_equal(driver_attach(rig->driver, 1, DISK, 0), VIOMMU_S_OK);
	assert_int_equal(driver_attach(rig->driver, 2, NETWORK, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, PAGE, BUFFER, R | W), VIOMMU_S_OK);

	assert_int_equal(dma_read(rig->network, IOVA, back, 6), -EFAULT);
	assert_true(driver_fault(rig->driver, &fault));
	assert_int_equal(fault.endpoint, NETWORK);
	assert_int_equal(fault.reason, VIOMMU_FAULT_R_MAPPING);
	assert_int_equal(fault.flags, VIOMMU_FAULT_F_READ | VIOMMU_FAULT_F_ADDRESS);
	assert_int_equal(fault.address, IOVA);
}

static void a_write_to_a_read_only_mapping_is_a_fault(struct rig *rig)
{
	struct viommu_fault fault;

	assert_int_equal(driver_attach(rig->driver, 1, DISK, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, PAGE, BUFFER, R), VIOMMU_S_OK);
	assert_int_equal(dma_write(rig->disk, IOVA, "hello", 6), -EFAULT);
	assert_true(driver_fault(rig->driver, &fault));
	assert_int_equal(fault.flags, VIOMMU_FAULT_F_WRITE | VIOMMU_FAULT_F_ADDRESS);
	assert_int_equal(*(char *)machine_memory(rig->machine, BUFFER, 1), 0);
}

static void what_is_unmapped_is_out_of_reach(struct rig *rig)
{
	struct viommu_fault fault;

	assert_int_equal(driver_attach(rig->driver, 1, DISK, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, PAGE, BUFFER, R | W), VIOMMU_S_OK);
	assert_int_equal(driver_unmap(rig->driver, 1, IOVA, IOVA + PAGE - 1), VIOMMU_S_OK);
	assert_int_equal(dma_write(rig->disk, IOVA, "hello", 6), -EFAULT);
	assert_true(driver_fault(rig->driver, &fault));
}

static void dma_crosses_mappings_that_lie_apart_in_memory(struct rig *rig)
{
	char bytes[2 * PAGE], back[2 * PAGE];

	memset(bytes, 'a', PAGE);
	memset(bytes + PAGE, 'b', PAGE);
	assert_int_equal(driver_attach(rig->driver, 1, DISK, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA, PAGE, BUFFER + 8 * PAGE, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, IOVA + PAGE, PAGE, BUFFER, R | W), VIOMMU_S_OK);
	assert_int_equal(dma_write(rig->disk, IOVA, bytes, sizeof(bytes)), 0);
	assert_int_equal(*(char *)machine_memory(rig->machine, BUFFER, 1), 'b');
	assert_int_equal(*(char *)machine_memory(rig->machine, BUFFER + 8 * PAGE, 1), 'a');
	assert_int_equal(dma_read(rig->disk, IOVA, back, sizeof(back)), 0);
	assert_memory_equal(bytes, back, sizeof(bytes));
}

static void an_msi_needs_no_mapping(struct rig *rig)
{
	const uint32_t message = 0x4021;

	assert_int_equal(driver_attach(rig->driver, 1, DISK, 0), VIOMMU_S_OK);
	assert_int_equal(dma_write(rig->disk, MACHINE_MSI_FIRST, &message, sizeof(message)), 0);
	assert_int_equal(machine_msis(rig->machine), 1);
}

static void probe_names_the_msi_region(struct rig *rig)
{
	uint8_t properties[VIOMMU_PROBE_SIZE_DEFAULT];
	static const uint8_t expected[] = {
		1, 0, 20,   0,    1,    0,    0, 0, 0, 0, 0xe0, 0xfe, 0, 0,
		0, 0, 0xff, 0xff, 0xef, 0xfe, 0, 0, 0, 0, 0,    0,    0, 0,
	};

	assert_int_equal(driver_probe(rig->driver, DISK, properties), VIOMMU_S_OK);
	assert_memory_equal(properties, expected, sizeof(expected));
}

static void faults_without_a_buffer_are_dropped_and_counted(struct rig *rig)
{
	struct viommu_counters counters = { .size = sizeof(counters) };
	struct viommu_fault fault;
	unsigned told = 0;
	char byte;

	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(dma_read(rig->disk, i, &byte, 1), -EFAULT);
	while (driver_fault(rig->driver, &fault))
		assert_int_equal(fault.address, told++);
	viommu_count(machine_iommu(rig->machine), &counters);
	assert_int_equal(counters.faults, 100);
	assert_int_equal(counters.faults_dropped, 100 - told);
	assert_in_range(told, 1, 99);
}

static void a_driver_can_start_again_after_another(struct rig *rig)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		rig->driver = driver_stop(rig->driver);
		assert_int_equal(driver_start(rig->machine, &kinds[i], &rig->driver), 0);
		dma_goes_where_the_guest_mapped_it(rig);
	}
}

/* -- UNMAP waits for DMA, seen from outside ------------------------------------------- */

struct writer {
	struct rig *rig;
	atomic_bool stop;
	uint64_t done;
};

static void *write_all_the_time(void *opaque)
{
	struct writer *writer = opaque;

	while (!atomic_load(&writer->stop))
		if (!dma_write(writer->rig->disk, IOVA, "dirty", 6))
			writer->done++;
	return NULL;
}

/* "After the DETACH/UNMAP completes, memory is not accessed": the guest reuses the page. */
static void memory_is_not_touched_once_unmap_is_done(struct rig *rig)
{
	struct writer writer = { .rig = rig };
	char *memory = machine_memory(rig->machine, BUFFER, PAGE);
	pthread_t thread;

	assert_int_equal(driver_attach(rig->driver, 1, DISK, 0), VIOMMU_S_OK);
	assert_int_equal(pthread_create(&thread, NULL, write_all_the_time, &writer), 0);
	for (unsigned i = 0; i < 200; i++) {
		assert_int_equal(map(rig, 1, IOVA, PAGE, BUFFER, R | W), VIOMMU_S_OK);
		assert_int_equal(driver_unmap(rig->driver, 1, IOVA, IOVA + PAGE - 1), VIOMMU_S_OK);
		memcpy(memory, "clean", 6);
		assert_string_equal(memory, "clean");
	}
	atomic_store(&writer.stop, true);
	pthread_join(thread, NULL);
	assert_string_equal(memory, "clean");
}

/* The device leaves requests in the ring, and the machine serves them when their time has come. */
static void a_guest_above_its_rate_waits_and_is_served(void **state)
{
	enum { RATE = 50 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const struct machine_config config = { .pci = i, .iommu.max_request_rate = RATE };
		struct viommu_counters counters = { .size = sizeof(counters) };
		struct rig rig = { 0 };

		start_with(&rig, &config, &kinds[0]);
		for (unsigned n = 0; n < RATE + 2; n++)
			assert_int_equal(driver_attach(rig.driver, 1, DISK, 0), VIOMMU_S_OK);
		viommu_count(machine_iommu(rig.machine), &counters);
		assert_in_range(counters.pauses, 1, RATE);
		stop(&rig);
	}
}

/* -- every test on every kind of ring, on both buses ---------------------------------- */

static void on_every_ring(void (*test)(struct rig *rig))
{
	for (size_t i = 0; i < 2 * sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct rig rig = { 0 };

		start(&rig, &kinds[i / 2], i % 2);
		test(&rig);
		stop(&rig);
	}
}

typedef void ring_test(struct rig *rig);

static void run_ring_test(void **state)
{
	on_every_ring(*(ring_test **)*state);
}

static struct {
	ring_test *test;
	const char *name;
} tests[] = {
#define ROW(test) \
	{ \
		test, #test \
	}
	ROW(dma_goes_where_the_guest_mapped_it),
	ROW(an_endpoint_sees_only_its_own_domain),
	ROW(a_write_to_a_read_only_mapping_is_a_fault),
	ROW(what_is_unmapped_is_out_of_reach),
	ROW(dma_crosses_mappings_that_lie_apart_in_memory),
	ROW(an_msi_needs_no_mapping),
	ROW(probe_names_the_msi_region),
	ROW(faults_without_a_buffer_are_dropped_and_counted),
	ROW(a_driver_can_start_again_after_another),
	ROW(memory_is_not_touched_once_unmap_is_done),
};

#define N_TESTS (sizeof(tests) / sizeof(tests[0]))

int main(void)
{
	struct CMUnitTest all[N_TESTS + 1] = {
		[N_TESTS] = cmocka_unit_test(a_guest_above_its_rate_waits_and_is_served),
	};

	for (size_t i = 0; i < N_TESTS; i++) {
		all[i].name = tests[i].name;
		all[i].test_func = run_ring_test;
		all[i].initial_state = &tests[i].test;
	}
	return cmocka_run_group_tests_name("machine", all, NULL, NULL);
}
