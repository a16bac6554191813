/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions that Linux routes differently from the specification
 *
 * A route can change only where an entry begins or ends. So functions are cut into pieces there,
 * and the first function of each piece is resolved. Each resolution walks all entries: the cost is
 * quadratic, and MAX_CUTS, far above any real table, bounds it.
 */
#include <string.h>

#include "resolve.h"

#define SEGMENT_LENGTH 0x10000u
#define LAST_BDF       0xffffu
#define BUS_SHIFT      8
#define LAST_DEVFN     0xff
#define MAX_CUTS       8192u

struct cuts {
	GArray *positions; /* uint64_t, segment << 16 | BDF */
	bool too_many;
};

static void cut(struct cuts *cuts, unsigned segment, uint32_t bdf)
{
	uint64_t position = (uint64_t)segment * SEGMENT_LENGTH + bdf;

	if (cuts->positions->len >= MAX_CUTS)
		cuts->too_many = true;
	else
		g_array_append_val(cuts->positions, position);
}

static void cut_around(struct cuts *cuts, unsigned segment, uint16_t first, uint16_t last)
{
	cut(cuts, segment, first);
	cut(cuts, segment, (uint32_t)last + 1);
}

static void cut_around_bus(struct cuts *cuts, unsigned segment, uint8_t first, uint8_t last)
{
	cut_around(cuts, segment, (uint16_t)(first << BUS_SHIFT),
		   (uint16_t)(last << BUS_SHIFT | LAST_DEVFN));
}

/* A range counts once for each of its segments, so one range can be too many. */
static void cut_ranges(struct cuts *cuts, const struct viommu_topology *topology)
{
	const struct viommu_pci_range *range;

	for (size_t i = 0; (range = viommu_topology_pci_range(topology, i)); i++)
		for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
			if (cuts->too_many)
				return;
			cut_around(cuts, s, range->bdf_first, range->bdf_last);
			if (range->secondary_bus)
				cut_around_bus(cuts, s, range->secondary_bus,
					       range->subordinate_bus);
		}
}

/* For an IOMMU that is not a PCI function this cuts at function 0, without effect. */
static void cut_others(struct cuts *cuts, const struct viommu_topology *topology)
{
	const struct viommu_host_bridge *bridge;
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (bridge = viommu_topology_host_bridge(topology, i)); i++)
		cut_around_bus(cuts, bridge->segment, bridge->bus_first, bridge->bus_last);
	for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++)
		cut_around(cuts, iommu->segment, iommu->bdf, iommu->bdf);
}

static gint compare_positions(gconstpointer a, gconstpointer b)
{
	const uint64_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

/* Places are ignored: two entries may describe the same route. */
static bool differ(const struct viommu_route *a, const struct viommu_route *b)
{
	return a->reach != b->reach || a->iommu != b->iommu || a->id != b->id || a->its != b->its ||
	       a->device_id != b->device_id;
}

/* Returns Linux's route; *ret_route is the specification's. */
static struct viommu_route resolve_linux(const struct viommu_topology *topology, uint64_t position,
					 struct viommu_route *ret_route, const char **ret_why)
{
	struct viommu_device_name name = { .pci = true,
					   .segment = (uint16_t)(position / SEGMENT_LENGTH),
					   .bdf = (uint16_t)(position % SEGMENT_LENGTH) };
	struct viommu_route linux_route;

	viommu_topology_resolve(topology, &name, ret_route, &linux_route, ret_why);
	return linux_route;
}

/* From one cut to the next, at most to the end of the segment. The last function shows whether IDs
 * increase. */
static void visit_piece(const struct viommu_topology *topology, uint64_t first, uint64_t end,
			const struct linux_visitor *visitor)
{
	uint64_t last = MIN(end - 1, first | LAST_BDF);
	struct viommu_route_range range = {
		.segment_first = (uint16_t)(first / SEGMENT_LENGTH),
		.segment_last = (uint16_t)(first / SEGMENT_LENGTH),
		.bdf_first = (uint16_t)(first % SEGMENT_LENGTH),
		.bdf_last = (uint16_t)(last % SEGMENT_LENGTH),
		.n_entries = 1,
	};
	struct viommu_route route, of_last, linux_of_last;
	const char *why, *why_last;

	range.route = resolve_linux(topology, first, &route, &why);
	if (!differ(&route, &range.route))
		return;
	linux_of_last = resolve_linux(topology, last, &of_last, &why_last);
	range.shared_id = last > first && linux_of_last.id == range.route.id;
	range.shared_device_id = last > first && linux_of_last.device_id == range.route.device_id;
	visitor->each(visitor->opaque, &range, why);
}

/* No entry covers functions after the last cut. */
bool for_each_linux_difference(const struct viommu_topology *topology,
			       const struct linux_visitor *visitor)
{
	struct cuts cuts = { .positions = g_array_new(FALSE, FALSE, sizeof(uint64_t)) };
	const uint64_t *at;

	cut_ranges(&cuts, topology);
	cut_others(&cuts, topology);
	g_array_sort(cuts.positions, compare_positions);
	at = (const uint64_t *)(void *)cuts.positions->data;
	for (guint i = 0; visitor && !cuts.too_many && i + 1 < cuts.positions->len; i++)
		if (at[i] != at[i + 1])
			visit_piece(topology, at[i], at[i + 1], visitor);
	g_array_unref(cuts.positions);
	return !cuts.too_many;
}
