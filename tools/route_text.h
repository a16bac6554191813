/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TOOLS_ROUTE_TEXT_H
#define VIOMMU_TOOLS_ROUTE_TEXT_H

#include "json/json.h"

#include <viommu/topology.h>

/* Routes, IDs and PCI functions as text and as JSON */

/* "iommu", "bypass" or "nothing", as in --json. */
const char *reach_name(enum viommu_reach reach);

/* `n` IDs from `first`: "0x10" or "0x10-0x1f". g_free() it. */
char *ids_text(uint32_t first, uint64_t n);

/* "0000:03:00.0". g_free() it. */
char *pci_function_text(uint32_t segment, unsigned bdf);

/* Add the route, without IDs, to the open object. */
void json_route(struct json *json, const struct viommu_route *route);

#endif
