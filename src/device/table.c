/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "device/trace.h"

/* The requests ATTACH_TABLE and INVALIDATE (docs/proposal-address-spaces.md) */

/* -- ATTACH_TABLE -------------------------------------------------------------- */

/* Rows 1 to 5 of the truth table: checks that do not need the body. */
static uint8_t check_request(const struct viommu *device, const struct request_attach_table *wanted,
			     const struct endpoint *endpoint)
{
	bool with_pasid = wanted->flags & VIOMMU_SLOT_F_PASID;
	uint32_t known = 0;

	if (device_accepted(device, VIOMMU_F_PASID))
		known |= VIOMMU_SLOT_F_PASID;
	if (device_accepted(device, VIOMMU_F_NEST))
		known |= VIOMMU_SLOT_F_PARENT;
	if (wanted->flags & ~known || wanted->reserved || wanted->reserved1 ||
	    (wanted->pasid && !with_pasid) ||
	    (wanted->parent && !(wanted->flags & VIOMMU_SLOT_F_PARENT)))
		return VIOMMU_S_INVAL;
	if (!endpoint)
		return VIOMMU_S_NOENT;
	if (!domain_is_in_range(device, wanted->domain) ||
	    (with_pasid && !slot_exists(endpoint, wanted->pasid)))
		return VIOMMU_S_RANGE;
	return table_format_of(endpoint, wanted->format) ? VIOMMU_S_OK : VIOMMU_S_UNSUPP;
}

/* Row 7. */
static uint8_t check_parent(const struct viommu *device, const struct request_attach_table *wanted)
{
	const struct domain *parent = domain_find(device, wanted->parent);

	if (!(wanted->flags & VIOMMU_SLOT_F_PARENT))
		return VIOMMU_S_OK;
	if (!domain_is_in_range(device, wanted->parent))
		return VIOMMU_S_RANGE;
	if (wanted->parent == wanted->domain || (parent && (parent->bypass || parent->table)))
		return VIOMMU_S_INVAL;
	return VIOMMU_S_OK;
}

static bool is_only_holder(const struct domain *domain, const struct domain *in_slot)
{
	return in_slot == domain && domain_n_holders(domain) == 1;
}

static bool is_same(const struct domain *domain, const struct table *table)
{
	return domain->table->format == table->format &&
	       !memcmp(domain->table->body, table->body, sizeof(table->body));
}

/* Row 8: an existing domain is joined, or replaced if this is its only holder. */
static uint8_t check_domain(const struct request_attach_table *wanted, const struct domain *in_slot,
			    const struct domain *domain, const struct table *table,
			    struct domain_spec *spec)
{
	bool has_parent = wanted->flags & VIOMMU_SLOT_F_PARENT;

	if (!domain)
		return VIOMMU_S_OK;
	if (!domain->table || !domain->table->parent != !has_parent ||
	    (has_parent && domain->table->parent->node.id != wanted->parent))
		return VIOMMU_S_INVAL;
	spec->replaces = is_only_holder(domain, in_slot);
	return spec->replaces || is_same(domain, table) ? VIOMMU_S_OK : VIOMMU_S_INVAL;
}

/* Row 9. */
static uint8_t check_slots(const struct endpoint *endpoint, const struct table *table,
			   bool with_pasid)
{
	if (table->is_context && !slots_are_empty(endpoint))
		return VIOMMU_S_INVAL;
	return with_pasid && endpoint_has_context(endpoint) ? VIOMMU_S_INVAL : VIOMMU_S_OK;
}

static uint8_t put_into_slot(struct endpoint *endpoint, const struct request_attach_table *wanted,
			     const struct domain_spec *spec)
{
	if (!listeners_follow_spaces(endpoint))
		return VIOMMU_S_UNSUPP;
	if (wanted->flags & VIOMMU_SLOT_F_PASID)
		return slot_attach(endpoint, wanted->pasid, spec);
	return endpoint_attach(endpoint, spec);
}

/* A parent that does not exist is created for its first table. */
static uint8_t attach_with_parent(struct endpoint *endpoint,
				  const struct request_attach_table *wanted,
				  struct domain_spec *spec, struct table *table)
{
	struct viommu *device = endpoint->device;
	const struct domain_spec empty = { .id = wanted->parent };
	struct domain *parent = domain_find(device, wanted->parent);
	uint8_t status = VIOMMU_S_OK;

	if (!parent)
		status = domain_make(device, &empty, endpoint->granule,
				     (struct usage){ .domains = 1 }, "ATTACH_TABLE", &parent);
	if (status != VIOMMU_S_OK)
		return status;
	table->parent = parent;
	parent->n_children++; /* the parent must not end with the slot's old domain */
	status = put_into_slot(endpoint, wanted, spec);
	parent->n_children--;
	domain_release(device, parent);
	return status;
}

uint8_t do_attach_table(struct viommu *device, const union request *request)
{
	const struct request_attach_table *wanted = &request->attach_table;
	struct endpoint *endpoint = endpoint_find(device, wanted->endpoint);
	bool with_pasid = wanted->flags & VIOMMU_SLOT_F_PASID;
	struct table table;
	struct domain_spec spec = { .id = wanted->domain, .table = &table };
	struct domain *in_slot;
	uint8_t status = check_request(device, wanted, endpoint);

	if (status != VIOMMU_S_OK)
		return status;
	if (!table_decode(table_format_of(endpoint, wanted->format), wanted->body, &table) ||
	    (table.is_context && with_pasid))
		return VIOMMU_S_INVAL;
	in_slot = with_pasid ? slot_domain(endpoint, wanted->pasid) : endpoint->domain;
	status = check_parent(device, wanted);
	if (status == VIOMMU_S_OK)
		status = check_domain(wanted, in_slot, domain_find(device, wanted->domain), &table,
				      &spec);
	if (status == VIOMMU_S_OK)
		status = check_slots(endpoint, &table, with_pasid);
	if (status != VIOMMU_S_OK)
		return status;
	if (wanted->flags & VIOMMU_SLOT_F_PARENT)
		return attach_with_parent(endpoint, wanted, &spec, &table);
	return put_into_slot(endpoint, wanted, &spec);
}

/* -- INVALIDATE ------------------------------------------------------------------------------- */

#define KNOWN_CACHES \
	(VIOMMU_INVALIDATE_C_CONTEXT | VIOMMU_INVALIDATE_C_TLB | VIOMMU_INVALIDATE_C_DEV_TLB)
#define KNOWN_FLAGS \
	(VIOMMU_INVALIDATE_F_LEAF | VIOMMU_INVALIDATE_F_PASID | VIOMMU_INVALIDATE_F_ID | \
	 VIOMMU_INVALIDATE_F_GLOBAL)

static bool is_malformed(const struct request_invalidate *wanted)
{
	return wanted->scope < VIOMMU_INVALIDATE_S_DOMAIN ||
	       wanted->scope > VIOMMU_INVALIDATE_S_ADDRESS || !wanted->caches ||
	       wanted->caches & ~KNOWN_CACHES || wanted->flags & ~KNOWN_FLAGS ||
	       !bytes_are_zero(wanted->reserved, sizeof(wanted->reserved));
}

static bool has_page_size(const struct table *table, uint8_t page_size)
{
	return page_size < 64 && table->granules >> page_size & 1;
}

/* Rounds down to pages and keeps the length covered; a range that wraps is extended to the top. */
static void range_of(const struct request_invalidate *wanted, uint64_t *ret_first,
		     uint64_t *ret_last)
{
	uint64_t size = UINT64_C(1) << (wanted->page_size & 63), length;

	*ret_first = 0;
	*ret_last = UINT64_MAX;
	if (wanted->scope != VIOMMU_INVALIDATE_S_ADDRESS)
		return;
	*ret_first = wanted->address & ~(size - 1);
	if (__builtin_mul_overflow(wanted->nr_pages, size, &length) ||
	    __builtin_add_overflow(wanted->address, length - 1, ret_last))
		*ret_last = UINT64_MAX;
	*ret_last |= size - 1;
}

/* Is it about one PASID of a table of contexts? An ID can be that of several. */
static bool is_of_one_pasid(const struct table *table, const struct request_invalidate *wanted)
{
	return table->is_context && wanted->flags & VIOMMU_INVALIDATE_F_PASID &&
	       wanted->scope != VIOMMU_INVALIDATE_S_DOMAIN;
}

/* A PASID of a table of contexts that requests without a PASID do not use, or all. */
static uint32_t pasid_of(const struct table *table, const struct request_invalidate *wanted)
{
	return is_of_one_pasid(table, wanted) && wanted->pasid != table->context.default_pasid
		       ? wanted->pasid
		       : NO_PASID;
}

/* Endpoints drop their caches after nothing old is used here any more. */
static void invalidate_devices(struct viommu *device, struct domain *domain,
			       const struct request_invalidate *wanted)
{
	uint64_t first, last;

	range_of(wanted, &first, &last);
	device_synchronize(device);
	for_each_endpoint(endpoint, domain) {
		const struct member member = {
			.endpoint = endpoint,
			.pasid = pasid_of(domain->table, wanted),
		};

		atc_invalidate(&member, first, last);
	}
	atc_invalidate_slots(domain, first, last);
}

/*
 * A table is one address space, and is dropped by range. Of contexts, one PASID is dropped if it is
 * named, and all otherwise. Requests without a PASID may use the entry of any, so what is kept of
 * them goes with each.
 */
static void drop_kept(const struct table *table, const struct request_invalidate *wanted)
{
	struct tlb_drop drop = {
		.has_pasid = is_of_one_pasid(table, wanted),
		.pasid = wanted->pasid,
		.has_range = wanted->scope == VIOMMU_INVALIDATE_S_ADDRESS &&
			     !(wanted->caches & VIOMMU_INVALIDATE_C_CONTEXT),
		.keeps_tables = wanted->flags & VIOMMU_INVALIDATE_F_LEAF,
	};

	if (table->is_context && !drop.has_pasid) {
		tlb_flush(table->tlb);
		return;
	}
	range_of(wanted, &drop.first, &drop.last);
	tlb_drop(table->tlb, &drop);
	if (!drop.has_pasid)
		return;
	drop.pasid = NO_PASID & TLB_PASID_MASK;
	tlb_drop(table->tlb, &drop);
}

/*
 * Dropping increments counters, as many as the range has 2 MiB, and waits for the grace period of
 * the batch. With DEV_TLB the request waits for its own grace period.
 */
uint8_t do_invalidate(struct viommu *device, const union request *request)
{
	const struct request_invalidate *wanted = &request->invalidate;
	struct domain *domain = domain_find(device, wanted->domain);

	if (is_malformed(wanted))
		return VIOMMU_S_INVAL;
	if (!domain)
		return VIOMMU_S_NOENT;
	if (!domain->table)
		return VIOMMU_S_INVAL;
	if (wanted->scope == VIOMMU_INVALIDATE_S_ADDRESS &&
	    (!has_page_size(domain->table, wanted->page_size) || !wanted->nr_pages))
		return VIOMMU_S_INVAL;
	drop_kept(domain->table, wanted);
	domain_mark_sync_pending(device, domain);
	if (is_of_one_pasid(domain->table, wanted) && wanted->pasid >> VIOMMU_PASID_BITS_MAX)
		return VIOMMU_S_OK;
	if ((wanted->caches & VIOMMU_INVALIDATE_C_DEV_TLB && device->ops.invalidate) ||
	    domain_followed(domain)->shadows)
		invalidate_devices(device, domain, wanted);
	return VIOMMU_S_OK;
}
