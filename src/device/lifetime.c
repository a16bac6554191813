/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "device/trace.h"

/* Domains begin with the first slot that holds them, and end with the last. */

uint8_t domain_make(struct viommu *device, uint32_t id, bool bypass, uint64_t granule,
		    struct usage more, const char *request, struct domain **ret_domain)
{
	struct domain *domain;

	more.bytes += domain_bytes_empty();
	if (device_is_full(device, more)) {
		device_log_limit(device, request);
		return VIOMMU_S_NOMEM;
	}
	domain = domain_new(id, bypass, granule);
	if (!domain) {
		device_log(device, VIOMMU_LOG_MEMORY, "%s: no memory for domain %" PRIu32, request,
			   id);
		return VIOMMU_S_NOMEM;
	}
	ids_put(&device->domains, &domain->node);
	domain_account(device, domain);
	*ret_domain = domain;
	return VIOMMU_S_OK;
}

void domain_release(struct viommu *device, struct domain *domain)
{
	if (!domain || domain_is_held(domain) || domain->n_leaving)
		return;
	domain_unaccount(device, domain);
	if (domain_find(device, domain->node.id) == domain)
		ids_remove(&device->domains, domain->node.id);
	device_retire_domain(device, domain);
}
