/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "iommu.h"

/* The configuration space, and virtio's copy of it */

void config_get(VirtIODevice *virtio, uint8_t *bytes)
{
	viommu_config_read(VIOMMU_DEVICE(virtio)->core, 0, bytes, virtio->config_len);
}

void config_refresh(struct iommu *iommu)
{
	config_get(&iommu->virtio, iommu->virtio.config);
}
