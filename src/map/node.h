/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_NODE_H
#define VIOMMU_MAP_NODE_H

#include <stdatomic.h>
#include <stdint.h>

#include "map/map.h"
#include "map/pool.h"
#include "sync/annotate.h"

/*
 * The nodes of the interval map. Private to src/map.
 *
 * The cost of a lookup is its cache misses. So a node has eight cache lines, levels are few, and
 * all keys of a node are adjacent. Both kinds of node begin with an ascending array, filled with
 * LAST_BORDER behind the last entry, so the search needs no count.
 *
 * Nothing that a reader can reach changes, with one exception: a child pointer of an inner node
 * is exchanged for another node that covers the same addresses. Any other change is a new node
 * (change.c).
 */

#define LEAF_RANGES    20
#define INNER_CHILDREN 31
#define INNER_BORDERS  (INNER_CHILDREN - 1)

#define LAST_BORDER UINT64_MAX

/*
 * Levels of inner nodes. A full node splits into halves, so each level needs at least 16 splits
 * of the level below: 16^16 are never reached.
 */
#define HEIGHT_MAX 16

/* Never empty. */
struct leaf {
	uint64_t last[LEAF_RANGES];
	uint64_t first[LEAF_RANGES];
	uint64_t phys[LEAF_RANGES];
	uint8_t flags[LEAF_RANGES];
	uint8_t count;
};

/*
 * child[i] has the ranges that end above border[i - 1] and up to border[i]. A range may begin
 * below border[i - 1], if the ranges there were removed. Never empty.
 */
struct inner {
	uint64_t border[INNER_BORDERS];
	_Atomic(void *) child[INNER_CHILDREN];
	uint8_t count;
};

_Static_assert(!(LEAF_RANGES % 5) && !(INNER_BORDERS % 5), "see count_below()");
_Static_assert(sizeof(struct leaf) <= POOL_NODE_ROOM, "a leaf is a node");
_Static_assert(sizeof(struct inner) <= POOL_NODE_ROOM, "an inner node is a node");

/* Separates the cache lines that readers load from those that the writer stores. */
#define APART 64

struct map {
	/* The root, with the number of inner levels in its low bits. 0: the map is empty. */
	_Atomic(uintptr_t) root;
	char apart[APART];

	/* Odd while a change becomes visible. */
	_Atomic(uint64_t) version;
	struct pool pool;
	size_t count;
};

struct root {
	void *node; /* NULL: the map is empty */
	unsigned height;
};

static inline struct root map_root(const struct map *map)
{
	uintptr_t word = atomic_load_explicit(&map->root, memory_order_acquire);

	_Static_assert(HEIGHT_MAX < APART, "nodes are aligned to a cache line");
	annotate_acquire(&map->root);
	return (struct root){ (void *)(word & ~(uintptr_t)(APART - 1)), word & (APART - 1) };
}

static inline void *inner_child(const struct inner *inner, unsigned i)
{
	void *child = atomic_load_explicit(&inner->child[i], memory_order_acquire);

	annotate_acquire(&inner->child[i]);
	return child;
}

/* -- searching ---------------------------------------------------------------------- */

/*
 * How many of `n` ascending numbers are below `value`; n is a multiple of five. Two steps of
 * independent comparisons without a branch, where bisection takes five dependent ones.
 */
static inline unsigned count_below(const uint64_t *numbers, unsigned n, uint64_t value)
{
	enum { STRIDE = 5 };
	unsigned strides = 0, below = 0;

#pragma GCC unroll 6
	for (unsigned i = STRIDE; i < n; i += STRIDE)
		strides += numbers[i - 1] < value;
	numbers += STRIDE * strides;
#pragma GCC unroll 6
	for (unsigned i = 0; i < STRIDE; i++)
		below += numbers[i] < value;
	return STRIDE * strides + below;
}

static inline unsigned inner_find(const struct inner *inner, uint64_t address)
{
	return count_below(inner->border, INNER_BORDERS, address);
}

/* The first range that ends at or after `address`, or `count`. */
static inline unsigned leaf_find(const struct leaf *leaf, uint64_t address)
{
	return count_below(leaf->last, LEAF_RANGES, address);
}

static inline struct range leaf_range(const struct leaf *leaf, unsigned i)
{
	return (struct range){ leaf->first[i], leaf->last[i], leaf->phys[i], leaf->flags[i] };
}

#endif
