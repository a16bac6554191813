/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "map/change.h"
#include "map/follow.h"

/*
 * The interval map as a B+ tree, and how it is read while it changes
 *
 * A reader descends from the root by pointers, each loaded once. At a leaf it loads once which
 * slots are live, and their contents do not change while the reader is in its section (leaf.c). So
 * one range, or the ranges of one leaf, are always consistent.
 *
 * A walk over several leaves could see one leaf before a change and the next one after it.
 * `version` is odd from before a change becomes visible until after it. A walk that reads the
 * same even version before and after has seen no change (tests/model/walk.pml).
 */

/* malloc's overhead of a block, in the usual allocators. */
#define HEAP_OVERHEAD 16

const size_t map_bytes_empty = sizeof(struct map) + HEAP_OVERHEAD;

struct map *map_new(void)
{
	return calloc(1, sizeof(struct map));
}

void map_free(struct map *map)
{
	if (map)
		pool_free(&map->pool);
	free(map);
}

size_t map_count(const struct map *map)
{
	return map->count;
}

size_t map_bytes(const struct map *map)
{
	return map_bytes_empty + map->pool.bytes;
}

/* -- one range -------------------------------------------------------------------------- */

static struct place find(const struct map *map, uint64_t from)
{
	struct turn turn;

	return find_beside(map, from, &turn);
}

bool map_next_range(const struct map *map, uint64_t from, struct range *ret_range)
{
	struct place place = find(map, from);

	if (!place.leaf)
		return false;
	*ret_range = leaf_range(place.leaf, place.i);
	return true;
}

static struct place find_behind_hot(struct hot *hot, const struct map *map)
{
	if (!hot->next) {
		struct place next =
			hot->high == LAST_BORDER ? map_nowhere : find(map, hot->high + 1);

		hot->next = (uintptr_t)next.leaf | next.i | NEXT_KNOWN;
	}
	return (struct place){ .leaf = (const void *)(hot->next & ~(uintptr_t)(APART - 1)),
			       .i = hot->next & NEXT_SLOT };
}

/* As find(), for the writer, who will probably change that leaf. */
static struct place find_hot(struct map *map, uint64_t from)
{
	const struct leaf *leaf = map_hot(map, from, from);
	struct place place;
	struct path path;

	if (!leaf) {
		path_find(map, from, &path);
		leaf = path.leaf;
	}
	if (!leaf)
		return map_nowhere;
	place = place_in(leaf, from);
	return place.leaf ? place : find_behind_hot(&map->hot, map);
}

bool map_overlaps(struct map *map, uint64_t first, uint64_t last)
{
	struct place place = find_hot(map, first);

	return place.leaf && place.leaf->first[place.i] <= last;
}

bool map_splits_range(struct map *map, uint64_t first, uint64_t last)
{
	struct place place = find_hot(map, first);
	struct range low, high;

	if (!place.leaf || place.leaf->first[place.i] > last)
		return false;
	low = leaf_range(place.leaf, place.i);
	if (low.first < first || low.last > last)
		return true;
	return low.last < last && map_next_range(map, last, &high) && high.first <= last &&
	       high.last > last;
}

/* -- walks over several ranges ------------------------------------------------------------ */

static bool walk_to(struct map_walk *walk, uint64_t from, struct range *ret_range)
{
	struct place place = find(walk->map, from);

	if (!place.leaf)
		return false;
	walk->leaf = place.leaf;
	walk->live = place.live;
	walk->i = place.i;
	*ret_range = leaf_range(place.leaf, place.i);
	return true;
}

bool map_walk(struct map_walk *walk, const struct map *map, uint64_t from, struct range *ret_range)
{
	*walk = (struct map_walk){ .map = map };
	walk->version = atomic_load_explicit(&map->version, memory_order_acquire);
	return walk_to(walk, from, ret_range);
}

bool map_walk_next(struct map_walk *walk, struct range *ret_range)
{
	const struct leaf *leaf = walk->leaf;
	uint64_t last = leaf_last(leaf, walk->i);
	struct place place = place_at(leaf, walk->live, walk->i + 1);

	if (place.leaf) {
		walk->i = place.i;
		*ret_range = leaf_range(leaf, place.i);
		return true;
	}
	return last != UINT64_MAX && walk_to(walk, last + 1, ret_range);
}

/*
 * Changes are stored with release and loaded with acquire semantics. So a reader that saw part of
 * one also sees the odd version before it.
 */
bool map_walk_is_consistent(const struct map_walk *walk)
{
	return !(walk->version & 1) &&
	       walk->version == atomic_load_explicit(&walk->map->version, memory_order_relaxed);
}
