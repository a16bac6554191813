/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "map/change.h"

/* Putting a range into the interval map. */

/* Ascending addresses: leave the last leaf full, it will not be needed again. */
static void append(struct map *map, struct path *path, const struct leaf *alone)
{
	struct piece piece = { alone, 0, 1 };
	struct parts parts = { .n = 2, .border = alone->first[0] - 1 };

	parts.node[0] = path->leaf;
	parts.node[1] = leaf_new(map, &piece, 1);
	tree_replace(map, path, path->height, 1, parts);
}

/* Put a range, which is alone in a leaf, before range `i` of the path's. */
static void put(struct map *map, struct path *path, unsigned i, const struct leaf *alone)
{
	const struct leaf *leaf = path->leaf;
	struct piece pieces[N_PIECES] = {
		[FRONT] = { leaf, 0, i },
		[NEW] = { alone, 0, 1 },
		[BACK] = { leaf, i, leaf->count - i },
	};

	if (leaf->count == LEAF_RANGES && !pieces_invite(pieces, path, AFTER, LEAF_RANGES - 2))
		pieces_invite(pieces, path, BEFORE, LEAF_RANGES - 2);
	tree_rebuild(map, path, pieces);
}

/* The first range of all: a leaf is the root. */
static void plant(struct map *map, struct path *path, const struct leaf *alone)
{
	struct piece piece = { alone, 0, 1 };
	struct parts parts = { .n = 1 };

	parts.node[0] = leaf_new(map, &piece, 1);
	tree_replace(map, path, 0, 1, parts);
}

int map_insert(struct map *map, const struct range *range)
{
	struct leaf alone;
	struct path path;
	unsigned i;

	if (map_reserve(map) < 0)
		return -ENOMEM;
	alone.last[0] = range->last;
	alone.first[0] = range->first;
	alone.phys[0] = range->phys;
	alone.flags[0] = (uint8_t)range->flags;
	map->count++;
	path_find(map, range->last, &path);
	if (!path.leaf) {
		plant(map, &path, &alone);
		return 0;
	}
	i = leaf_find(path.leaf, range->last);
	if (i == LEAF_RANGES && path_is_last(&path))
		append(map, &path, &alone);
	else
		put(map, &path, i, &alone);
	return 0;
}
