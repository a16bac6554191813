/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_LIST_H
#define VIOMMU_TABLES_LIST_H

#include "format.h"

/*
 * A table that is a head and structures behind it, each of fixed fields: SRAT, MADT, MCFG. A format
 * gives the framing and says which rows a structure has; the walk, its bounds and what is wrong
 * with lengths are the same for all of them.
 */
struct list {
	struct framing framing; /* of one byte each for type and length; no head: `step` alone */
	size_t step;            /* structures without a length have this many bytes; 0: they have */

	/* The rows of the structure there, of which at least the framing's head can be read. */
	const struct layout *(*layout)(const uint8_t *structure, uint64_t length);
};

void list_decode(const struct list *list, struct viommu_table *table, const uint8_t *bytes,
		 size_t length, struct viommu_findings *findings);

/* The i-th structure, or NULL behind the last; is it whole, with rows of this type? */
const struct record *list_structure(const struct viommu_table *table, size_t i);

static inline bool record_is(const struct record *record, const struct layout *layout)
{
	return record->layout == layout;
}

#define for_each_in_list(record, table) \
	for (size_t i_ = 0; ((record) = list_structure(table, i_)); i_++)

#endif
