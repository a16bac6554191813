/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_MAP_H
#define VIOMMU_TABLES_MAP_H

#include <glib.h>

#include <viommu/topology.h>

/*
 * The map as the rest of the library takes it: a sorted list of struct viommu_route_range, each in
 * one segment. Free with g_array_unref().
 */
GArray *map_new(const struct viommu_topology *topology);

/*
 * Do n_next IDs from `next` go on where n IDs from `first` end, either all of them one after the
 * other or all of them the same? Which of both is only known of several; *one_id becomes what it
 * is of all together.
 */
bool ids_go_on(uint64_t first, uint64_t n, bool *one_id, uint64_t next, uint64_t n_next,
	       bool one_next);

/* How many functions a range has in each of its segments. */
static inline uint32_t range_functions(const struct viommu_route_range *range)
{
	return (uint32_t)(range->bdf_last - range->bdf_first) + 1;
}

#endif
