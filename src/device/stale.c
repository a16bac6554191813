/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/* What endpoints must drop of their own caches after the grace period: atc.c delivers it. */

bool atc_is_concerned(const struct endpoint *endpoint, const struct domain *domain)
{
	if (endpoint->listeners)
		return !domain || domain->table;
	return endpoint->device->ops.invalidate &&
	       (endpoint->config.n_formats || endpoint->config.pasid_bits);
}

void atc_drop(struct member *member)
{
	struct viommu *device = member->endpoint->device;

	if (member->is_stale || member->endpoint->listeners ||
	    !atc_is_concerned(member->endpoint, NULL))
		return;
	member->is_stale = true;
	member->next_stale = device->stale;
	device->stale = member;
	endpoint_mark_sync_pending(member->endpoint);
}

void atc_unmap(struct domain *domain, uint64_t first, uint64_t last)
{
	if (!domain->is_stale || first < domain->stale_first)
		domain->stale_first = first;
	if (!domain->is_stale || last > domain->stale_last)
		domain->stale_last = last;
	domain->is_stale = true;
}
