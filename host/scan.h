/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_SCAN_H
#define VIOMMU_HOST_SCAN_H

#include "model.h"
#include "tree.h"

/*
 * The parts of a scan, in their order: what sysfs says, then what the tables say, then whether
 * these agree
 */
void scan_iommus(struct viommu_host *host, struct tree *tree);
void scan_devices(struct viommu_host *host, struct tree *tree);
void scan_groups(struct viommu_host *host, struct tree *tree);
void scan_nodes(struct viommu_host *host, struct tree *tree);

/* Read tables, and choose the one that IOMMUs are found by. */
void scan_tables(struct viommu_host *host, struct tree *tree);

/* Links between the objects, once all are there and sorted. */
void connect_all(struct viommu_host *host, struct tree *tree);

/* What the tables say of each IOMMU and each device. */
void join_all(struct viommu_host *host);

/* Findings where sysfs contradicts itself or the tables. */
void compare_all(struct viommu_host *host, struct tree *tree);

#endif
