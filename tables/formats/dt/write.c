/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as a device tree: <viommu/devicetree.h>
 *
 * The base is copied, so that the caller's stays unchanged. ITSs and IOMMUs are written first, then
 * the host bridges and devices that refer to them. Writing continues after an error, so that all
 * errors are reported.
 */

#include "base/hash.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"
#include "write.h"

/* -- the tree ---------------------------------------------------------------------------------- */

static struct devicetree *new_tree(void)
{
	struct devicetree *tree = dt_new("");
	struct dt_writing writing = { .tree = tree };

	tree->root->added = true;
	dt_set_number(&writing, tree->root, "#address-cells", 2);
	dt_set_number(&writing, tree->root, "#size-cells", 2);
	return tree;
}

/* Copied through bytes, because the base may be a generated tree. */
static struct devicetree *open_base(const struct viommu_table *base)
{
	void *bytes;
	size_t length = table_encode(base, &bytes);
	struct devicetree *tree = dt_open(bytes, length, base->file, NULL);

	memory_free(bytes);
	return tree;
}

/* The base is read before it changes. */
static void begin(struct dt_writing *writing)
{
	writing->before = (struct dt_reading){ .tree = writing->tree };
	writing->paths = hash_new_full(&hash_text, memory_free, NULL);
	writing->windows = hash_new_full(&hash_number, memory_free, NULL);
	writing->iommus = hash_new(&hash_text);
	writing->its = hash_new(&hash_text);
	writing->spans = hash_new_full(&hash_text, NULL, memory_free);
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
	hash_free(writing->spans);
}

static void write_all(struct dt_writing *writing)
{
	begin(writing);
	dt_write_its(writing);
	dt_note_monitors(writing);
	dt_write_iommus(writing);
	dt_write_bridges(writing);
	dt_write_devices(writing);
	dt_write_others(writing);
	if (!writing->into)
		report(writing->findings, "dt-new", place_of_file(NULL),
		       "use the machine's device tree as the base",
		       "the device tree has only what the topology describes: no machine boots "
		       "with it");
	end(writing);
}

/* -- generating ---------------------------------------------------------------- */

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

bool dt_write(struct viommu_table *table, const struct viommu_topology *topology,
	      struct viommu_findings *findings)
{
	table->tree = dt_generate_tree(topology, &(struct viommu_devicetree){ 0 }, findings);
	return table->tree;
}
