/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nodes of an IORT that map no device's IDs: performance monitors (PMCG) and interrupt wire
 * bridges (IWB)
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/model/topology.h"

/* The first form of a PMCG, without page 1. */
#define PMCG_FIRST_LENGTH 32

/* MSIs of the node itself. A wire bridge has a range of one ID. */
static void add_msi(const struct iort_writing *writing, struct record *node, const char *its,
		    uint32_t id, uint32_t flags)
{
	auto_array struct array *mappings = array_new(sizeof(struct iort_mapping));
	const struct iort_mapping mapping = {
		.output_base = id,
		.output_reference = iort_its_group_at(writing, its),
		.flags = flags,
	};

	if (mapping.output_reference)
		array_append(mappings, mapping);
	iort_add_mappings(node, mappings);
}

static void set_identifier(struct record *node, bool has, uint32_t identifier)
{
	if (has)
		((struct iort_node *)node->host)->identifier = identifier;
}

/* The offset of the node that it counts for; 0: it has none here. */
static uint32_t target_of(const struct iort_writing *writing, const struct viommu_monitor *monitor)
{
	const struct iort_iommu_state *state = iort_find_iommu(writing, monitor->iommu);

	if (state)
		return (uint32_t)state->at;
	if (monitor->device)
		return GPOINTER_TO_UINT(hash_lookup(writing->components, monitor->device));
	if (monitor->has_segment)
		return GPOINTER_TO_UINT(
			hash_lookup(writing->complexes, GUINT_TO_POINTER(monitor->segment)));
	return 0;
}

/*
 * Linux uses the address of page 1 from node revision 1 on, so a group without that page has
 * revision 0.
 */
static void write_monitor(struct iort_writing *writing, const struct viommu_monitor *monitor)
{
	static const uint8_t e_b = 2, d = 1;
	struct iort_pmcg fields = {
		.page_0 = monitor->base,
		.page_1 = monitor->base_1,
		.overflow = monitor->interrupt,
		.node_reference = target_of(writing, monitor),
	};
	struct record *node;

	if (!fields.node_reference) {
		report(writing->findings, "iort-silent-monitor", monitor->place,
		       "name an SMMU, a device with a path, or a segment of this table",
		       "IORT omits the monitor at 0x%" G_GINT64_MODIFIER
		       "x: what it counts for has no node",
		       monitor->base);
		return;
	}
	if (monitor->base_1)
		fields.node.revision = writing->revision >= IORT_REVISION_E_B ? e_b : d;
	node = iort_begin_with(writing,
			       iort_layout(IORT_PMCG, fields.node.revision,
					   monitor->base_1 ? SIZE_MAX : PMCG_FIRST_LENGTH),
			       &fields);
	set_identifier(node, monitor->has_identifier, monitor->identifier);
	add_msi(writing, node, monitor->its, monitor->msi_id, IORT_MAPPING_SINGLE);
	iort_end_node(writing, node);
}

static void write_wire_bridge(struct iort_writing *writing, const struct viommu_wire_bridge *bridge)
{
	struct iort_iwb fields = { .base = bridge->base, .index = (uint16_t)bridge->index };
	struct record *node = iort_begin_node(writing, IORT_IWB, &fields);

	iort_report_revision(writing, bridge->place, IORT_REVISION_E_G, "an interrupt wire bridge");
	set_identifier(node, bridge->has_identifier, bridge->identifier);
	iort_add_path(node, bridge->name);
	add_msi(writing, node, bridge->its, bridge->msi_id, 0);
	iort_end_node(writing, node);
}

void iort_write_others(struct iort_writing *writing)
{
	const struct viommu_monitor *monitor;
	const struct viommu_wire_bridge *bridge;

	for_each_object(i, monitor, writing->topology, OBJECT_MONITOR)
		write_monitor(writing, monitor);
	for_each_object(i, bridge, writing->topology, OBJECT_WIRE_BRIDGE)
		write_wire_bridge(writing, bridge);
}
