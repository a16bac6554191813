/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_FIRMWARE_H
#define VIOMMU_MACHINE_FIRMWARE_H

#include "bus.h"

/*
 * Guest firmware that reads a built-in topology
 *
 * It follows the drafts of 2019 and 2020 on each of their transports: announce a driver, check the
 * feature, read, and reset. Items are decoded by the drafts, not by libviommu-tables, so that each
 * implementation tests the other. Only one thread may use the device meanwhile.
 */

enum firmware_form {
	FIRMWARE_LIST,     /* the first draft */
	FIRMWARE_ARRAY,    /* the second */
	FIRMWARE_SEQUENCE, /* the third */
	FIRMWARE_SEGMENTS, /* the third, as shipped */
	FIRMWARE_N_FORMS
};

/* An item: a range of PCI functions, or a device at an address. */
struct firmware_item {
	bool pci;
	uint16_t segment_first, segment_last, bdf_first, bdf_last;
	uint64_t address;
	uint32_t id; /* the first endpoint ID */
};

struct firmware {
	struct bus bus;
	enum firmware_form form;
};

/*
 * Read at most `room` items. Returns their number; -ENODEV without such a device, -ENOENT if it
 * offers no topology, -EPROTO if the bytes are not a topology of that form.
 */
int firmware_read(const struct firmware *firmware, struct firmware_item *items, unsigned room);

#endif
