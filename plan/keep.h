/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_KEEP_H
#define VIOMMU_PLAN_KEEP_H

#include "plan.h"

/* Where a device was in an earlier plan. */
struct plan_kept {
	const struct plan_bridge *bridge;
	struct plan_port *port;
	unsigned function;
};

/*
 * Make the bridges and ports of an earlier plan, which are empty. Returns the devices by name, with
 * a struct plan_kept each; NULL: the text is no plan, or does not fit the host, and a finding says
 * why.
 */
GHashTable *plan_keep(struct plan *plan, const char *text, struct viommu_findings *findings);

/* Empty ones, which are the plan's and the bridge's (model.c). */
struct plan *plan_new(const struct viommu_host *host, const struct plan_wish *wish);
struct plan_bridge *plan_bridge_new(struct plan *plan, const struct viommu_host_iommu *iommu);
struct plan_port *plan_port_new(struct plan_bridge *bridge);

#endif
