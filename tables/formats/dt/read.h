/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DT_READ_H
#define VIOMMU_TABLES_DT_READ_H

#include "base/array.h"
#include "base/hash.h"
#include "tables/table/format.h"
#include "tables/fdt/devicetree.h"

/* Reading a topology from a device tree: state and functions shared by the files that read */

/*
 * How maps are read. Kernels before ccb2fd725d41 (2026) read four cells for each entry, others as
 * many as the node has, or four if that is safe. Neither is what an old tree means on a new kernel.
 */
enum dt_kernels { DT_AS_MEANT, DT_BEFORE, DT_SINCE };

/* A device tree being read. Names in the topology are paths of nodes. */
struct dt_reading {
	enum dt_kernels kernels;
	bool differs_before, differs_since; /* those kernels read a map in another way */
	const struct devicetree *tree;
	struct viommu_topology *topology; /* NULL: only the tables below are needed */
	struct hash *iommus;              /* node -> struct dt_iommu, of enabled nodes */
	struct hash *its;                 /* node -> path, of interrupt translation services */
	struct hash *bridges;             /* node of a host bridge -> segment */
	struct hash *wire_bridges;        /* node of an IWB -> its number, from 1 */
	bool has_masters;                 /* the first SMMU has mmu-masters */
	size_t n_ranges;                  /* of all maps: a mask can make thousands of one entry */
	struct viommu_findings *findings;
};

/* read.c: find what other nodes refer to; free the tables. */
void dt_reading_begin(struct dt_reading *reading);
void dt_reading_end(struct dt_reading *reading);

struct dt_iommu {
	struct dt_node *node;
	char *name;
	const char *its; /* the ITS of all MSIs that it translates, if there is only one */
};

/* PCI functions of a bridge with contiguous IDs, or with one. */
struct dt_run {
	uint16_t first, last;
	const struct dt_node *target;
	uint32_t id;    /* of the first */
	bool shared_id; /* of all */
};

/* -- maps (read_map.c, mask.c) ------------------------------------------------------ */

/*
 * A map of a host bridge: from requester IDs to a node and an ID. The first matching entry counts.
 */
struct dt_map {
	const char *property, *mask; /* "iommu-map", "iommu-map-mask" */
	const char *cells;           /* "#iommu-cells" of the target */
	/* The node of a phandle; NULL if there is none, with a finding where needed. */
	const struct dt_node *(*target)(struct dt_reading *reading, const struct dt_node *bridge,
					const char *property, uint32_t phandle);
};

extern const struct dt_map dt_iommu_map, dt_msi_map;

/* The runs of a bridge with these functions, as struct dt_run. The caller frees them. */
struct array *dt_map_read(struct dt_reading *reading, const struct dt_map *map,
			  const struct dt_node *bridge, uint16_t first, uint16_t last);

/*
 * Do the entries have one output cell although their nodes have another number? Kernels without
 * ccb2fd725d41 (2026) read maps so, and later ones if `kept`: one node, and all lengths 1.
 */
bool dt_map_is_legacy(const struct devicetree *tree, const struct dt_map *map,
		      const struct dt_property *property, bool *ret_kept);

/* Call `each` for the cells of a map that are phandles. */
void dt_map_for_each_target(const struct devicetree *tree, const struct dt_map *map,
			    const struct dt_property *property,
			    void (*each)(void *opaque, size_t cell, uint32_t phandle),
			    void *opaque);

/* The first number of cells of a node of the map that is not 1; 1: there is none. */
uint32_t dt_map_other_cells(const struct devicetree *tree, const struct dt_map *map,
			    const struct dt_property *property);

/* An entry of a map. */
struct dt_entry {
	uint32_t rid, phandle, out, length;
};

/* The runs of the entries under a mask that is not all ones. */
void dt_mask_apply(const struct array *entries, uint16_t mask, uint16_t first, uint16_t last,
		   void (*each)(void *opaque, size_t entry, const struct dt_run *run),
		   void *opaque);

/* -- parts of a topology ------------------------------------------------------------------ */

/* read_bridges.c: number the segments of host bridges; read the bridges and their functions. */
void dt_number_bridges(struct dt_reading *reading);
void dt_read_bridges(struct dt_reading *reading);

/* read_devices.c: devices that are not PCI and have an IOMMU. */
void dt_read_devices(struct dt_reading *reading);

/* read_memory.c: addresses that devices must keep or must not use. */
void dt_read_memory(struct dt_reading *reading);

/* IDs behind an IOMMU. */
struct dt_ids {
	const struct dt_node *iommu;
	uint32_t first, last;
};

/*
 * The IDs of an `iommus`, as struct dt_ids, sorted and merged: equivalent lists are equal. The
 * caller frees them.
 */
struct array *dt_ids_read(const struct devicetree *tree, const struct dt_property *iommus);

/*
 * read_iommus.c: find the nodes that are IOMMUs; when the ITS of their MSIs is known, add them to
 * the topology.
 */
void dt_find_iommus(struct dt_reading *reading);
void dt_read_iommus(struct dt_reading *reading);

/* The IOMMU that a reference in that property refers to; NULL with a finding. */
struct dt_iommu *dt_iommu_of(struct dt_reading *reading, const struct dt_node *node,
			     const char *property, uint32_t phandle);

/* Is it an Arm SMMU of version 1 or 2? */
bool dt_is_smmu_v2(const struct dt_node *node);

/* Is it a virtio-iommu that is a PCI function? */
bool dt_is_iommu_function(const struct dt_node *node);

/* -- interrupts (interrupts.c) --------------------------------------------------------- */

/* The interrupt controller of a node, or NULL; the cells of an interrupt at it, or `fallback`. */
const struct dt_node *dt_interrupt_parent(const struct devicetree *tree,
					  const struct dt_node *node);
uint32_t dt_interrupt_cells(const struct devicetree *tree, const struct dt_node *node,
			    uint32_t fallback);

/* The number in a topology of the i-th interrupt of a node; 0: there is none. */
uint32_t dt_interrupt(const struct dt_reading *reading, const struct dt_node *node, size_t i);

/* -- PMCGs, IWBs and CMDQVs of an Arm machine (read_others.c) ---------------------------- */

#define DT_MONITOR     "arm,smmu-v3-pmcg"
#define DT_WIRE_BRIDGE "arm,gic-v5-iwb"
#define DT_QUEUES      "nvidia,cmdqv"
#define DT_QUEUES_SMMU "nvidia,tegra264-smmu"
#define DT_QUEUES_BOTH DT_QUEUES_SMMU "\0arm,smmu-v3" /* two strings */
#define DT_QUEUES_NODE "nvidia,tegra264-cmdqv"

/* Is it an ITS, or of a GICv5 a translate frame of one, which a MADT numbers? */
bool dt_is_its(const struct dt_node *node);

/* The ITS of the node's own MSIs, and their device ID; NULL: it has none, or no ITS. */
const char *dt_own_its(const struct dt_reading *reading, const struct dt_node *node,
		       uint32_t *ret_id);

/* IWBs are numbered from 0, in the order of the tree. */
void dt_number_wire_bridges(struct dt_reading *reading);

void dt_read_monitors(struct dt_reading *reading);
void dt_read_wire_bridges(struct dt_reading *reading);

/* The command queues of an SMMU, as Linux finds them; unchanged if there are none. */
void dt_read_queues(const struct dt_reading *reading, const struct dt_node *smmu,
		    struct viommu_iommu_cmdqv *ret_queues);

/*
 * The binding of a PMCG does not name its SMMU: it is the one whose registers include the PMCG's,
 * or the only one. dt_list_smmus() returns what dt_monitored() needs, to be freed.
 */
struct array *dt_list_smmus(const struct devicetree *tree);
const struct dt_node *dt_monitored(const struct array *smmus, uint64_t base);

/* -- parts of IOMMUs ------------------------------------------------------------------- */

/* Are accesses of a node cache-coherent? Inherited from its parents. */
bool dt_is_coherent(const struct dt_node *node);

/* -- checks (report.c, check.c, check_bindings.c, check_others.c) ----------------------- */

__attribute__((format(printf, 5, 6))) void dt_report(const struct table_check *check,
						     const struct dt_node *node,
						     const char *property, const char *cure,
						     const char *format, ...);

/* Is it the content of a fragment, which an overlay adds to a node of its base, or below that? */
bool dt_is_below_overlay(const struct dt_node *node);

/* Rules of check_bindings.c and check_others.c. */
void dt_check_interrupt_kinds(const struct table_check *check);
void dt_check_masters(const struct table_check *check);
void dt_check_buses(const struct table_check *check);
void dt_check_idle(const struct table_check *check);
void dt_check_monitors(const struct table_check *check);
void dt_check_wire_bridges(const struct table_check *check);
void dt_check_queues(const struct table_check *check);
void dt_check_overlay(const struct table_check *check);
void dt_check_fit(const struct table_check *check);

/* -- the whole (read.c, check.c) ------------------------------------------------------ */

struct viommu_topology *dt_read(const struct viommu_table *table, struct viommu_findings *findings);
extern const struct table_rule dt_rules[];

/* linux.c */
linux_reader linux_dt;

#endif
