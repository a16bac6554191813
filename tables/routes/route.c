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

#include "route.h"
#include "tables/text/scan.h"
#include "tables/model/topology.h"

#define BUS_SHIFT 8

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

/* Is this the last part of a path? Parts are divided by dots in ACPI, by slashes in device trees.
 */
static bool ends_path(const char *path, const char *part)
{
	size_t length = strlen(path), part_length = strlen(part);

	return part_length && part_length < length &&
	       strchr("\\./", path[length - part_length - 1]) &&
	       !strcmp(path + length - part_length, part);
}

/* Goes on behind the first hit, since an ending that several devices share names none of them. */
static const struct viommu_platform_device *find_by_ending(const struct viommu_topology *topology,
							   const char *part, unsigned *ret_n)
{
	const struct viommu_platform_device *device, *found = NULL;

	for_each_object(i, device, topology, OBJECT_PLATFORM_DEVICE)
		if (device->name && ends_path(device->name, part)) {
			found = device;
			++*ret_n;
		}
	return found;
}

/*
 * A whole name counts more than an ending, so that a device can always be asked for whatever others
 * are called. An error instead of the first of several: an answer about another device is worse
 * than none.
 */
int viommu_topology_find_device(const struct viommu_topology *topology, const char *text,
				struct viommu_device_name *ret_name)
{
	const struct viommu_platform_device *device;
	unsigned n = 0;

	if (!viommu_device_name_parse(text, ret_name))
		return 0;
	device = topology_find(topology, OBJECT_PLATFORM_DEVICE, text);
	if (!device)
		device = find_by_ending(topology, text, &n);
	if (!device || n > 1)
		return device ? -ENOTUNIQ : -ENOENT;
	*ret_name = (struct viommu_device_name){ .base = device->base, .name = device->name };
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

/*
 * A range of MSIs with an IOMMU counts IDs and one without counts functions: the numbers of one
 * mean nothing in the other.
 */
static bool msi_has_function(const struct viommu_msi_range *msi,
			     const struct viommu_device_name *device)
{
	return !msi->iommu && device->pci && msi->segment == device->segment &&
	       msi->bdf_first <= device->bdf && device->bdf <= msi->bdf_last;
}

/* IDs belong to the IOMMU that they leave. The same number behind another one is another device. */
static bool msi_has_id(const struct viommu_msi_range *msi, const struct viommu_route *route)
{
	return msi->iommu && route->iommu && g_str_equal(msi->iommu, route->iommu->name) &&
	       msi->id_first <= route->id && route->id <= msi->id_last;
}

/* In order: the first of several that has the function wins, and so it does on the map (map.c). */
static struct deciders find_deciders(const struct viommu_topology *topology,
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

/* Functions are asked first, then the IDs with which they leave the IOMMU. */
static const struct viommu_msi_range *find_msi(const struct viommu_topology *topology,
					       const struct viommu_device_name *device,
					       const struct viommu_route *route)
{
	const struct viommu_msi_range *msi;

	for_each_object(i, msi, topology, OBJECT_MSI_RANGE)
		if (msi_has_function(msi, device))
			return msi;
	for_each_object(i, msi, topology, OBJECT_MSI_RANGE)
		if (msi_has_id(msi, route))
			return msi;
	return NULL;
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

/*
 * After the first hop, since which range of MSIs applies depends on the ID that leaves the IOMMU,
 * and that is another one where Linux goes its own way.
 */
static void finish(const struct viommu_topology *topology, struct deciders deciders,
		   const struct viommu_device_name *device, struct viommu_route *route)
{
	deciders.msi = find_msi(topology, device, route);
	route_go_on(topology, &deciders, device, route);
}

/* Some readers of Linux begin here, for what Linux does as the specification says. */
struct viommu_route route_specified(const struct viommu_topology *topology,
				    const struct viommu_device_name *device)
{
	struct deciders deciders = find_deciders(topology, device);

	return device->pci ? route_begin(topology, &deciders, device)
			   : platform_route(topology, device);
}

/* Each of both answers has its own ID behind the IOMMU, so each looks for its own range of MSIs. */
void viommu_topology_resolve(const struct viommu_topology *topology,
			     const struct viommu_device_name *device,
			     struct viommu_route *ret_route, struct viommu_route *ret_linux,
			     const char **ret_why_linux)
{
	const char *why =
		"there is no table yet: Linux does as the table says that is made of this";
	linux_reader *reader = linux_reader_of(topology_source(topology));
	struct deciders deciders = find_deciders(topology, device);

	*ret_route = route_specified(topology, device);
	*ret_linux = reader ? reader(topology, device, &why) : *ret_route;
	finish(topology, deciders, device, ret_route);
	finish(topology, deciders, device, ret_linux);
	if (ret_why_linux)
		*ret_why_linux = why;
}
