/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Built-in topologies: the configuration space of a virtio-iommu describes the devices that it
 * translates
 *
 * For platforms with neither ACPI nor a device tree, drafts of 2019 and 2020 put the topology into
 * the device. None became a standard; VIOT did. Each draft has its own form, and one of them was
 * shipped with a different layout of ranges. The form cannot be detected from the bytes.
 *
 * An image starts with configuration space itself, so offsets are those of the fields: first the
 * fields of every virtio-iommu, then the fields that locate the items, then the items. A VMM gives
 * the image to a device unchanged (<viommu/device.h>).
 *
 * v1 is a list: each item has the offset of the next.
 * v2 is an array with one stride.
 * v3 is a sequence: each item has its length.
 */
#include <viommu/protocol.h>

#include "builtin.h"
#include "tables/table/unsupported.h"

/* -- heads ------------------------------------------------------------------------- */

/* The widest member of each kind; a form leaves the members that it lacks 0. */
struct head {
	uint64_t page_size_mask, input_start, input_end;
	uint32_t domain_start, domain_end, probe_size;
	uint16_t offset, count;
	uint32_t wide_offset, wide_count, item_length;
};

/* The fields of every virtio-iommu, in the standard and in all drafts. */
#define DEVICE_ROWS \
	ROW(struct head, VIOMMU_CONFIG_PAGE_SIZE_MASK, HEX, page_size_mask, "Page size mask"), \
		ROW(struct head, VIOMMU_CONFIG_INPUT_START, HEX, input_start, "Input start"), \
		ROW(struct head, VIOMMU_CONFIG_INPUT_END, HEX, input_end, "Input end"), \
		ROW(struct head, VIOMMU_CONFIG_DOMAIN_START, HEX, domain_start, "Domain start"), \
		ROW(struct head, VIOMMU_CONFIG_DOMAIN_END, HEX, domain_end, "Domain end"), \
		ROW(struct head, VIOMMU_CONFIG_PROBE_SIZE, NUMBER, probe_size, "Probe size")

/*
 * The heads of the three drafts. The first has only the offset of a list. The others have a count,
 * and the second has the stride.
 */
static const struct field v1_head_fields[] = {
	DEVICE_ROWS,
	ROW(struct head, VIOMMU_CONFIG_TOPOLOGY, OFFSET, offset, "Offset"),
};

static const struct layout v1_head =
	LAYOUT("Built-in topology, first form", 0, 38, struct head, v1_head_fields);

/* Offset and count are wider than in the other forms. */
static const struct field v2_head_fields[] = {
	DEVICE_ROWS,
	ROW(struct head, VIOMMU_CONFIG_TOPOLOGY, OFFSET, wide_offset, "Offset"),
	ROW(struct head, 40, NUMBER, wide_count, "Count"),
	ROW(struct head, 44, NUMBER, item_length, "Item length"),
};

static const struct layout v2_head =
	LAYOUT("Built-in topology, second form", 0, 48, struct head, v2_head_fields);

/*
 * The count precedes the offset, within the four bytes of the second form's offset, so an image of
 * one form is invalid in the other.
 */
static const struct field v3_head_fields[] = {
	DEVICE_ROWS,
	ROW(struct head, VIOMMU_CONFIG_TOPOLOGY, NUMBER, count, "Count"),
	ROW(struct head, 38, OFFSET, offset, "Offset"),
};

static const struct layout v3_head =
	LAYOUT("Built-in topology, third form", 0, 40, struct head, v3_head_fields);

/* -- items ------------------------------------------------------------------------- */

/* The first form counts its types from 0; the others from 1. */
enum { V1_RANGE, V1_ENDPOINT };

enum { RANGE = 1, ENDPOINT = 2 };

static const struct field_name v1_types[] = {
	{ V1_RANGE, "PCI range" },
	{ V1_ENDPOINT, "endpoint" },
	{ 0, NULL },
};

static const struct field_name types[] = {
	{ RANGE, "PCI range" },
	{ ENDPOINT, "endpoint" },
	{ 0, NULL },
};

#define ITEM(at, kind, member, name)          ROW(struct builtin_item, at, kind, member, name)
#define ITEM_LAYOUT(name, type, length, rows) LAYOUT(name, type, length, struct builtin_item, rows)

/* First form: a type, and the offset of the next item from the start of configuration space. */
#define V1_ROWS \
	ROW_NAMED(struct builtin_item, 0, TYPE, type16, "Type", v1_types), \
		ITEM(2, OFFSET, next, "Next")

static const struct field v1_range_fields[] = {
	V1_ROWS,
	ITEM(4, HEX, id, "Endpoint start"),
	ITEM(8, HEX, segment_first, "Hierarchy"),
	ITEM(10, BDF, bdf_first, "Requester start"),
	ITEM(12, BDF, bdf_last, "Requester end"),
	ITEM(14, RESERVED, reserved, "Reserved"),
};

/* The address is aligned to 8 bytes if the item is, so that a guest reads it with one access. */
static const struct field v1_endpoint_fields[] = {
	V1_ROWS,
	ITEM(4, HEX, id, "Endpoint"),
	ITEM(8, HEX, address, "Address"),
};

static const struct field v1_unknown_fields[] = { V1_ROWS };

static const struct layout v1_range = ITEM_LAYOUT("PCI range", V1_RANGE, 16, v1_range_fields);

static const struct layout v1_endpoint =
	ITEM_LAYOUT("Endpoint", V1_ENDPOINT, 16, v1_endpoint_fields);

static const struct layout v1_unknown =
	ITEM_LAYOUT("Item of unknown type", LAYOUT_UNKNOWN, 4, v1_unknown_fields);

/*
 * Second form: items have only a type in common; the head has the rest. A range is shorter than an
 * endpoint; the stride is that of the endpoint.
 */
#define V2_ROWS ROW_NAMED(struct builtin_item, 0, TYPE, type16, "Type", types)

static const struct field v2_range_fields[] = {
	V2_ROWS,
	ITEM(2, HEX, segment_first, "Hierarchy"),
	ITEM(4, BDF, bdf_first, "Requester start"),
	ITEM(6, BDF, bdf_last, "Requester end"),
	ITEM(8, HEX, id, "Endpoint start"),
};

/* The longest item of this form defines the stride. */
static const struct field v2_endpoint_fields[] = {
	V2_ROWS,
	ITEM(2, RESERVED, reserved, "Reserved"),
	ITEM(4, HEX, id, "Endpoint"),
	ITEM(8, HEX, address, "Address"),
};

static const struct field v2_unknown_fields[] = { V2_ROWS };

static const struct layout v2_range = ITEM_LAYOUT("PCI range", RANGE, 12, v2_range_fields);

static const struct layout v2_endpoint = ITEM_LAYOUT("Endpoint", ENDPOINT, 16, v2_endpoint_fields);

static const struct layout v2_unknown =
	ITEM_LAYOUT("Item of unknown type", LAYOUT_UNKNOWN, 2, v2_unknown_fields);

/*
 * Third form: items start like the nodes of a VIOT, with type, reserved byte and length. That draft
 * became VIOT; the shipped variant has VIOT's range without its output node.
 */
#define V3_ROWS \
	ROW_NAMED(struct builtin_item, 0, TYPE, type8, "Type", types), \
		ITEM(1, RESERVED, reserved8, "Reserved"), ITEM(2, LENGTH, length, "Length")

static const struct field v3_range_fields[] = {
	V3_ROWS,
	ITEM(4, HEX, id, "Endpoint start"),
	ITEM(8, HEX, segment_first, "Segment"),
	ITEM(10, BDF, bdf_first, "BDF start"),
	ITEM(12, BDF, bdf_last, "BDF end"),
	ITEM(14, RESERVED, reserved, "Padding"),
};

/* As shipped: the last segment replaces the padding. */
static const struct field v3_segments_fields[] = {
	V3_ROWS,
	ITEM(4, HEX, id, "Endpoint start"),
	ITEM(8, HEX, segment_first, "Segment start"),
	ITEM(10, HEX, segment_last, "Segment end"),
	ITEM(12, BDF, bdf_first, "BDF start"),
	ITEM(14, BDF, bdf_last, "BDF end"),
};

static const struct field v3_endpoint_fields[] = {
	V3_ROWS,
	ITEM(4, HEX, id, "Endpoint"),
	ITEM(8, HEX, address, "Address"),
};

static const struct field v3_unknown_fields[] = { V3_ROWS };

static const struct layout v3_range = ITEM_LAYOUT("PCI range", RANGE, 16, v3_range_fields);

static const struct layout v3_segments = ITEM_LAYOUT("PCI range", RANGE, 16, v3_segments_fields);

static const struct layout v3_endpoint = ITEM_LAYOUT("Endpoint", ENDPOINT, 16, v3_endpoint_fields);

static const struct layout v3_unknown =
	ITEM_LAYOUT("Item of unknown type", LAYOUT_UNKNOWN, 4, v3_unknown_fields);

/* -- unrepresentable objects --------------------------------------------------- */

static const struct unsupported unsupported[] = {
	UNSUPPORTED_PATHS(OF_DESCRIBED, "builtin-silent-path"),
	UNSUPPORTED_IDS("builtin-silent-ids"),
	{ OBJECT_RESERVED_MEMORY, OF_ALL, NULL, "builtin-silent-memory",
	  "let the device report it by PROBE", .reason = "no item describes memory" },
	UNSUPPORTED_HOTPLUG(OF_DESCRIBED),
	NO_MORE_UNSUPPORTED,
};

/* -- forms ----------------------------------------------------------------------- */

/* All forms: a name that does not occur in the bytes, and no ACPI header. */
#define FORM(form_signature, form_head) \
	{ \
		.signature = (form_signature), .name = "Built-in topology", .head = &(form_head), \
		.bare = true, .decode = builtin_decode, .rules = builtin_rules, \
		.to_topology = builtin_read, .from_topology = builtin_write, \
		.unsupported = unsupported, .describes = builtin_describes, \
	}

/* A 16-bit offset reaches 0xffff; a device limits the number of bytes. */
#define MAX_LISTED ((0xffff - 40) / 16 + 1)
#define MAX_ITEMS  ((VIOMMU_TOPOLOGY_LENGTH_MAX - 48) / 16)

const struct builtin_form builtin_v1 = {
	.format = FORM("builtin-v1", v1_head),
	.range = &v1_range,
	.endpoint = &v1_endpoint,
	.unknown = &v1_unknown,
	.walk = builtin_walk_list,
	.type_length = 2,
	.alignment = 1,
	.max_items = MAX_LISTED,
};

const struct builtin_form builtin_v2 = {
	.format = FORM("builtin-v2", v2_head),
	.range = &v2_range,
	.endpoint = &v2_endpoint,
	.unknown = &v2_unknown,
	.walk = builtin_walk_array,
	.type_length = 2,
	.alignment = 1,
	.max_items = MAX_ITEMS,
};

#define THIRD_FORM(form_signature, form_range) \
	{ \
		.format = FORM(form_signature, v3_head), .range = &(form_range), \
		.endpoint = &v3_endpoint, .unknown = &v3_unknown, .walk = builtin_walk_sequence, \
		.type_length = 1, .alignment = 8, .max_items = MAX_ITEMS, \
	}

const struct builtin_form builtin_v3 = THIRD_FORM("builtin-v3", v3_range);

/* As shipped: a range covers several segments, as in a VIOT. */
const struct builtin_form builtin_v3_segments = THIRD_FORM("builtin-v3-segments", v3_segments);
