/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as a device tree: <viommu/devicetree.h>
 *
 * The base is opened once more, so that it stays as it is for whoever gave it. ITSs and IOMMUs
 * come first, then the host bridges and the devices that refer to them. Everything is written
 * before it is known whether it could be, so that all errors are told at once.
 */

#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "write.h"

/* -- what has no place in a device tree ---------------------------------------------------- */

/* One finding for each sort, at the first of them: whoever has many knows that. */
static void say_left_out(struct dt_writing *writing, enum object_type type, const char *rule_id,
			 const char *what)
{
	const void *object = topology_get(writing->topology, type, 0);

	if (object)
		report(writing->findings, rule_id, *object_place(type, object),
		       "leave it to whoever knows it, or to another table",
		       "a device tree has no words for %s: %zu of them are left out", what,
		       topology_count(writing->topology, type));
}

/* One for each, as each stands somewhere else. */
static void say_paths(struct dt_writing *writing)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, writing->topology, OBJECT_PCI_RANGE)
		if (!range_is_known(range))
			report(writing->findings, "dt-silent-path", range->place,
			       "name the functions by their buses",
			       "a device tree has no paths over bridges: the range is left out");
}

/*
 * Told rather than dropped in silence: a guest with a device tree learns these from the devices
 * themselves or not at all.
 */
static void say_what_is_left_out(struct dt_writing *writing)
{
	say_left_out(writing, OBJECT_RESERVED_MEMORY, "dt-silent", "reserved memory");
	say_left_out(writing, OBJECT_INTERRUPT_SOURCE, "dt-silent", "interrupt sources");
	say_left_out(writing, OBJECT_ATS, "dt-silent", "functions with ATS");
	say_paths(writing);
	if (!writing->into)
		report(writing->findings, "dt-new", place_of_file(NULL),
		       "give the machine's own tree for a base",
		       "a device tree with nothing in it but what a topology knows: no machine "
		       "starts with it");
}

/* -- the tree ---------------------------------------------------------------------------------- */

/* Two cells for addresses and for sizes: there is nothing that would not fit. */
static struct devicetree *new_tree(void)
{
	struct devicetree *tree = dt_new("");
	struct dt_writing writing = { .tree = tree };

	tree->root->made = true;
	dt_set_number(&writing, tree->root, "#address-cells", 2);
	dt_set_number(&writing, tree->root, "#size-cells", 2);
	return tree;
}

/* Through bytes: the base may have been made here itself, and is not to be changed. */
static struct devicetree *open_base(const struct viommu_table *base)
{
	void *bytes;
	size_t length = table_encode(base, &bytes);
	struct devicetree *tree = dt_open(bytes, length, base->file, NULL);

	memory_free(bytes);
	return tree;
}

/* What the tree says is looked at before it is touched, to know later what was there. */
static void begin(struct dt_writing *writing)
{
	writing->before = (struct dt_reading){ .tree = writing->tree };
	writing->paths = hash_new_full(&hash_text, memory_free, NULL);
	writing->windows = hash_new_full(&hash_number, memory_free, NULL);
	writing->iommus = hash_new(&hash_text);
	writing->its = hash_new(&hash_text);
	dt_reading_begin(&writing->before);
	dt_index(writing);
}

static void end(struct dt_writing *writing)
{
	dt_reading_end(&writing->before);
	hash_free(writing->paths);
	hash_free(writing->windows);
	hash_free(writing->iommus);
	hash_free(writing->its);
}

/* In this order nobody refers to a node that is not there yet. */
static void write_all(struct dt_writing *writing)
{
	begin(writing);
	dt_write_its(writing);
	dt_write_iommus(writing);
	dt_write_bridges(writing);
	dt_write_devices(writing);
	say_what_is_left_out(writing);
	end(writing);
}

/* -- the doors -----------------------------------------------------------------------------------
 */

/* Findings have told why, if nothing comes of it. */
struct devicetree *dt_generate_tree(const struct viommu_topology *topology,
				    const struct viommu_devicetree *how,
				    struct viommu_findings *findings)
{
	struct dt_writing writing = {
		.topology = topology,
		.tree = how->base ? open_base(how->base) : new_tree(),
		.into = how->base,
		.overlay = how->overlay,
		.force = how->force,
		.findings = findings,
	};
	struct devicetree *overlay;

	write_all(&writing);
	if (writing.failed)
		return dt_free(writing.tree);
	if (!how->overlay)
		return writing.tree;
	overlay = dt_overlay(writing.tree);
	dt_free(writing.tree);
	return overlay;
}

/* Without a base: a tree of nothing but what the topology knows. */
bool dt_write(struct viommu_table *table, const struct viommu_topology *topology,
	      struct viommu_findings *findings)
{
	table->tree = dt_generate_tree(topology, &(struct viommu_devicetree){ 0 }, findings);
	return table->tree;
}
