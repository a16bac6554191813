/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_OTHERS_H
#define VIOMMU_TABLES_OTHERS_H

#include "format.h"

/*
 * What other systems do with a table, where Linux does something else: a sentence with static
 * storage, and the structure that it is about; NULL if the sentence does not hold. Behind the last
 * a NULL text.
 */
struct other_reader {
	const char *text;
	const struct record *(*applies)(const struct viommu_table *table);
};

/* Of each format that other systems read otherwise (formats/<table>/others.c). */
extern const struct other_reader dmar_others[], ivrs_others[];

/* A note for each row that applies. */
void check_others(const struct table_check *check, const struct other_reader *others);

#endif
