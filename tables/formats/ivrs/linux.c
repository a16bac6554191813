/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU does Linux use for a device of an IVRS?
 *
 * The AMD driver reads blocks of one type, the newest of the first IOMMU, and applies their entries
 * in order to a device table, which ends with the highest device ID that entries count. In a
 * topology read from an IVRS, the last entry applied is the first range with the function, or no
 * two ranges overlap.
 */
#include <string.h>

#include <glib.h>

#include "ivrs.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

/* A query, and what the driver determines before it reads entries. */
struct question {
	const struct viommu_topology *topology;
	const struct viommu_device_name *device;
	struct ivrs_defaults defaults;
	uint32_t type; /* of the blocks that the driver reads */
};

/* -- selection of blocks ------------------------------------------------------- */

/* As write.c does, for a topology that was read. */
static struct ivrs_defaults defaults_of(const struct viommu_topology *topology)
{
	const struct viommu_platform_device *device;
	const struct viommu_iommu *iommu;
	bool images = false, acpi_devices = false;

	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		images |= ivrs_has_images(iommu);
	for_each_object(i, device, topology, OBJECT_PLATFORM_DEVICE)
		acpi_devices |= device->iommu && device->hid;
	return ivrs_defaults(images, acpi_devices);
}

/* The block types of an IOMMU: its own, or the defaults of the table. */
static const uint32_t *blocks_of(const struct question *question, const struct viommu_iommu *iommu,
				 unsigned *ret_n)
{
	*ret_n = iommu->amd.n_blocks ? iommu->amd.n_blocks : question->defaults.n_blocks;
	return iommu->amd.n_blocks ? iommu->amd.blocks : question->defaults.blocks;
}

static bool is_seen(const struct question *question, const struct viommu_iommu *iommu)
{
	unsigned n;
	const uint32_t *blocks = blocks_of(question, iommu, &n);

	if (iommu->kind != VIOMMU_AMD_VI)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (blocks[i] == question->type)
			return true;
	return false;
}

static bool is_read(const struct question *question, const char *name)
{
	const struct viommu_iommu *iommu = viommu_topology_find_iommu(question->topology, name);

	return iommu && is_seen(question, iommu);
}

/* The driver does this once; here it is linear in the topology for each query. */
static struct question begin(const struct viommu_topology *topology,
			     const struct viommu_device_name *device)
{
	struct question question = { topology, device, defaults_of(topology), 0 };
	const struct viommu_iommu *first = viommu_topology_iommu(topology, 0);
	const uint32_t *blocks;
	unsigned n;

	if (!first)
		return question;
	blocks = blocks_of(&question, first, &n);
	question.type = blocks[n - 1];
	return question;
}

/* -- rows of the table ------------------------------------------------------------------------- */

/* The highest function of the segment that entries count; -1 if there is none. */
static int last_function(const struct question *question)
{
	const struct viommu_pci_range *range;
	int last = -1;

	for_each_object(i, range, question->topology, OBJECT_PCI_RANGE)
		if (range->segment_first == question->device->segment &&
		    is_read(question, range->iommu))
			last = MAX(last, range->bdf_last);
	return last;
}

/* An alias remains even if a later entry without one has the function. */
static void add_alias(const struct question *question, struct viommu_route *route)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, question->topology, OBJECT_PCI_RANGE)
		if (range->shared_id && range_has(range, question->device) &&
		    is_read(question, range->iommu)) {
			route->id = range->id_first;
			return;
		}
}

/* The last entry of a function gives its IOMMU, and the last alias its ID. */
static struct viommu_route route_of_ranges(const struct question *question)
{
	const struct viommu_pci_range *range;
	struct viommu_route route;

	for_each_object(i, range, question->topology, OBJECT_PCI_RANGE) {
		if (!range_has(range, question->device) || !is_read(question, range->iommu))
			continue;
		route = route_of_range(question->topology, range, question->device);
		add_alias(question, &route);
		return route;
	}
	return route_nothing;
}

/* The target of an alias, and the requester ID of an IOAPIC, get an IOMMU too. */
static struct viommu_route route_of_others(const struct question *question)
{
	uint32_t id = function_id(question->device->segment, question->device->bdf);
	const struct viommu_interrupt_source *source;
	const struct viommu_pci_range *range;

	for_each_object(i, range, question->topology, OBJECT_PCI_RANGE)
		if (range->shared_id && range->id_first == id && is_read(question, range->iommu))
			return route_to(question->topology, range->iommu, id, range->place);
	for_each_object(i, source, question->topology, OBJECT_INTERRUPT_SOURCE)
		if (function_id(source->segment, source->bdf) == id &&
		    is_read(question, source->iommu))
			return route_to(question->topology, source->iommu, id, source->place);
	return route_nothing;
}

/* Of any IOMMU, not only its own. */
static bool is_an_iommu(const struct question *question)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, question->topology, OBJECT_IOMMU)
		if (is_itself(iommu, question->device) && is_seen(question, iommu))
			return true;
	return false;
}

/* In the order in which the driver decides. */
static struct viommu_route linux_function(const struct question *question, const char **ret_why)
{
	struct viommu_route route;

	if (question->device->bdf > last_function(question)) {
		*ret_why = "Linux's device table ends with the last function of the IVRS, before "
			   "this one: 6.1 reads beyond the table, and may panic";
		return route_nothing;
	}
	if (is_an_iommu(question)) {
		*ret_why = "Linux removes the functions of IOMMUs from its device table";
		return route_nothing;
	}
	route = route_of_ranges(question);
	if (route.reach != VIOMMU_REACH_IOMMU)
		route = route_of_others(question);
	*ret_why = route.reach == VIOMMU_REACH_IOMMU
			   ? "Linux applies device entries in order, and the last one counts"
			   : "no device entry of the IVRS has the function, so Linux uses no IOMMU "
			     "for it";
	return route;
}

/* ACPI devices are found by their IDs, and have the device ID of their entry. */
struct viommu_route linux_ivrs(const struct viommu_topology *topology,
			       const struct viommu_device_name *device, const char **ret_why)
{
	struct question question = begin(topology, device);
	const struct viommu_platform_device *found;

	if (device->pci)
		return linux_function(&question, ret_why);
	found = find_platform_device(topology, device);
	*ret_why = "Linux identifies a device that is not PCI by the hardware ID and unique ID of "
		   "its entry";
	return found && is_read(&question, found->iommu)
		       ? route_to(topology, found->iommu, found->id, found->place)
		       : route_nothing;
}
