/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_PARTITION_H
#define VIOMMU_TABLES_PARTITION_H

#include <stdint.h>

#include <glib.h>

#include "base/array.h"

/*
 * Interval partition with priorities
 *
 * A span is an interval of positions with an owner. Where spans overlap, the one that was added
 * first owns the positions. partition_resolve() cuts the spans to what they own, disjoint and
 * sorted. A span may be cut into several, or disappear.
 */

struct span {
	uint64_t first, last;
	const void *owner;
};

/* No spans yet. Free with array_free(). */
struct array *partition_new(void);

/* Add [first, last]; `last` is below UINT64_MAX. */
void partition_add(struct array *partition, uint64_t first, uint64_t last, const void *owner);

/* Resolve all overlaps in place, in O(n log n) for n spans. */
void partition_resolve(struct array *partition);

/* The i-th, or NULL behind the last. */
static inline const struct span *partition_get(const struct array *partition, size_t i)
{
	return i < partition->len ? &array_index(partition, struct span, i) : NULL;
}

/* The index of the first resolved span that ends at `position` or behind it. */
size_t partition_seek(const struct array *partition, uint64_t position);

#endif
