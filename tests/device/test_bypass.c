/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* Who bypasses: virtio 1.3, "IOMMU Device / Device operations", on endpoints that are in
 * bypass mode. */

/* Where an access goes, which agrees with the mode that is shown. */
static enum viommu_mode reach(struct rig *rig, uint32_t endpoint)
{
	enum viommu_mode mode = mode_of(rig, endpoint);
	const char *words = peek(rig, endpoint, 0x123456, 2);

	if (mode == VIOMMU_BYPASS)
		assert_string_equal(words, "identity 123456+2 rw");
	else
		assert_string_equal(words, "fault");
	return mode;
}

/* Shows: bypass-config-unattached, bypass-domain, bypass-old, unattached-blocked,
 * bypass-attached-translated */
static void which_endpoints_bypass(void **state)
{
	enum {
		NEITHER = VIOMMU_F_MAP_UNMAP,
		OLD = NEITHER | VIOMMU_F_BYPASS,
		NEW = NEITHER | VIOMMU_F_BYPASS_CONFIG
	};
	static const struct {
		const char *what;
		uint64_t offered, accepted;
		bool bypass;
		enum viommu_mode before, unattached;
	} rows[] = {
		{ "neither", NEITHER, NEITHER, false, VIOMMU_BLOCKED, VIOMMU_BLOCKED },
		{ "BYPASS accepted", OLD, OLD, false, VIOMMU_BLOCKED, VIOMMU_BYPASS },
		{ "BYPASS not accepted", OLD, NEITHER, false, VIOMMU_BLOCKED, VIOMMU_BLOCKED },
		{ "BYPASS_CONFIG, 1", NEW, NEW, true, VIOMMU_BYPASS, VIOMMU_BYPASS },
		{ "BYPASS_CONFIG, 1, not accepted", NEW, NEITHER, true, VIOMMU_BYPASS,
		  VIOMMU_BYPASS },
		{ "BYPASS_CONFIG, 0", NEW, NEW, false, VIOMMU_BLOCKED, VIOMMU_BLOCKED },
		{ "BYPASS_CONFIG, 0, not accepted", NEW, NEITHER, false, VIOMMU_BLOCKED,
		  VIOMMU_BLOCKED },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		print_message("           %s\n", rows[i].what);
		replace(rig, (struct viommu_config){ .features = rows[i].offered,
						     .bypass = rows[i].bypass });
		viommu_reset(rig->device);
		assert_int_equal(reach(rig, EP), rows[i].before);
		assert_int_equal(viommu_accept(rig->device, rows[i].accepted), 0);
		assert_int_equal(reach(rig, EP), rows[i].unattached);

		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(reach(rig, EP), VIOMMU_TRANSLATED);
		assert_int_equal(attach_bypass(rig, 2, EP2),
				 rows[i].accepted & VIOMMU_F_BYPASS_CONFIG ? VIOMMU_S_OK
									   : VIOMMU_S_INVAL);
		assert_int_equal(reach(rig, EP2), rows[i].accepted & VIOMMU_F_BYPASS_CONFIG
							  ? VIOMMU_BYPASS
							  : rows[i].unattached);
		assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(reach(rig, EP), rows[i].unattached);
	}
}

/* Shows: bypass-toggle */
static void toggling_bypass_changes_unattached_endpoints_at_once(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	for (unsigned i = 0; i < 4; i++) {
		write_bypass(rig, i % 2);
		assert_int_equal(reach(rig, EP), VIOMMU_TRANSLATED);
		assert_int_equal(reach(rig, EP2), VIOMMU_BYPASS);
		assert_int_equal(reach(rig, EP3), i % 2 ? VIOMMU_BYPASS : VIOMMU_BLOCKED);
	}
}

/* Shows: bypass-toggle */
static void listeners_of_unattached_endpoints_are_notified_of_bypass(void **state)
{
	struct recorder attached = { 0 }, unattached = { 0 };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&attached, rig, "a", EP), 0);
	assert_int_equal(recorder_listen(&unattached, rig, "u", EP2), 0);
	assert_notified(rig, "a mode translated, u mode blocked");
	write_bypass(rig, 1);
	assert_notified(rig, "u mode bypass");
	write_bypass(rig, 1);
	assert_notified(rig, "");
	write_bypass(rig, 0);
	assert_notified(rig, "u mode blocked");
}

/* Shows: bypass-reserved */
static void reserved_regions_do_not_restrict_an_endpoint_in_bypass_mode(void **state)
{
	static const struct viommu_reserved reserved = { 0x1000, 0x1fff, VIOMMU_RESV_MEM_RESERVED };
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = 0x80,
		.reserved = &reserved,
		.n_reserved = 1,
	};
	struct rig *rig = *state;

	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	assert_int_equal(attach_bypass(rig, 1, 0x80), VIOMMU_S_OK);
	assert_string_equal(peek(rig, 0x80, 0x800, 0x2000), "identity 800+2000 rw");
}

/* Shows: bypass-config-unattached */
static void bypass_reaches_the_top_of_the_address_space(void **state)
{
	struct rig *rig = *state;

	write_bypass(rig, 1);
	assert_string_equal(peek(rig, EP, 0, TOP), "identity 0+ffffffffffffffff rw");
	assert_string_equal(peek(rig, EP, TOP, 1), "identity ffffffffffffffff+1 rw");
	assert_string_equal(peek(rig, EP, TOP - 1, 100), "identity fffffffffffffffe+2 rw");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(which_endpoints_bypass),
		ON_A_FRESH_DEVICE(toggling_bypass_changes_unattached_endpoints_at_once),
		ON_A_FRESH_DEVICE(listeners_of_unattached_endpoints_are_notified_of_bypass),
		ON_A_FRESH_DEVICE(reserved_regions_do_not_restrict_an_endpoint_in_bypass_mode),
		ON_A_FRESH_DEVICE(bypass_reaches_the_top_of_the_address_space),
	};

	return cmocka_run_group_tests_name("bypass", tests, NULL, NULL);
}
