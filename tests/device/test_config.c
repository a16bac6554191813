/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include <viommu/version.h>

#include "rig.h"

/* Features and configuration space: virtio 1.3, "IOMMU Device / Feature bits", "Device
 * configuration layout". */

#define BEHIND 8 /* bytes read behind the end */

static const struct viommu_config narrow = {
	.page_size_mask = 0x40211000,
	.input_first = 0x1122334455660000,
	.input_last = 0x778899aabbccffff,
	.domain_first = 0x01020304,
	.domain_last = 0x05060708,
	.probe_size = 0x208,
	.bypass = true,
};

/* Any read must be a cut out of this. */
static const uint8_t image[VIOMMU_CONFIG_LENGTH + BEHIND] = {
	LE64(0x40211000), LE64(0x1122334455660000), LE64(0x778899aabbccffff),
	LE32(0x01020304), LE32(0x05060708),         LE32(0x208),
	LE32(1),
};

/* Shows: config-layout */
static void a_read_of_any_size_and_offset_is_a_cut_out_of_the_image(void **state)
{
	struct rig *rig = *state;

	replace(rig, narrow);
	for (size_t at = 0; at <= VIOMMU_CONFIG_LENGTH; at++)
		for (size_t length = 1; at + length <= sizeof(image); length++) {
			uint8_t bytes[sizeof(image) + 1];

			memset(bytes, POISON, sizeof(bytes));
			viommu_config_read(rig->device, at, bytes, length);
			assert_memory_equal(bytes, image + at, length);
			assert_int_equal(bytes[length], POISON);
		}
}

/* Shows: config-layout */
static void what_lies_behind_the_end_reads_as_zero(void **state)
{
	static const uint64_t offsets[] = { 40, 41, 4096, UINT32_MAX, TOP - 1, TOP };
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(offsets); i++) {
		uint64_t value = TOP;

		viommu_config_read(rig->device, offsets[i], &value, sizeof(value));
		assert_int_equal(value, 0);
	}
}

/* UndefinedBehaviorSanitizer reports a violation. */
static void nothing_can_be_read_to_nowhere(void **state)
{
	struct rig *rig = *state;

	viommu_config_read(rig->device, 0, NULL, 0);
	viommu_config_write(rig->device, VIOMMU_CONFIG_BYPASS, NULL, 0);
	assert_int_equal(read_bypass(rig), 0);
}

/* Shows: config-before-features */
static void fields_can_be_read_before_features_are_accepted(void **state)
{
	uint8_t bytes[VIOMMU_CONFIG_LENGTH];
	struct rig *rig = *state;

	replace(rig, narrow);
	viommu_reset(rig->device);
	viommu_config_read(rig->device, 0, bytes, sizeof(bytes));
	assert_memory_equal(bytes, image, sizeof(bytes));
}

/* Shows: config-not-offered */
static void fields_of_features_not_offered_are_zero(void **state)
{
	uint8_t bytes[VIOMMU_CONFIG_LENGTH], expected[VIOMMU_CONFIG_LENGTH] = { LE64(0x1000) };
	struct rig *rig = *state;

	replace(rig,
		(struct viommu_config){ .features = VIOMMU_F_MAP_UNMAP, .page_size_mask = 0x1000 });
	viommu_config_read(rig->device, 0, bytes, sizeof(bytes));
	assert_memory_equal(bytes, expected, sizeof(bytes));
}

/* Shows: config-page-size-mask, config-domain-start, features-map-unmap, features-no-old-bypass */
static void a_device_by_default(void **state)
{
	uint8_t bytes[VIOMMU_CONFIG_LENGTH];
	static const uint8_t expected[VIOMMU_CONFIG_LENGTH] = {
		LE64(~0xfffull), LE64(0), LE64(TOP), LE32(0), LE32(UINT32_MAX), LE32(512),
	};
	struct viommu *device = NULL;

	(void)state;
	assert_int_equal(viommu_new(NULL, NULL, NULL, &device), 0);
	assert_int_equal(viommu_features(device), VIOMMU_F_INPUT_RANGE | VIOMMU_F_DOMAIN_RANGE |
							  VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE |
							  VIOMMU_F_MMIO | VIOMMU_F_BYPASS_CONFIG);
	viommu_config_read(device, 0, bytes, sizeof(bytes));
	assert_memory_equal(bytes, expected, sizeof(bytes));
	assert_null(viommu_free(device));
}

/* Shows: features-not-both, config-narrow-needs-feature */
static void configurations_that_break_a_rule_are_refused(void **state)
{
	static const struct {
		const char *what;
		struct viommu_config config;
	} cases[] = {
		{ "both kinds of bypass",
		  { .features = VIOMMU_F_BYPASS | VIOMMU_F_BYPASS_CONFIG } },
		{ "bypass without a field to say so",
		  { .features = VIOMMU_F_MAP_UNMAP, .bypass = true } },
		{ "a feature that is none", { .features = VIOMMU_F_MAP_UNMAP | 1ull << 7 } },
		{ "a feature of the transport", { .features = 1ull << 32 } },
		{ "input range inverted", { .input_first = 2, .input_last = 1 } },
		{ "domain range inverted", { .domain_first = 2, .domain_last = 1 } },
		{ "an input range untold",
		  { .features = VIOMMU_F_MAP_UNMAP, .input_last = 0xffff } },
		{ "a domain range untold",
		  { .features = VIOMMU_F_MAP_UNMAP, .domain_last = 0xffff } },
		{ "an odd probe size", { .probe_size = 12 } },
		{ "a huge probe size", { .probe_size = 1u << 20 } },
	};
	static char untouched;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct viommu *device = (struct viommu *)&untouched;
		struct viommu_config config = cases[i].config;

		config.size = sizeof(config);
		if (viommu_new(&config, NULL, NULL, &device) != -EINVAL)
			fail_msg("%s is not refused", cases[i].what);
		assert_ptr_equal(device, &untouched);
	}
}

/* Shows: features-accept */
static void a_feature_that_was_not_offered_cannot_be_accepted(void **state)
{
	const uint64_t transport = 1ull << 32 | 1ull << 33;
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .features = VIOMMU_F_MAP_UNMAP });
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_MAP_UNMAP | VIOMMU_F_MMIO), -EINVAL);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_OK);
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_MAP_UNMAP | transport), 0);
}

/* Shows: config-bypass-values, config-bypass-illegal-write */
static void bypass_is_only_ever_0_or_1(void **state)
{
	struct rig *rig = *state;

	for (unsigned value = 0; value <= UINT8_MAX; value++) {
		uint8_t before = read_bypass(rig);

		write_bypass(rig, (uint8_t)value);
		assert_int_equal(read_bypass(rig), value <= 1 ? value : before);
		write_bypass(rig, !before);
	}
}

/* Shows: config-bypass-not-accepted */
static void bypass_is_written_only_once_its_feature_is_accepted(void **state)
{
	struct rig *rig = *state;

	viommu_reset(rig->device);
	write_bypass(rig, 1);
	assert_int_equal(read_bypass(rig), 0);
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_MAP_UNMAP), 0);
	write_bypass(rig, 1);
	assert_int_equal(read_bypass(rig), 0);
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_BYPASS_CONFIG), 0);
	write_bypass(rig, 1);
	assert_int_equal(read_bypass(rig), 1);
}

/* Every write that takes in the byte at 36 sets it, and none sets anything else. Shows:
 * config-read-only */
static void a_write_changes_bypass_alone(void **state)
{
	static const uint8_t ones[VIOMMU_CONFIG_LENGTH + BEHIND] = {
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	};
	struct rig *rig = *state;

	replace(rig, narrow);
	for (size_t at = 0; at < sizeof(ones); at++)
		for (size_t length = 0; at + length <= sizeof(ones); length++) {
			bool hit = at <= VIOMMU_CONFIG_BYPASS && at + length > VIOMMU_CONFIG_BYPASS;
			uint8_t bytes[sizeof(image)];

			write_bypass(rig, 0);
			viommu_config_write(rig->device, at, ones, length);
			assert_int_equal(read_bypass(rig), hit);
			write_bypass(rig, 1);
			viommu_config_read(rig->device, 0, bytes, sizeof(bytes));
			assert_memory_equal(bytes, image, sizeof(bytes));
		}
	viommu_config_write(rig->device, TOP, ones, 1);
	viommu_config_write(rig->device, TOP - 8, ones, sizeof(ones));
}

/* Shows: config-bypass-initial */
static void bypass_begins_as_configured(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(read_bypass(rig), 0);
	replace(rig, (struct viommu_config){ .bypass = true });
	assert_int_equal(read_bypass(rig), 1);
}

/* The current configuration is returned. */
static void the_configuration_has_its_defaults_filled_in(void **state)
{
	const struct viommu_config *config;
	struct rig *rig = *state;

	config = viommu_configuration(rig->device);
	assert_int_equal(config->features, VIOMMU_FEATURES_DEFAULT);
	assert_int_equal(config->input_last, TOP);
	assert_int_equal(config->domain_last, UINT32_MAX);
	assert_int_equal(config->probe_size, VIOMMU_PROBE_SIZE_DEFAULT);
	assert_int_equal(config->max_domains, VIOMMU_MAX_DOMAINS_DEFAULT);
	assert_int_equal(config->max_mappings, VIOMMU_MAX_MAPPINGS_DEFAULT);
	assert_int_equal(config->max_bytes, VIOMMU_MAX_BYTES_DEFAULT);
}

static void the_headers_and_the_library_are_of_one_version(void **state)
{
	char version[64];

	(void)state;
	snprintf(version, sizeof(version), "%d.%d.%d", VIOMMU_VERSION_MAJOR, VIOMMU_VERSION_MINOR,
		 VIOMMU_VERSION_PATCH);
	assert_string_equal(viommu_version(), version);
}

static void a_version_is_at_least_itself_and_what_is_before(void **state)
{
	const int major = VIOMMU_VERSION_MAJOR, minor = VIOMMU_VERSION_MINOR,
		  patch = VIOMMU_VERSION_PATCH;

	(void)state;
	assert_true(VIOMMU_VERSION_AT_LEAST(major, minor, patch));
	assert_true(VIOMMU_VERSION_AT_LEAST(major, minor - 1, patch + 1));
	assert_true(VIOMMU_VERSION_AT_LEAST(major - 1, minor + 1, patch + 1));
	assert_false(VIOMMU_VERSION_AT_LEAST(major, minor, patch + 1));
	assert_false(VIOMMU_VERSION_AT_LEAST(major, minor + 1, patch));
	assert_false(VIOMMU_VERSION_AT_LEAST(major + 1, minor - 1, patch));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(a_read_of_any_size_and_offset_is_a_cut_out_of_the_image),
		ON_A_FRESH_DEVICE(what_lies_behind_the_end_reads_as_zero),
		ON_A_FRESH_DEVICE(nothing_can_be_read_to_nowhere),
		ON_A_FRESH_DEVICE(fields_can_be_read_before_features_are_accepted),
		ON_A_FRESH_DEVICE(fields_of_features_not_offered_are_zero),
		cmocka_unit_test(a_device_by_default),
		cmocka_unit_test(configurations_that_break_a_rule_are_refused),
		ON_A_FRESH_DEVICE(a_feature_that_was_not_offered_cannot_be_accepted),
		ON_A_FRESH_DEVICE(bypass_is_only_ever_0_or_1),
		ON_A_FRESH_DEVICE(bypass_is_written_only_once_its_feature_is_accepted),
		ON_A_FRESH_DEVICE(a_write_changes_bypass_alone),
		ON_A_FRESH_DEVICE(bypass_begins_as_configured),
		ON_A_FRESH_DEVICE(the_configuration_has_its_defaults_filled_in),
		cmocka_unit_test(the_headers_and_the_library_are_of_one_version),
		cmocka_unit_test(a_version_is_at_least_itself_and_what_is_before),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
