/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The topology of a built-in topology image
 *
 * It has one IOMMU, the device that the image was read from. The image does not contain its
 * location, so the topology needs one before a table can be generated from it.
 */
#include <errno.h>

#include "base/array.h"
#include "builtin.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* The image has one IOMMU and no name for it. */
#define IOMMU "viommu0"

struct reading {
	const struct viommu_table *table;
	struct viommu_topology *topology;
	struct viommu_findings *findings;
};

/*
 * Only the shipped form has a last segment; in the others, a range has one segment. Omits what a
 * topology cannot represent, with a finding.
 */
static void read_range(const struct reading *reading, const struct record *record)
{
	const struct builtin_item *item = record->host;
	bool segments = layout_field(record->layout, "Segment end");
	const struct viommu_pci_range range = {
		.size = sizeof(range),
		.segment_first = item->segment_first,
		.segment_last = segments ? item->segment_last : item->segment_first,
		.bdf_first = item->bdf_first,
		.bdf_last = item->bdf_last,
		.id_first = item->id,
		.iommu = IOMMU,
		.place = table_place(reading->table, record->at),
	};
	int r = topology_add_pci_range(reading->topology, &range);

	if (r == -ENOSPC)
		report(reading->findings, "topology-segments", range.place,
		       "omit segments that the machine lacks",
		       "ranges cover more than 262144 segments; this one was omitted");
	else if (r < 0)
		report(reading->findings, "builtin-range-inverted", range.place,
		       "write the smaller number first",
		       "the range of segments or functions ends before it begins");
}

/* Accepts every address and ID; the rules of topologies report duplicates. */
static void read_endpoint(const struct reading *reading, const struct record *record)
{
	const struct builtin_item *item = record->host;
	const struct viommu_platform_device device = {
		.size = sizeof(device),
		.base = item->address,
		.id = item->id,
		.iommu = IOMMU,
		.place = table_place(reading->table, record->at),
	};

	topology_add_platform_device(reading->topology, &device);
}

/* Decoding has numbered the items. Bytes have neither layout nor number. */
static gint compare_order(gconstpointer a, gconstpointer b)
{
	const struct record *const *left = a, *const *right = b;
	const struct builtin_item *left_item = (*left)->host, *right_item = (*right)->host;

	return left_item->order < right_item->order ? -1 : left_item->order > right_item->order;
}

/* In the order of readers: the first of two overlapping ranges wins. */
static struct pointers *items_in_order(const struct viommu_table *table)
{
	struct pointers *items = pointers_new(NULL);
	struct record *record;

	for_each_child(i, record, table->root)
		if (record->layout)
			pointers_add(items, record);
	pointers_sort(items, compare_order);
	return items;
}

/* The IOMMU exists even without items. */
struct viommu_topology *builtin_read(const struct viommu_table *table,
				     struct viommu_findings *findings)
{
	const struct viommu_iommu iommu = {
		.size = sizeof(iommu),
		.name = IOMMU,
		.kind = VIOMMU_OTHER,
		.place = table_place(table, 0),
	};
	const struct builtin_form *form = builtin_form(table);
	struct reading reading = { table, topology_new(), findings };
	struct pointers *items = items_in_order(table);

	topology_add_iommu(reading.topology, &iommu);
	for (guint i = 0; i < items->len; i++) {
		const struct record *record = items->pdata[i];

		if (record->layout == form->range)
			read_range(&reading, record);
		else if (record->layout == form->endpoint)
			read_endpoint(&reading, record);
	}
	pointers_free(items);
	return reading.topology;
}
