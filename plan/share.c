/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Whether two physical IOMMUs can share a table of stage 2
 *
 * As Linux's drivers decide when a domain of one is attached to a device behind the other
 * (docs/plan.md). A backend tries it at run time, and what it finds there counts.
 */
#include "plan.h"

static enum viommu_known share_vtd(const struct viommu_host_iommu *one,
				   const struct viommu_host_iommu *other, const char **ret_why)
{
	if (!one->has_registers || !other->has_registers) {
		*ret_why = "their capabilities are not known";
		return VIOMMU_NOT_KNOWN;
	}
	if (one->cap == other->cap && one->ecap == other->ecap) {
		*ret_why = "their capabilities are the same";
		return VIOMMU_YES;
	}
	*ret_why = "their capabilities differ, so Linux may refuse it";
	return VIOMMU_NOT_KNOWN;
}

enum viommu_known plan_can_share(const struct viommu_host_iommu *one,
				 const struct viommu_host_iommu *other, const char **ret_why)
{
	if (one == other) {
		*ret_why = "they are one";
		return VIOMMU_YES;
	}
	if (one->kind != other->kind) {
		*ret_why = "they are of different kinds";
		return VIOMMU_NO;
	}
	switch (one->kind) {
	case VIOMMU_HOST_VTD:
		return share_vtd(one, other, ret_why);
	case VIOMMU_HOST_AMD_VI:
		*ret_why = "Linux attaches a domain to several AMD-Vi";
		return VIOMMU_YES;
	case VIOMMU_HOST_SMMU_V3:
	case VIOMMU_HOST_SMMU_V2:
		*ret_why = "Linux binds a domain to one SMMU";
		return VIOMMU_NO;
	case VIOMMU_HOST_VIRTIO:
		*ret_why = "Linux binds a domain to one virtio-iommu";
		return VIOMMU_NO;
	case VIOMMU_HOST_RISCV:
		*ret_why = "if both know the same page tables";
		return VIOMMU_NOT_KNOWN;
	default:
		*ret_why = "what its driver does is not known";
		return VIOMMU_NOT_KNOWN;
	}
}
