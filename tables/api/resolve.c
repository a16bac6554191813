/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU a device reaches, by the specification and in Linux: <viommu/topology.h>
 */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "formats.h"
#include "questions.h"
#include "tables/model/topology.h"
#include "tables/routes/route.h"
#include "tables/text/scan.h"

/* Tries a function first: an address begins with 0x, so it cannot be confused with one. */
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

/*
 * Is `part` the last component of the path? ACPI separates components by dots, device trees by
 * slashes.
 */
static bool ends_path(const char *path, const char *part)
{
	size_t length = strlen(path), part_length = strlen(part);

	return part_length && part_length < length &&
	       strchr("\\./", path[length - part_length - 1]) &&
	       !strcmp(path + length - part_length, part);
}

/* Continues after the first hit, to find out whether the ending is ambiguous. */
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
 * A whole name has precedence over an ending. An ambiguous ending is an error: no answer is better
 * than the answer for another device.
 */
int topology_find_device(const struct viommu_topology *topology, const char *text,
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

/* A range of MSIs with an IOMMU counts stream IDs, one without an IOMMU counts functions. */
static bool msi_has_function(const struct viommu_msi_range *msi,
			     const struct viommu_device_name *device)
{
	return !msi->iommu && device->pci && msi->segment == device->segment &&
	       msi->bdf_first <= device->bdf && device->bdf <= msi->bdf_last;
}

/* IDs are unique per IOMMU only. */
static bool msi_has_id(const struct viommu_msi_range *msi, const struct viommu_route *route)
{
	return msi->iommu && route->iommu && g_str_equal(msi->iommu, route->iommu->name) &&
	       msi->id_first <= route->id && route->id <= msi->id_last;
}

/* Ranges of functions have precedence over ranges of IDs. */
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

/*
 * Runs after the first hop, because the ID that leaves the IOMMU selects the range of MSIs. Linux
 * may have another ID there.
 */
static void finish(const struct viommu_topology *topology, struct matches matches,
		   const struct viommu_device_name *device, struct viommu_route *route)
{
	matches.msi = find_msi(topology, device, route);
	route_continue(topology, &matches, device, route);
}

/* Where Linux does not read a node, MSIs end there, too. */
static void leave_unread(const struct viommu_topology *topology, const struct matches *matches,
			 struct viommu_route *route, const char **why)
{
	const char *of_bridge = matches->bridge ? topology_unread(topology, matches->bridge) : NULL;
	const char *of_iommu = route->iommu ? topology_unread(topology, route->iommu) : NULL;

	if (!of_bridge && !of_iommu)
		return;
	*why = of_bridge ? of_bridge : of_iommu;
	route->its = NULL;
	route->device_id = 0;
	if (of_bridge)
		route->pasid_bits = 0;
}

/* MSIs of its devices still have the IDs behind it. */
static void leave_unused(const struct viommu_topology *topology, struct viommu_route *route,
			 const char **why)
{
	const char *reason = route->iommu ? topology_unused(topology, route->iommu) : NULL;

	if (!reason)
		return;
	*why = reason;
	route->reach = VIOMMU_REACH_NOTHING;
	route->iommu = NULL;
	route->id = 0;
	route->place = route_nothing.place;
}

/* The two routes may have different IDs behind the IOMMU, so each selects its own range of MSIs. */
static void resolve_in_table(const struct viommu_topology *topology,
			     const struct viommu_device_name *device,
			     struct viommu_route *ret_route, struct viommu_route *ret_linux,
			     const char **ret_why_linux)
{
	const char *why =
		"there is no table yet: Linux does as the table says that is made of this";
	linux_reader *reader = linux_reader_of(topology);
	struct matches matches = route_matches(topology, device);

	*ret_route = route_specified(topology, device);
	*ret_linux = reader ? reader(topology, device, &why) : *ret_route;
	if (topology_rejection(topology)) {
		*ret_linux = route_nothing;
		why = topology_rejection(topology);
	}
	finish(topology, matches, device, ret_route);
	finish(topology, matches, device, ret_linux);
	leave_unread(topology, &matches, ret_linux, &why);
	leave_unused(topology, ret_linux, &why);
	*ret_why_linux = why;
}

/* -- several tables ------------------------------------------------------------------- */

/*
 * Takes from another table what the route lacks: an IOMMU, any word about the device, an ITS.
 * Returns whether the other table decides.
 */
static bool complete(struct viommu_route *route, const struct viommu_route *other)
{
	struct viommu_route before = *route;
	bool decides = route->reach == VIOMMU_REACH_NOTHING || (!route->iommu && other->iommu);

	if (decides)
		*route = *other;
	if (decides ? before.its != NULL : !route->its) {
		const struct viommu_route *msis = decides ? &before : other;

		route->its = msis->its;
		route->its_place = msis->its_place;
		route->device_id = msis->device_id;
	}
	return decides;
}

/* Linux asks the tables in this order, and the next one if none of the former has an IOMMU. */
void topology_resolve(const struct viommu_topology *topology,
		      const struct viommu_device_name *device, struct viommu_route *ret_route,
		      struct viommu_route *ret_linux, const char **ret_why_linux)
{
	const struct viommu_topology *part = topology_part(topology, 0);
	const char *why, *other_why;

	resolve_in_table(part ? part : topology, device, ret_route, ret_linux, &why);
	for (size_t i = 1; part && (part = topology_part(topology, i)); i++) {
		struct viommu_route route, linux_route;

		resolve_in_table(part, device, &route, &linux_route, &other_why);
		complete(ret_route, &route);
		if (complete(ret_linux, &linux_route))
			why = other_why;
	}
	if (ret_why_linux)
		*ret_why_linux = why;
}
