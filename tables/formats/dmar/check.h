/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_DMAR_CHECK_H
#define VIOMMU_TABLES_DMAR_CHECK_H

#include "dmar.h"

/* Shared by the checks of a DMAR */

/* The place of a field, in the table being checked. */
static inline struct viommu_place dmar_place_of(const struct table_check *check,
						const struct record *record, const char *field_name)
{
	return table_place_of(check->table, record, field_name);
}

/* check_scope.c; check.c has the list of all rules. */
void dmar_check_scope_types(const struct table_check *check);
void dmar_check_scope_places(const struct table_check *check);
void dmar_check_paths(const struct table_check *check);
void dmar_check_unnamed_scopes(const struct table_check *check);
void dmar_check_unused_names(const struct table_check *check);

/* check_across.c */
void dmar_check_names_twice(const struct table_check *check);
void dmar_check_handles_twice(const struct table_check *check);
void dmar_check_affinities_twice(const struct table_check *check);
void dmar_check_object_paths(const struct table_check *check);
void dmar_check_segments(const struct table_check *check);
void dmar_check_addresses(const struct table_check *check);
void dmar_check_sizes(const struct table_check *check);
void dmar_check_graphics(const struct table_check *check);
void dmar_check_start_buses(const struct table_check *check);

#endif
