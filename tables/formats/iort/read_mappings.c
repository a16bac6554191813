/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ID mappings of an IORT: how many IDs they have, and where an SMMU sends MSIs
 *
 * If all stream IDs of an SMMU go unchanged to one ITS group, its IOMMU in the topology names that
 * group. Any other mapping of an SMMU becomes an MSI range.
 */
#include "base/hash.h"
#include "read.h"
#include "tables/model/topology.h"

#define LAST_RID 0xffffu

/* -- ID counts ------------------------------------------------------------------- */

/*
 * Some firmware stores the number of IDs instead of one less. Such a range ends on the first ID of
 * the next one, so the first IDs of all ranges are needed to detect it.
 */
struct hash *iort_first_ids(const struct record *node)
{
	struct hash *firsts = hash_new(&hash_direct);
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;

		if (!(mapping->flags & IORT_MAPPING_SINGLE))
			hash_add(firsts, GUINT_TO_POINTER(mapping->input_base));
	}
	return firsts;
}

/* A count of 0 is excluded: that mapping would find itself. */
bool iort_is_off_by_one_count(struct hash *firsts, const struct iort_mapping *mapping)
{
	uint64_t last = (uint64_t)mapping->input_base + mapping->id_count;

	return mapping->id_count && last <= UINT32_MAX &&
	       hash_contains(firsts, GUINT_TO_POINTER((guint)last));
}

/* Linux prefers the range that begins at the shared ID. */
uint32_t iort_effective_id_count(struct hash *firsts, const struct iort_mapping *mapping)
{
	return mapping->id_count - iort_is_off_by_one_count(firsts, mapping);
}

/* -- from an SMMU to an ITS group ------------------------------------------------ */

/* A DeviceID mapping without the single flag is invalid, and ignored. */
const struct iort_mapping *iort_device_id_mapping(const struct record *node)
{
	const struct iort_smmu_v3 *smmu = node->host;
	const struct iort_mapping *mapping = NULL;

	if (iort_type_of(node) == IORT_SMMU_V3 && iort_has_device_id_mapping(smmu))
		mapping = iort_mapping_of(node, smmu->device_id_mapping);
	return mapping && mapping->flags & IORT_MAPPING_SINGLE ? mapping : NULL;
}

/* At least the last requester ID: a table gives the same IOMMU with and without devices. */
static uint32_t last_id_at(const struct iort_reading *reading, gsize offset)
{
	gpointer last = hash_lookup(reading->last_ids, GSIZE_TO_POINTER(offset));

	return GPOINTER_TO_UINT(last) | LAST_RID;
}

/* Output IDs, since these are the stream IDs of the SMMU. */
void iort_note_last_id(struct iort_reading *reading, const struct iort_mapping *mapping)
{
	uint32_t last = mapping->id_count > UINT32_MAX - mapping->output_base
				? UINT32_MAX
				: mapping->output_base + mapping->id_count;

	if (last > last_id_at(reading, mapping->output_reference))
		hash_insert(reading->last_ids, GSIZE_TO_POINTER((gsize)mapping->output_reference),
			    GUINT_TO_POINTER(last));
}

/*
 * The next mapping for stream IDs from `*i` on. Skips single mappings and the DeviceID mapping,
 * which is for the SMMU's own MSIs. `nth` counts mappings.
 */
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

/*
 * Only if there is exactly one mapping, as the writer generates it; otherwise mappings become
 * ranges.
 */
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

/* An SMMU with a DeviceID mapping has its ITS group from that mapping. */
static bool is_covered_by_identity_mapping(const struct iort_reading *reading,
					   const struct record *node)
{
	return !iort_device_id_mapping(node) && iort_identity_its(reading, node);
}

/* An IOMMU that was not added has no ranges, nor has one whose ITS group covers all stream IDs. */
void iort_read_msi_ranges(struct iort_reading *reading, const struct record *node)
{
	const char *iommu = iort_iommu_at(reading, (uint32_t)node->at);
	auto_hash struct hash *firsts = NULL;
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

		if (range.its && !is_covered_by_identity_mapping(reading, node))
			topology_add_msi_range(reading->topology, &range);
	}
}
