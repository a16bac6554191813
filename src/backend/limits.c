/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/kernel.h"

/*
 * The limits of the host's IOMMUs, and their report to a guest
 *
 * A guest reads the granule and the input range of all endpoints from configuration space, and
 * narrower ranges and reserved regions of one endpoint by PROBE. There is no property for a larger
 * granule of one endpoint.
 */
#define GRANULE_DEFAULT 4096u

static uint64_t granule_of(uint64_t mask)
{
	return mask & -mask;
}

int limits_refuse(int error, char *reason, size_t room, const char *format, ...)
{
	va_list args;

	if (!room)
		return error;
	va_start(args, format);
	vsnprintf(reason, room, format, args);
	va_end(args);
	return error;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t width_of(const struct viommu_range *range)
{
	return range->last - range->first;
}

void limits_add_range(struct viommu_limits *limits, struct viommu_range range)
{
	struct viommu_range *ranges = limits->ranges;
	size_t narrowest = 0, last = VIOMMU_LIMITS_RANGES - 1;

	if (limits->n_ranges <= last) {
		ranges[limits->n_ranges++] = range;
		return;
	}
	for (size_t i = 1; i <= last; i++)
		if (width_of(&ranges[i]) < width_of(&ranges[narrowest]))
			narrowest = i;
	if (width_of(&range) <= width_of(&ranges[narrowest]))
		return;
	memmove(&ranges[narrowest], &ranges[narrowest + 1], (last - narrowest) * sizeof(*ranges));
	ranges[last] = range;
}

/* Both lists are sorted, so one pass over both is enough. */
static int intersect_ranges(struct viommu_limits *ret, const struct viommu_limits *a,
			    const struct viommu_limits *b)
{
	size_t i = 0, j = 0;

	ret->n_ranges = 0;
	while (i < a->n_ranges && j < b->n_ranges) {
		const struct viommu_range *x = &a->ranges[i], *y = &b->ranges[j];
		uint64_t first = max(x->first, y->first), last = min(x->last, y->last);

		if (first <= last)
			limits_add_range(ret, (struct viommu_range){ first, last });
		if (x->last < y->last)
			i++;
		else
			j++;
	}
	return ret->n_ranges ? 0 : -ERANGE;
}

int viommu_limits_intersect(struct viommu_limits *limits, const struct viommu_limits *other)
{
	uint64_t granule =
		max(granule_of(limits->page_size_mask), granule_of(other->page_size_mask));
	struct viommu_limits both = { .size = sizeof(both) };
	int error = intersect_ranges(&both, limits, other);

	if (error)
		return error;
	/* A larger page consists of granules, whether or not page tables support it. */
	both.page_size_mask = (limits->page_size_mask & other->page_size_mask & -granule) | granule;
	both.dirty = limits->dirty && other->dirty;
	both.ats = limits->ats && other->ats;
	both.page_requests = limits->page_requests && other->page_requests;
	both.pasid_bits = (uint8_t)min(limits->pasid_bits, other->pasid_bits);
	*limits = both;
	return 0;
}

static int limit_granule(const struct viommu_limits *limits, uint64_t configured, char *reason,
			 size_t room)
{
	uint64_t has = granule_of(limits->page_size_mask), wants = granule_of(configured);

	if (wants >= has)
		return 0;
	return limits_refuse(
		-ERANGE, reason, room,
		"the guest may map pages of %llu bytes, and the host's IOMMU has none smaller"
		" than %llu; page_size_mask 0x%llx fits",
		(unsigned long long)wants, (unsigned long long)has,
		(unsigned long long)(configured & -has ? configured & -has : has));
}

int viommu_limits_config(const struct viommu_limits *limits, struct viommu_config *config,
			 char *reason, size_t room)
{
	uint64_t first = limits->ranges[0].first, last = limits->ranges[limits->n_ranges - 1].last;
	int error = 0;

	if (config->page_size_mask)
		error = limit_granule(limits, config->page_size_mask, reason, room);
	if (error)
		return error;
	if ((config->input_first || config->input_last) &&
	    (config->input_first < first || config->input_last > last))
		return limits_refuse(
			-ERANGE, reason, room,
			"the guest may map 0x%llx to 0x%llx, and the host's IOMMU has 0x%llx"
			" to 0x%llx; set the input range to that",
			(unsigned long long)config->input_first,
			(unsigned long long)config->input_last, (unsigned long long)first,
			(unsigned long long)last);
	if (!config->page_size_mask && granule_of(limits->page_size_mask) > GRANULE_DEFAULT)
		config->page_size_mask = limits->page_size_mask;
	if (!config->input_first && !config->input_last) {
		config->input_first = first;
		config->input_last = last;
	}
	return 0;
}

/* -- endpoints ---------------------------------------------------------------------- */

struct regions {
	struct viommu_reserved *regions;
	size_t n, room;
};

/*
 * Reserve the parts of [first, last] that no region contains, because regions must not overlap.
 * Nothing is in [first, last] where ranges of the host touch.
 */
static bool reserve(struct regions *to, uint64_t first, uint64_t last)
{
	while (first <= last) {
		const struct viommu_reserved *contains = NULL;
		uint64_t end = last;

		for (size_t i = 0; i < to->n; i++) {
			const struct viommu_reserved *region = &to->regions[i];

			if (region->first <= first && first <= region->last)
				contains = region;
			else if (region->first > first && region->first <= end)
				end = region->first - 1;
		}
		if (!contains && to->n == to->room)
			return false;
		if (contains)
			end = contains->last;
		else
			to->regions[to->n++] =
				(struct viommu_reserved){ first, end, VIOMMU_RESV_MEM_RESERVED };
		if (end >= last) /* `end` may be the last address of all */
			return true;
		first = end + 1;
	}
	return true;
}

/* What PROBE tells the guest of the device. */
static int limit_promises(const struct viommu_limits *limits,
			  const struct viommu_endpoint *endpoint, char *reason, size_t room)
{
	if (endpoint->pasid_bits > limits->pasid_bits)
		return limits_refuse(
			-ERANGE, reason, room,
			"the guest may use PASIDs of %u bits, and the device has %u; set"
			" pasid_bits to that",
			(unsigned)endpoint->pasid_bits, (unsigned)limits->pasid_bits);
	if (endpoint->has_ats && endpoint->ats & VIOMMU_ATS_F_PATH && !limits->ats)
		return limits_refuse(
			-ERANGE, reason, room,
			"PROBE has ats 0x%x, and the host's IOMMU has no ATS for the device; clear"
			" VIOMMU_ATS_F_PATH (0x%x)",
			(unsigned)endpoint->ats, (unsigned)VIOMMU_ATS_F_PATH);
	return 0;
}

int viommu_limits_endpoint(const struct viommu_limits *limits, const struct viommu_config *config,
			   struct viommu_endpoint *endpoint,
			   struct viommu_reserved regions[VIOMMU_LIMITS_REGIONS], char *reason,
			   size_t room)
{
	uint64_t first = max(limits->ranges[0].first, config->input_first);
	uint64_t last = min(limits->ranges[limits->n_ranges - 1].last, config->input_last);
	struct regions to = { regions, endpoint->n_reserved, VIOMMU_LIMITS_REGIONS };
	int error = limit_granule(limits, config->page_size_mask, reason, room);

	if (error)
		return error;
	if (first > last)
		return limits_refuse(
			-ERANGE, reason, room,
			"the guest may map 0x%llx to 0x%llx, of which the host's IOMMU has"
			" nothing: 0x%llx to 0x%llx",
			(unsigned long long)config->input_first,
			(unsigned long long)config->input_last,
			(unsigned long long)limits->ranges[0].first,
			(unsigned long long)limits->ranges[limits->n_ranges - 1].last);
	error = limit_promises(limits, endpoint, reason, room);
	if (error)
		return error;
	if (endpoint->n_reserved > VIOMMU_LIMITS_REGIONS)
		return -ENOSPC;
	if (endpoint->n_reserved && endpoint->reserved != regions)
		memcpy(regions, endpoint->reserved, endpoint->n_reserved * sizeof(*regions));
	for (size_t i = 1; i < limits->n_ranges; i++)
		if (!reserve(&to, limits->ranges[i - 1].last + 1, limits->ranges[i].first - 1))
			return -ENOSPC;
	endpoint->reserved = regions;
	endpoint->n_reserved = to.n;
	endpoint->input_first = max(first, endpoint->input_first);
	endpoint->input_last = endpoint->input_last ? min(last, endpoint->input_last) : last;
	return 0;
}
