/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_API_UNSUPPORTED_H
#define VIOMMU_TABLES_API_UNSUPPORTED_H

#include "tables/table/format.h"

/* Report what the table, which is not written yet, cannot describe of the topology. */
void report_unsupported(const struct viommu_table *table, const struct viommu_topology *topology,
			struct viommu_findings *findings);

#endif
