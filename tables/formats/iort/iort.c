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
#include "iort.h"

/* The length covers all arrays of the node. It is unaligned, behind a type of one byte. */
static const struct framing node_framing = {
	.type_at = 0, .type_length = 1, .length_at = 1, .length_length = 2, .head = IORT_NODE_LENGTH
};

/* Offsets of fields in the head of every node. */
enum { REVISION_AT = 3, MAPPING_COUNT_AT = 8, MAPPING_OFFSET_AT = 12 };

/* Mappings, names and nodes are all records and share one limit. */
struct decoding {
	const struct viommu_table *table;
	const uint8_t *bytes; /* of the whole table */
	size_t n;             /* records so far */
	struct viommu_findings *findings;
};

/* -- inside a node --------------------------------------------------------------- */

/* Keep the bytes that no field refers to, such as padding. */
static void keep_gap(const struct decoding *decoding, struct record *node, size_t from, size_t to)
{
	if (from < to)
		record_add_child(node, record_new_bytes(decoding->bytes + node->at + from,
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
	record_add_child(node, record_new_text(name, text, length, node->at + from));
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
	size_t at = array->at;

	if (array->n > room)
		report_array(decoding, node, array, "do not fit into the node");
	decoding->n += n;
	for (uint64_t i = 0; i < n; i++, at += array->layout->length)
		record_add_child(node, record_new(array->layout, decoding->bytes + node->at + at,
						  node->at + at));
	return at;
}

/*
 * Decode everything behind the fixed part in the order of the bytes. If an array overlaps the
 * previous one, the bytes belong to the previous one and the array is not decoded.
 */
static void decode_arrays(struct decoding *decoding, struct record *node, size_t length)
{
	struct iort_array arrays[IORT_MAX_ARRAYS];
	size_t n = iort_arrays(node, arrays), at = node->layout->length;

	at = decode_text(decoding, node, at,
			 n && arrays[0].at >= at ? MIN(arrays[0].at, length) : length);
	for (size_t i = 0; i < n; i++) {
		if (arrays[i].at < at) {
			report_array(decoding, node, &arrays[i], "overlap the bytes before them");
		} else if (arrays[i].at > length) {
			report_array(decoding, node, &arrays[i], "do not fit into the node");
		} else {
			keep_gap(decoding, node, at, arrays[i].at);
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
static const struct layout *layout_of(const struct cursor *cursor)
{
	const uint8_t *node = cursor->table + cursor->at;
	unsigned revision = node[REVISION_AT];
	uint64_t count = wire_load(node + MAPPING_COUNT_AT, sizeof(uint32_t));
	uint64_t room = wire_load(node + MAPPING_OFFSET_AT, sizeof(uint32_t));
	const struct layout *layout = NULL;

	if (count && room < cursor->length)
		layout = iort_layout(cursor->type, revision, room);
	return layout ? layout : iort_layout(cursor->type, revision, cursor->length);
}

/* A node too short for its fields stays bytes, so that no reader accesses a missing field. */
static struct record *decode_node(struct decoding *decoding, const struct cursor *cursor)
{
	const struct layout *layout = layout_of(cursor);
	const uint8_t *bytes = cursor->table + cursor->at;
	struct record *record;

	decoding->n++;
	if (!layout) {
		report(decoding->findings, "iort-node-length",
		       table_place(decoding->table, cursor->at), "correct the length of the node",
		       "a node of type %u has %u bytes, too few for its fields",
		       (unsigned)cursor->type, (unsigned)cursor->length);
		return record_new_bytes(bytes, cursor->length, cursor->at);
	}
	record = record_new(layout, bytes, cursor->at);
	decode_arrays(decoding, record, cursor->length);
	return record;
}

/* -- the table ------------------------------------------------------------------- */

/* Bytes before the first node are kept: the specification allows padding there. */
static size_t begin_nodes(struct viommu_table *table, const uint8_t *bytes, size_t length,
			  struct viommu_findings *findings)
{
	const struct iort_head *head = table->root->host;
	size_t at = iort_first_node(head, length);

	if (at != head->node_offset)
		report(findings, "iort-node-offset",
		       table_place_of(table, table->root, "Node offset"),
		       "write 48, where nodes begin", "nodes cannot begin at 0x%x",
		       head->node_offset);
	if (at > IORT_HEAD_LENGTH)
		record_add_child(table->root,
				 record_new_bytes(bytes + IORT_HEAD_LENGTH, at - IORT_HEAD_LENGTH,
						  IORT_HEAD_LENGTH));
	return at;
}

/*
 * Decoding stopped before the end of the table. If node count nodes were decoded, the rest is
 * surplus; otherwise the node at the cursor is damaged.
 */
static void report_stop(const struct decoding *decoding, enum cursor_state state,
			const struct cursor *cursor, size_t n)
{
	const struct iort_head *head = decoding->table->root->host;
	struct viommu_place place = table_place(decoding->table, cursor->at);

	if (state == CURSOR_AT)
		report(decoding->findings, "iort-too-large", place, "end the table here",
		       "the table has more than %zu nodes and elements: the rest is not decoded",
		       IORT_MAX_RECORDS);
	else if (state != CURSOR_END && n == head->node_count)
		report(decoding->findings, "iort-tail", place, "end the table behind its last node",
		       "%zu bytes follow the last node", cursor->end - cursor->at);
	else if (state == CURSOR_SHORT)
		report(decoding->findings, "iort-node-length", place,
		       "end the table here, or correct the length of the node",
		       "a node of type %u has a length of %u: the nodes behind it cannot be "
		       "decoded",
		       (unsigned)cursor->type, (unsigned)cursor->length);
	else if (state == CURSOR_PAST)
		report(decoding->findings, "iort-node-end", place,
		       "end the table behind its last node",
		       "a node extends beyond the end of the table, 0x%zx", cursor->end);
}

/*
 * Decode all nodes that the bytes hold, whatever the node count says. A wrong count is a finding,
 * and loses no node.
 */
static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings)
{
	struct decoding decoding = { table, bytes, 0, findings };
	struct cursor cursor = { .framing = &node_framing, .table = bytes, .end = length };
	enum cursor_state state;
	size_t n = 0;

	cursor.at = begin_nodes(table, bytes, length, findings);
	while ((state = cursor_look(&cursor)) == CURSOR_AT && decoding.n < IORT_MAX_RECORDS) {
		record_add_child(table->root, decode_node(&decoding, &cursor));
		cursor.at += cursor.length;
		n++;
	}
	report_stop(&decoding, state, &cursor, n);
	record_add_rest(table->root, bytes + cursor.at, length - cursor.at);
}

const struct format iort_format = {
	.signature = "IORT",
	.name = "I/O Remapping table",
	.head = &iort_head_layout,
	.decode = decode,
	.rules = iort_rules,
	.to_topology = iort_read,
	.to_header = iort_read_header,
	.from_topology = iort_write,
	.linux_reads = linux_iort,
};
