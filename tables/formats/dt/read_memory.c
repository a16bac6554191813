/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-addresses: I/O virtual addresses that a device must keep, or must not use
 *
 * A child of /reserved-memory lists <PHANDLE ADDRESS SIZE>: a device, and addresses with the cells
 * of the device's bus. In Linux (of_iommu_get_resv_regions), addresses equal to those of the memory
 * itself are an identity mapping, and others are reserved.
 */
#include "base/array.h"
#include "read.h"
#include "tables/findings/findings.h"
#include "tables/model/topology.h"

#define DEFAULT_ADDRESS_CELLS 2
#define DEFAULT_SIZE_CELLS    1
#define CELLS_MAX             4

static size_t cells_of_bus(const struct dt_node *node, const char *name, uint32_t otherwise)
{
	const struct dt_node *bus = node->parent;

	return MIN(bus ? dt_cell_count(bus, name, otherwise) : otherwise, CELLS_MAX);
}

/* The last two cells of a number: devices have 64 bits. */
static uint64_t number(const struct dt_property *property, size_t at, size_t cells)
{
	uint64_t value = 0;

	for (size_t i = 0; i < cells; i++)
		value = value << 32 | dt_cell(property, at + i);
	return value;
}

/* Are these addresses those of the memory itself? */
static bool is_identity(const struct dt_node *memory, uint64_t first, uint64_t size)
{
	const struct dt_property *reg = dt_property(memory, "reg");
	size_t address_cells = cells_of_bus(memory, "#address-cells", DEFAULT_ADDRESS_CELLS);
	size_t size_cells = cells_of_bus(memory, "#size-cells", DEFAULT_SIZE_CELLS);

	return reg && dt_cells(reg) >= address_cells + size_cells &&
	       number(reg, 0, address_cells) == first &&
	       number(reg, address_cells, size_cells) == size;
}

/* For each IOMMU that the device is behind, and each interval of its IDs. */
static void add_memory(struct dt_reading *reading, const struct dt_node *device,
		       struct viommu_reserved_memory *memory)
{
	const struct dt_property *iommus = dt_property(device, "iommus");
	struct array *list = iommus ? dt_ids_read(reading->tree, iommus) : NULL;

	for (size_t i = 0; list && i < list->len; i++) {
		const struct dt_ids *ids = &array_index(list, struct dt_ids, i);
		const struct dt_iommu *iommu = hash_lookup(reading->iommus, ids->iommu);

		if (!iommu)
			continue;
		memory->iommu = iommu->name;
		memory->has_ids = true;
		memory->id_first = ids->first;
		memory->id_last = ids->last;
		topology_add_reserved_memory(reading->topology, memory);
	}
	if (list)
		array_free(list);
}

/* It is truncated or empty, or there is no device. */
static void report_entry(struct dt_reading *reading, const struct dt_node *node,
			 const struct dt_property *property, size_t at,
			 const struct dt_node *device)
{
	uint32_t phandle = dt_cell(property, at);
	struct viommu_place place = dt_place(reading->tree, node, property->name);

	if (device)
		report(reading->findings, "dt-addresses", place,
		       "write a phandle, an address and a size, with the cells of the device's bus",
		       "the entry for %s is truncated, or its size is 0", device->name);
	else if (!dt_is_unresolved(reading->tree, phandle))
		report(reading->findings, "dt-dangling", place, "write the phandle of a device",
		       "no node has phandle 0x%x", phandle);
}

/* Bounds the search for each entry; devices have a few. */
#define REGIONS_MAX 256u

/* Linux looks for iommu-addresses in what `memory-region` of the device refers to. */
static bool has_region(const struct dt_node *device, const struct dt_node *memory)
{
	const struct dt_property *regions = dt_property(device, "memory-region");

	for (size_t i = 0; i < MIN(dt_cells(regions), REGIONS_MAX); i++)
		if (dt_cell(regions, i) == dt_phandle(memory) && dt_phandle(memory))
			return true;
	return false;
}

static void check_region(struct dt_reading *reading, const struct dt_node *node,
			 const struct dt_property *property, const struct dt_node *device)
{
	if (!has_region(device, node) && dt_is_available(device))
		report(reading->findings, "dt-addresses-region",
		       dt_place(reading->tree, node, property->name),
		       "add a reference to this node to `memory-region` of the device",
		       "%s does not refer to %s in `memory-region`", device->name, node->name);
}

/* Returns the index of the next entry, or the end if the entry is truncated. */
static size_t read_entry(struct dt_reading *reading, const struct dt_node *node,
			 const struct dt_property *property, size_t at)
{
	const struct dt_node *device = dt_target(reading->tree, dt_cell(property, at));
	size_t address_cells =
		device ? cells_of_bus(device, "#address-cells", DEFAULT_ADDRESS_CELLS) : 0;
	size_t size_cells = device ? cells_of_bus(device, "#size-cells", DEFAULT_SIZE_CELLS) : 0;
	size_t next = at + 1 + address_cells + size_cells;
	uint64_t first, size;

	if (!device || next > dt_cells(property)) {
		report_entry(reading, node, property, at, device);
		return dt_cells(property);
	}
	check_region(reading, node, property, device);
	first = number(property, at + 1, address_cells);
	size = number(property, at + 1 + address_cells, size_cells);
	if (!size)
		report_entry(reading, node, property, at, device);
	if (size && size - 1 <= UINT64_MAX - first)
		add_memory(reading, device,
			   &(struct viommu_reserved_memory){
				   .size = sizeof(struct viommu_reserved_memory),
				   .first = first,
				   .last = first + (size - 1),
				   .kind = is_identity(node, first, size) ? VIOMMU_MEMORY_IDENTITY
									  : VIOMMU_MEMORY_RESERVED,
				   .place = dt_place(reading->tree, node, property->name),
			   });
	return next;
}

void dt_read_memory(struct dt_reading *reading)
{
	for_each_dt_node(node, reading->tree) {
		const struct dt_property *property =
			dt_is_label_list(node) ? NULL : dt_property(node, "iommu-addresses");

		for (size_t at = 0; property && reading->topology && at < dt_cells(property);)
			at = read_entry(reading, node, property, at);
	}
}
