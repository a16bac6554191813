/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which node of a device tree is an object of the topology?
 *
 * A topology that was read from a device tree has the paths of its nodes for names. One that was
 * not has still said where things are: registers, and segments and buses. All nodes are looked
 * at once, so that a topology of many objects is no longer search than one of few.
 */
#include "base/hash.h"
#include "write.h"

/*
 * The first that begins there, in the order of the tree: a bus and its first device may share an
 * address.
 */
static void index_window(struct dt_writing *writing, struct dt_node *node)
{
	uint64_t base, span;

	if (dt_is_pci_function(node) || !dt_registers(node, &base, &span))
		return;
	if (hash_contains(writing->windows, &base))
		return;
	hash_insert(writing->windows, memory_copy(&base, sizeof(base)), node);
}

/* Once for the whole tree, before anything is added: what is made is known to whoever made it. */
void dt_index(struct dt_writing *writing)
{
	for_each_dt_node(node, writing->tree)
	{
		uint32_t phandle = dt_phandle(node);

		hash_insert(writing->paths, dt_path(node), node);
		index_window(writing, node);
		writing->last_phandle = MAX(writing->last_phandle, phandle);
	}
}

struct dt_node *dt_by_name(const struct dt_writing *writing, const char *name)
{
	return name ? hash_lookup(writing->paths, name) : NULL;
}

/* Registers at 0 are none: that is how a topology says that it does not know. */
struct dt_node *dt_by_window(const struct dt_writing *writing, uint64_t base)
{
	return base ? hash_lookup(writing->windows, &base) : NULL;
}
