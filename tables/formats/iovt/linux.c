/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU Linux uses for a device, by an IOVT
 *
 * It asks the nodes of the segment in their order, and stops without an IOMMU at one whose own
 * function is the device. Where a node is no PCI function, its function is 00:00.0 there.
 */
#include "iovt.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

static const struct viommu_pci_range *range_of(const struct viommu_topology *topology,
					       const struct viommu_iommu *iommu,
					       const struct viommu_device_name *device)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, topology, OBJECT_PCI_RANGE)
		if (!strcmp(range->iommu, iommu->name) && range_has(range, device))
			return range;
	return NULL;
}

struct viommu_route linux_iovt(const struct viommu_topology *topology,
			       const struct viommu_device_name *device, const char **ret_why)
{
	const struct viommu_iommu *iommu;
	const struct viommu_pci_range *range;

	*ret_why = "Linux reads an IOVT only for PCI functions";
	for_each_object(i, iommu, topology, OBJECT_IOMMU) {
		if (!device->pci || iommu->segment != device->segment)
			continue;
		*ret_why = "Linux takes the function for the IOMMU itself; of an IOMMU that is no "
			   "PCI function, it takes 00:00.0 for that";
		if (iommu->bdf == device->bdf)
			return route_nothing;
		*ret_why = "Linux takes the first IOMMU of the segment that has the function";
		range = range_of(topology, iommu, device);
		if (range)
			return route_to(topology, iommu->name,
					(uint32_t)device->segment << 16 | device->bdf,
					range->place);
	}
	return route_nothing;
}
