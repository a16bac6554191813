/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_RIMT_H
#define VIOMMU_TABLES_RIMT_H

#include "base/hash.h"
#include "tables/table/format.h"

/*
 * RIMT structures, with members in the order of the specification. Their rows are in layout.c.
 *
 * A node has a fixed part, and at most one array behind it whose offset and count are fields of the
 * node. The record of a node has the fixed part, and one child per element.
 */

enum rimt_type {
	RIMT_IOMMU = 0,
	RIMT_ROOT_COMPLEX = 1,
	RIMT_PLATFORM_DEVICE = 2,

	RIMT_UNKNOWN = LAYOUT_UNKNOWN, /* no type has this value */
};

#define RIMT_REVISION    1 /* of the table, and of every node */
#define RIMT_HEAD_LENGTH 48
#define RIMT_NODE_LENGTH 8

/* Limit of nodes and array elements, as for an IORT. */
#define RIMT_MAX_RECORDS ((size_t)1 << 18)

struct rimt_head {
	struct acpi_header acpi;
	uint32_t node_count, node_offset, reserved;
};

/* The head of every node. */
struct rimt_node {
	uint8_t type, revision;
	uint16_t length, reserved, identifier;
};

enum { RIMT_IOMMU_PCI = 1, RIMT_IOMMU_DOMAIN = 2 };

/*
 * An IOMMU is a platform device, found by its base address, or a PCI function, which has a vendor
 * and a device ID in place of the _HID.
 */
#define RIMT_HARDWARE_ID_LENGTH 8

/* Of generated tables, as in QEMU's: the RISC-V IOMMU of ACPI, and QEMU's on PCI. */
#define RIMT_HARDWARE_OF_WINDOW   "RSCV0004"
#define RIMT_HARDWARE_OF_FUNCTION "00100014"

struct rimt_iommu {
	struct rimt_node node;
	uint8_t hardware_id[RIMT_HARDWARE_ID_LENGTH];
	uint64_t base;
	uint32_t flags, proximity_domain;
	uint16_t segment, bdf, wire_count, wire_offset;
};

/* An interrupt wire of an IOMMU. */
struct rimt_wire {
	uint32_t number, flags;
};

enum { RIMT_ATS = 1, RIMT_PRI = 2 };

struct rimt_root_complex {
	struct rimt_node node;
	uint32_t flags;
	uint16_t reserved, segment, mapping_offset, mapping_count;
};

/* The object path follows, NUL-terminated. Linux compares it as a string. */
struct rimt_platform_device {
	struct rimt_node node;
	uint16_t mapping_offset, mapping_count;
};

/*
 * Source IDs from source_base on map to device IDs from device_base on, at the IOMMU node at
 * `iommu`, an offset in the table. The specification has the number of IDs in id_count; Linux
 * accepts one ID more.
 */
struct rimt_mapping {
	uint32_t source_base, id_count, device_base, iommu, flags;
};

/* -- layouts (layout.c) ---------------------------------------------------------- */

extern const struct layout rimt_head_layout, rimt_mapping_layout, rimt_wire_layout;

/* The layout of a node of that type; an unknown type has that of a node's head. */
const struct layout *rimt_layout(uint64_t type);

/* -- nodes (nodes.c) ------------------------------------------------------------- */

/* The array of a node, as the node's fields describe it. */
struct rimt_array {
	const char *name;
	const struct layout *layout; /* of one element; NULL: the type has no array */
	size_t at, n;                /* offset from the start of the node; number of elements */
};

struct rimt_array rimt_array_of(const struct record *node);

/* The type of a decoded node; RIMT_UNKNOWN for bytes, too. */
static inline unsigned rimt_type_of(const struct record *record)
{
	return record->layout ? record->layout->type : RIMT_UNKNOWN;
}

/* The next node from the i-th child of the table on, or NULL. Sets `i` behind it. */
const struct record *rimt_next_node(const struct viommu_table *table, guint *i);

/* The next ID mapping from the i-th child of the node on, or NULL. Sets `i` behind it. */
const struct record *rimt_next_mapping(const struct record *node, guint *i);

/* The next interrupt wire from the i-th child of the node on, or NULL. Sets `i` behind it. */
const struct record *rimt_next_wire(const struct record *node, guint *i);

/* The record of a platform device's path, or NULL; and the path, to be freed with memory_free(). */
const struct record *rimt_text_of(const struct record *node);
char *rimt_text(const struct record *node);

/* All nodes by offset, to be freed with hash_free(). */
struct hash *rimt_index(const struct viommu_table *table);

/* check.c */
extern const struct table_rule rimt_rules[];

#define RIMT_PATH_NAME "Object path"

/* write.c */
bool rimt_write(struct viommu_table *table, const struct viommu_topology *topology,
		struct viommu_findings *findings);

/* read.c, linux.c */
struct viommu_topology *rimt_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
linux_reader linux_rimt;

/* Of a range that has one ID more in Linux. */
#define RIMT_ONE_MORE "Linux counts one ID more in the ID mapping before, and takes that one"

/* check_mappings.c */
void rimt_check_references(const struct table_check *check);
void rimt_check_null_references(const struct table_check *check);
void rimt_check_wrap(const struct table_check *check);
void rimt_check_overlap(const struct table_check *check);
void rimt_check_id_counts(const struct table_check *check);

#endif
