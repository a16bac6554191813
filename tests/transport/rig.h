/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_TRANSPORT_RIG_H
#define TESTS_TRANSPORT_RIG_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>

#include <cmocka.h>

#include <viommu/mmio.h>

#include "guest.h"
#include "wire/layout.h"

/*
 * The IOMMU behind virtio-mmio with a guest in front of it, and the driver's steps
 *
 * A test is given a rig by rig_setup(): a window with one endpoint, and no driver yet.
 */
#define ENDPOINT 0x18
#define DOMAIN   7
#define IOVA     0x10000ull
#define PHYS     0x123000ull
#define R        VIOMMU_MAP_F_READ
#define W        VIOMMU_MAP_F_WRITE

/* Where the driver puts its rings, its requests and its event buffers. */
#define REQUESTS_AT (LOW_MEMORY + 0x40000)
#define REQUEST_MAX 128
#define EVENTS_AT   (HIGH_MEMORY + 0x40000)
#define EVENT_MAX   64

struct rig {
	struct guest guest;
	struct viommu_mmio *mmio;
	struct viommu *device;
	struct window window;
	struct ring *requests, *events;
	uint64_t next_request; /* where the next one is written */
	atomic_bool level;
	atomic_uint rises; /* of the level */
	uint64_t logged[VIOMMU_N_LOG_EVENTS];
	char last_log[128];
	unsigned traced; /* requests that were answered */

	/* Pieces that `memory` may find at once, 0: whole regions; and who wants to know of writes.
	 */
	uint64_t piece;
	size_t view; /* added to what `memory` finds: the same memory, mapped again */
	void (*written)(struct rig *rig, uint64_t address, uint64_t length);
};

/* For cmocka. */
int rig_setup(void **state);
int rig_setup_with(void **state, const struct viommu_mmio_config *config);
int rig_teardown(void **state);

/* What the VMM gives to a window, whose opaque is the rig: for another window of that machine. */
extern const struct viommu_mmio_ops rig_ops;

/* The guest's loads and stores to a window. */
struct window window_of(struct viommu_mmio *mmio);

/* The driver probes the device, with every feature that it offers but those of rings. */
void driver_start(struct rig *rig, const struct variant *variant);

/* Forget the rings, and nothing else. */
void driver_stop(struct rig *rig);

/* -- requests: put into the ring, and notified of together ------------------------------ */

/* A request of `length` bytes, with a tail behind it; returns its bytes. */
uint8_t *post(struct rig *rig, uint8_t type, uint32_t length);

void post_attach(struct rig *rig);
void post_map(struct rig *rig, uint64_t iova, uint64_t phys, uint32_t flags);
void post_unmap(struct rig *rig, uint64_t iova);
void kick(struct rig *rig);

/* The status of the next request that is done; -1: it came back unwritten. */
int status(struct rig *rig);

/* All that it takes for the endpoint to reach IOVA. */
void attach_and_map(struct rig *rig);

/* Where the endpoint comes, reading; or -EFAULT. */
int reach(struct rig *rig, uint64_t iova, uint64_t *ret_address);

/* -- the event queue --------------------------------------------------------------------- */

void add_event_buffer(struct rig *rig, uint64_t address, uint32_t length);

#endif
