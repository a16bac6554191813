/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
#ifndef VIOMMU_BUILTIN_H
#define VIOMMU_BUILTIN_H

/*
 * For guests: the topology that a virtio-iommu has in its configuration space
 *
 * A machine with neither ACPI nor a device tree may describe the endpoints of an IOMMU in the
 * device itself (drafts of November 2019, February 2020 and August 2020; docs/tables.md). This
 * header and viommu_builtin.c read it: copy both into firmware or a kernel. They need no C library
 * and allocate nothing.
 *
 * The device decides the bytes, so each access is inside of configuration space, and the work is
 * bounded by the length of the array.
 */

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif

/* Bytes do not tell the form: the VMM's documentation does. */
enum viommu_builtin_form {
	VIOMMU_BUILTIN_V1,          /* the first draft: a list */
	VIOMMU_BUILTIN_V2,          /* the second: an array */
	VIOMMU_BUILTIN_V3,          /* the third: a sequence */
	VIOMMU_BUILTIN_V3_SEGMENTS, /* the third, as shipped */
	VIOMMU_BUILTIN_N_FORMS
};

/* A range of PCI functions, or a device at an address. */
struct viommu_builtin_item {
	bool pci;
	uint16_t segment_first, segment_last, bdf_first, bdf_last;
	uint64_t address; /* of the first register window */
	uint32_t id;      /* the first endpoint ID; those of a range are consecutive */
};

/* How to reach the device. Nobody else may use it meanwhile. */
struct viommu_builtin {
	void *opaque;
	/* Configuration space: 1, 2 or 4 bytes, aligned, little-endian; and how many bytes it has.
	 */
	uint32_t (*load)(void *opaque, uint32_t offset, unsigned int length);
	uint32_t length;
	/* Device features 0 to 31; the status register. */
	uint32_t (*features)(void *opaque);
	void (*set_status)(void *opaque, uint8_t status);
};

/* Beyond the number of items */
#define VIOMMU_BUILTIN_NONE    (-1) /* the device offers no topology */
#define VIOMMU_BUILTIN_INVALID (-2) /* the bytes are not a topology of that form */

/*
 * Read at most `room` items. The device is reset before and after. Returns their number, or one of
 * the two above.
 */
int viommu_builtin_read(const struct viommu_builtin *device, enum viommu_builtin_form form,
			struct viommu_builtin_item *items, unsigned int room);

/*
 * The endpoint ID of a PCI function, or of the device at an address, among `n` items. False: the
 * IOMMU does not translate it.
 */
bool viommu_builtin_function(const struct viommu_builtin_item *items, unsigned int n,
			     uint16_t segment, uint16_t bdf, uint32_t *ret_id);
bool viommu_builtin_device(const struct viommu_builtin_item *items, unsigned int n,
			   uint64_t address, uint32_t *ret_id);

#endif
