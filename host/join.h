/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_JOIN_H
#define VIOMMU_HOST_JOIN_H

#include "model.h"

/* How many IOMMUs of sysfs a topology has too. */
size_t join_count(const struct viommu_host *host, const struct viommu_topology *topology);

/* The IOMMU of sysfs that is this one of the host's topology; NULL: none. */
const struct viommu_host_iommu *join_back(const struct viommu_host *host,
					  const struct viommu_iommu *iommu);

#endif
