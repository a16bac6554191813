/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The additions to a device tree, as an overlay
 *
 *     fragment@0 {
 *             target-path = "/pcie@10000000";
 *             __overlay__ { additions to that node };
 *     };
 *     __local_fixups__ { the same nodes, with the offsets of the overlay's own phandles };
 *
 * A node of the base with additions is a fragment; a new node lies in the fragment of its parent.
 * Applying an overlay renumbers its own phandles, so their offsets are listed; phandles of the base
 * stay.
 */
#include <string.h>

#include <libfdt.h>

#include "base/array.h"
#include "base/hash.h"
#include "write.h"

/* The overlay outlives the changed tree, so all is copied. */
struct overlay {
	struct devicetree *tree; /* the overlay */
	struct hash *nodes;      /* of the base -> of the overlay */
	struct hash *fixups;     /* of the overlay -> below __local_fixups__ */
	const struct devicetree *of;
	unsigned n;
};

/* -- nodes ------------------------------------------------------------------------------ */

static struct dt_node *add(struct overlay *overlay, struct dt_node *parent, const char *name)
{
	return dt_add_node(overlay->tree, parent, dt_keep(overlay->tree, name, strlen(name)));
}

static void keep_property(struct overlay *overlay, struct dt_node *to, const char *name,
			  const void *value, size_t length)
{
	dt_add_property(overlay->tree, to, dt_keep(overlay->tree, name, strlen(name)),
			dt_keep(overlay->tree, value, length), length);
}

/* By path, because the node may have no phandle. */
static struct dt_node *add_fragment(struct overlay *overlay, const struct dt_node *node)
{
	auto_free char *path = dt_path(node);
	auto_free char *name = memory_printf("fragment@%u", overlay->n++);
	struct dt_node *fragment = add(overlay, overlay->tree->root, name);

	keep_property(overlay, fragment, "target-path", path, strlen(path) + 1);
	return add(overlay, fragment, "__overlay__");
}

/* The overlay's counterpart of a node. */
static struct dt_node *node_for(struct overlay *overlay, const struct dt_node *node)
{
	struct dt_node *found = hash_lookup(overlay->nodes, node);

	if (found)
		return found;
	if (node->added)
		found = add(overlay, node_for(overlay, node->parent), node->name);
	else
		found = add_fragment(overlay, node);
	hash_insert(overlay->nodes, (gpointer)node, found);
	return found;
}

/* -- phandles --------------------------------------------------------------------------- */

/* The counterpart below __local_fixups__. */
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

/* Phandles of the base keep their numbers. */
static bool has_own_phandle(const struct dt_node *target)
{
	const struct dt_property *phandle = target ? dt_property(target, "phandle") : NULL;

	return phandle && phandle->added;
}

struct fixing {
	const struct overlay *overlay;
	struct array *at; /* fdt32_t: offsets in the property */
};

/* Fixups are offsets in bytes. */
static void add_fixup(void *opaque, size_t cell, uint32_t phandle)
{
	struct fixing *fixing = opaque;
	fdt32_t at = cpu_to_fdt32((uint32_t)(cell * sizeof(fdt32_t)));

	if (has_own_phandle(dt_target(fixing->overlay->of, phandle)))
		array_append(fixing->at, at);
}

/* A property with phandles of the base only has no fixups. */
static void fix_property(struct overlay *overlay, const struct dt_node *to,
			 const struct dt_property *property)
{
	struct fixing fixing = { overlay, array_new(sizeof(fdt32_t)) };

	dt_for_each_reference(overlay->of, property, add_fixup, &fixing);
	if (fixing.at->len)
		keep_property(overlay, fixups_for(overlay, to), property->name, fixing.at->data,
			      fixing.at->len * sizeof(fdt32_t));
	array_free(fixing.at);
}

/* -- the overlay --------------------------------------------------------------- */

/* Only additions; a replaced property takes precedence over that of the base. */
static void add_node(struct overlay *overlay, const struct dt_node *node)
{
	for (const struct dt_property *p = node->properties; p; p = p->next) {
		struct dt_node *to;

		if (!p->added)
			continue;
		to = node_for(overlay, node);
		keep_property(overlay, to, p->name, p->value, p->length);
		fix_property(overlay, to, p);
	}
}

/* The recursion is bounded: additions nest as deep as a function in a bridge. */
struct devicetree *dt_overlay(const struct devicetree *tree)
{
	struct overlay overlay = {
		.tree = dt_new(""),
		.nodes = hash_new(&hash_direct),
		.fixups = hash_new(&hash_direct),
		.of = tree,
	};

	for_each_dt_node(node, tree)
		add_node(&overlay, node);
	hash_free(overlay.nodes);
	hash_free(overlay.fixups);
	return overlay.tree;
}
