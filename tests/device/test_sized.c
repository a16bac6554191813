/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* Structs that begin with their size: callers older and newer than the library. */

/* What a newer header might have: a member more. */
struct newer_config {
	struct viommu_config known;
	uint64_t newer;
};

static int try_config(const void *config)
{
	struct viommu *device = NULL;
	int error = viommu_new(config, NULL, NULL, &device);

	viommu_free(device);
	return error;
}

/* Shows: sized-newer */
static void a_newer_config_is_taken_if_it_asks_for_nothing_new(void **state)
{
	struct newer_config config = { .known.size = sizeof(config) };

	(void)state;
	assert_int_equal(try_config(&config), 0);
	for (unsigned bit = 0; bit < 64; bit++) {
		config.newer = 1ull << bit;
		assert_int_equal(try_config(&config), -E2BIG);
	}
}

/* Shows: sized-older */
static void an_older_config_gets_defaults_for_what_it_lacks(void **state)
{
	struct viommu_config config = {
		.size = offsetof(struct viommu_config, max_domains),
		.page_size_mask = 0x10000,
		.max_domains = 1,
		.max_mappings = 1,
		.max_bytes = 1,
	};
	struct viommu *device;

	(void)state;
	assert_int_equal(viommu_new(&config, NULL, NULL, &device), 0);
	assert_int_equal(viommu_configuration(device)->size, sizeof(config));
	assert_int_equal(viommu_configuration(device)->page_size_mask, 0x10000);
	assert_int_equal(viommu_configuration(device)->max_domains, VIOMMU_MAX_DOMAINS_DEFAULT);
	assert_int_equal(viommu_configuration(device)->max_mappings, VIOMMU_MAX_MAPPINGS_DEFAULT);
	assert_int_equal(viommu_configuration(device)->max_bytes, VIOMMU_MAX_BYTES_DEFAULT);
	viommu_free(device);

	config.size = sizeof(size_t);
	assert_int_equal(try_config(&config), 0);
}

/* Shows: sized-none */
static void a_struct_without_a_size_is_refused(void **state)
{
	struct viommu_listener *listener;
	struct viommu_config config = { 0 };
	const struct viommu_ops ops = { 0 };
	const struct viommu_endpoint endpoint = { .id = NO_ENDPOINT };
	const struct viommu_listener_ops listener_ops = { 0 };
	struct viommu *device = NULL;
	struct rig *rig = *state;

	for (config.size = 0; config.size < sizeof(size_t); config.size++)
		assert_int_equal(try_config(&config), -EINVAL);
	assert_int_equal(viommu_new(NULL, &ops, NULL, &device), -EINVAL);
	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), -EINVAL);
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), -EINVAL);
	assert_int_equal(viommu_listen(rig->device, EP, &listener_ops, NULL, &listener), -EINVAL);
	assert_null(device);
}

static int unheard_of(void *opaque)
{
	(void)opaque;
	return 0;
}

/* Shows: sized-newer */
static void a_newer_callback_is_refused(void **state)
{
	struct {
		struct viommu_ops known;
		int (*newer)(void *opaque);
	} ops = { .known.size = sizeof(ops), .newer = unheard_of };
	struct {
		struct viommu_listener_ops known;
		int (*newer)(void *opaque);
	} listener_ops = { .known.size = sizeof(listener_ops), .newer = unheard_of };
	struct viommu_listener *listener;
	struct viommu *device = NULL;
	struct rig *rig = *state;

	assert_int_equal(viommu_new(NULL, &ops.known, NULL, &device), -E2BIG);
	assert_null(device);
	assert_int_equal(viommu_listen(rig->device, EP, &listener_ops.known, NULL, &listener),
			 -E2BIG);
}

/* Shows: sized-newer, sized-older */
static void an_endpoint_from_another_version_is_taken(void **state)
{
	struct {
		struct viommu_endpoint known;
		uint64_t newer;
	} endpoint = { .known = { .size = sizeof(endpoint), .id = 0x80, .has_ats = true } };
	struct rig *rig = *state;

	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint.known), 0);
	assert_int_equal(probe(rig, 0x80), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "ats 0");
	endpoint.known.size = offsetof(struct viommu_endpoint, has_ats);
	endpoint.newer = 1;
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint.known), 0);
	assert_int_equal(probe(rig, 0x80), VIOMMU_S_OK);
	assert_string_equal(properties(rig), "");
	endpoint.known.size = sizeof(endpoint);
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint.known), -E2BIG);
}

/* Shows: sized-older */
static void counters_are_filled_as_far_as_the_caller_reaches(void **state)
{
	struct viommu_counters now;
	struct rig *rig = *state;

	memset(&now, POISON, sizeof(now));
	now.size = offsetof(struct viommu_counters, requests);
	viommu_count(rig->device, &now);
	assert_int_equal(now.size, offsetof(struct viommu_counters, requests));
	assert_int_equal(now.endpoints, 3);
	assert_int_equal(now.requests, 0xa5a5a5a5a5a5a5a5);
}

/* Shows: sized-newer */
static void counters_that_this_library_does_not_have_are_zero(void **state)
{
	struct {
		struct viommu_counters known;
		uint64_t newer, behind;
	} now;
	struct rig *rig = *state;

	memset(&now, POISON, sizeof(now));
	now.known.size = sizeof(now.known) + sizeof(now.newer);
	viommu_count(rig->device, &now.known);
	assert_int_equal(now.known.endpoints, 3);
	assert_int_equal(now.known.faults_dropped, 0);
	assert_int_equal(now.newer, 0);
	assert_int_equal(now.behind, 0xa5a5a5a5a5a5a5a5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_config_is_taken_if_it_asks_for_nothing_new),
		cmocka_unit_test(an_older_config_gets_defaults_for_what_it_lacks),
		ON_A_FRESH_DEVICE(a_struct_without_a_size_is_refused),
		ON_A_FRESH_DEVICE(a_newer_callback_is_refused),
		ON_A_FRESH_DEVICE(an_endpoint_from_another_version_is_taken),
		ON_A_FRESH_DEVICE(counters_are_filled_as_far_as_the_caller_reaches),
		ON_A_FRESH_DEVICE(counters_that_this_library_does_not_have_are_zero),
	};

	return cmocka_run_group_tests_name("sized", tests, NULL, NULL);
}
