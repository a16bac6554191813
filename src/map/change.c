/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "map/node.h"

/*
 * Changing the interval map while others read it
 *
 * A change builds new nodes beside the old ones and then exchanges a single pointer: of the
 * lowest node that has all of the change below it. Readers come by the old pointer or by
 * the new one, and so see all of a change or nothing. The old nodes are retired: as they
 * were, for as long as somebody may look at them.
 *
 * So what a change comes to is always the same: some neighbours below an inner node are
 * replaced by none, one or two new ones. One for one is an exchange in place; for all else
 * the inner node itself is replaced, by none, one or two, and so on upwards.
 *
 * A leaf that is full shares with its neighbour before it is split, and one that is split by
 * a range behind all others stays full: so leaves are well filled by scattered addresses,
 * and packed by ascending ones, which is how guests map.
 *
 * All memory is there before a change begins; so one that cannot have it changes nothing.
 */

/* Below this a leaf is merged with its neighbour, if what comes of it has room to grow. */
#define LEAF_FEW    (LEAF_RANGES / 4)
#define LEAF_MERGED (LEAF_RANGES * 3 / 4)

/* What an empty map may keep for the ranges to come. */
#define KEPT_BYTES 65536

/* -- the way down, remembered ---------------------------------------------------------- */

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

static void find_path(const struct map *map, uint64_t last, struct path *path)
{
	struct root root = map_root(map);
	void *node = root.node;

	path->height = root.height;
	for (unsigned depth = 0; depth < root.height; depth++) {
		struct step *step = &path->steps[depth];

		step->inner = node;
		step->i = inner_find(step->inner, last);
		node = inner_child(step->inner, step->i);
	}
	path->leaf = node;
}

/* Is the leaf the last of all? */
static bool at_right_edge(const struct path *path)
{
	for (unsigned depth = 0; depth < path->height; depth++)
		if (path->steps[depth].i + 1u < path->steps[depth].inner->count)
			return false;
	return true;
}

/* -- new nodes in the place of old ones ----------------------------------------------------- */

/* What some neighbours are replaced by. */
struct parts {
	void *node[2];
	uint64_t border; /* between two */
	unsigned n;
};

/* Children, each with the highest address that it stands for. */
struct children {
	void *node[INNER_CHILDREN + 1];
	uint64_t border[INNER_CHILDREN + 1];
	unsigned n;
};

static void add_child(struct children *children, void *node, uint64_t border)
{
	children->node[children->n] = node;
	children->border[children->n++] = border;
}

static void add_children(struct children *children, const struct inner *from, unsigned i,
			 unsigned end)
{
	for (; i < end; i++)
		add_child(children, inner_child(from, i),
			  i < INNER_BORDERS ? from->border[i] : NOWHERE);
}

/* The children of an inner node once `parts` stands for `k` of them. */
static struct children replaced(const struct step *step, unsigned k, const struct parts *parts)
{
	const struct inner *inner = step->inner;
	unsigned end = step->i + k;
	struct children children;

	children.n = 0;
	add_children(&children, inner, 0, step->i);
	for (unsigned i = 0; i < parts->n; i++)
		add_child(&children, parts->node[i], parts->border);
	if (parts->n)
		children.border[children.n - 1] =
			end - 1 < INNER_BORDERS ? inner->border[end - 1] : NOWHERE;
	add_children(&children, inner, end, inner->count);
	return children;
}

static struct inner *inner_new(struct map *map, const struct children *children, unsigned from,
			       unsigned n)
{
	struct inner *inner = pool_take(&map->pool);

	for (unsigned i = 0; i < n; i++)
		atomic_init(&inner->child[i], children->node[from + i]);
	for (unsigned i = 0; i < INNER_BORDERS; i++)
		inner->border[i] = i + 1 < n ? children->border[from + i] : NOWHERE;
	inner->count = (uint8_t)n;
	return inner;
}

/* Replace `k` children of an inner node by parts: what is the inner node replaced by? */
static struct parts replace_inner(struct map *map, const struct step *step, unsigned k,
				  const struct parts *parts)
{
	struct children children = replaced(step, k, parts);
	unsigned half = children.n > INNER_CHILDREN ? children.n / 2 : children.n;
	struct parts inner = { .n = 0 };

	pool_retire(&map->pool, step->inner);
	if (half)
		inner.node[inner.n++] = inner_new(map, &children, 0, half);
	if (half < children.n) {
		inner.node[inner.n++] = inner_new(map, &children, half, children.n - half);
		inner.border = children.border[half - 1];
	}
	return inner;
}

/* -- making it visible --------------------------------------------------------------------- */

/*
 * The one store of a change that readers see. Release: of what they find behind the pointer,
 * and of the odd version before it.
 */
static void exchange(struct map *map, const struct path *path, unsigned depth, void *node,
		     unsigned height)
{
	uint64_t version = atomic_load_explicit(&map->version, memory_order_relaxed);

	order_give(&map->version);
	atomic_store_explicit(&map->version, version + 1, memory_order_relaxed);
	if (depth) {
		const struct step *step = &path->steps[depth - 1];

		order_give(&step->inner->child[step->i]);
		atomic_store_explicit(&step->inner->child[step->i], node, memory_order_release);
	} else {
		order_give(&map->root);
		atomic_store_explicit(&map->root, (uintptr_t)node | height, memory_order_release);
	}
	atomic_store_explicit(&map->version, version + 2, memory_order_release);
}

static struct inner *new_root(struct map *map, const struct parts *parts)
{
	const struct children children = {
		.node = { parts->node[0], parts->node[1] },
		.border = { parts->border, NOWHERE },
		.n = 2,
	};

	return inner_new(map, &children, 0, children.n);
}

static void exchange_root(struct map *map, const struct path *path, const struct parts *parts)
{
	void *node = parts->n ? parts->node[0] : NULL;
	unsigned height = parts->n ? path->height : 0;

	if (parts->n == 2) {
		node = new_root(map, parts);
		height++;
	}
	while (height && ((struct inner *)node)->count == 1) {
		void *only = inner_child(node, 0);

		pool_retire(&map->pool, node);
		node = only;
		height--;
	}
	exchange(map, path, 0, node, height);
}

/*
 * `k` neighbours at a depth, of which the first is on the path, are replaced: let readers
 * see it.
 */
static void replace(struct map *map, const struct path *path, unsigned depth, unsigned k,
		    struct parts parts)
{
	for (; depth && (k != 1 || parts.n != 1); k = 1)
		parts = replace_inner(map, &path->steps[--depth], k, &parts);
	if (depth)
		exchange(map, path, depth, parts.node[0], 0);
	else
		exchange_root(map, path, &parts);
}

/* -- leaves made of pieces of others ----------------------------------------------------------- */

struct piece {
	const struct leaf *leaf;
	unsigned from, n;
};

static void leaf_add(struct leaf *leaf, const struct piece *piece)
{
	const struct leaf *from = piece->leaf;

	for (unsigned i = piece->from, to = leaf->count; i < piece->from + piece->n; i++, to++) {
		leaf->last[to] = from->last[i];
		leaf->first[to] = from->first[i];
		leaf->phys[to] = from->phys[i];
		leaf->flags[to] = from->flags[i];
	}
	leaf->count = (uint8_t)(leaf->count + piece->n);
}

/* Take `n` ranges off the front of pieces, into a leaf. */
static struct leaf *leaf_new(struct map *map, struct piece *pieces, unsigned n)
{
	struct leaf *leaf = pool_take(&map->pool);

	leaf->count = 0;
	for (; n; pieces++) {
		struct piece front = *pieces;

		if (front.n > n)
			front.n = n;
		leaf_add(leaf, &front);
		pieces->from += front.n;
		pieces->n -= front.n;
		n -= front.n;
	}
	for (unsigned i = leaf->count; i < LEAF_RANGES; i++)
		leaf->last[i] = NOWHERE;
	return leaf;
}

/* What is to stand in a leaf's place; a neighbour may take part. Any may be empty. */
enum { BEFORE, FRONT, NEW, BACK, AFTER, N_PIECES };

/* As few leaves as hold all, and of two each half. */
static struct parts leaves_of(struct map *map, struct piece pieces[N_PIECES])
{
	struct parts parts = { .n = 0 };
	unsigned n = 0, half;

	for (unsigned i = 0; i < N_PIECES; i++)
		n += pieces[i].n;
	half = n > LEAF_RANGES ? n / 2 : n;
	if (half)
		parts.node[parts.n++] = leaf_new(map, pieces, half);
	if (half < n) {
		struct leaf *leaf = leaf_new(map, pieces, n - half);

		parts.border = leaf->first[0] - 1;
		parts.node[parts.n++] = leaf;
	}
	return parts;
}

/* Does the neighbour under the same node take part? Only with so many ranges, or fewer. */
static bool invite(struct piece pieces[N_PIECES], const struct path *path, unsigned which,
		   unsigned most)
{
	const struct step *step = path->height ? &path->steps[path->height - 1] : NULL;
	unsigned i = !step ? 0 : which == BEFORE ? step->i - 1u : step->i + 1u;
	const struct leaf *leaf =
		step && i < step->inner->count ? inner_child(step->inner, i) : NULL;

	if (!leaf || leaf->count > most)
		return false;
	pieces[which] = (struct piece){ leaf, 0, leaf->count };
	return true;
}

/* Put pieces in the place of the path's leaf, and of the neighbour that takes part. */
static void rebuild(struct map *map, struct path *path, struct piece pieces[N_PIECES])
{
	unsigned k = 1;

	pool_retire(&map->pool, path->leaf);
	for (unsigned which = BEFORE; which <= AFTER; which += AFTER - BEFORE) {
		if (!pieces[which].n)
			continue;
		pool_retire(&map->pool, (void *)(uintptr_t)pieces[which].leaf);
		k++;
	}
	if (pieces[BEFORE].n)
		path->steps[path->height - 1].i--;
	replace(map, path, path->height, k, leaves_of(map, pieces));
}

/* -- insert ---------------------------------------------------------------------------------------
 */

/* Two nodes for one at every level, but at the top: splits go up, and what is left at either
 * side of a removal is joined there. */
static size_t nodes_for_change(struct root root)
{
	return 2 * (size_t)root.height + 1;
}

static bool is_full(struct root root)
{
	if (!root.height)
		return root.node && ((const struct leaf *)root.node)->count == LEAF_RANGES;
	return ((const struct inner *)root.node)->count == INNER_CHILDREN;
}

/* For an insert, which may split the root and put a new one on top; and for a removal after
 * it. */
static size_t nodes_to_have(const struct map *map)
{
	struct root root = map_root(map);
	size_t n = nodes_for_change(root);

	return is_full(root) ? (n + 2) + (n + 2) : n + n;
}

size_t map_growth(const struct map *map)
{
	return pool_cost(&map->pool, nodes_to_have(map));
}

int map_reserve(struct map *map)
{
	return pool_reserve(&map->pool, nodes_to_have(map));
}

bool map_is_exhausted(const struct map *map)
{
	return map->pool.n_unused < nodes_for_change(map_root(map));
}

/* Ascending addresses: leave the last leaf full, it will not be needed again. */
static void append(struct map *map, struct path *path, const struct leaf *alone)
{
	struct piece piece = { alone, 0, 1 };
	struct parts parts = { .n = 2, .border = alone->first[0] - 1 };

	parts.node[0] = path->leaf;
	parts.node[1] = leaf_new(map, &piece, 1);
	replace(map, path, path->height, 1, parts);
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

	if (leaf->count == LEAF_RANGES && !invite(pieces, path, AFTER, LEAF_RANGES - 2))
		invite(pieces, path, BEFORE, LEAF_RANGES - 2);
	rebuild(map, path, pieces);
}

/* The first range of all: a leaf is the root. */
static void plant(struct map *map, struct path *path, const struct leaf *alone)
{
	struct piece piece = { alone, 0, 1 };
	struct parts parts = { .n = 1 };

	parts.node[0] = leaf_new(map, &piece, 1);
	replace(map, path, 0, 1, parts);
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
	find_path(map, range->last, &path);
	if (!path.leaf) {
		plant(map, &path, &alone);
		return 0;
	}
	i = leaf_find(path.leaf, range->last);
	if (i == LEAF_RANGES && at_right_edge(&path))
		append(map, &path, &alone);
	else
		put(map, &path, i, &alone);
	return 0;
}

/* -- remove
 * ----------------------------------------------------------------------------------------- */

/* Retire all nodes from one on down. Returns how many ranges were in them. */
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

/* Retire children, all of them; those of the lowest inner nodes are leaves: `height` 1. */
static size_t retire_children(struct map *map, const struct inner *inner, unsigned i, unsigned end,
			      unsigned height)
{
	size_t n = 0;

	for (; i < end; i++)
		n += retire_tree(map, inner_child(inner, i), height - 1);
	return n;
}

/* Out of one leaf: ranges `i` to `end`. */
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
	if (left && left <= LEAF_FEW && !invite(pieces, path, BEFORE, LEAF_MERGED - left))
		invite(pieces, path, AFTER, LEAF_MERGED - left);
	rebuild(map, path, pieces);
	return end - i;
}

/*
 * What is left of all below a step when its path is cut: of the leaf the piece, and above it
 * what is before the path (`which` is FRONT) or behind it.
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
		parts = replace_inner(map, &step, k, &parts);
	}
	return parts;
}

/* Out of two leaves, and all that is between them: what is left of each, joined again where
 * their paths part. */
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
	replace(map, low, depth + 1, high->steps[depth].i - step->i + 1, parts);
	return removed;
}

/* Everything. A large map lets its memory go with it, a small one is likely to need it. */
static size_t clear(struct map *map)
{
	const struct path path = { .height = 0 };
	struct root root = map_root(map);

	exchange(map, &path, 0, NULL, 0);
	if (map->pool.bytes - map->pool.retired_bytes > KEPT_BYTES)
		pool_retire_all(&map->pool);
	else
		retire_tree(map, root.node, root.height);
	return map->count;
}

/* Are all ranges those from `i` on in one leaf to `end` in the other? */
static bool is_all(const struct path *low, const struct path *high, unsigned i, unsigned end)
{
	for (unsigned depth = 0; depth < low->height; depth++)
		if (low->steps[depth].i ||
		    high->steps[depth].i + 1u < high->steps[depth].inner->count)
			return false;
	return !i && end == high->leaf->count;
}

/* How many ranges of a leaf end at or below `last`. */
static unsigned ends_up_to(const struct leaf *leaf, uint64_t last)
{
	unsigned n = leaf_find(leaf, last);

	return n + (n < leaf->count && leaf->last[n] == last);
}

static size_t remove_between(struct map *map, uint64_t first, uint64_t last)
{
	struct path low, high;
	unsigned i, end;

	find_path(map, first, &low);
	if (!low.leaf)
		return 0;
	i = leaf_find(low.leaf, first);
	end = ends_up_to(low.leaf, last);
	if (end < low.leaf->count)
		return remove_here(map, &low, i, end);
	find_path(map, last, &high);
	end = ends_up_to(high.leaf, last);
	if (is_all(&low, &high, i, end))
		return clear(map);
	if (low.leaf == high.leaf)
		return remove_here(map, &low, i, end);
	return remove_across(map, &low, &high, (struct piece){ low.leaf, 0, i },
			     (struct piece){ high.leaf, end, high.leaf->count - end });
}

size_t map_remove(struct map *map, uint64_t first, uint64_t last)
{
	size_t removed = remove_between(map, first, last);

	map->count -= removed;
	return removed;
}

/* An empty map keeps the memory of a small one, and gives that of a large one back. */
void map_settle(struct map *map)
{
	pool_settle(&map->pool);
	if (!map->count && map->pool.bytes > KEPT_BYTES)
		pool_free(&map->pool);
}
