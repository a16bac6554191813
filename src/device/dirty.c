/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/core.h"
#include "device/dirty.h"

/*
 * Dirty logging by guest-physical address, for endpoints whose accesses the VMM does not see
 *
 * The device does not know what such an endpoint writes, but what it can write: pages of writable
 * mappings in its domains. Pages that it can no longer reach are recorded when a mapping is removed
 * or the endpoint gets another route; pages that it can still reach are found when the log is read.
 * So a mapping that stays costs nothing until then.
 */

/* -- marking ------------------------------------------------------------------ */

/* Both are in the region. */
static void mark_pages(const struct dirty *dirty, const struct dirty_region *region, uint64_t first,
		       uint64_t last)
{
	uint64_t from = (first - region->first) >> dirty->page_shift;
	uint64_t to = (last - region->first) >> dirty->page_shift;

	for (; from <= to && from % 64; from++)
		region->bits[from / 64] |= UINT64_C(1) << from % 64;
	for (; from <= to && to - from >= 63; from += 64)
		region->bits[from / 64] = UINT64_MAX;
	for (; from <= to; from++)
		region->bits[from / 64] |= UINT64_C(1) << from % 64;
}

void dirty_mark(const struct dirty *dirty, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < dirty->n; i++) {
		const struct dirty_region *region = &dirty->region[i];

		if (last >= region->first && first <= region->last)
			mark_pages(dirty, region, first > region->first ? first : region->first,
				   last < region->last ? last : region->last);
	}
}

static void mark_mappings(const struct dirty *dirty, const struct map *map, uint64_t first,
			  uint64_t last)
{
	struct range range;

	while (map_next_range(map, first, &range) && range.first <= last) {
		if (range.flags & VIOMMU_MAP_F_WRITE)
			dirty_mark(dirty, range.phys, range.phys + (range.last - range.first));
		if (range.last == UINT64_MAX)
			break;
		first = range.last + 1;
	}
}

/* Tables of the guest are not read: they may lead to every page, or every page of the parent. */
void dirty_mark_route(const struct dirty *dirty, const struct route *route)
{
	if (route->mode == VIOMMU_BLOCKED)
		return;
	if (route->mode == VIOMMU_BYPASS || (route->table && !route->table->parent))
		dirty_mark(dirty, 0, UINT64_MAX);
	else
		mark_mappings(dirty, route->table ? route->table->parent->map : route->map, 0,
			      UINT64_MAX);
}

void dirty_leave(const struct endpoint *endpoint, const struct route *old)
{
	if (old && endpoint->is_tracked && endpoint->device->dirty_log)
		dirty_mark_route(endpoint->device->dirty_log, old);
}

void dirty_unmap(const struct viommu *device, const struct domain *domain, uint64_t first,
		 uint64_t last)
{
	if (domain->n_tracked || domain->n_children)
		mark_mappings(device->dirty_log, domain->map, first, last);
}
