/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Split rings (virtio 1.3, 2.7)
 *
 * Three areas: descriptors, linked by index; the available ring, where the driver puts the first
 * index of each chain; the used ring, where the device returns it with a length. Both rings have
 * a 16-bit index that is not reduced modulo the queue's size, a flag against notifications, and
 * (event index) the position of which the other side wants a notification.
 *
 * Positions are those 16-bit indices.
 */
#include <errno.h>

#include "transport/ring.h"

/* Descriptor. 2.7.5 */
static const struct field fields[] = {
	ROW(struct descriptor, 0, HEX, address, "Address"),
	ROW(struct descriptor, 8, NUMBER, length, "Length"),
	ROW(struct descriptor, 12, HEX, flags, "Flags"),
	ROW(struct descriptor, 14, NUMBER, link, "Next"),
};

static const struct layout split_descriptor =
	LAYOUT("Split descriptor", 0, DESCRIPTOR_LENGTH, struct descriptor, fields);

/* Both rings: flags, index, entries, and the event behind them. */
#define RING_FLAGS    0
#define RING_INDEX    2
#define RING_ENTRIES  4
#define RING_OVERHEAD 6

#define AVAILABLE_LENGTH 2

/* Used ring element: "id", le32 at 0; "len", le32 at 4 */
#define USED_LENGTH_AT 4
#define USED_LENGTH    8

#define AVAILABLE_F_NO_INTERRUPT (1u << 0)
#define USED_F_NO_NOTIFY         (1u << 0)

static const uint8_t *available_entry(const struct queue *queue, uint32_t slot)
{
	return queue->area[DRIVER_AREA] + RING_ENTRIES + slot * AVAILABLE_LENGTH;
}

static uint8_t *used_entry(const struct queue *queue, uint32_t slot)
{
	return queue->area[DEVICE_AREA] + RING_ENTRIES + slot * USED_LENGTH;
}

/* The index never moves backwards, nor further than the driver has buffers. */
static int split_available(const struct queue *queue)
{
	uint32_t index = guest_load16(queue->area[DRIVER_AREA] + RING_INDEX);
	uint32_t offered = ring_distance(queue, queue->published, index);
	uint32_t taken = ring_distance(queue, queue->published, queue->next);

	if (offered > queue->size || offered < taken)
		return -EPROTO;
	return offered > taken;
}

/* *ret_last is the descriptor without NEXT, which is not added yet. */
static int walk(struct queue *queue, struct queue_chain *chain, const struct ring_table *table,
		uint32_t index, struct descriptor *ret_last)
{
	struct descriptor descriptor;
	int error;

	for (;;) {
		error = index < table->count ? table_fetch(queue, table, index, &descriptor)
					     : -EPROTO;
		if (error || !(descriptor.flags & DESCRIPTOR_F_NEXT))
			break;
		if (descriptor.flags & DESCRIPTOR_F_INDIRECT)
			return -EPROTO;
		error = chain_add(queue, chain, &descriptor);
		if (error)
			break;
		index = descriptor.link;
	}
	if (!error)
		*ret_last = descriptor;
	return error;
}

/*
 * "The device MUST handle the case of zero or more normal chained descriptors followed by
 * a single descriptor" that is indirect; in the table there is no further one.
 */
static int split_take(struct queue *queue, struct queue_chain *chain)
{
	struct ring_table table = { .host = queue->area[DESCRIPTOR_AREA], .count = queue->size };
	uint16_t head = guest_load16(available_entry(queue, ring_slot(queue, queue->next)));
	struct descriptor last;
	int error;

	chain->id = head;
	error = walk(queue, chain, &table, head, &last);
	if (!error && last.flags & DESCRIPTOR_F_INDIRECT) {
		error = chain_table(queue, &last, &table);
		if (!error)
			error = walk(queue, chain, &table, 0, &last);
		if (!error && last.flags & DESCRIPTOR_F_INDIRECT)
			error = -EPROTO;
	}
	return error ? error : chain_add(queue, chain, &last);
}

static void split_push(struct queue *queue, const struct queue_chain *chain, uint32_t length)
{
	uint8_t *entry = used_entry(queue, ring_slot(queue, queue->used));

	guest_store32(entry, chain->id);
	guest_store32(entry + USED_LENGTH_AT, length);
	ring_written(queue, DEVICE_AREA, entry, USED_LENGTH);
}

static void split_publish(struct queue *queue)
{
	uint8_t *index = queue->area[DEVICE_AREA] + RING_INDEX;

	guest_publish16(index, (uint16_t)queue->used);
	ring_written(queue, DEVICE_AREA, index, sizeof(uint16_t));
}

static bool split_wants_interrupt(const struct queue *queue, uint32_t old)
{
	uint16_t flags;

	if (queue->event_index)
		return ring_passed(queue, old, guest_load16(available_entry(queue, queue->size)));
	flags = guest_load16(queue->area[DRIVER_AREA] + RING_FLAGS);
	return !(flags & AVAILABLE_F_NO_INTERRUPT);
}

/*
 * With the event index there is nothing to disable: an event that has passed causes no
 * notification.
 */
static void split_notify(struct queue *queue, bool on)
{
	uint8_t *flags = queue->area[DEVICE_AREA] + RING_FLAGS;
	uint8_t *event = used_entry(queue, queue->size);

	if (queue->event_index && !on)
		return;
	if (queue->event_index)
		guest_publish16(event, (uint16_t)queue->next);
	else
		guest_publish16(flags, on ? 0 : (uint16_t)USED_F_NO_NOTIFY);
	ring_written(queue, DEVICE_AREA, queue->event_index ? event : flags, sizeof(uint16_t));
}

const struct ring_format split_format = {
	.descriptor = &split_descriptor,
	.area = {
		[DESCRIPTOR_AREA] = { 16, 0, DESCRIPTOR_LENGTH, false },
		[DRIVER_AREA] = { 2, RING_OVERHEAD, AVAILABLE_LENGTH, false },
		[DEVICE_AREA] = { 4, RING_OVERHEAD, USED_LENGTH, true },
	},
	.available = split_available,
	.take = split_take,
	.push = split_push,
	.publish = split_publish,
	.wants_interrupt = split_wants_interrupt,
	.notify = split_notify,
};
