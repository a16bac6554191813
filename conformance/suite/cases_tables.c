/* SPDX-License-Identifier: BSD-3-Clause */
#include "spaces.h"

/* Page tables of the guest (docs/proposal-address-spaces.md), in x86's format */

static struct attach_table table;
static uint64_t *root;

/* A table of the default slot in domain 0, with unit 0; not attached. */
static bool begin(void)
{
	if (!spaces_begin(0))
		return false;
	root = take_root();
	enter(root, 0, 0);
	table = table_for(domain(0), NO_PASID, root);
	return true;
}

static bool begin_attached(void)
{
	if (!begin())
		return false;
	expect_status(attach_table(&table), VIOMMU_S_OK, "ATTACH_TABLE");
	return true;
}

/* With these bytes changed it has that status, and nothing is reached. */
static void refused(unsigned at, unsigned length, uint64_t value, int status, const char *what)
{
	struct attach_table changed = table;

	put_number(changed.bytes + at, length, value);
	expect_status(attach_table(&changed), status, what);
	expect(!writes(0), "nothing is reached");
}

static void a_table_needs_its_feature(void)
{
	if (!spaces_begin(VIOMMU_F_TABLE | VIOMMU_F_NEST))
		return;
	table = table_for(domain(0), NO_PASID, take_root());
	expect_status(attach_table(&table), UNWRITTEN, "ATTACH_TABLE without its feature");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
}

static void unknown_flags_are_refused(void)
{
	const uint32_t known =
		VIOMMU_SLOT_F_PARENT | (offers(VIOMMU_F_PASID) ? VIOMMU_SLOT_F_PASID : 0);

	if (!begin())
		return;
	for (unsigned bit = 0; bit < 32; bit++)
		if (!(known & 1u << bit))
			refused(AT_FLAGS, 4, 1u << bit, VIOMMU_S_INVAL,
				"ATTACH_TABLE with an unknown flag");
	refused(18, 2, 1, VIOMMU_S_INVAL, "ATTACH_TABLE with a reserved byte at 18");
	refused(28, 4, 1, VIOMMU_S_INVAL, "ATTACH_TABLE with a reserved byte at 28");
}

static void unknown_endpoints_are_refused(void)
{
	if (!begin())
		return;
	refused(8, 4, NO_ENDPOINT, VIOMMU_S_NOENT, "ATTACH_TABLE of no endpoint");
}

static void pasids_have_a_range(void)
{
	if (!begin())
		return;
	put_number(table.bytes + AT_FLAGS, 4, VIOMMU_SLOT_F_PASID);
	refused(AT_PASID, 4, 1u << pasid_bits(), VIOMMU_S_RANGE,
		"ATTACH_TABLE of a PASID that the endpoint does not have");
}

static void unknown_formats_are_refused(void)
{
	if (!begin())
		return;
	refused(AT_FORMAT, 2, 0, VIOMMU_S_UNSUPP, "ATTACH_TABLE with format 0");
	refused(AT_FORMAT, 2, 0xffff, VIOMMU_S_UNSUPP, "ATTACH_TABLE with format 0xffff");
}

static void malformed_bodies_are_refused(void)
{
	if (!begin())
		return;
	refused(AT_BODY + 56, 8, 1, VIOMMU_S_INVAL, "ATTACH_TABLE with a byte that is not used");
	refused(AT_BODY, 8, 0, VIOMMU_S_INVAL, "ATTACH_TABLE of an entry that is not valid");
}

static void a_parent_is_another_domain(void)
{
	if (!begin())
		return;
	put_number(table.bytes + AT_FLAGS, 4, VIOMMU_SLOT_F_PARENT);
	refused(AT_PARENT, 4, domain(0), VIOMMU_S_INVAL, "ATTACH_TABLE with itself as its parent");
}

static void a_domain_has_one_body(void)
{
	struct attach_table other;

	if (!begin_attached())
		return;
	other = table_for(domain(0), NO_PASID, take_root());
	put_number(other.bytes + 8, 4, endpoint(1));
	expect_status(attach_table(&other), VIOMMU_S_INVAL,
		      "ATTACH_TABLE of another root to a domain that another endpoint is in");
	expect(!engine_writes(&engines[1], iova(0), page(0)), "it reaches nothing");
	put_root(&other, (uint64_t)root);
	expect_status(attach_table(&other), VIOMMU_S_OK, "ATTACH_TABLE of the same root");
	expect(engine_writes(&engines[1], iova(0), page(0)), "it reaches the page");
}

static void a_context_comes_alone(void)
{
	struct attach_table context;

	if (!begin())
		return;
	expect_status(attach_slot(domain(1), VIOMMU_SLOT_F_PASID, 1), VIOMMU_S_OK,
		      "ATTACH of a PASID");
	context = context_for(domain(0), take_root());
	expect_status(attach_table(&context), VIOMMU_S_INVAL, "a context beside it");
}

static void a_table_outside_memory_faults(void)
{
	if (!begin())
		return;
	put_root(&table, 1ull << 45);
	expect_status(attach_table(&table), VIOMMU_S_OK, "ATTACH_TABLE outside of memory");
	expect(!writes(0), "nothing is reached");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
}

static void a_slot_is_replaced(void)
{
	uint64_t *other;

	if (!begin_attached())
		return;
	expect(writes(0), "the first table leads to its page");
	other = take_root();
	enter(other, 1, 1);
	table = table_for(domain(1), NO_PASID, other);
	expect_status(attach_table(&table), VIOMMU_S_OK, "ATTACH_TABLE of another domain");
	expect(!writes(0), "the first table is not used");
	expect(writes(1), "the second one is");
}

static void the_current_table_is_read(void)
{
	uint64_t seen;

	if (!begin_attached())
		return;
	expect(writes(0), "what the table has is reached");
	expect(!writes(1), "what it does not have is not");
	seen = *page(0);
	expect(!engine_writes(&engines[1], iova(0), page(2)) && *page(0) == seen,
	       "another endpoint does not use it");
}

static void mappings_are_refused(void)
{
	if (!begin_attached())
		return;
	expect_status(map_unit(domain(0), 1, RW), VIOMMU_S_INVAL, "MAP to a table");
	expect_status(unmap(domain(0), iova(0), end_of(iova(0))), VIOMMU_S_INVAL,
		      "UNMAP of a table");
	expect(!writes(1), "nothing was mapped");
	expect(writes(0), "nothing was unmapped");
}

static void a_parent_permits(void)
{
	uint64_t end;

	if (!begin())
		return;
	end = (uint64_t)take_pages(1) | (PAGE - 1);
	put_number(table.bytes + AT_FLAGS, 4, VIOMMU_SLOT_F_PARENT);
	put_number(table.bytes + AT_PARENT, 4, domain(1));
	expect_status(attach_table(&table), VIOMMU_S_OK, "ATTACH_TABLE with a parent");
	expect(!writes(0), "an empty parent permits nothing");
	expect_status(map(domain(1), 0, end | (unit() - 1), 0, RW), VIOMMU_S_OK,
		      "MAP of memory to the parent, which was created");
	expect(writes(0), "through both the page is reached");
	expect_status(unmap(domain(1), 0, UINT64_MAX), VIOMMU_S_OK, "UNMAP of the parent");
	expect(!writes(0), "after UNMAP of the parent nothing is reached");
}

/* -- INVALIDATE ------------------------------------------------------------------------- */

static void changed(size_t offset, uint8_t value, const char *what)
{
	struct invalidation one = invalidation_of(domain(0));

	*((uint8_t *)&one + offset) = value;
	expect_status(invalidate(&one), VIOMMU_S_INVAL, what);
}

static void unknown_scopes_are_refused(void)
{
	uint8_t bytes[VIOMMU_INVALIDATE_LENGTH] = {
		VIOMMU_T_INVALIDATE, [4] = VIOMMU_INVALIDATE_S_DOMAIN, [5] = VIOMMU_INVALIDATE_C_TLB
	};

	if (!begin_attached())
		return;
	changed(offsetof(struct invalidation, scope), 0, "scope 0");
	changed(offsetof(struct invalidation, scope), 4, "scope 4");
	changed(offsetof(struct invalidation, caches), 0, "no cache");
	changed(offsetof(struct invalidation, caches), 8, "an unknown cache");
	changed(offsetof(struct invalidation, flags), 16, "an unknown flag");
	put_number(bytes + 8, 4, domain(0));
	expect_status(request(bytes, sizeof(bytes)), VIOMMU_S_OK, "INVALIDATE of the domain");
	for (unsigned at = 41; at < sizeof(bytes); at++) {
		bytes[at] = 1;
		expect_status(request(bytes, sizeof(bytes)), VIOMMU_S_INVAL, "a reserved byte");
		bytes[at] = 0;
	}
}

static void unknown_domains_are_refused(void)
{
	struct invalidation one;

	if (!begin_attached())
		return;
	one = invalidation_of(domain(5));
	expect_status(invalidate(&one), VIOMMU_S_NOENT, "INVALIDATE of no domain");
}

static void other_kinds_are_refused(void)
{
	struct invalidation one;

	if (!begin())
		return;
	one = invalidation_of(domain(0));
	attach_and_map();
	expect_status(invalidate(&one), VIOMMU_S_INVAL, "INVALIDATE of a domain with mappings");
	expect(writes(0), "the mapping is there");
}

static void unknown_pasids_are_ok(void)
{
	struct invalidation one;

	if (!begin_attached())
		return;
	one = invalidation_of(domain(0));
	one.flags = VIOMMU_INVALIDATE_F_PASID;
	one.pasid = 5;
	expect_status(invalidate(&one), VIOMMU_S_OK, "INVALIDATE of a PASID without the domain");
}

static void ranges_have_pages(void)
{
	struct invalidation one;

	if (!begin_attached())
		return;
	changed(offsetof(struct invalidation, page_bits), 13, "a page size of no level");
	one = invalidation_of(domain(0));
	one.n = 0;
	expect_status(invalidate(&one), VIOMMU_S_INVAL, "no pages");
	one.n = UINT64_MAX;
	expect_status(invalidate(&one), VIOMMU_S_OK, "a range that wraps");
	one.n = 1;
	one.address++;
	expect_status(invalidate(&one), VIOMMU_S_OK, "an address that is not aligned");
}

static void old_translations_end(void)
{
	struct invalidation one;

	if (!begin_attached())
		return;
	one = invalidation_of(domain(0));
	expect(writes(0), "the page is reached");
	leave_out(root, 0);
	expect_status(invalidate(&one), VIOMMU_S_OK, "INVALIDATE");
	expect(!writes(0), "an entry that was removed is not used");
	enter(root, 0, 0);
	expect(writes(0), "one that was added is");
	enter(root, 0, 1);
	expect_status(invalidate(&one), VIOMMU_S_OK, "INVALIDATE");
	expect(engine_writes(&engines[0], iova(0), page(1)), "the new page is reached");
	expect_status(detach(domain(0), endpoint(0)), VIOMMU_S_OK, "DETACH");
	expect(!engine_writes(&engines[0], iova(0), page(1)), "detached, it reaches nothing");
}

static void what_becomes_valid_is_used(void)
{
	if (!begin_attached())
		return;
	expect(!writes(1), "nothing is reached");
	enter(root, 1, 1);
	expect(writes(1), "an entry that becomes valid is used without a request");
}

/* -- page requests ------------------------------------------------------------------------ */

/* A table of PASID 1 with no entry, and buffers of that length. */
static bool begin_pages(uint32_t length)
{
	if (!spaces_begin_dma())
		return false;
	events_offer(8, length);
	root = take_root();
	table = table_for(domain(0), 1, root);
	expect_status(attach_table(&table), VIOMMU_S_OK, "ATTACH_TABLE of a PASID");
	return true;
}

static void ask(void)
{
	*page(0) = 0;
	dma_start(&pasid_dma, DMA_WRITE, 1, iova(0), 8, DMA_PRI, 7);
}

static const uint8_t *await_page_request(void)
{
	uint32_t used = 0;
	const uint8_t *record = event_await(&used, LONG);

	expect(record, "a page request is reported");
	if (!record)
		return NULL;
	expect_number(used, VIOMMU_FAULT_LONG_LENGTH, "its length");
	expect(get_number(record + 4, 4) & VIOMMU_FAULT_F_PAGE_REQ, "its flag PAGE_REQ");
	expect_number(get_number(record + 8, 4), endpoint(0), "its endpoint");
	expect_number(get_number(record + 12, 4), 1, "its PASID");
	expect_number(get_number(record + 16, 8), iova(0), "its address");
	return record;
}

/* The record of a page request that waits, or NULL: the case is over. */
static const uint8_t *begin_asked(void)
{
	if (!begin_pages(VIOMMU_FAULT_LONG_LENGTH))
		return NULL;
	ask();
	return await_page_request();
}

static int answer(const uint8_t *record, uint16_t code)
{
	return respond(endpoint(0), VIOMMU_PAGE_RESPONSE_F_PASID, 1,
		       (uint16_t)get_number(record + 24, 2), code);
}

static void a_page_request_is_answered_once(void)
{
	const uint8_t *record = begin_asked();

	if (!record)
		return;
	enter(root, 0, 0);
	expect_status(answer(record, VIOMMU_PAGE_SUCCESS), VIOMMU_S_OK, "PAGE_RESPONSE");
	expect_number(dma_end(&pasid_dma), DMA_DONE, "the access");
	expect_number(*page(0), dma_hash(7 ^ iova(0)), "what it wrote");
	expect_status(answer(record, VIOMMU_PAGE_SUCCESS), VIOMMU_S_INVAL, "a second answer");
}

static void without_a_long_buffer_it_is_refused(void)
{
	if (!begin_pages(VIOMMU_FAULT_LENGTH))
		return;
	ask();
	expect_number(dma_end(&pasid_dma), DMA_REFUSED, "the access");
}

static void an_emptied_slot_answers(void)
{
	const uint8_t *record = begin_asked();

	if (!record)
		return;
	expect_status(detach_slot(domain(0), VIOMMU_SLOT_F_PASID, 1), VIOMMU_S_OK, "DETACH");
	expect_number(dma_end(&pasid_dma), DMA_REFUSED, "the access");
	expect_status(answer(record, VIOMMU_PAGE_SUCCESS), VIOMMU_S_INVAL, "an answer after that");
}

static void a_response_needs_its_feature(void)
{
	if (!spaces_begin(VIOMMU_F_PAGE_REQUEST))
		return;
	expect_status(respond(endpoint(0), 0, 0, 0, 0), UNWRITTEN,
		      "PAGE_RESPONSE without its feature");
}

static void bad_responses_are_refused(void)
{
	const uint8_t *record = begin_asked();
	uint16_t group;

	if (!record)
		return;
	group = (uint16_t)get_number(record + 24, 2);
	expect_status(respond(endpoint(0), 2, 1, group, 0), VIOMMU_S_INVAL, "an unknown flag");
	expect_status(answer(record, 3), VIOMMU_S_INVAL, "an unknown code");
	expect_status(respond(endpoint(0), 1, 1, group + 1, 0), VIOMMU_S_INVAL, "no such group");
	expect_status(respond(NO_ENDPOINT, 1, 1, group, 0), VIOMMU_S_NOENT, "no such endpoint");
	expect_number(read32(pasid_dma.registers, DMA_STATUS), DMA_BUSY, "the access, which waits");
	expect_status(answer(record, VIOMMU_PAGE_INVALID), VIOMMU_S_OK, "PAGE_RESPONSE");
	expect_number(dma_end(&pasid_dma), DMA_REFUSED, "the access");
}

static void a_fault_has_its_pasid(void)
{
	const uint8_t *record;
	uint32_t used = 0;

	if (!begin_pages(VIOMMU_FAULT_LONG_LENGTH))
		return;
	expect(!pasid_writes(1, 0), "nothing is reached");
	record = event_await(&used, LONG);
	expect(record, "it is reported");
	if (!record)
		return;
	expect_number(record[0], VIOMMU_FAULT_R_MAPPING, "the reason");
	expect(get_number(record + 4, 4) & VIOMMU_FAULT_F_PASID, "the flag PASID is set");
	expect_number(get_number(record + 12, 4), 1, "the PASID");
}

static const struct test_case cases[] = {
	{ "ATTACH_TABLE is of unknown type without its feature", "table-1", CHOICE, 0,
	  a_table_needs_its_feature },
	{ "unknown flags and reserved bytes of ATTACH_TABLE are INVAL", "table-2", CHOICE, 0,
	  unknown_flags_are_refused },
	{ "ATTACH_TABLE of an endpoint that does not exist is NOENT", "table-3", CHOICE, 0,
	  unknown_endpoints_are_refused },
	{ "a table of a PASID that the endpoint does not have is RANGE", "table-4", CHOICE, PASIDS,
	  pasids_have_a_range },
	{ "an unknown format of tables is UNSUPP", "table-5", CHOICE, 0,
	  unknown_formats_are_refused },
	{ "a malformed body of ATTACH_TABLE is INVAL", "table-6", CHOICE, 0,
	  malformed_bodies_are_refused },
	{ "a parent is not the domain itself", "table-7", CHOICE, NESTS,
	  a_parent_is_another_domain },
	{ "a domain is joined with the same body only", "table-8", CHOICE, TWO,
	  a_domain_has_one_body },
	{ "a context beside a PASID is INVAL", "table-9", CHOICE, PASIDS, a_context_comes_alone },
	{ "a table outside of memory faults", "table-10", CHOICE, 0,
	  a_table_outside_memory_faults },
	{ "ATTACH_TABLE replaces the slot", "table-12", CHOICE, 0, a_slot_is_replaced },
	{ "a table translates its own slot only", "table-translate", CHOICE, TWO,
	  the_current_table_is_read },
	{ "MAP and UNMAP of a table are INVAL", "table-no-map", CHOICE, 0, mappings_are_refused },
	{ "a table reaches what its parent maps", "table-parent", CHOICE, NESTS, a_parent_permits },
	{ "unknown scopes, caches, flags and reserved bytes of INVALIDATE are INVAL",
	  "invalidate-1", CHOICE, 0, unknown_scopes_are_refused },
	{ "INVALIDATE of a domain that does not exist is NOENT", "invalidate-2", CHOICE, 0,
	  unknown_domains_are_refused },
	{ "INVALIDATE of a domain with mappings is INVAL", "invalidate-3", CHOICE, 0,
	  other_kinds_are_refused },
	{ "INVALIDATE of a PASID without the domain is OK", "invalidate-4", CHOICE, 0,
	  unknown_pasids_are_ok },
	{ "a range of INVALIDATE has a page size and a page", "invalidate-5", CHOICE, 0,
	  ranges_have_pages },
	{ "after INVALIDATE and DETACH no old translation is used", "invalidate-promise", CHOICE, 0,
	  old_translations_end },
	{ "an entry that becomes valid needs no INVALIDATE", "invalidate-nothing-negative", CHOICE,
	  0, what_becomes_valid_is_used },
	{ "a page request is a record, and is answered once", "page-ask", CHOICE, PAGES | PASIDS,
	  a_page_request_is_answered_once },
	{ "without a long buffer a page request is INVALID", "page-no-buffer", CHOICE,
	  PAGES | PASIDS, without_a_long_buffer_it_is_refused },
	{ "a slot that is emptied answers its page requests", "page-emptied", CHOICE,
	  PAGES | PASIDS, an_emptied_slot_answers },
	{ "PAGE_RESPONSE is of unknown type without its feature", "response-feature", CHOICE, PAGES,
	  a_response_needs_its_feature },
	{ "a bad PAGE_RESPONSE is refused, and answers nothing", "response-inval", CHOICE,
	  PAGES | PASIDS, bad_responses_are_refused },
	{ "a fault has its PASID and reason", "space-fault", CHOICE, PAGES | PASIDS,
	  a_fault_has_its_pasid },
};
const struct chapter table_cases = { cases, COUNT(cases), DMA | TABLES };
