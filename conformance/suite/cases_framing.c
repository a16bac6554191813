/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* How requests are framed, whatever they ask */

static const uint32_t lengths[] = {
	[VIOMMU_T_ATTACH] = VIOMMU_ATTACH_LENGTH, [VIOMMU_T_DETACH] = VIOMMU_DETACH_LENGTH,
	[VIOMMU_T_MAP] = VIOMMU_MAP_LENGTH,       [VIOMMU_T_UNMAP] = VIOMMU_UNMAP_LENGTH,
	[VIOMMU_T_PROBE] = VIOMMU_PROBE_LENGTH,
};

static uint8_t bytes[4096], answer[4096];

static void make_attach(void)
{
	memset(answer, 0xa5, sizeof(answer));
	write_attach(bytes, sizeof(bytes));
}

static void every_request_succeeds(void)
{
	const uint8_t *properties;

	if (!bring_up())
		return;
	attach_and_map();
	expect_status(unmap(domain(0), iova(0), end_of(iova(0))), VIOMMU_S_OK, "UNMAP");
	if (offers(VIOMMU_F_PROBE))
		expect_status(probe(endpoint(0), &properties), VIOMMU_S_OK, "PROBE");
	expect_status(detach(domain(0), endpoint(0)), VIOMMU_S_OK, "DETACH");
}

/* A request in pieces of a byte each, and a tail in pieces. */
static void pieces_of_a_byte(void)
{
	struct piece pieces[VIOMMU_ATTACH_LENGTH + VIOMMU_TAIL_LENGTH];
	struct answer got;

	if (!bring_up())
		return;
	make_attach();
	for (unsigned i = 0; i < VIOMMU_ATTACH_LENGTH; i++)
		pieces[i] = (struct piece){ bytes + i, 1, false };
	for (unsigned i = 0; i < VIOMMU_TAIL_LENGTH; i++)
		pieces[VIOMMU_ATTACH_LENGTH + i] = (struct piece){ answer + i, 1, true };
	got = exchange(pieces, COUNT(pieces));
	expect(got.came && got.used == VIOMMU_TAIL_LENGTH && answer[0] == VIOMMU_S_OK,
	       "an ATTACH of 24 buffers succeeds");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP to its domain");
}

static void pieces_across_fields(void)
{
	const struct piece pieces[] = {
		{ bytes, 7, false },
		{ bytes + 7, 13, false },
		{ answer, 3, true },
		{ answer + 3, 1, true },
	};
	struct answer got;

	if (!bring_up())
		return;
	make_attach();
	got = exchange(pieces, COUNT(pieces));
	expect(got.came && got.used == VIOMMU_TAIL_LENGTH && answer[0] == VIOMMU_S_OK,
	       "an ATTACH whose buffers end within fields succeeds");
}

static void an_unknown_type_is_unwritten(void)
{
	static const uint8_t types[] = { 0, 6, 9, 0x7f, 0xff };

	if (!bring_up())
		return;
	for (unsigned i = 0; i < COUNT(types); i++) {
		make_attach();
		bytes[0] = types[i];
		expect_status(request(bytes, VIOMMU_PROBE_LENGTH), UNWRITTEN,
			      "a request of unknown type");
		expect_number(last_tail[0], 0xa5, "its tail");
	}
	attach_first();
}

static void probe_not_offered_is_unwritten(void)
{
	if (offers(VIOMMU_F_PROBE)) {
		skip("PROBE is offered");
		return;
	}
	if (!bring_up())
		return;
	make_attach();
	bytes[0] = VIOMMU_T_PROBE;
	expect_status(request(bytes, VIOMMU_PROBE_LENGTH), UNWRITTEN, "PROBE");
}

static void reserved_bytes_of_a_head(void)
{
	if (!bring_up())
		return;
	make_attach();
	bytes[1] = bytes[2] = bytes[3] = 0xff;
	expect_status(request(bytes, VIOMMU_ATTACH_LENGTH), VIOMMU_S_OK,
		      "ATTACH with reserved bytes in its head");
}

static void reserved_bytes_of_a_tail(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect(!last_tail[1] && !last_tail[2] && !last_tail[3], "reserved bytes of the tail are 0");
	map_unit(domain(5), 0, RW);
	expect(!last_tail[1] && !last_tail[2] && !last_tail[3],
	       "reserved bytes of the tail are 0 in a refusal");
}

static void used_length_is_what_was_written(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect_number(last_used, VIOMMU_TAIL_LENGTH, "the used length of ATTACH");
	map_unit(domain(5), 0, RW);
	expect_number(last_used, VIOMMU_TAIL_LENGTH, "the used length of a refused MAP");
}

static void room_beyond_the_tail_is_untouched(void)
{
	const struct piece pieces[] = { { bytes, VIOMMU_ATTACH_LENGTH, false },
					{ answer, 64, true } };
	struct answer got;

	if (!bring_up())
		return;
	make_attach();
	got = exchange(pieces, COUNT(pieces));
	expect(got.came, "ATTACH with a larger writable part is answered");
	for (unsigned i = got.used; got.came && i < 64; i++)
		expect_number(answer[i], 0xa5, "a byte behind the used length");
}

static void cut_requests_are_unwritten(void)
{
	for (uint8_t type = VIOMMU_T_ATTACH; type <= VIOMMU_T_PROBE; type++) {
		if (type == VIOMMU_T_PROBE && !offers(VIOMMU_F_PROBE))
			continue;
		if (!bring_up())
			return;
		make_attach();
		bytes[0] = type;
		expect_status(request(bytes, lengths[type] - 1), UNWRITTEN,
			      "a request without its last byte");
		expect(!(device_status() & NEEDS_RESET), "the device runs on");
	}
}

static void no_room_for_a_tail(void)
{
	const struct piece pieces[] = { { bytes, VIOMMU_ATTACH_LENGTH, false },
					{ answer, 3, true } };
	struct answer got;

	if (!bring_up())
		return;
	make_attach();
	got = exchange(pieces, COUNT(pieces));
	expect(got.came && got.used == 0, "ATTACH with 3 bytes for a tail comes back unwritten");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_NOENT, "MAP: it had no effect");
}

static void no_writable_part(void)
{
	const struct piece pieces[] = { { bytes, VIOMMU_ATTACH_LENGTH, false } };
	struct answer got;

	if (!bring_up())
		return;
	make_attach();
	got = exchange(pieces, COUNT(pieces));
	expect(got.came && got.used == 0, "ATTACH without room for a tail comes back unwritten");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
}

static void no_readable_part(void)
{
	const struct piece pieces[] = { { answer, 64, true } };
	struct answer got;

	if (!bring_up())
		return;
	make_attach();
	got = exchange(pieces, COUNT(pieces));
	expect(got.came && got.used == 0, "a chain without a request comes back unwritten");
	expect(!(device_status() & NEEDS_RESET), "the device runs on");
}

static void features_not_accepted_are_unknown(void)
{
	if (!bring_up_with(STANDARD & ~(VIOMMU_F_MAP_UNMAP | VIOMMU_F_PROBE)))
		return;
	attach_first();
	expect_status(map_unit(domain(0), 0, RW), UNWRITTEN, "MAP without MAP_UNMAP");
}

static void longer_requests_succeed(void)
{
	if (!bring_up())
		return;
	make_attach();
	memset(bytes + VIOMMU_ATTACH_LENGTH, 0xff, 200);
	expect_status(request(bytes, VIOMMU_ATTACH_LENGTH + 200), VIOMMU_S_OK,
		      "ATTACH with 200 bytes behind it");
}

static void known_types_are_answered(void)
{
	if (!bring_up())
		return;
	for (uint8_t type = VIOMMU_T_ATTACH; type <= VIOMMU_T_UNMAP; type++) {
		make_attach();
		bytes[0] = type;
		memset(bytes + 4, 0xee, lengths[type] - 4);
		expect(request(bytes, lengths[type]) > VIOMMU_S_OK, "nonsense gets a status");
		expect_number(last_used, VIOMMU_TAIL_LENGTH, "its used length");
	}
}

/* MAP, UNMAP and MAP of the same range in one notification. */
static void requests_are_executed_in_order(void)
{
	static uint8_t requests[3][VIOMMU_MAP_LENGTH], tails[3][VIOMMU_TAIL_LENGTH];
	uint32_t length;
	uint16_t id;

	if (!bring_up())
		return;
	attach_first();
	memset(tails, 0xa5, sizeof(tails));
	for (unsigned i = 0; i < COUNT(requests); i++) {
		const struct piece pieces[] = {
			{ requests[i], i == 1 ? VIOMMU_UNMAP_LENGTH : VIOMMU_MAP_LENGTH, false },
			{ tails[i], VIOMMU_TAIL_LENGTH, true },
		};

		memset(requests[i], 0, sizeof(requests[i]));
		requests[i][0] = i == 1 ? VIOMMU_T_UNMAP : VIOMMU_T_MAP;
		put_number(requests[i] + 4, 4, domain(0));
		put_number(requests[i] + 8, 8, iova(0));
		put_number(requests[i] + 16, 8, end_of(iova(0)));
		if (i != 1) {
			put_number(requests[i] + 24, 8, physical(0));
			put_number(requests[i] + 32, 4, RW);
		}
		ring_put(&device.requests, pieces, COUNT(pieces));
	}
	ring_kick(&device.requests);
	device.requests.available = device.requests.packed ? 2 : device.requests.available;
	for (unsigned i = 0; i < COUNT(requests); i++)
		expect(ring_await(&device.requests, &id, &length, LONG), "a request is answered");
	for (unsigned i = 0; i < COUNT(requests); i++)
		expect_number(tails[i][0], VIOMMU_S_OK, "the status of a request in a row");
}

static const struct test_case cases[] = {
	{ "each request succeeds as laid out", "request-layout", MUST, DMA | BOTH_RINGS,
	  every_request_succeeds },
	{ "a request succeeds with status OK", "framing-ok", SHOULD, DMA, every_request_succeeds },
	{ "a request of buffers of a byte each succeeds", "framing-any-descriptors", MUST,
	  DMA | BOTH_RINGS, pieces_of_a_byte },
	{ "a request whose buffers end within fields succeeds", "framing-any-descriptors", MUST,
	  DMA | BOTH_RINGS, pieces_across_fields },
	{ "a request of unknown type comes back unwritten", "framing-unknown-type", SHOULD,
	  DMA | BOTH_RINGS, an_unknown_type_is_unwritten },
	{ "PROBE comes back unwritten where it is not offered", "framing-probe-not-offered", SHOULD,
	  0, probe_not_offered_is_unwritten },
	{ "reserved bytes of a head are ignored", "framing-head-reserved", MUST, DMA,
	  reserved_bytes_of_a_head },
	{ "reserved bytes of a tail are 0", "framing-tail-reserved", SHOULD, DMA,
	  reserved_bytes_of_a_tail },
	{ "the used length is 4, also of a refusal", "framing-used-length", MUST, DMA | BOTH_RINGS,
	  used_length_is_what_was_written },
	{ "bytes behind the used length are not written", "framing-used-length", MUST, DMA,
	  room_beyond_the_tail_is_untouched },
	{ "a request that is cut short comes back unwritten", "framing-too-short", MUST,
	  DMA | BOTH_RINGS, cut_requests_are_unwritten },
	{ "a request with 3 bytes for a tail comes back unwritten, and has no effect",
	  "framing-too-short", MUST, DMA | BOTH_RINGS, no_room_for_a_tail },
	{ "a request without a writable part comes back unwritten", "framing-too-short", MUST, DMA,
	  no_writable_part },
	{ "a chain without a readable part comes back unwritten", "framing-too-short", MUST, DMA,
	  no_readable_part },
	{ "MAP is of unknown type if MAP_UNMAP was not accepted", "framing-not-accepted", CHOICE,
	  DMA, features_not_accepted_are_unknown },
	{ "bytes behind a request are ignored", "framing-longer", CHOICE, DMA,
	  longer_requests_succeed },
	{ "a nonsensical request of known type gets a status", "framing-known-answered", CHOICE,
	  DMA, known_types_are_answered },
	{ "three requests of one notification are executed in order", "framing-in-order", CHOICE,
	  DMA | BOTH_RINGS, requests_are_executed_in_order },
};
const struct chapter framing_cases = { cases, COUNT(cases), 0 };
