/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_MEMORY_MAP_H
#define VIOMMU_TOOLS_MEMORY_MAP_H

#include <glib.h>

#include <viommu/topology.h>

/* The memory map of a machine: the regions that its firmware reserves. */
struct memory_map;

/*
 * From the lines of e820 or EFI regions in a kernel log, or from a folder as
 * /sys/firmware/memmap. NULL after reporting why: for one, it has no region.
 */
struct memory_map *memory_map_read(const char *name);
void memory_map_free(struct memory_map *map);

/* Report identity-mapped memory that is not in reserved regions. */
void memory_map_check(const struct memory_map *map, const struct viommu_topology *topology,
		      struct viommu_findings *findings);

#endif
