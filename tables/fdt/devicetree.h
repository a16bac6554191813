/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DEVICETREE_H
#define VIOMMU_TABLES_DEVICETREE_H

#include "base/array.h"
#include "base/hash.h"
#include "json/json.h"

#include "tables/findings/findings.h"

/*
 * A device tree in memory: nodes with properties
 *
 * Nodes and properties are linked lists in the order of the flattened tree, and every walk is a
 * loop, so that input does not decide the depth of recursion. The tree owns its nodes, properties
 * and names; a value lies in the blob that was opened, or belongs to the tree.
 */

/* If two properties have the same name, the first counts. */
struct dt_property {
	const char *name;
	const uint8_t *value;
	size_t length;
	bool added; /* or changed, since the tree was opened */
	struct dt_property *next;
};

struct dt_node {
	const char *name; /* with its unit address; "" for the root */
	unsigned depth;   /* 0 for the root */
	bool added;       /* since the tree was opened */
	struct dt_node *parent, *first, *last, *next;
	struct dt_property *properties, *last_property;
};

/* An unchanged tree is encoded as the blob that was opened. */
struct devicetree {
	char *file;
	struct dt_node *root;
	uint8_t *blob;               /* as opened; NULL: a new tree */
	bool changed;                /* since it was opened */
	size_t length;               /* of the blob, with bytes behind the tree */
	const uint8_t *reserved;     /* entries of the memory reservation block, */
	size_t n_reserved;           /* 16 bytes each */
	uint32_t boot_cpu;           /* of its header */
	struct hash *phandles;       /* phandle -> node */
	struct pointers *duplicates; /* of nodes whose phandle an earlier node has */
	struct pool *pool;           /* of nodes, properties, values and paths */
};

/* -- opening and closing (open.c) -------------------------------------------------- */

/* Do the bytes begin with the magic number of a flattened device tree? */
bool dt_begins(const uint8_t *bytes, size_t length);

/* Returns NULL with a finding if the tree is damaged, because no part of it can then be trusted. */
struct devicetree *dt_open(const uint8_t *bytes, size_t length, const char *file,
			   struct viommu_findings *findings);

/* A root without properties. Free with dt_free(), which accepts NULL and returns NULL. */
struct devicetree *dt_new(const char *file);
struct devicetree *dt_free(struct devicetree *tree);

/* -- as bytes, as text, as JSON (flatten.c, print.c, json.c) ------------------------- */

/* *ret_bytes is to be freed with memory_free(). Returns the length. What was not changed is the
 * blob that was opened, with whatever lies behind the tree. */
size_t dt_encode(const struct devicetree *tree, void **ret_bytes);

/* Append its source, for dtc. */
void dt_text(const struct devicetree *tree, struct strbuf *text);

/* The root and everything below it, as the next value. */
void dt_json(struct json *json, const struct devicetree *tree);

/* -- nodes and properties (tree.c) --------------------------------------------------- */

/* The next node in depth-first order, or NULL. */
struct dt_node *dt_next(const struct dt_node *node);

#define for_each_dt_node(node, tree) \
	for (struct dt_node *node = (tree)->root; node; node = dt_next(node))

/* Append a node or a property. Names and values belong to the tree or outlive it: see dt_keep(). */
struct dt_node *dt_add_node(struct devicetree *tree, struct dt_node *parent, const char *name);
struct dt_property *dt_add_property(struct devicetree *tree, struct dt_node *node, const char *name,
				    const void *value, size_t length);

/* Remove the property of that name. */
void dt_remove_property(struct dt_node *node, const char *name);

/* A copy that lives as long as the tree, with a NUL behind it. */
void *dt_keep(struct devicetree *tree, const void *bytes, size_t length);

/* The child, or property, of that name, or NULL. */
struct dt_node *dt_child(const struct dt_node *node, const char *name);
const struct dt_property *dt_property(const struct dt_node *node, const char *name);

/* "/pcie@10000000", to be freed with memory_free(); and the node of that path, or NULL. */
char *dt_path(const struct dt_node *node);
struct dt_node *dt_find(const struct devicetree *tree, const char *path);

/* The value of a property of a single cell, or `otherwise`. */
uint32_t dt_number(const struct dt_node *node, const char *name, uint32_t otherwise);
bool dt_has_number(const struct dt_node *node, const char *name);

/*
 * A number of cells, such as #iommu-cells. A larger one than any property has is DT_CELL_COUNT_MAX,
 * so that sums with it do not wrap where size_t has 32 bits.
 */
#define DT_CELL_COUNT_MAX ((size_t)1 << 30)
size_t dt_cell_count(const struct dt_node *node, const char *name, uint32_t otherwise);

/* The i-th cell of a property, 0 if there is none; the number of whole cells. */
uint32_t dt_cell(const struct dt_property *property, size_t i);
size_t dt_cells(const struct dt_property *property);

/* Does a property that is a list of strings, such as `compatible`, have that string? */
bool dt_has_string(const struct dt_node *node, const char *name, const char *string);

/*
 * Are the node and all above it enabled? A missing status means "okay". What dtc adds to an overlay
 * is never enabled.
 */
bool dt_is_available(const struct dt_node *node);

/* Is it, or is it below, what dtc adds to a tree with labels? These are lists of references. */
bool dt_is_label_list(const struct dt_node *node);

/* Is it a child of a PCI bus? Is it a host bridge, a PCI bus that is not behind another? */
bool dt_is_pci_function(const struct dt_node *node);
bool dt_is_host_bridge(const struct dt_node *node);

/* The requester ID in `reg` of a PCI function; false if there is none. */
bool dt_function_bdf(const struct dt_node *node, uint16_t *ret_bdf);

/*
 * The CPU address and size of its first registers; false if it has none, or if no `ranges` leads to
 * them. Of an overlay, the address on the bus that the overlay extends.
 */
bool dt_registers(const struct dt_node *node, uint64_t *ret_base, uint64_t *ret_span);

/* The same of its i-th registers; i is a small number. */
bool dt_registers_at(const struct dt_node *node, size_t i, uint64_t *ret_base, uint64_t *ret_span);

/* -- phandles (tree.c) ----------------------------------------------------------------- */

#define DT_NO_PHANDLE 0u

/* The phandle that dtc writes for a label of the base, in an overlay with /__fixups__. */
#define DT_UNRESOLVED UINT32_MAX

/* Is it a reference that only the base of an overlay resolves? */
bool dt_is_unresolved(const struct devicetree *tree, uint32_t phandle);

/* The node of a phandle, or NULL; the phandle of a node, or DT_NO_PHANDLE. */
struct dt_node *dt_target(const struct devicetree *tree, uint32_t phandle);
uint32_t dt_phandle(const struct dt_node *node);

/*
 * Call `each` for the cells of iommus, iommu-map, msi-map, msi-parent or nvidia,cmdqv that are
 * phandles; for none of other properties.
 */
void dt_for_each_reference(const struct devicetree *tree, const struct dt_property *property,
			   void (*each)(void *opaque, size_t cell, uint32_t phandle), void *opaque);

/* -- places ------------------------------------------------------------------------------- */

/* The place of a node, or of one of its properties; valid as long as the tree. */
struct viommu_place dt_place(const struct devicetree *tree, const struct dt_node *node,
			     const char *property);

#endif
