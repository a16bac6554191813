/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_API_UNSUPPORTED_H
#define VIOMMU_TABLES_API_UNSUPPORTED_H

#include "tables/table/format.h"

/* Reports what a table cannot describe, by the rows of its format */

/* Call this before the table is written. */
void report_unsupported(const struct viommu_table *table, const struct viommu_topology *topology,
			struct viommu_findings *findings);

#endif
