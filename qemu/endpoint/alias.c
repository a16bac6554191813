/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/*
 * Functions behind a bridge to PCI: several endpoints, one address space
 *
 *     0200 alias    its address space serves all functions behind the bridge
 *     0218 and 0220 functions: IDs that drivers probe and attach, too
 *
 * QEMU sends the DMA of all these functions through the address space of one ID, as the bridge does
 * with requester IDs. Linux attaches the ID of the function and that of the bridge to one domain; another
 * driver may attach only one of them. The attachment of the alias applies if there is one; otherwise
 * that of a function behind it, so that attaching any of the IDs isolates the function.
 */

static bool is_attached(const struct endpoint *endpoint)
{
	struct viommu_endpoint_state state;

	return endpoint->id != ENDPOINT_FREE &&
	       !viommu_next_endpoint(endpoint->iommu->core, endpoint->id, &state) &&
	       state.id == endpoint->id && state.attached;
}

/* The notifications that end the old mappings, and those for the new ones, are queued. */
int endpoint_follow(struct endpoint *endpoint, struct endpoint *source)
{
	int status;

	endpoint->listener = viommu_unlisten(endpoint->listener);
	endpoint->source = source;
	status = viommu_handle_bind(endpoint->handle, source->id);
	if (!status)
		status = viommu_listen(endpoint->iommu->core, source->id, &notify_ops, endpoint,
				       &endpoint->listener);
	return status;
}

static void follow(struct endpoint *endpoint, struct endpoint *source)
{
	int status = endpoint->source == source ? 0 : endpoint_follow(endpoint, source);

	if (status)
		error_report(TYPE_VIOMMU_DEVICE ": endpoint 0x%x is blocked: %s", endpoint->id,
			     g_strerror(-status));
}

void endpoint_unfollow(struct endpoint *endpoint)
{
	struct endpoint *alias = endpoint->alias;

	if (alias && alias->source == endpoint && alias->id != ENDPOINT_FREE)
		follow(alias, alias);
	if (endpoint->id != ENDPOINT_FREE && endpoint->source)
		follow(endpoint, endpoint);
}

static void choose_source(struct endpoint *alias, struct endpoint *function)
{
	if (is_attached(alias) || !is_attached(alias->source))
		follow(alias, alias);
	if (alias->source == alias && !is_attached(alias) && is_attached(function))
		follow(alias, function);
}

void endpoints_deliver(struct iommu *iommu)
{
	struct endpoint *endpoint;

	if (iommu->has_aliases)
		QLIST_FOREACH(endpoint, &iommu->endpoints, next)
			if (endpoint->alias && endpoint->id != ENDPOINT_FREE &&
			    endpoint->alias->id != ENDPOINT_FREE)
				choose_source(endpoint->alias, endpoint);
	notify_deliver(iommu);
}
