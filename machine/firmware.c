/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "firmware.h"

/*
 * The drafts of the series "virtio-iommu: built-in topology"
 *
 * Reading stops at the end of configuration space or when the caller's array is full, so a cyclic
 * list ends too.
 */

enum { ACKNOWLEDGE = 1, DRIVER = 2 };

/* Fields of configuration space. */
struct field {
	uint32_t offset, length;
};

static uint32_t load(const struct firmware *firmware, uint64_t at, unsigned length)
{
	return (uint32_t)bus_config(&firmware->bus, at, length);
}

static uint64_t load_address(const struct firmware *firmware, uint64_t at)
{
	return bus_config(&firmware->bus, at, 8);
}

/* -- items ---------------------------------------------------------------------------------- */

#define ITEM_LENGTH 16

static struct firmware_item read_device(const struct firmware *firmware, uint64_t at)
{
	return (struct firmware_item){
		.id = load(firmware, at + 4, 4),
		.address = load_address(firmware, at + 8),
	};
}

/* Segment, first and last function, 2 bytes each. */
static struct firmware_item read_range(const struct firmware *firmware, uint64_t id_at, uint64_t at)
{
	bool segments = firmware->form == FIRMWARE_SEGMENTS;
	uint16_t segment = (uint16_t)load(firmware, at, 2);
	uint64_t functions = segments ? at + 4 : at + 2;

	return (struct firmware_item){
		.pci = true,
		.segment_first = segment,
		.segment_last = segments ? (uint16_t)load(firmware, at + 2, 2) : segment,
		.bdf_first = (uint16_t)load(firmware, functions, 2),
		.bdf_last = (uint16_t)load(firmware, functions + 2, 2),
		.id = load(firmware, id_at, 4),
	};
}

/* The differences between forms: heads, types, and how to find the next item. */
static const struct {
	struct field offset, count; /* no length: there is none */
	uint8_t type_length, range, device;
	uint8_t id_at, segment_at; /* in a range */
} forms[FIRMWARE_N_FORMS] = {
	[FIRMWARE_LIST] = { { 36, 2 }, { 0, 0 }, 2, 0, 1, 4, 8 },
	[FIRMWARE_ARRAY] = { { 36, 4 }, { 40, 4 }, 2, 1, 2, 8, 2 },
	[FIRMWARE_SEQUENCE] = { { 38, 2 }, { 36, 2 }, 1, 1, 2, 4, 8 },
	[FIRMWARE_SEGMENTS] = { { 38, 2 }, { 36, 2 }, 1, 1, 2, 4, 8 },
};

#define STRIDE_AT 44

/* Offset of the next item; 0 after the last item of a list. */
static uint64_t next_item(const struct firmware *firmware, uint64_t at)
{
	if (firmware->form == FIRMWARE_LIST)
		return load(firmware, at + 2, 2);
	if (firmware->form == FIRMWARE_ARRAY)
		return at + load(firmware, STRIDE_AT, 4);
	return at + load(firmware, at + 2, 2);
}

/* An item of unknown type is skipped, as the third draft requires, but counts as an item. */
static int read_items(const struct firmware *firmware, struct firmware_item *items, unsigned room)
{
	const struct field offset = forms[firmware->form].offset;
	const struct field count = forms[firmware->form].count;
	uint64_t end = bus_config_length(&firmware->bus),
		 at = load(firmware, offset.offset, offset.length);
	uint32_t left = count.length ? load(firmware, count.offset, count.length) : room;
	unsigned n = 0;

	for (; n < room && left && at; left--, at = next_item(firmware, at)) {
		uint32_t type;

		if (at > end || end - at < ITEM_LENGTH)
			return -EPROTO;
		type = load(firmware, at, forms[firmware->form].type_length);
		if (type == forms[firmware->form].range)
			items[n++] = read_range(firmware, at + forms[firmware->form].id_at,
						at + forms[firmware->form].segment_at);
		else if (type == forms[firmware->form].device)
			items[n++] = read_device(firmware, at);
	}
	return (int)n;
}

/* -- the file ------------------------------------------------------------------ */

/* Reset before, in case the device was used, and after, for the driver. */
int firmware_read(const struct firmware *firmware, struct firmware_item *items, unsigned room)
{
	int n = -ENOENT;

	if (!bus_open(&firmware->bus))
		return -ENODEV;
	bus_store(&firmware->bus, BUS_STATUS, 0);
	bus_store(&firmware->bus, BUS_STATUS, ACKNOWLEDGE | DRIVER);
	bus_store(&firmware->bus, BUS_DEVICE_FEATURES_SELECT, 0);
	if (bus_load(&firmware->bus, BUS_DEVICE_FEATURES) & VIOMMU_F_TOPOLOGY)
		n = read_items(firmware, items, room);
	bus_store(&firmware->bus, BUS_STATUS, 0);
	return n;
}
