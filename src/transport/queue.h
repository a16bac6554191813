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
 * The guest owns the ring and is not trusted. An error in a ring makes the queue broken: -EPROTO
 * until it is started again.
 *
 *     queue_start               the driver has set QueueReady
 *       queue_pop               the next chain of buffers
 *       queue_push              return it ...
 *       queue_publish           ... and show it to the driver, with all pushed before
 *     queue_stop                reset
 *
 * From pop to publish the device holds the chain. A correct driver cannot offer more chains than
 * the queue has entries in that time. So popping until the queue is empty, and publishing then,
 * is bounded work. A chain that is answered later is kept by queue_hold(), and others may be pushed
 * before it.
 *
 * All but init, fini, lock and unlock need the queue locked.
 */

/* Features of the ring, as masks. Clause 6. */
#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX     (1ull << 29)
#define VIRTIO_F_RING_PACKED   (1ull << 34)
#define QUEUE_FEATURES         (VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX | VIRTIO_F_RING_PACKED)

/* Bounds the work and the memory for one chain. */
#define MAX_QUEUE_SIZE 1024

/* Lookup of guest-physical addresses: see viommu_mmio_ops.memory and .written. */
struct guest_memory {
	void *(*find)(void *opaque, uint64_t address, uint64_t *length, bool write);
	void *opaque;
	void (*written)(void *opaque, uint64_t address, uint64_t length); /* may be NULL */
};

enum { DESCRIPTOR_AREA, DRIVER_AREA, DEVICE_AREA, QUEUE_N_AREAS };

/* What a driver configures before it sets QueueReady. */
struct queue_setup {
	uint32_t size;
	uint64_t area[QUEUE_N_AREAS]; /* guest-physical */
};

/* A chain of buffers. The pieces are valid until the next queue_pop(). */
struct queue_chain {
	const struct iovec *readable, *writable;
	size_t n_readable, n_writable;
	const uint64_t *addresses; /* guest-physical, of each writable piece */
	uint64_t length;           /* bytes of all buffers */
	uint16_t n_elements;       /* its buffers */
	uint16_t n_entries;        /* its ring entries */
	uint16_t id;               /* the driver's identifier of the chain */
};

/* A chain that is answered later, with the beginning of its writable part. */
#define HELD_PIECES 4
struct held_chain {
	struct held_chain *next, **at; /* in the queue's list; the pointer to it there */
	struct queue_chain chain;
	struct iovec writable[HELD_PIECES];
	uint64_t addresses[HELD_PIECES];
};

struct ring_format;

struct queue {
	pthread_mutex_t lock; /* recursive: an answer may come while a thread serves */
	const struct guest_memory *memory;
	struct iovec *pieces; /* of the last chain popped */
	uint64_t *addresses;  /* guest-physical address of each piece */
	size_t max_pieces;
	uint16_t size_max;

	/* From queue_start() to queue_stop(). NULL: the queue is stopped. */
	const struct ring_format *format;
	uint8_t *area[QUEUE_N_AREAS];
	uint64_t address[QUEUE_N_AREAS];
	uint16_t size;
	bool indirect, event_index; /* features accepted */
	bool broken;

	/*
	 * Positions, modulo `modulus`, a multiple of the size. The ring entry is the position
	 * modulo the size.
	 */
	uint32_t modulus;
	uint32_t next;      /* of the next chain */
	uint32_t used;      /* of the next used element */
	uint32_t published; /* the driver was shown used elements up to here */
	uint16_t withheld;  /* packed: flags that publish the first of them */

	struct held_chain *held;
	struct held_chain *spare; /* for the next one that is held, or NULL */
	pthread_cond_t released;  /* one was taken out of `held` */
	bool is_served;           /* pushed chains will be published */
	bool is_left;             /* a request is not finished: the device is to be served again */
	bool is_polled;           /* a thread looks for chains: the driver need not notify */
	uint64_t polled_ns;       /* when it found the last one */
};

/* Make a stopped queue. `size_max` is at most MAX_QUEUE_SIZE. -ENOMEM */
int queue_init(struct queue *queue, uint16_t size_max, const struct guest_memory *memory);
void queue_fini(struct queue *queue);

void queue_lock(struct queue *queue);
void queue_unlock(struct queue *queue);

/*
 * Find the ring and run. -EINVAL: the size is 0, too large, or (split rings) not a power of two,
 * or an area is not aligned. -EFAULT: an area is not memory, or not contiguous for the VMM. The
 * queue is stopped then.
 */
int queue_start(struct queue *queue, const struct queue_setup *setup, uint64_t features);

/* Find the ring of a running queue again. Errors as of queue_start(); the queue is stopped then. */
int queue_find_again(struct queue *queue);

/* The position, which saved state needs and the ring does not have, while no chain is held. */
struct queue_progress {
	uint32_t position;
	bool broken;
};

struct queue_progress queue_progress(const struct queue *queue);

/* Continue at a saved position, right after queue_start(). -EINVAL: not a position of this ring. */
int queue_resume(struct queue *queue, struct queue_progress progress);

/* Stop. Chains that were not published are dropped. */
void queue_stop(struct queue *queue);

/* Is there a chain to take? */
bool queue_has_chain(struct queue *queue);

/* Is there nothing to take, and no error to find? */
bool queue_is_idle(struct queue *queue);

/* Take the next chain. Returns 1; 0 if there is none, or the queue is stopped; -EPROTO, -ENOMEM. */
int queue_pop(struct queue *queue, struct queue_chain *ret_chain);

/* Return a chain with `length` bytes written. The driver sees it after queue_publish(). */
void queue_push(struct queue *queue, const struct queue_chain *chain, uint32_t length);

/* Memory for queue_hold(), or NULL. */
struct held_chain *queue_reserve(struct queue *queue);

/*
 * Keep a chain in what queue_reserve() has returned. It is pushed later, with a length of at most
 * HELD_PIECES, and released; or only released.
 */
void queue_hold(struct queue *queue, const struct queue_chain *chain);
void queue_release(struct queue *queue, struct held_chain *held);

/* Unlock, until a chain was released. */
void queue_wait(struct queue *queue);

/* Publish all pushed chains. Returns whether the driver wants an interrupt. */
bool queue_publish(struct queue *queue);

/* Disable notifications of the driver, which may send them nevertheless. */
void queue_disable_notifications(struct queue *queue);

/*
 * Enable notifications of new chains. Returns whether there are chains already, for which the
 * driver may not notify: pop them and call this again.
 */
bool queue_listen(struct queue *queue);

#endif
