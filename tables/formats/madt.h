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
	MADT_IRS = 28, /* these three are of GICv5 */
	MADT_ITS_CONFIG = 29,
	MADT_ITS_TRANSLATE = 30,
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

/* An interrupt routing service of GICv5. */
struct madt_irs {
	struct madt_node node;
	uint8_t version, reserved;
	uint32_t id, flags, reserved2;
	uint64_t config_base, setlpi_base;
};

struct madt_its_config {
	struct madt_node node;
	uint8_t flags, reserved;
	uint32_t id;
	uint64_t base;
};

/* Of a GICv5, IORT refers to the frame and not to the ITS. */
struct madt_its_translate {
	struct madt_node node;
	uint16_t reserved;
	uint32_t its, id, reserved2;
	uint64_t base;
};

extern const struct layout madt_ioapic_layout, madt_its_layout, madt_its_translate_layout;

#endif
