/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Changing a device tree
 *
 * Somebody wrote the tree that is changed here, and knew why. So nothing in it is replaced unless
 * that was asked for: what says the same stays, and what does not is an error that names it. What
 * is new is marked, and an overlay is made of just that.
 */
#include <libfdt.h>
#include <string.h>

#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "write.h"

/* The cure is another for an overlay, which may only add. */
static void differ(struct dt_writing *writing, const struct dt_node *node, const char *name,
		   const char *what)
{
	report(writing->findings, "dt-differs", dt_place(writing->tree, node, name),
	       writing->overlay ? "correct the topology, or take it out of the device tree"
				: "correct the topology, or replace it with --force",
	       "the device tree has this property already, and the topology %s", what);
	writing->failed = true;
}

/* The list stays as it is, for nobody's order is ours to change. */
static struct dt_property *find(struct dt_node *node, const char *name)
{
	return (struct dt_property *)dt_property(node, name);
}

/* Equal to the byte is equal; callers that know of other ways to say the same have asked before. */
void dt_set(struct dt_writing *writing, struct dt_node *node, const char *name, const void *value,
	    size_t length)
{
	struct dt_property *property = find(node, name);

	if (property && property->length == length && !memcmp(property->value, value, length))
		return;
	if (property && !writing->force) {
		differ(writing, node, name, "says something else");
		return;
	}
	value = dt_keep(writing->tree, value, length);
	if (!property)
		property = dt_add_property(writing->tree, node, name, value, length);
	property->value = value;
	property->length = length;
	property->made = true;
	writing->tree->changed = true;
}

/* With the NUL that ends it: it belongs to the value in a device tree. */
void dt_set_string(struct dt_writing *writing, struct dt_node *node, const char *name,
		   const char *value)
{
	dt_set(writing, node, name, value, strlen(value) + 1);
}

/* Cells of a tree are big-endian, those of a caller the machine's own. */
void dt_set_cells(struct dt_writing *writing, struct dt_node *node, const char *name,
		  const uint32_t *cells, size_t n)
{
	auto_free fdt32_t *value = memory_new(fdt32_t, n);

	for (size_t i = 0; i < n; i++)
		value[i] = cpu_to_fdt32(cells[i]);
	dt_set(writing, node, name, value, n * sizeof(*value));
}

/* One big-endian cell. */
void dt_set_number(struct dt_writing *writing, struct dt_node *node, const char *name,
		   uint32_t value)
{
	dt_set_cells(writing, node, name, &value, 1);
}

/* An overlay has no word for taking something away. */
void dt_clear(struct dt_writing *writing, struct dt_node *node, const char *name)
{
	if (!dt_property(node, name))
		return;
	if (writing->force && !writing->overlay) {
		dt_remove_property(node, name);
		writing->tree->changed = true;
	} else {
		differ(writing, node, name, "does not have it");
	}
}

/* Marked as a whole: everything below it is new as well. */
struct dt_node *dt_make_node(struct dt_writing *writing, struct dt_node *parent, const char *name)
{
	const char *kept = dt_keep(writing->tree, name, strlen(name));
	struct dt_node *node = dt_add_node(writing->tree, parent, kept);

	node->made = true;
	writing->tree->changed = true;
	return node;
}

/* Above all that there are: a phandle that was taken away may still be referred to. */
uint32_t dt_make_phandle(struct dt_writing *writing, struct dt_node *node)
{
	uint32_t phandle = dt_phandle(node);

	if (phandle)
		return phandle;
	phandle = ++writing->last_phandle;
	dt_set_number(writing, node, "phandle", phandle);
	hash_insert(writing->tree->phandles, GUINT_TO_POINTER(phandle), node);
	return phandle;
}

/* 16 MiB: Linux for arm64 takes a tree of 2 MiB at most. */
#define MAX_CELLS ((size_t)1 << 22)

bool dt_has_room(struct dt_writing *writing, size_t n_cells)
{
	bool had_room = writing->n_cells <= MAX_CELLS;

	if (!had_room)
		return false;
	writing->n_cells += n_cells;
	if (writing->n_cells <= MAX_CELLS)
		return true;
	report(writing->findings, "dt-too-large", place_of_file(writing->tree->file),
	       "give functions and devices their own IDs, one behind the other",
	       "maps and devices come to more than %zu cells, or masks would have to be looked for "
	       "on "
	       "too many host bridges",
	       MAX_CELLS);
	writing->failed = true;
	return false;
}

/* An error and no warning: half a description is worse than none, for a guest trusts it. */
void dt_miss(struct dt_writing *writing, const char *what, const char *name,
	     struct viommu_place place)
{
	report(writing->findings, "dt-missing", place,
	       "call it by the path of its node, or correct where it is",
	       "the device tree has no node for %s %s", what, name);
	writing->failed = true;
}
