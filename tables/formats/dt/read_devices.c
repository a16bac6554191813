/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of a device tree that are not PCI: nodes with `iommus`
 *
 * `iommus` is a list of <PHANDLE ID...>; #iommu-cells of the IOMMU gives the cells after the
 * phandle. The second cell of an Arm SMMU of version 1 or 2 is a mask of ID bits to ignore, so that
 * one entry stands for several IDs.
 */
#include "base/array.h"
#include "base/hash.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* Each mask bit that leaves a gap doubles the number of entries. */
#define MAX_GAPS 8

/* IDs behind an IOMMU: `n` from `first`, repeated for each combination of the bits of `gaps`. */
struct ids {
	uint32_t first, n, gaps;
};

/* A tree lists single IDs. Contiguous ones are merged before they are added to the topology. */
struct device {
	struct dt_reading *reading;
	const struct dt_node *node;
	char *path;
	bool added;                   /* the device; its further IDs are objects of their own */
	const struct dt_iommu *iommu; /* of the IDs not yet added; NULL: none */
	uint32_t first, n;
};

/* -- IDs --------------------------------------------------------------------------- */

/* The low ones of a mask give contiguous IDs. */
static struct ids ids_of(uint32_t id, uint32_t mask)
{
	uint32_t low = mask & ~(mask + 1);

	return (struct ids){ id & ~mask, low + 1, mask & ~low };
}

/* Stream ID and mask have 15 bits each. */
#define MASK_SHIFT 16

/* With one cell, the mask is in its upper half, as in early trees. */
static struct ids read_ids(const struct dt_node *iommu, const struct dt_property *iommus, size_t at,
			   size_t cells)
{
	uint32_t id = cells ? dt_cell(iommus, at) : 0;
	uint32_t mask = cells > 1 ? dt_cell(iommus, at + 1) & G_MAXUINT16 : id >> MASK_SHIFT;

	if (!dt_is_smmu_v2(iommu))
		return (struct ids){ id, 1, 0 };
	return ids_of(id & G_MAXUINT16, mask);
}

typedef void each_ids(void *opaque, const struct dt_node *iommu, uint32_t first, uint32_t n);

/* A mask of 15 bits could give 32768 entries. */
static bool has_too_many_gaps(const struct ids *ids)
{
	return __builtin_popcount(ids->gaps) > MAX_GAPS;
}

/* Every combination of the bits of `gaps`: the subtraction carries over the other bits. */
static void for_each_ids(const struct dt_node *iommu, const struct ids *ids, each_ids *each,
			 void *opaque)
{
	uint32_t gaps = has_too_many_gaps(ids) ? 0 : ids->gaps, gap = 0;

	do {
		each(opaque, iommu, ids->first | gap, ids->n);
		gap = (gap - gaps) & gaps;
	} while (gap);
}

/* -- objects ------------------------------------------------------------------------ */

/* A device of which no reference is valid is not added. */
static void add_device(struct device *device, const char *iommu, uint32_t id, uint32_t n)
{
	const struct dt_node *node = device->node;
	struct viommu_platform_device added = {
		.size = sizeof(added),
		.name = device->path,
		.iommu = iommu,
		.id = id,
		.n_ids = n > 1 ? n : 0,
		.has_proximity_domain = dt_has_number(node, "numa-node-id"),
		.proximity_domain = dt_number(node, "numa-node-id", 0),
		.pasid_bits = dt_number(node, "pasid-num-bits", 0),
		.stall = dt_property(node, "dma-can-stall"),
		.incoherent = !dt_is_coherent(node),
		.place = dt_place(device->reading->tree, node, NULL),
	};
	uint64_t span;

	if (!dt_registers(node, &added.base, &span))
		added.base = 0;
	if (added.pasid_bits > VIOMMU_PASID_BITS_MAX)
		added.pasid_bits = VIOMMU_PASID_BITS_MAX;
	topology_add_platform_device(device->reading->topology, &added);
	device->added = true;
}

/*
 * Add the merged IDs. The first ones belong to the device object, others are objects of their own.
 */
static void add_ids(struct device *device)
{
	const struct viommu_device_id more = {
		.size = sizeof(more),
		.device = device->path,
		.iommu = device->iommu ? device->iommu->name : NULL,
		.id = device->first,
		.n_ids = device->n > 1 ? device->n : 0,
		.place = dt_place(device->reading->tree, device->node, "iommus"),
	};

	if (device->iommu && !device->added)
		add_device(device, more.iommu, device->first, device->n);
	else if (device->iommu)
		topology_add_device_id(device->reading->topology, &more);
}

/* Merge contiguous IDs. */
static void merge_ids(void *opaque, const struct dt_node *iommu, uint32_t first, uint32_t n)
{
	struct device *device = opaque;
	const struct dt_iommu *known = hash_lookup(device->reading->iommus, iommu);

	if (known == device->iommu && first == device->first + device->n && first) {
		device->n += n;
		return;
	}
	add_ids(device);
	device->iommu = known;
	device->first = first;
	device->n = n;
}

/* -- the list ------------------------------------------------------------------------- */

/*
 * The index of the next entry. Without the IOMMU the length of the entry is unknown, and the list
 * ends.
 */
static size_t read_entry(struct device *device, const struct dt_property *iommus, size_t at)
{
	struct dt_reading *reading = device->reading;
	const struct dt_node *target = dt_target(reading->tree, dt_cell(iommus, at));
	size_t cells = target ? dt_cell_count(target, "#iommu-cells", 0) : 0;
	const struct dt_iommu *iommu =
		dt_iommu_of(reading, device->node, "iommus", dt_cell(iommus, at));
	struct ids ids;

	if (!target || !dt_has_number(target, "#iommu-cells"))
		return dt_cells(iommus);
	if (dt_cells(iommus) - at - 1 < cells) {
		report(reading->findings, "dt-iommus-short",
		       dt_place(reading->tree, device->node, "iommus"),
		       "write as many cells as #iommu-cells of the IOMMU",
		       "%s has #iommu-cells = <%zu>, but the cells after its phandle are %zu",
		       target->name, cells, dt_cells(iommus) - at - 1);
		return dt_cells(iommus);
	}
	ids = read_ids(target, iommus, at + 1, cells);
	if (iommu && has_too_many_gaps(&ids))
		report(reading->findings, "dt-iommus-mask",
		       dt_place(reading->tree, device->node, "iommus"),
		       "use a mask with fewer bits",
		       "the mask leaves more than %u gaps between IDs: only 0x%x is used",
		       1u << MAX_GAPS, ids.first);
	if (iommu)
		for_each_ids(target, &ids, merge_ids, device);
	return at + 1 + cells;
}

/* Linux reads the whole cells. */
static void check_whole(struct dt_reading *reading, const struct dt_node *node,
			const struct dt_property *iommus)
{
	if (!iommus->length || iommus->length % sizeof(uint32_t))
		report(reading->findings, "dt-iommus-short",
		       dt_place(reading->tree, node, "iommus"),
		       "write the phandle of an IOMMU, and as many cells as its #iommu-cells",
		       "the property has %zu bytes, which are not entries of cells",
		       iommus->length);
}

static void read_device(struct dt_reading *reading, const struct dt_node *node,
			const struct dt_property *iommus)
{
	struct device device = { .reading = reading, .node = node, .path = dt_path(node) };

	check_whole(reading, node, iommus);
	for (size_t at = 0; at < dt_cells(iommus);)
		at = read_entry(&device, iommus, at);
	add_ids(&device);
	memory_free(device.path);
}

/* PCI functions are mapped by their host bridge. */
void dt_read_devices(struct dt_reading *reading)
{
	for_each_dt_node(node, reading->tree) {
		const struct dt_property *iommus = dt_property(node, "iommus");

		if (iommus && !dt_is_pci_function(node) && dt_is_available(node))
			read_device(reading, node, iommus);
	}
}

/* -- for comparing ---------------------------------------------------------------------- */

static void append_ids(void *opaque, const struct dt_node *iommu, uint32_t first, uint32_t n)
{
	struct dt_ids ids = { iommu, first, first + (n - 1) };

	array_append((struct array *)opaque, ids);
}

/* Any order that is the same for both lists. */
static gint compare_ids(gconstpointer a, gconstpointer b)
{
	const struct dt_ids *one = a, *other = b;

	if (one->iommu != other->iommu)
		return one->iommu < other->iommu ? -1 : 1;
	return (one->first > other->first) - (one->first < other->first);
}

/* Sort and merge, so that equivalent lists are equal. */
static void join_ids(struct array *list)
{
	guint n = 0;

	array_sort(list, compare_ids);
	for (guint i = 0; i < list->len; i++) {
		const struct dt_ids *next = &array_index(list, struct dt_ids, i);
		struct dt_ids *last = n ? &array_index(list, struct dt_ids, n - 1) : NULL;

		if (last && last->iommu == next->iommu && next->first <= last->last + UINT64_C(1))
			last->last = MAX(last->last, next->last);
		else
			array_index(list, struct dt_ids, n++) = *next;
	}
	array_set_size(list, n);
}

/* Without findings: reading the tree has reported them. */
struct array *dt_ids_read(const struct devicetree *tree, const struct dt_property *iommus)
{
	struct array *list = array_new(sizeof(struct dt_ids));
	size_t cells;

	for (size_t at = 0; at < dt_cells(iommus); at += 1 + cells) {
		const struct dt_node *target = dt_target(tree, dt_cell(iommus, at));
		struct ids ids;

		cells = target ? dt_cell_count(target, "#iommu-cells", 0) : 0;
		if (!target || dt_cells(iommus) - at - 1 < cells)
			break;
		ids = read_ids(target, iommus, at + 1, cells);
		for_each_ids(target, &ids, append_ids, list);
	}
	join_ids(list);
	return list;
}
