/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DMAR_H
#define VIOMMU_TABLES_DMAR_H

#include "tables/model/topology.h"
#include "tables/table/format.h"

/*
 * DMAR structures as the readers, writers and checks see them: members in the order of the
 * specification. layout.c has their rows.
 */

enum dmar_type {
	DMAR_DRHD = 0, /* remapping unit */
	DMAR_RMRR = 1, /* memory that devices use before they have a driver */
	DMAR_ATSR = 2, /* root ports that forward ATS requests */
	DMAR_RHSA = 3, /* proximity domain of a unit */
	DMAR_ANDD = 4, /* number and name of a device of the ACPI namespace */
	DMAR_SATC = 5, /* functions of the SoC with an address translation cache */
	DMAR_SIDP = 6, /* functions of the SoC with special properties */

	/* Only in a table inside a VIOT of 2019: virtio-iommus (docs/tables.md). */
	DMAR_VIRTIO_PCI = 0x80,
	DMAR_VIRTIO_MMIO = 0x81,

	DMAR_UNKNOWN = LAYOUT_UNKNOWN, /* for bytes, too */
};

enum dmar_scope_type {
	DMAR_SCOPE_ENDPOINT = 1,
	DMAR_SCOPE_BRIDGE = 2, /* with everything below it */
	DMAR_SCOPE_IOAPIC = 3,
	DMAR_SCOPE_HPET = 4,
	DMAR_SCOPE_NAMESPACE = 5,
};

#define DMAR_HEAD_LENGTH 48

/* The width in the head is the number of bits less one. Linux requires a page. */
#define DMAR_MIN_WIDTH 11

#define DMAR_INCLUDE_PCI_ALL 0x1
#define DMAR_ALL_PORTS       0x1
#define DMAR_ATC_REQUIRED    0x1

#define DMAR_INTR_REMAP 0x1

/* Flags of virtio-iommus, beside INCLUDE_PCI_ALL. */
#define DMAR_COHERENT   0x2
#define DMAR_HAS_DOMAIN 0x4

/* Largest device and function of a hop; and how many scopes fit into the length of a structure. */
#define DMAR_MAX_DEVICE   31
#define DMAR_MAX_FUNCTION 7
#define DMAR_MAX_SCOPES   8192

/* The register window has DMAR_PAGE << size bytes. */
#define DMAR_PAGE      0x1000u
#define DMAR_SIZE_MASK 0xf

/* Where the object name begins in an ANDD. */
#define DMAR_ANDD_NAME_AT 8

struct dmar_head {
	struct acpi_header acpi;
	uint8_t width, flags;
	uint8_t reserved[10];
};

/* The head of every structure. */
struct dmar_node {
	uint16_t type, length;
};

/*
 * The size was reserved in old tables: 0 is one page of registers. A virtio-iommu has other members
 * behind the flags, of which its layout selects those of its transport.
 */
struct dmar_drhd {
	struct dmar_node node;
	uint8_t flags, size;
	uint16_t segment;
	uint64_t base;

	uint64_t span;
	uint32_t interrupt, proximity_domain;
	uint16_t bdf, reserved;
};

/* The limit is the last byte of the region. */
struct dmar_rmrr {
	struct dmar_node node;
	uint16_t reserved, segment;
	uint64_t base, limit;
};

/* ATSR, SATC and SIDP. They differ in the meaning of the flags. */
struct dmar_ports {
	struct dmar_node node;
	uint8_t flags, reserved;
	uint16_t segment;
};

/* Refers to a unit by the base of its registers. Linux searches only the units that precede it. */
struct dmar_rhsa {
	struct dmar_node node;
	uint32_t reserved;
	uint64_t base;
	uint32_t proximity_domain;
};

/* The object name follows, as a record of its own. */
struct dmar_andd {
	struct dmar_node node;
	uint8_t reserved[3], number;
};

/* The hops of the path follow, as records of their own. */
struct dmar_scope {
	uint8_t type, length, flags, reserved, number, bus;
};

/*
 * Device and function of one hop: the first on the start bus of the scope, each next one behind
 * the bridge that the previous hop names.
 */
struct dmar_hop {
	uint8_t device, function;
};

/* The layout of a structure of that type; an unknown type has that of a structure's head. */
const struct layout *dmar_layout(uint64_t type);
extern const struct layout dmar_head_layout, dmar_scope_layout, dmar_hop_layout;

/* The type of a decoded structure; DMAR_UNKNOWN for bytes, too. */
static inline unsigned dmar_type_of(const struct record *record)
{
	return record->layout ? record->layout->type : DMAR_UNKNOWN;
}

/* Is the structure a virtio-iommu; is it any IOMMU? */
static inline bool dmar_is_virtio(const struct record *record)
{
	unsigned type = dmar_type_of(record);

	return type == DMAR_VIRTIO_PCI || type == DMAR_VIRTIO_MMIO;
}

static inline bool dmar_is_unit(const struct record *record)
{
	return dmar_type_of(record) == DMAR_DRHD || dmar_is_virtio(record);
}

/* The i-th decoded scope of a structure; NULL behind the last. */
const struct record *dmar_scope(const struct record *structure, size_t i);

/* The number of hops in a scope's path; the i-th of them, which must exist. */
size_t dmar_hops(const struct record *scope);
const struct dmar_hop *dmar_hop(const struct record *scope, size_t i);

/* The object name of an ANDD; NULL without a NUL inside the structure. */
const char *dmar_object_name(const struct record *andd);

/* check.c, rejections.c, read.c, write.c */
extern const struct table_rule dmar_rules[];
extern const struct table_rejection dmar_rejections[];
struct viommu_topology *dmar_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
void dmar_read_header(const struct viommu_table *table, struct viommu_table_header *header);
bool dmar_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);

/* What a DMAR cannot describe: platform devices without a name, memory that is no RMRR. */
bool dmar_cannot_name(const void *device);
bool dmar_is_no_rmrr(const void *memory);

/* Does the table describe the IOMMU? Virtio-iommus are in a table inside a VIOT of 2019 only. */
static inline bool dmar_describes(const struct viommu_table *table,
				  const struct viommu_iommu *iommu)
{
	return iommu->kind == VIOMMU_VTD || (table->base && iommu_is_virtio(iommu));
}

/* linux.c */
linux_reader linux_dmar;

#endif
