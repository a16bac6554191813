/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DMAR_H
#define VIOMMU_TABLES_DMAR_H

#include "tables/table/format.h"

/*
 * The structures of DMAR as the files that read, check and make one see them: members in the order
 * of the specification. Their rows are in dmar.c.
 */

enum dmar_type {
	DMAR_DRHD = 0, /* a remapping unit */
	DMAR_RMRR = 1, /* memory that devices use before there is a driver */
	DMAR_ATSR = 2, /* root ports that forward address translation requests */
	DMAR_RHSA = 3, /* the proximity domain of a unit */
	DMAR_ANDD = 4, /* a device of the ACPI namespace, and its number */
	DMAR_SATC = 5, /* functions of the SoC that have an address translation cache */
	DMAR_SIDP = 6, /* functions of the SoC with properties of their own */

	DMAR_UNKNOWN = LAYOUT_UNKNOWN, /* bytes as well */
};

enum dmar_scope_type {
	DMAR_SCOPE_ENDPOINT = 1,
	DMAR_SCOPE_BRIDGE = 2, /* and everything below it */
	DMAR_SCOPE_IOAPIC = 3,
	DMAR_SCOPE_HPET = 4,
	DMAR_SCOPE_NAMESPACE = 5,
};

#define DMAR_HEAD_LENGTH 48

/* Widths in the head count from 1; Linux wants room for a page at least. */
#define DMAR_MIN_WIDTH 11

#define DMAR_INCLUDE_PCI_ALL 0x1
#define DMAR_ALL_PORTS       0x1
#define DMAR_ATC_REQUIRED    0x1

#define DMAR_INTR_REMAP 0x1

/* What a hop can be, and how many scopes the length of a structure leaves room for. */
#define DMAR_MAX_DEVICE   31
#define DMAR_MAX_FUNCTION 7
#define DMAR_MAX_SCOPES   8192

/* Registers have this many bytes, times two to the power of what size says. */
#define DMAR_PAGE      0x1000u
#define DMAR_SIZE_MASK 0xf

struct dmar_head {
	struct acpi_header acpi;
	uint8_t width, flags;
	uint8_t reserved[10];
};

/* Every structure begins with these. */
struct dmar_node {
	uint16_t type, length;
};

/* The size was reserved once, and is 0 in old tables: one page of registers. */
struct dmar_drhd {
	struct dmar_node node;
	uint8_t flags, size;
	uint16_t segment;
	uint64_t base;
};

/* The limit is the last byte of the region, so what is aligned to pages ends in fff. */
struct dmar_rmrr {
	struct dmar_node node;
	uint16_t reserved, segment;
	uint64_t base, limit;
};

/* ATSR, SATC and SIDP differ in what their flags mean. */
struct dmar_ports {
	struct dmar_node node;
	uint8_t flags, reserved;
	uint16_t segment;
};

/*
 * It finds its unit by the base of its registers, among units that stand before it: Linux looks no
 * further.
 */
struct dmar_rhsa {
	struct dmar_node node;
	uint32_t reserved;
	uint64_t base;
	uint32_t proximity_domain;
};

/* The name that follows is a record of its own. */
struct dmar_andd {
	struct dmar_node node;
	uint8_t reserved[3], number;
};

/* Hops of its path are records of its own. */
struct dmar_scope {
	uint8_t type, length, flags, reserved, number, bus;
};

/*
 * A device and function on a bus that is not named: the first is on that of the scope, and each
 * next one behind the bridge that the one before it is.
 */
struct dmar_hop {
	uint8_t device, function;
};

/* The rows of a structure of that type; those of a structure's head for a type not known. */
const struct layout *dmar_layout(uint64_t type);
extern const struct layout dmar_head_layout, dmar_scope_layout, dmar_hop_layout;

/* The type of a structure that was decoded whole, or DMAR_UNKNOWN. */
static inline unsigned dmar_type_of(const struct record *record)
{
	return record->layout ? record->layout->type : DMAR_UNKNOWN;
}

/* The i-th structure, or NULL behind the last; the i-th of a structure's scopes that are whole. */
const struct record *dmar_structure(const struct viommu_table *table, size_t i);
const struct record *dmar_scope(const struct record *structure, size_t i);

#define for_each_structure(record, table) \
	for (size_t i_ = 0; ((record) = dmar_structure(table, i_)); i_++)

/* How many hops a scope's path has; the i-th of them. */
size_t dmar_hops(const struct record *scope);
const struct dmar_hop *dmar_hop(const struct record *scope, size_t i);

/* The object's name in an ANDD, or NULL if it has no end inside the structure. */
const char *dmar_object_name(const struct record *andd);

/* dmar_check.c, dmar_read.c, dmar_write.c */
extern const struct table_rule dmar_rules[];
struct viommu_topology *dmar_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
void dmar_read_header(const struct viommu_table *table, struct viommu_table_header *header);
bool dmar_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);

/* linux.c */
linux_reader linux_dmar;

#endif
