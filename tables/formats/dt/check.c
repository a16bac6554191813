/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of a device tree that hold whatever it means
 *
 * What is wrong with maps and references, those who follow them say (dt_map.c, dt_iommus.c); what
 * is wrong with what all of it means, check.c says.
 *
 * The compiler of device trees checks neither length nor content of iommu-map and msi-map, and
 * Linux finds out when it looks for a device. All these rules tell before there is a guest.
 */
#include "base/array.h"
#include "read.h"
#include "tables/findings/findings.h"

/* A finding of the rule at a node, or at one of its properties. */
__attribute__((format(printf, 5, 6))) static void blame(const struct table_check *check,
							const struct dt_node *node,
							const char *property, const char *cure,
							const char *format, ...)
{
	auto_free char *text = NULL;
	va_list args;

	va_start(args, format);
	text = memory_vprintf(format, args);
	va_end(args);
	report(check->findings, check->rule_id, dt_place(check->table->tree, node, property), cure,
	       "%s", text);
}

/* -- properties of any node -------------------------------------------------------------- */

/* The one that comes first keeps it; opening the tree has listed the others. */
static void check_phandles(const struct table_check *check)
{
	const struct pointers *twice = check->table->tree->twice;

	for (guint i = 0; i < twice->len; i++) {
		const struct dt_node *node = twice->pdata[i];

		blame(check, node, NULL, "give each node a phandle of its own",
		      "phandle 0x%x is that of %s already", dt_phandle(node),
		      dt_target(check->table->tree, dt_phandle(node))->name);
	}
}

/* Numbers of any other length are passed over by readers, and by ours. */
static void check_single_cells(const struct table_check *check)
{
	static const char *const single[] = {
		"phandle",      "#iommu-cells",   "linux,pci-domain",
		"numa-node-id", "iommu-map-mask", "msi-map-mask",
	};

	for_each_dt_node(node, check->table->tree) for (size_t i = 0; i < G_N_ELEMENTS(single);
							i++) if (dt_property(node, single[i]) &&
								 !dt_has_number(node, single[i]))
		blame(check, node, single[i], "write one cell",
		      "%zu bytes, and not the 4 of a cell", dt_property(node, single[i])->length);
}

/* -- virtio-iommus ------------------------------------------------------------------------- */

/* Either string is enough: the older binding had only the second. */
static bool is_virtio_pci(const struct dt_node *node)
{
	return dt_has_string(node, "compatible", "virtio,pci-iommu") ||
	       dt_has_string(node, "compatible", "pci1af4,1057");
}

/*
 * A transport says nothing of its device; only #iommu-cells tells that there is an IOMMU behind it.
 */
static bool is_virtio(const struct dt_node *node)
{
	return is_virtio_pci(node) || (dt_has_string(node, "compatible", "virtio,mmio") &&
				       dt_property(node, "#iommu-cells"));
}

/* An endpoint of a virtio-iommu has one ID, and that is all there is to say of it. */
static void check_virtio_cells(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree) if (is_virtio(node) &&
						       dt_number(node, "#iommu-cells", 0) != 1)
		blame(check, node, NULL, "write #iommu-cells = <1>",
		      "a virtio-iommu with %u cells for an endpoint",
		      dt_number(node, "#iommu-cells", 0));
}

/* The node has to be found by the function, and `reg` is how. */
static void check_virtio_reg(const struct table_check *check)
{
	uint16_t bdf;

	for_each_dt_node(node, check->table->tree) if (is_virtio_pci(node) &&
						       (!dt_is_pci_function(node) ||
							!dt_function_bdf(node, &bdf)))
		blame(check, node, NULL,
		      "put it below its host bridge, with the five cells of `reg`",
		      "nothing says which PCI function this virtio-iommu is");
}

/* The driver of the one would need that of the other, and IOMMUs do not stand in a row. */
static void check_virtio_iommus(const struct table_check *check)
{
	for_each_dt_node(node,
			 check->table->tree) if (is_virtio(node) && dt_property(node, "iommus"))
		blame(check, node, "iommus", "leave it out",
		      "a virtio-iommu that is behind an IOMMU");
}

/* -- maps ------------------------------------------------------------------------------------ */

/* What kernels of either kind make of a map whose first node does not ask for one cell. */
static void
check_map(const struct table_check *check, const struct dt_node *node, const struct dt_map *map,
	  void (*look)(const struct table_check *check, const struct dt_node *node,
		       const struct dt_map *map, uint32_t cells, bool legacy, bool kept))
{
	const struct dt_property *property = dt_property(node, map->property);
	const struct dt_node *target =
		property ? dt_target(check->table->tree, dt_cell(property, 1)) : NULL;
	uint32_t cells = target ? dt_number(target, map->cells, 1) : 1;
	bool kept, legacy;

	if (!property || cells == 1)
		return;
	legacy = dt_map_is_legacy(check->table->tree, map, property, &kept);
	look(check, node, map, cells, legacy, kept);
}

static void look_at_legacy(const struct table_check *check, const struct dt_node *node,
			   const struct dt_map *map, uint32_t cells, bool legacy, bool kept)
{
	if (legacy)
		blame(check, node, map->property, "add the missing cells to each entry",
		      "the node has %s = <%u>, and an entry has room for one%s", map->cells, cells,
		      kept ? "" : ": newer kernels refuse the map");
}

static void check_map_cells(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
	{
		check_map(check, node, &dt_iommu_map, look_at_legacy);
		check_map(check, node, &dt_msi_map, look_at_legacy);
	}
}

static void look_at_new(const struct table_check *check, const struct dt_node *node,
			const struct dt_map *map, uint32_t cells, bool legacy, bool kept)
{
	(void)kept;
	if (!legacy)
		blame(check, node, map->property, NULL,
		      "entries have %u cells, which kernels without ccb2fd725d41 (2026) read as 4: "
		      "they translate "
		      "none or others of these functions",
		      cells + 3);
}

/* A note: the map is right, and its reader may be old. */
static void check_map_kernels(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
	{
		check_map(check, node, &dt_iommu_map, look_at_new);
		check_map(check, node, &dt_msi_map, look_at_new);
	}
}

/* -- host bridges ---------------------------------------------------------------------------- */

/* Told once, of the last bridge without a number: one mistake, however many bridges. */
static void check_domains(const struct table_check *check)
{
	static const char domain[] = "linux,pci-domain";
	const struct dt_node *with = NULL, *without = NULL;

	for_each_dt_node(node,
			 check->table->tree) if (dt_is_host_bridge(node) && dt_is_available(node))
	{
		if (dt_property(node, domain))
			with = node;
		else
			without = node;
	}
	if (with && without)
		blame(check, without, NULL, "give all host bridges linux,pci-domain, or none",
		      "no linux,pci-domain, and %s has one", with->name);
}

/* -- distances --------------------------------------------------------------------------------- */

#define TRIPLE_CELLS   3
#define LOCAL_DISTANCE 10u

/* There is one, at the root. */
static const struct dt_node *distance_map(const struct table_check *check)
{
	return dt_child(check->table->tree->root, "distance-map");
}

/* Other kinds of maps may come, with another `compatible`; nobody reads them today. */
static void check_distance_map(const struct table_check *check)
{
	const struct dt_node *node = distance_map(check);
	const struct dt_property *matrix = node ? dt_property(node, "distance-matrix") : NULL;

	if (!node)
		return;
	if (!dt_has_string(node, "compatible", "numa-distance-map-v1"))
		blame(check, node, NULL, "write compatible = \"numa-distance-map-v1\"",
		      "a distance map of another kind");
	else if (!matrix || !matrix->length || matrix->length % (TRIPLE_CELLS * sizeof(uint32_t)))
		blame(check, node, "distance-matrix", "write three cells for each distance",
		      "%zu bytes, which is no number of distances of 12 bytes",
		      matrix ? matrix->length : 0);
}

/* Each distance by itself: that there and back differ is allowed. */
static void check_distances(const struct table_check *check)
{
	const struct dt_node *node = distance_map(check);
	const struct dt_property *matrix = node ? dt_property(node, "distance-matrix") : NULL;

	for (size_t i = 0; i + TRIPLE_CELLS <= dt_cells(matrix); i += TRIPLE_CELLS) {
		uint32_t from = dt_cell(matrix, i), to = dt_cell(matrix, i + 1);
		uint32_t distance = dt_cell(matrix, i + 2);

		if (from == to ? distance != LOCAL_DISTANCE : distance <= LOCAL_DISTANCE)
			blame(check, node, "distance-matrix",
			      "write 10 from a node to itself, and more to any other",
			      "%u from node %u to node %u", distance, from, to);
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
	{ "dt-domain", check_domains },
	{ "dt-distance-map", check_distance_map },
	{ "dt-distance", check_distances },
	{ NULL, NULL },
};
