/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "map/change.h"

/* Inserting a range into the interval map. */

/*
 * Guests map in order: if a range comes next to the newest one, on the path's leaf, so will the
 * range after it. `i` is the slot behind the new range.
 */
static enum gaps gaps_for(const struct map *map, const struct leaf *leaf, unsigned i)
{
	if (i && leaf_last(leaf, i - 1) == map->newest)
		return GAPS_BEHIND_NEW;
	if (i < LEAF_RANGES && leaf_last(leaf, i) == map->newest)
		return GAPS_BEFORE_NEW;
	return GAPS_BETWEEN;
}

/*
 * A full leaf stays as it is when a range comes before or behind all of its own: later ranges are
 * beyond it.
 */
static void extend(struct map *map, struct path *path, const struct leaf *single, bool is_behind,
		   enum gaps gaps)
{
	static const unsigned slots[] = {
		[GAPS_BETWEEN] = LEAF_RANGES / 2,
		[GAPS_BEFORE_NEW] = LEAF_RANGES - 1,
		[GAPS_BEHIND_NEW] = 0,
	};
	struct leaf *leaf = leaf_new_single(map, single, slots[gaps]);
	const struct leaf *full = path->leaf;
	struct parts parts = { .n = 2 };

	parts.node[!is_behind] = path->leaf;
	parts.node[is_behind] = leaf;
	parts.border = (is_behind ? single : full)->first[0] - 1;
	tree_replace(map, path, path->height, 1, parts);
}

/* Insert before slot `i` of the path's leaf. `single` is a leaf with the new range alone. */
static void put(struct map *map, struct path *path, unsigned i, const struct leaf *single,
		enum gaps gaps)
{
	const struct leaf *leaf = path->leaf;
	uint32_t live = leaf_live(leaf);
	struct piece pieces[N_PIECES] = {
		[FRONT] = { leaf, live & slots_below(i) },
		[NEW] = { single, 1 },
		[BACK] = { leaf, live & ~slots_below(i) },
	};

	if (live == LEAF_ALL && !pieces_add_neighbour(pieces, path, AFTER, LEAF_RANGES - 2))
		pieces_add_neighbour(pieces, path, BEFORE, LEAF_RANGES - 2);
	tree_rebuild(map, path, pieces, gaps);
}

/* The first range of a map: a leaf becomes the root. */
static void insert_first(struct map *map, struct path *path, const struct leaf *single)
{
	struct parts parts = { .n = 1 };

	parts.node[0] = leaf_new_single(map, single, LEAF_RANGES / 2);
	tree_replace(map, path, 0, 1, parts);
}

/* The path's leaf has no free slot for the range. */
static void insert_by_copy(struct map *map, struct path *path, const struct leaf *single)
{
	bool is_full = leaf_live(path->leaf) == LEAF_ALL;
	unsigned i = leaf_find(path->leaf, leaf_last(single, 0));

	enum gaps gaps = gaps_for(map, path->leaf, i);

	if (is_full && (!i || i == LEAF_RANGES))
		extend(map, path, single, i, gaps);
	else
		put(map, path, i, single, gaps);
}

static void insert_by_path(struct map *map, const struct range *range)
{
	struct leaf single;
	struct path path;

	path_find(map, range->last, &path);
	if (path.leaf && leaf_insert(map, path.leaf, range))
		return;
	leaf_set_first(&single, range);
	if (path.leaf)
		insert_by_copy(map, &path, &single);
	else
		insert_first(map, &path, &single);
}

/* Memory is reserved even if the change is in place: callers count on what map_growth() says. */
int map_insert(struct map *map, const struct range *range)
{
	struct leaf *leaf = map_hot(map, range->last, range->last);

	if (map_reserve(map) < 0)
		return -ENOMEM;
	if (!leaf || !leaf_insert(map, leaf, range))
		insert_by_path(map, range);
	map->count++;
	map->newest = range->last;
	return 0;
}
