/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU does Linux take for a device?
 *
 * A kernel does not read a model but the table, entry after entry, and each driver has its own way
 * where entries overlap or make no sense. A row at the end says which function reads like the
 * driver of which table. Only the first hop is asked of it: what it leaves zero, resolve.c adds.
 */
#include <glib.h>

#include "tables/routes/route.h"
#include "tables/model/topology.h"

/* -- as Linux reads a VIOT ---------------------------------------------------- */

/*
 * The driver puts each node in front of those it has read, and takes the first that matches:
 * the last of the table. It looks at no other if that one fails.
 */
static struct viommu_route viot_route(const struct viommu_topology *topology,
				      const struct viommu_device_name *device)
{
	const struct viommu_pci_range *range;
	const struct viommu_platform_device *candidate;

	for (size_t i = topology_count(topology, OBJECT_PCI_RANGE); device->pci && i--;) {
		range = topology_get(topology, OBJECT_PCI_RANGE, i);
		if (range_has(range, device))
			return route_of_range(topology, range, device);
	}
	for (size_t i = topology_count(topology, OBJECT_PLATFORM_DEVICE); !device->pci && i--;) {
		candidate = topology_get(topology, OBJECT_PLATFORM_DEVICE, i);
		if (candidate->base == device->base)
			return route_to(topology, candidate->iommu, candidate->id,
					candidate->place);
	}
	return route_nothing;
}

/* Whatever node Linux has taken, it asks last whether the device is the IOMMU itself. */
static struct viommu_route linux_viot(const struct viommu_topology *topology,
				      const struct viommu_device_name *device, const char **ret_why)
{
	struct viommu_route route = viot_route(topology, device);

	if (route.reach != VIOMMU_REACH_IOMMU) {
		*ret_why = "Linux finds the device in no node of the VIOT, and leaves it without "
			   "an IOMMU";
	} else if (is_itself(route.iommu, device)) {
		route = (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS, .place = route.place };
		*ret_why = "Linux lets no IOMMU translate itself: it refuses the node for this "
			   "device with -EINVAL";
	} else {
		*ret_why = "Linux takes the last node of the VIOT that has the device";
	}
	return route;
}

/* -- as Linux reads a device tree ------------------------------------------------- */

/*
 * The first entry of a map wins, as in the model. What no entry has bypasses: where a map was meant
 * to keep a function out, it lets it in.
 */
static struct viommu_route linux_dt(const struct viommu_topology *topology,
				    const struct viommu_device_name *device, const char **ret_why)
{
	struct viommu_route route = route_specified(topology, device);

	if (route.reach != VIOMMU_REACH_IOMMU) {
		*ret_why = "Linux finds no translation for the device in the device tree, and lets "
			   "it bypass";
	} else if (is_itself(route.iommu, device)) {
		route = (struct viommu_route){ .reach = VIOMMU_REACH_BYPASS, .place = route.place };
		*ret_why = "Linux waits for the IOMMU before it starts the IOMMU's own driver, and "
			   "does without when it has waited long enough";
	} else {
		*ret_why = "Linux takes the first entry of the map that has the device";
	}
	return route;
}

/* -- as Linux reads the draft of 2019 ------------------------------------------- */

/* Mainline sees a table of the final form with no nodes. */
static struct viommu_route linux_draft(const struct viommu_topology *topology,
				       const struct viommu_device_name *device,
				       const char **ret_why)
{
	(void)topology;
	(void)device;
	*ret_why = "Linux finds no node in a VIOT of this form, and says nothing: patches of 2019 "
		   "that read it were not merged";
	return route_nothing;
}

/* -- the tables ------------------------------------------------------------------ */

/* A draft of 2019 has a reader, too: what Linux does with it is an answer. */
static const struct {
	const char *signature;
	linux_reader *read;
} readers[] = {
	{ "VIOT", linux_viot }, { "VIOT-2019", linux_draft }, { "IORT", linux_iort },
	{ "DMAR", linux_dmar }, { "IVRS", linux_ivrs },       { "DTB", linux_dt },
};

/*
 * NULL for a topology that no table was read from: then Linux has nothing to read differently.
 */
linux_reader *linux_reader_of(const char *source)
{
	for (size_t i = 0; i < G_N_ELEMENTS(readers); i++)
		if (!g_strcmp0(readers[i].signature, source))
			return readers[i].read;
	return NULL;
}
