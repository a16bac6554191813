/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_SCAN_H
#define VIOMMU_HOST_SCAN_H

#include "model.h"
#include "tree.h"

/* The steps of a scan, in order: read sysfs, read the tables, compare both */
void scan_iommus(struct viommu_host *host, struct tree *tree);
void scan_devices(struct viommu_host *host, struct tree *tree);
void scan_groups(struct viommu_host *host, struct tree *tree);
void scan_nodes(struct viommu_host *host, struct tree *tree);
void scan_egm(struct viommu_host *host, struct tree *tree);

/* Read the tables, and choose the topology. */
void scan_tables(struct viommu_host *host, struct tree *tree);

/* Set references between the objects, after all have been added and sorted. */
void connect_all(struct viommu_host *host, struct tree *tree);

/* Set the IOMMU that the tables give for each device. */
void join_all(struct viommu_host *host);

/* Report contradictions within sysfs, and between sysfs and the tables. */
void compare_all(struct viommu_host *host, struct tree *tree);

#endif
