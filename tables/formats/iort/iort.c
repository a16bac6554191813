/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * IORT, the I/O Remapping table (ARM DEN 0049)
 *
 * Nodes are what sends, translates and takes: root complexes and named components, SMMUs, ITS
 * groups. The ID mappings of a node say as which ID, and at which node by its offset in the table,
 * an ID comes out that went in.
 *
 * Here is decoding. Rows are in iort_layout.c, rules of the bytes in iort_check.c and
 * iort_check_map.c, what nodes mean in iort_read.c, and the way back in iort_write.c.
 */
#include <inttypes.h>

#include "tables/findings/findings.h"
#include "iort.h"

/* The length is at an odd place, behind a type of one byte, and covers all arrays of the node. */
static const struct framing node_framing = {
	.type_at = 0, .type_length = 1, .length_at = 1, .length_length = 2, .head = IORT_NODE_LENGTH
};

/* Where a field of 32 bits stands in the head of every node. */
enum { REVISION_AT = 3, MAPPING_COUNT_AT = 8, MAPPING_OFFSET_AT = 12 };

/* Mappings, names and nodes are all records, and together they have one limit. */
struct decoding {
	const struct viommu_table *table;
	const uint8_t *bytes; /* of the whole table */
	size_t n;             /* of records so far */
	struct viommu_findings *findings;
};

/* -- what is inside a node ------------------------------------------------------------ */

/* Bytes that no field refers to, up to an array. Padding is among them. */
static void keep_gap(const struct decoding *decoding, struct record *node, size_t from, size_t to)
{
	if (from < to)
		record_add_child(node, record_new_bytes(decoding->bytes + node->at + from,
							to - from, node->at + from));
}

/* The name of an object ends with a NUL, and those behind it pad it. `to` is where it must end. */
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

/* An array stands with its node, which is what has to be mended, by its number, place and kind. */
static void report_array(const struct decoding *decoding, const struct record *node,
			 const struct iort_array *array, const char *where)
{
	report(decoding->findings, "iort-array", table_place(decoding->table, node->at),
	       "write the offset and the number that the node has",
	       "%" PRIu64 " %s at 0x%" PRIx64 " of %s %s", array->n, array->name, array->at,
	       node->layout->name, where);
}

/* The elements that lie inside of the node. Those that do not would be the next node's bytes. */
static size_t decode_array(struct decoding *decoding, struct record *node,
			   const struct iort_array *array, size_t length)
{
	uint64_t room = (length - array->at) / array->layout->length;
	uint64_t n = MIN(array->n, room);
	size_t at = array->at;

	if (array->n > room)
		report_array(decoding, node, array, "do not fit into it");
	decoding->n += n;
	for (uint64_t i = 0; i < n; i++, at += array->layout->length)
		record_add_child(node, record_new(array->layout, decoding->bytes + node->at + at,
						  node->at + at));
	return at;
}

/*
 * Everything behind the fixed part, in the order of the bytes. An array that begins before the one
 * in front of it ends cannot be taken apart as well: its bytes belong to that one.
 */
static void decode_arrays(struct decoding *decoding, struct record *node, size_t length)
{
	struct iort_array arrays[IORT_MAX_ARRAYS];
	size_t n = iort_arrays(node, arrays), at = node->layout->length;

	at = decode_text(decoding, node, at,
			 n && arrays[0].at >= at ? MIN(arrays[0].at, length) : length);
	for (size_t i = 0; i < n; i++) {
		if (arrays[i].at < at) {
			report_array(decoding, node, &arrays[i], "overlap what stands before them");
		} else if (arrays[i].at > length) {
			report_array(decoding, node, &arrays[i], "do not fit into it");
		} else {
			keep_gap(decoding, node, at, arrays[i].at);
			at = decode_array(decoding, node, &arrays[i], length);
		}
	}
	record_add_rest(node, decoding->bytes + node->at + at, length - at);
}

/* -- nodes -------------------------------------------------------------------------------- */

/*
 * Where its mappings begin tells which form of its type a node has. Where they begin cannot be
 * true, its length does, and the mappings are found to be wrong.
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

/*
 * A node that is too short to have its fields stays bytes: nobody then reads a field that is not
 * there.
 */
static struct record *decode_node(struct decoding *decoding, const struct cursor *cursor)
{
	const struct layout *layout = layout_of(cursor);
	const uint8_t *bytes = cursor->table + cursor->at;
	struct record *record;

	decoding->n++;
	if (!layout) {
		report(decoding->findings, "iort-node-length",
		       table_place(decoding->table, cursor->at),
		       "write the length that the node has",
		       "a node of type %u with %u bytes, which needs more", (unsigned)cursor->type,
		       (unsigned)cursor->length);
		return record_new_bytes(bytes, cursor->length, cursor->at);
	}
	record = record_new(layout, bytes, cursor->at);
	decode_arrays(decoding, record, cursor->length);
	return record;
}

/* -- the table ------------------------------------------------------------------------------ */

/* Bytes before the first node are kept: the standard allows them to pad. */
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
 * The walk is over before the table. Behind the last node that is counted these are bytes too many,
 * before it the walk has lost its way.
 */
static void report_stop(const struct decoding *decoding, enum cursor_state state,
			const struct cursor *cursor, size_t n)
{
	const struct iort_head *head = decoding->table->root->host;
	struct viommu_place place = table_place(decoding->table, cursor->at);

	if (state == CURSOR_AT)
		report(decoding->findings, "iort-too-large", place, "end the table here",
		       "there are more than %zu nodes and elements: what is behind is bytes",
		       IORT_MAX_RECORDS);
	else if (state != CURSOR_END && n == head->node_count)
		report(decoding->findings, "iort-tail", place, "end the table behind its last node",
		       "%zu bytes behind the last node", cursor->end - cursor->at);
	else if (state == CURSOR_SHORT)
		report(decoding->findings, "iort-node-length", place,
		       "end the table here, or write the length that the node has",
		       "a node of type %u with %u bytes: nothing behind it can be found",
		       (unsigned)cursor->type, (unsigned)cursor->length);
	else if (state == CURSOR_PAST)
		report(decoding->findings, "iort-node-end", place,
		       "end the table behind its last node",
		       "a node reaches past the end of the table, at 0x%zx", cursor->end);
}

/*
 * The number of nodes is what the bytes hold, not what node count says: a count that is wrong is
 * then a finding, and no node is lost by it.
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
