/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Properties that several tables cannot describe
 */
#include "unsupported.h"

bool iommu_has_hotplug(const void *object)
{
	const struct viommu_iommu *iommu = object;

	return iommu->hotplug;
}

bool iommu_has_queues(const void *object)
{
	const struct viommu_iommu *iommu = object;

	return iommu->kind == VIOMMU_SMMU_V3 && iommu->cmdqv.base;
}

bool iommu_has_domain(const void *object)
{
	const struct viommu_iommu *iommu = object;

	return iommu->has_proximity_domain;
}

bool range_has_path(const void *object)
{
	return !range_is_known(object);
}

bool range_has_unknown_buses(const void *object)
{
	const struct viommu_pci_range *range = object;

	return range_is_known(range) && range->scope == VIOMMU_SCOPE_BRIDGE &&
	       !range->secondary_bus;
}

bool device_has_ids(const void *object)
{
	const struct viommu_platform_device *device = object;

	return device->n_ids > 1;
}
