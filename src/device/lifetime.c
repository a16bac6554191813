/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>

#include "device/trace.h"

/*
 * Creation and release of domains: a domain exists while a slot holds it. Tables hold their parent,
 * too.
 */

void domain_link_child(struct domain *child, struct domain *parent)
{
	parent->n_children++;
	child->next_child = parent->children;
	child->child_at = &parent->children;
	if (child->next_child)
		child->next_child->child_at = &child->next_child;
	parent->children = child;
}

static void child_unlink(struct domain *child, struct domain *parent)
{
	parent->n_children--;
	*child->child_at = child->next_child;
	if (child->next_child)
		child->next_child->child_at = child->child_at;
}

uint8_t domain_make(struct viommu *device, const struct domain_spec *spec, uint64_t granule,
		    struct usage more, const char *request, struct domain **ret_domain)
{
	struct domain *domain;

	more.bytes += domain_bytes_empty(spec);
	if (device_is_full(device, more)) {
		device_log_limit(device, request);
		return VIOMMU_S_NOMEM;
	}
	domain = domain_new(spec, granule);
	if (!domain) {
		device_log(device, VIOMMU_LOG_MEMORY, "%s: no memory for domain %" PRIu32, request,
			   spec->id);
		return VIOMMU_S_NOMEM;
	}
	if (domain_parent(domain))
		domain_link_child(domain, domain_parent(domain));
	ids_put(&device->domains, &domain->node);
	domain_account(device, domain);
	*ret_domain = domain;
	return VIOMMU_S_OK;
}

void domain_unmake(struct viommu *device, struct domain *domain, struct domain *old)
{
	domain_unaccount(device, domain);
	if (domain_parent(domain))
		child_unlink(domain, domain_parent(domain));
	if (old)
		ids_put(&device->domains, &old->node);
	else
		ids_remove(&device->domains, domain->node.id);
	domain_free(domain);
}

/* A grace period has passed since its last holder left. */
static bool is_unseen(const struct viommu *device, const struct domain *domain)
{
	return domain->left < device->grace_period && !domain->changed && !domain->table;
}

static void release_one(struct viommu *device, struct domain *domain)
{
	domain_unaccount(device, domain);
	if (domain_find(device, domain->node.id) == domain)
		ids_remove(&device->domains, domain->node.id);
	if (is_unseen(device, domain)) {
		domain_free(domain);
		return;
	}
	device->retired_bytes += domain_bytes(domain);
	device_retire_domain(device, domain);
}

static bool is_free(const struct domain *domain)
{
	return domain && !domain_is_held(domain) && !domain->n_leaving;
}

/* A parent has no parent, so at most two domains are released. */
void domain_release(struct viommu *device, struct domain *domain)
{
	struct domain *parent;

	if (!is_free(domain))
		return;
	parent = domain_parent(domain);
	release_one(device, domain);
	if (!parent)
		return;
	child_unlink(domain, parent);
	parent->left = device->grace_period;
	if (is_free(parent))
		release_one(device, parent);
}
