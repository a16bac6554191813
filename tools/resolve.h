/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_RESOLVE_H
#define VIOMMU_TOOLS_RESOLVE_H

#include "json/json.h"

#include <viommu/host.h>
#include <viommu/topology.h>

#include "answer.h"
#include "columns.h"

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

/* The map of a topology as lines of cells, in parts with titles of their own. */
#define MAP_PARTS 5

struct map_listing {
	struct columns parts[MAP_PARTS];
	bool begun[MAP_PARTS]; /* otherwise the part has no lines, not even titles */
	guint most;            /* lines of a part that have cells; others only count */
};

/* Fill the listing, with cells for the first `most` lines of each part. Returns false if Linux's
 * routes were not compared, as for_each_linux_difference(). */
bool map_listing_collect(struct map_listing *listing, const struct viommu_topology *topology,
			 guint most);

/* The whole map of a topology, as text or as JSON (resolve_all.c). */
void print_map(const struct viommu_topology *topology);
void add_map(struct json *json, const char *name, const struct viommu_topology *topology);

/* What sysfs alone says of a device of a host, or of all (resolve_sysfs.c). */
void print_sysfs_answer(const struct viommu_host_device *device);

/* The members of its object. */
void add_sysfs_answer(struct json *json, const struct viommu_host_device *device);
void print_sysfs_map(const struct viommu_host *host);
void add_sysfs_map(struct json *json, const char *name, const struct viommu_host *host);

/*
 * A scope of a DMAR for which Linux gives up VT-d, by the PCI tree: what Linux does, to be freed
 * with g_free(). NULL: there is none (resolve_scopes.c).
 */
char *find_wrong_scope(const struct viommu_topology *topology, const struct pci_tree *tree);

/* What a list of groups alone says of a function in it. */
void print_listed_answer(const char *list, const struct answer *answer);
void add_listed_answer(struct json *json, const struct answer *answer);

/* Its member "sysfs" of an answer by tables; NULL: nothing. */
void add_sysfs(struct json *json, const struct viommu_host_device *device);

#endif
