/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Invalidation of the translations that an endpoint caches itself (ATS) without a listener
 *
 * A listener shadows one address space of mappings. An endpoint with tables or PASIDs has several,
 * so the VMM drops cached translations by `invalidate`: after no reader can find anything old, and
 * before the guest sees its request completed. For tables that it changes itself, a driver sends
 * INVALIDATE. All other removals are recorded here and delivered after the grace period. The UNMAPs
 * of one grace period are delivered as one range, from the first byte to the last.
 *
 * A guest can attach very many PASIDs to a domain, and send requests for all of them. So the calls
 * for a domain are bounded: with few PASIDs there is one for each, with more there is one for each
 * endpoint that has PASIDs in use. Its PASIDs are not searched for those of the domain.
 */

#define FEW 16 /* PASIDs of a domain, or children of a parent */

void atc_invalidate(const struct member *member, uint64_t first, uint64_t last)
{
	const struct endpoint *endpoint = member->endpoint;
	const struct viommu *device = endpoint->device;
	const struct viommu_invalidation what = {
		.endpoint = endpoint->node.id,
		.has_pasid = member->pasid != NO_PASID,
		.pasid = member->pasid != NO_PASID ? member->pasid : 0,
		.first = first,
		.last = last,
	};

	if (endpoint->listeners)
		listeners_invalidate(endpoint, &what);
	if (endpoint->listeners || !device->ops.invalidate)
		return;
	CALLBACK_BEGIN(device, "invalidate", true);
	device->ops.invalidate(device->opaque, &what);
	CALLBACK_END();
}

static void invalidate_endpoint(const struct endpoint *endpoint, const struct domain *domain,
				uint64_t first, uint64_t last)
{
	if (atc_is_concerned(endpoint, domain))
		atc_invalidate(&endpoint->member, first, last);
}

static bool has_slots(const struct endpoint *endpoint)
{
	return atomic_load_explicit(&endpoint->slots, memory_order_relaxed);
}

void atc_invalidate_slots(const struct domain *domain, uint64_t first, uint64_t last)
{
	if (domain->n_slots <= FEW) {
		for_each_slot(slot, domain)
		{
			if (atc_is_concerned(slot->endpoint, domain))
				atc_invalidate(&slot->member, first, last);
		}
		return;
	}
	for_all_endpoints(endpoint, domain->slots->endpoint->device)
		if (has_slots(endpoint) && endpoint->domain != domain)
			invalidate_endpoint(endpoint, NULL, first, last);
}

static void invalidate_members(const struct domain *domain, uint64_t first, uint64_t last)
{
	for_each_endpoint(endpoint, domain)
		invalidate_endpoint(endpoint, domain, first, last);
	atc_invalidate_slots(domain, first, last);
}

/* Does the default slot have the domain, or a table over it? */
static bool is_below(const struct endpoint *endpoint, const struct domain *parent)
{
	return endpoint->domain &&
	       (endpoint->domain == parent || domain_parent(endpoint->domain) == parent);
}

static void invalidate_descendants(struct viommu *device, const struct domain *parent)
{
	for_all_endpoints(endpoint, device)
		if (has_slots(endpoint) || is_below(endpoint, parent))
			invalidate_endpoint(endpoint, NULL, 0, UINT64_MAX);
}

/* It is unknown which addresses of a child the range translates, so everything is dropped. */
static void deliver_unmap(struct viommu *device, struct domain *domain)
{
	domain->is_stale = false;
	if (domain->n_children > FEW) {
		invalidate_descendants(device, domain);
		return;
	}
	if (device->ops.invalidate)
		invalidate_members(domain, domain->stale_first, domain->stale_last);
	for (const struct domain *child = domain->children; child; child = child->next_child)
		invalidate_members(child, 0, UINT64_MAX);
}

void atc_deliver(struct viommu *device)
{
	if (!device->ops.invalidate && !device->n_listeners)
		return;
	for (struct domain *domain = device->changed; domain; domain = domain->next_changed)
		if (domain->is_stale)
			deliver_unmap(device, domain);
	while (device->stale) {
		struct member *member = device->stale;

		device->stale = member->next_stale;
		member->is_stale = false;
		atc_invalidate(member, 0, UINT64_MAX);
	}
}
