/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-or-later */
/*
 * The drafts of the series "virtio-iommu: built-in topology", for guests
 *
 * Reading stops at the end of configuration space or when the caller's array is full, so a cyclic
 * list ends too.
 */
#include "viommu_builtin.h"

enum { ACKNOWLEDGE = 1, DRIVER = 2 };

#define FEATURE_TOPOLOGY (1u << 6)
#define ITEM_LENGTH      16
#define STRIDE_AT        44

/* The differences between forms: heads, types, and where a range has its fields. */
struct field {
	uint8_t offset, length; /* no length: there is no such field */
};

static const struct layout {
	struct field offset, count;
	uint8_t type_length, range, device;
	uint8_t id_at, segment_at;
} layouts[VIOMMU_BUILTIN_N_FORMS] = {
	[VIOMMU_BUILTIN_V1] = { { 36, 2 }, { 0, 0 }, 2, 0, 1, 4, 8 },
	[VIOMMU_BUILTIN_V2] = { { 36, 4 }, { 40, 4 }, 2, 1, 2, 8, 2 },
	[VIOMMU_BUILTIN_V3] = { { 38, 2 }, { 36, 2 }, 1, 1, 2, 4, 8 },
	[VIOMMU_BUILTIN_V3_SEGMENTS] = { { 38, 2 }, { 36, 2 }, 1, 1, 2, 4, 8 },
};

static uint32_t load(const struct viommu_builtin *device, uint64_t at, unsigned int length)
{
	return device->load(device->opaque, (uint32_t)at, length);
}

static struct viommu_builtin_item read_device(const struct viommu_builtin *device, uint64_t at)
{
	uint64_t low = load(device, at + 8, 4), high = load(device, at + 12, 4);

	return (struct viommu_builtin_item){
		.id = load(device, at + 4, 4),
		.address = high << 32 | low,
	};
}

/* Segment, or first and last segment; then first and last function: 2 bytes each. */
static struct viommu_builtin_item read_range(const struct viommu_builtin *device,
					     enum viommu_builtin_form form, uint64_t at)
{
	const struct layout *layout = &layouts[form];
	bool several = form == VIOMMU_BUILTIN_V3_SEGMENTS;
	uint64_t segments = at + layout->segment_at, functions = segments + (several ? 4 : 2);

	return (struct viommu_builtin_item){
		.pci = true,
		.segment_first = (uint16_t)load(device, segments, 2),
		.segment_last = (uint16_t)load(device, several ? segments + 2 : segments, 2),
		.bdf_first = (uint16_t)load(device, functions, 2),
		.bdf_last = (uint16_t)load(device, functions + 2, 2),
		.id = load(device, at + layout->id_at, 4),
	};
}

/* 0 behind the last item of a list. */
static uint64_t next_item(const struct viommu_builtin *device, enum viommu_builtin_form form,
			  uint64_t at)
{
	if (form == VIOMMU_BUILTIN_V1)
		return load(device, at + 2, 2);
	if (form == VIOMMU_BUILTIN_V2)
		return at + load(device, STRIDE_AT, 4);
	return at + load(device, at + 2, 2);
}

/* The fields have natural alignment only in an item that is aligned to 4. */
static bool has_item(const struct viommu_builtin *device, uint64_t at)
{
	return at % 4 == 0 && at <= device->length && device->length - at >= ITEM_LENGTH;
}

/* An item of unknown type is skipped, as the third draft requires, but counts as an item. */
static int read_items(const struct viommu_builtin *device, enum viommu_builtin_form form,
		      struct viommu_builtin_item *items, unsigned int room)
{
	const struct layout *layout = &layouts[form];
	uint64_t at = load(device, layout->offset.offset, layout->offset.length);
	uint32_t left = layout->count.length
				? load(device, layout->count.offset, layout->count.length)
				: device->length / ITEM_LENGTH;
	unsigned int n = 0;

	if (left > device->length / ITEM_LENGTH)
		return VIOMMU_BUILTIN_INVALID;
	for (; n < room && left && at; left--, at = next_item(device, form, at)) {
		uint32_t type;

		if (!has_item(device, at))
			return VIOMMU_BUILTIN_INVALID;
		type = load(device, at, layout->type_length);
		if (type == layout->range)
			items[n++] = read_range(device, form, at);
		else if (type == layout->device)
			items[n++] = read_device(device, at);
	}
	return (int)n;
}

/* Reset before, in case the device was used, and after, for the driver. */
int viommu_builtin_read(const struct viommu_builtin *device, enum viommu_builtin_form form,
			struct viommu_builtin_item *items, unsigned int room)
{
	int n = VIOMMU_BUILTIN_NONE;

	device->set_status(device->opaque, 0);
	device->set_status(device->opaque, ACKNOWLEDGE | DRIVER);
	if (device->features(device->opaque) & FEATURE_TOPOLOGY)
		n = device->length > STRIDE_AT + 4 ? read_items(device, form, items, room)
						   : VIOMMU_BUILTIN_INVALID;
	device->set_status(device->opaque, 0);
	return n;
}

/* -- the ID of an endpoint ----------------------------------------------------------------- */

/* In each segment of a range the IDs begin 0x10000 after those of the one before. */
bool viommu_builtin_function(const struct viommu_builtin_item *items, unsigned int n,
			     uint16_t segment, uint16_t bdf, uint32_t *ret_id)
{
	for (unsigned int i = 0; i < n; i++) {
		const struct viommu_builtin_item *item = &items[i];

		if (!item->pci || segment < item->segment_first || segment > item->segment_last ||
		    bdf < item->bdf_first || bdf > item->bdf_last)
			continue;
		*ret_id = item->id + ((uint32_t)(segment - item->segment_first) << 16) +
			  (uint32_t)(bdf - item->bdf_first);
		return true;
	}
	return false;
}

bool viommu_builtin_device(const struct viommu_builtin_item *items, unsigned int n,
			   uint64_t address, uint32_t *ret_id)
{
	for (unsigned int i = 0; i < n; i++) {
		if (items[i].pci || items[i].address != address)
			continue;
		*ret_id = items[i].id;
		return true;
	}
	return false;
}
