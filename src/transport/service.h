/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_SERVICE_H
#define VIOMMU_TRANSPORT_SERVICE_H

#include "transport/virtio.h"

/* The two ways in which a device uses the buffers of a queue. */

/* Returns how many bytes of the writable part were written. */
typedef size_t service_function(void *opaque, const struct queue_chain *chain);

/* Serve every available chain, in order. */
void service_requests(struct virtio *virtio, unsigned queue, service_function *serve, void *opaque);

/*
 * Write bytes into the next buffer, whether or not the driver has notified of it. -ENOBUFS: there
 * is none, or it is too short and was returned empty. Never calls the device; the device may call
 * it.
 */
int service_deliver(struct virtio *virtio, unsigned queue, const void *bytes, size_t length);

#endif
