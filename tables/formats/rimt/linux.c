/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU does Linux choose for a device, by a RIMT?
 *
 * For a PCI function it takes the first root complex of the segment, and there the first ID mapping
 * that contains the function. For other devices it compares whole paths, and takes the ID mappings
 * of the node in their order.
 */
#include "rimt.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

static const struct viommu_host_bridge *find_root_complex(const struct viommu_topology *topology,
							  uint16_t segment)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		if (bridge->segment == segment)
			return bridge;
	return NULL;
}

/* The first range that has the function, or has it in Linux as the one ID more behind its last. */
static const struct viommu_pci_range *find_range(const struct viommu_topology *topology,
						 const struct viommu_device_name *device)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, topology, OBJECT_PCI_RANGE)
		if (range_has(range, device) ||
		    (topology_unread(topology, range) && device->segment == range->segment_first &&
		     device->bdf == range->bdf_last + 1))
			return range;
	return NULL;
}

/* A range counts from its first function, so the ID behind its last is right, too. */
static bool is_one_more(const struct viommu_topology *topology,
			const struct viommu_device_name *device, struct viommu_route *ret_route)
{
	const struct viommu_pci_range *range = find_range(topology, device);

	if (!range || range_has(range, device))
		return false;
	*ret_route = route_to(topology, range->iommu,
			      range->id_first + (uint32_t)(device->bdf - range->bdf_first),
			      range->place);
	return true;
}

static struct viommu_route route_of_function(const struct viommu_topology *topology,
					     const struct viommu_device_name *device,
					     const char **ret_why)
{
	const struct viommu_host_bridge *complex = find_root_complex(topology, device->segment);
	struct viommu_route route;

	*ret_why = "Linux finds no root complex of this segment in the RIMT";
	if (!complex)
		return route_nothing;
	*ret_why = topology_unread(topology, complex);
	if (*ret_why)
		return route_nothing;
	*ret_why = RIMT_ONE_MORE;
	if (is_one_more(topology, device, &route))
		return route;
	route = route_specified(topology, device);
	*ret_why = route.reach == VIOMMU_REACH_IOMMU
			   ? "Linux takes the first ID mapping of the segment's root complex that "
			     "has the function"
			   : "Linux finds no ID mapping of the function, and leaves it without an "
			     "IOMMU";
	return route;
}

static struct viommu_route route_of_name(const struct viommu_topology *topology,
					 const struct viommu_device_name *name,
					 const char **ret_why)
{
	const struct viommu_platform_device *device = acpi_find_node(topology, name, ret_why);

	if (!device)
		return route_nothing;
	*ret_why = "Linux takes the ID mappings of the device's node, the first ID of each";
	return route_to(topology, device->iommu, device->id, device->place);
}

struct viommu_route linux_rimt(const struct viommu_topology *topology,
			       const struct viommu_device_name *device, const char **ret_why)
{
	return device->pci ? route_of_function(topology, device, ret_why)
			   : route_of_name(topology, device, ret_why);
}
