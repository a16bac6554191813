/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"

/*
 * Domains, and the requests ATTACH and DETACH that move endpoints between them
 *
 * virtio 1.3, "IOMMU Device / ATTACH request", "DETACH request". A domain is made by the
 * first ATTACH that names it and gone, with its mappings, when its last endpoint leaves.
 *
 * A refused ATTACH has no side effect. So everything is checked, and whatever is needed
 * is allocated, before the endpoint leaves its old domain; and the old domain is kept
 * until every listener has agreed to the new one.
 */

/* What malloc keeps beside each block, by the usual allocators. */
#define HEAP_OVERHEAD 16

struct domain *domain_find(const struct viommu *device, uint32_t id)
{
	return ids_find(&device->domains, id);
}

void domain_free(struct domain *domain)
{
	if (domain)
		map_free(domain->map);
	free(domain);
}

static struct route route_into(const struct domain *domain)
{
	return (struct route){
		.mode = domain->bypass ? VIOMMU_BYPASS : VIOMMU_TRANSLATED,
		.fault = VIOMMU_FAULT_R_MAPPING,
		.map = domain->map,
	};
}

struct domain *domain_new(uint32_t id, bool bypass, uint64_t granule)
{
	struct domain *domain = calloc(1, sizeof(*domain));

	if (!domain)
		return NULL;
	*domain = (struct domain){ .node.id = id, .bypass = bypass, .granule = granule };
	domain->map = map_new();
	if (!domain->map) {
		domain_free(domain);
		return NULL;
	}
	domain->route = route_into(domain);
	domain->end = &domain->endpoints;
	return domain;
}

uint64_t domain_bytes_empty(void)
{
	return sizeof(struct domain) + HEAP_OVERHEAD + map_bytes_empty;
}

uint64_t domain_bytes(const struct domain *domain)
{
	return sizeof(*domain) + HEAP_OVERHEAD + map_bytes(domain->map);
}

void domain_charge(struct viommu *device, const struct domain *domain)
{
	device->n_mappings += map_count(domain->map);
	device->n_bytes += domain_bytes(domain);
}

void domain_discharge(struct viommu *device, const struct domain *domain)
{
	device->n_mappings -= map_count(domain->map);
	device->n_bytes -= domain_bytes(domain);
}

bool device_is_full(const struct viommu *device, struct load more)
{
	const struct viommu_config *config = &device->config;

	return device->domains.count + more.domains > config->max_domains ||
	       device->n_mappings + more.mappings > config->max_mappings ||
	       device->n_bytes > config->max_bytes ||
	       more.bytes > config->max_bytes - device->n_bytes;
}

/* -- members -------------------------------------------------------------------- */

/* Before `next`; NULL: as the last. */
static void link_before(struct endpoint *endpoint, struct domain *domain, struct endpoint *next)
{
	endpoint->domain = domain;
	endpoint->next = next;
	endpoint->at = next ? next->at : domain->end;
	*endpoint->at = endpoint;
	*(next ? &next->at : &domain->end) = &endpoint->next;
	domain->n_endpoints++;
	kinds_add(endpoint);
}

void endpoint_link(struct endpoint *endpoint, struct domain *domain)
{
	link_before(endpoint, domain, NULL);
}

void endpoint_unlink(struct endpoint *endpoint)
{
	struct domain *domain = endpoint->domain;

	kinds_remove(endpoint);
	*endpoint->at = endpoint->next;
	*(endpoint->next ? &endpoint->next->at : &domain->end) = endpoint->at;
	domain->n_endpoints--;
	endpoint->domain = NULL;
}

/* Let go of a domain that an endpoint has left. */
static void domain_bury(struct viommu *device, struct domain *domain)
{
	if (!domain || domain->n_endpoints)
		return;
	domain_discharge(device, domain);
	if (domain_find(device, domain->node.id) == domain)
		ids_remove(&device->domains, domain->node.id);
	device_bury(device, domain);
}

void endpoint_detach(struct endpoint *endpoint)
{
	struct domain *domain = endpoint->domain;

	if (!domain)
		return;
	listeners_leave(endpoint);
	endpoint_unlink(endpoint);
	listeners_settle(endpoint);
	endpoint_show(endpoint);
	domain_bury(endpoint->device, domain);
}

/* Put the endpoint where it was before, which is in front of `next`; if a listener will not have
 * that, nowhere. */
static void endpoint_restore(struct endpoint *endpoint, struct domain *old, struct endpoint *next)
{
	endpoint_unlink(endpoint);
	if (old)
		link_before(endpoint, old, next);
	if (!listeners_enter(endpoint))
		return;
	if (old)
		endpoint_unlink(endpoint);
	endpoint->quarantined = true;
	listeners_settle(endpoint);
}

/* Leave whatever domain the endpoint is in, and join `domain`. */
static int endpoint_move(struct endpoint *endpoint, struct domain *domain)
{
	struct domain *old = endpoint->domain;
	struct endpoint *next = old ? endpoint->next : NULL;
	bool quarantined = endpoint->quarantined;
	int error;

	listeners_leave(endpoint);
	if (old)
		endpoint_unlink(endpoint);
	endpoint_link(endpoint, domain);
	endpoint->quarantined = false;
	error = listeners_enter(endpoint);
	if (error) {
		endpoint->quarantined = quarantined;
		endpoint_restore(endpoint, old, next);
	}
	endpoint_show(endpoint);
	domain_bury(endpoint->device, old);
	return error;
}

/* -- ATTACH ------------------------------------------------------------------------ */

/* Is the endpoint all that keeps its domain alive? */
static bool is_last(const struct endpoint *endpoint)
{
	return endpoint->domain && endpoint->domain->n_endpoints == 1;
}

/* Would one more domain be too many, beside the one that `leaving` takes with it? */
static bool domain_is_too_many(struct viommu *device, const struct endpoint *leaving)
{
	const struct load more = { is_last(leaving) ? 0 : 1, 0, domain_bytes_empty() };

	if (!device_is_full(device, more))
		return false;
	atomic_fetch_add_explicit(&device->limited, 1, memory_order_relaxed);
	return true;
}

/* Attach to a domain of that name which does not exist, or will not any more. */
static uint8_t attach_to_new(struct endpoint *endpoint, uint32_t id, bool bypass)
{
	struct viommu *device = endpoint->device;
	struct domain *old = domain_find(device, id), *domain;
	int error;

	if (domain_is_too_many(device, endpoint))
		return VIOMMU_S_NOMEM;
	domain = domain_new(id, bypass, endpoint->granule);
	if (!domain)
		return VIOMMU_S_NOMEM;
	ids_put(&device->domains, &domain->node);
	domain_charge(device, domain);
	error = endpoint_move(endpoint, domain);
	if (!error)
		return VIOMMU_S_OK;
	domain_discharge(device, domain);
	if (endpoint->domain == old && old)
		ids_put(&device->domains, &old->node);
	else
		ids_remove(&device->domains, id);
	domain_free(domain);
	return status_of(error);
}

static uint8_t attach_to(struct endpoint *endpoint, struct domain *domain)
{
	if (endpoint->domain == domain && !is_last(endpoint))
		return VIOMMU_S_OK;
	if (endpoint->domain == domain)
		return attach_to_new(endpoint, domain->node.id, domain->bypass);
	if (!endpoint_fits(endpoint, domain))
		return VIOMMU_S_UNSUPP;
	return status_of(endpoint_move(endpoint, domain));
}

uint8_t do_attach(struct viommu *device, const union request *request)
{
	const struct request_attach *attach = &request->attach;
	const struct viommu_config *config = &device->config;
	bool bypass = attach->flags & VIOMMU_ATTACH_F_BYPASS;
	uint32_t known =
		device_accepted(device, VIOMMU_F_BYPASS_CONFIG) ? VIOMMU_ATTACH_F_BYPASS : 0;
	struct endpoint *endpoint = endpoint_find(device, attach->endpoint);
	struct domain *domain = domain_find(device, attach->domain);

	if (attach->reserved || attach->flags & ~known)
		return VIOMMU_S_INVAL;
	if (!endpoint)
		return VIOMMU_S_NOENT;
	if (attach->domain < config->domain_first || attach->domain > config->domain_last)
		return VIOMMU_S_RANGE;
	if (!domain)
		return attach_to_new(endpoint, attach->domain, bypass);
	if (domain->bypass != bypass)
		return VIOMMU_S_INVAL;
	return attach_to(endpoint, domain);
}

/* -- DETACH ------------------------------------------------------------------------- */

/* Reserved bytes are ignored, and not refused as those of an ATTACH are: "DETACH request". */
uint8_t do_detach(struct viommu *device, const union request *request)
{
	struct endpoint *endpoint = endpoint_find(device, request->detach.endpoint);
	struct domain *domain = domain_find(device, request->detach.domain);

	if (!endpoint)
		return VIOMMU_S_NOENT;
	if (!domain || endpoint->domain != domain)
		return VIOMMU_S_INVAL;
	endpoint_detach(endpoint);
	return VIOMMU_S_OK;
}

/* What an errno of a listener is called in the answer; all others are DEVERR. */
uint8_t status_of(int error)
{
	static const struct {
		int error;
		uint8_t status;
	} rows[] = {
		{ 0, VIOMMU_S_OK },
		{ -ENOMEM, VIOMMU_S_NOMEM },
		{ -ENOSPC, VIOMMU_S_NOMEM },
		{ -EINVAL, VIOMMU_S_INVAL },
		{ -ERANGE, VIOMMU_S_RANGE },
		{ -EFAULT, VIOMMU_S_FAULT },
		{ -EOPNOTSUPP, VIOMMU_S_UNSUPP },
		{ -EIO, VIOMMU_S_IOERR },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].error == error)
			return rows[i].status;
	return VIOMMU_S_DEVERR;
}
