/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes of an IORT that map no device's IDs: performance monitors (PMCG) and interrupt wire
 * bridges (IWB)
 */
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/model/topology.h"

/* The mapping gives the device ID of the node's own MSIs: one ID, of a PMCG a single mapping. */
static bool has_one_id(const struct record *node, const struct iort_mapping *mapping)
{
	if (iort_type_of(node) == IORT_PMCG)
		return mapping->flags & IORT_MAPPING_SINGLE;
	return mapping->flags & IORT_MAPPING_SINGLE || !mapping->id_count;
}

static const char *read_msi(const struct iort_reading *reading, const struct record *node,
			    uint32_t *ret_id)
{
	const struct iort_mapping *mapping = iort_mapping_of(node, 0);
	const char *its = mapping ? iort_its_at(reading, mapping->output_reference) : NULL;

	if (!mapping)
		return NULL;
	if (!its || !has_one_id(node, mapping) || iort_mapping_of(node, 1)) {
		iort_report_dropped(reading, "iort-silent-node", node,
				    "ID mappings that are not one ID at an ITS group");
		return NULL;
	}
	*ret_id = mapping->output_base;
	return its;
}

/* What the monitor counts for. Returns the path of a device, to be freed with memory_free(). */
static char *read_target(const struct iort_reading *reading, const struct record *node,
			 struct viommu_monitor *monitor)
{
	const struct iort_pmcg *fields = node->host;
	const struct record *target =
		hash_lookup(reading->nodes, GSIZE_TO_POINTER((gsize)fields->node_reference));

	monitor->iommu = iort_iommu_at(reading, fields->node_reference);
	if (monitor->iommu || !target)
		return NULL;
	if (iort_type_of(target) == IORT_NAMED_COMPONENT)
		return iort_text(target);
	if (iort_type_of(target) == IORT_ROOT_COMPLEX) {
		monitor->has_segment = true;
		monitor->segment = ((const struct iort_root_complex *)target->host)->segment;
	}
	return NULL;
}

static bool counts_for_something(const struct viommu_monitor *monitor)
{
	return monitor->iommu || monitor->device || monitor->has_segment;
}

/* Before revision 1 there is no page 1, whatever the length of the node. */
void iort_read_monitor(struct iort_reading *reading, const struct record *node)
{
	const struct iort_pmcg *fields = node->host;
	struct viommu_monitor monitor = {
		.size = sizeof(monitor),
		.base = fields->page_0,
		.base_1 = fields->node.revision ? fields->page_1 : 0,
		.interrupt = fields->overflow,
		.place = table_place(reading->table, node->at),
	};
	auto_free char *device = read_target(reading, node, &monitor);

	monitor.device = device;
	monitor.its = read_msi(reading, node, &monitor.msi_id);
	monitor.has_identifier = iort_read_identifier(reading, node, &monitor.identifier);
	if (!counts_for_something(&monitor) ||
	    topology_add_monitor(reading->topology, &monitor) < 0)
		iort_report_dropped(reading, "iort-silent-node", node,
				    "a monitor that counts for no SMMU, device or root complex");
}

void iort_read_wire_bridge(struct iort_reading *reading, const struct record *node)
{
	const struct iort_iwb *fields = node->host;
	auto_free char *name = iort_text(node);
	struct viommu_wire_bridge bridge = {
		.size = sizeof(bridge),
		.name = name,
		.base = fields->base,
		.index = fields->index,
		.place = table_place(reading->table, node->at),
	};

	bridge.its = read_msi(reading, node, &bridge.msi_id);
	bridge.has_identifier = iort_read_identifier(reading, node, &bridge.identifier);
	if (topology_add_wire_bridge(reading->topology, &bridge) < 0)
		iort_report_dropped(
			reading, "iort-silent-node", node,
			"a second wire bridge of this name, or a name that is not text");
}
