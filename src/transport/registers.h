/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_REGISTERS_H
#define VIOMMU_TRANSPORT_REGISTERS_H

#include "transport/queue.h"

/*
 * A virtio-mmio register window, version 2, with its queues (virtio 1.3, 4.2). It knows nothing
 * of the device's purpose.
 *
 * Lock order:
 *
 *     registers.lock   the driver's setup. Held for every register access but QueueNotify, and
 *                      during accept, config_* and reset
 *     queue.lock       one each; held during serve (service.h)
 *     the device's     not ours. The caller of service_deliver() may hold it: so that function
 * takes only the lock of its queue, and the device must not be called with it held registers.signal
 * Status and InterruptStatus; held during interrupt
 *
 * The queue that is served and the queue that is delivered to must be different.
 */

#define VIRTIO_F_VERSION_1  (1ull << 32)
#define VIRTIO_F_RING_RESET (1ull << 40)

/* The usual length of a window, and the offset of configuration space. */
#define REGISTERS_LENGTH 0x200
#define REGISTERS_CONFIG 0x100

#define INTERRUPT_USED   (1u << 0)
#define INTERRUPT_CONFIG (1u << 1)
#define INTERRUPT_ALL    (INTERRUPT_USED | INTERRUPT_CONFIG)

/* Status. 2.1 */
#define STATUS_ACKNOWLEDGE (1u << 0)
#define STATUS_DRIVER      (1u << 1)
#define STATUS_DRIVER_OK   (1u << 2)
#define STATUS_FEATURES_OK (1u << 3)
#define STATUS_NEEDS_RESET (1u << 6)
#define STATUS_FAILED      (1u << 7)
#define STATUS_ALL \
	(STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | \
	 STATUS_NEEDS_RESET | STATUS_FAILED)

/* Calls to the device behind the window. All but `served` and `broken` are required. */
struct registers_ops {
	/* The driver has accepted these features, all of them offered. Negative: refuse. */
	int (*accept)(void *opaque, uint64_t features);

	void (*config_read)(void *opaque, uint64_t offset, void *bytes, size_t length);
	void (*config_write)(void *opaque, uint64_t offset, const void *bytes, size_t length);

	/* The driver wrote QueueNotify with a valid index. No lock is held. */
	void (*notify)(void *opaque, unsigned queue);

	/*
	 * Chains were served, and are shown to the driver when this returns. The queue is locked.
	 */
	void (*served)(void *opaque, unsigned queue);

	/* The driver has reset the device. The queues are stopped. */
	void (*reset)(void *opaque);

	void (*interrupt)(void *opaque, bool level);

	/* DEVICE_NEEDS_RESET was set: -EPROTO by the driver, -ENOMEM by the host. A queue may be
	 * locked. */
	void (*broken)(void *opaque, int error);
};

struct registers_config {
	const struct registers_ops *ops;
	void *opaque;
	uint32_t device, vendor;
	uint64_t features; /* to offer, besides the window's own */
	unsigned n_queues;
	uint16_t queue_size;
	uint64_t length; /* REGISTERS_LENGTH or more */
	struct guest_memory memory;
};

/* A queue, and the driver's setup of it. */
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
	bool unknown_features; /* the driver accepted features beyond 64 bits */
	uint32_t device_features_select, driver_features_select, queue_select;
	uint32_t config_generation;

	pthread_mutex_t signal;
	uint32_t status, interrupt_status;
};

int registers_init(struct registers *registers, const struct registers_config *config);
void registers_fini(struct registers *registers);

/* See viommu_mmio_read() and viommu_mmio_write(). */
uint64_t registers_read(struct registers *registers, uint64_t offset, unsigned length);
void registers_write(struct registers *registers, uint64_t offset, unsigned length, uint64_t value);

/* As if the driver had written 0 to Status. */
void registers_reset(struct registers *registers);

/* Guest memory has moved: find the rings of all running queues again. */
void registers_memory_changed(struct registers *registers);

/* -- for state.c --------------------------------------------------------------------- */

/* Can a driver have accepted these features, whatever the device offers? */
bool registers_can_have(const struct registers *registers);

/*
 * The only function that writes both. The interrupt line is high while InterruptStatus is not 0.
 * registers->signal is locked.
 */
void registers_signal(struct registers *registers, uint32_t status, uint32_t interrupt_status);

/* -- for service.c ------------------------------------------------------------------ */

struct queue *registers_queue(struct registers *registers, unsigned index);

/* DRIVER_OK is set and DEVICE_NEEDS_RESET is not. */
bool registers_running(struct registers *registers);

/* A used buffer notification. */
void registers_notify_used(struct registers *registers);

/* A queue has failed: set DEVICE_NEEDS_RESET and send a configuration change notification. */
void registers_break(struct registers *registers, int error);

#endif
