/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>

#include "contestant.h"

/*
 * GLib's balanced binary tree, used as in QEMU's virtio-iommu: intervals are keys, overlapping
 * intervals are equal, key and value are allocated separately, a MAP first searches for an overlap,
 * and an UNMAP searches until nothing is left.
 */

struct interval {
	uint64_t low, high;
};

struct target {
	uint64_t phys;
	uint32_t flags;
};

static gint compare(gconstpointer a, gconstpointer b, gpointer unused)
{
	const struct interval *left = a, *right = b;

	(void)unused;
	if (left->high < right->low)
		return -1;
	return right->high < left->low;
}

static void *make(void)
{
	return g_tree_new_full(compare, NULL, g_free, g_free);
}

static void set_free(void *set)
{
	g_tree_destroy(set);
}

static bool map(void *set, const struct extent *extent)
{
	struct interval key = { extent->first, extent->last }, *own_key;
	struct target *target;

	if (g_tree_lookup(set, &key))
		return false;
	own_key = g_new0(struct interval, 1);
	target = g_new0(struct target, 1);
	*own_key = key;
	target->phys = extent->phys;
	target->flags = 3;
	g_tree_insert(set, own_key, target);
	return true;
}

static bool unmap(void *set, uint64_t first, uint64_t last)
{
	const struct interval key = { first, last };
	gpointer found, target;
	bool any = false;

	while (g_tree_lookup_extended(set, &key, &found, &target)) {
		const struct interval *interval = found;

		if (interval->low < first || interval->high > last)
			return false;
		g_tree_remove(set, found);
		any = true;
	}
	return any;
}

static uint64_t translate(void *set, uint64_t address)
{
	const struct interval key = { address, address };
	gpointer found, target;

	if (!g_tree_lookup_extended(set, &key, &found, &target))
		return NOWHERE;
	return ((struct target *)target)->phys + (address - ((struct interval *)found)->low);
}

static gboolean add_up(gpointer key, gpointer target, gpointer sum)
{
	(void)key;
	*(uint64_t *)sum += ((struct target *)target)->phys;
	return false;
}

static uint64_t walk(void *set)
{
	uint64_t sum = 0;

	g_tree_foreach(set, add_up, &sum);
	return sum;
}

const struct contestant contestant_gtree = {
	.name = "GTree",
	.make = make,
	.free = set_free,
	.map = map,
	.unmap = unmap,
	.translate = translate,
	.walk = walk,
};
