/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Functions whose route differs
 *
 * Walks both maps (routes/map.c) in parallel, and cuts them where either changes. Consecutive
 * changes are joined, also across segments, so the result grows with the changes and not with the
 * machine.
 */
#include <inttypes.h>
#include <string.h>

#include "base/array.h"
#include "base/hash.h"
#include "base/strbuf.h"
#include "diff.h"
#include "tables/routes/map.h"
#include "tables/model/topology.h"

#define SEGMENT_SHIFT 16
#define LAST_BDF      0xffff

/* A range of functions, with its route on both sides. */
struct change {
	struct viommu_route_range sides[N_SIDES];
};

/* Holds one range per side, cut to the same bounds, so memory grows with the changes. */
struct walk {
	struct viommu_diff *diff;
	struct map *maps[N_SIDES];
	struct viommu_route_range ranges[N_SIDES]; /* the current range of each side, */
	bool has_range[N_SIDES];                   /* if there is one */

	struct change last; /* it may be extended by the next change */
	bool has_last;
	struct array *changes;
	struct hash *latest; /* functions -> index of their last change, from 1 */
};

/* -- comparing routes ---------------------------------------------------------- */

/* By its common name; NULL without an IOMMU. */
static const char *iommu_of(const struct walk *walk, int side, const struct viommu_route *route)
{
	return diff_common(walk->diff, side, OBJECT_IOMMU,
			   route->iommu ? route->iommu->name : NULL);
}

/* By its common name, so that renaming a group is no difference. */
static const char *its_of(const struct walk *walk, int side, const struct viommu_route *route)
{
	return diff_common(walk->diff, side, OBJECT_ITS_GROUP,
			   route->its ? route->its->name : NULL);
}

/* For a single function, it does not matter whether its ID is shared. */
static bool ids_differ(uint32_t a, bool a_is_one, uint32_t b, bool b_is_one, uint32_t n)
{
	return a != b || (n > 1 && a_is_one != b_is_one);
}

/*
 * IDs and PASIDs matter only behind an IOMMU. Explicit bypass and no entry are equal: the functions
 * access memory directly.
 */
static bool dma_differs(const struct walk *walk, const struct change *change)
{
	const struct viommu_route_range *a = &change->sides[BEFORE], *b = &change->sides[AFTER];
	const char *iommu = iommu_of(walk, BEFORE, &a->route);

	if (g_strcmp0(iommu, iommu_of(walk, AFTER, &b->route)))
		return true;
	return iommu && (ids_differ(a->route.id, a->shared_id, b->route.id, b->shared_id,
				    range_functions(a)) ||
			 a->route.pasid_bits != b->route.pasid_bits);
}

/* Device IDs matter only with an ITS. */
static bool msis_differ(const struct walk *walk, const struct change *change)
{
	const struct viommu_route_range *a = &change->sides[BEFORE], *b = &change->sides[AFTER];
	const char *its = its_of(walk, BEFORE, &a->route);

	if (!walk->diff->has_msis)
		return false;
	if (g_strcmp0(its, its_of(walk, AFTER, &b->route)))
		return true;
	return its && ids_differ(a->route.device_id, a->shared_device_id, b->route.device_id,
				 b->shared_device_id, range_functions(a));
}

/* -- changes ---------------------------------------------------------------------- */

/* The part of the side's range in [first, last]; an undescribed range if there is none. */
static struct viommu_route_range clip(const struct viommu_route_range *range, uint64_t first,
				      uint64_t last)
{
	static const struct viommu_route_range unsaid = { .route = { .reach = VIOMMU_REACH_NOTHING,
								     .place.at = VIOMMU_NOWHERE } };
	struct viommu_route_range piece = unsaid;

	if (range && range_first(range) <= first)
		return range_clip(range, first, last);
	piece.segment_first = piece.segment_last = (uint16_t)(first >> SEGMENT_SHIFT);
	piece.bdf_first = first & LAST_BDF;
	piece.bdf_last = last & LAST_BDF;
	return piece;
}

typedef bool joins_function(struct viommu_route_range *range,
			    const struct viommu_route_range *next);

/* Joins both sides, or neither. */
static bool join(struct change *change, const struct change *next, joins_function *joins)
{
	struct change joined = *change;

	if (!joins(&joined.sides[BEFORE], &next->sides[BEFORE]) ||
	    !joins(&joined.sides[AFTER], &next->sides[AFTER]))
		return false;
	*change = joined;
	return true;
}

/* Joins equal changes of consecutive segments, as on the map. */
static void keep_last(struct walk *walk)
{
	gpointer window = range_window(&walk->last.sides[BEFORE]);
	size_t before = GPOINTER_TO_SIZE(hash_lookup(walk->latest, window));

	if (!walk->has_last ||
	    (before && join(&array_index(walk->changes, struct change, before - 1), &walk->last,
			    range_joins_segment)))
		return;
	array_append(walk->changes, walk->last);
	hash_insert(walk->latest, window, GSIZE_TO_POINTER((size_t)walk->changes->len));
}

/* A change is pending until the next one shows where it ends. */
static void add_change(struct walk *walk, const struct change *change)
{
	if (!dma_differs(walk, change) && !msis_differ(walk, change))
		return;
	if (walk->has_last && join(&walk->last, change, range_joins_function))
		return;
	keep_last(walk);
	walk->last = *change;
	walk->has_last = true;
}

/* -- the walk ----------------------------------------------------------------------- */

/* The first function at or behind `position` that either side has, or UINT64_MAX. */
static uint64_t seek(struct walk *walk, uint64_t position)
{
	uint64_t first = UINT64_MAX;

	for (int i = 0; i < N_SIDES; i++) {
		struct viommu_route_range *range = &walk->ranges[i];

		while (walk->has_range[i] && range_last(range) < position)
			walk->has_range[i] = map_next(walk->maps[i], range);
		if (walk->has_range[i])
			first = MIN(first, MAX(range_first(range), position));
	}
	return first;
}

/* The last function up to which both routes stay the same. */
static uint64_t end_of(const struct walk *walk, uint64_t first)
{
	uint64_t last = UINT64_MAX;

	for (int i = 0; i < N_SIDES; i++) {
		const struct viommu_route_range *range = &walk->ranges[i];
		bool inside = range_first(range) <= first;

		if (walk->has_range[i])
			last = MIN(last, inside ? range_last(range) : range_first(range) - 1);
	}
	return last;
}

/* Between two boundaries the routes are constant, so the first function is compared. */
static void compare_maps(struct walk *walk)
{
	struct change change = { 0 };

	for (int i = 0; i < N_SIDES; i++)
		walk->has_range[i] = map_next(walk->maps[i], &walk->ranges[i]);
	for (uint64_t first = seek(walk, 0), last; first != UINT64_MAX;
	     first = seek(walk, last + 1)) {
		last = end_of(walk, first);
		for (int i = 0; i < N_SIDES; i++)
			change.sides[i] =
				clip(walk->has_range[i] ? &walk->ranges[i] : NULL, first, last);
		add_change(walk, &change);
	}
	keep_last(walk);
}

/* -- in words ----------------------------------------------------------------------- */

/* The last ID may wrap in an invalid table, as it does in a consumer. */
static void put_ids(struct strbuf *out, uint32_t first, const struct viommu_route_range *range,
		    bool one)
{
	uint32_t last = first + (uint32_t)(range_length(range) - 1);

	strbuf_append_printf(out, "0x%" PRIx32, first);
	if (!one && last != first)
		strbuf_append_printf(out, "-0x%" PRIx32, last);
}

/* PASIDs are mentioned only if they differ. */
static void put_dma(struct strbuf *out, const struct walk *walk, int side,
		    const struct change *change)
{
	const struct viommu_route_range *range = &change->sides[side];
	const struct viommu_route *route = &range->route;
	unsigned others = change->sides[!side].route.pasid_bits;

	if (!route->iommu) {
		strbuf_append(out,
			      route->reach == VIOMMU_REACH_BYPASS ? "bypassing" : "not mentioned");
		return;
	}
	strbuf_append_printf(out, "behind %s as ", iommu_of(walk, side, route));
	put_ids(out, route->id, range, range->shared_id);
	if (route->pasid_bits != others)
		strbuf_append_printf(out, " with PASIDs of %u bits", route->pasid_bits);
}

/* Follows the route of DMA if that changed, too. */
static void put_msis(struct strbuf *out, const struct walk *walk, int side,
		     const struct change *change)
{
	const struct viommu_route_range *range = &change->sides[side];

	strbuf_append(out, out->len ? ", MSIs to " : "sending MSIs to ");
	if (!range->route.its) {
		strbuf_append(out, "no ITS");
		return;
	}
	strbuf_append_printf(out, "%s as ", its_of(walk, side, &range->route));
	put_ids(out, range->route.device_id, range, range->shared_device_id);
}

/* Mentions only what differs. */
static char *describe(const struct walk *walk, int side, const struct change *change)
{
	struct strbuf *out = strbuf_new(NULL);

	if (dma_differs(walk, change))
		put_dma(out, walk, side, change);
	if (msis_differ(walk, change))
		put_msis(out, walk, side, change);
	return strbuf_steal(out);
}

/* Either side can name the functions. */
static void report_change(struct walk *walk, const struct change *change)
{
	auto_free char *what = functions_text(&change->sides[BEFORE]);
	auto_free char *before = describe(walk, BEFORE, change);
	auto_free char *after = describe(walk, AFTER, change);

	diff_add(walk->diff, &(struct viommu_difference){
				     .rank = VIOMMU_DIFFERENCE_ROUTE,
				     .what = what,
				     .before = before,
				     .after = after,
				     .before_place = change->sides[BEFORE].route.place,
				     .after_place = change->sides[AFTER].route.place,
			     });
}

/* Collects all changes first, because the last segment may still extend the first change. */
void diff_functions(struct viommu_diff *diff)
{
	struct walk walk = {
		.diff = diff,
		.changes = array_new(sizeof(struct change)),
		.latest = hash_new(&hash_direct),
	};

	for (int i = 0; i < N_SIDES; i++)
		walk.maps[i] = map_begin(diff->sides[i]);
	compare_maps(&walk);
	for (size_t i = 0; i < walk.changes->len; i++)
		report_change(&walk, &array_index(walk.changes, struct change, i));
	for (int i = 0; i < N_SIDES; i++)
		map_end(walk.maps[i]);
	array_free(walk.changes);
	hash_free(walk.latest);
}
