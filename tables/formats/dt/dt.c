/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device trees as a format of tables
 */
#include "tables/model/topology.h"
#include "tables/table/unsupported.h"
#include "write.h"

/* Guests with a device tree learn these from the devices, or not at all. */
static const struct unsupported unsupported[] = {
	{ OBJECT_RESERVED_MEMORY, OF_ALL, NULL, "dt-silent", "use another table",
	  .reason = "no binding describes memory by its IOMMU" },
	{ OBJECT_INTERRUPT_SOURCE, OF_ALL, NULL, "dt-silent", "use another table",
	  .reason = "no binding describes sources of interrupts by their IOMMU" },
	{ OBJECT_ATS, OF_ALL, NULL, "dt-silent", "use another table",
	  .reason = "no binding describes functions with ATS" },
	UNSUPPORTED_PATHS(OF_ALL, "dt-silent-path"),
	NO_MORE_UNSUPPORTED,
};

const struct format dt_format = {
	.signature = "DTB",
	.name = "Flattened device tree",
	.bare = true,
	.rules = dt_rules,
	.to_topology = dt_read,
	.from_topology = dt_write,
	.unsupported = unsupported,
	.linux_reads = linux_dt,
};
