/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "map/change.h"

/*
 * Changing the interval map while readers use it
 *
 * A change builds new nodes beside the old ones, then exchanges one pointer: that of the lowest
 * node with all of the change below it. A reader sees all of a change or none of it. Old nodes
 * are retired, and keep their contents until no reader can be in them.
 *
 * So every change has the same form: some neighbours below an inner node are replaced by none,
 * one or two new nodes. One for one is an exchange in place. Otherwise the inner node is replaced
 * as well, by none, one or two nodes, and so on upwards.
 *
 * A full leaf moves ranges to a neighbour before it is split. A leaf that is split by a range
 * behind all others stays full. So scattered addresses fill leaves well, and ascending addresses,
 * which is how guests map, fill them completely.
 *
 * All memory is reserved before a change begins, so a change without memory has no effect.
 */

/* -- paths ------------------------------------------------------------------------------- */

void path_find(const struct map *map, uint64_t last, struct path *path)
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

bool path_is_last(const struct path *path)
{
	for (unsigned depth = 0; depth < path->height; depth++)
		if (path->steps[depth].i + 1u < path->steps[depth].inner->count)
			return false;
	return true;
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

/*
 * The only store of a change that readers see. Release semantics cover the new nodes and the odd
 * version.
 */
void tree_exchange(struct map *map, const struct path *path, unsigned depth, void *node,
		   unsigned height)
{
	uint64_t version = atomic_load_explicit(&map->version, memory_order_relaxed);

	annotate_release(&map->version);
	atomic_store_explicit(&map->version, version + 1, memory_order_relaxed);
	if (depth) {
		const struct step *step = &path->steps[depth - 1];

		annotate_release(&step->inner->child[step->i]);
		atomic_store_explicit(&step->inner->child[step->i], node, memory_order_release);
	} else {
		annotate_release(&map->root);
		atomic_store_explicit(&map->root, (uintptr_t)node | height, memory_order_release);
	}
	atomic_store_explicit(&map->version, version + 2, memory_order_release);
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

/* -- leaves ------------------------------------------------------------------------------ */

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

struct leaf *leaf_new(struct map *map, struct piece *pieces, unsigned n)
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
		leaf->last[i] = LAST_BORDER;
	return leaf;
}

struct parts leaves_of(struct map *map, struct piece pieces[N_PIECES])
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

bool pieces_add_neighbour(struct piece pieces[N_PIECES], const struct path *path, unsigned which,
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

void tree_rebuild(struct map *map, struct path *path, struct piece pieces[N_PIECES])
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
	tree_replace(map, path, path->height, k, leaves_of(map, pieces));
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
		return root.node && ((const struct leaf *)root.node)->count == LEAF_RANGES;
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
