/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Layouts of the head and the nodes of a VIOT
 */
#include "viot.h"

/*
 * The 36 bytes of the ACPI header, and 12 of VIOT. The node offset allows a later version to extend
 * the head.
 */
static const struct field head_fields[] = {
	ACPI_ROWS(struct viot_head),
	ROW(struct viot_head, 36, NUMBER, node_count, "Node count"),
	ROW(struct viot_head, 38, OFFSET, node_offset, "Node offset"),
	ROW(struct viot_head, 40, RESERVED, reserved, "Reserved"),
};

const struct layout viot_head_layout =
	LAYOUT("Virtual I/O Translation table", 0, VIOT_HEAD_LENGTH, struct viot_head, head_fields);

/* Names for dumps, as in the standard. */
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
 * The same window of functions in each of several segments. IDs count from endpoint start, and
 * continue 0x10000 further in each next segment.
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

/* A device that is not on PCI, identified by the base of its first register window. */
static const struct field mmio_endpoint_fields[] = {
	NODE_ROWS(struct viot_mmio_endpoint),
	ROW(struct viot_mmio_endpoint, 4, HEX, endpoint, "Endpoint"),
	ROW(struct viot_mmio_endpoint, 8, HEX, base_address, "Base address"),
	ROW(struct viot_mmio_endpoint, 16, OFFSET, output_node, "Output node"),
	ROW(struct viot_mmio_endpoint, 18, RESERVED, reserved, "Reserved"),
};

/* Endpoint nodes refer to IOMMU nodes by their offset. */
static const struct field virtio_pci_fields[] = {
	NODE_ROWS(struct viot_virtio_pci),
	ROW(struct viot_virtio_pci, 4, HEX, segment, "PCI segment"),
	ROW(struct viot_virtio_pci, 6, BDF, bdf, "PCI BDF"),
	ROW(struct viot_virtio_pci, 8, RESERVED, reserved, "Reserved"),
};

/* The reserved bytes align the address to 8, in the node and in the table. */
static const struct field virtio_mmio_fields[] = {
	NODE_ROWS(struct viot_virtio_mmio),
	ROW(struct viot_virtio_mmio, 4, RESERVED, reserved, "Reserved"),
	ROW(struct viot_virtio_mmio, 8, HEX, base_address, "Base address"),
};

/*
 * The head of every node. The bytes behind it are kept: a later version of the standard may define
 * them.
 */
struct unknown_node {
	struct viot_node node;
};

static const struct field unknown_fields[] = { NODE_ROWS(struct unknown_node) };

/* All nodes of ACPI 6.5. Type 0 and all others are reserved. */
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

/* Any type without a row is unknown. */
const struct layout *viot_layout(uint64_t type)
{
	return type && type < G_N_ELEMENTS(layouts) ? &layouts[type] : &unknown_layout;
}
