/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Joins ranges of the map
 *
 * Two ranges are joined if the second begins where the first one ends and continues its route:
 * through the same IOMMU with the next IDs, or with one shared ID; device IDs alike. Within a
 * segment, the next function has the next ID. Across segments, IDs continue as if every segment had
 * all of its functions.
 */

#include "map.h"
#include "route.h"
#include "tables/model/partition.h"
#include "tables/model/topology.h"

#define LAST_BDF       0xffff
#define SEGMENT_LENGTH 0x10000u

/* Consecutive IDs, or n times the same one. A single ID can be either. */
struct ids {
	uint64_t first, n;
	bool one;
};

/* Append IDs, if the result is consecutive, or all are equal. */
static bool ids_go_on(struct ids *ids, const struct ids *next)
{
	bool may_be_one = (ids->n == 1 || ids->one) && (next->n == 1 || next->one);
	bool may_follow = (ids->n == 1 || !ids->one) && (next->n == 1 || !next->one);

	if (may_be_one && next->first == ids->first)
		ids->one = true;
	else if (may_follow && next->first == ids->first + ids->n)
		ids->one = false;
	else
		return false;
	return true;
}

/* What all functions of a range have in common. */
static bool is_same_way(const struct viommu_route *a, const struct viommu_route *b)
{
	return a->reach == b->reach && a->iommu == b->iommu && a->its == b->its &&
	       a->pasid_bits == b->pasid_bits;
}

/* Ignores files: all entries of a machine are in one topology. */
bool place_is_same(const struct viommu_place *a, const struct viommu_place *b)
{
	return a->at == b->at && a->line == b->line && a->column == b->column &&
	       !g_strcmp0(a->path, b->path);
}

/* Compares IDs only where they are used: functions that bypass have none. */
static bool goes_on(struct viommu_route_range *range, uint64_t n,
		    const struct viommu_route_range *next, uint64_t n_next)
{
	const struct viommu_route *a = &range->route, *b = &next->route;
	struct ids ids = { a->id, n, range->shared_id };
	struct ids device_ids = { a->device_id, n, range->shared_device_id };

	if (!is_same_way(a, b) ||
	    (a->iommu && !ids_go_on(&ids, &(struct ids){ b->id, n_next, next->shared_id })) ||
	    (a->its && !ids_go_on(&device_ids,
				  &(struct ids){ b->device_id, n_next, next->shared_device_id })))
		return false;
	range->shared_id = ids.one;
	range->shared_device_id = device_ids.one;
	return true;
}

/* The first ID advances by the functions that are cut off. */
struct viommu_route_range range_clip(const struct viommu_route_range *range, uint64_t first,
				     uint64_t last)
{
	uint32_t nth = (uint32_t)(first - range_first(range));
	struct viommu_route_range piece = *range;

	piece.route.id += range->shared_id || !range->route.iommu ? 0 : nth;
	piece.route.device_id += range->shared_device_id || !range->route.its ? 0 : nth;
	piece.bdf_first = first & LAST_BDF;
	piece.bdf_last = last & LAST_BDF;
	return piece;
}

/*
 * The caller ensures that the range has one segment; functions of several segments are never
 * joined.
 */
bool range_joins_function(struct viommu_route_range *range, const struct viommu_route_range *next)
{
	if (range->segment_last != next->segment_first || range->bdf_last + 1 != next->bdf_first ||
	    !goes_on(range, range_functions(range), next, range_functions(next)))
		return false;
	range->bdf_last = next->bdf_last;
	return true;
}

/* IDs continue as if every segment had all of its functions, whichever functions the range has. */
bool range_joins_segment(struct viommu_route_range *range, const struct viommu_route_range *next)
{
	uint64_t n = (uint64_t)(range->segment_last - range->segment_first + 1) * SEGMENT_LENGTH;

	if (range->segment_last + 1 != next->segment_first || range->bdf_first != next->bdf_first ||
	    range->bdf_last != next->bdf_last || !goes_on(range, n, next, SEGMENT_LENGTH))
		return false;
	range->segment_last = next->segment_last;
	return true;
}

/* -- over segments ------------------------------------------------------------------ */
