/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdbool.h>

#include "device/ids.h"

/*
 * A digital search tree: on the way down from the root, each bit of a number, the highest
 * first, says whether to go left or right, until there is a free place. So no order in which a
 * guest makes up its numbers can make a way longer than a number has bits, and nothing is ever
 * moved to make room.
 *
 * Numbers below a node agree in all bits above its depth, and in nothing else with the node's
 * own: it may be lower or higher than any of them. What is to the left is lower than what is to
 * the right.
 */

#define HIGHEST_BIT (UINT32_C(1) << 31)

/* Where the number is, or would be. */
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

/* The lowest number below a node, itself included. */
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

/* Of all that branches off to the right on the way to `from`, the last has the lowest numbers;
 * but any node on the way may be lower still. */
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

/* Whatever is lowest in the tree below can take the place: all of it agrees in what counts. */
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
