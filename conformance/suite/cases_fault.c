/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* Records of the event queue */

#define LENGTH VIOMMU_FAULT_LENGTH

/* The record of a write to unit 0, which is blocked; `attached`: by the lack of a mapping. */
static const uint8_t *cause(bool attached, unsigned n, uint32_t length)
{
	uint32_t used = 0;
	const uint8_t *record;

	if (!bring_up())
		return NULL;
	events_offer(n, length);
	if (attached)
		attach_first();
	expect(!writes(0), "the access is blocked");
	/* Without an access there is no record to wait for. */
	record = event_await(&used, engine_was_blind ? SHORT : LONG);
	expect(record, "it is reported");
	if (record)
		expect_number(used, LENGTH, "the used length of a record");
	return record;
}

static void a_record_is_laid_out(void)
{
	const uint8_t *record = cause(true, 4, LENGTH);

	if (!record)
		return;
	expect_number(record[0], VIOMMU_FAULT_R_MAPPING, "the reason");
	observe("the flags of a write", get_number(record + 4, 4));
	expect((get_number(record + 4, 4) & RW) != R, "a write is not reported as a read");
	expect_number(get_number(record + 8, 4), endpoint(0), "the endpoint");
	if (get_number(record + 4, 4) & VIOMMU_FAULT_F_ADDRESS)
		expect_number(get_number(record + 16, 8) & -unit(), iova(0),
			      "the page of the address");
}

static void reasons_tell_domain_from_mapping(void)
{
	const uint8_t *record = cause(false, 4, LENGTH);

	if (record)
		expect_number(record[0], VIOMMU_FAULT_R_DOMAIN, "the reason if it is unattached");
	record = cause(true, 4, LENGTH);
	if (record)
		expect_number(record[0], VIOMMU_FAULT_R_MAPPING, "the reason if it is attached");
}

static void reserved_is_zero(void)
{
	const uint8_t *record = cause(true, 4, LENGTH);

	if (record)
		expect_number(get_number(record + 1, 3), 0, "reserved");
}

static void undefined_flags_are_zero(void)
{
	const uint8_t *record = cause(true, 4, LENGTH);

	if (record)
		expect_number(get_number(record + 4, 4) & ~(R | W | VIOMMU_FAULT_F_ADDRESS), 0,
			      "undefined flags");
}

static void the_endpoint_is_valid(void)
{
	const uint8_t *record = cause(false, 4, LENGTH);

	if (record)
		expect_number(get_number(record + 8, 4), endpoint(0), "the endpoint");
}

static void reserved1_is_zero(void)
{
	const uint8_t *record = cause(true, 4, LENGTH);

	if (record)
		expect_number(get_number(record + 12, 4), 0, "reserved1");
}

static void the_address_may_be_omitted(void)
{
	const uint8_t *record = cause(true, 4, LENGTH);

	if (record)
		observe("the flag ADDRESS, 0 if not:",
			get_number(record + 4, 4) & VIOMMU_FAULT_F_ADDRESS);
}

static void without_a_buffer_the_device_runs_on(void)
{
	if (!bring_up())
		return;
	attach_first();
	for (unsigned i = 0; i < 3; i++)
		expect(!writes(0), "the access is blocked");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
	expect(writes(0), "it works");
}

static void a_larger_buffer_has_one_record(void)
{
	const uint8_t *record = cause(true, 4, 64);

	for (unsigned i = LENGTH; record && i < 64; i++)
		expect_number(record[i], 0xa5, "a byte behind the record");
}

/*
 * One access of the function may be several of the VMM, with a record each. A record that is spread
 * has its end in the second buffer, which is shorter.
 */
static void a_record_is_not_spread(void)
{
	uint32_t first = 0, second = 0;

	if (!bring_up())
		return;
	events_offer(4, LENGTH - 8);
	attach_first();
	expect(!writes(0), "the access is blocked");
	observe("a buffer that is too small is used, 0 no, 1 yes:",
		event_await(&first, SHORT) != NULL);
	expect(first < LENGTH, "no more was written than there is room");
	if (event_await(&second, SHORT))
		expect_number(second, first, "the used length of a second buffer");
}

static void a_small_buffer_breaks_nothing(void)
{
	uint32_t used;

	if (!bring_up())
		return;
	events_offer(4, LENGTH - 8);
	attach_first();
	expect(!writes(0), "the access is blocked");
	event_await(&used, SHORT);
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
}

static void bad_requests_are_no_faults(void)
{
	uint32_t used;

	if (!bring_up())
		return;
	events_offer(4, LENGTH);
	map_unit(domain(9), 0, RW);
	attach(domain(0), NO_ENDPOINT, 0);
	expect(!event_await(&used, SHORT), "a request that is refused is not reported as a fault");
}

static const struct test_case cases[] = {
	{ "a record of a fault is laid out in 24 bytes", "fault-layout", MUST, DMA | BOTH_RINGS,
	  a_record_is_laid_out },
	{ "the reason is DOMAIN or MAPPING", "fault-reasons", MUST, DMA,
	  reasons_tell_domain_from_mapping },
	{ "`reserved` of a record is 0", "fault-reserved", SHOULD, DMA, reserved_is_zero },
	{ "undefined flags of a record are 0", "fault-flags", SHOULD, DMA,
	  undefined_flags_are_zero },
	{ "`endpoint` of a record is valid", "fault-endpoint", SHOULD, DMA, the_endpoint_is_valid },
	{ "`reserved1` of a record is 0", "fault-reserved1", SHOULD, DMA, reserved1_is_zero },
	{ "a record may have no address", "fault-address", CHOICE, DMA,
	  the_address_may_be_omitted },
	{ "without a buffer the device runs on", "fault-no-buffer", CHOICE, DMA,
	  without_a_buffer_the_device_runs_on },
	{ "a larger buffer has one record", "fault-layout", MUST, DMA,
	  a_larger_buffer_has_one_record },
	{ "a record is not spread over two buffers", "fault-one-buffer", SHOULD, DMA,
	  a_record_is_not_spread },
	{ "a buffer that is too small breaks nothing", "fault-older", CHOICE, DMA,
	  a_small_buffer_breaks_nothing },
	{ "a refused request is not reported as a fault", "fault-not-endpoint", MUST, 0,
	  bad_requests_are_no_faults },
};
const struct chapter fault_cases = { cases, COUNT(cases), 0 };
