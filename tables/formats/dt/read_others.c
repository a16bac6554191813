/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What belongs to the IOMMUs of an Arm machine and translates nothing: performance monitors (PMCG),
 * interrupt wire bridges of a GICv5 (IWB), and command queues for guests (CMDQV)
 */
#include <inttypes.h>
#include <string.h>

#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* -- ITSs ------------------------------------------------------------------------------ */

static bool is_frame_of_its(const struct dt_node *node)
{
	return node->parent && dt_property(node, "msi-controller") &&
	       dt_has_string(node->parent, "compatible", "arm,gic-v5-its");
}

bool dt_is_its(const struct dt_node *node)
{
	return (dt_has_string(node, "compatible", "arm,gic-v3-its") || is_frame_of_its(node)) &&
	       dt_is_available(node);
}

const char *dt_own_its(const struct dt_reading *reading, const struct dt_node *node,
		       uint32_t *ret_id)
{
	const struct dt_property *parent = dt_property(node, "msi-parent");
	const struct dt_node *target = dt_target(reading->tree, dt_cell(parent, 0));
	const char *its =
		target && dt_cells(parent) == 2 ? hash_lookup(reading->its, target) : NULL;

	if (its)
		*ret_id = dt_cell(parent, 1);
	return its;
}

/* -- interrupt wire bridges -------------------------------------------------------------- */

static bool is_enabled(const struct dt_node *node, const char *compatible)
{
	return dt_has_string(node, "compatible", compatible) && dt_is_available(node);
}

void dt_number_wire_bridges(struct dt_reading *reading)
{
	for_each_dt_node(node, reading->tree)
		if (is_enabled(node, DT_WIRE_BRIDGE))
			hash_insert(reading->wire_bridges, node,
				    GSIZE_TO_POINTER(hash_size(reading->wire_bridges) + 1));
}

static void read_wire_bridge(struct dt_reading *reading, const struct dt_node *node)
{
	auto_free char *name = dt_path(node);
	struct viommu_wire_bridge bridge = {
		.size = sizeof(bridge),
		.name = name,
		.index = GPOINTER_TO_UINT(hash_lookup(reading->wire_bridges, node)) - 1,
		.place = dt_place(reading->tree, node, NULL),
	};
	uint64_t span;

	if (!dt_registers(node, &bridge.base, &span))
		return;
	bridge.its = dt_own_its(reading, node, &bridge.msi_id);
	topology_add_wire_bridge(reading->topology, &bridge);
}

void dt_read_wire_bridges(struct dt_reading *reading)
{
	for_each_dt_node(node, reading->tree)
		if (hash_contains(reading->wire_bridges, node))
			read_wire_bridge(reading, node);
}

/* -- performance monitors ------------------------------------------------------------------ */

/* The registers of an SMMUv3. */
struct smmu {
	uint64_t base, span;
	const struct dt_node *node;
};

static int compare_smmus(const void *a, const void *b)
{
	const struct smmu *one = a, *other = b;

	return (one->base > other->base) - (one->base < other->base);
}

struct array *dt_list_smmus(const struct devicetree *tree)
{
	struct array *smmus = array_new(sizeof(struct smmu));

	for_each_dt_node(node, tree) {
		struct smmu smmu = { .node = node };

		if (!is_enabled(node, "arm,smmu-v3") || !dt_property(node, "#iommu-cells"))
			continue;
		if (!dt_registers(node, &smmu.base, &smmu.span))
			smmu.base = smmu.span = 0;
		array_append(smmus, smmu);
	}
	array_sort(smmus, compare_smmus);
	return smmus;
}

/* The last SMMU at or below an address, by halving. */
const struct dt_node *dt_monitored(const struct array *smmus, uint64_t base)
{
	size_t first = 0, end = smmus->len;
	const struct smmu *smmu;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (array_index(smmus, struct smmu, middle).base <= base)
			first = middle + 1;
		else
			end = middle;
	}
	smmu = first ? &array_index(smmus, struct smmu, first - 1) : NULL;
	if (smmu && base - smmu->base < smmu->span)
		return smmu->node;
	return smmus->len == 1 ? array_index(smmus, struct smmu, 0).node : NULL;
}

static void report_unknown(struct dt_reading *reading, const struct viommu_monitor *monitor)
{
	report(reading->findings, "dt-silent-monitor", monitor->place,
	       "give the monitor its `iommu` in a topology",
	       "the registers of the monitor at 0x%" PRIx64
	       " are inside those of no SMMUv3: which one it counts for is not in the tree",
	       monitor->base);
}

static void read_monitor(struct dt_reading *reading, const struct array *smmus,
			 const struct dt_node *node)
{
	struct viommu_monitor monitor = {
		.size = sizeof(monitor),
		.interrupt = dt_interrupt(reading, node, 0),
		.place = dt_place(reading->tree, node, NULL),
	};
	const struct dt_iommu *iommu;
	const struct dt_node *smmu;
	uint64_t span;

	if (!dt_registers(node, &monitor.base, &span))
		return;
	if (!dt_registers_at(node, 1, &monitor.base_1, &span))
		monitor.base_1 = 0;
	smmu = dt_monitored(smmus, monitor.base);
	iommu = smmu ? hash_lookup(reading->iommus, smmu) : NULL;
	monitor.iommu = iommu ? iommu->name : NULL;
	monitor.its = dt_own_its(reading, node, &monitor.msi_id);
	if (!iommu)
		report_unknown(reading, &monitor);
	topology_add_monitor(reading->topology, &monitor);
}

void dt_read_monitors(struct dt_reading *reading)
{
	struct array *smmus = dt_list_smmus(reading->tree);

	for_each_dt_node(node, reading->tree)
		if (is_enabled(node, DT_MONITOR))
			read_monitor(reading, smmus, node);
	array_free(smmus);
}

/* -- command queues ------------------------------------------------------------------------ */

/* Linux asks the SMMU for its kind, and not the node that it refers to. */
void dt_read_queues(const struct dt_reading *reading, const struct dt_node *smmu,
		    struct viommu_iommu_cmdqv *ret_queues)
{
	const struct dt_node *node =
		dt_target(reading->tree, dt_cell(dt_property(smmu, DT_QUEUES), 0));
	uint64_t base, span;

	if (!node || !dt_has_string(smmu, "compatible", DT_QUEUES_SMMU) || !dt_is_available(node) ||
	    !dt_registers(node, &base, &span))
		return;
	ret_queues->base = base;
	ret_queues->interrupt = dt_interrupt(reading, node, 0);
}
