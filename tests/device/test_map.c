/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* The request MAP: virtio 1.3, "IOMMU Device / MAP request". */

static void add_endpoint(struct rig *rig, uint32_t id, const struct viommu_reserved *reserved,
			 size_t n)
{
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = id,
		.reserved = reserved,
		.n_reserved = n,
	};

	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
}

/* Shows: request-layout, map-physical */
static void a_mapping_has_the_requested_range_and_flags(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x3fff, 0x8000, R | W), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "1000-3fff to 8000 rw");
	assert_string_equal(peek(rig, EP, 0x2345, 0x10), "9345+10 rw");
}

/* Shows: map-aligned, map-overlap, map-unknown-flag, map-no-domain, map-bypass-domain,
 * map-inverted, map-wrap, map-check-order */
static void map_refuses(void **state)
{
	static const struct {
		const char *what;
		uint32_t domain;
		uint64_t first, last, phys;
		uint32_t flags;
		int status;
	} cases[] = {
		{ "an unknown flag", 1, 0x1000, 0x1fff, 0x8000, 1u << 3, VIOMMU_S_INVAL },
		{ "the last flag", 1, 0x1000, 0x1fff, 0x8000, R | 1u << 31, VIOMMU_S_INVAL },
		{ "no domain", 9, 0x1000, 0x1fff, 0x8000, R, VIOMMU_S_NOENT },
		{ "a bypass domain", 2, 0x1000, 0x1fff, 0x8000, R, VIOMMU_S_INVAL },
		{ "an end before start", 1, 0x2000, 0x1fff, 0x8000, R, VIOMMU_S_INVAL },
		{ "far before start", 1, TOP - 0xfff, 0xfff, 0, R, VIOMMU_S_INVAL },
		{ "an unaligned start", 1, 0x1001, 0x1fff, 0x8000, R, VIOMMU_S_RANGE },
		{ "an unaligned end", 1, 0x1000, 0x1ffe, 0x8000, R, VIOMMU_S_RANGE },
		{ "an end a page too short", 1, 0x1000, 0x1000, 0x8000, R, VIOMMU_S_RANGE },
		{ "an end one too far", 1, 0x1000, 0x2000, 0x8000, R, VIOMMU_S_RANGE },
		{ "an unaligned target", 1, 0x1000, 0x1fff, 0x8001, R, VIOMMU_S_RANGE },
		{ "a target beyond 2^64", 1, 0x1000, 0x2fff, TOP - 0xfff, R, VIOMMU_S_RANGE },
		{ "all, to anywhere but 0", 1, 0, TOP, 0x1000, R, VIOMMU_S_RANGE },
		{ "the same range", 1, 0x10000, 0x1ffff, 0x8000, R, VIOMMU_S_INVAL },
		{ "the very same mapping", 1, 0x10000, 0x1ffff, 0x50000, R, VIOMMU_S_INVAL },
		{ "a part of it", 1, 0x12000, 0x12fff, 0x8000, R, VIOMMU_S_INVAL },
		{ "its first page", 1, 0xf000, 0x10fff, 0x8000, R, VIOMMU_S_INVAL },
		{ "its last page", 1, 0x1f000, 0x20fff, 0x8000, R, VIOMMU_S_INVAL },
		{ "all around it", 1, 0, TOP, 0, R, VIOMMU_S_INVAL },
		{ "a flag, before a domain", 9, 0x1001, 0, 0, 1u << 9, VIOMMU_S_INVAL },
		{ "a domain, before a range", 9, 0x1001, 0x1fff, 0, R, VIOMMU_S_NOENT },
		{ "a range, before overlap", 1, 0x10001, 0x1ffff, 0, R, VIOMMU_S_RANGE },
	};
	struct rig *rig = *state;
	struct recorder recorder = { 0 };

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x10000, 0x1ffff, 0x50000, R), VIOMMU_S_OK);
	assert_int_equal(recorder_listen(&recorder, rig, "a", EP), 0);
	assert_notified(rig, "a mode translated, a map 1 10000-1ffff to 50000 r");
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int status = map(rig, cases[i].domain, cases[i].first, cases[i].last, cases[i].phys,
				 cases[i].flags);

		if (status != cases[i].status)
			fail_msg("%s: status %d, not %d", cases[i].what, status, cases[i].status);
		assert_string_equal(mappings(rig, 1), "10000-1ffff to 50000 r");
		assert_notified(rig, "");
	}
	assert_int_equal(map(rig, 1, 0xf000, 0xffff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x20000, 0x20fff, 0x8000, R), VIOMMU_S_OK);
}

/* Shows: map-reserved-region */
static void map_refuses_what_is_reserved_for_an_endpoint_of_the_domain(void **state)
{
	static const struct viommu_reserved reserved[] = {
		{ 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI },
		{ 0x2800, 0x2fff, VIOMMU_RESV_MEM_RESERVED },
	};
	static const struct {
		uint64_t first, last;
		int status;
	} cases[] = {
		{ 0x2000, 0x2fff, VIOMMU_S_INVAL },
		{ 0x1000, 0x3fff, VIOMMU_S_INVAL },
		{ 0xfee00000, 0xfee00fff, VIOMMU_S_INVAL },
		{ 0xfeeff000, 0xfef00fff, VIOMMU_S_INVAL },
		{ 0, TOP, VIOMMU_S_INVAL },
		{ 0x1000, 0x1fff, VIOMMU_S_OK },
		{ 0x3000, 0xfedfffff, VIOMMU_S_OK },
		{ 0xfef00000, TOP, VIOMMU_S_OK },
	};
	struct rig *rig = *state;

	add_endpoint(rig, 0x80, reserved, COUNT_OF(reserved));
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 1, 0x80), VIOMMU_S_OK);
	assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(map(rig, 1, cases[i].first, cases[i].last, 0, R), cases[i].status);
	assert_int_equal(map(rig, 2, 0x2000, 0x2fff, 0, R), VIOMMU_S_OK);
	assert_int_equal(detach(rig, 1, 0x80), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0, R), VIOMMU_S_OK);
}

enum { N_KINDS = 4, N_ALIKE = 3, N_OF_KINDS = N_KINDS * N_ALIKE, FIRST_OF_KINDS = 0x100 };

/* Each class of endpoints has one page that cannot be mapped. */
static struct viommu_reserved page_of_kind(uint32_t kind)
{
	return (struct viommu_reserved){ kind * PAGE, kind * PAGE + PAGE - 1,
					 VIOMMU_RESV_MEM_RESERVED };
}

static void assert_pages_are_reserved(struct rig *rig, const unsigned n_attached[N_KINDS])
{
	for (uint32_t kind = 0; kind < N_KINDS; kind++) {
		struct viommu_reserved page = page_of_kind(kind);

		assert_int_equal(map(rig, 1, page.first, page.last, 0, R),
				 n_attached[kind] ? VIOMMU_S_INVAL : VIOMMU_S_OK);
	}
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
}

/* Endpoints that have the same regions come, change and go in any order: what is reserved for one
 * is so until the last of them has left. Shows: map-reserved-region */
static void map_refuses_what_is_reserved_for_any_of_many_endpoints(void **state)
{
	enum { N_TURNS = 3000 };
	uint32_t kinds[N_OF_KINDS], seed = 1;
	unsigned n_attached[N_KINDS] = { 0 };
	bool attached[N_OF_KINDS] = { false };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint32_t i = 0; i < N_OF_KINDS; i++) {
		struct viommu_reserved page = page_of_kind(kinds[i] = i % N_KINDS);

		add_endpoint(rig, FIRST_OF_KINDS + i, &page, 1);
	}
	for (unsigned turn = 0; turn < N_TURNS; turn++) {
		uint32_t i = (seed = seed * 1664525u + 1013904223u) >> 8;
		uint32_t who = i % N_OF_KINDS, kind = i / N_OF_KINDS % N_KINDS;
		struct viommu_reserved page = page_of_kind(kind);
		const struct viommu_endpoint changed = { .size = sizeof(changed),
							 .id = FIRST_OF_KINDS + who,
							 .reserved = &page,
							 .n_reserved = 1 };

		n_attached[kinds[who]] -= attached[who];
		if (turn % 3 == 0) {
			assert_int_equal(viommu_endpoint_update(rig->device, &changed), 0);
			kinds[who] = kind;
		} else {
			assert_int_equal(attached[who] ? detach(rig, 1, changed.id)
						       : attach(rig, 1, changed.id),
					 VIOMMU_S_OK);
			attached[who] = !attached[who];
		}
		n_attached[kinds[who]] += attached[who];
		assert_pages_are_reserved(rig, n_attached);
	}
}

/* Shows: map-input-range */
static void map_refuses_what_is_outside_the_input_range(void **state)
{
	static const struct {
		uint64_t first, last;
		int status;
	} cases[] = {
		{ 0x0, 0xfff, VIOMMU_S_RANGE },
		{ 0xf000, 0x10fff, VIOMMU_S_RANGE },
		{ 0x7ffff000, 0x80000fff, VIOMMU_S_RANGE },
		{ 0x80000000, 0x80000fff, VIOMMU_S_RANGE },
		{ TOP - 0xfff, TOP, VIOMMU_S_RANGE },
		{ 0, TOP, VIOMMU_S_RANGE },
		{ 0x10000, 0x7fffffff, VIOMMU_S_OK },
	};
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .input_first = 0x10000, .input_last = 0x7fffffff });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_int_equal(map(rig, 1, cases[i].first, cases[i].last, 0, R), cases[i].status);
}

/* The range binds because it is offered. Shows: features-offered-counts */
static void the_input_range_binds_a_driver_that_did_not_accept_it(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){
			     .input_last = 0xffff, .domain_first = 1, .domain_last = 2 });
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_MAP_UNMAP), 0);
	assert_int_equal(attach(rig, 3, EP), VIOMMU_S_RANGE);
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 2, 0x10000, 0x10fff, 0, R), VIOMMU_S_RANGE);
}

/* Shows: map-mmio-not-accepted */
static void the_flag_mmio_is_unknown_until_its_feature_is_accepted(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_MAP_UNMAP), 0);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, W | MMIO), VIOMMU_S_INVAL);
	assert_int_equal(viommu_accept(rig->device, VIOMMU_F_MAP_UNMAP | VIOMMU_F_MMIO), 0);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, W | MMIO), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "0-fff to 0 w mmio");
}

/* Shows: map-no-access, map-write-only */
static void every_combination_of_permissions_can_be_mapped(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint32_t flags = 0; flags <= (R | W | MMIO); flags++)
		assert_int_equal(map(rig, 1, flags * PAGE, flags * PAGE + 0xfff, 0, flags),
				 VIOMMU_S_OK);
	assert_int_equal(counters(rig).mappings, 8);
}

/* Shows: map-top */
static void the_last_byte_of_the_address_space_can_be_mapped(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, TOP - 0xfff, TOP, TOP - 0xfff, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, TOP, 1), "ffffffffffffffff+1 r");
	assert_int_equal(map(rig, 1, TOP - 0xfff, TOP, 0, R), VIOMMU_S_INVAL);
}

/* Shows: map-top, map-not-ram */
static void all_of_the_address_space_is_one_mapping(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, TOP, 0, R | W), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "0-ffffffffffffffff to 0 rw");
	assert_string_equal(peek(rig, EP, 0x123456789a, 8), "123456789a+8 rw");
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_INVAL);
}

/* Shows: map-one-byte */
static void with_a_granule_of_a_byte_a_byte_can_be_mapped(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .page_size_mask = 1 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 5, 5, 77, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 6, 9, 3, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, TOP, TOP, 1, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 9, 8, 0, R), VIOMMU_S_INVAL);
	assert_int_equal(map(rig, 1, 9, 9, 0, R), VIOMMU_S_INVAL);
	assert_string_equal(peek(rig, EP, 5, 1), "4d+1 r");
	assert_string_equal(peek(rig, EP, TOP, 1), "1+1 r");
}

/* Shows: map-aligned */
static void the_granule_is_the_lowest_bit_of_the_page_sizes(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .page_size_mask = 0x20010000 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0, R), VIOMMU_S_RANGE);
	assert_int_equal(map(rig, 1, 0, 0xffff, 0x8000, R), VIOMMU_S_RANGE);
	assert_int_equal(map(rig, 1, 0x8000, 0x17fff, 0, R), VIOMMU_S_RANGE);
	assert_int_equal(map(rig, 1, 0x10000, 0x1ffff, 0x30000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x20000, 0x4ffff, 0, R), VIOMMU_S_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(a_mapping_has_the_requested_range_and_flags),
		ON_A_FRESH_DEVICE(map_refuses),
		ON_A_FRESH_DEVICE(map_refuses_what_is_reserved_for_an_endpoint_of_the_domain),
		ON_A_FRESH_DEVICE(map_refuses_what_is_reserved_for_any_of_many_endpoints),
		ON_A_FRESH_DEVICE(map_refuses_what_is_outside_the_input_range),
		ON_A_FRESH_DEVICE(the_input_range_binds_a_driver_that_did_not_accept_it),
		ON_A_FRESH_DEVICE(the_flag_mmio_is_unknown_until_its_feature_is_accepted),
		ON_A_FRESH_DEVICE(every_combination_of_permissions_can_be_mapped),
		ON_A_FRESH_DEVICE(the_last_byte_of_the_address_space_can_be_mapped),
		ON_A_FRESH_DEVICE(all_of_the_address_space_is_one_mapping),
		ON_A_FRESH_DEVICE(with_a_granule_of_a_byte_a_byte_can_be_mapped),
		ON_A_FRESH_DEVICE(the_granule_is_the_lowest_bit_of_the_page_sizes),
	};

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
