/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "firmware.h"

/* The reader for guests, over each of the machine's buses. */

static uint32_t load(void *opaque, uint32_t offset, unsigned length)
{
	return (uint32_t)bus_config(opaque, offset, length);
}

static uint32_t features(void *opaque)
{
	bus_store(opaque, BUS_DEVICE_FEATURES_SELECT, 0);
	return bus_load(opaque, BUS_DEVICE_FEATURES);
}

static void set_status(void *opaque, uint8_t status)
{
	bus_store(opaque, BUS_STATUS, status);
}

int firmware_read(const struct firmware *firmware, struct viommu_builtin_item *items, unsigned room)
{
	struct bus bus = firmware->bus;
	struct viommu_builtin device = {
		.opaque = &bus, .load = load, .features = features, .set_status = set_status
	};
	int n;

	if (!bus_open(&bus))
		return -ENODEV;
	device.length = (uint32_t)bus_config_length(&bus);
	n = viommu_builtin_read(&device, firmware->form, items, room);
	if (n == VIOMMU_BUILTIN_NONE)
		return -ENOENT;
	return n < 0 ? -EPROTO : n;
}
