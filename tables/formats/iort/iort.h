/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IORT_H
#define VIOMMU_TABLES_IORT_H

#include "base/hash.h"
#include "tables/table/format.h"

/*
 * IORT structures as the readers, writers and checks see them: members in the order of the
 * specification. layout.c has their rows.
 *
 * A node has a fixed part, and arrays behind it whose offset and count are fields of the node. The
 * record of a node has the fixed part, and one child per element.
 */

enum iort_type {
	IORT_ITS_GROUP = 0,
	IORT_NAMED_COMPONENT = 1,
	IORT_ROOT_COMPLEX = 2,
	IORT_SMMU_V2 = 3, /* also version 1: the model says which */
	IORT_SMMU_V3 = 4,
	IORT_PMCG = 5,
	IORT_RMR = 6,
	IORT_IWB = 7,

	/* Never published. One draft wraps an IORT with these nodes in another table. */
	IORT_VIRTIO_PCI = 0x80,
	IORT_VIRTIO_MMIO = 0x81,

	IORT_UNKNOWN = LAYOUT_UNKNOWN, /* no type has this value */
};

/* Table revisions that introduced a field or a node. */
enum iort_revision {
	IORT_REVISION_D = 0,
	IORT_REVISION_E_B = 3, /* identifiers, RMR nodes */
	IORT_REVISION_E_D = 5, /* RMR nodes as Linux reads them */
	IORT_REVISION_E_E = 6, /* the flag for the DeviceID mapping of an SMMUv3 */
	IORT_REVISION_E_G = 7, /* wire bridges */
	IORT_REVISION_LAST = IORT_REVISION_E_G,
};

#define IORT_HEAD_LENGTH    48
#define IORT_NODE_LENGTH    16
#define IORT_MAPPING_LENGTH 20u

/* The length of a node has 16 bits. */
#define IORT_MAX_NODE_LENGTH 65535u

/*
 * Limit of nodes, mappings and array elements: above any real machine, and small enough to keep as
 * records.
 */
#define IORT_MAX_RECORDS ((size_t)1 << 18)

/* Limit of reserved memory objects read from RMR nodes. Each has its memory once per ID mapping. */
#define IORT_MAX_MEMORIES ((size_t)1 << 16)

/* Linux trusts the node count: it checks only that each node begins before the end of the table. */
struct iort_head {
	struct acpi_header acpi;
	uint32_t node_count, node_offset, reserved;
};

/* The head of every node. */
struct iort_node {
	uint8_t type;
	uint16_t length;
	uint8_t revision;
	uint32_t identifier, mapping_count, mapping_offset;
};

enum { IORT_MAPPING_SINGLE = 1 };

/*
 * Input IDs [input_base, input_base + id_count] map to output IDs from output_base on, at the node
 * at output_reference.
 */
struct iort_mapping {
	uint32_t input_base;
	uint32_t id_count; /* the number of IDs less one */
	uint32_t output_base, output_reference, flags;
};

/* its_count identifiers follow the fields. All other arrays have an offset. */
struct iort_its_group {
	struct iort_node node;
	uint32_t its_count;
};

struct iort_its {
	uint32_t identifier;
};

enum {
	IORT_MEMORY_CPM = 1,
	IORT_MEMORY_DACS = 2,
	IORT_MEMORY_DEFAULT = IORT_MEMORY_CPM | IORT_MEMORY_DACS, /* of coherent devices */
};

/* Address size limit of a device without a limit. */
#define IORT_ADDRESS_BITS 64

/* Memory access properties. */
struct iort_memory {
	uint32_t cache_coherent;
	uint8_t hints;
	uint16_t reserved;
	uint8_t flags;
};

enum { IORT_COMPONENT_STALL = 1, IORT_COMPONENT_PASID_SHIFT = 1, IORT_COMPONENT_PASID_MASK = 0x1f };

/*
 * The object path follows, NUL-terminated. Linux compares it as a string, so names must keep their
 * trailing underscores.
 */
struct iort_named_component {
	struct iort_node node;
	uint32_t flags;
	struct iort_memory memory;
	uint8_t address_limit;
};

enum { IORT_ATS = 1, IORT_PRI = 2, IORT_PASID_FORWARD = 4, IORT_PASID_WIDTH = 0x1f };
enum { IORT_PASID_SUPPORTED = 1 };

struct iort_root_complex {
	struct iort_node node;
	struct iort_memory memory;
	uint32_t ats, segment;
	uint8_t address_limit;
	uint8_t reserved[3]; /* before node revision 4 */
	uint16_t pasid;
	uint8_t reserved_pasid;
	uint32_t flags;
};

enum { IORT_SMMU_V2_DVM = 1, IORT_SMMU_V2_COHERENT = 2 };

/*
 * Three interrupt arrays follow. The global interrupts have no count: there is always one element.
 */
struct iort_smmu_v2 {
	struct iort_node node;
	uint64_t base, span;
	uint32_t model, flags, global_offset;
	uint32_t context_count, context_offset, pmu_count, pmu_offset;
};

struct iort_global_interrupts {
	uint32_t fault, fault_flags, configuration, configuration_flags;
};

struct iort_interrupt {
	uint32_t gsiv, flags;
};

enum {
	IORT_SMMU_V3_COHERENT = 1,
	IORT_SMMU_V3_DOMAIN = 1 << 3,
	IORT_SMMU_V3_DEVICE_ID = 1 << 4,
};

/* First node revision in which the flag says whether there is a DeviceID mapping. */
#define IORT_SMMU_V3_WITH_FLAG 5

/* A model without page 1 of the registers, with one interrupt for everything. */
#define IORT_SMMU_V3_THUNDER_X2 2u

/*
 * In Linux, a GSIV of 0 means no interrupt. If one is 0 and the node revision is below 5, Linux
 * uses the mapping at the DeviceID index for the SMMU's own MSIs only, not for endpoints.
 */
struct iort_smmu_v3 {
	struct iort_node node;
	uint64_t base;
	uint32_t flags, reserved;
	uint64_t vatos;
	uint32_t model, event, pri, gerr, sync, proximity_domain, device_id_mapping;
};

struct iort_pmcg {
	struct iort_node node;
	uint64_t page_0;
	uint32_t overflow, node_reference;
	uint64_t page_1;
};

/* Mappings and descriptors come in either order, depending on the generator. */
struct iort_rmr {
	struct iort_node node;
	uint32_t flags, descriptor_count, descriptor_offset;
};

/* Device memory of four kinds, then normal memory: non-cacheable, write-back. */
#define IORT_RMR_ATTRIBUTES(flags) ((flags) >> 2 & 0xffu)
#define IORT_RMR_ATTRIBUTES_LAST   5u

/* Base and length of an RMR descriptor are multiples of this. */
#define IORT_RMR_GRANULE 0x10000u

struct iort_rmr_descriptor {
	uint64_t base, length;
	uint32_t reserved;
};

struct iort_iwb {
	struct iort_node node;
	uint64_t base;
	uint16_t index;
};

/* A virtio-iommu on PCI. The node may end behind the device ID. */
struct iort_virtio_pci {
	struct iort_node node;
	uint32_t device_id; /* segment << 16 | BDF */
	uint8_t reserved[12];
	uint32_t model, flags;
	uint8_t reserved_end[16];
};

enum { IORT_VIRTIO_COHERENT = 1 };

struct iort_virtio_mmio {
	struct iort_node node;
	uint64_t base, span, flags;
	uint64_t interrupt; /* GSIV, and the trigger mode from bit 32 on */
};

/* -- layouts (layout.c) ---------------------------------------------------------- */

extern const struct layout iort_head_layout, iort_mapping_layout, iort_its_layout,
	iort_global_interrupts_layout, iort_interrupt_layout, iort_pmu_interrupt_layout,
	iort_rmr_descriptor_layout;

/*
 * The layout of a node of that type and revision, whose arrays leave `room` bytes for its fields:
 * some nodes grew over the revisions. An unknown type has the layout of a node's head. If `room` is
 * less than the shortest layout of the type, that one.
 */
const struct layout *iort_layout(uint64_t type, unsigned revision, size_t room);

/* -- arrays (arrays.c) ----------------------------------------------------------- */

/* An array of a node, as the node's fields describe it. */
struct iort_array {
	const char *name;
	const struct layout *layout; /* of one element */
	uint64_t at, n;              /* offset from the start of the node; number of elements */
};

#define IORT_MAX_ARRAYS 4

/*
 * Fill `arrays` with the non-empty arrays of the node, sorted by offset. Returns how many there
 * are.
 */
size_t iort_arrays(const struct record *node, struct iort_array *arrays);

/* The name of the text behind the fields of a node of that type, or NULL if there is none. */
const char *iort_text_name(uint64_t type);

/* -- nodes ----------------------------------------------------------------------- */

/* Is the table inside a VIOT of 2019? Only there are nodes of virtio-iommus valid. */
static inline bool iort_is_wrapped(const struct viommu_table *table)
{
	return table->base;
}

static inline bool iort_is_iommu(unsigned type)
{
	return type == IORT_SMMU_V2 || type == IORT_SMMU_V3 || type == IORT_VIRTIO_PCI ||
	       type == IORT_VIRTIO_MMIO;
}

/* The type of a decoded node; IORT_UNKNOWN for bytes, too. */
static inline unsigned iort_type_of(const struct record *record)
{
	return record->layout ? record->layout->type : IORT_UNKNOWN;
}

static inline const struct iort_node *iort_node_of(const struct record *record)
{
	return record->host;
}

/* The i-th ID mapping of a node, or NULL. */
const struct iort_mapping *iort_mapping_of(const struct record *node, size_t i);

/* The record of the object name, or NULL; and the name, to be freed with memory_free(). */
const struct record *iort_text_of(const struct record *node);
char *iort_text(const struct record *node);

/* The next child with that layout from the i-th on, or NULL. Sets `i` behind it. */
const struct record *iort_next(const struct record *node, const struct layout *layout, guint *i);

/* The next node, of known or unknown type. Skips bytes that are no node. */
const struct record *iort_next_node(const struct viommu_table *table, guint *i);

/* The identifier of the SMMUv3 with these registers; false: the table has none there. */
bool iort_find_smmu_v3(const struct viommu_table *table, uint64_t base, uint32_t *ret_identifier);

/* All nodes by offset, to be freed with hash_free(). */
struct hash *iort_index(const struct viommu_table *table);

/*
 * Does the SMMUv3 have an ID mapping for its own MSIs? Same decision as Linux: before node
 * revision 5, an SMMUv3 with all four interrupts has none.
 */
bool iort_has_device_id_mapping(const struct iort_smmu_v3 *smmu);

/* check.c, read.c, write.c */
extern const struct table_rule iort_rules[];
struct viommu_topology *iort_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
void iort_read_header(const struct viommu_table *table, struct viommu_table_header *header);
bool iort_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);

/* Does that IORT have a node for the IOMMU? */
bool iort_has_node(const struct viommu_table *table, const struct viommu_iommu *iommu);

/* linux.c */
linux_reader linux_iort;

#endif
