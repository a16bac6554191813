/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCFG, which says where the configuration space of PCI is (PCI Firmware Specification, 4.1.2)
 *
 * It lists all segments and their buses, and so tells which functions can exist at all.
 *
 * Structures have neither type nor length: they are told apart by their room alone.
 */
#include "mcfg.h"

#define MCFG_HEAD_LENGTH       44
#define MCFG_ALLOCATION_LENGTH 16

struct mcfg_head {
	struct acpi_header acpi;
	uint64_t reserved;
};

static const struct field head_fields[] = {
	ACPI_ROWS(struct mcfg_head),
	ROW(struct mcfg_head, 36, RESERVED, reserved, "Reserved"),
};
static const struct layout head_layout = LAYOUT("Memory-mapped configuration space", 0,
						MCFG_HEAD_LENGTH, struct mcfg_head, head_fields);

static const struct field allocation_fields[] = {
	ROW(struct mcfg_allocation, 0, HEX, base, "Base address"),
	ROW(struct mcfg_allocation, 8, HEX, segment, "PCI segment"),
	ROW(struct mcfg_allocation, 10, HEX, bus_first, "Start bus number"),
	ROW(struct mcfg_allocation, 11, HEX, bus_last, "End bus number"),
	ROW(struct mcfg_allocation, 12, RESERVED, reserved, "Reserved"),
};
const struct layout mcfg_allocation_layout =
	LAYOUT("Allocation", 0, MCFG_ALLOCATION_LENGTH, struct mcfg_allocation, allocation_fields);

/* There is one kind of structure. */
static const struct layout *find_layout(const uint8_t *structure, uint64_t length)
{
	(void)structure;
	(void)length;
	return &mcfg_allocation_layout;
}

static const struct list list = { .step = MCFG_ALLOCATION_LENGTH, .layout = find_layout };

/* Allocations have one length and no head, and follow until the table ends. */
static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings)
{
	list_decode(&list, table, bytes, length, findings);
}

/* What is wrong with configuration space is for others to say. */
static const struct table_rule rules[] = { { NULL, NULL } };

const struct format mcfg_format = {
	.signature = "MCFG",
	.name = "Memory-mapped configuration space",
	.head = &head_layout,
	.decode = decode,
	.rules = rules,
};
