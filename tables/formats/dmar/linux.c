/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU does Linux choose for a device, by a DMAR?
 *
 * Linux's list of units has those with INCLUDE_PCI_ALL at the end, and each other unit before the
 * previous ones: a later unit of the table precedes an earlier one. Linux takes the first unit of
 * the list with a scope for the device, or for a bridge above it.
 */
#include <glib.h>

#include "dmar.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

/*
 * Linux skips structures of types that it does not know, such as those of virtio-iommus, and units
 * with the registers of another.
 */
static bool is_known(const struct viommu_topology *topology, const char *name)
{
	const struct viommu_iommu *iommu = viommu_topology_find_iommu(topology, name);

	return iommu && iommu->kind == VIOMMU_VTD && !topology_unread(topology, iommu);
}

/*
 * Scopes of a unit are adjacent, in the order of its structure: the first scope of the last unit
 * wins.
 */
static const struct viommu_pci_range *find_scope(const struct viommu_topology *topology,
						 const struct viommu_device_name *device)
{
	const struct viommu_pci_range *range, *found = NULL;

	for_each_object(i, range, topology, OBJECT_PCI_RANGE)
		if (range_has(range, device) && is_known(topology, range->iommu) &&
		    (!found || g_strcmp0(found->iommu, range->iommu)))
			found = range;
	return found;
}

/* Any bus of the segment: the unit has what no scope names. */
static struct viommu_route route_of_rest(const struct viommu_topology *topology,
					 const struct viommu_device_name *device)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		if (bridge->iommu && bridge->segment == device->segment &&
		    is_known(topology, bridge->iommu))
			return route_to(topology, bridge->iommu,
					function_id(device->segment, device->bdf), bridge->place);
	return route_nothing;
}

/* Buses below a bridge are in no table, so Linux knows them only after its bus scan. */
static struct viommu_route route_of_function(const struct viommu_topology *topology,
					     const struct viommu_device_name *device,
					     const char **ret_why)
{
	const struct viommu_pci_range *scope = find_scope(topology, device);
	struct viommu_route route =
		scope ? route_of_range(topology, scope, device) : route_of_rest(topology, device);
	struct viommu_route specified = route_specified(topology, device);

	*ret_why =
		scope ? "Linux takes the last unit of the DMAR that names the function"
		: route.reach == VIOMMU_REACH_IOMMU
			? "Linux finds no scope for the function, and takes the unit with "
			  "INCLUDE_PCI_ALL; scopes of bridges it knows once it has scanned buses"
			: "Linux finds the function in no scope, and leaves it without an IOMMU; "
			  "scopes of bridges it knows once it has scanned buses";
	if (specified.iommu && topology_unread(topology, specified.iommu))
		*ret_why = topology_unread(topology, specified.iommu);
	return route;
}

/* A device that is not PCI has one scope, whose number an ANDD names. */
struct viommu_route linux_dmar(const struct viommu_topology *topology,
			       const struct viommu_device_name *device, const char **ret_why)
{
	const struct viommu_platform_device *found;

	if (device->pci)
		return route_of_function(topology, device, ret_why);
	*ret_why = "Linux takes the unit that has a scope for the name of the device";
	found = topology_find(topology, OBJECT_PLATFORM_DEVICE, device->name);
	return found && is_known(topology, found->iommu)
		       ? route_to(topology, found->iommu, found->id, found->place)
		       : route_nothing;
}
