/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where Linux reads another map than the specification
 *
 * A reader of a table may change its mind only where an entry begins or ends. So functions are cut
 * there, and of each piece the first function is asked for. Each question walks the entries, so
 * this costs the square of their number, and is done for as many as any real table has.
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

/* Once there are too many nothing more is collected, and in the end nothing is asked. */
static void cut(struct cuts *cuts, unsigned segment, uint32_t bdf)
{
	uint64_t position = (uint64_t)segment * SEGMENT_LENGTH + bdf;

	if (cuts->positions->len >= MAX_CUTS)
		cuts->too_many = true;
	else
		g_array_append_val(cuts->positions, position);
}

/* At its first function, and behind its last one. */
static void cut_around(struct cuts *cuts, unsigned segment, uint16_t first, uint16_t last)
{
	cut(cuts, segment, first);
	cut(cuts, segment, (uint32_t)last + 1);
}

/* Host bridges and bridges decide about whole buses. */
static void cut_around_bus(struct cuts *cuts, unsigned segment, uint8_t first, uint8_t last)
{
	cut_around(cuts, segment, (uint16_t)(first << BUS_SHIFT),
		   (uint16_t)(last << BUS_SHIFT | LAST_DEVFN));
}

/* A range of thousands of segments is thousands of ranges here, and so it may be too many alone. */
static void cut_ranges(struct cuts *cuts, const struct viommu_topology *topology)
{
	const struct viommu_pci_range *range;

	for (size_t i = 0; (range = viommu_topology_pci_range(topology, i)); i++)
		for (unsigned s = range->segment_first; s <= range->segment_last; s++) {
			if (cuts->too_many)
				return;
			cut_around(cuts, s, range->bdf_first, range->bdf_last);
			if (range->below_first)
				cut_around_bus(cuts, s, range->below_first, range->below_last);
		}
}

/* Of an IOMMU that is no function this cuts at function 0, which does no harm. */
static void cut_others(struct cuts *cuts, const struct viommu_topology *topology)
{
	const struct viommu_host_bridge *bridge;
	const struct viommu_iommu *iommu;

	for (size_t i = 0; (bridge = viommu_topology_host_bridge(topology, i)); i++)
		cut_around_bus(cuts, bridge->segment, bridge->bus_first, bridge->bus_last);
	for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++)
		cut_around(cuts, iommu->segment, iommu->bdf, iommu->bdf);
}

/* Not by subtracting: positions are wider than what is returned. */
static gint compare(gconstpointer a, gconstpointer b)
{
	const uint64_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

/* Places are not compared: two entries may say the same. */
static bool differ(const struct viommu_route *a, const struct viommu_route *b)
{
	return a->reach != b->reach || a->iommu != b->iommu || a->id != b->id || a->its != b->its ||
	       a->device_id != b->device_id;
}

/* Linux's route is the answer, the specification's is left in *ret_route. */
static struct viommu_route ask(const struct viommu_topology *topology, uint64_t position,
			       struct viommu_route *ret_route, const char **ret_why)
{
	struct viommu_device_name name = { .pci = true,
					   .segment = (uint16_t)(position / SEGMENT_LENGTH),
					   .bdf = (uint16_t)(position % SEGMENT_LENGTH) };
	struct viommu_route linux_route;

	viommu_topology_resolve(topology, &name, ret_route, &linux_route, ret_why);
	return linux_route;
}

/* From one cut to the next, or to the end of the segment; the last tells if IDs count up. */
static void ask_between(const struct viommu_topology *topology, uint64_t first, uint64_t end,
			const struct linux_listener *listener)
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

	range.route = ask(topology, first, &route, &why);
	if (!differ(&route, &range.route))
		return;
	linux_of_last = ask(topology, last, &of_last, &why_last);
	range.one_id = last > first && linux_of_last.id == range.route.id;
	range.one_device_id = last > first && linux_of_last.device_id == range.route.device_id;
	listener->each(listener->opaque, &range, why);
}

/* What lies behind the last cut belongs to no entry, and nobody says anything of it. */
bool for_each_linux_difference(const struct viommu_topology *topology,
			       const struct linux_listener *listener)
{
	struct cuts cuts = { .positions = g_array_new(FALSE, FALSE, sizeof(uint64_t)) };
	const uint64_t *at;

	cut_ranges(&cuts, topology);
	cut_others(&cuts, topology);
	g_array_sort(cuts.positions, compare);
	at = (const uint64_t *)(void *)cuts.positions->data;
	for (guint i = 0; listener && !cuts.too_many && i + 1 < cuts.positions->len; i++)
		if (at[i] != at[i + 1])
			ask_between(topology, at[i], at[i + 1], listener);
	g_array_unref(cuts.positions);
	return !cuts.too_many;
}
