/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_CONFIG_H
#define VIOMMU_HOST_CONFIG_H

#include "model.h"
#include "tree.h"

/* Fill in what the configuration space of a function says; its folder is open. */
void config_scan(struct tree *tree, const struct folder *folder, struct viommu_host_device *device);

#endif
