/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which IOMMU does Linux take for a device of an IVRS?
 *
 * The AMD driver reads blocks of one type, the newest of the first IOMMU, and applies their entries
 * in order to a table with a row for each device ID, up to the highest that entries count. In a
 * topology that was read from an IVRS the last one applied is the first that has the function, or
 * else no two have it.
 */
#include <string.h>

#include <glib.h>

#include "ivrs.h"
#include "tables/routes/route.h"
#include "tables/model/topology.h"

/* A question, and what the driver finds out before it looks at any entry. */
struct question {
	const struct viommu_topology *topology;
	const struct viommu_device_name *device;
	struct ivrs_usual usual;
	uint32_t type; /* of the blocks that are read */
};

/* -- whose blocks are read ------------------------------------------------------------------ */

/* The same question that a writer asks, of a topology that was read. */
static struct ivrs_usual usual_of(const struct viommu_topology *topology)
{
	const struct viommu_platform_device *device;
	const struct viommu_iommu *iommu;
	bool images = false, acpi_devices = false;

	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		images |= ivrs_has_images(iommu);
	for_each_object(i, device, topology, OBJECT_PLATFORM_DEVICE)
		acpi_devices |= device->iommu && device->hid;
	return ivrs_usual(images, acpi_devices);
}

/* The blocks of an IOMMU: those that it asks for, or those that the whole table has. */
static const uint32_t *blocks_of(const struct question *question, const struct viommu_iommu *iommu,
				 unsigned *ret_n)
{
	*ret_n = iommu->amd.n_blocks ? iommu->amd.n_blocks : question->usual.n_blocks;
	return iommu->amd.n_blocks ? iommu->amd.blocks : question->usual.blocks;
}

/* Three blocks of an IOMMU at the most, and one that is looked for. */
static bool is_seen(const struct question *question, const struct viommu_iommu *iommu)
{
	unsigned n;
	const uint32_t *blocks = blocks_of(question, iommu, &n);

	for (unsigned i = 0; i < n; i++)
		if (blocks[i] == question->type)
			return true;
	return false;
}

/* The name of an IOMMU that there is not says nothing, and so does one that is not seen. */
static bool is_read(const struct question *question, const char *name)
{
	const struct viommu_iommu *iommu = viommu_topology_find_iommu(question->topology, name);

	return iommu && is_seen(question, iommu);
}

/*
 * The driver does all this once and for all; here it is linear in the topology for each question.
 */
static struct question begin(const struct viommu_topology *topology,
			     const struct viommu_device_name *device)
{
	struct question question = { topology, device, usual_of(topology), 0 };
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

/* The highest function that entries of the segment count; -1 if there are none. */
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

/* An alias stays when a later entry without one has the function too. */
static void add_alias(const struct question *question, struct viommu_route *route)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, question->topology, OBJECT_PCI_RANGE)
		if (range->one_id && range_has(range, question->device) &&
		    is_read(question, range->iommu)) {
			route->id = range->id_first;
			return;
		}
}

/* The last entry that has the function gives it its IOMMU, and the last alias its ID. */
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

/*
 * A function that others are an alias of, or that sends interrupts of an IOAPIC, has its row filled
 * in with theirs.
 */
static struct viommu_route route_of_others(const struct question *question)
{
	uint32_t id = function_id(question->device->segment, question->device->bdf);
	const struct viommu_interrupt_source *source;
	const struct viommu_pci_range *range;

	for_each_object(i, range, question->topology, OBJECT_PCI_RANGE)
		if (range->one_id && range->id_first == id && is_read(question, range->iommu))
			return route_to(question->topology, range->iommu, id, range->place);
	for_each_object(i, source, question->topology, OBJECT_INTERRUPT_SOURCE)
		if (function_id(source->segment, source->bdf) == id &&
		    is_read(question, source->iommu))
			return route_to(question->topology, source->iommu, id, source->place);
	return route_nothing;
}

/* Of every IOMMU, not only of the one that the function would be behind. */
static bool is_an_iommu(const struct question *question)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, question->topology, OBJECT_IOMMU)
		if (is_itself(iommu, question->device) && is_seen(question, iommu))
			return true;
	return false;
}

/* In the order in which the driver itself would find out. */
static struct viommu_route linux_function(const struct question *question, const char **ret_why)
{
	struct viommu_route route;

	if (question->device->bdf > last_function(question)) {
		*ret_why = "Linux has a row for each function up to the last one of the IVRS, and "
			   "none for this one: 6.1 reads what lies behind, and may panic";
		return route_nothing;
	}
	if (is_an_iommu(question)) {
		*ret_why = "Linux takes the function of every IOMMU out of the table of devices";
		return route_nothing;
	}
	route = route_of_ranges(question);
	if (route.reach != VIOMMU_REACH_IOMMU)
		route = route_of_others(question);
	*ret_why = route.reach == VIOMMU_REACH_IOMMU
			   ? "Linux applies the device entries in order, and the last one counts"
			   : "Linux finds the device in no entry of the IVRS, and leaves it "
			     "without an IOMMU";
	return route;
}

/* ACPI devices are looked for by their IDs, and then have the device ID of their entry. */
struct viommu_route linux_ivrs(const struct viommu_topology *topology,
			       const struct viommu_device_name *device, const char **ret_why)
{
	struct question question = begin(topology, device);
	const struct viommu_platform_device *found;

	if (device->pci)
		return linux_function(&question, ret_why);
	found = find_platform_device(topology, device);
	*ret_why = "Linux knows a device that is not PCI by the hardware ID and the unique ID in "
		   "its entry";
	return found && is_read(&question, found->iommu)
		       ? route_to(topology, found->iommu, found->id, found->place)
		       : route_nothing;
}
