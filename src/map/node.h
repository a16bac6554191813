/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_NODE_H
#define VIOMMU_MAP_NODE_H

#include <stdatomic.h>
#include <stdint.h>

#include "map/map.h"
#include "map/pool.h"
#include "sync/annotate.h"

/*
 * The nodes of the interval map: private to src/map
 *
 * A lookup costs what it misses in the cache, so nodes are eight cache lines, there are few
 * levels, and all that is compared in a node lies side by side. Both kinds of node begin
 * with an ascending array and are searched alike; behind the last entry in use it is
 * filled with LAST_BORDER, so that the search need not know how many there are.
 *
 * What a reader can reach is never changed, but for one thing: a child of an inner node is
 * exchanged for another that stands for the same addresses. All other change is a new
 * node in the place of an old one (change.c).
 */

#define LEAF_RANGES    20
#define INNER_CHILDREN 31
#define INNER_BORDERS  (INNER_CHILDREN - 1)

#define LAST_BORDER UINT64_MAX

/*
 * Levels of inner nodes. A node is split when it is full, into halves; so it takes sixteen
 * splits below, at least, for another level, however many ranges are removed meanwhile:
 * nobody lives to see 16^16.
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
 * Ranges are sought by where they end: those in child[i] end at or below border[i], and above
 * border[i - 1]. Where a range begins says nothing: it may be in the realm of the child
 * before, if what was there when the border was drawn is gone. Never empty.
 */
struct inner {
	uint64_t border[INNER_BORDERS];
	_Atomic(void *) child[INNER_CHILDREN];
	uint8_t count; /* of children */
};

_Static_assert(!(LEAF_RANGES % 5) && !(INNER_BORDERS % 5), "see count_below()");
_Static_assert(sizeof(struct leaf) <= POOL_NODE_ROOM, "a leaf is a node");
_Static_assert(sizeof(struct inner) <= POOL_NODE_ROOM, "an inner node is a node");

/* What stands between what readers look at and what the writer keeps changing. */
#define APART 64

struct map {
	/* The root and, in the bits that its alignment leaves, how many inner nodes are above a
	 * leaf. 0: there is nothing. */
	_Atomic(uintptr_t) root;
	char apart[APART];

	/* Odd while the tree goes from one state to the next. */
	_Atomic(uint64_t) version;
	struct pool pool;
	size_t count;
};

struct root {
	void *node; /* NULL: there is nothing */
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
 * How many of `n` ascending numbers, a multiple of five, are below `value`. Two steps of
 * comparisons that do not wait for each other, where halving would be five that do; and no branch
 * to mispredict.
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
