/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_SERVICE_H
#define VIOMMU_TRANSPORT_SERVICE_H

#include "transport/virtio.h"

/* The two ways in which a device uses the buffers of a queue. */

/* The result of `serve` for later. */
#define SERVICE_LATER SIZE_MAX

/* How a device serves requests. The queue is locked. All but `serve` may be NULL. */
struct service {
	/*
	 * Returns how many bytes of the writable part were written; or SERVICE_LATER, and
	 * service_answer() is called with `held`, not before `served` is. NULL: no memory for that.
	 */
	size_t (*serve)(void *opaque, const struct queue_chain *chain, struct held_chain *held);

	/* Before each chain: nanoseconds for which it and later ones wait, or 0. */
	uint64_t (*pause)(void *opaque);

	/* What `served` has left is to be continued, whether or not there is a chain. Required if
	 * it leaves anything. */
	void (*resume)(void *opaque);

	/* No more chains are served now; they are shown to the driver when this returns:
	 * nanoseconds after which they are to be served again, whether or not there are more; 0:
	 * nothing is left. */
	uint64_t (*served)(void *opaque);
};

/*
 * Serve available chains in order. Returns 0 if all were, or the nanoseconds of `pause` or
 * `served`. The driver does not notify of those that are left.
 */
uint64_t service_requests(struct virtio *virtio, unsigned queue, const struct service *service,
			  void *opaque);

/* The result of service_poll(): the driver notifies of the next chain. */
#define SERVICE_SLEEP UINT64_MAX

/*
 * Serve available chains in order, without notifications of the driver until none has come for
 * `poll_ns`. Returns SERVICE_SLEEP, or the nanoseconds after which the caller must call it again.
 */
uint64_t service_poll(struct virtio *virtio, unsigned queue, const struct service *service,
		      void *opaque, uint64_t poll_ns);

/*
 * Answer a chain for which `serve` has returned SERVICE_LATER: with `length` bytes of its first
 * HELD_PIECES; 0: a reset of the device has dropped it. By any thread, which does not hold the
 * device's lock.
 */
void service_answer(struct virtio *virtio, unsigned queue, struct held_chain *held, size_t length);

/*
 * Something is left to continue, as if `served` had said so: the next service calls `resume`. By
 * any thread, which does not hold the device's lock.
 */
void service_leave(struct virtio *virtio, unsigned queue);

/*
 * Write bytes into the next buffer, whether or not the driver has notified of it. -ENOBUFS: there
 * is none, or it is too short and was returned empty. Never calls the device; the device may call
 * it.
 */
int service_deliver(struct virtio *virtio, unsigned queue, const void *bytes, size_t length);

#endif
