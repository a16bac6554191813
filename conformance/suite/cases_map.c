/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* MAP */

static void an_address_is_translated(void)
{
	uint64_t first;

	if (!bring_up())
		return;
	first = iova(0);
	attach_first();
	expect_status(map(domain(0), first, first + 2 * unit() - 1, physical(3), RW), VIOMMU_S_OK,
		      "MAP of two units");
	expect(engine_writes(&engines[0], first + 8, page(3) + 1), "the second word");
	expect(engine_writes(&engines[0], first + 2 * unit() - 8, page(5) - 1), "the last word");
	expect(!engine_writes(&engines[0], first + 2 * unit(), page(5)), "what follows is not");
}

static void mappings_apply_to_later_endpoints(void)
{
	if (!bring_up())
		return;
	attach_and_map();
	if (!attach_second())
		return;
	expect(engine_writes(&engines[1], iova(0), page(0)), "it reaches the page");
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "another MAP");
	expect(engine_writes(&engines[1], iova(1), page(1)), "and that of another MAP");
}

static void unaligned_is_refused(void)
{
	uint64_t mask = config64(VIOMMU_CONFIG_PAGE_SIZE_MASK), half = (mask & -mask) / 2;

	if (!half) {
		skip("the granule is a byte");
		return;
	}
	if (!bring_up())
		return;
	attach_first();
	expect_status(map(domain(0), iova(0) + half, end_of(iova(0)), physical(0), RW),
		      VIOMMU_S_RANGE, "MAP with virt_start not aligned");
	expect_status(map(domain(0), iova(0), end_of(iova(0)) - half, physical(0), RW),
		      VIOMMU_S_RANGE, "MAP with virt_end + 1 not aligned");
	expect_status(map(domain(0), iova(0), end_of(iova(0)), physical(0) + half, RW),
		      VIOMMU_S_RANGE, "MAP with phys_start not aligned");
}

static void overlap_is_refused(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "MAP");
	expect_status(map(domain(0), iova(0), end_of(iova(2)), physical(0), RW), VIOMMU_S_INVAL,
		      "MAP around a mapping");
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_INVAL, "MAP of the same range");
	expect_status(map(domain(0), iova(1), end_of(iova(2)), physical(0), RW), VIOMMU_S_INVAL,
		      "MAP that begins at a mapping");
	expect_status(map(domain(0), iova(0), end_of(iova(1)), physical(0), RW), VIOMMU_S_INVAL,
		      "MAP that ends at a mapping");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP before it");
	expect_status(map_unit(domain(0), 2, RW), VIOMMU_S_OK, "MAP behind it");
	expect(writes(1), "the first mapping is there");
}

static void unknown_flags_are_refused(void)
{
	if (!bring_up())
		return;
	attach_first();
	for (unsigned bit = 3; bit < 32; bit++)
		expect_status(map_unit(domain(0), 0, RW | 1u << bit), VIOMMU_S_INVAL,
			      "MAP with an unknown flag");
	expect(!writes(0), "nothing is mapped");
}

static void no_domain_is_refused(void)
{
	if (!bring_up())
		return;
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_NOENT, "MAP to no domain");
}

static void a_bypass_domain_is_refused(void)
{
	if (!bring_up())
		return;
	expect_status(attach(domain(0), endpoint(0), VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_OK,
		      "ATTACH with BYPASS");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_INVAL, "MAP to a bypass domain");
}

static void outside_the_input_range_is_refused(void)
{
	uint64_t end = config64(VIOMMU_CONFIG_INPUT_END);
	uint64_t begin = config64(VIOMMU_CONFIG_INPUT_START);

	if (!offers(VIOMMU_F_INPUT_RANGE) || (!begin && end == UINT64_MAX)) {
		skip("the input range has all addresses");
		return;
	}
	if (!bring_up())
		return;
	attach_first();
	if (end != UINT64_MAX) {
		expect(map(domain(0), end + 1, end + unit(), physical(0), RW) > VIOMMU_S_OK,
		       "MAP beyond the input range is refused");
		expect(map(domain(0), (end + 1) - unit(), end + unit(), physical(0), RW) >
			       VIOMMU_S_OK,
		       "MAP across the end of the input range is refused");
	}
	if (begin >= unit())
		expect(map(domain(0), begin - unit(), begin - 1, physical(0), RW) > VIOMMU_S_OK,
		       "MAP below the input range is refused");
}

static void read_only_is_not_written(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map_unit(domain(0), 0, R), VIOMMU_S_OK, "MAP with READ");
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "MAP with READ and WRITE");
	expect(engine_reads(&engines[0], iova(0), page(0), iova(1), page(1)), "it can be read");
	expect(!writes(0), "it is not written");
}

static void write_only_may_be_read(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map_unit(domain(0), 0, W), VIOMMU_S_OK, "MAP with WRITE");
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "MAP with READ and WRITE");
	expect(writes(0), "it can be written");
	observe("a mapping with WRITE alone is read, 0 no, 1 yes:",
		engine_reads(&engines[0], iova(0), page(0), iova(1), page(1)));
}

static void no_access_can_be_mapped(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map_unit(domain(0), 0, 0), VIOMMU_S_OK, "MAP without READ and WRITE");
	expect(!writes(0), "it is not written");
}

static void mmio_needs_its_feature(void)
{
	if (!bring_up_with(STANDARD & ~VIOMMU_F_MMIO))
		return;
	attach_first();
	expect_status(map_unit(domain(0), 0, RW | VIOMMU_MAP_F_MMIO), VIOMMU_S_INVAL,
		      "MAP with MMIO without its feature");
}

static void inverted_is_refused(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map(domain(0), iova(2), iova(1) - 1, physical(0), RW), VIOMMU_S_INVAL,
		      "MAP with virt_end before virt_start");
	expect(!writes(0) && !writes(1) && !writes(2), "nothing is mapped");
}

static void one_byte_can_be_mapped(void)
{
	if (!(config64(VIOMMU_CONFIG_PAGE_SIZE_MASK) & 1)) {
		skip("the granule is more than a byte");
		return;
	}
	if (!bring_up())
		return;
	attach_first();
	expect_status(map(domain(0), iova(0), iova(0), physical(0), RW), VIOMMU_S_OK,
		      "MAP of a byte");
}

static void not_ram_can_be_mapped(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map(domain(0), iova(0), end_of(iova(0)), 1ull << 46, RW), VIOMMU_S_OK,
		      "MAP to 64 TiB");
}

static void physical_wrap_is_refused(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(map(domain(0), iova(0), end_of(iova(1)), -unit(), RW), VIOMMU_S_RANGE,
		      "MAP whose physical range goes beyond 2^64");
}

static void the_top_can_be_mapped(void)
{
	bool whole =
		!offers(VIOMMU_F_INPUT_RANGE) || (!config64(VIOMMU_CONFIG_INPUT_START) &&
						  config64(VIOMMU_CONFIG_INPUT_END) == UINT64_MAX);

	if (!whole) {
		skip("the input range has not all addresses");
		return;
	}
	if (!bring_up())
		return;
	attach_first();
	expect_status(map(domain(0), -unit(), UINT64_MAX, physical(0), RW), VIOMMU_S_OK,
		      "MAP of the last unit");
	expect_status(unmap(domain(0), 0, UINT64_MAX), VIOMMU_S_OK, "UNMAP of everything");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
	expect(writes(0), "it is reached");
}

static void flags_are_checked_first(void)
{
	if (!bring_up())
		return;
	expect_status(map_unit(domain(0), 0, 1u << 31), VIOMMU_S_INVAL,
		      "MAP with an unknown flag to no domain");
	attach_and_map();
	expect_status(map(domain(0), iova(0), end_of(iova(0)), -unit() + 1, RW), VIOMMU_S_RANGE,
		      "MAP that is unaligned and overlaps");
}

/* A region of the endpoint that may not be mapped. */
static bool find_region(uint64_t *ret_start, uint64_t *ret_end)
{
	const uint8_t *at;
	uint32_t size = config32(VIOMMU_CONFIG_PROBE_SIZE);

	if (probe(endpoint(0), &at) != VIOMMU_S_OK)
		return false;
	for (unsigned i = 0; i + 4 <= size && get_number(at + i, 2);
	     i += 4 + get_number(at + i + 2, 2)) {
		if ((get_number(at + i, 2) & 0xfff) != VIOMMU_PROBE_T_RESV_MEM)
			continue;
		*ret_start = get_number(at + i + 8, 8);
		*ret_end = get_number(at + i + 16, 8);
		return true;
	}
	return false;
}

static void reserved_regions_are_refused(void)
{
	uint64_t first = 0, last = 0;

	if (!bring_up())
		return;
	if (!find_region(&first, &last)) {
		skip("the endpoint has no reserved region");
		return;
	}
	attach_first();
	first &= -unit();
	expect(map(domain(0), first, end_of(first), physical(0), RW) > VIOMMU_S_OK,
	       "MAP of the beginning of a reserved region is refused");
	expect(map(domain(0), last & -unit(), end_of(last & -unit()), physical(0), RW) >
		       VIOMMU_S_OK,
	       "MAP of the end of a reserved region is refused");
	expect(map(domain(0), first - unit(), end_of(last & -unit()) + unit(), physical(0), RW) >
		       VIOMMU_S_OK,
	       "MAP around a reserved region is refused");
}

static const struct test_case cases[] = {
	{ "an address is translated by its distance from virt_start", "map-physical", MUST,
	  DMA | BOTH_RINGS, an_address_is_translated },
	{ "a mapping applies to endpoints that are attached later", "map-visible", MUST, TWO,
	  mappings_apply_to_later_endpoints },
	{ "what is not aligned to the granule is RANGE", "map-aligned", SHOULD, DMA,
	  unaligned_is_refused },
	{ "what overlaps a mapping is INVAL", "map-overlap", SHOULD, DMA, overlap_is_refused },
	{ "unknown flags of MAP are INVAL", "map-unknown-flag", MUST, DMA,
	  unknown_flags_are_refused },
	{ "MAP to a domain that does not exist is NOENT", "map-no-domain", SHOULD, 0,
	  no_domain_is_refused },
	{ "MAP to a bypass domain is INVAL", "map-bypass-domain", SHOULD, DMA | BYPASSES,
	  a_bypass_domain_is_refused },
	{ "MAP over a reserved region is refused", "map-reserved-region", SHOULD, DMA | PROBES,
	  reserved_regions_are_refused },
	{ "MAP outside the input range is refused", "map-input-range", MUST, DMA,
	  outside_the_input_range_is_refused },
	{ "a mapping without WRITE is not written", "map-write-protected", MUST, DMA,
	  read_only_is_not_written },
	{ "a mapping with WRITE alone is written", "map-write-only", CHOICE, DMA,
	  write_only_may_be_read },
	{ "a mapping may have neither READ nor WRITE", "map-no-access", CHOICE, DMA,
	  no_access_can_be_mapped },
	{ "the flag MMIO is unknown without its feature", "map-mmio-not-accepted", CHOICE, DMA,
	  mmio_needs_its_feature },
	{ "virt_end before virt_start is INVAL", "map-inverted", CHOICE, DMA, inverted_is_refused },
	{ "a byte can be mapped if the granule is a byte", "map-one-byte", CHOICE, DMA,
	  one_byte_can_be_mapped },
	{ "a mapping may have any physical address", "map-not-ram", CHOICE, DMA,
	  not_ram_can_be_mapped },
	{ "a physical range beyond 2^64 is RANGE", "map-wrap", CHOICE, DMA,
	  physical_wrap_is_refused },
	{ "the last byte of the address space can be mapped", "map-top", MUST, DMA,
	  the_top_can_be_mapped },
	{ "flags are checked first, and alignment before overlaps", "map-check-order", CHOICE, DMA,
	  flags_are_checked_first },
};
const struct chapter map_cases = { cases, COUNT(cases), 0 };
