/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_STATE_H
#define VIOMMU_TRANSPORT_STATE_H

#include "transport/registers.h"
#include "wire/stream.h"

/*
 * What a driver has made of a window, to be saved and loaded (docs/state.md)
 *
 * The rings themselves are guest memory, which the VMM saves; of a ring the device alone knows
 * where it stands.
 */

struct registers_state {
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

/* As they stand in a stream; their types are those of chunks. */
extern const struct layout registers_state_layout, queue_state_layout;

/* `ret_queues` has one for each queue. The guest is not running, so nothing is half done. */
void registers_save(struct registers *registers, struct registers_state *ret_state,
		    struct queue_state *ret_queues);

/*
 * Set the window up like that, but do not let it run yet; it was reset just before. On failure it
 * is to be reset again, and why was said to the stream that it came from.
 *
 * -EINVAL   no driver can have brought that about
 * -EBUSY    this window does not offer, or have room for, what the driver was using
 */
int registers_load(struct registers *registers, const struct stream *stream,
		   const struct registers_state *state, const struct queue_state *queues);

/* Go on from there: Status, and with it the interrupt line. */
void registers_resume(struct registers *registers, const struct registers_state *state);

#endif
