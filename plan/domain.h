/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_DOMAIN_H
#define VIOMMU_PLAN_DOMAIN_H

#include "plan.h"

/*
 * A domain of libvirt: what it wishes for, and itself with a plan put in
 */
struct plan_domain;

/* NULL if the text is no domain, or one that cannot be planned for: a finding says why. */
struct plan_domain *plan_domain_read(const char *text, size_t length,
				     struct viommu_findings *findings);
struct plan_domain *plan_domain_free(struct plan_domain *domain);

/* A small domain that has nothing but what a plan needs. */
struct plan_domain *plan_domain_new(const struct plan *plan);

/* The host's functions that it assigns, NULL-terminated; the domain's. */
const char *const *plan_domain_devices(const struct plan_domain *domain);

/* Fill in what the domain says of: machine, memory, nodes, slots of pcie.0, managed. What is set
 * already stays. `wish` points into the domain. */
void plan_domain_wish(const struct plan_domain *domain, struct plan_wish *wish);

/* Put the plan in; the text of it, to be freed with g_free(). Once for a domain. */
char *plan_domain_write(struct plan_domain *domain, const struct plan *plan);

#endif
