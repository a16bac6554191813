/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <viommu/tables.h>

#include "driver.h"
#include "firmware.h"

/*
 * A built-in topology from a text to a guest: made by libviommu-tables, shown by libviommu, and
 * read by firmware that knows neither. Every test runs for each form, on each way.
 */

static const char platform[] = "viommu: 1\n"
			       "iommus: [ { name: a, kind: virtio-iommu-mmio, at: 0x0a000000 } ]\n"
			       "host-bridges:\n"
			       "  - { buses: 00-0f, iommu: a }\n"
			       "  - { segment: 2, buses: 40-4f, iommu: a }\n"
			       "ranges:\n"
			       "  - { functions: 00:03.0-00:03.7, iommu: a, first-id: 0x50000 }\n"
			       "devices:\n"
			       "  - { at: 0xfe001000, iommu: a, id: 0x30000 }\n"
			       "  - { at: 0x1fe002000, iommu: a, id: 0x30001 }\n";

/* What host bridges and ranges come to, cut where a range says otherwise; and the devices. */
static const struct firmware_item expected[] = {
	{ true, 0, 0, 0x0000, 0x0017, 0, 0 },     { true, 0, 0, 0x0018, 0x001f, 0, 0x50000 },
	{ true, 0, 0, 0x0020, 0x0fff, 0, 0x20 },  { true, 2, 2, 0x4000, 0x4fff, 0, 0x24000 },
	{ .address = 0xfe001000, .id = 0x30000 }, { .address = 0x1fe002000, .id = 0x30001 },
};

#define N_EXPECTED (sizeof(expected) / sizeof(expected[0]))

static const char *const forms[FIRMWARE_N_FORMS] = {
	[FIRMWARE_LIST] = "builtin-v1",
	[FIRMWARE_ARRAY] = "builtin-v2",
	[FIRMWARE_SEQUENCE] = "builtin-v3",
	[FIRMWARE_SEGMENTS] = "builtin-v3-segments",
};

struct rig {
	struct firmware firmware;
	struct viommu_topology *topology;
};

/* The image of a topology text, to be freed with free(). */
static void *make_image(struct rig *rig, const char *text, size_t *ret_length)
{
	struct viommu_table *table;
	void *image;

	rig->topology = viommu_topology_parse(text, strlen(text), "platform", NULL);
	assert_non_null(rig->topology);
	table = viommu_table_generate(rig->topology, forms[rig->firmware.form], NULL);
	assert_non_null(table);
	*ret_length = viommu_table_encode(table, &image);
	viommu_table_free(table);
	return image;
}

static void start(struct rig *rig, const char *text)
{
	struct machine_config config = { 0 };
	void *image = make_image(rig, text, &config.iommu.topology_length);

	config.iommu.topology = image;
	rig->firmware.machine = machine_new(&config);
	assert_non_null(rig->firmware.machine);
	rig->firmware.function = function_new(rig->firmware.machine);
	assert_non_null(rig->firmware.function);
	free(image);
}

static void stop(struct rig *rig)
{
	rig->firmware.function = function_free(rig->firmware.function);
	rig->firmware.machine = machine_free(rig->firmware.machine);
	rig->topology = viommu_topology_free(rig->topology);
}

typedef void firmware_test(struct rig *rig);

/* `*state` points to the test. */
static void run(void **state)
{
	firmware_test *test = *(firmware_test **)*state;

	for (unsigned way = 0; way < FIRMWARE_N_WAYS; way++)
		for (unsigned form = 0; form < FIRMWARE_N_FORMS; form++) {
			struct rig rig = { .firmware = { .way = way, .form = form } };

			test(&rig);
			stop(&rig);
		}
}

static void assert_same(const struct firmware_item *item, const struct firmware_item *other)
{
	assert_int_equal(item->pci, other->pci);
	assert_int_equal(item->segment_first, other->segment_first);
	assert_int_equal(item->segment_last, other->segment_last);
	assert_int_equal(item->bdf_first, other->bdf_first);
	assert_int_equal(item->bdf_last, other->bdf_last);
	assert_int_equal(item->address, other->address);
	assert_int_equal(item->id, other->id);
}

/* -- reading ------------------------------------------------------------------------ */

static void firmware_reads_what_the_text_says(struct rig *rig)
{
	struct firmware_item items[N_EXPECTED + 1];

	start(rig, platform);
	assert_int_equal(firmware_read(&rig->firmware, items, N_EXPECTED + 1), N_EXPECTED);
	for (unsigned i = 0; i < N_EXPECTED; i++)
		assert_same(&items[i], &expected[i]);
}

/* The last function of each item, and what resolve says of it. */
static void firmware_and_resolve_agree(struct rig *rig)
{
	struct firmware_item items[N_EXPECTED];

	start(rig, platform);
	assert_int_equal(firmware_read(&rig->firmware, items, N_EXPECTED), N_EXPECTED);
	for (unsigned i = 0; i < N_EXPECTED; i++) {
		const struct viommu_device_name name = {
			.pci = items[i].pci,
			.segment = items[i].segment_last,
			.bdf = items[i].bdf_last,
			.base = items[i].address,
		};
		struct viommu_route route, linux_route;

		viommu_topology_resolve(rig->topology, &name, &route, &linux_route, NULL);
		assert_int_equal(route.reach, VIOMMU_REACH_IOMMU);
		assert_int_equal(route.id, items[i].id + (items[i].bdf_last - items[i].bdf_first));
	}
}

/* More than the 256 bytes that a usual window has for configuration space. */
static void a_long_topology_is_read_to_its_end(struct rig *rig)
{
	enum { N = 100 };
	struct firmware_item items[N + 1];
	char text[N * 64 + 128];
	int length;

	length = snprintf(text, sizeof(text),
			  "viommu: 1\n"
			  "iommus: [ { name: a, kind: virtio-iommu-mmio, at: 0x0a000000 } ]\n"
			  "devices:\n");
	for (unsigned i = 0; i < N; i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length,
				   "  - { at: 0x%x, iommu: a, id: %u }\n", (i + 1) << 12, i);
	start(rig, text);
	assert_true(viommu_mmio_length(machine_window(rig->firmware.machine)) > VIOMMU_MMIO_LENGTH);
	assert_int_equal(firmware_read(&rig->firmware, items, N + 1), N);
	assert_int_equal(items[N - 1].address, N << 12);
	assert_int_equal(items[N - 1].id, N - 1);
}

/* -- after the boot ------------------------------------------------------------ */

/* Firmware leaves the device as it found it; the driver then attaches what firmware read of. */
static void a_driver_attaches_what_firmware_found(struct rig *rig)
{
	const struct driver_options options = { .packed = false };
	struct viommu_endpoint endpoint = { .size = sizeof(endpoint) };
	struct firmware_item items[N_EXPECTED];
	struct dma_device *device;
	struct driver *driver;

	start(rig, platform);
	firmware_read(&rig->firmware, items, N_EXPECTED);
	endpoint.id = items[1].id;
	device = dma_plug(rig->firmware.machine, &endpoint);
	assert_int_equal(driver_start(rig->firmware.machine, &options, &driver), 0);
	assert_true(driver_features(driver) & VIOMMU_F_TOPOLOGY);
	assert_int_equal(driver_attach(driver, 1, items[1].id, 0), VIOMMU_S_OK);
	assert_int_equal(driver_attach(driver, 1, items[0].id, 0), VIOMMU_S_NOENT);
	driver_stop(driver);
	dma_unplug(device);
}

/* The device of today, whose bit 6 is that of bypass: firmware of 2020 finds nothing in it. */
static void without_a_topology_there_is_nothing_to_find(struct rig *rig)
{
	const struct machine_config config = { .iommu.features = VIOMMU_F_MAP_UNMAP };
	struct firmware_item items[1];

	rig->firmware.machine = machine_new(&config);
	rig->firmware.function = function_new(rig->firmware.machine);
	assert_int_equal(firmware_read(&rig->firmware, items, 1), -ENOENT);
}

/* -- wrong ------------------------------------------------------------------------------- */

/* Every byte of the topology in turn is all ones: reading ends, and the device goes on. */
static void a_damaged_topology_leads_firmware_nowhere(struct rig *rig)
{
	struct machine_config config = { 0 };
	struct firmware_item items[N_EXPECTED];
	uint8_t *image = make_image(rig, platform, &config.iommu.topology_length);

	config.iommu.topology = image;
	for (size_t i = VIOMMU_CONFIG_TOPOLOGY; i < config.iommu.topology_length; i++) {
		uint8_t before = image[i];
		int n;

		image[i] = 0xff;
		rig->firmware.machine = machine_new(&config);
		rig->firmware.function = function_new(rig->firmware.machine);
		n = firmware_read(&rig->firmware, items, N_EXPECTED);
		assert_true(n == -EPROTO || (n >= 0 && n <= (int)N_EXPECTED));
		function_free(rig->firmware.function);
		machine_free(rig->firmware.machine);
		image[i] = before;
	}
	rig->firmware.function = NULL;
	rig->firmware.machine = NULL;
	free(image);
}

static struct {
	firmware_test *test;
	const char *name;
} tests[] = {
#define ROW(test) \
	{ \
		test, #test \
	}
	ROW(firmware_reads_what_the_text_says),
	ROW(firmware_and_resolve_agree),
	ROW(a_long_topology_is_read_to_its_end),
	ROW(a_driver_attaches_what_firmware_found),
	ROW(without_a_topology_there_is_nothing_to_find),
	ROW(a_damaged_topology_leads_firmware_nowhere),
};

#define N_TESTS (sizeof(tests) / sizeof(tests[0]))

int main(void)
{
	struct CMUnitTest all[N_TESTS] = { 0 };

	for (size_t i = 0; i < N_TESTS; i++) {
		all[i].name = tests[i].name;
		all[i].test_func = run;
		all[i].initial_state = &tests[i].test;
	}
	return cmocka_run_group_tests_name("firmware", all, NULL, NULL);
}
