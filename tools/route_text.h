/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_ROUTE_TEXT_H
#define VIOMMU_TOOLS_ROUTE_TEXT_H

#include "json/json.h"

#include <viommu/topology.h>

/* "iommu", "bypass", "nothing": what --json calls it. */
const char *reach_name(enum viommu_reach reach);

/* The IDs from `first` on, n of them: "0x10", "0x10-0x1f". g_free() it. */
char *ids_text(uint32_t first, uint64_t n);

/* Members of the object that is open: where the route leads, without IDs. */
void json_route(struct json *json, const struct viommu_route *route);

#endif
