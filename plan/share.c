/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Can two physical IOMMUs share a stage-2 table?
 *
 * Predicts how Linux's drivers decide when a domain of one IOMMU is attached to a device behind the
 * other (docs/plan.md). A backend attaches at run time, and uses that result instead.
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
		*ret_why = "they are the same IOMMU";
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
		*ret_why = "if both support the same page table formats";
		return VIOMMU_NOT_KNOWN;
	default:
		*ret_why = "the behaviour of the driver is not known";
		return VIOMMU_NOT_KNOWN;
	}
}
