/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ID mappings of an IORT, as ranges of functions and of MSIs
 *
 * An ID mapping of a root complex to an SMMU is a range of functions; one to an ITS group is for
 * functions that bypass, and one of an SMMU for the stream IDs that leave it. Where an ID goes on
 * as it is, its host bridge or its SMMU says where to, and no range is needed.
 */
#include "tables/model/cover.h"
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/model/topology.h"

#define LAST_RID      0xffffu
#define SEGMENT_SHIFT 16

/* -- IDs ---------------------------------------------------------------------------------- */

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
bool iort_is_plain_count(GHashTable *firsts, const struct iort_mapping *mapping)
{
	uint64_t last = (uint64_t)mapping->input_base + mapping->id_count;

	return mapping->id_count && last <= UINT32_MAX &&
	       g_hash_table_contains(firsts, GUINT_TO_POINTER((guint)last));
}

/* Linux takes the range that begins at the ID in question. */
uint32_t iort_last_nth(GHashTable *firsts, const struct iort_mapping *mapping)
{
	return mapping->id_count - iort_is_plain_count(firsts, mapping);
}

/* -- from an SMMU to an ITS group ------------------------------------------------------------ */

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

/* Nothing to say of an IOMMU that could not be added, or whose group says it. */
void iort_read_msis(struct iort_reading *reading, const struct record *node)
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
			.id_last = mapping->input_base + iort_last_nth(firsts, mapping),
			.its = iort_its_at(reading, mapping->output_reference),
			.device_id_first = mapping->output_base,
			.place = table_place(reading->table, record->at),
		};

		if (range.its && !iort_is_said(reading, node))
			viommu_topology_add_msi_range(reading->topology, &range);
	}
}

/* -- from a root complex -------------------------------------------------------------------- */

/* A root complex being read: one segment. */
struct complex {
	struct iort_reading *reading;
	uint16_t segment;
	const char *its; /* to which functions go on as they are; NULL: none */
	GHashTable *firsts;
	GArray *cover; /* which functions have a mapping */
};

/* The functions that a mapping is for; false if there are none. A single one is for all. */
static bool functions_of(const struct complex *complex, const struct iort_mapping *mapping,
			 uint16_t *ret_first, uint16_t *ret_last)
{
	uint64_t last = (uint64_t)mapping->input_base + iort_last_nth(complex->firsts, mapping);
	bool single = mapping->flags & IORT_MAPPING_SINGLE;

	*ret_first = single ? 0 : (uint16_t)mapping->input_base;
	*ret_last = single ? LAST_RID : (uint16_t)MIN(last, LAST_RID);
	return single || mapping->input_base <= LAST_RID;
}

/* Do functions go on to an ITS with segment and BDF, as they are? */
static bool is_identity(const struct complex *complex, const struct iort_mapping *mapping)
{
	return !(mapping->flags & IORT_MAPPING_SINGLE) &&
	       mapping->output_base ==
		       ((uint32_t)complex->segment << SEGMENT_SHIFT | mapping->input_base);
}

/* A single mapping gives all functions of the segment one ID. */
static void read_range(const struct complex *complex, const struct record *record,
		       const char *iommu)
{
	const struct iort_mapping *mapping = record->host;
	struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = complex->segment,
		.segment_last = complex->segment,
		.iommu = iommu,
		.id_first = mapping->output_base,
		.one_id = mapping->flags & IORT_MAPPING_SINGLE,
		.place = table_place(complex->reading->table, record->at),
	};

	functions_of(complex, mapping, &range.bdf_first, &range.bdf_last);
	viommu_topology_add_pci_range(complex->reading->topology, &range);
}

/* Functions that bypass, and whose MSIs do not go where those of their host bridge do. */
static void read_bypass(const struct complex *complex, const struct record *record, const char *its)
{
	const struct iort_mapping *mapping = record->host;
	struct viommu_msi_range range = {
		.size = sizeof(range),
		.segment = complex->segment,
		.its = its,
		.device_id_first = mapping->output_base,
		.place = table_place(complex->reading->table, record->at),
	};

	functions_of(complex, mapping, &range.bdf_first, &range.bdf_last);
	if (g_strcmp0(its, complex->its) != 0 || !is_identity(complex, mapping))
		viommu_topology_add_msi_range(complex->reading->topology, &range);
}

/* Every mapping as it stands: where two overlap, the first one that was added counts here too. */
static void read_mapping(struct complex *complex, const struct record *record)
{
	const struct iort_mapping *mapping = record->host;
	const char *iommu = iort_iommu_at(complex->reading, mapping->output_reference);
	const char *its = iort_its_at(complex->reading, mapping->output_reference);
	uint16_t first, last;

	if (!functions_of(complex, mapping, &first, &last)) {
		iort_lose(complex->reading, "iort-silent-mapping", record,
			  "IDs of a root complex that are no requester IDs");
		return;
	}
	cover_add(complex->cover, first, last, complex);
	if (iommu)
		read_range(complex, record, iommu);
	else if (its)
		read_bypass(complex, record, its);
}

/* MSIs of functions that no mapping has go nowhere, although their host bridge has an ITS group. */
static void read_gap(const struct complex *complex, uint64_t first, uint64_t end)
{
	const struct viommu_msi_range range = {
		.size = sizeof(range),
		.segment = complex->segment,
		.bdf_first = (uint16_t)first,
		.bdf_last = (uint16_t)(end - 1),
		.place = place_of_file(viommu_table_file(complex->reading->table)),
	};

	if (first < end)
		viommu_topology_add_msi_range(complex->reading->topology, &range);
}

/* Without an ITS group of the bridge, saying nothing is right already. */
static void read_gaps(const struct complex *complex)
{
	const struct span *span;
	uint64_t at = 0;

	if (!complex->its)
		return;
	cover_settle(complex->cover);
	for (size_t i = 0; (span = cover_get(complex->cover, i)); i++) {
		read_gap(complex, at, span->first);
		at = span->last + 1;
	}
	read_gap(complex, at, LAST_RID + 1);
}

/* The ITS group to which functions of this segment go as they are: the first of several. */
static const char *default_its(const struct complex *complex, const struct record *node)
{
	const struct record *record;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;
		const char *its = iort_its_at(complex->reading, mapping->output_reference);

		if (its && is_identity(complex, mapping))
			return its;
	}
	return NULL;
}

/* A table has no buses: all of them are below this bridge. */
static void read_bridge(const struct complex *complex, const struct record *node)
{
	const struct iort_root_complex *fields = node->host;
	struct viommu_host_bridge bridge = {
		.size = sizeof(bridge),
		.segment = complex->segment,
		.bus_last = UINT8_MAX,
		.its = complex->its,
		.ats = fields->ats & IORT_ATS,
		.pri = fields->ats & IORT_PRI,
		.pasid = fields->ats & IORT_PASID_FORWARD,
		.incoherent = !fields->memory.cache_coherent,
		.place = table_place(complex->reading->table, node->at),
	};

	if (fields->flags & IORT_PASID_SUPPORTED)
		bridge.pasid_bits = MIN(fields->pasid & IORT_PASID_WIDTH, VIOMMU_PASID_BITS_MAX);
	if (fields->node.revision && fields->address_limit < IORT_ADDRESS_BITS)
		bridge.address_bits = fields->address_limit;
	viommu_topology_add_host_bridge(complex->reading->topology, &bridge);
	iort_look_at_memory(complex->reading, node, &fields->memory);
}

/* The second root complex of a segment is one that Linux never sees, and a rule of the bytes. */
void iort_read_root_complex(struct iort_reading *reading, const struct record *node)
{
	const struct iort_root_complex *fields = node->host;
	struct complex complex = { .reading = reading, .segment = (uint16_t)fields->segment };
	const struct record *record;

	if (fields->segment > UINT16_MAX) {
		iort_lose(reading, "iort-silent-mapping", node, "a segment of more than 16 bits");
		return;
	}
	if (!g_hash_table_add(reading->segments, GUINT_TO_POINTER(fields->segment)))
		return;
	complex.its = default_its(&complex, node);
	complex.firsts = iort_first_ids(node);
	complex.cover = cover_new();
	read_bridge(&complex, node);
	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));)
		read_mapping(&complex, record);
	read_gaps(&complex);
	g_array_unref(complex.cover);
	g_hash_table_destroy(complex.firsts);
}
