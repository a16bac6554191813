/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* UNMAP */

/* Units [first, last] of a domain, which are mapped by one request; and what is unmapped of them.
 */
struct span {
	uint8_t first, last;
};

struct row {
	const char *name;
	struct span maps[2];
	unsigned n_maps;
	struct span unmap;
	int status;
	bool left[2]; /* the mappings that stay */
};

/* The cases of the standard's table, and more. */
static const struct row rows[] = {
	{ "nothing is mapped", { { 0, 0 } }, 0, { 0, 4 }, VIOMMU_S_OK, { 0 } },
	{ "exactly a mapping", { { 0, 9 } }, 1, { 0, 9 }, VIOMMU_S_OK, { 0 } },
	{ "two neighbours", { { 0, 4 }, { 5, 9 } }, 2, { 0, 9 }, VIOMMU_S_OK, { 0 } },
	{ "the first half of a mapping", { { 0, 9 } }, 1, { 0, 4 }, VIOMMU_S_RANGE, { 1 } },
	{ "one of two neighbours", { { 0, 4 }, { 5, 9 } }, 2, { 0, 4 }, VIOMMU_S_OK, { 0, 1 } },
	{ "more than a mapping", { { 0, 4 } }, 1, { 0, 9 }, VIOMMU_S_OK, { 0 } },
	{ "two with a hole", { { 0, 4 }, { 10, 14 } }, 2, { 0, 14 }, VIOMMU_S_OK, { 0 } },
	{ "the middle of a mapping", { { 0, 9 } }, 1, { 3, 6 }, VIOMMU_S_RANGE, { 1 } },
	{ "the last half of a mapping", { { 0, 9 } }, 1, { 5, 9 }, VIOMMU_S_RANGE, { 1 } },
	{ "one, and half of another",
	  { { 0, 4 }, { 5, 9 } },
	  2,
	  { 0, 7 },
	  VIOMMU_S_RANGE,
	  { 1, 1 } },
	{ "half of one, and another",
	  { { 0, 4 }, { 5, 9 } },
	  2,
	  { 2, 9 },
	  VIOMMU_S_RANGE,
	  { 1, 1 } },
};

static int unmap_units(struct span span)
{
	return unmap(domain(0), iova(span.first), end_of(iova(span.last)));
}

/* Is it mapped? A second MAP of its first unit is refused then. */
static bool is_mapped(struct span span)
{
	return map_unit(domain(0), span.first, R) == VIOMMU_S_INVAL;
}

static void judge(const struct row *row)
{
	for (unsigned i = 0; i < row->n_maps; i++)
		expect_status(map(domain(0), iova(row->maps[i].first),
				  end_of(iova(row->maps[i].last)), physical(0), RW),
			      VIOMMU_S_OK, "MAP");
	expect_status(unmap_units(row->unmap), row->status, row->name);
	for (unsigned i = 0; i < row->n_maps; i++)
		expect_number(is_mapped(row->maps[i]), row->left[i], row->name);
}

static void run_rows(int status)
{
	for (unsigned i = 0; i < COUNT(rows); i++) {
		if (status >= 0 && rows[i].status != status)
			continue;
		if (!bring_up())
			return;
		attach_first();
		judge(&rows[i]);
	}
}

static void the_table(void)
{
	run_rows(-1);
}

static void splits_are_refused(void)
{
	run_rows(VIOMMU_S_RANGE);
}

static void all_that_is_covered_goes(void)
{
	run_rows(VIOMMU_S_OK);
	if (!bring_up())
		return;
	attach_and_map();
	expect(writes(0), "it is reached");
	expect_status(unmap(domain(0), iova(0), end_of(iova(9))), VIOMMU_S_OK, "UNMAP");
	expect(!writes(0), "it is not reached any more");
}

static void reserved_bytes_are_ignored(void)
{
	uint8_t bytes[VIOMMU_UNMAP_LENGTH] = { VIOMMU_T_UNMAP };
	int status;

	if (!bring_up())
		return;
	attach_first();
	put_number(bytes + 4, 4, domain(0));
	put_number(bytes + 16, 8, end_of(iova(0)));
	memset(bytes + 24, 0xff, 4);
	status = request(bytes, sizeof(bytes));
	expect_status(status, VIOMMU_S_OK, "UNMAP with reserved bytes");
}

static void no_domain_is_refused(void)
{
	if (!bring_up())
		return;
	expect_status(unmap_units((struct span){ 0, 0 }), VIOMMU_S_NOENT, "UNMAP of no domain");
}

static void a_bypass_domain_is_refused(void)
{
	if (!bring_up())
		return;
	expect_status(attach(domain(0), endpoint(0), VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_OK,
		      "ATTACH with BYPASS");
	expect_status(unmap_units((struct span){ 0, 0 }), VIOMMU_S_INVAL, "UNMAP");
}

static void inverted_is_refused(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "MAP");
	expect_status(unmap(domain(0), iova(3), iova(0)), VIOMMU_S_INVAL,
		      "UNMAP with virt_end before virt_start");
	expect(writes(1), "the mapping is there");
}

static void alignment_does_not_matter(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "MAP");
	expect_status(unmap(domain(0), iova(1) - 3, end_of(iova(1)) + 5), VIOMMU_S_OK,
		      "UNMAP of an unaligned range around it");
	expect(!writes(1), "the mapping is gone");
}

static void outside_the_range_does_not_matter(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "MAP");
	expect_status(unmap(domain(0), 0, UINT64_MAX), VIOMMU_S_OK, "UNMAP of everything");
	expect(!writes(1), "the mapping is gone");
}

static const struct test_case cases[] = {
	{ "the standard's table of cases holds", "unmap-table", MUST, DMA, the_table },
	{ "a mapping would be split: RANGE, and nothing is removed", "unmap-split", SHOULD, DMA,
	  splits_are_refused },
	{ "all mappings in the range are removed", "unmap-covered", SHOULD, DMA | BOTH_RINGS,
	  all_that_is_covered_goes },
	{ "reserved bytes of UNMAP are ignored", "unmap-reserved", CHOICE, DMA,
	  reserved_bytes_are_ignored },
	{ "UNMAP of a domain that does not exist is NOENT", "unmap-no-domain", SHOULD, 0,
	  no_domain_is_refused },
	{ "UNMAP of a bypass domain is INVAL", "unmap-bypass-domain", SHOULD, DMA | BYPASSES,
	  a_bypass_domain_is_refused },
	{ "UNMAP with virt_end before virt_start is INVAL", "unmap-inverted", CHOICE, DMA,
	  inverted_is_refused },
	{ "the range of UNMAP need not be aligned", "unmap-alignment", CHOICE, DMA,
	  alignment_does_not_matter },
	{ "the range of UNMAP may lie outside the input range", "unmap-outside", CHOICE, DMA,
	  outside_the_range_does_not_matter },
};
const struct chapter unmap_cases = { cases, COUNT(cases), 0 };
