/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_RULES_H
#define VIOMMU_TABLES_RULES_H

#include <viommu/tables.h>

/* Access to the rows of rules.c */

/* The row with that id, or NULL. */
const struct viommu_rule *rule_find(const char *id);

#endif
