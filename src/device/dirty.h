/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_DEVICE_DIRTY_H
#define VIOMMU_DEVICE_DIRTY_H

#include <stddef.h>
#include <stdint.h>

/* The log of dirty pages, shared by dirty.c, which marks them, and dirty_log.c. */

struct route;

struct dirty_region {
	uint64_t first, last;
	uint64_t *bits; /* in dirty.words */
};

struct dirty {
	uint32_t page_shift;
	size_t n;
	uint64_t *words;
	struct dirty_region region[];
};

/* Mark pages in [first, last]; all that an access by a route can write. */
void dirty_mark(const struct dirty *dirty, uint64_t first, uint64_t last);
void dirty_mark_route(const struct dirty *dirty, const struct route *route);

#endif
