/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "device/core.h"
#include "wire/sized.h"

/*
 * Inspection, one object a call
 *
 * Nothing is held between two calls, so a walk over millions of mappings does not delay the
 * guest, and can stop or resume anywhere. Nor does a call wait for DMA sections or for listeners
 * that commit: device_begin_query().
 */

int viommu_next_domain(struct viommu *device, uint32_t from, struct viommu_domain_state *ret_domain)
{
	const struct domain *domain;
	bool owns_lock;

	owns_lock = device_begin_query(device);
	domain = ids_next(&device->domains, from);
	if (domain)
		*ret_domain = (struct viommu_domain_state){
			.id = domain->node.id,
			.bypass = domain->bypass,
			.n_endpoints = domain->n_endpoints,
			.n_mappings = map_count(domain->map),
		};
	device_end_query(device, owns_lock);
	return domain ? 0 : -ENOENT;
}

int viommu_next_endpoint(struct viommu *device, uint32_t from,
			 struct viommu_endpoint_state *ret_endpoint)
{
	struct endpoint *endpoint;
	bool owns_lock;

	owns_lock = device_begin_query(device);
	endpoint = ids_next(&device->endpoints, from);
	if (endpoint)
		*ret_endpoint = (struct viommu_endpoint_state){
			.id = endpoint->config.id,
			.mode = endpoint_mode(endpoint),
			.attached = endpoint->domain,
			.domain = endpoint->domain ? endpoint->domain->node.id : 0,
			.faults = atomic_load_explicit(&endpoint->faults, memory_order_relaxed),
		};
	device_end_query(device, owns_lock);
	return endpoint ? 0 : -ENOENT;
}

int viommu_next_mapping(struct viommu *device, uint32_t id, uint64_t from,
			struct viommu_mapping *ret_mapping)
{
	const struct domain *domain;
	struct range range;
	int error = -ENOENT;
	bool owns_lock;

	owns_lock = device_begin_query(device);
	domain = domain_find(device, id);
	if (domain && map_next_range(domain->map, from, &range)) {
		*ret_mapping = mapping_of(domain, &range);
		error = 0;
	}
	device_end_query(device, owns_lock);
	return error;
}

int viommu_next_slot(struct viommu *device, uint32_t id, uint32_t pasid,
		     struct viommu_slot_state *ret_slot)
{
	const struct endpoint *endpoint;
	const struct slot *slot;
	bool owns_lock;

	owns_lock = device_begin_query(device);
	endpoint = endpoint_find(device, id);
	slot = endpoint ? slot_next(endpoint, pasid) : NULL;
	if (slot)
		*ret_slot = (struct viommu_slot_state){
			.endpoint = id,
			.pasid = slot->pasid,
			.domain = slot->domain->node.id,
		};
	device_end_query(device, owns_lock);
	return slot ? 0 : -ENOENT;
}

static const struct domain *next_table(const struct viommu *device, uint32_t from)
{
	const struct domain *domain = ids_next(&device->domains, from);

	while (domain && !domain->table)
		domain = ids_after(&device->domains, &domain->node);
	return domain;
}

static struct viommu_table_state table_state(const struct domain *domain)
{
	const struct table *table = domain->table;
	struct tlb_counts kept = tlb_count(table->tlb, table_parent_generation(table));
	struct viommu_table_state state = {
		.size = sizeof(state),
		.domain = domain->node.id,
		.format = table->format,
		.format_name = table_format_name(table->format),
		.has_parent = table->parent,
		.parent = table->parent ? table->parent->node.id : 0,
		.n_endpoints = domain->n_endpoints,
		.n_pasids = domain->n_slots,
		.pages = kept.pages,
		.tables = kept.tables,
		.walks = kept.walks,
		.drops = kept.drops,
	};

	memcpy(state.body, table->body, sizeof(state.body));
	return state;
}

int viommu_next_table(struct viommu *device, uint32_t from, struct viommu_table_state *ret_table)
{
	struct viommu_table_state state = { 0 };
	const struct domain *domain;
	bool owns_lock;

	if (ret_table->size < sizeof(ret_table->size))
		return -EINVAL;
	owns_lock = device_begin_query(device);
	domain = next_table(device, from);
	if (domain)
		state = table_state(domain);
	device_end_query(device, owns_lock);
	if (!domain)
		return -ENOENT;
	sized_give(ret_table, &state, sizeof(state));
	return 0;
}

size_t viommu_groups(struct viommu *device, uint32_t id, struct viommu_group_state *groups,
		     size_t n)
{
	const struct endpoint *endpoint;
	size_t found = 0;
	bool owns_lock;

	owns_lock = device_begin_query(device);
	endpoint = endpoint_find(device, id);
	for (const struct page_group *group = endpoint ? endpoint->groups : NULL; group;
	     group = group->next, found++)
		if (found < n)
			groups[found] = (struct viommu_group_state){
				.endpoint = id,
				.has_pasid = group->has_pasid,
				.pasid = group->pasid,
				.group = group->id,
				.is_complete = group->is_complete,
			};
	device_end_query(device, owns_lock);
	return found;
}

void viommu_count(struct viommu *device, struct viommu_counters *counters)
{
	struct viommu_counters now = { .size = sizeof(now) };

	now.domains = atomic_load_explicit(&device->published_domains, memory_order_relaxed);
	now.mappings = atomic_load_explicit(&device->published_mappings, memory_order_relaxed);
	now.pending = atomic_load_explicit(&device->published_pending, memory_order_relaxed);
	now.bytes = atomic_load_explicit(&device->published_bytes, memory_order_relaxed);
	now.endpoints = atomic_load_explicit(&device->published_endpoints, memory_order_relaxed);
	now.requests = atomic_load_explicit(&device->requests, memory_order_relaxed);
	now.requests_bad = atomic_load_explicit(&device->requests_bad, memory_order_relaxed);
	now.refused = atomic_load_explicit(&device->refused, memory_order_relaxed);
	now.limited = atomic_load_explicit(&device->limited, memory_order_relaxed);
	now.waits = atomic_load_explicit(&device->waits, memory_order_relaxed);
	now.waited_ns = atomic_load_explicit(&device->waited_ns, memory_order_relaxed);
	now.overdue_waits = atomic_load_explicit(&device->overdue_waits, memory_order_relaxed);
	now.pauses = atomic_load_explicit(&device->pauses, memory_order_relaxed);
	now.longest_wait_ns = atomic_load_explicit(&device->longest_wait_ns, memory_order_relaxed);
	now.most_domains = atomic_load_explicit(&device->most_domains, memory_order_relaxed);
	now.most_mappings = atomic_load_explicit(&device->most_mappings, memory_order_relaxed);
	now.most_bytes = atomic_load_explicit(&device->most_bytes, memory_order_relaxed);

	pthread_mutex_lock(&device->faults_lock);
	now.faults = device->faults;
	now.faults_dropped = device->faults_dropped;
	now.faults_limited = device->faults_limited;
	pthread_mutex_unlock(&device->faults_lock);
	sized_give(counters, &now, sizeof(now));
}
