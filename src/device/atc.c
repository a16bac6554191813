/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * What an endpoint keeps of translations by itself (ATS), where no listener follows it
 *
 * A listener shadows one address space of mappings. An endpoint with tables or PASIDs has others,
 * so the VMM drops what it keeps by `invalidate`: after nothing old can be found any more, and
 * before the guest sees its request done. A driver sends INVALIDATE for tables that it changes
 * itself. All else that takes translations away is noted here and dropped after the grace period.
 *
 * UNMAPs of one grace period are dropped as one range, from the first byte to the last.
 */

static bool is_concerned(const struct endpoint *endpoint)
{
	return endpoint->device->ops.invalidate && !endpoint->listeners &&
	       (endpoint->config.n_formats || endpoint->config.pasid_bits);
}

void atc_drop(struct member *member)
{
	struct viommu *device = member->endpoint->device;

	if (member->is_stale || !is_concerned(member->endpoint))
		return;
	member->is_stale = true;
	member->next_stale = device->stale;
	device->stale = member;
	device_mark_sync_pending(device);
}

void atc_unmap(struct domain *domain, uint64_t first, uint64_t last)
{
	if (!domain->is_stale || first < domain->stale_first)
		domain->stale_first = first;
	if (!domain->is_stale || last > domain->stale_last)
		domain->stale_last = last;
	domain->is_stale = true;
}

void atc_invalidate(const struct member *member, uint64_t first, uint64_t last)
{
	const struct viommu *device = member->endpoint->device;
	const struct viommu_invalidation what = {
		.endpoint = member->endpoint->node.id,
		.has_pasid = member->pasid != NO_PASID,
		.pasid = member->pasid != NO_PASID ? member->pasid : 0,
		.first = first,
		.last = last,
	};

	CALLBACK_BEGIN(device, "invalidate", true);
	device->ops.invalidate(device->opaque, &what);
	CALLBACK_END();
}

static void invalidate_members(const struct domain *domain, uint64_t first, uint64_t last)
{
	for_each_endpoint(endpoint, domain) {
		if (is_concerned(endpoint))
			atc_invalidate(&endpoint->member, first, last);
	}
	for_each_slot(slot, domain)
	{
		if (is_concerned(slot->endpoint))
			atc_invalidate(&slot->member, first, last);
	}
}

/* Which addresses of a child went through the range is not known. */
static void deliver_unmap(struct domain *domain)
{
	domain->is_stale = false;
	invalidate_members(domain, domain->stale_first, domain->stale_last);
	for (const struct domain *child = domain->children; child; child = child->next_child)
		invalidate_members(child, 0, UINT64_MAX);
}

void atc_deliver(struct viommu *device)
{
	if (!device->ops.invalidate)
		return;
	for (struct domain *domain = device->changed; domain; domain = domain->next_changed)
		if (domain->is_stale)
			deliver_unmap(domain);
	while (device->stale) {
		struct member *member = device->stale;

		device->stale = member->next_stale;
		member->is_stale = false;
		atc_invalidate(member, 0, UINT64_MAX);
	}
}
