/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * APMT, the Arm Performance Monitoring Unit table (ARM DEN 0117)
 *
 * A node is a performance monitoring unit of a memory controller, an SMMU, a root complex, an ACPI
 * device or a cache. It names SMMUs and root complexes by the identifiers of their nodes in the
 * IORT. Nothing here changes what an IOMMU translates.
 */
#include "apmt.h"
#include "tables/table/frame.h"

#define APMT_NODE_LENGTH 56

struct apmt_head {
	struct acpi_header acpi;
};

static const struct field head_fields[] = { ACPI_ROWS(struct apmt_head) };
static const struct layout head_layout = LAYOUT("Arm Performance Monitoring Unit table", 0,
						ACPI_HEADER_LENGTH, struct apmt_head, head_fields);

static const struct field_name types[] = {
	{ 0, "memory controller" },
	{ APMT_SMMU, "SMMU" },
	{ APMT_ROOT_COMPLEX, "PCIe root complex" },
	{ 3, "ACPI device" },
	{ 4, "CPU cache" },
	{ 0, NULL },
};
static const struct field_name flags[] = {
	{ 0x1, "two pages" },
	{ 0x2, "affine to a processor container" },
	{ 0x4, "atomic 64-bit access" },
	{ 0, NULL },
};
static const struct field_name interrupt_flags[] = { { 0x1, "edge" }, { 0, NULL } };

static const struct field node_fields[] = {
	ROW(struct apmt_node, 0, LENGTH, length, "Length"),
	ROW_NAMED(struct apmt_node, 2, FLAGS, flags, "Flags", flags),
	ROW_NAMED(struct apmt_node, 3, ENUM, type, "Type", types),
	ROW(struct apmt_node, 4, NUMBER, id, "Identifier"),
	ROW(struct apmt_node, 8, HEX, primary, "Primary instance"),
	ROW(struct apmt_node, 16, HEX, secondary, "Secondary instance"),
	ROW(struct apmt_node, 20, HEX, base_0, "Page 0 base"),
	ROW(struct apmt_node, 28, HEX, base_1, "Page 1 base"),
	ROW(struct apmt_node, 36, NUMBER, interrupt, "Overflow interrupt"),
	ROW(struct apmt_node, 40, RESERVED, reserved, "Reserved"),
	ROW_NAMED(struct apmt_node, 44, FLAGS, interrupt_flags, "Overflow interrupt flags",
		  interrupt_flags),
	ROW(struct apmt_node, 48, NUMBER, affinity, "Processor affinity"),
	ROW(struct apmt_node, 52, HEX, implementation, "Implementation"),
};
const struct layout apmt_node_layout =
	LAYOUT("Performance monitoring unit", 0, APMT_NODE_LENGTH, struct apmt_node, node_fields);

/* Nodes of all types have the same fields. */
static const struct layout *node_layout(uint64_t type)
{
	(void)type;
	return &apmt_node_layout;
}

static const struct frame nodes = {
	.framing = { .type_at = 3, .type_length = 1, .length_length = 2, .head = 4 },
	ACPI_FRAME,
	.layout = node_layout,
};

const struct format apmt_format = {
	.signature = "APMT",
	.name = "Arm Performance Monitoring Unit table",
	.head = &head_layout,
	.frame = &nodes,
	.decode = frame_decode,
};
