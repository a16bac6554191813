/* SPDX-License-Identifier: BSD-3-Clause */
#include "map/change.h"

/*
 * Removing ranges from the interval map: some of one leaf; all between two leaves, of which only
 * the inner nodes are visited; or everything.
 */

/* A leaf with fewer ranges is merged with a neighbour, if the result has room to grow. */
#define LEAF_FEW    (LEAF_RANGES / 4)
#define LEAF_MERGED (LEAF_RANGES * 3 / 4)

/* What an empty map may keep for later ranges. */
#define KEPT_BYTES 65536

/* Retire a node and all below it. Returns how many ranges they had. */
static size_t retire_tree(struct map *map, void *node, unsigned height)
{
	struct inner *inner = node;
	size_t n = 0;

	if (!height) {
		n = ((struct leaf *)node)->count;
	} else {
		for (unsigned i = 0; i < inner->count; i++)
			n += retire_tree(map, inner_child(inner, i), height - 1);
	}
	pool_retire(&map->pool, node);
	return n;
}

/* `height` is 1 if the children are leaves. */
static size_t retire_children(struct map *map, const struct inner *inner, unsigned i, unsigned end,
			      unsigned height)
{
	size_t n = 0;

	for (; i < end; i++)
		n += retire_tree(map, inner_child(inner, i), height - 1);
	return n;
}

/* Remove ranges `i` to `end` of one leaf. */
static size_t remove_here(struct map *map, struct path *path, unsigned i, unsigned end)
{
	const struct leaf *leaf = path->leaf;
	unsigned left = leaf->count - (end - i);
	struct piece pieces[N_PIECES] = {
		[FRONT] = { leaf, 0, i },
		[BACK] = { leaf, end, leaf->count - end },
	};

	if (i == end)
		return 0;
	if (left && left <= LEAF_FEW &&
	    !pieces_add_neighbour(pieces, path, BEFORE, LEAF_MERGED - left))
		pieces_add_neighbour(pieces, path, AFTER, LEAF_MERGED - left);
	tree_rebuild(map, path, pieces);
	return end - i;
}

/*
 * What remains below a step after its path is cut: `piece` of the leaf, and above it the nodes
 * before the path (`which` is FRONT) or after it (BACK).
 */
static struct parts cut(struct map *map, const struct path *path, unsigned depth, unsigned which,
			struct piece piece, size_t *removed)
{
	struct piece pieces[N_PIECES] = { [FRONT] = piece };
	struct parts parts = leaves_of(map, pieces);

	*removed += path->leaf->count - piece.n;
	pool_retire(&map->pool, path->leaf);
	for (unsigned d = path->height; --d > depth;) {
		struct step step = path->steps[d];
		unsigned k = which == FRONT ? step.inner->count - step.i : step.i + 1u;

		if (which == FRONT) {
			*removed += retire_children(map, step.inner, step.i + 1, step.inner->count,
						    path->height - d);
		} else {
			*removed += retire_children(map, step.inner, 0, step.i, path->height - d);
			step.i = 0;
		}
		parts = inner_replace(map, &step, k, &parts);
	}
	return parts;
}

/* Remove from two leaves and everything between; join the remains where the paths part. */
static size_t remove_across(struct map *map, struct path *low, const struct path *high,
			    struct piece front, struct piece back)
{
	unsigned depth = 0;
	struct parts parts, more;
	struct step *step;
	size_t removed = 0;

	while (low->steps[depth].i == high->steps[depth].i)
		depth++;
	step = &low->steps[depth];
	removed += retire_children(map, step->inner, step->i + 1, high->steps[depth].i,
				   low->height - depth);
	parts = cut(map, low, depth, FRONT, front, &removed);
	more = cut(map, high, depth, BACK, back, &removed);
	parts.border = step->inner->border[step->i];
	if (more.n)
		parts.node[parts.n++] = more.node[0];
	tree_replace(map, low, depth + 1, high->steps[depth].i - step->i + 1, parts);
	return removed;
}

/* The memory of a large map is freed with it; a small map keeps it for later ranges. */
static size_t clear(struct map *map)
{
	const struct path path = { .height = 0 };
	struct root root = map_root(map);

	tree_exchange(map, &path, 0, NULL, 0);
	if (map->pool.bytes - map->pool.retired_bytes > KEPT_BYTES)
		pool_retire_all(&map->pool);
	else
		retire_tree(map, root.node, root.height);
	return map->count;
}

static bool is_all(const struct path *low, const struct path *high, unsigned i, unsigned end)
{
	for (unsigned depth = 0; depth < low->height; depth++)
		if (low->steps[depth].i ||
		    high->steps[depth].i + 1u < high->steps[depth].inner->count)
			return false;
	return !i && end == high->leaf->count;
}

/* Ranges of a leaf that end at or below `last`. */
static unsigned ends_up_to(const struct leaf *leaf, uint64_t last)
{
	unsigned n = leaf_find(leaf, last);

	return n + (n < leaf->count && leaf->last[n] == last);
}

/*
 * Borders remain when the ranges beside them are removed. So the ends may be in different leaves
 * with nothing between them; no node may be replaced then.
 */
static size_t remove_between(struct map *map, uint64_t first, uint64_t last)
{
	struct path low, high;
	unsigned i, end;

	path_find(map, first, &low);
	if (!low.leaf)
		return 0;
	i = leaf_find(low.leaf, first);
	end = ends_up_to(low.leaf, last);
	if (end < low.leaf->count)
		return remove_here(map, &low, i, end);
	path_find(map, last, &high);
	end = ends_up_to(high.leaf, last);
	if (is_all(&low, &high, i, end))
		return clear(map);
	if (low.leaf == high.leaf)
		return remove_here(map, &low, i, end);
	if (i == low.leaf->count && !map_overlaps(map, first, last))
		return 0;
	return remove_across(map, &low, &high, (struct piece){ low.leaf, 0, i },
			     (struct piece){ high.leaf, end, high.leaf->count - end });
}

size_t map_remove(struct map *map, uint64_t first, uint64_t last)
{
	size_t removed = remove_between(map, first, last);

	map->count -= removed;
	return removed;
}

void map_reclaim_nodes(struct map *map)
{
	pool_reclaim(&map->pool);
}
