/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_RESOLVE_H
#define VIOMMU_TOOLS_RESOLVE_H

#include "json/json.h"

#include <viommu/topology.h>

/* What one answer of `viommu resolve` and the whole map have in common. */

/* Whoever wants to know of functions that Linux takes another way, and why it does. */
struct linux_listener {
	void (*each)(void *opaque, const struct viommu_route_range *range, const char *why);
	void *opaque;
};

/*
 * Ask of all functions (resolve_linux.c). False: there are too many entries, nothing was asked.
 * Without a listener nothing is asked, but it is told whether it could be.
 */
bool for_each_linux_difference(const struct viommu_topology *topology,
			       const struct linux_listener *listener);

/* Print the whole map of a topology (resolve_all.c); or add it to what --json prints. */
void print_map(const struct viommu_topology *topology);
void add_map(struct json *json, const char *name, const struct viommu_topology *topology);

#endif
