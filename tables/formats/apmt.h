/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_APMT_H
#define VIOMMU_TABLES_APMT_H

#include "tables/table/format.h"

/* Nodes of an APMT: performance monitoring units, each of a component of the machine */

enum apmt_type {
	APMT_SMMU = 1,
	APMT_ROOT_COMPLEX = 2,
};

/* `primary` is the identifier of a node of the IORT, if the type is one of those above. */
struct apmt_node {
	uint16_t length;
	uint8_t flags, type;
	uint32_t id;
	uint64_t primary;
	uint32_t secondary;
	uint64_t base_0, base_1;
	uint32_t interrupt, reserved, interrupt_flags, affinity, implementation;
};

extern const struct layout apmt_node_layout;

#endif
