/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_CHANGE_H
#define VIOMMU_MAP_CHANGE_H

#include "map/node.h"

/* Shared by insert.c and remove.c. Private to src/map. */

struct step {
	struct inner *inner;
	unsigned i; /* the child on the path */
};

/* From the root to the leaf for ranges that end at an address. */
struct path {
	struct step steps[HEIGHT_MAX];
	unsigned height;
	struct leaf *leaf;
};

void path_find(const struct map *map, uint64_t last, struct path *path);

/* Is it the last leaf of the map? */
bool path_is_last(const struct path *path);

/* The replacement of some neighbours. */
struct parts {
	void *node[2];
	uint64_t border; /* between two nodes */
	unsigned n;
};

/* Replace `k` children of an inner node by `parts`. Returns the replacement of the inner node. */
struct parts inner_replace(struct map *map, const struct step *step, unsigned k,
			   const struct parts *parts);

/* Exchange the node at a depth of the path: the only store that readers see. */
void tree_exchange(struct map *map, const struct path *path, unsigned depth, void *node,
		   unsigned height);

/* Replace `k` neighbours at a depth by `parts`; the first of them is on the path. */
void tree_replace(struct map *map, const struct path *path, unsigned depth, unsigned k,
		  struct parts parts);

struct piece {
	const struct leaf *leaf;
	unsigned from, n;
};

/*
 * The ranges of a leaf, and of a neighbour to merge, that go into new leaves. Any piece may be
 * empty.
 */
enum { BEFORE, FRONT, NEW, BACK, AFTER, N_PIECES };

/* Move `n` ranges from the front of the pieces to a new leaf. */
struct leaf *leaf_new(struct map *map, struct piece *pieces, unsigned n);

/* One leaf if all ranges fit, or two with half of them each. */
struct parts leaves_of(struct map *map, struct piece pieces[N_PIECES]);

/* Add a neighbour below the same inner node, if it has at most `most` ranges. */
bool pieces_add_neighbour(struct piece pieces[N_PIECES], const struct path *path, unsigned which,
			  unsigned most);

/* Replace the path's leaf, and the neighbour in `pieces`, by the pieces. */
void tree_rebuild(struct map *map, struct path *path, struct piece pieces[N_PIECES]);

#endif
