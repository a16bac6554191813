/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "map/change.h"

/*
 * Changing the tree while readers use it
 *
 * A change builds new nodes beside the old ones, then exchanges one pointer: that of the lowest
 * node with all of the change below it. A reader sees all of a change or none of it. Old nodes
 * are retired, and keep their contents until no reader can be in them.
 *
 * So every change has the same form: some neighbours below an inner node are replaced by none,
 * one or two new nodes. One for one is an exchange in place. Otherwise the inner node is replaced
 * as well, by none, one or two nodes, and so on upwards.
 *
 * Most changes concern one leaf that neither splits nor merges, and are made in place: leaf.c.
 *
 * A full leaf moves ranges to a neighbour before it is split. A leaf that is split by a range
 * before or behind all others stays full. So scattered addresses fill leaves well, and addresses
 * in order, which is how guests map, fill them completely.
 *
 * All memory is reserved before a change begins, so a change without memory has no effect.
 */

/* -- paths ------------------------------------------------------------------------------- */

void path_find(struct map *map, uint64_t last, struct path *path)
{
	struct root root = map_root(map);
	void *node = root.node;

	path->height = root.height;
	path->low = 0;
	path->high = LAST_BORDER;
	for (unsigned depth = 0; depth < root.height; depth++) {
		struct step *step = &path->steps[depth];
		unsigned i;

		step->inner = node;
		step->i = i = inner_find(step->inner, last);
		if (i)
			path->low = step->inner->border[i - 1] + 1;
		if (i + 1u < step->inner->count)
			path->high = step->inner->border[i];
		node = inner_child(step->inner, i);
		node_fetch(node);
	}
	path->leaf = node;
	hot_set(map, path->leaf, path);
}

/* -- replacing nodes --------------------------------------------------------------------- */

/* Children, each with the highest address that it covers. */
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
			  i < INNER_BORDERS ? from->border[i] : LAST_BORDER);
}

/* The children of an inner node after `parts` have replaced `k` of them. */
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
			end - 1 < INNER_BORDERS ? inner->border[end - 1] : LAST_BORDER;
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
		inner->border[i] = i + 1 < n ? children->border[from + i] : LAST_BORDER;
	inner->count = (uint8_t)n;
	return inner;
}

struct parts inner_replace(struct map *map, const struct step *step, unsigned k,
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

/* -- publishing -------------------------------------------------------------------------- */

/* The version is odd while a change becomes visible. Returns the even one before. */
static uint64_t version_make_odd(struct map *map)
{
	uint64_t version = atomic_load_explicit(&map->version, memory_order_relaxed);

	annotate_release(&map->version);
	atomic_store_explicit(&map->version, version + 1, memory_order_relaxed);
	return version;
}

static void version_make_even(struct map *map, uint64_t version)
{
	atomic_store_explicit(&map->version, version + 2, memory_order_release);
}

/*
 * The stores with release semantics here, and in leaf_publish(), are the only ones of a change that
 * readers see. They cover the new nodes and slots, and the odd version.
 */
void tree_exchange(struct map *map, const struct path *path, unsigned depth, void *node,
		   unsigned height)
{
	uint64_t version = version_make_odd(map);

	map->hot.leaf = NULL;
	if (depth) {
		const struct step *step = &path->steps[depth - 1];

		annotate_release(&step->inner->child[step->i]);
		atomic_store_explicit(&step->inner->child[step->i], node, memory_order_release);
	} else {
		annotate_release(&map->root);
		atomic_store_explicit(&map->root, (uintptr_t)node | height, memory_order_release);
	}
	version_make_even(map, version);
}

void leaf_publish(struct map *map, struct leaf *leaf, uint32_t live)
{
	uint64_t version = version_make_odd(map);

	annotate_release(&map_leaves);
	atomic_store_explicit(&leaf->live, live, memory_order_release);
	version_make_even(map, version);
}

static struct inner *new_root(struct map *map, const struct parts *parts)
{
	const struct children children = {
		.node = { parts->node[0], parts->node[1] },
		.border = { parts->border, LAST_BORDER },
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
	tree_exchange(map, path, 0, node, height);
}

void tree_replace(struct map *map, const struct path *path, unsigned depth, unsigned k,
		  struct parts parts)
{
	for (; depth && (k != 1 || parts.n != 1); k = 1)
		parts = inner_replace(map, &path->steps[--depth], k, &parts);
	if (depth)
		tree_exchange(map, path, depth, parts.node[0], 0);
	else
		exchange_root(map, path, &parts);
}

/* -- memory ------------------------------------------------------------------------------ */

/*
 * Two nodes for each on every level but the top: splits go up, and the two ends of a removal are
 * joined there.
 */
static size_t nodes_for_change(struct root root)
{
	return 2 * (size_t)root.height + 1;
}

static bool is_full(struct root root)
{
	if (!root.height)
		return root.node && leaf_live(root.node) == LEAF_ALL;
	return ((const struct inner *)root.node)->count == INNER_CHILDREN;
}

/* For an insert, which may split the root and add a level, and for a removal after it. */
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

bool map_needs_reclaim(const struct map *map)
{
	return map->pool.n_unused < nodes_for_change(map_root(map));
}
