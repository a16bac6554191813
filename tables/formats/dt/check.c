/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of a device tree, whatever it means
 *
 * read_map.c and read_iommus.c report faults of maps and references. dtc checks neither length nor
 * content of iommu-map and msi-map, and Linux only when it probes a device.
 */
#include "base/array.h"
#include "read.h"
#include "tables/findings/findings.h"

/* -- properties of any node -------------------------------------------------------------- */

/* The first node keeps the phandle. */
static void check_phandles(const struct table_check *check)
{
	const struct pointers *duplicates = check->table->tree->duplicates;

	for (guint i = 0; i < duplicates->len; i++) {
		const struct dt_node *node = duplicates->pdata[i];

		dt_report(check, node, NULL, "give each node its own phandle",
			  "phandle 0x%x belongs to %s already", dt_phandle(node),
			  dt_target(check->table->tree, dt_phandle(node))->name);
	}
}

/* Linux ignores numbers of other lengths. */
static void check_single_cells(const struct table_check *check)
{
	static const char *const single[] = {
		"phandle",      "#iommu-cells",   "linux,pci-domain",
		"numa-node-id", "iommu-map-mask", "msi-map-mask",
	};

	for_each_dt_node(node, check->table->tree)
		for (size_t i = 0; i < G_N_ELEMENTS(single); i++)
			if (dt_property(node, single[i]) && !dt_has_number(node, single[i]))
				dt_report(check, node, single[i], "write one cell",
					  "the property has %zu bytes, but a cell has 4",
					  dt_property(node, single[i])->length);
}

/* -- virtio-iommus ------------------------------------------------------------------------- */

/* The older binding had only the second string. */
static bool is_virtio_pci(const struct dt_node *node)
{
	return dt_has_string(node, "compatible", "virtio,pci-iommu") ||
	       dt_has_string(node, "compatible", "pci1af4,1057");
}

/* For a virtio-mmio transport, #iommu-cells tells that the device is an IOMMU. */
static bool is_virtio(const struct dt_node *node)
{
	return is_virtio_pci(node) || (dt_has_string(node, "compatible", "virtio,mmio") &&
				       dt_property(node, "#iommu-cells"));
}

static void check_virtio_cells(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
		if (is_virtio(node) && dt_number(node, "#iommu-cells", 0) != 1)
			dt_report(check, node, NULL, "write #iommu-cells = <1>",
				  "the virtio-iommu has #iommu-cells = <%u>, but an endpoint ID "
				  "is one cell",
				  dt_number(node, "#iommu-cells", 0));
}

/* Linux finds the node by the BDF in `reg`. */
static void check_virtio_reg(const struct table_check *check)
{
	uint16_t bdf;

	for_each_dt_node(node, check->table->tree)
		if (is_virtio_pci(node) &&
		    (!dt_is_pci_function(node) || !dt_function_bdf(node, &bdf)))
			dt_report(check, node, NULL,
				  "move it below its host bridge, with `reg` of five cells",
				  "the PCI function of the virtio-iommu is unknown");
}

static void check_virtio_iommus(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
		if (is_virtio(node) && dt_property(node, "iommus"))
			dt_report(check, node, "iommus", "omit it",
				  "a virtio-iommu cannot be behind an IOMMU");
}

/* -- maps ------------------------------------------------------------------------------------ */

/* A map with a node that has not one cell: what its entries have, and how kernels read it. */
struct odd_map {
	const struct dt_node *node;
	const struct dt_map *map;
	uint32_t cells;    /* of the first such node */
	bool legacy, kept; /* see dt_map_is_legacy() */
};

static void check_map(const struct table_check *check, struct odd_map *odd,
		      void (*check_one)(const struct table_check *check, const struct odd_map *odd))
{
	const struct dt_property *property = dt_property(odd->node, odd->map->property);

	odd->cells = property ? dt_map_other_cells(check->table->tree, odd->map, property) : 1;
	if (odd->cells == 1)
		return;
	odd->legacy = dt_map_is_legacy(check->table->tree, odd->map, property, &odd->kept);
	check_one(check, odd);
}

static void check_maps(const struct table_check *check,
		       void (*check_one)(const struct table_check *check,
					 const struct odd_map *odd))
{
	for_each_dt_node(node, check->table->tree) {
		if (dt_is_label_list(node))
			continue;
		check_map(check, &(struct odd_map){ .node = node, .map = &dt_iommu_map },
			  check_one);
		check_map(check, &(struct odd_map){ .node = node, .map = &dt_msi_map }, check_one);
	}
}

static void check_legacy(const struct table_check *check, const struct odd_map *odd)
{
	if (odd->legacy)
		dt_report(check, odd->node, odd->map->property,
			  "add the missing cells to each entry",
			  "the node has %s = <%u>, but an entry has one%s", odd->map->cells,
			  odd->cells, odd->kept ? "" : ": newer kernels refuse the map");
}

static void check_map_cells(const struct table_check *check)
{
	check_maps(check, check_legacy);
}

static void check_new(const struct table_check *check, const struct odd_map *odd)
{
	if (!odd->legacy)
		dt_report(check, odd->node, odd->map->property, NULL,
			  "an entry has %u cells, which kernels without ccb2fd725d41 (2026) read "
			  "as 4: they translate none or others of these functions",
			  odd->cells + 3);
}

/* A note: the map is valid, but older kernels misread it. */
static void check_map_kernels(const struct table_check *check)
{
	check_maps(check, check_new);
}

/* -- host bridges ---------------------------------------------------------------------------- */

/* Reported once, at the last bridge without a number. */
static void check_domains(const struct table_check *check)
{
	static const char domain[] = "linux,pci-domain";
	const struct dt_node *with = NULL, *without = NULL;

	for_each_dt_node(node, check->table->tree)
		if (dt_is_host_bridge(node) && dt_is_available(node)) {
			if (dt_property(node, domain))
				with = node;
			else
				without = node;
		}
	if (with && without)
		dt_report(check, without, NULL,
			  "give linux,pci-domain to all host bridges or to none",
			  "the host bridge has no linux,pci-domain, but %s has one", with->name);
}

/* -- interrupts ---------------------------------------------------------------------------------
 */

#define NOT_KNOWN SIZE_MAX

/* Of a controller; 0: they are not known. */
static size_t interrupt_cells(const struct dt_node *controller)
{
	return controller ? dt_cell_count(controller, "#interrupt-cells", 0) : 0;
}

static size_t count_extended(const struct devicetree *tree, const struct dt_property *extended)
{
	size_t n = 0, cells;

	for (size_t i = 0; i < dt_cells(extended); i += 1 + cells, n++) {
		cells = interrupt_cells(dt_target(tree, dt_cell(extended, i)));
		if (!cells)
			return NOT_KNOWN;
	}
	return n;
}

static size_t count_interrupts(const struct devicetree *tree, const struct dt_node *node)
{
	const struct dt_property *own = dt_property(node, "interrupts");
	const struct dt_property *extended = dt_property(node, "interrupts-extended");
	size_t cells;

	if (extended)
		return count_extended(tree, extended);
	if (!dt_cells(own))
		return 0;
	cells = dt_interrupt_cells(tree, node, 0);
	return cells ? dt_cells(own) / cells : NOT_KNOWN;
}

static void check_interrupts_of(const struct table_check *check, const struct dt_node *node)
{
	size_t n = count_interrupts(check->table->tree, node);
	uint32_t global = dt_number(node, "#global-interrupts", 0);

	if (!n)
		dt_report(check, node, NULL,
			  "write its global interrupts and those of its context banks",
			  "the SMMU %s has no interrupts", node->name);
	else if (!dt_property(node, "#global-interrupts"))
		dt_report(check, node, NULL, "write how many of its interrupts are global",
			  "the SMMU %s has no #global-interrupts", node->name);
	else if (n != NOT_KNOWN && n <= global)
		dt_report(check, node, "#global-interrupts",
			  "write the interrupts of its context banks, too",
			  "the SMMU %s has no more interrupts (%zu) than global ones (%u)",
			  node->name, n, global);
}

static void check_interrupts(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
		if (dt_is_smmu_v2(node) && dt_property(node, "#iommu-cells") &&
		    dt_is_available(node))
			check_interrupts_of(check, node);
}

/* -- distances --------------------------------------------------------------------------------- */

#define TRIPLE_CELLS   3
#define LOCAL_DISTANCE 10u

static const struct dt_node *distance_map(const struct table_check *check)
{
	return dt_child(check->table->tree->root, "distance-map");
}

static void check_distance_map(const struct table_check *check)
{
	const struct dt_node *node = distance_map(check);
	const struct dt_property *matrix = node ? dt_property(node, "distance-matrix") : NULL;

	if (!node)
		return;
	if (!dt_has_string(node, "compatible", "numa-distance-map-v1"))
		dt_report(check, node, NULL, "write compatible = \"numa-distance-map-v1\"",
			  "the distance map is of an unknown kind");
	else if (!matrix || !matrix->length || matrix->length % (TRIPLE_CELLS * sizeof(uint32_t)))
		dt_report(check, node, "distance-matrix", "write three cells for each distance",
			  "%zu bytes are not a multiple of a distance of 12 bytes",
			  matrix ? matrix->length : 0);
}

/* Distances may differ between the two directions. */
static void check_distances(const struct table_check *check)
{
	const struct dt_node *node = distance_map(check);
	const struct dt_property *matrix = node ? dt_property(node, "distance-matrix") : NULL;

	for (size_t i = 0; i + TRIPLE_CELLS <= dt_cells(matrix); i += TRIPLE_CELLS) {
		uint32_t from = dt_cell(matrix, i), to = dt_cell(matrix, i + 1);
		uint32_t distance = dt_cell(matrix, i + 2);

		if (from == to ? distance != LOCAL_DISTANCE : distance <= LOCAL_DISTANCE)
			dt_report(check, node, "distance-matrix",
				  "write 10 from a node to itself, and more to others",
				  "the distance is %u from node %u to node %u", distance, from, to);
	}
}

const struct table_rule dt_rules[] = {
	{ "dt-phandle-twice", check_phandles },
	{ "dt-cell", check_single_cells },
	{ "dt-virtio-cells", check_virtio_cells },
	{ "dt-virtio-reg", check_virtio_reg },
	{ "dt-virtio-iommus", check_virtio_iommus },
	{ "dt-map-cells", check_map_cells },
	{ "dt-map-kernels", check_map_kernels },
	{ "dt-interrupts", check_interrupts },
	{ "dt-interrupt-kind", dt_check_interrupt_kinds },
	{ "dt-monitor", dt_check_monitors },
	{ "dt-wire-bridge", dt_check_wire_bridges },
	{ "dt-cmdqv", dt_check_queues },
	{ "dt-mmu-masters", dt_check_masters },
	{ "dt-map-bus", dt_check_buses },
	{ "dt-iommu-idle", dt_check_idle },
	{ "dt-overlay", dt_check_overlay },
	{ "dt-fit", dt_check_fit },
	{ "dt-domain", check_domains },
	{ "dt-distance-map", check_distance_map },
	{ "dt-distance", check_distances },
	{ NULL, NULL },
};
