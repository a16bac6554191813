/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "device/core.h"

/*
 * Domains: address spaces, and the account of their resources
 *
 * lifetime.c creates a domain for its first holder and retires it after the last.
 */

/* malloc's overhead of a block, in the usual allocators. */
#define HEAP_OVERHEAD 16

struct domain *domain_find(const struct viommu *device, uint32_t id)
{
	return ids_find(&device->domains, id);
}

void domain_free(struct domain *domain)
{
	if (domain) {
		map_free(domain->map);
		if (domain->table)
			free(domain->table->tlb);
		free(domain->table);
	}
	free(domain);
}

static struct route route_into(const struct domain *domain)
{
	return (struct route){
		.mode = domain->bypass ? VIOMMU_BYPASS : VIOMMU_TRANSLATED,
		.fault = VIOMMU_FAULT_R_MAPPING,
		.map = domain->map,
		.table = domain->table,
	};
}

static uint64_t table_bytes(void)
{
	return sizeof(struct table) + tlb_bytes + 2 * HEAP_OVERHEAD;
}

static struct table *copy_table(const struct table *table)
{
	struct table *copy = malloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *table;
	copy->tlb = tlb_new();
	if (copy->tlb)
		return copy;
	free(copy);
	return NULL;
}

struct domain *domain_new(const struct domain_spec *spec, uint64_t granule)
{
	struct domain *domain = calloc(1, sizeof(*domain));

	if (!domain)
		return NULL;
	*domain =
		(struct domain){ .node.id = spec->id, .bypass = spec->bypass, .granule = granule };
	domain->map = map_new();
	if (spec->table)
		domain->table = copy_table(spec->table);
	if (!domain->map || (spec->table && !domain->table)) {
		domain_free(domain);
		return NULL;
	}
	domain->route = route_into(domain);
	domain->end = &domain->endpoints;
	domain->shadows_end = &domain->shadows;
	return domain;
}

uint64_t domain_bytes_empty(const struct domain_spec *spec)
{
	return sizeof(struct domain) + HEAP_OVERHEAD + map_bytes_empty +
	       (spec->table ? table_bytes() : 0);
}

uint64_t domain_bytes(const struct domain *domain)
{
	return sizeof(*domain) + HEAP_OVERHEAD + map_bytes(domain->map) +
	       (domain->table ? table_bytes() : 0);
}

void domain_account(struct viommu *device, const struct domain *domain)
{
	device->n_mappings += map_count(domain->map);
	device->n_bytes += domain_bytes(domain);
}

void domain_unaccount(struct viommu *device, const struct domain *domain)
{
	device->n_mappings -= map_count(domain->map);
	device->n_bytes -= domain_bytes(domain);
}

/* -- members -------------------------------------------------------------------- */

static void link_before(struct endpoint *endpoint, struct domain *domain, struct endpoint *next)
{
	endpoint->domain = domain;
	endpoint->next = next;
	endpoint->at = next ? next->at : domain->end;
	*endpoint->at = endpoint;
	*(next ? &next->at : &domain->end) = &endpoint->next;
	domain->n_endpoints++;
	domain->n_tracked += endpoint->is_tracked;
	classes_add(domain, &endpoint->member);
}

void endpoint_link(struct endpoint *endpoint, struct domain *domain)
{
	position_take(&endpoint->position, endpoint->device);
	link_before(endpoint, domain, NULL);
	listeners_join(endpoint, false);
}

void endpoint_link_again(struct endpoint *endpoint, struct domain *domain)
{
	struct endpoint *next = domain->endpoints;

	endpoint->position.now = endpoint->position.before;
	while (next && next->position.now < endpoint->position.now)
		next = next->next;
	link_before(endpoint, domain, next);
	listeners_join(endpoint, true);
}

/* A translation through a child finds mappings of its parent. */
void domain_mark_left(const struct viommu *device, struct domain *domain)
{
	struct domain *parent = domain_parent(domain);

	domain->left = device->grace_period;
	if (parent)
		parent->left = device->grace_period;
}

void endpoint_unlink(struct endpoint *endpoint)
{
	struct domain *domain = endpoint->domain;

	listeners_leave(endpoint);
	classes_remove(domain, &endpoint->member);
	if (endpoint_has_context(endpoint))
		groups_close_all(endpoint);
	else
		groups_close_slot(endpoint, NO_PASID);
	*endpoint->at = endpoint->next;
	*(endpoint->next ? &endpoint->next->at : &domain->end) = endpoint->at;
	domain->n_endpoints--;
	domain->n_tracked -= endpoint->is_tracked;
	domain_mark_left(endpoint->device, domain);
	endpoint->concerned = endpoint->device->grace_period; /* its route still leads there */
	endpoint->domain = NULL;
}
