/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_FIRMWARE_H
#define VIOMMU_MACHINE_FIRMWARE_H

#include "bus.h"
#include "guest/viommu_builtin.h"

/*
 * Guest firmware that reads a built-in topology
 *
 * It uses the reader for guests (guest/), which decodes items by the drafts and not by
 * libviommu-tables, so that each implementation tests the other. Only one thread may use the device
 * meanwhile.
 */
struct firmware {
	struct bus bus;
	enum viommu_builtin_form form;
};

/*
 * Read at most `room` items. Returns their number; -ENODEV without such a device, -ENOENT if it
 * offers no topology, -EPROTO if the bytes are not a topology of that form.
 */
int firmware_read(const struct firmware *firmware, struct viommu_builtin_item *items,
		  unsigned room);

#endif
