/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_NODE_H
#define VIOMMU_MAP_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "map/map.h"
#include "map/pool.h"
#include "sync/annotate.h"

/*
 * The nodes of the interval map. Private to src/map; follow.h inlines the way to a range.
 *
 * The cost of a lookup is its cache misses. So a node has eight cache lines, levels are few, and
 * all keys of a node are adjacent. Both kinds of node begin with an ascending array, filled with
 * LAST_BORDER behind the last entry, so the search needs no count.
 *
 * Nothing that a reader uses changes, with two exceptions: a child pointer of an inner node is
 * exchanged for another node that covers the same addresses, and slots of a leaf become live, or
 * stop to be (leaf.c). Any other change is a new node (change.c).
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

/* All slots of a leaf. */
#define LEAF_ALL ((1u << LEAF_RANGES) - 1)

/*
 * A slot has a range if its bit in `live` is set: at least one has. `last` ascends over all slots,
 * live or not.
 */
struct leaf {
	_Atomic(uint64_t) last[LEAF_RANGES];
	uint64_t first[LEAF_RANGES];
	uint64_t phys[LEAF_RANGES];
	uint8_t flags[LEAF_RANGES];
	_Atomic(uint32_t) live;

	/* The writer's: slots that stopped being live in a period, which readers may still use. */
	uint32_t removed;
	uint32_t period;
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
_Static_assert(sizeof(struct leaf) <= POOL_NODE_BYTES, "a leaf is a node");
_Static_assert(offsetof(struct leaf, removed) <= POOL_NODE_ROOM, "readers do not load the link");
_Static_assert(sizeof(struct inner) <= POOL_NODE_ROOM, "an inner node is a node");

/* Separates the cache lines that readers load from those that the writer stores. */
#define APART 64

/* A range. */
struct place {
	const struct leaf *leaf;
	uint32_t live;
	unsigned i;
};

/*
 * The leaf that the writer used last, which has the ranges that end in [low, high]. Guests mostly
 * map and unmap near each other. No other leaf changes while it is the hot one.
 */
struct hot {
	struct leaf *leaf; /* NULL: unknown */
	uint64_t low, high;
	uintptr_t next; /* the first range behind it: its leaf, slot and NEXT_KNOWN; 0: unknown */
};

/* Leaves are aligned, so the low bits of their addresses are free. */
#define NEXT_SLOT  31u
#define NEXT_KNOWN 32u

struct map {
	/* The root, with the number of inner levels in its low bits. 0: the map is empty. */
	_Atomic(uintptr_t) root;
	char apart[APART - sizeof(uintptr_t)];

	/* Odd while a change becomes visible. */
	_Atomic(uint64_t) version;
	struct pool pool;
	size_t count;
	struct hot hot;
	uint64_t newest; /* where the range ends that was inserted last */
	uint32_t period; /* counts grace periods */
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

/* Prefetch a whole node: its cache lines would otherwise be missed one after the other. */
static inline void node_fetch(const void *node)
{
#pragma GCC unroll 8
	for (unsigned at = 0; at < POOL_NODE_BYTES; at += APART)
		__builtin_prefetch((const char *)node + at);
}

/* -- searching ---------------------------------------------------------------------- */

enum { CONSTANT, CHANGING };

/* The key of a slot that is not live may change meanwhile: any value of it will do (leaf.c). */
static inline uint64_t key_load(const void *key, int kind)
{
	if (kind == CHANGING)
		return atomic_load_explicit((const _Atomic(uint64_t) *)key, memory_order_relaxed);
	return *(const uint64_t *)key;
}

/*
 * How many of `n` ascending numbers are below `value`; n is a multiple of five. Two steps of
 * independent comparisons without a branch, where bisection takes five dependent ones.
 */
static inline unsigned count_below(const void *keys, int kind, unsigned n, uint64_t value)
{
	enum { STRIDE = 5 };
	const uint64_t *numbers = keys;
	unsigned strides = 0, below = 0;

#pragma GCC unroll 6
	for (unsigned i = STRIDE; i < n; i += STRIDE)
		strides += key_load(&numbers[i - 1], kind) < value;
	numbers += STRIDE * strides;
#pragma GCC unroll 6
	for (unsigned i = 0; i < STRIDE; i++)
		below += key_load(&numbers[i], kind) < value;
	return STRIDE * strides + below;
}

static inline unsigned inner_find(const struct inner *inner, uint64_t address)
{
	return count_below(inner->border, CONSTANT, INNER_BORDERS, address);
}

/* Stands for `live` of every leaf in annotations. */
extern const char map_leaves;

/* The slots that are live now. Their contents do not change while the caller is in its section. */
static inline uint32_t leaf_live(const struct leaf *leaf)
{
	uint32_t live = atomic_load_explicit(&leaf->live, memory_order_acquire);

	annotate_acquire(&map_leaves);
	return live;
}

/* The first slot that ends at or after `address`, live or not, or LEAF_RANGES. */
static inline unsigned leaf_find(const struct leaf *leaf, uint64_t address)
{
	return count_below(leaf->last, CHANGING, LEAF_RANGES, address);
}

static inline uint64_t leaf_last(const struct leaf *leaf, unsigned i)
{
	return atomic_load_explicit(&leaf->last[i], memory_order_relaxed);
}

static inline struct range leaf_range(const struct leaf *leaf, unsigned i)
{
	return (struct range){ leaf->first[i], leaf_last(leaf, i), leaf->phys[i], leaf->flags[i] };
}

#endif
