/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIOT, the Virtual I/O Translation table (ACPI 6.5)
 *
 * IOMMU nodes say where a virtio-iommu is; endpoint nodes say which PCI functions or devices
 * it translates, by the offset of its node in the table.
 *
 * Here are the rows of every structure, and decoding, whose bounds are the cursor's
 * (record.c). Rules of the bytes are in viot_check.c, what nodes mean in viot_read.c, and the
 * way back in viot_write.c.
 */
#include "tables/findings/findings.h"
#include "viot.h"

/* -- layouts --------------------------------------------------------------------- */

/*
 * Linux stops at a node without a length, and so does the cursor: nothing behind it can be found.
 */
static const struct framing node_framing = {
	.type_at = 0, .type_length = 1, .length_at = 2, .length_length = 2, .head = 4
};

/* -- decoding --------------------------------------------------------------------- */

/*
 * A node that is too short to have its fields stays bytes: nobody then reads a field that is not
 * there, and a longer one keeps what is behind its fields.
 */
static struct record *decode_node(const struct viommu_table *table, const uint8_t *bytes,
				  const struct cursor *cursor, struct viommu_findings *findings)
{
	const struct layout *layout = viot_layout(cursor->type);
	struct record *record;

	if (cursor->length < layout->length) {
		report(findings, "viot-node-length", table_place(table, cursor->at),
		       "write the length that the node has",
		       "a node of type %u with %u bytes, which needs %u", (unsigned)cursor->type,
		       (unsigned)cursor->length, layout->length);
		return record_new_bytes(bytes + cursor->at, cursor->length, cursor->at);
	}
	record = record_new(layout, bytes + cursor->at, cursor->at);
	record_add_rest(record, bytes + cursor->at + layout->length,
			cursor->length - layout->length);
	return record;
}

/*
 * Where the walk begins. What lies before it is kept as bytes, so that a table with a gap comes out
 * as it went in. Linux does not believe an offset inside the head either.
 */
static size_t begin(struct viommu_table *table, const uint8_t *bytes, size_t length,
		    struct viommu_findings *findings)
{
	const struct viot_head *head = table->root->host;
	size_t at = viot_first_node(head, length);

	if (at != head->node_offset)
		report(findings, "viot-node-offset",
		       table_place_of(table, table->root, "Node offset"),
		       "write 48, where nodes begin", "nodes cannot begin at 0x%x",
		       head->node_offset);
	if (at > VIOT_HEAD_LENGTH)
		record_add_child(table->root,
				 record_new_bytes(bytes + VIOT_HEAD_LENGTH, at - VIOT_HEAD_LENGTH,
						  VIOT_HEAD_LENGTH));
	return at;
}

/*
 * The walk is over before the table: at a node too many, or one whose length leads nowhere. From
 * there on nobody knows where nodes begin, and all of it is bytes.
 */
static void report_stop(const struct viommu_table *table, enum cursor_state state,
			const struct cursor *cursor, struct viommu_findings *findings)
{
	if (state == CURSOR_AT)
		report(findings, "viot-too-large", table_place(table, cursor->at),
		       "end the table here: node count has 16 bits",
		       "there are more than 65535 nodes: this one and all behind it are bytes");
	if (state == CURSOR_SHORT)
		report(findings, "viot-node-length", table_place(table, cursor->at),
		       "end the table here, or write the length that the node has",
		       "a node of type %u with %u bytes: nothing behind it can be found",
		       (unsigned)cursor->type, (unsigned)cursor->length);
	if (state == CURSOR_PAST)
		report(findings, "viot-node-end", table_place(table, cursor->at),
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
	struct cursor cursor = { .framing = &node_framing, .table = bytes, .end = length };
	enum cursor_state state;
	unsigned n = 0;

	cursor.at = begin(table, bytes, length, findings);
	while ((state = cursor_look(&cursor)) == CURSOR_AT && n++ < VIOT_MAX_NODES) {
		record_add_child(table->root, decode_node(table, bytes, &cursor, findings));
		cursor.at += cursor.length;
	}
	report_stop(table, state, &cursor, findings);
	record_add_rest(table->root, bytes + cursor.at, length - cursor.at);
}

const struct format viot_format = {
	.signature = "VIOT",
	.name = "Virtual I/O Translation table",
	.head = &viot_head_layout,
	.form_of = viot_form_of,
	.decode = decode,
	.rules = viot_rules,
	.to_topology = viot_read,
	.from_topology = viot_write,
	.linux_reads = linux_viot,
};
