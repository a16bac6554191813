/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IORT_H
#define VIOMMU_TABLES_IORT_H

#include "tables/table/format.h"

/*
 * The structures of IORT as the files that read, check and make one see them: members in the
 * order of the specification. Their rows are in iort_layout.c.
 *
 * A node is a fixed part and arrays behind it, which its fields give the place and the number
 * of. So a node's record has the fixed part, and a child for every element.
 */

enum iort_type {
	IORT_ITS_GROUP = 0,
	IORT_NAMED_COMPONENT = 1,
	IORT_ROOT_COMPLEX = 2,
	IORT_SMMU_V2 = 3, /* and version 1: the model tells */
	IORT_SMMU_V3 = 4,
	IORT_PMCG = 5,
	IORT_RMR = 6,
	IORT_IWB = 7,

	/* Never published, and in one draft used in a table that wraps this one. */
	IORT_VIRTIO_PCI = 0x80,
	IORT_VIRTIO_MMIO = 0x81,

	IORT_UNKNOWN = LAYOUT_UNKNOWN, /* beyond what a type can be: none is the right one */
};

/* Revisions of the table with which a field or a node came. */
enum iort_revision {
	IORT_REVISION_D = 0,
	IORT_REVISION_E_B = 3, /* identifiers, RMR nodes */
	IORT_REVISION_E_D = 5, /* RMR nodes as Linux reads them */
	IORT_REVISION_E_E = 6, /* the flag for the DeviceID mapping of an SMMUv3 */
	IORT_REVISION_LAST = 7,
};

#define IORT_HEAD_LENGTH    48
#define IORT_NODE_LENGTH    16
#define IORT_MAPPING_LENGTH 20u

/* What the length of a node can say. */
#define IORT_MAX_NODE_LENGTH 65535u

/* More than any machine has, and few enough to be held as records. */
#define IORT_MAX_RECORDS ((size_t)1 << 18)

/* As many pieces of memory may RMR nodes come to, which have them for each of their ID mappings. */
#define IORT_MAX_MEMORIES ((size_t)1 << 16)

/*
 * Readers go by the number of nodes, and need it right: Linux checks only that each begins before
 * the end of the table.
 */
struct iort_head {
	struct acpi_header acpi;
	uint32_t node_count, node_offset, reserved;
};

/* Every node begins with these. */
struct iort_node {
	uint8_t type;
	uint16_t length;
	uint8_t revision;
	uint32_t identifier, mapping_count, mapping_offset;
};

enum { IORT_MAPPING_SINGLE = 1 };

/* IDs that come in, [input_base, input_base + id_count], and as which they go out, and where. */
struct iort_mapping {
	uint32_t input_base;
	uint32_t id_count; /* one less than there are */
	uint32_t output_base, output_reference, flags;
};

/* As many identifiers follow as are counted here, the only array without an offset of its own. */
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
	IORT_MEMORY_DEFAULT = IORT_MEMORY_CPM | IORT_MEMORY_DACS, /* of what is coherent */
};

/* An address size limit of this much is none. */
#define IORT_ADDRESS_BITS 64

/* What the accesses of a device look like. */
struct iort_memory {
	uint32_t cache_coherent;
	uint8_t hints;
	uint16_t reserved;
	uint8_t flags;
};

enum { IORT_COMPONENT_STALL = 1, IORT_COMPONENT_PASID_SHIFT = 1, IORT_COMPONENT_PASID_MASK = 0x1f };

/*
 * The path of the object follows, up to its NUL, and is compared as a string: segments must keep
 * their trailing underscores.
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
	uint8_t reserved[3]; /* until node revision 3 */
	uint16_t pasid;
	uint8_t reserved_pasid;
	uint32_t flags;
};

enum { IORT_SMMU_V2_DVM = 1, IORT_SMMU_V2_COHERENT = 2 };

/* Interrupts are in three arrays, and the first of them has no count, since it is always one. */
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

/* The node revision from which the flag says whether there is a DeviceID mapping. */
#define IORT_SMMU_V3_WITH_FLAG 5

/*
 * Linux takes an interrupt of 0 for none. While one is 0 and the node older than revision 5, it
 * takes the mapping at the DeviceID index for the SMMU's own, and endpoints lose it.
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

/*
 * Mappings and descriptors may stand in either order: some producers write one first, some the
 * other.
 */
struct iort_rmr {
	struct iort_node node;
	uint32_t flags, descriptor_count, descriptor_offset;
};

/* What bases and lengths of RMR descriptors are multiples of. */
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

/* A virtio-iommu; the PCI one may end behind its device ID. */
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
	uint64_t interrupt; /* the GSIV, and from bit 32 on how it is triggered */
};

/* -- layouts (iort_layout.c) ----------------------------------------------------------- */

extern const struct layout iort_head_layout, iort_mapping_layout, iort_its_layout,
	iort_global_interrupts_layout, iort_interrupt_layout, iort_pmu_interrupt_layout,
	iort_rmr_descriptor_layout;

/*
 * The rows of a node of that type and revision, whose arrays leave `room` bytes for them: several
 * nodes grew over the revisions. NULL: there is no room for the shortest. What has no type that is
 * known has the rows of a node's head.
 */
const struct layout *iort_layout(uint64_t type, unsigned revision, size_t room);

/* -- arrays (iort_arrays.c) ---------------------------------------------------------------- */

/* The arrays of a node, which its fields tell of. */
struct iort_array {
	const char *name;
	const struct layout *layout; /* of an element */
	uint64_t at, n;              /* from the start of the node; how many */
};

#define IORT_MAX_ARRAYS 4

/* Puts them into `arrays` in the order of their bytes, those without elements left out. */
size_t iort_arrays(const struct record *node, struct iort_array *arrays);

/* Does the node have an object's name behind its fixed part? What it is called, or NULL. */
const char *iort_text_name(uint64_t type);

/* -- nodes ------------------------------------------------------------------------------- */

/* Is the table inside a VIOT of 2019? Only there are nodes of virtio-iommus at home. */
static inline bool iort_is_wrapped(const struct viommu_table *table)
{
	return table->base;
}

static inline bool iort_is_iommu(unsigned type)
{
	return type == IORT_SMMU_V2 || type == IORT_SMMU_V3 || type == IORT_VIRTIO_PCI ||
	       type == IORT_VIRTIO_MMIO;
}

/* The type of a node that was decoded whole; IORT_UNKNOWN, also for bytes. */
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

/* The record of an object's name, or NULL; and the name, to be freed with g_free(). */
const struct record *iort_text_of(const struct record *node);
char *iort_text(const struct record *node);

/* The next child with that layout, from the i-th on, which is set behind it; NULL: none. */
const struct record *iort_next(const struct record *node, const struct layout *layout, guint *i);

/* The next node whose fields are known, or an unknown one: whatever is no bytes. */
const struct record *iort_next_node(const struct viommu_table *table, guint *i);

/* All nodes by their offset, to be freed with g_hash_table_destroy(). */
GHashTable *iort_index(const struct viommu_table *table);

/*
 * Has the SMMUv3 an ID mapping for its own MSIs, as Linux decides it? Before the flag for that
 * came, one with all four interrupts needed none.
 */
bool iort_has_device_id_mapping(const struct iort_smmu_v3 *smmu);

/* Where nodes begin in a table that ends at `end`; behind the head if it says what cannot be. */
static inline size_t iort_first_node(const struct iort_head *head, size_t end)
{
	size_t at = head->node_offset;

	return at < IORT_HEAD_LENGTH || at > end ? IORT_HEAD_LENGTH : at;
}

/* iort_check.c, iort_read.c, iort_write.c */
extern const struct table_rule iort_rules[];
struct viommu_topology *iort_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
void iort_read_header(const struct viommu_table *table, struct viommu_table_header *header);
bool iort_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);

/* linux.c */
linux_reader linux_iort;

#endif
