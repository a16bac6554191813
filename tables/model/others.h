/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_TABLES_MODEL_OTHERS_H
#define VIOMMU_TABLES_MODEL_OTHERS_H

#include <viommu/topology.h>

/* What systems other than Linux do with the table of a topology */

/* Sentences with static storage, at most OTHERS_MAX: viommu_topology_other_system(). */
#define OTHERS_MAX 8
void topology_add_other_system(struct viommu_topology *topology, const char *text);

#endif
