/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_CHANGE_H
#define VIOMMU_MAP_CHANGE_H

#include "map/node.h"

/* Shared by leaf.c, insert.c and remove.c. Private to src/map. */

struct step {
	struct inner *inner;
	unsigned i; /* the child on the path */
};

/* From the root to the leaf for ranges that end at an address. */
struct path {
	struct step steps[HEIGHT_MAX];
	unsigned height;
	struct leaf *leaf;
	uint64_t low, high; /* the leaf has the ranges that end in [low, high] */
};

/* The leaf becomes the hot one. */
void path_find(struct map *map, uint64_t last, struct path *path);

/* The replacement of some neighbours. */
struct parts {
	void *node[2];
	uint64_t border; /* between two nodes */
	unsigned n;
};

/* Replace `k` children of an inner node by `parts`. Returns the replacement of the inner node. */
struct parts inner_replace(struct map *map, const struct step *step, unsigned k,
			   const struct parts *parts);

/* Exchange the node at a depth of the path: the only store of a change that readers see. */
void tree_exchange(struct map *map, const struct path *path, unsigned depth, void *node,
		   unsigned height);

/* Replace `k` neighbours at a depth by `parts`; the first of them is on the path. */
void tree_replace(struct map *map, const struct path *path, unsigned depth, unsigned k,
		  struct parts parts);

/* Slots of a leaf. */
struct piece {
	const struct leaf *leaf;
	uint32_t slots;
};

/*
 * The ranges of a leaf, and of a neighbour to merge, that go into new leaves. Any piece may be
 * empty.
 */
enum { BEFORE, FRONT, NEW, BACK, AFTER, N_PIECES };

/* Where a new leaf has its free slots: between all ranges, or on one side of the new one. */
enum gaps { GAPS_BETWEEN, GAPS_BEFORE_NEW, GAPS_BEHIND_NEW };

/* Move `n` ranges from the front of the pieces to a new leaf. */
struct leaf *leaf_new(struct map *map, struct piece *pieces, unsigned n, enum gaps gaps);

/* A leaf with the first range of another one in a slot. */
struct leaf *leaf_new_single(struct map *map, const struct leaf *single, unsigned slot);

/* One leaf if all ranges fit, or two with half of them each. */
struct parts leaves_of(struct map *map, struct piece pieces[N_PIECES], enum gaps gaps);

/* Make a range the first slot of a leaf that no reader knows. */
void leaf_set_first(struct leaf *leaf, const struct range *range);

/* Insert a range into a leaf, or remove slots of it, in place. False: there is no free slot. */
bool leaf_insert(struct map *map, struct leaf *leaf, const struct range *range);
void leaf_remove(struct map *map, struct leaf *leaf, uint32_t slots);

/* Make a leaf the hot one, which has or replaces that of a path. */
static inline void hot_set(struct map *map, struct leaf *leaf, const struct path *path)
{
	map->hot.leaf = leaf;
	map->hot.low = path->low;
	map->hot.high = path->high;
	map->hot.next = 0;
}

/* The leaf of all ranges that end in [first, last], if it is the hot one; or NULL. */
static inline struct leaf *map_hot(const struct map *map, uint64_t first, uint64_t last)
{
	const struct hot *hot = &map->hot;

	return hot->low <= first && last <= hot->high ? hot->leaf : NULL;
}

/* The slots below `i`. */
static inline uint32_t slots_below(unsigned i)
{
	return (1u << i) - 1;
}

static inline unsigned slots_count(uint32_t slots)
{
	return slots & (slots - 1) ? (unsigned)__builtin_popcount(slots) : slots != 0;
}

/* Publish which slots of a leaf are live: as tree_exchange(). */
void leaf_publish(struct map *map, struct leaf *leaf, uint32_t live);

/* Add a neighbour below the same inner node, if it has at most `most` ranges. */
bool pieces_add_neighbour(struct piece pieces[N_PIECES], const struct path *path, unsigned which,
			  unsigned most);

/* Replace the path's leaf, and the neighbour in `pieces`, by the pieces. */
void tree_rebuild(struct map *map, struct path *path, struct piece pieces[N_PIECES],
		  enum gaps gaps);

#endif
