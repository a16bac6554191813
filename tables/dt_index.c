/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which node of a device tree is an object of the topology?
 *
 * A topology that was read from a device tree has the paths of its nodes for names. One that was
 * not has still said where things are: registers, and segments and buses. All nodes are looked
 * at once, so that a topology of many objects is no longer search than one of few.
 */
#include "dt_write.h"

static void index_window(struct dt_writing *writing, struct dt_node *node)
{
	uint64_t base, span;

	if (dt_is_pci_function(node) || !dt_registers(node, &base, &span))
		return;
	if (g_hash_table_contains(writing->windows, &base))
		return;
	g_hash_table_insert(writing->windows, g_memdup2(&base, sizeof(base)), node);
}

void dt_index(struct dt_writing *writing)
{
	for_each_dt_node(node, writing->tree)
	{
		uint32_t phandle = dt_phandle(node);

		g_hash_table_insert(writing->paths, dt_path(node), node);
		index_window(writing, node);
		writing->last_phandle = MAX(writing->last_phandle, phandle);
	}
}

struct dt_node *dt_by_name(const struct dt_writing *writing, const char *name)
{
	return name ? g_hash_table_lookup(writing->paths, name) : NULL;
}

struct dt_node *dt_by_window(const struct dt_writing *writing, uint64_t base)
{
	return base ? g_hash_table_lookup(writing->windows, &base) : NULL;
}
