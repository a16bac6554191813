/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * MCFG, the locations of PCI configuration space (PCI Firmware Specification, 4.1.2)
 *
 * It lists all segments and their buses, and therefore which functions can exist. Its structures
 * have neither type nor length; all have 16 bytes.
 */
#include "mcfg.h"
#include "tables/table/frame.h"

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

static const struct layout *allocation_layout(uint64_t type)
{
	(void)type;
	return &mcfg_allocation_layout;
}

/* Allocations have no field for their length. */
static uint64_t allocation_length(const uint8_t *allocation, size_t room)
{
	(void)allocation;
	(void)room;
	return MCFG_ALLOCATION_LENGTH;
}

static const struct frame structures = {
	.framing = { .head = MCFG_ALLOCATION_LENGTH, .measure = allocation_length },
	ACPI_FRAME,
	.layout = allocation_layout,
};

const struct format mcfg_format = {
	.signature = "MCFG",
	.name = "Memory-mapped configuration space",
	.head = &head_layout,
	.frame = &structures,
	.decode = frame_decode,
};
