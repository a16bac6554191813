/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VIOMMU_HOST_CONFIG_H
#define VIOMMU_HOST_CONFIG_H

#include "model.h"
#include "tree.h"

/* Decodes PCI configuration space into a device */

/* Fill in what configuration space defines. The folder of the device is open. */
void config_scan(struct tree *tree, const struct folder *folder, struct host_device *device);

#endif
