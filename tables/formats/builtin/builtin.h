/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_BUILTIN_H
#define VIOMMU_TABLES_BUILTIN_H

#include "base/array.h"
#include "tables/table/format.h"

/* The forms of a built-in topology. Their differences are data, and all forms share the code. */

/* An item of any form: each form has rows for some of the members, at its own offsets. */
struct builtin_item {
	uint8_t type8, reserved8; /* of the third form */
	uint16_t type16;          /* of the first two forms */
	uint16_t length, next;
	uint16_t segment_first, segment_last, bdf_first, bdf_last;
	uint32_t id;
	uint64_t address;
	uint8_t reserved[2];
	uint64_t order; /* the position in the order of readers; not in the bytes */
};

/* Finds the items in the order in which a reader of the form visits them. */
struct builtin_walk {
	const struct viommu_table *table;
	const uint8_t *bytes;
	size_t end;
	struct viommu_findings *findings;
	struct array *items; /* of struct builtin_extent, in that order */
};

/* The bytes of an item. */
struct builtin_extent {
	size_t at, length, order;
};

/* `format` is the first member, so that the format of such a table is a form. */
struct builtin_form {
	struct format format;
	const struct layout *range, *endpoint, *unknown;
	void (*walk)(struct builtin_walk *walk);
	uint8_t type_length; /* bytes of an item's type, which is its first field */
	uint8_t alignment;   /* of the first item */
	uint32_t max_items;
};

extern const struct builtin_form builtin_v1, builtin_v2, builtin_v3, builtin_v3_segments;

/* The form of a table that is a built-in topology. */
static inline const struct builtin_form *builtin_form(const struct viommu_table *table)
{
	return (const struct builtin_form *)table->format;
}

/* The layout of an item of that type; an unknown type has that of the common fields. */
const struct layout *builtin_layout(const struct builtin_form *form, uint64_t type);

/* A field of the head by name; 0, or no effect, if the form lacks it. */
uint64_t builtin_head(const struct viommu_table *table, const char *name);
void builtin_set_head(struct viommu_table *table, const char *name, uint64_t value);

/* walk.c: a list by offsets, an array, a sequence; and decoding. */
void builtin_walk_list(struct builtin_walk *walk);
void builtin_walk_array(struct builtin_walk *walk);
void builtin_walk_sequence(struct builtin_walk *walk);
void builtin_decode(struct viommu_table *table, const uint8_t *bytes, size_t length,
		    struct viommu_findings *findings);

/* check.c, read.c, write.c */
extern const struct table_rule builtin_rules[];
struct viommu_topology *builtin_read(const struct viommu_table *table,
				     struct viommu_findings *findings);
bool builtin_describes(const struct viommu_table *table, const struct viommu_iommu *iommu);
bool builtin_write(struct viommu_table *table, const struct viommu_topology *topology,
		   struct viommu_findings *findings);

#endif
