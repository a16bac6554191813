/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * The requests MAP and UNMAP
 *
 * virtio 1.3, "IOMMU Device / MAP request", "UNMAP request". A mapping is what one MAP
 * made: UNMAP removes whole ones or refuses. Where the standard names no status, the
 * choice stands in docs/decisions.md.
 */

struct viommu_mapping mapping_of(const struct domain *domain, const struct range *range)
{
	return (struct viommu_mapping){
		.domain = domain->id,
		.flags = range->flags,
		.first = range->first,
		.last = range->last,
		.phys = range->phys,
	};
}

/* -- MAP ------------------------------------------------------------------------ */

static bool aligned(const struct domain *domain, const struct range *range)
{
	return !((range->first | range->phys | (range->last + 1)) & (domain->granule - 1));
}

static bool wraps(const struct range *range)
{
	return range->phys > UINT64_MAX - (range->last - range->first);
}

/* Inside the device's input range, and that of every endpoint of the domain. */
static bool in_input_range(const struct viommu *device, const struct domain *domain,
			   const struct range *range)
{
	if (range->first < device->config.input_first || range->last > device->config.input_last)
		return false;
	for_each_endpoint(endpoint, domain)
		if (range->first < endpoint->input_first || range->last > endpoint->input_last)
			return false;
	return true;
}

static bool is_reserved(const struct domain *domain, const struct range *range)
{
	for_each_endpoint(endpoint, domain)
		if (endpoint_reserved(endpoint, range->first, range->last))
			return true;
	return false;
}

/* Of a domain that is not bypass. Limits and memory are another matter. */
uint8_t mapping_check(const struct viommu *device, const struct domain *domain,
		      const struct range *range)
{
	if (range->last < range->first)
		return VIOMMU_S_INVAL;
	if (!aligned(domain, range) || wraps(range) || !in_input_range(device, domain, range))
		return VIOMMU_S_RANGE;
	if (map_overlaps(domain->map, range->first, range->last) || is_reserved(domain, range))
		return VIOMMU_S_INVAL;
	return VIOMMU_S_OK;
}

/* Enter a range, and tell listeners; if one refuses, it is as if nothing was asked. */
static int enter(struct domain *domain, const struct range *range)
{
	struct viommu_mapping mapping = mapping_of(domain, range);
	int error = map_insert(domain->map, range);

	if (error)
		return error;
	error = listeners_map(domain, &mapping);
	if (error)
		map_remove(domain->map, range->first, range->last, NULL, NULL);
	return error;
}

/* A range that may be there is entered, if limits, memory and listeners allow. */
static uint8_t map(struct viommu *device, struct domain *domain, const struct range *range)
{
	const struct load more = { 0, 1, map_growth(domain->map) };
	int error;

	if (device_is_full(device, more)) {
		atomic_fetch_add_explicit(&device->limited, 1, memory_order_relaxed);
		return VIOMMU_S_NOMEM;
	}
	domain_discharge(device, domain);
	error = enter(domain, range);
	domain_charge(device, domain);
	return status_of(error);
}

uint8_t do_map(struct viommu *device, const union request *request)
{
	const struct request_map *wanted = &request->map;
	struct domain *domain = domain_find(device, wanted->domain);
	uint32_t known = VIOMMU_MAP_F_READ | VIOMMU_MAP_F_WRITE;
	struct range range = {
		.first = wanted->virt_start,
		.last = wanted->virt_end,
		.phys = wanted->phys_start,
		.flags = wanted->flags,
	};
	uint8_t status;

	if (device_accepted(device, VIOMMU_F_MMIO))
		known |= VIOMMU_MAP_F_MMIO;
	if (range.flags & ~known)
		return VIOMMU_S_INVAL;
	if (!domain)
		return VIOMMU_S_NOENT;
	if (domain->bypass)
		return VIOMMU_S_INVAL;
	status = mapping_check(device, domain, &range);
	if (status != VIOMMU_S_OK)
		return status;
	return map(device, domain, &range);
}

/* -- UNMAP ------------------------------------------------------------------------ */

static void tell_unmapped(void *opaque, const struct range *range)
{
	struct domain *domain = opaque;
	struct viommu_mapping mapping = mapping_of(domain, range);

	listeners_unmap(domain, &mapping);
}

uint8_t do_unmap(struct viommu *device, const union request *request)
{
	const struct request_unmap *unmap = &request->unmap;
	struct domain *domain = domain_find(device, unmap->domain);

	if (!domain)
		return VIOMMU_S_NOENT;
	if (unmap->reserved || domain->bypass || unmap->virt_end < unmap->virt_start)
		return VIOMMU_S_INVAL;
	if (map_cuts(domain->map, unmap->virt_start, unmap->virt_end))
		return VIOMMU_S_RANGE;
	domain_discharge(device, domain);
	map_remove(domain->map, unmap->virt_start, unmap->virt_end, tell_unmapped, domain);
	domain_charge(device, domain);
	return VIOMMU_S_OK;
}
