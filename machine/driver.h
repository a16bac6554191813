/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_DRIVER_H
#define VIOMMU_MACHINE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine.h"

/*
 * A guest driver for the machine's IOMMU
 *
 * It uses only what a guest can: registers, configuration space, and two rings in guest memory. One
 * thread uses a driver.
 */

struct driver;

struct driver_options {
	uint64_t features; /* VIOMMU_F_* to accept of those offered; 0: all */
	bool packed, indirect, event_index;
};

/*
 * Find the device, negotiate features, set up the queues, and provide event buffers. Returns 0;
 * -ENODEV if there is no device that the driver supports; -ENOMEM.
 */
int driver_start(struct machine *machine, const struct driver_options *options,
		 struct driver **ret_driver);

/* Reset the device and free the driver. Accepts NULL. Returns NULL. */
struct driver *driver_stop(struct driver *driver);

/* The accepted features, with those of the transport. */
uint64_t driver_features(const struct driver *driver);

/* Access configuration space. `length` is 1, 2, 4 or 8. */
uint64_t driver_config(struct driver *driver, uint64_t offset, unsigned length);

/* Send a request and copy at most `room` bytes of its answer. Returns the used length; -EIO if the
 * device does not answer or violates the ring's rules. */
int driver_request(struct driver *driver, const void *request, size_t length, void *answer,
		   size_t room);

/* Requests. Each returns the status, or -EIO without an answer. */
int driver_attach(struct driver *driver, uint32_t domain, uint32_t endpoint, uint32_t flags);
int driver_detach(struct driver *driver, uint32_t domain, uint32_t endpoint);
int driver_map(struct driver *driver, const struct viommu_mapping *mapping);
int driver_unmap(struct driver *driver, uint32_t domain, uint64_t first, uint64_t last);

/* PROBE; `properties` has room for probe_size of configuration space. */
int driver_probe(struct driver *driver, uint32_t endpoint, void *properties);

/* Take the next fault from the event queue. Returns false if there is none. */
bool driver_fault(struct driver *driver, struct viommu_fault *ret_fault);

#endif
