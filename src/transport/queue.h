/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_QUEUE_H
#define VIOMMU_TRANSPORT_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * A virtqueue, seen from the device
 *
 * The guest owns the ring and is not trusted. What is wrong with a ring makes the
 * queue broken: -EPROTO from then on, until it is started again.
 *
 *     queue_start               the driver has set QueueReady
 *       queue_pop               the next chain of buffers
 *       queue_push              give it back ...
 *       queue_publish           ... and show it, with all pushed before, to the driver
 *     queue_stop                reset
 *
 * Between pop and publish a chain counts as held by the device. A driver that keeps to
 * the rules cannot offer more than the queue has entries in that time: whoever pops
 * until there is nothing left, and only then publishes, does bounded work.
 *
 * All but init, fini, lock and unlock want the queue locked.
 */

/* Features that the ring itself is about, as masks. "Reserved Feature Bits" */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_RING_PACKED   (1ull << 34)
#define QUEUE_FEATURES         (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED)

/* The largest queue, which keeps the work and the memory for one chain small. */
#define MAX_QUEUE_SIZE 1024

/* How guest-physical addresses are found: see viommu_mmio_ops.memory. */
struct guest_memory {
	void *(*find)(void *opaque, uint64_t address, uint64_t *length, bool write);
	void *opaque;
};

/* The three parts of a queue, by virtio's names for them. */
enum { DESCRIPTOR_AREA, DRIVER_AREA, DEVICE_AREA, QUEUE_N_AREAS };

/* What a driver says of a queue before it sets QueueReady. */
struct queue_setup {
	uint32_t size;
	uint64_t area[QUEUE_N_AREAS]; /* guest-physical */
};

/* A chain of buffers. The pieces stay until the next queue_pop(). */
struct queue_chain {
	const struct iovec *readable, *writable;
	size_t n_readable, n_writable;
	uint64_t length;     /* bytes in all of it */
	uint16_t n_elements; /* buffers that the driver put into it */
	uint16_t n_entries;  /* of the ring that it takes up */
	uint16_t id;         /* how the driver knows it again */
};

struct ring_format;

struct queue {
	pthread_mutex_t lock;
	const struct guest_memory *memory;
	struct iovec *pieces; /* of the chain popped last */
	size_t max_pieces;
	uint16_t size_max;

	/* From queue_start() to queue_stop(); NULL: the queue is not running. */
	const struct ring_format *format;
	uint8_t *area[QUEUE_N_AREAS];
	uint16_t size;
	bool indirect, event_index; /* features accepted */
	bool broken;

	/* Positions, counted modulo `modulus`, which the size divides. A ring entry stands at
	 * position modulo size. */
	uint32_t modulus;
	uint32_t next;      /* where the next chain will be found */
	uint32_t used;      /* where the next used element goes */
	uint32_t published; /* up to where the driver was shown used elements */
	uint16_t withheld;  /* packed: flags that will publish the first of them */
};

/* A queue that is not running. `size_max` is at most MAX_QUEUE_SIZE. -ENOMEM */
int queue_init(struct queue *queue, uint16_t size_max, const struct guest_memory *memory);
void queue_fini(struct queue *queue);

void queue_lock(struct queue *queue);
void queue_unlock(struct queue *queue);

/*
 * Find the ring and run. -EINVAL if the size is none, too large or (split rings) not a
 * power of two, or an area is not aligned; -EFAULT if an area is not memory, or not in
 * one piece for the VMM. The queue is not running then.
 */
int queue_start(struct queue *queue, const struct queue_setup *setup, uint64_t features);

/*
 * Where the queue stands in its ring, while nobody holds a chain: what a ring cannot be asked,
 * and a saved state has to tell.
 */
struct queue_progress {
	uint32_t position;
	bool broken;
};

struct queue_progress queue_progress(const struct queue *queue);

/* Go on from there, just after queue_start(). -EINVAL: that is nowhere in this ring. */
int queue_resume(struct queue *queue, struct queue_progress progress);

/* Forget the ring; chains that were not published never will be. */
void queue_stop(struct queue *queue);

/* Take the next chain: 1; or 0 if there is none, or the queue is not running; -EPROTO. */
int queue_pop(struct queue *queue, struct queue_chain *ret_chain);

/* Give a chain back, `length` bytes of it written. Not seen before queue_publish(). */
void queue_push(struct queue *queue, const struct queue_chain *chain, uint32_t length);

/* Show the driver all that was pushed. Does it want an interrupt for that? */
bool queue_publish(struct queue *queue);

/* Advise the driver not to notify. Advice only: notifications may still come. */
void queue_quiet(struct queue *queue);

/*
 * Ask the driver to notify when it offers more. Returns whether it has offered more
 * already: those it may not have notified of, so pop them and listen again.
 */
bool queue_listen(struct queue *queue);

#endif
