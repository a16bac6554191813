/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an IORT means, as a topology
 *
 * ITS groups become its0, its1, ...; SMMUs smmu0, smmu1, ... in the order of the table. A root
 * complex becomes a host bridge with all buses of its segment, whose functions bypass; each of its
 * ID mappings to an SMMU becomes a range, which takes precedence. Named components become devices,
 * RMR nodes reserved memory, PMCGs monitors. The place of each object is the offset of its node.
 *
 * ID counts that are one too large are read as Linux reads them. What a topology cannot represent
 * is reported and dropped.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/table/frame.h"
#include "tables/model/topology.h"

#define LAST_RID 0xffffu

/* -- ITS groups ------------------------------------------------------------------ */

/* A group without an ITS is an error of the bytes; a topology has no such group. */
static void read_its_group(struct iort_reading *reading, const struct record *node)
{
	auto_array struct array *ids = array_new(sizeof(uint32_t));
	struct viommu_its_group group = { .size = sizeof(group) };
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_its_layout, &i));)
		array_append(ids, ((const struct iort_its *)record->host)->identifier);
	group.name = iort_name_node(reading->groups, node, "its");
	group.ids = (const uint32_t *)(void *)ids->data;
	group.n_ids = ids->len;
	group.place = table_place(reading->table, node->at);
	topology_add_its_group(reading->topology, &group);
}

/* -- the header ------------------------------------------------------------------ */

/*
 * Are all counts of this root complex off by one? A range that ends at the last requester ID
 * cannot show it.
 */
static bool has_off_by_one_counts(const struct record *node, bool *ret_all)
{
	auto_hash struct hash *firsts = iort_first_ids(node);
	const struct record *record;
	bool any = false;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;
		bool plain = iort_is_off_by_one_count(firsts, mapping);

		any |= plain;
		*ret_all &= plain || mapping->input_base + mapping->id_count == LAST_RID;
	}
	return any;
}

/* Off-by-one counts are a property of the generator, hence of the whole table. */
void iort_read_header(const struct viommu_table *table, struct viommu_table_header *header)
{
	const struct record *node;
	bool any = false, all = true;

	for (guint i = 0; (node = iort_next_node(table, &i));)
		if (iort_type_of(node) == IORT_ROOT_COMPLEX)
			any |= has_off_by_one_counts(node, &all);
	header->has_revision = true;
	header->revision = acpi_header(table)->revision;
	header->legacy_id_counts = any && all;
}

/* -- the table ------------------------------------------------------------------- */

static void for_each_node(struct iort_reading *reading, unsigned type,
			  void (*read)(struct iort_reading *reading, const struct record *node))
{
	const struct record *node;

	for (guint i = 0; (node = iort_next_node(reading->table, &i));)
		if (iort_type_of(node) == type)
			read(reading, node);
}

/* Number the nodes, and find the last stream ID of each SMMU. */
static void index_nodes(struct iort_reading *reading)
{
	const struct record *node, *record;
	unsigned n = 0;

	for (guint i = 0; (node = iort_next_node(reading->table, &i)); n++) {
		hash_insert(reading->index, (gpointer)node, GUINT_TO_POINTER(n));
		for (guint k = 0; (record = iort_next(node, &iort_mapping_layout, &k));)
			iort_note_last_id(reading, record->host);
	}
}

/*
 * Reads one node type after the other, so that referenced objects exist before those that refer to
 * them, whatever the order of the table.
 */
struct viommu_topology *iort_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct iort_reading reading = {
		.table = table,
		.topology = topology_new(),
		.groups = hash_new_full(&hash_direct, NULL, memory_free),
		.iommus = hash_new_full(&hash_direct, NULL, memory_free),
		.index = hash_new(&hash_direct),
		.nodes = iort_index(table),
		.last_ids = hash_new(&hash_direct),
		.segments = hash_new(&hash_direct),
		.counted_end = frame_counted_end(table),
		.findings = findings,
	};
	const struct record *node;

	index_nodes(&reading);
	for_each_node(&reading, IORT_ITS_GROUP, read_its_group);
	for_each_child(i, node, table->root)
		if (iort_is_iommu(iort_type_of(node)))
			iort_read_iommu(&reading, node);
	for_each_node(&reading, IORT_ROOT_COMPLEX, iort_read_root_complex);
	for_each_node(&reading, IORT_NAMED_COMPONENT, iort_read_component);
	for_each_child(i, node, table->root)
		iort_read_msi_ranges(&reading, node);
	for_each_node(&reading, IORT_RMR, iort_read_rmr);
	for_each_node(&reading, IORT_PMCG, iort_read_monitor);
	for_each_node(&reading, IORT_IWB, iort_read_wire_bridge);
	hash_free(reading.segments);
	hash_free(reading.last_ids);
	hash_free(reading.nodes);
	hash_free(reading.index);
	hash_free(reading.iommus);
	hash_free(reading.groups);
	return reading.topology;
}
