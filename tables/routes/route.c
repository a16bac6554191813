/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU does a device reach?
 *
 * The specification's answer comes from the model alone: the first range that has the device,
 * else its host bridge. Linux answers from the table, in its own way (resolve_linux.c). Where
 * entries are disjoint and no IOMMU stands in its own way, both say the same.
 *
 * An answer begins with the first hop, the IOMMU. What lies behind it follows from the topology
 * and is added here to both answers alike.
 */

#include "route.h"
#include "tables/model/topology.h"

#define BUS_SHIFT 8

/* -- as the specification has it ---------------------------------------------- */

const struct viommu_route route_nothing = { .reach = VIOMMU_REACH_NOTHING,
					    .place.at = VIOMMU_NOWHERE };

/*
 * The windows of segments and of functions are independent: the same functions in each
 * segment.
 */
bool range_has(const struct viommu_pci_range *range, const struct viommu_device_name *device)
{
	uint16_t first, last;

	if (!range_is_known(range) || device->segment < range->segment_first ||
	    device->segment > range->segment_last)
		return false;
	if (range_below(range, &first, &last) && first <= device->bdf && device->bdf <= last)
		return true;
	return range->bdf_first <= device->bdf && device->bdf <= range->bdf_last;
}

/*
 * The window of buses is the one that the bridge was given. Which of them have devices is not known
 * before the guest has looked, and it may number them anew.
 */
static bool bridge_has(const struct viommu_host_bridge *bridge,
		       const struct viommu_device_name *device)
{
	unsigned bus = device->bdf >> BUS_SHIFT;

	return bridge->segment == device->segment && bridge->bus_first <= bus &&
	       bus <= bridge->bus_last;
}

/* A virtio-iommu on MMIO is a platform device, and named by its base address like any other. */
bool is_itself(const struct viommu_iommu *iommu, const struct viommu_device_name *device)
{
	if (!device->pci)
		return iommu_has_window(iommu) && iommu->base == device->base;
	return iommu_is_function(iommu) && iommu->segment == device->segment &&
	       iommu->bdf == device->bdf;
}

/* What an entry says. The name of an IOMMU that there is not says nothing. */
struct viommu_route route_to(const struct viommu_topology *topology, const char *iommu, uint64_t id,
			     struct viommu_place place)
{
	struct viommu_route route = { .reach = VIOMMU_REACH_BYPASS, .place = place };

	if (!iommu)
		return route;
	route.iommu = viommu_topology_find_iommu(topology, iommu);
	route.reach = route.iommu ? VIOMMU_REACH_IOMMU : VIOMMU_REACH_NOTHING;
	route.id = route.iommu ? (uint32_t)id : 0;
	return route;
}

struct viommu_route route_of_range(const struct viommu_topology *topology,
				   const struct viommu_pci_range *range,
				   const struct viommu_device_name *device)
{
	return route_to(topology, range->iommu, range_id(range, device->segment, device->bdf),
			range->place);
}

/* An IOMMU does not stand in its own way, and its place says why its function is left out. */
static struct viommu_route route_of_bridge(const struct viommu_topology *topology,
					   const struct viommu_host_bridge *bridge,
					   const struct viommu_device_name *device)
{
	struct viommu_route route = route_to(
		topology, bridge->iommu, function_id(device->segment, device->bdf), bridge->place);

	if (route.iommu && is_itself(route.iommu, device) && !route.iommu->include_self)
		return (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS,
					      .place = route.iommu->place };
	return route;
}

/*
 * A range is an exception from what its host bridge says, so it is asked first, and if it says
 * bypass that is an answer too: the bridge is not asked any more.
 */
struct viommu_route route_begin(const struct viommu_topology *topology,
				const struct deciders *deciders,
				const struct viommu_device_name *device)
{
	if (deciders->range)
		return route_of_range(topology, deciders->range, device);
	if (deciders->bridge)
		return route_of_bridge(topology, deciders->bridge, device);
	return route_nothing;
}

/* -- the hops behind the first -------------------------------------------------- */

/* Counted from the first function or from the first ID of the range. */
static void send_as_range_says(const struct viommu_topology *topology,
			       const struct viommu_msi_range *msi,
			       const struct viommu_device_name *device, struct viommu_route *route)
{
	uint32_t nth =
		msi->iommu ? route->id - msi->id_first : (uint32_t)(device->bdf - msi->bdf_first);

	route->its = topology_find(topology, OBJECT_ITS_GROUP, msi->its);
	route->device_id = route->its ? msi->device_id_first + nth : 0;
	route->its_place = msi->place;
}

/* Without an IOMMU an ITS knows a function by segment and BDF. */
static void send_as_usual(const struct viommu_topology *topology,
			  const struct viommu_host_bridge *bridge,
			  const struct viommu_device_name *device, struct viommu_route *route)
{
	const char *its = route->iommu ? route->iommu->its : bridge ? bridge->its : NULL;

	route->its = its ? topology_find(topology, OBJECT_ITS_GROUP, its) : NULL;
	if (!route->its)
		return;
	route->device_id = route->iommu ? route->id : function_id(device->segment, device->bdf);
	route->its_place = route->iommu ? route->iommu->place : bridge->place;
}

/* A width that nobody says is the widest. */
static void add_pasid(const struct viommu_host_bridge *bridge, struct viommu_route *route)
{
	if (!bridge || !bridge->pasid)
		return;
	route->pasid_bits = bridge->pasid_bits ? bridge->pasid_bits : VIOMMU_PASID_BITS_MAX;
	route->pasid_place = bridge->place;
}

/* What a reader of Linux's filled in already stays as it is. */
void route_go_on(const struct viommu_topology *topology, const struct deciders *deciders,
		 const struct viommu_device_name *device, struct viommu_route *route)
{
	if (!route->its && deciders->msi)
		send_as_range_says(topology, deciders->msi, device, route);
	else if (!route->its)
		send_as_usual(topology, deciders->bridge, device, route);
	if (!route->pasid_bits)
		add_pasid(deciders->bridge, route);
}

/* -- who decides ------------------------------------------------------------------ */

/* In order: the first of several that has the function wins, and so it does on the map (map.c). */
struct deciders route_deciders(const struct viommu_topology *topology,
			       const struct viommu_device_name *device)
{
	struct deciders deciders = { 0 };

	if (!device->pci)
		return deciders;
	for_each_object(i, deciders.range, topology, OBJECT_PCI_RANGE)
		if (range_has(deciders.range, device))
			break;
	for_each_object(i, deciders.bridge, topology, OBJECT_HOST_BRIDGE)
		if (bridge_has(deciders.bridge, device))
			break;
	return deciders;
}

/* -- platform devices --------------------------------------------------------------- */

/* Devices that only a name tells apart may share an address, 0 above all, so a name goes first. */
const struct viommu_platform_device *find_platform_device(const struct viommu_topology *topology,
							  const struct viommu_device_name *device)
{
	const struct viommu_platform_device *candidate;

	if (device->name)
		return topology_find(topology, OBJECT_PLATFORM_DEVICE, device->name);
	for_each_object(i, candidate, topology, OBJECT_PLATFORM_DEVICE)
		if (candidate->base == device->base)
			return candidate;
	return NULL;
}

/* It says itself how wide its PASIDs are. */
static struct viommu_route platform_route(const struct viommu_topology *topology,
					  const struct viommu_device_name *name)
{
	const struct viommu_platform_device *device = find_platform_device(topology, name);
	struct viommu_route route;

	if (!device)
		return route_nothing;
	route = route_to(topology, device->iommu, device->id, device->place);
	route.pasid_bits = device->pasid_bits;
	route.pasid_place = device->place;
	return route;
}

/* -- the question ------------------------------------------------------------- */

/* Some readers of Linux begin here, for what Linux does as the specification says. */
struct viommu_route route_specified(const struct viommu_topology *topology,
				    const struct viommu_device_name *device)
{
	struct deciders deciders = route_deciders(topology, device);

	return device->pci ? route_begin(topology, &deciders, device)
			   : platform_route(topology, device);
}
