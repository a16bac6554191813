/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_PLAN_DOMAIN_H
#define VIOMMU_PLAN_DOMAIN_H

#include "plan.h"

/* A libvirt domain: what it requests of a plan, and writing a plan into it */
struct plan_domain;

/* NULL with a finding if the text is not a domain, or not one that can be planned for. */
struct plan_domain *plan_domain_read(const char *text, size_t length,
				     struct viommu_findings *findings);
struct plan_domain *plan_domain_free(struct plan_domain *domain);

/*
 * The text is a domain that has nothing to be planned for: it assigns no PCI function, or has a
 * pcie-expander-bus or an <iommu> already.
 */
bool plan_domain_is_done(const char *text, size_t length);

/* A minimal domain with only what a plan needs. */
struct plan_domain *plan_domain_new(const struct plan *plan);

/* The host's functions that the domain assigns, NULL-terminated; owned by the domain. */
const char *const *plan_domain_devices(const struct plan_domain *domain);

/*
 * Set machine, memory, CPUs, nodes, used slots of pcie.0 and `managed` from the domain. Members
 * that are set keep their values; another machine is reported. `options` points into the domain.
 */
void plan_domain_options(const struct plan_domain *domain, struct plan_options *options,
			 struct viommu_findings *findings);

/*
 * Write the plan into the domain; returns its text, to be freed with g_free(). Call it once for a
 * domain.
 */
char *plan_domain_write(struct plan_domain *domain, const struct plan *plan);

#endif
