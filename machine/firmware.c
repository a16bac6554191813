/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "firmware.h"

/*
 * "Virtio Structure PCI Capabilities" for access to the structures; the drafts of the series
 * "virtio-iommu: built-in topology" for the forms of items
 *
 * Reading stops at the end of configuration space or when the caller's array is full, so a cyclic
 * list ends too.
 */

enum { ACKNOWLEDGE = 1, DRIVER = 2 };

/* The registers that firmware uses, at their place in each transport. */
enum { FEATURE_SELECT, FEATURES, STATUS, N_REGISTERS };

struct field {
	uint32_t offset, length;
};

static const struct field mmio_registers[N_REGISTERS] = {
	[FEATURE_SELECT] = { 0x014, 4 },
	[FEATURES] = { 0x010, 4 },
	[STATUS] = { 0x070, 4 },
};
static const struct field common_registers[N_REGISTERS] = {
	[FEATURE_SELECT] = { 0, 4 },
	[FEATURES] = { 4, 4 },
	[STATUS] = { 20, 1 },
};

#define MMIO_CONFIG 0x100

/* -- PCI ------------------------------------------------------------------------------- */

enum { POINTER_AT = 0x34, TYPE_COMMON = 1, TYPE_DEVICE = 4, TYPE_ACCESS = 5, VENDOR_SPECIFIC = 9 };
enum { CAP_NEXT = 1, CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_DATA = 16 };
#define MOST_CAPABILITIES 48

/* Bounds a cyclic chain: configuration space has no room for more capabilities. */
static unsigned find_capability(struct function *function, unsigned type)
{
	unsigned at = function_config_read(function, POINTER_AT, 1);

	for (unsigned i = 0; at && i < MOST_CAPABILITIES; i++) {
		if (function_config_read(function, at, 1) == VENDOR_SPECIFIC &&
		    function_config_read(function, at + CAP_TYPE, 1) == type)
			return at;
		at = function_config_read(function, at + CAP_NEXT, 1);
	}
	return 0;
}

/* The place of a virtio structure in a BAR. */
struct structure {
	unsigned bar;
	uint32_t offset, length;
};

/* Searched again for each access, since firmware has little memory. */
static struct structure find_structure(struct function *function, unsigned type)
{
	unsigned at = find_capability(function, type);

	if (!at)
		return (struct structure){ 0 };
	return (struct structure){
		.bar = function_config_read(function, at + CAP_BAR, 1),
		.offset = function_config_read(function, at + CAP_OFFSET, 4),
		.length = function_config_read(function, at + CAP_LENGTH, 4),
	};
}

/* Point the data window of the access capability there. */
static unsigned open_window(struct function *function, unsigned bar, uint64_t offset,
			    unsigned length)
{
	unsigned at = find_capability(function, TYPE_ACCESS);

	function_config_write(function, at + CAP_BAR, 1, bar);
	function_config_write(function, at + CAP_OFFSET, 4, (uint32_t)offset);
	function_config_write(function, at + CAP_LENGTH, 4, length);
	return at + CAP_DATA;
}

static uint32_t load_pci(const struct firmware *firmware, unsigned type, struct field field)
{
	struct structure structure = find_structure(firmware->function, type);
	uint64_t at = (uint64_t)structure.offset + field.offset;

	if (firmware->way == FIRMWARE_BAR)
		return function_bar_read(firmware->function, structure.bar, at, field.length);
	return function_config_read(
		firmware->function,
		open_window(firmware->function, structure.bar, at, field.length), field.length);
}

static void store_pci(const struct firmware *firmware, struct field field, uint32_t value)
{
	struct structure structure = find_structure(firmware->function, TYPE_COMMON);
	uint64_t at = (uint64_t)structure.offset + field.offset;

	if (firmware->way == FIRMWARE_BAR)
		function_bar_write(firmware->function, structure.bar, at, field.length, value);
	else
		function_config_write(
			firmware->function,
			open_window(firmware->function, structure.bar, at, field.length),
			field.length, value);
}

/* -- any way ------------------------------------------------------------------------------ */

static uint32_t load_register(const struct firmware *firmware, unsigned i)
{
	if (firmware->way != FIRMWARE_MMIO)
		return load_pci(firmware, TYPE_COMMON, common_registers[i]);
	return (uint32_t)viommu_mmio_read(machine_window(firmware->machine),
					  mmio_registers[i].offset, mmio_registers[i].length);
}

static void store_register(const struct firmware *firmware, unsigned i, uint32_t value)
{
	if (firmware->way != FIRMWARE_MMIO)
		store_pci(firmware, common_registers[i], value);
	else
		viommu_mmio_write(machine_window(firmware->machine), mmio_registers[i].offset,
				  mmio_registers[i].length, value);
}

/* A field of configuration space; PCI reads at most 4 bytes at a time. */
static uint32_t load(const struct firmware *firmware, uint64_t at, unsigned length)
{
	struct field field = { (uint32_t)at, length };

	if (firmware->way != FIRMWARE_MMIO)
		return load_pci(firmware, TYPE_DEVICE, field);
	return (uint32_t)viommu_mmio_read(machine_window(firmware->machine), MMIO_CONFIG + at,
					  length);
}

/* Two accesses of 4 bytes, low part first, since PCI's data window has 4 bytes. */
static uint64_t load_address(const struct firmware *firmware, uint64_t at)
{
	return load(firmware, at, 4) | (uint64_t)load(firmware, at + 4, 4) << 32;
}

/* On PCI the length of the capability; on MMIO the rest of the register window. */
static uint64_t config_length(const struct firmware *firmware)
{
	if (firmware->way == FIRMWARE_MMIO)
		return viommu_mmio_length(machine_window(firmware->machine)) - MMIO_CONFIG;
	return find_structure(firmware->function, TYPE_DEVICE).length;
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
	uint64_t end = config_length(firmware), at = load(firmware, offset.offset, offset.length);
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

/* On PCI only the capabilities are checked: the caller found the device by its IDs. */
static bool is_there(const struct firmware *firmware)
{
	if (firmware->way == FIRMWARE_MMIO)
		return viommu_mmio_read(machine_window(firmware->machine), 8, 4) ==
		       VIOMMU_DEVICE_ID;
	return find_capability(firmware->function, TYPE_COMMON) &&
	       find_capability(firmware->function, TYPE_DEVICE) &&
	       find_capability(firmware->function, TYPE_ACCESS);
}

/* Reset before, in case the device was used, and after, for the driver. */
int firmware_read(const struct firmware *firmware, struct firmware_item *items, unsigned room)
{
	int n = -ENOENT;

	if (!is_there(firmware))
		return -ENODEV;
	store_register(firmware, STATUS, 0);
	store_register(firmware, STATUS, ACKNOWLEDGE | DRIVER);
	store_register(firmware, FEATURE_SELECT, 0);
	if (load_register(firmware, FEATURES) & VIOMMU_F_TOPOLOGY)
		n = read_items(firmware, items, room);
	store_register(firmware, STATUS, 0);
	return n;
}
