/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Routes: the destination of an endpoint's accesses
 *
 * The mode follows from the endpoint's domain, its quarantine, and `bypass`. Translations read an
 * immutable route through one pointer.
 */

static const struct route blocked = { .fault = VIOMMU_FAULT_R_DOMAIN };
static const struct route quarantined_route = { .fault = VIOMMU_FAULT_R_UNKNOWN };
static const struct route forced = { .is_forced = true, .fault = VIOMMU_FAULT_R_UNKNOWN };
static const struct route bypassing = { .mode = VIOMMU_BYPASS };

/*
 * BYPASS_CONFIG applies when it is offered, so that firmware without a driver can boot; BYPASS
 * only once it is accepted. 5.13.6
 */
static bool unattached_bypasses(const struct viommu *device)
{
	if (device->config.features & VIOMMU_F_BYPASS_CONFIG)
		return device->bypass;
	return device_accepted(device, VIOMMU_F_BYPASS);
}

enum viommu_mode endpoint_mode(const struct endpoint *endpoint)
{
	if (endpoint->is_forced)
		return VIOMMU_BLOCKED;
	if (endpoint->domain)
		return endpoint->domain->bypass ? VIOMMU_BYPASS : VIOMMU_TRANSLATED;
	if (endpoint->quarantined)
		return VIOMMU_BLOCKED;
	return unattached_bypasses(endpoint->device) ? VIOMMU_BYPASS : VIOMMU_BLOCKED;
}

static const struct route *route_of(const struct endpoint *endpoint)
{
	if (endpoint->is_forced)
		return &forced;
	if (endpoint->domain)
		return &endpoint->domain->route;
	if (endpoint->quarantined)
		return &quarantined_route;
	return endpoint_mode(endpoint) == VIOMMU_BYPASS ? &bypassing : &blocked;
}

/* A blocked endpoint has no accesses in flight, so no grace period is needed. */
static void publish(struct endpoint *endpoint, const struct route *new)
{
	const struct route *old = atomic_load_explicit(&endpoint->route, memory_order_relaxed);

	if (new == old)
		return;
	dirty_leave(endpoint, old);
	annotate_release(&endpoint->route);
	atomic_store_explicit(&endpoint->route, new, memory_order_release);
	if (!old || old->mode == VIOMMU_BLOCKED)
		return;
	endpoint_mark_sync_pending(endpoint);
	atc_drop(&endpoint->member);
}

void endpoint_publish_route(struct endpoint *endpoint)
{
	publish(endpoint, route_of(endpoint));
}

void endpoint_publish_forced(struct endpoint *endpoint)
{
	publish(endpoint, &forced);
}

void endpoint_block(struct endpoint *endpoint)
{
	if (!endpoint->is_forced)
		publish(endpoint, &blocked);
}
