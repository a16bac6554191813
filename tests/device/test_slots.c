/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/*
 * PASIDs: ATTACH and DETACH with a PASID, row by row of the tables in
 * docs/proposal-address-spaces.md, and translations by PASID
 */

#define PASID VIOMMU_SLOT_F_PASID
#define ALL   VIOMMU_SLOT_F_ALL

#define FEATURES (VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID)

/* EP and EP2 have 256 PASIDs; EP3 has none. */
static void give_pasids(struct rig *rig, uint32_t endpoint, uint64_t page_size_mask)
{
	struct viommu_endpoint config = {
		.size = sizeof(config),
		.id = endpoint,
		.page_size_mask = page_size_mask,
		.pasid_bits = 8,
	};

	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
}

static struct rig *with_pasids(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){
			     .size = sizeof(struct viommu_config),
			     .features = FEATURES,
			     .domain_first = 1,
			     .domain_last = 100,
		     });
	give_pasids(rig, EP, 0);
	give_pasids(rig, EP2, 0);
	return rig;
}

static int attach_pasid(struct rig *rig, uint32_t domain, uint32_t endpoint, uint32_t pasid,
			uint32_t flags)
{
	const uint8_t bytes[] = { ATTACH(domain, endpoint, flags | PASID, pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

static int detach_slot(struct rig *rig, uint32_t domain, uint32_t endpoint, uint32_t flags,
		       uint32_t pasid)
{
	const uint8_t bytes[] = { HEAD(VIOMMU_T_DETACH), LE32(domain), LE32(endpoint), LE32(flags),
				  LE32(pasid) };

	return status_of(rig, bytes, sizeof(bytes));
}

/* Where a PASID reaches, as "8000", "identity 8000", or "fault". Quiet. */
static const char *reach(struct rig *rig, uint32_t endpoint, uint32_t pasid, uint64_t iova)
{
	struct viommu_translation to;
	int error = viommu_translate_pasid(rig->device, endpoint, pasid, iova, 1,
					   R | VIOMMU_ACCESS_QUIET, &to);

	if (error)
		return error == -EFAULT ? "fault" : error == -ENOENT ? "no endpoint" : "error";
	snprintf(rig->words, sizeof(rig->words), "%s%llx", to.identity ? "identity " : "",
		 (unsigned long long)to.address);
	return rig->words;
}

static unsigned n_domains(struct rig *rig)
{
	return (unsigned)counters(rig).domains;
}

/* -- ATTACH -------------------------------------------------------------------- */

/* Shows: slot-attach-1 */
static void test_attach_1_a_pasid_without_its_feature_is_inval(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_INVAL);
	with_pasids(state);
	assert_int_equal(viommu_accept(rig->device, VIOMMU_FEATURES_DEFAULT), 0);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_INVAL);
}

/* Shows: slot-attach-1 */
static void test_attach_1_a_pasid_without_the_flag_is_inval(void **state)
{
	struct rig *rig = with_pasids(state);
	const uint8_t bytes[] = { ATTACH(1, EP, 0, 5) };

	assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_INVAL);
	assert_int_equal(n_domains(rig), 0);
}

/* Shows: slot-attach-2 */
static void test_attach_2_no_endpoint_is_noent(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach_pasid(rig, 101, NO_ENDPOINT, 1, 0), VIOMMU_S_NOENT);
}

/* Shows: slot-attach-3 */
static void test_attach_3_a_domain_out_of_range_is_range(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach_pasid(rig, 101, EP, 1, 0), VIOMMU_S_RANGE);
}

/* Shows: slot-attach-4 */
static void test_attach_4_a_pasid_that_is_too_wide_is_range(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach_pasid(rig, 1, EP, 255, 0), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 256, 0), VIOMMU_S_RANGE);
	assert_int_equal(attach_pasid(rig, 1, EP, UINT32_MAX, 0), VIOMMU_S_RANGE);
	assert_int_equal(attach_pasid(rig, 1, EP3, 0, 0), VIOMMU_S_RANGE);
}

/* Shows: slot-attach-6 */
static void test_attach_6_a_domain_of_another_kind_is_inval(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_INVAL);
	assert_int_equal(attach_pasid(rig, 2, EP, 1, 0), VIOMMU_S_INVAL);
}

/* Shows: slot-attach-8 */
static void test_attach_8_a_domain_with_another_granule_is_unsupp(void **state)
{
	struct rig *rig = with_pasids(state);

	give_pasids(rig, EP2, ~UINT64_C(0xffff));
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP2, 1, 0), VIOMMU_S_UNSUPP);
}

/* Shows: slot-attach-9 */
static void test_attach_9_an_endpoint_with_a_listener_is_unsupp(void **state)
{
	struct rig *rig = with_pasids(state);
	struct recorder recorder = { 0 }, late = { 0 };

	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_UNSUPP);
	viommu_unlisten(recorder.listener);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&late, rig, "b", EP), -EBUSY);
}

/* Shows: slot-attach-10 */
static void test_attach_10_an_empty_slot_is_attached(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_string_equal(reach(rig, EP, 1, 0x1008), "8008");
	assert_string_equal(reach(rig, EP, 2, 0x1008), "fault");
	assert_string_equal(peek(rig, EP, 0x1008, 1), "fault");
}

/* Shows: slot-attach-11 */
static void test_attach_11_another_domain_is_left_first(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach(rig, 3, EP), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 2, 0), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 2, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 3, 0x1000, 0x1fff, 0xa000, R), VIOMMU_S_OK);
	assert_string_equal(reach(rig, EP, 1, 0x1000), "9000");
	assert_string_equal(reach(rig, EP, 2, 0x1000), "8000");
	assert_string_equal(peek(rig, EP, 0x1000, 1), "a000+1 r");
	assert_int_equal(attach_pasid(rig, 2, EP, 2, 0), VIOMMU_S_OK);
	assert_int_equal(n_domains(rig), 2);
}

/* Shows: slot-attach-12 */
static void test_attach_12_the_same_domain_again_starts_empty_if_it_was_the_only_slot(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_string_equal(reach(rig, EP, 1, 0x1000), "fault");
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 2, 0), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_string_equal(reach(rig, EP, 1, 0x1000), "8000");
}

/* Shows: slot-attach-13 */
static void test_attach_13_a_pasid_may_bypass(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach_pasid(rig, 1, EP, 1, VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_OK);
	assert_string_equal(reach(rig, EP, 1, 0x1234), "identity 1234");
	assert_string_equal(peek(rig, EP, 0x1234, 1), "fault");
}

/* Shows: slot-attach-11 */
static void test_a_default_attach_touches_no_pasid(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	assert_string_equal(reach(rig, EP, 1, 0x1000), "8000");
	assert_int_equal(detach(rig, 2, EP), VIOMMU_S_OK);
	assert_string_equal(reach(rig, EP, 1, 0x1000), "8000");
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "8000+1 r");
}

/* -- DETACH -------------------------------------------------------------------- */

/* Shows: slot-detach-noent */
static void test_detach_of_an_endpoint_that_is_not_there_is_noent(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(detach_slot(rig, 1, NO_ENDPOINT, PASID, 1), VIOMMU_S_NOENT);
	assert_int_equal(detach_slot(rig, 1, NO_ENDPOINT, ALL, 1), VIOMMU_S_NOENT);
}

/* Shows: slot-detach-all */
static void test_detach_all_empties_every_slot(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(detach_slot(rig, 77, EP, ALL, 0), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint32_t pasid = 0; pasid < 256; pasid++)
		assert_int_equal(attach_pasid(rig, 2 + pasid % 8, EP, pasid, 0), VIOMMU_S_OK);
	assert_int_equal(detach_slot(rig, 77, EP, ALL | PASID, 9), VIOMMU_S_OK);
	assert_int_equal(n_domains(rig), 0);
	assert_int_equal(counters(rig).bytes, 0);
	assert_string_equal(reach(rig, EP, 3, 0x1000), "fault");
}

/* Shows: slot-detach-inval */
static void test_detach_of_an_empty_slot_or_another_domain_is_inval(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 2, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(detach_slot(rig, 1, EP, PASID, 1), VIOMMU_S_INVAL);
	assert_int_equal(detach_slot(rig, 2, EP, PASID, 2), VIOMMU_S_INVAL);
	assert_int_equal(detach_slot(rig, 9, EP, PASID, 2), VIOMMU_S_INVAL);
	assert_int_equal(detach_slot(rig, 2, EP, 0, 1), VIOMMU_S_INVAL);
	assert_int_equal(detach_slot(rig, 2, EP, PASID, 1), VIOMMU_S_OK);
	assert_int_equal(n_domains(rig), 1);
}

/* Shows: slot-detach-standard */
static void test_detach_ignores_what_is_reserved_without_the_feature(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(detach_slot(rig, 1, EP, ALL | PASID, 7), VIOMMU_S_OK);
	assert_int_equal(detach_slot(rig, 1, EP, ALL, 7), VIOMMU_S_INVAL);
}

/* Shows: slot-empty-blocks */
static void test_an_empty_pasid_is_blocked_even_if_endpoints_bypass(void **state)
{
	struct rig *rig = with_pasids(state);

	write_bypass(rig, 1);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "identity 1000+1 rw");
	assert_string_equal(reach(rig, EP, 1, 0x1000), "fault");
	assert_int_equal(attach_pasid(rig, 1, EP, 1, VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_OK);
	assert_int_equal(detach_slot(rig, 1, EP, PASID, 1), VIOMMU_S_OK);
	assert_string_equal(reach(rig, EP, 1, 0x1000), "fault");
}

/* -- interplay ----------------------------------------------------------------- */

/* Shows: slot-reset */
static void test_a_reset_empties_all_slots(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach_pasid(rig, 1, EP, 1, VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_OK);
	viommu_reset(rig->device);
	assert_string_equal(reach(rig, EP, 1, 0x1000), "fault");
	assert_int_equal(n_domains(rig), 0);
	assert_int_equal(counters(rig).bytes, 0);
}

/* Shows: slot-reset */
static void test_a_removed_endpoint_leaves_its_domains(void **state)
{
	struct rig *rig = with_pasids(state);

	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP2, 1, 0), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 2, EP, 2, 0), VIOMMU_S_OK);
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
	assert_int_equal(n_domains(rig), 1);
	assert_string_equal(reach(rig, EP, 1, 0x1000), "no endpoint");
}

/* Shows: slot-attach-8 */
static void test_mappings_respect_the_regions_of_endpoints_with_a_pasid(void **state)
{
	struct rig *rig = with_pasids(state);
	const struct viommu_reserved region = { 0x5000, 0x5fff, VIOMMU_RESV_MEM_RESERVED };
	struct viommu_endpoint config = {
		.size = sizeof(config),
		.id = EP,
		.reserved = &region,
		.n_reserved = 1,
		.pasid_bits = 8,
	};

	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0x8000, R), VIOMMU_S_INVAL);
	assert_int_equal(detach_slot(rig, 1, EP, PASID, 1), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x5000, 0x5fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_UNSUPP);
}

/* Shows: slot-msi */
static void test_an_msi_region_is_not_for_pasids(void **state)
{
	struct rig *rig = with_pasids(state);
	const struct viommu_reserved region = { 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI };
	struct viommu_translation to;
	struct viommu_endpoint config = {
		.size = sizeof(config),
		.id = EP,
		.reserved = &region,
		.n_reserved = 1,
		.pasid_bits = 8,
	};

	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(viommu_translate(rig->device, EP, 0xfee00000, 4, W, &to), 0);
	assert_int_equal(viommu_translate_pasid(rig->device, EP, 1, 0xfee00000, 4,
						W | VIOMMU_ACCESS_QUIET, &to),
			 -EFAULT);
}

/* Shows: slot-attach-9 */
static void test_limits_count_pasids(void **state)
{
	struct rig *rig = *state;
	uint32_t n = 0;

	replace(rig, (struct viommu_config){
			     .size = sizeof(struct viommu_config),
			     .features = FEATURES,
			     .max_bytes = 8192,
			     .max_domains = 2,
		     });
	give_pasids(rig, EP, 0);
	assert_int_equal(attach_pasid(rig, 1, EP, 0, 0), VIOMMU_S_OK);
	while (n < 255 && attach_pasid(rig, 1, EP, n + 1, 0) == VIOMMU_S_OK)
		n++;
	assert_in_range(n, 8, 200);
	assert_in_range(counters(rig).bytes, 8192 - 256, 8192);
	assert_int_equal(attach_pasid(rig, 2, EP, 0, 0), VIOMMU_S_NOMEM);
	assert_int_equal(attach_pasid(rig, 1, EP, 0, 0), VIOMMU_S_OK);
	assert_int_equal(detach_slot(rig, 0, EP, ALL, 0), VIOMMU_S_OK);
	assert_int_equal(counters(rig).bytes, 0);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 2, EP, 2, 0), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 3, EP, 3, 0), VIOMMU_S_NOMEM);
	assert_int_equal(attach_pasid(rig, 3, EP, 2, 0), VIOMMU_S_OK);
}

static void test_pasids_need_their_feature(void **state)
{
	struct rig *rig = *state;
	struct viommu_endpoint config = { .size = sizeof(config), .id = EP, .pasid_bits = 8 };

	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EINVAL);
	rig = with_pasids(state);
	config.pasid_bits = 20;
	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
	config.pasid_bits = 21;
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EINVAL);
}

/* Shows: an endpoint's new properties fit the domains of its PASIDs too. */
static void test_an_update_that_does_not_fit_a_pasid_is_busy(void **state)
{
	struct rig *rig = with_pasids(state);
	struct viommu_endpoint config = { .size = sizeof(config), .id = EP, .pasid_bits = 4 };

	assert_int_equal(attach_pasid(rig, 1, EP, 200, 0), VIOMMU_S_OK);
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EBUSY);
	config.pasid_bits = 8;
	config.page_size_mask = ~UINT64_C(0xffff);
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EBUSY);
	assert_int_equal(detach_slot(rig, 1, EP, PASID, 200), VIOMMU_S_OK);
	assert_int_equal(viommu_endpoint_update(rig->device, &config), 0);
}

/* Shows: the granule of a domain stays while a PASID of another endpoint is in it. */
static void test_a_granule_stays_while_a_pasid_has_the_domain(void **state)
{
	struct rig *rig = with_pasids(state);
	const struct viommu_endpoint config = { .size = sizeof(config),
						.id = EP2,
						.page_size_mask = ~UINT64_C(0xffff) };

	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(attach_pasid(rig, 1, EP, 1, 0), VIOMMU_S_OK);
	assert_int_equal(viommu_endpoint_update(rig->device, &config), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(test_attach_1_a_pasid_without_its_feature_is_inval),
		ON_A_FRESH_DEVICE(test_attach_1_a_pasid_without_the_flag_is_inval),
		ON_A_FRESH_DEVICE(test_attach_2_no_endpoint_is_noent),
		ON_A_FRESH_DEVICE(test_attach_3_a_domain_out_of_range_is_range),
		ON_A_FRESH_DEVICE(test_attach_4_a_pasid_that_is_too_wide_is_range),
		ON_A_FRESH_DEVICE(test_attach_6_a_domain_of_another_kind_is_inval),
		ON_A_FRESH_DEVICE(test_attach_8_a_domain_with_another_granule_is_unsupp),
		ON_A_FRESH_DEVICE(test_attach_9_an_endpoint_with_a_listener_is_unsupp),
		ON_A_FRESH_DEVICE(test_attach_10_an_empty_slot_is_attached),
		ON_A_FRESH_DEVICE(test_attach_11_another_domain_is_left_first),
		ON_A_FRESH_DEVICE(
			test_attach_12_the_same_domain_again_starts_empty_if_it_was_the_only_slot),
		ON_A_FRESH_DEVICE(test_attach_13_a_pasid_may_bypass),
		ON_A_FRESH_DEVICE(test_a_default_attach_touches_no_pasid),
		ON_A_FRESH_DEVICE(test_detach_of_an_endpoint_that_is_not_there_is_noent),
		ON_A_FRESH_DEVICE(test_detach_all_empties_every_slot),
		ON_A_FRESH_DEVICE(test_detach_of_an_empty_slot_or_another_domain_is_inval),
		ON_A_FRESH_DEVICE(test_detach_ignores_what_is_reserved_without_the_feature),
		ON_A_FRESH_DEVICE(test_an_empty_pasid_is_blocked_even_if_endpoints_bypass),
		ON_A_FRESH_DEVICE(test_a_reset_empties_all_slots),
		ON_A_FRESH_DEVICE(test_a_removed_endpoint_leaves_its_domains),
		ON_A_FRESH_DEVICE(test_mappings_respect_the_regions_of_endpoints_with_a_pasid),
		ON_A_FRESH_DEVICE(test_an_msi_region_is_not_for_pasids),
		ON_A_FRESH_DEVICE(test_limits_count_pasids),
		ON_A_FRESH_DEVICE(test_pasids_need_their_feature),
		ON_A_FRESH_DEVICE(test_an_update_that_does_not_fit_a_pasid_is_busy),
		ON_A_FRESH_DEVICE(test_a_granule_stays_while_a_pasid_has_the_domain),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
