/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/*
 * Dirty logging: the pages that a tracked endpoint could write since the log was read
 *
 * Guest memory is 256 pages at 1 MiB, and 8 pages behind a hole.
 */

#define RAM       0x100000ull
#define RAM_PAGES 256u
#define LAST      (RAM + RAM_PAGES * PAGE - 1)
#define HIGH      0x100000000ull
#define HIGH_LAST (HIGH + 8 * PAGE - 1)

static const struct viommu_dirty_region regions[] = { { HIGH, HIGH_LAST }, { RAM, LAST } };

static struct rig *with_log(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(viommu_dirty_track(rig->device, EP, true), 0);
	assert_int_equal(viommu_dirty_begin(rig->device, regions, COUNT_OF(regions), 12), 0);
	return rig;
}

/* Dirty pages as "0 3-5": numbers from RAM on. */
static const char *dirty(struct rig *rig, bool with_present)
{
	uint64_t bits[RAM_PAGES / 64] = { 0 };
	unsigned first = 0;
	size_t at = 0;

	assert_int_equal(viommu_dirty_read(rig->device, RAM, LAST, with_present, bits), 0);
	rig->words[0] = '\0';
	for (unsigned i = 0; i <= RAM_PAGES; i++) {
		bool is_set = i < RAM_PAGES && bits[i / 64] >> i % 64 & 1;
		bool before = i && bits[(i - 1) / 64] >> (i - 1) % 64 & 1;

		if (is_set && !before)
			first = i;
		if (is_set || !before)
			continue;
		at += (size_t)snprintf(rig->words + at, MAX_WORDS - at,
				       first + 1 == i ? "%s%u" : "%s%u-%u", at ? " " : "", first,
				       i - 1);
	}
	return rig->words;
}

static int map_pages(struct rig *rig, uint32_t domain, unsigned page, unsigned n, uint32_t flags)
{
	return map(rig, domain, page * PAGE, (page + n) * PAGE - 1, RAM + page * PAGE, flags);
}

static void pages_are_dirty_when_their_mapping_has_gone(void **state)
{
	struct rig *rig = with_log(state);

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map_pages(rig, 1, 3, 2, R | W), VIOMMU_S_OK);
	assert_int_equal(map_pages(rig, 1, 7, 1, R), VIOMMU_S_OK);
	assert_int_equal(map_pages(rig, 1, 60, 70, W), VIOMMU_S_OK);
	assert_string_equal(dirty(rig, false), "");
	assert_int_equal(unmap(rig, 1, 0, 10 * PAGE - 1), VIOMMU_S_OK);
	assert_string_equal(dirty(rig, false), "3-4");
	assert_string_equal(dirty(rig, false), "");
	assert_string_equal(dirty(rig, true), "60-129");
	assert_string_equal(dirty(rig, true), "60-129");
	viommu_dirty_end(rig->device);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
}

static void other_endpoints_make_nothing_dirty(void **state)
{
	struct rig *rig = with_log(state);

	assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
	assert_int_equal(map_pages(rig, 1, 3, 2, R | W), VIOMMU_S_OK);
	assert_string_equal(dirty(rig, true), "");
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	write_bypass(rig, 1);
	assert_int_equal(viommu_dirty_track(rig->device, EP, false), 0);
	dirty(rig, false);
	assert_string_equal(dirty(rig, true), "");
	assert_int_equal(viommu_dirty_track(rig->device, NO_ENDPOINT, true), -ENOENT);
}

static void detach_to(struct rig *rig)
{
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
}

static void attach_to(struct rig *rig)
{
	assert_int_equal(attach(rig, 2, EP), VIOMMU_S_OK);
}

static void reset(struct rig *rig)
{
	viommu_reset(rig->device);
}

static void remove_endpoint(struct rig *rig)
{
	assert_int_equal(viommu_endpoint_remove(rig->device, EP), 0);
}

static void block(struct rig *rig)
{
	assert_int_equal(viommu_endpoint_block(rig->device, EP, true), 0);
}

static void untrack(struct rig *rig)
{
	assert_int_equal(viommu_dirty_track(rig->device, EP, false), 0);
}

static void pages_are_dirty_when_the_endpoint_has_left(void **state)
{
	static void (*const leave[])(struct rig *) = { detach_to,       attach_to, reset,
						       remove_endpoint, block,     untrack };
	struct rig *rig = *state;

	for (size_t i = 0; i < COUNT_OF(leave); i++) {
		replace(rig, (struct viommu_config){ 0 });
		with_log(state);
		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(attach(rig, 1, EP2), VIOMMU_S_OK);
		assert_int_equal(map_pages(rig, 1, 63, 2, R | W), VIOMMU_S_OK);
		assert_string_equal(dirty(rig, false), "");
		leave[i](rig);
		assert_string_equal(dirty(rig, false), "63-64");
	}
}

static void bypass_makes_everything_dirty(void **state)
{
	struct rig *rig = with_log(state);

	write_bypass(rig, 1);
	assert_string_equal(dirty(rig, false), "");
	assert_string_equal(dirty(rig, true), "0-255");
	write_bypass(rig, 0);
	assert_string_equal(dirty(rig, false), "0-255");
	assert_string_equal(dirty(rig, true), "");
	assert_int_equal(attach_bypass(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(dirty(rig, true), "0-255");
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_string_equal(dirty(rig, false), "0-255");
	write_bypass(rig, 1);
	remove_endpoint(rig);
	assert_string_equal(dirty(rig, false), "0-255");
}

static void pages_of_pasids_are_tracked(void **state)
{
	const uint8_t attach_pasid[] = { ATTACH(1, EP, VIOMMU_SLOT_F_PASID, 5) };
	const uint8_t detach_pasid[] = { HEAD(VIOMMU_T_DETACH), LE32(1), LE32(EP),
					 LE32(VIOMMU_SLOT_F_PASID), LE32(5) };
	const struct viommu_endpoint endpoint = { .size = sizeof(endpoint),
						  .id = EP,
						  .pasid_bits = 8 };
	struct rig *rig = *state;

	replace(rig,
		(struct viommu_config){ .size = sizeof(struct viommu_config),
					.features = VIOMMU_FEATURES_DEFAULT | VIOMMU_F_PASID });
	assert_int_equal(viommu_endpoint_update(rig->device, &endpoint), 0);
	with_log(state);
	assert_int_equal(status_of(rig, attach_pasid, sizeof(attach_pasid)), VIOMMU_S_OK);
	assert_int_equal(map_pages(rig, 1, 3, 1, R | W), VIOMMU_S_OK);
	assert_int_equal(map_pages(rig, 1, 5, 1, R | W), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 3 * PAGE, 4 * PAGE - 1), VIOMMU_S_OK);
	assert_string_equal(dirty(rig, false), "3");
	assert_string_equal(dirty(rig, true), "5");
	assert_int_equal(viommu_dirty_track(rig->device, EP, false), 0);
	assert_int_equal(viommu_dirty_track(rig->device, EP, true), 0);
	assert_string_equal(dirty(rig, false), "5");
	assert_int_equal(status_of(rig, detach_pasid, sizeof(detach_pasid)), VIOMMU_S_OK);
	assert_string_equal(dirty(rig, true), "5");
	assert_string_equal(dirty(rig, true), "");
}

static void mappings_reach_beyond_regions(void **state)
{
	struct rig *rig = with_log(state);
	uint64_t bits[1] = { 0 };

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, TOP, 0, R | W), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_string_equal(dirty(rig, false), "0-255");
	assert_int_equal(viommu_dirty_read(rig->device, HIGH + PAGE, HIGH_LAST, false, bits), 0);
	assert_int_equal(bits[0], 0x7f);
	assert_int_equal(viommu_dirty_read(rig->device, HIGH, HIGH_LAST, false, bits), 0);
	assert_int_equal(bits[0], 0x7f);
	assert_int_equal(viommu_dirty_read(rig->device, LAST, LAST + 1, false, bits), -EINVAL);
	assert_int_equal(viommu_dirty_read(rig->device, LAST, RAM, false, bits), -EINVAL);
}

static void regions_that_are_none_are_refused(void **state)
{
	static const struct viommu_dirty_region bad[][2] = {
		{ { 0x1000, 0xfff }, { 0x4000, 0x4fff } },
		{ { 0x800, 0xfff }, { 0x4000, 0x4fff } },
		{ { 0x1000, 0x1ffe }, { 0x4000, 0x4fff } },
		{ { 0x1000, 0x4fff }, { 0x4000, 0x4fff } },
	};
	struct rig *rig = *state;
	uint64_t bits[1];

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_equal(viommu_dirty_begin(rig->device, bad[i], 2, 12), -EINVAL);
	assert_int_equal(viommu_dirty_begin(rig->device, regions, 1, 64), -EINVAL);
	assert_int_equal(viommu_dirty_read(rig->device, RAM, LAST, false, bits), -EINVAL);
	viommu_dirty_end(rig->device);
}

/* -- against a model ----------------------------------------------------------- */

static unsigned pick(unsigned n)
{
	static uint32_t seed = 1;

	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* Add the pages that the endpoint can write now. */
static void add_present(struct rig *rig, bool *pages)
{
	struct viommu_endpoint_state endpoint;
	struct viommu_mapping mapping;
	uint64_t from = 0;

	assert_int_equal(viommu_next_endpoint(rig->device, EP, &endpoint), 0);
	for (unsigned i = 0; i < RAM_PAGES && endpoint.mode == VIOMMU_BYPASS; i++)
		pages[i] = true;
	if (endpoint.mode != VIOMMU_TRANSLATED)
		return;
	while (!viommu_next_mapping(rig->device, endpoint.domain, from, &mapping)) {
		for (uint64_t at = mapping.phys;
		     mapping.flags & W && at - mapping.phys <= mapping.last - mapping.first;
		     at += PAGE)
			pages[(at - RAM) / PAGE] = true;
		from = mapping.last + 1;
	}
}

static void change(struct rig *rig)
{
	const uint32_t domain = 1 + pick(2), endpoint = pick(2) ? EP : EP2;
	unsigned page = pick(RAM_PAGES - 80), what = pick(20);

	if (what < 9)
		map_pages(rig, domain, page, 1 + pick(80), R | pick(4));
	else if (what < 15)
		unmap(rig, domain, page * PAGE, (page + pick(100)) * PAGE - 1);
	else if (what < 17)
		attach(rig, domain, endpoint);
	else if (what < 18)
		detach(rig, domain, endpoint);
	else if (what < 19 && !pick(10))
		write_bypass(rig, (uint8_t)pick(2));
	else if (!pick(10))
		attach_bypass(rig, domain + 2, endpoint);
}

static void a_random_history_is_logged_exactly(void **state)
{
	struct rig *rig = with_log(state);

	for (unsigned round = 0; round < 500; round++) {
		uint64_t bits[RAM_PAGES / 64] = { 0 };
		bool pages[RAM_PAGES] = { false };

		add_present(rig, pages);
		for (unsigned i = pick(12); i; i--) {
			change(rig);
			add_present(rig, pages);
		}
		assert_int_equal(viommu_dirty_read(rig->device, RAM, LAST, true, bits), 0);
		for (unsigned i = 0; i < RAM_PAGES; i++)
			assert_int_equal(bits[i / 64] >> i % 64 & 1, pages[i]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, plug, unplug)
	const struct CMUnitTest tests[] = {
		TEST(pages_are_dirty_when_their_mapping_has_gone),
		TEST(other_endpoints_make_nothing_dirty),
		TEST(pages_are_dirty_when_the_endpoint_has_left),
		TEST(bypass_makes_everything_dirty),
		TEST(pages_of_pasids_are_tracked),
		TEST(mappings_reach_beyond_regions),
		TEST(regions_that_are_none_are_refused),
		TEST(a_random_history_is_logged_exactly),
	};

	return cmocka_run_group_tests_name("dirty", tests, NULL, NULL);
}
