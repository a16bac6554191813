/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_MCFG_H
#define VIOMMU_TABLES_MCFG_H

#include "tables/table/format.h"

/* MCFG: segments and buses of the machine, to which other tables refer */

/* The buses of a segment, and the base of their configuration space. */
struct mcfg_allocation {
	uint64_t base;
	uint16_t segment;
	uint8_t bus_first, bus_last;
	uint32_t reserved;
};

extern const struct layout mcfg_allocation_layout;

#endif
