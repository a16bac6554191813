/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Performance monitors (PMCG), interrupt wire bridges (IWB) and command queues (CMDQV) in a
 * generated device tree
 *
 * A topology describes them fully, so a missing node is created, below the root.
 */
#include <inttypes.h>

#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "tables/table/unsupported.h"
#include "write.h"

#define SPAN_PAGE        0x1000u
#define SPAN_WIRE_BRIDGE 0x10000u
#define SPAN_QUEUES      0x830000u

/* Another device may be at the address, as the SMMU that a monitor is a part of. */
static struct dt_node *find(const struct dt_writing *writing, const char *compatible, uint64_t base)
{
	struct dt_node *node = dt_by_window(writing, base);

	return node && dt_has_string(node, "compatible", compatible) ? node : NULL;
}

/*
 * A new node, with its registers at `base` and, if there is a second one, at `base_1`. Other
 * objects with the address are the same device.
 */
static struct dt_node *create(struct dt_writing *writing, const char *name, const char *compatible,
			      uint64_t base, uint64_t base_1, uint64_t span)
{
	auto_free char *whole = memory_printf("%s@%" PRIx64, name, base);
	struct dt_node *node = dt_create_node(writing, writing->tree->root, whole);
	uint64_t bases[] = { base, base_1 };

	dt_set_string(writing, node, "compatible", compatible);
	dt_set_registers(writing, node, bases, base_1 ? 2 : 1, span);
	hash_insert(writing->windows, memory_copy(&base, sizeof(base)), node);
	return node;
}

/* A node that is there keeps its MSIs, if the topology has none. */
void dt_set_msis(struct dt_writing *writing, struct dt_node *node, const char *its, uint32_t id)
{
	struct dt_node *target = its ? hash_lookup(writing->its, its) : NULL;

	if (target)
		dt_set_cells(writing, node, "msi-parent",
			     (const uint32_t[]){ dt_ensure_phandle(writing, target), id }, 2);
}

static void set_interrupt(struct dt_writing *writing, struct dt_node *node, const char *of,
			  uint32_t interrupt, struct viommu_place place)
{
	if (interrupt)
		dt_set_interrupts(writing, node, &interrupt, 1, of, place);
}

/* -- command queues -------------------------------------------------------------------------- */

void dt_write_queues(struct dt_writing *writing, struct dt_node *smmu,
		     const struct viommu_iommu *iommu)
{
	struct dt_node *node;

	if (!iommu_has_queues(iommu))
		return;
	node = find(writing, DT_QUEUES_NODE, iommu->cmdqv.base);
	if (!node)
		node = create(writing, "cmdqv", DT_QUEUES_NODE, iommu->cmdqv.base, 0, SPAN_QUEUES);
	set_interrupt(writing, node, iommu->name, iommu->cmdqv.interrupt, iommu->place);
	if (!dt_has_string(smmu, "compatible", DT_QUEUES_SMMU))
		dt_set(writing, smmu, "compatible", DT_QUEUES_BOTH, sizeof(DT_QUEUES_BOTH));
	dt_set_number(writing, smmu, DT_QUEUES, dt_ensure_phandle(writing, node));
}

/* -- performance monitors ---------------------------------------------------------------------- */

/* More than the registers of an SMMU with 62 TBUs (MMU-600) need. */
#define SPAN_MAX ((uint64_t)1 << 24)

static int compare_bases(const void *a, const void *b)
{
	uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

static struct array *sorted_bases(const struct viommu_topology *topology)
{
	struct array *bases = array_new(sizeof(uint64_t));
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		array_append(bases, iommu->base);
	array_sort(bases, compare_bases);
	return bases;
}

/* The first base above an address, by halving. */
static uint64_t next_base(const struct array *bases, uint64_t address)
{
	size_t first = 0, end = bases->len;

	while (first < end) {
		size_t middle = first + (end - first) / 2;

		if (array_index(bases, uint64_t, middle) <= address)
			first = middle + 1;
		else
			end = middle;
	}
	return first < bases->len ? array_index(bases, uint64_t, first) : UINT64_MAX;
}

/* The size of an SMMU's registers that includes page 0 of a monitor; 0: another IOMMU is between.
 */
static uint64_t span_with(const struct array *bases, const struct viommu_iommu *smmu,
			  const struct viommu_monitor *monitor)
{
	uint64_t next = next_base(bases, smmu->base);

	if (monitor->base < smmu->base || monitor->base - smmu->base > SPAN_MAX ||
	    monitor->base >= next || next - monitor->base < SPAN_PAGE)
		return 0;
	return monitor->base - smmu->base + SPAN_PAGE;
}

/* Only their registers tell monitors' SMMUs, of which an IORT has no size. */
void dt_note_monitors(struct dt_writing *writing)
{
	struct array *bases = sorted_bases(writing->topology);
	const struct viommu_monitor *monitor;

	for_each_object(i, monitor, writing->topology, OBJECT_MONITOR) {
		const struct viommu_iommu *smmu =
			monitor->iommu
				? topology_find(writing->topology, OBJECT_IOMMU, monitor->iommu)
				: NULL;
		uint64_t *span;

		if (!smmu || smmu->kind != VIOMMU_SMMU_V3)
			continue;
		span = hash_lookup(writing->spans, smmu->name);
		if (!span) {
			span = memory_new(uint64_t, 1);
			hash_insert(writing->spans, smmu->name, span);
		}
		*span = MAX(*span, span_with(bases, smmu, monitor));
	}
	array_free(bases);
}

/* What it counts for is not in the tree, or readers will take another SMMU for it. */
static void report_target(const struct dt_writing *writing, const struct viommu_monitor *monitor)
{
	report(writing->findings, "dt-silent-monitor", monitor->place,
	       "keep it in the text form, or use an IORT",
	       "DTB omits what the monitor at 0x%" PRIx64 " counts for", monitor->base);
}

static void write_monitor(struct dt_writing *writing, const struct array *smmus,
			  const struct viommu_monitor *monitor)
{
	struct dt_node *node = find(writing, DT_MONITOR, monitor->base);
	auto_free char *name = memory_printf("monitor at 0x%" PRIx64, monitor->base);

	if (!node)
		node = create(writing, "pmu", DT_MONITOR, monitor->base, monitor->base_1,
			      SPAN_PAGE);
	set_interrupt(writing, node, name, monitor->interrupt, monitor->place);
	dt_set_msis(writing, node, monitor->its, monitor->msi_id);
	if (monitor->device || monitor->has_segment ||
	    (monitor->iommu &&
	     hash_lookup(writing->iommus, monitor->iommu) != dt_monitored(smmus, monitor->base)))
		report_target(writing, monitor);
}

/* -- interrupt wire bridges -------------------------------------------------------------------- */

/* Readers number them by their order. */
static void check_index(const struct dt_writing *writing, const struct viommu_wire_bridge *bridge,
			size_t i)
{
	if (!writing->into && bridge->index != i)
		report(writing->findings, "dt-silent", bridge->place,
		       "give wire bridges indices from 0, in their order",
		       "DTB omits the index %" PRIu32 " of the wire bridge %s", bridge->index,
		       bridge->name);
}

static void write_wire_bridge(struct dt_writing *writing, const struct viommu_wire_bridge *bridge)
{
	struct dt_node *node = dt_by_name(writing, bridge->name);

	if (!node)
		node = find(writing, DT_WIRE_BRIDGE, bridge->base);
	if (!node) {
		node = create(writing, "interrupt-controller", DT_WIRE_BRIDGE, bridge->base, 0,
			      SPAN_WIRE_BRIDGE);
		dt_set_number(writing, node, "#address-cells", 0);
		dt_set_number(writing, node, "#interrupt-cells", 2);
		dt_set(writing, node, "interrupt-controller", NULL, 0);
	}
	dt_set_msis(writing, node, bridge->its, bridge->msi_id);
}

void dt_write_others(struct dt_writing *writing)
{
	struct array *smmus = dt_list_smmus(writing->tree);
	const struct viommu_monitor *monitor;
	const struct viommu_wire_bridge *bridge;

	for_each_object(i, monitor, writing->topology, OBJECT_MONITOR)
		write_monitor(writing, smmus, monitor);
	for_each_object(i, bridge, writing->topology, OBJECT_WIRE_BRIDGE) {
		check_index(writing, bridge, i);
		write_wire_bridge(writing, bridge);
	}
	array_free(smmus);
}
