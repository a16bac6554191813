/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RIMT, the RISC-V IO Mapping Table (version 1.0)
 *
 * Root complexes and platform devices send accesses, RISC-V IOMMUs translate them; each is a node.
 * An ID mapping of a sender converts source IDs to device IDs of an IOMMU, which it names by the
 * offset of the IOMMU's node.
 *
 * This file decodes, and has what a RIMT cannot describe. Rows are in layout.c, accessors in
 * nodes.c, rules in check*.c, the topology of a table in read.c, the table of a topology in
 * write.c.
 */
#include <string.h>

#include "tables/findings/findings.h"
#include "tables/table/frame.h"
#include "tables/table/unsupported.h"
#include "rimt.h"

static void report_array(const struct decoding *decoding, const struct record *node,
			 const struct rimt_array *array, const char *where)
{
	report(decoding->findings, "rimt-array", table_place(decoding->table, node->at),
	       "correct the offset and the count", "%zu %s at offset 0x%zx of %s %s", array->n,
	       array->name, array->at, node->layout->name, where);
}

/* Only elements that lie inside the node: bytes beyond it belong to the next node. */
static size_t decode_array(struct decoding *decoding, struct record *node,
			   const struct rimt_array *array, size_t length)
{
	size_t room = (length - array->at) / array->layout->length;
	size_t n = MIN(array->n, room), at = node->at + array->at;

	if (array->n > room)
		report_array(decoding, node, array, "do not fit into the node");
	decoding->records += n;
	for (size_t i = 0; i < n; i++, at += array->layout->length)
		record_add_child(node, record_new(node, array->layout, decoding->bytes + at, at));
	return at - node->at;
}

/* The path of a platform device, with the padding behind it; of other nodes, bytes of no field. */
static void decode_gap(const struct decoding *decoding, struct record *node, size_t from, size_t to)
{
	const uint8_t *bytes = decoding->bytes + node->at + from;
	size_t at = node->at + from;

	if (from >= to)
		return;
	record_add_child(node, rimt_type_of(node) == RIMT_PLATFORM_DEVICE
				       ? record_new_text(node, RIMT_PATH_NAME, bytes, to - from, at)
				       : record_new_bytes(node, bytes, to - from, at));
}

/* An array that overlaps the fields, or begins beyond the node, is not decoded. */
static void decode_node(struct decoding *decoding, struct record *node, size_t at, size_t end)
{
	struct rimt_array array = rimt_array_of(node);
	size_t from = at - node->at, length = end - node->at;

	if (array.n && array.at < from)
		report_array(decoding, node, &array, "overlap the fields of the node");
	else if (array.n && array.at > length)
		report_array(decoding, node, &array, "do not fit into the node");
	if (array.n && array.at >= from && array.at <= length) {
		decode_gap(decoding, node, from, array.at);
		from = decode_array(decoding, node, &array, length);
	} else if (rimt_type_of(node) == RIMT_PLATFORM_DEVICE) {
		decode_gap(decoding, node, from, length);
		from = length;
	}
	record_add_rest(node, decoding->bytes + node->at + from, length - from);
}

static const struct frame nodes = {
	.framing = FRAMING(1, 2, 2, RIMT_NODE_LENGTH),
	.noun = "node",
	.parent = "table",
	.layout = rimt_layout,
	.inside = decode_node,
	.too_short = "rimt-node-length",
	.too_long = "rimt-node-end",
	.max = RIMT_MAX_RECORDS,
	.too_many = "rimt-too-large",
	.offset_field = "Node offset",
	.bad_offset = "rimt-node-offset",
	.count_field = "Node count",
	.surplus = "rimt-tail",
};

static bool describes(const struct viommu_table *table, const struct viommu_iommu *iommu)
{
	(void)table;
	return iommu_is_riscv(iommu);
}

static bool has_other_members(const void *object)
{
	const struct viommu_iommu *iommu = object;

	return iommu->its || iommu->coherent ||
	       (iommu->has_identifier && iommu->identifier > UINT16_MAX) ||
	       (iommu->riscv.hardware_id &&
		strlen(iommu->riscv.hardware_id) > RIMT_HARDWARE_ID_LENGTH);
}

static const struct unsupported unsupported[] = {
	{ OBJECT_IOMMU, OF_OTHERS, NULL, "rimt-silent-iommu",
	  "describe it in the table of its own platform",
	  .reason = "the table describes only RISC-V IOMMUs" },
	{ OBJECT_IOMMU, OF_DESCRIBED, has_other_members, "rimt-silent-property",
	  "omit `its` and `coherent`; give it an identifier of 16 bits and a `hid` of 8 characters",
	  .part = "the ITS or coherence, or the end of the identifier or hardware ID" },
	UNSUPPORTED_PATHS(OF_ALL, "rimt-silent-path"),
	{ OBJECT_RESERVED_MEMORY, OF_ALL, NULL, "rimt-silent-memory",
	  "describe it in a device tree", .reason = "no node describes memory" },
	UNSUPPORTED_HOTPLUG(OF_DESCRIBED),
	NO_MORE_UNSUPPORTED,
};

static const struct table_rejection rejections[] = {
	{ frame_begins_beyond,
	  "Linux prints \"RIMT node pointer overflows, bad table!\" and finds no node" },
	{ NULL, NULL },
};

const struct format rimt_format = {
	.signature = "RIMT",
	.name = "RISC-V IO Mapping table",
	.head = &rimt_head_layout,
	.frame = &nodes,
	.decode = frame_decode,
	.rules = rimt_rules,
	.to_topology = rimt_read,
	.unsupported = unsupported,
	.describes = describes,
	.from_topology = rimt_write,
	.linux_reads = linux_rimt,
	.rejections = rejections,
};
