/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DT_READ_H
#define VIOMMU_TABLES_DT_READ_H

#include "base/array.h"
#include "base/hash.h"
#include "tables/table/format.h"
#include "tables/fdt/devicetree.h"

/*
 * A device tree being read: what its nodes are called in the topology, and what was found out
 * about one on the way to another. Names are paths: they are unique, and lead back to the nodes.
 */
struct dt_reading {
	const struct devicetree *tree;
	struct viommu_topology *topology; /* NULL: nobody wants to know more than what is where */
	struct hash *iommus;              /* node -> struct dt_iommu, of those that are there */
	struct hash *its;                 /* node -> path, of interrupt translation services */
	struct hash *bridges;             /* node of a host bridge -> segment */
	size_t n_ranges; /* of all maps together: a few bytes of a mask can be thousands */
	struct viommu_findings *findings;
};

/* dt_read.c: look through the tree for what others refer to; and forget it. */
void dt_reading_begin(struct dt_reading *reading);
void dt_reading_end(struct dt_reading *reading);

struct dt_iommu {
	struct dt_node *node;
	char *name;
	const char *its; /* where MSIs of those go that it translates, if to one place */
};

/* A row of a map: PCI functions of one bridge, as a node knows them. */
struct dt_run {
	uint16_t first, last;
	const struct dt_node *target;
	uint32_t id; /* of the first */
	bool one_id; /* of all */
};

/* -- maps (dt_map.c, dt_mask.c) -------------------------------------------------------- */

/*
 * One of the maps of a host bridge: which node its functions are known to, and as what. Where
 * entries have a function in common, the first counts.
 */
struct dt_map {
	const char *property, *mask; /* "iommu-map", "iommu-map-mask" */
	const char *cells;           /* "#iommu-cells" of the node at the other end */
	/* Is there something at the other end? If not it has said why; NULL: no. */
	const struct dt_node *(*target)(struct dt_reading *reading, const struct dt_node *bridge,
					const char *property, uint32_t phandle);
};

extern const struct dt_map dt_iommu_map, dt_msi_map;

/* The runs of a bridge that has these functions, as struct dt_run. To be freed by the caller. */
struct array *dt_map_read(struct dt_reading *reading, const struct dt_map *map,
			  const struct dt_node *bridge, uint16_t first, uint16_t last);

/*
 * Has the map one cell of output an entry although its nodes ask for another number? Such a map is
 * read so by kernels without ccb2fd725d41 (2026), and by later ones if `kept`: one node, and every
 * length 1.
 */
bool dt_map_is_legacy(const struct devicetree *tree, const struct dt_map *map,
		      const struct dt_property *property, bool *ret_kept);

/* An entry as it stands there. */
struct dt_entry {
	uint32_t rid, phandle, out, length;
};

/* What the entries come to under a mask that is not all ones. */
void dt_mask_apply(const struct array *entries, uint16_t mask, uint16_t first, uint16_t last,
		   void (*each)(void *opaque, size_t entry, const struct dt_run *run),
		   void *opaque);

/* -- parts of a topology ------------------------------------------------------------------ */

/* dt_bridges.c: which segments host bridges have; then the bridges and their functions. */
void dt_number_bridges(struct dt_reading *reading);
void dt_read_bridges(struct dt_reading *reading);

/* dt_devices.c: what is not PCI and has an IOMMU, and memory that is reserved for it. */
void dt_read_devices(struct dt_reading *reading);

/* read_memory.c: addresses that devices must keep or must not use. */
void dt_read_memory(struct dt_reading *reading);

/* IDs behind an IOMMU. */
struct dt_ids {
	const struct dt_node *iommu;
	uint32_t first, last;
};

/* All that an `iommus` names, as struct dt_ids: two lists that mean the same are the same. To be
 * freed by the caller. */
struct array *dt_ids_read(const struct devicetree *tree, const struct dt_property *iommus);

/* dt_iommus.c: which nodes are IOMMUs; then, when their MSIs are known, the IOMMUs. */
void dt_find_iommus(struct dt_reading *reading);
void dt_read_iommus(struct dt_reading *reading);

/* The IOMMU that a reference in that property leads to; NULL with a finding. */
struct dt_iommu *dt_iommu_of(struct dt_reading *reading, const struct dt_node *node,
			     const char *property, uint32_t phandle);

/* Is it an Arm SMMU of version 1 or 2? */
bool dt_is_smmu_v2(const struct dt_node *node);

/* Is it a virtio-iommu that is a PCI function? */
bool dt_is_virtio_function(const struct dt_node *node);

/* Do accesses of a node see the caches? As it says, or whoever is above it. */
bool dt_is_coherent(const struct dt_node *node);

/* -- the whole (dt_read.c, dt_check.c) ------------------------------------------------------ */

struct viommu_topology *dt_read(const struct viommu_table *table, struct viommu_findings *findings);
extern const struct table_rule dt_rules[];

/* linux.c */
linux_reader linux_dt;

#endif
