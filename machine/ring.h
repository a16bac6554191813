/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef MACHINE_RING_H
#define MACHINE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The driver's side of a virtqueue
 *
 * The counterpart of src/transport, written from the specification (virtio 1.3, "Split Virtqueues",
 * "Packed Virtqueues") and not from that code, so that each tests the other. One thread at a time
 * uses a ring.
 *
 *     ring_new
 *       ring_add, ring_add ...    add chains of buffers
 *       ring_offer                publish them; notify the device if this returns true
 *       ring_take                 take used chains back
 *     ring_free
 */

enum { RING_DESCRIPTOR_AREA, RING_DRIVER_AREA, RING_DEVICE_AREA, RING_N_AREAS };

struct ring_config {
	bool packed;
	bool indirect;    /* put chains of two to RING_TABLE_ENTRIES buffers into a table */
	bool event_index; /* suppress interrupts and notifications by position */
	uint16_t size;    /* entries; a power of two if not packed */
	void *memory;     /* guest memory for the ring, aligned to a page */
	uint64_t address; /* the guest-physical address of `memory` */
};

#define RING_TABLE_ENTRIES 8

/* Bytes of guest memory for a ring of `size` entries, with indirect tables. */
size_t ring_memory_length(uint16_t size);

/* A guest buffer. Writable buffers come last in a chain. */
struct ring_buffer {
	uint64_t address;
	uint32_t length;
	bool writable;
};

struct ring;

/* An empty ring; clears its memory. Returns NULL if memory runs out. */
struct ring *ring_new(const struct ring_config *config);

/* NULL is fine. Returns NULL. */
struct ring *ring_free(struct ring *ring);

/* The address of an area, for the queue's registers. */
uint64_t ring_address(const struct ring *ring, unsigned area);

/* Add a chain; ring_take() returns `token` with it. -ENOSPC: the ring is full. */
int ring_add(struct ring *ring, const struct ring_buffer *buffers, size_t n, void *token);

/* Publish all added chains. Returns whether the device wants a notification. */
bool ring_offer(struct ring *ring);

/* Take back a used chain. Returns 1, with the token and the used length; 0 if there is none;
 * -EPROTO if the device used a chain that it does not have. */
int ring_take(struct ring *ring, void **ret_token, uint32_t *ret_length);

/* Enable or disable interrupts. Returns whether used chains are waiting, for which there may have
 * been no interrupt. */
bool ring_interrupts(struct ring *ring, bool on);

/* Event index only: interrupt after `n` more entries are used, at least 1. */
bool ring_interrupt_after(struct ring *ring, uint16_t n);

#endif
