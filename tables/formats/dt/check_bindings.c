/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rules of a device tree about what refers to IOMMUs, and what IOMMUs refer to
 *
 * A reference is looked for in every node that is enabled, also where no topology has a place for
 * it: a bus that is not PCI, the older binding of Arm SMMUs, an overlay, a container of trees.
 */
#include <string.h>

#include "base/hash.h"
#include "base/strbuf.h"
#include "read.h"

static bool is_iommu(const struct dt_node *node)
{
	return dt_property(node, "#iommu-cells") && dt_is_available(node);
}

/* -- interrupts -------------------------------------------------------------------------- */

enum { GIC_SPI = 0, GIC_ESPI = 2, SPI_LAST = 987 };

/* In the numbers of a GIC's binding: type, number, trigger. */
static bool is_gic(const struct dt_node *controller)
{
	return dt_has_string(controller, "compatible", "arm,gic-v3") ||
	       dt_has_string(controller, "compatible", "arm,gic-400") ||
	       dt_has_string(controller, "compatible", "arm,cortex-a15-gic");
}

static void check_interrupt(const struct table_check *check, const struct dt_node *node,
			    uint32_t type, uint32_t number)
{
	if (type != GIC_SPI && type != GIC_ESPI)
		dt_report(check, node, "interrupts",
			  "write <0 NUMBER TRIGGER>, where NUMBER is the GIC's number less 32",
			  "interrupt <%u %u> of %s is private to a CPU: devices do not raise it",
			  type, number, node->name);
	else if (type == GIC_SPI && number > SPI_LAST)
		dt_report(check, node, "interrupts",
			  "write the GIC's number less 32, which is at most 987",
			  "interrupt <0 %u> of %s is beyond the shared ones of a GIC", number,
			  node->name);
}

void dt_check_interrupt_kinds(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree) {
		const struct dt_node *controller =
			is_iommu(node) ? dt_interrupt_parent(check->table->tree, node) : NULL;
		const struct dt_property *interrupts = dt_property(node, "interrupts");
		size_t cells = controller ? dt_cell_count(controller, "#interrupt-cells", 0) : 0;

		if (cells < 3 || !is_gic(controller))
			continue;
		for (size_t i = 0; i + cells <= dt_cells(interrupts); i += cells)
			check_interrupt(check, node, dt_cell(interrupts, i),
					dt_cell(interrupts, i + 1));
	}
}

/* -- the older binding of Arm SMMUs --------------------------------------------------------- */

#define IDS_SHOWN 8u
#define ID_CELLS  "#stream-id-cells"

/* How many IDs of the first master there are: the property may end before. */
static size_t count_ids(const struct dt_node *smmu, const struct dt_node *master)
{
	size_t n = dt_cells(dt_property(smmu, "mmu-masters"));

	return MIN(dt_cell_count(master, ID_CELLS, 0), n - 1);
}

static void append_ids(struct strbuf *cure, const struct dt_node *smmu,
		       const struct dt_node *master)
{
	const struct dt_property *masters = dt_property(smmu, "mmu-masters");
	size_t n = count_ids(smmu, master);
	auto_free char *path = dt_path(smmu);

	strbuf_append(cure, "`iommus = ");
	for (size_t i = 1; i <= MIN(n, IDS_SHOWN); i++)
		strbuf_append_printf(cure, "%s<&{%s} 0x%x>", i > 1 ? ", " : "", path,
				     dt_cell(masters, i));
	strbuf_append_printf(cure, "%s;` in ", n > IDS_SHOWN ? ", ..." : "");
}

/* What the first master needs instead, to copy. */
static char *cure_for_master(const struct devicetree *tree, const struct dt_node *smmu)
{
	const struct dt_node *master =
		dt_target(tree, dt_cell(dt_property(smmu, "mmu-masters"), 0));
	struct strbuf *cure = strbuf_new("write #iommu-cells = <1>, and ");
	auto_free char *from = dt_path(smmu), *to = NULL;

	if (!master || (!dt_is_host_bridge(master) && !count_ids(smmu, master))) {
		strbuf_append(cure, "`iommus` in each master");
		return strbuf_steal(cure);
	}
	if (dt_is_host_bridge(master))
		strbuf_append_printf(cure, "`iommu-map = <0 &{%s} 0 0x10000>;` in ", from);
	else
		append_ids(cure, smmu, master);
	to = dt_path(master);
	strbuf_append(cure, to);
	return strbuf_steal(cure);
}

void dt_check_masters(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree) {
		auto_free char *cure = NULL;

		if (!dt_cells(dt_property(node, "mmu-masters")) || !dt_is_available(node))
			continue;
		cure = cure_for_master(check->table->tree, node);
		dt_report(check, node, "mmu-masters", cure,
			  "%s has its masters in the older binding, which is not read", node->name);
	}
}

/* -- maps of other buses ------------------------------------------------------------------- */

void dt_check_buses(const struct table_check *check)
{
	for_each_dt_node(node, check->table->tree)
		if (dt_property(node, dt_iommu_map.property) && dt_is_available(node) &&
		    !dt_is_host_bridge(node) && !dt_is_below_overlay(node))
			dt_report(check, node, dt_iommu_map.property, NULL,
				  "%s is not a PCI host bridge: the devices on it, and their IDs, "
				  "are not read",
				  node->name);
}

/* -- IOMMUs without devices ------------------------------------------------------------------ */

struct users {
	const struct devicetree *tree;
	struct hash *used; /* nodes */
};

static void use(void *opaque, size_t cell, uint32_t phandle)
{
	const struct users *users = opaque;

	(void)cell;
	hash_add(users->used, dt_target(users->tree, phandle));
}

/* A cache of R-Car refers to the IOMMU with the page tables, whose interrupt it uses. */
static void use_all(struct users *users, const struct dt_node *node)
{
	const struct dt_property *iommus = dt_property(node, "iommus");
	const struct dt_property *map = dt_property(node, dt_iommu_map.property);
	const struct dt_property *main_iommu = dt_property(node, "renesas,ipmmu-main");

	if (iommus && !dt_is_pci_function(node))
		dt_for_each_reference(users->tree, iommus, use, users);
	if (map)
		dt_map_for_each_target(users->tree, &dt_iommu_map, map, use, users);
	if (main_iommu)
		use(users, 0, dt_cell(main_iommu, 0));
	if (dt_cells(dt_property(node, "mmu-masters")))
		hash_add(users->used, (void *)node);
}

/* A board enables an IOMMU and not the devices behind it, which is no mistake: a note. */
void dt_check_idle(const struct table_check *check)
{
	struct users users = { check->table->tree, hash_new(&hash_direct) };

	for_each_dt_node(node, users.tree)
		if (dt_is_available(node))
			use_all(&users, node);
	for_each_dt_node(node, users.tree)
		if (is_iommu(node) && !hash_contains(users.used, node))
			dt_report(check, node, NULL,
				  "refer to it in `iommus` or `iommu-map`, or disable it",
				  "the IOMMU %s translates nothing", node->name);
	hash_free(users.used);
}

/* -- what is no tree of a machine ------------------------------------------------------------- */

/* Once, for the first node whose references only the base resolves. */
void dt_check_overlay(const struct table_check *check)
{
	static const char *const properties[] = { "iommus", "iommu-map", "msi-map",
						  "iommu-addresses" };

	if (!dt_child(check->table->tree->root, "__fixups__"))
		return;
	for_each_dt_node(node, check->table->tree)
		for (size_t i = 0; dt_is_below_overlay(node) && i < G_N_ELEMENTS(properties); i++)
			if (dt_property(node, properties[i])) {
				dt_report(check, node, properties[i],
					  "`fdtoverlay -i BASE.dtb -o FILE.dtb OVERLAY.dtbo` "
					  "applies it; check FILE.dtb",
					  "an overlay extends a tree that is not here: what refers "
					  "to that is not read");
				return;
			}
}

void dt_check_fit(const struct table_check *check)
{
	const struct dt_node *root = check->table->tree->root;

	if (dt_child(root, "images") && dt_child(root, "configurations"))
		dt_report(check, dt_child(root, "images"), NULL,
			  "`dumpimage -T flat_dt -p N -o FILE.dtb IMAGE` extracts the N-th one, "
			  "which `dumpimage -l IMAGE` lists",
			  "this is an image of U-Boot (FIT): the device trees in it are not read");
}
