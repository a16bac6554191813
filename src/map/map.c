/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "map/node.h"

/*
 * The interval map as a B+ tree, and how it is read while it changes
 *
 * A reader descends from the root by pointers, each loaded once. A node's content was true when
 * the pointer to it was loaded, and does not change while the reader is in it (node.h). So one
 * range, or the ranges of one leaf, are always consistent.
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

struct place {
	const struct leaf *leaf;
	unsigned i;
};

/* The last right branch beside a path. */
struct turn {
	const struct inner *inner; /* NULL: none, it is the last leaf */
	unsigned i, height;
};

static const struct leaf *leftmost(const struct turn *turn)
{
	const struct inner *inner = turn->inner;
	const void *node = inner_child(inner, turn->i);

	for (unsigned height = turn->height; --height;) {
		inner = node;
		node = inner_child(inner, 0);
	}
	return node;
}

/* Prefetch a whole leaf: its cache lines would otherwise be missed one after the other. */
static void fetch(const void *leaf)
{
#pragma GCC unroll 8
	for (unsigned at = 0; at < POOL_NODE_BYTES; at += APART)
		__builtin_prefetch((const char *)leaf + at);
}

static const struct leaf *find_leaf(const struct map *map, uint64_t address, struct turn *turn)
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
		fetch(node);
	}
	return node;
}

/* The first range that ends at or after `from`; it may be in the next leaf. */
static bool find(const struct map *map, uint64_t from, struct place *place)
{
	struct turn turn;

	place->leaf = find_leaf(map, from, &turn);
	if (!place->leaf)
		return false;
	place->i = leaf_find(place->leaf, from);
	if (place->i < place->leaf->count)
		return true;
	if (!turn.inner)
		return false;
	*place = (struct place){ leftmost(&turn), 0 };
	return true;
}

bool map_next_range(const struct map *map, uint64_t from, struct range *ret_range)
{
	struct place place;

	if (!find(map, from, &place))
		return false;
	*ret_range = leaf_range(place.leaf, place.i);
	return true;
}

bool map_overlaps(const struct map *map, uint64_t first, uint64_t last)
{
	struct place place;

	return find(map, first, &place) && place.leaf->first[place.i] <= last;
}

bool map_splits_range(const struct map *map, uint64_t first, uint64_t last)
{
	struct range low, high;

	if (!map_next_range(map, first, &low) || low.first > last)
		return false;
	if (low.first < first || low.last > last)
		return true;
	return low.last < last && map_next_range(map, last, &high) && high.first <= last &&
	       high.last > last;
}

/* -- walks over several ranges ------------------------------------------------------------ */

static bool walk_to(struct map_walk *walk, uint64_t from, struct range *ret_range)
{
	struct place place;

	if (!find(walk->map, from, &place))
		return false;
	walk->leaf = place.leaf;
	walk->i = place.i;
	*ret_range = leaf_range(place.leaf, place.i);
	return true;
}

bool map_walk(struct map_walk *walk, const struct map *map, uint64_t from, bool wide,
	      struct range *ret_range)
{
	*walk = (struct map_walk){ .map = map, .wide = wide };
	if (wide)
		walk->version = atomic_load_explicit(&map->version, memory_order_acquire);
	return walk_to(walk, from, ret_range);
}

bool map_walk_next(struct map_walk *walk, struct range *ret_range)
{
	const struct leaf *leaf = walk->leaf;
	uint64_t last = leaf->last[walk->i];

	if (walk->i + 1u < leaf->count) {
		*ret_range = leaf_range(leaf, ++walk->i);
		return true;
	}
	walk->cut = !walk->wide;
	return walk->wide && last != UINT64_MAX && walk_to(walk, last + 1, ret_range);
}

/*
 * Changes are stored with release and loaded with acquire semantics. So a reader that saw part of
 * one also sees the odd version before it.
 */
bool map_walk_is_consistent(const struct map_walk *walk)
{
	if (!walk->wide)
		return true;
	return !(walk->version & 1) &&
	       walk->version == atomic_load_explicit(&walk->map->version, memory_order_relaxed);
}
