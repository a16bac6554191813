/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_MAP_H
#define VIOMMU_TABLES_MAP_H

#include <glib.h>

#include <viommu/topology.h>

#include "base/array.h"

/*
 * Iterates over the map: ranges in order, each in one segment. The map is not stored, because
 * entries that cover thousands of segments would make it far larger than the topology.
 */
struct map;

/* Free with map_end(), which takes NULL. */
struct map *map_begin(const struct viommu_topology *topology);
void map_end(struct map *map);

/* Returns false, and writes nothing, behind the last range. */
bool map_next(struct map *map, struct viommu_route_range *ret_range);

/* The whole map as a list, for random access. Free with array_free(). */
struct array *map_new(const struct viommu_topology *topology);

/* Is it the same entry? */
bool place_is_same(const struct viommu_place *a, const struct viommu_place *b);

/* Positions, segment << 16 | BDF, of the first and the last function of a range in one segment. */
static inline uint64_t range_first(const struct viommu_route_range *range)
{
	return (uint64_t)range->segment_first << 16 | range->bdf_first;
}

static inline uint64_t range_last(const struct viommu_route_range *range)
{
	return (uint64_t)range->segment_first << 16 | range->bdf_last;
}

/* The part of a range in one segment that covers [first, last]. */
struct viommu_route_range range_clip(const struct viommu_route_range *range, uint64_t first,
				     uint64_t last);

/*
 * Extend a range by the next one, if that begins behind its last function, or has the same
 * functions in the next segment, and continues its route. Places are ignored.
 */
bool range_joins_function(struct viommu_route_range *range, const struct viommu_route_range *next);
bool range_joins_segment(struct viommu_route_range *range, const struct viommu_route_range *next);

/*
 * The number of functions of a range in its first segment; of IDs from its first to its last
 * function.
 */
static inline uint32_t range_functions(const struct viommu_route_range *range)
{
	return (uint32_t)(range->bdf_last - range->bdf_first) + 1;
}

static inline uint64_t range_length(const struct viommu_route_range *range)
{
	return ((uint64_t)(range->segment_last - range->segment_first) << 16) +
	       range_functions(range);
}

/* The functions of the range in each of its segments, as a key for a hash table. */
static inline void *range_window(const struct viommu_route_range *range)
{
	return GSIZE_TO_POINTER((size_t)range->bdf_first << 16 | range->bdf_last);
}

/* The work of the public functions of these names (tables/public/). */
void topology_for_each_route(const struct viommu_topology *topology,
			     void (*each)(void *opaque, const struct viommu_route_range *range),
			     void *opaque);

#endif
