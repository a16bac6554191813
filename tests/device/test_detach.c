/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* The request DETACH, and the end of domains: virtio 1.3, "IOMMU Device / DETACH request". */

/* Shows: detach-no-endpoint, detach-not-attached */
static void detach_refuses(void **state)
{
	static const struct {
		const char *what;
		uint32_t domain, endpoint;
		int status;
	} cases[] = {
		{ "an endpoint that is none", 1, NO_ENDPOINT, VIOMMU_S_NOENT },
		{ "neither domain nor endpoint", 9, NO_ENDPOINT, VIOMMU_S_NOENT },
		{ "a domain that is none", 9, EP, VIOMMU_S_INVAL },
		{ "a domain that the endpoint is not in", 2, EP, VIOMMU_S_INVAL },
		{ "an endpoint attached to nothing", 1, EP3, VIOMMU_S_INVAL },
	};
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int status = detach(rig, cases[i].domain, cases[i].endpoint);

		if (status != cases[i].status)
			fail_msg("%s: status %d, not %d", cases[i].what, status, cases[i].status);
		assert_int_equal(mode_of(rig, EP), VIOMMU_TRANSLATED);
		assert_int_equal(counters(rig).domains, 2);
	}
}

/* Shows: request-layout, detach-reserved */
static void reserved_bytes_of_a_detach_are_ignored(void **state)
{
	static const uint8_t bytes[] = { DETACH(1, EP, UINT64_MAX) };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BLOCKED);
}

/* Shows: detach-effective */
static void a_detached_endpoint_reaches_nothing_of_the_domain(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	assert_string_equal(peek(rig, EP2, 0x1000, 1), "8000+1 r");
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x2000, 1), "fault");
}

/* Shows: domain-lifetime */
static void a_domain_ends_with_its_last_endpoint(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(counters(rig).domains, 1);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(counters(rig).domains, 0);
	assert_int_equal(counters(rig).mappings, 0);
	assert_int_equal(counters(rig).bytes, 0);
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, R), VIOMMU_S_NOENT);
	assert_int_equal(unmap(rig, 1, 0x2000, 0x2fff), VIOMMU_S_NOENT);
}

/* Shows: domain-lifetime */
static void the_number_of_a_domain_that_ended_is_free_for_either_kind(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "");
}

/* Shows: detach-removed-endpoint */
static void an_endpoint_removed_by_the_vmm_is_detached_and_then_unknown(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_NOENT);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_NOENT);
	assert_int_equal(counters(rig).domains, 1);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP2), 0);
	assert_int_equal(counters(rig).domains, 0);
	assert_int_equal(counters(rig).bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(detach_refuses),
		ON_A_FRESH_DEVICE(reserved_bytes_of_a_detach_are_ignored),
		ON_A_FRESH_DEVICE(a_detached_endpoint_reaches_nothing_of_the_domain),
		ON_A_FRESH_DEVICE(a_domain_ends_with_its_last_endpoint),
		ON_A_FRESH_DEVICE(the_number_of_a_domain_that_ended_is_free_for_either_kind),
		ON_A_FRESH_DEVICE(an_endpoint_removed_by_the_vmm_is_detached_and_then_unknown),
	};

	return cmocka_run_group_tests_name("detach", tests, NULL, NULL);
}
