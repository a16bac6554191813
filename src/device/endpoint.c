/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Endpoints: lookup, reserved regions, compatibility with a domain
 *
 * virtio 1.3, 5.13.6.3.2: an endpoint is refused if its properties are incompatible with those of
 * the domain's endpoints. Incompatible means another granule, or a mapping that lies in its
 * reserved regions or outside its input range. MAP refuses the same of an endpoint that is attached
 * already (mapping_check()), so endpoints and mappings that fit each other are accepted in every
 * order, and of those that do not fit the last one is refused.
 */

struct endpoint *endpoint_find(const struct viommu *device, uint32_t id)
{
	return ids_find(&device->endpoints, id);
}

const struct viommu_reserved *endpoint_reserved(const struct endpoint *endpoint, uint64_t first,
						uint64_t last)
{
	const struct regions *regions =
		atomic_load_explicit(&endpoint->regions, memory_order_acquire);
	size_t low = 0, high;

	annotate_acquire(&endpoint->regions);
	high = regions ? regions->n : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (regions->region[middle].last < first)
			low = middle + 1;
		else
			high = middle;
	}
	if (!regions || low == regions->n || regions->region[low].first > last)
		return NULL;
	return &regions->region[low];
}

/* -- compatibility with a domain ------------------------------------------------------------ */

/* Keep `misfit` if it is the first mapping that is found, or lower than that. */
static void keep_lower(struct viommu_misfit *lowest, const struct viommu_misfit *misfit)
{
	if (lowest->reason == VIOMMU_FITS || misfit->first < lowest->first)
		*lowest = *misfit;
}

/* Mappings outside of the endpoint's input range: the first below, or else the first above. */
static void find_outside(const struct endpoint *endpoint, const struct domain *domain,
			 uint64_t from, struct viommu_misfit *lowest)
{
	uint64_t last = endpoint->input_last;
	struct range range;
	bool found =
		map_next_range(domain->map, from, &range) && range.first < endpoint->input_first;

	if (!found && last != UINT64_MAX)
		found = map_next_range(domain->map, from > last ? from : last + 1, &range);
	if (found)
		keep_lower(lowest, &(struct viommu_misfit){ VIOMMU_MISFIT_INPUT, range.first,
							    range.last, endpoint->input_first,
							    endpoint->input_last, 0, 0 });
}

/* Regions are sorted, so the first one with a mapping has the lowest. */
static void find_reserved(const struct endpoint *endpoint, const struct domain *domain,
			  uint64_t from, struct viommu_misfit *lowest)
{
	const struct regions *regions =
		atomic_load_explicit(&endpoint->regions, memory_order_relaxed);
	struct range range;

	for (size_t i = 0; regions && i < regions->n; i++) {
		const struct viommu_reserved *region = &regions->region[i];
		uint64_t first = from > region->first ? from : region->first;

		if (first > region->last || !map_next_range(domain->map, first, &range) ||
		    range.first > region->last)
			continue;
		keep_lower(lowest,
			   &(struct viommu_misfit){ VIOMMU_MISFIT_RESERVED, range.first, range.last,
						    region->first, region->last, 0, 0 });
		return;
	}
}

static struct viommu_misfit next_misfit(const struct endpoint *endpoint,
					const struct domain *domain, uint64_t from)
{
	struct viommu_misfit misfit = { .last = UINT64_MAX };
	struct range range;

	if (domain->bypass)
		return misfit;
	if (domain->table) {
		if (!table_fits(endpoint, domain->table))
			misfit.reason = VIOMMU_MISFIT_TABLE;
		return misfit;
	}
	if (endpoint->granule != domain->granule) {
		misfit.reason = VIOMMU_MISFIT_GRANULE;
		return misfit;
	}
	if (!map_next_range(domain->map, from, &range))
		return misfit;
	find_outside(endpoint, domain, range.first, &misfit);
	find_reserved(endpoint, domain, range.first, &misfit);
	return misfit;
}

bool endpoint_next_misfit(const struct endpoint *endpoint, const struct domain *domain,
			  uint64_t from, struct viommu_misfit *ret_misfit)
{
	struct viommu_misfit misfit = next_misfit(endpoint, domain, from);

	if (misfit.reason == VIOMMU_FITS)
		return false;
	misfit.domain_granule = domain->granule;
	misfit.endpoint_granule = endpoint->granule;
	*ret_misfit = misfit;
	return true;
}

bool endpoint_fits(const struct endpoint *endpoint, const struct domain *domain)
{
	return next_misfit(endpoint, domain, 0).reason == VIOMMU_FITS;
}
