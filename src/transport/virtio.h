/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_VIRTIO_H
#define VIOMMU_TRANSPORT_VIRTIO_H

#include "transport/queue.h"

/*
 * A virtio device on any bus: status, features, queues and notifications (virtio 1.4, 2 and 3)
 *
 * The registers of a bus, registers.h for virtio-mmio and function.h for PCI, are rows that call
 * these functions. They do not depend on the type of the device.
 *
 * Lock order:
 *
 *     virtio.lock     the driver's setup. Held for every register access but notifications, and
 *                     during accept, config_* and reset
 *     queue.lock      one each; held during serve (service.h)
 *     the device's    not ours. The caller of service_deliver() may hold it: so that function takes
 *                     only the lock of its queue, and the device must not be called with it held
 *     virtio.signal   status and pending events; held during interrupt and message
 *
 * The queue that is served and the queue that is delivered to must be different.
 */

#define VIRTIO_F_VERSION_1  (1ull << 32)
#define VIRTIO_F_RING_RESET (1ull << 40)
#define VIRTIO_F_SUSPEND    (1ull << 43)

/* Pending events: ISR status, InterruptStatus. */
#define INTERRUPT_USED   (1u << 0)
#define INTERRUPT_CONFIG (1u << 1)
#define INTERRUPT_ALL    (INTERRUPT_USED | INTERRUPT_CONFIG)

/* Device status. 2.1 */
#define STATUS_ACKNOWLEDGE (1u << 0)
#define STATUS_DRIVER      (1u << 1)
#define STATUS_DRIVER_OK   (1u << 2)
#define STATUS_FEATURES_OK (1u << 3)
#define STATUS_SUSPEND     (1u << 4)
#define STATUS_NEEDS_RESET (1u << 6)
#define STATUS_FAILED      (1u << 7)
#define STATUS_ALL \
	(STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK | STATUS_FEATURES_OK | \
	 STATUS_SUSPEND | STATUS_NEEDS_RESET | STATUS_FAILED)

/* Calls to the device behind the bus. All but `flush` and `broken` are required. */
struct virtio_ops {
	/* The driver has accepted these features, all of them offered. Negative: refuse. */
	int (*accept)(void *opaque, uint64_t features);

	void (*config_read)(void *opaque, uint64_t offset, void *bytes, size_t length);
	void (*config_write)(void *opaque, uint64_t offset, const void *bytes, size_t length);

	/* There may be new chains in this queue. No lock is held. */
	void (*notify)(void *opaque, unsigned queue);

	/* Answer without delay all chains that are answered later. A queue is locked. */
	void (*flush)(void *opaque);

	/* The driver has reset the device. No chain is being served; those that are answered later
	 * are dropped. False: it is not done, and `continue_reset` is called. */
	bool (*reset)(void *opaque);

	/* Do more of a reset. Is it done now? */
	bool (*continue_reset)(void *opaque);

	/* Call virtio_continue_reset() soon. No lock is held. */
	void (*left)(void *opaque);

	/* The level of the interrupt line has changed. */
	void (*interrupt)(void *opaque, bool level);

	/* DEVICE_NEEDS_RESET was set: -EPROTO by the driver, -ENOMEM by the host. A queue may be
	 * locked. */
	void (*broken)(void *opaque, int error);
};

/* The source of a notification: the device's configuration, or a queue. */
#define EVENT_CONFIG   0u
#define EVENT_QUEUE(i) (1u + (i))

/* Calls to a bus with interrupts by message. Without: NULL, for a line only. */
struct virtio_bus_ops {
	/* Notify the driver by message. virtio->signal is locked. */
	void (*message)(void *bus, unsigned event);

	/* The driver has reset the device. virtio->signal is locked. */
	void (*reset)(void *bus);
};

struct virtio_config {
	const struct virtio_ops *ops;
	void *opaque;
	const struct virtio_bus_ops *bus_ops;
	void *bus;
	uint32_t device, vendor;
	uint64_t features; /* to offer, besides the transport's own */
	unsigned n_queues;
	uint16_t queue_size;
	uint64_t config_length; /* bytes of configuration space that the driver can reach */
	struct guest_memory memory;
};

/* A queue, and the driver's setup of it. */
struct virtio_queue {
	struct queue queue;
	struct queue_setup setup;
	uint32_t ready;
};

struct virtio {
	struct virtio_config config;

	pthread_mutex_t lock;
	struct virtio_queue *queues;
	uint64_t driver_features;
	bool unknown_features; /* the driver accepted features beyond 64 bits */
	uint32_t device_features_select, driver_features_select, queue_select;
	uint32_t config_generation;
	bool config_changed; /* since the driver has read a byte of it */

	pthread_mutex_t signal;
	uint32_t status, interrupt_status;
	bool suspending;  /* no more chains are taken */
	bool by_message;  /* events are messages, and the line is low */
	bool line_masked; /* the line is low */
	bool detached;    /* the device must not access guest memory */
	bool resetting;   /* the device has not done all of a reset */
	bool level;       /* of the line */
};

/* `config` is copied. -ENOMEM */
int virtio_init(struct virtio *virtio, const struct virtio_config *config);
void virtio_fini(struct virtio *virtio);

/* Returns whether the reset is done. Until it is, the status is another one than 0. */
bool virtio_reset(struct virtio *virtio);

/* The driver has written 0 to its status. */
void virtio_reset_by_driver(struct virtio *virtio);

/* Do more of a reset. Returns whether it is done. */
bool virtio_continue_reset(struct virtio *virtio);

/* The device has done all of a reset. */
void virtio_end_reset(struct virtio *virtio);

/* Reset registers and queues only: `ops->reset` is not called. */
void virtio_reset_transport(struct virtio *virtio);

/* Guest memory has moved: find the rings of all running queues again. */
void virtio_memory_changed(struct virtio *virtio);

/* The driver's notification of a queue, which need not exist. Takes no lock. */
void virtio_notify(struct virtio *virtio, uint32_t queue);

/* Notify of every queue: chains may have been added while the device did not look. */
void virtio_notify_all(struct virtio *virtio);

/* -- fields of the registers: virtio->lock is held -------------------------------------- */

/* Features by words of 32 bits. There are two; any other reads as 0. */
uint32_t virtio_device_features(const struct virtio *virtio);
uint32_t virtio_driver_features(const struct virtio *virtio);
void virtio_accept_features(struct virtio *virtio, uint32_t value);

/* The selected queue, or NULL; and if it may be changed: NULL while it is ready. */
struct virtio_queue *virtio_selected(struct virtio *virtio);
struct virtio_queue *virtio_selected_idle(struct virtio *virtio);

/* `half` counts the low and high words of the three areas. */
void virtio_set_area(struct virtio *virtio, uint32_t half, uint32_t value);
uint32_t virtio_area(struct virtio *virtio, uint32_t half);

/* Start or stop the selected queue. Before FEATURES_OK the format of its ring is unknown. */
void virtio_enable_queue(struct virtio *virtio, bool on);

/* Reset the selected queue if VIRTIO_F_RING_RESET was accepted. */
void virtio_reset_queue(struct virtio *virtio);

uint32_t virtio_status(struct virtio *virtio);

/* The same for the driver: not 0 while a reset is not done. */
uint32_t virtio_shown_status(struct virtio *virtio);

/* A write of any value but 0, which is virtio_reset_by_driver(). Returns whether the device runs
 * again: the caller unlocks, and then calls virtio_notify_all(). */
bool virtio_set_status(struct virtio *virtio, uint32_t value);

/*
 * May the device access guest memory? While it must not, no queue is served. Returns whether it may
 * again: the caller unlocks, and then calls virtio_notify_all().
 */
bool virtio_set_attached(struct virtio *virtio, bool attached);

/* Configuration space: 1, 2, 4 or 8 bytes at any offset; a number of the host. */
bool virtio_is_config(const struct virtio *virtio, uint64_t offset, unsigned length);
uint64_t virtio_config_read(struct virtio *virtio, uint64_t offset, unsigned length);
void virtio_config_write(struct virtio *virtio, uint64_t offset, unsigned length, uint64_t value);

/* A value that is different when configuration space may have changed between two reads of it. */
uint32_t virtio_config_generation(const struct virtio *virtio);

/* -- events ------------------------------------------------------------------------------ */

/* The pending events; and the same, acknowledged by a read. */
uint32_t virtio_interrupt_status(struct virtio *virtio);
uint32_t virtio_take_interrupt_status(struct virtio *virtio);
void virtio_acknowledge(struct virtio *virtio, uint32_t events);

/*
 * Set status and interrupt_status, which no other function writes. The line is high while an event
 * is pending, unless by_message or line_masked is set. virtio->signal is locked.
 */
void virtio_signal(struct virtio *virtio, uint32_t status, uint32_t interrupt_status);

/* -- for state.c --------------------------------------------------------------------- */

/* Can a driver have accepted these features, whatever the device offers? */
bool virtio_can_have(const struct virtio *virtio);

/* -- for service.c ------------------------------------------------------------------ */

struct queue *virtio_queue(struct virtio *virtio, unsigned index);

/* Wait until all chains of a locked queue are answered, so that its memory is not in use. */
void virtio_drain(struct virtio *virtio, struct queue *queue);

/* DRIVER_OK is set, DEVICE_NEEDS_RESET is not, and the device is neither suspended nor detached. */
bool virtio_running(struct virtio *virtio);

/* A used buffer notification. */
void virtio_notify_used(struct virtio *virtio, unsigned queue);

/* A queue has failed: set DEVICE_NEEDS_RESET and send a configuration change notification. */
void virtio_break(struct virtio *virtio, int error);

#endif
