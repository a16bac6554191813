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
#include <errno.h>
#include <string.h>

#include <glib.h>

#include "resolve.h"
#include "text_scan.h"
#include "topology.h"

#define SEGMENT_SHIFT 16
#define BUS_SHIFT     8

/* -- names of devices --------------------------------------------------------- */

/* A function is tried first: no address looks like one, for an address begins with 0x here. */
int viommu_device_name_parse(const char *text, struct viommu_device_name *ret_name)
{
	static const char prefix[] = "mmio@";
	struct viommu_device_name name = { 0 };
	struct function function;
	const char *c = text;

	if (scan_function(&c, &function) == SCAN_OK && !*c) {
		name.pci = true;
		name.segment = function.segment;
		name.bdf = function.bdf;
		*ret_name = name;
		return 0;
	}
	c = g_str_has_prefix(text, prefix) ? text + strlen(prefix) : text;
	if (!g_str_has_prefix(c, "0x") || scan_number(&c, UINT64_MAX, &name.base) != SCAN_OK || *c)
		return -EINVAL;
	*ret_name = name;
	return 0;
}

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
	uint32_t id = (uint32_t)device->segment << SEGMENT_SHIFT | device->bdf;
	struct viommu_route route = route_to(topology, bridge->iommu, id, bridge->place);

	if (route.iommu && is_itself(route.iommu, device) && !route.iommu->include_self)
		return (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS,
					      .place = route.iommu->place };
	return route;
}

/*
 * In order: that the first of several wins is what viommu_topology_for_each_pci_range() does
 * too.
 */
static struct viommu_route pci_route(const struct viommu_topology *topology,
				     const struct viommu_device_name *device)
{
	const struct viommu_pci_range *range;
	const struct viommu_host_bridge *bridge;

	for_each_object(i, range, topology, OBJECT_PCI_RANGE)
		if (range_has(range, device))
			return route_of_range(topology, range, device);
	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		if (bridge_has(bridge, device))
			return route_of_bridge(topology, bridge, device);
	return route_nothing;
}

static struct viommu_route platform_route(const struct viommu_topology *topology,
					  const struct viommu_device_name *device)
{
	const struct viommu_platform_device *candidate;

	for_each_object(i, candidate, topology, OBJECT_PLATFORM_DEVICE)
		if (candidate->base == device->base)
			return route_to(topology, candidate->iommu, candidate->id,
					candidate->place);
	return route_nothing;
}

/* -- the hops behind the first -------------------------------------------------- */

/* The first that has the device, as for routes. */
static const struct viommu_host_bridge *find_bridge(const struct viommu_topology *topology,
						    const struct viommu_device_name *device)
{
	const struct viommu_host_bridge *bridge;

	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		if (device->pci && bridge_has(bridge, device))
			return bridge;
	return NULL;
}

/* Without an IOMMU an ITS knows a function by segment and BDF. */
static void add_its(const struct viommu_topology *topology, const struct viommu_device_name *device,
		    const struct viommu_host_bridge *bridge, struct viommu_route *route)
{
	const char *name = NULL;

	if (route->iommu) {
		name = route->iommu->its;
		route->device_id = route->id;
		route->its_place = route->iommu->place;
	} else if (bridge) {
		name = bridge->its;
		route->device_id = (uint32_t)device->segment << SEGMENT_SHIFT | device->bdf;
		route->its_place = bridge->place;
	}
	route->its = topology_find(topology, OBJECT_ITS_GROUP, name);
}

static void add_pasid(const struct viommu_host_bridge *bridge, struct viommu_route *route)
{
	if (!bridge || !bridge->pasid)
		return;
	route->pasid_bits = VIOMMU_PASID_BITS_MAX;
	route->pasid_place = bridge->place;
}

static void add_hops(const struct viommu_topology *topology,
		     const struct viommu_device_name *device, struct viommu_route *route)
{
	const struct viommu_host_bridge *bridge = find_bridge(topology, device);

	if (!route->its)
		add_its(topology, device, bridge, route);
	if (!route->pasid_bits)
		add_pasid(bridge, route);
}

/* -- the question ------------------------------------------------------------- */

void viommu_topology_resolve(const struct viommu_topology *topology,
			     const struct viommu_device_name *device,
			     struct viommu_route *ret_route, struct viommu_route *ret_linux,
			     const char **ret_why_linux)
{
	const char *why =
		"there is no table yet: Linux does as the table says that is made of this";
	linux_reader *reader = linux_reader_of(topology_source(topology));

	*ret_route = device->pci ? pci_route(topology, device) : platform_route(topology, device);
	*ret_linux = reader ? reader(topology, device, &why) : *ret_route;
	add_hops(topology, device, ret_route);
	add_hops(topology, device, ret_linux);
	if (ret_why_linux)
		*ret_why_linux = why;
}
