/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as an IORT
 *
 * Nodes have the usual order: ITS groups, SMMUs, root complexes, named components, RMR nodes,
 * PMCGs, wire bridges; so all references go backward. SMMUs and root complexes depend on the
 * functions behind them, which are collected first.
 *
 * The table has the oldest revision that can represent the topology, unless the topology asks for
 * a revision. What the table cannot represent is reported and omitted.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "write.h"
#include "tables/model/topology.h"

/* -- ITS groups ------------------------------------------------------------------ */

/* In the order of the topology: readers use the first ITS. */
static void write_its_group(struct iort_writing *writing, const struct viommu_its_group *group)
{
	struct iort_its_group fields = {
		.node.revision = writing->revision >= IORT_REVISION_E_B,
		.its_count = (uint32_t)group->n_ids,
	};
	struct record *node = iort_begin_node(writing, IORT_ITS_GROUP, &fields);

	iort_add_elements(node, &iort_its_layout, group->ids, group->n_ids);
	hash_insert(writing->groups, (gpointer)group->name, GSIZE_TO_POINTER(node->at));
	iort_end_node(writing, node);
}

static void write_its_groups(struct iort_writing *writing)
{
	const struct viommu_its_group *group;

	for_each_object(i, group, writing->topology, OBJECT_ITS_GROUP)
		write_its_group(writing, group);
}

/* -- revisions ------------------------------------------------------------------- */

/*
 * The oldest revision that is sufficient. A table inside a VIOT of 2019 has a revision of that
 * time.
 */
static unsigned needed_revision(const struct iort_writing *writing)
{
	const struct viommu_topology *topology = writing->topology;
	const struct viommu_host_bridge *bridge;
	const struct viommu_iommu *iommu;
	unsigned revision = iort_is_wrapped(writing->table) ? IORT_REVISION_D : IORT_REVISION_E_B;

	if (iort_has_rmrs(topology))
		revision = IORT_REVISION_E_D;
	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE)
		if (bridge->pasid_bits)
			revision = IORT_REVISION_E_D;
	if (topology_count(topology, OBJECT_WIRE_BRIDGE))
		revision = IORT_REVISION_E_G;
	for_each_object(i, iommu, topology, OBJECT_IOMMU)
		if (iort_find_iommu(writing, iommu->name))
			revision = MAX(
				revision,
				iort_smmu_revision(writing, iort_find_iommu(writing, iommu->name)));
	return revision;
}

/* -- the table ------------------------------------------------------------------- */

static void iommu_state_free(void *opaque)
{
	struct iort_iommu_state *state = opaque;

	array_free(state->ids);
	array_free(state->msis);
	memory_free(state);
}

/* The revision depends on the functions behind each SMMU, and the nodes depend on the revision. */
static void write_nodes(struct iort_writing *writing)
{
	struct iort_head *head = writing->table->root->host;

	iort_collect_iommus(writing);
	iort_collect_rid_ranges(writing);
	iort_note_device_ids(writing);
	writing->revision = writing->header->has_revision ? writing->header->revision
							  : needed_revision(writing);
	head->acpi.revision = (uint8_t)writing->revision;
	write_its_groups(writing);
	iort_write_smmus(writing);
	iort_write_root_complexes(writing);
	iort_write_components(writing);
	iort_write_rmrs(writing);
	iort_write_others(writing);
	head->node_offset = IORT_HEAD_LENGTH;
	head->node_count = writing->n;
}

/* Size is checked last: only the complete table has one. */
bool iort_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings)
{
	struct iort_writing writing = {
		.table = table,
		.topology = topology,
		.header = viommu_topology_header(topology, "IORT"),
		.end = IORT_HEAD_LENGTH,
		.iommus = hash_new_full(&hash_text, NULL, iommu_state_free),
		.groups = hash_new(&hash_text),
		.components = hash_new(&hash_text),
		.complexes = hash_new(&hash_direct),
		.rid_ranges = array_new(sizeof(struct iort_rid_range)),
		.findings = findings,
	};

	write_nodes(&writing);
	array_free(writing.rid_ranges);
	hash_free(writing.complexes);
	hash_free(writing.components);
	hash_free(writing.groups);
	hash_free(writing.iommus);
	if (!writing.too_large)
		return true;
	report(findings, "iort-too-large", place_of_file(NULL),
	       "assign whole host bridges to an IOMMU instead of single functions",
	       "a node of an IORT has at most 65535 bytes, which are some 3200 ID mappings, and a "
	       "table has at most %zu of them",
	       IORT_MAX_RECORDS);
	return false;
}
