/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_MADT_H
#define VIOMMU_TABLES_MADT_H

#include "tables/table/format.h"

/*
 * Structures of a MADT that tables of IOMMUs refer to: IOAPICs and interrupt translation services.
 */

enum madt_type {
	MADT_IOAPIC = 1,
	MADT_ITS = 15,
};

struct madt_node {
	uint8_t type, length;
};

/* DMAR and IVRS refer to the ID, which has one byte in all three tables. */
struct madt_ioapic {
	struct madt_node node;
	uint8_t id, reserved;
	uint32_t address, interrupt_base;
};

/* IORT refers to the ID. The base is for interrupt controller drivers. */
struct madt_its {
	struct madt_node node;
	uint16_t reserved;
	uint32_t id;
	uint64_t base;
	uint32_t reserved2;
};

extern const struct layout madt_ioapic_layout, madt_its_layout;

#endif
