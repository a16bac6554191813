/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was made in a device tree, as an overlay
 *
 *     fragment@0 {
 *             target-path = "/pcie@10000000";
 *             __overlay__ { what is new in that node };
 *     };
 *     __local_fixups__ { the same nodes, with where phandles stand that are the overlay's own };
 *
 * A node that has something new is a fragment, and a node that is new is in that of its parent.
 * Whoever applies it gives the overlay's own phandles other numbers, so it has to be told where
 * they stand; those of the base stay as they are.
 */
#include <string.h>

#include <libfdt.h>

#include "base/array.h"
#include "base/hash.h"
#include "write.h"

/*
 * One walk over the changed tree fills it. Nodes of both trees are kept apart, for the overlay has
 * to outlive the other.
 */
struct overlay {
	struct devicetree *tree; /* the overlay */
	struct hash *nodes;      /* of the base -> of the overlay */
	struct hash *fixups;     /* of the overlay -> below __local_fixups__ */
	const struct devicetree *of;
	unsigned n;
};

/* -- nodes ------------------------------------------------------------------------------ */

/* Names are copied: the overlay outlives the tree that it was made from. */
static struct dt_node *add(struct overlay *overlay, struct dt_node *parent, const char *name)
{
	return dt_add_node(overlay->tree, parent, dt_keep(overlay->tree, name, strlen(name)));
}

/* Both name and value belong to a tree that will be gone. */
static void keep_property(struct overlay *overlay, struct dt_node *to, const char *name,
			  const void *value, size_t length)
{
	dt_add_property(overlay->tree, to, dt_keep(overlay->tree, name, strlen(name)),
			dt_keep(overlay->tree, value, length), length);
}

/* By path and not by phandle: the node may have none. */
static struct dt_node *add_fragment(struct overlay *overlay, const struct dt_node *node)
{
	auto_free char *path = dt_path(node);
	auto_free char *name = memory_printf("fragment@%u", overlay->n++);
	struct dt_node *fragment = add(overlay, overlay->tree->root, name);

	keep_property(overlay, fragment, "target-path", path, strlen(path) + 1);
	return add(overlay, fragment, "__overlay__");
}

/* The node of the overlay that stands for this one. */
static struct dt_node *node_for(struct overlay *overlay, const struct dt_node *node)
{
	struct dt_node *found = hash_lookup(overlay->nodes, node);

	if (found)
		return found;
	if (node->made)
		found = add(overlay, node_for(overlay, node->parent), node->name);
	else
		found = add_fragment(overlay, node);
	hash_insert(overlay->nodes, (gpointer)node, found);
	return found;
}

/* -- phandles --------------------------------------------------------------------------- */

/* The same node below __local_fixups__: node by node, from the root on. */
static struct dt_node *fixups_for(struct overlay *overlay, const struct dt_node *node)
{
	struct dt_node *found = hash_lookup(overlay->fixups, node);

	if (found)
		return found;
	if (node->parent)
		found = add(overlay, fixups_for(overlay, node->parent), node->name);
	else
		found = add(overlay, overlay->tree->root, "__local_fixups__");
	hash_insert(overlay->fixups, (gpointer)node, found);
	return found;
}

/* A phandle that came with the base is that of the base, and keeps its number. */
static bool has_own_phandle(const struct dt_node *target)
{
	const struct dt_property *phandle = target ? dt_property(target, "phandle") : NULL;

	return phandle && phandle->made;
}

struct fixing {
	const struct overlay *overlay;
	struct array *at; /* fdt32_t: offsets in the property */
};

/* Offsets in bytes, which is what whoever applies it counts in. */
static void look_at(void *opaque, size_t cell, uint32_t phandle)
{
	struct fixing *fixing = opaque;
	fdt32_t at = cpu_to_fdt32((uint32_t)(cell * sizeof(fdt32_t)));

	if (has_own_phandle(dt_target(fixing->overlay->of, phandle)))
		array_append(fixing->at, at);
}

/* A property that refers to nodes of the base alone needs no fixing, and gets none. */
static void fix_property(struct overlay *overlay, const struct dt_node *to,
			 const struct dt_property *property)
{
	struct fixing fixing = { overlay, array_new(sizeof(fdt32_t)) };

	dt_for_each_reference(overlay->of, property, look_at, &fixing);
	if (fixing.at->len)
		keep_property(overlay, fixups_for(overlay, to), property->name, fixing.at->data,
			      fixing.at->len * sizeof(fdt32_t));
	array_free(fixing.at);
}

/* -- all of it ------------------------------------------------------------------------------ */

/* What was there before is not repeated; a property that was replaced is, and wins. */
static void add_node(struct overlay *overlay, const struct dt_node *node)
{
	for (const struct dt_property *p = node->properties; p; p = p->next) {
		struct dt_node *to;

		if (!p->made)
			continue;
		to = node_for(overlay, node);
		keep_property(overlay, to, p->name, p->value, p->length);
		fix_property(overlay, to, p);
	}
}

/* Nodes nest as deep as what is made here: a function in a bridge is the most. */
struct devicetree *dt_overlay(const struct devicetree *tree)
{
	struct overlay overlay = {
		.tree = dt_new(""),
		.nodes = hash_new(&hash_direct),
		.fixups = hash_new(&hash_direct),
		.of = tree,
	};

	for_each_dt_node(node, tree) add_node(&overlay, node);
	hash_free(overlay.nodes);
	hash_free(overlay.fixups);
	return overlay.tree;
}
