/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DEVICETREE_H
#define VIOMMU_TABLES_DEVICETREE_H

#include "base/array.h"
#include "base/hash.h"
#include "json/json.h"

#include "tables/findings/findings.h"

/*
 * A device tree in memory: nodes with properties, as the files that read, check, change and
 * write one see them
 *
 * Nodes and properties are lists, in the order of the flattened tree, and every walk over
 * them is a loop: no input decides how deep a function calls itself. The tree owns its nodes,
 * properties and names; values are bytes of the blob it was opened from, or its own.
 */

/* Two properties of one name are two of these, and the first one counts. */
struct dt_property {
	const char *name;
	const uint8_t *value;
	size_t length;
	bool made; /* since the tree was opened, or changed */
	struct dt_property *next;
};

/* Parent and sibling are pointers, so every walk can go on from any node without a stack. */
struct dt_node {
	const char *name; /* with its unit address; "" for the root */
	unsigned depth;   /* 0 for the root */
	bool made;        /* since the tree was opened */
	struct dt_node *parent, *first, *last, *next;
	struct dt_property *properties, *last_property;
};

/* What was not changed is written as the very blob that was opened. */
struct devicetree {
	char *file;
	struct dt_node *root;
	uint8_t *blob;           /* as it was opened; NULL: it was made */
	bool changed;            /* since then */
	size_t length;           /* of the blob, with what is behind the tree */
	const uint8_t *reserved; /* entries of the memory reservation block, */
	size_t n_reserved;       /* 16 bytes each */
	uint32_t boot_cpu;       /* of its header */
	struct hash *phandles;   /* phandle -> node */
	struct pointers *twice;  /* of nodes whose phandle another one has */
	struct pointers *owned;  /* what is to be freed with the tree */
};

/* -- opening and closing (dt_open.c) ------------------------------------------------- */

/* Does a flattened device tree begin there? */
bool dt_begins(const uint8_t *bytes, size_t length);

/* NULL with a finding for what is damaged: nothing in it can be believed then. */
struct devicetree *dt_open(const uint8_t *bytes, size_t length, const char *file,
			   struct viommu_findings *findings);

/* A root without properties. Free with dt_free(), for which NULL is fine; it returns NULL. */
struct devicetree *dt_new(const char *file);
struct devicetree *dt_free(struct devicetree *tree);

/* -- as bytes, as text, as JSON (dt_flatten.c, dt_text.c, dt_json.c) --------------------- */

/* *ret_bytes is to be freed with memory_free(). Returns the length. What was not changed is the
 * blob that was opened, with whatever lies behind the tree. */
size_t dt_encode(const struct devicetree *tree, void **ret_bytes);

/* Its source, for dtc; to be freed with memory_free(). */
char *dt_text(const struct devicetree *tree);

/* Its root, with everything below it, as the next value. */
void dt_json(struct json *json, const struct devicetree *tree);

/* -- nodes and properties (dt_tree.c) ------------------------------------------------- */

/* The node behind this one, with all its children before its siblings; NULL behind the last. */
struct dt_node *dt_next(const struct dt_node *node);

#define for_each_dt_node(node, tree) \
	for (struct dt_node *node = (tree)->root; node; node = dt_next(node))

/* Add one at the end. Names and values are the tree's or outlive it: see dt_keep(). */
struct dt_node *dt_add_node(struct devicetree *tree, struct dt_node *parent, const char *name);
struct dt_property *dt_add_property(struct devicetree *tree, struct dt_node *node, const char *name,
				    const void *value, size_t length);

/* Take the property of that name out. */
void dt_remove_property(struct dt_node *node, const char *name);

/* A copy that lives as long as the tree, with a NUL behind it. */
void *dt_keep(struct devicetree *tree, const void *bytes, size_t length);

/* The child, or property, of that name, or NULL. */
struct dt_node *dt_child(const struct dt_node *node, const char *name);
const struct dt_property *dt_property(const struct dt_node *node, const char *name);

/* "/pcie@10000000", to be freed with memory_free(); and the node of that path, or NULL. */
char *dt_path(const struct dt_node *node);
struct dt_node *dt_find(const struct devicetree *tree, const char *path);

/* A property that is a single cell: its value, or what is given for one that is not there. */
uint32_t dt_number(const struct dt_node *node, const char *name, uint32_t otherwise);
bool dt_has_number(const struct dt_node *node, const char *name);

/* The i-th cell of a property; and how many whole ones it has. */
uint32_t dt_cell(const struct dt_property *property, size_t i);
size_t dt_cells(const struct dt_property *property);

/* Is that string in a property that is a list of strings, such as `compatible`? */
bool dt_has_string(const struct dt_node *node, const char *name, const char *string);

/* "okay", or not said, as for all nodes above it. */
bool dt_is_available(const struct dt_node *node);

/* Is it the child of a PCI bus? Is it a PCI bus that is not behind another: a host bridge? */
bool dt_is_pci_function(const struct dt_node *node);
bool dt_is_host_bridge(const struct dt_node *node);

/* The requester ID that `reg` of a PCI function says; false: it says none. */
bool dt_function_bdf(const struct dt_node *node, uint16_t *ret_bdf);

/* Where its first registers are, for the CPU, and how many bytes; false: it has none, or no way
 * leads there. */
bool dt_registers(const struct dt_node *node, uint64_t *ret_base, uint64_t *ret_span);

/* -- phandles (dt_tree.c) --------------------------------------------------------------- */

#define DT_NO_PHANDLE 0u

/* What dtc writes for a label of another tree, in an overlay that has /__fixups__. */
#define DT_UNRESOLVED UINT32_MAX

/* Is it a reference that only the tree under an overlay resolves? */
bool dt_is_unresolved(const struct devicetree *tree, uint32_t phandle);

/* The node that has it, or NULL; what a node has, or DT_NO_PHANDLE. */
struct dt_node *dt_target(const struct devicetree *tree, uint32_t phandle);
uint32_t dt_phandle(const struct dt_node *node);

/* Which cells of iommus, iommu-map or msi-map are phandles; none of any other property. */
void dt_for_each_reference(const struct devicetree *tree, const struct dt_property *property,
			   void (*each)(void *opaque, size_t cell, uint32_t phandle), void *opaque);

/* -- places ------------------------------------------------------------------------------- */

/* Of a node, or of one of its properties if that is not NULL. It lives as long as the tree. */
struct viommu_place dt_place(const struct devicetree *tree, const struct dt_node *node,
			     const char *property);

#endif
