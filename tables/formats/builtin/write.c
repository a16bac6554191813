/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A topology as what one of its virtio-iommus says of itself
 *
 * Only what that IOMMU translates is written: ranges first, sorted and disjoint, then devices.
 * The fields of the device itself stay 0, for it says them on its own.
 */
#include <inttypes.h>

#include "builtin.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

struct writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	const char *iommu;
	size_t n; /* items there would have to be */
	struct builtin_item *last;
	struct viommu_findings *findings;
};

#define ITEM_LENGTH 16u
#define ALIGNMENT   8u /* of addresses in items, where guests read them in one piece */

/* The first is behind the head, where an address of 8 bytes can stand. */
static size_t item_at(const struct viommu_table *table, size_t i)
{
	size_t head = table->root->layout->length;

	return (head + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + i * ITEM_LENGTH;
}

/*
 * Every item takes the same room, so that it is one stride in the form that has a stride. An item
 * too many is counted, but not made.
 */
static void write_item(struct writing *writing, const struct layout *layout,
		       struct builtin_item item)
{
	static const uint8_t nothing[ITEM_LENGTH];
	size_t at = item_at(writing->table, writing->n);
	uint8_t wire[ITEM_LENGTH] = { 0 };
	struct record *record;

	if (writing->n++ >= builtin_form(writing->table)->max_items)
		return;
	item.type8 = (uint8_t)layout->type;
	item.type16 = (uint16_t)layout->type;
	item.length = layout->length;
	layout_encode(layout, &item, wire);
	record = record_new(layout, wire, at);
	record_add_rest(record, nothing, ITEM_LENGTH - layout->length);
	record_add_child(writing->table->root, record);
	if (writing->last)
		writing->last->next = (uint16_t)at;
	writing->last = record->host;
}

/* What bypasses names no IOMMU, and is nobody's. */
static bool is_ours(const struct writing *writing, const char *iommu)
{
	return !g_strcmp0(iommu, writing->iommu);
}

/* -- what the IOMMU translates -------------------------------------------------------- */

/* Which of its segments there is room to speak of; in most forms, the first one. */
static void write_segments(struct writing *writing, const struct viommu_pci_range *range,
			   unsigned segment)
{
	const struct layout *layout = builtin_form(writing->table)->range;

	write_item(writing, layout,
		   (struct builtin_item){
			   .segment_first = (uint16_t)segment,
			   .segment_last = range->segment_last,
			   .bdf_first = range->bdf_first,
			   .bdf_last = range->bdf_last,
			   .id = (uint32_t)range_id(range, (uint16_t)segment, range->bdf_first),
		   });
}

/* One more than there is room for is enough to know that there are too many. */
static void write_each_segment(struct writing *writing, const struct viommu_pci_range *range)
{
	const struct builtin_form *form = builtin_form(writing->table);

	for (unsigned segment = range->segment_first;
	     segment <= range->segment_last && writing->n <= form->max_items; segment++)
		write_segments(writing, range, segment);
}

/* The IDs of an item count on, so functions that share one need an item each. */
static void write_one_by_one(struct writing *writing, const struct viommu_pci_range *range)
{
	struct viommu_pci_range one = *range;

	for (unsigned bdf = range->bdf_first;
	     bdf <= range->bdf_last && writing->n <= builtin_form(writing->table)->max_items;
	     bdf++) {
		one.bdf_first = one.bdf_last = (uint16_t)bdf;
		write_segments(writing, &one, one.segment_first);
	}
}

/* A piece that another IOMMU translates, or nobody, is not this device's to speak of. */
static void write_range(void *opaque, const struct viommu_pci_range *range)
{
	struct writing *writing = opaque;

	if (!is_ours(writing, range->iommu))
		return;
	if (range->one_id)
		write_one_by_one(writing, range);
	else if (layout_field(builtin_form(writing->table)->range, "Segment end"))
		write_segments(writing, range, range->segment_first);
	else
		write_each_segment(writing, range);
}

/* A platform device is known by its address, as in a VIOT. */
static void write_devices(struct writing *writing)
{
	const struct viommu_platform_device *device;

	for (size_t i = 0; (device = viommu_topology_platform_device(writing->topology, i)); i++) {
		struct builtin_item item = { .id = device->id, .address = device->base };

		if (is_ours(writing, device->iommu))
			write_item(writing, builtin_form(writing->table)->endpoint, item);
	}
}

/* A guest of today takes the same bit and the same byte for bypass. */
static void warn_of_today(const struct writing *writing)
{
	report(writing->findings, "builtin-bypass", place_of_file(NULL),
	       "give it to guests of 2020 only, and VIOT to others",
	       "feature bit 6 and byte 36 mean bypass in the standard");
}

/* -- whose it is --------------------------------------------------------------------------- */

/* The IOMMU that was named, or any: `other` is what reading an image gives. */
bool builtin_describes(const struct viommu_table *table, const struct viommu_iommu *iommu)
{
	return (iommu_is_virtio(iommu) || iommu->kind == VIOMMU_OTHER) &&
	       (!table->iommu || g_str_equal(table->iommu, iommu->name));
}

/* The IOMMU that was named; without a name, the one there is. */
static const char *choose_iommu(const struct viommu_table *table,
				const struct viommu_topology *topology)
{
	const struct viommu_iommu *iommu, *chosen = NULL;
	unsigned n = 0;

	for (size_t i = 0; (iommu = viommu_topology_iommu(topology, i)); i++) {
		if (!builtin_describes(table, iommu))
			continue;
		chosen = iommu;
		n++;
	}
	return n == 1 ? chosen->name : NULL;
}

/* Counts and offsets are known only when all is written; in an empty list the offset is 0. */
static void write_items(struct writing *writing)
{
	struct viommu_table *table = writing->table;
	size_t head = table->root->layout->length, first = item_at(table, 0), n;
	static const uint8_t nothing[ALIGNMENT];

	if (head < first)
		record_add_child(table->root, record_new_bytes(nothing, first - head, head));
	viommu_topology_for_each_pci_range(writing->topology, write_range, writing);
	write_devices(writing);
	n = MIN(writing->n, builtin_form(table)->max_items);
	builtin_set_head(table, "Offset", n ? first : 0);
	builtin_set_head(table, "Count", n);
	builtin_set_head(table, "Item length", ITEM_LENGTH);
}

/* As viot_write(): what does not fit is counted to its end, so that the finding can say by how
 * much.
 */
bool builtin_write(struct viommu_table *table, const struct viommu_topology *topology,
		   struct viommu_findings *findings)
{
	struct writing writing = {
		.table = table,
		.topology = topology,
		.iommu = choose_iommu(table, topology),
		.findings = findings,
	};
	uint32_t max = builtin_form(table)->max_items;

	if (!writing.iommu) {
		report(findings, "builtin-iommu", place_of_file(NULL),
		       "name one of its virtio-iommus",
		       "a built-in topology is that of one virtio-iommu, and this is not clear");
		return false;
	}
	write_items(&writing);
	warn_of_today(&writing);
	if (writing.n <= max)
		return true;
	report(findings, "builtin-too-large", place_of_file(NULL),
	       "give whole host bridges to an IOMMU instead of single functions",
	       "%zu items, and this form has at most %" PRIu32, writing.n, max);
	return false;
}
