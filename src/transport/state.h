/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_STATE_H
#define VIOMMU_TRANSPORT_STATE_H

#include "transport/virtio.h"
#include "wire/stream.h"

/*
 * The driver's setup of a device, for saved state (docs/state.md)
 *
 * The VMM saves the rings with guest memory. Only the device knows its position in them.
 */

struct virtio_state {
	uint64_t driver_features;
	uint32_t unknown_features;
	uint32_t device_features_select, driver_features_select, queue_select;
	uint32_t config_generation;
	uint32_t status, interrupt_status, reserved;
};

struct queue_state {
	uint64_t descriptor_area, driver_area, device_area;
	uint32_t size, ready, position, broken;
};

/* Their types are those of chunks. */
extern const struct layout virtio_state_layout, queue_state_layout;

/* `ret_queues` has room for each queue. The guest is stopped. */
void virtio_save(struct virtio *virtio, struct virtio_state *ret_state,
		 struct queue_state *ret_queues);

/*
 * Set up a device that was just reset, without running it yet. On failure it must be reset again,
 * and the stream has the reason.
 *
 * -EINVAL: no driver can reach that state. -EBUSY: this device does not offer, or have room for,
 * what the driver used.
 */
int virtio_load(struct virtio *virtio, const struct stream *stream,
		const struct virtio_state *state, const struct queue_state *queues);

/* Run: Status, and with it the interrupt line. */
void virtio_resume(struct virtio *virtio, const struct virtio_state *state);

#endif
