/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_API_FORMATS_H
#define VIOMMU_TABLES_API_FORMATS_H

#include "tables/table/format.h"

/*
 * The function that resolves devices as Linux does for the table that the topology was read from,
 * or NULL.
 */
linux_reader *linux_reader_of(const struct viommu_topology *topology);

#endif
