/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed rings (virtio 1.3, 2.8)
 *
 * One ring of descriptors that both sides write. The flags AVAIL and USED of a descriptor,
 * compared with a wrap counter that changes every round, determine which side owns it. A buffer is
 * returned as one used descriptor, and its other entries are skipped. Each side requests
 * notifications by its event suppression area.
 *
 * Positions count entries over two rounds, and so include the wrap counter: 1 in the first round,
 * 0 in the second. The driver's positions in an event suppression area are converted before they
 * are compared.
 */
#include <errno.h>

#include "transport/ring.h"

/* Descriptor: "The Virtqueue Descriptor Format" */
#define ID_AT     12
#define LENGTH_AT 8
#define FLAGS_AT  14
static const struct field fields[] = {
	ROW(struct descriptor, 0, HEX, address, "Buffer address"),
	ROW(struct descriptor, LENGTH_AT, NUMBER, length, "Buffer length"),
	ROW(struct descriptor, ID_AT, NUMBER, link, "Buffer ID"),
	ROW(struct descriptor, FLAGS_AT, HEX, flags, "Flags"),
};

static const struct layout packed_descriptor =
	LAYOUT("Packed descriptor", 0, DESCRIPTOR_LENGTH, struct descriptor, fields);

#define DESCRIPTOR_F_AVAIL (1u << 7)
#define DESCRIPTOR_F_USED  (1u << 15)

/*
 * Event suppression area, loaded and stored whole: le16 at 0 has an entry in 15 bits and its wrap
 * counter; le16 at 2 has the flags. "Event Suppression Structure Format"
 */
#define EVENT_LENGTH        4
#define EVENT_ENTRY         0x7fffu
#define EVENT_WRAP          (1u << 15)
#define EVENT_FLAGS_SHIFT   16
#define EVENT_FLAGS         0x3u
#define EVENT_ENABLE        0x0u
#define EVENT_DISABLE       0x1u
#define EVENT_AT_DESCRIPTOR 0x2u

static uint8_t *entry(const struct queue *queue, uint32_t position)
{
	return queue->area[DESCRIPTOR_AREA] + ring_slot(queue, position) * DESCRIPTOR_LENGTH;
}

static bool wrap_counter(const struct queue *queue, uint32_t position)
{
	return position < queue->size;
}

/* "available: AVAIL is the same as the wrap counter, and USED is not" */
static bool is_available(const struct queue *queue, uint32_t position, uint16_t flags)
{
	bool wrap = wrap_counter(queue, position);

	return !!(flags & DESCRIPTOR_F_AVAIL) == wrap && !!(flags & DESCRIPTOR_F_USED) != wrap;
}

static int packed_available(const struct queue *queue)
{
	return is_available(queue, queue->next, guest_load16(entry(queue, queue->next) + FLAGS_AT));
}

/*
 * Take the entry `n` behind `next`. The flags are loaded first, because the rest is valid only if
 * they say so. The driver cannot offer an entry again that the device still holds.
 */
static int fetch(const struct queue *queue, uint32_t n, struct descriptor *ret_descriptor)
{
	struct ring_table ring = { .host = queue->area[DESCRIPTOR_AREA], .count = queue->size };
	uint32_t position = ring_advance(queue, queue->next, n);
	uint16_t flags = guest_load16(entry(queue, position) + FLAGS_AT);
	int error;

	if (ring_distance(queue, queue->published, queue->next) + n >= queue->size)
		return -EPROTO;
	if (!is_available(queue, position, flags))
		return -EPROTO;
	error = table_fetch(queue, &ring, ring_slot(queue, position), ret_descriptor);
	ret_descriptor->flags = flags;
	return error;
}

/* Only the flag WRITE has a meaning in an indirect table. */
static int take_table(struct queue *queue, struct queue_chain *chain,
		      const struct descriptor *descriptor)
{
	struct descriptor buffer;
	struct ring_table table;
	int error = chain_table(queue, descriptor, &table);

	for (uint32_t i = 0; !error && i < table.count; i++) {
		error = table_fetch(queue, &table, i, &buffer);
		if (!error)
			error = chain_add(queue, chain, &buffer);
	}
	return error;
}

/* A list is either chained by NEXT or a single indirect descriptor. */
static int packed_take(struct queue *queue, struct queue_chain *chain)
{
	struct descriptor descriptor;
	uint16_t n = 0;
	int error;

	do {
		error = fetch(queue, n, &descriptor);
		if (error)
			return error;
		if (!(descriptor.flags & DESCRIPTOR_F_INDIRECT))
			error = chain_add(queue, chain, &descriptor);
		else if (n || descriptor.flags & DESCRIPTOR_F_NEXT)
			error = -EPROTO;
		else
			error = take_table(queue, chain, &descriptor);
		n++;
	} while (!error && descriptor.flags & DESCRIPTOR_F_NEXT);
	chain->id = descriptor.link;
	chain->n_entries = n;
	return error;
}

/*
 * The driver reads used descriptors in order and stops at the first unused one. While the flags
 * of the first are withheld, it sees none behind it.
 */
static void packed_push(struct queue *queue, const struct queue_chain *chain, uint32_t length)
{
	uint8_t *used = entry(queue, queue->used);
	bool wrap = wrap_counter(queue, queue->used);
	unsigned flags = (wrap ? DESCRIPTOR_F_AVAIL | DESCRIPTOR_F_USED : 0) |
			 (length ? DESCRIPTOR_F_WRITE : 0);

	guest_store32(used + LENGTH_AT, length);
	guest_store16(used + ID_AT, chain->id);
	if (queue->used == queue->published)
		queue->withheld = (uint16_t)flags;
	else
		guest_publish16(used + FLAGS_AT, (uint16_t)flags);
	ring_written(queue, DESCRIPTOR_AREA, used, DESCRIPTOR_LENGTH);
}

static void packed_publish(struct queue *queue)
{
	uint8_t *first = entry(queue, queue->published);

	guest_publish16(first + FLAGS_AT, queue->withheld);
	ring_written(queue, DESCRIPTOR_AREA, first, DESCRIPTOR_LENGTH);
}

/* An invalid event requests every interrupt: an unnecessary interrupt is harmless. */
static bool packed_wants_interrupt(const struct queue *queue, uint32_t old)
{
	uint32_t event = guest_load32(queue->area[DRIVER_AREA]);
	uint32_t flags = event >> EVENT_FLAGS_SHIFT & EVENT_FLAGS;
	uint32_t at = event & EVENT_ENTRY;

	if (flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_AT_DESCRIPTOR || !queue->event_index || at >= queue->size)
		return true;
	return ring_passed(queue, old, event & EVENT_WRAP ? at : at + queue->size);
}

static void packed_notify(struct queue *queue, bool on)
{
	uint32_t event = EVENT_DISABLE << EVENT_FLAGS_SHIFT;

	if (on && queue->event_index)
		event = EVENT_AT_DESCRIPTOR << EVENT_FLAGS_SHIFT |
			(wrap_counter(queue, queue->next) ? EVENT_WRAP : 0) |
			ring_slot(queue, queue->next);
	else if (on)
		event = EVENT_ENABLE << EVENT_FLAGS_SHIFT;
	guest_publish32(queue->area[DEVICE_AREA], event);
	ring_written(queue, DEVICE_AREA, queue->area[DEVICE_AREA], EVENT_LENGTH);
}

const struct ring_format packed_format = {
	.descriptor = &packed_descriptor,
	.area = {
		[DESCRIPTOR_AREA] = { 16, 0, DESCRIPTOR_LENGTH, true },
		[DRIVER_AREA] = { 4, EVENT_LENGTH, 0, false },
		[DEVICE_AREA] = { 4, EVENT_LENGTH, 0, true },
	},
	.available = packed_available,
	.take = packed_take,
	.push = packed_push,
	.publish = packed_publish,
	.wants_interrupt = packed_wants_interrupt,
	.notify = packed_notify,
};
