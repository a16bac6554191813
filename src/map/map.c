/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "map/map.h"
#include "map/pool.h"

/*
 * The interval map as a B+ tree of wide nodes
 *
 * A lookup costs what it misses in the cache, so nodes are eight cache lines, there are few
 * levels, and all that is compared in a node lies side by side: a leaf keeps the ends of
 * its ranges in one array, their beginnings in the next, and so on. Leaves are linked, for
 * the range after a gap may be in the next one.
 *
 * A leaf that is full gives ranges to its neighbour before it is split, and one that is
 * split by a range behind all others stays full: so leaves are well filled by scattered
 * addresses, and packed by ascending ones, which is how guests map.
 *
 * Nodes come from a pool that belongs to the map. Room for the deepest split is reserved
 * before anything changes; so a request that runs out of memory changes nothing.
 */

#define LEAF_RANGES    19
#define INNER_CHILDREN 31

/* With at least four children a node, this many levels hold 2^48 ranges. */
#define HEIGHT_MAX 24

/* Below this a leaf is merged with its neighbour, if what comes of it has room to grow. */
#define LEAF_FEW    (LEAF_RANGES / 4)
#define LEAF_MERGED (LEAF_RANGES * 3 / 4)

/* What an empty map may keep for the ranges to come. */
#define KEPT_BYTES 65536

struct leaf {
	struct leaf *before, *after;
	uint64_t last[LEAF_RANGES];
	uint64_t first[LEAF_RANGES];
	uint64_t phys[LEAF_RANGES];
	uint8_t flags[LEAF_RANGES];
	uint8_t count;
};

/*
 * Ranges are sought by where they end: key[i] is not above the end of any range in child[i],
 * and above that of all in child[i - 1]. Where a range begins says nothing: one in child[i]
 * may begin before key[i], if what was there when the key was made is gone.
 */
struct inner {
	uint64_t key[INNER_CHILDREN];
	void *child[INNER_CHILDREN];
	uint16_t count;
};

_Static_assert(sizeof(struct leaf) <= POOL_NODE_BYTES, "a leaf is a node");
_Static_assert(sizeof(struct inner) <= POOL_NODE_BYTES, "an inner node is a node");

struct map {
	struct pool pool;
	void *root;      /* NULL: empty */
	unsigned height; /* inner nodes above a leaf */
	size_t count;
};

/* What malloc keeps beside each block, by the usual allocators. */
#define HEAP_OVERHEAD 16

const size_t map_bytes_empty = sizeof(struct map) + HEAP_OVERHEAD;

struct map *map_new(void)
{
	return calloc(1, sizeof(struct map));
}

void map_free(struct map *map)
{
	if (map)
		pool_free(&map->pool);
	free(map);
}

size_t map_count(const struct map *map)
{
	return map->count;
}

size_t map_bytes(const struct map *map)
{
	return map_bytes_empty + map->pool.bytes;
}

/* An insert may split a leaf and every node above it, and put a new root on top. */
static size_t nodes_for_insert(const struct map *map)
{
	return map->height + 2;
}

size_t map_growth(const struct map *map)
{
	return pool_cost(&map->pool, nodes_for_insert(map));
}

/* -- looking inside a node -------------------------------------------------------- */

/* How many of `n` ascending numbers are below `value`: without a branch to mispredict. */
static unsigned count_below(const uint64_t *numbers, unsigned n, uint64_t value)
{
	const uint64_t *base = numbers;

	while (n > 1) {
		unsigned half = n / 2;

		base += base[half - 1] < value ? half : 0;
		n -= half;
	}
	return (unsigned)(base - numbers) + (n && *base < value);
}

/* Which child a range belongs to that ends there. The first key is never looked at. */
static unsigned child_of(const struct inner *inner, uint64_t address)
{
	if (address == UINT64_MAX)
		return inner->count - 1u;
	return count_below(inner->key + 1, inner->count - 1u, address + 1);
}

static struct range range_of(const struct leaf *leaf, unsigned i)
{
	return (struct range){ leaf->first[i], leaf->last[i], leaf->phys[i], leaf->flags[i] };
}

/* -- reading ------------------------------------------------------------------------ */

static const struct leaf *find_leaf(const struct map *map, uint64_t address)
{
	const void *node = map->root;

	for (unsigned level = map->height; level; level--) {
		const struct inner *inner = node;

		node = inner->child[child_of(inner, address)];
	}
	return node;
}

/* The first range that ends at or after `from`, as a leaf and a place in it. */
static const struct leaf *find_next(const struct map *map, uint64_t from, unsigned *ret_i)
{
	const struct leaf *leaf = find_leaf(map, from);

	if (!leaf)
		return NULL;
	*ret_i = count_below(leaf->last, leaf->count, from);
	if (*ret_i < leaf->count)
		return leaf;
	*ret_i = 0;
	return leaf->after;
}

bool map_next(const struct map *map, uint64_t from, struct range *ret_range)
{
	unsigned i;
	const struct leaf *leaf = find_next(map, from, &i);

	if (!leaf)
		return false;
	*ret_range = range_of(leaf, i);
	return true;
}

bool map_overlaps(const struct map *map, uint64_t first, uint64_t last)
{
	unsigned i;
	const struct leaf *leaf = find_next(map, first, &i);

	return leaf && leaf->first[i] <= last;
}

bool map_cuts(const struct map *map, uint64_t first, uint64_t last)
{
	struct range low, high;

	if (!map_next(map, first, &low))
		return false;
	if (low.first < first)
		return true;
	return map_next(map, last, &high) && high.first <= last && high.last > last;
}

/* -- the way down, remembered ---------------------------------------------------------- */

struct step {
	struct inner *inner;
	unsigned i; /* the child taken */
};

struct path {
	struct step steps[HEIGHT_MAX]; /* from the root */
	struct leaf *leaf;
};

/* To the leaf where a range is, or should be, that ends at `last`. */
static void find_path(const struct map *map, uint64_t last, struct path *path)
{
	void *node = map->root;

	for (unsigned depth = 0; depth < map->height; depth++) {
		struct step *step = &path->steps[depth];

		step->inner = node;
		step->i = child_of(step->inner, last);
		node = step->inner->child[step->i];
	}
	path->leaf = node;
}

/* -- moving ranges about ------------------------------------------------------------------ */

/* Move `n` ranges from one place in a leaf to another in the same or in another leaf. */
static void move(struct leaf *to, unsigned at, const struct leaf *from, unsigned i, unsigned n)
{
	memmove(&to->last[at], &from->last[i], n * sizeof(to->last[0]));
	memmove(&to->first[at], &from->first[i], n * sizeof(to->first[0]));
	memmove(&to->phys[at], &from->phys[i], n * sizeof(to->phys[0]));
	memmove(&to->flags[at], &from->flags[i], n * sizeof(to->flags[0]));
}

static void leaf_put(struct leaf *leaf, unsigned i, const struct range *range)
{
	move(leaf, i + 1, leaf, i, leaf->count - i);
	leaf->last[i] = range->last;
	leaf->first[i] = range->first;
	leaf->phys[i] = range->phys;
	leaf->flags[i] = (uint8_t)range->flags;
	leaf->count++;
}

static void leaf_cut(struct leaf *leaf, unsigned i, unsigned n)
{
	move(leaf, i, leaf, i + n, leaf->count - i - n);
	leaf->count = (uint8_t)(leaf->count - n);
}

static void inner_put(struct inner *inner, unsigned i, uint64_t key, void *child)
{
	memmove(&inner->key[i + 1], &inner->key[i], (inner->count - i) * sizeof(inner->key[0]));
	memmove(&inner->child[i + 1], &inner->child[i],
		(inner->count - i) * sizeof(inner->child[0]));
	inner->key[i] = key;
	inner->child[i] = child;
	inner->count++;
}

static void inner_cut(struct inner *inner, unsigned i)
{
	unsigned behind = inner->count - i - 1u;

	memmove(&inner->key[i], &inner->key[i + 1], behind * sizeof(inner->key[0]));
	memmove(&inner->child[i], &inner->child[i + 1], behind * sizeof(inner->child[0]));
	inner->count--;
}

/* -- growing --------------------------------------------------------------------------------- */

static struct inner *split_inner(struct map *map, struct inner *inner)
{
	struct inner *after = pool_take(&map->pool);
	unsigned half = inner->count / 2;

	after->count = (uint16_t)(inner->count - half);
	memcpy(after->key, inner->key + half, after->count * sizeof(after->key[0]));
	memcpy(after->child, inner->child + half, after->count * sizeof(after->child[0]));
	inner->count = (uint16_t)half;
	return after;
}

static void grow_root(struct map *map, uint64_t key, void *after)
{
	struct inner *root = pool_take(&map->pool);

	root->key[0] = 0;
	root->child[0] = map->root;
	root->key[1] = key;
	root->child[1] = after;
	root->count = 2;
	map->root = root;
	map->height++;
}

/* Enter a node that was split off, behind the one on the path, into the nodes above. */
static void enter(struct map *map, const struct path *path, uint64_t key, void *after)
{
	for (unsigned depth = map->height; depth-- > 0;) {
		struct inner *inner = path->steps[depth].inner, *split;
		unsigned i = path->steps[depth].i + 1;

		if (inner->count < INNER_CHILDREN) {
			inner_put(inner, i, key, after);
			return;
		}
		split = split_inner(map, inner);
		if (i > inner->count)
			inner_put(split, i - inner->count, key, after);
		else
			inner_put(inner, i, key, after);
		key = split->key[0];
		after = split;
	}
	grow_root(map, key, after);
}

static struct leaf *split_leaf(struct map *map, struct leaf *leaf, unsigned keep)
{
	struct leaf *after = pool_take(&map->pool);

	after->count = (uint8_t)(leaf->count - keep);
	move(after, 0, leaf, keep, after->count);
	leaf->count = (uint8_t)keep;
	after->before = leaf;
	after->after = leaf->after;
	if (after->after)
		after->after->before = after;
	leaf->after = after;
	return after;
}

/* The leaf next to the path's under the same node, or NULL. */
static struct leaf *sibling(const struct map *map, const struct path *path, int direction)
{
	const struct step *step = map->height ? &path->steps[map->height - 1] : NULL;
	unsigned i = step ? step->i + (unsigned)direction : 0;

	return step && i < step->inner->count ? step->inner->child[i] : NULL;
}

/* Give some of a full leaf's last ranges to the leaf behind it; is there room then? */
static bool spill_after(const struct map *map, const struct path *path)
{
	struct leaf *leaf = path->leaf, *to = sibling(map, path, 1);
	unsigned n = to ? (unsigned)(LEAF_RANGES - to->count) / 2 : 0;

	if (!n)
		return false;
	move(to, n, to, 0, to->count);
	move(to, 0, leaf, leaf->count - n, n);
	to->count = (uint8_t)(to->count + n);
	leaf->count = (uint8_t)(leaf->count - n);
	path->steps[map->height - 1].inner->key[path->steps[map->height - 1].i + 1] = to->first[0];
	return true;
}

/* Give some of its first ranges to the leaf before it. */
static bool spill_before(const struct map *map, const struct path *path)
{
	struct leaf *leaf = path->leaf, *to = sibling(map, path, -1);
	unsigned n = to ? (unsigned)(LEAF_RANGES - to->count) / 2 : 0;

	if (!n)
		return false;
	move(to, to->count, leaf, 0, n);
	to->count = (uint8_t)(to->count + n);
	leaf_cut(leaf, 0, n);
	path->steps[map->height - 1].inner->key[path->steps[map->height - 1].i] = leaf->first[0];
	return true;
}

static void split_and_put(struct map *map, const struct path *path, unsigned i,
			  const struct range *range)
{
	struct leaf *leaf = path->leaf, *after;
	unsigned keep = leaf->count / 2;

	/* Ascending addresses: leave this one full, it will not be needed again. */
	if (i == leaf->count && !leaf->after)
		keep = leaf->count;
	after = split_leaf(map, leaf, keep);
	if (i > keep || keep == LEAF_RANGES)
		leaf_put(after, i - keep, range);
	else
		leaf_put(leaf, i, range);
	enter(map, path, after->first[0], after);
}

static void put_into_full(struct map *map, struct path *path, unsigned i, const struct range *range)
{
	bool appending = i == path->leaf->count && !path->leaf->after;

	if (appending || (!spill_after(map, path) && !spill_before(map, path))) {
		split_and_put(map, path, i, range);
		return;
	}
	find_path(map, range->last, path);
	leaf_put(path->leaf, count_below(path->leaf->last, path->leaf->count, range->first), range);
}

static void plant(struct map *map, const struct range *range)
{
	struct leaf *leaf = pool_take(&map->pool);

	leaf->before = leaf->after = NULL;
	leaf->count = 0;
	leaf_put(leaf, 0, range);
	map->root = leaf;
}

int map_insert(struct map *map, const struct range *range)
{
	struct path path;
	unsigned i;

	if (map_overlaps(map, range->first, range->last))
		return -EEXIST;
	if (pool_reserve(&map->pool, nodes_for_insert(map)) < 0)
		return -ENOMEM;
	map->count++;
	if (!map->root) {
		plant(map, range);
		return 0;
	}
	find_path(map, range->last, &path);
	i = count_below(path.leaf->last, path.leaf->count, range->first);
	if (path.leaf->count < LEAF_RANGES)
		leaf_put(path.leaf, i, range);
	else
		put_into_full(map, &path, i, range);
	return 0;
}

/* -- shrinking --------------------------------------------------------------------------------- */

/* Take a node that is gone out of those above it, which may go with it. */
static void leave(struct map *map, const struct path *path)
{
	unsigned depth = map->height;

	while (depth-- > 0) {
		struct inner *inner = path->steps[depth].inner;

		inner_cut(inner, path->steps[depth].i);
		if (inner->count)
			break;
		pool_give(&map->pool, inner);
		if (!depth)
			map->root = NULL;
	}
	if (!map->height || !map->root) {
		map->root = NULL;
		map->height = 0;
	}
	while (map->height && ((struct inner *)map->root)->count == 1) {
		struct inner *root = map->root;

		map->root = root->child[0];
		map->height--;
		pool_give(&map->pool, root);
	}
}

static void drop_leaf(struct map *map, const struct path *path)
{
	struct leaf *leaf = path->leaf;

	if (leaf->before)
		leaf->before->after = leaf->after;
	if (leaf->after)
		leaf->after->before = leaf->before;
	pool_give(&map->pool, leaf);
	leave(map, path);
}

/* A leaf with few ranges joins the one before it, or the one behind joins it. */
static void tidy(struct map *map, struct path *path)
{
	struct leaf *leaf = path->leaf, *other = sibling(map, path, -1);

	if (!leaf->count) {
		drop_leaf(map, path);
		return;
	}
	if (leaf->count > LEAF_FEW)
		return;
	if (other && other->count + leaf->count <= LEAF_MERGED) {
		move(other, other->count, leaf, 0, leaf->count);
		other->count = (uint8_t)(other->count + leaf->count);
		drop_leaf(map, path);
		return;
	}
	other = sibling(map, path, 1);
	if (!other || other->count + leaf->count > LEAF_MERGED)
		return;
	move(leaf, leaf->count, other, 0, other->count);
	leaf->count = (uint8_t)(leaf->count + other->count);
	path->leaf = other;
	path->steps[map->height - 1].i++;
	drop_leaf(map, path);
}

/* The path to the first range that begins inside [first, last]. */
static bool find_inside(const struct map *map, uint64_t first, uint64_t last, struct path *path,
			unsigned *ret_i)
{
	struct range range;

	if (!map_next(map, first, &range) || range.first > last)
		return false;
	find_path(map, range.last, path);
	*ret_i = count_below(path->leaf->last, path->leaf->count, range.first);
	return true;
}

/* An empty map keeps the memory of a small one, and gives that of a large one back. */
static void let_go(struct map *map)
{
	if (map->pool.bytes > KEPT_BYTES)
		pool_free(&map->pool);
}

size_t map_remove(struct map *map, uint64_t first, uint64_t last,
		  void (*each)(void *opaque, const struct range *range), void *opaque)
{
	size_t removed = 0;
	struct path path;
	unsigned i;

	while (find_inside(map, first, last, &path, &i)) {
		unsigned end = i;

		for (; end < path.leaf->count && path.leaf->last[end] <= last; end++) {
			const struct range range = range_of(path.leaf, end);

			if (each)
				each(opaque, &range);
		}
		removed += end - i;
		map->count -= end - i;
		leaf_cut(path.leaf, i, end - i);
		tidy(map, &path);
	}
	if (!map->count)
		let_go(map);
	return removed;
}
