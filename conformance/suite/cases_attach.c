/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* ATTACH and DETACH */

static int attach_reserved(unsigned at)
{
	uint8_t bytes[VIOMMU_ATTACH_LENGTH];

	write_attach(bytes, sizeof(bytes));
	bytes[16 + at] = 1;
	return request(bytes, sizeof(bytes));
}

static void creates_a_domain(void)
{
	if (!bring_up())
		return;
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_NOENT, "MAP before ATTACH");
	attach_first();
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP after ATTACH");
}

static void endpoints_share_a_domain(void)
{
	if (!bring_up())
		return;
	attach_and_map();
	if (!attach_second())
		return;
	for (unsigned i = 0; i < 2; i++)
		expect(engine_writes(&engines[i], iova(0), page(0)),
		       "each endpoint of the domain reaches the page");
}

static void sharing_is_ok_or_unsupp(void)
{
	int status;

	if (!bring_up())
		return;
	attach_first();
	status = attach(domain(0), endpoint(1), 0);
	expect(status == VIOMMU_S_OK || status == VIOMMU_S_UNSUPP, "it is OK or UNSUPP");
	observe_status("ATTACH of a second endpoint", status);
}

static void domains_are_isolated(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(attach(domain(1), endpoint(1), 0), VIOMMU_S_OK, "ATTACH to another domain");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP to the first domain");
	expect_status(map_unit(domain(1), 1, RW), VIOMMU_S_OK, "MAP to the second domain");
	expect(engine_writes(&engines[0], iova(0), page(0)), "the first reaches its page");
	expect(engine_writes(&engines[1], iova(1), page(1)), "the second reaches its page");
	expect(!engine_writes(&engines[1], iova(0), page(0)), "the second has not the first's");
	expect(!engine_writes(&engines[0], iova(1), page(1)), "the first has not the second's");
}

static void bypass_domain_bypasses(void)
{
	if (!bring_up())
		return;
	expect(!engine_writes(&engines[0], physical(0), page(0)), "unattached, it is blocked");
	expect_status(attach(domain(0), endpoint(0), VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_OK,
		      "ATTACH with the flag BYPASS");
	expect(engine_writes(&engines[0], physical(0), page(0)), "it bypasses");
}

static void reserved_bytes_are_refused(void)
{
	if (!bring_up())
		return;
	for (unsigned i = 0; i < 4; i++)
		expect_status(attach_reserved(i), VIOMMU_S_INVAL, "ATTACH with a reserved byte");
	expect_no_domain(0);
}

static void unknown_flags_are_refused(void)
{
	if (!bring_up())
		return;
	for (unsigned bit = 1; bit < 32; bit++)
		expect_status(attach(domain(0), endpoint(0), 1u << bit), VIOMMU_S_INVAL,
			      "ATTACH with an unknown flag");
}

static void unknown_endpoints_are_refused(void)
{
	if (!bring_up())
		return;
	expect_status(attach(domain(0), NO_ENDPOINT, 0), VIOMMU_S_NOENT, "ATTACH of no endpoint");
	expect_no_domain(0);
}

static void a_domain_keeps_its_kind(void)
{
	int status;

	if (!bring_up())
		return;
	attach_first();
	status = attach(domain(0), endpoint(1), VIOMMU_ATTACH_F_BYPASS);
	if (status == VIOMMU_S_UNSUPP) {
		skip("the device does not share domains");
		return;
	}
	expect_status(status, VIOMMU_S_INVAL, "ATTACH with BYPASS to a domain without");
	expect_status(attach(domain(1), endpoint(1), VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_OK,
		      "ATTACH with BYPASS");
	expect_status(attach(domain(1), endpoint(0), 0), VIOMMU_S_INVAL,
		      "ATTACH without BYPASS to a bypass domain");
}

static void an_endpoint_moves(void)
{
	if (!bring_up())
		return;
	attach_and_map();
	expect(writes(0), "mappings of the domain are used");
	expect_status(attach(domain(1), endpoint(0), 0), VIOMMU_S_OK, "ATTACH to another domain");
	expect(!writes(0), "mappings of the old domain are not used");
	expect_status(map_unit(domain(1), 1, RW), VIOMMU_S_OK, "MAP to the new domain");
	expect(writes(1), "mappings of the new domain are used");
	expect_status(map_unit(domain(0), 2, RW), VIOMMU_S_NOENT, "MAP to the old, which ended");
}

static void moving_is_ok_or_unsupp(void)
{
	int status;

	if (!bring_up())
		return;
	attach_first();
	status = attach(domain(1), endpoint(0), 0);
	expect(status == VIOMMU_S_OK || status == VIOMMU_S_UNSUPP, "it is OK or UNSUPP");
	observe_status("ATTACH to another domain", status);
}

static void attached_means_attached(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect(!writes(0), "nothing is mapped");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
	expect(writes(0), "the endpoint reaches the page");
}

static void domains_have_a_range(void)
{
	uint32_t beyond;

	if (!first_beyond(&beyond) || !bring_up())
		return;
	expect_status(attach(beyond, endpoint(0), 0), VIOMMU_S_RANGE,
		      "ATTACH to a domain beyond the range");
}

static void bypass_flag_needs_its_feature(void)
{
	if (!bring_up_with(STANDARD & ~VIOMMU_F_BYPASS_CONFIG))
		return;
	expect_status(attach(domain(0), endpoint(0), VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_INVAL,
		      "ATTACH with BYPASS without its feature");
}

static void a_refused_attach_has_no_effect(void)
{
	if (!bring_up())
		return;
	attach_and_map();
	expect_status(attach(domain(1), endpoint(1), 0), VIOMMU_S_OK, "ATTACH of another");
	expect(attach(domain(1), endpoint(0), VIOMMU_ATTACH_F_BYPASS) > VIOMMU_S_OK,
	       "ATTACH with BYPASS to a domain without is refused");
	expect(writes(0), "the endpoint is still in its domain");
}

static void again_alone_empties(void)
{
	if (!bring_up())
		return;
	attach_and_map();
	expect_status(attach(domain(0), endpoint(0), 0), VIOMMU_S_OK, "ATTACH again");
	expect(!writes(0), "the domain is empty");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP again");
}

static void again_beside_another_keeps(void)
{
	if (!bring_up())
		return;
	attach_first();
	if (!attach_second())
		return;
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
	expect_status(attach(domain(0), endpoint(0), 0), VIOMMU_S_OK, "ATTACH again");
	expect(writes(0), "the mapping is there");
}

static void again_cannot_change_the_kind(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(attach(domain(0), endpoint(0), VIOMMU_ATTACH_F_BYPASS), VIOMMU_S_INVAL,
		      "ATTACH of the only endpoint with BYPASS");
}

/* -- DETACH ----------------------------------------------------------------------- */

static void detach_ignores_reserved_bytes(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(detach_pasid(domain(0), endpoint(0), UINT32_MAX, UINT32_MAX), VIOMMU_S_OK,
		      "DETACH with reserved bytes");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_NOENT, "MAP: it is detached");
}

static void detach_refuses_unknown_endpoints(void)
{
	if (!bring_up())
		return;
	expect_status(detach(domain(0), NO_ENDPOINT), VIOMMU_S_NOENT, "DETACH of no endpoint");
}

static void detach_of_what_is_not_attached(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_status(detach(domain(1), endpoint(0)), VIOMMU_S_INVAL, "DETACH from another domain");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP: it stays attached");
}

static void detach_is_effective(void)
{
	if (!bring_up())
		return;
	attach_and_map();
	expect(writes(0), "attached, it reaches the page");
	expect_status(detach(domain(0), endpoint(0)), VIOMMU_S_OK, "DETACH");
	expect(!writes(0), "detached, it does not");
}

static void a_domain_ends_with_its_last_endpoint(void)
{
	if (!bring_up())
		return;
	attach_first();
	if (!attach_second())
		return;
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
	expect_status(detach(domain(0), endpoint(0)), VIOMMU_S_OK, "DETACH of one");
	expect(engine_writes(&engines[1], iova(0), page(0)), "the other keeps the mapping");
	expect_status(detach(domain(0), endpoint(1)), VIOMMU_S_OK, "DETACH of the last");
	expect_status(unmap(domain(0), iova(0), end_of(iova(0))), VIOMMU_S_NOENT, "UNMAP");
	attach_first();
	expect(!writes(0), "the number is that of a new, empty domain");
}

static const struct test_case cases[] = {
	{ "ATTACH creates the domain that it names", "attach-creates-domain", MUST, DMA,
	  creates_a_domain },
	{ "endpoints of a domain share its mappings", "attach-many-endpoints", MUST, TWO,
	  endpoints_share_a_domain },
	{ "a second endpoint is attached, or UNSUPP", "attach-share", MUST, TWO,
	  sharing_is_ok_or_unsupp },
	{ "endpoints of one domain do not reach what another has mapped", "attach-isolated", MUST,
	  TWO, domains_are_isolated },
	{ "an endpoint of a bypass domain bypasses", "attach-bypass-domain", MUST, DMA | BYPASSES,
	  bypass_domain_bypasses },
	{ "reserved bytes of ATTACH are refused", "attach-reserved", MUST, DMA,
	  reserved_bytes_are_refused },
	{ "unknown flags of ATTACH are refused", "attach-unknown-flag", MUST, DMA,
	  unknown_flags_are_refused },
	{ "ATTACH of an endpoint that does not exist is refused", "attach-no-endpoint", MUST, DMA,
	  unknown_endpoints_are_refused },
	{ "the flag BYPASS must agree with the domain", "attach-kind-disagrees", SHOULD,
	  TWO | BYPASSES, a_domain_keeps_its_kind },
	{ "ATTACH moves an endpoint from its domain", "attach-moves", SHOULD, DMA,
	  an_endpoint_moves },
	{ "an endpoint is moved, or UNSUPP", "attach-moves-or-unsupp", MUST, DMA,
	  moving_is_ok_or_unsupp },
	{ "an endpoint like those of the domain is attached", "attach-compatible", SHOULD, TWO,
	  endpoints_share_a_domain },
	{ "after ATTACH the endpoint uses the domain", "attach-really", MUST, DMA | BOTH_RINGS,
	  attached_means_attached },
	{ "a domain outside the domain range is refused", "attach-domain-range", CHOICE, DMA,
	  domains_have_a_range },
	{ "the flag BYPASS is unknown without its feature", "attach-bypass-not-accepted", CHOICE,
	  DMA | BYPASSES, bypass_flag_needs_its_feature },
	{ "a refused ATTACH leaves the endpoint in its domain", "attach-no-side-effect", CHOICE,
	  TWO | BYPASSES, a_refused_attach_has_no_effect },
	{ "ATTACH of the only endpoint again empties the domain", "attach-again", CHOICE, DMA,
	  again_alone_empties },
	{ "ATTACH of one of two endpoints again changes nothing", "attach-again", CHOICE, TWO,
	  again_beside_another_keeps },
	{ "the only endpoint cannot change its domain's kind", "attach-again-bypass", CHOICE,
	  DMA | BYPASSES, again_cannot_change_the_kind },
	{ "reserved bytes of DETACH are ignored", "detach-reserved", MUST, DMA,
	  detach_ignores_reserved_bytes },
	{ "DETACH of an endpoint that does not exist is refused", "detach-no-endpoint", MUST, DMA,
	  detach_refuses_unknown_endpoints },
	{ "DETACH from a domain that the endpoint is not in is INVAL", "detach-not-attached",
	  CHOICE, DMA, detach_of_what_is_not_attached },
	{ "a detached endpoint reaches nothing of the domain", "detach-effective", MUST,
	  DMA | BOTH_RINGS, detach_is_effective },
	{ "a domain ends with its last endpoint", "domain-lifetime", MUST, TWO,
	  a_domain_ends_with_its_last_endpoint },
};
const struct chapter attach_cases = { cases, COUNT(cases), 0 };
