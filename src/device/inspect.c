/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "device/core.h"
#include "wire/sized.h"

/*
 * Inspection, one object a call
 *
 * Nothing is held between two calls, so a walk over millions of mappings does not delay the
 * guest, and can stop or resume anywhere.
 */

int viommu_next_domain(struct viommu *device, uint32_t from, struct viommu_domain_state *ret_domain)
{
	const struct domain *domain;

	device_lock(device);
	domain = ids_next(&device->domains, from);
	if (domain)
		*ret_domain = (struct viommu_domain_state){
			.id = domain->node.id,
			.bypass = domain->bypass,
			.n_endpoints = domain->n_endpoints,
			.n_mappings = map_count(domain->map),
		};
	device_unlock(device);
	return domain ? 0 : -ENOENT;
}

int viommu_next_endpoint(struct viommu *device, uint32_t from,
			 struct viommu_endpoint_state *ret_endpoint)
{
	struct endpoint *endpoint;

	device_lock(device);
	endpoint = ids_next(&device->endpoints, from);
	if (endpoint)
		*ret_endpoint = (struct viommu_endpoint_state){
			.id = endpoint->config.id,
			.mode = endpoint_mode(endpoint),
			.attached = endpoint->domain,
			.domain = endpoint->domain ? endpoint->domain->node.id : 0,
			.faults = atomic_load_explicit(&endpoint->faults, memory_order_relaxed),
		};
	device_unlock(device);
	return endpoint ? 0 : -ENOENT;
}

int viommu_next_mapping(struct viommu *device, uint32_t id, uint64_t from,
			struct viommu_mapping *ret_mapping)
{
	const struct domain *domain;
	struct range range;
	int error = -ENOENT;

	device_lock(device);
	domain = domain_find(device, id);
	if (domain && map_next_range(domain->map, from, &range)) {
		*ret_mapping = mapping_of(domain, &range);
		error = 0;
	}
	device_unlock(device);
	return error;
}

void viommu_count(struct viommu *device, struct viommu_counters *counters)
{
	struct viommu_counters now = { .size = sizeof(now) };

	now.domains = atomic_load_explicit(&device->published_domains, memory_order_relaxed);
	now.mappings = atomic_load_explicit(&device->published_mappings, memory_order_relaxed);
	now.bytes = atomic_load_explicit(&device->published_bytes, memory_order_relaxed);
	now.endpoints = atomic_load_explicit(&device->published_endpoints, memory_order_relaxed);
	now.requests = atomic_load_explicit(&device->requests, memory_order_relaxed);
	now.requests_bad = atomic_load_explicit(&device->requests_bad, memory_order_relaxed);
	now.refused = atomic_load_explicit(&device->refused, memory_order_relaxed);
	now.limited = atomic_load_explicit(&device->limited, memory_order_relaxed);

	pthread_mutex_lock(&device->faults_lock);
	now.faults = device->faults;
	now.faults_dropped = device->faults_dropped;
	pthread_mutex_unlock(&device->faults_lock);
	sized_give(counters, &now, sizeof(now));
}
