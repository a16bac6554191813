/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices that are not PCI, in a generated device tree
 *
 * All IDs of a device become one `iommus`. Its node is found by path or registers; in a new tree it
 * is created, with `reg` as far as known.
 */
#include <inttypes.h>
#include <string.h>

#include <libfdt.h>

#include "base/array.h"
#include "base/hash.h"
#include "write.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

/* More than any real device has. */
#define MAX_IDS 4096u

struct device {
	struct dt_writing *writing;
	const struct viommu_platform_device *device;
	struct dt_node *node;
	struct array *cells; /* of `iommus` */
};

/* -- IDs ---------------------------------------------------------------------------- */

/* IDs from `id` on: for each the phandle, the ID, and a mask if the IOMMU has a second cell. */
static void add_cells(struct device *d, const struct dt_node *iommu, uint32_t id, uint32_t mask,
		      uint32_t n)
{
	uint32_t cells[] = { dt_ensure_phandle(d->writing, (struct dt_node *)iommu), id, mask };
	size_t n_cells = 1 + dt_cell_count(iommu, "#iommu-cells", 1);

	for (; n && dt_has_room(d->writing, G_N_ELEMENTS(cells)); n--, cells[1]++)
		array_append_many(d->cells, cells, MIN(n_cells, G_N_ELEMENTS(cells)));
}

/* With a mask, an SMMU needs one entry for an aligned power of two of IDs. */
static bool fits_mask(const struct dt_node *iommu, uint32_t id, uint32_t n)
{
	return dt_is_smmu_v2(iommu) && dt_number(iommu, "#iommu-cells", 1) > 1 && !(n & (n - 1)) &&
	       !(id & (n - 1));
}

/* An omitted IOMMU has been reported; its devices get no entry. */
static void add_ids(struct device *d, const char *name, uint32_t id, uint32_t n)
{
	const struct dt_node *iommu = name ? hash_lookup(d->writing->iommus, name) : NULL;

	if (!iommu)
		return;
	n = MAX(n, 1);
	if (fits_mask(iommu, id, n)) {
		add_cells(d, iommu, id, n - 1, 1);
		return;
	}
	add_cells(d, iommu, id, 0, MIN(n, MAX_IDS));
	if (n <= MAX_IDS)
		return;
	report(d->writing->findings, "dt-ids", d->device->place, "correct the number of IDs",
	       "the device has %u consecutive IDs", n);
	d->writing->failed = true;
}

/* -- nodes --------------------------------------------------------------------------- */

/* A size of 0 in `reg` stands for unknown. */
static struct dt_node *create_node(struct dt_writing *writing,
				   const struct viommu_platform_device *device)
{
	const uint32_t reg[] = { (uint32_t)(device->base >> 32), (uint32_t)device->base, 0, 0 };
	auto_free char *name = memory_printf("device@%" PRIx64, device->base);
	struct dt_node *node = dt_create_node(writing, writing->tree->root, name);

	dt_set_cells(writing, node, "reg", reg, G_N_ELEMENTS(reg));
	if (!device->incoherent)
		dt_set(writing, node, "dma-coherent", NULL, 0);
	return node;
}

static struct dt_node *find_node(struct dt_writing *writing,
				 const struct viommu_platform_device *device)
{
	auto_free char *at = memory_printf("at 0x%" PRIx64, device->base);
	struct dt_node *node = dt_by_name(writing, device->name);

	if (!node)
		node = dt_by_window(writing, device->base);
	if (!node && !writing->into)
		node = create_node(writing, device);
	if (!node)
		dt_report_missing(writing, "device", device->name ? device->name : at,
				  device->place);
	return node;
}

/* -- all devices --------------------------------------------------------------- */

static void begin(struct device *d, struct dt_writing *writing,
		  const struct viommu_platform_device *device)
{
	*d = (struct device){ writing, device, find_node(writing, device),
			      array_new(sizeof(uint32_t)) };
	if (d->node)
		add_ids(d, device->iommu, device->id, device->n_ids);
}

/* Order and masks may differ. */
static bool has_same_ids(const struct device *d)
{
	const struct dt_property *there = dt_property(d->node, "iommus");
	auto_free fdt32_t *value = memory_new(fdt32_t, d->cells->len);
	const struct dt_property wanted = { .value = (const uint8_t *)value,
					    .length = d->cells->len * sizeof(*value) };
	struct array *one, *other;
	bool same;

	if (!there)
		return false;
	for (guint i = 0; i < d->cells->len; i++)
		value[i] = cpu_to_fdt32(array_index(d->cells, uint32_t, i));
	one = dt_ids_read(d->writing->tree, there);
	other = dt_ids_read(d->writing->tree, &wanted);
	same = one->len == other->len &&
	       !memcmp(one->data, other->data, one->len * sizeof(struct dt_ids));
	array_free(one);
	array_free(other);
	return same;
}

static void end(struct device *d)
{
	struct dt_writing *writing = d->writing;

	if (d->node && d->cells->len && !has_same_ids(d))
		dt_set_cells(writing, d->node, "iommus", (const uint32_t *)(void *)d->cells->data,
			     d->cells->len);
	else if (d->node && !d->cells->len)
		dt_clear(writing, d->node, "iommus");
	if (d->node && d->device->has_proximity_domain)
		dt_set_number(writing, d->node, "numa-node-id", d->device->proximity_domain);
	if (d->node && d->device->pasid_bits)
		dt_set_number(writing, d->node, "pasid-num-bits", d->device->pasid_bits);
	if (d->node && d->device->stall && !dt_property(d->node, "dma-can-stall"))
		dt_set(writing, d->node, "dma-can-stall", NULL, 0);
	array_free(d->cells);
}

static void add_further_ids(struct dt_writing *writing, const struct hash *by_name)
{
	const struct viommu_device_id *more;

	for_each_object(i, more, writing->topology, OBJECT_DEVICE_ID) {
		struct device *d = hash_lookup((struct hash *)by_name, more->device);

		if (d && d->node)
			add_ids(d, more->iommu, more->id, more->n_ids);
	}
}

/* Further IDs are objects of their own, so all devices are collected before any is written. */
void dt_write_devices(struct dt_writing *writing)
{
	size_t n = topology_count(writing->topology, OBJECT_PLATFORM_DEVICE);
	auto_free struct device *devices = memory_new(struct device, n);
	auto_hash struct hash *by_name = hash_new(&hash_text);
	const struct viommu_platform_device *device;

	for_each_object(i, device, writing->topology, OBJECT_PLATFORM_DEVICE) {
		begin(&devices[i], writing, device);
		if (device->name)
			hash_insert(by_name, (gpointer)device->name, &devices[i]);
	}
	add_further_ids(writing, by_name);
	for (size_t i = 0; i < n; i++)
		end(&devices[i]);
}
