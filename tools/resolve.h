/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_RESOLVE_H
#define VIOMMU_TOOLS_RESOLVE_H

#include "json/json.h"

#include <viommu/topology.h>

/* Shared by `viommu resolve DEVICE` and `viommu resolve --all`. */

/* Called for each run of functions that Linux routes differently, with the reason. */
struct linux_visitor {
	void (*each)(void *opaque, const struct viommu_route_range *range, const char *why);
	void *opaque;
};

/*
 * Compare Linux's routes with the specification's for all functions (resolve_linux.c). Returns
 * false without comparing if there are too many entries. `visitor` NULL: only return whether there
 * are.
 */
bool for_each_linux_difference(const struct viommu_topology *topology,
			       const struct linux_visitor *visitor);

/* The whole map of a topology, as text or as JSON (resolve_all.c). */
void print_map(const struct viommu_topology *topology);
void add_map(struct json *json, const char *name, const struct viommu_topology *topology);

#endif
