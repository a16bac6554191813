/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of every RIMT structure (RISC-V IO Mapping Table 1.0, chapter 2)
 */
#include "rimt.h"

static const struct field head_fields[] = {
	ACPI_ROWS(struct rimt_head),
	ROW(struct rimt_head, 36, NUMBER, node_count, "Node count"),
	ROW(struct rimt_head, 40, OFFSET, node_offset, "Node offset"),
	ROW(struct rimt_head, 44, RESERVED, reserved, "Reserved"),
};
const struct layout rimt_head_layout =
	LAYOUT("RISC-V IO Mapping table", 0, RIMT_HEAD_LENGTH, struct rimt_head, head_fields);

static const struct field_name node_types[] = {
	{ RIMT_IOMMU, "IOMMU" },
	{ RIMT_ROOT_COMPLEX, "root complex" },
	{ RIMT_PLATFORM_DEVICE, "platform device" },
	{ 0, NULL },
};

#define NODE_ROWS(host) \
	ROW_NAMED(host, 0, TYPE, node.type, "Type", node_types), \
		ROW(host, 1, NUMBER, node.revision, "Revision"), \
		ROW(host, 2, LENGTH, node.length, "Length"), \
		ROW(host, 4, RESERVED, node.reserved, "Reserved"), \
		ROW(host, 6, NUMBER, node.identifier, "Identifier")

static const struct field_name iommu_flags[] = {
	{ RIMT_IOMMU_PCI, "PCI function" },
	{ RIMT_IOMMU_DOMAIN, "proximity domain" },
	{ 0, NULL },
};
static const struct field iommu_fields[] = {
	NODE_ROWS(struct rimt_iommu),
	ROW(struct rimt_iommu, 8, TEXT, hardware_id, "Hardware ID"),
	ROW(struct rimt_iommu, 16, HEX, base, "Base address"),
	ROW_NAMED(struct rimt_iommu, 24, FLAGS, flags, "Flags", iommu_flags),
	ROW(struct rimt_iommu, 28, NUMBER, proximity_domain, "Proximity domain"),
	ROW(struct rimt_iommu, 32, HEX, segment, "PCI segment"),
	ROW(struct rimt_iommu, 34, BDF, bdf, "PCI BDF"),
	ROW(struct rimt_iommu, 36, NUMBER, wire_count, "Interrupt wire count"),
	ROW(struct rimt_iommu, 38, HEX, wire_offset, "Wire array offset"),
};

static const struct field_name wire_flags[] = {
	{ 1, "level" },
	{ 2, "active high" },
	{ 0, NULL },
};
static const struct field wire_fields[] = {
	ROW(struct rimt_wire, 0, NUMBER, number, "Interrupt number"),
	ROW_NAMED(struct rimt_wire, 4, FLAGS, flags, "Flags", wire_flags),
};
const struct layout rimt_wire_layout =
	LAYOUT("Interrupt wire", 0, 8, struct rimt_wire, wire_fields);

/* What the root complex supports; the flags of an ID mapping have what its devices require. */
static const struct field_name root_complex_flags[] = {
	{ RIMT_ATS, "ATS" },
	{ RIMT_PRI, "PRI" },
	{ 0, NULL },
};
static const struct field root_complex_fields[] = {
	NODE_ROWS(struct rimt_root_complex),
	ROW_NAMED(struct rimt_root_complex, 8, FLAGS, flags, "Flags", root_complex_flags),
	ROW(struct rimt_root_complex, 12, RESERVED, reserved, "Reserved"),
	ROW(struct rimt_root_complex, 14, HEX, segment, "PCI segment"),
	ROW(struct rimt_root_complex, 16, HEX, mapping_offset, "ID mapping offset"),
	ROW(struct rimt_root_complex, 18, NUMBER, mapping_count, "ID mapping count"),
};

static const struct field platform_device_fields[] = {
	NODE_ROWS(struct rimt_platform_device),
	ROW(struct rimt_platform_device, 8, HEX, mapping_offset, "ID mapping offset"),
	ROW(struct rimt_platform_device, 10, NUMBER, mapping_count, "ID mapping count"),
};

static const struct field_name mapping_flags[] = {
	{ 1, "ATS required" },
	{ 2, "PRI required" },
	{ 0, NULL },
};
static const struct field mapping_fields[] = {
	ROW(struct rimt_mapping, 0, HEX, source_base, "Source ID base"),
	ROW(struct rimt_mapping, 4, HEX, id_count, "ID count"),
	ROW(struct rimt_mapping, 8, HEX, device_base, "Device ID base"),
	ROW(struct rimt_mapping, 12, OFFSET, iommu, "Destination IOMMU"),
	ROW_NAMED(struct rimt_mapping, 16, FLAGS, flags, "Flags", mapping_flags),
};
const struct layout rimt_mapping_layout =
	LAYOUT("RIMT ID mapping", 0, 20, struct rimt_mapping, mapping_fields);

/* The head of every node; the rest stays bytes. */
struct unknown_node {
	struct rimt_node node;
};

static const struct field unknown_fields[] = { NODE_ROWS(struct unknown_node) };

static const struct layout layouts[] = {
	[RIMT_IOMMU] = LAYOUT("RISC-V IOMMU", RIMT_IOMMU, 40, struct rimt_iommu, iommu_fields),
	[RIMT_ROOT_COMPLEX] = LAYOUT("PCI root complex", RIMT_ROOT_COMPLEX, 20,
				     struct rimt_root_complex, root_complex_fields),
	[RIMT_PLATFORM_DEVICE] = LAYOUT("Platform device", RIMT_PLATFORM_DEVICE, 12,
					struct rimt_platform_device, platform_device_fields),
};

static const struct layout unknown_layout =
	LAYOUT("Node of unknown type", RIMT_UNKNOWN, RIMT_NODE_LENGTH, struct unknown_node,
	       unknown_fields);

const struct layout *rimt_layout(uint64_t type)
{
	return type < G_N_ELEMENTS(layouts) ? &layouts[type] : &unknown_layout;
}
