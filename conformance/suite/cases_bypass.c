/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* Bypass mode and reset */

static bool bypasses(void)
{
	return engine_writes(&engines[0], physical(0), page(0));
}

static void unattached_bypasses(void)
{
	if (!bring_up())
		return;
	set_bypass(1);
	expect(bypasses(), "with bypass 1, an unattached endpoint reaches memory");
	device_reset();
	expect(bypasses(), "and after a reset, before a driver");
}

static void unattached_is_blocked(void)
{
	if (!bring_up())
		return;
	expect(!bypasses(), "an unattached endpoint reaches nothing");
}

static void attached_is_translated(void)
{
	if (!bring_up())
		return;
	set_bypass(1);
	attach_first();
	expect(!bypasses(), "an attached endpoint does not bypass");
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_OK, "MAP");
	expect(writes(1), "it is translated");
}

static void bypass_domain_ignores_bypass(void)
{
	if (!bring_up())
		return;
	expect_status(attach(domain(0), endpoint(0), VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_OK,
		      "ATTACH with BYPASS");
	for (uint8_t value = 0; value < 2; value++) {
		set_bypass(value);
		expect(bypasses(), "an endpoint of a bypass domain bypasses, whatever bypass is");
	}
}

static void toggling_is_effective_at_once(void)
{
	if (!bring_up())
		return;
	for (unsigned i = 0; i < 4; i++) {
		set_bypass(i & 1);
		expect_number(bypasses(), i & 1, "DMA after bypass was written");
	}
	attach_first();
	set_bypass(1);
	expect(!bypasses(), "an attached endpoint is not changed");
}

static void a_domain_ends_bypass(void)
{
	if (!bring_up())
		return;
	set_bypass(1);
	expect(bypasses(), "unattached, it bypasses");
	attach_first();
	expect(!bypasses(), "in an empty domain it has no access");
	expect_status(detach(domain(0), endpoint(0)), VIOMMU_S_OK, "DETACH");
	expect(bypasses(), "detached, it bypasses again");
}

static void old_bypass(void)
{
	if (!offers(VIOMMU_F_BYPASS)) {
		skip("BYPASS is not offered");
		return;
	}
	if (offers(VIOMMU_F_BYPASS_CONFIG)) {
		skip("BYPASS_CONFIG is offered too");
		return;
	}
	if (!bring_up_with(STANDARD | VIOMMU_F_BYPASS))
		return;
	expect(bypasses(), "with BYPASS accepted, an unattached endpoint bypasses");
	device_reset();
	expect(!bypasses(), "after a reset it is blocked");
}

/* -- reset ----------------------------------------------------------------------- */

static void reset_detaches(void)
{
	if (!bring_up())
		return;
	attach_and_map();
	expect(writes(0), "it is reached");
	expect(device_reset(), "the reset is done");
	expect(!writes(0), "after a reset it is not");
	if (!device_start(STANDARD))
		return;
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_NOENT, "MAP to the domain of before");
}

static void reset_keeps_bypass(void)
{
	if (!bring_up())
		return;
	for (uint8_t value = 0; value < 2; value++) {
		set_bypass(value);
		device_reset();
		expect_number(config8(VIOMMU_CONFIG_BYPASS), value, "bypass after a reset");
		if (!device_start(STANDARD))
			expect(false, "the device starts again");
	}
}

static void reset_forgets_features(void)
{
	if (!bring_up())
		return;
	device_reset();
	for (unsigned i = 0; i < 2; i++) {
		virtio_write(&device.virtio, REG_DRIVER_SELECT, i);
		expect_number(virtio_read(&device.virtio, REG_DRIVER_FEATURE), 0,
			      "driver_feature after a reset");
	}
}

static const struct test_case cases[] = {
	{ "with bypass 1 an unattached endpoint bypasses, also before a driver",
	  "bypass-config-unattached", MUST, DMA | BYPASSES, unattached_bypasses },
	{ "an endpoint of a bypass domain bypasses, whatever bypass is", "bypass-domain", MUST,
	  DMA | BYPASSES, bypass_domain_ignores_bypass },
	{ "with BYPASS accepted an unattached endpoint bypasses", "bypass-old", MUST, DMA,
	  old_bypass },
	{ "after a reset the old BYPASS is not accepted", "reset-bypass-old", MUST, DMA,
	  old_bypass },
	{ "an unattached endpoint that does not bypass is blocked", "unattached-blocked", SHOULD,
	  DMA, unattached_is_blocked },
	{ "an attached endpoint never bypasses", "bypass-attached-translated", MUST, DMA | BYPASSES,
	  attached_is_translated },
	{ "bypass changes unattached endpoints at once, and no others", "bypass-toggle", MUST,
	  DMA | BYPASSES, toggling_is_effective_at_once },
	{ "in an empty domain an endpoint that bypassed has no access", "bypass-then-domain", MUST,
	  DMA | BYPASSES, a_domain_ends_bypass },
	{ "after a reset no endpoint is attached", "reset-detaches", MUST, DMA, reset_detaches },
	{ "a reset leaves bypass", "reset-bypass", SHOULD, BYPASSES, reset_keeps_bypass },
	{ "driver_feature reads 0 after a reset", "reset-features", CHOICE, 0,
	  reset_forgets_features },
};
const struct chapter bypass_cases = { cases, COUNT(cases), 0 };
