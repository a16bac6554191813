/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SRAT, the System Resource Affinity table (ACPI 6.5, 5.2.16)
 *
 * Structures assign proximity domains to CPUs, memory, interrupt controllers and generic
 * initiators, devices that begin transfers themselves. An IOMMU that is a PCI function can be an
 * initiator; that is how a guest learns its domain, for which VIOT has no field.
 *
 * The bus of a PCI function is in the lower byte, unlike everywhere else. It is therefore two
 * fields here, and no number that could be mistaken for a BDF.
 */

#include "srat.h"
#include "tables/table/frame.h"
#include "tables/table/unsupported.h"

static const struct frame structures = {
	.framing = FRAMING(1, 1, 1, 2),
	ACPI_FRAME,
	.layout_at = srat_layout_at,
};

/* SMMUs, VT-d units and RISC-V IOMMUs have a field in the table of their own platform. */
static bool lacks_domain(const void *object)
{
	const struct viommu_iommu *iommu = object;

	return iommu->has_proximity_domain && iommu->kind != VIOMMU_SMMU_V3 &&
	       iommu->kind != VIOMMU_VTD && !iommu_is_riscv(iommu);
}

/* An initiator is a PCI function. */
static bool describes(const struct viommu_table *table, const struct viommu_iommu *iommu)
{
	(void)table;
	return iommu_is_function(iommu);
}

static const struct unsupported unsupported[] = {
	{ OBJECT_IOMMU, OF_OTHERS, lacks_domain, "srat-silent-domain",
	  "describe it by _PXM of its ACPI device", .part = "the proximity domain" },
	NO_MORE_UNSUPPORTED,
};

const struct format srat_format = {
	.signature = "SRAT",
	.name = "System Resource Affinity table",
	.head = &srat_head_layout,
	.frame = &structures,
	.decode = frame_decode,
	.rules = srat_rules,
	.unsupported = unsupported,
	.describes = describes,
	.from_topology = srat_write,
	.extend = srat_extend,
};
