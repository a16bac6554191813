/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* The request ATTACH: virtio 1.3, "IOMMU Device / ATTACH request". */

/* What everybody can see of the rig, to show that nothing of it has changed. */
static void assert_unchanged(struct rig *rig, const struct viommu_counters *before)
{
	struct viommu_counters now = counters(rig);

	assert_int_equal(now.domains, before->domains);
	assert_int_equal(now.mappings, before->mappings);
	assert_int_equal(now.bytes, before->bytes);
}

/* Shows: request-layout, attach-creates-domain, attach-really */
static void attach_makes_the_domain_that_it_names(void **state)
{
	struct viommu_domain_state domain;
	struct rig *rig = *state;

	assert_int_equal(viommu_next_domain(rig->device, 0, &domain), -ENOENT);
	assert_int_equal(attach(rig, 7, EP), VIOMMU_S_OK);
	assert_int_equal(viommu_next_domain(rig->device, 0, &domain), 0);
	assert_int_equal(domain.id, 7);
	assert_false(domain.bypass);
	assert_int_equal(domain.n_endpoints, 1);
	assert_int_equal(domain.n_mappings, 0);
	assert_int_equal(mode_of(rig, EP), VIOMMU_TRANSLATED);
	assert_int_equal(mode_of(rig, EP2), VIOMMU_BLOCKED);
}

/* Shows: attach-reserved, attach-unknown-flag, attach-no-endpoint, attach-domain-range,
 * attach-no-side-effect */
static void attach_refuses(void **state)
{
	static const struct {
		const char *what;
		uint32_t domain, endpoint, flags, reserved;
		int status;
	} cases[] = {
		{ "the first reserved byte", 20, EP, 0, 0x1, VIOMMU_S_INVAL },
		{ "the last reserved byte", 20, EP, 0, 0x80000000, VIOMMU_S_INVAL },
		{ "flag 1", 20, EP, 1u << 1, 0, VIOMMU_S_INVAL },
		{ "flag 31", 20, EP, 1u << 31, 0, VIOMMU_S_INVAL },
		{ "a known and an unknown flag", 20, EP, 3, 0, VIOMMU_S_INVAL },
		{ "an endpoint that is none", 20, NO_ENDPOINT, 0, 0, VIOMMU_S_NOENT },
		{ "the highest endpoint", 20, UINT32_MAX, 0, 0, VIOMMU_S_NOENT },
		{ "a domain below the range", 9, EP, 0, 0, VIOMMU_S_RANGE },
		{ "a domain above the range", 101, EP, 0, 0, VIOMMU_S_RANGE },
		{ "the other kind of domain", 10, EP2, 1, 0, VIOMMU_S_INVAL },
	};
	struct viommu_counters before;
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .domain_first = 10, .domain_last = 100 });
	assert_int_equal(attach(rig, 10, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 10, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	before = counters(rig);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const uint8_t bytes[] = { ATTACH(cases[i].domain, cases[i].endpoint, cases[i].flags,
						 cases[i].reserved) };
		int status = status_of(rig, bytes, sizeof(bytes));

		if (status != cases[i].status)
			fail_msg("%s: status %d, not %d", cases[i].what, status, cases[i].status);
		assert_string_equal(peek(rig, EP, 0x1000, 1), "8000+1 r");
		assert_int_equal(mode_of(rig, EP2), VIOMMU_BLOCKED);
		assert_unchanged(rig, &before);
	}
	assert_int_equal(attach(rig, 100, EP2), VIOMMU_S_OK);
}

/* Shows: attach-many-endpoints, attach-share, attach-compatible, map-visible */
static void endpoints_share_a_domain_and_its_mappings(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP2, 0x1000, 1), "8000+1 r");
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0x9000, W), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x2000, 1), "9000+1 w");
	assert_string_equal(peek(rig, EP2, 0x2000, 1), "9000+1 w");
}

/* Shows: attach-isolated */
static void domains_do_not_see_each_other(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "8000+1 r");
	assert_string_equal(peek(rig, EP2, 0x1000, 1), "9000+1 r");
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	assert_string_equal(peek(rig, EP2, 0x1000, 1), "9000+1 r");
}

/* Shows: attach-bypass-domain, attach-kind-disagrees */
static void a_bypass_domain_is_made_by_the_flag_and_keeps_its_kind(void **state)
{
	struct viommu_domain_state domain;
	struct rig *rig = *state;

	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(viommu_next_domain(rig->device, 0, &domain), 0);
	assert_true(domain.bypass);
	assert_string_equal(peek(rig, EP, 0x1234, 4), "identity 1234+4 rw");
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_INVAL);
	assert_int_equal(attach_bypass(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(mode_of(rig, EP2), VIOMMU_BYPASS);
}

/* Shows: attach-bypass-not-accepted */
static void the_bypass_flag_is_unknown_until_its_feature_is_accepted(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_MAP_UNMAP), 0);
	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_INVAL);
	assert_int_equal(counters(rig).domains, 0);
}

/* Shows: attach-moves, attach-moves-or-unsupp, domain-lifetime */
static void an_endpoint_moves_to_another_domain(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	assert_int_equal(counters(rig).domains, 1);
	assert_int_equal(counters(rig).mappings, 0);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_NOENT);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_INVAL);
}

/* Shows: attach-moves */
static void a_domain_outlives_one_endpoint_of_two(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "identity 1000+1 rw");
	assert_string_equal(peek(rig, EP2, 0x1000, 1), "8000+1 r");
	assert_int_equal(counters(rig).domains, 2);
}

/* Shows: attach-again */
static void attaching_the_only_endpoint_again_empties_its_domain(void **state)
{
	struct rig *rig = *state;
	uint64_t bytes;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	bytes = counters(rig).bytes;
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "");
	assert_int_equal(counters(rig).domains, 1);
	assert_int_equal(counters(rig).bytes, bytes);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "9000+1 r");
}

/* Shows: attach-again */
static void attaching_one_of_two_again_changes_nothing(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "1000-1fff to 8000 r");
	assert_string_equal(peek(rig, EP, 0x1000, 1), "8000+1 r");
}

/* Shows: attach-again-bypass */
static void the_only_endpoint_cannot_change_its_domain_s_kind(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_INVAL);
	assert_int_equal(mode_of(rig, EP), VIOMMU_TRANSLATED);
	assert_int_equal(attach_bypass(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_INVAL);
	assert_int_equal(mode_of(rig, EP), VIOMMU_BYPASS);
}

/* Shows: bypass-then-domain */
static void from_bypass_to_a_fresh_domain_nothing_is_in_reach(void **state)
{
	struct rig *rig = *state;

	write_bypass(rig, 1);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "identity 1000+1 rw");
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(attach_makes_the_domain_that_it_names),
		ON_A_FRESH_DEVICE(attach_refuses),
		ON_A_FRESH_DEVICE(endpoints_share_a_domain_and_its_mappings),
		ON_A_FRESH_DEVICE(domains_do_not_see_each_other),
		ON_A_FRESH_DEVICE(a_bypass_domain_is_made_by_the_flag_and_keeps_its_kind),
		ON_A_FRESH_DEVICE(the_bypass_flag_is_unknown_until_its_feature_is_accepted),
		ON_A_FRESH_DEVICE(an_endpoint_moves_to_another_domain),
		ON_A_FRESH_DEVICE(a_domain_outlives_one_endpoint_of_two),
		ON_A_FRESH_DEVICE(attaching_the_only_endpoint_again_empties_its_domain),
		ON_A_FRESH_DEVICE(attaching_one_of_two_again_changes_nothing),
		ON_A_FRESH_DEVICE(the_only_endpoint_cannot_change_its_domain_s_kind),
		ON_A_FRESH_DEVICE(from_bypass_to_a_fresh_domain_nothing_is_in_reach),
	};

	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
