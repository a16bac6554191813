/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU a device reaches
 *
 * By the specification, from the topology alone: the first range that has the device, otherwise its
 * host bridge. Linux reads the table in its own way (linux.c of each format). The results agree if
 * entries are disjoint and no IOMMU translates itself.
 *
 * A route begins with the first hop, the IOMMU. The hops behind it follow from the topology, and
 * are the same for both.
 */

#include <string.h>

#include "route.h"
#include "tables/model/topology.h"

#define BUS_SHIFT 8

/* -- by the specification ------------------------------------------------------ */

const struct viommu_route route_nothing = { .reach = VIOMMU_REACH_NOTHING,
					    .place.at = VIOMMU_NOWHERE };

/* Segments and functions are independent: the same functions in each segment. */
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
 * The bus window of the bridge, from the topology. Which of its buses have devices is unknown
 * before the guest scans them, and the guest may renumber them.
 */
static bool bridge_has(const struct viommu_host_bridge *bridge,
		       const struct viommu_device_name *device)
{
	unsigned bus = device->bdf >> BUS_SHIFT;

	return bridge->segment == device->segment && bridge->bus_first <= bus &&
	       bus <= bridge->bus_last;
}

/* A virtio-iommu on MMIO is a platform device, identified by its base address. */
bool is_itself(const struct viommu_iommu *iommu, const struct viommu_device_name *device)
{
	if (!device->pci)
		return iommu_has_window(iommu) && iommu->base == device->base;
	return iommu_is_function(iommu) && iommu->segment == device->segment &&
	       iommu->bdf == device->bdf;
}

/* An entry that names a missing IOMMU decides nothing. */
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

/*
 * A host bridge excludes its IOMMU's own function. The place is that of the IOMMU, which explains
 * this.
 */
static struct viommu_route route_of_bridge(const struct viommu_topology *topology,
					   const struct viommu_host_bridge *bridge,
					   const struct viommu_device_name *device)
{
	struct viommu_route route = route_to(
		topology, bridge->iommu, function_id(device->segment, device->bdf), bridge->place);

	if (route.iommu && is_itself(route.iommu, device) && !route.iommu->translates_itself)
		return (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS,
					      .place = route.iommu->place };
	return route;
}

/*
 * A DMAR has host bridges of its own for INCLUDE_PCI_ALL, and for an ATSR with ALL_PORTS, which
 * says nothing of who translates.
 */
static bool says_nothing(const struct viommu_topology *topology,
			 const struct viommu_host_bridge *bridge)
{
	const char *source = topology_source(topology);

	return !bridge->iommu && source && !strcmp(source, "DMAR");
}

/* Ranges are exceptions from host bridges, so they have precedence, even if they bypass. */
struct viommu_route route_begin(const struct viommu_topology *topology,
				const struct matches *matches,
				const struct viommu_device_name *device)
{
	if (matches->range)
		return route_of_range(topology, matches->range, device);
	if (matches->bridge && !says_nothing(topology, matches->bridge))
		return route_of_bridge(topology, matches->bridge, device);
	return route_nothing;
}

/* -- the hops behind the first -------------------------------------------------- */

/* The device ID counts from the first function or the first ID of the range. */
static void set_device_id_by_range(const struct viommu_topology *topology,
				   const struct viommu_msi_range *msi,
				   const struct viommu_device_name *device,
				   struct viommu_route *route)
{
	uint32_t nth =
		msi->iommu ? route->id - msi->id_first : (uint32_t)(device->bdf - msi->bdf_first);

	route->its = topology_find(topology, OBJECT_ITS_GROUP, msi->its);
	route->device_id =
		route->its ? msi->device_id_first + (msi->shared_id && !msi->iommu ? 0 : nth) : 0;
	route->its_place = msi->place;
}

/*
 * The device ID is the ID at the IOMMU, or, without an IOMMU, the segment in bits 31:16 and the BDF
 * below.
 */
static void set_default_device_id(const struct viommu_topology *topology,
				  const struct viommu_host_bridge *bridge,
				  const struct viommu_device_name *device,
				  struct viommu_route *route)
{
	const char *its = route->iommu ? route->iommu->its : bridge ? bridge->its : NULL;

	route->its = its ? topology_find(topology, OBJECT_ITS_GROUP, its) : NULL;
	if (!route->its)
		return;
	route->device_id = route->iommu ? route->id : function_id(device->segment, device->bdf);
	route->its_place = route->iommu ? route->iommu->place : bridge->place;
}

/* Without a width, the maximum. */
static void add_pasid(const struct viommu_host_bridge *bridge, struct viommu_route *route)
{
	if (!bridge || !bridge->pasid)
		return;
	route->pasid_bits = bridge->pasid_bits ? bridge->pasid_bits : VIOMMU_PASID_BITS_MAX;
	route->pasid_place = bridge->place;
}

/* Keeps what the Linux reader has set. */
void route_continue(const struct viommu_topology *topology, const struct matches *matches,
		    const struct viommu_device_name *device, struct viommu_route *route)
{
	if (!route->its && matches->msi)
		set_device_id_by_range(topology, matches->msi, device, route);
	else if (!route->its)
		set_default_device_id(topology, matches->bridge, device, route);
	if (!route->pasid_bits)
		add_pasid(matches->bridge, route);
}

/* -- the matching entry -------------------------------------------------------- */

/* The first match wins, as on the map (map.c). */
struct matches route_matches(const struct viommu_topology *topology,
			     const struct viommu_device_name *device)
{
	struct matches matches = { 0 };

	if (!device->pci)
		return matches;
	for_each_object(i, matches.range, topology, OBJECT_PCI_RANGE)
		if (range_has(matches.range, device))
			break;
	for_each_object(i, matches.bridge, topology, OBJECT_HOST_BRIDGE)
		if (bridge_has(matches.bridge, device))
			break;
	return matches;
}

/* -- platform devices --------------------------------------------------------------- */

/* By name first: several devices may share an address, such as 0. */
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

/* A platform device has its own PASID width. */
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

/* Linux readers use it where Linux follows the specification. */
struct viommu_route route_specified(const struct viommu_topology *topology,
				    const struct viommu_device_name *device)
{
	struct matches matches = route_matches(topology, device);

	return device->pci ? route_begin(topology, &matches, device)
			   : platform_route(topology, device);
}
