/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "rig.h"

/*
 * A built-in topology: configuration space as drafts of 2019 and 2020 had it, with another
 * meaning of bit 6 and of what stands at 36.
 */

#define IMAGE_LENGTH 52
#define BEHIND       8 /* bytes read after the end */

/* Bytes that depend on their offset. */
static void number(uint8_t image[IMAGE_LENGTH])
{
	for (unsigned i = 0; i < IMAGE_LENGTH; i++)
		image[i] = (uint8_t)(0x80 + i);
}

static void replace_with(struct rig *rig, size_t length)
{
	uint8_t image[IMAGE_LENGTH];

	number(image);
	replace(rig, (struct viommu_config){ .topology = image, .topology_length = length });
}

static void a_guest_reads_the_topology_behind_the_fields_of_the_device(void **state)
{
	uint8_t expected[IMAGE_LENGTH + BEHIND] = { 0 }, bytes[IMAGE_LENGTH + BEHIND];
	struct rig *rig = *state;

	number(expected);
	viommu_config_read(rig->device, 0, expected, VIOMMU_CONFIG_TOPOLOGY);
	replace_with(rig, IMAGE_LENGTH);
	for (size_t at = 0; at <= IMAGE_LENGTH; at++)
		for (size_t length = 1; at + length <= sizeof(bytes); length++) {
			viommu_config_read(rig->device, at, bytes, length);
			assert_memory_equal(bytes, expected + at, length);
		}
	viommu_config_read(rig->device, TOP - 1, bytes, sizeof(bytes));
	assert_int_equal(bytes[0], 0);
}

static void configuration_space_is_as_long_as_it_must_be(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(viommu_config_length(rig->device), VIOMMU_CONFIG_LENGTH);
	replace_with(rig, VIOMMU_CONFIG_TOPOLOGY + 2);
	assert_int_equal(viommu_config_length(rig->device), VIOMMU_CONFIG_LENGTH);
	replace_with(rig, IMAGE_LENGTH);
	assert_int_equal(viommu_config_length(rig->device), IMAGE_LENGTH);
}

static void the_bit_is_offered_and_bypass_is_not_to_be_had(void **state)
{
	struct rig *rig = *state;

	replace_with(rig, IMAGE_LENGTH);
	assert_int_equal(viommu_features(rig->device), VIOMMU_FEATURES_DEFAULT);
	assert_false(viommu_configuration(rig->device)->features & VIOMMU_F_BYPASS_CONFIG);
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_TOPOLOGY | VIOMMU_F_MAP_UNMAP), 0);
	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_INVAL);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
}

/* What a driver of today would do to its `bypass`, which is a part of the topology here. */
static void the_topology_cannot_be_written(void **state)
{
	uint8_t before[IMAGE_LENGTH], after[IMAGE_LENGTH], one = 1;
	struct rig *rig = *state;

	replace_with(rig, IMAGE_LENGTH);
	viommu_config_read(rig->device, 0, before, sizeof(before));
	for (uint64_t at = 0; at < IMAGE_LENGTH; at++)
		viommu_config_write(rig->device, at, &one, 1);
	viommu_config_read(rig->device, 0, after, sizeof(after));
	assert_memory_equal(before, after, sizeof(before));
}

static int load_saved(struct rig *rig, const void *bytes, size_t length)
{
	char reason[VIOMMU_REASON_LENGTH];

	return viommu_load(rig->device, bytes, length, reason, sizeof(reason));
}

/* A driver that has the bit for bypass must not come to a device that has it for a topology. */
static void saved_state_knows_the_two_meanings_apart(void **state)
{
	struct rig *rig = *state;
	void *today, *builtin;
	size_t today_length, builtin_length;

	assert_int_equal(viommu_save(rig->device, &today, &today_length), 0);
	replace_with(rig, IMAGE_LENGTH);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(viommu_save(rig->device, &builtin, &builtin_length), 0);
	assert_int_equal(load_saved(rig, today, today_length), -EBUSY);
	assert_int_equal(load_saved(rig, builtin, builtin_length), 0);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	free(today);
	free(builtin);
}

static void topologies_that_cannot_be_are_refused(void **state)
{
	static uint8_t image[VIOMMU_TOPOLOGY_LENGTH_MAX + 1];
	const struct {
		const char *what;
		struct viommu_config config;
	} cases[] = {
		{ "a length without bytes", { .topology_length = IMAGE_LENGTH } },
		{ "nothing behind the fields of the device",
		  { .topology = image, .topology_length = VIOMMU_CONFIG_TOPOLOGY } },
		{ "more than a topology may have",
		  { .topology = image, .topology_length = sizeof(image) } },
		{ "a bit with two meanings",
		  { .topology = image,
		    .topology_length = IMAGE_LENGTH,
		    .features = VIOMMU_F_MAP_UNMAP | VIOMMU_F_TOPOLOGY } },
		{ "bypass, which has no field",
		  { .topology = image, .topology_length = IMAGE_LENGTH, .bypass = true } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct viommu_config config = cases[i].config;
		struct viommu *device;

		config.size = sizeof(config);
		if (viommu_new(&config, NULL, NULL, &device) != -EINVAL)
			fail_msg("%s is not refused", cases[i].what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(a_guest_reads_the_topology_behind_the_fields_of_the_device),
		ON_A_FRESH_DEVICE(configuration_space_is_as_long_as_it_must_be),
		ON_A_FRESH_DEVICE(the_bit_is_offered_and_bypass_is_not_to_be_had),
		ON_A_FRESH_DEVICE(the_topology_cannot_be_written),
		ON_A_FRESH_DEVICE(saved_state_knows_the_two_meanings_apart),
		cmocka_unit_test(topologies_that_cannot_be_are_refused),
	};

	return cmocka_run_group_tests_name("built-in topology", tests, NULL, NULL);
}
