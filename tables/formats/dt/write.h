/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DT_WRITE_H
#define VIOMMU_TABLES_DT_WRITE_H

#include <viommu/devicetree.h>

#include <viommu/devicetree.h>

#include "base/array.h"
#include "base/hash.h"
#include "read.h"

/* A topology being written into a device tree: the machine's own, or a new one. */
struct dt_writing {
	const struct viommu_topology *topology;
	struct devicetree *tree;
	struct dt_reading before; /* what was where, before anything was changed */
	bool into, overlay, force;
	bool failed;          /* there was an error: nothing is to come of this */
	size_t n_cells;       /* what maps and devices took so far */
	struct hash *paths;   /* of the nodes that there were: path -> node */
	struct hash *windows; /* where registers begin -> node */
	struct hash *iommus;  /* name of an IOMMU -> node */
	struct hash *its;     /* name of an ITS group -> node */
	uint32_t last_phandle;
	struct viommu_findings *findings;
};

/* -- changing a tree (dt_edit.c) ------------------------------------------------------ */

/*
 * Give a node a property. One that says the same is left; one that says something else is replaced,
 * or is an error.
 */
void dt_set(struct dt_writing *writing, struct dt_node *node, const char *name, const void *value,
	    size_t length);
void dt_set_string(struct dt_writing *writing, struct dt_node *node, const char *name,
		   const char *value);
void dt_set_cells(struct dt_writing *writing, struct dt_node *node, const char *name,
		  const uint32_t *cells, size_t n);
void dt_set_number(struct dt_writing *writing, struct dt_node *node, const char *name,
		   uint32_t value);

/* The same for a property that is not to be there. */
void dt_clear(struct dt_writing *writing, struct dt_node *node, const char *name);

/* A new child, with a copy of the name; the phandle of a node, which it is given if need be. */
struct dt_node *dt_make_node(struct dt_writing *writing, struct dt_node *parent, const char *name);
uint32_t dt_make_phandle(struct dt_writing *writing, struct dt_node *node);

/*
 * Is there room for so many cells more? A few words of a topology can stand for as many as there
 * are IDs, on one bridge after the other: beyond the limit there is an error, and nobody has room.
 */
bool dt_has_room(struct dt_writing *writing, size_t n_cells);

/* An error about an object: no node of the base tree is this one. */
void dt_miss(struct dt_writing *writing, const char *what, const char *name,
	     struct viommu_place place);

/* -- who is which node (dt_place.c) ----------------------------------------------------- */

void dt_index(struct dt_writing *writing);

/* The node that has this path for a name, or registers at this address, or NULL. */
struct dt_node *dt_by_name(const struct dt_writing *writing, const char *name);
struct dt_node *dt_by_window(const struct dt_writing *writing, uint64_t base);

/* -- parts (dt_write_iommus.c, dt_write_bridges.c, dt_write_map.c, dt_write_devices.c) ------- */

/* The nodes of ITSs, then of IOMMUs: found, or made. */
void dt_write_its(struct dt_writing *writing);
void dt_write_iommus(struct dt_writing *writing);

/* Host bridges, with their maps; those of the IOMMUs that are functions of theirs as well. */
void dt_write_bridges(struct dt_writing *writing);
void dt_write_devices(struct dt_writing *writing);

/* A virtio-iommu on PCI, below its host bridge. */
void dt_write_function(struct dt_writing *writing, struct dt_node *bridge,
		       const struct viommu_iommu *iommu);

/* Functions of a bridge, as a map is to have them: sorted, disjoint. Freed by the caller. */
void dt_write_map(struct dt_writing *writing, struct dt_node *bridge, const struct dt_map *map,
		  const struct array *runs, uint16_t first, uint16_t last);

/* -- the whole (dt_write.c, dt_overlay.c) ------------------------------------------------------ */

bool dt_write(struct viommu_table *table, const struct viommu_topology *topology,
	      struct viommu_findings *findings);

/* What was made in a tree, as an overlay for the tree that it was. */
struct devicetree *dt_overlay(const struct devicetree *tree);

/* A tree made anew or from a base tree; NULL, with a finding, if there is an error. */
struct devicetree *dt_generate_tree(const struct viommu_topology *topology,
				    const struct viommu_devicetree *how,
				    struct viommu_findings *findings);

/* The work of the public function of this name (tables/public/). */
struct viommu_table *devicetree_generate(const struct viommu_topology *topology,
					 const struct viommu_devicetree *how,
					 struct viommu_findings *findings);

#endif
