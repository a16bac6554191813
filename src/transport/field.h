/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TRANSPORT_FIELD_H
#define VIOMMU_TRANSPORT_FIELD_H

#include <stddef.h>

#include "transport/virtio.h"

/*
 * Fields that the registers of every bus have: a row of registers.c or common.c names a function
 * to read the field and one to write it. virtio->lock is held.
 */

/* `argument` is the row's: a constant, the offset of a member, or which of several words. */
typedef uint32_t read_field(struct virtio *virtio, uint32_t argument);
typedef void write_field(struct virtio *virtio, uint32_t argument, uint32_t value);

/* A member of 32 bits at the offset `argument`. */
#define MEMBER(m) offsetof(struct virtio, m)
read_field field_read_member;
write_field field_write_member;

/* The argument of virtio_area() and virtio_set_area(), which are functions of rows. */
#define AREA_HALF(a, h) (2 * (a) + (h))

/* `argument`: the bits of the generation that the field has. */
read_field field_read_config_generation;

/* These have no argument. The reset of a queue is done at once, so its field reads as 0. */
read_field field_read_device_features, field_read_driver_features, field_read_status,
	field_read_queue_enabled;
write_field field_write_driver_features, field_write_queue_reset;

#endif
