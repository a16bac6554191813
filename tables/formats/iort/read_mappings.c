/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ID mappings of an IORT: how many IDs they have, and MSIs of the stream IDs that leave an SMMU
 *
 * Where all stream IDs of an SMMU go unchanged to one ITS group, the IOMMU of the topology names
 * that group. Any other mapping of an SMMU becomes a range of MSIs.
 */
#include "read.h"
#include "tables/model/topology.h"

#define LAST_RID 0xffffu

/* -- ID counts --------------------------------------------------------- */

/*
 * The field has the number of IDs less one, but firmware has stored the plain number, whose range
 * then ends on the first ID of the next. To see that, all first IDs have to be known.
 */
GHashTable *iort_first_ids(const struct record *node)
{
	GHashTable *firsts = g_hash_table_new(NULL, NULL);
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;

		if (!(mapping->flags & IORT_MAPPING_SINGLE))
			g_hash_table_add(firsts, GUINT_TO_POINTER(mapping->input_base));
	}
	return firsts;
}

/* The mapping itself begins before its last ID, so it is another one that begins there. */
bool iort_is_off_by_one_count(GHashTable *firsts, const struct iort_mapping *mapping)
{
	uint64_t last = (uint64_t)mapping->input_base + mapping->id_count;

	return mapping->id_count && last <= UINT32_MAX &&
	       g_hash_table_contains(firsts, GUINT_TO_POINTER((guint)last));
}

/* Linux takes the range that begins at the ID in question. */
uint32_t iort_effective_id_count(GHashTable *firsts, const struct iort_mapping *mapping)
{
	return mapping->id_count - iort_is_off_by_one_count(firsts, mapping);
}

/* -- from an SMMU to an ITS group -------------------------------------- */

/* Of an SMMUv3: the ID mapping that it has for its own MSIs, if that can be one. */
const struct iort_mapping *iort_device_id_mapping(const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;
	const struct iort_mapping *mapping = NULL;

	if (iort_type_of(node) == IORT_SMMU_V3 && iort_has_device_id_mapping(smmu))
		mapping = iort_mapping_of(node, smmu->device_id_mapping);
	return mapping && mapping->flags & IORT_MAPPING_SINGLE ? mapping : NULL;
}

/* Never less than what a segment has: so a table without devices says as much as one with. */
static uint32_t last_id_at(const struct iort_reading *reading, gsize offset)
{
	gpointer last = g_hash_table_lookup(reading->last_ids, GSIZE_TO_POINTER(offset));

	return GPOINTER_TO_UINT(last) | LAST_RID;
}

/* IDs as they leave a mapping, for that is what an SMMU sees. */
void iort_note_last_id(struct iort_reading *reading, const struct iort_mapping *mapping)
{
	uint32_t last = mapping->id_count > UINT32_MAX - mapping->output_base
				? UINT32_MAX
				: mapping->output_base + mapping->id_count;

	if (last > last_id_at(reading, mapping->output_reference))
		g_hash_table_insert(reading->last_ids,
				    GSIZE_TO_POINTER((gsize)mapping->output_reference),
				    GUINT_TO_POINTER(last));
}

/* The mapping of an SMMU at `*i` that is for what it translates, and not for its own MSIs. */
static const struct record *next_msi_mapping(const struct record *node, guint *i, uint32_t *nth)
{
	const struct iort_smmu_v3 *smmu = node->host;
	bool has_own = iort_type_of(node) == IORT_SMMU_V3 && iort_has_device_id_mapping(smmu);
	const struct record *record;

	while ((record = iort_next(node, &iort_mapping_layout, i))) {
		const struct iort_mapping *mapping = record->host;
		bool own = has_own && smmu->device_id_mapping == (*nth)++;

		if (!own && !(mapping->flags & IORT_MAPPING_SINGLE))
			return record;
	}
	return NULL;
}

/* Exactly one mapping, of exactly what a generator would write: anything else is a range. */
const char *iort_identity_its(const struct iort_reading *reading, const struct record *node)
{
	guint i = 0;
	uint32_t nth = 0;
	const struct record *record = next_msi_mapping(node, &i, &nth);
	const struct iort_mapping *mapping = record ? record->host : NULL;

	if (!mapping || mapping->input_base || mapping->output_base ||
	    mapping->id_count != last_id_at(reading, node->at) || next_msi_mapping(node, &i, &nth))
		return NULL;
	return iort_its_at(reading, mapping->output_reference);
}

/* Then no range has to say it again. */
bool iort_covered_by_identity_mapping(const struct iort_reading *reading, const struct record *node)
{
	return !iort_device_id_mapping(node) && iort_identity_its(reading, node);
}

/* Nothing to say of an IOMMU that could not be added, or whose group says it. */
void iort_read_msi_ranges(struct iort_reading *reading, const struct record *node)
{
	const char *iommu = iort_iommu_at(reading, (uint32_t)node->at);
	g_autoptr(GHashTable) firsts = NULL;
	const struct record *record;
	uint32_t nth = 0;

	if (!iommu || viommu_topology_find_iommu(reading->topology, iommu) == NULL)
		return;
	firsts = iort_first_ids(node);
	for (guint i = 0; (record = next_msi_mapping(node, &i, &nth));) {
		const struct iort_mapping *mapping = record->host;
		struct viommu_msi_range range = {
			.size = sizeof(range),
			.iommu = iommu,
			.id_first = mapping->input_base,
			.id_last = mapping->input_base + iort_effective_id_count(firsts, mapping),
			.its = iort_its_at(reading, mapping->output_reference),
			.device_id_first = mapping->output_base,
			.place = table_place(reading->table, record->at),
		};

		if (range.its && !iort_covered_by_identity_mapping(reading, node))
			viommu_topology_add_msi_range(reading->topology, &range);
	}
}
