/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MACHINE_RING_H
#define MACHINE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A virtqueue, seen from the guest's driver
 *
 * The other side of what src/transport does, written from the specification (virtio 1.3,
 * "Split Virtqueues", "Packed Virtqueues") and not from that code, so that either shows
 * what is wrong with the other. Used by one thread at a time, as drivers do.
 *
 *     ring_new
 *       ring_add, ring_add ...    put chains of buffers into the ring
 *       ring_offer                show them to the device; notify it if this says so
 *       ring_take                 have them back
 *     ring_free
 */

enum { RING_DESCRIPTOR_AREA, RING_DRIVER_AREA, RING_DEVICE_AREA, RING_N_AREAS };

struct ring_config {
	bool packed;
	bool indirect;    /* put chains of two to RING_TABLE_ENTRIES buffers into a table */
	bool event_index; /* say when to interrupt by position, and look when to notify */
	uint16_t size;    /* entries; a power of two if not packed */
	void *memory;     /* of the guest: where the ring is to stand, aligned to a page */
	uint64_t address; /* what the guest calls that place */
};

#define RING_TABLE_ENTRIES 8

/* How many bytes of guest memory a ring of that many entries takes, tables included. */
size_t ring_memory_length(uint16_t size);

/* A buffer of the guest's: those that the device writes come last in a chain. */
struct ring_buffer {
	uint64_t address;
	uint32_t length;
	bool writable;
};

struct ring;

/* An empty ring in memory that is cleared. NULL: out of memory. */
struct ring *ring_new(const struct ring_config *config);

/* NULL is fine. Returns NULL. */
struct ring *ring_free(struct ring *ring);

/* What to write to the window's registers for an area. */
uint64_t ring_address(const struct ring *ring, unsigned area);

/* Put a chain into the ring; `token` comes back with it. -ENOSPC: take some back first. */
int ring_add(struct ring *ring, const struct ring_buffer *buffers, size_t n, void *token);

/* Show the device all that was added. Does it want to be notified? */
bool ring_offer(struct ring *ring);

/*
 * Take back a chain that the device has used: 1, with the token and the used length; 0 if
 * there is none. -EPROTO: the device has used what it was not given.
 */
int ring_take(struct ring *ring, void **ret_token, uint32_t *ret_length);

/*
 * Tell the device whether to interrupt when it uses buffers. Returns whether there are
 * some to take already, of which it may not have told.
 */
bool ring_interrupts(struct ring *ring, bool on);

/* Event index only: interrupt not before `n` more entries were used, at least 1. */
bool ring_interrupt_after(struct ring *ring, uint16_t n);

#endif
