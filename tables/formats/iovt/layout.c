/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rows of every IOVT structure (ACPI 6.6, "I/O Virtualization Table")
 */
#include "iovt.h"

static const struct field head_fields[] = {
	ACPI_ROWS(struct iovt_head),
	ROW(struct iovt_head, 36, NUMBER, iommu_count, "IOMMU count"),
	ROW(struct iovt_head, 38, OFFSET, iommu_offset, "IOMMU offset"),
	ROW(struct iovt_head, 40, RESERVED, reserved, "Reserved"),
};
const struct layout iovt_head_layout =
	LAYOUT("I/O Virtualization table", 0, IOVT_HEAD_LENGTH, struct iovt_head, head_fields);

/* -- IOMMUs --------------------------------------------------------------------------- */

static const struct field_name iommu_types[] = {
	{ IOVT_IOMMU, "LoongArch IOMMU v1" },
	{ 0, NULL },
};
static const struct field_name iommu_flags[] = {
	{ IOVT_PCI, "PCI function" },
	{ IOVT_DOMAIN, "proximity domain" },
	{ IOVT_WHOLE_SEGMENT, "all functions of the segment" },
	{ 8, "capabilities" },
	{ 16, "MSI address" },
	{ 0, NULL },
};
static const struct field iommu_fields[] = {
	ROW_NAMED(struct iovt_iommu, 0, TYPE, type, "Type", iommu_types),
	ROW(struct iovt_iommu, 2, LENGTH, length, "Length"),
	ROW_NAMED(struct iovt_iommu, 4, FLAGS, flags, "Flags", iommu_flags),
	ROW(struct iovt_iommu, 8, HEX, segment, "PCI segment"),
	ROW(struct iovt_iommu, 10, NUMBER, physical_width, "Physical address width"),
	ROW(struct iovt_iommu, 12, NUMBER, virtual_width, "Virtual address width"),
	ROW(struct iovt_iommu, 14, NUMBER, page_levels, "Page levels"),
	ROW(struct iovt_iommu, 16, HEX, page_sizes, "Page sizes"),
	ROW(struct iovt_iommu, 24, HEX, device_id, "Device ID"),
	ROW(struct iovt_iommu, 28, HEX, base, "Base address"),
	ROW(struct iovt_iommu, 36, HEX, span, "Register size"),
	ROW(struct iovt_iommu, 40, NUMBER, interrupt_type, "Interrupt type"),
	ROW(struct iovt_iommu, 41, RESERVED, reserved, "Reserved"),
	ROW(struct iovt_iommu, 44, NUMBER, gsi, "Interrupt"),
	ROW(struct iovt_iommu, 48, NUMBER, proximity_domain, "Proximity domain"),
	ROW(struct iovt_iommu, 52, NUMBER, device_count, "Most devices"),
	ROW(struct iovt_iommu, 56, NUMBER, entry_count, "Device entry count"),
	ROW(struct iovt_iommu, 60, HEX, entry_offset, "Device entry offset"),
};
static const struct layout iommu_layout =
	LAYOUT("LoongArch IOMMU", IOVT_IOMMU, 64, struct iovt_iommu, iommu_fields);

struct unknown_node {
	uint16_t type, length;
};

static const struct field unknown_fields[] = {
	ROW(struct unknown_node, 0, TYPE, type, "Type"),
	ROW(struct unknown_node, 2, LENGTH, length, "Length"),
};
static const struct layout unknown_layout =
	LAYOUT("IOMMU of unknown type", LAYOUT_UNKNOWN, 4, struct unknown_node, unknown_fields);

const struct layout *iovt_layout(uint64_t type)
{
	return type == IOVT_IOMMU ? &iommu_layout : &unknown_layout;
}

/* -- device entries ------------------------------------------------------------------- */

static const struct field_name entry_types[] = {
	{ IOVT_SINGLE, "function" },
	{ IOVT_START, "start of range" },
	{ IOVT_END, "end of range" },
	{ 0, NULL },
};
static const struct field entry_fields[] = {
	ROW_NAMED(struct iovt_entry, 0, TYPE, type, "Type", entry_types),
	ROW(struct iovt_entry, 1, LENGTH, length, "Length"),
	ROW(struct iovt_entry, 2, HEX, flags, "Flags"),
	ROW(struct iovt_entry, 3, RESERVED, reserved, "Reserved"),
	ROW(struct iovt_entry, 6, BDF, bdf, "PCI BDF"),
};

#define ENTRY(name, type) LAYOUT(name, type, 8, struct iovt_entry, entry_fields)
static const struct layout entry_layouts[] = {
	[IOVT_SINGLE] = ENTRY("Function", IOVT_SINGLE),
	[IOVT_START] = ENTRY("Start of range", IOVT_START),
	[IOVT_END] = ENTRY("End of range", IOVT_END),
};

struct unknown_entry {
	uint8_t type, length;
};

static const struct field unknown_entry_fields[] = {
	ROW(struct unknown_entry, 0, TYPE, type, "Type"),
	ROW(struct unknown_entry, 1, LENGTH, length, "Length"),
};
static const struct layout unknown_entry = LAYOUT("Device entry of unknown type", LAYOUT_UNKNOWN, 2,
						  struct unknown_entry, unknown_entry_fields);

const struct layout *iovt_entry_layout(uint64_t type)
{
	return type < G_N_ELEMENTS(entry_layouts) ? &entry_layouts[type] : &unknown_entry;
}
