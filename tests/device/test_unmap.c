/* SPDX-License-Identifier: BSD-3-Clause */
#include "rig.h"

/* The request UNMAP: virtio 1.3, "IOMMU Device / UNMAP request". */

enum { OK = VIOMMU_S_OK, RANGE = VIOMMU_S_RANGE };

struct span {
	uint64_t first, last;
};

static void map_spans(struct rig *rig, uint32_t domain, const struct span *spans, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(map(rig, domain, spans[i].first, spans[i].last, 0, R),
				 VIOMMU_S_OK);
}

/* The standard's seven cases, and six that follow from its rules: whole mappings go, or
 * nothing does. Shows: unmap-table, unmap-split, unmap-covered */
static void unmap_takes_whole_mappings_or_none(void **state)
{
	static const struct {
		unsigned row;
		size_t n;
		struct span mapped[2];
		struct span unmapped;
		int status;
		const char *left;
	} cases[] = {
		{ 1, 0, { { 0 } }, { 0, 4 }, OK, "" },
		{ 2, 1, { { 0, 9 } }, { 0, 9 }, OK, "" },
		{ 3, 2, { { 0, 4 }, { 5, 9 } }, { 0, 9 }, OK, "" },
		{ 4, 1, { { 0, 9 } }, { 0, 4 }, RANGE, "0-9 to 0 r" },
		{ 5, 2, { { 0, 4 }, { 5, 9 } }, { 0, 4 }, OK, "5-9 to 0 r" },
		{ 6, 1, { { 0, 4 } }, { 0, 9 }, OK, "" },
		{ 7, 2, { { 0, 4 }, { 10, 14 } }, { 0, 14 }, OK, "" },
		{ 8, 1, { { 0, 9 } }, { 3, 6 }, RANGE, "0-9 to 0 r" },
		{ 9, 2, { { 0, 4 }, { 5, 9 } }, { 0, 7 }, RANGE, "0-4 to 0 r, 5-9 to 0 r" },
		{ 10, 1, { { 5, 9 } }, { 0, 6 }, RANGE, "5-9 to 0 r" },
		{ 11, 1, { { 0, 9 } }, { 5, 14 }, RANGE, "0-9 to 0 r" },
		{ 12, 2, { { 0, 4 }, { TOP - 4, TOP } }, { 0, TOP }, OK, "" },
		{ 13, 0, { { 0 } }, { 0, 9 }, OK, "" },
	};
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .page_size_mask = 1 });
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		int status;

		assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
		assert_int_equal(attach(rig, 2, EP2), VIOMMU_S_OK);
		map_spans(rig, 1, cases[i].mapped, cases[i].n);
		map_spans(rig, 2, &(struct span){ 0, 9 }, 1);
		status = unmap(rig, 1, cases[i].unmapped.first, cases[i].unmapped.last);
		if (status != cases[i].status)
			fail_msg("row %u: status %d, not %d", cases[i].row, status,
				 cases[i].status);
		if (strcmp(mappings(rig, 1), cases[i].left) != 0)
			fail_msg("row %u: left is \"%s\"", cases[i].row, mappings(rig, 1));
		assert_string_equal(mappings(rig, 2), "0-9 to 0 r");
	}
}

/* Shows: unmap-covered */
static void an_unmapped_range_is_out_of_reach_and_can_be_mapped_again(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x1000, 0x1fff), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "fault");
	assert_int_equal(counters(rig).mappings, 0);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x9000, R), VIOMMU_S_OK);
	assert_string_equal(peek(rig, EP, 0x1000, 1), "9000+1 r");
}

/* Shows: unmap-no-domain, unmap-bypass-domain, unmap-inverted, unmap-reserved */
static void unmap_refuses(void **state)
{
	static const struct {
		const char *what;
		uint32_t domain;
		struct span span;
		uint32_t reserved;
		int status;
	} cases[] = {
		{ "no domain", 9, { 0x1000, 0x1fff }, 0, VIOMMU_S_NOENT },
		{ "a bypass domain", 2, { 0x1000, 0x1fff }, 0, VIOMMU_S_INVAL },
		{ "an end before start", 1, { 0x1000, 0xfff }, 0, VIOMMU_S_INVAL },
		{ "all, upside down", 1, { TOP, 0 }, 0, VIOMMU_S_INVAL },
		{ "no domain and a reserved byte", 9, { 0, TOP }, 1, VIOMMU_S_NOENT },
	};
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(attach_bypass(rig, 2, EP2), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const uint8_t bytes[] = { UNMAP(cases[i].domain, cases[i].span.first,
						cases[i].span.last, cases[i].reserved) };
		int status = status_of(rig, bytes, sizeof(bytes));

		if (status != cases[i].status)
			fail_msg("%s: status %d, not %d", cases[i].what, status, cases[i].status);
		assert_string_equal(mappings(rig, 1), "1000-1fff to 8000 r");
	}
}

/* Shows: unmap-reserved */
static void reserved_bytes_of_an_unmap_are_ignored(void **state)
{
	const uint32_t reserved[] = { 1, 1u << 31, UINT32_MAX };
	struct rig *rig = *state;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (size_t i = 0; i < COUNT_OF(reserved); i++) {
		const uint8_t bytes[] = { UNMAP(1, 0x1000, 0x1fff, reserved[i]) };

		assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
		assert_int_equal(status_of(rig, bytes, sizeof(bytes)), VIOMMU_S_OK);
		assert_string_equal(mappings(rig, 1), "");
	}
}

/* Shows: unmap-alignment, unmap-outside */
static void neither_alignment_nor_the_input_range_matters(void **state)
{
	struct rig *rig = *state;

	replace(rig, (struct viommu_config){ .input_first = 0x1000, .input_last = 0xffff });
	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(map(rig, 1, 0x1000, 0x1fff, 0x8000, R), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x10000, 0x1ffff), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x5, 0x7), VIOMMU_S_OK);
	assert_int_equal(unmap(rig, 1, 0x1001, 0x1fff), VIOMMU_S_RANGE);
	assert_string_equal(mappings(rig, 1), "1000-1fff to 8000 r");
	assert_int_equal(unmap(rig, 1, 0x0ff3, 0x20007), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "");
}

/* Shows: unmap-covered */
static void many_mappings_go_at_once_and_are_all_counted(void **state)
{
	enum { N = 2000 };
	struct rig *rig = *state;
	uint64_t bytes;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t i = 0; i < N; i++) {
		uint64_t at = i * 7 % N * PAGE;

		assert_int_equal(map(rig, 1, at, at + 0xfff, at, R), VIOMMU_S_OK);
	}
	assert_int_equal(counters(rig).mappings, N);
	bytes = counters(rig).bytes;
	assert_int_equal(unmap(rig, 1, PAGE, (N - 1) * PAGE - 1), VIOMMU_S_OK);
	assert_string_equal(mappings(rig, 1), "0-fff to 0 r, 7cf000-7cffff to 7cf000 r");
	assert_int_equal(counters(rig).mappings, 2);
	assert_int_equal(unmap(rig, 1, 0, TOP), VIOMMU_S_OK);
	assert_int_equal(counters(rig).mappings, 0);

	/* What is large goes back when nothing is left, and all of it with the domain. */
	assert_in_range(counters(rig).bytes, 1, bytes / 8);
	assert_int_equal(detach(rig, 1, EP), VIOMMU_S_OK);
	assert_int_equal(counters(rig).bytes, 0);
}

/*
 * Two of three pages are removed, so that nodes of the map also meet where there is no range. A
 * removal there must not replace nodes, because nothing would reclaim them. Shows: unmap-covered
 */
static void unmapping_where_nothing_is_costs_nothing(void **state)
{
	enum { N_PAGES = 999, N_TIMES = 20 };
	struct rig *rig = *state;
	uint64_t bytes;

	assert_int_equal(attach(rig, 1, EP), VIOMMU_S_OK);
	for (uint64_t at = 0; at < N_PAGES * PAGE; at += PAGE)
		assert_int_equal(map(rig, 1, at, at + PAGE - 1, 0, R), VIOMMU_S_OK);
	for (unsigned times = 0; times < N_TIMES; times++) {
		for (uint64_t at = PAGE; at < N_PAGES * PAGE; at += 3 * PAGE)
			assert_int_equal(unmap(rig, 1, at, at + 2 * PAGE - 1), VIOMMU_S_OK);
		assert_int_equal(counters(rig).mappings, N_PAGES / 3);
		bytes = times ? bytes : counters(rig).bytes;
		assert_int_equal(counters(rig).bytes, bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_FRESH_DEVICE(unmap_takes_whole_mappings_or_none),
		ON_A_FRESH_DEVICE(an_unmapped_range_is_out_of_reach_and_can_be_mapped_again),
		ON_A_FRESH_DEVICE(unmap_refuses),
		ON_A_FRESH_DEVICE(reserved_bytes_of_an_unmap_are_ignored),
		ON_A_FRESH_DEVICE(neither_alignment_nor_the_input_range_matters),
		ON_A_FRESH_DEVICE(many_mappings_go_at_once_and_are_all_counted),
		ON_A_FRESH_DEVICE(unmapping_where_nothing_is_costs_nothing),
	};

	return cmocka_run_group_tests_name("unmap", tests, NULL, NULL);
}
