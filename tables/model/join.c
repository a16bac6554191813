/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One machine out of several tables
 *
 * The topology has the objects of all tables, for maps, pictures and comparisons. Devices are
 * resolved in each table by itself (api/resolve.c), because Linux reads each in its own way.
 */
#include <string.h>

#include "topology.h"

static bool no_bridge(void *opaque, uint16_t segment, uint16_t bdf, uint8_t *ret_first,
		      uint8_t *ret_last)
{
	(void)opaque;
	(void)segment;
	(void)bdf;
	(void)ret_first;
	(void)ret_last;
	return false;
}

/* An object whose name is taken stays out. */
static void add_objects(struct viommu_topology *to, const struct viommu_topology *from)
{
	const void *object;

	for (int type = 0; type < N_OBJECT_TYPES; type++)
		for_each_object(i, object, from, (enum object_type)type)
			topology_add(to, (enum object_type)type, object);
}

static void copy_headers(struct viommu_topology *to, const struct viommu_topology *from)
{
	const struct viommu_table_header *header;
	const char *signature;

	for (size_t i = 0; (signature = topology_signature(i)); i++) {
		header = viommu_topology_header(from, signature);
		if (header)
			viommu_topology_set_header(to, signature, header);
	}
}

/* The ITS of all host bridges, NULL: none, or several. */
static const char *common_its(const struct viommu_topology *topology)
{
	const struct viommu_host_bridge *bridge;
	const char *its = NULL;

	for_each_object(i, bridge, topology, OBJECT_HOST_BRIDGE) {
		if (!bridge->its || (its && strcmp(its, bridge->its) != 0))
			return NULL;
		its = bridge->its;
	}
	return topology_count(topology, OBJECT_MSI_RANGE) ? NULL : its;
}

/* MSIs of a function count by its device ID; only if the IOMMU has the same, they can be its own.
 */
static bool has_function_ids(const struct viommu_topology *topology)
{
	const struct viommu_pci_range *range;

	for_each_object(i, range, topology, OBJECT_PCI_RANGE)
		if (range->shared_id ||
		    range->id_first != ((uint32_t)range->segment_first << 16 | range->bdf_first))
			return false;
	return !topology_count(topology, OBJECT_PLATFORM_DEVICE);
}

/* For the map: IOMMUs of the other table get the ITS of the host bridges. */
static void add_iommus(struct viommu_topology *to, const struct viommu_topology *from,
		       const char *its)
{
	const struct viommu_iommu *iommu;

	for_each_object(i, iommu, from, OBJECT_IOMMU) {
		struct viommu_iommu copy = *iommu;

		if (!copy.its)
			copy.its = its;
		topology_add(to, OBJECT_IOMMU, &copy);
	}
}

struct viommu_topology *topology_join(const struct viommu_topology *first,
				      const struct viommu_topology *second)
{
	struct viommu_topology *machine = topology_new();

	add_objects(machine, first);
	add_iommus(machine, second, has_function_ids(second) ? common_its(first) : NULL);
	add_objects(machine, second);
	copy_headers(machine, second);
	copy_headers(machine, first);
	topology_add_part(machine, topology_expand(first, no_bridge, NULL));
	topology_add_part(machine, topology_expand(second, no_bridge, NULL));
	return machine;
}
