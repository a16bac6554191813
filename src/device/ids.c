/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>

#include "device/ids.h"

/*
 * A digital search tree: each level tests one bit of the number, the highest first, to select left
 * or right, down to a free place. So a path is never longer than a number has bits, whatever the
 * order of insertion, and no rotation is needed.
 *
 * All numbers below a node share the bits above its depth. The node's own number may be lower or
 * higher than any of them. Numbers to the left are lower than those to the right.
 */

#define HIGHEST_BIT (UINT32_C(1) << 31)

/* The place of the number, or the free place for it. */
static struct id_node **place_of(const struct ids *ids, uint32_t id)
{
	struct id_node *const *at = &ids->root;

	for (uint32_t bit = HIGHEST_BIT; *at && (*at)->id != id; bit >>= 1)
		at = &(*at)->child[(id & bit) != 0];
	return (struct id_node **)at;
}

static struct id_node *lower_of(struct id_node *a, struct id_node *b)
{
	return !b || (a && a->id < b->id) ? a : b;
}

/* The lowest number below a node, including its own. */
static struct id_node *lowest(struct id_node *node)
{
	struct id_node *found = node;

	while (node) {
		found = lower_of(found, node);
		node = node->child[0] ? node->child[0] : node->child[1];
	}
	return found;
}

void *ids_find(const struct ids *ids, uint32_t id)
{
	return *place_of(ids, id);
}

/*
 * The last right branch on the path to `from` has the lowest numbers above it; but a node on the
 * path may be lower.
 */
void *ids_next(const struct ids *ids, uint32_t from)
{
	struct id_node *found = NULL, *right = NULL, *node = ids->root;

	for (uint32_t bit = HIGHEST_BIT; node; bit >>= 1) {
		bool high = from & bit;

		if (node->id == from)
			return node;
		if (node->id > from)
			found = lower_of(found, node);
		if (!high && node->child[1])
			right = node->child[1];
		node = node->child[high];
	}
	return lower_of(found, lowest(right));
}

void *ids_after(const struct ids *ids, const struct id_node *node)
{
	return node->id == UINT32_MAX ? NULL : ids_next(ids, node->id + 1);
}

void ids_put(struct ids *ids, struct id_node *node)
{
	struct id_node **at = place_of(ids, node->id);
	const struct id_node *old = *at;

	for (unsigned i = 0; i < 2; i++)
		node->child[i] = old ? old->child[i] : NULL;
	ids->count += !old;
	*at = node;
}

/* Any leaf below can take the place: it shares the bits that matter. */
void ids_remove(struct ids *ids, uint32_t id)
{
	struct id_node **at = place_of(ids, id), **leaf = at;
	const struct id_node *gone = *at;

	if (!gone)
		return;
	while ((*leaf)->child[0] || (*leaf)->child[1])
		leaf = &(*leaf)->child[!(*leaf)->child[0]];
	*at = *leaf;
	*leaf = NULL;
	if (*at)
		for (unsigned i = 0; i < 2; i++)
			(*at)->child[i] = gone->child[i];
	ids->count--;
}
