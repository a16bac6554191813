/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rings that a driver must not create. Each case writes the bytes of a ring, notifies, and states
 * the device's reaction; after a reset, the device works again. virtio 1.3, "Split Virtqueues" and
 * "Packed Virtqueues", driver requirements.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "echo.h"
#include "wire/layout.h"

/* Queues of four entries, with areas and an indirect table where the cases expect them. */
#define SIZE       4
#define ENTRIES_AT RING_AT
#define DRIVER_AT  (RING_AT + 0x1000)
#define DEVICE_AT  (RING_AT + 0x2000)
#define TABLE_AT   (RING_AT + 0x3000)
#define DESCRIPTOR 16

/* A buffer to be read, and one to be written. */
#define IN  DATA_AT
#define OUT (DATA_AT + 0x1000)

#define NEXT     1
#define WRITE    2
#define INDIRECT 4
#define AVAIL    0x80
#define USED     0x8000

/* A descriptor as the driver writes it: `link` is "next", or the buffer ID. */
struct raw {
	uint64_t address;
	uint32_t length;
	uint16_t flags, link;
};

struct hostile {
	const char *what;
	bool fine; /* it looks odd, but breaks no rule */
	uint64_t features;
	uint16_t index, head; /* split: the available index, and all of its entries */
	struct raw ring[SIZE], table[SIZE + 2];
};

static void write_raw(struct echo *echo, uint64_t address, const struct raw *raw, bool packed)
{
	uint8_t *at = guest_at(&echo->guest, address);

	wire_store(at, 8, raw->address);
	wire_store(at + 8, 4, raw->length);
	wire_store(at + (packed ? 14 : 12), 2, raw->flags);
	wire_store(at + (packed ? 12 : 14), 2, raw->link);
}

static void write_ring(struct echo *echo, const struct hostile *hostile)
{
	bool packed = hostile->features & F_PACKED;
	uint8_t *driver = guest_at(&echo->guest, DRIVER_AT);

	memset(driver, 0, PAGE);
	memset(guest_at(&echo->guest, DEVICE_AT), 0, PAGE);
	for (size_t i = 0; i < SIZE; i++)
		write_raw(echo, ENTRIES_AT + i * DESCRIPTOR, &hostile->ring[i], packed);
	for (size_t i = 0; i < SIZE + 2; i++)
		write_raw(echo, TABLE_AT + i * DESCRIPTOR, &hostile->table[i], packed);
	/* What a table at the very top would go on with, were addresses to wrap. */
	write_raw(echo, UINT64_MAX - 15, &(struct raw){ IN, 8, NEXT, 1 }, packed);
	write_raw(echo, ZERO_PAGE, &(struct raw){ IN, 8, 0, 0 }, packed);
	if (packed)
		return;
	wire_store(driver + 2, 2, hostile->index);
	for (size_t i = 0; i < SIZE; i++)
		wire_store(driver + 4 + 2 * i, 2, hostile->head);
}

static void start_raw(struct echo *echo, const struct hostile *hostile)
{
	static const uint64_t area[] = { ENTRIES_AT, DRIVER_AT, DEVICE_AT };

	assert_true(negotiate(&echo->window, hostile->features | F_VERSION_1));
	write_ring(echo, hostile);
	assert_true(ready(&echo->window, ECHO_QUEUE, SIZE, area));
	driver_ok(&echo->window);
}

/* Did the device serve it, or not, and say so? What is broken stays so, repaired or not. */
static void expect(struct echo *echo, const struct hostile *hostile)
{
	struct hostile empty = { .what = "no work, no fault" };
	struct queue_chain chain;
	unsigned before = echo->served;

	start_raw(echo, hostile);
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	if (needs_reset(&echo->window) == hostile->fine)
		fail_msg("%s: DEVICE_NEEDS_RESET is %d", hostile->what, !hostile->fine ? 0 : 1);
	if ((echo->served != before) != hostile->fine)
		fail_msg("%s: served %u", hostile->what, echo->served - before);
	empty.features = hostile->features;
	write_ring(echo, &empty);
	if (!hostile->fine && queue_pop(virtio_queue(&echo->virtio, 0), &chain) != -EPROTO)
		fail_msg("%s: the queue is not broken", hostile->what);
	if (!hostile->fine && load(&echo->window, INTERRUPT_STATUS) != 2)
		fail_msg("%s: no notification of a configuration change", hostile->what);
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	assert_true(hostile->fine || echo->served == before);
}

static void expect_all(struct echo *echo, const struct hostile *cases, size_t n)
{
	static const struct variant good[] = { { "split", F_INDIRECT, 16 },
					       { "packed", F_PACKED | F_EVENT_INDEX, 16 } };

	for (size_t i = 0; i < n; i++) {
		struct ring *ring;

		expect(echo, &cases[i]);
		ring = echo_start(echo, &good[i % 2]);
		if (!echo_works(echo, ring))
			fail_msg("%s: does not work after a reset", cases[i].what);
		ring_free(ring);
	}
}

#define F_I F_INDIRECT

/* A case is a row. */
/* clang-format off Shows: status-needs-reset, broken-rings */
static void split_rings_that_break_a_rule_are_refused(void **state)
{
	static const struct hostile cases[] = {
		{ "one buffer", true, 0, 1, 0, { { IN, 8, 0, 0 } }, { { 0 } } },
		{ "no readable buffer", true, 0, 1, 0, { { OUT, 8, WRITE, 0 } }, { { 0 } } },
		{ "a full chain",
		  true,
		  0,
		  1,
		  3,
		  { { IN, 8, NEXT, 1 },
		    { OUT, 8, WRITE | NEXT, 2 },
		    { OUT, 8, WRITE, 9 },
		    { IN, 8, NEXT, 0 } },
		  { { 0 } } },
		{ "a next that is not valid", true, 0, 1, 0, { { IN, 8, 0, 0xffff } }, { { 0 } } },
		{ "flags without a meaning", true, 0, 1, 0, { { IN, 8, 0xfff8, 0 } }, { { 0 } } },
		{ "the last bytes there are",
		  true,
		  0,
		  1,
		  0,
		  { { UINT64_MAX - 7, 8, WRITE, 0 } },
		  { { 0 } } },
		{ "read only, and only read", true, 0, 1, 0, { { ROM, 8, 0, 0 } }, { { 0 } } },

		{ "head out of range", false, 0, 1, SIZE, { { IN, 8, 0, 0 } }, { { 0 } } },
		{ "head far out of range", false, 0, 1, 0xffff, { { IN, 8, 0, 0 } }, { { 0 } } },
		{ "next out of range", false, 0, 1, 0, { { IN, 8, NEXT, SIZE } }, { { 0 } } },
		{ "loop of one", false, 0, 1, 0, { { IN, 8, NEXT, 0 } }, { { 0 } } },
		{ "loop of two",
		  false,
		  0,
		  1,
		  0,
		  { { IN, 8, NEXT, 1 }, { IN, 8, NEXT, 0 } },
		  { { 0 } } },
		{ "readable after writable",
		  false,
		  0,
		  1,
		  0,
		  { { OUT, 8, WRITE | NEXT, 1 }, { IN, 8, 0, 0 } },
		  { { 0 } } },
		{ "length 0", false, 0, 1, 0, { { IN, 0, 0, 0 } }, { { 0 } } },
		{ "length 0 behind",
		  false,
		  0,
		  1,
		  0,
		  { { IN, 8, NEXT, 1 }, { OUT, 0, WRITE, 0 } },
		  { { 0 } } },
		{ "beyond the top",
		  false,
		  0,
		  1,
		  0,
		  { { UINT64_MAX - 7, 9, WRITE, 0 } },
		  { { 0 } } },
		{ "around the top, far",
		  false,
		  0,
		  1,
		  0,
		  { { UINT64_MAX, UINT32_MAX, 0, 0 } },
		  { { 0 } } },
		{ "in a hole", false, 0, 1, 0, { { HOLE, 8, 0, 0 } }, { { 0 } } },
		{ "into a hole",
		  false,
		  0,
		  1,
		  0,
		  { { HIGH_MEMORY + MEMORY_LENGTH - 8, 9, 0, 0 } },
		  { { 0 } } },
		{ "writing to read-only memory",
		  false,
		  0,
		  1,
		  0,
		  { { ROM, 8, WRITE, 0 } },
		  { { 0 } } },
		{ "index ahead by more than the queue",
		  false,
		  0,
		  SIZE + 1,
		  0,
		  { { IN, 8, 0, 0 } },
		  { { 0 } } },
		{ "index behind", false, 0, 0xffff, 0, { { IN, 8, 0, 0 } }, { { 0 } } },
		{ "indirect, and not accepted",
		  false,
		  0,
		  1,
		  0,
		  { { TABLE_AT, 16, INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
	};

	expect_all(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

/* Shows: split-table-write-flag, split-chain-then-table, split-nested-table, chain-limit,
 * broken-rings */
static void split_rings_with_bad_tables_are_refused(void **state)
{
	static const struct hostile cases[] = {
		{ "a table of one",
		  true,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 16, INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "WRITE on the table",
		  true,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 16, INDIRECT | WRITE, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "a table behind a buffer",
		  true,
		  F_I,
		  1,
		  0,
		  { { IN, 8, NEXT, 1 }, { TABLE_AT, 16, INDIRECT, 0 } },
		  { { OUT, 8, WRITE, 0 } } },
		{ "a table that is longer than its chain",
		  true,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 96, INDIRECT, 0 } },
		  { { IN, 8, NEXT, 5 }, { 0 }, { 0 }, { 0 }, { 0 }, { OUT, 8, WRITE, 0 } } },

		{ "a table of no length",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 0, INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "a table of half a descriptor",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 24, INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "INDIRECT and NEXT",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 16, INDIRECT | NEXT, 1 }, { OUT, 8, WRITE, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "a table in a table",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 32, INDIRECT, 0 } },
		  { { TABLE_AT + 16, 16, INDIRECT, 0 }, { IN, 8, 0, 0 } } },
		{ "a table that refers to itself",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 16, INDIRECT, 0 } },
		  { { TABLE_AT, 16, INDIRECT, 0 } } },
		{ "a table in a table, behind",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 32, INDIRECT, 0 } },
		  { { IN, 8, NEXT | INDIRECT, 1 }, { IN, 8, 0, 0 } } },
		{ "next behind the table",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 32, INDIRECT, 0 } },
		  { { IN, 8, NEXT, 2 }, { IN, 8, 0, 0 }, { IN, 8, 0, 0 } } },
		{ "a loop in the table",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 32, INDIRECT, 0 } },
		  { { IN, 8, NEXT, 1 }, { IN, 8, NEXT, 0 } } },
		{ "a chain longer than the queue",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 80, INDIRECT, 0 } },
		  { { IN, 8, NEXT, 1 },
		    { IN, 8, NEXT, 2 },
		    { IN, 8, NEXT, 3 },
		    { IN, 8, NEXT, 4 },
		    { IN, 8, 0, 0 } } },
		{ "a buffer and a table, longer than the queue",
		  false,
		  F_I,
		  1,
		  0,
		  { { IN, 8, NEXT, 1 }, { TABLE_AT, 64, INDIRECT, 0 } },
		  { { IN, 8, NEXT, 1 }, { IN, 8, NEXT, 2 }, { IN, 8, NEXT, 3 }, { IN, 8, 0, 0 } } },
		{ "readable in the table after writable",
		  false,
		  F_I,
		  1,
		  0,
		  { { OUT, 8, WRITE | NEXT, 1 }, { TABLE_AT, 16, INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "a table in a hole", false, F_I, 1, 0, { { HOLE, 16, INDIRECT, 0 } }, { { 0 } } },
		{ "a table that is cut by a hole",
		  false,
		  F_I,
		  1,
		  0,
		  { { HIGH_MEMORY + MEMORY_LENGTH - 8, 16, INDIRECT, 0 } },
		  { { 0 } } },
		{ "a table around the top",
		  false,
		  F_I,
		  1,
		  0,
		  { { UINT64_MAX - 15, 32, INDIRECT, 0 } },
		  { { 0 } } },
		{ "a table as long as can be",
		  false,
		  F_I,
		  1,
		  0,
		  { { TABLE_AT, 0xfffffff0, INDIRECT, 0 } },
		  { { IN, 8, NEXT, 0 } } },
	};

	expect_all(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

#define F_P F_PACKED
#define A   AVAIL

/* Shows: packed-available, packed-list-limit, broken-rings */
static void packed_rings_that_break_a_rule_are_refused(void **state)
{
	static const struct hostile cases[] = {
		{ "one buffer", true, F_P, 0, 0, { { IN, 8, A, 0 } }, { { 0 } } },
		{ "an ID beyond the queue", true, F_P, 0, 0, { { IN, 8, A, 0xffff } }, { { 0 } } },
		{ "a full chain",
		  true,
		  F_P,
		  0,
		  0,
		  { { IN, 8, A | NEXT, 0 },
		    { IN, 8, A | NEXT, 0 },
		    { OUT, 8, A | NEXT | WRITE, 0 },
		    { OUT, 8, A | WRITE, 0 } },
		  { { 0 } } },

		{ "a chain that never ends",
		  false,
		  F_P,
		  0,
		  0,
		  { { IN, 8, A | NEXT, 0 },
		    { IN, 8, A | NEXT, 0 },
		    { IN, 8, A | NEXT, 0 },
		    { IN, 8, A | NEXT, 0 } },
		  { { 0 } } },
		{ "a chain into what is not available",
		  false,
		  F_P,
		  0,
		  0,
		  { { IN, 8, A | NEXT, 0 }, { IN, 8, 0, 0 } },
		  { { 0 } } },
		{ "a chain into what was used",
		  false,
		  F_P,
		  0,
		  0,
		  { { IN, 8, A | NEXT, 0 }, { IN, 8, A | USED, 0 } },
		  { { 0 } } },
		{ "readable after writable",
		  false,
		  F_P,
		  0,
		  0,
		  { { OUT, 8, A | WRITE | NEXT, 0 }, { IN, 8, A, 0 } },
		  { { 0 } } },
		{ "length 0", false, F_P, 0, 0, { { IN, 0, A, 0 } }, { { 0 } } },
		{ "beyond the top",
		  false,
		  F_P,
		  0,
		  0,
		  { { UINT64_MAX - 7, 9, A | WRITE, 0 } },
		  { { 0 } } },
		{ "in a hole", false, F_P, 0, 0, { { HOLE, 8, A, 0 } }, { { 0 } } },
		{ "writing to read-only memory",
		  false,
		  F_P,
		  0,
		  0,
		  { { ROM, 8, A | WRITE, 0 } },
		  { { 0 } } },
		{ "indirect, and not accepted",
		  false,
		  F_P,
		  0,
		  0,
		  { { TABLE_AT, 16, A | INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
	};

	expect_all(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

#define F_PI (F_PACKED | F_INDIRECT)

/* Shows: packed-table-flags, packed-list-limit, broken-rings */
static void packed_rings_with_bad_tables_are_refused(void **state)
{
	static const struct hostile cases[] = {
		{ "a table of two",
		  true,
		  F_PI,
		  0,
		  0,
		  { { TABLE_AT, 32, A | INDIRECT, 0 } },
		  { { IN, 8, 0, 0 }, { OUT, 8, WRITE, 0 } } },
		{ "WRITE on the table",
		  true,
		  F_PI,
		  0,
		  0,
		  { { TABLE_AT, 16, A | INDIRECT | WRITE, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "reserved flags in the table",
		  true,
		  F_PI,
		  0,
		  0,
		  { { TABLE_AT, 16, A | INDIRECT, 0 } },
		  { { IN, 8, NEXT | INDIRECT | AVAIL | USED, 0 } } },

		{ "a table of no length",
		  false,
		  F_PI,
		  0,
		  0,
		  { { TABLE_AT, 0, A | INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "a table of half a descriptor",
		  false,
		  F_PI,
		  0,
		  0,
		  { { TABLE_AT, 24, A | INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "a table longer than the queue",
		  false,
		  F_PI,
		  0,
		  0,
		  { { TABLE_AT, 80, A | INDIRECT, 0 } },
		  { { IN, 8, 0, 0 },
		    { IN, 8, 0, 0 },
		    { IN, 8, 0, 0 },
		    { IN, 8, 0, 0 },
		    { IN, 8, 0, 0 } } },
		{ "a table as long as can be",
		  false,
		  F_PI,
		  0,
		  0,
		  { { TABLE_AT, 0xfffffff0, A | INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "INDIRECT and NEXT",
		  false,
		  F_PI,
		  0,
		  0,
		  { { TABLE_AT, 16, A | INDIRECT | NEXT, 0 }, { IN, 8, A, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "a table behind a buffer",
		  false,
		  F_PI,
		  0,
		  0,
		  { { IN, 8, A | NEXT, 0 }, { TABLE_AT, 16, A | INDIRECT, 0 } },
		  { { IN, 8, 0, 0 } } },
		{ "a table in a hole",
		  false,
		  F_PI,
		  0,
		  0,
		  { { HOLE, 16, A | INDIRECT, 0 } },
		  { { 0 } } },
		{ "a table around the top",
		  false,
		  F_PI,
		  0,
		  0,
		  { { UINT64_MAX - 15, 32, A | INDIRECT, 0 } },
		  { { 0 } } },
	};

	expect_all(*state, cases, sizeof(cases) / sizeof(cases[0]));
}

/* clang-format on */

/* Nothing is available: no work, no complaint. Shows: packed-available */
static void an_empty_ring_is_ignored(void **state)
{
	static const struct hostile cases[] = {
		{ "split", true, 0, 0, 0, { { HOLE, 0, NEXT, 9 } }, { { 0 } } },
		{ "packed, zero", true, F_P, 0, 0, { { 0 } }, { { 0 } } },
		{ "packed, used", true, F_P, 0, 0, { { HOLE, 0, A | USED, 0 } }, { { 0 } } },
		{ "packed, other round", true, F_P, 0, 0, { { HOLE, 0, USED, 0 } }, { { 0 } } },
	};
	struct echo *echo = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_raw(echo, &cases[i]);
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
		assert_false(needs_reset(&echo->window));
		assert_int_equal(echo->served, 0);
	}
}

/* "Drivers MUST NOT add a descriptor chain longer than 2^32 bytes in total". The VMM of this
 * test finds the same byte everywhere, so that length alone can be wrong. */
static void *find_anything(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	(void)length;
	(void)write;
	return (uint8_t *)opaque + address % PAGE;
}

static void a_chain_is_not_longer_than_four_gigabytes(void **state)
{
	struct echo *echo = *state;
	static const struct hostile cases[] = {
		{ "4 GiB",
		  true,
		  F_P,
		  0,
		  0,
		  { { 0, 0x80000000, A | NEXT, 0 }, { 0, 0x80000000, A, 0 } },
		  { { 0 } } },
		{ "and one byte",
		  false,
		  F_P,
		  0,
		  0,
		  { { 0, 0x80000000, A | NEXT, 0 }, { 0, 0x80000001, A, 0 } },
		  { { 0 } } },
	};

	for (size_t i = 0; i < 2; i++) {
		start_raw(echo, &cases[i]);
		echo->virtio.config.memory =
			(struct guest_memory){ find_anything, guest_at(&echo->guest, DATA_AT),
					       NULL };
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
		assert_int_equal(needs_reset(&echo->window), !cases[i].fine);
		echo->virtio.config.memory =
			(struct guest_memory){ .find = guest_find, .opaque = &echo->guest };
	}
}

/* A VMM whose memory comes in single bytes: no chain has more pieces than there is room for. */
static void *find_byte(void *opaque, uint64_t address, uint64_t *length, bool write)
{
	*length = 1;
	return guest_find(opaque, address, length, write);
}

static void the_pieces_of_a_chain_are_bounded(void **state)
{
	static const uint32_t lengths[] = { 2048, 16384, 16385, UINT32_MAX };
	struct echo *echo = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct hostile hostile = { "bytes",  true, 0,
					   1,        0,    { { DATA_AT, lengths[i], 0, 0 } },
					   { { 0 } } };

		start_raw(echo, &hostile);
		echo->virtio.config.memory.find = find_byte;
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
		assert_int_equal(needs_reset(&echo->window), i > 1);
		echo->virtio.config.memory.find = guest_find;
	}
}

/* "A driver MUST NOT decrement the available idx on a virtqueue". */
static void the_index_only_grows(void **state)
{
	static const struct hostile good = { "good",   true, 0, SIZE, 0, { { IN, 8, 0, 0 } },
					     { { 0 } } };
	static const struct {
		const char *what;
		uint16_t index;
		bool fine;
	} steps[] = {
		{ "as many as fit, again", 2 * SIZE, true },
		{ "nothing new", 2 * SIZE, true },
		{ "one back", 2 * SIZE - 1, false },
	};
	struct echo *echo = *state;
	uint8_t *driver = guest_at(&echo->guest, DRIVER_AT);

	start_raw(echo, &good);
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	assert_int_equal(echo->served, SIZE);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		wire_store(driver + 2, 2, steps[i].index);
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
		if (needs_reset(&echo->window) == steps[i].fine)
			fail_msg("%s", steps[i].what);
		assert_int_equal(echo->served, 2 * SIZE);
	}
}

/* While a chain is served, the driver makes one more available in place of the first. */
static void offer_more_split(struct echo *echo)
{
	uint8_t *index = (uint8_t *)guest_at(&echo->guest, DRIVER_AT) + 2;

	wire_store(index, 2, wire_load(index, 2) + 1);
}

static void offer_more_packed(struct echo *echo)
{
	static const struct raw next_round = { IN, 8, USED, 0 };

	write_raw(echo, ENTRIES_AT, &next_round, true);
}

static void take_back_split(struct echo *echo)
{
	uint8_t *index = (uint8_t *)guest_at(&echo->guest, DRIVER_AT) + 2;

	if (echo->served == 2)
		wire_store(index, 2, 1);
}

/* Nor may the index shrink while the device is at work on what was there. */
static void what_is_being_served_cannot_be_taken_back(void **state)
{
	static const struct hostile split = { "taken back",        false,    0, 2, 0,
					      { { IN, 8, 0, 0 } }, { { 0 } } };
	struct echo *echo = *state;

	start_raw(echo, &split);
	echo->while_serving = take_back_split;
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	assert_true(needs_reset(&echo->window));
	assert_int_equal(echo->served, 2);
}

/* Used buffers are shown when all is served; a driver that offers more than the queue has
 * entries before that has not waited for them, and ends its visit. Shows: bounded-work */
static void a_driver_cannot_keep_the_device_at_work(void **state)
{
	static const struct hostile split = { "split",  false, 0, 1, 0, { { IN, 8, 0, 0 } },
					      { { 0 } } };
	static const struct hostile packed = {
		"packed", false,
		F_P,      0,
		0,        { { IN, 8, A, 0 }, { IN, 8, A, 1 }, { IN, 8, A, 2 }, { IN, 8, A, 3 } },
		{ { 0 } }
	};
	struct echo *echo = *state;

	start_raw(echo, &split);
	echo->while_serving = offer_more_split;
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	assert_true(needs_reset(&echo->window));
	assert_int_equal(echo->served, SIZE);

	echo->served = 0;
	start_raw(echo, &packed);
	echo->while_serving = offer_more_packed;
	store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	assert_true(needs_reset(&echo->window));
	assert_int_equal(echo->served, SIZE);
}

/*
 * Random bytes in place of a ring, and valid rings with a few changed bytes. The device must
 * survive, and serve the next case.
 */
static void rings_of_random_bytes_do_no_harm(void **state)
{
	static const uint64_t features[] = { 0,   F_I,  F_EVENT_INDEX | F_I,
					     F_P, F_PI, F_PI | F_EVENT_INDEX };
	struct echo *echo = *state;
	uint32_t seed = 99;

	for (unsigned round = 0; round < 3000; round++) {
		struct hostile hostile = { .what = "random", .features = features[round % 6] };

		hostile.index = (uint16_t)below(&seed, SIZE + 2);
		hostile.head = (uint16_t)below(&seed, SIZE);
		for (unsigned i = 0; i < 2 * SIZE; i++) {
			struct raw *raw = i < SIZE ? &hostile.ring[i] : &hostile.table[i - SIZE];
			bool indirect = i < SIZE && !below(&seed, 4);

			raw->address = indirect ? TABLE_AT : IN + below(&seed, 2) * PAGE;
			raw->length = indirect ? 16 * below(&seed, 6) : below(&seed, 64);
			raw->flags = (uint16_t)(below(&seed, 4) | (indirect ? INDIRECT : 0) |
						(below(&seed, 8) ? A : below(&seed, 0x10000)));
			raw->link = (uint16_t)below(&seed, SIZE + 1);
		}
		start_raw(echo, &hostile);
		store(&echo->window, QUEUE_NOTIFY, ECHO_QUEUE);
	}
	split_rings_that_break_a_rule_are_refused(state);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, echo_setup, echo_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(split_rings_that_break_a_rule_are_refused),
		TEST(split_rings_with_bad_tables_are_refused),
		TEST(packed_rings_that_break_a_rule_are_refused),
		TEST(packed_rings_with_bad_tables_are_refused),
		TEST(an_empty_ring_is_ignored),
		TEST(a_chain_is_not_longer_than_four_gigabytes),
		TEST(the_pieces_of_a_chain_are_bounded),
		TEST(the_index_only_grows),
		TEST(what_is_being_served_cannot_be_taken_back),
		TEST(a_driver_cannot_keep_the_device_at_work),
		TEST(rings_of_random_bytes_do_no_harm),
	};

	return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
