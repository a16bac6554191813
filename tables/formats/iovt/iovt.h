/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IOVT_H
#define VIOMMU_TABLES_IOVT_H

#include "tables/table/format.h"

/*
 * IOVT structures, with members in the order of the specification. Their rows are in layout.c.
 *
 * A node is an IOMMU; behind its fixed part are its device entries, which have a type and a length
 * of their own.
 */

enum { IOVT_IOMMU = 0 };

/* Flags of an IOMMU. */
enum { IOVT_PCI = 1, IOVT_DOMAIN = 2, IOVT_WHOLE_SEGMENT = 4 };

/* Types of device entries: one function, and both ends of a range. */
enum { IOVT_SINGLE = 0, IOVT_START = 1, IOVT_END = 2 };

#define IOVT_HEAD_LENGTH 48
#define IOVT_MAX_RECORDS ((size_t)1 << 18)

struct iovt_head {
	struct acpi_header acpi;
	uint16_t iommu_count, iommu_offset;
	uint8_t reserved[8];
};

struct iovt_iommu {
	uint16_t type, length;
	uint32_t flags;
	uint16_t segment, physical_width, virtual_width, page_levels;
	uint64_t page_sizes;
	uint32_t device_id;
	uint64_t base;
	uint32_t span;
	uint8_t interrupt_type, reserved[3];
	uint32_t gsi, proximity_domain, device_count, entry_count, entry_offset;
};

struct iovt_entry {
	uint8_t type, length, flags, reserved[3];
	uint16_t bdf;
};

/* layout.c. An unknown type has the layout of a head. */
extern const struct layout iovt_head_layout;
const struct layout *iovt_layout(uint64_t type);
const struct layout *iovt_entry_layout(uint64_t type);

static inline bool iovt_is_iommu(const struct record *record)
{
	return record->layout && record->layout->type == IOVT_IOMMU;
}

/* The functions [first, last] of one entry, or of a start and its end. */
struct iovt_range {
	const struct record *entry; /* the first of them */
	uint16_t first, last;
	const char *wrong; /* NULL: it is valid */
};

/* entries.c. The next range from the i-th child of the IOMMU on; false: there is none. */
bool iovt_next_range(const struct record *iommu, guint *i, struct iovt_range *ret_range);

/* check.c, read.c, linux.c */
extern const struct table_rule iovt_rules[];
struct viommu_topology *iovt_read(const struct viommu_table *table,
				  struct viommu_findings *findings);
linux_reader linux_iovt;

#endif
