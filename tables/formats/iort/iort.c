/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IORT, the I/O Remapping table (ARM DEN 0049)
 *
 * Root complexes and named components send, SMMUs translate, ITS groups receive MSIs; each is a
 * node. The ID mappings of a node say which input IDs leave it as which output IDs, and to which
 * node, by its offset in the table.
 *
 * This file decodes. Rows are in layout.c, accessors in nodes.c, rules in check*.c, the topology
 * of a table in read*.c, the table of a topology in write*.c.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "tables/table/frame.h"
#include "tables/table/unsupported.h"
#include "iort.h"

/* Offsets of fields in the head of every node. */
enum { REVISION_AT = 3, MAPPING_COUNT_AT = 8, MAPPING_OFFSET_AT = 12 };

/* -- inside a node --------------------------------------------------------------- */

/* Keep the bytes that no field refers to, such as padding. */
static void keep_gap(const struct decoding *decoding, struct record *node, size_t from, size_t to)
{
	if (from < to)
		record_add_child(node, record_new_bytes(node, decoding->bytes + node->at + from,
							to - from, node->at + from));
}

/*
 * Decode the object name, with its NUL and the padding of more NULs. It ends at `to` at the
 * latest. Returns where the next array may begin.
 */
static size_t decode_text(const struct decoding *decoding, struct record *node, size_t from,
			  size_t to)
{
	const char *name = iort_text_name(iort_type_of(node));
	const uint8_t *text = decoding->bytes + node->at + from;
	size_t length = 0;

	if (!name)
		return from;
	while (from + length < to && text[length])
		length++;
	while (from + length < to && !text[length])
		length++;
	record_add_child(node, record_new_text(node, name, text, length, node->at + from));
	return from + length;
}

/* The place is that of the node, whose fields are to be corrected. */
static void report_array(const struct decoding *decoding, const struct record *node,
			 const struct iort_array *array, const char *where)
{
	report(decoding->findings, "iort-array", table_place(decoding->table, node->at),
	       "correct the offset and the count",
	       "%" PRIu64 " %s at offset 0x%" PRIx64 " of %s %s", array->n, array->name, array->at,
	       node->layout->name, where);
}

/* Only elements that lie inside the node: bytes beyond it belong to the next node. */
static size_t decode_array(struct decoding *decoding, struct record *node,
			   const struct iort_array *array, size_t length)
{
	uint64_t room = (length - array->at) / array->layout->length;
	uint64_t n = MIN(array->n, room);
	size_t at = (size_t)array->at;

	if (array->n > room)
		report_array(decoding, node, array, "do not fit into the node");
	decoding->records += (size_t)n;
	for (uint64_t i = 0; i < n; i++, at += array->layout->length)
		record_add_child(node, record_new(node, array->layout,
						  decoding->bytes + node->at + at, node->at + at));
	return at;
}

/*
 * Decode everything behind the fixed part in the order of the bytes. If an array overlaps the
 * previous one, the bytes belong to the previous one and the array is not decoded.
 */
static void decode_arrays(struct decoding *decoding, struct record *node, size_t at, size_t end)
{
	struct iort_array arrays[IORT_MAX_ARRAYS];
	size_t n = iort_arrays(node, arrays), length = end - node->at;

	at -= node->at;
	at = decode_text(decoding, node, at,
			 n && arrays[0].at >= at ? (size_t)MIN(arrays[0].at, length) : length);
	for (size_t i = 0; i < n; i++) {
		if (arrays[i].at < at) {
			report_array(decoding, node, &arrays[i], "overlap the bytes before them");
		} else if (arrays[i].at > length) {
			report_array(decoding, node, &arrays[i], "do not fit into the node");
		} else {
			keep_gap(decoding, node, at, (size_t)arrays[i].at);
			at = decode_array(decoding, node, &arrays[i], length);
		}
	}
	record_add_rest(node, decoding->bytes + node->at + at, length - at);
}

/* -- nodes ----------------------------------------------------------------------- */

/*
 * The mapping offset selects the layout of the node's type, because some nodes grew without a new
 * revision. If the offset is invalid, the node length selects the layout, and the mapping array is
 * reported.
 */
static const struct layout *layout_at(const struct cursor *cursor)
{
	const uint8_t *node = cursor->table + cursor->at;
	unsigned revision = node[REVISION_AT];
	uint64_t count = wire_load(node + MAPPING_COUNT_AT, sizeof(uint32_t));
	uint64_t room = wire_load(node + MAPPING_OFFSET_AT, sizeof(uint32_t));
	const struct layout *layout = NULL;

	if (count && room < cursor->length)
		layout = iort_layout(cursor->type, revision, (size_t)room);
	return layout && layout->length <= room
		       ? layout
		       : iort_layout(cursor->type, revision, (size_t)cursor->length);
}

/* The length covers all arrays of the node. It is unaligned, behind a type of one byte. */
static const struct frame nodes = {
	.framing = FRAMING(1, 1, 2, IORT_NODE_LENGTH),
	.noun = "node",
	.parent = "table",
	.layout_at = layout_at,
	.inside = decode_arrays,
	.too_short = "iort-node-length",
	.too_long = "iort-node-end",
	.max = IORT_MAX_RECORDS,
	.too_many = "iort-too-large",
	.offset_field = "Node offset",
	.bad_offset = "iort-node-offset",
	.count_field = "Node count",
	.surplus = "iort-tail",
};

/* A note for a virtio-iommu: a VIOT describes it, and the IORT still routes its MSIs. */
static bool is_virtio(const void *object)
{
	return iommu_is_virtio(object);
}

static bool is_not_virtio(const void *object)
{
	return !iommu_is_virtio(object);
}

/* The node of an SMMUv3 alone has a proximity domain. */
static bool loses_domain(const void *object)
{
	const struct viommu_iommu *iommu = object;

	return iommu->kind != VIOMMU_SMMU_V3 && iommu->has_proximity_domain;
}

static bool bridge_has_domain(const void *object)
{
	const struct viommu_host_bridge *bridge = object;

	return bridge->has_proximity_domain;
}

/* The node of the draft of 2019 has a device ID alone. */
static bool loses_coherence(const void *object)
{
	const struct viommu_iommu *iommu = object;

	return iommu->kind == VIOMMU_VIRTIO_PCI && iommu->coherent;
}

static bool describes(const struct viommu_table *table, const struct viommu_iommu *iommu)
{
	return iort_has_node(table, iommu);
}

static const struct unsupported unsupported[] = {
	{ OBJECT_IOMMU, OF_OTHERS, is_virtio, "iort-silent-virtio", "describe it in a VIOT",
	  .reason = "the table describes only SMMUs" },
	{ OBJECT_IOMMU, OF_OTHERS, is_not_virtio, "iort-silent-iommu",
	  "describe it in the table of its own platform",
	  .reason = "the table describes only SMMUs" },
	{ OBJECT_IOMMU, OF_DESCRIBED, loses_domain, "iort-silent-domain",
	  "describe it in SRAT, or by _PXM", .part = "the proximity domain" },
	{ OBJECT_HOST_BRIDGE, OF_ALL, bridge_has_domain, "iort-silent-domain",
	  "describe it in SRAT, or by _PXM", .part = "the proximity domain" },
	{ OBJECT_IOMMU, OF_DESCRIBED, loses_coherence, "draft-silent-coherence",
	  "describe its PCI function as coherent (_CCA)", .part = "the coherence" },
	{ OBJECT_IOMMU, OF_DESCRIBED, iommu_has_queues, "iort-silent-cmdqv",
	  "describe them in the DSDT, as `viommu generate acpi` does", .part = "the CMDQV" },
	UNSUPPORTED_PATHS(OF_ALL, "iort-silent-path"),
	UNSUPPORTED_HOTPLUG(OF_DESCRIBED),
	NO_MORE_UNSUPPORTED,
};

static const struct table_rejection rejections[] = {
	{ frame_begins_beyond,
	  "Linux prints \"IORT node pointer overflows, bad table!\" and finds no node" },
	{ NULL, NULL },
};

const struct format iort_format = {
	.signature = "IORT",
	.name = "I/O Remapping table",
	.head = &iort_head_layout,
	.frame = &nodes,
	.decode = frame_decode,
	.rules = iort_rules,
	.to_topology = iort_read,
	.to_header = iort_read_header,
	.unsupported = unsupported,
	.describes = describes,
	.from_topology = iort_write,
	.linux_reads = linux_iort,
	.rejections = rejections,
};
