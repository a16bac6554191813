/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"

/*
 * Endpoints: lookup, reserved regions, compatibility with a domain
 *
 * virtio 1.3, 5.13.6.3.2: an endpoint is refused if its properties are incompatible with those of
 * the domain's endpoints. Incompatible means another granule, or a mapping that lies in its
 * reserved regions or outside its input range.
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

static bool input_range_fits(const struct endpoint *endpoint, const struct domain *domain)
{
	struct range range;

	if (map_next_range(domain->map, 0, &range) && range.first < endpoint->input_first)
		return false;
	return endpoint->input_last == UINT64_MAX ||
	       !map_next_range(domain->map, endpoint->input_last + 1, &range);
}

bool endpoint_fits(const struct endpoint *endpoint, const struct domain *domain)
{
	const struct regions *regions;

	if (domain->bypass)
		return true;
	if (domain->table)
		return table_fits(endpoint, domain->table);
	if (endpoint->granule != domain->granule || !input_range_fits(endpoint, domain))
		return false;
	regions = atomic_load_explicit(&endpoint->regions, memory_order_relaxed);
	for (size_t i = 0; regions && i < regions->n; i++)
		if (map_overlaps(domain->map, regions->region[i].first, regions->region[i].last))
			return false;
	return true;
}
