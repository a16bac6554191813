/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_FOLLOW_H
#define VIOMMU_MAP_FOLLOW_H

#include "map/node.h"

/*
 * Finding a range, and following an access. Inlined into the path of each translation: a guest's
 * ranges are few and cached, and then calls, and structs in memory, are a good part of its cost.
 */
#define MAP_INLINED __attribute__((always_inline)) static inline

static const struct place map_nowhere = { .leaf = NULL };

/* The first live slot at or behind `i`, which mostly is `i` itself. */
MAP_INLINED struct place place_at(const struct leaf *leaf, uint32_t live, unsigned i)
{
	uint32_t rest = live >> i;

	if (!rest)
		return map_nowhere;
	if (!(rest & 1))
		i += (unsigned)__builtin_ctz(rest);
	return (struct place){ leaf, live, i };
}

/* `live` is loaded before the keys: those of live slots do not change any more. */
MAP_INLINED struct place place_in(const struct leaf *leaf, uint64_t from)
{
	uint32_t live = leaf_live(leaf);

	return place_at(leaf, live, leaf_find(leaf, from));
}

/* The last right branch beside a path. */
struct turn {
	const struct inner *inner; /* NULL: none, it is the last leaf */
	unsigned i, height;
};

static inline const struct leaf *leftmost(const struct turn *turn)
{
	const struct inner *inner = turn->inner;
	const void *node = inner_child(inner, turn->i);

	for (unsigned height = turn->height; --height;) {
		inner = node;
		node = inner_child(inner, 0);
	}
	return node;
}

MAP_INLINED const struct leaf *find_leaf(const struct map *map, uint64_t address, struct turn *turn)
{
	struct root root = map_root(map);
	const void *node = root.node;

	*turn = (struct turn){ NULL, 0, 0 };
	for (unsigned height = root.height; height; height--) {
		const struct inner *inner = node;
		unsigned i = inner_find(inner, address);

		if (i + 1u < inner->count)
			*turn = (struct turn){ inner, i + 1, height };
		node = inner_child(inner, i);
		node_fetch(node);
	}
	return node;
}

/* The first range that ends at or after `from`; it may be in the next leaf. */
MAP_INLINED struct place find_beside(const struct map *map, uint64_t from, struct turn *turn)
{
	const struct leaf *leaf = find_leaf(map, from, turn);
	struct place place;

	if (!leaf)
		return map_nowhere;
	place = place_in(leaf, from);
	if (place.leaf || !turn->inner)
		return place;
	return place_in(leftmost(turn), from);
}

/* What an access needs: every range has the flags `all`, and none differs in `same`. */
struct map_access {
	uint64_t first, last;
	uint32_t all, same;
};

/* Where an access goes: to ranges that continue one another there as well. */
struct map_run {
	uint64_t phys;  /* where the access begins */
	uint64_t last;  /* where the last range ends, maybe behind the access */
	uint32_t flags; /* that every range has */
	bool cut;       /* it may continue in the next leaf */
};

/* Does `next` continue `range`? Guest memory does not wrap. */
static inline bool map_continues(const struct map_access *access, const struct range *range,
				 const struct range *next)
{
	return next->first == range->last + 1 && next->phys > range->phys &&
	       next->phys == range->phys + (range->last - range->first) + 1 &&
	       (next->flags & access->all) == access->all &&
	       !((next->flags ^ range->flags) & access->same);
}

/* Ranges of the same leaf that continue `range`. False: they reach its end. */
MAP_INLINED bool follow_in_leaf(const struct map_access *access, struct place place,
				struct range range, struct map_run *run)
{
	while (range.last < access->last) {
		struct range next;

		place = place_at(place.leaf, place.live, place.i + 1);
		if (!place.leaf)
			return false;
		next = leaf_range(place.leaf, place.i);
		if (!map_continues(access, &range, &next))
			break;
		run->flags &= next.flags;
		run->last = next.last;
		range = next;
	}
	return true;
}

/* Follow an access within one leaf, at one moment. False: no range permits its first byte. */
MAP_INLINED bool map_follow(const struct map *map, const struct map_access *access,
			    struct map_run *ret_run)
{
	struct turn turn;
	struct place place = find_beside(map, access->first, &turn);
	struct range range;

	if (!place.leaf)
		return false;
	range = leaf_range(place.leaf, place.i);
	if (range.first > access->first || (range.flags & access->all) != access->all)
		return false;
	ret_run->phys = range.phys + (access->first - range.first);
	ret_run->last = range.last;
	ret_run->flags = range.flags;
	ret_run->cut = !follow_in_leaf(access, place, range, ret_run) && turn.inner;
	return true;
}

#endif
