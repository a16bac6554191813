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
 * The 36 bytes that all tables share, and VIOT's own 12. Nodes follow where node offset says, so
 * that later versions of the table can make its head longer.
 */
static const struct field head_fields[] = {
	ACPI_ROWS(struct viot_head),
	ROW(struct viot_head, 36, NUMBER, node_count, "Node count"),
	ROW(struct viot_head, 38, OFFSET, node_offset, "Node offset"),
	ROW(struct viot_head, 40, RESERVED, reserved, "Reserved"),
};
static const struct layout head_layout =
	LAYOUT("Virtual I/O Translation table", 0, VIOT_HEAD_LENGTH, struct viot_head, head_fields);

/* Names that a person reads beside the number; the standard calls them so, too. */
static const struct field_name node_types[] = {
	{ VIOT_PCI_RANGE, "PCI range" },
	{ VIOT_MMIO_ENDPOINT, "MMIO endpoint" },
	{ VIOT_VIRTIO_PCI, "virtio-iommu, PCI" },
	{ VIOT_VIRTIO_MMIO, "virtio-iommu, MMIO" },
	{ 0, NULL },
};

#define NODE_ROWS(host) \
	ROW_NAMED(host, 0, TYPE, node.type, "Type", node_types), \
		ROW(host, 1, RESERVED, node.reserved, "Reserved"), \
		ROW(host, 2, LENGTH, node.length, "Length")

/*
 * The functions of one window of BDFs, in each of several segments. IDs count from endpoint start,
 * and 0x10000 further in each next segment.
 */
static const struct field pci_range_fields[] = {
	NODE_ROWS(struct viot_pci_range),
	ROW(struct viot_pci_range, 4, HEX, endpoint_start, "Endpoint start"),
	ROW(struct viot_pci_range, 8, HEX, segment_start, "PCI segment start"),
	ROW(struct viot_pci_range, 10, HEX, segment_end, "PCI segment end"),
	ROW(struct viot_pci_range, 12, BDF, bdf_start, "PCI BDF start"),
	ROW(struct viot_pci_range, 14, BDF, bdf_end, "PCI BDF end"),
	ROW(struct viot_pci_range, 16, OFFSET, output_node, "Output node"),
	ROW(struct viot_pci_range, 18, RESERVED, reserved, "Reserved"),
};

/* A device that is not PCI: it is known by where its first register window begins. */
static const struct field mmio_endpoint_fields[] = {
	NODE_ROWS(struct viot_mmio_endpoint),
	ROW(struct viot_mmio_endpoint, 4, HEX, endpoint, "Endpoint"),
	ROW(struct viot_mmio_endpoint, 8, HEX, base_address, "Base address"),
	ROW(struct viot_mmio_endpoint, 16, OFFSET, output_node, "Output node"),
	ROW(struct viot_mmio_endpoint, 18, RESERVED, reserved, "Reserved"),
};

/* IOMMU nodes have no ID of their own: endpoint nodes refer to them by where they stand. */
static const struct field virtio_pci_fields[] = {
	NODE_ROWS(struct viot_virtio_pci),
	ROW(struct viot_virtio_pci, 4, HEX, segment, "PCI segment"),
	ROW(struct viot_virtio_pci, 6, BDF, bdf, "PCI BDF"),
	ROW(struct viot_virtio_pci, 8, RESERVED, reserved, "Reserved"),
};

/* The reserved bytes bring the address to a multiple of 8, in the node and so in the table. */
static const struct field virtio_mmio_fields[] = {
	NODE_ROWS(struct viot_virtio_mmio),
	ROW(struct viot_virtio_mmio, 4, RESERVED, reserved, "Reserved"),
	ROW(struct viot_virtio_mmio, 8, HEX, base_address, "Base address"),
};

/*
 * What every node has. The bytes behind it are kept as they are, for a later version of the
 * standard may give them a meaning, and for whoever wrote them they have one.
 */
struct unknown_node {
	struct viot_node node;
};
static const struct field unknown_fields[] = { NODE_ROWS(struct unknown_node) };

/* All that ACPI 6.5 has; type 0 and those above are reserved. */
static const struct layout layouts[] = {
	[VIOT_PCI_RANGE] =
		LAYOUT("PCI range", VIOT_PCI_RANGE, 24, struct viot_pci_range, pci_range_fields),
	[VIOT_MMIO_ENDPOINT] = LAYOUT("MMIO endpoint", VIOT_MMIO_ENDPOINT, 24,
				      struct viot_mmio_endpoint, mmio_endpoint_fields),
	[VIOT_VIRTIO_PCI] = LAYOUT("virtio-iommu on PCI", VIOT_VIRTIO_PCI, 16,
				   struct viot_virtio_pci, virtio_pci_fields),
	[VIOT_VIRTIO_MMIO] = LAYOUT("virtio-iommu on MMIO", VIOT_VIRTIO_MMIO, 16,
				    struct viot_virtio_mmio, virtio_mmio_fields),
};

static const struct layout unknown_layout =
	LAYOUT("Node of unknown type", VIOT_UNKNOWN, 4, struct unknown_node, unknown_fields);

/*
 * Linux stops at a node without a length, and so does the cursor: nothing behind it can be found.
 */
static const struct framing node_framing = {
	.type_at = 0, .type_length = 1, .length_at = 2, .length_length = 2, .head = 4
};

/* Types are a byte of the table, so any number can come: what is no row is unknown. */
const struct layout *viot_layout(uint64_t type)
{
	return type && type < G_N_ELEMENTS(layouts) ? &layouts[type] : &unknown_layout;
}

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
	.head = &head_layout,
	.form_of = viot_form_of,
	.decode = decode,
	.rules = viot_rules,
	.to_topology = viot_read,
	.from_topology = viot_write,
};
