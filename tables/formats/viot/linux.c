/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU Linux selects by a VIOT: that of the last matching node
 */
#include "viot.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"

/* Linux stops at a node that is too short, and behind as many nodes as the head counts. */
static bool is_read(const struct viommu_topology *topology, const void *object,
		    const char **ret_why)
{
	const char *why = topology_unread(topology, object);

	if (why)
		*ret_why = why;
	return !why;
}

/*
 * The driver prepends each node to its list and takes the first match, which is the last of the
 * table. If that one fails, it tries no other.
 */
static struct viommu_route viot_route(const struct viommu_topology *topology,
				      const struct viommu_device_name *device, const char **ret_why)
{
	const struct viommu_pci_range *range;
	const struct viommu_platform_device *candidate;

	for (size_t i = topology_count(topology, OBJECT_PCI_RANGE); device->pci && i--;) {
		range = topology_get(topology, OBJECT_PCI_RANGE, i);
		if (range_has(range, device) && is_read(topology, range, ret_why))
			return route_of_range(topology, range, device);
	}
	for (size_t i = topology_count(topology, OBJECT_PLATFORM_DEVICE); !device->pci && i--;) {
		candidate = topology_get(topology, OBJECT_PLATFORM_DEVICE, i);
		if (candidate->base == device->base && is_read(topology, candidate, ret_why))
			return route_to(topology, candidate->iommu, candidate->id,
					candidate->place);
	}
	return route_nothing;
}

/* Linux checks last whether the device is the IOMMU itself. */
struct viommu_route linux_viot(const struct viommu_topology *topology,
			       const struct viommu_device_name *device, const char **ret_why)
{
	struct viommu_route route;

	*ret_why = "Linux finds the device in no node of the VIOT, and leaves it without an IOMMU";
	route = viot_route(topology, device, ret_why);
	if (route.reach != VIOMMU_REACH_IOMMU)
		return route;
	if (is_itself(route.iommu, device)) {
		route = (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS, .place = route.place };
		*ret_why = "Linux lets no IOMMU translate itself: it refuses the node for this "
			   "device with -EINVAL";
	} else {
		*ret_why = "Linux takes the last node of the VIOT that has the device";
	}
	return route;
}

/* Mainline Linux reads the table as a final VIOT without nodes. */
struct viommu_route linux_draft(const struct viommu_topology *topology,
				const struct viommu_device_name *device, const char **ret_why)
{
	(void)topology;
	(void)device;
	*ret_why = "Linux finds no node in a VIOT of this form, and says nothing: patches of 2019 "
		   "that read it were not merged";
	return route_nothing;
}
