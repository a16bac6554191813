/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "map/map.h"

/*
 * The interval map as a treap: a binary tree ordered by address, and a heap by a random
 * priority, which keeps it about balanced whatever order a guest maps in. The
 * priorities are seeded from the kernel, so that a guest cannot choose addresses that
 * make the tree deep. Everything is said with two operations, split and join: removing
 * a range of addresses is to cut the tree on both sides of it and join what is left.
 */

struct node {
	struct range range;
	uint32_t priority;
	struct node *left, *right;
};

struct map {
	struct node *root;
	size_t count;
	uint64_t random;
};

/* What malloc keeps beside each block, by the usual allocators. */
#define HEAP_OVERHEAD 16

const size_t map_range_bytes = sizeof(struct node) + HEAP_OVERHEAD;
const size_t map_bytes = sizeof(struct map) + HEAP_OVERHEAD;

struct map *map_new(void)
{
	struct map *map = calloc(1, sizeof(*map));

	if (!map)
		return NULL;
	/* Without randomness at hand the tree is still right, only easier to make slow. */
	if (getrandom(&map->random, sizeof(map->random), GRND_NONBLOCK) < 0 || !map->random)
		map->random = (uintptr_t)map;
	return map;
}

/*
 * Free a tree, in ascending order and without recursion: rotate left children up until
 * there is none, take the node, go on to the right.
 */
static size_t consume(struct node *tree, void (*each)(void *opaque, const struct range *range),
		      void *opaque)
{
	size_t count = 0;

	while (tree) {
		struct node *left = tree->left, *right = tree->right;

		if (left) {
			tree->left = left->right;
			left->right = tree;
			tree = left;
			continue;
		}
		if (each)
			each(opaque, &tree->range);
		free(tree);
		tree = right;
		count++;
	}
	return count;
}

void map_free(struct map *map)
{
	if (map)
		consume(map->root, NULL, NULL);
	free(map);
}

size_t map_count(const struct map *map)
{
	return map->count;
}

/* Marsaglia's xorshift: quick, and good enough for priorities. */
static uint32_t next_priority(struct map *map)
{
	map->random ^= map->random << 13;
	map->random ^= map->random >> 7;
	map->random ^= map->random << 17;
	return (uint32_t)(map->random >> 32);
}

/* -- split and join ------------------------------------------------------- */

/* Cut a tree in two: ranges that begin before `at`, and the others. */
static void split(struct node *tree, uint64_t at, struct node **before, struct node **after)
{
	while (tree) {
		if (tree->range.first < at) {
			*before = tree;
			before = &tree->right;
			tree = tree->right;
		} else {
			*after = tree;
			after = &tree->left;
			tree = tree->left;
		}
	}
	*before = *after = NULL;
}

/* Join two trees of which one lies wholly before the other. */
static struct node *join(struct node *before, struct node *after)
{
	struct node *joined, **at = &joined;

	while (before && after) {
		if (before->priority > after->priority) {
			*at = before;
			at = &before->right;
			before = before->right;
		} else {
			*at = after;
			at = &after->left;
			after = after->left;
		}
	}
	*at = before ? before : after;
	return joined;
}

/* -- the map ------------------------------------------------------------------ */

static const struct node *find_next(const struct map *map, uint64_t from)
{
	const struct node *found = NULL;

	for (const struct node *n = map->root; n;) {
		if (n->range.last >= from) {
			found = n;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return found;
}

bool map_next(const struct map *map, uint64_t from, struct range *ret_range)
{
	const struct node *found = find_next(map, from);

	if (found)
		*ret_range = found->range;
	return found;
}

bool map_overlaps(const struct map *map, uint64_t first, uint64_t last)
{
	const struct node *found = find_next(map, first);

	return found && found->range.first <= last;
}

bool map_cuts(const struct map *map, uint64_t first, uint64_t last)
{
	const struct node *low = find_next(map, first), *high = find_next(map, last);

	return (low && low->range.first < first && low->range.last >= first) ||
	       (high && high->range.first <= last && high->range.last > last);
}

int map_insert(struct map *map, const struct range *range)
{
	struct node *node, **at = &map->root;

	if (map_overlaps(map, range->first, range->last))
		return -EEXIST;
	node = malloc(sizeof(*node));
	if (!node)
		return -ENOMEM;
	node->range = *range;
	node->priority = next_priority(map);

	while (*at && (*at)->priority >= node->priority)
		at = range->first < (*at)->range.first ? &(*at)->left : &(*at)->right;
	split(*at, range->first, &node->left, &node->right);
	*at = node;
	map->count++;
	return 0;
}

size_t map_remove(struct map *map, uint64_t first, uint64_t last,
		  void (*each)(void *opaque, const struct range *range), void *opaque)
{
	struct node *before, *inside, *after = NULL;
	size_t count;

	split(map->root, first, &before, &inside);
	if (last < UINT64_MAX)
		split(inside, last + 1, &inside, &after);
	map->root = join(before, after);
	count = consume(inside, each, opaque);
	map->count -= count;
	return count;
}
