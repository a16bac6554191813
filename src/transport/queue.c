/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A virtqueue over guest memory: what both ring formats share (virtio 1.3, 2.6 to 2.8)
 *
 * The ring belongs to the guest, and is looked up in the VMM's memory once, when the queue
 * starts. chain.c turns buffers into pieces of the VMM's memory. split.c and packed.c know where
 * the next chain is and how it is returned.
 *
 * The queue has room for the pieces of one chain, which grows when a chain has more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "transport/ring.h"

/*
 * Room for the longest chain if each buffer has two pieces on average. A buffer has more than one
 * only where it crosses a border between regions of the VMM's memory.
 */
#define PIECES_A_BUFFER 2

int queue_pop(struct queue *queue, struct queue_chain *ret_chain)
{
	struct queue_chain chain = { .n_entries = 1 };
	int available, error = 0;

	if (!queue->format)
		return 0;
	available = queue->broken ? -EPROTO : queue->format->available(queue);
	if (available > 0)
		error = queue->format->take(queue, &chain);
	if (error)
		available = error;
	queue->broken = available < 0;
	if (available <= 0)
		return available;
	chain.readable = queue->pieces;
	chain.writable = queue->pieces + chain.n_readable;
	chain.addresses = queue->addresses + chain.n_readable;
	queue->next = ring_advance(queue, queue->next, chain.n_entries);
	*ret_chain = chain;
	return 1;
}

bool queue_has_chain(struct queue *queue)
{
	return queue->format && !queue->broken && queue->format->available(queue) > 0;
}

bool queue_is_idle(struct queue *queue)
{
	return !queue->format || queue->broken || !queue->format->available(queue);
}

/* The first `length` bytes of the writable buffers were written. */
static void report_written(const struct queue *queue, const struct queue_chain *chain,
			   uint64_t length)
{
	for (size_t i = 0; i < chain->n_writable && length; i++) {
		uint64_t part = chain->writable[i].iov_len;

		part = part < length ? part : length;
		queue->memory->written(queue->memory->opaque, chain->addresses[i], part);
		length -= part;
	}
}

void queue_push(struct queue *queue, const struct queue_chain *chain, uint32_t length)
{
	if (queue->memory->written)
		report_written(queue, chain, length);
	queue->format->push(queue, chain, length);
	queue->used = ring_advance(queue, queue->used, chain->n_entries);
}

bool queue_publish(struct queue *queue)
{
	uint32_t old = queue->published;

	if (!queue->format || old == queue->used)
		return false;
	queue->format->publish(queue);
	queue->published = queue->used;
	return queue->format->wants_interrupt(queue, old);
}

/* -- chains that are answered later ---------------------------------------------------------- */

/* One is kept ready, so that memory is taken only for chains that are held. */
struct held_chain *queue_reserve(struct queue *queue)
{
	if (!queue->spare)
		queue->spare = malloc(sizeof(*queue->spare));
	return queue->spare;
}

void queue_hold(struct queue *queue, const struct queue_chain *chain)
{
	struct held_chain *held = queue->spare;

	queue->spare = NULL;
	held->next = queue->held;
	held->at = &queue->held;
	if (held->next)
		held->next->at = &held->next;
	queue->held = held;
	held->chain = *chain;
	held->chain.n_readable = 0;
	if (chain->n_writable > HELD_PIECES)
		held->chain.n_writable = HELD_PIECES;
	memcpy(held->writable, chain->writable, held->chain.n_writable * sizeof(*chain->writable));
	memcpy(held->addresses, chain->addresses,
	       held->chain.n_writable * sizeof(*chain->addresses));
	held->chain.readable = held->chain.writable = held->writable;
	held->chain.addresses = held->addresses;
}

void queue_release(struct queue *queue, struct held_chain *held)
{
	*held->at = held->next;
	if (held->next)
		held->next->at = held->at;
	if (queue->spare)
		free(held);
	else
		queue->spare = held;
	pthread_cond_broadcast(&queue->released);
}

void queue_wait(struct queue *queue)
{
	pthread_cond_wait(&queue->released, &queue->lock);
}

/* -- notifications --------------------------------------------------------------------- */

void queue_disable_notifications(struct queue *queue)
{
	if (queue->format)
		queue->format->notify(queue, false);
}

bool queue_listen(struct queue *queue)
{
	if (!queue->format)
		return false;
	queue->format->notify(queue, true);
	return queue->format->available(queue) != 0;
}

/* -- setup -------------------------------------------------------------------------------- */

static int find_area(struct queue *queue, const struct ring_format *format, int area,
		     const struct queue_setup *setup)
{
	uint64_t address = setup->area[area], alignment = format->area[area].alignment;
	uint64_t whole = format->area[area].fixed + format->area[area].entry * setup->size;
	uint64_t length = whole;
	void *at;

	at = queue_find_memory(queue, address, &length, format->area[area].written);
	if (!at || length != whole)
		return -EFAULT;
	if ((address | (uintptr_t)at) % alignment)
		return -EINVAL;
	queue->area[area] = at;
	queue->address[area] = address;
	return 0;
}

int queue_start(struct queue *queue, const struct queue_setup *setup, uint64_t features)
{
	bool packed = features & VIRTIO_F_RING_PACKED;
	const struct ring_format *format = packed ? &packed_format : &split_format;
	int error = 0;

	queue_stop(queue);
	if (!setup->size || setup->size > queue->size_max)
		return -EINVAL;
	if (!packed && setup->size & (setup->size - 1))
		return -EINVAL;
	for (int area = 0; area < QUEUE_N_AREAS && !error; area++)
		error = find_area(queue, format, area, setup);
	if (error)
		return error;

	queue->size = (uint16_t)setup->size;
	queue->indirect = features & VIRTIO_F_INDIRECT_DESC;
	queue->event_index = features & VIRTIO_F_EVENT_IDX;
	queue->broken = false;
	/* Split rings count in 16 bits. Two rounds of a packed ring include its wrap counter. */
	queue->modulus = packed ? 2u * queue->size : UINT16_MAX + 1u;
	queue->next = queue->used = queue->published = 0;
	queue->format = format;
	return 0;
}

int queue_find_again(struct queue *queue)
{
	struct queue_setup setup = { .size = queue->size };
	int error = 0;

	if (!queue->format)
		return 0;
	memcpy(setup.area, queue->address, sizeof(setup.area));
	for (int area = 0; area < QUEUE_N_AREAS && !error; area++)
		error = find_area(queue, queue->format, area, &setup);
	if (error)
		queue_stop(queue);
	return error;
}

struct queue_progress queue_progress(const struct queue *queue)
{
	return (struct queue_progress){ queue->used, queue->broken };
}

int queue_resume(struct queue *queue, struct queue_progress progress)
{
	if (progress.position >= queue->modulus)
		return -EINVAL;
	queue->next = queue->used = queue->published = progress.position;
	queue->broken = progress.broken;
	return 0;
}

void queue_stop(struct queue *queue)
{
	queue->format = NULL;
	queue->is_polled = false;
	memset(queue->area, 0, sizeof(queue->area));
}

static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t recursive;

	pthread_mutexattr_init(&recursive);
	pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(lock, &recursive);
	pthread_mutexattr_destroy(&recursive);
}

int queue_init(struct queue *queue, uint16_t size_max, const struct guest_memory *memory)
{
	size_t max_pieces = (size_t)size_max * PIECES_A_BUFFER;
	struct iovec *pieces = calloc(max_pieces, sizeof(*pieces));
	uint64_t *addresses = calloc(max_pieces, sizeof(*addresses));

	if (!pieces || !addresses) {
		free(pieces);
		free(addresses);
		return -ENOMEM;
	}
	*queue = (struct queue){
		.released = PTHREAD_COND_INITIALIZER,
		.memory = memory,
		.pieces = pieces,
		.addresses = addresses,
		.max_pieces = max_pieces,
		.size_max = size_max,
	};
	init_lock(&queue->lock);
	return 0;
}

void queue_fini(struct queue *queue)
{
	while (queue->held)
		queue_release(queue, queue->held);
	free(queue->pieces);
	free(queue->addresses);
	free(queue->spare);
	pthread_cond_destroy(&queue->released);
	pthread_mutex_destroy(&queue->lock);
}

void queue_lock(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
}

void queue_unlock(struct queue *queue)
{
	pthread_mutex_unlock(&queue->lock);
}
