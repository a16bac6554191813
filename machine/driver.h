/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_DRIVER_H
#define VIOMMU_MACHINE_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine.h"

/*
 * A guest's driver for the machine's IOMMU
 *
 * It knows of the device what a guest can know: registers, configuration space, two rings.
 * Everything it says goes through guest memory, as bytes. One thread uses a driver.
 */

struct driver;

struct driver_options {
	uint64_t features; /* VIOMMU_F_* to accept of those offered; 0: all */
	bool packed, indirect, event_index;
};

/*
 * Find the device, negotiate, set up the queues, give the event queue its buffers.
 * 0; -ENODEV: not there, or not one that the driver can use; -ENOMEM.
 */
int driver_start(struct machine *machine, const struct driver_options *options,
		 struct driver **ret_driver);

/* Reset the device and be gone; NULL is fine. Returns NULL. */
struct driver *driver_stop(struct driver *driver);

/* The features that were accepted, the transport's among them. */
uint64_t driver_features(const struct driver *driver);

/* Read or write an integer of configuration space. `length` is 1, 2, 4 or 8. */
uint64_t driver_config(struct driver *driver, uint64_t offset, unsigned length);
void driver_set_config(struct driver *driver, uint64_t offset, unsigned length, uint64_t value);

/*
 * Send a request and wait for its answer, of which at most `room` bytes are copied to
 * `answer`. Returns the used length; -EIO if the device did not answer, or broke the ring.
 */
int driver_request(struct driver *driver, const void *request, size_t length, void *answer,
		   size_t room);

/* The requests. Each returns the status, or -EIO if there was none. */
int driver_attach(struct driver *driver, uint32_t domain, uint32_t endpoint, uint32_t flags);
int driver_detach(struct driver *driver, uint32_t domain, uint32_t endpoint);
int driver_map(struct driver *driver, const struct viommu_mapping *mapping);
int driver_unmap(struct driver *driver, uint32_t domain, uint64_t first, uint64_t last);

/* PROBE: `probe_size` bytes of properties, as configuration space says. */
int driver_probe(struct driver *driver, uint32_t endpoint, void *properties);

/* Take the next fault from the event queue. False if there is none. */
bool driver_fault(struct driver *driver, struct viommu_fault *ret_fault);

#endif
