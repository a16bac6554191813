/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_COVER_H
#define VIOMMU_TABLES_COVER_H

#include <stdint.h>

#include <glib.h>

#include "base/array.h"

/*
 * Interval partition with priorities
 *
 * A span is an interval of positions with an owner. Where spans overlap, the one that was added
 * first owns the positions. cover_settle() cuts the spans to what they own, disjoint and sorted. A
 * span may be cut into several, or disappear.
 */

struct span {
	uint64_t first, last;
	const void *owner;
};

/* No spans yet. Free with array_free(). */
struct array *cover_new(void);

/* Add [first, last]; `last` is below UINT64_MAX. */
void cover_add(struct array *cover, uint64_t first, uint64_t last, const void *owner);

/* Resolve all overlaps in place, in O(n log n) for n spans. */
void cover_settle(struct array *cover);

/* The i-th, or NULL behind the last. */
static inline const struct span *cover_get(const struct array *cover, size_t i)
{
	return i < cover->len ? &array_index(cover, struct span, i) : NULL;
}

/* The index of the first settled span that ends at `position` or behind it. */
size_t cover_seek(const struct array *cover, uint64_t position);

#endif
