/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which node of a device tree is an object of the topology?
 *
 * A topology read from a device tree has paths of nodes as names. Others have addresses, or
 * segments and buses. All nodes are indexed once, so that each lookup takes constant time.
 */
#include "base/hash.h"
#include "write.h"

/* The first node at an address, because a bus and its first device may share it. */
static void index_window(struct dt_writing *writing, struct dt_node *node)
{
	uint64_t base, span;

	if (dt_is_pci_function(node) || !dt_registers(node, &base, &span))
		return;
	if (hash_contains(writing->windows, &base))
		return;
	hash_insert(writing->windows, memory_copy(&base, sizeof(base)), node);
}

/* Called before anything is added. */
void dt_index(struct dt_writing *writing)
{
	for_each_dt_node(node, writing->tree) {
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

/* A base of 0 stands for unknown. */
struct dt_node *dt_by_window(const struct dt_writing *writing, uint64_t base)
{
	return base ? hash_lookup(writing->windows, &base) : NULL;
}
