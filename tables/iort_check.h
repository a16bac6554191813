/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_IORT_CHECK_H
#define VIOMMU_TABLES_IORT_CHECK_H

#include "iort.h"

/* What the files that check an IORT share. The list of all rules is in iort_check.c. */

/* Look at every node of that type. */
typedef void iort_look(const struct table_check *check, const struct record *node);
void iort_each(const struct table_check *check, unsigned type, iort_look *look);

static inline struct viommu_place iort_place(const struct table_check *check,
					     const struct record *record, const char *field_name)
{
	return table_place_of(check->table, record, field_name);
}

/* iort_check_rmr.c */
void iort_check_rmr_revision(const struct table_check *check);
void iort_check_rmr_empty(const struct table_check *check);
void iort_check_rmr_align(const struct table_check *check);
void iort_check_rmr_overlap(const struct table_check *check);
void iort_check_rmr_one_id(const struct table_check *check);

/* iort_check_map.c */
void iort_check_references(const struct table_check *check);
void iort_check_null_references(const struct table_check *check);
void iort_check_reference_kinds(const struct table_check *check);
void iort_check_cycles(const struct table_check *check);
void iort_check_device_id_mappings(const struct table_check *check);
void iort_check_single(const struct table_check *check);
void iort_check_wrap(const struct table_check *check);
void iort_check_beyond(const struct table_check *check);
void iort_check_overlap(const struct table_check *check);
void iort_check_id_counts(const struct table_check *check);

#endif
