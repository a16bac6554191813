/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_REGISTERS_H
#define VIOMMU_TRANSPORT_REGISTERS_H

#include "transport/queue.h"

/*
 * A virtio-mmio register window, version 2, with its queues (virtio 1.3, "Virtio Over
 * MMIO"). It knows nothing of what the device is good for.
 *
 * Locks, in the order in which they may be taken:
 *
 *     registers.lock   what the driver sets up. Held for every register access but
 *                      QueueNotify, and over calls of accept, config_* and reset
 *     queue.lock       one each; held over calls of serve (service.h)
 *     the device's     not ours. May be held by a thread that comes with service_deliver(),
 *                      so that one takes the lock of its queue only, and nobody may hold
 *                      that one and call the device
 *     registers.signal Status and InterruptStatus; held over calls of interrupt
 *
 * The queue whose chains are served and the queue that is delivered to must be two.
 */

#define VIRTIO_F_VERSION_1  (1ull << 32)
#define VIRTIO_F_RING_RESET (1ull << 40)

/* Length of a usual window, and where configuration space begins in it. */
#define REGISTERS_LENGTH 0x200
#define REGISTERS_CONFIG 0x100

/* InterruptStatus */
#define INTERRUPT_USED   (1u << 0)
#define INTERRUPT_CONFIG (1u << 1)
#define INTERRUPT_ALL    (INTERRUPT_USED | INTERRUPT_CONFIG)

/* Status. "Device Status Field" */
#define STATUS_ACKNOWLEDGE (1u << 0)
#define STATUS_DRIVER      (1u << 1)
#define STATUS_DRIVER_OK   (1u << 2)
#define STATUS_FEATURES_OK (1u << 3)
#define STATUS_NEEDS_RESET (1u << 6)
#define STATUS_FAILED      (1u << 7)
#define STATUS_ALL \
	(STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | \
	 STATUS_NEEDS_RESET | STATUS_FAILED)

/* What the window needs of the device behind it. Every member but `served` and `broken` must be
 * given. */
struct registers_ops {
	/* The driver has chosen these features, all of which were offered. Negative: no. */
	int (*accept)(void *opaque, uint64_t features);

	void (*config_read)(void *opaque, uint64_t offset, void *bytes, size_t length);
	void (*config_write)(void *opaque, uint64_t offset, const void *bytes, size_t length);

	/* QueueNotify was written with the index of a queue. No lock is held. */
	void (*notify)(void *opaque, unsigned queue);

	/* Chains of a queue were served, and are shown to the driver when this returns. The
	 * queue is locked. May be NULL. */
	void (*served)(void *opaque, unsigned queue);

	/* The driver has reset the device. The queues have stopped. */
	void (*reset)(void *opaque);

	/* The level of the interrupt line changes. */
	void (*interrupt)(void *opaque, bool level);

	/* A queue broke, and DEVICE_NEEDS_RESET is set. A queue may be locked. May be NULL. */
	void (*broken)(void *opaque);
};

struct registers_config {
	const struct registers_ops *ops;
	void *opaque;
	uint32_t device, vendor;
	uint64_t features; /* to offer, besides those of this window */
	unsigned n_queues;
	uint16_t queue_size;
	uint64_t length; /* of the window, REGISTERS_LENGTH or more */
	struct guest_memory memory;
};

/* A queue, and what the driver has said of it. */
struct registers_queue {
	struct queue queue;
	struct queue_setup setup;
	uint32_t ready;
};

struct registers {
	struct registers_config config;

	pthread_mutex_t lock;
	struct registers_queue *queues;
	uint64_t driver_features;
	bool unknown_features; /* the driver accepted some that have no number here */
	uint32_t device_features_select, driver_features_select, queue_select;
	uint32_t config_generation;

	pthread_mutex_t signal;
	uint32_t status, interrupt_status;
};

/* -ENOMEM */
int registers_init(struct registers *registers, const struct registers_config *config);
void registers_fini(struct registers *registers);

/* A guest's load or store; see viommu_mmio_read(). */
uint64_t registers_read(struct registers *registers, uint64_t offset, unsigned length);
void registers_write(struct registers *registers, uint64_t offset, unsigned length, uint64_t value);

/* As if the driver had written 0 to Status. */
void registers_reset(struct registers *registers);

/* -- for who saves and loads the window ---------------------------------------------- */

/* Could the driver use the features that it has written, were there nobody behind the window? */
bool registers_can_have(const struct registers *registers);

/* The only writer of both: the line is high while InterruptStatus has a bit. With
 * registers->signal locked. */
void registers_signal(struct registers *registers, uint32_t status, uint32_t interrupt_status);

/* -- for who serves the queues ------------------------------------------------------ */

struct queue *registers_queue(struct registers *registers, unsigned index);

/* DRIVER_OK is set, and DEVICE_NEEDS_RESET is not: buffers may be used. */
bool registers_running(struct registers *registers);

/* A "used buffer notification". */
void registers_notify_used(struct registers *registers);

/* The device cannot go on: DEVICE_NEEDS_RESET, and a "configuration change notification". */
void registers_break(struct registers *registers);

#endif
