/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "map/change.h"

/* Inserting a range into the interval map. */

/* Ascending addresses: keep the last leaf full, since later ranges come after it. */
static void append(struct map *map, struct path *path, const struct leaf *single)
{
	struct piece piece = { single, 0, 1 };
	struct parts parts = { .n = 2, .border = single->first[0] - 1 };

	parts.node[0] = path->leaf;
	parts.node[1] = leaf_new(map, &piece, 1);
	tree_replace(map, path, path->height, 1, parts);
}

/* Insert before range `i` of the path's leaf. `single` is a leaf with the new range alone. */
static void put(struct map *map, struct path *path, unsigned i, const struct leaf *single)
{
	const struct leaf *leaf = path->leaf;
	struct piece pieces[N_PIECES] = {
		[FRONT] = { leaf, 0, i },
		[NEW] = { single, 0, 1 },
		[BACK] = { leaf, i, leaf->count - i },
	};

	if (leaf->count == LEAF_RANGES &&
	    !pieces_add_neighbour(pieces, path, AFTER, LEAF_RANGES - 2))
		pieces_add_neighbour(pieces, path, BEFORE, LEAF_RANGES - 2);
	tree_rebuild(map, path, pieces);
}

/* The first range of a map: a leaf becomes the root. */
static void insert_first(struct map *map, struct path *path, const struct leaf *single)
{
	struct piece piece = { single, 0, 1 };
	struct parts parts = { .n = 1 };

	parts.node[0] = leaf_new(map, &piece, 1);
	tree_replace(map, path, 0, 1, parts);
}

int map_insert(struct map *map, const struct range *range)
{
	struct leaf single;
	struct path path;
	unsigned i;

	if (map_reserve(map) < 0)
		return -ENOMEM;
	single.last[0] = range->last;
	single.first[0] = range->first;
	single.phys[0] = range->phys;
	single.flags[0] = (uint8_t)range->flags;
	map->count++;
	path_find(map, range->last, &path);
	if (!path.leaf) {
		insert_first(map, &path, &single);
		return 0;
	}
	i = leaf_find(path.leaf, range->last);
	if (i == LEAF_RANGES && path_is_last(&path))
		append(map, &path, &single);
	else
		put(map, &path, i, &single);
	return 0;
}
