/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include "bare.h"

/*
 * What firmware says of the IOMMU and of the devices behind it: a VIOT (ACPI 6.5, 5.2.34), or a
 * device tree with iommu-map and iommus
 *
 * Of several virtio-iommus it is the first one.
 */

struct place {
	enum { PLACE_SCAN, PLACE_PCI, PLACE_MMIO } kind;
	uint16_t bdf;
	uint64_t registers; /* of virtio-mmio */
};

/* What describes the IOMMU, "VIOT" or "device tree"; NULL: nothing does. */
const char *firmware_iommu(struct place *ret_place);

/* The ID of the endpoint there. False: firmware describes none. */
bool firmware_endpoint(const struct place *place, uint32_t *ret_id);

/* The n-th window of virtio-mmio, with a device or without. */
bool firmware_window(unsigned n, uint64_t *ret_registers);

#endif
