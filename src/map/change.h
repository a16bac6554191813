/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_MAP_CHANGE_H
#define VIOMMU_MAP_CHANGE_H

#include "map/node.h"

/* What inserting and removing have in common: see change.c. Private to src/map. */

struct step {
	struct inner *inner;
	unsigned i; /* the child taken */
};

/* From the root to the leaf for ranges that end at an address. */
struct path {
	struct step steps[HEIGHT_MAX];
	unsigned height;
	struct leaf *leaf;
};

void path_find(const struct map *map, uint64_t last, struct path *path);

/* Is the leaf the last of all? */
bool path_is_last(const struct path *path);

/* What some neighbours are replaced by. */
struct parts {
	void *node[2];
	uint64_t border; /* between two */
	unsigned n;
};

/* Replace `k` children of an inner node by parts: what is the inner node replaced by? */
struct parts inner_replace(struct map *map, const struct step *step, unsigned k,
			   const struct parts *parts);

/* The one store of a change that readers see: another node at a depth of the path. */
void tree_exchange(struct map *map, const struct path *path, unsigned depth, void *node,
		   unsigned height);

/* `k` neighbours at a depth, of which the first is on the path, are replaced. */
void tree_replace(struct map *map, const struct path *path, unsigned depth, unsigned k,
		  struct parts parts);

struct piece {
	const struct leaf *leaf;
	unsigned from, n;
};

/* What is to stand in a leaf's place; a neighbour may take part. Any may be empty. */
enum { BEFORE, FRONT, NEW, BACK, AFTER, N_PIECES };

/* Take `n` ranges off the front of pieces, into a leaf. */
struct leaf *leaf_new(struct map *map, struct piece *pieces, unsigned n);

/* As few leaves as hold all, and of two each half. */
struct parts leaves_of(struct map *map, struct piece pieces[N_PIECES]);

/* Does the neighbour under the same node take part? Only with so many ranges, or fewer. */
bool pieces_add_neighbour(struct piece pieces[N_PIECES], const struct path *path, unsigned which,
			  unsigned most);

/* Put pieces in the place of the path's leaf, and of the neighbour that takes part. */
void tree_rebuild(struct map *map, struct path *path, struct piece pieces[N_PIECES]);

#endif
