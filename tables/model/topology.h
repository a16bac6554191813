/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_TOPOLOGY_H
#define VIOMMU_TABLES_TOPOLOGY_H

#include <viommu/topology.h>

/*
 * The topology as the rest of the library sees it: lists of objects by type, so that readers,
 * writers and checks can be tables of rows over all of them.
 */

/* In the order in which the text form has its sections. */
enum object_type {
	OBJECT_IOMMU,
	OBJECT_HOST_BRIDGE,
	OBJECT_PCI_RANGE,
	OBJECT_PLATFORM_DEVICE,
	OBJECT_DEVICE_ID,
	OBJECT_ITS_GROUP,
	OBJECT_MSI_RANGE,
	OBJECT_INTERRUPT_SOURCE,
	OBJECT_ATS,
	OBJECT_RESERVED_MEMORY,
	N_OBJECT_TYPES
};

/* Add a copy of an object of that type, as the viommu_topology_add_...() functions do. */
int topology_add(struct viommu_topology *topology, enum object_type type, const void *given);

/* The i-th of a type in the order added, or NULL; how many there are; the one of that name. */
const void *topology_get(const struct viommu_topology *topology, enum object_type type, size_t i);
size_t topology_count(const struct viommu_topology *topology, enum object_type type);
const void *topology_find(const struct viommu_topology *topology, enum object_type type,
			  const char *name);

/* An object's own name, and those it refers to, each or NULL; and where it was said. */
const char *object_name(enum object_type type, const void *object);
const char *object_iommu(enum object_type type, const void *object);
const char *object_its(enum object_type type, const void *object);
const char *object_device(enum object_type type, const void *object);

/* Let an object refer to others, as far as its type does; the strings stay the caller's. */
void object_refer(enum object_type type, void *object, const char *iommu, const char *its);

const struct viommu_place *object_place(enum object_type type, const void *object);

#define for_each_object(i, object, topology, type) \
	for (size_t i = 0; ((object) = topology_get(topology, type, i)); i++)

/*
 * Which table the topology was read from ("VIOT"): what Linux does with it depends on that.
 * A static string; NULL, as in the beginning, for a topology that was read from no table.
 */
void topology_set_source(struct viommu_topology *topology, const char *signature);
const char *topology_source(const struct viommu_topology *topology);

/* The one thing that is learned of an object later: the proximity domain of the i-th IOMMU. */
void topology_set_domain(struct viommu_topology *topology, size_t i, uint32_t domain);

/* The signatures that have a header here; NULL behind the last. */
const char *topology_signature(size_t i);

static inline bool iommu_is_virtio(const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_VIRTIO_PCI || iommu->kind == VIOMMU_VIRTIO_MMIO;
}

/* Is the IOMMU a PCI function, has it a register window? An AMD-Vi is and has. */
static inline bool iommu_is_function(const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_VIRTIO_PCI || iommu->kind == VIOMMU_AMD_VI;
}

/*
 * Does somebody choose what IDs its devices have? On x86 they are functions: a device that is none
 * has that of a function which shows no more, and that may be one of its host bridge's.
 */
static inline bool iommu_ids_are_chosen(const struct viommu_iommu *iommu)
{
	return iommu->kind != VIOMMU_VTD && iommu->kind != VIOMMU_AMD_VI;
}

static inline bool iommu_has_window(const struct viommu_iommu *iommu)
{
	return iommu->kind != VIOMMU_VIRTIO_PCI;
}

/*
 * What viommu_topology_for_each_pci_range() tells, of host bridges alone: what ranges leave to
 * them.
 */
void topology_for_each_bridge_range(const struct viommu_topology *topology,
				    void (*each)(void *opaque,
						 const struct viommu_pci_range *range),
				    void *opaque);

/* Do two of its ranges speak of the same function? */
bool topology_ranges_overlap(const struct viommu_topology *topology);

/* How many segments a range speaks of. */
static inline size_t range_segments(const struct viommu_pci_range *range)
{
	return (size_t)(range->segment_last - range->segment_first) + 1;
}

/*
 * Is it known which functions a range speaks of? At the end of a path of several hops nobody
 * knows the bus.
 */
static inline bool range_is_known(const struct viommu_pci_range *range)
{
	return !range->path;
}

/* The functions below the bridge that a range speaks of: false if there are none, or unknown. */
static inline bool range_below(const struct viommu_pci_range *range, uint16_t *ret_first,
			       uint16_t *ret_last)
{
	*ret_first = (uint16_t)(range->below_first << 8);
	*ret_last = (uint16_t)(range->below_last << 8 | 0xff);
	return range->scope == VIOMMU_SCOPE_BRIDGE && range->below_first;
}

/* The ID that a function of a range has; it may be beyond 32 bits. */
static inline uint64_t range_id(const struct viommu_pci_range *range, uint16_t segment,
				uint16_t bdf)
{
	if (range->one_id)
		return range->id_first;
	return (uint64_t)range->id_first + ((uint64_t)(segment - range->segment_first) << 16) +
	       (uint64_t)(bdf - range->bdf_first);
}

#endif
