/* SPDX-License-Identifier: BSD-3-Clause */
#include "contestant.h"
#include "map/map.h"

/* Our interval map by itself, as src/device uses it, and without readers. */

static void *make(void)
{
	return map_new();
}

static void set_free(void *set)
{
	map_free(set);
}

static bool map_extent(void *set, const struct extent *extent)
{
	const struct range range = { extent->first, extent->last, extent->phys, 3 };

	if (map_overlaps(set, range.first, range.last) || map_insert(set, &range))
		return false;
	map_reclaim_nodes(set);
	return true;
}

static bool unmap(void *set, uint64_t first, uint64_t last)
{
	size_t removed = map_splits_range(set, first, last) ? 0 : map_remove(set, first, last);

	map_reclaim_nodes(set);
	return removed;
}

static uint64_t translate(void *set, uint64_t address)
{
	struct range range;

	if (!map_next_range(set, address, &range) || range.first > address)
		return NOWHERE;
	return range.phys + (address - range.first);
}

static uint64_t walk(void *set)
{
	struct map_walk at;
	struct range range;
	uint64_t sum = 0;

	for (bool more = map_walk(&at, set, 0, &range); more; more = map_walk_next(&at, &range))
		sum += range.phys;
	return sum;
}

const struct contestant contestant_map = {
	.name = "viommu map",
	.make = make,
	.free = set_free,
	.map = map_extent,
	.unmap = unmap,
	.translate = translate,
	.walk = walk,
};
