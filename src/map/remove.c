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
		n = slots_count(leaf_live(node));
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

/* More than LEAF_FEW; quicker than to count them. */
static bool are_many(uint32_t slots)
{
#pragma GCC unroll 8
	for (unsigned i = 0; i < LEAF_FEW; i++)
		slots &= slots - 1;
	return slots;
}

/* Remove slots of one leaf: in place, unless it then is empty, or is merged with a neighbour. */
static size_t remove_here(struct map *map, struct path *path, uint32_t slots)
{
	uint32_t kept = leaf_live(path->leaf) & ~slots;
	unsigned most = LEAF_MERGED - slots_count(kept);
	struct piece pieces[N_PIECES] = { [FRONT] = { path->leaf, kept } };

	if (!slots)
		return 0;
	if (are_many(kept) || (kept && !pieces_add_neighbour(pieces, path, BEFORE, most) &&
			       !pieces_add_neighbour(pieces, path, AFTER, most)))
		leaf_remove(map, path->leaf, slots);
	else
		tree_rebuild(map, path, pieces, GAPS_BETWEEN);
	return slots_count(slots);
}

/*
 * What remains below a step after its path is cut: `piece` of the leaf, and above it the nodes
 * before the path (`which` is FRONT) or after it (BACK).
 */
static struct parts cut(struct map *map, const struct path *path, unsigned depth, unsigned which,
			struct piece piece, size_t *removed)
{
	struct piece pieces[N_PIECES] = { [FRONT] = piece };
	struct parts parts = leaves_of(map, pieces, GAPS_BETWEEN);

	*removed += slots_count(leaf_live(path->leaf) & ~piece.slots);
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

static bool is_all(const struct path *low, const struct path *high)
{
	return !low->low && high->high == LAST_BORDER;
}

/* The live slots whose ranges end in [first, last]. */
static uint32_t slots_between(const struct leaf *leaf, uint64_t first, uint64_t last)
{
	unsigned i = leaf_find(leaf, first), end = i;

	while (end < LEAF_RANGES && leaf_last(leaf, end) <= last)
		end++;
	return leaf_live(leaf) & slots_below(end) & ~slots_below(i);
}

/*
 * Borders remain when the ranges beside them are removed. So the ends may be in different leaves
 * with nothing between them; no node may be replaced then.
 */
static size_t remove_between(struct map *map, uint64_t first, uint64_t last)
{
	struct path low, high;
	struct piece front, back;
	uint32_t slots;

	path_find(map, first, &low);
	if (!low.leaf)
		return 0;
	slots = slots_between(low.leaf, first, last);
	front = (struct piece){ low.leaf, leaf_live(low.leaf) & ~slots };
	if (last <= low.high && (front.slots || !is_all(&low, &low)))
		return remove_here(map, &low, slots);
	path_find(map, last, &high);
	back = (struct piece){ high.leaf, leaf_live(high.leaf) };
	back.slots &= ~slots_between(high.leaf, first, last);
	if (is_all(&low, &high) && !front.slots && !back.slots)
		return clear(map);
	if (!slots && !map_overlaps(map, first, last))
		return 0;
	return remove_across(map, &low, &high, front, back);
}

/* The only leaf has no neighbour to be merged with. */
static bool stays(const struct map *map, uint32_t kept)
{
	return are_many(kept) || (kept && !map_root(map).height);
}

/* Most removals leave other ranges in the hot leaf. */
static size_t remove_hot(struct map *map, uint64_t first, uint64_t last)
{
	struct leaf *leaf = map_hot(map, first, last);
	uint32_t slots = leaf ? slots_between(leaf, first, last) : 0;

	if (!slots || !stays(map, leaf_live(leaf) & ~slots))
		return 0;
	leaf_remove(map, leaf, slots);
	return slots_count(slots);
}

size_t map_remove(struct map *map, uint64_t first, uint64_t last)
{
	size_t removed = remove_hot(map, first, last);

	if (!removed)
		removed = remove_between(map, first, last);
	map->count -= removed;
	return removed;
}

size_t map_reclaim_nodes(struct map *map)
{
	size_t freed = map->pool.retired_bytes;

	map->period++;
	pool_reclaim(&map->pool);
	return freed;
}
