/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_RING_H
#define VIOMMU_TRANSPORT_RING_H

#include <endian.h>

#include "transport/queue.h"
#include "wire/layout.h"

/*
 * Shared by the ring formats. Private to queue.c, chain.c, split.c and packed.c.
 *
 * The guest may change the ring while it is read. So every field is loaded once, whole, into a
 * local variable, and only that is checked and used.
 *
 * Ordering: device and driver each publish a position, then check whether the other side wants a
 * notification. If both checked before the other's store arrives, a notification would be lost. So
 * published positions, and the loads that decide, are sequentially consistent. Other stores may
 * precede a published position in any order.
 */

/* Flags of a descriptor, in both formats. */
#define DESCRIPTOR_F_NEXT     (1u << 0)
#define DESCRIPTOR_F_WRITE    (1u << 1)
#define DESCRIPTOR_F_INDIRECT (1u << 2)

#define DESCRIPTOR_LENGTH 16

/* A descriptor of either format, in host byte order. */
struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t link; /* split: the next descriptor; packed: the buffer's ID */
};

struct ring_format {
	const struct layout *descriptor;

	/*
	 * Of each area: alignment, fixed bytes, bytes for each entry, and whether the device
	 * writes it.
	 */
	struct {
		uint8_t alignment, fixed, entry;
		bool written;
	} area[QUEUE_N_AREAS];

	/* Is there a chain at `next`? Returns 1, 0 or -EPROTO. */
	int (*available)(const struct queue *queue);

	/* Take the chain at `next`, which is available. -EPROTO, -ENOMEM */
	int (*take)(struct queue *queue, struct queue_chain *chain);

	/* Write a used element at `used`; show all from `published` to `used`. */
	void (*push)(struct queue *queue, const struct queue_chain *chain, uint32_t length);
	void (*publish)(struct queue *queue);

	/* Does the driver want an interrupt when `published` moves from `old` to `used`? */
	bool (*wants_interrupt)(const struct queue *queue, uint32_t old);

	/* Does the device want notifications of chains after `next`? */
	void (*notify)(struct queue *queue, bool on);
};

extern const struct ring_format split_format, packed_format;

/* -- positions ------------------------------------------------------------------ */

static inline uint32_t ring_advance(const struct queue *queue, uint32_t position, uint32_t n)
{
	return (position + n) % queue->modulus;
}

static inline uint32_t ring_distance(const struct queue *queue, uint32_t from, uint32_t to)
{
	return (to + queue->modulus - from) % queue->modulus;
}

static inline uint32_t ring_slot(const struct queue *queue, uint32_t position)
{
	return position % queue->size;
}

/* Is `event` a position from `old` up to, and without, `used`? */
static inline bool ring_passed(const struct queue *queue, uint32_t old, uint32_t event)
{
	return ring_distance(queue, old, event) < ring_distance(queue, old, queue->used);
}

/* -- guest memory ------------------------------------------------------------------ */

/* The VMM's memory at a guest address, or NULL; reduces *length to the bytes contiguous there. */
void *queue_find_memory(const struct queue *queue, uint64_t address, uint64_t *length, bool write);

/* Tell the VMM that the device has written to an area of the ring. */
static inline void ring_written(const struct queue *queue, int area, const uint8_t *at,
				uint64_t length)
{
	if (queue->memory->written)
		queue->memory->written(queue->memory->opaque,
				       queue->address[area] + (uint64_t)(at - queue->area[area]),
				       length);
}

/* -- chains ----------------------------------------------------------------------- */

/* Append a buffer. -EPROTO: it breaks a rule of chains. -ENOMEM: no room for its pieces. */
int chain_add(struct queue *queue, struct queue_chain *chain, const struct descriptor *buffer);

/* A table of descriptors: the ring's own (`host` is set), or an indirect one. */
struct ring_table {
	const uint8_t *host;
	uint64_t address;
	uint32_t count;
};

/* The indirect table of a descriptor. -EPROTO */
int chain_table(const struct queue *queue, const struct descriptor *descriptor,
		struct ring_table *ret_table);

/* Take a descriptor from a table; `index` is below its count. -EPROTO */
int table_fetch(const struct queue *queue, const struct ring_table *table, uint32_t index,
		struct descriptor *ret_descriptor);

/* -- loads and stores ---------------------------------------------------------------- */

static inline uint16_t guest_load16(const uint8_t *at)
{
	return le16toh(__atomic_load_n((const uint16_t *)(const void *)at, __ATOMIC_SEQ_CST));
}

static inline uint32_t guest_load32(const uint8_t *at)
{
	return le32toh(__atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_SEQ_CST));
}

static inline void guest_store16(uint8_t *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)at, htole16(value), __ATOMIC_RELAXED);
}

static inline void guest_store32(uint8_t *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)at, htole32(value), __ATOMIC_RELAXED);
}

static inline void guest_publish16(uint8_t *at, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)at, htole16(value), __ATOMIC_SEQ_CST);
}

static inline void guest_publish32(uint8_t *at, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)at, htole32(value), __ATOMIC_SEQ_CST);
}

#endif
