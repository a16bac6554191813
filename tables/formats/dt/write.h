/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DT_WRITE_H
#define VIOMMU_TABLES_DT_WRITE_H

#include <viommu/devicetree.h>

#include "base/array.h"
#include "base/hash.h"
#include "read.h"

/* Writing a topology into a device tree: state and functions shared by the files that write */

/* A topology being written into a device tree: the base, or a new one. */
struct dt_writing {
	const struct viommu_topology *topology;
	struct devicetree *tree;
	struct dt_reading before; /* the base before any change */
	bool into, overlay, force;
	bool failed;          /* there was an error */
	size_t n_cells;       /* of maps and devices so far */
	struct hash *paths;   /* path -> node of the base */
	struct hash *windows; /* base address of registers -> node */
	struct hash *iommus;  /* name of an IOMMU -> node */
	struct hash *its;     /* name of an ITS group -> node */
	struct hash *spans;   /* name of an SMMU -> size of its registers with its monitors' */
	uint32_t last_phandle;
	struct viommu_findings *findings;
};

/* -- changing a tree (edit.c) ------------------------------------------------------- */

/*
 * Set a property. An equal value stays; another one is replaced with `force`, and otherwise is an
 * error.
 */
void dt_set(struct dt_writing *writing, struct dt_node *node, const char *name, const void *value,
	    size_t length);
void dt_set_string(struct dt_writing *writing, struct dt_node *node, const char *name,
		   const char *value);
void dt_set_cells(struct dt_writing *writing, struct dt_node *node, const char *name,
		  const uint32_t *cells, size_t n);
void dt_set_number(struct dt_writing *writing, struct dt_node *node, const char *name,
		   uint32_t value);

/* Registers of one size, up to two, with the cells of the parent. */
void dt_set_registers(struct dt_writing *writing, struct dt_node *node, const uint64_t *bases,
		      size_t n_bases, uint64_t span);

/* Remove a property, under the same condition. */
void dt_clear(struct dt_writing *writing, struct dt_node *node, const char *name);

/* Add a child, with a copy of the name; the phandle of a node, which is assigned if it has none. */
struct dt_node *dt_create_node(struct dt_writing *writing, struct dt_node *parent,
			       const char *name);
uint32_t dt_ensure_phandle(struct dt_writing *writing, struct dt_node *node);

/*
 * Account for so many cells; false with an error beyond the limit. A short topology can require a
 * cell for every ID, on each bridge.
 */
bool dt_has_room(struct dt_writing *writing, size_t n_cells);

/* Report an error: the base has no node for the object. */
void dt_report_missing(struct dt_writing *writing, const char *what, const char *name,
		       struct viommu_place place);

/* -- finding nodes (index.c) ----------------------------------------------------------- */

void dt_index(struct dt_writing *writing);

/* The node with this path, or with registers at this address, or NULL. */
struct dt_node *dt_by_name(const struct dt_writing *writing, const char *name);
struct dt_node *dt_by_window(const struct dt_writing *writing, uint64_t base);

/* -- parts (write_iommus.c, write_bridges.c, write_map.c, write_devices.c) --------------- */

/* Find or create the nodes of ITSs, then of IOMMUs. */
void dt_write_its(struct dt_writing *writing);
void dt_write_iommus(struct dt_writing *writing);

/* Host bridges, with the IOMMUs that are functions of theirs, and their maps. */
void dt_write_bridges(struct dt_writing *writing);
void dt_write_devices(struct dt_writing *writing);

/* A virtio-iommu on PCI, below its host bridge. */
void dt_write_function(struct dt_writing *writing, struct dt_node *bridge,
		       const struct viommu_iommu *iommu);

/* Write the map of a bridge. The runs are sorted and disjoint; the caller frees them. */
void dt_write_map(struct dt_writing *writing, struct dt_node *bridge, const struct dt_map *map,
		  const struct array *runs, uint16_t first, uint16_t last);

/* -- interrupts (interrupts.c) ------------------------------------------------------------ */

/* A GIC's interrupt: type, number, trigger. */
#define GIC_CELLS 3u

/* The cells of the interrupt with this number in a topology; false: the node's GIC has none. */
bool dt_gic_cells(const struct devicetree *tree, const struct dt_node *node, uint32_t number,
		  uint32_t ret_cells[GIC_CELLS]);

/*
 * Interrupts of what is named `of`, unless the node has them; nothing with a finding if one of them
 * is not a GIC's.
 */
void dt_set_interrupts(struct dt_writing *writing, struct dt_node *node, const uint32_t *interrupts,
		       size_t n, const char *of, struct viommu_place place);

/* -- PMCGs, IWBs and CMDQVs (write_others.c) --------------------------------------------- */

/* Before and after IOMMUs: monitors and wire bridges; the queues of an SMMU; a node's own MSIs. */
void dt_note_monitors(struct dt_writing *writing);
void dt_write_others(struct dt_writing *writing);
void dt_write_queues(struct dt_writing *writing, struct dt_node *smmu,
		     const struct viommu_iommu *iommu);
void dt_set_msis(struct dt_writing *writing, struct dt_node *node, const char *its, uint32_t id);

/* -- the whole (write.c, overlay.c) ---------------------------------------------------------- */

bool dt_write(struct viommu_table *table, const struct viommu_topology *topology,
	      struct viommu_findings *findings);

/* The additions to a tree, as an overlay for its base. */
struct devicetree *dt_overlay(const struct devicetree *tree);

/* A new tree, or a changed base; NULL with a finding if there is an error. */
struct devicetree *dt_generate_tree(const struct viommu_topology *topology,
				    const struct viommu_devicetree *how,
				    struct viommu_findings *findings);

/* The work of the public function of this name (tables/public/). */
struct viommu_table *devicetree_generate(const struct viommu_topology *topology,
					 const struct viommu_devicetree *how,
					 struct viommu_findings *findings);

#endif
