/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* Feature bits and configuration space */

static void map_unmap_is_offered(void)
{
	expect(offers(VIOMMU_F_MAP_UNMAP), "MAP_UNMAP is offered");
}

static void old_bypass_is_not_offered(void)
{
	expect(!offers(VIOMMU_F_BYPASS), "BYPASS is not offered");
}

static void bypasses_are_not_offered_together(void)
{
	expect(!offers(VIOMMU_F_BYPASS | VIOMMU_F_BYPASS_CONFIG),
	       "not both BYPASS and BYPASS_CONFIG are offered");
}

static void input_range_binds_without_its_feature(void)
{
	uint64_t end = config64(VIOMMU_CONFIG_INPUT_END);

	if (!offers(VIOMMU_F_INPUT_RANGE) || end == UINT64_MAX) {
		skip("no input range that ends below 2^64");
		return;
	}
	if (!bring_up_with(STANDARD & ~VIOMMU_F_INPUT_RANGE))
		return;
	attach_first();
	expect(map(domain(0), end + 1, end_of(end + 1), physical(0), RW) != VIOMMU_S_OK,
	       "MAP beyond the input range is refused");
}

static void page_size_mask_has_a_bit(void)
{
	expect(config64(VIOMMU_CONFIG_PAGE_SIZE_MASK) != 0, "page_size_mask is not 0");
}

static void reads_of_all_sizes_agree(void)
{
	for (unsigned at = 0; at < VIOMMU_CONFIG_BYPASS; at += 4) {
		uint32_t word = config32(at);

		for (unsigned i = 0; i < 4; i++)
			expect_number(config8(at + i), word >> 8 * i & 0xff,
				      "a byte, and the same of a word");
		for (unsigned i = 0; i < 4; i += 2)
			expect_number(read16(device.virtio.device, at + i), word >> 8 * i & 0xffff,
				      "a half word, and the same of a word");
	}
}

static void ranges_are_not_inverted(void)
{
	if (offers(VIOMMU_F_INPUT_RANGE))
		expect(config64(VIOMMU_CONFIG_INPUT_START) <= config64(VIOMMU_CONFIG_INPUT_END),
		       "the input range is not inverted");
	if (offers(VIOMMU_F_DOMAIN_RANGE))
		expect(config32(VIOMMU_CONFIG_DOMAIN_START) <= config32(VIOMMU_CONFIG_DOMAIN_END),
		       "the domain range is not inverted");
}

static void fields_are_readable_before_features(void)
{
	uint32_t before[9];

	device_reset();
	device_set_status(ACKNOWLEDGE | DRIVER);
	for (unsigned i = 0; i < COUNT(before); i++)
		before[i] = config32(4 * i);
	if (!bring_up())
		return;
	for (unsigned i = 0; i < COUNT(before); i++)
		expect_number(before[i], config32(4 * i), "a word before and after FEATURES_OK");
}

static void bypass_is_0_or_1(void)
{
	if (!bring_up())
		return;
	for (uint8_t value = 0; value < 2; value++) {
		set_bypass(value);
		expect_number(config8(VIOMMU_CONFIG_BYPASS), value, "bypass as it was written");
	}
	set_bypass(2);
	expect(config8(VIOMMU_CONFIG_BYPASS) <= 1, "bypass is 0 or 1 after 2 was written");
}

static void bypass_begins_as_1(void)
{
	observe("bypass at power-on", device.initial_bypass);
}

static void what_is_not_offered_reads_0(void)
{
	if (!offers(VIOMMU_F_INPUT_RANGE))
		expect(!config64(VIOMMU_CONFIG_INPUT_START) && !config64(VIOMMU_CONFIG_INPUT_END),
		       "no input range is 0");
	if (!offers(VIOMMU_F_DOMAIN_RANGE))
		expect(!config64(VIOMMU_CONFIG_DOMAIN_START), "no domain range is 0");
	if (!offers(VIOMMU_F_PROBE))
		expect(!config32(VIOMMU_CONFIG_PROBE_SIZE), "no probe_size is 0");
	if (!offers(VIOMMU_F_BYPASS_CONFIG))
		expect(!config8(VIOMMU_CONFIG_BYPASS), "no bypass is 0");
}

static void domain_range_begins_at_0(void)
{
	expect_number(config32(VIOMMU_CONFIG_DOMAIN_START), 0, "the first domain");
}

static void only_bypass_is_written(void)
{
	uint32_t before[9];

	if (!bring_up())
		return;
	for (unsigned i = 0; i < COUNT(before); i++)
		before[i] = config32(4 * i);
	for (unsigned i = 0; i < COUNT(before); i++)
		write32(device.virtio.device, 4 * i, ~before[i]);
	for (unsigned i = 0; i < COUNT(before); i++)
		expect_number(config32(4 * i), before[i], "a word after a write");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
}

static void illegal_bypass_is_ignored(void)
{
	if (!bring_up())
		return;
	set_bypass(1);
	set_bypass(2);
	expect_number(config8(VIOMMU_CONFIG_BYPASS), 1, "bypass after 2 was written");
	set_bypass(0);
	set_bypass(0xff);
	expect_number(config8(VIOMMU_CONFIG_BYPASS), 0, "bypass after 255 was written");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
}

static void bypass_needs_its_feature(void)
{
	uint8_t before = config8(VIOMMU_CONFIG_BYPASS);

	if (!bring_up_with(STANDARD & ~VIOMMU_F_BYPASS_CONFIG))
		return;
	set_bypass(!before);
	expect_number(config8(VIOMMU_CONFIG_BYPASS), before, "bypass without its feature");
}

static const struct test_case cases[] = {
	{ "MAP_UNMAP is offered", "features-map-unmap", SHOULD, 0, map_unmap_is_offered },
	{ "the superseded BYPASS is not offered", "features-no-old-bypass", SHOULD, 0,
	  old_bypass_is_not_offered },
	{ "BYPASS and BYPASS_CONFIG are not offered together", "features-not-both", SHOULD, 0,
	  bypasses_are_not_offered_together },
	{ "the input range binds a driver that did not accept it", "features-offered-counts", MUST,
	  DMA, input_range_binds_without_its_feature },
	{ "page_size_mask is not 0", "config-page-size-mask", MUST, 0, page_size_mask_has_a_bit },
	{ "reads of 1, 2 and 4 bytes agree", "config-layout", MUST, 0, reads_of_all_sizes_agree },
	{ "the ranges are not inverted", "config-layout", MUST, 0, ranges_are_not_inverted },
	{ "fields are readable before features are accepted", "config-before-features", MUST, 0,
	  fields_are_readable_before_features },
	{ "bypass reads 0 or 1, whatever is written", "config-bypass-values", MUST, BYPASSES,
	  bypass_is_0_or_1 },
	{ "bypass at power-on", "config-bypass-initial", CHOICE, BYPASSES, bypass_begins_as_1 },
	{ "fields of features that are not offered read 0", "config-not-offered", CHOICE, 0,
	  what_is_not_offered_reads_0 },
	{ "the domain range begins at 0", "config-domain-start", CHOICE, 0,
	  domain_range_begins_at_0 },
	{ "writes to read-only fields are ignored", "config-read-only", CHOICE, 0,
	  only_bypass_is_written },
	{ "an illegal value of bypass is ignored", "config-bypass-illegal-write", CHOICE, BYPASSES,
	  illegal_bypass_is_ignored },
	{ "bypass cannot be written without its feature", "config-bypass-not-accepted", CHOICE,
	  BYPASSES, bypass_needs_its_feature },
};
const struct chapter config_cases = { cases, COUNT(cases), 0 };
