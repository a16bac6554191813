/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_KEEP_H
#define VIOMMU_PLAN_KEEP_H

#include "plan.h"

/* Earlier plans (--keep): existing devices keep their places */

/* The place of a device in an earlier plan. */
struct plan_kept {
	struct plan_bridge *bridge;
	struct plan_port *port;
	unsigned function;
};

/*
 * Create the bridges and ports of an earlier plan, without devices. Returns a struct plan_kept for
 * each device, by name; NULL with a finding if the text is not a plan, or does not fit the host.
 */
GHashTable *plan_keep(struct plan *plan, const char *text, struct viommu_findings *findings);

/* Without devices; the plan owns its bridges, and a bridge its ports (model.c). */
struct plan *plan_new(const struct viommu_host *host, const struct plan_options *options);
struct plan_bridge *plan_bridge_new(struct plan *plan, const struct viommu_host_iommu *iommu);
struct plan_bridge *plan_root(struct plan *plan);
struct plan_port *plan_port_new(struct plan_bridge *bridge);

#endif
