/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The built-in topology of one virtio-iommu
 *
 * Has only what that IOMMU translates: ranges, sorted and disjoint, then devices. The device's own
 * fields stay 0; the device fills them in.
 */
#include <inttypes.h>

#include "builtin.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

struct writing {
	struct viommu_table *table;
	const struct viommu_topology *topology;
	const char *iommu;
	size_t n; /* number of items, including those beyond the limit */
	struct builtin_item *last;
	struct viommu_findings *findings;
};

#define ITEM_LENGTH 16u
#define ALIGNMENT   8u /* of addresses in items, for single 8-byte accesses */

/* The first item follows the head, with its address aligned. */
static size_t item_at(const struct viommu_table *table, size_t i)
{
	size_t head = table->root->layout->length;

	return (head + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT + i * ITEM_LENGTH;
}

/*
 * All items have the same length, which is the stride of the second form. Counts items beyond the
 * limit, but does not create them.
 */
static void write_item(struct writing *writing, const struct layout *layout,
		       struct builtin_item item)
{
	static const uint8_t nothing[ITEM_LENGTH];
	size_t at = item_at(writing->table, writing->n);
	struct record *record;

	if (writing->n++ >= builtin_form(writing->table)->max_items)
		return;
	item.type8 = (uint8_t)layout->type;
	item.type16 = (uint16_t)layout->type;
	item.length = layout->length;
	record = record_from_host(writing->table->root, layout, &item, at);
	record_add_rest(record, nothing, ITEM_LENGTH - layout->length);
	record_add_child(writing->table->root, record);
	if (writing->last)
		writing->last->next = (uint16_t)at;
	writing->last = record->host;
}

/* False for functions that bypass. */
static bool is_ours(const struct writing *writing, const char *iommu)
{
	return !g_strcmp0(iommu, writing->iommu);
}

/* -- items --------------------------------------------------------------------- */

/* Forms without a last segment use the first one only. */
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

/* Stops one item beyond the limit. */
static void write_each_segment(struct writing *writing, const struct viommu_pci_range *range)
{
	const struct builtin_form *form = builtin_form(writing->table);

	for (unsigned segment = range->segment_first;
	     segment <= range->segment_last && writing->n <= form->max_items; segment++)
		write_segments(writing, range, segment);
}

/* The IDs of an item are consecutive, so functions that share an ID need an item each. */
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

/* Skips pieces that bypass or are behind another IOMMU. */
static void write_range(void *opaque, const struct viommu_pci_range *range)
{
	struct writing *writing = opaque;

	if (!is_ours(writing, range->iommu))
		return;
	if (range->shared_id)
		write_one_by_one(writing, range);
	else if (layout_field(builtin_form(writing->table)->range, "Segment end"))
		write_segments(writing, range, range->segment_first);
	else
		write_each_segment(writing, range);
}

/* Identifies a platform device by its address, as in a VIOT. */
static void write_devices(struct writing *writing)
{
	const struct viommu_platform_device *device;

	for (size_t i = 0; (device = viommu_topology_platform_device(writing->topology, i)); i++) {
		struct builtin_item item = { .id = device->id, .address = device->base };

		if (is_ours(writing, device->iommu))
			write_item(writing, builtin_form(writing->table)->endpoint, item);
	}
}

/* In the standard, the same bit and byte mean bypass. */
static void warn_of_today(const struct writing *writing)
{
	report(writing->findings, "builtin-bypass", place_of_file(NULL),
	       "give it to guests of 2020 only, and VIOT to others",
	       "feature bit 6 and byte 36 mean bypass in the standard");
}

/* -- the IOMMU ----------------------------------------------------------------- */

/* The named IOMMU, or any. Reading an image gives the kind `other`. */
bool builtin_describes(const struct viommu_table *table, const struct viommu_iommu *iommu)
{
	return (iommu_is_virtio(iommu) || iommu->kind == VIOMMU_OTHER) &&
	       (!table->iommu || g_str_equal(table->iommu, iommu->name));
}

/* The named IOMMU; without a name, the only one. */
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

/* Sets counts and offsets last. The offset of an empty list is 0. */
static void write_items(struct writing *writing)
{
	struct viommu_table *table = writing->table;
	size_t head = table->root->layout->length, first = item_at(table, 0), n;
	static const uint8_t nothing[ALIGNMENT];

	if (head < first)
		record_add_child(table->root,
				 record_new_bytes(table->root, nothing, first - head, head));
	topology_for_each_pci_range(writing->topology, write_range, writing);
	write_devices(writing);
	n = MIN(writing->n, builtin_form(table)->max_items);
	builtin_set_head(table, "Offset", n ? first : 0);
	builtin_set_head(table, "Count", n);
	builtin_set_head(table, "Item length", ITEM_LENGTH);
}

/*
 * As viot_write(): writes all items before it checks the limit, so that the finding has their
 * number.
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
		       "name one of the virtio-iommus",
		       "a built-in topology is of one virtio-iommu, which has to be named");
		return false;
	}
	write_items(&writing);
	warn_of_today(&writing);
	if (writing.n <= max)
		return true;
	report(findings, "builtin-too-large", place_of_file(NULL),
	       "give whole host bridges to an IOMMU instead of single functions",
	       "the topology needs %zu items, but this form has at most %" PRIu32, writing.n, max);
	return false;
}
