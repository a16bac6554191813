/* SPDX-License-Identifier: BSD-3-Clause */
#include "spaces.h"

/* Slots for PASIDs (docs/proposal-address-spaces.md) */

enum { WITH_PASID = VIOMMU_SLOT_F_PASID };

/* PASID 1 reaches page 0 by domain 0, which no other slot uses. */
static bool begin_attached(void)
{
	if (!spaces_begin_dma())
		return false;
	expect_status(attach_slot(domain(0), WITH_PASID, 1), VIOMMU_S_OK, "ATTACH of a PASID");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
	expect(pasid_writes(1, 0), "the PASID reaches the page");
	return true;
}

static void a_pasid_needs_its_feature(void)
{
	if (!bring_up())
		return;
	expect_status(attach_slot(domain(0), WITH_PASID, 1), VIOMMU_S_INVAL,
		      "ATTACH with a PASID without its feature");
	if (!spaces_begin(0))
		return;
	expect_status(attach_slot(domain(0), 0, 1), VIOMMU_S_INVAL,
		      "ATTACH with a PASID, without its flag");
	expect_no_domain(0);
}

static void unknown_endpoints_are_refused(void)
{
	if (!spaces_begin(0))
		return;
	expect_status(attach_pasid(domain(0), NO_ENDPOINT, WITH_PASID, 1), VIOMMU_S_NOENT,
		      "ATTACH of no endpoint");
	expect_no_domain(0);
}

static void domains_have_a_range(void)
{
	uint32_t beyond;

	if (!first_beyond(&beyond) || !spaces_begin(0))
		return;
	expect_status(attach_slot(beyond, WITH_PASID, 1), VIOMMU_S_RANGE,
		      "ATTACH of a PASID to a domain beyond the range");
}

static void pasids_have_a_range(void)
{
	if (!spaces_begin(0))
		return;
	expect_status(attach_slot(domain(0), WITH_PASID, 1u << pasid_bits()), VIOMMU_S_RANGE,
		      "ATTACH of the first PASID that the endpoint does not have");
	expect_no_domain(0);
	expect_status(attach_slot(domain(0), WITH_PASID, (1u << pasid_bits()) - 1), VIOMMU_S_OK,
		      "ATTACH of the last one that it has");
}

static void a_context_excludes_pasids(void)
{
	struct attach_table context;

	if (!spaces_begin(0))
		return;
	context = context_for(domain(0), take_root());
	expect_status(attach_table(&context), VIOMMU_S_OK, "ATTACH_TABLE of a context");
	expect_status(attach_slot(domain(1), WITH_PASID, 1), VIOMMU_S_INVAL,
		      "ATTACH of a PASID beside it");
	expect_no_domain(1);
}

static void kinds_must_agree(void)
{
	if (!spaces_begin_dma())
		return;
	attach_and_map();
	expect_status(attach_slot(domain(0), WITH_PASID | VIOMMU_ATTACH_F_BYPASS, 1),
		      VIOMMU_S_INVAL, "ATTACH of a PASID with BYPASS to a domain without");
	expect(!pasid_writes(1, 0), "the PASID reaches nothing");
	expect(writes(0), "the default slot is as it was");
}

static void each_pasid_has_its_domain(void)
{
	if (!spaces_begin_dma())
		return;
	for (uint32_t i = 0; i < 2; i++) {
		expect_status(attach_slot(domain(i), WITH_PASID, i + 1), VIOMMU_S_OK,
			      "ATTACH of a PASID");
		expect_status(map_unit(domain(i), i, RW), VIOMMU_S_OK, "MAP");
	}
	for (unsigned i = 0; i < 2; i++) {
		expect(pasid_writes(i + 1, i), "a PASID reaches its own page");
		expect(!pasid_writes(i + 1, 1 - i), "and not that of the other");
		expect(!pasid_writes(3, i), "a PASID that is not attached reaches neither");
		expect(!writes(i), "nor does the default slot");
	}
}

static void another_domain_leaves_other_slots(void)
{
	if (!begin_attached())
		return;
	expect_status(attach_slot(domain(0), WITH_PASID, 2), VIOMMU_S_OK, "ATTACH of another");
	expect_status(attach_slot(domain(1), WITH_PASID, 1), VIOMMU_S_OK,
		      "ATTACH of one to another domain");
	expect(!pasid_writes(1, 0), "it does not reach the old domain");
	expect(pasid_writes(2, 0), "the other one does");
}

static void the_same_domain_begins_empty(void)
{
	if (!begin_attached())
		return;
	expect_status(attach_slot(domain(0), WITH_PASID, 1), VIOMMU_S_OK, "ATTACH again");
	expect(!pasid_writes(1, 0), "the domain is empty");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP again");
}

static void a_pasid_bypasses(void)
{
	if (!spaces_begin_dma())
		return;
	expect_status(attach_slot(domain(0), WITH_PASID | VIOMMU_ATTACH_F_BYPASS, 1), VIOMMU_S_OK,
		      "ATTACH of a PASID with BYPASS");
	expect(pasid_writes_to(1, physical(0), 0), "it reaches the page by its own address");
}

static void a_parent_is_used_directly(void)
{
	struct attach_table table;

	if (!spaces_begin_dma())
		return;
	table = table_for(domain(1), 1, take_root());
	put_number(table.bytes + AT_FLAGS, 4, WITH_PASID | VIOMMU_SLOT_F_PARENT);
	put_number(table.bytes + AT_PARENT, 4, domain(0));
	expect_status(attach_table(&table), VIOMMU_S_OK, "ATTACH_TABLE with a parent");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP to the parent");
	expect_status(attach_slot(domain(0), WITH_PASID, 2), VIOMMU_S_OK, "ATTACH to the parent");
	expect(pasid_writes(2, 0), "a slot of the parent reaches its page");
}

/* -- DETACH ------------------------------------------------------------------------- */

static void detach_refuses_unknown_endpoints(void)
{
	if (!spaces_begin(0))
		return;
	expect_status(detach_pasid(domain(0), NO_ENDPOINT, VIOMMU_SLOT_F_ALL, 0), VIOMMU_S_NOENT,
		      "DETACH of no endpoint");
}

static void detach_empties_all(void)
{
	if (!spaces_begin_dma())
		return;
	expect_status(detach_slot(0, VIOMMU_SLOT_F_ALL, 0), VIOMMU_S_OK, "DETACH ALL of no slot");
	attach_first();
	expect_status(attach_slot(domain(0), WITH_PASID, 1), VIOMMU_S_OK, "ATTACH of a PASID");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
	expect(writes(0) && pasid_writes(1, 0), "both slots reach the page");
	expect_status(detach_slot(0, VIOMMU_SLOT_F_ALL, 0), VIOMMU_S_OK, "DETACH ALL");
	expect(!writes(0) && !pasid_writes(1, 0), "neither does");
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_NOENT, "MAP: the domain has ended");
}

static void detach_of_what_is_not_there(void)
{
	if (!begin_attached())
		return;
	expect_status(detach_slot(domain(0), WITH_PASID, 2), VIOMMU_S_INVAL,
		      "DETACH of an empty slot");
	expect_status(detach_slot(domain(1), WITH_PASID, 1), VIOMMU_S_INVAL,
		      "DETACH from another domain");
	expect_status(detach_slot(domain(0), 0, 0), VIOMMU_S_INVAL, "DETACH of the default slot");
	expect(pasid_writes(1, 0), "the PASID still reaches the page");
}

static void detach_is_that_of_the_standard(void)
{
	if (!spaces_begin(VIOMMU_F_PASID))
		return;
	attach_first();
	expect_status(detach_slot(domain(0), UINT32_MAX, UINT32_MAX), VIOMMU_S_OK,
		      "DETACH with reserved bytes, without PASID");
	expect_no_domain(0);
}

/* -- what empty slots do --------------------------------------------------------------- */

static void an_empty_slot_blocks(void)
{
	if (!spaces_begin_dma())
		return;
	set_bypass(1);
	expect(engine_writes(&engines[0], physical(0), page(0)), "without a PASID it bypasses");
	expect(!pasid_writes_to(1, physical(0), 0), "with a PASID it is blocked");
	expect_number(*page(0), 0, "the page");
}

static void a_reset_empties_all(void)
{
	if (!begin_attached())
		return;
	expect(device_reset(), "the reset is done");
	expect(!pasid_writes(1, 0), "after a reset it does not");
}

static const struct test_case cases[] = {
	{ "a PASID needs its feature, and its flag", "slot-attach-1", CHOICE, 0,
	  a_pasid_needs_its_feature },
	{ "a PASID of an endpoint that does not exist is NOENT", "slot-attach-2", CHOICE, 0,
	  unknown_endpoints_are_refused },
	{ "a PASID's domain outside the domain range is RANGE", "slot-attach-3", CHOICE, 0,
	  domains_have_a_range },
	{ "a PASID that the endpoint does not have is RANGE", "slot-attach-4", CHOICE, 0,
	  pasids_have_a_range },
	{ "a PASID beside a context is INVAL", "slot-attach-5", CHOICE, TABLES,
	  a_context_excludes_pasids },
	{ "a PASID must agree with the kind of its domain", "slot-attach-6", CHOICE, 0,
	  kinds_must_agree },
	{ "a slot may use a parent directly", "slot-attach-7", CHOICE, TABLES | NESTS,
	  a_parent_is_used_directly },
	{ "a PASID reaches only its own domain", "slot-attach-10", CHOICE, 0,
	  each_pasid_has_its_domain },
	{ "another domain of a PASID leaves other slots", "slot-attach-11", CHOICE, 0,
	  another_domain_leaves_other_slots },
	{ "the domain of a PASID alone begins empty again", "slot-attach-12", CHOICE, 0,
	  the_same_domain_begins_empty },
	{ "a PASID may bypass", "slot-attach-13", CHOICE, 0, a_pasid_bypasses },
	{ "DETACH ALL of an endpoint that does not exist is NOENT", "slot-detach-noent", CHOICE, 0,
	  detach_refuses_unknown_endpoints },
	{ "DETACH ALL empties every slot", "slot-detach-all", CHOICE, 0, detach_empties_all },
	{ "DETACH of an empty slot or of another domain is INVAL", "slot-detach-inval", CHOICE, 0,
	  detach_of_what_is_not_there },
	{ "without PASID, DETACH ignores its reserved bytes", "slot-detach-standard", CHOICE, 0,
	  detach_is_that_of_the_standard },
	{ "an empty PASID blocks, whatever bypass is", "slot-empty-blocks", CHOICE, BYPASSES,
	  an_empty_slot_blocks },
	{ "a reset empties all slots", "slot-reset", CHOICE, 0, a_reset_empties_all },
};
const struct chapter slot_cases = { cases, COUNT(cases), DMA | PASIDS };
