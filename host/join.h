/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_JOIN_H
#define VIOMMU_HOST_JOIN_H

#include "model.h"

/* Joins the IOMMUs of sysfs with those of the tables */

/* The number of IOMMUs that are both in sysfs and in a topology. */
size_t join_count(const struct viommu_host *host, const struct viommu_topology *topology);

/* The IOMMU of sysfs for one in the topology of the host, or NULL. */
const struct viommu_host_iommu *join_back(const struct viommu_host *host,
					  const struct viommu_iommu *iommu);

#endif
