/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_TOPOLOGY_H
#define VIOMMU_TABLES_TOPOLOGY_H

#include <viommu/topology.h>

/*
 * The topology inside the library: lists of objects by type, so that readers, writers and checks
 * can process all types in tables of rows
 */

/* In the order of the sections of the text form. */
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
	OBJECT_MONITOR,
	OBJECT_WIRE_BRIDGE,
	N_OBJECT_TYPES
};

/* Add a copy of an object of that type, as the viommu_topology_add_...() functions do. */
int topology_add(struct viommu_topology *topology, enum object_type type, const void *given);

/*
 * topology_get(): the i-th object of a type, or NULL after the last. topology_find(): the object
 * with that name, or NULL.
 */
const void *topology_get(const struct viommu_topology *topology, enum object_type type, size_t i);
size_t topology_count(const struct viommu_topology *topology, enum object_type type);
const void *topology_find(const struct viommu_topology *topology, enum object_type type,
			  const char *name);

/* The name of an object, and the names in its references; NULL if absent. */
const char *object_name(enum object_type type, const void *object);
const char *object_iommu(enum object_type type, const void *object);
const char *object_its(enum object_type type, const void *object);
const char *object_device(enum object_type type, const void *object);

/*
 * Replace the references of an object, as far as its type has them. The caller keeps the strings.
 */
void object_refer(enum object_type type, void *object, const char *iommu, const char *its);

const struct viommu_place *object_place(enum object_type type, const void *object);

#define for_each_object(i, object, topology, type) \
	for (size_t i = 0; ((object) = topology_get(topology, type, i)); i++)

/*
 * The signature of the table that the topology was read from, such as "VIOT": it selects how Linux
 * reads it. A static string; NULL for a topology that was read from no table.
 */
void topology_set_source(struct viommu_topology *topology, const char *signature);
const char *topology_source(const struct viommu_topology *topology);
bool topology_is_from(const struct viommu_topology *topology, const char *signature);

/* Why Linux uses nothing of that table, in static storage; NULL if Linux uses it. */
void topology_set_rejection(struct viommu_topology *topology, const char *why);
const char *topology_rejection(const struct viommu_topology *topology);

/*
 * Linux does not read the mappings of this object of the table: a host bridge, an IOMMU or a
 * platform device. The reason has static storage; NULL: it reads them. For a range of a RIMT: Linux
 * reads its mapping with one ID more.
 */
void topology_set_unread(struct viommu_topology *topology, const void *object, const char *why);
const char *topology_unread(const struct viommu_topology *topology, const void *object);

/*
 * Linux lets this IOMMU of the table translate nothing. The reason has static storage; NULL: it
 * uses the IOMMU.
 */
void topology_set_unused(struct viommu_topology *topology, const struct viommu_iommu *iommu,
			 const char *why);
const char *topology_unused(const struct viommu_topology *topology,
			    const struct viommu_iommu *iommu);

/*
 * behind.c. For the i-th IOMMU the index of the one that translates its accesses, which may be
 * itself, or SIZE_MAX; to be freed with memory_free(). Of ranges with its function the first one
 * counts, or the last.
 */
size_t *topology_behind(const struct viommu_topology *topology, bool last);

/*
 * Linux probes no IOMMU before the one that it is behind: it uses none in a cycle, and none that
 * leads there. Is an IOMMU behind itself such a cycle?
 */
void topology_note_waiting(struct viommu_topology *topology, bool last, bool by_itself,
			   const char *why);

/*
 * Set the proximity domain or the command queues of the i-th IOMMU: the only changes to an object
 * after it was added.
 */
void topology_set_domain(struct viommu_topology *topology, size_t i, uint32_t domain);
void topology_set_queues(struct viommu_topology *topology, size_t i,
			 const struct viommu_iommu_cmdqv *queues);

/* The signatures that have a header here; NULL after the last. */
const char *topology_signature(size_t i);

/* Is there an IOMMU of that kind? */
bool topology_has_kind(const struct viommu_topology *topology, enum viommu_iommu_kind kind);

static inline bool iommu_is_virtio(const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_VIRTIO_PCI || iommu->kind == VIOMMU_VIRTIO_MMIO;
}

static inline bool iommu_is_riscv(const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_RISCV || iommu->kind == VIOMMU_RISCV_PCI;
}

/* Others have registers at an address that a table states, not in a BAR. */
static inline bool iommu_has_window(const struct viommu_iommu *iommu)
{
	return iommu->kind != VIOMMU_VIRTIO_PCI && iommu->kind != VIOMMU_RISCV_PCI;
}

/* An AMD-Vi IOMMU is a PCI function and has a register window. */
static inline bool iommu_is_function(const struct viommu_iommu *iommu)
{
	return !iommu_has_window(iommu) || iommu->kind == VIOMMU_AMD_VI;
}

/*
 * Can IDs behind the IOMMU be chosen freely? On x86, IDs are requester IDs: a platform device has
 * the ID of an unused function.
 */
static inline bool iommu_ids_are_chosen(const struct viommu_iommu *iommu)
{
	return iommu->kind != VIOMMU_VTD && iommu->kind != VIOMMU_AMD_VI;
}

/*
 * Further IDs by the name of their device: struct pointers of struct viommu_device_id. To be freed
 * with hash_free().
 */
struct hash *topology_ids_by_device(const struct viommu_topology *topology);

/*
 * What kernels of other versions read from the same table; `kernels` says which, and is static. The
 * topology owns `other`.
 */
void topology_add_reading(struct viommu_topology *topology, struct viommu_topology *other,
			  const char *kernels);

/* The i-th table of a machine with several: topology_join(). It belongs to the topology. */
const struct viommu_topology *topology_part(const struct viommu_topology *topology, size_t i);
void topology_add_part(struct viommu_topology *topology, struct viommu_topology *part);

/* join.c */
struct viommu_topology *topology_join(const struct viommu_topology *first,
				      const struct viommu_topology *second);

/* As topology_for_each_pci_range(), but only the pieces of host bridges. */
void topology_for_each_bridge_range(const struct viommu_topology *topology,
				    void (*each)(void *opaque,
						 const struct viommu_pci_range *range),
				    void *opaque);

/* Do two of its ranges have a function in common? */
bool topology_ranges_overlap(const struct viommu_topology *topology);

/* The number of segments of a range. */
static inline size_t range_segments(const struct viommu_pci_range *range)
{
	return (size_t)(range->segment_last - range->segment_first) + 1;
}

/* Are the functions of the range known? Buses at the end of a path are not. */
static inline bool range_is_known(const struct viommu_pci_range *range)
{
	return !range->path;
}

/* The functions below the bridge of a range; false if there are none, or they are unknown. */
static inline bool range_below(const struct viommu_pci_range *range, uint16_t *ret_first,
			       uint16_t *ret_last)
{
	*ret_first = (uint16_t)(range->secondary_bus << 8);
	*ret_last = (uint16_t)(range->subordinate_bus << 8 | 0xff);
	return range->scope == VIOMMU_SCOPE_BRIDGE && range->secondary_bus;
}

/* The ID of a function in a range; it may exceed 32 bits. */
static inline uint64_t range_id(const struct viommu_pci_range *range, uint16_t segment,
				uint16_t bdf)
{
	if (range->shared_id)
		return range->id_first;
	return (uint64_t)range->id_first + ((uint64_t)(segment - range->segment_first) << 16) +
	       (uint64_t)(bdf - range->bdf_first);
}

/* The work of the public functions of these names (tables/public/). */
struct viommu_topology *topology_new(void);
int topology_add_iommu(struct viommu_topology *topology, const struct viommu_iommu *iommu);
int topology_add_host_bridge(struct viommu_topology *topology,
			     const struct viommu_host_bridge *bridge);
int topology_add_pci_range(struct viommu_topology *topology, const struct viommu_pci_range *range);
int topology_add_platform_device(struct viommu_topology *topology,
				 const struct viommu_platform_device *device);
int topology_add_its_group(struct viommu_topology *topology, const struct viommu_its_group *group);
int topology_add_device_id(struct viommu_topology *topology,
			   const struct viommu_device_id *device_id);
int topology_add_msi_range(struct viommu_topology *topology, const struct viommu_msi_range *range);
int topology_add_interrupt_source(struct viommu_topology *topology,
				  const struct viommu_interrupt_source *source);
int topology_add_ats(struct viommu_topology *topology, const struct viommu_ats *ats);
int topology_add_reserved_memory(struct viommu_topology *topology,
				 const struct viommu_reserved_memory *memory);
int topology_add_monitor(struct viommu_topology *topology, const struct viommu_monitor *monitor);
int topology_add_wire_bridge(struct viommu_topology *topology,
			     const struct viommu_wire_bridge *bridge);
void topology_for_each_pci_range(const struct viommu_topology *topology,
				 void (*each)(void *opaque, const struct viommu_pci_range *range),
				 void *opaque);

struct viommu_topology *topology_expand(const struct viommu_topology *topology,
					bool (*below)(void *opaque, uint16_t segment, uint16_t bdf,
						      uint8_t *ret_first, uint8_t *ret_last),
					void *opaque);

#endif
