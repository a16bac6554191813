/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which SMMU does Linux choose for a device, by an IORT?
 *
 * For a PCI function it takes the root complex of the segment, and there the first ID mapping that
 * contains the function; a mapping directly to an ITS group means bypass. The reader has already
 * applied Linux's correction of off-by-one counts, and its choice between two root complexes.
 *
 * For other devices it compares paths, and asks for single mappings only: it finds fewer devices
 * than the table has.
 */
#include <glib.h>

#include "iort.h"
#include "tables/table/format.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

/* -- PCI functions --------------------------------------------------------------- */

static const struct viommu_host_bridge *find_root_complex(const struct viommu_topology *topology,
							  uint16_t segment)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		if (bridge->segment == segment)
			return bridge;
	return NULL;
}

/* Of the range of MSIs that has the function: the first one, as everywhere in a topology. */
static const char *why_unread(const struct viommu_topology *topology,
			      const struct viommu_device_name *device)
{
	const struct viommu_msi_range *range;

	for_each_object(i, range, topology, OBJECT_MSI_RANGE)
		if (!range->iommu && range->segment == device->segment &&
		    range->bdf_first <= device->bdf && device->bdf <= range->bdf_last)
			return topology_unread(topology, range);
	return NULL;
}

/* The topology has the order of the table, so the specified route is also Linux's. */
static struct viommu_route route_of_function(const struct viommu_topology *topology,
					     const struct viommu_device_name *device,
					     const char **ret_why)
{
	struct viommu_route route = route_specified(topology, device);
	const struct viommu_host_bridge *complex = find_root_complex(topology, device->segment);
	const char *unread = complex ? topology_unread(topology, complex) : NULL;

	if (!unread)
		unread = why_unread(topology, device);
	if (unread) {
		*ret_why = unread;
		return route_nothing;
	}
	if (!complex)
		*ret_why =
			"Linux finds no root complex of this segment in the IORT, and no ITS for "
			"it either";
	else if (route.reach == VIOMMU_REACH_IOMMU)
		*ret_why =
			"Linux takes the first ID mapping of the segment's root complex that has "
			"the function";
	else
		*ret_why = "Linux finds no ID mapping of the function to an SMMU, and leaves it "
			   "without one";
	return route;
}

/* -- other devices --------------------------------------------------------------- */

/* In the order of the node. */
static const struct viommu_device_id *find_single(const struct viommu_topology *topology,
						  const char *name)
{
	const struct viommu_device_id *id;

	for_each_object(i, id, topology, OBJECT_DEVICE_ID)
		if (g_str_equal(id->device, name) && id->iommu && !id->has_input)
			return id;
	return NULL;
}

/* The device's own ID is the first mapping of its node. */
static struct viommu_route route_of_device(const struct viommu_topology *topology,
					   const struct viommu_platform_device *device,
					   const char **ret_why)
{
	const struct viommu_device_id *single = find_single(topology, device->name);
	bool own = device->iommu && !device->has_input;

	*ret_why = own || single ? "Linux takes the first single mapping of the device's node"
				 : "Linux asks for single mappings, and the device's node has "
				   "none: it is left without an SMMU, unless its driver asks";
	if (own || !single)
		return route_to(topology, own ? device->iommu : NULL, device->id, device->place);
	return route_to(topology, single->iommu, single->id, single->place);
}

static struct viommu_route route_of_name(const struct viommu_topology *topology,
					 const struct viommu_device_name *name,
					 const char **ret_why)
{
	const struct viommu_platform_device *device = acpi_find_node(topology, name, ret_why);

	return device ? route_of_device(topology, device, ret_why) : route_nothing;
}

/* -- all devices ----------------------------------------------------------------- */

/* A published IORT has no node for a virtio-iommu: Linux finds one by VIOT only. */
struct viommu_route linux_iort(const struct viommu_topology *topology,
			       const struct viommu_device_name *device, const char **ret_why)
{
	struct viommu_route route = device->pci ? route_of_function(topology, device, ret_why)
						: route_of_name(topology, device, ret_why);

	if (!route.iommu || route.iommu->kind == VIOMMU_SMMU_V2 ||
	    route.iommu->kind == VIOMMU_SMMU_V3)
		return route;
	*ret_why = "Linux does not support a virtio-iommu in an IORT, and leaves the device "
		   "without one";
	return (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS, .place = route.place };
}
