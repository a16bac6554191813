/* SPDX-License-Identifier: BSD-3-Clause */
#include "suite.h"

/* Split and packed rings */

static uint8_t bytes[VIOMMU_ATTACH_LENGTH], tail[VIOMMU_TAIL_LENGTH];

/* An indirect table, with room for nested ones. */
static struct descriptor table[8] __attribute__((aligned(16)));

static void make_attach(void)
{
	memset(tail, 0xa5, sizeof(tail));
	memset(table, 0, sizeof(table));
	write_attach(bytes, sizeof(bytes));
}

/* In the table: the request and its tail. */
static void fill_table(void)
{
	table[0] = (struct descriptor){ (uint64_t)bytes, sizeof(bytes), F_NEXT, 1 };
	table[1] = (struct descriptor){ (uint64_t)tail, sizeof(tail), F_WRITE, 0 };
}

static void send_head(void)
{
	ring_publish(&device.requests, 0);
	ring_kick(&device.requests);
}

static void descriptors_stay(void)
{
	static uint8_t before[0x400];

	if (!bring_up())
		return;
	for (unsigned i = 0; i < 3; i++)
		attach(domain(i), endpoint(0), 0);
	memcpy(before, (const void *)device.requests.table, sizeof(before));
	make_attach();
	ring_describe(&device.requests, 10, (uint64_t)bytes, sizeof(bytes), F_NEXT, 11);
	ring_describe(&device.requests, 11, (uint64_t)tail, sizeof(tail), F_WRITE, 0);
	memcpy(before, (const void *)device.requests.table, sizeof(before));
	ring_publish(&device.requests, 10);
	ring_kick(&device.requests);
	expect(answered(LONG), "ATTACH is answered");
	expect(!memcmp(before, (const void *)device.requests.table, sizeof(before)),
	       "the descriptors are as they were");
}

static void the_write_flag_of_a_table_is_ignored(void)
{
	if (!bring_up_with(STANDARD | INDIRECT))
		return;
	make_attach();
	fill_table();
	ring_describe(&device.requests, 0, (uint64_t)table, 32, F_INDIRECT | F_WRITE, 0);
	send_head();
	expect(answered(LONG), "a request of an indirect table is answered");
	expect_number(tail[0], VIOMMU_S_OK, "its status");
}

static void a_chain_ends_with_a_table(void)
{
	if (!bring_up_with(STANDARD | INDIRECT))
		return;
	make_attach();
	table[0] = (struct descriptor){ (uint64_t)bytes + 4, sizeof(bytes) - 4, F_NEXT, 1 };
	table[1] = (struct descriptor){ (uint64_t)tail, sizeof(tail), F_WRITE, 0 };
	ring_describe(&device.requests, 0, (uint64_t)bytes, 4, F_NEXT, 1);
	ring_describe(&device.requests, 1, (uint64_t)table, 32, F_INDIRECT, 0);
	send_head();
	expect(answered(LONG), "a chain that ends with a table is answered");
	expect_number(tail[0], VIOMMU_S_OK, "its status");
}

static void expect_broken(void)
{
	for (unsigned i = 0; i < SHORT && !(device_status() & NEEDS_RESET); i++)
		;
	expect(device_status() & NEEDS_RESET, "the device needs a reset");
	expect_number(tail[0], 0xa5, "the tail");
	if (bring_up())
		expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_NOENT, "MAP: no effect");
}

static void a_nested_table_breaks_the_ring(void)
{
	if (!bring_up_with(STANDARD | INDIRECT))
		return;
	make_attach();
	fill_table();
	table[4] = (struct descriptor){ (uint64_t)table, 32, F_INDIRECT, 0 };
	ring_describe(&device.requests, 0, (uint64_t)&table[4], 16, F_INDIRECT, 0);
	send_head();
	expect_broken();
}

/* -- notifications, seen in ISR status -------------------------------------------- */

static volatile uint16_t *available(unsigned i)
{
	return (volatile uint16_t *)device.requests.driver + i;
}

static volatile uint16_t *used(unsigned i)
{
	return (volatile uint16_t *)device.requests.device + i;
}

/* ATTACH, answered. Was there a notification? */
static bool notified(void)
{
	device_interrupts();
	attach(domain(0), endpoint(0), 0);
	for (unsigned i = 0; i < SHORT / 10; i++)
		if (device_interrupts() & 1)
			return true;
	return false;
}

static void used_event_is_ignored_without_its_feature(void)
{
	if (!bring_up())
		return;
	*available(2 + device.requests.size) = 0x8000;
	expect(notified(), "a used buffer is notified, whatever used_event is");
}

static void flags_decide(void)
{
	if (!bring_up())
		return;
	expect(notified(), "with the flags 0 there is a notification");
	*available(0) = 1;
	attach(domain(0), endpoint(0), 0);
	*available(0) = 0;
	expect(notified(), "with the flags 0 there is one again");
}

static void a_flag_silences(void)
{
	if (!bring_up())
		return;
	*available(0) = 1;
	expect(!notified(), "with NO_INTERRUPT there is no notification");
}

static void flags_are_ignored_with_event_index(void)
{
	if (!bring_up_with(STANDARD | EVENT_IDX))
		return;
	*available(0) = 1;
	*available(2 + device.requests.size) = device.requests.available;
	expect(notified(), "with EVENT_IDX, NO_INTERRUPT is ignored");
}

static void used_event_is_reached(void)
{
	if (!bring_up_with(STANDARD | EVENT_IDX))
		return;
	*available(2 + device.requests.size) = 3;
	for (unsigned i = 0; i < 3; i++)
		attach(domain(0), endpoint(0), 0);
	expect(notified(), "used_event is reached by the fourth buffer");
}

/* A device may notify of the first buffer after a reset in any case. */
static void used_event_silences(void)
{
	if (!bring_up_with(STANDARD | EVENT_IDX))
		return;
	*available(2 + device.requests.size) = 3;
	attach_first();
	for (unsigned i = 0; i < SHORT / 10; i++)
		device_interrupts();
	expect(!notified(), "used_event is not reached by the second buffer");
	expect(!notified(), "nor by the third");
	attach(domain(0), endpoint(0), 0);
	expect(!notified(), "it was passed by the fifth");
}

static void used_flags_are_known(void)
{
	if (!bring_up())
		return;
	attach_first();
	expect(*used(0) <= 1, "the flags of the used ring are 0 or 1");
}

static void used_flags_are_zero(void)
{
	if (!bring_up_with(STANDARD | EVENT_IDX))
		return;
	*available(2 + device.requests.size) = 0x8000;
	attach_first();
	expect_number(*used(0), 0, "the flags of the used ring");
}

static void spurious_notifications(void)
{
	if (!bring_up())
		return;
	for (unsigned i = 0; i < 100; i++)
		ring_kick(&device.requests);
	attach_first();
	for (unsigned i = 0; i < 100; i++)
		ring_kick(&device.events);
	expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
}

/* More requests than entries: indices and wrap counters go round. */
static void rings_go_round(void)
{
	if (!bring_up())
		return;
	attach_first();
	for (unsigned i = 0; i < 3u * device.requests.size; i++) {
		expect_status(map_unit(domain(0), 0, RW), VIOMMU_S_OK, "MAP");
		expect_status(unmap(domain(0), iova(0), end_of(iova(0))), VIOMMU_S_OK, "UNMAP");
	}
}

/* Many requests, each of which is looked at as soon as the used index says that it is used. */
static void what_is_used_is_written(void)
{
	const struct piece pieces[] = { { bytes, sizeof(bytes), false },
					{ tail, sizeof(tail), true } };

	if (!bring_up())
		return;
	for (unsigned i = 0; i < 500; i++) {
		uint32_t length = 0;
		uint16_t id;

		make_attach();
		ring_put(&device.requests, pieces, COUNT(pieces));
		ring_kick(&device.requests);
		for (unsigned k = 0; k < LONG && !ring_get(&device.requests, &id, &length); k++)
			device_status();
		expect_number(length, sizeof(tail), "the used length, at once");
		expect_number(*(volatile uint8_t *)tail, VIOMMU_S_OK, "the status, at once");
	}
}

/* -- packed rings ------------------------------------------------------------------ */

/* Descriptor 0 and 1 in use, descriptor 2 not available: nothing of it may be executed. */
static void unavailable_is_not_used(void)
{
	if (!bring_up())
		return;
	attach_first();
	make_attach();
	put_number(bytes + 4, 4, domain(1));
	ring_describe(&device.requests, 2, (uint64_t)bytes, sizeof(bytes), F_NEXT | F_USED, 2);
	ring_describe(&device.requests, 3, (uint64_t)tail, sizeof(tail), F_WRITE | F_USED, 2);
	ring_kick(&device.requests);
	for (unsigned i = 0; i < SHORT; i++)
		device_status();
	expect_number(tail[0], 0xa5, "the tail of what is not available");
}

/* The first descriptor of a list is written once, and the others never. */
static void what_is_used_stays(void)
{
	static uint8_t before[0x400];

	if (!bring_up())
		return;
	attach_first();
	memcpy(before, (const void *)device.requests.table, sizeof(before));
	for (unsigned i = 0; i < 5; i++)
		map_unit(domain(0), 0, RW);
	expect(!memcmp(before, (const void *)device.requests.table, 32),
	       "the descriptors of the first list are as they were when it was used");
}

/* The buffer ID is that of the last descriptor of its list. */
static void ids_come_back(void)
{
	struct piece pieces[] = { { bytes, sizeof(bytes), false }, { tail, sizeof(tail), true } };
	uint32_t length;
	uint16_t id = 0;

	if (!bring_up())
		return;
	make_attach();
	attach_first();
	device.requests.available = 2;
	ring_put(&device.requests, pieces, COUNT(pieces));
	ring_kick(&device.requests);
	expect(ring_await(&device.requests, &id, &length, LONG), "it is answered");
	expect_number(id, 2, "the buffer ID");
}

static volatile uint16_t *event_flags(void)
{
	return (volatile uint16_t *)device.requests.driver + 1;
}

static void driver_events_decide(void)
{
	if (!bring_up())
		return;
	expect(notified(), "enabled, there is a notification");
	*event_flags() = 1;
	attach(domain(0), endpoint(0), 0);
	*event_flags() = 0;
	expect(notified(), "enabled, there is one again");
}

static void driver_events_silence(void)
{
	if (!bring_up())
		return;
	*event_flags() = 1;
	expect(!notified(), "disabled, there is no notification");
}

static void table_flags_are_ignored(void)
{
	if (!bring_up_with(STANDARD | INDIRECT))
		return;
	make_attach();
	fill_table();
	/* The flags of a packed descriptor are where a split one has its next. */
	table[0].flags = table[1].flags = 0;
	table[0].next = F_USED | F_AVAILABLE;
	table[1].next = F_WRITE | F_NEXT | F_USED;
	device.requests.available = 1;
	ring_describe(&device.requests, 0, (uint64_t)table, 32, F_INDIRECT | F_AVAILABLE, 0);
	ring_kick(&device.requests);
	expect(answered(LONG), "a request of an indirect table is answered");
	expect_number(tail[0], VIOMMU_S_OK, "its status");
}

static const struct test_case cases[] = {
	{ "a descriptor is not written", "split-descriptors-read-only", MUST, DMA,
	  descriptors_stay },
	{ "the flag WRITE of an indirect table is ignored", "split-table-write-flag", MUST,
	  DMA | INDIRECTS, the_write_flag_of_a_table_is_ignored },
	{ "a chain may end with an indirect table", "split-chain-then-table", MUST, DMA | INDIRECTS,
	  a_chain_ends_with_a_table },
	{ "a table in a table makes the device need a reset", "split-nested-table", CHOICE,
	  DMA | INDIRECTS, a_nested_table_breaks_the_ring },
	{ "without EVENT_IDX used_event is ignored", "split-used-event-ignored", MUST, DMA,
	  used_event_is_ignored_without_its_feature },
	{ "without EVENT_IDX the flags 0 cause a notification", "split-flags-decide", MUST, DMA,
	  flags_decide },
	{ "without EVENT_IDX the flag NO_INTERRUPT causes none", "split-flags-decide", SHOULD, DMA,
	  a_flag_silences },
	{ "with EVENT_IDX the flag NO_INTERRUPT is ignored", "split-flags-ignored", MUST,
	  DMA | INDEXED, flags_are_ignored_with_event_index },
	{ "with EVENT_IDX the buffer of used_event causes a notification", "split-used-event", MUST,
	  DMA | INDEXED, used_event_is_reached },
	{ "with EVENT_IDX no other buffer causes one", "split-used-event", SHOULD, DMA | INDEXED,
	  used_event_silences },
	{ "without EVENT_IDX the flags of the used ring are 0 or 1", "split-used-flags", MUST, DMA,
	  used_flags_are_known },
	{ "with EVENT_IDX the flags of the used ring are 0", "split-used-flags-event-index", MUST,
	  DMA | INDEXED, used_flags_are_zero },
	{ "a notification without buffers does no harm", "spurious-notifications", MUST,
	  DMA | BOTH_RINGS, spurious_notifications },
	{ "requests succeed when the ring goes round", "framing-known-answered", CHOICE,
	  DMA | BOTH_RINGS, rings_go_round },
	{ "when the used index says so, the used length is there", "used-length-before-index", MUST,
	  DMA | BOTH_RINGS, what_is_used_is_written },
	{ "when the used index says so, the status is there", "used-bytes-before-index", MUST,
	  DMA | BOTH_RINGS, what_is_used_is_written },
	{ "a used descriptor is not changed any more", "packed-used-once", MUST, DMA | PACKED_ONLY,
	  what_is_used_stays },
	{ "requests of a list are used in its order", "packed-list-order", MUST, DMA | PACKED_ONLY,
	  rings_go_round },
	{ "a list is used in order, with the ID of its buffer", "packed-order", MUST,
	  DMA | PACKED_ONLY, ids_come_back },
	{ "a descriptor that is not available is not used", "packed-available", MUST,
	  DMA | PACKED_ONLY, unavailable_is_not_used },
	{ "the driver's event area enables notifications", "packed-event", MUST, DMA | PACKED_ONLY,
	  driver_events_decide },
	{ "the driver's event area disables notifications", "packed-event", SHOULD,
	  DMA | PACKED_ONLY, driver_events_silence },
	{ "flags but WRITE of an indirect table are ignored", "packed-table-flags", CHOICE,
	  DMA | INDIRECTS | PACKED_ONLY, table_flags_are_ignored },
};
const struct chapter ring_cases = { cases, COUNT(cases), 0 };
