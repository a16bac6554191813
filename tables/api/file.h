/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_API_FILE_H
#define VIOMMU_TABLES_API_FILE_H

#include <viommu/tables.h>

/* The work of the public function of this name (tables/public/). */
int topology_from_file(const char *path, struct viommu_findings *findings,
		       struct viommu_topology **ret_topology);

#endif
