/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_SERVICE_H
#define VIOMMU_TRANSPORT_SERVICE_H

#include "transport/registers.h"

/* The two ways in which a device uses the buffers of a queue. */

/* Use a chain: returns how many bytes of its writable part were written. */
typedef size_t service_function(void *opaque, const struct queue_chain *chain);

/* The driver has notified: serve every chain that it has made available, in order. */
void service_requests(struct registers *registers, unsigned queue, service_function *serve,
		      void *opaque);

/*
 * Write bytes into the next buffer of a queue, whether the driver has notified of it or
 * not. -ENOBUFS if there is none, or it is too short; that one goes back empty. Never
 * calls the device, and may be called by it.
 */
int service_deliver(struct registers *registers, unsigned queue, const void *bytes, size_t length);

#endif
