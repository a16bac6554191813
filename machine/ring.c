/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The driver's side of a virtqueue (virtio 1.3, "Supplying Buffers to The Device" and
 * "Receiving Used Buffers From The Device")
 *
 * A ring is in guest memory, where the device might overwrite it. So the driver's own state is kept
 * outside: the token and length of each chain by ID, and the free list of IDs.
 *
 * Positions count over several rounds: split rings in 16 bits, packed rings over two rounds, of
 * which the first has the wrap counter 1.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

/* Descriptor: address at 0, length at 8; then flags and next, or ID and flags. */
#define DESCRIPTOR_LENGTH 16
#define LENGTH_AT         8
#define SPLIT_FLAGS_AT    12
#define SPLIT_NEXT_AT     14
#define PACKED_ID_AT      12
#define PACKED_FLAGS_AT   14

#define F_NEXT     (1u << 0)
#define F_WRITE    (1u << 1)
#define F_INDIRECT (1u << 2)
#define F_AVAIL    (1u << 7)
#define F_USED     (1u << 15)

/* Available and used ring: flags, index, entries; then the event index for the other side. */
#define INDEX_AT         2
#define ENTRIES_AT       4
#define AVAILABLE_LENGTH 2
#define USED_LENGTH      8
#define USED_LENGTH_AT   4
#define NO_NOTIFICATION  1

/* Event suppression: position and wrap counter in the low half, a flag in the high one. */
#define EVENT_WRAP        (1u << 15)
#define EVENT_FLAGS_SHIFT 16
#define EVENT_FLAGS       3u
#define EVENT_ENABLE      0u
#define EVENT_DISABLE     1u
#define EVENT_DESCRIPTOR  2u

#define AREA_ALIGNMENT 64
#define TABLE_LENGTH   (RING_TABLE_ENTRIES * DESCRIPTOR_LENGTH)

struct ring;

struct format {
	/* `extra` are flags for all of the descriptors. */
	void (*add)(struct ring *ring, const struct ring_buffer *buffers, uint16_t n, uint16_t id,
		    unsigned extra);
	void (*offer)(struct ring *ring);
	bool (*wants_notification)(const struct ring *ring, uint32_t old);
	int (*used)(const struct ring *ring, uint16_t *ret_id, uint32_t *ret_length);
	void (*interrupts)(struct ring *ring, bool on, uint32_t event);
};

/* State of a chain, or of a free ID. */
struct chain {
	void *token;
	uint16_t n_entries; /* 0: it is not with the device */
	uint16_t next;      /* the ID behind it in the free list, or in the chain */
};

struct ring {
	struct ring_config config;
	const struct format *format;
	size_t area[RING_N_AREAS], tables; /* offsets in config.memory */
	struct chain *chains;
	uint16_t free, n_free; /* an ID, and how many entries can be added */
	uint32_t modulus;
	uint32_t added, offered, used;
	uint16_t withheld; /* packed: flags of the first entry that is not offered yet */
};

/* -- memory -------------------------------------------------------------------------- */

/* Memory orders are as in src/transport/ring.h: publishing stores, and loads that decide on
 * notifications, are seq_cst. */
static uint16_t load16(const uint8_t *at)
{
	return le16toh(__atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_SEQ_CST));
}

static uint32_t load32(const uint8_t *at)
{
	return le32toh(__atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_SEQ_CST));
}

static void store16(uint8_t *at, unsigned value)
{
	__atomic_store_n((uint16_t *)(void *)at, htole16((uint16_t)value), __ATOMIC_SEQ_CST);
}

static void store32(uint8_t *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)at, htole32(value), __ATOMIC_SEQ_CST);
}

static void store64(uint8_t *at, uint64_t value)
{
	__atomic_store_n((uint64_t *)(void *)at, htole64(value), __ATOMIC_SEQ_CST);
}

static uint8_t *area(const struct ring *ring, unsigned index)
{
	return (uint8_t *)ring->config.memory + ring->area[index];
}

static size_t aligned(size_t length)
{
	return (length + AREA_ALIGNMENT - 1) / AREA_ALIGNMENT * AREA_ALIGNMENT;
}

/* Areas in sequence, then indirect tables; large enough for both formats. */
static size_t place_areas(uint16_t size, size_t at[RING_N_AREAS])
{
	at[RING_DESCRIPTOR_AREA] = 0;
	at[RING_DRIVER_AREA] = aligned((size_t)size * DESCRIPTOR_LENGTH);
	at[RING_DEVICE_AREA] =
		at[RING_DRIVER_AREA] + aligned(ENTRIES_AT + (size_t)(size + 1) * AVAILABLE_LENGTH);
	return at[RING_DEVICE_AREA] + aligned(ENTRIES_AT + (size_t)(size + 1) * USED_LENGTH);
}

size_t ring_memory_length(uint16_t size)
{
	size_t at[RING_N_AREAS];

	return place_areas(size, at) + (size_t)size * TABLE_LENGTH;
}

uint64_t ring_address(const struct ring *ring, unsigned index)
{
	return ring->config.address + ring->area[index];
}

/* -- positions ------------------------------------------------------------------------- */

static uint32_t advance(const struct ring *ring, uint32_t position, uint32_t n)
{
	return (position + n) % ring->modulus;
}

static uint32_t slot(const struct ring *ring, uint32_t position)
{
	return position % ring->config.size;
}

/* Packed: the wrap counter at a position. */
static bool first_round(const struct ring *ring, uint32_t position)
{
	return position < ring->config.size;
}

/* Is `event` in the positions [from, to)? */
static bool reached(const struct ring *ring, uint32_t from, uint32_t to, uint32_t event)
{
	uint32_t way = (to + ring->modulus - from) % ring->modulus;

	return (event + ring->modulus - from) % ring->modulus < way;
}

/* -- indirect tables ----------------------------------------------------------------------- */

/* Each ID has its own table. Packed tables use only the WRITE flag, and no links. */
static struct ring_buffer fill_table(struct ring *ring, const struct ring_buffer *buffers,
				     uint16_t n, uint16_t id)
{
	size_t offset = ring->tables + (size_t)id * TABLE_LENGTH;
	uint8_t *at = (uint8_t *)ring->config.memory + offset;

	for (uint16_t i = 0; i < n; i++, at += DESCRIPTOR_LENGTH) {
		unsigned flags = buffers[i].writable ? F_WRITE : 0;

		store64(at, buffers[i].address);
		store32(at + LENGTH_AT, buffers[i].length);
		store16(at + PACKED_ID_AT, 0);
		store16(at + PACKED_FLAGS_AT, 0);
		if (ring->config.packed) {
			store16(at + PACKED_FLAGS_AT, flags);
			continue;
		}
		store16(at + SPLIT_FLAGS_AT, flags | (i + 1 < n ? F_NEXT : 0));
		store16(at + SPLIT_NEXT_AT, i + 1u);
	}
	return (struct ring_buffer){ ring->config.address + offset, (uint32_t)n * DESCRIPTOR_LENGTH,
				     false };
}

/* -- split rings ----------------------------------------------------------------------------- */

static void split_descriptor(struct ring *ring, uint16_t id, const struct ring_buffer *buffer,
			     unsigned flags)
{
	uint8_t *at = area(ring, RING_DESCRIPTOR_AREA) + (size_t)id * DESCRIPTOR_LENGTH;

	store64(at, buffer->address);
	store32(at + LENGTH_AT, buffer->length);
	store16(at + SPLIT_FLAGS_AT, flags | (buffer->writable ? F_WRITE : 0));
	store16(at + SPLIT_NEXT_AT, ring->chains[id].next);
}

static void split_add(struct ring *ring, const struct ring_buffer *buffers, uint16_t n, uint16_t id,
		      unsigned extra)
{
	uint8_t *entry = area(ring, RING_DRIVER_AREA) + ENTRIES_AT +
			 slot(ring, ring->added) * AVAILABLE_LENGTH;
	uint16_t at = id;

	for (uint16_t i = 0; i < n; i++) {
		split_descriptor(ring, at, &buffers[i], extra | (i + 1 < n ? F_NEXT : 0));
		at = ring->chains[at].next;
	}
	store16(entry, id);
	ring->added = advance(ring, ring->added, 1);
}

static void split_offer(struct ring *ring)
{
	store16(area(ring, RING_DRIVER_AREA) + INDEX_AT, ring->added);
}

/* The feature selects between the flag and the event index. */
static bool split_wants_notification(const struct ring *ring, uint32_t old)
{
	const uint8_t *used = area(ring, RING_DEVICE_AREA);
	const uint8_t *event = used + ENTRIES_AT + ring->config.size * USED_LENGTH;

	if (ring->config.event_index)
		return reached(ring, old, ring->added, load16(event));
	return !(load16(used) & NO_NOTIFICATION);
}

/* Checks the ID, like a driver that does not trust its device. */
static int split_used(const struct ring *ring, uint16_t *ret_id, uint32_t *ret_length)
{
	const uint8_t *used = area(ring, RING_DEVICE_AREA);
	const uint8_t *entry = used + ENTRIES_AT + slot(ring, ring->used) * USED_LENGTH;
	uint32_t id;

	if (load16(used + INDEX_AT) == ring->used)
		return 0;
	id = load32(entry);
	if (id >= ring->config.size)
		return -EPROTO;
	*ret_id = (uint16_t)id;
	*ret_length = load32(entry + USED_LENGTH_AT);
	return 1;
}

/* No event index means "never"; the one that was just passed comes latest. */
static void split_interrupts(struct ring *ring, bool on, uint32_t event)
{
	uint8_t *available = area(ring, RING_DRIVER_AREA);

	if (!ring->config.event_index)
		store16(available, on ? 0 : NO_NOTIFICATION);
	else
		store16(available + ENTRIES_AT + ring->config.size * AVAILABLE_LENGTH,
			on ? event : ring->used - 1);
}

static const struct format split = {
	.add = split_add,
	.offer = split_offer,
	.wants_notification = split_wants_notification,
	.used = split_used,
	.interrupts = split_interrupts,
};

/* -- packed rings ------------------------------------------------------------------------------ */

static uint8_t *packed_entry(const struct ring *ring, uint32_t position)
{
	return area(ring, RING_DESCRIPTOR_AREA) + slot(ring, position) * DESCRIPTOR_LENGTH;
}

/* The flags of the first entry are withheld until the offer, which hides all entries after it. */
static void packed_add(struct ring *ring, const struct ring_buffer *buffers, uint16_t n,
		       uint16_t id, unsigned extra)
{
	for (uint16_t i = 0; i < n; i++) {
		bool wrap = first_round(ring, ring->added);
		unsigned flags = (wrap ? F_AVAIL : F_USED) | (buffers[i].writable ? F_WRITE : 0) |
				 (i + 1 < n ? F_NEXT : 0) | extra;
		uint8_t *at = packed_entry(ring, ring->added);

		store64(at, buffers[i].address);
		store32(at + LENGTH_AT, buffers[i].length);
		store16(at + PACKED_ID_AT, id);
		if (ring->added == ring->offered)
			ring->withheld = (uint16_t)flags;
		else
			store16(at + PACKED_FLAGS_AT, flags);
		ring->added = advance(ring, ring->added, 1);
	}
}

/* Everything else was stored before, so a device that sees these flags sees it. */
static void packed_offer(struct ring *ring)
{
	store16(packed_entry(ring, ring->offered) + PACKED_FLAGS_AT, ring->withheld);
}

/* The device's position is in one round, with the wrap counter. */
static bool packed_wants_notification(const struct ring *ring, uint32_t old)
{
	uint32_t event = load32(area(ring, RING_DEVICE_AREA));
	uint32_t flags = event >> EVENT_FLAGS_SHIFT & EVENT_FLAGS;
	uint32_t position = event & (EVENT_WRAP - 1);

	if (flags != EVENT_DESCRIPTOR)
		return flags == EVENT_ENABLE;
	if (!(event & EVENT_WRAP))
		position += ring->config.size;
	return reached(ring, old, ring->added, position);
}

/* A descriptor is used if both flags equal the wrap counter. The length is valid only with the
 * WRITE flag. */
static int packed_used(const struct ring *ring, uint16_t *ret_id, uint32_t *ret_length)
{
	const uint8_t *entry = packed_entry(ring, ring->used);
	uint16_t flags = load16(entry + PACKED_FLAGS_AT);
	bool wrap = first_round(ring, ring->used);
	uint16_t id;

	if (!!(flags & F_AVAIL) != wrap || !!(flags & F_USED) != wrap)
		return 0;
	id = load16(entry + PACKED_ID_AT);
	if (id >= ring->config.size)
		return -EPROTO;
	*ret_id = id;
	*ret_length = flags & F_WRITE ? load32(entry + LENGTH_AT) : 0;
	return 1;
}

static void packed_interrupts(struct ring *ring, bool on, uint32_t event)
{
	uint32_t value = EVENT_DISABLE << EVENT_FLAGS_SHIFT;

	if (on && ring->config.event_index)
		value = EVENT_DESCRIPTOR << EVENT_FLAGS_SHIFT |
			(first_round(ring, event) ? EVENT_WRAP : 0) | slot(ring, event);
	else if (on)
		value = EVENT_ENABLE << EVENT_FLAGS_SHIFT;
	store32(area(ring, RING_DRIVER_AREA), value);
}

static const struct format packed = {
	.add = packed_add,
	.offer = packed_offer,
	.wants_notification = packed_wants_notification,
	.used = packed_used,
	.interrupts = packed_interrupts,
};

/* -- both ------------------------------------------------------------------------------------ */

/*
 * Take `n` IDs off the free list. They stay linked to each other; the link of the last is
 * meaningless. A split ring needs one for each descriptor, a packed ring one for each chain.
 */
static uint16_t take_ids(struct ring *ring, uint16_t n)
{
	uint16_t first = ring->free;

	for (uint16_t i = 0; i < n; i++)
		ring->free = ring->chains[ring->free].next;
	return first;
}

/* The IDs are still linked by take_ids(). */
static void return_ids(struct ring *ring, uint16_t first, uint16_t n)
{
	uint16_t last = first;

	for (uint16_t i = 1; i < n; i++)
		last = ring->chains[last].next;
	ring->chains[last].next = ring->free;
	ring->free = first;
}

int ring_add(struct ring *ring, const struct ring_buffer *buffers, size_t n, void *token)
{
	bool indirect = ring->config.indirect && n > 1 && n <= RING_TABLE_ENTRIES;
	uint16_t n_entries = indirect ? 1 : (uint16_t)n, id;
	struct ring_buffer table;

	if (!n || n > ring->config.size || n_entries > ring->n_free)
		return -ENOSPC;
	id = take_ids(ring, ring->config.packed ? 1 : n_entries);
	ring->chains[id].token = token;
	ring->chains[id].n_entries = n_entries;
	ring->n_free = (uint16_t)(ring->n_free - n_entries);
	if (indirect)
		table = fill_table(ring, buffers, (uint16_t)n, id);
	ring->format->add(ring, indirect ? &table : buffers, n_entries, id,
			  indirect ? F_INDIRECT : 0);
	return 0;
}

/* Notification state is loaded after the offer, so either the device sees the offer, or the driver
 * sees that it wants a notification. */
bool ring_offer(struct ring *ring)
{
	uint32_t old = ring->offered;

	if (old == ring->added)
		return false;
	ring->format->offer(ring);
	ring->offered = ring->added;
	return ring->format->wants_notification(ring, old);
}

/* An ID that the device does not have would corrupt the free list. */
int ring_take(struct ring *ring, void **ret_token, uint32_t *ret_length)
{
	struct chain *chain;
	uint32_t length;
	uint16_t id;
	int found = ring->format->used(ring, &id, &length);

	if (found <= 0)
		return found;
	chain = &ring->chains[id];
	if (!chain->n_entries)
		return -EPROTO;
	return_ids(ring, id, ring->config.packed ? 1 : chain->n_entries);
	ring->n_free = (uint16_t)(ring->n_free + chain->n_entries);
	ring->used = advance(ring, ring->used, ring->config.packed ? chain->n_entries : 1);
	chain->n_entries = 0;
	*ret_token = chain->token;
	*ret_length = length;
	return 1;
}

/* Checked after interrupts are enabled: chains used before caused none. */
static bool has_used(const struct ring *ring)
{
	uint32_t length;
	uint16_t id;

	return ring->format->used(ring, &id, &length) != 0;
}

bool ring_interrupts(struct ring *ring, bool on)
{
	ring->format->interrupts(ring, on, ring->used);
	return has_used(ring);
}

bool ring_interrupt_after(struct ring *ring, uint16_t n)
{
	ring->format->interrupts(ring, true, advance(ring, ring->used, n - 1u));
	return has_used(ring);
}

struct ring *ring_new(const struct ring_config *config)
{
	struct ring *ring = calloc(1, sizeof(*ring));
	struct chain *chains = calloc(config->size, sizeof(*chains));

	if (!ring || !chains) {
		free(chains);
		free(ring);
		return NULL;
	}
	memset(config->memory, 0, ring_memory_length(config->size));
	ring->config = *config;
	ring->format = config->packed ? &packed : &split;
	ring->tables = place_areas(config->size, ring->area);
	ring->chains = chains;
	ring->n_free = config->size;
	ring->modulus = config->packed ? 2u * config->size : UINT16_MAX + 1u;
	for (uint16_t i = 0; i < config->size; i++)
		chains[i].next = (uint16_t)(i + 1);
	return ring;
}

struct ring *ring_free(struct ring *ring)
{
	if (ring)
		free(ring->chains);
	free(ring);
	return NULL;
}
