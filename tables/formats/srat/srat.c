/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRAT, the System Resource Affinity table (ACPI 6.5, 5.2.16)
 *
 * Structures say which proximity domain something is in: CPUs, memory, interrupt controllers, and
 * devices that begin transfers themselves. An IOMMU that is a PCI function can be such an
 * initiator, which is how a guest learns its domain: VIOT has no field for it.
 *
 * A PCI function is written with its bus in the lower byte, the other way round than everywhere
 * else. So here it is two fields, and no number that could be taken for a BDF.
 */

#include "srat.h"

/* -- layouts ------------------------------------------------------------------------- */

static const struct list list = {
	.framing = { .type_at = 0,
		     .type_length = 1,
		     .length_at = 1,
		     .length_length = 1,
		     .head = 2 },
	.layout = srat_find_layout,
};

/* -- asking records ------------------------------------------------------------------ */

/* Nothing stands between the head and the first structure. */
static void decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		   struct viommu_findings *findings)
{
	list_decode(&list, table, bytes, length, findings);
}

const struct format srat_format = {
	.signature = "SRAT",
	.name = "System Resource Affinity table",
	.head = &srat_head_layout,
	.decode = decode,
	.rules = srat_rules,
	.from_topology = srat_write,
	.extend = srat_extend,
};
