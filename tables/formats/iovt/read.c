/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topology of an IOVT
 *
 * IOMMU nodes become loongarch0, loongarch1, ... of kind `other`, and what they translate becomes
 * ranges, in the order of the nodes: the first that has a function counts, as in Linux. The ID of a
 * function is its segment and BDF.
 */
#include "iovt.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

#define LAST_BDF 0xffffu

struct reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct viommu_findings *findings;
	const char *iommu; /* the name of the current one */
	uint16_t segment;
};

static void add_range(struct reading *reading, const struct record *entry, uint16_t first,
		      uint16_t last)
{
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = reading->segment,
		.segment_last = reading->segment,
		.bdf_first = first,
		.bdf_last = last,
		.iommu = reading->iommu,
		.id_first = (uint32_t)reading->segment << 16 | first,
		.place = table_place(reading->table, entry->at),
	};

	topology_add_pci_range(reading->topology, &range);
}

/* The function is for Linux's reader: 0 unless the IOMMU is one. */
static void read_iommu(struct reading *reading, const struct record *record)
{
	const struct iovt_iommu *node = record->host;
	auto_free char *name =
		memory_printf("loongarch%zu", topology_count(reading->topology, OBJECT_IOMMU));
	const struct viommu_iommu iommu = {
		.size = sizeof(iommu),
		.name = name,
		.kind = VIOMMU_OTHER,
		.segment = node->segment,
		.bdf = node->flags & IOVT_PCI ? (uint16_t)node->device_id : 0,
		.base = node->base,
		.has_proximity_domain = node->flags & IOVT_DOMAIN,
		.proximity_domain = node->flags & IOVT_DOMAIN ? node->proximity_domain : 0,
		.place = table_place(reading->table, record->at),
	};

	struct iovt_range range;

	if (topology_add_iommu(reading->topology, &iommu) < 0)
		return;
	reading->iommu = name;
	reading->segment = node->segment;
	if (node->flags & IOVT_WHOLE_SEGMENT)
		add_range(reading, record, 0, LAST_BDF);
	else
		for (guint i = 0; iovt_next_range(record, &i, &range);)
			if (!range.wrong)
				add_range(reading, range.entry, range.first, range.last);
}

struct viommu_topology *iovt_read(const struct viommu_table *table,
				  struct viommu_findings *findings)
{
	struct reading reading = { .table = table,
				   .topology = topology_new(),
				   .findings = findings };
	const struct record *record;

	for_each_structure(record, table)
		if (iovt_is_iommu(record))
			read_iommu(&reading, record);
	return reading.topology;
}
