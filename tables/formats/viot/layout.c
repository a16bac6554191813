/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VIOT, byte by byte: head and nodes
 */
#include "viot.h"

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

const struct layout viot_head_layout =
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

/* Types are a byte of the table, so any number can come: what is no row is unknown. */
const struct layout *viot_layout(uint64_t type)
{
	return type && type < G_N_ELEMENTS(layouts) ? &layouts[type] : &unknown_layout;
}
