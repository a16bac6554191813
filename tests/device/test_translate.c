/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* Where accesses go: virtio 1.3, "IOMMU Device / MAP request", "RESV_MEM property". */

/* Shows: map-write-protected, map-write-only, map-no-access */
static void an_access_needs_every_permission_that_it_asks_for(void **state)
{
	static const uint32_t permitted[] = { 0, R, W, R | W };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (unsigned p = 0; p < COUNT_OF(permitted); p++)
		assert_int_equal(map(rig, 1, p * PAGE, p * PAGE + 0xfff, 0x8000, permitted[p]),
				 VIOMMU_S_OK);
	for (unsigned p = 0; p < COUNT_OF(permitted); p++)
		for (uint32_t access = 0; access <= (R | W); access++) {
			bool let = (access & ~permitted[p]) == 0;
			struct viommu_translation t;

			assert_int_equal(
				viommu_translate(rig->device, EP, p * PAGE + 4, 4, access, &t),
				let ? 0 : -EFAULT);
			if (let)
				assert_int_equal(t.flags, permitted[p]);
		}
}

/* Shows: map-physical */
static void an_answer_covers_what_is_contiguous_and_permitted(void **state)
{
	static const struct {
		uint64_t first, last, phys;
		uint32_t flags;
	} maps[] = {
		{ 0x1000, 0x1fff, 0x8000, R | W }, { 0x2000, 0x3fff, 0x9000, R },
		{ 0x4000, 0x4fff, 0xb000, R | W }, { 0x5000, 0x5fff, 0xf000, R | W },
		{ 0x7000, 0x7fff, 0x11000, R },    { 0x8000, 0x8fff, 0x12000, R | MMIO },
		{ 0xa000, 0xafff, 0x13000, R },    { 0xc000, 0xcfff, 0x14000, R },
	};
	static const struct {
		uint64_t iova, length;
		uint32_t access;
		const char *words;
	} cases[] = {
		{ 0x1000, 0x1000, R, "8000+1000 rw" },
		{ 0x1000, 0x1001, R, "8000+1001 r" },
		{ 0x1800, 0x3800, R, "8800+3800 r" },
		{ 0x1800, 0x4800, R, "8800+3800 r" },
		{ 0x1800, TOP, R, "8800+3800 r" },
		{ 0x1800, 0x3800, W, "8800+800 rw" },
		{ 0x1fff, 2, R | W, "8fff+1 rw" },
		{ 0x2000, 1, W, "fault" },
		{ 0x4000, 0x2000, R, "b000+1000 rw" },
		{ 0x5fff, 0x1000, R, "ffff+1 rw" },
		{ 0x6000, 0x2000, R, "fault" },
		{ 0x0fff, 0x2000, R, "fault" },
		{ 0x7000, 0x2000, R, "11000+1000 r" },
		{ 0x8000, 0x2000, R, "12000+1000 r mmio" },
		{ 0x9000, 1, R, "fault" },
		{ 0xa000, 0x3000, R, "13000+1000 r" },
	};
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(maps); i++)
		assert_int_equal(
			map(rig, 1, maps[i].first, maps[i].last, maps[i].phys, maps[i].flags),
			VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		assert_string_equal(where(rig, EP, cases[i].iova, cases[i].length, cases[i].access),
				    cases[i].words);
}

static void map_pages(struct rig *rig, uint64_t n)
{
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t at = 0; at < n * PAGE; at += PAGE)
		assert_int_equal(map(rig, 1, at, at + 0xfff, at, R), VIOMMU_S_OK);
}

/* Shows: map-physical */
static void an_answer_goes_over_many_mappings(void **state)
{
	enum { N = 500 };
	struct rig *rig = *state;

	map_pages(rig, N);
	assert_string_equal(where(rig, EP, 0, N * PAGE, R), "0+1f4000 r");
	assert_string_equal(where(rig, EP, 0x10, TOP, R), "10+1f3ff0 r");
	assert_int_equal(unmap(rig, 1, 250 * PAGE, 251 * PAGE - 1), VIOMMU_S_OK);
	assert_string_equal(where(rig, EP, 0, N * PAGE, R), "0+fa000 r");
}

/* A translation of the whole address space does not walk over all mappings. */
static void an_answer_ends_after_so_many_mappings(void **state)
{
	enum { MAX = VIOMMU_ANSWER_MAPPINGS_MAX, N = 5 * MAX / 2 };
	struct viommu_translation t;
	struct rig *rig = *state;

	map_pages(rig, N);
	for (uint64_t at = 0; at < N * PAGE; at += t.length) {
		uint64_t left = N - at / PAGE;

		assert_int_equal(viommu_translate(rig->device, EP, at, TOP, R, &t), 0);
		assert_int_equal(t.address, at);
		assert_int_equal(t.length, (left < MAX ? left : MAX) * PAGE);
	}
}

/* Shows: map-top */
static void all_of_the_address_space_can_be_translated(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, TOP, 0, R | W), VIOMMU_S_OK);
	assert_string_equal(where(rig, EP, 0, TOP, R), "0+ffffffffffffffff rw");
	assert_string_equal(where(rig, EP, 1, TOP, R), "1+ffffffffffffffff rw");
	assert_string_equal(where(rig, EP, TOP, 1, W), "ffffffffffffffff+1 rw");
}

/* Shows: map-top */
static void an_access_that_runs_over_the_top_ends_there(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, TOP - 0xfff, TOP, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0, 0xfff, 0x9000, R), VIOMMU_S_OK);
	assert_string_equal(where(rig, EP, TOP - 0xff, 0x1000, R), "8f00+100 r");
	assert_string_equal(where(rig, EP, TOP, TOP, R), "8fff+1 r");
}

/* Two mappings that meet at the end of guest-physical space are not one. Shows:
 * map-physical */
static void an_answer_does_not_wrap_in_guest_physical_space(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, TOP - 0xfff, R), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x2000, 0x2fff, 0, R), VIOMMU_S_OK);
	assert_string_equal(where(rig, EP, 0x1000, 0x2000, R), "fffffffffffff000+1000 r");
	assert_string_equal(where(rig, EP, 0x2000, 0x1000, R), "0+1000 r");
}

static void a_length_of_zero_is_refused(void **state)
{
	struct viommu_translation t;
	struct rig *rig = *state;

	assert_int_equal(viommu_translate(rig->device, EP, 0, 0, R, &t), -EINVAL);
	assert_int_equal(viommu_translate(rig->device, NO_ENDPOINT, 0, 0, R, &t), -EINVAL);
	assert_int_equal(rig->n_events, 0);
}

/* Shows: map-one-byte, map-physical */
static void with_a_granule_of_a_byte_each_byte_goes_its_own_way(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .page_size_mask = 1 });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t i = 0; i < 16; i++)
		assert_int_equal(map(rig, 1, i, i, 100 - i, R), VIOMMU_S_OK);
	for (uint64_t i = 16; i < 32; i++)
		assert_int_equal(map(rig, 1, i, i, 200 + i, R), VIOMMU_S_OK);
	assert_string_equal(where(rig, EP, 3, 16, R), "61+1 r");
	assert_string_equal(where(rig, EP, 20, 64, R), "dc+c r");
}

/* Shows: msi-identity, resv-mem-isolated */
static void reserved_regions_lead_nowhere_but_for_writes_to_an_msi_region(void **state)
{
	static const struct viommu_reserved reserved[] = {
		{ 0x2000, 0x2fff, VIOMMU_RESV_MEM_RESERVED },
		{ 0xfee00000, 0xfeefffff, VIOMMU_RESV_MEM_MSI },
	};
	static const struct {
		uint64_t iova, length;
		uint32_t access;
		const char *words;
	} cases[] = {
		{ 0xfee00000, 4, W, "identity fee00000+4 w" },
		{ 0xfeeffffc, 8, W, "identity feeffffc+4 w" },
		{ 0xfee00000, 4, R, "fault" },
		{ 0xfee00000, 4, R | W, "fault" },
		{ 0x2000, 4, W, "fault" },
		{ 0x2fff, 1, R, "fault" },
		{ 0x2800, 4, 0, "fault" },
	};
	const struct viommu_endpoint endpoint = {
		.size = sizeof(endpoint),
		.id = 0x80,
		.reserved = reserved,
		.n_reserved = 2,
	};
	struct rig *rig = *state;

	assert_int_equal(viommu_endpoint_add(rig->device, &endpoint), 0);
	for (unsigned attached = 0; attached <= 1; attached++) {
		if (attached)
			assert_int_equal(attach(rig, 1, 0x80), VIOMMU_S_OK);
		for (size_t i = 0; i < COUNT_OF(cases); i++)
			assert_string_equal(
				where(rig, 0x80, cases[i].iova, cases[i].length, cases[i].access),
				cases[i].words);
	}
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R | W), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x3000, 0x3fff, 0xa000, R | W), VIOMMU_S_OK);
	assert_string_equal(where(rig, 0x80, 0x1800, 0x2000, W), "8800+800 rw");
	assert_string_equal(where(rig, EP, 0xfee00000, 4, W), "fault");
}

/* Result parameters are not touched on failure. */
static void a_fault_leaves_the_answer_untouched(void **state)
{
	struct viommu_translation t, before;
	struct rig *rig = *state;

	memset(&t, POISON, sizeof(t));
	memcpy(&before, &t, sizeof(t));
	assert_int_equal(viommu_translate(rig->device, EP, 0, 1, R, &t), -EFAULT);
	assert_int_equal(viommu_translate(rig->device, NO_ENDPOINT, 0, 1, R, &t), -ENOENT);
	assert_int_equal(viommu_translate(rig->device, EP, 0, 0, R, &t), -EINVAL);
	assert_memory_equal(&t, &before, sizeof(t));
}

/* In a DMA section the answers are the same. */
static void a_dma_section_translates_like_everybody(void **state)
{
	struct viommu_translation t;
	struct viommu_dma *dma;
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(viommu_dma_new(rig->device, &dma), 0);
	viommu_dma_begin(dma);
	assert_int_equal(viommu_dma_translate(dma, EP, 0x1800, 0x1000, R, &t), 0);
	assert_int_equal(t.address, 0x8800);
	assert_int_equal(t.length, 0x800);
	assert_int_equal(viommu_dma_translate(dma, EP, 0x1800, 0x1000, W, &t), -EFAULT);
	assert_int_equal(viommu_dma_translate(dma, NO_ENDPOINT, 0x1800, 1, R, &t), -ENOENT);
	assert_int_equal(viommu_dma_translate(dma, EP, 0x1800, 0, R, &t), -EINVAL);
	viommu_dma_end(dma);
	assert_int_equal(rig->n_events, 1);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	viommu_dma_begin(dma);
	assert_int_equal(viommu_dma_translate(dma, EP, 0x1800, 1, R, &t), -EFAULT);
	viommu_dma_end(dma);
	assert_null(viommu_dma_free(dma));
	assert_null(viommu_dma_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(an_access_needs_every_permission_that_it_asks_for),
		ON_A_FRESH_DEVICE(an_answer_covers_what_is_contiguous_and_permitted),
		ON_A_FRESH_DEVICE(an_answer_goes_over_many_mappings),
		ON_A_FRESH_DEVICE(an_answer_ends_after_so_many_mappings),
		ON_A_FRESH_DEVICE(all_of_the_address_space_can_be_translated),
		ON_A_FRESH_DEVICE(an_access_that_runs_over_the_top_ends_there),
		ON_A_FRESH_DEVICE(an_answer_does_not_wrap_in_guest_physical_space),
		ON_A_FRESH_DEVICE(a_length_of_zero_is_refused),
		ON_A_FRESH_DEVICE(with_a_granule_of_a_byte_each_byte_goes_its_own_way),
		ON_A_FRESH_DEVICE(reserved_regions_lead_nowhere_but_for_writes_to_an_msi_region),
		ON_A_FRESH_DEVICE(a_fault_leaves_the_answer_untouched),
		ON_A_FRESH_DEVICE(a_dma_section_translates_like_everybody),
	};

	return cmocka_run_group_tests_name("translate", tests, NULL, NULL);
}
