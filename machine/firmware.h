/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MACHINE_FIRMWARE_H
#define VIOMMU_MACHINE_FIRMWARE_H

#include "function.h"

/*
 * A guest's firmware that looks for a built-in topology
 *
 * It does what drafts of 2019 and 2020 asked of it, on each of the ways that they had to
 * configuration space: the device is told of a driver, asked for the feature, read, and reset.
 * The items are written down from the drafts and not with libviommu-tables, so that either shows
 * what is wrong with the other. One thread uses a device at that time.
 */

enum firmware_way {
	FIRMWARE_MMIO,   /* the machine's register window */
	FIRMWARE_BAR,    /* a PCI function: its BAR, mapped */
	FIRMWARE_WINDOW, /* a PCI function: nothing is mapped yet */
	FIRMWARE_N_WAYS
};

enum firmware_form {
	FIRMWARE_LIST,     /* the first draft */
	FIRMWARE_ARRAY,    /* the second */
	FIRMWARE_SEQUENCE, /* the third */
	FIRMWARE_SEGMENTS, /* the third as it was shipped */
	FIRMWARE_N_FORMS
};

/* What an item says: some PCI functions, or one device at an address. */
struct firmware_item {
	bool pci;
	uint16_t segment_first, segment_last, bdf_first, bdf_last;
	uint64_t address;
	uint32_t id; /* the first endpoint ID */
};

struct firmware {
	struct machine *machine;
	struct function *function; /* for the two ways of PCI */
	enum firmware_way way;
	enum firmware_form form;
};

/*
 * Read at most `room` items. Returns how many; -ENODEV if there is no such device, -ENOENT if it
 * does not offer a topology, -EPROTO if what is there cannot be one of that form.
 */
int firmware_read(const struct firmware *firmware, struct firmware_item *items, unsigned room);

#endif
