/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "device/core.h"
#include "device/dirty.h"

/* The log of dirty pages as the VMM uses it: tracked endpoints, regions, reading */

/* -- tracked endpoints ------------------------------------------------------------- */

static void track(struct endpoint *endpoint, bool on)
{
	if (endpoint->is_tracked == on)
		return;
	/* It may have written until now. */
	if (!on)
		dirty_leave(endpoint, atomic_load_explicit(&endpoint->route, memory_order_relaxed));
	slots_track(endpoint, on);
	if (endpoint->domain)
		domain_count_tracked(endpoint->domain, on);
	endpoint->is_tracked = on;
}

int viommu_dirty_track(struct viommu *device, uint32_t id, bool on)
{
	struct endpoint *endpoint;

	device_lock_drained(device);
	endpoint = endpoint_find(device, id);
	if (endpoint)
		track(endpoint, on);
	device_unlock(device);
	return endpoint ? 0 : -ENOENT;
}

/* -- beginning and ending ----------------------------------------------------------- */

#define WORDS_MAX (SIZE_MAX / sizeof(uint64_t))

static struct dirty *free_log(struct dirty *dirty)
{
	if (dirty)
		free(dirty->words);
	free(dirty);
	return NULL;
}

static bool is_sound(const struct dirty *dirty)
{
	uint64_t offset = (UINT64_C(1) << dirty->page_shift) - 1;

	for (size_t i = 0; i < dirty->n; i++) {
		const struct dirty_region *region = &dirty->region[i];

		if (region->last < region->first || region->first & offset ||
		    (region->last & offset) != offset)
			return false;
		for (size_t k = 0; k < i; k++)
			if (region->first <= dirty->region[k].last &&
			    dirty->region[k].first <= region->last)
				return false;
	}
	return true;
}

static uint64_t words_of(const struct dirty *dirty, const struct dirty_region *region)
{
	return ((region->last - region->first) >> dirty->page_shift) / 64 + 1;
}

static int give_bits(struct dirty *dirty)
{
	uint64_t n = 0;

	for (size_t i = 0; i < dirty->n; i++) {
		uint64_t words = words_of(dirty, &dirty->region[i]);

		if (words > WORDS_MAX - n)
			return -ENOMEM;
		n += words;
	}
	dirty->words = calloc((size_t)n + !n, sizeof(dirty->words[0]));
	if (!dirty->words)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < dirty->n; i++) {
		dirty->region[i].bits = dirty->words + n;
		n += words_of(dirty, &dirty->region[i]);
	}
	return 0;
}

static int log_new(const struct viommu_dirty_region *regions, size_t n, uint32_t page_shift,
		   struct dirty **ret_dirty)
{
	struct dirty *dirty;
	int error;

	if (page_shift > 63 || n > (SIZE_MAX - sizeof(*dirty)) / sizeof(dirty->region[0]))
		return -EINVAL;
	dirty = calloc(1, sizeof(*dirty) + n * sizeof(dirty->region[0]));
	if (!dirty)
		return -ENOMEM;
	dirty->page_shift = page_shift;
	dirty->n = n;
	for (size_t i = 0; i < n; i++)
		dirty->region[i] = (struct dirty_region){ regions[i].first, regions[i].last, NULL };
	error = is_sound(dirty) ? give_bits(dirty) : -EINVAL;
	if (error)
		free_log(dirty);
	else
		*ret_dirty = dirty;
	return error;
}

int viommu_dirty_begin(struct viommu *device, const struct viommu_dirty_region *regions, size_t n,
		       uint32_t page_shift)
{
	struct dirty *dirty;
	int error = log_new(regions, n, page_shift, &dirty);

	if (error)
		return error;
	device_lock_drained(device);
	free_log(device->dirty_log);
	device->dirty_log = dirty;
	device_unlock(device);
	return 0;
}

void dirty_free(struct viommu *device)
{
	device->dirty_log = free_log(device->dirty_log);
}

void viommu_dirty_end(struct viommu *device)
{
	device_lock(device);
	dirty_free(device);
	device_unlock(device);
}

/* -- reading ------------------------------------------------------------------------- */

static void mark_present(struct viommu *device)
{
	for_all_endpoints(endpoint, device)
		if (endpoint->is_tracked && endpoint_mode(endpoint) == VIOMMU_BYPASS)
			dirty_mark(device->dirty_log, 0, UINT64_MAX);
	for_all_domains(domain, device)
		if (domain->n_tracked)
			dirty_mark_route(device->dirty_log, &domain->route);
}

static const struct dirty_region *region_of(const struct dirty *dirty, uint64_t first,
					    uint64_t last)
{
	for (size_t i = 0; dirty && i < dirty->n; i++)
		if (first >= dirty->region[i].first && last <= dirty->region[i].last)
			return &dirty->region[i];
	return NULL;
}

/* Move the bits of `n` pages from the log to the caller's bitmap. */
static void take_bits(const struct dirty *dirty, const struct dirty_region *region, uint64_t first,
		      uint64_t n, uint64_t *bitmap)
{
	uint64_t from = (first - region->first) >> dirty->page_shift;

	for (uint64_t i = 0; i < n; i++, from++) {
		uint64_t *word = &region->bits[from / 64], bit = UINT64_C(1) << from % 64;

		if (!*word) {
			uint64_t skip = 63 - from % 64;

			i += skip;
			from += skip;
			continue;
		}
		bitmap[i / 64] |= (uint64_t) !!(*word & bit) << i % 64;
		*word &= ~bit;
	}
}

int viommu_dirty_read(struct viommu *device, uint64_t first, uint64_t last, bool with_present,
		      uint64_t *bitmap)
{
	const struct dirty_region *region;

	device_lock_drained(device);
	region = last >= first ? region_of(device->dirty_log, first, last) : NULL;
	if (region && with_present)
		mark_present(device);
	if (region)
		take_bits(device->dirty_log, region, first,
			  (last - first) / (UINT64_C(1) << device->dirty_log->page_shift) + 1,
			  bitmap);
	device_unlock(device);
	return region ? 0 : -EINVAL;
}
