/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Root complexes of an IORT, as host bridges with ranges of functions and of MSIs
 *
 * An ID mapping to an SMMU becomes a range of functions; one to an ITS group is for functions that
 * bypass. If an ID is unchanged on its way to the ITS, the host bridge names the ITS group, and no
 * range is needed.
 */
#include "base/array.h"
#include "base/hash.h"
#include "tables/model/partition.h"
#include "tables/findings/findings.h"
#include "read.h"
#include "tables/model/topology.h"

#define LAST_RID      0xffffu
#define SEGMENT_SHIFT 16

/* A root complex that is being read: one segment. */
struct complex {
	struct iort_reading *reading;
	uint16_t segment;
	const char *its; /* receives the IDs of functions unchanged; NULL: none */
	struct hash *firsts;
	struct array *partition; /* functions that have a mapping */
};

/* The functions of a mapping; false if there are none. A single mapping is for all of them. */
static bool functions_of(const struct complex *complex, const struct iort_mapping *mapping,
			 uint16_t *ret_first, uint16_t *ret_last)
{
	uint64_t last =
		(uint64_t)mapping->input_base + iort_effective_id_count(complex->firsts, mapping);
	bool single = mapping->flags & IORT_MAPPING_SINGLE;

	*ret_first = single ? 0 : (uint16_t)mapping->input_base;
	*ret_last = single ? LAST_RID : (uint16_t)MIN(last, LAST_RID);
	return single || mapping->input_base <= LAST_RID;
}

/* Does the ITS receive segment and BDF unchanged? */
static bool is_identity(const struct complex *complex, const struct iort_mapping *mapping)
{
	return !(mapping->flags & IORT_MAPPING_SINGLE) &&
	       mapping->output_base ==
		       ((uint32_t)complex->segment << SEGMENT_SHIFT | mapping->input_base);
}

/* A single mapping gives all functions of the segment the same ID. */
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
		.shared_id = mapping->flags & IORT_MAPPING_SINGLE,
		.place = table_place(complex->reading->table, record->at),
	};

	functions_of(complex, mapping, &range.bdf_first, &range.bdf_last);
	topology_add_pci_range(complex->reading->topology, &range);
}

static struct viommu_msi_range msis_of(const struct complex *complex, const struct record *record,
				       const char *its)
{
	const struct iort_mapping *mapping = record->host;
	struct viommu_msi_range range = {
		.size = sizeof(range),
		.segment = complex->segment,
		.its = its,
		.device_id_first = mapping->output_base,
		.shared_id = mapping->flags & IORT_MAPPING_SINGLE,
		.place = table_place(complex->reading->table, record->at),
	};

	functions_of(complex, mapping, &range.bdf_first, &range.bdf_last);
	return range;
}

/* Functions that bypass need a range only if their MSIs differ from those of their host bridge. */
static void read_bypass(const struct complex *complex, const struct record *record, const char *its)
{
	const struct viommu_msi_range range = msis_of(complex, record, its);

	if (g_strcmp0(its, complex->its) != 0 || !is_identity(complex, record->host))
		topology_add_msi_range(complex->reading->topology, &range);
}

/* Functions that reach nothing, MSIs included. Linux looks for the node at offset 0. */
static void read_null(const struct complex *complex, const struct record *record)
{
	static const char why[] = "Linux takes the head of the table for a node, follows what it "
				  "reads there, and may crash";
	const struct viommu_msi_range range = msis_of(complex, record, NULL);
	struct viommu_topology *topology = complex->reading->topology;
	size_t n = topology_count(topology, OBJECT_MSI_RANGE);

	if (topology_add_msi_range(topology, &range) == 0)
		topology_set_unread(topology, topology_get(topology, OBJECT_MSI_RANGE, n), why);
}

/* Does the mapping of one ID give the next function the same ID as the one before? */
static bool is_alias_of(const struct iort_mapping *mapping, const struct iort_mapping *before,
			uint32_t nth)
{
	return !mapping->flags && !mapping->id_count &&
	       mapping->input_base == before->input_base + nth && mapping->input_base <= LAST_RID &&
	       mapping->output_base == before->output_base &&
	       mapping->output_reference == before->output_reference;
}

/*
 * Output IDs of a mapping count up, so functions that share an ID, as those behind a bridge to
 * conventional PCI do, have a mapping each. How many there are that continue this one?
 */
static uint32_t count_aliases(const struct record *node, guint next, const struct record *record)
{
	const struct iort_mapping *mapping = record->host;
	uint32_t n = 0;

	if (mapping->flags || mapping->id_count)
		return 0;
	while ((record = iort_next(node, &iort_mapping_layout, &next)) &&
	       is_alias_of(record->host, mapping, n + 1))
		n++;
	return n;
}

/* The functions of all these mappings, as one range. */
static void read_aliases(const struct complex *complex, const struct record *record,
			 const char *iommu, uint32_t n)
{
	const struct iort_mapping *mapping = record->host;
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = complex->segment,
		.segment_last = complex->segment,
		.bdf_first = (uint16_t)mapping->input_base,
		.bdf_last = (uint16_t)(mapping->input_base + n),
		.iommu = iommu,
		.id_first = mapping->output_base,
		.shared_id = true,
		.place = table_place(complex->reading->table, record->at),
	};

	partition_add(complex->partition, range.bdf_first, range.bdf_last, complex);
	topology_add_pci_range(complex->reading->topology, &range);
}

/* Mappings stay as they are: where two overlap, the first one counts, in a topology too. */
static void read_mapping(struct complex *complex, const struct record *record)
{
	const struct iort_mapping *mapping = record->host;
	const char *iommu = iort_iommu_at(complex->reading, mapping->output_reference);
	const char *its = iort_its_at(complex->reading, mapping->output_reference);
	uint16_t first, last;

	if (!functions_of(complex, mapping, &first, &last)) {
		iort_report_dropped(complex->reading, "iort-silent-mapping", record,
				    "IDs of a root complex beyond the last requester ID");
		return;
	}
	partition_add(complex->partition, first, last, complex);
	if (iommu)
		read_range(complex, record, iommu);
	else if (its)
		read_bypass(complex, record, its);
	else if (!mapping->output_reference)
		read_null(complex, record);
}

static void read_mappings(struct complex *complex, const struct record *node)
{
	const struct record *record;
	uint32_t n;

	for (guint i = 0; (record = iort_next(node, &iort_mapping_layout, &i));) {
		const struct iort_mapping *mapping = record->host;
		const char *iommu = iort_iommu_at(complex->reading, mapping->output_reference);

		n = iommu ? count_aliases(node, i, record) : 0;
		if (!n)
			read_mapping(complex, record);
		else
			read_aliases(complex, record, iommu, n);
		while (n--)
			iort_next(node, &iort_mapping_layout, &i);
	}
}

/* MSIs of functions without a mapping go nowhere, although their host bridge has an ITS group. */
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
		topology_add_msi_range(complex->reading->topology, &range);
}

static void read_gaps(const struct complex *complex)
{
	const struct span *span;
	uint64_t at = 0;

	if (!complex->its)
		return;
	partition_resolve(complex->partition);
	for (size_t i = 0; (span = partition_get(complex->partition, i)); i++) {
		read_gap(complex, at, span->first);
		at = span->last + 1;
	}
	read_gap(complex, at, LAST_RID + 1);
}

/* The ITS group that receives IDs of this segment unchanged: the first one of several. */
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

/* IORT has no bus numbers: the bridge has all of them. */
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
		.access = iort_read_access(&fields->memory),
		.place = table_place(complex->reading->table, node->at),
	};

	if (fields->flags & IORT_PASID_SUPPORTED)
		bridge.pasid_bits = MIN(fields->pasid & IORT_PASID_WIDTH, VIOMMU_PASID_BITS_MAX);
	if (fields->node.revision && fields->address_limit < IORT_ADDRESS_BITS)
		bridge.address_bits = fields->address_limit;
	topology_add_host_bridge(complex->reading->topology, &bridge);
	iort_note_linux(complex->reading, node, OBJECT_HOST_BRIDGE);
	iort_check_memory_properties(complex->reading, node, &fields->memory);
}

/* Linux never uses the second root complex of a segment, which is a finding of the checks. */
void iort_read_root_complex(struct iort_reading *reading, const struct record *node)
{
	const struct iort_root_complex *fields = node->host;
	struct complex complex = { .reading = reading, .segment = (uint16_t)fields->segment };

	if (fields->segment > UINT16_MAX) {
		iort_report_dropped(reading, "iort-silent-mapping", node,
				    "a segment of more than 16 bits");
		return;
	}
	if (!hash_add(reading->segments, GUINT_TO_POINTER(fields->segment)))
		return;
	complex.its = default_its(&complex, node);
	complex.firsts = iort_first_ids(node);
	complex.partition = partition_new();
	read_bridge(&complex, node);
	read_mappings(&complex, node);
	read_gaps(&complex);
	array_free(complex.partition);
	hash_free(complex.firsts);
}
